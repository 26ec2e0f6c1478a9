/* What training a zoo model and using one share. */
#ifndef CLADE_TRAIN_TRAIN_MODEL_H
#define CLADE_TRAIN_TRAIN_MODEL_H

#include "base/context.h"
#include "clade/train.h"

/* CLADE_ERROR_INPUT unless MODEL can take the images and classes of DATASET, which may be NULL. */
clade_status clade_check_data(clade_context *context, const clade_model *model, const clade_dataset *dataset);

#endif
