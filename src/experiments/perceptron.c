/* The first learning machines on AND, OR and XOR (deck 000): Rosenblatt's perceptron (1958), one sigmoid unit with
 * squared error, and a multilayer perceptron (Rumelhart, Hinton and Williams 1986). One unit divides the plane by a
 * straight line, so XOR is beyond it (Minsky and Papert 1969); a layer of hidden units is enough.
 *
 * Every epoch is one step over the four points. The perceptron's rule, w += rate * (target - step(z)) * x, is the gradient
 * descent of the mean of (step(z) - target) * z, because the step's derivative is 0. */
#include "experiments/surface.h"

#include "clade/ops.h"
#include "clade/train.h"

#include <math.h>
#include <stdio.h>

enum { POINTS = 4, HIDDEN = 4 };

static float corners[POINTS][2] = { { 0, 0 }, { 0, 1 }, { 1, 0 }, { 1, 1 } };

static const struct problem {
    const char *name;
    float target[POINTS];
} problems[] = {
    { "AND", { 0, 0, 0, 1 } },
    { "OR", { 0, 1, 1, 1 } },
    { "XOR", { 0, 1, 1, 0 } },
};
enum { PROBLEMS = sizeof problems / sizeof *problems };

/* A machine: its answer in [0, 1] to points X, and the loss that its learning lowers. */
typedef struct answer {
    clade_value y, loss;
} answer;

static answer build_perceptron(clade_value x, clade_value target) {
    clade_initializer zero = { .kind = CLADE_INITIALIZE_CONSTANT };
    clade_value z = clade_dense(x, .units = 1, .weight_initializer = zero, .name = "unit");
    clade_value y = clade_step(z);
    return (answer){ y, clade_mean(clade_multiply(clade_subtract(y, target), z), CLADE_ALL_AXES, false) };
}

static answer build_sigmoid(clade_value x, clade_value target) {
    clade_initializer start = { .kind = CLADE_INITIALIZE_GAUSSIAN, .value = 1 };
    clade_value y = clade_sigmoid(clade_dense(x, .units = 1, .weight_initializer = start, .name = "unit"));
    return (answer){ y, clade_half_squared_loss(y, target) };
}

static answer build_multilayer(clade_value x, clade_value target) {
    clade_initializer start = { .kind = CLADE_INITIALIZE_GAUSSIAN, .value = 1 };
    clade_value hidden = clade_dense(x, .units = HIDDEN, .weight_initializer = start, .name = "hidden");
    clade_value y =
        clade_sigmoid(clade_dense(clade_sigmoid(hidden), .units = 1, .weight_initializer = start, .name = "output"));
    return (answer){ y, clade_half_squared_loss(y, target) };
}

static const struct machine {
    const char *name;
    const char *figures[PROBLEMS]; /* the most points right in one epoch */
    answer (*build)(clade_value x, clade_value target);
    double rate, momentum;
} machines[] = {
    { "perceptron", { "perceptron_and", "perceptron_or", "perceptron_xor" }, build_perceptron, 1, 0 },
    { "sigmoid unit", { "sigmoid_and", "sigmoid_or", "sigmoid_xor" }, build_sigmoid, 2, 0.9 },
    { "multilayer perceptron", { "multilayer_and", "multilayer_or", "multilayer_xor" }, build_multilayer, 2, 0.9 },
};
enum { MACHINES = sizeof machines / sizeof *machines };

/* ---- learning ---- */

typedef struct course {
    int64_t epochs; /* done when it ended */
    int right, most_right;
    double error; /* the mean square at the end */
} course;

static int count_right(const float y[POINTS], const float target[POINTS], double *error) {
    int right = 0;
    *error = 0;
    for (int i = 0; i < POINTS; i++) {
        right += (y[i] >= 0.5F) == (target[i] >= 0.5F);
        *error += (double)(y[i] - target[i]) * (y[i] - target[i]) / POINTS;
    }
    return right;
}

/* Until every answer is right by a good margin, or the epochs are over. A run answers with the weights before its step. */
static clade_status learn(clade_lab *lab, clade_session *session, const clade_train_options *options,
                          const clade_binding_array feeds[2], clade_value answer, course *out) {
    const double good = 0.01;
    float y[POINTS];
    const clade_binding_array fetch = { answer, y, POINTS };
    const clade_run_options run = { .size = sizeof run,
                                    .batch = POINTS,
                                    .feeds = feeds,
                                    .feed_count = 2,
                                    .fetches = &fetch,
                                    .fetch_count = 1,
                                    .updates = true };
    int64_t epochs = clade_lab_count(lab, "epochs");
    for (int64_t epoch = 0; epoch <= epochs; epoch++) {
        clade_status status = clade_optimize_step(session, options, epoch);
        if (status == CLADE_OK) status = clade_session_run(session, &run);
        if (status != CLADE_OK) return status;
        out->epochs = epoch;
        out->right = count_right(y, feeds[1].data, &out->error);
        if (out->right > out->most_right) out->most_right = out->right;
        if (out->error < good) break;
    }
    return CLADE_OK;
}

static clade_status draw(clade_lab *lab, clade_session *session, clade_value x, clade_value y, int row, int column,
                         const course *course, clade_text *svg) {
    enum { SIDE = 190, STRIDE_X = 250, STRIDE_Y = 265 };
    const struct problem *problem = &problems[column];
    int32_t labels[POINTS];
    char title[80];
    clade_panel panel = { .svg = svg,
                          .x = 70 + STRIDE_X * column,
                          .y = 60 + STRIDE_Y * row,
                          .width = SIDE,
                          .height = SIDE,
                          .left = -0.5,
                          .right = 1.5,
                          .bottom = -0.5,
                          .top = 1.5 };
    clade_status status = clade_surface_draw(lab, session, x, y, &panel);
    for (int i = 0; i < POINTS; i++)
        labels[i] = problem->target[i] >= 0.5F;
    snprintf(title, sizeof title, "%s, %s: %d of %d", machines[row].name, problem->name, course->right, POINTS);
    clade_panel_axes(&panel, title, "", "");
    clade_surface_dots(&panel, corners[0], labels, POINTS, 6);
    return status;
}

static clade_status run_one(clade_lab *lab, int row, int column, clade_text *svg) {
    const struct machine *machine = &machines[row];
    float target[POINTS];
    for (int i = 0; i < POINTS; i++)
        target[i] = problems[column].target[i];
    clade_graph *graph = clade_graph_new(lab->context);
    if (!graph) return clade_fail_memory(lab->context, sizeof *machine, "a graph");
    clade_value x = clade_input(graph, "x", CLADE_F32, clade_shape(CLADE_BATCH, 2));
    clade_value t = clade_input(graph, "target", CLADE_F32, clade_shape(CLADE_BATCH, 1));
    answer answer = machine->build(x, t);
    const clade_train_options options = { .size = sizeof options,
                                          .optimizer = CLADE_SGD,
                                          .rate = machine->rate,
                                          .momentum = machine->momentum,
                                          .no_momentum = machine->momentum == 0 };
    const clade_binding_array feeds[] = { { x, corners, sizeof corners / sizeof(float) }, { t, target, POINTS } };
    clade_session *session = NULL;
    course course = { 0 };
    clade_status status = clade_optimize(answer.loss, &options);
    if (status == CLADE_OK) status = clade_session_new(lab->device, graph, lab->seed, &session);
    if (status == CLADE_OK) status = learn(lab, session, &options, feeds, answer.y, &course);
    if (status == CLADE_OK && lab->folder) status = draw(lab, session, x, answer.y, row, column, &course, svg);
    clade_session_free(session);
    clade_graph_free(graph);
    if (status != CLADE_OK) return status;
    clade_lab_text(lab, machine->name);
    clade_lab_text(lab, problems[column].name);
    clade_lab_text(lab, course.right == POINTS ? "learnt" : "not learnt");
    clade_lab_number(lab, "%.0f", (double)course.epochs);
    clade_lab_number(lab, "%.0f", course.right);
    clade_lab_number(lab, "%.0f", course.most_right);
    clade_lab_number(lab, "%.4f", course.error);
    clade_lab_figure(lab, machine->figures[column], course.most_right);
    return CLADE_OK;
}

/* ---- the row ---- */

static clade_status run(clade_lab *lab) {
    static const char *const columns[] = { "machine", "problem", "result", "epochs", "right", "most right", "error" };
    for (size_t i = 0; i < sizeof columns / sizeof *columns; i++)
        clade_lab_column(lab, columns[i]);
    clade_text svg = { .context = lab->context };
    clade_svg_begin(&svg, 800, 840, "AND, OR and XOR: what each machine decides (blue 0, orange 1)");
    clade_status status = CLADE_OK;
    for (int row = 0; row < MACHINES; row++)
        for (int column = 0; column < PROBLEMS && status == CLADE_OK; column++)
            status = run_one(lab, row, column, &svg);
    clade_svg_end(&svg);
    if (status == CLADE_OK) return clade_lab_svg(lab, "decision.svg", &svg);
    clade_text_free(&svg);
    return status;
}

static const clade_setting settings[] = {
    { "epochs", 2000, 1, 1e6, true, "the most that a machine is given" },
    { .name = NULL },
};

const clade_experiment_row clade_experiment_perceptron = {
    .about = { .name = "perceptron",
               .title = "AND, OR and XOR: a perceptron, a sigmoid unit with squared error, a multilayer perceptron",
               .settings = settings },
    .run = run,
};
