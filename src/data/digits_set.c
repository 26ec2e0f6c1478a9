/* The digits as a data set. A sample is drawn when it is first read and kept, as bytes, while the whole part fits
 * CACHE_BYTES; larger parts are drawn at each reading. */
#include "data/dataset.h"
#include "data/digits.h"
#include "data/sample_cache.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

enum { TRAIN_COUNT = 20000, TEST_COUNT = 4000, CLASSES = 10 };
static const size_t CACHE_BYTES = (size_t)256 << 20;
static const int64_t MAX_COUNT = INT64_C(1000000000);

struct digits {
    uint64_t seed;
    const char *part;
    clade_sample_cache cache;
};

static clade_status image(const clade_dataset *dataset, int64_t index, float *out) {
    const struct digits *digits = dataset->data;
    uint8_t drawn[CLADE_DIGIT_PIXELS];
    const uint8_t *pixels = clade_sample_cache_find(&digits->cache, index);
    if (!pixels) {
        uint8_t *place = clade_sample_cache_claim(&digits->cache, index);
        clade_digit_draw(digits->seed, digits->part, index, place ? place : drawn);
        if (place) clade_sample_cache_settle(&digits->cache, index, true);
        pixels = place ? place : drawn;
    }
    clade_scale_bytes(pixels, CLADE_DIGIT_PIXELS, out);
    return CLADE_OK;
}

static int32_t label(const clade_dataset *dataset, int64_t index) {
    const struct digits *digits = dataset->data;
    return clade_digit_label(digits->seed, digits->part, index);
}

static void release(clade_dataset *dataset) {
    struct digits *digits = dataset->data;
    clade_sample_cache_close(dataset->context, &digits->cache);
}

static const clade_dataset_source source = { image, label, release, NULL };

static clade_status open_part(clade_context *context, const char *word, const char *part, uint64_t seed, int64_t count,
                              clade_dataset **dataset) {
    clade_status status = clade_dataset_new(context, &source, word, part, sizeof(struct digits), dataset);
    if (status != CLADE_OK) return status;
    clade_dataset_info *info = &(*dataset)->info;
    info->count = count;
    info->channels = 1;
    info->height = info->width = CLADE_DIGIT_SIDE;
    info->classes = CLASSES;
    struct digits *digits = (*dataset)->data;
    digits->seed = seed;
    digits->part = part;
    return clade_sample_cache_open(context, count, CLADE_DIGIT_PIXELS, CACHE_BYTES, &digits->cache);
}

/* A whole number at *TEXT, which moves past it. */
static bool read_number(const char **text, uint64_t largest, uint64_t *number) {
    if (**text < '0' || **text > '9') return false;
    char *end = NULL;
    errno = 0;
    unsigned long long value = strtoull(*text, &end, 10);
    if (errno != 0 || value > largest) return false;
    *number = value;
    *text = end;
    return true;
}

static bool read_sizes(const char *text, uint64_t *train, uint64_t *test, uint64_t *seed) {
    if (!read_number(&text, (uint64_t)MAX_COUNT, train) || *text++ != ',') return false;
    if (!read_number(&text, (uint64_t)MAX_COUNT, test)) return false;
    if (*text == ',' && (text++, !read_number(&text, UINT64_MAX, seed))) return false;
    return *text == 0 && *train > 0 && *test > 0;
}

clade_status clade_digits_open(clade_context *context, const char *word, const char *rest, clade_dataset **train,
                               clade_dataset **test) {
    uint64_t train_count = TRAIN_COUNT, test_count = TEST_COUNT, seed = 0;
    if (rest && !read_sizes(rest, &train_count, &test_count, &seed)) {
        return clade_fail(context, CLADE_ERROR_ARGUMENT,
                          "'%s:%s': after the colon stand two sizes from 1 to %" PRId64
                          ", TRAIN,TEST, and perhaps a seed: digits:20000,4000,7",
                          word, rest, MAX_COUNT);
    }
    clade_status status = CLADE_OK;
    if (train) status = open_part(context, word, "train", seed, (int64_t)train_count, train);
    if (status == CLADE_OK && test) status = open_part(context, word, "test", seed, (int64_t)test_count, test);
    return status;
}
