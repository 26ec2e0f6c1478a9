/* Gaussian smoothing along an axis (smooth.c), for other operators. */
#ifndef CLADE_OPS_SMOOTH_H
#define CLADE_OPS_SMOOTH_H

#include "ops/op.h"

/* x smoothed along AXIS by a Gaussian window of SIZE (odd, at most 31), divided at the borders by what lies inside. */
clade_value clade_smooth(clade_value x, int64_t axis, int64_t size, double sigma);

#endif
