/* One run over several devices, driven by one thread: each device's commands are enqueued until one needs what has not
 * arrived; when all devices stand so, the thread waits for what was handed over first. */
#include "exec/split_inside.h"

#include "base/context.h"
#include "base/thread.h"

#include <math.h>

/* ---- idle devices ---- */

/* PART cannot go on: from when all that it has been given is done, it waits. With all tickets under way it has enough to
 * do, and is not measured. */
static clade_status begin_waiting(clade_split_part *part) {
    const int next = (part->latest + 1) % CLADE_SPLIT_TICKETS;
    if (!clade_ticket_done(part->idle[next])) return CLADE_OK;
    part->latest = next;
    return clade_ticket_submit(part->idle[next]);
}

/* Counts for how long PART has had nothing to do, up to NOW. */
static void count_waiting(clade_split_part *part, double now) {
    const double since = clade_ticket_done_at(part->idle[part->latest]);
    if (!(since > 0)) return;
    part->spent.waited += fmax(0, now - fmax(since, part->counted));
    part->counted = now;
}

/* ---- steps ---- */

/* A run of PLAN begins, and with it the step before ends. */
static void begin_run(clade_split_plan *plan) {
    enum { WARM_RUNS = 2 };
    clade_layer_split *split = plan->split;
    const double now = clade_clock_seconds();
    const bool measured = split->latest == plan && plan->parts[0]->updates && plan->runs > WARM_RUNS;
    for (size_t d = 0; d < split->count; d++) {
        clade_split_part *part = &split->parts[d];
        count_waiting(part, now);
        if (measured) {
            part->steps.waited += part->spent.waited - part->before.waited;
            part->steps.bytes += part->spent.bytes - part->before.bytes;
        }
        part->before = part->spent;
    }
    if (measured) {
        split->steps++;
        split->step_seconds += now - split->began;
    }
    split->latest = plan;
    split->began = now;
    plan->runs++;
}

/* ---- a run ---- */

/* Enqueues what PART can do; MOVED is set when that was anything. */
static clade_status advance(clade_split_plan *plan, size_t d, size_t *at, bool *moved) {
    clade_split_part *part = &plan->split->parts[d];
    clade_commands *commands = plan->parts[d]->commands;
    const clade_passage *awaited = clade_commands_awaited(commands, *at);
    const size_t before = *at, count = clade_commands_count(commands);
    if (before == count || (awaited && !clade_passage_arrived(awaited))) return CLADE_OK;
    if (awaited) count_waiting(part, clade_clock_seconds());
    clade_status status = clade_commands_enqueue_some(commands, at);
    if (status == CLADE_OK && *at > before) status = begin_waiting(part);
    *moved = *moved || *at > before;
    return status;
}

/* Waits for that passage of those that hold the parts up which was handed over first. */
static clade_status wait_for_first(const clade_split_plan *plan, const size_t at[]) {
    clade_passage *first = NULL;
    for (size_t d = 0; d < plan->split->count; d++) {
        clade_passage *awaited = clade_commands_awaited(plan->parts[d]->commands, at[d]);
        if (!awaited || clade_passage_sent(awaited) < 0) continue;
        if (!first || clade_passage_sent(awaited) < clade_passage_sent(first)) first = awaited;
    }
    if (first) return clade_passage_wait(first);
    return clade_fail(plan->split->context, CLADE_ERROR_DEVICE, "the devices of a split wait for each other");
}

static clade_status prepare(clade_split_plan *plan) {
    clade_status status = CLADE_OK;
    for (size_t i = 0; plan->failed && i < plan->way_count; i++)
        clade_passage_reset(plan->passages[i]);
    for (size_t d = 0; d < plan->split->count && status == CLADE_OK; d++)
        status = clade_plan_prepare(plan->parts[d]);
    return status;
}

static bool is_done(const clade_split_plan *plan, const size_t at[]) {
    for (size_t d = 0; d < plan->split->count; d++)
        if (at[d] < clade_commands_count(plan->parts[d]->commands)) return false;
    return true;
}

clade_status clade_split_plan_enqueue(clade_split_plan *plan) {
    size_t at[CLADE_MAX_STAGES] = { 0 };
    begin_run(plan);
    clade_status status = prepare(plan);
    while (status == CLADE_OK && !is_done(plan, at)) {
        bool moved = false;
        for (size_t d = 0; d < plan->split->count && status == CLADE_OK; d++)
            status = advance(plan, d, &at[d], &moved);
        if (status == CLADE_OK && !moved) status = wait_for_first(plan, at);
    }
    for (size_t i = 0; i < plan->way_count && status == CLADE_OK; i++)
        plan->split->parts[plan->ways[i].from].spent.bytes += plan->ways[i].bytes;
    for (size_t d = 0; d < plan->split->count; d++)
        if (plan->parts[d]->updates) clade_session_note_write(plan->split->parts[d].session);
    plan->failed = status != CLADE_OK;
    return status;
}
