/* What a checkpoint keeps of a network that is more than a model of the zoo: lines among its settings, and beside it the
 * ONNX file, by which the network is made again.
 *     file = SHA-256 of network.onnx     input = 3x32x32     outputs = 15 classes (or: 2 numbers)
 *     head = new     scaling = scale 1, mean 0.5 0.5 0.5, deviation 0.25 */
#include "base/file.h"
#include "models/zoo.h"
#include "train/folder.h"
#include "train/network.h"
#include "train/trainer.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- writing ---- */

static void add_list(clade_text *text, const char *name, const double *list, int count) {
    for (int i = 0; i < count; i++)
        clade_text_add(text, "%s%.17g", i == 0 ? name : " ", list[i]);
}

void clade_network_settings(const clade_network *network, clade_text *text) {
    const clade_network_form *form = &network->form;
    const clade_input_scaling *scaling = &network->options.scaling;
    const bool open = network->zoo && network->zoo->build_open;
    if (network->zoo && !open && !form->new_head) return;
    if (!network->zoo) clade_text_add(text, "file = %s\n", network->sum);
    clade_text_add(text, "input = %" PRId64 "x%" PRId64 "x%" PRId64 "\n", form->image[0], form->image[1],
                   form->image[2]);
    clade_text_add(text, "outputs = %" PRId64 " %s\n", form->outputs, form->foretells ? "numbers" : "classes");
    if (form->new_head) clade_text_add(text, "head = new\n");
    if (clade_network_is_scaled(scaling)) {
        clade_text_add(text, "scaling = scale %.17g", scaling->scale != 0 ? scaling->scale : 1);
        add_list(text, ", mean ", scaling->mean, scaling->mean_count);
        add_list(text, ", deviation ", scaling->deviation, scaling->deviation_count);
        clade_text_add(text, "\n");
    }
}

/* ---- reading ---- */

/* The numbers behind WORD in TEXT, to the next comma; returns how many. */
static int read_list(const char *text, const char *word, double *list) {
    const char *at = strstr(text, word);
    int count = 0;
    if (!at) return 0;
    at += strlen(word);
    for (; count < CLADE_MOST_SCALED && *at == ' '; count++) {
        char *end;
        list[count] = strtod(at, &end);
        if (end == at) break;
        at = end;
    }
    return count;
}

static bool read_input(const char *value, int64_t image[3]) {
    return sscanf(value, "%" SCNd64 "x%" SCNd64 "x%" SCNd64, &image[0], &image[1], &image[2]) == 3 && image[0] > 0 &&
           image[1] > 0 && image[2] > 0 && image[0] <= INT32_MAX && image[1] <= INT32_MAX && image[2] <= INT32_MAX;
}

static bool read_outputs(const char *value, clade_network_form *form) {
    char word[16] = "";
    if (sscanf(value, "%" SCNd64 " %15s", &form->outputs, word) != 2 || form->outputs < 1) return false;
    form->foretells = strcmp(word, "numbers") == 0;
    return form->outputs <= INT32_MAX && (form->foretells || strcmp(word, "classes") == 0);
}

/* Reads the lines of SETTINGS; those that are not there leave the form as the model or the file has it. */
static clade_status read_form(clade_network *network, const char *settings) {
    clade_context *context = network->context;
    clade_network_form *form = &network->form;
    clade_input_scaling *scaling = &network->options.scaling;
    char *input = clade_settings_value(context, settings, "input");
    char *outputs = clade_settings_value(context, settings, "outputs");
    char *head = clade_settings_value(context, settings, "head");
    char *scaled = clade_settings_value(context, settings, "scaling");
    const bool good = (!input || read_input(input, form->image)) && (!outputs || read_outputs(outputs, form));
    form->new_head = head != NULL;
    if (scaled) {
        double scale = 1;
        if (read_list(scaled, "scale", &scale) == 1) scaling->scale = scale;
        scaling->mean_count = read_list(scaled, "mean", scaling->mean);
        scaling->deviation_count = read_list(scaled, "deviation", scaling->deviation);
    }
    clade_free(context, input);
    clade_free(context, outputs);
    clade_free(context, head);
    clade_free(context, scaled);
    return good ? CLADE_OK
                : clade_fail(context, CLADE_ERROR_INPUT, "%s: its network's sizes are not understood", network->path);
}

/* network.onnx beside the checkpoint, which must be the file of sum SUM. */
static clade_status read_kept_file(clade_network *network, const char *sum) {
    const char *slash = strrchr(network->path, '/');
    clade_text path = { .context = network->context };
    clade_text_add(&path, "%.*s%s", slash ? (int)(slash - network->path) + 1 : 0, network->path, CLADE_NETWORK_FILE);
    network->file = path.failed ? NULL : clade_duplicate(network->context, clade_text_get(&path));
    clade_text_free(&path);
    if (!network->file) return clade_fail_memory(network->context, 1, network->path);
    clade_status status = clade_network_read_file(network);
    if (status == CLADE_OK && strcmp(network->sum, sum) != 0)
        status = clade_fail(network->context, CLADE_ERROR_INPUT,
                            "%s: is not the file that the checkpoint beside it was trained from", network->file);
    return status;
}

static clade_status find_model(clade_network *network, const char *settings) {
    clade_context *context = network->context;
    char *sum = clade_settings_value(context, settings, "file");
    char *input = clade_settings_value(context, settings, "input");
    clade_status status = CLADE_OK;
    network->name = clade_settings_value(context, settings, "model");
    if (sum) {
        if (input) read_input(input, network->options.image); /* the file may leave them open */
        status = read_kept_file(network, sum);
    } else {
        network->zoo = clade_model_find(network->name);
        if (!network->zoo)
            status = clade_fail(context, CLADE_ERROR_INPUT, "%s: of a model \"%s\", which is not in the zoo",
                                network->path, network->name ? network->name : "");
    }
    clade_free(context, sum);
    clade_free(context, input);
    return status;
}

/* Names of classes, which stand in the settings with tabs between. */
static void find_classes(clade_network *network, const char *settings) {
    network->classes = clade_settings_value(network->context, settings, "classes");
    network->class_count = network->classes ? 1 : 0;
    for (char *tab = network->classes; tab && (tab = strchr(tab, '\t')) != NULL; tab++) {
        *tab = '\0';
        network->class_count++;
    }
}

/* A run's checkpoint has contents for every state. */
static clade_status check_states(const clade_network *network) {
    for (uint32_t i = 0; i < network->graph->node_count; i++) {
        const clade_node *node = network->graph->nodes[i];
        if (strcmp(node->op->name, "state") == 0 && !clade_weights_find(network->weights, node->name))
            return clade_fail(network->context, CLADE_ERROR_INPUT,
                              "%s: holds no state %s of the size that the model needs", network->path, node->name);
    }
    return CLADE_OK;
}

clade_status clade_network_open_run(clade_network *network) {
    clade_context *context = network->context;
    clade_checkpoint checkpoint = { 0 };
    clade_weights *weights = NULL;
    char *file;
    clade_status status = clade_checkpoint_of_path(context, network->path, &checkpoint, &file);
    if (status == CLADE_OK) {
        clade_free(context, network->path);
        network->path = file;
        file = NULL;
        status = find_model(network, checkpoint.settings);
    }
    clade_free(context, file);
    if (status == CLADE_OK) {
        clade_network_take_form(network);
        status = read_form(network, checkpoint.settings);
    }
    if (status == CLADE_OK) status = clade_network_build(network);
    if (status == CLADE_OK) status = clade_checkpoint_weights(context, &checkpoint, &weights);
    if (status == CLADE_OK) find_classes(network, checkpoint.settings);
    network->step = checkpoint.run.step;
    clade_checkpoint_free(&checkpoint); /* before the weights are copied once more */
    if (status == CLADE_OK) status = clade_network_keep(network, weights, true, !network->options.fresh);
    if (status == CLADE_OK && !network->options.fresh) status = check_states(network);
    clade_weights_free(weights);
    return status;
}
