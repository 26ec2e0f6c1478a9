/* Transposing small blocks in registers by perfect shuffles: one shuffle of a list of vectors rotates the bits of an
 * element's place by one, so four of them turn 16 x 16 round, and three turn 8 x 16 into 16 x 8. */
#ifndef TRANSPOSE_H
#define TRANSPOSE_H

static inline float16 shuffle_low(float16 a, float16 b) {
    return (float16)(a.s0, b.s0, a.s1, b.s1, a.s2, b.s2, a.s3, b.s3, a.s4, b.s4, a.s5, b.s5, a.s6, b.s6, a.s7, b.s7);
}

static inline float16 shuffle_high(float16 a, float16 b) {
    return (float16)(a.s8, b.s8, a.s9, b.s9, a.sa, b.sa, a.sb, b.sb, a.sc, b.sc, a.sd, b.sd, a.se, b.se, a.sf, b.sf);
}

#define SHUFFLE_8(TO, FROM)                                                                                            \
    _Pragma("unroll") for (int i = 0; i < 4; i++) {                                                                    \
        TO[2 * i] = shuffle_low(FROM[i], FROM[i + 4]);                                                                 \
        TO[2 * i + 1] = shuffle_high(FROM[i], FROM[i + 4]);                                                            \
    }
#define SHUFFLE_16(TO, FROM)                                                                                           \
    _Pragma("unroll") for (int i = 0; i < 8; i++) {                                                                    \
        TO[2 * i] = shuffle_low(FROM[i], FROM[i + 8]);                                                                 \
        TO[2 * i + 1] = shuffle_high(FROM[i], FROM[i + 8]);                                                            \
    }

/* Eight rows of 16 become sixteen rows of 8, two in each vector. */
static inline void transpose_8(float16 v[8]) {
    float16 t[8];
    SHUFFLE_8(t, v)
    SHUFFLE_8(v, t)
    SHUFFLE_8(t, v)
    _Pragma("unroll") for (int i = 0; i < 8; i++) v[i] = t[i];
}

/* Sixteen rows of 16 become their columns. */
static inline void transpose_16(float16 v[16]) {
    float16 t[16];
    SHUFFLE_16(t, v)
    SHUFFLE_16(v, t)
    SHUFFLE_16(t, v)
    SHUFFLE_16(v, t)
}

#endif
