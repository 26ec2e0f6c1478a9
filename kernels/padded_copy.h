/* A zero-padded copy of a plane in local memory, for depthwise convolutions on CPU-like devices: row y holds PHASES runs
 * of PITCH floats, run f the columns f, f + step, ... */
#ifndef PADDED_COPY_H
#define PADDED_COPY_H

#include "always_inline.h"
#include "every_other.h"
#include "loose.h"
#include "transpose.h"

INLINE void zero_row(__local float *to, int count) {
    for (int i = 0; i < count; i += 16) LOCAL_16(to + i) = (float16)(0.0f);
}

/* 16 floats from FROM on, zeros after the first COUNT; FROM's array ends at END, from where nothing is read. */
INLINE float16 read_some(const __global float *from, int count, const __global float *end) {
    const int16 lanes = (int16)(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    if (from + 16 <= end) return as_float16(as_int16(READ_16(from)) & (lanes < (int16)(count)));
    float some[16];
    for (int i = 0; i < 16; i++) some[i] = i < count ? from[i] : 0.0f;
    return vload16(0, some);
}

/* Columns FIRST .. FIRST + COUNT - 1 of a row of WIDTH floats; 0 outside. Up to 15 floats after them are written. END:
 * of the array that the row is in. */
INLINE void load_row(const __global float *from, int width, int first, int count, const __global float *end,
                     __local float *to) {
    const int begin = clamp(-first, 0, count), stop = clamp(width - first, begin, count);
    zero_row(to, begin);
    from += first;
    int i = begin;
    for (; i + 16 <= stop; i += 16) LOCAL_16(to + i) = READ_16(from + i);
    if (i < stop) LOCAL_16(to + i) = read_some(from + i, stop - i, end), i += 16;
    zero_row(to + i, count - i);
}

/* A / STEP, rounded down where STEP is 2, which needs no division. */
INLINE int over(int a, int step) {
    return step == 2 ? a >> 1 : a / step;
}

/* The same of columns FIRST, FIRST + step, ... */
INLINE void load_every(const __global float *from, int width, int first, int step, int count,
                       const __global float *end, __local float *to) {
    const int begin = clamp(over(step - 1 - first, step), 0, count);
    const int stop = clamp(over(width - first + step - 1, step), begin, count);
    int i = begin;
    zero_row(to, count);
    from += first;
    if (step == 2)
        for (; i < stop; i += 16) {
            const int rest = 2 * (stop - i) - 1; /* floats up to the last that counts */
            const float16 low = read_some(from + 2 * i, rest, end);
            const float16 high = rest > 16 ? read_some(from + 2 * i + 16, rest - 16, end) : (float16)(0.0f);
            LOCAL_16(to + i) = EVEN_16(low, high);
        }
    for (; i < stop; i++) to[i] = from[i * step];
}

/* The same of a row with INSERT - 1 zeros after each float. */
INLINE void load_apart(const __global float *from, int width, int first, int insert, int count,
                       const __global float *end, __local float *to) {
    const int begin = max(0, over(first + insert - 1, insert));
    const int stop = min(width, over(first + count - 1, insert) + 1);
    int j = begin;
    zero_row(to, count);
    if (insert == 2)
        for (; j < stop; j += 16) {
            const float16 v = read_some(from + j, stop - j, end), zero = 0.0f;
            LOCAL_16(to + 2 * j - first) = shuffle_low(v, zero);
            if (stop - j > 8) LOCAL_16(to + 2 * j - first + 16) = shuffle_high(v, zero);
        }
    for (; j < stop; j++) to[j * insert - first] = from[j];
}

/* Sizes of the padded copy, and of what it is a copy of: element (y, x) lies at row (y * insert_y - first_y). */
typedef struct copy {
    int height, width, rows, pitch, phases, step, insert_y, insert_x, first_x;
} copy;

/* Rows FIRST_Y .. FIRST_Y + c->rows - 1 of a plane, of an array that ends at END. */
INLINE void load_plane(const copy *c, const __global float *from, int first_y, const __global float *end,
                       __local float *to) {
    for (int row = 0; row < c->rows; row++) {
        const int at = first_y + row, y = c->insert_y == 1 ? at : over(at, c->insert_y);
        const bool inside = at >= 0 && y * c->insert_y == at && y < c->height;
        const __global float *line = from + (inside ? (size_t)y * c->width : 0);
        for (int phase = 0; phase < c->phases; phase++, to += c->pitch) {
            if (!inside)
                zero_row(to, c->pitch);
            else if (c->insert_x > 1)
                load_apart(line, c->width, c->first_x, c->insert_x, c->pitch, end, to);
            else if (c->step > 1)
                load_every(line, c->width, c->first_x + phase, c->step, c->pitch, end, to);
            else
                load_row(line, c->width, c->first_x, c->pitch, end, to);
        }
    }
}

/* Where the kernel's columns lie in a row of the copy. */
INLINE void place_taps(int kernel_x, int dilation_x, int stride_x, int pitch, __local int *taps_x) {
    for (int s = 0; s < kernel_x; s++)
        taps_x[s] = stride_x == 1 ? s * dilation_x : s * dilation_x % stride_x * pitch + s * dilation_x / stride_x;
}

#endif
