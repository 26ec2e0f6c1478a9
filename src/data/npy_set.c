/* NPY files as a data set: npy:X.npy,Y.npy and, for the test part, two more; without these every fifth sample is a
 * test sample. X is (N, features), (N, H, W) or (N, C, H, W); bytes are divided by 255, other numbers are taken as
 * they are. Y is (N) integers, the classes, or (N) or (N, K) floats, the targets. */
#include "data/dataset.h"
#include "data/spec.h"
#include "formats/npy.h"

#include <inttypes.h>
#include <string.h>

static const char USAGE[] = "npy:X.npy,Y.npy[,TEST-X.npy,TEST-Y.npy]";
enum { TEST_EVERY = 5, MOST_CLASSES = 1000000 };

struct arrays {
    clade_npy x, y;
    const char *x_path, *y_path;
};

static double value_at(const clade_npy *array, int64_t index) {
    switch (array->type) {
    case CLADE_NPY_F32:
        return (double)((const float *)array->values)[index];
    case CLADE_NPY_F64:
        return ((const double *)array->values)[index];
    case CLADE_NPY_I8:
        return ((const int8_t *)array->values)[index];
    case CLADE_NPY_I16:
        return ((const int16_t *)array->values)[index];
    case CLADE_NPY_I32:
        return ((const int32_t *)array->values)[index];
    case CLADE_NPY_I64:
        return (double)((const int64_t *)array->values)[index];
    case CLADE_NPY_U16:
        return ((const uint16_t *)array->values)[index];
    case CLADE_NPY_U32:
        return ((const uint32_t *)array->values)[index];
    case CLADE_NPY_U64:
        return (double)((const uint64_t *)array->values)[index];
    default:
        return ((const uint8_t *)array->values)[index];
    }
}

static bool is_real(const clade_npy *array) {
    return array->type == CLADE_NPY_F32 || array->type == CLADE_NPY_F64;
}

static clade_status read_arrays(clade_context *context, struct arrays *arrays) {
    clade_status status = clade_npy_read(context, arrays->x_path, &arrays->x);
    if (status == CLADE_OK) status = clade_npy_read(context, arrays->y_path, &arrays->y);
    if (status != CLADE_OK) return status;
    const clade_npy *x = &arrays->x, *y = &arrays->y;
    if (x->type == CLADE_NPY_F16 || y->type == CLADE_NPY_F16)
        return clade_fail(context, CLADE_ERROR_UNSUPPORTED, "%s: values of type float16; save them as float32",
                          x->type == CLADE_NPY_F16 ? arrays->x_path : arrays->y_path);
    if (x->rank < 2 || x->rank > 4 || x->count == 0)
        return clade_fail(context, CLADE_ERROR_INPUT,
                          "%s: an array of rank %d and %" PRId64
                          " values; samples are (N, features), (N, H, W) or (N, C, H, W)",
                          arrays->x_path, x->rank, x->count);
    if (y->count == 0 || (is_real(y) ? y->rank != 1 && y->rank != 2 : y->rank != 1))
        return clade_fail(context, CLADE_ERROR_INPUT,
                          "%s: an array of rank %d and %" PRId64
                          " values; it should be (N) integers for classes, or (N) or (N, K) floats for targets",
                          arrays->y_path, y->rank, y->count);
    if (x->sizes[0] != y->sizes[0])
        return clade_fail(context, CLADE_ERROR_INPUT, "%s: %" PRId64 " samples, but %" PRId64 " in %s", arrays->x_path,
                          x->sizes[0], y->sizes[0], arrays->y_path);
    return CLADE_OK;
}

/* CLASSES 0: becomes the number that the labels show. */
static clade_status count_classes(clade_context *context, const struct arrays *arrays, int64_t *classes) {
    double largest = 0;
    for (int64_t i = 0; i < arrays->y.count; i++) {
        const double label = value_at(&arrays->y, i);
        if (label < 0 || label >= MOST_CLASSES || (*classes > 0 && label >= (double)*classes))
            return clade_fail(context, CLADE_ERROR_INPUT,
                              "%s: label %.0f of sample %" PRId64 "; the classes are 0 to %" PRId64, arrays->y_path,
                              label, i, *classes > 0 ? *classes - 1 : (int64_t)MOST_CLASSES - 1);
        if (label > largest) largest = label;
    }
    if (*classes == 0) *classes = (int64_t)largest + 1;
    return CLADE_OK;
}

static bool is_test_sample(int64_t index) {
    return index % TEST_EVERY == TEST_EVERY - 1;
}

/* The samples that SHARE (NULL: all) takes. INFO's sizes are set here. */
static clade_status open_part(clade_context *context, const char *word, const char *part, const struct arrays *arrays,
                              bool (*share)(int64_t index), int64_t classes, clade_dataset **dataset) {
    const clade_npy *x = &arrays->x, *y = &arrays->y;
    const int64_t samples = x->sizes[0], pixels = x->count / samples, width = is_real(y) ? y->count / samples : 0;
    const double scale = x->type == CLADE_NPY_U8 ? 255 : 1;
    clade_dataset_info info = { .classes = width > 0 ? 0 : classes, .targets = width };
    info.channels = x->rank == 3 ? 1 : x->sizes[1];
    info.height = x->rank == 2 ? 1 : x->sizes[x->rank - 2];
    info.width = x->rank == 2 ? 1 : x->sizes[x->rank - 1];
    float *images = clade_allocate(context, (size_t)x->count, sizeof *images);
    int32_t *labels = clade_allocate(context, (size_t)samples, sizeof *labels);
    float *targets = clade_allocate(context, (size_t)y->count, sizeof *targets);
    clade_status status = CLADE_OK;
    if (!images || !labels || !targets)
        status = clade_fail_memory(context, (size_t)x->count * sizeof *images, arrays->x_path);
    for (int64_t i = 0; i < samples && status == CLADE_OK; i++) {
        if (share && !share(i)) continue;
        const int64_t at = info.count++;
        for (int64_t k = 0; k < pixels; k++)
            images[at * pixels + k] = (float)(value_at(x, i * pixels + k) / scale);
        for (int64_t k = 0; k < width; k++)
            targets[at * width + k] = (float)value_at(y, i * width + k);
        if (width == 0) labels[at] = (int32_t)value_at(y, i);
    }
    if (status == CLADE_OK && info.count == 0)
        status = clade_fail(context, CLADE_ERROR_INPUT, "%s: too few samples: none is left for the %s part",
                            arrays->x_path, part);
    if (status == CLADE_OK)
        status = clade_dataset_of_arrays(context, word, part, &info, images, width > 0 ? NULL : labels,
                                         width > 0 ? targets : NULL, dataset);
    clade_free(context, images);
    clade_free(context, labels);
    clade_free(context, targets);
    return status;
}

static bool is_training_sample(int64_t index) {
    return !is_test_sample(index);
}

static clade_status check_same_kind(clade_context *context, const struct arrays *train, const struct arrays *test) {
    bool same =
        train->x.rank == test->x.rank && is_real(&train->y) == is_real(&test->y) && train->y.rank == test->y.rank;
    for (int i = 1; same && i < train->x.rank; i++)
        same = train->x.sizes[i] == test->x.sizes[i];
    if (same && train->y.rank == 2) same = train->y.sizes[1] == test->y.sizes[1];
    return same ? CLADE_OK
                : clade_fail(context, CLADE_ERROR_INPUT, "%s, %s: of other sizes or kind than the training arrays",
                             test->x_path, test->y_path);
}

clade_status clade_npy_open(clade_context *context, const char *word, const char *rest, clade_dataset **train,
                            clade_dataset **test) {
    struct arrays parts[2] = { { .x_path = NULL } };
    const char *paths[4] = { NULL }, *value = "";
    int64_t classes = 0;
    size_t count = 1;
    clade_spec spec;
    clade_status status = clade_spec_open(context, word, rest, USAGE, &spec);
    if (status != CLADE_OK) return status;
    paths[0] = spec.path;
    while (count < 4 && !*value && clade_spec_next(&spec, &paths[count], &value))
        count++;
    if ((count != 2 && count != 4) || *value || spec.next) {
        status =
            clade_fail(context, CLADE_ERROR_ARGUMENT, "'%s:%s': two paths, or four, are meant: %s", word, rest, USAGE);
        goto end;
    }
    for (size_t i = 0; i < count / 2 && status == CLADE_OK; i++) {
        parts[i].x_path = paths[2 * i];
        parts[i].y_path = paths[2 * i + 1];
        status = read_arrays(context, &parts[i]);
        if (status == CLADE_OK && i == 1) status = check_same_kind(context, &parts[0], &parts[1]);
        if (status == CLADE_OK && !is_real(&parts[i].y)) status = count_classes(context, &parts[i], &classes);
    }
    const bool divided = count == 4;
    if (status == CLADE_OK && train)
        status = open_part(context, word, "train", &parts[0], divided ? NULL : is_training_sample, classes, train);
    if (status == CLADE_OK && test)
        status = open_part(context, word, "test", &parts[divided], divided ? NULL : is_test_sample, classes, test);
end:
    for (int i = 0; i < 2; i++) {
        clade_npy_free(context, &parts[i].x);
        clade_npy_free(context, &parts[i].y);
    }
    clade_spec_free(context, &spec);
    return status;
}
