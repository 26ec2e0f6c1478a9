/* Softmax's gradient along the innermost axis: softmax_gradient (y, dy) -> dx = y * (dy - sum of y dy), the sum over
 * the axis. All of y's dims; a pass over y and dy where a chain of rows would take three.
 * Its gradient by dy is itself; that by y is dz * (dy - sum of y dy) - dy * sum of dz y. */
#include "ops/normalization/softmax_gradient.h"

/* ---- types and gradient ---- */

static bool infer(const clade_node *node, clade_type out[], clade_text *why) {
    const clade_type *y = clade_value_type(node->inputs[0]), *dy = clade_value_type(node->inputs[1]);
    out[0] = *y;
    if (y->dtype == CLADE_F32 && dy->dtype == CLADE_F32 && y->dims.rank >= 1 && clade_dims_equal(&y->dims, &dy->dims))
        return true;
    clade_text_add(why, "expected y and dy as float32 of the same dims");
    return false;
}

static void gradient(clade_tape *tape, const clade_node *node, const clade_value dz[], clade_value dx[]) {
    const clade_value y = node->inputs[0], dy = node->inputs[1];
    const uint32_t last = 1u << (clade_value_dims(y).rank - 1);
    if (tape->wanted[0]) {
        const clade_value past = clade_subtract(dy, clade_sum(clade_multiply(y, dy), last, true));
        const clade_value sum = clade_sum(clade_multiply(dz[0], y), last, true);
        dx[0] = clade_subtract(clade_multiply(dz[0], past), clade_multiply(dy, sum));
    }
    if (tape->wanted[1]) dx[1] = clade_softmax_gradient(y, dz[0]);
}

static void reference(const clade_node *node, const clade_tensor in[], clade_tensor out[]) {
    (void)node;
    const int64_t columns = in[0].size[in[0].rank - 1];
    for (int64_t first = 0; first < in[0].count; first += columns) {
        const double *y = in[0].data + first, *dy = in[1].data + first;
        double sum = 0;
        for (int64_t c = 0; c < columns; c++) {
            sum += y[c] * dy[c];
        }
        for (int64_t c = 0; c < columns; c++) {
            out[0].data[first + c] = y[c] * (dy[c] - sum);
        }
    }
}

/* ---- implementations ---- */

enum { GROUP = 64 };

static clade_status record(const clade_site *site, clade_commands *commands, const char *kernel, size_t group) {
    const int64_t columns = site->in[0].size[site->in[0].rank - 1], rows = site->in[0].count / columns;
    const clade_argument arguments[] = {
        clade_buffer_argument(site->in[0].buffer),
        clade_buffer_argument(site->in[1].buffer),
        clade_buffer_argument(site->out[0].buffer),
        clade_int_argument(rows),
        clade_int_argument(columns),
    };
    return clade_commands_launch(commands, &(clade_launch){
                                               .file = "softmax_gradient.cl",
                                               .kernel = kernel,
                                               .label = site->label,
                                               .global = { (size_t)rows * group },
                                               .local = { group },
                                               .arguments = arguments,
                                               .argument_count = 5,
                                               .flops = 4.0 * (double)site->in[0].count,
                                               .bytes = 12.0 * (double)site->in[0].count,
                                           });
}

static clade_status record_row_vectors(const clade_site *site, clade_commands *commands) {
    return record(site, commands, "row_vectors", 1);
}

static clade_status record_row_groups(const clade_site *site, clade_commands *commands) {
    return record(site, commands, "row_groups", GROUP);
}

static double flops(const clade_site *site) {
    return 4.0 * (double)site->in[0].count;
}

static const clade_implementation *const implementations[] = {
    &(const clade_implementation){
        .name = "row_vectors", .suitability = clade_suits_cpus, .record = record_row_vectors },
    &(const clade_implementation){
        .name = "row_groups", .suitability = clade_suits_others, .record = record_row_groups },
    NULL,
};

#define CASE(NAME, RANK, ...)                                                                                          \
    { .name = NAME, .in = { { RANK, { __VA_ARGS__ } }, { RANK, { __VA_ARGS__ } } }, .input_count = 2 }

static const clade_case cases[] = {
    CASE("ten classes", 2, 7, 10),
    CASE("more classes than items", 2, 3, 147),
    CASE("whole vectors", 2, 5, 32),
    CASE("one class", 2, 5, 1),
    CASE("the last of three", 3, 3, 4, 21),
    CASE("a vector", 1, 67),
    { .name = NULL },
};

const clade_op clade_op_softmax_gradient = {
    .name = "softmax_gradient",
    .input_minimum = 2,
    .input_maximum = 2,
    .outputs = 1,
    .in_place = 1u << 1, /* dy */
    .infer = infer,
    .gradient = gradient,
    .reference = reference,
    .flops = flops,
    .implementations = implementations,
    .cases = cases,
};

clade_value clade_softmax_gradient(clade_value y, clade_value dy) {
    const clade_value inputs[] = { y, dy };
    return clade_append(clade_graph_of(inputs, 2), &clade_op_softmax_gradient, "", NULL, inputs, 2);
}
