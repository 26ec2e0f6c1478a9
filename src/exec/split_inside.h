/* What the files of a split share: split.c (making it), split_plan.c (plans), split_run.c (runs). */
#ifndef CLADE_EXEC_SPLIT_INSIDE_H
#define CLADE_EXEC_SPLIT_INSIDE_H

#include "device/passage.h"
#include "exec/plan.h"
#include "exec/split.h"

enum { CLADE_SPLIT_TICKETS = 16 };

/* What a part waited, in seconds, and handed over, in bytes. */
typedef struct clade_split_spent {
    double waited;
    uint64_t bytes;
} clade_split_spent;

/* One device and its layers. */
typedef struct clade_split_part {
    clade_device *device;
    clade_graph *leaves; /* of the session: its states, and all scalars */
    clade_session *session;
    const char *first, *last;                /* layers; NULL: none */
    double seconds;                          /* of a step, as measured before */
    clade_ticket *idle[CLADE_SPLIT_TICKETS]; /* done when what was enqueued before is, one after another */
    int latest;                              /* of these, the last that was submitted */
    double counted;                          /* until when the waiting is counted (clade_clock_seconds()) */
    clade_split_spent spent;                 /* since the session began, */
    clade_split_spent before;                /* by the beginning of the latest run, */
    clade_split_spent steps;                 /* and in the steps that are measured */
} clade_split_part;

struct clade_layer_split {
    clade_context *context;
    clade_arena arena;
    clade_split_part parts[CLADE_MAX_STAGES];
    size_t count;
    int64_t micro_batches;   /* at most */
    clade_placement *placed; /* layers, then states */
    size_t placed_count;
    /* A step is measured from the beginning of a run with updates to that of the next, where both are of one plan. */
    const struct clade_split_plan *latest; /* whose run came last; NULL: none's that is still there */
    double began;                          /* when that run did */
    int64_t steps;                         /* measured */
    double step_seconds;                   /* of all these */
};

/* A way between two devices, by its number - 1. */
typedef struct clade_split_way {
    size_t from, to;
    size_t bytes;
} clade_split_way;

struct clade_split_plan {
    clade_layer_split *split;
    clade_plan *parts[CLADE_MAX_STAGES]; /* owned by the parts' sessions */
    clade_split_way *ways;
    clade_passage **passages; /* by the ways' numbers - 1 */
    size_t way_count;
    bool failed;  /* the run before did: passages may hold what nobody took */
    int64_t runs; /* begun */
};

/* Into how many micro-batches a run of BATCH samples goes. */
int64_t clade_split_micro_batches(const clade_layer_split *split, int64_t batch);

#endif
