/* Local response normalisation across channels (Krizhevsky et al. 2012, section 3.3), with ONNX's window and its division
 * of alpha by the window's size:
 *   y[c] = x[c] * s[c]^-beta,  s[c] = k + alpha / size * (sum of x[j]^2 over j from c - before to c + after, inside 0 .. C-1)
 * before = (size - 1) / 2 rounded down, after = size - 1 - before. x (N, C, ...) -> y as x.
 *
 * lrn_gradient (x, dy) -> dx, the sum over the channels whose windows contain c:
 *   dx[c] = dy[c] * s[c]^-beta - 2 * alpha * beta / size * x[c] * sum of dy[j] * x[j] * s[j]^(-beta-1), c - after <= j <= c + before
 * It has no gradient of its own. Nothing is kept from the forward pass: s costs less than reading it back. */
#include "ops/op.h"

#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

extern const clade_op clade_op_lrn, clade_op_lrn_gradient;

typedef struct lrn_attributes {
    int64_t size;
    double alpha, beta, k;
} lrn_attributes;

static const clade_attribute schema[] = {
    { "size", CLADE_ATTRIBUTE_INT, offsetof(lrn_attributes, size), 0 },
    { "alpha", CLADE_ATTRIBUTE_DOUBLE, offsetof(lrn_attributes, alpha), 0 },
    { "beta", CLADE_ATTRIBUTE_DOUBLE, offsetof(lrn_attributes, beta), 0 },
    { "k", CLADE_ATTRIBUTE_DOUBLE, offsetof(lrn_attributes, k), 0 },
    { NULL, 0, 0, 0 },
};

/* ---- types and gradient ---- */

enum { LARGEST_SIZE = 255 };

static bool infer(const clade_node *node, clade_type out[], clade_text *why) {
    const lrn_attributes *a = node->attributes;
    out[0] = *clade_value_type(node->inputs[0]);
    if (out[0].dtype != CLADE_F32 || out[0].dims.rank < 2) {
        clade_text_add(why, "expected float32 (N, C, ...)");
        return false;
    }
    for (uint32_t i = 1; i < node->input_count; i++) {
        const clade_type *dy = clade_value_type(node->inputs[i]);
        if (dy->dtype == CLADE_F32 && clade_dims_equal(&dy->dims, &out[0].dims)) continue;
        clade_text_add(why, "expected dy of x's dims");
        return false;
    }
    if (a->size >= 1 && a->size <= LARGEST_SIZE && a->alpha >= 0 && a->k >= 0) return true;
    clade_text_add(why, "size %lld, alpha %g, k %g; expected a size of 1 to %d, the others not negative",
                   (long long)a->size, a->alpha, a->k, LARGEST_SIZE);
    return false;
}

static void gradient(clade_tape *tape, const clade_node *node, const clade_value dy[], clade_value dx[]) {
    const clade_value inputs[] = { node->inputs[0], dy[0] };
    if (tape->wanted[0]) dx[0] = clade_append(tape->graph, &clade_op_lrn_gradient, "", node->attributes, inputs, 2);
}

/* ---- references ---- */

static int64_t window_before(const lrn_attributes *a) {
    return (a->size - 1) / 2;
}

static int64_t window_after(const lrn_attributes *a) {
    return a->size - 1 - window_before(a);
}

static int64_t at_least(int64_t a, int64_t b) {
    return a > b ? a : b;
}

static int64_t at_most(int64_t a, int64_t b) {
    return a < b ? a : b;
}

/* (N, C, P): the axes from 2 on as one. */
static int64_t plane_of(const int64_t size[], int64_t count) {
    return count / (size[0] * size[1]);
}

/* s of channel C; X is the sample's first channel at the pixel. */
static double denominator(const lrn_attributes *a, const double *x, int64_t channels, int64_t plane, int64_t c) {
    double sum = 0;
    int64_t last = at_most(c + window_after(a), channels - 1);
    for (int64_t j = at_least(c - window_before(a), 0); j <= last; j++) {
        sum += x[j * plane] * x[j * plane];
    }
    return a->k + a->alpha / (double)a->size * sum;
}

static void reference(const clade_node *node, const clade_tensor in[], clade_tensor out[]) {
    const lrn_attributes *a = node->attributes;
    int64_t channels = in[0].size[1], plane = plane_of(in[0].size, in[0].count);
    for (int64_t i = 0; i < in[0].count; i++) {
        int64_t c = i / plane % channels;
        double s = denominator(a, in[0].data + i - c * plane, channels, plane, c);
        out[0].data[i] = in[0].data[i] * pow(s, -a->beta);
    }
}

static void reference_gradient(const clade_node *node, const clade_tensor in[], clade_tensor out[]) {
    const lrn_attributes *a = node->attributes;
    int64_t channels = in[0].size[1], plane = plane_of(in[0].size, in[0].count);
    for (int64_t i = 0; i < in[0].count; i++) {
        int64_t c = i / plane % channels, last = at_most(c + window_before(a), channels - 1);
        const double *x = in[0].data + i - c * plane, *dy = in[1].data + i - c * plane;
        double sum = 0;
        for (int64_t j = at_least(c - window_after(a), 0); j <= last; j++) {
            sum += dy[j * plane] * x[j * plane] * pow(denominator(a, x, channels, plane, j), -a->beta - 1);
        }
        out[0].data[i] = dy[c * plane] * pow(denominator(a, x, channels, plane, c), -a->beta) -
                         2 * a->alpha * a->beta / (double)a->size * x[c * plane] * sum;
    }
}

/* ---- implementations ---- */

enum {
    CHUNK = 1024,    /* pixels that an item of the rows takes: long reads, windows within a second cache */
    ROWS_PART = 64,  /* channels that it takes */
    PIXELS_PART = 8, /* channels that an item of the pixels takes */
};

/* Bytes of the gradient's two windows. */
static size_t window_bytes(const clade_site *site) {
    const lrn_attributes *a = site->node->attributes;
    return 2 * (size_t)a->size * CHUNK * sizeof(float);
}

static bool windows_fit(const clade_site *site, char why[128]) {
    size_t bytes = window_bytes(site), limit = site->device->capabilities.local_memory;
    if (bytes <= limit) return true;
    snprintf(why, 128, "needs %zu bytes of local memory, the device has %zu", bytes, limit);
    return false;
}

/* 4 * beta where kernels know the power by roots (1 to 4), else 0. */
static int quarters_of(double beta) {
    double quarters = 4 * beta;
    return quarters >= 1 && quarters <= 4 && quarters == floor(quarters) ? (int)quarters : 0;
}

static clade_status launch(const clade_site *site, clade_commands *commands, const char *kernel, bool rows) {
    const lrn_attributes *a = site->node->attributes;
    const int64_t samples = site->in[0].size[0], channels = site->in[0].size[1];
    const int64_t plane = plane_of(site->in[0].size, site->in[0].count);
    const int64_t part = rows ? ROWS_PART : PIXELS_PART, parts = (channels + part - 1) / part;
    const bool backward = site->node->input_count == 2;
    clade_argument arguments[16];
    size_t count = 0;
    arguments[count++] = clade_buffer_argument(site->in[0].buffer);
    if (backward) arguments[count++] = clade_buffer_argument(site->in[1].buffer);
    arguments[count++] = clade_buffer_argument(site->out[0].buffer);
    const int64_t numbers[] = { channels, plane, window_before(a), window_after(a) };
    for (int i = 0; i < 4; i++) {
        arguments[count++] = clade_int_argument(numbers[i]);
    }
    arguments[count++] = clade_float_argument((float)(a->alpha / (double)a->size));
    arguments[count++] = clade_float_argument((float)a->beta);
    arguments[count++] = clade_float_argument((float)a->k);
    if (backward && rows) arguments[count++] = clade_local_argument(window_bytes(site));

    char options[96];
    snprintf(options, sizeof options, "-DQUARTERS=%d -DSIZE=%d -DCHUNK=%d -DPART=%d%s", quarters_of(a->beta),
             (int)(rows ? 1 : a->size), CHUNK, (int)part, site->device->capabilities.is_cpu ? " -DFAST_FMA" : "");
    return clade_commands_launch(commands, &(clade_launch){
                                               .file = "lrn.cl",
                                               .options = options,
                                               .kernel = kernel,
                                               .label = site->label,
                                               .global = { (size_t)(rows ? (plane + CHUNK - 1) / CHUNK : plane),
                                                           (size_t)parts, (size_t)samples },
                                               .local = { rows ? 1 : (size_t)at_most(plane, 64), 1, 1 },
                                               .arguments = arguments,
                                               .argument_count = count,
                                               .flops = site->node->op->flops(site),
                                               .bytes = (backward ? 12.0 : 8.0) * (double)site->in[0].count,
                                           });
}

static clade_status record_rows(const clade_site *site, clade_commands *commands) {
    return launch(site, commands, "forward_rows", true);
}

static clade_status record_pixels(const clade_site *site, clade_commands *commands) {
    return launch(site, commands, "forward_pixels", false);
}

static clade_status record_gradient_rows(const clade_site *site, clade_commands *commands) {
    return launch(site, commands, "gradient_rows", true);
}

static clade_status record_gradient_pixels(const clade_site *site, clade_commands *commands) {
    return launch(site, commands, "gradient_pixels", false);
}

/* Squares and their sum, the root, the product. */
static double flops(const clade_site *site) {
    const lrn_attributes *a = site->node->attributes;
    return (double)site->in[0].count * (double)(2 * a->size + 5);
}

/* The same again for the second sum. */
static double gradient_flops(const clade_site *site) {
    const lrn_attributes *a = site->node->attributes;
    return (double)site->in[0].count * (double)(3 * a->size + 12);
}

static const clade_implementation *const implementations[] = {
    &(const clade_implementation){ .name = "rows", .suitability = clade_suits_cpus, .record = record_rows },
    &(const clade_implementation){ .name = "pixels", .suitability = clade_suits_others, .record = record_pixels },
    NULL,
};
static const clade_implementation *const gradient_implementations[] = {
    &(const clade_implementation){
        .name = "rows", .applicable = windows_fit, .suitability = clade_suits_cpus, .record = record_gradient_rows },
    &(const clade_implementation){
        .name = "pixels", .suitability = clade_suits_others, .record = record_gradient_pixels },
    NULL,
};

/* ---- cases ---- */

#define LIST(...)                                                                                                      \
    { __VA_ARGS__ }

/* Large alphas, so that the window matters. */
#define CASES(CASE)                                                                                                    \
    CASE("five channels", 4, LIST(2, 9, 7, 5), 5, 2.0, 0.75, 1.0)                                                      \
    CASE("whole vectors and a rest", 4, LIST(1, 11, 6, 9), 5, 1.0, 0.75, 2.0)                                          \
    CASE("several chunks and parts", 4, LIST(1, 70, 27, 39), 5, 1.0, 0.75, 1.0)                                        \
    CASE("a chunk of less than a vector", 4, LIST(1, 6, 10, 103), 5, 1.0, 0.75, 1.0)                                   \
    CASE("an even window", 4, LIST(2, 6, 3, 5), 4, 1.5, 0.75, 1.0)                                                     \
    CASE("a window of one", 3, LIST(2, 5, 18), 1, 1.0, 0.75, 1.0)                                                      \
    CASE("a window wider than the channels", 4, LIST(2, 3, 4, 4), 9, 3.0, 0.75, 1.0)                                   \
    CASE("a fourth", 4, LIST(1, 5, 3, 7), 3, 2.0, 0.25, 1.0)                                                           \
    CASE("a half", 4, LIST(1, 5, 3, 7), 3, 2.0, 0.5, 1.0)                                                              \
    CASE("one", 4, LIST(1, 5, 3, 7), 3, 2.0, 1.0, 0.5)                                                                 \
    CASE("another power", 4, LIST(1, 5, 3, 7), 3, 2.0, 0.6, 1.0)                                                       \
    CASE("no plane", 2, LIST(3, 17), 5, 2.0, 0.75, 1.0)

#define FORWARD(NAME, RANK, DIMS, SIZE, ALPHA, BETA, K)                                                                \
    { .name = NAME,                                                                                                    \
      .in = { { RANK, DIMS } },                                                                                        \
      .input_count = 1,                                                                                                \
      .attributes = &(const lrn_attributes){ SIZE, ALPHA, BETA, K } },
#define BACKWARD(NAME, RANK, DIMS, SIZE, ALPHA, BETA, K)                                                               \
    { .name = NAME,                                                                                                    \
      .in = { { RANK, DIMS }, { RANK, DIMS } },                                                                        \
      .input_count = 2,                                                                                                \
      .attributes = &(const lrn_attributes){ SIZE, ALPHA, BETA, K } },

static const clade_case cases[] = { CASES(FORWARD){ .name = NULL } };
static const clade_case gradient_cases[] = { CASES(BACKWARD){ .name = NULL } };

/* ---- the rows ---- */

const clade_op clade_op_lrn = {
    .name = "lrn",
    .onnx = "LRN",
    .attributes = schema,
    .attributes_size = sizeof(lrn_attributes),
    .input_minimum = 1,
    .input_maximum = 1,
    .outputs = 1,
    .infer = infer,
    .gradient = gradient,
    .reference = reference,
    .flops = flops,
    .implementations = implementations,
    .cases = cases,
};

const clade_op clade_op_lrn_gradient = {
    .name = "lrn_gradient",
    .attributes = schema,
    .attributes_size = sizeof(lrn_attributes),
    .input_minimum = 2,
    .input_maximum = 2,
    .outputs = 1,
    .infer = infer,
    .reference = reference_gradient,
    .flops = gradient_flops,
    .implementations = gradient_implementations,
    .cases = gradient_cases,
};

/* ---- the builder's call ---- */

clade_value clade_local_response_norm_with(const clade_local_response_norm_options *options) {
    clade_local_response_norm_options given = { 0 };
    memcpy(&given, options, options->size < sizeof given ? options->size : sizeof given);
    const lrn_attributes a = {
        .size = given.window != 0 ? given.window : 5,
        .alpha = given.alpha != 0 ? (double)given.alpha : 1e-4,
        .beta = given.beta != 0 ? (double)given.beta : 0.75,
        .k = given.k != 0 ? (double)given.k : 1,
    };
    return clade_append(given.x.graph, &clade_op_lrn, given.name, &a, &given.x, 1);
}
