/* Training a model of the zoo: its graph, its recipe where the caller says nothing, and the trainer. */
#include "train/train_model.h"

#include "device/device.h"
#include "models/zoo.h"

#include <inttypes.h>
#include <string.h>

/* The model's recipe in place of zeros. */
static void apply_recipe(const clade_recipe *recipe, clade_train_options *options) {
    /* Rate and momentum belong to an optimiser: another one begins from its own defaults. */
    bool same = options->optimizer == 0 || options->optimizer == recipe->optimizer;
    if (options->optimizer == 0) options->optimizer = recipe->optimizer;
    if (same && options->rate == 0) options->rate = recipe->rate;
    if (same && options->momentum == 0) {
        options->momentum = recipe->momentum;
        if (recipe->momentum == 0) options->no_momentum = true;
    }
    if (options->weight_decay == 0) options->weight_decay = recipe->weight_decay;
    if (options->schedule.kind == 0) {
        options->schedule.kind = recipe->schedule.kind;
        if (options->schedule.factor == 0) options->schedule.factor = recipe->schedule.factor;
        if (options->schedule.every == 0) options->schedule.every = recipe->schedule.every;
    }
    if (options->batch == 0) options->batch = recipe->batch;
    if (options->epochs == 0) options->epochs = recipe->epochs;
}

clade_status clade_check_data(clade_context *context, const clade_model *model, const clade_dataset *dataset) {
    if (!dataset) return CLADE_OK;
    clade_dataset_info info = clade_dataset_describe(dataset);
    const int64_t *image = model->image;
    if (info.channels != image[0] || info.height != image[1] || info.width != image[2])
        return clade_fail(context, CLADE_ERROR_INPUT,
                          "%s: its images are %" PRId64 "x%" PRId64 "x%" PRId64 ", and %s takes %" PRId64 "x%" PRId64
                          "x%" PRId64,
                          info.name, info.channels, info.height, info.width, model->name, image[0], image[1], image[2]);
    if (info.classes > model->classes)
        return clade_fail(context, CLADE_ERROR_INPUT, "%s: has %" PRId64 " classes, and %s tells %" PRId64 " apart",
                          info.name, info.classes, model->name, model->classes);
    return CLADE_OK;
}

clade_status clade_train_model(const clade_model *model, const clade_train_options *given, clade_train_result *result) {
    if (given->device_count < 1 || !given->devices || !given->devices[0]) return CLADE_ERROR_ARGUMENT;
    clade_context *context = given->devices[0]->context;
    clade_train_options options = { 0 };
    memcpy(&options, given, given->size < sizeof options ? given->size : sizeof options);
    options.size = sizeof options;
    clade_status status = clade_check_data(context, model, options.train);
    if (status == CLADE_OK) status = clade_check_data(context, model, options.test);
    if (status != CLADE_OK) return status;
    clade_graph *graph;
    clade_model_values values;
    clade_trainer *trainer = NULL;
    status = clade_model_graph(context, model, &graph, &options.image, &options.label, &values);
    if (status != CLADE_OK) return status;
    apply_recipe(&model->recipe, &options);
    options.scores = values.scores;
    options.extra_losses = values.extra_losses;
    options.extra_loss_count = values.extra_loss_count;
    options.model = model->name;
    status = clade_trainer_new(graph, values.loss, &options, &trainer);
    if (status == CLADE_OK) status = clade_trainer_run(trainer, result);
    clade_trainer_free(trainer);
    clade_graph_free(graph);
    return status;
}
