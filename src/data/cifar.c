/* CIFAR-10 in its binary form: cifar10:DIR, where data_batch_*.bin are for training and test_batch.bin for testing. A
 * record is a label and 3072 bytes: 32x32 pixels in planes of red, green and blue. The classes' names are in
 * batches.meta.txt, where that is there. The bytes stay bytes in memory and become floats when read. */
#include "base/file.h"
#include "base/text.h"
#include "data/dataset.h"
#include "data/spec.h"

#include <inttypes.h>
#include <string.h>

static const char USAGE[] = "cifar10:DIR[,flip][,crop=PIXELS]";
enum { SIDE = 32, CHANNELS = 3, PIXELS = CHANNELS * SIDE * SIDE, RECORD = 1 + PIXELS, CLASSES = 10 };

static clade_status image(const clade_dataset *dataset, int64_t index, float *out) {
    const clade_text *records = dataset->data;
    clade_scale_bytes((const uint8_t *)records->data + index * RECORD + 1, PIXELS, out);
    return CLADE_OK;
}

static int32_t label(const clade_dataset *dataset, int64_t index) {
    const clade_text *records = dataset->data;
    return (uint8_t)records->data[index * RECORD];
}

static void release(clade_dataset *dataset) {
    clade_text_free(dataset->data);
}

static const clade_dataset_source source = { .image = image, .label = label, .release = release };

/* Appends the records of one file. */
static clade_status add_file(clade_dataset *dataset, const char *folder, const char *name) {
    clade_context *context = dataset->context;
    clade_text path = { .context = context }, *records = dataset->data;
    char *data = NULL;
    size_t bytes = 0;
    clade_text_add(&path, "%s/%s", folder, name);
    if (path.failed) return clade_fail_memory(context, strlen(folder), folder);
    clade_status status = clade_file_read(context, path.data, PTRDIFF_MAX, &data, &bytes);
    if (status == CLADE_OK && (bytes == 0 || bytes % RECORD != 0))
        status = clade_fail(context, CLADE_ERROR_INPUT, "%s: %zu bytes, no whole number of CIFAR's records of %d",
                            path.data, bytes, RECORD);
    for (size_t at = 0; at < bytes && status == CLADE_OK; at += RECORD)
        if ((uint8_t)data[at] >= CLASSES)
            status = clade_fail(context, CLADE_ERROR_INPUT,
                                "%s: label %d of record %zu is out of range: the classes of CIFAR-10 are 0 to %d",
                                path.data, (uint8_t)data[at], at / RECORD, CLASSES - 1);
    if (status == CLADE_OK) {
        clade_text_add_bytes(records, data, bytes);
        if (records->failed) status = clade_fail_memory(context, bytes, path.data);
        dataset->info.count += (int64_t)(bytes / RECORD);
    }
    clade_free(context, data);
    clade_text_free(&path);
    return status;
}

static bool is_of_part(const char *name, bool training) {
    const size_t length = strlen(name);
    const bool binary = length > 4 && strcmp(name + length - 4, ".bin") == 0;
    const bool test = strstr(name, "test") != NULL;
    return binary && (training ? !test && (strstr(name, "data_batch") || strstr(name, "train")) : test);
}

/* Takes the lines of batches.meta.txt as names, where there are as many as classes. */
static clade_status name_classes(clade_dataset *dataset, const char *folder) {
    enum { LONGEST = 1 << 16 };
    clade_context *context = dataset->context;
    clade_text path = { .context = context }, names = { .context = context };
    char *data = NULL;
    size_t bytes = 0;
    int64_t lines = 0;
    clade_status status = CLADE_OK;
    clade_text_add(&path, "%s/batches.meta.txt", folder);
    if (path.failed) status = clade_fail_memory(context, strlen(folder), folder);
    if (status == CLADE_OK && clade_file_exists(path.data))
        status = clade_file_read(context, path.data, LONGEST, &data, &bytes);
    for (size_t at = 0; at < bytes && status == CLADE_OK;) {
        const size_t length = strcspn(data + at, "\r\n");
        if (length > 0 && data[at]) {
            clade_text_add_bytes(&names, data + at, length);
            clade_text_add_bytes(&names, "", 1);
            lines++;
        }
        at += length + 1;
    }
    if (status == CLADE_OK && names.failed) status = clade_fail_memory(context, bytes, path.data);
    if (status == CLADE_OK && lines == CLASSES) status = clade_dataset_name_classes(dataset, names.data, lines);
    clade_free(context, data);
    clade_text_free(&names);
    clade_text_free(&path);
    return status;
}

static clade_status open_part(clade_context *context, const char *word, const char *folder, bool training,
                              const clade_augmentation *augmentation, clade_dataset **dataset) {
    clade_folder_entry *entries = NULL;
    size_t count = 0;
    clade_status status =
        clade_dataset_new(context, &source, word, training ? "train" : "test", sizeof(clade_text), dataset);
    if (status != CLADE_OK) return status;
    ((clade_text *)(*dataset)->data)->context = context;
    clade_dataset_info *info = &(*dataset)->info;
    info->channels = CHANNELS;
    info->height = info->width = SIDE;
    info->classes = CLASSES;
    if (training) (*dataset)->augmentation = *augmentation;
    status = clade_folder_list(context, folder, &entries, &count);
    for (size_t i = 0; i < count && status == CLADE_OK; i++)
        if (!entries[i].is_folder && is_of_part(entries[i].name, training))
            status = add_file(*dataset, folder, entries[i].name);
    if (status == CLADE_OK && info->count == 0)
        status = clade_fail(context, CLADE_ERROR_INPUT, "%s: holds no %s", folder,
                            training ? "data_batch_*.bin" : "test_batch.bin");
    if (status == CLADE_OK) status = name_classes(*dataset, folder);
    clade_folder_free(context, entries, count);
    return status;
}

clade_status clade_cifar_open(clade_context *context, const char *word, const char *rest, clade_dataset **train,
                              clade_dataset **test) {
    clade_augmentation augmentation = { 0 };
    const char *option, *value;
    clade_spec spec;
    clade_status status = clade_spec_open(context, word, rest, USAGE, &spec);
    while (status == CLADE_OK && clade_spec_next(&spec, &option, &value))
        if (!clade_augmentation_option(option, value, &augmentation))
            status = clade_spec_unknown(context, word, option, value, USAGE);
    if (status == CLADE_OK && train) status = open_part(context, word, spec.path, true, &augmentation, train);
    if (status == CLADE_OK && test) status = open_part(context, word, spec.path, false, &augmentation, test);
    clade_spec_free(context, &spec);
    return status;
}
