/* Functions, activations and comparisons against numbers computed independently (frozen.h), types mixed in one kernel, and
 * what is refused. */
#include "frozen.h"

/* Y and nothing of x, so that there is a gradient where Y has none. */
static clade_value level(const frozen_operands *o, clade_value y) {
    return clade_add(y, clade_scale(clade_sum(o->x, CLADE_ALL_AXES, false), 0));
}

FROZEN(selu, clade_selu(o->x))
FROZEN(celu, clade_celu(o->x, 1.3))
FROZEN(silu, clade_swish(o->x, 1))
FROZEN(swish, clade_swish(o->x, 1.7))
FROZEN(mish, clade_mish(o->x))
FROZEN(log_sigmoid, clade_log_sigmoid(o->x))
FROZEN(softsign, clade_softsign(o->x))
FROZEN(gelu_by_tanh, clade_gelu_by_tanh(o->x))
FROZEN(hard_sigmoid, clade_hard_sigmoid(o->x, 1.0 / 6, 0.5))
FROZEN(hard_swish, clade_hard_swish(o->x))
FROZEN(thresholded, clade_thresholded_relu(o->x, 0.4))
FROZEN(soft_shrink, clade_shrink(o->x, 0.6, 0.6))
FROZEN(hard_shrink, clade_shrink(o->x, 0.6, 0))
FROZEN(clip, clade_clip(o->x, -0.7, 0.9))
FROZEN(sine, clade_sine(o->x))
FROZEN(cosine, clade_cosine(o->x))
FROZEN(tangent, clade_tangent(clade_scale(o->x, 0.5)))
FROZEN(arc_sine, clade_arc_sine(clade_scale(o->x, 0.4)))
FROZEN(arc_cosine, clade_arc_cosine(clade_scale(o->x, 0.4)))
FROZEN(arc_tangent, clade_arc_tangent(o->x))
FROZEN(sinh_of_x, clade_hyperbolic_sine(o->x))
FROZEN(cosh_of_x, clade_hyperbolic_cosine(o->x))
FROZEN(asinh_of_x, clade_inverse_hyperbolic_sine(o->x))
FROZEN(acosh_of_x, clade_inverse_hyperbolic_cosine(clade_offset(clade_square(o->x), 1.25)))
FROZEN(atanh_of_x, clade_inverse_hyperbolic_tangent(clade_scale(o->x, 0.4)))
FROZEN(reciprocal, clade_reciprocal(clade_offset(o->x, 4)))
FROZEN(power, clade_power(clade_offset(o->x, 2), o->x))
FROZEN(remainder_of_x, clade_remainder(o->x, clade_constant(o->x.graph, CLADE_SCALAR, 0.75f)))
FROZEN(float_remainder, clade_float_remainder(o->x, clade_constant(o->x.graph, CLADE_SCALAR, 0.75f)))
FROZEN(floor_of_x, level(o, clade_floor(clade_scale(o->x, 3))))
FROZEN(ceiling, level(o, clade_ceiling(clade_scale(o->x, 3))))
FROZEN(rounded, level(o, clade_round(clade_scale(o->x, 3.5))))
FROZEN(chosen, clade_where(clade_less(o->x, clade_reverse(o->x, 1u << 3)), clade_square(o->x), clade_scale(o->x, 3)))
FROZEN(cast_there_and_back, level(o, clade_cast(clade_cast(clade_scale(o->x, 3), CLADE_I32), CLADE_F32)))

#define ROW(BUILD, SUM, FIRST, MIDDLE)                                                                                 \
    FROZEN_ROW(BUILD, FROZEN_DIMS(4, 2, 3, 4, 5), FROZEN_DIMS(4, 2, 3, 4, 5), SUM, FIRST, MIDDLE)

static const frozen rows[] = {
    ROW(selu, -3.6631817719, -0.39228498748, 0.456766115501),
    ROW(celu, -3.37258803108, -0.315421272859, 0.34383364652),
    ROW(silu, -2.81516291391, 0.0412941542991, 0.0127642017401),
    ROW(swish, -3.12992417298, 0.0988847830667, -0.0819665656125),
    ROW(mish, -3.19186621323, 0.0640978158923, -0.00501958759482),
    ROW(log_sigmoid, -0.441842280016, -0.817574476194, 0.674674330948),
    ROW(softsign, -1.15287837422, -0.16, 0.178459937565),
    ROW(gelu_by_tanh, -3.16100009198, 0.127710793151, -0.104330439395),
    ROW(hard_sigmoid, -1.07738095238, -0.166666671634, 0.14583333768),
    ROW(hard_swish, -2.61479591837, -0, 0.0833333333333),
    ROW(thresholded, -3.71428571429, 0, 0),
    ROW(soft_shrink, -2.44285714286, -1, 0.875),
    ROW(hard_shrink, -5.14285714286, -1, 0.875),
    ROW(clip, -2.04642857143, 0, 0),
    ROW(sine, -2.2361100237, -0.0707372016677, 0.305380590043),
    ROW(cosine, 1.09160321183, -0.997494986604, 0.81998030173),
    ROW(tangent, -2.17483682232, -0.93393598209, 0.648625542015),
    ROW(arc_sine, -1.49176774497, -0.5, 0.400403775907),
    ROW(arc_cosine, -0.0790285818268, 0.5, -0.400403775907),
    ROW(arc_tangent, -2.14505864947, -0.307692307692, 0.353608247423),
    ROW(sinh_of_x, -4.99373626275, -2.35240961524, 1.60335419856),
    ROW(cosh_of_x, -4.30841270889, 2.12927945509, -1.34354742605),
    ROW(asinh_of_x, -2.69500482735, -0.554700196225, 0.556243846253),
    ROW(acosh_of_x, -3.21830713317, 0.894427191, -0.838484860611),
    ROW(atanh_of_x, -1.61331319782, -0.625, 0.458066239316),
    ROW(reciprocal, -0.0958364694272, 0.16, -0.112754766601),
    ROW(power, -15.6327321919, 10.4457976612, -2.09516416922),
    ROW(remainder_of_x, 0.941964285714, -1, 0.875),
    ROW(float_remainder, 1.03571428571, -1, 0.875),
    ROW(floor_of_x, -8.5, 0, 0),
    ROW(ceiling, -9.5, 0, 0),
    ROW(rounded, -12.375, 0, 0),
    ROW(chosen, -28.5982142857, 3, -2.125),
    ROW(cast_there_and_back, -9.125, 0, 0),
};

static void test_numbers_are_those_computed_elsewhere(void **state) {
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        frozen_check(*state, &rows[i]);
}

/* One kernel of several types, an input in an output's place among them. */
static void test_types_mix_in_one_kernel(void **state) {
    graph_fixture *f = *state;
    int32_t numbers[37], got[37];
    for (int i = 0; i < 37; i++)
        numbers[i] = i - 18;
    clade_value x = clade_input(f->graph, "whole", CLADE_I32, clade_shape(37));
    clade_value half = clade_scale(clade_cast(x, CLADE_F32), 0.5);
    clade_value even = clade_equal(half, clade_floor(half));
    clade_value halves = clade_cast(half, CLADE_I32);
    frozen_run(f, x, numbers, 37, clade_where(even, halves, clade_multiply(x, x)), got, 37);
    for (int i = 0; i < 37; i++)
        assert_int_equal(got[i], numbers[i] % 2 == 0 ? numbers[i] / 2 : numbers[i] * numbers[i]);
    clade_value two = clade_cast(clade_constant(f->graph, CLADE_SCALAR, 2), CLADE_I32);
    clade_value far = clade_logical_or(clade_greater(x, two), clade_logical_not(clade_greater_equal(x, two)));
    frozen_run(f, x, numbers, 37, clade_logical_exclusive_or(far, clade_logical_and(far, clade_less_equal(x, two))),
               got, 37);
    for (int i = 0; i < 37; i++)
        assert_int_equal(got[i], numbers[i] > 2);
}

FROZEN_REFUSED_TEST(test_a_sum_of_unlike_types, clade_add(x, clade_cast(x, CLADE_I32)), "expected inputs of one type")
FROZEN_REFUSED_TEST(test_the_sine_of_whole_numbers, clade_sine(whole), "expected float32")
FROZEN_REFUSED_TEST(test_logic_of_real_numbers, clade_logical_and(x, x), "expected int32")
FROZEN_REFUSED_TEST(test_a_choice_by_real_numbers, clade_where(x, x, x), "expected int32, then inputs of one type")

int main(void) {
#define TEST(NAME) cmocka_unit_test_setup_teardown(NAME, open_graph_fixture, close_graph_fixture)
    const struct CMUnitTest tests[] = {
        TEST(test_numbers_are_those_computed_elsewhere),
        TEST(test_types_mix_in_one_kernel),
        TEST(test_a_sum_of_unlike_types),
        TEST(test_the_sine_of_whole_numbers),
        TEST(test_logic_of_real_numbers),
        TEST(test_a_choice_by_real_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
