/* The disk cache of programs: found again, never believed when damaged, kept under its limit. */
#include "helpers.h"

#include "base/file.h"
#include "device/state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utime.h>

static scratch_folder cache;

static int use_new_cache(void **state) {
    (void)state;
    scratch_make(&cache);
    use_own_cache(&cache);
    unsetenv("CLADE_PROGRAM_CACHE");
    unsetenv("CLADE_CACHE_LIMIT");
    return 0;
}

static int remove_cache(void **state) {
    (void)state;
    scratch_remove(&cache);
    return 0;
}

static char source_text[512];

/* Runs a small program on a device of its own, checks its numbers, and says where the program came from. */
static clade_program_statistics run_once(int version) {
    fixture *f = NULL;
    assert_int_equal(open_fixture((void **)&f), 0);
    int32_t got = 0;
    clade_buffer out;
    clade_commands *commands = NULL;
    snprintf(source_text, sizeof source_text,
             "__kernel void version(__global int *out) { if (get_global_id(0) == 0) out[0] = %d; }\n", version);
    assert_ok(f->context, clade_buffer_new(f->device, sizeof got, "out", &out));
    assert_ok(f->context, clade_commands_new(f->device, &commands));
    const clade_argument arguments[] = { clade_buffer_argument(&out) };
    const clade_launch launch = { .source = source_text,
                                  .title = "version",
                                  .kernel = "version",
                                  .global = { 1 },
                                  .arguments = arguments,
                                  .argument_count = 1 };
    assert_ok(f->context, clade_commands_launch(commands, &launch));
    assert_ok(f->context, clade_commands_enqueue(commands));
    assert_ok(f->context, clade_buffer_read(&out, 0, &got, sizeof got));
    assert_int_equal(got, version);
    assert_ok(f->context, clade_device_finish(f->device));
    const clade_program_statistics statistics = clade_device_programs(f->device);
    clade_commands_free(commands);
    clade_buffer_free(&out);
    close_fixture((void **)&f);
    return statistics;
}

/* The entries of the cache's folder; the path of the first in PATH. */
static size_t list_entries(char *path, size_t size) {
    clade_context *context = clade_context_new(NULL);
    clade_folder_entry *entries = NULL;
    size_t count = 0;
    char *folder = clade_program_cache_folder(context);
    assert_non_null(folder);
    if (clade_folder_list(context, folder, &entries, &count) == CLADE_OK && count > 0)
        snprintf(path, size, "%s/%s", folder, entries[0].name);
    clade_folder_free(context, entries, count);
    clade_free(context, folder);
    clade_context_free(context);
    return count;
}

static size_t read_whole(const char *path, unsigned char **data) {
    clade_context *context = clade_context_new(NULL);
    char *read = NULL;
    size_t bytes = 0;
    assert_ok(context, clade_file_read(context, path, 1 << 26, &read, &bytes));
    *data = malloc(bytes);
    assert_non_null(*data);
    memcpy(*data, read, bytes);
    clade_free(context, read);
    clade_context_free(context);
    return bytes;
}

static void write_whole(const char *path, const unsigned char *data, size_t bytes) {
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(data, 1, bytes, file), bytes);
    assert_int_equal(fclose(file), 0);
}

static void assert_source(clade_program_statistics got, size_t compiled, size_t from_disk, size_t rebuilt) {
    assert_int_equal(got.compiled, compiled);
    assert_int_equal(got.from_disk, from_disk);
    assert_int_equal(got.rebuilt, rebuilt);
}

static void test_second_device_loads_what_the_first_compiled(void **state) {
    (void)state;
    char path[1024] = "";
    assert_source(run_once(1), 1, 0, 0);
    assert_int_equal(list_entries(path, sizeof path), 1);
    assert_source(run_once(1), 0, 1, 0);
    assert_source(run_once(2), 1, 0, 0);
    assert_int_equal(list_entries(path, sizeof path), 2);
}

static void test_cache_can_be_turned_off(void **state) {
    (void)state;
    char path[1024] = "";
    setenv("CLADE_PROGRAM_CACHE", "none", 1);
    assert_source(run_once(1), 1, 0, 0);
    assert_source(run_once(1), 1, 0, 0);
    unsetenv("CLADE_PROGRAM_CACHE");
    assert_int_equal(list_entries(path, sizeof path), 0);
}

static void test_cache_that_cannot_be_written_is_done_without(void **state) {
    (void)state;
    char file[600];
    snprintf(file, sizeof file, "%s", scratch_write(&cache, "clade", "a file stands here", 18));
    assert_source(run_once(1), 1, 0, 0);
    assert_source(run_once(1), 1, 0, 0);
    assert_int_equal(remove(file), 0);
}

static clade_program_key any_key(uint8_t seed) {
    clade_program_key key;
    memset(key.digest, seed, sizeof key.digest);
    return key;
}

static void test_every_damaged_byte_and_every_length_is_noticed(void **state) {
    (void)state;
    clade_context *context = clade_context_new(NULL);
    const clade_program_key key = any_key(7), other = any_key(8);
    unsigned char binary[200], *whole = NULL, *loaded = NULL;
    char path[1024] = "", *folder = clade_program_cache_folder(context);
    size_t bytes = 0;
    bool damaged = true;
    for (size_t i = 0; i < sizeof binary; i++)
        binary[i] = (unsigned char)(31 * i);
    clade_program_cache_store(context, folder, &key, binary, sizeof binary);
    assert_int_equal(list_entries(path, sizeof path), 1);
    assert_true(clade_program_cache_load(context, folder, &key, &loaded, &bytes, &damaged));
    assert_false(damaged);
    assert_int_equal(bytes, sizeof binary);
    assert_memory_equal(loaded, binary, bytes);
    clade_free(context, loaded);
    assert_false(clade_program_cache_load(context, folder, &other, &loaded, &bytes, &damaged));
    assert_false(damaged);
    const size_t length = read_whole(path, &whole);
    for (size_t i = 0; i < length; i++) {
        whole[i] ^= (unsigned char)(1u << (i % 8));
        write_whole(path, whole, length);
        whole[i] ^= (unsigned char)(1u << (i % 8));
        assert_false(clade_program_cache_load(context, folder, &key, &loaded, &bytes, &damaged));
        assert_true(damaged);
        write_whole(path, whole, i);
        assert_false(clade_program_cache_load(context, folder, &key, &loaded, &bytes, &damaged));
        assert_true(damaged);
    }
    write_whole(path, whole, length);
    assert_true(clade_program_cache_load(context, folder, &key, &loaded, &bytes, &damaged));
    clade_free(context, loaded);
    free(whole);
    clade_free(context, folder);
    clade_context_free(context);
}

static void test_damaged_entries_are_rebuilt_and_rewritten(void **state) {
    (void)state;
    char path[1024] = "";
    unsigned char *good = NULL;
    assert_source(run_once(3), 1, 0, 0);
    assert_int_equal(list_entries(path, sizeof path), 1);
    const size_t length = read_whole(path, &good);
    static const double places[] = { 0, 0.3, 0.7 };
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        good[(size_t)(places[i] * (double)length)] ^= 0x40;
        write_whole(path, good, length);
        good[(size_t)(places[i] * (double)length)] ^= 0x40;
        assert_source(run_once(3), 1, 0, 1);
        assert_source(run_once(3), 0, 1, 0);
    }
    write_whole(path, good, length / 2);
    assert_source(run_once(3), 1, 0, 1);
    write_whole(path, good, 0);
    assert_source(run_once(3), 1, 0, 1);
    free(good);
}

static void test_entry_of_another_program_is_not_taken(void **state) {
    (void)state;
    char first[1024] = "", path[1024] = "";
    unsigned char *foreign = NULL;
    run_once(4);
    list_entries(first, sizeof first);
    const size_t length = read_whole(first, &foreign);
    assert_int_equal(remove(first), 0);
    run_once(5);
    list_entries(path, sizeof path);
    write_whole(path, foreign, length);
    free(foreign);
    assert_source(run_once(5), 1, 0, 1);
}

static void test_whole_entry_that_the_driver_refuses_is_rebuilt(void **state) {
    (void)state;
    clade_context *context = clade_context_new(NULL);
    char path[1024] = "", hex[3] = "", *folder = clade_program_cache_folder(context);
    clade_program_key key;
    const fixture *f = NULL;
    assert_int_equal(open_fixture((void **)&f), 0);
    const bool rusticl = strcmp(f->device->platform_name, "rusticl") == 0;
    close_fixture((void **)&f);
    if (rusticl) { /* Mesa 22.3 ends the process over a binary that is none */
        clade_free(context, folder);
        clade_context_free(context);
        skip();
    }
    run_once(6);
    list_entries(path, sizeof path);
    const char *name = strrchr(path, '/') + 1;
    for (size_t i = 0; i < sizeof key.digest; i++) {
        memcpy(hex, name + 2 * i, 2);
        key.digest[i] = (uint8_t)strtoul(hex, NULL, 16);
    }
    clade_program_cache_store(context, folder, &key, (const unsigned char *)"not a program", 13);
    clade_free(context, folder);
    clade_context_free(context);
    assert_source(run_once(6), 1, 0, 1);
    assert_source(run_once(6), 0, 1, 0);
}

static void test_entries_used_longest_ago_go_first(void **state) {
    (void)state;
    clade_context *context = clade_context_new(NULL);
    char *folder = clade_program_cache_folder(context), path[1200];
    unsigned char binary[1000] = { 1 }, *loaded = NULL;
    size_t bytes = 0;
    bool damaged = false;
    setenv("CLADE_CACHE_LIMIT", "4400", 1); /* four entries of 1084 bytes */
    for (uint8_t i = 0; i < 4; i++) {
        const clade_program_key key = any_key(i);
        clade_program_cache_store(context, folder, &key, binary, sizeof binary);
        snprintf(path, sizeof path, "%s/", folder);
        for (int k = 0; k < 32; k++)
            snprintf(path + strlen(path), 3, "%02x", i);
        strcat(path, ".bin");
        const struct utimbuf old = { .actime = 1000000 + i, .modtime = 1000000 + i };
        assert_int_equal(utime(path, &old), 0);
    }
    /* Using the oldest makes it the newest, so the second oldest has to go. */
    const clade_program_key first = any_key(0), second = any_key(1), last = any_key(9);
    assert_true(clade_program_cache_load(context, folder, &first, &loaded, &bytes, &damaged));
    clade_free(context, loaded);
    clade_program_cache_store(context, folder, &last, binary, sizeof binary);
    assert_int_equal(list_entries(path, sizeof path), 4);
    assert_false(clade_program_cache_load(context, folder, &second, &loaded, &bytes, &damaged));
    assert_true(clade_program_cache_load(context, folder, &first, &loaded, &bytes, &damaged));
    clade_free(context, loaded);
    clade_free(context, folder);
    clade_context_free(context);
}

int main(void) {
#define TEST(NAME) cmocka_unit_test_setup_teardown(NAME, use_new_cache, remove_cache)
    const struct CMUnitTest tests[] = {
        TEST(test_second_device_loads_what_the_first_compiled),
        TEST(test_cache_can_be_turned_off),
        TEST(test_cache_that_cannot_be_written_is_done_without),
        TEST(test_every_damaged_byte_and_every_length_is_noticed),
        TEST(test_damaged_entries_are_rebuilt_and_rewritten),
        TEST(test_entry_of_another_program_is_not_taken),
        TEST(test_whole_entry_that_the_driver_refuses_is_rebuilt),
        TEST(test_entries_used_longest_ago_go_first),
    };
    /* With several devices the default would run the probe, a program of its own. */
    setenv("CLADE_DEVICE", "0", 0);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
