/* Toy data (deck 002): a small network learns points of the plane, and what it decides is drawn. Each kind of points is
 * trained on by the trainer, as any other data set, and measured on points that it has not seen. */
#include "experiments/surface.h"

#include "clade/data.h"
#include "clade/ops.h"
#include "clade/train.h"
#include "data/points.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* The spec that stands for every kind. */
static const char every_kind[] = "points";

typedef struct study {
    clade_dataset *train, *test;
    clade_graph *graph;
    clade_value image, scores;
    clade_trainer *trainer;
    clade_train_result result;
} study;

static clade_status open_points(clade_lab *lab, const char *spec, study *study) {
    clade_status status = clade_dataset_open(lab->context, spec, &study->train, &study->test);
    if (status != CLADE_OK) return status;
    clade_dataset_info info = clade_dataset_describe(study->train);
    if (info.channels == 2 && info.height == 1 && info.width == 1) return CLADE_OK;
    return clade_fail(lab->context, CLADE_ERROR_INPUT,
                      "%s: its samples are %" PRId64 "x%" PRId64 "x%" PRId64 ", not points of the plane (2x1x1)",
                      info.name, info.channels, info.height, info.width);
}

/* 2 - HIDDEN - HIDDEN - classes, ReLU. */
static clade_status train(clade_lab *lab, study *study) {
    const double rate = 0.01;
    int64_t hidden = clade_lab_count(lab, "hidden");
    study->graph = clade_graph_new(lab->context);
    if (!study->graph) return clade_fail_memory(lab->context, sizeof *study, "a graph");
    study->image = clade_input(study->graph, "image", CLADE_F32, clade_shape(CLADE_BATCH, 2, 1, 1));
    clade_value label = clade_input(study->graph, "label", CLADE_I32, clade_shape(CLADE_BATCH));
    clade_value x = clade_relu(clade_dense(study->image, .units = hidden, .name = "fc1"));
    x = clade_relu(clade_dense(x, .units = hidden, .name = "fc2"));
    x = clade_dense(x, .units = clade_dataset_describe(study->train).classes, .name = "fc3");
    study->scores = clade_softmax(x);
    clade_status status = clade_trainer_new(study->graph, clade_softmax_cross_entropy(x, label),
                                            &(clade_train_options){ .size = sizeof(clade_train_options),
                                                                    .devices = &lab->device,
                                                                    .device_count = 1,
                                                                    .train = study->train,
                                                                    .test = study->test,
                                                                    .optimizer = CLADE_ADAM,
                                                                    .rate = rate,
                                                                    .schedule = { .kind = CLADE_COSINE },
                                                                    .batch = 50,
                                                                    .epochs = clade_lab_count(lab, "epochs"),
                                                                    .seed = lab->seed,
                                                                    .no_held_out = true,
                                                                    .scores = study->scores },
                                            &study->trainer);
    return status == CLADE_OK ? clade_trainer_run(study->trainer, &study->result) : status;
}

/* The decision surface, and test points on it. */
static clade_status draw(clade_lab *lab, study *study, const char *spec, int place, clade_text *svg) {
    enum { MOST_DOTS = 300, SIDE = 260, STRIDE_X = 330, STRIDE_Y = 340, IN_A_ROW = 3 };
    clade_panel panel = { .svg = svg,
                          .x = 60 + STRIDE_X * (place % IN_A_ROW),
                          .y = 60 + STRIDE_Y * (place / IN_A_ROW),
                          .width = SIDE,
                          .height = SIDE,
                          .left = -1.2,
                          .right = 1.2,
                          .bottom = -1.2,
                          .top = 1.2 };
    int64_t indices[MOST_DOTS], count = clade_dataset_describe(study->test).count;
    float points[2 * MOST_DOTS];
    int32_t labels[MOST_DOTS];
    char title[120];
    if (count > MOST_DOTS) count = MOST_DOTS;
    for (int64_t i = 0; i < count; i++)
        indices[i] = i;
    clade_status status =
        clade_surface_draw(lab, clade_trainer_session(study->trainer), study->image, study->scores, &panel);
    if (status == CLADE_OK) status = clade_dataset_read(study->test, indices, count, points, labels);
    if (status != CLADE_OK) return status;
    snprintf(title, sizeof title, "%.40s: %.1f %% right", spec, 100 * study->result.val_accuracy);
    clade_panel_axes(&panel, title, "", "");
    clade_surface_dots(&panel, points, labels, count, 2.6);
    return CLADE_OK;
}

static clade_status run_one(clade_lab *lab, const char *spec, const char *name, const char *figure, int place,
                            clade_text *svg) {
    study study = { 0 };
    clade_status status = open_points(lab, spec, &study);
    if (status == CLADE_OK) status = train(lab, &study);
    if (status == CLADE_OK && lab->folder) status = draw(lab, &study, name, place, svg);
    if (status == CLADE_OK) {
        clade_lab_text(lab, name);
        clade_lab_number(lab, "%.0f", (double)clade_dataset_describe(study.train).classes);
        clade_lab_number(lab, "%.0f", (double)clade_dataset_describe(study.train).count);
        clade_lab_number(lab, "%.4f", study.result.train_loss);
        clade_lab_number(lab, "%.4f", study.result.val_loss);
        clade_lab_number(lab, "%.4f", study.result.val_accuracy);
        clade_lab_figure(lab, figure, study.result.val_accuracy);
    }
    clade_trainer_free(study.trainer);
    clade_graph_free(study.graph);
    clade_dataset_free(study.train);
    clade_dataset_free(study.test);
    return status;
}

static clade_status run_every(clade_lab *lab, clade_text *svg) {
    static const char *const figures[] = { "clusters", "moons", "rings", "spiral", "checker" };
    clade_status status = CLADE_OK;
    for (int i = 0; clade_points_kinds[i].name && status == CLADE_OK; i++) {
        char spec[96];
        snprintf(spec, sizeof spec, "points:%s,1000,500,%" PRIu64, clade_points_kinds[i].name, lab->seed);
        status = run_one(lab, spec, clade_points_kinds[i].name, figures[i], i, svg);
    }
    return status;
}

static clade_status run(clade_lab *lab) {
    static const char *const columns[] = { "points", "classes", "samples", "train loss", "test loss", "test accuracy" };
    for (size_t i = 0; i < sizeof columns / sizeof *columns; i++)
        clade_lab_column(lab, columns[i]);
    bool every = strcmp(lab->data, every_kind) == 0;
    clade_text svg = { .context = lab->context };
    clade_svg_begin(&svg, every ? 1040 : 400, every ? 740 : 400, "What a network of two inputs decides; test points");
    clade_status status = every ? run_every(lab, &svg) : run_one(lab, lab->data, lab->data, "accuracy", 0, &svg);
    clade_svg_end(&svg);
    if (status == CLADE_OK) return clade_lab_svg(lab, "surfaces.svg", &svg);
    clade_text_free(&svg);
    return status;
}

static const clade_setting settings[] = {
    { "hidden", 64, 1, 4096, true, "units in each of the two hidden layers" },
    { "epochs", 100, 1, 1e5, true, "of training" },
    { .name = NULL },
};

const clade_experiment_row clade_experiment_points = {
    .about = { .name = "points",
               .title = "points of the plane in several shapes, learnt by a small network; its decision surface drawn",
               .data = every_kind,
               .settings = settings },
    .run = run,
};
