/* The minimiser's inside, for the trainer. */
#ifndef CLADE_TRAIN_MINIMIZER_H
#define CLADE_TRAIN_MINIMIZER_H

#include "clade/minimize.h"
#include "exec/session.h"
#include "train/optimizer.h"

enum { CLADE_MOST_WATCHED = 12 };

/* As clade_minimizer_new() over what TRAINED says of LOSS. */
clade_status clade_minimizer_over(clade_value loss, const clade_trained *trained, int64_t memory,
                                  clade_minimizer **minimizer);
/* Scalars that the first evaluation of each run reads as well, at most CLADE_MOST_WATCHED; before the session is made. */
void clade_minimizer_watch(clade_minimizer *minimizer, const clade_value *values, size_t count);
/* What they were, in that order. */
const double *clade_minimizer_watched(const clade_minimizer *minimizer);

#endif
