/* A folder of a test's own, under the current one, and files in it. */
#ifndef CLADE_TESTS_SCRATCH_H
#define CLADE_TESTS_SCRATCH_H

#include <stddef.h>

typedef struct scratch_folder {
    char folder[64];
    char path[512]; /* of the latest scratch_path() */
} scratch_folder;

/* Each fails the test where the system refuses. */
void scratch_make(scratch_folder *scratch);
void scratch_remove(scratch_folder *scratch);
/* The path of NAME in the folder, until the next call. */
const char *scratch_path(scratch_folder *scratch, const char *name);
/* Writes a file there and returns its path. */
const char *scratch_write(scratch_folder *scratch, const char *name, const void *data, size_t bytes);
/* The number of entries in the folder. */
size_t scratch_count(const scratch_folder *scratch);

#endif
