/* Samples as bytes that are made at first need and kept. Readers do not wait for each other: who finds a sample being
 * made by another thread makes its own. */
#ifndef CLADE_DATA_SAMPLE_CACHE_H
#define CLADE_DATA_SAMPLE_CACHE_H

#include "base/context.h"

typedef struct clade_sample_cache {
    size_t sample_bytes;
    uint8_t *bytes; /* NULL: nothing is kept */
    _Atomic unsigned char *states;
} clade_sample_cache;

/* For COUNT samples of SAMPLE_BYTES each; one that keeps nothing where they are more than LIMIT together. */
clade_status clade_sample_cache_open(clade_context *context, int64_t count, size_t sample_bytes, size_t limit,
                                     clade_sample_cache *cache);
void clade_sample_cache_close(clade_context *context, clade_sample_cache *cache); /* accepts a zeroed one */

/* The sample, or NULL where it is not there. */
const uint8_t *clade_sample_cache_find(const clade_sample_cache *cache, int64_t index);
/* Where to make it, to be followed by clade_sample_cache_settle(); NULL: make it elsewhere. */
uint8_t *clade_sample_cache_claim(const clade_sample_cache *cache, int64_t index);
/* MADE false: it could not be made. */
void clade_sample_cache_settle(const clade_sample_cache *cache, int64_t index, bool made);

#endif
