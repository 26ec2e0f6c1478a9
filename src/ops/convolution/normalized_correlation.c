/* Normalised correlation, composed: one convolution for the products, and for the windows' sums two of a single plane, a
 * column and then a row of ones, whatever the number of patterns. The centred form takes the mean from the pattern, which
 * is enough for the products:
 *   sum of (a - mean a)(b - mean b) = sum of a (b - mean b),   sum of (a - mean a)^2 = sum of a^2 - (sum of a)^2 / count
 * and each sample's mean from x, which changes nothing but the rounding of that difference. */
#include "ops/op.h"

#include <string.h>

static const uint32_t all_but_first = ~1u;

/* x less its mean over all axes but the first. */
static clade_value centred(clade_value x) {
    const uint32_t axes = all_but_first & ((1u << clade_value_dims(x).rank) - 1);
    return clade_subtract(x, clade_mean(x, axes, true));
}

/* The sum over C and each window of R x S: (N, C, H, W) -> (N, 1, P, Q). */
static clade_value window_sum(clade_value x, int64_t rows, int64_t columns) {
    clade_value plane = clade_sum(x, 1u << 1, true);
    if (rows > 1) plane = clade_convolve2d(plane, clade_constant(x.graph, clade_shape(1, 1, rows, 1), 1), NULL);
    if (columns > 1) plane = clade_convolve2d(plane, clade_constant(x.graph, clade_shape(1, 1, 1, columns), 1), NULL);
    return plane;
}

/* Energies can come out a little below 0. */
static clade_value inverse_length(clade_value energy, double epsilon) {
    return clade_reciprocal_square_root(clade_offset(clade_relu(energy), epsilon));
}

static clade_value correlate(clade_value x, clade_value pattern, bool centre, double epsilon) {
    const clade_dims dims = clade_value_dims(pattern);
    const int64_t *size = dims.size;
    if (centre) {
        x = centred(x);
        pattern = centred(pattern);
    }
    clade_value energy = window_sum(clade_square(x), size[2], size[3]);
    if (centre) {
        clade_value square = clade_square(window_sum(x, size[2], size[3]));
        energy = clade_subtract(energy, clade_scale(square, 1.0 / (double)(size[1] * size[2] * size[3])));
    }
    clade_value own = clade_sum(clade_square(pattern), 0xe, false);
    clade_value scale = clade_reshape(inverse_length(own, epsilon), clade_shape(size[0], 1, 1));
    clade_value products = clade_multiply(clade_convolve2d(x, pattern, NULL), scale);
    return clade_multiply(products, inverse_length(energy, epsilon));
}

/* Whether x (N, C, sizes) and the pattern (K, C, sizes) of RANK axes fit; else the graph's fault says so for WHAT. */
static bool fits(const char *what, const clade_normalized_correlation_options *o, int32_t rank) {
    if (!clade_value_valid(o->x) || !clade_value_valid(o->pattern)) return false;
    const clade_type *x = clade_value_type(o->x), *pattern = clade_value_type(o->pattern);
    bool good = x->dims.rank == rank && pattern->dims.rank == rank && x->dims.size[1] == pattern->dims.size[1] &&
                pattern->dims.size[0] >= 1 && o->epsilon > 0;
    for (int32_t i = 1; i < rank && good; i++) {
        good = pattern->dims.size[i] >= 1 && x->dims.size[i] >= pattern->dims.size[i];
    }
    if (!good)
        clade_invalid(o->x.graph, CLADE_ERROR_ARGUMENT,
                      "%s of %s and pattern %s: expected %s and a pattern (K, C, ...) of the same C, fixed and nowhere "
                      "larger, and epsilon above 0",
                      what, clade_type_text(o->x.graph, x), clade_type_text(o->x.graph, pattern),
                      rank == 4 ? "(N, C, H, W)" : "(N, C, L)");
    return good;
}

static clade_normalized_correlation_options read_options(const clade_normalized_correlation_options *options) {
    static const float usual_epsilon = 1e-6F;
    clade_normalized_correlation_options given = { 0 };
    memcpy(&given, options, options->size < sizeof given ? options->size : sizeof given);
    if (!(given.epsilon < 0 || given.epsilon > 0)) given.epsilon = usual_epsilon;
    return given;
}

clade_value clade_normalized_correlation2d_with(const clade_normalized_correlation_options *options) {
    const clade_normalized_correlation_options o = read_options(options);
    if (!fits("normalized_correlation2d", &o, 4)) return CLADE_NO_VALUE;
    return correlate(o.x, o.pattern, o.centred, (double)o.epsilon);
}

/* A signal is a picture of one row. */
static clade_value one_row(clade_value x) {
    const clade_dims dims = clade_value_dims(x);
    return clade_reshape(x, clade_shape(dims.size[0], dims.size[1], 1, dims.size[2]));
}

clade_value clade_normalized_correlation1d_with(const clade_normalized_correlation_options *options) {
    const clade_normalized_correlation_options o = read_options(options);
    if (!fits("normalized_correlation1d", &o, 3)) return CLADE_NO_VALUE;
    clade_value y = correlate(one_row(o.x), one_row(o.pattern), o.centred, (double)o.epsilon);
    const clade_dims dims = clade_value_dims(y);
    return clade_value_valid(y) ? clade_reshape(y, clade_shape(dims.size[0], dims.size[1], dims.size[3])) : y;
}
