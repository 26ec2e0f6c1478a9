/* Reductions over axes, for the passes that look into them. */
#ifndef CLADE_OPS_REDUCE_H
#define CLADE_OPS_REDUCE_H

#include "ops/op.h"

extern const clade_op clade_op_sum, clade_op_mean;

typedef struct clade_reduce_attributes {
    int64_t axes; /* bit i: axis i */
    bool keep;
} clade_reduce_attributes;

#endif
