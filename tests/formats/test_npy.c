/* NPY: what is written reads back, what NumPy writes reads, and hostile headers are one clear line. */
#include "formats/npy.h"

#include "base/file.h"
#include "support/scratch.h"
#include "support/short_memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

struct file {
    char data[1024];
    size_t count;
};

/* A version 1 file: HEADER as its dictionary, then VALUES bytes of 1, 2, 3... */
static struct file npy_file(const char *header, size_t values) {
    struct file file = { "\x93NUMPY\x01", 10 };
    size_t length = strlen(header);
    file.data[8] = (char)(length & 255);
    file.data[9] = (char)(length >> 8);
    memcpy(file.data + 10, header, length);
    file.count += length;
    for (size_t i = 0; i < values; i++) {
        file.data[file.count++] = (char)(i + 1);
    }
    return file;
}

static clade_status decode(clade_context *context, const struct file *file, clade_npy *array) {
    return clade_npy_decode(context, "x.npy", file->data, file->count, array);
}

static void assert_fault(const struct file *file, clade_status expected, const char *words) {
    clade_context *context = clade_context_new(NULL);
    clade_npy array;
    assert_int_equal(decode(context, file, &array), expected);
    const char *error = clade_error(context);
    if (!strstr(error, words)) fail_msg("'%s' does not hold '%s'", error, words);
    assert_int_equal(strncmp(error, "x.npy: ", 7), 0);
    assert_null(strchr(error, '\n'));
    assert_null(array.values);
    clade_context_free(context);
}

static void test_header_is_read_as_numpy_writes_it(void **state) {
    (void)state;
    static const struct {
        const char *header;
        size_t values;
        clade_npy_type type;
        int rank;
        int64_t first, last;
    } good[] = {
        { "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }          \n", 24, CLADE_NPY_F32, 2, 2, 3 },
        { "{'descr': '<f8', 'fortran_order': False, 'shape': (), }\n", 8, CLADE_NPY_F64, 0, 0, 0 },
        { "{'descr': '|u1', 'fortran_order': False, 'shape': (5,), }\n", 5, CLADE_NPY_U8, 1, 5, 5 },
        { "{'shape':(0,4),'fortran_order':False,'descr':\"<i4\"}", 0, CLADE_NPY_I32, 2, 0, 4 },
        { "{'descr': '<i8', 'fortran_order': True, 'shape': (2,), }", 16, CLADE_NPY_I64, 1, 2, 2 },
    };
    clade_context *context = clade_context_new(NULL);
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        struct file file = npy_file(good[i].header, good[i].values);
        clade_npy array;
        if (decode(context, &file, &array) != CLADE_OK) fail_msg("%s", clade_error(context));
        assert_int_equal(array.type, good[i].type);
        assert_int_equal(array.rank, good[i].rank);
        assert_int_equal((size_t)array.count * clade_npy_type_size(array.type), good[i].values);
        if (array.rank > 0) assert_int_equal(array.sizes[0], good[i].first);
        if (array.rank > 0) assert_int_equal(array.sizes[array.rank - 1], good[i].last);
        if (good[i].values > 0) assert_int_equal(((char *)array.values)[good[i].values - 1], good[i].values);
        clade_npy_free(context, &array);
    }
    clade_context_free(context);
}

static void test_versions_two_and_three_have_wide_lengths(void **state) {
    (void)state;
    clade_context *context = clade_context_new(NULL);
    const char *header = "{'descr': '|u1', 'fortran_order': False, 'shape': (3,), }";
    for (char version = 2; version <= 3; version++) {
        struct file file = { "\x93NUMPY", 12 };
        file.data[6] = version;
        file.data[8] = (char)strlen(header);
        memcpy(file.data + 12, header, strlen(header));
        file.count += strlen(header) + 3;
        clade_npy array;
        assert_int_equal(decode(context, &file, &array), CLADE_OK);
        assert_int_equal(array.count, 3);
        clade_npy_free(context, &array);
    }
    clade_context_free(context);
}

static void test_every_truncation_is_one_clear_line(void **state) {
    (void)state;
    struct file file = npy_file("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }\n", 24);
    for (size_t count = file.count; count-- > 0;) {
        struct file cut = file;
        cut.count = count;
        assert_fault(&cut, CLADE_ERROR_INPUT, count < 10 ? "not an NPY file" : "truncated");
    }
    file.count++;
    assert_fault(&file, CLADE_ERROR_INPUT, "oversized: its NPY header declares 24 bytes of values, 25 are there");
}

static void test_hostile_headers_are_refused(void **state) {
    (void)state;
    static const char *const malformed[] = {
        "",
        "{}",
        "[]",
        "{'descr': '<f4', 'fortran_order': False}",
        "{'descr': '<f4'",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (2)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (-2,)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (2,,)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (1,1,1,1,1,1,1,1,1)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), 'extra': 1}",
        "{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (2,)}",
        "{'descr': '<f4', 'fortran_order': 0, 'shape': (2,)}",
        "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (2,)}",
        "{'descr': '<f4aaaaaaaaaaaaaaaaaaaaaaaaa', 'fortran_order': False, 'shape': (2,)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (2,)} tail",
    };
    for (size_t i = 0; i < sizeof malformed / sizeof malformed[0]; i++) {
        struct file file = npy_file(malformed[i], 8);
        assert_fault(&file, CLADE_ERROR_INPUT, "malformed NPY header");
    }
    struct file file = npy_file("{'descr': '<f4', 'fortran_order': False, 'shape': (4611686018427387904, 4)}", 8);
    assert_fault(&file, CLADE_ERROR_INPUT, "multiplies to more than memory");
    file = npy_file("{'descr': '<f4', 'fortran_order': False, 'shape': (100000000000,)}", 8);
    assert_fault(&file, CLADE_ERROR_INPUT, "truncated");
}

static void test_what_is_not_read_is_named(void **state) {
    (void)state;
    struct file file = npy_file("{'descr': '>f4', 'fortran_order': False, 'shape': (2,), }", 8);
    assert_fault(&file, CLADE_ERROR_UNSUPPORTED, "NPY type '>f4'");
    file = npy_file("{'descr': '<f4', 'fortran_order': True, 'shape': (2, 1), }", 8);
    assert_fault(&file, CLADE_ERROR_UNSUPPORTED, "Fortran order");
    file.data[6] = 4;
    assert_fault(&file, CLADE_ERROR_UNSUPPORTED, "NPY version 4.0");
}

static void test_what_is_written_reads_back(void **state) {
    (void)state;
    static const double values[24] = { 1, -2, 3.5 };
    clade_context *context = clade_context_new(NULL);
    scratch_folder scratch;
    scratch_make(&scratch);
    for (int type = CLADE_NPY_F32; type <= CLADE_NPY_U8; type++) {
        for (int rank = 0; rank <= CLADE_NPY_MAX_RANK; rank++) {
            clade_npy array = { .type = (clade_npy_type)type, .rank = rank, .values = (void *)(uintptr_t)values }, read;
            for (int i = 0; i < rank; i++) {
                array.sizes[i] = i < 2 ? 3 + i : i == 2 ? 2 : 1;
            }
            const char *path = scratch_path(&scratch, "x.npy");
            assert_int_equal(clade_npy_write(context, path, &array), CLADE_OK);
            assert_int_equal(clade_npy_read(context, path, &read), CLADE_OK);
            assert_int_equal(read.type, type);
            assert_int_equal(read.rank, rank);
            assert_memory_equal(read.sizes, array.sizes, sizeof read.sizes);
            assert_int_equal(read.count, rank == 0 ? 1 : rank == 1 ? 3 : rank == 2 ? 12 : 24);
            assert_memory_equal(read.values, values, (size_t)read.count * clade_npy_type_size(read.type));
            clade_npy_free(context, &read);

            char *data = NULL;
            size_t bytes = 0;
            assert_int_equal(clade_file_read(context, path, 4096, &data, &bytes), CLADE_OK);
            assert_memory_equal(data, "\x93NUMPY\x01\0", 8);
            size_t start = 10 + (unsigned char)data[8];
            assert_int_equal(start % 64, 0);
            assert_int_equal(data[start - 1], '\n');
            clade_free(context, data);
        }
    }
    scratch_remove(&scratch);
    clade_context_free(context);
}

static void test_each_refused_allocation_is_clean(void **state) {
    (void)state;
    struct file file = npy_file("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }", 24);
    short_memory memory;
    clade_context *context = short_memory_context(&memory);
    clade_npy array;
    memory.refuse_at = 1;
    assert_int_equal(decode(context, &file, &array), CLADE_ERROR_MEMORY);
    clade_npy_free(context, &array);
    clade_context_free(context);
    assert_int_equal(memory.alive, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_header_is_read_as_numpy_writes_it),
        cmocka_unit_test(test_versions_two_and_three_have_wide_lengths),
        cmocka_unit_test(test_every_truncation_is_one_clear_line),
        cmocka_unit_test(test_hostile_headers_are_refused),
        cmocka_unit_test(test_what_is_not_read_is_named),
        cmocka_unit_test(test_what_is_written_reads_back),
        cmocka_unit_test(test_each_refused_allocation_is_clean),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
