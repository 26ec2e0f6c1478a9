/* Batch normalisation: what the rows (batch_norm.c), the launches (batch_norm_launch.c) and the passes share. */
#ifndef CLADE_OPS_BATCH_NORM_H
#define CLADE_OPS_BATCH_NORM_H

#include "ops/tail.h"

extern const clade_op clade_op_batch_norm, clade_op_batch_norm_gradient;

typedef struct clade_batch_norm_attributes {
    double epsilon, momentum;
    clade_tail_attributes tail; /* residual and ReLU alone */
} clade_batch_norm_attributes;

enum { CLADE_BATCH_NORM_RESIDUAL = 5 }; /* the input after x, gamma, beta and the running statistics */

/* (N, C, S): the spatial axes as one. */
typedef struct clade_batch_norm_sizes {
    int64_t samples, channels, space;
} clade_batch_norm_sizes;

static inline clade_batch_norm_sizes clade_batch_norm_sizes_of(const int64_t size[], int64_t count) {
    return (clade_batch_norm_sizes){ size[0], size[1], count / (size[0] * size[1]) };
}

/* Each ended by NULL. */
extern const clade_implementation *const clade_batch_norm_implementations[];
extern const clade_implementation *const clade_batch_norm_gradient_implementations[];

#endif
