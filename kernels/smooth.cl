/* A window of SIZE (odd) weights WEIGHTS, whose sum is 1, moved along an axis of x (OUTER, COUNT, INNER):
 *   y[o,i,r] = sum over u of w[u] * x[o, i + u - SIZE/2, r] / W[i],  W[i] the sum of the w[u] for which that is inside
 * TRANSPOSED: divided by W[i + u - SIZE/2], which is the gradient.
 *   smooth_planes    INNER > 1: an item for PART of the places of one o, vectors along r
 *   smooth_rows      INNER = 1: an item for PART of the rows, vectors along i
 *   smooth_elements  an item for each element */
#include "vectors.h"

#define HALF (SIZE / 2)

__constant float weights[SIZE] = { WEIGHTS };

/* W of place I. */
static inline float weight_inside(int i, int count) {
    if (i >= HALF && i + HALF < count) return 1.0f;
    float sum = 0.0f;
    for (int u = 0; u < SIZE; u++) {
        const int at = i + u - HALF;
        sum += at >= 0 && at < count ? weights[u] : 0.0f;
    }
    return sum;
}

/* What x at place AT counts for at place I, WEIGHT being the window's there. */
static inline float share(float weight, int i, int at, int count) {
    return weight / weight_inside(TRANSPOSED ? at : i, count);
}

static inline float smooth_at(__global const float *x, int i, int count, int inner) {
    float sum = 0.0f;
    for (int u = 0; u < SIZE; u++) {
        const int at = i + u - HALF;
        if (at >= 0 && at < count) sum += share(weights[u], i, at, count) * x[(size_t)at * inner];
    }
    return sum;
}

__kernel void smooth_elements(__global const float *restrict x, __global float *restrict y, int outer, int count,
                              int inner, int part) {
    const int r = (int)get_global_id(0), i = (int)get_global_id(1), o = (int)get_global_id(2);
    if (r >= inner || i >= count || o >= outer) return;
    const size_t plane = (size_t)o * count * inner;
    y[plane + (size_t)i * inner + r] = smooth_at(x + plane + r, i, count, inner);
}

__kernel void smooth_planes(__global const float *restrict x, __global float *restrict y, int outer, int count,
                            int inner, int part) {
    const int first = (int)get_global_id(0) * part, last = min(first + part, count);
    const size_t plane = (size_t)get_global_id(1) * count * inner;
    for (int i = first; i < last; i++) {
        const int low = max(HALF - i, 0), high = min(count + HALF - i, SIZE);
        float shares[SIZE];
        for (int u = low; u < high; u++) {
            shares[u] = share(weights[u], i, i + u - HALF, count);
        }
        for (int r = 0; r < inner; r += 16) {
            const int some = min(inner - r, 16);
            __global const float *from = x + plane + r;
            float16 sum = 0.0f;
            for (int u = low; u < high; u++) {
                sum += shares[u] * load_some(from + (size_t)(i + u - HALF) * inner, some, 0.0f);
            }
            store_some(sum, y + plane + (size_t)i * inner + r, some);
        }
    }
}

__kernel void smooth_rows(__global const float *restrict x, __global float *restrict y, int outer, int count, int inner,
                          int part) {
    const int first = (int)get_global_id(0) * part, last = min(first + part, outer);
    const int margin = TRANSPOSED ? 2 * HALF : HALF, whole = max(count - margin, 0);
    for (int o = first; o < last; o++) {
        __global const float *from = x + (size_t)o * count;
        __global float *to = y + (size_t)o * count;
        int i = 0;
        for (; i < min(margin, count); i++) {
            to[i] = smooth_at(from, i, count, 1);
        }
        for (; i + 16 <= whole; i += 16) {
            float16 sum = 0.0f;
            for (int u = 0; u < SIZE; u++) {
                sum += weights[u] * vload16(0, from + i + u - HALF);
            }
            vstore16(sum, 0, to + i);
        }
        for (; i < count; i++) {
            to[i] = smooth_at(from, i, count, 1);
        }
    }
}
