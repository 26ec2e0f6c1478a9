/* Rows of planes where they lie, for kernels of SIZE x SIZE (odd) and strides of STRIDE (1 or 2) on CPU-like devices:
 * what 16 neighbouring results meet under each column of the kernel. */
#ifndef PLANE_ROWS_H
#define PLANE_ROWS_H

#include "always_inline.h"
#include "every_other.h"
#include "loose.h"

#ifndef SIZE
#define SIZE 3
#endif
#ifndef STRIDE
#define STRIDE 1
#endif

/* STRIDE rows reach AGES rows of results; they are read in windows of WINDOW floats. */
enum { TAPS = SIZE * SIZE, AGES = (SIZE + STRIDE - 1) / STRIDE, WINDOW = 16 * STRIDE + SIZE - 1 };

/* A plane of rows of WIDTH floats, in an array from BEGIN to END. */
typedef struct source {
    const __global float *from, *begin, *end;
    int height, width;
} source;

/* Of what is read beyond a row's ends, which is something else, nothing stays. */
INLINE float16 mask_16(float16 v, int x, uint width) {
    const int16 columns = (int16)(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15) + x;
    return as_float16(as_int16(v) & (as_uint16(columns) < (uint16)(width)));
}

#define INSIDE_16(AT) READ_16(line + (AT))
#define FROM_ROW_16(AT) mask_16(READ_16(line + (AT)), x + (AT), (uint)s->width)
#define FROM_WINDOW_16(AT) vload16(0, window + (AT))

/* By LOAD(place); with stride 2 the last brings one more, which is not used. */
#if STRIDE == 1
#define SPREAD_16(LOAD)                                                                                                \
    UNROLL                                                                                                             \
    for (int i = 0; i < SIZE; i++) v[i] = LOAD(i);
#else
#define SPREAD_16(LOAD)                                                                                                \
    UNROLL                                                                                                             \
    for (int i = 0; i < SIZE; i += 2) {                                                                                \
        const float16 low = LOAD(i), high = LOAD(i + 16);                                                              \
        v[i] = EVEN_16(low, high);                                                                                     \
        v[i + 1] = ODD_16(low, high);                                                                                  \
    }
#endif

/* Whether the window at FROM lies in the array; where it does not, a copy does instead. */
INLINE bool within(const source *s, const __global float *from) {
    return from >= s->begin && from + WINDOW <= s->end;
}

INLINE void copy_window(const __global float *line, int x, int width, float window[WINDOW]) {
    for (int i = 0; i < WINDOW; i++) window[i] = x + i >= 0 && x + i < width ? line[i] : 0.0f;
}

/* Columns X + i, X + i + STRIDE, ... of row Y to v[i], for i from 0 to SIZE - 1; zero outside the row. */
INLINE void read_16(const source *s, int y, int x, float16 v[SIZE + 1]) {
    const __global float *line = s->from + (long)y * s->width + x;
    if (x >= 0 && x + WINDOW <= s->width) {
        SPREAD_16(INSIDE_16)
        return;
    }
    if (within(s, line)) {
        SPREAD_16(FROM_ROW_16)
        return;
    }
    float window[WINDOW];
    copy_window(line, x, s->width, window);
    SPREAD_16(FROM_WINDOW_16)
}

#endif
