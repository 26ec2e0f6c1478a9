/* Pooling and unpooling against numbers computed independently (frozen.h), and what is refused. */
#include "frozen.h"

#include <string.h>

FROZEN(max_1d, clade_max_pool(o->x, .kernel = { 3 }, .stride = { 2 }, .pad = { 1, 1 }))
FROZEN(max_dilated,
       clade_max_pool(o->x, .kernel = { 2, 3 }, .stride = { 2, 1 }, .pad = { 1, 1, 1, 1 }, .dilation = { 2, 2 }))
FROZEN(max_3d, clade_max_pool(o->x, .kernel = { 2, 3, 2 }, .stride = { 2, 2, 1 }, .pad = { 1, 1, 0, 1, 1, 0 }))
FROZEN(average_1d, clade_average_pool(o->x, .kernel = { 3 }, .stride = { 2 }, .pad = { 1, 1 }))
FROZEN(average_3d, clade_average_pool(o->x, .kernel = { 2, 3, 2 }, .stride = { 2, 2, 1 }, .pad = { 1, 1, 0, 1, 1, 0 },
                                      .exclude_pad = true))
FROZEN(average_same, clade_average_pool(o->x, .kernel = { 3, 2 }, .stride = { 1, 1 }, .padding = CLADE_POOL_SAME))
FROZEN(sum_2d, clade_sum_pool(o->x, .kernel = { 2, 3 }, .stride = { 1, 2 }))
FROZEN(lp_2d, clade_lp_pool(o->x, .kernel = { 3, 3 }, .stride = { 2, 2 }, .pad = { 1, 1, 1, 1 }))
FROZEN(lp3_2d, clade_lp_pool(o->x, .kernel = { 2, 2 }, .power = 3))
FROZEN(global_max, clade_global_max_pool(o->x))
FROZEN(global_lp, clade_global_lp_pool(o->x, 2))
FROZEN(l2_over_features, clade_feature_pool(o->x, .window = 2))
FROZEN(maxout, clade_feature_pool(o->x, .window = 2, .kind = CLADE_POOL_MAX))

/* Maxima squared, back in their places. */
static clade_value unpooled(const frozen_operands *o) {
    const clade_value y = clade_max_pool(o->x, .kernel = { 2, 2 });
    return clade_max_unpool(clade_square(y), .indices = clade_max_pool_indices(y), .kernel = { 2, 2 },
                            .extents = { 5, 6 });
}

/* The same by indices in the whole array, and back. */
static clade_value unpooled_1d(const frozen_operands *o) {
    const clade_value y = clade_max_pool(o->x, .kernel = { 3 });
    const clade_value whole = clade_indices_in_whole(clade_max_pool_indices(y), 9);
    return clade_max_unpool(clade_square(y), .indices = clade_indices_in_planes(whole, 9), .kernel = { 3 });
}

static const frozen rows[] = {
    FROZEN_ROW(max_1d, FROZEN_DIMS(3, 2, 3, 11), FROZEN_DIMS(3, 2, 3, 6), 1.1875, 0, 0.625),
    FROZEN_ROW(max_dilated, FROZEN_DIMS(4, 2, 2, 7, 9), FROZEN_DIMS(4, 2, 2, 4, 7), 0.8660714286, 0, 0),
    FROZEN_ROW(max_3d, FROZEN_DIMS(5, 2, 2, 5, 7, 4), FROZEN_DIMS(5, 2, 2, 3, 4, 3), 1.125, 0, 0),
    FROZEN_ROW(average_1d, FROZEN_DIMS(3, 2, 3, 11), FROZEN_DIMS(3, 2, 3, 6), 1.178571429, -0.3333333333, 0.2083333333),
    FROZEN_ROW(average_3d, FROZEN_DIMS(5, 2, 2, 5, 7, 4), FROZEN_DIMS(5, 2, 2, 3, 4, 3), 1.34672619, -0.25, -0.21875),
    FROZEN_ROW(average_same, FROZEN_DIMS(4, 2, 2, 5, 6), FROZEN_DIMS(4, 2, 2, 5, 6), -2.894345238, -0.125,
               0.1458333333),
    FROZEN_ROW(sum_2d, FROZEN_DIMS(4, 2, 2, 5, 7), FROZEN_DIMS(4, 2, 2, 4, 3), -0.1428571429, -1, -0.25),
    FROZEN_ROW(lp_2d, FROZEN_DIMS(4, 2, 2, 5, 7), FROZEN_DIMS(4, 2, 2, 3, 4), 0.1876022742, 0.6849444767,
               0.009790755625),
    FROZEN_ROW(lp3_2d, FROZEN_DIMS(4, 2, 2, 4, 6), FROZEN_DIMS(4, 2, 2, 2, 3), -0.9279930083, 0.7973997399,
               0.00745017163),
    FROZEN_ROW(global_max, FROZEN_DIMS(4, 2, 3, 5, 7), FROZEN_DIMS(4, 2, 3, 1, 1), -1.232142857, 0, 0),
    FROZEN_ROW(global_lp, FROZEN_DIMS(4, 2, 3, 5, 7), FROZEN_DIMS(4, 2, 3, 1, 1), -4.207744944, 0.2651016493,
               -0.04287983661),
    FROZEN_ROW(l2_over_features, FROZEN_DIMS(3, 2, 6, 5), FROZEN_DIMS(3, 2, 3, 5), -1.95532649, 0.8502651467, -0),
    FROZEN_ROW(maxout, FROZEN_DIMS(2, 3, 8), FROZEN_DIMS(2, 3, 4), 1.3125, -0, 0.25),
    FROZEN_ROW(unpooled, FROZEN_DIMS(4, 2, 2, 5, 6), FROZEN_DIMS(4, 2, 2, 5, 6), 2.18622449, 0, 0),
    FROZEN_ROW(unpooled_1d, FROZEN_DIMS(3, 2, 2, 9), FROZEN_DIMS(3, 2, 2, 9), -0.8832908163, 0, 0),
};

static void test_poolings_and_their_gradients_are_those_computed_elsewhere(void **state) {
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        frozen_check(*state, &rows[i]);
}

/* ONNX's second output of MaxPool counts through the whole array. */
static void test_indices_in_the_whole_array_count_planes(void **state) {
    graph_fixture *f = *state;
    const clade_value x = clade_input(f->graph, "x", CLADE_F32, clade_shape(CLADE_BATCH, 2, 4, 4));
    const clade_value y = clade_max_pool(x, .kernel = { 2, 2 });
    const clade_value whole = clade_indices_in_whole(clade_max_pool_indices(y), 16);
    clade_reference *reference = clade_reference_new(f->graph, (clade_binding){ .batch = 2 });
    clade_tensor *tensor = clade_reference_leaf(reference, x);
    assert_non_null(tensor);
    for (int64_t i = 0; i < tensor->count; i++)
        tensor->data[i] = (double)(i % 16);
    const clade_tensor *places = clade_reference_value(reference, whole);
    assert_non_null(places);
    static const double inside[] = { 5, 7, 13, 15 };
    for (int64_t i = 0; i < places->count; i++)
        assert_true(places->data[i] == inside[i % 4] + 16 * (double)(i / 4));
    clade_reference_free(reference);
}

static void test_a_window_of_zeros_has_no_slope(void **state) {
    graph_fixture *f = *state;
    const clade_value x = clade_input(f->graph, "x", CLADE_F32, clade_shape(1, 1, 1, 4));
    clade_value dx;
    const clade_value y = clade_lp_pool(x, .kernel = { 1, 2 });
    assert_good(f->context, clade_gradient(clade_sum(y, CLADE_ALL_AXES, false), CLADE_NO_VALUE, &x, 1, &dx));
    clade_reference *reference = clade_reference_new(f->graph, (clade_binding){ 0 });
    clade_tensor *tensor = clade_reference_leaf(reference, x);
    assert_non_null(tensor);
    tensor->data[2] = 3;
    tensor->data[3] = -4;
    const clade_tensor *slope = clade_reference_value(reference, dx);
    assert_non_null(slope);
    static const double wanted[] = { 0, 0, 0.6, -0.8 };
    for (int i = 0; i < 4; i++)
        frozen_near("slope", slope->data[i], wanted[i]);
    clade_reference_free(reference);
}

/* Sizes of padding that keep sizes: an odd cell comes after, or before. */
static void test_same_padding_keeps_sizes(void **state) {
    graph_fixture *f = *state;
    const clade_value x = clade_input(f->graph, "x", CLADE_F32, clade_shape(1, 1, 1, 4));
    const clade_value upper = clade_sum_pool(x, .kernel = { 1, 2 }, .stride = { 1, 1 }, .padding = CLADE_POOL_SAME);
    const clade_value lower =
        clade_sum_pool(x, .kernel = { 1, 2 }, .stride = { 1, 1 }, .padding = CLADE_POOL_SAME_LOWER);
    const clade_value strided = clade_sum_pool(x, .kernel = { 1, 3 }, .stride = { 1, 3 }, .padding = CLADE_POOL_SAME);
    assert_good(f->context, clade_graph_status(f->graph));
    assert_int_equal(clade_value_dims(strided).size[3], 2);
    clade_reference *reference = clade_reference_new(f->graph, (clade_binding){ 0 });
    clade_tensor *tensor = clade_reference_leaf(reference, x);
    assert_non_null(tensor);
    for (int i = 0; i < 4; i++)
        tensor->data[i] = 1 + i;
    static const double wanted[2][4] = { { 3, 5, 7, 4 }, { 1, 3, 5, 7 } };
    for (int which = 0; which < 2; which++) {
        const clade_tensor *sums = clade_reference_value(reference, which ? lower : upper);
        assert_non_null(sums);
        for (int i = 0; i < 4; i++)
            frozen_near("sum", sums->data[i], wanted[which][i]);
    }
    clade_reference_free(reference);
}

/* Each in a graph of its own, which keeps its first fault. */
#define REFUSED(NAME, VALUE, PATTERN)                                                                                  \
    static void NAME(void **state) {                                                                                   \
        graph_fixture *f = *state;                                                                                     \
        const clade_value x = clade_input(f->graph, "x", CLADE_F32, clade_shape(CLADE_BATCH, 3, 7, 5));                \
        frozen_refused(f, VALUE, PATTERN);                                                                             \
    }
REFUSED(test_a_kernel_of_zero_is_refused, clade_max_pool(x), "kernel 0 x 0")
REFUSED(test_padding_as_wide_as_the_window_is_refused, clade_sum_pool(x, .kernel = { 2, 2 }, .pad = { 2 }), "pad 2")
REFUSED(test_a_dilated_window_in_the_padding_is_refused,
        clade_max_pool(x, .kernel = { 2, 2 }, .pad = { 8, 0, 8, 0 }, .dilation = { 9, 1 }), "wholly in the padding")
REFUSED(test_a_power_of_zero_is_refused, clade_global_lp_pool(x, 0), "power 0")
REFUSED(test_a_kernel_larger_than_x_is_refused, clade_average_pool(x, .kernel = { 8, 2 }), "larger than the 7")
REFUSED(test_windows_over_four_axes_are_refused,
        clade_max_pool(clade_reshape(x, clade_shape(CLADE_BATCH, 3, 7, 5, 1, 1)), .kernel = { 1, 1 }),
        "expected float32 (N, C, H, W), (N, C, W)")
REFUSED(test_indices_of_anything_else_are_refused, clade_max_pool_indices(clade_square(x)), "expected the result")
REFUSED(test_a_window_over_more_features_than_there_are_is_refused, clade_feature_pool(x, .window = 4),
        "larger than the 3")

int main(void) {
#define TEST(NAME) cmocka_unit_test_setup_teardown(NAME, open_graph_fixture, close_graph_fixture)
    const struct CMUnitTest tests[] = {
        TEST(test_poolings_and_their_gradients_are_those_computed_elsewhere),
        TEST(test_indices_in_the_whole_array_count_planes),
        TEST(test_a_window_of_zeros_has_no_slope),
        TEST(test_same_padding_keeps_sizes),
        TEST(test_a_kernel_of_zero_is_refused),
        TEST(test_padding_as_wide_as_the_window_is_refused),
        TEST(test_a_dilated_window_in_the_padding_is_refused),
        TEST(test_a_power_of_zero_is_refused),
        TEST(test_a_kernel_larger_than_x_is_refused),
        TEST(test_windows_over_four_axes_are_refused),
        TEST(test_indices_of_anything_else_are_refused),
        TEST(test_a_window_over_more_features_than_there_are_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
