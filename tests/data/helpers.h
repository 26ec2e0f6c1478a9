/* What tests of data sets share: a folder with the sets opened from it, and IDX files made up, plain and gzip. */
#ifndef CLADE_TESTS_DATA_HELPERS_H
#define CLADE_TESTS_DATA_HELPERS_H

#include "clade/data.h"
#include "support/scratch.h"

#include <stdint.h>

/* A scratch folder and the data set opened from it, for cmocka's set-up and tear-down. */
struct data_fixture {
    clade_context *context;
    scratch_folder scratch;
    char spec[200];
    clade_dataset *train, *test;
};
int open_data_fixture(void **state);
int close_data_fixture(void **state);

/* Bytes that a test builds up. */
typedef struct bytes {
    uint8_t data[4096];
    size_t count;
} bytes;

/* An IDX file of unsigned bytes: RANK sizes, then as many values, the Ith being (7 * I) mod MODULUS. */
bytes idx_bytes(int rank, const uint32_t *sizes, unsigned modulus);
/* The same as gzip. */
bytes gzip_bytes(const bytes *plain);

/* The four files of a data set: COUNT images of HEIGHT x WIDTH in each part, labels below CLASSES; names after MNIST's
 * with PREFIX before them. */
void write_idx_folder(scratch_folder *scratch, const char *prefix, uint32_t count, uint32_t height, uint32_t width,
                      unsigned classes);

/* CLADE_SHARED/data/NAME, or NULL where CLADE_SHARED is unset. */
const char *shared_data(const char *name);

#endif
