#include "passes/uses.h"

#include "graph/operator.h"

enum { MANY = 2 };

static uint32_t slot_of(const clade_uses *uses, clade_value value) {
    return uses->first[value.node] + value.output;
}

static void count_reads(clade_uses *uses, const clade_node *node) {
    for (uint32_t k = 0; k < node->input_count; k++) {
        const uint32_t slot = slot_of(uses, node->inputs[k]);
        uses->count[slot]++;
        uses->reader[slot] = node->index;
        if (uses->early[slot] == UINT32_MAX) uses->early[slot] = node->index;
    }
}

static void fill(clade_uses *uses, const clade_value *targets, size_t count, bool updates) {
    const clade_graph *graph = uses->graph;
    clade_graph_mark_needed(graph, targets, count, updates, uses->needed);
    for (uint32_t i = 0; i < graph->node_count; i++)
        if (uses->needed[i]) count_reads(uses, graph->nodes[i]);
    for (size_t i = 0; i < count; i++)
        if (clade_value_valid(targets[i])) uses->count[slot_of(uses, targets[i])] += MANY;
    for (uint32_t i = 0; updates && i < graph->update_count; i++)
        uses->count[slot_of(uses, graph->updates[i].value)] += MANY;
}

bool clade_uses_find(clade_uses *uses, const clade_graph *graph, const clade_value *targets, size_t count,
                     bool updates) {
    clade_context *context = graph->context;
    *uses = (clade_uses){ .graph = graph };
    uint32_t slots = 0;
    for (uint32_t i = 0; i < graph->node_count; i++)
        slots += graph->nodes[i]->output_count;
    uses->needed = clade_allocate(context, graph->node_count + 1, sizeof *uses->needed);
    uses->first = clade_allocate(context, graph->node_count + 1, sizeof *uses->first);
    uses->count = clade_allocate(context, slots + 1, sizeof *uses->count);
    uses->reader = clade_allocate(context, slots + 1, sizeof *uses->reader);
    uses->early = clade_allocate(context, slots + 1, sizeof *uses->early);
    if (!uses->needed || !uses->first || !uses->count || !uses->reader || !uses->early) {
        clade_fail_memory(context, (slots + 1) * sizeof *uses->count, "a pass");
        return false;
    }
    for (uint32_t i = 0, slot = 0; i < graph->node_count; slot += graph->nodes[i]->output_count, i++)
        uses->first[i] = slot;
    for (uint32_t slot = 0; slot < slots; slot++)
        uses->early[slot] = UINT32_MAX;
    fill(uses, targets, count, updates);
    return true;
}

void clade_uses_free(clade_uses *uses) {
    clade_context *context = uses->graph->context;
    clade_free(context, uses->needed);
    clade_free(context, uses->first);
    clade_free(context, uses->count);
    clade_free(context, uses->reader);
    clade_free(context, uses->early);
}

const clade_node *clade_uses_only_reader(const clade_uses *uses, clade_value value) {
    const uint32_t slot = slot_of(uses, value);
    return uses->count[slot] == 1 ? uses->graph->nodes[uses->reader[slot]] : NULL;
}
