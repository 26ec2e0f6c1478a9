/* Pooling over windows of KERNEL_H x KERNEL_W at strides STRIDE_H, STRIDE_W; window (p,q) begins at row p*STRIDE_H -
 * pad_top and column q*STRIDE_W - pad_left of its plane, and cells outside the plane do not count. Planes are (n,c).
 *   ..._rows     an item for each row of the result: suits processors that vectorise loops
 *   ..._pixels   an item for each element: suits processors with many lanes
 * `where` holds the winner's offset in its plane. */

typedef struct span {
    int first, last; /* of the window or of the windows, last excluded */
} span;

static inline span clip(int first, int count, int size) {
    span s;
    s.first = max(first, 0);
    s.last = min(first + count, size);
    return s;
}

/* The windows along an axis that contain cell I, padding included in I. */
static inline span windows_over(int i, int kernel_size, int stride, int windows) {
    span s;
    s.first = i < kernel_size ? 0 : (i - kernel_size) / stride + 1;
    s.last = min(i / stride + 1, windows);
    return s;
}

/* The windows along a row that lie wholly inside it. */
static inline span whole_windows(int width, int pad_left, int windows) {
    span s;
    s.first = min((pad_left + STRIDE_W - 1) / STRIDE_W, windows);
    s.last = width + pad_left < KERNEL_W ? 0 : min((width + pad_left - KERNEL_W) / STRIDE_W + 1, windows);
    s.last = max(s.last, s.first);
    return s;
}

/* ---- maximum ---- */

/* A later element wins when it is larger; NaN wins always, so that it is not lost. */
#define WINS(VALUE, BEST) ((VALUE) > (BEST) || (VALUE) != (VALUE))

static inline void max_of_window(__global const float *plane, int height, int width, int top, int left,
                                 __global float *y, __global int *where) {
    const span rows = clip(top, KERNEL_H, height), columns = clip(left, KERNEL_W, width);
    int at = rows.first * width + columns.first;
    float best = plane[at];
    for (int i = rows.first; i < rows.last; i++) {
        for (int j = columns.first; j < columns.last; j++) {
            const float value = plane[i * width + j];
            const int wins = WINS(value, best);
            best = wins ? value : best;
            at = wins ? i * width + j : at;
        }
    }
    *y = best;
    *where = at;
}

__kernel void max_rows(__global const float *restrict x, __global float *restrict y, __global int *restrict where,
                       int planes, int height, int width, int out_height, int out_width, int pad_top, int pad_left) {
    const int p = (int)get_global_id(0), plane = (int)get_global_id(1);
    if (p >= out_height || plane >= planes) return;
    const size_t row = ((size_t)plane * out_height + p) * out_width;
    const int top = p * STRIDE_H - pad_top;
    x += (size_t)plane * height * width;
    y += row;
    where += row;
    span whole = whole_windows(width, pad_left, out_width);
    if (top < 0 || top + KERNEL_H > height) whole.first = whole.last = 0;
    for (int q = 0; q < whole.first; q++) {
        max_of_window(x, height, width, top, q * STRIDE_W - pad_left, y + q, where + q);
    }
    for (int q = whole.first; q < whole.last; q++) {
        const int corner = top * width + q * STRIDE_W - pad_left;
        int at = corner;
        float best = x[corner];
        for (int u = 0; u < KERNEL_H; u++) {
            for (int v = 0; v < KERNEL_W; v++) {
                const float value = x[corner + u * width + v];
                const int wins = WINS(value, best);
                best = wins ? value : best;
                at = wins ? corner + u * width + v : at;
            }
        }
        y[q] = best;
        where[q] = at;
    }
    for (int q = whole.last; q < out_width; q++) {
        max_of_window(x, height, width, top, q * STRIDE_W - pad_left, y + q, where + q);
    }
}

__kernel void max_pixels(__global const float *restrict x, __global float *restrict y, __global int *restrict where,
                         int planes, int height, int width, int out_height, int out_width, int pad_top, int pad_left) {
    const int q = (int)get_global_id(0), p = (int)get_global_id(1), plane = (int)get_global_id(2);
    if (q >= out_width || p >= out_height || plane >= planes) return;
    const size_t to = ((size_t)plane * out_height + p) * out_width + q;
    max_of_window(x + (size_t)plane * height * width, height, width, p * STRIDE_H - pad_top, q * STRIDE_W - pad_left,
                  y + to, where + to);
}

/* ---- maximum, gradient: dx = the sum of dy over the windows that contain the cell and whose winner it is ---- */

/* Windows that do not overlap: each cell is in one at most. */
__kernel void max_gradient_disjoint_rows(__global const int *restrict where, __global const float *restrict dy,
                                         __global float *restrict dx, int planes, int height, int width,
                                         int out_height, int out_width, int pad_top, int pad_left) {
    const int i = (int)get_global_id(0), plane = (int)get_global_id(1);
    if (i >= height || plane >= planes) return;
    const int p = (i + pad_top) / STRIDE_H, row = i * width;
    dx += ((size_t)plane * height + i) * width;
    for (int j = 0; j < width; j++) {
        dx[j] = 0.0f;
    }
    if (p >= out_height || i + pad_top - p * STRIDE_H >= KERNEL_H) return;
    where += ((size_t)plane * out_height + p) * out_width;
    dy += ((size_t)plane * out_height + p) * out_width;
    const span whole = whole_windows(width, pad_left, out_width);
    for (int q = whole.first; q < whole.last; q++) {
        const int left = q * STRIDE_W - pad_left, at = where[q] - row;
        const float d = dy[q];
        for (int v = 0; v < KERNEL_W; v++) {
            dx[left + v] = at == left + v ? d : 0.0f;
        }
    }
    for (int q = 0; q < out_width; q++) {
        if (q >= whole.first && q < whole.last) continue;
        const span columns = clip(q * STRIDE_W - pad_left, KERNEL_W, width);
        for (int j = columns.first; j < columns.last; j++) {
            dx[j] = where[q] - row == j ? dy[q] : 0.0f;
        }
    }
}

__kernel void max_gradient_rows(__global const int *restrict where, __global const float *restrict dy,
                                __global float *restrict dx, int planes, int height, int width, int out_height,
                                int out_width, int pad_top, int pad_left) {
    const int i = (int)get_global_id(0), plane = (int)get_global_id(1);
    if (i >= height || plane >= planes) return;
    const span windows = windows_over(i + pad_top, KERNEL_H, STRIDE_H, out_height);
    dx += ((size_t)plane * height + i) * width;
    for (int j = 0; j < width; j++) {
        dx[j] = 0.0f;
    }
    for (int p = windows.first; p < windows.last; p++) {
        const size_t from = ((size_t)plane * out_height + p) * out_width;
        for (int q = 0; q < out_width; q++) {
            const span columns = clip(q * STRIDE_W - pad_left, KERNEL_W, width);
            const int at = where[from + q] - i * width;
            if (at >= columns.first && at < columns.last) dx[at] += dy[from + q];
        }
    }
}

__kernel void max_gradient_pixels(__global const int *restrict where, __global const float *restrict dy,
                                  __global float *restrict dx, int planes, int height, int width, int out_height,
                                  int out_width, int pad_top, int pad_left) {
    const int j = (int)get_global_id(0), i = (int)get_global_id(1), plane = (int)get_global_id(2);
    if (j >= width || i >= height || plane >= planes) return;
    const span rows = windows_over(i + pad_top, KERNEL_H, STRIDE_H, out_height);
    const span columns = windows_over(j + pad_left, KERNEL_W, STRIDE_W, out_width);
    float sum = 0.0f;
    for (int p = rows.first; p < rows.last; p++) {
        for (int q = columns.first; q < columns.last; q++) {
            const size_t from = ((size_t)plane * out_height + p) * out_width + q;
            if (where[from] == i * width + j) sum += dy[from];
        }
    }
    dx[((size_t)plane * height + i) * width + j] = sum;
}

/* y = x at the winner of each window, 0 where the winner is not in the window */
__kernel void max_pick(__global const int *restrict where, __global const float *restrict x, __global float *restrict y,
                       int planes, int height, int width, int out_height, int out_width, int pad_top, int pad_left) {
    const int q = (int)get_global_id(0), p = (int)get_global_id(1), plane = (int)get_global_id(2);
    if (q >= out_width || p >= out_height || plane >= planes) return;
    const size_t to = ((size_t)plane * out_height + p) * out_width + q;
    const span rows = clip(p * STRIDE_H - pad_top, KERNEL_H, height);
    const span columns = clip(q * STRIDE_W - pad_left, KERNEL_W, width);
    const int at = where[to], i = at / width, j = at % width;
    const int inside = at >= 0 && i >= rows.first && i < rows.last && j >= columns.first && j < columns.last;
    y[to] = inside ? x[(size_t)plane * height * width + at] : 0.0f;
}

/* ---- average: the sum over the window's cells inside the plane, divided by the window's extent; the extent is what
 *      lies inside [before, end) along each axis: the plane itself, or the plane with its padding ---- */

static inline float per_extent(int top, int left, int before_h, int end_h, int before_w, int end_w) {
    const int rows = min(top + KERNEL_H, end_h) - max(top, before_h);
    const int columns = min(left + KERNEL_W, end_w) - max(left, before_w);
    return 1.0f / (float)(rows * columns);
}

static inline float sum_of_window(__global const float *plane, int height, int width, int top, int left) {
    const span rows = clip(top, KERNEL_H, height), columns = clip(left, KERNEL_W, width);
    float sum = 0.0f;
    for (int i = rows.first; i < rows.last; i++) {
        for (int j = columns.first; j < columns.last; j++) {
            sum += plane[i * width + j];
        }
    }
    return sum;
}

__kernel void average_rows(__global const float *restrict x, __global float *restrict y, int planes, int height,
                           int width, int out_height, int out_width, int pad_top, int pad_left, int before_h,
                           int end_h, int before_w, int end_w) {
    const int p = (int)get_global_id(0), plane = (int)get_global_id(1);
    if (p >= out_height || plane >= planes) return;
    const int top = p * STRIDE_H - pad_top;
    x += (size_t)plane * height * width;
    y += ((size_t)plane * out_height + p) * out_width;
    span whole = whole_windows(width, pad_left, out_width);
    if (top < 0 || top + KERNEL_H > height) whole.first = whole.last = 0;
    for (int q = whole.first; q < whole.last; q++) {
        const int corner = top * width + q * STRIDE_W - pad_left;
        float sum = 0.0f;
        for (int u = 0; u < KERNEL_H; u++) {
            for (int v = 0; v < KERNEL_W; v++) {
                sum += x[corner + u * width + v];
            }
        }
        y[q] = sum * (1.0f / (KERNEL_H * KERNEL_W));
    }
    for (int q = 0; q < out_width; q++) {
        if (q >= whole.first && q < whole.last) continue;
        const int left = q * STRIDE_W - pad_left;
        y[q] = sum_of_window(x, height, width, top, left) * per_extent(top, left, before_h, end_h, before_w, end_w);
    }
}

__kernel void average_pixels(__global const float *restrict x, __global float *restrict y, int planes, int height,
                             int width, int out_height, int out_width, int pad_top, int pad_left, int before_h,
                             int end_h, int before_w, int end_w) {
    const int q = (int)get_global_id(0), p = (int)get_global_id(1), plane = (int)get_global_id(2);
    if (q >= out_width || p >= out_height || plane >= planes) return;
    const int top = p * STRIDE_H - pad_top, left = q * STRIDE_W - pad_left;
    y[((size_t)plane * out_height + p) * out_width + q] =
        sum_of_window(x + (size_t)plane * height * width, height, width, top, left) *
        per_extent(top, left, before_h, end_h, before_w, end_w);
}

/* ---- average, gradient: dx = the sum of dy / extent over the windows that contain the cell ---- */

__kernel void average_gradient_rows(__global const float *restrict dy, __global float *restrict dx, int planes,
                                    int height, int width, int out_height, int out_width, int pad_top, int pad_left,
                                    int before_h, int end_h, int before_w, int end_w) {
    const int i = (int)get_global_id(0), plane = (int)get_global_id(1);
    if (i >= height || plane >= planes) return;
    const span windows = windows_over(i + pad_top, KERNEL_H, STRIDE_H, out_height);
    const span whole = whole_windows(width, pad_left, out_width);
    dx += ((size_t)plane * height + i) * width;
    for (int j = 0; j < width; j++) {
        dx[j] = 0.0f;
    }
    for (int p = windows.first; p < windows.last; p++) {
        const int top = p * STRIDE_H - pad_top;
        __global const float *from = dy + ((size_t)plane * out_height + p) * out_width;
        const int q_whole = min(whole.first, out_width - 1);
        const float scale = per_extent(top, q_whole * STRIDE_W - pad_left, before_h, end_h, before_w, end_w);
        for (int q = whole.first; q < whole.last; q++) {
            const float d = from[q] * scale;
            for (int v = 0; v < KERNEL_W; v++) {
                dx[q * STRIDE_W - pad_left + v] += d;
            }
        }
        for (int q = 0; q < out_width; q++) {
            if (q >= whole.first && q < whole.last) continue;
            const int left = q * STRIDE_W - pad_left;
            const span columns = clip(left, KERNEL_W, width);
            const float d = from[q] * per_extent(top, left, before_h, end_h, before_w, end_w);
            for (int j = columns.first; j < columns.last; j++) {
                dx[j] += d;
            }
        }
    }
}

__kernel void average_gradient_pixels(__global const float *restrict dy, __global float *restrict dx, int planes,
                                      int height, int width, int out_height, int out_width, int pad_top, int pad_left,
                                      int before_h, int end_h, int before_w, int end_w) {
    const int j = (int)get_global_id(0), i = (int)get_global_id(1), plane = (int)get_global_id(2);
    if (j >= width || i >= height || plane >= planes) return;
    const span rows = windows_over(i + pad_top, KERNEL_H, STRIDE_H, out_height);
    const span columns = windows_over(j + pad_left, KERNEL_W, STRIDE_W, out_width);
    float sum = 0.0f;
    for (int p = rows.first; p < rows.last; p++) {
        for (int q = columns.first; q < columns.last; q++) {
            const float scale = per_extent(p * STRIDE_H - pad_top, q * STRIDE_W - pad_left, before_h, end_h, before_w,
                                           end_w);
            sum += dy[((size_t)plane * out_height + p) * out_width + q] * scale;
        }
    }
    dx[((size_t)plane * height + i) * width + j] = sum;
}
