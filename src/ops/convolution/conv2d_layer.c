/* The builder's calls of 2-D convolution (clade/ops/convolution.h); its rows are in conv2d.c. */
#include "ops/convolution/conv_layer.h"

#include <string.h>

static clade_conv_layer read_options(const clade_conv2d_options *options) {
    clade_conv2d_options given = { 0 };
    if (options != NULL) memcpy(&given, options, options->size < sizeof given ? options->size : sizeof given);
    clade_conv_layer layer = {
        .what = "conv2d",
        .axes = 2,
        CLADE_CONV_LAYER_FIELDS(given),
        .groups = given.groups,
        .flip = given.flip,
    };
    CLADE_CONV_LAYER_ARRAYS(layer, given);
    return layer;
}

clade_value clade_conv2d_with(const clade_conv2d_options *options) {
    const clade_conv_layer layer = read_options(options);
    return clade_conv_layer_build(&layer);
}

clade_value clade_convolve2d(clade_value x, clade_value weight, const clade_conv2d_options *geometry) {
    clade_conv_layer layer = read_options(geometry);
    layer.x = x;
    return clade_conv_layer_convolve(&layer, "", weight, CLADE_NO_VALUE);
}
