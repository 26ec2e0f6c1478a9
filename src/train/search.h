/* Steps of a trainer that no update in a graph carries out: L-BFGS, and the wiggle. Each is some passes over one batch,
 * waited for. */
#ifndef CLADE_TRAIN_SEARCH_H
#define CLADE_TRAIN_SEARCH_H

#include "clade/train.h"
#include "train/optimizer.h"
#include "train/pipeline.h"

typedef struct clade_search clade_search;

/* Lowers LOWERED over TRAINED (borrowed) by options->optimizer. Before the session is made; OPTIONS are complete. */
clade_status clade_search_new(clade_context *context, const clade_train_options *options, clade_value lowered,
                              const clade_trained *trained, clade_search **search);
void clade_search_free(clade_search *search);
/* One step on BATCH at RATE. OUTCOME is as of its start: what the feed's loss, correct count and parts were. */
clade_status clade_search_step(clade_search *search, clade_session *session, const clade_feed *feed,
                               const clade_batch *batch, double rate, clade_outcome *outcome);

#endif
