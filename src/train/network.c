/* Opening networks, suiting them to data, and telling what they are. */
#include "clade/network.h"

#include "base/file.h"
#include "models/zoo.h"
#include "ops/op.h"
#include "train/network.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

/* ---- opening ---- */

bool clade_path_ends_in(const char *path, const char *end) {
    const size_t length = strlen(path), wanted = strlen(end);
    return length > wanted && strcmp(path + length - wanted, end) == 0;
}

bool clade_network_is_scaled(const clade_input_scaling *scaling) {
    return (scaling->scale != 0 && scaling->scale != 1) || scaling->mean_count > 0 || scaling->deviation_count > 0;
}

static bool is_list(const double *list, int count, int64_t channels, bool divides) {
    bool good = count == 0 || count == 1 || count == channels;
    for (int i = 0; good && i < count; i++)
        good = isfinite(list[i]) && !(divides && list[i] == 0);
    return good;
}

static clade_status check_scaling(const clade_network *network) {
    const clade_input_scaling *s = &network->options.scaling;
    const int64_t channels = network->form.image[0];
    if (is_list(s->mean, s->mean_count, channels, false) && isfinite(s->scale) &&
        is_list(s->deviation, s->deviation_count, channels, true))
        return CLADE_OK;
    return clade_fail(network->context, CLADE_ERROR_ARGUMENT,
                      "%s: mean and deviation want one number or one for each of its %" PRId64
                      " channels, deviations other than 0",
                      network->path, channels);
}

void clade_network_take_form(clade_network *network) {
    if (!network->zoo) return; /* clade_network_read_file() has */
    memcpy(network->form.image, network->zoo->image, sizeof network->form.image);
    network->form.outputs = network->zoo->classes;
}

static clade_status read_file(clade_network *network) {
    clade_weights *weights = NULL;
    clade_status status = clade_network_read_file(network);
    if (status == CLADE_OK && !network->open) status = check_scaling(network);
    if (status == CLADE_OK) status = clade_network_build(network);
    if (status != CLADE_OK || network->open) return status;
    status = clade_onnx_weights(network->onnx, &weights);
    if (status == CLADE_OK) status = clade_network_keep(network, weights, true, !network->options.fresh);
    clade_weights_free(weights);
    return status;
}

static clade_status open_file(clade_network *network) {
    network->file = clade_duplicate(network->context, network->path);
    if (!network->file) return clade_fail_memory(network->context, strlen(network->path), network->path);
    return read_file(network);
}

static clade_status open_zoo(clade_network *network) {
    clade_network_take_form(network);
    clade_status status = clade_network_build(network);
    return status == CLADE_OK ? clade_network_keep(network, NULL, true, true) : status;
}

/* A file's name without folder and ".onnx", or the model's. Letters that would not stay on a line become spaces. */
static char *name_of(clade_context *context, const char *path) {
    const char *slash = strrchr(path, '/');
    char *name = clade_duplicate(context, slash ? slash + 1 : path);
    if (!name) return NULL;
    if (clade_path_ends_in(name, ".onnx")) name[strlen(name) - strlen(".onnx")] = '\0';
    for (char *letter = name; *letter; letter++)
        if ((unsigned char)*letter < ' ') *letter = ' ';
    return name;
}

static clade_status open_any(clade_network *network, const char *name, const clade_model *model) {
    clade_context *context = network->context;
    network->path = clade_duplicate(context, name);
    if (!network->path) return clade_fail_memory(context, strlen(name), name);
    network->zoo = model;
    const bool file = !network->zoo && clade_path_ends_in(name, ".onnx") && !clade_file_is_folder(name);
    if (!file && (clade_network_is_scaled(&network->options.scaling) || network->options.image[0] > 0))
        return clade_fail(context, CLADE_ERROR_ARGUMENT,
                          "%s: sizes, scale, mean and deviation are of an ONNX file; a run and a model of the zoo have "
                          "their own",
                          name);
    if (network->zoo || file) network->name = name_of(context, name);
    clade_status status = file           ? open_file(network)
                          : network->zoo ? open_zoo(network)
                                         : clade_network_open_run(network);
    if (status == CLADE_OK && !network->name) status = clade_fail_memory(context, strlen(name), name);
    return status;
}

/* MODEL NULL: what NAME is a file or run of. */
static clade_status open_network(clade_context *context, const char *name, const clade_model *model,
                                 const clade_network_options *options, clade_network **out) {
    *out = NULL;
    clade_network *network = clade_allocate(context, 1, sizeof *network);
    if (!network) return clade_fail_memory(context, sizeof *network, "a network");
    network->context = context;
    if (options)
        memcpy(&network->options, options,
               options->size < sizeof network->options ? options->size : sizeof network->options);
    clade_status status = open_any(network, name, model);
    if (status != CLADE_OK) {
        clade_network_free(network);
        return status;
    }
    *out = network;
    return CLADE_OK;
}

clade_status clade_network_open(clade_context *context, const char *name, const clade_network_options *options,
                                clade_network **network) {
    const clade_model *model = options && options->trained ? NULL : clade_model_find(name);
    return open_network(context, name, model, options, network);
}

clade_status clade_network_of_model(clade_context *context, const clade_model *model, clade_network **network) {
    return open_network(context, model->name, model, NULL, network);
}

void clade_network_free(clade_network *network) {
    if (!network) return;
    clade_context *context = network->context;
    clade_weights_free(network->weights);
    clade_weights_free(network->loaded);
    clade_graph_free(network->graph);
    clade_onnx_free(network->onnx);
    char *const texts[] = { network->name, network->path, network->file, network->classes };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        clade_free(context, texts[i]);
    clade_free(context, (void *)network->head);
    clade_free(context, (void *)network->unused);
    clade_free(context, (void *)network->different);
    clade_free(context, (void *)network->missing);
    clade_free(context, network);
}

/* ---- data ---- */

static bool is_same_form(const clade_network_form *a, const clade_network_form *b) {
    return memcmp(a->image, b->image, sizeof a->image) == 0 && a->outputs == b->outputs &&
           a->foretells == b->foretells && a->new_head == b->new_head;
}

static int64_t elements_of(const int64_t image[3]) {
    return image[0] * image[1] * image[2];
}

bool clade_network_is_open(const clade_network *network) {
    return network->open;
}

clade_status clade_network_size(clade_network *network, const int64_t image[3]) {
    const int64_t channels = network->form.image[0];
    if (!network->open) return CLADE_OK;
    if (channels > 0 && image[0] != channels)
        return clade_fail(network->context, CLADE_ERROR_INPUT,
                          "%s: takes images of %" PRId64 " channels, and these have %" PRId64, network->path, channels,
                          image[0]);
    memcpy(network->options.image, image, sizeof network->options.image);
    return read_file(network);
}

clade_status clade_network_fit(clade_network *network, const clade_dataset *data) {
    const clade_dataset_info info = clade_dataset_describe(data);
    const int64_t image[] = { info.channels, info.height, info.width };
    clade_status status = clade_network_size(network, image);
    if (status != CLADE_OK) return status;
    const bool open = network->zoo && network->zoo->build_open, targets = info.targets > 0;
    const bool new_head = network->options.replace_head && !open;
    const clade_network_form before = network->form;
    clade_network_form *form = &network->form;
    if (open || (network->flat && elements_of(image) == elements_of(form->image)))
        memcpy(form->image, image, sizeof form->image);
    if (open || new_head) {
        form->outputs = targets ? info.targets : info.classes;
        form->foretells = targets;
        form->new_head = new_head;
    } else if (targets && !network->zoo && info.targets == form->outputs) {
        form->foretells = true;
    }
    if (is_same_form(&before, form) && !new_head) return CLADE_OK;
    status = clade_network_build(network);
    return status == CLADE_OK ? clade_network_keep(network, network->weights, !new_head, true) : status;
}

clade_status clade_network_check(const clade_network *network, const clade_dataset *dataset) {
    if (network->open)
        return clade_fail(network->context, CLADE_ERROR_INPUT,
                          "%s: leaves the sizes of its images open; --input C,H,W gives them", network->path);
    if (!dataset) return CLADE_OK;
    const clade_dataset_info info = clade_dataset_describe(dataset);
    const clade_network_form *form = &network->form;
    const int64_t *image = form->image, given[] = { info.channels, info.height, info.width };
    const bool fits =
        network->flat ? elements_of(given) == elements_of(image) : memcmp(given, image, sizeof given) == 0;
    if (!fits)
        return clade_fail(
            network->context, CLADE_ERROR_INPUT,
            "%s: its images are %" PRId64 "x%" PRId64 "x%" PRId64 ", and %s takes %" PRId64 "x%" PRId64 "x%" PRId64,
            info.name, info.channels, info.height, info.width, network->name, image[0], image[1], image[2]);
    if (form->foretells && info.targets != form->outputs)
        return clade_fail(network->context, CLADE_ERROR_INPUT,
                          "%s: its samples have %" PRId64 " targets, and %s foretells %" PRId64 " numbers", info.name,
                          info.targets, network->name, form->outputs);
    if (!form->foretells && info.targets > 0)
        return clade_fail(network->context, CLADE_ERROR_INPUT,
                          "%s: its targets are %" PRId64 " numbers each, and %s tells classes apart", info.name,
                          info.targets, network->name);
    if (!form->foretells && info.classes > form->outputs)
        return clade_fail(network->context, CLADE_ERROR_INPUT,
                          "%s: has %" PRId64 " classes, and %s tells %" PRId64
                          " apart; --replace-head gives it a layer for them",
                          info.name, info.classes, network->name, form->outputs);
    return CLADE_OK;
}

/* ---- what it is ---- */

const clade_model *clade_network_model(const clade_network *network) {
    const bool as_it_is = network->zoo && !network->zoo->build_open && !network->form.new_head;
    return as_it_is ? network->zoo : &network->model;
}

bool clade_network_foretells(const clade_network *network) {
    return network->form.foretells;
}

const char *clade_network_class(const clade_network *network, int64_t class_number) {
    const char *name = network->classes;
    if (!name && network->onnx && !network->form.new_head) return clade_onnx_class(network->onnx, class_number);
    if (class_number < 0 || class_number >= network->class_count) return NULL;
    for (int64_t i = 0; i < class_number; i++)
        name += strlen(name) + 1;
    return name;
}

const char *clade_network_path(const clade_network *network) {
    return network->path;
}

int64_t clade_network_step(const clade_network *network) {
    return network->step;
}

size_t clade_network_head(const clade_network *network, const char *const **states) {
    *states = network->head;
    return network->head_count;
}

clade_graph *clade_network_graph(const clade_network *network) {
    return network->graph;
}

clade_value clade_network_image(const clade_network *network) {
    return network->image;
}

clade_value clade_network_scores(const clade_network *network) {
    return network->values.scores;
}

const clade_weights *clade_network_weights(const clade_network *network) {
    return network->weights;
}
