/* Inside a session: states, scalars, and plans run without waiting. */
#ifndef CLADE_EXEC_SESSION_H
#define CLADE_EXEC_SESSION_H

#include "clade/session.h"
#include "device/device.h"
#include "graph/operator.h"

typedef struct clade_plan clade_plan;

/* The states, in the graph's order. */
size_t clade_session_state_count(const clade_session *session);
typedef struct clade_state_info {
    const char *name;
    clade_role role;
    clade_dims dims;
    int64_t count; /* elements */
} clade_state_info;
clade_state_info clade_session_state(const clade_session *session, size_t index);
/* All states to or from one host array of clade_session_state_floats() floats, in order. Waits. */
int64_t clade_session_state_floats(const clade_session *session);
clade_status clade_session_save_states(clade_session *session, float *data);
clade_status clade_session_load_states(clade_session *session, const float *data);
/* Trained elements: weights and biases. */
int64_t clade_session_parameters(const clade_session *session);
/* SHA-256, in hexadecimal, of the trained states' names, dims and little-endian float32 contents, in order. */
clade_status clade_session_weights_sha256(clade_session *session, char hex[65]);

/* The run's seed, step and first sample's index in the epoch, for dropout: used by the runs that follow. */
void clade_session_set_random(clade_session *session, uint64_t seed, uint64_t step, int64_t first_sample);

/* The choices of implementations made so far, one "signature = name" a line; and choices to use again, from a
 * checkpoint, before plans are made. */
clade_status clade_session_choices(clade_session *session, clade_text *out);
clade_status clade_session_use_choices(clade_session *session, const char *text);

typedef struct clade_plan_request {
    const clade_value *targets;
    size_t target_count;
    clade_binding binding;
    bool updates, inference;
    uint32_t program; /* with updates: which program's (clade_update_in); 0: the ordinary ones */
    /* Of one device's part of a run over several: another graph than the session's, whose states and scalars the session
     * has by their names, taken over in any case; and its ways to others, by number - 1. */
    clade_graph *graph;
    struct clade_passage *const *passages;
} clade_plan_request;

/* Plans made from now on normalise batches by the statistics of all devices of the group. */
void clade_session_sync_batch_norm(clade_session *session);
/* Waits for everything enqueued, on all its devices. */
clade_status clade_session_finish(clade_session *session);
/* The session's plan for REQUEST, made at first need and kept. */
clade_status clade_session_plan(clade_session *session, const clade_plan_request *request, clade_plan **plan);
/* Frees one that is needed no more. Nothing of it may be under way. */
void clade_session_drop_plan(clade_session *session, clade_plan *plan);

/* The device buffer of an input that the plan reads, or NULL when it does not; and of target number INDEX. */
const clade_buffer *clade_plan_input(const clade_plan *plan, clade_value input);
const clade_buffer *clade_plan_target(const clade_plan *plan, size_t index);
/* Enqueues one run: the scalars, then every launch. Nothing blocks. At most CLADE_RUNS_IN_FLIGHT runs may be enqueued
 * and not known to be done (by a ticket). */
enum { CLADE_RUNS_IN_FLIGHT = 8 };
clade_status clade_plan_enqueue(clade_plan *plan);

typedef struct clade_plan_memory {
    size_t states, planned, unplanned; /* bytes: states; the slabs; what the same values would take without sharing */
    size_t added;                      /* of `planned`, what no slab of an earlier plan of the session could hold */
    size_t largest;                    /* bytes of the largest value, named below */
    const char *largest_name;
    /* recomputation: 0 where the plan keeps everything */
    uint32_t again;            /* nodes that are computed a second time */
    size_t kept_all;           /* bytes of slabs that the plan would take without */
    double again_flops, flops; /* floating-point operations computed again, and those of the step without */
} clade_plan_memory;
clade_plan_memory clade_plan_memory_use(const clade_plan *plan);
clade_commands *clade_plan_commands(clade_plan *plan);
/* The plan in words: a line for each node with sizes, chosen implementation and the reasons against the others. */
void clade_plan_explain(const clade_plan *plan, clade_text *out);

/* Runs GRAPH on the host through the rows' references, in double; see exec/reference.c. The graph may be added to while
 * the interpreter lives. */
typedef struct clade_reference clade_reference;
clade_reference *clade_reference_new(const clade_graph *graph, clade_binding binding);
void clade_reference_free(clade_reference *reference);
/* The tensor of a leaf (input, state, scalar, random state), for the caller to fill; states and scalars begin as the
 * graph says, under seed 0, the others as zeros. NULL on a fault (the words are in the context). */
clade_tensor *clade_reference_leaf(clade_reference *reference, clade_value leaf);
/* Evaluates TARGET and what it needs that is not evaluated yet; borrowed. NULL on a fault. */
const clade_tensor *clade_reference_value(clade_reference *reference, clade_value target);
/* After leaves were changed: forgets every evaluation, or those that depend on LEAF. */
void clade_reference_reset(clade_reference *reference);
void clade_reference_touch(clade_reference *reference, clade_value leaf);

#endif
