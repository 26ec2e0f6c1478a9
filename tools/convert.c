/* clade convert: networks and weights between Clade's runs, ONNX and safetensors. */
#include "network.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct arguments {
    const char *model;
    uint64_t seed;
    option_pairs sizes;
} arguments;

/* What is converted: a network, its outputs and its weights. */
typedef struct network {
    const char *name;
    clade_graph *graph; /* owned, but not an import's or a run's */
    clade_onnx *import;
    clade_network *run;
    const clade_onnx_port *ports; /* an import's outputs */
    size_t port_count;
    clade_value scores; /* a model's */
    clade_weights *weights;
} network;

static void free_network(network *n) {
    clade_weights_free(n->weights);
    clade_onnx_free(n->import);
    clade_graph_free(n->graph);
    clade_network_free(n->run);
}

/* ---- reading ---- */

static outcome read_onnx(const invocation *call, const char *path, network *n) {
    const arguments *given = call->arguments;
    const outcome result = open_onnx(call, path, &given->sizes, (clade_onnx_options){ .size = 0 }, &n->import);
    if (result != DONE) return result;
    if (clade_onnx_weights(n->import, &n->weights) != CLADE_OK) return failed(call);
    n->port_count = clade_onnx_outputs(n->import, &n->ports);
    for (size_t i = 0; i < n->port_count; i++)
        if (!clade_value_valid(n->ports[i].value))
            return failed_because(call, "%s: its output \"%s\" is an empty array", path, n->ports[i].name);
    return DONE;
}

/* MODEL with the weights FROM, which are freed; NULL: fresh ones. */
static outcome take_model(const invocation *call, const clade_model *model, clade_weights *from, network *n) {
    const arguments *given = call->arguments;
    clade_model_values values;
    model_inputs inputs;
    outcome result = FAILED;
    n->name = model->name;
    n->graph = build_model(call, model, NULL, &inputs, &values);
    if (n->graph != NULL) {
        n->scores = values.scores;
        if (clade_weights_of_graph(&n->scores, 1, from, given->seed, &n->weights) == CLADE_OK)
            result = DONE;
        else
            failed(call);
    }
    clade_weights_free(from);
    return result;
}

static outcome read_safetensors(const invocation *call, const char *path, network *n) {
    const arguments *given = call->arguments;
    clade_weights *weights;
    if (given->model == NULL)
        return wrong_usage(call->command, "weights alone are no network: --model MODEL says whose they are");
    const clade_model *model = find_model(call, given->model);
    if (model == NULL) return WRONG_USAGE;
    if (clade_weights_read(call->context, path, &weights) != CLADE_OK) return failed(call);
    return take_model(call, model, weights, n);
}

static outcome read_run(const invocation *call, const char *path, network *n) {
    outcome result = open_network(call, path, NULL, (clade_network_options){ .trained = true }, &n->run);
    if (result != DONE) return result;
    n->name = clade_network_model(n->run)->name;
    n->scores = clade_network_scores(n->run);
    if (clade_weights_of_graph(&n->scores, 1, clade_network_weights(n->run), 0, &n->weights) == CLADE_OK) return DONE;
    return failed(call);
}

static outcome read_any(const invocation *call, const char *path, network *n) {
    const arguments *given = call->arguments;
    const clade_model *model = clade_model_find(path);
    const bool weights = ends_in(path, ".safetensors");
    if (given->model != NULL && !weights)
        return wrong_usage(call->command, "--model is for the weights of a .safetensors file");
    if (weights) return read_safetensors(call, path, n);
    if (ends_in(path, ".onnx")) return read_onnx(call, path, n);
    return model != NULL ? take_model(call, model, NULL, n) : read_run(call, path, n);
}

/* ---- writing ---- */

/* The name of a class; NULL: there is none. */
static const char *class_name(const network *n, int64_t class) {
    if (n->import != NULL) return clade_onnx_class(n->import, class);
    return n->run != NULL ? clade_network_class(n->run, class) : NULL;
}

static clade_status write_onnx(const network *n, const char *path) {
    enum { MOST = 64 };
    clade_onnx_result outputs[MOST] = { { "scores", n->scores } };
    size_t count = 1;
    if (n->import != NULL) count = n->port_count < MOST ? n->port_count : MOST;
    for (size_t i = 0; n->import != NULL && i < count; i++)
        outputs[i] = (clade_onnx_result){ n->ports[i].name, n->ports[i].value };
    size_t classes = 0;
    while (class_name(n, (int64_t)classes) != NULL)
        classes++;
    const char **names = calloc(classes + 1, sizeof *names);
    for (size_t i = 0; i < classes && names != NULL; i++)
        names[i] = class_name(n, (int64_t)i);
    if (names == NULL) classes = 0;
    clade_status status = clade_onnx_write_with_classes(outputs, count, n->weights, n->name, names, classes, path);
    free(names);
    return status;
}

static outcome run(invocation *call) {
    const char *from = call->operands[0], *to = call->operands[1];
    const bool onnx = ends_in(to, ".onnx");
    if (!onnx && !ends_in(to, ".safetensors"))
        return wrong_usage(call->command, "%.200s: files that end in .onnx or .safetensors are written", to);
    network n = { 0 };
    outcome result = read_any(call, from, &n);
    if (result == DONE && (onnx ? write_onnx(&n, to) : clade_weights_write(n.weights, to)) != CLADE_OK)
        result = failed(call);
    free_network(&n);
    return result;
}

static const option options[] = {
    { "--model", OPTION_TEXT, offsetof(arguments, model), "MODEL", 0,
      "the model of the zoo that the weights of a .safetensors file are for" },
    { "--seed", OPTION_SEED, offsetof(arguments, seed), "S", 0, "of a model's fresh weights; default 0" },
    OPTION_SIZES(arguments),
    OPTIONS_END,
};

const command command_convert = {
    .name = "convert",
    .operands = "A B",
    .title = "networks and weights between runs, ONNX and safetensors",
    .details =
        "A is a folder that `clade train --out` wrote or one of its checkpoints, an .onnx file, a .safetensors file "
        "with --model, or a model of the zoo, with fresh weights. B ends in .onnx, for the network at inference with "
        "its weights, or in .safetensors, for the weights alone, named as in the network.",
    .operand_minimum = 2,
    .operand_maximum = 2,
    .options = options,
    .arguments_size = sizeof(arguments),
    .run = run,
};
