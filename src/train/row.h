/* Several values as one row of numbers: what is read back, or reckoned with, at once. */
#ifndef CLADE_TRAIN_ROW_H
#define CLADE_TRAIN_ROW_H

#include "clade/graph.h"

/* Elements of VALUE, whose sizes are numbers. */
int64_t clade_row_elements(clade_value value);
/* VALUES side by side as (1, elements of all). */
clade_value clade_row_of(const clade_value *values, size_t count);

#endif
