/* A pipeline: batches of a loader sent through plans, a few runs in flight, with loss and correct count read back as
 * each is done. Nothing in a step waits for the device; the only waiting is for the oldest run, when the ring is full. */
#ifndef CLADE_TRAIN_PIPELINE_H
#define CLADE_TRAIN_PIPELINE_H

#include "clade/data.h"
#include "clade/model.h"
#include "exec/session.h"

/* The values of a graph that training and measuring speak of. */
typedef struct clade_feed {
    clade_value image;
    clade_value label;                             /* int32: class numbers; float32: targets */
    clade_value number;                            /* int32: class numbers beside one-hot targets; invalid: none */
    clade_value loss;                              /* scalar, mean over the batch */
    clade_value correct;                           /* scalar, how many of the batch; invalid: not known */
    clade_value parts[CLADE_MAX_EXTRA_LOSSES + 1]; /* what the loss is made of, where that is more than one */
    size_t part_count;
    clade_value scores; /* (N, classes), read back for each batch; invalid: not */
} clade_feed;

/* Floats in a sample's target, when the label is one; 0 for class numbers. */
int64_t clade_feed_width(const clade_feed *feed);

/* What one run came to. */
typedef struct clade_outcome {
    int64_t count; /* samples */
    double loss;   /* mean over them */
    double correct;
    double parts[CLADE_MAX_EXTRA_LOSSES + 1];
    const float *scores;   /* (count, classes); NULL without. These two until the receiver returns. */
    const int32_t *labels; /* (count) */
} clade_outcome;

typedef struct clade_pipeline clade_pipeline;

/* A pipeline on SESSION of DEVICE, taking batches of LOADER; NULL: the caller gives their slots back, once RECEIVE was
 * called for them or the push failed. Outcomes go to RECEIVE, in the order of the runs; its fault stops the pipeline. */
clade_status clade_pipeline_new(clade_device *device, clade_session *session, clade_loader *loader,
                                const clade_feed *feed,
                                clade_status (*receive)(void *user, const clade_outcome *outcome), void *user,
                                clade_pipeline **pipeline);
/* Waits for what is in flight. Before the loader and the session are freed. */
void clade_pipeline_free(clade_pipeline *pipeline);

/* The session's plan for batches of BATCH samples, its targets what the feed reads back. */
clade_status clade_pipeline_plan(const clade_pipeline *pipeline, int64_t batch, bool updates, clade_plan **plan);
/* Sends BATCH through PLAN. The batch's slot goes back to the loader when the run is done, or at once on a fault. */
clade_status clade_pipeline_push(clade_pipeline *pipeline, clade_plan *plan, const clade_batch *batch);
/* Waits for everything in flight, and receives its outcomes. */
clade_status clade_pipeline_drain(clade_pipeline *pipeline);

/* The slots that a loader for a pipeline should have: those in flight, and some being filled. */
enum { CLADE_PIPELINE_RUNS = CLADE_RUNS_IN_FLIGHT / 2, CLADE_PIPELINE_SLOTS = CLADE_PIPELINE_RUNS + 4 };

#endif
