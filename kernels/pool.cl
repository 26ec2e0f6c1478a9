/* Pooling with an item for each element, which suits processors with many lanes. `where` holds the winner's offset in
 * its plane. */
#include "pool_windows.h"

#define GEOMETRY int planes, int height, int width, int out_height, int out_width

/* ---- maximum ---- */

static inline void max_of_window(__global const float *plane, int height, int width, int top, int left,
                                 __global float *y, __global int *where) {
    const span rows = clip(top, REACH_H, DILATION_H, height), columns = clip(left, REACH_W, DILATION_W, width);
    int at = rows.first * width + columns.first;
    float best = plane[at];
    for (int i = rows.first; i < rows.last; i += DILATION_H) {
        for (int j = columns.first; j < columns.last; j += DILATION_W) {
            const float value = plane[i * width + j];
            const int wins = WINS(value, best);
            best = wins ? value : best;
            at = wins ? i * width + j : at;
        }
    }
    *y = best;
    *where = at;
}

__kernel void max_pixels(__global const float *restrict x, __global float *restrict y, __global int *restrict where,
                         GEOMETRY) {
    const int q = (int)get_global_id(0), p = (int)get_global_id(1), plane = (int)get_global_id(2);
    if (q >= out_width || p >= out_height || plane >= planes) return;
    const size_t to = ((size_t)plane * out_height + p) * out_width + q;
    max_of_window(x + (size_t)plane * height * width, height, width, p * STRIDE_H - PAD_H, q * STRIDE_W - PAD_W,
                  y + to, where + to);
}

/* dx[i,j] = the sum of dy over the windows that contain the cell and whose winner it is */
static inline float max_gradient_of(__global const int *where, __global const float *dy, int i, int j, int width,
                                    int out_height, int out_width) {
    const span rows = windows_over(i + PAD_H, REACH_H, STRIDE_H, out_height);
    const span columns = windows_over(j + PAD_W, REACH_W, STRIDE_W, out_width);
    float sum = 0.0f;
    for (int p = rows.first; p < rows.last; p++) {
        if (!has_cell(i + PAD_H, p, STRIDE_H, DILATION_H)) continue;
        for (int q = columns.first; q < columns.last; q++) {
            if (!has_cell(j + PAD_W, q, STRIDE_W, DILATION_W)) continue;
            sum += where[p * out_width + q] == i * width + j ? dy[p * out_width + q] : 0.0f;
        }
    }
    return sum;
}

__kernel void max_gradient_pixels(__global const int *restrict where, __global const float *restrict dy,
                                  __global float *restrict dx, GEOMETRY) {
    const int j = (int)get_global_id(0), i = (int)get_global_id(1), plane = (int)get_global_id(2);
    if (j >= width || i >= height || plane >= planes) return;
    const size_t from = (size_t)plane * out_height * out_width;
    dx[((size_t)plane * height + i) * width + j] =
        max_gradient_of(where + from, dy + from, i, j, width, out_height, out_width);
}

/* y = x at the winner of each window, 0 where the winner is not in the window */
__kernel void max_pick(__global const int *restrict where, __global const float *restrict x, __global float *restrict y,
                       GEOMETRY) {
    const int q = (int)get_global_id(0), p = (int)get_global_id(1), plane = (int)get_global_id(2);
    if (q >= out_width || p >= out_height || plane >= planes) return;
    const size_t to = ((size_t)plane * out_height + p) * out_width + q;
    const span rows = clip(p * STRIDE_H - PAD_H, REACH_H, DILATION_H, height);
    const span columns = clip(q * STRIDE_W - PAD_W, REACH_W, DILATION_W, width);
    const int at = where[to], i = at / width, j = at - i * width;
    const int reached = at >= 0 && i >= rows.first && i < rows.last && j >= columns.first && j < columns.last;
    const int inside = reached && has_cell(i + PAD_H, p, STRIDE_H, DILATION_H) &&
                       has_cell(j + PAD_W, q, STRIDE_W, DILATION_W);
    y[to] = inside ? x[(size_t)plane * height * width + at] : 0.0f;
}

/* ---- average: the sum over the window's cells inside the plane, divided by the window's extent; with SUM and POWER
 *      the other sums (pool_windows.h) ---- */

static inline float sum_of_window(__global const float *plane, int height, int width, int top, int left) {
    const span rows = clip(top, REACH_H, DILATION_H, height), columns = clip(left, REACH_W, DILATION_W, width);
    float sum = 0.0f;
    for (int i = rows.first; i < rows.last; i += DILATION_H) {
        for (int j = columns.first; j < columns.last; j += DILATION_W) {
            sum += TERM(plane[i * width + j]);
        }
    }
    return sum;
}

__kernel void average_pixels(__global const float *restrict x, __global float *restrict y, GEOMETRY,
                             EXTENT_PARAMETERS) {
    const int q = (int)get_global_id(0), p = (int)get_global_id(1), plane = (int)get_global_id(2);
    if (q >= out_width || p >= out_height || plane >= planes) return;
    const int top = p * STRIDE_H - PAD_H, left = q * STRIDE_W - PAD_W;
    y[((size_t)plane * out_height + p) * out_width + q] =
        ROOT(sum_of_window(x + (size_t)plane * height * width, height, width, top, left) *
             per_extent(top, left, EXTENT_ARGUMENTS));
}

/* dx[i,j] = the sum of dy / extent over the windows that contain the cell */
static inline float average_gradient_of(__global const float *dy, int i, int j, int out_height, int out_width,
                                        EXTENT_PARAMETERS) {
    const span rows = windows_over(i + PAD_H, REACH_H, STRIDE_H, out_height);
    const span columns = windows_over(j + PAD_W, REACH_W, STRIDE_W, out_width);
    float sum = 0.0f;
    for (int p = rows.first; p < rows.last; p++) {
        if (!has_cell(i + PAD_H, p, STRIDE_H, DILATION_H)) continue;
        for (int q = columns.first; q < columns.last; q++) {
            if (!has_cell(j + PAD_W, q, STRIDE_W, DILATION_W)) continue;
            sum += dy[p * out_width + q] * per_extent(p * STRIDE_H - PAD_H, q * STRIDE_W - PAD_W, EXTENT_ARGUMENTS);
        }
    }
    return sum;
}

__kernel void average_gradient_pixels(__global const float *restrict dy, __global float *restrict dx, GEOMETRY,
                                      EXTENT_PARAMETERS) {
    const int j = (int)get_global_id(0), i = (int)get_global_id(1), plane = (int)get_global_id(2);
    if (j >= width || i >= height || plane >= planes) return;
    dx[((size_t)plane * height + i) * width + j] =
        average_gradient_of(dy + (size_t)plane * out_height * out_width, i, j, out_height, out_width,
                            EXTENT_ARGUMENTS);
}
