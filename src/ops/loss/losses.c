/* Softmax cross-entropy over classes, and its gradient by the logits. x (N, C, ...) float32; the target is a class number
 * for each pixel, int32 (N, ...), or as x, float32: one-hot or any shares of the classes; weights (C) may follow. With
 *   q[c] = weight[c] * ((1 - smoothing) * target[c] + smoothing / C)
 *   softmax_cross_entropy            loss = -sum over c of q[c] * log softmax(x)[c]
 *   softmax_cross_entropy_gradient   dx[c] = dloss * (softmax(x)[c] * sum of q - q[c])
 * computed from the differences to the largest logit. A class number outside 0 .. C-1, or the one to be ignored, gives
 * loss and gradient 0. (ONNX's SoftmaxCrossEntropyLoss without reduction; smoothing: Szegedy et al. 2016, section 7.) */
#include "ops/loss/losses.h"

#include <math.h>
#include <stddef.h>
#include <stdio.h>

typedef clade_class_attributes attributes;

static const clade_attribute schema[] = {
    { "ignores", CLADE_ATTRIBUTE_BOOL, offsetof(attributes, ignores), 0 },
    { "ignore", CLADE_ATTRIBUTE_INT, offsetof(attributes, ignore), 0 },
    { "smoothing", CLADE_ATTRIBUTE_DOUBLE, offsetof(attributes, smoothing), 0 },
    { NULL, 0, 0, 0 },
};

/* ---- what the rows over classes share ---- */

clade_dims clade_dims_without_classes(const clade_dims *dims) {
    clade_dims out = { .rank = dims->rank - 1, .size = { dims->size[0] } };
    for (int32_t i = 1; i < out.rank; i++) {
        out.size[i] = dims->size[i + 1];
    }
    return out;
}

clade_dims clade_dims_with_classes(const clade_dims *dims, clade_size classes) {
    clade_dims out = { .rank = dims->rank + 1, .size = { dims->size[0], classes } };
    for (int32_t i = 2; i < out.rank; i++) {
        out.size[i] = dims->size[i - 1];
    }
    return out;
}

clade_value clade_over_classes(clade_value x) {
    const clade_dims dims = clade_value_dims(x);
    return clade_reshape(x, clade_dims_with_classes(&dims, 1));
}

clade_value clade_class_column(clade_value weight, int32_t rank) {
    clade_dims dims = { .rank = rank - 1, .size = { clade_value_dims(weight).size[0] } };
    for (int32_t i = 1; i < dims.rank; i++) {
        dims.size[i] = 1;
    }
    return clade_reshape(weight, dims);
}

clade_value clade_label_weights(clade_value label, clade_value weight, const clade_class_attributes *attributes) {
    const clade_value inputs[] = { label, weight };
    return clade_append(label.graph, &clade_op_label_weights, "", attributes, inputs,
                        clade_value_valid(weight) ? 2 : 1);
}

bool clade_class_weight_good(const clade_node *node, uint32_t index, clade_size classes, clade_text *why) {
    if (node->input_count <= index) return true;
    const clade_type *weight = clade_value_type(node->inputs[index]);
    if (weight->dtype == CLADE_F32 && weight->dims.rank == 1 && weight->dims.size[0] == classes) return true;
    clade_text_add(why, "expected class weights float32 (%lld)", (long long)classes);
    return false;
}

bool clade_classes_good(const clade_type *x, clade_text *why) {
    if (x->dtype == CLADE_F32 && x->dims.rank >= 2 && x->dims.size[1] >= 1) return true;
    clade_text_add(why, "expected float32 (N, C, ...) with a fixed number C of classes");
    return false;
}

bool clade_labels_good(const clade_type *x, const clade_type *type) {
    const clade_dims pixels = clade_dims_without_classes(&x->dims);
    return type->dtype == CLADE_I32 && clade_dims_equal(&type->dims, &pixels);
}

clade_class_sizes clade_class_sizes_of(int32_t rank, const int64_t size[]) {
    clade_class_sizes s = { .rows = size[0], .columns = size[1], .plane = 1 };
    for (int32_t i = 2; i < rank; i++) {
        s.plane *= size[i];
    }
    return s;
}

int64_t clade_label_at(const clade_class_attributes *attributes, const clade_tensor *labels, int64_t pixel,
                       int64_t classes) {
    const double label = labels->data[pixel];
    if (!(label >= 0 && label < (double)classes)) return -1;
    return (int64_t)label == clade_ignored(attributes) ? -1 : (int64_t)label;
}

int64_t clade_ignored(const clade_class_attributes *attributes) {
    const int64_t ignore = attributes->ignore;
    return attributes->ignores && ignore >= 0 && ignore <= INT32_MAX ? ignore : -1;
}

/* ---- types ---- */

/* The logits, their target and, from input WEIGHT on, the weights. */
static bool check(const clade_node *node, uint32_t weight, clade_text *why) {
    const attributes *a = node->attributes;
    const clade_type *x = clade_value_type(node->inputs[0]), *target = clade_value_type(node->inputs[1]);
    if (!clade_classes_good(x, why)) return false;
    const bool dense = target->dtype == CLADE_F32 && clade_dims_equal(&target->dims, &x->dims);
    if (!dense && !clade_labels_good(x, target)) {
        clade_text_add(why, "expected class numbers int32 (N, ...) or float32 as the logits (N, C, ...)");
        return false;
    }
    if (!(a->smoothing >= 0 && a->smoothing <= 1)) {
        clade_text_add(why, "expected smoothing from 0 to 1, not %g", a->smoothing);
        return false;
    }
    return clade_class_weight_good(node, weight, x->dims.size[1], why);
}

static bool infer(const clade_node *node, clade_type out[], clade_text *why) {
    if (!check(node, 2, why)) return false;
    out[0] = (clade_type){ CLADE_F32, clade_dims_without_classes(&clade_value_type(node->inputs[0])->dims) };
    return true;
}

static bool infer_gradient(const clade_node *node, clade_type out[], clade_text *why) {
    if (!check(node, 3, why)) return false;
    const clade_type *dloss = clade_value_type(node->inputs[2]);
    out[0] = *clade_value_type(node->inputs[0]);
    const clade_dims pixels = clade_dims_without_classes(&out[0].dims);
    if (dloss->dtype == CLADE_F32 && clade_dims_equal(&dloss->dims, &pixels)) return true;
    clade_text_add(why, "expected the loss's gradient as float32 (N, ...)");
    return false;
}

/* ---- gradients ---- */

static bool is_dense(const clade_node *node) {
    return clade_value_dtype(node->inputs[1]) == CLADE_F32;
}

static clade_value weight_of(const clade_node *node, uint32_t index) {
    return node->input_count > index ? node->inputs[index] : CLADE_NO_VALUE;
}

/* (1 - smoothing) * target + smoothing / C, and 0 where a pixel does not count: (N, C, ...). */
static clade_value shares_of(const clade_node *node) {
    const attributes *a = node->attributes;
    const int64_t classes = clade_value_dims(node->inputs[0]).size[1];
    clade_value target = node->inputs[1];
    clade_value dense = is_dense(node) ? target : clade_one_hot(target, classes);
    clade_value shares = clade_offset(clade_scale(dense, 1 - a->smoothing), a->smoothing / (double)classes);
    if (is_dense(node)) return shares;
    const attributes counted = { .ignores = a->ignores, .ignore = a->ignore, .classes = classes };
    return clade_multiply(shares, clade_over_classes(clade_label_weights(target, CLADE_NO_VALUE, &counted)));
}

/* X times the class weights, if there are any. */
static clade_value weighed(clade_value x, clade_value weight) {
    if (!clade_value_valid(weight)) return x;
    return clade_multiply(x, clade_class_column(weight, clade_value_dims(x).rank));
}

/* Sums over the classes, axis kept; and over all but the classes. */
static clade_value class_sum(clade_value x) {
    return clade_sum(x, 1u << 1, true);
}

static clade_value sum_by_class(clade_value x) {
    return clade_sum(x, ((1u << clade_value_dims(x).rank) - 1) & ~(1u << 1), false);
}

/* loss = -sum of q log softmax(x). */
static void gradient(clade_tape *tape, const clade_node *node, const clade_value dy[], clade_value dx[]) {
    const attributes *a = node->attributes;
    clade_value x = node->inputs[0], weight = weight_of(node, 2);
    if (tape->wanted[0])
        dx[0] = clade_append(tape->graph, &clade_op_softmax_cross_entropy_gradient, "", a,
                             (clade_value[]){ x, node->inputs[1], dy[0], weight }, node->input_count + 1);
    const bool by_target = is_dense(node) && tape->wanted[1], by_weight = node->input_count > 2 && tape->wanted[2];
    if (!by_target && !by_weight) return;
    clade_value slope = clade_multiply(clade_negate(clade_over_classes(dy[0])), clade_log_softmax(x));
    if (by_target) dx[1] = clade_scale(weighed(slope, weight), 1 - a->smoothing);
    if (by_weight) dx[2] = sum_by_class(clade_multiply(slope, shares_of(node)));
}

/* z = d (s A - q), with s the softmax and A the sum of q; g is z's gradient, and G the sum of g s:
 * dx = d A s (g - G), dd = sum of g (s A - q), dq = d (G - g). */
static void gradient_gradient(clade_tape *tape, const clade_node *node, const clade_value dy[], clade_value dx[]) {
    const attributes *a = node->attributes;
    clade_value d = clade_over_classes(node->inputs[2]), weight = weight_of(node, 3), g = dy[0];
    clade_value s = clade_softmax(node->inputs[0]), shares = shares_of(node), q = weighed(shares, weight);
    clade_value all = class_sum(q), difference = clade_subtract(g, class_sum(clade_multiply(g, s)));
    if (tape->wanted[0]) dx[0] = clade_multiply(clade_multiply(d, all), clade_multiply(s, difference));
    if (tape->wanted[2])
        dx[2] = clade_sum(clade_multiply(g, clade_subtract(clade_multiply(s, all), q)), 1u << 1, false);
    clade_value dq = clade_multiply(clade_negate(d), difference);
    if (is_dense(node) && tape->wanted[1]) dx[1] = clade_scale(weighed(dq, weight), 1 - a->smoothing);
    if (node->input_count > 3 && tape->wanted[3]) dx[3] = sum_by_class(clade_multiply(dq, shares));
}

/* ---- references ---- */

/* One pixel: its logits STEP apart, the logarithm of the sum of their powers, and its shares. */
typedef struct pixel {
    const double *x;
    int64_t step, classes, start;
    double log_sum, all;
    int64_t label; /* of a class number */
    const attributes *attributes;
    const double *dense, *weight;
} pixel;

static double share_of(const pixel *p, int64_t c) {
    const double smoothing = p->attributes->smoothing;
    if (p->dense == NULL && p->label < 0) return 0;
    const double target = p->dense != NULL ? p->dense[c * p->step] : c == p->label;
    const double share = (1 - smoothing) * target + smoothing / (double)p->classes;
    return p->weight != NULL ? share * p->weight[c] : share;
}

static pixel pixel_of(const clade_node *node, const clade_tensor in[], uint32_t weight, int64_t index) {
    const clade_class_sizes s = clade_class_sizes_of(in[0].rank, in[0].size);
    const int64_t start = index / s.plane * s.columns * s.plane + index % s.plane;
    pixel p = { .x = in[0].data + start,
                .start = start,
                .step = s.plane,
                .classes = s.columns,
                .attributes = node->attributes,
                .dense = is_dense(node) ? in[1].data + start : NULL,
                .weight = node->input_count > weight ? in[weight].data : NULL };
    if (!is_dense(node)) p.label = clade_label_at(node->attributes, &in[1], index, s.columns);
    double largest = -INFINITY, sum = 0;
    for (int64_t c = 0; c < s.columns; c++) {
        largest = fmax(largest, p.x[c * s.plane]);
    }
    for (int64_t c = 0; c < s.columns; c++) {
        sum += exp(p.x[c * s.plane] - largest);
        p.all += share_of(&p, c);
    }
    p.log_sum = largest + log(sum);
    return p;
}

static void reference(const clade_node *node, const clade_tensor in[], clade_tensor out[]) {
    for (int64_t i = 0; i < out[0].count; i++) {
        const pixel p = pixel_of(node, in, 2, i);
        double loss = 0;
        for (int64_t c = 0; c < p.classes; c++) {
            loss += share_of(&p, c) * (p.log_sum - p.x[c * p.step]);
        }
        out[0].data[i] = loss;
    }
}

static void reference_gradient(const clade_node *node, const clade_tensor in[], clade_tensor out[]) {
    for (int64_t i = 0; i < in[2].count; i++) {
        const pixel p = pixel_of(node, in, 3, i);
        for (int64_t c = 0; c < p.classes; c++) {
            const double probability = exp(p.x[c * p.step] - p.log_sum);
            out[0].data[p.start + c * p.step] = in[2].data[i] * (probability * p.all - share_of(&p, c));
        }
    }
}

/* ---- implementations ---- */

enum { GROUP = 64, LANES = 16, MOST_KEPT = 32768, MOST_ARGUMENTS = 13 };

static bool is_gradient(const clade_site *site) {
    return site->node->op == &clade_op_softmax_cross_entropy_gradient;
}

static clade_class_sizes sizes_of(const clade_site *site) {
    return clade_class_sizes_of(site->in[0].rank, site->in[0].size);
}

/* Of x (the loss's gradient) to the output, for the target; then KEPT bytes of local memory, if any. */
static clade_status record(const clade_site *site, clade_commands *commands, const char *form, const size_t global[2],
                           size_t group, const char *options, size_t kept) {
    const attributes *a = site->node->attributes;
    const clade_class_sizes s = sizes_of(site);
    const uint32_t own = is_gradient(site) ? 3 : 2;
    const bool weighted = site->node->input_count > own;
    char kernel[64], all_options[64];
    snprintf(kernel, sizeof kernel, "cross_entropy_%s%s", is_gradient(site) ? "gradient_" : "", form);
    snprintf(all_options, sizeof all_options, "%s%s%s", is_dense(site->node) ? "-DDENSE " : "", options,
             site->device->capabilities.is_cpu ? " -DFAST_FMA" : "");
    clade_argument arguments[MOST_ARGUMENTS];
    size_t count = 0;
    arguments[count++] = clade_buffer_argument(site->in[0].buffer);
    if (is_gradient(site)) arguments[count++] = clade_buffer_argument(site->in[2].buffer);
    arguments[count++] = clade_buffer_argument(site->out[0].buffer);
    arguments[count++] = clade_buffer_argument(site->in[1].buffer);
    arguments[count++] = clade_buffer_argument(weighted ? site->in[own].buffer : site->in[0].buffer);
    arguments[count++] = clade_int_argument(s.rows);
    arguments[count++] = clade_int_argument(s.columns);
    arguments[count++] = clade_int_argument(s.plane);
    arguments[count++] = clade_int_argument(weighted);
    arguments[count++] = clade_int_argument(clade_ignored(a));
    arguments[count++] = clade_float_argument((float)(1 - a->smoothing));
    arguments[count++] = clade_float_argument((float)(a->smoothing / (double)s.columns));
    if (kept > 0) arguments[count++] = clade_local_argument(kept);
    const int64_t moved = site->in[0].count + site->in[1].count + site->out[0].count;
    return clade_commands_launch(commands, &(clade_launch){
                                               .file = "loss.cl",
                                               .options = all_options,
                                               .kernel = kernel,
                                               .label = site->label,
                                               .global = { global[0], global[1] },
                                               .local = { group, 1, 1 },
                                               .arguments = arguments,
                                               .argument_count = count,
                                               .flops = 4.0 * (double)site->in[0].count,
                                               .bytes = 4.0 * (double)moved,
                                           });
}

static clade_status record_row_vectors(const clade_site *site, clade_commands *commands) {
    return record(site, commands, "row_vectors", (size_t[]){ (size_t)sizes_of(site).rows, 1 }, 1, "", 0);
}

static clade_status record_row_groups(const clade_site *site, clade_commands *commands) {
    return record(site, commands, "row_groups", (size_t[]){ (size_t)sizes_of(site).rows * GROUP, 1 }, GROUP, "", 0);
}

/* Columns of vectors lie apart by whole planes, often a power of two, which caches hold badly: they are kept. */
static clade_status record_pixels(const clade_site *site, clade_commands *commands) {
    const clade_class_sizes s = sizes_of(site);
    if (!site->device->capabilities.is_cpu)
        return record(site, commands, "pixels", (size_t[]){ (size_t)s.plane, (size_t)s.rows }, GROUP, "-DLANES=1", 0);
    const size_t items = (size_t)((s.plane + LANES - 1) / LANES), kept = (size_t)s.columns * LANES * sizeof(float);
    const bool keeps = kept <= MOST_KEPT && kept <= site->device->capabilities.local_memory;
    return record(site, commands, "pixels", (size_t[]){ items, (size_t)s.rows }, 1,
                  keeps ? "-DLANES=16 -DKEPT" : "-DLANES=16", keeps ? kept : 0);
}

static bool one_pixel(const clade_site *site, char why[128]) {
    if (sizes_of(site).plane == 1) return true;
    snprintf(why, 128, "needs logits (N, C)");
    return false;
}

static double flops(const clade_site *site) {
    return 4.0 * (double)site->in[0].count;
}

static const clade_implementation *const implementations[] = {
    &(const clade_implementation){
        .name = "row_vectors", .applicable = one_pixel, .suitability = clade_suits_cpus, .record = record_row_vectors },
    &(const clade_implementation){
        .name = "row_groups", .applicable = one_pixel, .suitability = clade_suits_others, .record = record_row_groups },
    &(const clade_implementation){ .name = "pixels", .record = record_pixels },
    NULL,
};

/* A class. */
static int64_t sample(const clade_site *site, uint32_t input, int64_t element, uint32_t random) {
    (void)input, (void)element;
    return random % site->in[0].size[1];
}

/* ---- cases ---- */

#define LIST(...)                                                                                                      \
    { __VA_ARGS__ }
#define LABELS CLADE_FILL_LABELS
#define DENSE CLADE_FILL_POSITIVE

/* The target is of TARGET dims and kind; COUNT tells whether weights (C) follow. */
#define CASES(CASE)                                                                                                    \
    CASE("ten classes", LIST(2, { 7, 10 }), LIST(1, { 7 }), LIST(1, { 7 }), LABELS, 0, 10, 10, LIST(.smoothing = 0))   \
    CASE("more classes than items", LIST(2, { 3, 147 }), LIST(1, { 3 }), LIST(1, { 3 }), LABELS, 0, 147, 147,          \
         LIST(.smoothing = 0))                                                                                         \
    CASE("some labels out of range", LIST(2, { 65, 5 }), LIST(1, { 65 }), LIST(1, { 65 }), LABELS, 0, 5, 9,            \
         LIST(.smoothing = 0))                                                                                         \
    CASE("whole vectors", LIST(2, { 5, 32 }), LIST(1, { 5 }), LIST(1, { 5 }), LABELS, 0, 32, 32, LIST(.smoothing = 0)) \
    CASE("weights, smoothing and an ignored class", LIST(2, { 9, 19 }), LIST(1, { 9 }), LIST(1, { 9 }), LABELS, 1, 19, \
         4, LIST(.smoothing = 0.1, .ignores = true, .ignore = 2))                                                      \
    CASE("dense", LIST(2, { 6, 37 }), LIST(2, { 6, 37 }), LIST(1, { 6 }), DENSE, 0, 37, 0, LIST(.smoothing = 0))       \
    CASE("dense, weights and smoothing", LIST(2, { 3, 81 }), LIST(2, { 3, 81 }), LIST(1, { 3 }), DENSE, 1, 81, 0,      \
         LIST(.smoothing = 0.3))                                                                                       \
    CASE("pixels", LIST(4, { 2, 5, 7, 9 }), LIST(3, { 2, 7, 9 }), LIST(3, { 2, 7, 9 }), LABELS, 0, 5, 6,               \
         LIST(.smoothing = 0))                                                                                         \
    CASE("pixels, weights, smoothing and an ignored class", LIST(3, { 3, 4, 33 }), LIST(2, { 3, 33 }),                 \
         LIST(2, { 3, 33 }), LABELS, 1, 4, 4, LIST(.smoothing = 0.2, .ignores = true, .ignore = 0))                    \
    CASE("dense pixels with weights", LIST(4, { 2, 3, 4, 5 }), LIST(4, { 2, 3, 4, 5 }), LIST(3, { 2, 4, 5 }), DENSE,   \
         1, 3, 0, LIST(.smoothing = 0))                                                                                \
    CASE("pixels of more classes than are kept", LIST(3, { 1, 515, 18 }), LIST(2, { 1, 18 }), LIST(2, { 1, 18 }),      \
         LABELS, 0, 515, 515, LIST(.smoothing = 0))

#define FORWARD(NAME, DIMS, TARGET, PIXELS, KIND, COUNT, CLASSES, BOUND, ATTRIBUTES)                                   \
    { .name = NAME,                                                                                                    \
      .in = { DIMS, TARGET, { 1, { CLASSES } } },                                                                      \
      .input_count = 2 + (COUNT),                                                                                      \
      .fill = { CLADE_FILL_UNIFORM, KIND, CLADE_FILL_POSITIVE },                                                       \
      .label_bound = BOUND,                                                                                            \
      .attributes = &(const attributes)ATTRIBUTES },
#define BACKWARD(NAME, DIMS, TARGET, PIXELS, KIND, COUNT, CLASSES, BOUND, ATTRIBUTES)                                  \
    { .name = NAME,                                                                                                    \
      .in = { DIMS, TARGET, PIXELS, { 1, { CLASSES } } },                                                              \
      .input_count = 3 + (COUNT),                                                                                      \
      .fill = { CLADE_FILL_UNIFORM, KIND, CLADE_FILL_UNIFORM, CLADE_FILL_POSITIVE },                                   \
      .label_bound = BOUND,                                                                                            \
      .attributes = &(const attributes)ATTRIBUTES },

static const clade_case cases[] = { CASES(FORWARD){ .name = NULL } };
static const clade_case gradient_cases[] = { CASES(BACKWARD){ .name = NULL } };

/* ---- the rows ---- */

#define ROW(NAME, ONNX, INPUTS, INFER, GRADIENT, REFERENCE, CASE_LIST)                                                 \
    {                                                                                                                  \
        .name = NAME, .onnx = ONNX, .attributes = schema, .attributes_size = sizeof(attributes),                       \
        .input_minimum = INPUTS, .input_maximum = (INPUTS) + 1, .outputs = 1, .infer = INFER, .gradient = GRADIENT,    \
        .reference = REFERENCE, .sample = sample, .flops = flops, .implementations = implementations,                  \
        .cases = CASE_LIST                                                                                             \
    }

const clade_op clade_op_softmax_cross_entropy =
    ROW("softmax_cross_entropy", "SoftmaxCrossEntropyLoss", 2, infer, gradient, reference, cases);
const clade_op clade_op_softmax_cross_entropy_gradient = ROW("softmax_cross_entropy_gradient", NULL, 3, infer_gradient,
                                                             gradient_gradient, reference_gradient, gradient_cases);
