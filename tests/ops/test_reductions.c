/* Reductions, softmax and what walks along an axis against numbers computed independently (frozen.h), and what is refused. */
#include "frozen.h"

/* Y and nothing of x, so that there is a gradient where Y has none. */
static clade_value level(const frozen_operands *o, clade_value y) {
    return clade_add(y, clade_scale(clade_sum(o->x, CLADE_ALL_AXES, false), 0));
}

FROZEN(softmax_of_pixels, clade_softmax(o->x))
FROZEN(log_softmax_of_columns, clade_log_softmax_along(o->x, -2))
FROZEN(softmax_of_rows, clade_softmax_along(o->x, -1))
FROZEN(largest, clade_largest(o->x, 1u << 1 | 1u << 3, false))
FROZEN(smallest, clade_smallest(o->x, 1u << 2, true))
FROZEN(product, clade_product_over(o->x, 1u << 2, false))
FROZEN(product_with_zeros, clade_product_over(clade_relu(clade_offset(o->x, 1)), 1u << 3, false))
FROZEN(sum_square, clade_sum_square(o->x, 1u << 1, false))
FROZEN(sum_absolute, clade_sum_absolute(o->x, 1u << 3, false))
FROZEN(norm, clade_norm(o->x, 1u << 1 | 1u << 2, true))
FROZEN(log_sum, clade_log_sum(clade_square(o->x), 1u << 3, false))
FROZEN(log_sum_exponential, clade_log_sum_exponential(o->x, 1u << 1 | 1u << 3, false))
FROZEN(top_two, clade_top_k(o->x, -1, 2, false, NULL))
FROZEN(least_two, clade_top_k(o->x, 2, 2, true, NULL))
FROZEN(cumulative, clade_cumulative_sum(o->x, 2, false, false))
FROZEN(cumulative_back, clade_cumulative_sum(o->x, 3, true, true))
FROZEN(place_of_largest, level(o, clade_cast(clade_argmax(o->x, 3, false), CLADE_F32)))
FROZEN(place_of_smallest, level(o, clade_cast(clade_argmin(o->x, 2, true), CLADE_F32)))
FROZEN(hardmax, level(o, clade_hardmax(o->x, 3)))

static const frozen rows[] = {
    FROZEN_ROW(softmax_of_pixels, FROZEN_DIMS(4, 2, 3, 4, 5), FROZEN_DIMS(4, 2, 3, 4, 5), -1.56136705888,
               -0.0510868769099, 0.0857952348791),
    FROZEN_ROW(log_softmax_of_columns, FROZEN_DIMS(4, 2, 3, 4, 5), FROZEN_DIMS(4, 2, 3, 4, 5), -3.72690215089,
               -1.0109082491, 0.765917508983),
    FROZEN_ROW(softmax_of_rows, FROZEN_DIMS(4, 2, 3, 4, 5), FROZEN_DIMS(4, 2, 3, 4, 5), -0.698358616728,
               -0.0275065190424, 0.0315835246283),
    FROZEN_ROW(largest, FROZEN_DIMS(4, 2, 3, 4, 5), FROZEN_DIMS(2, 2, 4), -1.10714285714, -0, -0),
    FROZEN_ROW(smallest, FROZEN_DIMS(4, 2, 3, 4, 5), FROZEN_DIMS(4, 2, 3, 1, 5), -0.142857142857, -1, 0),
    FROZEN_ROW(product, FROZEN_DIMS(4, 2, 3, 4, 5), FROZEN_DIMS(3, 2, 3, 5), 0.541909620991, -0.0710641399417, 0),
    FROZEN_ROW(product_with_zeros, FROZEN_DIMS(4, 2, 3, 4, 5), FROZEN_DIMS(3, 2, 3, 4), -0.255214995984, 0, 0),
    FROZEN_ROW(sum_square, FROZEN_DIMS(4, 2, 3, 4, 5), FROZEN_DIMS(3, 2, 4, 5), -1.31760204082, 3, 0.910714285714),
    FROZEN_ROW(sum_absolute, FROZEN_DIMS(4, 2, 3, 4, 5), FROZEN_DIMS(3, 2, 3, 4), -2.14285714286, 1, 0.625),
    FROZEN_ROW(norm, FROZEN_DIMS(4, 2, 3, 4, 5), FROZEN_DIMS(4, 2, 1, 1, 5), -2.22638792907, 0.442522239559,
               -0.268198265719),
    FROZEN_ROW(log_sum, FROZEN_DIMS(4, 2, 3, 4, 5), FROZEN_DIMS(3, 2, 3, 4), -0.850466134439, 0.652608213097,
               0.327282728273),
    FROZEN_ROW(log_sum_exponential, FROZEN_DIMS(4, 2, 3, 4, 5), FROZEN_DIMS(2, 2, 4), -2.31558840933, -0.0101455379904,
               -0.0110435961142),
    FROZEN_ROW(top_two, FROZEN_DIMS(4, 2, 3, 4, 5), FROZEN_DIMS(4, 2, 3, 4, 2), -2.23214285714, 0, 0),
    FROZEN_ROW(least_two, FROZEN_DIMS(4, 2, 3, 4, 5), FROZEN_DIMS(4, 2, 3, 2, 5), 1.89285714286, -1, 1),
    FROZEN_ROW(cumulative, FROZEN_DIMS(4, 2, 3, 4, 5), FROZEN_DIMS(4, 2, 3, 4, 5), -0.00892857142857, 0.125, 1.25),
    FROZEN_ROW(cumulative_back, FROZEN_DIMS(4, 2, 3, 4, 5), FROZEN_DIMS(4, 2, 3, 4, 5), -2.24107142857, 0, 0),
    FROZEN_ROW(place_of_largest, FROZEN_DIMS(4, 2, 3, 4, 5), FROZEN_DIMS(3, 2, 3, 4), -4.875, 0, 0),
    FROZEN_ROW(place_of_smallest, FROZEN_DIMS(4, 2, 3, 4, 5), FROZEN_DIMS(4, 2, 3, 1, 5), -3, 0, 0),
    FROZEN_ROW(hardmax, FROZEN_DIMS(4, 2, 3, 4, 5), FROZEN_DIMS(4, 2, 3, 4, 5), -1.75, 0, 0),
};

static void test_numbers_are_those_computed_elsewhere(void **state) {
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        frozen_check(*state, &rows[i]);
}

FROZEN_REFUSED_TEST(test_softmax_along_no_axis, clade_softmax_along(x, 4), "with an axis 4")
FROZEN_REFUSED_TEST(test_the_largest_along_no_axis, clade_largest(x, 1u << 5, false), "beyond the last")
FROZEN_REFUSED_TEST(test_more_than_there_are, clade_top_k(x, 3, 6, false, NULL), "6 elements cannot be taken of 5")
FROZEN_REFUSED_TEST(test_the_best_of_a_batch, clade_top_k(x, 0, 1, false, NULL), "cannot be taken of N")

int main(void) {
#define TEST(NAME) cmocka_unit_test_setup_teardown(NAME, open_graph_fixture, close_graph_fixture)
    const struct CMUnitTest tests[] = {
        TEST(test_numbers_are_those_computed_elsewhere),
        TEST(test_softmax_along_no_axis),
        TEST(test_the_largest_along_no_axis),
        TEST(test_more_than_there_are),
        TEST(test_the_best_of_a_batch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
