/* Moments of a data set (clade/input_norm.h), and the states of zero_center layers set to them. */
#include "clade/input_norm.h"

#include "base/context.h"
#include "data/dataset.h"
#include "exec/plan.h"
#include "exec/session.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

enum { CHUNK = 64 }; /* samples read at a time */

/* Sums over samples of each element and of its square. */
typedef struct sums {
    double *value, *square;
    int64_t count; /* of elements */
} sums;

static clade_status add_samples(clade_dataset *dataset, sums *all, float *images) {
    const int64_t samples = clade_dataset_describe(dataset).count;
    for (int64_t first = 0; first < samples; first += CHUNK) {
        const int64_t some = samples - first < CHUNK ? samples - first : CHUNK;
        int64_t indices[CHUNK];
        for (int64_t i = 0; i < some; i++) {
            indices[i] = first + i;
        }
        clade_status status = clade_dataset_read(dataset, indices, some, images, NULL);
        if (status != CLADE_OK) return status;
        for (int64_t i = 0; i < some * all->count; i++) {
            const double x = (double)images[i];
            all->value[i % all->count] += x;
            all->square[i % all->count] += x * x;
        }
    }
    return CLADE_OK;
}

/* Means and deviations of groups of PER elements, SAMPLES of each. */
static void write_moments(const sums *all, int64_t per, int64_t samples, float *mean, float *deviation) {
    const double count = (double)(per * samples);
    for (int64_t g = 0; g < all->count / per; g++) {
        double value = 0, square = 0;
        for (int64_t i = g * per; i < (g + 1) * per; i++) {
            value += all->value[i] / count;
            square += all->square[i] / count;
        }
        const double variance = square - value * value;
        if (mean != NULL) mean[g] = (float)value;
        if (deviation != NULL) deviation[g] = (float)sqrt(variance > 0 ? variance : 0);
    }
}

clade_status clade_dataset_moments(clade_dataset *dataset, bool by_channel, float *mean, float *deviation) {
    const clade_dataset_info info = clade_dataset_describe(dataset);
    const int64_t area = info.height * info.width;
    sums all = { .count = info.channels * area };
    const size_t bytes = (size_t)all.count * sizeof(float);
    float *images = clade_allocate(dataset->context, (size_t)all.count * CHUNK, sizeof *images);
    all.value = clade_allocate(dataset->context, (size_t)all.count, sizeof *all.value);
    all.square = clade_allocate(dataset->context, (size_t)all.count, sizeof *all.square);
    clade_status status = images != NULL && all.value != NULL && all.square != NULL
                              ? add_samples(dataset, &all, images)
                              : clade_fail_memory(dataset->context, (CHUNK + 4) * bytes, "the moments of a data set");
    if (status == CLADE_OK) write_moments(&all, by_channel ? area : 1, info.count, mean, deviation);
    clade_free(dataset->context, images);
    clade_free(dataset->context, all.value);
    clade_free(dataset->context, all.square);
    return status;
}

/* ---- layers ---- */

static bool ends_with(const char *name, const char *suffix) {
    const size_t length = strlen(name), end = strlen(suffix);
    return length > end && strcmp(name + length - end, suffix) == 0;
}

/* Whether STATE holds a number for each element of INFO's images (0), for each channel (1), or neither (-1). */
static int by_channel_of(const clade_state_info *state, const clade_dataset_info *info) {
    const int64_t area = info->height * info->width;
    if (state->count == info->channels * area && (state->dims.rank != 3 || state->dims.size[0] == info->channels))
        return 0;
    return state->dims.rank >= 1 && state->count == info->channels && state->dims.size[0] == info->channels ? 1 : -1;
}

static clade_status set_state(clade_session *session, clade_dataset *dataset, const clade_state_info *state,
                              bool deviation) {
    clade_context *context = clade_session_device(session)->context;
    const clade_dataset_info info = clade_dataset_describe(dataset);
    const int by_channel = by_channel_of(state, &info);
    if (by_channel < 0)
        return clade_fail(context, CLADE_ERROR_INPUT,
                          "%s: has %" PRId64 " numbers, and images of %s are %" PRId64 "x%" PRId64 "x%" PRId64,
                          state->name, state->count, info.name, info.channels, info.height, info.width);
    float *moments = clade_allocate(context, (size_t)state->count, sizeof *moments);
    if (moments == NULL) return clade_fail_memory(context, (size_t)state->count * sizeof *moments, state->name);
    clade_status status =
        clade_dataset_moments(dataset, by_channel == 1, deviation ? NULL : moments, deviation ? moments : NULL);
    for (int64_t i = 0; i < state->count && deviation; i++) {
        if (!(moments[i] > 0)) moments[i] = 1;
    }
    if (status == CLADE_OK) status = clade_session_write_state(session, state->name, moments, state->count);
    clade_free(context, moments);
    return status;
}

clade_status clade_input_norm_fit(clade_session *session, clade_dataset *dataset) {
    for (size_t i = 0; i < clade_session_state_count(session); i++) {
        const clade_state_info state = clade_session_state(session, i);
        const bool mean = ends_with(state.name, ".input_mean");
        if (!mean && !ends_with(state.name, ".input_deviation")) continue;
        clade_status status = set_state(session, dataset, &state, !mean);
        if (status != CLADE_OK) return status;
    }
    return CLADE_OK;
}
