/* Devices that are lost.
 *
 * A reduction gives its sums to every device or to none (device/group.h), and what a step changes comes after its last. So
 * when a device fails, all others have finished the same steps, and their states are those after these: the steps that
 * they had begun since are simply taken again. */
#include "train/team_inside.h"

#include "base/context.h"

#include <inttypes.h>
#include <stdio.h>

enum { REASON = 512 };

/* ---- waiting ---- */

static bool is_at_work(const clade_member *member) {
    return clade_member_lives(member) && (member->busy || member->draining);
}

/* Waits until none of those of whom AMONG says so (NULL: all) is at work, at most SECONDS (0: without end). */
static void wait_idle(clade_team *team, const bool *among, double seconds) {
    const double until = clade_clock_seconds() + seconds;
    for (size_t i = 0; i < team->count; i++) {
        if (among && !among[i]) continue;
        while (is_at_work(team->members[i])) {
            const double left = until - clade_clock_seconds();
            if (seconds > 0 && left <= 0) return;
            if (seconds > 0)
                clade_condition_wait_for(&team->changed, &team->lock, left);
            else
                clade_condition_wait(&team->changed, &team->lock);
        }
    }
}

/* Has everybody received all outcomes of the steps that it sent. */
static void ask_to_drain(clade_team *team) {
    for (size_t i = 0; i < team->count; i++)
        team->members[i]->draining = clade_member_lives(team->members[i]);
    clade_condition_signal_all(&team->changed);
}

void clade_team_settle(clade_team *team) {
    ask_to_drain(team);
    for (size_t i = 0; i < team->count; i++)
        while (!team->halted && is_at_work(team->members[i]))
            clade_condition_wait(&team->changed, &team->lock);
}

/* ---- going ---- */

/* The number of the step that MEMBER did not finish. */
static int64_t step_of(const clade_team *team, const clade_member *member) {
    if (team->pushed == 0) return 0;
    const int64_t last = team->pushed - 1, at = member->sent < last ? member->sent : last;
    return (int64_t)team->jobs[at % CLADE_TEAM_STEPS].step.number;
}

void clade_team_drop(clade_team *team, clade_member *member, const char *why) {
    const bool hangs = atomic_load(&member->device->given_up);
    member->state = hangs || member->busy || member->draining ? CLADE_MEMBER_ABANDONED : CLADE_MEMBER_LOST;
    member->lost_at = step_of(team, member);
    member->losses++;
    team->parts[member->index] = 0;
    clade_log(team->context, CLADE_LOG_WARNING, "device %zu, %s, is lost at step %" PRId64 ": %s", member->index,
              member->device->name, member->lost_at, why);
    clade_member_close(member);
    for (size_t i = 0; i < team->count; i++) /* who rests beside it may be of use without it */
        team->members[i]->wake_at = team->epochs + 1;
    clade_condition_signal_all(&team->changed);
}

static bool has_hung(const clade_member *member) {
    return clade_member_lives(member) && atomic_load(&member->device->given_up);
}

/* Who failed, as against those that stopped because of it. */
static void find_lost(clade_team *team, bool lost[CLADE_MAX_TRAIN_DEVICES]) {
    for (size_t i = 0; i < CLADE_MAX_TRAIN_DEVICES; i++)
        lost[i] = false;
    clade_group_lost(team->group, lost);
    for (size_t i = 0; i < team->count; i++)
        lost[i] = clade_member_lives(team->members[i]) && (lost[i] || team->members[i]->failed);
}

/* Waits for those that are LOST as for the others, but not long: where a device does not answer, its thread is told to
 * wait no more. */
static void wait_for_all(clade_team *team, const bool lost[CLADE_MAX_TRAIN_DEVICES]) {
    const double limit = team->options.limit, grace = limit > 0 && limit < 1 ? limit : 1;
    bool others[CLADE_MAX_TRAIN_DEVICES];
    for (size_t i = 0; i < team->count; i++)
        others[i] = !lost[i];
    wait_idle(team, others, limit);
    wait_idle(team, lost, grace);
    for (size_t i = 0; i < team->count; i++)
        if (is_at_work(team->members[i])) clade_device_give_up(team->members[i]->device);
    wait_idle(team, NULL, grace);
}

/* Whether MEMBER, which failed, holds the states after the steps that it sent: what a step changes comes after its last
 * sum (passes/schedule.c), so one that broke off before that changed nothing. */
static bool is_whole(const clade_team *team, const clade_member *member) {
    if (is_at_work(member) || has_hung(member) || member->failed) return false;
    return !member->stepping || clade_group_sums(team->group, member->index) - member->sums < member->sums_of_step;
}

/* All are LOST: one of them whose states are whole, once it has waited for what it had in flight; NULL: there is none. */
static clade_member *find_keeper(clade_team *team) {
    for (size_t i = 0; i < team->count; i++) {
        clade_member *member = team->members[i];
        bool alone[CLADE_MAX_TRAIN_DEVICES] = { false };
        if (!clade_member_lives(member) || !is_whole(team, member)) continue;
        alone[i] = member->draining = true;
        clade_condition_signal_all(&team->changed);
        wait_idle(team, alone, team->options.limit);
        if (is_whole(team, member)) return member;
    }
    return NULL;
}

/* Drops them, and whoever does not come back. Of the last ones, one is kept for its states. */
static void drop_lost(clade_team *team) {
    bool lost[CLADE_MAX_TRAIN_DEVICES];
    char reason[REASON];
    size_t count = 0;
    find_lost(team, lost);
    wait_for_all(team, lost);
    find_lost(team, lost);
    for (size_t i = 0; i < team->count; i++) {
        lost[i] = lost[i] || is_at_work(team->members[i]) || has_hung(team->members[i]);
        count += lost[i];
    }
    if (count == clade_team_living(team)) team->keeper = find_keeper(team);
    clade_group_reason(team->group, reason, sizeof reason);
    for (size_t i = 0; i < team->count; i++)
        if (lost[i]) clade_team_drop(team, team->members[i], reason);
}

/* LAST, the only one that took part, is lost, but may still have its states: those that rest go on from them. */
static void wake_all(clade_team *team, clade_member *last) {
    float *states = NULL;
    if (clade_member_read_states(last, &states) != CLADE_OK) return;
    for (size_t i = 0; i < team->count; i++)
        if (clade_member_rests(team->members[i])) clade_team_wake(team, team->members[i], states, last->sent);
    clade_free(team->context, states);
}

/* Nobody is left, unless the last one's states were kept and others rest. */
static void replace_keeper(clade_team *team) {
    clade_member *keeper = team->keeper;
    if (keeper) wake_all(team, keeper);
    if (!clade_team_first(team)) return;
    team->keeper = NULL;
    clade_member_close(keeper);
}

/* Everybody that is left has finished the same steps. */
static clade_status check_agreement(const clade_team *team) {
    const clade_member *first = clade_team_first(team);
    for (size_t i = 0; i < team->count; i++)
        if (clade_member_lives(team->members[i]) && team->members[i]->sent != first->sent)
            return clade_fail(team->context, CLADE_ERROR_DEVICE,
                              "after a device was lost the others do not agree on the step: resume from the last "
                              "checkpoint");
    return CLADE_OK;
}

/* Waits for what those that are left have in flight; false when another one failed at that. */
static bool drain_rest(clade_team *team) {
    bool good = true;
    ask_to_drain(team);
    wait_idle(team, NULL, team->options.limit);
    for (size_t i = 0; i < team->count; i++)
        good = good && !is_at_work(team->members[i]) &&
               !(clade_member_lives(team->members[i]) && team->members[i]->failed);
    return good;
}

/* Other machines are in the middle of the step, and cannot take it anew: everybody stops, and keeps the states. */
static clade_status stop_all(clade_team *team) {
    char reason[REASON];
    wait_idle(team, NULL, team->options.limit);
    drain_rest(team);
    clade_group_reason(team->group, reason, sizeof reason);
    return clade_fail(team->context, CLADE_ERROR_DEVICE, "%s", reason);
}

clade_status clade_team_go_on(clade_team *team) {
    char reason[REASON];
    if (team->options.carry) return stop_all(team);
    do
        drop_lost(team);
    while (!drain_rest(team));
    clade_group_reason(team->group, reason, sizeof reason);
    if (!clade_team_first(team)) replace_keeper(team);
    if (!clade_team_first(team))
        return clade_fail(team->context, CLADE_ERROR_DEVICE, "no device is left to train on: %s", reason);
    clade_status status = check_agreement(team);
    if (status == CLADE_OK) status = clade_team_form(team);
    if (status != CLADE_OK) return status;
    team->halted = false;
    clade_condition_signal_all(&team->changed);
    return CLADE_OK;
}

/* ---- between steps ---- */

bool clade_team_pass_on(clade_team *team, clade_status status) {
    char reason[REASON];
    bool passed = false;
    if (!team->group || team->options.carry || (status != CLADE_ERROR_DEVICE && status != CLADE_ERROR_MEMORY))
        return false;
    snprintf(reason, sizeof reason, "%s", clade_error_here(team->context));
    clade_mutex_lock(&team->lock);
    clade_member *first = clade_team_first(team);
    if (clade_team_living(team) == 1) wake_all(team, first);
    if (clade_team_living(team) > 1) {
        clade_team_drop(team, first, reason);
        passed = !team->loader || clade_team_form(team) == CLADE_OK;
    }
    clade_mutex_unlock(&team->lock);
    return passed;
}
