/* Rows on class numbers: label int32 (N, ...), one for each pixel of x (N, C, ...). Weights (C) may follow, else each is 1.
 *   negative_log_likelihood           loss = -weight[label] * x[label]   (ONNX's NegativeLogLikelihoodLoss, unreduced)
 *   negative_log_likelihood_gradient  label, dloss -> dx (N, C, ...): -weight[label] * dloss at the label, else 0
 *   one_hot                           label -> y (N, C, ...), 1 at the label, else 0
 *   label_weights                     label -> y (N, ...), weight[label]
 *   correct                           1 where the label is the first largest of x, else 0
 * A number outside 0 .. C-1, or the one to be ignored, counts for no class: 0. With a NaN a pixel is never correct. */
#include "ops/loss/losses.h"

#include <stddef.h>
#include <stdio.h>

typedef clade_class_attributes attributes;

#define IGNORING                                                                                                       \
    { "ignores", CLADE_ATTRIBUTE_BOOL, offsetof(attributes, ignores), 0 }, {                                           \
        "ignore", CLADE_ATTRIBUTE_INT, offsetof(attributes, ignore), 0                                                 \
    }
#define CLASSES                                                                                                        \
    { "classes", CLADE_ATTRIBUTE_INT, offsetof(attributes, classes), 0 }

static const clade_attribute ignoring_schema[] = { IGNORING, { NULL, 0, 0, 0 } };
static const clade_attribute classes_schema[] = { CLASSES, { NULL, 0, 0, 0 } };
static const clade_attribute no_schema[] = { { NULL, 0, 0, 0 } };
static const clade_attribute full_schema[] = { IGNORING, CLASSES, { NULL, 0, 0, 0 } };

/* ---- types ---- */

/* x (N, C, ...) and its labels. */
static bool check_pixels(const clade_node *node, clade_text *why) {
    const clade_type *x = clade_value_type(node->inputs[0]), *label = clade_value_type(node->inputs[1]);
    if (!clade_classes_good(x, why)) return false;
    if (clade_labels_good(x, label)) return true;
    clade_text_add(why, "expected class numbers int32 (N, ...) for (N, C, ...)");
    return false;
}

static bool infer_correct(const clade_node *node, clade_type out[], clade_text *why) {
    if (!check_pixels(node, why)) return false;
    out[0] = (clade_type){ CLADE_F32, clade_value_type(node->inputs[1])->dims };
    return true;
}

static bool infer_likelihood(const clade_node *node, clade_type out[], clade_text *why) {
    return infer_correct(node, out, why) &&
           clade_class_weight_good(node, 2, clade_value_type(node->inputs[0])->dims.size[1], why);
}

/* Labels of at least one class; PIXELS as they are. */
static bool check_labels(const clade_node *node, clade_type *pixels, clade_text *why) {
    const attributes *a = node->attributes;
    const clade_type *label = clade_value_type(node->inputs[0]);
    *pixels = (clade_type){ CLADE_F32, label->dims };
    if (label->dtype == CLADE_I32 && label->dims.rank >= 1 && label->dims.rank < CLADE_MAX_RANK && a->classes >= 1)
        return true;
    clade_text_add(why, "expected class numbers int32 (N, ...) and at least 1 class");
    return false;
}

static bool infer_label_weights(const clade_node *node, clade_type out[], clade_text *why) {
    const attributes *a = node->attributes;
    return check_labels(node, &out[0], why) && clade_class_weight_good(node, 1, a->classes, why);
}

static bool infer_one_hot(const clade_node *node, clade_type out[], clade_text *why) {
    const attributes *a = node->attributes;
    if (!check_labels(node, &out[0], why)) return false;
    out[0].dims = clade_dims_with_classes(&out[0].dims, a->classes);
    return true;
}

static bool infer_likelihood_gradient(const clade_node *node, clade_type out[], clade_text *why) {
    const attributes *a = node->attributes;
    const clade_type *dloss = clade_value_type(node->inputs[1]);
    if (!infer_one_hot(node, out, why) || !clade_class_weight_good(node, 2, a->classes, why)) return false;
    if (dloss->dtype == CLADE_F32 && clade_dims_equal(&dloss->dims, &clade_value_type(node->inputs[0])->dims))
        return true;
    clade_text_add(why, "expected the loss's gradient as float32 (N, ...)");
    return false;
}

/* ---- gradients ---- */

/* Sums over all but the classes: (N, C, ...) -> (C). */
static clade_value sum_by_class(clade_value x) {
    return clade_sum(x, ((1u << clade_value_dims(x).rank) - 1) & ~(1u << 1), false);
}

/* What V holds at each pixel's class, its weight left out, and summed by classes: (C). */
static clade_value placed_by_class(clade_value label, clade_value v, const attributes *a) {
    const clade_value inputs[] = { label, v };
    return sum_by_class(clade_append(label.graph, &clade_op_negative_log_likelihood_gradient, "", a, inputs, 2));
}

static void gradient_likelihood(clade_tape *tape, const clade_node *node, const clade_value dy[], clade_value dx[]) {
    attributes a = *(const attributes *)node->attributes;
    const bool weighted = node->input_count > 2;
    clade_value x = node->inputs[0], label = node->inputs[1];
    a.classes = clade_value_dims(x).size[1];
    const clade_value inputs[] = { label, dy[0], weighted ? node->inputs[2] : CLADE_NO_VALUE };
    if (tape->wanted[0])
        dx[0] = clade_append(tape->graph, &clade_op_negative_log_likelihood_gradient, "", &a, inputs, weighted ? 3 : 2);
    if (!weighted || !tape->wanted[2]) return;
    clade_value unweighted = clade_append(tape->graph, &clade_op_negative_log_likelihood, "", &a, node->inputs, 2);
    dx[2] = clade_negate(placed_by_class(label, clade_multiply(dy[0], unweighted), &a));
}

/* z = -w[label] d at the label: by d it is the loss of z's gradient g; by w, -sum of d g at each class. */
static void gradient_likelihood_gradient(clade_tape *tape, const clade_node *node, const clade_value dy[],
                                         clade_value dx[]) {
    const bool weighted = node->input_count > 2;
    clade_value label = node->inputs[0];
    const clade_value inputs[] = { dy[0], label, weighted ? node->inputs[2] : CLADE_NO_VALUE };
    if (tape->wanted[1])
        dx[1] = clade_append(tape->graph, &clade_op_negative_log_likelihood, "", node->attributes, inputs,
                             weighted ? 3 : 2);
    if (!weighted || !tape->wanted[2]) return;
    clade_value unweighted =
        clade_append(tape->graph, &clade_op_negative_log_likelihood, "", node->attributes, inputs, 2);
    dx[2] = clade_negate(placed_by_class(label, clade_multiply(node->inputs[1], unweighted), node->attributes));
}

static void gradient_label_weights(clade_tape *tape, const clade_node *node, const clade_value dy[], clade_value dx[]) {
    if (node->input_count < 2 || !tape->wanted[1]) return;
    dx[1] = clade_negate(placed_by_class(node->inputs[0], dy[0], node->attributes));
}

/* ---- references ---- */

static double weight_at(const clade_node *node, const clade_tensor in[], uint32_t index, int64_t label) {
    return node->input_count > index ? in[index].data[label] : 1;
}

/* Where class C of pixel INDEX is in an array (N, C, ...). */
static int64_t place_of(const clade_class_sizes *s, int64_t index, int64_t c) {
    return (index / s->plane * s->columns + c) * s->plane + index % s->plane;
}

static void reference_likelihood(const clade_node *node, const clade_tensor in[], clade_tensor out[]) {
    const clade_class_sizes s = clade_class_sizes_of(in[0].rank, in[0].size);
    for (int64_t i = 0; i < out[0].count; i++) {
        const int64_t label = clade_label_at(node->attributes, &in[1], i, s.columns);
        out[0].data[i] = label < 0 ? 0 : -weight_at(node, in, 2, label) * in[0].data[place_of(&s, i, label)];
    }
}

static void reference_likelihood_gradient(const clade_node *node, const clade_tensor in[], clade_tensor out[]) {
    const clade_class_sizes s = clade_class_sizes_of(out[0].rank, out[0].size);
    for (int64_t i = 0; i < in[0].count; i++) {
        const int64_t label = clade_label_at(node->attributes, &in[0], i, s.columns);
        for (int64_t c = 0; c < s.columns; c++) {
            out[0].data[place_of(&s, i, c)] = c == label ? -weight_at(node, in, 2, label) * in[1].data[i] : 0;
        }
    }
}

static void reference_label_weights(const clade_node *node, const clade_tensor in[], clade_tensor out[]) {
    const attributes *a = node->attributes;
    for (int64_t i = 0; i < out[0].count; i++) {
        const int64_t label = clade_label_at(a, &in[0], i, a->classes);
        out[0].data[i] = label < 0 ? 0 : weight_at(node, in, 1, label);
    }
}

static void reference_one_hot(const clade_node *node, const clade_tensor in[], clade_tensor out[]) {
    (void)node;
    const clade_class_sizes s = clade_class_sizes_of(out[0].rank, out[0].size);
    for (int64_t i = 0; i < in[0].count; i++) {
        for (int64_t c = 0; c < s.columns; c++) {
            out[0].data[place_of(&s, i, c)] = in[0].data[i] == (double)c ? 1 : 0;
        }
    }
}

static void reference_correct(const clade_node *node, const clade_tensor in[], clade_tensor out[]) {
    (void)node;
    const clade_class_sizes s = clade_class_sizes_of(in[0].rank, in[0].size);
    for (int64_t i = 0; i < out[0].count; i++) {
        const int64_t label = clade_label_at(&(const attributes){ 0 }, &in[1], i, s.columns);
        bool right = label >= 0;
        for (int64_t c = 0; c < s.columns && right; c++) {
            const double other = in[0].data[place_of(&s, i, c)], own = in[0].data[place_of(&s, i, label)];
            right = c < label ? other < own : other <= own;
        }
        out[0].data[i] = right ? 1 : 0;
    }
}

/* ---- implementations ---- */

enum { GROUP = 64 };

/* Weights, or any buffer in their place; whether there are any. */
static const clade_buffer *weights_of(const clade_site *site, uint32_t index, bool *weighted) {
    *weighted = site->node->input_count > index;
    return *weighted ? site->in[index].buffer : site->in[0].buffer;
}

static clade_status launch(const clade_site *site, clade_commands *commands, clade_launch launch,
                           const clade_argument *arguments, size_t count) {
    launch.file = "labels.cl";
    launch.label = site->label;
    launch.arguments = arguments;
    launch.argument_count = count;
    return clade_commands_launch(commands, &launch);
}

static clade_status record_pick(const clade_site *site, clade_commands *commands) {
    const clade_class_sizes s = clade_class_sizes_of(site->in[0].rank, site->in[0].size);
    bool weighted;
    const clade_buffer *weights = weights_of(site, 2, &weighted);
    const clade_argument arguments[] = {
        clade_buffer_argument(site->in[0].buffer),
        clade_buffer_argument(site->in[1].buffer),
        clade_buffer_argument(site->out[0].buffer),
        clade_buffer_argument(weights),
        clade_int_argument(site->out[0].count),
        clade_int_argument(s.columns),
        clade_int_argument(s.plane),
        clade_int_argument(weighted),
        clade_int_argument(clade_ignored(site->node->attributes)),
        clade_float_argument(-1),
    };
    return launch(site, commands,
                  (clade_launch){ .kernel = "pick",
                                  .global = { (size_t)site->out[0].count },
                                  .local = { GROUP },
                                  .bytes = 12.0 * (double)site->out[0].count },
                  arguments, 10);
}

static clade_status record_label_weights(const clade_site *site, clade_commands *commands) {
    const attributes *a = site->node->attributes;
    bool weighted;
    const clade_buffer *weights = weights_of(site, 1, &weighted);
    const clade_argument arguments[] = {
        clade_buffer_argument(site->in[0].buffer),
        clade_buffer_argument(site->out[0].buffer),
        clade_buffer_argument(weights),
        clade_int_argument(site->out[0].count),
        clade_int_argument(a->classes),
        clade_int_argument(weighted),
        clade_int_argument(clade_ignored(a)),
    };
    return launch(site, commands,
                  (clade_launch){ .kernel = "label_weights",
                                  .global = { (size_t)site->out[0].count },
                                  .local = { GROUP },
                                  .bytes = 8.0 * (double)site->out[0].count },
                  arguments, 7);
}

/* Over classes and pixels, as labels.cl numbers them. */
static clade_launch over_classes(const clade_site *site, const clade_class_sizes *s, const char *kernel) {
    clade_launch l = { .kernel = kernel, .bytes = 4.0 * (double)(site->out[0].count + site->in[0].count) };
    l.global[0] = (size_t)(s->plane > 1 ? s->plane : s->columns);
    l.global[1] = (size_t)(s->plane > 1 ? s->columns : 1);
    l.global[2] = (size_t)s->rows;
    return l;
}

static clade_status record_one_hot(const clade_site *site, clade_commands *commands) {
    const clade_class_sizes s = clade_class_sizes_of(site->out[0].rank, site->out[0].size);
    const clade_argument arguments[] = {
        clade_buffer_argument(site->in[0].buffer),
        clade_buffer_argument(site->out[0].buffer),
        clade_int_argument(s.rows),
        clade_int_argument(s.columns),
        clade_int_argument(s.plane),
    };
    return launch(site, commands, over_classes(site, &s, "one_hot"), arguments, 5);
}

static clade_status record_place(const clade_site *site, clade_commands *commands) {
    const clade_class_sizes s = clade_class_sizes_of(site->out[0].rank, site->out[0].size);
    bool weighted;
    const clade_buffer *weights = weights_of(site, 2, &weighted);
    const clade_argument arguments[] = {
        clade_buffer_argument(site->in[0].buffer),
        clade_buffer_argument(site->in[1].buffer),
        clade_buffer_argument(site->out[0].buffer),
        clade_buffer_argument(weights),
        clade_int_argument(s.rows),
        clade_int_argument(s.columns),
        clade_int_argument(s.plane),
        clade_int_argument(weighted),
        clade_int_argument(clade_ignored(site->node->attributes)),
        clade_float_argument(-1),
    };
    return launch(site, commands, over_classes(site, &s, "place"), arguments, 10);
}

static clade_status record_correct(const clade_site *site, clade_commands *commands, const char *kernel, size_t group) {
    const clade_class_sizes s = clade_class_sizes_of(site->in[0].rank, site->in[0].size);
    const clade_argument arguments[] = {
        clade_buffer_argument(site->in[0].buffer),
        clade_buffer_argument(site->in[1].buffer),
        clade_buffer_argument(site->out[0].buffer),
        clade_int_argument(s.rows),
        clade_int_argument(s.columns),
        clade_int_argument(s.plane),
    };
    return launch(site, commands,
                  (clade_launch){ .kernel = kernel,
                                  .global = { (size_t)s.plane * group, (size_t)s.rows },
                                  .local = { group, 1, 1 },
                                  .bytes = 4.0 * (double)site->in[0].count },
                  arguments, 6);
}

static clade_status record_correct_vectors(const clade_site *site, clade_commands *commands) {
    return record_correct(site, commands, "correct_row_vectors", 1);
}

static clade_status record_correct_groups(const clade_site *site, clade_commands *commands) {
    return record_correct(site, commands, "correct_row_groups", GROUP);
}

static double for_others(const clade_site *site) {
    return site->device->capabilities.is_cpu ? -1 : 1;
}

static const clade_implementation *const pick_implementations[] = {
    &(const clade_implementation){ .name = "pick", .record = record_pick },
    NULL,
};
static const clade_implementation *const place_implementations[] = {
    &(const clade_implementation){ .name = "elements", .record = record_place },
    NULL,
};
static const clade_implementation *const one_hot_implementations[] = {
    &(const clade_implementation){ .name = "elements", .record = record_one_hot },
    NULL,
};
static const clade_implementation *const label_weights_implementations[] = {
    &(const clade_implementation){ .name = "elements", .record = record_label_weights },
    NULL,
};
static const clade_implementation *const correct_implementations[] = {
    &(const clade_implementation){ .name = "row_vectors", .record = record_correct_vectors },
    &(const clade_implementation){ .name = "row_groups", .suitability = for_others, .record = record_correct_groups },
    NULL,
};

/* A class, of those of x or as many as the attributes say. */
static int64_t sample(const clade_site *site, uint32_t input, int64_t element, uint32_t random) {
    (void)element;
    const attributes *a = site->node->attributes;
    return random % (input == 1 ? site->in[0].size[1] : a->classes);
}

/* ---- cases ---- */

#define LABELS CLADE_FILL_LABELS

static const clade_case likelihood_cases[] = {
    { .name = "ten classes",
      .in = { { 2, { 7, 10 } }, { 1, { 7 } } },
      .input_count = 2,
      .fill = { 0, LABELS },
      .label_bound = 10 },
    { .name = "some labels out of range",
      .in = { { 2, { 65, 5 } }, { 1, { 65 } } },
      .input_count = 2,
      .fill = { 0, LABELS },
      .label_bound = 9 },
    { .name = "pixels, weights and an ignored class",
      .in = { { 4, { 2, 5, 3, 7 } }, { 3, { 2, 3, 7 } }, { 1, { 5 } } },
      .input_count = 3,
      .fill = { 0, LABELS },
      .label_bound = 6,
      .attributes = &(const attributes){ .ignores = true, .ignore = 3 } },
    { .name = NULL },
};
static const clade_case likelihood_gradient_cases[] = {
    { .name = "ten classes",
      .in = { { 1, { 7 } }, { 1, { 7 } } },
      .input_count = 2,
      .fill = { LABELS },
      .label_bound = 12,
      .attributes = &(const attributes){ .classes = 10 } },
    { .name = "pixels, weights and an ignored class",
      .in = { { 3, { 2, 3, 7 } }, { 3, { 2, 3, 7 } }, { 1, { 5 } } },
      .input_count = 3,
      .fill = { LABELS },
      .label_bound = 6,
      .attributes = &(const attributes){ .ignores = true, .ignore = 3, .classes = 5 } },
    { .name = NULL },
};
static const clade_case one_hot_cases[] = {
    { .name = "five classes, some labels out of range",
      .in = { { 1, { 7 } } },
      .input_count = 1,
      .fill = { LABELS },
      .label_bound = 8,
      .attributes = &(const attributes){ .classes = 5 } },
    { .name = "pixels",
      .in = { { 3, { 2, 5, 9 } } },
      .input_count = 1,
      .fill = { LABELS },
      .label_bound = 4,
      .attributes = &(const attributes){ .classes = 3 } },
    { .name = NULL },
};
static const clade_case label_weights_cases[] = {
    { .name = "no weights",
      .in = { { 1, { 70 } } },
      .input_count = 1,
      .fill = { LABELS },
      .label_bound = 8,
      .attributes = &(const attributes){ .classes = 5 } },
    { .name = "weights and an ignored class",
      .in = { { 3, { 2, 5, 9 } }, { 1, { 3 } } },
      .input_count = 2,
      .fill = { LABELS },
      .label_bound = 4,
      .attributes = &(const attributes){ .ignores = true, .classes = 3 } },
    { .name = NULL },
};

#define CORRECT(NAME, RANK, DIMS, PIXEL_RANK, PIXELS, BOUND)                                                           \
    {                                                                                                                  \
        .name = NAME, .in = { { RANK, DIMS }, { PIXEL_RANK, PIXELS } }, .input_count = 2,                              \
        .fill = { CLADE_FILL_DISTINCT, LABELS }, .label_bound = BOUND                                                  \
    }
#define LIST(...)                                                                                                      \
    { __VA_ARGS__ }
static const clade_case correct_cases[] = {
    CORRECT("ten classes", 2, LIST(7, 10), 1, LIST(7), 10),
    CORRECT("three classes", 2, LIST(90, 3), 1, LIST(90), 3),
    CORRECT("more classes than items", 2, LIST(3, 147), 1, LIST(3), 147),
    CORRECT("some labels out of range", 2, LIST(65, 5), 1, LIST(65), 9),
    CORRECT("pixels", 4, LIST(2, 3, 5, 9), 3, LIST(2, 5, 9), 4),
    { .name = NULL },
};

/* ---- the rows ---- */

#define ROW(NAME, ONNX, SCHEMA, LEAST, MOST, WHAT, GRADIENT, IMPLEMENTATIONS)                                          \
    {                                                                                                                  \
        .name = NAME, .onnx = ONNX, .attributes = SCHEMA, .attributes_size = sizeof(attributes),                       \
        .input_minimum = LEAST, .input_maximum = MOST, .outputs = 1, .infer = infer_##WHAT, .gradient = GRADIENT,      \
        .reference = reference_##WHAT, .sample = sample, .implementations = IMPLEMENTATIONS, .cases = WHAT##_cases     \
    }

const clade_op clade_op_negative_log_likelihood =
    ROW("negative_log_likelihood", "NegativeLogLikelihoodLoss", ignoring_schema, 2, 3, likelihood, gradient_likelihood,
        pick_implementations);
const clade_op clade_op_negative_log_likelihood_gradient =
    ROW("negative_log_likelihood_gradient", NULL, full_schema, 2, 3, likelihood_gradient, gradient_likelihood_gradient,
        place_implementations);
const clade_op clade_op_one_hot =
    ROW("one_hot", "OneHot", classes_schema, 1, 1, one_hot, NULL, one_hot_implementations);
const clade_op clade_op_label_weights =
    ROW("label_weights", NULL, full_schema, 1, 2, label_weights, gradient_label_weights, label_weights_implementations);
const clade_op clade_op_correct = ROW("correct", NULL, no_schema, 2, 2, correct, NULL, correct_implementations);

clade_value clade_one_hot(clade_value label, int64_t classes) {
    return clade_append(label.graph, &clade_op_one_hot, "", &(const attributes){ .classes = classes }, &label, 1);
}
