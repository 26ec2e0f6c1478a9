/* clade profile: where the time of a step goes, kernel by kernel and layer by layer, as a share of what the device can
 * do; of several devices, device by device. */
#include "report.h"
#include "shared_steps.h"
#include "workload.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct arguments {
    bool json, infer;
    const char *device, *trace;
    int64_t batch, steps;
    device_options devices;
} arguments;

static int slowest_first(const void *a, const void *b) {
    const clade_profile_row *x = *(const clade_profile_row *const *)a, *y = *(const clade_profile_row *const *)b;
    if (x->seconds != y->seconds) return x->seconds < y->seconds ? 1 : -1;
    return (x > y) - (x < y);
}

/* The rows, slowest first; the caller frees. */
static const clade_profile_row **sorted_rows(const clade_profile *profile) {
    const clade_profile_row **rows = calloc(profile->row_count + 1, sizeof *rows);
    for (size_t i = 0; rows != NULL && i < profile->row_count; i++)
        rows[i] = &profile->rows[i];
    if (rows != NULL) qsort((void *)rows, profile->row_count, sizeof *rows, slowest_first);
    return rows;
}

/* "43 GFLOP/s" and "18 %" of the roof; empty where nothing is counted. */
typedef struct speed {
    char rate[32], share[16];
} speed;

static speed speed_of(double work, double seconds, double roof, const char *unit) {
    speed s = { .rate = "" };
    if (work <= 0 || seconds <= 0) return s;
    snprintf(s.rate, sizeof s.rate, "%s", words_rate(work / seconds, unit));
    if (roof > 0) snprintf(s.share, sizeof s.share, "%.0f %%", 100 * work / seconds / roof);
    return s;
}

static bool print_rows(const clade_profile *profile, const clade_roof *roof) {
    const clade_profile_row **rows = sorted_rows(profile);
    table *out = table_new(9, 0x1f8);
    table_add(out, "operator", "kernel", "phase", "time", "share", "compute", "of roof", "memory", "of roof");
    table_rule(out);
    for (size_t i = 0; rows != NULL && i < profile->row_count; i++) {
        const clade_profile_row *row = rows[i];
        speed compute = speed_of(row->flops, row->seconds, roof->flops, "FLOP/s");
        speed memory = speed_of(row->bytes, row->seconds, roof->bytes, "B/s");
        char share[16], label[41];
        snprintf(label, sizeof label, strlen(row->label) < sizeof label ? "%s" : "%.37s...", row->label);
        snprintf(share, sizeof share, "%.1f %%", 100 * row->seconds / profile->seconds);
        table_add(out, label, row->kernel, clade_phase_name(row->phase), words_seconds(row->seconds), share,
                  compute.rate, compute.share, memory.rate, memory.share);
    }
    bool good = rows != NULL;
    free((void *)rows);
    return table_print(out) && good;
}

/* Layer by layer in the order of a step. */
static bool print_layers(const clade_profile *profile, const clade_roof *roof) {
    table *out = table_new(8, 0xfe);
    table_add(out, "layer", "forward", "backward", "update", "together", "share", "compute", "of roof");
    table_rule(out);
    for (size_t i = 0; i < profile->layer_count; i++) {
        const clade_profile_layer *layer = &profile->layers[i];
        const char *phases[CLADE_PHASE_COUNT];
        for (int phase = 0; phase < CLADE_PHASE_COUNT; phase++)
            phases[phase] = layer->phase_seconds[phase] > 0 ? words_seconds(layer->phase_seconds[phase]) : "";
        speed compute = speed_of(layer->flops, layer->seconds, roof->flops, "FLOP/s");
        char share[16];
        snprintf(share, sizeof share, "%.1f %%", 100 * layer->seconds / profile->seconds);
        table_add(out, layer->name[0] != '\0' ? layer->name : "(none)", phases[CLADE_PHASE_FORWARD],
                  phases[CLADE_PHASE_BACKWARD], phases[CLADE_PHASE_UPDATE], words_seconds(layer->seconds), share,
                  compute.rate, compute.share);
    }
    printf("\n");
    return table_print(out);
}

/* What a whole step takes beyond its commands: launching them, and the device idle between them. Not below 0, which it
 * would be where commands are slower alone. */
static double overhead_of(const clade_profile *profile) {
    double seconds = profile->step_seconds - profile->seconds;
    return seconds > 0 ? seconds : 0;
}

static void print_totals(const clade_profile *profile, int64_t batch) {
    double forward = profile->phase_seconds[CLADE_PHASE_FORWARD];
    printf("\n");
    for (int phase = 0; phase < CLADE_PHASE_COUNT; phase++) {
        double seconds = profile->phase_seconds[phase];
        if (seconds <= 0) continue;
        printf("%-10s %10s  %5.1f %%", clade_phase_name((clade_phase)phase), words_seconds(seconds),
               100 * seconds / profile->seconds);
        if (phase == CLADE_PHASE_BACKWARD && forward > 0) printf("  %.2f x forward", seconds / forward);
        putchar('\n');
    }
    printf("%-10s %10s  each command waited for\n%-10s %10s  whole, %.0f images/s\n", "sum",
           words_seconds(profile->seconds), "step", words_seconds(profile->step_seconds),
           (double)batch / profile->step_seconds);
    printf("%-10s %10s  %5.1f %% of the step, which launches %zu commands\n", "overhead",
           words_seconds(overhead_of(profile)), 100 * overhead_of(profile) / profile->step_seconds, profile->row_count);
}

/* Work in SECONDS, its rates, and their shares of the roof; null where nothing is counted. */
static void add_speed(json *report, cJSON *object, double seconds, double flops, double bytes, const clade_roof *roof) {
    const double none = (double)NAN;
    double compute = flops > 0 && seconds > 0 ? flops / seconds : none;
    double memory = bytes > 0 && seconds > 0 ? bytes / seconds : none;
    json_number(report, object, "flops", flops);
    json_number(report, object, "bytes", bytes);
    json_number(report, object, "gflops", compute * 1e-9);
    json_number(report, object, "gb_per_second", memory * 1e-9);
    json_number(report, object, "compute_share", compute / roof->flops);
    json_number(report, object, "memory_share", memory / roof->bytes);
}

static void add_phases(json *report, cJSON *object, const double seconds[CLADE_PHASE_COUNT]) {
    for (int phase = 0; phase < CLADE_PHASE_COUNT; phase++) {
        char key[32];
        snprintf(key, sizeof key, "%s_ms", clade_phase_name((clade_phase)phase));
        json_number(report, object, key, seconds[phase] * 1e3);
    }
}

static void add_layers(json *report, const clade_profile *profile, const clade_roof *roof) {
    cJSON *layers = json_array(report, report->root, "layers");
    for (size_t i = 0; i < profile->layer_count; i++) {
        const clade_profile_layer *from = &profile->layers[i];
        cJSON *layer = json_object(report, layers, NULL);
        json_text(report, layer, "name", from->name);
        json_number(report, layer, "ms", from->seconds * 1e3);
        add_phases(report, layer, from->phase_seconds);
        add_speed(report, layer, from->seconds, from->flops, from->bytes, roof);
    }
}

static void add_rows(json *report, const clade_profile *profile, const clade_roof *roof) {
    cJSON *rows = json_array(report, report->root, "rows");
    for (size_t i = 0; i < profile->row_count; i++) {
        const clade_profile_row *from = &profile->rows[i];
        cJSON *row = json_object(report, rows, NULL);
        json_text(report, row, "operator", from->label);
        json_text(report, row, "kernel", from->kernel);
        json_text(report, row, "layer", from->layer);
        json_text(report, row, "phase", clade_phase_name(from->phase));
        json_number(report, row, "ms", from->seconds * 1e3);
        add_speed(report, row, from->seconds, from->flops, from->bytes, roof);
    }
}

static bool print_json(const workload *w, const char *device, int64_t batch, const clade_profile *profile,
                       const clade_roof *roof) {
    json report = json_new();
    cJSON *root = report.root;
    json_text(&report, root, "model", w->model->name);
    json_text(&report, root, "device", device);
    json_number(&report, root, "batch", (double)batch);
    json_number(&report, root, "roof_gflops", roof->flops * 1e-9);
    json_number(&report, root, "roof_gb_per_second", roof->bytes * 1e-9);
    json_number(&report, root, "step_ms", profile->step_seconds * 1e3);
    json_number(&report, root, "sum_ms", profile->seconds * 1e3);
    json_number(&report, root, "overhead_ms", overhead_of(profile) * 1e3);
    add_phases(&report, root, profile->phase_seconds);
    add_layers(&report, profile, roof);
    add_rows(&report, profile, roof);
    return json_print(&report);
}

static outcome profile_workload(const invocation *call, workload *w, clade_device *device, int64_t batch) {
    const arguments *given = call->arguments;
    clade_profile *profile = NULL;
    clade_roof roof;
    outcome result = DONE;
    if (clade_device_roof(device, &roof) != CLADE_OK ||
        clade_profile_new(w->session, &w->run, given->steps, &profile) != CLADE_OK ||
        (given->trace != NULL && clade_profile_write_trace(call->context, profile, given->trace) != CLADE_OK)) {
        result = failed(call);
    } else if (given->json) {
        if (!print_json(w, clade_device_name(device), batch, profile, &roof)) result = FAILED;
    } else {
        printf("%s, %s of %lld images on %s\nroof: %s, %s to and from memory (caches are faster)\n\n", w->model->name,
               given->infer ? "inference" : "a step", (long long)batch, clade_device_name(device),
               words_rate(roof.flops, "FLOP/s"), words_rate(roof.bytes, "B/s"));
        if (!print_rows(profile, &roof) || !print_layers(profile, &roof)) result = FAILED;
        if (result == DONE) print_totals(profile, batch);
    }
    clade_profile_free(profile);
    return result;
}

static outcome profile_together(const invocation *call, const clade_device_pick picks[], size_t count,
                                const clade_model *model) {
    const arguments *given = call->arguments;
    const int64_t batch = given->batch > 0 ? given->batch : model->recipe.batch;
    if (given->infer || given->trace != NULL)
        return wrong_usage(call->command, "--infer and --trace are for one device: several are shown by whole steps");
    clade_train_result result;
    outcome measured = shared_steps_measure(call, picks, count, &given->devices, model, batch, given->steps, &result);
    if (measured != DONE) return measured;
    if (!given->json) return shared_steps_print(model, batch, &result) ? DONE : FAILED;
    json report = json_new();
    shared_steps_json(&report, report.root, model, batch, &result);
    return json_print(&report) ? DONE : FAILED;
}

static outcome run(invocation *call) {
    const arguments *given = call->arguments;
    const clade_model *model = find_model(call, call->operands[0]);
    if (model == NULL) return WRONG_USAGE;
    clade_device_pick picks[CLADE_MAX_PICKS];
    size_t count = 0;
    clade_device *device = NULL;
    if (clade_device_choose_list(call->context, given->device, picks, &count) != CLADE_OK) return failed(call);
    if (count > 1) return profile_together(call, picks, count, model);
    if (clade_device_open_profiled(call->context, &picks[0], &device) != CLADE_OK) return failed(call);
    workload w;
    int64_t batch = given->batch > 0 ? given->batch : model->recipe.batch;
    outcome result = workload_open(call, model, device, batch, !given->infer, &w);
    if (result == DONE) result = profile_workload(call, &w, device, batch);
    workload_close(&w);
    clade_device_close(device);
    return result;
}

static const option options[] = {
    { "--batch", OPTION_INTEGER, offsetof(arguments, batch), "N", 1, "images; default the recipe's" },
    { "--steps", OPTION_INTEGER, offsetof(arguments, steps), "N", 1, "steps timed; the medians are shown; default 10" },
    { "--infer", OPTION_FLAG, offsetof(arguments, infer), NULL, 0,
      "inference; default a training step with its update" },
    { "--trace", OPTION_TEXT, offsetof(arguments, trace), "FILE", 0, "write a trace for chrome://tracing" },
    OPTIONS_DEVICES(arguments),
    OPTION_JSON(arguments),
    OPTIONS_END,
};

static const arguments defaults = { .steps = 10 };

const command command_profile = {
    .name = "profile",
    .operands = "MODEL",
    .title = "time, FLOP/s and B/s by kernel, as a share of what the device can do",
    .details = "With several devices: how they share a training step, and how long each is at work and waits. The "
               "split is the one that their speeds suggest, measured before, or that of --shares. With --split-layers: "
               "which layers each has, how long it is at work and waits in a step, and what it hands over.",
    .operand_minimum = 1,
    .operand_maximum = 1,
    .options = options,
    .arguments_size = sizeof(arguments),
    .defaults = &defaults,
    .run = run,
};
