/* ONNX's activations, and functions of one floating-point number. */
#include "formats/onnx/import.h"

#include <string.h>

/* ---- functions without attributes ---- */

enum { MISH, SOFTSIGN, HARD_SWISH, FLOOR, CEIL, ROUND, RECIPROCAL, SIN, COS, TAN, ASIN, ACOS, ATAN, SINH, COSH };
enum { ASINH = COSH + 1, ACOSH, ATANH };

static bool translate_function(clade_onnx_node *node) {
    typedef clade_value function(clade_value x);
    static function *const functions[] = {
        [MISH] = clade_mish,
        [SOFTSIGN] = clade_softsign,
        [HARD_SWISH] = clade_hard_swish,
        [FLOOR] = clade_floor,
        [CEIL] = clade_ceiling,
        [ROUND] = clade_round,
        [RECIPROCAL] = clade_reciprocal,
        [SIN] = clade_sine,
        [COS] = clade_cosine,
        [TAN] = clade_tangent,
        [ASIN] = clade_arc_sine,
        [ACOS] = clade_arc_cosine,
        [ATAN] = clade_arc_tangent,
        [SINH] = clade_hyperbolic_sine,
        [COSH] = clade_hyperbolic_cosine,
        [ASINH] = clade_inverse_hyperbolic_sine,
        [ACOSH] = clade_inverse_hyperbolic_cosine,
        [ATANH] = clade_inverse_hyperbolic_tangent,
    };
    return clade_onnx_give(node, functions[clade_onnx_argument(node)](clade_onnx_in(node, 0)));
}

/* ---- activations with numbers ---- */

static clade_value elu(clade_value x, double alpha, double gain) {
    return clade_scale(clade_elu(x, alpha), gain);
}

static bool translate_selu(clade_onnx_node *node) {
    const double alpha = clade_onnx_float(node, "alpha", 1.67326319217681884765625);
    const double gain = clade_onnx_float(node, "gamma", 1.05070102214813232421875);
    return clade_onnx_give(node, elu(clade_onnx_in(node, 0), alpha, gain));
}

static bool translate_celu(clade_onnx_node *node) {
    return clade_onnx_give(node, clade_celu(clade_onnx_in(node, 0), clade_onnx_float(node, "alpha", 1)));
}

static bool translate_swish(clade_onnx_node *node) {
    return clade_onnx_give(node, clade_swish(clade_onnx_in(node, 0), clade_onnx_float(node, "alpha", 1)));
}

static bool translate_hard_sigmoid(clade_onnx_node *node) {
    const double slope = clade_onnx_float(node, "alpha", 0.2), offset = clade_onnx_float(node, "beta", 0.5);
    return clade_onnx_give(node, clade_hard_sigmoid(clade_onnx_in(node, 0), slope, offset));
}

static bool translate_thresholded_relu(clade_onnx_node *node) {
    const double threshold = clade_onnx_float(node, "alpha", 1);
    return clade_onnx_give(node, clade_thresholded_relu(clade_onnx_in(node, 0), threshold));
}

static bool translate_shrink(clade_onnx_node *node) {
    const double threshold = clade_onnx_float(node, "lambd", 0.5), bias = clade_onnx_float(node, "bias", 0);
    const int type = clade_onnx_type(node, 0);
    const clade_value y = clade_shrink(clade_onnx_real(node, 0), threshold, bias);
    return clade_onnx_give(node, clade_onnx_cast(y, ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT, type));
}

static bool translate_gelu(clade_onnx_node *node) {
    static const char *const words[] = { "none", "tanh", NULL };
    const clade_value x = clade_onnx_in(node, 0);
    int which;
    if (!clade_onnx_word(node, "approximate", "none", words, &which)) return false;
    return clade_onnx_give(node, which == 0 ? clade_gelu(x) : clade_gelu_by_tanh(x));
}

const clade_onnx_translator clade_onnx_activations[] = {
    { "Acos", translate_function, ACOS },
    { "Acosh", translate_function, ACOSH },
    { "Asin", translate_function, ASIN },
    { "Asinh", translate_function, ASINH },
    { "Atan", translate_function, ATAN },
    { "Atanh", translate_function, ATANH },
    { "Ceil", translate_function, CEIL },
    { "Celu", translate_celu, 0 },
    { "Cos", translate_function, COS },
    { "Cosh", translate_function, COSH },
    { "Floor", translate_function, FLOOR },
    { "Gelu", translate_gelu, 0 },
    { "HardSigmoid", translate_hard_sigmoid, 0 },
    { "HardSwish", translate_function, HARD_SWISH },
    { "Mish", translate_function, MISH },
    { "Reciprocal", translate_function, RECIPROCAL },
    { "Round", translate_function, ROUND },
    { "Selu", translate_selu, 0 },
    { "Shrink", translate_shrink, 0 },
    { "Sin", translate_function, SIN },
    { "Sinh", translate_function, SINH },
    { "Softsign", translate_function, SOFTSIGN },
    { "Swish", translate_swish, 0 },
    { "Tan", translate_function, TAN },
    { "ThresholdedRelu", translate_thresholded_relu, 0 },
    { NULL, NULL, 0 },
};
