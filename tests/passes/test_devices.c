/* The passes for several devices: the halves of sums and their order, and batch norms of the whole batch. */
#include "helpers.h"

#include "clade/ops.h"
#include "ops/all_reduce.h"

#include <string.h>

static clade_graph *schedule(const clade_graph *graph, clade_value *targets, size_t count) {
    return clade_pass_schedule(graph, targets, count, true);
}

static clade_graph *sync_batch_norm(const clade_graph *graph, clade_value *targets, size_t count) {
    return clade_pass_sync_batch_norm(graph, targets, count, true, NULL);
}

/* The index of the node of that operator and name. */
static uint32_t place_of(const clade_graph *graph, const char *op, const char *name) {
    for (uint32_t i = 0; i < graph->node_count; i++)
        if (strcmp(graph->nodes[i]->op->name, op) == 0 && strcmp(graph->nodes[i]->name, name) == 0) return i;
    fail_msg("no %s %s", op, name);
    return 0;
}

static clade_value state_of(clade_graph *graph, const char *name, int64_t size) {
    return clade_state(graph, name, clade_shape(size), CLADE_ROLE_WEIGHT, (clade_initializer){ 0 });
}

/* x -> a -> b: two weights, their sums, their updates; a statistic that only an update needs; a target that no sum
 * changes, and one that a sum does. */
static void test_sums_begin_early_and_end_late(void **state) {
    graph_fixture *f = *state;
    clade_graph *g = f->graph;
    const clade_value x = clade_input(g, "x", CLADE_F32, clade_shape(CLADE_BATCH, 4));
    const clade_value w = state_of(g, "w", 4), v = state_of(g, "v", 4), s = state_of(g, "s", 4);
    const clade_value a = clade_tanh(clade_multiply(x, w)), statistic = clade_mean(a, 1, false);
    clade_update(s, statistic); /* written down before any sum */
    const clade_value b = clade_tanh(clade_multiply(a, v)), loss = clade_mean(b, 3, false);
    const clade_value with[] = { v, w };
    clade_value gradients[2], sums[2], lost;
    assert_good(f->context, clade_gradient(loss, CLADE_NO_VALUE, with, 2, gradients));
    clade_all_reduce(&gradients[0], 1, &sums[0]);
    clade_all_reduce(&gradients[1], 1, &sums[1]);
    clade_all_reduce(&loss, 1, &lost);
    clade_update(v, clade_subtract(v, sums[0]));
    clade_update(w, clade_subtract(w, sums[1]));
    clade_value targets[] = { loss, lost };
    clade_graph *after = schedule(g, targets, 2);
    assert_non_null(after);
    assert_int_equal(count_ops(after, "all_reduce"), 0);
    assert_int_equal(count_ops(after, "all_reduce_send"), 3);
    assert_int_equal(count_ops(after, "all_reduce_receive"), 3);
    uint32_t first_receive = UINT32_MAX, last_receive = 0, last_send = 0;
    for (uint32_t i = 0; i < after->node_count; i++) {
        const clade_node *node = after->nodes[i];
        if (node->op == &clade_all_reduce_send) { /* right behind what it sends */
            assert_true(node->inputs[0].node == i - 1 || after->nodes[i - 1]->op == &clade_all_reduce_send);
            last_send = i;
        }
        if (node->op != &clade_all_reduce_receive) continue;
        if (first_receive == UINT32_MAX) first_receive = i;
        last_receive = i;
    }
    assert_true(last_send < first_receive);
    assert_int_equal(last_receive, first_receive + 2);
    for (uint32_t u = 0; u < after->update_count; u++)
        assert_true(after->updates[u].value.node > last_receive);
    assert_true(targets[0].node < first_receive);
    clade_graph_free(after);
}

/* A sum in the forward part is received where it is needed, and no later node waits for it. */
static void test_a_sum_that_is_needed_is_received_there(void **state) {
    graph_fixture *f = *state;
    clade_graph *g = f->graph;
    const clade_value x = clade_input(g, "x", CLADE_F32, clade_shape(CLADE_BATCH, 4)), w = state_of(g, "w", 4);
    const clade_value part = clade_mean(x, 1, false);
    clade_value mean, sum;
    clade_all_reduce(&part, 1, &mean);
    const clade_value beside = clade_exponential(x), y = clade_multiply(clade_subtract(beside, mean), w);
    const clade_value total = clade_sum(y, 1, false);
    clade_all_reduce(&total, 1, &sum);
    clade_update(w, clade_subtract(w, sum));
    clade_graph *after = schedule(g, NULL, 0);
    assert_non_null(after);
    assert_int_equal(place_of(after, "all_reduce_send", ""), place_of(after, "mean", "") + 1);
    assert_true(place_of(after, "exponential", "") < place_of(after, "all_reduce_receive", ""));
    assert_int_equal(place_of(after, "all_reduce_receive", "") + 1, place_of(after, "subtract", ""));
    clade_graph_free(after);
}

static void test_a_graph_without_sums_stays(void **state) {
    graph_fixture *f = *state;
    const clade_value x = clade_input(f->graph, "x", CLADE_F32, clade_shape(CLADE_BATCH, 4));
    clade_value y = clade_exponential(clade_tanh(x));
    const uint32_t before = f->graph->node_count;
    clade_graph *after = pass_keeps_values(f->graph, &y, 1, schedule);
    assert_int_equal(after->node_count, before);
    clade_graph_free(after);
}

/* On a device alone, whose share is 1, it is what the row is: forward, backward, running statistics. */
static void check_batch_norm(graph_fixture *f, clade_dims dims) {
    clade_graph *g = f->graph;
    const clade_value x = clade_input(g, "x", CLADE_F32, dims);
    const clade_value with[] = { x, CLADE_NO_VALUE, CLADE_NO_VALUE };
    clade_value trained[3], gradients[3];
    clade_scalar(g, CLADE_DEVICE_SHARE, 1);
    const clade_value y = clade_batch_norm(clade_scale(x, 3), .name = "bn"), loss = clade_mean(clade_tanh(y), 0, false);
    memcpy(trained, with, sizeof trained);
    trained[1] = clade_graph_find(g, "state", "bn.weight");
    trained[2] = clade_graph_find(g, "state", "bn.bias");
    const clade_value total = clade_mean(loss, CLADE_ALL_AXES, false);
    assert_good(f->context, clade_gradient(total, CLADE_NO_VALUE, trained, 3, gradients));
    clade_value targets[] = { y,
                              gradients[0],
                              gradients[1],
                              gradients[2],
                              clade_graph_update_of(g, clade_graph_find(g, "state", "bn.running_mean")),
                              clade_graph_update_of(g, clade_graph_find(g, "state", "bn.running_variance")) };
    clade_graph *after = pass_keeps_values(g, targets, 6, sync_batch_norm);
    assert_int_equal(count_ops(after, "batch_norm"), 0);
    assert_int_equal(count_ops(after, "batch_norm_gradient"), 0);
    assert_int_equal(count_ops(after, "all_reduce"), 3);
    clade_graph_free(after);
}

static void test_a_batch_norm_of_all_devices_is_the_row_on_one(void **state) {
    check_batch_norm(*state, clade_shape(CLADE_BATCH, 5, 3, 7));
}

static void test_a_batch_norm_of_columns_too(void **state) {
    check_batch_norm(*state, clade_shape(CLADE_BATCH, 9));
}

static void test_a_graph_without_shares_keeps_its_batch_norms(void **state) {
    graph_fixture *f = *state;
    const clade_value x = clade_input(f->graph, "x", CLADE_F32, clade_shape(CLADE_BATCH, 4));
    clade_value y = clade_batch_norm(x);
    clade_graph *after = pass_keeps_values(f->graph, &y, 1, sync_batch_norm);
    assert_int_equal(count_ops(after, "batch_norm"), 1);
    clade_graph_free(after);
}

#define TEST(NAME) cmocka_unit_test_setup_teardown(NAME, open_graph_fixture, close_graph_fixture)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_sums_begin_early_and_end_late), TEST(test_a_sum_that_is_needed_is_received_there),
        TEST(test_a_graph_without_sums_stays),    TEST(test_a_batch_norm_of_all_devices_is_the_row_on_one),
        TEST(test_a_batch_norm_of_columns_too),   TEST(test_a_graph_without_shares_keeps_its_batch_norms),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
