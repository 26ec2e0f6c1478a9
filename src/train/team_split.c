/* Who takes how much of a batch, and the same states for all. */
#include "train/team_inside.h"

#include "base/context.h"
#include "train/shares.h"

#include <string.h>

enum { WARM_STEPS = 3, FIRST_LOOK = 8 };

clade_member *clade_team_first(const clade_team *team) {
    for (size_t i = 0; i < team->count; i++)
        if (clade_member_lives(team->members[i])) return team->members[i];
    return NULL;
}

static size_t count_living(const clade_team *team) {
    size_t living = 0;
    for (size_t i = 0; i < team->count; i++)
        living += clade_member_lives(team->members[i]);
    return living;
}

/* ---- parts ---- */

/* SAMPLES by the team's parts, one after another in the devices' order. */
static void place_parts(const clade_team *team, int64_t samples, bool whole) {
    double weights[CLADE_MAX_TRAIN_DEVICES];
    int64_t parts[CLADE_MAX_TRAIN_DEVICES], first = 0;
    for (size_t i = 0; i < team->count; i++)
        weights[i] = (double)team->parts[i];
    clade_shares_divide(samples, weights, team->count, parts);
    for (size_t i = 0; i < team->count; i++) {
        clade_member *member = team->members[i];
        *(whole ? &member->full_part : &member->rest_part) =
            (clade_member_part){ .first = parts[i] > 0 ? first : 0, .count = parts[i] };
        first += parts[i];
    }
}

/* A whole batch among those that live, in the proportions that hold; one that came back gets as much as the others on
 * average. */
static void divide(clade_team *team) {
    double weights[CLADE_MAX_TRAIN_DEVICES], sum = 0;
    size_t with = 0;
    for (size_t i = 0; i < team->count; i++) {
        const bool lives = clade_member_lives(team->members[i]);
        weights[i] = !lives ? 0 : team->weights[0] > 0 ? team->weights[i] : (double)team->parts[i];
        sum += weights[i];
        with += weights[i] > 0;
    }
    for (size_t i = 0; i < team->count; i++)
        if (clade_member_lives(team->members[i]) && !(weights[i] > 0)) weights[i] = with > 0 ? sum / (double)with : 1;
    clade_shares_divide(team->options.batch, weights, team->count, team->parts);
    place_parts(team, team->options.batch, true);
    if (team->options.rest >= 0) place_parts(team, team->options.rest, false);
}

static void measure_anew(clade_team *team) {
    team->measure_from = team->pushed + WARM_STEPS;
    team->look_at = team->measure_from + FIRST_LOOK;
}

clade_status clade_team_form(clade_team *team) {
    clade_status status = CLADE_ERROR_DEVICE;
    bool alive[CLADE_MAX_TRAIN_DEVICES];
    while (status != CLADE_OK && count_living(team) > 0) {
        divide(team);
        status = CLADE_OK;
        for (size_t i = 0; i < team->count && status == CLADE_OK; i++) {
            clade_member *member = team->members[i];
            if (clade_member_lives(member)) status = clade_member_prepare(member);
            if (status != CLADE_OK && team->group)
                clade_team_drop(team, member, clade_error_here(team->context));
            else if (status != CLADE_OK)
                return status;
        }
    }
    if (status != CLADE_OK)
        return clade_fail(team->context, CLADE_ERROR_DEVICE, "no device is left to train on; the last failed with: %s",
                          clade_error_here(team->context));
    for (size_t i = 0; i < team->count; i++)
        alive[i] = clade_member_lives(team->members[i]);
    measure_anew(team);
    return team->group ? clade_group_reset(team->group, alive) : CLADE_OK;
}

void clade_team_parts(const clade_team *team, int64_t parts[CLADE_MAX_TRAIN_DEVICES]) {
    memcpy(parts, team->parts, sizeof team->parts);
}

void clade_team_use_parts(clade_team *team, const int64_t parts[CLADE_MAX_TRAIN_DEVICES]) {
    int64_t sum = 0;
    size_t last = 0;
    for (size_t i = 0; i < CLADE_MAX_TRAIN_DEVICES; i++) {
        if (parts[i] < 0) return;
        sum += parts[i];
        if (parts[i] > 0) last = i;
    }
    if (sum == team->options.batch && last < team->count) memcpy(team->parts, parts, sizeof team->parts);
}

/* ---- speeds ---- */

bool clade_team_look_due(const clade_team *team) {
    return team->group && !(team->weights[0] > 0) && count_living(team) > 1 && team->received >= team->look_at;
}

/* Seconds of a step in which MEMBER's device was at work: without waiting for steps, or for others. What the device does
 * while its thread waits for others counts as waiting too; that vanishes as the parts come to suit. */
static double seconds_of(clade_member *member) {
    const double now = clade_clock_seconds();
    const clade_group_statistics past = clade_group_measure(member->team->group, member->index, false);
    const double worked = now - member->clock - member->idle - (now - member->idle_since) - past.waited;
    return member->measured > 0 ? worked / (double)member->measured : 0;
}

clade_status clade_team_look(clade_team *team) {
    double seconds[CLADE_MAX_TRAIN_DEVICES] = { 0 };
    int64_t parts[CLADE_MAX_TRAIN_DEVICES];
    clade_status status = CLADE_OK;
    clade_mutex_lock(&team->lock);
    for (size_t i = 0; i < team->count; i++)
        if (clade_member_lives(team->members[i])) seconds[i] = seconds_of(team->members[i]);
    if (clade_shares_suit(team->parts, seconds, team->count, parts)) {
        memcpy(team->parts, parts, team->count * sizeof *parts);
        status = clade_team_form(team);
    } else {
        team->look_at += 2 * (team->look_at - team->measure_from);
    }
    clade_mutex_unlock(&team->lock);
    return status;
}

/* ---- the same states ---- */

clade_status clade_team_copy_states(clade_team *team, clade_member *member) {
    clade_session *from = clade_team_first(team)->session;
    const size_t count = (size_t)clade_session_state_floats(from);
    float *states = clade_allocate(team->context, count + 1, sizeof *states);
    if (!states) return clade_fail_memory(team->context, count * sizeof *states, "the states of another device");
    clade_status status = clade_session_save_states(from, states);
    if (status == CLADE_OK) status = clade_session_load_states(member->session, states);
    clade_free(team->context, states);
    return status;
}

static bool unlike(const clade_device *a, const clade_device *b) {
    return strcmp(a->name, b->name) != 0 || strcmp(a->platform_name, b->platform_name) != 0 ||
           strcmp(a->driver, b->driver) != 0;
}

static clade_status copy_to_others(clade_team *team, bool only_unlike) {
    const clade_member *first = clade_team_first(team);
    clade_status status = CLADE_OK;
    for (size_t i = 0; team->group && i < team->count && status == CLADE_OK; i++) {
        clade_member *member = team->members[i];
        if (member == first || !clade_member_lives(member)) continue;
        if (!only_unlike || unlike(first->device, member->device)) status = clade_team_copy_states(team, member);
    }
    return status;
}

clade_status clade_team_level(clade_team *team) {
    return copy_to_others(team, true);
}

clade_status clade_team_spread(clade_team *team) {
    return copy_to_others(team, false);
}
