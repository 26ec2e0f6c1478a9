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
    bool accumulates; /* see below */
} clade_optimizer;

/* With `accumulates` an ordinary run adds the scalar train.share times its gradient to each parameter's sum, and updates no
 * parameter; a run of this program updates them by the sums, and clears these. It takes no batch. */
enum { CLADE_PROGRAM_APPLY = 1 };

/* What is trained: the states that the loss depends on, and its gradient by each as it is before clipping and decay. */
typedef struct clade_trained {
    clade_value *states, *gradients;
    clade_value *sums; /* the gradients over all devices (train/sum_over_devices.h): what the updates take; at first the
                          gradients themselves */
    size_t count;
    int64_t parameters; /* numbers in them all */
} clade_trained;
void clade_trained_free(clade_context *context, clade_trained *trained);

/* Appends the gradient of LOSS by every trained state that it depends on, starting from SEED, a scalar; an invalid value
 * stands for 1. CLADE_ERROR_ARGUMENT when the optimiser's numbers are
 * wrong or LOSS depends on no state. Free TRAINED in any case. */
clade_status clade_optimizer_find(const clade_optimizer *optimizer, clade_value loss, clade_value seed,
                                  clade_trained *trained);
/* Appends their updates. */
clade_status clade_optimizer_update(const clade_optimizer *optimizer, const clade_trained *trained);
/* LOSS plus weight_decay / 2 times the squares of all trained weights: what an optimiser lowers that compares losses. */
clade_value clade_optimizer_decayed(const clade_optimizer *optimizer, clade_value loss);
/* Whether it is a method of several passes over a batch (L-BFGS, the wiggle), which no update in a graph carries out. */
bool clade_optimizer_searches(clade_optimizer_kind kind);

/* The two at once. PARAMETERS, when not NULL, gets how many numbers are trained. */
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
