/* Philox4x32-10 (Salmon, Moraes, Dror, Shaw, SC 2011) in OpenCL C: the same function as src/base/random.c. A draw
 * depends on key and counter alone, so it is the same on every device and in any order. */
#ifndef PHILOX_H
#define PHILOX_H

/* Scalars, so that neighbouring draws become lanes of a vector; a product of 64 bits for its two halves, which compilers
 * keep in vectors where mul_hi becomes a call. */
static inline uint4 philox(uint2 key, uint4 counter) {
    uint x0 = counter.x, x1 = counter.y, x2 = counter.z, x3 = counter.w, k0 = key.x, k1 = key.y;
    for (int round = 0; round < 10; round++) {
        const ulong product0 = 0xD2511F53UL * (ulong)x0, product1 = 0xCD9E8D57UL * (ulong)x2;
        x0 = (uint)(product1 >> 32) ^ x1 ^ k0;
        x1 = (uint)product1;
        x2 = (uint)(product0 >> 32) ^ x3 ^ k1;
        x3 = (uint)product0;
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    return (uint4)(x0, x1, x2, x3);
}

/* A draw as a float of [0, 1): its upper 24 bits, which a float holds exactly. */
static inline float philox_uniform(uint draw) {
    return (float)(draw >> 8) * 0x1p-24f;
}

#endif
