/* Batch normalisation (Ioffe and Szegedy 2015), for each channel c over the M = N*H*W elements that it has:
 *   y = gamma * (x - mean) * r + beta,  mean and variance (biased) of the batch, r = 1 / sqrt(variance + epsilon)
 *   new running mean = running mean + momentum * (mean - running mean); the variance likewise, without bias (/ (M-1))
 * x (N, C) or (N, C, H, W), the others (C) -> y as x, then mean, r, new running mean, new running variance, all (C).
 * With a tail, y = max(the above + residual, 0), either part of it alone too.
 *
 * batch_norm_gradient (x, gamma, mean, r, dy) -> dx, dgamma, dbeta, with xhat = (x - mean) * r:
 *   dbeta = sum of dy, dgamma = sum of dy * xhat, dx = gamma * r * (dy - dbeta/M - xhat * dgamma/M)
 * It has no gradient of its own.
 *
 * At inference the running statistics take the batch's place, and the whole is a multiplication and an addition by
 * numbers of each channel, which fuse. */
#include "ops/normalization/batch_norm.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

#define MOMENTS_SCHEMA                                                                                                 \
    { "epsilon", CLADE_ATTRIBUTE_DOUBLE, offsetof(clade_batch_norm_attributes, epsilon), 0 }, {                        \
        "momentum", CLADE_ATTRIBUTE_DOUBLE, offsetof(clade_batch_norm_attributes, momentum), 0                         \
    }

static const clade_attribute schema[] = {
    MOMENTS_SCHEMA,
    CLADE_TAIL_SCHEMA(clade_batch_norm_attributes),
    { NULL, 0, 0, 0 },
};
static const clade_attribute gradient_schema[] = { MOMENTS_SCHEMA, { NULL, 0, 0, 0 } };

/* ---- types ---- */

/* Whether inputs FIRST to LAST are float32 (C), C that of input 0. */
static bool check_inputs(const clade_node *node, uint32_t first, uint32_t last, clade_text *why) {
    const clade_type *x = clade_value_type(node->inputs[0]);
    if (x->dtype != CLADE_F32 || x->dims.rank < 2) {
        clade_text_add(why, "expected x as float32 (N, C) or (N, C, H, W)");
        return false;
    }
    for (uint32_t i = first; i <= last; i++) {
        const clade_type *type = clade_value_type(node->inputs[i]);
        if (type->dtype != CLADE_F32 || type->dims.rank != 1 || type->dims.size[0] != x->dims.size[1]) {
            clade_text_add(why, "expected input %u as float32 (%s), a number for each channel", (unsigned)i,
                           clade_size_text(node->graph, x->dims.size[1]));
            return false;
        }
    }
    return true;
}

static bool infer(const clade_node *node, clade_type out[], clade_text *why) {
    if (!check_inputs(node, 1, 4, why)) return false;
    out[0] = *clade_value_type(node->inputs[0]);
    for (int i = 1; i < 5; i++) {
        out[i] = *clade_value_type(node->inputs[1]);
    }
    const clade_tail_attributes *tail = clade_tail_of(node);
    if (!tail->bias && !tail->mask) return clade_tail_infer(node, &out[0], why);
    clade_text_add(why, "a batch norm's tail is a residual and ReLU alone");
    return false;
}

static bool infer_gradient(const clade_node *node, clade_type out[], clade_text *why) {
    if (!check_inputs(node, 1, 3, why)) return false;
    const clade_type *x = clade_value_type(node->inputs[0]), *dy = clade_value_type(node->inputs[4]);
    if (dy->dtype != CLADE_F32 || !clade_dims_equal(&x->dims, &dy->dims)) {
        clade_text_add(why, "expected dy of x's dims");
        return false;
    }
    out[0] = *x;
    out[1] = out[2] = *clade_value_type(node->inputs[1]);
    return true;
}

/* ---- gradient, and what it is at inference ---- */

static void gradient(clade_tape *tape, const clade_node *node, const clade_value dy[], clade_value dx[]) {
    if (!clade_value_valid(dy[0])) return;
    const clade_value inputs[] = {
        node->inputs[0],
        node->inputs[1],
        { tape->graph, node->index, 1 },
        { tape->graph, node->index, 2 },
        clade_tail_gradient(tape, node, dy[0], dx),
    };
    clade_value all = clade_append(tape->graph, &clade_op_batch_norm_gradient, "", node->attributes, inputs, 5);
    for (uint32_t i = 0; i < 3; i++) {
        if (tape->wanted[i]) dx[i] = clade_output(all, i);
    }
}

static bool inference(clade_rewrite *rewrite, const clade_node *node, const clade_value inputs[], clade_value out[]) {
    (void)rewrite;
    const clade_batch_norm_attributes *a = node->attributes;
    clade_value x = inputs[0], gamma = inputs[1], beta = inputs[2], mean = inputs[3], variance = inputs[4];
    clade_value r = clade_reciprocal_square_root(clade_offset(variance, a->epsilon));
    clade_value scale = clade_multiply(gamma, r), shift = clade_subtract(beta, clade_multiply(mean, scale));
    clade_dims channel = { clade_value_dims(x).rank - 1, { clade_value_dims(gamma).size[0] } };
    for (int32_t axis = 1; axis < channel.rank; axis++) {
        channel.size[axis] = 1;
    }
    out[0] = clade_add(clade_multiply(x, clade_reshape(scale, channel)), clade_reshape(shift, channel));
    out[1] = mean;
    out[2] = r;
    out[3] = mean;
    out[4] = variance;
    return true;
}

/* ---- references ---- */

static double mean_over(clade_batch_norm_sizes s, const double *x, const double *times, int64_t c) {
    double sum = 0;
    for (int64_t n = 0; n < s.samples; n++) {
        for (int64_t i = 0; i < s.space; i++) {
            int64_t at = (n * s.channels + c) * s.space + i;
            sum += x[at] * (times ? times[at] : 1);
        }
    }
    return sum / (double)(s.samples * s.space);
}

static double variance_over(clade_batch_norm_sizes s, const double *x, double mean, int64_t c) {
    double sum = 0;
    for (int64_t n = 0; n < s.samples; n++) {
        for (int64_t i = 0; i < s.space; i++) {
            double difference = x[(n * s.channels + c) * s.space + i] - mean;
            sum += difference * difference;
        }
    }
    return sum / (double)(s.samples * s.space);
}

static void reference(const clade_node *node, const clade_tensor in[], clade_tensor out[]) {
    const clade_batch_norm_attributes *a = node->attributes;
    clade_batch_norm_sizes s = clade_batch_norm_sizes_of(in[0].size, in[0].count);
    double m = (double)(s.samples * s.space);
    for (int64_t c = 0; c < s.channels; c++) {
        double mean = mean_over(s, in[0].data, NULL, c), variance = variance_over(s, in[0].data, mean, c);
        double r = 1.0 / sqrt(variance + a->epsilon), unbiased = m > 1 ? variance * m / (m - 1) : variance;
        for (int64_t n = 0; n < s.samples; n++) {
            for (int64_t i = 0; i < s.space; i++) {
                int64_t at = (n * s.channels + c) * s.space + i;
                out[0].data[at] = in[1].data[c] * (in[0].data[at] - mean) * r + in[2].data[c];
            }
        }
        out[1].data[c] = mean;
        out[2].data[c] = r;
        out[3].data[c] = in[3].data[c] + a->momentum * (mean - in[3].data[c]);
        out[4].data[c] = in[4].data[c] + a->momentum * (unbiased - in[4].data[c]);
    }
    clade_tail_reference(node, in, &out[0]);
}

static void reference_gradient(const clade_node *node, const clade_tensor in[], clade_tensor out[]) {
    (void)node;
    clade_batch_norm_sizes s = clade_batch_norm_sizes_of(in[0].size, in[0].count);
    const double *x = in[0].data, *gamma = in[1].data, *mean = in[2].data, *r = in[3].data, *dy = in[4].data;
    double m = (double)(s.samples * s.space);
    for (int64_t c = 0; c < s.channels; c++) {
        double mean_dy = mean_over(s, dy, NULL, c);
        double mean_product = (mean_over(s, dy, x, c) - mean[c] * mean_dy) * r[c];
        out[1].data[c] = m * mean_product;
        out[2].data[c] = m * mean_dy;
        for (int64_t n = 0; n < s.samples; n++) {
            for (int64_t i = 0; i < s.space; i++) {
                int64_t at = (n * s.channels + c) * s.space + i;
                double xhat = (x[at] - mean[c]) * r[c];
                out[0].data[at] = gamma[c] * r[c] * (dy[at] - mean_dy - xhat * mean_product);
            }
        }
    }
}

static double flops(const clade_site *site) {
    return 8.0 * (double)site->in[0].count;
}

/* ---- cases ---- */

#define DIMS(RANK, ...)                                                                                                \
    {                                                                                                                  \
        RANK, {                                                                                                        \
            __VA_ARGS__                                                                                                \
        }                                                                                                              \
    }
#define SIZES(CASE)                                                                                                    \
    CASE("planes of odd size", DIMS(4, 3, 5, 7, 9), 5)                                                                 \
    CASE("planes smaller than a vector", DIMS(4, 4, 3, 2, 2), 3)                                                       \
    CASE("many rows for an item", DIMS(4, 5, 65, 3, 7), 65)                                                            \
    CASE("several parts", DIMS(4, 3, 2, 131, 193), 2)                                                                  \
    CASE("one sample", DIMS(4, 1, 3, 4, 5), 3)                                                                         \
    CASE("columns", DIMS(2, 9, 37), 37)                                                                                \
    CASE("columns in parts", DIMS(2, 8200, 3), 3)                                                                      \
    CASE("one column", DIMS(2, 5, 1), 1)

static const clade_batch_norm_attributes plain = { .epsilon = 1e-5, .momentum = 0.1 };
static const clade_batch_norm_attributes added = { .epsilon = 1e-5, .momentum = 0.1, .tail.residual = true };
static const clade_batch_norm_attributes added_relu = { 1e-5, 0.1, { .residual = true, .relu = true } };
static const clade_batch_norm_attributes relu = { .epsilon = 1e-5, .momentum = 0.1, .tail.relu = true };

/* Batch norm's first five inputs; a list's commas would not pass through another macro. */
#define FILLS                                                                                                          \
    .fill = { CLADE_FILL_UNIFORM, CLADE_FILL_POSITIVE, CLADE_FILL_UNIFORM, CLADE_FILL_UNIFORM, CLADE_FILL_POSITIVE }
#define CASE(NAME, X, C)                                                                                               \
    { .name = NAME,                                                                                                    \
      .in = { X, DIMS(1, C), DIMS(1, C), DIMS(1, C), DIMS(1, C) },                                                     \
      .input_count = 5,                                                                                                \
      FILLS,                                                                                                           \
      .attributes = &plain },
#define TAIL_CASE(NAME, INPUTS, X, C, ATTRIBUTES)                                                                      \
    {                                                                                                                  \
        .name = NAME, .in = { X, DIMS(1, C), DIMS(1, C), DIMS(1, C), DIMS(1, C), X }, .input_count = INPUTS, FILLS,    \
        .attributes = &(ATTRIBUTES)                                                                                    \
    }
#define GRADIENT_CASE(NAME, X, C)                                                                                      \
    { .name = NAME,                                                                                                    \
      .in = { X, DIMS(1, C), DIMS(1, C), DIMS(1, C), X },                                                              \
      .input_count = 5,                                                                                                \
      .fill = { CLADE_FILL_UNIFORM, CLADE_FILL_POSITIVE, CLADE_FILL_UNIFORM, CLADE_FILL_POSITIVE,                      \
                CLADE_FILL_UNIFORM },                                                                                  \
      .attributes = &plain },

#define TAIL_CASES                                                                                                     \
    TAIL_CASE("a residual", 6, DIMS(4, 2, 3, 5, 7), 3, added),                                                         \
        TAIL_CASE("a residual and ReLU", 6, DIMS(4, 2, 3, 5, 7), 3, added_relu),                                       \
        TAIL_CASE("ReLU", 5, DIMS(4, 2, 3, 3, 11), 3, relu),                                                           \
        TAIL_CASE("a residual and ReLU over columns", 6, DIMS(2, 9, 21), 21, added_relu)

static const clade_case cases[] = { SIZES(CASE) TAIL_CASES, { .name = NULL } };
static const clade_case gradient_cases[] = { SIZES(GRADIENT_CASE){ .name = NULL } };

/* ---- the rows ---- */

const clade_op clade_op_batch_norm = {
    .name = "batch_norm",
    .onnx = "BatchNormalization",
    .attributes = schema,
    .attributes_size = sizeof(clade_batch_norm_attributes),
    .input_minimum = 5,
    .input_maximum = 5 + CLADE_TAIL_INPUTS,
    .outputs = 5,
    .tail_input = CLADE_BATCH_NORM_RESIDUAL,
    .tail_offset = offsetof(clade_batch_norm_attributes, tail),
    .in_place = 1u << CLADE_BATCH_NORM_RESIDUAL,
    .infer = infer,
    .gradient = gradient,
    .inference = inference,
    .reference = reference,
    .flops = flops,
    .implementations = clade_batch_norm_implementations,
    .cases = cases,
};

const clade_op clade_op_batch_norm_gradient = {
    .name = "batch_norm_gradient",
    .attributes = gradient_schema,
    .attributes_size = sizeof(clade_batch_norm_attributes),
    .input_minimum = 5,
    .input_maximum = 5,
    .outputs = 3,
    .in_place = 1u << 4, /* dy */
    .infer = infer_gradient,
    .reference = reference_gradient,
    .flops = flops,
    .implementations = clade_batch_norm_gradient_implementations,
    .cases = gradient_cases,
};

/* ---- the builder's call ---- */

clade_value clade_batch_norm_with(const clade_batch_norm_options *options) {
    clade_batch_norm_options given = { 0 };
    memcpy(&given, options, options->size < sizeof given ? options->size : sizeof given);
    clade_value x = given.x;
    clade_dims dims = clade_value_dims(x);
    if (!clade_value_valid(x) || dims.rank < 2 || dims.size[1] < 1) {
        if (x.graph && clade_value_valid(x)) {
            return clade_invalid(x.graph, CLADE_ERROR_ARGUMENT,
                                 "batch_norm of %s: expected (N, C) or (N, C, H, W) with C a number",
                                 clade_type_text(x.graph, clade_value_type(x)));
        }
        return clade_invalid(x.graph, CLADE_ERROR_ARGUMENT, "batch_norm: x is not a value");
    }
    const char *name = clade_graph_unique_name(x.graph, given.name, "batch_norm");
    const clade_initializer one = { .kind = CLADE_INITIALIZE_CONSTANT, .value = 1 };
    const clade_initializer zero = { .kind = CLADE_INITIALIZE_CONSTANT, .value = 0 };
    clade_dims channels = clade_shape(dims.size[1]);
    const clade_value inputs[] = {
        x,
        clade_layer_state(x.graph, name, "weight", channels, CLADE_ROLE_BIAS, one, one),
        clade_layer_state(x.graph, name, "bias", channels, CLADE_ROLE_BIAS, zero, zero),
        clade_layer_state(x.graph, name, "running_mean", channels, CLADE_ROLE_STATE, zero, zero),
        clade_layer_state(x.graph, name, "running_variance", channels, CLADE_ROLE_STATE, one, one),
    };
    const clade_batch_norm_attributes a = {
        .epsilon = given.epsilon > 0 ? given.epsilon : 1e-5,
        .momentum = given.momentum > 0 ? given.momentum : 0.1,
    };
    clade_value y = clade_append(x.graph, &clade_op_batch_norm, name, &a, inputs, 5);
    if (clade_value_valid(y)) {
        clade_update(inputs[3], clade_output(y, 3));
        clade_update(inputs[4], clade_output(y, 4));
    }
    return y;
}
