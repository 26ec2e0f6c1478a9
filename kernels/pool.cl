/* Pooling over windows of KERNEL_H x KERNEL_W at strides STRIDE_H, STRIDE_W; window (p,q) begins at row p*STRIDE_H -
 * pad_top and column q*STRIDE_W - pad_left of its plane, and cells outside the plane do not count. Planes are (n,c).
 *   ..._rows     an item for PART rows of the result, LANES windows of a row at a time: the windows that hang over the
 *                plane's sides one by one, and the last vector laid back over the one before it
 *   ..._pixels   an item for each element: suits processors with many lanes
 * `where` holds the winner's offset in its plane. */
#ifndef LANES
#define LANES 8
#endif

#define PASTE_AS_THEY_ARE(A, B) A##B
#define PASTE(A, B) PASTE_AS_THEY_ARE(A, B)

/* Loops over a small kernel's columns and over phases are written out, which keeps arrays of vectors in registers. */
#if KERNEL_W <= 8 && STRIDE_W <= 8
#define UNROLL _Pragma("unroll")
#else
#define UNROLL
#endif

typedef PASTE(float, LANES) lanes;
typedef PASTE(int, LANES) int_lanes;
#define LOAD PASTE(vload, LANES)
#define STORE PASTE(vstore, LANES)

/* EVERY_OTHER: lanes 0, 2, ... of A, then 1, 3, ... of B. WEAVE_LOW, WEAVE_HIGH: lanes of A and B by turns, of their first
 * and second halves. */
#if LANES == 16
#define COUNTING (int16)(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15)
#define EVERY_OTHER(A, B)                                                                                              \
    (float16)(A.s0, A.s2, A.s4, A.s6, A.s8, A.sa, A.sc, A.se, B.s1, B.s3, B.s5, B.s7, B.s9, B.sb, B.sd, B.sf)
#define WEAVE_LOW(A, B)                                                                                                \
    (float16)(A.s0, B.s0, A.s1, B.s1, A.s2, B.s2, A.s3, B.s3, A.s4, B.s4, A.s5, B.s5, A.s6, B.s6, A.s7, B.s7)
#define WEAVE_HIGH(A, B)                                                                                               \
    (float16)(A.s8, B.s8, A.s9, B.s9, A.sa, B.sa, A.sb, B.sb, A.sc, B.sc, A.sd, B.sd, A.se, B.se, A.sf, B.sf)
#elif LANES == 8
#define COUNTING (int8)(0, 1, 2, 3, 4, 5, 6, 7)
#define EVERY_OTHER(A, B) (float8)(A.s0, A.s2, A.s4, A.s6, B.s1, B.s3, B.s5, B.s7)
#define WEAVE_LOW(A, B) (float8)(A.s0, B.s0, A.s1, B.s1, A.s2, B.s2, A.s3, B.s3)
#define WEAVE_HIGH(A, B) (float8)(A.s4, B.s4, A.s5, B.s5, A.s6, B.s6, A.s7, B.s7)
#else
#define COUNTING (int4)(0, 1, 2, 3)
#define EVERY_OTHER(A, B) (float4)(A.s0, A.s2, B.s1, B.s3)
#define WEAVE_LOW(A, B) (float4)(A.s0, B.s0, A.s1, B.s1)
#define WEAVE_HIGH(A, B) (float4)(A.s2, B.s2, A.s3, B.s3)
#endif

/* LANES floats, STRIDE_W apart; nothing beyond the last is read. */
static inline lanes load_strided(__global const float *p) {
#if STRIDE_W == 1
    return LOAD(0, p);
#elif STRIDE_W == 2
    const lanes first = LOAD(0, p), last = LOAD(0, p + LANES - 1);
    return EVERY_OTHER(first, last);
#else
    float values[LANES];
    for (int i = 0; i < LANES; i++) {
        values[i] = p[i * STRIDE_W];
    }
    return LOAD(0, values);
#endif
}

/* Stores VALUES[PHASE], lane I, at p[i * STRIDE_W + phase]. */
static inline void store_phases(const lanes values[STRIDE_W], __global float *p) {
#if STRIDE_W == 1
    STORE(values[0], 0, p);
#elif STRIDE_W == 2
    STORE(WEAVE_LOW(values[0], values[1]), 0, p);
    STORE(WEAVE_HIGH(values[0], values[1]), 1, p);
#else
    UNROLL
    for (int phase = 0; phase < STRIDE_W; phase++) {
        float column[LANES];
        STORE(values[phase], 0, column);
        for (int i = 0; i < LANES; i++) {
            p[i * STRIDE_W + phase] = column[i];
        }
    }
#endif
}

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

/* None where there are fewer than a vector holds. */
static inline span wide_enough(span s) {
    if (s.last - s.first < LANES) s.last = s.first = 0;
    return s;
}

/* ---- maximum ---- */

/* A later element wins when it is larger; NaN wins always, so that it is not lost. For numbers and vectors. */
#define WINS(VALUE, BEST) (((VALUE) > (BEST)) | ((VALUE) != (VALUE)))

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
                       int planes, int height, int width, int out_height, int out_width, int pad_top, int pad_left,
                       int part) {
    const int begin = (int)get_global_id(0) * part, end = min(begin + part, out_height);
    const int plane = (int)get_global_id(1);
    const span whole = wide_enough(whole_windows(width, pad_left, out_width));
    x += (size_t)plane * height * width;
    for (int p = begin; p < end; p++) {
        const size_t row = ((size_t)plane * out_height + p) * out_width;
        const int top = p * STRIDE_H - pad_top;
        const span rows = clip(top, KERNEL_H, height);
        for (int q = 0; q < whole.first; q++) {
            max_of_window(x, height, width, top, q * STRIDE_W - pad_left, y + row + q, where + row + q);
        }
        for (int q = whole.last; q < out_width; q++) {
            max_of_window(x, height, width, top, q * STRIDE_W - pad_left, y + row + q, where + row + q);
        }
        for (int vector = whole.first; vector < whole.last; vector += LANES) {
            const int q = min(vector, whole.last - LANES), corner = q * STRIDE_W - pad_left;
            const int_lanes columns = corner + COUNTING * STRIDE_W;
            int_lanes at = rows.first * width + columns;
            lanes best = load_strided(x + rows.first * width + corner);
            for (int i = rows.first; i < rows.last; i++) {
                UNROLL
                for (int v = 0; v < KERNEL_W; v++) {
                    const lanes value = load_strided(x + i * width + corner + v);
                    const int_lanes wins = WINS(value, best);
                    best = select(best, value, wins);
                    at = select(at, i * width + v + columns, wins);
                }
            }
            STORE(best, 0, y + row + q);
            STORE(at, 0, where + row + q);
        }
    }
}

__kernel void max_pixels(__global const float *restrict x, __global float *restrict y, __global int *restrict where,
                         int planes, int height, int width, int out_height, int out_width, int pad_top, int pad_left,
                         int part) {
    const int q = (int)get_global_id(0), p = (int)get_global_id(1), plane = (int)get_global_id(2);
    if (q >= out_width || p >= out_height || plane >= planes) return;
    const size_t to = ((size_t)plane * out_height + p) * out_width + q;
    max_of_window(x + (size_t)plane * height * width, height, width, p * STRIDE_H - pad_top, q * STRIDE_W - pad_left,
                  y + to, where + to);
}

/* ---- gradients: a cell is in the windows (p,q) with p from rows, q from columns. Column STRIDE_W*j + phase - pad_left is
 *      column phase + STRIDE_W*m of window j - m, for every m that leaves it inside the kernel ---- */

/* The j that reach all columns of a row. */
static inline span phases_over(int width, int pad_left) {
    span s;
    s.first = pad_left / STRIDE_W;
    s.last = (width + pad_left + STRIDE_W - 1) / STRIDE_W;
    return s;
}

/* Elements Q to Q + LANES - 1 of a row of COUNT, 0 for those beyond its ends. */
static inline lanes load_inside(__global const float *row, int q, int count) {
    if (q >= 0 && q + LANES <= count) return LOAD(0, row + q);
    float values[LANES];
    for (int i = 0; i < LANES; i++) {
        values[i] = q + i >= 0 && q + i < count ? row[q + i] : 0.0f;
    }
    return LOAD(0, values);
}

static inline int_lanes load_inside_int(__global const int *row, int q, int count) {
    if (q >= 0 && q + LANES <= count) return LOAD(0, row + q);
    int values[LANES];
    for (int i = 0; i < LANES; i++) {
        values[i] = q + i >= 0 && q + i < count ? row[q + i] : -1;
    }
    return LOAD(0, values);
}

/* Stores VALUES[PHASE], lane I, at column (j + i) * STRIDE_W + phase - pad_left of a row, where that is inside. */
static inline void store_phases_inside(const lanes values[STRIDE_W], __global float *row, int j, int width,
                                       int pad_left) {
    const int left = j * STRIDE_W - pad_left;
    if (left >= 0 && left + LANES * STRIDE_W <= width) {
        store_phases(values, row + left);
        return;
    }
    UNROLL
    for (int phase = 0; phase < STRIDE_W; phase++) {
        float column[LANES];
        STORE(values[phase], 0, column);
        for (int i = 0; i < LANES; i++) {
            const int at = left + i * STRIDE_W + phase;
            if (at >= 0 && at < width) row[at] = column[i];
        }
    }
}

/* dx[i,j] = the sum of dy over the windows that contain the cell and whose winner it is */
static inline float max_gradient_of(__global const int *where, __global const float *dy, int i, int j, int width,
                                    int out_height, int out_width, int pad_top, int pad_left) {
    const span rows = windows_over(i + pad_top, KERNEL_H, STRIDE_H, out_height);
    const span columns = windows_over(j + pad_left, KERNEL_W, STRIDE_W, out_width);
    float sum = 0.0f;
    for (int p = rows.first; p < rows.last; p++) {
        for (int q = columns.first; q < columns.last; q++) {
            sum += where[p * out_width + q] == i * width + j ? dy[p * out_width + q] : 0.0f;
        }
    }
    return sum;
}

__kernel void max_gradient_rows(__global const int *restrict where, __global const float *restrict dy,
                                __global float *restrict dx, int planes, int height, int width, int out_height,
                                int out_width, int pad_top, int pad_left, int part) {
    const int begin = (int)get_global_id(0) * part, end = min(begin + part, height), plane = (int)get_global_id(1);
    const span reach = phases_over(width, pad_left);
    where += (size_t)plane * out_height * out_width;
    dy += (size_t)plane * out_height * out_width;
    dx += (size_t)plane * height * width;
    for (int i = begin; i < end; i++) {
        const span rows = windows_over(i + pad_top, KERNEL_H, STRIDE_H, out_height);
        for (int vector = reach.first; vector < reach.last; vector += LANES) {
            const int j = max(reach.first, min(vector, reach.last - LANES));
            const int_lanes here = i * width + j * STRIDE_W - pad_left + COUNTING * STRIDE_W;
            lanes sums[STRIDE_W] = { 0.0f };
            for (int p = rows.first; p < rows.last; p++) {
                UNROLL
                for (int v = 0; v < KERNEL_W; v++) {
                    const int q = j - v / STRIDE_W;
                    const int_lanes winner = load_inside_int(where + p * out_width, q, out_width);
                    const lanes d = load_inside(dy + p * out_width, q, out_width);
                    sums[v % STRIDE_W] += select((lanes)(0.0f), d, winner == here + v % STRIDE_W);
                }
            }
            store_phases_inside(sums, dx + i * width, j, width, pad_left);
        }
    }
}

__kernel void max_gradient_pixels(__global const int *restrict where, __global const float *restrict dy,
                                  __global float *restrict dx, int planes, int height, int width, int out_height,
                                  int out_width, int pad_top, int pad_left, int part) {
    const int j = (int)get_global_id(0), i = (int)get_global_id(1), plane = (int)get_global_id(2);
    if (j >= width || i >= height || plane >= planes) return;
    const size_t from = (size_t)plane * out_height * out_width;
    dx[((size_t)plane * height + i) * width + j] =
        max_gradient_of(where + from, dy + from, i, j, width, out_height, out_width, pad_top, pad_left);
}

/* y = x at the winner of each window, 0 where the winner is not in the window */
__kernel void max_pick(__global const int *restrict where, __global const float *restrict x, __global float *restrict y,
                       int planes, int height, int width, int out_height, int out_width, int pad_top, int pad_left,
                       int part) {
    const int q = (int)get_global_id(0), p = (int)get_global_id(1), plane = (int)get_global_id(2);
    if (q >= out_width || p >= out_height || plane >= planes) return;
    const size_t to = ((size_t)plane * out_height + p) * out_width + q;
    const span rows = clip(p * STRIDE_H - pad_top, KERNEL_H, height);
    const span columns = clip(q * STRIDE_W - pad_left, KERNEL_W, width);
    const int at = where[to], i = at / width, j = at - i * width;
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
                           int width, int out_height, int out_width, int pad_top, int pad_left, int part,
                           int before_h, int end_h, int before_w, int end_w) {
    const int begin = (int)get_global_id(0) * part, end = min(begin + part, out_height);
    const int plane = (int)get_global_id(1);
    const span whole = wide_enough(whole_windows(width, pad_left, out_width));
    x += (size_t)plane * height * width;
    for (int p = begin; p < end; p++) {
        __global float *to = y + ((size_t)plane * out_height + p) * out_width;
        const int top = p * STRIDE_H - pad_top;
        const span rows = clip(top, KERNEL_H, height);
        const float scale = per_extent(top, 0, before_h, end_h, 0, KERNEL_W);
        for (int vector = whole.first; vector < whole.last; vector += LANES) {
            const int q = min(vector, whole.last - LANES), corner = q * STRIDE_W - pad_left;
            lanes sum = 0.0f;
            for (int i = rows.first; i < rows.last; i++) {
                UNROLL
                for (int v = 0; v < KERNEL_W; v++) {
                    sum += load_strided(x + i * width + corner + v);
                }
            }
            STORE(sum * scale, 0, to + q);
        }
        for (int q = 0; q < out_width; q++) {
            if (q >= whole.first && q < whole.last) continue;
            const int left = q * STRIDE_W - pad_left;
            to[q] = sum_of_window(x, height, width, top, left) *
                    per_extent(top, left, before_h, end_h, before_w, end_w);
        }
    }
}

__kernel void average_pixels(__global const float *restrict x, __global float *restrict y, int planes, int height,
                             int width, int out_height, int out_width, int pad_top, int pad_left, int part,
                             int before_h, int end_h, int before_w, int end_w) {
    const int q = (int)get_global_id(0), p = (int)get_global_id(1), plane = (int)get_global_id(2);
    if (q >= out_width || p >= out_height || plane >= planes) return;
    const int top = p * STRIDE_H - pad_top, left = q * STRIDE_W - pad_left;
    y[((size_t)plane * out_height + p) * out_width + q] =
        sum_of_window(x + (size_t)plane * height * width, height, width, top, left) *
        per_extent(top, left, before_h, end_h, before_w, end_w);
}

/* dx[i,j] = the sum of dy / extent over the windows that contain the cell */
static inline float average_gradient_of(__global const float *dy, int i, int j, int out_height, int out_width,
                                        int pad_top, int pad_left, int before_h, int end_h, int before_w, int end_w) {
    const span rows = windows_over(i + pad_top, KERNEL_H, STRIDE_H, out_height);
    const span columns = windows_over(j + pad_left, KERNEL_W, STRIDE_W, out_width);
    float sum = 0.0f;
    for (int p = rows.first; p < rows.last; p++) {
        for (int q = columns.first; q < columns.last; q++) {
            sum += dy[p * out_width + q] * per_extent(p * STRIDE_H - pad_top, q * STRIDE_W - pad_left, before_h, end_h,
                                                      before_w, end_w);
        }
    }
    return sum;
}

/* 1 / extent of windows Q to Q + LANES - 1; lanes without a window get some number. */
static inline lanes per_extents(int top, int q, span whole, int pad_left, int before_h, int end_h, int before_w,
                                int end_w) {
    const int rows = min(top + KERNEL_H, end_h) - max(top, before_h);
    if (q >= whole.first && q + LANES <= whole.last) return 1.0f / (float)(rows * KERNEL_W);
    int columns[LANES];
    for (int i = 0; i < LANES; i++) {
        const int left = (q + i) * STRIDE_W - pad_left;
        columns[i] = max(min(left + KERNEL_W, end_w) - max(left, before_w), 1);
    }
    return 1.0f / PASTE(convert_float, LANES)(rows * LOAD(0, columns));
}

__kernel void average_gradient_rows(__global const float *restrict dy, __global float *restrict dx, int planes,
                                    int height, int width, int out_height, int out_width, int pad_top, int pad_left,
                                    int part, int before_h, int end_h, int before_w, int end_w) {
    const int begin = (int)get_global_id(0) * part, end = min(begin + part, height), plane = (int)get_global_id(1);
    const span reach = phases_over(width, pad_left), whole = whole_windows(width, pad_left, out_width);
    dy += (size_t)plane * out_height * out_width;
    dx += (size_t)plane * height * width;
    for (int i = begin; i < end; i++) {
        const span rows = windows_over(i + pad_top, KERNEL_H, STRIDE_H, out_height);
        for (int vector = reach.first; vector < reach.last; vector += LANES) {
            const int j = max(reach.first, min(vector, reach.last - LANES));
            lanes sums[STRIDE_W] = { 0.0f };
            for (int p = rows.first; p < rows.last; p++) {
                UNROLL
                for (int v = 0; v < KERNEL_W; v++) {
                    const int q = j - v / STRIDE_W;
                    const lanes scale = per_extents(p * STRIDE_H - pad_top, q, whole, pad_left, before_h, end_h,
                                                    before_w, end_w);
                    sums[v % STRIDE_W] += load_inside(dy + p * out_width, q, out_width) * scale;
                }
            }
            store_phases_inside(sums, dx + i * width, j, width, pad_left);
        }
    }
}

__kernel void average_gradient_pixels(__global const float *restrict dy, __global float *restrict dx, int planes,
                                      int height, int width, int out_height, int out_width, int pad_top, int pad_left,
                                      int part, int before_h, int end_h, int before_w, int end_w) {
    const int j = (int)get_global_id(0), i = (int)get_global_id(1), plane = (int)get_global_id(2);
    if (j >= width || i >= height || plane >= planes) return;
    dx[((size_t)plane * height + i) * width + j] =
        average_gradient_of(dy + (size_t)plane * out_height * out_width, i, j, out_height, out_width, pad_top, pad_left,
                            before_h, end_h, before_w, end_w);
}
