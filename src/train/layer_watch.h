/* Watching layers: the norm of every weight's gradient and the share of zeros of every activation, over one batch, in a
 * plan of its own. */
#ifndef CLADE_TRAIN_LAYER_WATCH_H
#define CLADE_TRAIN_LAYER_WATCH_H

#include "train/history.h"
#include "train/optimizer.h"
#include "train/pipeline.h"

typedef struct clade_layer_watch clade_layer_watch;

/* Before the session is made: appends what is computed. The activations are those that LOSS depends on. */
clade_status clade_layer_watch_new(clade_graph *graph, const clade_trained *trained, clade_value loss,
                                   clade_layer_watch **watch);
void clade_layer_watch_free(clade_layer_watch *watch);
/* What is watched, for a history; borrowed. */
clade_layer_names clade_layer_watch_names(const clade_layer_watch *watch);
/* Looks at COUNT samples, the first of DATASET. Waits. The values are in the order of the names, until the next look. */
clade_status clade_layer_watch_look(clade_layer_watch *watch, clade_session *session, const clade_feed *feed,
                                    clade_dataset *dataset, int64_t count, const float **values);

#endif
