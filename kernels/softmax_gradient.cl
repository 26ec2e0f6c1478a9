/* Softmax's gradient along the rows of y (ROWS, COLUMNS): dx = y * (dy - sum of y dy), by an item (row_vectors) or a
 * group of GROUP items (row_groups) for each row. DX may lie where DY lies. */
#include "vectors.h"

#ifndef GROUP
#define GROUP 64
#endif

__kernel void row_vectors(__global const float *restrict y, __global const float *dy, __global float *dx, int rows,
                          int columns) {
    const int n = (int)get_global_id(0);
    if (n >= rows) return;
    y += (size_t)n * columns;
    dy += (size_t)n * columns;
    dx += (size_t)n * columns;
    float16 sums = 0.0f;
    float sum = 0.0f;
    int i = 0;
    for (; i + 16 <= columns; i += 16) {
        sums += vload16(0, y + i) * vload16(0, dy + i);
    }
    for (; i < columns; i++) {
        sum += y[i] * dy[i];
    }
    sum += lanes16(sums);
    for (i = 0; i + 16 <= columns; i += 16) {
        vstore16(vload16(0, y + i) * (vload16(0, dy + i) - sum), 0, dx + i);
    }
    for (; i < columns; i++) {
        dx[i] = y[i] * (dy[i] - sum);
    }
}

__kernel __attribute__((reqd_work_group_size(GROUP, 1, 1))) void
row_groups(__global const float *restrict y, __global const float *dy, __global float *dx, int rows, int columns) {
    __local float sums[GROUP];
    const int n = (int)get_group_id(0), item = (int)get_local_id(0);
    y += (size_t)n * columns;
    dy += (size_t)n * columns;
    dx += (size_t)n * columns;
    float sum = 0.0f;
    for (int i = item; i < columns; i += GROUP) {
        sum += y[i] * dy[i];
    }
    sums[item] = sum;
    for (int half_size = GROUP / 2; half_size > 0; half_size /= 2) {
        barrier(CLK_LOCAL_MEM_FENCE);
        if (item < half_size) sums[item] += sums[item + half_size];
    }
    barrier(CLK_LOCAL_MEM_FENCE);
    for (int i = item; i < columns; i += GROUP) {
        dx[i] = y[i] * (dy[i] - sums[0]);
    }
}
