/* Vectors of 16: the sum and the largest of the lanes, in a fixed order, and loads and stores of a row's last lanes.
 * Lanes are added in an array, which compilers keep in registers: Oclgrind 21.10 takes lane 11 of a shuffled vector for
 * uninitialised, and fails on a shuffle with a lane that does not matter (its Uninitialized.cpp, ShuffleVector). */
#ifndef VECTORS_H
#define VECTORS_H

static inline float lanes4(float4 v) {
    float lanes[4];
    vstore4(v, 0, lanes);
    return (lanes[0] + lanes[2]) + (lanes[1] + lanes[3]);
}

static inline float lanes8(float8 v) {
    float lanes[8];
    vstore8(v, 0, lanes);
    for (int i = 0; i < 4; i++) {
        lanes[i] += lanes[i + 4];
    }
    return (lanes[0] + lanes[2]) + (lanes[1] + lanes[3]);
}

static inline float lanes16(float16 v) {
    float lanes[16];
    vstore16(v, 0, lanes);
    for (int i = 0; i < 8; i++) {
        lanes[i] += lanes[i + 8];
    }
    for (int i = 0; i < 4; i++) {
        lanes[i] += lanes[i + 4];
    }
    return (lanes[0] + lanes[2]) + (lanes[1] + lanes[3]);
}

static inline float largest16(float16 v) {
    float lanes[16];
    vstore16(v, 0, lanes);
    for (int i = 0; i < 8; i++) {
        lanes[i] = fmax(lanes[i], lanes[i + 8]);
    }
    for (int i = 0; i < 4; i++) {
        lanes[i] = fmax(lanes[i], lanes[i + 4]);
    }
    return fmax(fmax(lanes[0], lanes[2]), fmax(lanes[1], lanes[3]));
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
