/* Operators that move elements. See clade/ops.h for what all share. */
#ifndef CLADE_OPERATORS_SHAPE_H
#define CLADE_OPERATORS_SHAPE_H

#include "clade/graph.h"

#ifdef __cplusplus
extern "C" {
#endif

CLADE_API clade_value clade_reshape(clade_value x, clade_dims dims); /* one size may be CLADE_REST */
#define CLADE_REST INT64_MIN
CLADE_API clade_value clade_flatten(clade_value x); /* (N, ...) -> (N, product of the rest) */

/* x with VALUE around it and between its elements: along each axis of size X,
 *   y[before + i * step] = x[i], VALUE elsewhere; y's size is before + (X - 1) * step + 1 + after
 * An axis without a fixed size (N) stays as it is. (ONNX's Pad in mode "constant"; its gradient is a slice.) */
typedef struct clade_pad_options {
    size_t size;
    clade_value x;
    int64_t before[CLADE_MAX_RANK], after[CLADE_MAX_RANK]; /* by axis, at least 0 */
    int64_t step[CLADE_MAX_RANK];                          /* by axis, at least 1; default 1 */
    float value;
    const char *name;
} clade_pad_options;
CLADE_API clade_value clade_pad_with(const clade_pad_options *options);
#define clade_pad(...) clade_pad_with(&(clade_pad_options){ .size = sizeof(clade_pad_options), .x = __VA_ARGS__ })

/* A part of x: y[i] = x[begin + i * step] along each axis, up to END, which is left out; at least one element. BEGIN and
 * END count from the axis's end where they are negative; END 0 is the axis's end. An axis without a fixed size (N) stays
 * whole. (ONNX's Slice with positive steps.) */
typedef struct clade_slice_options {
    size_t size;
    clade_value x;
    int64_t begin[CLADE_MAX_RANK], end[CLADE_MAX_RANK]; /* by axis */
    int64_t step[CLADE_MAX_RANK];                       /* by axis, at least 1; default 1 */
    const char *name;
} clade_slice_options;
CLADE_API clade_value clade_slice_with(const clade_slice_options *options);
#define clade_slice(...)                                                                                               \
    clade_slice_with(&(clade_slice_options){ .size = sizeof(clade_slice_options), .x = __VA_ARGS__ })

#ifdef __cplusplus
}
#endif
#endif
