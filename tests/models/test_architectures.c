/* The published networks, layer by layer: output shapes, parameters and multiply-adds as `clade summary` shows them. The
 * sums stand here; the layers are held against CLADE_SHARED/reference/architectures.tsv (columns: model, layer, shape,
 * parameters, multiply-adds, ...), and that part is skipped without it. */
#include "support/device.h"

#include "clade/inspect.h"
#include "models/zoo.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct architecture {
    const char *model, *source; /* in the zoo; in the file */
    int64_t parameters, multiply_adds;
} architectures[] = {
    { "lenet5", "LeNet-5-modern", 61706, 416520 },
    { "alexnet", "AlexNet-Caffe", 60965224, 724406816 },
    { "vgg11", "VGG-A", 132863336, 7609090048 },
    { "vgg11-lrn", "VGG-A", 132863336, 7609090048 },
    { "vgg13", "VGG-B", 133047848, 11308466176 },
    { "vgg16-1x1", "VGG-C", 133638952, 11770888192 },
    { "vgg16", "VGG-D", 138357544, 15470264320 },
    { "vgg19", "VGG-E", 143667240, 19632062464 },
    { "resnet18", "ResNet-18", 11689512, 1814073344 },
    { "resnet34", "ResNet-34", 21797672, 3663761408 },
    { "resnet50", "ResNet-50", 25557032, 3857973248 },
    { "resnet101", "ResNet-101", 44549160, 7570194432 },
    { "resnet152", "ResNet-152", 60192808, 11282415616 },
    { "resnet20", "ResNet-CIFAR-20-A", 269722, 40551040 },
    { "resnet32", "ResNet-CIFAR-32-A", 464154, 68862592 },
    { "resnet44", "ResNet-CIFAR-44-A", 658586, 97174144 },
    { "resnet56", "ResNet-CIFAR-56-A", 853018, 125485696 },
    { "googlenet", "GoogLeNet", 6998552, 1582671872 },
    { "resnet110", "ResNet-CIFAR-110-A", 1727962, 252887680 },
};
enum { ARCHITECTURES = sizeof architectures / sizeof architectures[0] };

typedef struct summarized {
    clade_context *context;
    clade_graph *graph;
    clade_summary *summary;
} summarized;

static summarized summarize(const char *model) {
    summarized s = { .context = clade_context_new(NULL) };
    clade_value image, label;
    clade_model_values values;
    assert_non_null(s.context);
    assert_good(s.context, clade_model_graph(s.context, clade_model_find(model), &s.graph, &image, &label, &values));
    assert_good(s.context, clade_summary_new(values.scores, 1, &s.summary));
    return s;
}

static void release(summarized *s) {
    clade_summary_free(s->summary);
    clade_graph_free(s->graph);
    clade_context_free(s->context);
}

static void test_sums_are_the_published_ones(void **state) {
    (void)state;
    for (int i = 0; i < ARCHITECTURES; i++) {
        summarized s = summarize(architectures[i].model);
        assert_int_equal(s.summary->parameters, architectures[i].parameters);
        assert_true(s.summary->multiply_adds == (double)architectures[i].multiply_adds);
        release(&s);
    }
}

/* ---- layer by layer ---- */

/* A line of the file. */
typedef struct line {
    char model[64], layer[64], shape[64];
    int64_t parameters;
    double multiply_adds;
} line;

static bool ends_with(const char *text, const char *end) {
    size_t length = strlen(text), ending = strlen(end);
    return length >= ending && strcmp(text + length - ending, end) == 0;
}

/* Sums, means and concatenations have no name: they are known by their type and their place. */
static bool is_layer(const clade_layer *layer, const char *name) {
    if (ends_with(name, ".add")) return strcmp(layer->type, "add") == 0;
    if (ends_with(name, "/output")) return strcmp(layer->type, "concat") == 0;
    if (strcmp(name, "gap") == 0) return strcmp(layer->type, "mean") == 0;
    return strcmp(layer->name, name) == 0;
}

static void shape_text(const clade_dims *dims, char *text, size_t size) {
    size_t length = 0;
    text[0] = '\0';
    for (int32_t axis = 1; axis < dims->rank && length < size; axis++)
        length += (size_t)snprintf(text + length, size - length, "%s%" PRId64, axis > 1 ? "x" : "", dims->size[axis]);
}

/* Finds LINE among the layers from *PLACE on, and holds it against what was found. */
static void check_line(const struct architecture *of, const clade_summary *summary, const line *line, size_t *place) {
    while (*place < summary->layer_count && !is_layer(&summary->layers[*place], line->layer))
        ++*place;
    if (*place == summary->layer_count) fail_msg("%s: no layer %s in its place", of->model, line->layer);
    const clade_layer *layer = &summary->layers[(*place)++];
    char shape[64];
    shape_text(&layer->output, shape, sizeof shape);
    if (strcmp(shape, line->shape) != 0 || layer->parameters != line->parameters ||
        layer->multiply_adds != line->multiply_adds)
        fail_msg("%s %s: %s, %" PRId64 " parameters, %.0f multiply-adds; expected %s, %" PRId64 ", %.0f", of->model,
                 line->layer, shape, layer->parameters, layer->multiply_adds, line->shape, line->parameters,
                 line->multiply_adds);
}

/* The next line's first five columns; an empty shape (of a sum) is left empty. */
static bool read_line(FILE *file, line *out) {
    char text[1024], *fields[5];
    if (!fgets(text, sizeof text, file)) return false;
    char *at = text;
    for (int i = 0; i < 5; i++) {
        fields[i] = at;
        at += strcspn(at, "\t\n");
        if (*at) *at++ = '\0';
    }
    snprintf(out->model, sizeof out->model, "%s", fields[0]);
    snprintf(out->layer, sizeof out->layer, "%s", fields[1]);
    snprintf(out->shape, sizeof out->shape, "%s", fields[2]);
    out->parameters = strtoll(fields[3], NULL, 10);
    out->multiply_adds = strtod(fields[4], NULL);
    return true;
}

static void check_architecture(FILE *file, const struct architecture *of) {
    summarized s = summarize(of->model);
    line line;
    size_t place = 0, lines = 0;
    rewind(file);
    while (read_line(file, &line)) {
        if (strcmp(line.model, of->source) != 0) continue;
        if (strcmp(line.layer, "input") == 0 || strcmp(line.layer, "TOTAL") == 0) continue;
        check_line(of, s.summary, &line, &place);
        lines++;
    }
    assert_true(lines > 5);
    release(&s);
}

static void test_layers_are_the_published_ones(void **state) {
    (void)state;
    const char *shared = getenv("CLADE_SHARED");
    char path[4096];
    snprintf(path, sizeof path, "%s/reference/architectures.tsv", shared ? shared : "");
    FILE *file = shared ? fopen(path, "r") : NULL;
    if (!file) skip();
    for (int i = 0; i < ARCHITECTURES; i++) {
        if (strncmp(architectures[i].model, "lenet", 5) != 0) check_architecture(file, &architectures[i]);
    }
    fclose(file);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sums_are_the_published_ones),
        cmocka_unit_test(test_layers_are_the_published_ones),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
