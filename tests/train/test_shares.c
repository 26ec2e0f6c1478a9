/* How a batch is divided: by weights, by speeds, and without a device that the others are faster without. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "train/shares.h"

static void assert_parts(const int64_t *parts, const int64_t *expected, size_t count) {
    for (size_t i = 0; i < count; i++)
        assert_int_equal(parts[i], expected[i]);
}

static void test_weights_divide_by_the_largest_remainders(void **state) {
    (void)state;
    int64_t parts[3];
    clade_shares_divide(10, (const double[]){ 1, 1, 1 }, 3, parts);
    assert_parts(parts, (const int64_t[]){ 4, 3, 3 }, 3);
    clade_shares_divide(64, (const double[]){ 100, 0, 1 }, 3, parts);
    assert_parts(parts, (const int64_t[]){ 63, 0, 1 }, 3);
    clade_shares_divide(2, (const double[]){ 1, 1, 1 }, 3, parts);
    assert_parts(parts, (const int64_t[]){ 1, 1, 0 }, 3);
}

static void test_parts_follow_speeds_where_that_gains_a_tenth(void **state) {
    (void)state;
    int64_t parts[2];
    const int64_t equal[] = { 32, 32 };
    assert_true(clade_shares_suit(equal, (const double[]){ 1, 3 }, 2, parts));
    assert_parts(parts, (const int64_t[]){ 48, 16 }, 2);
    assert_false(clade_shares_suit(equal, (const double[]){ 1, 1.1 }, 2, parts));
    assert_parts(parts, equal, 2);
}

static void test_the_slowest_hinders_where_the_others_are_done_sooner(void **state) {
    (void)state;
    double without = 0;
    /* 62 samples in 10 ms: 64 take the two 10.3. */
    const int64_t now[] = { 31, 31, 2 };
    assert_int_equal(
        clade_shares_hindrance((const int64_t[]){ 31, 32, 1 }, (const double[]){ 10, 10, 100 }, 3, &without), 2);
    assert_true(without > 10 && without < 10.5);
    assert_int_equal(clade_shares_hindrance((const int64_t[]){ 1, 63 }, (const double[]){ 12, 10 }, 2, &without), 0);
    /* It may take less yet; it is hardly slower; it is alone; nothing is known of the others. */
    assert_int_equal(clade_shares_hindrance(now, (const double[]){ 10, 10, 100 }, 3, &without), 3);
    assert_int_equal(clade_shares_hindrance((const int64_t[]){ 1, 63 }, (const double[]){ 11, 10 }, 2, &without), 2);
    assert_int_equal(clade_shares_hindrance((const int64_t[]){ 0, 1 }, (const double[]){ 0, 10 }, 2, &without), 2);
    assert_int_equal(clade_shares_hindrance((const int64_t[]){ 1, 63 }, (const double[]){ 11, 0 }, 2, &without), 2);
    /* Of batches of more than 64 samples the least part is a 64th. */
    assert_int_equal(clade_shares_hindrance((const int64_t[]){ 4, 252 }, (const double[]){ 99, 10 }, 2, &without), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_weights_divide_by_the_largest_remainders),
        cmocka_unit_test(test_parts_follow_speeds_where_that_gains_a_tenth),
        cmocka_unit_test(test_the_slowest_hinders_where_the_others_are_done_sooner),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
