/* Device memory: limits, slices, transfers, statistics. */
#include "helpers.h"

#include <string.h>

static void test_statistics_follow_buffers(void **state) {
    fixture *f = *state;
    clade_buffer a, b;
    const clade_memory_statistics before = clade_device_memory(f->device);
    assert_ok(f->context, clade_buffer_new(f->device, 1000, "a", &a));
    assert_ok(f->context, clade_buffer_new(f->device, 3000, "b", &b));
    clade_memory_statistics now = clade_device_memory(f->device);
    assert_int_equal(now.in_use, before.in_use + 4000);
    assert_int_equal(now.buffers, before.buffers + 2);
    clade_buffer_free(&a);
    clade_buffer_free(&b);
    clade_buffer_free(&b); /* a zeroed one is fine */
    now = clade_device_memory(f->device);
    assert_int_equal(now.in_use, before.in_use);
    assert_int_equal(now.buffers, before.buffers);
    assert_true(now.peak >= before.in_use + 4000);
    assert_true(now.total > 0 && now.largest > 0);
}

static void test_over_the_largest_allocation_is_refused_with_the_sizes(void **state) {
    fixture *f = *state;
    clade_buffer buffer;
    size_t calls = clade_opencl_calls_total(f->device->opencl);
    assert_fault(f->context, CLADE_ERROR_MEMORY, "conv9.weight needs",
                 clade_buffer_new(f->device, f->device->capabilities.largest_allocation + 1, "conv9.weight", &buffer));
    assert_null(buffer.memory);
    assert_int_equal(clade_opencl_calls_total(f->device->opencl), calls);
}

static void test_over_the_total_is_refused_with_the_sizes(void **state) {
    fixture *f = *state;
    clade_buffer first, second;
    const clade_capabilities real = f->device->capabilities;
    f->device->capabilities.global_memory = clade_device_memory(f->device).in_use + 10000;
    assert_ok(f->context, clade_buffer_new(f->device, 6000, "first", &first));
    assert_fault(f->context, CLADE_ERROR_MEMORY, "in use already",
                 clade_buffer_new(f->device, 6000, "second", &second));
    clade_buffer_free(&first);
    f->device->capabilities = real;
}

static void test_refusal_by_the_driver_names_the_buffer(void **state) {
    fixture *f = *state;
    clade_buffer buffer;
    clade_opencl_fail_at(f->device->opencl, 1, CL_MEM_OBJECT_ALLOCATION_FAILURE);
    assert_fault(f->context, CLADE_ERROR_MEMORY, "clCreateBuffer of 4096 bytes for conv1.weight",
                 clade_buffer_new(f->device, 4096, "conv1.weight", &buffer));
    assert_null(buffer.memory);
}

static void test_empty_buffer_is_refused(void **state) {
    fixture *f = *state;
    clade_buffer buffer;
    assert_fault(f->context, CLADE_ERROR_ARGUMENT, "0 bytes for nothing",
                 clade_buffer_new(f->device, 0, "nothing", &buffer));
}

static void test_slices_share_the_buffer(void **state) {
    fixture *f = *state;
    const size_t step = f->device->capabilities.slice_alignment;
    unsigned char got[4];
    clade_buffer whole, slice;
    assert_ok(f->context, clade_buffer_new(f->device, 3 * step, "whole", &whole));
    assert_ok(f->context, clade_buffer_fill(&whole, 1));
    const clade_memory_statistics before = clade_device_memory(f->device);
    assert_ok(f->context, clade_buffer_slice(&whole, step, step, "slice", &slice));
    assert_int_equal(clade_device_memory(f->device).in_use, before.in_use);
    assert_ok(f->context, clade_buffer_fill(&slice, 2));
    assert_ok(f->context, clade_buffer_read(&whole, step - 2, got, 4));
    assert_memory_equal(got, "\1\1\2\2", 4);
    assert_ok(f->context, clade_buffer_read(&whole, 2 * step - 2, got, 4));
    assert_memory_equal(got, "\2\2\1\1", 4);
    clade_buffer_free(&slice);
    clade_buffer_free(&whole);
}

static void test_misplaced_slices_are_refused_before_the_driver(void **state) {
    fixture *f = *state;
    const size_t step = f->device->capabilities.slice_alignment;
    clade_buffer whole, slice, within;
    assert_ok(f->context, clade_buffer_new(f->device, 3 * step, "whole", &whole));
    assert_ok(f->context, clade_buffer_slice(&whole, step, step, "slice", &slice));
    size_t calls = clade_opencl_calls_total(f->device->opencl);
    assert_fault(f->context, CLADE_ERROR_ARGUMENT, "is not aligned",
                 clade_buffer_slice(&whole, step + 4, 4, "odd", &within));
    assert_fault(f->context, CLADE_ERROR_ARGUMENT, "does not lie",
                 clade_buffer_slice(&whole, 2 * step, step + 1, "long", &within));
    assert_fault(f->context, CLADE_ERROR_ARGUMENT, "does not lie",
                 clade_buffer_slice(&whole, step, SIZE_MAX, "huge", &within));
    assert_fault(f->context, CLADE_ERROR_ARGUMENT, "does not lie", clade_buffer_slice(&whole, 0, 0, "none", &within));
    assert_fault(f->context, CLADE_ERROR_ARGUMENT, "a slice of a slice",
                 clade_buffer_slice(&slice, 0, step, "inner", &within));
    assert_int_equal(clade_opencl_calls_total(f->device->opencl), calls);
    clade_buffer_free(&slice);
    clade_buffer_free(&whole);
}

static void test_transfers_keep_bytes_and_bounds(void **state) {
    fixture *f = *state;
    clade_buffer buffer;
    char got[16] = "";
    assert_ok(f->context, clade_buffer_new(f->device, 16, "text", &buffer));
    assert_ok(f->context, clade_buffer_fill(&buffer, '.'));
    assert_ok(f->context, clade_buffer_write(&buffer, 3, "hello", 5));
    assert_ok(f->context, clade_buffer_enqueue_write(&buffer, "ab", 2));
    assert_ok(f->context, clade_buffer_read(&buffer, 0, got, 16));
    assert_memory_equal(got, "ab.hello........", 16);
    assert_fault(f->context, CLADE_ERROR_ARGUMENT, "beyond", clade_buffer_read(&buffer, 8, got, 9));
    assert_fault(f->context, CLADE_ERROR_ARGUMENT, "beyond", clade_buffer_write(&buffer, SIZE_MAX, got, 2));
    assert_fault(f->context, CLADE_ERROR_ARGUMENT, "beyond", clade_buffer_enqueue_write(&buffer, got, 17));
    clade_buffer_free(&buffer);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_statistics_follow_buffers),
        cmocka_unit_test(test_over_the_largest_allocation_is_refused_with_the_sizes),
        cmocka_unit_test(test_over_the_total_is_refused_with_the_sizes),
        cmocka_unit_test(test_refusal_by_the_driver_names_the_buffer),
        cmocka_unit_test(test_empty_buffer_is_refused),
        cmocka_unit_test(test_slices_share_the_buffer),
        cmocka_unit_test(test_misplaced_slices_are_refused_before_the_driver),
        cmocka_unit_test(test_transfers_keep_bytes_and_bounds),
    };
    return cmocka_run_group_tests(tests, open_fixture, close_fixture);
}
