/* What softmax and the losses on it need of a row: its largest element and the sum of e^(x - largest). */
#ifndef SOFTMAX_ROW_H
#define SOFTMAX_ROW_H

#include "vectors.h"

#ifndef GROUP
#define GROUP 64
#endif

static inline float row_largest(__global const float *row, int columns) {
    float16 largest = -INFINITY;
    float top = -INFINITY;
    int i = 0;
    for (; i + 16 <= columns; i += 16) {
        largest = fmax(largest, vload16(0, row + i));
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
        sums += exp(vload16(0, row + i) - top);
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
