/* clade devices: every device of every platform, which ones would be used, and which kernels are quarantined; measured,
 * also how several would share a batch. */
#include "shared_steps.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct arguments {
    bool json, measure;
    const char *device;
    int64_t batch;
    device_options devices;
} arguments;

/* The devices that would be used. */
typedef struct picked {
    clade_device_pick list[CLADE_MAX_PICKS];
    size_t count;
    char why[640];
} picked;

/* What one device came to when measured. */
typedef struct measured {
    clade_roof roof;
    double gemm; /* FLOP/s of a 1024 x 1024 x 1024 product; 0: not measured */
    char implementation[64];
    char fault[256]; /* empty when it went well */
} measured;

enum { GEMM_SIDE = 1024 };

/* A device that cannot be measured does not hide the others. */
static measured measure(clade_context *context, const clade_device_pick *pick) {
    measured result = { .gemm = 0 };
    clade_device *device = NULL;
    clade_bench_result gemm = { .flops = 0 };
    clade_bench_options options = { .size = sizeof options, .seconds = 1 };
    clade_status status = clade_device_open_pick(context, pick, &device);
    if (status == CLADE_OK) status = clade_device_roof(device, &result.roof);
    if (status == CLADE_OK) status = clade_bench_gemm(device, GEMM_SIDE, GEMM_SIDE, GEMM_SIDE, &options, &gemm);
    if (status == CLADE_OK) {
        result.gemm = gemm.flops / gemm.times.min;
        snprintf(result.implementation, sizeof result.implementation, "%s", gemm.implementation);
    } else {
        snprintf(result.fault, sizeof result.fault, "%.*s", (int)strcspn(clade_error(context), "\n"),
                 clade_error(context));
    }
    clade_device_close(device);
    return result;
}

static void print_measured(const measured *result) {
    if (result->fault[0] != '\0') {
        printf("    %-28s failed: %s\n", "measured", result->fault);
        return;
    }
    printf("    %-28s %s\n", "measured copy", words_rate(result->roof.bytes, "B/s"));
    printf("    %-28s %s\n", "measured multiply-adds", words_rate(result->roof.flops, "FLOP/s"));
    printf("    %-28s %s (%d x %d x %d by %s)\n", "measured GEMM", words_rate(result->gemm, "FLOP/s"), GEMM_SIDE,
           GEMM_SIDE, GEMM_SIDE, result->implementation);
}

static void add_measured(json *report, cJSON *device, const measured *result) {
    if (result->fault[0] != '\0') {
        json_text(report, device, "measure_error", result->fault);
        return;
    }
    json_number(report, device, "copy_gb_per_second", result->roof.bytes * 1e-9);
    json_number(report, device, "fma_gflops", result->roof.flops * 1e-9);
    json_number(report, device, "gemm_gflops", result->gemm * 1e-9);
    json_text(report, device, "gemm_implementation", result->implementation);
}

/* ---- which are used ---- */

static outcome pick_devices(const invocation *call, picked *used) {
    const arguments *given = call->arguments;
    const char *asked = given->device != NULL ? given->device : getenv("CLADE_DEVICE"), *why = "";
    clade_status status = clade_device_choose_list(call->context, given->device, used->list, &used->count);
    if (status != CLADE_OK) return failed(call);
    const bool list = used->count > 1 || used->list[0].parts > 1 || (asked != NULL && strcmp(asked, "all") == 0);
    size_t index;
    if (!list && clade_device_choose(call->context, given->device, &index, &why) != CLADE_OK) return failed(call);
    if (list)
        snprintf(used->why, sizeof used->why, "%s%.512s",
                 given->device != NULL ? "asked for as " : "CLADE_DEVICE=", asked);
    else
        snprintf(used->why, sizeof used->why, "%s", why);
    return DONE;
}

static bool is_used(const picked *used, size_t index) {
    for (size_t i = 0; i < used->count; i++)
        if (used->list[i].index == index) return true;
    return false;
}

/* As --device would name it: "0", "0/2:1". */
static const char *words_pick(const clade_device_pick *pick) {
    static char words[64];
    if (pick->parts > 1)
        snprintf(words, sizeof words, "%zu/%zu:%zu", pick->index, pick->parts, pick->part);
    else
        snprintf(words, sizeof words, "%zu", pick->index);
    return words;
}

static void print_used(const picked *used) {
    printf("\nused: device%s ", used->count > 1 ? "s" : "");
    for (size_t i = 0; i < used->count; i++)
        printf("%s%s", i > 0 ? ", " : "", words_pick(&used->list[i]));
    printf(" (*), %s\n", used->why);
}

static void add_used(json *report, const picked *used) {
    json_number(report, report->root, "used", (double)used->list[0].index);
    json_text(report, report->root, "why", used->why);
    cJSON *list = json_array(report, report->root, "used_devices");
    for (size_t i = 0; i < used->count; i++)
        json_text(report, list, NULL, words_pick(&used->list[i]));
}

/* ---- the table of each ---- */

static const char *property_text(const clade_property *properties, size_t count, const char *key) {
    for (size_t i = 0; i < count; i++)
        if (strcmp(properties[i].key, key) == 0) return properties[i].text;
    return "";
}

static void print_device(size_t index, bool used, const clade_property *properties, size_t count) {
    printf("%s device %zu: %s (%s)\n", used ? "*" : " ", index, property_text(properties, count, "name"),
           property_text(properties, count, "platform"));
    for (size_t i = 0; i < count; i++) {
        if (strcmp(properties[i].key, "name") == 0 || strcmp(properties[i].key, "platform") == 0) continue;
        printf("    %-28s ", properties[i].label);
        print_wrapped(properties[i].text, 33);
    }
}

static void add_device(json *report, cJSON *device, size_t index, const clade_property *properties, size_t count) {
    json_number(report, device, "index", (double)index);
    for (size_t i = 0; i < count; i++) {
        if (properties[i].is_number) {
            json_number(report, device, properties[i].key, properties[i].number);
        } else {
            json_text(report, device, properties[i].key, properties[i].text);
        }
    }
}

/* ---- quarantine ---- */

typedef struct quarantine {
    json *report; /* NULL: as text */
    cJSON *list;
    int count;
} quarantine;

static const char how_to_clear[] =
    "`clade tune ... --retune` on that device tries it again, and so does removing the file";

static void tell_quarantined(void *user, const clade_quarantined *entry) {
    quarantine *q = user;
    q->count++;
    if (q->report != NULL) {
        cJSON *item = json_object(q->report, q->list, NULL);
        json_text(q->report, item, "device", entry->device);
        json_text(q->report, item, "operator", entry->op);
        json_text(q->report, item, "candidate", entry->candidate);
        json_text(q->report, item, "reason", entry->reason);
        json_text(q->report, item, "site", entry->site);
        json_text(q->report, item, "file", entry->file);
        json_text(q->report, item, "clear", how_to_clear);
        return;
    }
    if (q->count == 1) printf("\nquarantined: not used on their devices any more; %s\n", how_to_clear);
    printf("  %s of %s on %s\n", entry->candidate, entry->op, entry->device);
    printf("    %-28s ", "reason");
    print_wrapped(entry->reason, 33);
    printf("    %-28s ", "seen at");
    print_wrapped(entry->site, 33);
    printf("    %-28s %s\n", "file", entry->file);
}

static outcome report_quarantine(const invocation *call, json *report) {
    quarantine q = { .report = report };
    if (report != NULL) q.list = json_array(report, report->root, "quarantined");
    return clade_quarantine_list(call->context, tell_quarantined, &q) == CLADE_OK ? DONE : failed(call);
}

/* ---- how a batch would be shared ---- */

/* One of the devices that would share, and its rate of products. */
typedef struct sharer {
    const clade_device_pick *pick;
    double gemm; /* 0: it failed */
} sharer;

/* EACH: what was measured of whole devices; parts are measured now. Returns the sum of the rates. */
static double find_sharers(const invocation *call, const picked *sharing, const measured *each, sharer sharers[]) {
    double sum = 0;
    for (size_t i = 0; i < sharing->count; i++) {
        const clade_device_pick *pick = &sharing->list[i];
        sharers[i].pick = pick;
        sharers[i].gemm = pick->parts > 1 ? measure(call->context, pick).gemm : each[pick->index].gemm;
        sum += sharers[i].gemm;
    }
    return sum;
}

static void show_split_by_products(const invocation *call, json *report, const picked *sharing, const measured *each) {
    sharer sharers[CLADE_MAX_PICKS];
    const size_t count = sharing->count;
    const double sum = count > 1 ? find_sharers(call, sharing, each, sharers) : 0;
    cJSON *list = NULL;
    if (!(sum > 0)) return;
    if (report != NULL) {
        cJSON *split = json_object(report, report->root, "split");
        json_text(report, split, "by", "gemm");
        list = json_array(report, split, "devices");
    } else {
        printf("\nshares by the matrix product, each device measured alone (MODEL measures its steps, together):\n");
    }
    for (size_t i = 0; i < count; i++) {
        const char *name = words_pick(sharers[i].pick);
        if (report == NULL) {
            printf("  %5.1f %%  device %s, %s\n", 100 * sharers[i].gemm / sum, name,
                   words_rate(sharers[i].gemm, "FLOP/s"));
            continue;
        }
        cJSON *entry = json_object(report, list, NULL);
        json_text(report, entry, "device", name);
        json_number(report, entry, "share", sharers[i].gemm / sum);
        json_number(report, entry, "gemm_gflops", sharers[i].gemm * 1e-9);
    }
}

/* By a model's steps, taken together. */
static outcome show_split_by_model(const invocation *call, json *report, const picked *sharing,
                                   const clade_model *model) {
    const arguments *given = call->arguments;
    enum { STEPS = 10 };
    const int64_t batch = given->batch > 0 ? given->batch : model->recipe.batch;
    clade_train_result result;
    outcome done =
        shared_steps_measure(call, sharing->list, sharing->count, &given->devices, model, batch, STEPS, &result);
    if (done != DONE) return done;
    if (report == NULL) {
        putchar('\n');
        return shared_steps_print(model, batch, &result) ? DONE : FAILED;
    }
    cJSON *split = json_object(report, report->root, "split");
    json_text(report, split, "by", "steps");
    shared_steps_json(report, split, model, batch, &result);
    return DONE;
}

/* Which devices would share a batch: those that would be used when they are several, else all that work. */
static outcome pick_sharing(const invocation *call, const picked *used, picked *sharing) {
    *sharing = *used;
    if (used->count > 1) return DONE;
    clade_status status = clade_device_choose_list(call->context, "all", sharing->list, &sharing->count);
    return status == CLADE_OK ? DONE : failed(call);
}

/* ---- the whole ---- */

static outcome show_each(const invocation *call, json *report, const picked *used, measured *each, size_t count) {
    const arguments *given = call->arguments;
    cJSON *devices = report != NULL ? json_array(report, report->root, "devices") : NULL;
    for (size_t index = 0; index < count; index++) {
        const clade_property *properties = NULL;
        size_t property_count = 0;
        if (clade_device_properties(call->context, index, &properties, &property_count) != CLADE_OK)
            return failed(call);
        if (given->measure) each[index] = measure(call->context, &(clade_device_pick){ .index = index, .parts = 1 });
        if (report != NULL) {
            cJSON *device = json_object(report, devices, NULL);
            add_device(report, device, index, properties, property_count);
            if (given->measure) add_measured(report, device, &each[index]);
        } else {
            print_device(index, is_used(used, index), properties, property_count);
            if (given->measure) print_measured(&each[index]);
        }
    }
    return DONE;
}

static outcome show(const invocation *call, json *report, const picked *used, const clade_model *model, size_t count) {
    const arguments *given = call->arguments;
    picked sharing;
    measured *each = calloc(count + 1, sizeof *each);
    if (each == NULL) return failed_because(call, "memory is short for %zu devices", count);
    outcome result = show_each(call, report, used, each, count);
    if (result == DONE && report != NULL) add_used(report, used);
    if (result == DONE && report == NULL) print_used(used);
    if (result == DONE && given->measure) {
        result = pick_sharing(call, used, &sharing);
        if (result == DONE && model != NULL)
            result = show_split_by_model(call, report, &sharing, model);
        else if (result == DONE)
            show_split_by_products(call, report, &sharing, each);
    }
    free(each);
    return result == DONE ? report_quarantine(call, report) : result;
}

static outcome run(invocation *call) {
    const arguments *given = call->arguments;
    const clade_model *model = NULL;
    size_t count = 0;
    picked used;
    if (call->operand_count > 0) {
        model = find_model(call, call->operands[0]);
        if (model == NULL) return WRONG_USAGE;
        if (!given->measure) return wrong_usage(call->command, "MODEL is for --measure, which takes its steps");
    }
    if (clade_device_count(call->context, &count) != CLADE_OK) return failed(call);
    outcome result = pick_devices(call, &used);
    if (result != DONE) return result;
    if (!given->json) return show(call, NULL, &used, model, count);
    json report = json_new();
    result = show(call, &report, &used, model, count);
    if (result == DONE) return json_print(&report) ? DONE : FAILED;
    cJSON_Delete(report.root);
    return result;
}

static const option options[] = {
    OPTION_JSON(arguments),
    { "--measure", OPTION_FLAG, offsetof(arguments, measure), NULL, 0,
      "measure each: copying, multiply-adds, a matrix product; and how several would share a batch" },
    { "--batch", OPTION_INTEGER, offsetof(arguments, batch), "N", 1,
      "images in a step of MODEL; default its recipe's" },
    OPTIONS_DEVICES(arguments),
    OPTIONS_END,
};

const command command_devices = {
    .name = "devices",
    .operands = "[MODEL]",
    .title = "every platform and device, which would be used, and what is quarantined",
    .details =
        "With --measure, MODEL is a model whose training steps the devices take together: those of --device when they "
        "are several, else all. Its table says how they come to share the batch, and how long each is at work and "
        "waits.",
    .operand_maximum = 1,
    .options = options,
    .arguments_size = sizeof(arguments),
    .run = run,
};
