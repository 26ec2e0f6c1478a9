/* Unfolding and folding (unfold.c): attributes, for what is built of them. */
#ifndef CLADE_OPS_UNFOLD_H
#define CLADE_OPS_UNFOLD_H

#include "ops/op.h"

extern const clade_op clade_op_unfold, clade_op_fold;

/* Over AXES axes, 1 to 3: entries beyond are not read. PAD: before each axis, then after each, at axis and 3 + axis.
 * IMAGE is read by fold alone. */
typedef struct clade_unfold_attributes {
    int64_t axes, kernel[3], stride[3], pad[6], dilation[3], image[3];
} clade_unfold_attributes;

#endif
