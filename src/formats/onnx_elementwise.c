/* ONNX's operators element by element. */
#include "formats/onnx_import.h"

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
    clade_onnx_out(node, 0, unaries[clade_onnx_argument(node)](x), clade_onnx_type(node, 0));
    return true;
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

enum { ADD, SUBTRACT, MULTIPLY, DIVIDE };

static binary *const binaries[] = {
    [ADD] = clade_add, [SUBTRACT] = clade_subtract, [MULTIPLY] = clade_multiply, [DIVIDE] = clade_divide
};

/* Before operator set 7 the second operand's axes were aligned at attribute `axis`, and broadcasting had to be asked for. */
static clade_value aligned(clade_onnx_node *node, clade_value a, clade_value b) {
    const clade_dims left = clade_value_dims(a);
    clade_dims right = clade_value_dims(b);
    const int64_t axis = clade_onnx_int(node, "axis", -1);
    if (node->opset >= 7 || axis < 0 || axis + right.rank >= left.rank) return b;
    while (axis + right.rank < left.rank)
        right.size[right.rank++] = 1;
    return clade_reshape(b, right);
}

static bool translate_binary(clade_onnx_node *node) {
    const clade_value a = clade_onnx_in(node, 0), b = aligned(node, a, clade_onnx_in(node, 1));
    clade_onnx_out(node, 0, binaries[clade_onnx_argument(node)](a, b), clade_onnx_type(node, 0));
    return true;
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
    if (clade_onnx_argument(node) == MEAN) result = clade_scale(result, 1.0 / node->in_count);
    clade_onnx_out(node, 0, result, clade_onnx_type(node, 0));
    return true;
}

const clade_onnx_translator clade_onnx_elementwise[] = {
    { "Abs", translate_unary, ABSOLUTE },      { "Add", translate_binary, ADD },
    { "Div", translate_binary, DIVIDE },       { "Elu", translate_elu, 0 },
    { "Erf", translate_unary, ERF },           { "Exp", translate_unary, EXPONENTIAL },
    { "LeakyRelu", translate_leaky_relu, 0 },  { "Log", translate_unary, LOGARITHM },
    { "Max", translate_variadic, MAXIMUM },    { "Mean", translate_variadic, MEAN },
    { "Min", translate_variadic, MINIMUM },    { "Mul", translate_binary, MULTIPLY },
    { "Neg", translate_unary, NEGATE },        { "Relu", translate_unary, RELU },
    { "Sigmoid", translate_unary, SIGMOID },   { "Sign", translate_unary, SIGN },
    { "Softplus", translate_unary, SOFTPLUS }, { "Sqrt", translate_unary, SQUARE_ROOT },
    { "Sub", translate_binary, SUBTRACT },     { "Sum", translate_variadic, SUM },
    { "Tanh", translate_unary, TANH },         { NULL, NULL, 0 },
};
