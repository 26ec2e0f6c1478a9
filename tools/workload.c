/* A model on a device with drawn images: workload.h. */
#include "workload.h"

#include <stdlib.h>

/* Numbers in [0, 1), the same on every machine: Knuth's linear congruential generator of 64 bits. */
static uint32_t next(uint64_t *state) {
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(*state >> 40);
}

bool workload_draw(const clade_model *model, int64_t count, float **images, int32_t **labels) {
    const int64_t pixels = model->image[0] * model->image[1] * model->image[2];
    *images = NULL;
    *labels = NULL;
    if (count > INT32_MAX / pixels) return false;
    *images = calloc((size_t)(count * pixels), sizeof **images);
    *labels = calloc((size_t)count, sizeof **labels);
    if (*images == NULL || *labels == NULL) return false;
    uint64_t state = 1;
    for (int64_t i = 0; i < count * pixels; i++)
        (*images)[i] = (float)next(&state) / 16777216.0f;
    for (int64_t i = 0; i < count; i++)
        (*labels)[i] = (int32_t)(next(&state) % (uint32_t)model->classes);
    return true;
}

static bool draw(workload *w, int64_t batch) {
    const int64_t *image = w->model->image;
    float *images;
    int32_t *labels;
    const bool drawn = workload_draw(w->model, batch, &images, &labels);
    w->feeds[0] = (clade_binding_array){ w->inputs.image, images, batch * image[0] * image[1] * image[2] };
    w->feeds[1] = (clade_binding_array){ w->inputs.label, labels, batch };
    return drawn;
}

outcome workload_open(const invocation *call, const clade_model *model, clade_device *device, int64_t batch,
                      bool training, workload *w) {
    const clade_train_options optimizer = {
        .size = sizeof optimizer, .optimizer = CLADE_SGD_ACCUMULATE, .momentum = 0.9, .weight_decay = 1e-4, .rate = 1e-3
    };
    *w = (workload){ .model = model };
    w->graph = build_model(call, model, NULL, &w->inputs, &w->values);
    if (w->graph == NULL) return FAILED;
    if (!draw(w, batch)) return failed_because(call, "memory is short for %lld images", (long long)batch);
    clade_value loss = training ? clade_model_total_loss(&w->values) : CLADE_NO_VALUE;
    if (training && clade_optimize(loss, &optimizer) != CLADE_OK) return failed(call);
    if (clade_session_new(device, w->graph, 0, &w->session) != CLADE_OK) return failed(call);
    if (training && clade_optimize_step(w->session, &optimizer, 0) != CLADE_OK) return failed(call);
    w->fetch = (clade_binding_array){ .value = training ? loss : w->values.scores };
    w->run = (clade_run_options){
        .size = sizeof w->run,
        .batch = batch,
        .time = 1,
        .feeds = w->feeds,
        .feed_count = 2,
        .fetches = &w->fetch,
        .fetch_count = 1,
        .updates = training,
        .inference = !training,
    };
    return DONE;
}

void workload_close(workload *w) {
    clade_session_free(w->session);
    clade_graph_free(w->graph);
    free(w->feeds[0].data);
    free(w->feeds[1].data);
}
