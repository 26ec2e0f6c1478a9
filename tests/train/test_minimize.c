/* L-BFGS: its line search and its recursion on numbers, then whole searches on the device, beside PyTorch's LBFGS. */
#include "support/device.h"

#include "clade/minimize.h"
#include "clade/ops.h"
#include "train/lbfgs.h"
#include "train/line_search.h"

#include <math.h>
#include <string.h>

/* ---- the line search ---- */

/* f(t) = -t / (t^2 + 2): falls to its least at sqrt(2) (More and Thuente 1994, their first function at beta = 2). */
static clade_status rational(void *user, clade_line_point *point) {
    const double t = point->t, below = t * t + 2;
    ++*(int *)user;
    point->value = -t / below;
    point->slope = (t * t - 2) / (below * below);
    return CLADE_OK;
}

static void test_the_line_search_ends_where_both_conditions_hold(void **state) {
    (void)state;
    const double firsts[] = { 1e-3, 0.1, 1, 10, 1000 };
    for (int i = 0; i < 5; i++) {
        int calls = 0;
        const clade_line_search search = { rational, &calls, 50, 0 };
        const clade_line_point start = { .value = 0, .slope = -0.5 };
        clade_line_result result;
        assert_int_equal(clade_line_search_run(&search, start, firsts[i], &result), CLADE_OK);
        assert_true(result.good);
        assert_true(result.point.value <= start.value + 1e-4 * result.point.t * start.slope);
        assert_true(fabs(result.point.slope) <= 0.9 * 0.5);
        assert_int_equal(result.evaluations, calls);
        assert_true(calls <= 10);
    }
}

static void test_the_cubic_is_least_where_it_should_be(void **state) {
    (void)state;
    /* t^3 - 3t: least at 1; slopes 3t^2 - 3. */
    const clade_line_point a = { 0, 0, -3 }, b = { 2, 2, 9 };
    assert_true(fabs(clade_line_cubic(&a, &b) - 1) < 1e-12);
    assert_true(fabs(clade_line_cubic(&b, &a) - 1) < 1e-12);
}

/* A function that leaves the numbers beyond 0.5, and one that never falls. */
static clade_status walled(void *user, clade_line_point *point) {
    (void)user;
    point->value = point->t > 0.5 ? (double)NAN : -point->t;
    point->slope = -1 + point->t;
    return CLADE_OK;
}

static clade_status rising(void *user, clade_line_point *point) {
    (void)user;
    point->value = point->t;
    point->slope = -1; /* a lie, as rounding may tell it */
    return CLADE_OK;
}

static void test_the_line_search_keeps_to_numbers_and_to_its_limit(void **state) {
    (void)state;
    const clade_line_point start = { .value = 0, .slope = -1 };
    clade_line_result result;
    const clade_line_search into_a_wall = { walled, NULL, 40, 0 };
    assert_int_equal(clade_line_search_run(&into_a_wall, start, 1, &result), CLADE_OK);
    assert_true(result.point.t > 0 && result.point.t <= 0.5);
    const clade_line_search uphill = { rising, NULL, 12, 0 };
    assert_int_equal(clade_line_search_run(&uphill, start, 1, &result), CLADE_OK);
    assert_false(result.good);
    assert_true(result.point.t == 0);
    assert_true(result.evaluations <= 12);
}

/* ---- the recursion ---- */

/* Three pairs of a quadratic with matrix A = diag(1, 2, 5, 10) in a memory of four rows, the newest in row 0; the gradient
 * (1, -2, 3, 0.5). The direction by the textbook's two loops in numpy, float64. */
static void test_the_direction_is_that_of_the_two_loops(void **state) {
    (void)state;
    enum { M = 4, N = 4 };
    static const double s[M][N] = {
        { 0.3, -0.1, 0.2, 0.4 }, { 0, 0, 0, 0 }, { 1, 0.5, -0.25, 0.1 }, { -0.2, 0.6, 0.3, -0.05 }
    };
    static const double diagonal[N] = { 1, 2, 5, 10 }, g[N] = { 1, -2, 3, 0.5 };
    static const double expected[N] = { -0.325239385407, 0.713098243939, -0.310359376774, -0.187362289704 };
    float sy[M * M] = { 0 }, yy[M * M] = { 0 }, sg[M] = { 0 }, yg[M] = { 0 }, weights[2 * M], of_gradient;
    for (int i = 0; i < M; i++)
        for (int k = 0; k < N; k++) {
            sg[i] += (float)(s[i][k] * g[k]);
            yg[i] += (float)(s[i][k] * diagonal[k] * g[k]);
            for (int j = 0; j < M; j++) {
                sy[i * M + j] += (float)(s[i][k] * s[j][k] * diagonal[k]);
                yy[i * M + j] += (float)(s[i][k] * s[j][k] * diagonal[k] * diagonal[k]);
            }
        }
    const clade_lbfgs_products products = { .memory = M, .sy = sy, .yy = yy, .sg = sg, .yg = yg };
    clade_lbfgs_direction(&products, 3, 0, weights, &of_gradient);
    for (int k = 0; k < N; k++) {
        double d = (double)of_gradient * g[k];
        for (int i = 0; i < M; i++)
            d += (double)weights[i] * s[i][k] + (double)weights[M + i] * s[i][k] * diagonal[k];
        if (fabs(d - expected[k]) > 1e-5) fail_msg("element %d: %.9g, expected %.9g", k, d, expected[k]);
    }
}

/* ---- on the device ---- */

static clade_minimizer *minimizer;

static int tear_down(void **state) {
    clade_minimizer_free(minimizer);
    minimizer = NULL;
    return close_graph_fixture(state);
}

static clade_value number_state(graph_fixture *f, const char *name, float begin) {
    return clade_state(f->graph, name, clade_shape(1), CLADE_ROLE_WEIGHT,
                       (clade_initializer){ .kind = CLADE_INITIALIZE_CONSTANT, .value = begin });
}

/* (1 - x)^2 + 100 (y - x^2)^2. */
static clade_value rosenbrock(graph_fixture *f) {
    clade_value x = number_state(f, "x", -1.2F), y = number_state(f, "y", 1);
    clade_value one = clade_constant(f->graph, CLADE_SCALAR, 1);
    clade_value side = clade_square(clade_subtract(one, x));
    clade_value ravine = clade_scale(clade_square(clade_subtract(y, clade_square(x))), 100);
    return clade_sum(clade_add(side, ravine), CLADE_ALL_AXES, false);
}

/* PyTorch's LBFGS (strong_wolfe) takes 45 evaluations, in float32 as in float64. */
static void test_rosenbrocks_ravine_is_gone_down_in_few_evaluations(void **state) {
    graph_fixture *f = *state;
    clade_minimize_result result;
    float x, y;
    assert_good(f->context, clade_minimizer_new(rosenbrock(f), NULL, &minimizer));
    assert_good(f->context, clade_session_new(f->device, f->graph, 0, &f->session));
    const clade_minimize_limits limits = { .size = sizeof limits, .gradient_tolerance = 1e-6 };
    assert_good(f->context, clade_minimizer_run(minimizer, f->session, NULL, &limits, &result));
    assert_good(f->context, clade_session_read_state(f->session, "x", &x, 1));
    assert_good(f->context, clade_session_read_state(f->session, "y", &y, 1));
    print_message("x %.9g y %.9g after %d evaluations, %d iterations, end %d, gradient %g\n", (double)x, (double)y,
                  (int)result.evaluations, (int)result.iterations, (int)result.end, result.gradient_norm);
    assert_true(fabs((double)x - 1) < 1e-5 && fabs((double)y - 1) < 1e-5);
    assert_true(result.evaluations < 60);
    assert_true(result.first_loss > 24.1 && result.first_loss < 24.3);
    assert_true(result.loss < 1e-9);
}

static bool count_and_stop(void *user, const clade_minimize_result *so_far) {
    (void)so_far;
    return ++*(int *)user < 3;
}

static void test_a_search_stops_where_it_is_told_and_goes_on(void **state) {
    graph_fixture *f = *state;
    clade_minimize_result result;
    int iterations = 0;
    assert_good(f->context,
                clade_minimizer_new(rosenbrock(f),
                                    &(clade_minimize_options){ .size = sizeof(clade_minimize_options), .memory = 3 },
                                    &minimizer));
    assert_good(f->context, clade_session_new(f->device, f->graph, 0, &f->session));
    const clade_minimize_limits stopped = { .size = sizeof stopped, .progress = count_and_stop, .user = &iterations };
    assert_good(f->context, clade_minimizer_run(minimizer, f->session, NULL, &stopped, &result));
    assert_int_equal(result.end, CLADE_MINIMIZE_STOPPED);
    assert_int_equal(result.iterations, 3);
    const double before = result.loss;
    const clade_minimize_limits few = { .size = sizeof few, .iterations = 2 };
    assert_good(f->context, clade_minimizer_run(minimizer, f->session, NULL, &few, &result));
    assert_int_equal(result.end, CLADE_MINIMIZE_LIMIT);
    assert_true(result.first_loss == before && result.loss < before);
    assert_good(f->context, clade_minimizer_reset(minimizer, f->session));
    assert_good(f->context, clade_minimizer_run(minimizer, f->session, NULL, NULL, &result));
    assert_true(result.loss < 1e-9);
}

/* Logistic regression of 12 points in the plane with a little decay: convex, so where it ends is one place, which PyTorch's
 * LBFGS in float64 finds at gradient norm 1e-12. */
enum { POINTS = 12 };
static const float points[POINTS * 2] = { 0.5F,  1.2F,  -0.3F, 0.8F,  1.5F,  -0.2F, 0.9F, 0.4F,
                                          -1.1F, -0.6F, 0.2F,  -1.4F, -0.7F, 0.3F,  1.1F, 1.6F,
                                          -1.8F, 0.9F,  0.4F,  -0.5F, -0.2F, -0.9F, 1.3F, 0.7F };
static const int32_t classes[POINTS] = { 1, 1, 2, 2, 0, 0, 1, 2, 1, 0, 0, 2 };

static void test_a_convex_network_ends_where_pytorch_does(void **state) {
    graph_fixture *f = *state;
    static const float expected_weight[6] = { -0.339360447F, -1.09894956F, -0.727300606F,
                                              0.764833659F,  1.06666105F,  0.334115896F },
                       expected_bias[3] = { 0.2465457F, 0.0918103511F, -0.338356051F };
    clade_value image = clade_input(f->graph, "image", CLADE_F32, clade_shape(CLADE_BATCH, 2));
    clade_value label = clade_input(f->graph, "label", CLADE_I32, clade_shape(CLADE_BATCH));
    clade_value logits = clade_dense(image, .units = 3, .name = "fc");
    clade_value loss = clade_softmax_cross_entropy(logits, label);
    clade_value weight = clade_graph_find(f->graph, "state", "fc.weight");
    clade_value squares = clade_sum(clade_square(weight), CLADE_ALL_AXES, false);
    loss = clade_add(loss, clade_scale(squares, 0.05));
    assert_good(f->context, clade_minimizer_new(loss, NULL, &minimizer));
    assert_good(f->context, clade_session_new(f->device, f->graph, 5, &f->session));
    clade_binding_array feeds[] = { { image, (float *)(uintptr_t)points, POINTS * 2 },
                                    { label, (int32_t *)(uintptr_t)classes, POINTS } };
    clade_minimize_result result;
    assert_good(
        f->context,
        clade_minimizer_run(
            minimizer, f->session,
            &(clade_run_options){ .size = sizeof(clade_run_options), .batch = POINTS, .feeds = feeds, .feed_count = 2 },
            NULL, &result));
    float found_weight[6], found_bias[3];
    assert_good(f->context, clade_session_read_state(f->session, "fc.weight", found_weight, 6));
    assert_good(f->context, clade_session_read_state(f->session, "fc.bias", found_bias, 3));
    print_message("loss %.9g after %d evaluations, end %d, gradient %g\n", result.loss, (int)result.evaluations,
                  (int)result.end, result.gradient_norm);
    assert_true(fabs(result.loss - 0.569262637892) < 1e-6);
    assert_true(result.gradient_norm < 2e-5);
    for (int i = 0; i < 6; i++)
        assert_true(fabs((double)(found_weight[i] - expected_weight[i])) < 1e-3);
    /* Biases are found but for a number that all share: their differences are held against PyTorch's. */
    for (int i = 1; i < 3; i++)
        assert_true(fabs((double)(found_bias[i] - found_bias[0] - (expected_bias[i] - expected_bias[0]))) < 1e-3);
}

/* Several layers, so several states of different dims, and more of them than one concatenation takes. */
static void test_a_deep_network_comes_to_rest(void **state) {
    graph_fixture *f = *state;
    enum { LAYERS = 10 };
    clade_value image = clade_input(f->graph, "image", CLADE_F32, clade_shape(CLADE_BATCH, 2));
    clade_value label = clade_input(f->graph, "label", CLADE_I32, clade_shape(CLADE_BATCH));
    clade_value x = image;
    for (int i = 0; i < LAYERS; i++)
        x = clade_tanh(clade_dense(x, .units = 6));
    clade_value loss = clade_softmax_cross_entropy(clade_dense(x, .units = 3), label);
    assert_good(f->context, clade_minimizer_new(loss, NULL, &minimizer));
    assert_good(f->context, clade_session_new(f->device, f->graph, 5, &f->session));
    clade_binding_array feeds[] = { { image, (float *)(uintptr_t)points, POINTS * 2 },
                                    { label, (int32_t *)(uintptr_t)classes, POINTS } };
    const clade_minimize_limits limits = { .size = sizeof limits, .iterations = 400, .gradient_tolerance = 1e-4 };
    clade_minimize_result result;
    assert_good(
        f->context,
        clade_minimizer_run(
            minimizer, f->session,
            &(clade_run_options){ .size = sizeof(clade_run_options), .batch = POINTS, .feeds = feeds, .feed_count = 2 },
            &limits, &result));
    print_message("loss %.9g after %d evaluations, end %d, gradient %g\n", result.loss, (int)result.evaluations,
                  (int)result.end, result.gradient_norm);
    assert_int_equal(result.end, CLADE_MINIMIZE_CONVERGED);
    assert_true(result.loss < result.first_loss);
}

static void test_what_cannot_be_minimised_is_one_clear_line(void **state) {
    graph_fixture *f = *state;
    clade_value x = clade_input(f->graph, "x", CLADE_F32, clade_shape(2));
    clade_value w = number_state(f, "w", 1);
    clade_value loss = clade_sum(clade_square(w), CLADE_ALL_AXES, false);
    assert_int_equal(clade_minimizer_new(clade_sum(x, CLADE_ALL_AXES, false), NULL, &minimizer), CLADE_ERROR_ARGUMENT);
    assert_non_null(strstr(clade_error(f->context), "nothing to train"));
    assert_int_equal(clade_minimizer_new(clade_square(w), NULL, &minimizer), CLADE_ERROR_ARGUMENT);
    assert_non_null(strstr(clade_error(f->context), "scalar"));
    const clade_minimize_options over_an_input = { .size = sizeof over_an_input, .over = &x, .over_count = 1 };
    assert_int_equal(clade_minimizer_new(loss, &over_an_input, &minimizer), CLADE_ERROR_ARGUMENT);
    const clade_minimize_options long_memory = { .size = sizeof long_memory, .memory = 101 };
    assert_int_equal(clade_minimizer_new(loss, &long_memory, &minimizer), CLADE_ERROR_ARGUMENT);
    assert_non_null(strstr(clade_error(f->context), "from 1 to 100"));
    assert_null(minimizer);
}

int main(void) {
#define WITH_FIXTURE(TEST) cmocka_unit_test_setup_teardown(TEST, open_graph_fixture, tear_down)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_line_search_ends_where_both_conditions_hold),
        cmocka_unit_test(test_the_cubic_is_least_where_it_should_be),
        cmocka_unit_test(test_the_line_search_keeps_to_numbers_and_to_its_limit),
        cmocka_unit_test(test_the_direction_is_that_of_the_two_loops),
        WITH_FIXTURE(test_rosenbrocks_ravine_is_gone_down_in_few_evaluations),
        WITH_FIXTURE(test_a_search_stops_where_it_is_told_and_goes_on),
        WITH_FIXTURE(test_a_convex_network_ends_where_pytorch_does),
        WITH_FIXTURE(test_a_deep_network_comes_to_rest),
        WITH_FIXTURE(test_what_cannot_be_minimised_is_one_clear_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
