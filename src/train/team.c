/* Making a team, the queue of its steps, and what each device did. */
#include "train/team_inside.h"

#include "base/context.h"
#include "data/dataset.h"

#include <inttypes.h>
#include <string.h>

/* ---- life ---- */

static clade_status add_members(clade_team *team) {
    const size_t count = team->options.split_layers ? 1 : team->options.count;
    for (size_t i = 0; i < count; i++) {
        clade_member *member = clade_allocate(team->context, 1, sizeof *member);
        if (!member) return clade_fail_memory(team->context, sizeof *member, "a team of devices");
        *member = (clade_member){ .team = team, .index = i, .given = clade_team_device(team, i), .lost_at = -1 };
        member->device = member->given;
        team->members[team->count++] = member;
        team->parts[i] = 1;
        team->weights[i] = team->options.weights ? team->options.weights[i] : 0;
    }
    return CLADE_OK;
}

static clade_status make_group(clade_team *team) {
    const clade_team_options *options = &team->options;
    if ((options->count == 1 || options->split_layers) && !options->carry) return CLADE_OK;
    clade_status status = clade_group_new(team->context, options->count, &team->group);
    if (status != CLADE_OK) return status;
    clade_group_limit(team->group, options->limit);
    clade_group_outside(team->group, options->carry, options->carry_user);
    return CLADE_OK;
}

clade_status clade_team_new(clade_context *context, const clade_team_options *options, clade_team **out) {
    *out = NULL;
    clade_team *team = clade_allocate(context, 1, sizeof *team);
    if (!team) return clade_fail_memory(context, sizeof *team, "a team of devices");
    team->context = context;
    team->options = *options;
    clade_mutex_init(&team->lock);
    clade_condition_init(&team->changed);
    clade_status status = add_members(team);
    if (status == CLADE_OK) status = make_group(team);
    for (size_t i = 0; i < team->count && status == CLADE_OK; i++)
        status = clade_member_open(team->members[i]);
    if (status != CLADE_OK) {
        clade_team_free(team);
        return status;
    }
    *out = team;
    return CLADE_OK;
}

/* Ends the threads; false when one does not come back. */
static bool stop_threads(clade_team *team) {
    bool all = true;
    clade_mutex_lock(&team->lock);
    team->stopping = true;
    for (size_t i = 0; i < team->count; i++)
        if (team->members[i]->busy) clade_group_break(team->group, i);
    clade_condition_signal_all(&team->changed);
    clade_mutex_unlock(&team->lock);
    for (size_t i = 0; i < team->count; i++) {
        clade_member *member = team->members[i];
        if (member->state == CLADE_MEMBER_ABANDONED && (member->busy || member->draining))
            all = false;
        else if (member->has_thread)
            clade_thread_join(&member->thread);
    }
    return all;
}

/* Steps whose outcomes nobody waits for any more. */
static void give_back_batches(clade_team *team) {
    for (; team->group && team->received < team->pushed; team->received++)
        clade_loader_release(team->loader, &team->jobs[team->received % CLADE_TEAM_STEPS].batch);
}

void clade_team_free(clade_team *team) {
    if (!team) return;
    const bool all = stop_threads(team);
    team->options.leaves = NULL;
    team->keeper = NULL;
    for (size_t i = 0; i < team->count; i++)
        clade_member_close(team->members[i]);
    give_back_batches(team);
    if (!all) return; /* a driver's call still under way may come back to it */
    clade_group_free(team->group);
    for (size_t i = 0; i < team->count; i++)
        clade_free(team->context, team->members[i]);
    clade_condition_destroy(&team->changed);
    clade_mutex_destroy(&team->lock);
    clade_free(team->context, team);
}

clade_session *clade_team_session(const clade_team *team) {
    const clade_member *first = clade_team_first(team);
    if (!first) first = team->keeper;
    return first ? first->session : NULL;
}

bool clade_team_sums(const clade_team *team) {
    return team->group != NULL || team->options.split_layers;
}

clade_status clade_team_start(clade_team *team, clade_loader *loader, const clade_feed *feed,
                              clade_status (*receive)(void *user, const clade_outcome *outcome), void *user) {
    if (team->loader) return CLADE_OK;
    clade_dims dims = clade_value_dims(feed->image);
    team->loader = loader;
    team->feed = *feed;
    team->receive = receive;
    team->user = user;
    team->pixels =
        clade_dims_value(feed->image.graph, &dims, (clade_binding){ .batch = 1 }, (int64_t[CLADE_MAX_RANK]){ 0 });
    team->width = clade_feed_width(feed);
    clade_status status = clade_team_spread(team);
    if (status == CLADE_OK) status = clade_team_form(team);
    for (size_t i = 0; team->group && i < team->count && status == CLADE_OK; i++)
        if (clade_member_lives(team->members[i]) || clade_member_rests(team->members[i]))
            status = clade_member_start(team->members[i]);
    return status;
}

/* ---- the queue of several; the lock is held ---- */

static bool all_received(const clade_team *team, int64_t step) {
    for (size_t i = 0; i < team->count; i++)
        if (clade_member_lives(team->members[i]) && team->members[i]->received <= step) return false;
    return true;
}

/* Waits for the oldest step that is queued, and hands its outcome on. */
static clade_status receive_oldest(clade_team *team) {
    clade_status status = CLADE_OK;
    while (status == CLADE_OK && !all_received(team, team->received)) {
        if (team->halted)
            status = clade_team_go_on(team);
        else
            clade_condition_wait(&team->changed, &team->lock);
    }
    if (status != CLADE_OK) return status;
    clade_team_job *job = &team->jobs[team->received++ % CLADE_TEAM_STEPS];
    clade_outcome outcome = job->outcome;
    outcome.count = job->step.of > 0 ? job->step.of : job->batch.count;
    clade_loader_release(team->loader, &job->batch);
    return team->receive(team->user, &outcome);
}

static clade_status push(clade_team *team, const clade_team_job *job) {
    clade_status status = CLADE_OK;
    while (status == CLADE_OK && team->pushed - team->received == CLADE_TEAM_STEPS)
        status = receive_oldest(team);
    if (status != CLADE_OK) {
        clade_loader_release(team->loader, &job->batch);
        return status;
    }
    team->jobs[team->pushed++ % CLADE_TEAM_STEPS] = *job;
    clade_condition_signal_all(&team->changed);
    return CLADE_OK;
}

clade_status clade_team_push(clade_team *team, const clade_team_step *step, const clade_batch *batch) {
    const clade_team_job job = { .step = *step, .batch = *batch };
    if (!team->group) return clade_member_send(team->members[0], &job);
    clade_mutex_lock(&team->lock);
    clade_status status = push(team, &job);
    clade_mutex_unlock(&team->lock);
    return status;
}

clade_status clade_team_drain(clade_team *team) {
    clade_status status = CLADE_OK;
    if (!team->group) return clade_pipeline_drain(team->members[0]->pipeline);
    clade_mutex_lock(&team->lock);
    clade_team_settle(team);
    while (status == CLADE_OK && team->received < team->pushed) {
        if (team->halted) status = clade_team_go_on(team);
        if (status == CLADE_OK && !all_received(team, team->received)) clade_team_settle(team);
        if (status == CLADE_OK && !team->halted) status = receive_oldest(team);
    }
    clade_mutex_unlock(&team->lock);
    return status;
}

clade_status clade_team_stand(clade_team *team) {
    if (!team->group) return CLADE_ERROR_DEVICE; /* where a step of its broke off is not known */
    clade_mutex_lock(&team->lock);
    const clade_member *first = clade_team_first(team), *whole = first ? first : team->keeper;
    clade_status status = whole ? CLADE_OK : CLADE_ERROR_DEVICE;
    while (status == CLADE_OK && team->received < whole->received && all_received(team, team->received))
        status = receive_oldest(team);
    if (status == CLADE_OK && team->received != whole->sent)
        status = clade_fail(team->context, CLADE_ERROR_DEVICE, "outcomes of steps that were taken are lost");
    clade_mutex_unlock(&team->lock);
    return status;
}

/* ---- the report ---- */

size_t clade_team_report(clade_team *team, clade_train_device devices[CLADE_MAX_TRAIN_DEVICES]) {
    if (team->options.split_layers) return clade_team_report_layers(team, devices);
    clade_mutex_lock(&team->lock);
    for (size_t i = 0; i < team->count; i++) {
        const clade_member *member = team->members[i];
        clade_group_statistics past = { 0 };
        if (team->group) past = clade_group_measure(team->group, i, false);
        devices[i] =
            (clade_train_device){ .samples = team->group ? team->parts[i] : team->options.batch,
                                  .share = team->group ? (double)team->parts[i] / (double)team->options.batch : 1,
                                  .lost_at = member->lost_at,
                                  .losses = member->losses,
                                  .bytes = member->bytes + past.bytes,
                                  .waited = member->waited + past.waited };
        if (!clade_member_lives(member)) devices[i].samples = 0;
        devices[i].rests = clade_member_rests(member);
        if (team->group && clade_member_lives(member)) clade_member_report(member, &devices[i]);
        clade_team_copy_name(devices[i].name, sizeof devices[i].name, clade_device_name(member->given));
    }
    clade_mutex_unlock(&team->lock);
    return team->count;
}
