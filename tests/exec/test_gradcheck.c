/* The gradient check over the whole table, and that it finds what is wrong: rows of the test's own with gradients that
 * are off. */
#include "clade/ops.h"
#include "clade/verify.h"
#include "ops/op.h"

#include "support/device.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct notes {
    int reports;
    char inputs[512];
    char failures[4096];
} notes;

static void note(void *user, const clade_gradcheck_result *result) {
    notes *n = user;
    n->reports++;
    size_t used = strlen(n->inputs);
    snprintf(n->inputs + used, sizeof n->inputs - used, "%s ", result->input);
    if (result->verdict != CLADE_VERDICT_FAILED) return;
    used = strlen(n->failures);
    snprintf(n->failures + used, sizeof n->failures - used, "%s \"%s\" %s, order %d: %s\n", result->op,
             result->case_name, result->input, result->order, result->detail);
}

/* Elements of each input that are moved: fewer where the sanitizers, under which references are slow, are what is asked. */
#ifdef __SANITIZE_ADDRESS__
enum { SAMPLES = 2 };
#else
enum { SAMPLES = 4 };
#endif

/* Of the rows, in the order of their names, each PARTS-th from number PART on: all of them are checked by as many
 * processes, which a test run may do side by side (cmake/tests.cmake). */
enum { PARTS = 4 };
static int part;

static void test_every_gradient_agrees_with_differences(void **state) {
    (void)state;
    clade_context *context = clade_context_new(NULL);
    notes n = { 0 };
    int64_t passed = 0, failed = 0;
    const clade_gradcheck_options options = { .size = sizeof options, .samples = SAMPLES, .report = note, .user = &n };
    for (size_t i = (size_t)part; clade_operator_name(i) != NULL; i += PARTS) {
        clade_verify_summary summary;
        assert_good(context, clade_gradcheck_op(context, clade_operator_name(i), &options, &summary));
        passed += summary.passed;
        failed += summary.failed;
    }
    if (failed > 0) fail_msg("%s", n.failures);
    assert_true(passed > 100);
    clade_context_free(context);
}

static void test_an_unknown_row_is_refused(void **state) {
    (void)state;
    clade_context *context = clade_context_new(NULL);
    assert_int_equal(clade_gradcheck_op(context, "nosuch", NULL, NULL), CLADE_ERROR_ARGUMENT);
    clade_context_free(context);
}

/* ---- y = x^3 with a gradient of FACTOR x^2 dy ---- */

static double factor;

static double evaluate_cube(const double x[], const double p[]) {
    (void)p;
    return x[0] * x[0] * x[0];
}

static void gradient_cube(clade_tape *tape, const clade_node *node, const clade_value dy[], clade_value dx[]) {
    if (tape->wanted[0]) dx[0] = clade_multiply(dy[0], clade_scale(clade_square(node->inputs[0]), factor));
}

static const clade_pointwise cube_pointwise = { .expression = "x0 * x0 * x0", .evaluate = evaluate_cube };
static const clade_op cube = {
    .name = "cube",
    .input_minimum = 1,
    .input_maximum = 1,
    .outputs = 1,
    .infer = clade_pointwise_infer,
    .gradient = gradient_cube,
    .pointwise = &cube_pointwise,
};

/* The check of sum(cube(x) + w) over N = 3 rows of 4. */
static clade_verify_summary check_cube(double used_factor, notes *n) {
    factor = used_factor;
    clade_context *context = clade_context_new(NULL);
    clade_graph *graph = clade_graph_new(context);
    clade_value x = clade_input(graph, "image", CLADE_F32, clade_shape(CLADE_BATCH, 4));
    clade_initializer gaussian = { .kind = CLADE_INITIALIZE_GAUSSIAN, .value = 1 };
    clade_value w = clade_state(graph, "w", clade_shape(4), CLADE_ROLE_WEIGHT, gaussian);
    clade_value running = clade_state(graph, "running", clade_shape(4), CLADE_ROLE_STATE, gaussian);
    clade_value y = clade_append(graph, &cube, "", NULL, &x, 1);
    clade_value loss = clade_sum(clade_multiply(clade_add(y, running), w), CLADE_ALL_AXES, false);
    clade_verify_summary summary = { 0 };
    const clade_gradcheck_options options = { .size = sizeof options, .report = note, .user = n };
    assert_good(context, clade_gradcheck_loss(loss, 3, &options, &summary));
    clade_graph_free(graph);
    clade_context_free(context);
    return summary;
}

static void test_loss_is_checked_by_inputs_and_trained_states(void **state) {
    (void)state;
    notes n = { 0 };
    clade_verify_summary summary = check_cube(3, &n);
    assert_int_equal(summary.failed, 0);
    assert_int_equal(summary.passed, 2);
    assert_string_equal(n.inputs, "image w ");
}

static void test_wrong_gradient_is_found(void **state) {
    (void)state;
    notes n = { 0 };
    clade_verify_summary summary = check_cube(3.001, &n);
    assert_int_equal(summary.failed, 1);
    assert_non_null(strstr(n.failures, "image, order 1: element"));
}

static void test_gradient_that_never_arrives_is_found(void **state) {
    (void)state;
    notes n = { 0 };
    assert_int_equal(check_cube(0, &n).failed, 1);
}

/* 30 weights, each added to 2000 offsets: about one in five stands nearer to a kink than the first step is long. */
static void test_kink_within_a_step_does_not_count(void **state) {
    (void)state;
    clade_context *context = clade_context_new(NULL);
    clade_graph *graph = clade_graph_new(context);
    clade_initializer zero = { .kind = CLADE_INITIALIZE_CONSTANT };
    clade_initializer spread = { .kind = CLADE_INITIALIZE_UNIFORM, .value = 0.1f };
    clade_value w = clade_state(graph, "w", clade_shape(30), CLADE_ROLE_WEIGHT, zero);
    clade_value offsets = clade_state(graph, "offsets", clade_shape(2000, 1), CLADE_ROLE_STATE, spread);
    clade_verify_summary summary = { 0 };
    clade_value loss = clade_sum(clade_relu(clade_add(offsets, w)), CLADE_ALL_AXES, false);
    assert_good(context, clade_gradcheck_loss(loss, 1, NULL, &summary));
    assert_int_equal(summary.failed, 0);
    assert_int_equal(summary.passed, 1);
    clade_graph_free(graph);
    clade_context_free(context);
}

static void test_loss_that_is_no_scalar_is_refused(void **state) {
    (void)state;
    clade_context *context = clade_context_new(NULL);
    clade_graph *graph = clade_graph_new(context);
    clade_value x = clade_input(graph, "x", CLADE_F32, clade_shape(2));
    assert_int_equal(clade_gradcheck_loss(x, 1, NULL, NULL), CLADE_ERROR_ARGUMENT);
    assert_int_equal(clade_gradcheck_loss(CLADE_NO_VALUE, 1, NULL, NULL), CLADE_ERROR_ARGUMENT);
    clade_graph_free(graph);
    clade_context_free(context);
}

int main(int argc, char **argv) {
    if (argc > 1) {
        const struct CMUnitTest one[] = { cmocka_unit_test(test_every_gradient_agrees_with_differences) };
        part = atoi(argv[1]) % PARTS;
        return cmocka_run_group_tests(one, NULL, NULL);
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_gradient_agrees_with_differences),
        cmocka_unit_test(test_an_unknown_row_is_refused),
        cmocka_unit_test(test_loss_is_checked_by_inputs_and_trained_states),
        cmocka_unit_test(test_wrong_gradient_is_found),
        cmocka_unit_test(test_gradient_that_never_arrives_is_found),
        cmocka_unit_test(test_kink_within_a_step_does_not_count),
        cmocka_unit_test(test_loss_that_is_no_scalar_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
