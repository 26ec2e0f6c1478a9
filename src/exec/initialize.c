/* Initialisers: each is a way to draw one number, and the number that scales it. Draws are made in double and rounded
 * once, so that host and reference begin alike.
 *
 * The deviations: Xavier 1/sqrt(fan_in), as deck 003 and Caffe have it; MSRA sqrt(2/fan_in), He et al. 2015. A uniform
 * draw in +-a has deviation a/sqrt(3). */
#include "exec/initialize.h"

#include "base/random.h"

#include <math.h>

typedef double drawer(clade_random *random, double number);

static double constant(clade_random *random, double number) {
    (void)random;
    return number;
}

static double gaussian(clade_random *random, double deviation) {
    return deviation * clade_random_gaussian(random);
}

static double uniform(clade_random *random, double bound) {
    return bound * (2.0 * clade_random_uniform(random) - 1.0);
}

typedef struct initializer {
    drawer *draw;
    double value, per_fan; /* the number is value * initializer_value + sqrt(per_fan / fan_in) */
} initializer;

static const initializer initializers[] = {
    [CLADE_INITIALIZE_DEFAULT] = { constant, 0, 0 },       [CLADE_INITIALIZE_CONSTANT] = { constant, 1, 0 },
    [CLADE_INITIALIZE_GAUSSIAN] = { gaussian, 1, 0 },      [CLADE_INITIALIZE_XAVIER_GAUSSIAN] = { gaussian, 0, 1 },
    [CLADE_INITIALIZE_XAVIER_UNIFORM] = { uniform, 0, 3 }, [CLADE_INITIALIZE_MSRA] = { gaussian, 0, 2 },
    [CLADE_INITIALIZE_UNIFORM] = { uniform, 1, 0 },
};

static double fan_in_of(const clade_leaf_attributes *attributes) {
    if (attributes->fan_in > 0) return (double)attributes->fan_in;
    double fan_in = 1;
    for (int32_t i = 1; i < attributes->dims.rank; i++) {
        fan_in *= (double)attributes->dims.size[i];
    }
    return fan_in > 0 ? fan_in : 1;
}

void clade_initialize_state(const clade_leaf_attributes *attributes, uint64_t seed, const char *name, float *data,
                            int64_t count) {
    int64_t kind = attributes->initializer_kind;
    if (kind == CLADE_INITIALIZE_DEFAULT && attributes->role == CLADE_ROLE_WEIGHT) kind = CLADE_INITIALIZE_MSRA;
    if (kind < 0 || kind > CLADE_INITIALIZE_UNIFORM) kind = CLADE_INITIALIZE_DEFAULT;
    const initializer *chosen = &initializers[kind];
    double number = chosen->value * attributes->initializer_value + sqrt(chosen->per_fan / fan_in_of(attributes));
    clade_random random = clade_random_stream(seed, name, 0);
    for (int64_t i = 0; i < count; i++) {
        data[i] = (float)chosen->draw(&random, number);
    }
}
