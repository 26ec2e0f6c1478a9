#include "shared_steps.h"

#include "workload.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* The trainer looks at the speeds when 11 steps have come back, and, where it divided anew, after 11 more; up to 6 are
 * under way meanwhile. */
enum { SETTLING = 36, WARM = 3 };

/* At most so many bytes of images; smaller sets are gone through several times. */
static const double most_bytes = 256.0 * 1024 * 1024;

/* One training by both stages. */
typedef struct stage {
    const invocation *call;
    const clade_model *model;
    clade_dataset *data;
    int64_t batch, batches; /* of the data */
} stage;

static outcome draw_data(const invocation *call, int64_t batch, int64_t steps, stage *s) {
    const int64_t *image = s->model->image;
    const double bytes = (double)batch * (double)(image[0] * image[1] * image[2]) * sizeof(float);
    s->batch = batch;
    s->batches = bytes * (double)steps <= most_bytes ? steps : (int64_t)fmax(1, floor(most_bytes / bytes));
    const clade_dataset_info info = { .name = "drawn images",
                                      .count = batch * s->batches,
                                      .channels = image[0],
                                      .height = image[1],
                                      .width = image[2],
                                      .classes = s->model->classes };
    float *images = NULL;
    int32_t *labels = NULL;
    outcome result = DONE;
    if (!workload_draw(s->model, info.count, &images, &labels))
        result = failed_because(call, "memory is short for %lld images", (long long)info.count);
    else if (clade_dataset_from_arrays(call->context, &info, images, labels, NULL, &s->data) != CLADE_OK)
        result = failed(call);
    free(images);
    free(labels);
    return result;
}

/* At a rate that leaves the weights about as they are: images without meaning would spoil them. */
static outcome train(const stage *s, const training_devices *devices, const device_options *given, int64_t steps,
                     clade_train_result *result) {
    clade_train_options options = { .size = sizeof options,
                                    .train = s->data,
                                    .batch = s->batch,
                                    .epochs = (steps + s->batches - 1) / s->batches,
                                    .no_held_out = true,
                                    .rate = 1e-6 };
    training_devices_options(devices, given, &options);
    return clade_train_model(s->model, &options, result) == CLADE_OK ? DONE : failed(s->call);
}

/* The split that a training came to, for the next one: of the devices that have a part in it. */
static training_devices split_of(const training_devices *devices, const clade_train_result *result) {
    training_devices split = { .shared = true };
    for (size_t i = 0; i < devices->count; i++) {
        if (result->devices[i].samples == 0) continue;
        split.list[split.count] = devices->list[i];
        split.shares[split.count++] = (double)result->devices[i].samples;
    }
    return split;
}

/* Lists those of BEFORE that were left out. */
static void add_left_out(const clade_train_result *before, clade_train_result *result) {
    for (size_t i = 0; i < before->device_count; i++)
        if (before->devices[i].samples == 0) result->devices[result->device_count++] = before->devices[i];
}

static outcome settle_and_train(const stage *s, const training_devices *devices, const device_options *given,
                                int64_t steps, clade_train_result *result) {
    if (devices->shared || given->split_layers) return train(s, devices, given, steps, result);
    clade_train_result before;
    outcome settled = train(s, devices, given, SETTLING, &before);
    if (settled != DONE) return settled;
    const training_devices split = split_of(devices, &before);
    outcome trained = train(s, &split, given, steps, result);
    if (trained == DONE) add_left_out(&before, result);
    return trained;
}

outcome shared_steps_measure(const invocation *call, const clade_device_pick picks[], size_t count,
                             const device_options *given, const clade_model *model, int64_t batch, int64_t steps,
                             clade_train_result *result) {
    stage s = { .call = call, .model = model };
    training_devices devices;
    outcome status = training_devices_open_picks(call, picks, count, given, 0, &devices);
    if (status == DONE) status = draw_data(call, batch, steps + WARM, &s);
    if (status == DONE) status = settle_and_train(&s, &devices, given, steps + WARM, result);
    clade_dataset_free(s.data);
    training_devices_close(&devices);
    return status;
}

/* ---- what came of it ---- */

/* Seconds of a step: devices take it together, so that it is any one's time, at work or not. Of what is no such step (the
 * others were left out) the trainer's own count. */
static double step_of(const clade_train_result *result, int64_t batch) {
    const clade_train_device *first = &result->devices[0];
    if (first->steps == 0) return (double)batch / result->images_per_second;
    return first->step_worked + first->step_waited + first->step_idle;
}

bool shared_steps_print(const clade_model *model, int64_t batch, const clade_train_result *result) {
    const double step = step_of(result, batch);
    printf("%s, a training step of %lld images on %zu devices: %s, %s images/s\n", model->name, (long long)batch,
           result->device_count, words_seconds(step), words_count((double)batch / step));
    return training_devices_print(result);
}

void shared_steps_json(json *report, cJSON *object, const clade_model *model, int64_t batch,
                       const clade_train_result *result) {
    const double step = step_of(result, batch);
    json_text(report, object, "model", model->name);
    json_number(report, object, "batch", (double)batch);
    json_number(report, object, "steps", (double)result->devices[0].steps);
    json_number(report, object, "step_ms", step * 1e3);
    json_number(report, object, "images_per_second", (double)batch / step);
    training_devices_json(report, object, result);
}
