/* A step that devices take together, as one device takes it alone: sums over the devices are their own terms, and the
 * device's share is 1, with which nothing needs to be multiplied. */
#include "ops/all_reduce.h"
#include "passes/passes.h"

#include <string.h>

static bool is_share(clade_value value) {
    const clade_node *node = clade_value_node(value);
    return node->op == &clade_op_scalar && strcmp(node->name, CLADE_DEVICE_SHARE) == 0;
}

/* The input that NODE hands on unchanged when the share is 1; -1: none. */
static int unscaled(const clade_node *node) {
    if (strcmp(node->op->name, "multiply") != 0) return -1;
    const int other = is_share(node->inputs[0]) ? 1 : is_share(node->inputs[1]) ? 0 : -1;
    if (other < 0 || !clade_dims_equal(&clade_value_type(node->inputs[other])->dims, &node->outputs[0].dims)) return -1;
    return other;
}

static bool take_alone(void *user, clade_rewrite *rewrite, const clade_node *node, const clade_value *inputs,
                       clade_value *out) {
    (void)user;
    if (node->op == &clade_op_all_reduce) {
        memcpy(out, inputs, node->input_count * sizeof *out);
        return true;
    }
    if (node->op == &clade_op_scalar && strcmp(node->name, CLADE_DEVICE_SHARE) == 0) {
        out[0] = clade_constant(rewrite->to, CLADE_SCALAR, 1);
        return true;
    }
    const int same = unscaled(node);
    if (same >= 0) out[0] = inputs[same];
    return same >= 0;
}

clade_graph *clade_pass_alone(const clade_graph *graph, clade_value *targets, size_t count, bool updates,
                              clade_rewrite *rewrite) {
    return clade_graph_rewrite(graph, targets, count, updates, take_alone, NULL, rewrite);
}
