/* clade summary: the layers of a model, what they cost, and what they see. */
#include "command.h"
#include "report.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct arguments {
    bool json;
    const char *input;
    int64_t batch;
} arguments;

/* Reads "C,H,W" or "CxHxW"; with a fourth number in front, the batch. */
static bool read_shape(const char *text, int64_t image[3], int64_t *batch) {
    int64_t numbers[4];
    int count = 0;
    for (const char *at = text; count < 4; at++) {
        char *end = NULL;
        long long number = strtoll(at, &end, 10);
        if (end == at || number < 1 || number > INT32_MAX) return false;
        numbers[count++] = number;
        at = end;
        if (*at == '\0') break;
        if (*at != ',' && *at != 'x') return false;
        if (count == 4) return false;
    }
    if (count < 3) return false;
    if (count == 4) *batch = numbers[0];
    memcpy(image, numbers + count - 3, 3 * sizeof *image);
    return true;
}

static const char *dims_words(const clade_dims *dims, char *text, size_t size) {
    size_t length = 0;
    text[0] = '\0';
    for (int32_t i = 0; i < dims->rank && length < size; i++)
        length += (size_t)snprintf(text + length, size - length, "%s%lld", i > 0 ? "x" : "", (long long)dims->size[i]);
    return text;
}

static bool print_text(const clade_model *model, const int64_t image[3], int64_t batch, const clade_summary *summary) {
    printf("%s: %s\ninput %lldx%lldx%lldx%lld\n\n", model->name, model->title, (long long)batch, (long long)image[0],
           (long long)image[1], (long long)image[2]);
    table *rows = table_new(7, 0x78);
    table_add(rows, "layer", "type", "output", "parameters", "multiply-adds", "receptive field", "memory");
    table_rule(rows);
    for (size_t i = 0; i < summary->layer_count; i++) {
        const clade_layer *layer = &summary->layers[i];
        char output[160], field[48];
        snprintf(field, sizeof field, "%lldx%lld", (long long)layer->receptive_field[0],
                 (long long)layer->receptive_field[1]);
        table_add(rows, layer->name, layer->type, dims_words(&layer->output, output, sizeof output),
                  layer->parameters > 0 ? words_count((double)layer->parameters) : "",
                  layer->multiply_adds > 0 ? words_count(layer->multiply_adds) : "",
                  layer->receptive_field[0] > 0 ? field : "all",
                  layer->activation_bytes > 0 ? words_bytes((double)layer->activation_bytes) : "");
    }
    table_rule(rows);
    table_add(rows, "total", "", "", words_count((double)summary->parameters), words_count(summary->multiply_adds), "",
              words_bytes((double)summary->activation_bytes));
    if (!table_print(rows)) return false;
    printf("\nweights %s, activations %s at a batch of %lld\n", words_bytes(4.0 * (double)summary->parameters),
           words_bytes((double)summary->activation_bytes), (long long)batch);
    return true;
}

static bool print_json(const clade_model *model, const int64_t image[3], int64_t batch, const clade_summary *summary) {
    json report = json_new();
    json_text(&report, report.root, "model", model->name);
    json_text(&report, report.root, "title", model->title);
    const int64_t input[4] = { batch, image[0], image[1], image[2] };
    json_numbers(&report, report.root, "input", input, 4);
    json_number(&report, report.root, "parameters", (double)summary->parameters);
    json_number(&report, report.root, "multiply_adds", summary->multiply_adds);
    json_number(&report, report.root, "activation_bytes", (double)summary->activation_bytes);
    json_number(&report, report.root, "weight_bytes", 4.0 * (double)summary->parameters);
    cJSON *layers = json_array(&report, report.root, "layers");
    for (size_t i = 0; i < summary->layer_count; i++) {
        const clade_layer *layer = &summary->layers[i];
        cJSON *row = json_object(&report, layers, NULL);
        json_text(&report, row, "name", layer->name);
        json_text(&report, row, "type", layer->type);
        json_numbers(&report, row, "output", layer->output.size, layer->output.rank);
        json_number(&report, row, "parameters", (double)layer->parameters);
        json_number(&report, row, "multiply_adds", layer->multiply_adds);
        json_numbers(&report, row, "receptive_field", layer->receptive_field, 2);
        json_number(&report, row, "activation_bytes", (double)layer->activation_bytes);
    }
    return json_print(&report);
}

static outcome run(invocation *call) {
    const arguments *given = call->arguments;
    const clade_model *model = find_model(call, call->operands[0]);
    if (model == NULL) return WRONG_USAGE;
    int64_t image[3], batch = given->batch;
    memcpy(image, model->image, sizeof image);
    if (given->input != NULL && !read_shape(given->input, image, &batch))
        return wrong_usage(call->command, "--input wants C,H,W or N,C,H,W, not \"%.100s\"", given->input);

    model_inputs inputs;
    clade_model_values built;
    clade_graph *graph = build_model(call, model, image, &inputs, &built);
    if (graph == NULL) return FAILED;
    outcome result = FAILED;
    clade_summary *summary = NULL;
    if (clade_summary_new(built.scores, batch, &summary) != CLADE_OK) {
        result = failed(call);
    } else if (given->json ? print_json(model, image, batch, summary) : print_text(model, image, batch, summary)) {
        result = DONE;
    }
    clade_summary_free(summary);
    clade_graph_free(graph);
    return result;
}

static const option options[] = {
    { "--input", OPTION_TEXT, offsetof(arguments, input), "SHAPE", 0,
      "C,H,W or N,C,H,W of the images; default the model's own" },
    { "--batch", OPTION_INTEGER, offsetof(arguments, batch), "N", 1, "images; default 1" },
    OPTION_JSON(arguments),
    OPTIONS_END,
};

static const arguments defaults = { .batch = 1 };

const command command_summary = {
    .name = "summary",
    .operands = "MODEL",
    .title = "layers, shapes, parameters, multiply-adds, receptive field, memory",
    .details =
        "Multiply-adds and memory are those of the whole batch; the receptive field is what one output sees of the "
        "input.",
    .operand_minimum = 1,
    .operand_maximum = 1,
    .options = options,
    .arguments_size = sizeof(arguments),
    .defaults = &defaults,
    .run = run,
};
