/* The layers of a graph, as its nodes' names tell them. What has no name of its own (an activation, a bias's gradient, a
 * point-wise chain) belongs to the layer whose result it takes first, an update to the layer whose state it sets. */
#ifndef CLADE_PASSES_LAYERS_H
#define CLADE_PASSES_LAYERS_H

#include "graph/graph.h"

/* The layer of each node of GRAPH into LAYERS, which has room for graph->node_count: a name in the graph, "" for none. */
void clade_find_layers(const clade_graph *graph, const char **layers);
/* The layer of the state NAME: its longest part before a dot that is one ("conv1.weight.momentum" is conv1's); "" when
 * there is none. */
const char *clade_layer_of_state(const clade_graph *graph, const char *name);

#endif
