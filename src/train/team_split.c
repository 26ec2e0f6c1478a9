/* Who takes how much of a batch, and the same states for all. */
#include "train/team_inside.h"

#include "base/context.h"
#include "train/run_state.h"
#include "train/shares.h"

#include <math.h>
#include <string.h>

enum { WARM_STEPS = 3, FIRST_LOOK = 8 };

clade_member *clade_team_first(const clade_team *team) {
    for (size_t i = 0; i < team->count; i++)
        if (clade_member_lives(team->members[i])) return team->members[i];
    return NULL;
}

size_t clade_team_living(const clade_team *team) {
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
    while (status != CLADE_OK && clade_team_living(team) > 0) {
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
    for (size_t i = 0; i < team->count; i++)
        if (clade_member_rests(team->members[i])) parts[i] = CLADE_PART_RESTS;
}

void clade_team_use_parts(clade_team *team, const int64_t parts[CLADE_MAX_TRAIN_DEVICES]) {
    int64_t sum = 0;
    size_t last = 0;
    for (size_t i = 0; i < CLADE_MAX_TRAIN_DEVICES; i++) {
        if (parts[i] < 0 || (parts[i] > team->options.batch && parts[i] != CLADE_PART_RESTS)) return;
        if (parts[i] != CLADE_PART_RESTS) sum += parts[i];
        if (parts[i] > 0) last = i;
    }
    if (sum != team->options.batch || last >= team->count || team->weights[0] > 0) return;
    for (size_t i = 0; i < team->count; i++) {
        const bool rests = parts[i] == CLADE_PART_RESTS;
        team->parts[i] = rests ? 0 : parts[i];
        if (!rests) continue;
        team->members[i]->state = CLADE_MEMBER_RESTS;
        team->members[i]->rests = 1; /* it was told then */
    }
}

/* ---- speeds ---- */

bool clade_team_look_due(const clade_team *team) {
    return team->group && !(team->weights[0] > 0) && clade_team_living(team) > 1 && team->received >= team->look_at;
}

/* Seconds of a step in which MEMBER's device was at work: without waiting for steps, or for others. What the device does
 * while its thread waits for others counts as waiting too; that vanishes as the parts come to suit. */
static double seconds_of(const clade_member *member) {
    const clade_group_statistics past = clade_group_measure(member->team->group, member->index, false);
    const double worked = member->idle_since - member->clock - member->idle - past.waited;
    return member->measured > 0 ? worked / (double)member->measured : 0;
}

double clade_team_step_seconds(clade_team *team) {
    double slowest = 0;
    bool measured = team->group != NULL;
    clade_mutex_lock(&team->lock);
    for (size_t i = 0; i < team->count && measured; i++) {
        const clade_member *member = team->members[i];
        if (!clade_member_lives(member)) continue;
        measured = member->sent >= team->measure_from + FIRST_LOOK;
        if (measured) slowest = fmax(slowest, seconds_of(member));
    }
    clade_mutex_unlock(&team->lock);
    return measured ? slowest : 0;
}

clade_status clade_team_resize(clade_team *team, clade_loader *loader, int64_t batch, int64_t rest) {
    clade_mutex_lock(&team->lock);
    team->loader = loader;
    team->options.batch = batch;
    team->options.rest = rest;
    clade_status status = clade_team_form(team);
    clade_mutex_unlock(&team->lock);
    return status;
}

void clade_member_report(const clade_member *member, clade_train_device *device) {
    if (member->sent <= member->team->measure_from) return; /* what was measured is of an earlier split */
    const clade_group_statistics past = clade_group_measure(member->team->group, member->index, false);
    const double steps = (double)member->measured;
    device->steps = member->measured;
    device->step_worked = seconds_of(member);
    device->step_waited = past.waited / steps;
    device->step_exposed = past.exposed / steps;
    device->step_idle = member->idle / steps;
    device->step_bytes = (double)past.bytes / steps;
}

clade_status clade_team_look(clade_team *team) {
    double seconds[CLADE_MAX_TRAIN_DEVICES] = { 0 };
    int64_t parts[CLADE_MAX_TRAIN_DEVICES];
    double without = 0;
    clade_status status = CLADE_OK;
    clade_mutex_lock(&team->lock);
    for (size_t i = 0; i < team->count; i++)
        if (clade_member_lives(team->members[i])) seconds[i] = seconds_of(team->members[i]);
    const size_t hindrance = clade_shares_hindrance(team->parts, seconds, team->count, &without);
    if (hindrance < team->count) {
        clade_team_rest(team, team->members[hindrance], seconds[hindrance], without);
        status = clade_team_form(team);
    } else if (clade_shares_suit(team->parts, seconds, team->count, parts)) {
        memcpy(team->parts, parts, team->count * sizeof *parts);
        status = clade_team_form(team);
    } else {
        team->look_at += 2 * (team->look_at - team->measure_from);
    }
    clade_mutex_unlock(&team->lock);
    return status;
}

/* ---- the same states ---- */

/* Whether MEMBER is to get the states of the first device. */
static bool takes_states(const clade_team *team, const clade_member *member, bool only_unlike) {
    const clade_member *first = clade_team_first(team);
    return member != first && clade_member_lives(member) &&
           !(only_unlike && clade_devices_alike(first->device, member->device));
}

/* Drops those that cannot take STATES; the lock is held. */
static clade_status write_to_others(clade_team *team, const float *states, bool only_unlike) {
    bool dropped = false;
    for (size_t i = 0; i < team->count; i++) {
        clade_member *member = team->members[i];
        if (!takes_states(team, member, only_unlike)) continue;
        if (clade_member_write_states(member, states) == CLADE_OK) continue;
        clade_team_drop(team, member, clade_error_here(team->context));
        dropped = true;
    }
    return dropped && team->loader ? clade_team_form(team) : CLADE_OK;
}

/* A fault is one of the first device's. */
static clade_status copy_to_others(clade_team *team, bool only_unlike) {
    float *states = NULL;
    size_t takers = 0;
    for (size_t i = 0; team->group && i < team->count; i++)
        takers += takes_states(team, team->members[i], only_unlike);
    if (takers == 0) return CLADE_OK;
    clade_status status = clade_member_read_states(clade_team_first(team), &states);
    if (status != CLADE_OK) return status;
    clade_mutex_lock(&team->lock);
    status = write_to_others(team, states, only_unlike);
    clade_mutex_unlock(&team->lock);
    clade_free(team->context, states);
    return status;
}

clade_status clade_team_level(clade_team *team) {
    clade_status status = copy_to_others(team, true);
    while (status != CLADE_OK && clade_team_pass_on(team, status))
        status = copy_to_others(team, true);
    return status;
}

clade_status clade_team_spread(clade_team *team) {
    return copy_to_others(team, false);
}
