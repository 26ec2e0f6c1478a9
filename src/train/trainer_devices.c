/* The devices of a trainer: which may train together, the team that they make, and the session that is measured. */
#include "train/trainer.h"

#include "base/context.h"
#include "exec/plan.h"
#include "ranks/ranks.h"

#include <inttypes.h>
#include <math.h>

/* ---- options ---- */

static clade_status check_handles(clade_context *context, const clade_train_options *options) {
    for (size_t i = 0; i < options->device_count; i++) {
        if (!options->devices[i])
            return clade_fail(context, CLADE_ERROR_ARGUMENT, "options.devices[%zu] is no device", i);
        for (size_t k = 0; k < i; k++)
            if (options->devices[i] == options->devices[k])
                return clade_fail(context, CLADE_ERROR_ARGUMENT, "options.devices[%zu] is also devices[%zu]", i, k);
    }
    return CLADE_OK;
}

static clade_status check_shares(clade_context *context, const clade_train_options *options) {
    for (size_t i = 0; i < options->device_count && options->device_shares; i++)
        if (!(options->device_shares[i] > 0 && isfinite(options->device_shares[i])))
            return clade_fail(context, CLADE_ERROR_ARGUMENT, "options.device_shares[%zu] is %g: must be above 0", i,
                              options->device_shares[i]);
    if (options->device_seconds >= 0) return CLADE_OK;
    return clade_fail(context, CLADE_ERROR_ARGUMENT, "device_seconds %g: must be at least 0", options->device_seconds);
}

static clade_status check_layers(clade_context *context, const clade_train_options *options) {
    if (options->device_count < 2 || options->device_count > CLADE_MAX_TRAIN_DEVICES)
        return clade_fail(context, CLADE_ERROR_ARGUMENT,
                          "the layers are to be split over %zu devices: 2 to %d can be named", options->device_count,
                          CLADE_MAX_TRAIN_DEVICES);
    if (options->device_shares || options->ranks)
        return clade_fail(context, CLADE_ERROR_ARGUMENT,
                          "devices that share the layers take every sample, in one process: no shares, no other ranks");
    if (options->micro_batches < 0)
        return clade_fail(context, CLADE_ERROR_ARGUMENT, "%" PRId64 " micro-batches: at least 1",
                          options->micro_batches);
    return CLADE_OK;
}

static clade_status check_samples(clade_context *context, const clade_train_options *options) {
    const size_t count = options->device_count;
    if (count > CLADE_MAX_TRAIN_DEVICES || (int64_t)count > options->batch)
        return clade_fail(context, CLADE_ERROR_ARGUMENT,
                          "%zu devices for batches of %" PRId64 ": at most %d, and a sample for each at least", count,
                          options->batch, CLADE_MAX_TRAIN_DEVICES);
    return check_shares(context, options);
}

clade_status clade_trainer_check_devices(clade_context *context, const clade_train_options *options) {
    const size_t count = options->device_count;
    if (count < 1 || !options->devices)
        return clade_fail(context, CLADE_ERROR_ARGUMENT, "training needs a device in options.devices");
    clade_status status = options->split_layers ? check_layers(context, options) : check_samples(context, options);
    if (status != CLADE_OK) return status;
    if ((count > 1 || options->ranks) && clade_optimizer_searches(options->optimizer))
        return clade_fail(
            context, CLADE_ERROR_UNSUPPORTED,
            "%s passes over a batch several times, on one device of one process: name a single one, not %zu",
            clade_optimizer_name(options->optimizer), count);
    return check_handles(context, options);
}

/* ---- the team ---- */

/* The validation goes with the session that it measures. */
static void leave(void *user, clade_session *session) {
    clade_trainer *trainer = user;
    if (trainer->validated != session) return;
    clade_measure_free(trainer->validation);
    trainer->validation = NULL;
    trainer->validated = NULL;
}

int64_t clade_trainer_own_count(const clade_trainer *trainer, int64_t count) {
    const int64_t of = trainer->part_of;
    return of == 0 ? count : count * trainer->part_to / of - count * trainer->part_from / of;
}

static int64_t samples_of(const clade_trainer *trainer) {
    return clade_dataset_describe(trainer->train ? trainer->train : trainer->options.train).count;
}

/* This rank's samples of an epoch's last batch; -1: that is a whole one. */
static int64_t own_rest(const clade_trainer *trainer) {
    const int64_t rest = samples_of(trainer) % trainer->options.batch;
    return rest > 0 ? clade_trainer_own_count(trainer, rest) : -1;
}

clade_status clade_trainer_open_team(clade_trainer *trainer) {
    const clade_train_options *options = &trainer->options;
    const clade_team_options team = { .devices = options->devices,
                                      .count = options->device_count,
                                      .graph = trainer->graph,
                                      .seed = options->seed,
                                      .optimizer = &trainer->optimizer,
                                      .batch = clade_trainer_own_count(trainer, options->batch),
                                      .rest = own_rest(trainer),
                                      .only_rest = samples_of(trainer) < options->batch,
                                      .carry = trainer->ranks ? clade_ranks_carry : NULL,
                                      .carry_user = trainer->ranks,
                                      .leaves = leave,
                                      .leaves_user = trainer,
                                      .weights = options->device_shares,
                                      .limit = options->device_seconds,
                                      .sync_batch_norm = options->sync_batch_norm,
                                      .split_layers = options->split_layers,
                                      .micro_batches = options->micro_batches,
                                      .split_at = options->split_at };
    clade_status status = clade_team_new(trainer->context, &team, &trainer->team);
    return status == CLADE_OK ? clade_trainer_measure(trainer) : status;
}

clade_status clade_trainer_resize(clade_trainer *trainer) {
    clade_loader *loader;
    clade_status status = clade_trainer_new_loader(trainer, &loader);
    if (status != CLADE_OK) return status;
    status = clade_team_resize(trainer->team, loader, clade_trainer_own_count(trainer, trainer->options.batch),
                               own_rest(trainer));
    trainer->loader_waited += clade_loader_waited(trainer->loader);
    clade_loader_free(trainer->loader);
    trainer->loader = loader;
    return status;
}

clade_status clade_trainer_measure(clade_trainer *trainer) {
    clade_session *session = clade_team_session(trainer->team);
    if (!trainer->held_out || trainer->validated == session) return CLADE_OK;
    clade_measure_free(trainer->validation);
    trainer->validation = NULL;
    trainer->validated = session;
    clade_dataset *samples = trainer->own_held_out ? trainer->own_held_out : trainer->held_out;
    return clade_measure_new(clade_session_device(session), session, &trainer->measured, samples, 0,
                             &trainer->validation);
}
