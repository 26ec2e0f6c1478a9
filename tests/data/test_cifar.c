/* CIFAR-10's binary files: records, names of classes, augmentation, and files that are none. */
#include "data/helpers.h"

#include "base/context.h"
#include "clade/data.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PIXELS = 3072, RECORD = PIXELS + 1 };

/* COUNT records: record I has label FIRST + I, pixel K is (I + 3 K) mod 256. */
static void write_batch(struct data_fixture *f, const char *name, int count, int first, size_t bytes) {
    static uint8_t records[8 * RECORD];
    for (int i = 0; i < count; i++) {
        records[i * RECORD] = (uint8_t)(first + i);
        for (int k = 0; k < PIXELS; k++)
            records[i * RECORD + 1 + k] = (uint8_t)(i + 3 * k);
    }
    scratch_write(&f->scratch, name, records, bytes ? bytes : (size_t)(count * RECORD));
}

static clade_status open_it(struct data_fixture *f, const char *options) {
    snprintf(f->spec, sizeof f->spec, "cifar10:%s%s", f->scratch.folder, options);
    return clade_dataset_open(f->context, f->spec, &f->train, &f->test);
}

static void refused(struct data_fixture *f, clade_status expected, const char *options, const char *words) {
    assert_int_equal(open_it(f, options), expected);
    if (!strstr(clade_error(f->context), words)) fail_msg("'%s' does not hold '%s'", clade_error(f->context), words);
    assert_null(f->train);
    assert_null(f->test);
}

static void test_batches_become_two_parts(void **state) {
    struct data_fixture *f = *state;
    static const char names[] = "airplane\nautomobile\nbird\ncat\ndeer\ndog\nfrog\nhorse\nship\ntruck\n\n";
    write_batch(f, "data_batch_1.bin", 3, 0, 0);
    write_batch(f, "data_batch_2.bin", 2, 5, 0);
    write_batch(f, "test_batch.bin", 4, 6, 0);
    scratch_write(&f->scratch, "batches.meta.txt", names, sizeof names - 1);
    assert_int_equal(open_it(f, ""), CLADE_OK);
    clade_dataset_info info = clade_dataset_describe(f->train);
    assert_string_equal(info.name, "cifar10 train");
    assert_int_equal(info.count, 5);
    assert_int_equal(info.channels * info.height * info.width, PIXELS);
    assert_int_equal(info.classes, 10);
    assert_int_equal(clade_dataset_describe(f->test).count, 4);
    static float image[PIXELS];
    int32_t label;
    assert_int_equal(clade_dataset_read(f->train, (const int64_t[]){ 4 }, 1, image, &label), CLADE_OK);
    assert_int_equal(label, 6);
    assert_string_equal(clade_dataset_class(f->train, label), "frog");
    assert_null(clade_dataset_class(f->train, 10));
    for (int k = 0; k < PIXELS; k++)
        assert_true(image[k] == (float)((1 + 3 * k) % 256) / 255.0F);
}

/* A batch from a loader that augments is each image as it is, mirrored, or moved; the same again for the same epoch. */
static void test_augmentation_is_drawn_by_seed_epoch_and_sample(void **state) {
    struct data_fixture *f = *state;
    enum { COUNT = 8, EPOCHS = 6 };
    write_batch(f, "data_batch_1.bin", COUNT, 0, 0);
    write_batch(f, "test_batch.bin", 1, 0, 0);
    assert_int_equal(open_it(f, ",flip,crop=2"), CLADE_OK);
    static float first[COUNT * PIXELS], plain[COUNT * PIXELS];
    const int64_t all[] = { 0, 1, 2, 3, 4, 5, 6, 7 };
    assert_int_equal(clade_dataset_read(f->train, all, COUNT, plain, NULL), CLADE_OK);
    int changed = 0, repeated = 0;
    for (int run = 0; run < 2 * EPOCHS; run++) {
        clade_loader *loader;
        clade_batch batch;
        const clade_loader_options options = {
            .size = sizeof options, .batch = COUNT, .seed = 3, .augment = true, .threads = 1 + run % 2
        };
        assert_int_equal(clade_loader_new(f->train, &options, &loader), CLADE_OK);
        assert_int_equal(clade_loader_start(loader, run / 2, 0), CLADE_OK);
        assert_int_equal(clade_loader_next(loader, &batch), CLADE_OK);
        for (int i = 0; i < COUNT; i++)
            changed += memcmp(batch.images + i * PIXELS, plain + i * PIXELS, PIXELS * sizeof *plain) != 0;
        if (run % 2 == 0) {
            repeated += run > 0 && memcmp(first, batch.images, sizeof first) == 0;
            memcpy(first, batch.images, sizeof first);
        } else {
            assert_memory_equal(first, batch.images, sizeof first);
        }
        clade_loader_release(loader, &batch);
        clade_loader_free(loader);
    }
    assert_true(changed > COUNT * EPOCHS);
    assert_int_equal(repeated, 0);
}

/* Where nothing is drawn but the flip, half of the images are mirrored exactly. */
static void test_flips_mirror_about_half(void **state) {
    struct data_fixture *f = *state;
    write_batch(f, "data_batch_1.bin", 1, 0, 0);
    write_batch(f, "test_batch.bin", 1, 0, 0);
    assert_int_equal(open_it(f, ",flip"), CLADE_OK);
    static float plain[PIXELS];
    assert_int_equal(clade_dataset_read(f->train, (const int64_t[]){ 0 }, 1, plain, NULL), CLADE_OK);
    clade_loader *loader;
    const clade_loader_options options = { .size = sizeof options, .batch = 1, .augment = true };
    assert_int_equal(clade_loader_new(f->train, &options, &loader), CLADE_OK);
    int mirrored = 0;
    for (int epoch = 0; epoch < 100; epoch++) {
        clade_batch batch;
        assert_int_equal(clade_loader_start(loader, epoch, 0), CLADE_OK);
        assert_int_equal(clade_loader_next(loader, &batch), CLADE_OK);
        const bool is_plain = memcmp(batch.images, plain, sizeof plain) == 0;
        for (int k = 0; k < PIXELS && !is_plain; k++)
            assert_true(batch.images[k] == plain[k / 32 * 32 + 31 - k % 32]);
        mirrored += !is_plain;
        clade_loader_release(loader, &batch);
    }
    clade_loader_free(loader);
    assert_in_range(mirrored, 30, 70);
}

static void test_moved_images_have_zeros_where_they_left(void **state) {
    struct data_fixture *f = *state;
    uint8_t record[RECORD];
    memset(record, 255, sizeof record);
    record[0] = 1;
    scratch_write(&f->scratch, "data_batch_1.bin", record, sizeof record);
    write_batch(f, "test_batch.bin", 1, 0, 0);
    assert_int_equal(open_it(f, ",crop=40"), CLADE_OK);
    clade_loader *loader;
    const clade_loader_options options = { .size = sizeof options, .batch = 1, .augment = true };
    assert_int_equal(clade_loader_new(f->train, &options, &loader), CLADE_OK);
    for (int epoch = 0; epoch < 40; epoch++) {
        clade_batch batch;
        assert_int_equal(clade_loader_start(loader, epoch, 0), CLADE_OK);
        assert_int_equal(clade_loader_next(loader, &batch), CLADE_OK);
        int light = 0, rows = 0, columns = 0;
        for (int k = 0; k < PIXELS; k++)
            light += batch.images[k] == 1.0F;
        for (int y = 0; y < 32 * 32; y++) {
            rows += y % 32 == 0 && memchr(batch.images + y, 0x3f, 32 * sizeof(float)) != NULL;
            columns += y < 32 && (batch.images[y] == 1.0F || batch.images[31 * 32 + y] == 1.0F);
        }
        assert_int_equal(light, 3 * rows * columns);
        clade_loader_release(loader, &batch);
    }
    clade_loader_free(loader);
}

static void test_other_files_are_refused(void **state) {
    struct data_fixture *f = *state;
    assert_int_equal(clade_dataset_open(f->context, "cifar10", &f->train, &f->test), CLADE_ERROR_ARGUMENT);
    refused(f, CLADE_ERROR_INPUT, "", "holds no data_batch_*.bin");
    write_batch(f, "data_batch_1.bin", 2, 0, RECORD + 5);
    refused(f, CLADE_ERROR_INPUT, "", "data_batch_1.bin: 3078 bytes, no whole number");
    write_batch(f, "data_batch_1.bin", 2, 9, 0);
    refused(f, CLADE_ERROR_INPUT, "", "label 10 of record 1 is out of range");
    write_batch(f, "data_batch_1.bin", 2, 0, 0);
    refused(f, CLADE_ERROR_INPUT, "", "holds no test_batch.bin");
    write_batch(f, "test_batch.bin", 2, 0, 0);
    refused(f, CLADE_ERROR_ARGUMENT, ",zoom=3", "'zoom=3' is not understood");
    refused(f, CLADE_ERROR_ARGUMENT, ",crop=x", "'crop=x' is not understood");
    assert_int_equal(open_it(f, ",crop=4"), CLADE_OK);
}

#define TEST(NAME) cmocka_unit_test_setup_teardown(NAME, open_data_fixture, close_data_fixture)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_batches_become_two_parts), TEST(test_augmentation_is_drawn_by_seed_epoch_and_sample),
        TEST(test_flips_mirror_about_half),  TEST(test_moved_images_have_zeros_where_they_left),
        TEST(test_other_files_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
