/* The passes alone: what they make of small graphs. */
#include "helpers.h"

#include "base/random.h"

#include <string.h>

static int set_up(void **state) {
    *state = clade_context_new(NULL);
    return *state ? 0 : -1;
}

static int tear_down(void **state) {
    clade_context_free(*state);
    return 0;
}

static void test_a_chain_becomes_one_kernel(void **state) {
    clade_graph *g = clade_graph_new(*state);
    clade_value x = clade_input(g, "x", CLADE_F32, clade_shape(CLADE_BATCH, 8));
    clade_value y = clade_tanh(clade_relu(clade_scale(clade_add(x, x), 3.0)));
    clade_graph *fused = clade_pass_fuse(g, &y, 1, false, NULL);
    assert_non_null(fused);
    assert_int_equal(count_ops(fused, "fused"), 1);
    assert_int_equal(fused->node_count, 2);
    clade_graph_free(fused);
    clade_graph_free(g);
}

/* relu -> matmul -> add with the relu again: the two may not be one kernel, for the matmul stands between them. */
static void test_fusion_makes_no_cycle(void **state) {
    clade_graph *g = clade_graph_new(*state);
    clade_value x = clade_input(g, "x", CLADE_F32, clade_shape(8, 8));
    clade_value a = clade_relu(x);
    clade_value y = clade_add(clade_matmul(a, a, false, false), a);
    clade_graph *fused = clade_pass_fuse(g, &y, 1, false, NULL);
    assert_non_null(fused);
    assert_int_equal(count_ops(fused, "fused"), 2);
    clade_graph_free(fused);
    clade_graph_free(g);
}

static clade_graph *fuse_all(const clade_graph *graph, clade_value *targets, size_t count) {
    return clade_pass_fuse(graph, targets, count, false, NULL);
}

/* |x| and |x| n are one kernel, which reads n; n and n + sum another, which waits for the first by the sum that ends before
 * n begins: one of the two has to be given up. */
static void test_kernels_that_wait_for_each_other_are_split(void **state) {
    clade_graph *g = clade_graph_new(*state);
    clade_value x = clade_input(g, "x", CLADE_F32, clade_shape(4, 6)), y = clade_input(g, "y", CLADE_F32, CLADE_SCALAR);
    clade_value size = clade_absolute(x), sum = clade_sum(size, CLADE_ALL_AXES, false), n = clade_negate(y);
    clade_value targets[2] = { clade_multiply(size, n), CLADE_NO_VALUE };
    targets[1] = clade_add(n, sum);
    clade_graph *fused = pass_keeps_values(g, targets, 2, fuse_all);
    assert_int_equal(count_ops(fused, "sum"), 1);
    assert_int_equal(count_ops(fused, "fused"), 3);
    clade_graph_free(fused);
    clade_graph_free(g);
}

static void test_values_read_elsewhere_leave_the_kernel(void **state) {
    clade_graph *g = clade_graph_new(*state);
    clade_value x = clade_input(g, "x", CLADE_F32, clade_shape(8, 8));
    clade_value targets[2] = { clade_relu(x), CLADE_NO_VALUE };
    targets[1] = clade_tanh(targets[0]);
    clade_graph *fused = clade_pass_fuse(g, targets, 2, false, NULL);
    assert_non_null(fused);
    assert_int_equal(count_ops(fused, "fused"), 1);
    assert_int_equal(targets[0].node, targets[1].node);
    assert_int_not_equal(targets[0].output, targets[1].output);
    clade_graph_free(fused);
    clade_graph_free(g);
}

/* However long the chain and however many its constants, a kernel stays within what an operator may be. */
static void test_long_chains_are_cut(void **state) {
    clade_graph *g = clade_graph_new(*state);
    clade_value y = clade_input(g, "x", CLADE_F32, clade_shape(8, 8));
    for (int i = 0; i < 300; i++)
        y = clade_add(clade_tanh(y), clade_constant(g, clade_shape(8, 8), (float)i));
    clade_graph *fused = clade_pass_fuse(g, &y, 1, false, NULL);
    if (fused == NULL) fail_msg("%s", clade_error(*state));
    assert_in_range(count_ops(fused, "fused"), 10, 40);
    clade_graph_free(fused);
    clade_graph_free(g);
}

static void test_equal_nodes_are_shared(void **state) {
    clade_graph *g = clade_graph_new(*state);
    clade_value x = clade_input(g, "x", CLADE_F32, clade_shape(8, 8));
    clade_value y = clade_matmul(clade_relu(x), clade_relu(x), false, true);
    clade_value z = clade_reshape(y, clade_shape(8, 8));
    clade_graph *simple = clade_pass_simplify(g, &z, 1, false, NULL);
    assert_non_null(simple);
    assert_int_equal(count_ops(simple, "relu"), 1);
    assert_int_equal(count_ops(simple, "reshape"), 0);
    clade_graph_free(simple);
    clade_graph_free(g);
}

/* Dropouts of one input under two names draw apart, and must not be taken for one. */
static void test_random_nodes_of_two_names_are_not_shared(void **state) {
    clade_graph *g = clade_graph_new(*state);
    clade_value x = clade_input(g, "x", CLADE_F32, clade_shape(8, 8));
    clade_value y = clade_add(clade_dropout(x, 0.5, "a"), clade_dropout(x, 0.5, "b"));
    clade_graph *simple = clade_pass_simplify(g, &y, 1, false, NULL);
    assert_non_null(simple);
    assert_int_equal(count_ops(simple, "dropout"), 2);
    clade_graph_free(simple);
    clade_graph_free(g);
}

static void test_inference_drops_dropout(void **state) {
    clade_graph *g = clade_graph_new(*state);
    clade_value x = clade_input(g, "x", CLADE_F32, clade_shape(CLADE_BATCH, 3, 4, 4));
    clade_value y = clade_batch_norm(clade_dropout(x, 0.5, "drop"));
    clade_graph *inference = clade_pass_inference(g, &y, 1, NULL);
    assert_non_null(inference);
    assert_int_equal(count_ops(inference, "dropout"), 0);
    assert_int_equal(count_ops(inference, "batch_norm"), 0);
    assert_int_equal(inference->update_count, 0);
    clade_graph_free(inference);
    clade_graph_free(g);
}

static void test_no_gradient_is_built_for_what_does_not_want_it(void **state) {
    clade_graph *g = clade_graph_new(*state);
    clade_value x = clade_input(g, "x", CLADE_F32, clade_shape(CLADE_BATCH, 3));
    clade_value w = clade_state(g, "w", clade_shape(5, 3), CLADE_ROLE_WEIGHT, (clade_initializer){ 0 });
    clade_value lonely = clade_state(g, "lonely", clade_shape(2), CLADE_ROLE_WEIGHT, (clade_initializer){ 0 });
    clade_value loss = clade_sum(clade_matmul(x, w, false, true), CLADE_ALL_AXES, false);
    clade_value gradients[2];
    uint32_t before = count_ops(g, "matmul");
    assert_good(*state, clade_gradient(loss, CLADE_NO_VALUE, (clade_value[]){ w, lonely }, 2, gradients));
    assert_true(clade_value_valid(gradients[0]));
    assert_false(clade_value_valid(gradients[1]));
    assert_int_equal(count_ops(g, "matmul"), before + 1); /* for w, none for x */
    clade_graph_free(g);
}

/* ---- memory layout ---- */

static bool collide(const clade_interval *a, const clade_interval *b) {
    return a->first <= b->last && b->first <= a->last && a->slab == b->slab && a->offset < b->offset + b->bytes &&
           b->offset < a->offset + a->bytes;
}

static void test_what_lives_together_lies_apart(void **state) {
    enum { COUNT = 200 };
    clade_interval all[COUNT];
    clade_random random = clade_random_stream(7, "intervals", 0);
    for (int i = 0; i < COUNT; i++) {
        int32_t first = (int32_t)clade_random_below(&random, 100);
        all[i] = (clade_interval){ .bytes = 1 + clade_random_below(&random, 5000),
                                   .first = first,
                                   .last = first + (int32_t)clade_random_below(&random, 20) };
    }
    size_t *slabs, slab_count;
    assert_good(*state, clade_plan_memory_layout(*state, all, COUNT, 128, 20000, &slabs, &slab_count));
    for (int i = 0; i < COUNT; i++) {
        assert_int_equal(all[i].offset % 128, 0);
        assert_true(all[i].offset + all[i].bytes <= slabs[all[i].slab]);
        for (int k = 0; k < i; k++)
            assert_false(collide(&all[i], &all[k]));
    }
    for (size_t i = 0; i < slab_count; i++)
        assert_true(slabs[i] <= 20000);
    clade_free(*state, slabs);
}

static void test_what_never_meets_shares_a_place(void **state) {
    clade_interval all[3] = { { .bytes = 1000, .first = 0, .last = 1 },
                              { .bytes = 1000, .first = 2, .last = 3 },
                              { .bytes = 900, .first = 4, .last = 9 } };
    size_t *slabs, slab_count;
    assert_good(*state, clade_plan_memory_layout(*state, all, 3, 128, 1 << 20, &slabs, &slab_count));
    assert_int_equal(slab_count, 1);
    assert_int_equal(slabs[0], 1000);
    clade_free(*state, slabs);
}

static void test_an_array_over_the_limit_is_refused(void **state) {
    clade_interval one = { .bytes = 5000, .first = 0, .last = 1 };
    size_t *slabs, slab_count;
    assert_int_equal(clade_plan_memory_layout(*state, &one, 1, 128, 4096, &slabs, &slab_count), CLADE_ERROR_MEMORY);
    assert_non_null(strstr(clade_error(*state), "5000"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_chain_becomes_one_kernel),
        cmocka_unit_test(test_fusion_makes_no_cycle),
        cmocka_unit_test(test_kernels_that_wait_for_each_other_are_split),
        cmocka_unit_test(test_values_read_elsewhere_leave_the_kernel),
        cmocka_unit_test(test_long_chains_are_cut),
        cmocka_unit_test(test_equal_nodes_are_shared),
        cmocka_unit_test(test_random_nodes_of_two_names_are_not_shared),
        cmocka_unit_test(test_inference_drops_dropout),
        cmocka_unit_test(test_no_gradient_is_built_for_what_does_not_want_it),
        cmocka_unit_test(test_what_lives_together_lies_apart),
        cmocka_unit_test(test_what_never_meets_shares_a_place),
        cmocka_unit_test(test_an_array_over_the_limit_is_refused),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
