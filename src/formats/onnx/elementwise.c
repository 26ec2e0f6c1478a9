/* ONNX's operators element by element. */
#include "formats/onnx/import.h"

#include <math.h>
#include <string.h>

/* ---- one input ---- */

typedef clade_value unary(clade_value x);

enum { ABSOLUTE, ERF, EXPONENTIAL, LOGARITHM, NEGATE, RELU, SIGMOID, SIGN, SOFTPLUS, SQUARE_ROOT, TANH };

static unary *const unaries[] = {
    [ABSOLUTE] = clade_absolute,       [ERF] = clade_erf,       [EXPONENTIAL] = clade_exponential,
    [LOGARITHM] = clade_logarithm,     [NEGATE] = clade_negate, [RELU] = clade_relu,
    [SIGMOID] = clade_sigmoid,         [SIGN] = clade_sign,     [SOFTPLUS] = clade_softplus,
    [SQUARE_ROOT] = clade_square_root, [TANH] = clade_tanh,
};

static bool translate_unary(clade_onnx_node *node) {
    const clade_value x = clade_onnx_in(node, 0);
    return clade_onnx_give(node, unaries[clade_onnx_argument(node)](x));
}

/* Whole numbers have the functions that need no fractions. */
static bool translate_signed(clade_onnx_node *node) {
    const int type = clade_onnx_type(node, 0);
    const clade_value x = clade_onnx_in(node, 0);
    if (clade_onnx_type_is_float(type)) return translate_unary(node);
    const clade_value zero = clade_onnx_scalar(node, type, 0);
    clade_value y = clade_subtract(zero, x);
    if (clade_onnx_argument(node) == ABSOLUTE) y = clade_maximum(x, y);
    if (clade_onnx_argument(node) == RELU) y = clade_maximum(x, zero);
    if (clade_onnx_argument(node) == SIGN) y = clade_subtract(clade_less(zero, x), clade_less(x, zero));
    return clade_onnx_give(node, clade_onnx_wrap(y, type));
}

static bool translate_leaky_relu(clade_onnx_node *node) {
    const clade_value x = clade_onnx_in(node, 0);
    clade_onnx_out(node, 0, clade_leaky_relu(x, clade_onnx_float(node, "alpha", 0.01)), clade_onnx_type(node, 0));
    return true;
}

static bool translate_elu(clade_onnx_node *node) {
    const clade_value x = clade_onnx_in(node, 0);
    clade_onnx_out(node, 0, clade_elu(x, clade_onnx_float(node, "alpha", 1)), clade_onnx_type(node, 0));
    return true;
}

/* ---- two inputs, broadcast ---- */

typedef clade_value binary(clade_value a, clade_value b);

enum { ADD, SUBTRACT, MULTIPLY };

static binary *const binaries[] = { [ADD] = clade_add, [SUBTRACT] = clade_subtract, [MULTIPLY] = clade_multiply };

clade_value clade_onnx_aligned(clade_onnx_node *node, clade_value a, clade_value b) {
    const clade_dims left = clade_value_dims(a);
    clade_dims right = clade_value_dims(b);
    const int64_t axis = clade_onnx_int(node, "axis", -1);
    if (node->opset >= 7 || axis < 0 || axis + right.rank >= left.rank) return b;
    while (axis + right.rank < left.rank)
        right.size[right.rank++] = 1;
    return clade_reshape(b, right);
}

static bool translate_binary(clade_onnx_node *node) {
    const clade_value a = clade_onnx_in(node, 0), b = clade_onnx_aligned(node, a, clade_onnx_in(node, 1));
    const clade_value y = binaries[clade_onnx_argument(node)](a, b);
    return clade_onnx_give(node, clade_onnx_wrap(y, clade_onnx_type(node, 0)));
}

/* ---- any number of inputs ---- */

enum { SUM, MEAN, MAXIMUM, MINIMUM };

static bool translate_variadic(clade_onnx_node *node) {
    static binary *const steps[] = {
        [SUM] = clade_add, [MEAN] = clade_add, [MAXIMUM] = clade_maximum, [MINIMUM] = clade_minimum
    };
    clade_value result = clade_onnx_in(node, 0);
    for (int i = 1; i < node->in_count; i++)
        result = steps[clade_onnx_argument(node)](result, clade_onnx_in(node, i));
    if (clade_onnx_argument(node) == SUM) result = clade_onnx_wrap(result, clade_onnx_type(node, 0));
    if (clade_onnx_argument(node) == MEAN) result = clade_scale(result, 1.0 / node->in_count);
    return clade_onnx_give(node, result);
}

/* ---- truth ---- */

enum { EQUAL, LESS, LESS_EQUAL, GREATER, GREATER_EQUAL, AND, OR, XOR };

static bool translate_truth(clade_onnx_node *node) {
    static binary *const tests[] = {
        [EQUAL] = clade_equal,
        [LESS] = clade_less,
        [LESS_EQUAL] = clade_less_equal,
        [GREATER] = clade_greater,
        [GREATER_EQUAL] = clade_greater_equal,
        [AND] = clade_logical_and,
        [OR] = clade_logical_or,
        [XOR] = clade_logical_exclusive_or,
    };
    const clade_value a = clade_onnx_in(node, 0), b = clade_onnx_aligned(node, a, clade_onnx_in(node, 1));
    clade_onnx_out(node, 0, tests[clade_onnx_argument(node)](a, b), ONNX__TENSOR_PROTO__DATA_TYPE__BOOL);
    return true;
}

enum { NOT, IS_NAN };

static bool translate_test(clade_onnx_node *node) {
    static unary *const tests[] = { [NOT] = clade_logical_not, [IS_NAN] = clade_is_nan };
    const clade_value y = tests[clade_onnx_argument(node)](clade_onnx_in(node, 0));
    clade_onnx_out(node, 0, y, ONNX__TENSOR_PROTO__DATA_TYPE__BOOL);
    return true;
}

static bool translate_is_inf(clade_onnx_node *node) {
    const clade_value x = clade_onnx_in(node, 0), zero = clade_constant(node->graph, CLADE_SCALAR, 0);
    clade_value y = clade_is_infinite(x);
    if (clade_onnx_int(node, "detect_positive", 1) == 0) y = clade_logical_and(y, clade_less(x, zero));
    if (clade_onnx_int(node, "detect_negative", 1) == 0) y = clade_logical_and(y, clade_less(zero, x));
    clade_onnx_out(node, 0, y, ONNX__TENSOR_PROTO__DATA_TYPE__BOOL);
    return true;
}

static bool translate_where(clade_onnx_node *node) {
    const clade_value condition = clade_onnx_in(node, 0), a = clade_onnx_in(node, 1), b = clade_onnx_in(node, 2);
    clade_onnx_out(node, 0, clade_where(condition, a, b), clade_onnx_type(node, 1));
    return true;
}

/* ---- activations with more than one input or number ---- */

/* The slope's axes are aligned at the right; in old models a slope (C) was one for each channel. */
static bool translate_prelu(clade_onnx_node *node) {
    const clade_value x = clade_onnx_in(node, 0);
    clade_value slope = clade_onnx_in(node, 1);
    const clade_dims dims = clade_value_dims(x), given = clade_value_dims(slope);
    if (node->opset < 7 && given.rank == 1 && dims.rank > 2) {
        clade_dims wide = { .rank = dims.rank - 1, .size = { given.size[0] } };
        for (int i = 1; i < wide.rank; i++)
            wide.size[i] = 1;
        slope = clade_reshape(slope, wide);
    }
    if (clade_value_dtype(x) == CLADE_F32) return clade_onnx_give(node, clade_prelu(x, slope));
    const clade_value zero = clade_onnx_scalar(node, clade_onnx_type(node, 0), 0);
    const clade_value scaled = clade_onnx_wrap(clade_multiply(x, slope), clade_onnx_type(node, 0));
    return clade_onnx_give(node, clade_where(clade_less(x, zero), scaled, x));
}

static bool translate_clip(clade_onnx_node *node) {
    clade_value x = clade_onnx_in(node, 0);
    const bool attributes = node->opset < 11;
    for (int i = 0; i < 2; i++) {
        const char *name = i == 0 ? "min" : "max";
        if (attributes ? clade_onnx_attribute(node, name) == NULL : !clade_onnx_has(node, 1 + i)) continue;
        const clade_value bound =
            attributes ? clade_onnx_scalar(node, clade_onnx_type(node, 0), clade_onnx_float(node, name, 0))
                       : clade_onnx_in(node, 1 + i);
        x = i == 0 ? clade_maximum(x, bound) : clade_minimum(x, bound);
    }
    return clade_onnx_give(node, x);
}

const clade_onnx_translator clade_onnx_elementwise[] = {
    { "Abs", translate_signed, ABSOLUTE },
    { "Add", translate_binary, ADD },
    { "And", translate_truth, AND },
    { "Clip", translate_clip, 0 },
    { "Elu", translate_elu, 0 },
    { "Equal", translate_truth, EQUAL },
    { "Erf", translate_unary, ERF },
    { "Exp", translate_unary, EXPONENTIAL },
    { "Greater", translate_truth, GREATER },
    { "GreaterOrEqual", translate_truth, GREATER_EQUAL },
    { "IsInf", translate_is_inf, 0 },
    { "IsNaN", translate_test, IS_NAN },
    { "LeakyRelu", translate_leaky_relu, 0 },
    { "Less", translate_truth, LESS },
    { "LessOrEqual", translate_truth, LESS_EQUAL },
    { "Log", translate_unary, LOGARITHM },
    { "Max", translate_variadic, MAXIMUM },
    { "Mean", translate_variadic, MEAN },
    { "Min", translate_variadic, MINIMUM },
    { "Mul", translate_binary, MULTIPLY },
    { "Neg", translate_signed, NEGATE },
    { "Not", translate_test, NOT },
    { "Or", translate_truth, OR },
    { "PRelu", translate_prelu, 0 },
    { "Relu", translate_signed, RELU },
    { "Sigmoid", translate_unary, SIGMOID },
    { "Sign", translate_signed, SIGN },
    { "Softplus", translate_unary, SOFTPLUS },
    { "Sqrt", translate_unary, SQUARE_ROOT },
    { "Sub", translate_binary, SUBTRACT },
    { "Sum", translate_variadic, SUM },
    { "Tanh", translate_unary, TANH },
    { "Where", translate_where, 0 },
    { "Xor", translate_truth, XOR },
    { NULL, NULL, 0 },
};
