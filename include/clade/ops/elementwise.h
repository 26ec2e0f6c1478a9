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
/* Activations. Leaky ReLU (Maas et al. 2013): slope * x where x < 0. ELU (Clevert et al. 2015): alpha (e^x - 1) where
 * x < 0. Softplus: ln(1 + e^x). GELU (Hendrycks and Gimpel 2016): x Phi(x), by erf. PReLU (He et al. 2015): slope * x
 * where x < 0, SLOPE a value that broadcasts to x: (C, 1, 1) for one number a channel. */
CLADE_API clade_value clade_leaky_relu(clade_value x, double slope);
CLADE_API clade_value clade_elu(clade_value x, double alpha);
CLADE_API clade_value clade_softplus(clade_value x);
CLADE_API clade_value clade_gelu(clade_value x);
CLADE_API clade_value clade_prelu(clade_value x, clade_value slope);
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
