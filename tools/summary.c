/* clade summary: the layers of a model, of an ONNX file's network, or one convolution: what they cost, and what they
 * see. */
#include "network.h"
#include "report.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct arguments {
    bool json, sharing;
    const char *input;
    int64_t batch;
    option_pairs sizes;
} arguments;

/* What the table is of. */
typedef struct subject {
    const char *name, *title;
    clade_dims input; /* with the batch */
    int64_t batch;
    clade_value scores;
    clade_graph *graph; /* of a model or a convolution; owned */
    clade_onnx *network;
} subject;

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

/* What it saves that all places of a picture share a convolution's weights. */
static bool print_sharing(const clade_summary *summary) {
    table *rows = table_new(4, 0xe);
    table_add(rows, "weights", "shared", "of each place", "fully connected");
    table_rule(rows);
    for (size_t i = 0; i < summary->layer_count; i++) {
        const clade_layer *layer = &summary->layers[i];
        if (layer->shared_weights > 0)
            table_add(rows, layer->name, words_count(layer->shared_weights), words_count(layer->local_weights),
                      words_count(layer->dense_weights));
    }
    putchar('\n');
    return table_print(rows);
}

static bool print_text(const subject *of, const clade_summary *summary, bool sharing) {
    char input[160];
    printf("%s: %s\ninput %s\n\n", of->name, of->title, dims_words(&of->input, input, sizeof input));
    table *rows = table_new(8, 0xf8);
    table_add(rows, "layer", "type", "output", "parameters", "multiply-adds", "receptive field", "activations",
              "memory");
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
                  layer->activations > 0 ? words_count((double)layer->activations) : "",
                  layer->activation_bytes > 0 ? words_bytes((double)layer->activation_bytes) : "");
    }
    table_rule(rows);
    table_add(rows, "total", "", "", words_count((double)summary->parameters), words_count(summary->multiply_adds), "",
              "", words_bytes((double)summary->activation_bytes));
    if (!table_print(rows)) return false;
    printf("\nweights %s, activations %s at a batch of %lld\n", words_bytes(4.0 * (double)summary->parameters),
           words_bytes((double)summary->activation_bytes), (long long)of->batch);
    return !sharing || print_sharing(summary);
}

static void add_sharing(json *report, cJSON *row, const clade_layer *layer) {
    json_number(report, row, "shared_weights", layer->shared_weights);
    json_number(report, row, "local_weights", layer->local_weights);
    json_number(report, row, "dense_weights", layer->dense_weights);
}

static bool print_json(const subject *of, const clade_summary *summary) {
    json report = json_new();
    json_text(&report, report.root, "model", of->name);
    json_text(&report, report.root, "title", of->title);
    json_numbers(&report, report.root, "input", of->input.size, of->input.rank);
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
        json_number(&report, row, "activations", (double)layer->activations);
        if (layer->shared_weights > 0) add_sharing(&report, row, layer);
    }
    return json_print(&report);
}

static void put_batch(subject *of) {
    for (int32_t i = 0; i < of->input.rank; i++)
        if (of->input.size[i] == CLADE_BATCH) of->input.size[i] = of->batch;
}

/* IMAGE has C, H, W; NULL: the model's own. */
static outcome read_model(const invocation *call, const int64_t *image, subject *of) {
    const clade_model *model = find_model(call, call->operands[0]);
    if (model == NULL) return WRONG_USAGE;
    if (image == NULL) image = model->image;
    model_inputs inputs;
    clade_model_values built;
    of->name = model->name;
    of->title = model->title;
    of->graph = build_model(call, model, image, &inputs, &built);
    if (of->graph == NULL) return FAILED;
    of->scores = built.scores;
    of->input = clade_shape(of->batch, image[0], image[1], image[2]);
    return DONE;
}

static outcome read_network(const invocation *call, const int64_t *image, subject *of) {
    const arguments *given = call->arguments;
    clade_onnx_binding binding = { .name = NULL };
    if (image != NULL) binding.dims = clade_shape(CLADE_BATCH, image[0], image[1], image[2]);
    const clade_onnx_options options = { .bindings = &binding, .binding_count = image != NULL };
    const clade_onnx_port *inputs, *outputs;
    of->name = call->operands[0];
    of->title = "a network in an ONNX file";
    const outcome result = open_onnx(call, of->name, &given->sizes, options, &of->network);
    if (result != DONE) return result;
    if (clade_onnx_outputs(of->network, &outputs) == 0) return failed_because(call, "%s: it has no output", of->name);
    of->scores = outputs[0].value;
    if (clade_onnx_inputs(of->network, &inputs) > 0) of->input = clade_value_dims(inputs[0].value);
    put_batch(of);
    return DONE;
}

/* conv N C H W K R S STRIDE PAD GROUPS, as bench and tune have it. */
static outcome read_convolution(const invocation *call, subject *of) {
    enum { SIZES = 10 };
    clade_conv_shape shape;
    if (call->operand_count != 1 + SIZES)
        return wrong_usage(call->command, "conv wants N C H W K R S STRIDE PAD GROUPS");
    outcome read = read_conv_shape(call, &shape);
    if (read != DONE) return read;
    of->name = call->operands[0];
    of->title = "one convolution";
    of->batch = shape.n;
    of->input = clade_shape(shape.n, shape.c, shape.h, shape.w);
    of->graph = clade_graph_new(call->context);
    if (of->graph == NULL) return failed(call);
    clade_value image = clade_input(of->graph, "image", CLADE_F32, clade_shape(CLADE_BATCH, shape.c, shape.h, shape.w));
    of->scores = clade_conv2d(
        image, .filters = shape.k, .kernel = { shape.r, shape.s }, .stride = { shape.stride, shape.stride },
        .pad = { shape.pad, shape.pad, shape.pad, shape.pad }, .groups = shape.groups, .name = "conv");
    return DONE;
}

static outcome read_subject(const invocation *call, const int64_t *image, subject *of) {
    if (strcmp(call->operands[0], "conv") == 0) return read_convolution(call, of);
    if (call->operand_count > 1) return wrong_usage(call->command, "%.100s wants no other word", call->operands[0]);
    const size_t length = strlen(call->operands[0]);
    const bool onnx = length > 5 && strcmp(call->operands[0] + length - 5, ".onnx") == 0;
    return (onnx ? read_network : read_model)(call, image, of);
}

static outcome run(invocation *call) {
    const arguments *given = call->arguments;
    subject of = { .batch = given->batch };
    int64_t image[3];
    if (given->input != NULL && !read_shape(given->input, image, &of.batch))
        return wrong_usage(call->command, "--input wants C,H,W or N,C,H,W, not \"%.100s\"", given->input);

    outcome result = read_subject(call, given->input != NULL ? image : NULL, &of);
    clade_summary *summary = NULL;
    if (result == DONE && clade_summary_new(of.scores, of.batch, &summary) != CLADE_OK) result = failed(call);
    if (result == DONE && !(given->json ? print_json(&of, summary) : print_text(&of, summary, given->sharing)))
        result = FAILED;
    clade_summary_free(summary);
    clade_graph_free(of.graph);
    clade_onnx_free(of.network);
    return result;
}

static const option options[] = {
    { "--input", OPTION_TEXT, offsetof(arguments, input), "SHAPE", 0,
      "C,H,W or N,C,H,W of the images; default the model's own" },
    { "--batch", OPTION_INTEGER, offsetof(arguments, batch), "N", 1, "images; default 1" },
    OPTION_SIZES(arguments),
    { "--sharing", OPTION_FLAG, offsetof(arguments, sharing), NULL, 0,
      "also each convolution's weights if every place had its own, and if it were fully connected" },
    OPTION_JSON(arguments),
    OPTIONS_END,
};

static const arguments defaults = { .batch = 1 };

const command command_summary = {
    .name = "summary",
    .operands = "MODEL|conv N C H W K R S STRIDE PAD GROUPS",
    .title = "layers, shapes, parameters, multiply-adds, receptive field, memory",
    .details =
        "MODEL is one of the zoo, or a file that ends in .onnx, of which the first output is meant; conv is K filters "
        "of "
        "R x S over N images. "
        "Multiply-adds and memory are those of the whole batch; the receptive field is what one output sees of the "
        "input.",
    .operand_minimum = 1,
    .operand_maximum = 11,
    .options = options,
    .arguments_size = sizeof(arguments),
    .defaults = &defaults,
    .run = run,
};
