/* What moves elements, against numbers computed independently (frozen.h), on whole numbers, and what is refused. */
#include "frozen.h"

FROZEN(transposed, clade_transpose(o->x, 0, 3, 1, 2))
FROZEN(reversed, clade_reverse(o->x, 1u << 2 | 1u << 3))
FROZEN(concatenated, clade_concat(-1, o->x, clade_scale(o->x, 2), clade_square(o->x)))
FROZEN(concatenated_samples, clade_concat(0, o->x, clade_scale(o->x, 3)))
FROZEN(backwards_by_two, clade_slice(o->x, .step = { 0, 0, -1, -2 }))
FROZEN(backwards_between, clade_slice(o->x, .begin = { 0, 0, 0, -2 }, .end = { 0, 0, 0, -5 }, .step = { 0, 0, 0, -1 }))
FROZEN(reflected, clade_pad(o->x, .before = { 0, 0, 2, 1 }, .after = { 0, 0, 1, 3 }, .mode = CLADE_PAD_REFLECT))
FROZEN(with_edges, clade_pad(o->x, .before = { 0, 0, 2, 1 }, .after = { 0, 0, 1, 6 }, .mode = CLADE_PAD_EDGE))
FROZEN(wrapped, clade_pad(o->x, .before = { 0, 0, 2, 1 }, .after = { 0, 0, 1, 3 }, .mode = CLADE_PAD_WRAP))
FROZEN(shuffled, clade_channel_shuffle(o->x, 3))
FROZEN(pixels_shuffled, clade_depth_to_space(o->x, 2, true))
FROZEN(depth_to_space, clade_depth_to_space(o->x, 2, false))
FROZEN(there_and_back, clade_space_to_depth(clade_depth_to_space(o->x, 2, false), 2))
FROZEN(repeated, clade_repeat(o->x, (const int64_t[]){ 1, 2, 1, 3 }, 4))
FROZEN(unsqueezed, clade_squeeze(clade_unsqueeze(o->x, -2), 1u << 3))
FROZEN(expanded, clade_expand_to(clade_sum(o->x, 1u << 2, true), clade_shape(1, 4, 1)))

static const frozen rows[] = {
    FROZEN_ROW(transposed, FROZEN_DIMS(4, 2, 3, 4, 5), FROZEN_DIMS(4, 2, 5, 3, 4), -1.78571428571, -1, 0.875),
    FROZEN_ROW(reversed, FROZEN_DIMS(4, 2, 3, 4, 5), FROZEN_DIMS(4, 2, 3, 4, 5), 8.57142857143, 0.125, -0.125),
    FROZEN_ROW(concatenated, FROZEN_DIMS(4, 2, 3, 4, 5), FROZEN_DIMS(4, 2, 3, 4, 15), -7.14987244898, -0.625,
               1.28571428571),
    FROZEN_ROW(concatenated_samples, FROZEN_DIMS(4, 2, 3, 4, 5), FROZEN_DIMS(4, 4, 3, 4, 5), -7.45535714286, 0.875, 2),
    FROZEN_ROW(backwards_by_two, FROZEN_DIMS(4, 2, 3, 4, 5), FROZEN_DIMS(4, 2, 3, 4, 3), -1.24107142857, -0.125, 1),
    FROZEN_ROW(backwards_between, FROZEN_DIMS(4, 2, 3, 4, 5), FROZEN_DIMS(4, 2, 3, 4, 3), 0.3125, 0, 0),
    FROZEN_ROW(reflected, FROZEN_DIMS(4, 2, 3, 4, 5), FROZEN_DIMS(4, 2, 3, 7, 9), 2.83035714286, 0.125, -0.875),
    FROZEN_ROW(with_edges, FROZEN_DIMS(4, 2, 3, 4, 5), FROZEN_DIMS(4, 2, 3, 7, 12), 3.55357142857, -1, 1.625),
    FROZEN_ROW(wrapped, FROZEN_DIMS(4, 2, 3, 4, 5), FROZEN_DIMS(4, 2, 3, 7, 9), -4.20535714286, -0.125, 0.125),
    FROZEN_ROW(shuffled, FROZEN_DIMS(4, 2, 6, 2, 3), FROZEN_DIMS(4, 2, 6, 2, 3), 2.83035714286, -1, 0.125),
    FROZEN_ROW(pixels_shuffled, FROZEN_DIMS(4, 2, 8, 2, 3), FROZEN_DIMS(4, 2, 2, 4, 6), 6.375, -1, 0.5),
    FROZEN_ROW(depth_to_space, FROZEN_DIMS(4, 2, 8, 2, 3), FROZEN_DIMS(4, 2, 2, 4, 6), 11.3214285714, -1, 0.5),
    FROZEN_ROW(there_and_back, FROZEN_DIMS(4, 2, 8, 2, 3), FROZEN_DIMS(4, 2, 8, 2, 3), -0.946428571429, -1, 0.5),
    FROZEN_ROW(repeated, FROZEN_DIMS(4, 2, 3, 4, 5), FROZEN_DIMS(4, 2, 6, 4, 15), 3.07142857143, 0.125, 1.75),
    FROZEN_ROW(unsqueezed, FROZEN_DIMS(4, 2, 3, 4, 5), FROZEN_DIMS(4, 2, 3, 4, 5), -3.46428571429, -1, 0.875),
    FROZEN_ROW(expanded, FROZEN_DIMS(4, 2, 3, 4, 5), FROZEN_DIMS(4, 2, 3, 4, 5), 9.44642857143, 0.125, 1.25),
};

static void test_numbers_are_those_computed_elsewhere(void **state) {
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        frozen_check(*state, &rows[i]);
}

/* Whole numbers are moved as they are, on the device. */
static void test_whole_numbers_move(void **state) {
    graph_fixture *f = *state;
    static const int32_t numbers[] = { 0, 1, 2, 3, 4, 2147483647 };
    int32_t got[24];
    clade_value x = clade_input(f->graph, "whole", CLADE_I32, clade_shape(2, 3));
    clade_value turned = clade_transpose(x, 1, 0);
    frozen_run(f, x, numbers, 6, clade_concat(1, turned, clade_reverse(turned, 1u << 1)), got, 12);
    static const int32_t expected[] = { 0, 3, 3, 0, 1, 4, 4, 1, 2, 2147483647, 2147483647, 2 };
    assert_memory_equal(got, expected, sizeof expected);
    frozen_run(f, x, numbers, 6, clade_pad(x, .before = { 0, 1 }, .value = -7), got, 8);
    static const int32_t padded[] = { -7, 0, 1, 2, -7, 3, 4, 2147483647 };
    assert_memory_equal(got, padded, sizeof padded);
}

static void test_a_split_of_a_symbolic_axis_and_back(void **state) {
    graph_fixture *f = *state;
    clade_value x = clade_input(f->graph, "x", CLADE_F32, clade_shape(CLADE_BATCH, 3)), parts[2], dx;
    clade_value both = clade_concat(0, x, clade_scale(x, 2));
    assert_true(clade_split(both, 0, (const clade_size[]){ CLADE_BATCH, CLADE_BATCH }, 2, parts));
    clade_value y = clade_subtract(parts[1], parts[0]);
    clade_dims dims = clade_value_dims(y), expected = clade_shape(CLADE_BATCH, 3);
    assert_true(clade_dims_equal(&dims, &expected));
    clade_value loss = clade_sum(clade_square(y), CLADE_ALL_AXES, false);
    assert_good(f->context, clade_gradient(loss, CLADE_NO_VALUE, &x, 1, &dx));
    clade_reference *reference = clade_reference_new(f->graph, (clade_binding){ .batch = 2 });
    frozen_fill(reference, x, frozen_x);
    const clade_tensor *slope = clade_reference_value(reference, dx);
    if (!slope) fail_msg("%s", clade_error(f->context));
    for (int64_t i = 0; i < 6; i++)
        frozen_near("slope", slope->data[i], 2 * frozen_x(i));
    clade_reference_free(reference);
}

FROZEN_REFUSED_TEST(test_transpose_of_an_axis_twice, clade_transpose(x, 0, 1, 1, 2), "expected each of 0 to 3 once")
FROZEN_REFUSED_TEST(test_transpose_of_too_few_axes, clade_transpose(x, 1, 0), "2 axes are given, expected 4")
FROZEN_REFUSED_TEST(test_reverse_beyond_the_last_axis, clade_reverse(x, 1u << 4), "beyond the last")
FROZEN_REFUSED_TEST(test_concat_of_unlike_arrays, clade_concat(1, x, clade_slice(x, .end = { 0, 0, 2 })),
                    "unlike the first in more than axis 1")
FROZEN_REFUSED_TEST(test_concat_along_no_axis, clade_concat(7, x, x), "none of 0 to 3")
FROZEN_REFUSED_TEST(test_reflection_beyond_the_size, clade_pad(x, .before = { 0, 0, 0, 5 }, .mode = CLADE_PAD_REFLECT),
                    "expected 0 to 4")
FROZEN_REFUSED_TEST(test_wrapping_of_a_batch, clade_pad(x, .before = { 1 }, .mode = CLADE_PAD_WRAP), "no fixed size")
FROZEN_REFUSED_TEST(test_shuffle_of_odd_groups, clade_channel_shuffle(x, 2), "2 groups")
FROZEN_REFUSED_TEST(test_depth_of_odd_channels, clade_depth_to_space(x, 2, false), "that it divides")
FROZEN_REFUSED_TEST(test_repeat_without_all_axes, clade_repeat(x, (const int64_t[]){ 2 }, 1), "for each axis")
FROZEN_REFUSED_TEST(test_squeeze_of_a_long_axis, clade_squeeze(x, 1u << 1), "axis 1 is not 1")

int main(void) {
#define TEST(NAME) cmocka_unit_test_setup_teardown(NAME, open_graph_fixture, close_graph_fixture)
    const struct CMUnitTest tests[] = {
        TEST(test_numbers_are_those_computed_elsewhere),
        TEST(test_whole_numbers_move),
        TEST(test_a_split_of_a_symbolic_axis_and_back),
        TEST(test_transpose_of_an_axis_twice),
        TEST(test_transpose_of_too_few_axes),
        TEST(test_reverse_beyond_the_last_axis),
        TEST(test_concat_of_unlike_arrays),
        TEST(test_concat_along_no_axis),
        TEST(test_reflection_beyond_the_size),
        TEST(test_wrapping_of_a_batch),
        TEST(test_shuffle_of_odd_groups),
        TEST(test_depth_of_odd_channels),
        TEST(test_repeat_without_all_axes),
        TEST(test_squeeze_of_a_long_axis),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
