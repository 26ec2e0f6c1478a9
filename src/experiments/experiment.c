/* The table of experiments, and the notes that one takes while it runs. */
#include "experiments/experiment.h"

#include "base/arena.h"
#include "base/file.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const clade_experiment *const experiments[] = {
    &clade_experiment_activations.about, &clade_experiment_boltzmann.about,
    &clade_experiment_drumbeat.about,    &clade_experiment_gradients.about,
    &clade_experiment_hopfield.about,    &clade_experiment_perceptron.about,
    &clade_experiment_points.about,      &clade_experiment_ravine.about,
    &clade_experiment_regression.about,  NULL,
};

enum { MOST_SETTINGS = 16 };

/* The result behind its public face, and what grows it. Text and arrays are in the arena; an array that grows leaves its
 * smaller copies there. */
typedef struct clade_notes {
    clade_experiment_result result; /* first: what the caller holds is this */
    clade_arena arena;
    const clade_setting *settings;
    double values[MOST_SETTINGS];
    size_t cell_count;
    bool failed;
} clade_notes;

/* ---- the list ---- */

const clade_experiment *const *clade_experiment_list(void) {
    return experiments;
}

const clade_experiment *clade_experiment_find(const char *name) {
    for (size_t i = 0; name && experiments[i]; i++)
        if (strcmp(experiments[i]->name, name) == 0) return experiments[i];
    return NULL;
}

/* ---- notes ---- */

/* *ARRAY of COUNT elements with room for one more; its address, or NULL when memory is short. */
static void *grow(clade_notes *notes, const void *array, size_t count, size_t size) {
    enum { FIRST = 16 };
    if (notes->failed) return NULL;
    bool full = count == 0 || (count >= FIRST && (count & (count - 1)) == 0);
    if (!full) return (void *)(uintptr_t)array;
    void *larger = clade_arena_allocate(&notes->arena, count < FIRST ? FIRST : 2 * count, size);
    if (larger && count > 0) memcpy(larger, array, count * size);
    notes->failed = larger == NULL;
    return larger;
}

void clade_lab_column(clade_lab *lab, const char *title) {
    clade_experiment_result *result = &lab->notes->result;
    const char **columns = grow(lab->notes, result->columns, result->column_count, sizeof *columns);
    if (!columns) return;
    columns[result->column_count++] = title;
    result->columns = columns;
}

static void add_cell(clade_lab *lab, const char *text, bool is_number, double number) {
    clade_notes *notes = lab->notes;
    clade_cell *cells = grow(notes, notes->result.cells, notes->cell_count, sizeof *cells);
    const char *copy = cells ? clade_arena_string(&notes->arena, text) : NULL;
    notes->failed = copy == NULL;
    if (!copy) return;
    cells[notes->cell_count++] = (clade_cell){ copy, number, is_number };
    notes->result.cells = cells;
    notes->result.row_count = notes->result.column_count ? notes->cell_count / notes->result.column_count : 0;
}

void clade_lab_text(clade_lab *lab, const char *text) {
    add_cell(lab, text, false, NAN);
}

void clade_lab_number(clade_lab *lab, const char *format, double number) {
    char text[64] = "-";
    if (isfinite(number)) snprintf(text, sizeof text, format, number);
    add_cell(lab, text, true, number);
}

void clade_lab_figure(clade_lab *lab, const char *name, double value) {
    clade_experiment_result *result = &lab->notes->result;
    clade_figure *figures = grow(lab->notes, result->figures, result->figure_count, sizeof *figures);
    if (!figures) return;
    figures[result->figure_count++] = (clade_figure){ name, value };
    result->figures = figures;
}

/* "FOLDER/NAME", which is noted once it is written; NULL when memory is short. */
static const char *picture_path(clade_lab *lab, const char *name) {
    const char *path = clade_arena_format(&lab->notes->arena, "%s/%s", lab->folder, name);
    if (!path) clade_fail_memory(lab->context, strlen(name), "a picture's name");
    return path;
}

static clade_status note_picture(clade_lab *lab, const char *path) {
    clade_experiment_result *result = &lab->notes->result;
    const char **pictures = grow(lab->notes, result->pictures, result->picture_count, sizeof *pictures);
    if (!pictures) return clade_fail_memory(lab->context, sizeof *pictures, "an experiment's notes");
    pictures[result->picture_count++] = path;
    result->pictures = pictures;
    return CLADE_OK;
}

clade_status clade_lab_svg(clade_lab *lab, const char *name, clade_text *picture) {
    clade_status status = CLADE_OK;
    if (picture->failed) status = clade_fail_memory(lab->context, picture->length, name);
    if (status == CLADE_OK && lab->folder) {
        const char *path = picture_path(lab, name);
        status =
            path ? clade_file_write(lab->context, path, clade_text_get(picture), picture->length) : CLADE_ERROR_MEMORY;
        if (status == CLADE_OK) status = note_picture(lab, path);
    }
    clade_text_free(picture);
    return status;
}

clade_status clade_lab_pgm(clade_lab *lab, const char *name, const clade_pgm *picture) {
    if (!lab->folder) return CLADE_OK;
    const char *path = picture_path(lab, name);
    clade_status status = path ? clade_pgm_write(lab->context, path, picture) : CLADE_ERROR_MEMORY;
    return status == CLADE_OK ? note_picture(lab, path) : status;
}

/* ---- settings ---- */

static size_t setting_index(const clade_setting *settings, const char *name) {
    size_t i = 0;
    while (settings && settings[i].name && strcmp(settings[i].name, name) != 0)
        i++;
    return i;
}

double clade_lab_setting(const clade_lab *lab, const char *name) {
    return lab->notes->values[setting_index(lab->notes->settings, name)];
}

int64_t clade_lab_count(const clade_lab *lab, const char *name) {
    return (int64_t)clade_lab_setting(lab, name);
}

static clade_status unknown_setting(clade_context *context, const clade_experiment *experiment, const char *name) {
    clade_text known = { .context = context };
    const clade_setting *settings = experiment->settings;
    for (size_t i = 0; settings && settings[i].name; i++)
        clade_text_add(&known, "%s%s", i > 0 ? ", " : "", settings[i].name);
    clade_status status = clade_fail(context, CLADE_ERROR_ARGUMENT, "%s has no setting \"%s\"; it has %s",
                                     experiment->name, name, known.length > 0 ? clade_text_get(&known) : "none");
    clade_text_free(&known);
    return status;
}

static clade_status read_settings(clade_notes *notes, const clade_experiment *experiment,
                                  const clade_experiment_options *options) {
    clade_context *context = notes->arena.context;
    notes->settings = experiment->settings;
    for (size_t i = 0; notes->settings && notes->settings[i].name; i++)
        notes->values[i] = notes->settings[i].value;
    for (size_t i = 0; i < options->setting_count; i++) {
        const clade_setting_value *given = &options->settings[i];
        size_t at = setting_index(notes->settings, given->name);
        const clade_setting *setting = notes->settings ? &notes->settings[at] : NULL;
        if (!setting || !setting->name) return unknown_setting(context, experiment, given->name);
        bool good = given->value >= setting->least && given->value <= setting->most &&
                    (!setting->whole || given->value == floor(given->value));
        if (!good)
            return clade_fail(context, CLADE_ERROR_ARGUMENT, "%s: %s wants a%s number from %g to %g, not %g",
                              experiment->name, setting->name, setting->whole ? " whole" : "", setting->least,
                              setting->most, given->value);
        notes->values[at] = given->value;
    }
    return CLADE_OK;
}

/* ---- a run ---- */

static clade_status unknown_name(clade_context *context, const char *name) {
    clade_text known = { .context = context };
    for (size_t i = 0; experiments[i]; i++)
        clade_text_add(&known, "%s%s", i > 0 ? ", " : "", experiments[i]->name);
    clade_status status = clade_fail(context, CLADE_ERROR_ARGUMENT, "unknown experiment \"%s\"; known are %s",
                                     name ? name : "", clade_text_get(&known));
    clade_text_free(&known);
    return status;
}

static clade_status check(clade_context *context, const clade_experiment *experiment,
                          const clade_experiment_options *options) {
    if (!options->device)
        return clade_fail(context, CLADE_ERROR_ARGUMENT, "%s: needs a device in options.device", experiment->name);
    if (options->data && !experiment->data)
        return clade_fail(context, CLADE_ERROR_ARGUMENT, "%s draws its own data and takes no other", experiment->name);
    return options->folder ? clade_folder_make(context, options->folder) : CLADE_OK;
}

clade_status clade_experiment_run(clade_context *context, const char *name, const clade_experiment_options *given,
                                  clade_experiment_result **out) {
    *out = NULL;
    const clade_experiment *experiment = clade_experiment_find(name);
    if (!experiment) return unknown_name(context, name);
    clade_experiment_options options = { 0 };
    memcpy(&options, given, given->size < sizeof options ? given->size : sizeof options);
    clade_notes *notes = clade_allocate(context, 1, sizeof *notes);
    if (!notes) return clade_fail_memory(context, sizeof *notes, "an experiment's notes");
    notes->arena.context = context;
    clade_lab lab = { .context = context,
                      .device = options.device,
                      .data = options.data ? options.data : experiment->data,
                      .seed = options.seed,
                      .folder = options.folder,
                      .notes = notes };
    clade_status status = read_settings(notes, experiment, &options);
    if (status == CLADE_OK) status = check(context, experiment, &options);
    if (status == CLADE_OK) status = ((const clade_experiment_row *)experiment)->run(&lab);
    if (status == CLADE_OK && notes->failed)
        status = clade_fail_memory(context, sizeof *notes, "an experiment's notes");
    if (status != CLADE_OK) {
        clade_experiment_result_free(&notes->result);
        return status;
    }
    *out = &notes->result;
    return CLADE_OK;
}

void clade_experiment_result_free(clade_experiment_result *result) {
    if (!result) return;
    clade_notes *notes = (clade_notes *)result;
    clade_context *context = notes->arena.context;
    clade_arena_clear(&notes->arena);
    clade_free(context, notes);
}
