/* The digits as a data set. A sample is drawn when it is first read and kept, as bytes, while the whole part fits
 * CACHE_BYTES; larger parts are drawn at each reading. Readers do not wait for each other: who finds a sample being
 * drawn by another thread draws its own copy. */
#include "data/dataset.h"
#include "data/digits.h"

#include <errno.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdlib.h>

enum { TRAIN_COUNT = 20000, TEST_COUNT = 4000, CLASSES = 10 };
static const int64_t CACHE_BYTES = INT64_C(256) << 20;
static const int64_t MAX_COUNT = INT64_C(1000000000);

enum state { EMPTY, DRAWING, DRAWN };

struct digits {
    uint64_t seed;
    const char *part;
    uint8_t *pixels;               /* NULL: not kept */
    _Atomic unsigned char *states; /* an enum state for each sample */
};

static clade_status image(const clade_dataset *dataset, int64_t index, float *out) {
    const struct digits *digits = dataset->data;
    uint8_t drawn[CLADE_DIGIT_PIXELS];
    const uint8_t *pixels = drawn;
    unsigned char empty = EMPTY;
    if (!digits->pixels) {
        clade_digit_draw(digits->seed, digits->part, index, drawn);
    } else if (atomic_load_explicit(&digits->states[index], memory_order_acquire) == DRAWN) {
        pixels = digits->pixels + index * CLADE_DIGIT_PIXELS;
    } else if (atomic_compare_exchange_strong(&digits->states[index], &empty, DRAWING)) {
        uint8_t *kept = digits->pixels + index * CLADE_DIGIT_PIXELS;
        clade_digit_draw(digits->seed, digits->part, index, kept);
        atomic_store_explicit(&digits->states[index], DRAWN, memory_order_release);
        pixels = kept;
    } else {
        clade_digit_draw(digits->seed, digits->part, index, drawn);
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
    clade_free(dataset->context, digits->pixels);
    clade_free(dataset->context, (void *)digits->states);
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
    if (count > CACHE_BYTES / CLADE_DIGIT_PIXELS) return CLADE_OK;
    digits->pixels = clade_reallocate(context, NULL, (size_t)count, CLADE_DIGIT_PIXELS);
    digits->states = clade_allocate(context, (size_t)count, sizeof *digits->states);
    if (digits->pixels && digits->states) return CLADE_OK;
    return clade_fail_memory(context, (size_t)count * CLADE_DIGIT_PIXELS, "the drawn digits");
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
