/* The loader: its order whatever the timing, resuming, slots in use, faults, and stopping at any moment. The samples
 * come from a source of the test's own, whose image and label are the index and which takes its time. */
#include "base/thread.h"
#include "data/dataset.h"
#include "support/short_memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { COUNT = 103, BATCH = 10, BATCHES = 11, PIXELS = 6 };

struct numbers {
    int64_t fails_at; /* index whose image cannot be read; -1: none */
    _Atomic int spin; /* work in each reading */
    _Atomic int reads;
};

static clade_status number_image(const clade_dataset *dataset, int64_t index, float *image) {
    struct numbers *numbers = dataset->data;
    atomic_fetch_add(&numbers->reads, 1);
    for (volatile int i = 0; i < numbers->spin * (int)(index % 7);) {
        i = i + 1;
    }
    if (index == numbers->fails_at)
        return clade_fail(dataset->context, CLADE_ERROR_INPUT, "sample %d is bad", (int)index);
    for (int i = 0; i < PIXELS; i++) {
        image[i] = (float)index;
    }
    return CLADE_OK;
}

static int32_t number_label(const clade_dataset *dataset, int64_t index) {
    (void)dataset;
    return (int32_t)index;
}

static void number_release(clade_dataset *dataset) {
    (void)dataset;
}

static const clade_dataset_source number_source = { .image = number_image,
                                                    .label = number_label,
                                                    .release = number_release };

static clade_dataset *numbers_new(clade_context *context, int64_t fails_at, int spin) {
    clade_dataset *dataset = NULL;
    assert_int_equal(clade_dataset_new(context, &number_source, "numbers", "all", sizeof(struct numbers), &dataset),
                     CLADE_OK);
    dataset->info.count = COUNT;
    dataset->info.channels = 1;
    dataset->info.height = 2;
    dataset->info.width = 3;
    dataset->info.classes = COUNT;
    struct numbers *numbers = dataset->data;
    numbers->fails_at = fails_at;
    numbers->spin = spin;
    return dataset;
}

static clade_loader *loader_new(clade_dataset *dataset, bool shuffle, int64_t depth, int64_t threads) {
    clade_loader *loader = NULL;
    const clade_loader_options options = {
        .size = sizeof options, .batch = BATCH, .seed = 3, .shuffle = shuffle, .depth = depth, .threads = threads
    };
    assert_int_equal(clade_loader_new(dataset, &options, &loader), CLADE_OK);
    return loader;
}

/* Takes the rest of the epoch from batch FIRST on into LABELS; returns the number of samples. */
static int take_all(clade_loader *loader, int64_t first, int32_t *labels) {
    int taken = 0;
    for (int64_t number = first;; number++) {
        clade_batch batch;
        assert_int_equal(clade_loader_next(loader, &batch), CLADE_OK);
        if (batch.count == 0) return taken;
        assert_int_equal(batch.first, number * BATCH);
        assert_int_equal(batch.count, number == BATCHES - 1 ? COUNT % BATCH : BATCH);
        for (int64_t i = 0; i < BATCH; i++) {
            for (int j = 0; j < PIXELS; j++) {
                assert_true(batch.images[i * PIXELS + j] == (i < batch.count ? (float)batch.labels[i] : 0.0f));
            }
            if (i < batch.count) labels[taken++] = batch.labels[i];
            if (i >= batch.count) assert_int_equal(batch.labels[i], 0);
        }
        clade_loader_release(loader, &batch);
    }
}

static void test_order_is_the_same_for_any_timing(void **state) {
    (void)state;
    static const struct {
        int64_t depth, threads;
        int spin;
    } ways[] = {
        { 0, 0, 0 }, { 3, 1, 2000 }, { 8, 4, 1000 }, { 3, 7, 0 }, { 20, 2, 500 },
    };
    clade_context *context = clade_context_new(NULL);
    int32_t expected[3][COUNT], labels[COUNT];
    for (size_t way = 0; way < sizeof ways / sizeof ways[0]; way++) {
        clade_dataset *dataset = numbers_new(context, -1, ways[way].spin);
        clade_loader *loader = loader_new(dataset, true, ways[way].depth, ways[way].threads);
        assert_int_equal(clade_loader_batches(loader), BATCHES);
        for (int epoch = 0; epoch < 3; epoch++) {
            assert_int_equal(clade_loader_start(loader, epoch, 0), CLADE_OK);
            assert_int_equal(take_all(loader, 0, way == 0 ? expected[epoch] : labels), COUNT);
            if (way > 0) assert_memory_equal(labels, expected[epoch], sizeof labels);
        }
        assert_true(clade_loader_waited(loader) >= 0);
        clade_loader_free(loader);
        clade_dataset_free(dataset);
    }
    assert_memory_not_equal(expected[0], expected[1], sizeof expected[0]);
    bool seen[COUNT] = { false };
    for (int i = 0; i < COUNT; i++) {
        assert_false(seen[expected[1][i]]);
        seen[expected[1][i]] = true;
    }
    clade_context_free(context);
}

static void test_without_shuffle_the_order_is_the_sets_own(void **state) {
    (void)state;
    clade_context *context = clade_context_new(NULL);
    clade_dataset *dataset = numbers_new(context, -1, 0);
    clade_loader *loader = loader_new(dataset, false, 0, 3);
    int32_t labels[COUNT];
    assert_int_equal(clade_loader_start(loader, 5, 0), CLADE_OK);
    assert_int_equal(take_all(loader, 0, labels), COUNT);
    for (int i = 0; i < COUNT; i++) {
        assert_int_equal(labels[i], i);
    }
    clade_loader_free(loader);
    clade_dataset_free(dataset);
    clade_context_free(context);
}

static void test_resume_in_mid_epoch_gives_the_rest_of_the_unbroken_epoch(void **state) {
    (void)state;
    clade_context *context = clade_context_new(NULL);
    clade_dataset *dataset = numbers_new(context, -1, 100);
    clade_loader *loader = loader_new(dataset, true, 4, 2);
    int32_t whole[COUNT], rest[COUNT];
    assert_int_equal(clade_loader_start(loader, 2, 0), CLADE_OK);
    assert_int_equal(take_all(loader, 0, whole), COUNT);
    for (int64_t first = 0; first <= BATCHES; first++) {
        assert_int_equal(clade_loader_start(loader, 2, first), CLADE_OK);
        int count = take_all(loader, first, rest);
        assert_int_equal(count, first < BATCHES ? COUNT - first * BATCH : 0);
        if (count > 0) assert_memory_equal(rest, whole + first * BATCH, (size_t)count * sizeof rest[0]);
    }
    assert_int_equal(clade_loader_start(loader, 2, BATCHES + 1), CLADE_ERROR_ARGUMENT);
    assert_int_equal(clade_loader_start(loader, -1, 0), CLADE_ERROR_ARGUMENT);
    clade_loader_free(loader);
    clade_dataset_free(dataset);
    clade_context_free(context);
}

static void test_start_at_any_moment_begins_anew(void **state) {
    (void)state;
    clade_context *context = clade_context_new(NULL);
    clade_dataset *dataset = numbers_new(context, -1, 300);
    clade_loader *loader = loader_new(dataset, true, 3, 2);
    int32_t expected[COUNT], labels[COUNT];
    assert_int_equal(clade_loader_start(loader, 9, 0), CLADE_OK);
    assert_int_equal(take_all(loader, 0, expected), COUNT);
    for (int broken = 0; broken < 30; broken++) {
        assert_int_equal(clade_loader_start(loader, broken, 0), CLADE_OK);
        for (int i = 0; i < broken % 4; i++) {
            clade_batch batch;
            assert_int_equal(clade_loader_next(loader, &batch), CLADE_OK);
            clade_loader_release(loader, &batch);
        }
    }
    assert_int_equal(clade_loader_start(loader, 9, 0), CLADE_OK);
    assert_int_equal(take_all(loader, 0, labels), COUNT);
    assert_memory_equal(labels, expected, sizeof labels);
    clade_loader_free(loader);
    clade_dataset_free(dataset);
    clade_context_free(context);
}

static void test_slot_stays_untouched_until_released(void **state) {
    (void)state;
    clade_context *context = clade_context_new(NULL);
    clade_dataset *dataset = numbers_new(context, -1, 0);
    clade_loader *loader = loader_new(dataset, true, 3, 2);
    clade_batch held[2], batch;
    float images[2][BATCH * PIXELS];
    int32_t labels[2][BATCH];
    assert_int_equal(clade_loader_start(loader, 0, 0), CLADE_OK);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(clade_loader_next(loader, &held[i]), CLADE_OK);
        memcpy(images[i], held[i].images, sizeof images[i]);
        memcpy(labels[i], held[i].labels, sizeof labels[i]);
    }
    for (int epoch = 0; epoch < 4; epoch++) {
        int32_t taken[COUNT];
        if (epoch > 0) assert_int_equal(clade_loader_start(loader, epoch, 2), CLADE_OK);
        assert_int_equal(take_all(loader, 2, taken), COUNT - 2 * BATCH);
    }
    for (int i = 0; i < 2; i++) {
        assert_memory_equal(images[i], held[i].images, sizeof images[i]);
        assert_memory_equal(labels[i], held[i].labels, sizeof labels[i]);
    }
    assert_int_equal(clade_loader_start(loader, 0, 0), CLADE_OK);
    assert_int_equal(clade_loader_next(loader, &batch), CLADE_OK);
    clade_batch none;
    assert_int_equal(clade_loader_next(loader, &none), CLADE_ERROR_ARGUMENT);
    assert_non_null(strstr(clade_error(context), "all 3 batches of the loader are held"));
    clade_loader_release(loader, &held[0]);
    assert_int_equal(clade_loader_next(loader, &none), CLADE_OK);
    assert_int_equal(none.first, BATCH);
    clade_loader_free(loader);
    clade_dataset_free(dataset);
    clade_context_free(context);
}

static void test_filling_ahead_is_bounded_by_the_slots(void **state) {
    (void)state;
    clade_context *context = clade_context_new(NULL);
    clade_dataset *dataset = numbers_new(context, -1, 0);
    struct numbers *numbers = dataset->data;
    clade_loader *loader = loader_new(dataset, true, 4, 3);
    assert_int_equal(clade_loader_start(loader, 0, 0), CLADE_OK);
    clade_batch batch;
    for (int taken = 1; taken <= 4; taken++) {
        assert_int_equal(clade_loader_next(loader, &batch), CLADE_OK);
        assert_true(numbers->reads <= 4 * BATCH);
    }
    assert_int_equal(numbers->reads, 4 * BATCH);
    clade_loader_free(loader);
    clade_dataset_free(dataset);
    clade_context_free(context);
}

static void test_bad_sample_fails_when_its_batch_is_due(void **state) {
    (void)state;
    clade_context *context = clade_context_new(NULL);
    clade_dataset *dataset = numbers_new(context, 57, 0);
    clade_loader *loader = loader_new(dataset, false, 4, 3);
    assert_int_equal(clade_loader_start(loader, 0, 0), CLADE_OK);
    clade_batch batch;
    for (int i = 0; i < 5; i++) {
        assert_int_equal(clade_loader_next(loader, &batch), CLADE_OK);
        assert_int_equal(batch.first, i * BATCH);
        clade_loader_release(loader, &batch);
    }
    for (int i = 0; i < 3; i++) {
        assert_int_equal(clade_loader_next(loader, &batch), CLADE_ERROR_INPUT);
        assert_int_equal(batch.count, 0);
        assert_string_equal(clade_error(context), "sample 57 is bad");
    }
    assert_int_equal(clade_loader_start(loader, 0, 6), CLADE_OK);
    assert_int_equal(clade_loader_next(loader, &batch), CLADE_OK);
    clade_loader_free(loader);
    clade_dataset_free(dataset);
    clade_context_free(context);
}

static void test_free_stops_at_any_moment(void **state) {
    (void)state;
    clade_context *context = clade_context_new(NULL);
    clade_dataset *dataset = numbers_new(context, -1, 200);
    for (int moment = 0; moment < 24; moment++) {
        clade_loader *loader = loader_new(dataset, true, 4, 1 + moment % 3);
        clade_batch batch;
        if (moment > 0) assert_int_equal(clade_loader_start(loader, 0, 0), CLADE_OK);
        for (int i = 0; i < moment / 2; i++) {
            assert_int_equal(clade_loader_next(loader, &batch), CLADE_OK);
            if (i + 2 < moment / 2) clade_loader_release(loader, &batch);
        }
        clade_loader_free(loader);
    }
    clade_loader_free(NULL);
    clade_dataset_free(dataset);
    clade_context_free(context);
}

static void test_remainder_can_be_dropped(void **state) {
    (void)state;
    clade_context *context = clade_context_new(NULL);
    clade_dataset *dataset = numbers_new(context, -1, 0);
    clade_loader *loader = NULL;
    clade_loader_options options = { .size = sizeof options, .batch = BATCH, .drop_remainder = true };
    assert_int_equal(clade_loader_new(dataset, &options, &loader), CLADE_OK);
    assert_int_equal(clade_loader_batches(loader), COUNT / BATCH);
    clade_batch batch;
    assert_int_equal(clade_loader_next(loader, &batch), CLADE_OK); /* not started: nothing to take */
    assert_int_equal(batch.count, 0);
    assert_int_equal(clade_loader_start(loader, 0, COUNT / BATCH - 1), CLADE_OK);
    assert_int_equal(clade_loader_next(loader, &batch), CLADE_OK);
    assert_int_equal(batch.count, BATCH);
    assert_int_equal(clade_loader_next(loader, &batch), CLADE_OK);
    assert_int_equal(batch.count, 0);
    clade_loader_free(loader);
    clade_dataset_free(dataset);
    clade_context_free(context);
}

static void test_wrong_options_are_refused(void **state) {
    (void)state;
    static const struct {
        int64_t batch, depth, threads;
    } wrong[] = { { 0, 0, 0 },  { -1, 0, 0 },     { 1, 2, 0 },        { 1, -1, 0 },
                  { 1, 0, -1 }, { 1, 0, 100000 }, { INT64_MAX, 0, 0 } };
    clade_context *context = clade_context_new(NULL);
    clade_dataset *dataset = numbers_new(context, -1, 0);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        clade_loader_options options = {
            .size = sizeof options, .batch = wrong[i].batch, .depth = wrong[i].depth, .threads = wrong[i].threads
        };
        clade_loader *loader = NULL;
        assert_int_equal(clade_loader_new(dataset, &options, &loader), CLADE_ERROR_ARGUMENT);
        assert_null(loader);
    }
    clade_dataset_free(dataset);
    clade_context_free(context);
}

static void test_each_refused_allocation_is_clean(void **state) {
    (void)state;
    for (long nth = 1;; nth++) {
        short_memory memory;
        clade_context *context = short_memory_context(&memory);
        clade_dataset *dataset = numbers_new(context, -1, 0);
        memory.refuse_at = nth;
        clade_loader *loader = NULL;
        const clade_loader_options options = { .size = sizeof options, .batch = BATCH };
        clade_status status = clade_loader_new(dataset, &options, &loader);
        bool refused = memory.refused;
        assert_int_equal(status, refused ? CLADE_ERROR_MEMORY : CLADE_OK);
        clade_loader_free(loader);
        clade_dataset_free(dataset);
        clade_context_free(context);
        assert_int_equal(memory.alive, 0);
        if (!refused) break;
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order_is_the_same_for_any_timing),
        cmocka_unit_test(test_without_shuffle_the_order_is_the_sets_own),
        cmocka_unit_test(test_resume_in_mid_epoch_gives_the_rest_of_the_unbroken_epoch),
        cmocka_unit_test(test_start_at_any_moment_begins_anew),
        cmocka_unit_test(test_slot_stays_untouched_until_released),
        cmocka_unit_test(test_filling_ahead_is_bounded_by_the_slots),
        cmocka_unit_test(test_bad_sample_fails_when_its_batch_is_due),
        cmocka_unit_test(test_free_stops_at_any_moment),
        cmocka_unit_test(test_remainder_can_be_dropped),
        cmocka_unit_test(test_wrong_options_are_refused),
        cmocka_unit_test(test_each_refused_allocation_is_clean),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
