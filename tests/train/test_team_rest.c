/* Several devices, of which one is so slow that the others are faster without it: it rests, comes back to be tried, and takes
 * over when the others are lost. */
#include "train/helpers_trace.h"

#include <stdlib.h>

/* A run of 180 steps by measured speeds, with device SLOW as slow as it pleases. */
static team_outcome *run_slowly(team_fixture *t, followers *all, int slow, const char *folder) {
    clade_train_options options = even_run(t, 9, 3);
    options.device_shares = NULL;
    options.folder = folder;
    begin_following(t, all, IN_STEPS);
    all->list[slow].slow = true;
    return train_team(t, options, false);
}

static void test_a_device_that_slows_the_others_rests(void **state) {
    team_fixture *t = *state;
    clade_train_options options = even_run(t, 9, 3);
    options.device_count = 1;
    options.device_shares = NULL;
    team_outcome *one = train_team(t, options, false);
    for (int slow = 0; slow < 2; slow++) {
        followers all = { 0 };
        team_outcome *several = run_slowly(t, &all, slow, NULL);
        assert_good(t->f->context, several->status);
        expect_close(several, one);
        assert_true(several->result.devices[slow].rests);
        assert_int_equal(several->result.devices[slow].samples, 0);
        assert_int_equal(several->result.devices[slow].losses, 0);
        assert_int_equal(several->result.devices[1 - slow].samples, 9);
        assert_int_equal(times_said(t, "takes no samples"), 1); /* though it is tried again at the second epoch */
        end_following(t, &all);
        free(several);
    }
    free(one);
}

typedef struct interruption {
    followers *all;
    int steps;
} interruption;

/* At step 58 of the first epoch a slow device rests; the run stops there. */
static bool stop_at_58(void *user) {
    return ++((interruption *)user)->steps == 58;
}

/* Device SLOW rests when the run stops, and still when it is resumed. */
static void resume_without(team_fixture *t, int slow) {
    followers all = { 0 };
    interruption i = { .all = &all };
    char *folder = path_in(t->f, slow ? "second" : "first");
    clade_train_options options = even_run(t, 9, 1);
    options.device_shares = NULL;
    team_outcome *whole = train_team(t, options, false);
    options.folder = folder;
    options.should_stop = stop_at_58;
    options.user = &i;
    begin_following(t, &all, IN_STEPS);
    all.list[slow].slow = true;
    team_outcome *begun = train_team(t, options, false);
    assert_int_equal(begun->status, CLADE_ERROR_INTERRUPTED);
    assert_int_equal(times_said(t, "takes no samples"), 1);
    options.should_stop = NULL;
    options.resume = true;
    begin_following(t, &all, IN_STEPS);
    team_outcome *resumed = train_team(t, options, false);
    assert_good(t->f->context, resumed->status);
    expect_close(resumed, whole);
    assert_int_equal(resumed->result.resumed_from, 58);
    assert_true(resumed->result.devices[slow].rests);
    assert_int_equal(all.list[slow].count, 0);
    assert_int_equal(times_said(t, "takes no samples"), 0);
    end_following(t, &all);
    free(whole);
    free(begun);
    free(resumed);
    free(folder);
}

static void test_a_resumed_run_leaves_a_resting_device_at_rest(void **state) {
    resume_without(*state, 1);
    resume_without(*state, 0);
}

/* After step 45 the device that takes all samples fails once. */
static bool fail_after_45(void *user) {
    interruption *i = user;
    if (++i->steps != 45) return false;
    atomic_store(&i->all->list[1].slow, false);
    atomic_store(&i->all->list[0].next, true);
    return false;
}

static void test_a_resting_device_takes_over(void **state) {
    team_fixture *t = *state;
    followers all = { 0 };
    interruption i = { .all = &all };
    clade_train_options options = even_run(t, 9, 1);
    options.device_shares = NULL;
    team_outcome *whole = train_team(t, options, false);
    options.should_stop = fail_after_45;
    options.user = &i;
    begin_following(t, &all, IN_STEPS);
    all.list[1].slow = true;
    all.list[0].then = fail_once;
    team_outcome *broken = train_team(t, options, false);
    assert_good(t->f->context, broken->status);
    expect_close(broken, whole);
    assert_int_equal(broken->result.devices[0].losses, 1);
    assert_int_equal(broken->result.devices[1].samples, 9);
    assert_int_equal(times_said(t, "takes no samples"), 1);
    end_following(t, &all);
    free(broken);
    free(whole);
}

int main(void) {
#define WITH_TEAM(TEST) cmocka_unit_test_setup_teardown(TEST, set_up_team, tear_down_team)
    const struct CMUnitTest tests[] = {
        WITH_TEAM(test_a_device_that_slows_the_others_rests),
        WITH_TEAM(test_a_resumed_run_leaves_a_resting_device_at_rest),
        WITH_TEAM(test_a_resting_device_takes_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
