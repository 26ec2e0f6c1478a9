/* Tickets: read-backs that are waited for without a blocking call. */
#include "helpers.h"

#include <string.h>

enum { N = 100000 };

static void test_ticket_covers_everything_before_it_without_a_blocking_call(void **state) {
    fixture *f = *state;
    clade_buffer buffer;
    clade_commands *commands = NULL;
    clade_ticket *ticket = NULL;
    static int32_t got[N];
    int32_t first = -1;
    assert_ok(f->context, clade_buffer_new(f->device, sizeof got, "ramp", &buffer));
    assert_ok(f->context, clade_commands_new(f->device, &commands));
    assert_ok(f->context, record_ramp(commands, &buffer, N, 3));
    assert_ok(f->context, clade_ticket_new(f->device, &ticket));
    assert_true(clade_ticket_done(ticket));
    assert_ok(f->context, clade_ticket_wait(ticket));
    assert_ok(f->context, clade_commands_enqueue(commands)); /* the first run waits for each command */
    for (int round = 0; round < 20; round++) {
        memset(got, 0, sizeof got);
        uint64_t blocking = clade_opencl_blocking_calls(f->device->opencl);
        uint64_t creations = clade_opencl_creations(f->device->opencl);
        uint64_t read = clade_opencl_bytes_read(f->device->opencl);
        assert_ok(f->context, clade_commands_enqueue(commands));
        assert_ok(f->context, clade_ticket_read(ticket, &buffer, &first, sizeof first));
        assert_ok(f->context, clade_ticket_read(ticket, &buffer, got, sizeof got));
        assert_ok(f->context, clade_ticket_submit(ticket));
        assert_ok(f->context, clade_ticket_wait(ticket));
        assert_true(clade_ticket_done(ticket));
        assert_int_equal(clade_opencl_blocking_calls(f->device->opencl), blocking);
        assert_int_equal(clade_opencl_creations(f->device->opencl), creations);
        assert_int_equal(clade_opencl_bytes_read(f->device->opencl), read + sizeof got + sizeof first);
        for (int i = 0; i < N; i++)
            assert_int_equal(got[i], 3 * i);
        assert_int_equal(first, 0);
    }
    clade_ticket_free(ticket);
    clade_commands_free(commands);
    clade_buffer_free(&buffer);
}

static void test_ticket_without_a_read_marks_the_queue(void **state) {
    fixture *f = *state;
    clade_ticket *ticket = NULL;
    assert_ok(f->context, clade_ticket_new(f->device, &ticket));
    for (int i = 0; i < 50; i++) {
        assert_ok(f->context, clade_ticket_submit(ticket));
        assert_ok(f->context, clade_ticket_wait(ticket));
    }
    clade_ticket_free(ticket);
}

static void test_freeing_waits_for_what_is_on_its_way(void **state) {
    fixture *f = *state;
    clade_buffer buffer;
    assert_ok(f->context, clade_buffer_new(f->device, 1 << 20, "bytes", &buffer));
    assert_ok(f->context, clade_buffer_fill(&buffer, 5));
    for (int i = 0; i < 20; i++) {
        clade_ticket *ticket = NULL;
        static unsigned char got[1 << 20];
        memset(got, 0, sizeof got);
        assert_ok(f->context, clade_ticket_new(f->device, &ticket));
        assert_ok(f->context, clade_ticket_read(ticket, &buffer, got, sizeof got));
        if (i % 2 == 0) assert_ok(f->context, clade_ticket_submit(ticket));
        clade_ticket_free(ticket);
        assert_int_equal(got[sizeof got - 1], 5);
    }
    clade_buffer_free(&buffer);
}

static void test_reading_beyond_the_buffer_is_refused(void **state) {
    fixture *f = *state;
    clade_buffer buffer;
    clade_ticket *ticket = NULL;
    char got[8];
    assert_ok(f->context, clade_buffer_new(f->device, 4, "bytes", &buffer));
    assert_ok(f->context, clade_ticket_new(f->device, &ticket));
    assert_fault(f->context, CLADE_ERROR_ARGUMENT, "a read of 5 bytes", clade_ticket_read(ticket, &buffer, got, 5));
    clade_ticket_free(ticket);
    clade_buffer_free(&buffer);
}

static void test_failing_calls_leave_a_ticket_that_can_be_freed(void **state) {
    fixture *f = *state;
    clade_buffer buffer;
    char got[4];
    assert_ok(f->context, clade_buffer_new(f->device, 4, "bytes", &buffer));
    for (uint64_t nth = 1; nth <= 3; nth++) {
        clade_ticket *ticket = NULL;
        const int64_t objects = clade_opencl_objects(f->device->opencl);
        assert_ok(f->context, clade_ticket_new(f->device, &ticket));
        clade_opencl_fail_at(f->device->opencl, nth, CL_OUT_OF_RESOURCES);
        clade_status status = clade_ticket_read(ticket, &buffer, got, sizeof got);
        if (status == CLADE_OK) status = clade_ticket_submit(ticket);
        assert_int_equal(status, CLADE_ERROR_DEVICE);
        assert_non_null(strstr(clade_error(f->context), "CL_OUT_OF_RESOURCES"));
        clade_ticket_free(ticket);
        assert_int_equal(clade_opencl_objects(f->device->opencl), objects);
    }
    clade_buffer_free(&buffer);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ticket_covers_everything_before_it_without_a_blocking_call),
        cmocka_unit_test(test_ticket_without_a_read_marks_the_queue),
        cmocka_unit_test(test_freeing_waits_for_what_is_on_its_way),
        cmocka_unit_test(test_reading_beyond_the_buffer_is_refused),
        cmocka_unit_test(test_failing_calls_leave_a_ticket_that_can_be_freed),
    };
    return cmocka_run_group_tests(tests, open_fixture, close_fixture);
}
