/* A check by samples. Rows with reference_at() are asked for single elements; others, whose references are cheap, for all.
 *
 * Sizes are cut where an array's elements do not depend on the cut axis' length: a convolution's batch, a product's rows
 * and columns, the symbol N of other rows. */
#include "tune/check.h"

#include "base/random.h"
#include "ops/convolution/convolution.h"
#include "ops/matmul/matmul.h"
#include "tune/fill.h"
#include "tune/trial.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { MOST_SAMPLES = 128, FEWEST_SAMPLES = 24, OVERSIZE = 16 };
static const double sampled_sums = 4e6; /* multiply-adds on the host that samples may take */

/* Looser than the tests' tolerance: sums over a whole batch are longer than the cases'. A wrong kernel is off by more. */
static const double least_tolerance = 1e-4;

/* ---- cutting ---- */

/* Axes that may be cut: one of two kinds, rows (the batch) and columns. */
typedef enum cut_axis { ROWS, COLUMNS, AXES, WHOLE = -1 } cut_axis;

static bool is_convolution(const clade_op *op) {
    return op == &clade_op_conv2d || op == &clade_op_conv2d_data_gradient || op == &clade_op_conv2d_filter_gradient;
}

/* What AXIS of INPUT is. */
static cut_axis axis_of(const clade_node *node, int input, int32_t axis, int32_t rank) {
    const bool tail = node->op->tail_input > 0 && input >= node->op->tail_input;
    if (is_convolution(node->op)) {
        const bool images = input == 0 || (tail ? rank == 4 : node->op == &clade_op_conv2d_filter_gradient);
        return images && axis == 0 ? ROWS : WHOLE;
    }
    const clade_matmul_attributes *attributes = node->attributes;
    if (tail) return rank == 2 && axis == 0 ? ROWS : COLUMNS;
    if (input == 0) return axis == (attributes->transpose_a ? 1 : 0) ? ROWS : WHOLE;
    return axis == (attributes->transpose_b ? 0 : 1) ? COLUMNS : WHOLE;
}

static int64_t elements(const clade_site *site) {
    int64_t total = 0;
    for (uint32_t i = 0; i < site->node->input_count; i++)
        total += site->in[i].count;
    for (uint32_t o = 0; o < site->node->output_count; o++)
        total += site->out[o].count;
    return total;
}

/* The inputs' sizes with rows and columns at most MOST; the elements of all of them. */
static int64_t cut_inputs(const clade_site *site, const int64_t most[AXES], clade_dims dims[CLADE_MAX_INPUTS]) {
    int64_t total = 0;
    for (uint32_t i = 0; i < site->node->input_count; i++) {
        const clade_array *in = &site->in[i];
        int64_t count = 1;
        dims[i].rank = in->rank;
        for (int32_t k = 0; k < in->rank; k++) {
            const cut_axis axis = axis_of(site->node, (int)i, k, in->rank);
            dims[i].size[k] = axis == WHOLE || in->size[k] < most[axis] ? in->size[k] : most[axis];
            count *= dims[i].size[k];
        }
        total += count;
    }
    return total;
}

/* A graph of its own with the node's row and attributes over smaller inputs. */
typedef struct smaller {
    clade_graph *graph; /* NULL: the node's own */
    const clade_node *node;
    clade_binding binding;
} smaller;

static clade_status append_cut(const clade_site *site, const clade_dims dims[], smaller *s) {
    const clade_node *node = site->node;
    clade_context *context = site->device->context;
    clade_value inputs[CLADE_MAX_INPUTS];
    s->graph = clade_graph_new(context);
    if (s->graph == NULL) return clade_fail_memory(context, sizeof *s->graph, "a check's graph");
    for (uint32_t i = 0; i < node->input_count; i++) {
        char name[24];
        snprintf(name, sizeof name, "input %u", i);
        inputs[i] = clade_input(s->graph, name, site->in[i].dtype, dims[i]);
    }
    clade_value y = clade_append(s->graph, node->op, "", node->attributes, inputs, node->input_count);
    clade_status status = clade_graph_status(s->graph);
    if (status == CLADE_OK && !clade_value_valid(y))
        status = clade_fail_memory(context, sizeof *node, "a check's graph");
    if (status == CLADE_OK) s->node = clade_value_node(y);
    s->binding = (clade_binding){ .batch = 1, .time = 1 };
    return status;
}

/* A site like SITE of at most LIMIT elements, as far as its row can be cut. */
static clade_status cut(const clade_site *site, int64_t limit, smaller *s) {
    const clade_op *op = site->node->op;
    *s = (smaller){ .node = site->node, .binding = site->binding };
    const int64_t total = elements(site);
    if (total <= limit) return CLADE_OK;
    if (!is_convolution(op) && op != &clade_op_matmul) {
        const int64_t batch = site->binding.batch * limit / total;
        s->binding.batch = batch > 1 ? batch : 1;
        return CLADE_OK;
    }
    const int64_t fewest[AXES] = { is_convolution(op) ? 1 : 16, 96 };
    int64_t most[AXES] = { INT32_MAX, INT32_MAX };
    clade_dims dims[CLADE_MAX_INPUTS];
    const int64_t whole = cut_inputs(site, most, dims);
    const double outputs = (double)(total - whole) / (double)whole; /* they shrink about as the inputs do */
    const int64_t goal = (int64_t)((double)limit / (1 + outputs));
    most[ROWS] = is_convolution(op) ? site->in[0].size[0] : site->out[0].size[0];
    most[COLUMNS] = is_convolution(op) ? fewest[COLUMNS] : site->out[0].size[1];
    while (cut_inputs(site, most, dims) > goal && (most[ROWS] > fewest[ROWS] || most[COLUMNS] > fewest[COLUMNS])) {
        const bool rows = most[COLUMNS] <= fewest[COLUMNS] || (most[ROWS] > fewest[ROWS] && most[ROWS] > most[COLUMNS]);
        most[rows ? ROWS : COLUMNS] = (most[rows ? ROWS : COLUMNS] + 1) / 2;
    }
    return append_cut(site, dims, s);
}

/* ---- contents and expectations ---- */

typedef struct tensors {
    clade_context *context;
    clade_tensor in[CLADE_MAX_INPUTS], out[CLADE_MAX_OUTPUTS];
    int64_t elements[MOST_SAMPLES];
    double values[MOST_SAMPLES];
} tensors;

static void free_tensors(tensors *t) {
    for (int i = 0; i < CLADE_MAX_INPUTS; i++)
        clade_free(t->context, t->in[i].data);
    for (int o = 0; o < CLADE_MAX_OUTPUTS; o++)
        clade_free(t->context, t->out[o].data);
}

static clade_tensor shape_of(const clade_array *array) {
    clade_tensor tensor = { .dtype = array->dtype, .rank = array->rank, .count = array->count };
    memcpy(tensor.size, array->size, sizeof tensor.size);
    return tensor;
}

static clade_status allocate(clade_context *context, clade_tensor *tensor) {
    tensor->data = clade_allocate(context, (size_t)tensor->count + 1, sizeof(double));
    if (tensor->data != NULL) return CLADE_OK;
    return clade_fail_memory(context, (size_t)tensor->count * sizeof(double), "a check's array");
}

/* How many integers, from 0 on, the cases of OP take as values; for a row of moves, whose cases have none, some. */
static uint32_t values_of(const clade_op *op) {
    int64_t fewest = 100;
    for (const clade_case *one = op->cases; one != NULL && one->name != NULL; one++)
        if (one->label_bound > 0 && one->label_bound < fewest) fewest = one->label_bound;
    return (uint32_t)fewest;
}

/* Integers: those that the row may choose or count by at these sizes, else values. */
static void fill_integers(const clade_site *site, uint32_t input, const char *name, clade_tensor *tensor) {
    const clade_op *op = site->node->op;
    const uint32_t values = values_of(op);
    clade_random random = clade_random_stream(1, name, 0);
    for (int64_t e = 0; e < tensor->count; e++) {
        const uint32_t drawn = clade_random_u32(&random);
        const int64_t sample = op->sample != NULL ? op->sample(site, input, e, drawn) : -1;
        tensor->data[e] = sample >= 0 ? (double)sample : (double)(drawn % values);
    }
}

/* As the row's first case fills them, apart from integers. */
static clade_status fill_inputs(const clade_site *site, tensors *t) {
    const clade_op *op = site->node->op;
    const clade_case *one = op->cases;
    clade_status status = CLADE_OK;
    for (uint32_t i = 0; i < site->node->input_count && status == CLADE_OK; i++) {
        char name[24];
        snprintf(name, sizeof name, "check %u", i);
        t->in[i] = shape_of(&site->in[i]);
        clade_fill fill = one != NULL && (int)i < one->input_count ? one->fill[i] : CLADE_FILL_UNIFORM;
        status = allocate(t->context, &t->in[i]);
        if (status != CLADE_OK) break;
        if (site->in[i].dtype == CLADE_I32 && fill != CLADE_FILL_RANDOM_STATE)
            fill_integers(site, i, name, &t->in[i]);
        else
            status = clade_fill_array(t->context, fill, 1, name, 1, t->in[i].data, t->in[i].count);
    }
    return status;
}

/* Element NUMBER of a growing sample: the corners first, then random elements, every second of which is at an edge. */
static int64_t sample(const clade_tensor *out, clade_random *random, int number) {
    int64_t element = 0;
    const bool corner = number < 1 << out->rank;
    const int32_t edge = !corner && number % 2 == 0 ? (int32_t)clade_random_below(random, (uint32_t)out->rank) : -1;
    for (int32_t k = 0; k < out->rank; k++) {
        const int64_t last = out->size[k] - 1;
        int64_t at = (int64_t)(clade_random_uniform(random) * (double)(last + 1));
        if (corner ? true : k == edge) at = (corner ? number >> k & 1 : number >> 1 & 1) ? last : 0;
        element = element * out->size[k] + at;
    }
    return element;
}

static int draw_samples(const clade_site *site, tensors *t) {
    const clade_node *node = site->node;
    const clade_tensor out = shape_of(&site->out[0]);
    const double sums = node->op->flops != NULL ? node->op->flops(site) / 2 / (double)out.count : 1;
    const double afford = sampled_sums / (sums > 1 ? sums : 1);
    int count = afford > MOST_SAMPLES ? MOST_SAMPLES : afford < FEWEST_SAMPLES ? FEWEST_SAMPLES : (int)afford;
    clade_random random = clade_random_stream(1, "check", 0);
    for (int i = 0; i < count; i++) {
        t->elements[i] = sample(&out, &random, i);
        t->values[i] = node->op->reference_at(node, t->in, &out, t->elements[i]);
    }
    return count;
}

static clade_status evaluate(const clade_site *site, tensors *t) {
    const clade_node *node = site->node;
    clade_status status = CLADE_OK;
    for (uint32_t o = 0; o < node->output_count && status == CLADE_OK; o++) {
        t->out[o] = shape_of(&site->out[o]);
        status = allocate(t->context, &t->out[o]);
    }
    if (status == CLADE_OK) node->op->reference(node, t->in, t->out);
    return status;
}

static double tolerance_of(const clade_op *op) {
    double largest = least_tolerance;
    for (const clade_case *one = op->cases; one != NULL && one->name != NULL; one++)
        largest = fmax(largest, 4 * one->tolerance);
    return largest;
}

/* ---- checking ---- */

/* Whether the choice can be made at SITE. */
static bool possible(const clade_site *site, clade_choice choice) {
    const clade_implementation *implementation = choice.implementation;
    char why[128];
    if (implementation->applicable != NULL && !implementation->applicable(site, why)) return false;
    return choice.configuration == 0 ||
           (implementation->configurations != NULL && choice.configuration < implementation->configurations(site));
}

/* The first two lines of WORDS in one: of a build log, that and where it failed. */
static void summarize(const char *words, char *line, size_t size) {
    const size_t first = strcspn(words, "\n");
    const char *second = words[first] == '\n' ? words + first + 1 : "";
    snprintf(line, size, "%.*s%s%.*s", (int)first, words, *second != '\0' ? " " : "", (int)strcspn(second, "\n"),
             second);
}

static clade_status try_at(const clade_site *site, clade_choice choice, clade_check *check) {
    tensors t = { .context = site->device->context };
    clade_text why = { .context = t.context };
    clade_samples samples = { t.elements, t.values, 0 };
    clade_trial_request request = {
        .device = site->device,
        .node = site->node,
        .implementation = choice.implementation,
        .configuration = choice.configuration,
        .binding = site->binding,
        .in = t.in,
        .expected = t.out,
        .once = true,
        .tolerance = tolerance_of(site->node->op),
        .in_place = -1,
        .fault = &check->fault,
    };
    double error;
    clade_status status = fill_inputs(site, &t);
    if (status == CLADE_OK && site->node->op->reference_at != NULL) {
        samples.count = draw_samples(site, &t);
        request.samples = &samples;
    } else if (status == CLADE_OK) {
        status = evaluate(site, &t);
    }
    if (status == CLADE_OK) status = clade_trial_run(&request, &check->passed, &error, &why);
    summarize(clade_text_get(&why), check->why, sizeof check->why);
    clade_text_free(&why);
    free_tensors(&t);
    return status;
}

clade_status clade_check_choice(const clade_site *site, clade_choice choice, int64_t limit, clade_check *check) {
    smaller s;
    clade_site there;
    *check = (clade_check){ .passed = false };
    clade_status status = cut(site, limit, &s);
    if (status == CLADE_OK) status = clade_trial_site(site->device, s.node, s.binding, &there);
    if (status == CLADE_OK && !possible(&there, choice)) there = *site;
    if (status == CLADE_OK && elements(&there) > OVERSIZE * limit)
        status =
            clade_fail(site->device->context, CLADE_ERROR_MEMORY, "%s: arrays too large to be checked", site->label);
    if (status == CLADE_OK) status = try_at(&there, choice, check);
    clade_graph_free(s.graph);
    return status;
}
