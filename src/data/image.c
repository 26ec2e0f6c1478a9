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

static clade_status fit_picture(clade_context *context, const char *path, clade_picture *picture,
                                const struct wanted *wanted, float *out) {
    const int64_t area = wanted->height * wanted->width;
    uint8_t *pixels = clade_allocate(context, (size_t)wanted->channels, (size_t)area);
    if (!pixels) return clade_fail_memory(context, (size_t)(wanted->channels * area), path);
    clade_status status = clade_picture_fit(context, picture, wanted->channels, wanted->height, wanted->width, pixels);
    if (status == CLADE_OK) clade_scale_bytes(pixels, wanted->channels * area, out);
    clade_free(context, pixels);
    return status;
}

/* ---- files ---- */

/* What a file was: the others are zeroed. */
struct opened {
    clade_picture picture;
    clade_pgm pgm;
    clade_npy array;
};

static void forget(clade_context *context, struct opened *file) {
    clade_picture_free(context, &file->picture);
    clade_pgm_free(context, &file->pgm);
    clade_npy_free(context, &file->array);
}

/* LEAST is as for clade_picture_decode(). */
static clade_status read_file(clade_context *context, const char *path, const int64_t least[2], struct opened *file) {
    char *data = NULL;
    size_t bytes = 0;
    *file = (struct opened){ .picture = { 0 } };
    clade_status status = clade_file_read(context, path, PTRDIFF_MAX, &data, &bytes);
    if (status != CLADE_OK) return status;
    if (clade_picture_is(data, bytes))
        status = clade_picture_decode(context, path, data, bytes, least, &file->picture);
    else if (bytes > 0 && data[0] == 'P')
        status = clade_pgm_decode(context, path, data, bytes, &file->pgm);
    else if (bytes > 0 && (unsigned char)data[0] == 0x93)
        status = clade_npy_decode(context, path, data, bytes, &file->array);
    else
        status = clade_fail(context, CLADE_ERROR_INPUT, "%s: no JPEG, PNG, PGM (P2, P5) or NPY file", path);
    clade_free(context, data);
    if (status != CLADE_OK) forget(context, file);
    return status;
}

clade_status clade_image_load(clade_context *context, const char *path, int64_t channels, int64_t height, int64_t width,
                              float *out) {
    const struct wanted wanted = { channels, height, width };
    struct opened file;
    clade_status status = read_file(context, path, (const int64_t[]){ height, width }, &file);
    if (status != CLADE_OK) return status;
    if (file.pgm.values)
        status = copy_pgm(context, path, &file.pgm, &wanted, out);
    else if (!file.picture.pixels)
        status = copy_npy(context, path, &file.array, &wanted, out);
    else if (channels == 1 || channels == 3)
        status = fit_picture(context, path, &file.picture, &wanted, out);
    else
        status = clade_fail(context, CLADE_ERROR_INPUT, "%s: a picture has 1 or 3 channels, the model takes %" PRId64,
                            path, channels);
    forget(context, &file);
    return status;
}

clade_status clade_image_sizes(clade_context *context, const char *path, int64_t image[3]) {
    struct opened file;
    clade_status status = read_file(context, path, NULL, &file);
    if (status != CLADE_OK) return status;
    const clade_npy *array = &file.array;
    if (file.pgm.values) {
        memcpy(image, (const int64_t[]){ 1, file.pgm.height, file.pgm.width }, 3 * sizeof *image);
    } else if (file.picture.pixels) {
        memcpy(image, (const int64_t[]){ file.picture.channels, file.picture.height, file.picture.width },
               3 * sizeof *image);
    } else if (array->rank >= 2 && array->rank <= 4 && array->count > 0) {
        for (int i = 0; i < 3; i++)
            image[i] = i + array->rank >= 3 ? array->sizes[array->rank - 3 + i] : 1;
    } else {
        status = clade_fail(context, CLADE_ERROR_INPUT, "%s: an array of rank %d is no picture", path, array->rank);
    }
    forget(context, &file);
    return status;
}
