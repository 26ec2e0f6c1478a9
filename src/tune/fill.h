/* Random contents of the arrays that an operator is tried on. */
#ifndef CLADE_TUNE_FILL_H
#define CLADE_TUNE_FILL_H

#include "ops/op.h"

/* Fills DATA as FILL says from the stream of NAME. */
clade_status clade_fill_array(clade_context *context, clade_fill fill, int64_t label_bound, const char *name,
                              uint64_t seed, double *data, int64_t count);

#endif
