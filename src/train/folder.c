/* The run folder: which checkpoint counts, and what is written when. */
#include "train/folder.h"

#include "base/context.h"
#include "base/file.h"
#include "train/trainer.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { KEPT_CHECKPOINTS = 3 };
static const char prefix[] = "checkpoint-", suffix[] = ".clade", half_written[] = ".tmp";

/* ---- names ---- */

static char *copy_text(clade_context *context, clade_text *text) {
    char *copy = text->failed ? NULL : clade_duplicate(context, clade_text_get(text));
    if (!copy) clade_fail_memory(context, text->length, "a file's name");
    clade_text_free(text);
    return copy;
}

char *clade_folder_path(clade_context *context, const char *folder, const char *name) {
    clade_text path = { .context = context };
    clade_text_add(&path, "%s/%s", folder, name);
    return copy_text(context, &path);
}

char *clade_checkpoint_path(clade_context *context, const char *folder, int64_t step) {
    clade_text path = { .context = context };
    clade_text_add(&path, "%s/%s%" PRId64 "%s", folder, prefix, step, suffix);
    return copy_text(context, &path);
}

static bool ends_with(const char *text, const char *end) {
    size_t length = strlen(text), end_length = strlen(end);
    return length >= end_length && strcmp(text + length - end_length, end) == 0;
}

/* The step in "checkpoint-STEP.clade"; -1 for any other name. */
static int64_t step_of(const char *name) {
    enum { MOST_DIGITS = 18 };
    if (strncmp(name, prefix, sizeof prefix - 1) != 0) return -1;
    const char *digits = name + sizeof prefix - 1;
    size_t count = strspn(digits, "0123456789");
    if (count == 0 || count > MOST_DIGITS || strcmp(digits + count, suffix) != 0) return -1;
    return strtoll(digits, NULL, 10);
}

static int by_step_downwards(const void *left, const void *right) {
    int64_t a = *(const int64_t *)left, b = *(const int64_t *)right;
    return a < b ? 1 : a > b ? -1 : 0;
}

/* The steps of the checkpoints in FOLDER, newest first; the caller frees. */
static clade_status list_steps(clade_context *context, const char *folder, int64_t **steps, size_t *count) {
    clade_folder_entry *entries;
    size_t entry_count;
    *count = 0;
    clade_status status = clade_folder_list(context, folder, &entries, &entry_count);
    if (status != CLADE_OK) return status;
    *steps = clade_allocate(context, entry_count + 1, sizeof **steps);
    if (!*steps) status = clade_fail_memory(context, entry_count * sizeof **steps, folder);
    for (size_t i = 0; i < entry_count && status == CLADE_OK; i++) {
        int64_t step = entries[i].is_folder ? -1 : step_of(entries[i].name);
        if (step >= 0) (*steps)[(*count)++] = step;
    }
    if (*count > 0) qsort(*steps, *count, sizeof **steps, by_step_downwards);
    clade_folder_free(context, entries, entry_count);
    return status;
}

/* ---- checkpoints ---- */

clade_status clade_checkpoint_newest(clade_context *context, const char *folder, clade_checkpoint *checkpoint,
                                     char **path) {
    int64_t *steps;
    size_t count;
    *checkpoint = (clade_checkpoint){ 0 };
    *path = NULL;
    clade_status status = list_steps(context, folder, &steps, &count);
    if (status != CLADE_OK) return status;
    for (size_t i = 0; i < count && status == CLADE_OK && !*path; i++) {
        char *candidate = clade_checkpoint_path(context, folder, steps[i]);
        status = candidate ? clade_checkpoint_read(context, candidate, checkpoint) : CLADE_ERROR_MEMORY;
        if (status == CLADE_OK) {
            *path = candidate;
            break;
        }
        if (status == CLADE_ERROR_INPUT) {
            clade_log(context, CLADE_LOG_WARNING, "%s; passed over", clade_error(context));
            status = CLADE_OK;
        }
        clade_free(context, candidate);
    }
    clade_free(context, steps);
    return status;
}

clade_status clade_checkpoint_of_path(clade_context *context, const char *path, clade_checkpoint *checkpoint,
                                      char **file) {
    *file = NULL;
    if (!clade_file_is_folder(path)) {
        *file = clade_duplicate(context, path);
        if (!*file) return clade_fail_memory(context, strlen(path), path);
        return clade_checkpoint_read(context, path, checkpoint);
    }
    clade_status status = clade_checkpoint_newest(context, path, checkpoint, file);
    if (status == CLADE_OK && !*file)
        status = clade_fail(context, CLADE_ERROR_INPUT,
                            "%s: no valid checkpoint there; a folder that `clade train --out` wrote is meant", path);
    return status;
}

static bool is_half_written(const char *name) {
    static const char *const ours[] = { prefix,    "metrics.jsonl.", "training.svg.",
                                        "layers.", "confusion.",     "network.onnx." };
    bool is_ours = false;
    for (size_t i = 0; i < sizeof ours / sizeof ours[0]; i++)
        is_ours |= strncmp(name, ours[i], strlen(ours[i])) == 0;
    return is_ours && ends_with(name, half_written);
}

static void remove_half_written(clade_context *context, const char *folder) {
    clade_folder_entry *entries;
    size_t count;
    if (clade_folder_list(context, folder, &entries, &count) != CLADE_OK) return;
    for (size_t i = 0; i < count; i++) {
        if (!is_half_written(entries[i].name)) continue;
        char *path = clade_folder_path(context, folder, entries[i].name);
        if (path) clade_file_remove(context, path);
        clade_free(context, path);
    }
    clade_folder_free(context, entries, count);
}

clade_status clade_checkpoint_prune(clade_context *context, const char *folder, int64_t step, size_t keep) {
    int64_t *steps;
    size_t count, kept = 0;
    remove_half_written(context, folder);
    clade_status status = list_steps(context, folder, &steps, &count);
    if (status != CLADE_OK) return status;
    for (size_t i = 0; i < count && status == CLADE_OK; i++) {
        if (steps[i] <= step && kept++ < keep) continue;
        char *path = clade_checkpoint_path(context, folder, steps[i]);
        status = path ? clade_file_remove(context, path) : CLADE_ERROR_MEMORY;
        clade_free(context, path);
    }
    clade_free(context, steps);
    return status;
}

/* ---- the trainer's side ---- */

/* Takes over what CHECKPOINT holds. */
static clade_status take_over(clade_trainer *trainer, const clade_checkpoint *checkpoint, const char *path) {
    clade_status status = clade_settings_compare(trainer->context, path, checkpoint->settings, trainer->settings);
    if (status != CLADE_OK) return status;
    if (checkpoint->run.step > trainer->steps || checkpoint->run.steps != trainer->steps)
        return clade_fail(trainer->context, CLADE_ERROR_INPUT,
                          "%s: at step %" PRId64 " of %" PRId64 ", and this run has %" PRId64 ": not of this run", path,
                          checkpoint->run.step, checkpoint->run.steps, trainer->steps);
    clade_team_use_parts(trainer->team, checkpoint->run.parts); /* first: they tell whose states count */
    clade_session *session = clade_trainer_session(trainer);
    status = clade_session_use_choices(session, checkpoint->choices);
    if (status == CLADE_OK) status = clade_checkpoint_restore(checkpoint, path, session);
    if (status != CLADE_OK) return status;
    trainer->run = checkpoint->run;
    trainer->received = trainer->resumed_from = trainer->saved_step = checkpoint->run.step;
    trainer->schedule.best = checkpoint->run.plateau_best;
    trainer->schedule.scale = checkpoint->run.plateau_scale;
    trainer->schedule.waited = checkpoint->run.plateau_waited;
    return clade_history_resume(&trainer->history, checkpoint->run.step);
}

/* An unfinished run is not thrown away by leaving out a word; a finished one gives way. */
static clade_status refuse_unfinished(const clade_trainer *trainer, const clade_checkpoint *checkpoint) {
    if (checkpoint->run.step >= checkpoint->run.steps || checkpoint->run.stopped) return CLADE_OK;
    return clade_fail(trainer->context, CLADE_ERROR_ARGUMENT,
                      "%s holds an unfinished run (step %" PRId64 " of %" PRId64
                      "): resume it, or remove the folder to begin anew",
                      trainer->folder, checkpoint->run.step, checkpoint->run.steps);
}

/* Makes place for a new run; FOUND: for that of a finished one. */
static clade_status clear_away(clade_trainer *trainer, bool found) {
    if (found) clade_log(trainer->context, CLADE_LOG_DEBUG, "%s: replacing the finished run there", trainer->folder);
    clade_status status = clade_checkpoint_prune(trainer->context, trainer->folder, -1, 0);
    return status == CLADE_OK ? clade_history_clear(&trainer->history) : status;
}

/* The states of a new run, and its event file. */
static clade_status begin(clade_trainer *trainer) {
    clade_status status = clade_trainer_first_states(trainer);
    return status == CLADE_OK ? clade_trainer_open_board(trainer) : status;
}

/* Goes on from CHECKPOINT, of the file PATH (NULL: none), or begins. What was there is cleared away only when nothing can be refused any more. */
static clade_status go_on_or_begin(clade_trainer *trainer, const clade_checkpoint *checkpoint, const char *path) {
    const bool resumes = trainer->options.resume;
    if (resumes && path) {
        clade_status status = take_over(trainer, checkpoint, path);
        return status == CLADE_OK ? clade_trainer_open_board(trainer) : status;
    }
    clade_status status = path ? refuse_unfinished(trainer, checkpoint) : CLADE_OK;
    if (status == CLADE_OK) status = begin(trainer);
    if (status != CLADE_OK || !trainer->folder) return status;
    /* Resuming without a checkpoint: killed before the first one, or nothing there yet. */
    return resumes ? clade_history_clear(&trainer->history) : clear_away(trainer, path != NULL);
}

/* What the folder holds, and for the other ranks what they resume from. */
static clade_status open_own(clade_trainer *trainer, clade_checkpoint *checkpoint, char **path) {
    clade_context *context = trainer->context;
    clade_status status = CLADE_OK;
    if (trainer->folder) {
        status = clade_folder_make(context, trainer->folder);
        trainer->history.path = clade_folder_path(context, trainer->folder, "metrics.jsonl");
        if (status == CLADE_OK && !trainer->history.path) status = CLADE_ERROR_MEMORY;
        if (status == CLADE_OK) status = clade_checkpoint_newest(context, trainer->folder, checkpoint, path);
    }
    char *bytes = NULL;
    size_t size = 0;
    status = clade_ranks_agree(trainer->ranks, status);
    if (status == CLADE_OK && trainer->ranks && trainer->options.resume)
        status = clade_trainer_send_file(trainer, *path, &bytes, &size);
    clade_free(context, bytes);
    return status;
}

/* The same of a rank that writes nothing. */
static clade_status open_of_others(clade_trainer *trainer, clade_checkpoint *checkpoint, char **path) {
    char *bytes = NULL;
    size_t size = 0;
    clade_status status = clade_ranks_agree(trainer->ranks, CLADE_OK);
    if (status == CLADE_OK && trainer->options.resume) status = clade_trainer_send_file(trainer, NULL, &bytes, &size);
    if (status != CLADE_OK || !bytes) return status;
    *path = clade_duplicate(trainer->context, "the checkpoint of rank 0");
    status = *path ? clade_checkpoint_parse(trainer->context, *path, (const uint8_t *)bytes, size, checkpoint)
                   : CLADE_ERROR_MEMORY;
    if (status == CLADE_OK)
        checkpoint->bytes = bytes;
    else
        clade_free(trainer->context, bytes);
    return status;
}

clade_status clade_folder_open(clade_trainer *trainer) {
    clade_checkpoint checkpoint = { 0 };
    char *path = NULL;
    clade_status status = clade_ranks_speaks(trainer->ranks) ? open_own(trainer, &checkpoint, &path)
                                                             : open_of_others(trainer, &checkpoint, &path);
    if (status == CLADE_OK) status = go_on_or_begin(trainer, &checkpoint, path);
    clade_checkpoint_free(&checkpoint);
    clade_free(trainer->context, path);
    return clade_ranks_agree(trainer->ranks, status);
}

static void add_title(const clade_trainer *trainer, clade_text *title) {
    clade_dataset_info info = clade_dataset_describe(trainer->options.train);
    clade_text_add(title, "%s on %s, epochs: %" PRId64, trainer->model[0] ? trainer->model : "training", info.name,
                   trainer->epochs);
}

/* Writes TEXT, and frees it. */
static clade_status write_text(const clade_trainer *trainer, const char *name, clade_text *text) {
    char *path = clade_folder_path(trainer->context, trainer->folder, name);
    clade_status status = path ? CLADE_OK : CLADE_ERROR_MEMORY;
    if (status == CLADE_OK && text->failed) status = clade_fail_memory(trainer->context, text->length, name);
    if (status == CLADE_OK) status = clade_file_write(trainer->context, path, clade_text_get(text), text->length);
    clade_free(trainer->context, path);
    clade_text_free(text);
    return status;
}

static clade_status plot_layers(const clade_trainer *trainer, const char *title) {
    clade_text table = { .context = trainer->context }, svg = { .context = trainer->context };
    clade_history_layers_text(&trainer->history, &table);
    clade_status status = write_text(trainer, "layers.txt", &table);
    clade_history_layers_plot(&trainer->history, title, &svg);
    clade_status written = write_text(trainer, "layers.svg", &svg);
    return status == CLADE_OK ? written : status;
}

clade_status clade_folder_plot(const clade_trainer *trainer) {
    if (!trainer->folder) return CLADE_OK;
    clade_text title = { .context = trainer->context }, svg = { .context = trainer->context };
    add_title(trainer, &title);
    clade_status status =
        clade_history_plot(&trainer->history, clade_text_get(&title), trainer->steps, trainer->steps_per_epoch, &svg);
    clade_status written = write_text(trainer, "training.svg", &svg);
    if (status == CLADE_OK) status = written;
    if (status == CLADE_OK && trainer->layers) status = plot_layers(trainer, clade_text_get(&title));
    clade_text_free(&title);
    return status;
}

clade_status clade_folder_confusion(const clade_trainer *trainer, const clade_evaluation *evaluation) {
    static const char *const names[] = { "confusion.txt", "confusion.json", "confusion.svg" };
    if (!trainer->folder) return CLADE_OK;
    clade_text title = { .context = trainer->context };
    clade_text_add(&title, "%s on %s", trainer->model[0] ? trainer->model : "training",
                   clade_dataset_describe(trainer->options.test).name);
    clade_status status = CLADE_OK;
    for (int i = 0; i < 3 && status == CLADE_OK; i++) {
        char *path = clade_folder_path(trainer->context, trainer->folder, names[i]);
        status = path ? clade_confusion_write(trainer->context, evaluation->confusion, evaluation->classes,
                                              clade_text_get(&title), path)
                      : CLADE_ERROR_MEMORY;
        clade_free(trainer->context, path);
    }
    clade_text_free(&title);
    return status;
}

clade_status clade_folder_save(clade_trainer *trainer) {
    if (!trainer->folder || trainer->saved_step == trainer->run.step) return CLADE_OK;
    clade_team_parts(trainer->team, trainer->run.parts);
    trainer->run.plateau_best = trainer->schedule.best;
    trainer->run.plateau_scale = trainer->schedule.scale;
    trainer->run.plateau_waited = trainer->schedule.waited;
    uint8_t *bytes = NULL;
    size_t size = 0;
    char *path = clade_checkpoint_path(trainer->context, trainer->folder, trainer->run.step);
    clade_status status = path ? CLADE_OK : CLADE_ERROR_MEMORY;
    if (status == CLADE_OK)
        status = clade_checkpoint_encode(trainer->context, clade_trainer_session(trainer), trainer->settings,
                                         &trainer->run, &bytes, &size);
    if (status == CLADE_OK) status = clade_file_write(trainer->context, path, bytes, size);
    clade_free(trainer->context, bytes);
    clade_free(trainer->context, path);
    if (status == CLADE_OK)
        status = clade_checkpoint_prune(trainer->context, trainer->folder, trainer->run.step, KEPT_CHECKPOINTS);
    if (status == CLADE_OK) status = clade_folder_plot(trainer);
    if (status == CLADE_OK) trainer->saved_step = trainer->run.step;
    return status;
}
