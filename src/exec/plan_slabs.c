/* The slabs that a plan's storages lie in. What outlasts a run (inputs, what is fetched, what is prepared once) has slabs
 * of the plan's own. What lives only within a run lies in slabs that the plans of a session share: they run one after
 * another on one queue. So a step, the rest of an epoch and a validation take the memory of the largest of them. */
#include "exec/plan.h"

#include <stdio.h>
#include <string.h>

/* ---- layout ---- */

/* Whether the contents of STORAGE are looked at after a run or before the next. */
static bool outlasts_runs(const clade_storage *storage) {
    return storage->interval.first < 0 || storage->fetched;
}

/* Lays out the storages that do or do not outlast a run in slabs numbered from plan->slab_count on. */
static clade_status lay_out_group(clade_plan *plan, bool outlast, clade_interval *intervals) {
    const clade_capabilities *can = &clade_session_device(plan->session)->capabilities;
    const size_t first = plan->slab_count;
    size_t count = 0, slabs = 0, *bytes = NULL;
    for (size_t i = 0; i < plan->storage_count; i++)
        if (!plan->storages[i].borrowed && outlasts_runs(&plan->storages[i]) == outlast)
            intervals[count++] = plan->storages[i].interval;
    clade_status status = clade_plan_memory_layout(plan->context, intervals, count, can->slice_alignment,
                                                   can->largest_allocation, &bytes, &slabs);
    if (status != CLADE_OK) return status;
    clade_planned_slab *grown = clade_reallocate(plan->context, plan->slabs, first + slabs + 1, sizeof *grown);
    if (grown) {
        plan->slabs = grown;
        plan->slab_count += slabs;
        for (size_t i = 0; i < slabs; i++)
            grown[first + i] = (clade_planned_slab){ .bytes = bytes[i], .shared = !outlast };
    } else {
        status = clade_fail_memory(plan->context, slabs * sizeof *grown, "the memory plan");
    }
    clade_free(plan->context, bytes);
    count = 0;
    for (size_t i = 0; status == CLADE_OK && i < plan->storage_count; i++) {
        clade_storage *storage = &plan->storages[i];
        if (storage->borrowed || outlasts_runs(storage) != outlast) continue;
        storage->interval.slab = intervals[count].slab + (int32_t)first;
        storage->interval.offset = intervals[count++].offset;
    }
    return status;
}

/* Whether PLAN means to take SLAB already. */
static bool takes(const clade_plan *plan, const clade_slab *slab) {
    for (size_t i = 0; i < plan->slab_count; i++)
        if (plan->slabs[i].slab == slab) return true;
    return false;
}

/* The smallest of the session's shared slabs that holds BYTES; NULL when none does. */
static clade_slab *find_shared(const clade_plan *plan, size_t bytes) {
    clade_slab *best = NULL;
    for (clade_slab *slab = *clade_session_slabs(plan->session); slab; slab = slab->next)
        if (slab->shared && slab->buffer.bytes >= bytes && !takes(plan, slab) &&
            (!best || slab->buffer.bytes < best->buffer.bytes))
            best = slab;
    return best;
}

clade_status clade_plan_lay_out_slabs(clade_plan *plan) {
    clade_interval *intervals = clade_allocate(plan->context, plan->storage_count + 1, sizeof *intervals);
    if (!intervals) return clade_fail_memory(plan->context, plan->storage_count * sizeof *intervals, "the memory plan");
    clade_status status = lay_out_group(plan, true, intervals);
    if (status == CLADE_OK) status = lay_out_group(plan, false, intervals);
    clade_free(plan->context, intervals);
    for (size_t i = 0; status == CLADE_OK && i < plan->slab_count; i++) {
        clade_planned_slab *slab = &plan->slabs[i];
        if (slab->shared) slab->slab = find_shared(plan, slab->bytes);
        plan->memory.planned += slab->bytes;
        if (!slab->slab) plan->memory.added += slab->bytes;
    }
    return status;
}

/* ---- memory ---- */

/* A new slab of the session, as large as PLANNED. */
static clade_status allocate(clade_plan *plan, clade_planned_slab *planned) {
    clade_slab **list = clade_session_slabs(plan->session), *slab = clade_allocate(plan->context, 1, sizeof *slab);
    if (!slab) return clade_fail_memory(plan->context, sizeof *slab, "a slab");
    char what[160];
    snprintf(what, sizeof what, "a slab of activations at batch %lld (the largest array is %.60s, %zu bytes)",
             (long long)plan->binding.batch, plan->memory.largest_name ? plan->memory.largest_name : "none",
             plan->memory.largest);
    clade_status status = clade_buffer_new(clade_session_device(plan->session), planned->bytes, what, &slab->buffer);
    if (status != CLADE_OK) {
        clade_free(plan->context, slab);
        return status;
    }
    slab->shared = planned->shared;
    slab->next = *list;
    *list = planned->slab = slab;
    return CLADE_OK;
}

clade_status clade_plan_allocate(clade_plan *plan) {
    for (size_t i = 0; i < plan->slab_count; i++) {
        clade_planned_slab *slab = &plan->slabs[i];
        clade_status status = slab->slab ? CLADE_OK : allocate(plan, slab);
        if (status != CLADE_OK) return status;
        slab->slab->plans++;
        slab->taken = true;
    }
    for (size_t i = 0; i < plan->storage_count; i++) {
        clade_storage *storage = &plan->storages[i];
        if (storage->borrowed) continue;
        clade_status status =
            clade_buffer_slice(&plan->slabs[storage->interval.slab].slab->buffer, storage->interval.offset,
                               storage->interval.bytes, storage->name, &storage->buffer);
        if (status != CLADE_OK) return status;
    }
    return CLADE_OK;
}

/* Takes a slab that no plan uses any more out of the session's list. */
static void free_slab(clade_plan *plan, clade_slab *slab) {
    clade_slab **link = clade_session_slabs(plan->session);
    while (*link != slab)
        link = &(*link)->next;
    *link = slab->next;
    clade_buffer_free(&slab->buffer);
    clade_free(plan->context, slab);
}

void clade_plan_clear_layout(clade_plan *plan) {
    for (size_t i = plan->storage_count; i-- > 0;) /* drivers find the latest slice first */
        if (!plan->storages[i].borrowed) clade_buffer_free(&plan->storages[i].buffer);
    for (size_t i = 0; i < plan->slab_count; i++)
        if (plan->slabs[i].taken && --plan->slabs[i].slab->plans == 0) free_slab(plan, plan->slabs[i].slab);
    clade_free(plan->context, plan->storages);
    clade_free(plan->context, plan->slabs);
    plan->storages = NULL;
    plan->slabs = NULL;
    plan->storage_count = plan->storage_capacity = plan->slab_count = 0;
    plan->memory = (clade_plan_memory){ 0 };
}
