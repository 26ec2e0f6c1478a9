/* A trainer's part among other processes (ranks/ranks.h).
 *
 * Every rank takes every step; its team's sums go on over the ranks, so that all ranks hold the same states and the same
 * outcomes, and what follows from these is decided alike everywhere. What does not follow from them (an interrupt) is agreed
 * upon after each step. Nothing else is said together, but at places that all ranks come to: the start, validations, epochs,
 * the end. */
#include "train/trainer.h"

#include "base/context.h"
#include "base/file.h"
#include "base/thread.h"
#include "exec/plan.h"
#include "ops/op.h"
#include "ranks/ranks.h"
#include "train/folder.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* ---- the start ---- */

/* The bytes *BYTES of rank 0, *SIZE of them, to all others, which get memory of their own for them. */
static clade_status send_bytes(clade_trainer *trainer, char **bytes, size_t *size) {
    uint64_t count = *size;
    clade_status status = clade_ranks_broadcast(trainer->ranks, &count, sizeof count);
    if (status != CLADE_OK) return status;
    if (clade_ranks_rank(trainer->ranks) != 0) {
        *size = (size_t)count;
        *bytes = clade_allocate(trainer->context, *size + 1, 1);
        if (!*bytes) return clade_fail_memory(trainer->context, *size, "what rank 0 sends");
    }
    return clade_ranks_broadcast(trainer->ranks, *bytes, *size);
}

/* The settings, and what else must be the same; the caller frees. */
static char *settings_of(const clade_trainer *trainer) {
    clade_text text = { .context = trainer->context };
    clade_text_add(&text, "build = %s, operators %016" PRIx64 "\n", clade_version(), clade_op_code);
    clade_text_add(&text, "%s", trainer->settings);
    clade_text_add(&text, "steps = %" PRId64 "\n", trainer->steps);
    char *copy = text.failed ? NULL : clade_duplicate(trainer->context, clade_text_get(&text));
    clade_text_free(&text);
    return copy;
}

static clade_status compare_with_first(clade_trainer *trainer, const char *first, const char *own) {
    int first_length, own_length;
    if (!clade_settings_differ(&first, &own, &first_length, &own_length)) return CLADE_OK;
    return clade_fail(trainer->context, CLADE_ERROR_ARGUMENT,
                      "has %.*s, and rank 0 has %.*s: start every rank with the same build, model, data and options",
                      own_length, own, first_length, first);
}

clade_status clade_trainer_check_alike(clade_trainer *trainer, clade_status status) {
    if (!trainer->ranks) return status;
    char *own = status == CLADE_OK ? settings_of(trainer) : NULL, *first = own;
    if (status == CLADE_OK && !own) status = clade_fail_memory(trainer->context, 1, "the run's settings");
    status = clade_ranks_agree(trainer->ranks, status);
    size_t size = own ? strlen(own) + 1 : 0;
    if (status == CLADE_OK) status = send_bytes(trainer, &first, &size);
    if (status == CLADE_OK) status = compare_with_first(trainer, first, own);
    status = clade_ranks_agree(trainer->ranks, status);
    if (first != own) clade_free(trainer->context, first);
    clade_free(trainer->context, own);
    return status;
}

clade_status clade_trainer_send_file(clade_trainer *trainer, const char *path, char **bytes, size_t *size) {
    clade_status status = CLADE_OK;
    *bytes = NULL;
    *size = 0;
    if (path) status = clade_file_read(trainer->context, path, SIZE_MAX / 2, bytes, size);
    status = clade_ranks_agree(trainer->ranks, status);
    if (status == CLADE_OK) status = send_bytes(trainer, bytes, size);
    if (status == CLADE_OK && *size > 0) return status;
    clade_free(trainer->context, *bytes);
    *bytes = NULL;
    return status;
}

/* ---- states ---- */

static clade_status share_states(clade_trainer *trainer) {
    clade_session *session = clade_trainer_session(trainer);
    const size_t count = (size_t)clade_session_state_floats(session);
    float *states = clade_allocate(trainer->context, count + 1, sizeof *states);
    if (!states) return clade_fail_memory(trainer->context, count * sizeof *states, "the states of rank 0");
    clade_status status = CLADE_OK;
    const bool first = clade_ranks_rank(trainer->ranks) == 0;
    if (first) status = clade_session_save_states(session, states);
    if (status == CLADE_OK) status = clade_ranks_broadcast(trainer->ranks, states, count * sizeof *states);
    if (status == CLADE_OK && !first) status = clade_session_load_states(session, states);
    clade_free(trainer->context, states);
    return status == CLADE_OK ? clade_team_spread(trainer->team) : status;
}

clade_status clade_trainer_level(clade_trainer *trainer, bool even_so) {
    if (trainer->ranks && (trainer->ranks_unlike || even_so)) return share_states(trainer);
    return clade_team_level(trainer->team);
}

/* ---- together ---- */

clade_status clade_trainer_consult(clade_trainer *trainer, bool *stop) {
    if (!trainer->ranks) return CLADE_OK;
    double wishes = *stop;
    clade_status status = clade_ranks_sum(trainer->ranks, &wishes, 1);
    *stop = wishes > 0;
    return status;
}

clade_status clade_trainer_own_samples(clade_trainer *trainer, clade_dataset *dataset, clade_dataset **part) {
    *part = NULL;
    const int64_t count = clade_dataset_describe(dataset).count;
    if (!trainer->ranks || count < trainer->part_of) return CLADE_OK;
    const int64_t from = count * trainer->part_from / trainer->part_of;
    const int64_t to = count * trainer->part_to / trainer->part_of;
    return clade_dataset_slice(dataset, from, to - from, part);
}

/* The counts of a confusion matrix are sent as doubles, which hold them exactly. */
static clade_status add_confusion(clade_trainer *trainer, clade_evaluation *evaluation) {
    enum { AT_ONCE = 4096 };
    double some[AT_ONCE];
    const int64_t count = evaluation->confusion ? evaluation->classes * evaluation->classes : 0;
    int64_t *confusion = (int64_t *)(uintptr_t)evaluation->confusion; /* of who measured, until it measures again */
    clade_status status = CLADE_OK;
    for (int64_t first = 0; first < count && status == CLADE_OK; first += AT_ONCE) {
        const int64_t more = count - first < AT_ONCE ? count - first : AT_ONCE;
        for (int64_t i = 0; i < more; i++)
            some[i] = (double)confusion[first + i];
        status = clade_ranks_sum(trainer->ranks, some, (size_t)more);
        for (int64_t i = 0; i < more && status == CLADE_OK; i++)
            confusion[first + i] = (int64_t)some[i];
    }
    return status;
}

clade_status clade_trainer_add_evaluations(clade_trainer *trainer, clade_evaluation *evaluation) {
    const double own = (double)evaluation->count;
    double sums[] = { own, own * evaluation->loss, own * evaluation->accuracy, own * evaluation->top5 };
    clade_status status = clade_ranks_sum(trainer->ranks, sums, sizeof sums / sizeof sums[0]);
    if (status != CLADE_OK) return status;
    evaluation->count = (int64_t)sums[0];
    evaluation->loss = sums[1] / sums[0];
    evaluation->accuracy = sums[2] / sums[0];
    evaluation->top5 = sums[3] / sums[0];
    return add_confusion(trainer, evaluation);
}

/* ---- when a rank is gone ---- */

/* Ranks that are left do not know of each other: each waits a little for those before it, and writes when none has. */
static bool another_saved(const clade_trainer *trainer) {
    const double turn = 0.05;
    char *path = clade_checkpoint_path(trainer->context, trainer->folder, trainer->run.step);
    clade_sleep(turn * clade_ranks_rank(trainer->ranks));
    const bool there = path && clade_file_exists(path);
    clade_free(trainer->context, path);
    return there;
}

/* The steps that were finished are received, and the run is where they left it. */
static clade_status settle(clade_trainer *trainer) {
    (void)clade_team_drain(trainer->team);
    clade_status status = clade_team_stand(trainer->team);
    trainer->run.step = trainer->received;
    return status;
}

clade_status clade_trainer_rescue(clade_trainer *trainer, clade_status status) {
    char reason[512];
    if (!trainer->ranks || !clade_ranks_broken(trainer->ranks)) return status;
    snprintf(reason, sizeof reason, "%s", clade_ranks_reason(trainer->ranks));
    clade_status saved = settle(trainer);
    if (!trainer->folder) {
        trainer->folder = trainer->rescue_folder;
        trainer->rescue_folder = NULL;
    }
    if (!trainer->folder || saved != CLADE_OK || trainer->run.step == 0)
        return clade_fail(trainer->context, status, "%s; nothing new was saved", reason);
    if (another_saved(trainer)) return clade_fail(trainer->context, status, "%s; another rank saved", reason);
    if (clade_folder_make(trainer->context, trainer->folder) != CLADE_OK || clade_folder_save(trainer) != CLADE_OK)
        return status;
    clade_ranks_take_over(trainer->ranks);
    return clade_fail(trainer->context, status,
                      "%s; stopped after step %" PRId64 " of %" PRId64
                      ", saved in %s: the same command with --resume, and any number of ranks, goes on from there",
                      reason, trainer->run.step, trainer->steps, trainer->folder);
}
