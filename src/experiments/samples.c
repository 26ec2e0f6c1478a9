/* Reading images: samples.h. */
#include "experiments/samples.h"

#include <inttypes.h>
#include <string.h>

clade_status clade_samples_read(clade_dataset *dataset, int64_t first, int64_t count, float *images, int32_t *labels) {
    clade_dataset_info info = clade_dataset_describe(dataset);
    int64_t pixels = info.channels * info.height * info.width;
    clade_status status = CLADE_OK;
    for (int64_t i = 0; i < count && status == CLADE_OK; i++) {
        int64_t index = first + i;
        status =
            clade_dataset_read(dataset, &index, 1, images ? images + i * pixels : NULL, labels ? labels + i : NULL);
    }
    return status;
}

static clade_status go_through(clade_loader *loader, int64_t epochs,
                               clade_status (*step)(void *user, int64_t step, const clade_batch *batch), void *user) {
    clade_status status = CLADE_OK;
    int64_t at = 0;
    for (int64_t epoch = 0; epoch < epochs && status == CLADE_OK; epoch++) {
        clade_batch batch = { .count = 1 };
        status = clade_loader_start(loader, epoch, 0);
        while (status == CLADE_OK && batch.count > 0) {
            status = clade_loader_next(loader, &batch);
            if (status != CLADE_OK || batch.count == 0) break;
            status = step(user, at++, &batch);
            clade_loader_release(loader, &batch);
        }
    }
    return status;
}

clade_status clade_samples_each(clade_lab *lab, clade_dataset *dataset, int64_t batch, int64_t epochs,
                                clade_status (*step)(void *user, int64_t step, const clade_batch *batch), void *user) {
    clade_dataset_info info = clade_dataset_describe(dataset);
    if (info.count < batch)
        return clade_fail(lab->context, CLADE_ERROR_INPUT, "%s: %" PRId64 " samples, and a batch takes %" PRId64,
                          info.name, info.count, batch);
    clade_loader *loader = NULL;
    clade_status status = clade_loader_new(dataset,
                                           &(clade_loader_options){ .size = sizeof(clade_loader_options),
                                                                    .batch = batch,
                                                                    .seed = lab->seed,
                                                                    .shuffle = true,
                                                                    .drop_remainder = true },
                                           &loader);
    if (status == CLADE_OK) status = go_through(loader, epochs, step, user);
    clade_loader_free(loader);
    return status;
}

clade_status clade_samples_picture(clade_lab *lab, const char *name, const float *images, int64_t count,
                                   int64_t columns, int64_t height, int64_t width) {
    const float line = 0.35F;
    if (!lab->folder) return CLADE_OK;
    int64_t rows = (count + columns - 1) / columns;
    clade_pgm picture = { .height = rows * (height + 1) + 1, .width = columns * (width + 1) + 1 };
    size_t pixels = (size_t)(picture.height * picture.width);
    picture.values = clade_allocate(lab->context, pixels, sizeof *picture.values);
    if (!picture.values) return clade_fail_memory(lab->context, pixels * sizeof *picture.values, name);
    for (size_t i = 0; i < pixels; i++)
        picture.values[i] = line;
    for (int64_t i = 0; i < count * height; i++) {
        int64_t image = i / height, top = image / columns * (height + 1) + 1, left = image % columns * (width + 1) + 1;
        memcpy(picture.values + (top + i % height) * picture.width + left, images + i * width,
               (size_t)width * sizeof *images);
    }
    clade_status status = clade_lab_pgm(lab, name, &picture);
    clade_free(lab->context, picture.values);
    return status;
}
