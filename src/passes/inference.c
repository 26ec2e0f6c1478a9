/* Training graph in, inference graph out: each operator says what it is at inference. */
#include "passes/passes.h"

static bool at_inference(void *user, clade_rewrite *rewrite, const clade_node *node, const clade_value *inputs,
                         clade_value *out) {
    (void)user;
    return node->op->inference && node->op->inference(rewrite, node, inputs, out);
}

clade_graph *clade_pass_inference(const clade_graph *graph, clade_value *targets, size_t count,
                                  clade_rewrite *rewrite) {
    return clade_graph_rewrite(graph, targets, count, false, at_inference, NULL, rewrite);
}
