/* Arrays from NPY files as data sets. */
#include "data/helpers.h"

#include "base/context.h"
#include "clade/data.h"
#include "formats/npy.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void write_array(struct data_fixture *f, const char *name, clade_npy array) {
    assert_int_equal(clade_npy_write(f->context, scratch_path(&f->scratch, name), &array), CLADE_OK);
}

static clade_status open_it(struct data_fixture *f, const char *x, const char *y, const char *more) {
    char spec[400];
    const char *folder = f->scratch.folder;
    clade_dataset_free(f->train);
    clade_dataset_free(f->test);
    f->train = f->test = NULL;
    snprintf(spec, sizeof spec, "npy:%s/%s,%s/%s%s%s%s", folder, x, folder, y, more ? "," : "", more ? folder : "",
             more ? more : "");
    return clade_dataset_open(f->context, spec, &f->train, &f->test);
}

static void refused(struct data_fixture *f, const char *x, const char *y, const char *more, const char *words) {
    assert_int_not_equal(open_it(f, x, y, more), CLADE_OK);
    if (!strstr(clade_error(f->context), words)) fail_msg("'%s' does not hold '%s'", clade_error(f->context), words);
    assert_null(f->train);
    assert_null(f->test);
}

static void test_arrays_become_two_parts(void **state) {
    struct data_fixture *f = *state;
    uint8_t pixels[10 * 6];
    int64_t labels[10];
    float targets[20], row[6], target[2];
    int32_t label;
    for (int i = 0; i < 60; i++)
        pixels[i] = (uint8_t)(4 * i);
    for (int i = 0; i < 10; i++)
        labels[i] = i % 3;
    for (int i = 0; i < 20; i++)
        targets[i] = (float)i / 2;
    write_array(f, "x.npy", (clade_npy){ CLADE_NPY_U8, 3, { 10, 2, 3 }, 60, pixels });
    write_array(f, "y.npy", (clade_npy){ CLADE_NPY_I64, 1, { 10 }, 10, labels });
    write_array(f, "t.npy", (clade_npy){ CLADE_NPY_F32, 2, { 10, 2 }, 20, targets });
    write_array(f, "five.npy", (clade_npy){ CLADE_NPY_I64, 1, { 5 }, 5, labels });
    assert_int_equal(open_it(f, "x.npy", "y.npy", NULL), CLADE_OK);
    clade_dataset_info info = clade_dataset_describe(f->train);
    assert_string_equal(info.name, "npy train");
    assert_int_equal(info.count, 8);
    assert_int_equal(info.channels, 1);
    assert_int_equal(info.height, 2);
    assert_int_equal(info.width, 3);
    assert_int_equal(info.classes, 3);
    assert_int_equal(clade_dataset_describe(f->test).count, 2);
    assert_int_equal(clade_dataset_read(f->test, (const int64_t[]){ 1 }, 1, row, &label), CLADE_OK);
    assert_int_equal(label, 0);
    assert_true(row[5] == 236.0F / 255.0F);
    assert_int_equal(open_it(f, "x.npy", "t.npy", NULL), CLADE_OK);
    assert_int_equal(clade_dataset_describe(f->train).targets, 2);
    assert_int_equal(clade_dataset_read_targets(f->train, (const int64_t[]){ 4 }, 1, 2, target), CLADE_OK);
    assert_true(target[0] == 5.0F && target[1] == 5.5F);
    refused(f, "x.npy", "five.npy", NULL, "10 samples, but 5 in");
    refused(f, "y.npy", "x.npy", NULL, "samples are (N, features)");
    refused(f, "x.npy", "absent.npy", NULL, "absent.npy");
    refused(f, "x.npy", "y.npy", "/x.npy", "two paths, or four");
    labels[3] = -1;
    write_array(f, "y.npy", (clade_npy){ CLADE_NPY_I64, 1, { 10 }, 10, labels });
    refused(f, "x.npy", "y.npy", NULL, "label -1 of sample 3");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_arrays_become_two_parts, open_data_fixture, close_data_fixture),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
