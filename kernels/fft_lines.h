/* Fourier transforms of lines in local memory, in place:
 *   forward_line  X[k] = sum over j of x[j] * e^(-2 pi i j k / n), in the order of digits reversed (frequency_of())
 *   inverse_line  n * x of X in that order
 * n a power of two up to TABLE, by steps of radix 4 and at most one of radix 2 (Cooley and Tukey 1965; decimation in
 * frequency, and the same mirrored). Elements are STEP floats apart, real and imaginary parts in arrays of their own.
 * A LANE holds LANES neighbouring lines: 16 on CPU-like devices, else 1. */
#ifndef FFT_LINES_H
#define FFT_LINES_H

#include "fma.h"

#define TABLE 128

#if LANES == 16
typedef float16 lane;
#define GET(P) vload16(0, (P))
#define PUT(V, P) vstore16((V), 0, (P))
#else
typedef float lane;
#define GET(P) (*(P))
#define PUT(V, P) (*(P) = (V))
#endif

/* cos of 2 pi j / TABLE over a quarter turn, from its end backwards the sine. */
__constant float COSINES[TABLE / 4 + 1] = {
    1.000000000f, 0.998795456f, 0.995184727f, 0.989176510f, 0.980785280f, 0.970031253f, 0.956940336f, 0.941544065f,
    0.923879533f, 0.903989293f, 0.881921264f, 0.857728610f, 0.831469612f, 0.803207531f, 0.773010453f, 0.740951125f,
    0.707106781f, 0.671558955f, 0.634393284f, 0.595699304f, 0.555570233f, 0.514102744f, 0.471396737f, 0.427555093f,
    0.382683432f, 0.336889853f, 0.290284677f, 0.242980180f, 0.195090322f, 0.146730474f, 0.098017140f, 0.049067674f,
    0.000000000f,
};

/* cos and sin of one, two and three times 2 pi j / TABLE, j up to TABLE / 4: by the theorems of addition. */
typedef struct turns {
    float c1, s1, c2, s2, c3, s3;
} turns;

static inline turns turns_of(int j) {
    turns t;
    t.c1 = COSINES[j];
    t.s1 = COSINES[TABLE / 4 - j];
    t.c2 = t.c1 * t.c1 - t.s1 * t.s1;
    t.s2 = 2.0f * t.c1 * t.s1;
    t.c3 = t.c2 * t.c1 - t.s2 * t.s1;
    t.s3 = t.s2 * t.c1 + t.c2 * t.s1;
    return t;
}

/* (R + i I) * (C - i S) for the forward direction, * (C + i S) for the inverse. */
#define TURN_RE(R, I, C, S) FMA((I), (lane)(S), (R) * (C))
#define TURN_IM(R, I, C, S) FMA((R), (lane)(-(S)), (I) * (C))

/* The frequency at place P of a transformed line of N. */
static inline int frequency_of(int p, int n) {
    int frequency = 0, scale = 1;
    while (n > 1) {
        const int radix = n >= 4 ? 4 : 2;
        n /= radix;
        frequency += p / n * scale;
        p %= n;
        scale *= radix;
    }
    return frequency;
}

static inline void radix2(__local float *re, __local float *im, int n, int step) {
    for (int i = 0; i < n; i += 2) {
        __local float *r = re + i * step, *q = im + i * step;
        const lane r0 = GET(r), r1 = GET(r + step), i0 = GET(q), i1 = GET(q + step);
        PUT(r0 + r1, r);
        PUT(i0 + i1, q);
        PUT(r0 - r1, r + step);
        PUT(i0 - i1, q + step);
    }
}

static inline void forward_line(__local float *re, __local float *im, int n, int step) {
    int m = n;
    for (; m >= 4; m /= 4) {
        const int quarter = m / 4, every = TABLE / m, far = quarter * step;
        for (int j = 0; j < quarter; j++) {
            const turns t = turns_of(j * every);
            for (int i = j; i < n; i += m) {
                __local float *r = re + i * step, *q = im + i * step;
                const lane r0 = GET(r), r1 = GET(r + far), r2 = GET(r + 2 * far), r3 = GET(r + 3 * far);
                const lane i0 = GET(q), i1 = GET(q + far), i2 = GET(q + 2 * far), i3 = GET(q + 3 * far);
                const lane r02 = r0 + r2, d02 = r0 - r2, r13 = r1 + r3, d13 = r1 - r3;
                const lane i02 = i0 + i2, e02 = i0 - i2, i13 = i1 + i3, e13 = i1 - i3;
                PUT(r02 + r13, r);
                PUT(i02 + i13, q);
                PUT(TURN_RE(d02 + e13, e02 - d13, t.c1, t.s1), r + far);
                PUT(TURN_IM(d02 + e13, e02 - d13, t.c1, t.s1), q + far);
                PUT(TURN_RE(r02 - r13, i02 - i13, t.c2, t.s2), r + 2 * far);
                PUT(TURN_IM(r02 - r13, i02 - i13, t.c2, t.s2), q + 2 * far);
                PUT(TURN_RE(d02 - e13, e02 + d13, t.c3, t.s3), r + 3 * far);
                PUT(TURN_IM(d02 - e13, e02 + d13, t.c3, t.s3), q + 3 * far);
            }
        }
    }
    if (m == 2) radix2(re, im, n, step);
}

static inline void inverse_line(__local float *re, __local float *im, int n, int step) {
    int m = n;
    while (m > 4) {
        m /= 4;
    }
    if (m == 2) {
        radix2(re, im, n, step);
        m = 8;
    }
    for (; m <= n; m *= 4) {
        const int quarter = m / 4, every = TABLE / m, far = quarter * step;
        for (int j = 0; j < quarter; j++) {
            const turns t = turns_of(j * every);
            for (int i = j; i < n; i += m) {
                __local float *r = re + i * step, *q = im + i * step;
                const lane x1 = GET(r + far), y1 = GET(q + far), x2 = GET(r + 2 * far), y2 = GET(q + 2 * far);
                const lane x3 = GET(r + 3 * far), y3 = GET(q + 3 * far), r0 = GET(r), i0 = GET(q);
                const lane r1 = TURN_RE(x1, y1, t.c1, -t.s1), i1 = TURN_IM(x1, y1, t.c1, -t.s1);
                const lane r2 = TURN_RE(x2, y2, t.c2, -t.s2), i2 = TURN_IM(x2, y2, t.c2, -t.s2);
                const lane r3 = TURN_RE(x3, y3, t.c3, -t.s3), i3 = TURN_IM(x3, y3, t.c3, -t.s3);
                const lane r02 = r0 + r2, d02 = r0 - r2, r13 = r1 + r3, d13 = r1 - r3;
                const lane i02 = i0 + i2, e02 = i0 - i2, i13 = i1 + i3, e13 = i1 - i3;
                PUT(r02 + r13, r);
                PUT(i02 + i13, q);
                PUT(d02 - e13, r + far);
                PUT(e02 + d13, q + far);
                PUT(r02 - r13, r + 2 * far);
                PUT(i02 - i13, q + 2 * far);
                PUT(d02 + e13, r + 3 * far);
                PUT(e02 - d13, q + 3 * far);
            }
        }
    }
}

#endif
