/* clade devices: every device of every platform, which one would be used, and which kernels are quarantined. */
#include "command.h"
#include "report.h"

#include <stdio.h>
#include <string.h>

typedef struct arguments {
    bool json, measure;
    const char *device;
} arguments;

/* What one device came to when measured. */
typedef struct measured {
    clade_roof roof;
    double gemm; /* FLOP/s of a 1024 x 1024 x 1024 product; 0: not measured */
    char implementation[64];
    char fault[256]; /* empty when it went well */
} measured;

enum { GEMM_SIDE = 1024 };

/* A device that cannot be measured does not hide the others. */
static measured measure(clade_context *context, size_t index) {
    measured result = { .gemm = 0 };
    clade_device *device = NULL;
    clade_bench_result gemm = { .flops = 0 };
    clade_bench_options options = { .size = sizeof options, .seconds = 1 };
    clade_status status = clade_device_open(context, index, &device);
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

static outcome run(invocation *call) {
    const arguments *given = call->arguments;
    size_t count = 0, used = 0;
    const char *why = NULL;
    if (clade_device_count(call->context, &count) != CLADE_OK) return failed(call);
    outcome result = choose_device(call, given->device, &used, &why);
    if (result != DONE) return result;

    json report = { .failed = false };
    cJSON *devices = NULL;
    if (given->json) {
        report = json_new();
        devices = json_array(&report, report.root, "devices");
    }
    for (size_t index = 0; index < count && result == DONE; index++) {
        const clade_property *properties = NULL;
        size_t property_count = 0;
        measured measures;
        if (clade_device_properties(call->context, index, &properties, &property_count) != CLADE_OK) {
            result = failed(call);
            break;
        }
        if (given->measure) measures = measure(call->context, index);
        if (given->json) {
            cJSON *device = json_object(&report, devices, NULL);
            add_device(&report, device, index, properties, property_count);
            if (given->measure) add_measured(&report, device, &measures);
        } else {
            print_device(index, index == used, properties, property_count);
            if (given->measure) print_measured(&measures);
        }
    }
    if (given->json) {
        json_number(&report, report.root, "used", (double)used);
        json_text(&report, report.root, "why", why);
        if (result == DONE) result = report_quarantine(call, &report);
        if (result != DONE) {
            cJSON_Delete(report.root);
        } else if (!json_print(&report)) {
            result = FAILED;
        }
    } else if (result == DONE) {
        printf("\nused: device %zu (*), %s\n", used, why);
        result = report_quarantine(call, NULL);
    }
    return result;
}

static const option options[] = {
    OPTION_JSON(arguments),
    { "--measure", OPTION_FLAG, offsetof(arguments, measure), NULL, 0,
      "measure each: copying, multiply-adds, a matrix product" },
    OPTION_DEVICE(arguments),
    OPTIONS_END,
};

const command command_devices = {
    .name = "devices",
    .operands = "",
    .title = "every platform and device, which would be used, and what is quarantined",
    .options = options,
    .arguments_size = sizeof(arguments),
    .run = run,
};
