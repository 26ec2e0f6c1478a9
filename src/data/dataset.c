/* Data sets as the caller sees them: opening by spec, reading, slices, splits and permuted labels. The kinds of source
 * are in files of their own; a slice is a source here, which maps its indices into another data set's. */
#include "data/dataset.h"

#include "base/random.h"
#include "base/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

struct kind {
    const char *word, *usage;
    clade_status (*open)(clade_context *context, const char *word, const char *rest, clade_dataset **train,
                         clade_dataset **test);
    /* In place of OPEN, where samples can be brought to the size asked for. */
    clade_status (*open_sized)(clade_context *context, const char *word, const char *rest, const int64_t size[3],
                               clade_dataset **train, clade_dataset **test);
};

static const struct kind kinds[] = {
    { "digits", "digits[:TRAIN,TEST[,SEED]]", clade_digits_open, NULL },
    { "mnist", "mnist:DIR", clade_idx_open_ten, NULL },
    { "fashion", "fashion:DIR", clade_idx_open_ten, NULL },
    { "idx", "idx:DIR", clade_idx_open, NULL },
    { "points", "points:KIND[,TRAIN,TEST[,SEED]]", clade_points_open, NULL },
    { "cifar10", "cifar10:DIR", clade_cifar_open, NULL },
    { "images", "images:DIR", NULL, clade_images_open },
    { "csv", "csv:FILE", clade_csv_open, NULL },
    { "npy", "npy:X.npy,Y.npy", clade_npy_open, NULL },
};
enum { KINDS = sizeof kinds / sizeof kinds[0] };

static clade_status unknown_spec(clade_context *context, const char *spec) {
    clade_text known = { .context = context };
    for (size_t i = 0; i < KINDS; i++) {
        clade_text_add(&known, "%s%s", i == 0 ? "" : ", ", kinds[i].usage);
    }
    clade_status status =
        clade_fail(context, CLADE_ERROR_ARGUMENT, "unknown data set '%s'; known are: %s", spec, clade_text_get(&known));
    clade_text_free(&known);
    return status;
}

clade_status clade_dataset_open(clade_context *context, const char *spec, clade_dataset **train, clade_dataset **test) {
    return clade_dataset_open_sized(context, spec, NULL, train, test);
}

clade_status clade_dataset_open_sized(clade_context *context, const char *spec, const int64_t size[3],
                                      clade_dataset **train, clade_dataset **test) {
    if (train) *train = NULL;
    if (test) *test = NULL;
    size_t length = strcspn(spec, ":");
    for (size_t i = 0; i < KINDS; i++) {
        if (strlen(kinds[i].word) != length || memcmp(kinds[i].word, spec, length) != 0) continue;
        const char *rest = spec[length] ? spec + length + 1 : NULL;
        clade_status status = kinds[i].open_sized ? kinds[i].open_sized(context, kinds[i].word, rest, size, train, test)
                                                  : kinds[i].open(context, kinds[i].word, rest, train, test);
        if (status != CLADE_OK && train) {
            clade_dataset_free(*train);
            *train = NULL;
        }
        if (status != CLADE_OK && test) {
            clade_dataset_free(*test);
            *test = NULL;
        }
        return status;
    }
    return unknown_spec(context, spec);
}

clade_status clade_dataset_new(clade_context *context, const clade_dataset_source *source, const char *word,
                               const char *part, size_t data_bytes, clade_dataset **dataset) {
    *dataset = NULL;
    size_t name_bytes = strlen(word) + strlen(part) + 2;
    clade_dataset *made = clade_allocate(context, 1, sizeof *made);
    char *name = clade_allocate(context, name_bytes, 1);
    void *data = clade_allocate(context, 1, data_bytes);
    if (!made || !name || !data) {
        clade_free(context, made);
        clade_free(context, name);
        clade_free(context, data);
        return clade_fail_memory(context, sizeof *made + name_bytes + data_bytes, "a data set");
    }
    snprintf(name, name_bytes, "%s %s", word, part);
    *made = (clade_dataset){ .context = context, .source = source, .info.name = name, .data = data };
    *dataset = made;
    return CLADE_OK;
}

void clade_dataset_free(clade_dataset *dataset) {
    if (!dataset) return;
    clade_context *context = dataset->context;
    dataset->source->release(dataset);
    clade_free(context, dataset->data);
    clade_free(context, dataset->labels);
    clade_free(context, dataset->class_names);
    clade_free(context, (void *)(uintptr_t)dataset->info.name);
    clade_free(context, dataset);
}

clade_dataset_info clade_dataset_describe(const clade_dataset *dataset) {
    return dataset->info;
}

clade_status clade_dataset_name_classes(clade_dataset *dataset, const char *names, int64_t classes) {
    size_t bytes = 0;
    for (int64_t i = 0; i < classes; i++)
        bytes += strlen(names + bytes) + 1;
    char *kept = clade_allocate(dataset->context, bytes, 1);
    if (!kept) return clade_fail_memory(dataset->context, bytes, "the names of classes");
    memcpy(kept, names, bytes);
    clade_free(dataset->context, dataset->class_names);
    dataset->class_names = kept;
    dataset->info.classes = classes;
    return CLADE_OK;
}

int64_t clade_dataset_find_class(const clade_dataset *dataset, const char *name) {
    const char *at = dataset->class_names;
    for (int64_t i = 0; at && i < dataset->info.classes; i++, at += strlen(at) + 1)
        if (strcmp(at, name) == 0) return i;
    return -1;
}

/* 0 for a data set of dense targets. */
static int32_t label_of(const clade_dataset *dataset, int64_t index) {
    if (!dataset->source->label) return 0;
    return dataset->labels ? dataset->labels[index] : dataset->source->label(dataset, index);
}

static clade_status check_index(const clade_dataset *dataset, int64_t index) {
    if (index >= 0 && index < dataset->info.count) return CLADE_OK;
    return clade_fail(dataset->context, CLADE_ERROR_ARGUMENT,
                      "%s: no sample %" PRId64 "; there are %" PRId64 ", counted from 0", dataset->info.name, index,
                      dataset->info.count);
}

clade_status clade_dataset_read(clade_dataset *dataset, const int64_t *indices, int64_t count, float *images,
                                int32_t *labels) {
    const clade_dataset_info *info = &dataset->info;
    int64_t pixels = info->channels * info->height * info->width;
    for (int64_t i = 0; i < count; i++) {
        clade_status status = check_index(dataset, indices[i]);
        if (status != CLADE_OK) return status;
        if (labels) labels[i] = label_of(dataset, indices[i]);
        if (!images) continue;
        status = dataset->source->image(dataset, indices[i], images + i * pixels);
        if (status != CLADE_OK) return status;
    }
    return CLADE_OK;
}

clade_status clade_dataset_check_width(const clade_dataset *dataset, int64_t width) {
    const clade_dataset_info *info = &dataset->info;
    if (info->targets > 0 ? width == info->targets : width >= info->classes && width > 0) return CLADE_OK;
    return clade_fail(dataset->context, CLADE_ERROR_ARGUMENT,
                      info->targets > 0 ? "%s: its targets are %" PRId64 " numbers each, not %" PRId64
                                        : "%s: one-hot vectors of its %" PRId64 " classes do not fit in %" PRId64,
                      info->name, info->targets > 0 ? info->targets : info->classes, width);
}

clade_status clade_dataset_read_targets(clade_dataset *dataset, const int64_t *indices, int64_t count, int64_t width,
                                        float *targets) {
    clade_status status = clade_dataset_check_width(dataset, width);
    for (int64_t i = 0; i < count && status == CLADE_OK; i++) {
        float *target = targets + i * width;
        status = check_index(dataset, indices[i]);
        if (status == CLADE_OK && dataset->info.targets > 0) {
            dataset->source->target(dataset, indices[i], target);
        } else if (status == CLADE_OK) {
            int32_t label = label_of(dataset, indices[i]);
            for (int64_t k = 0; k < width; k++) {
                target[k] = k == label ? 1.0f : 0.0f;
            }
        }
    }
    return status;
}

void clade_scale_bytes(const uint8_t *bytes, int64_t count, float *out) {
    for (int64_t i = 0; i < count; i++) {
        out[i] = (float)bytes[i] / 255.0f;
    }
}

/* ---- slices ---- */

struct slice {
    const clade_dataset *whole;
    int64_t first;
    int64_t *indices; /* into WHOLE; NULL: FIRST + index */
};

static int64_t index_in_whole(const struct slice *slice, int64_t index) {
    return slice->indices ? slice->indices[index] : slice->first + index;
}

static clade_status slice_image(const clade_dataset *dataset, int64_t index, float *image) {
    const struct slice *slice = dataset->data;
    return slice->whole->source->image(slice->whole, index_in_whole(slice, index), image);
}

static int32_t slice_label(const clade_dataset *dataset, int64_t index) {
    const struct slice *slice = dataset->data;
    return label_of(slice->whole, index_in_whole(slice, index));
}

static void slice_release(clade_dataset *dataset) {
    struct slice *slice = dataset->data;
    clade_free(dataset->context, slice->indices);
}

static void slice_target(const clade_dataset *dataset, int64_t index, float *target) {
    const struct slice *slice = dataset->data;
    slice->whole->source->target(slice->whole, index_in_whole(slice, index), target);
}

static const clade_dataset_source slice_source = { slice_image, slice_label, slice_release, slice_target };
/* Of a data set without class numbers. */
static const clade_dataset_source dense_slice_source = { slice_image, NULL, slice_release, slice_target };

static clade_status slice_new(clade_dataset *whole, const char *part, int64_t count, clade_dataset **slice) {
    clade_status status = clade_dataset_new(whole->context, whole->source->label ? &slice_source : &dense_slice_source,
                                            whole->info.name, part, sizeof(struct slice), slice);
    if (status != CLADE_OK) return status;
    const char *name = (*slice)->info.name;
    (*slice)->info = whole->info;
    (*slice)->info.name = name;
    (*slice)->info.count = count;
    (*slice)->augmentation = whole->augmentation;
    (*slice)->reading_threads = whole->reading_threads;
    ((struct slice *)(*slice)->data)->whole = whole;
    return CLADE_OK;
}

const char *clade_dataset_class(const clade_dataset *dataset, int64_t class) {
    while (dataset->source == &slice_source)
        dataset = ((const struct slice *)dataset->data)->whole;
    const char *at = dataset->class_names;
    if (!at || class < 0 || class >= dataset->info.classes) return NULL;
    for (int64_t i = 0; i < class; i++)
        at += strlen(at) + 1;
    return at;
}

clade_status clade_dataset_slice(clade_dataset *dataset, int64_t first, int64_t count, clade_dataset **slice) {
    *slice = NULL;
    if (first < 0 || count < 1 || count > dataset->info.count || first > dataset->info.count - count) {
        return clade_fail(dataset->context, CLADE_ERROR_ARGUMENT,
                          "%s: a slice of %" PRId64 " samples from %" PRId64 " on does not lie within its %" PRId64,
                          dataset->info.name, count, first, dataset->info.count);
    }
    char part[64];
    snprintf(part, sizeof part, "%" PRId64 "..%" PRId64, first, first + count - 1);
    clade_status status = slice_new(dataset, part, count, slice);
    if (status == CLADE_OK) ((struct slice *)(*slice)->data)->first = first;
    return status;
}

/* Selection sampling (Knuth, TAOCP 2, 3.4.2, algorithm S): goes through the samples in order and takes each with the
 * chance that leaves every subset of HELD_OUT equally likely. */
static void choose_held_out(int64_t total, int64_t held_out, int64_t *rest, int64_t *held) {
    clade_random random = clade_random_stream(0, "held-out", (uint64_t)total);
    int64_t needed = held_out;
    for (int64_t i = 0; i < total; i++) {
        if (clade_random_uniform(&random) * (double)(total - i) < (double)needed) {
            *held++ = i;
            needed--;
        } else {
            *rest++ = i;
        }
    }
}

clade_status clade_dataset_split(clade_dataset *dataset, int64_t held_out, clade_dataset **rest, clade_dataset **held) {
    *rest = *held = NULL;
    int64_t total = dataset->info.count;
    if (held_out < 1 || held_out >= total) {
        return clade_fail(dataset->context, CLADE_ERROR_ARGUMENT,
                          "%s: cannot hold %" PRId64 " of %" PRId64 " samples out", dataset->info.name, held_out,
                          total);
    }
    clade_status status = slice_new(dataset, "less the held-out", total - held_out, rest);
    if (status == CLADE_OK) status = slice_new(dataset, "held out", held_out, held);
    if (status == CLADE_OK) {
        struct slice *rest_slice = (*rest)->data, *held_slice = (*held)->data;
        rest_slice->indices = clade_allocate(dataset->context, (size_t)(total - held_out), sizeof(int64_t));
        held_slice->indices = clade_allocate(dataset->context, (size_t)held_out, sizeof(int64_t));
        if (rest_slice->indices && held_slice->indices) {
            choose_held_out(total, held_out, rest_slice->indices, held_slice->indices);
        } else {
            status = clade_fail_memory(dataset->context, (size_t)total * sizeof(int64_t), "a split's indices");
        }
    }
    if (status != CLADE_OK) {
        clade_dataset_free(*rest);
        clade_dataset_free(*held);
        *rest = *held = NULL;
    }
    return status;
}

clade_status clade_dataset_shuffle_labels(clade_dataset *dataset, uint64_t seed) {
    int64_t count = dataset->info.count;
    if (!dataset->source->label) {
        return clade_fail(dataset->context, CLADE_ERROR_UNSUPPORTED, "%s: has targets of numbers, no labels to permute",
                          dataset->info.name);
    }
    if (count > UINT32_MAX) {
        return clade_fail(dataset->context, CLADE_ERROR_UNSUPPORTED, "%s: %" PRId64 " labels are too many to permute",
                          dataset->info.name, count);
    }
    int32_t *labels = clade_allocate(dataset->context, (size_t)count, sizeof *labels);
    if (!labels) return clade_fail_memory(dataset->context, (size_t)count * sizeof *labels, "the permuted labels");
    for (int64_t i = 0; i < count; i++) {
        labels[i] = label_of(dataset, i);
    }
    clade_random random = clade_random_stream(seed, "shuffle-labels", 0);
    for (int64_t i = count - 1; i > 0; i--) {
        int64_t j = clade_random_below(&random, (uint32_t)(i + 1));
        int32_t kept = labels[i];
        labels[i] = labels[j];
        labels[j] = kept;
    }
    clade_free(dataset->context, dataset->labels);
    dataset->labels = labels;
    return CLADE_OK;
}
