/* Layers' costs and the cuts between them. */
#include "exec/split_costs.h"

#include "base/context.h"
#include "exec/inspect.h"
#include "passes/layers.h"

#include <math.h>
#include <string.h>

enum { TIMED_STEPS = 2 };
/* Bytes a second from device to device by way of the host: about what copying once into host memory and once out of it
 * comes to. Only weighs cuts of like times against each other. */
static const double passage_rate = 4e9;

/* ---- layers ---- */

typedef struct survey {
    const clade_graph *graph;
    clade_binding binding;
    clade_layer_cost *costs;
    size_t count;
    clade_layer_cost **of; /* by node: its layer's, a state's too; NULL: it has none */
} survey;

static clade_layer_cost *cost_of(const survey *s, const char *name) {
    for (size_t i = 0; i < s->count && name[0] != '\0'; i++)
        if (strcmp(s->costs[i].name, name) == 0) return &s->costs[i];
    return NULL;
}

static bool is_forward(const clade_graph *graph, uint32_t node) {
    return graph->backward_from == 0 || node < graph->backward_from;
}

static clade_array array_of(const survey *s, clade_value value) {
    const clade_type *type = clade_value_type(value);
    clade_array array = { .dtype = type->dtype, .rank = type->dims.rank };
    array.count = clade_dims_value(s->graph, &type->dims, s->binding, array.size);
    return array;
}

static double bytes_of(const clade_array *array) {
    return (double)array->count * (double)clade_dtype_size(array->dtype);
}

/* VALUE, of one layer, goes to all those up to that of its last forward user. */
static void add_crossing(const survey *s, clade_value value) {
    clade_layer_cost *made = s->of[value.node], *used = made;
    for (uint32_t i = value.node + 1; i < s->graph->node_count && is_forward(s->graph, i); i++) {
        const clade_node *node = s->graph->nodes[i];
        clade_layer_cost *layer = s->of[i];
        for (uint32_t k = 0; layer && k < node->input_count; k++)
            if (clade_value_equal(node->inputs[k], value) && layer > used) used = layer;
    }
    const clade_array array = array_of(s, value);
    for (clade_layer_cost *between = made + 1; between <= used; between++)
        between->crossing += bytes_of(&array);
}

static bool is_trained(const clade_node *state) {
    return ((const clade_leaf_attributes *)state->attributes)->role != CLADE_ROLE_STATE;
}

static void add_node(const survey *s, const clade_node *node) {
    const bool is_state = node->op == &clade_op_state;
    clade_layer_cost *cost = s->of[node->index];
    if (!cost || node->op->view || !(is_state || is_forward(s->graph, node->index))) return;
    for (uint32_t o = 0; o < node->output_count; o++) {
        const clade_value value = { (clade_graph *)s->graph, node->index, o };
        clade_array array = array_of(s, value);
        *(is_state ? &cost->states : &cost->kept) += bytes_of(&array);
        if (is_state && is_trained(node)) cost->gradients += bytes_of(&array);
        if (!is_state) add_crossing(s, value);
    }
}

/* LAYER_OF: by node. */
static void list_layers(survey *s, const char *const *layer_of) {
    for (uint32_t i = 0; i < s->graph->node_count && is_forward(s->graph, i); i++)
        if (layer_of[i][0] != '\0' && !cost_of(s, layer_of[i])) s->costs[s->count++].name = layer_of[i];
    for (uint32_t i = 0; i < s->graph->node_count; i++) {
        const clade_node *node = s->graph->nodes[i];
        const bool is_state = node->op == &clade_op_state;
        s->of[i] = cost_of(s, is_state ? clade_layer_of_state(s->graph, node->name) : layer_of[i]);
    }
    for (uint32_t i = 0; i < s->graph->node_count; i++)
        add_node(s, s->graph->nodes[i]);
}

/* ---- times ---- */

/* Zeros for every input of the graph; what their contents are changes no time. */
static clade_status make_feeds(const survey *s, clade_binding_array **out, size_t *count) {
    clade_context *context = s->graph->context;
    clade_binding_array *feeds = *out = clade_allocate(context, (size_t)s->graph->node_count + 1, sizeof *feeds);
    for (uint32_t i = 0; feeds && i < s->graph->node_count; i++) {
        if (s->graph->nodes[i]->op != &clade_op_input) continue;
        const clade_value value = { (clade_graph *)s->graph, i, 0 };
        const clade_array array = array_of(s, value);
        void *zeros = clade_allocate(context, (size_t)array.count, clade_dtype_size(array.dtype));
        if (!zeros) return clade_fail_memory(context, (size_t)bytes_of(&array), "the inputs of a timed step");
        feeds[(*count)++] = (clade_binding_array){ value, zeros, array.count };
    }
    return feeds ? CLADE_OK : clade_fail_memory(context, s->graph->node_count * sizeof *feeds, "a timed step");
}

static void free_feeds(clade_context *context, clade_binding_array *feeds, size_t count) {
    for (size_t i = 0; i < count; i++)
        clade_free(context, feeds[i].data);
    clade_free(context, feeds);
}

/* Whether command AT sets a state, or does nothing else. */
static bool is_update(const clade_plan *plan, size_t at) {
    if (at >= plan->update_command) return true;
    const uint32_t node = clade_profile_node_of(plan, at);
    for (uint32_t i = 0; i < plan->graph->update_count; i++)
        if (plan->graph->updates[i].value.node == node) return true;
    return false;
}

/* The seconds of a step's commands: the least of some runs, each command by itself. */
static clade_status time_plan(clade_plan *plan, clade_command_time *times, double *seconds, size_t count) {
    clade_status status = clade_plan_enqueue(plan);
    for (int run = 0; run < TIMED_STEPS && status == CLADE_OK; run++) {
        status = clade_commands_time(plan->commands, times);
        for (size_t i = 0; i < count && status == CLADE_OK; i++)
            seconds[i] = run == 0 ? times[i].seconds : fmin(seconds[i], times[i].seconds);
    }
    return status;
}

/* Adds PLAN's times to SPENT, a pair for each layer: what the samples take, and the update. */
static clade_status add_times(const survey *s, clade_plan *plan, double (*spent)[2]) {
    clade_context *context = s->graph->context;
    const size_t count = clade_commands_count(plan->commands);
    clade_command_time *times = clade_allocate(context, count + 1, sizeof *times);
    clade_profile_row *rows = clade_allocate(context, count + 1, sizeof *rows);
    double *seconds = clade_allocate(context, count + 1, sizeof *seconds);
    clade_status status = CLADE_OK;
    if (!times || !rows || !seconds) status = clade_fail_memory(context, count * sizeof *rows, "a timed step");
    if (status == CLADE_OK) status = time_plan(plan, times, seconds, count);
    for (size_t i = 0; i < count && status == CLADE_OK; i++)
        rows[i].label = times[i].label;
    if (status == CLADE_OK) status = clade_profile_find_layers(plan, rows, count);
    for (size_t i = 0; i < count && status == CLADE_OK; i++) {
        const clade_layer_cost *cost = cost_of(s, rows[i].layer);
        if (cost) spent[cost - s->costs][is_update(plan, i)] += seconds[i];
    }
    clade_free(context, times);
    clade_free(context, rows);
    clade_free(context, seconds);
    return status;
}

/* Times a step of SAMPLES samples. CLADE_ERROR_MEMORY: the whole graph does not fit on the device. */
static clade_status time_layers(const survey *s, clade_device *device, uint64_t seed, int64_t samples,
                                double (*spent)[2]) {
    survey sized = *s;
    clade_session *session = NULL;
    clade_plan *plan = NULL;
    clade_binding_array *feeds = NULL;
    size_t count = 0;
    sized.binding.batch = samples;
    clade_status status = clade_session_new(device, s->graph, seed, &session);
    if (status == CLADE_OK) status = make_feeds(&sized, &feeds, &count);
    const clade_run_options step = {
        .size = sizeof step, .batch = samples, .feeds = feeds, .feed_count = count, .updates = true
    };
    if (status == CLADE_OK) status = clade_run_prepare(session, &step, &plan);
    if (status == CLADE_OK) status = add_times(&sized, plan, spent);
    clade_session_free(session);
    if (feeds) free_feeds(s->graph->context, feeds, count);
    return status;
}

/* A line through two times of each layer. */
static clade_status fit_layers(const survey *s, clade_device *device, uint64_t seed, int64_t batch, size_t index) {
    const int64_t few = batch > 8 ? batch / 8 : 1, many = batch / 2 > few ? batch / 2 : few + 1;
    double(*spent)[2] = clade_allocate(s->graph->context, 2 * s->count + 1, sizeof *spent), (*second)[2];
    if (!spent) return clade_fail_memory(s->graph->context, s->count * sizeof *spent, "the times of layers");
    second = spent + s->count;
    clade_status status = time_layers(s, device, seed, few, spent);
    if (status == CLADE_OK) status = time_layers(s, device, seed, many, second);
    for (size_t i = 0; i < s->count && status == CLADE_OK; i++) {
        clade_layer_cost *cost = &s->costs[i];
        cost->sample[index] = fmax(0, second[i][0] - spent[i][0]) / (double)(many - few);
        cost->fixed[index] = fmax(0, spent[i][0] - (double)few * cost->sample[index]);
        cost->update[index] = fmin(spent[i][1], second[i][1]);
    }
    clade_free(s->graph->context, spent);
    return status;
}

/* From operations and bytes: each node takes as long as the slower of the two by the device's roof. */
static clade_status reckon_layers(const survey *s, clade_device *device, size_t index) {
    clade_roof roof;
    clade_status status = clade_device_roof(device, &roof);
    for (uint32_t i = 0; status == CLADE_OK && i < s->graph->node_count; i++) {
        const clade_node *node = s->graph->nodes[i];
        clade_layer_cost *cost = s->of[i];
        if (!cost || !node->op->implementations || node->op->view) continue;
        clade_site site = { .node = node, .device = device, .binding = s->binding };
        double moved = 0;
        for (uint32_t k = 0; k < node->input_count; k++) {
            site.in[k] = array_of(s, node->inputs[k]);
            moved += bytes_of(&site.in[k]);
        }
        for (uint32_t o = 0; o < node->output_count; o++) {
            site.out[o] = array_of(s, (clade_value){ (clade_graph *)s->graph, i, o });
            moved += bytes_of(&site.out[o]);
        }
        const double flops = node->op->flops ? node->op->flops(&site) : (double)site.out[0].count;
        cost->sample[index] += fmax(flops / roof.flops, moved / roof.bytes);
    }
    return status;
}

static bool is_as_fast(const clade_device *a, const clade_device *b) {
    return clade_devices_alike(a, b) && a->capabilities.compute_units == b->capabilities.compute_units;
}

/* As on an earlier device that is alike, if there is one. */
static bool take_from_alike(const survey *s, clade_device *const devices[], size_t index) {
    for (size_t d = 0; d < index; d++) {
        if (!is_as_fast(devices[d], devices[index])) continue;
        for (size_t i = 0; i < s->count; i++) {
            s->costs[i].fixed[index] = s->costs[i].fixed[d];
            s->costs[i].sample[index] = s->costs[i].sample[d];
            s->costs[i].update[index] = s->costs[i].update[d];
        }
        return true;
    }
    return false;
}

static clade_status find_times(const survey *s, clade_device *const devices[], size_t count, uint64_t seed,
                               int64_t batch) {
    clade_status status = CLADE_OK;
    for (size_t d = 0; d < count && status == CLADE_OK; d++) {
        if (take_from_alike(s, devices, d)) continue;
        status = s->graph->update_count > 0 ? fit_layers(s, devices[d], seed, batch, d) : CLADE_ERROR_MEMORY;
        if (status == CLADE_ERROR_MEMORY) status = reckon_layers(s, devices[d], d);
    }
    return status;
}

clade_status clade_layer_costs(clade_device *const devices[], size_t count, const clade_graph *graph, uint64_t seed,
                               int64_t batch, clade_layer_cost **costs, size_t *layers) {
    clade_context *context = graph->context;
    const size_t nodes = (size_t)graph->node_count + 1;
    survey s = { .graph = graph, .binding = { .batch = 1 } };
    const char **layer_of = clade_allocate(context, nodes, sizeof *layer_of);
    s.of = clade_allocate(context, nodes, sizeof *s.of);
    s.costs = clade_allocate(context, nodes, sizeof *s.costs);
    clade_status status = CLADE_OK;
    if (layer_of && s.of && s.costs) {
        clade_find_layers(graph, layer_of);
        list_layers(&s, layer_of);
        status = find_times(&s, devices, count, seed, batch);
    } else {
        status = clade_fail_memory(context, nodes * sizeof *s.costs, "the costs of layers");
    }
    clade_free(context, (void *)layer_of);
    clade_free(context, s.of);
    *costs = s.costs;
    *layers = s.count;
    return status;
}

/* ---- the cuts ---- */

double clade_layer_seconds(const clade_cut_problem *problem, size_t i, size_t d) {
    const clade_layer_cost *cost = &problem->costs[i];
    const double parts = (double)problem->micro_batches, adding = 3.0 / 5;
    return parts * cost->fixed[d] + (double)problem->batch * cost->sample[d] +
           cost->update[d] * (1 + adding * (parts - 1));
}

/* What device D takes of a micro-batch for layers FROM to TO (left out), with what it receives and, backward, sends. */
static double time_of(const clade_cut_problem *p, size_t from, size_t to, size_t d) {
    double bytes = 0, largest = 0;
    double seconds = from > 0 ? 2 * (double)p->batch * p->costs[from].crossing / passage_rate : 0;
    for (size_t i = from; i < to; i++) {
        seconds += clade_layer_seconds(p, i, d);
        bytes += p->costs[i].states + (double)p->batch * p->costs[i].kept;
        bytes += p->micro_batches > 1 ? p->costs[i].gradients : 0;
        largest = fmax(largest, p->costs[i].gradients);
    }
    bytes += largest;
    return bytes > p->room[d] ? 1e9 * (1 + bytes / p->room[d]) : seconds / (double)p->micro_batches;
}

/* The cuts that are best for the devices from D on, by the layer with which D begins, given those for the devices behind:
 * FINISH is what the slowest of them takes, END where D's layers end. */
static void find_cuts(const clade_cut_problem *p, size_t d, double *finish, size_t *end) {
    const bool last = d + 1 == p->devices;
    for (size_t from = 0; from < p->layers; from++) {
        double best = INFINITY;
        for (size_t to = last ? p->layers : from + 1; to + (p->devices - d - 1) <= p->layers; to++) {
            const double own = time_of(p, from, to, d), slowest = last ? own : fmax(own, finish[to]);
            if (slowest >= best) continue;
            best = slowest;
            end[d * p->layers + from] = to;
        }
        finish[from] = best; /* entries behind FROM are still those of the next device */
    }
}

clade_status clade_cut_by_costs(clade_context *context, const clade_cut_problem *p, uint8_t stage[], double *seconds) {
    if (p->layers < p->devices)
        return clade_fail(context, CLADE_ERROR_ARGUMENT, "%zu layer%s cannot be split over %zu devices", p->layers,
                          p->layers == 1 ? "" : "s", p->devices);
    double *finish = clade_allocate(context, p->layers, sizeof *finish);
    size_t *end = clade_allocate(context, p->devices * p->layers, sizeof *end);
    const bool good = finish && end;
    if (good) {
        for (size_t d = p->devices; d-- > 0;)
            find_cuts(p, d, finish, end);
        for (size_t d = 0, from = 0; d < p->devices; from = end[d * p->layers + from], d++)
            memset(stage + from, (int)d, end[d * p->layers + from] - from);
        *seconds = (double)(p->micro_batches + (int64_t)p->devices - 1) * finish[0];
    }
    clade_free(context, finish);
    clade_free(context, end);
    return good ? CLADE_OK : clade_fail_memory(context, p->layers * sizeof *end, "the cuts between devices");
}
