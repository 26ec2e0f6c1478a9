/* L-BFGS from the host's side: which phase runs when, and what follows from the numbers that come back. */
#include "train/minimizer.h"
#include "base/context.h"
#include "ops/op.h"
#include "passes/passes.h"
#include "train/lbfgs.h"
#include "train/line_search.h"

#include <math.h>
#include <string.h>

enum { DEFAULT_MEMORY = 10, STILL = 3 };
static const double float_noise = 1.2e-7; /* of a loss in float32, as a share of it */

struct clade_minimizer {
    clade_context *context;
    clade_graph *graph;
    int64_t memory;
    clade_lbfgs_graph values;
    clade_value watch[CLADE_MOST_WATCHED];
    double watched[CLADE_MOST_WATCHED];
    size_t watch_count;
    clade_lbfgs_products products;
    float *storage; /* of the products, the weights and the row */
    float *weights, *row;
};

/* One run. */
typedef struct search {
    clade_minimizer *m;
    clade_session *session;
    clade_minimize_limits limits;
    clade_plan *evaluate, *move, *accept, *products, *direct;
    int64_t pairs, newest; /* of the memory */
    double value, slope;   /* at the point; the slope along the direction */
    double at;             /* the distance of the place that was evaluated last */
    double squared_norm;   /* of the gradient there */
    int still;             /* iterations since the loss has changed */
    clade_minimize_result *result;
} search;

/* ---- making ---- */

static clade_status allocate_numbers(clade_minimizer *m) {
    const size_t k = (size_t)m->memory;
    m->storage = clade_allocate(m->context, 2 * k * k + 5 * k, sizeof *m->storage);
    if (!m->storage) return clade_fail_memory(m->context, 2 * k * k * sizeof *m->storage, "a minimiser");
    float *at = m->storage;
    m->products = (clade_lbfgs_products){ .memory = m->memory, .sy = at, .yy = at + k * k };
    at += 2 * k * k;
    m->products.sg = at;
    m->products.yg = at + k;
    m->weights = at + 2 * k;
    m->row = at + 4 * k;
    return CLADE_OK;
}

clade_status clade_minimizer_over(clade_value loss, const clade_trained *trained, int64_t memory,
                                  clade_minimizer **out) {
    *out = NULL;
    clade_context *context = loss.graph->context;
    if (memory < 1 || memory > CLADE_LBFGS_MOST_MEMORY)
        return clade_fail(context, CLADE_ERROR_ARGUMENT, "L-BFGS with a memory of %lld: from 1 to %d",
                          (long long)memory, CLADE_LBFGS_MOST_MEMORY);
    clade_minimizer *m = clade_allocate(context, 1, sizeof *m);
    if (!m) return clade_fail_memory(context, sizeof *m, "a minimiser");
    m->context = context;
    m->graph = loss.graph;
    m->memory = memory;
    clade_status status = allocate_numbers(m);
    if (status == CLADE_OK) status = clade_lbfgs_append(loss, trained, memory, &m->values);
    if (status != CLADE_OK) {
        clade_minimizer_free(m);
        return status;
    }
    *out = m;
    return CLADE_OK;
}

/* The gradient of LOSS by the states OVER. */
static clade_status find_given(clade_value loss, const clade_minimize_options *options, clade_trained *trained) {
    clade_graph *graph = loss.graph;
    const size_t count = options->over_count;
    *trained = (clade_trained){ .count = count };
    trained->states = clade_allocate(graph->context, 2 * count, sizeof *trained->states);
    if (!trained->states) return clade_fail_memory(graph->context, 2 * count * sizeof *trained->states, "the states");
    trained->gradients = trained->states + count;
    memcpy(trained->states, options->over, count * sizeof *trained->states);
    for (size_t i = 0; i < count; i++)
        if (!clade_value_valid(options->over[i]) || options->over[i].graph != graph ||
            clade_value_node(options->over[i])->op != &clade_op_state)
            return clade_fail(graph->context, CLADE_ERROR_ARGUMENT, "minimising over value %zu: no state of the graph",
                              i);
    clade_status status = clade_gradient(loss, CLADE_NO_VALUE, trained->states, count, trained->gradients);
    for (size_t i = 0; i < count && status == CLADE_OK; i++) {
        clade_dims dims = clade_value_dims(trained->states[i]);
        trained->parameters += clade_dims_value(graph, &dims, (clade_binding){ 0 }, (int64_t[CLADE_MAX_RANK]){ 0 });
        if (!clade_value_valid(trained->gradients[i]))
            status = clade_fail(graph->context, CLADE_ERROR_ARGUMENT, "the loss does not depend on the state %s",
                                clade_value_node(trained->states[i])->name);
    }
    return status;
}

clade_status clade_minimizer_new(clade_value loss, const clade_minimize_options *given, clade_minimizer **minimizer) {
    *minimizer = NULL;
    if (!clade_value_valid(loss)) return loss.graph ? clade_graph_status(loss.graph) : CLADE_ERROR_ARGUMENT;
    clade_minimize_options options = { 0 };
    if (given) memcpy(&options, given, given->size < sizeof options ? given->size : sizeof options);
    clade_context *context = loss.graph->context;
    if (clade_value_dims(loss).rank != 0)
        return clade_fail(context, CLADE_ERROR_ARGUMENT, "what is minimised must be a scalar");
    const clade_optimizer plain = { .kind = CLADE_LBFGS };
    clade_trained trained = { 0 };
    clade_status status = options.over_count > 0 ? find_given(loss, &options, &trained)
                                                 : clade_optimizer_find(&plain, loss, CLADE_NO_VALUE, &trained);
    if (status == CLADE_OK)
        status = clade_minimizer_over(loss, &trained, options.memory ? options.memory : DEFAULT_MEMORY, minimizer);
    clade_trained_free(context, &trained);
    return status;
}

void clade_minimizer_free(clade_minimizer *minimizer) {
    if (!minimizer) return;
    clade_free(minimizer->context, minimizer->storage);
    clade_free(minimizer->context, minimizer);
}

void clade_minimizer_watch(clade_minimizer *minimizer, const clade_value *values, size_t count) {
    minimizer->watch_count = count < CLADE_MOST_WATCHED ? count : CLADE_MOST_WATCHED;
    memcpy(minimizer->watch, values, minimizer->watch_count * sizeof *values);
}

const double *clade_minimizer_watched(const clade_minimizer *minimizer) {
    return minimizer->watched;
}

/* ---- plans ---- */

static clade_status make_plan(search *s, const clade_value *targets, size_t count, uint32_t program,
                              clade_binding binding, clade_plan **plan) {
    return clade_session_plan(s->session,
                              &(clade_plan_request){ .targets = targets,
                                                     .target_count = count,
                                                     .binding = binding,
                                                     .updates = program != 0,
                                                     .program = program },
                              plan);
}

static clade_status make_plans(search *s, const clade_run_options *run) {
    const clade_lbfgs_graph *v = &s->m->values;
    const clade_binding sizes = { run->batch, run->time }, none = { 0 };
    clade_value evaluated[1 + CLADE_MOST_WATCHED] = { v->numbers };
    memcpy(evaluated + 1, s->m->watch, s->m->watch_count * sizeof *evaluated);
    const clade_value products[] = { v->sy, v->yy, v->sg, v->yg };
    clade_status status = make_plan(s, evaluated, 1 + s->m->watch_count, CLADE_PROGRAM_EVALUATE, sizes, &s->evaluate);
    if (status == CLADE_OK) status = make_plan(s, NULL, 0, CLADE_PROGRAM_MOVE, none, &s->move);
    if (status == CLADE_OK) status = make_plan(s, NULL, 0, CLADE_PROGRAM_ACCEPT, none, &s->accept);
    if (status == CLADE_OK) status = make_plan(s, products, 4, 0, none, &s->products);
    if (status == CLADE_OK) status = make_plan(s, &v->slope, 1, CLADE_PROGRAM_DIRECT, none, &s->direct);
    return status;
}

/* Inputs keep what they are fed until they are fed again. */
static clade_status feed(search *s, const clade_run_options *run) {
    clade_status status = CLADE_OK;
    for (size_t i = 0; i < run->feed_count && status == CLADE_OK; i++) {
        const clade_binding_array *array = &run->feeds[i];
        const clade_buffer *buffer = clade_plan_input(s->evaluate, array->value);
        if (!buffer) continue; /* the loss does not need it */
        if (array->count <= 0 ||
            (size_t)array->count * clade_dtype_size(clade_value_dtype(array->value)) != buffer->bytes)
            return clade_fail(s->m->context, CLADE_ERROR_ARGUMENT, "input %s takes %zu bytes, not %lld elements",
                              clade_value_node(array->value)->name, buffer->bytes, (long long)array->count);
        status = clade_buffer_write(buffer, 0, array->data, buffer->bytes);
    }
    return status;
}

/* ---- phases ---- */

static clade_status read_watched(search *s) {
    clade_status status = CLADE_OK;
    for (size_t i = 0; i < s->m->watch_count && status == CLADE_OK; i++) {
        uint32_t bits;
        status = clade_buffer_read(clade_plan_target(s->evaluate, 1 + i), 0, &bits, sizeof bits);
        float real;
        int32_t integer;
        memcpy(&real, &bits, sizeof real);
        memcpy(&integer, &bits, sizeof integer);
        s->m->watched[i] = clade_value_dtype(s->m->watch[i]) == CLADE_I32 ? (double)integer : (double)real;
    }
    return status;
}

/* Loss, slope and gradient where w is. */
static clade_status evaluate(search *s, clade_line_point *point) {
    float numbers[3];
    clade_status status = clade_plan_enqueue(s->evaluate);
    if (status == CLADE_OK) status = clade_buffer_read(clade_plan_target(s->evaluate, 0), 0, numbers, sizeof numbers);
    point->value = (double)numbers[0];
    point->slope = (double)numbers[1];
    s->squared_norm = (double)numbers[2];
    s->at = point->t;
    s->result->evaluations++;
    return status;
}

static clade_status move_to(search *s, double t) {
    clade_status status = clade_session_set_scalar(s->session, "lbfgs.step", (float)t);
    return status == CLADE_OK ? clade_plan_enqueue(s->move) : status;
}

static clade_status evaluate_at(void *user, clade_line_point *point) {
    search *s = user;
    clade_status status = move_to(s, point->t);
    return status == CLADE_OK ? evaluate(s, point) : status;
}

/* Takes w for the point; ROW of the pairs becomes what has changed, where it is not negative. */
static clade_status accept(search *s, int64_t row) {
    const clade_minimizer *m = s->m;
    for (int64_t i = 0; i < m->memory; i++)
        m->row[i] = i == row ? 1 : 0;
    clade_status status =
        clade_buffer_write(clade_plan_input(s->accept, m->values.row), 0, m->row, (size_t)m->memory * sizeof *m->row);
    return status == CLADE_OK ? clade_plan_enqueue(s->accept) : status;
}

static clade_status read_products(search *s) {
    const clade_lbfgs_products *p = &s->m->products;
    float *const into[] = { p->sy, p->yy, p->sg, p->yg };
    clade_status status = clade_plan_enqueue(s->products);
    for (size_t i = 0; i < 4 && status == CLADE_OK; i++) {
        const clade_buffer *buffer = clade_plan_target(s->products, i);
        status = clade_buffer_read(buffer, 0, into[i], buffer->bytes);
    }
    return status;
}

/* Sets the direction, and the slope along it. */
static clade_status find_direction(search *s) {
    const clade_minimizer *m = s->m;
    float gradient = -1, slope;
    memset(m->weights, 0, (size_t)(2 * m->memory) * sizeof *m->weights);
    clade_status status = s->pairs > 0 ? read_products(s) : CLADE_OK;
    if (status == CLADE_OK && s->pairs > 0)
        clade_lbfgs_direction(&m->products, s->pairs, s->newest, m->weights, &gradient);
    if (status == CLADE_OK) status = clade_session_set_scalar(s->session, "lbfgs.gradient_weight", gradient);
    if (status == CLADE_OK)
        status = clade_buffer_write(clade_plan_input(s->direct, m->values.weights), 0, m->weights,
                                    (size_t)(2 * m->memory) * sizeof *m->weights);
    if (status == CLADE_OK) status = clade_plan_enqueue(s->direct);
    if (status == CLADE_OK) status = clade_buffer_read(clade_plan_target(s->direct, 0), 0, &slope, sizeof slope);
    if (status == CLADE_OK) s->slope = (double)slope;
    return status;
}

/* ---- the memory ---- */

static clade_status recall(search *s) {
    float memory[2];
    clade_status status = clade_session_read_state(s->session, "lbfgs.memory", memory, 2);
    if (status != CLADE_OK) return status;
    s->pairs = (int64_t)memory[0];
    s->newest = (int64_t)memory[1];
    if (s->pairs < 0 || s->pairs > s->m->memory || s->newest < 0 || s->newest >= s->m->memory) s->pairs = s->newest = 0;
    return CLADE_OK;
}

static clade_status keep(const search *s) {
    const float memory[2] = { (float)s->pairs, (float)s->newest };
    return clade_session_write_state(s->session, "lbfgs.memory", memory, 2);
}

clade_status clade_minimizer_reset(clade_minimizer *minimizer, clade_session *session) {
    (void)minimizer;
    return clade_session_write_state(session, "lbfgs.memory", (float[]){ 0, 0 }, 2);
}

/* ---- the search ---- */

/* The place that LINE found becomes the point, with its pair where the pair has a curvature. */
static clade_status advance(search *s, const clade_line_result *line) {
    clade_status status = CLADE_OK;
    if (s->at != line->point.t) { /* another place was tried after it */
        clade_line_point point = { .t = line->point.t };
        status = evaluate_at(s, &point);
    }
    const bool curved = line->point.slope > s->slope;
    const int64_t row = curved ? (s->pairs > 0 ? (s->newest + 1) % s->m->memory : 0) : -1;
    if (status == CLADE_OK) status = accept(s, row);
    if (status != CLADE_OK || !curved) return status;
    s->newest = row;
    if (s->pairs < s->m->memory) s->pairs++;
    return CLADE_OK;
}

/* Back to the point. */
static clade_status retreat(search *s) {
    s->result->end = CLADE_MINIMIZE_STUCK;
    return move_to(s, 0);
}

/* One iteration; result->end when the search has ended. */
static clade_status iterate(search *s) {
    clade_minimize_result *result = s->result;
    clade_status status = find_direction(s);
    if (status == CLADE_OK && !(s->slope < 0) && s->pairs > 0) { /* rounding has turned it uphill */
        s->pairs = 0;
        status = find_direction(s);
    }
    if (status != CLADE_OK) return status;
    if (!(s->slope < 0)) return retreat(s);
    const double first = s->pairs > 0 ? s->limits.first_step : s->limits.first_step * fmin(1, 1 / sqrt(-s->slope));
    const clade_line_search search = { .evaluate = evaluate_at,
                                       .user = s,
                                       .most = s->limits.evaluations - result->evaluations,
                                       .noise = float_noise * fabs(s->value) };
    const clade_line_point start = { .value = s->value, .slope = s->slope };
    clade_line_result line;
    status = clade_line_search_run(&search, start, first, &line);
    if (status != CLADE_OK) return status;
    if (!(line.point.t > 0)) {
        status = retreat(s);
        if (status == CLADE_OK && s->pairs > 0 && result->evaluations < s->limits.evaluations) {
            s->pairs = 0; /* once more, along the gradient */
            result->end = 0;
        }
        return status;
    }
    status = advance(s, &line);
    const double before = s->value;
    s->value = result->loss = line.point.value;
    result->gradient_norm = sqrt(s->squared_norm);
    result->iterations++;
    const bool still = fabs(before - s->value) <= s->limits.change_tolerance * fabs(before);
    s->still = still ? s->still + 1 : 0;
    if (s->still == STILL) result->end = CLADE_MINIMIZE_SETTLED;
    return status;
}

static bool has_ended(const search *s) {
    clade_minimize_result *result = s->result;
    if (result->end != 0) return true;
    if (result->gradient_norm <= s->limits.gradient_tolerance)
        result->end = CLADE_MINIMIZE_CONVERGED;
    else if (result->iterations >= s->limits.iterations || result->evaluations >= s->limits.evaluations)
        result->end = CLADE_MINIMIZE_LIMIT;
    return result->end != 0;
}

/* The loss and its gradient where the search begins, which is the point. */
static clade_status begin(search *s) {
    clade_line_point point = { 0 };
    clade_status status = recall(s);
    if (status == CLADE_OK) status = evaluate(s, &point);
    if (status == CLADE_OK) status = read_watched(s);
    if (status == CLADE_OK) status = accept(s, -1);
    s->value = s->result->first_loss = s->result->loss = point.value;
    s->result->gradient_norm = sqrt(s->squared_norm);
    if (status == CLADE_OK && !(isfinite(point.value) && isfinite(s->squared_norm)))
        status = clade_fail(s->m->context, CLADE_ERROR_ARGUMENT, "the loss is not a number where the search begins");
    return status;
}

static clade_minimize_limits complete(const clade_minimize_limits *given) {
    clade_minimize_limits limits = { 0 };
    if (given) memcpy(&limits, given, given->size < sizeof limits ? given->size : sizeof limits);
    if (limits.iterations == 0) limits.iterations = 100;
    if (limits.evaluations == 0) limits.evaluations = limits.iterations * 5 / 4 + 25;
    if (limits.gradient_tolerance == 0) limits.gradient_tolerance = 1e-5;
    if (limits.change_tolerance == 0) limits.change_tolerance = 1e-9;
    if (limits.first_step == 0) limits.first_step = 1;
    return limits;
}

clade_status clade_minimizer_run(clade_minimizer *minimizer, clade_session *session, const clade_run_options *given,
                                 const clade_minimize_limits *limits, clade_minimize_result *result) {
    clade_minimize_result unwanted;
    clade_run_options run = { 0 };
    if (given) memcpy(&run, given, given->size < sizeof run ? given->size : sizeof run);
    search s = {
        .m = minimizer, .session = session, .limits = complete(limits), .result = result ? result : &unwanted
    };
    *s.result = (clade_minimize_result){ 0 };
    clade_status status = make_plans(&s, &run);
    if (status == CLADE_OK) status = feed(&s, &run);
    if (status == CLADE_OK) status = begin(&s);
    while (status == CLADE_OK && !has_ended(&s)) {
        status = iterate(&s);
        if (status == CLADE_OK && s.result->end == 0 && s.limits.progress &&
            !s.limits.progress(s.limits.user, s.result))
            s.result->end = CLADE_MINIMIZE_STOPPED;
    }
    return status == CLADE_OK ? keep(&s) : status;
}
