/* Resizing along an axis: the rule that says which inputs an output is made of, between its meaning (ops/shape/resize.c) and its
 * launches (ops/shape/resize_launch.c). */
#ifndef CLADE_OPS_RESIZE_H
#define CLADE_OPS_RESIZE_H

#include "ops/op.h"

/* Output o of OUTPUTS lies at (a o + b) / d among the INPUTS. */
typedef struct clade_resize_attributes {
    int64_t axis, inputs, outputs;
    int64_t a, b, d;
    int64_t mode, rounding; /* clade_resize_mode, clade_resize_rounding */
    double cubic;           /* the cubic's coefficient */
    bool antialias;
    bool transposed; /* from the outputs back to the inputs */
} clade_resize_attributes;

/* How much wider than 1 the filter is, and how far it reaches to each side. */
double clade_resize_stretch(const clade_resize_attributes *a);
double clade_resize_support(const clade_resize_attributes *a);

extern const clade_implementation *const clade_resize_implementations[];

#endif
