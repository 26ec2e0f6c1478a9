/* Folders of IDX files as data sets: which file is which, the checks between them, and the real sets. */
#include "data/helpers.h"

#include "base/context.h"
#include "clade/data.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static clade_status open_scratch(struct data_fixture *f, const char *word) {
    snprintf(f->spec, sizeof f->spec, "%s:%s", word, f->scratch.folder);
    return clade_dataset_open(f->context, f->spec, &f->train, &f->test);
}

static void assert_fault(struct data_fixture *f, const char *word, const char *words) {
    assert_int_equal(open_scratch(f, word), CLADE_ERROR_INPUT);
    const char *error = clade_error(f->context);
    if (!strstr(error, words)) fail_msg("'%s' does not hold '%s'", error, words);
    assert_null(strchr(error, '\n'));
    assert_null(f->train);
    assert_null(f->test);
}

static void test_folder_becomes_two_parts(void **state) {
    struct data_fixture *f = *state;
    write_idx_folder(&f->scratch, "", 6, 5, 4, 10);
    assert_int_equal(open_scratch(f, "mnist"), CLADE_OK);
    clade_dataset_info info = clade_dataset_describe(f->train);
    assert_string_equal(info.name, "mnist train");
    assert_int_equal(info.count, 6);
    assert_int_equal(info.channels, 1);
    assert_int_equal(info.height, 5);
    assert_int_equal(info.width, 4);
    assert_int_equal(info.classes, 10);
    assert_string_equal(clade_dataset_describe(f->test).name, "mnist test");
    float images[40];
    int32_t labels[2];
    assert_int_equal(clade_dataset_read(f->test, (const int64_t[]){ 5, 1 }, 2, images, labels), CLADE_OK);
    assert_int_equal(labels[0], 35 % 10);
    assert_int_equal(labels[1], 7);
    for (int i = 0; i < 20; i++) {
        assert_true(images[i] == (float)((100 + i) * 7 % 256) / 255.0f);
        assert_true(images[20 + i] == (float)((20 + i) * 7 % 256) / 255.0f);
    }
}

static void test_names_with_a_prefix_and_any_number_of_classes(void **state) {
    struct data_fixture *f = *state;
    write_idx_folder(&f->scratch, "usps-", 6, 16, 16, 256);
    assert_int_equal(open_scratch(f, "idx"), CLADE_OK);
    assert_int_equal(clade_dataset_describe(f->train).classes, 36);
    clade_dataset_free(f->test);
    assert_int_equal(clade_dataset_open(f->context, f->spec, NULL, &f->test), CLADE_OK);
    assert_int_equal(clade_dataset_describe(f->test).classes, 36);
}

static void test_images_of_rank_four_have_channels(void **state) {
    struct data_fixture *f = *state;
    write_idx_folder(&f->scratch, "", 6, 5, 4, 10);
    bytes images = idx_bytes(4, (const uint32_t[]){ 6, 3, 5, 4 }, 256);
    scratch_write(&f->scratch, "train-images-idx3-ubyte", images.data, images.count);
    assert_fault(f, "idx", "training images are 3x5x4, test images 1x5x4");
    assert_int_equal(clade_dataset_open(f->context, f->spec, &f->train, NULL), CLADE_OK);
    assert_int_equal(clade_dataset_describe(f->train).channels, 3);
}

static void test_missing_and_ambiguous_files_are_named(void **state) {
    struct data_fixture *f = *state;
    assert_fault(f, "mnist", "holds no IDX file of the training labels (train-labels-idx1-ubyte, or .gz)");
    write_idx_folder(&f->scratch, "", 6, 5, 4, 10);
    remove(scratch_path(&f->scratch, "t10k-images-idx3-ubyte.gz"));
    assert_fault(f, "mnist", "holds no IDX file of the test images");
    write_idx_folder(&f->scratch, "other-", 6, 5, 4, 10);
    assert_fault(f, "mnist", "both other-train-labels-idx1-ubyte and train-labels-idx1-ubyte");
    assert_int_equal(clade_dataset_open(f->context, "mnist:absent", &f->train, &f->test), CLADE_ERROR_INPUT);
    assert_int_equal(clade_dataset_open(f->context, "mnist", &f->train, &f->test), CLADE_ERROR_ARGUMENT);
    assert_non_null(strstr(clade_error(f->context), "mnist:DIR"));
}

static void test_plain_file_goes_before_its_gzip(void **state) {
    struct data_fixture *f = *state;
    write_idx_folder(&f->scratch, "", 6, 5, 4, 10);
    scratch_write(&f->scratch, "train-images-idx3-ubyte.gz", "not looked at", 13);
    assert_int_equal(open_scratch(f, "mnist"), CLADE_OK);
}

static void test_label_out_of_range_is_named_by_its_index(void **state) {
    struct data_fixture *f = *state;
    write_idx_folder(&f->scratch, "", 6, 5, 4, 256);
    assert_fault(f, "mnist", "train-labels-idx1-ubyte: label 14 at index 2 is out of range");
    write_idx_folder(&f->scratch, "", 6, 5, 4, 10);
    bytes labels = idx_bytes(1, (const uint32_t[]){ 6 }, 256);
    scratch_write(&f->scratch, "t10k-labels-idx1-ubyte.gz", labels.data, labels.count);
    assert_fault(f, "idx", "t10k-labels-idx1-ubyte.gz: label 14 at index 2 is out of range: the classes");
}

static void test_counts_of_images_and_labels_must_agree(void **state) {
    struct data_fixture *f = *state;
    write_idx_folder(&f->scratch, "", 6, 5, 4, 10);
    bytes labels = idx_bytes(1, (const uint32_t[]){ 7 }, 10);
    scratch_write(&f->scratch, "train-labels-idx1-ubyte", labels.data, labels.count);
    assert_fault(f, "mnist", "6 images, but 7 labels in");
}

static void test_images_for_labels_and_the_reverse_are_refused(void **state) {
    struct data_fixture *f = *state;
    write_idx_folder(&f->scratch, "", 6, 5, 4, 10);
    bytes labels = idx_bytes(1, (const uint32_t[]){ 6 }, 10), images = idx_bytes(3, (const uint32_t[]){ 6, 5, 4 }, 10);
    scratch_write(&f->scratch, "train-images-idx3-ubyte", labels.data, labels.count);
    assert_fault(f, "mnist", "an IDX file of rank 1; images have rank 3");
    scratch_write(&f->scratch, "train-labels-idx1-ubyte", images.data, images.count);
    assert_fault(f, "mnist", "an IDX file of rank 3; labels have rank 1");
}

static void test_damaged_file_is_named_by_its_path(void **state) {
    struct data_fixture *f = *state;
    write_idx_folder(&f->scratch, "", 6, 5, 4, 10);
    scratch_write(&f->scratch, "t10k-images-idx3-ubyte.gz", "\x1f\x8b\x08", 3);
    assert_fault(f, "mnist", "t10k-images-idx3-ubyte.gz: the gzip data is cut off");
}

static void test_real_sets_have_their_known_shapes(void **state) {
    struct data_fixture *f = *state;
    static const struct {
        const char *word, *folder;
        int64_t train, test, side;
        int32_t first[5];
    } sets[] = {
        { "mnist", "mnist", 60000, 10000, 28, { 5, 0, 4, 1, 9 } },
        { "fashion", "fashion", 60000, 10000, 28, { 9, 0, 0, 3, 0 } },
        { "idx", "usps", 7291, 2007, 16, { 6, 5, 4, 7, 3 } },
    };
    if (!shared_data("")) skip();
    for (size_t i = 0; i < sizeof sets / sizeof sets[0]; i++) {
        char spec[1200];
        snprintf(spec, sizeof spec, "%s:%s", sets[i].word, shared_data(sets[i].folder));
        clade_dataset_free(f->train);
        clade_dataset_free(f->test);
        assert_int_equal(clade_dataset_open(f->context, spec, &f->train, &f->test), CLADE_OK);
        clade_dataset_info train = clade_dataset_describe(f->train), test = clade_dataset_describe(f->test);
        assert_int_equal(train.count, sets[i].train);
        assert_int_equal(test.count, sets[i].test);
        assert_int_equal(train.height, sets[i].side);
        assert_int_equal(test.width, sets[i].side);
        assert_int_equal(train.classes, 10);
        int32_t labels[5];
        assert_int_equal(clade_dataset_read(f->train, (const int64_t[]){ 0, 1, 2, 3, 4 }, 5, NULL, labels), CLADE_OK);
        assert_memory_equal(labels, sets[i].first, sizeof labels);
    }
}

#define TEST(NAME) cmocka_unit_test_setup_teardown(NAME, open_data_fixture, close_data_fixture)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_folder_becomes_two_parts),
        TEST(test_names_with_a_prefix_and_any_number_of_classes),
        TEST(test_images_of_rank_four_have_channels),
        TEST(test_missing_and_ambiguous_files_are_named),
        TEST(test_plain_file_goes_before_its_gzip),
        TEST(test_label_out_of_range_is_named_by_its_index),
        TEST(test_counts_of_images_and_labels_must_agree),
        TEST(test_images_for_labels_and_the_reverse_are_refused),
        TEST(test_damaged_file_is_named_by_its_path),
        TEST(test_real_sets_have_their_known_shapes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
