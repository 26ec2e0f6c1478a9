/* What walks along the lines of an array: x (OUTER, LENGTH, INNER), a line for each outer and inner index, its elements
 * INNER apart; an item for each line, or for several side by side.
 *   extreme, extreme_lanes   the place of the largest (SIGN 1) or smallest (SIGN -1) element, of equals the first, or
 *                            the LATER; a NaN is never it. Lanes: an item for 16 lines
 *   best      the largest (SIGN 1) or smallest (SIGN -1) COUNT elements in order, and their places; of equals the first
 *             comes first, NaNs come last
 *   running   the sum of the elements up to each, itself left out when EXCLUSIVE; from the end when BACKWARDS; an item
 *             for CHUNK lines */
#include "vectors.h"

#define LINE                                                                                                           \
    const int k = (int)get_global_id(0), o = (int)get_global_id(1);                                                    \
    if (k >= inner) return;                                                                                            \
    x += (size_t)o * length * inner + k

__kernel void extreme(__global const float *restrict x, __global int *restrict y, int length, int inner, float sign,
                      int later) {
    LINE;
    float top = -INFINITY;
    int place = 0, found = 0;
    for (int i = 0; i < length; i++) {
        const float v = sign * x[(size_t)i * inner];
        if (v > top || (v == top && (later || !found))) {
            top = v;
            place = i;
            found = 1;
        }
    }
    y[(size_t)o * inner + k] = place;
}

__kernel void best(__global const float *restrict x, __global float *restrict values, __global int *restrict places,
                   int length, int inner, float sign, int count) {
    LINE;
    values += (size_t)o * count * inner + k;
    places += (size_t)o * count * inner + k;
    for (int i = 0; i < length; i++) {
        const float v = x[(size_t)i * inner], own = sign * v;
        int at = min(i, count);
        if (i >= count) {
            const float last = sign * values[(size_t)(count - 1) * inner];
            if (!(own > last || (last != last && own == own))) continue;
            at = count - 1;
        }
        for (; at > 0; at--) {
            const float above = values[(size_t)(at - 1) * inner], other = sign * above;
            if (!(own > other || (other != other && own == own))) break;
            values[(size_t)at * inner] = above;
            places[(size_t)at * inner] = places[(size_t)(at - 1) * inner];
        }
        values[(size_t)at * inner] = v;
        places[(size_t)at * inner] = i;
    }
}

__kernel void extreme_lanes(__global const float *restrict x, __global int *restrict y, int length, int inner,
                            float sign, int later) {
    const int first = (int)get_global_id(0) * 16, count = min(16, inner - first), o = (int)get_global_id(1);
    x += (size_t)o * length * inner + first;
    float16 top = -INFINITY;
    int16 place = -1;
    for (int i = 0; i < length; i++) {
        const float16 v = sign * load_some(x + (size_t)i * inner, count, 0.0f);
        const int16 better = v > top || (v == top && (place < 0 || (int16)(later) != 0));
        top = better ? v : top;
        place = better ? (int16)(i) : place;
    }
    int lanes[16];
    vstore16(place, 0, lanes);
    for (int i = 0; i < count; i++) y[(size_t)o * inner + first + i] = max(lanes[i], 0);
}

__kernel void running(__global const float *restrict x, __global float *restrict y, int length, int inner,
                      int exclusive, int backwards, int chunk) {
    const int first = (int)get_global_id(0) * chunk, last = min(first + chunk, inner), o = (int)get_global_id(1);
    x += (size_t)o * length * inner;
    y += (size_t)o * length * inner;
    if (last - first == 1) {
        float sum = 0.0f;
        for (int n = 0; n < length; n++) {
            const size_t at = (size_t)(backwards ? length - 1 - n : n) * inner + first;
            const float v = x[at];
            if (exclusive) y[at] = sum;
            sum += v;
            if (!exclusive) y[at] = sum;
        }
        return;
    }
    for (int n = 0; n < length; n++) {
        const size_t at = (size_t)(backwards ? length - 1 - n : n) * inner;
        const size_t before = (size_t)(backwards ? length - n : n - 1) * inner;
        __global const float *taken = x + (exclusive ? before : at);
        if (n == 0) {
            for (int k = first; k < last; k++) y[at + k] = exclusive ? 0.0f : x[at + k];
        } else {
            for (int k = first; k < last; k++) y[at + k] = y[before + k] + taken[k];
        }
    }
}
