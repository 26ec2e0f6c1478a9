/* PGM: text and bytes, comments, every fault, and a picture written and read back. */
#include "formats/pgm.h"

#include "support/scratch.h"
#include "support/short_memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <string.h>

static void assert_fault(const char *file, size_t count, clade_status expected, const char *words) {
    clade_context *context = clade_context_new(NULL);
    clade_pgm picture;
    assert_int_equal(clade_pgm_decode(context, "x.pgm", file, count, &picture), expected);
    const char *error = clade_error(context);
    if (!strstr(error, words)) fail_msg("'%s' does not hold '%s'", error, words);
    assert_int_equal(strncmp(error, "x.pgm: ", 7), 0);
    assert_null(strchr(error, '\n'));
    assert_null(picture.values);
    clade_context_free(context);
}

static void assert_reads(const char *file, size_t count) {
    clade_context *context = clade_context_new(NULL);
    clade_pgm picture;
    if (clade_pgm_decode(context, "x.pgm", file, count, &picture) != CLADE_OK) fail_msg("%s", clade_error(context));
    assert_int_equal(picture.width, 3);
    assert_int_equal(picture.height, 2);
    static const int expected[] = { 0, 10, 35, 48, 49, 50 };
    for (int i = 0; i < 6; i++) {
        assert_true(picture.values[i] == (float)expected[i] / 50.0f);
    }
    clade_pgm_free(context, &picture);
    clade_context_free(context);
}
#define READS(TEXT) assert_reads(TEXT, sizeof TEXT - 1)
#define FAULT(TEXT, STATUS, WORDS) assert_fault(TEXT, sizeof TEXT - 1, STATUS, WORDS)

static void test_text_and_bytes_read_the_same(void **state) {
    (void)state;
    READS("P2\n3 2\n50\n0 10 35\n48 49 50\n");
    READS("P2 # a comment 7 7\n# another\n 3\t2 #3\n50 0 10\r\n35 48 # in between\n 49 50");
    READS("P5\n3 2\n50\n\0\n#012");
    READS("P5 # made by hand\n3 2\n# levels:\n50 \0\n#012");
}

static void test_malformed_files_are_one_clear_line(void **state) {
    (void)state;
    FAULT("", CLADE_ERROR_INPUT, "not a PGM file");
    FAULT("P6\n3 2\n50\n", CLADE_ERROR_INPUT, "not a PGM file");
    FAULT("P55\n3 2\n50\n", CLADE_ERROR_INPUT, "not a PGM file");
    FAULT("P5\n3 x\n50\n", CLADE_ERROR_INPUT, "malformed PGM header");
    FAULT("P5\n-3 2\n50\n", CLADE_ERROR_INPUT, "malformed PGM header");
    FAULT("P5\n3 0\n50\n", CLADE_ERROR_INPUT, "width or height");
    FAULT("P5\n3 2\n0\n012345", CLADE_ERROR_INPUT, "largest level 0");
    FAULT("P5\n3 2\n65535\n012345", CLADE_ERROR_UNSUPPORTED, "largest level 65535");
    FAULT("P5\n3 2\n50\n01234", CLADE_ERROR_INPUT, "truncated");
    FAULT("P5\n3 2\n99\n0123456", CLADE_ERROR_INPUT, "oversized");
    FAULT("P5\n3 2\n49\n012345", CLADE_ERROR_INPUT, "pixel 2 is above the largest level 49");
    FAULT("P2\n3 2\n50\n0 1 2 3 4 ", CLADE_ERROR_INPUT, "truncated after 5 of 6 pixels");
    FAULT("P2\n3 2\n50\n0 1 2 3 4 5 6", CLADE_ERROR_INPUT, "oversized");
    FAULT("P2\n3 2\n50\n0 1 2 x 4 5", CLADE_ERROR_INPUT, "not a number after 3 of 6");
    FAULT("P2\n3 2\n50\n0 1 2 51 4 5", CLADE_ERROR_INPUT, "pixel 3 is above");
    FAULT("P2\n3 2\n50\n0 1 2 99999999999999999999999 4 5", CLADE_ERROR_INPUT, "pixel 3 is above");
    FAULT("P5\n99999999999999999999 2\n50\n", CLADE_ERROR_INPUT, "width or height");
}

static void test_lying_sizes_cost_no_memory(void **state) {
    (void)state;
    static const char file[] = "P5\n2147483647 2147483647\n255\n0123";
    short_memory memory;
    clade_context *context = short_memory_context(&memory);
    memory.largest = 0; /* the context's own does not count */
    clade_pgm picture;
    assert_int_equal(clade_pgm_decode(context, "lie", file, sizeof file - 1, &picture), CLADE_ERROR_INPUT);
    assert_true(memory.largest < 4096);
    clade_context_free(context);
    assert_int_equal(memory.alive, 0);
}

static void test_written_picture_reads_back_clipped(void **state) {
    (void)state;
    float values[] = { 0, 1, 0.5f, -3, 7, NAN };
    clade_context *context = clade_context_new(NULL);
    scratch_folder scratch;
    scratch_make(&scratch);
    clade_pgm picture = { 3, 2, values }, read;
    const char *path = scratch_path(&scratch, "x.pgm");
    assert_int_equal(clade_pgm_write(context, path, &picture), CLADE_OK);
    assert_int_equal(clade_pgm_read(context, path, &read), CLADE_OK);
    assert_int_equal(read.height, 3);
    assert_int_equal(read.width, 2);
    const float expected[] = { 0, 1, 128 / 255.0f, 0, 1, 0 };
    assert_memory_equal(read.values, expected, sizeof expected);
    clade_pgm_free(context, &read);
    scratch_remove(&scratch);
    clade_context_free(context);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text_and_bytes_read_the_same),
        cmocka_unit_test(test_malformed_files_are_one_clear_line),
        cmocka_unit_test(test_lying_sizes_cost_no_memory),
        cmocka_unit_test(test_written_picture_reads_back_clipped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
