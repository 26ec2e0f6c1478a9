/* clade predict: what a trained model makes of images. */
#include "command.h"
#include "report.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct arguments {
    bool json;
    const char *data, *device;
    int64_t top;
} arguments;

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

static outcome read_indexed(const invocation *call, const clade_model *model, clade_dataset *data, int64_t index,
                            float *image, int32_t *label) {
    clade_dataset_info info = clade_dataset_describe(data);
    if (info.channels != model->image[0] || info.height != model->image[1] || info.width != model->image[2])
        return failed_because(call, "%s has images of %lldx%lldx%lld, but %s takes %lldx%lldx%lld; name another --data",
                              info.name, (long long)info.channels, (long long)info.height, (long long)info.width,
                              model->name, (long long)model->image[0], (long long)model->image[1],
                              (long long)model->image[2]);
    if (index >= info.count)
        return failed_because(call, "no image %lld: %s has %lld, counted from 0", (long long)index, info.name,
                              (long long)info.count);
    return clade_dataset_read(data, &index, 1, image, label) == CLADE_OK ? DONE : failed(call);
}

static outcome read_pictures(const invocation *call, const clade_model *model, clade_dataset **data, pictures *p) {
    const arguments *given = call->arguments;
    const int64_t *size = model->image;
    if (!allocate(p, model, call->operand_count - 1)) return failed_because(call, "memory is short for the images");
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
        if (*data == NULL && clade_dataset_open_sized(call->context, given->data, size, NULL, data) != CLADE_OK)
            return failed(call);
        result = read_indexed(call, model, *data, index, image, &p->labels[i]);
        if (result != DONE) return result;
    }
    return DONE;
}

static bool print_json(const invocation *call, const clade_predictor *predictor, const pictures *p, const int64_t *best,
                       int64_t top) {
    const clade_model *model = clade_predictor_model(predictor);
    json report = json_new();
    json_text(&report, report.root, "model", model->name);
    cJSON *predictions = json_array(&report, report.root, "predictions");
    for (int64_t i = 0; i < p->count; i++) {
        cJSON *row = json_object(&report, predictions, NULL);
        json_text(&report, row, "input", call->operands[i + 1]);
        if (p->labels[i] >= 0) json_number(&report, row, "label", p->labels[i]);
        json_number(&report, row, "class", (double)best[i * top]);
        cJSON *list = json_array(&report, row, "top");
        for (int64_t k = 0; k < top; k++) {
            cJSON *entry = json_object(&report, list, NULL);
            json_number(&report, entry, "class", (double)best[i * top + k]);
            const char *name = clade_predictor_class(predictor, best[i * top + k]);
            if (name != NULL) json_text(&report, entry, "name", name);
            json_number(&report, entry, "score", p->scores[i * model->classes + best[i * top + k]]);
        }
    }
    return json_print(&report);
}

/* A class by its name, where it has one. */
static void print_class(const clade_predictor *predictor, int64_t class) {
    const char *name = clade_predictor_class(predictor, class);
    if (name != NULL) {
        printf("%s", name);
    } else {
        printf("%lld", (long long)class);
    }
}

static void print_text(const invocation *call, const clade_predictor *predictor, clade_dataset *data, const pictures *p,
                       const int64_t *best, int64_t top) {
    const int64_t classes = clade_predictor_model(predictor)->classes;
    for (int64_t i = 0; i < p->count; i++) {
        if (p->labels[i] >= 0) {
            printf("%s %s (labelled ", clade_dataset_describe(data).name, call->operands[i + 1]);
            print_class(predictor, p->labels[i]);
            printf("):");
        } else {
            printf("%s:", call->operands[i + 1]);
        }
        for (int64_t k = 0; k < top; k++) {
            int64_t class = best[i * top + k];
            printf("%s ", k > 0 ? "," : "");
            print_class(predictor, class);
            printf(" (%.4g)", (double)p->scores[i * classes + class]);
        }
        putchar('\n');
    }
}

static outcome predict(const invocation *call, clade_predictor *predictor, clade_dataset **data, pictures *p) {
    const arguments *given = call->arguments;
    const clade_model *model = clade_predictor_model(predictor);
    outcome result = read_pictures(call, model, data, p);
    if (result != DONE) return result;
    if (clade_predictor_scores(predictor, p->images, p->count, p->scores) != CLADE_OK) return failed(call);
    int64_t top = given->top < model->classes ? given->top : model->classes;
    int64_t *best = calloc((size_t)(p->count * top), sizeof *best);
    if (best == NULL) return failed_because(call, "memory is short for the answers");
    for (int64_t i = 0; i < p->count; i++)
        clade_top_classes(p->scores + i * model->classes, model->classes, top, best + i * top);
    if (given->json) {
        if (!print_json(call, predictor, p, best, top)) result = FAILED;
    } else {
        print_text(call, predictor, *data, p, best, top);
    }
    free(best);
    return result;
}

static outcome run(invocation *call) {
    const arguments *given = call->arguments;
    clade_device *device = NULL;
    clade_dataset *data = NULL;
    clade_predictor *predictor = NULL;
    pictures p = { .count = 0 };
    outcome result = open_device(call, given->device, &device);
    if (result != DONE) return result;
    if (clade_predictor_open(device, call->operands[0], &predictor) != CLADE_OK) {
        result = failed(call);
    } else {
        result = predict(call, predictor, &data, &p);
    }
    release(&p);
    clade_predictor_free(predictor);
    clade_dataset_free(data);
    clade_device_close(device);
    return result;
}

static const option options[] = {
    { "--top", OPTION_INTEGER, offsetof(arguments, top), "K", 1, "likeliest classes to name; default 1" },
    { "--data", OPTION_TEXT, offsetof(arguments, data), "DATA", 0,
      "the data set of inputs that are numbers; default digits" },
    OPTION_DEVICE(arguments),
    OPTION_JSON(arguments),
    OPTIONS_END,
};

static const arguments defaults = { .top = 1, .data = "digits" };

const command command_predict = {
    .name = "predict",
    .operands = "FILE|DIR INPUT...",
    .title = "what a trained model makes of images",
    .details = "INPUT is a number, counted from 0 in the data's test part, a JPEG or PNG file, or a NPY or PGM file of "
               "the model's size.",
    .operand_minimum = 2,
    .operand_maximum = 100000,
    .options = options,
    .arguments_size = sizeof(arguments),
    .defaults = &defaults,
    .run = run,
};
