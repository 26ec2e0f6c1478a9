/* Sessions on the default device: runs, updates, scalars, inference. */
#include "support/device.h"

#include "clade/ops.h"
#include "clade/session.h"
#include "exec/session.h"
#include "passes/passes.h"

#include <string.h>

static void open_session(graph_fixture *f) {
    assert_good(f->context, clade_session_new(f->device, f->graph, 1, &f->session));
}

static clade_value counter(clade_graph *g, const char *name, float begin) {
    return clade_state(g, name, clade_shape(4), CLADE_ROLE_STATE,
                       (clade_initializer){ .kind = CLADE_INITIALIZE_CONSTANT, .value = begin });
}

static void expect_state(graph_fixture *f, const char *name, float expected) {
    float data[4];
    assert_good(f->context, clade_session_read_state(f->session, name, data, 4));
    for (int i = 0; i < 4; i++)
        assert_float_equal(data[i], expected, 1e-6);
}

static void test_a_run_computes_what_is_asked_for(void **state) {
    graph_fixture *f = *state;
    clade_value x = clade_input(f->graph, "x", CLADE_F32, clade_shape(CLADE_BATCH, 2));
    clade_value y = clade_relu(clade_scale(x, 2.0));
    open_session(f);
    for (int64_t batch = 1; batch <= 3; batch++) {
        float in[6] = { 1, -1, 2, -2, 3, -3 }, out[6];
        const clade_run_options run = { .batch = batch,
                                        .feeds = &(clade_binding_array){ x, in, 2 * batch },
                                        .feed_count = 1,
                                        .fetches = &(clade_binding_array){ y, out, 2 * batch },
                                        .fetch_count = 1 };
        assert_good(f->context, clade_session_run(f->session, &run));
        for (int i = 0; i < 2 * batch; i++)
            assert_float_equal(out[i], in[i] > 0 ? 2 * in[i] : 0, 0);
    }
}

static void test_updates_see_the_old_states(void **state) {
    graph_fixture *f = *state;
    clade_value a = counter(f->graph, "a", 1), b = counter(f->graph, "b", 10), c = counter(f->graph, "c", 0);
    clade_update(a, b); /* a and b change places */
    clade_update(b, a);
    clade_update(c, clade_add(a, c));
    open_session(f);
    assert_good(f->context, clade_session_run(f->session, &(clade_run_options){ .updates = true }));
    expect_state(f, "a", 10);
    expect_state(f, "b", 1);
    expect_state(f, "c", 1);
    assert_good(f->context, clade_session_run(f->session, &(clade_run_options){ .updates = true }));
    expect_state(f, "a", 1);
    expect_state(f, "b", 10);
    expect_state(f, "c", 11);
}

static void test_a_run_without_updates_leaves_the_states(void **state) {
    graph_fixture *f = *state;
    clade_value a = counter(f->graph, "a", 1);
    clade_value sum = clade_sum(a, CLADE_ALL_AXES, false);
    clade_update(a, clade_scale(a, 2.0));
    open_session(f);
    float total = 0;
    const clade_run_options run = { .fetches = &(clade_binding_array){ sum, &total, 1 }, .fetch_count = 1 };
    assert_good(f->context, clade_session_run(f->session, &run));
    assert_float_equal(total, 4, 0);
    expect_state(f, "a", 1);
}

static void test_scalars_change_between_runs(void **state) {
    graph_fixture *f = *state;
    clade_value a = counter(f->graph, "a", 1);
    clade_update(a, clade_multiply(a, clade_scalar(f->graph, "factor", 3)));
    open_session(f);
    assert_good(f->context, clade_session_run(f->session, &(clade_run_options){ .updates = true }));
    expect_state(f, "a", 3);
    assert_good(f->context, clade_session_set_scalar(f->session, "factor", -1));
    assert_good(f->context, clade_session_run(f->session, &(clade_run_options){ .updates = true }));
    expect_state(f, "a", -3);
    assert_int_equal(clade_session_set_scalar(f->session, "no such", 1), CLADE_ERROR_ARGUMENT);
}

static void test_a_feed_of_another_size_is_refused(void **state) {
    graph_fixture *f = *state;
    clade_value x = clade_input(f->graph, "x", CLADE_F32, clade_shape(CLADE_BATCH, 2));
    clade_value y = clade_relu(x);
    open_session(f);
    float data[2];
    const clade_run_options run = { .batch = 2,
                                    .feeds = &(clade_binding_array){ x, data, 2 },
                                    .feed_count = 1,
                                    .fetches = &(clade_binding_array){ y, data, 4 },
                                    .fetch_count = 1 };
    assert_int_equal(clade_session_run(f->session, &run), CLADE_ERROR_ARGUMENT);
    assert_non_null(strstr(clade_error(f->context), "input x takes 4 elements, not 2"));
}

static void test_memory_is_shared_between_values_that_never_meet(void **state) {
    graph_fixture *f = *state;
    clade_value x = clade_input(f->graph, "x", CLADE_F32, clade_shape(64, 64));
    clade_value y = x;
    for (int i = 0; i < 10; i++)
        y = clade_softmax(y); /* not point-wise: each a launch of its own */
    open_session(f);
    clade_plan *plan;
    const clade_plan_request request = { .targets = &y, .target_count = 1 };
    assert_good(f->context, clade_session_plan(f->session, &request, &plan));
    clade_plan_memory use = clade_plan_memory_use(plan);
    assert_int_equal(use.unplanned, 11 * 64 * 64 * 4);
    assert_true(use.planned <= 4 * 64 * 64 * 4); /* input, output, and two between */
}

static void test_a_plan_is_made_once(void **state) {
    graph_fixture *f = *state;
    clade_value x = clade_input(f->graph, "x", CLADE_F32, clade_shape(CLADE_BATCH, 2));
    clade_value y = clade_relu(x);
    open_session(f);
    clade_plan *first, *again, *other;
    clade_plan_request request = { .targets = &y, .target_count = 1, .binding = { 3, 0 } };
    assert_good(f->context, clade_session_plan(f->session, &request, &first));
    assert_good(f->context, clade_session_plan(f->session, &request, &again));
    request.binding.batch = 4;
    assert_good(f->context, clade_session_plan(f->session, &request, &other));
    assert_ptr_equal(first, again);
    assert_ptr_not_equal(first, other);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_run_computes_what_is_asked_for, open_graph_fixture, close_graph_fixture),
        cmocka_unit_test_setup_teardown(test_updates_see_the_old_states, open_graph_fixture, close_graph_fixture),
        cmocka_unit_test_setup_teardown(test_a_run_without_updates_leaves_the_states, open_graph_fixture,
                                        close_graph_fixture),
        cmocka_unit_test_setup_teardown(test_scalars_change_between_runs, open_graph_fixture, close_graph_fixture),
        cmocka_unit_test_setup_teardown(test_a_feed_of_another_size_is_refused, open_graph_fixture,
                                        close_graph_fixture),
        cmocka_unit_test_setup_teardown(test_memory_is_shared_between_values_that_never_meet, open_graph_fixture,
                                        close_graph_fixture),
        cmocka_unit_test_setup_teardown(test_a_plan_is_made_once, open_graph_fixture, close_graph_fixture),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
