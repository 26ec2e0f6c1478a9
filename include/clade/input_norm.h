/* The numbers of a training set by which inputs are normalised (clade_zero_center() in clade/ops/normalization.h). */
#ifndef CLADE_INPUT_NORM_H
#define CLADE_INPUT_NORM_H

#include <stdbool.h>

#include "clade/data.h"
#include "clade/session.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The mean and the deviation (biased) over all samples of DATASET: of each element of an image, (channels, height,
 * width) numbers, or of each channel. Either array may be NULL. Adds in double in the samples' order: the same numbers
 * each time. */
CLADE_API clade_status clade_dataset_moments(clade_dataset *dataset, bool by_channel, float *mean, float *deviation);

/* Sets the states of every clade_zero_center() in SESSION's graph to the moments of DATASET; a deviation of 0 becomes
 * 1. Before training, not when a run is resumed: the states are in the checkpoint. CLADE_ERROR_INPUT when the images'
 * sizes are not the layer's. */
CLADE_API clade_status clade_input_norm_fit(clade_session *session, clade_dataset *dataset);

#ifdef __cplusplus
}
#endif
#endif
