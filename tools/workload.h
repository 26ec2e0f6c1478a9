/* A model on a device with drawn images: what bench, profile and explain look at. */
#ifndef WORKLOAD_H
#define WORKLOAD_H

#include "command.h"

typedef struct workload {
    const clade_model *model;
    clade_graph *graph;
    model_inputs inputs;
    clade_model_values values;
    clade_session *session;
    clade_binding_array feeds[2], fetch;
    clade_run_options run;
} workload;

/* A training step with the update (SGD, momentum 0.9, weight decay 1e-4), or inference, of BATCH images. DONE, or how the
 * subcommand ends; workload_close() either way. */
outcome workload_open(const invocation *call, const clade_model *model, clade_device *device, int64_t batch,
                      bool training, workload *w);
void workload_close(workload *w);

/* COUNT drawn images of MODEL's size and their labels; the caller frees both. False when memory is short. */
bool workload_draw(const clade_model *model, int64_t count, float **images, int32_t **labels);

#endif
