/* What softmax and the losses on it need of a row: its largest element and the sum of e^(x - largest). */
#ifndef SOFTMAX_ROW_H
#define SOFTMAX_ROW_H

#include "loose.h"
#include "vectors.h"

#ifndef GROUP
#define GROUP 64
#endif

/* e^x of x up to 0, 0 below -87: x = n ln 2 + r with |r| <= ln(2) / 2, then e^r by its series and n into the exponent. n
 * is rounded by adding 1.5 * 2^23, whose last bits then hold it. Half as many operations as compilers' own exp. */
static inline float16 exp_below(float16 x) {
    const float16 shifted = x * 1.44269504f + 12582912.0f, n = shifted - 12582912.0f;
    const float16 r = n * 2.12194440e-4f + (x - n * 0.693359375f);
    float16 p = r * (1.0f / 5040) + 1.0f / 720;
    p = p * r + 1.0f / 120;
    p = p * r + 1.0f / 24;
    p = p * r + 1.0f / 6;
    p = p * r + 0.5f;
    p = p * r + 1.0f;
    p = p * r + 1.0f;
    return x < -87.0f ? (float16)(0.0f) : as_float16(as_int16(p) + (as_int16(shifted) << 23));
}

static inline float row_largest(__global const float *row, int columns) {
    float16 largest = -INFINITY;
    float top = -INFINITY;
    int i = 0;
    for (; i + 16 <= columns; i += 16) {
        largest = fmax(largest, READ_16(row + i));
    }
    for (; i < columns; i++) {
        top = fmax(top, row[i]);
    }
    return fmax(top, largest16(largest));
}

/* (largest, sum), by one item. */
static inline float2 row_statistics(__global const float *row, int columns) {
    const float top = row_largest(row, columns);
    float16 sums = 0.0f;
    float sum = 0.0f;
    int i = 0;
    for (; i + 16 <= columns; i += 16) {
        sums += exp_below(READ_16(row + i) - top);
    }
    for (; i < columns; i++) {
        sum += exp(row[i] - top);
    }
    return (float2)(top, lanes16(sums) + sum);
}

/* The same by a group of GROUP items, for all of them. */
static inline float2 group_statistics(__global const float *row, int columns, __local float *scratch) {
    const int item = (int)get_local_id(0);
    float largest = -INFINITY, sum = 0.0f;
    for (int i = item; i < columns; i += GROUP) {
        largest = fmax(largest, row[i]);
    }
    scratch[item] = largest;
    for (int half_size = GROUP / 2; half_size > 0; half_size /= 2) {
        barrier(CLK_LOCAL_MEM_FENCE);
        if (item < half_size) scratch[item] = fmax(scratch[item], scratch[item + half_size]);
    }
    barrier(CLK_LOCAL_MEM_FENCE);
    const float top = scratch[0];
    barrier(CLK_LOCAL_MEM_FENCE);
    for (int i = item; i < columns; i += GROUP) {
        sum += exp(row[i] - top);
    }
    scratch[item] = sum;
    for (int half_size = GROUP / 2; half_size > 0; half_size /= 2) {
        barrier(CLK_LOCAL_MEM_FENCE);
        if (item < half_size) scratch[item] += scratch[item + half_size];
    }
    barrier(CLK_LOCAL_MEM_FENCE);
    return (float2)(top, scratch[0]);
}

#endif
