/* The roof of a device: as many multiply-adds as it can do, and as many bytes as it can move. V is the vector type of
 * the multiply-adds ("float16" where a work-item owns a core, else "float"). */
#include "fma.h"

#define EACH(DO) DO(0) DO(1) DO(2) DO(3) DO(4) DO(5) DO(6) DO(7) DO(8) DO(9) DO(10) DO(11) DO(12) DO(13) DO(14) DO(15)

/* 16 independent chains of ROUNDS multiply-adds in each work-item, with FACTOR below 1 so that they stay finite. */
__kernel void multiply_adds(__global V *out, const float factor, const float term, const int rounds) {
    const V a = (V)(factor), b = (V)(term);
    const V start = (V)((float)get_global_id(0));
#define START(I) V chain##I = start + (V)((float)I);
#define STEP(I) chain##I = FMA(chain##I, a, b);
#define JOIN(I) total += chain##I;
    EACH(START)
    for (int i = 0; i < rounds; i++) {
        EACH(STEP)
    }
    V total = (V)(0.0f);
    EACH(JOIN)
    out[get_global_id(0)] = total;
}

__kernel void copy(__global const float4 *restrict from, __global float4 *restrict to, const int count) {
    const int i = (int)get_global_id(0);
    if (i < count) to[i] = from[i];
}
