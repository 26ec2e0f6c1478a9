/* What is known of candidates: see known.h. Nothing here fails for want of a writable disk: what cannot be kept is found
 * out again by the next process. */
#include "tune/known.h"

#include "base/file.h"
#include "base/hash.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const char verified[] = "verified";

static const struct {
    const char *kind, *text;
} quarantines[CLADE_QUARANTINE_COUNT] = {
    [CLADE_QUARANTINE_WRONG] = { "wrong", "computes something else than the reference" },
    [CLADE_QUARANTINE_BUILD] = { "build", "does not build or run" },
    [CLADE_QUARANTINE_CRASH] = { "crash", "ended its process" },
    [CLADE_QUARANTINE_HANG] = { "hang", "did not end in time" },
    [CLADE_QUARANTINE_LOST] = { "lost", "was being tried when its process ended: a crash, or a hang that was cut off" },
};

const char *clade_quarantine_text(clade_quarantine why) {
    return quarantines[why].text;
}

static void note_failure(const clade_known *known, clade_status status) {
    if (status != CLADE_OK) clade_log(known->context, CLADE_LOG_DEBUG, "not kept: %s", clade_error(known->context));
}

/* ---- opening ---- */

char *clade_tune_folder(clade_context *context) {
    char *root = clade_cache_folder(context);
    if (root == NULL) return NULL;
    clade_text path = { .context = context };
    clade_text_add(&path, "%s/tune", root);
    clade_free(context, root);
    char *folder = path.failed ? NULL : clade_duplicate(context, clade_text_get(&path));
    clade_text_free(&path);
    return folder;
}

/* Opens FOLDER/ID.ENDING, or FILE where that is not NULL; in memory where neither is. */
static clade_status open_records(clade_known *known, const char *ending, const char *file, clade_records *records) {
    clade_text path = { .context = known->context };
    if (file != NULL) clade_text_add(&path, "%s", file);
    if (file == NULL && known->folder != NULL)
        clade_text_add(&path, "%s/%016" PRIx64 ".%s", known->folder, clade_hash_text(known->signature), ending);
    clade_status status =
        clade_records_open(known->context, path.length > 0 ? clade_text_get(&path) : NULL, known->signature, records);
    clade_text_free(&path);
    return status;
}

clade_status clade_known_new(clade_device *device, clade_known **out) {
    clade_context *context = device->context;
    const char *choice = clade_environment("CLADE_TUNE_DB");
    clade_known *known = clade_allocate(context, 1, sizeof *known);
    *out = NULL;
    if (known == NULL) return clade_fail_memory(context, sizeof *known, "what is known of kernels");
    known->context = known->hashes.context = context;
    known->device = device;
    known->databases = choice == NULL || strcmp(choice, "none") != 0;
    known->folder = clade_tune_folder(context);
    clade_text signature = { .context = context };
    clade_device_signature(device, &signature);
    known->signature = clade_duplicate(context, clade_text_get(&signature));
    clade_text_free(&signature);
    clade_status status =
        known->signature != NULL ? CLADE_OK : clade_fail_memory(context, 256, "the device's signature");
    if (status == CLADE_OK && known->folder != NULL)
        note_failure(known, clade_journal_sweep(context, known->folder, 0, CLADE_QUARANTINE_LOST, NULL));
    if (status == CLADE_OK) status = open_records(known, "known", NULL, &known->known);
    if (status == CLADE_OK) status = open_records(known, "choices", known->databases ? choice : NULL, &known->choices);
    if (status != CLADE_OK) {
        clade_known_free(known);
        return status;
    }
    *out = known;
    return CLADE_OK;
}

void clade_known_free(clade_known *known) {
    if (known == NULL) return;
    clade_records_close(&known->known);
    clade_records_close(&known->choices);
    clade_kernel_hashes_free(&known->hashes);
    clade_free(known->context, known->signature);
    clade_free(known->context, known->folder);
    clade_free(known->context, known);
}

/* ---- looking up ---- */

/* Whether SIGNATURE is of a site of the operator OP. */
static bool is_of(const char *signature, const char *op) {
    const size_t length = strlen(op);
    return strncmp(signature, op, length) == 0 && (signature[length] == ' ' || signature[length] == '\0');
}

bool clade_known_verified(const clade_known *known, const clade_subject *subject) {
    for (size_t i = 0; i < known->known.count; i++) {
        const clade_record *record = &known->known.list[i];
        if (record->kernels == subject->kernels.code && strcmp(record->kind, verified) == 0 &&
            strcmp(record->candidate, subject->name.text) == 0 && strcmp(record->signature, subject->signature) == 0)
            return true;
    }
    return false;
}

const clade_record *clade_known_quarantined(const clade_known *known, const clade_subject *subject) {
    for (size_t i = 0; i < known->known.count; i++) {
        const clade_record *record = &known->known.list[i];
        if (record->kernels == subject->kernels.code && strcmp(record->kind, verified) != 0 &&
            strcmp(record->candidate, subject->name.text) == 0 && is_of(record->signature, subject->op))
            return record;
    }
    return NULL;
}

/* ---- writing ---- */

clade_status clade_quarantine_keep(clade_records *records, const clade_record *record, const char *signature,
                                   const char *files, clade_quarantine why, const char *detail) {
    clade_text text = { .context = records->context };
    clade_text_add(&text, "%s: %s%s%s", files, quarantines[why].text, detail[0] != '\0' ? ": " : "", detail);
    const char *end = strstr(signature, " | "); /* of the device's name */
    clade_record kept = *record;
    kept.kind = quarantines[why].kind;
    kept.detail = clade_text_get(&text);
    clade_status status = clade_records_append(records, &kept);
    clade_log(records->context, CLADE_LOG_WARNING,
              "%s of %.*s (%s) is not used on %.*s any more; `clade devices` says how to try it again",
              record->candidate, (int)strcspn(record->signature, " "), record->signature, kept.detail,
              end != NULL ? (int)(end - signature) : (int)strlen(signature), signature);
    clade_text_free(&text);
    return status;
}

static clade_record record_of(const clade_subject *subject) {
    return (clade_record){ .kind = verified,
                           .kernels = subject->kernels.code,
                           .candidate = subject->name.text,
                           .signature = subject->signature,
                           .detail = "" };
}

void clade_known_verify(clade_known *known, const clade_subject *subject) {
    const clade_record record = record_of(subject);
    note_failure(known, clade_records_append(&known->known, &record));
}

void clade_known_quarantine(clade_known *known, const clade_subject *subject, clade_quarantine why,
                            const char *detail) {
    const clade_record record = record_of(subject);
    note_failure(known,
                 clade_quarantine_keep(&known->known, &record, known->signature, subject->kernels.files, why, detail));
}

bool clade_record_is_quarantine(const clade_record *record, clade_quarantine *why) {
    for (int i = 0; i < CLADE_QUARANTINE_COUNT; i++) {
        *why = (clade_quarantine)i;
        if (strcmp(quarantines[i].kind, record->kind) == 0) return true;
    }
    return false;
}
