/* Normalised correlation against numbers computed independently (PyTorch 2.15, float64: windows by unfold, then the
 * declaration's formula): the first and last elements, and of sum of i * y[i], i from 1, the derivatives by the first and
 * last elements of x and of the pattern. Inputs are the formulas of the index in fill_all(). */
#include "support/device.h"

#include "clade/ops.h"
#include "clade/session.h"
#include "exec/session.h"
#include "passes/passes.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { N = 2, X = N * 2 * 5 * 6, PATTERN = 3 * 2 * 3 * 2, SIGNAL = N * 20, BEAT = 2 * 7 };

typedef struct operands {
    clade_value x, pattern, signal, beat;
} operands;

static operands inputs(clade_graph *g) {
    return (operands){ .x = clade_input(g, "x", CLADE_F32, clade_shape(CLADE_BATCH, 2, 5, 6)),
                       .pattern = clade_input(g, "pattern", CLADE_F32, clade_shape(3, 2, 3, 2)),
                       .signal = clade_input(g, "signal", CLADE_F32, clade_shape(CLADE_BATCH, 1, 20)),
                       .beat = clade_input(g, "beat", CLADE_F32, clade_shape(2, 1, 7)) };
}

static void fill(clade_reference *reference, clade_value leaf, int count, int factor, int modulus, double unit,
                 double less) {
    clade_tensor *tensor = clade_reference_leaf(reference, leaf);
    assert_non_null(tensor);
    for (int i = 0; i < count; i++)
        tensor->data[i] = i * factor % modulus / unit - less;
}

static void fill_all(clade_reference *reference, const operands *o) {
    fill(reference, o->x, X, 31, 29, 9, 0.6);
    fill(reference, o->pattern, PATTERN, 17, 23, 8, 0.4);
    fill(reference, o->signal, SIGNAL, 13, 31, 7, 1);
    fill(reference, o->beat, BEAT, 11, 19, 6, 0.9);
}

static void assert_near(const char *what, double got, double wanted) {
    if (!(fabs(got - wanted) <= 2e-8 * (1 + fabs(wanted)))) fail_msg("%s: %.10g, not %.10g", what, got, wanted);
}

static void assert_ends(const char *what, const clade_tensor *tensor, const double ends[2]) {
    assert_non_null(tensor);
    assert_near(what, tensor->data[0], ends[0]);
    assert_near(what, tensor->data[tensor->count - 1], ends[1]);
}

static const struct {
    const char *name;
    bool signals, centred;
    double y[2], dx[2], dpattern[2]; /* first and last */
} cases[] = {
    { "pictures",
      false,
      false,
      { 0.6180715005, 0.5505798339 },
      { 4.259681152, 7.841215317 },
      { 42.0785295, -36.52449698 } },
    { "pictures, centred",
      false,
      true,
      { 0.2509676777, 0.06058369491 },
      { 2.899252224, -8.052307895 },
      { -3.999319069, -40.65801258 } },
    { "signals",
      true,
      false,
      { 0.06237203061, 0.2794565822 },
      { -0.8670731933, 4.140715607 },
      { 72.21371235, 55.79246444 } },
    { "signals, centred",
      true,
      true,
      { -0.2690537534, -0.2774782029 },
      { -3.517992584, -0.9760844097 },
      { 2.409143894, 17.82940079 } },
};

static void test_correlations_and_their_gradients_are_those_computed_elsewhere(void **state) {
    graph_fixture *f = *state;
    const operands o = inputs(f->graph);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        clade_value x = cases[i].signals ? o.signal : o.x, pattern = cases[i].signals ? o.beat : o.pattern;
        clade_value y = cases[i].signals ? clade_normalized_correlation1d(x, pattern, .centred = cases[i].centred)
                                         : clade_normalized_correlation2d(x, pattern, .centred = cases[i].centred);
        char name[32];
        snprintf(name, sizeof name, "numbers %d", (int)i);
        clade_value numbers = clade_input(f->graph, name, CLADE_F32, clade_value_dims(y)), by[2];
        clade_value total = clade_sum(clade_multiply(y, numbers), CLADE_ALL_AXES, false);
        assert_good(f->context, clade_gradient(total, CLADE_NO_VALUE, (clade_value[]){ x, pattern }, 2, by));
        clade_reference *reference = clade_reference_new(f->graph, (clade_binding){ .batch = N });
        fill_all(reference, &o);
        clade_tensor *weights = clade_reference_leaf(reference, numbers);
        for (int64_t k = 0; k < weights->count; k++)
            weights->data[k] = (double)(k + 1);
        assert_ends(cases[i].name, clade_reference_value(reference, y), cases[i].y);
        assert_ends(cases[i].name, clade_reference_value(reference, by[0]), cases[i].dx);
        assert_ends(cases[i].name, clade_reference_value(reference, by[1]), cases[i].dpattern);
        clade_reference_free(reference);
    }
}

/* On the device: a beat that is planted quietly, on another level, beside a louder thump. */
static void test_a_quiet_copy_of_the_pattern_correlates_fully_and_a_flat_window_not_at_all(void **state) {
    enum { LENGTH = 100, TAPS = 25, PLACES = LENGTH - TAPS + 1, PLANTED = 61 };
    graph_fixture *f = *state;
    clade_value x = clade_input(f->graph, "x", CLADE_F32, clade_shape(1, 1, LENGTH));
    clade_value pattern = clade_input(f->graph, "pattern", CLADE_F32, clade_shape(1, 1, TAPS));
    clade_value y = clade_normalized_correlation1d(x, pattern, .centred = true);
    clade_session *session = NULL;
    float signal[LENGTH] = { 0 }, beat[TAPS], map[PLACES];
    for (int i = 0; i < TAPS; i++)
        beat[i] = (float)(sin(0.06 * i * i) * exp(-0.05 * i));
    for (int i = 0; i < LENGTH; i++)
        signal[i] = i >= 30 && i < 40 ? 7 : 0.5F;
    for (int i = 0; i < TAPS; i++)
        signal[PLANTED + i] += 0.1F * beat[i];
    assert_good(f->context, clade_session_new(f->device, f->graph, 0, &session));
    const clade_binding_array feeds[] = { { x, signal, LENGTH }, { pattern, beat, TAPS } };
    const clade_run_options run = { .size = sizeof run,
                                    .feeds = feeds,
                                    .feed_count = 2,
                                    .fetches = &(clade_binding_array){ y, map, PLACES },
                                    .fetch_count = 1 };
    assert_good(f->context, clade_session_run(session, &run));
    for (int i = 0; i < PLACES; i++)
        if (i != PLANTED && !(fabsf(map[i]) < 0.9F)) fail_msg("window %d gives %g", i, (double)map[i]);
    if (!(map[PLANTED] > 0.99F && map[PLANTED] < 1.0001F)) fail_msg("the planted gives %g", (double)map[PLANTED]);
    if (!(fabsf(map[2]) < 1e-2F)) fail_msg("a flat window gives %g", (double)map[2]);
    clade_session_free(session);
}

static void test_patterns_that_do_not_fit_are_refused(void **state) {
    graph_fixture *f = *state;
    const operands o = inputs(f->graph);
    assert_false(clade_value_valid(clade_normalized_correlation2d(o.pattern, o.x)));
    assert_int_equal(clade_graph_status(f->graph), CLADE_ERROR_ARGUMENT);
    assert_non_null(strstr(clade_error(f->context), "expected (N, C, H, W) and a pattern (K, C, ...)"));
}

static void test_an_epsilon_below_zero_is_refused(void **state) {
    graph_fixture *f = *state;
    const operands o = inputs(f->graph);
    assert_false(clade_value_valid(clade_normalized_correlation1d(o.signal, o.beat, .epsilon = -1)));
    assert_int_equal(clade_graph_status(f->graph), CLADE_ERROR_ARGUMENT);
    assert_non_null(strstr(clade_error(f->context), "epsilon above 0"));
}

int main(void) {
#define TEST(NAME) cmocka_unit_test_setup_teardown(NAME, open_graph_fixture, close_graph_fixture)
    const struct CMUnitTest tests[] = {
        TEST(test_correlations_and_their_gradients_are_those_computed_elsewhere),
        TEST(test_a_quiet_copy_of_the_pattern_correlates_fully_and_a_flat_window_not_at_all),
        TEST(test_patterns_that_do_not_fit_are_refused),
        TEST(test_an_epsilon_below_zero_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
