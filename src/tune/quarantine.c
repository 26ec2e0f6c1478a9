/* The quarantine to look at and to clear, and the user's choices as a table to ship (clade/tune.h). */
#include "clade/tune.h"

#include "base/file.h"
#include "tune/known.h"

#include <stdio.h>
#include <string.h>

/* ---- all devices ---- */

/* The signature in the heading of the file at PATH: what follows its first tab; NULL when there is none. */
static char *signature_of(clade_context *context, const char *path) {
    char *text = NULL;
    size_t bytes = 0;
    if (clade_file_read(context, path, SIZE_MAX / 2, &text, &bytes) != CLADE_OK) return NULL;
    text[strcspn(text, "\n")] = '\0';
    const char *tab = strchr(text, '\t');
    char *signature = tab != NULL ? clade_duplicate(context, tab + 1) : NULL;
    clade_free(context, text);
    return signature;
}

static clade_status report_file(clade_context *context, const char *path,
                                void (*report)(void *user, const clade_quarantined *entry), void *user) {
    clade_records records;
    char *signature = signature_of(context, path);
    if (signature == NULL) return CLADE_OK; /* its device will write it anew */
    clade_status status = clade_records_open(context, path, signature, &records);
    for (size_t i = 0; i < records.count && status == CLADE_OK; i++) {
        const clade_record *record = &records.list[i];
        clade_quarantine why;
        char op[64];
        if (!clade_record_is_quarantine(record, &why)) continue;
        snprintf(op, sizeof op, "%.*s", (int)strcspn(record->signature, " "), record->signature);
        const clade_quarantined entry = { signature, op, record->candidate, record->detail, record->signature, path };
        report(user, &entry);
    }
    clade_records_close(&records);
    clade_free(context, signature);
    return status;
}

static bool ends_in(const char *name, const char *ending) {
    const size_t length = strlen(name), end = strlen(ending);
    return length >= end && strcmp(name + length - end, ending) == 0;
}

clade_status clade_quarantine_list(clade_context *context, void (*report)(void *user, const clade_quarantined *entry),
                                   void *user) {
    char *folder = clade_tune_folder(context);
    clade_folder_entry *entries = NULL;
    size_t count = 0;
    clade_status status = CLADE_OK;
    if (folder == NULL || !clade_file_is_folder(folder)) goto done;
    status = clade_journal_sweep(context, folder, 0, CLADE_QUARANTINE_LOST, NULL);
    if (status == CLADE_OK) status = clade_folder_list(context, folder, &entries, &count);
    for (size_t i = 0; i < count && status == CLADE_OK; i++) {
        clade_text path = { .context = context };
        if (!ends_in(entries[i].name, ".known")) continue;
        clade_text_add(&path, "%s/%s", folder, entries[i].name);
        status = path.failed ? clade_fail_memory(context, path.length, "a path")
                             : report_file(context, clade_text_get(&path), report, user);
        clade_text_free(&path);
    }
    clade_folder_free(context, entries, count);
done:
    clade_free(context, folder);
    return status;
}

/* ---- one device ---- */

static bool is_quarantine(const clade_record *record, const void *user) {
    clade_quarantine why;
    (void)user;
    return clade_record_is_quarantine(record, &why);
}

clade_status clade_quarantine_clear(clade_device *device) {
    clade_known *known = NULL;
    clade_status status = clade_known_new(device, &known);
    if (status == CLADE_OK) status = clade_records_change(&known->known, is_quarantine, NULL, NULL, 0);
    clade_known_free(known);
    return status;
}

clade_status clade_tune_export(clade_device *device, char **text) {
    clade_known *known = NULL;
    clade_text out = { .context = device->context };
    *text = NULL;
    clade_status status = clade_known_new(device, &known);
    if (status != CLADE_OK) return status;
    clade_text_add(&out, "/* %s */\nstatic const clade_shipped_choice choices[] = {\n", known->signature);
    for (size_t i = 0; i < known->choices.count; i++) {
        const clade_record *record = &known->choices.list[i];
        if (strcmp(record->kind, "best") == 0)
            clade_text_add(&out, "    { \"%s\", \"%s\", %.1f },\n", record->signature, record->candidate,
                           record->microseconds);
    }
    clade_text_add(&out, "    { NULL, NULL, 0 },\n};\n/* { %s, %u, \"%s\", \"%s\", choices } */\n",
                   device->capabilities.is_cpu ? "true" : "false", device->capabilities.float_vector, device->name,
                   device->driver);
    if (!out.failed) *text = clade_duplicate(device->context, clade_text_get(&out));
    if (*text == NULL) status = clade_fail_memory(device->context, out.length, "the choices");
    clade_text_free(&out);
    clade_known_free(known);
    return status;
}
