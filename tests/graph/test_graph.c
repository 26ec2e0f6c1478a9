/* The builder, its sizes and its faults. */
#include "support/device.h"

#include "clade/ops.h"
#include "graph/graph.h"

#include <string.h>

static clade_graph *new_graph(void **state) {
    return clade_graph_new(*state);
}

static int set_up(void **state) {
    *state = clade_context_new(NULL);
    return *state ? 0 : -1;
}

static int tear_down(void **state) {
    clade_context_free(*state);
    return 0;
}

static void test_equal_expressions_are_equal_sizes(void **state) {
    clade_graph *g = new_graph(state);
    clade_size a = clade_size_multiply(g, clade_size_multiply(g, 3, CLADE_BATCH), 4);
    clade_size b = clade_size_multiply(g, 12, CLADE_BATCH);
    assert_int_equal(a, b);
    assert_int_equal(clade_size_divide(g, a, 12), CLADE_BATCH);
    assert_int_equal(clade_size_divide(g, a, 4), clade_size_multiply(g, CLADE_BATCH, 3));
    assert_int_equal(clade_size_add(g, CLADE_TIME, CLADE_BATCH), clade_size_add(g, CLADE_BATCH, CLADE_TIME));
    assert_int_equal(clade_size_add(g, CLADE_BATCH, clade_size_multiply(g, 2, CLADE_BATCH)),
                     clade_size_multiply(g, 3, CLADE_BATCH));
    assert_int_equal(clade_size_value(g, a, (clade_binding){ 5, 1 }), 60);
    assert_string_equal(clade_size_text(g, b), "12*N");
    clade_graph_free(g);
}

static void test_a_size_beyond_64_bits_is_a_fault(void **state) {
    clade_graph *g = new_graph(state);
    clade_size_multiply(g, INT64_MAX, 2);
    assert_int_equal(clade_graph_status(g), CLADE_ERROR_ARGUMENT);
    assert_int_equal(clade_size_value(g, clade_size_multiply(g, INT64_MAX, CLADE_BATCH), (clade_binding){ 2, 1 }), -1);
    clade_graph_free(g);
}

static void test_the_first_fault_sticks(void **state) {
    clade_graph *g = new_graph(state);
    clade_value a = clade_input(g, "a", CLADE_F32, clade_shape(CLADE_BATCH, 3));
    clade_value b = clade_input(g, "b", CLADE_F32, clade_shape(CLADE_BATCH, 4));
    clade_value wrong = clade_add(a, b);
    assert_false(clade_value_valid(wrong));
    assert_false(clade_value_valid(clade_relu(wrong)));
    clade_relu(clade_subtract(b, a));
    assert_int_equal(clade_graph_status(g), CLADE_ERROR_ARGUMENT);
    const char *words = clade_error(*state);
    assert_non_null(strstr(words, "add"));
    assert_non_null(strstr(words, "(N, 3)"));
    assert_non_null(strstr(words, "(N, 4)"));
    clade_graph_free(g);
}

static void test_broadcasting_follows_numpy(void **state) {
    clade_graph *g = new_graph(state);
    clade_value a = clade_input(g, "a", CLADE_F32, clade_shape(CLADE_BATCH, 1, 5));
    clade_value b = clade_input(g, "b", CLADE_F32, clade_shape(4, 1));
    clade_dims dims = clade_value_dims(clade_multiply(a, b));
    assert_int_equal(dims.rank, 3);
    assert_int_equal(dims.size[0], CLADE_BATCH);
    assert_int_equal(dims.size[1], 4);
    assert_int_equal(dims.size[2], 5);
    clade_graph_free(g);
}

static void test_updates_take_states_and_fitting_values_once(void **state) {
    clade_graph *g = new_graph(state);
    clade_value w = clade_state(g, "w", clade_shape(3), CLADE_ROLE_WEIGHT, (clade_initializer){ 0 });
    clade_value x = clade_input(g, "x", CLADE_F32, clade_shape(3));
    assert_int_equal(clade_update(w, clade_add(w, x)), CLADE_OK);
    assert_int_equal(clade_update(w, x), CLADE_ERROR_ARGUMENT);
    clade_graph_free(g);
    g = new_graph(state);
    x = clade_input(g, "x", CLADE_F32, clade_shape(3));
    assert_int_equal(clade_update(x, x), CLADE_ERROR_ARGUMENT);
    clade_graph_free(g);
}

static void test_values_of_two_graphs_do_not_mix(void **state) {
    clade_graph *g = new_graph(state), *h = new_graph(state);
    clade_value a = clade_input(g, "a", CLADE_F32, clade_shape(3));
    clade_value b = clade_input(h, "b", CLADE_F32, clade_shape(3));
    assert_false(clade_value_valid(clade_add(a, b)));
    assert_int_equal(clade_graph_status(g), CLADE_ERROR_ARGUMENT);
    clade_graph_free(g);
    clade_graph_free(h);
}

static void test_names_are_given_once(void **state) {
    clade_graph *g = new_graph(state);
    assert_string_equal(clade_graph_unique_name(g, NULL, "dense"), "dense_1");
    assert_string_equal(clade_graph_unique_name(g, NULL, "dense"), "dense_2");
    assert_string_equal(clade_graph_unique_name(g, "fc", "dense"), "fc");
    clade_state(g, "w", clade_shape(3), CLADE_ROLE_WEIGHT, (clade_initializer){ 0 });
    assert_false(clade_value_valid(clade_state(g, "w", clade_shape(3), CLADE_ROLE_WEIGHT, (clade_initializer){ 0 })));
    assert_int_equal(clade_graph_status(g), CLADE_ERROR_ARGUMENT);
    clade_graph_free(g);
}

static void test_rewriting_drops_what_nothing_needs(void **state) {
    clade_graph *g = new_graph(state);
    clade_value a = clade_input(g, "a", CLADE_F32, clade_shape(3));
    clade_tanh(a);
    clade_value kept = clade_relu(a);
    clade_graph *h = clade_graph_rewrite(g, &kept, 1, false, NULL, NULL, NULL);
    assert_non_null(h);
    assert_int_equal(h->node_count, 2);
    assert_ptr_equal(kept.graph, h);
    clade_graph_free(h);
    clade_graph_free(g);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_equal_expressions_are_equal_sizes),
        cmocka_unit_test(test_a_size_beyond_64_bits_is_a_fault),
        cmocka_unit_test(test_the_first_fault_sticks),
        cmocka_unit_test(test_broadcasting_follows_numpy),
        cmocka_unit_test(test_updates_take_states_and_fitting_values_once),
        cmocka_unit_test(test_values_of_two_graphs_do_not_mix),
        cmocka_unit_test(test_names_are_given_once),
        cmocka_unit_test(test_rewriting_drops_what_nothing_needs),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
