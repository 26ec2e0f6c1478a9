/* The systems that draw their own data, with the bounds that docs/experiments.md gives. */
#include "experiments/helpers.h"

/* S1: AND and OR are learnt by all; XOR by the multilayer perceptron alone. */
static void test_only_hidden_units_learn_xor(void **state) {
    fixture *f = *state;
    clade_experiment_result *result = run(f, "perceptron", NULL, NULL);
    static const char *const learnt[] = { "perceptron_and", "perceptron_or", "sigmoid_and",   "sigmoid_or",
                                          "multilayer_and", "multilayer_or", "multilayer_xor" };
    for (size_t i = 0; i < sizeof learnt / sizeof *learnt; i++)
        assert_true(figure(result, learnt[i]) == 4);
    assert_at_most(figure(result, "perceptron_xor"), 3);
    assert_at_most(figure(result, "sigmoid_xor"), 3);
    expect_picture(result, "decision.svg", "<?xml");
    clade_experiment_result_free(result);
}

/* S3: the closed form, and Newton's method. */
static void test_linear_models_agree_with_the_reference_solver(void **state) {
    fixture *f = *state;
    clade_experiment_result *result = run(f, "regression", NULL, NULL);
    static const char *const figures[] = { "linear_difference", "classifier_difference", "logistic_difference",
                                           "softmax_difference" };
    for (size_t i = 0; i < sizeof figures / sizeof *figures; i++)
        assert_at_most(figure(result, figures[i]), 1e-4);
    expect_picture(result, "models.svg", "<?xml");
    clade_experiment_result_free(result);
}

/* S22: with the same rate, and in fewer steps by far. */
static void test_momentum_needs_fewer_steps_through_the_ravine(void **state) {
    fixture *f = *state;
    clade_experiment_result *result = run(f, "ravine", NULL, NULL);
    assert_at_most(figure(result, "momentum_steps"), figure(result, "descent_steps") / 5);
    assert_at_most(figure(result, "nesterov_steps"), figure(result, "descent_steps") / 5);
    assert_at_most(figure(result, "adam_steps"), figure(result, "descent_steps") / 5);
    assert_at_most(figure(result, "lbfgs_steps"), 60);
    expect_picture(result, "path.svg", "<?xml");
    expect_picture(result, "descent.svg", "<?xml");
    clade_experiment_result_free(result);
}

/* S23: each kind of points. */
static void test_points_of_every_kind_are_learnt(void **state) {
    fixture *f = *state;
    clade_experiment_result *result = run(f, "points", NULL, NULL);
    assert_int_equal(result->row_count, 5);
    static const char *const easy[] = { "clusters", "moons", "rings", "spiral" };
    for (size_t i = 0; i < sizeof easy / sizeof *easy; i++)
        assert_at_least(figure(result, easy[i]), 0.97);
    assert_at_least(figure(result, "checker"), 0.9);
    expect_picture(result, "surfaces.svg", "<?xml");
    clade_experiment_result_free(result);
    result = run(f, "points", "points:moons,300,100,5", "epochs", 50.0, NULL);
    assert_int_equal(result->row_count, 1);
    assert_at_least(figure(result, "accuracy"), 0.95);
    clade_experiment_result_free(result);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_only_hidden_units_learn_xor, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_linear_models_agree_with_the_reference_solver, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_momentum_needs_fewer_steps_through_the_ravine, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_points_of_every_kind_are_learnt, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
