/* The journal: a file for each candidate that a process tries for the first time, made before and removed after. While the
 * process lives it holds the file's lock; an entry whose lock is free is of a process that did not come back.
 *
 *     path of the file of known candidates
 *     device's signature
 *     record's fields: kernels (hexadecimal), candidate, site's signature, kernel files; a line each */
#include "base/file.h"
#include "base/thread.h"
#include "tune/known.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LINES = 6, LARGEST_ENTRY = 1 << 16 };
enum { AT_PATH, AT_DEVICE, AT_KERNELS, AT_CANDIDATE, AT_SIGNATURE, AT_FILES };

static clade_text journal_folder(clade_context *context, const char *folder) {
    clade_text path = { .context = context };
    clade_text_add(&path, "%s/journal", folder);
    return path;
}

/* ---- writing ---- */

void clade_journal_begin(clade_known *known, const clade_subject *subject, clade_journal_entry *entry) {
    clade_context *context = known->context;
    *entry = (clade_journal_entry){ .path = NULL };
    if (known->known.path == NULL) return;
    clade_text path = journal_folder(context, known->folder), text = { .context = context };
    const bool made = !path.failed && clade_folder_make(context, clade_text_get(&path)) == CLADE_OK;
    clade_text_add(&path, "/%ld-%.0f", clade_process_self(), clade_clock_seconds() * 1e9);
    clade_text_add(&text, "%s\n%s\n%016" PRIx64 "\n%s\n%s\n%s\n", known->known.path, known->signature,
                   subject->kernels.code, subject->name.text, subject->signature, subject->kernels.files);
    if (made && !path.failed && !text.failed) entry->path = clade_duplicate(context, clade_text_get(&path));
    if (entry->path != NULL) {
        entry->removed_by_interrupt = clade_interrupt_removes(entry->path);
        if (!clade_file_lock_write(entry->path, clade_text_get(&text), &entry->lock)) clade_journal_end(known, entry);
    }
    clade_text_free(&text);
    clade_text_free(&path);
}

void clade_journal_end(clade_known *known, clade_journal_entry *entry) {
    if (entry->path != NULL) clade_file_remove(known->context, entry->path);
    if (entry->removed_by_interrupt) clade_interrupt_keeps();
    clade_file_lock_drop(&entry->lock);
    clade_free(known->context, entry->path);
    *entry = (clade_journal_entry){ .path = NULL };
}

/* ---- reading ---- */

/* Cuts TEXT into its lines. */
static bool read_entry(char *text, char *lines[LINES]) {
    for (int i = 0; i < LINES; i++) {
        char *end = strchr(text, '\n');
        if (end == NULL) return false;
        *end = '\0';
        lines[i] = text;
        text = end + 1;
    }
    return true;
}

/* Quarantines what the entry names. */
static clade_status condemn(clade_context *context, char *lines[LINES], clade_quarantine why) {
    clade_records records;
    const clade_record record = {
        .kernels = strtoull(lines[AT_KERNELS], NULL, 16),
        .candidate = lines[AT_CANDIDATE],
        .signature = lines[AT_SIGNATURE],
    };
    clade_status status = clade_records_open(context, lines[AT_PATH], lines[AT_DEVICE], &records);
    if (status == CLADE_OK)
        status = clade_quarantine_keep(&records, &record, lines[AT_DEVICE], lines[AT_FILES], why, "");
    clade_records_close(&records);
    return status;
}

/* Judges the entry at PATH, unless its process lives. */
static clade_status judge(clade_context *context, const char *path, clade_quarantine why, size_t *count) {
    clade_file_lock lock;
    char *text = NULL, *lines[LINES];
    size_t bytes = 0;
    if (!clade_file_lock_try(path, &lock)) return CLADE_OK;
    clade_status status = clade_file_read(context, path, LARGEST_ENTRY, &text, &bytes);
    /* An empty one is just being made. */
    if (status == CLADE_OK && bytes > 0) {
        if (read_entry(text, lines)) {
            status = condemn(context, lines, why);
            if (status == CLADE_OK && count != NULL) ++*count;
        }
        if (status == CLADE_OK) status = clade_file_remove(context, path);
    }
    clade_free(context, text);
    clade_file_lock_drop(&lock);
    return status;
}

/* Visits the entries of PROCESS, or all when it is 0. */
static clade_status walk(clade_context *context, const char *folder, long process,
                         clade_status (*visit)(clade_context *context, const char *path, clade_quarantine why,
                                               size_t *count),
                         clade_quarantine why, size_t *count) {
    clade_text path = journal_folder(context, folder);
    clade_folder_entry *entries = NULL;
    size_t entry_count = 0;
    clade_status status = CLADE_OK;
    if (!path.failed && clade_file_is_folder(clade_text_get(&path)))
        status = clade_folder_list(context, clade_text_get(&path), &entries, &entry_count);
    for (size_t i = 0; i < entry_count && status == CLADE_OK; i++) {
        if (process != 0 && strtol(entries[i].name, NULL, 10) != process) continue;
        clade_text file = { .context = context };
        clade_text_add(&file, "%s/%s", clade_text_get(&path), entries[i].name);
        if (!file.failed) status = visit(context, clade_text_get(&file), why, count);
        clade_text_free(&file);
    }
    clade_folder_free(context, entries, entry_count);
    clade_text_free(&path);
    return status;
}

clade_status clade_journal_sweep(clade_context *context, const char *folder, long process, clade_quarantine why,
                                 size_t *count) {
    return walk(context, folder, process, judge, why, count);
}

static clade_status forget(clade_context *context, const char *path, clade_quarantine why, size_t *count) {
    (void)why;
    (void)count;
    return clade_file_remove(context, path);
}

void clade_journal_forget(clade_context *context, const char *folder, long process) {
    walk(context, folder, process, forget, CLADE_QUARANTINE_LOST, NULL);
}
