/* clade predict: what a trained model makes of images. */
#include "network.h"
#include "report.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct arguments {
    bool json;
    const char *data, *device, *classes;
    int64_t top;
    input_options input;
} arguments;

/* What is asked: a network, and whose names its classes have. */
typedef struct question {
    clade_network *network;
    const clade_model *model;
    clade_dataset *data; /* NULL until it is needed */
    char *names;         /* of --classes, each ended by a zero; NULL: none */
} question;

/* The images that the operands name, and what a data set says that they show (-1: not known). */
typedef struct pictures {
    int64_t count;
    float *images;
    int32_t *labels;
    float *scores;
} pictures;

/* Whether TEXT is an index into the data set: digits alone. */
static bool is_index(const char *text, int64_t *index) {
    char *end = NULL;
    if (text[0] == '\0' || text[strspn(text, "0123456789")] != '\0') return false;
    *index = (int64_t)strtoll(text, &end, 10);
    return true;
}

static bool allocate(pictures *p, const clade_model *model, int64_t count) {
    size_t pixels = (size_t)(model->image[0] * model->image[1] * model->image[2]);
    p->count = count;
    p->images = calloc((size_t)count, pixels * sizeof *p->images);
    p->labels = calloc((size_t)count, sizeof *p->labels);
    p->scores = calloc((size_t)count, (size_t)model->classes * sizeof *p->scores);
    return p->images != NULL && p->labels != NULL && p->scores != NULL;
}

static void release(pictures *p) {
    free(p->images);
    free(p->labels);
    free(p->scores);
}

static outcome read_indexed(const invocation *call, const question *q, int64_t index, float *image, int32_t *label) {
    const clade_dataset_info info = clade_dataset_describe(q->data);
    if (clade_network_check(q->network, q->data) != CLADE_OK) return failed(call);
    if (index >= info.count)
        return failed_because(call, "no image %lld: %s has %lld, counted from 0", (long long)index, info.name,
                              (long long)info.count);
    return clade_dataset_read(q->data, &index, 1, image, clade_network_foretells(q->network) ? NULL : label) == CLADE_OK
               ? DONE
               : failed(call);
}

static outcome open_data(const invocation *call, question *q) {
    const arguments *given = call->arguments;
    const char *spec = given->data != NULL ? given->data : "digits";
    if (q->data != NULL) return DONE;
    return clade_dataset_open_sized(call->context, spec, q->model->image, NULL, &q->data) == CLADE_OK ? DONE
                                                                                                      : failed(call);
}

/* What the network's file leaves open of sizes is as the data set, or the first picture, has it. */
static outcome settle_sizes(const invocation *call, question *q) {
    int64_t image[3], index = 0;
    if (!clade_network_is_open(q->network)) return DONE;
    if (is_index(call->operands[1], &index)) {
        const outcome result = open_data(call, q);
        return result != DONE || clade_network_fit(q->network, q->data) == CLADE_OK ? result : failed(call);
    }
    if (clade_image_sizes(call->context, call->operands[1], image) != CLADE_OK) return failed(call);
    if (q->model->image[0] > 0) image[0] = q->model->image[0];
    return clade_network_size(q->network, image) == CLADE_OK ? DONE : failed(call);
}

static outcome read_pictures(const invocation *call, question *q, pictures *p) {
    const int64_t *size = q->model->image;
    if (!allocate(p, q->model, call->operand_count - 1)) return failed_because(call, "memory is short for the images");
    for (int64_t i = 0; i < p->count; i++) {
        const char *input = call->operands[i + 1];
        float *image = p->images + i * size[0] * size[1] * size[2];
        int64_t index = 0;
        outcome result = DONE;
        p->labels[i] = -1;
        if (!is_index(input, &index)) {
            if (clade_image_load(call->context, input, size[0], size[1], size[2], image) != CLADE_OK)
                return failed(call);
            continue;
        }
        result = open_data(call, q);
        if (result == DONE) result = read_indexed(call, q, index, image, &p->labels[i]);
        if (result != DONE) return result;
    }
    return DONE;
}

/* ---- names of classes ---- */

/* Reads --classes. */
static outcome read_names(const invocation *call, question *q) {
    const arguments *given = call->arguments;
    int64_t count = 0;
    if (given->classes == NULL) return DONE;
    q->names = read_lines(given->classes, &count);
    if (q->names == NULL) return failed_because(call, "%.200s: cannot be read as names of classes", given->classes);
    if (count == q->model->classes) return DONE;
    return failed_because(call, "%.200s: has %lld names, and %s tells %lld classes apart", given->classes,
                          (long long)count, q->model->name, (long long)q->model->classes);
}

/* The name of CLASS: from --classes, the run, or a data set that was named; NULL: it has none. */
static const char *class_name(const invocation *call, const question *q, int64_t class) {
    const arguments *given = call->arguments;
    const char *name = q->names;
    if (name == NULL) name = clade_network_class(q->network, class);
    if (q->names != NULL)
        for (int64_t i = 0; i < class; i++)
            name += strlen(name) + 1;
    if (name == NULL && given->data != NULL && q->data != NULL) name = clade_dataset_class(q->data, class);
    return name;
}

/* ---- what comes of it ---- */

static void add_classes(json *report, cJSON *row, const invocation *call, const question *q, const float *scores,
                        const int64_t *best, int64_t top) {
    json_number(report, row, "class", (double)best[0]);
    cJSON *list = json_array(report, row, "top");
    for (int64_t k = 0; k < top; k++) {
        cJSON *entry = json_object(report, list, NULL);
        json_number(report, entry, "class", (double)best[k]);
        const char *name = class_name(call, q, best[k]);
        if (name != NULL) json_text(report, entry, "name", name);
        json_number(report, entry, "score", scores[best[k]]);
    }
}

static bool print_json(const invocation *call, const question *q, const pictures *p, const int64_t *best, int64_t top) {
    const int64_t outputs = q->model->classes;
    json report = json_new();
    json_text(&report, report.root, "model", q->model->name);
    cJSON *predictions = json_array(&report, report.root, "predictions");
    for (int64_t i = 0; i < p->count; i++) {
        const float *scores = p->scores + i * outputs;
        cJSON *row = json_object(&report, predictions, NULL);
        json_text(&report, row, "input", call->operands[i + 1]);
        if (clade_network_foretells(q->network)) {
            cJSON *list = json_array(&report, row, "numbers");
            for (int64_t k = 0; k < outputs; k++)
                json_number(&report, list, NULL, scores[k]);
            continue;
        }
        if (p->labels[i] >= 0) json_number(&report, row, "label", p->labels[i]);
        add_classes(&report, row, call, q, scores, best + i * top, top);
    }
    return json_print(&report);
}

/* A class by its name, where it has one. */
static void print_class(const invocation *call, const question *q, int64_t class) {
    const char *name = class_name(call, q, class);
    if (name != NULL) {
        printf("%s", name);
    } else {
        printf("%lld", (long long)class);
    }
}

static void print_text(const invocation *call, const question *q, const pictures *p, const int64_t *best, int64_t top) {
    const bool foretells = clade_network_foretells(q->network);
    const int64_t outputs = q->model->classes, listed = foretells ? outputs : top;
    for (int64_t i = 0; i < p->count; i++) {
        const float *scores = p->scores + i * outputs;
        if (p->labels[i] >= 0 && !foretells) {
            printf("%s %s (labelled ", clade_dataset_describe(q->data).name, call->operands[i + 1]);
            print_class(call, q, p->labels[i]);
            printf("):");
        } else {
            printf("%s:", call->operands[i + 1]);
        }
        for (int64_t k = 0; k < listed; k++) {
            printf("%s ", k > 0 ? "," : "");
            if (foretells) {
                printf("%.6g", (double)scores[k]);
                continue;
            }
            print_class(call, q, best[i * top + k]);
            printf(" (%.4g)", (double)scores[best[i * top + k]]);
        }
        putchar('\n');
    }
}

static outcome answer(const invocation *call, const question *q, const pictures *p) {
    const arguments *given = call->arguments;
    const int64_t outputs = q->model->classes, top = given->top < outputs ? given->top : outputs;
    outcome result = DONE;
    int64_t *best = calloc((size_t)(p->count * top), sizeof *best);
    if (best == NULL) return failed_because(call, "memory is short for the answers");
    for (int64_t i = 0; i < p->count; i++)
        clade_top_classes(p->scores + i * outputs, outputs, top, best + i * top);
    if (given->json) {
        if (!print_json(call, q, p, best, top)) result = FAILED;
    } else {
        print_text(call, q, p, best, top);
    }
    free(best);
    return result;
}

static outcome predict(const invocation *call, clade_device *device, question *q, pictures *p) {
    const arguments *given = call->arguments;
    clade_predictor *predictor = NULL;
    outcome result =
        open_network(call, call->operands[0], &given->input, (clade_network_options){ .trained = true }, &q->network);
    if (result != DONE) return result;
    q->model = clade_network_model(q->network);
    result = settle_sizes(call, q);
    if (result == DONE) result = read_names(call, q);
    if (result == DONE && given->data != NULL) result = open_data(call, q);
    if (result == DONE) result = read_pictures(call, q, p);
    if (result != DONE) return result;
    if (clade_predictor_new(device, q->network, &predictor) != CLADE_OK ||
        clade_predictor_scores(predictor, p->images, p->count, p->scores) != CLADE_OK)
        result = failed(call);
    clade_predictor_free(predictor);
    return result == DONE ? answer(call, q, p) : result;
}

static outcome run(invocation *call) {
    const arguments *given = call->arguments;
    clade_device *device = NULL;
    question q = { .network = NULL };
    pictures p = { .count = 0 };
    outcome result = open_device(call, given->device, &device);
    if (result != DONE) return result;
    result = predict(call, device, &q, &p);
    release(&p);
    free(q.names);
    clade_network_free(q.network);
    clade_dataset_free(q.data);
    clade_device_close(device);
    return result;
}

static const option options[] = {
    { "--top", OPTION_INTEGER, offsetof(arguments, top), "K", 1, "likeliest classes to name; default 1" },
    { "--data", OPTION_TEXT, offsetof(arguments, data), "DATA", 0,
      "the data set of inputs that are numbers, and of names of classes; default digits" },
    { "--classes", OPTION_TEXT, offsetof(arguments, classes), "FILE", 0, "names of the classes, a line each" },
    OPTIONS_INPUT(arguments),
    OPTION_DEVICE(arguments),
    OPTION_JSON(arguments),
    OPTIONS_END,
};

static const arguments defaults = { .top = 1 };

const command command_predict = {
    .name = "predict",
    .operands = "FILE|DIR INPUT...",
    .title = "what a trained model makes of images",
    .details = "FILE is an ONNX file or a checkpoint, DIR a run's folder. INPUT is a number, counted from 0 in the "
               "data's test part, a JPEG or PNG file, or a NPY or PGM file of the model's size. Pictures are given to "
               "an ONNX file's network as numbers in [0, 1], unless --scale, --mean and --std say otherwise; a run "
               "has kept what it was trained with.",
    .operand_minimum = 2,
    .operand_maximum = 100000,
    .options = options,
    .arguments_size = sizeof(arguments),
    .defaults = &defaults,
    .run = run,
};
