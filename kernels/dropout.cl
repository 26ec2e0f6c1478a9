/* Dropout: y = x * scale where the element's draw is at least the threshold, else 0. An item takes PART blocks of a
 * sample, each four elements that one Philox block decides. STATE: seed low and high, step low and high, first sample. */
#include "philox.h"

__kernel void dropout(__global const float *restrict x, __global const int *restrict state, __global float *restrict y,
                      int elements, int part, int name_low, int name_high, int threshold, float scale) {
    const int n = (int)get_global_id(1), whole = elements / 4;
    const int begin = (int)get_global_id(0) * part, end = min(begin + part, whole);
    const uint2 key = (uint2)(as_uint(state[0]) ^ as_uint(name_low), as_uint(state[1]) ^ as_uint(name_high));
    const uint sample = as_uint(state[4]) + (uint)n, step_low = as_uint(state[2]), step_high = as_uint(state[3]);
    const uint least = as_uint(threshold);
    x += (size_t)n * elements;
    y += (size_t)n * elements;
    for (int block = begin; block < end; block++) {
        const uint4 draws = philox(key, (uint4)((uint)block, sample, step_low, step_high));
        y[4 * block] = draws.x >= least ? x[4 * block] * scale : 0.0f;
        y[4 * block + 1] = draws.y >= least ? x[4 * block + 1] * scale : 0.0f;
        y[4 * block + 2] = draws.z >= least ? x[4 * block + 2] * scale : 0.0f;
        y[4 * block + 3] = draws.w >= least ? x[4 * block + 3] * scale : 0.0f;
    }
    if (begin <= whole && whole < begin + part && 4 * whole < elements) {
        const uint4 draws = philox(key, (uint4)((uint)whole, sample, step_low, step_high));
        y[4 * whole] = draws.x >= least ? x[4 * whole] * scale : 0.0f;
        if (4 * whole + 1 < elements) y[4 * whole + 1] = draws.y >= least ? x[4 * whole + 1] * scale : 0.0f;
        if (4 * whole + 2 < elements) y[4 * whole + 2] = draws.z >= least ? x[4 * whole + 2] * scale : 0.0f;
    }
}
