/* Bernoulli draws: y = 1 where the element's uniform draw in [0, 1) is below p, else 0. Element e of a sample has word
 * e / 8 % 4 of Philox's block e / 32 * 8 + e % 8: eight blocks together decide 32 neighbours, a word of all eight
 * blocks eight of them. STATE: seed low and high, step low and high, first sample.
 *   blocks          an item for each block
 *   block_vectors   an item for PART blocks (a multiple of 8), eight at a time */
#include "philox.h"

static inline uint2 key_of(__global const int *state, int name_low, int name_high) {
    return (uint2)(as_uint(state[0]) ^ as_uint(name_low), as_uint(state[1]) ^ as_uint(name_high));
}

static inline uint4 counter_of(__global const int *state, int n, int block) {
    return (uint4)((uint)block, as_uint(state[4]) + (uint)n, as_uint(state[2]), as_uint(state[3]));
}

static inline float decide(float p, uint draw) {
    return philox_uniform(draw) < p ? 1.0f : 0.0f;
}

/* The four elements of one block. */
static inline void decide_block(__global const float *p, __global float *y, int elements, uint2 key, uint4 counter) {
    const uint4 draws = philox(key, counter);
    const int at = (int)(counter.x / 8 * 32 + counter.x % 8);
    if (at < elements) y[at] = decide(p[at], draws.x);
    if (at + 8 < elements) y[at + 8] = decide(p[at + 8], draws.y);
    if (at + 16 < elements) y[at + 16] = decide(p[at + 16], draws.z);
    if (at + 24 < elements) y[at + 24] = decide(p[at + 24], draws.w);
}

__kernel void blocks(__global const float *restrict p, __global const int *restrict state, __global float *restrict y,
                     int samples, int elements, int blocks, int part, int name_low, int name_high) {
    const int block = (int)get_global_id(0), n = (int)get_global_id(1);
    if (block >= blocks || n >= samples) return;
    const size_t row = (size_t)n * elements;
    decide_block(p + row, y + row, elements, key_of(state, name_low, name_high), counter_of(state, n, block));
}

__kernel void block_vectors(__global const float *restrict p, __global const int *restrict state,
                            __global float *restrict y, int samples, int elements, int blocks, int part, int name_low,
                            int name_high) {
    const int n = (int)get_global_id(1), begin = (int)get_global_id(0) * part, end = min(begin + part, blocks);
    const uint2 key = key_of(state, name_low, name_high);
    p += (size_t)n * elements;
    y += (size_t)n * elements;
    for (int block = begin; block < end; block += 8) {
        if (4 * (block + 8) <= elements) {
            uint8 words[4];
            philox8(key, counter_of(state, n, block), words);
            for (int w = 0; w < 4; w++) {
                const float8 uniform = convert_float8(words[w] >> 8) * 0x1p-24f;
                vstore8(select((float8)(0.0f), (float8)(1.0f), uniform < vload8(w, p + 4 * block)), w, y + 4 * block);
            }
        } else {
            for (int i = 0; i < 8; i++) {
                decide_block(p, y, elements, key, counter_of(state, n, block + i));
            }
        }
    }
}
