/* Tails: what a node takes in, and what it must leave alone. */
#include "helpers.h"

#include "ops/tail.h"

static int set_up(void **state) {
    *state = clade_context_new(NULL);
    return *state ? 0 : -1;
}

static int tear_down(void **state) {
    clade_context_free(*state);
    return 0;
}

static clade_graph *tails(const clade_graph *graph, clade_value *targets, size_t count) {
    return clade_pass_tails(graph, targets, count, false, NULL);
}

static clade_value image(clade_graph *g) {
    return clade_input(g, "image", CLADE_F32, clade_shape(CLADE_BATCH, 4, 5, 6));
}

static clade_value convolve(clade_value x, const char *name) {
    return clade_conv2d(x, .filters = 4, .kernel = { 3, 3 }, .pad = { 1, 1, 1, 1 }, .name = name);
}

static const clade_tail_attributes *tail_of_only(const clade_graph *graph, const char *op) {
    return clade_tail_of(only_node(graph, op));
}

static void assert_tail(const clade_tail_attributes *tail, bool bias, bool residual, bool relu, bool mask) {
    assert_int_equal(tail->bias, bias);
    assert_int_equal(tail->residual, residual);
    assert_int_equal(tail->relu, relu);
    assert_int_equal(tail->mask, mask);
}

static void test_convolution_takes_bias_residual_and_relu(void **state) {
    clade_graph *g = clade_graph_new(*state);
    clade_value x = image(g), y = clade_relu(clade_add(convolve(x, "c"), x));
    clade_graph *after = pass_keeps_values(g, &y, 1, tails);
    assert_tail(tail_of_only(after, "conv2d"), true, true, true, false);
    assert_int_equal(count_ops(after, "add") + count_ops(after, "relu"), 0);
    clade_graph_free(after);
    clade_graph_free(g);
}

static void test_dense_layer_takes_bias_and_relu(void **state) {
    clade_graph *g = clade_graph_new(*state);
    clade_value y = clade_relu(clade_dense(image(g), .units = 7));
    clade_graph *after = pass_keeps_values(g, &y, 1, tails);
    assert_tail(tail_of_only(after, "matmul"), true, false, true, false);
    clade_graph_free(after);
    clade_graph_free(g);
}

static void test_what_others_read_stays(void **state) {
    clade_graph *g = clade_graph_new(*state);
    clade_value sum = convolve(image(g), "c"), targets[] = { sum, clade_relu(sum) };
    clade_graph *after = pass_keeps_values(g, targets, 2, tails);
    assert_tail(tail_of_only(after, "conv2d"), true, false, false, false);
    assert_int_equal(count_ops(after, "relu"), 1);
    clade_graph_free(after);
    clade_graph_free(g);
}

static void test_nothing_is_added_after_relu(void **state) {
    clade_graph *g = clade_graph_new(*state);
    clade_value x = image(g), y = clade_add(clade_relu(convolve(x, "c")), x);
    clade_graph *after = pass_keeps_values(g, &y, 1, tails);
    assert_tail(tail_of_only(after, "conv2d"), true, false, true, false);
    assert_int_equal(count_ops(after, "add"), 1);
    clade_graph_free(after);
    clade_graph_free(g);
}

/* Of two results that are added, one becomes the other's residual. */
static void test_later_of_two_takes_in_the_earlier(void **state) {
    clade_graph *g = clade_graph_new(*state);
    clade_value x = image(g), a = convolve(x, "a"), y = clade_add(a, convolve(x, "b"));
    clade_graph *after = pass_keeps_values(g, &y, 1, tails);
    assert_int_equal(count_ops(after, "add"), 0);
    const clade_node *last = clade_value_node(y);
    assert_tail(clade_tail_of(last), true, true, false, false);
    assert_string_equal(last->name, "b");
    clade_graph_free(after);
    clade_graph_free(g);
}

/* What one kernel would compute with the addition is no array to read: weight decay. */
static void test_point_wise_operand_is_no_residual(void **state) {
    clade_graph *g = clade_graph_new(*state);
    clade_value x = image(g), y = clade_add(convolve(x, "c"), clade_scale(x, 0.5));
    clade_graph *after = pass_keeps_values(g, &y, 1, tails);
    assert_tail(tail_of_only(after, "conv2d"), true, false, false, false);
    clade_graph_free(after);
    clade_graph_free(g);
}

static void test_batch_norm_takes_residual_and_relu(void **state) {
    clade_graph *g = clade_graph_new(*state);
    clade_value x = image(g), y = clade_relu(clade_add(clade_batch_norm(convolve(x, "c")), x));
    clade_graph *after = pass_keeps_values(g, &y, 1, tails);
    assert_tail(tail_of_only(after, "batch_norm"), false, true, true, false);
    assert_tail(tail_of_only(after, "conv2d"), true, false, false, false);
    clade_graph_free(after);
    clade_graph_free(g);
}

/* Its moments are read before the addition, which so cannot be part of it. */
static void test_batch_norm_comes_before_what_reads_its_moments(void **state) {
    clade_graph *g = clade_graph_new(*state);
    clade_value x = image(g), norm = clade_batch_norm(x);
    clade_value mean = clade_reshape(clade_output(norm, 1), clade_shape(4, 1, 1));
    clade_value y = clade_add(norm, clade_multiply(x, mean));
    clade_graph *after = pass_keeps_values(g, &y, 1, tails);
    assert_int_equal(count_ops(after, "add"), 1);
    clade_graph_free(after);
    clade_graph_free(g);
}

/* A residual block's gradients: the data gradient takes the block's other gradient and the mask of the ReLU before it. */
static void test_gradients_take_the_other_gradient_and_the_mask(void **state) {
    clade_graph *g = clade_graph_new(*state);
    clade_value x = image(g), y = clade_relu(convolve(x, "a"));
    clade_value loss = clade_sum(clade_square(clade_add(convolve(y, "b"), y)), CLADE_ALL_AXES, false);
    clade_value weight = clade_graph_find(g, "state", "a.weight"), targets[2] = { loss, CLADE_NO_VALUE };
    assert_good(*state, clade_gradient(loss, CLADE_NO_VALUE, &weight, 1, &targets[1]));
    clade_graph *after = pass_keeps_values(g, targets, 2, tails);
    assert_tail(tail_of_only(after, "conv2d_data_gradient"), false, true, false, true);
    assert_int_equal(count_ops(after, "relu_gradient"), 0);
    clade_graph_free(after);
    clade_graph_free(g);
}

/* Convolutions' values are images, a dense layer's gradient is rows: the mask is looked at as rows. */
static void test_views_are_looked_through(void **state) {
    clade_graph *g = clade_graph_new(*state);
    clade_value y = clade_relu(convolve(image(g), "a"));
    clade_value loss = clade_sum(clade_square(clade_dense(y, .units = 3)), CLADE_ALL_AXES, false);
    clade_value weight = clade_graph_find(g, "state", "a.weight"), targets[2] = { loss, CLADE_NO_VALUE };
    assert_good(*state, clade_gradient(loss, CLADE_NO_VALUE, &weight, 1, &targets[1]));
    clade_graph *after = pass_keeps_values(g, targets, 2, tails);
    assert_int_equal(count_ops(after, "relu_gradient"), 0);
    clade_graph_free(after);
    clade_graph_free(g);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_convolution_takes_bias_residual_and_relu),
        cmocka_unit_test(test_dense_layer_takes_bias_and_relu),
        cmocka_unit_test(test_what_others_read_stays),
        cmocka_unit_test(test_nothing_is_added_after_relu),
        cmocka_unit_test(test_later_of_two_takes_in_the_earlier),
        cmocka_unit_test(test_point_wise_operand_is_no_residual),
        cmocka_unit_test(test_batch_norm_takes_residual_and_relu),
        cmocka_unit_test(test_batch_norm_comes_before_what_reads_its_moments),
        cmocka_unit_test(test_gradients_take_the_other_gradient_and_the_mask),
        cmocka_unit_test(test_views_are_looked_through),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
