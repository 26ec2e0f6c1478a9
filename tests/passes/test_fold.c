/* Folding at inference: batch norms vanish into the weights before them. */
#include "helpers.h"

static int set_up(void **state) {
    *state = clade_context_new(NULL);
    return *state ? 0 : -1;
}

static int tear_down(void **state) {
    clade_context_free(*state);
    return 0;
}

static clade_graph *fold(const clade_graph *graph, clade_value *targets, size_t count) {
    return clade_pass_fold(graph, targets, count, NULL);
}

/* The inference graph of what ends in TARGET, which is replaced. */
static clade_graph *at_inference(clade_value *target) {
    clade_graph *inference = clade_pass_inference(target->graph, target, 1, NULL);
    assert_non_null(inference);
    return inference;
}

/* Nodes of that operator on values of RANK axes that depend on the image. */
static uint32_t count_of_rank(const clade_graph *graph, const char *op, int32_t rank) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < graph->node_count; i++) {
        const clade_type *type = &graph->nodes[i]->outputs[0];
        count +=
            graph->nodes[i]->op == clade_op_find(op) && type->dims.rank == rank && type->dims.size[0] == CLADE_BATCH;
    }
    return count;
}

static clade_value image(clade_graph *g) {
    return clade_input(g, "image", CLADE_F32, clade_shape(CLADE_BATCH, 4, 5, 6));
}

static void check(clade_value y, int32_t rank, uint32_t multiplications, uint32_t additions) {
    clade_graph *g = y.graph, *inference = at_inference(&y);
    clade_graph *after = pass_keeps_values(inference, &y, 1, fold);
    assert_int_equal(count_of_rank(after, "multiply", rank), multiplications);
    assert_int_equal(count_of_rank(after, "add", rank), additions);
    clade_graph_free(after);
    clade_graph_free(inference);
    clade_graph_free(g);
}

static void test_batch_norm_after_a_convolution_vanishes(void **state) {
    clade_value x = image(clade_graph_new(*state));
    check(clade_batch_norm(clade_conv2d(x, .filters = 6, .kernel = { 3, 3 }, .groups = 2)), 4, 0, 1);
}

static void test_batch_norm_after_a_convolution_without_bias_vanishes(void **state) {
    clade_value x = image(clade_graph_new(*state));
    clade_value y = clade_batch_norm(clade_conv2d(x, .filters = 3, .kernel = { 1, 1 }, .no_bias = true));
    check(clade_relu(y), 4, 0, 1);
}

static void test_batch_norm_after_a_dense_layer_vanishes(void **state) {
    check(clade_batch_norm(clade_dense(image(clade_graph_new(*state)), .units = 5)), 2, 0, 1);
}

static void test_batch_norm_of_what_others_read_stays(void **state) {
    clade_value y = clade_conv2d(image(clade_graph_new(*state)), .filters = 4, .kernel = { 1, 1 });
    check(clade_add(clade_batch_norm(y), y), 4, 1, 3);
}

static void test_numbers_that_depend_on_the_input_stay(void **state) {
    clade_graph *g = clade_graph_new(*state);
    clade_value y = clade_conv2d(image(g), .filters = 4, .kernel = { 1, 1 }, .no_bias = true);
    clade_value numbers = clade_input(g, "numbers", CLADE_F32, clade_shape(4, 1, 1));
    check(clade_multiply(y, numbers), 4, 1, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_batch_norm_after_a_convolution_vanishes),
        cmocka_unit_test(test_batch_norm_after_a_convolution_without_bias_vanishes),
        cmocka_unit_test(test_batch_norm_after_a_dense_layer_vanishes),
        cmocka_unit_test(test_batch_norm_of_what_others_read_stays),
        cmocka_unit_test(test_numbers_that_depend_on_the_input_stay),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
