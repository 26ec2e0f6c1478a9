/* Where a run is: everything that a resumed run needs besides the states of the graph. All of it are numbers of eight
 * bytes, in the order of the table in checkpoint.c; what a later format has added comes last. */
#ifndef CLADE_TRAIN_RUN_STATE_H
#define CLADE_TRAIN_RUN_STATE_H

#include "clade/train.h"

#include <stdint.h>

/* In the place of a device's samples: it has none, because the others are faster without it. */
#define CLADE_PART_RESTS INT64_MAX

/* Sums over samples. */
typedef struct clade_sums {
    double loss, correct;
    int64_t count;
} clade_sums;

typedef struct clade_run_state {
    int64_t step;                            /* steps done; epoch and place in it follow */
    int64_t steps;                           /* of the whole run */
    clade_sums report;                       /* since the last line of metrics */
    clade_sums epoch;                        /* since the epoch began */
    double train_loss;                       /* mean over the last whole epoch; NAN before */
    double reported_loss, reported_accuracy; /* of the last line of metrics */
    double held_out_loss, held_out_accuracy; /* of the last validation */
    double plateau_best, plateau_scale;
    int64_t plateau_waited;
    /* From format 2 on. */
    double held_out_top5;
    double
        report_parts[CLADE_MAX_EXTRA_LOSSES + 1]; /* sums over samples since the last line of metrics, of each loss */
    double least_held_out;                        /* early stopping: the least held-out loss; INFINITY before */
    int64_t stop_waited;                          /* validations since it fell by enough */
    int64_t stopped;                              /* 1: the run has ended early */
    /* From format 3 on. */
    /* Samples of a whole batch that each device takes; 0: none, or it is lost. */
    int64_t parts[CLADE_MAX_TRAIN_DEVICES];
} clade_run_state;

/* Before the first step. */
clade_run_state clade_run_start(int64_t steps);

#endif
