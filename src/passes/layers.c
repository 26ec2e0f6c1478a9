/* Which layer a node belongs to, by names: what profiles add up by, and what a split over devices keeps together. */
#include "passes/layers.h"

#include "ops/op.h"

#include <string.h>

/* Fused nodes are named after their steps, leaves after what they hold. */
static bool names_a_layer(const clade_node *node) {
    return node->input_count > 0 && node->name[0] != '\0' && node->op != &clade_op_fused;
}

const char *clade_layer_of_state(const clade_graph *graph, const char *name) {
    for (size_t length = strlen(name); length > 0; length--) {
        if (name[length] != '.') continue;
        for (uint32_t i = 0; i < graph->node_count; i++) {
            const clade_node *node = graph->nodes[i];
            if (names_a_layer(node) && strncmp(node->name, name, length) == 0 && node->name[length] == '\0')
                return node->name;
        }
    }
    return "";
}

/* The layer whose states NODE sets; "" when it sets none, or those of several. */
static const char *layer_set_by(const clade_graph *graph, const clade_node *node) {
    const char *found = "";
    for (uint32_t i = 0; i < graph->update_count; i++) {
        if (graph->updates[i].value.node != node->index) continue;
        const char *layer = clade_layer_of_state(graph, clade_value_node(graph->updates[i].state)->name);
        if (found[0] != '\0' && strcmp(found, layer) != 0) return "";
        found = layer;
    }
    return found;
}

/* LAYERS holds those of the nodes before. */
static const char *layer_of_node(const clade_graph *graph, const clade_node *node, const char *const *layers) {
    const char *layer = layer_set_by(graph, node);
    if (layer[0] != '\0') return layer;
    if (names_a_layer(node)) return node->name;
    for (uint32_t k = 0; k < node->input_count && layer[0] == '\0'; k++) {
        const clade_node *source = clade_value_node(node->inputs[k]);
        layer = source->op == &clade_op_state ? clade_layer_of_state(graph, source->name) : layers[source->index];
    }
    return layer;
}

void clade_find_layers(const clade_graph *graph, const char **layers) {
    for (uint32_t i = 0; i < graph->node_count; i++)
        layers[i] = layer_of_node(graph, graph->nodes[i], layers);
}
