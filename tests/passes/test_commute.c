/* Exchanged operators: the same gradients from less work. */
#include "helpers.h"

#include "ops/normalization/batch_norm.h"

static int set_up(void **state) {
    *state = clade_context_new(NULL);
    return *state ? 0 : -1;
}

static int tear_down(void **state) {
    clade_context_free(*state);
    return 0;
}

static clade_graph *commute(const clade_graph *graph, clade_value *targets, size_t count) {
    return clade_pass_commute(graph, targets, count, false, NULL);
}

/* The loss and its gradients by NAMES, states of GRAPH. */
static void differentiate(void *context, clade_value loss, const char *const names[2], clade_value targets[3]) {
    clade_value states[2];
    for (int i = 0; i < 2; i++)
        states[i] = clade_graph_find(loss.graph, "state", names[i]);
    targets[0] = loss;
    assert_good(context, clade_gradient(loss, CLADE_NO_VALUE, states, 2, targets + 1));
}

/* 2 * the elements of a pooled plane of 5 x 6 by 3 x 3 windows at stride 2: windows overlap. */
static clade_value loss_of_pooled(clade_value x) {
    clade_value pooled = clade_max_pool(x, .kernel = { 3, 3 }, .stride = { 2, 2 });
    return clade_sum(clade_square(pooled), CLADE_ALL_AXES, false);
}

static clade_value convolve(clade_graph *g) {
    clade_value x = clade_input(g, "image", CLADE_F32, clade_shape(CLADE_BATCH, 2, 7, 8));
    return clade_conv2d(x, .filters = 3, .kernel = { 3, 3 }, .name = "c");
}

static void test_gradients_are_masked_and_summed_before_they_are_spread(void **state) {
    clade_graph *g = clade_graph_new(*state);
    clade_value targets[3];
    differentiate(*state, loss_of_pooled(clade_relu(convolve(g))), (const char *[]){ "c.weight", "c.bias" }, targets);
    clade_graph *after = pass_keeps_values(g, targets, 3, commute);
    for (uint32_t i = 0; i < after->node_count; i++) {
        const clade_node *node = after->nodes[i];
        if (node->op == clade_op_find("relu_gradient")) assert_int_equal(node->outputs[0].dims.size[3], 2);
    }
    const clade_node *bias_gradient = clade_value_node(targets[2]);
    while (bias_gradient->op->view)
        bias_gradient = clade_value_node(bias_gradient->inputs[0]);
    assert_string_equal(bias_gradient->op->name, "sum");
    assert_int_equal(clade_value_type(bias_gradient->inputs[0])->dims.size[3], 2);
    clade_graph_free(after);
    clade_graph_free(g);
}

/* The mask of another value than the pooled one must stay where it is. */
static void test_mask_of_another_value_stays(void **state) {
    clade_graph *g = clade_graph_new(*state);
    clade_value x = convolve(g), pooled = clade_max_pool(x, .kernel = { 3, 3 }, .stride = { 2, 2 });
    clade_value loss = clade_sum(pooled, CLADE_ALL_AXES, false), spread;
    assert_good(*state, clade_gradient(loss, CLADE_NO_VALUE, &x, 1, &spread));
    clade_value masked = clade_relu_gradient(clade_tanh(x), spread);
    clade_graph *after = pass_keeps_values(g, &masked, 1, commute);
    assert_int_equal(only_node(after, "relu_gradient")->outputs[0].dims.size[3], 6);
    clade_graph_free(after);
    clade_graph_free(g);
}

static void test_bias_before_batch_norm_has_no_gradient(void **state) {
    clade_graph *g = clade_graph_new(*state);
    clade_value targets[3], norm = clade_batch_norm(convolve(g));
    differentiate(*state, loss_of_pooled(norm), (const char *[]){ "c.weight", "c.bias" }, targets);
    clade_graph *after = pass_keeps_values(g, targets, 3, commute);
    const clade_node *bias_gradient = clade_value_node(targets[2]);
    while (bias_gradient->op->view)
        bias_gradient = clade_value_node(bias_gradient->inputs[0]);
    assert_string_equal(bias_gradient->op->name, "constant");
    clade_graph_free(after);
    clade_graph_free(g);
}

/* With moments that are not its x's, batch norm's gradient sums up to anything. */
static void test_gradient_at_other_moments_is_summed(void **state) {
    clade_graph *g = clade_graph_new(*state);
    clade_value x = clade_input(g, "x", CLADE_F32, clade_shape(CLADE_BATCH, 2, 3, 3));
    clade_value dy = clade_input(g, "dy", CLADE_F32, clade_shape(CLADE_BATCH, 2, 3, 3));
    clade_value numbers = clade_input(g, "numbers", CLADE_F32, clade_shape(2));
    const clade_batch_norm_attributes a = { .epsilon = 1e-5, .momentum = 0.1 };
    const clade_value inputs[] = { x, numbers, numbers, numbers, dy };
    clade_value dx = clade_append(g, &clade_op_batch_norm_gradient, "", &a, inputs, 5);
    clade_value sum = clade_sum(dx, 1u << 0 | 1u << 2 | 1u << 3, false);
    clade_graph *after = pass_keeps_values(g, &sum, 1, commute);
    assert_int_equal(count_ops(after, "sum"), 1);
    clade_graph_free(after);
    clade_graph_free(g);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gradients_are_masked_and_summed_before_they_are_spread),
        cmocka_unit_test(test_mask_of_another_value_stays),
        cmocka_unit_test(test_bias_before_batch_norm_has_no_gradient),
        cmocka_unit_test(test_gradient_at_other_moments_is_summed),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
