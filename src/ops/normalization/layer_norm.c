/* Normalisation of rows: of x (R, G, K, I) the S = K * I numbers at one (r, g) are a row, with its own mean m,
 * variance v (biased) and d = 1 / sqrt(v + epsilon):
 *   y = (x - m) * d * gamma[g,k] + beta[g,k]         x -> y as x, m and d, both (R, G); gamma and beta (G * K)
 * `uncentred`: m is 0 and v the mean of squares. Layer normalisation (Ba et al. 2016) is (rows, 1, features, 1),
 * instance normalisation (Ulyanov et al. 2016) (N, C, 1, pixels), group normalisation (Wu and He 2018) (N, groups, C /
 * groups, pixels), RMS normalisation (Zhang and Sennrich 2019) the first, uncentred.
 *
 * layer_norm_gradient (x, gamma, m, d, dy) -> dx, dgamma, dbeta, with xhat = (x - m) * d and w = dy * gamma:
 *   dx = d * (w - mean of w - xhat * mean of w * xhat), means over the row; the first is left out where m is 0
 *   dgamma = sum of dy * xhat, dbeta = sum of dy, over all that has the parameter
 * It has no gradient of its own. */
#include "ops/normalization/layer_norm.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

static const clade_attribute schema[] = {
    { "epsilon", CLADE_ATTRIBUTE_DOUBLE, offsetof(clade_layer_norm_attributes, epsilon), 0 },
    { "uncentred", CLADE_ATTRIBUTE_BOOL, offsetof(clade_layer_norm_attributes, uncentred), 0 },
    { NULL, 0, 0, 0 },
};

/* ---- types ---- */

static bool is_float(const clade_node *node, uint32_t input, int32_t rank) {
    const clade_type *type = clade_value_type(node->inputs[input]);
    return type->dtype == CLADE_F32 && type->dims.rank == rank;
}

/* Whether x is (R, G, K, I), G, K and I numbers, and the next COUNT inputs are (G * K). */
static bool check(const clade_node *node, uint32_t count, clade_text *why) {
    const clade_dims *x = &clade_value_type(node->inputs[0])->dims;
    if (!is_float(node, 0, 4) || x->size[1] < 1 || x->size[2] < 1 || x->size[3] < 1) {
        clade_text_add(why, "expected x as float32 (R, G, K, I), sizes after R numbers");
        return false;
    }
    for (uint32_t i = 1; i <= count; i++) {
        if (is_float(node, i, 1) && clade_value_type(node->inputs[i])->dims.size[0] == x->size[1] * x->size[2])
            continue;
        clade_text_add(why, "expected input %u as float32 (%lld), a number for each parameter", (unsigned)i,
                       (long long)(x->size[1] * x->size[2]));
        return false;
    }
    return true;
}

static bool infer(const clade_node *node, clade_type out[], clade_text *why) {
    if (!check(node, 2, why)) return false;
    out[0] = *clade_value_type(node->inputs[0]);
    out[1] = out[2] = (clade_type){ CLADE_F32, clade_shape(out[0].dims.size[0], out[0].dims.size[1]) };
    return true;
}

static bool infer_gradient(const clade_node *node, clade_type out[], clade_text *why) {
    if (!check(node, 1, why)) return false;
    const clade_type *x = clade_value_type(node->inputs[0]), *dy = clade_value_type(node->inputs[4]);
    const clade_dims rows = clade_shape(x->dims.size[0], x->dims.size[1]);
    for (uint32_t i = 2; i < 4; i++) {
        if (is_float(node, i, 2) && clade_dims_equal(&clade_value_type(node->inputs[i])->dims, &rows)) continue;
        clade_text_add(why, "expected means and deviations as float32 (R, G)");
        return false;
    }
    if (dy->dtype != CLADE_F32 || !clade_dims_equal(&x->dims, &dy->dims)) {
        clade_text_add(why, "expected dy of x's dims");
        return false;
    }
    out[0] = *x;
    out[1] = out[2] = *clade_value_type(node->inputs[1]);
    return true;
}

static void gradient(clade_tape *tape, const clade_node *node, const clade_value dy[], clade_value dx[]) {
    if (!clade_value_valid(dy[0])) return;
    const clade_value inputs[] = {
        node->inputs[0], node->inputs[1], { tape->graph, node->index, 1 }, { tape->graph, node->index, 2 }, dy[0],
    };
    clade_value all = clade_append(tape->graph, &clade_op_layer_norm_gradient, "", node->attributes, inputs, 5);
    for (uint32_t i = 0; i < 3; i++) {
        if (tape->wanted[i]) dx[i] = clade_output(all, i);
    }
}

/* ---- references ---- */

static void reference(const clade_node *node, const clade_tensor in[], clade_tensor out[]) {
    const clade_layer_norm_attributes *a = node->attributes;
    const clade_layer_norm_sizes s = clade_layer_norm_sizes_of(in[0].size);
    const int64_t count = s.k * s.i;
    for (int64_t row = 0; row < s.r * s.g; row++) {
        const double *x = in[0].data + row * count;
        double mean = 0, squares = 0;
        for (int64_t i = 0; i < count && !a->uncentred; i++) {
            mean += x[i] / (double)count;
        }
        for (int64_t i = 0; i < count; i++) {
            squares += (x[i] - mean) * (x[i] - mean);
        }
        double d = 1 / sqrt(squares / (double)count + a->epsilon);
        for (int64_t i = 0; i < count; i++) {
            const int64_t c = row % s.g * s.k + i / s.i;
            out[0].data[row * count + i] = (x[i] - mean) * d * in[1].data[c] + in[2].data[c];
        }
        out[1].data[row] = mean;
        out[2].data[row] = d;
    }
}

static void reference_gradient(const clade_node *node, const clade_tensor in[], clade_tensor out[]) {
    const clade_layer_norm_attributes *a = node->attributes;
    const clade_layer_norm_sizes s = clade_layer_norm_sizes_of(in[0].size);
    const int64_t count = s.k * s.i;
    memset(out[1].data, 0, (size_t)out[1].count * sizeof(double));
    memset(out[2].data, 0, (size_t)out[2].count * sizeof(double));
    for (int64_t row = 0; row < s.r * s.g; row++) {
        const double *x = in[0].data + row * count, *dy = in[4].data + row * count;
        const double mean = in[2].data[row], d = in[3].data[row];
        double sum = 0, product = 0;
        for (int64_t i = 0; i < count; i++) {
            const int64_t c = row % s.g * s.k + i / s.i;
            const double xhat = (x[i] - mean) * d;
            out[1].data[c] += dy[i] * xhat;
            out[2].data[c] += dy[i];
            sum += a->uncentred ? 0 : dy[i] * in[1].data[c] / (double)count;
            product += dy[i] * in[1].data[c] * xhat / (double)count;
        }
        for (int64_t i = 0; i < count; i++) {
            const int64_t c = row % s.g * s.k + i / s.i;
            out[0].data[row * count + i] = d * (dy[i] * in[1].data[c] - sum - (x[i] - mean) * d * product);
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
/* The dims of x, of means and of parameters. */
#define SIZES(CASE)                                                                                                    \
    CASE("features", DIMS(4, 7, 1, 45, 1), DIMS(2, 7, 1), DIMS(1, 45), plain)                                          \
    CASE("few features", DIMS(4, 5, 1, 3, 1), DIMS(2, 5, 1), DIMS(1, 3), plain)                                        \
    CASE("whole vectors", DIMS(4, 3, 1, 64, 1), DIMS(2, 3, 1), DIMS(1, 64), plain)                                     \
    CASE("parts of several rows", DIMS(4, 300, 1, 257, 1), DIMS(2, 300, 1), DIMS(1, 257), plain)                       \
    CASE("more rows than parts", DIMS(4, 601, 1, 3, 1), DIMS(2, 601, 1), DIMS(1, 3), plain)                            \
    CASE("instances", DIMS(4, 3, 5, 1, 63), DIMS(2, 3, 5), DIMS(1, 5), plain)                                          \
    CASE("small instances", DIMS(4, 2, 3, 1, 4), DIMS(2, 2, 3), DIMS(1, 3), plain)                                     \
    CASE("groups", DIMS(4, 3, 2, 3, 21), DIMS(2, 3, 2), DIMS(1, 6), plain)                                             \
    CASE("many groups", DIMS(4, 70, 4, 2, 130), DIMS(2, 70, 4), DIMS(1, 8), plain)                                     \
    CASE("groups of features", DIMS(4, 5, 3, 19, 1), DIMS(2, 5, 3), DIMS(1, 57), plain)                                \
    CASE("one row", DIMS(4, 1, 1, 33, 2), DIMS(2, 1, 1), DIMS(1, 33), plain)                                           \
    CASE("root mean square", DIMS(4, 6, 1, 37, 1), DIMS(2, 6, 1), DIMS(1, 37), uncentred)                              \
    CASE("root mean square of groups", DIMS(4, 2, 3, 2, 17), DIMS(2, 2, 3), DIMS(1, 6), uncentred)

static const clade_layer_norm_attributes plain = { .epsilon = 1e-5 };
static const clade_layer_norm_attributes uncentred = { .epsilon = 1e-3, .uncentred = true };

#define CASE(NAME, X, ROWS, PARAMETERS, ATTRIBUTES)                                                                    \
    { .name = NAME,                                                                                                    \
      .in = { X, PARAMETERS, PARAMETERS },                                                                             \
      .input_count = 3,                                                                                                \
      .fill = { CLADE_FILL_UNIFORM, CLADE_FILL_POSITIVE, CLADE_FILL_UNIFORM },                                         \
      .attributes = &(ATTRIBUTES) },
#define GRADIENT_CASE(NAME, X, ROWS, PARAMETERS, ATTRIBUTES)                                                           \
    { .name = NAME,                                                                                                    \
      .in = { X, PARAMETERS, ROWS, ROWS, X },                                                                          \
      .input_count = 5,                                                                                                \
      .fill = { CLADE_FILL_UNIFORM, CLADE_FILL_POSITIVE, CLADE_FILL_UNIFORM, CLADE_FILL_POSITIVE,                      \
                CLADE_FILL_UNIFORM },                                                                                  \
      .attributes = &(ATTRIBUTES) },

static const clade_case cases[] = { SIZES(CASE){ .name = NULL } };
static const clade_case gradient_cases[] = { SIZES(GRADIENT_CASE){ .name = NULL } };

/* ---- the rows ---- */

const clade_op clade_op_layer_norm = {
    .name = "layer_norm",
    .onnx = "LayerNormalization",
    .attributes = schema,
    .attributes_size = sizeof(clade_layer_norm_attributes),
    .input_minimum = 3,
    .input_maximum = 3,
    .outputs = 3,
    .infer = infer,
    .gradient = gradient,
    .reference = reference,
    .flops = flops,
    .implementations = clade_layer_norm_implementations,
    .cases = cases,
};

const clade_op clade_op_layer_norm_gradient = {
    .name = "layer_norm_gradient",
    .attributes = schema,
    .attributes_size = sizeof(clade_layer_norm_attributes),
    .input_minimum = 5,
    .input_maximum = 5,
    .outputs = 3,
    .infer = infer_gradient,
    .reference = reference_gradient,
    .flops = flops,
    .implementations = clade_layer_norm_gradient_implementations,
    .cases = gradient_cases,
};
