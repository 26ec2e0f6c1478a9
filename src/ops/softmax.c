/* Softmax over the classes, and its logarithm, from the differences to the row's largest element m:
 *   softmax      y[n,c] = e^(x[n,c]-m) / sum over j of e^(x[n,j]-m)
 *   log_softmax  y[n,c] = x[n,c] - m - log(sum over j of e^(x[n,j]-m))
 * x (N, C) -> y (N, C). The gradients are composed of ordinary operators:
 *   softmax      dx = y * (dy - sum over c of dy*y)
 *   log_softmax  dx = dy - softmax(x) * sum over c of dy
 * A NaN in a row makes the row NaN. */
#include "ops/op.h"

#include <math.h>
#include <stdio.h>

extern const clade_op clade_op_softmax, clade_op_log_softmax;

static bool infer(const clade_node *node, clade_type out[], clade_text *why) {
    const clade_type *x = clade_value_type(node->inputs[0]);
    out[0] = *x;
    if (x->dtype == CLADE_F32 && x->dims.rank == 2) return true;
    clade_text_add(why, "expected float32 (N, C)");
    return false;
}

/* Sums over the classes, to (N, 1). */
static clade_value row_sum(clade_value x) {
    return clade_sum(x, 1u << 1, true);
}

static void gradient_softmax(clade_tape *tape, const clade_node *node, const clade_value dy[], clade_value dx[]) {
    if (!tape->wanted[0]) return;
    clade_value y = { tape->graph, node->index, 0 };
    dx[0] = clade_multiply(y, clade_subtract(dy[0], row_sum(clade_multiply(dy[0], y))));
}

static void gradient_log_softmax(clade_tape *tape, const clade_node *node, const clade_value dy[], clade_value dx[]) {
    if (!tape->wanted[0]) return;
    dx[0] = clade_subtract(dy[0], clade_multiply(clade_softmax(node->inputs[0]), row_sum(dy[0])));
}

static void reference(const clade_node *node, const clade_tensor in[], clade_tensor out[]) {
    bool logarithm = node->op == &clade_op_log_softmax;
    int64_t columns = in[0].size[1];
    for (int64_t n = 0; n < in[0].size[0]; n++) {
        const double *x = in[0].data + n * columns;
        double *y = out[0].data + n * columns, largest = -INFINITY, sum = 0;
        for (int64_t c = 0; c < columns; c++) {
            if (x[c] > largest) largest = x[c];
        }
        for (int64_t c = 0; c < columns; c++) {
            sum += exp(x[c] - largest);
        }
        for (int64_t c = 0; c < columns; c++) {
            y[c] = logarithm ? x[c] - largest - log(sum) : exp(x[c] - largest) / sum;
        }
    }
}

/* ---- implementations ---- */

enum { GROUP = 64 };

static clade_status record(const clade_site *site, clade_commands *commands, const char *form, size_t group) {
    const clade_argument arguments[] = {
        clade_buffer_argument(site->in[0].buffer),
        clade_buffer_argument(site->out[0].buffer),
        clade_int_argument(site->in[0].size[0]),
        clade_int_argument(site->in[0].size[1]),
    };
    char kernel[64];
    snprintf(kernel, sizeof kernel, "%s_%s", site->node->op->name, form);
    return clade_commands_launch(commands, &(clade_launch){
                                               .file = "softmax.cl",
                                               .kernel = kernel,
                                               .label = site->label,
                                               .global = { (size_t)site->in[0].size[0] * group },
                                               .local = { group },
                                               .arguments = arguments,
                                               .argument_count = 4,
                                               .flops = 5.0 * (double)site->in[0].count,
                                               .bytes = 8.0 * (double)site->in[0].count,
                                           });
}

static clade_status record_row_vectors(const clade_site *site, clade_commands *commands) {
    return record(site, commands, "row_vectors", 1);
}

static clade_status record_row_groups(const clade_site *site, clade_commands *commands) {
    return record(site, commands, "row_groups", GROUP);
}

static double for_cpus(const clade_site *site) {
    return site->device->capabilities.is_cpu ? 2 : 1;
}

static double for_others(const clade_site *site) {
    return site->device->capabilities.is_cpu ? 1 : 2;
}

static double flops(const clade_site *site) {
    return 5.0 * (double)site->in[0].count;
}

static const clade_implementation *const implementations[] = {
    &(const clade_implementation){ .name = "row_vectors", .suitability = for_cpus, .record = record_row_vectors },
    &(const clade_implementation){ .name = "row_groups", .suitability = for_others, .record = record_row_groups },
    NULL,
};

static const clade_case cases[] = {
    { .name = "ten classes", .in = { { 2, { 7, 10 } } }, .input_count = 1 },
    { .name = "more classes than items", .in = { { 2, { 3, 147 } } }, .input_count = 1 },
    { .name = "whole vectors", .in = { { 2, { 5, 32 } } }, .input_count = 1 },
    { .name = "one class", .in = { { 2, { 5, 1 } } }, .input_count = 1 },
    { .name = NULL },
};

#define ROW(NAME, ONNX, GRADIENT)                                                                                      \
    {                                                                                                                  \
        .name = NAME, .onnx = ONNX, .input_minimum = 1, .input_maximum = 1, .outputs = 1, .infer = infer,              \
        .gradient = GRADIENT, .reference = reference, .flops = flops, .implementations = implementations,              \
        .cases = cases                                                                                                 \
    }

const clade_op clade_op_softmax = ROW("softmax", "Softmax", gradient_softmax);
const clade_op clade_op_log_softmax = ROW("log_softmax", "LogSoftmax", gradient_log_softmax);

clade_value clade_softmax(clade_value x) {
    return clade_append(x.graph, &clade_op_softmax, "", NULL, &x, 1);
}

clade_value clade_log_softmax(clade_value x) {
    return clade_append(x.graph, &clade_op_log_softmax, "", NULL, &x, 1);
}
