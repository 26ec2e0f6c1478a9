/* Softmax along the middle axis of x (ROWS, COLUMNS, INNER), or its logarithm. Where INNER is 1: an item (row_vectors)
 * or a group of GROUP items (row_groups) for each row. Else an item for 16 neighbours along the last axis
 * (column_vectors) or for each (columns). Differences from the largest element keep the exponentials in range. */
#include "softmax_row.h"

/* The exponentials go to y at first, and are scaled there: each is computed once. */
__kernel void softmax_row_vectors(__global const float *restrict x, __global float *restrict y, int rows, int columns) {
    const int n = (int)get_global_id(0);
    if (n >= rows) return;
    x += (size_t)n * columns;
    y += (size_t)n * columns;
    const float top = row_largest(x, columns);
    float16 sums = 0.0f;
    float sum = 0.0f;
    int i = 0;
    for (; i + 16 <= columns; i += 16) {
        const float16 e = exp_below(READ_16(x + i) - top);
        GLOBAL_16(y + i) = e;
        sums += e;
    }
    for (; i < columns; i++) {
        const float e = exp(x[i] - top);
        y[i] = e;
        sum += e;
    }
    const float scale = 1.0f / (lanes16(sums) + sum);
    for (i = 0; i + 16 <= columns; i += 16) {
        GLOBAL_16(y + i) = READ_16(y + i) * scale;
    }
    for (; i < columns; i++) {
        y[i] *= scale;
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

/* The largest element and the sum of e^(x - largest) of COUNT (at most 16) neighbouring columns. */
static inline void column_statistics(__global const float *x, int columns, int inner, int count, float16 *largest,
                                     float16 *sum) {
    float16 top = load_some(x, count, 0.0f), total = 0.0f;
    for (int c = 1; c < columns; c++) top = fmax(top, load_some(x + (size_t)c * inner, count, 0.0f));
    for (int c = 0; c < columns; c++) total += exp_below(load_some(x + (size_t)c * inner, count, 0.0f) - top);
    *largest = top;
    *sum = total;
}

#define BLOCK_PARAMETERS                                                                                               \
    __global const float *restrict x, __global float *restrict y, int rows, int columns, int inner
#define MOVE_TO_BLOCK                                                                                                  \
    const int first = (int)get_global_id(0) * 16, count = min(16, inner - first);                                      \
    x += (size_t)get_global_id(1) * columns * inner + first;                                                           \
    y += (size_t)get_global_id(1) * columns * inner + first;                                                           \
    float16 largest, sum;                                                                                              \
    column_statistics(x, columns, inner, count, &largest, &sum)

__kernel void softmax_column_vectors(BLOCK_PARAMETERS) {
    MOVE_TO_BLOCK;
    const float16 scale = 1.0f / sum;
    for (int c = 0; c < columns; c++) {
        const size_t at = (size_t)c * inner;
        store_some(exp_below(load_some(x + at, count, 0.0f) - largest) * scale, y + at, count);
    }
}

__kernel void log_softmax_column_vectors(BLOCK_PARAMETERS) {
    MOVE_TO_BLOCK;
    const float16 log_sum = log(sum);
    for (int c = 0; c < columns; c++) {
        const size_t at = (size_t)c * inner;
        store_some(load_some(x + at, count, 0.0f) - largest - log_sum, y + at, count);
    }
}

#define MOVE_TO_COLUMN                                                                                                 \
    const int k = (int)get_global_id(0);                                                                               \
    if (k >= inner) return;                                                                                            \
    x += (size_t)get_global_id(1) * columns * inner + k;                                                               \
    y += (size_t)get_global_id(1) * columns * inner + k;                                                               \
    float largest = -INFINITY, sum = 0.0f;                                                                             \
    for (int c = 0; c < columns; c++) largest = fmax(largest, x[(size_t)c * inner]);                                   \
    for (int c = 0; c < columns; c++) sum += exp(x[(size_t)c * inner] - largest)

__kernel void softmax_columns(BLOCK_PARAMETERS) {
    MOVE_TO_COLUMN;
    const float scale = 1.0f / sum;
    for (int c = 0; c < columns; c++) y[(size_t)c * inner] = exp(x[(size_t)c * inner] - largest) * scale;
}

__kernel void log_softmax_columns(BLOCK_PARAMETERS) {
    MOVE_TO_COLUMN;
    const float log_sum = log(sum);
    for (int c = 0; c < columns; c++) y[(size_t)c * inner] = x[(size_t)c * inner] - largest - log_sum;
}
