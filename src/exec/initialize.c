/* Initialisers: each is a way to draw numbers, and the number that scales them. Draws are made in double and rounded
 * once, so that host and reference begin alike. Long stretches are drawn by several threads: a draw depends on its place
 * alone.
 *
 * The deviations: Xavier 1/sqrt(fan_in), as deck 003 and Caffe have it; MSRA sqrt(2/fan_in), He et al. 2015. A uniform
 * draw in +-a has deviation a/sqrt(3). */
#include "exec/initialize.h"

#include "base/random.h"
#include "base/thread.h"

#include <math.h>

typedef void filler(const clade_random *stream, uint64_t first, double number, float *data, size_t count);

static void fill_constant(const clade_random *stream, uint64_t first, double number, float *data, size_t count) {
    (void)stream;
    (void)first;
    for (size_t i = 0; i < count; i++) {
        data[i] = (float)number;
    }
}

typedef struct initializer {
    filler *fill;
    double value, per_fan; /* the number is value * initializer_value + sqrt(per_fan / fan_in) */
} initializer;

static const initializer initializers[] = {
    [CLADE_INITIALIZE_DEFAULT] = { fill_constant, 0, 0 },
    [CLADE_INITIALIZE_CONSTANT] = { fill_constant, 1, 0 },
    [CLADE_INITIALIZE_GAUSSIAN] = { clade_random_fill_gaussian, 1, 0 },
    [CLADE_INITIALIZE_XAVIER_GAUSSIAN] = { clade_random_fill_gaussian, 0, 1 },
    [CLADE_INITIALIZE_XAVIER_UNIFORM] = { clade_random_fill_uniform, 0, 3 },
    [CLADE_INITIALIZE_MSRA] = { clade_random_fill_gaussian, 0, 2 },
    [CLADE_INITIALIZE_UNIFORM] = { clade_random_fill_uniform, 1, 0 },
};

static double fan_in_of(const clade_leaf_attributes *attributes) {
    if (attributes->fan_in > 0) return (double)attributes->fan_in;
    double fan_in = 1;
    for (int32_t i = 1; i < attributes->dims.rank; i++) {
        fan_in *= (double)attributes->dims.size[i];
    }
    return fan_in > 0 ? fan_in : 1;
}

static const initializer *initializer_of(const clade_leaf_attributes *attributes) {
    int64_t kind = attributes->initializer_kind;
    if (kind == CLADE_INITIALIZE_DEFAULT && attributes->role == CLADE_ROLE_WEIGHT) kind = CLADE_INITIALIZE_MSRA;
    if (kind < 0 || kind > CLADE_INITIALIZE_UNIFORM) kind = CLADE_INITIALIZE_DEFAULT;
    return &initializers[kind];
}

static double number_of(const clade_leaf_attributes *attributes) {
    const initializer *chosen = initializer_of(attributes);
    return chosen->value * attributes->initializer_value + sqrt(chosen->per_fan / fan_in_of(attributes));
}

bool clade_initializes_to_zero(const clade_leaf_attributes *attributes) {
    return initializer_of(attributes)->fill == fill_constant && number_of(attributes) == 0;
}

/* What the threads share: pieces of one stretch of a state. */
typedef struct stretch {
    filler *fill;
    clade_random stream;
    uint64_t first;
    double number;
    float *data;
    size_t count;
} stretch;

enum { PIECE = 1 << 16 }; /* elements: about a millisecond */

static void fill_piece(void *user, size_t piece) {
    const stretch *s = user;
    size_t begin = piece * PIECE, count = s->count - begin < PIECE ? s->count - begin : PIECE;
    s->fill(&s->stream, s->first + begin, s->number, s->data + begin, count);
}

void clade_initialize_state(const clade_leaf_attributes *attributes, uint64_t seed, const char *name, int64_t first,
                            float *data, int64_t count) {
    stretch s = {
        .fill = initializer_of(attributes)->fill,
        .stream = clade_random_stream(seed, name, 0),
        .first = (uint64_t)first,
        .number = number_of(attributes),
        .data = data,
        .count = (size_t)count,
    };
    clade_thread_share((s.count + PIECE - 1) / PIECE, fill_piece, &s);
}
