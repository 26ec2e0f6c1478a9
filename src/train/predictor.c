/* Using a trained network: its weights in a session of its graph alone. */
#include "base/context.h"
#include "ops/op.h"
#include "train/measure.h"
#include "train/network.h"
#include "train/trainer.h"

#include <inttypes.h>
#include <string.h>

struct clade_predictor {
    clade_context *context;
    clade_device *device;
    const clade_network *network;
    clade_network *own; /* the same, where the predictor opened it; else NULL */
    clade_graph *graph; /* the network's scores and loss, and the count of correct answers */
    clade_session *session;
    clade_feed feed;
    clade_value scores;
    clade_measure *measure; /* the last one, whose confusion matrix was given away */
};

/* A copy of what is measured and predicted, to which the count is added. */
static clade_status copy_graph(clade_predictor *predictor) {
    const clade_network *network = predictor->network;
    clade_value targets[] = { network->values.scores, network->values.loss, network->image, network->label };
    predictor->graph = clade_graph_rewrite(network->graph, targets, 4, false, NULL, NULL, NULL);
    if (!predictor->graph) return CLADE_ERROR_MEMORY;
    predictor->scores = targets[0];
    predictor->feed.loss = targets[1];
    predictor->feed.image = targets[2];
    predictor->feed.label = targets[3];
    if (network->form.foretells) return CLADE_OK;
    predictor->feed.scores = clade_counted_scores(predictor->scores);
    predictor->feed.correct = clade_count_correct(predictor->feed.scores, predictor->feed.label);
    return clade_graph_status(predictor->graph);
}

/* The weights that the session's graph has: an auxiliary classifier's are left aside. */
static clade_status fill_session(clade_predictor *predictor) {
    const clade_weight *list;
    const size_t count = clade_weights_list(predictor->network->weights, &list);
    clade_status status = CLADE_OK;
    for (size_t i = 0; i < count && status == CLADE_OK; i++)
        if (clade_value_valid(clade_graph_find(predictor->graph, "state", list[i].name)))
            status = clade_session_write_state(predictor->session, list[i].name, list[i].data, list[i].count);
    return status;
}

clade_status clade_predictor_new(clade_device *device, const clade_network *network, clade_predictor **out) {
    *out = NULL;
    clade_predictor *predictor = clade_allocate(device->context, 1, sizeof *predictor);
    if (!predictor) return clade_fail_memory(device->context, sizeof *predictor, "a predictor");
    predictor->context = device->context;
    predictor->device = device;
    predictor->network = network;
    clade_status status = clade_network_check(network, NULL);
    if (status == CLADE_OK) status = copy_graph(predictor);
    if (status == CLADE_OK) status = clade_session_new(device, predictor->graph, 0, &predictor->session);
    if (status == CLADE_OK) status = fill_session(predictor);
    if (status != CLADE_OK) {
        clade_predictor_free(predictor);
        return status;
    }
    *out = predictor;
    return CLADE_OK;
}

clade_status clade_predictor_open(clade_device *device, const char *path, clade_predictor **out) {
    const clade_network_options options = { .size = sizeof options, .trained = true };
    clade_network *network;
    *out = NULL;
    clade_status status = clade_network_open(device->context, path, &options, &network);
    if (status == CLADE_OK) status = clade_predictor_new(device, network, out);
    if (status == CLADE_OK)
        (*out)->own = network;
    else
        clade_network_free(network);
    return status;
}

void clade_predictor_free(clade_predictor *predictor) {
    if (!predictor) return;
    clade_measure_free(predictor->measure);
    clade_session_free(predictor->session);
    clade_graph_free(predictor->graph);
    clade_network_free(predictor->own);
    clade_free(predictor->context, predictor);
}

const clade_network *clade_predictor_network(const clade_predictor *predictor) {
    return predictor->network;
}

const clade_model *clade_predictor_model(const clade_predictor *predictor) {
    return clade_network_model(predictor->network);
}

const char *clade_predictor_path(const clade_predictor *predictor) {
    return clade_network_path(predictor->network);
}

int64_t clade_predictor_step(const clade_predictor *predictor) {
    return clade_network_step(predictor->network);
}

const char *clade_predictor_class(const clade_predictor *predictor, int64_t class_number) {
    return clade_network_class(predictor->network, class_number);
}

clade_status clade_predictor_evaluate(clade_predictor *predictor, clade_dataset *dataset, int64_t batch,
                                      clade_evaluation *evaluation) {
    clade_status status = clade_network_check(predictor->network, dataset);
    if (status == CLADE_OK && batch < 0)
        status = clade_fail(predictor->context, CLADE_ERROR_ARGUMENT, "batch %" PRId64 ": must be at least 1", batch);
    if (status != CLADE_OK) return status;
    clade_measure_free(predictor->measure);
    status =
        clade_measure_new(predictor->device, predictor->session, &predictor->feed, dataset, batch, &predictor->measure);
    return status == CLADE_OK ? clade_measure_run(predictor->measure, evaluation) : status;
}

clade_status clade_predictor_scores(clade_predictor *predictor, const float *images, int64_t count, float *scores) {
    enum { AT_ONCE = 250 };
    const clade_network_form *form = &predictor->network->form;
    const int64_t elements = form->image[0] * form->image[1] * form->image[2], classes = form->outputs;
    clade_status status = CLADE_OK;
    for (int64_t first = 0; first < count && status == CLADE_OK; first += AT_ONCE) {
        int64_t batch = count - first < AT_ONCE ? count - first : AT_ONCE;
        clade_binding_array feed = { predictor->feed.image, (float *)(uintptr_t)(images + first * elements),
                                     batch * elements };
        clade_binding_array fetch = { predictor->scores, scores + first * classes, batch * classes };
        status = clade_session_run(predictor->session, &(clade_run_options){ .size = sizeof(clade_run_options),
                                                                             .batch = batch,
                                                                             .feeds = &feed,
                                                                             .feed_count = 1,
                                                                             .fetches = &fetch,
                                                                             .fetch_count = 1,
                                                                             .inference = true });
    }
    return status;
}

int64_t clade_top_classes(const float *scores, int64_t count, int64_t k, int64_t *classes) {
    int64_t found = 0;
    for (; found < k && found < count; found++) {
        int64_t best = -1;
        for (int64_t i = 0; i < count; i++) {
            bool taken = false;
            for (int64_t j = 0; j < found; j++)
                taken |= classes[j] == i;
            if (!taken && (best < 0 || scores[i] > scores[best])) best = i;
        }
        classes[found] = best;
    }
    return found;
}
