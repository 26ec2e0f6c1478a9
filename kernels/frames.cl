/* Frames of an axis, and their overlapping sum (src/ops/convolution/frames.c):
 *   x (N, channels, size, inner), frames y (N, frames, channels, length, inner): element t of frame p reads
 *   x[p * stride - before + t * dilation].
 *   ..._rows       an item for PART rows of the result and CHUNK elements of each
 *   ..._elements   an item for each element
 * Indices: elements of a row; frames: channels (times rows of a frame), overlap_add: places of the axis; the rest. */
#include "loose.h"

#define SIZES                                                                                                          \
    int lists, int channels, int size, int inner, int frames, int length, int stride, int before, int dilation,        \
        int chunk, int part

static inline void copy_row(const __global float *restrict from, __global float *restrict to, int count) {
    int i = 0;
    for (; i + 16 <= count; i += 16) GLOBAL_16(to + i) = READ_16(from + i);
    for (; i < count; i++) to[i] = from[i];
}

static inline void clear_row(__global float *to, int count) {
    int i = 0;
    for (; i + 16 <= count; i += 16) GLOBAL_16(to + i) = (float16)(0.0f);
    for (; i < count; i++) to[i] = 0.0f;
}

static inline void add_row(const __global float *restrict from, __global float *restrict to, int count) {
    int i = 0;
    for (; i + 16 <= count; i += 16) GLOBAL_16(to + i) = READ_16(to + i) + READ_16(from + i);
    for (; i < count; i++) to[i] += from[i];
}

__kernel void frames_rows(const __global float *restrict x, __global float *restrict y, SIZES) {
    const int first = (int)get_global_id(0) * chunk, count = min(chunk, inner - first);
    const int begin = (int)get_global_id(1) * part, end = min(begin + part, channels);
    const int list = (int)get_global_id(2), n = list / frames, p = list % frames;
    for (int c = begin; c < end; c++) {
        const __global float *axis = x + ((size_t)n * channels + c) * size * inner + first;
        __global float *to = y + ((size_t)list * channels + c) * length * inner + first;
        for (int t = 0; t < length; t++, to += inner) {
            const int d = p * stride - before + t * dilation;
            if (d >= 0 && d < size)
                copy_row(axis + (size_t)d * inner, to, count);
            else
                clear_row(to, count);
        }
    }
}

__kernel void frames_elements(const __global float *restrict x, __global float *restrict y, SIZES) {
    const int i = (int)get_global_id(0), row = (int)get_global_id(1), list = (int)get_global_id(2);
    if (i >= inner || row >= channels * length || list >= lists) return;
    const int n = list / frames, p = list % frames, c = row / length, t = row % length;
    const int d = p * stride - before + t * dilation;
    const bool inside = d >= 0 && d < size;
    y[((size_t)list * channels * length + row) * inner + i] =
        inside ? x[(((size_t)n * channels + c) * size + d) * inner + i] : 0.0f;
}

/* The frame whose element T reads place D; -1 when there is none. */
static inline int reader(int d, int t, int frames, int stride, int before, int dilation) {
    const int past = d + before - t * dilation, p = past / stride;
    return past >= 0 && p < frames && p * stride == past ? p : -1;
}

__kernel void overlap_add_rows(const __global float *restrict y, __global float *restrict x, SIZES) {
    const int first = (int)get_global_id(0) * chunk, count = min(chunk, inner - first);
    const int begin = (int)get_global_id(1) * part, end = min(begin + part, size);
    const int list = (int)get_global_id(2), n = list / channels, c = list % channels;
    for (int d = begin; d < end; d++) {
        __global float *to = x + ((size_t)list * size + d) * inner + first;
        bool empty = true;
        for (int t = 0; t < length; t++) {
            const int p = reader(d, t, frames, stride, before, dilation);
            if (p < 0) continue;
            const size_t row = (((size_t)n * frames + p) * channels + c) * length + t;
            if (empty)
                copy_row(y + row * inner + first, to, count);
            else
                add_row(y + row * inner + first, to, count);
            empty = false;
        }
        if (empty) clear_row(to, count);
    }
}

__kernel void overlap_add_elements(const __global float *restrict y, __global float *restrict x, SIZES) {
    const int i = (int)get_global_id(0), d = (int)get_global_id(1), list = (int)get_global_id(2);
    if (i >= inner || d >= size || list >= lists) return;
    const int n = list / channels, c = list % channels;
    float sum = 0.0f;
    for (int t = 0; t < length; t++) {
        const int p = reader(d, t, frames, stride, before, dilation);
        if (p >= 0) sum += y[((((size_t)n * frames + p) * channels + c) * length + t) * inner + i];
    }
    x[((size_t)list * size + d) * inner + i] = sum;
}
