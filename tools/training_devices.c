#include "training_devices.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

/* "conv3,fc1": a name for each device but the first. */
static bool read_split(const char *text, training_devices *devices) {
    size_t count = 0;
    if (strlen(text) >= sizeof devices->names) return false;
    memcpy(devices->names, text, strlen(text) + 1);
    for (char *name = devices->names; name != NULL && count < devices->count; count++) {
        devices->split_at[count] = name;
        name = strchr(name, ',');
        if (name != NULL) *name++ = '\0';
        if (devices->split_at[count][0] == '\0') return false;
    }
    return count + 1 == devices->count;
}

outcome training_devices_open_picks(const invocation *call, const clade_device_pick picks[], size_t count,
                                    const device_options *given, int64_t memory, training_devices *devices) {
    *devices = (training_devices){ .count = 0 };
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
    if (given->split_at != NULL && !read_split(given->split_at, devices))
        return wrong_usage(call->command,
                           "--split-at wants a layer for each of the %zu devices but the first: conv3,fc1", count);
    return DONE;
}

outcome training_devices_open(const invocation *call, const char *choice, const device_options *given, int64_t memory,
                              training_devices *devices) {
    clade_device_pick picks[CLADE_MAX_PICKS];
    size_t count = 0;
    *devices = (training_devices){ .count = 0 };
    if (clade_device_choose_list(call->context, choice, picks, &count) != CLADE_OK) return failed(call);
    return training_devices_open_picks(call, picks, count, given, memory, devices);
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
    options->split_layers = given->split_layers;
    options->micro_batches = given->micro_batches;
    options->split_at = devices->split_at[0] != NULL ? devices->split_at : NULL;
}

/* ---- what each did ---- */

static void add_row(table *rows, const clade_train_device *device) {
    char share[16], exposed[16], name[320];
    const double step = device->step_worked + device->step_waited + device->step_idle;
    const bool measured = device->steps > 0;
    snprintf(share, sizeof share, "%.1f %%", 100 * device->share);
    snprintf(exposed, sizeof exposed, "%.1f %%", 100 * device->step_exposed / step);
    snprintf(name, sizeof name, "%s", device->name);
    if (device->losses > 0)
        snprintf(name, sizeof name, "%s (lost at step %lld%s)", device->name, (long long)device->lost_at,
                 device->samples > 0 ? ", came back" : "");
    else if (device->rests)
        snprintf(name, sizeof name, "%s (rests)", device->name);
    table_add(rows, share, words_count((double)device->samples), measured ? words_seconds(device->step_worked) : "",
              measured ? words_seconds(device->step_waited) : "", measured ? exposed : "",
              measured ? words_seconds(device->step_idle) : "", measured ? words_bytes(device->step_bytes) : "", name);
}

/* Where the devices share the layers: a row a stage. */
static bool print_layers(const clade_train_result *result) {
    table *rows = table_new(7, 0x3e);
    table_add(rows, "layers", "planned", "at work", "waiting", "handed over", "memory", "device");
    for (size_t i = 0; i < result->device_count; i++) {
        const clade_train_device *device = &result->devices[i];
        const bool measured = device->steps > 0;
        char layers[160];
        snprintf(layers, sizeof layers, "%s to %s", device->first_layer, device->last_layer);
        table_add(rows, layers, device->layer_seconds > 0 ? words_seconds(device->layer_seconds) : "",
                  measured ? words_seconds(device->step_worked) : "",
                  measured ? words_seconds(device->step_waited) : "", measured ? words_bytes(device->step_bytes) : "",
                  words_bytes((double)device->layer_memory), device->name);
    }
    return table_print(rows);
}

bool training_devices_print(const clade_train_result *result) {
    if (result->device_count < 2) return true;
    putchar('\n');
    if (result->devices[0].first_layer[0]) return print_layers(result);
    table *rows = table_new(8, 0x7f);
    table_add(rows, "share", "samples", "at work", "waiting", "exposed", "idle", "moved", "device");
    for (size_t i = 0; i < result->device_count; i++)
        add_row(rows, &result->devices[i]);
    return table_print(rows);
}

static void add_layers(json *report, cJSON *entry, const clade_train_device *device) {
    json_text(report, entry, "first_layer", device->first_layer);
    json_text(report, entry, "last_layer", device->last_layer);
    json_number(report, entry, "layers_ms", device->layer_seconds * 1e3);
    json_number(report, entry, "layers_bytes", (double)device->layer_memory);
}

static void add_step(json *report, cJSON *entry, const clade_train_device *device) {
    json_number(report, entry, "step_working_ms", device->step_worked * 1e3);
    json_number(report, entry, "step_waiting_ms", device->step_waited * 1e3);
    json_number(report, entry, "step_exposed_ms", device->step_exposed * 1e3);
    json_number(report, entry, "step_idle_ms", device->step_idle * 1e3);
    json_number(report, entry, "step_bytes_moved", device->step_bytes);
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
        json_bool(report, entry, "lost", device->samples == 0 && !device->rests);
        json_bool(report, entry, "rests", device->rests);
        json_number(report, entry, "losses", (double)device->losses);
        if (device->first_layer[0]) add_layers(report, entry, device);
        if (device->steps > 0) add_step(report, entry, device);
    }
}
