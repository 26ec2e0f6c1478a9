/* The systems that look at digits, on few of those that Clade draws. */
#include "experiments/helpers.h"

/* S2: the projection rule recalls what Hebb's cannot, for digits have too much in common. */
static void test_corrupted_digits_are_recalled(void **state) {
    fixture *f = *state;
    clade_experiment_result *result = run(f, "hopfield", "digits:200,10", NULL);
    assert_at_least(figure(result, "projection_10"), 0.95);
    assert_at_least(figure(result, "projection_20"), 0.95);
    assert_at_least(figure(result, "projection_30"), 0.8);
    assert_at_least(figure(result, "projection_half"), 0.5);
    assert_at_most(figure(result, "hebb_20"), 0.5);
    for (size_t row = 0; row < result->row_count; row++) { /* the energy falls */
        const clade_cell *cells = result->cells + row * result->column_count;
        assert_true(cells[6].number < cells[5].number);
    }
    expect_picture(result, "recall.pgm", "P5\n");
    clade_experiment_result_free(result);
}

static void test_one_pattern_is_recalled_by_either_rule(void **state) {
    fixture *f = *state;
    clade_experiment_result *result = run(f, "hopfield", "digits:50,10", "patterns", 1.0, NULL);
    assert_true(figure(result, "hebb_30") == 1);
    assert_true(figure(result, "projection_30") == 1);
    clade_experiment_result_free(result);
}

/* S2: the error of the reconstructions falls, and samples are drawn. */
static void test_a_boltzmann_machine_learns_to_reconstruct(void **state) {
    fixture *f = *state;
    clade_experiment_result *result =
        run(f, "boltzmann", "digits:2000,10", "epochs", 5.0, "turns", 1.0, "chain", 50.0, NULL);
    assert_at_most(figure(result, "last_error"), 0.6 * figure(result, "first_error"));
    assert_at_most(figure(result, "last_error"), 0.035);
    expect_picture(result, "samples.pgm", "P5\n");
    expect_picture(result, "filters.pgm", "P5\n");
    expect_picture(result, "error.svg", "<?xml");
    clade_experiment_result_free(result);
}

/* S25: through seven sigmoids hardly any gradient comes down, through ReLUs all of it. */
static void test_gradients_vanish_through_sigmoids_and_not_through_relus(void **state) {
    fixture *f = *state;
    clade_experiment_result *result = run(f, "gradients", "digits:1500,200", "epochs", 3.0, NULL);
    assert_at_most(figure(result, "sigmoid_ratio"), 1e-3);
    assert_at_least(figure(result, "relu_ratio"), 0.1);
    assert_at_least(figure(result, "relu_accuracy"), figure(result, "sigmoid_accuracy") + 0.3);
    for (size_t row = 0; row + 1 < result->row_count; row++) { /* share of zeros: none of sigmoid's, ReLU's some */
        const clade_cell *cells = result->cells + row * result->column_count;
        assert_at_most(cells[3].number, 0.05);
        assert_at_least(cells[6].number, 0.2);
    }
    expect_picture(result, "gradients.svg", "<?xml");
    clade_experiment_result_free(result);
}

/* S4, in small: on MNIST itself ReLU reaches 98 % (docs/experiments.md). */
static void test_relu_and_sigmoid_are_compared(void **state) {
    fixture *f = *state;
    clade_experiment_result *result = run(f, "activations", "digits:2000,300", "epochs", 4.0, NULL);
    assert_int_equal(result->row_count, 2);
    assert_at_least(figure(result, "relu_accuracy"), 0.85);
    assert_at_least(figure(result, "sigmoid_accuracy"), 0.6);
    expect_picture(result, "activations.svg", "<?xml");
    clade_experiment_result_free(result);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_corrupted_digits_are_recalled, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_one_pattern_is_recalled_by_either_rule, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_boltzmann_machine_learns_to_reconstruct, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_gradients_vanish_through_sigmoids_and_not_through_relus, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_relu_and_sigmoid_are_compared, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
