/* One state for each sample decides who makes it, without a lock. */
#include "data/sample_cache.h"

#include <stdatomic.h>

enum state { EMPTY, MAKING, MADE };

clade_status clade_sample_cache_open(clade_context *context, int64_t count, size_t sample_bytes, size_t limit,
                                     clade_sample_cache *cache) {
    *cache = (clade_sample_cache){ .sample_bytes = sample_bytes };
    if ((size_t)count > limit / sample_bytes) return CLADE_OK;
    /* Not zeroed: pages that are never read cost nothing. */
    cache->bytes = clade_reallocate(context, NULL, (size_t)count, sample_bytes);
    cache->states = clade_allocate(context, (size_t)count, sizeof *cache->states);
    if (cache->bytes && cache->states) return CLADE_OK;
    clade_sample_cache_close(context, cache);
    return clade_fail_memory(context, (size_t)count * sample_bytes, "the samples kept in memory");
}

void clade_sample_cache_close(clade_context *context, clade_sample_cache *cache) {
    clade_free(context, cache->bytes);
    clade_free(context, (void *)cache->states);
    *cache = (clade_sample_cache){ 0 };
}

const uint8_t *clade_sample_cache_find(const clade_sample_cache *cache, int64_t index) {
    if (!cache->bytes || atomic_load_explicit(&cache->states[index], memory_order_acquire) != MADE) return NULL;
    return cache->bytes + (size_t)index * cache->sample_bytes;
}

uint8_t *clade_sample_cache_claim(const clade_sample_cache *cache, int64_t index) {
    unsigned char empty = EMPTY;
    if (!cache->bytes || !atomic_compare_exchange_strong(&cache->states[index], &empty, MAKING)) return NULL;
    return cache->bytes + (size_t)index * cache->sample_bytes;
}

void clade_sample_cache_settle(const clade_sample_cache *cache, int64_t index, bool made) {
    atomic_store_explicit(&cache->states[index], made ? MADE : EMPTY, memory_order_release);
}
