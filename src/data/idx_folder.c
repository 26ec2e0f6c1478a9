/* A folder of IDX files as a data set: mnist:, fashion: and idx:. Which file is which is told by words in its name, so
 * that MNIST's own names and those with a prefix ("usps-train-images-idx3-ubyte.gz") both do. The bytes stay bytes in
 * memory and become floats when read. */
#include "base/file.h"
#include "base/text.h"
#include "data/dataset.h"
#include "data/idx.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { KNOWN_CLASSES = 10 };

struct part {
    const char *name;      /* "train" */
    const char *adjective; /* "training" */
    const char *words[2];  /* one of which is in the names of its files; NULL: none */
    const char *example;   /* a file's name would be EXAMPLE-images-idx3-ubyte */
};
static const struct part train_part = { "train", "training", { "train", NULL }, "train" };
static const struct part test_part = { "test", "test", { "t10k", "test" }, "t10k" };

static clade_status image(const clade_dataset *dataset, int64_t index, float *out) {
    const clade_idx *idx = dataset->data;
    int64_t pixels = dataset->info.channels * dataset->info.height * dataset->info.width;
    clade_scale_bytes(idx[0].values + index * pixels, pixels, out);
    return CLADE_OK;
}

static int32_t label(const clade_dataset *dataset, int64_t index) {
    const clade_idx *idx = dataset->data;
    return idx[1].values[index];
}

static void release(clade_dataset *dataset) {
    clade_idx *idx = dataset->data;
    clade_idx_free(dataset->context, &idx[0]);
    clade_idx_free(dataset->context, &idx[1]);
}

static const clade_dataset_source source = { image, label, release, NULL };

static bool is_of_part(const char *name, const struct part *part, const char *what) {
    bool word = strstr(name, part->words[0]) || (part->words[1] && strstr(name, part->words[1]));
    return word && strstr(name, what) && strstr(name, "idx");
}

/* Whether PACKED is PLAIN with ".gz" after it. */
static bool is_packed(const char *plain, const char *packed) {
    size_t length = strlen(plain);
    return strncmp(plain, packed, length) == 0 && strcmp(packed + length, ".gz") == 0;
}

/* The path of the PART's images or labels (WHAT) in FOLDER; a plain file goes before its gzip. The caller frees. */
static clade_status find_file(clade_context *context, const char *folder, const struct part *part, const char *what,
                              clade_text *path) {
    clade_folder_entry *entries = NULL;
    size_t count = 0;
    clade_status status = clade_folder_list(context, folder, &entries, &count);
    if (status != CLADE_OK) return status;
    const char *found = NULL;
    for (size_t i = 0; i < count && status == CLADE_OK; i++) {
        const char *name = entries[i].name;
        if (entries[i].is_folder || !is_of_part(name, part, what)) continue;
        if (found && !is_packed(found, name)) {
            status = clade_fail(context, CLADE_ERROR_INPUT, "%s: both %s and %s could be the %s %s; keep one", folder,
                                found, name, part->adjective, what);
        } else if (!found) {
            found = name;
        }
    }
    if (status == CLADE_OK && !found) {
        status = clade_fail(context, CLADE_ERROR_INPUT, "%s: holds no IDX file of the %s %s (%s-%s-%s-ubyte, or .gz)",
                            folder, part->adjective, what, part->example, what,
                            strcmp(what, "images") == 0 ? "idx3" : "idx1");
    }
    if (status == CLADE_OK) {
        clade_text_add(path, "%s/%s", folder, found);
        if (path->failed) status = clade_fail_memory(context, strlen(folder), folder);
    }
    clade_folder_free(context, entries, count);
    return status;
}

static clade_status read_part(clade_context *context, const char *folder, const struct part *part, const char *what,
                              clade_text *path, clade_idx *idx) {
    clade_status status = find_file(context, folder, part, what, path);
    if (status != CLADE_OK) return status;
    status = clade_idx_read(context, path->data, idx);
    if (status != CLADE_OK) return status;
    bool images = strcmp(what, "images") == 0;
    if (images ? idx->rank != 3 && idx->rank != 4 : idx->rank != 1) {
        return clade_fail(context, CLADE_ERROR_INPUT, "%s: an IDX file of rank %d; %s have rank %s", path->data,
                          idx->rank, what,
                          images ? "3 (count, height, width) or 4 (count, channels, height, width)" : "1");
    }
    return CLADE_OK;
}

static int64_t largest_label(const clade_idx *labels) {
    int64_t largest = 0;
    for (int64_t i = 0; i < labels->sizes[0]; i++) {
        if (labels->values[i] > largest) largest = labels->values[i];
    }
    return largest;
}

static clade_status check_labels(clade_context *context, const char *path, const char *word, const clade_idx *labels,
                                 int64_t classes) {
    for (int64_t i = 0; i < labels->sizes[0]; i++) {
        if (labels->values[i] < classes) continue;
        return clade_fail(context, CLADE_ERROR_INPUT,
                          "%s: label %d at index %" PRId64
                          " is out of range: the classes of this %s data are 0 to %" PRId64,
                          path, labels->values[i], i, word, classes - 1);
    }
    return CLADE_OK;
}

/* *CLASSES 0: becomes the number that the labels show. */
static clade_status open_part(clade_context *context, const char *word, const char *folder, const struct part *part,
                              int64_t *classes, clade_dataset **dataset) {
    clade_text image_path = { .context = context }, label_path = { .context = context };
    clade_status status = clade_dataset_new(context, &source, word, part->name, 2 * sizeof(clade_idx), dataset);
    if (status != CLADE_OK) return status;
    clade_idx *images = (*dataset)->data, *labels = images + 1;
    status = read_part(context, folder, part, "labels", &label_path, labels);
    if (status == CLADE_OK) status = read_part(context, folder, part, "images", &image_path, images);
    if (status != CLADE_OK) goto end;
    if (images->sizes[0] != labels->sizes[0]) {
        status = clade_fail(context, CLADE_ERROR_INPUT, "%s: %" PRId64 " images, but %" PRId64 " labels in %s",
                            image_path.data, images->sizes[0], labels->sizes[0], label_path.data);
        goto end;
    }
    if (*classes == 0) *classes = largest_label(labels) + 1;
    status = check_labels(context, label_path.data, word, labels, *classes);
    clade_dataset_info *info = &(*dataset)->info;
    info->count = images->sizes[0];
    info->channels = images->rank == 4 ? images->sizes[1] : 1;
    info->height = images->sizes[images->rank - 2];
    info->width = images->sizes[images->rank - 1];
    info->classes = *classes;
end:
    clade_text_free(&image_path);
    clade_text_free(&label_path);
    return status;
}

static clade_status check_same_shape(clade_context *context, const char *folder, const clade_dataset_info *train,
                                     const clade_dataset_info *test) {
    if (train->channels == test->channels && train->height == test->height && train->width == test->width)
        return CLADE_OK;
    return clade_fail(context, CLADE_ERROR_INPUT,
                      "%s: training images are %" PRId64 "x%" PRId64 "x%" PRId64 ", test images %" PRId64 "x%" PRId64
                      "x%" PRId64,
                      folder, train->channels, train->height, train->width, test->channels, test->height, test->width);
}

/* The classes are those of the training labels, also when only the test part is wanted. */
static clade_status count_classes(clade_context *context, const char *folder, int64_t *classes) {
    clade_text path = { .context = context };
    clade_idx labels = { 0 };
    clade_status status = read_part(context, folder, &train_part, "labels", &path, &labels);
    if (status == CLADE_OK) *classes = largest_label(&labels) + 1;
    clade_idx_free(context, &labels);
    clade_text_free(&path);
    return status;
}

static clade_status open_folder(clade_context *context, const char *word, const char *folder, int64_t classes,
                                clade_dataset **train, clade_dataset **test) {
    if (!folder || !*folder) {
        return clade_fail(context, CLADE_ERROR_ARGUMENT, "%s needs the folder of its IDX files: %s:DIR", word, word);
    }
    clade_status status = CLADE_OK;
    if (train) status = open_part(context, word, folder, &train_part, &classes, train);
    if (status == CLADE_OK && test && classes == 0) status = count_classes(context, folder, &classes);
    if (status == CLADE_OK && test) status = open_part(context, word, folder, &test_part, &classes, test);
    if (status == CLADE_OK && train && test)
        status = check_same_shape(context, folder, &(*train)->info, &(*test)->info);
    return status;
}

clade_status clade_idx_open(clade_context *context, const char *word, const char *rest, clade_dataset **train,
                            clade_dataset **test) {
    return open_folder(context, word, rest, 0, train, test);
}

clade_status clade_idx_open_ten(clade_context *context, const char *word, const char *rest, clade_dataset **train,
                                clade_dataset **test) {
    return open_folder(context, word, rest, KNOWN_CLASSES, train, test);
}
