/* Locally connected layers (clade/ops/convolution.h): a convolution whose kernel is another for each output pixel,
 *   y[n,k,p] = b[k,p] + sum over c,r of x[n,c, under tap r of pixel p] * w[p, c*taps+r, k].
 * x (N, C, H, W) is unfolded and turned so that pixels are products of a batch:
 *   (N, C * taps, pixels) -> (pixels, N, C * taps) times w (pixels, C * taps, filters) = (pixels, N, filters) -> y
 * Every weight is read once for all images, which bounds it from below; the columns are taps times x. */
#include "ops/convolution/conv_layer.h"

#include <string.h>

enum { AXES = 2 };

static clade_conv_layer read_options(const clade_locally_connected2d_options *options) {
    clade_locally_connected2d_options given = { 0 };
    if (options != NULL) memcpy(&given, options, options->size < sizeof given ? options->size : sizeof given);
    clade_conv_layer layer = {
        .what = "locally_connected2d",
        .axes = AXES,
        CLADE_CONV_LAYER_FIELDS(given),
    };
    CLADE_CONV_LAYER_ARRAYS(layer, given);
    clade_conv_layer_defaults(&layer);
    return layer;
}

/* Resolves the padding and finds the pixels; false, with the graph's fault, where there are none. */
static bool find_pixels(clade_conv_layer *layer, const char *name, int64_t pixels[AXES]) {
    const clade_type *x = clade_value_type(layer->x);
    bool good = x->dtype == CLADE_F32 && x->dims.rank == AXES + 2;
    for (int i = 1; good && i < x->dims.rank; i++) {
        good = x->dims.size[i] >= 1;
    }
    for (int i = 0; i < AXES; i++) {
        good = good && layer->kernel[i] >= 1 && layer->stride[i] >= 1 && layer->dilation[i] >= 1;
        good = good && layer->pad[i] >= 0 && layer->pad[AXES + i] >= 0;
    }
    if (good && !clade_conv_layer_pad(layer, x->dims.size + 2)) return false;
    for (int i = 0; good && i < AXES; i++) {
        pixels[i] = clade_conv_layer_pixels(layer, i, x->dims.size[2 + i]);
        good = pixels[i] > 0;
    }
    if (!good)
        clade_invalid(
            layer->x.graph, CLADE_ERROR_ARGUMENT,
            "locally_connected2d %s of %s: expected x (N, C, H, W) of fixed sizes and a kernel of at least 1 x "
            "1 that fits into it with padding; got %lld x %lld",
            name, clade_type_text(layer->x.graph, x), (long long)layer->kernel[0], (long long)layer->kernel[1]);
    return good;
}

/* The sums for each pixel with WEIGHT (pixels, C * taps, filters), as (N, filters, P, Q). */
static clade_value connect(const clade_conv_layer *layer, clade_value weight, const int64_t pixels[AXES]) {
    const clade_dims x = clade_value_dims(layer->x), w = clade_value_dims(weight);
    clade_unfold_options surroundings = { .size = sizeof surroundings, .x = layer->x };
    memcpy(surroundings.kernel, layer->kernel, sizeof layer->kernel);
    memcpy(surroundings.stride, layer->stride, sizeof layer->stride);
    memcpy(surroundings.pad, layer->pad, sizeof layer->pad);
    memcpy(surroundings.dilation, layer->dilation, sizeof layer->dilation);
    clade_value columns = clade_transpose(clade_unfold_with(&surroundings), 2, 0, 1);
    clade_value sums = clade_transpose(clade_batched_matmul(columns, weight, false, false), 1, 2, 0);
    if (!clade_value_valid(sums)) return sums;
    return clade_reshape(sums, clade_shape(x.size[0], w.size[2], pixels[0], pixels[1]));
}

clade_value clade_locally_connected2d_with(const clade_locally_connected2d_options *options) {
    clade_conv_layer layer = read_options(options);
    int64_t pixels[AXES];
    if (!clade_value_valid(layer.x)) return layer.x;
    clade_graph *graph = layer.x.graph;
    const char *name = clade_graph_unique_name(graph, layer.name, layer.what);
    if (!find_pixels(&layer, name, pixels)) return clade_invalid(graph, CLADE_ERROR_ARGUMENT, "%s", layer.what);
    if (layer.filters < 1)
        return clade_invalid(graph, CLADE_ERROR_ARGUMENT, "locally_connected2d %s: expected at least 1 filter", name);
    const int64_t taps = layer.kernel[0] * layer.kernel[1], depth = clade_value_dims(layer.x).size[1] * taps;
    const clade_initializer msra = { .kind = CLADE_INITIALIZE_MSRA, .fan_in = depth, .fan_out = layer.filters * taps };
    clade_initializer zero = msra;
    zero.kind = CLADE_INITIALIZE_CONSTANT;
    clade_value weight =
        clade_layer_state(graph, name, "weight", clade_shape(pixels[0] * pixels[1], depth, layer.filters),
                          CLADE_ROLE_WEIGHT, layer.weight_initializer, msra);
    clade_value y = connect(&layer, weight, pixels);
    if (layer.no_bias) return y;
    clade_value bias = clade_layer_state(graph, name, "bias", clade_shape(layer.filters, pixels[0], pixels[1]),
                                         CLADE_ROLE_BIAS, layer.bias_initializer, zero);
    return clade_add(y, bias);
}

clade_value clade_convolve_locally2d(clade_value x, clade_value weight,
                                     const clade_locally_connected2d_options *geometry) {
    clade_conv_layer layer = read_options(geometry);
    clade_graph *graph = clade_graph_of((clade_value[]){ x, weight }, 2);
    int64_t pixels[AXES];
    layer.x = x;
    if (!clade_value_valid(x) || !clade_value_valid(weight))
        return clade_invalid(graph, CLADE_ERROR_ARGUMENT, "locally_connected2d: an input is not a value");
    if (!find_pixels(&layer, "", pixels)) return clade_invalid(graph, CLADE_ERROR_ARGUMENT, "%s", layer.what);
    const int64_t depth = clade_value_dims(x).size[1] * layer.kernel[0] * layer.kernel[1];
    const clade_dims w = clade_value_dims(weight);
    if (w.rank != 3 || w.size[0] != pixels[0] * pixels[1] || w.size[1] != depth)
        return clade_invalid(
            graph, CLADE_ERROR_ARGUMENT, "locally_connected2d of %s and %s: expected weights (%lld, %lld, filters)",
            clade_type_text(graph, clade_value_type(x)), clade_type_text(graph, clade_value_type(weight)),
            (long long)(pixels[0] * pixels[1]), (long long)depth);
    return connect(&layer, weight, pixels);
}
