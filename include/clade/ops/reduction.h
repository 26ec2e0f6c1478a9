/* Operators that reduce along axes, and softmax. See clade/ops.h for what all share. */
#ifndef CLADE_OPERATORS_REDUCTION_H
#define CLADE_OPERATORS_REDUCTION_H

#include "clade/graph.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- reductions, over the axes whose bits are set in AXES (bit 0: axis 0); kept axes stay, reduced ones become 1 when
 *      KEEP, else vanish. CLADE_ALL_AXES: everything. ---- */
#define CLADE_ALL_AXES UINT32_MAX
CLADE_API clade_value clade_sum(clade_value x, uint32_t axes, bool keep);
CLADE_API clade_value clade_mean(clade_value x, uint32_t axes, bool keep);

/* Softmax over axis 1 of (N, C): e^x_i / sum of e^x_j, computed from x - max x. */
CLADE_API clade_value clade_softmax(clade_value x);
/* log of clade_softmax, computed without it. */
CLADE_API clade_value clade_log_softmax(clade_value x);

#ifdef __cplusplus
}
#endif
#endif
