/* A pass must not change a value: graphs before and after it, evaluated in double. */
#ifndef CLADE_TESTS_PASSES_HELPERS_H
#define CLADE_TESTS_PASSES_HELPERS_H

#include "support/device.h"

#include "passes/passes.h"

typedef clade_graph *graph_pass(const clade_graph *graph, clade_value *targets, size_t count);

/* The graph that PASS makes of GRAPH, whose TARGETS (replaced by their new values) are the same at a batch of 3, for
 * inputs drawn by their names. The caller frees it. */
clade_graph *pass_keeps_values(const clade_graph *graph, clade_value *targets, size_t count, graph_pass *pass);

uint32_t count_ops(const clade_graph *graph, const char *name);
/* The only node of that operator. */
const clade_node *only_node(const clade_graph *graph, const char *name);

#endif
