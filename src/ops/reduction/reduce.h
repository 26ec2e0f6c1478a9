/* Reductions over axes, for the passes that look into them. */
#ifndef CLADE_OPS_REDUCE_H
#define CLADE_OPS_REDUCE_H

#include "ops/op.h"

extern const clade_op clade_op_sum, clade_op_mean, clade_op_sum_square, clade_op_sum_absolute, clade_op_largest,
    clade_op_smallest, clade_op_product;

/* What stands for the sum; numbered as in kernels/reduce.cl. */
typedef enum clade_reduce_kind {
    CLADE_REDUCE_SUM,
    CLADE_REDUCE_SQUARES,
    CLADE_REDUCE_ABSOLUTES,
    CLADE_REDUCE_LARGEST,
    CLADE_REDUCE_SMALLEST,
    CLADE_REDUCE_PRODUCT,
} clade_reduce_kind;

/* Of a reduction's node. */
clade_reduce_kind clade_reduce_kind_of(const clade_node *node);

typedef struct clade_reduce_attributes {
    int64_t axes; /* bit i: axis i */
    bool keep;
} clade_reduce_attributes;

extern const clade_implementation *const clade_reduce_implementations[]; /* ops/reduction/reduce_launch.c */

#endif
