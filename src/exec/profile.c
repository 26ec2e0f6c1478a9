/* Where the time of a step goes (clade/inspect.h): every command of the plan timed alone, over several steps.
 *
 * A command belongs to the forward phase when the run's targets need its node; of the others, one whose result a state is
 * set to is the update, and the rest is backward. */
#include "exec/inspect.h"

#include "base/file.h"

#include <inttypes.h>
#include <string.h>

enum { WARM_UP = 2 };
static const double whole_seconds = 0.3; /* for steps run whole; and at least five of them */

typedef struct holder {
    clade_profile profile;
    clade_context *context;
    clade_arena arena; /* rows and their texts */
} holder;

const char *clade_phase_name(clade_phase phase) {
    static const char *const names[CLADE_PHASE_COUNT] = { "forward", "backward", "update" };
    return phase >= 0 && phase < CLADE_PHASE_COUNT ? names[phase] : "unknown";
}

clade_status clade_device_open_profiled(clade_context *context, const clade_device_pick *pick, clade_device **device) {
    return clade_device_open_profiling(context, pick, device);
}

/* ---- phases ---- */

static bool sets_a_state(const clade_graph *graph, uint32_t node) {
    for (uint32_t i = 0; i < graph->update_count; i++)
        if (graph->updates[i].value.node == node) return true;
    return false;
}

uint32_t clade_profile_node_of(const clade_plan *plan, size_t at) {
    uint32_t node = 0;
    while (node + 1 < plan->graph->node_count && plan->nodes[node + 1].first_command <= at)
        node++;
    return node;
}

/* The phase of each command, by the node that recorded it. */
static clade_status find_phases(const clade_plan *plan, clade_profile_row *rows, size_t count) {
    const clade_graph *graph = plan->graph;
    bool *forward = clade_allocate(plan->context, graph->node_count + 1, sizeof *forward);
    if (forward == NULL) return clade_fail_memory(plan->context, graph->node_count, "a profile");
    clade_graph_mark_needed(graph, plan->targets, plan->target_count, false, forward);
    for (size_t at = 0; at < count; at++) {
        bool after_nodes = at >= plan->update_command; /* copies of new states to their places */
        uint32_t node = clade_profile_node_of(plan, at);
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

/* Adds ROW to its layer among the profile's, a new one when it is the first, and has the row borrow its name. LAYERS has
 * room for as many as there are rows. */
static clade_status add_to_layer(holder *held, clade_profile_layer *layers, clade_profile_row *row) {
    size_t at = 0, count = held->profile.layer_count;
    while (at < count && strcmp(layers[at].name, row->layer) != 0)
        at++;
    clade_profile_layer *layer = &layers[at];
    if (at == count) {
        layer->name = clade_arena_string(&held->arena, row->layer);
        if (layer->name == NULL) return clade_fail_memory(held->context, strlen(row->layer), "a profile");
        held->profile.layer_count++;
    }
    row->layer = layer->name;
    layer->phase_seconds[row->phase] += row->seconds;
    layer->seconds += row->seconds;
    layer->flops += row->flops;
    layer->bytes += row->bytes;
    return CLADE_OK;
}

/* The sums over ROWS. */
static clade_status add_up(holder *held, clade_profile_row *rows, size_t count) {
    clade_profile_layer *layers = clade_arena_allocate(&held->arena, count + 1, sizeof *layers);
    if (layers == NULL) return clade_fail_memory(held->context, count * sizeof *layers, "a profile");
    held->profile.layers = layers;
    clade_status status = CLADE_OK;
    for (size_t i = 0; i < count && status == CLADE_OK; i++) {
        held->profile.seconds += rows[i].seconds;
        held->profile.phase_seconds[rows[i].phase] += rows[i].seconds;
        status = add_to_layer(held, layers, &rows[i]);
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
    if (status == CLADE_OK) status = clade_profile_find_layers(plan, rows, count);
    return status == CLADE_OK ? add_up(held, rows, count) : status;
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
    const clade_bench_options whole_steps = { .size = sizeof whole_steps, .seconds = whole_seconds };
    if (status == CLADE_OK) status = clade_bench(context, whole_step, &w, &whole_steps, &steps_time);
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

/* The tracks, as threads of one process; thread 0 would be the process itself. */
enum { TRACK_PHASES = 1, TRACK_LAYERS, TRACK_KERNELS };

static void add_name(clade_text *out, const char *what, int track, const char *name) {
    clade_text_add(out, "{\"name\":\"%s\",\"ph\":\"M\",\"pid\":1,\"tid\":%d,\"args\":{\"name\":\"%s\"}}", what, track,
                   name);
}

/* The beginning of a complete event ("X"), times in microseconds; the caller closes it with "}". */
static void add_event(clade_text *out, int track, const char *name, clade_phase phase, double at, double seconds) {
    clade_text_add(out, ",\n{\"name\":");
    add_quoted(out, name);
    clade_text_add(out, ",\"cat\":\"%s\",\"ph\":\"X\",\"ts\":%.3f,\"dur\":%.3f,\"pid\":1,\"tid\":%d",
                   clade_phase_name(phase), at * 1e6, seconds * 1e6, track);
}

static void add_kernel(clade_text *out, const clade_profile_row *row, double at) {
    add_event(out, TRACK_KERNELS, row->label, row->phase, at, row->seconds);
    clade_text_add(out, ",\"args\":{\"kernel\":");
    add_quoted(out, row->kernel);
    clade_text_add(out, ",\"flops\":%.17g,\"bytes\":%.17g}}", row->flops, row->bytes);
}

/* An event for each stretch of rows of one phase, or of one phase and layer. */
static void add_stretches(clade_text *out, const clade_profile *profile, int track) {
    double at = 0;
    for (size_t i = 0; i < profile->row_count;) {
        const clade_profile_row *first = &profile->rows[i];
        double seconds = 0;
        for (; i < profile->row_count; i++) {
            const clade_profile_row *row = &profile->rows[i];
            if (row->phase != first->phase || (track == TRACK_LAYERS && row->layer != first->layer)) break;
            seconds += row->seconds;
        }
        const char *name = track == TRACK_LAYERS ? first->layer : clade_phase_name(first->phase);
        if (name[0] != '\0') {
            add_event(out, track, name, first->phase, at, seconds);
            clade_text_add(out, "}");
        }
        at += seconds;
    }
}

/* The trace event format's JSON object form. */
clade_status clade_profile_write_trace(clade_context *context, const clade_profile *profile, const char *path) {
    clade_text out = { .context = context };
    double at = 0;
    clade_text_add(&out, "{\"displayTimeUnit\":\"ms\",\"traceEvents\":[\n");
    add_name(&out, "process_name", 0, "a step");
    static const char *const tracks[] = {
        [TRACK_PHASES] = "phases", [TRACK_LAYERS] = "layers", [TRACK_KERNELS] = "kernels"
    };
    for (int track = TRACK_PHASES; track <= TRACK_KERNELS; track++) {
        clade_text_add(&out, ",\n");
        add_name(&out, "thread_name", track, tracks[track]);
    }
    add_stretches(&out, profile, TRACK_PHASES);
    add_stretches(&out, profile, TRACK_LAYERS);
    for (size_t i = 0; i < profile->row_count; i++) {
        add_kernel(&out, &profile->rows[i], at);
        at += profile->rows[i].seconds;
    }
    clade_text_add(&out, "\n]}\n");
    clade_status status = out.failed ? clade_fail_memory(context, out.length, "a trace")
                                     : clade_file_write(context, path, out.data, out.length);
    clade_text_free(&out);
    return status;
}
