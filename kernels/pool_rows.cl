/* Pooling where an item is a thread's work: an item takes PART rows of the result, of one plane after another, and of
 * each plane's rows one column of vectors of LANES elements after another, from the last.
 *
 * Columns of vectors are laid over each other where they do not tile a row. Where a row holds less than a vector, or
 * its last vector ends beyond it, the vector runs on into the next row, which is written later: but in the last rows of
 * an item, which end where they must. What lies beside a row in memory is read with it; it is masked where it could
 * count, and only at the ends of the array is it left unread.
 *
 * What depends on a flag is two functions of two names: compilers join two calls of one function before they look into
 * it, and the flag would be asked for in the innermost loop. */
#include "lanes.h"
#include "pool_windows.h"
#include "vectors.h"

/* ---- loads and stores ---- */

/* The places of an array around a plane's first element. */
typedef struct bounds {
    long low, high; /* high excluded */
} bounds;

static inline bounds bounds_around(long plane_begin, long total) {
    bounds b;
    b.low = -plane_begin;
    b.high = total - plane_begin;
    return b;
}

/* LANES numbers from AT on. SAFE: all of them are inside the array. */
static inline lanes load_at(__global const float *x, int at, bounds b, bool safe) {
    if (safe || (at >= b.low && at + LANES <= b.high)) return LOAD(0, x + at);
    float values[LANES];
    for (int i = 0; i < LANES; i++) {
        values[i] = at + i >= b.low && at + i < b.high ? x[at + i] : 0.0f;
    }
    return LOAD(0, values);
}

static inline int_lanes load_int_at(__global const int *x, int at, bounds b, bool safe) {
    if (safe || (at >= b.low && at + LANES <= b.high)) return LOAD(0, x + at);
    int values[LANES];
    for (int i = 0; i < LANES; i++) {
        values[i] = at + i >= b.low && at + i < b.high ? x[at + i] : -1;
    }
    return LOAD(0, values);
}

/* LANES numbers from AT + V on, STRIDE_W apart; V is a column of a window. */
static inline lanes load_strided(__global const float *x, int at, int v, bounds b, bool safe) {
#if STRIDE_W == 1
    return load_at(x, at + v, b, safe);
#elif STRIDE_W == 2
    const lanes low = load_at(x, at + (v & ~1), b, safe), high = load_at(x, at + (v & ~1) + LANES, b, safe);
    return v & 1 ? ODD(low, high) : EVEN(low, high);
#else
    float values[LANES];
    for (int i = 0; i < LANES; i++) {
        const int from = at + v + i * STRIDE_W;
        values[i] = safe || (from >= b.low && from < b.high) ? x[from] : 0.0f;
    }
    return LOAD(0, values);
#endif
}
/* The most that it reads past AT + REACH_W. */
#define LOADED_PAST (LANES * STRIDE_W)

/* The first COUNT lanes; COUNT may be more than LANES. */
static inline void store_count(lanes v, __global float *y, int count) {
    float values[LANES];
    STORE(v, 0, values);
    for (int i = 0; i < min(count, LANES); i++) {
        y[i] = values[i];
    }
}

static inline void store_int_count(int_lanes v, __global int *y, int count) {
    int values[LANES];
    STORE(v, 0, values);
    for (int i = 0; i < min(count, LANES); i++) {
        y[i] = values[i];
    }
}

/* ---- the rows of one plane that an item takes ---- */

typedef struct stretch {
    int plane, first, last; /* rows */
    int room;               /* elements from row `first` on that are the item's */
} stretch;

/* From row NUMBER of all planes' on, as many as stay in the nearest cache; END is the item's, READ the elements that
 * are read for a row. */
static inline stretch stretch_at(int number, int end, int height, int width, int read) {
    enum { NEAR = 4096 };
    stretch s;
    s.plane = number / height;
    s.first = number - s.plane * height;
    s.last = min(s.first + min(end - number, max(NEAR / read, 1)), height);
    s.room = (end - number) * width;
    return s;
}

/* ---- maximum and average ---- */

/* Whether all that load_strided() takes for these rows of windows is inside x. */
static inline bool windows_are_safe(stretch s, int height, int width, bounds b) {
    const int first = max(s.first * STRIDE_H - PAD_H, 0) * width - PAD_W;
    const int last = min((s.last - 1) * STRIDE_H - PAD_H + REACH_H, height) * width;
    return first >= b.low && last + LOADED_PAST <= b.high;
}

/* Whether none of windows Q to Q + LANES - 1, of COUNT, hangs over a side. */
static inline bool none_hangs_over(int q, int count, int width) {
    return q * STRIDE_W >= PAD_W && (min(q + LANES, count) - 1) * STRIDE_W - PAD_W + REACH_W <= width;
}

typedef struct winners {
    lanes best;
    int_lanes at;
} winners;

/* Windows from row TOP and column LEFT on that lie wholly inside. */
static inline winners max_of_whole_windows(__global const float *x, int top, int left, int width, bounds b) {
    const int corner = top * width + left;
    winners w;
    w.at = corner + COUNTING * STRIDE_W;
    w.best = load_strided(x, corner, 0, b, true);
    UNROLL
    for (int i = 0; i < KERNEL_H * KERNEL_W; i++) {
        const int down = i / KERNEL_W * DILATION_H * width, v = i % KERNEL_W * DILATION_W;
        const lanes value = load_strided(x, corner + down, v, b, true);
        const int_lanes wins = WINS(value, w.best);
        w.best = select(w.best, value, wins);
        w.at = select(w.at, corner + down + v + COUNTING * STRIDE_W, wins);
    }
    return w;
}

static inline winners max_of_any_windows(__global const float *x, span rows, int left, int width, bounds b) {
    const int_lanes columns = left + COUNTING * STRIDE_W;
    winners w;
    w.at = rows.first * width + columns +
           (max(-columns, (int_lanes)(0)) + (int_lanes)(DILATION_W - 1)) / (int_lanes)(DILATION_W) *
               (int_lanes)(DILATION_W);
    w.best = -INFINITY;
    for (int i = rows.first; i < rows.last; i += DILATION_H) {
        for (int v = 0; v < REACH_W; v += DILATION_W) {
            const lanes value = load_strided(x, i * width + left, v, b, false);
            const int_lanes wins = WINS(value, w.best) & INSIDE(columns + v, width);
            w.best = select(w.best, value, wins);
            w.at = select(w.at, i * width + v + columns, wins);
        }
    }
    return w;
}

static inline void max_stretch(__global const float *x, __global float *y, __global int *where, stretch s, int height,
                               int width, int out_width, bounds b) {
    const bool safe = windows_are_safe(s, height, width, b);
    for (int q = max(out_width - LANES, 0);; q = max(q - LANES, 0)) {
        const bool whole = safe && none_hangs_over(q, out_width, width);
        const int left = q * STRIDE_W - PAD_W;
        for (int p = s.first, to = q; p < s.last; p++, to += out_width) {
            const int top = p * STRIDE_H - PAD_H;
            const span rows = clip(top, REACH_H, DILATION_H, height);
            const winners w = whole && rows.last - rows.first == REACH_H
                                  ? max_of_whole_windows(x, top, left, width, b)
                                  : max_of_any_windows(x, rows, left, width, b);
            if (to + LANES <= s.room) {
                STORE(w.best, 0, y + to);
                STORE(w.at, 0, where + to);
            } else {
                store_count(w.best, y + to, s.room - to);
                store_int_count(w.at, where + to, s.room - to);
            }
        }
        if (q == 0) return;
    }
}

__kernel void max_rows(__global const float *restrict x, __global float *restrict y, __global int *restrict where,
                       int planes, int height, int width, int out_height, int out_width, int part) {
    int number = (int)get_global_id(0) * part;
    const int end = min(number + part, planes * out_height);
    while (number < end) {
        const stretch s = stretch_at(number, end, out_height, out_width, STRIDE_H * width);
        const long plane = (long)s.plane * height * width, to = (long)number * out_width;
        max_stretch(x + plane, y + to, where + to, s, height, width, out_width,
                    bounds_around(plane, (long)planes * height * width));
        number += s.last - s.first;
    }
}

/* 1 / extent of windows Q to Q + LANES - 1, 1 where there is none. (Oclgrind 21.10 takes a number beside a vector in
 * min() and max() for a vector.) */
static inline lanes per_extents(int top, int q, EXTENT_PARAMETERS) {
#ifdef SUM
    return 1.0f;
#else
    const int_lanes left = (q + COUNTING) * STRIDE_W - PAD_W, step = DILATION_W, kernel_size = KERNEL_W;
    const int rows = cells_inside(top, KERNEL_H, DILATION_H, before_h, end_h);
    const int_lanes left_out = (max(before_w - left, (int_lanes)(0)) + step - 1) / step;
    const int_lanes columns = min((end_w - left + step - 1) / step, kernel_size) - left_out;
    return 1.0f / TO_FLOAT(max(rows * columns, (int_lanes)(1)));
#endif
}

#ifdef SUM
#define PER_WHOLE_EXTENT 1.0f
#else
#define PER_WHOLE_EXTENT (1.0f / (KERNEL_H * KERNEL_W))
#endif

static inline lanes sum_of_whole_windows(__global const float *x, int corner, int width, bounds b) {
    lanes sum = 0.0f;
    UNROLL
    for (int i = 0; i < KERNEL_H * KERNEL_W; i++) {
        const int down = i / KERNEL_W * DILATION_H * width, v = i % KERNEL_W * DILATION_W;
        sum += TERM(load_strided(x, corner + down, v, b, true));
    }
    return sum;
}

static inline lanes sum_of_any_windows(__global const float *x, span rows, int left, int width, bounds b) {
    lanes sum = 0.0f;
    for (int i = rows.first; i < rows.last; i += DILATION_H) {
        for (int v = 0; v < REACH_W; v += DILATION_W) {
            const int_lanes columns = left + v + COUNTING * STRIDE_W;
            const lanes value = load_strided(x, i * width + left, v, b, false);
            sum += select((lanes)(0.0f), TERM(value), INSIDE(columns, width));
        }
    }
    return sum;
}

static inline void average_stretch(__global const float *x, __global float *y, stretch s, int height, int width,
                                   int out_width, bounds b, EXTENT_PARAMETERS) {
    const bool safe = windows_are_safe(s, height, width, b);
    for (int q = max(out_width - LANES, 0);; q = max(q - LANES, 0)) {
        const bool whole = safe && none_hangs_over(q, out_width, width);
        const int left = q * STRIDE_W - PAD_W;
        for (int p = s.first, to = q; p < s.last; p++, to += out_width) {
            const int top = p * STRIDE_H - PAD_H;
            const span rows = clip(top, REACH_H, DILATION_H, height);
            const lanes sum = whole && rows.last - rows.first == REACH_H
                                  ? sum_of_whole_windows(x, top * width + left, width, b) * PER_WHOLE_EXTENT
                                  : sum_of_any_windows(x, rows, left, width, b) * per_extents(top, q, EXTENT_ARGUMENTS);
            const lanes mean = ROOT(sum);
            if (to + LANES <= s.room)
                STORE(mean, 0, y + to);
            else
                store_count(mean, y + to, s.room - to);
        }
        if (q == 0) return;
    }
}

__kernel void average_rows(__global const float *restrict x, __global float *restrict y, int planes, int height,
                           int width, int out_height, int out_width, int part, EXTENT_PARAMETERS) {
    int number = (int)get_global_id(0) * part;
    const int end = min(number + part, planes * out_height);
    while (number < end) {
        const stretch s = stretch_at(number, end, out_height, out_width, STRIDE_H * width);
        const long plane = (long)s.plane * height * width;
        average_stretch(x + plane, y + (long)number * out_width, s, height, width, out_width,
                        bounds_around(plane, (long)planes * height * width), EXTENT_ARGUMENTS);
        number += s.last - s.first;
    }
}

/* ---- gradients: column STRIDE_W*t + f of a row is cell v of window t + (f + PAD_W - v * DILATION_W) / STRIDE_W, for
 *      the v whose places leave the same remainder as f + PAD_W ---- */

#define PHASE(V) (((V) * DILATION_W % STRIDE_W + STRIDE_W - PAD_W % STRIDE_W) % STRIDE_W)
#define SHIFT(V) ((PHASE(V) + PAD_W - (V) * DILATION_W) / STRIDE_W)
#define SHIFT_LAST ((STRIDE_W - 1 + PAD_W) / STRIDE_W)

/* The rows of windows over row I. */
static inline span windows_over_row(int i, int out_height) {
    return windows_over(i + PAD_H, REACH_H, STRIDE_H, out_height);
}

/* Whether all that is loaded of the windows over these rows is inside the array. */
static inline bool cells_are_safe(stretch s, int out_height, int out_width, bounds b) {
    const int first = windows_over_row(s.first, out_height).first * out_width + SHIFT(KERNEL_W - 1);
    const int last = windows_over_row(s.last - 1, out_height).last * out_width + SHIFT_LAST + LANES;
    return first >= b.low && last <= b.high;
}

/* The sums of each phase, of row I from t on. */
typedef struct phases {
    lanes of[STRIDE_W];
} phases;

/* Stores phase f, lane i, at y[i * STRIDE_W + f], as far as that is below ROOM. */
static inline void store_phases(phases sums, __global float *y, int room) {
#if STRIDE_W == 1
    if (room >= LANES)
        STORE(sums.of[0], 0, y);
    else
        store_count(sums.of[0], y, room);
#elif STRIDE_W == 2
    const lanes low = WEAVE_LOW(sums.of[0], sums.of[1]), high = WEAVE_HIGH(sums.of[0], sums.of[1]);
    if (room >= 2 * LANES) {
        STORE(low, 0, y);
        STORE(high, 1, y);
    } else {
        store_count(low, y, room);
        store_count(high, y + LANES, room - LANES);
    }
#else
    for (int f = 0; f < STRIDE_W; f++) {
        float column[LANES];
        STORE(sums.of[f], 0, column);
        for (int i = 0; i < LANES; i++) {
            if (i * STRIDE_W + f < room) y[i * STRIDE_W + f] = column[i];
        }
    }
#endif
}

/* Row I's sums. HERE: the places of phase 0 in their plane. */
static inline phases max_gradient_of(__global const int *where, __global const float *dy, int_lanes here, span rows,
                                     int i, int t, int out_width, bounds b, bool safe) {
    phases sums = { { 0.0f } };
    for (int p = rows.first; p < rows.last; p++) {
        if (!has_cell(i + PAD_H, p, STRIDE_H, DILATION_H)) continue;
        UNROLL
        for (int v = 0; v < KERNEL_W; v++) {
            const int from = p * out_width + t + SHIFT(v);
            const int_lanes winner = load_int_at(where, from, b, safe);
            const lanes d = load_at(dy, from, b, safe);
            const int_lanes wins = (winner == here + PHASE(v)) & INSIDE(t + SHIFT(v) + COUNTING, out_width);
            sums.of[PHASE(v)] += select((lanes)(0.0f), d, wins);
        }
    }
    return sums;
}

static inline phases max_gradient_within(__global const int *where, __global const float *dy, int_lanes here, span rows,
                                         int i, int t, int out_width, bounds b) {
    return max_gradient_of(where, dy, here, rows, i, t, out_width, b, true);
}

static inline phases max_gradient_at_ends(__global const int *where, __global const float *dy, int_lanes here,
                                          span rows, int i, int t, int out_width, bounds b) {
    return max_gradient_of(where, dy, here, rows, i, t, out_width, b, false);
}

static inline void max_gradient_stretch(__global const int *where, __global const float *dy, __global float *dx,
                                        stretch s, int width, int out_height, int out_width, bounds b) {
    const bool safe = cells_are_safe(s, out_height, out_width, b);
    for (int t = max((width + STRIDE_W - 1) / STRIDE_W - LANES, 0);; t = max(t - LANES, 0)) {
        int_lanes here = s.first * width + (t + COUNTING) * STRIDE_W;
        for (int i = s.first, to = t * STRIDE_W; i < s.last; i++, to += width, here += width) {
            const span rows = windows_over_row(i, out_height);
            const phases sums = safe ? max_gradient_within(where, dy, here, rows, i, t, out_width, b)
                                     : max_gradient_at_ends(where, dy, here, rows, i, t, out_width, b);
            store_phases(sums, dx + to, s.room - to);
        }
        if (t == 0) return;
    }
}

__kernel void max_gradient_rows(__global const int *restrict where, __global const float *restrict dy,
                                __global float *restrict dx, int planes, int height, int width, int out_height,
                                int out_width, int part) {
    int number = (int)get_global_id(0) * part;
    const int end = min(number + part, planes * height);
    while (number < end) {
        const stretch s = stretch_at(number, end, height, width, width);
        const long plane = (long)s.plane * out_height * out_width;
        max_gradient_stretch(where + plane, dy + plane, dx + (long)number * width, s, width, out_height, out_width,
                             bounds_around(plane, (long)planes * out_height * out_width));
        number += s.last - s.first;
    }
}

static inline phases average_gradient_within(__global const float *dy, span rows, int i, int t, int out_width, bounds b,
                                             EXTENT_PARAMETERS) {
    phases sums = { { 0.0f } };
    for (int p = rows.first; p < rows.last; p++) {
        if (!has_cell(i + PAD_H, p, STRIDE_H, DILATION_H)) continue;
        const float scale = per_extent(p * STRIDE_H - PAD_H, 0, before_h, end_h, 0, REACH_W);
        UNROLL
        for (int v = 0; v < KERNEL_W; v++) {
            const int q = t + SHIFT(v);
            const lanes d = load_at(dy, p * out_width + q, b, true) * scale;
            sums.of[PHASE(v)] += select((lanes)(0.0f), d, INSIDE(q + COUNTING, out_width));
        }
    }
    return sums;
}

static inline phases average_gradient_of_any(__global const float *dy, span rows, int i, int t, int out_width, bounds b,
                                             EXTENT_PARAMETERS) {
    phases sums = { { 0.0f } };
    for (int p = rows.first; p < rows.last; p++) {
        if (!has_cell(i + PAD_H, p, STRIDE_H, DILATION_H)) continue;
        for (int v = 0; v < KERNEL_W; v++) {
            const int q = t + SHIFT(v);
            const lanes scale = per_extents(p * STRIDE_H - PAD_H, q, EXTENT_ARGUMENTS);
            const lanes d = load_at(dy, p * out_width + q, b, false) * scale;
            sums.of[PHASE(v)] += select((lanes)(0.0f), d, INSIDE(q + COUNTING, out_width));
        }
    }
    return sums;
}

/* EVEN_EXTENTS: all windows' extents along a row are KERNEL_W. */
static inline void average_gradient_stretch(__global const float *dy, __global float *dx, stretch s, int width,
                                            int out_height, int out_width, bounds b, bool even_extents,
                                            EXTENT_PARAMETERS) {
    const bool plain = even_extents && cells_are_safe(s, out_height, out_width, b);
    for (int t = max((width + STRIDE_W - 1) / STRIDE_W - LANES, 0);; t = max(t - LANES, 0)) {
        for (int i = s.first, to = t * STRIDE_W; i < s.last; i++, to += width) {
            const span rows = windows_over_row(i, out_height);
            const phases sums = plain ? average_gradient_within(dy, rows, i, t, out_width, b, EXTENT_ARGUMENTS)
                                      : average_gradient_of_any(dy, rows, i, t, out_width, b, EXTENT_ARGUMENTS);
            store_phases(sums, dx + to, s.room - to);
        }
        if (t == 0) return;
    }
}

__kernel void average_gradient_rows(__global const float *restrict dy, __global float *restrict dx, int planes,
                                    int height, int width, int out_height, int out_width, int part,
                                    EXTENT_PARAMETERS) {
    int number = (int)get_global_id(0) * part;
    const int end = min(number + part, planes * height);
    const bool even = -PAD_W >= before_w && (out_width - 1) * STRIDE_W - PAD_W + REACH_W <= end_w;
    while (number < end) {
        const stretch s = stretch_at(number, end, height, width, width);
        const long plane = (long)s.plane * out_height * out_width;
        average_gradient_stretch(dy + plane, dx + (long)number * width, s, width, out_height, out_width,
                                 bounds_around(plane, (long)planes * out_height * out_width), even, EXTENT_ARGUMENTS);
        number += s.last - s.first;
    }
}
