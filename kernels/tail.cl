/* A tail by itself, over sums that lie where y is to be: for implementations that do not carry it out in their
 * stores. */
#include "tail.h"

/* Y as ROWS of PLANE elements of one channel each: item (part of the row, row) takes PART elements. */
__kernel void planes(__global float *y, TAIL_PARAMETERS, int rows, int channels, int plane, int part) {
    const tail_inputs tail = TAIL_INPUTS;
    const int begin = (int)get_global_id(0) * part, end = min(plane, begin + part), row = (int)get_global_id(1);
    if (begin >= end || row >= rows) return;
    const float bias = tail_bias_of(&tail, row % channels);
    const size_t first = (size_t)row * plane;
    int i = begin;
    for (; i + 16 <= end; i += 16)
        vstore16(tail16(&tail, vload16(0, y + first + i), (float16)(bias), first + i), 0, y + first + i);
    for (; i < end; i++) y[first + i] = tail1(&tail, y[first + i], bias, first + i);
}

/* Y as ROWS of CHANNELS elements: item (part of the row, row) takes PART elements. */
__kernel void columns(__global float *y, TAIL_PARAMETERS, int rows, int channels, int plane, int part) {
    const tail_inputs tail = TAIL_INPUTS;
    const int begin = (int)get_global_id(0) * part, end = min(channels, begin + part), row = (int)get_global_id(1);
    const size_t first = (size_t)row * channels;
    if (row >= rows) return;
    int i = begin;
    for (; i + 16 <= end; i += 16) {
        const float16 bias = tail.flags & TAIL_BIAS ? vload16(0, tail.bias + i) : (float16)(0.0f);
        vstore16(tail16(&tail, vload16(0, y + first + i), bias, first + i), 0, y + first + i);
    }
    for (; i < end; i++) y[first + i] = tail1(&tail, y[first + i], tail_bias_of(&tail, i), first + i);
}
