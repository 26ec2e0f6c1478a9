/* Every fallible OpenCL call, and every allocation, of a short life of a device is made to fail once, in turn: each time
 * a clean error or the right result, and nothing left behind. */
#include "helpers.h"

#include "support/short_memory.h"

#include <stdlib.h>
#include <string.h>

enum { N = 500 };

/* What a run uses, so that one place frees it however far the run came. */
typedef struct life {
    clade_device *device;
    clade_buffer whole, slice;
    clade_commands *commands;
    clade_ticket *ticket;
    int32_t got[N];
} life;

static clade_status prepare(clade_context *context, life *l, bool profiling) {
    clade_device_pick pick = { .parts = 1 };
    const clade_property *properties = NULL;
    size_t count = 0;
    clade_status status = clade_device_choose(context, NULL, &pick.index, NULL);
    if (status == CLADE_OK) status = clade_device_properties(context, pick.index, &properties, &count);
    if (status == CLADE_OK)
        status = profiling ? clade_device_open_profiling(context, &pick, &l->device)
                           : clade_device_open(context, pick.index, &l->device);
    if (status == CLADE_OK) status = clade_buffer_new(l->device, 1 << 14, "a buffer", &l->whole);
    if (status == CLADE_OK) status = clade_buffer_slice(&l->whole, 0, 1 << 12, "a slice", &l->slice);
    if (status == CLADE_OK) status = clade_buffer_write(&l->whole, 0, "text", 4);
    if (status == CLADE_OK) status = clade_buffer_fill(&l->whole, 1);
    if (status == CLADE_OK) status = clade_commands_new(l->device, &l->commands);
    if (status == CLADE_OK) status = record_ramp(l->commands, &l->slice, N, 9);
    if (status == CLADE_OK) status = clade_commands_fill(l->commands, "clear", &l->slice, 0);
    if (status == CLADE_OK) status = record_ramp(l->commands, &l->slice, N, 4);
    return status;
}

static clade_status run(life *l) {
    clade_command_time times[3];
    clade_status status = clade_commands_time(l->commands, times);
    if (status == CLADE_OK) status = clade_commands_enqueue(l->commands);
    if (status == CLADE_OK) status = clade_ticket_new(l->device, &l->ticket);
    if (status == CLADE_OK) status = clade_ticket_read(l->ticket, &l->slice, l->got, sizeof l->got);
    if (status == CLADE_OK) status = clade_ticket_submit(l->ticket);
    if (status == CLADE_OK) status = clade_ticket_wait(l->ticket);
    if (status == CLADE_OK) status = clade_ticket_submit(l->ticket);
    if (status == CLADE_OK) status = clade_ticket_wait(l->ticket);
    if (status == CLADE_OK) status = clade_device_flush(l->device);
    if (status == CLADE_OK) status = clade_device_finish(l->device);
    if (status == CLADE_OK) status = clade_buffer_read(&l->slice, 0, l->got, sizeof l->got);
    return status;
}

static void end(life *l) {
    clade_ticket_free(l->ticket);
    clade_commands_free(l->commands);
    clade_buffer_free(&l->slice);
    clade_buffer_free(&l->whole);
    clade_device_close(l->device);
}

static clade_status live(clade_context *context, bool profiling) {
    static life l;
    memset(&l, 0, sizeof l);
    clade_status status = prepare(context, &l, profiling);
    if (status == CLADE_OK) status = run(&l);
    for (int i = 0; i < N && status == CLADE_OK; i++)
        assert_int_equal(l.got[i], 4 * i);
    end(&l);
    return status;
}

/* Fails each call in turn and returns how many there were. */
static uint64_t fail_every_call(bool profiling) {
    for (uint64_t nth = 1;; nth++) {
        clade_context *context = clade_context_new(NULL);
        clade_opencl *opencl = NULL;
        assert_non_null(context);
        assert_ok(context, clade_opencl_load(context, &opencl));
        clade_opencl_fail_at(opencl, nth, CL_OUT_OF_RESOURCES);
        clade_status status = live(context, profiling);
        if (status != CLADE_OK) {
            assert_true(clade_opencl_failed(opencl));
            assert_true(status == CLADE_ERROR_DEVICE || status == CLADE_ERROR_ARGUMENT);
            assert_true(strlen(clade_error(context)) > 0);
            assert_null(strchr(clade_error(context), '\n'));
        }
        const bool came = clade_opencl_failed(opencl);
        if (clade_opencl_objects(opencl) != 0)
            fail_msg("call %llu failed and left %lld objects: %s", (unsigned long long)nth,
                     (long long)clade_opencl_objects(opencl), clade_error(context));
        clade_context_free(context);
        if (!came) {
            assert_int_equal(status, CLADE_OK);
            return nth - 1;
        }
    }
}

static void test_every_call_may_fail_with_programs_from_the_disk(void **state) {
    (void)state;
    assert_true(fail_every_call(false) > 60);
}

static void test_every_call_may_fail_with_profiling(void **state) {
    (void)state;
    assert_true(fail_every_call(true) > 80);
}

static void test_every_call_may_fail_with_programs_compiled(void **state) {
    (void)state;
    setenv("CLADE_PROGRAM_CACHE", "none", 1);
    assert_true(fail_every_call(false) > 60);
    unsetenv("CLADE_PROGRAM_CACHE");
}

static void test_every_allocation_may_be_refused(void **state) {
    (void)state;
    for (long nth = 1;; nth++) {
        short_memory memory = { .refuse_at = 0 };
        clade_context *context = short_memory_context(&memory);
        assert_non_null(context);
        memory.refuse_at = nth;
        clade_status status = live(context, false);
        const bool came = memory.refused;
        if (status != CLADE_OK) assert_true(came);
        if (clade_context_opencl(context) != NULL)
            assert_int_equal(clade_opencl_objects(clade_context_opencl(context)), 0);
        clade_context_free(context);
        assert_int_equal(memory.alive, 0);
        if (!came) {
            assert_true(nth > 10);
            return;
        }
    }
}

static void test_failure_can_be_asked_for_from_the_environment(void **state) {
    (void)state;
    size_t count = 0;
    setenv("CLADE_FAIL_CALL", "1", 1);
    clade_context *context = clade_context_new(NULL);
    assert_fault(context, CLADE_ERROR_DEVICE, "CL_OUT_OF_RESOURCES (-5)", clade_device_count(context, &count));
    unsetenv("CLADE_FAIL_CALL");
    assert_ok(context, clade_device_count(context, &count));
    clade_context_free(context);
}

static void count_lines(void *user, clade_log_level level, const char *line) {
    (void)level;
    if (strstr(line, " clGetPlatformIDs(") != NULL && strstr(line, ") -> CL_SUCCESS (0)") != NULL) ++*(int *)user;
}

static void test_calls_are_traced_into_the_log(void **state) {
    (void)state;
    int lines = 0;
    size_t count = 0;
    setenv("CLADE_TRACE", "1", 1);
    clade_context *context = clade_context_new(
        &(clade_context_options){ .size = sizeof(clade_context_options), .log = count_lines, .user = &lines });
    assert_ok(context, clade_device_count(context, &count));
    unsetenv("CLADE_TRACE");
    assert_int_equal(lines, 1);
    assert_int_equal(clade_opencl_calls(clade_context_opencl(context), CLADE_CL_GetPlatformIDs), 1);
    clade_context_free(context);
}

static void test_error_codes_have_names(void **state) {
    (void)state;
    assert_string_equal(clade_opencl_error_name(CL_OUT_OF_RESOURCES), "CL_OUT_OF_RESOURCES");
    assert_string_equal(clade_opencl_error_name(-1001), "CL_PLATFORM_NOT_FOUND_KHR");
    assert_string_equal(clade_opencl_error_name(-12345), "unknown OpenCL error");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_call_may_fail_with_programs_from_the_disk),
        cmocka_unit_test(test_every_call_may_fail_with_profiling),
        cmocka_unit_test(test_every_call_may_fail_with_programs_compiled),
        cmocka_unit_test(test_every_allocation_may_be_refused),
        cmocka_unit_test(test_failure_can_be_asked_for_from_the_environment),
        cmocka_unit_test(test_calls_are_traced_into_the_log),
        cmocka_unit_test(test_error_codes_have_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
