/* Several devices, of which one is lost or hangs at a chosen place: in forward, backward, all-reduce or update of a step,
 * during a validation or a checkpoint, while states are given to others. The run ends as an unbroken one does.
 *
 * Places are found in a trace: what is enqueued on a device's queue is the same in each run, so that an unbroken one tells
 * where its steps lie. CLADE_LARGE=1 takes every tenth step of a longer run. */
#include "train/helpers_trace.h"

#include "device/device.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { STEPS = 30 };

static const double shares[] = { 3, 1 };

/* ---- in a step ---- */

/* Calls of a step: the shortest period of the run's end. */
static size_t calls_of_step(const followed *f) {
    enum { PERIODS = 5 };
    const char *end = f->calls + f->count;
    for (size_t period = 4; period * (PERIODS + 1) < f->count; period++)
        if (memcmp(end - PERIODS * period, end - (PERIODS + 1) * period, PERIODS * period) == 0) return period;
    fail_msg("the steps of a run are not alike: %.200s", f->calls);
    return 0;
}

/* Where the phases of a step lie in its calls: each is the number of a call that belongs to it. */
typedef struct phases {
    size_t place[5];
} phases;
static const char *const phase_names[] = { "forward", "backward", "sending", "receiving", "update" };

static phases find_phases(const char *step, size_t calls) {
    phases found;
    const bool maps = memchr(step, 'M', calls) != NULL;
    const char *first = memchr(step, 'K', calls);
    const char *send = memchr(step, maps ? 'M' : 'R', calls);
    const char *receive = memchr(send, maps ? 'U' : 'W', calls - (size_t)(send - step));
    assert_non_null(receive);
    found.place[0] = (size_t)(first - step) + 1;
    found.place[1] = (size_t)(send - step) - 1;
    found.place[2] = (size_t)(send - step);
    found.place[3] = (size_t)(receive - step);
    found.place[4] = calls - 1;
    while (step[found.place[4]] != 'K')
        found.place[4]--;
    for (int i = 1; i < 5; i++)
        if (found.place[i] <= found.place[i - 1])
            fail_msg("a step's calls are in no order known: %.*s", (int)calls, step);
    return found;
}

/* Calls before step STEP of STEPS of a run that F followed; and before that of PHASE in it. */
static size_t start_of(const followed *f, int64_t steps, int64_t step) {
    return f->count - (size_t)(steps - step) * calls_of_step(f);
}

static size_t place_of(const followed *f, int64_t steps, int64_t step, int phase) {
    const size_t calls = calls_of_step(f);
    return start_of(f, steps, step) + find_phases(f->calls + f->count - calls, calls).place[phase];
}

/* A run whose device 1 is lost at call number AT. */
static team_outcome *break_at(team_fixture *t, followers *all, clade_train_options options, size_t at, bool all_right) {
    begin_following(t, all, IN_STEPS);
    all->list[1].at = at;
    all->list[1].then = lose;
    return train_team(t, options, all_right);
}

static void expect_as_whole(const team_fixture *t, const team_outcome *broken, const team_outcome *whole,
                            const char *where, int64_t step) {
    if (broken->status != CLADE_OK) fail_msg("lost in %s of step %d: %s", where, (int)step, clade_error(t->f->context));
    expect_close(broken, whole);
    if (fabs(broken->result.val_accuracy - whole->result.val_accuracy) > 0.011)
        fail_msg("lost in %s of step %d: accuracy %g, not %g", where, (int)step, broken->result.val_accuracy,
                 whole->result.val_accuracy);
    assert_int_equal(broken->result.devices[1].losses, 1);
    assert_int_equal(broken->result.devices[1].lost_at, step);
    assert_int_equal(times_said(t, "is lost at step"), 1);
}

/* Device 1 is lost at every tenth step, in every phase of it; at the next epoch it is back. */
static void lose_in_steps(team_fixture *t, int64_t batch, int64_t epochs) {
    followers all = { 0 };
    const clade_train_options options = even_run(t, batch, epochs);
    begin_following(t, &all, IN_STEPS);
    team_outcome *whole = train_team(t, options, false);
    assert_good(t->f->context, whole->status);
    const int64_t steps = whole->result.steps, in_epoch = steps / epochs;
    size_t first[5];
    for (int phase = 0; phase < 5; phase++)
        first[phase] = place_of(&all.list[1], steps, 0, phase);
    const size_t calls = calls_of_step(&all.list[1]);
    for (int64_t step = 9; step < steps; step += 10)
        for (int phase = 0; phase < 5; phase++) {
            team_outcome *broken = break_at(t, &all, options, first[phase] + (size_t)step * calls, false);
            expect_as_whole(t, broken, whole, phase_names[phase], step);
            const bool last = step / in_epoch == epochs - 1;
            assert_int_equal(times_said(t, "is back"), last ? 0 : 1);
            assert_int_equal(broken->result.devices[1].samples > 0, !last);
            free(broken);
        }
    end_following(t, &all);
    free(whole);
}

static void test_a_device_lost_at_every_tenth_step_changes_nothing(void **state) {
    if (getenv("CLADE_LARGE") != NULL)
        lose_in_steps(*state, 12, 6);
    else
        lose_in_steps(*state, 54, 3);
}

static void expect_all_right(void *user, const clade_train_progress *progress) {
    if (progress->event != CLADE_TRAIN_REPORTED) return;
    assert_true(progress->train_accuracy == 1);
    ++*(int *)user;
}

/* Every answer counts as correct: each step's count of them is that of its samples, whoever is lost. */
static void test_every_sample_is_counted_once(void **state) {
    team_fixture *t = *state;
    followers all = { 0 };
    int reports = 0;
    clade_train_options options = even_run(t, 54, 3);
    options.progress = expect_all_right;
    options.user = &reports;
    begin_following(t, &all, IN_STEPS);
    team_outcome *whole = train_team(t, options, true);
    assert_good(t->f->context, whole->status);
    size_t places[5];
    for (int phase = 0; phase < 5; phase++)
        places[phase] = place_of(&all.list[1], STEPS, 13, phase);
    for (int phase = 0; phase < 5; phase++) {
        team_outcome *broken = break_at(t, &all, options, places[phase], true);
        assert_good(t->f->context, broken->status);
        assert_int_equal(broken->result.devices[1].losses, 1);
        free(broken);
    }
    assert_int_equal(reports, 6 * STEPS);
    end_following(t, &all);
    free(whole);
}

static void test_a_hang_in_any_phase_is_noticed_within_the_limit(void **state) {
    team_fixture *t = *state;
    followers all = { 0 };
    clade_train_options options = even_run(t, 54, 3);
    begin_following(t, &all, IN_STEPS);
    team_outcome *whole = train_team(t, options, false);
    const size_t at = place_of(&all.list[1], STEPS, 13, 1);
    options.device_seconds = 2; /* of a busy machine's other device, too */
    begin_following(t, &all, IN_STEPS);
    all.list[1].at = at;
    all.list[1].then = hang;
    const double since = clade_clock_seconds();
    team_outcome *broken = train_team(t, options, false);
    assert_true(clade_clock_seconds() - since < 30);
    assert_good(t->f->context, broken->status);
    expect_close(broken, whole);
    assert_int_equal(broken->result.devices[1].samples, 0);
    assert_int_equal(times_said(t, "is lost at step"), 1);
    end_following(t, &all);
    free(broken);
    free(whole);
}

/* ---- between steps ---- */

typedef struct beginning {
    followers *all;
    size_t counts[2]; /* calls before the first step */
} beginning;

static void note_beginning(void *user, const clade_train_progress *progress) {
    beginning *b = user;
    if (progress->event != CLADE_TRAIN_STARTED) return;
    for (int i = 0; i < 2; i++)
        b->counts[i] = b->all->list[i].count;
}

/* Follows an unbroken run, once all kernels were tried: what that takes the trainer's thread does only once. */
static team_outcome *follow_whole(team_fixture *t, followers *all, clade_train_options options) {
    team_outcome *whole = train_team(t, options, false);
    free(whole);
    begin_following(t, all, BETWEEN_STEPS);
    whole = train_team(t, options, false);
    assert_good(t->f->context, whole->status);
    return whole;
}

/* A run with validations and checkpoints, whose device DEVICE is lost at SOME places of what the trainer does between the
 * steps. */
static void lose_between_steps(team_fixture *t, int device, size_t some) {
    followers all = { 0 };
    beginning b = { .all = &all };
    char *folder = path_in(t->f, "broken"), *first = path_in(t->f, "whole");
    clade_train_options options = team_options(t, 2, shares, first);
    options.progress = note_beginning;
    options.user = &b;
    team_outcome *whole = follow_whole(t, &all, options);
    const size_t from = b.counts[device], to = all.list[device].count;
    assert_true(to > from);
    options.folder = folder;
    for (size_t i = 0; i < some; i++) {
        begin_following(t, &all, BETWEEN_STEPS);
        all.list[device].at = from + (to - from) * i / some;
        all.list[device].then = lose;
        team_outcome *broken = train_team(t, options, false);
        if (broken->status != CLADE_OK)
            fail_msg("lost at call %zu of %zu to %zu: %s", all.list[device].at, from, to, clade_error(t->f->context));
        expect_close(broken, whole);
        assert_true(fabs(broken->result.val_loss - whole->result.val_loss) < 1e-5);
        if (broken->result.devices[device].losses != 1)
            fail_msg("not lost at call %zu of %zu to %zu", all.list[device].at, from, to);
        assert_int_equal(times_said(t, "is lost at step"), 1);
        assert_int_equal(count_checkpoints(folder), count_checkpoints(first));
        free(broken);
    }
    end_following(t, &all);
    free(whole);
    free(folder);
    free(first);
}

static void test_a_loss_during_validations_and_checkpoints_is_made_good(void **state) {
    lose_between_steps(*state, 0, 12);
}

/* Devices unlike each other are given the first one's states at each epoch and validation. */
static void test_a_loss_while_states_are_levelled_is_made_good(void **state) {
    team_fixture *t = *state;
    snprintf(t->devices[1]->driver, sizeof t->devices[1]->driver, "another");
    lose_between_steps(t, 0, 5);
    lose_between_steps(t, 1, 5);
}

static void test_a_hang_during_a_validation_is_noticed_within_the_limit(void **state) {
    team_fixture *t = *state;
    followers all = { 0 };
    beginning b = { .all = &all };
    clade_train_options options = team_options(t, 2, shares, NULL);
    options.progress = note_beginning;
    options.user = &b;
    team_outcome *whole = follow_whole(t, &all, options);
    size_t at = b.counts[0];
    while (all.list[0].calls[at] != 'K')
        at++;
    options.device_seconds = 2;
    begin_following(t, &all, BETWEEN_STEPS);
    all.list[0].at = at + 1;
    all.list[0].then = hang;
    team_outcome *broken = train_team(t, options, false);
    assert_good(t->f->context, broken->status);
    expect_close(broken, whole);
    assert_int_equal(broken->result.devices[0].samples, 0);
    assert_int_equal(times_said(t, "is lost at step"), 1);
    end_following(t, &all);
    free(broken);
    free(whole);
}

/* ---- nobody is left ---- */

/* Where device 0 fails: so many calls behind the checkpoint after step 25, when nothing is in flight. */
typedef struct last_blow {
    followed *device;
    size_t calls;
} last_blow;

static void prepare_blow(void *user, const clade_train_progress *progress) {
    const last_blow *blow = user;
    if (progress->event == CLADE_TRAIN_SAVED && progress->step == 25)
        blow->device->at = blow->device->count + blow->calls;
}

/* Device 1 is lost in step 22, and device 0 in PHASE of step 26, by THEN. The run ends with words that name SAVED steps,
 * and one that is resumed from there ends as an unbroken one. */
static void lose_all(team_fixture *t, int phase, void (*then)(followed *), int64_t saved) {
    followers all = { 0 };
    char *folder = path_in(t->f, "lost"), words[64];
    clade_train_options options = even_run(t, 54, 3);
    options.checkpoint_every = 5;
    options.folder = folder;
    begin_following(t, &all, IN_STEPS);
    team_outcome *whole = train_team(t, options, false);
    const size_t at = place_of(&all.list[1], STEPS, 22, 0);
    const size_t calls = place_of(&all.list[1], STEPS, 26, phase) - start_of(&all.list[1], STEPS, 25);
    last_blow blow = { &all.list[0], calls };
    begin_following(t, &all, IN_STEPS);
    all.list[1].at = at;
    all.list[1].then = lose;
    all.list[0].then = then;
    options.progress = prepare_blow;
    options.user = &blow;
    team_outcome *broken = train_team(t, options, false);
    assert_int_equal(broken->status, CLADE_ERROR_DEVICE);
    snprintf(words, sizeof words, "goes on from step %d, saved in ", (int)saved);
    if (!strstr(clade_error(t->f->context), words)) fail_msg("%s", clade_error(t->f->context));
    assert_int_equal(times_said(t, "is lost at step 22"), 1);
    assert_int_equal(times_said(t, "is lost at step 26"), 1);
    end_following(t, &all);
    options.progress = NULL;
    options.resume = true;
    team_outcome *resumed = train_team(t, options, false);
    assert_good(t->f->context, resumed->status);
    assert_int_equal(resumed->result.resumed_from, saved);
    expect_close(resumed, whole);
    free(resumed);
    free(broken);
    free(whole);
    free(folder);
}

static void test_the_last_device_s_states_are_saved_where_they_are_whole(void **state) {
    lose_all(*state, 0, fail_once, 26);
}

static void test_half_an_update_is_not_saved(void **state) {
    lose_all(*state, 4, fail_once, 25);
}

static void test_states_that_cannot_be_read_are_those_of_the_last_checkpoint(void **state) {
    lose_all(*state, 0, lose, 25);
}

int main(void) {
#define WITH_TEAM(TEST) cmocka_unit_test_setup_teardown(TEST, set_up_team, tear_down_team)
    const struct CMUnitTest tests[] = {
        WITH_TEAM(test_a_device_lost_at_every_tenth_step_changes_nothing),
        WITH_TEAM(test_every_sample_is_counted_once),
        WITH_TEAM(test_a_hang_in_any_phase_is_noticed_within_the_limit),
        WITH_TEAM(test_a_loss_during_validations_and_checkpoints_is_made_good),
        WITH_TEAM(test_a_loss_while_states_are_levelled_is_made_good),
        WITH_TEAM(test_a_hang_during_a_validation_is_noticed_within_the_limit),
        WITH_TEAM(test_the_last_device_s_states_are_saved_where_they_are_whole),
        WITH_TEAM(test_half_an_update_is_not_saved),
        WITH_TEAM(test_states_that_cannot_be_read_are_those_of_the_last_checkpoint),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
