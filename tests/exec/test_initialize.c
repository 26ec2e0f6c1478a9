/* How states begin: each initialiser's constant, mean, deviation and bounds; and what a draw depends on. */
#include "exec/initialize.h"

#include "base/random.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { COUNT = 20000, FAN_IN = 50 };

static float drawn[COUNT], again[COUNT];

static clade_leaf_attributes attributes_of(clade_initializer_kind kind, double value) {
    return (clade_leaf_attributes){ .dims = clade_shape(COUNT / FAN_IN, FAN_IN),
                                    .dtype = CLADE_F32,
                                    .role = CLADE_ROLE_WEIGHT,
                                    .initializer_kind = kind,
                                    .initializer_value = value };
}

static double mean_of(const float *data) {
    double sum = 0;
    for (int i = 0; i < COUNT; i++) {
        sum += (double)data[i];
    }
    return sum / COUNT;
}

static double deviation_of(const float *data) {
    double mean = mean_of(data), sum = 0;
    for (int i = 0; i < COUNT; i++) {
        sum += ((double)data[i] - mean) * ((double)data[i] - mean);
    }
    return sqrt(sum / COUNT);
}

static double largest_of(const float *data) {
    double largest = 0;
    for (int i = 0; i < COUNT; i++) {
        largest = fmax(largest, fabs((double)data[i]));
    }
    return largest;
}

static void test_constant_is_its_value_everywhere(void **state) {
    (void)state;
    clade_leaf_attributes attributes = attributes_of(CLADE_INITIALIZE_CONSTANT, 0.25);
    clade_initialize_state(&attributes, 7, "w", 0, drawn, COUNT);
    for (int i = 0; i < COUNT; i++) {
        assert_true(drawn[i] == 0.25f);
    }
}

static void test_deviations_are_those_of_the_formulas(void **state) {
    (void)state;
    const struct {
        clade_initializer_kind kind;
        double value, deviation, bound; /* 0: unbounded */
    } rows[] = {
        { CLADE_INITIALIZE_GAUSSIAN, 0.01, 0.01, 0 },
        { CLADE_INITIALIZE_XAVIER_GAUSSIAN, 0, 1 / sqrt(FAN_IN), 0 },
        { CLADE_INITIALIZE_XAVIER_UNIFORM, 0, 1 / sqrt(FAN_IN), sqrt(3.0 / FAN_IN) },
        { CLADE_INITIALIZE_MSRA, 0, sqrt(2.0 / FAN_IN), 0 },
        { CLADE_INITIALIZE_UNIFORM, 0.5, 0.5 / sqrt(3.0), 0.5 },
        { CLADE_INITIALIZE_DEFAULT, 0, sqrt(2.0 / FAN_IN), 0 }, /* MSRA, of a weight */
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        clade_leaf_attributes attributes = attributes_of(rows[i].kind, rows[i].value);
        clade_initialize_state(&attributes, 3, "conv1.weight", 0, drawn, COUNT);
        assert_true(fabs(mean_of(drawn)) < 0.03 * rows[i].deviation);
        assert_true(fabs(deviation_of(drawn) / rows[i].deviation - 1) < 0.02);
        if (rows[i].bound > 0) assert_true(largest_of(drawn) <= rows[i].bound * (1 + 1e-6));
        if (rows[i].bound > 0) assert_true(largest_of(drawn) > rows[i].bound * 0.99);
    }
}

static void test_given_fan_in_wins_over_the_dims(void **state) {
    (void)state;
    clade_leaf_attributes attributes = attributes_of(CLADE_INITIALIZE_XAVIER_GAUSSIAN, 0);
    attributes.fan_in = 9;
    clade_initialize_state(&attributes, 3, "w", 0, drawn, COUNT);
    assert_true(fabs(deviation_of(drawn) * 3 - 1) < 0.02);
}

static void test_draws_depend_on_seed_and_name_alone(void **state) {
    (void)state;
    clade_leaf_attributes attributes = attributes_of(CLADE_INITIALIZE_MSRA, 0);
    clade_initialize_state(&attributes, 5, "fc.weight", 0, drawn, COUNT);
    clade_initialize_state(&attributes, 5, "fc.weight", 0, again, COUNT / 2);
    assert_memory_equal(drawn, again, COUNT / 2 * sizeof(float));
    clade_initialize_state(&attributes, 6, "fc.weight", 0, again, COUNT);
    assert_memory_not_equal(drawn, again, COUNT * sizeof(float));
    clade_initialize_state(&attributes, 5, "fc2.weight", 0, again, COUNT);
    assert_memory_not_equal(drawn, again, COUNT * sizeof(float));
}

/* Stretches of one state are the same numbers as the whole, however many there are. */
static void test_a_state_in_parts_is_the_same_state(void **state) {
    (void)state;
    enum { PART = 64 * 37 };
    static const clade_initializer_kind kinds[] = { CLADE_INITIALIZE_MSRA, CLADE_INITIALIZE_UNIFORM };
    for (int k = 0; k < 2; k++) {
        clade_leaf_attributes attributes = attributes_of(kinds[k], 0.5);
        clade_initialize_state(&attributes, 5, "fc.weight", 0, drawn, COUNT);
        memset(again, 0, sizeof again);
        for (int first = 0; first < COUNT; first += PART) {
            int count = COUNT - first < PART ? COUNT - first : PART;
            clade_initialize_state(&attributes, 5, "fc.weight", first, again + first, count);
        }
        assert_memory_equal(drawn, again, sizeof drawn);
    }
}

static void test_a_long_state_shared_by_threads_has_the_draws_of_its_stream(void **state) {
    (void)state;
    enum { LONG = 300001 };
    float *data = malloc(LONG * sizeof *data);
    assert_non_null(data);
    clade_leaf_attributes attributes = attributes_of(CLADE_INITIALIZE_GAUSSIAN, 0.5);
    clade_initialize_state(&attributes, 5, "fc.weight", 0, data, LONG);
    clade_random stream = clade_random_stream(5, "fc.weight", 0);
    int differing = 0;
    for (int i = 0; i < LONG; i++) {
        differing += data[i] != (float)(0.5 * clade_random_gaussian(&stream));
    }
    free(data);
    assert_int_equal(differing, 0);
}

static void test_zero_states_are_known_as_such(void **state) {
    (void)state;
    clade_leaf_attributes attributes = attributes_of(CLADE_INITIALIZE_CONSTANT, 0);
    assert_true(clade_initializes_to_zero(&attributes));
    attributes = attributes_of(CLADE_INITIALIZE_CONSTANT, 1);
    assert_false(clade_initializes_to_zero(&attributes));
    attributes = attributes_of(CLADE_INITIALIZE_GAUSSIAN, 0);
    assert_false(clade_initializes_to_zero(&attributes));
}

static void test_biases_begin_at_zero_by_default(void **state) {
    (void)state;
    clade_leaf_attributes attributes = attributes_of(CLADE_INITIALIZE_DEFAULT, 0);
    attributes.role = CLADE_ROLE_BIAS;
    clade_initialize_state(&attributes, 5, "fc.bias", 0, drawn, COUNT);
    assert_true(largest_of(drawn) == 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_constant_is_its_value_everywhere),
        cmocka_unit_test(test_deviations_are_those_of_the_formulas),
        cmocka_unit_test(test_given_fan_in_wins_over_the_dims),
        cmocka_unit_test(test_draws_depend_on_seed_and_name_alone),
        cmocka_unit_test(test_a_state_in_parts_is_the_same_state),
        cmocka_unit_test(test_a_long_state_shared_by_threads_has_the_draws_of_its_stream),
        cmocka_unit_test(test_zero_states_are_known_as_such),
        cmocka_unit_test(test_biases_begin_at_zero_by_default),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
