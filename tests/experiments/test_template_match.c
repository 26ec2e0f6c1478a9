/* S27 and N5: the drumbeat. */
#include "experiments/helpers.h"

static void test_the_planted_places_are_where_normalised_correlation_peaks(void **state) {
    fixture *f = *state;
    clade_experiment_result *result = run(f, "drumbeat", NULL, NULL);
    assert_true(figure(result, "deck_found") == 1);
    assert_true(figure(result, "signal_found") == 1);
    assert_true(figure(result, "picture_found") == 1);
    assert_at_most(figure(result, "signal_found_by_plain"), 0.5);
    expect_picture(result, "signal.svg", "<?xml");
    expect_picture(result, "picture.svg", "<?xml");
    clade_experiment_result_free(result);
}

/* N5: 100 samples with 25 give 76; and correlation is convolution with the reversed kernel. */
static void test_a_correlation_is_a_convolution_with_the_reversed_kernel(void **state) {
    fixture *f = *state;
    clade_experiment_result *result = run(f, "drumbeat", NULL, "samples", 1000.0, "beats", 1.0, NULL);
    assert_true(figure(result, "deck_outputs") == 76);
    assert_at_most(figure(result, "difference_from_reversed_convolution"), 1e-5);
    clade_experiment_result_free(result);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_the_planted_places_are_where_normalised_correlation_peaks, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_a_correlation_is_a_convolution_with_the_reversed_kernel, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
