/* How a state begins: the draws behind clade_initializer (clade/graph.h). */
#ifndef CLADE_EXEC_INITIALIZE_H
#define CLADE_EXEC_INITIALIZE_H

#include "ops/op.h"

/* Fills DATA, COUNT floats, with the beginning of the state NAME. The draws are a function of SEED, NAME and the place
 * in the array alone. Fans that are zero are read off the dims: a state is (fan_out, ...), fan_in the rest's product. */
void clade_initialize_state(const clade_leaf_attributes *attributes, uint64_t seed, const char *name, float *data,
                            int64_t count);

#endif
