/* Dropout: y = x * scale where the element's draw is at least the threshold, else 0. Element e of a sample has word
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

/* The four elements of one block. */
static inline void decide_block(__global const float *x, __global float *y, int elements, uint2 key, uint4 counter,
                                uint least, float scale) {
    const uint4 draws = philox(key, counter);
    const int at = (int)(counter.x / 8 * 32 + counter.x % 8);
    if (at < elements) y[at] = draws.x >= least ? x[at] * scale : 0.0f;
    if (at + 8 < elements) y[at + 8] = draws.y >= least ? x[at + 8] * scale : 0.0f;
    if (at + 16 < elements) y[at + 16] = draws.z >= least ? x[at + 16] * scale : 0.0f;
    if (at + 24 < elements) y[at + 24] = draws.w >= least ? x[at + 24] * scale : 0.0f;
}

__kernel void blocks(__global const float *restrict x, __global const int *restrict state, __global float *restrict y,
                     int samples, int elements, int blocks, int part, int name_low, int name_high, int threshold,
                     float scale) {
    const int block = (int)get_global_id(0), n = (int)get_global_id(1);
    if (block >= blocks || n >= samples) return;
    const size_t row = (size_t)n * elements;
    decide_block(x + row, y + row, elements, key_of(state, name_low, name_high), counter_of(state, n, block),
                 as_uint(threshold), scale);
}

__kernel void block_vectors(__global const float *restrict x, __global const int *restrict state,
                            __global float *restrict y, int samples, int elements, int blocks, int part, int name_low,
                            int name_high, int threshold, float scale) {
    const int n = (int)get_global_id(1), begin = (int)get_global_id(0) * part, end = min(begin + part, blocks);
    const uint2 key = key_of(state, name_low, name_high);
    const uint least = as_uint(threshold);
    x += (size_t)n * elements;
    y += (size_t)n * elements;
    for (int block = begin; block < end; block += 8) {
        if (4 * (block + 8) <= elements) {
            uint8 words[4];
            philox8(key, counter_of(state, n, block), words);
            for (int w = 0; w < 4; w++) {
                const float8 scaled = vload8(w, x + 4 * block) * scale;
                vstore8(select((float8)(0.0f), scaled, words[w] >= least), w, y + 4 * block);
            }
        } else {
            for (int i = 0; i < 8; i++) {
                decide_block(x, y, elements, key, counter_of(state, n, block + i), least, scale);
            }
        }
    }
}
