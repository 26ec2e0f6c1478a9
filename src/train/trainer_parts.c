/* Which part of each batch is a rank's. Ranks with like devices take as much as they have devices, so that the same ranks
 * have the same parts again. Unlike ones are measured: at the start at a product of matrices, and from then on, at each
 * epoch, by the steps that they took. All decide alike, from what all have told. */
#include "train/trainer.h"

#include "base/context.h"
#include "base/hash.h"
#include "clade/inspect.h"
#include "exec/plan.h"
#include "ranks/ranks.h"
#include "train/shares.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

/* ---- the start ---- */

/* Devices of this rank, and what tells unlike ones apart. */
typedef struct credentials {
    int64_t devices;
    char first[65]; /* a hash of the first one's name, platform and driver */
} credentials;

static credentials own_credentials(const clade_trainer *trainer) {
    credentials own = { .devices = (int64_t)trainer->options.device_count };
    const clade_device *first = trainer->options.devices[0];
    clade_sha256 hash;
    clade_sha256_start(&hash);
    clade_sha256_add_text(&hash, first->name);
    clade_sha256_add_text(&hash, first->platform_name);
    clade_sha256_add_text(&hash, first->driver);
    clade_sha256_finish_hex(&hash, own.first);
    return own;
}

/* Rank i's part of each batch is WEIGHTS[i] of their sum. */
static void take_part(clade_trainer *trainer, const int64_t *weights) {
    const int rank = clade_ranks_rank(trainer->ranks), size = clade_ranks_size(trainer->ranks);
    trainer->part_of = 0;
    for (int i = 0; i < size; i++) {
        if (i == rank) trainer->part_from = trainer->part_of;
        trainer->part_of += weights[i];
        if (i == rank) trainer->part_to = trainer->part_of;
    }
}

/* By the numbers of devices. */
static clade_status divide(clade_trainer *trainer, const credentials *all, int64_t *weights) {
    const int size = clade_ranks_size(trainer->ranks);
    for (int i = 0; i < size; i++) {
        weights[i] = all[i].devices;
        trainer->ranks_unlike |= strcmp(all[i].first, all[0].first) != 0;
    }
    take_part(trainer, weights);
    if (trainer->options.batch >= trainer->part_of) return CLADE_OK;
    return clade_fail(trainer->context, CLADE_ERROR_ARGUMENT,
                      "batches of %" PRId64 " for %" PRId64 " devices of %d ranks: a sample for each at least",
                      trainer->options.batch, trainer->part_of, size);
}

/* Of a product of matrices, on all devices of this rank one after another: FLOP/s. */
static clade_status measure_speed(const clade_trainer *trainer, double *speed) {
    enum { SIDE = 512 };
    const clade_bench_options options = { .size = sizeof options, .seconds = 0.1 };
    clade_status status = CLADE_OK;
    for (size_t i = 0; i < trainer->options.device_count && status == CLADE_OK; i++) {
        clade_bench_result result;
        status = clade_bench_gemm(trainer->options.devices[i], SIDE, SIDE, SIDE, &options, &result);
        if (status == CLADE_OK) *speed += result.flops / result.times.min;
    }
    return status;
}

/* By the speeds, in eighths of the fastest: so coarsely that the same ranks mostly get the same parts again. As it was
 * where a device would go without a sample. */
static void divide_by_speed(clade_trainer *trainer, const credentials *all, const double *speeds, int64_t *weights) {
    enum { STEPS = 8 };
    const int size = clade_ranks_size(trainer->ranks);
    double fastest = 0;
    int64_t sum = 0;
    for (int i = 0; i < size; i++)
        fastest = fmax(fastest, speeds[i]);
    for (int i = 0; i < size; i++) {
        const int64_t share = llround(STEPS * speeds[i] / fastest);
        weights[i] = share > 0 ? share : 1;
        sum += weights[i];
    }
    for (int i = 0; i < size; i++)
        if (trainer->options.batch * weights[i] / sum < all[i].devices) return;
    take_part(trainer, weights);
}

/* Together: every rank's part. Ranks whose devices are alike take as much as they have devices, and the same ranks have the
 * same parts again; unlike ones are measured. */
static clade_status divide_batches(clade_trainer *trainer, credentials *all, double *speeds, int64_t *weights) {
    const credentials own = own_credentials(trainer);
    double speed = 0;
    clade_status status = clade_ranks_gather(trainer->ranks, &own, all, sizeof own);
    if (status == CLADE_OK) status = divide(trainer, all, weights);
    if (status != CLADE_OK || !trainer->ranks_unlike) return status;
    status = clade_ranks_agree(trainer->ranks, measure_speed(trainer, &speed));
    if (status == CLADE_OK) status = clade_ranks_gather(trainer->ranks, &speed, speeds, sizeof speed);
    if (status == CLADE_OK) divide_by_speed(trainer, all, speeds, weights);
    return status;
}

clade_status clade_trainer_take_part(clade_trainer *trainer, clade_status status) {
    clade_ranks *ranks = trainer->ranks = trainer->options.ranks;
    if (!ranks) return status;
    status = clade_ranks_agree(ranks, status);
    if (status != CLADE_OK) return status;
    const size_t size = (size_t)clade_ranks_size(ranks);
    credentials *all = clade_allocate(trainer->context, size, sizeof *all);
    double *speeds = clade_allocate(trainer->context, size, sizeof *speeds);
    int64_t *weights = clade_allocate(trainer->context, size, sizeof *weights);
    status = all && speeds && weights ? divide_batches(trainer, all, speeds, weights)
                                      : clade_fail_memory(trainer->context, size * sizeof *all, "the ranks");
    clade_free(trainer->context, all);
    clade_free(trainer->context, speeds);
    clade_free(trainer->context, weights);
    if (!clade_ranks_speaks(ranks)) {
        trainer->rescue_folder = trainer->folder;
        trainer->folder = NULL;
        trainer->options.folder = trainer->options.tensorboard = NULL;
    }
    return status;
}

/* ---- by steps ---- */

/* What every rank tells of its steps, side by side. */
typedef struct rank_steps {
    struct rank_step {
        int64_t devices, samples; /* of a whole batch */
        double seconds;           /* that its slowest device was at work for them; 0: not measured */
    } * told;
    int64_t *now, *parts; /* samples of a whole batch */
    double *seconds;
} rank_steps;

/* Finds parts that suit the steps; false where they stay as they are. */
static bool find_parts(const rank_steps *steps, size_t size) {
    for (size_t i = 0; i < size; i++) {
        steps->now[i] = steps->told[i].samples;
        steps->seconds[i] = steps->told[i].seconds;
        if (!(steps->seconds[i] > 0)) return false;
    }
    if (!clade_shares_suit(steps->now, steps->seconds, size, steps->parts)) return false;
    for (size_t i = 0; i < size; i++)
        if (steps->parts[i] < steps->told[i].devices) return false; /* each of them needs a sample */
    return true;
}

static void tell_parts(const clade_trainer *trainer, const int64_t *parts, size_t size) {
    clade_text list = { .context = trainer->context };
    for (size_t i = 0; i < size; i++)
        clade_text_add(&list, "%s%" PRId64, i > 0 ? " : " : "", parts[i]);
    if (clade_ranks_speaks(trainer->ranks))
        clade_log(trainer->context, CLADE_LOG_INFO,
                  "the ranks' parts of a batch are now %s, by the time of their steps", clade_text_get(&list));
    clade_text_free(&list);
}

static clade_status divide_by_steps(clade_trainer *trainer, const rank_steps *steps, size_t size) {
    const struct rank_step own = { .devices = (int64_t)trainer->options.device_count,
                                   .samples = clade_trainer_own_count(trainer, trainer->options.batch),
                                   .seconds = clade_team_step_seconds(trainer->team) };
    clade_status status = clade_ranks_gather(trainer->ranks, &own, steps->told, sizeof own);
    if (status != CLADE_OK || !find_parts(steps, size)) return status;
    take_part(trainer, steps->parts);
    tell_parts(trainer, steps->parts, size);
    return clade_ranks_agree(trainer->ranks, clade_trainer_resize(trainer));
}

clade_status clade_trainer_divide_anew(clade_trainer *trainer) {
    if (!trainer->ranks || !trainer->ranks_unlike) return CLADE_OK;
    clade_context *context = trainer->context;
    const size_t size = (size_t)clade_ranks_size(trainer->ranks);
    const rank_steps steps = { .told = clade_allocate(context, size, sizeof *steps.told),
                               .now = clade_allocate(context, size, sizeof *steps.now),
                               .parts = clade_allocate(context, size, sizeof *steps.parts),
                               .seconds = clade_allocate(context, size, sizeof *steps.seconds) };
    clade_status status = steps.told && steps.now && steps.parts && steps.seconds
                              ? divide_by_steps(trainer, &steps, size)
                              : clade_fail_memory(context, size * sizeof *steps.told, "the steps of the ranks");
    clade_free(context, steps.told);
    clade_free(context, steps.now);
    clade_free(context, steps.parts);
    clade_free(context, steps.seconds);
    return status;
}
