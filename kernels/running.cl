/* Running sums and products along lines: x and y (OUTER, LENGTH, INNER), a line for each outer and inner index, its
 * elements INNER apart; an item for each line. y is what comes up to each element, itself left out when EXCLUSIVE, from
 * the end when BACKWARDS, multiplied when PRODUCT, else added. */
#define RUNNING(NAME, TYPE, WORK)                                                                                      \
    __kernel void NAME(const __global TYPE *restrict x, __global TYPE *restrict y, int length, int inner, int product, \
                       int exclusive, int backwards) {                                                                 \
        const int k = (int)get_global_id(0);                                                                           \
        if (k >= inner) return;                                                                                        \
        const size_t start = (size_t)get_global_id(1) * length * inner + k;                                            \
        WORK total = product ? (WORK)(1) : (WORK)(0);                                                                  \
        for (int i = 0; i < length; i++) {                                                                             \
            const size_t at = start + (size_t)(backwards ? length - 1 - i : i) * inner;                                \
            const WORK before = total, v = (WORK)(x[at]);                                                              \
            total = product ? total * v : total + v;                                                                   \
            y[at] = (TYPE)(exclusive ? before : total);                                                                \
        }                                                                                                              \
    }

RUNNING(running_real, float, float)
RUNNING(running_whole, int, uint)
