/* Rows of floats, or every STEP-th of a row, from global to local memory by vectors, of which the last two may overlap:
 * nothing is read or written beyond the last. */
#ifndef STRIDE_H
#define STRIDE_H

#include "every_other.h"
#include "loose.h"

/* COUNT floats. */
static inline void copy_row(const __global float *restrict from, int count, __local float *restrict to) {
    if (count >= 16) {
        for (int i = 0; i + 16 < count; i += 16) LOCAL_16(to + i) = READ_16(from + i);
        LOCAL_16(to + count - 16) = READ_16(from + count - 16);
    } else if (count >= 8) {
        const float8 first = vload8(0, from), last = vload8(0, from + count - 8);
        vstore8(first, 0, to);
        vstore8(last, 0, to + count - 8);
    } else
        for (int i = 0; i < count; i++) to[i] = from[i];
}

/* The even ones of FROM's first 31, and of its first 15, floats. */
static inline float16 even_16(const __global float *from) {
    const float16 low = READ_16(from), high = READ_16(from + 15);
    return EVEN_ODD_16(low, high);
}

static inline float8 even_8(const __global float *from) {
    const float8 low = vload8(0, from), high = vload8(0, from + 7);
    return EVEN_ODD_8(low, high);
}

/* Every fourth of FROM's first 61, and of its first 29, floats. */
static inline float16 fourth_16(const __global float *from) {
    const float16 low = even_16(from), high = even_16(from + 30);
    return EVEN_ODD_16(low, high);
}

static inline float8 fourth_8(const __global float *from) {
    const float8 low = even_8(from), high = even_8(from + 14);
    return EVEN_ODD_8(low, high);
}

/* Every STEP-th float. */
#define COPY_STEP(NAME, STEP, TAKE)                                                                                    \
    static inline void NAME(const __global float *restrict from, int count, __local float *restrict to) {              \
        if (count >= 16) {                                                                                             \
            for (int i = 0; i + 16 < count; i += 16) LOCAL_16(to + i) = TAKE##_16(from + STEP * i);                    \
            LOCAL_16(to + count - 16) = TAKE##_16(from + STEP * (count - 16));                                         \
        } else if (count >= 8) {                                                                                       \
            const float8 first = TAKE##_8(from), last = TAKE##_8(from + STEP * (count - 8));                           \
            vstore8(first, 0, to);                                                                                     \
            vstore8(last, 0, to + count - 8);                                                                          \
        } else                                                                                                         \
            for (int i = 0; i < count; i++) to[i] = from[STEP * i];                                                    \
    }
COPY_STEP(copy_even, 2, even)
COPY_STEP(copy_fourth, 4, fourth)

static inline void copy_every(const __global float *restrict from, int step, int count, __local float *restrict to) {
    if (step == 1)
        copy_row(from, count, to);
    else if (step == 2)
        copy_even(from, count, to);
    else if (step == 4)
        copy_fourth(from, count, to);
    else
        for (int i = 0; i < count; i++) to[i] = from[i * step];
}

#endif
