/* Schedules: the learning rate as a function of where the run is. */
#ifndef CLADE_TRAIN_SCHEDULE_H
#define CLADE_TRAIN_SCHEDULE_H

#include "base/context.h"
#include "clade/model.h"

/* Where a run is, and what its validations have said so far: all that a rate depends on. */
typedef struct clade_schedule_state {
    int64_t steps, steps_per_epoch;
    double best;    /* PLATEAU: the least held-out loss; HALVE: that of the epoch before; INFINITY before the first */
    int64_t waited; /* observations since it fell */
    double scale;   /* what the rate has been multiplied with */
} clade_schedule_state;

/* SCHEDULE with its defaults filled in; CLADE_ERROR_ARGUMENT for an unknown kind or a number out of range. */
clade_status clade_schedule_complete(clade_context *context, clade_schedule *schedule, int64_t steps);
clade_schedule_state clade_schedule_start(int64_t steps, int64_t steps_per_epoch);
/* The rate of step STEP (from 0) of a run that begins at RATE. */
double clade_schedule_rate(const clade_schedule *schedule, const clade_schedule_state *state, double rate,
                           int64_t step);
/* Tells the schedule a held-out loss, or an epoch's mean training loss; each kind takes notice of its own. */
void clade_schedule_observe_held_out(const clade_schedule *schedule, clade_schedule_state *state, double loss);
void clade_schedule_observe_epoch(const clade_schedule *schedule, clade_schedule_state *state, double loss);
const char *clade_schedule_name(clade_schedule_kind kind); /* "cosine" */

#endif
