/* Local response normalisation: y[c] = x[c] * s[c]^-beta, s[c] = k + scale * the sum of x[j]^2, j from c - before to
 * c + after, and its gradient dx[c] = dy[c] * s[c]^-beta - 2 * scale * beta * x[c] * the sum of t[j], j from c - after
 * to c + before, t[j] = dy[j] * x[j] * s[j]^-beta / s[j]. Planes of PLANE pixels, CHANNELS in a sample (third index).
 *   ..._rows     an item for CHUNK pixels of PART channels, channel by channel, so that memory is read in long rows
 *   ..._pixels   an item for PART channels of a pixel, its windows of SIZE in registers
 * QUARTERS is 4 * beta where that is 1 to 4: the power is then made of square roots. */
#include "fma.h"
#include "vectors.h"

/* POWER: s^-beta. INVERSE: 1 / s, with P = s^-beta, which saves a division. */
#if QUARTERS == 1
#define POWER(S) rsqrt(sqrt(S))
#define INVERSE(S, P) ((P) * (P) * (P) * (P))
#elif QUARTERS == 2
#define POWER(S) rsqrt(S)
#define INVERSE(S, P) ((P) * (P))
#elif QUARTERS == 3
#define POWER(S) rsqrt((S) * sqrt(S))
#define INVERSE(S, P) ((P) * (P) * sqrt(S))
#elif QUARTERS == 4
#define POWER(S) (1.0f / (S))
#define INVERSE(S, P) (P)
#else
#define POWER(S) pow((S), -beta)
#define INVERSE(S, P) (1.0f / (S))
#endif

/* ---- rows: COUNT pixels at a time: 16, the last vector laid back over the one before, or all that a chunk has ---- */

/* k + scale * the sum of squares of channels FIRST to LAST, from X on. */
static inline float16 denominators(__global const float *x, int plane, int first, int last, int count, float scale,
                                   float k) {
    float16 sum = 0.0f;
    for (int j = first; j <= last; j++) {
        const float16 value = load_some(x + (size_t)j * plane, count, 0.0f);
        sum = FMA(value, value, sum);
    }
    return FMA(sum, (float16)(scale), (float16)(k));
}

static inline void forward(__global const float *x, __global float *y, int c, int channels, int plane, int count,
                           int before, int after, float scale, float beta, float k) {
    const float16 s = denominators(x, plane, max(c - before, 0), min(c + after, channels - 1), count, scale, k);
    const size_t at = (size_t)c * plane;
    store_some(load_some(x + at, count, 0.0f) * POWER(s), y + at, count);
}

__kernel void forward_rows(__global const float *restrict x, __global float *restrict y, int channels, int plane,
                           int before, int after, float scale, float beta, float k) {
    const int from = (int)get_global_id(0) * CHUNK, to = min(from + CHUNK, plane);
    const int begin = (int)get_global_id(1) * PART, end = min(begin + PART, channels);
    const size_t sample = (size_t)get_global_id(2) * channels * plane;
    x += sample;
    y += sample;
    for (int c = begin; c < end; c++) {
        if (to - from < 16) {
            forward(x + from, y + from, c, channels, plane, to - from, before, after, scale, beta, k);
            continue;
        }
        for (int vector = from; vector < to; vector += 16) {
            const int i = min(vector, to - 16);
            forward(x + i, y + i, c, channels, plane, 16, before, after, scale, beta, k);
        }
    }
}

/* s^-beta and t of channel J, into its row of the windows. */
static inline void keep(__global const float *x, __global const float *dy, __local float *power_row,
                        __local float *term_row, int j, int channels, int plane, int count, int before, int after,
                        float scale, float beta, float k) {
    const float16 s = denominators(x, plane, max(j - before, 0), min(j + after, channels - 1), count, scale, k);
    const float16 power = POWER(s);
    const size_t at = (size_t)j * plane;
    vstore16(power, 0, power_row);
    const float16 product = load_some(dy + at, count, 0.0f) * load_some(x + at, count, 0.0f);
    vstore16(product * power * INVERSE(s, power), 0, term_row);
}

/* dx of channel C, whose windows' terms are kept in TERMS, channel j in row j modulo WINDOW. */
static inline void gradient(__global const float *x, __global const float *dy, __global float *dx,
                            __local const float *power_row, __local const float *terms, int c, int channels, int plane,
                            int count, int before, int after, float factor) {
    const int window = before + after + 1, last = min(c + before, channels - 1);
    const size_t at = (size_t)c * plane;
    float16 sum = 0.0f;
    for (int j = max(c - after, 0), row = j % window; j <= last; j++) {
        sum += vload16(0, terms + row * CHUNK);
        row = row + 1 == window ? 0 : row + 1;
    }
    const float16 straight = load_some(dy + at, count, 0.0f) * vload16(0, power_row);
    store_some(FMA(-factor * load_some(x + at, count, 0.0f), sum, straight), dx + at, count);
}

/* KEPT holds two windows of rows: s^-beta and t of the last channels, channel j in row j modulo the window's size. */
__kernel void gradient_rows(__global const float *restrict x, __global const float *restrict dy,
                            __global float *restrict dx, int channels, int plane, int before, int after, float scale,
                            float beta, float k, __local float *kept) {
    const int from = (int)get_global_id(0) * CHUNK, to = min(from + CHUNK, plane), window = before + after + 1;
    const int begin = (int)get_global_id(1) * PART, end = min(begin + PART, channels);
    const size_t sample = (size_t)get_global_id(2) * channels * plane;
    const float factor = 2.0f * scale * beta;
    x += sample + from;
    dy += sample + from;
    dx += sample + from;
    const int pixels = to - from, narrow = pixels < 16;
    for (int j = max(begin - after, 0); j < end + before; j++) {
        const int c = j - before;
        __local float *powers = kept + j % window * CHUNK, *terms = kept + window * CHUNK;
        __local float *term_row = terms + j % window * CHUNK;
        for (int vector = 0; vector < pixels && j < channels; vector += 16) {
            const int i = narrow ? 0 : min(vector, pixels - 16);
            if (narrow)
                keep(x, dy, powers, term_row, j, channels, plane, pixels, before, after, scale, beta, k);
            else
                keep(x + i, dy + i, powers + i, term_row + i, j, channels, plane, 16, before, after, scale, beta, k);
        }
        powers = kept + (j + window - before) % window * CHUNK;
        for (int vector = 0; vector < pixels && c >= begin; vector += 16) {
            const int i = narrow ? 0 : min(vector, pixels - 16);
            if (narrow)
                gradient(x, dy, dx, powers, terms, c, channels, plane, pixels, before, after, factor);
            else
                gradient(x + i, dy + i, dx + i, powers + i, terms + i, c, channels, plane, 16, before, after, factor);
        }
    }
}

/* ---- pixels ---- */

/* Windows of a usual size are written out, which keeps them in registers. */
#if SIZE <= 9
#define UNROLL _Pragma("unroll")
#else
#define UNROLL
#endif

static inline float channel_of(__global const float *pixel, int c, int channels, int plane) {
    return c >= 0 && c < channels ? pixel[(size_t)c * plane] : 0.0f;
}

__kernel void forward_pixels(__global const float *restrict x, __global float *restrict y, int channels, int plane,
                             int before, int after, float scale, float beta, float k) {
    const int i = (int)get_global_id(0), begin = (int)get_global_id(1) * PART;
    if (i >= plane) return;
    const size_t pixel = (size_t)get_global_id(2) * channels * plane + i;
    float values[PART + SIZE - 1];
    UNROLL
    for (int e = 0; e < PART + SIZE - 1; e++) {
        values[e] = channel_of(x + pixel, begin - before + e, channels, plane);
    }
    UNROLL
    for (int c = 0; c < PART; c++) {
        float sum = 0.0f, middle = 0.0f;
        UNROLL
        for (int e = 0; e < SIZE; e++) {
            sum = FMA(values[c + e], values[c + e], sum);
            if (e == (SIZE - 1) / 2) middle = values[c + e];
        }
        const float s = FMA(sum, scale, k);
        if (begin + c < channels) y[pixel + (size_t)(begin + c) * plane] = middle * POWER(s);
    }
}

__kernel void gradient_pixels(__global const float *restrict x, __global const float *restrict dy,
                              __global float *restrict dx, int channels, int plane, int before, int after, float scale,
                              float beta, float k) {
    const int i = (int)get_global_id(0), begin = (int)get_global_id(1) * PART;
    if (i >= plane) return;
    const size_t pixel = (size_t)get_global_id(2) * channels * plane + i;
    const float factor = 2.0f * scale * beta;
    float values[PART + 2 * (SIZE - 1)], straight[PART + SIZE - 1], terms[PART + SIZE - 1];
    UNROLL
    for (int e = 0; e < PART + 2 * (SIZE - 1); e++) {
        values[e] = channel_of(x + pixel, begin - after - before + e, channels, plane);
    }
    UNROLL
    for (int e = 0; e < PART + SIZE - 1; e++) {
        float sum = 0.0f;
        UNROLL
        for (int w = 0; w < SIZE; w++) {
            sum = FMA(values[e + w], values[e + w], sum);
        }
        const float s = FMA(sum, scale, k), power = POWER(s);
        straight[e] = channel_of(dy + pixel, begin - after + e, channels, plane) * power;
        terms[e] = straight[e] * values[e + (SIZE - 1) / 2] * INVERSE(s, power);
    }
    UNROLL
    for (int c = 0; c < PART; c++) {
        float sum = 0.0f;
        UNROLL
        for (int w = 0; w < SIZE; w++) {
            sum += terms[c + w];
        }
        const float value = values[c + SIZE - 1];
        if (begin + c < channels)
            dx[pixel + (size_t)(begin + c) * plane] =
                FMA(-factor * value, sum, straight[c + SIZE - 1 - (SIZE - 1) / 2]);
    }
}
