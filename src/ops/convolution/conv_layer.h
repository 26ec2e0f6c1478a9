/* Convolution layers over one, two or three axes, transposed or not: what their builders share. The rows over two axes
 * (convolution.h) carry all of them out: one axis is two of which one is of size 1, three are put together of frames of
 * the first (frames.h). */
#ifndef CLADE_OPS_CONV_LAYER_H
#define CLADE_OPS_CONV_LAYER_H

#include "ops/op.h"

#include <string.h>

enum { CLADE_CONV_AXES = 3 };

/* What all options of layers say. Of each array the first AXES entries count; of PAD those before each axis, then those
 * after each. Zeros in STRIDE, DILATION and GROUPS mean 1. */
typedef struct clade_conv_layer {
    const char *what; /* "conv1d" */
    int axes;
    bool transposed;
    clade_value x;
    int64_t filters, kernel[CLADE_CONV_AXES], stride[CLADE_CONV_AXES], pad[2 * CLADE_CONV_AXES];
    int64_t dilation[CLADE_CONV_AXES], output_padding[CLADE_CONV_AXES], groups;
    clade_padding padding;
    bool flip, no_bias;
    clade_initializer weight_initializer, bias_initializer;
    const char *name;
} clade_conv_layer;

/* What options GIVEN of every kind say: fields of a layer, and its arrays, which are numbers in those of one axis. */
#define CLADE_CONV_LAYER_FIELDS(GIVEN)                                                                                 \
    .x = (GIVEN).x, .filters = (GIVEN).filters, .padding = (GIVEN).padding, .no_bias = (GIVEN).no_bias,                \
    .weight_initializer = (GIVEN).weight_initializer, .bias_initializer = (GIVEN).bias_initializer,                    \
    .name = (GIVEN).name
#define CLADE_CONV_LAYER_ARRAYS(LAYER, GIVEN)                                                                          \
    (memcpy((LAYER).kernel, &(GIVEN).kernel, sizeof(GIVEN).kernel),                                                    \
     memcpy((LAYER).stride, &(GIVEN).stride, sizeof(GIVEN).stride),                                                    \
     memcpy((LAYER).pad, &(GIVEN).pad, sizeof(GIVEN).pad),                                                             \
     memcpy((LAYER).dilation, &(GIVEN).dilation, sizeof(GIVEN).dilation))

/* The layer: its states and the convolution. */
clade_value clade_conv_layer_build(const clade_conv_layer *layer);
/* The convolution of layer->x by WEIGHT, whose dims say filters and kernel; BIAS is an invalid value for none. */
clade_value clade_conv_layer_convolve(const clade_conv_layer *layer, const char *name, clade_value weight,
                                      clade_value bias);

/* Fills in the defaults of stride, dilation and groups. */
void clade_conv_layer_defaults(clade_conv_layer *layer);
/* Sets layer->pad, for the kernel there is and an image of SIZES, to what layer->padding asks for; false, with the
 * graph's fault, where .pad is given too. */
bool clade_conv_layer_pad(clade_conv_layer *layer, const clade_size sizes[]);
/* Pixels along AXIS of SIZE; 0 or less where the kernel does not fit. */
int64_t clade_conv_layer_pixels(const clade_conv_layer *layer, int axis, int64_t size);

/* ---- over three axes (conv3d.c): geometry resolved, dims checked; OUT: the sizes of a transposed one's y ---- */

clade_value clade_convolve_volumes(const clade_conv_layer *layer, const char *name, clade_value weight,
                                   clade_value bias);
clade_value clade_convolve_volumes_transposed(const clade_conv_layer *layer, const char *name, clade_value weight,
                                              const int64_t out[CLADE_CONV_AXES]);

#endif
