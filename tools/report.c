/* Printing for subcommands: report.h. */
#include "report.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- JSON ---- */

json json_new(void) {
    json report = { .root = cJSON_CreateObject() };
    report.failed = report.root == NULL;
    return report;
}

static void add(json *report, cJSON *object, const char *key, cJSON *item) {
    if (object != NULL && item != NULL) {
        bool added = key != NULL ? cJSON_AddItemToObject(object, key, item) : cJSON_AddItemToArray(object, item);
        if (added) return;
    }
    cJSON_Delete(item);
    report->failed = true;
}

void json_text(json *report, cJSON *object, const char *key, const char *text) {
    add(report, object, key, cJSON_CreateString(text));
}

void json_number(json *report, cJSON *object, const char *key, double number) {
    add(report, object, key, isfinite(number) ? cJSON_CreateNumber(number) : cJSON_CreateNull());
}

void json_bool(json *report, cJSON *object, const char *key, bool value) {
    add(report, object, key, cJSON_CreateBool(value));
}

cJSON *json_object(json *report, cJSON *object, const char *key) {
    cJSON *item = cJSON_CreateObject();
    add(report, object, key, item);
    return report->failed ? NULL : item;
}

cJSON *json_array(json *report, cJSON *object, const char *key) {
    cJSON *item = cJSON_CreateArray();
    add(report, object, key, item);
    return report->failed ? NULL : item;
}

void json_numbers(json *report, cJSON *object, const char *key, const int64_t *numbers, int count) {
    cJSON *array = json_array(report, object, key);
    for (int i = 0; i < count; i++)
        json_number(report, array, NULL, (double)numbers[i]);
}

bool json_print(json *report) {
    char *text = report->failed ? NULL : cJSON_PrintUnformatted(report->root);
    cJSON_Delete(report->root);
    report->root = NULL;
    if (text == NULL) {
        fprintf(stderr, "clade: memory is short for the JSON report\n");
        return false;
    }
    puts(text);
    cJSON_free(text);
    return true;
}

/* ---- numbers for people ---- */

enum { RING = 8, WORDS = 64 };

static char *next_words(void) {
    static char ring[RING][WORDS];
    static unsigned at;
    return ring[at++ % RING];
}

const char *words_bytes(double bytes) {
    static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB" };
    size_t unit = 0;
    while (bytes >= 1024 && unit + 1 < sizeof units / sizeof *units) {
        bytes /= 1024;
        unit++;
    }
    char *words = next_words();
    snprintf(words, WORDS, unit == 0 || bytes >= 100 ? "%.0f %s" : "%.1f %s", bytes, units[unit]);
    return words;
}

const char *words_count(double count) {
    char digits[WORDS / 2];
    snprintf(digits, sizeof digits, "%.0f", count);
    char *words = next_words();
    size_t length = strlen(digits), out = 0;
    for (size_t i = 0; i < length; i++) {
        words[out++] = digits[i];
        size_t left = length - 1 - i;
        if (left > 0 && left % 3 == 0 && digits[i] != '-') words[out++] = ',';
    }
    words[out] = '\0';
    return words;
}

const char *words_rate(double per_second, const char *unit) {
    static const char *const prefixes[] = { "", "k", "M", "G", "T", "P" };
    size_t prefix = 0;
    while (per_second >= 1000 && prefix + 1 < sizeof prefixes / sizeof *prefixes) {
        per_second /= 1000;
        prefix++;
    }
    char *words = next_words();
    snprintf(words, WORDS, per_second >= 100 ? "%.0f %s%s" : "%.3g %s%s", per_second, prefixes[prefix], unit);
    return words;
}

const char *words_seconds(double seconds) {
    char *words = next_words();
    long whole = seconds >= 0 && seconds < 1e9 ? lround(seconds) : 0;
    if (seconds < 1e-3) {
        snprintf(words, WORDS, "%.3g us", seconds * 1e6);
    } else if (seconds < 1) {
        snprintf(words, WORDS, "%.3g ms", seconds * 1e3);
    } else if (seconds < 60) {
        snprintf(words, WORDS, "%.3g s", seconds);
    } else if (seconds < 3600) {
        snprintf(words, WORDS, "%ld:%02ld", whole / 60, whole % 60);
    } else {
        snprintf(words, WORDS, "%ld:%02ld:%02ld", whole / 3600, whole / 60 % 60, whole % 60);
    }
    return words;
}

void print_wrapped(const char *text, int indent) {
    enum { COLUMNS = 100 };
    int column = indent;
    text += strspn(text, " ");
    for (bool first = true; *text != '\0'; first = false) {
        int length = (int)strcspn(text, " ");
        bool breaks = !first && column + 1 + length > COLUMNS;
        if (breaks) {
            printf("\n%*s", indent, "");
            column = indent;
        }
        bool spaced = !first && !breaks;
        printf("%s%.*s", spaced ? " " : "", length, text);
        column += length + (spaced ? 1 : 0);
        text += length;
        text += strspn(text, " ");
    }
    putchar('\n');
}

/* ---- tables ---- */

enum { MAX_COLUMNS = 12 };

struct table {
    int columns;
    unsigned right;
    bool failed;
    char **cells; /* rows x columns; a row whose first cell is NULL is a rule */
    size_t count, capacity;
};

table *table_new(int columns, unsigned right) {
    table *rows = calloc(1, sizeof *rows);
    if (rows != NULL) *rows = (table){ .columns = columns, .right = right };
    return rows;
}

static void add_cell(table *rows, const char *text) {
    if (rows->count == rows->capacity) {
        size_t capacity = rows->capacity > 0 ? rows->capacity * 2 : 64;
        char **cells = realloc(rows->cells, capacity * sizeof *cells);
        if (cells == NULL) {
            rows->failed = true;
            return;
        }
        rows->cells = cells;
        rows->capacity = capacity;
    }
    char *copy = NULL;
    if (text != NULL) {
        size_t size = strlen(text) + 1;
        copy = malloc(size);
        if (copy != NULL) memcpy(copy, text, size);
        if (copy == NULL) rows->failed = true;
    }
    rows->cells[rows->count++] = copy;
}

void table_add(table *rows, ...) {
    if (rows == NULL || rows->failed) return;
    va_list list;
    va_start(list, rows);
    for (int i = 0; i < rows->columns; i++) {
        const char *text = va_arg(list, const char *);
        add_cell(rows, text != NULL ? text : "");
    }
    va_end(list);
}

void table_cell(table *rows, const char *text) {
    if (rows != NULL && !rows->failed) add_cell(rows, text != NULL ? text : "");
}

void table_rule(table *rows) {
    if (rows == NULL || rows->failed) return;
    for (int i = 0; i < rows->columns; i++)
        add_cell(rows, NULL);
}

static void print_row(const table *rows, char *const *cells, const int *widths) {
    for (int i = 0; i < rows->columns; i++) {
        bool last = i == rows->columns - 1;
        const char *text = cells[0] != NULL ? cells[i] : "";
        if ((rows->right >> i & 1) != 0) {
            printf("%*s", widths[i], text);
        } else {
            printf("%-*s", last ? 0 : widths[i], text);
        }
        fputs(last ? "\n" : "  ", stdout);
    }
}

bool table_print(table *rows) {
    bool good = rows != NULL && !rows->failed;
    int widths[MAX_COLUMNS] = { 0 }, across = 0;
    for (size_t at = 0; good && at < rows->count; at++) {
        int length = rows->cells[at] != NULL ? (int)strlen(rows->cells[at]) : 0;
        int column = (int)(at % (size_t)rows->columns);
        if (length > widths[column]) widths[column] = length;
    }
    for (int i = 0; good && i < rows->columns; i++)
        across += widths[i] + (i > 0 ? 2 : 0);
    for (size_t at = 0; good && at < rows->count; at += (size_t)rows->columns) {
        if (rows->cells[at] != NULL) {
            print_row(rows, rows->cells + at, widths);
            continue;
        }
        for (int i = 0; i < across; i++)
            putchar('-');
        putchar('\n');
    }
    for (size_t at = 0; rows != NULL && at < rows->count; at++)
        free(rows->cells[at]);
    if (rows != NULL) free(rows->cells);
    free(rows);
    if (!good) fprintf(stderr, "clade: memory is short for a table\n");
    return good;
}
