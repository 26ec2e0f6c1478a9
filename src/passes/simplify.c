/* Shares nodes that compute the same, and removes those that do nothing. (Dead nodes vanish in every rewrite.) */
#include "passes/passes.h"

#include <string.h>

/* Nodes of the new graph by a hash of what they are: chains through `next`. */
typedef struct known_nodes {
    uint32_t *buckets, *next; /* node index + 1; 0 ends */
    uint32_t bucket_count, next_count;
} known_nodes;

static bool same_value(const clade_attribute *a, const char *left, const char *right) {
    static const size_t sizes[] = {
        [CLADE_ATTRIBUTE_INT] = sizeof(int64_t),   [CLADE_ATTRIBUTE_SIZE] = sizeof(clade_size),
        [CLADE_ATTRIBUTE_DOUBLE] = sizeof(double), [CLADE_ATTRIBUTE_BOOL] = sizeof(bool),
        [CLADE_ATTRIBUTE_TEXT] = sizeof(char *),   [CLADE_ATTRIBUTE_DIMS] = sizeof(clade_dims),
    };
    left += a->offset;
    right += a->offset;
    if (a->kind == CLADE_ATTRIBUTE_DIMS)
        return clade_dims_equal((const clade_dims *)(const void *)left, (const clade_dims *)(const void *)right);
    if (a->kind == CLADE_ATTRIBUTE_TEXT) {
        const char *x = *(const char *const *)(const void *)left, *y = *(const char *const *)(const void *)right;
        return x && y ? strcmp(x, y) == 0 : x == y;
    }
    return memcmp(left, right, sizes[a->kind] * (size_t)(a->count ? a->count : 1)) == 0;
}

static bool same_attributes(const clade_node *a, const clade_node *b) {
    if (a->op->attributes_size == 0) return true;
    if (!a->op->attributes) return false; /* without a schema they cannot be compared */
    for (const clade_attribute *schema = a->op->attributes; schema->name; schema++)
        if (!same_value(schema, a->attributes, b->attributes)) return false;
    return true;
}

static bool same_node(const clade_node *known, const clade_node *node, const clade_value *inputs) {
    if (known->op != node->op || known->input_count != node->input_count) return false;
    for (uint32_t i = 0; i < node->input_count; i++)
        if (!clade_value_equal(known->inputs[i], inputs[i])) return false;
    return same_attributes(known, node);
}

static uint32_t hash_node(const clade_node *node, const clade_value *inputs) {
    uint32_t hash = (uint32_t)((uintptr_t)node->op >> 4);
    for (uint32_t i = 0; i < node->input_count; i++)
        hash = hash * 2654435761u + inputs[i].node * 8 + inputs[i].output;
    return hash ^ hash >> 15;
}

/* An input that stands for the whole node, because the node does nothing to it; else -1. */
static int does_nothing(const clade_node *node, const clade_value *inputs) {
    if (node->op->view && clade_dims_equal(&clade_value_type(inputs[0])->dims, &node->outputs[0].dims)) return 0;
    return -1;
}

static bool share(void *user, clade_rewrite *rewrite, const clade_node *node, const clade_value *inputs,
                  clade_value *out) {
    known_nodes *known = user;
    int stand_in = does_nothing(node, inputs);
    if (stand_in >= 0) {
        out[0] = inputs[stand_in];
        return true;
    }
    uint32_t *bucket = &known->buckets[hash_node(node, inputs) % known->bucket_count];
    bool leaf_with_name = node->input_count == 0 && node->name[0];
    for (uint32_t k = leaf_with_name ? 0 : *bucket; k; k = known->next[k - 1]) {
        if (!same_node(rewrite->to->nodes[k - 1], node, inputs)) continue;
        for (uint32_t i = 0; i < node->output_count; i++)
            out[i] = (clade_value){ rewrite->to, k - 1, i };
        return true;
    }
    clade_value copy = clade_append(rewrite->to, node->op, node->name, node->attributes, inputs, node->input_count);
    for (uint32_t i = 0; i < node->output_count; i++)
        out[i] = clade_output(copy, i);
    if (clade_value_valid(copy) && copy.node < known->next_count) {
        known->next[copy.node] = *bucket;
        *bucket = copy.node + 1;
    }
    return true;
}

clade_graph *clade_pass_simplify(const clade_graph *graph, clade_value *targets, size_t count, bool updates,
                                 clade_rewrite *rewrite) {
    clade_graph *simple = NULL;
    known_nodes known = { .bucket_count = 2 * graph->node_count + 1, .next_count = graph->node_count };
    known.buckets = clade_allocate(graph->context, known.bucket_count, sizeof *known.buckets);
    known.next = clade_allocate(graph->context, known.next_count + 1, sizeof *known.next);
    if (known.buckets && known.next)
        simple = clade_graph_rewrite(graph, targets, count, updates, share, &known, rewrite);
    else
        clade_fail_memory(graph->context, known.bucket_count * sizeof *known.buckets, "the simplifier's table");
    clade_free(graph->context, known.buckets);
    clade_free(graph->context, known.next);
    return simple;
}
