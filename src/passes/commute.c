/* Exchanges operators where that leaves less to do, with the same result:
 *   - ReLU's mask on what max pooling's gradient spreads: the gradient is masked before, where it is smaller. A cell gets
 *     something only from windows that it won, whose result is then the cell's own value.
 *   - a sum over whole planes of what max pooling's gradient spreads is the sum of what it spread: a bias's gradient.
 *   - the sum of a batch norm's dx over all that a channel has is zero: adding a number to x changes nothing. A bias
 *     before a batch norm has no gradient but rounding. */
#include "ops/normalization/batch_norm.h"
#include "ops/reduction/reduce.h"
#include "passes/passes.h"
#include "passes/uses.h"

extern const clade_op clade_op_max_pool, clade_op_max_pool_gradient, clade_op_relu_gradient;

enum { ALL_BUT_CHANNELS = ~(1 << 1), PLANES = 1 << 2 | 1 << 3 };

/* The max pooling whose winners GRADIENT follows; NULL when they are anything else. */
static const clade_node *pool_of(const clade_node *gradient) {
    if (gradient->op != &clade_op_max_pool_gradient) return NULL;
    const clade_node *pool = clade_value_node(gradient->inputs[0]);
    return pool->op == &clade_op_max_pool && gradient->inputs[0].output == 1 ? pool : NULL;
}

/* Whether NODE is a batch norm's gradient at the moments of its own x. */
static bool is_own_gradient(const clade_node *node) {
    if (node->op != &clade_op_batch_norm_gradient) return false;
    const clade_node *norm = clade_value_node(node->inputs[2]);
    return norm->op == &clade_op_batch_norm && node->inputs[2].output == 1 &&
           clade_value_equal(norm->inputs[0], node->inputs[0]) && node->inputs[3].node == norm->index &&
           node->inputs[3].output == 2;
}

/* relu_gradient(y, max_pool_gradient(where, dy)), for y that was pooled. */
static clade_value mask_before(const clade_value *inputs) {
    const clade_node *gradient = clade_value_node(inputs[1]), *pool = pool_of(gradient);
    if (pool == NULL || !clade_value_equal(pool->inputs[0], inputs[0])) return CLADE_NO_VALUE;
    const clade_value pooled = { inputs[1].graph, pool->index, 0 };
    const clade_value masked = clade_relu_gradient(pooled, gradient->inputs[1]);
    return clade_append(inputs[1].graph, gradient->op, gradient->name, gradient->attributes,
                        (const clade_value[]){ gradient->inputs[0], masked }, 2);
}

static clade_value sum_before(const clade_node *sum, const clade_value *inputs) {
    const clade_reduce_attributes *a = sum->attributes;
    const clade_node *source = clade_value_node(inputs[0]);
    const int64_t others = ((INT64_C(1) << sum->graph->nodes[sum->inputs[0].node]->outputs[0].dims.rank) - 1);
    if (pool_of(source) != NULL && (a->axes & PLANES) == PLANES)
        return clade_append(inputs[0].graph, sum->op, sum->name, a, &source->inputs[1], 1);
    if (is_own_gradient(source) && inputs[0].output == 0 && a->axes == (others & ALL_BUT_CHANNELS))
        return clade_constant(inputs[0].graph, sum->outputs[0].dims, 0);
    return CLADE_NO_VALUE;
}

static bool exchange(void *user, clade_rewrite *rewrite, const clade_node *node, const clade_value *inputs,
                     clade_value *out) {
    const clade_uses *uses = user;
    (void)rewrite;
    clade_value instead = CLADE_NO_VALUE;
    if (node->op == &clade_op_relu_gradient && clade_uses_only_reader(uses, node->inputs[1]) != NULL)
        instead = mask_before(inputs);
    if (node->op == &clade_op_sum) instead = sum_before(node, inputs);
    if (!clade_value_valid(instead)) return false;
    out[0] = instead;
    return true;
}

clade_graph *clade_pass_commute(const clade_graph *graph, clade_value *targets, size_t count, bool updates,
                                clade_rewrite *rewrite) {
    clade_uses uses;
    clade_graph *exchanged = NULL;
    if (clade_uses_find(&uses, graph, targets, count, updates))
        exchanged = clade_graph_rewrite(graph, targets, count, updates, exchange, &uses, rewrite);
    clade_uses_free(&uses);
    return exchanged;
}
