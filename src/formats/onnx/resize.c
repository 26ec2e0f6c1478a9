/* ONNX's Resize and Upsample. What Clade's own row computes is given to it; the rest is a product with a matrix of weights
 * along each axis: y[o] = sum over i of A[o,i] x[i]. */
#include "formats/onnx/import.h"

#include <math.h>
#include <string.h>

enum { HALF_PIXEL, ALIGN_CORNERS, ASYMMETRIC, PYTORCH_HALF_PIXEL, HALF_PIXEL_SYMMETRIC, CROP };

/* One axis to be resized by a matrix. Only with CROP are START and END, shares of the axis, read. */
typedef struct one_axis {
    int64_t inputs, outputs;
    double scale, start, end;
} one_axis;

/* The axes that sizes and scales speak of; all without the attribute. */
static bool read_axes(clade_onnx_node *node, int rank, int axes[CLADE_MAX_RANK], int *count) {
    int64_t list[CLADE_MAX_RANK];
    *count = clade_onnx_ints(node, "axes", list, CLADE_MAX_RANK);
    if (*count < 0) return false;
    for (int i = 0; i < *count; i++)
        if (!clade_onnx_axis(node, list[i], rank, &axes[i])) return false;
    for (int i = 0; *count == 0 && i < rank; i++)
        axes[i] = i;
    if (*count == 0) *count = rank;
    return true;
}

static bool read_words(clade_onnx_node *node, clade_resize_options *options) {
    static const char *const modes[] = { "nearest", "linear", "cubic", "bilinear", NULL };
    static const char *const coordinates[] = {
        "half_pixel",           "align_corners",      "asymmetric", "pytorch_half_pixel",
        "half_pixel_symmetric", "tf_crop_and_resize", NULL
    };
    static const char *const roundings[] = { "round_prefer_floor", "round_prefer_ceil", "floor", "ceil", NULL };
    const bool old = node->opset < 11; /* Resize 10 and Upsample: asymmetric, and floor */
    int mode, place, rounding;
    if (!clade_onnx_word(node, "mode", "nearest", modes, &mode) ||
        !clade_onnx_word(node, "coordinate_transformation_mode", old ? "asymmetric" : "half_pixel", coordinates,
                         &place) ||
        !clade_onnx_word(node, "nearest_mode", old ? "floor" : "round_prefer_floor", roundings, &rounding))
        return false;
    options->mode = mode == 3 ? CLADE_RESIZE_LINEAR : (clade_resize_mode)mode;
    options->coordinates = (clade_resize_coordinates)place; /* CROP is none of Clade's own */
    options->rounding = (clade_resize_rounding)rounding;
    options->cubic = (float)clade_onnx_float(node, "cubic_coeff_a", -0.75);
    options->antialias = clade_onnx_int(node, "antialias", 0) != 0;
    return true;
}

/* ---- by a matrix ---- */

/* Where output O lies among the inputs. The size that scales speak of may be fractional. */
static double place_of(const one_axis *axis, int how, int64_t o) {
    const double inputs = (double)axis->inputs, wide = axis->scale * inputs, at = (double)o;
    switch (how) {
    case ALIGN_CORNERS:
        return wide == 1 ? 0 : at * (inputs - 1) / (wide - 1);
    case ASYMMETRIC:
        return at / axis->scale;
    case PYTORCH_HALF_PIXEL:
        return axis->outputs == 1 ? 0 : (at + 0.5) / axis->scale - 0.5;
    case HALF_PIXEL_SYMMETRIC:
        return inputs / 2 * (1 - (double)axis->outputs / wide) + (at + 0.5) / axis->scale - 0.5;
    case CROP:
        if (wide == 1) return (axis->start + axis->end) * (inputs - 1) / 2;
        return axis->start * (inputs - 1) + at * (axis->end - axis->start) * (inputs - 1) / (wide - 1);
    default:
        return (at + 0.5) / axis->scale - 0.5;
    }
}

/* How much an input at distance X counts: a line, or Keys' cubic. */
static double share_of(const clade_resize_options *options, double x) {
    const double a = options->cubic;
    x = fabs(x);
    if (options->mode == CLADE_RESIZE_LINEAR) return fmax(1 - x, 0);
    if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
    return x < 2 ? ((a * x - 5 * a) * x + 8 * a) * x - 4 * a : 0;
}

static int64_t nearest_to(double place, clade_resize_rounding rounding) {
    switch (rounding) {
    case CLADE_RESIZE_FLOOR:
        return (int64_t)floor(place);
    case CLADE_RESIZE_CEIL:
        return (int64_t)ceil(place);
    case CLADE_RESIZE_ROUND_PREFER_CEIL:
        return (int64_t)floor(place + 0.5);
    default:
        return (int64_t)ceil(place - 0.5);
    }
}

/* The weights ROW of an output at PLACE; inputs outside are those at the edge, or left out. */
static void fill_row(const clade_resize_options *options, const one_axis *axis, bool exclude, double place,
                     double *row) {
    const int64_t last = axis->inputs - 1;
    if (options->mode == CLADE_RESIZE_NEAREST) {
        const int64_t i = nearest_to(place, options->rounding);
        row[i < 0 ? 0 : i > last ? last : i] = 1;
        return;
    }
    const double squeeze = options->antialias && axis->scale < 1 ? axis->scale : 1;
    const double support = (options->mode == CLADE_RESIZE_CUBIC ? 2 : 1) / squeeze;
    double sum = 0;
    for (int64_t i = (int64_t)ceil(place - support); (double)i <= place + support; i++) {
        const double share = share_of(options, ((double)i - place) * squeeze);
        if (exclude && (i < 0 || i > last)) continue;
        row[i < 0 ? 0 : i > last ? last : i] += share;
        sum += share;
    }
    for (int64_t i = 0; i <= last && sum != 0; i++)
        row[i] /= sum;
}

/* The most places along an axis, and the most that a scale or a crop may be. */
enum { MOST_PLACES = 1 << 24 };

/* X along AXIS by its matrix. OUTSIDE[o] becomes 1 where output o lies outside the picture and no input counts. */
static clade_value resize_axis(clade_onnx_node *node, const clade_resize_options *options, int how, clade_value x,
                               int at, const one_axis *axis, double *outside) {
    clade_context *context = node->graph->context;
    const bool exclude = clade_onnx_int(node, "exclude_outside", 0) != 0;
    clade_dims dims = clade_value_dims(x);
    const clade_dims matrix = clade_shape(axis->outputs, axis->inputs);
    double *weights = clade_allocate(context, (size_t)(axis->outputs * axis->inputs), sizeof *weights);
    if (weights == NULL) return clade_invalid(node->graph, CLADE_ERROR_MEMORY, "out of memory for a resize");
    for (int64_t o = 0; o < axis->outputs; o++) {
        const double place = place_of(axis, how, o);
        outside[o] = how == CROP && (place < 0 || place > (double)axis->inputs - 1) ? 1 : 0;
        if (outside[o] == 0) fill_row(options, axis, exclude, place, weights + o * axis->inputs);
    }
    const clade_value a = clade_onnx_constant(node, ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT, &matrix, weights);
    clade_free(context, weights);
    const clade_size outer = clade_size_product(node->graph, dims.size, at);
    const clade_size inner = clade_size_product(node->graph, dims.size + at + 1, dims.rank - at - 1);
    const clade_value y =
        clade_batched_matmul(a, clade_reshape(x, clade_shape(outer, axis->inputs, inner)), false, false);
    dims.size[at] = axis->outputs;
    return clade_reshape(y, dims);
}

/* Places outside along any axis are what is extrapolated. */
static clade_value extrapolate(clade_onnx_node *node, clade_value y, int at, int64_t outputs, const double *outside) {
    const double value = clade_onnx_float(node, "extrapolation_value", 0);
    clade_dims dims = { .rank = clade_value_dims(y).rank };
    for (int i = 0; i < dims.rank; i++)
        dims.size[i] = i == at ? outputs : 1;
    const clade_value beyond = clade_onnx_constant(node, ONNX__TENSOR_PROTO__DATA_TYPE__BOOL, &dims, outside);
    return clade_where(beyond, clade_onnx_scalar(node, ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT, value), y);
}

/* AXES[i] by SCALE[i] to SIZES[i] places. */
static bool resize_by_matrices(clade_onnx_node *node, const clade_resize_options *options, const int *axes, int count,
                               const double *scale, const int64_t *sizes) {
    enum { MOST_CELLS = 1 << 24 };
    const int how = (int)options->coordinates;
    clade_value y = clade_cast(options->x, CLADE_F32);
    double roi[2 * CLADE_MAX_RANK], *outside[CLADE_MAX_RANK] = { NULL };
    int given;
    bool good = true;
    if (how == CROP && !clade_onnx_numbers(node, 1, roi, 2 * CLADE_MAX_RANK, &given)) return false;
    if (how == CROP && given != 2 * count) return clade_onnx_refuse(node, "roi has %d numbers", given);
    for (int i = 0; how == CROP && i < given; i++)
        if (!(fabs(roi[i]) <= MOST_PLACES)) return clade_onnx_refuse(node, "roi has a number of %g", roi[i]);
    for (int i = 0; i < count && good; i++) {
        one_axis axis = { clade_value_dims(y).size[axes[i]], sizes[i], scale[i], 0, 1 };
        if (how == CROP) {
            axis.start = roi[i];
            axis.end = roi[count + i];
        }
        if (axis.scale == 1 && axis.start == 0 && axis.end == 1) continue;
        if (axis.inputs < 1 || axis.outputs < 1 || axis.inputs * axis.outputs > MOST_CELLS) {
            good = clade_onnx_refuse(node, "axis %d cannot be given that size", axes[i]);
            break;
        }
        outside[i] = clade_allocate(node->graph->context, (size_t)axis.outputs, sizeof *outside[i]);
        good = outside[i] != NULL;
        if (good) y = resize_axis(node, options, how, y, axes[i], &axis, outside[i]);
    }
    for (int i = 0; i < count; i++) {
        if (good && how == CROP && outside[i] != NULL) y = extrapolate(node, y, axes[i], sizes[i], outside[i]);
        clade_free(node->graph->context, outside[i]);
    }
    return good && clade_onnx_give(node, clade_cast(y, clade_onnx_type_storage(clade_onnx_type(node, 0))));
}

/* Whether Clade's own row does not compute it. */
static bool needs_matrices(clade_onnx_node *node, const clade_resize_options *options, const clade_dims *dims,
                           const int *axes, int count, const double *scale, const int64_t *sizes) {
    bool fractional = false, rounded_up = false;
    for (int i = 0; i < count; i++) {
        const double wide = scale[i] * (double)dims->size[axes[i]];
        fractional = fractional || fabs(wide - round(wide)) > 1e-6 * wide;
        rounded_up = rounded_up || (double)sizes[i] > wide * (1 + 1e-6);
    }
    const int how = (int)options->coordinates;
    return how == CROP || rounded_up || (fractional && (how == ALIGN_CORNERS || how == HALF_PIXEL_SYMMETRIC)) ||
           options->antialias || clade_onnx_int(node, "exclude_outside", 0) != 0;
}

/* The scales that SIZES come to; under a policy that keeps the picture's proportions one, the least or largest of all axes,
 * to which the sizes are then fitted. */
static bool scale_to_sizes(clade_onnx_node *node, const clade_dims *dims, const int *axes, int count, int64_t *sizes,
                           double *scale) {
    static const char *const policies[] = { "stretch", "not_larger", "not_smaller", NULL };
    int policy;
    double one = 0;
    if (!clade_onnx_word(node, "keep_aspect_ratio_policy", "stretch", policies, &policy)) return false;
    for (int i = 0; i < count; i++) {
        scale[i] = (double)sizes[i] / (double)dims->size[axes[i]];
        if (i == 0 || (policy == 1 ? scale[i] < one : scale[i] > one)) one = scale[i];
    }
    for (int i = 0; policy != 0 && i < count; i++) {
        scale[i] = one;
        sizes[i] = (int64_t)floor(one * (double)dims->size[axes[i]] + 0.5);
    }
    return true;
}

/* Whether axes of DIMS that are known can be SIZES places long. */
static bool check_sizes(clade_onnx_node *node, const clade_dims *dims, const int *axes, int count,
                        const int64_t *sizes) {
    for (int i = 0; i < count; i++)
        if (dims->size[axes[i]] >= 0 && (sizes[i] < 1 || sizes[i] > MOST_PLACES))
            return clade_onnx_refuse(node, "axis %d cannot be given that size", axes[i]);
    return true;
}

static bool check_scales(clade_onnx_node *node, int count, const double *scale) {
    for (int i = 0; i < count; i++)
        if (!(scale[i] >= 1.0 / MOST_PLACES && scale[i] <= MOST_PLACES))
            return clade_onnx_refuse(node, "a scale of %g", scale[i]);
    return true;
}

/* Scales of COUNT axes, and sizes that follow from them, as the inputs or, in the first operator sets, attributes say. */
static bool read_scales(clade_onnx_node *node, const clade_dims *dims, const int *axes, int count, double *scale,
                        int64_t *sizes) {
    int given = 0;
    if (clade_onnx_has(node, 3)) {
        clade_size known[CLADE_MAX_RANK]; /* an open axis keeps its size, whatever is said of it */
        if (!clade_onnx_sizes(node, 3, sizes, known, CLADE_MAX_RANK, &given)) return false;
        if (given != count) return clade_onnx_refuse(node, "%d sizes for %d axes", given, count);
        if (!check_sizes(node, dims, axes, count, sizes)) return false;
        return scale_to_sizes(node, dims, axes, count, sizes, scale);
    }
    const Onnx__AttributeProto *list = clade_onnx_attribute(node, "scales");     /* Upsample 7 */
    if (clade_onnx_attribute(node, "height_scale") != NULL && dims->rank == 4) { /* Upsample 1 */
        given = 4;
        scale[0] = scale[1] = 1;
        scale[2] = clade_onnx_float(node, "height_scale", 1);
        scale[3] = clade_onnx_float(node, "width_scale", 1);
    } else if (list != NULL) {
        given = list->n_floats <= CLADE_MAX_RANK ? (int)list->n_floats : 0;
        for (int i = 0; i < given; i++)
            scale[i] = (double)list->floats[i];
    } else if (!clade_onnx_numbers(node, node->opset < 11 ? 1 : 2, scale, CLADE_MAX_RANK, &given)) {
        return false;
    }
    if (given != count) return clade_onnx_refuse(node, "%d scales for %d axes", given, count);
    if (!check_scales(node, count, scale)) return false;
    for (int i = 0; i < count; i++)
        sizes[i] = (int64_t)floor(scale[i] * (double)dims->size[axes[i]] + 1e-6);
    return true;
}

static bool translate_resize(clade_onnx_node *node) {
    clade_resize_options options = { .size = sizeof options, .x = clade_onnx_real(node, 0) };
    const clade_dims dims = clade_value_dims(options.x);
    double scale[CLADE_MAX_RANK];
    int64_t sizes[CLADE_MAX_RANK];
    int axes[CLADE_MAX_RANK], count;
    if (!read_words(node, &options) || !read_axes(node, dims.rank, axes, &count)) return false;
    if (!read_scales(node, &dims, axes, count, scale, sizes)) return false;
    if (needs_matrices(node, &options, &dims, axes, count, scale, sizes))
        return resize_by_matrices(node, &options, axes, count, scale, sizes);
    for (int i = 0; i < count; i++) { /* a whole size is said exactly */
        const double wide = scale[i] * (double)dims.size[axes[i]];
        if (scale[i] == 1 || dims.size[axes[i]] < 0) continue;
        if (fabs(wide - round(wide)) <= 1e-6 * wide)
            options.to[axes[i]] = (int64_t)round(wide);
        else
            options.scale[axes[i]] = (float)scale[i];
    }
    const clade_value y = clade_resize_with(&options);
    return clade_onnx_give(node, clade_cast(y, clade_onnx_type_storage(clade_onnx_type(node, 0))));
}

const clade_onnx_translator clade_onnx_resize[] = {
    { "Resize", translate_resize, 0 },
    { "Upsample", translate_resize, 0 },
    { NULL, NULL, 0 },
};
