/* Augmentation: each reading of a training sample shows it a little different. What is drawn is a function of the
 * run's seed, the epoch and the sample's index alone. */
#ifndef CLADE_DATA_AUGMENT_H
#define CLADE_DATA_AUGMENT_H

#include "clade/data.h"

typedef struct clade_augmentation {
    bool flip;    /* left and right change places, every other time */
    int64_t crop; /* zeros on all sides, so many, and a random part of the image's size of it; 0: not */
} clade_augmentation;

/* Takes OPTION ("flip", "crop=PIXELS") of a data set's spec; false where it is none of these. */
bool clade_augmentation_option(const char *option, const char *value, clade_augmentation *augmentation);

/* Changes IMAGE of INFO's size, the sample INDEX of EPOCH, in place. */
void clade_augment(const clade_augmentation *augmentation, const clade_dataset_info *info, uint64_t seed, int64_t epoch,
                   int64_t index, float *image);

#endif
