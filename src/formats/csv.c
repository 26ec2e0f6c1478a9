/* The CSV reader: one pass over a copy of the bytes, in which fields are unquoted in place. Memory is in proportion
 * to the bytes, since a field takes at least one. */
#include "formats/csv.h"

#include "base/file.h"

#include <inttypes.h>
#include <string.h>

enum { MOST_COLUMNS = 4096 };

struct reader {
    clade_context *context;
    const char *name;
    clade_csv *table;
    char *at, *end;
    char separator;
    int64_t line;
    int64_t records, record_capacity, fields, field_capacity;
};

static clade_status fault(const struct reader *reader, const char *what) {
    return clade_fail(reader->context, CLADE_ERROR_INPUT, "%s: line %" PRId64 ": %s", reader->name, reader->line, what);
}

static bool is_blank(char letter) {
    return letter == ' ' || letter == '\t';
}

/* The first separator of the first line that stands outside quotes, of the kinds in their order. */
static char find_separator(const char *text, const char *end) {
    static const char kinds[] = { ',', ';', '\t' };
    for (size_t i = 0; i < sizeof kinds; i++) {
        bool quoted = false;
        for (const char *at = text; at < end && (quoted || (*at != '\n' && *at != '\r')); at++) {
            if (*at == '"') quoted = !quoted;
            if (!quoted && *at == kinds[i]) return kinds[i];
        }
    }
    return ',';
}

static clade_status add_field(struct reader *reader, const char *field) {
    if (reader->fields == reader->field_capacity) {
        const int64_t capacity = reader->field_capacity ? 2 * reader->field_capacity : 256;
        const char **larger = clade_reallocate(reader->context, (void *)(uintptr_t)reader->table->fields,
                                               (size_t)capacity, sizeof *larger);
        if (!larger) return clade_fail_memory(reader->context, (size_t)capacity * sizeof *larger, reader->name);
        reader->table->fields = larger;
        reader->field_capacity = capacity;
    }
    reader->table->fields[reader->fields++] = field;
    return CLADE_OK;
}

/* Unquotes the field at READER->AT, which moves behind its closing quote; *LAST is where the text ends. */
static clade_status read_quoted(struct reader *reader, char **last) {
    char *out = reader->at++;
    for (;; reader->at++) {
        if (reader->at == reader->end) return fault(reader, "a quote that is not closed");
        if (*reader->at == '\n') reader->line++;
        if (*reader->at == '"') {
            if (reader->at + 1 == reader->end || reader->at[1] != '"') break;
            reader->at++;
        }
        *out++ = *reader->at;
    }
    reader->at++;
    *last = out;
    return CLADE_OK;
}

/* The field at READER->AT, which moves to what ends it: a separator, a line's end or the text's. The zero behind the
 * field is put there by the caller, who still needs that letter. */
static clade_status read_field(struct reader *reader, char **last) {
    const char separator = reader->separator;
    while (reader->at < reader->end && is_blank(*reader->at) && *reader->at != separator)
        reader->at++;
    char *first = reader->at;
    clade_status status = add_field(reader, first);
    if (status != CLADE_OK) return status;
    if (reader->at < reader->end && *reader->at == '"') {
        status = read_quoted(reader, last);
        if (status != CLADE_OK) return status;
        while (reader->at < reader->end && is_blank(*reader->at) && *reader->at != separator)
            reader->at++;
        if (reader->at < reader->end && *reader->at != separator && *reader->at != '\n' && *reader->at != '\r')
            return fault(reader, "text behind a closing quote");
        return CLADE_OK;
    }
    while (reader->at < reader->end && *reader->at != separator && *reader->at != '\n' && *reader->at != '\r')
        reader->at++;
    *last = reader->at;
    while (*last > first && is_blank((*last)[-1]))
        --*last;
    return CLADE_OK;
}

static clade_status begin_record(struct reader *reader) {
    if (reader->records == reader->record_capacity) {
        const int64_t capacity = reader->record_capacity ? 2 * reader->record_capacity : 256;
        int64_t *lines = clade_reallocate(reader->context, reader->table->lines, (size_t)capacity, sizeof *lines);
        if (!lines) return clade_fail_memory(reader->context, (size_t)capacity * sizeof *lines, reader->name);
        reader->table->lines = lines;
        reader->record_capacity = capacity;
    }
    reader->table->lines[reader->records++] = reader->line;
    return CLADE_OK;
}

/* The fields up to the end of the line. */
static clade_status read_record(struct reader *reader) {
    const int64_t before = reader->fields;
    clade_status status = begin_record(reader);
    bool more = true;
    while (more && status == CLADE_OK) {
        char *last = NULL;
        status = read_field(reader, &last);
        if (status != CLADE_OK) return status;
        more = reader->at < reader->end && *reader->at == reader->separator;
        const bool line_feed = reader->at < reader->end && *reader->at == '\n';
        const bool carriage = reader->at < reader->end && *reader->at == '\r';
        if (reader->at < reader->end) reader->at++;
        if (carriage && reader->at < reader->end && *reader->at == '\n') reader->at++;
        *last = '\0';
        if (reader->fields - before > MOST_COLUMNS) return fault(reader, "more than 4096 columns");
        if (line_feed || carriage) reader->line++;
    }
    clade_csv *table = reader->table;
    if (status == CLADE_OK && reader->records > 1 && reader->fields - before != table->columns)
        status = clade_fail(reader->context, CLADE_ERROR_INPUT,
                            "%s: line %" PRId64 ": %" PRId64 " fields, the columns are %" PRId64, reader->name,
                            table->lines[reader->records - 1], reader->fields - before, table->columns);
    if (reader->records == 1) table->columns = reader->fields - before;
    return status;
}

static clade_status check_names(const struct reader *reader) {
    const clade_csv *table = reader->table;
    for (int64_t i = 0; i < table->columns; i++) {
        const int64_t first = clade_csv_column(table, table->fields[i]);
        if (*table->fields[i] == '\0')
            return clade_fail(reader->context, CLADE_ERROR_INPUT, "%s: line 1: column %" PRId64 " has no name",
                              reader->name, i + 1);
        if (first != i)
            return clade_fail(reader->context, CLADE_ERROR_INPUT,
                              "%s: line 1: columns %" PRId64 " and %" PRId64 " have the same name", reader->name,
                              first + 1, i + 1);
    }
    return CLADE_OK;
}

static clade_status read_records(struct reader *reader) {
    clade_status status = CLADE_OK;
    while (reader->at < reader->end && status == CLADE_OK) {
        if (*reader->at == '\n' || *reader->at == '\r') {
            reader->line += *reader->at == '\n';
            reader->at++;
            continue;
        }
        status = read_record(reader);
        if (status == CLADE_OK && reader->records == 1) status = check_names(reader);
    }
    if (status == CLADE_OK && reader->records == 0)
        status = clade_fail(reader->context, CLADE_ERROR_INPUT, "%s: no CSV table: it is empty", reader->name);
    reader->table->rows = reader->records - 1;
    return status;
}

clade_status clade_csv_decode(clade_context *context, const char *name, const void *bytes, size_t count,
                              clade_csv *table) {
    static const char mark[] = "\xef\xbb\xbf"; /* of UTF-8 */
    *table = (clade_csv){ 0 };
    const char *zero = count > 0 ? memchr(bytes, 0, count) : NULL;
    if (zero)
        return clade_fail(context, CLADE_ERROR_INPUT, "%s: no CSV table: byte %zu is zero", name,
                          (size_t)(zero - (const char *)bytes));
    table->text = clade_allocate(context, count + 1, 1);
    if (!table->text) return clade_fail_memory(context, count, name);
    if (count > 0) memcpy(table->text, bytes, count);
    const size_t skipped = count >= 3 && memcmp(bytes, mark, 3) == 0 ? 3 : 0;
    struct reader reader = { .context = context,
                             .name = name,
                             .table = table,
                             .at = table->text + skipped,
                             .end = table->text + count,
                             .line = 1 };
    reader.separator = find_separator(reader.at, reader.end);
    clade_status status = read_records(&reader);
    if (status != CLADE_OK) clade_csv_free(context, table);
    return status;
}

clade_status clade_csv_read(clade_context *context, const char *path, clade_csv *table) {
    *table = (clade_csv){ 0 };
    char *data = NULL;
    size_t bytes = 0;
    clade_status status = clade_file_read(context, path, PTRDIFF_MAX, &data, &bytes);
    if (status == CLADE_OK) status = clade_csv_decode(context, path, data, bytes, table);
    clade_free(context, data);
    return status;
}

void clade_csv_free(clade_context *context, clade_csv *table) {
    clade_free(context, table->text);
    clade_free(context, (void *)(uintptr_t)table->fields);
    clade_free(context, table->lines);
    *table = (clade_csv){ 0 };
}

int64_t clade_csv_column(const clade_csv *table, const char *name) {
    for (int64_t i = 0; i < table->columns; i++)
        if (strcmp(table->fields[i], name) == 0) return i;
    return -1;
}

const char *clade_csv_field(const clade_csv *table, int64_t row, int64_t column) {
    return table->fields[(row + 1) * table->columns + column];
}

int64_t clade_csv_line(const clade_csv *table, int64_t row) {
    return table->lines[row + 1];
}
