/* Running sums and products along an axis, of float32 or int32 (which wraps round):
 *   y[i] = x[0] op ... op x[i], without x[i] when exclusive, from the end when backwards
 * A line is one item's work. The gradient of a product holds where no element is 0. */
#include "ops/shape/copy.h"

#include <stddef.h>
#include <string.h>

extern const clade_op clade_op_running;

typedef struct running_attributes {
    int64_t axis;
    bool product, exclusive, backwards;
} running_attributes;

static const clade_attribute schema[] = {
    { "axis", CLADE_ATTRIBUTE_INT, offsetof(running_attributes, axis), 0 },
    { "product", CLADE_ATTRIBUTE_BOOL, offsetof(running_attributes, product), 0 },
    { "exclusive", CLADE_ATTRIBUTE_BOOL, offsetof(running_attributes, exclusive), 0 },
    { "backwards", CLADE_ATTRIBUTE_BOOL, offsetof(running_attributes, backwards), 0 },
    { NULL, 0, 0, 0 },
};

static bool infer(const clade_node *node, clade_type out[], clade_text *why) {
    const running_attributes *a = node->attributes;
    out[0] = *clade_value_type(node->inputs[0]);
    if (a->axis >= 0 && a->axis < out[0].dims.rank) return true;
    clade_text_add(why, "expected one of its axes, not %lld", (long long)a->axis);
    return false;
}

/* Of a sum, the sum that runs the other way. Of a product, that of dy y, over x. */
static void gradient(clade_tape *tape, const clade_node *node, const clade_value dy[], clade_value dx[]) {
    const running_attributes *a = node->attributes;
    if (!tape->wanted[0]) return;
    const clade_value y = { tape->graph, node->index, 0 };
    const clade_value flow = a->product ? clade_multiply(dy[0], y) : dy[0];
    const clade_value sum = clade_running(flow, (int32_t)a->axis, false, a->exclusive, !a->backwards);
    dx[0] = a->product ? clade_divide(sum, node->inputs[0]) : sum;
}

/* Two whole numbers' sum or product, wrapped round to int32. */
static double combined(double a, double b, bool product) {
    const uint32_t left = (uint32_t)(int64_t)a, right = (uint32_t)(int64_t)b;
    const int64_t low = product ? (int64_t)(left * right) : (int64_t)(left + right);
    return (double)(low > INT32_MAX ? low - (INT64_C(1) << 32) : low);
}

static void reference(const clade_node *node, const clade_tensor in[], clade_tensor out[]) {
    const running_attributes *a = node->attributes;
    const bool whole = in[0].dtype == CLADE_I32;
    int64_t inner = 1;
    const int64_t length = in[0].size[a->axis];
    for (int64_t i = a->axis + 1; i < in[0].rank; i++)
        inner *= in[0].size[i];
    for (int64_t line = 0; line < in[0].count / length; line++) {
        const int64_t start = line / inner * length * inner + line % inner;
        double total = a->product ? 1 : 0;
        for (int64_t i = 0; i < length; i++) {
            const int64_t at = start + (a->backwards ? length - 1 - i : i) * inner;
            const double x = in[0].data[at], before = total;
            total = whole ? combined(total, x, a->product) : a->product ? total * x : total + x;
            out[0].data[at] = a->exclusive ? before : total;
        }
    }
}

enum { GROUP = 64 };

static clade_status record(const clade_site *site, clade_commands *commands) {
    const running_attributes *a = site->node->attributes;
    const int64_t inner = clade_elements_inside(&site->in[0], (int32_t)a->axis);
    const clade_argument arguments[] = {
        clade_buffer_argument(site->in[0].buffer),
        clade_buffer_argument(site->out[0].buffer),
        clade_int_argument(site->in[0].size[a->axis]),
        clade_int_argument(inner),
        clade_int_argument(a->product),
        clade_int_argument(a->exclusive),
        clade_int_argument(a->backwards),
    };
    return clade_commands_launch(
        commands, &(clade_launch){
                      .file = "running.cl",
                      .kernel = site->in[0].dtype == CLADE_I32 ? "running_whole" : "running_real",
                      .label = site->label,
                      .global = { (size_t)inner, (size_t)clade_elements_outside(&site->in[0], (int32_t)a->axis), 1 },
                      .local = { inner < GROUP ? 1 : GROUP, 1, 1 },
                      .arguments = arguments,
                      .argument_count = sizeof arguments / sizeof arguments[0],
                      .bytes = 8.0 * (double)site->in[0].count,
                  });
}

static const clade_implementation *const implementations[] = {
    &(const clade_implementation){ .name = "lines", .record = record },
    NULL,
};

#define CASE(NAME, FILL, AXIS, PRODUCT, EXCLUSIVE, BACKWARDS, RANK, ...)                                               \
    {                                                                                                                  \
        .name = NAME, .in = { { RANK, { __VA_ARGS__ } } }, .input_count = 1, .fill = { FILL }, .label_bound = 3,       \
        .attributes = &(const running_attributes) {                                                                    \
            AXIS, PRODUCT, EXCLUSIVE, BACKWARDS                                                                        \
        }                                                                                                              \
    }
static const clade_case cases[] = {
    CASE("products of the last axis", CLADE_FILL_POSITIVE, 1, true, false, false, 2, 7, 13),
    CASE("products backwards, exclusive", CLADE_FILL_POSITIVE, 1, true, true, true, 3, 3, 5, 70),
    CASE("sums of the first axis", CLADE_FILL_UNIFORM, 0, false, false, true, 2, 13, 5),
    CASE("whole sums, exclusive", CLADE_FILL_LABELS, 1, false, true, false, 3, 2, 9, 3),
    CASE("whole products", CLADE_FILL_LABELS, 0, true, false, true, 2, 11, 5),
    { .name = NULL },
};

const clade_op clade_op_running = {
    .name = "running",
    .onnx = "CumProd",
    .attributes = schema,
    .attributes_size = sizeof(running_attributes),
    .input_minimum = 1,
    .input_maximum = 1,
    .outputs = 1,
    .infer = infer,
    .gradient = gradient,
    .reference = reference,
    .implementations = implementations,
    .cases = cases,
};

clade_value clade_running(clade_value x, int32_t axis, bool product, bool exclusive, bool backwards) {
    const int32_t own = clade_axis_of(axis, clade_value_dims(x).rank);
    const running_attributes a = { own < 0 ? axis : own, product, exclusive, backwards };
    return clade_append(x.graph, &clade_op_running, "", &a, &x, 1);
}
