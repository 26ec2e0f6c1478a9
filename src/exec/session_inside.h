/* What the files of a session share: session.c (states, scalars, plans and runs), split.c (over several devices). */
#ifndef CLADE_EXEC_SESSION_INSIDE_H
#define CLADE_EXEC_SESSION_INSIDE_H

#include "exec/plan.h"

typedef struct clade_state_entry {
    clade_state_info info;
    const clade_leaf_attributes *attributes;
    clade_interval interval;
    clade_buffer buffer; /* of a session over several devices: borrowed from the one that has it */
} clade_state_entry;

/* A leaf in the scalar block: slot 0 is the random state's, the others are scalars'. */
typedef struct clade_scalar_entry {
    const char *name;
    clade_buffer buffer;
} clade_scalar_entry;

struct clade_session {
    clade_context *context;
    clade_device *device; /* of several, the one that gives the results: the last */
    const clade_graph *graph;
    clade_state_entry *states;
    clade_state_entry **by_name; /* the same, sorted */
    size_t state_count;
    clade_buffer *slabs;
    size_t slab_count;
    clade_scalar_entry *scalars;
    size_t scalar_count, stride; /* bytes from one slot of the block to the next */
    clade_buffer block;
    char *values; /* the block as it is to be, then CLADE_RUNS_IN_FLIGHT + 1 copies on their way to the device */
    size_t copy;
    bool sent;
    bool synchronised; /* see clade_session_sync_batch_norm() */
    clade_plan *plans;
    clade_slab *plan_slabs;
    uint64_t version; /* of the states */
    clade_choices choices;
    struct clade_layer_split *split; /* over several devices (exec/split.h); NULL: on one */
};

/* How every session begins: of GRAPH on DEVICE, its states listed without contents, no scalars and no plans. On a fault
 * *SESSION is NULL, or to be freed. */
clade_status clade_session_begin(clade_device *device, const clade_graph *graph, clade_session **session);
/* The first state of that name; NULL when there is none. */
clade_state_entry *clade_session_state_named(const clade_session *session, const char *name);

#endif
