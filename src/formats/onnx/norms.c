/* ONNX's normalisations, softmax and its kin, and dropout. */
#include "formats/onnx/import.h"
#include "ops/normalization/batch_norm.h"

#include <inttypes.h>
#include <string.h>

/* (C) as (C, 1, ...), to go with an array (N, C, ...) of RANK. */
static clade_value by_channel(clade_value x, int rank) {
    clade_dims dims = { .rank = rank - 1, .size = { clade_value_dims(x).size[0] } };
    for (int i = 1; i < dims.rank; i++)
        dims.size[i] = 1;
    return clade_reshape(x, dims);
}

/* ---- batch normalisation ---- */

/* Training: the batch's own statistics, and running ones that move by 1 - momentum of the way (with the biased variance,
 * which Clade's own layer does not take). */
static bool batch_norm_training(clade_onnx_node *node, double epsilon) {
    const clade_value x = clade_onnx_in(node, 0);
    const int rank = clade_value_dims(x).rank;
    if (rank < 2) return clade_onnx_refuse(node, "an input that is not (N, C, ...)");
    const uint32_t axes = ((1u << rank) - 1) & ~2u;
    const double kept = clade_onnx_float(node, "momentum", 0.9);
    const clade_value mean = clade_mean(x, axes, true), centred = clade_subtract(x, mean);
    const clade_value variance = clade_mean(clade_square(centred), axes, true);
    const clade_value statistics[] = { mean, variance };
    clade_value y = clade_multiply(centred, clade_reciprocal_square_root(clade_offset(variance, epsilon)));
    y = clade_multiply(y, by_channel(clade_onnx_in(node, 1), rank));
    y = clade_add(y, by_channel(clade_onnx_in(node, 2), rank));
    for (int i = 0; i < 2; i++) {
        const clade_value running = clade_onnx_in(node, 3 + i);
        const clade_value now = clade_reshape(statistics[i], clade_value_dims(running));
        const clade_value moved = clade_add(clade_scale(running, kept), clade_scale(now, 1 - kept));
        clade_onnx_out(node, 1 + i, moved, clade_onnx_type(node, 3 + i));
    }
    return clade_onnx_give(node, y);
}

static bool translate_batch_norm(clade_onnx_node *node) {
    const double epsilon = clade_onnx_float(node, "epsilon", 1e-5);
    if (clade_onnx_int(node, "training_mode", 0) != 0) return batch_norm_training(node, epsilon);
    const clade_batch_norm_attributes attributes = { .epsilon = epsilon,
                                                     .momentum = 1 - clade_onnx_float(node, "momentum", 0.9) };
    clade_value inputs[5];
    for (int i = 0; i < 5; i++) {
        if (i >= 3 && clade_onnx_has(node, i)) node->in[i]->fixed = true;
        inputs[i] = clade_onnx_in(node, i);
    }
    return clade_onnx_give(node, clade_append(node->graph, &clade_op_batch_norm, "", &attributes, inputs, 5));
}

/* ---- normalisation of each sample ---- */

static bool translate_instance_norm(clade_onnx_node *node) {
    const clade_value x = clade_onnx_in(node, 0), scale = clade_onnx_in(node, 1), bias = clade_onnx_in(node, 2);
    const clade_norm_options options = { .size = sizeof options,
                                         .x = x,
                                         .scale = scale,
                                         .bias = bias,
                                         .epsilon = (float)clade_onnx_float(node, "epsilon", 1e-5) };
    return clade_onnx_give(node, clade_instance_norm_with(&options));
}

/* Before operator set 21 scale and bias were one for each group. */
static bool translate_group_norm(clade_onnx_node *node) {
    const clade_value x = clade_onnx_in(node, 0);
    const clade_dims dims = clade_value_dims(x);
    clade_norm_options options = { .size = sizeof options,
                                   .x = x,
                                   .groups = clade_onnx_int(node, "num_groups", 1),
                                   .no_scale = true,
                                   .no_bias = true,
                                   .epsilon = (float)clade_onnx_float(node, "epsilon", 1e-5) };
    clade_value scale[2];
    if (dims.rank < 2 || dims.size[1] < 1) return clade_onnx_refuse(node, "an input that is not (N, C, ...)");
    for (int i = 0; i < 2; i++) {
        scale[i] = clade_onnx_in(node, 1 + i);
        const clade_dims own = clade_value_dims(scale[i]);
        const int64_t count = own.rank == 1 ? own.size[0] : 0;
        if (count < 1 || dims.size[1] % count != 0)
            return clade_onnx_refuse(node, "input %d does not go with %" PRId64 " channels", 1 + i, dims.size[1]);
        if (node->opset < 21 && count != dims.size[1]) {
            const clade_dims wide = clade_shape(count, dims.size[1] / count);
            const clade_value column = clade_reshape(scale[i], clade_shape(count, 1));
            scale[i] = clade_reshape(clade_expand(column, &wide), clade_shape(dims.size[1]));
        }
        scale[i] = by_channel(scale[i], dims.rank);
    }
    const clade_value y = clade_group_norm_with(&options);
    return clade_onnx_give(node, clade_add(clade_multiply(y, scale[0]), scale[1]));
}

/* Layer and RMS normalisation, over the axes from `axis` on. Mean and 1/deviation may be asked for too. */
static bool translate_layer_norm(clade_onnx_node *node) {
    const bool centres = clade_onnx_argument(node) == 0;
    const clade_value x = clade_onnx_in(node, 0);
    const int rank = clade_value_dims(x).rank;
    const double epsilon = clade_onnx_float(node, "epsilon", 1e-5);
    int axis;
    if (!clade_onnx_axis(node, clade_onnx_int(node, "axis", -1), rank, &axis)) return false;
    uint32_t axes = 0;
    for (int i = axis; i < rank; i++)
        axes |= 1u << i;
    clade_norm_options options = { .size = sizeof options,
                                   .x = x,
                                   .axes = rank - axis,
                                   .no_scale = true,
                                   .no_bias = true,
                                   .epsilon = (float)epsilon };
    clade_value y = centres ? clade_layer_norm_with(&options) : clade_rms_norm_with(&options);
    if (clade_onnx_has(node, 1)) y = clade_multiply(y, clade_onnx_in(node, 1));
    if (clade_onnx_has(node, 2)) y = clade_add(y, clade_onnx_in(node, 2));
    if (centres && node->out_count > 1) {
        const clade_value mean = clade_mean(x, axes, true);
        const clade_value variance = clade_mean(clade_square(clade_subtract(x, mean)), axes, true);
        clade_onnx_out(node, 1, mean, clade_onnx_type(node, 0));
        clade_onnx_out(node, 2, clade_reciprocal_square_root(clade_offset(variance, epsilon)),
                       clade_onnx_type(node, 0));
    }
    return clade_onnx_give(node, y);
}

static bool translate_lrn(clade_onnx_node *node) {
    const clade_local_response_norm_options options = { .size = sizeof options,
                                                        .x = clade_onnx_in(node, 0),
                                                        .window = clade_onnx_int(node, "size", 1),
                                                        .alpha = (float)clade_onnx_float(node, "alpha", 1e-4),
                                                        .beta = (float)clade_onnx_float(node, "beta", 0.75),
                                                        .k = (float)clade_onnx_float(node, "bias", 1) };
    return clade_onnx_give(node, clade_local_response_norm_with(&options));
}

static bool translate_lp_norm(clade_onnx_node *node) {
    const clade_value x = clade_onnx_in(node, 0);
    return clade_onnx_give(node, clade_lp_norm(x, clade_onnx_int(node, "axis", -1), clade_onnx_int(node, "p", 2)));
}

static bool translate_mean_variance_norm(clade_onnx_node *node) {
    int64_t axes[CLADE_MAX_RANK] = { 0, 2, 3 };
    const clade_value x = clade_onnx_in(node, 0);
    const int count = clade_onnx_ints(node, "axes", axes, CLADE_MAX_RANK);
    uint32_t bits = 0;
    if (count < 0) return false;
    for (int i = 0; i < (count > 0 ? count : 3); i++) {
        int axis;
        if (!clade_onnx_axis(node, axes[i], clade_value_dims(x).rank, &axis)) return false;
        bits |= 1u << axis;
    }
    return clade_onnx_give(node, clade_mean_variance_norm(x, bits));
}

/* ---- softmax ---- */

enum { SOFTMAX, LOG_SOFTMAX };

/* Before operator set 13 the axes from `axis` on were taken together. */
static bool translate_softmax(clade_onnx_node *node) {
    const clade_value x = clade_onnx_in(node, 0);
    const clade_dims dims = clade_value_dims(x);
    const bool together = node->opset < 13;
    int axis;
    if (!clade_onnx_axis(node, clade_onnx_int(node, "axis", together ? 1 : -1), dims.rank, &axis)) return false;
    clade_value rows = x;
    if (together) {
        const clade_size before = clade_size_product(node->graph, dims.size, axis);
        rows =
            clade_reshape(x, clade_shape(before, clade_size_product(node->graph, dims.size + axis, dims.rank - axis)));
        axis = 1;
    }
    clade_value y =
        clade_onnx_argument(node) == SOFTMAX ? clade_softmax_along(rows, axis) : clade_log_softmax_along(rows, axis);
    if (together) y = clade_reshape(y, dims);
    return clade_onnx_give(node, y);
}

/* ---- dropout, which at inference does nothing ---- */

static bool translate_dropout(clade_onnx_node *node) {
    double training = 0;
    int count;
    if (node->opset >= 12 && clade_onnx_has(node, 2) && !clade_onnx_numbers(node, 2, &training, 1, &count))
        return false;
    if (training != 0) {
        double ratio = 0.5;
        if (clade_onnx_has(node, 1) && !clade_onnx_numbers(node, 1, &ratio, 1, &count)) return false;
        if (ratio != 0) return clade_onnx_refuse(node, "in training mode: its draws are another framework's");
    }
    const clade_value x = clade_onnx_in(node, 0);
    if (node->out_count > 1) {
        const clade_value all = clade_constant(node->graph, clade_value_dims(x), 1);
        clade_onnx_out(node, 1, clade_cast(all, CLADE_I32), ONNX__TENSOR_PROTO__DATA_TYPE__BOOL);
    }
    return clade_onnx_give(node, x);
}

const clade_onnx_translator clade_onnx_norms[] = {
    { "BatchNormalization", translate_batch_norm, 0 },
    { "Dropout", translate_dropout, 0 },
    { "GroupNormalization", translate_group_norm, 0 },
    { "InstanceNormalization", translate_instance_norm, 0 },
    { "LRN", translate_lrn, 0 },
    { "LayerNormalization", translate_layer_norm, 0 },
    { "LogSoftmax", translate_softmax, LOG_SOFTMAX },
    { "LpNormalization", translate_lp_norm, 0 },
    { "MeanVarianceNormalization", translate_mean_variance_norm, 0 },
    { "RMSNormalization", translate_layer_norm, 1 },
    { "Softmax", translate_softmax, SOFTMAX },
    { NULL, NULL, 0 },
};
