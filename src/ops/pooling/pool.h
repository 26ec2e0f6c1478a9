/* Pooling: what the rows (pool.c), their meaning (pool_reference.c), the launches (pool_launch.c) and the builder's
 * calls (pool_build.c) share. */
#ifndef CLADE_OPS_POOL_H
#define CLADE_OPS_POOL_H

#include "ops/op.h"

extern const clade_op clade_op_max_pool, clade_op_max_pool_gradient, clade_op_max_pool_pick, clade_op_average_pool,
    clade_op_average_pool_gradient, clade_op_sum_pool, clade_op_sum_pool_gradient, clade_op_lp_pool;

typedef struct clade_pool_attributes {
    int64_t kernel[2], stride[2], pad[4];
    bool ceil, exclude_pad;
    int64_t size[2]; /* H, W: of the gradients, which cannot tell it from P, Q */
    int64_t dilation[2];
    int64_t power; /* of lp_pool */
} clade_pool_attributes;

/* The cells that a window reaches over along axis I (0: rows, 1: columns). */
static inline int64_t clade_pool_reach(const clade_pool_attributes *a, int i) {
    return (a->kernel[i] - 1) * a->dilation[i] + 1;
}

/* Whether NODE divides its sums by nothing. */
static inline bool clade_pool_is_sum(const clade_node *node) {
    return node->op == &clade_op_sum_pool || node->op == &clade_op_sum_pool_gradient || node->op == &clade_op_lp_pool;
}

/* x1 * x0^EXPONENT where x0 > 0, else 0. */
clade_value clade_times_power(clade_value x0, clade_value x1, double exponent);

void clade_max_pool_reference(const clade_node *node, const clade_tensor in[], clade_tensor out[]);
void clade_max_pool_gradient_reference(const clade_node *node, const clade_tensor in[], clade_tensor out[]);
void clade_max_pool_pick_reference(const clade_node *node, const clade_tensor in[], clade_tensor out[]);
/* Of sums and means. */
void clade_sum_pool_reference(const clade_node *node, const clade_tensor in[], clade_tensor out[]);
void clade_sum_pool_gradient_reference(const clade_node *node, const clade_tensor in[], clade_tensor out[]);
void clade_lp_pool_reference(const clade_node *node, const clade_tensor in[], clade_tensor out[]);

/* Each ended by NULL. */
extern const clade_implementation *const clade_max_pool_implementations[];
extern const clade_implementation *const clade_max_pool_gradient_implementations[];
extern const clade_implementation *const clade_max_pool_pick_implementations[];
extern const clade_implementation *const clade_average_pool_implementations[];
extern const clade_implementation *const clade_average_pool_gradient_implementations[];

#endif
