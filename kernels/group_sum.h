/* A sum over the work-items of a group. */
#ifndef GROUP_SUM_H
#define GROUP_SUM_H

#ifndef GROUP
#define GROUP 64
#endif

/* The sum of VALUE over a group, for all its items. SCRATCH has room for GROUP floats. */
static inline float group_sum(float value, __local float *scratch) {
    const int item = (int)get_local_id(0);
    barrier(CLK_LOCAL_MEM_FENCE);
    scratch[item] = value;
    for (int half_size = GROUP / 2; half_size > 0; half_size /= 2) {
        barrier(CLK_LOCAL_MEM_FENCE);
        if (item < half_size) scratch[item] += scratch[item + half_size];
    }
    barrier(CLK_LOCAL_MEM_FENCE);
    return scratch[0];
}

#endif
