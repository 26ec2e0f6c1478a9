/* Recurrent layers: what one time step does to an element (or to sixteen neighbouring units of a sample), forward and
 * backward, shared by the kernels for CPU-like and for GPU-like devices. Formulas: src/ops/recurrent/recurrent.h.
 *
 * The host gives CELL: 1 RNN, 2 LSTM, 3 GRU whose reset gate comes before the product, 4 GRU whose reset gate comes
 * after it; and for an RNN with ReLU instead of tanh, -DRELU. The file that includes this defines VECTORS for sixteen
 * units at a time; then COUNT units, at most 16, are meant, else one.
 *
 * Rows of an array over time: (t, n, direction) with WIDTH floats each; a gate's units lie together. */
#ifndef RECURRENT_H
#define RECURRENT_H

#include "fma.h"
#include "vectors.h"

#ifndef CELL
#define CELL 2
#endif

#define RNN (CELL == 1)
#define LSTM (CELL == 2)
#define RESET_BEFORE (CELL == 3)
#define RESET_AFTER (CELL == 4)

#if RNN
enum { GATES = 1, KEPT = 0, EXTRAS = 0, RECURRENT_GATES = 1 };
#elif LSTM
enum { GATES = 4, KEPT = 5, EXTRAS = 3, RECURRENT_GATES = 4 };
#elif RESET_BEFORE
enum { GATES = 3, KEPT = 3, EXTRAS = 0, RECURRENT_GATES = 2 };
#else
enum { GATES = 3, KEPT = 4, EXTRAS = 3, RECURRENT_GATES = 3 };
#endif
enum { SLOTS = 5 }; /* as many numbers of a unit as any cell has */

#define INLINE static inline __attribute__((always_inline))

#ifdef VECTORS
typedef float16 real;
#define AS_INT as_int16
#define AS_REAL as_float16
#define LOAD(P) load_some(P, count, 0.0f)
#define STORE(V, P) store_some(V, P, count)
#else
typedef float real;
#define AS_INT as_int
#define AS_REAL as_float
#define LOAD(P) (*(P))
#define STORE(V, P) (*(P) = (V))
#endif

/* ---- activations ----
 * x = n ln 2 + r, |r| <= ln(2) / 2: e^x = 2^n + 2^n p, p = e^r - 1 by its series. n is rounded by adding 1.5 * 2^23,
 * whose last bits then hold it. */

INLINE real less_one(real x, real *power) {
    const real shifted = FMA(x, (real)(1.44269504f), (real)(12582912.0f)), n = shifted - 12582912.0f;
    const real r = FMA(n, (real)(2.12194440e-4f), FMA(n, (real)(-0.693359375f), x));
    real p = FMA(r, (real)(1.0f / 5040), (real)(1.0f / 720));
    p = FMA(p, r, (real)(1.0f / 120));
    p = FMA(p, r, (real)(1.0f / 24));
    p = FMA(p, r, (real)(1.0f / 6));
    p = FMA(p, r, (real)(0.5f));
    *power = AS_REAL((AS_INT(shifted) << 23) + 0x3f800000);
    return FMA(p * r, r, r);
}

/* x between -LIMIT and LIMIT; NaN stays. */
INLINE real bounded(real x, float limit) {
    x = x > limit ? (real)(limit) : x;
    return x < -limit ? (real)(-limit) : x;
}

/* 1 / (1 + e^-x); beyond 40 its own rounding hides the bound. */
INLINE real sigmoid_of(real x) {
    real power;
    const real p = less_one(bounded(-x, 40.0f), &power);
    return 1.0f / (1.0f + FMA(power, p, power));
}

/* (e^2x - 1) / (e^2x + 1). */
INLINE real tanh_of(real x) {
    real power;
    const real p = less_one(bounded(2.0f * x, 40.0f), &power), e = FMA(power, p, power - 1.0f);
    return e / (e + 2.0f);
}

INLINE real activation_of(real x) {
#ifdef RELU
    return x < 0.0f ? (real)(0.0f) : x;
#else
    return tanh_of(x);
#endif
}

/* Derivatives from the results; 0 from BOUND on, where the clip held (infinite without one). */
INLINE real sigmoid_slope(real a, float bound) {
    return fabs(a - 0.5f) >= bound ? (real)(0.0f) : a * (1.0f - a);
}

INLINE real tanh_slope(real a, float bound) {
    return fabs(a) >= bound ? (real)(0.0f) : FMA(-a, a, (real)(1.0f));
}

INLINE real activation_slope(real a, float bound) {
#ifdef RELU
    return a <= 0.0f || a >= bound ? (real)(0.0f) : (real)(1.0f);
#else
    return tanh_slope(a, bound);
#endif
}

/* ---- where things lie ---- */

/* One direction of a batch of sequences. LENGTHS counts only when HAS_LENGTHS. */
typedef struct sequences {
    const __global int *lengths;
    int has_lengths, time, samples, units, directions, direction, reversed;
} sequences;

INLINE int length_of(const sequences *s, int n) {
    return s->has_lengths ? clamp(s->lengths[n], 0, s->time) : s->time;
}

/* The sample's step that is carried out first, and last, -1 for a sample without any. */
INLINE int first_step(const sequences *s, int n) {
    return s->reversed ? max(length_of(s, n) - 1, 0) : 0;
}

INLINE int last_step(const sequences *s, int n) {
    const int length = length_of(s, n);
    return s->reversed && length > 0 ? 0 : length - 1;
}

INLINE size_t row_at(const sequences *s, int t, int n, int width) {
    return (((size_t)t * s->samples + n) * s->directions + s->direction) * width;
}

INLINE size_t state_at(const sequences *s, int n) {
    return ((size_t)s->direction * s->samples + n) * s->units;
}

/* What was in the sample's row before step t: INITIAL's at its first step, else that of the step before in OVER_TIME,
 * whose rows have WIDTH floats. Steps beyond the sample's end give some row. */
INLINE const __global float *before(const sequences *s, int t, int n, const __global float *initial,
                                    const __global float *over_time, int width) {
    const int earlier = s->reversed ? t + 1 : t - 1;
    if (t == first_step(s, n) || earlier < 0 || earlier >= s->time) return initial + state_at(s, n);
    return over_time + row_at(s, earlier, n, width);
}

/* ---- forward ---- */

typedef struct forward_arrays {
    const __global float *x, *hidden, *cell, *extra; /* (T, N, D*GATES*H), (D, N, H) twice, (D, EXTRAS*H) */
    __global float *y, *last_hidden, *last_cell, *kept, *scratch;
    int has_extra, keeps;
    float clip;
} forward_arrays;

#define GATE(P, G) LOAD((P) + (G) * s->units)

INLINE real extra_of(const sequences *s, const forward_arrays *a, int which, int unit, int count) {
    if (!a->has_extra) return (real)(0.0f);
    return LOAD(a->extra + ((size_t)s->direction * EXTRAS + which) * s->units + unit);
}

/* Stores h and what the gradient needs at step t, the STEPth that is carried out. */
INLINE void put_forward(const sequences *s, const forward_arrays *a, int t, int n, int unit, int count, real h,
                        const real kept[SLOTS]) {
    STORE(h, a->y + row_at(s, t, n, s->units) + unit);
    if (t == last_step(s, n)) STORE(h, a->last_hidden + state_at(s, n) + unit);
    if (!a->keeps) return;
    __global float *to = a->kept + row_at(s, t, n, KEPT * s->units) + unit;
#if !RNN
    for (int i = 0; i < KEPT; i++) STORE(kept[i], to + i * s->units);
#endif
}

/* A step beyond the sample's end: zeros, and the state stays. */
INLINE void pass_forward(const sequences *s, const forward_arrays *a, int step, int t, int n, int unit, int count) {
    const size_t state = state_at(s, n) + unit;
    real zeros[SLOTS];
    for (int i = 0; i < SLOTS; i++) zeros[i] = 0.0f;
    put_forward(s, a, t, n, unit, count, (real)(0.0f), zeros);
    if (step > 0) return;
    STORE(LOAD(a->hidden + state), a->last_hidden + state);
#if LSTM
    STORE(LOAD(a->cell + state), a->last_cell + state);
#endif
}

/* Step t of sample n: SUM holds the products of the hidden state with the recurrent weights, gate by gate. Where the
 * reset gate comes before the product this is the first half: the update gate and the reset state go to scratch. */
INLINE void step_forward(const sequences *s, const forward_arrays *a, int step, int t, int n, int unit, int count,
                         const real sum[SLOTS]) {
    if (t >= length_of(s, n)) {
        pass_forward(s, a, step, t, n, unit, count);
#if RESET_BEFORE
        STORE((real)(0.0f), a->scratch + state_at(s, n) + unit);
#endif
        return;
    }
    const __global float *x = a->x + row_at(s, t, n, GATES * s->units) + unit;
    real kept[SLOTS], h;
#if RNN
    h = activation_of(bounded(GATE(x, 0) + sum[0], a->clip));
#elif LSTM
    const size_t state = state_at(s, n) + unit;
    const real earlier = LOAD((step == 0 ? a->cell : a->last_cell) + state);
    const real in = GATE(x, 0) + FMA(extra_of(s, a, 0, unit, count), earlier, sum[0]);
    const real forget = GATE(x, 2) + FMA(extra_of(s, a, 2, unit, count), earlier, sum[2]);
    kept[0] = sigmoid_of(bounded(in, a->clip));
    kept[2] = sigmoid_of(bounded(forget, a->clip));
    kept[3] = tanh_of(bounded(GATE(x, 3) + sum[3], a->clip));
    kept[4] = FMA(kept[2], earlier, kept[0] * kept[3]);
    const real out = GATE(x, 1) + FMA(extra_of(s, a, 1, unit, count), kept[4], sum[1]);
    kept[1] = sigmoid_of(bounded(out, a->clip));
    h = kept[1] * tanh_of(kept[4]);
    STORE(kept[4], a->last_cell + state);
#else
    const real earlier = LOAD(before(s, t, n, a->hidden, a->y, s->units) + unit);
    kept[0] = sigmoid_of(bounded(GATE(x, 0) + sum[0] + extra_of(s, a, 0, unit, count), a->clip));
    kept[1] = sigmoid_of(bounded(GATE(x, 1) + sum[1] + extra_of(s, a, 1, unit, count), a->clip));
#if RESET_AFTER
    kept[3] = sum[2] + extra_of(s, a, 2, unit, count);
    kept[2] = tanh_of(bounded(FMA(kept[1], kept[3], GATE(x, 2)), a->clip));
    h = FMA(kept[0], earlier - kept[2], kept[2]);
#else
    const size_t state = state_at(s, n) + unit, states = (size_t)s->directions * s->samples * s->units;
    STORE(kept[1] * earlier, a->scratch + state);
    STORE(kept[0], a->scratch + states + state);
    if (a->keeps) STORE(kept[1], a->kept + row_at(s, t, n, KEPT * s->units) + s->units + unit);
    return;
#endif
#endif
#if !RESET_BEFORE
    put_forward(s, a, t, n, unit, count, h, kept);
#endif
}

#if RESET_BEFORE
/* The second half: SUM is the product of the reset state with the candidate's weights. */
INLINE void candidate_forward(const sequences *s, const forward_arrays *a, int t, int n, int unit, int count,
                              real sum) {
    if (t >= length_of(s, n)) return;
    const __global float *x = a->x + row_at(s, t, n, GATES * s->units) + unit;
    const size_t state = state_at(s, n) + unit, states = (size_t)s->directions * s->samples * s->units;
    const real earlier = LOAD(before(s, t, n, a->hidden, a->y, s->units) + unit), z = LOAD(a->scratch + states + state);
    const real candidate = tanh_of(bounded(GATE(x, 2) + sum, a->clip)), h = FMA(z, earlier - candidate, candidate);
    STORE(h, a->y + row_at(s, t, n, s->units) + unit);
    if (t == last_step(s, n)) STORE(h, a->last_hidden + state);
    if (!a->keeps) return;
    __global float *to = a->kept + row_at(s, t, n, KEPT * s->units) + unit;
    STORE(z, to);
    STORE(candidate, to + 2 * s->units);
}
#endif

/* ---- backward ---- */

/* OTHERS: what takes the place of dx for the recurrent weights where the reset gate comes after the product (T, N,
 * D*3*H); r h where it comes before (T, N, D*H); with peepholes the cell before (T, N, D*H). */
typedef struct backward_arrays {
    const __global float *y, *hidden, *cell, *extra, *kept, *dy, *last_dhidden, *last_dcell;
    __global float *dx, *earlier, *dhidden, *dcell, *others;
    int has_extra, has_dy, has_last_dhidden, has_last_dcell;
    float sigmoid_bound, bound;
} backward_arrays;

INLINE real peephole_of(const sequences *s, const backward_arrays *a, int which, int unit, int count) {
    if (!a->has_extra) return (real)(0.0f);
    return LOAD(a->extra + ((size_t)s->direction * 3 + which) * s->units + unit);
}

/* A step beyond the sample's end. */
INLINE void pass_backward(const sequences *s, const backward_arrays *a, int t, int n, int unit, int count) {
    const real zero = 0.0f;
    __global float *dx = a->dx + row_at(s, t, n, GATES * s->units) + unit;
    for (int i = 0; i < GATES; i++) STORE(zero, dx + i * s->units);
    STORE(zero, a->earlier + row_at(s, t, n, s->units) + unit);
#if RESET_AFTER
    __global float *others = a->others + row_at(s, t, n, GATES * s->units) + unit;
    for (int i = 0; i < GATES; i++) STORE(zero, others + i * s->units);
#elif RESET_BEFORE
    STORE(zero, a->others + row_at(s, t, n, s->units) + unit);
#elif LSTM
    if (a->has_extra) STORE(zero, a->others + row_at(s, t, n, s->units) + unit);
#endif
}

#if LSTM
/* dh to the gates' gradients and to the cell's, which is carried in dcell. */
INLINE void lstm_backward(const sequences *s, const backward_arrays *a, int step, int t, int n, int unit, int count,
                          real dh, real dx[SLOTS]) {
    const __global float *kept = a->kept + row_at(s, t, n, KEPT * s->units) + unit;
    const size_t state = state_at(s, n) + unit;
    const real i = GATE(kept, 0), o = GATE(kept, 1), f = GATE(kept, 2), g = GATE(kept, 3), c = tanh_of(GATE(kept, 4));
    const real earlier = LOAD(before(s, t, n, a->cell, a->kept + 4 * s->units, KEPT * s->units) + unit);
    real dc = 0.0f;
    if (step > 0)
        dc = LOAD(a->dcell + state);
    else if (a->has_last_dcell)
        dc = LOAD(a->last_dcell + state);
    dx[1] = dh * c * sigmoid_slope(o, a->sigmoid_bound);
    dc = FMA(dh * o, FMA(-c, c, (real)(1.0f)), dc);
    dc = FMA(dx[1], peephole_of(s, a, 1, unit, count), dc);
    dx[0] = dc * g * sigmoid_slope(i, a->sigmoid_bound);
    dx[2] = dc * earlier * sigmoid_slope(f, a->sigmoid_bound);
    dx[3] = dc * i * tanh_slope(g, a->bound);
    dc = FMA(dx[0], peephole_of(s, a, 0, unit, count), dc * f);
    dc = FMA(dx[2], peephole_of(s, a, 2, unit, count), dc);
    STORE(dc, a->dcell + state);
    if (a->has_extra) STORE(earlier, a->others + row_at(s, t, n, s->units) + unit);
}
#endif

/* Step t of sample n, the STEPth that is carried out (the last in time comes first). SUM is what flows back into h
 * through the products of the step after. What flows back without a product is carried in dhidden. Where the reset gate
 * comes before the product this is the first half. */
INLINE void step_backward(const sequences *s, const backward_arrays *a, int step, int t, int n, int unit, int count,
                          real sum) {
    const size_t state = state_at(s, n) + unit, row = row_at(s, t, n, s->units) + unit;
    real carried = 0.0f;
    if (step > 0)
        carried = LOAD(a->dhidden + state);
    else if (a->has_last_dhidden)
        carried = LOAD(a->last_dhidden + state);
    if (t >= length_of(s, n)) {
        pass_backward(s, a, t, n, unit, count);
        if (step == 0) STORE(carried, a->dhidden + state);
#if LSTM
        if (step == 0) STORE(a->has_last_dcell ? LOAD(a->last_dcell + state) : (real)(0.0f), a->dcell + state);
#endif
        return;
    }
    const real earlier = LOAD(before(s, t, n, a->hidden, a->y, s->units) + unit);
    const real dh = sum + carried + (a->has_dy ? LOAD(a->dy + row) : (real)(0.0f));
    __global float *to = a->dx + row_at(s, t, n, GATES * s->units) + unit;
    real dx[SLOTS];
    carried = 0.0f;
#if RNN
    dx[0] = dh * activation_slope(LOAD(a->y + row), a->bound);
#elif LSTM
    lstm_backward(s, a, step, t, n, unit, count, dh, dx);
#else
    const __global float *kept = a->kept + row_at(s, t, n, KEPT * s->units) + unit;
    const real z = GATE(kept, 0), r = GATE(kept, 1), candidate = GATE(kept, 2);
    dx[0] = dh * (earlier - candidate) * sigmoid_slope(z, a->sigmoid_bound);
    dx[2] = dh * (1.0f - z) * tanh_slope(candidate, a->bound);
    carried = dh * z;
#if RESET_AFTER
    __global float *others = a->others + row_at(s, t, n, GATES * s->units) + unit;
    dx[1] = dx[2] * GATE(kept, 3) * sigmoid_slope(r, a->sigmoid_bound);
    STORE(dx[0], others);
    STORE(dx[1], others + s->units);
    STORE(dx[2] * r, others + 2 * s->units);
#else
    dx[1] = 0.0f;
    STORE(r * earlier, a->others + row);
#endif
#endif
    for (int i = 0; i < GATES; i++) STORE(dx[i], to + i * s->units);
    STORE(earlier, a->earlier + row);
    STORE(carried, a->dhidden + state);
}

#if RESET_BEFORE
/* The second half: SUM is what flows back into r h. */
INLINE void reset_backward(const sequences *s, const backward_arrays *a, int t, int n, int unit, int count, real sum) {
    if (t >= length_of(s, n)) return;
    const real r = LOAD(a->kept + row_at(s, t, n, KEPT * s->units) + s->units + unit);
    const real earlier = LOAD(before(s, t, n, a->hidden, a->y, s->units) + unit);
    __global float *carried = a->dhidden + state_at(s, n) + unit;
    const real dr = sum * earlier * sigmoid_slope(r, a->sigmoid_bound);
    STORE(dr, a->dx + row_at(s, t, n, GATES * s->units) + s->units + unit);
    STORE(FMA(sum, r, LOAD(carried)), carried);
}
#endif

/* The rows that meet the recurrent weights on the way back. */
INLINE const __global float *back_row(const sequences *s, const backward_arrays *a, int t, int n) {
#if RESET_AFTER
    return a->others + row_at(s, t, n, GATES * s->units);
#else
    return a->dx + row_at(s, t, n, GATES * s->units);
#endif
}

#endif
