/* clade eval: loss and accuracy of a trained model on a data set. */
#include "network.h"
#include "report.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

typedef struct arguments {
    bool json, confusion;
    const char *data, *device, *part, *picture;
    int64_t batch;
    input_options input;
} arguments;

/* Rows by class, columns by what was answered. */
static void add_confusion(json *report, const clade_evaluation *result) {
    cJSON *rows = json_array(report, report->root, "confusion");
    for (int64_t row = 0; row < result->classes; row++)
        json_numbers(report, rows, NULL, result->confusion + row * result->classes, (int)result->classes);
}

static bool print_confusion(clade_context *context, const clade_evaluation *result) {
    char *text = clade_confusion_text(context, result->confusion, result->classes);
    if (text != NULL) fputs(text, stdout);
    clade_confusion_text_free(context, text);
    return text != NULL;
}

/* What was measured, and where. */
typedef struct measured {
    const clade_network *network;
    const char *device, *data;
    clade_evaluation result;
} measured;

static bool print_text(clade_context *context, const arguments *given, const measured *m) {
    const clade_evaluation *result = &m->result;
    const int64_t steps = clade_network_step(m->network);
    printf("%s", clade_network_model(m->network)->name);
    if (steps > 0) printf(" after %s steps", words_count((double)steps));
    printf(" (%s)\n%s on %s: loss %.4f", clade_network_path(m->network), m->data, m->device, result->loss);
    if (isfinite(result->accuracy)) printf(", accuracy %.2f %%", 100 * result->accuracy);
    printf(" of %s", words_count((double)result->count));
    if (isfinite(result->top5)) printf(", among the first five %.2f %%", 100 * result->top5);
    putchar('\n');
    return !given->confusion || result->confusion == NULL || print_confusion(context, result);
}

static bool print_json(const arguments *given, const measured *m) {
    const clade_evaluation *result = &m->result;
    json report = json_new();
    json_text(&report, report.root, "model", clade_network_model(m->network)->name);
    json_text(&report, report.root, "checkpoint", clade_network_path(m->network));
    json_number(&report, report.root, "steps", (double)clade_network_step(m->network));
    json_text(&report, report.root, "device", m->device);
    json_text(&report, report.root, "data", given->data);
    json_text(&report, report.root, "part", given->part);
    json_number(&report, report.root, "count", (double)result->count);
    json_number(&report, report.root, "loss", result->loss);
    json_number(&report, report.root, "accuracy", result->accuracy);
    json_number(&report, report.root, "top5", result->top5);
    if (given->confusion && result->confusion != NULL) add_confusion(&report, result);
    return json_print(&report);
}

/* Opens what is measured and what on. */
static outcome open_both(const invocation *call, clade_network **network, clade_dataset **data) {
    const arguments *given = call->arguments;
    const bool training = strcmp(given->part, "train") == 0;
    outcome result =
        open_network(call, call->operands[0], &given->input, (clade_network_options){ .trained = true }, network);
    if (result != DONE) return result;
    if (clade_dataset_open_sized(call->context, given->data, clade_network_model(*network)->image,
                                 training ? data : NULL, training ? NULL : data) != CLADE_OK)
        return failed(call);
    const bool file = ends_in(call->operands[0], ".onnx"); /* which may leave sizes open, and foretell targets */
    return !file || clade_network_fit(*network, *data) == CLADE_OK ? DONE : failed(call);
}

static outcome evaluate(const invocation *call, clade_device *device, const clade_network *network,
                        clade_dataset *data) {
    const arguments *given = call->arguments;
    clade_predictor *predictor = NULL;
    measured m = { .network = network, .device = clade_device_name(device), .data = clade_dataset_describe(data).name };
    outcome result = DONE;
    if (clade_predictor_new(device, network, &predictor) != CLADE_OK ||
        clade_predictor_evaluate(predictor, data, given->batch, &m.result) != CLADE_OK ||
        (given->picture != NULL && m.result.confusion != NULL &&
         clade_confusion_write(call->context, m.result.confusion, m.result.classes, m.data, given->picture) !=
             CLADE_OK)) {
        result = failed(call);
    } else if (!(given->json ? print_json(given, &m) : print_text(call->context, given, &m))) {
        result = FAILED;
    }
    clade_predictor_free(predictor);
    return result;
}

static outcome run(invocation *call) {
    const arguments *given = call->arguments;
    if (given->data == NULL)
        return wrong_usage(
            call->command,
            "wants --data DATA: digits, points:KIND, mnist:DIR, idx:DIR, cifar10:DIR, images:DIR, csv:FILE, ...");
    clade_device *device = NULL;
    clade_dataset *data = NULL;
    clade_network *network = NULL;
    outcome result = open_device(call, given->device, &device);
    if (result != DONE) return result;
    result = open_both(call, &network, &data);
    if (result == DONE) result = evaluate(call, device, network, data);
    clade_network_free(network);
    clade_dataset_free(data);
    clade_device_close(device);
    return result;
}

static const option options[] = {
    { "--data", OPTION_TEXT, offsetof(arguments, data), "DATA", 0,
      "digits[:TRAIN,TEST[,SEED]], mnist:DIR, fashion:DIR, idx:DIR, points:KIND, cifar10:DIR, images:DIR, csv:FILE, "
      "npy:X,Y" },
    { "--part", OPTION_TEXT, offsetof(arguments, part), "test|train", 0, "of the data; default test" },
    { "--batch", OPTION_INTEGER, offsetof(arguments, batch), "N", 1, "images at once; default 250" },
    { "--confusion", OPTION_FLAG, offsetof(arguments, confusion), NULL, 0,
      "the confusion matrix too: a row for each class, a column for each answer" },
    { "--picture", OPTION_TEXT, offsetof(arguments, picture), "FILE", 0,
      "write the confusion matrix to FILE: .svg, .json, or text" },
    OPTIONS_INPUT(arguments),
    OPTION_DEVICE(arguments),
    OPTION_JSON(arguments),
    OPTIONS_END,
};

static const arguments defaults = { .part = "test" };

const command command_eval = {
    .name = "eval",
    .operands = "FILE|DIR",
    .title = "loss and accuracy of a trained model on a data set",
    .details =
        "FILE is a checkpoint or an ONNX file, DIR a run's folder (its newest checkpoint). Pictures are given to "
        "an ONNX file's network as numbers in [0, 1], unless --scale, --mean and --std say otherwise.",
    .operand_minimum = 1,
    .operand_maximum = 1,
    .options = options,
    .arguments_size = sizeof(arguments),
    .defaults = &defaults,
    .run = run,
};
