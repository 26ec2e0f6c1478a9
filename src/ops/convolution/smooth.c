/* Smoothing along an axis with a Gaussian window of SIZE (odd) weights w[u], exp(-(u - SIZE/2)^2 / (2 sigma^2))
 * divided by their sum:
 *   y[..i..] = sum over u of w[u] * x[.. i + u - SIZE/2 ..] / W[i],  W[i] the sum of the weights that lie inside,
 * so that a constant stays what it is up to the borders. `transposed`: its gradient, divided by W at the place that is
 * read. x (any dims, the axis's size a number) -> y as x. */
#include "ops/convolution/smooth.h"

#include <math.h>
#include <stddef.h>
#include <stdio.h>

extern const clade_op clade_op_smooth;

enum { LARGEST_SIZE = 31 };

typedef struct smooth_attributes {
    int64_t axis, size;
    double sigma;
    bool transposed;
} smooth_attributes;

static const clade_attribute schema[] = {
    { "axis", CLADE_ATTRIBUTE_INT, offsetof(smooth_attributes, axis), 0 },
    { "size", CLADE_ATTRIBUTE_INT, offsetof(smooth_attributes, size), 0 },
    { "sigma", CLADE_ATTRIBUTE_DOUBLE, offsetof(smooth_attributes, sigma), 0 },
    { "transposed", CLADE_ATTRIBUTE_BOOL, offsetof(smooth_attributes, transposed), 0 },
    { NULL, 0, 0, 0 },
};

/* ---- types and gradient ---- */

static bool infer(const clade_node *node, clade_type out[], clade_text *why) {
    const smooth_attributes *a = node->attributes;
    out[0] = *clade_value_type(node->inputs[0]);
    if (out[0].dtype != CLADE_F32 || a->axis < 0 || a->axis >= out[0].dims.rank || out[0].dims.size[a->axis] < 1) {
        clade_text_add(why, "expected float32 with a number of elements along axis %lld", (long long)a->axis);
        return false;
    }
    if (a->size >= 1 && a->size <= LARGEST_SIZE && a->size % 2 == 1 && a->sigma > 0) return true;
    clade_text_add(why, "a window of %lld, sigma %g; expected an odd size of 1 to %d and a sigma above 0",
                   (long long)a->size, a->sigma, LARGEST_SIZE);
    return false;
}

static void gradient(clade_tape *tape, const clade_node *node, const clade_value dy[], clade_value dx[]) {
    smooth_attributes a = *(const smooth_attributes *)node->attributes;
    a.transposed = !a.transposed;
    if (tape->wanted[0]) dx[0] = clade_append(tape->graph, &clade_op_smooth, "", &a, dy, 1);
}

/* ---- reference ---- */

static void weights_of(const smooth_attributes *a, double weights[LARGEST_SIZE]) {
    double sum = 0;
    for (int64_t u = 0; u < a->size; u++) {
        const double distance = (double)(u - a->size / 2) / a->sigma;
        weights[u] = exp(-0.5 * distance * distance);
        sum += weights[u];
    }
    for (int64_t u = 0; u < a->size; u++) {
        weights[u] /= sum;
    }
}

/* The axis between those before it and those after it. */
typedef struct place {
    int64_t outer, count, inner;
} place;

static place place_of(const smooth_attributes *a, const int64_t size[], int32_t rank) {
    place p = { 1, size[a->axis], 1 };
    for (int32_t axis = 0; axis < rank; axis++) {
        if (axis < a->axis) p.outer *= size[axis];
        if (axis > a->axis) p.inner *= size[axis];
    }
    return p;
}

static double weight_inside(const smooth_attributes *a, const double *weights, int64_t i, int64_t count) {
    double sum = 0;
    for (int64_t u = 0; u < a->size; u++) {
        const int64_t at = i + u - a->size / 2;
        if (at >= 0 && at < count) sum += weights[u];
    }
    return sum;
}

static void reference(const clade_node *node, const clade_tensor in[], clade_tensor out[]) {
    const smooth_attributes *a = node->attributes;
    const place p = place_of(a, in[0].size, in[0].rank);
    double weights[LARGEST_SIZE];
    weights_of(a, weights);
    for (int64_t k = 0; k < in[0].count; k++) {
        const int64_t i = k / p.inner % p.count;
        double sum = 0;
        for (int64_t u = 0; u < a->size; u++) {
            const int64_t at = i + u - a->size / 2;
            if (at < 0 || at >= p.count) continue;
            sum += weights[u] * in[0].data[k + (at - i) * p.inner] /
                   weight_inside(a, weights, a->transposed ? at : i, p.count);
        }
        out[0].data[k] = sum;
    }
}

/* ---- implementations ---- */

enum { PART = 8192, GROUP = 64 }; /* elements that an item takes where it is a thread's work */

static int64_t at_least(int64_t a, int64_t b) {
    return a > b ? a : b;
}

static clade_status launch(const clade_site *site, clade_commands *commands, bool elements) {
    const smooth_attributes *a = site->node->attributes;
    const place p = place_of(a, site->in[0].size, site->in[0].rank);
    const bool rows = p.inner == 1;
    const int64_t part = at_least(PART / (rows ? p.count : p.inner), 1);
    const clade_argument arguments[] = {
        clade_buffer_argument(site->in[0].buffer),
        clade_buffer_argument(site->out[0].buffer),
        clade_int_argument(p.outer),
        clade_int_argument(p.count),
        clade_int_argument(p.inner),
        clade_int_argument(part),
    };
    double weights[LARGEST_SIZE];
    weights_of(a, weights);
    char options[LARGEST_SIZE * 24 + 64];
    size_t length = (size_t)snprintf(options, sizeof options, "-DSIZE=%d -DTRANSPOSED=%d -DWEIGHTS=", (int)a->size,
                                     a->transposed ? 1 : 0);
    for (int64_t u = 0; u < a->size; u++) {
        length += (size_t)snprintf(options + length, sizeof options - length, "%s%.9ef", u > 0 ? "," : "", weights[u]);
    }
    clade_launch what = {
        .file = "smooth.cl",
        .options = options,
        .kernel = elements ? "smooth_elements"
                  : rows   ? "smooth_rows"
                           : "smooth_planes",
        .label = site->label,
        .global = { (size_t)p.inner, (size_t)p.count, (size_t)p.outer },
        .local = { p.inner < GROUP ? (size_t)p.inner : GROUP, 1, 1 },
        .arguments = arguments,
        .argument_count = 6,
        .flops = site->node->op->flops(site),
        .bytes = 8.0 * (double)site->in[0].count,
    };
    if (!elements) {
        what.global[0] = (size_t)(((rows ? p.outer : p.count) + part - 1) / part);
        what.global[1] = rows ? 1 : (size_t)p.outer;
        what.global[2] = what.local[0] = 1;
    }
    return clade_commands_launch(commands, &what);
}

static clade_status record_vectors(const clade_site *site, clade_commands *commands) {
    return launch(site, commands, false);
}

static clade_status record_elements(const clade_site *site, clade_commands *commands) {
    return launch(site, commands, true);
}

static double flops(const clade_site *site) {
    return 2.0 * (double)site->in[0].count * (double)((const smooth_attributes *)site->node->attributes)->size;
}

static const clade_implementation *const implementations[] = {
    &(const clade_implementation){ .name = "vectors", .suitability = clade_suits_cpus, .record = record_vectors },
    &(const clade_implementation){ .name = "elements", .suitability = clade_suits_others, .record = record_elements },
    NULL,
};

/* ---- cases ---- */

#define CASE(NAME, AXIS, SIZE, SIGMA, TRANSPOSED, RANK, ...)                                                           \
    {                                                                                                                  \
        .name = NAME, .in = { { RANK, { __VA_ARGS__ } } }, .input_count = 1,                                           \
        .attributes = &(const smooth_attributes) {                                                                     \
            AXIS, SIZE, SIGMA, TRANSPOSED                                                                              \
        }                                                                                                              \
    }

static const clade_case cases[] = {
    CASE("rows", 3, 5, 1.2, false, 4, 2, 3, 5, 47),
    CASE("columns", 2, 5, 1.2, false, 4, 2, 3, 19, 21),
    CASE("rows back", 3, 5, 1.2, true, 4, 2, 3, 5, 47),
    CASE("columns back", 2, 5, 1.2, true, 4, 2, 3, 19, 21),
    CASE("a window wider than the row", 1, 9, 3.0, false, 2, 3, 4),
    CASE("a window wider than the row, back", 1, 9, 3.0, true, 2, 3, 4),
    CASE("a window wider than the column", 0, 9, 3.0, false, 2, 5, 40),
    CASE("a window wider than the column, back", 0, 9, 3.0, true, 2, 5, 40),
    CASE("channels", 1, 3, 0.8, false, 4, 2, 7, 3, 5),
    CASE("several items of rows", 1, 7, 2.0, true, 2, 300, 70),
    CASE("several items of columns", 1, 7, 2.0, true, 3, 2, 90, 200),
    CASE("a window of one", 1, 1, 1.0, false, 2, 3, 33),
    CASE("the widest window", 1, 31, 6.0, false, 2, 2, 100),
    { .name = NULL },
};

const clade_op clade_op_smooth = {
    .name = "smooth",
    .attributes = schema,
    .attributes_size = sizeof(smooth_attributes),
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

clade_value clade_smooth(clade_value x, int64_t axis, int64_t size, double sigma) {
    return clade_append(x.graph, &clade_op_smooth, "", &(const smooth_attributes){ axis, size, sigma, false }, &x, 1);
}
