/* Optimisers: the update of every trained state, as nodes appended to the graph. Each parameter's update is made of
 * point-wise operators only, so that fusion turns it into one kernel that works in place. Rate, momentum and the like
 * are run-time scalars: a schedule changes them without another plan. */
#ifndef CLADE_TRAIN_OPTIMIZER_H
#define CLADE_TRAIN_OPTIMIZER_H

#include "clade/model.h"
#include "clade/session.h"
#include "clade/train.h"

typedef struct clade_optimizer {
    clade_optimizer_kind kind;    /* 0: CLADE_SGD */
    double momentum;              /* beta1 of Adam */
    double weight_decay;          /* on weights only */
    double clip_norm, clip_value; /* 0: none */
    const clade_layer_rule *layer_rules;
    size_t layer_rule_count;
} clade_optimizer;

/* Appends the gradient of LOSS by every trained state it depends on, and their updates. PARAMETERS, when not NULL, gets
 * how many numbers are trained. CLADE_ERROR_ARGUMENT when LOSS depends on none. */
clade_status clade_optimizer_append(const clade_optimizer *optimizer, clade_value loss, int64_t *parameters);
/* Sets the scalars for step STEP (from 0) at RATE. */
clade_status clade_optimizer_set(const clade_optimizer *optimizer, clade_session *session, int64_t step, double rate);
const char *clade_optimizer_name(clade_optimizer_kind kind);
/* The optimiser that OPTIONS describe; its layer rules are borrowed. */
clade_optimizer clade_optimizer_of(const clade_train_options *options);
/* What a zero stands for; 0 for an unknown kind. */
double clade_optimizer_default_rate(clade_optimizer_kind kind);
double clade_optimizer_default_momentum(clade_optimizer_kind kind); /* "sgd" */

#endif
