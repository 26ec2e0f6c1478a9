/* Who reads a value: what a pass asks before it takes one away. */
#ifndef CLADE_PASSES_USES_H
#define CLADE_PASSES_USES_H

#include "graph/graph.h"

typedef struct clade_uses {
    const clade_graph *graph;
    bool *needed;     /* by node */
    uint32_t *first;  /* by node: the slot of its first output */
    uint32_t *count;  /* by slot: the reads by needed nodes; a target and an update's value count as many */
    uint32_t *reader; /* by slot: the last of the nodes that read it */
    uint32_t *early;  /* by slot: the first of them; UINT32_MAX when none does */
} clade_uses;

/* What is needed for TARGETS and, with UPDATES, the updates. False when memory runs out, which the graph's context says;
 * clade_uses_free() in either case. */
bool clade_uses_find(clade_uses *uses, const clade_graph *graph, const clade_value *targets, size_t count,
                     bool updates);
void clade_uses_free(clade_uses *uses);

/* The node that is alone in reading VALUE, once; NULL when there is none or when the value leaves the graph. */
const clade_node *clade_uses_only_reader(const clade_uses *uses, clade_value value);

#endif
