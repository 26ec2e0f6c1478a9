/* More functions element by element, and the activations made of them.
 *
 *   exponential e^x      logarithm ln x      erf      absolute |x|      sign -1, 0 or 1      maximum, minimum of (x0, x1)
 *   leaky_relu x, f x where x < 0 (Maas et al. 2013)             elu x, f (e^x - 1) where x < 0 (Clevert et al. 2015)
 *   softplus ln(1 + e^x) (Dugas et al. 2000)                     gelu x Phi(x) (Hendrycks and Gimpel 2016), of erf
 *   prelu x, s x where x < 0, s learnt (He et al. 2015)
 *
 * NaN passes through all of them but sign. */
#include "ops/elementwise/elementwise.h"

extern const clade_op clade_op_exponential, clade_op_logarithm, clade_op_erf, clade_op_absolute, clade_op_sign,
    clade_op_maximum, clade_op_minimum, clade_op_leaky_relu, clade_op_leaky_relu_gradient, clade_op_elu,
    clade_op_elu_gradient, clade_op_softplus;

static clade_value with_number(const clade_op *op, double number, clade_value x, clade_value dy) {
    return clade_append(x.graph, op, "", &(const number_attributes){ number }, (clade_value[]){ x, dy }, 2);
}

/* ---- meanings ---- */

MEANING(evaluate_exp, exp(x[0]))
MEANING(evaluate_log, log(x[0]))
MEANING(evaluate_erf, erf(x[0]))
MEANING(evaluate_abs, fabs(x[0]))
MEANING(evaluate_sign, (x[0] > 0.0) - (x[0] < 0.0))
MEANING(evaluate_maximum, x[0] < x[1] || isnan(x[1]) ? x[1] : x[0])
MEANING(evaluate_minimum, x[0] > x[1] || isnan(x[1]) ? x[1] : x[0])
MEANING(evaluate_leaky_relu, x[0] < 0.0 ? p[0] * x[0] : x[0])
MEANING(evaluate_leaky_relu_gradient, x[0] < 0.0 ? p[0] * x[1] : x[1])
MEANING(evaluate_elu, x[0] < 0.0 ? p[0] * expm1(x[0]) : x[0])
MEANING(evaluate_elu_gradient, x[0] < 0.0 ? p[0] * exp(x[0]) * x[1] : x[1])
MEANING(evaluate_softplus, (x[0] > 0.0 ? x[0] : 0.0) + log1p(exp(-fabs(x[0]))))

/* ---- gradients ---- */

GRADIENT(gradient_exp) {
    if (tape->wanted[0]) dx[0] = clade_multiply(dy[0], output_of(tape, node));
}

GRADIENT(gradient_log) {
    if (tape->wanted[0]) dx[0] = clade_divide(dy[0], node->inputs[0]);
}

/* d erf(x) = 2/sqrt(pi) e^(-x^2) dx. */
GRADIENT(gradient_erf) {
    clade_value slope =
        clade_scale(clade_exponential(clade_negate(clade_square(node->inputs[0]))), 2.0 / sqrt(acos(-1.0)));
    if (tape->wanted[0]) dx[0] = clade_multiply(dy[0], slope);
}

GRADIENT(gradient_abs) {
    if (tape->wanted[0]) dx[0] = clade_multiply(dy[0], clade_sign(node->inputs[0]));
}

/* The winner takes all of dy; of equals the first. SIGN: 1 for the maximum, -1 for the minimum. */
static void gradient_of_winner(clade_tape *tape, const clade_node *node, double sign, clade_value dy,
                               clade_value dx[]) {
    clade_value ahead = clade_scale(clade_subtract(node->inputs[0], node->inputs[1]), sign);
    clade_value first = clade_step(ahead);
    if (tape->wanted[0]) dx[0] = to_input(node, 0, clade_multiply(dy, first));
    if (tape->wanted[1]) dx[1] = to_input(node, 1, clade_multiply(dy, clade_offset(clade_negate(first), 1.0)));
}

GRADIENT(gradient_maximum) {
    gradient_of_winner(tape, node, 1, dy[0], dx);
}

GRADIENT(gradient_minimum) {
    gradient_of_winner(tape, node, -1, dy[0], dx);
}

static double number_of(const clade_node *node) {
    return ((const number_attributes *)node->attributes)->number;
}

GRADIENT(gradient_leaky_relu) {
    if (tape->wanted[0]) dx[0] = with_number(&clade_op_leaky_relu_gradient, number_of(node), node->inputs[0], dy[0]);
}

/* Piecewise constant in x; linear in dy. */
GRADIENT(gradient_leaky_relu_gradient) {
    if (tape->wanted[1])
        dx[1] = to_input(node, 1, with_number(&clade_op_leaky_relu_gradient, number_of(node), node->inputs[0], dy[0]));
}

GRADIENT(gradient_elu) {
    if (tape->wanted[0]) dx[0] = with_number(&clade_op_elu_gradient, number_of(node), node->inputs[0], dy[0]);
}

/* z = g a e^x where x < 0, else g: dx = dz z where x < 0, dg = dz a e^x or dz. */
GRADIENT(gradient_elu_gradient) {
    clade_value x = node->inputs[0], below = clade_step(clade_negate(x));
    if (tape->wanted[0]) dx[0] = to_input(node, 0, clade_multiply(clade_multiply(dy[0], output_of(tape, node)), below));
    if (tape->wanted[1]) dx[1] = to_input(node, 1, with_number(&clade_op_elu_gradient, number_of(node), x, dy[0]));
}

GRADIENT(gradient_softplus) {
    if (tape->wanted[0]) dx[0] = clade_multiply(dy[0], clade_sigmoid(node->inputs[0]));
}

/* ---- cases ---- */

static const number_attributes tenth = { 0.1 }, one_and_half = { 1.5 };

UNARY_CASES(any_cases, CLADE_FILL_UNIFORM, NULL);
UNARY_CASES(positive_cases, CLADE_FILL_POSITIVE, NULL);
UNARY_CASES(kinked_cases, CLADE_FILL_NONZERO, NULL);
UNARY_CASES(leaky_cases, CLADE_FILL_NONZERO, &tenth);
UNARY_CASES(elu_cases, CLADE_FILL_NONZERO, &one_and_half);
BINARY_CASES(any_pair_cases, CLADE_FILL_NONZERO, CLADE_FILL_UNIFORM, NULL);
BINARY_CASES(leaky_pair_cases, CLADE_FILL_NONZERO, CLADE_FILL_UNIFORM, &tenth);
BINARY_CASES(elu_pair_cases, CLADE_FILL_NONZERO, CLADE_FILL_UNIFORM, &one_and_half);

/* ---- the rows ---- */

const clade_op clade_op_exponential =
    ROW("exponential", "Exp", 1, EXPRESSION("exp(x0)", evaluate_exp), gradient_exp, any_cases);
const clade_op clade_op_logarithm =
    ROW("logarithm", "Log", 1, EXPRESSION("log(x0)", evaluate_log), gradient_log, positive_cases);
/* erf to 4e-7 of itself, in few operations: x times a rational function of x^2 with the least largest relative error up to
 * 3.65 (6e-9; fitted by weighted least squares), from where on erf is 1 to 3e-7. */
#define SQUARE "(x0 * x0)"
#define ERF_OVER                                                                                                       \
    "(((((2.282398293e-6f * " SQUARE " + 2.901074260e-4f) * " SQUARE " + 3.470407831e-3f) * " SQUARE                   \
    " + 5.191414877e-2f) * " SQUARE " + 1.820250514e-1f) * " SQUARE " + 1.128379160f)"
#define ERF_UNDER                                                                                                      \
    "(((((4.073693107e-5f * " SQUARE " + 1.112035643e-3f) * " SQUARE " + 1.438189353e-2f) * " SQUARE                   \
    " + 1.108916590e-1f) * " SQUARE " + 4.946486365e-1f) * " SQUARE " + 1.0f)"
#define ERF "x0 > 3.65f ? (real)(1.0f) : x0 < -3.65f ? (real)(-1.0f) : x0 * (" ERF_OVER " / " ERF_UNDER ")"
const clade_op clade_op_erf = ROW("erf", "Erf", 1, EXPRESSION(ERF, evaluate_erf), gradient_erf, any_cases);
const clade_op clade_op_absolute =
    ROW("absolute", "Abs", 1, EXPRESSION("fabs(x0)", evaluate_abs), gradient_abs, kinked_cases);
const clade_op clade_op_sign = ROW(
    "sign", "Sign", 1, EXPRESSION("x0 > 0.0f ? (real)(1.0f) : x0 < 0.0f ? (real)(-1.0f) : (real)(0.0f)", evaluate_sign),
    NULL, kinked_cases);
const clade_op clade_op_maximum =
    ROW("maximum", "Max", 2, TYPED_EXPRESSION(CLADE_TYPES_ALIKE, "x0 < x1 || x1 != x1 ? x1 : x0", evaluate_maximum),
        gradient_maximum, any_pair_cases);
const clade_op clade_op_minimum =
    ROW("minimum", "Min", 2, TYPED_EXPRESSION(CLADE_TYPES_ALIKE, "x0 > x1 || x1 != x1 ? x1 : x0", evaluate_minimum),
        gradient_minimum, any_pair_cases);
const clade_op clade_op_leaky_relu =
    NUMBER_ROW("leaky_relu", "LeakyRelu", 1,
               EXPRESSION_OF_NUMBER("x0 < 0.0f ? x0 * p0 : x0", evaluate_leaky_relu, number_parameters),
               gradient_leaky_relu, leaky_cases);
const clade_op clade_op_leaky_relu_gradient =
    NUMBER_ROW("leaky_relu_gradient", NULL, 2,
               EXPRESSION_OF_NUMBER("x0 < 0.0f ? x1 * p0 : x1", evaluate_leaky_relu_gradient, number_parameters),
               gradient_leaky_relu_gradient, leaky_pair_cases);
const clade_op clade_op_elu = NUMBER_ROW(
    "elu", "Elu", 1, EXPRESSION_OF_NUMBER("x0 < 0.0f ? expm1(x0) * p0 : x0", evaluate_elu, number_parameters),
    gradient_elu, elu_cases);
const clade_op clade_op_elu_gradient =
    NUMBER_ROW("elu_gradient", NULL, 2,
               EXPRESSION_OF_NUMBER("x0 < 0.0f ? exp(x0) * x1 * p0 : x1", evaluate_elu_gradient, number_parameters),
               gradient_elu_gradient, elu_pair_cases);
const clade_op clade_op_softplus = ROW(
    "softplus", "Softplus", 1, EXPRESSION("(x0 < 0.0f ? (real)(0.0f) : x0) + log1p(exp(-fabs(x0)))", evaluate_softplus),
    gradient_softplus, any_cases);

/* ---- the builder's calls ---- */

clade_value clade_exponential(clade_value x) {
    return unary(&clade_op_exponential, NULL, x);
}
clade_value clade_logarithm(clade_value x) {
    return unary(&clade_op_logarithm, NULL, x);
}
clade_value clade_erf(clade_value x) {
    return unary(&clade_op_erf, NULL, x);
}
clade_value clade_absolute(clade_value x) {
    return unary(&clade_op_absolute, NULL, x);
}
clade_value clade_sign(clade_value x) {
    return unary(&clade_op_sign, NULL, x);
}
clade_value clade_maximum(clade_value a, clade_value b) {
    return binary(&clade_op_maximum, a, b);
}
clade_value clade_minimum(clade_value a, clade_value b) {
    return binary(&clade_op_minimum, a, b);
}
clade_value clade_softplus(clade_value x) {
    return unary(&clade_op_softplus, NULL, x);
}

clade_value clade_leaky_relu(clade_value x, double slope) {
    return unary(&clade_op_leaky_relu, &(const number_attributes){ slope }, x);
}

clade_value clade_elu(clade_value x, double alpha) {
    return unary(&clade_op_elu, &(const number_attributes){ alpha }, x);
}

clade_value clade_gelu(clade_value x) {
    clade_value twice_phi = clade_offset(clade_erf(clade_scale(x, sqrt(0.5))), 1.0);
    return clade_scale(clade_multiply(x, twice_phi), 0.5);
}

clade_value clade_prelu(clade_value x, clade_value slope) {
    clade_value above = clade_relu(x);
    return clade_add(above, clade_multiply(slope, clade_subtract(x, above)));
}
