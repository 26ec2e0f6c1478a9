/* Element by element: y = f(x0, x1, ...), inputs broadcast as numpy does. Each row is an expression in OpenCL C, the
 * same in double (the meaning), and its gradient; generated kernels evaluate the expressions (ops/elementwise/fused.c).
 *
 *   add x0 + x1          subtract x0 - x1        multiply x0 x1          divide x0 / x1
 *   scale f x            scale_per f x / count   offset x + c            negate -x
 *   square x^2           square_root x^(1/2)     reciprocal_square_root x^(-1/2)
 *   sigmoid 1/(1+e^-x)   tanh                    relu max(x, 0)          step 1 where x >= 0, else 0
 *   sigmoid_gradient dy y (1-y)    tanh_gradient dy (1-y^2)    relu_gradient dy where y > 0, else 0: of (y, dy)
 *
 * add, subtract, multiply and negate take any type, the others float32.
 * A gradient by an input that was broadcast is summed back to the input's dims. NaN passes through relu and its
 * gradient (a comparison with NaN is false); step(NaN) is 0. */
#include "ops/elementwise/elementwise.h"

extern const clade_op clade_op_sigmoid_gradient, clade_op_tanh_gradient, clade_op_relu_gradient;

typedef struct scale_per_attributes {
    double factor;
    clade_size count;
} scale_per_attributes;

static const clade_attribute scale_per_schema[] = {
    { "factor", CLADE_ATTRIBUTE_DOUBLE, offsetof(scale_per_attributes, factor), 0 },
    { "count", CLADE_ATTRIBUTE_SIZE, offsetof(scale_per_attributes, count), 0 },
    { NULL, 0, 0, 0 },
};

/* ---- meanings ---- */

MEANING(evaluate_add, x[0] + x[1])
MEANING(evaluate_subtract, x[0] - x[1])
MEANING(evaluate_multiply, x[0] * x[1])
MEANING(evaluate_divide, x[0] / x[1])
MEANING(evaluate_scale, x[0] * p[0])
MEANING(evaluate_offset, x[0] + p[0])
MEANING(evaluate_negate, -x[0])
MEANING(evaluate_square, x[0] * x[0])
MEANING(evaluate_square_root, sqrt(x[0]))
MEANING(evaluate_reciprocal_square_root, 1.0 / sqrt(x[0]))
MEANING(evaluate_sigmoid, 1.0 / (1.0 + exp(-x[0])))
MEANING(evaluate_sigmoid_gradient, x[1] * x[0] * (1.0 - x[0]))
MEANING(evaluate_tanh, tanh(x[0]))
MEANING(evaluate_tanh_gradient, x[1] * (1.0 - x[0] * x[0]))
MEANING(evaluate_relu, x[0] < 0.0 ? 0.0 : x[0])
MEANING(evaluate_relu_gradient, x[0] <= 0.0 ? 0.0 : x[1])
MEANING(evaluate_step, x[0] >= 0.0 ? 1.0 : 0.0)

static void scale_per_parameters(const clade_node *node, clade_binding binding, double p[CLADE_MAX_PARAMETERS]) {
    const scale_per_attributes *a = node->attributes;
    p[0] = a->factor / (double)clade_size_value(node->graph, a->count, binding);
}

/* ---- gradients ---- */

GRADIENT(gradient_add) {
    if (tape->wanted[0]) dx[0] = to_input(node, 0, dy[0]);
    if (tape->wanted[1]) dx[1] = to_input(node, 1, dy[0]);
}

GRADIENT(gradient_subtract) {
    if (tape->wanted[0]) dx[0] = to_input(node, 0, dy[0]);
    if (tape->wanted[1]) dx[1] = to_input(node, 1, clade_negate(dy[0]));
}

GRADIENT(gradient_multiply) {
    if (tape->wanted[0]) dx[0] = to_input(node, 0, clade_multiply(dy[0], node->inputs[1]));
    if (tape->wanted[1]) dx[1] = to_input(node, 1, clade_multiply(dy[0], node->inputs[0]));
}

/* y = a/b: da = dy/b, db = -dy y/b. */
GRADIENT(gradient_divide) {
    clade_value per_b = clade_divide(dy[0], node->inputs[1]);
    if (tape->wanted[0]) dx[0] = to_input(node, 0, per_b);
    if (tape->wanted[1]) dx[1] = to_input(node, 1, clade_negate(clade_multiply(per_b, output_of(tape, node))));
}

GRADIENT(gradient_scale) {
    const number_attributes *a = node->attributes;
    if (tape->wanted[0]) dx[0] = clade_scale(dy[0], a->number);
}

GRADIENT(gradient_scale_per) {
    const scale_per_attributes *a = node->attributes;
    if (tape->wanted[0]) dx[0] = clade_scale_per(dy[0], a->factor, a->count);
}

GRADIENT(gradient_offset) {
    (void)node;
    if (tape->wanted[0]) dx[0] = dy[0];
}

GRADIENT(gradient_negate) {
    (void)node;
    if (tape->wanted[0]) dx[0] = clade_negate(dy[0]);
}

GRADIENT(gradient_square) {
    if (tape->wanted[0]) dx[0] = clade_scale(clade_multiply(dy[0], node->inputs[0]), 2.0);
}

/* y = x^(1/2): dx = dy / (2y). */
GRADIENT(gradient_square_root) {
    if (tape->wanted[0]) dx[0] = clade_scale(clade_divide(dy[0], output_of(tape, node)), 0.5);
}

/* y = x^(-1/2): dx = -dy y^3 / 2. */
GRADIENT(gradient_reciprocal_square_root) {
    clade_value y = output_of(tape, node);
    if (tape->wanted[0]) dx[0] = clade_scale(clade_multiply(clade_multiply(dy[0], y), clade_square(y)), -0.5);
}

GRADIENT(gradient_sigmoid) {
    if (tape->wanted[0]) dx[0] = binary(&clade_op_sigmoid_gradient, output_of(tape, node), dy[0]);
}

/* z = g y (1-y): dy = dz g (1-2y), dg = dz y (1-y). */
GRADIENT(gradient_sigmoid_gradient) {
    clade_value y = node->inputs[0], g = node->inputs[1];
    if (tape->wanted[0]) {
        clade_value slope = clade_offset(clade_scale(y, -2.0), 1.0);
        dx[0] = to_input(node, 0, clade_multiply(clade_multiply(dy[0], g), slope));
    }
    if (tape->wanted[1]) dx[1] = to_input(node, 1, binary(&clade_op_sigmoid_gradient, y, dy[0]));
}

GRADIENT(gradient_tanh) {
    if (tape->wanted[0]) dx[0] = binary(&clade_op_tanh_gradient, output_of(tape, node), dy[0]);
}

/* z = g (1-y^2): dy = -2 dz g y, dg = dz (1-y^2). */
GRADIENT(gradient_tanh_gradient) {
    clade_value y = node->inputs[0], g = node->inputs[1];
    if (tape->wanted[0]) dx[0] = to_input(node, 0, clade_scale(clade_multiply(clade_multiply(dy[0], g), y), -2.0));
    if (tape->wanted[1]) dx[1] = to_input(node, 1, binary(&clade_op_tanh_gradient, y, dy[0]));
}

GRADIENT(gradient_relu) {
    if (tape->wanted[0]) dx[0] = clade_relu_gradient(output_of(tape, node), dy[0]);
}

/* Piecewise constant in y; linear in dy. */
GRADIENT(gradient_relu_gradient) {
    if (tape->wanted[1]) dx[1] = to_input(node, 1, clade_relu_gradient(node->inputs[0], dy[0]));
}

/* ---- cases ---- */

static const number_attributes minus_three = { -3.0 };
static const scale_per_attributes half_of_seven = { 0.5, 7 };

UNARY_CASES(any_cases, CLADE_FILL_UNIFORM, NULL);
UNARY_CASES(positive_cases, CLADE_FILL_POSITIVE, NULL);
UNARY_CASES(kinked_cases, CLADE_FILL_NONZERO, NULL);
UNARY_CASES(number_cases, CLADE_FILL_UNIFORM, &minus_three);
UNARY_CASES(scale_per_cases, CLADE_FILL_UNIFORM, &half_of_seven);
BINARY_CASES(any_pair_cases, CLADE_FILL_UNIFORM, CLADE_FILL_UNIFORM, NULL);
BINARY_CASES(quotient_cases, CLADE_FILL_UNIFORM, CLADE_FILL_POSITIVE, NULL);
BINARY_CASES(kinked_pair_cases, CLADE_FILL_NONZERO, CLADE_FILL_UNIFORM, NULL);

/* ---- the rows ---- */

const clade_op clade_op_add =
    ROW("add", "Add", 2, TYPED_EXPRESSION(CLADE_TYPES_ALIKE, "x0 + x1", evaluate_add), gradient_add, any_pair_cases);
const clade_op clade_op_subtract =
    ROW("subtract", "Sub", 2, TYPED_EXPRESSION(CLADE_TYPES_ALIKE, "x0 - x1", evaluate_subtract), gradient_subtract,
        any_pair_cases);
const clade_op clade_op_multiply =
    ROW("multiply", "Mul", 2, TYPED_EXPRESSION(CLADE_TYPES_ALIKE, "x0 * x1", evaluate_multiply), gradient_multiply,
        any_pair_cases);
const clade_op clade_op_divide =
    ROW("divide", "Div", 2, EXPRESSION("x0 / x1", evaluate_divide), gradient_divide, quotient_cases);
const clade_op clade_op_scale = NUMBER_ROW(
    "scale", NULL, 1, EXPRESSION_OF_NUMBER("x0 * p0", evaluate_scale, number_parameters), gradient_scale, number_cases);
const clade_op clade_op_offset =
    NUMBER_ROW("offset", NULL, 1, EXPRESSION_OF_NUMBER("x0 + p0", evaluate_offset, number_parameters), gradient_offset,
               number_cases);
const clade_op clade_op_scale_per = {
    .name = "scale_per",
    .attributes = scale_per_schema,
    .attributes_size = sizeof(scale_per_attributes),
    .input_minimum = 1,
    .input_maximum = 1,
    .outputs = 1,
    .infer = clade_pointwise_infer,
    .gradient = gradient_scale_per,
    .pointwise = EXPRESSION_OF_NUMBER("x0 * p0", evaluate_scale, scale_per_parameters),
    .in_place = 1u,
    .cases = scale_per_cases,
};
const clade_op clade_op_negate =
    ROW("negate", "Neg", 1, TYPED_EXPRESSION(CLADE_TYPES_ALIKE, "-x0", evaluate_negate), gradient_negate, any_cases);
const clade_op clade_op_square =
    ROW("square", NULL, 1, EXPRESSION("x0 * x0", evaluate_square), gradient_square, any_cases);
const clade_op clade_op_square_root =
    ROW("square_root", "Sqrt", 1, EXPRESSION("sqrt(x0)", evaluate_square_root), gradient_square_root, positive_cases);
const clade_op clade_op_reciprocal_square_root =
    ROW("reciprocal_square_root", NULL, 1, EXPRESSION("rsqrt(x0)", evaluate_reciprocal_square_root),
        gradient_reciprocal_square_root, positive_cases);
const clade_op clade_op_sigmoid =
    ROW("sigmoid", "Sigmoid", 1, EXPRESSION("1.0f / (1.0f + exp(-x0))", evaluate_sigmoid), gradient_sigmoid, any_cases);
const clade_op clade_op_sigmoid_gradient =
    ROW("sigmoid_gradient", NULL, 2, EXPRESSION("x1 * x0 * (1.0f - x0)", evaluate_sigmoid_gradient),
        gradient_sigmoid_gradient, any_pair_cases);
const clade_op clade_op_tanh = ROW("tanh", "Tanh", 1, EXPRESSION("tanh(x0)", evaluate_tanh), gradient_tanh, any_cases);
const clade_op clade_op_tanh_gradient =
    ROW("tanh_gradient", NULL, 2, EXPRESSION("x1 * (1.0f - x0 * x0)", evaluate_tanh_gradient), gradient_tanh_gradient,
        any_pair_cases);
const clade_op clade_op_relu =
    ROW("relu", "Relu", 1, EXPRESSION("x0 < 0.0f ? (real)(0.0f) : x0", evaluate_relu), gradient_relu, kinked_cases);
const clade_op clade_op_relu_gradient =
    ROW("relu_gradient", NULL, 2, EXPRESSION("x0 <= 0.0f ? (real)(0.0f) : x1", evaluate_relu_gradient),
        gradient_relu_gradient, kinked_pair_cases);
const clade_op clade_op_step =
    ROW("step", NULL, 1, EXPRESSION("x0 >= 0.0f ? (real)(1.0f) : (real)(0.0f)", evaluate_step), NULL, kinked_cases);

/* ---- the builder's calls ---- */

clade_value clade_add(clade_value a, clade_value b) {
    return binary(&clade_op_add, a, b);
}
clade_value clade_subtract(clade_value a, clade_value b) {
    return binary(&clade_op_subtract, a, b);
}
clade_value clade_multiply(clade_value a, clade_value b) {
    return binary(&clade_op_multiply, a, b);
}
clade_value clade_divide(clade_value a, clade_value b) {
    return binary(&clade_op_divide, a, b);
}
clade_value clade_square(clade_value x) {
    return unary(&clade_op_square, NULL, x);
}
clade_value clade_square_root(clade_value x) {
    return unary(&clade_op_square_root, NULL, x);
}
clade_value clade_reciprocal_square_root(clade_value x) {
    return unary(&clade_op_reciprocal_square_root, NULL, x);
}
clade_value clade_negate(clade_value x) {
    return unary(&clade_op_negate, NULL, x);
}
clade_value clade_sigmoid(clade_value x) {
    return unary(&clade_op_sigmoid, NULL, x);
}
clade_value clade_tanh(clade_value x) {
    return unary(&clade_op_tanh, NULL, x);
}
clade_value clade_relu(clade_value x) {
    return unary(&clade_op_relu, NULL, x);
}
clade_value clade_step(clade_value x) {
    return unary(&clade_op_step, NULL, x);
}
clade_value clade_relu_gradient(clade_value y, clade_value dy) {
    return binary(&clade_op_relu_gradient, y, dy);
}

clade_value clade_scale(clade_value x, double factor) {
    return unary(&clade_op_scale, &(const number_attributes){ factor }, x);
}

clade_value clade_offset(clade_value x, double number) {
    return unary(&clade_op_offset, &(const number_attributes){ number }, x);
}

clade_value clade_scale_per(clade_value x, double factor, clade_size count) {
    return unary(&clade_op_scale_per, &(const scale_per_attributes){ factor, count }, x);
}
