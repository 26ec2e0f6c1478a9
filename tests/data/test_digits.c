/* Drawn digits: a function of seed, part and index; visible, various; and as hard as promised for a linear classifier. */
#include "base/context.h"
#include "clade/data.h"
#include "data/digits.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

static void test_sample_depends_on_seed_part_and_index_alone(void **state) {
    (void)state;
    uint8_t first[784], again[784], other[784];
    int32_t label = clade_digit_draw(7, "train", 41, first);
    clade_digit_draw(7, "train", 40, other);
    assert_int_equal(clade_digit_draw(7, "train", 41, again), label);
    assert_memory_equal(first, again, sizeof first);
    assert_int_equal(clade_digit_label(7, "train", 41), label);
    assert_memory_not_equal(first, other, sizeof first);
    clade_digit_draw(8, "train", 41, other);
    assert_memory_not_equal(first, other, sizeof first);
    clade_digit_draw(7, "test", 41, other);
    assert_memory_not_equal(first, other, sizeof first);
}

static void test_dataset_reads_the_same_in_any_order_and_again(void **state) {
    (void)state;
    clade_context *context = clade_context_new(NULL);
    clade_dataset *train = NULL, *test = NULL;
    assert_int_equal(clade_dataset_open(context, "digits:40,20,7", &train, &test), CLADE_OK);
    assert_int_equal(clade_dataset_describe(train).count, 40);
    assert_int_equal(clade_dataset_describe(test).count, 20);
    uint8_t drawn[784];
    float image[784];
    for (int64_t i = 39; i >= -40; i--) {
        int64_t index = i >= 0 ? i : -i - 1;
        int32_t label;
        assert_int_equal(clade_dataset_read(train, &index, 1, image, &label), CLADE_OK);
        assert_int_equal(label, clade_digit_draw(7, "train", index, drawn));
        for (int j = 0; j < 784; j++) {
            assert_true(image[j] == (float)drawn[j] / 255.0f);
        }
    }
    clade_dataset_free(train);
    clade_dataset_free(test);
    clade_context_free(context);
}

static void test_too_many_to_keep_are_drawn_at_each_reading(void **state) {
    (void)state;
    clade_context *context = clade_context_new(NULL);
    clade_dataset *train = NULL;
    assert_int_equal(clade_dataset_open(context, "digits:1000000000,1", &train, NULL), CLADE_OK);
    float image[784], again[784];
    int32_t label;
    const int64_t last = 999999999;
    assert_int_equal(clade_dataset_read(train, &last, 1, image, &label), CLADE_OK);
    assert_int_equal(clade_dataset_read(train, &last, 1, again, NULL), CLADE_OK);
    assert_memory_equal(image, again, sizeof image);
    clade_dataset_free(train);
    clade_context_free(context);
}

static void test_wrong_sizes_are_explained(void **state) {
    (void)state;
    static const char *const specs[] = {
        "digits:",        "digits:5",    "digits:0,5",  "digits:5,0",          "digits:5,6,",
        "digits:5,6,7,8", "digits:-5,6", "digits:5, 6", "digits:1000000001,5", "digits:5,99999999999999999999",
        "digits:a,b",
    };
    clade_context *context = clade_context_new(NULL);
    clade_dataset *train = NULL, *test = NULL;
    for (size_t i = 0; i < sizeof specs / sizeof specs[0]; i++) {
        assert_int_equal(clade_dataset_open(context, specs[i], &train, &test), CLADE_ERROR_ARGUMENT);
        assert_non_null(strstr(clade_error(context), "digits:20000,4000,7"));
    }
    clade_context_free(context);
}

static void test_every_digit_is_drawn_within_the_picture(void **state) {
    (void)state;
    int counts[10] = { 0 };
    for (int64_t i = 0; i < 3000; i++) {
        uint8_t pixels[784];
        int32_t label = clade_digit_draw(0, "train", i, pixels);
        assert_true(label >= 0 && label < 10);
        counts[label]++;
        double sum = 0, middle = 0;
        int brightest = 0;
        for (int j = 0; j < 784; j++) {
            int row = j / 28, column = j % 28;
            sum += pixels[j];
            if (row >= 3 && row < 25 && column >= 3 && column < 25) middle += pixels[j];
            if (pixels[j] > brightest) brightest = pixels[j];
        }
        assert_true(brightest > 90);
        assert_true(middle > 0.6 * sum);
    }
    for (int i = 0; i < 10; i++) {
        assert_true(counts[i] > 230 && counts[i] < 370);
    }
}

enum { TRAIN = 8000, TEST_COUNT = 2000, INPUTS = 785 };

/* One pass of softmax regression by stochastic gradient descent, one sample at a time. */
static void descend(float weights[10][INPUTS], const float *images, const int32_t *labels, float rate) {
    for (int i = 0; i < TRAIN; i++) {
        const float *x = images + i * 784;
        float score[10], largest = -INFINITY, sum = 0;
        for (int k = 0; k < 10; k++) {
            score[k] = weights[k][784];
            for (int j = 0; j < 784; j++) {
                score[k] += weights[k][j] * x[j];
            }
            largest = fmaxf(largest, score[k]);
        }
        for (int k = 0; k < 10; k++) {
            sum += score[k] = expf(score[k] - largest);
        }
        for (int k = 0; k < 10; k++) {
            float step = rate * (score[k] / sum - (k == labels[i] ? 1.0f : 0.0f));
            for (int j = 0; j < 784; j++) {
                weights[k][j] -= step * x[j];
            }
            weights[k][784] -= step;
        }
    }
}

static double accuracy(float weights[10][INPUTS], const float *images, const int32_t *labels) {
    int right = 0;
    for (int i = 0; i < TEST_COUNT; i++) {
        float best = -INFINITY;
        int answer = 0;
        for (int k = 0; k < 10; k++) {
            float score = weights[k][784];
            for (int j = 0; j < 784; j++) {
                score += weights[k][j] * images[i * 784 + j];
            }
            if (score > best) {
                best = score;
                answer = k;
            }
        }
        right += answer == labels[i];
    }
    return right / (double)TEST_COUNT;
}

static void test_linear_classifier_learns_but_stays_under_95_percent(void **state) {
    (void)state;
    clade_context *context = clade_context_new(NULL);
    clade_dataset *sets[2] = { NULL };
    static float weights[10][INPUTS];
    static int64_t indices[TRAIN];
    float *images[2];
    int32_t *labels[2];
    assert_int_equal(clade_dataset_open(context, "digits:8000,2000", &sets[0], &sets[1]), CLADE_OK);
    for (int64_t i = 0; i < TRAIN; i++) {
        indices[i] = i;
    }
    for (int part = 0; part < 2; part++) {
        int64_t count = part ? TEST_COUNT : TRAIN;
        images[part] = clade_allocate(context, (size_t)count * 784, sizeof(float));
        labels[part] = clade_allocate(context, (size_t)count, sizeof(int32_t));
        assert_true(images[part] && labels[part]);
        assert_int_equal(clade_dataset_read(sets[part], indices, count, images[part], labels[part]), CLADE_OK);
    }
    for (int epoch = 0; epoch < 6; epoch++) {
        descend(weights, images[0], labels[0], 0.01f / (1.0f + (float)epoch));
    }
    double reached = accuracy(weights, images[1], labels[1]);
    assert_true(reached > 0.75 && reached < 0.95);
    for (int part = 0; part < 2; part++) {
        clade_free(context, images[part]);
        clade_free(context, labels[part]);
        clade_dataset_free(sets[part]);
    }
    clade_context_free(context);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sample_depends_on_seed_part_and_index_alone),
        cmocka_unit_test(test_dataset_reads_the_same_in_any_order_and_again),
        cmocka_unit_test(test_too_many_to_keep_are_drawn_at_each_reading),
        cmocka_unit_test(test_wrong_sizes_are_explained),
        cmocka_unit_test(test_every_digit_is_drawn_within_the_picture),
        cmocka_unit_test(test_linear_classifier_learns_but_stays_under_95_percent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
