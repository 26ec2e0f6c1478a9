/* Operators element by element: arithmetic, activations, dropout. See clade/ops.h for what all share. */
#ifndef CLADE_OPERATORS_ELEMENTWISE_H
#define CLADE_OPERATORS_ELEMENTWISE_H

#include "clade/graph.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- element by element; binary ones broadcast as numpy does (axes aligned at the right, size 1 repeats) ---- */

CLADE_API clade_value clade_add(clade_value a, clade_value b);
CLADE_API clade_value clade_subtract(clade_value a, clade_value b);
CLADE_API clade_value clade_multiply(clade_value a, clade_value b);
CLADE_API clade_value clade_divide(clade_value a, clade_value b);
CLADE_API clade_value clade_scale(clade_value x, double factor); /* factor * x */
CLADE_API clade_value clade_square_root(clade_value x);
CLADE_API clade_value clade_reciprocal_square_root(clade_value x);
CLADE_API clade_value clade_square(clade_value x);
CLADE_API clade_value clade_negate(clade_value x);
CLADE_API clade_value clade_sigmoid(clade_value x); /* 1 / (1 + e^-x) */
CLADE_API clade_value clade_tanh(clade_value x);
CLADE_API clade_value clade_relu(clade_value x); /* max(x, 0); derivative 0 at 0 */
CLADE_API clade_value clade_step(clade_value x); /* 1 where x >= 0, else 0; derivative 0 */
CLADE_API clade_value clade_exponential(clade_value x);
CLADE_API clade_value clade_logarithm(clade_value x); /* the natural logarithm */
CLADE_API clade_value clade_erf(clade_value x);       /* 2/sqrt(pi) * integral of e^(-t^2), t from 0 to x */
CLADE_API clade_value clade_absolute(clade_value x);  /* derivative 0 at 0 */
CLADE_API clade_value clade_sign(clade_value x);      /* -1, 0 or 1; derivative 0 */
CLADE_API clade_value clade_maximum(clade_value a, clade_value b); /* of equals, the gradient goes to a */
CLADE_API clade_value clade_minimum(clade_value a, clade_value b);

/* ---- functions. Roundings have no gradient. (ONNX's Floor, Ceil, Round, Reciprocal, Pow, Mod, Sin, ...) ---- */
CLADE_API clade_value clade_floor(clade_value x);
CLADE_API clade_value clade_ceiling(clade_value x);
CLADE_API clade_value clade_truncate(clade_value x); /* towards 0 */
CLADE_API clade_value clade_round(clade_value x);    /* to the nearest, halves to the even one */
CLADE_API clade_value clade_reciprocal(clade_value x);
CLADE_API clade_value clade_power(clade_value a, clade_value b);     /* the gradient by b is 0 where a is not above 0 */
CLADE_API clade_value clade_remainder(clade_value a, clade_value b); /* a - b floor(a/b): the sign of b */
CLADE_API clade_value clade_float_remainder(clade_value a, clade_value b); /* C's fmod: the sign of a */
CLADE_API clade_value clade_sine(clade_value x);
CLADE_API clade_value clade_cosine(clade_value x);
CLADE_API clade_value clade_tangent(clade_value x);
CLADE_API clade_value clade_arc_sine(clade_value x);
CLADE_API clade_value clade_arc_cosine(clade_value x);
CLADE_API clade_value clade_arc_tangent(clade_value x);
CLADE_API clade_value clade_hyperbolic_sine(clade_value x);
CLADE_API clade_value clade_hyperbolic_cosine(clade_value x);
CLADE_API clade_value clade_inverse_hyperbolic_sine(clade_value x);
CLADE_API clade_value clade_inverse_hyperbolic_cosine(clade_value x);
CLADE_API clade_value clade_inverse_hyperbolic_tangent(clade_value x);
/* x, or LOW or HIGH where it is outside; the gradient flows where it is not. (ONNX's Clip.) */
CLADE_API clade_value clade_clip(clade_value x, double low, double high);

/* ---- truth, an int32 of 1 or 0: comparisons of two values of one type (a NaN compares false), tests and logic (0 is
 *      false, all else true). No gradients. (ONNX's Equal, Less, LessOrEqual, Greater, GreaterOrEqual, IsNaN, IsInf, And,
 *      Or, Xor, Not.) ---- */
CLADE_API clade_value clade_equal(clade_value a, clade_value b);
CLADE_API clade_value clade_less(clade_value a, clade_value b);
CLADE_API clade_value clade_less_equal(clade_value a, clade_value b);
CLADE_API clade_value clade_greater(clade_value a, clade_value b);
CLADE_API clade_value clade_greater_equal(clade_value a, clade_value b);
CLADE_API clade_value clade_is_nan(clade_value x);
CLADE_API clade_value clade_is_infinite(clade_value x);
CLADE_API clade_value clade_logical_and(clade_value a, clade_value b);
CLADE_API clade_value clade_logical_or(clade_value a, clade_value b);
CLADE_API clade_value clade_logical_exclusive_or(clade_value a, clade_value b);
CLADE_API clade_value clade_logical_not(clade_value x);
/* a where CONDITION (int32) is not 0, else b; the gradient goes to the one chosen. (ONNX's Where.) */
CLADE_API clade_value clade_where(clade_value condition, clade_value a, clade_value b);
/* x, through which no gradient flows. Any type. */
CLADE_API clade_value clade_detach(clade_value x);
/* x as DTYPE. To int32: rounds towards 0; what is past the ends of int32 becomes its ends, NaN 0. No gradient. (ONNX's
 * Cast.) */
CLADE_API clade_value clade_cast(clade_value x, clade_dtype dtype);

/* ---- activations ---- */

/* Leaky ReLU (Maas et al. 2013): slope * x where x < 0. ELU (Clevert et al. 2015): alpha (e^x - 1) where
 * x < 0. Softplus: ln(1 + e^x). GELU (Hendrycks and Gimpel 2016): x Phi(x), by erf. PReLU (He et al. 2015): slope * x
 * where x < 0, SLOPE a value that broadcasts to x: (C, 1, 1) for one number a channel. */
CLADE_API clade_value clade_leaky_relu(clade_value x, double slope);
CLADE_API clade_value clade_elu(clade_value x, double alpha);
CLADE_API clade_value clade_softplus(clade_value x);
CLADE_API clade_value clade_gelu(clade_value x);
CLADE_API clade_value clade_prelu(clade_value x, clade_value slope);
/* SELU (Klambauer et al. 2017): 1.0507 ELU(x) with alpha 1.6733. CELU (Barron 2017): x, alpha (e^(x/alpha) - 1) where
 * x < 0. Swish (Ramachandran et al. 2017): x / (1 + e^(-beta x)). Mish (Misra 2019): x tanh(ln(1 + e^x)). Log-sigmoid:
 * -ln(1 + e^-x). Softsign: x / (1 + |x|). GELU by tanh: x/2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))). */
CLADE_API clade_value clade_selu(clade_value x);
CLADE_API clade_value clade_celu(clade_value x, double alpha);
CLADE_API clade_value clade_swish(clade_value x, double beta);
CLADE_API clade_value clade_mish(clade_value x);
CLADE_API clade_value clade_log_sigmoid(clade_value x);
CLADE_API clade_value clade_softsign(clade_value x);
CLADE_API clade_value clade_gelu_by_tanh(clade_value x);
/* Hard sigmoid: slope x + offset within 0 and 1 (ONNX's defaults 0.2 and 0.5). Hard swish (Howard et al. 2019): x times the
 * hard sigmoid of slope 1/6. Thresholded ReLU: x where x > threshold, else 0. Shrink: x - bias where x > threshold,
 * x + bias where x < -threshold, else 0 (ONNX's Shrink; hard with bias 0, soft with bias = threshold). */
CLADE_API clade_value clade_hard_sigmoid(clade_value x, double slope, double offset);
CLADE_API clade_value clade_hard_swish(clade_value x);
CLADE_API clade_value clade_thresholded_relu(clade_value x, double threshold);
CLADE_API clade_value clade_shrink(clade_value x, double threshold, double bias);
/* x + bias along axis 1: x (N, C, ...), bias (C). */
CLADE_API clade_value clade_bias(clade_value x, clade_value bias);

/* Dropout (Srivastava et al. 2014, inverted): each element is 0 with probability RATE, else x / (1 - RATE); identity at
 * inference. The draw is a function of the run's seed, NAME, the step, the sample's index in the epoch and the element's
 * place in its sample. 0 <= RATE < 1. */
CLADE_API clade_value clade_dropout(clade_value x, double rate, const char *name);

#ifdef __cplusplus
}
#endif
#endif
