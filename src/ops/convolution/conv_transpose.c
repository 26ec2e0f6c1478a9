/* Transposed convolutions over one, two and three axes (clade/ops/convolution.h): the data gradient of a convolution
 * whose filters are x's channels, y[n,k] += x[n,c] spread by w[c,k]; their gradients are that convolution's. */
#include "ops/convolution/conv_layer.h"

#include <string.h>

#define READ(COUNT)                                                                                                    \
    static clade_conv_layer read_##COUNT(const clade_conv_transpose##COUNT##d_options *options) {                      \
        clade_conv_transpose##COUNT##d_options given = { 0 };                                                          \
        if (options != NULL) memcpy(&given, options, options->size < sizeof given ? options->size : sizeof given);     \
        clade_conv_layer layer = { CLADE_CONV_LAYER_FIELDS(given), .what = "conv_transpose" #COUNT "d", .axes = COUNT, \
                                   .transposed = true, .groups = given.groups };                                       \
        CLADE_CONV_LAYER_ARRAYS(layer, given);                                                                         \
        memcpy(layer.output_padding, &given.output_padding, sizeof given.output_padding);                              \
        return layer;                                                                                                  \
    }                                                                                                                  \
                                                                                                                       \
    clade_value clade_conv_transpose##COUNT##d_with(const clade_conv_transpose##COUNT##d_options *options) {           \
        const clade_conv_layer layer = read_##COUNT(options);                                                          \
        return clade_conv_layer_build(&layer);                                                                         \
    }                                                                                                                  \
                                                                                                                       \
    clade_value clade_convolve_transpose##COUNT##d(clade_value x, clade_value weight,                                  \
                                                   const clade_conv_transpose##COUNT##d_options *geometry) {           \
        clade_conv_layer layer = read_##COUNT(geometry);                                                               \
        layer.x = x;                                                                                                   \
        return clade_conv_layer_convolve(&layer, "", weight, CLADE_NO_VALUE);                                          \
    }

READ(1)
READ(2)
READ(3)
