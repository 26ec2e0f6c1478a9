/* Loaders of parts: processes that share every batch read each sample once, and augment it as one of them alone would. */
#include "support/device.h"

#include "clade/data.h"

enum { SAMPLES = 23, PIXELS = 6 };

static clade_dataset *make_dataset(clade_context *context) {
    float images[SAMPLES * PIXELS];
    int32_t labels[SAMPLES];
    for (int i = 0; i < SAMPLES; i++) {
        labels[i] = i;
        for (int k = 0; k < PIXELS; k++)
            images[i * PIXELS + k] = (float)(100 * i + k);
    }
    const clade_dataset_info info = {
        .name = "numbers", .count = SAMPLES, .channels = 1, .height = 2, .width = 3, .classes = SAMPLES
    };
    clade_dataset *dataset;
    assert_good(context, clade_dataset_from_arrays(context, &info, images, labels, NULL, &dataset));
    return dataset;
}

static clade_loader *make_loader(clade_context *context, clade_dataset *dataset, int64_t batch, int64_t from,
                                 int64_t to, int64_t of) {
    const clade_loader_options options = { .size = sizeof options,
                                           .batch = batch,
                                           .seed = 5,
                                           .shuffle = true,
                                           .part_from = from,
                                           .part_to = to,
                                           .part_of = of };
    clade_loader *loader;
    assert_good(context, clade_loader_new(dataset, &options, &loader));
    assert_good(context, clade_loader_start(loader, 1, 0));
    return loader;
}

/* The parts of every batch, one after another, are the batch. */
static void check_parts(clade_context *context, clade_dataset *dataset, int64_t batch, const int64_t bounds[],
                        int parts) {
    clade_loader *whole = make_loader(context, dataset, batch, 0, 0, 0), *own[4];
    for (int i = 0; i < parts; i++)
        own[i] = make_loader(context, dataset, batch, bounds[i], bounds[i + 1], bounds[parts]);
    clade_batch all;
    do {
        assert_good(context, clade_loader_next(whole, &all));
        assert_int_equal(all.whole, all.count);
        int64_t done = 0;
        for (int i = 0; i < parts; i++) {
            clade_batch part;
            assert_good(context, clade_loader_next(own[i], &part));
            assert_int_equal(part.whole, all.count);
            if (part.count > 0) assert_int_equal(part.first, all.first + done);
            if (part.count > 0)
                assert_memory_equal(part.images, all.images + done * PIXELS,
                                    (size_t)part.count * PIXELS * sizeof(float));
            if (part.count > 0)
                assert_memory_equal(part.labels, all.labels + done, (size_t)part.count * sizeof(int32_t));
            done += part.count;
            clade_loader_release(own[i], &part);
        }
        assert_int_equal(done, all.count);
        clade_loader_release(whole, &all);
    } while (all.count > 0);
    clade_loader_free(whole);
    for (int i = 0; i < parts; i++)
        clade_loader_free(own[i]);
}

static void test_the_parts_of_a_batch_are_the_batch(void **state) {
    (void)state;
    clade_context *context = clade_context_new(NULL);
    clade_dataset *dataset = make_dataset(context);
    static const int64_t halves[] = { 0, 1, 2 }, unequal[] = { 0, 3, 4, 9 }, four[] = { 0, 1, 2, 3, 4 };
    for (int64_t batch = 1; batch <= SAMPLES; batch++) {
        check_parts(context, dataset, batch, halves, 2);
        check_parts(context, dataset, batch, unequal, 3);
        check_parts(context, dataset, batch, four, 4);
    }
    clade_dataset_free(dataset);
    clade_context_free(context);
}

static void test_a_part_that_is_none_is_refused(void **state) {
    (void)state;
    clade_context *context = clade_context_new(NULL);
    clade_dataset *dataset = make_dataset(context);
    static const int64_t wrong[][3] = { { 0, 0, 2 }, { 1, 3, 2 }, { -1, 1, 2 }, { 0, 1, -1 } };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        const clade_loader_options options = {
            .size = sizeof options, .batch = 4, .part_from = wrong[i][0], .part_to = wrong[i][1], .part_of = wrong[i][2]
        };
        clade_loader *loader;
        assert_int_equal(clade_loader_new(dataset, &options, &loader), CLADE_ERROR_ARGUMENT);
        assert_null(loader);
    }
    clade_dataset_free(dataset);
    clade_context_free(context);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_parts_of_a_batch_are_the_batch),
        cmocka_unit_test(test_a_part_that_is_none_is_refused),
    };
    return cmocka_run_group_tests_name("loader parts", tests, NULL, NULL);
}
