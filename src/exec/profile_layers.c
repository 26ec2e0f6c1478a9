/* Which layer each command of a plan belongs to, for the profile: see clade_profile_layer. */
#include "exec/inspect.h"

#include "passes/layers.h"

clade_status clade_profile_find_layers(const clade_plan *plan, clade_profile_row *rows, size_t count) {
    const clade_graph *graph = plan->graph;
    const char **layers = clade_allocate(plan->context, graph->node_count + 1, sizeof *layers);
    if (layers == NULL) return clade_fail_memory(plan->context, graph->node_count * sizeof *layers, "a profile");
    clade_find_layers(graph, layers);
    for (size_t at = 0; at < count; at++)
        rows[at].layer = at >= plan->update_command ? clade_layer_of_state(graph, rows[at].label)
                                                    : layers[clade_profile_node_of(plan, at)];
    clade_free(plan->context, (void *)layers);
    return CLADE_OK;
}
