/* Products with their biases, pooling, normalisations, softmax, reductions, dropout. */
#include "formats/onnx/export.h"
#include "ops/convolution/convolution.h"
#include "ops/matmul/matmul.h"
#include "ops/normalization/batch_norm.h"
#include "ops/pooling/pool.h"
#include "ops/reduction/reduce.h"

#include <string.h>

static clade_value result(const clade_node *node) {
    return (clade_value){ node->graph, node->index, 0 };
}

static bool refuses_tail(clade_onnx_export *export, const clade_node *node, const clade_tail_attributes *tail) {
    if (!tail->bias && !tail->residual && !tail->relu && !tail->mask) return false;
    clade_export_refuse(export, node, "it was fused with what follows it");
    return true;
}

/* ---- products ---- */

static void write_convolution(clade_onnx_export *export, const clade_node *node, const char *bias, const char *y) {
    const clade_conv2d_attributes *a = node->attributes;
    const bool transposed = node->op == &clade_op_conv2d_data_gradient;
    const clade_dims x = clade_value_dims(node->inputs[0]), w = clade_value_dims(node->inputs[1]);
    if (refuses_tail(export, node, &a->tail)) return;
    const char *list[] = { clade_export_name(export, node->inputs[0]), clade_export_name(export, node->inputs[1]), bias,
                           NULL };
    Onnx__NodeProto *made = clade_export_node(export, transposed ? "ConvTranspose" : "Conv", list, y);
    clade_export_set_ints(export, made, "kernel_shape", w.size + 2, 2);
    clade_export_set_ints(export, made, "strides", a->stride, 2);
    clade_export_set_ints(export, made, "pads", a->pad, 4);
    clade_export_set_ints(export, made, "dilations", a->dilation, 2);
    clade_export_set_int(export, made, "group", a->groups);
    if (!transposed) return;
    int64_t more[2];
    for (int i = 0; i < 2; i++)
        more[i] = a->image[i] - (a->stride[i] * (x.size[2 + i] - 1) + a->dilation[i] * (w.size[2 + i] - 1) + 1 -
                                 a->pad[i] - a->pad[2 + i]);
    clade_export_set_ints(export, made, "output_padding", more, 2);
}

static void write_matrix_product(clade_onnx_export *export, const clade_node *node, const char *bias, const char *y) {
    const clade_matmul_attributes *a = node->attributes;
    if (refuses_tail(export, node, &a->tail)) return;
    const char *list[] = { clade_export_name(export, node->inputs[0]), clade_export_name(export, node->inputs[1]), bias,
                           NULL };
    Onnx__NodeProto *made = clade_export_node(export, "Gemm", list, y);
    clade_export_set_int(export, made, "transA", a->transpose_a);
    clade_export_set_int(export, made, "transB", a->transpose_b);
}

void clade_export_product(clade_onnx_export *export, const clade_node *product, clade_value bias, clade_value y) {
    const char *name = clade_export_name_after(export, y, product);
    const char *bias_name = clade_value_valid(bias) ? clade_export_name(export, bias) : NULL;
    (product->op == &clade_op_matmul ? write_matrix_product : write_convolution)(export, product, bias_name, name);
}

static void write_product(clade_onnx_export *export, const clade_node *node, const clade_onnx_writer *writer) {
    (void)writer;
    clade_export_product(export, node, CLADE_NO_VALUE, result(node));
}

static void write_batched_product(clade_onnx_export *export, const clade_node *node, const clade_onnx_writer *writer) {
    static const char *const flags[] = { "transpose_a", "transpose_b" };
    const char *names[2];
    for (int i = 0; i < 2; i++) {
        const int rank = clade_value_dims(node->inputs[i]).rank;
        int64_t turned[CLADE_MAX_RANK];
        names[i] = clade_export_name(export, node->inputs[i]);
        if (!clade_export_flag(node, flags[i])) continue;
        for (int k = 0; k < rank; k++)
            turned[k] = k < rank - 2 ? k : 2 * rank - 3 - k;
        const char *name = clade_export_between(export, node, flags[i]);
        clade_export_set_ints(export, clade_export_call(export, "Transpose", name, names[i]), "perm", turned, rank);
        names[i] = name;
    }
    clade_export_call(export, writer->op, clade_export_name(export, result(node)), names[0], names[1]);
}

/* ---- pooling ---- */

static void write_pool(clade_onnx_export *export, const clade_node *node, const clade_onnx_writer *writer) {
    const clade_pool_attributes *a = node->attributes;
    Onnx__NodeProto *made = clade_export_call(export, writer->op, clade_export_name(export, result(node)),
                                              clade_export_name(export, node->inputs[0]));
    const bool dilated = a->dilation[0] > 1 || a->dilation[1] > 1;
    clade_export_set_ints(export, made, "kernel_shape", a->kernel, 2);
    clade_export_set_ints(export, made, "strides", a->stride, 2);
    clade_export_set_ints(export, made, "pads", a->pad, 4);
    if (node->op == &clade_op_max_pool)
        clade_export_set_ints(export, made, "dilations", a->dilation, 2);
    else if (dilated)
        clade_export_refuse(export, node, "operator set 17 has no dilation of it");
    if (node->op == &clade_op_lp_pool)
        clade_export_set_int(export, made, "p", a->power);
    else
        clade_export_set_int(export, made, "ceil_mode", a->ceil);
    if (node->op == &clade_op_lp_pool && a->ceil)
        clade_export_refuse(export, node, "operator set 17 has no ceil_mode of it");
    if (node->op == &clade_op_average_pool) clade_export_set_int(export, made, "count_include_pad", !a->exclude_pad);
}

/* ---- normalisations ---- */

static void write_batch_norm(clade_onnx_export *export, const clade_node *node, const clade_onnx_writer *writer) {
    const clade_batch_norm_attributes *a = node->attributes;
    const char *list[6] = { NULL };
    if (refuses_tail(export, node, &a->tail)) return;
    for (int i = 0; i < 5; i++)
        list[i] = clade_export_name(export, node->inputs[i]);
    Onnx__NodeProto *made = clade_export_node(export, writer->op, list, clade_export_name(export, result(node)));
    clade_export_set_float(export, made, "epsilon", a->epsilon);
    clade_export_set_float(export, made, "momentum", 1 - a->momentum);
}

static void write_lrn(clade_onnx_export *export, const clade_node *node, const clade_onnx_writer *writer) {
    Onnx__NodeProto *made = clade_export_call(export, writer->op, clade_export_name(export, result(node)),
                                              clade_export_name(export, node->inputs[0]));
    clade_export_set_int(export, made, "size", clade_export_whole(node, "size"));
    clade_export_set_float(export, made, "alpha", clade_export_real(node, "alpha"));
    clade_export_set_float(export, made, "beta", clade_export_real(node, "beta"));
    clade_export_set_float(export, made, "bias", clade_export_real(node, "k"));
}

/* Rows (R, G, K, I), each with its mean taken off and divided by its deviation, then gamma and beta (G * K). */
static void write_layer_norm(clade_onnx_export *export, const clade_node *node, const clade_onnx_writer *writer) {
    const clade_dims x = clade_value_dims(node->inputs[0]);
    const char *from = clade_export_name(export, node->inputs[0]),
               *normal = clade_export_between(export, node, "normal");
    if (clade_export_flag(node, "uncentred")) {
        clade_export_refuse(export, node, "operator set 17 has no RMS normalisation");
        return;
    }
    const clade_dims row = clade_shape(x.size[2], x.size[3]), parameters = clade_shape(x.size[1], x.size[2], 1);
    const char *scale = clade_export_floats(export, &row, 1), *shape = clade_export_wholes(export, parameters.size, 3);
    Onnx__NodeProto *made = clade_export_call(export, writer->op, normal, from, scale);
    clade_export_set_int(export, made, "axis", 2);
    clade_export_set_float(export, made, "epsilon", clade_export_real(node, "epsilon"));
    const char *gamma = clade_export_between(export, node, "gamma"), *beta = clade_export_between(export, node, "beta");
    const char *scaled = clade_export_between(export, node, "scaled");
    clade_export_call(export, "Reshape", gamma, clade_export_name(export, node->inputs[1]), shape);
    clade_export_call(export, "Reshape", beta, clade_export_name(export, node->inputs[2]), shape);
    clade_export_call(export, "Mul", scaled, normal, gamma);
    clade_export_call(export, "Add", clade_export_name(export, result(node)), scaled, beta);
}

static void write_along_axis(clade_onnx_export *export, const clade_node *node, const clade_onnx_writer *writer) {
    Onnx__NodeProto *made = clade_export_call(export, writer->op, clade_export_name(export, result(node)),
                                              clade_export_name(export, node->inputs[0]));
    clade_export_set_int(export, made, "axis", clade_export_whole(node, "axis"));
}

/* ---- reductions ---- */

static void write_reduction(clade_onnx_export *export, const clade_node *node, const clade_onnx_writer *writer) {
    const clade_reduce_attributes *a = node->attributes;
    const int rank = clade_value_dims(node->inputs[0]).rank;
    const char *x = clade_export_name(export, node->inputs[0]), *y = clade_export_name(export, result(node));
    if (node->op == &clade_op_mean && a->keep && rank > 2 && a->axes == (((INT64_C(1) << rank) - 1) & ~INT64_C(3))) {
        clade_export_call(export, "GlobalAveragePool", y, x);
        return;
    }
    int64_t axes[CLADE_MAX_RANK];
    int count = 0;
    for (int i = 0; i < rank; i++)
        if ((a->axes >> i & 1) != 0) axes[count++] = i;
    if (count == 0) { /* which for ONNX would be all of them */
        if (node->op == &clade_op_sum_square)
            clade_export_call(export, "Mul", y, x, x);
        else
            clade_export_call(export, node->op == &clade_op_sum_absolute ? "Abs" : "Identity", y, x);
        return;
    }
    /* In operator set 17 the axes are an input of ReduceSum alone. */
    const bool sum = node->op == &clade_op_sum;
    const char *list[] = { x, sum ? clade_export_wholes(export, axes, count) : NULL, NULL };
    Onnx__NodeProto *made = clade_export_node(export, writer->op, list, y);
    if (!sum) clade_export_set_ints(export, made, "axes", axes, count);
    clade_export_set_int(export, made, "keepdims", a->keep);
}

/* ---- dropout, which does nothing at inference ---- */

static int dropout_reads(const clade_onnx_export *export, const clade_node *node, clade_value list[CLADE_MAX_INPUTS]) {
    (void)export;
    list[0] = node->inputs[0];
    return 1;
}

static void write_dropout(clade_onnx_export *export, const clade_node *node, const clade_onnx_writer *writer) {
    const char *ratio = clade_export_number(export, (float)clade_export_real(node, "rate"));
    clade_export_call(export, writer->op, clade_export_name(export, result(node)),
                      clade_export_name(export, node->inputs[0]), ratio);
}

const clade_onnx_writer clade_onnx_layer_writers[] = {
    { "average_pool", "AveragePool", write_pool, NULL, 1 },
    { "batch_norm", "BatchNormalization", write_batch_norm, NULL, 1 },
    { "batched_matmul", "MatMul", write_batched_product, NULL, 1 },
    { "conv2d", "Conv", write_product, NULL, 1 },
    { "conv2d_data_gradient", "ConvTranspose", write_product, NULL, 1 },
    { "dropout", "Dropout", write_dropout, dropout_reads, 1 },
    { "largest", "ReduceMax", write_reduction, NULL, 1 },
    { "layer_norm", "LayerNormalization", write_layer_norm, NULL, 1 },
    { "log_softmax", "LogSoftmax", write_along_axis, NULL, 1 },
    { "lp_pool", "LpPool", write_pool, NULL, 1 },
    { "lrn", "LRN", write_lrn, NULL, 1 },
    { "matmul", "Gemm", write_product, NULL, 1 },
    { "max_pool", "MaxPool", write_pool, NULL, 1 },
    { "mean", "ReduceMean", write_reduction, NULL, 1 },
    { "product", "ReduceProd", write_reduction, NULL, 1 },
    { "smallest", "ReduceMin", write_reduction, NULL, 1 },
    { "softmax", "Softmax", write_along_axis, NULL, 1 },
    { "sum", "ReduceSum", write_reduction, NULL, 1 },
    { "sum_absolute", "ReduceL1", write_reduction, NULL, 1 },
    { "sum_square", "ReduceSumSquare", write_reduction, NULL, 1 },
    { NULL, NULL, NULL, NULL, 0 },
};
