/* What the two files of recomputation share: which values are dropped, and the order of computation that follows. */
#ifndef CLADE_PASSES_RECOMPUTE_H
#define CLADE_PASSES_RECOMPUTE_H

#include "passes/passes.h"

/* When a value is there: from the step that makes it to the last that reads it. */
typedef struct clade_span {
    uint32_t born, last;
} clade_span;

/* A graph whose backward part may read values that were dropped in the forward part and computed again. By slot means by
 * output of a node, and of a view its source's slot: costs->root. Nodes before graph->backward_from are forward. */
typedef struct clade_schedule {
    const clade_graph *graph;
    const clade_recompute_costs *costs;
    uint32_t slot_count;
    /* what holds whatever is dropped */
    bool *stays;            /* by slot: a target's or an update's value, which outlives the run */
    bool *late;             /* by slot: some backward node reads it */
    uint32_t *last_forward; /* by slot: the last forward node that reads it, or its own */
    uint32_t *moved_to;   /* by node: the one after which it is computed, as soon as it can be; its own: in its place */
    uint32_t *moved_here; /* by node: the first of those that are computed after it; UINT32_MAX: none */
    uint32_t *moved_next; /* by node: the next that goes to the same place */
    /* the decision */
    bool *dropped; /* by slot: gone when backward begins; computed again where a later node needs it */
    /* what follows of it: clade_schedule_walk() */
    uint32_t *order; /* nodes in the order of computation; one that appears a second time is computed again */
    size_t order_count;
    bool *first_time;     /* by node: it is computed in its place */
    bool *again;          /* by node: it is computed for backward, after what came before */
    clade_span *spans[2]; /* by slot: of what is computed in its place; of what is computed for backward */
    size_t peak;          /* bytes at the fullest step */
    double effort;        /* of what is computed twice */
    /* scratch */
    bool *marked;    /* by node */
    int64_t *change; /* by step: bytes that come less those that go */
} clade_schedule;

/* False when memory runs out; clade_schedule_free() in either case. */
bool clade_schedule_new(clade_schedule *schedule, const clade_graph *graph, const clade_recompute_costs *costs,
                        const clade_value *targets, size_t count, bool updates);
void clade_schedule_free(clade_schedule *schedule);
/* The slot whose memory VALUE is. */
uint32_t clade_schedule_slot(const clade_schedule *schedule, clade_value value);
/* Finds the order, the peak and the effort that schedule->dropped leads to: a dropped value is computed again right
 * before the first backward node that needs it, with the dropped values that this takes, and stays until the last that
 * does. So everything is computed at most twice. With costs->early_updates what sets states comes as soon as their old
 * contents have been read, so that gradients need not be kept to the end. */
void clade_schedule_walk(clade_schedule *schedule);

#endif
