/* Inside a plan: the session's graph after the passes, every value's place in memory, and the commands of one run. */
#ifndef CLADE_EXEC_PLAN_H
#define CLADE_EXEC_PLAN_H

#include "exec/session.h"
#include "ops/all_reduce.h"
#include "ops/tail.h"
#include "passes/passes.h"
#include "tune/choose.h"

/* A stretch of device memory that one value after another may occupy. */
typedef struct clade_storage {
    clade_buffer buffer;     /* a slice of a slab, owned; or the session's own buffer, borrowed */
    bool borrowed;           /* a state's or a scalar's: outlives the plan */
    bool fetched;            /* a target's: read after a run */
    clade_interval interval; /* of one that is not borrowed */
    uint32_t occupant;       /* the slot of the value that lies there last */
    const char *name;        /* of the node that first lies there */
} clade_storage;

/* A piece of the device's memory that plans of a session use, one or, when it is shared, several: see plan_slabs.c. */
typedef struct clade_slab {
    clade_buffer buffer;
    bool shared;
    int plans; /* that use it */
    struct clade_slab *next;
} clade_slab;

typedef struct clade_planned_slab {
    size_t bytes;
    bool shared, taken;
    clade_slab *slab; /* before it is taken: one that is there already; NULL: none */
} clade_planned_slab;

/* What is known of one node when its plan is made. */
typedef struct clade_plan_node {
    uint32_t first_slot;                        /* of its outputs, in plan->slots */
    size_t first_command;                       /* the place in the list where its commands begin */
    const clade_implementation *implementation; /* NULL: no launch (leaves and views) */
    int configuration;
    bool steady;         /* its outputs are the same at every run: it runs in the plan's preparation */
    const char *reasons; /* of the choice, a line for each candidate */
    int32_t workspaces[CLADE_MAX_WORKSPACES]; /* storages; -1: none */
    int32_t prepared;                         /* the storage of what the implementation makes of input 1; -1: none */
} clade_plan_node;

/* One value: its numbers, and where it lies. */
typedef struct clade_plan_slot {
    clade_array array;
    uint32_t root;    /* the slot whose memory it is: its own, or that of what it views */
    int32_t storage;  /* of a root */
    int32_t last_use; /* of a root: the last node that reads it, the node count when it is read after the run */
} clade_plan_slot;

struct clade_plan {
    clade_session *session;
    clade_context *context;
    clade_graph *graph; /* after the passes */
    clade_arena arena;
    clade_value *targets;         /* in `graph` */
    const clade_value *requested; /* as asked for, in the session's graph */
    size_t target_count;
    clade_binding binding;
    struct clade_split_plan *split; /* of several devices: all that follows is empty (exec/split.h); NULL: of one */
    struct clade_passage *const *passages; /* of a part: its ways to others, by number - 1 */
    bool updates, inference, poison;
    uint32_t program; /* whose updates these are: clade_update_in() */
    clade_plan_node *nodes;
    clade_plan_slot *slots;
    uint32_t slot_count;
    clade_storage *storages;
    size_t storage_count, storage_capacity;
    bool *committed; /* by update: its value is written straight into the state */
    int32_t *aside;  /* by update: the storage of a copy of the state that it is set from; -1: none */
    clade_planned_slab *slabs;
    size_t slab_count;
    clade_plan_memory memory;
    bool *again; /* by node: it computes what was dropped once more; NULL: none does (plan_recompute.c) */
    clade_commands *preparation; /* what need not run again until a state is written: see find_steady() */
    uint64_t prepared_at;        /* the session's version of the states for which it ran; 0: never */
    clade_commands *commands;
    int64_t last_receive;    /* the node behind which states may change; -1: all may (see ops/all_reduce.h) */
    size_t update_command;   /* the place in the list where the copies of new states begin */
    struct clade_plan *next; /* of the session's plans */
};

/* When a pass is run: at every plan, at inference, on a device alone, on one of a group, on one whose session shares the
 * statistics of batch norm. */
typedef enum clade_plan_when {
    CLADE_PASS_ALWAYS,
    CLADE_PASS_INFERENCE,
    CLADE_PASS_ALONE,
    CLADE_PASS_GROUPED,
    CLADE_PASS_SYNCHRONISED,
} clade_plan_when;

/* The passes that make a plan's graph of a session's, in order, ended by a NULL name. */
typedef struct clade_plan_pass {
    const char *name;
    clade_plan_when when;
    clade_graph *(*run)(const clade_graph *graph, clade_value *targets, size_t count, bool updates);
} clade_plan_pass;
extern const clade_plan_pass clade_plan_passes[];
bool clade_plan_pass_applies(const clade_plan_pass *pass, const clade_session *session, bool inference);

/* How every plan begins: what REQUEST asks for, its targets checked, and no more. On a fault *PLAN is NULL, or to be
 * freed. */
clade_status clade_plan_begin(clade_session *session, const clade_plan_request *request, clade_plan **plan);
clade_status clade_plan_new(clade_session *session, const clade_plan_request *request, clade_plan **plan);
/* The graph after the passes with its sizes, and no more: no choices, no memory, no commands. */
clade_status clade_plan_sketch(clade_session *session, const clade_plan_request *request, clade_plan **plan);
void clade_plan_free(clade_plan *plan);
/* What comes before a run's commands: the scalars, and the preparation where states were written since the last; a plan with
 * updates has prepared only constants, once. */
clade_status clade_plan_prepare(clade_plan *plan);

/* Binds the sizes of plan->graph: new nodes and slots, with nothing chosen and nothing placed. */
clade_status clade_plan_bind(clade_plan *plan);

/* ---- plan_memory.c ---- */

/* Gives every value a storage, and every storage a place in slabs, not yet allocated: plan->memory says their size.
 * Implementations are chosen. */
clade_status clade_plan_lay_out(clade_plan *plan);
/* Lays the plan out and allocates it; one that is too large for what is free on the device gets another graph, which
 * computes values again instead of keeping them. */
clade_status clade_plan_place(clade_plan *plan);
clade_plan_slot *clade_plan_slot_of(const clade_plan *plan, clade_value value);
/* The slot that holds VALUE's memory: its own, or that of what it views. */
clade_plan_slot *clade_plan_root_of(const clade_plan *plan, clade_value value);

/* Whether what NODE's implementation prepares of input 1 stays good from run to run. */
bool clade_plan_prepares_once(const clade_plan *plan, const clade_node *node);

/* ---- plan_slabs.c ---- */

/* Gives every storage a place in slabs. */
clade_status clade_plan_lay_out_slabs(clade_plan *plan);
/* Allocates those slabs of a plan that was laid out that are not there yet. */
clade_status clade_plan_allocate(clade_plan *plan);
/* Undoes layout and allocation. */
void clade_plan_clear_layout(clade_plan *plan);

/* ---- plan_recompute.c ---- */

/* Makes a plan that was laid out fit into ROOM bytes, if recomputation can do that; if not, the plan is as small as it
 * gets. It is laid out again. */
clade_status clade_plan_recompute(clade_plan *plan, size_t room);
/* What it did, as a phrase that goes on from "the step": "takes 1.9 GiB instead of ...". */
void clade_plan_recompute_words(const clade_plan_memory *memory, char words[256]);

/* ---- plan_record.c ---- */

/* The site of a node, with buffers once they are placed. */
void clade_plan_site(const clade_plan *plan, const clade_node *node, clade_site *site);
/* Fills the list of commands. */
clade_status clade_plan_record(clade_plan *plan);

/* ---- session.c ---- */

/* The buffer that the session keeps for a leaf of a plan's graph (a state, a scalar, the random state), by name; NULL
 * for others. */
const clade_buffer *clade_session_leaf(const clade_session *session, const clade_node *leaf);
clade_device *clade_session_device(const clade_session *session);
const clade_graph *clade_session_graph(const clade_session *session);
bool clade_session_synchronised(const clade_session *session); /* see clade_session_sync_batch_norm() */
/* The slabs of the session's plans: the head of their list. */
clade_slab **clade_session_slabs(clade_session *session);
clade_choices *clade_session_choice_table(clade_session *session);
/* A number that grows with every write to a state, by the host or by a plan's updates; at least 1. */
uint64_t clade_session_version(const clade_session *session);
void clade_session_note_write(clade_session *session);
/* Enqueues the write of the scalars when they have changed since the last run. */
clade_status clade_session_send_scalars(clade_session *session);

#endif
