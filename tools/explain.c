/* clade explain: the graph after each pass, the implementations chosen and why, and the memory. */
#include "workload.h"

#include "report.h"

#include <stdio.h>
#include <string.h>

typedef struct arguments {
    bool infer;
    const char *device, *pass;
    int64_t batch, memory;
} arguments;

static bool is_part(const char *name) {
    for (size_t i = 0; clade_explain_part(i) != NULL; i++)
        if (strcmp(clade_explain_part(i), name) == 0) return true;
    return false;
}

static outcome unknown_part(const char *name) {
    fprintf(stderr, "clade explain: unknown pass \"%.100s\"; the parts are ", name);
    for (size_t i = 0; clade_explain_part(i) != NULL; i++)
        fprintf(stderr, "%s%s", i == 0 ? "" : ", ", clade_explain_part(i));
    fputc('\n', stderr);
    return WRONG_USAGE;
}

static outcome run(invocation *call) {
    const arguments *given = call->arguments;
    const clade_model *model = find_model(call, call->operands[0]);
    if (model == NULL) return WRONG_USAGE;
    if (given->pass != NULL && !is_part(given->pass)) return unknown_part(given->pass);
    clade_device *device = NULL;
    outcome result = open_device(call, given->device, &device);
    if (result != DONE) return result;
    if (given->memory > 0) clade_device_limit_memory(device, (size_t)given->memory);
    workload w;
    int64_t batch = given->batch > 0 ? given->batch : model->recipe.batch;
    result = workload_open(call, model, device, batch, !given->infer, &w);
    if (result == DONE) {
        const clade_explain_options options = {
            .size = sizeof options, .pass = given->pass, .inference = given->infer, .batch = batch
        };
        char *text = NULL;
        if (clade_explain(w.session, &w.fetch.value, 1, &options, &text) == CLADE_OK) {
            fputs(text, stdout);
        } else {
            result = failed(call);
        }
        clade_text_release(call->context, text);
    }
    workload_close(&w);
    clade_device_close(device);
    return result;
}

static const option options[] = {
    OPTION_DEVICE(arguments),
    { "--pass", OPTION_TEXT, offsetof(arguments, pass), "NAME", 0,
      "only graph, inference, simplify, fuse, or plan (choices, reasons, memory)" },
    { "--infer", OPTION_FLAG, offsetof(arguments, infer), NULL, 0,
      "inference; default a training step with its update" },
    { "--batch", OPTION_INTEGER, offsetof(arguments, batch), "N", 1, "images; default the recipe's" },
    { "--memory", OPTION_BYTES, offsetof(arguments, memory), "BYTES", 1,
      "most device memory to use, as in training: what does not fit is computed again" },
    OPTIONS_END,
};

const command command_explain = {
    .name = "explain",
    .operands = "MODEL",
    .title = "the graph after each pass, the implementations and the reasons",
    .operand_minimum = 1,
    .operand_maximum = 1,
    .options = options,
    .arguments_size = sizeof(arguments),
    .run = run,
};
