/* What several subcommands take alike: a device, a model, sizes. */
#include "command.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

outcome open_device(const invocation *call, const char *choice, clade_device **device) {
    clade_device_pick picks[CLADE_MAX_PICKS];
    size_t count = 0;
    if (clade_device_choose_list(call->context, choice, picks, &count) != CLADE_OK) return failed(call);
    if (count > 1)
        return failed_because(call, "%zu devices at once are unsupported; name one of them, of parts as in 0/2:1",
                              count);
    if (clade_device_open_pick(call->context, &picks[0], device) != CLADE_OK) return failed(call);
    return DONE;
}

void print_models(FILE *stream) {
    const clade_model *const *all = clade_model_list();
    for (size_t i = 0; all[i] != NULL; i++)
        fprintf(stream, "%s%s", i > 0 ? ", " : "", all[i]->name);
}

const clade_model *find_model(const invocation *call, const char *name) {
    const clade_model *model = clade_model_find(name);
    if (model != NULL) return model;
    fprintf(stderr, "clade %s: unknown model \"%.200s\"; the models are ", call->command->name, name);
    print_models(stderr);
    fputc('\n', stderr);
    return NULL;
}

clade_graph *build_model(const invocation *call, const clade_model *model, const int64_t image[3], model_inputs *inputs,
                         clade_model_values *values) {
    clade_graph *graph = clade_graph_new(call->context);
    if (graph == NULL) {
        failed_because(call, "memory is short for the model's graph");
        return NULL;
    }
    if (image == NULL) image = model->image;
    inputs->image = clade_input(graph, "image", CLADE_F32, clade_shape(CLADE_BATCH, image[0], image[1], image[2]));
    inputs->label = clade_input(graph, "label", CLADE_I32, clade_shape(CLADE_BATCH));
    *values = model->build(inputs->image, inputs->label);
    if (clade_graph_status(graph) == CLADE_OK) return graph;
    failed(call);
    clade_graph_free(graph);
    return NULL;
}

bool is_operator(const char *name) {
    for (size_t i = 0; clade_operator_name(i) != NULL; i++)
        if (strcmp(clade_operator_name(i), name) == 0) return true;
    return false;
}

void print_operators(FILE *stream) {
    for (size_t i = 0; clade_operator_name(i) != NULL; i++)
        fprintf(stream, "%s%s", i > 0 ? ", " : "", clade_operator_name(i));
}

outcome read_sizes(const invocation *call, int count, int may_be_zero, int64_t *sizes) {
    for (int i = 0; i < count; i++) {
        char *end = NULL;
        const char *word = call->operands[i + 1];
        errno = 0;
        sizes[i] = (int64_t)strtoll(word, &end, 10);
        if (errno != 0 || end == word || *end != '\0' || sizes[i] < (i == may_be_zero ? 0 : 1) || sizes[i] > INT32_MAX)
            return wrong_usage(call->command, "\"%.100s\" is not a size", word);
    }
    return DONE;
}

outcome read_conv_shape(const invocation *call, clade_conv_shape *shape) {
    enum { SIZES = 10, PAD = 8 };
    int64_t size[SIZES];
    outcome read = read_sizes(call, SIZES, PAD, size);
    if (read != DONE) return read;
    *shape = (clade_conv_shape){ .n = size[0],
                                 .c = size[1],
                                 .h = size[2],
                                 .w = size[3],
                                 .k = size[4],
                                 .r = size[5],
                                 .s = size[6],
                                 .stride = size[7],
                                 .pad = size[PAD],
                                 .groups = size[9] };
    return DONE;
}
