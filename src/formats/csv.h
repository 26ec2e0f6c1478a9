/* CSV: a table as text (RFC 4180). The first line has the columns' names; fields are separated by commas, or by
 * semicolons or tabs where the first line has such and no comma. A field in double quotes may hold separators, line
 * ends and, doubled, quotes. Spaces around a field without quotes do not count. Empty lines are passed over. */
#ifndef CLADE_FORMATS_CSV_H
#define CLADE_FORMATS_CSV_H

#include "base/context.h"

typedef struct clade_csv {
    char *text;            /* owned: the file's bytes, with zeros behind the fields */
    int64_t columns, rows; /* at least 1 column; rows do not count the names */
    const char **fields;   /* owned: (1 + rows, columns), the names first */
    int64_t *lines;        /* owned: the line, from 1, that each of those begins in */
} clade_csv;

/* Free TABLE with clade_csv_free(). CLADE_ERROR_INPUT with the line for a row of another number of fields, an open
 * quote, a zero byte, and for names that are empty or there twice. */
clade_status clade_csv_read(clade_context *context, const char *path, clade_csv *table);
/* The same from memory; NAME is for error texts. */
clade_status clade_csv_decode(clade_context *context, const char *name, const void *bytes, size_t count,
                              clade_csv *table);
/* Accepts a zeroed one. */
void clade_csv_free(clade_context *context, clade_csv *table);

/* The column of that name; -1: there is none. */
int64_t clade_csv_column(const clade_csv *table, const char *name);
/* The field of ROW (from 0) in COLUMN. */
const char *clade_csv_field(const clade_csv *table, int64_t row, int64_t column);
/* The line of the file that ROW begins in. */
int64_t clade_csv_line(const clade_csv *table, int64_t row);

#endif
