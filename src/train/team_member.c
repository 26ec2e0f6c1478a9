/* A device of a team: its session, pipeline and plans, and the thread that takes its steps. */
#include "train/team_inside.h"

#include "base/context.h"
#include "ops/all_reduce.h"
#include "passes/passes.h"

bool clade_member_lives(const clade_member *member) {
    return member->state == CLADE_MEMBER_LIVES;
}

bool clade_member_rests(const clade_member *member) {
    return member->state == CLADE_MEMBER_RESTS;
}

/* ---- life ---- */

clade_status clade_member_open(clade_member *member) {
    clade_team *team = member->team;
    clade_status status = team->group ? clade_device_join(member->device, team->group, member->index) : CLADE_OK;
    if (status == CLADE_OK)
        status = team->options.split_layers
                     ? clade_team_open_layers(team, &member->session)
                     : clade_session_new(member->device, team->options.graph, team->options.seed, &member->session);
    if (status == CLADE_OK && team->options.sync_batch_norm) clade_session_sync_batch_norm(member->session);
    return status;
}

void clade_member_close(clade_member *member) {
    const clade_team_options *options = &member->team->options;
    if (member->busy || member->draining) return; /* a driver's call that does not return still uses all of it */
    if (member == member->team->keeper) return;
    if (member->session && options->leaves) options->leaves(options->leaves_user, member->session);
    clade_pipeline_free(member->pipeline);
    clade_session_free(member->session);
    member->pipeline = NULL;
    member->session = NULL;
    member->full = member->rest = member->apply = NULL;
    if (member->team->group) clade_device_join(member->device, NULL, 0);
    if (member->device != member->given) clade_device_close(member->device);
    member->device = member->given;
}

/* ---- states ---- */

clade_status clade_member_read_states(clade_member *member, float **states) {
    clade_context *context = member->team->context;
    const size_t count = (size_t)clade_session_state_floats(member->session);
    *states = clade_allocate(context, count + 1, sizeof **states);
    if (!*states) return clade_fail_memory(context, count * sizeof **states, "the states of another device");
    clade_status status = clade_device_settle(member->device); /* what comes now may wait inside OpenCL, without end */
    if (status == CLADE_OK) status = clade_session_save_states(member->session, *states);
    if (status == CLADE_OK) return status;
    clade_free(context, *states);
    *states = NULL;
    return status;
}

clade_status clade_member_write_states(clade_member *member, const float *states) {
    clade_status status = clade_device_settle(member->device);
    return status == CLADE_OK ? clade_session_load_states(member->session, states) : status;
}

/* ---- outcomes ---- */

/* On the device's thread; alone on the caller's, and then straight to who asked for it. */
static clade_status take_outcome(void *user, const clade_outcome *outcome) {
    clade_member *member = user;
    clade_team *team = member->team;
    if (!team->group) return team->receive(team->user, outcome);
    clade_mutex_lock(&team->lock);
    if (clade_member_lives(member)) team->jobs[member->received++ % CLADE_TEAM_STEPS].outcome = *outcome;
    clade_condition_signal_all(&team->changed);
    clade_mutex_unlock(&team->lock);
    return CLADE_OK;
}

/* ---- plans ---- */

static int64_t at_least_one(int64_t count) {
    return count > 0 ? count : 1;
}

static clade_status make_apply(clade_member *member) {
    if (!member->team->options.optimizer->accumulates || member->apply) return CLADE_OK;
    return clade_session_plan(member->session,
                              &(clade_plan_request){ .binding = { .batch = member->team->options.batch },
                                                     .updates = true,
                                                     .program = CLADE_PROGRAM_APPLY },
                              &member->apply);
}

/* The plan for PART, in the place of an earlier one that no part is for any more. */
static clade_status make_plan(clade_member *member, const clade_member_part *part, clade_plan **plan) {
    clade_plan *before = *plan;
    clade_status status = clade_pipeline_plan(member->pipeline, at_least_one(part->count), true, plan);
    if (status != CLADE_OK) *plan = NULL;
    if (before && before != member->full && before != member->rest) clade_session_drop_plan(member->session, before);
    return status;
}

clade_status clade_member_prepare(clade_member *member) {
    clade_team *team = member->team;
    clade_status status = CLADE_OK;
    if (!member->pipeline)
        status = clade_pipeline_new(member->device, member->session, team->group ? NULL : team->loader, &team->feed,
                                    take_outcome, member, &member->pipeline);
    if (status == CLADE_OK && !team->options.only_rest) status = make_plan(member, &member->full_part, &member->full);
    if (status == CLADE_OK && team->options.rest >= 0) status = make_plan(member, &member->rest_part, &member->rest);
    return status == CLADE_OK ? make_apply(member) : status;
}

/* ---- a step ---- */

/* The samples of PART of BATCH. */
static clade_batch part_of(const clade_team *team, const clade_batch *batch, const clade_member_part *part) {
    clade_batch own = *batch;
    own.count = at_least_one(part->count);
    own.first += part->first;
    own.images += part->first * team->pixels;
    own.labels += part->first;
    if (own.targets) own.targets += part->first * team->width;
    return own;
}

static clade_status set_scalars(clade_session *session, const clade_team_step *step) {
    if (step->optimizer.accumulates) return clade_session_set_scalar(session, "train.share", (float)step->share);
    return clade_optimizer_set(&step->optimizer, session, step->update, step->rate);
}

static clade_status apply(clade_member *member, const clade_team_step *step) {
    if (!step->optimizer.accumulates || !step->ends) return CLADE_OK;
    clade_status status = clade_optimizer_set(&step->optimizer, member->session, step->update, step->rate);
    return status == CLADE_OK ? clade_plan_enqueue(member->apply) : status;
}

clade_status clade_member_send(clade_member *member, const clade_team_job *job) {
    const clade_team *team = member->team;
    const clade_batch *batch = &job->batch;
    const bool whole = batch->count == team->options.batch;
    const clade_member_part *part = whole ? &member->full_part : &member->rest_part;
    const int64_t of = job->step.of > 0 ? job->step.of : batch->count;
    const clade_batch own = part_of(team, batch, part);
    clade_session_set_random(member->session, job->step.seed, job->step.number, own.first);
    clade_status status = clade_session_set_scalar(member->session, CLADE_DEVICE_SHARE,
                                                   team->group ? (float)((double)part->count / (double)of) : 1);
    if (status == CLADE_OK) status = set_scalars(member->session, &job->step);
    if (status != CLADE_OK) {
        if (!team->group) clade_loader_release(team->loader, batch);
        return status;
    }
    status = clade_pipeline_push(member->pipeline, whole ? member->full : member->rest, &own);
    return status == CLADE_OK ? apply(member, &job->step) : status;
}

/* ---- the thread ---- */

/* MEMBER failed, or stopped at what another's failure broke: who it was, the group knows. The lock is held. */
static void halt(clade_member *member) {
    member->team->halted = true;
    clade_group_break(member->team->group, member->index);
    clade_condition_signal_all(&member->team->changed);
}

/* The lock is held, and let go of meanwhile. */
static void take_step(clade_member *member) {
    clade_team *team = member->team;
    const clade_team_job job = team->jobs[member->sent % CLADE_TEAM_STEPS];
    if (member->sent == team->measure_from) {
        clade_group_statistics past = clade_group_measure(team->group, member->index, true);
        member->bytes += past.bytes;
        member->waited += past.waited;
        member->clock = clade_clock_seconds();
        member->idle = 0;
        member->measured = 0;
    }
    member->busy = member->stepping = true;
    member->sums = clade_group_sums(team->group, member->index);
    clade_mutex_unlock(&team->lock);
    const clade_status status = clade_member_send(member, &job);
    clade_mutex_lock(&team->lock);
    member->busy = false;
    if (status != CLADE_OK) {
        halt(member);
        return;
    }
    member->stepping = false;
    member->sums_of_step = clade_group_sums(team->group, member->index) - member->sums;
    member->sent++;
    member->measured++;
    clade_condition_signal_all(&team->changed);
}

static void drain(clade_member *member) {
    clade_team *team = member->team;
    member->busy = true;
    clade_mutex_unlock(&team->lock);
    const clade_status status = clade_pipeline_drain(member->pipeline);
    clade_mutex_lock(&team->lock);
    member->busy = member->draining = false;
    member->failed = status != CLADE_OK;
    if (member->failed) halt(member);
    clade_condition_signal_all(&team->changed);
}

static void wait(clade_member *member) {
    member->idle_since = clade_clock_seconds();
    clade_condition_wait(&member->team->changed, &member->team->lock);
    member->idle += clade_clock_seconds() - member->idle_since;
}

static void *work(void *argument) {
    clade_member *member = argument;
    clade_team *team = member->team;
    clade_mutex_lock(&team->lock);
    while (!team->stopping && (clade_member_lives(member) || clade_member_rests(member))) {
        if (clade_member_lives(member) && !team->halted && member->sent < team->pushed)
            take_step(member);
        else if (member->draining)
            drain(member);
        else
            wait(member);
    }
    clade_mutex_unlock(&team->lock);
    return NULL;
}

clade_status clade_member_start(clade_member *member) {
    clade_status status = clade_thread_start(member->team->context, &member->thread, work, member);
    member->has_thread = status == CLADE_OK;
    return status;
}
