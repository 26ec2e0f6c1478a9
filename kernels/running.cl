/* Running sums and products along lines: x and y (OUTER, LENGTH, INNER), a line for each outer and inner index, its
 * elements INNER apart; an item for each line. y is what comes up to each element, itself left out when EXCLUSIVE, from
 * the end when BACKWARDS, multiplied when PRODUCT, else added. */
#define RUN(TYPE, WORK)                                                                                                \
    const int k = (int)get_global_id(0);                                                                               \
    if (k >= inner) return;                                                                                            \
    const size_t start = (size_t)get_global_id(1) * length * inner + k;                                                \
    WORK total = product ? (WORK)(1) : (WORK)(0);                                                                      \
    for (int i = 0; i < length; i++) {                                                                                 \
        const size_t at = start + (size_t)(backwards ? length - 1 - i : i) * inner;                                    \
        const WORK before = total, v = (WORK)(x[at]);                                                                  \
        total = product ? total * v : total + v;                                                                       \
        y[at] = (TYPE)(exclusive ? before : total);                                                                    \
    }

__kernel void running_real(const __global float *restrict x, __global float *restrict y, int length, int inner,
                           int product, int exclusive, int backwards) {
    RUN(float, float)
}

/* Integers wrap round, as unsigned ones do. */
__kernel void running_whole(const __global int *restrict x, __global int *restrict y, int length, int inner,
                            int product, int exclusive, int backwards) {
    RUN(int, uint)
}
