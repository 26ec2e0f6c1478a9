/* Files of records: what is written is read, whatever is done to the file by bad disks and other processes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/file.h"
#include "support/scratch.h"
#include "tune/records.h"

#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static const char device[] = "a device | 1.0 | a platform";

typedef struct fixture {
    clade_context *context;
    scratch_folder scratch;
    char path[512];
    int warnings;
} fixture;

static void count_warnings(void *user, clade_log_level level, const char *line) {
    (void)line;
    if (level == CLADE_LOG_WARNING) ((fixture *)user)->warnings++;
}

static int set_up(void **state) {
    static fixture f;
    f = (fixture){ .warnings = 0 };
    f.context = clade_context_new(
        &(clade_context_options){ .size = sizeof(clade_context_options), .log = count_warnings, .user = &f });
    scratch_make(&f.scratch);
    snprintf(f.path, sizeof f.path, "%s", scratch_path(&f.scratch, "deeper/some.records"));
    *state = &f;
    return 0;
}

static int tear_down(void **state) {
    fixture *f = *state;
    scratch_remove(&f->scratch);
    clade_context_free(f->context);
    return 0;
}

static void open_records(fixture *f, clade_records *records) {
    if (clade_records_open(f->context, f->path, device, records) != CLADE_OK) fail_msg("%s", clade_error(f->context));
}

static clade_record record(const char *kind, const char *signature, double microseconds) {
    return (clade_record){ .kind = kind,
                           .kernels = 0xfedcba9876543210u,
                           .candidate = "packed/2",
                           .microseconds = microseconds,
                           .signature = signature,
                           .detail = "why\tand\nhow" };
}

static void append(fixture *f, clade_records *records, const char *kind, const char *signature) {
    const clade_record one = record(kind, signature, 12.5);
    if (clade_records_append(records, &one) != CLADE_OK) fail_msg("%s", clade_error(f->context));
}

static void test_what_is_appended_is_read_again(void **state) {
    fixture *f = *state;
    clade_records records;
    open_records(f, &records);
    assert_int_equal(records.count, 0);
    append(f, &records, "best", "matmul 1x2");
    append(f, &records, "time", "conv2d 3,3");
    clade_records_close(&records);
    open_records(f, &records);
    assert_int_equal(records.count, 2);
    assert_string_equal(records.list[0].kind, "best");
    assert_true(records.list[0].kernels == 0xfedcba9876543210u);
    assert_string_equal(records.list[0].candidate, "packed/2");
    assert_true(records.list[0].microseconds == 12.5);
    assert_string_equal(records.list[0].signature, "matmul 1x2");
    assert_string_equal(records.list[0].detail, "why and how");
    assert_string_equal(records.list[1].signature, "conv2d 3,3");
    clade_records_close(&records);
    assert_int_equal(f->warnings, 0);
}

static bool has_signature(const clade_record *one, const void *signature) {
    return strcmp(one->signature, signature) == 0;
}

static void test_a_change_sees_what_another_has_appended_meanwhile(void **state) {
    fixture *f = *state;
    clade_records mine, others;
    open_records(f, &mine);
    open_records(f, &others);
    append(f, &others, "time", "kept");
    append(f, &others, "time", "dropped");
    const clade_record added = record("best", "added", 1);
    assert_int_equal(clade_records_change(&mine, has_signature, "dropped", &added, 1), CLADE_OK);
    assert_int_equal(mine.count, 2);
    assert_string_equal(mine.list[0].signature, "kept");
    assert_string_equal(mine.list[1].signature, "added");
    clade_records_close(&others);
    open_records(f, &others);
    assert_int_equal(others.count, 2);
    clade_records_close(&mine);
    clade_records_close(&others);
}

/* Writes a file of three records, lets SPOIL alter its bytes, and expects the LEFT good ones, one warning, and silence
 * afterwards. */
static void spoil_and_open(fixture *f, size_t (*spoil)(char *data, size_t bytes), size_t left) {
    clade_records records;
    char *data;
    size_t bytes;
    open_records(f, &records);
    append(f, &records, "best", "first");
    append(f, &records, "best", "second");
    append(f, &records, "best", "third");
    clade_records_close(&records);
    assert_int_equal(clade_file_read(f->context, f->path, 1 << 20, &data, &bytes), CLADE_OK);
    bytes = spoil(data, bytes);
    assert_int_equal(clade_file_write(f->context, f->path, data, bytes), CLADE_OK);
    clade_free(f->context, data);
    for (int i = 0; i < 2; i++) {
        open_records(f, &records);
        assert_int_equal(records.count, left);
        clade_records_close(&records);
        assert_int_equal(f->warnings, 1);
    }
}

static size_t tear(char *data, size_t bytes) {
    (void)data;
    return bytes - 7;
}
static size_t flip(char *data, size_t bytes) {
    *strstr(data, "second") ^= 1;
    return bytes;
}
static size_t blank(char *data, size_t bytes) {
    memset(data, 0, bytes);
    return bytes;
}
static size_t empty(char *data, size_t bytes) {
    (void)data;
    (void)bytes;
    return 0;
}

static void test_a_torn_end_costs_one_record(void **state) {
    spoil_and_open(*state, tear, 2);
}
static void test_a_flipped_bit_costs_one_record(void **state) {
    spoil_and_open(*state, flip, 2);
}
static void test_a_file_of_zeros_is_begun_again(void **state) {
    spoil_and_open(*state, blank, 0);
}
static void test_an_empty_file_is_begun_again(void **state) {
    spoil_and_open(*state, empty, 0);
}

static void test_a_file_of_another_device_is_left_alone(void **state) {
    fixture *f = *state;
    clade_records records;
    open_records(f, &records);
    append(f, &records, "best", "first");
    clade_records_close(&records);
    assert_int_equal(clade_records_open(f->context, f->path, "another | 1 | x", &records), CLADE_ERROR_INPUT);
    assert_non_null(strstr(clade_error(f->context), "is of another device"));
    assert_int_equal(clade_records_change(&records, NULL, NULL, NULL, 0), CLADE_OK); /* in memory */
    clade_records_close(&records);
    open_records(f, &records);
    assert_int_equal(records.count, 1);
    clade_records_close(&records);
}

static void test_without_a_path_records_stay_in_memory(void **state) {
    fixture *f = *state;
    clade_records records;
    assert_int_equal(clade_records_open(f->context, NULL, device, &records), CLADE_OK);
    append(f, &records, "best", "first");
    assert_int_equal(records.count, 1);
    clade_records_close(&records);
}

enum { PROCESSES = 4, EACH = 25 };

static void test_processes_that_write_at_once_lose_nothing(void **state) {
    fixture *f = *state;
    clade_records records;
    pid_t children[PROCESSES];
    for (int p = 0; p < PROCESSES; p++) {
        children[p] = fork();
        if (children[p] != 0) continue;
        clade_status status = clade_records_open(f->context, f->path, device, &records);
        for (int i = 0; i < EACH && status == CLADE_OK; i++) {
            char signature[32];
            snprintf(signature, sizeof signature, "process %d record %d", p, i);
            const clade_record one = record("best", signature, 1);
            status =
                i % 5 == 4 ? clade_records_change(&records, NULL, NULL, &one, 1) : clade_records_append(&records, &one);
        }
        _exit(status == CLADE_OK ? 0 : 1);
    }
    for (int p = 0; p < PROCESSES; p++) {
        int result = -1;
        waitpid(children[p], &result, 0);
        assert_int_equal(result, 0);
    }
    open_records(f, &records);
    assert_int_equal(records.count, PROCESSES * EACH);
    clade_records_close(&records);
    assert_int_equal(f->warnings, 0);
}

#define TEST(NAME) cmocka_unit_test_setup_teardown(NAME, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_what_is_appended_is_read_again),
        TEST(test_a_change_sees_what_another_has_appended_meanwhile),
        TEST(test_a_torn_end_costs_one_record),
        TEST(test_a_flipped_bit_costs_one_record),
        TEST(test_a_file_of_zeros_is_begun_again),
        TEST(test_an_empty_file_is_begun_again),
        TEST(test_a_file_of_another_device_is_left_alone),
        TEST(test_without_a_path_records_stay_in_memory),
        TEST(test_processes_that_write_at_once_lose_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
