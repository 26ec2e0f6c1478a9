/* Padding with an array's own elements, for the builder's call in ops/shape/pad.c. */
#ifndef CLADE_OPS_PAD_MODES_H
#define CLADE_OPS_PAD_MODES_H

#include "ops/op.h"

/* x with BEFORE and AFTER elements by axis around it, copies of its own in the way of MODE, which is not CONSTANT. */
clade_value clade_pad_by_copies(clade_value x, const char *name, clade_pad_mode mode, const int64_t before[],
                                const int64_t after[]);

#endif
