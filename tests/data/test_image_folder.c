/* Folders of pictures as data sets: parts, classes, sizes, and what is refused. */
#include "base/context.h"
#include "base/file.h"
#include "clade/data.h"
#include "data/helpers_picture.h"
#include "support/scratch.h"
#include "support/short_memory.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct fixture {
    clade_context *context;
    scratch_folder scratch;
    char spec[160];
    clade_dataset *train, *test;
};

static int set_up(void **state) {
    struct fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    f->context = clade_context_new(NULL);
    scratch_make(&f->scratch);
    *state = f;
    return 0;
}

static void close_sets(struct fixture *f) {
    clade_dataset_free(f->train);
    clade_dataset_free(f->test);
    f->train = f->test = NULL;
}

/* Removes what stands in PATH, two folders deep. */
static void empty_folder(clade_context *context, const char *path, int depth) {
    clade_folder_entry *entries = NULL;
    size_t count = 0;
    assert_int_equal(clade_folder_list(context, path, &entries, &count), CLADE_OK);
    for (size_t i = 0; i < count; i++) {
        char inner[512];
        snprintf(inner, sizeof inner, "%s/%s", path, entries[i].name);
        if (entries[i].is_folder && depth > 0) empty_folder(context, inner, depth - 1);
        remove(inner);
    }
    clade_folder_free(context, entries, count);
}

static int tear_down(void **state) {
    struct fixture *f = *state;
    close_sets(f);
    empty_folder(f->context, f->scratch.folder, 2);
    scratch_remove(&f->scratch);
    clade_context_free(f->context);
    free(f);
    return 0;
}

static void add(struct fixture *f, const char *folder, const char *name, const picture_file *file) {
    char path[256];
    assert_int_equal(clade_folder_make(f->context, scratch_path(&f->scratch, folder)), CLADE_OK);
    snprintf(path, sizeof path, "%s/%s", folder, name);
    scratch_write(&f->scratch, path, file->data, file->count);
}

/* COUNT flat pictures of 6x8, the Ith of level FIRST + I. */
static void add_flat(struct fixture *f, const char *folder, int count, int first) {
    for (int i = 0; i < count; i++) {
        char name[32];
        picture_file file = flat_png(6, 8, (uint8_t)(first + i));
        snprintf(name, sizeof name, "p%02d.png", i);
        add(f, folder, name, &file);
    }
}

static clade_status open_it(struct fixture *f, const char *options) {
    close_sets(f);
    snprintf(f->spec, sizeof f->spec, "images:%s%s", f->scratch.folder, options);
    return clade_dataset_open(f->context, f->spec, &f->train, &f->test);
}

static void refused(struct fixture *f, clade_status expected, const char *options, const char *words) {
    assert_int_equal(open_it(f, options), expected);
    if (!strstr(clade_error(f->context), words)) fail_msg("'%s' does not hold '%s'", clade_error(f->context), words);
    assert_null(f->train);
    assert_null(f->test);
}

static int level_of(clade_dataset *dataset, int64_t index, int32_t *label) {
    static float image[3 * 64 * 64];
    const clade_dataset_info info = clade_dataset_describe(dataset);
    assert_int_equal(clade_dataset_read(dataset, &index, 1, image, label), CLADE_OK);
    for (int64_t i = 1; i < info.channels * info.height * info.width; i++)
        assert_true(image[i] == image[0]);
    return (int)(image[0] * 255 + 0.5F);
}

static void test_train_and_test_folders_are_the_parts(void **state) {
    struct fixture *f = *state;
    add_flat(f, "train/dog", 2, 10);
    add_flat(f, "train/cat", 3, 20);
    add_flat(f, "test/dog", 1, 30);
    scratch_write(&f->scratch, "train/dog/notes.txt", "x", 1);
    assert_int_equal(open_it(f, ""), CLADE_OK);
    const clade_dataset_info info = clade_dataset_describe(f->train);
    assert_int_equal(info.count, 5);
    assert_int_equal(info.channels, 1);
    assert_int_equal(info.height, 6);
    assert_int_equal(info.width, 8);
    assert_int_equal(info.classes, 2);
    assert_string_equal(clade_dataset_class(f->train, 0), "cat");
    assert_string_equal(clade_dataset_class(f->test, 1), "dog");
    int32_t label;
    for (int again = 0; again < 2; again++) {
        assert_int_equal(level_of(f->train, 1, &label), 21);
        assert_int_equal(label, 0);
        assert_int_equal(level_of(f->train, 4, &label), 11);
        assert_int_equal(label, 1);
        assert_int_equal(level_of(f->test, 0, &label), 30);
        assert_int_equal(label, 1);
    }
}

static void test_without_parts_every_fifth_of_a_class_is_for_testing(void **state) {
    struct fixture *f = *state;
    add_flat(f, "a", 11, 0);
    add_flat(f, "b", 5, 100);
    assert_int_equal(open_it(f, ""), CLADE_OK);
    assert_int_equal(clade_dataset_describe(f->train).count, 13);
    assert_int_equal(clade_dataset_describe(f->test).count, 3);
    int32_t label;
    assert_int_equal(level_of(f->test, 1, &label), 9);
    assert_int_equal(level_of(f->test, 2, &label), 104);
    assert_int_equal(label, 1);
    assert_int_equal(level_of(f->train, 4, &label), 5);
}

static void test_sizes_are_those_asked_for(void **state) {
    struct fixture *f = *state;
    add_flat(f, "a", 5, 40);
    uint8_t pixels[20 * 30 * 3];
    memset(pixels, 90, sizeof pixels);
    picture_file jpeg = jpeg_of(20, 30, 3, pixels);
    add(f, "b", "x.JPEG", &jpeg);
    assert_int_equal(open_it(f, ",size=12x9,colour"), CLADE_OK);
    clade_dataset_info info = clade_dataset_describe(f->train);
    assert_int_equal(info.channels, 3);
    assert_int_equal(info.height, 12);
    assert_int_equal(info.width, 9);
    assert_int_equal(level_of(f->train, 4, NULL), 90);
    close_sets(f);
    const int64_t size[] = { 1, 32, 40 };
    snprintf(f->spec, sizeof f->spec, "images:%s", f->scratch.folder);
    assert_int_equal(clade_dataset_open_sized(f->context, f->spec, size, &f->train, NULL), CLADE_OK);
    info = clade_dataset_describe(f->train);
    assert_int_equal(info.channels, 1);
    assert_int_equal(info.width, 40);
    assert_int_equal(level_of(f->train, 0, NULL), 40);
}

static void test_many_threads_read_the_same_as_one(void **state) {
    struct fixture *f = *state;
    enum { COUNT = 40 };
    add_flat(f, "a", COUNT, 60);
    add_flat(f, "b", 5, 0);
    assert_int_equal(open_it(f, ",flip,crop=1"), CLADE_OK);
    const int64_t count = clade_dataset_describe(f->train).count;
    static float images[2][64][48];
    for (int64_t threads = 0; threads < 2; threads++) {
        clade_loader *loader;
        clade_batch batch;
        const clade_loader_options options = {
            .size = sizeof options, .batch = 4, .seed = 5, .shuffle = true, .augment = true, .threads = threads
        };
        assert_int_equal(clade_loader_new(f->train, &options, &loader), CLADE_OK);
        assert_int_equal(clade_loader_start(loader, 0, 0), CLADE_OK);
        for (int64_t at = 0; at < count; at += batch.count) {
            assert_int_equal(clade_loader_next(loader, &batch), CLADE_OK);
            memcpy(images[threads][at], batch.images, (size_t)batch.count * sizeof images[0][0]);
            clade_loader_release(loader, &batch);
        }
        clade_loader_free(loader);
    }
    assert_memory_equal(images[0], images[1], sizeof images[0]);
}

static void test_malformed_folders_and_files_are_named(void **state) {
    struct fixture *f = *state;
    assert_int_equal(clade_dataset_open(f->context, "images:", &f->train, &f->test), CLADE_ERROR_ARGUMENT);
    assert_int_equal(clade_dataset_open(f->context, "images:absent", &f->train, &f->test), CLADE_ERROR_INPUT);
    refused(f, CLADE_ERROR_INPUT, "", "a folder of pictures for each class is needed");
    clade_folder_make(f->context, scratch_path(&f->scratch, "empty"));
    refused(f, CLADE_ERROR_INPUT, "", "/empty: holds no picture");
    add_flat(f, "empty", 5, 0);
    add_flat(f, "few", 2, 0);
    refused(f, CLADE_ERROR_ARGUMENT, ",size=3", "'size=3' is not understood");
    refused(f, CLADE_ERROR_ARGUMENT, ",size=0x9", "is not understood");
    refused(f, CLADE_ERROR_ARGUMENT, ",grey=1", "is not understood");
    const picture_file broken = { .data = "\x89PNG\r\n\x1a\nnothing", .count = 15 };
    add(f, "few", "q.png", &broken);
    assert_int_equal(open_it(f, ""), CLADE_OK);
    float image[48];
    assert_int_equal(clade_dataset_read(f->train, (const int64_t[]){ 6 }, 1, image, NULL), CLADE_ERROR_INPUT);
    assert_non_null(strstr(clade_error(f->context), "/few/q.png: a damaged PNG"));
    assert_int_equal(clade_dataset_read(f->train, (const int64_t[]){ 6 }, 1, image, NULL), CLADE_ERROR_INPUT);
    add_flat(f, "train/a", 1, 0);
    add_flat(f, "test/b", 1, 0);
    refused(f, CLADE_ERROR_INPUT, "", "/test: a class 'b', which the training pictures do not have");
}

static void test_each_refused_allocation_is_clean(void **state) {
    struct fixture *f = *state;
    add_flat(f, "a", 5, 0);
    snprintf(f->spec, sizeof f->spec, "images:%s,size=3x3", f->scratch.folder);
    for (long nth = 1;; nth++) {
        short_memory memory;
        clade_context *context = short_memory_context(&memory);
        memory.refuse_at = nth;
        clade_dataset *train = NULL, *test = NULL;
        float image[9];
        clade_status status = clade_dataset_open(context, f->spec, &train, &test);
        if (status == CLADE_OK) status = clade_dataset_read(train, (const int64_t[]){ 0 }, 1, image, NULL);
        const bool refused_one = memory.refused;
        if (!refused_one) assert_int_equal(status, CLADE_OK);
        if (refused_one) assert_int_not_equal(status, CLADE_OK);
        clade_dataset_free(train);
        clade_dataset_free(test);
        clade_context_free(context);
        assert_int_equal(memory.alive, 0);
        if (!refused_one) break;
    }
}

#define TEST(NAME) cmocka_unit_test_setup_teardown(NAME, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_train_and_test_folders_are_the_parts),
        TEST(test_without_parts_every_fifth_of_a_class_is_for_testing),
        TEST(test_sizes_are_those_asked_for),
        TEST(test_many_threads_read_the_same_as_one),
        TEST(test_malformed_folders_and_files_are_named),
        TEST(test_each_refused_allocation_is_clean),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
