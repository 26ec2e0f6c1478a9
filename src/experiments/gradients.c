/* Vanishing gradients (deck 004; Hochreiter 1991; Glorot and Bengio 2010): the same deep network with sigmoid and with
 * ReLU, trained alike. Each step gives, for every layer, the norm of its weights' gradient and the share of its units'
 * answers that are almost 0. A sigmoid's slope is at most 1/4, so the gradient shrinks at each layer on its way down; a
 * ReLU's is 1 where the unit answers, and half the units do not. */
#include "experiments/samples.h"

#include "clade/ops.h"
#include "clade/session.h"
#include "clade/train.h"
#include "formats/svg.h"
#include "passes/passes.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

enum { MOST_LAYERS = 24, BATCH = 50 };

static const struct activation {
    const char *name, *ratio, *accuracy;
    clade_value (*apply)(clade_value x);
    clade_initializer_kind weights;
} activations[] = {
    { "sigmoid", "sigmoid_ratio", "sigmoid_accuracy", clade_sigmoid, CLADE_INITIALIZE_XAVIER_GAUSSIAN },
    { "ReLU", "relu_ratio", "relu_accuracy", clade_relu, CLADE_INITIALIZE_MSRA },
};
enum { ACTIVATIONS = sizeof activations / sizeof *activations };

/* What a run of one activation found, means over the first and over the last part of the steps. */
typedef struct record {
    double first_norm[MOST_LAYERS], last_norm[MOST_LAYERS], sparsity[MOST_LAYERS];
    double *norms; /* (steps, layers) */
    double loss, accuracy;
} record;

typedef struct deep_net {
    clade_lab *lab;
    clade_graph *graph;
    clade_session *session;
    clade_train_options options;
    clade_value image, label, loss, correct;
    clade_value norm[MOST_LAYERS], sparsity[MOST_LAYERS]; /* scalars; the top layer has no sparsity */
    int64_t layers, pixels, steps;
    record *record;
} deep_net;

/* ---- the network ---- */

/* The share of elements of X that are at most TINY. */
static clade_value share_of_zeros(clade_value x) {
    const float tiny = 0.01F;
    clade_value above = clade_step(clade_subtract(x, clade_constant(x.graph, CLADE_SCALAR, tiny)));
    clade_value one = clade_constant(x.graph, CLADE_SCALAR, 1);
    return clade_subtract(one, clade_mean(above, CLADE_ALL_AXES, false));
}

/* The norms of the gradients by each layer's weights. */
static clade_status measure_gradients(deep_net *net) {
    clade_value weights[MOST_LAYERS], gradients[MOST_LAYERS];
    for (int64_t i = 0; i < net->layers; i++) {
        char name[48];
        snprintf(name, sizeof name, "fc%" PRId64 ".weight", i + 1);
        weights[i] = clade_graph_find(net->graph, "state", name);
    }
    clade_status status = clade_gradient(net->loss, CLADE_NO_VALUE, weights, (size_t)net->layers, gradients);
    for (int64_t i = 0; i < net->layers && status == CLADE_OK; i++)
        net->norm[i] = clade_square_root(clade_sum(clade_square(gradients[i]), CLADE_ALL_AXES, false));
    return status == CLADE_OK ? clade_graph_status(net->graph) : status;
}

static clade_status build(deep_net *net, const struct activation *activation, const clade_dataset_info *info) {
    int64_t units = clade_lab_count(net->lab, "units");
    const clade_initializer start = { .kind = activation->weights };
    net->graph = clade_graph_new(net->lab->context);
    if (!net->graph) return clade_fail_memory(net->lab->context, sizeof *net, "a graph");
    net->image = clade_input(net->graph, "image", CLADE_F32,
                             clade_shape(CLADE_BATCH, info->channels, info->height, info->width));
    net->label = clade_input(net->graph, "label", CLADE_I32, clade_shape(CLADE_BATCH));
    clade_value x = net->image;
    for (int64_t i = 0; i < net->layers; i++) {
        char name[32];
        bool top = i + 1 == net->layers;
        snprintf(name, sizeof name, "fc%" PRId64, i + 1);
        x = clade_dense(x, .units = top ? info->classes : units, .weight_initializer = start, .name = name);
        if (top) break;
        x = activation->apply(x);
        net->sparsity[i] = share_of_zeros(x);
    }
    net->loss = clade_softmax_cross_entropy(x, net->label);
    net->correct = clade_count_correct(x, net->label);
    clade_status status = measure_gradients(net);
    if (status == CLADE_OK) status = clade_optimize(net->loss, &net->options);
    return status == CLADE_OK ? clade_session_new(net->lab->device, net->graph, net->lab->seed, &net->session) : status;
}

/* ---- training ---- */

static void note(deep_net *net, int64_t step, const float *norms, const float *sparsity) {
    enum { PARTS = 10 };
    record *record = net->record;
    int64_t part = net->steps / PARTS > 0 ? net->steps / PARTS : 1;
    for (int64_t i = 0; i < net->layers; i++) {
        double norm = (double)norms[i] / (double)part;
        record->norms[step * net->layers + i] = (double)norms[i];
        if (step < part) record->first_norm[i] += norm;
        if (step < net->steps - part) continue;
        record->last_norm[i] += norm;
        record->sparsity[i] += i + 1 < net->layers ? (double)sparsity[i] / (double)part : (double)NAN;
    }
}

static clade_status step(void *user, int64_t step, const clade_batch *batch) {
    deep_net *net = user;
    float loss = 0, norms[MOST_LAYERS], sparsity[MOST_LAYERS];
    const clade_binding_array feeds[] = {
        { net->image, (float *)(uintptr_t)batch->images, BATCH * net->pixels },
        { net->label, (int32_t *)(uintptr_t)batch->labels, BATCH },
    };
    clade_binding_array fetches[2 * MOST_LAYERS];
    size_t count = 0;
    fetches[count++] = (clade_binding_array){ net->loss, &loss, 1 };
    for (int64_t i = 0; i < net->layers; i++)
        fetches[count++] = (clade_binding_array){ net->norm[i], &norms[i], 1 };
    for (int64_t i = 0; i + 1 < net->layers; i++)
        fetches[count++] = (clade_binding_array){ net->sparsity[i], &sparsity[i], 1 };
    const clade_run_options run = { .size = sizeof run,
                                    .batch = BATCH,
                                    .feeds = feeds,
                                    .feed_count = 2,
                                    .fetches = fetches,
                                    .fetch_count = count,
                                    .updates = true };
    clade_status status = clade_optimize_step(net->session, &net->options, step);
    if (status == CLADE_OK) status = clade_session_run(net->session, &run);
    if (status != CLADE_OK) return status;
    note(net, step, norms, sparsity);
    net->record->loss = (double)loss;
    return CLADE_OK;
}

static clade_status measure(deep_net *net, clade_dataset *test) {
    int64_t count = clade_dataset_describe(test).count, most = clade_lab_count(net->lab, "tested");
    if (count > most) count = most;
    float correct = 0, *images = clade_allocate(net->lab->context, (size_t)(count * net->pixels), sizeof *images);
    int32_t *labels = clade_allocate(net->lab->context, (size_t)count, sizeof *labels);
    clade_status status = CLADE_OK;
    if (!images || !labels)
        status =
            clade_fail_memory(net->lab->context, (size_t)(count * net->pixels) * sizeof *images, "the test images");
    if (status == CLADE_OK) status = clade_samples_read(test, 0, count, images, labels);
    const clade_binding_array feeds[] = { { net->image, images, count * net->pixels }, { net->label, labels, count } };
    const clade_binding_array fetch = { net->correct, &correct, 1 };
    const clade_run_options run = { .size = sizeof run,
                                    .batch = count,
                                    .feeds = feeds,
                                    .feed_count = 2,
                                    .fetches = &fetch,
                                    .fetch_count = 1,
                                    .inference = true };
    if (status == CLADE_OK) status = clade_session_run(net->session, &run);
    net->record->accuracy = (double)correct / (double)count;
    clade_free(net->lab->context, images);
    clade_free(net->lab->context, labels);
    return status;
}

static clade_status run_one(clade_lab *lab, const struct activation *activation, clade_dataset *train,
                            clade_dataset *test, record *record) {
    clade_dataset_info info = clade_dataset_describe(train);
    int64_t epochs = clade_lab_count(lab, "epochs");
    deep_net net = { .lab = lab,
                     .options = { .size = sizeof net.options,
                                  .optimizer = CLADE_SGD,
                                  .rate = clade_lab_setting(lab, "rate"),
                                  .momentum = 0.9 },
                     .layers = clade_lab_count(lab, "layers"),
                     .pixels = info.channels * info.height * info.width,
                     .steps = epochs * (info.count / BATCH),
                     .record = record };
    record->norms = clade_allocate(lab->context, (size_t)(net.steps * net.layers) + 1, sizeof *record->norms);
    clade_status status = CLADE_OK;
    if (!record->norms) status = clade_fail_memory(lab->context, sizeof *record, "the gradients' norms");
    if (status == CLADE_OK) status = build(&net, activation, &info);
    if (status == CLADE_OK) status = clade_samples_each(lab, train, BATCH, epochs, step, &net);
    if (status == CLADE_OK) status = measure(&net, test);
    clade_session_free(net.session);
    clade_graph_free(net.graph);
    return status;
}

/* ---- what is shown ---- */

static void tabulate(clade_lab *lab, const record records[ACTIVATIONS], int64_t layers) {
    static const char *const columns[] = { "layer",      "sigmoid first", "sigmoid last", "sigmoid zeros",
                                           "ReLU first", "ReLU last",     "ReLU zeros" };
    for (size_t i = 0; i < sizeof columns / sizeof *columns; i++)
        clade_lab_column(lab, columns[i]);
    for (int64_t i = 0; i < layers; i++) {
        char name[32];
        snprintf(name, sizeof name, "fc%" PRId64, i + 1);
        clade_lab_text(lab, name);
        for (int a = 0; a < ACTIVATIONS; a++) {
            clade_lab_number(lab, "%.2e", records[a].first_norm[i]);
            clade_lab_number(lab, "%.2e", records[a].last_norm[i]);
            clade_lab_number(lab, "%.3f", records[a].sparsity[i]);
        }
    }
    for (int a = 0; a < ACTIVATIONS; a++) {
        clade_lab_figure(lab, activations[a].ratio, records[a].first_norm[0] / records[a].first_norm[layers - 1]);
        clade_lab_figure(lab, activations[a].accuracy, records[a].accuracy);
    }
}

static void style_of(char style[96], int activation, bool dashed) {
    snprintf(style, 96, "stroke=\"%s\" stroke-width=\"2\"%s", clade_svg_colour(activation),
             dashed ? " stroke-dasharray=\"6 4\"" : "");
}

static clade_panel norms_panel(clade_text *svg, double x, double y, double width, double height) {
    return (clade_panel){
        .svg = svg, .x = x, .y = y, .width = width, .height = height, .bottom = 1e-8, .top = 10, .log_y = true
    };
}

static void draw_layers(clade_text *svg, const record records[ACTIVATIONS], int64_t layers) {
    double x[MOST_LAYERS];
    char style[96], words[64];
    for (int64_t i = 0; i < layers; i++)
        x[i] = (double)i + 1;
    clade_panel norms = norms_panel(svg, 80, 60, 320, 280);
    norms.left = 1, norms.right = (double)layers;
    clade_panel zeros = { .svg = svg,
                          .x = 480,
                          .y = 60,
                          .width = 320,
                          .height = 280,
                          .left = 1,
                          .right = (double)layers,
                          .bottom = 0,
                          .top = 1 };
    clade_panel_axes(&norms, "gradient norm", "layer", "");
    clade_panel_axes(&zeros, "units near 0, at the end", "layer", "");
    for (int a = 0; a < ACTIVATIONS; a++) {
        style_of(style, a, true);
        clade_panel_curve(&norms, x, records[a].first_norm, (size_t)layers, style);
        snprintf(words, sizeof words, "%s, at first", activations[a].name);
        clade_panel_legend(&zeros, 2 * a, style, words);
        style_of(style, a, false);
        clade_panel_curve(&norms, x, records[a].last_norm, (size_t)layers, style);
        clade_panel_curve(&zeros, x, records[a].sparsity, (size_t)layers - 1, style);
        snprintf(words, sizeof words, "%s, at the end", activations[a].name);
        clade_panel_legend(&zeros, 2 * a + 1, style, words);
    }
}

/* The norms of the lowest (dashed) and the highest layer over the steps. */
static clade_status draw_steps(clade_lab *lab, clade_text *svg, const record records[ACTIVATIONS], int64_t layers,
                               int64_t steps) {
    char style[96];
    double *x = clade_allocate(lab->context, 2 * (size_t)steps, sizeof *x), *y = x ? x + steps : NULL;
    if (!x) return clade_fail_memory(lab->context, (size_t)steps * sizeof *x, "a picture");
    clade_panel panel = norms_panel(svg, 80, 430, 720, 260);
    panel.right = (double)steps;
    clade_panel_axes(&panel, "gradient norm of the lowest (dashed) and the highest layer", "step", "");
    for (int a = 0; a < ACTIVATIONS; a++)
        for (int low = 0; low < 2; low++) {
            for (int64_t i = 0; i < steps; i++) {
                x[i] = (double)i;
                y[i] = records[a].norms[i * layers + (low ? 0 : layers - 1)];
            }
            style_of(style, a, low);
            clade_panel_curve(&panel, x, y, (size_t)steps, style);
        }
    clade_free(lab->context, x);
    return CLADE_OK;
}

static clade_status draw(clade_lab *lab, const record records[ACTIVATIONS], int64_t layers, int64_t steps) {
    clade_text svg = { .context = lab->context };
    clade_svg_begin(&svg, 1000, 760, "Gradients on their way down a deep network");
    draw_layers(&svg, records, layers);
    clade_status status = draw_steps(lab, &svg, records, layers, steps);
    clade_svg_end(&svg);
    if (status == CLADE_OK) return clade_lab_svg(lab, "gradients.svg", &svg);
    clade_text_free(&svg);
    return status;
}

static clade_status run(clade_lab *lab) {
    record records[ACTIVATIONS] = { 0 };
    clade_dataset *train = NULL, *test = NULL;
    int64_t layers = clade_lab_count(lab, "layers");
    clade_status status = clade_dataset_open(lab->context, lab->data, &train, &test);
    if (status == CLADE_OK && clade_dataset_describe(train).classes < 2)
        status = clade_fail(lab->context, CLADE_ERROR_INPUT, "%s: has no classes to tell apart", lab->data);
    for (int a = 0; a < ACTIVATIONS && status == CLADE_OK; a++)
        status = run_one(lab, &activations[a], train, test, &records[a]);
    if (status == CLADE_OK) tabulate(lab, records, layers);
    if (status == CLADE_OK && lab->folder)
        status =
            draw(lab, records, layers, clade_lab_count(lab, "epochs") * (clade_dataset_describe(train).count / BATCH));
    for (int a = 0; a < ACTIVATIONS; a++)
        clade_free(lab->context, records[a].norms);
    clade_dataset_free(train);
    clade_dataset_free(test);
    return status;
}

static const clade_setting settings[] = {
    { "layers", 8, 2, MOST_LAYERS, true, "fully connected, the last without an activation" },
    { "units", 64, 1, 4096, true, "in each layer but the last" },
    { "epochs", 2, 1, 1000, true, "of training" },
    { "rate", 0.02, 1e-6, 10, false, "of gradient descent with momentum 0.9" },
    { "tested", 1000, 1, 1e6, true, "test images, at most" },
    { .name = NULL },
};

const clade_experiment_row clade_experiment_gradients = {
    .about = { .name = "gradients",
               .title = "vanishing gradients: norm and sparsity by layer of a deep network, sigmoid against ReLU",
               .data = "digits:10000,1000",
               .settings = settings },
    .run = run,
};
