/* The pass for recomputation, on chains whose costs are made up: what it drops, and that it stays a right graph. */
#include "helpers.h"

#include <stdlib.h>
#include <string.h>

enum { LAYERS = 64, BYTES = 1 << 20 };

static int set_up(void **state) {
    *state = clade_context_new(NULL);
    return *state ? 0 : -1;
}

static int tear_down(void **state) {
    clade_context_free(*state);
    return 0;
}

/* A chain whose backward part reads every value of its forward part, as if each took BYTES. */
typedef struct chain {
    clade_graph *graph;
    clade_value gradient;
    clade_recompute_costs costs;
    uint32_t *first, *root;
    size_t *bytes, *scratch;
    double *effort;
    bool *fixed;
} chain;

static void count_costs(chain *c) {
    const uint32_t nodes = c->graph->node_count;
    c->first = calloc(nodes, sizeof *c->first);
    c->root = calloc(nodes, sizeof *c->root);
    c->bytes = calloc(nodes, sizeof *c->bytes);
    c->scratch = calloc(nodes, sizeof *c->scratch);
    c->effort = calloc(nodes, sizeof *c->effort);
    c->fixed = calloc(nodes, sizeof *c->fixed);
    for (uint32_t i = 0; i < nodes; i++) {
        const clade_node *node = c->graph->nodes[i];
        assert_int_equal(node->output_count, 1);
        c->first[i] = c->root[i] = i;
        c->fixed[i] = node->input_count == 0;
        c->bytes[i] = node->input_count > 0 ? BYTES : 0;
        c->effort[i] = 1;
    }
    c->costs = (clade_recompute_costs){ c->first, c->root, c->bytes, c->scratch, c->effort, c->fixed, false };
}

static chain make_chain(clade_context *context) {
    chain c = { .graph = clade_graph_new(context) };
    clade_value x = clade_input(c.graph, "x", CLADE_F32, clade_shape(CLADE_BATCH, 2)), y = x;
    for (int i = 0; i < LAYERS; i++)
        y = i % 2 ? clade_tanh(y) : clade_sigmoid(y);
    const clade_value loss = clade_sum(y, CLADE_ALL_AXES, false);
    assert_good(context, clade_gradient(loss, CLADE_NO_VALUE, &x, 1, &c.gradient));
    clade_graph *simple = clade_pass_simplify(c.graph, &c.gradient, 1, false, NULL);
    clade_graph_free(c.graph);
    c.graph = simple;
    assert_true(c.graph->backward_from > LAYERS && c.graph->backward_from < c.graph->node_count);
    count_costs(&c);
    return c;
}

static void free_chain(chain *c) {
    void *const all[] = { c->first, c->root, c->bytes, c->scratch, c->effort, c->fixed };
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        free(all[i]);
    clade_graph_free(c->graph);
}

/* The chain of the running test, for pass_keeps_values(). */
static const chain *under_test;
static size_t budget;
static clade_recomputation report;

static clade_graph *recompute(const clade_graph *graph, clade_value *targets, size_t count) {
    return clade_pass_recompute(graph, targets, count, false, &under_test->costs, budget, &report);
}

/* The chain within LIMIT bytes; the values are compared. */
static void run_within(const chain *c, size_t limit) {
    clade_value gradient = c->gradient;
    under_test = c;
    budget = limit;
    clade_graph *after = pass_keeps_values(c->graph, &gradient, 1, recompute);
    clade_graph_free(after);
}

static void test_nothing_is_dropped_without_need(void **state) {
    chain c = make_chain(*state);
    run_within(&c, (size_t)4 * LAYERS * BYTES);
    assert_true(report.count <= 1); /* one is always tried */
    clade_recomputation_free(*state, &report);
    free_chain(&c);
}

static void test_half_the_memory_costs_less_than_the_forward_part(void **state) {
    chain c = make_chain(*state);
    run_within(&c, (size_t)LAYERS / 2 * BYTES);
    assert_true(report.peak <= (size_t)LAYERS / 2 * BYTES);
    assert_in_range(report.count, LAYERS / 4, LAYERS * 3 / 4);
    clade_recomputation_free(*state, &report);
    free_chain(&c);
}

/* A chain of n values needs about 2 sqrt(n) of them, at most once more the forward part. */
static void test_the_least_memory_grows_with_the_square_root(void **state) {
    chain c = make_chain(*state);
    run_within(&c, 0);
    assert_true(report.peak <= (size_t)22 * BYTES);
    assert_true(report.count <= LAYERS);
    clade_recomputation_free(*state, &report);
    free_chain(&c);
}

static void test_what_is_fixed_is_computed_once(void **state) {
    chain c = make_chain(*state);
    for (uint32_t i = 0; i < c.graph->node_count; i++)
        c.fixed[i] = c.fixed[i] || i % 2 == 0;
    run_within(&c, 0);
    assert_true(report.count > 0);
    for (uint32_t i = 0; i < c.graph->node_count + report.count; i++)
        if (report.again[i]) assert_int_equal(report.origin[i] % 2, 1);
    clade_recomputation_free(*state, &report);
    free_chain(&c);
}

static void test_the_same_choice_every_time(void **state) {
    chain c = make_chain(*state);
    clade_recomputation first;
    run_within(&c, (size_t)LAYERS / 3 * BYTES);
    first = report;
    run_within(&c, (size_t)LAYERS / 3 * BYTES);
    assert_int_equal(first.count, report.count);
    assert_memory_equal(first.origin, report.origin, (c.graph->node_count + first.count) * sizeof *first.origin);
    clade_recomputation_free(*state, &first);
    clade_recomputation_free(*state, &report);
    free_chain(&c);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_nothing_is_dropped_without_need, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_half_the_memory_costs_less_than_the_forward_part, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_the_least_memory_grows_with_the_square_root, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_is_fixed_is_computed_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_the_same_choice_every_time, set_up, tear_down),
    };
    return cmocka_run_group_tests_name("recompute", tests, NULL, NULL);
}
