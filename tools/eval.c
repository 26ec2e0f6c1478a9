/* clade eval: loss and accuracy of a trained model on a data set. */
#include "command.h"
#include "report.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

typedef struct arguments {
    bool json, confusion;
    const char *data, *device, *part, *picture;
    int64_t batch;
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

static bool print_result(clade_context *context, const arguments *given, const clade_predictor *predictor,
                         const char *device, const char *data, const clade_evaluation *result) {
    const char *model = clade_predictor_model(predictor)->name;
    if (!given->json) {
        printf("%s after %s steps (%s)\n%s on %s: loss %.4f, accuracy %.2f %% of %s", model,
               words_count((double)clade_predictor_step(predictor)), clade_predictor_path(predictor), data, device,
               result->loss, 100 * result->accuracy, words_count((double)result->count));
        if (isfinite(result->top5)) printf(", among the first five %.2f %%", 100 * result->top5);
        putchar('\n');
        return !given->confusion || print_confusion(context, result);
    }
    json report = json_new();
    json_text(&report, report.root, "model", model);
    json_text(&report, report.root, "checkpoint", clade_predictor_path(predictor));
    json_number(&report, report.root, "steps", (double)clade_predictor_step(predictor));
    json_text(&report, report.root, "device", device);
    json_text(&report, report.root, "data", given->data);
    json_text(&report, report.root, "part", given->part);
    json_number(&report, report.root, "count", (double)result->count);
    json_number(&report, report.root, "loss", result->loss);
    json_number(&report, report.root, "accuracy", result->accuracy);
    json_number(&report, report.root, "top5", result->top5);
    if (given->confusion) add_confusion(&report, result);
    return json_print(&report);
}

static outcome run(invocation *call) {
    const arguments *given = call->arguments;
    if (given->data == NULL)
        return wrong_usage(
            call->command,
            "wants --data DATA: digits, points:KIND, mnist:DIR, idx:DIR, cifar10:DIR, images:DIR, csv:FILE, ...");
    clade_device *device = NULL;
    clade_dataset *data = NULL;
    clade_predictor *predictor = NULL;
    clade_evaluation evaluation;
    bool training = strcmp(given->part, "train") == 0;
    outcome result = open_device(call, given->device, &device);
    if (result != DONE) return result;
    if (clade_predictor_open(device, call->operands[0], &predictor) != CLADE_OK ||
        clade_dataset_open_sized(call->context, given->data, clade_predictor_model(predictor)->image,
                                 training ? &data : NULL, training ? NULL : &data) != CLADE_OK ||
        clade_predictor_evaluate(predictor, data, given->batch, &evaluation) != CLADE_OK ||
        (given->picture != NULL &&
         clade_confusion_write(call->context, evaluation.confusion, evaluation.classes,
                               clade_dataset_describe(data).name, given->picture) != CLADE_OK)) {
        result = failed(call);
    } else if (!print_result(call->context, given, predictor, clade_device_name(device),
                             clade_dataset_describe(data).name, &evaluation)) {
        result = FAILED;
    }
    clade_predictor_free(predictor);
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
    OPTION_DEVICE(arguments),
    OPTION_JSON(arguments),
    OPTIONS_END,
};

static const arguments defaults = { .part = "test" };

const command command_eval = {
    .name = "eval",
    .operands = "FILE|DIR",
    .title = "loss and accuracy of a trained model on a data set",
    .details = "FILE is a checkpoint, DIR a run's folder (its newest checkpoint).",
    .operand_minimum = 1,
    .operand_maximum = 1,
    .options = options,
    .arguments_size = sizeof(arguments),
    .defaults = &defaults,
    .run = run,
};
