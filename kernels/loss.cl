/* Losses and measures over rows x (N, C) with a label for each row. A label outside 0 .. C-1 belongs to no class: its row
 * adds nothing. Forms: an item for each row (row_vectors), or a group of GROUP items (row_groups). */
#include "softmax_row.h"

static inline int in_range(int label, int columns) {
    return label >= 0 && label < columns;
}

/* ---- loss[n] = log(sum of e^x[n,j]) - x[n,label] ---- */

__kernel void cross_entropy_row_vectors(__global const float *restrict x, __global const int *restrict labels,
                                        __global float *restrict loss, int rows, int columns) {
    const int n = (int)get_global_id(0);
    if (n >= rows) return;
    x += (size_t)n * columns;
    const int label = labels[n];
    const float2 statistics = row_statistics(x, columns);
    loss[n] = in_range(label, columns) ? log(statistics.y) - (x[label] - statistics.x) : 0.0f;
}

__kernel __attribute__((reqd_work_group_size(GROUP, 1, 1))) void
cross_entropy_row_groups(__global const float *restrict x, __global const int *restrict labels,
                         __global float *restrict loss, int rows, int columns) {
    __local float scratch[GROUP];
    const int n = (int)get_group_id(0);
    x += (size_t)n * columns;
    const int label = labels[n];
    const float2 statistics = group_statistics(x, columns, scratch);
    if (get_local_id(0) == 0) {
        loss[n] = in_range(label, columns) ? log(statistics.y) - (x[label] - statistics.x) : 0.0f;
    }
}

/* ---- dx[n,j] = dloss[n] * (softmax(x[n])[j] - 1 where j is the label) ---- */

__kernel void cross_entropy_gradient_row_vectors(__global const float *restrict x, __global const int *restrict labels,
                                                 __global const float *restrict dloss, __global float *restrict dx,
                                                 int rows, int columns) {
    const int n = (int)get_global_id(0);
    if (n >= rows) return;
    x += (size_t)n * columns;
    dx += (size_t)n * columns;
    const int label = labels[n];
    const int valid = in_range(label, columns);
    const float2 statistics = row_statistics(x, columns);
    if (!valid) {
        for (int i = 0; i < columns; i++) {
            dx[i] = 0.0f;
        }
        return;
    }
    const float slope = dloss[n], scale = slope / statistics.y;
    int i = 0;
    for (; i + 16 <= columns; i += 16) {
        vstore16(exp(vload16(0, x + i) - statistics.x) * scale, 0, dx + i);
    }
    for (; i < columns; i++) {
        dx[i] = exp(x[i] - statistics.x) * scale;
    }
    dx[label] = (exp(x[label] - statistics.x) / statistics.y - 1.0f) * slope;
}

__kernel __attribute__((reqd_work_group_size(GROUP, 1, 1))) void
cross_entropy_gradient_row_groups(__global const float *restrict x, __global const int *restrict labels,
                                  __global const float *restrict dloss, __global float *restrict dx, int rows,
                                  int columns) {
    __local float scratch[GROUP];
    const int n = (int)get_group_id(0);
    x += (size_t)n * columns;
    dx += (size_t)n * columns;
    const int label = labels[n];
    const int valid = in_range(label, columns);
    const float2 statistics = group_statistics(x, columns, scratch);
    for (int i = (int)get_local_id(0); i < columns; i += GROUP) {
        const float probability = exp(x[i] - statistics.x) / statistics.y;
        dx[i] = valid ? (probability - (i == label ? 1.0f : 0.0f)) * dloss[n] : 0.0f;
    }
}

/* ---- labels ---- */

/* loss[n] = -x[n,label] */
__kernel void pick(__global const float *restrict x, __global const int *restrict labels, __global float *restrict loss,
                   int rows, int columns) {
    const int n = (int)get_global_id(0);
    if (n >= rows) return;
    const int label = labels[n];
    loss[n] = in_range(label, columns) ? -x[(size_t)n * columns + label] : 0.0f;
}

/* y[n,j] = 1 where j is the label, else 0 */
__kernel void one_hot(__global const int *restrict labels, __global float *restrict y, int rows, int columns) {
    const int j = (int)get_global_id(0), n = (int)get_global_id(1);
    if (j < columns && n < rows) y[(size_t)n * columns + j] = j == labels[n] ? 1.0f : 0.0f;
}

/* Whether column I does not speak against LABEL's being the row's first largest: false too when either is NaN. */
static inline int yields(__global const float *row, int i, int label) {
    return i < label ? row[i] < row[label] : row[i] <= row[label];
}

__kernel void correct_row_vectors(__global const float *restrict scores, __global const int *restrict labels,
                                  __global float *restrict correct, int rows, int columns) {
    const int n = (int)get_global_id(0);
    if (n >= rows) return;
    scores += (size_t)n * columns;
    const int label = labels[n];
    int right = in_range(label, columns);
    for (int i = 0; right && i < columns; i++) {
        right &= yields(scores, i, label);
    }
    correct[n] = right ? 1.0f : 0.0f;
}

__kernel __attribute__((reqd_work_group_size(GROUP, 1, 1))) void
correct_row_groups(__global const float *restrict scores, __global const int *restrict labels,
                   __global float *restrict correct, int rows, int columns) {
    __local int rights[GROUP];
    const int n = (int)get_group_id(0), item = (int)get_local_id(0);
    scores += (size_t)n * columns;
    const int label = labels[n];
    int right = in_range(label, columns);
    for (int i = item; right && i < columns; i += GROUP) {
        right &= yields(scores, i, label);
    }
    rights[item] = right;
    for (int half_size = GROUP / 2; half_size > 0; half_size /= 2) {
        barrier(CLK_LOCAL_MEM_FENCE);
        if (item < half_size) rights[item] &= rights[item + half_size];
    }
    if (item == 0) correct[n] = rights[0] ? 1.0f : 0.0f;
}
