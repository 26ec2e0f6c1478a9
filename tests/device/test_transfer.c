/* Uploads by the second queue: they arrive, after what was enqueued before and before what comes after. */
#include "helpers.h"

#include "device/state.h"

enum { NUMBERS = 5000, ROUNDS = 20 };

static void test_uploads_arrive_between_the_work_around_them(void **state) {
    fixture *f = *state;
    static int32_t batches[ROUNDS][NUMBERS], got[ROUNDS][NUMBERS];
    clade_buffer landings[ROUNDS], to;
    clade_ticket *ticket = NULL;
    clade_commands *work = NULL;
    assert_ok(f->context, clade_buffer_new(f->device, sizeof got[0], "what uploads go to", &to));
    assert_ok(f->context, clade_ticket_new(f->device, &ticket));
    assert_ok(f->context, clade_commands_new(f->device, &work));
    assert_ok(f->context, record_ramp(work, &to, NUMBERS / 2, 7)); /* writes over the first half */
    assert_ok(f->context, clade_commands_enqueue(work));
    for (int round = 0; round < ROUNDS; round++) {
        for (int i = 0; i < NUMBERS; i++)
            batches[round][i] = 1000 * round - i;
        assert_ok(f->context, clade_buffer_new(f->device, sizeof got[0], "a landing", &landings[round]));
    }
    for (int round = 0; round < ROUNDS; round++) {
        assert_ok(f->context, clade_buffer_enqueue_upload(&landings[round], batches[round], sizeof batches[0], &to));
        if (round % 2) assert_ok(f->context, clade_commands_enqueue(work));
        assert_ok(f->context, clade_ticket_read(ticket, &to, got[round], sizeof got[0]));
    }
    assert_ok(f->context, clade_ticket_submit(ticket));
    assert_ok(f->context, clade_ticket_wait(ticket));
    for (int round = 0; round < ROUNDS; round++) {
        for (int i = 0; i < NUMBERS; i++) {
            bool overwritten = round % 2 && i < NUMBERS / 2;
            assert_int_equal(got[round][i], overwritten ? 7 * i : batches[round][i]);
        }
        clade_buffer_free(&landings[round]);
    }
    clade_commands_free(work);
    clade_ticket_free(ticket);
    clade_buffer_free(&to);
}

static void test_an_upload_that_does_not_fit_is_refused_before_the_driver(void **state) {
    fixture *f = *state;
    clade_buffer small, large;
    char data[64] = "";
    assert_ok(f->context, clade_buffer_new(f->device, 16, "small", &small));
    assert_ok(f->context, clade_buffer_new(f->device, 64, "large", &large));
    uint64_t calls = clade_opencl_calls_total(f->device->opencl);
    const char words[] = "an upload of";
    assert_fault(f->context, CLADE_ERROR_ARGUMENT, words, clade_buffer_enqueue_upload(&small, data, 64, &large));
    assert_fault(f->context, CLADE_ERROR_ARGUMENT, words, clade_buffer_enqueue_upload(&large, data, 64, &small));
    assert_fault(f->context, CLADE_ERROR_ARGUMENT, words, clade_buffer_enqueue_upload(&large, data, 0, &small));
    assert_int_equal(clade_opencl_calls_total(f->device->opencl), calls);
    clade_buffer_free(&small);
    clade_buffer_free(&large);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_uploads_arrive_between_the_work_around_them, open_fixture, close_fixture),
        cmocka_unit_test_setup_teardown(test_an_upload_that_does_not_fit_is_refused_before_the_driver, open_fixture,
                                        close_fixture),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
