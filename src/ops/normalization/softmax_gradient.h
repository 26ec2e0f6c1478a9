/* Softmax's gradient along the innermost axis (softmax_gradient.c). */
#ifndef CLADE_OPS_SOFTMAX_GRADIENT_H
#define CLADE_OPS_SOFTMAX_GRADIENT_H

#include "ops/op.h"

extern const clade_op clade_op_softmax_gradient;

/* y * (dy - the sum of y dy along the last axis). */
clade_value clade_softmax_gradient(clade_value y, clade_value dy);

#endif
