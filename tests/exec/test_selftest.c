/* The self-test over the whole table on the device at hand, and its options. */
#include "clade/verify.h"
#include "ops/op.h"

#include "support/device.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct fixture {
    clade_context *context;
    clade_device *device;
} fixture;

typedef struct notes {
    int reports, inapplicable, other_rows;
    const char *only; /* the row that reports may speak of */
    char failures[4096];
} notes;

static int set_up(void **state) {
    static fixture f;
    f.device = open_test_device(&f.context);
    *state = &f;
    return 0;
}

static int tear_down(void **state) {
    fixture *f = *state;
    close_test_device(f->context, f->device);
    return 0;
}

static void note(void *user, const clade_selftest_result *result) {
    notes *n = user;
    n->reports++;
    if (result->verdict == CLADE_VERDICT_INAPPLICABLE) {
        n->inapplicable++;
        return;
    }
    if (n->only != NULL && strcmp(result->op, n->only) != 0) n->other_rows++;
    if (result->verdict != CLADE_VERDICT_FAILED) return;
    size_t used = strlen(n->failures);
    snprintf(n->failures + used, sizeof n->failures - used, "%s %s \"%s\" %s: %s\n", result->op, result->implementation,
             result->case_name != NULL ? result->case_name : "", result->variant, result->detail);
}

/* Of the rows, in the order of their names, each PARTS-th from number PART on: all of them are run by as many processes,
 * which a test run may do side by side (cmake/tests.cmake). */
enum { PARTS = 4, MOST_ROWS = 1000 };
static int part;

/* Runs the rows of this process, as OPTIONS say. */
static clade_verify_summary run_part(fixture *f, clade_selftest_options options, notes *n) {
    const char *ops[MOST_ROWS];
    clade_verify_summary summary;
    for (size_t i = (size_t)part; i < MOST_ROWS && clade_operator_name(i) != NULL; i++)
        if (i % PARTS == (size_t)part) ops[options.op_count++] = clade_operator_name(i);
    options.size = sizeof options;
    options.ops = ops;
    options.report = note;
    options.user = n;
    assert_good(f->context, clade_selftest(f->device, &options, &summary));
    if (summary.failed > 0) fail_msg("%s", n->failures);
    return summary;
}

static void test_every_implementation_agrees_with_its_reference(void **state) {
    notes n = { 0 };
    const clade_verify_summary summary = run_part(*state, (clade_selftest_options){ 0 }, &n);
    assert_true(summary.passed > 100);
    assert_int_equal(summary.left_out, 0);
    assert_int_equal(n.reports, summary.passed + summary.inapplicable);
}

static void test_buffers_of_their_own_give_the_same_verdicts(void **state) {
    notes n = { 0 };
    const clade_selftest_options options = { .separate_buffers = true, .largest = 1000 };
    assert_true(run_part(*state, options, &n).passed > 10);
}

static void test_names_choose_rows(void **state) {
    fixture *f = *state;
    const char *const ops[] = { "relu" };
    notes n = { .only = "relu" };
    clade_verify_summary summary;
    const clade_selftest_options options = {
        .size = sizeof options, .ops = ops, .op_count = 1, .report = note, .user = &n
    };
    assert_good(f->context, clade_selftest(f->device, &options, &summary));
    assert_true(summary.passed > 0);
    assert_int_equal(n.other_rows, 0);
}

static int64_t passed_with_kernel(const fixture *f, const char *kernel, const char *only) {
    notes n = { .only = only };
    clade_verify_summary summary;
    const clade_selftest_options options = {
        .size = sizeof options, .report = note, .user = &n, .kernels = &kernel, .kernel_count = 1
    };
    assert_good(f->context, clade_selftest(f->device, &options, &summary));
    assert_int_equal(summary.failed, 0);
    assert_int_equal(n.reports - n.inapplicable, summary.passed);
    if (only != NULL) assert_int_equal(n.other_rows, 0);
    return summary.passed;
}

static void test_kernels_choose_what_launches_them(void **state) {
    const fixture *f = *state;
    int64_t one = passed_with_kernel(f, "pool.cl:max_pick", "max_pool_pick");
    assert_true(one > 0);
    assert_true(passed_with_kernel(f, "pool.cl", NULL) > one);
    assert_int_equal(passed_with_kernel(f, "pool.cl:max", NULL), 0);
    assert_int_equal(passed_with_kernel(f, "none.cl", NULL), 0);
}

typedef struct turns {
    const char *implementation, *case_name; /* of the latest result */
    int repeated, others;                   /* results of the same, in other configurations than the first */
} turns;

static void note_turn(void *user, const clade_selftest_result *result) {
    turns *t = user;
    if (result->verdict != CLADE_VERDICT_PASSED) return;
    t->repeated += result->implementation == t->implementation && result->case_name == t->case_name;
    t->others += strncmp(result->variant, "configuration", strlen("configuration")) == 0;
    t->implementation = result->implementation;
    t->case_name = result->case_name;
}

static void test_configurations_take_turns_on_request(void **state) {
    fixture *f = *state;
    const char *const ops[] = { "matmul" };
    turns all = { 0 }, some = { 0 };
    clade_selftest_options options = { .size = sizeof options, .ops = ops, .op_count = 1, .largest = 3000 };
    options.report = note_turn;
    options.user = &all;
    assert_good(f->context, clade_selftest(f->device, &options, NULL));
    options.in_turn = true;
    options.user = &some;
    assert_good(f->context, clade_selftest(f->device, &options, NULL));
    assert_int_equal(some.repeated, 0);
    assert_int_equal(some.others > 0, all.others > 0);
}

static void test_large_cases_are_left_out_on_request(void **state) {
    fixture *f = *state;
    const char *const ops[] = { "relu" };
    clade_verify_summary summary;
    const clade_selftest_options options = { .size = sizeof options, .ops = ops, .op_count = 1, .largest = 200 };
    assert_good(f->context, clade_selftest(f->device, &options, &summary));
    assert_true(summary.passed > 0);
    assert_true(summary.left_out > 0);
}

static void test_unknown_name_is_refused_with_those_there_are(void **state) {
    fixture *f = *state;
    const char *const ops[] = { "relu", "nosuch" };
    const clade_selftest_options options = { .size = sizeof options, .ops = ops, .op_count = 2 };
    assert_int_equal(clade_selftest(f->device, &options, NULL), CLADE_ERROR_ARGUMENT);
    assert_non_null(strstr(clade_error(f->context), "\"nosuch\""));
    assert_non_null(strstr(clade_error(f->context), " sigmoid"));
}

static void test_names_are_sorted_and_end(void **state) {
    (void)state;
    size_t count = 0;
    while (clade_operator_name(count) != NULL) {
        if (count > 0) assert_true(strcmp(clade_operator_name(count - 1), clade_operator_name(count)) < 0);
        assert_non_null(clade_op_find(clade_operator_name(count)));
        count++;
    }
    assert_true(count > 20);
}

/* A row that can run must say how it is tested. */
static void test_every_row_that_launches_has_cases(void **state) {
    (void)state;
    for (const clade_op *const *row = clade_op_table; *row != NULL; row++) {
        bool takes_inputs = (*row)->input_maximum > 0;
        bool launches = (*row)->implementations != NULL || (takes_inputs && (*row)->pointwise != NULL);
        if (launches && (*row)->cases == NULL) fail_msg("%s has no cases", (*row)->name);
        if ((*row)->pointwise == NULL && (*row)->reference == NULL && takes_inputs && *row != &clade_op_fused)
            fail_msg("%s has no reference", (*row)->name);
    }
}

int main(int argc, char **argv) {
    if (argc > 1) {
        const struct CMUnitTest rows[] = {
            cmocka_unit_test(test_every_implementation_agrees_with_its_reference),
            cmocka_unit_test(test_buffers_of_their_own_give_the_same_verdicts),
        };
        part = atoi(argv[1]) % PARTS;
        return cmocka_run_group_tests(rows, set_up, tear_down);
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_implementation_agrees_with_its_reference),
        cmocka_unit_test(test_buffers_of_their_own_give_the_same_verdicts),
        cmocka_unit_test(test_names_choose_rows),
        cmocka_unit_test(test_kernels_choose_what_launches_them),
        cmocka_unit_test(test_configurations_take_turns_on_request),
        cmocka_unit_test(test_large_cases_are_left_out_on_request),
        cmocka_unit_test(test_unknown_name_is_refused_with_those_there_are),
        cmocka_unit_test(test_names_are_sorted_and_end),
        cmocka_unit_test(test_every_row_that_launches_has_cases),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
