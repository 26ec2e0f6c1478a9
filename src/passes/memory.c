/* Where each value lies: intervals of time packed into slabs. Largest first, each at the lowest free offset among those
 * that live at the same time (the "greedy by size" rule of Pisarchyk and Lee, "Efficient Memory Management for Deep
 * Neural Net Inference", 2020). */
#include "passes/passes.h"

#include <stdlib.h>

static bool overlap_in_time(const clade_interval *a, const clade_interval *b) {
    return a->first <= b->last && b->first <= a->last;
}

static int larger_first(const void *left, const void *right) {
    const clade_interval *a = *(clade_interval *const *)left, *b = *(clade_interval *const *)right;
    if (a->bytes != b->bytes) return a->bytes > b->bytes ? -1 : 1;
    if (a->first != b->first) return a->first < b->first ? -1 : 1;
    return a < b ? -1 : a > b;
}

static size_t round_up(size_t bytes, size_t alignment) {
    return (bytes + alignment - 1) / alignment * alignment;
}

/* Intervals already placed in one slab, in the order of their offsets. */
typedef struct slab {
    clade_interval **placed;
    size_t count, bytes;
} slab;

/* The lowest offset in SLAB where INTERVAL fits beside those that live with it; SIZE_MAX when it ends beyond LIMIT. */
static size_t lowest_place(const slab *s, const clade_interval *interval, size_t alignment, size_t limit) {
    size_t offset = 0;
    for (size_t i = 0; i < s->count; i++) {
        const clade_interval *other = s->placed[i];
        if (!overlap_in_time(interval, other)) continue;
        if (other->offset >= offset + interval->bytes) break;
        size_t end = round_up(other->offset + other->bytes, alignment);
        if (end > offset) offset = end;
    }
    return offset <= limit && interval->bytes <= limit - offset ? offset : SIZE_MAX;
}

static void put(slab *s, clade_interval *interval) {
    size_t i = s->count++;
    for (; i > 0 && s->placed[i - 1]->offset > interval->offset; i--)
        s->placed[i] = s->placed[i - 1];
    s->placed[i] = interval;
    if (interval->offset + interval->bytes > s->bytes) s->bytes = interval->offset + interval->bytes;
}

/* Places one interval in the first slab that takes it, opening another when none does. */
static bool place(clade_context *context, clade_interval *interval, slab *slabs, size_t *slab_count, size_t capacity,
                  size_t alignment, size_t limit) {
    for (size_t i = 0; i <= *slab_count; i++) {
        if (i == *slab_count) {
            slabs[i].placed = clade_allocate(context, capacity, sizeof(clade_interval *));
            if (!slabs[i].placed) return false;
            ++*slab_count;
        }
        size_t offset = lowest_place(&slabs[i], interval, alignment, limit);
        if (offset == SIZE_MAX) continue;
        interval->slab = (int32_t)i;
        interval->offset = offset;
        put(&slabs[i], interval);
        return true;
    }
    return false;
}

clade_status clade_plan_memory_layout(clade_context *context, clade_interval *intervals, size_t count, size_t alignment,
                                      size_t slab_limit, size_t **slab_bytes, size_t *slab_count) {
    clade_status status = CLADE_OK;
    slab *slabs = clade_allocate(context, count + 1, sizeof *slabs);
    clade_interval **order = clade_allocate(context, count + 1, sizeof(clade_interval *));
    *slab_bytes = clade_allocate(context, count + 1, sizeof **slab_bytes);
    *slab_count = 0;
    if (!slabs || !order || !*slab_bytes) {
        status = clade_fail_memory(context, count * sizeof *slabs, "the memory plan");
        goto done;
    }
    for (size_t i = 0; i < count; i++) {
        order[i] = &intervals[i];
        if (intervals[i].bytes > slab_limit) {
            status = clade_fail(context, CLADE_ERROR_MEMORY,
                                "an array of %zu bytes is larger than the largest allocation of the device, %zu bytes; "
                                "try a smaller batch",
                                intervals[i].bytes, slab_limit);
            goto done;
        }
    }
    qsort(order, count, sizeof(clade_interval *), larger_first);
    for (size_t i = 0; i < count; i++)
        if (!place(context, order[i], slabs, slab_count, count, alignment, slab_limit)) {
            status = clade_fail_memory(context, count * sizeof(clade_interval *), "the memory plan");
            goto done;
        }
    for (size_t i = 0; i < *slab_count; i++)
        (*slab_bytes)[i] = slabs[i].bytes;

done:
    for (size_t i = 0; slabs && i < *slab_count; i++)
        clade_free(context, slabs[i].placed);
    clade_free(context, slabs);
    clade_free(context, order);
    if (status != CLADE_OK) {
        clade_free(context, *slab_bytes);
        *slab_bytes = NULL;
        *slab_count = 0;
    }
    return status;
}
