/* Philox4x32-10 (Salmon, Moraes, Dror, Shaw, SC 2011) in OpenCL C: the same function as src/base/random.c. A draw
 * depends on key and counter alone, so it is the same on every device and in any order. */
#ifndef PHILOX_H
#define PHILOX_H

static inline uint4 philox(uint2 key, uint4 counter) {
    for (int round = 0; round < 10; round++) {
        const uint high0 = mul_hi(0xD2511F53u, counter.x), low0 = 0xD2511F53u * counter.x;
        const uint high1 = mul_hi(0xCD9E8D57u, counter.z), low1 = 0xCD9E8D57u * counter.z;
        counter = (uint4)(high1 ^ counter.y ^ key.x, low1, high0 ^ counter.w ^ key.y, low0);
        key += (uint2)(0x9E3779B9u, 0xBB67AE85u);
    }
    return counter;
}

/* The blocks of COUNTER and the seven after it in word 0: word W of the block B further is WORDS[W], lane B. The
 * products of 64 bits stay in vectors where mul_hi becomes calls. */
static inline void philox8(uint2 key, uint4 counter, uint8 words[4]) {
    uint8 x0 = counter.x + (uint8)(0, 1, 2, 3, 4, 5, 6, 7), x1 = counter.y, x2 = counter.z, x3 = counter.w;
    for (int round = 0; round < 10; round++) {
        const ulong8 product0 = convert_ulong8(x0) * 0xD2511F53UL, product1 = convert_ulong8(x2) * 0xCD9E8D57UL;
        x0 = convert_uint8(product1 >> 32) ^ x1 ^ key.x;
        x1 = convert_uint8(product1 & 0xFFFFFFFFUL);
        x2 = convert_uint8(product0 >> 32) ^ x3 ^ key.y;
        x3 = convert_uint8(product0 & 0xFFFFFFFFUL);
        key += (uint2)(0x9E3779B9u, 0xBB67AE85u);
    }
    words[0] = x0;
    words[1] = x1;
    words[2] = x2;
    words[3] = x3;
}

/* A draw as a float of [0, 1): its upper 24 bits, which a float holds exactly. */
static inline float philox_uniform(uint draw) {
    return (float)(draw >> 8) * 0x1p-24f;
}

#endif
