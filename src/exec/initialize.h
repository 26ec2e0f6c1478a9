/* How a state begins: the draws behind clade_initializer (clade/graph.h). */
#ifndef CLADE_EXEC_INITIALIZE_H
#define CLADE_EXEC_INITIALIZE_H

#include "ops/op.h"

/* Fills DATA with the elements FIRST (a multiple of CLADE_RANDOM_RUN) to FIRST + COUNT - 1 of the beginning of the state
 * NAME. The draws are a function of SEED, NAME and the place in the array alone. Fans that are zero are read off the
 * dims: a state is (fan_out, ...), fan_in the rest's product. */
void clade_initialize_state(const clade_leaf_attributes *attributes, uint64_t seed, const char *name, int64_t first,
                            float *data, int64_t count);
/* Whether the state begins as zeros. */
bool clade_initializes_to_zero(const clade_leaf_attributes *attributes);

#endif
