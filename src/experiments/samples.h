/* Images for experiments that run a session of their own: batch after batch, or some at once. */
#ifndef CLADE_EXPERIMENTS_SAMPLES_H
#define CLADE_EXPERIMENTS_SAMPLES_H

#include "clade/data.h"
#include "experiments/experiment.h"

/* Samples FIRST .. FIRST + COUNT - 1 of DATASET; IMAGES or LABELS may be NULL. */
clade_status clade_samples_read(clade_dataset *dataset, int64_t first, int64_t count, float *images, int32_t *labels);

/* Goes through DATASET for EPOCHS epochs, shuffled by the lab's seed, in batches of BATCH, those at the end that are not
 * full left out: STEP(user, step, batch) for each, steps counted from 0, until one fails. */
clade_status clade_samples_each(clade_lab *lab, clade_dataset *dataset, int64_t batch, int64_t epochs,
                                clade_status (*step)(void *user, int64_t step, const clade_batch *batch), void *user);

/* COUNT pictures of HEIGHT x WIDTH, values in [0, 1], in rows of COLUMNS with lines between them, as the picture NAME. */
clade_status clade_samples_picture(clade_lab *lab, const char *name, const float *images, int64_t count,
                                   int64_t columns, int64_t height, int64_t width);

#endif
