/* Programs: several sets of updates over the same states, of which a run carries out one. */
#include "support/device.h"

#include "clade/ops.h"
#include "exec/session.h"

#include <string.h>

/* a and b begin at 1; ordinarily a = a + b, in program 1 b = 2 a, in program 2 both change places with a product. */
static void build(graph_fixture *f, clade_value *sum) {
    const clade_initializer one = { .kind = CLADE_INITIALIZE_CONSTANT, .value = 1 };
    clade_value a = clade_state(f->graph, "a", clade_shape(2), CLADE_ROLE_STATE, one);
    clade_value b = clade_state(f->graph, "b", clade_shape(2), CLADE_ROLE_STATE, one);
    *sum = clade_add(a, b);
    clade_update(a, *sum);
    clade_update_in(1, b, clade_scale(a, 2));
    clade_update_in(2, a, b);
    clade_update_in(2, b, a);
}

static void run(graph_fixture *f, clade_session *session, uint32_t program, const clade_value *target) {
    clade_plan *plan;
    assert_good(
        f->context,
        clade_session_plan(session,
                           &(clade_plan_request){
                               .targets = target, .target_count = target ? 1 : 0, .updates = true, .program = program },
                           &plan));
    assert_good(f->context, clade_plan_enqueue(plan));
}

static void expect(graph_fixture *f, clade_session *session, float a, float b) {
    float data[2];
    assert_good(f->context, clade_session_read_state(session, "a", data, 2));
    assert_true(data[0] == a && data[1] == a);
    assert_good(f->context, clade_session_read_state(session, "b", data, 2));
    assert_true(data[0] == b && data[1] == b);
}

static void test_a_run_carries_out_the_updates_of_its_program_alone(void **state) {
    graph_fixture *f = *state;
    clade_value sum;
    clade_session *session;
    build(f, &sum);
    assert_good(f->context, clade_session_new(f->device, f->graph, 0, &session));
    run(f, session, 0, &sum);
    expect(f, session, 2, 1);
    run(f, session, 1, NULL);
    expect(f, session, 2, 4);
    run(f, session, 2, &sum);
    expect(f, session, 4, 2);
    run(f, session, 0, NULL);
    expect(f, session, 6, 2);
    clade_session_free(session);
}

static void test_a_state_has_one_update_in_a_program(void **state) {
    graph_fixture *f = *state;
    clade_value sum;
    build(f, &sum);
    clade_value a = clade_graph_find(f->graph, "state", "a");
    assert_int_equal(clade_update_in(1, a, sum), CLADE_OK); /* its first in that program */
    assert_int_equal(clade_update_in(1, a, sum), CLADE_ERROR_ARGUMENT);
    assert_int_equal(clade_graph_status(f->graph), CLADE_ERROR_ARGUMENT);
    assert_non_null(strstr(clade_error(f->context), "update of a: it has an update already"));
}

static void test_programs_are_printed(void **state) {
    graph_fixture *f = *state;
    clade_value sum;
    build(f, &sum);
    clade_text text = { .context = f->context };
    clade_graph_print(f->graph, &text);
    assert_non_null(strstr(clade_text_get(&text), "in program 1  # b"));
    assert_non_null(strstr(clade_text_get(&text), "in program 2  # a"));
    clade_text_free(&text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_run_carries_out_the_updates_of_its_program_alone, open_graph_fixture,
                                        close_graph_fixture),
        cmocka_unit_test_setup_teardown(test_a_state_has_one_update_in_a_program, open_graph_fixture,
                                        close_graph_fixture),
        cmocka_unit_test_setup_teardown(test_programs_are_printed, open_graph_fixture, close_graph_fixture),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
