/* Functions of one number and of two, element by element.
 *   floor, ceiling, truncate (towards 0), round (to the nearest, halves to the even one)
 *   reciprocal 1 / x0        power x0^x1
 *   remainder x0 - x1 floor(x0 / x1), with the sign of x1    float_remainder x0 - x1 truncate(x0 / x1), that of x0
 *   sine, cosine, tangent, arc_sine, arc_cosine, arc_tangent
 *   hyperbolic_sine, hyperbolic_cosine, inverse_hyperbolic_sine, inverse_hyperbolic_tangent
 * The roundings have no gradient. The gradient of a power by its exponent is 0 where x0 is not above 0. */
#include "ops/elementwise/elementwise.h"

extern const clade_op clade_op_floor, clade_op_ceiling, clade_op_truncate, clade_op_round, clade_op_reciprocal,
    clade_op_power, clade_op_remainder, clade_op_float_remainder, clade_op_sine, clade_op_cosine, clade_op_tangent,
    clade_op_arc_sine, clade_op_arc_cosine, clade_op_arc_tangent, clade_op_hyperbolic_sine, clade_op_hyperbolic_cosine,
    clade_op_inverse_hyperbolic_sine, clade_op_inverse_hyperbolic_tangent;

/* ---- meanings ---- */

MEANING(evaluate_floor, floor(x[0]))
MEANING(evaluate_ceiling, ceil(x[0]))
MEANING(evaluate_truncate, trunc(x[0]))
MEANING(evaluate_round, fabs(x[0] - trunc(x[0])) == 0.5 ? 2 * round(x[0] / 2) : round(x[0]))
MEANING(evaluate_reciprocal, 1 / x[0])
MEANING(evaluate_power, pow(x[0], x[1]))
MEANING(evaluate_remainder, x[0] - x[1] * floor(x[0] / x[1]))
MEANING(evaluate_float_remainder, fmod(x[0], x[1]))
MEANING(evaluate_sine, sin(x[0]))
MEANING(evaluate_cosine, cos(x[0]))
MEANING(evaluate_tangent, tan(x[0]))
MEANING(evaluate_arc_sine, asin(x[0]))
MEANING(evaluate_arc_cosine, acos(x[0]))
MEANING(evaluate_arc_tangent, atan(x[0]))
MEANING(evaluate_hyperbolic_sine, sinh(x[0]))
MEANING(evaluate_hyperbolic_cosine, cosh(x[0]))
MEANING(evaluate_inverse_hyperbolic_sine, asinh(x[0]))
MEANING(evaluate_inverse_hyperbolic_tangent, atanh(x[0]))

/* ---- gradients: dx = dy SLOPE, with X the input and Y the output ---- */

#define SLOPE(NAME, VALUE)                                                                                             \
    GRADIENT(NAME) {                                                                                                   \
        const clade_value x = node->inputs[0], y = output_of(tape, node);                                              \
        (void)x;                                                                                                       \
        (void)y;                                                                                                       \
        if (tape->wanted[0]) dx[0] = clade_multiply(dy[0], VALUE);                                                     \
    }
SLOPE(gradient_reciprocal, clade_negate(clade_square(y)))
SLOPE(gradient_sine, clade_cosine(x))
SLOPE(gradient_cosine, clade_negate(clade_sine(x)))
SLOPE(gradient_tangent, clade_offset(clade_square(y), 1))
SLOPE(gradient_arc_sine, clade_reciprocal_square_root(clade_offset(clade_negate(clade_square(x)), 1)))
SLOPE(gradient_arc_cosine, clade_negate(clade_reciprocal_square_root(clade_offset(clade_negate(clade_square(x)), 1))))
SLOPE(gradient_arc_tangent, clade_reciprocal(clade_offset(clade_square(x), 1)))
SLOPE(gradient_hyperbolic_sine, clade_hyperbolic_cosine(x))
SLOPE(gradient_hyperbolic_cosine, clade_hyperbolic_sine(x))
SLOPE(gradient_inverse_hyperbolic_sine, clade_reciprocal_square_root(clade_offset(clade_square(x), 1)))
SLOPE(gradient_inverse_hyperbolic_tangent, clade_reciprocal(clade_offset(clade_negate(clade_square(x)), 1)))

/* y = a^b: da = dy b a^(b-1), db = dy y ln a. */
GRADIENT(gradient_power) {
    clade_value a = node->inputs[0], b = node->inputs[1], zero = clade_constant(tape->graph, CLADE_SCALAR, 0);
    if (tape->wanted[0])
        dx[0] = to_input(node, 0, clade_multiply(dy[0], clade_multiply(b, clade_power(a, clade_offset(b, -1)))));
    if (!tape->wanted[1]) return;
    clade_value above = clade_less(zero, a), one = clade_constant(tape->graph, CLADE_SCALAR, 1);
    clade_value logarithm = clade_logarithm(clade_where(above, a, one));
    dx[1] = to_input(node, 1, clade_multiply(clade_multiply(dy[0], output_of(tape, node)), logarithm));
}

static void gradient_of_rest(clade_tape *tape, const clade_node *node, const clade_op *rounding, clade_value dy,
                             clade_value dx[]) {
    clade_value times = unary(rounding, NULL, clade_divide(node->inputs[0], node->inputs[1]));
    if (tape->wanted[0]) dx[0] = to_input(node, 0, dy);
    if (tape->wanted[1]) dx[1] = to_input(node, 1, clade_negate(clade_multiply(dy, times)));
}

GRADIENT(gradient_remainder) {
    gradient_of_rest(tape, node, &clade_op_floor, dy[0], dx);
}

GRADIENT(gradient_float_remainder) {
    gradient_of_rest(tape, node, &clade_op_truncate, dy[0], dx);
}

/* ---- cases ---- */

UNARY_CASES(any_cases, CLADE_FILL_UNIFORM, NULL);
UNARY_CASES(positive_cases, CLADE_FILL_POSITIVE, NULL);
UNARY_CASES(stepped_cases, CLADE_FILL_DISTINCT, NULL);
BINARY_CASES(power_cases, CLADE_FILL_POSITIVE, CLADE_FILL_UNIFORM, NULL);
BINARY_CASES(quotient_cases, CLADE_FILL_NONZERO, CLADE_FILL_POSITIVE, NULL);

/* ---- the rows ---- */

#define FUNCTION(NAME, ONNX, TEXT, GRADIENT, CASES)                                                                    \
    ROW(#NAME, ONNX, 1, EXPRESSION(TEXT, evaluate_##NAME), GRADIENT, CASES)

const clade_op clade_op_floor = FUNCTION(floor, "Floor", "floor(x0)", NULL, stepped_cases);
const clade_op clade_op_ceiling = FUNCTION(ceiling, "Ceil", "ceil(x0)", NULL, stepped_cases);
const clade_op clade_op_truncate = FUNCTION(truncate, NULL, "trunc(x0)", NULL, stepped_cases);
const clade_op clade_op_round = FUNCTION(round, "Round", "rint(x0)", NULL, stepped_cases);
const clade_op clade_op_reciprocal =
    FUNCTION(reciprocal, "Reciprocal", "1.0f / x0", gradient_reciprocal, positive_cases);
const clade_op clade_op_sine = FUNCTION(sine, "Sin", "sin(x0)", gradient_sine, any_cases);
const clade_op clade_op_cosine = FUNCTION(cosine, "Cos", "cos(x0)", gradient_cosine, any_cases);
const clade_op clade_op_tangent = FUNCTION(tangent, "Tan", "tan(x0)", gradient_tangent, any_cases);
const clade_op clade_op_arc_sine = FUNCTION(arc_sine, "Asin", "asin(x0)", gradient_arc_sine, any_cases);
const clade_op clade_op_arc_cosine = FUNCTION(arc_cosine, "Acos", "acos(x0)", gradient_arc_cosine, any_cases);
const clade_op clade_op_arc_tangent = FUNCTION(arc_tangent, "Atan", "atan(x0)", gradient_arc_tangent, any_cases);
const clade_op clade_op_hyperbolic_sine =
    FUNCTION(hyperbolic_sine, "Sinh", "sinh(x0)", gradient_hyperbolic_sine, any_cases);
const clade_op clade_op_hyperbolic_cosine =
    FUNCTION(hyperbolic_cosine, "Cosh", "cosh(x0)", gradient_hyperbolic_cosine, any_cases);
const clade_op clade_op_inverse_hyperbolic_sine =
    FUNCTION(inverse_hyperbolic_sine, "Asinh", "asinh(x0)", gradient_inverse_hyperbolic_sine, any_cases);
const clade_op clade_op_inverse_hyperbolic_tangent =
    FUNCTION(inverse_hyperbolic_tangent, "Atanh", "atanh(x0)", gradient_inverse_hyperbolic_tangent, any_cases);

const clade_op clade_op_power =
    ROW("power", "Pow", 2, EXPRESSION("pow(x0, x1)", evaluate_power), gradient_power, power_cases);
const clade_op clade_op_remainder =
    ROW("remainder", "Mod", 2, EXPRESSION("x0 - x1 * floor(x0 / x1)", evaluate_remainder), gradient_remainder,
        quotient_cases);
const clade_op clade_op_float_remainder =
    ROW("float_remainder", "Mod", 2, EXPRESSION("fmod(x0, x1)", evaluate_float_remainder), gradient_float_remainder,
        quotient_cases);

/* ---- the builder's calls ---- */

#define CALL(NAME)                                                                                                     \
    clade_value clade_##NAME(clade_value x) {                                                                          \
        return unary(&clade_op_##NAME, NULL, x);                                                                       \
    }
CALL(floor)
CALL(ceiling)
CALL(truncate)
CALL(round)
CALL(reciprocal)
CALL(sine)
CALL(cosine)
CALL(tangent)
CALL(arc_sine)
CALL(arc_cosine)
CALL(arc_tangent)
CALL(hyperbolic_sine)
CALL(hyperbolic_cosine)
CALL(inverse_hyperbolic_sine)
CALL(inverse_hyperbolic_tangent)

/* 2 asinh of the root of (x - 1) / 2, which keeps its digits near 1. */
clade_value clade_inverse_hyperbolic_cosine(clade_value x) {
    clade_value root = clade_square_root(clade_scale(clade_offset(x, -1), 0.5));
    return clade_scale(clade_inverse_hyperbolic_sine(root), 2);
}

clade_value clade_power(clade_value a, clade_value b) {
    return binary(&clade_op_power, a, b);
}
clade_value clade_remainder(clade_value a, clade_value b) {
    return binary(&clade_op_remainder, a, b);
}
clade_value clade_float_remainder(clade_value a, clade_value b) {
    return binary(&clade_op_float_remainder, a, b);
}
