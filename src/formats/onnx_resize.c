/* ONNX's Resize and Upsample. */
#include "formats/onnx_import.h"

#include <math.h>
#include <string.h>

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
    static const char *const coordinates[] = { "half_pixel",         "align_corners",        "asymmetric",
                                               "pytorch_half_pixel", "half_pixel_symmetric", NULL };
    static const char *const roundings[] = { "round_prefer_floor", "round_prefer_ceil", "floor", "ceil", NULL };
    const bool old = node->opset < 11; /* Resize 10 and Upsample: asymmetric, and floor */
    int mode, place, rounding;
    if (!clade_onnx_word(node, "mode", "nearest", modes, &mode) ||
        !clade_onnx_word(node, "coordinate_transformation_mode", old ? "asymmetric" : "half_pixel", coordinates,
                         &place) ||
        !clade_onnx_word(node, "nearest_mode", old ? "floor" : "round_prefer_floor", roundings, &rounding))
        return false;
    options->mode = mode == 3 ? CLADE_RESIZE_LINEAR : (clade_resize_mode)mode;
    options->coordinates = (clade_resize_coordinates)place;
    options->rounding = (clade_resize_rounding)rounding;
    options->cubic = (float)clade_onnx_float(node, "cubic_coeff_a", -0.75);
    options->antialias = clade_onnx_int(node, "antialias", 0) != 0;
    if (clade_onnx_int(node, "exclude_outside", 0) != 0 && !options->antialias)
        return clade_onnx_refuse(node, "exclude_outside");
    return true;
}

/* Sizes under a policy that keeps the picture's proportions: one scale, the least or largest of all axes. */
static bool keep_proportions(clade_onnx_node *node, const clade_dims *dims, const int *axes, int count,
                             int64_t *sizes) {
    static const char *const policies[] = { "stretch", "not_larger", "not_smaller", NULL };
    int policy;
    double scale = 0;
    if (!clade_onnx_word(node, "keep_aspect_ratio_policy", "stretch", policies, &policy)) return false;
    for (int i = 0; i < count; i++) {
        const double one = (double)sizes[i] / (double)dims->size[axes[i]];
        if (i == 0 || (policy == 1 ? one < scale : one > scale)) scale = one;
    }
    for (int i = 0; policy != 0 && i < count; i++)
        sizes[i] = (int64_t)floor(scale * (double)dims->size[axes[i]] + 0.5);
    return true;
}

static bool translate_resize(clade_onnx_node *node) {
    clade_resize_options options = { .size = sizeof options, .x = clade_onnx_in(node, 0) };
    const clade_dims dims = clade_value_dims(options.x);
    const int scales = node->opset < 11 ? 1 : 2;
    double scale[CLADE_MAX_RANK];
    int64_t sizes[CLADE_MAX_RANK];
    int axes[CLADE_MAX_RANK], axis_count, count = 0;
    if (!read_words(node, &options) || !read_axes(node, dims.rank, axes, &axis_count)) return false;
    if (clade_onnx_has(node, 3)) {
        if (!clade_onnx_whole_numbers(node, 3, sizes, CLADE_MAX_RANK, &count)) return false;
        if (count != axis_count) return clade_onnx_refuse(node, "%d sizes for %d axes", count, axis_count);
        if (!keep_proportions(node, &dims, axes, count, sizes)) return false;
        for (int i = 0; i < count; i++)
            if (sizes[i] != dims.size[axes[i]]) options.to[axes[i]] = sizes[i];
        return clade_onnx_give(node, clade_resize_with(&options));
    }
    const Onnx__AttributeProto *list = clade_onnx_attribute(node, "scales"); /* Upsample 7 */
    if (list != NULL) {
        count = list->n_floats <= CLADE_MAX_RANK ? (int)list->n_floats : 0;
        for (int i = 0; i < count; i++)
            scale[i] = (double)list->floats[i];
    } else if (!clade_onnx_numbers(node, scales, scale, CLADE_MAX_RANK, &count)) {
        return false;
    }
    if (count != axis_count) return clade_onnx_refuse(node, "%d scales for %d axes", count, axis_count);
    for (int i = 0; i < count; i++)
        if (scale[i] != 1) options.scale[axes[i]] = (float)scale[i];
    return clade_onnx_give(node, clade_resize_with(&options));
}

const clade_onnx_translator clade_onnx_resize[] = {
    { "Resize", translate_resize, 0 },
    { "Upsample", translate_resize, 0 },
    { NULL, NULL, 0 },
};
