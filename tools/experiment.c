/* clade experiment: the small systems of include/clade/experiment.h; without a name, a list of them. */
#include "command.h"
#include "report.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_SETTINGS = 16, NAME_BYTES = 64 };

typedef struct arguments {
    bool json;
    const char *device, *folder, *data, *settings;
    uint64_t seed;
} arguments;

/* What --set holds. */
typedef struct settings {
    clade_setting_value values[MOST_SETTINGS];
    char names[MOST_SETTINGS][NAME_BYTES];
    size_t count;
} settings;

/* ---- the list ---- */

static bool list_as_text(void) {
    const clade_experiment *const *list = clade_experiment_list();
    int width = 0;
    for (size_t i = 0; list[i] != NULL; i++)
        if ((int)strlen(list[i]->name) > width) width = (int)strlen(list[i]->name);
    for (size_t i = 0; list[i] != NULL; i++) {
        printf("%-*s  ", width, list[i]->name);
        print_wrapped(list[i]->title, width + 2);
        if (list[i]->data != NULL) printf("%*s  --data DATA  %s unless given\n", width, "", list[i]->data);
        for (const clade_setting *setting = list[i]->settings; setting != NULL && setting->name != NULL; setting++)
            printf("%*s  --set %s=%g  %s\n", width, "", setting->name, setting->value, setting->help);
    }
    return true;
}

static bool list_as_json(void) {
    json report = json_new();
    cJSON *rows = json_array(&report, report.root, "experiments");
    for (const clade_experiment *const *at = clade_experiment_list(); *at != NULL; at++) {
        cJSON *row = json_object(&report, rows, NULL);
        json_text(&report, row, "name", (*at)->name);
        json_text(&report, row, "title", (*at)->title);
        if ((*at)->data != NULL) json_text(&report, row, "data", (*at)->data);
        cJSON *list = json_object(&report, row, "settings");
        for (const clade_setting *setting = (*at)->settings; setting != NULL && setting->name != NULL; setting++)
            json_number(&report, list, setting->name, setting->value);
    }
    return json_print(&report);
}

/* ---- results ---- */

/* Columns of numbers stand at the right. */
static unsigned number_columns(const clade_experiment_result *result) {
    unsigned right = 0;
    for (size_t column = 0; column < result->column_count; column++) {
        bool numbers = result->row_count > 0;
        for (size_t row = 0; row < result->row_count; row++)
            numbers = numbers && result->cells[row * result->column_count + column].is_number;
        if (numbers) right |= 1u << column;
    }
    return right;
}

static bool print_text(const clade_experiment_result *result) {
    table *rows = table_new((int)result->column_count, number_columns(result));
    for (size_t column = 0; column < result->column_count; column++)
        table_cell(rows, result->columns[column]);
    table_rule(rows);
    for (size_t cell = 0; cell < result->row_count * result->column_count; cell++)
        table_cell(rows, result->cells[cell].text);
    if (!table_print(rows)) return false;
    if (result->figure_count > 0) putchar('\n');
    for (size_t i = 0; i < result->figure_count; i++)
        isfinite(result->figures[i].value) ? printf("%s %g\n", result->figures[i].name, result->figures[i].value)
                                           : printf("%s -\n", result->figures[i].name);
    for (size_t i = 0; i < result->picture_count; i++)
        printf("picture %s\n", result->pictures[i]);
    return true;
}

static bool print_json(const char *name, const char *device, const clade_experiment_result *result) {
    json report = json_new();
    json_text(&report, report.root, "experiment", name);
    json_text(&report, report.root, "device", device);
    cJSON *rows = json_array(&report, report.root, "rows");
    for (size_t row = 0; row < result->row_count; row++) {
        cJSON *object = json_object(&report, rows, NULL);
        for (size_t column = 0; column < result->column_count; column++) {
            const clade_cell *cell = &result->cells[row * result->column_count + column];
            if (cell->is_number)
                json_number(&report, object, result->columns[column], cell->number);
            else
                json_text(&report, object, result->columns[column], cell->text);
        }
    }
    for (size_t i = 0; i < result->figure_count; i++)
        json_number(&report, report.root, result->figures[i].name, result->figures[i].value);
    cJSON *pictures = json_array(&report, report.root, "pictures");
    for (size_t i = 0; i < result->picture_count; i++)
        json_text(&report, pictures, NULL, result->pictures[i]);
    return json_print(&report);
}

/* ---- a run ---- */

/* Reads "NAME=NUMBER,NAME=NUMBER". */
static bool read_settings(const char *text, settings *out) {
    for (const char *at = text; at != NULL && *at != '\0';) {
        size_t length = strcspn(at, "=,");
        if (length == 0 || length >= NAME_BYTES || at[length] != '=' || out->count == MOST_SETTINGS) return false;
        char *name = out->names[out->count], *end = NULL;
        memcpy(name, at, length);
        name[length] = '\0';
        double value = strtod(at + length + 1, &end);
        if (end == at + length + 1 || !isfinite(value) || (*end != '\0' && (*end != ',' || end[1] == '\0')))
            return false;
        out->values[out->count++] = (clade_setting_value){ name, value };
        at = *end == ',' ? end + 1 : NULL;
    }
    return true;
}

/* --out, or runs/experiments/NAME. */
static const char *folder_of(const arguments *given, const char *name, char *text, size_t size) {
    if (given->folder != NULL) return given->folder;
    snprintf(text, size, "runs/experiments/%s", name);
    return text;
}

static outcome run_named(const invocation *call, const clade_experiment *experiment) {
    const arguments *given = call->arguments;
    settings set = { .count = 0 };
    if (!read_settings(given->settings, &set))
        return wrong_usage(call->command, "--set wants NAME=NUMBER[,NAME=NUMBER...], not \"%.100s\"", given->settings);
    clade_device *device = NULL;
    outcome result = open_device(call, given->device, &device);
    if (result != DONE) return result;
    char folder[256];
    clade_experiment_options options = { .size = sizeof options,
                                         .device = device,
                                         .folder = folder_of(given, experiment->name, folder, sizeof folder),
                                         .data = given->data,
                                         .seed = given->seed,
                                         .settings = set.values,
                                         .setting_count = set.count };
    clade_experiment_result *found = NULL;
    if (clade_experiment_run(call->context, experiment->name, &options, &found) != CLADE_OK)
        result = failed(call);
    else if (given->json ? !print_json(experiment->name, clade_device_name(device), found) : !print_text(found))
        result = FAILED;
    clade_experiment_result_free(found);
    clade_device_close(device);
    return result;
}

static outcome run(invocation *call) {
    const arguments *given = call->arguments;
    if (call->operand_count == 0) return (given->json ? list_as_json() : list_as_text()) ? DONE : FAILED;
    const clade_experiment *experiment = clade_experiment_find(call->operands[0]);
    if (experiment == NULL)
        return wrong_usage(call->command, "unknown experiment \"%.100s\"; `clade experiment` lists them",
                           call->operands[0]);
    return run_named(call, experiment);
}

static const option options[] = {
    { "--out", OPTION_TEXT, offsetof(arguments, folder), "DIR", 0,
      "the folder for its pictures; default runs/experiments/NAME" },
    { "--data", OPTION_TEXT, offsetof(arguments, data), "DATA", 0,
      "digits, mnist:DIR, points:KIND, ...; see `clade train`" },
    { "--set", OPTION_TEXT, offsetof(arguments, settings), "NAME=NUMBER,...", 0,
      "settings of the experiment; the list says which it has" },
    { "--seed", OPTION_SEED, offsetof(arguments, seed), "S", 0, "of points, weights and draws; default 0" },
    OPTION_DEVICE(arguments),
    OPTION_JSON(arguments),
    OPTIONS_END,
};

const command command_experiment = {
    .name = "experiment",
    .operands = "[NAME]",
    .title = "small systems, each with its table and pictures; without a name, a list of them",
    .details = "Prints a table and figures, and writes SVG and PGM pictures into DIR.",
    .operand_minimum = 0,
    .operand_maximum = 1,
    .options = options,
    .arguments_size = sizeof(arguments),
    .run = run,
};
