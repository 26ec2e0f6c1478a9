/* Files of records: see records.h. */
#include "tune/records.h"

#include "base/file.h"
#include "base/hash.h"
#include "base/process.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { FIELDS = 7, LARGEST_FILE = 64 << 20 };
static const char magic[] = "clade records 1";

/* ---- memory ---- */

bool clade_records_note(clade_records *records, const clade_record *record) {
    if (records->count == records->capacity) {
        size_t capacity = records->capacity > 0 ? 2 * records->capacity : 64;
        clade_record *grown = clade_reallocate(records->context, records->list, capacity, sizeof *grown);
        if (grown == NULL) return false;
        records->list = grown;
        records->capacity = capacity;
    }
    clade_record kept = *record;
    kept.kind = clade_arena_string(&records->arena, record->kind);
    kept.candidate = clade_arena_string(&records->arena, record->candidate);
    kept.signature = clade_arena_string(&records->arena, record->signature);
    kept.detail = clade_arena_string(&records->arena, record->detail != NULL ? record->detail : "");
    if (kept.kind == NULL || kept.candidate == NULL || kept.signature == NULL || kept.detail == NULL) return false;
    records->list[records->count++] = kept;
    return true;
}

static void forget(clade_records *records) {
    clade_arena_clear(&records->arena);
    records->count = 0;
}

/* ---- lines ---- */

/* Tabs and line ends, which a field cannot hold, become blanks; at most 400 bytes. */
static void add_field(clade_text *line, const char *field) {
    for (size_t i = 0; i < 400 && field[i] != '\0'; i++)
        clade_text_add_bytes(line, field[i] == '\t' || field[i] == '\n' || field[i] == '\r' ? " " : field + i, 1);
    clade_text_add_bytes(line, "\t", 1);
}

static void add_line(clade_context *context, const clade_record *record, clade_text *out) {
    clade_text line = { .context = context };
    add_field(&line, record->kind);
    clade_text_add(&line, "%016" PRIx64 "\t", record->kernels);
    add_field(&line, record->candidate);
    clade_text_add(&line, "%.3f\t", record->microseconds);
    add_field(&line, record->signature);
    add_field(&line, record->detail != NULL ? record->detail : "");
    clade_text_add(out, "%s%016" PRIx64 "\n", clade_text_get(&line), clade_hash_text(clade_text_get(&line)));
    if (line.failed) out->failed = true;
    clade_text_free(&line);
}

/* Reads LINE, which it cuts into fields. False when it is not as add_line() writes it. */
static bool read_line(char *line, clade_record *record) {
    char *fields[FIELDS], *end = NULL, *checksum = strrchr(line, '\t');
    if (checksum == NULL) return false;
    uint64_t said = strtoull(checksum + 1, &end, 16);
    if (end != checksum + 17 || *end != '\0') return false;
    char kept = checksum[1];
    checksum[1] = '\0';
    bool good = clade_hash_text(line) == said;
    checksum[1] = kept;
    for (int i = 0; i < FIELDS && good; i++) {
        fields[i] = line;
        line = strchr(line, '\t');
        good = i == FIELDS - 1 ? line == NULL : line != NULL;
        if (line != NULL) *line++ = '\0';
    }
    if (good)
        *record = (clade_record){ .kind = fields[0],
                                  .kernels = strtoull(fields[1], NULL, 16),
                                  .candidate = fields[2],
                                  .microseconds = strtod(fields[3], NULL),
                                  .signature = fields[4],
                                  .detail = fields[5] };
    return good;
}

/* ---- files ---- */

typedef enum file_state { GOOD, ABSENT, DAMAGED, FOREIGN } file_state;

/* Reads the lines of TEXT; the good ones count. */
static clade_status read_lines(clade_records *records, char *text, file_state *state) {
    for (size_t number = 0; *text != '\0'; number++) {
        char *end = strchr(text, '\n');
        clade_record record;
        if (end == NULL) *state = DAMAGED;
        if (end != NULL) *end = '\0';
        if (number == 0 && strcmp(text, records->heading) != 0) {
            bool foreign = strncmp(text, magic, sizeof magic - 1) == 0 && end != NULL;
            *state = foreign ? FOREIGN : DAMAGED;
            if (foreign) return CLADE_OK;
        }
        if (number > 0 && !read_line(text, &record))
            *state = DAMAGED;
        else if (number > 0 && !clade_records_note(records, &record))
            return clade_fail_memory(records->context, strlen(text), "the records of candidates");
        if (end == NULL) break;
        text = end + 1;
    }
    return CLADE_OK;
}

static clade_status read_file(clade_records *records, file_state *state) {
    char *text = NULL;
    size_t bytes = 0;
    *state = ABSENT;
    forget(records);
    if (records->path == NULL || !clade_file_exists(records->path)) return CLADE_OK;
    *state = GOOD;
    clade_status status = clade_file_read(records->context, records->path, LARGEST_FILE, &text, &bytes);
    if (status != CLADE_OK) return status;
    if (strlen(text) != bytes || bytes == 0) *state = DAMAGED;
    status = read_lines(records, text, state);
    clade_free(records->context, text);
    return status;
}

static clade_status write_file(clade_records *records) {
    clade_text all = { .context = records->context };
    clade_text_add(&all, "%s\n", records->heading);
    for (size_t i = 0; i < records->count; i++)
        add_line(records->context, &records->list[i], &all);
    clade_status status = all.failed ? clade_fail_memory(records->context, all.length, records->path)
                                     : clade_file_write(records->context, records->path, all.data, all.length);
    clade_text_free(&all);
    return status;
}

/* The folder of the file, and the lock that every writer holds. */
static clade_status take_lock(clade_records *records, clade_file_lock *lock) {
    clade_text path = { .context = records->context };
    const char *slash = strrchr(records->path, '/');
    clade_status status = CLADE_OK;
    if (slash != NULL && slash != records->path) {
        clade_text_add_bytes(&path, records->path, (size_t)(slash - records->path));
        if (!path.failed) status = clade_folder_make(records->context, clade_text_get(&path));
        clade_text_free(&path);
        path = (clade_text){ .context = records->context };
    }
    clade_text_add(&path, "%s.lock", records->path);
    if (status == CLADE_OK && path.failed) status = clade_fail_memory(records->context, path.length, "a path");
    if (status == CLADE_OK) status = clade_file_lock_take(records->context, clade_text_get(&path), lock);
    clade_text_free(&path);
    return status;
}

static void repair(clade_records *records) {
    clade_file_lock lock = { .held = false };
    file_state state = GOOD;
    if (take_lock(records, &lock) != CLADE_OK) return;
    /* Another process may have mended it meanwhile. */
    if (read_file(records, &state) == CLADE_OK && state == DAMAGED && write_file(records) == CLADE_OK)
        clade_log(records->context, CLADE_LOG_WARNING, "%s was damaged: written anew from its %zu good lines",
                  records->path, records->count);
    clade_file_lock_drop(&lock);
}

clade_status clade_records_open(clade_context *context, const char *path, const char *signature,
                                clade_records *records) {
    *records = (clade_records){ .context = context, .arena = { .context = context } };
    clade_text heading = { .context = context };
    clade_text_add(&heading, "%s\t%s", magic, signature);
    records->heading = heading.failed ? NULL : clade_duplicate(context, clade_text_get(&heading));
    clade_text_free(&heading);
    if (path != NULL) records->path = clade_duplicate(context, path);
    if (records->heading == NULL || (path != NULL && records->path == NULL))
        return clade_fail_memory(context, 256, "the records of candidates");
    file_state state;
    clade_status status = read_file(records, &state);
    if (status == CLADE_OK && state == DAMAGED) repair(records);
    if (status == CLADE_OK && state == FOREIGN) {
        clade_free(context, records->path);
        records->path = NULL; /* it is not ours to write */
        status = clade_fail(context, CLADE_ERROR_INPUT, "%s is of another device or driver than %s", path, signature);
    }
    return status;
}

void clade_records_close(clade_records *records) {
    if (records->context == NULL) return;
    forget(records);
    clade_free(records->context, records->list);
    clade_free(records->context, records->path);
    clade_free(records->context, records->heading);
    *records = (clade_records){ .context = NULL };
}

clade_status clade_records_append(clade_records *records, const clade_record *record) {
    if (!clade_records_note(records, record))
        return clade_fail_memory(records->context, sizeof *record, "the records of candidates");
    if (records->path == NULL) return CLADE_OK;
    clade_file_lock lock = { .held = false };
    clade_text line = { .context = records->context };
    clade_status status = take_lock(records, &lock);
    if (status == CLADE_OK && !clade_file_exists(records->path)) clade_text_add(&line, "%s\n", records->heading);
    add_line(records->context, record, &line);
    if (status == CLADE_OK && line.failed) status = clade_fail_memory(records->context, line.length, records->path);
    if (status == CLADE_OK) {
        line.data[line.length - 1] = '\0'; /* the appending adds a line's end of its own */
        status = clade_file_append_line(records->context, records->path, line.data);
    }
    clade_text_free(&line);
    clade_file_lock_drop(&lock);
    return status;
}

clade_status clade_records_change(clade_records *records, bool (*drop)(const clade_record *record, const void *user),
                                  const void *user, const clade_record *added, size_t count) {
    clade_file_lock lock = { .held = false };
    file_state state;
    clade_status status = records->path != NULL ? take_lock(records, &lock) : CLADE_OK;
    if (status == CLADE_OK && records->path != NULL) status = read_file(records, &state);
    size_t kept = 0;
    for (size_t i = 0; i < records->count && status == CLADE_OK; i++)
        if (drop == NULL || !drop(&records->list[i], user)) records->list[kept++] = records->list[i];
    if (status == CLADE_OK) records->count = kept;
    for (size_t i = 0; i < count && status == CLADE_OK; i++)
        if (!clade_records_note(records, &added[i]))
            status = clade_fail_memory(records->context, sizeof *added, "the records of candidates");
    if (status == CLADE_OK && records->path != NULL) status = write_file(records);
    clade_file_lock_drop(&lock);
    return status;
}
