/* Picture files as a model's input: PGM and NPY of the right size, and the words when the size is another. */
#include "base/context.h"
#include "clade/data.h"
#include "formats/npy.h"
#include "support/scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

struct fixture {
    clade_context *context;
    scratch_folder scratch;
    float out[12];
};

static struct fixture fixture;

static int set_up(void **state) {
    (void)state;
    fixture.context = clade_context_new(NULL);
    scratch_make(&fixture.scratch);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    scratch_remove(&fixture.scratch);
    clade_context_free(fixture.context);
    return 0;
}

static clade_status load_npy(clade_npy_type type, int rank, const int64_t *sizes, void *values) {
    clade_npy array = { .type = type, .rank = rank, .values = values };
    memcpy(array.sizes, sizes, (size_t)rank * sizeof *sizes);
    const char *path = scratch_path(&fixture.scratch, "x.npy");
    assert_int_equal(clade_npy_write(fixture.context, path, &array), CLADE_OK);
    return clade_image_load(fixture.context, path, 1, 2, 3, fixture.out);
}

static void test_pgm_of_the_right_size_loads(void **state) {
    (void)state;
    const char *path = scratch_write(&fixture.scratch, "x.pgm", "P5 3 2 255\n\0\xff\x7f\1\2\3", 17);
    assert_int_equal(clade_image_load(fixture.context, path, 1, 2, 3, fixture.out), CLADE_OK);
    assert_true(fixture.out[1] == 1.0f && fixture.out[2] == 127 / 255.0f);
}

static void test_another_size_is_told_in_both_directions(void **state) {
    (void)state;
    const char *path = scratch_write(&fixture.scratch, "x.pgm", "P5 3 2 255\n\0\xff\x7f\1\2\3", 17);
    assert_int_equal(clade_image_load(fixture.context, path, 1, 28, 28, fixture.out), CLADE_ERROR_INPUT);
    assert_non_null(strstr(clade_error(fixture.context), "x.pgm is 1x2x3, the model takes 1x28x28"));
    assert_int_equal(clade_image_load(fixture.context, path, 3, 2, 3, fixture.out), CLADE_ERROR_INPUT);
    float values[12] = { 0 };
    assert_int_equal(load_npy(CLADE_NPY_F32, 2, (const int64_t[]){ 3, 2 }, values), CLADE_ERROR_INPUT);
    assert_non_null(strstr(clade_error(fixture.context), "x.npy is 3x2, the model takes 1x2x3"));
    assert_int_equal(load_npy(CLADE_NPY_F32, 4, (const int64_t[]){ 2, 1, 2, 3 }, values), CLADE_ERROR_INPUT);
    assert_int_equal(load_npy(CLADE_NPY_F32, 5, (const int64_t[]){ 1, 1, 1, 2, 3 }, values), CLADE_ERROR_INPUT);
    assert_int_equal(load_npy(CLADE_NPY_F32, 0, (const int64_t[]){ 0 }, values), CLADE_ERROR_INPUT);
    assert_non_null(strstr(clade_error(fixture.context), "x.npy is a scalar"));
}

static void test_npy_of_each_type_and_rank_loads(void **state) {
    (void)state;
    uint8_t bytes[] = { 0, 51, 102, 153, 204, 255 };
    float floats[6];
    double doubles[6];
    for (int i = 0; i < 6; i++) {
        floats[i] = (float)bytes[i] / 255.0f;
        doubles[i] = floats[i];
    }
    static const int64_t sizes[] = { 1, 1, 2, 3 };
    for (int rank = 2; rank <= 4; rank++) {
        assert_int_equal(load_npy(CLADE_NPY_U8, rank, sizes + 4 - rank, bytes), CLADE_OK);
        assert_memory_equal(fixture.out, floats, sizeof floats);
        assert_int_equal(load_npy(CLADE_NPY_F32, rank, sizes + 4 - rank, floats), CLADE_OK);
        assert_memory_equal(fixture.out, floats, sizeof floats);
        assert_int_equal(load_npy(CLADE_NPY_F64, rank, sizes + 4 - rank, doubles), CLADE_OK);
        assert_memory_equal(fixture.out, floats, sizeof floats);
    }
    int32_t integers[6] = { 0 };
    assert_int_equal(load_npy(CLADE_NPY_I32, 2, sizes + 2, integers), CLADE_ERROR_INPUT);
    assert_non_null(strstr(clade_error(fixture.context), "values of type int32"));
}

static void test_channels_come_first(void **state) {
    (void)state;
    float values[12];
    for (int i = 0; i < 12; i++) {
        values[i] = (float)i;
    }
    clade_npy array = { .type = CLADE_NPY_F32, .rank = 3, .sizes = { 3, 2, 2 }, .values = values };
    const char *path = scratch_path(&fixture.scratch, "x.npy");
    assert_int_equal(clade_npy_write(fixture.context, path, &array), CLADE_OK);
    assert_int_equal(clade_image_load(fixture.context, path, 3, 2, 2, fixture.out), CLADE_OK);
    assert_memory_equal(fixture.out, values, sizeof values);
    assert_int_equal(clade_image_load(fixture.context, path, 2, 2, 3, fixture.out), CLADE_ERROR_INPUT);
}

static void test_other_files_are_refused(void **state) {
    (void)state;
    const char *path = scratch_write(&fixture.scratch, "x.png", "\x89PNG", 4);
    assert_int_equal(clade_image_load(fixture.context, path, 1, 2, 3, fixture.out), CLADE_ERROR_INPUT);
    assert_non_null(strstr(clade_error(fixture.context), "x.png: no JPEG, PNG, PGM (P2, P5) or NPY file"));
    path = scratch_write(&fixture.scratch, "empty", "", 0);
    assert_int_equal(clade_image_load(fixture.context, path, 1, 2, 3, fixture.out), CLADE_ERROR_INPUT);
    path = scratch_path(&fixture.scratch, "absent");
    assert_int_equal(clade_image_load(fixture.context, path, 1, 2, 3, fixture.out), CLADE_ERROR_INPUT);
}

static void test_a_file_tells_its_own_sizes(void **state) {
    static float values[12];
    (void)state;
    int64_t image[3];
    clade_npy array = { .type = CLADE_NPY_F32, .rank = 4, .sizes = { 1, 3, 2, 2 }, .values = values };
    const char *path = scratch_write(&fixture.scratch, "x.pgm", "P5 3 2 255\n\0\xff\x7f\1\2\3", 17);
    assert_int_equal(clade_image_sizes(fixture.context, path, image), CLADE_OK);
    assert_true(image[0] == 1 && image[1] == 2 && image[2] == 3);
    path = scratch_path(&fixture.scratch, "x.npy");
    assert_int_equal(clade_npy_write(fixture.context, path, &array), CLADE_OK);
    assert_int_equal(clade_image_sizes(fixture.context, path, image), CLADE_OK);
    assert_true(image[0] == 3 && image[1] == 2 && image[2] == 2);
    array = (clade_npy){ .type = CLADE_NPY_F32, .rank = 2, .sizes = { 4, 3 }, .values = values };
    assert_int_equal(clade_npy_write(fixture.context, path, &array), CLADE_OK);
    assert_int_equal(clade_image_sizes(fixture.context, path, image), CLADE_OK);
    assert_true(image[0] == 1 && image[1] == 4 && image[2] == 3);
    array.rank = 1;
    assert_int_equal(clade_npy_write(fixture.context, path, &array), CLADE_OK);
    assert_int_equal(clade_image_sizes(fixture.context, path, image), CLADE_ERROR_INPUT);
    assert_non_null(strstr(clade_error(fixture.context), "an array of rank 1 is no picture"));
}

#define TEST(NAME) cmocka_unit_test_setup_teardown(NAME, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_pgm_of_the_right_size_loads),     TEST(test_another_size_is_told_in_both_directions),
        TEST(test_npy_of_each_type_and_rank_loads), TEST(test_channels_come_first),
        TEST(test_other_files_are_refused),         TEST(test_a_file_tells_its_own_sizes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
