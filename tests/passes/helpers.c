#include "helpers.h"

#include "base/random.h"
#include "exec/session.h"

#include <math.h>
#include <string.h>

enum { BATCH = 3 };

static void fill_inputs(clade_reference *reference, const clade_graph *graph) {
    for (uint32_t i = 0; i < graph->node_count; i++) {
        const clade_node *node = graph->nodes[i];
        if (node->op != &clade_op_input) continue;
        clade_random random = clade_random_stream(5, node->name, 0);
        clade_tensor *leaf = clade_reference_leaf(reference, (clade_value){ (clade_graph *)(uintptr_t)graph, i, 0 });
        for (int64_t e = 0; e < leaf->count; e++)
            leaf->data[e] = leaf->dtype == CLADE_I32 ? (double)clade_random_below(&random, 3)
                                                     : 2 * clade_random_uniform(&random) - 1;
    }
}

static clade_reference *evaluator(const clade_graph *graph) {
    clade_reference *reference = clade_reference_new(graph, (clade_binding){ .batch = BATCH });
    assert_non_null(reference);
    fill_inputs(reference, graph);
    return reference;
}

static void assert_same(const clade_tensor *a, const clade_tensor *b, size_t target) {
    assert_non_null(a);
    assert_non_null(b);
    assert_int_equal(a->count, b->count);
    double largest = 1e-3;
    for (int64_t e = 0; e < a->count; e++)
        largest = fmax(largest, fabs(a->data[e]));
    for (int64_t e = 0; e < a->count; e++)
        if (!(fabs(a->data[e] - b->data[e]) <= 1e-9 * largest))
            fail_msg("target %zu, element %lld: %g before the pass, %g after it", target, (long long)e, a->data[e],
                     b->data[e]);
}

clade_graph *pass_keeps_values(const clade_graph *graph, clade_value *targets, size_t count, graph_pass *pass) {
    clade_value before[16];
    assert_true(count <= sizeof before / sizeof before[0]);
    memcpy(before, targets, count * sizeof *targets);
    clade_graph *after = pass(graph, targets, count);
    if (after == NULL) fail_msg("%s", clade_error(graph->context));
    clade_reference *old = evaluator(graph), *new = evaluator(after);
    for (size_t i = 0; i < count; i++)
        assert_same(clade_reference_value(old, before[i]), clade_reference_value(new, targets[i]), i);
    clade_reference_free(old);
    clade_reference_free(new);
    return after;
}

uint32_t count_ops(const clade_graph *graph, const char *name) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < graph->node_count; i++)
        count += strcmp(graph->nodes[i]->op->name, name) == 0;
    return count;
}

const clade_node *only_node(const clade_graph *graph, const char *name) {
    assert_int_equal(count_ops(graph, name), 1);
    for (uint32_t i = 0; i < graph->node_count; i++)
        if (strcmp(graph->nodes[i]->op->name, name) == 0) return graph->nodes[i];
    return NULL;
}
