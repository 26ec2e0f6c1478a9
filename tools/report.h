/* What subcommands print on standard output: JSON objects, tables, and numbers for people. */
#ifndef REPORT_H
#define REPORT_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdint.h>

/* A JSON object being filled; a failed addition is remembered, and json_print() says so. */
typedef struct json {
    cJSON *root;
    bool failed;
} json;

json json_new(void);
/* Adds to OBJECT (JSON's root, or a part of it). */
void json_text(json *report, cJSON *object, const char *key, const char *text);
void json_number(json *report, cJSON *object, const char *key, double number); /* null when not finite */
void json_bool(json *report, cJSON *object, const char *key, bool value);
cJSON *json_object(json *report, cJSON *object, const char *key); /* KEY NULL: OBJECT is an array */
cJSON *json_array(json *report, cJSON *object, const char *key);
void json_numbers(json *report, cJSON *object, const char *key, const int64_t *numbers, int count);
/* Prints the root in one line and frees it. False, with a line on standard error, when memory was short. */
bool json_print(json *report);

/* A number for people, in a ring of buffers: good until the eighth call after. */
const char *words_bytes(double bytes);                       /* "13.8 GiB" */
const char *words_count(double count);                       /* "3,168,400" */
const char *words_rate(double per_second, const char *unit); /* "117 GFLOP/s" for 1.17e11 and "FLOP/s" */
const char *words_seconds(double seconds);                   /* "1.25 ms", "12.3 s", "2:05", "1:02:05" */

/* Prints TEXT in lines of at most 100 columns, broken between words, the lines after the first indented by INDENT; the
 * first begins where the cursor is, at that column. */
void print_wrapped(const char *text, int indent);

/* A table whose columns are as wide as their contents. The first row is the heading. */
typedef struct table table;
/* COLUMNS at most 12; bit i of RIGHT: column i stands at the right. NULL when memory is short. */
table *table_new(int columns, unsigned right);
void table_add(table *rows, ...);               /* COLUMNS of const char *, copied; NULL: empty */
void table_cell(table *rows, const char *text); /* one cell, where the columns are counted at run time */
void table_rule(table *rows);                   /* a line across */
/* Prints and frees. */
bool table_print(table *rows);

#endif
