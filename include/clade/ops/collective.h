/* Operators over the devices of a run. See clade/ops.h for what all share. */
#ifndef CLADE_OPERATORS_COLLECTIVE_H
#define CLADE_OPERATORS_COLLECTIVE_H

#include "clade/graph.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Y[i] = the sum of X[i] over the devices (and machines) that take the step together, each with its share of the batch: 1
 * to 8 arrays of float32 of any dims, summed in one message. Added in double in the devices' order and rounded once: the
 * same bits everywhere. On a device alone Y[i] is X[i]. The gradient is the all_reduce of that of Y. Where something is
 * wrong with an argument, every Y[i] is invalid. (MPI_Allreduce; Rabenseifner 2004 on how to do it over many.) */
CLADE_API void clade_all_reduce(const clade_value *x, size_t count, clade_value *y);

#ifdef __cplusplus
}
#endif
#endif
