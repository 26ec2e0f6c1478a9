/* Philox against the known answers of its authors' library, and the streams built on it. */
#include "base/random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <string.h>

static void test_philox_gives_the_known_answers(void **state) {
    (void)state;
    static const struct {
        uint32_t key[2], counter[4], expected[4];
    } vectors[] = {
        { { 0, 0 }, { 0, 0, 0, 0 }, { 0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8 } },
        { { 0xffffffff, 0xffffffff },
          { 0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff },
          { 0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd } },
        { { 0xa4093822, 0x299f31d0 },
          { 0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344 },
          { 0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1 } },
    };
    for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++) {
        uint32_t out[4];
        clade_philox(vectors[i].key, vectors[i].counter, out);
        assert_memory_equal(out, vectors[i].expected, sizeof out);
    }
}

static void test_streams_repeat_and_differ(void **state) {
    (void)state;
    clade_random a = clade_random_stream(1, "shuffle", 0), again = clade_random_stream(1, "shuffle", 0);
    clade_random others[] = { clade_random_stream(2, "shuffle", 0), clade_random_stream(1, "conv1", 0),
                              clade_random_stream(1, "shuffle", 1),
                              clade_random_stream(UINT64_C(1) << 32 | 1, "shuffle", 0) };
    int same[4] = { 0 };
    for (int i = 0; i < 1000; i++) {
        uint32_t draw = clade_random_u32(&a);
        assert_int_equal(draw, clade_random_u32(&again));
        for (int j = 0; j < 4; j++) {
            same[j] += clade_random_u32(&others[j]) == draw;
        }
    }
    for (int j = 0; j < 4; j++) {
        assert_true(same[j] < 2);
    }
}

static void test_counter_carries_into_its_second_word(void **state) {
    (void)state;
    clade_random random = clade_random_stream(3, "carry", 0);
    random.counter[0] = UINT32_MAX;
    for (int i = 0; i < 4; i++) {
        clade_random_u32(&random);
    }
    uint32_t counter[4], expected[4];
    memcpy(counter, random.counter, sizeof counter);
    assert_int_equal(counter[0], 0);
    assert_int_equal(counter[1], 1);
    clade_philox(random.key, counter, expected);
    assert_int_equal(clade_random_u32(&random), expected[0]);
}

static void test_uniform_and_gaussian_have_their_moments(void **state) {
    (void)state;
    enum { DRAWS = 200000 };
    clade_random random = clade_random_stream(5, "moments", 0);
    double sum = 0, squares = 0, low = 1, high = 0;
    for (int i = 0; i < DRAWS; i++) {
        double draw = clade_random_uniform(&random);
        sum += draw;
        low = fmin(low, draw);
        high = fmax(high, draw);
    }
    assert_true(low >= 0 && high < 1 && low < 1e-3 && high > 1 - 1e-3);
    assert_true(fabs(sum / DRAWS - 0.5) < 0.003);
    sum = 0;
    double fourths = 0;
    for (int i = 0; i < DRAWS; i++) {
        double draw = clade_random_gaussian(&random);
        sum += draw;
        squares += draw * draw;
        fourths += draw * draw * draw * draw;
    }
    assert_true(fabs(sum / DRAWS) < 0.01);
    assert_true(fabs(squares / DRAWS - 1) < 0.02);
    assert_true(fabs(fourths / DRAWS - 3) < 0.15);
}

static void test_below_stays_below_and_is_even(void **state) {
    (void)state;
    clade_random random = clade_random_stream(6, "below", 0);
    int counts[7] = { 0 };
    for (int i = 0; i < 70000; i++) {
        uint32_t draw = clade_random_below(&random, 7);
        assert_true(draw < 7);
        counts[draw]++;
    }
    for (int i = 0; i < 7; i++) {
        assert_true(counts[i] > 9500 && counts[i] < 10500);
    }
    /* A bound of three quarters of the range: without rejection, low results would come up twice as often. */
    int lower_half = 0;
    for (int i = 0; i < 20000; i++) {
        lower_half += clade_random_below(&random, 0xC0000000u) < 0x60000000u;
    }
    assert_true(lower_half > 9600 && lower_half < 10400);
    assert_int_equal(clade_random_below(&random, 1), 0);
    assert_int_equal(clade_random_below(&random, 0), 0);
}

/* Box and Muller's formula by the C library's logarithm and cosine, over the extreme draws and many others. */
static void test_gaussians_follow_the_formula(void **state) {
    (void)state;
    const double unit = 1.0 / 4294967296.0, tau = 6.28318530717958647692;
    clade_random random = clade_random_stream(9, "formula", 0);
    for (int i = 0; i < 100000; i++) {
        clade_random draws = random;
        double x = (clade_random_u32(&draws) + 1.0) * unit, turn = clade_random_u32(&draws) * unit;
        double expected = sqrt(-2.0 * log(x)) * cos(tau * turn);
        assert_true(fabs(clade_random_gaussian(&random) - expected) < 1e-14);
    }
    static const uint32_t extremes[] = { 0, 1, 0x3FFFFFFF, 0x40000000, 0x7FFFFFFF, 0x80000000, 0xB504F332, 0xFFFFFFFF };
    for (int i = 0; i < 64; i++) {
        clade_random fixed = { .block = { extremes[i / 8], extremes[i % 8] } };
        double expected = sqrt(-2.0 * log((extremes[i / 8] + 1.0) * unit)) * cos(tau * (extremes[i % 8] * unit));
        assert_true(fabs(clade_random_gaussian(&fixed) - expected) < 1e-14);
    }
}

static void test_filling_gives_each_draw_as_it_is_alone(void **state) {
    (void)state;
    enum { COUNT = 5 * CLADE_RANDOM_RUN + 7, FIRST = 2 * CLADE_RANDOM_RUN };
    float gaussian[COUNT], uniform[COUNT];
    const clade_random stream = clade_random_stream(4, "fill", 3);
    clade_random_fill_gaussian(&stream, FIRST, 0.25, gaussian, COUNT);
    clade_random_fill_uniform(&stream, FIRST, 3, uniform, COUNT);
    clade_random one = stream, other = stream;
    for (int i = 0; i < FIRST + COUNT; i++) {
        float draw = (float)(0.25 * clade_random_gaussian(&one));
        float bounded = (float)(3 * (2 * clade_random_uniform(&other) - 1));
        if (i < FIRST) continue;
        assert_true(gaussian[i - FIRST] == draw);
        assert_true(uniform[i - FIRST] == bounded);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gaussians_follow_the_formula),
        cmocka_unit_test(test_filling_gives_each_draw_as_it_is_alone),
        cmocka_unit_test(test_philox_gives_the_known_answers),
        cmocka_unit_test(test_streams_repeat_and_differ),
        cmocka_unit_test(test_counter_carries_into_its_second_word),
        cmocka_unit_test(test_uniform_and_gaussian_have_their_moments),
        cmocka_unit_test(test_below_stays_below_and_is_even),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
