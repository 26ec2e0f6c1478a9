/* A CSV table as a data set: csv:FILE. What a column is, is told by the options and by the first row: a number there
 * makes a column of numbers, which are normalised by the mean and the deviation of the training rows; anything else a
 * column of words, which become one-hot vectors over the words of the table, in order. One column holds the class, or
 * some hold the numbers to be foretold. Without a table of test rows every fifth row is one. */
#include "base/text.h"
#include "data/dataset.h"
#include "data/spec.h"
#include "formats/csv.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char USAGE[] = "csv:FILE[,target=COLUMN|,number=COLUMN...][,test=FILE][,skip=COLUMN...][,words=COLUMN...]";
enum { TEST_EVERY = 5, MOST_WORDS = 256 };

enum role { UNSET, SKIPPED, NUMBER, WORDS, CLASS, TARGET };

struct column {
    enum role role;
    double mean, deviation; /* of a number, over the training rows */
    const char **words;     /* of words and classes, in order; owned */
    int64_t word_count;
};

struct tables {
    clade_context *context;
    const char *path, *test_path; /* TEST_PATH NULL: every TEST_EVERYth row of the first */
    clade_csv all, test;
    struct column *columns;                  /* of ALL */
    int64_t features, targets, class_column; /* CLASS_COLUMN -1: numbers are foretold */
};

/* ---- fields ---- */

/* The field's line, column and text, and FAULT; an empty field is a fault of its own. */
static clade_status field_fault(const struct tables *tables, const clade_csv *table, int64_t row, int64_t column,
                                const char *fault) {
    const char *field = clade_csv_field(table, row, clade_csv_column(table, tables->all.fields[column]));
    clade_text what = { .context = tables->context };
    clade_text_add(&what, "'%.64s' %s", field, fault);
    for (size_t i = 0; i < what.length; i++)
        if (what.data[i] == '\n' || what.data[i] == '\r') what.data[i] = ' ';
    clade_status status = clade_fail(tables->context, CLADE_ERROR_INPUT, "%s: line %" PRId64 ", column '%.64s': %s",
                                     table == &tables->all ? tables->path : tables->test_path,
                                     clade_csv_line(table, row), tables->all.fields[column],
                                     *field ? clade_text_get(&what) : "no value; fill it in, or leave the row out");
    clade_text_free(&what);
    return status;
}

static bool read_real(const char *text, double *number) {
    char *end = NULL;
    if (*text == '\0' || !strchr("+-.0123456789", *text) || strpbrk(text, "xX")) return false;
    *number = strtod(text, &end);
    return *end == '\0' && isfinite(*number) && isfinite((float)*number);
}

/* Numbers by size before words by letters. */
static int compare_words(const void *a, const void *b) {
    const char *left = *(const char *const *)a, *right = *(const char *const *)b;
    double left_number = 0, right_number = 0;
    const bool left_is = read_real(left, &left_number), right_is = read_real(right, &right_number);
    if (left_is != right_is) return left_is ? -1 : 1;
    if (left_is && left_number != right_number) return left_number < right_number ? -1 : 1;
    return strcmp(left, right);
}

static int64_t find_word(const struct column *column, const char *word) {
    const char **found =
        bsearch(&word, (const void *)column->words, (size_t)column->word_count, sizeof *column->words, compare_words);
    return found ? found - column->words : -1;
}

/* ---- columns ---- */

static bool is_test_row(const struct tables *tables, int64_t row) {
    return !tables->test_path && row % TEST_EVERY == TEST_EVERY - 1;
}

static clade_status set_role(struct tables *tables, const char *name, enum role role) {
    const int64_t column = clade_csv_column(&tables->all, name);
    if (column < 0)
        return clade_fail(tables->context, CLADE_ERROR_ARGUMENT, "%s: has no column '%s'", tables->path, name);
    if (tables->columns[column].role != UNSET)
        return clade_fail(tables->context, CLADE_ERROR_ARGUMENT, "%s: column '%s' is named twice", tables->path, name);
    tables->columns[column].role = role;
    if (role == CLASS) tables->class_column = column;
    if (role == TARGET) tables->targets++;
    return CLADE_OK;
}

/* The words of a column, each once. */
static clade_status list_words(struct tables *tables, int64_t index) {
    struct column *column = &tables->columns[index];
    const clade_csv *all = &tables->all;
    column->words = clade_allocate(tables->context, (size_t)all->rows, sizeof *column->words);
    if (!column->words)
        return clade_fail_memory(tables->context, (size_t)all->rows * sizeof *column->words, tables->path);
    for (int64_t row = 0; row < all->rows; row++) {
        column->words[row] = clade_csv_field(all, row, index);
        if (*column->words[row] == '\0') return field_fault(tables, all, row, index, "");
    }
    qsort((void *)column->words, (size_t)all->rows, sizeof *column->words, compare_words);
    for (int64_t row = 0; row < all->rows; row++)
        if (row == 0 || strcmp(column->words[row], column->words[column->word_count - 1]) != 0)
            column->words[column->word_count++] = column->words[row];
    if (column->role == CLASS || column->word_count <= MOST_WORDS) return CLADE_OK;
    return clade_fail(tables->context, CLADE_ERROR_INPUT,
                      "%s: column '%.64s' has %" PRId64 " different words; at most %d become inputs: leave it out by "
                      "skip=COLUMN",
                      tables->path, all->fields[index], column->word_count, MOST_WORDS);
}

/* Mean and deviation over the training rows. */
static clade_status measure_numbers(struct tables *tables, int64_t index) {
    struct column *column = &tables->columns[index];
    const clade_csv *all = &tables->all;
    double sum = 0, square = 0, number = 0, count = 0;
    for (int pass = 0; pass < 2; pass++) {
        for (int64_t row = 0; row < all->rows; row++) {
            if (!read_real(clade_csv_field(all, row, index), &number))
                return field_fault(
                    tables, all, row, index,
                    "is no number, which this column has in its first row (words=COLUMN takes all as words)");
            if (is_test_row(tables, row)) continue;
            if (pass == 0) {
                sum += number;
                count++;
            } else {
                square += (number - column->mean) * (number - column->mean);
            }
        }
        if (pass == 0) column->mean = sum / count;
    }
    column->deviation = sqrt(square / count);
    if (!(column->deviation > 0) || !isfinite(column->deviation)) column->deviation = 1;
    return CLADE_OK;
}

/* Roles that the options left open, and what the roles need. */
static clade_status settle_columns(struct tables *tables) {
    const clade_csv *all = &tables->all;
    if (tables->class_column < 0 && tables->targets == 0)
        for (int64_t i = all->columns - 1; i >= 0 && tables->class_column < 0; i--)
            if (tables->columns[i].role == UNSET) {
                tables->columns[i].role = CLASS;
                tables->class_column = i;
            }
    if (tables->class_column >= 0 && tables->targets > 0)
        return clade_fail(tables->context, CLADE_ERROR_ARGUMENT, "csv: a target and a number exclude each other: %s",
                          USAGE);
    clade_status status = CLADE_OK;
    for (int64_t i = 0; i < all->columns && status == CLADE_OK; i++) {
        struct column *column = &tables->columns[i];
        double number = 0;
        if (column->role == UNSET) column->role = read_real(clade_csv_field(all, 0, i), &number) ? NUMBER : WORDS;
        if (column->role == NUMBER || column->role == TARGET) status = measure_numbers(tables, i);
        if (column->role == WORDS || column->role == CLASS) status = list_words(tables, i);
        if (column->role == NUMBER) tables->features++;
        if (column->role == WORDS) tables->features += column->word_count;
    }
    if (status == CLADE_OK && tables->features == 0)
        status = clade_fail(tables->context, CLADE_ERROR_INPUT, "%s: no column is left to learn from", tables->path);
    return status;
}

/* ---- rows ---- */

/* Where a row goes. */
struct row_place {
    float *features, *targets;
    int32_t *label;
};

static clade_status read_row(const struct tables *tables, const clade_csv *table, const int64_t *places, int64_t row,
                             struct row_place at) {
    for (int64_t i = 0; i < tables->all.columns; i++) {
        const struct column *column = &tables->columns[i];
        if (column->role == SKIPPED) continue;
        const char *field = clade_csv_field(table, row, places[i]);
        double number = 0;
        if (column->role == NUMBER || column->role == TARGET) {
            if (!read_real(field, &number)) return field_fault(tables, table, row, i, "is no number");
            if (column->role == NUMBER) {
                *at.features++ = (float)((number - column->mean) / column->deviation);
            } else {
                *at.targets++ = (float)number;
            }
            continue;
        }
        const int64_t word = find_word(column, field);
        if (word < 0) return field_fault(tables, table, row, i, "does not occur in the training table");
        if (column->role == CLASS) {
            *at.label = (int32_t)word;
        } else {
            at.features[word] = 1;
            at.features += column->word_count;
        }
    }
    return CLADE_OK;
}

/* Where the columns are in TABLE. */
static clade_status place_columns(const struct tables *tables, const clade_csv *table, int64_t *places) {
    for (int64_t i = 0; i < tables->all.columns; i++) {
        places[i] = clade_csv_column(table, tables->all.fields[i]);
        if (places[i] < 0 && tables->columns[i].role != SKIPPED)
            return clade_fail(tables->context, CLADE_ERROR_INPUT,
                              "%s: has no column '%.64s', which the training table has", tables->test_path,
                              tables->all.fields[i]);
    }
    return CLADE_OK;
}

/* The classes' names one after the other. */
static clade_status name_classes(const struct tables *tables, clade_dataset *dataset) {
    clade_text names = { .context = tables->context };
    const struct column *column = &tables->columns[tables->class_column];
    for (int64_t i = 0; i < column->word_count; i++)
        clade_text_add_bytes(&names, column->words[i], strlen(column->words[i]) + 1);
    clade_status status = names.failed ? clade_fail_memory(tables->context, names.length, tables->path)
                                       : clade_dataset_name_classes(dataset, names.data, column->word_count);
    clade_text_free(&names);
    return status;
}

static clade_status open_part(const struct tables *tables, const char *word, bool training, clade_dataset **dataset) {
    clade_context *context = tables->context;
    const clade_csv *table = !training && tables->test_path ? &tables->test : &tables->all;
    const size_t rows = (size_t)(table->rows > 0 ? table->rows : 1), features = (size_t)tables->features,
                 width = (size_t)tables->targets;
    clade_dataset_info info = { .channels = tables->features, .height = 1, .width = 1, .targets = tables->targets };
    int64_t *places = clade_allocate(context, (size_t)tables->all.columns, sizeof *places);
    float *images = clade_allocate(context, rows, features * sizeof *images);
    int32_t *labels = clade_allocate(context, rows, sizeof *labels);
    float *targets = clade_allocate(context, rows * width + 1, sizeof *targets);
    clade_status status = places && images && labels && targets
                              ? place_columns(tables, table, places)
                              : clade_fail_memory(context, rows * features * sizeof *images, tables->path);
    for (int64_t row = 0; row < table->rows && status == CLADE_OK; row++) {
        if (table == &tables->all && is_test_row(tables, row) == training) continue;
        const size_t at = (size_t)info.count++;
        status = read_row(tables, table, places, row,
                          (struct row_place){ images + at * features, targets + at * width, labels + at });
    }
    if (status == CLADE_OK && info.count == 0)
        status = clade_fail(context, CLADE_ERROR_INPUT, "%s: too few rows: none is left for the %s part",
                            table == &tables->all ? tables->path : tables->test_path, training ? "training" : "test");
    const bool classes = tables->class_column >= 0;
    if (classes) info.classes = tables->columns[tables->class_column].word_count;
    if (status == CLADE_OK)
        status = clade_dataset_of_arrays(context, word, training ? "train" : "test", &info, images,
                                         classes ? labels : NULL, classes ? NULL : targets, dataset);
    if (status == CLADE_OK && classes) status = name_classes(tables, *dataset);
    clade_free(context, places);
    clade_free(context, images);
    clade_free(context, labels);
    clade_free(context, targets);
    return status;
}

/* ---- opening ---- */

static clade_status read_options(struct tables *tables, const char *word, clade_spec *spec) {
    static const struct {
        const char *name;
        enum role role;
    } roles[] = { { "target", CLASS }, { "number", TARGET }, { "skip", SKIPPED }, { "words", WORDS } };
    const char *option, *value;
    while (clade_spec_next(spec, &option, &value)) {
        enum role role = UNSET;
        for (size_t i = 0; i < sizeof roles / sizeof roles[0]; i++)
            if (strcmp(option, roles[i].name) == 0) role = roles[i].role;
        clade_status status = CLADE_OK;
        if (role == CLASS && tables->class_column >= 0)
            return clade_fail(tables->context, CLADE_ERROR_ARGUMENT, "%s: one target only: %s", word, USAGE);
        if (strcmp(option, "test") == 0 && *value && !tables->test_path) {
            tables->test_path = value;
        } else if (role != UNSET && *value) {
            status = set_role(tables, value, role);
        } else {
            status = clade_spec_unknown(tables->context, word, option, value, USAGE);
        }
        if (status != CLADE_OK) return status;
    }
    return CLADE_OK;
}

static clade_status read_tables(struct tables *tables, const char *word, clade_spec *spec) {
    clade_status status = clade_csv_read(tables->context, tables->path, &tables->all);
    if (status != CLADE_OK) return status;
    if (tables->all.rows == 0)
        return clade_fail(tables->context, CLADE_ERROR_INPUT, "%s: only a line of names, no rows", tables->path);
    tables->columns = clade_allocate(tables->context, (size_t)tables->all.columns, sizeof *tables->columns);
    if (!tables->columns)
        return clade_fail_memory(tables->context, (size_t)tables->all.columns * sizeof *tables->columns, tables->path);
    status = read_options(tables, word, spec);
    if (status == CLADE_OK && tables->test_path)
        status = clade_csv_read(tables->context, tables->test_path, &tables->test);
    return status == CLADE_OK ? settle_columns(tables) : status;
}

clade_status clade_csv_open(clade_context *context, const char *word, const char *rest, clade_dataset **train,
                            clade_dataset **test) {
    clade_spec spec;
    struct tables tables = { .context = context, .class_column = -1 };
    clade_status status = clade_spec_open(context, word, rest, USAGE, &spec);
    tables.path = spec.path;
    if (status == CLADE_OK) status = read_tables(&tables, word, &spec);
    if (status == CLADE_OK && train) status = open_part(&tables, word, true, train);
    if (status == CLADE_OK && test) status = open_part(&tables, word, false, test);
    for (int64_t i = 0; tables.columns && i < tables.all.columns; i++)
        clade_free(context, (void *)(uintptr_t)tables.columns[i].words);
    clade_free(context, tables.columns);
    clade_csv_free(context, &tables.all);
    clade_csv_free(context, &tables.test);
    clade_spec_free(context, &spec);
    return status;
}
