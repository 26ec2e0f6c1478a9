/* Gradients against finite differences. Both sides are evaluated by the reference interpreter in double, so the check is
 * of the mathematics: whether the nodes that clade_gradient() appends are the derivative of what the references compute.
 *
 * A row's output y becomes the scalar L = sum(w y) with random weights w. Second order: S = sum(v_i dL/dx_i) with random
 * v, differentiated by x and w.
 *
 * A central difference (L(x+h) - L(x-h)) / 2h errs by about h^2 L'''/6 + 1e-16 |L|/h. Where a kink (a ReLU at zero, a tie
 * of a maximum) lies between x-h and x+h another h may miss it, so an element that disagrees gets other steps, and the
 * best of them counts: a wrong gradient agrees with none. */
#include "exec/cases.h"
#include "exec/session.h"
#include "passes/passes.h"

#include "base/random.h"
#include "clade/verify.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const double STEPS[] = { 1e-5, 1e-6, 1e-4, 1e-7 };
static const double ROW_TOLERANCE = 1e-6, LOSS_TOLERANCE = 1e-5;
/* Gradients smaller than this are compared absolutely: differences cannot resolve them. */
static const double SMALLEST_SCALE = 1e-3;

enum { ROW_SAMPLES = 200, LOSS_SAMPLES = 20, STEP_COUNT = sizeof STEPS / sizeof STEPS[0] };

typedef struct gradcheck {
    clade_context *context;
    clade_gradcheck_options options;
    clade_verify_summary summary;
    bool stop;
    const char *op, *case_name; /* what is being checked */
    double tolerance;
} gradcheck;

static gradcheck gradcheck_begin(clade_context *context, const clade_gradcheck_options *options, int64_t samples,
                                 double tolerance) {
    gradcheck g = { .context = context, .tolerance = tolerance };
    if (options != NULL) {
        size_t given = options->size == 0 || options->size > sizeof g.options ? sizeof g.options : options->size;
        memcpy(&g.options, options, given);
    }
    if (g.options.samples <= 0) g.options.samples = samples;
    if (g.options.label_bound <= 0) g.options.label_bound = 2;
    return g;
}

static void report(gradcheck *g, clade_gradcheck_result result) {
    result.op = g->op;
    result.case_name = g->case_name;
    result.tolerance = g->tolerance;
    if (result.input == NULL) result.input = "";
    if (result.detail == NULL) result.detail = "";
    switch (result.verdict) {
    case CLADE_VERDICT_PASSED:
        g->summary.passed++;
        break;
    case CLADE_VERDICT_FAILED:
        g->summary.failed++;
        break;
    case CLADE_VERDICT_INAPPLICABLE:
        g->summary.inapplicable++;
        break;
    case CLADE_VERDICT_LEFT_OUT:
        g->summary.left_out++;
        break;
    }
    if (g->options.report != NULL) g->options.report(g->options.user, &result);
    if (result.verdict == CLADE_VERDICT_FAILED && g->options.stop_at_failure) g->stop = true;
}

/* ---- one derivative ---- */

/* d LOSS / d WITH as the graph has it, and what finds it wrong. */
typedef struct derivative {
    clade_reference *reference;
    clade_value loss, with, gradient; /* an invalid gradient is zero */
    const char *input;                /* name of WITH */
    int order;
    const char *excuse; /* a row on the way that has no gradient, or NULL */
} derivative;

static clade_status loss_at(const derivative *d, clade_tensor *leaf, int64_t element, double x, double *loss) {
    double kept = leaf->data[element];
    leaf->data[element] = x;
    clade_reference_touch(d->reference, d->with);
    const clade_tensor *value = clade_reference_value(d->reference, d->loss);
    leaf->data[element] = kept;
    clade_reference_touch(d->reference, d->with);
    if (value == NULL) return CLADE_ERROR_MEMORY;
    *loss = value->data[0];
    return CLADE_OK;
}

/* How far GRADIENT is from the nearest of the differences; stops at one within GOOD_ENOUGH. */
static clade_status difference_from(const derivative *d, clade_tensor *leaf, int64_t element, double gradient,
                                    double good_enough, double *difference, double *numeric) {
    double x = leaf->data[element], unit = fmax(1.0, fabs(x));
    *difference = INFINITY;
    for (int i = 0; i < STEP_COUNT && !(*difference <= good_enough); i++) {
        double h = STEPS[i] * unit, above = 0, below = 0;
        clade_status status = loss_at(d, leaf, element, x + h, &above);
        if (status == CLADE_OK) status = loss_at(d, leaf, element, x - h, &below);
        if (status != CLADE_OK) return status;
        double estimate = (above - below) / ((x + h) - (x - h)), off = fabs(estimate - gradient);
        if (off < *difference || i == 0) {
            *difference = isnan(off) ? INFINITY : off;
            *numeric = estimate;
        }
    }
    return CLADE_OK;
}

static double largest_of(const double *data, int64_t count) {
    double largest = 0;
    for (int64_t i = 0; data != NULL && i < count; i++) {
        largest = fmax(largest, fabs(data[i]));
    }
    return largest;
}

static void conclude(gradcheck *g, const derivative *d, clade_gradcheck_result *result, const char *worst) {
    bool good = result->error <= g->tolerance;
    char excuse[128];
    result->detail = good ? "" : worst;
    result->verdict = good ? CLADE_VERDICT_PASSED : CLADE_VERDICT_FAILED;
    if (!good && d->excuse != NULL) {
        snprintf(excuse, sizeof excuse, "%s has no gradient", d->excuse);
        result->detail = excuse;
        result->verdict = CLADE_VERDICT_INAPPLICABLE;
    }
    report(g, *result);
}

static clade_status check_elements(gradcheck *g, const derivative *d, clade_tensor *leaf, const double *gradient) {
    clade_gradcheck_result result = { .input = d->input, .order = d->order, .elements = leaf->count };
    bool sampled = leaf->count > g->options.samples;
    result.checked = sampled ? g->options.samples : leaf->count;
    clade_random random = clade_random_stream(g->options.seed, d->input, 0);
    double scale = fmax(largest_of(gradient, leaf->count), SMALLEST_SCALE);
    char worst[160] = "";
    for (int64_t i = 0; i < result.checked; i++) {
        int64_t element = sampled ? (int64_t)(clade_random_uniform(&random) * (double)leaf->count) : i;
        double analytic = gradient != NULL ? gradient[element] : 0, difference = 0, numeric = 0;
        clade_status status =
            difference_from(d, leaf, element, analytic, 0.1 * g->tolerance * scale, &difference, &numeric);
        if (status != CLADE_OK) return status;
        double error = difference / fmax(scale, fabs(numeric));
        if (error <= result.error) continue;
        result.error = error;
        snprintf(worst, sizeof worst, "element %lld: the gradient is %.9g, differences say %.9g", (long long)element,
                 analytic, numeric);
    }
    conclude(g, d, &result, worst);
    return CLADE_OK;
}

static clade_status check_derivative(gradcheck *g, const derivative *d) {
    clade_tensor *leaf = clade_reference_leaf(d->reference, d->with);
    if (leaf == NULL) return CLADE_ERROR_MEMORY;
    double *copy = NULL; /* evaluations at x+h may share the gradient's array */
    if (clade_value_valid(d->gradient)) {
        const clade_tensor *value = clade_reference_value(d->reference, d->gradient);
        if (value == NULL) return CLADE_ERROR_MEMORY;
        copy = clade_allocate(g->context, (size_t)leaf->count, sizeof *copy);
        if (copy == NULL) return clade_fail_memory(g->context, (size_t)leaf->count * sizeof *copy, "a gradient");
        if (value->count != leaf->count) {
            report(g, (clade_gradcheck_result){ .input = d->input,
                                                .order = d->order,
                                                .verdict = CLADE_VERDICT_FAILED,
                                                .elements = leaf->count,
                                                .detail = "the gradient has other dims than the input" });
            clade_free(g->context, copy);
            return CLADE_OK;
        }
        memcpy(copy, value->data, (size_t)leaf->count * sizeof *copy);
    }
    clade_status status = check_elements(g, d, leaf, copy);
    clade_free(g->context, copy);
    return status;
}

/* ---- a row ---- */

enum { MOST_LEAVES = CLADE_CASE_INPUTS + 1 };

/* The leaves that a scalar is differentiated by, their names, and the gradients. */
typedef struct leaves {
    clade_value with[MOST_LEAVES], gradients[MOST_LEAVES];
    const char *names[MOST_LEAVES];
    size_t count;
} leaves;

/* sum(w y) with W an input of its own, filled at random; appended to *TOTAL when that is valid. */
static clade_value weighted(clade_reference *reference, clade_value y, const char *name, clade_value *weights) {
    clade_context *context = y.graph->context;
    clade_dims dims = clade_value_dims(y);
    *weights = clade_input(y.graph, name, CLADE_F32, dims);
    clade_value product = clade_multiply(y, *weights);
    clade_tensor *leaf = clade_value_valid(*weights) ? clade_reference_leaf(reference, *weights) : NULL;
    if (leaf == NULL) return CLADE_NO_VALUE;
    if (clade_fill_array(context, CLADE_FILL_NONZERO, 0, name, 2, leaf->data, leaf->count) != CLADE_OK)
        return CLADE_NO_VALUE;
    return dims.rank == 0 ? product : clade_sum(product, CLADE_ALL_AXES, false);
}

/* The name of a row between the leaves and OF that stops the gradient, or NULL. */
static const char *without_gradient(gradcheck *g, clade_value of, const leaves *l) {
    const clade_graph *graph = of.graph;
    bool *depends = clade_allocate(g->context, graph->node_count, sizeof *depends);
    bool *needed = clade_allocate(g->context, graph->node_count, sizeof *needed);
    const char *name = NULL;
    if (depends == NULL || needed == NULL) goto done;
    for (size_t i = 0; i < l->count; i++) {
        depends[l->with[i].node] = true;
    }
    for (uint32_t n = 0; n < graph->node_count; n++) {
        const clade_node *node = graph->nodes[n];
        for (uint32_t i = 0; i < node->input_count; i++) {
            if (clade_value_valid(node->inputs[i]) && depends[node->inputs[i].node]) depends[n] = true;
        }
    }
    needed[of.node] = true;
    for (uint32_t n = of.node + 1; n-- > 0;) {
        const clade_node *node = graph->nodes[n];
        for (uint32_t i = 0; needed[n] && i < node->input_count; i++) {
            if (clade_value_valid(node->inputs[i])) needed[node->inputs[i].node] = true;
        }
        if (needed[n] && depends[n] && node->input_count > 0 && node->op->gradient == NULL) name = node->op->name;
    }
done:
    clade_free(g->context, depends);
    clade_free(g->context, needed);
    return name;
}

static clade_status check_leaves(gradcheck *g, clade_reference *reference, clade_value loss, const leaves *l, int order,
                                 const char *excuse) {
    clade_status status = CLADE_OK;
    for (size_t i = 0; i < l->count && status == CLADE_OK && !g->stop; i++) {
        derivative d = { reference, loss, l->with[i], l->gradients[i], l->names[i], order, excuse };
        status = check_derivative(g, &d);
    }
    return status;
}

static bool any_valid(const leaves *l) {
    for (size_t i = 0; i < l->count; i++) {
        if (clade_value_valid(l->gradients[i])) return true;
    }
    return false;
}

/* S = sum over i of sum(v_i dL/dx_i), and its gradients by the same leaves and by WEIGHTS. */
static clade_status check_second_order(gradcheck *g, clade_reference *reference, const leaves *first,
                                       clade_value weights) {
    static const char *const names[] = { "v0", "v1", "v2", "v3", "v4", "v5", "v6", "v7", "v8" };
    clade_value total = CLADE_NO_VALUE;
    for (size_t i = 0; i < first->count; i++) {
        if (!clade_value_valid(first->gradients[i])) continue;
        clade_value v, term = weighted(reference, first->gradients[i], names[i], &v);
        total = clade_value_valid(total) ? clade_add(total, term) : term;
    }
    leaves second = *first;
    second.with[second.count] = weights;
    second.names[second.count++] = "the output's gradient";
    clade_status status = clade_value_valid(total) ? CLADE_OK : CLADE_ERROR_MEMORY;
    if (status == CLADE_OK) status = clade_gradient(total, CLADE_NO_VALUE, second.with, second.count, second.gradients);
    if (status != CLADE_OK) return status;
    return check_leaves(g, reference, total, &second, 2, without_gradient(g, total, &second));
}

static clade_status check_output(gradcheck *g, const clade_op *op, const clade_case *one, uint32_t output) {
    clade_case_graph built;
    clade_status status = clade_case_build(g->context, op, one, &built);
    if (status != CLADE_OK) return status;
    clade_reference *reference = NULL;
    clade_value y = clade_output(built.y, output);
    if (clade_value_dtype(y) != CLADE_F32) goto done;
    reference = clade_reference_new(built.graph, built.binding);
    if (reference == NULL) status = clade_fail_memory(g->context, sizeof built, "the reference");
    leaves l = { .count = 0 };
    static const char *const names[] = { "input 0", "input 1", "input 2", "input 3",
                                         "input 4", "input 5", "input 6", "input 7" };
    for (int i = 0; i < one->input_count && status == CLADE_OK; i++) {
        clade_tensor *leaf = clade_reference_leaf(reference, built.inputs[i]);
        status = leaf != NULL ? clade_case_fill(g->context, op, one, i, leaf->data, leaf->count) : CLADE_ERROR_MEMORY;
        if (clade_value_dtype(built.inputs[i]) != CLADE_F32) continue;
        l.with[l.count] = built.inputs[i];
        l.names[l.count++] = names[i];
    }
    if (status != CLADE_OK || l.count == 0) goto done;
    clade_value weights, loss = weighted(reference, y, "w", &weights);
    status = clade_value_valid(loss) ? clade_gradient(loss, CLADE_NO_VALUE, l.with, l.count, l.gradients)
                                     : clade_graph_status(built.graph);
    if (status != CLADE_OK) goto done;
    if (output > 0 && !any_valid(&l)) {
        report(g, (clade_gradcheck_result){ .order = 1,
                                            .verdict = CLADE_VERDICT_INAPPLICABLE,
                                            .detail = "no gradient flows from an output but the first" });
        goto done;
    }
    status = check_leaves(g, reference, loss, &l, 1, NULL);
    if (status == CLADE_OK && any_valid(&l) && !g->stop) status = check_second_order(g, reference, &l, weights);
done:
    clade_reference_free(reference);
    clade_graph_free(built.graph);
    return status;
}

/* Whether a step would pass a place where the case's row has no gradient. */
static bool has_equals(const clade_case *one) {
    for (int i = 0; i < one->input_count; i++)
        if (one->fill[i] == CLADE_FILL_EQUALS) return true;
    return false;
}

static clade_status check_row(gradcheck *g, const clade_op *op) {
    g->op = op->name;
    g->case_name = "";
    if (op->gradient == NULL) {
        if (op->cases != NULL)
            report(g, (clade_gradcheck_result){
                          .order = 1, .verdict = CLADE_VERDICT_INAPPLICABLE, .detail = "the row has no gradient" });
        return CLADE_OK;
    }
    clade_status status = CLADE_OK;
    for (const clade_case *one = op->cases; one != NULL && one->name != NULL; one++) {
        if (has_equals(one)) continue;
        const int outputs = op->outputs > 0 ? op->outputs : *(const int32_t *)one->attributes;
        g->case_name = one->name;
        for (int o = 0; o < outputs && status == CLADE_OK && !g->stop; o++) {
            status = check_output(g, op, one, (uint32_t)o);
        }
    }
    return status;
}

clade_status clade_gradcheck_op(clade_context *context, const char *op, const clade_gradcheck_options *options,
                                clade_verify_summary *summary) {
    gradcheck g = gradcheck_begin(context, options, ROW_SAMPLES, ROW_TOLERANCE);
    if (op != NULL && clade_op_find(op) == NULL)
        return clade_fail(context, CLADE_ERROR_ARGUMENT, "no operator is called \"%s\"", op);
    clade_status status = CLADE_OK;
    for (const clade_op *const *row = clade_op_table; *row != NULL && status == CLADE_OK && !g.stop; row++) {
        if (op == NULL || strcmp(op, (*row)->name) == 0) status = check_row(&g, *row);
    }
    if (summary != NULL) *summary = g.summary;
    return status;
}

/* ---- a caller's loss ---- */

/* Whether a loss is differentiated by the leaf NODE: float inputs and what is trained. */
static bool is_asked_for(const clade_node *node) {
    if (node->op == &clade_op_input) return node->outputs[0].dtype == CLADE_F32;
    if (node->op != &clade_op_state) return false;
    return ((const clade_leaf_attributes *)node->attributes)->role != CLADE_ROLE_STATE;
}

/* Moves a trained state a little from where it begins: all zeros may stand on a kink everywhere. */
static clade_status move_state(gradcheck *g, clade_reference *reference, const clade_node *node) {
    clade_tensor *leaf = clade_reference_leaf(reference, (clade_value){ node->graph, node->index, 0 });
    if (leaf == NULL) return CLADE_ERROR_MEMORY;
    clade_random random = clade_random_stream(g->options.seed + 1, node->name, 0);
    for (int64_t i = 0; i < leaf->count; i++) {
        leaf->data[i] += 0.1 * (2 * clade_random_uniform(&random) - 1);
    }
    return CLADE_OK;
}

/* Gives the leaf NODE the contents at which the loss is differentiated. */
static clade_status fill_leaf(gradcheck *g, clade_reference *reference, const clade_node *node) {
    if (node->op == &clade_op_state && is_asked_for(node)) return move_state(g, reference, node);
    if (node->op != &clade_op_input && node->op != &clade_op_random_state) return CLADE_OK;
    clade_tensor *leaf = clade_reference_leaf(reference, (clade_value){ node->graph, node->index, 0 });
    if (leaf == NULL) return CLADE_ERROR_MEMORY;
    clade_fill fill = node->op == &clade_op_random_state    ? CLADE_FILL_RANDOM_STATE
                      : node->outputs[0].dtype == CLADE_I32 ? CLADE_FILL_LABELS
                                                            : CLADE_FILL_UNIFORM;
    return clade_fill_array(g->context, fill, g->options.label_bound, node->name, g->options.seed + 1, leaf->data,
                            leaf->count);
}

clade_status clade_gradcheck_loss(clade_value loss, int64_t batch, const clade_gradcheck_options *options,
                                  clade_verify_summary *summary) {
    if (!clade_value_valid(loss)) return CLADE_ERROR_ARGUMENT;
    clade_graph *graph = loss.graph;
    gradcheck g = gradcheck_begin(graph->context, options, LOSS_SAMPLES, LOSS_TOLERANCE);
    if (clade_value_dims(loss).rank != 0 || clade_value_dtype(loss) != CLADE_F32)
        return clade_fail(g.context, CLADE_ERROR_ARGUMENT, "gradcheck: a loss is a float32 scalar, not %s",
                          clade_type_text(graph, clade_value_type(loss)));
    g.op = "loss";
    g.case_name = "";
    uint32_t nodes = graph->node_count;
    clade_value *with = clade_allocate(g.context, nodes, sizeof *with);
    clade_value *gradients = clade_allocate(g.context, nodes, sizeof *gradients);
    clade_reference *reference = clade_reference_new(graph, (clade_binding){ .batch = batch, .time = 1 });
    clade_status status = CLADE_OK;
    if (with == NULL || gradients == NULL || reference == NULL)
        status = clade_fail_memory(g.context, nodes * sizeof *with, "the gradient check");
    size_t count = 0;
    for (uint32_t i = 0; i < nodes && status == CLADE_OK; i++) {
        status = fill_leaf(&g, reference, graph->nodes[i]);
        if (status == CLADE_OK && is_asked_for(graph->nodes[i])) with[count++] = (clade_value){ graph, i, 0 };
    }
    if (status == CLADE_OK) status = clade_gradient(loss, CLADE_NO_VALUE, with, count, gradients);
    for (size_t i = 0; i < count && status == CLADE_OK && !g.stop; i++) {
        derivative d = { reference, loss, with[i], gradients[i], clade_value_node(with[i])->name, 1, NULL };
        status = check_derivative(&g, &d);
    }
    clade_reference_free(reference);
    clade_free(g.context, with);
    clade_free(g.context, gradients);
    if (summary != NULL) *summary = g.summary;
    return status;
}
