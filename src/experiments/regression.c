/* Linear models (decks 001 and 004): linear regression, a linear classifier by least squares, logistic and softmax
 * regression. Each is one layer trained on the device by gradient descent with momentum over all samples at once, and is
 * compared with what Newton's method finds on the host in double (newton.h; for the first two the closed form). */
#include "experiments/newton.h"
#include "experiments/surface.h"

#include "base/random.h"
#include "clade/ops.h"
#include "clade/train.h"
#include "data/points.h"

#include <math.h>
#include <stdio.h>

enum { SAMPLES = 300, FEATURES = 3, OUTPUTS = 3 };

typedef struct sample_set {
    float x[SAMPLES * FEATURES], target[SAMPLES * OUTPUTS];
    int32_t label[SAMPLES];
} sample_set;

/* ---- data ---- */

/* A cubic and noise; the features are x, x^2, x^3. */
static void draw_curve(uint64_t seed, int64_t kind, sample_set *set) {
    (void)kind;
    const double noise = 0.15;
    for (int64_t n = 0; n < SAMPLES; n++) {
        clade_random random = clade_random_stream(seed, "regression", (uint64_t)n);
        double x = 2 * clade_random_uniform(&random) - 1;
        for (int i = 0; i < FEATURES; i++)
            set->x[n * FEATURES + i] = (float)pow(x, i + 1);
        set->target[n] =
            (float)(0.3 - 0.8 * x + 0.2 * x * x + 1.5 * x * x * x + noise * clade_random_gaussian(&random));
    }
}

/* Points of the plane; one target for two classes, else one for each. */
static void draw_points(uint64_t seed, int64_t kind, sample_set *set) {
    int32_t classes = clade_points_kinds[kind].classes, outputs = classes == 2 ? 1 : classes;
    for (int64_t n = 0; n < SAMPLES; n++) {
        set->label[n] = clade_point_draw(kind, seed, "regression", n, set->x + 2 * n);
        for (int32_t k = 0; k < outputs; k++)
            set->target[n * outputs + k] = outputs == 1 ? (float)set->label[n] : set->label[n] == k ? 1 : 0;
    }
}

enum { CLUSTERS, MOONS }; /* of clade_points_kinds */

static const struct model {
    const char *name, *figure;
    clade_link link;
    int64_t features, outputs;
    void (*draw)(uint64_t seed, int64_t kind, sample_set *set);
    int64_t kind;
    bool decays;
    double rate;
} models[] = {
    { "linear regression", "linear_difference", CLADE_LINK_IDENTITY, 3, 1, draw_curve, 0, false, 0.2 },
    { "linear classifier", "classifier_difference", CLADE_LINK_IDENTITY, 2, 3, draw_points, CLUSTERS, false, 0.2 },
    { "logistic regression", "logistic_difference", CLADE_LINK_SIGMOID, 2, 1, draw_points, MOONS, true, 2 },
    { "softmax regression", "softmax_difference", CLADE_LINK_SOFTMAX, 2, 3, draw_points, CLUSTERS, true, 2 },
};
enum { MODELS = sizeof models / sizeof *models };

/* ---- fitting on the device ---- */

typedef struct layer {
    clade_graph *graph;
    clade_session *session;
    clade_value x, target, label, answer, loss;
} layer;

static clade_status build(clade_lab *lab, const struct model *model, layer *layer) {
    clade_graph *graph = layer->graph = clade_graph_new(lab->context);
    if (!graph) return clade_fail_memory(lab->context, sizeof *layer, "a graph");
    clade_initializer zero = { .kind = CLADE_INITIALIZE_CONSTANT };
    layer->x = clade_input(graph, "x", CLADE_F32, clade_shape(CLADE_BATCH, model->features));
    layer->target = clade_input(graph, "target", CLADE_F32, clade_shape(CLADE_BATCH, model->outputs));
    layer->label = clade_input(graph, "label", CLADE_I32, clade_shape(CLADE_BATCH));
    clade_value z = clade_dense(layer->x, .units = model->outputs, .weight_initializer = zero, .name = "layer");
    switch (model->link) {
    case CLADE_LINK_IDENTITY:
        layer->answer = z;
        layer->loss = clade_half_squared_loss(z, layer->target);
        break;
    case CLADE_LINK_SIGMOID:
        layer->answer = clade_sigmoid(z);
        layer->loss = clade_sigmoid_cross_entropy(z, layer->target);
        break;
    case CLADE_LINK_SOFTMAX:
        layer->answer = clade_softmax(z);
        layer->loss = clade_softmax_cross_entropy(z, layer->label);
        break;
    }
    return clade_graph_status(graph);
}

static clade_status descend(clade_lab *lab, const struct model *model, sample_set *set, layer *layer, float *answer,
                            float *loss) {
    const clade_train_options options = { .size = sizeof options,
                                          .optimizer = CLADE_SGD,
                                          .rate = model->rate,
                                          .momentum = 0.95,
                                          .weight_decay = model->decays ? clade_lab_setting(lab, "decay") : 0 };
    const clade_binding_array feeds[] = { { layer->x, set->x, SAMPLES * model->features },
                                          { layer->target, set->target, SAMPLES * model->outputs },
                                          { layer->label, set->label, SAMPLES } };
    const clade_binding_array fetches[] = { { layer->loss, loss, 1 },
                                            { layer->answer, answer, SAMPLES * model->outputs } };
    clade_status status = clade_optimize(layer->loss, &options);
    if (status == CLADE_OK) status = clade_session_new(lab->device, layer->graph, lab->seed, &layer->session);
    int64_t steps = clade_lab_count(lab, "steps");
    for (int64_t step = 0; step < steps && status == CLADE_OK; step++) {
        status = clade_optimize_step(layer->session, &options, step);
        const clade_run_options run = { .size = sizeof run,
                                        .batch = SAMPLES,
                                        .feeds = feeds,
                                        .feed_count = 3,
                                        .fetches = fetches,
                                        .fetch_count = 2,
                                        .updates = true };
        if (status == CLADE_OK) status = clade_session_run(layer->session, &run);
    }
    return status;
}

/* ---- comparing ---- */

/* The largest distance between a number of the layer and the reference's. A number added to all of softmax's biases
 * changes no answer, so only their distances from their mean are compared. */
static clade_status compare(const struct model *model, const layer *layer, const clade_linear_fit *fit,
                            double *difference) {
    float weight[OUTPUTS * FEATURES], bias[OUTPUTS];
    clade_status status =
        clade_session_read_state(layer->session, "layer.weight", weight, model->outputs * model->features);
    if (status == CLADE_OK) status = clade_session_read_state(layer->session, "layer.bias", bias, model->outputs);
    double mean = 0;
    *difference = 0;
    for (int64_t k = 0; k < model->outputs && model->link == CLADE_LINK_SOFTMAX && status == CLADE_OK; k++)
        mean += (double)bias[k] / (double)model->outputs;
    for (int64_t k = 0; k < model->outputs && status == CLADE_OK; k++) {
        *difference = fmax(*difference, fabs((double)bias[k] - mean - fit->bias[k]));
        for (int64_t i = 0; i < model->features; i++)
            *difference = fmax(*difference, fabs((double)weight[k * model->features + i] - fit->weight[k][i]));
    }
    return status;
}

/* The share of samples whose class is answered; NAN where there are none. */
static double accuracy_of(const struct model *model, const sample_set *set, const float *answer) {
    int64_t right = 0;
    if (model->draw == draw_curve) return (double)NAN;
    for (int64_t n = 0; n < SAMPLES; n++) {
        const float *row = answer + n * model->outputs;
        int64_t best = model->outputs == 1 && row[0] >= 0.5F;
        for (int64_t k = 1; k < model->outputs; k++)
            if (row[k] > row[best]) best = k;
        right += best == set->label[n];
    }
    return (double)right / SAMPLES;
}

/* ---- pictures ---- */

static clade_status draw_fitted_curve(const layer *layer, const sample_set *set, const clade_panel *panel) {
    enum { STEPS = 120 };
    float features[STEPS * FEATURES], answers[STEPS];
    double x[STEPS], y[STEPS];
    for (int i = 0; i < STEPS; i++) {
        x[i] = panel->left + (panel->right - panel->left) * i / (STEPS - 1);
        for (int power = 0; power < FEATURES; power++)
            features[i * FEATURES + power] = (float)pow(x[i], power + 1);
    }
    const clade_binding_array feed = { layer->x, features, STEPS * FEATURES },
                              fetch = { layer->answer, answers, STEPS };
    clade_status status = clade_session_run(layer->session, &(clade_run_options){ .size = sizeof(clade_run_options),
                                                                                  .batch = STEPS,
                                                                                  .feeds = &feed,
                                                                                  .feed_count = 1,
                                                                                  .fetches = &fetch,
                                                                                  .fetch_count = 1,
                                                                                  .inference = true });
    if (status != CLADE_OK) return status;
    for (int i = 0; i < STEPS; i++)
        y[i] = (double)answers[i];
    for (int64_t n = 0; n < SAMPLES; n++)
        clade_panel_dot(panel, (double)set->x[n * FEATURES], (double)set->target[n], 2, "fill=\"#1f6fb4\"");
    clade_panel_curve(panel, x, y, STEPS, "stroke=\"#d9541e\" stroke-width=\"2\"");
    return CLADE_OK;
}

static clade_status draw(clade_lab *lab, const struct model *model, const layer *layer, const sample_set *set,
                         clade_text *svg) {
    enum { SIDE = 280, STRIDE = 350 };
    int place = (int)(model - models);
    bool curve = model->draw == draw_curve;
    clade_panel panel = { .svg = svg,
                          .x = 60 + STRIDE * (place % 2),
                          .y = 60 + STRIDE * (place / 2),
                          .width = SIDE,
                          .height = SIDE,
                          .left = curve ? -1 : -1.2,
                          .right = curve ? 1 : 1.2,
                          .bottom = -1.2,
                          .top = curve ? 1.7 : 1.2 };
    clade_status status = curve ? draw_fitted_curve(layer, set, &panel)
                                : clade_surface_draw(lab, layer->session, layer->x, layer->answer, &panel);
    clade_panel_axes(&panel, model->name, "", "");
    if (!curve) clade_surface_dots(&panel, set->x, set->label, SAMPLES, 2.6);
    return status;
}

/* ---- the row ---- */

static clade_status run_one(clade_lab *lab, const struct model *model, sample_set *set, clade_text *svg) {
    float answer[SAMPLES * OUTPUTS], loss = 0;
    layer layer = { 0 };
    clade_linear_fit fit;
    double difference = 0;
    model->draw(lab->seed, model->kind, set);
    clade_linear_problem problem = { .link = model->link,
                                     .samples = SAMPLES,
                                     .features = model->features,
                                     .outputs = model->outputs,
                                     .x = set->x,
                                     .target = set->target,
                                     .decay = model->decays ? clade_lab_setting(lab, "decay") : 0 };
    clade_status status = clade_newton_fit(lab->context, &problem, &fit);
    if (status == CLADE_OK) status = build(lab, model, &layer);
    if (status == CLADE_OK) status = descend(lab, model, set, &layer, answer, &loss);
    if (status == CLADE_OK) status = compare(model, &layer, &fit, &difference);
    if (status == CLADE_OK && lab->folder) status = draw(lab, model, &layer, set, svg);
    clade_session_free(layer.session);
    clade_graph_free(layer.graph);
    if (status != CLADE_OK) return status;
    clade_lab_text(lab, model->name);
    clade_lab_text(lab, model->link == CLADE_LINK_IDENTITY ? "closed form" : "Newton");
    clade_lab_number(lab, "%.0f", (double)(model->outputs * (model->features + 1)));
    clade_lab_number(lab, "%.6f", (double)loss);
    clade_lab_number(lab, "%.4f", accuracy_of(model, set, answer));
    clade_lab_number(lab, "%.1e", difference);
    clade_lab_figure(lab, model->figure, difference);
    return CLADE_OK;
}

static clade_status run(clade_lab *lab) {
    static const char *const columns[] = { "model", "reference", "parameters", "loss", "accuracy", "difference" };
    for (size_t i = 0; i < sizeof columns / sizeof *columns; i++)
        clade_lab_column(lab, columns[i]);
    sample_set *set = clade_allocate(lab->context, 1, sizeof *set);
    if (!set) return clade_fail_memory(lab->context, sizeof *set, "the samples");
    clade_text svg = { .context = lab->context };
    clade_svg_begin(&svg, 720, 740, "Linear models, fitted on the device");
    clade_status status = CLADE_OK;
    for (int i = 0; i < MODELS && status == CLADE_OK; i++)
        status = run_one(lab, &models[i], set, &svg);
    clade_svg_end(&svg);
    clade_free(lab->context, set);
    if (status == CLADE_OK) return clade_lab_svg(lab, "models.svg", &svg);
    clade_text_free(&svg);
    return status;
}

static const clade_setting settings[] = {
    { "steps", 1500, 1, 1e6, true, "of gradient descent, each over all samples" },
    { "decay", 0.01, 1e-4, 1, false, "of the weights of logistic and softmax regression" },
    { .name = NULL },
};

const clade_experiment_row clade_experiment_regression = {
    .about = { .name = "regression",
               .title = "linear, logistic and softmax regression against the closed form and Newton's method",
               .settings = settings },
    .run = run,
};
