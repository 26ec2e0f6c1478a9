/* Every OpenCL call of a short training run is made to fail once, in turn: each time a clean error with words, and
 * nothing left behind in the driver. (Leaks on the host are LeakSanitizer's to see, over this very test.) */
#include "support/device.h"

#include "clade/train.h"
#include "device/state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_CALLS = 20000 };

/* Trains for two steps, into FOLDER or no folder, as on a device that has memory of its own or not; whatever happens,
 * everything is freed. */
static clade_status train_shortly(clade_context *context, const char *folder, bool own_memory, size_t *left_over) {
    clade_device *device = NULL;
    clade_dataset *train = NULL, *test = NULL;
    size_t index = 0;
    clade_status status = clade_device_choose(context, NULL, &index, NULL);
    if (status == CLADE_OK) status = clade_device_open(context, index, &device);
    if (device) device->capabilities.unified_memory = !own_memory;
    if (status == CLADE_OK) status = clade_dataset_open(context, "digits:96,32", &train, &test);
    if (status == CLADE_OK)
        status = clade_train_model(clade_model_find("softmax"),
                                   &(clade_train_options){ .size = sizeof(clade_train_options),
                                                           .devices = &device,
                                                           .device_count = 1,
                                                           .train = train,
                                                           .test = test,
                                                           .no_held_out = true,
                                                           .batch = 64,
                                                           .epochs = 1,
                                                           .folder = folder },
                                   NULL);
    clade_dataset_free(train);
    clade_dataset_free(test);
    clade_device_close(device);
    clade_opencl *opencl = clade_context_opencl(context);
    *left_over = opencl ? (size_t)atomic_load(&opencl->objects) : 0;
    return status;
}

static bool injected_failure_came(clade_context *context) {
    clade_opencl *opencl = clade_context_opencl(context);
    return opencl && clade_opencl_failed(opencl);
}

static void fail_each_call(bool own_memory) {
    for (int nth = 1; nth < MOST_CALLS; nth++) {
        char number[16];
        snprintf(number, sizeof number, "%d", nth);
        setenv("CLADE_FAIL_CALL", number, 1);
        clade_context *context = clade_context_new(NULL);
        size_t left_over = 0;
        clade_status status = train_shortly(context, "faults-run", own_memory, &left_over);
        bool failed = injected_failure_came(context);
        if (failed && status != CLADE_OK && !clade_error(context)[0]) fail_msg("call %d failed without words", nth);
        if (strchr(clade_error(context), '\n')) fail_msg("call %d: more than one line: %s", nth, clade_error(context));
        if (left_over != 0) fail_msg("call %d: %zu OpenCL objects left over: %s", nth, left_over, clade_error(context));
        if (!failed && status != CLADE_OK) fail_msg("the unbroken run fails: %s", clade_error(context));
        clade_context_free(context);
        if (!failed) {
            assert_true(nth > 50); /* a training run makes more calls than that */
            return;
        }
    }
    fail_msg("a run of two steps makes more than %d OpenCL calls", MOST_CALLS);
}

static void test_every_call_that_fails_gives_a_clean_error(void **state) {
    (void)state;
    fail_each_call(false);
}

static void test_every_call_that_fails_with_uploads_beside_gives_a_clean_error(void **state) {
    (void)state;
    fail_each_call(true);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_call_that_fails_gives_a_clean_error),
        cmocka_unit_test(test_every_call_that_fails_with_uploads_beside_gives_a_clean_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
