/* Making a session over several devices: the cut, a session for each device, and the states that they have between them. */
#include "exec/split.h"

#include "exec/session_inside.h"
#include "exec/split_costs.h"
#include "exec/split_inside.h"

#include <math.h>
#include <string.h>

/* ---- where everything is ---- */

int64_t clade_split_micro_batches(const clade_layer_split *split, int64_t batch) {
    int64_t parts = split->micro_batches < batch ? split->micro_batches : batch;
    while (parts > 1 && batch % parts != 0)
        parts--;
    return parts > 0 ? parts : 1;
}

static clade_status place(clade_layer_split *split, const char *name, uint8_t stage) {
    const char *copy = clade_arena_string(&split->arena, name);
    if (!copy) return clade_fail_memory(split->context, strlen(name), "the split of a graph");
    split->placed[split->placed_count++] = (clade_placement){ copy, stage };
    return CLADE_OK;
}

static void note_part(clade_layer_split *split, size_t part, const char *layer, double seconds) {
    clade_split_part *noted = &split->parts[part];
    if (!noted->first) noted->first = layer;
    noted->last = layer;
    noted->seconds += seconds;
}

/* The cuts that the caller asks for: each device begins with the layer AT names. */
static clade_status cut_at(const clade_layer_split *split, const clade_layer_cost *costs, size_t layers,
                           const char *const *at, uint8_t *stage) {
    size_t d = 0;
    for (size_t i = 0; i < layers; i++) {
        if (i > 0 && d + 1 < split->count && strcmp(costs[i].name, at[d]) == 0) d++;
        stage[i] = (uint8_t)d;
    }
    if (d + 1 == split->count) return CLADE_OK;
    return clade_fail(split->context, CLADE_ERROR_ARGUMENT,
                      "a split at %s: no layer of that name comes behind the first of the device before", at[d]);
}

/* Cuts for each number of micro-batches up to the split's (EACH), or for that one, and keeps what should be fastest. */
static clade_status cut_at_best(clade_layer_split *split, clade_cut_problem *problem, bool each, uint8_t *stage) {
    const int64_t most = split->micro_batches;
    clade_status status = CLADE_OK;
    double least = INFINITY, seconds = 0;
    for (int64_t parts = each ? 1 : most; parts <= most && status == CLADE_OK; parts++) {
        problem->micro_batches = parts;
        if (problem->batch % parts != 0) continue;
        status = clade_cut_by_costs(split->context, problem, stage, &seconds);
        if (status != CLADE_OK || seconds >= least) continue;
        least = seconds;
        split->micro_batches = parts;
    }
    if (status != CLADE_OK) return status;
    problem->micro_batches = split->micro_batches;
    return clade_cut_by_costs(split->context, problem, stage, &seconds);
}

static clade_status find_cuts(clade_layer_split *split, const clade_split_options *options, clade_cut_problem *problem,
                              uint8_t *stage) {
    const int64_t most = (options->at ? 2 : 8) * (int64_t)split->count;
    split->micro_batches = options->micro_batches > 0 ? options->micro_batches : most;
    split->micro_batches = problem->micro_batches = clade_split_micro_batches(split, options->batch);
    if (options->at) return cut_at(split, problem->costs, problem->layers, options->at, stage);
    return cut_at_best(split, problem, options->micro_batches == 0, stage);
}

/* Gives each layer its device. */
static clade_status place_layers(clade_layer_split *split, const clade_graph *graph, uint64_t seed,
                                 const clade_split_options *options) {
    clade_device *devices[CLADE_MAX_STAGES];
    double room[CLADE_MAX_STAGES];
    clade_layer_cost *costs = NULL;
    clade_cut_problem problem = { .devices = split->count, .room = room, .batch = options->batch };
    for (size_t d = 0; d < split->count; d++) {
        devices[d] = split->parts[d].device;
        room[d] = (double)clade_device_room(devices[d]);
    }
    uint8_t *stage = clade_allocate(split->context, (size_t)graph->node_count + 1, sizeof *stage);
    if (!stage) return clade_fail_memory(split->context, graph->node_count, "the split of a graph");
    clade_status status = clade_layer_costs(devices, options->at ? 0 : split->count, graph, seed, options->batch,
                                            &costs, &problem.layers);
    problem.costs = costs;
    if (status == CLADE_OK) status = find_cuts(split, options, &problem, stage);
    for (size_t i = 0; i < problem.layers && status == CLADE_OK; i++) {
        status = place(split, costs[i].name, stage[i]);
        if (status == CLADE_OK)
            note_part(split, stage[i], split->placed[i].name, clade_layer_seconds(&problem, i, stage[i]));
    }
    clade_free(split->context, costs);
    clade_free(split->context, stage);
    return status;
}

/* The leaves that the session of each part keeps: its states, and every scalar. */
static clade_status make_leaves(clade_layer_split *split, const clade_graph *graph, const uint8_t *stage) {
    clade_status status = CLADE_OK;
    for (size_t d = 0; d < split->count; d++) {
        split->parts[d].leaves = clade_graph_empty_like(graph);
        if (!split->parts[d].leaves) return CLADE_ERROR_MEMORY;
    }
    for (uint32_t i = 0; i < graph->node_count && status == CLADE_OK; i++) {
        const clade_node *node = graph->nodes[i];
        const bool is_state = node->op == &clade_op_state;
        if (!is_state && node->op != &clade_op_scalar) continue;
        if (is_state) status = place(split, node->name, stage[i]);
        for (size_t d = 0; d < split->count; d++)
            if (!is_state || stage[i] == d)
                clade_append(split->parts[d].leaves, node->op, node->name, node->attributes, NULL, 0);
    }
    return status;
}

static clade_status make_parts(clade_layer_split *split, const clade_graph *graph, uint64_t seed) {
    uint8_t *stage = clade_allocate(split->context, (size_t)graph->node_count + 1, sizeof *stage);
    clade_status status = stage && clade_find_stages(graph, split->placed, split->placed_count, stage)
                              ? CLADE_OK
                              : clade_fail_memory(split->context, graph->node_count, "the split of a graph");
    if (status == CLADE_OK) status = make_leaves(split, graph, stage);
    for (size_t d = 0; d < split->count && status == CLADE_OK; d++) {
        clade_split_part *part = &split->parts[d];
        status = clade_session_new(part->device, part->leaves, seed, &part->session);
        for (int i = 0; i < CLADE_SPLIT_TICKETS && status == CLADE_OK; i++)
            status = clade_ticket_new(part->device, &part->idle[i]);
    }
    clade_free(split->context, stage);
    return status;
}

/* ---- life ---- */

static clade_status borrow_states(clade_session *session) {
    for (size_t i = 0; i < session->state_count; i++) {
        clade_state_entry *state = &session->states[i], *there = NULL;
        for (size_t d = 0; d < session->split->count && !there; d++)
            there = clade_session_state_named(session->split->parts[d].session, state->info.name);
        if (!there) return clade_fail(session->context, CLADE_ERROR_ARGUMENT, "no device has %s", state->info.name);
        state->buffer = there->buffer;
    }
    return CLADE_OK;
}

static clade_status check(clade_context *context, clade_device *const devices[], size_t count) {
    if (count < 2 || count > CLADE_MAX_STAGES)
        return clade_fail(context, CLADE_ERROR_ARGUMENT, "a split by layers over %zu devices: 2 to %d are possible",
                          count, CLADE_MAX_STAGES);
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < i; k++)
            if (devices[i] == devices[k])
                return clade_fail(context, CLADE_ERROR_ARGUMENT, "devices %zu and %zu of a split are the same", k, i);
    return CLADE_OK;
}

static clade_status new_split(clade_context *context, clade_device *const devices[], size_t count,
                              const clade_graph *graph, clade_layer_split **out) {
    clade_layer_split *split = *out = clade_allocate(context, 1, sizeof *split);
    if (!split) return clade_fail_memory(context, sizeof *split, "a split");
    split->context = split->arena.context = context;
    split->count = count;
    for (size_t d = 0; d < count; d++)
        split->parts[d].device = devices[d];
    split->placed = clade_allocate(context, 2 * (size_t)graph->node_count + 1, sizeof *split->placed);
    return split->placed ? CLADE_OK : clade_fail_memory(context, graph->node_count, "a split");
}

clade_status clade_session_new_split(clade_device *const devices[], size_t count, const clade_graph *graph,
                                     uint64_t seed, const clade_split_options *options, clade_session **out) {
    clade_session *session = NULL;
    *out = NULL;
    clade_status status = check(graph->context, devices, count);
    if (status == CLADE_OK) status = clade_session_begin(devices[count - 1], graph, &session);
    if (status == CLADE_OK) status = new_split(graph->context, devices, count, graph, &session->split);
    if (status == CLADE_OK) status = place_layers(session->split, graph, seed, options);
    if (status == CLADE_OK) status = make_parts(session->split, graph, seed);
    if (status == CLADE_OK) status = borrow_states(session);
    if (status != CLADE_OK) {
        clade_session_free(session);
        return status;
    }
    *out = session;
    return CLADE_OK;
}

void clade_split_free(clade_layer_split *split) {
    if (!split) return;
    for (size_t d = 0; d < split->count; d++) {
        clade_session_free(split->parts[d].session);
        clade_graph_free(split->parts[d].leaves);
        for (int i = 0; i < CLADE_SPLIT_TICKETS; i++)
            clade_ticket_free(split->parts[d].idle[i]);
    }
    clade_free(split->context, split->placed);
    clade_arena_clear(&split->arena);
    clade_free(split->context, split);
}

size_t clade_split_count(const clade_layer_split *split) {
    return split ? split->count : 0;
}

clade_session *clade_split_session(const clade_layer_split *split, size_t index) {
    return split->parts[index].session;
}

bool clade_session_split_report(const clade_session *session, size_t index, clade_split_report *report) {
    if (index >= clade_split_count(session->split)) return false;
    const clade_layer_split *split = session->split;
    const clade_split_part *part = &split->parts[index];
    const double steps = fmax(1, (double)split->steps);
    size_t largest = 0;
    for (const clade_plan *plan = part->session->plans; plan; plan = plan->next)
        if (plan->memory.planned > largest) largest = plan->memory.planned;
    *report = (clade_split_report){
        .first = part->first ? part->first : "",
        .last = part->last ? part->last : "",
        .seconds = part->seconds,
        .waited = part->spent.waited,
        .bytes = part->spent.bytes,
        .memory = largest + (size_t)clade_session_state_floats(part->session) * sizeof(float),
        .steps = split->steps,
        .step_worked = (split->step_seconds - part->steps.waited) / steps,
        .step_waited = part->steps.waited / steps,
        .step_bytes = (double)part->steps.bytes / steps,
    };
    return true;
}
