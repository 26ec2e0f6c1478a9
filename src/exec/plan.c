/* Making a plan: passes over the session's graph, sizes bound to numbers, an implementation for every node, a place for
 * every value, and the list of commands that a run enqueues. */
#include "exec/plan.h"

#include "device/group.h"
#include "exec/split.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* ---- passes ---- */

/* Puts GRAPH in the place of plan->graph; the session's own graph is not the plan's to free. */
static bool advance(clade_plan *plan, clade_graph *graph) {
    clade_graph_free(plan->graph);
    plan->graph = graph;
    return graph != NULL;
}

static const clade_graph *current(const clade_plan *plan) {
    return plan->graph ? plan->graph : clade_session_graph(plan->session);
}

static clade_graph *infer(const clade_graph *graph, clade_value *targets, size_t count, bool updates) {
    (void)updates; /* left out at inference */
    return clade_pass_inference(graph, targets, count, NULL);
}

static clade_graph *fold(const clade_graph *graph, clade_value *targets, size_t count, bool updates) {
    (void)updates;
    return clade_pass_fold(graph, targets, count, NULL);
}

static clade_graph *alone(const clade_graph *graph, clade_value *targets, size_t count, bool updates) {
    return clade_pass_alone(graph, targets, count, updates, NULL);
}

static clade_graph *synchronise(const clade_graph *graph, clade_value *targets, size_t count, bool updates) {
    return clade_pass_sync_batch_norm(graph, targets, count, updates, NULL);
}

static clade_graph *simplify(const clade_graph *graph, clade_value *targets, size_t count, bool updates) {
    return clade_pass_simplify(graph, targets, count, updates, NULL);
}

static clade_graph *commute(const clade_graph *graph, clade_value *targets, size_t count, bool updates) {
    return clade_pass_commute(graph, targets, count, updates, NULL);
}

static clade_graph *tails(const clade_graph *graph, clade_value *targets, size_t count, bool updates) {
    return clade_pass_tails(graph, targets, count, updates, NULL);
}

static clade_graph *fuse(const clade_graph *graph, clade_value *targets, size_t count, bool updates) {
    return clade_pass_fuse(graph, targets, count, updates, NULL);
}

const clade_plan_pass clade_plan_passes[] = {
    { "inference", CLADE_PASS_INFERENCE, infer },
    { "fold", CLADE_PASS_INFERENCE, fold },
    { "alone", CLADE_PASS_ALONE, alone },
    { "sync_batch_norm", CLADE_PASS_SYNCHRONISED, synchronise },
    { "simplify", CLADE_PASS_ALWAYS, simplify },
    { "commute", CLADE_PASS_ALWAYS, commute },
    { "tails", CLADE_PASS_ALWAYS, tails },
    { "fuse", CLADE_PASS_ALWAYS, fuse },
    { "schedule", CLADE_PASS_GROUPED, clade_pass_schedule },
    { NULL, CLADE_PASS_ALWAYS, NULL },
};

bool clade_plan_pass_applies(const clade_plan_pass *pass, const clade_session *session, bool inference) {
    const bool grouped = clade_session_device(session)->group != NULL;
    switch (pass->when) {
    case CLADE_PASS_INFERENCE:
        return inference;
    case CLADE_PASS_ALONE:
        return !grouped;
    case CLADE_PASS_GROUPED:
        return grouped;
    case CLADE_PASS_SYNCHRONISED:
        return grouped && clade_session_synchronised(session);
    case CLADE_PASS_ALWAYS:
        return true;
    }
    return true;
}

static bool run_passes(clade_plan *plan) {
    if (plan->program > 0 && !advance(plan, clade_graph_of_program(clade_session_graph(plan->session), plan->program,
                                                                   plan->targets, plan->target_count)))
        return false;
    for (const clade_plan_pass *pass = clade_plan_passes; pass->name; pass++) {
        if (!clade_plan_pass_applies(pass, plan->session, plan->inference)) continue;
        if (!advance(plan, pass->run(current(plan), plan->targets, plan->target_count, plan->updates))) return false;
    }
    return true;
}

/* ---- numbers ---- */

static clade_status bind_value(clade_plan *plan, const clade_node *node, uint32_t output) {
    const clade_type *type = &node->outputs[output];
    clade_array *array = &plan->slots[plan->nodes[node->index].first_slot + output].array;
    array->dtype = type->dtype;
    array->rank = type->dims.rank;
    array->count = clade_dims_value(plan->graph, &type->dims, plan->binding, array->size);
    if (array->count <= 0 || array->count > (int64_t)(SIZE_MAX / 8))
        return clade_fail(plan->context, CLADE_ERROR_ARGUMENT, "%s %s: %s at batch %" PRId64 " is not a possible size",
                          node->op->name, node->name, clade_type_text(plan->graph, type), plan->binding.batch);
    return CLADE_OK;
}

static void free_numbers(clade_plan *plan) {
    clade_free(plan->context, plan->nodes);
    clade_free(plan->context, plan->slots);
    clade_free(plan->context, plan->committed);
    clade_free(plan->context, plan->aside);
    plan->nodes = NULL;
    plan->slots = NULL;
    plan->committed = NULL;
    plan->aside = NULL;
    plan->slot_count = 0;
}

static clade_status bind_sizes(clade_plan *plan) {
    const clade_graph *graph = plan->graph;
    free_numbers(plan);
    plan->nodes = clade_allocate(plan->context, graph->node_count + 1, sizeof *plan->nodes);
    plan->committed = clade_allocate(plan->context, graph->update_count + 1, sizeof *plan->committed);
    plan->aside = clade_allocate(plan->context, graph->update_count + 1, sizeof *plan->aside);
    for (uint32_t i = 0; plan->nodes && i < graph->node_count; i++) {
        plan->nodes[i].first_slot = plan->slot_count;
        plan->slot_count += graph->nodes[i]->output_count;
        plan->nodes[i].prepared = -1;
        for (int w = 0; w < CLADE_MAX_WORKSPACES; w++)
            plan->nodes[i].workspaces[w] = -1;
    }
    plan->slots = clade_allocate(plan->context, plan->slot_count + 1, sizeof *plan->slots);
    if (!plan->nodes || !plan->committed || !plan->aside || !plan->slots)
        return clade_fail_memory(plan->context, plan->slot_count * sizeof *plan->slots, "a plan");
    for (uint32_t i = 0; i < graph->node_count; i++)
        for (uint32_t o = 0; o < graph->nodes[i]->output_count; o++) {
            plan->slots[plan->nodes[i].first_slot + o].storage = -1;
            plan->slots[plan->nodes[i].first_slot + o].root = plan->nodes[i].first_slot + o;
            clade_status status = bind_value(plan, graph->nodes[i], o);
            if (status != CLADE_OK) return status;
        }
    return CLADE_OK;
}

/* ---- what stays the same from run to run ---- */

/* A leaf whose contents no run of the plan changes. */
static bool is_steady_leaf(const clade_plan *plan, const clade_node *node) {
    return node->op == &clade_op_constant || (node->op == &clade_op_state && !plan->updates);
}

/* Constants, states that the plan does not update, and what is computed of these alone, need not be computed at every
 * run: packed weights, weights with a batch norm folded in. */
static void find_steady(clade_plan *plan) {
    for (uint32_t i = 0; i < plan->graph->node_count; i++) {
        const clade_node *node = plan->graph->nodes[i];
        bool steady = (node->input_count > 0 && !clade_is_transfer(node->op)) || is_steady_leaf(plan, node);
        for (uint32_t k = 0; k < node->input_count; k++)
            steady = steady && clade_value_valid(node->inputs[k]) && plan->nodes[node->inputs[k].node].steady;
        plan->nodes[i].steady = steady;
    }
}

static void find_last_receive(clade_plan *plan) {
    plan->last_receive = -1;
    for (uint32_t i = 0; i < plan->graph->node_count; i++)
        if (plan->graph->nodes[i]->op == &clade_all_reduce_receive) plan->last_receive = i;
}

clade_status clade_plan_bind(clade_plan *plan) {
    clade_status status = bind_sizes(plan);
    if (status == CLADE_OK) find_steady(plan);
    if (status == CLADE_OK) find_last_receive(plan);
    return status;
}

/* ---- choices ---- */

static clade_status choose_implementations(clade_plan *plan) {
    for (uint32_t i = 0; i < plan->graph->node_count; i++) {
        const clade_node *node = plan->graph->nodes[i];
        if (!node->op->implementations || node->op->view) continue;
        clade_site site;
        clade_plan_site(plan, node, &site);
        clade_text reasons = { .context = plan->context };
        clade_choice choice;
        clade_status status = clade_choose(&site, clade_session_choice_table(plan->session), &choice, &reasons);
        plan->nodes[i].implementation = choice.implementation;
        plan->nodes[i].configuration = choice.configuration;
        plan->nodes[i].reasons = clade_arena_string(&plan->arena, clade_text_get(&reasons));
        clade_text_free(&reasons);
        if (status != CLADE_OK) return status;
    }
    return CLADE_OK;
}

/* ---- life ---- */

static clade_status copy_request(clade_plan *plan, const clade_plan_request *request) {
    size_t bytes = (request->target_count + 1) * sizeof(clade_value);
    clade_value *requested = clade_arena_allocate(&plan->arena, 1, bytes);
    plan->targets = clade_arena_allocate(&plan->arena, 1, bytes);
    if (!requested || !plan->targets) return clade_fail_memory(plan->context, bytes, "a plan");
    for (size_t i = 0; i < request->target_count; i++) {
        if (!clade_value_valid(request->targets[i]) || request->targets[i].graph != current(plan))
            return clade_fail(plan->context, CLADE_ERROR_ARGUMENT, "target %zu is no value of the session's graph", i);
        requested[i] = plan->targets[i] = request->targets[i];
    }
    plan->requested = requested;
    plan->target_count = request->target_count;
    return CLADE_OK;
}

clade_status clade_plan_begin(clade_session *session, const clade_plan_request *request, clade_plan **out) {
    clade_context *context = clade_session_device(session)->context;
    clade_plan *plan = *out = clade_allocate(context, 1, sizeof *plan);
    if (!plan) {
        clade_graph_free(request->graph);
        return clade_fail_memory(context, sizeof *plan, "a plan");
    }
    *plan = (clade_plan){ .session = session,
                          .context = context,
                          .arena = { .context = context },
                          .binding = request->binding,
                          .updates = request->updates,
                          .inference = request->inference,
                          .program = request->updates ? request->program : 0,
                          .graph = request->graph,
                          .passages = request->passages,
                          .poison = clade_environment("CLADE_POISON") != NULL };
    return copy_request(plan, request);
}

clade_status clade_plan_sketch(clade_session *session, const clade_plan_request *request, clade_plan **out) {
    clade_plan *plan;
    *out = NULL;
    clade_status status = clade_plan_begin(session, request, &plan);
    if (status == CLADE_OK && !run_passes(plan)) status = CLADE_ERROR_MEMORY; /* the pass has said why */
    if (status == CLADE_OK) status = clade_plan_bind(plan);
    if (status != CLADE_OK) {
        clade_plan_free(plan);
        return status;
    }
    *out = plan;
    return CLADE_OK;
}

clade_status clade_plan_new(clade_session *session, const clade_plan_request *request, clade_plan **out) {
    clade_plan *plan;
    *out = NULL;
    clade_status status = clade_plan_sketch(session, request, &plan);
    if (status != CLADE_OK) return status;
    status = choose_implementations(plan);
    if (status == CLADE_OK) status = clade_plan_place(plan);
    if (status == CLADE_OK) status = clade_plan_record(plan);
    if (status != CLADE_OK) {
        clade_plan_free(plan);
        return status;
    }
    *out = plan;
    return CLADE_OK;
}

void clade_plan_free(clade_plan *plan) {
    if (!plan) return;
    clade_split_plan_free(plan->split);
    clade_commands_free(plan->preparation);
    clade_commands_free(plan->commands);
    clade_plan_clear_layout(plan);
    free_numbers(plan);
    clade_free(plan->context, plan->again);
    clade_graph_free(plan->graph);
    clade_arena_clear(&plan->arena);
    clade_free(plan->context, plan);
}

/* ---- use ---- */

const clade_buffer *clade_plan_input(const clade_plan *plan, clade_value input) {
    if (plan->split) return clade_split_plan_input(plan->split, input);
    clade_value found = clade_graph_find(plan->graph, clade_op_input.name, clade_value_node(input)->name);
    if (!clade_value_valid(found)) return NULL;
    return &plan->storages[clade_plan_root_of(plan, found)->storage].buffer;
}

const clade_buffer *clade_plan_target(const clade_plan *plan, size_t index) {
    if (plan->split) return clade_plan_target(clade_split_plan_last(plan->split), index);
    return &plan->storages[clade_plan_root_of(plan, plan->targets[index])->storage].buffer;
}

clade_status clade_plan_prepare(clade_plan *plan) {
    clade_status sent = clade_session_send_scalars(plan->session);
    if (sent != CLADE_OK) return sent;
    const uint64_t version = clade_session_version(plan->session);
    if (plan->prepared_at == version || (plan->updates && plan->prepared_at > 0)) return CLADE_OK;
    clade_status status = clade_commands_enqueue(plan->preparation);
    if (status == CLADE_OK) plan->prepared_at = version;
    return status;
}

clade_status clade_plan_enqueue(clade_plan *plan) {
    clade_status status = plan->split ? clade_split_plan_enqueue(plan->split) : clade_plan_prepare(plan);
    if (status == CLADE_OK && !plan->split) status = clade_commands_enqueue(plan->commands);
    if (plan->updates) clade_session_note_write(plan->session);
    const clade_device *device = clade_session_device(plan->session);
    if (status != CLADE_OK && device->group) clade_group_break(device->group, device->member);
    return status;
}

clade_plan_memory clade_plan_memory_use(const clade_plan *plan) {
    clade_plan_memory use = plan->split ? clade_split_plan_memory(plan->split) : plan->memory;
    use.states = (size_t)clade_session_state_floats(plan->session) * sizeof(float);
    return use;
}

clade_commands *clade_plan_commands(clade_plan *plan) {
    return plan->commands;
}

/* ---- words ---- */

static void explain_array(const clade_array *array, clade_text *out) {
    clade_text_add(out, " (");
    for (int32_t i = 0; i < array->rank; i++)
        clade_text_add(out, "%s%" PRId64, i ? "x" : "", array->size[i]);
    clade_text_add(out, ")");
}

/* The reasons, each line indented. */
static void explain_reasons(const char *reasons, clade_text *out) {
    while (reasons && *reasons) {
        size_t length = strcspn(reasons, "\n");
        clade_text_add(out, "        %.*s\n", (int)length, reasons);
        reasons += length + (reasons[length] == '\n');
    }
}

void clade_plan_explain(const clade_plan *plan, clade_text *out) {
    if (plan->split) {
        clade_split_plan_explain(plan->split, out);
        return;
    }
    for (uint32_t i = 0; i < plan->graph->node_count; i++) {
        const clade_node *node = plan->graph->nodes[i];
        const clade_plan_node *planned = &plan->nodes[i];
        clade_text_add(out, "%4u  %s %s:", i, node->op->name, node->name);
        for (uint32_t k = 0; k < node->input_count; k++)
            explain_array(&clade_plan_slot_of(plan, node->inputs[k])->array, out);
        clade_text_add(out, " ->");
        for (uint32_t o = 0; o < node->output_count; o++)
            explain_array(&plan->slots[planned->first_slot + o].array, out);
        clade_text_add(out, "  [%s]%s\n",
                       planned->implementation       ? planned->implementation->name
                       : node->op->view              ? "view"
                       : clade_is_transfer(node->op) ? "transfer"
                                                     : "held",
                       plan->again != NULL && plan->again[i] ? " again" : "");
        explain_reasons(planned->reasons, out);
    }
}
