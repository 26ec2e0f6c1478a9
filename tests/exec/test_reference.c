/* The reference interpreter: leaves, evaluation in double, forgetting what changed, and its refusals. */
#include "exec/initialize.h"
#include "exec/session.h"
#include "ops/op.h"

#include "clade/ops.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

typedef struct fixture {
    clade_context *context;
    clade_graph *graph;
} fixture;

static int set_up(void **state) {
    static fixture f;
    f.context = clade_context_new(NULL);
    f.graph = clade_graph_new(f.context);
    *state = &f;
    return f.graph == NULL;
}

static int tear_down(void **state) {
    fixture *f = *state;
    clade_graph_free(f->graph);
    clade_context_free(f->context);
    return 0;
}

static void test_evaluates_in_double_what_the_rows_mean(void **state) {
    fixture *f = *state;
    clade_value x = clade_input(f->graph, "x", CLADE_F32, clade_shape(CLADE_BATCH, 3));
    clade_value y = clade_sigmoid(clade_scale(x, 1e-9));
    clade_reference *reference = clade_reference_new(f->graph, (clade_binding){ .batch = 2 });
    clade_tensor *leaf = clade_reference_leaf(reference, x);
    assert_non_null(leaf);
    assert_int_equal(leaf->count, 6);
    for (int i = 0; i < 6; i++) {
        leaf->data[i] = i;
    }
    const clade_tensor *value = clade_reference_value(reference, y);
    assert_non_null(value);
    assert_int_equal(value->size[0], 2);
    for (int i = 0; i < 6; i++) { /* float32 could not tell these apart */
        assert_true(fabs(value->data[i] - (0.5 + 0.25e-9 * i)) < 1e-15);
    }
    clade_reference_free(reference);
}

static void test_leaves_begin_as_the_graph_says(void **state) {
    fixture *f = *state;
    clade_initializer gaussian = { .kind = CLADE_INITIALIZE_GAUSSIAN, .value = 0.1f };
    clade_value w = clade_state(f->graph, "w", clade_shape(4, 5), CLADE_ROLE_WEIGHT, gaussian);
    clade_value rate = clade_scalar(f->graph, "rate", 0.1f);
    clade_value seven = clade_constant(f->graph, clade_shape(2), 7);
    clade_reference *reference = clade_reference_new(f->graph, (clade_binding){ .batch = 1 });
    float expected[20];
    clade_initialize_state(clade_value_node(w)->attributes, 0, "w", 0, expected, 20);
    const clade_tensor *tensor = clade_reference_leaf(reference, w);
    for (int i = 0; i < 20; i++) {
        assert_true(tensor->data[i] == (double)expected[i]);
    }
    assert_true(clade_reference_leaf(reference, rate)->data[0] == (double)0.1f);
    assert_true(clade_reference_value(reference, seven)->data[1] == 7);
    clade_reference_free(reference);
}

static void test_touch_forgets_only_what_depends_on_the_leaf(void **state) {
    fixture *f = *state;
    clade_value a = clade_input(f->graph, "a", CLADE_F32, clade_shape(1));
    clade_value b = clade_input(f->graph, "b", CLADE_F32, clade_shape(1));
    clade_value of_a = clade_square(a), of_b = clade_square(b), sum = clade_add(of_a, of_b);
    clade_reference *reference = clade_reference_new(f->graph, (clade_binding){ .batch = 1 });
    clade_tensor *leaf_a = clade_reference_leaf(reference, a), *leaf_b = clade_reference_leaf(reference, b);
    leaf_a->data[0] = 3;
    leaf_b->data[0] = 4;
    assert_true(clade_reference_value(reference, sum)->data[0] == 25);
    leaf_a->data[0] = 1;
    leaf_b->data[0] = 2;
    clade_reference_touch(reference, a);
    assert_true(clade_reference_value(reference, sum)->data[0] == 17);
    clade_reference_reset(reference);
    assert_true(clade_reference_value(reference, sum)->data[0] == 5);
    clade_reference_free(reference);
}

static void test_follows_nodes_appended_later(void **state) {
    fixture *f = *state;
    clade_value x = clade_input(f->graph, "x", CLADE_F32, clade_shape(1));
    clade_reference *reference = clade_reference_new(f->graph, (clade_binding){ .batch = 1 });
    clade_reference_leaf(reference, x)->data[0] = 3;
    clade_value y = x;
    for (int i = 0; i < 100; i++) {
        y = clade_negate(y);
    }
    assert_true(clade_reference_value(reference, y)->data[0] == 3);
    clade_reference_free(reference);
}

static void test_refuses_more_than_a_machine_holds(void **state) {
    fixture *f = *state;
    clade_value x = clade_input(f->graph, "x", CLADE_F32, clade_shape(1 << 20, 1 << 20));
    clade_reference *reference = clade_reference_new(f->graph, (clade_binding){ .batch = 1 });
    assert_null(clade_reference_value(reference, clade_negate(x)));
    assert_non_null(strstr(clade_error(f->context), "use a smaller batch"));
    clade_reference_free(reference);
}

static void test_refuses_what_is_no_leaf_of_its_graph(void **state) {
    fixture *f = *state;
    clade_value x = clade_input(f->graph, "x", CLADE_F32, clade_shape(1));
    clade_graph *other = clade_graph_new(f->context);
    clade_value foreign = clade_input(other, "x", CLADE_F32, clade_shape(1));
    clade_reference *reference = clade_reference_new(f->graph, (clade_binding){ .batch = 1 });
    assert_null(clade_reference_leaf(reference, clade_negate(x)));
    assert_null(clade_reference_leaf(reference, foreign));
    assert_null(clade_reference_value(reference, foreign));
    assert_null(clade_reference_value(reference, CLADE_NO_VALUE));
    clade_reference_free(reference);
    clade_graph_free(other);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_evaluates_in_double_what_the_rows_mean, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_leaves_begin_as_the_graph_says, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_touch_forgets_only_what_depends_on_the_leaf, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_follows_nodes_appended_later, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_refuses_more_than_a_machine_holds, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_refuses_what_is_no_leaf_of_its_graph, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
