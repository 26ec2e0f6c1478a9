/* Convolution layers over one, two or three axes, transposed or not: their checks, their states, and how they become
 * the rows over two axes. */
#include "ops/convolution/conv_layer.h"

#include "ops/convolution/convolution.h"

#include <string.h>

enum { AXES = CLADE_CONV_AXES };

static const char *const image_words[] = { "L", "H, W", "D, H, W" };
static const char *const kernel_words[] = { "length", "height, width", "depth, height, width" };
static const char *const axis_words[] = { "depth", "height", "width" };

static const char *axis_word(const clade_conv_layer *layer, int axis) {
    return layer->axes == 1 ? "length" : axis_words[AXES - layer->axes + axis];
}

void clade_conv_layer_defaults(clade_conv_layer *layer) {
    for (int i = 0; i < layer->axes; i++) {
        if (layer->stride[i] == 0) layer->stride[i] = 1;
        if (layer->dilation[i] == 0) layer->dilation[i] = 1;
    }
    if (layer->groups == 0) layer->groups = 1;
}

/* ---- checks ---- */

/* Float32 of rank 2 + axes, whose axes from FIRST on are numbers of at least 1, those in space below 2^31. */
static bool is_array(const clade_conv_layer *layer, clade_value value, int first) {
    const clade_type *type = clade_value_type(value);
    bool good = type->dtype == CLADE_F32 && type->dims.rank == layer->axes + 2;
    for (int i = first; good && i < type->dims.rank; i++) {
        good = i < 2 ? type->dims.size[i] >= 1 : clade_is_count(type->dims.size[i], 1);
    }
    return good;
}

/* What is wrong with the numbers of the geometry, or NULL. */
static const char *wrong_number(const clade_conv_layer *layer) {
    for (int i = 0; i < layer->axes; i++) {
        if (!clade_is_count(layer->stride[i], 1)) return "a stride of at least 1 and below 2^31";
        if (!clade_is_count(layer->dilation[i], 1)) return "a dilation of at least 1 and below 2^31";
        if (!clade_is_count(layer->output_padding[i], 0)) return "output padding of at least 0 and below 2^31";
        if (!clade_is_count(layer->pad[i], 0) || !clade_is_count(layer->pad[layer->axes + i], 0))
            return "padding of at least 0 and below 2^31";
    }
    return layer->groups < 1 ? "at least 1 group" : NULL;
}

/* Whether x, the weights and the geometry suit each other; if not, the graph's fault says why. */
static bool check(const clade_conv_layer *layer, const char *name, clade_value weight) {
    clade_graph *graph = layer->x.graph;
    const clade_type *x = clade_value_type(layer->x), *w = clade_value_type(weight);
    const char *wrong = wrong_number(layer), *x_text = clade_type_text(graph, x), *w_text = clade_type_text(graph, w);
    if (!is_array(layer, layer->x, 1) || !is_array(layer, weight, 0)) {
        clade_invalid(graph, CLADE_ERROR_ARGUMENT,
                      "%s %s of %s and %s: expected float32 x (N, C, %s) and weights (%s, %s), of fixed sizes",
                      layer->what, name, x_text, w_text, image_words[layer->axes - 1],
                      layer->transposed ? "C, filters/groups" : "filters, C/groups", kernel_words[layer->axes - 1]);
        return false;
    }
    const int64_t *xs = x->dims.size, *ws = w->dims.size, groups = layer->groups;
    if (wrong != NULL) {
        clade_invalid(graph, CLADE_ERROR_ARGUMENT, "%s %s of %s and %s: expected %s", layer->what, name, x_text, w_text,
                      wrong);
        return false;
    }
    if (ws[0] % groups == 0 && xs[1] == (layer->transposed ? ws[0] : ws[1] * groups)) return true;
    clade_invalid(graph, CLADE_ERROR_ARGUMENT, "%s %s of %s and %s: expected C and filters that suit the %lld groups",
                  layer->what, name, x_text, w_text, (long long)groups);
    return false;
}

/* ---- one axis and three as two ---- */

/* (a, b, L) as (a, b, 1, L). */
static clade_value with_height(clade_value x) {
    const clade_dims dims = clade_value_dims(x);
    return clade_reshape(x, clade_shape(dims.size[0], dims.size[1], 1, dims.size[2]));
}

static clade_value without_height(clade_value y) {
    const clade_dims dims = clade_value_dims(y);
    if (!clade_value_valid(y)) return y;
    return clade_reshape(y, clade_shape(dims.size[0], dims.size[1], dims.size[3]));
}

/* The row's attributes: of one axis those of the width. */
static clade_conv2d_attributes attributes_of(const clade_conv_layer *layer) {
    clade_conv2d_attributes a = { .stride = { 1, 1 }, .dilation = { 1, 1 }, .groups = layer->groups };
    const int first = 2 - layer->axes;
    for (int i = 0; i < layer->axes; i++) {
        a.stride[first + i] = layer->stride[i];
        a.dilation[first + i] = layer->dilation[i];
        a.pad[first + i] = layer->pad[i];
        a.pad[2 + first + i] = layer->pad[layer->axes + i];
    }
    return a;
}

/* ---- the convolution ---- */

static clade_value biased(clade_value y, clade_value bias) {
    return clade_value_valid(y) && clade_value_valid(bias) ? clade_bias(y, bias) : y;
}

static clade_value convolve(const clade_conv_layer *layer, const char *name, clade_value weight, clade_value bias) {
    if (layer->axes == AXES) return clade_convolve_volumes(layer, name, weight, bias);
    const bool flat = layer->axes == 1;
    const clade_conv2d_attributes a = attributes_of(layer);
    const clade_value inputs[] = { flat ? with_height(layer->x) : layer->x, flat ? with_height(weight) : weight };
    const clade_value y = biased(clade_append(layer->x.graph, &clade_op_conv2d, name, &a, inputs, 2), bias);
    return flat ? without_height(y) : y;
}

/* The transposed convolution with y of sizes OUT. */
static clade_value spread(const clade_conv_layer *layer, const char *name, clade_value weight, clade_value bias,
                          const int64_t out[AXES]) {
    if (layer->axes == AXES) return biased(clade_convolve_volumes_transposed(layer, name, weight, out), bias);
    const bool flat = layer->axes == 1;
    clade_conv2d_attributes a = attributes_of(layer);
    a.image[0] = flat ? 1 : out[0];
    a.image[1] = flat ? out[0] : out[1];
    const clade_value inputs[] = { flat ? with_height(layer->x) : layer->x, flat ? with_height(weight) : weight };
    const clade_value y =
        biased(clade_append(layer->x.graph, &clade_op_conv2d_data_gradient, name, &a, inputs, 2), bias);
    return flat ? without_height(y) : y;
}

/* Output padding takes back what is cropped after an axis; up to stride - 1 elements more are the sizes of the
 * convolution's own image, and what is beyond them nothing reaches: zeros. */
static clade_value convolve_transposed(const clade_conv_layer *given, const char *name, clade_value weight,
                                       clade_value bias) {
    clade_conv_layer layer = *given;
    int64_t out[AXES] = { 1, 1, 1 };
    clade_pad_options beyond = { .size = sizeof beyond };
    bool any = false;
    for (int i = 0; i < layer.axes; i++) {
        int64_t *after = &layer.pad[layer.axes + i], more = layer.output_padding[i];
        const int64_t taken = more < *after ? more : *after, stride = layer.stride[i];
        *after -= taken;
        more -= taken;
        beyond.after[2 + i] = more >= stride ? more - (stride - 1) : 0;
        any |= beyond.after[2 + i] > 0;
        out[i] = stride * (clade_value_dims(layer.x).size[2 + i] - 1) + more - beyond.after[2 + i] +
                 layer.dilation[i] * (layer.kernel[i] - 1) + 1 - layer.pad[i] - *after;
        if (out[i] >= 1) continue;
        return clade_invalid(layer.x.graph, CLADE_ERROR_ARGUMENT,
                             "%s %s of %s: the padding leaves nothing of the result's %s", layer.what, name,
                             clade_type_text(layer.x.graph, clade_value_type(layer.x)), axis_word(&layer, i));
    }
    clade_value y = spread(&layer, name, weight, any ? CLADE_NO_VALUE : bias, out);
    if (!any) return y;
    beyond.x = y;
    return biased(clade_pad_with(&beyond), bias);
}

static bool fits(const clade_conv_layer *layer, const char *name) {
    const clade_type *x = clade_value_type(layer->x);
    for (int i = 0; i < layer->axes; i++) {
        const int64_t size = x->dims.size[2 + i];
        if (clade_conv_layer_pixels(layer, i, size) > 0) continue;
        clade_invalid(layer->x.graph, CLADE_ERROR_ARGUMENT,
                      "%s %s of %s: the kernel's %s of %lld (dilation %lld) does not fit into %lld with padding",
                      layer->what, name, clade_type_text(layer->x.graph, x), axis_word(layer, i),
                      (long long)layer->kernel[i], (long long)layer->dilation[i],
                      (long long)(size + layer->pad[i] + layer->pad[layer->axes + i]));
        return false;
    }
    return true;
}

clade_value clade_conv_layer_convolve(const clade_conv_layer *given, const char *name, clade_value weight,
                                      clade_value bias) {
    clade_conv_layer layer = *given;
    clade_graph *graph = clade_graph_of((clade_value[]){ layer.x, weight }, 2);
    if (!clade_value_valid(layer.x) || !clade_value_valid(weight))
        return clade_invalid(graph, CLADE_ERROR_ARGUMENT, "%s: an input is not a value", layer.what);
    clade_conv_layer_defaults(&layer);
    if (!check(&layer, name, weight)) return clade_invalid(graph, CLADE_ERROR_ARGUMENT, "%s", layer.what);
    memcpy(layer.kernel, clade_value_type(weight)->dims.size + 2, (size_t)layer.axes * sizeof(int64_t));
    if (!clade_conv_layer_pad(&layer, clade_value_type(layer.x)->dims.size + 2) ||
        (!layer.transposed && !fits(&layer, name)))
        return clade_invalid(graph, CLADE_ERROR_ARGUMENT, "%s", layer.what);
    const uint32_t spatial = ((1u << layer.axes) - 1) << 2;
    if (layer.flip) weight = clade_reverse(weight, spatial);
    return (layer.transposed ? convolve_transposed : convolve)(&layer, name, weight, bias);
}

/* ---- the layer ---- */

static bool layer_good(const clade_conv_layer *layer) {
    const clade_type *x = clade_value_type(layer->x);
    bool good = x->dims.rank == layer->axes + 2 && x->dims.size[1] >= 1 && layer->groups >= 1 && layer->filters >= 1;
    for (int i = 0; good && i < layer->axes; i++) {
        good = layer->kernel[i] >= 1;
    }
    return good && x->dims.size[1] % layer->groups == 0 && layer->filters % layer->groups == 0;
}

static clade_value refuse(const clade_conv_layer *layer, const char *name) {
    clade_text kernel = { .context = layer->x.graph->context };
    for (int i = 0; i < layer->axes; i++) {
        clade_text_add(&kernel, "%s%lld", i > 0 ? " x " : "", (long long)layer->kernel[i]);
    }
    clade_value invalid = clade_invalid(layer->x.graph, CLADE_ERROR_ARGUMENT,
                                        "%s %s of %s: expected x (N, C, %s), a kernel and filters of at least 1, C and "
                                        "filters divisible by groups; got "
                                        "%lld filters of %s in %lld groups",
                                        layer->what, name, clade_type_text(layer->x.graph, clade_value_type(layer->x)),
                                        image_words[layer->axes - 1], (long long)layer->filters,
                                        clade_text_get(&kernel), (long long)layer->groups);
    clade_text_free(&kernel);
    return invalid;
}

/* Fan-in and fan-out are those of one filter: a transposed convolution's pixel sums over the channels of its group and
 * those taps, one in STRIDE, that reach it. */
static clade_initializer msra_of(const clade_conv_layer *layer, int64_t channels, int64_t filters) {
    int64_t taps = 1, strides = 1;
    for (int i = 0; i < layer->axes; i++) {
        taps *= layer->kernel[i];
        if (layer->transposed) strides *= layer->stride[i];
    }
    const int64_t fan_in = channels * taps / strides;
    return (clade_initializer){ .kind = CLADE_INITIALIZE_MSRA,
                                .fan_in = fan_in > 0 ? fan_in : 1,
                                .fan_out = filters * taps };
}

clade_value clade_conv_layer_build(const clade_conv_layer *given) {
    clade_conv_layer layer = *given;
    if (!clade_value_valid(layer.x)) return layer.x;
    clade_graph *graph = layer.x.graph;
    clade_conv_layer_defaults(&layer);
    const char *name = clade_graph_unique_name(graph, layer.name, layer.what);
    if (!layer_good(&layer)) return refuse(&layer, name);

    const int64_t channels = clade_value_dims(layer.x).size[1], groups = layer.groups;
    const clade_initializer msra = msra_of(&layer, channels / groups, layer.filters / groups);
    clade_initializer zero = msra;
    zero.kind = CLADE_INITIALIZE_CONSTANT;
    clade_dims dims = { 2 + layer.axes, { layer.filters, channels / groups } };
    if (layer.transposed) dims.size[0] = channels, dims.size[1] = layer.filters / groups;
    memcpy(dims.size + 2, layer.kernel, (size_t)layer.axes * sizeof(int64_t));
    clade_value weight =
        clade_layer_state(graph, name, "weight", dims, CLADE_ROLE_WEIGHT, layer.weight_initializer, msra);
    clade_value bias = CLADE_NO_VALUE;
    if (!layer.no_bias)
        bias = clade_layer_state(graph, name, "bias", clade_shape(layer.filters), CLADE_ROLE_BIAS,
                                 layer.bias_initializer, zero);
    return clade_conv_layer_convolve(&layer, name, weight, bias);
}
