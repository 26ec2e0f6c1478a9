/* Softmax along an axis, and its logarithm, from the differences to the largest element m there:
 *   softmax      y[c] = e^(x[c]-m) / sum over j of e^(x[j]-m)
 *   log_softmax  y[c] = x[c] - m - log(sum over j of e^(x[j]-m))
 * y as x. The gradients are composed of ordinary operators:
 *   softmax      dx = y * (dy - sum over c of dy*y), a row of its own where the axis is the last
 *   log_softmax  dx = dy - softmax(x) * sum over c of dy
 * A NaN along the axis makes all of it NaN. */
#include "ops/normalization/softmax_gradient.h"
#include "ops/shape/copy.h"

#include <math.h>
#include <stddef.h>
#include <stdio.h>

extern const clade_op clade_op_softmax, clade_op_log_softmax;

typedef struct softmax_attributes {
    int64_t axis;
} softmax_attributes;

static const clade_attribute schema[] = {
    { "axis", CLADE_ATTRIBUTE_INT, offsetof(softmax_attributes, axis), 0 },
    { NULL, 0, 0, 0 },
};

static int32_t axis_of(const clade_node *node) {
    return (int32_t)((const softmax_attributes *)node->attributes)->axis;
}

static bool infer(const clade_node *node, clade_type out[], clade_text *why) {
    const int64_t axis = ((const softmax_attributes *)node->attributes)->axis;
    out[0] = *clade_value_type(node->inputs[0]);
    if (out[0].dtype == CLADE_F32 && axis >= 0 && axis < out[0].dims.rank) return true;
    clade_text_add(why, "expected float32 with an axis %lld", (long long)axis);
    return false;
}

/* Sums along the node's axis, which stays as 1. */
static clade_value axis_sum(const clade_node *node, clade_value x) {
    return clade_sum(x, 1u << axis_of(node), true);
}

static void gradient_softmax(clade_tape *tape, const clade_node *node, const clade_value dy[], clade_value dx[]) {
    if (!tape->wanted[0]) return;
    clade_value y = { tape->graph, node->index, 0 };
    if (axis_of(node) == clade_value_dims(y).rank - 1) {
        dx[0] = clade_softmax_gradient(y, dy[0]);
        return;
    }
    dx[0] = clade_multiply(y, clade_subtract(dy[0], axis_sum(node, clade_multiply(dy[0], y))));
}

static void gradient_log_softmax(clade_tape *tape, const clade_node *node, const clade_value dy[], clade_value dx[]) {
    if (!tape->wanted[0]) return;
    clade_value softmax = clade_softmax_along(node->inputs[0], axis_of(node));
    dx[0] = clade_subtract(dy[0], clade_multiply(softmax, axis_sum(node, dy[0])));
}

static void reference(const clade_node *node, const clade_tensor in[], clade_tensor out[]) {
    const bool logarithm = node->op == &clade_op_log_softmax;
    const int64_t columns = in[0].size[axis_of(node)];
    int64_t inner = 1;
    for (int32_t axis = axis_of(node) + 1; axis < in[0].rank; axis++) {
        inner *= in[0].size[axis];
    }
    for (int64_t n = 0; n < in[0].count / columns; n++) {
        const int64_t at = n / inner * columns * inner + n % inner;
        const double *x = in[0].data + at;
        double *y = out[0].data + at, largest = -INFINITY, sum = 0;
        for (int64_t c = 0; c < columns; c++) {
            if (x[c * inner] > largest) largest = x[c * inner];
        }
        for (int64_t c = 0; c < columns; c++) {
            sum += exp(x[c * inner] - largest);
        }
        for (int64_t c = 0; c < columns; c++) {
            const double past = x[c * inner] - largest;
            y[c * inner] = logarithm ? past - log(sum) : exp(past) / sum;
        }
    }
}

/* ---- implementations ---- */

enum { GROUP = 64, LANES = 16 };

/* The kernel of FORM: over the numbers of rows and columns, and of elements inside where it takes them. */
static clade_status record(const clade_site *site, clade_commands *commands, const char *form, size_t across,
                           size_t group, bool inside) {
    const int32_t axis = axis_of(site->node);
    const int64_t rows = clade_elements_outside(&site->in[0], axis);
    const clade_argument arguments[] = {
        clade_buffer_argument(site->in[0].buffer),
        clade_buffer_argument(site->out[0].buffer),
        clade_int_argument(rows),
        clade_int_argument(site->in[0].size[axis]),
        clade_int_argument(clade_elements_inside(&site->in[0], axis)),
    };
    char kernel[64];
    snprintf(kernel, sizeof kernel, "%s_%s", site->node->op->name, form);
    return clade_commands_launch(commands, &(clade_launch){
                                               .file = "softmax.cl",
                                               .kernel = kernel,
                                               .label = site->label,
                                               .global = { across, inside ? (size_t)rows : 1 },
                                               .local = { group, 1, 1 },
                                               .arguments = arguments,
                                               .argument_count = inside ? 5 : 4,
                                               .flops = 5.0 * (double)site->in[0].count,
                                               .bytes = 8.0 * (double)site->in[0].count,
                                           });
}

static clade_status record_row_vectors(const clade_site *site, clade_commands *commands) {
    const size_t rows = (size_t)clade_elements_outside(&site->in[0], axis_of(site->node));
    return record(site, commands, "row_vectors", rows, 1, false);
}

static clade_status record_row_groups(const clade_site *site, clade_commands *commands) {
    const size_t rows = (size_t)clade_elements_outside(&site->in[0], axis_of(site->node));
    return record(site, commands, "row_groups", rows * GROUP, GROUP, false);
}

static clade_status record_column_vectors(const clade_site *site, clade_commands *commands) {
    const size_t inner = (size_t)clade_elements_inside(&site->in[0], axis_of(site->node));
    return record(site, commands, "column_vectors", (inner + LANES - 1) / LANES, 1, true);
}

static clade_status record_columns(const clade_site *site, clade_commands *commands) {
    const size_t inner = (size_t)clade_elements_inside(&site->in[0], axis_of(site->node));
    return record(site, commands, "columns", inner, GROUP, true);
}

static bool is_last(const clade_site *site, char why[128]) {
    if (clade_elements_inside(&site->in[0], axis_of(site->node)) == 1) return true;
    snprintf(why, 128, "the axis is not the innermost");
    return false;
}

static bool is_not_last(const clade_site *site, char why[128]) {
    if (clade_elements_inside(&site->in[0], axis_of(site->node)) > 1) return true;
    snprintf(why, 128, "the axis is the innermost");
    return false;
}

static double flops(const clade_site *site) {
    return 5.0 * (double)site->in[0].count;
}

#define IMPLEMENTATION(NAME, APPLICABLE, SUITABILITY)                                                                  \
    &(const clade_implementation) {                                                                                    \
        .name = #NAME, .applicable = APPLICABLE, .suitability = SUITABILITY, .record = record_##NAME                   \
    }
static const clade_implementation *const implementations[] = {
    IMPLEMENTATION(row_vectors, is_last, clade_suits_cpus),
    IMPLEMENTATION(row_groups, is_last, clade_suits_others),
    IMPLEMENTATION(column_vectors, is_not_last, clade_suits_cpus),
    IMPLEMENTATION(columns, is_not_last, clade_suits_others),
    NULL,
};

#define CASE(NAME, AXIS, RANK, ...)                                                                                    \
    {                                                                                                                  \
        .name = NAME, .in = { { RANK, { __VA_ARGS__ } } }, .input_count = 1,                                           \
        .attributes = &(const softmax_attributes) {                                                                    \
            AXIS                                                                                                       \
        }                                                                                                              \
    }
static const clade_case cases[] = {
    CASE("ten classes", 1, 2, 7, 10),
    CASE("more classes than items", 1, 2, 3, 147),
    CASE("whole vectors", 1, 2, 5, 32),
    CASE("one class", 1, 2, 5, 1),
    CASE("classes of pixels", 1, 4, 2, 5, 3, 7),
    CASE("classes of many pixels", 1, 3, 2, 21, 83),
    CASE("whole vectors of pixels", 1, 3, 2, 3, 32),
    CASE("the first axis", 0, 2, 19, 5),
    CASE("the last of three", 2, 3, 3, 4, 11),
    { .name = NULL },
};

#define ROW(NAME, ONNX, GRADIENT)                                                                                      \
    {                                                                                                                  \
        .name = NAME, .onnx = ONNX, .attributes = schema, .attributes_size = sizeof(softmax_attributes),               \
        .input_minimum = 1, .input_maximum = 1, .outputs = 1, .infer = infer, .gradient = GRADIENT,                    \
        .reference = reference, .flops = flops, .implementations = implementations, .cases = cases                     \
    }

const clade_op clade_op_softmax = ROW("softmax", "Softmax", gradient_softmax);
const clade_op clade_op_log_softmax = ROW("log_softmax", "LogSoftmax", gradient_log_softmax);

static clade_value along(const clade_op *op, clade_value x, int32_t axis) {
    const int32_t own = clade_axis_of(axis, clade_value_dims(x).rank);
    return clade_append(x.graph, op, "", &(const softmax_attributes){ own < 0 ? axis : own }, &x, 1);
}

clade_value clade_softmax_along(clade_value x, int32_t axis) {
    return along(&clade_op_softmax, x, axis);
}

clade_value clade_log_softmax_along(clade_value x, int32_t axis) {
    return along(&clade_op_log_softmax, x, axis);
}

clade_value clade_softmax(clade_value x) {
    return along(&clade_op_softmax, x, 1);
}

clade_value clade_log_softmax(clade_value x) {
    return along(&clade_op_log_softmax, x, 1);
}
