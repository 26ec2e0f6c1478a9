/* Where the time of a step goes (clade/inspect.h): every command of the plan timed alone, over several steps.
 *
 * A command belongs to the forward phase when the run's targets need its node; of the others, one whose result a state is
 * set to is the update, and the rest is backward. */
#include "exec/inspect.h"

#include "base/file.h"

#include <inttypes.h>
#include <string.h>

enum { WHOLE_STEPS = 5, WARM_UP = 2 };

typedef struct holder {
    clade_profile profile;
    clade_context *context;
    clade_arena arena; /* rows and their texts */
} holder;

const char *clade_phase_name(clade_phase phase) {
    static const char *const names[CLADE_PHASE_COUNT] = { "forward", "backward", "update" };
    return phase >= 0 && phase < CLADE_PHASE_COUNT ? names[phase] : "unknown";
}

clade_status clade_device_open_profiled(clade_context *context, size_t index, clade_device **device) {
    return clade_device_open_profiling(context, index, device);
}

/* ---- phases ---- */

static bool sets_a_state(const clade_graph *graph, uint32_t node) {
    for (uint32_t i = 0; i < graph->update_count; i++)
        if (graph->updates[i].value.node == node) return true;
    return false;
}

/* The phase of each command, by the node that recorded it. */
static clade_status find_phases(const clade_plan *plan, clade_profile_row *rows, size_t count) {
    const clade_graph *graph = plan->graph;
    bool *forward = clade_allocate(plan->context, graph->node_count + 1, sizeof *forward);
    if (forward == NULL) return clade_fail_memory(plan->context, graph->node_count, "a profile");
    clade_graph_mark_needed(graph, plan->targets, plan->target_count, false, forward);
    uint32_t node = 0;
    for (size_t at = 0; at < count; at++) {
        while (node + 1 < graph->node_count && plan->nodes[node + 1].first_command <= at)
            node++;
        bool after_nodes = at >= plan->update_command; /* copies of new states to their places */
        rows[at].phase = after_nodes                 ? CLADE_PHASE_UPDATE
                         : forward[node]             ? CLADE_PHASE_FORWARD
                         : sets_a_state(graph, node) ? CLADE_PHASE_UPDATE
                                                     : CLADE_PHASE_BACKWARD;
    }
    clade_free(plan->context, forward);
    return CLADE_OK;
}

/* ---- times ---- */

/* SAMPLES holds STEPS times of each of COUNT commands, command by command. */
static clade_status time_commands(clade_session *session, clade_plan *plan, int64_t steps, clade_command_time *times,
                                  double *samples, size_t count) {
    clade_status status = clade_plan_enqueue(plan); /* with its preparation */
    for (int64_t step = -WARM_UP; step < steps && status == CLADE_OK; step++) {
        if (plan->updates) clade_session_set_random(session, 0, (uint64_t)(step + WARM_UP), 0);
        status = clade_session_send_scalars(session);
        if (status == CLADE_OK) status = clade_commands_time(plan->commands, times);
        for (size_t i = 0; step >= 0 && status == CLADE_OK && i < count; i++)
            samples[i * (size_t)steps + (size_t)step] = times[i].seconds;
    }
    return status;
}

static clade_status fill_rows(holder *held, const clade_plan *plan, const clade_command_time *times, double *samples,
                              int64_t steps, size_t count) {
    clade_profile_row *rows = clade_arena_allocate(&held->arena, count + 1, sizeof *rows);
    if (rows == NULL) return clade_fail_memory(held->context, count * sizeof *rows, "a profile");
    held->profile.rows = rows;
    held->profile.row_count = count;
    for (size_t i = 0; i < count; i++) {
        rows[i] = (clade_profile_row){
            .label = clade_arena_string(&held->arena, times[i].label),
            .kernel = clade_arena_string(&held->arena, times[i].kernel),
            .seconds = clade_median(samples + i * (size_t)steps, (size_t)steps),
            .flops = times[i].flops,
            .bytes = times[i].bytes,
        };
        if (rows[i].label == NULL || rows[i].kernel == NULL)
            return clade_fail_memory(held->context, count * sizeof *rows, "a profile");
    }
    clade_status status = find_phases(plan, rows, count);
    for (size_t i = 0; i < count && status == CLADE_OK; i++) {
        held->profile.seconds += rows[i].seconds;
        held->profile.phase_seconds[rows[i].phase] += rows[i].seconds;
    }
    return status;
}

typedef struct whole {
    clade_session *session;
    clade_plan *plan;
    uint64_t step;
} whole;

static clade_status whole_step(void *user) {
    whole *w = user;
    return clade_run_step(w->session, w->plan, w->step++);
}

clade_status clade_profile_new(clade_session *session, const clade_run_options *options, int64_t steps,
                               clade_profile **profile) {
    clade_context *context = clade_session_device(session)->context;
    *profile = NULL;
    whole w = { .session = session };
    if (steps < 1) return clade_fail(context, CLADE_ERROR_ARGUMENT, "a profile of %" PRId64 " steps", steps);
    clade_status status = clade_run_prepare(session, options, &w.plan);
    if (status != CLADE_OK) return status;
    size_t count = clade_commands_count(clade_plan_commands(w.plan));
    clade_command_time *times = clade_allocate(context, count + 1, sizeof *times);
    double *samples = clade_allocate(context, count * (size_t)steps + 1, sizeof *samples);
    holder *held = clade_allocate(context, 1, sizeof *held);
    clade_times steps_time = { .min = 0 };
    if (times == NULL || samples == NULL || held == NULL) {
        status = clade_fail_memory(context, count * (size_t)steps * sizeof *samples, "a profile");
    } else {
        held->context = held->arena.context = context;
    }
    const clade_bench_options exactly = { .size = sizeof exactly, .steps = WHOLE_STEPS };
    if (status == CLADE_OK) status = clade_bench(context, whole_step, &w, &exactly, &steps_time);
    if (status == CLADE_OK) status = time_commands(session, w.plan, steps, times, samples, count);
    if (status == CLADE_OK) status = fill_rows(held, w.plan, times, samples, steps, count);
    clade_free(context, times);
    clade_free(context, samples);
    if (status != CLADE_OK) {
        if (held != NULL) clade_profile_free(&held->profile);
        return status;
    }
    held->profile.step_seconds = steps_time.median;
    *profile = &held->profile;
    return CLADE_OK;
}

void clade_profile_free(clade_profile *profile) {
    if (profile == NULL) return;
    holder *held = (holder *)(void *)profile;
    clade_arena_clear(&held->arena);
    clade_free(held->context, held);
}

/* ---- trace ---- */

static void add_quoted(clade_text *out, const char *text) {
    clade_text_add(out, "\"");
    for (; *text != '\0'; text++) {
        unsigned char c = (unsigned char)*text;
        if (c == '"' || c == '\\') clade_text_add(out, "\\");
        if (c < 0x20) {
            clade_text_add(out, "\\u%04x", c);
        } else {
            clade_text_add_bytes(out, text, 1);
        }
    }
    clade_text_add(out, "\"");
}

/* A complete event ("X") for each row, times in microseconds: the trace event format's JSON object form. */
clade_status clade_profile_write_trace(clade_context *context, const clade_profile *profile, const char *path) {
    clade_text out = { .context = context };
    double at = 0;
    clade_text_add(&out, "{\"displayTimeUnit\":\"ms\",\"traceEvents\":[");
    for (size_t i = 0; i < profile->row_count; i++) {
        const clade_profile_row *row = &profile->rows[i];
        clade_text_add(&out, "%s{\"name\":", i > 0 ? ",\n" : "\n");
        add_quoted(&out, row->label);
        clade_text_add(
            &out, ",\"cat\":\"%s\",\"ph\":\"X\",\"ts\":%.3f,\"dur\":%.3f,\"pid\":1,\"tid\":1,\"args\":{\"kernel\":",
            clade_phase_name(row->phase), at * 1e6, row->seconds * 1e6);
        add_quoted(&out, row->kernel);
        clade_text_add(&out, ",\"flops\":%.17g,\"bytes\":%.17g}}", row->flops, row->bytes);
        at += row->seconds;
    }
    clade_text_add(&out, "\n]}\n");
    clade_status status = out.failed ? clade_fail_memory(context, out.length, "a trace")
                                     : clade_file_write(context, path, out.data, out.length);
    clade_text_free(&out);
    return status;
}
