/* A data set of arrays in memory: the caller's numbers, copied. */
#include "data/dataset.h"

#include <inttypes.h>
#include <string.h>

struct arrays {
    float *images;
    int32_t *labels;
    float *targets; /* one of these two is NULL */
};

static clade_status image(const clade_dataset *dataset, int64_t index, float *out) {
    const struct arrays *arrays = dataset->data;
    const int64_t pixels = dataset->info.channels * dataset->info.height * dataset->info.width;
    memcpy(out, arrays->images + index * pixels, (size_t)pixels * sizeof *out);
    return CLADE_OK;
}

static int32_t label(const clade_dataset *dataset, int64_t index) {
    return ((const struct arrays *)dataset->data)->labels[index];
}

static void target(const clade_dataset *dataset, int64_t index, float *out) {
    const struct arrays *arrays = dataset->data;
    memcpy(out, arrays->targets + index * dataset->info.targets, (size_t)dataset->info.targets * sizeof *out);
}

static void release(clade_dataset *dataset) {
    struct arrays *arrays = dataset->data;
    clade_free(dataset->context, arrays->images);
    clade_free(dataset->context, arrays->labels);
    clade_free(dataset->context, arrays->targets);
}

static const clade_dataset_source labelled = { image, label, release, NULL }, dense = { image, NULL, release, target };

static clade_status check(clade_context *context, const char *name, const clade_dataset_info *info, const float *images,
                          const int32_t *labels, const float *targets) {
    if (!images || !labels == !targets || (labels ? info->classes < 1 : info->targets < 1))
        return clade_fail(context, CLADE_ERROR_ARGUMENT,
                          "%s: a data set of arrays has images, and either labels and classes or targets", name);
    if (info->count < 1 || info->channels < 1 || info->height < 1 || info->width < 1)
        return clade_fail(context, CLADE_ERROR_ARGUMENT,
                          "%s: %" PRId64 " samples of %" PRId64 "x%" PRId64 "x%" PRId64 ": each must be at least 1",
                          name, info->count, info->channels, info->height, info->width);
    for (int64_t i = 0; labels && i < info->count; i++)
        if (labels[i] < 0 || labels[i] >= info->classes)
            return clade_fail(context, CLADE_ERROR_ARGUMENT,
                              "%s: label %" PRId32 " of sample %" PRId64 "; the classes are 0 to %" PRId64, name,
                              labels[i], i, info->classes - 1);
    return CLADE_OK;
}

/* COUNT elements of SIZE bytes, or NULL. */
static void *copy(clade_context *context, const void *data, size_t count, size_t size) {
    void *made = clade_allocate(context, count, size);
    if (made) memcpy(made, data, count * size);
    return made;
}

clade_status clade_dataset_from_arrays(clade_context *context, const clade_dataset_info *info, const float *images,
                                       const int32_t *labels, const float *targets, clade_dataset **dataset) {
    return clade_dataset_of_arrays(context, info->name ? info->name : "arrays", "in memory", info, images, labels,
                                   targets, dataset);
}

clade_status clade_dataset_of_arrays(clade_context *context, const char *word, const char *part,
                                     const clade_dataset_info *info, const float *images, const int32_t *labels,
                                     const float *targets, clade_dataset **dataset) {
    *dataset = NULL;
    clade_status status = check(context, word, info, images, labels, targets);
    if (status != CLADE_OK) return status;
    clade_dataset *made;
    status = clade_dataset_new(context, labels ? &labelled : &dense, word, part, sizeof(struct arrays), &made);
    if (status != CLADE_OK) return status;
    const char *name = made->info.name;
    made->info = *info;
    made->info.name = name;
    made->info.classes = labels ? info->classes : 0;
    made->info.targets = labels ? 0 : info->targets;
    struct arrays *arrays = made->data;
    const size_t count = (size_t)info->count, pixels = (size_t)(info->channels * info->height * info->width);
    arrays->images = copy(context, images, count * pixels, sizeof *images);
    if (labels) arrays->labels = copy(context, labels, count, sizeof *labels);
    if (targets) arrays->targets = copy(context, targets, count * (size_t)info->targets, sizeof *targets);
    if (!arrays->images || !(arrays->labels || arrays->targets)) {
        clade_dataset_free(made);
        return clade_fail_memory(context, count * pixels * sizeof *images, "a data set of arrays");
    }
    *dataset = made;
    return CLADE_OK;
}
