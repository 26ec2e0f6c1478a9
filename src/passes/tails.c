/* Tails: what is done to the result of a convolution, a matrix product or a batch norm, and to nothing else's, becomes
 * part of that node: a bias, the addition of an array of the same sizes (a residual, another gradient), ReLU, and ReLU's
 * mask on a gradient. The node moves to where the last of what it takes in stood, so that all that it reads is there. */
#include "ops/normalization/batch_norm.h"
#include "ops/tail.h"
#include "passes/passes.h"
#include "passes/uses.h"

#include <string.h>

extern const clade_op clade_op_add, clade_op_relu, clade_op_relu_gradient;

enum { MOST_ATTRIBUTES = 512 }; /* bytes of a row's attributes */

/* What one node takes in. */
typedef struct absorption {
    clade_tail_attributes tail;
    clade_value bias, residual, mask; /* in the old graph */
    const clade_node *last;           /* in whose place the node comes; NULL: it takes in nothing */
} absorption;

typedef struct absorptions {
    clade_uses uses;
    absorption *of;    /* by node */
    uint32_t *host_of; /* by node: 1 + the node that takes it in; 0: none does */
} absorptions;

static clade_value output_of(const clade_node *node, uint32_t output) {
    return (clade_value){ .graph = node->graph, .node = node->index, .output = output };
}

/* A batch norm's running statistics and moments have readers of their own, and it has no bias or mask to take. */
static bool is_batch_norm(const clade_node *host) {
    return host->op == &clade_op_batch_norm;
}

static clade_value other_input(const clade_node *node, clade_value value) {
    return clade_value_equal(node->inputs[0], value) ? node->inputs[1] : node->inputs[0];
}

/* Whether VALUE broadcast to Y is one number for each of Y's axis 1. */
static bool is_bias(clade_value value, const clade_dims *y) {
    const clade_dims *dims = &clade_value_type(value)->dims;
    if (y->rank < 2 || y->size[1] <= 0 || dims->rank > y->rank) return false;
    for (int32_t axis = 0; axis < y->rank; axis++) {
        const int32_t own = axis - (y->rank - dims->rank);
        if ((own >= 0 ? dims->size[own] : 1) != (axis == 1 ? y->size[1] : 1)) return false;
    }
    return true;
}

/* Whether HOST may take in READER, which reads its result VALUE. Batch norm's other outputs must not be read before. */
static bool may_take(const absorptions *all, const clade_node *host, const clade_node *reader) {
    for (uint32_t o = 1; o < host->output_count; o++)
        if (all->uses.early[all->uses.first[host->index] + o] <= reader->index) return false;
    return all->host_of[reader->index] == 0;
}

static bool takes_a_tail(const clade_node *node) {
    return node->op->tail_input > 0 && node->op->attributes_size <= MOST_ATTRIBUTES &&
           clade_tail_empty(clade_tail_of(node));
}

/* Whether NODE's result may become that of a node with a tail, through at most LENGTH others. */
static bool may_be_a_tail(const absorptions *all, const clade_node *node, int length) {
    if (takes_a_tail(node)) return true;
    const bool part = node->op->view || node->op == &clade_op_add || node->op == &clade_op_relu ||
                      node->op == &clade_op_relu_gradient;
    for (uint32_t k = 0; part && length > 0 && k < node->input_count; k++)
        if (clade_uses_only_reader(&all->uses, node->inputs[k]) == node &&
            may_be_a_tail(all, clade_value_node(node->inputs[k]), length - 1))
            return true;
    return false;
}

/* Whether VALUE, which READER adds, would be computed in one kernel with the addition. */
static bool fuses_into(const absorptions *all, clade_value value, const clade_node *reader) {
    enum { LONGEST = 6 };
    const clade_node *node = clade_value_node(value);
    return node->op->pointwise != NULL && node->input_count > 0 &&
           clade_uses_only_reader(&all->uses, value) == reader && !may_be_a_tail(all, node, LONGEST);
}

/* Takes READER, which reads the result VALUE, into A; false when a tail has no room for it. */
static bool take(const absorptions *all, absorption *a, const clade_node *host, const clade_node *reader,
                 clade_value value) {
    const clade_dims *y = &host->outputs[0].dims, *now = &clade_value_type(value)->dims;
    const bool shut = a->tail.relu || a->tail.mask;
    if (reader->op == &clade_op_add && !shut) {
        const clade_value other = other_input(reader, value);
        if (!clade_value_equal(other, value) && clade_dims_equal(&clade_value_type(other)->dims, now)) {
            if (a->tail.residual || fuses_into(all, other, reader)) return false;
            a->tail.residual = true;
            a->residual = other;
            return true;
        }
        if (a->tail.bias || is_batch_norm(host) || !clade_dims_equal(now, y) || !is_bias(other, y)) return false;
        a->tail.bias = true;
        a->bias = other;
        return true;
    }
    if (reader->op == &clade_op_relu && !shut) return a->tail.relu = true;
    if (reader->op != &clade_op_relu_gradient || a->tail.mask || is_batch_norm(host)) return false;
    if (!clade_value_equal(reader->inputs[1], value)) return false;
    if (!clade_dims_equal(&clade_value_type(reader->inputs[0])->dims, now)) return false;
    a->mask = reader->inputs[0];
    return a->tail.mask = true;
}

/* Follows HOST's result through its only readers; views on the way are looked through. */
static void follow(absorptions *all, const clade_node *host) {
    absorption *a = &all->of[host->index];
    clade_value value = output_of(host, 0);
    const clade_node *reader;
    while ((reader = clade_uses_only_reader(&all->uses, value)) != NULL && may_take(all, host, reader)) {
        if (!reader->op->view) {
            if (!take(all, a, host, reader, value)) break;
            a->last = reader;
        }
        value = output_of(reader, 0);
    }
    value = output_of(host, 0);
    while (a->last != NULL && value.node != a->last->index) {
        reader = clade_uses_only_reader(&all->uses, value);
        all->host_of[reader->index] = 1 + host->index;
        value = output_of(reader, 0);
    }
}

/* ---- emitting ---- */

static clade_value as(clade_value value, const clade_dims *dims) {
    return clade_dims_equal(&clade_value_type(value)->dims, dims) ? value : clade_reshape(value, *dims);
}

static void emit(const absorptions *all, clade_rewrite *rewrite, const clade_node *host, clade_value *out) {
    const absorption *a = &all->of[host->index];
    const clade_dims *y = &host->outputs[0].dims;
    clade_value inputs[CLADE_MAX_INPUTS];
    uint32_t count = host->input_count;
    for (uint32_t i = 0; i < count; i++)
        inputs[i] = clade_rewrite_value(rewrite, host->inputs[i]);
    if (a->tail.bias) inputs[count++] = clade_rewrite_value(rewrite, a->bias);
    if (a->tail.residual) inputs[count++] = as(clade_rewrite_value(rewrite, a->residual), y);
    if (a->tail.mask) inputs[count++] = as(clade_rewrite_value(rewrite, a->mask), y);

    char attributes[MOST_ATTRIBUTES];
    memcpy(attributes, host->attributes, host->op->attributes_size);
    memcpy(attributes + host->op->tail_offset, &a->tail, sizeof a->tail);
    const clade_value result = clade_append(rewrite->to, host->op, host->name, attributes, inputs, count);
    if (!clade_value_valid(result)) return;
    for (uint32_t o = 1; o < host->output_count; o++)
        rewrite->map[rewrite->first[host->index] + o] = clade_output(result, o);
    out[0] = as(result, &a->last->outputs[0].dims);
}

static bool with_tails(void *user, clade_rewrite *rewrite, const clade_node *node, const clade_value *inputs,
                       clade_value *out) {
    (void)inputs;
    const absorptions *all = user;
    const bool is_host = all->of[node->index].last != NULL;
    const uint32_t host = all->host_of[node->index];
    if (!is_host && host == 0) return false;
    for (uint32_t o = 0; o < node->output_count; o++)
        out[o] = CLADE_NO_VALUE;
    if (!is_host && all->of[host - 1].last == node) emit(all, rewrite, node->graph->nodes[host - 1], out);
    return true;
}

clade_graph *clade_pass_tails(const clade_graph *graph, clade_value *targets, size_t count, bool updates,
                              clade_rewrite *rewrite) {
    clade_graph *with = NULL;
    absorptions all = { .of = NULL };
    const bool good = clade_uses_find(&all.uses, graph, targets, count, updates);
    all.of = clade_allocate(graph->context, graph->node_count + 1, sizeof *all.of);
    all.host_of = clade_allocate(graph->context, graph->node_count + 1, sizeof *all.host_of);
    if (good && all.of && all.host_of) {
        for (uint32_t i = graph->node_count; i-- > 0;) /* of two that are added, the later takes in the earlier */
            if (all.uses.needed[i] && all.host_of[i] == 0 && takes_a_tail(graph->nodes[i]))
                follow(&all, graph->nodes[i]);
        with = clade_graph_rewrite(graph, targets, count, updates, with_tails, &all, rewrite);
    } else if (good) {
        clade_fail_memory(graph->context, graph->node_count * sizeof *all.of, "the pass for tails");
    }
    clade_free(graph->context, all.of);
    clade_free(graph->context, all.host_of);
    clade_uses_free(&all.uses);
    return with;
}
