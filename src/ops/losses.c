/* Losses over rows with labels, and measures. x, logits, scores (N, C) float32; label (N) int32; means over N.
 *   softmax_cross_entropy   loss[n] = -log softmax(logits[n])[label[n]], of the differences to the row's largest
 *     and its gradient      dlogits[n,c] = dloss[n] * (softmax(logits[n])[c] - 1 where c is the label)
 *   negative_log_likelihood loss[n] = -x[n,label[n]]
 *   one_hot                 label -> y (N, C), 1 at the label, else 0
 *   correct                 1 where label[n] is the row's largest element, of equals the first, else 0
 * The half squared loss is composed. A label outside 0 .. C-1 gives loss, gradient and correctness 0; a row with a NaN
 * is never correct. */
#include "ops/op.h"

#include <math.h>
#include <stddef.h>
#include <stdio.h>

extern const clade_op clade_op_softmax_cross_entropy, clade_op_softmax_cross_entropy_gradient,
    clade_op_negative_log_likelihood, clade_op_one_hot, clade_op_correct;

typedef struct one_hot_attributes {
    int64_t classes;
} one_hot_attributes;

static const clade_attribute one_hot_schema[] = {
    { "classes", CLADE_ATTRIBUTE_INT, offsetof(one_hot_attributes, classes), 0 },
    { NULL, 0, 0, 0 },
};

/* ---- types ---- */

/* Inputs (N, C) float32 and (N) int32. */
static bool check_rows(const clade_node *node, clade_text *why) {
    const clade_type *x = clade_value_type(node->inputs[0]), *label = clade_value_type(node->inputs[1]);
    if (x->dtype == CLADE_F32 && x->dims.rank == 2 && label->dtype == CLADE_I32 && label->dims.rank == 1 &&
        label->dims.size[0] == x->dims.size[0])
        return true;
    clade_text_add(why, "expected float32 (N, C) and labels int32 (N)");
    return false;
}

static bool infer_per_row(const clade_node *node, clade_type out[], clade_text *why) {
    if (!check_rows(node, why)) return false;
    out[0] = (clade_type){ CLADE_F32, clade_value_type(node->inputs[1])->dims };
    return true;
}

static bool infer_gradient(const clade_node *node, clade_type out[], clade_text *why) {
    if (!check_rows(node, why)) return false;
    const clade_type *dloss = clade_value_type(node->inputs[2]);
    out[0] = *clade_value_type(node->inputs[0]);
    if (dloss->dtype == CLADE_F32 && dloss->dims.rank == 1 && dloss->dims.size[0] == out[0].dims.size[0]) return true;
    clade_text_add(why, "expected the loss's gradient as float32 (N)");
    return false;
}

static bool infer_one_hot(const clade_node *node, clade_type out[], clade_text *why) {
    const one_hot_attributes *a = node->attributes;
    const clade_type *label = clade_value_type(node->inputs[0]);
    if (label->dtype != CLADE_I32 || label->dims.rank != 1 || a->classes < 1) {
        clade_text_add(why, "expected labels int32 (N) and at least 1 class");
        return false;
    }
    out[0] = (clade_type){ CLADE_F32, clade_shape(label->dims.size[0], a->classes) };
    return true;
}

/* ---- gradients ---- */

/* (N) -> (N, 1). */
static clade_value as_column(clade_value x) {
    return clade_reshape(x, clade_shape(clade_value_dims(x).size[0], 1));
}

static clade_value one_hot_like(clade_value label, clade_value x) {
    return clade_one_hot(label, clade_value_dims(x).size[1]);
}

static void gradient_cross_entropy(clade_tape *tape, const clade_node *node, const clade_value dy[], clade_value dx[]) {
    const clade_value inputs[] = { node->inputs[0], node->inputs[1], dy[0] };
    if (tape->wanted[0])
        dx[0] = clade_append(tape->graph, &clade_op_softmax_cross_entropy_gradient, "", NULL, inputs, 3);
}

/* z = d (s - o) v, with s the softmax, o the one-hot label, v 1 where the label is in range:
 * dlogits = d v s (g - sum of g s), dd = sum of g (s - o) v over the classes. */
static void gradient_cross_entropy_gradient(clade_tape *tape, const clade_node *node, const clade_value dy[],
                                            clade_value dx[]) {
    clade_value s = clade_softmax(node->inputs[0]), o = one_hot_like(node->inputs[1], s);
    clade_value valid = clade_sum(o, 1u << 1, true), g = dy[0];
    if (tape->wanted[0]) {
        clade_value inner = clade_subtract(g, clade_sum(clade_multiply(g, s), 1u << 1, true));
        dx[0] = clade_multiply(clade_multiply(as_column(node->inputs[2]), valid), clade_multiply(s, inner));
    }
    if (tape->wanted[2])
        dx[2] = clade_sum(clade_multiply(g, clade_subtract(clade_multiply(s, valid), o)), 1u << 1, false);
}

static void gradient_likelihood(clade_tape *tape, const clade_node *node, const clade_value dy[], clade_value dx[]) {
    if (!tape->wanted[0]) return;
    dx[0] = clade_multiply(one_hot_like(node->inputs[1], node->inputs[0]), clade_negate(as_column(dy[0])));
}

/* ---- references ---- */

/* The label of row N as a column of X, or -1. */
static int64_t label_of(const clade_tensor *labels, const clade_tensor *x, int64_t n) {
    double label = labels->data[n];
    return label >= 0 && label < (double)x->size[1] ? (int64_t)label : -1;
}

static double log_sum_of(const double *row, int64_t columns) {
    double largest = -INFINITY, sum = 0;
    for (int64_t c = 0; c < columns; c++) {
        if (row[c] > largest) largest = row[c];
    }
    for (int64_t c = 0; c < columns; c++) {
        sum += exp(row[c] - largest);
    }
    return largest + log(sum);
}

static void reference_cross_entropy(const clade_node *node, const clade_tensor in[], clade_tensor out[]) {
    (void)node;
    int64_t columns = in[0].size[1];
    for (int64_t n = 0; n < in[0].size[0]; n++) {
        const double *row = in[0].data + n * columns;
        int64_t label = label_of(&in[1], &in[0], n);
        out[0].data[n] = label < 0 ? 0 : log_sum_of(row, columns) - row[label];
    }
}

static void reference_cross_entropy_gradient(const clade_node *node, const clade_tensor in[], clade_tensor out[]) {
    (void)node;
    int64_t columns = in[0].size[1];
    for (int64_t n = 0; n < in[0].size[0]; n++) {
        const double *row = in[0].data + n * columns;
        int64_t label = label_of(&in[1], &in[0], n);
        double log_sum = log_sum_of(row, columns), slope = label < 0 ? 0 : in[2].data[n];
        for (int64_t c = 0; c < columns; c++) {
            out[0].data[n * columns + c] = slope * (exp(row[c] - log_sum) - (c == label ? 1 : 0));
        }
    }
}

static void reference_likelihood(const clade_node *node, const clade_tensor in[], clade_tensor out[]) {
    (void)node;
    for (int64_t n = 0; n < in[0].size[0]; n++) {
        int64_t label = label_of(&in[1], &in[0], n);
        out[0].data[n] = label < 0 ? 0 : -in[0].data[n * in[0].size[1] + label];
    }
}

static void reference_one_hot(const clade_node *node, const clade_tensor in[], clade_tensor out[]) {
    (void)node;
    int64_t columns = out[0].size[1];
    for (int64_t i = 0; i < out[0].count; i++) {
        out[0].data[i] = in[0].data[i / columns] == (double)(i % columns) ? 1 : 0;
    }
}

static void reference_correct(const clade_node *node, const clade_tensor in[], clade_tensor out[]) {
    (void)node;
    int64_t columns = in[0].size[1];
    for (int64_t n = 0; n < in[0].size[0]; n++) {
        const double *row = in[0].data + n * columns;
        int64_t label = label_of(&in[1], &in[0], n);
        bool right = label >= 0;
        for (int64_t c = 0; c < columns && right; c++) {
            right = c < label ? row[c] < row[label] : row[c] <= row[label];
        }
        out[0].data[n] = right ? 1 : 0;
    }
}

/* ---- implementations ---- */

enum { GROUP = 64 };

/* A kernel over the inputs' and the output's buffers, then the numbers of rows and columns; an item or a group of items
 * for each row. */
static clade_status record(const clade_site *site, clade_commands *commands, const char *kernel, size_t group) {
    clade_argument arguments[6];
    size_t count = 0;
    for (uint32_t i = 0; i < site->node->input_count; i++) {
        arguments[count++] = clade_buffer_argument(site->in[i].buffer);
    }
    arguments[count++] = clade_buffer_argument(site->out[0].buffer);
    arguments[count++] = clade_int_argument(site->in[0].size[0]);
    arguments[count++] = clade_int_argument(site->in[0].size[1]);
    return clade_commands_launch(commands, &(clade_launch){
                                               .file = "loss.cl",
                                               .kernel = kernel,
                                               .label = site->label,
                                               .global = { (size_t)site->in[0].size[0] * group },
                                               .local = { group },
                                               .arguments = arguments,
                                               .argument_count = count,
                                               .flops = 4.0 * (double)site->in[0].count,
                                               .bytes = 4.0 * (double)(site->in[0].count + site->out[0].count),
                                           });
}

#define RECORD(NAME, KERNEL, ITEMS)                                                                                    \
    static clade_status NAME(const clade_site *site, clade_commands *commands) {                                       \
        return record(site, commands, KERNEL, ITEMS);                                                                  \
    }
RECORD(record_cross_entropy_vectors, "cross_entropy_row_vectors", 1)
RECORD(record_cross_entropy_groups, "cross_entropy_row_groups", GROUP)
RECORD(record_gradient_vectors, "cross_entropy_gradient_row_vectors", 1)
RECORD(record_gradient_groups, "cross_entropy_gradient_row_groups", GROUP)
RECORD(record_correct_vectors, "correct_row_vectors", 1)
RECORD(record_correct_groups, "correct_row_groups", GROUP)

static clade_status record_pick(const clade_site *site, clade_commands *commands) {
    const clade_argument arguments[] = {
        clade_buffer_argument(site->in[0].buffer),  clade_buffer_argument(site->in[1].buffer),
        clade_buffer_argument(site->out[0].buffer), clade_int_argument(site->in[0].size[0]),
        clade_int_argument(site->in[0].size[1]),
    };
    return clade_commands_launch(commands, &(clade_launch){
                                               .file = "loss.cl",
                                               .kernel = "pick",
                                               .label = site->label,
                                               .global = { (size_t)site->in[0].size[0] },
                                               .local = { GROUP },
                                               .arguments = arguments,
                                               .argument_count = 5,
                                           });
}

static clade_status record_one_hot(const clade_site *site, clade_commands *commands) {
    const clade_argument arguments[] = {
        clade_buffer_argument(site->in[0].buffer),
        clade_buffer_argument(site->out[0].buffer),
        clade_int_argument(site->out[0].size[0]),
        clade_int_argument(site->out[0].size[1]),
    };
    return clade_commands_launch(commands, &(clade_launch){
                                               .file = "loss.cl",
                                               .kernel = "one_hot",
                                               .label = site->label,
                                               .global = { (size_t)site->out[0].size[1], (size_t)site->out[0].size[0] },
                                               .arguments = arguments,
                                               .argument_count = 4,
                                           });
}

static double for_cpus(const clade_site *site) {
    return site->device->capabilities.is_cpu ? 2 : 1;
}

static double for_others(const clade_site *site) {
    return site->device->capabilities.is_cpu ? 1 : 2;
}

static double flops(const clade_site *site) {
    return 4.0 * (double)site->in[0].count;
}

#define TWO_FORMS(NAME, VECTORS, GROUPS)                                                                               \
    static const clade_implementation *const NAME[] = {                                                                \
        &(const clade_implementation){ .name = "row_vectors", .suitability = for_cpus, .record = VECTORS },            \
        &(const clade_implementation){ .name = "row_groups", .suitability = for_others, .record = GROUPS },            \
        NULL,                                                                                                          \
    }
TWO_FORMS(cross_entropy_implementations, record_cross_entropy_vectors, record_cross_entropy_groups);
TWO_FORMS(gradient_implementations, record_gradient_vectors, record_gradient_groups);
TWO_FORMS(correct_implementations, record_correct_vectors, record_correct_groups);
static const clade_implementation *const pick_implementations[] = {
    &(const clade_implementation){ .name = "pick", .record = record_pick },
    NULL,
};
static const clade_implementation *const one_hot_implementations[] = {
    &(const clade_implementation){ .name = "elements", .record = record_one_hot },
    NULL,
};

/* ---- cases ---- */

#define ROW_CASE(NAME, N, C, BOUND, FILL)                                                                              \
    {                                                                                                                  \
        .name = NAME, .in = { { 2, { N, C } }, { 1, { N } } }, .input_count = 2, .fill = { FILL, CLADE_FILL_LABELS },  \
        .label_bound = BOUND                                                                                           \
    }
#define ROW_CASES(NAME, FILL)                                                                                          \
    static const clade_case NAME[] = {                                                                                 \
        ROW_CASE("ten classes", 7, 10, 10, FILL),                                                                      \
        ROW_CASE("more classes than items", 3, 147, 147, FILL),                                                        \
        ROW_CASE("some labels out of range", 65, 5, 9, FILL),                                                          \
        ROW_CASE("whole vectors", 5, 32, 32, FILL),                                                                    \
        { .name = NULL },                                                                                              \
    }
ROW_CASES(row_cases, CLADE_FILL_UNIFORM);
ROW_CASES(distinct_cases, CLADE_FILL_DISTINCT);

#define GRADIENT_CASE(NAME, N, C, BOUND)                                                                               \
    {                                                                                                                  \
        .name = NAME, .in = { { 2, { N, C } }, { 1, { N } }, { 1, { N } } }, .input_count = 3,                         \
        .fill = { CLADE_FILL_UNIFORM, CLADE_FILL_LABELS, CLADE_FILL_UNIFORM }, .label_bound = BOUND                    \
    }
static const clade_case gradient_cases[] = {
    GRADIENT_CASE("ten classes", 7, 10, 10),
    GRADIENT_CASE("more classes than items", 3, 147, 147),
    GRADIENT_CASE("some labels out of range", 65, 5, 9),
    { .name = NULL },
};

static const clade_case one_hot_cases[] = {
    { .name = "five classes, some labels out of range",
      .in = { { 1, { 7 } } },
      .input_count = 1,
      .fill = { CLADE_FILL_LABELS },
      .label_bound = 8,
      .attributes = &(const one_hot_attributes){ 5 } },
    { .name = NULL },
};

/* ---- the rows ---- */

#define ROW(NAME, INPUTS, INFER, GRADIENT, REFERENCE, IMPLEMENTATIONS, CASES)                                          \
    {                                                                                                                  \
        .name = NAME, .input_minimum = INPUTS, .input_maximum = INPUTS, .outputs = 1, .infer = INFER,                  \
        .gradient = GRADIENT, .reference = REFERENCE, .flops = flops, .implementations = IMPLEMENTATIONS,              \
        .cases = CASES                                                                                                 \
    }

const clade_op clade_op_softmax_cross_entropy = ROW("softmax_cross_entropy", 2, infer_per_row, gradient_cross_entropy,
                                                    reference_cross_entropy, cross_entropy_implementations, row_cases);
const clade_op clade_op_softmax_cross_entropy_gradient =
    ROW("softmax_cross_entropy_gradient", 3, infer_gradient, gradient_cross_entropy_gradient,
        reference_cross_entropy_gradient, gradient_implementations, gradient_cases);
const clade_op clade_op_negative_log_likelihood = ROW("negative_log_likelihood", 2, infer_per_row, gradient_likelihood,
                                                      reference_likelihood, pick_implementations, row_cases);
const clade_op clade_op_correct =
    ROW("correct", 2, infer_per_row, NULL, reference_correct, correct_implementations, distinct_cases);
const clade_op clade_op_one_hot = {
    .name = "one_hot",
    .onnx = "OneHot",
    .attributes = one_hot_schema,
    .attributes_size = sizeof(one_hot_attributes),
    .input_minimum = 1,
    .input_maximum = 1,
    .outputs = 1,
    .infer = infer_one_hot,
    .reference = reference_one_hot,
    .implementations = one_hot_implementations,
    .cases = one_hot_cases,
};

/* ---- the builder's calls ---- */

static clade_value per_row(const clade_op *op, clade_value x, clade_value label) {
    const clade_value inputs[] = { x, label };
    return clade_append(clade_graph_of(inputs, 2), op, "", NULL, inputs, 2);
}

clade_value clade_softmax_cross_entropy(clade_value logits, clade_value label) {
    return clade_mean(per_row(&clade_op_softmax_cross_entropy, logits, label), CLADE_ALL_AXES, false);
}

clade_value clade_negative_log_likelihood(clade_value log_probability, clade_value label) {
    return clade_mean(per_row(&clade_op_negative_log_likelihood, log_probability, label), CLADE_ALL_AXES, false);
}

clade_value clade_half_squared_loss(clade_value x, clade_value target) {
    if (clade_value_valid(x) && clade_value_valid(target)) {
        const clade_type *type = clade_value_type(x), *target_type = clade_value_type(target);
        if (type->dims.rank < 1 || !clade_dims_equal(&type->dims, &target_type->dims)) {
            return clade_invalid(x.graph, CLADE_ERROR_ARGUMENT,
                                 "half_squared_loss of %s and %s: expected the same dims, (N, ...)",
                                 clade_type_text(x.graph, type), clade_type_text(x.graph, target_type));
        }
    }
    clade_value sum = clade_sum(clade_square(clade_subtract(x, target)), CLADE_ALL_AXES, false);
    return clade_scale_per(sum, 0.5, clade_value_dims(x).size[0]);
}

clade_value clade_one_hot(clade_value label, int64_t classes) {
    return clade_append(label.graph, &clade_op_one_hot, "", &(const one_hot_attributes){ classes }, &label, 1);
}

clade_value clade_count_correct(clade_value scores, clade_value label) {
    return clade_sum(per_row(&clade_op_correct, scores, label), CLADE_ALL_AXES, false);
}
