/* Gathering and scattering against numbers computed independently (frozen.h), indices outside, and what is refused. */
#include "frozen.h"

/* COUNT whole numbers: by + from, 2 by + from, ... */
static clade_value counted(const frozen_operands *o, int64_t count, double by, double from) {
    const clade_value ones = clade_constant(o->x.graph, clade_shape(count), 1);
    const clade_value numbers = clade_scale(clade_cumulative_sum(ones, 0, false, false), by);
    return clade_cast(clade_add(numbers, clade_constant(o->x.graph, CLADE_SCALAR, (float)from)), CLADE_I32);
}

FROZEN(embedded, clade_gather(o->x, counted(o, 3, -2, 3), 1))
FROZEN(last_axis, clade_gather(o->x, counted(o, 4, 1, -1), -1))
FROZEN(twice_the_same, clade_gather(o->x, clade_concat(0, counted(o, 2, 1, 0), counted(o, 2, -1, 3)), 2))
FROZEN(outside, clade_gather(o->x, counted(o, 4, 2, -3), 1))
FROZEN(elements, clade_gather_elements(clade_sum(o->x, 1u << 0, true),
                                       clade_reshape(counted(o, 6, -1, 4), clade_shape(1, 3, 2)), 2))
FROZEN(put,
       clade_scatter_elements(clade_sum(o->x, 1u << 0, true), clade_reshape(counted(o, 6, -1, 4), clade_shape(1, 3, 2)),
                              clade_slice(clade_sum(clade_square(o->x), 1u << 0, true), .end = { 0, 0, 2 }), 2,
                              CLADE_SCATTER_ADD))
FROZEN(put_instead,
       clade_scatter_elements(clade_sum(o->x, 1u << 0, true), clade_reshape(counted(o, 6, -1, 4), clade_shape(1, 3, 2)),
                              clade_slice(clade_sum(clade_square(o->x), 1u << 0, true), .end = { 0, 0, 2 }), 2,
                              CLADE_SCATTER_REPLACE))
FROZEN(tuples,
       clade_gather_nd(clade_sum(o->x, 1u << 0, false), clade_reshape(counted(o, 4, 1, -3), clade_shape(2, 2)), 0))

static const frozen rows[] = {
    FROZEN_ROW(embedded, FROZEN_DIMS(3, 2, 3, 4), FROZEN_DIMS(3, 2, 3, 4), 6.03571428571, -0.75, -0.375),
    FROZEN_ROW(last_axis, FROZEN_DIMS(3, 2, 3, 4), FROZEN_DIMS(3, 2, 3, 4), 2.46428571429, -1, -0.625),
    FROZEN_ROW(twice_the_same, FROZEN_DIMS(3, 2, 3, 4), FROZEN_DIMS(3, 2, 3, 4), 1.80357142857, 0, 0),
    FROZEN_ROW(outside, FROZEN_DIMS(3, 2, 3, 4), FROZEN_DIMS(3, 2, 4, 4), 1.64285714286, 0, 0),
    FROZEN_ROW(elements, FROZEN_DIMS(3, 1, 3, 4), FROZEN_DIMS(3, 1, 3, 2), -3.5, 0, 0),
    FROZEN_ROW(put, FROZEN_DIMS(3, 1, 3, 4), FROZEN_DIMS(3, 1, 3, 4), 0.419005102041, 0.125, 0.25),
    FROZEN_ROW(put_instead, FROZEN_DIMS(3, 1, 3, 4), FROZEN_DIMS(3, 1, 3, 4), 1.94579081633, 0.125, 0.25),
    FROZEN_ROW(tuples, FROZEN_DIMS(3, 2, 3, 4), FROZEN_DIMS(1, 2), -1.69642857143, 0, 0),
};

static void test_numbers_are_those_computed_elsewhere(void **state) {
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        frozen_check(*state, &rows[i]);
}

/* On the device: from the end, outside, and sums in the order of the index. */
static void test_indices_from_the_end_and_outside(void **state) {
    graph_fixture *f = *state;
    static const int32_t numbers[] = { -1, 2, 3, -4, 0, -3 };
    float got[6];
    clade_value index = clade_input(f->graph, "whole", CLADE_I32, clade_shape(6));
    clade_value ones = clade_constant(f->graph, clade_shape(3), 1);
    clade_value x = clade_cumulative_sum(ones, 0, false, false);
    frozen_run(f, index, numbers, 6, clade_gather(x, index, 0), got, 6);
    static const float expected[] = { 3, 3, 0, 0, 1, 1 };
    assert_memory_equal(got, expected, sizeof expected);
    clade_value updates = clade_constant(f->graph, clade_shape(6), 1);
    frozen_run(f, index, numbers, 6, clade_scatter_elements(x, index, updates, 0, CLADE_SCATTER_ADD), got, 3);
    static const float put[] = { 3, 2, 5 };
    assert_memory_equal(got, put, sizeof put);
}

FROZEN_REFUSED_TEST(test_gather_by_real_numbers, clade_gather(x, x, 1), "expected an int32 index")
FROZEN_REFUSED_TEST(test_gather_along_no_axis, clade_gather(x, whole, 4), "axis is 4")
FROZEN_REFUSED_TEST(test_elements_of_another_rank, clade_gather_elements(x, whole, 0), "no longer than x")
FROZEN_REFUSED_TEST(test_tuples_longer_than_the_array, clade_gather_nd(clade_sum(x, 1u << 0, false), whole, 0),
                    "K further axes")

int main(void) {
#define TEST(NAME) cmocka_unit_test_setup_teardown(NAME, open_graph_fixture, close_graph_fixture)
    const struct CMUnitTest tests[] = {
        TEST(test_numbers_are_those_computed_elsewhere),
        TEST(test_indices_from_the_end_and_outside),
        TEST(test_gather_by_real_numbers),
        TEST(test_gather_along_no_axis),
        TEST(test_elements_of_another_rank),
        TEST(test_tuples_longer_than_the_array),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
