/* Lists of commands: right results with any size, and every check made before the driver could abort. */
#include "helpers.h"

#include <limits.h>
#include <string.h>

static clade_buffer buffer_of(fixture *f, size_t bytes) {
    clade_buffer buffer;
    assert_ok(f->context, clade_buffer_new(f->device, bytes, "a test's buffer", &buffer));
    return buffer;
}

static clade_commands *commands_of(fixture *f) {
    clade_commands *commands = NULL;
    assert_ok(f->context, clade_commands_new(f->device, &commands));
    return commands;
}

static void test_sizes_that_no_group_divides_are_covered(void **state) {
    fixture *f = *state;
    static const int64_t sizes[] = { 1, 2, 3, 7, 64, 255, 256, 257, 1009, 100003 };
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        clade_buffer out = buffer_of(f, (size_t)sizes[i] * sizeof(int32_t));
        clade_commands *commands = commands_of(f);
        assert_ok(f->context, record_ramp(commands, &out, sizes[i], 5));
        assert_ok(f->context, clade_commands_enqueue(commands));
        assert_ramp(f->context, &out, sizes[i], 5);
        clade_commands_free(commands);
        clade_buffer_free(&out);
    }
}

static const char planes_source[] =
    "__kernel void planes(__global int *out, int nx, int ny, int nz) {\n"
    "    int x = (int)get_global_id(0), y = (int)get_global_id(1), z = (int)get_global_id(2);\n"
    "    if (x < nx && y < ny && z < nz) out[(z * ny + y) * nx + x] = x + 100 * y + 10000 * z;\n"
    "}\n";

static void test_three_dimensions_are_covered(void **state) {
    fixture *f = *state;
    static const int sizes[][3] = { { 28, 28, 5 }, { 1, 33, 7 }, { 300, 1, 2 }, { 3, 3, 99 }, { 17, 61, 1 } };
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        const int nx = sizes[i][0], ny = sizes[i][1], nz = sizes[i][2];
        static int32_t got[4096];
        clade_buffer out = buffer_of(f, sizeof got);
        clade_commands *commands = commands_of(f);
        const clade_argument arguments[] = { clade_buffer_argument(&out), clade_int_argument(nx),
                                             clade_int_argument(ny), clade_int_argument(nz) };
        assert_ok(f->context,
                  clade_commands_launch(commands, &(clade_launch){ .source = planes_source,
                                                                   .title = "planes",
                                                                   .kernel = "planes",
                                                                   .global = { (size_t)nx, (size_t)ny, (size_t)nz },
                                                                   .arguments = arguments,
                                                                   .argument_count = 4 }));
        assert_ok(f->context, clade_commands_enqueue(commands));
        assert_ok(f->context, clade_buffer_read(&out, 0, got, sizeof got));
        for (int x = 0; x < nx; x++)
            for (int y = 0; y < ny; y++)
                for (int z = 0; z < nz; z++)
                    assert_int_equal(got[(z * ny + y) * nx + x], x + 100 * y + 10000 * z);
        clade_commands_free(commands);
        clade_buffer_free(&out);
    }
}

static void test_enqueueing_creates_nothing_and_sets_nothing(void **state) {
    fixture *f = *state;
    clade_opencl *opencl = f->device->opencl;
    clade_buffer out = buffer_of(f, 4000);
    clade_commands *commands = commands_of(f);
    assert_ok(f->context, record_ramp(commands, &out, 1000, 1));
    assert_ok(f->context, record_ramp(commands, &out, 1000, 2));
    assert_ok(f->context, record_ramp(commands, &out, 500, 3));
    assert_int_equal(clade_commands_count(commands), 3);
    assert_ok(f->context, clade_commands_enqueue(commands));
    assert_ok(f->context, clade_device_finish(f->device));
    const uint64_t creations = clade_opencl_creations(opencl), blocking = clade_opencl_blocking_calls(opencl);
    const uint64_t total = clade_opencl_calls_total(opencl);
    const uint64_t launches = clade_opencl_calls(opencl, CLADE_CL_EnqueueNDRangeKernel);
    for (int i = 0; i < 10; i++)
        assert_ok(f->context, clade_commands_enqueue(commands));
    assert_int_equal(clade_opencl_calls(opencl, CLADE_CL_EnqueueNDRangeKernel), launches + 30);
    assert_int_equal(clade_opencl_calls_total(opencl), total + 30);
    assert_int_equal(clade_opencl_creations(opencl), creations);
    assert_int_equal(clade_opencl_blocking_calls(opencl), blocking);
    assert_ramp(f->context, &out, 500, 3);
    clade_commands_free(commands);
    clade_buffer_free(&out);
}

/* 4096 bytes of its own, used so that no compiler leaves them out. */
static const char scratch_kernel[] =
    "__kernel void scratch(__global float *out, __local float *tile, float scale) {\n"
    "    __local float own[1024];\n"
    "    for (int i = (int)get_local_id(0); i < 1024; i += (int)get_local_size(0)) own[i] = scale;\n"
    "    if (get_local_id(0) == 0) tile[0] = scale;\n"
    "    barrier(CLK_LOCAL_MEM_FENCE);\n"
    "    out[get_global_id(0)] = tile[0] + own[(int)scale];\n"
    "}\n";

static clade_status record_scratch(clade_commands *commands, const clade_buffer *out, size_t local_bytes) {
    const clade_argument arguments[] = { clade_buffer_argument(out), clade_local_argument(local_bytes),
                                         clade_float_argument(0.75f) };
    return clade_commands_launch(commands, &(clade_launch){ .source = scratch_kernel,
                                                            .title = "scratch",
                                                            .kernel = "scratch",
                                                            .label = "conv7 tiled",
                                                            .global = { 1 },
                                                            .local = { 1 },
                                                            .arguments = arguments,
                                                            .argument_count = 3 });
}

static void test_local_memory_over_the_limit_is_refused_before_the_launch(void **state) {
    fixture *f = *state;
    const size_t limit = f->device->capabilities.local_memory;
    clade_buffer out = buffer_of(f, 4);
    clade_commands *commands = commands_of(f);
    float got = 0;
    assert_ok(f->context, record_scratch(commands, &out, 64));
    /* The kernel's own 4096 bytes count too. */
    assert_fault(f->context, CLADE_ERROR_UNSUPPORTED,
                 "conv7 tiled (scratch:scratch): ", record_scratch(commands, &out, limit - 4095));
    assert_fault(f->context, CLADE_ERROR_UNSUPPORTED, "bytes of local memory",
                 record_scratch(commands, &out, SIZE_MAX));
    assert_fault(f->context, CLADE_ERROR_ARGUMENT, "local memory of 0 bytes", record_scratch(commands, &out, 0));
    assert_int_equal(clade_commands_count(commands), 1);
    assert_ok(f->context, clade_commands_enqueue(commands));
    assert_ok(f->context, clade_buffer_read(&out, 0, &got, sizeof got));
    assert_true(got >= 1.5f && got <= 1.5f);
    clade_commands_free(commands);
    clade_buffer_free(&out);
}

static void test_group_over_the_limit_is_refused_before_the_launch(void **state) {
    fixture *f = *state;
    clade_buffer out = buffer_of(f, 400);
    clade_commands *commands = commands_of(f);
    assert_fault(f->context, CLADE_ERROR_UNSUPPORTED, "is over the limit",
                 record_ramp_in_groups(commands, &out, 100, 1, 2 * f->device->capabilities.max_group_size));
    assert_fault(f->context, CLADE_ERROR_UNSUPPORTED, "is over the limit",
                 record_ramp_in_groups(commands, &out, 100, 1, SIZE_MAX));
    assert_int_equal(clade_commands_count(commands), 0);
    clade_commands_free(commands);
    clade_buffer_free(&out);
}

static void test_group_that_the_kernel_was_compiled_for_is_taken(void **state) {
    fixture *f = *state;
    static const char source[] = "__kernel __attribute__((reqd_work_group_size(4, 2, 1)))\n"
                                 "void fixed(__global int *out) {\n"
                                 "    if (get_global_id(0) == 0 && get_global_id(1) == 0)\n"
                                 "        out[0] = (int)(get_local_size(0) * 10 + get_local_size(1));\n"
                                 "}\n";
    clade_buffer out = buffer_of(f, 4);
    clade_commands *commands = commands_of(f);
    int32_t got = 0;
    const clade_argument arguments[] = { clade_buffer_argument(&out) };
    clade_launch launch = { .source = source,
                            .title = "fixed",
                            .kernel = "fixed",
                            .global = { 5, 5 },
                            .arguments = arguments,
                            .argument_count = 1 };
    assert_ok(f->context, clade_commands_launch(commands, &launch));
    launch.local[0] = 8;
    assert_fault(f->context, CLADE_ERROR_ARGUMENT, "compiled for 4 x 2 x 1", clade_commands_launch(commands, &launch));
    assert_ok(f->context, clade_commands_enqueue(commands));
    assert_ok(f->context, clade_buffer_read(&out, 0, &got, sizeof got));
    assert_int_equal(got, 42);
    clade_commands_free(commands);
    clade_buffer_free(&out);
}

static void test_wrong_arguments_are_refused(void **state) {
    fixture *f = *state;
    clade_buffer out = buffer_of(f, 400), none = { 0 };
    clade_commands *commands = commands_of(f);
    assert_fault(f->context, CLADE_ERROR_ARGUMENT, "does not fit into an int",
                 record_ramp(commands, &out, 100, (int64_t)INT_MAX + 1));
    assert_ok(f->context, record_ramp(commands, &out, 100, INT_MIN));
    assert_fault(f->context, CLADE_ERROR_ARGUMENT, "argument 0 is an empty buffer",
                 record_ramp(commands, &none, 100, 1));
    const clade_argument one[] = { clade_buffer_argument(&out) };
    clade_launch launch = {
        .source = planes_source, .title = "planes", .kernel = "planes", .arguments = one, .argument_count = 1
    };
    assert_fault(f->context, CLADE_ERROR_ARGUMENT, "planes (planes:planes): 1 arguments, but the kernel has 4",
                 clade_commands_launch(commands, &launch));
    launch.kernel = "plains";
    assert_fault(f->context, CLADE_ERROR_DEVICE, "kernel plains of planes", clade_commands_launch(commands, &launch));
    clade_commands_free(commands);
    clade_buffer_free(&out);
}

static void test_copies_and_fills_keep_their_bounds(void **state) {
    fixture *f = *state;
    clade_buffer from = buffer_of(f, 12), to = buffer_of(f, 8), none = { 0 };
    clade_commands *commands = commands_of(f);
    char got[8];
    assert_ok(f->context, clade_buffer_write(&from, 0, "abcdefghijkl", 12));
    assert_ok(f->context, clade_commands_fill(commands, "fill", &to, '-'));
    assert_ok(f->context, clade_commands_copy(commands, "copy", &from, &to, 5));
    assert_fault(f->context, CLADE_ERROR_ARGUMENT, "copy of 9 bytes",
                 clade_commands_copy(commands, "long", &from, &to, 9));
    assert_fault(f->context, CLADE_ERROR_ARGUMENT, "empty buffer", clade_commands_fill(commands, "none", &none, 0));
    assert_ok(f->context, clade_commands_enqueue(commands));
    assert_ok(f->context, clade_buffer_read(&to, 0, got, 8));
    assert_memory_equal(got, "abcde---", 8);
    clade_commands_free(commands);
    clade_buffer_free(&from);
    clade_buffer_free(&to);
}

static clade_status count_up(clade_device *device, void *data) {
    int **counter = data;
    ++**counter;
    return **counter < 3 ? CLADE_OK : clade_fail(device->context, CLADE_ERROR_DEVICE, "enough");
}

static void test_calls_run_in_their_place_and_may_fail(void **state) {
    fixture *f = *state;
    int count = 0, *pointer = &count;
    clade_commands *commands = commands_of(f);
    assert_ok(f->context, clade_commands_call(commands, "count", 1, count_up, &pointer, sizeof pointer));
    assert_ok(f->context, clade_commands_enqueue(commands));
    assert_ok(f->context, clade_commands_enqueue(commands));
    assert_fault(f->context, CLADE_ERROR_DEVICE, "enough", clade_commands_enqueue(commands));
    clade_commands_free(commands);
}

static void assert_times(fixture *f) {
    clade_buffer out = buffer_of(f, 400000);
    clade_commands *commands = commands_of(f);
    clade_command_time times[2];
    assert_ok(f->context, record_ramp(commands, &out, 100000, 2));
    assert_ok(f->context, clade_commands_fill(commands, "clear", &out, 0));
    assert_ok(f->context, clade_commands_time(commands, times));
    assert_string_equal(times[0].label, "the ramp");
    assert_string_equal(times[0].kernel, "ramp");
    assert_string_equal(times[1].label, "clear");
    assert_string_equal(times[1].kernel, "");
    for (int i = 0; i < 2; i++)
        assert_true(times[i].seconds >= 0 && times[i].seconds < 60);
    clade_commands_free(commands);
    clade_buffer_free(&out);
}

static void test_times_come_from_a_clock_with_and_without_profiling(void **state) {
    fixture *f = *state;
    fixture profiling = { .context = f->context };
    clade_device_pick pick = { .parts = 1 };
    assert_ok(f->context, clade_device_choose(f->context, NULL, &pick.index, NULL));
    assert_ok(f->context, clade_device_open_profiling(f->context, &pick, &profiling.device));
    assert_times(f);
    assert_times(&profiling);
    clade_device_close(profiling.device);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sizes_that_no_group_divides_are_covered),
        cmocka_unit_test(test_three_dimensions_are_covered),
        cmocka_unit_test(test_enqueueing_creates_nothing_and_sets_nothing),
        cmocka_unit_test(test_local_memory_over_the_limit_is_refused_before_the_launch),
        cmocka_unit_test(test_group_over_the_limit_is_refused_before_the_launch),
        cmocka_unit_test(test_group_that_the_kernel_was_compiled_for_is_taken),
        cmocka_unit_test(test_wrong_arguments_are_refused),
        cmocka_unit_test(test_copies_and_fills_keep_their_bounds),
        cmocka_unit_test(test_calls_run_in_their_place_and_may_fail),
        cmocka_unit_test(test_times_come_from_a_clock_with_and_without_profiling),
    };
    return cmocka_run_group_tests(tests, open_fixture, close_fixture);
}
