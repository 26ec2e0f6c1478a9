/* Normalisations against numbers computed independently (frozen.h), input normalisation fitted to a data set, and what is
 * refused. */
#include "frozen.h"

#include "clade/input_norm.h"
#include "clade/session.h"

#include <string.h>

FROZEN(layer, clade_layer_norm(o->x, .axes = 2, .scale = o->scale, .bias = o->bias))
FROZEN(rms, clade_rms_norm(o->x, .scale = o->scale))
FROZEN(instance, clade_instance_norm(o->x, .scale = o->scale, .bias = o->bias))
FROZEN(group, clade_group_norm(o->x, .groups = 2, .scale = o->scale, .bias = o->bias))
FROZEN(lp_one, clade_lp_norm(o->x, 1, 1))
FROZEN(lp_two, clade_lp_norm(o->x, -1, 2))
FROZEN(mean_variance, clade_mean_variance_norm(o->x, 1u << 0 | 1u << 2 | 1u << 3))
FROZEN(contrast, clade_local_contrast_norm(o->x, .window = 5))
FROZEN(contrast_within, clade_local_contrast_norm(o->x, .window = 5, .within = true))
FROZEN(contrast_subtractive, clade_local_contrast_norm(o->x, .window = 5, .subtractive = true))
FROZEN(lrn, clade_local_response_norm(o->x, .alpha = 2))
FROZEN(batch, clade_batch_norm(o->x))

static const frozen rows[] = {
    { "layer",
      layer,
      { 3, { 3, 4, 5 } },
      { 3, { 3, 4, 5 } },
      1.366358701,
      -0.5764614514,
      0.8579125836,
      { 2, { 4, 5 } } },
    { "rms", rms, { 3, { 3, 4, 5 } }, { 3, { 3, 4, 5 } }, 2.861202194, -0.330643846, 0.180499793, { 1, { 5 } } },
    { "instance",
      instance,
      { 4, { 2, 4, 3, 5 } },
      { 4, { 2, 4, 3, 5 } },
      -2.775073147,
      -0.4473597723,
      0.4090885774,
      { 1, { 4 } } },
    { "group",
      group,
      { 4, { 2, 6, 3, 5 } },
      { 4, { 2, 6, 3, 5 } },
      -3.164578342,
      -0.5106393894,
      0.3275266699,
      { 1, { 6 } } },
    FROZEN_ROW(lp_one, FROZEN_DIMS(3, 3, 5, 4), FROZEN_DIMS(3, 3, 5, 4), 0.4964465707, -0.07407407407, 0.279360387),
    FROZEN_ROW(lp_two, FROZEN_DIMS(3, 3, 5, 4), FROZEN_DIMS(3, 3, 5, 4), 0.8043920156, -0.27475, 0.3638694876),
    FROZEN_ROW(mean_variance, FROZEN_DIMS(4, 2, 3, 4, 5), FROZEN_DIMS(4, 2, 3, 4, 5), -3.756078582, -0.9584152884,
               0.9816360816),
    FROZEN_ROW(contrast, FROZEN_DIMS(4, 2, 3, 7, 9), FROZEN_DIMS(4, 2, 3, 7, 9), -11.27821683, -0.6042850115,
               -0.1014247087),
    FROZEN_ROW(contrast_within, FROZEN_DIMS(4, 2, 3, 7, 9), FROZEN_DIMS(4, 2, 3, 7, 9), -10.3113568, -1.036977926,
               0.2091572839),
    FROZEN_ROW(contrast_subtractive, FROZEN_DIMS(4, 2, 3, 7, 9), FROZEN_DIMS(4, 2, 3, 7, 9), -10.79620492,
               -0.8033487396, -0.0760539664),
    FROZEN_ROW(lrn, FROZEN_DIMS(4, 2, 7, 3, 2), FROZEN_DIMS(4, 2, 7, 3, 2), 1.524310866, -0.2083484668, -0.5141577787),
    FROZEN_ROW(batch, FROZEN_DIMS(4, 2, 3, 4, 5), FROZEN_DIMS(4, 2, 3, 4, 5), -3.756057021, -0.9584112527,
               0.9816297369),
};

static void test_normalisations_and_their_gradients_are_those_computed_elsewhere(void **state) {
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        frozen_check(*state, &rows[i]);
}

/* ---- input normalisation ---- */

/* Images by the definition, one after the other. */
static void moments_by_definition(graph_fixture *f, clade_dataset *set, double mean[784], double deviation[784]) {
    enum { COUNT = 50 };
    static float images[COUNT * 784];
    int64_t indices[COUNT];
    for (int i = 0; i < COUNT; i++)
        indices[i] = i;
    assert_good(f->context, clade_dataset_read(set, indices, COUNT, images, NULL));
    for (int p = 0; p < 784; p++) {
        double sum = 0, squares = 0;
        for (int i = 0; i < COUNT; i++)
            sum += (double)images[i * 784 + p];
        mean[p] = sum / COUNT;
        for (int i = 0; i < COUNT; i++)
            squares += ((double)images[i * 784 + p] - mean[p]) * ((double)images[i * 784 + p] - mean[p]);
        deviation[p] = sqrt(squares / COUNT);
    }
}

static void test_input_norm_fits_states_to_the_training_set(void **state) {
    graph_fixture *f = *state;
    clade_dataset *train;
    clade_session *session;
    static float image_mean[784], image_deviation[784];
    static double mean[784], deviation[784];
    float channel_mean, channel_deviation;
    const clade_value x = clade_input(f->graph, "image", CLADE_F32, clade_shape(CLADE_BATCH, 1, 28, 28));
    const clade_value y = clade_zero_center(x, .deviation = true);
    clade_zero_center(y, .by_channel = true, .deviation = true, .name = "second");
    assert_good(f->context, clade_graph_status(f->graph));
    assert_good(f->context, clade_dataset_open(f->context, "digits:50,1,3", &train, NULL));
    assert_good(f->context, clade_session_new(f->device, f->graph, 0, &session));
    assert_good(f->context, clade_input_norm_fit(session, train));
    assert_good(f->context, clade_session_read_state(session, "zerocenter_1.input_mean", image_mean, 784));
    assert_good(f->context, clade_session_read_state(session, "zerocenter_1.input_deviation", image_deviation, 784));
    assert_good(f->context, clade_session_read_state(session, "second.input_mean", &channel_mean, 1));
    assert_good(f->context, clade_session_read_state(session, "second.input_deviation", &channel_deviation, 1));
    moments_by_definition(f, train, mean, deviation);
    double all = 0, squares = 0;
    for (int p = 0; p < 784; p++) {
        assert_true(fabs((double)image_mean[p] - mean[p]) < 1e-6);
        assert_true(fabs((double)image_deviation[p] - (deviation[p] > 0 ? deviation[p] : 1)) < 1e-5);
        all += mean[p] / 784;
        squares += (deviation[p] * deviation[p] + mean[p] * mean[p]) / 784;
    }
    assert_true(fabs((double)channel_mean - all) < 1e-6);
    assert_true(fabs((double)channel_deviation - sqrt(squares - all * all)) < 1e-5);
    clade_session_free(session);
    clade_dataset_free(train);
}

static void test_input_norm_refuses_images_of_another_size(void **state) {
    graph_fixture *f = *state;
    clade_dataset *train;
    clade_session *session;
    const clade_value x = clade_input(f->graph, "image", CLADE_F32, clade_shape(CLADE_BATCH, 1, 14, 14));
    clade_zero_center(x);
    assert_good(f->context, clade_dataset_open(f->context, "digits:5,1", &train, NULL));
    assert_good(f->context, clade_session_new(f->device, f->graph, 0, &session));
    assert_int_equal(clade_input_norm_fit(session, train), CLADE_ERROR_INPUT);
    assert_non_null(strstr(clade_error(f->context), "196 numbers"));
    clade_session_free(session);
    clade_dataset_free(train);
}

/* ---- what is refused ---- */

#define REFUSED(NAME, VALUE, PATTERN)                                                                                  \
    static void NAME(void **state) {                                                                                   \
        graph_fixture *f = *state;                                                                                     \
        const clade_value x = clade_input(f->graph, "x", CLADE_F32, clade_shape(CLADE_BATCH, 6, 7, 5));                \
        frozen_refused(f, VALUE, PATTERN);                                                                             \
    }
REFUSED(test_groups_that_do_not_divide_channels_are_refused, clade_group_norm(x, .groups = 4), "groups 4")
REFUSED(test_more_axes_than_there_are_are_refused, clade_layer_norm(x, .axes = 5), "axes 5")
REFUSED(test_an_axis_of_no_fixed_size_is_refused, clade_rms_norm(x, .axes = 4), "of fixed sizes")
REFUSED(test_instances_of_columns_are_refused, clade_instance_norm(clade_flatten(x)), "instance_norm of")
REFUSED(test_an_even_window_is_refused, clade_local_contrast_norm(x, .window = 4), "odd size")
REFUSED(test_a_third_norm_is_refused, clade_lp_norm(x, 1, 3), "p 1 or 2")
REFUSED(test_an_axis_beyond_the_last_is_refused, clade_lp_norm(x, 4, 2), "along axis 4")
REFUSED(test_zero_center_of_a_vector_is_refused, clade_zero_center(clade_sum(x, 0xe, false)), "zero_center of")

int main(void) {
#define TEST(NAME) cmocka_unit_test_setup_teardown(NAME, open_graph_fixture, close_graph_fixture)
    const struct CMUnitTest tests[] = {
        TEST(test_normalisations_and_their_gradients_are_those_computed_elsewhere),
        TEST(test_input_norm_fits_states_to_the_training_set),
        TEST(test_input_norm_refuses_images_of_another_size),
        TEST(test_groups_that_do_not_divide_channels_are_refused),
        TEST(test_more_axes_than_there_are_are_refused),
        TEST(test_an_axis_of_no_fixed_size_is_refused),
        TEST(test_instances_of_columns_are_refused),
        TEST(test_an_even_window_is_refused),
        TEST(test_a_third_norm_is_refused),
        TEST(test_an_axis_beyond_the_last_is_refused),
        TEST(test_zero_center_of_a_vector_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
