/* Rosenbrock's ravine (Rosenbrock 1960; deck 004): gradient descent against momentum.
 *     f(x, y) = (1 - x)^2 + 100 (y - x^2)^2,    least at (1, 1), at the end of a curved valley
 * Descent crosses the valley to and fro or creeps along it; momentum adds up what steps have in common. Each method is
 * the trainer's own optimiser on a graph of f, from one start, with the same rate. L-BFGS, which learns f's curvature from
 * its steps and chooses their lengths by a line search, shows how far that leads. */
#include "experiments/experiment.h"

#include "clade/minimize.h"
#include "clade/ops.h"
#include "clade/train.h"
#include "formats/svg.h"

#include <math.h>
#include <stdio.h>

static const double start[2] = { -1.2, 1.0 };

static const struct method {
    const char *name, *key;
    clade_optimizer_kind optimizer; /* 0: L-BFGS */
    double momentum, rate_factor;
} methods[] = {
    { "gradient descent", "descent_steps", CLADE_SGD, 0, 1 },
    { "momentum", "momentum_steps", CLADE_SGD, 0.9, 1 },
    { "Nesterov", "nesterov_steps", CLADE_NESTEROV, 0.9, 1 },
    { "Adam", "adam_steps", CLADE_ADAM, 0.9, 50 },
    { "L-BFGS", "lbfgs_steps", 0, NAN, NAN },
};
enum { METHODS = sizeof methods / sizeof *methods };

/* Where a method went, a point a step; x[0], y[0] is the start. */
typedef struct path {
    double *x, *y, *f;
    int64_t steps; /* taken */
    bool arrived;
} path;

typedef struct valley {
    clade_graph *graph;
    clade_session *session;
    clade_value x, y, f;
} valley;

static clade_value rosenbrock(clade_value x, clade_value y) {
    const double steepness = 100;
    clade_value along = clade_square(clade_subtract(clade_constant(x.graph, CLADE_SCALAR, 1), x));
    clade_value across = clade_square(clade_subtract(y, clade_square(x)));
    return clade_add(along, clade_scale(across, steepness));
}

static clade_initializer at(double number) {
    return (clade_initializer){ .kind = CLADE_INITIALIZE_CONSTANT, .value = (float)number };
}

static clade_status build_valley(clade_lab *lab, valley *out) {
    out->graph = clade_graph_new(lab->context);
    if (!out->graph) return clade_fail_memory(lab->context, sizeof *out, "a graph");
    out->x = clade_state(out->graph, "x", CLADE_SCALAR, CLADE_ROLE_WEIGHT, at(start[0]));
    out->y = clade_state(out->graph, "y", CLADE_SCALAR, CLADE_ROLE_WEIGHT, at(start[1]));
    out->f = rosenbrock(out->x, out->y);
    return clade_graph_status(out->graph);
}

/* Steps until f is below TOLERANCE. A run fetches the point before its step. */
static clade_status descend(clade_lab *lab, valley *valley, const clade_train_options *options, path *path) {
    const double tolerance = clade_lab_setting(lab, "tolerance");
    const int64_t most = clade_lab_count(lab, "steps");
    float x = 0, y = 0, f = 0;
    const clade_binding_array fetches[] = { { valley->x, &x, 1 }, { valley->y, &y, 1 }, { valley->f, &f, 1 } };
    const clade_run_options run = { .size = sizeof run, .fetches = fetches, .fetch_count = 3, .updates = true };
    clade_status status = clade_optimize(valley->f, options);
    if (status == CLADE_OK) status = clade_session_new(lab->device, valley->graph, lab->seed, &valley->session);
    for (int64_t step = 0; status == CLADE_OK && step <= most && !path->arrived; step++) {
        status = clade_optimize_step(valley->session, options, step);
        if (status == CLADE_OK) status = clade_session_run(valley->session, &run);
        path->x[step] = (double)x;
        path->y[step] = (double)y;
        path->f[step] = (double)f;
        path->steps = step;
        path->arrived = (double)f < tolerance;
        if (!isfinite(f)) break;
    }
    return status;
}

/* What a search reports to. */
typedef struct search {
    clade_session *session;
    path *path;
    double tolerance;
    int64_t most;
    clade_status status;
} search;

static bool note(void *user, const clade_minimize_result *so_far) {
    search *search = user;
    path *path = search->path;
    float x = 0, y = 0;
    search->status = clade_session_read_state(search->session, "x", &x, 1);
    if (search->status == CLADE_OK) search->status = clade_session_read_state(search->session, "y", &y, 1);
    path->steps = so_far->iterations;
    path->x[path->steps] = (double)x;
    path->y[path->steps] = (double)y;
    path->f[path->steps] = so_far->loss;
    path->arrived = so_far->loss < search->tolerance;
    return search->status == CLADE_OK && !path->arrived && path->steps < search->most;
}

static clade_status search_by_curvature(clade_lab *lab, valley *valley, path *path) {
    search search = { .path = path,
                      .tolerance = clade_lab_setting(lab, "tolerance"),
                      .most = clade_lab_count(lab, "steps") };
    clade_minimizer *minimizer = NULL;
    clade_minimize_result result = { 0 };
    clade_status status = clade_minimizer_new(valley->f, NULL, &minimizer);
    if (status == CLADE_OK) status = clade_session_new(lab->device, valley->graph, lab->seed, &valley->session);
    search.session = valley->session;
    path->x[0] = start[0];
    path->y[0] = start[1];
    if (status == CLADE_OK)
        status = clade_minimizer_run(
            minimizer, valley->session, NULL,
            &(clade_minimize_limits){
                .size = sizeof(clade_minimize_limits), .iterations = search.most, .progress = note, .user = &search },
            &result);
    path->f[0] = result.first_loss;
    clade_minimizer_free(minimizer);
    return status == CLADE_OK ? search.status : status;
}

static clade_status run_method(clade_lab *lab, const struct method *method, double *memory, path *path) {
    int64_t most = clade_lab_count(lab, "steps");
    double rate = clade_lab_setting(lab, "rate") * method->rate_factor;
    *path = (struct path){ .x = memory, .y = memory + most + 1, .f = memory + 2 * (most + 1) };
    clade_train_options options = { .size = sizeof options,
                                    .optimizer = method->optimizer,
                                    .rate = rate,
                                    .momentum = method->momentum,
                                    .no_momentum = method->momentum == 0 };
    valley valley = { 0 };
    clade_status status = build_valley(lab, &valley);
    if (status == CLADE_OK)
        status = method->optimizer ? descend(lab, &valley, &options, path) : search_by_curvature(lab, &valley, path);
    clade_session_free(valley.session);
    clade_graph_free(valley.graph);
    if (status != CLADE_OK) return status;
    clade_lab_text(lab, method->name);
    clade_lab_number(lab, "%g", rate);
    clade_lab_number(lab, "%g", method->momentum);
    clade_lab_number(lab, "%.0f", path->arrived ? (double)path->steps : (double)NAN);
    clade_lab_number(lab, "%.4f", path->x[path->steps]);
    clade_lab_number(lab, "%.4f", path->y[path->steps]);
    clade_lab_number(lab, "%.2e", path->f[path->steps]);
    clade_lab_figure(lab, method->key, path->arrived ? (double)path->steps : (double)NAN);
    return CLADE_OK;
}

/* ---- the picture ---- */

/* Below the path lie the contours of f, at powers of four. */
static void draw_contours(const clade_panel *panel) {
    enum { ROWS = 121, COLUMNS = 161, LEVELS = 8 };
    static const double nearest = 0.125;
    float values[ROWS * COLUMNS];
    for (int r = 0; r < ROWS; r++)
        for (int c = 0; c < COLUMNS; c++) {
            double x = panel->left + (panel->right - panel->left) * c / (COLUMNS - 1);
            double y = panel->bottom + (panel->top - panel->bottom) * r / (ROWS - 1);
            values[r * COLUMNS + c] = (float)((1 - x) * (1 - x) + 100 * (y - x * x) * (y - x * x));
        }
    for (int level = 0; level < LEVELS; level++)
        clade_panel_contour(panel, values, ROWS, COLUMNS, nearest * pow(4, level), "stroke=\"#c8c8c8\"");
}

static void path_style(char style[96], int method) {
    snprintf(style, 96, "stroke=\"%s\" stroke-width=\"1.6\"", clade_svg_colour(method));
}

static clade_status draw_paths(clade_lab *lab, const path paths[METHODS]) {
    enum { MARKED = 500 };
    clade_text svg = { .context = lab->context };
    char style[96], words[64];
    clade_svg_begin(&svg, 960, 560, "Rosenbrock's ravine: f(x, y) = (1 - x)^2 + 100 (y - x^2)^2");
    clade_panel panel = { .svg = &svg,
                          .x = 70,
                          .y = 60,
                          .width = 680,
                          .height = 430,
                          .left = -1.6,
                          .right = 1.4,
                          .bottom = -0.5,
                          .top = 1.8 };
    draw_contours(&panel);
    clade_panel_axes(&panel, "", "x", "y");
    for (int i = 0; i < METHODS; i++) {
        path_style(style, i);
        clade_panel_curve(&panel, paths[i].x, paths[i].y, (size_t)paths[i].steps + 1, style);
        clade_panel_legend(&panel, i, style, methods[i].name);
    }
    for (int i = 0; i < METHODS; i++) {
        if (paths[i].steps < MARKED) continue;
        snprintf(style, sizeof style, "fill=\"%s\" stroke=\"#fff\"", clade_svg_colour(i));
        clade_panel_dot(&panel, paths[i].x[MARKED], paths[i].y[MARKED], 5, style);
    }
    snprintf(words, sizeof words, "dots: after %d steps", MARKED);
    clade_svg_text(&svg, panel.x + panel.width + 15, panel.y + 15 + 22 * METHODS + 4, "start", words);
    clade_panel_dot(&panel, start[0], start[1], 4, "fill=\"#222\"");
    clade_panel_dot(&panel, 1, 1, 5, "stroke=\"#222\" stroke-width=\"2\" fill=\"#fff\"");
    clade_svg_end(&svg);
    return clade_lab_svg(lab, "path.svg", &svg);
}

static clade_status draw_descent(clade_lab *lab, const path paths[METHODS]) {
    clade_text svg = { .context = lab->context };
    char style[96];
    int64_t longest = 1;
    for (int i = 0; i < METHODS; i++)
        if (paths[i].steps > longest) longest = paths[i].steps;
    double *steps = clade_allocate(lab->context, (size_t)longest + 1, sizeof *steps);
    if (!steps) return clade_fail_memory(lab->context, (size_t)longest * sizeof *steps, "a picture");
    for (int64_t i = 0; i <= longest; i++)
        steps[i] = (double)i;
    clade_svg_begin(&svg, 960, 420, "Rosenbrock's ravine: what is left of f, step by step");
    clade_panel panel = { .svg = &svg,
                          .x = 70,
                          .y = 60,
                          .width = 680,
                          .height = 290,
                          .left = 0,
                          .right = (double)longest,
                          .bottom = clade_lab_setting(lab, "tolerance"),
                          .top = 100,
                          .log_y = true };
    clade_panel_axes(&panel, "", "step", "f");
    for (int i = 0; i < METHODS; i++) {
        path_style(style, i);
        clade_panel_curve(&panel, steps, paths[i].f, (size_t)paths[i].steps + 1, style);
        clade_panel_legend(&panel, i, style, methods[i].name);
    }
    clade_svg_end(&svg);
    clade_free(lab->context, steps);
    return clade_lab_svg(lab, "descent.svg", &svg);
}

/* ---- the row ---- */

static clade_status run(clade_lab *lab) {
    static const char *const columns[] = { "method", "rate", "momentum", "steps", "x", "y", "f" };
    for (size_t i = 0; i < sizeof columns / sizeof *columns; i++)
        clade_lab_column(lab, columns[i]);
    size_t points = 3 * ((size_t)clade_lab_count(lab, "steps") + 1);
    double *memory = clade_allocate(lab->context, METHODS * points, sizeof *memory);
    if (!memory) return clade_fail_memory(lab->context, METHODS * points * sizeof *memory, "the paths");
    path paths[METHODS];
    clade_status status = CLADE_OK;
    for (size_t i = 0; i < METHODS && status == CLADE_OK; i++)
        status = run_method(lab, &methods[i], memory + i * points, &paths[i]);
    if (status == CLADE_OK && lab->folder) status = draw_paths(lab, paths);
    if (status == CLADE_OK && lab->folder) status = draw_descent(lab, paths);
    clade_free(lab->context, memory);
    return status;
}

static const clade_setting settings[] = {
    { "steps", 20000, 1, 1e6, true, "the most that a method takes" },
    { "rate", 0.0005, 1e-7, 1, false, "of gradient descent, momentum and Nesterov; Adam's is 50 times it" },
    { "tolerance", 1e-3, 1e-7, 1, false, "a method has arrived when f is below" },
    { .name = NULL },
};

const clade_experiment_row clade_experiment_ravine = {
    .about = { .name = "ravine",
               .title = "Rosenbrock's ravine: gradient descent against momentum, Nesterov, Adam and L-BFGS",
               .settings = settings },
    .run = run,
};
