/* Activations composed of point-wise rows, which fuse into one kernel. Formulas and sources are at the declarations. */
#include "ops/op.h"

#include <math.h>

static clade_value number(clade_value like, double value) {
    return clade_constant(like.graph, CLADE_SCALAR, (float)value);
}

/* Of equals the gradient goes to x. */
clade_value clade_clip(clade_value x, double low, double high) {
    return clade_maximum(clade_minimum(x, number(x, high)), number(x, low));
}

clade_value clade_selu(clade_value x) {
    static const double alpha = 1.67326324235437728, gain = 1.05070098735548049;
    return clade_scale(clade_elu(x, alpha), gain);
}

clade_value clade_celu(clade_value x, double alpha) {
    return clade_scale(clade_elu(clade_scale(x, 1 / alpha), 1), alpha);
}

clade_value clade_swish(clade_value x, double beta) {
    return clade_multiply(x, clade_sigmoid(beta == 1 ? x : clade_scale(x, beta)));
}

clade_value clade_mish(clade_value x) {
    return clade_multiply(x, clade_tanh(clade_softplus(x)));
}

clade_value clade_log_sigmoid(clade_value x) {
    return clade_negate(clade_softplus(clade_negate(x)));
}

clade_value clade_softsign(clade_value x) {
    return clade_divide(x, clade_offset(clade_absolute(x), 1));
}

clade_value clade_hard_sigmoid(clade_value x, double slope, double offset) {
    return clade_clip(clade_offset(clade_scale(x, slope), offset), 0, 1);
}

clade_value clade_hard_swish(clade_value x) {
    return clade_multiply(x, clade_hard_sigmoid(x, 1.0 / 6, 0.5));
}

clade_value clade_thresholded_relu(clade_value x, double threshold) {
    return clade_where(clade_greater(x, number(x, threshold)), x, number(x, 0));
}

clade_value clade_shrink(clade_value x, double threshold, double bias) {
    clade_value above = clade_greater(x, number(x, threshold)), below = clade_less(x, number(x, -threshold));
    clade_value rest = clade_where(below, clade_offset(x, bias), number(x, 0));
    return clade_where(above, clade_offset(x, -bias), rest);
}

clade_value clade_gelu_by_tanh(clade_value x) {
    clade_value cubed = clade_multiply(x, clade_square(x));
    clade_value inner = clade_scale(clade_add(x, clade_scale(cubed, 0.044715)), sqrt(2 / acos(-1.0)));
    return clade_multiply(x,
                          clade_sigmoid(clade_scale(inner, 2))); /* 1 + tanh(a) is 2 sigmoid(2 a), without cancelling */
}
