/* clade tune: the fastest implementation of each operator of a model, or of one product or convolution, on this device.
 *
 * The measuring is done by a child (this command with --worker), which a bad kernel may end or hold up; the parent watches
 * it, tells what comes out, and lets another go on. */
#include "report.h"
#include "workload.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

typedef struct arguments {
    bool json, retune, worker, list;
    const char *device;
    int64_t batch, skip;
    double budget, limit;
} arguments;

/* ---- the worker ---- */

static double now(void) {
    struct timespec at;
    timespec_get(&at, TIME_UTC);
    return (double)at.tv_sec + 1e-9 * (double)at.tv_nsec;
}

static void print_event(void *user, const clade_tune_event *event) {
    char line[2048];
    (void)user;
    clade_tune_event_print(event, line, sizeof line);
    puts(line);
    fflush(stdout);
}

static outcome tune_gemm(const invocation *call, clade_device *device, clade_tune_options *options) {
    int64_t size[3];
    outcome read = read_sizes(call, 3, -1, size);
    if (read != DONE) return read;
    return clade_tune_gemm(device, size[0], size[1], size[2], options) == CLADE_OK ? DONE : failed(call);
}

static outcome tune_conv(const invocation *call, clade_device *device, clade_tune_options *options) {
    clade_conv_shape shape;
    outcome read = read_conv_shape(call, &shape);
    if (read != DONE) return read;
    return clade_tune_conv(device, &shape, options) == CLADE_OK ? DONE : failed(call);
}

/* A training step first, then what inference has beside it. */
static outcome tune_model(const invocation *call, clade_device *device, clade_tune_options *options) {
    const arguments *given = call->arguments;
    const clade_model *model = find_model(call, call->operands[0]);
    if (model == NULL) return WRONG_USAGE;
    const int64_t batch = given->batch > 0 ? given->batch : model->recipe.batch;
    const double start = now(), all = options->seconds;
    outcome result = DONE;
    for (int inference = 0; inference < 2 && result == DONE; inference++) {
        workload w;
        if (all > 0) options->seconds = inference ? all - (now() - start) : 0.8 * all;
        if (options->seconds < 0) break;
        result = workload_open(call, model, device, batch, !inference, &w);
        if (result == DONE && clade_tune_run(w.session, &w.run, options) != CLADE_OK) result = failed(call);
        workload_close(&w);
    }
    return result;
}

/* What can be tuned, with what each wants after its name. */
static const struct {
    const char *name, *operands;
    int operand_count;
    outcome (*tune)(const invocation *call, clade_device *device, clade_tune_options *options);
} works[] = {
    { "gemm", "M N K", 3, tune_gemm },
    { "conv", "N C H W K R S STRIDE PAD GROUPS", 10, tune_conv },
    { NULL, "", 0, tune_model },
};
enum { WORKS = sizeof works / sizeof *works };

static int find_work(const char *name) {
    int i = 0;
    while (works[i].name != NULL && strcmp(works[i].name, name) != 0)
        i++;
    return i;
}

static outcome work(const invocation *call) {
    const arguments *given = call->arguments;
    size_t seen = 0;
    clade_tune_options options = { .size = sizeof options,
                                   .seconds = given->budget,
                                   .retune = given->retune,
                                   .skip = (size_t)given->skip,
                                   .seen = &seen,
                                   .report = print_event };
    clade_device *device = NULL;
    outcome result = open_device(call, given->device, &device);
    if (result == DONE && given->retune && given->skip == 0 && clade_quarantine_clear(device) != CLADE_OK)
        result = failed(call);
    if (result == DONE) result = works[find_work(call->operands[0])].tune(call, device, &options);
    clade_device_close(device);
    return result;
}

/* ---- the parent ---- */

typedef struct parent {
    const invocation *call;
    json report;
    cJSON *sites, *site, *refused;
    char skip[32], budget[32], batch[32]; /* words of the child's command line */
    size_t chosen, known, refusals;
    double default_seconds, chosen_seconds; /* over the sites that were tuned */
} parent;

static void command_line(void *user, size_t skip, double seconds, const char *words[CLADE_TUNE_WORDS]) {
    parent *p = user;
    const invocation *call = p->call;
    const arguments *given = call->arguments;
    int count = 0;
    snprintf(p->skip, sizeof p->skip, "%zu", skip);
    snprintf(p->budget, sizeof p->budget, "%.3f", seconds);
    snprintf(p->batch, sizeof p->batch, "%lld", (long long)given->batch);
    const char *const fixed[] = { call->program, "tune", "--worker", "--skip", p->skip, "--budget", p->budget };
    for (size_t i = 0; i < sizeof fixed / sizeof *fixed; i++)
        words[count++] = fixed[i];
    if (given->retune) words[count++] = "--retune";
    if (given->batch > 0) {
        words[count++] = "--batch";
        words[count++] = p->batch;
    }
    if (given->device != NULL) {
        words[count++] = "--device";
        words[count++] = given->device;
    }
    for (int i = 0; i < call->operand_count; i++)
        words[count++] = call->operands[i];
    words[count] = NULL;
}

static void tell(const clade_tune_event *event) {
    switch (event->kind) {
    case CLADE_TUNE_SITE:
        printf("%s\n    %s\n", event->label, event->signature);
        break;
    case CLADE_TUNE_KNOWN:
        printf("    %-20s %10s  measured before\n", event->candidate, words_seconds(event->seconds));
        break;
    case CLADE_TUNE_REFUSED:
        printf("    %-20s %10s  ", event->candidate, "out");
        print_wrapped(event->detail, 37);
        break;
    case CLADE_TUNE_MEASURED:
        printf("    %-20s %10s\n", event->candidate, words_seconds(event->seconds));
        break;
    case CLADE_TUNE_CHOSEN:
        printf("    %-20s %10s  chosen", event->candidate, words_seconds(event->seconds));
        if (event->default_seconds > 0)
            printf(", %.2f times the default's speed", event->default_seconds / event->seconds);
        putchar('\n');
        break;
    case CLADE_TUNE_TRYING:
    case CLADE_TUNE_ROUND:
        break;
    }
    fflush(stdout);
}

static void add_site(parent *p, const clade_tune_event *event) {
    json *report = &p->report;
    p->site = json_object(report, p->sites, NULL);
    json_text(report, p->site, "label", event->label);
    json_text(report, p->site, "site", event->signature);
}

static void add_candidate(parent *p, const clade_tune_event *event) {
    json *report = &p->report;
    cJSON *list = cJSON_GetObjectItem(p->site, "candidates");
    if (list == NULL) list = json_array(report, p->site, "candidates");
    cJSON *candidate = json_object(report, list, NULL);
    json_text(report, candidate, "candidate", event->candidate);
    if (event->kind == CLADE_TUNE_REFUSED)
        json_text(report, candidate, "refused", event->detail);
    else
        json_number(report, candidate, "ms", event->seconds * 1e3);
}

static void add_event(parent *p, const clade_tune_event *event) {
    json *report = &p->report;
    if (event->kind == CLADE_TUNE_SITE) add_site(p, event);
    if (p->site == NULL) return;
    if (event->kind == CLADE_TUNE_REFUSED || event->kind == CLADE_TUNE_MEASURED) add_candidate(p, event);
    if (event->kind != CLADE_TUNE_CHOSEN && event->kind != CLADE_TUNE_KNOWN) return;
    json_text(report, p->site, "chosen", event->candidate);
    json_number(report, p->site, "ms", event->seconds * 1e3);
    json_bool(report, p->site, "known", event->kind == CLADE_TUNE_KNOWN);
    if (event->default_seconds > 0) json_number(report, p->site, "default_ms", event->default_seconds * 1e3);
}

static void on_event(void *user, const clade_tune_event *event) {
    parent *p = user;
    const arguments *given = p->call->arguments;
    p->refusals += event->kind == CLADE_TUNE_REFUSED;
    p->known += event->kind == CLADE_TUNE_KNOWN;
    if (event->kind == CLADE_TUNE_CHOSEN) {
        p->chosen++;
        p->chosen_seconds += event->seconds;
        p->default_seconds += event->default_seconds > 0 ? event->default_seconds : event->seconds;
    }
    if (given->json) {
        add_event(p, event);
    } else {
        tell(event);
    }
}

static outcome summarize(parent *p) {
    const arguments *given = p->call->arguments;
    if (given->json) {
        json_number(&p->report, p->report.root, "tuned", (double)p->chosen);
        json_number(&p->report, p->report.root, "known", (double)p->known);
        json_number(&p->report, p->report.root, "refused", (double)p->refusals);
        return json_print(&p->report) ? DONE : FAILED;
    }
    printf("%zu tuned, %zu measured before, %zu candidates out", p->chosen, p->known, p->refusals);
    if (p->chosen_seconds > 0)
        printf("; the tuned take %s once, by default %s", words_seconds(p->chosen_seconds),
               words_seconds(p->default_seconds));
    putchar('\n');
    return DONE;
}

static outcome watch(const invocation *call) {
    const arguments *given = call->arguments;
    parent p = { .call = call };
    int exit = 0;
    if (given->json) {
        p.report = json_new();
        p.sites = json_array(&p.report, p.report.root, "sites");
    }
    const clade_tune_watch options = { .size = sizeof options,
                                       .command = command_line,
                                       .seconds = given->budget,
                                       .limit = given->limit,
                                       .report = on_event,
                                       .user = &p };
    if (clade_tune_watch_child(call->context, &options, &exit) != CLADE_OK) {
        cJSON_Delete(p.report.root);
        return failed(call);
    }
    if (exit == 0) return summarize(&p);
    cJSON_Delete(p.report.root); /* the child has said why */
    return exit == WRONG_USAGE ? WRONG_USAGE : FAILED;
}

static outcome export_choices(const invocation *call) {
    const arguments *given = call->arguments;
    clade_device *device = NULL;
    char *text = NULL;
    outcome result = open_device(call, given->device, &device);
    if (result == DONE && clade_tune_export(device, &text) != CLADE_OK) result = failed(call);
    if (result == DONE) fputs(text, stdout);
    clade_text_release(call->context, text);
    clade_device_close(device);
    return result;
}

static outcome run(invocation *call) {
    const arguments *given = call->arguments;
    if (given->list) return export_choices(call);
    if (call->operand_count == 0) return wrong_usage(call->command, "wants %s", call->command->operands);
    const int kind = find_work(call->operands[0]);
    if (call->operand_count != works[kind].operand_count + 1)
        return wrong_usage(call->command, "%s wants %s", works[kind].name != NULL ? works[kind].name : "MODEL",
                           works[kind].name != NULL ? works[kind].operands : "no other word");
    if (works[kind].name == NULL && find_model(call, call->operands[0]) == NULL) return WRONG_USAGE;
    return given->worker ? work(call) : watch(call);
}

static const option options[] = {
    { "--batch", OPTION_INTEGER, offsetof(arguments, batch), "N", 1, "images in a step; default the recipe's" },
    { "--budget", OPTION_REAL, offsetof(arguments, budget), "SECONDS", 0,
      "stop after so long; operators with most work come first" },
    { "--retune", OPTION_FLAG, offsetof(arguments, retune), NULL, 0,
      "measure also what was measured before, and try again what is quarantined on this device" },
    { "--limit", OPTION_REAL, offsetof(arguments, limit), "SECONDS", 0,
      "how long a candidate may take to compile and run before it is given up; default 60" },
    { "--export", OPTION_FLAG, offsetof(arguments, list), NULL, 0,
      "instead print what was chosen on this device, as src/tune/shipped_table.c holds it" },
    { "--worker", OPTION_FLAG, offsetof(arguments, worker), NULL, 0,
      "measure in this process and print events: what the command starts by itself" },
    { "--skip", OPTION_INTEGER, offsetof(arguments, skip), "N", 0, "of a worker: leave out the first N" },
    OPTION_DEVICE(arguments),
    OPTION_JSON(arguments),
    OPTIONS_END,
};

const command command_tune = {
    .name = "tune",
    .operands = "MODEL | gemm M N K | conv N C H W K R S STRIDE PAD GROUPS",
    .title = "measures which implementation of each operator is fastest here, and keeps it",
    .details = "Each candidate is verified against the reference, then measured. What is fastest is kept in the cache "
               "folder for "
               "this device and driver, and used from then on; CLADE_TUNE_DB=none leaves it out. A model is tuned for "
               "training "
               "and inference. A candidate that is wrong, does not build, crashes or never ends is not used again; "
               "`clade devices` lists it.",
    .operand_maximum = 11,
    .options = options,
    .arguments_size = sizeof(arguments),
    .run = run,
};
