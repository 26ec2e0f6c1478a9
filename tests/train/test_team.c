/* Several devices train one network: the same samples and draws as one, whatever they take of them; the same bits again;
 * and what becomes of a run that loses some of them on the way. */
#include "train/helpers_team.h"

#include "device/state.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const double shares[] = { 3, 1, 2 };

/* ---- the numbers ---- */

static void test_several_devices_train_as_one_does(void **state) {
    team_fixture *t = *state;
    team_outcome *one = train_team(t, team_options(t, 1, NULL, NULL), false);
    for (size_t devices = 2; devices <= TEAM_DEVICES; devices++) {
        team_outcome *several = train_team(t, team_options(t, devices, shares, NULL), false);
        assert_good(t->f->context, several->status);
        expect_close(several, one);
        assert_true(fabs(several->result.val_loss - one->result.val_loss) < 1e-5);
        assert_int_equal(several->result.device_count, devices);
        int64_t samples = 0;
        for (size_t i = 0; i < devices; i++)
            samples += several->result.devices[i].samples;
        assert_int_equal(samples, 56);
        free(several);
    }
    free(one);
}

static void test_accumulated_batches_train_as_on_one_device(void **state) {
    team_fixture *t = *state;
    clade_train_options options = team_options(t, 1, NULL, NULL);
    options.accumulate = 3;
    options.clip_norm = 0.5;
    team_outcome *one = train_team(t, options, false);
    options.device_count = 3;
    options.device_shares = shares;
    team_outcome *several = train_team(t, options, false);
    assert_good(t->f->context, several->status);
    expect_close(several, one);
    free(several);
    free(one);
}

/* 540 samples in batches of 537: of the last batch of three, some devices get one sample, and with 3 of 2 none. */
static void test_a_batch_smaller_than_the_team(void **state) {
    team_fixture *t = *state;
    for (int64_t batch = 538; batch <= 539; batch++) {
        clade_train_options options = team_options(t, 1, NULL, NULL);
        options.batch = batch;
        team_outcome *one = train_team(t, options, false);
        options.device_count = 3;
        options.device_shares = shares;
        team_outcome *several = train_team(t, options, false);
        assert_good(t->f->context, several->status);
        expect_close(several, one);
        free(several);
        free(one);
    }
}

static bool stop_at(void *user) {
    int *left = user;
    return --*left == 0;
}

static void test_the_same_devices_give_the_same_bits_and_so_does_a_resumed_run(void **state) {
    team_fixture *t = *state;
    team_outcome *first = train_team(t, team_options(t, 2, shares, NULL), false);
    team_outcome *second = train_team(t, team_options(t, 2, shares, NULL), false);
    assert_string_equal(first->result.weights_sha256, second->result.weights_sha256);
    assert_true(first->result.train_loss == second->result.train_loss);
    char *folder = path_in(t->f, "broken");
    int left = 13;
    clade_train_options options = team_options(t, 2, shares, folder);
    options.should_stop = stop_at;
    options.user = &left;
    team_outcome *broken = train_team(t, options, false);
    assert_int_equal(broken->status, CLADE_ERROR_INTERRUPTED);
    options.should_stop = NULL;
    options.resume = true;
    team_outcome *resumed = train_team(t, options, false);
    assert_good(t->f->context, resumed->status);
    assert_int_equal(resumed->result.resumed_from, 13);
    assert_string_equal(resumed->result.weights_sha256, first->result.weights_sha256);
    free(folder);
    free(first);
    free(second);
    free(broken);
    free(resumed);
}

/* What two devices began one can finish. */
static void test_a_run_goes_on_with_fewer_devices(void **state) {
    team_fixture *t = *state;
    team_outcome *whole = train_team(t, team_options(t, 1, NULL, NULL), false);
    char *folder = path_in(t->f, "fewer");
    int left = 13;
    clade_train_options options = team_options(t, 2, shares, folder);
    options.should_stop = stop_at;
    options.user = &left;
    team_outcome *broken = train_team(t, options, false);
    assert_int_equal(broken->status, CLADE_ERROR_INTERRUPTED);
    options = team_options(t, 1, NULL, folder);
    options.resume = true;
    team_outcome *resumed = train_team(t, options, false);
    assert_good(t->f->context, resumed->status);
    expect_close(resumed, whole);
    free(folder);
    free(whole);
    free(broken);
    free(resumed);
}

/* ---- losses ---- */

typedef struct injection {
    clade_context *context;
    int steps, at;
    uint64_t nth;
} injection;

/* At step AT the Nth OpenCL call from then on fails. */
static bool inject(void *user) {
    injection *i = user;
    if (++i->steps == i->at) clade_opencl_fail_at(clade_context_opencl(i->context), i->nth, CL_OUT_OF_RESOURCES);
    return false;
}

static void test_a_run_that_loses_a_device_ends_as_if_it_had_not(void **state) {
    team_fixture *t = *state;
    clade_train_options options = team_options(t, 2, shares, NULL);
    team_outcome *whole = train_team(t, options, false);
    int losses = 0;
    for (uint64_t nth = 1; nth < 400; nth += nth < 40 ? 1 : 7) {
        injection i = { .context = t->f->context, .at = 3, .nth = nth };
        options.should_stop = inject;
        options.user = &i;
        team_outcome *broken = train_team(t, options, false);
        clade_opencl_fail_at(clade_context_opencl(t->f->context), 0, CL_SUCCESS);
        if (broken->status != CLADE_OK) fail_msg("call %d: %s", (int)nth, clade_error(t->f->context));
        expect_close(broken, whole);
        losses += broken->result.devices[0].losses + broken->result.devices[1].losses;
        free(broken);
    }
    assert_true(losses > 40);
    free(whole);
}

typedef struct hanging {
    team_fixture *t;
    int steps;
} hanging;

/* At the third step device 1 stops answering: everything enqueued from now on waits. */
static bool hang(void *user) {
    hanging *h = user;
    if (++h->steps == 3) clade_device_hang(h->t->devices[1], 0);
    return false;
}

static void test_a_device_that_hangs_is_left_behind(void **state) {
    team_fixture *t = *state;
    clade_train_options options = team_options(t, 3, shares, NULL);
    team_outcome *whole = train_team(t, options, false);
    hanging h = { .t = t };
    options.device_seconds = 2; /* of a busy machine's other devices, too */
    options.should_stop = hang;
    options.user = &h;
    team_outcome *left = train_team(t, options, false);
    assert_good(t->f->context, left->status);
    expect_close(left, whole);
    assert_int_equal(left->result.devices[1].samples, 0);
    assert_int_equal(left->result.devices[1].losses, 1);
    assert_non_null(strstr(t->f->log, "is lost at step"));
    free(whole);
    free(left);
}

int main(void) {
#define WITH_TEAM(TEST) cmocka_unit_test_setup_teardown(TEST, set_up_team, tear_down_team)
    const struct CMUnitTest tests[] = {
        WITH_TEAM(test_several_devices_train_as_one_does),
        WITH_TEAM(test_accumulated_batches_train_as_on_one_device),
        WITH_TEAM(test_a_batch_smaller_than_the_team),
        WITH_TEAM(test_the_same_devices_give_the_same_bits_and_so_does_a_resumed_run),
        WITH_TEAM(test_a_run_goes_on_with_fewer_devices),
        WITH_TEAM(test_a_run_that_loses_a_device_ends_as_if_it_had_not),
        WITH_TEAM(test_a_device_that_hangs_is_left_behind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
