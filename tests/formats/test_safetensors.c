/* Safetensors: what is written reads back, other types are converted, and hostile headers are one clear line. */
#include "formats/safetensors.h"

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

/* HEADER, its length before it, and VALUES bytes after it. */
static struct file file_of(const char *header, const void *values, size_t bytes) {
    struct file file = { { 0 }, 8 };
    const uint64_t length = strlen(header);
    memcpy(file.data, &length, 8);
    memcpy(file.data + 8, header, length);
    file.count += length;
    if (values != NULL) memcpy(file.data + file.count, values, bytes);
    file.count += bytes;
    return file;
}

static void assert_fault(const struct file *file, clade_status expected, const char *words) {
    clade_context *context = clade_context_new(NULL);
    clade_weights *weights;
    assert_int_equal(clade_safetensors_decode(context, "x.safetensors", file->data, file->count, &weights), expected);
    const char *error = clade_error(context);
    if (strstr(error, words) == NULL) fail_msg("'%s' does not hold '%s'", error, words);
    assert_int_equal(strncmp(error, "x.safetensors: ", 15), 0);
    assert_null(strchr(error, '\n'));
    assert_null(weights);
    clade_context_free(context);
}

static void test_what_is_written_reads_back(void **state) {
    (void)state;
    clade_context *context = clade_context_new(NULL);
    scratch_folder scratch;
    scratch_make(&scratch);
    clade_weights *weights = clade_weights_new(context), *back;
    const clade_dims shapes[] = { clade_shape(2, 3), CLADE_SCALAR, clade_shape(4) };
    const clade_dtype dtypes[] = { CLADE_F32, CLADE_F32, CLADE_I32 };
    const char *const names[] = { "conv1.weight", "a \"name\"", "count" };
    const int64_t counts[] = { 6, 1, 4 };
    for (int i = 0; i < 3; i++) {
        float *data = clade_weights_add(weights, names[i], dtypes[i], &shapes[i], counts[i]);
        for (int64_t k = 0; k < counts[i]; k++)
            data[k] = (float)k / 7 - (float)i;
    }
    const char *path = scratch_path(&scratch, "x.safetensors");
    assert_int_equal(clade_weights_write(weights, path), CLADE_OK);
    assert_int_equal(clade_weights_read(context, path, &back), CLADE_OK);
    const clade_weight *list;
    assert_int_equal(clade_weights_list(back, &list), 3);
    for (int i = 0; i < 3; i++) {
        assert_string_equal(list[i].name, names[i]);
        assert_int_equal(list[i].dtype, dtypes[i]);
        assert_int_equal(list[i].dims.rank, shapes[i].rank);
        assert_int_equal(list[i].count, counts[i]);
        assert_memory_equal(list[i].data, weights->list[i].data, (size_t)counts[i] * 4);
    }
    char *data;
    size_t bytes;
    assert_int_equal(clade_file_read(context, path, 4096, &data, &bytes), CLADE_OK);
    uint64_t length;
    memcpy(&length, data, 8);
    assert_int_equal(length % 8, 0);
    assert_int_equal(bytes, 8 + length + 44);
    clade_free(context, data);
    clade_weights_free(back);
    clade_weights_free(weights);
    scratch_remove(&scratch);
    clade_context_free(context);
}

static void test_other_floating_point_becomes_float32(void **state) {
    (void)state;
    static const struct {
        const char *header;
        unsigned char bytes[16];
    } files[] = {
        { "{\"x\":{\"dtype\":\"F16\",\"shape\":[2],\"data_offsets\":[0,4]}}", { 0x00, 0x3c, 0x00, 0xc1 } },
        { "{\"x\":{\"dtype\":\"BF16\",\"shape\":[2],\"data_offsets\":[0,4]}}", { 0x80, 0x3f, 0x20, 0xc0 } },
        { "{\"x\":{\"dtype\":\"F64\",\"shape\":[2],\"data_offsets\":[0,16]}}   ",
          { 0, 0, 0, 0, 0, 0, 0xf0, 0x3f, 0, 0, 0, 0, 0, 0, 0x04, 0xc0 } },
    };
    static const size_t bytes[] = { 4, 4, 16 };
    clade_context *context = clade_context_new(NULL);
    for (size_t i = 0; i < 3; i++) {
        const struct file file = file_of(files[i].header, files[i].bytes, bytes[i]);
        clade_weights *weights;
        if (clade_safetensors_decode(context, "x", file.data, file.count, &weights) != CLADE_OK)
            fail_msg("%s", clade_error(context));
        const float *x = clade_weights_find(weights, "x")->data;
        assert_true(x[0] == 1 && x[1] == -2.5f);
        clade_weights_free(weights);
    }
    clade_context_free(context);
}

#define TENSOR(NAME, SHAPE, OFFSETS) "\"" NAME "\":{\"dtype\":\"F32\",\"shape\":" SHAPE ",\"data_offsets\":" OFFSETS "}"

static void test_hostile_headers_are_refused(void **state) {
    (void)state;
    static const struct {
        const char *header, *words;
    } malformed[] = {
        { "[]", "not a JSON object" },
        { "{\"x\":", "not a JSON object" },
        { "{} {}", "not a JSON object" },
        { "{\"x\":3}", "has no dtype" },
        { "{\"x\":{}}", "has no dtype" },
        { "{\"x\":{\"dtype\":\"F32\"}}", "has no shape" },
        { "{\"x\":{\"dtype\":\"F32\",\"shape\":[2]}}", "has no data_offsets" },
        { "{" TENSOR("x", "[2]", "[0]") "}", "has no data_offsets" },
        { "{" TENSOR("x", "[2]", "[0,8,8]") "}", "has no data_offsets" },
        { "{" TENSOR("x", "[2]", "[-8,0]") "}", "has no data_offsets" },
        { "{" TENSOR("x", "[2]", "[0.5,8.5]") "}", "has no data_offsets" },
        { "{" TENSOR("x", "[2.5]", "[0,8]") "}", "no whole number" },
        { "{" TENSOR("x", "[-2]", "[0,8]") "}", "no whole number" },
        { "{" TENSOR("x", "[1e300]", "[0,8]") "}", "no whole number" },
        { "{" TENSOR("x", "[4294967296,4294967296]", "[0,8]") "}", "larger than the file" },
        { "{" TENSOR("x", "[2]", "[8,0]") "}", "outside the file" },
        { "{" TENSOR("x", "[2]", "[0,1e15]") "}", "outside the file" },
        { "{" TENSOR("x", "[1]", "[0,8]") "}", "another number of bytes" },
        { "{" TENSOR("x", "[1]", "[4,8]") "}", "hole before it" },
        { "{" TENSOR("x", "[2]", "[0,8]") "," TENSOR("y", "[1]", "[4,8]") "}", "overlaps" },
        { "{" TENSOR("x", "[1]", "[0,4]") "," TENSOR("x", "[1]", "[4,8]") "}", "there twice" },
        { "{" TENSOR("x", "[1]", "[0,4]") "}", "oversized: 4 bytes" },
        { "{}", "oversized: 8 bytes" },
    };
    for (size_t i = 0; i < sizeof malformed / sizeof malformed[0]; i++) {
        const struct file file = file_of(malformed[i].header, NULL, 8);
        assert_fault(&file, CLADE_ERROR_INPUT, malformed[i].words);
    }
    struct file file = file_of("{\"x\":{\"dtype\":\"F8_E4M3\",\"shape\":[8],\"data_offsets\":[0,8]}}", NULL, 8);
    assert_fault(&file, CLADE_ERROR_UNSUPPORTED, "is of type F8_E4M3");
    file = file_of("{" TENSOR("x", "[1,1,1,1,1,1,1,1,2]", "[0,8]") "}", NULL, 8);
    assert_fault(&file, CLADE_ERROR_UNSUPPORTED, "more than 8 axes");
    memset(file.data, 0xff, 8);
    assert_fault(&file, CLADE_ERROR_INPUT, "not a safetensors file");
}

static void test_deep_nesting_is_refused(void **state) {
    (void)state;
    struct file file = { { 0 }, 1000 };
    const uint64_t length = 992;
    memset(file.data, '[', sizeof file.data);
    memcpy(file.data, &length, 8);
    assert_fault(&file, CLADE_ERROR_INPUT, "not a JSON object");
}

static void test_every_truncation_is_one_clear_line(void **state) {
    (void)state;
    const struct file file = file_of("{" TENSOR("x", "[2]", "[0,8]") "}", NULL, 8);
    for (size_t count = file.count; count-- > 0;) {
        struct file cut = file;
        cut.count = count;
        assert_fault(&cut, CLADE_ERROR_INPUT, count < file.count - 8 ? "truncated" : "file");
    }
}

static void test_metadata_and_empty_tensors_are_no_fault(void **state) {
    (void)state;
    clade_context *context = clade_context_new(NULL);
    const struct file file = file_of(
        "{\"__metadata__\":{\"format\":\"pt\"}," TENSOR("none", "[0,3]", "[8,8]") "," TENSOR("x", "[2]", "[0,8]") "}",
        NULL, 8);
    clade_weights *weights;
    assert_int_equal(clade_safetensors_decode(context, "x", file.data, file.count, &weights), CLADE_OK);
    assert_int_equal(clade_weights_find(weights, "none")->count, 0);
    assert_null(clade_weights_find(weights, "__metadata__"));
    clade_weights_free(weights);
    clade_context_free(context);
}

static void test_each_refused_allocation_is_clean(void **state) {
    (void)state;
    const struct file file = file_of("{" TENSOR("x", "[2]", "[0,8]") "}", NULL, 8);
    short_memory memory;
    clade_context *context = short_memory_context(&memory);
    for (long i = 1;; i++) {
        clade_weights *weights;
        memory.refuse_at = i;
        memory.refused = false;
        const clade_status status = clade_safetensors_decode(context, "x", file.data, file.count, &weights);
        const bool refused = memory.refused;
        memory.refuse_at = 0;
        if (status != CLADE_OK) assert_null(weights);
        clade_weights_free(weights);
        if (!refused) break;
        assert_int_equal(status, CLADE_ERROR_MEMORY);
    }
    clade_context_free(context);
    assert_int_equal(memory.alive, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_written_reads_back),
        cmocka_unit_test(test_other_floating_point_becomes_float32),
        cmocka_unit_test(test_hostile_headers_are_refused),
        cmocka_unit_test(test_deep_nesting_is_refused),
        cmocka_unit_test(test_every_truncation_is_one_clear_line),
        cmocka_unit_test(test_metadata_and_empty_tensors_are_no_fault),
        cmocka_unit_test(test_each_refused_allocation_is_clean),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
