/* Devices that come back: those that were lost, and those that rest.
 *
 * One that rests keeps its session, takes no step and no part in the sums, so that nobody waits for it. It is tried with the
 * least part at the next epoch; where that shows again that the others are faster without it, after two more epochs, after
 * four, and so on. What it holds is old by then, so it gets the others' states. */
#include "train/team_inside.h"

#include "base/context.h"

enum { MOST_RETURNS = 2, MOST_DOUBLINGS = 20, TRIAL_STEPS = 3 };

/* ---- resting ---- */

void clade_team_rest(clade_team *team, clade_member *member, double with, double without) {
    const int doublings = member->rests < MOST_DOUBLINGS ? member->rests : MOST_DOUBLINGS;
    member->state = CLADE_MEMBER_RESTS;
    member->wake_at = team->epochs + ((int64_t)1 << doublings);
    team->parts[member->index] = 0;
    if (member->rests++ > 0) return;
    clade_log(
        team->context, CLADE_LOG_INFO,
        "device %zu, %s, takes no samples, as it holds the others up: a step takes %.3g ms with it, and about %.3g "
        "without; it is tried again at later epochs",
        member->index, member->device->name, 1e3 * with, 1e3 * without);
}

void clade_team_wake(clade_team *team, clade_member *member, const float *states, int64_t sent) {
    if (clade_member_write_states(member, states) != CLADE_OK) {
        clade_team_drop(team, member, clade_error_here(team->context));
        return;
    }
    member->state = CLADE_MEMBER_LIVES;
    member->sent = member->received = sent;
    team->parts[member->index] = 1;
}

/* ---- after a loss ---- */

/* Opens MEMBER's device anew, with STATES. */
static clade_status reopen(clade_member *member, const float *states) {
    clade_device *again;
    if (member->has_thread) clade_thread_join(&member->thread);
    member->has_thread = false;
    clade_status status = clade_device_reopen(member->given, &again);
    if (status != CLADE_OK) return status;
    member->device = again;
    status = clade_member_open(member);
    return status == CLADE_OK ? clade_member_write_states(member, states) : status;
}

/* Whether MEMBER is open, ready to take part after the others' latest step. */
static bool is_open_again(clade_team *team, clade_member *member, const float *states) {
    if (reopen(member, states) != CLADE_OK) {
        member->losses++;
        clade_log(team->context, CLADE_LOG_WARNING, "device %zu, %s, stays away: %s", member->index,
                  member->device->name, clade_error_here(team->context));
        clade_member_close(member);
        return false;
    }
    clade_mutex_lock(&team->lock);
    member->state = CLADE_MEMBER_LIVES;
    member->failed = member->stepping = false;
    member->sent = member->received = team->pushed;
    clade_mutex_unlock(&team->lock);
    return true;
}

/* ---- the epoch ---- */

/* What becomes of each device at the epoch that begins. */
typedef struct returns {
    bool lost[CLADE_MAX_TRAIN_DEVICES], resting[CLADE_MAX_TRAIN_DEVICES]; /* that come back */
    bool any;
} returns;

static returns find_returns(const clade_team *team) {
    returns found = { .any = false };
    for (size_t i = 0; i < team->count; i++) {
        const clade_member *member = team->members[i];
        found.lost[i] = member->state == CLADE_MEMBER_LOST && member->losses <= MOST_RETURNS;
        found.resting[i] = clade_member_rests(member) && member->wake_at <= team->epochs;
        found.any = found.any || found.lost[i] || found.resting[i];
    }
    return found;
}

static clade_status start(clade_team *team, clade_member *member) {
    clade_status status = clade_member_start(member);
    if (status == CLADE_OK)
        clade_log(team->context, CLADE_LOG_WARNING, "device %zu, %s, is back", member->index, member->device->name);
    return status;
}

/* Lets those in that FOUND names, with STATES. */
static clade_status let_in(clade_team *team, const returns *found, const float *states) {
    bool opened[CLADE_MAX_TRAIN_DEVICES] = { false };
    for (size_t i = 0; i < team->count; i++)
        opened[i] = found->lost[i] && is_open_again(team, team->members[i], states);
    clade_mutex_lock(&team->lock);
    for (size_t i = 0; i < team->count; i++)
        if (found->resting[i]) clade_team_wake(team, team->members[i], states, team->pushed);
    clade_status status = clade_team_form(team);
    team->look_at = team->measure_from + TRIAL_STEPS;
    clade_mutex_unlock(&team->lock);
    for (size_t i = 0; i < team->count && status == CLADE_OK; i++)
        if (opened[i] && clade_member_lives(team->members[i])) status = start(team, team->members[i]);
    return status;
}

clade_status clade_team_epoch(clade_team *team) {
    float *states = NULL;
    team->epochs++;
    const returns found = find_returns(team);
    if (!found.any) return CLADE_OK;
    clade_status status = clade_member_read_states(clade_team_first(team), &states);
    while (status != CLADE_OK && clade_team_pass_on(team, status))
        status = clade_member_read_states(clade_team_first(team), &states);
    if (status == CLADE_OK) status = let_in(team, &found, states);
    clade_free(team->context, states);
    return status;
}
