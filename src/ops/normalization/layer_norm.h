/* Normalisation of rows: what the rows (layer_norm.c) and the launches (layer_norm_launch.c) share. */
#ifndef CLADE_OPS_LAYER_NORM_H
#define CLADE_OPS_LAYER_NORM_H

#include "ops/op.h"

extern const clade_op clade_op_layer_norm, clade_op_layer_norm_gradient;

typedef struct clade_layer_norm_attributes {
    double epsilon;
    bool uncentred;
} clade_layer_norm_attributes;

/* x (R, G, K, I): rows at (r, g), parameters for (g, k). */
typedef struct clade_layer_norm_sizes {
    int64_t r, g, k, i;
} clade_layer_norm_sizes;

static inline clade_layer_norm_sizes clade_layer_norm_sizes_of(const int64_t size[]) {
    return (clade_layer_norm_sizes){ size[0], size[1], size[2], size[3] };
}

/* Each ended by NULL. */
extern const clade_implementation *const clade_layer_norm_implementations[];
extern const clade_implementation *const clade_layer_norm_gradient_implementations[];

#endif
