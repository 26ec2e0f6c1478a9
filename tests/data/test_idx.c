/* The IDX reader: what it accepts, and every way in which a file can lie. */
#include "data/idx.h"

#include "data/helpers.h"
#include "support/short_memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

static const uint32_t sizes[] = { 3, 5, 4 };
enum { VALUES = 60, HEADER = 16 };

/* Decodes FILE, expecting a fault whose text holds WORDS, names the file, and is one line. */
static void assert_fault(const bytes *file, const char *words) {
    clade_context *context = clade_context_new(NULL);
    clade_idx idx;
    assert_int_equal(clade_idx_decode(context, "some.idx", file->data, file->count, &idx), CLADE_ERROR_INPUT);
    assert_null(idx.values);
    const char *error = clade_error(context);
    if (!strstr(error, words)) fail_msg("'%s' does not hold '%s'", error, words);
    assert_int_equal(strncmp(error, "some.idx: ", 10), 0);
    assert_null(strchr(error, '\n'));
    clade_context_free(context);
}

static void assert_good(const bytes *file) {
    clade_context *context = clade_context_new(NULL);
    clade_idx idx;
    assert_int_equal(clade_idx_decode(context, "some.idx", file->data, file->count, &idx), CLADE_OK);
    assert_int_equal(idx.rank, 3);
    for (int i = 0; i < VALUES; i++) {
        assert_int_equal(idx.values[i], 7 * i % 256);
    }
    assert_int_equal(idx.sizes[0], 3);
    assert_int_equal(idx.sizes[2], 4);
    clade_idx_free(context, &idx);
    clade_context_free(context);
}

static void test_plain_and_gzip_read_the_same(void **state) {
    (void)state;
    bytes plain = idx_bytes(3, sizes, 256), packed = gzip_bytes(&plain);
    assert_good(&plain);
    assert_good(&packed);
}

static void test_gzip_of_several_members_is_joined(void **state) {
    (void)state;
    bytes whole = idx_bytes(3, sizes, 256), first = whole, second = { .count = whole.count - 30 };
    first.count = 30;
    memcpy(second.data, whole.data + 30, second.count);
    bytes packed = gzip_bytes(&first), rest = gzip_bytes(&second);
    memcpy(packed.data + packed.count, rest.data, rest.count);
    packed.count += rest.count;
    assert_good(&packed);
}

static void test_wrong_magic_is_named(void **state) {
    (void)state;
    bytes file = idx_bytes(3, sizes, 256);
    file.data[0] = 0x89;
    assert_fault(&file, "not an IDX file: it begins with 89 00 08 03");
    file = idx_bytes(3, sizes, 256);
    file.data[2] = 0x0d;
    assert_fault(&file, "type 0x0d");
    file = idx_bytes(3, sizes, 256);
    file.data[3] = 0;
    assert_fault(&file, "rank 0");
    file.data[3] = 200;
    assert_fault(&file, "rank 200");
}

static void test_every_truncation_is_found(void **state) {
    (void)state;
    bytes plain = idx_bytes(3, sizes, 256), packed = gzip_bytes(&plain);
    for (size_t count = 0; count < plain.count; count++) {
        bytes cut = plain;
        cut.count = count;
        assert_fault(&cut, count < 4        ? "not an IDX file: only"
                           : count < HEADER ? "truncated in its"
                                            : "truncated: its");
        bytes cut_then_packed = gzip_bytes(&cut);
        assert_fault(&cut_then_packed, count < 4 ? "only" : "truncated");
    }
    for (size_t count = 2; count < packed.count; count++) {
        bytes cut = packed;
        cut.count = count;
        assert_fault(&cut, "gzip data is cut off");
    }
}

static void test_trailing_bytes_are_refused(void **state) {
    (void)state;
    bytes file = idx_bytes(3, sizes, 256), good = gzip_bytes(&file);
    file.count++;
    assert_fault(&file, "oversized: data goes on after the 60 values");
    bytes packed = gzip_bytes(&file);
    assert_fault(&packed, "oversized");
    good.count += 3;
    assert_fault(&good, "corrupt gzip");
}

static void test_corrupt_gzip_is_found_at_every_byte_that_counts(void **state) {
    (void)state;
    bytes plain = idx_bytes(3, sizes, 256), packed = gzip_bytes(&plain);
    /* The header's flags, time and system (bytes 3 to 9) may change without harm to the data. */
    for (size_t i = 10; i < packed.count; i++) {
        bytes damaged = packed;
        damaged.data[i] ^= 0x55;
        assert_fault(&damaged, "");
    }
}

static void test_lying_header_costs_no_memory(void **state) {
    (void)state;
    static const uint32_t lies[][3] = { { 0xffffffff, 0xffffffff, 0xffffffff },
                                        { 0x7fffffff, 28, 28 },
                                        { 0x7fffffff, 0x7fffffff, 2 } };
    for (size_t i = 0; i < 3; i++) {
        for (int gzip = 0; gzip < 2; gzip++) {
            short_memory memory;
            clade_context *context = short_memory_context(&memory);
            bytes file = idx_bytes(3, sizes, 256);
            for (int j = 0; j < 12; j++) {
                file.data[4 + j] = (uint8_t)(lies[i][j / 4] >> (24 - 8 * (j % 4)));
            }
            if (gzip) file = gzip_bytes(&file);
            clade_idx idx;
            assert_int_equal(clade_idx_decode(context, "lie", file.data, file.count, &idx), CLADE_ERROR_INPUT);
            assert_true(memory.largest <= 1 << 20);
            clade_context_free(context);
            assert_int_equal(memory.alive, 0);
        }
    }
}

static void test_size_of_zero_is_refused(void **state) {
    (void)state;
    bytes file = idx_bytes(3, (const uint32_t[]){ 3, 0, 4 }, 256);
    assert_fault(&file, "empty: size 1");
}

static void test_each_refused_allocation_is_clean(void **state) {
    (void)state;
    bytes plain = idx_bytes(3, sizes, 256), packed = gzip_bytes(&plain);
    for (long nth = 1;; nth++) {
        short_memory memory;
        clade_context *context = short_memory_context(&memory);
        memory.refuse_at = nth;
        clade_idx idx;
        clade_status status = clade_idx_decode(context, "some.idx", packed.data, packed.count, &idx);
        bool refused = memory.refused;
        assert_int_equal(status, refused ? CLADE_ERROR_MEMORY : CLADE_OK);
        clade_idx_free(context, &idx);
        clade_context_free(context);
        assert_int_equal(memory.alive, 0);
        if (!refused) break;
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain_and_gzip_read_the_same),
        cmocka_unit_test(test_gzip_of_several_members_is_joined),
        cmocka_unit_test(test_wrong_magic_is_named),
        cmocka_unit_test(test_every_truncation_is_found),
        cmocka_unit_test(test_trailing_bytes_are_refused),
        cmocka_unit_test(test_corrupt_gzip_is_found_at_every_byte_that_counts),
        cmocka_unit_test(test_lying_header_costs_no_memory),
        cmocka_unit_test(test_size_of_zero_is_refused),
        cmocka_unit_test(test_each_refused_allocation_is_clean),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
