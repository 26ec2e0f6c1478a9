/* Point-wise rows. Whole numbers are int32 in Clade; where ONNX gives or takes truth values they are cast. */
#include "formats/onnx/export.h"

static const char *result(clade_onnx_export *export, const clade_node *node) {
    return clade_export_name(export, (clade_value){ node->graph, node->index, 0 });
}

static const char *input(clade_onnx_export *export, const clade_node *node, int index) {
    return clade_export_name(export, node->inputs[index]);
}

static void cast(clade_onnx_export *export, const char *from, const char *to, int type) {
    clade_export_set_int(export, clade_export_call(export, "Cast", to, from), "to", type);
}

/* ---- sums: the bias of a product becomes part of it ---- */

static int add_reads(const clade_onnx_export *export, const clade_node *node, clade_value list[CLADE_MAX_INPUTS]) {
    clade_value bias;
    const clade_node *product = clade_export_biased(export, node, &bias);
    list[0] = product != NULL ? product->inputs[0] : node->inputs[0];
    list[1] = product != NULL ? product->inputs[1] : node->inputs[1];
    list[2] = bias;
    return product != NULL ? 3 : 2;
}

static void write_add(clade_onnx_export *export, const clade_node *node, const clade_onnx_writer *writer) {
    clade_value bias;
    const clade_node *product = clade_export_biased(export, node, &bias);
    if (product != NULL)
        clade_export_product(export, product, bias, (clade_value){ node->graph, node->index, 0 });
    else
        clade_export_call(export, writer->op, result(export, node), input(export, node, 0), input(export, node, 1));
}

/* ---- with a number ---- */

static void write_with_number(clade_onnx_export *export, const clade_node *node, const clade_onnx_writer *writer) {
    const char *number = clade_export_number(export, (float)clade_export_real(node, "number"));
    clade_export_call(export, writer->op, result(export, node), input(export, node, 0), number);
}

static void write_with_alpha(clade_onnx_export *export, const clade_node *node, const clade_onnx_writer *writer) {
    Onnx__NodeProto *made = clade_export_call(export, writer->op, result(export, node), input(export, node, 0));
    clade_export_set_float(export, made, "alpha", clade_export_real(node, "number"));
}

/* ---- composed ---- */

static void write_square(clade_onnx_export *export, const clade_node *node, const clade_onnx_writer *writer) {
    clade_export_call(export, writer->op, result(export, node), input(export, node, 0), input(export, node, 0));
}

static void write_reciprocal_root(clade_onnx_export *export, const clade_node *node, const clade_onnx_writer *writer) {
    const char *root = clade_export_between(export, node, "root");
    clade_export_call(export, writer->op, root, input(export, node, 0));
    clade_export_call(export, "Reciprocal", result(export, node), root);
}

static void write_step(clade_onnx_export *export, const clade_node *node, const clade_onnx_writer *writer) {
    const char *truth = clade_export_between(export, node, "truth");
    clade_export_call(export, writer->op, truth, input(export, node, 0), clade_export_number(export, 0));
    cast(export, truth, result(export, node), ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT);
}

/* ---- truth values ---- */

static void write_compared(clade_onnx_export *export, const clade_node *node, const clade_onnx_writer *writer) {
    const char *truth = clade_export_between(export, node, "truth");
    const char *list[] = { input(export, node, 0), node->input_count > 1 ? input(export, node, 1) : NULL, NULL };
    clade_export_node(export, writer->op, list, truth);
    cast(export, truth, result(export, node), ONNX__TENSOR_PROTO__DATA_TYPE__INT32);
}

static const char *as_truth(clade_onnx_export *export, const clade_node *node, int index) {
    const char *truth = clade_export_between(export, node, index == 0 ? "a" : "b");
    cast(export, input(export, node, index), truth, ONNX__TENSOR_PROTO__DATA_TYPE__BOOL);
    return truth;
}

static void write_logical(clade_onnx_export *export, const clade_node *node, const clade_onnx_writer *writer) {
    const char *list[] = { as_truth(export, node, 0), node->input_count > 1 ? as_truth(export, node, 1) : NULL, NULL };
    const char *truth = clade_export_between(export, node, "truth");
    clade_export_node(export, writer->op, list, truth);
    cast(export, truth, result(export, node), ONNX__TENSOR_PROTO__DATA_TYPE__INT32);
}

static void write_where(clade_onnx_export *export, const clade_node *node, const clade_onnx_writer *writer) {
    const char *truth = as_truth(export, node, 0);
    clade_export_call(export, writer->op, result(export, node), truth, input(export, node, 1), input(export, node, 2));
}

static void write_to_float(clade_onnx_export *export, const clade_node *node, const clade_onnx_writer *writer) {
    (void)writer;
    cast(export, input(export, node, 0), result(export, node), ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT);
}

static void write_to_whole(clade_onnx_export *export, const clade_node *node, const clade_onnx_writer *writer) {
    (void)writer;
    cast(export, input(export, node, 0), result(export, node), ONNX__TENSOR_PROTO__DATA_TYPE__INT32);
}

/* To half the bits, and back. */
static void write_rounded(clade_onnx_export *export, const clade_node *node, int type) {
    const char *half = clade_export_between(export, node, "half");
    cast(export, input(export, node, 0), half, type);
    cast(export, half, result(export, node), ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT);
}

static void write_to_half(clade_onnx_export *export, const clade_node *node, const clade_onnx_writer *writer) {
    (void)writer;
    write_rounded(export, node, ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT16);
}

static void write_to_bfloat16(clade_onnx_export *export, const clade_node *node, const clade_onnx_writer *writer) {
    (void)writer;
    write_rounded(export, node, ONNX__TENSOR_PROTO__DATA_TYPE__BFLOAT16);
}

#define PLAIN(ROW, OP)                                                                                                 \
    { ROW, OP, NULL, NULL, 1 }

const clade_onnx_writer clade_onnx_pointwise_writers[] = {
    PLAIN("absolute", "Abs"),
    { "add", "Add", write_add, add_reads, 1 },
    PLAIN("arc_cosine", "Acos"),
    PLAIN("arc_sine", "Asin"),
    PLAIN("arc_tangent", "Atan"),
    PLAIN("ceiling", "Ceil"),
    PLAIN("cosine", "Cos"),
    PLAIN("detach", "Identity"),
    PLAIN("divide", "Div"),
    { "elu", "Elu", write_with_alpha, NULL, 1 },
    { "equal", "Equal", write_compared, NULL, 1 },
    PLAIN("erf", "Erf"),
    PLAIN("exponential", "Exp"),
    PLAIN("floor", "Floor"),
    PLAIN("hyperbolic_cosine", "Cosh"),
    PLAIN("hyperbolic_sine", "Sinh"),
    PLAIN("inverse_hyperbolic_sine", "Asinh"),
    PLAIN("inverse_hyperbolic_tangent", "Atanh"),
    { "is_infinite", "IsInf", write_compared, NULL, 1 },
    { "is_nan", "IsNaN", write_compared, NULL, 1 },
    { "leaky_relu", "LeakyRelu", write_with_alpha, NULL, 1 },
    { "less", "Less", write_compared, NULL, 1 },
    { "less_equal", "LessOrEqual", write_compared, NULL, 1 },
    PLAIN("logarithm", "Log"),
    { "logical_and", "And", write_logical, NULL, 1 },
    { "logical_exclusive_or", "Xor", write_logical, NULL, 1 },
    { "logical_not", "Not", write_logical, NULL, 1 },
    { "logical_or", "Or", write_logical, NULL, 1 },
    PLAIN("maximum", "Max"),
    PLAIN("minimum", "Min"),
    PLAIN("multiply", "Mul"),
    PLAIN("negate", "Neg"),
    { "offset", "Add", write_with_number, NULL, 1 },
    PLAIN("power", "Pow"),
    PLAIN("reciprocal", "Reciprocal"),
    { "reciprocal_square_root", "Sqrt", write_reciprocal_root, NULL, 1 },
    PLAIN("relu", "Relu"),
    PLAIN("round", "Round"),
    { "round_to_bfloat16", "Cast", write_to_bfloat16, NULL, 1 },
    { "round_to_half", "Cast", write_to_half, NULL, 1 },
    { "scale", "Mul", write_with_number, NULL, 1 },
    PLAIN("sigmoid", "Sigmoid"),
    PLAIN("sign", "Sign"),
    PLAIN("sine", "Sin"),
    PLAIN("softplus", "Softplus"),
    { "square", "Mul", write_square, NULL, 1 },
    PLAIN("square_root", "Sqrt"),
    { "step", "GreaterOrEqual", write_step, NULL, 1 },
    PLAIN("subtract", "Sub"),
    PLAIN("tangent", "Tan"),
    PLAIN("tanh", "Tanh"),
    { "to_float32", "Cast", write_to_float, NULL, 1 },
    { "to_int32", "Cast", write_to_whole, NULL, 1 },
    { "where", "Where", write_where, NULL, 1 },
    { NULL, NULL, NULL, NULL, 0 },
};
