/* Where a run is: everything that a resumed run needs besides the states of the graph. All of it are numbers of eight
 * bytes, in the order of the table in checkpoint.c. */
#ifndef CLADE_TRAIN_RUN_STATE_H
#define CLADE_TRAIN_RUN_STATE_H

#include <stdint.h>

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
} clade_run_state;

#endif
