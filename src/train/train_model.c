/* Training a network: its recipe where the caller says nothing, the trainer, and an ONNX file kept in the run's folder,
 * so that what the run leaves needs nothing else. */
#include "train/train_model.h"

#include "base/file.h"
#include "device/device.h"
#include "train/folder.h"

#include <string.h>

void clade_apply_recipe(const clade_recipe *recipe, clade_train_options *options) {
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

/* ---- the ONNX file in the run's folder ---- */

/* The file's bytes, which must be the whole network. */
static clade_status read_file(const clade_network *network, char **bytes, size_t *count) {
    clade_context *context = network->context;
    *bytes = NULL;
    clade_status status = clade_file_read(context, network->file, SIZE_MAX / 2, bytes, count);
    if (status != CLADE_OK) return status;
    const clade_onnx_binding binding = { .dims = network->input->dims };
    const clade_onnx_options options = {
        .size = sizeof options, .bindings = &binding, .binding_count = 1, .open_batch = true
    };
    clade_onnx *alone;
    status = clade_onnx_decode(context, network->file, *bytes, *count, &options, &alone);
    if (status == CLADE_OK) clade_onnx_free(alone);
    if (status == CLADE_ERROR_INPUT)
        status = clade_fail(context, CLADE_ERROR_INPUT,
                            "%s: keeps arrays in other files; `clade convert` makes one file of it to train from",
                            network->file);
    return status;
}

static clade_status keep_file(const clade_network *network, const char *folder, const char *bytes, size_t count) {
    if (!bytes || !folder) return CLADE_OK;
    char *path = clade_folder_path(network->context, folder, CLADE_NETWORK_FILE);
    clade_status status = path ? clade_file_write(network->context, path, bytes, count) : CLADE_ERROR_MEMORY;
    clade_free(network->context, path);
    return status;
}

/* ---- training ---- */

static clade_status run(clade_network *network, clade_train_options *options, clade_train_result *result) {
    clade_text settings = { .context = network->context };
    clade_trainer *trainer = NULL;
    char *bytes = NULL;
    size_t count = 0;
    clade_status status = CLADE_OK;
    clade_network_settings(network, &settings);
    if (settings.failed) status = clade_fail_memory(network->context, settings.length, "the run's settings");
    options->settings = clade_text_get(&settings);
    if (status == CLADE_OK && network->file && options->folder) status = read_file(network, &bytes, &count);
    if (status == CLADE_OK) status = clade_trainer_new(network->graph, network->values.loss, options, &trainer);
    const char *folder = clade_ranks_speaks(options->ranks) ? options->folder : NULL;
    if (status == CLADE_OK) status = keep_file(network, folder, bytes, count);
    clade_free(network->context, bytes);
    if (status == CLADE_OK) status = clade_trainer_run(trainer, result);
    clade_trainer_free(trainer);
    clade_text_free(&settings);
    return status;
}

clade_status clade_train_network(clade_network *network, const clade_train_options *given, clade_train_result *result) {
    clade_train_options options = { 0 };
    memcpy(&options, given, given->size < sizeof options ? given->size : sizeof options);
    options.size = sizeof options;
    if (options.device_count < 1 || !options.devices || !options.devices[0]) return CLADE_ERROR_ARGUMENT;
    clade_status status = clade_network_check(network, options.train);
    if (status == CLADE_OK) status = clade_network_check(network, options.test);
    if (status != CLADE_OK) return status;
    clade_apply_recipe(&clade_network_model(network)->recipe, &options);
    options.image = network->image;
    options.label = network->label;
    options.scores = network->values.scores;
    options.extra_losses = network->values.extra_losses;
    options.extra_loss_count = network->values.extra_loss_count;
    options.weights = network->weights;
    options.model = network->name;
    return run(network, &options, result);
}

clade_status clade_train_model(const clade_model *model, const clade_train_options *options,
                               clade_train_result *result) {
    if (options->device_count < 1 || !options->devices || !options->devices[0]) return CLADE_ERROR_ARGUMENT;
    clade_network *network;
    clade_status status = clade_network_of_model(options->devices[0]->context, model, &network);
    if (status == CLADE_OK && options->train) status = clade_network_fit(network, options->train);
    if (status == CLADE_OK) status = clade_train_network(network, options, result);
    clade_network_free(network);
    return status;
}
