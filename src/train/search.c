/* L-BFGS and the wiggle as steps of a trainer.
 *
 * The wiggle (deck 002): each element of each state, alone, is raised by the rate, and then
 *     w += rate * sgn(L(w) - L(w + rate))
 * all at the same w; sgn(0) = 0. L keeps batch, dropout and statistics of one step throughout. */
#include "train/search.h"

#include "base/context.h"
#include "exec/plan.h"
#include "train/minimizer.h"

#include <math.h>
#include <string.h>

enum { SCALARS = CLADE_MAX_EXTRA_LOSSES + 3 };

struct clade_search {
    clade_context *context;
    clade_minimizer *minimizer; /* NULL: the wiggle */
    clade_value lowered;
    const clade_trained *trained;
    int64_t iterations;
    bool watches; /* the feed's scalars are watched by the minimiser */
};

clade_status clade_search_new(clade_context *context, const clade_train_options *options, clade_value lowered,
                              const clade_trained *trained, clade_search **out) {
    *out = NULL;
    clade_search *search = clade_allocate(context, 1, sizeof *search);
    if (!search) return clade_fail_memory(context, sizeof *search, "a search");
    *search =
        (clade_search){ .context = context, .lowered = lowered, .trained = trained, .iterations = options->iterations };
    clade_status status = CLADE_OK;
    if (options->optimizer == CLADE_LBFGS)
        status = clade_minimizer_over(lowered, trained, options->memory, &search->minimizer);
    if (status != CLADE_OK) {
        clade_search_free(search);
        return status;
    }
    *out = search;
    return CLADE_OK;
}

void clade_search_free(clade_search *search) {
    if (!search) return;
    clade_minimizer_free(search->minimizer);
    clade_free(search->context, search);
}

/* The scalars of an outcome, in order. */
static size_t list_scalars(const clade_feed *feed, clade_value scalars[SCALARS]) {
    size_t count = 0;
    scalars[count++] = feed->loss;
    if (clade_value_valid(feed->correct)) scalars[count++] = feed->correct;
    for (size_t i = 0; i < feed->part_count; i++)
        scalars[count++] = feed->parts[i];
    return count;
}

static void take_outcome(const clade_feed *feed, const double *numbers, int64_t count, clade_outcome *outcome) {
    size_t next = 0;
    *outcome = (clade_outcome){ .count = count, .loss = numbers[next++] };
    if (clade_value_valid(feed->correct)) outcome->correct = numbers[next++];
    for (size_t i = 0; i < feed->part_count; i++)
        outcome->parts[i] = numbers[next++];
}

/* ---- L-BFGS ---- */

static int64_t elements_of(clade_value input, int64_t batch) {
    clade_dims dims = clade_value_dims(input);
    return clade_dims_value(input.graph, &dims, (clade_binding){ .batch = batch }, (int64_t[CLADE_MAX_RANK]){ 0 });
}

static size_t list_feeds(const clade_feed *feed, const clade_batch *batch, clade_binding_array feeds[3]) {
    const bool targets = clade_value_dtype(feed->label) == CLADE_F32;
    const void *label = targets ? (const void *)batch->targets : (const void *)batch->labels;
    size_t count = 0;
    feeds[count++] = (clade_binding_array){ feed->image, (void *)(uintptr_t)batch->images, 0 };
    feeds[count++] = (clade_binding_array){ feed->label, (void *)(uintptr_t)label, 0 };
    if (clade_value_valid(feed->number))
        feeds[count++] = (clade_binding_array){ feed->number, (void *)(uintptr_t)batch->labels, 0 };
    for (size_t i = 0; i < count; i++)
        feeds[i].count = elements_of(feeds[i].value, batch->count);
    return count;
}

static clade_status step_lbfgs(clade_search *search, clade_session *session, const clade_feed *feed,
                               const clade_batch *batch, double rate, clade_outcome *outcome) {
    clade_value scalars[SCALARS];
    clade_binding_array feeds[3];
    if (!search->watches) clade_minimizer_watch(search->minimizer, scalars, list_scalars(feed, scalars));
    search->watches = true;
    const clade_run_options run = {
        .size = sizeof run, .batch = batch->count, .feeds = feeds, .feed_count = list_feeds(feed, batch, feeds)
    };
    const clade_minimize_limits limits = {
        .size = sizeof limits, .iterations = search->iterations, .gradient_tolerance = 1e-7, .first_step = rate
    };
    clade_status status = clade_minimizer_run(search->minimizer, session, &run, &limits, NULL);
    take_outcome(feed, clade_minimizer_watched(search->minimizer), batch->count, outcome);
    return status;
}

/* ---- the wiggle ---- */

typedef struct wiggle {
    clade_session *session;
    clade_plan *plan; /* of the loss that is lowered */
    double rate, loss;
} wiggle;

static clade_status make_plan(clade_session *session, const clade_value *targets, size_t count, int64_t batch,
                              bool updates, clade_plan **plan) {
    return clade_session_plan(
        session,
        &(clade_plan_request){
            .targets = targets, .target_count = count, .binding = { .batch = batch }, .updates = updates },
        plan);
}

static clade_status send_batch(clade_plan *plan, const clade_feed *feed, const clade_batch *batch) {
    clade_binding_array feeds[3];
    const size_t count = list_feeds(feed, batch, feeds);
    clade_status status = CLADE_OK;
    for (size_t i = 0; i < count && status == CLADE_OK; i++) {
        const clade_buffer *buffer = clade_plan_input(plan, feeds[i].value);
        if (buffer) status = clade_buffer_write(buffer, 0, feeds[i].data, buffer->bytes);
    }
    return status;
}

static clade_status read_scalar(const clade_plan *plan, size_t index, clade_value value, double *number) {
    uint32_t bits;
    float real;
    int32_t integer;
    clade_status status = clade_buffer_read(clade_plan_target(plan, index), 0, &bits, sizeof bits);
    memcpy(&real, &bits, sizeof real);
    memcpy(&integer, &bits, sizeof integer);
    *number = clade_value_dtype(value) == CLADE_I32 ? (double)integer : (double)real;
    return status;
}

/* The ordinary run of the batch: its outcome, and the graph's own updates (a batch norm's statistics). */
static clade_status run_once(clade_session *session, const clade_feed *feed, const clade_batch *batch,
                             clade_outcome *outcome) {
    clade_value scalars[SCALARS];
    double numbers[SCALARS] = { 0 };
    const size_t count = list_scalars(feed, scalars);
    clade_plan *plan;
    clade_status status = make_plan(session, scalars, count, batch->count, true, &plan);
    if (status == CLADE_OK) status = send_batch(plan, feed, batch);
    if (status == CLADE_OK) status = clade_plan_enqueue(plan);
    for (size_t i = 0; i < count && status == CLADE_OK; i++)
        status = read_scalar(plan, i, scalars[i], &numbers[i]);
    take_outcome(feed, numbers, batch->count, outcome);
    return status;
}

static clade_status loss_now(const wiggle *w, clade_value lowered, double *loss) {
    clade_session_note_write(w->session);
    clade_status status = clade_plan_enqueue(w->plan);
    return status == CLADE_OK ? read_scalar(w->plan, 0, lowered, loss) : status;
}

/* What becomes of the COUNT elements of one state, OLD, into NEW; the state itself is left as it was. */
static clade_status wiggle_state(const wiggle *w, clade_value lowered, const clade_buffer *buffer, const float *old,
                                 float *new, size_t count) {
    clade_status status = CLADE_OK;
    for (size_t i = 0; i < count && status == CLADE_OK; i++) {
        const float raised = old[i] + (float)w->rate;
        double loss = 0;
        status = clade_buffer_write(buffer, i * sizeof raised, &raised, sizeof raised);
        if (status == CLADE_OK) status = loss_now(w, lowered, &loss);
        if (status == CLADE_OK) status = clade_buffer_write(buffer, i * sizeof raised, &old[i], sizeof old[i]);
        new[i] = w->loss > loss ? raised : w->loss < loss ? old[i] - (float)w->rate : old[i];
    }
    return status;
}

static clade_status step_wiggle(clade_search *search, clade_session *session, const clade_feed *feed,
                                const clade_batch *batch, double rate, clade_outcome *outcome) {
    const clade_trained *trained = search->trained;
    wiggle w = { .session = session, .rate = rate };
    const size_t bytes = 2 * (size_t)trained->parameters * sizeof(float);
    float *old = clade_allocate(search->context, bytes, 1), *new = old + trained->parameters;
    if (!old) return clade_fail_memory(search->context, bytes, "a wiggle");
    clade_status status = run_once(session, feed, batch, outcome);
    if (status == CLADE_OK) status = make_plan(session, &search->lowered, 1, batch->count, false, &w.plan);
    if (status == CLADE_OK) status = send_batch(w.plan, feed, batch);
    if (status == CLADE_OK) status = loss_now(&w, search->lowered, &w.loss);
    size_t at = 0;
    for (size_t i = 0; i < trained->count && status == CLADE_OK; i++) {
        const clade_buffer *buffer = clade_session_leaf(session, clade_value_node(trained->states[i]));
        const size_t count = buffer->bytes / sizeof(float);
        status = clade_buffer_read(buffer, 0, old + at, buffer->bytes);
        if (status == CLADE_OK) status = wiggle_state(&w, search->lowered, buffer, old + at, new + at, count);
        at += count;
    }
    at = 0;
    for (size_t i = 0; i < trained->count && status == CLADE_OK; i++) {
        const clade_buffer *buffer = clade_session_leaf(session, clade_value_node(trained->states[i]));
        status = clade_buffer_write(buffer, 0, new + at, buffer->bytes);
        at += buffer->bytes / sizeof(float);
    }
    clade_session_note_write(session);
    clade_free(search->context, old);
    return status;
}

clade_status clade_search_step(clade_search *search, clade_session *session, const clade_feed *feed,
                               const clade_batch *batch, double rate, clade_outcome *outcome) {
    return search->minimizer ? step_lbfgs(search, session, feed, batch, rate, outcome)
                             : step_wiggle(search, session, feed, batch, rate, outcome);
}
