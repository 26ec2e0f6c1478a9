/* Sums of the lanes of a vector, in a fixed order. */
#ifndef VECTORS_H
#define VECTORS_H

static inline float lanes4(float4 v) {
    const float2 pair = v.lo + v.hi;
    return pair.x + pair.y;
}

static inline float lanes8(float8 v) {
    return lanes4(v.lo + v.hi);
}

static inline float lanes16(float16 v) {
    return lanes8(v.lo + v.hi);
}

static inline float largest16(float16 v) {
    const float8 eight = fmax(v.lo, v.hi);
    const float4 four = fmax(eight.lo, eight.hi);
    const float2 two = fmax(four.lo, four.hi);
    return fmax(two.x, two.y);
}

/* COUNT (at most 16) floats from P on, FILL in the lanes after them; nothing past them is read. */
static inline float16 load_some(__global const float *p, int count, float fill) {
    if (count == 16) return vload16(0, p);
    float lanes[16];
    for (int i = 0; i < 16; i++) {
        lanes[i] = i < count ? p[i] : fill;
    }
    return vload16(0, lanes);
}

static inline void store_some(float16 v, __global float *p, int count) {
    if (count == 16) {
        vstore16(v, 0, p);
        return;
    }
    float lanes[16];
    vstore16(v, 0, lanes);
    for (int i = 0; i < count; i++) {
        p[i] = lanes[i];
    }
}

#endif
