/* Sigmoid against ReLU (deck 004, problem 2): the same network of 500 hidden units on handwritten digits, each with the
 * recipe that its activation likes, the zoo's `mlp-sigmoid` and `mlp`; trained one after the other, in one report. */
#include "experiments/experiment.h"

#include "clade/data.h"
#include "clade/train.h"
#include "formats/svg.h"

#include <math.h>
#include <stdio.h>

enum { MOST_POINTS = 1024 };

static const struct network {
    const char *model, *name, *loss, *accuracy;
} networks[] = {
    { "mlp-sigmoid", "sigmoid", "sigmoid_loss", "sigmoid_accuracy" },
    { "mlp", "ReLU", "relu_loss", "relu_accuracy" },
};
enum { NETWORKS = sizeof networks / sizeof *networks };

/* A curve over the epochs. Of more points than there is room for, the last ones are left out. */
typedef struct curve {
    double epoch[MOST_POINTS], value[MOST_POINTS];
    size_t count;
} curve;

typedef struct course {
    curve loss, accuracy; /* of training, a point a report; held out, a point a validation */
    clade_train_result result;
} course;

static void add_point(curve *curve, double epoch, double value) {
    if (curve->count == MOST_POINTS) return;
    curve->epoch[curve->count] = epoch;
    curve->value[curve->count++] = value;
}

static void note(void *user, const clade_train_progress *progress) {
    course *course = user;
    double epoch = (double)progress->epochs * (double)progress->step / (double)progress->steps;
    if (progress->event == CLADE_TRAIN_REPORTED) add_point(&course->loss, epoch, progress->train_loss);
    if (progress->event == CLADE_TRAIN_VALIDATED)
        add_point(&course->accuracy, epoch, 100 * progress->held_out_accuracy);
}

static clade_status train(clade_lab *lab, const struct network *network, clade_dataset *data, clade_dataset *test,
                          course *course) {
    int64_t count = clade_dataset_describe(data).count, epochs = clade_lab_count(lab, "epochs");
    /* So that the curves have about 200 points. */
    enum { BATCH = 64, POINTS = 200 };
    int64_t every = count / BATCH * epochs / POINTS;
    return clade_train_model(clade_model_find(network->model),
                             &(clade_train_options){ .size = sizeof(clade_train_options),
                                                     .devices = &lab->device,
                                                     .device_count = 1,
                                                     .train = data,
                                                     .test = test,
                                                     .batch = BATCH,
                                                     .epochs = epochs,
                                                     .seed = lab->seed,
                                                     .report_every = every > 0 ? every : 1,
                                                     .progress = note,
                                                     .user = course },
                             &course->result);
}

static void tabulate(clade_lab *lab, const struct network *network, const clade_train_result *result) {
    clade_lab_text(lab, network->name);
    clade_lab_text(lab, network->model);
    clade_lab_number(lab, "%.0f", (double)result->parameters);
    clade_lab_number(lab, "%.0f", (double)result->epochs);
    clade_lab_number(lab, "%.4f", result->train_loss);
    clade_lab_number(lab, "%.4f", result->val_loss);
    clade_lab_number(lab, "%.4f", result->val_accuracy);
    clade_lab_figure(lab, network->loss, result->val_loss);
    clade_lab_figure(lab, network->accuracy, result->val_accuracy);
}

/* The edges of what CURVE has, within LEAST and MOST as they are. */
static void widen(const curve *curve, double *least, double *most) {
    for (size_t i = 0; i < curve->count; i++) {
        *least = fmin(*least, curve->value[i]);
        *most = fmax(*most, curve->value[i]);
    }
}

static clade_status draw(clade_lab *lab, const course courses[NETWORKS]) {
    clade_text svg = { .context = lab->context };
    char style[96], words[96];
    double epochs = (double)courses[0].result.epochs, least = 0.1, most = 0.2, worst = 90, best = 100;
    for (int i = 0; i < NETWORKS; i++) {
        widen(&courses[i].loss, &least, &most);
        widen(&courses[i].accuracy, &worst, &best);
    }
    clade_svg_begin(&svg, 1000, 720, "784-500-10: sigmoid against ReLU");
    clade_panel accuracy = { .svg = &svg,
                             .x = 80,
                             .y = 60,
                             .width = 660,
                             .height = 250,
                             .left = 0,
                             .right = epochs,
                             .bottom = worst,
                             .top = 100 };
    clade_panel loss = { .svg = &svg,
                         .x = 80,
                         .y = 390,
                         .width = 660,
                         .height = 250,
                         .left = 0,
                         .right = epochs,
                         .bottom = fmax(least, 1e-5),
                         .top = most,
                         .log_y = true };
    clade_panel_axes(&accuracy, "held-out accuracy (%)", "epoch", "");
    clade_panel_axes(&loss, "training loss", "epoch", "");
    for (int i = 0; i < NETWORKS; i++) {
        const course *course = &courses[i];
        snprintf(style, sizeof style, "stroke=\"%s\" stroke-width=\"2\"", clade_svg_colour(i));
        snprintf(words, sizeof words, "%s: %.2f %% on the test set", networks[i].name,
                 100 * course->result.val_accuracy);
        clade_panel_curve(&accuracy, course->accuracy.epoch, course->accuracy.value, course->accuracy.count, style);
        clade_panel_curve(&loss, course->loss.epoch, course->loss.value, course->loss.count, style);
        clade_panel_legend(&accuracy, i, style, words);
    }
    clade_svg_end(&svg);
    return clade_lab_svg(lab, "activations.svg", &svg);
}

static clade_status run_on(clade_lab *lab, course courses[NETWORKS]) {
    static const char *const columns[] = { "activation", "model",     "parameters",   "epochs",
                                           "train loss", "test loss", "test accuracy" };
    for (size_t i = 0; i < sizeof columns / sizeof *columns; i++)
        clade_lab_column(lab, columns[i]);
    clade_dataset *data = NULL, *test = NULL;
    clade_status status = clade_dataset_open(lab->context, lab->data, &data, &test);
    for (int i = 0; i < NETWORKS && status == CLADE_OK; i++) {
        status = train(lab, &networks[i], data, test, &courses[i]);
        if (status == CLADE_OK) tabulate(lab, &networks[i], &courses[i].result);
    }
    if (status == CLADE_OK && lab->folder) status = draw(lab, courses);
    clade_dataset_free(data);
    clade_dataset_free(test);
    return status;
}

static clade_status run(clade_lab *lab) {
    course *courses = clade_allocate(lab->context, NETWORKS, sizeof *courses);
    if (!courses) return clade_fail_memory(lab->context, NETWORKS * sizeof *courses, "the curves");
    clade_status status = run_on(lab, courses);
    clade_free(lab->context, courses);
    return status;
}

static const clade_setting settings[] = {
    { "epochs", 10, 1, 1000, true, "of training" },
    { .name = NULL },
};

const clade_experiment_row clade_experiment_activations = {
    .about = { .name = "activations",
               .title = "784-500-10 on digits: sigmoid against ReLU, both curves in one report",
               .data = "digits",
               .settings = settings },
    .run = run,
};
