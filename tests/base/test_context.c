/* The context: its error text, log and allocator. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/context.h"
#include "base/thread.h"
#include "support/short_memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void test_failure_leaves_its_status_and_words(void **state) {
    (void)state;
    clade_context *context = clade_context_new(NULL);
    assert_string_equal(clade_error(context), "");
    assert_int_equal(clade_fail(context, CLADE_ERROR_INPUT, "%s: line %d", "a.csv", 7), CLADE_ERROR_INPUT);
    assert_string_equal(clade_error(context), "a.csv: line 7");
    clade_fail(context, CLADE_ERROR_DEVICE, "because: %s", clade_error(context));
    assert_string_equal(clade_error(context), "because: a.csv: line 7");
    assert_int_equal(clade_fail_memory(context, 12, "labels"), CLADE_ERROR_MEMORY);
    assert_non_null(strstr(clade_error(context), "12 bytes for labels"));
    clade_context_free(context);
}

static void test_long_words_are_kept_whole(void **state) {
    (void)state;
    clade_context *context = clade_context_new(NULL);
    char *text = malloc(100001);
    assert_non_null(text);
    memset(text, 'x', 100000);
    text[100000] = '\0';
    clade_fail(context, CLADE_ERROR_COMPILE, "%s", text);
    assert_string_equal(clade_error(context), text);
    free(text);
    clade_context_free(context);
}

static void test_words_are_kept_when_memory_is_short(void **state) {
    (void)state;
    short_memory memory;
    clade_context *context = short_memory_context(&memory);
    clade_fail(context, CLADE_ERROR_INPUT, "the first");
    memory.refuse_at = 1;
    clade_fail(context, CLADE_ERROR_MEMORY, "the second, %d bytes", 9);
    assert_true(memory.refused);
    assert_string_equal(clade_error(context), "the second, 9 bytes");
    clade_context_free(context);
    assert_int_equal(memory.alive, 0);
}

static void *fail_often(void *argument) {
    for (int i = 0; i < 2000; i++)
        clade_fail(argument, CLADE_ERROR_DEVICE, "number %d", i);
    return NULL;
}

static void test_threads_may_fail_at_once(void **state) {
    (void)state;
    clade_context *context = clade_context_new(NULL);
    clade_thread threads[4];
    for (int i = 0; i < 4; i++)
        assert_int_equal(clade_thread_start(context, &threads[i], fail_often, context), CLADE_OK);
    for (int i = 0; i < 4; i++)
        clade_thread_join(&threads[i]);
    assert_string_equal(clade_error(context), "number 1999");
    clade_context_free(context);
}

static void keep_line(void *user, clade_log_level level, const char *line) {
    snprintf(user, 64, "%d:%s", (int)level, line);
}

static void test_log_goes_to_the_callers_function(void **state) {
    (void)state;
    char kept[64] = "";
    clade_context_options options = { .size = sizeof options, .log = keep_line, .user = kept };
    clade_context *context = clade_context_new(&options);
    clade_log(context, CLADE_LOG_WARNING, "%d left", 3);
    assert_string_equal(kept, "2:3 left");
    clade_context_free(context);
    context = clade_context_new(NULL);
    clade_log(context, CLADE_LOG_WARNING, "nobody hears");
    clade_context_free(context);
}

static void test_options_of_an_older_caller_are_taken_as_far_as_they_go(void **state) {
    (void)state;
    char kept[64] = "";
    clade_context_options options = { .size = offsetof(clade_context_options, log), .log = keep_line, .user = kept };
    clade_context *context = clade_context_new(&options);
    clade_log(context, CLADE_LOG_INFO, "not for it");
    assert_string_equal(kept, "");
    clade_context_free(context);
}

static void test_allocations_are_zeroed_and_overflow_is_refused(void **state) {
    (void)state;
    clade_context *context = clade_context_new(NULL);
    unsigned char *memory = clade_allocate(context, 100, 3);
    for (int i = 0; i < 300; i++)
        assert_int_equal(memory[i], 0);
    memory = clade_reallocate(context, memory, 1000, 1);
    assert_non_null(memory);
    clade_free(context, memory);
    clade_free(context, NULL);
    assert_null(clade_allocate(context, SIZE_MAX / 2, 3));
    void *empty = clade_allocate(context, 0, 8);
    assert_non_null(empty);
    clade_free(context, empty);
    char *copy = clade_duplicate(context, "copy");
    assert_string_equal(copy, "copy");
    clade_free(context, copy);
    clade_context_free(context);
    clade_context_free(NULL);
}

static void test_words_exist_for_every_status_and_for_no_context(void **state) {
    (void)state;
    assert_string_equal(clade_error(NULL), "");
    for (int status = 0; status <= CLADE_ERROR_INTERRUPTED; status++)
        assert_string_not_equal(clade_status_text((clade_status)status), "unknown status");
    assert_string_equal(clade_status_text((clade_status)1000), "unknown status");
    assert_true(strlen(clade_version()) >= 5);
}

static void test_empty_environment_variable_counts_as_unset(void **state) {
    (void)state;
    setenv("CLADE_TEST_VARIABLE", "", 1);
    assert_null(clade_environment("CLADE_TEST_VARIABLE"));
    setenv("CLADE_TEST_VARIABLE", "x", 1);
    assert_string_equal(clade_environment("CLADE_TEST_VARIABLE"), "x");
    unsetenv("CLADE_TEST_VARIABLE");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_failure_leaves_its_status_and_words),
        cmocka_unit_test(test_long_words_are_kept_whole),
        cmocka_unit_test(test_words_are_kept_when_memory_is_short),
        cmocka_unit_test(test_threads_may_fail_at_once),
        cmocka_unit_test(test_log_goes_to_the_callers_function),
        cmocka_unit_test(test_options_of_an_older_caller_are_taken_as_far_as_they_go),
        cmocka_unit_test(test_allocations_are_zeroed_and_overflow_is_refused),
        cmocka_unit_test(test_words_exist_for_every_status_and_for_no_context),
        cmocka_unit_test(test_empty_environment_variable_counts_as_unset),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
