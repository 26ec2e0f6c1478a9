/* Sums of parts: where a long sum was cut into parts that several groups computed side by side. */
#include "tail.h"

/* out[i] = the sum of element i of all parts, in order, with the tail, I % COLUMNS being its channel. */
__kernel void add_parts(const __global float *restrict parts, __global float *restrict out, int count, int part_count,
                        int columns, TAIL_PARAMETERS) {
    const tail_inputs tail = TAIL_INPUTS;
    const int i = (int)get_global_id(0);
    if (i >= count) return;
    float sum = parts[i];
    for (int p = 1; p < part_count; p++) sum += parts[(size_t)p * count + i];
    out[i] = tail1(&tail, sum, tail_bias_of(&tail, i % columns), i);
}
