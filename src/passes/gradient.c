/* Reverse-mode differentiation: the operators' own `gradient`, from the loss back to what is asked for. The gradient of
 * a value used several times is the sum over its uses, added in the order of the walk, which is fixed. */
#include "passes/passes.h"

typedef struct backward {
    clade_graph *graph;
    uint32_t node_count;    /* of the forward part: the nodes present when the walk began */
    bool *wanted;           /* by node: whether something asked for depends on it */
    uint32_t *first;        /* by node: the slot of its first output */
    clade_value *gradients; /* by slot */
} backward;

static void release(backward *b) {
    clade_context *context = b->graph->context;
    clade_free(context, b->wanted);
    clade_free(context, b->first);
    clade_free(context, b->gradients);
}

static bool prepare(backward *b) {
    clade_context *context = b->graph->context;
    uint32_t slots = 0;
    b->wanted = clade_allocate(context, b->node_count, sizeof *b->wanted);
    b->first = clade_allocate(context, b->node_count, sizeof *b->first);
    for (uint32_t i = 0; b->first && i < b->node_count; i++) {
        b->first[i] = slots;
        slots += b->graph->nodes[i]->output_count;
    }
    b->gradients = clade_allocate(context, slots + 1, sizeof *b->gradients);
    return b->wanted && b->first && b->gradients;
}

/* A node is wanted when it is asked for or uses one that is. */
static void mark_wanted(backward *b, const clade_value *with, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (clade_value_valid(with[i])) b->wanted[with[i].node] = true;
    for (uint32_t i = 0; i < b->node_count; i++) {
        const clade_node *node = b->graph->nodes[i];
        for (uint32_t k = 0; k < node->input_count; k++)
            b->wanted[i] = b->wanted[i] || b->wanted[node->inputs[k].node];
    }
}

static void accumulate(backward *b, clade_value of, clade_value gradient) {
    clade_value *sum = &b->gradients[b->first[of.node] + of.output];
    *sum = clade_value_valid(*sum) ? clade_add(*sum, gradient) : gradient;
}

/* Nodes from FIRST on carry the name of the layer that they are the gradient of, for explanations and profiles. */
static void name_after(clade_graph *graph, uint32_t first, const clade_node *node) {
    for (uint32_t i = first; i < graph->node_count; i++)
        if (graph->nodes[i]->input_count > 0 && !graph->nodes[i]->name[0]) graph->nodes[i]->name = node->name;
}

static void step_back(backward *b, const clade_node *node) {
    bool wanted[CLADE_MAX_INPUTS] = { false };
    clade_value dx[CLADE_MAX_INPUTS] = { { NULL, 0, 0 } };
    const clade_value *dy = &b->gradients[b->first[node->index]];
    bool flows = false;
    for (uint32_t i = 0; i < node->output_count; i++)
        flows = flows || clade_value_valid(dy[i]);
    if (!flows || !node->op->gradient) return;
    for (uint32_t i = 0; i < node->input_count; i++)
        wanted[i] = b->wanted[node->inputs[i].node];
    clade_tape tape = { b->graph, wanted };
    uint32_t first = b->graph->node_count;
    node->op->gradient(&tape, node, dy, dx);
    name_after(b->graph, first, node);
    for (uint32_t i = 0; i < node->input_count; i++)
        if (wanted[i] && clade_value_valid(dx[i])) accumulate(b, node->inputs[i], dx[i]);
}

clade_status clade_gradient(clade_value loss, clade_value seed, const clade_value *with, size_t count,
                            clade_value *gradients) {
    if (!clade_value_valid(loss)) return loss.graph ? clade_graph_status(loss.graph) : CLADE_ERROR_ARGUMENT;
    clade_graph *graph = loss.graph;
    if (graph->backward_from == 0) graph->backward_from = graph->node_count;
    if (!clade_value_valid(seed)) seed = clade_constant(graph, clade_value_type(loss)->dims, 1.0f);
    if (!clade_value_valid(seed) || !clade_dims_equal(&clade_value_type(seed)->dims, &clade_value_type(loss)->dims)) {
        clade_invalid(graph, CLADE_ERROR_ARGUMENT, "gradient: the seed must have the dims of what is differentiated");
        return clade_graph_status(graph);
    }
    backward b = { .graph = graph, .node_count = graph->node_count };
    if (!prepare(&b)) {
        release(&b);
        return clade_fail_memory(graph->context, b.node_count * sizeof(clade_value), "the gradient's graph");
    }
    mark_wanted(&b, with, count);
    accumulate(&b, loss, seed);
    for (uint32_t i = loss.node + 1; i-- > 0;)
        if (b.wanted[i]) step_back(&b, graph->nodes[i]);
    for (size_t i = 0; i < count; i++)
        gradients[i] =
            clade_value_valid(with[i]) ? b.gradients[b.first[with[i].node] + with[i].output] : CLADE_NO_VALUE;
    release(&b);
    return clade_graph_status(graph);
}
