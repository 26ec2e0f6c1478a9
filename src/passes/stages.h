/* A graph cut by layers: each device has some of them, and what they take from each other is handed over.
 *
 * Every node has a stage, a device's number. Where a node takes a value of another stage, that stage sends it and this one
 * receives it (ops/hand_over.h), right before the first node that needs it in the graph's order; so the order of the
 * sends and receives of all stages is that of one walk through the graph, and no stage can wait for another in a circle.
 * A state belongs to one stage. Leaves that all have alike (scalars, constants, the random state), and what depends on
 * these alone, are there on every stage that asks for them. */
#ifndef CLADE_PASSES_STAGES_H
#define CLADE_PASSES_STAGES_H

#include "graph/graph.h"

enum { CLADE_MAX_STAGES = 16, CLADE_EVERY_STAGE = 255 };

/* Which stage a layer, or a state, is of, by name (passes/layers.h). */
typedef struct clade_placement {
    const char *name;
    uint8_t stage;
} clade_placement;

/* The stage of each node of GRAPH into STAGE (room for graph->node_count): that of its layer or state in PLACED (COUNT of
 * them); of what has neither, the first that uses it; CLADE_EVERY_STAGE for what every stage makes for itself. False when
 * memory runs out. */
bool clade_find_stages(const clade_graph *graph, const clade_placement *placed, size_t count, uint8_t *stage);

typedef struct clade_stage {
    clade_graph *graph;
    clade_value token; /* of its last half: a target, so that all are carried out; invalid without any */
} clade_stage;

/* GRAPH, with what TARGETS and, with UPDATES, its updates need, cut into COUNT stages; the caller frees the graphs. TARGETS
 * are replaced by their values in the last stage's graph. False on a fault (in the context), with no graphs. */
bool clade_cut_into_stages(const clade_graph *graph, const uint8_t *stage, clade_value *targets, size_t target_count,
                           bool updates, clade_stage stages[], size_t count);

#endif
