/* Operators that draw at random. See clade/ops.h for what all share. */
#ifndef CLADE_OPERATORS_RANDOM_H
#define CLADE_OPERATORS_RANDOM_H

#include "clade/graph.h"

#ifdef __cplusplus
extern "C" {
#endif

/* y = 1 with probability p, else 0, each element by itself: p (N, ...) float32 -> y the same; p below 0 is as 0, above 1
 * as 1. The draw is a function of the run's seed, NAME, the step, the sample's index in the epoch and the element's place
 * in its sample, as clade_dropout()'s; training and inference draw alike. No gradient. (ONNX's Bernoulli; Gibbs sampling
 * of a Boltzmann machine.) */
CLADE_API clade_value clade_bernoulli(clade_value p, const char *name);

#ifdef __cplusplus
}
#endif
#endif
