/* Bernoulli draws on a device: the frequencies asked for, the same draws for any split of a batch, others at another step,
 * under another name or seed, and none by which a gradient flows. */
#include "support/device.h"

#include "clade/ops.h"
#include "clade/session.h"
#include "exec/session.h"
#include "passes/passes.h"

#include <string.h>

enum { SAMPLES = 40, UNITS = 1000 };

typedef struct chance {
    graph_fixture *f;
    clade_value p, y, other;
    clade_session *session;
} chance;

static chance open_chance(graph_fixture *f) {
    chance c = { .f = f };
    c.p = clade_input(f->graph, "p", CLADE_F32, clade_shape(CLADE_BATCH, UNITS));
    c.y = clade_bernoulli(c.p, "first");
    c.other = clade_bernoulli(c.p, "second");
    assert_good(f->context, clade_session_new(f->device, f->graph, 3, &c.session));
    return c;
}

static void draw(chance *c, clade_value y, uint64_t seed, uint64_t step, int64_t first, int64_t count, const float *p,
                 float *out) {
    const clade_binding_array feed = { c->p, (float *)(uintptr_t)(p + first * UNITS), count * UNITS };
    const clade_binding_array fetch = { y, out, count * UNITS };
    clade_session_set_random(c->session, seed, step, first);
    assert_good(c->f->context, clade_session_run(c->session, &(clade_run_options){ .size = sizeof(clade_run_options),
                                                                                   .batch = count,
                                                                                   .feeds = &feed,
                                                                                   .feed_count = 1,
                                                                                   .fetches = &fetch,
                                                                                   .fetch_count = 1 }));
}

static float p[SAMPLES * UNITS], a[SAMPLES * UNITS], b[SAMPLES * UNITS];

static void fill(float value) {
    for (size_t i = 0; i < SAMPLES * UNITS; i++)
        p[i] = value;
}

static double mean(const float *y) {
    double sum = 0;
    for (size_t i = 0; i < SAMPLES * UNITS; i++) {
        assert_true(y[i] == 0 || y[i] == 1);
        sum += (double)y[i];
    }
    return sum / (SAMPLES * UNITS);
}

static void test_frequencies_are_the_probabilities(void **state) {
    chance c = open_chance(*state);
    static const float known[] = { 0, 0.1F, 0.5F, 0.93F, 1 };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        fill(known[i]);
        draw(&c, c.y, 1, 0, 0, SAMPLES, p, a);
        assert_true(mean(a) > (double)known[i] - 0.01 && mean(a) < (double)known[i] + 0.01);
        if (known[i] == 0 || known[i] == 1) assert_true(mean(a) == (double)known[i]);
    }
    fill(-2);
    draw(&c, c.y, 1, 0, 0, SAMPLES, p, a);
    assert_true(mean(a) == 0);
    fill(3);
    draw(&c, c.y, 1, 0, 0, SAMPLES, p, a);
    assert_true(mean(a) == 1);
    clade_session_free(c.session);
}

static void test_draws_depend_on_seed_name_step_and_sample_alone(void **state) {
    chance c = open_chance(*state);
    fill(0.5F);
    draw(&c, c.y, 1, 7, 0, SAMPLES, p, a);
    draw(&c, c.y, 1, 7, 0, 13, p, b);
    draw(&c, c.y, 1, 7, 13, SAMPLES - 13, p, b + 13 * UNITS);
    assert_memory_equal(a, b, sizeof a);
    draw(&c, c.y, 1, 8, 0, SAMPLES, p, b);
    assert_memory_not_equal(a, b, sizeof a);
    draw(&c, c.y, 2, 7, 0, SAMPLES, p, b);
    assert_memory_not_equal(a, b, sizeof a);
    draw(&c, c.other, 1, 7, 0, SAMPLES, p, b);
    assert_memory_not_equal(a, b, sizeof a);
    assert_memory_not_equal(a, a + UNITS, UNITS * sizeof *a);
    clade_session_free(c.session);
}

static void test_no_gradient_flows_through_a_draw(void **state) {
    graph_fixture *f = *state;
    clade_value x = clade_input(f->graph, "x", CLADE_F32, clade_shape(CLADE_BATCH, 3));
    clade_value drawn = clade_bernoulli(clade_sigmoid(x), "drawn"), gradient;
    clade_value loss = clade_mean(clade_multiply(drawn, drawn), CLADE_ALL_AXES, false);
    assert_good(f->context, clade_gradient(loss, CLADE_NO_VALUE, &x, 1, &gradient));
    assert_false(clade_value_valid(gradient));
}

static void test_what_is_no_probability_is_refused(void **state) {
    graph_fixture *f = *state;
    clade_value label = clade_input(f->graph, "label", CLADE_I32, clade_shape(CLADE_BATCH));
    assert_false(clade_value_valid(clade_bernoulli(label, "wrong")));
    assert_int_equal(clade_graph_status(f->graph), CLADE_ERROR_ARGUMENT);
    assert_non_null(strstr(clade_error(f->context), "expected float32"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_frequencies_are_the_probabilities, open_graph_fixture,
                                        close_graph_fixture),
        cmocka_unit_test_setup_teardown(test_draws_depend_on_seed_name_step_and_sample_alone, open_graph_fixture,
                                        close_graph_fixture),
        cmocka_unit_test_setup_teardown(test_no_gradient_flows_through_a_draw, open_graph_fixture, close_graph_fixture),
        cmocka_unit_test_setup_teardown(test_what_is_no_probability_is_refused, open_graph_fixture,
                                        close_graph_fixture),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
