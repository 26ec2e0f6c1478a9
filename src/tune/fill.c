/* Contents are drawn by Philox under a name, and are rounded to float32 so that kernel and reference start alike. */
#include "tune/fill.h"

#include "base/random.h"

#include <math.h>

/* Multiples of 1/64, in random order around zero. */
static clade_status fill_distinct(clade_context *context, clade_random *random, double *data, int64_t count) {
    if (count > INT32_MAX)
        return clade_fail(context, CLADE_ERROR_ARGUMENT, "a test array of %lld elements is too large",
                          (long long)count);
    for (int64_t i = 0; i < count; i++) {
        int64_t place = clade_random_below(random, (uint32_t)(i + 1)); /* Fisher and Yates, from inside out */
        data[i] = data[place];
        data[place] = (double)(i - count / 2) / 64.0;
    }
    return CLADE_OK;
}

static double draw(clade_random *random, clade_fill fill, int64_t label_bound) {
    double u = clade_random_uniform(random);
    switch (fill) {
    case CLADE_FILL_POSITIVE:
        return 0.5 + 1.5 * u;
    case CLADE_FILL_NONZERO:
        return u < 0.5 ? -0.1 - 1.8 * u : 0.1 + 1.8 * (u - 0.5);
    case CLADE_FILL_SMALL:
        return (2.0 * u - 1.0) / 32;
    case CLADE_FILL_EQUALS:
        return floor(5.0 * u) / 2 - 1;
    case CLADE_FILL_LABELS:
        return floor(u * (double)(label_bound > 0 ? label_bound : 1));
    default:
        return 2.0 * u - 1.0;
    }
}

/* Seed low and high, step low and high, first sample; the rest zeros. */
static void fill_random_state(clade_random *random, double *data, int64_t count) {
    for (int64_t i = 0; i < count; i++) {
        data[i] = i < 2 ? (double)(int32_t)clade_random_u32(random) : i == 2 ? 7 : i == 4 ? 100 : 0;
    }
}

clade_status clade_fill_array(clade_context *context, clade_fill fill, int64_t label_bound, const char *name,
                              uint64_t seed, double *data, int64_t count) {
    clade_random random = clade_random_stream(seed, name, 0);
    if (fill == CLADE_FILL_DISTINCT) return fill_distinct(context, &random, data, count);
    if (fill == CLADE_FILL_RANDOM_STATE) {
        fill_random_state(&random, data, count);
        return CLADE_OK;
    }
    for (int64_t i = 0; i < count; i++) {
        data[i] = (double)(float)draw(&random, fill, label_bound);
    }
    return CLADE_OK;
}
