/* The builder's calls of normalisations: those by rows bring x into the form that the row layer_norm takes, the others
 * are composed of reductions, smoothing and point-wise rows, which fuse. Formulas and sources are at the
 * declarations. */
#include "ops/convolution/smooth.h"
#include "ops/normalization/layer_norm.h"

#include <string.h>

/* ---- by rows ---- */

typedef enum kind { LAYER, RMS, INSTANCE, GROUP } kind;

static const char *const names[] = { "layer_norm", "rms_norm", "instance_norm", "group_norm" };

/* Elements of axes FIRST and on; 0 when they are not all numbers. */
static int64_t cells_after(const clade_dims *dims, int32_t first) {
    int64_t cells = 1;
    for (int32_t axis = first; axis < dims->rank; axis++) {
        cells = dims->size[axis] > 0 ? cells * dims->size[axis] : 0;
    }
    return cells;
}

/* X as (R, G, K, I) in FORM, the dims of parameters in PARAMETERS; false when OF does not fit. */
static bool form_of(kind of, const clade_norm_options *given, clade_graph *graph, clade_dims *form,
                    clade_dims *parameters) {
    const clade_dims x = clade_value_dims(given->x);
    if (of == LAYER || of == RMS) {
        const int64_t axes = given->axes != 0 ? given->axes : 1;
        if (axes < 1 || axes > x.rank) return false;
        const int32_t first = x.rank - (int32_t)axes;
        const int64_t features = cells_after(&x, first);
        *form = clade_shape(clade_size_product(graph, x.size, first), 1, features, 1);
        *parameters = (clade_dims){ .rank = (int32_t)axes };
        memcpy(parameters->size, x.size + first, (size_t)axes * sizeof x.size[0]);
        return features > 0;
    }
    if (x.rank < (of == INSTANCE ? 3 : 2) || cells_after(&x, 1) == 0) return false;
    const int64_t channels = x.size[1], groups = of == INSTANCE ? channels : given->groups;
    if (groups < 1 || channels % groups != 0) return false;
    *form = clade_shape(x.size[0], groups, channels / groups, cells_after(&x, 2));
    *parameters = clade_shape(channels);
    return true;
}

/* The values of one parameter: given, the layer's own state, or a constant. */
static clade_value parameter_of(clade_graph *graph, const char *layer, const char *suffix, const clade_dims *dims,
                                clade_value given, bool without, float number) {
    const clade_initializer initial = { .kind = CLADE_INITIALIZE_CONSTANT, .value = number };
    clade_value value = given;
    if (without)
        value = clade_constant(graph, *dims, number);
    else if (given.graph == NULL)
        value = clade_layer_state(graph, layer, suffix, *dims, CLADE_ROLE_BIAS, initial, initial);
    return clade_reshape(value, clade_shape(cells_after(dims, 0)));
}

static clade_value normalize(kind of, const clade_norm_options *options) {
    clade_norm_options given = { 0 };
    memcpy(&given, options, options->size < sizeof given ? options->size : sizeof given);
    clade_graph *graph = given.x.graph;
    if (!clade_value_valid(given.x)) return clade_append(graph, &clade_op_layer_norm, given.name, NULL, &given.x, 1);
    clade_dims form, parameters;
    if (!form_of(of, &given, graph, &form, &parameters))
        return clade_invalid(graph, CLADE_ERROR_ARGUMENT, "%s of %s, %s %lld: %s", names[of],
                             clade_type_text(graph, clade_value_type(given.x)), of == GROUP ? "groups" : "axes",
                             (long long)(of == GROUP ? given.groups : given.axes),
                             of <= RMS        ? "expected no more axes than x has, of fixed sizes"
                             : of == INSTANCE ? "expected (N, C, ...), sizes after N numbers"
                                              : "expected (N, C, ...), sizes after N numbers, groups that divide C");
    const char *name = clade_graph_unique_name(graph, given.name, names[of]);
    const clade_layer_norm_attributes a = { .epsilon = given.epsilon > 0 ? (double)given.epsilon : 1e-5,
                                            .uncentred = of == RMS };
    const clade_value inputs[] = {
        clade_reshape(given.x, form),
        parameter_of(graph, name, "weight", &parameters, given.scale, given.no_scale, 1),
        parameter_of(graph, name, "bias", &parameters, given.bias, given.no_bias || of == RMS, 0),
    };
    return clade_reshape(clade_append(graph, &clade_op_layer_norm, name, &a, inputs, 3), clade_value_dims(given.x));
}

clade_value clade_layer_norm_with(const clade_norm_options *options) {
    return normalize(LAYER, options);
}

clade_value clade_rms_norm_with(const clade_norm_options *options) {
    return normalize(RMS, options);
}

clade_value clade_instance_norm_with(const clade_norm_options *options) {
    return normalize(INSTANCE, options);
}

clade_value clade_group_norm_with(const clade_norm_options *options) {
    return normalize(GROUP, options);
}

/* ---- along axes ---- */

static clade_value at_least(clade_value x, double number) {
    return clade_maximum(x, clade_constant(x.graph, CLADE_SCALAR, (float)number));
}

clade_value clade_lp_norm(clade_value x, int64_t axis, int64_t p) {
    static const double least = 1e-12;
    if (!clade_value_valid(x)) return clade_square(x);
    const int64_t rank = clade_value_dims(x).rank, own = axis < 0 ? axis + rank : axis;
    if (own < 0 || own >= rank || (p != 1 && p != 2))
        return clade_invalid(x.graph, CLADE_ERROR_ARGUMENT,
                             "lp_norm of %s along axis %lld, p %lld: expected one of its axes, and p 1 or 2",
                             clade_type_text(x.graph, clade_value_type(x)), (long long)axis, (long long)p);
    const clade_value sum = clade_sum(p == 1 ? clade_absolute(x) : clade_square(x), 1u << own, true);
    if (p == 1) return clade_divide(x, at_least(sum, least));
    return clade_multiply(x, clade_reciprocal_square_root(at_least(sum, least * least)));
}

clade_value clade_mean_variance_norm(clade_value x, uint32_t axes) {
    const clade_value v = clade_subtract(x, clade_mean(x, axes, true));
    const clade_value variance = clade_mean(clade_square(v), axes, true);
    return clade_multiply(v, clade_reciprocal_square_root(clade_offset(variance, 1e-9)));
}

/* ---- local contrast ---- */

enum { CHANNELS = 1 << 1, PIXELS = 1 << 2 | 1 << 3 };

/* The weighted mean around each pixel, over all channels (then one) unless WITHIN. */
static clade_value around(clade_value x, const clade_local_contrast_norm_options *o) {
    if (!o->within) x = clade_mean(x, CHANNELS, true);
    return clade_smooth(clade_smooth(x, 3, o->window, (double)o->sigma), 2, o->window, (double)o->sigma);
}

clade_value clade_local_contrast_norm_with(const clade_local_contrast_norm_options *options) {
    clade_local_contrast_norm_options given = { 0 };
    memcpy(&given, options, options->size < sizeof given ? options->size : sizeof given);
    const clade_value x = given.x;
    if (!clade_value_valid(x)) return clade_square(x);
    const clade_dims dims = clade_value_dims(x);
    if (dims.rank != 4 || cells_after(&dims, 1) == 0)
        return clade_invalid(x.graph, CLADE_ERROR_ARGUMENT,
                             "local_contrast_norm of %s: expected (N, C, H, W), sizes after N numbers",
                             clade_type_text(x.graph, clade_value_type(x)));
    if (given.window == 0) given.window = 9;
    if (!(given.sigma > 0)) given.sigma = 0.177f * (float)given.window;
    const double epsilon = given.epsilon > 0 ? (double)given.epsilon : 1e-8;
    const clade_value v = clade_subtract(x, around(x, &given));
    if (given.subtractive) return v;
    const clade_value s = clade_square_root(clade_offset(around(clade_square(v), &given), epsilon));
    const clade_value c = clade_mean(s, given.within ? PIXELS : CHANNELS | PIXELS, true);
    return clade_divide(v, clade_maximum(s, c));
}
