/* Operators on whole numbers (int32), and float32 rounded to shorter types. See clade/ops.h for what all share. None has a
 * gradient. */
#ifndef CLADE_OPERATORS_WHOLE_H
#define CLADE_OPERATORS_WHOLE_H

#include "clade/graph.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- int32 element by element, broadcast; what does not fit wraps round ---- */

/* a / b, rounded towards 0, and what is left, with the sign of a (C's / and %); 0 where b is 0. */
CLADE_API clade_value clade_whole_divide(clade_value a, clade_value b);
CLADE_API clade_value clade_whole_remainder(clade_value a, clade_value b);
/* By the bits of two's complement. Shifts are by 0 to 31; to the right the sign fills up. (ONNX's BitwiseAnd, BitwiseOr,
 * BitwiseXor, BitShift.) */
CLADE_API clade_value clade_bits_and(clade_value a, clade_value b);
CLADE_API clade_value clade_bits_or(clade_value a, clade_value b);
CLADE_API clade_value clade_bits_exclusive_or(clade_value a, clade_value b);
CLADE_API clade_value clade_shift_left(clade_value a, clade_value b);
CLADE_API clade_value clade_shift_right(clade_value a, clade_value b);

/* ---- running sums and products ---- */

/* y[i] = x[0] op ... op x[i] along AXIS (from the end where negative) of float32 or int32, without x[i] when EXCLUSIVE, from
 * the end when BACKWARDS; op is multiplication when PRODUCT, else addition. (ONNX's CumProd, and CumSum of whole numbers;
 * the sum of float32 is clade_cumulative_sum().) */
CLADE_API clade_value clade_running(clade_value x, int32_t axis, bool product, bool exclusive, bool backwards);

/* ---- float32 rounded to the nearest number of a shorter type, halves to even ---- */

CLADE_API clade_value clade_round_to_half(clade_value x);     /* IEEE half precision: beyond 65504 infinite */
CLADE_API clade_value clade_round_to_bfloat16(clade_value x); /* the upper 16 bits of float32 */

#ifdef __cplusplus
}
#endif
#endif
