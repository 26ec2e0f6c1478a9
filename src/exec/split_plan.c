/* A plan over several devices: the graph in micro-batches, cut by layers, and a plan for each part. */
#include "base/context.h"
#include "exec/session_inside.h"
#include "exec/split_inside.h"
#include "ops/all_reduce.h"
#include "ops/hand_over.h"

#include <string.h>

/* ---- the graph ---- */

/* Takes GRAPH's place; the session's own is not to be freed. */
static bool advance(clade_graph **graph, clade_graph *next) {
    clade_graph_free(*graph);
    *graph = next;
    return next != NULL;
}

/* The request's graph in PARTS micro-batches, TARGETS being its values in it. NULL on a fault. */
static clade_graph *divide(const clade_session *session, const clade_plan_request *request, int64_t parts,
                           clade_value *targets) {
    const clade_graph *own = session->graph;
    const size_t count = request->target_count;
    clade_graph *graph = NULL;
    bool good = true;
    if (request->updates && request->program > 0)
        good = advance(&graph, clade_graph_of_program(own, request->program, targets, count));
    if (good && session->synchronised && parts > 1)
        good = advance(&graph, clade_pass_sync_batch_norm(graph ? graph : own, targets, count, request->updates, NULL));
    if (!good) return NULL;
    const clade_graph *before = graph ? graph : own;
    clade_graph *divided = parts > 1 ? clade_pass_micro_batches(before, targets, count, request->updates, parts,
                                                                request->binding.batch / parts)
                                     : clade_pass_alone(before, targets, count, request->updates, NULL);
    clade_graph_free(graph);
    return divided;
}

static bool cut(const clade_layer_split *split, const clade_graph *graph, clade_value *targets, size_t count,
                bool updates, clade_stage stages[CLADE_MAX_STAGES]) {
    uint8_t *stage = clade_allocate(split->context, (size_t)graph->node_count + 1, sizeof *stage);
    if (!stage) clade_fail_memory(split->context, graph->node_count, "a graph cut by layers");
    const bool good = stage && clade_find_stages(graph, split->placed, split->placed_count, stage) &&
                      clade_cut_into_stages(graph, stage, targets, count, updates, stages, split->count);
    clade_free(split->context, stage);
    return good;
}

/* ---- the ways ---- */

static clade_status note_ways(clade_split_plan *plan, const clade_stage *stages, clade_binding binding) {
    for (size_t d = 0; d < plan->split->count; d++)
        for (uint32_t i = 0; i < stages[d].graph->node_count; i++)
            plan->way_count += stages[d].graph->nodes[i]->op == &clade_stage_send;
    plan->ways = clade_allocate(plan->split->context, plan->way_count + 1, sizeof *plan->ways);
    plan->passages = clade_allocate(plan->split->context, plan->way_count + 1, sizeof *plan->passages);
    if (!plan->ways || !plan->passages)
        return clade_fail_memory(plan->split->context, plan->way_count * sizeof *plan->ways, "ways between devices");
    for (size_t d = 0; d < plan->split->count; d++)
        for (uint32_t i = 0; i < stages[d].graph->node_count; i++) {
            const clade_node *node = stages[d].graph->nodes[i];
            if (node->op == &clade_stage_send)
                plan->ways[((const clade_stage_send_attributes *)node->attributes)->number - 1].from = d;
            if (node->op != &clade_stage_receive) continue;
            const clade_stage_receive_attributes *a = node->attributes;
            int64_t sizes[CLADE_MAX_RANK];
            clade_split_way *way = &plan->ways[a->number - 1];
            way->to = d;
            way->bytes = (size_t)clade_dims_value(stages[d].graph, &a->dims, binding, sizes) *
                         clade_dtype_size((clade_dtype)a->dtype);
        }
    return CLADE_OK;
}

static clade_status open_ways(clade_split_plan *plan) {
    const clade_split_part *parts = plan->split->parts;
    clade_status status = CLADE_OK;
    for (size_t i = 0; i < plan->way_count && status == CLADE_OK; i++)
        status = clade_passage_new(parts[plan->ways[i].from].device, parts[plan->ways[i].to].device,
                                   plan->ways[i].bytes, &plan->passages[i]);
    return status;
}

/* ---- the parts ---- */

/* The plan of part D, whose graph is taken over; only the last part has the request's targets. */
static clade_status plan_part(clade_split_plan *plan, size_t d, const clade_plan_request *request,
                              clade_binding binding, clade_stage *stage, const clade_value *targets) {
    const size_t count = d + 1 == plan->split->count ? request->target_count : 0;
    clade_value *all = clade_allocate(plan->split->context, count + 1, sizeof *all);
    clade_graph *graph = stage->graph;
    if (!all) return clade_fail_memory(plan->split->context, count * sizeof *all, "a plan");
    memcpy(all, targets, count * sizeof *all);
    all[count] = stage->token;
    stage->graph = NULL;
    clade_status status =
        clade_session_plan(plan->split->parts[d].session,
                           &(clade_plan_request){ .targets = all,
                                                  .target_count = count + clade_value_valid(stage->token),
                                                  .binding = binding,
                                                  .updates = request->updates,
                                                  .inference = request->inference,
                                                  .graph = graph,
                                                  .passages = plan->passages },
                           &plan->parts[d]);
    clade_free(plan->split->context, all);
    return status;
}

/* Into how many micro-batches the run goes: one where it gives what is no sum over devices, and so over micro-batches. */
static int64_t count_parts(const clade_layer_split *split, const clade_plan_request *request) {
    for (size_t i = 0; i < request->target_count; i++)
        if (clade_value_node(request->targets[i])->op != &clade_op_all_reduce) return 1;
    return request->inference ? 1 : clade_split_micro_batches(split, request->binding.batch);
}

static clade_status plan_parts(clade_split_plan *plan, const clade_session *session, const clade_plan_request *request,
                               clade_value *targets) {
    clade_stage stages[CLADE_MAX_STAGES] = { { NULL, { NULL, 0, 0 } } };
    const int64_t parts = count_parts(plan->split, request);
    const clade_binding binding = { request->binding.batch / parts, request->binding.time };
    clade_graph *graph = divide(session, request, parts, targets);
    const bool good = graph && cut(plan->split, graph, targets, request->target_count, request->updates, stages);
    clade_graph_free(graph);
    if (!good) return CLADE_ERROR_MEMORY; /* the pass has said why */
    clade_status status = note_ways(plan, stages, binding);
    if (status == CLADE_OK) status = open_ways(plan);
    for (size_t d = 0; d < plan->split->count && status == CLADE_OK; d++)
        status = plan_part(plan, d, request, binding, &stages[d], targets);
    for (size_t d = 0; d < plan->split->count; d++)
        clade_graph_free(stages[d].graph);
    return status;
}

/* ---- the whole ---- */

void clade_split_plan_free(clade_split_plan *plan) {
    if (!plan) return;
    if (plan->split->latest == plan) plan->split->latest = NULL;
    for (size_t d = 0; d < plan->split->count; d++)
        if (plan->parts[d]) clade_session_drop_plan(plan->split->parts[d].session, plan->parts[d]);
    for (size_t i = 0; plan->passages && i < plan->way_count; i++)
        clade_passage_free(plan->passages[i]);
    clade_free(plan->split->context, plan->passages);
    clade_free(plan->split->context, plan->ways);
    clade_free(plan->split->context, plan);
}

clade_status clade_split_plan_new(clade_session *session, const clade_plan_request *request, clade_plan **out) {
    clade_plan *plan;
    *out = NULL;
    clade_status status = clade_plan_begin(session, request, &plan);
    if (status == CLADE_OK) {
        plan->split = clade_allocate(plan->context, 1, sizeof *plan->split);
        if (!plan->split) status = clade_fail_memory(plan->context, sizeof *plan->split, "a plan over devices");
    }
    if (status == CLADE_OK) {
        plan->split->split = session->split;
        status = plan_parts(plan->split, session, request, plan->targets);
    }
    if (status != CLADE_OK) {
        clade_plan_free(plan);
        return status;
    }
    *out = plan;
    return CLADE_OK;
}

const clade_buffer *clade_split_plan_input(const clade_split_plan *plan, clade_value input) {
    const clade_buffer *found = NULL;
    for (size_t d = 0; d < plan->split->count && !found; d++)
        found = clade_plan_input(plan->parts[d], input);
    return found;
}

clade_plan *clade_split_plan_last(const clade_split_plan *plan) {
    return plan->parts[plan->split->count - 1];
}

clade_plan_memory clade_split_plan_memory(const clade_split_plan *plan) {
    clade_plan_memory sum = { 0 };
    for (size_t d = 0; d < plan->split->count; d++) {
        const clade_plan_memory *use = &plan->parts[d]->memory;
        sum.planned += use->planned;
        sum.unplanned += use->unplanned;
        sum.added += use->added;
        sum.again += use->again;
        sum.kept_all += use->again > 0 ? use->kept_all : use->planned;
        sum.again_flops += use->again_flops;
        sum.flops += use->flops;
        if (use->largest <= sum.largest) continue;
        sum.largest = use->largest;
        sum.largest_name = use->largest_name;
    }
    if (sum.again == 0) sum.kept_all = 0;
    return sum;
}

void clade_split_plan_explain(const clade_split_plan *plan, clade_text *out) {
    for (size_t d = 0; d < plan->split->count; d++) {
        const clade_split_part *part = &plan->split->parts[d];
        clade_text_add(out, "on %s, from %s to %s:\n", clade_device_name(part->device), part->first, part->last);
        clade_plan_explain(plan->parts[d], out);
    }
}
