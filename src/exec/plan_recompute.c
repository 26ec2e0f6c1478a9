/* A plan that is too large for its device: the pass for recomputation is told what every node and value takes, and the
 * graph that it makes is bound and laid out in the plan's place. Copies take the implementation of the node that they
 * repeat, so that they give the same bits. The pass counts bytes without what alignment and gaps between values take, so
 * it is asked again, for less, when its graph turns out too large. */
#include "exec/plan.h"

#include <stdio.h>
#include <string.h>

enum {
    ROUNDS = 6,
    BYTE = 8 /* operations in the time of moving a byte to or from memory: 5 on a CPU, 12 on a large GPU */
};

/* The plan as it was, keeping everything. */
typedef struct plain {
    clade_graph *graph;
    clade_plan_node *nodes;
    clade_value *targets;
    clade_plan_memory memory;
    double *flops;  /* by node */
    size_t outside; /* bytes that no recomputation changes: inputs, what is prepared once */
    clade_recompute_costs costs;
    uint32_t *first, *root;
    size_t *bytes, *scratch;
    double *effort;
    bool *fixed;
} plain;

/* ---- costs ---- */

static size_t aligned(const clade_plan *plan, size_t bytes) {
    const size_t alignment = clade_session_device(plan->session)->capabilities.slice_alignment;
    return (bytes + alignment - 1) / alignment * alignment;
}

static bool allocate_costs(clade_plan *plan, plain *p) {
    const size_t nodes = plan->graph->node_count + 1, slots = plan->slot_count + 1;
    p->first = clade_allocate(plan->context, nodes, sizeof *p->first);
    p->root = clade_allocate(plan->context, slots, sizeof *p->root);
    p->bytes = clade_allocate(plan->context, slots, sizeof *p->bytes);
    p->scratch = clade_allocate(plan->context, nodes, sizeof *p->scratch);
    p->effort = clade_allocate(plan->context, nodes, sizeof *p->effort);
    p->flops = clade_allocate(plan->context, nodes, sizeof *p->flops);
    p->fixed = clade_allocate(plan->context, nodes, sizeof *p->fixed);
    p->targets = clade_arena_copy(&plan->arena, plan->targets, (plan->target_count + 1) * sizeof *plan->targets);
    p->costs =
        (clade_recompute_costs){ p->first, p->root, p->bytes, p->scratch, p->effort, p->fixed, plan->last_receive < 0 };
    return p->first && p->root && p->bytes && p->scratch && p->effort && p->flops && p->fixed && p->targets;
}

/* Bytes of the storage NUMBER while something lies there; those of storages that stay are counted once, in *OUTSIDE. */
static size_t bytes_of_storage(const clade_plan *plan, int32_t number, size_t *outside) {
    if (number < 0 || plan->storages[number].borrowed) return 0;
    const clade_interval *interval = &plan->storages[number].interval;
    const size_t bytes = aligned(plan, interval->bytes);
    if (interval->first >= 0) return bytes;
    *outside += bytes;
    return 0;
}

static void count_node(const clade_plan *plan, plain *p, const clade_node *node) {
    const clade_plan_node *planned = &plan->nodes[node->index];
    const uint32_t i = node->index;
    p->first[i] = planned->first_slot;
    p->fixed[i] = node->input_count == 0 || planned->steady || (!planned->implementation && !node->op->view);
    for (uint32_t o = 0; o < node->output_count; o++) {
        const uint32_t slot = planned->first_slot + o;
        p->root[slot] = plan->slots[slot].root;
        if (plan->slots[slot].root == slot)
            p->bytes[slot] = bytes_of_storage(plan, plan->slots[slot].storage, &p->outside);
    }
    for (int w = 0; w < CLADE_MAX_WORKSPACES; w++)
        p->scratch[i] += bytes_of_storage(plan, planned->workspaces[w], &p->outside);
    p->scratch[i] += bytes_of_storage(plan, planned->prepared, &p->outside);
    if (!planned->implementation) return;
    clade_site site;
    clade_plan_site(plan, node, &site);
    size_t moved = 0;
    for (uint32_t k = 0; k < node->input_count; k++)
        moved += (size_t)site.in[k].count * clade_dtype_size(site.in[k].dtype);
    for (uint32_t o = 0; o < node->output_count; o++)
        moved += (size_t)site.out[o].count * clade_dtype_size(site.out[o].dtype);
    p->flops[i] = node->op->flops ? node->op->flops(&site) : (double)site.out[0].count;
    p->effort[i] = p->flops[i] + BYTE * (double)moved;
    p->memory.flops += p->flops[i];
}

/* Takes graph, nodes and numbers out of PLAN, which is left without. */
static clade_status take(clade_plan *plan, plain *p) {
    p->memory = plan->memory;
    if (!allocate_costs(plan, p))
        return clade_fail_memory(plan->context, plan->slot_count * sizeof *p->bytes, "recomputation");
    for (uint32_t i = 0; i < plan->graph->node_count; i++)
        count_node(plan, p, plan->graph->nodes[i]);
    p->graph = plan->graph;
    p->nodes = plan->nodes;
    plan->graph = NULL;
    plan->nodes = NULL;
    return CLADE_OK;
}

static void release(const clade_plan *plan, plain *p) {
    void *const all[] = { p->nodes, p->first, p->root, p->bytes, p->scratch, p->effort, p->flops, p->fixed };
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        clade_free(plan->context, all[i]);
    clade_graph_free(p->graph);
}

/* ---- trying ---- */

static void take_choices(clade_plan *plan, const plain *p, const uint32_t *origin) {
    for (uint32_t i = 0; i < plan->graph->node_count; i++) {
        const clade_plan_node *from = &p->nodes[origin[i]];
        plan->nodes[i].implementation = from->implementation;
        plan->nodes[i].configuration = from->configuration;
        plan->nodes[i].reasons = from->reasons;
    }
}

static void note(clade_plan *plan, const plain *p, const clade_recomputation *done) {
    plan->memory.again = done->count;
    plan->memory.kept_all = p->memory.planned;
    plan->memory.flops = p->memory.flops;
    for (uint32_t i = 0; i < plan->graph->node_count; i++)
        if (done->again[i]) plan->memory.again_flops += p->flops[done->origin[i]];
}

/* Gives PLAN the graph for at most BUDGET bytes of values; *PEAK gets what the pass counts of it. */
static clade_status attempt(clade_plan *plan, const plain *p, size_t budget, size_t *peak) {
    clade_recomputation done;
    clade_plan_clear_layout(plan);
    clade_graph_free(plan->graph);
    clade_free(plan->context, plan->again);
    plan->again = NULL;
    memcpy(plan->targets, p->targets, plan->target_count * sizeof *plan->targets);
    plan->graph =
        clade_pass_recompute(p->graph, plan->targets, plan->target_count, plan->updates, &p->costs, budget, &done);
    if (!plan->graph) return CLADE_ERROR_MEMORY; /* the pass has said why */
    *peak = done.peak;
    clade_status status = clade_plan_bind(plan);
    if (status == CLADE_OK) {
        take_choices(plan, p, done.origin);
        status = clade_plan_lay_out(plan);
    }
    if (status == CLADE_OK) note(plan, p, &done);
    plan->again = done.again;
    done.again = NULL;
    clade_recomputation_free(plan->context, &done);
    return status;
}

/* Bytes of the slabs that the session's plans share. */
static size_t shared_bytes(const clade_plan *plan) {
    size_t sum = 0;
    for (const clade_slab *slab = *clade_session_slabs(plan->session); slab; slab = slab->next)
        sum += slab->shared ? slab->buffer.bytes : 0;
    return sum;
}

/* What to leave for the session's other plans, a rest of an epoch or a validation: inputs of their own. */
static size_t spare_bytes(const plain *p, size_t room) {
    return 2 * p->outside < room / 8 ? 2 * p->outside : room / 8;
}

static clade_status search(clade_plan *plan, const plain *p, size_t room) {
    const size_t shared = shared_bytes(plan), spare = spare_bytes(p, room);
    const size_t most = room - spare > shared ? room - spare : shared;
    size_t budget = most > p->outside ? most - p->outside : 0;
    clade_status status = CLADE_OK;
    for (int round = 0; status == CLADE_OK && round < ROUNDS; round++) {
        size_t peak;
        status = attempt(plan, p, budget, &peak);
        if (status != CLADE_OK || plan->memory.added <= room - spare || budget == 0) break;
        const size_t excess = plan->memory.planned > most ? plan->memory.planned - most + most / 256 : most / 8;
        budget = peak > budget || excess >= budget || round + 2 == ROUNDS ? 0 : budget - excess;
    }
    return status;
}

/* ---- words ---- */

/* The fault of a plan that cannot be made small enough. */
static clade_status too_large(const clade_plan *plan, size_t room) {
    const clade_plan_memory *memory = &plan->memory;
    return clade_fail(
        plan->context, CLADE_ERROR_MEMORY,
        "a step at batch %lld needs at least %s on %s besides its weights, computing again what it can (%s "
        "keeping everything), but %s of memory are free (the largest array is %.60s, %zu bytes); allow "
        "more memory or take a smaller batch or model",
        (long long)plan->binding.batch, clade_size_words((double)memory->planned).text,
        clade_device_name(clade_session_device(plan->session)), clade_size_words((double)memory->kept_all).text,
        clade_size_words((double)room).text, memory->largest_name ? memory->largest_name : "none", memory->largest);
}

void clade_plan_recompute_words(const clade_plan_memory *memory, char words[256]) {
    const int length =
        snprintf(words, 256, "takes %s instead of the %s that keeping everything would take: ",
                 clade_size_words((double)memory->planned).text, clade_size_words((double)memory->kept_all).text);
    char *rest = words + length;
    const size_t room = 256 - (size_t)length;
    if (memory->again == 0)
        snprintf(rest, room, "weights are updated as soon as their gradients are there");
    else
        snprintf(rest, room, "%u nodes are computed again in backward, %.3g GFLOP, %.1f %% more than without",
                 memory->again, memory->again_flops * 1e-9,
                 memory->flops > 0 ? 100 * memory->again_flops / memory->flops : 0.0);
}

clade_status clade_plan_recompute(clade_plan *plan, size_t room) {
    plain p = { .graph = NULL };
    clade_status status = take(plan, &p);
    if (status == CLADE_OK) status = search(plan, &p, room);
    if (status == CLADE_OK && plan->memory.added > room) status = too_large(plan, room);
    release(plan, &p);
    if (status != CLADE_OK) return status;
    char words[256];
    clade_plan_recompute_words(&plan->memory, words);
    clade_log(plan->context, CLADE_LOG_INFO, "the step at batch %lld %s", (long long)plan->binding.batch, words);
    return CLADE_OK;
}
