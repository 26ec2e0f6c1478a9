/* Operators that reduce along axes, and softmax. See clade/ops.h for what all share. */
#ifndef CLADE_OPERATORS_REDUCTION_H
#define CLADE_OPERATORS_REDUCTION_H

#include "clade/graph.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- reductions, over the axes whose bits are set in AXES (bit 0: axis 0); kept axes stay, reduced ones become 1 when
 *      KEEP, else vanish. CLADE_ALL_AXES: everything. ---- */
#define CLADE_ALL_AXES UINT32_MAX
CLADE_API clade_value clade_sum(clade_value x, uint32_t axes, bool keep);
CLADE_API clade_value clade_mean(clade_value x, uint32_t axes, bool keep);

/* The sum of x^2 (ONNX's ReduceSumSquare), of |x| (ReduceL1), and the root of the former (ReduceL2; its slope at 0 is not
 * finite). */
CLADE_API clade_value clade_sum_square(clade_value x, uint32_t axes, bool keep);
CLADE_API clade_value clade_sum_absolute(clade_value x, uint32_t axes, bool keep);
CLADE_API clade_value clade_norm(clade_value x, uint32_t axes, bool keep);
/* The largest and smallest element; a NaN is either. Elements that equal it share the gradient evenly. (ONNX's ReduceMax,
 * ReduceMin.) */
CLADE_API clade_value clade_largest(clade_value x, uint32_t axes, bool keep);
CLADE_API clade_value clade_smallest(clade_value x, uint32_t axes, bool keep);
/* (ONNX's ReduceProd.) The gradient is right where elements are 0, too. */
CLADE_API clade_value clade_product_over(clade_value x, uint32_t axes, bool keep);
/* ln(sum of x), and ln(sum of e^x) from the differences to the largest (which must be finite). (ONNX's ReduceLogSum,
 * ReduceLogSumExp.) */
CLADE_API clade_value clade_log_sum(clade_value x, uint32_t axes, bool keep);
CLADE_API clade_value clade_log_sum_exponential(clade_value x, uint32_t axes, bool keep);

/* Softmax along an axis (from the end where negative): e^x_i / sum of e^x_j, computed from x - max x. (ONNX's Softmax.) */
CLADE_API clade_value clade_softmax_along(clade_value x, int32_t axis);
/* Its logarithm, computed without it. (ONNX's LogSoftmax.) */
CLADE_API clade_value clade_log_softmax_along(clade_value x, int32_t axis);
/* Both along axis 1: the classes of (N, C), or of the pixels of (N, C, H, W). */
CLADE_API clade_value clade_softmax(clade_value x);
CLADE_API clade_value clade_log_softmax(clade_value x);

/* ---- along one axis (from the end where negative) of float32 ---- */

/* The place (int32) of the largest or smallest element, of equals the first; a NaN is never it. The axis becomes 1 when
 * KEEP, else vanishes. No gradient. (ONNX's ArgMax, ArgMin.) */
CLADE_API clade_value clade_argmax(clade_value x, int32_t axis, bool keep);
CLADE_API clade_value clade_argmin(clade_value x, int32_t axis, bool keep);
/* The COUNT largest elements, or SMALLEST, in order; PLACES, when not NULL, receives where they were (int32). Of equals
 * the first comes first, NaNs come last. The axis has a fixed size of at least COUNT. (ONNX's TopK.) */
CLADE_API clade_value clade_top_k(clade_value x, int32_t axis, int64_t count, bool smallest, clade_value *places);
/* y[i] = x[0] + ... + x[i]; without x[i] when EXCLUSIVE; from the end when BACKWARDS. (ONNX's CumSum.) */
CLADE_API clade_value clade_cumulative_sum(clade_value x, int32_t axis, bool exclusive, bool backwards);
/* 1 at the largest element along AXIS, of equals the first, 0 elsewhere. No gradient. (ONNX's Hardmax.) */
CLADE_API clade_value clade_hardmax(clade_value x, int32_t axis);

#ifdef __cplusplus
}
#endif
#endif
