/* Softmax of the rows of x (N, C), or its logarithm: an item (row_vectors) or a group of GROUP items (row_groups) for
 * each row. Differences from the row's largest element keep the exponentials in range. */
#include "softmax_row.h"

__kernel void softmax_row_vectors(__global const float *restrict x, __global float *restrict y, int rows, int columns) {
    const int n = (int)get_global_id(0);
    if (n >= rows) return;
    x += (size_t)n * columns;
    y += (size_t)n * columns;
    const float2 statistics = row_statistics(x, columns);
    const float scale = 1.0f / statistics.y;
    int i = 0;
    for (; i + 16 <= columns; i += 16) {
        vstore16(exp(vload16(0, x + i) - statistics.x) * scale, 0, y + i);
    }
    for (; i < columns; i++) {
        y[i] = exp(x[i] - statistics.x) * scale;
    }
}

__kernel void log_softmax_row_vectors(__global const float *restrict x, __global float *restrict y, int rows,
                                      int columns) {
    const int n = (int)get_global_id(0);
    if (n >= rows) return;
    x += (size_t)n * columns;
    y += (size_t)n * columns;
    const float2 statistics = row_statistics(x, columns);
    const float log_sum = log(statistics.y);
    for (int i = 0; i < columns; i++) {
        y[i] = x[i] - statistics.x - log_sum;
    }
}

__kernel __attribute__((reqd_work_group_size(GROUP, 1, 1))) void
softmax_row_groups(__global const float *restrict x, __global float *restrict y, int rows, int columns) {
    __local float scratch[GROUP];
    const int n = (int)get_group_id(0);
    x += (size_t)n * columns;
    y += (size_t)n * columns;
    const float2 statistics = group_statistics(x, columns, scratch);
    const float scale = 1.0f / statistics.y;
    for (int i = (int)get_local_id(0); i < columns; i += GROUP) {
        y[i] = exp(x[i] - statistics.x) * scale;
    }
}

__kernel __attribute__((reqd_work_group_size(GROUP, 1, 1))) void
log_softmax_row_groups(__global const float *restrict x, __global float *restrict y, int rows, int columns) {
    __local float scratch[GROUP];
    const int n = (int)get_group_id(0);
    x += (size_t)n * columns;
    y += (size_t)n * columns;
    const float2 statistics = group_statistics(x, columns, scratch);
    const float log_sum = log(statistics.y);
    for (int i = (int)get_local_id(0); i < columns; i += GROUP) {
        y[i] = x[i] - statistics.x - log_sum;
    }
}
