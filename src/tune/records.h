/* A file of what is known of candidates on one device and driver: a heading, then a line for each record, its fields
 * between tabs, the last a checksum of the line:
 *
 *     clade records 1 <tab> DEVICE | DRIVER | PLATFORM
 *     KIND  KERNELS  CANDIDATE  MICROSECONDS  SIGNATURE  DETAIL  CHECKSUM
 *
 * Any number of processes may use one file: every writer holds the lock of FILE.lock, lines are appended whole, and a
 * change of other lines is a new file renamed into place. A damaged file is written anew from its good lines, which the
 * log says once. */
#ifndef CLADE_TUNE_RECORDS_H
#define CLADE_TUNE_RECORDS_H

#include "base/arena.h"
#include "base/text.h"

typedef struct clade_record {
    const char *kind; /* "time", "best", "verified", "wrong", ... */
    uint64_t kernels; /* hash of the kernels that it holds for */
    const char *candidate;
    double microseconds; /* 0: not measured */
    const char *signature;
    const char *detail; /* "" for none */
} clade_record;

typedef struct clade_records {
    clade_context *context;
    clade_arena arena; /* of the texts */
    char *path;        /* NULL: kept in memory only */
    char *heading;
    clade_record *list;
    size_t count, capacity;
} clade_records;

/* Reads PATH (NULL: none), if it exists, for the device of SIGNATURE. A file of another device is CLADE_ERROR_INPUT.
 * Free with clade_records_close() either way. */
clade_status clade_records_open(clade_context *context, const char *path, const char *signature,
                                clade_records *records);
void clade_records_close(clade_records *records);

/* Adds one in memory alone. False when memory is short. */
bool clade_records_note(clade_records *records, const clade_record *record);
/* Adds one, also to the file. */
clade_status clade_records_append(clade_records *records, const clade_record *record);
/* Reads the file again, leaves out the records that DROP says (NULL: none), adds COUNT others, and writes it. */
clade_status clade_records_change(clade_records *records, bool (*drop)(const clade_record *record, const void *user),
                                  const void *user, const clade_record *added, size_t count);

#endif
