/* A restricted Boltzmann machine (Smolensky 1986; Hinton 2002; deck 000): visible units v, hidden units h, each 0 or 1,
 * joined by W across and not among themselves,
 *     E(v, h) = -b v - c h - v W h,    P(h = 1 | v) = s(v W + c),    P(v = 1 | h) = s(h W' + b),  s the sigmoid
 * Learnt by contrastive divergence: data v0, and vk, what a few turns of h drawn of v and v drawn of h make of it. The
 * change is the gradient of mean F(v0) - F(vk) with both held fast, F the free energy:
 *     F(v) = -b v - sum over the hidden units of ln(1 + e^(v W + c))
 * so the trainer's optimisers do it. Then chains of Gibbs sampling, h of v and v of h in turn, draw samples. All draws are
 * Philox's, on the device; what is learnt never leaves it but to be copied into the chains' graph. */
#include "experiments/samples.h"

#include "clade/ops.h"
#include "clade/session.h"
#include "clade/train.h"
#include "exec/session.h"
#include "formats/svg.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

enum { BATCH = 50, CHAINS = 40, IN_A_ROW = 10, SHOWN_FILTERS = 60, MOST_EPOCHS = 200 };

/* The three states of a machine, in one graph. */
typedef struct machine {
    clade_value weight, visible, hidden;
    int64_t visible_units, hidden_units;
} machine;

static machine make_machine(clade_graph *graph, int64_t visible_units, int64_t hidden_units) {
    const clade_initializer small = { .kind = CLADE_INITIALIZE_GAUSSIAN, .value = 0.01F };
    const clade_initializer zero = { .kind = CLADE_INITIALIZE_CONSTANT };
    return (machine){
        .weight = clade_state(graph, "weight", clade_shape(visible_units, hidden_units), CLADE_ROLE_WEIGHT, small),
        .visible = clade_state(graph, "visible", clade_shape(visible_units), CLADE_ROLE_BIAS, zero),
        .hidden = clade_state(graph, "hidden", clade_shape(hidden_units), CLADE_ROLE_BIAS, zero),
        .visible_units = visible_units,
        .hidden_units = hidden_units,
    };
}

static clade_value into_hidden(const machine *machine, clade_value v) {
    return clade_bias(clade_matmul(v, machine->weight, false, false), machine->hidden);
}

static clade_value into_visible(const machine *machine, clade_value h) {
    return clade_bias(clade_matmul(h, machine->weight, false, true), machine->visible);
}

/* The mean of F over the samples of V. */
static clade_value free_energy(const machine *machine, clade_value v) {
    enum { UNITS_AXIS = 1u << 1 };
    clade_value soft = clade_sum(clade_softplus(into_hidden(machine, v)), UNITS_AXIS, false);
    clade_value held = clade_sum(clade_multiply(v, machine->visible), UNITS_AXIS, false);
    return clade_negate(clade_mean(clade_add(soft, held), CLADE_ALL_AXES, false));
}

/* ---- learning ---- */

typedef struct learner {
    clade_lab *lab;
    clade_graph *graph;
    clade_session *session;
    clade_train_options options;
    machine machine;
    clade_value image, error;
    int64_t steps_per_epoch;
    double errors[MOST_EPOCHS]; /* the mean square of an epoch's reconstructions, by pixel */
} learner;

static clade_status build_learner(learner *learner, int64_t pixels) {
    clade_graph *graph = learner->graph = clade_graph_new(learner->lab->context);
    if (!graph) return clade_fail_memory(learner->lab->context, sizeof *learner, "a graph");
    learner->machine = make_machine(graph, pixels, clade_lab_count(learner->lab, "hidden"));
    const machine *machine = &learner->machine;
    learner->image = clade_input(graph, "image", CLADE_F32, clade_shape(CLADE_BATCH, pixels));
    clade_value v0 = clade_bernoulli(learner->image, "v0");
    clade_value v = v0, first = CLADE_NO_VALUE;
    for (int64_t turn = 0; turn < clade_lab_count(learner->lab, "turns"); turn++) {
        clade_value h = clade_bernoulli(clade_sigmoid(into_hidden(machine, v)), "h");
        clade_value p = clade_sigmoid(into_visible(machine, h));
        if (turn == 0) first = p;
        v = clade_bernoulli(p, "v");
    }
    learner->error = clade_mean(clade_square(clade_subtract(first, learner->image)), CLADE_ALL_AXES, false);
    clade_value divergence = clade_subtract(free_energy(machine, v0), free_energy(machine, v));
    clade_status status = clade_optimize(divergence, &learner->options);
    return status == CLADE_OK ? clade_session_new(learner->lab->device, graph, learner->lab->seed, &learner->session)
                              : status;
}

static clade_status step(void *user, int64_t step, const clade_batch *batch) {
    learner *learner = user;
    float error = 0;
    const clade_binding_array feed = { learner->image, (float *)(uintptr_t)batch->images,
                                       BATCH * learner->machine.visible_units };
    const clade_binding_array fetch = { learner->error, &error, 1 };
    const clade_run_options run = { .size = sizeof run,
                                    .batch = BATCH,
                                    .feeds = &feed,
                                    .feed_count = 1,
                                    .fetches = &fetch,
                                    .fetch_count = 1,
                                    .updates = true };
    clade_session_set_random(learner->session, learner->lab->seed, (uint64_t)step, 0);
    clade_status status = clade_optimize_step(learner->session, &learner->options, step);
    if (status == CLADE_OK) status = clade_session_run(learner->session, &run);
    learner->errors[step / learner->steps_per_epoch] += (double)error / (double)learner->steps_per_epoch;
    return status;
}

/* ---- sampling ---- */

static clade_status copy_state(clade_context *context, clade_session *from, clade_session *to, const char *name,
                               int64_t count) {
    float *data = clade_allocate(context, (size_t)count, sizeof *data);
    if (!data) return clade_fail_memory(context, (size_t)count * sizeof *data, name);
    clade_status status = clade_session_read_state(from, name, data, count);
    if (status == CLADE_OK) status = clade_session_write_state(to, name, data, count);
    clade_free(context, data);
    return status;
}

/* Chains that begin as noise; SAMPLES (CHAINS, pixels) gets the visible units' probabilities at their ends. */
static clade_status sample(learner *learner, float *samples) {
    clade_context *context = learner->lab->context;
    const machine *learnt = &learner->machine;
    int64_t pixels = learnt->visible_units, turns = clade_lab_count(learner->lab, "chain");
    clade_graph *graph = clade_graph_new(context);
    if (!graph) return clade_fail_memory(context, sizeof *learner, "a graph");
    machine machine = make_machine(graph, pixels, learnt->hidden_units);
    const clade_initializer half = { .kind = CLADE_INITIALIZE_CONSTANT, .value = 0.5F };
    clade_value p = clade_state(graph, "p", clade_shape(CHAINS, pixels), CLADE_ROLE_STATE, half);
    clade_value v = clade_bernoulli(p, "v");
    clade_value h = clade_bernoulli(clade_sigmoid(into_hidden(&machine, v)), "h");
    clade_update(p, clade_sigmoid(into_visible(&machine, h)));
    clade_session *session = NULL;
    clade_status status = clade_session_new(learner->lab->device, graph, learner->lab->seed, &session);
    if (status == CLADE_OK)
        status = copy_state(context, learner->session, session, "weight", pixels * learnt->hidden_units);
    if (status == CLADE_OK) status = copy_state(context, learner->session, session, "visible", pixels);
    if (status == CLADE_OK) status = copy_state(context, learner->session, session, "hidden", learnt->hidden_units);
    for (int64_t turn = 0; turn < turns && status == CLADE_OK; turn++) {
        clade_session_set_random(session, learner->lab->seed, (uint64_t)turn, 0);
        status = clade_session_run(session, &(clade_run_options){ .size = sizeof(clade_run_options), .updates = true });
    }
    if (status == CLADE_OK) status = clade_session_read_state(session, "p", samples, CHAINS * pixels);
    clade_session_free(session);
    clade_graph_free(graph);
    return status;
}

/* ---- pictures ---- */

static clade_status draw_errors(clade_lab *lab, const double *errors, int64_t epochs) {
    double x[MOST_EPOCHS], most = 0;
    clade_text svg = { .context = lab->context };
    for (int64_t i = 0; i < epochs; i++) {
        x[i] = (double)i + 1;
        most = fmax(most, errors[i]);
    }
    clade_svg_begin(&svg, 640, 400, "Restricted Boltzmann machine: error of the reconstructions");
    clade_panel panel = { .svg = &svg,
                          .x = 80,
                          .y = 50,
                          .width = 520,
                          .height = 280,
                          .left = 1,
                          .right = fmax((double)epochs, 2),
                          .bottom = 0,
                          .top = most * 1.1 };
    clade_panel_axes(&panel, "", "epoch", "mean square, by pixel");
    clade_panel_curve(&panel, x, errors, (size_t)epochs, "stroke=\"#1f6fb4\" stroke-width=\"2\"");
    clade_svg_end(&svg);
    return clade_lab_svg(lab, "error.svg", &svg);
}

/* What hidden units look for: the weights of each, grey where they are 0. */
static clade_status draw_filters(learner *learner, int64_t height, int64_t width) {
    clade_context *context = learner->lab->context;
    const machine *machine = &learner->machine;
    int64_t pixels = machine->visible_units, units = machine->hidden_units;
    int64_t shown = units < SHOWN_FILTERS ? units : SHOWN_FILTERS;
    float *weight = clade_allocate(context, (size_t)(pixels * units), sizeof *weight);
    float *filters = clade_allocate(context, (size_t)(shown * pixels), sizeof *filters);
    clade_status status = CLADE_OK;
    if (!weight || !filters)
        status = clade_fail_memory(context, (size_t)(pixels * units) * sizeof *weight, "a picture");
    if (status == CLADE_OK) status = clade_session_read_state(learner->session, "weight", weight, pixels * units);
    for (int64_t unit = 0; unit < shown && status == CLADE_OK; unit++) {
        float most = 0;
        for (int64_t i = 0; i < pixels; i++)
            most = fmaxf(most, fabsf(weight[i * units + unit]));
        for (int64_t i = 0; i < pixels; i++)
            filters[unit * pixels + i] = 0.5F + (most > 0 ? weight[i * units + unit] / most / 2 : 0);
    }
    if (status == CLADE_OK)
        status = clade_samples_picture(learner->lab, "filters.pgm", filters, shown, IN_A_ROW, height, width);
    clade_free(context, weight);
    clade_free(context, filters);
    return status;
}

static clade_status draw(learner *learner, const clade_dataset_info *info, int64_t epochs) {
    clade_lab *lab = learner->lab;
    float *samples = clade_allocate(lab->context, (size_t)(CHAINS * learner->machine.visible_units), sizeof *samples);
    if (!samples) return clade_fail_memory(lab->context, sizeof *samples, "the samples");
    clade_status status = sample(learner, samples);
    if (status == CLADE_OK)
        status = clade_samples_picture(lab, "samples.pgm", samples, CHAINS, IN_A_ROW, info->height, info->width);
    if (status == CLADE_OK) status = draw_filters(learner, info->height, info->width);
    if (status == CLADE_OK) status = draw_errors(lab, learner->errors, epochs);
    clade_free(lab->context, samples);
    return status;
}

/* ---- the row ---- */

static void tabulate(clade_lab *lab, const double *errors, int64_t epochs) {
    clade_lab_column(lab, "epoch");
    clade_lab_column(lab, "reconstruction error");
    for (int64_t i = 0; i < epochs; i++) {
        clade_lab_number(lab, "%.0f", (double)i + 1);
        clade_lab_number(lab, "%.5f", errors[i]);
    }
    clade_lab_figure(lab, "first_error", errors[0]);
    clade_lab_figure(lab, "last_error", errors[epochs - 1]);
}

static clade_status run_on(clade_lab *lab, clade_dataset *dataset) {
    clade_dataset_info info = clade_dataset_describe(dataset);
    int64_t epochs = clade_lab_count(lab, "epochs");
    if (info.channels != 1)
        return clade_fail(lab->context, CLADE_ERROR_INPUT, "%s: wanted are grey pictures, not %" PRId64 " channels",
                          info.name, info.channels);
    learner learner = { .lab = lab,
                        .options = { .size = sizeof learner.options,
                                     .optimizer = CLADE_SGD,
                                     .rate = clade_lab_setting(lab, "rate"),
                                     .momentum = 0.5,
                                     .weight_decay = 2e-4 },
                        .steps_per_epoch = info.count / BATCH };
    clade_status status = build_learner(&learner, info.height * info.width);
    if (status == CLADE_OK) status = clade_samples_each(lab, dataset, BATCH, epochs, step, &learner);
    if (status == CLADE_OK) tabulate(lab, learner.errors, epochs);
    if (status == CLADE_OK && lab->folder) status = draw(&learner, &info, epochs);
    clade_session_free(learner.session);
    clade_graph_free(learner.graph);
    return status;
}

static clade_status run(clade_lab *lab) {
    clade_dataset *dataset = NULL;
    clade_status status = clade_dataset_open(lab->context, lab->data, &dataset, NULL);
    if (status == CLADE_OK) status = run_on(lab, dataset);
    clade_dataset_free(dataset);
    return status;
}

static const clade_setting settings[] = {
    { "hidden", 128, 1, 4096, true, "hidden units" },
    { "epochs", 10, 1, MOST_EPOCHS, true, "of contrastive divergence" },
    { "rate", 0.1, 1e-5, 10, false, "of its gradient descent with momentum 0.5" },
    { "turns", 5, 1, 100, true, "of Gibbs sampling between the data and what it is contrasted with" },
    { "chain", 1000, 1, 1e6, true, "turns of Gibbs sampling, from noise, before samples are taken" },
    { .name = NULL },
};

const clade_experiment_row clade_experiment_boltzmann = {
    .about = { .name = "boltzmann",
               .title = "a restricted Boltzmann machine learns digits by contrastive divergence and draws its own",
               .data = "digits:10000,1000",
               .settings = settings },
    .run = run,
};
