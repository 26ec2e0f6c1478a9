/* A session whose graph is cut by layers over several devices, a run in micro-batches.
 *
 * To its users it is a session like others: states, scalars, plans, runs. Inside, each device has a session of its own
 * with the states of its layers, and a plan of several devices is one plan for each, made of its part of the graph
 * (passes/micro_batches.c, passes/stages.h). A run enqueues all of them from one thread: each goes on until it needs
 * something that another has not handed over yet (device/passage.h), and while one has to wait the others are seen to. */
#ifndef CLADE_EXEC_SPLIT_H
#define CLADE_EXEC_SPLIT_H

#include "exec/session.h"
#include "passes/stages.h"

typedef struct clade_layer_split clade_layer_split;
typedef struct clade_split_plan clade_split_plan;

typedef struct clade_split_options {
    int64_t batch; /* samples of a run, for which costs are measured */
    /* A run that gives nothing but sums over devices (clade_all_reduce) goes in at most so many micro-batches: the most
     * that divide its batch. 0: as many as should be fastest, up to eight a device (two where AT is given). */
    int64_t micro_batches;
    const char *const *at; /* the first layers of the devices behind the first, in order; NULL: cut by measured times */
} clade_split_options;

/* A session of GRAPH over DEVICES (2 to CLADE_MAX_STAGES, borrowed), cut where the slowest device is done earliest, by the
 * times that its layers take (exec/split_costs.c), within the memory that each device has. The same cut gives the same
 * bits. What its runs give is on the last device. Otherwise as clade_session_new(). */
clade_status clade_session_new_split(clade_device *const devices[], size_t count, const clade_graph *graph,
                                     uint64_t seed, const clade_split_options *options, clade_session **session);

/* What one device of a split has and did. */
typedef struct clade_split_report {
    const char *first, *last; /* its layers; "" where it has none */
    double seconds;           /* that its layers take of a step, as measured before */
    double waited;            /* seconds in which it had nothing to do but wait for others, since the session began */
    uint64_t bytes;           /* that it handed over, since then */
    size_t memory;            /* bytes of its states and of its largest plan */
    /* The mean of STEPS runs with updates, each measured from its beginning to that of the next; without a plan's first runs. */
    int64_t steps;
    double step_worked, step_waited; /* seconds of a step: with and without something to do */
    double step_bytes;               /* that it handed over */
} clade_split_report;
/* Of device INDEX of SESSION; false where SESSION is no split or has no such device. */
bool clade_session_split_report(const clade_session *session, size_t index, clade_split_report *report);

/* ---- for session.c and plan.c; NULL is a split over no devices ---- */

size_t clade_split_count(const clade_layer_split *split);
clade_session *clade_split_session(const clade_layer_split *split, size_t index);
void clade_split_free(clade_layer_split *split);

clade_status clade_split_plan_new(clade_session *session, const clade_plan_request *request, clade_plan **plan);
void clade_split_plan_free(clade_split_plan *plan);
const clade_buffer *clade_split_plan_input(const clade_split_plan *plan, clade_value input);
clade_plan *clade_split_plan_last(const clade_split_plan *plan); /* the last device's */
clade_status clade_split_plan_enqueue(clade_split_plan *plan);
clade_plan_memory clade_split_plan_memory(const clade_split_plan *plan); /* of all devices together */
void clade_split_plan_explain(const clade_split_plan *plan, clade_text *out);

#endif
