/* What of a step is summed over the devices that take it together.
 *
 * Of a batch of N samples device d takes n_d; its share is s_d = n_d / N. A mean over the batch is the sum over the devices
 * of s_d times the mean over the device's own samples. So the loss is differentiated from s_d instead of 1, which leaves
 * every gradient as the device's part of the batch's, and the parts are summed, some at a time, in the order in which the
 * backward pass comes to them. The loss, the correct count and what the model's own updates commit (running statistics)
 * are summed likewise, so that afterwards every device holds the same, and knows what the whole batch came to.
 *
 * The graph is the same for any number of devices: a plan of one that is alone leaves all of it out (clade_pass_alone). */
#ifndef CLADE_TRAIN_SUM_OVER_DEVICES_H
#define CLADE_TRAIN_SUM_OVER_DEVICES_H

#include "train/optimizer.h"
#include "train/pipeline.h"

/* The scalar s_d of GRAPH; 1 at first. */
clade_value clade_device_share(clade_graph *graph);

/* Appends the sums over the devices of TRAINED's gradients (to TRAINED->sums), of FEED's loss, correct count and parts (to
 * SUMMED, otherwise FEED), and puts them in the place of what the graph's updates so far commit. Before the optimiser's
 * updates. */
clade_status clade_sum_over_devices(const clade_feed *feed, clade_feed *summed, clade_trained *trained);

#endif
