/* Arithmetic of counts, which are not negative: what sizes may be, and how work is cut into blocks. */
#ifndef CLADE_OPS_COUNTS_H
#define CLADE_OPS_COUNTS_H

#include <stdbool.h>
#include <stdint.h>

/* Whether VALUE is at least LEAST and below 2^31, so that the product of two such numbers fits into 64 bits. */
static inline bool clade_is_count(int64_t value, int64_t least) {
    return value >= least && value <= INT32_MAX;
}

/* Blocks of BLOCK that hold VALUE, the last of which may not be full. */
static inline int64_t clade_blocks(int64_t value, int64_t block) {
    return (value + block - 1) / block;
}

static inline int64_t clade_round_up(int64_t value, int64_t multiple) {
    return clade_blocks(value, multiple) * multiple;
}

static inline int64_t clade_smaller(int64_t a, int64_t b) {
    return a < b ? a : b;
}

static inline int64_t clade_larger(int64_t a, int64_t b) {
    return a > b ? a : b;
}

#endif
