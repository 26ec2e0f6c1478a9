/* A session: the states and run-time scalars of a graph in a device's memory, and the plans made so far. */
#include "exec/session.h"

#include "base/hash.h"
#include "exec/initialize.h"
#include "exec/session_inside.h"
#include "exec/split.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

clade_device *clade_session_device(const clade_session *session) {
    return session->device;
}

const clade_graph *clade_session_graph(const clade_session *session) {
    return session->graph;
}

clade_slab **clade_session_slabs(clade_session *session) {
    return &session->plan_slabs;
}

clade_choices *clade_session_choice_table(clade_session *session) {
    return &session->choices;
}

uint64_t clade_session_version(const clade_session *session) {
    return session->version;
}

void clade_session_note_write(clade_session *session) {
    session->version++;
    for (size_t i = 0; i < clade_split_count(session->split); i++)
        clade_session_note_write(clade_split_session(session->split, i));
}

void clade_session_sync_batch_norm(clade_session *session) {
    session->synchronised = true;
}

bool clade_session_synchronised(const clade_session *session) {
    return session->synchronised;
}

/* ---- states ---- */

static size_t count_leaves(const clade_graph *graph, const clade_op *op) {
    size_t count = 0;
    for (uint32_t i = 0; i < graph->node_count; i++)
        count += graph->nodes[i]->op == op;
    return count;
}

static int in_order_of_names(const void *left, const void *right) {
    const clade_state_entry *const *a = left, *const *b = right;
    const int order = strcmp((*a)->info.name, (*b)->info.name);
    return order != 0 ? order : (*a > *b) - (*a < *b);
}

clade_state_entry *clade_session_state_named(const clade_session *session, const char *name) {
    size_t first = 0, end = session->state_count;
    while (first < end) {
        const size_t middle = first + (end - first) / 2;
        if (strcmp(session->by_name[middle]->info.name, name) < 0)
            first = middle + 1;
        else
            end = middle;
    }
    const bool found = first < session->state_count && strcmp(session->by_name[first]->info.name, name) == 0;
    return found ? session->by_name[first] : NULL;
}

static clade_status list_states(clade_session *session) {
    const clade_graph *graph = session->graph;
    const size_t count = count_leaves(graph, &clade_op_state);
    session->states = clade_allocate(session->context, count + 1, sizeof *session->states);
    session->by_name = clade_allocate(session->context, count + 1, sizeof *session->by_name);
    if (!session->states || !session->by_name)
        return clade_fail_memory(session->context, count * sizeof(clade_state_entry), "the states");
    for (uint32_t i = 0; i < graph->node_count; i++) {
        const clade_node *node = graph->nodes[i];
        if (node->op != &clade_op_state) continue;
        clade_state_entry *state = &session->states[session->state_count++];
        state->attributes = node->attributes;
        state->info = (clade_state_info){ node->name, (clade_role)state->attributes->role, node->outputs[0].dims,
                                          clade_dims_value(graph, &node->outputs[0].dims, (clade_binding){ 0 }, NULL) };
        if (state->info.count <= 0)
            return clade_fail(session->context, CLADE_ERROR_ARGUMENT, "state %s has no number of elements", node->name);
        state->interval = (clade_interval){ .bytes = (size_t)state->info.count * sizeof(float) };
        session->by_name[session->state_count - 1] = state;
    }
    qsort(session->by_name, session->state_count, sizeof *session->by_name, in_order_of_names);
    return CLADE_OK;
}

static clade_status allocate_states(clade_session *session) {
    const clade_capabilities *can = &session->device->capabilities;
    clade_interval *intervals = clade_allocate(session->context, session->state_count + 1, sizeof *intervals);
    if (!intervals) return clade_fail_memory(session->context, sizeof *intervals, "the states");
    for (size_t i = 0; i < session->state_count; i++)
        intervals[i] = session->states[i].interval;
    size_t *bytes = NULL;
    clade_status status =
        clade_plan_memory_layout(session->context, intervals, session->state_count, can->slice_alignment,
                                 can->largest_allocation, &bytes, &session->slab_count);
    if (status == CLADE_OK) {
        session->slabs = clade_allocate(session->context, session->slab_count + 1, sizeof *session->slabs);
        if (!session->slabs) status = clade_fail_memory(session->context, sizeof *session->slabs, "the states");
    }
    for (size_t i = 0; status == CLADE_OK && i < session->slab_count; i++)
        status = clade_buffer_new(session->device, bytes[i], "the weights and other states", &session->slabs[i]);
    for (size_t i = 0; status == CLADE_OK && i < session->state_count; i++) {
        clade_state_entry *state = &session->states[i];
        status = clade_buffer_slice(&session->slabs[intervals[i].slab], intervals[i].offset, intervals[i].bytes,
                                    state->info.name, &state->buffer);
    }
    clade_free(session->context, bytes);
    clade_free(session->context, intervals);
    return status;
}

/* A part at a time, so that the host never holds a large state twice. */
static clade_status initialize_state(const clade_state_entry *state, uint64_t seed, float *part, int64_t part_count) {
    clade_status status = CLADE_OK;
    for (int64_t first = 0; status == CLADE_OK && first < state->info.count; first += part_count) {
        int64_t left = state->info.count - first, count = left < part_count ? left : part_count;
        clade_initialize_state(state->attributes, seed, state->info.name, first, part, count);
        status = clade_buffer_write(&state->buffer, (size_t)first * sizeof *part, part, (size_t)count * sizeof *part);
    }
    return status;
}

static clade_status initialize_states(clade_session *session, uint64_t seed) {
    enum { PART = 1 << 22 };
    int64_t largest = 1;
    for (size_t i = 0; i < session->state_count; i++) {
        const clade_state_entry *state = &session->states[i];
        if (state->info.count > largest && !clade_initializes_to_zero(state->attributes)) largest = state->info.count;
    }
    int64_t part_count = largest < PART ? largest : PART;
    float *part = clade_allocate(session->context, (size_t)part_count, sizeof *part);
    if (!part) return clade_fail_memory(session->context, (size_t)part_count * sizeof *part, "the states");
    clade_status status = CLADE_OK;
    for (size_t i = 0; status == CLADE_OK && i < session->state_count; i++) {
        const clade_state_entry *state = &session->states[i];
        status = clade_initializes_to_zero(state->attributes) ? clade_buffer_fill(&state->buffer, 0)
                                                              : initialize_state(state, seed, part, part_count);
    }
    clade_free(session->context, part);
    return status;
}

size_t clade_session_state_count(const clade_session *session) {
    return session->state_count;
}

clade_state_info clade_session_state(const clade_session *session, size_t index) {
    return session->states[index].info;
}

int64_t clade_session_state_floats(const clade_session *session) {
    int64_t count = 0;
    for (size_t i = 0; i < session->state_count; i++)
        count += session->states[i].info.count;
    return count;
}

int64_t clade_session_parameters(const clade_session *session) {
    int64_t count = 0;
    for (size_t i = 0; i < session->state_count; i++)
        if (session->states[i].info.role != CLADE_ROLE_STATE) count += session->states[i].info.count;
    return count;
}

clade_status clade_session_save_states(clade_session *session, float *data) {
    clade_status status = CLADE_OK;
    for (size_t i = 0; status == CLADE_OK && i < session->state_count; i++) {
        status = clade_buffer_read(&session->states[i].buffer, 0, data, session->states[i].interval.bytes);
        data += session->states[i].info.count;
    }
    return status;
}

clade_status clade_session_load_states(clade_session *session, const float *data) {
    clade_status status = CLADE_OK;
    clade_session_note_write(session);
    for (size_t i = 0; status == CLADE_OK && i < session->state_count; i++) {
        status = clade_buffer_write(&session->states[i].buffer, 0, data, session->states[i].interval.bytes);
        data += session->states[i].info.count;
    }
    return status;
}

/* The state of that name and size, or NULL with the fault set. */
static clade_state_entry *find_state(clade_session *session, const char *name, int64_t count) {
    clade_state_entry *state = clade_session_state_named(session, name);
    if (state && state->info.count == count) return state;
    if (state)
        clade_fail(session->context, CLADE_ERROR_ARGUMENT, "state %s has %" PRId64 " elements, not %" PRId64, name,
                   state->info.count, count);
    else
        clade_fail(session->context, CLADE_ERROR_ARGUMENT, "there is no state %s in the graph", name);
    return NULL;
}

clade_status clade_session_read_state(clade_session *session, const char *name, float *data, int64_t count) {
    clade_state_entry *state = find_state(session, name, count);
    return state ? clade_buffer_read(&state->buffer, 0, data, state->interval.bytes) : CLADE_ERROR_ARGUMENT;
}

clade_status clade_session_write_state(clade_session *session, const char *name, const float *data, int64_t count) {
    clade_state_entry *state = find_state(session, name, count);
    clade_session_note_write(session);
    return state ? clade_buffer_write(&state->buffer, 0, data, state->interval.bytes) : CLADE_ERROR_ARGUMENT;
}

clade_status clade_session_weights_sha256(clade_session *session, char hex[65]) {
    clade_sha256 hash;
    clade_sha256_start(&hash);
    for (size_t i = 0; i < session->state_count; i++) {
        const clade_state_entry *state = &session->states[i];
        if (state->info.role == CLADE_ROLE_STATE) continue;
        float *data = clade_allocate(session->context, (size_t)state->info.count, sizeof *data);
        if (!data) return clade_fail_memory(session->context, state->interval.bytes, state->info.name);
        clade_status status = clade_buffer_read(&state->buffer, 0, data, state->interval.bytes);
        clade_sha256_add_text(&hash, state->info.name);
        clade_sha256_add(&hash, state->info.dims.size, (size_t)state->info.dims.rank * sizeof(clade_size));
        clade_sha256_add(&hash, data, state->interval.bytes);
        clade_free(session->context, data);
        if (status != CLADE_OK) return status;
    }
    clade_sha256_finish_hex(&hash, hex);
    return CLADE_OK;
}

/* ---- scalars ---- */

static clade_status make_scalars(clade_session *session) {
    const clade_graph *graph = session->graph;
    size_t slots = 1 + count_leaves(graph, &clade_op_scalar);
    session->stride = session->device->capabilities.slice_alignment;
    session->scalars = clade_allocate(session->context, slots, sizeof(clade_scalar_entry));
    session->values = clade_allocate(session->context, (CLADE_RUNS_IN_FLIGHT + 2) * slots, session->stride);
    if (!session->scalars || !session->values)
        return clade_fail_memory(session->context, slots * session->stride, "the run-time scalars");
    clade_status status = clade_buffer_new(session->device, slots * session->stride, "the scalars", &session->block);
    if (status != CLADE_OK) return status;
    session->scalars[session->scalar_count++].name = clade_op_random_state.name;
    for (uint32_t i = 0; i < graph->node_count; i++) {
        const clade_node *node = graph->nodes[i];
        if (node->op != &clade_op_scalar) continue;
        float initial = (float)((const clade_constant_attributes *)node->attributes)->number;
        memcpy(session->values + session->scalar_count * session->stride, &initial, sizeof initial);
        session->scalars[session->scalar_count++].name = node->name;
    }
    for (size_t i = 0; status == CLADE_OK && i < slots; i++)
        status = clade_buffer_slice(&session->block, i * session->stride, i ? sizeof(float) : 8 * sizeof(int32_t),
                                    session->scalars[i].name, &session->scalars[i].buffer);
    return status;
}

/* Sets a scalar of every device of SPLIT. */
static clade_status set_scalar_of_all(struct clade_layer_split *split, const char *name, float value) {
    clade_status status = CLADE_OK;
    for (size_t i = 0; i < clade_split_count(split) && status == CLADE_OK; i++)
        status = clade_session_set_scalar(clade_split_session(split, i), name, value);
    return status;
}

clade_status clade_session_set_scalar(clade_session *session, const char *name, float value) {
    if (session->split) return set_scalar_of_all(session->split, name, value);
    for (size_t i = 1; i < session->scalar_count; i++) {
        if (strcmp(session->scalars[i].name, name) != 0) continue;
        char *place = session->values + i * session->stride;
        if (memcmp(place, &value, sizeof value) != 0) {
            memcpy(place, &value, sizeof value);
            session->sent = false;
        }
        return CLADE_OK;
    }
    return clade_fail(session->context, CLADE_ERROR_ARGUMENT, "there is no scalar %s in the graph", name);
}

void clade_session_set_random(clade_session *session, uint64_t seed, uint64_t step, int64_t first_sample) {
    const uint32_t words[8] = { (uint32_t)seed, (uint32_t)(seed >> 32), (uint32_t)step, (uint32_t)(step >> 32),
                                (uint32_t)first_sample };
    for (size_t i = 0; i < clade_split_count(session->split); i++)
        clade_session_set_random(clade_split_session(session->split, i), seed, step, first_sample);
    if (session->split) return;
    memcpy(session->values, words, sizeof words);
    session->sent = false;
}

clade_status clade_session_send_scalars(clade_session *session) {
    if (session->sent) return CLADE_OK;
    size_t bytes = session->scalar_count * session->stride;
    session->copy = session->copy % (CLADE_RUNS_IN_FLIGHT + 1) + 1;
    char *copy = session->values + session->copy * bytes;
    memcpy(copy, session->values, bytes);
    clade_status status = clade_buffer_enqueue_write(&session->block, copy, bytes);
    session->sent = status == CLADE_OK;
    return status;
}

const clade_buffer *clade_session_leaf(const clade_session *session, const clade_node *leaf) {
    if (leaf->op == &clade_op_random_state) return &session->scalars[0].buffer;
    if (leaf->op == &clade_op_scalar)
        for (size_t i = 1; i < session->scalar_count; i++)
            if (strcmp(session->scalars[i].name, leaf->name) == 0) return &session->scalars[i].buffer;
    const clade_state_entry *state =
        leaf->op == &clade_op_state ? clade_session_state_named(session, leaf->name) : NULL;
    return state ? &state->buffer : NULL;
}

/* ---- choices ---- */

clade_status clade_session_choices(clade_session *session, clade_text *out) {
    for (size_t i = 0; i < clade_split_count(session->split); i++)
        clade_choices_print(clade_session_choice_table(clade_split_session(session->split, i)), out);
    clade_choices_print(&session->choices, out);
    return out->failed ? clade_fail_memory(session->context, out->length, "the choices") : CLADE_OK;
}

clade_status clade_session_use_choices(clade_session *session, const char *text) {
    clade_status status = CLADE_OK;
    for (size_t i = 0; i < clade_split_count(session->split) && status == CLADE_OK; i++)
        status = clade_session_use_choices(clade_split_session(session->split, i), text);
    return status != CLADE_OK ? status : clade_choices_parse(&session->choices, text);
}

/* ---- life ---- */

clade_status clade_session_begin(clade_device *device, const clade_graph *graph, clade_session **out) {
    *out = NULL;
    clade_status status = clade_graph_status(graph);
    if (status != CLADE_OK) return status;
    clade_context *context = device->context;
    clade_session *session = *out = clade_allocate(context, 1, sizeof *session);
    if (!session) return clade_fail_memory(context, sizeof *session, "a session");
    session->context = session->choices.context = context;
    session->device = device;
    session->graph = graph;
    session->version = 1;
    return list_states(session);
}

clade_status clade_session_new(clade_device *device, const clade_graph *graph, uint64_t seed, clade_session **out) {
    clade_session *session;
    *out = NULL;
    clade_status status = clade_session_begin(device, graph, &session);
    if (status == CLADE_OK) status = allocate_states(session);
    if (status == CLADE_OK) status = initialize_states(session, seed);
    if (status == CLADE_OK) status = make_scalars(session);
    if (status != CLADE_OK) {
        clade_session_free(session);
        return status;
    }
    *out = session;
    return CLADE_OK;
}

clade_status clade_session_finish(clade_session *session) {
    clade_status status = CLADE_OK;
    if (!session) return CLADE_OK; /* a part of a split that could not be made */
    for (size_t i = 0; i < clade_split_count(session->split); i++) {
        const clade_status one = clade_session_finish(clade_split_session(session->split, i));
        if (status == CLADE_OK) status = one;
    }
    const clade_status own = clade_device_finish(session->device);
    return status == CLADE_OK ? own : status;
}

void clade_session_free(clade_session *session) {
    if (!session) return;
    clade_session_finish(session);
    while (session->plans) {
        clade_plan *next = session->plans->next;
        clade_plan_free(session->plans);
        session->plans = next;
    }
    for (size_t i = 0; i < session->scalar_count; i++)
        clade_buffer_free(&session->scalars[i].buffer);
    clade_buffer_free(&session->block);
    for (size_t i = session->state_count; !session->split && i-- > 0;) /* drivers find the latest slice first */
        clade_buffer_free(&session->states[i].buffer);
    for (size_t i = 0; session->slabs && i < session->slab_count; i++)
        clade_buffer_free(&session->slabs[i]);
    clade_split_free(session->split);
    clade_choices_free(&session->choices);
    clade_free(session->context, session->slabs);
    clade_free(session->context, session->states);
    clade_free(session->context, session->by_name);
    clade_free(session->context, session->scalars);
    clade_device_free_later(session->device, session->values);
    clade_free(session->context, session);
}

/* ---- plans and runs ---- */

static bool plan_fits(const clade_plan *plan, const clade_plan_request *request) {
    if (plan->target_count != request->target_count || plan->updates != request->updates ||
        plan->inference != request->inference || plan->program != request->program ||
        plan->binding.batch != request->binding.batch || plan->binding.time != request->binding.time)
        return false;
    for (size_t i = 0; i < plan->target_count; i++)
        if (!clade_value_equal(plan->requested[i], request->targets[i])) return false;
    return true;
}

clade_status clade_session_plan(clade_session *session, const clade_plan_request *request, clade_plan **plan) {
    for (*plan = request->graph ? NULL : session->plans; *plan; *plan = (*plan)->next)
        if (plan_fits(*plan, request)) return CLADE_OK;
    if (request->updates && request->inference)
        return clade_fail(session->context, CLADE_ERROR_ARGUMENT, "a run at inference carries out no updates");
    clade_status status =
        session->split ? clade_split_plan_new(session, request, plan) : clade_plan_new(session, request, plan);
    if (status != CLADE_OK) return status;
    (*plan)->next = session->plans;
    session->plans = *plan;
    return CLADE_OK;
}

void clade_session_drop_plan(clade_session *session, clade_plan *plan) {
    clade_plan **link = &session->plans;
    while (*link && *link != plan)
        link = &(*link)->next;
    if (!*link) return;
    *link = plan->next;
    clade_plan_free(plan);
}

static clade_status feed(clade_session *session, clade_plan *plan, const clade_binding_array *array) {
    if (!clade_value_valid(array->value) || array->value.graph != session->graph)
        return clade_fail(session->context, CLADE_ERROR_ARGUMENT, "a feed is no input of the session's graph");
    const clade_buffer *buffer = clade_plan_input(plan, array->value);
    if (!buffer) return CLADE_OK; /* nothing that is asked for needs it */
    size_t size = clade_dtype_size(clade_value_dtype(array->value));
    if (array->count <= 0 || (size_t)array->count * size != buffer->bytes)
        return clade_fail(session->context, CLADE_ERROR_ARGUMENT, "input %s takes %zu elements, not %" PRId64,
                          clade_value_node(array->value)->name, buffer->bytes / size, array->count);
    return clade_buffer_write(buffer, 0, array->data, buffer->bytes);
}

static clade_status fetch(clade_session *session, clade_plan *plan, size_t index, const clade_binding_array *array) {
    const clade_buffer *buffer = clade_plan_target(plan, index);
    size_t bytes = (size_t)array->count * clade_dtype_size(clade_value_dtype(array->value));
    if (array->count <= 0 || bytes != buffer->bytes)
        return clade_fail(session->context, CLADE_ERROR_ARGUMENT, "fetch %zu gives %zu bytes, not %zu", index,
                          buffer->bytes, bytes);
    return clade_buffer_read(buffer, 0, array->data, bytes);
}

clade_status clade_session_run(clade_session *session, const clade_run_options *options) {
    clade_value *targets = clade_allocate(session->context, options->fetch_count + 1, sizeof *targets);
    if (!targets) return clade_fail_memory(session->context, sizeof *targets, "a run");
    for (size_t i = 0; i < options->fetch_count; i++)
        targets[i] = options->fetches[i].value;
    clade_plan *plan = NULL;
    clade_status status = clade_session_plan(session,
                                             &(clade_plan_request){ .targets = targets,
                                                                    .target_count = options->fetch_count,
                                                                    .binding = { options->batch, options->time },
                                                                    .updates = options->updates,
                                                                    .inference = options->inference },
                                             &plan);
    for (size_t i = 0; status == CLADE_OK && i < options->feed_count; i++)
        status = feed(session, plan, &options->feeds[i]);
    if (status == CLADE_OK) status = clade_plan_enqueue(plan);
    for (size_t i = 0; status == CLADE_OK && i < options->fetch_count; i++)
        status = fetch(session, plan, i, &options->fetches[i]);
    if (status == CLADE_OK) status = clade_session_finish(session);
    clade_free(session->context, targets);
    return status;
}
