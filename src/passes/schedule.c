/* When sums over devices begin, and when the step waits for them.
 *
 * Each all_reduce becomes a half that sends and a half that receives. A sum is sent as soon as its last array is made,
 * and received right before the first node that cannot do without it, so that what lies between hides the way. What no
 * sum and no independent target needs (the updates: weights, running statistics) comes behind the receiving of ALL sums:
 * a step in which a device is lost has then changed no state before, and can be taken again without it. */
#include "ops/all_reduce.h"
#include "passes/passes.h"

#include <string.h>

/* ---- the halves ---- */

/* A fused node needs more than a copy; of others, the engine makes it. */
static bool keep_fused(void *user, clade_rewrite *rewrite, const clade_node *node, const clade_value *inputs,
                       clade_value *out) {
    (void)user;
    clade_fused_attributes fused;
    if (node->op != &clade_op_fused) return false;
    if (!clade_fused_copy(rewrite->to, node, &fused)) {
        clade_invalid(rewrite->to, CLADE_ERROR_MEMORY, "out of memory for a fused node");
        return false;
    }
    clade_value copy = clade_append(rewrite->to, node->op, node->name, &fused, inputs, node->input_count);
    for (uint32_t i = 0; i < node->output_count; i++)
        out[i] = clade_output(copy, i);
    return true;
}

static bool cut(void *user, clade_rewrite *rewrite, const clade_node *node, const clade_value *inputs,
                clade_value *out) {
    int64_t *number = user;
    if (node->op != &clade_op_all_reduce) return keep_fused(NULL, rewrite, node, inputs, out);
    const clade_all_reduce_send_attributes send = { ++*number };
    clade_all_reduce_receive_attributes receive = { .output_count = (int32_t)node->output_count, .number = *number };
    for (uint32_t i = 0; i < node->output_count; i++)
        receive.dims[i] = node->outputs[i].dims;
    clade_value token = clade_append(rewrite->to, &clade_all_reduce_send, node->name, &send, inputs, node->input_count);
    clade_value sums = clade_append(rewrite->to, &clade_all_reduce_receive, node->name, &receive, &token, 1);
    for (uint32_t i = 0; i < node->output_count; i++)
        out[i] = clade_output(sums, i);
    return true;
}

/* ---- the order ---- */

typedef struct ordering {
    const clade_graph *graph;
    bool *needed, *early, *follows, *placed; /* by node; FOLLOWS: it depends on a sum */
    uint32_t *order;
    size_t count;
} ordering;

static bool is_receive(const clade_node *node) {
    return node->op == &clade_all_reduce_receive;
}

/* Marks in EARLY what is early already needs. */
static void close_early(ordering *o) {
    for (uint32_t i = o->graph->node_count; i-- > 0;) {
        const clade_node *node = o->graph->nodes[i];
        for (uint32_t k = 0; o->early[i] && k < node->input_count; k++)
            o->early[node->inputs[k].node] = true;
    }
}

/* What must come before the last sum is sent, and what does as well then: targets that no sum changes. */
static void find_early(ordering *o, const clade_value *targets, size_t count) {
    for (uint32_t i = 0; i < o->graph->node_count; i++) {
        const clade_node *node = o->graph->nodes[i];
        o->follows[i] = is_receive(node);
        for (uint32_t k = 0; k < node->input_count; k++)
            o->follows[i] = o->follows[i] || o->follows[node->inputs[k].node];
        o->early[i] = o->needed[i] && node->op == &clade_all_reduce_send;
    }
    for (size_t i = 0; i < count; i++)
        if (clade_value_valid(targets[i]) && !o->follows[targets[i].node]) o->early[targets[i].node] = true;
    close_early(o);
}

/* Puts a node behind what is placed, after the sums that it reads. */
static void place(ordering *o, uint32_t index) {
    const clade_node *node = o->graph->nodes[index];
    if (o->placed[index]) return;
    for (uint32_t k = 0; k < node->input_count; k++)
        if (is_receive(o->graph->nodes[node->inputs[k].node])) place(o, node->inputs[k].node);
    o->placed[index] = true;
    o->order[o->count++] = index;
}

static uint32_t last_input(const clade_node *node) {
    uint32_t last = 0;
    for (uint32_t k = 0; k < node->input_count; k++)
        if (node->inputs[k].node > last) last = node->inputs[k].node;
    return last;
}

/* Places the sends whose last array is node MADE's. */
static void place_sends(ordering *o, uint32_t made) {
    for (uint32_t i = made + 1; i < o->graph->node_count; i++) {
        const clade_node *node = o->graph->nodes[i];
        if (node->op == &clade_all_reduce_send && o->needed[i] && last_input(node) == made) place(o, i);
    }
}

static void find_order(ordering *o) {
    const clade_graph *graph = o->graph;
    bool *makes = o->follows; /* its work is done: from now on, whether a sum is sent right behind the node */
    memset(makes, 0, graph->node_count * sizeof *makes);
    for (uint32_t i = 0; i < graph->node_count; i++)
        if (graph->nodes[i]->op == &clade_all_reduce_send) makes[last_input(graph->nodes[i])] = true;
    for (uint32_t i = 0; i < graph->node_count; i++) {
        const clade_op *op = graph->nodes[i]->op;
        if (o->early[i] && !clade_is_transfer(op)) place(o, i);
        if (makes[i]) place_sends(o, i);
    }
    for (int late = 0; late < 2; late++) /* all sums, then what waited for them */
        for (uint32_t i = 0; i < graph->node_count; i++)
            if (o->needed[i] && (late || is_receive(graph->nodes[i]))) place(o, i);
}

static clade_graph *reorder(const clade_graph *graph, clade_value *targets, size_t count, bool updates) {
    clade_context *context = graph->context;
    clade_graph *ordered = NULL;
    const size_t nodes = (size_t)graph->node_count + 1;
    bool *flags = clade_allocate(context, 4 * nodes, sizeof *flags);
    ordering o = { .graph = graph, .order = clade_allocate(context, nodes, sizeof *o.order) };
    if (flags && o.order) {
        o.needed = flags;
        o.early = flags + nodes;
        o.follows = flags + 2 * nodes;
        o.placed = flags + 3 * nodes;
        clade_graph_mark_needed(graph, targets, count, updates, o.needed);
        find_early(&o, targets, count);
        find_order(&o);
        ordered =
            clade_graph_rewrite_in_order(graph, o.order, o.count, targets, count, updates, keep_fused, NULL, NULL);
    } else {
        clade_fail_memory(context, nodes * sizeof *o.order, "the order of sums over devices");
    }
    clade_free(context, flags);
    clade_free(context, o.order);
    return ordered;
}

clade_graph *clade_pass_schedule(const clade_graph *graph, clade_value *targets, size_t count, bool updates) {
    int64_t number = 0;
    clade_graph *halves = clade_graph_rewrite(graph, targets, count, updates, cut, &number, NULL);
    if (!halves || number == 0) return halves;
    clade_graph *ordered = reorder(halves, targets, count, updates);
    clade_graph_free(halves);
    return ordered;
}
