/* What JPEG and PNG share: which is which, the bound on sizes, and bringing a picture to a size. */
#include "formats/picture.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

static const int64_t MOST_PIXELS = INT64_C(1) << 27;

static bool is_jpeg(const unsigned char *bytes, size_t count) {
    return count >= 3 && bytes[0] == 0xff && bytes[1] == 0xd8 && bytes[2] == 0xff;
}

static bool is_png(const unsigned char *bytes, size_t count) {
    static const unsigned char signature[8] = { 0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n' };
    return count >= sizeof signature && memcmp(bytes, signature, sizeof signature) == 0;
}

bool clade_picture_is(const void *bytes, size_t count) {
    return is_jpeg(bytes, count) || is_png(bytes, count);
}

clade_status clade_picture_decode(clade_context *context, const char *name, const void *bytes, size_t count,
                                  const int64_t least[2], clade_picture *picture) {
    *picture = (clade_picture){ 0 };
    clade_status status;
    if (is_jpeg(bytes, count)) {
        status = clade_jpeg_decode(context, name, bytes, count, least, picture);
    } else if (is_png(bytes, count)) {
        status = clade_png_decode(context, name, bytes, count, picture);
    } else {
        status = clade_fail(context, CLADE_ERROR_INPUT, "%s: neither a JPEG nor a PNG file", name);
    }
    if (status != CLADE_OK) clade_picture_free(context, picture);
    return status;
}

void clade_picture_free(clade_context *context, clade_picture *picture) {
    clade_free(context, picture->pixels);
    *picture = (clade_picture){ 0 };
}

clade_status clade_picture_allocate(clade_context *context, const char *name, size_t count, int64_t density,
                                    clade_picture *picture) {
    const int64_t height = picture->height, width = picture->width;
    if (height < 1 || width < 1 || height > MOST_PIXELS / width)
        return clade_fail(context, CLADE_ERROR_INPUT,
                          "%s: a picture of %" PRId64 "x%" PRId64 " pixels; 1 to %" PRId64 " in all are read", name,
                          height, width, MOST_PIXELS);
    if ((uint64_t)(height * width / density) > count)
        return clade_fail(context, CLADE_ERROR_INPUT,
                          "%s: cut off: %" PRId64 "x%" PRId64 " pixels do not fit in %zu bytes", name, height, width,
                          count);
    const size_t bytes = (size_t)(height * width * picture->channels);
    picture->pixels = clade_allocate(context, bytes, 1);
    return picture->pixels ? CLADE_OK : clade_fail_memory(context, bytes, name);
}

/* ---- bringing to a size ---- */

/* Which old places along one axis a new one is the weighted mean of. */
typedef struct taps {
    int64_t first, count;
    float *weights;
} taps;

/* The taps of SIZE new places over OLD old ones, of which a middle part of LENGTH is used: TAPS[SIZE], whose weights
 * are in the memory behind them. NULL when memory is short. */
static taps *make_taps(clade_context *context, int64_t old, double length, int64_t size) {
    const double factor = length / (double)size, reach = factor > 1 ? factor : 1;
    const int64_t most = 2 * (int64_t)ceil(reach) + 2;
    taps *made = clade_allocate(context, (size_t)size, sizeof *made);
    float *weights = clade_allocate(context, (size_t)size, (size_t)most * sizeof *weights);
    if (!made || !weights) {
        clade_free(context, made);
        clade_free(context, weights);
        return NULL;
    }
    for (int64_t i = 0; i < size; i++) {
        const double middle = ((double)old - length) / 2 + ((double)i + 0.5) * factor;
        int64_t first = (int64_t)floor(middle - reach), end = (int64_t)ceil(middle + reach);
        if (first < 0) first = 0;
        if (end > old) end = old;
        double sum = 0;
        for (int64_t k = first; k < end; k++) {
            const double weight = 1 - fabs((double)k + 0.5 - middle) / reach;
            weights[i * most + k - first] = (float)(weight > 0 ? weight : 0);
            sum += weight > 0 ? weight : 0;
        }
        made[i] = (taps){ first, end - first, weights + i * most };
        for (int64_t k = 0; k < end - first; k++)
            made[i].weights[k] = (float)((double)made[i].weights[k] / sum);
    }
    return made;
}

static void free_taps(clade_context *context, taps *list) {
    if (list) clade_free(context, list[0].weights);
    clade_free(context, list);
}

/* One row of pixels to the new width. */
static void resample_row(const uint8_t *row, int64_t channels, const taps *across, int64_t width, float *out) {
    for (int64_t x = 0; x < width; x++) {
        for (int64_t c = 0; c < channels; c++) {
            float sum = 0;
            for (int64_t k = 0; k < across[x].count; k++)
                sum += across[x].weights[k] * (float)row[(across[x].first + k) * channels + c];
            out[x * channels + c] = sum;
        }
    }
}

/* ROWS, of the new width, to planes of the new height. */
static void resample_columns(const float *rows, int64_t channels, const taps *down, int64_t height, int64_t width,
                             uint8_t *out) {
    for (int64_t y = 0; y < height; y++) {
        for (int64_t i = 0; i < width * channels; i++) {
            float sum = 0.5F;
            for (int64_t k = 0; k < down[y].count; k++)
                sum += down[y].weights[k] * rows[(down[y].first + k) * width * channels + i];
            out[(i % channels * height + y) * width + i / channels] = (uint8_t)(sum < 255 ? sum : 255);
        }
    }
}

static clade_status resample(clade_context *context, const clade_picture *picture, int64_t height, int64_t width,
                             uint8_t *out) {
    const int64_t channels = picture->channels;
    const double down_factor = (double)picture->height / (double)height,
                 across_factor = (double)picture->width / (double)width,
                 factor = down_factor < across_factor ? down_factor : across_factor;
    const size_t row = (size_t)(width * channels);
    taps *across = make_taps(context, picture->width, factor * (double)width, width);
    taps *down = make_taps(context, picture->height, factor * (double)height, height);
    float *rows = clade_allocate(context, (size_t)picture->height, row * sizeof *rows);
    clade_status status = CLADE_OK;
    if (across && down && rows) {
        const int64_t end = down[height - 1].first + down[height - 1].count;
        for (int64_t y = down[0].first; y < end; y++)
            resample_row(picture->pixels + y * picture->width * channels, channels, across, width,
                         rows + (size_t)y * row);
        resample_columns(rows, channels, down, height, width, out);
    } else {
        status = clade_fail_memory(context, (size_t)picture->height * row * sizeof *rows, "a picture's scaling");
    }
    free_taps(context, across);
    free_taps(context, down);
    clade_free(context, rows);
    return status;
}

static void make_grey(clade_picture *picture) {
    for (int64_t i = 0; i < picture->height * picture->width; i++) {
        const uint8_t *pixel = picture->pixels + 3 * i;
        /* 0.299, 0.587 and 0.114 times 2^16. */
        picture->pixels[i] = (uint8_t)((19595U * pixel[0] + 38470U * pixel[1] + 7471U * pixel[2] + 32768U) >> 16);
    }
    picture->channels = 1;
}

clade_status clade_picture_fit(clade_context *context, clade_picture *picture, int64_t channels, int64_t height,
                               int64_t width, uint8_t *out) {
    const int64_t area = height * width;
    if (channels == 1 && picture->channels == 3) make_grey(picture);
    clade_status status = CLADE_OK;
    if (picture->height == height && picture->width == width) {
        for (int64_t i = 0; i < area; i++)
            for (int64_t c = 0; c < picture->channels; c++)
                out[c * area + i] = picture->pixels[i * picture->channels + c];
    } else {
        status = resample(context, picture, height, width, out);
    }
    for (int64_t c = picture->channels; c < channels && status == CLADE_OK; c++)
        memcpy(out + c * area, out, (size_t)area);
    return status;
}
