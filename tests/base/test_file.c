/* Files: bounded reads, writes that are whole or not at all (with the disk full at every length), folders. */
#include "base/file.h"
#include "support/scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

struct fixture {
    clade_context *context;
    scratch_folder scratch;
};

static int set_up(void **state) {
    struct fixture *fixture = calloc(1, sizeof *fixture);
    assert_non_null(fixture);
    fixture->context = clade_context_new(NULL);
    scratch_make(&fixture->scratch);
    *state = fixture;
    return 0;
}

static int tear_down(void **state) {
    struct fixture *fixture = *state;
    scratch_remove(&fixture->scratch);
    clade_context_free(fixture->context);
    free(fixture);
    return 0;
}

static void assert_content(clade_context *context, const char *path, const char *expected) {
    char *data = NULL;
    size_t bytes = 0;
    assert_int_equal(clade_file_read(context, path, 1 << 20, &data, &bytes), CLADE_OK);
    assert_int_equal(bytes, strlen(expected));
    assert_string_equal(data, expected);
    clade_free(context, data);
}

static void test_write_then_read_replaces_the_whole(void **state) {
    struct fixture *f = *state;
    const char *path = scratch_path(&f->scratch, "x");
    assert_int_equal(clade_file_write(f->context, path, "a longer text", 13), CLADE_OK);
    assert_content(f->context, path, "a longer text");
    assert_int_equal(clade_file_write(f->context, path, "short", 5), CLADE_OK);
    assert_content(f->context, path, "short");
    assert_int_equal(clade_file_write(f->context, path, NULL, 0), CLADE_OK);
    assert_content(f->context, path, "");
    assert_int_equal(scratch_count(&f->scratch), 1);
}

static void test_read_faults_name_the_path(void **state) {
    struct fixture *f = *state;
    char *data = NULL;
    size_t bytes = 0;
    const char *path = scratch_path(&f->scratch, "absent");
    assert_int_equal(clade_file_read(f->context, path, 10, &data, &bytes), CLADE_ERROR_INPUT);
    assert_non_null(strstr(clade_error(f->context), "absent: cannot open: No such file or directory"));
    path = scratch_write(&f->scratch, "long", "0123456789", 10);
    assert_int_equal(clade_file_read(f->context, path, 9, &data, &bytes), CLADE_ERROR_INPUT);
    assert_non_null(strstr(clade_error(f->context), "long: 10 bytes, more than the 9"));
    assert_int_equal(clade_file_read(f->context, f->scratch.folder, 9, &data, &bytes), CLADE_ERROR_INPUT);
    assert_non_null(strstr(clade_error(f->context), "a folder, not a regular file"));
    path = scratch_path(&f->scratch, "pipe");
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_int_equal(clade_file_read(f->context, path, 9, &data, &bytes), CLADE_ERROR_INPUT);
    assert_null(data);
}

/* A limit on the size of files stands for a full disk: the write stops part of the way. */
static void test_full_disk_keeps_the_old_file_and_leaves_nothing(void **state) {
    struct fixture *f = *state;
    static const char data[40000];
    const char *path = scratch_write(&f->scratch, "kept", "old", 3);
    struct rlimit before, limit;
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    for (rlim_t bytes = 0; bytes < sizeof data; bytes += 3333) {
        limit = (struct rlimit){ bytes, before.rlim_max };
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
        clade_status status = clade_file_write(f->context, path, data, sizeof data);
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
        assert_int_equal(status, CLADE_ERROR_SYSTEM);
        assert_non_null(strstr(clade_error(f->context), "kept: cannot write 40000 bytes: "));
        assert_null(strchr(clade_error(f->context), '\n'));
        assert_content(f->context, path, "old");
        assert_int_equal(scratch_count(&f->scratch), 1);
    }
}

static void test_line_that_does_not_fit_is_cut_off_again(void **state) {
    struct fixture *f = *state;
    const char *path = scratch_path(&f->scratch, "lines");
    assert_int_equal(clade_file_append_line(f->context, path, "{1}"), CLADE_OK);
    assert_int_equal(clade_file_append_line(f->context, path, ""), CLADE_OK);
    struct rlimit before, limit;
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    limit = (struct rlimit){ 10, before.rlim_max };
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    clade_status status = clade_file_append_line(f->context, path, "0123456789");
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_equal(status, CLADE_ERROR_SYSTEM);
    assert_content(f->context, path, "{1}\n\n");
    assert_int_equal(clade_file_append_line(f->context, path, "{2}"), CLADE_OK);
    assert_content(f->context, path, "{1}\n\n{2}\n");
}

static void test_write_into_absent_folder_says_so(void **state) {
    struct fixture *f = *state;
    assert_int_not_equal(clade_file_write(f->context, scratch_path(&f->scratch, "no/x"), "1", 1), CLADE_OK);
    assert_non_null(strstr(clade_error(f->context), "no/x: cannot write 1 bytes: No such file"));
    assert_int_not_equal(clade_file_write(f->context, f->scratch.folder, "1", 1), CLADE_OK);
    assert_int_equal(scratch_count(&f->scratch), 0);
}

static void test_folders_are_made_listed_and_told_apart(void **state) {
    struct fixture *f = *state;
    const char *path = scratch_path(&f->scratch, "a//b/c/");
    assert_int_equal(clade_folder_make(f->context, path), CLADE_OK);
    assert_int_equal(clade_folder_make(f->context, path), CLADE_OK);
    assert_true(clade_file_is_folder(scratch_path(&f->scratch, "a/b/c")));
    path = scratch_write(&f->scratch, "file", "12345", 5);
    assert_true(clade_file_exists(path));
    assert_false(clade_file_is_folder(path));
    assert_int_not_equal(clade_folder_make(f->context, scratch_path(&f->scratch, "file/x")), CLADE_OK);

    clade_folder_entry *entries = NULL;
    size_t count = 0;
    scratch_write(&f->scratch, "B", "", 0);
    assert_int_equal(clade_folder_list(f->context, f->scratch.folder, &entries, &count), CLADE_OK);
    assert_int_equal(count, 3);
    assert_string_equal(entries[0].name, "B");
    assert_string_equal(entries[1].name, "a");
    assert_string_equal(entries[2].name, "file");
    assert_true(entries[1].is_folder && !entries[2].is_folder);
    assert_int_equal(entries[2].bytes, 5);
    assert_true(entries[2].modified_ns > 0);
    clade_folder_free(f->context, entries, count);
    assert_int_equal(clade_folder_list(f->context, scratch_path(&f->scratch, "none"), &entries, &count),
                     CLADE_ERROR_INPUT);
}

static void test_remove_accepts_absence(void **state) {
    struct fixture *f = *state;
    const char *path = scratch_write(&f->scratch, "x", "1", 1);
    assert_int_equal(clade_file_remove(f->context, path), CLADE_OK);
    assert_false(clade_file_exists(path));
    assert_int_equal(clade_file_remove(f->context, path), CLADE_OK);
}

static void test_touch_moves_the_time_forward(void **state) {
    struct fixture *f = *state;
    const char *path = scratch_write(&f->scratch, "x", "1", 1);
    const struct timespec old[2] = { { 1000, 0 }, { 1000, 0 } };
    assert_int_equal(utimensat(AT_FDCWD, path, old, 0), 0);
    clade_file_touch(path);
    struct stat after;
    assert_int_equal(stat(path, &after), 0);
    assert_true(after.st_mtime > 1000000);
    clade_file_touch(scratch_path(&f->scratch, "absent"));
}

static void test_cache_folder_follows_the_environment(void **state) {
    struct fixture *f = *state;
    static const struct {
        const char *cache, *home, *expected;
    } cases[] = {
        { "/c", "/h", "/c/clade" },
        { NULL, "/h", "/h/.cache/clade" },
        { "", "/h", "/h/.cache/clade" },
        { "relative", "/h", "/h/.cache/clade" },
        { NULL, NULL, NULL },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        cases[i].cache ? setenv("XDG_CACHE_HOME", cases[i].cache, 1) : unsetenv("XDG_CACHE_HOME");
        cases[i].home ? setenv("HOME", cases[i].home, 1) : unsetenv("HOME");
        char *folder = clade_cache_folder(f->context);
        if (cases[i].expected) {
            assert_non_null(folder);
            assert_string_equal(folder, cases[i].expected);
        } else {
            assert_null(folder);
        }
        clade_free(f->context, folder);
    }
}

#define TEST(NAME) cmocka_unit_test_setup_teardown(NAME, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_write_then_read_replaces_the_whole),
        TEST(test_read_faults_name_the_path),
        TEST(test_full_disk_keeps_the_old_file_and_leaves_nothing),
        TEST(test_line_that_does_not_fit_is_cut_off_again),
        TEST(test_write_into_absent_folder_says_so),
        TEST(test_folders_are_made_listed_and_told_apart),
        TEST(test_remove_accepts_absence),
        TEST(test_touch_moves_the_time_forward),
        TEST(test_cache_folder_follows_the_environment),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
