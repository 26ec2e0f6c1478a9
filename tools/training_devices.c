#include "training_devices.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- opening ---- */

/* "3,1": a number above 0 for each device. */
static bool read_shares(const char *text, training_devices *devices) {
    for (size_t i = 0; i < devices->count; i++) {
        char *end = NULL;
        devices->shares[i] = strtod(text, &end);
        const bool last = i + 1 == devices->count;
        if (end == text || !(devices->shares[i] > 0) || *end != (last ? '\0' : ',')) return false;
        text = end + 1;
    }
    return true;
}

outcome training_devices_open(const invocation *call, const char *choice, const device_options *given, int64_t memory,
                              training_devices *devices) {
    clade_device_pick picks[CLADE_MAX_PICKS];
    size_t count = 0;
    *devices = (training_devices){ .count = 0 };
    if (clade_device_choose_list(call->context, choice, picks, &count) != CLADE_OK) return failed(call);
    if (count > CLADE_MAX_TRAIN_DEVICES)
        return failed_because(call, "%zu devices: at most %d train together", count, CLADE_MAX_TRAIN_DEVICES);
    for (; devices->count < count; devices->count++) {
        clade_device **device = &devices->list[devices->count];
        if (clade_device_open_pick(call->context, &picks[devices->count], device) != CLADE_OK) return failed(call);
        if (memory > 0) clade_device_limit_memory(*device, (size_t)memory);
    }
    devices->shared = given->shares != NULL;
    if (devices->shared && !read_shares(given->shares, devices))
        return wrong_usage(call->command, "--shares wants a number above 0 for each of the %zu devices: 3,1", count);
    return DONE;
}

void training_devices_close(training_devices *devices) {
    for (size_t i = 0; i < devices->count; i++)
        clade_device_close(devices->list[i]);
    devices->count = 0;
}

void training_devices_options(const training_devices *devices, const device_options *given,
                              clade_train_options *options) {
    options->devices = devices->list;
    options->device_count = devices->count;
    options->device_shares = devices->shared ? devices->shares : NULL;
    options->device_seconds = given->seconds;
    options->sync_batch_norm = given->sync_batch_norm;
}

/* ---- what each did ---- */

void training_devices_print(const clade_train_result *result) {
    if (result->device_count < 2) return;
    printf("\n%7s  %7s  %10s  %9s  %s\n", "share", "samples", "moved", "waited", "device");
    for (size_t i = 0; i < result->device_count; i++) {
        const clade_train_device *device = &result->devices[i];
        printf("%5.1f %%  %7lld  %10s  %9s  %s", 100 * device->share, (long long)device->samples,
               words_bytes((double)device->bytes), words_seconds(device->waited), device->name);
        if (device->losses > 0)
            printf(device->samples > 0 ? " (lost at step %lld, came back)" : " (lost at step %lld)",
                   (long long)device->lost_at);
        putchar('\n');
    }
}

void training_devices_json(json *report, cJSON *object, const clade_train_result *result) {
    cJSON *list = json_array(report, object, "devices");
    for (size_t i = 0; i < result->device_count; i++) {
        const clade_train_device *device = &result->devices[i];
        cJSON *entry = json_object(report, list, NULL);
        json_text(report, entry, "name", device->name);
        json_number(report, entry, "share", device->share);
        json_number(report, entry, "samples", (double)device->samples);
        json_number(report, entry, "bytes_moved", (double)device->bytes);
        json_number(report, entry, "seconds_waited", device->waited);
        json_bool(report, entry, "lost", device->samples == 0);
        json_number(report, entry, "losses", (double)device->losses);
    }
}
