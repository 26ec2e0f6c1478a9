/* What is known of candidates on one device and driver, from earlier runs: which are verified, which are quarantined, which
 * is fastest where. Files in the folder "tune" of clade_cache_folder(), named after device, driver and platform:
 *
 *     ID.known      verified and quarantined candidates (tune/records.h)
 *     ID.choices    the user's database: the fastest at each site, and the times of all; CLADE_TUNE_DB=FILE is another
 *     journal/      a file for each candidate that is being tried for the first time, locked by the process that tries it
 *
 * A record holds for the kernels that it was made with (verdicts also for the code that launches them): after a change it is
 * as if it were not there.
 * Without a cache folder everything is kept in memory. CLADE_TUNE_DB=none reads no choices, neither these nor those that
 * Clade comes with. */
#ifndef CLADE_TUNE_KNOWN_H
#define CLADE_TUNE_KNOWN_H

#include "base/process.h"
#include "tune/records.h"
#include "tune/signature.h"

typedef struct clade_known {
    clade_context *context;
    clade_device *device;
    char *folder;    /* "…/clade/tune"; NULL: none */
    char *signature; /* of the device */
    clade_records known, choices;
    bool databases; /* whether choices are read */
    clade_kernel_hashes hashes;
} clade_known;

/* Reads the files, and quarantines what the journal says of processes that did not come back. */
clade_status clade_known_new(clade_device *device, clade_known **known);
void clade_known_free(clade_known *known);

/* ---- verified and quarantined ---- */

/* Why a candidate is not to be taken. */
typedef enum clade_quarantine {
    CLADE_QUARANTINE_WRONG, /* computes something else than the reference */
    CLADE_QUARANTINE_BUILD, /* does not build, or the driver does not run it */
    CLADE_QUARANTINE_CRASH, /* ended its process */
    CLADE_QUARANTINE_HANG,  /* did not end in time */
    CLADE_QUARANTINE_LOST,  /* its process did not come back: one of the two above */
    CLADE_QUARANTINE_COUNT
} clade_quarantine;
const char *clade_quarantine_text(clade_quarantine why); /* "computes something else than the reference" */

/* A candidate at a site, ready to be looked up. */
typedef struct clade_subject {
    const char *signature; /* of the site */
    const char *op;
    clade_choice choice;
    clade_choice_name name;
    clade_kernels kernels;
} clade_subject;

bool clade_known_verified(const clade_known *known, const clade_subject *subject);
/* The record of a quarantine that covers SUBJECT, at this site or another; NULL when there is none. */
const clade_record *clade_known_quarantined(const clade_known *known, const clade_subject *subject);
void clade_known_verify(clade_known *known, const clade_subject *subject);
/* Keeps it and tells the log. DETAIL in one line. */
void clade_known_quarantine(clade_known *known, const clade_subject *subject, clade_quarantine why, const char *detail);
/* The same for RECORD (its kind and detail aside) in RECORDS, of a device of SIGNATURE; FILES are its kernels'. */
clade_status clade_quarantine_keep(clade_records *records, const clade_record *record, const char *signature,
                                   const char *files, clade_quarantine why, const char *detail);
/* Whether RECORD is of a quarantine, and why. */
bool clade_record_is_quarantine(const clade_record *record, clade_quarantine *why);

/* ---- the journal ---- */

typedef struct clade_journal_entry {
    char *path;
    clade_file_lock lock;
    bool removed_by_interrupt;
} clade_journal_entry;

/* SUBJECT is about to be tried by this process. An interrupt in the first seconds does not count against it. Where no entry can be written the trial goes on without. */
void clade_journal_begin(clade_known *known, const clade_subject *subject, clade_journal_entry *entry);
void clade_journal_end(clade_known *known, clade_journal_entry *entry);
/* Quarantines what entries of processes that are no more name, as LOST; those of the process numbered PROCESS (0: of any)
 * as WHY says instead. Folder as above. *COUNT, when not NULL, gets how many. */
clade_status clade_journal_sweep(clade_context *context, const char *folder, long process, clade_quarantine why,
                                 size_t *count);
/* Removes the entries of a process that was ended on purpose. */
void clade_journal_forget(clade_context *context, const char *folder, long process);

/* "…/clade/tune", which may not exist; NULL without a cache folder. The caller frees. */
char *clade_tune_folder(clade_context *context);

#endif
