/* What training a network is made of. */
#ifndef CLADE_TRAIN_TRAIN_MODEL_H
#define CLADE_TRAIN_TRAIN_MODEL_H

#include "clade/train.h"
#include "train/network.h"

/* Puts RECIPE in place of what OPTIONS leave zero. */
void clade_apply_recipe(const clade_recipe *recipe, clade_train_options *options);

#endif
