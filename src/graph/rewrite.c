/* The engine of every pass: copies what is needed of a graph into a new one, node by node in order, letting the pass
 * put something else in the place of each. */
#include "graph/graph.h"

#include "graph/operator.h"

#include <string.h>

/* Inputs come before their uses, so one sweep from the end marks everything that the roots depend on. */
void clade_graph_mark_needed(const clade_graph *graph, const clade_value *targets, size_t count, bool updates,
                             bool *needed) {
    for (size_t i = 0; i < count; i++)
        if (clade_value_valid(targets[i])) needed[targets[i].node] = true;
    for (uint32_t i = 0; updates && i < graph->update_count; i++) {
        needed[graph->updates[i].value.node] = true;
        needed[graph->updates[i].state.node] = true;
    }
    for (uint32_t i = graph->node_count; i-- > 0;) {
        const clade_node *node = graph->nodes[i];
        for (uint32_t k = 0; needed[i] && k < node->input_count; k++)
            needed[node->inputs[k].node] = true;
    }
}

clade_graph *clade_graph_empty_like(const clade_graph *from) {
    clade_graph *to = clade_graph_new(from->context);
    if (!to) return NULL;
    clade_size_expression *sizes = clade_reallocate(to->context, to->sizes, from->size_capacity, sizeof *from->sizes);
    if (!sizes) {
        clade_graph_free(to);
        return NULL;
    }
    to->sizes = sizes;
    to->size_capacity = from->size_capacity;
    to->size_count = from->size_count;
    memcpy(to->sizes, from->sizes, from->size_count * sizeof *from->sizes);
    return to;
}

/* Slots for the outputs of every node. */
static bool prepare_map(clade_rewrite *rewrite) {
    const clade_graph *from = rewrite->from;
    rewrite->first = clade_allocate(from->context, from->node_count + 1, sizeof *rewrite->first);
    if (!rewrite->first) return false;
    uint32_t slots = 0;
    for (uint32_t i = 0; i < from->node_count; i++) {
        rewrite->first[i] = slots;
        slots += from->nodes[i]->output_count;
    }
    rewrite->first[from->node_count] = slots;
    rewrite->map = clade_allocate(from->context, slots + 1, sizeof *rewrite->map);
    return rewrite->map != NULL;
}

void clade_rewrite_free(clade_rewrite *rewrite) {
    if (!rewrite->from) return;
    clade_free(rewrite->from->context, rewrite->map);
    clade_free(rewrite->from->context, rewrite->first);
    *rewrite = (clade_rewrite){ 0 };
}

clade_value clade_rewrite_value(const clade_rewrite *rewrite, clade_value old) {
    if (!clade_value_valid(old)) return CLADE_NO_VALUE;
    return rewrite->map[rewrite->first[old.node] + old.output];
}

/* Puts NODE, or what the pass wants in its place, into the new graph. */
static bool carry_over(clade_rewrite *rewrite, const clade_node *node, clade_rewriter *rewriter, void *user) {
    clade_value *inputs = clade_allocate(rewrite->from->context, node->input_count + 1, sizeof *inputs);
    if (!inputs) return false;
    for (uint32_t i = 0; i < node->input_count; i++)
        inputs[i] = clade_rewrite_value(rewrite, node->inputs[i]);
    clade_value *out = &rewrite->map[rewrite->first[node->index]];
    if (!rewriter || !rewriter(user, rewrite, node, inputs, out)) {
        clade_value copy = clade_append(rewrite->to, node->op, node->name, node->attributes, inputs, node->input_count);
        for (uint32_t i = 0; i < node->output_count; i++)
            out[i] = clade_output(copy, i);
    }
    clade_free(rewrite->from->context, inputs);
    return rewrite->to->status == CLADE_OK;
}

/* A pass may move single nodes across the line between forward and backward; it is drawn anew where the fewest lie on the
 * wrong side: after the node by which those of the forward part lead by most. */
static bool carry_over_all(clade_rewrite *rewrite, const uint32_t *order, size_t order_count, bool updates,
                           clade_rewriter *rewriter, void *user) {
    const clade_graph *from = rewrite->from;
    int64_t lead = 0, most = 0;
    for (size_t i = 0; i < order_count; i++) {
        if (!carry_over(rewrite, from->nodes[order[i]], rewriter, user)) return false;
        lead += order[i] < from->backward_from ? 1 : -1;
        if (lead <= most) continue;
        most = lead;
        rewrite->to->backward_from = rewrite->to->node_count;
    }
    for (uint32_t i = 0; updates && i < from->update_count; i++)
        if (clade_update(clade_rewrite_value(rewrite, from->updates[i].state),
                         clade_rewrite_value(rewrite, from->updates[i].value)) != CLADE_OK)
            return false;
    return true;
}

clade_graph *clade_graph_rewrite_in_order(const clade_graph *from, const uint32_t *order, size_t order_count,
                                          clade_value *targets, size_t target_count, bool updates,
                                          clade_rewriter *rewriter, void *user, clade_rewrite *rewrite) {
    clade_rewrite local = { .from = from, .to = clade_graph_empty_like(from) };
    bool good = local.to && prepare_map(&local);
    if (!good)
        clade_fail_memory(from->context, from->node_count * sizeof(clade_node), "a rewritten graph");
    else
        good = carry_over_all(&local, order, order_count, updates, rewriter, user);
    if (!good) {
        if (local.to && local.to->status != CLADE_OK) clade_graph_status(local.to);
        clade_graph_free(local.to);
        clade_rewrite_free(&local);
        return NULL;
    }
    for (size_t i = 0; i < target_count; i++)
        targets[i] = clade_rewrite_value(&local, targets[i]);
    clade_graph *to = local.to;
    if (rewrite)
        *rewrite = local;
    else
        clade_rewrite_free(&local);
    return to;
}

clade_graph *clade_graph_rewrite(const clade_graph *from, clade_value *targets, size_t target_count, bool updates,
                                 clade_rewriter *rewriter, void *user, clade_rewrite *rewrite) {
    clade_graph *to = NULL;
    bool *needed = clade_allocate(from->context, from->node_count + 1, sizeof *needed);
    uint32_t *order = clade_allocate(from->context, from->node_count + 1, sizeof *order);
    if (needed && order) {
        size_t count = 0;
        clade_graph_mark_needed(from, targets, target_count, updates, needed);
        for (uint32_t i = 0; i < from->node_count; i++)
            if (needed[i]) order[count++] = i;
        to = clade_graph_rewrite_in_order(from, order, count, targets, target_count, updates, rewriter, user, rewrite);
    } else {
        clade_fail_memory(from->context, from->node_count * sizeof *order, "a rewritten graph");
    }
    clade_free(from->context, needed);
    clade_free(from->context, order);
    return to;
}
