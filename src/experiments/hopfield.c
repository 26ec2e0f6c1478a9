/* A Hopfield network (Hopfield 1982; deck 000) as a memory for digits: pixels are units of -1 or 1, each joined to every
 * other by the symmetric weights W, none to itself. A unit takes the sign of what reaches it, which never raises
 *     E = -1/2 * s W s
 * while units take turns, so that a corrupted pattern s runs down to a stored one. Stored by two rules:
 *     Hebb         W = 1/D * sum of p p'; good for patterns that have little in common, which digits do not
 *     projection   W such that each pattern is its own image, p W = p (Personnaz, Guyon and Dreyfus 1986), by steps of
 *                  the delta rule W += rate/D * P' (P - P W)
 * Weights and units are states on the device; a step of recall asks a random part of the units. */
#include "experiments/samples.h"

#include "base/random.h"
#include "clade/ops.h"
#include "clade/session.h"
#include "exec/session.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

enum { MOST_PATTERNS = 20, COPIES = 5, MOST_PIXELS = 64 * 64 };

static const struct rule {
    const char *name;
    bool projects;
} rules[] = { { "Hebb", false }, { "projection", true } };
enum { RULES = sizeof rules / sizeof *rules };

/* What is done to a pattern before it is recalled. */
static const struct corruption {
    const char *name;
    double noise;               /* the share of pixels that are turned over */
    bool halved;                /* the lower half is dark */
    const char *figures[RULES]; /* the share that is recalled */
} corruptions[] = {
    { "10 % turned over", 0.1, false, { "hebb_10", "projection_10" } },
    { "20 % turned over", 0.2, false, { "hebb_20", "projection_20" } },
    { "30 % turned over", 0.3, false, { "hebb_30", "projection_30" } },
    { "lower half dark", 0, true, { "hebb_half", "projection_half" } },
};
enum { CORRUPTIONS = sizeof corruptions / sizeof *corruptions };

/* The patterns and what becomes of them; sample N is a copy of pattern N % patterns. */
typedef struct memory {
    clade_lab *lab;
    int64_t patterns, samples, height, width, pixels;
    float *stored;    /* (patterns, pixels), -1 or 1 */
    float *corrupted; /* (samples, pixels) */
    float *recalled;  /* (samples, pixels) */
    float *weight;    /* (pixels, pixels) */
    float *shown;     /* (patterns, SHOWN_COLUMNS, pixels): for the picture */
} memory;

enum { SHOWN_COLUMNS = 1 + CORRUPTIONS * (1 + RULES) };

/* ---- patterns ---- */

/* The first sample of each class in turn, light pixels as 1. */
static clade_status choose_patterns(memory *memory, clade_dataset *dataset) {
    clade_dataset_info info = clade_dataset_describe(dataset);
    int64_t found = 0, at[MOST_PATTERNS];
    for (int64_t i = 0; i < info.count && found < memory->patterns; i++) {
        int32_t label;
        clade_status status = clade_samples_read(dataset, i, 1, NULL, &label);
        if (status != CLADE_OK) return status;
        if (label == found % info.classes) at[found++] = i;
    }
    if (found < memory->patterns)
        return clade_fail(memory->lab->context, CLADE_ERROR_INPUT,
                          "%s: too few samples of each class for %" PRId64 " patterns", info.name, memory->patterns);
    clade_status status = clade_dataset_read(dataset, at, found, memory->stored, NULL);
    for (int64_t i = 0; i < found * memory->pixels; i++)
        memory->stored[i] = memory->stored[i] > 0.5F ? 1 : -1;
    return status;
}

static void corrupt(memory *memory, const struct corruption *corruption) {
    for (int64_t n = 0; n < memory->samples; n++) {
        clade_random random = clade_random_stream(memory->lab->seed, corruption->name, (uint64_t)n);
        const float *pattern = memory->stored + n % memory->patterns * memory->pixels;
        for (int64_t i = 0; i < memory->pixels; i++) {
            bool turned = clade_random_uniform(&random) < corruption->noise;
            bool dark = corruption->halved && i >= memory->height / 2 * memory->width;
            memory->corrupted[n * memory->pixels + i] = dark ? -1 : turned ? -pattern[i] : pattern[i];
        }
    }
}

/* ---- storing ---- */

static clade_status run_updates(clade_session *session, const clade_binding_array *feeds, size_t count) {
    return clade_session_run(
        session, &(clade_run_options){
                     .size = sizeof(clade_run_options), .feeds = feeds, .feed_count = count, .updates = true });
}

static clade_status store(memory *memory, const struct rule *rule) {
    clade_lab *lab = memory->lab;
    int64_t units = memory->pixels, steps = rule->projects ? clade_lab_count(lab, "steps") : 1;
    int32_t index[MOST_PIXELS];
    clade_graph *graph = clade_graph_new(lab->context);
    if (!graph) return clade_fail_memory(lab->context, sizeof *memory, "a graph");
    const clade_initializer zero = { .kind = CLADE_INITIALIZE_CONSTANT };
    clade_value patterns = clade_input(graph, "patterns", CLADE_F32, clade_shape(memory->patterns, units));
    clade_value unit = clade_input(graph, "unit", CLADE_I32, clade_shape(units));
    clade_value weight = clade_state(graph, "weight", clade_shape(units, units), CLADE_ROLE_STATE, zero);
    clade_value image =
        rule->projects ? clade_subtract(patterns, clade_matmul(patterns, weight, false, false)) : patterns;
    double rate = rule->projects ? clade_lab_setting(lab, "rate") : 1;
    clade_value change = clade_scale(clade_matmul(patterns, image, true, false), rate / (double)units);
    clade_value others = clade_subtract(clade_constant(graph, CLADE_SCALAR, 1), clade_one_hot(unit, units));
    clade_update(weight, clade_multiply(clade_add(weight, change), others));
    for (int64_t i = 0; i < units; i++)
        index[i] = (int32_t)i;
    const clade_binding_array feeds[] = { { patterns, memory->stored, memory->patterns * units },
                                          { unit, index, units } };
    clade_session *session = NULL;
    clade_status status = clade_session_new(lab->device, graph, lab->seed, &session);
    for (int64_t step = 0; step < steps && status == CLADE_OK; step++)
        status = run_updates(session, feeds, 2);
    if (status == CLADE_OK) status = clade_session_read_state(session, "weight", memory->weight, units * units);
    clade_session_free(session);
    clade_graph_free(graph);
    return status;
}

/* ---- recall ---- */

typedef struct network {
    clade_graph *graph;
    clade_session *session;
    clade_value energy; /* scalar: the mean over the samples */
} network;

static clade_status open_network(memory *memory, network *network) {
    clade_lab *lab = memory->lab;
    int64_t units = memory->pixels;
    const clade_initializer zero = { .kind = CLADE_INITIALIZE_CONSTANT };
    clade_graph *graph = network->graph = clade_graph_new(lab->context);
    if (!graph) return clade_fail_memory(lab->context, sizeof *memory, "a graph");
    clade_dims dims = clade_shape(memory->samples, units);
    clade_value weight = clade_state(graph, "weight", clade_shape(units, units), CLADE_ROLE_STATE, zero);
    clade_value s = clade_state(graph, "units", dims, CLADE_ROLE_STATE, zero);
    clade_value field = clade_matmul(s, weight, false, false);
    clade_value one = clade_constant(graph, CLADE_SCALAR, 1);
    clade_value sign = clade_subtract(clade_scale(clade_step(field), 2), one);
    clade_value asked = clade_bernoulli(clade_constant(graph, dims, (float)clade_lab_setting(lab, "asked")), "asked");
    clade_update(s, clade_add(s, clade_multiply(asked, clade_subtract(sign, s))));
    clade_value sum = clade_sum(clade_multiply(s, field), CLADE_ALL_AXES, false);
    network->energy = clade_scale(sum, -0.5 / (double)memory->samples);
    clade_status status = clade_session_new(lab->device, graph, lab->seed, &network->session);
    return status == CLADE_OK ? clade_session_write_state(network->session, "weight", memory->weight, units * units)
                              : status;
}

/* The energies before the first step and at the end. */
static clade_status recall(memory *memory, network *network, float energy[2]) {
    clade_session *session = network->session;
    int64_t count = memory->samples * memory->pixels, turns = clade_lab_count(memory->lab, "turns");
    clade_status status = clade_session_write_state(session, "units", memory->corrupted, count);
    for (int64_t turn = 0; turn <= turns && status == CLADE_OK; turn++) {
        const clade_binding_array fetch = { network->energy, &energy[turn > 0], 1 };
        clade_session_set_random(session, memory->lab->seed, (uint64_t)turn, 0);
        status = clade_session_run(session, &(clade_run_options){ .size = sizeof(clade_run_options),
                                                                  .fetches = &fetch,
                                                                  .fetch_count = 1,
                                                                  .updates = turn < turns });
    }
    return status == CLADE_OK ? clade_session_read_state(session, "units", memory->recalled, count) : status;
}

/* ---- results ---- */

/* The share of pixels of sample N of STATE that agree with its pattern. */
static double agreement(const memory *memory, const float *state, int64_t n) {
    const float *pattern = memory->stored + n % memory->patterns * memory->pixels;
    int64_t same = 0;
    for (int64_t i = 0; i < memory->pixels; i++)
        same += state[n * memory->pixels + i] == pattern[i];
    return (double)same / (double)memory->pixels;
}

static void tabulate(memory *memory, const struct rule *rule, const struct corruption *corruption,
                     const float energy[2]) {
    const double nearly_all = 0.99;
    clade_lab *lab = memory->lab;
    double before = 0, after = 0, recalled = 0, samples = (double)memory->samples;
    for (int64_t n = 0; n < memory->samples; n++) {
        double end = agreement(memory, memory->recalled, n);
        before += agreement(memory, memory->corrupted, n) / samples;
        after += end / samples;
        recalled += (end >= nearly_all) / samples;
    }
    clade_lab_text(lab, rule->name);
    clade_lab_text(lab, corruption->name);
    clade_lab_number(lab, "%.3f", before);
    clade_lab_number(lab, "%.3f", after);
    clade_lab_number(lab, "%.2f", recalled);
    clade_lab_number(lab, "%.1f", (double)energy[0]);
    clade_lab_number(lab, "%.1f", (double)energy[1]);
    clade_lab_figure(lab, corruption->figures[rule - rules], recalled);
}

/* Keeps the first copy of each pattern for the picture: the pattern, then each corruption and what the rules make of it. */
static void show(memory *memory, const float *state, int column) {
    for (int64_t p = 0; p < memory->patterns; p++)
        for (int64_t i = 0; i < memory->pixels; i++)
            memory->shown[(p * SHOWN_COLUMNS + column) * memory->pixels + i] = (state[p * memory->pixels + i] + 1) / 2;
}

static clade_status try_rule(memory *memory, int rule) {
    network network = { 0 };
    clade_status status = store(memory, &rules[rule]);
    if (status == CLADE_OK) status = open_network(memory, &network);
    for (int c = 0; c < CORRUPTIONS && status == CLADE_OK; c++) {
        float energy[2] = { 0 };
        corrupt(memory, &corruptions[c]);
        status = recall(memory, &network, energy);
        if (status != CLADE_OK) break;
        tabulate(memory, &rules[rule], &corruptions[c], energy);
        show(memory, memory->corrupted, 1 + c * (1 + RULES));
        show(memory, memory->recalled, 2 + c * (1 + RULES) + rule);
    }
    clade_session_free(network.session);
    clade_graph_free(network.graph);
    return status;
}

/* ---- the row ---- */

static clade_status open_memory(memory *memory, clade_dataset *dataset) {
    clade_context *context = memory->lab->context;
    clade_dataset_info info = clade_dataset_describe(dataset);
    memory->height = info.height;
    memory->width = info.width;
    memory->pixels = info.height * info.width;
    memory->patterns = clade_lab_count(memory->lab, "patterns");
    memory->samples = memory->patterns * COPIES;
    if (info.channels != 1 || info.classes < 1 || memory->pixels > MOST_PIXELS)
        return clade_fail(context, CLADE_ERROR_INPUT, "%s: wanted are grey pictures of classes, of at most %d pixels",
                          info.name, MOST_PIXELS);
    size_t pixels = (size_t)memory->pixels;
    memory->stored = clade_allocate(context, (size_t)memory->patterns * pixels, sizeof(float));
    memory->corrupted = clade_allocate(context, (size_t)memory->samples * pixels, sizeof(float));
    memory->recalled = clade_allocate(context, (size_t)memory->samples * pixels, sizeof(float));
    memory->weight = clade_allocate(context, pixels * pixels, sizeof(float));
    memory->shown = clade_allocate(context, (size_t)memory->patterns * SHOWN_COLUMNS * pixels, sizeof(float));
    if (!memory->stored || !memory->corrupted || !memory->recalled || !memory->weight || !memory->shown)
        return clade_fail_memory(context, pixels * pixels * sizeof(float), "a Hopfield network");
    return choose_patterns(memory, dataset);
}

static clade_status run(clade_lab *lab) {
    static const char *const columns[] = { "rule",     "corruption",    "agreement before", "after",
                                           "recalled", "energy before", "energy after" };
    for (size_t i = 0; i < sizeof columns / sizeof *columns; i++)
        clade_lab_column(lab, columns[i]);
    memory memory = { .lab = lab };
    clade_dataset *dataset = NULL;
    clade_status status = clade_dataset_open(lab->context, lab->data, &dataset, NULL);
    if (status == CLADE_OK) status = open_memory(&memory, dataset);
    if (status == CLADE_OK) show(&memory, memory.stored, 0);
    for (int rule = 0; rule < RULES && status == CLADE_OK; rule++)
        status = try_rule(&memory, rule);
    if (status == CLADE_OK)
        status = clade_samples_picture(lab, "recall.pgm", memory.shown, memory.patterns * SHOWN_COLUMNS, SHOWN_COLUMNS,
                                       memory.height, memory.width);
    clade_free(lab->context, memory.stored);
    clade_free(lab->context, memory.corrupted);
    clade_free(lab->context, memory.recalled);
    clade_free(lab->context, memory.weight);
    clade_free(lab->context, memory.shown);
    clade_dataset_free(dataset);
    return status;
}

static const clade_setting settings[] = {
    { "patterns", 10, 1, MOST_PATTERNS, true, "digits that are stored, of every class in turn" },
    { "turns", 40, 1, 10000, true, "steps of recall" },
    { "asked", 0.25, 0.01, 1, false, "the share of units that a step asks, at random" },
    { "steps", 300, 1, 1e5, true, "of the delta rule" },
    { "rate", 0.25, 1e-4, 2, false, "of the delta rule" },
    { .name = NULL },
};

const clade_experiment_row clade_experiment_hopfield = {
    .about = { .name = "hopfield",
               .title =
                   "a Hopfield network recalls digits from corrupted ones, stored by Hebb's and the projection rule",
               .data = "digits",
               .settings = settings },
    .run = run,
};
