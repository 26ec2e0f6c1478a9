/* clade run: an ONNX model once, on arrays in NPY files. */
#include "command.h"

#include <stdlib.h>
#include <string.h>

typedef struct arguments {
    const char *device, *out;
    option_pairs inputs, gradients;
} arguments;

/* The pairs cut at "=" into names and paths, copied to TEXT. */
typedef struct named_files {
    clade_onnx_file_array list[OPTION_MOST_PAIRS];
    char *text;
} named_files;

static bool split(const option_pairs *pairs, named_files *files) {
    size_t bytes = 1;
    for (int i = 0; i < pairs->count; i++)
        bytes += strlen(pairs->words[i]) + 1;
    char *at = files->text = malloc(bytes);
    for (int i = 0; at != NULL && i < pairs->count; i++) {
        const size_t length = strlen(pairs->words[i]);
        memcpy(at, pairs->words[i], length + 1);
        char *equals = strchr(at, '=');
        *equals = '\0';
        files->list[i] = (clade_onnx_file_array){ at, equals + 1 };
        at += length + 1;
    }
    return files->text != NULL;
}

static outcome run(invocation *call) {
    const arguments *given = call->arguments;
    if (given->out == NULL) return wrong_usage(call->command, "--out DIR is wanted: where the outputs go");
    named_files inputs = { .text = NULL }, gradients = { .text = NULL };
    clade_device *device = NULL;
    outcome result = split(&given->inputs, &inputs) && split(&given->gradients, &gradients)
                         ? open_device(call, given->device, &device)
                         : failed_because(call, "memory is short");
    const clade_onnx_run_options options = {
        .size = sizeof options,
        .inputs = inputs.list,
        .input_count = (size_t)given->inputs.count,
        .gradients = gradients.list,
        .gradient_count = (size_t)given->gradients.count,
        .folder = given->out,
    };
    if (result == DONE && clade_onnx_run(device, call->operands[0], &options) != CLADE_OK) result = failed(call);
    clade_device_close(device);
    free(inputs.text);
    free(gradients.text);
    return result;
}

static const option options[] = {
    { "--input", OPTION_PAIRS, offsetof(arguments, inputs), "NAME=X.npy ...", 0,
      "an input's array; every input is wanted" },
    { "--grad", OPTION_PAIRS, offsetof(arguments, gradients), "NAME=DY.npy ...", 0,
      "what flows back to an output: gradients of all inputs and weights are written too" },
    { "--out", OPTION_TEXT, offsetof(arguments, out), "DIR", 0,
      "where NAME.npy goes for each output, and NAME.grad.npy for each input and weight" },
    OPTION_DEVICE(arguments),
    OPTIONS_END,
};

const command command_run = {
    .name = "run",
    .operands = "MODEL.onnx",
    .title = "an ONNX model once, on arrays in NPY files",
    .details = "The model runs at inference. Inputs' dims bind those that the model leaves open.",
    .operand_minimum = 1,
    .operand_maximum = 1,
    .options = options,
    .arguments_size = sizeof(arguments),
    .run = run,
};
