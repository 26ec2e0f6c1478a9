/* Measuring: the mean loss and the accuracy of a session's states over a whole data set, at inference. */
#ifndef CLADE_TRAIN_MEASURE_H
#define CLADE_TRAIN_MEASURE_H

#include "clade/train.h"
#include "train/pipeline.h"

/* What a trainer or predictor measures with again and again: one data set, its loader and its plans. */
typedef struct clade_measure clade_measure;

/* BATCH samples at a time; 0: the default, 250, fewer where images are large. DATASET is borrowed. */
clade_status clade_measure_new(clade_device *device, clade_session *session, const clade_feed *feed,
                               clade_dataset *dataset, int64_t batch, clade_measure **measure);
void clade_measure_free(clade_measure *measure);
/* Makes the plans, if they are not there yet. */
clade_status clade_measure_prepare(clade_measure *measure);
/* Waits for its end. accuracy is NAN where the feed has no correct count; top5 and confusion need its scores. The
 * confusion matrix is the measurement's own. */
clade_status clade_measure_run(clade_measure *measure, clade_evaluation *evaluation);

#endif
