/* Pooling: what the rows (pool.c) and the launches (pool_launch.c) share. */
#ifndef CLADE_OPS_POOL_H
#define CLADE_OPS_POOL_H

#include "ops/op.h"

extern const clade_op clade_op_max_pool, clade_op_max_pool_gradient, clade_op_max_pool_pick, clade_op_average_pool,
    clade_op_average_pool_gradient;

typedef struct clade_pool_attributes {
    int64_t kernel[2], stride[2], pad[4];
    bool ceil, exclude_pad;
    int64_t size[2]; /* H, W: of the gradients, which cannot tell it from P, Q */
} clade_pool_attributes;

/* Each ended by NULL. */
extern const clade_implementation *const clade_max_pool_implementations[];
extern const clade_implementation *const clade_max_pool_gradient_implementations[];
extern const clade_implementation *const clade_max_pool_pick_implementations[];
extern const clade_implementation *const clade_average_pool_implementations[];
extern const clade_implementation *const clade_average_pool_gradient_implementations[];

#endif
