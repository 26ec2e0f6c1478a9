/* Softmax cross-entropy of x (N, COLUMNS, PLANE) over its classes, and its gradient by x:
 *   q[c] = weight[c] * (keep * target[c] + spread),   a = the sum of q
 *   loss = a * log(sum of e^x[c]) - sum of q[c] * x[c],   dx[c] = dloss * (a * softmax(x)[c] - q[c])
 * TARGET holds the class of each pixel, or with -DDENSE is as x. A class outside 0 .. COLUMNS-1, and the class IGNORED,
 * give 0. Without WEIGHTED the weights are 1. Forms:
 *   row_vectors, row_groups   for PLANE = 1: an item, or a group of GROUP items, for each row
 *   pixels                    an item for LANES pixels; with -DKEPT their columns go through local memory */
#include "softmax_row.h"

#include "fma.h"
#include "group_sum.h"

#ifdef DENSE
#define TARGET float
#else
#define TARGET int
#endif

#define OF_TARGET                                                                                                      \
    __global const TARGET *restrict target, __global const float *restrict weight, int rows, int columns, int plane,   \
        int weighted, int ignored, float keep, float spread

static inline int counts(int label, int columns, int ignored) {
    return label >= 0 && label < columns && label != ignored;
}

/* ---- rows ---- */

/* What a row's target says: its class (-1: none; -2: DENSE, at T). MIXED: whether every class has a share. */
typedef struct row_target {
    __global const float *t, *weight;
    int label, weighted, mixed;
    float keep, spread;
} row_target;

static inline row_target target_of(__global const TARGET *target, __global const float *weight, int n, int columns,
                                   int weighted, int ignored, float keep, float spread) {
    row_target r;
    r.weight = weight;
    r.weighted = weighted;
    r.keep = keep;
    r.spread = spread;
#ifdef DENSE
    r.t = target + (size_t)n * columns;
    r.label = -2;
    r.mixed = 1;
#else
    r.t = weight;
    r.label = counts(target[n], columns, ignored) ? target[n] : -1;
    r.mixed = r.label >= 0 && spread > 0.0f;
#endif
    return r;
}

static inline float weight_of(const row_target *r, int c) {
    return r->weighted ? r->weight[c] : 1.0f;
}

/* The part of q[c] that every class has. */
static inline float share1(const row_target *r, int c) {
#ifdef DENSE
    return weight_of(r, c) * FMA(r->keep, r->t[c], r->spread);
#else
    return weight_of(r, c) * r->spread;
#endif
}

static inline float16 share16(const row_target *r, int c) {
    float16 q = r->spread;
#ifdef DENSE
    q = FMA((float16)(r->keep), vload16(0, r->t + c), q);
#endif
    return r->weighted ? q * vload16(0, r->weight + c) : q;
}

/* The part of q that the row's class has besides. */
static inline float own_share(const row_target *r) {
    return r->label >= 0 ? r->keep * weight_of(r, r->label) : 0.0f;
}

/* (sum of q, sum of q (x - top)) over all classes, without the class's own part. */
static inline float2 shares(__global const float *x, const row_target *r, int columns, float top) {
    float16 sum = 0.0f, product = 0.0f;
    float2 rest = 0.0f;
    int c = 0;
    for (; c + 16 <= columns; c += 16) {
        const float16 q = share16(r, c);
        sum += q;
        product = FMA(q, vload16(0, x + c) - top, product);
    }
    for (; c < columns; c++) {
        const float q = share1(r, c);
        rest += (float2)(q, q * (x[c] - top));
    }
    return rest + (float2)(lanes16(sum), lanes16(product));
}

__kernel void cross_entropy_row_vectors(__global const float *restrict x, __global float *restrict loss, OF_TARGET) {
    const int n = (int)get_global_id(0);
    if (n >= rows) return;
    x += (size_t)n * columns;
    const row_target r = target_of(target, weight, n, columns, weighted, ignored, keep, spread);
    const float2 statistics = row_statistics(x, columns);
    float2 q = 0.0f;
    if (r.mixed) q = shares(x, &r, columns, statistics.x);
    if (r.label >= 0) q += own_share(&r) * (float2)(1.0f, x[r.label] - statistics.x);
    loss[n] = r.label == -1 ? 0.0f : q.x * log(statistics.y) - q.y;
}

__kernel void cross_entropy_gradient_row_vectors(__global const float *restrict x, __global const float *restrict dloss,
                                                 __global float *restrict dx, OF_TARGET) {
    const int n = (int)get_global_id(0);
    if (n >= rows) return;
    x += (size_t)n * columns;
    dx += (size_t)n * columns;
    const row_target r = target_of(target, weight, n, columns, weighted, ignored, keep, spread);
    if (r.label == -1) {
        for (int c = 0; c < columns; c++) {
            dx[c] = 0.0f;
        }
        return;
    }
    const float2 statistics = row_statistics(x, columns);
    float a = own_share(&r);
    if (r.mixed) a += shares(x, &r, columns, statistics.x).x;
    const float slope = dloss[n], scale = slope * (a / statistics.y);
    int c = 0;
    for (; c + 16 <= columns; c += 16) {
        float16 v = exp(vload16(0, x + c) - statistics.x) * scale;
        if (r.mixed) v -= slope * share16(&r, c);
        vstore16(v, 0, dx + c);
    }
    for (; c < columns; c++) {
        dx[c] = exp(x[c] - statistics.x) * scale - (r.mixed ? slope * share1(&r, c) : 0.0f);
    }
    if (r.label >= 0) {
        const float q = own_share(&r) + (r.mixed ? share1(&r, r.label) : 0.0f);
        dx[r.label] = (exp(x[r.label] - statistics.x) / statistics.y * a - q) * slope;
    }
}

/* What an item has of the sums. */
static inline float2 item_shares(__global const float *x, const row_target *r, int columns, float top) {
    float2 q = 0.0f;
    for (int c = (int)get_local_id(0); c < columns; c += GROUP) {
        const float share = (r->mixed ? share1(r, c) : 0.0f) + (c == r->label ? own_share(r) : 0.0f);
        q += (float2)(share, share * (x[c] - top));
    }
    return q;
}

__kernel __attribute__((reqd_work_group_size(GROUP, 1, 1))) void
cross_entropy_row_groups(__global const float *restrict x, __global float *restrict loss, OF_TARGET) {
    __local float scratch[GROUP];
    const int n = (int)get_group_id(0);
    x += (size_t)n * columns;
    const row_target r = target_of(target, weight, n, columns, weighted, ignored, keep, spread);
    const float2 statistics = group_statistics(x, columns, scratch);
    const float2 q = item_shares(x, &r, columns, statistics.x);
    const float a = group_sum(q.x, scratch), product = group_sum(q.y, scratch);
    if (get_local_id(0) == 0) loss[n] = r.label == -1 ? 0.0f : a * log(statistics.y) - product;
}

__kernel __attribute__((reqd_work_group_size(GROUP, 1, 1))) void
cross_entropy_gradient_row_groups(__global const float *restrict x, __global const float *restrict dloss,
                                  __global float *restrict dx, OF_TARGET) {
    __local float scratch[GROUP];
    const int n = (int)get_group_id(0);
    x += (size_t)n * columns;
    dx += (size_t)n * columns;
    const row_target r = target_of(target, weight, n, columns, weighted, ignored, keep, spread);
    const float2 statistics = group_statistics(x, columns, scratch);
    const float a = group_sum(item_shares(x, &r, columns, statistics.x).x, scratch);
    for (int c = (int)get_local_id(0); c < columns; c += GROUP) {
        const float q = (r.mixed ? share1(&r, c) : 0.0f) + (c == r.label ? own_share(&r) : 0.0f);
        const float v = (exp(x[c] - statistics.x) / statistics.y * a - q) * dloss[n];
        dx[c] = r.label == -1 ? 0.0f : v;
    }
}

/* ---- pixels ---- */

#ifdef LANES

#if LANES == 16
typedef float16 lanes;
typedef int16 int_lanes;
#define LOAD(P) load_some((P), count, 0.0f)
#define STORE(V, P) store_some((V), (P), count)

static inline int16 load_labels(__global const int *p, int count) {
    int labels[16];
    for (int i = 0; i < 16; i++) {
        labels[i] = i < count ? p[i] : -1;
    }
    return vload16(0, labels);
}
#define LOAD_LABELS(P) load_labels((P), count)
#else
typedef float lanes;
typedef int int_lanes;
#define LOAD(P) (*(P))
#define STORE(V, P) (*(P) = (V))
#define LOAD_LABELS(P) (*(P))
#endif

#ifdef KEPT
#define KEEP(V, C) vstore16((V), (C), kept)
#define AGAIN(C) vload16((C), kept)
#define LOCALS , __local float *kept
#else
#define KEEP(V, C)
#define AGAIN(C) LOAD(x + (size_t)(C) * plane)
#define LOCALS
#endif

/* The pixels of an item: COUNT of them, at X for class 0; VALID where they count. */
#define PIXELS                                                                                                         \
    const int first = (int)get_global_id(0) * LANES, n = (int)get_global_id(1);                                        \
    if (first >= plane) return;                                                                                        \
    const int count = min(LANES, plane - first);                                                                       \
    const size_t start = (size_t)n * columns * plane + first, pixel = (size_t)n * plane + first;                       \
    x += start;                                                                                                        \
    TARGET_PIXELS                                                                                                      \
    lanes top = -INFINITY;                                                                                             \
    for (int c = 0; c < columns; c++) {                                                                                \
        const lanes value = LOAD(x + (size_t)c * plane);                                                               \
        KEEP(value, c);                                                                                                \
        top = fmax(top, value);                                                                                        \
    }

#ifdef DENSE
#define TARGET_PIXELS target += start;
#define AT_CLASS(C) LOAD(target + (size_t)(C) * plane)
#define VALID(V) (V)
#else
#define TARGET_PIXELS                                                                                                  \
    const int_lanes label = LOAD_LABELS(target + pixel);                                                               \
    const int_lanes valid = label >= 0 && label < columns && label != ignored;
#define AT_CLASS(C) (label == (C) ? (lanes)(1.0f) : (lanes)(0.0f))
#define VALID(V) (valid ? (V) : (lanes)(0.0f))
#endif

#define SHARE(C) (FMA(AT_CLASS(C), (lanes)(keep), (lanes)(spread)) * (weighted ? weight[C] : 1.0f))

__kernel void cross_entropy_pixels(__global const float *restrict x, __global float *restrict loss, OF_TARGET LOCALS) {
    PIXELS
    lanes sum = 0.0f, a = 0.0f, product = 0.0f;
    for (int c = 0; c < columns; c++) {
        const lanes difference = AGAIN(c) - top, q = SHARE(c);
        sum += exp(difference);
        a += q;
        product = FMA(q, difference, product);
    }
    STORE(VALID(a * log(sum) - product), loss + pixel);
}

__kernel void cross_entropy_gradient_pixels(__global const float *restrict x, __global const float *restrict dloss,
                                            __global float *restrict dx, OF_TARGET LOCALS) {
    PIXELS
    dx += start;
    lanes sum = 0.0f, a = 0.0f;
    for (int c = 0; c < columns; c++) {
        const lanes power = exp(AGAIN(c) - top);
        KEEP(power, c);
        sum += power;
        a += SHARE(c);
    }
    const lanes slope = LOAD(dloss + pixel), scale = a / sum;
    for (int c = 0; c < columns; c++) {
#ifdef KEPT
        const lanes power = AGAIN(c);
#else
        const lanes power = exp(AGAIN(c) - top);
#endif
        STORE(VALID(slope * (power * scale - SHARE(c))), dx + (size_t)c * plane);
    }
}

#endif
