/* What is the same at every run of a plan is computed once, and again when a state was written. */
#include "support/device.h"

#include "clade/ops.h"
#include "clade/session.h"
#include "exec/plan.h"

enum { COUNT = 3 };

/* y = x * the sum of w's two rows; w begins as (-1, 2, 3), (1, -1, 1): y = x * (0, 1, 4). */
typedef struct product {
    clade_session *session;
    clade_value x, y, w;
} product;

static const float weights[2 * COUNT] = { -1, 2, 3, 1, -1, 1 };

static product new_product(graph_fixture *f) {
    product p = { .x = clade_input(f->graph, "x", CLADE_F32, clade_shape(COUNT)) };
    p.w = clade_state(f->graph, "w", clade_shape(2, COUNT), CLADE_ROLE_WEIGHT, (clade_initializer){ 0 });
    p.y = clade_multiply(p.x, clade_sum(p.w, 1, false));
    return p;
}

static void start(graph_fixture *f, product *p) {
    assert_good(f->context, clade_session_new(f->device, f->graph, 1, &p->session));
    assert_good(f->context, clade_session_write_state(p->session, "w", weights, 2 * COUNT));
}

static void run(graph_fixture *f, const product *p, bool updates, float y[COUNT]) {
    const float x[COUNT] = { 1, 10, 100 };
    const clade_binding_array feed = { p->x, (void *)(uintptr_t)x, COUNT }, fetch = { p->y, y, COUNT };
    const clade_run_options options = { .size = sizeof options,
                                        .batch = 1,
                                        .feeds = &feed,
                                        .feed_count = 1,
                                        .fetches = &fetch,
                                        .fetch_count = 1,
                                        .updates = updates };
    assert_good(f->context, clade_session_run(p->session, &options));
}

static void assert_values(const float y[COUNT], float a, float b, float c) {
    const float expected[COUNT] = { a, b, c };
    assert_memory_equal(y, expected, sizeof expected);
}

static void test_what_depends_on_states_alone_is_computed_again_only_after_a_write(void **state) {
    graph_fixture *f = *state;
    product p = new_product(f);
    start(f, &p);
    float y[COUNT];
    run(f, &p, false, y);
    assert_values(y, 0, 10, 400);
    clade_plan *plan = NULL;
    const clade_plan_request request = { .targets = &p.y, .target_count = 1, .binding = { .batch = 1 } };
    assert_good(f->context, clade_session_plan(p.session, &request, &plan));
    assert_true(clade_commands_count(plan->preparation) > 0);
    const uint64_t prepared = plan->prepared_at;
    run(f, &p, false, y);
    assert_values(y, 0, 10, 400);
    assert_int_equal(plan->prepared_at, prepared);
    assert_good(f->context, clade_session_write_state(p.session, "w", (const float[2 * COUNT]){ 4, -5, 6 }, 2 * COUNT));
    run(f, &p, false, y);
    assert_values(y, 4, -50, 600);
    assert_true(plan->prepared_at > prepared);
    clade_session_free(p.session);
}

/* w grows by 1 with each run that updates; the plan without updates follows. */
static void test_updates_are_seen_by_every_plan(void **state) {
    graph_fixture *f = *state;
    product p = new_product(f);
    clade_value one = clade_constant(f->graph, clade_shape(2, COUNT), 1);
    assert_good(f->context, clade_update(p.w, clade_add(p.w, one)));
    start(f, &p);
    float y[COUNT];
    run(f, &p, false, y);
    assert_values(y, 0, 10, 400);
    run(f, &p, true, y);
    assert_values(y, 0, 10, 400);
    run(f, &p, false, y);
    assert_values(y, 2, 30, 600);
    run(f, &p, true, y);
    run(f, &p, true, y);
    assert_values(y, 4, 50, 800);
    clade_session_free(p.session);
}

/* A constant is filled once, and yet a state that is set to it, then written, is set again. */
static void test_a_state_set_to_a_constant_is_set_at_every_run(void **state) {
    graph_fixture *f = *state;
    product p = new_product(f);
    assert_good(f->context, clade_update(p.w, clade_constant(f->graph, clade_shape(2, COUNT), 7)));
    start(f, &p);
    float y[COUNT], w[2 * COUNT];
    for (int i = 0; i < 2; i++) {
        run(f, &p, true, y);
        assert_values(y, 0, 10, 400);
        assert_good(f->context, clade_session_read_state(p.session, "w", w, 2 * COUNT));
        assert_values(w + COUNT, 7, 7, 7);
        assert_good(f->context, clade_session_write_state(p.session, "w", weights, 2 * COUNT));
    }
    clade_session_free(p.session);
}

int main(void) {
#define TEST(NAME) cmocka_unit_test_setup_teardown(NAME, open_graph_fixture, close_graph_fixture)
    const struct CMUnitTest tests[] = {
        TEST(test_what_depends_on_states_alone_is_computed_again_only_after_a_write),
        TEST(test_updates_are_seen_by_every_plan),
        TEST(test_a_state_set_to_a_constant_is_set_at_every_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
