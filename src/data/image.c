/* A picture from a file as a model's input. */
#include "base/file.h"
#include "base/text.h"
#include "data/dataset.h"
#include "formats/npy.h"
#include "formats/pgm.h"
#include "formats/picture.h"

#include <inttypes.h>
#include <string.h>

struct wanted {
    int64_t channels, height, width;
};

static clade_status wrong_size(clade_context *context, const char *path, const char *is, const struct wanted *wanted) {
    return clade_fail(context, CLADE_ERROR_INPUT, "%s is %s, the model takes %" PRId64 "x%" PRId64 "x%" PRId64, path,
                      is, wanted->channels, wanted->height, wanted->width);
}

static clade_status copy_pgm(clade_context *context, const char *path, const clade_pgm *picture,
                             const struct wanted *wanted, float *out) {
    if (wanted->channels == 1 && picture->height == wanted->height && picture->width == wanted->width) {
        memcpy(out, picture->values, (size_t)(picture->height * picture->width) * sizeof *out);
        return CLADE_OK;
    }
    clade_text is = { .context = context };
    clade_text_add(&is, "1x%" PRId64 "x%" PRId64, picture->height, picture->width);
    clade_status status = wrong_size(context, path, clade_text_get(&is), wanted);
    clade_text_free(&is);
    return status;
}

/* Whether the array's sizes are the wanted ones behind leading ones, at most of rank 4. */
static bool has_size(const clade_npy *array, const struct wanted *wanted) {
    const int64_t sizes[] = { 1, wanted->channels, wanted->height, wanted->width };
    if (array->rank < 2 || array->rank > 4) return false;
    for (int i = 0; i < 4; i++) {
        int axis = i - (4 - array->rank);
        if ((axis < 0 ? 1 : array->sizes[axis]) != sizes[i]) return false;
    }
    return true;
}

static clade_status copy_npy(clade_context *context, const char *path, const clade_npy *array,
                             const struct wanted *wanted, float *out) {
    if (!has_size(array, wanted)) {
        clade_text is = { .context = context };
        for (int i = 0; i < array->rank; i++) {
            clade_text_add(&is, "%s%" PRId64, i == 0 ? "" : "x", array->sizes[i]);
        }
        clade_status status = wrong_size(context, path, array->rank ? clade_text_get(&is) : "a scalar", wanted);
        clade_text_free(&is);
        return status;
    }
    switch (array->type) {
    case CLADE_NPY_U8:
        clade_scale_bytes(array->values, array->count, out);
        return CLADE_OK;
    case CLADE_NPY_F32:
        memcpy(out, array->values, (size_t)array->count * sizeof *out);
        return CLADE_OK;
    case CLADE_NPY_F64:
        for (int64_t i = 0; i < array->count; i++) {
            out[i] = (float)((const double *)array->values)[i];
        }
        return CLADE_OK;
    default:
        return clade_fail(context, CLADE_ERROR_INPUT, "%s: values of type %s; a picture is uint8, float32 or float64",
                          path, clade_npy_type_name(array->type));
    }
}

static clade_status load_picture(clade_context *context, const char *path, const void *data, size_t bytes,
                                 const struct wanted *wanted, float *out) {
    const int64_t least[] = { wanted->height, wanted->width }, area = wanted->height * wanted->width;
    if (wanted->channels != 1 && wanted->channels != 3)
        return clade_fail(context, CLADE_ERROR_INPUT, "%s: a picture has 1 or 3 channels, the model takes %" PRId64,
                          path, wanted->channels);
    clade_picture picture;
    uint8_t *pixels = clade_allocate(context, (size_t)wanted->channels, (size_t)area);
    if (!pixels) return clade_fail_memory(context, (size_t)(wanted->channels * area), path);
    clade_status status = clade_picture_decode(context, path, data, bytes, least, &picture);
    if (status == CLADE_OK)
        status = clade_picture_fit(context, &picture, wanted->channels, wanted->height, wanted->width, pixels);
    if (status == CLADE_OK) clade_scale_bytes(pixels, wanted->channels * area, out);
    clade_picture_free(context, &picture);
    clade_free(context, pixels);
    return status;
}

clade_status clade_image_load(clade_context *context, const char *path, int64_t channels, int64_t height, int64_t width,
                              float *out) {
    const struct wanted wanted = { channels, height, width };
    char *data = NULL;
    size_t bytes = 0;
    clade_pgm picture = { 0 };
    clade_npy array = { 0 };
    clade_status status = clade_file_read(context, path, PTRDIFF_MAX, &data, &bytes);
    if (status != CLADE_OK) return status;
    if (clade_picture_is(data, bytes)) {
        status = load_picture(context, path, data, bytes, &wanted, out);
    } else if (bytes > 0 && data[0] == 'P') {
        status = clade_pgm_decode(context, path, data, bytes, &picture);
        if (status == CLADE_OK) status = copy_pgm(context, path, &picture, &wanted, out);
    } else if (bytes > 0 && (unsigned char)data[0] == 0x93) {
        status = clade_npy_decode(context, path, data, bytes, &array);
        if (status == CLADE_OK) status = copy_npy(context, path, &array, &wanted, out);
    } else {
        status = clade_fail(context, CLADE_ERROR_INPUT, "%s: no JPEG, PNG, PGM (P2, P5) or NPY file", path);
    }
    clade_pgm_free(context, &picture);
    clade_npy_free(context, &array);
    clade_free(context, data);
    return status;
}
