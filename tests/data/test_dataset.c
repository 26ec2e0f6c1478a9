/* Opening by spec, reading, slices, splits and permuted labels. */
#include "base/context.h"
#include "clade/data.h"
#include "support/short_memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

static void test_unknown_spec_lists_what_is_known(void **state) {
    (void)state;
    static const char *const specs[] = { "", "mnis:x", "mnistx:x", ":x", "unknown", "Digits" };
    clade_context *context = clade_context_new(NULL);
    for (size_t i = 0; i < sizeof specs / sizeof specs[0]; i++) {
        clade_dataset *train = (void *)context, *test = (void *)context;
        assert_int_equal(clade_dataset_open(context, specs[i], &train, &test), CLADE_ERROR_ARGUMENT);
        assert_non_null(strstr(clade_error(context), "mnist:DIR, fashion:DIR, idx:DIR"));
        assert_null(strchr(clade_error(context), '\n'));
        assert_null(train);
        assert_null(test);
    }
    clade_context_free(context);
}

static void test_index_out_of_range_is_refused(void **state) {
    (void)state;
    clade_context *context = clade_context_new(NULL);
    clade_dataset *train = NULL;
    float image[784];
    assert_int_equal(clade_dataset_open(context, "digits:10,10", &train, NULL), CLADE_OK);
    assert_int_equal(clade_dataset_read(train, (const int64_t[]){ 10 }, 1, image, NULL), CLADE_ERROR_ARGUMENT);
    assert_string_equal(clade_error(context), "digits train: no sample 10; there are 10, counted from 0");
    assert_int_equal(clade_dataset_read(train, (const int64_t[]){ -1 }, 1, image, NULL), CLADE_ERROR_ARGUMENT);
    clade_dataset_free(train);
    clade_context_free(context);
}

static void test_slice_shows_its_part_and_slices_of_slices_too(void **state) {
    (void)state;
    clade_context *context = clade_context_new(NULL);
    clade_dataset *whole = NULL, *slice = NULL, *inner = NULL;
    assert_int_equal(clade_dataset_open(context, "digits:50,10", &whole, NULL), CLADE_OK);
    assert_int_equal(clade_dataset_slice(whole, 20, 10, &slice), CLADE_OK);
    assert_int_equal(clade_dataset_slice(slice, 3, 2, &inner), CLADE_OK);
    assert_int_equal(clade_dataset_describe(inner).count, 2);
    assert_int_equal(clade_dataset_describe(inner).classes, 10);
    float a[784], b[784];
    int32_t la, lb;
    assert_int_equal(clade_dataset_read(inner, (const int64_t[]){ 1 }, 1, a, &la), CLADE_OK);
    assert_int_equal(clade_dataset_read(whole, (const int64_t[]){ 24 }, 1, b, &lb), CLADE_OK);
    assert_memory_equal(a, b, sizeof a);
    assert_int_equal(la, lb);
    clade_dataset *none = NULL;
    assert_int_equal(clade_dataset_slice(slice, 5, 6, &none), CLADE_ERROR_ARGUMENT);
    assert_int_equal(clade_dataset_slice(slice, 5, INT64_MAX, &none), CLADE_ERROR_ARGUMENT);
    assert_int_equal(clade_dataset_slice(slice, -1, 2, &none), CLADE_ERROR_ARGUMENT);
    clade_dataset_free(inner);
    clade_dataset_free(slice);
    clade_dataset_free(whole);
    clade_context_free(context);
}

/* Images of different digits differ, so an image tells which sample it is. */
static void test_split_covers_everything_once_and_always_the_same_way(void **state) {
    (void)state;
    enum { TOTAL = 300, HELD = 70 };
    clade_context *context = clade_context_new(NULL);
    clade_dataset *whole = NULL, *rest = NULL, *held = NULL;
    static float all[TOTAL][784], image[784];
    int taken[TOTAL] = { 0 }, held_in_first_half = 0;
    assert_int_equal(clade_dataset_open(context, "digits:300,10", &whole, NULL), CLADE_OK);
    assert_int_equal(clade_dataset_split(whole, HELD, &rest, &held), CLADE_OK);
    assert_int_equal(clade_dataset_describe(held).count, HELD);
    assert_int_equal(clade_dataset_describe(rest).count, TOTAL - HELD);
    for (int64_t i = 0; i < TOTAL; i++) {
        assert_int_equal(clade_dataset_read(whole, &i, 1, all[i], NULL), CLADE_OK);
    }
    for (int part = 0; part < 2; part++) {
        int64_t previous = -1;
        for (int64_t i = 0; i < clade_dataset_describe(part ? held : rest).count; i++) {
            assert_int_equal(clade_dataset_read(part ? held : rest, &i, 1, image, NULL), CLADE_OK);
            int64_t which = previous + 1;
            while (which < TOTAL && memcmp(all[which], image, sizeof image) != 0) {
                which++;
            }
            assert_true(which < TOTAL);
            taken[which]++;
            held_in_first_half += part && which < TOTAL / 2;
            previous = which;
        }
    }
    for (int i = 0; i < TOTAL; i++) {
        assert_int_equal(taken[i], 1);
    }
    assert_true(held_in_first_half > 20 && held_in_first_half < 50);
    clade_dataset *none_rest = NULL, *none_held = NULL;
    assert_int_equal(clade_dataset_split(whole, TOTAL, &none_rest, &none_held), CLADE_ERROR_ARGUMENT);
    assert_int_equal(clade_dataset_split(whole, 0, &none_rest, &none_held), CLADE_ERROR_ARGUMENT);
    clade_dataset_free(rest);
    clade_dataset_free(held);
    clade_dataset_free(whole);
    clade_context_free(context);
}

static void read_labels(clade_dataset *dataset, int32_t *labels) {
    for (int64_t i = 0; i < clade_dataset_describe(dataset).count; i++) {
        assert_int_equal(clade_dataset_read(dataset, &i, 1, NULL, &labels[i]), CLADE_OK);
    }
}

static void test_shuffled_labels_are_a_permutation_by_seed(void **state) {
    (void)state;
    enum { TOTAL = 1000 };
    clade_context *context = clade_context_new(NULL);
    clade_dataset *sets[3] = { NULL };
    int32_t plain[TOTAL], labels[3][TOTAL];
    const uint64_t seeds[] = { 1, 1, 2 };
    for (int i = 0; i < 3; i++) {
        assert_int_equal(clade_dataset_open(context, "digits:1000,10", &sets[i], NULL), CLADE_OK);
        read_labels(sets[i], plain);
        assert_int_equal(clade_dataset_shuffle_labels(sets[i], seeds[i]), CLADE_OK);
        read_labels(sets[i], labels[i]);
    }
    assert_memory_equal(labels[0], labels[1], sizeof plain);
    assert_memory_not_equal(labels[0], labels[2], sizeof plain);
    int counts[10] = { 0 }, kept = 0;
    for (int i = 0; i < TOTAL; i++) {
        counts[plain[i]]++;
        counts[labels[0][i]]--;
        kept += plain[i] == labels[0][i];
    }
    for (int i = 0; i < 10; i++) {
        assert_int_equal(counts[i], 0);
    }
    assert_true(kept > 50 && kept < 160);
    clade_dataset *slice = NULL;
    int32_t label;
    assert_int_equal(clade_dataset_slice(sets[0], 500, 10, &slice), CLADE_OK);
    assert_int_equal(clade_dataset_read(slice, (const int64_t[]){ 3 }, 1, NULL, &label), CLADE_OK);
    assert_int_equal(label, labels[0][503]);
    clade_dataset_free(slice);
    for (int i = 0; i < 3; i++) {
        clade_dataset_free(sets[i]);
    }
    clade_context_free(context);
}

static void test_each_refused_allocation_is_clean(void **state) {
    (void)state;
    for (long nth = 1;; nth++) {
        short_memory memory;
        clade_context *context = short_memory_context(&memory);
        memory.refuse_at = nth;
        clade_dataset *train = NULL, *test = NULL, *rest = NULL, *held = NULL;
        clade_status status = clade_dataset_open(context, "digits:50,10", &train, &test);
        if (status == CLADE_OK) status = clade_dataset_shuffle_labels(train, 1);
        if (status == CLADE_OK) status = clade_dataset_split(train, 5, &rest, &held);
        bool refused = memory.refused;
        assert_int_equal(status, refused ? CLADE_ERROR_MEMORY : CLADE_OK);
        clade_dataset_free(rest);
        clade_dataset_free(held);
        clade_dataset_free(train);
        clade_dataset_free(test);
        clade_context_free(context);
        assert_int_equal(memory.alive, 0);
        if (!refused) break;
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_unknown_spec_lists_what_is_known),
        cmocka_unit_test(test_index_out_of_range_is_refused),
        cmocka_unit_test(test_slice_shows_its_part_and_slices_of_slices_too),
        cmocka_unit_test(test_split_covers_everything_once_and_always_the_same_way),
        cmocka_unit_test(test_shuffled_labels_are_a_permutation_by_seed),
        cmocka_unit_test(test_each_refused_allocation_is_clean),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
