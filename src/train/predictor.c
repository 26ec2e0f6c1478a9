/* Using a trained model: its checkpoint's weights in a session of the model's graph alone. */
#include "base/context.h"
#include "base/file.h"
#include "formats/weights.h"
#include "models/zoo.h"
#include "ops/op.h"
#include "train/folder.h"
#include "train/measure.h"
#include "train/train_model.h"
#include "train/trainer.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

struct clade_predictor {
    clade_context *context;
    clade_device *device;
    const clade_model *model;
    clade_graph *graph;
    clade_session *session;
    clade_feed feed;
    clade_value scores;
    clade_measure *measure; /* the last one, whose confusion matrix was given away */
    char *path;
    char *classes; /* the names of classes one after the other, each ended by a zero; NULL: none */
    int64_t class_count;
    int64_t step;
};

/* PATH itself, or the newest valid checkpoint of a folder. */
static clade_status read_checkpoint(clade_context *context, const char *path, clade_checkpoint *checkpoint,
                                    char **file) {
    *file = NULL;
    if (!clade_file_is_folder(path)) {
        *file = clade_duplicate(context, path);
        if (!*file) return clade_fail_memory(context, strlen(path), path);
        return clade_checkpoint_read(context, path, checkpoint);
    }
    clade_status status = clade_checkpoint_newest(context, path, checkpoint, file);
    if (status == CLADE_OK && !*file)
        status = clade_fail(context, CLADE_ERROR_INPUT,
                            "%s: no valid checkpoint there; a folder that `clade train --out` wrote is meant", path);
    return status;
}

/* PATH is for the error text. */
static clade_status find_model(clade_context *context, const char *path, const clade_checkpoint *checkpoint,
                               const clade_model **model) {
    char *name = clade_settings_value(context, checkpoint->settings, "model");
    *model = clade_model_find(name);
    clade_status status = CLADE_OK;
    if (!*model)
        status = clade_fail(context, CLADE_ERROR_INPUT, "%s: of a model \"%s\", which is not in the zoo", path,
                            name ? name : "");
    clade_free(context, name);
    return status;
}

/* Names of classes, which stand in the settings with tabs between. */
static void find_classes(clade_predictor *predictor, const clade_checkpoint *checkpoint) {
    predictor->classes = clade_settings_value(predictor->context, checkpoint->settings, "classes");
    predictor->class_count = predictor->classes ? 1 : 0;
    for (char *tab = predictor->classes; tab && (tab = strchr(tab, '\t')) != NULL; tab++) {
        *tab = '\0';
        predictor->class_count++;
    }
}

static clade_status open_session(clade_predictor *predictor, const clade_checkpoint *checkpoint) {
    clade_model_values values;
    clade_status status = clade_model_graph(predictor->context, predictor->model, &predictor->graph,
                                            &predictor->feed.image, &predictor->feed.label, &values);
    if (status != CLADE_OK) return status;
    predictor->scores = values.scores;
    predictor->feed.loss = values.loss;
    predictor->feed.scores = clade_counted_scores(values.scores);
    predictor->feed.correct = clade_count_correct(predictor->feed.scores, predictor->feed.label);
    status = clade_graph_status(predictor->graph);
    if (status == CLADE_OK) status = clade_session_new(predictor->device, predictor->graph, 0, &predictor->session);
    return status == CLADE_OK ? clade_checkpoint_restore(checkpoint, predictor->path, predictor->session) : status;
}

clade_status clade_predictor_open(clade_device *device, const char *path, clade_predictor **out) {
    *out = NULL;
    clade_context *context = device->context;
    clade_checkpoint checkpoint = { 0 };
    clade_predictor *predictor = clade_allocate(context, 1, sizeof *predictor);
    if (!predictor) return clade_fail_memory(context, sizeof *predictor, "a predictor");
    predictor->context = context;
    predictor->device = device;
    clade_status status = read_checkpoint(context, path, &checkpoint, &predictor->path);
    if (status == CLADE_OK) status = find_model(context, predictor->path, &checkpoint, &predictor->model);
    if (status == CLADE_OK) find_classes(predictor, &checkpoint);
    if (status == CLADE_OK) status = open_session(predictor, &checkpoint);
    predictor->step = checkpoint.run.step;
    clade_checkpoint_free(&checkpoint);
    if (status != CLADE_OK) {
        clade_predictor_free(predictor);
        return status;
    }
    *out = predictor;
    return CLADE_OK;
}

void clade_predictor_free(clade_predictor *predictor) {
    if (!predictor) return;
    clade_measure_free(predictor->measure);
    clade_session_free(predictor->session);
    clade_graph_free(predictor->graph);
    clade_free(predictor->context, predictor->path);
    clade_free(predictor->context, predictor->classes);
    clade_free(predictor->context, predictor);
}

const clade_model *clade_predictor_model(const clade_predictor *predictor) {
    return predictor->model;
}

const char *clade_predictor_path(const clade_predictor *predictor) {
    return predictor->path;
}

int64_t clade_predictor_step(const clade_predictor *predictor) {
    return predictor->step;
}

const char *clade_predictor_class(const clade_predictor *predictor, int64_t class_number) {
    const char *name = predictor->classes;
    if (class_number < 0 || class_number >= predictor->class_count) return NULL;
    for (int64_t i = 0; i < class_number; i++)
        name += strlen(name) + 1;
    return name;
}

clade_status clade_predictor_evaluate(clade_predictor *predictor, clade_dataset *dataset, int64_t batch,
                                      clade_evaluation *evaluation) {
    clade_status status = clade_check_data(predictor->context, predictor->model, dataset);
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
    const int64_t *image = predictor->model->image;
    int64_t elements = image[0] * image[1] * image[2], classes = predictor->model->classes;
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

static clade_status copy_states(clade_context *context, const clade_checkpoint *checkpoint, clade_weights **weights) {
    clade_status status = CLADE_OK;
    *weights = clade_weights_new(context);
    if (!*weights) return CLADE_ERROR_MEMORY;
    for (size_t i = 0; i < checkpoint->state_count && status == CLADE_OK; i++) {
        const clade_checkpoint_state *state = &checkpoint->states[i];
        void *data = clade_weights_add(*weights, state->name, CLADE_F32, &state->dims, state->count);
        if (data)
            memcpy(data, state->data, (size_t)state->count * sizeof(float));
        else
            status = CLADE_ERROR_MEMORY;
    }
    if (status == CLADE_OK) return CLADE_OK;
    clade_weights_free(*weights);
    *weights = NULL;
    return status;
}

clade_status clade_run_weights(clade_context *context, const char *path, const clade_model **model,
                               clade_weights **weights) {
    clade_checkpoint checkpoint = { 0 };
    char *file;
    *weights = NULL;
    *model = NULL;
    clade_status status = read_checkpoint(context, path, &checkpoint, &file);
    if (status == CLADE_OK) status = find_model(context, file, &checkpoint, model);
    if (status == CLADE_OK) status = copy_states(context, &checkpoint, weights);
    clade_checkpoint_free(&checkpoint);
    clade_free(context, file);
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
