/* 3-D convolution (clade/ops/convolution.h): x (N, C, D, H, W), w (filters, C/groups, T, R, S) -> y (N, filters, O,
 * P, Q).
 *
 * It is put together of the rows over two axes, which bring all that was made for them: frames of T slices of the depth
 * stand side by side as channels, which the weights' dims as (filters, C/groups * T, R, S) say without being moved:
 *   x -> frames (N, O, C, T, H * W) = (N * O, C * T, H, W) -> conv2d -> (N * O, filters, P, Q) -> (N, filters, O, P, Q)
 * That moves T times x and twice y, where columns would be T * R * S times x. A kernel that is 1 along the last two
 * axes or along the first two is one over two axes of x as it lies. The transposed convolution goes the same way
 * back. */
#include "ops/convolution/conv_layer.h"
#include "ops/convolution/convolution.h"
#include "ops/convolution/frames.h"

#include <string.h>

enum { DEPTH, HEIGHT, WIDTH, AXES };

/* Whether the convolution leaves AXIS as it is. */
static bool idle(const clade_conv_layer *layer, int axis) {
    return layer->kernel[axis] == 1 && layer->stride[axis] == 1 && layer->pad[axis] == 0 &&
           layer->pad[AXES + axis] == 0;
}

/* Which axes of three become one of the row's two: the last two, the first two, or none, where frames are needed. */
typedef enum merging { LAST_TWO, FIRST_TWO, NEITHER } merging;

static merging merging_of(const clade_conv_layer *layer) {
    if (idle(layer, HEIGHT) && idle(layer, WIDTH)) return LAST_TWO;
    return idle(layer, DEPTH) && idle(layer, HEIGHT) ? FIRST_TWO : NEITHER;
}

/* (a, b, D, H, W) in the sizes that the merging makes of it. */
static clade_value merge(clade_value x, merging how) {
    const clade_dims dims = clade_value_dims(x);
    const clade_size *s = dims.size;
    if (how == LAST_TWO) return clade_reshape(x, clade_shape(s[0], s[1], s[2], s[3] * s[4]));
    return clade_reshape(x, clade_shape(s[0], s[1], s[2] * s[3], s[4]));
}

/* The row's attributes where the axes FIRST and SECOND of three are its two. */
static clade_conv2d_attributes attributes_of(const clade_conv_layer *layer, int first, int second) {
    const int axes[2] = { first, second };
    clade_conv2d_attributes a = { .groups = layer->groups };
    for (int i = 0; i < 2; i++) {
        a.stride[i] = layer->stride[axes[i]];
        a.dilation[i] = layer->dilation[axes[i]];
        a.pad[i] = layer->pad[axes[i]];
        a.pad[2 + i] = layer->pad[AXES + axes[i]];
    }
    return a;
}

static clade_frames_attributes frames_of(const clade_conv_layer *layer, int64_t size) {
    return (clade_frames_attributes){
        .length = layer->kernel[DEPTH],
        .stride = layer->stride[DEPTH],
        .before = layer->pad[DEPTH],
        .after = layer->pad[AXES],
        .dilation = layer->dilation[DEPTH],
        .size = size,
    };
}

/* Weights (a, b, T, R, S) as (a, b * T, R, S). */
static clade_value weights_of_slices(clade_value weight) {
    const clade_dims dims = clade_value_dims(weight);
    const clade_size *s = dims.size;
    return clade_reshape(weight, clade_shape(s[0], s[1] * s[2], s[3], s[4]));
}

static clade_value append(const clade_op *op, const char *name, const clade_conv2d_attributes *a, clade_value x,
                          clade_value weight, clade_value bias) {
    const clade_value inputs[] = { x, weight };
    const clade_value y = clade_append(x.graph, op, name, a, inputs, 2);
    return clade_value_valid(y) && clade_value_valid(bias) ? clade_bias(y, bias) : y;
}

/* ---- forward ---- */

/* Slices (N * O, K, P, Q) as a volume (N, K, O, P, Q), or its slices from a volume. */
static clade_value slices_to_volume(clade_value slices, clade_size batch, int64_t depth) {
    const clade_dims dims = clade_value_dims(slices);
    const clade_size *s = dims.size;
    if (!clade_value_valid(slices)) return slices;
    return clade_transpose(clade_reshape(slices, clade_shape(batch, depth, s[1], s[2], s[3])), 0, 2, 1, 3, 4);
}

static clade_value volume_to_slices(clade_value volume) {
    clade_value turned = clade_transpose(volume, 0, 2, 1, 3, 4);
    const clade_dims dims = clade_value_dims(turned);
    const clade_size *s = dims.size;
    if (!clade_value_valid(turned)) return turned;
    return clade_reshape(turned, clade_shape(clade_size_multiply(volume.graph, s[0], s[1]), s[2], s[3], s[4]));
}

/* x (N, C, D, H, W) as frames' slices (N * O, C * T, H, W). */
static clade_value frame_slices(const clade_conv_layer *layer) {
    const clade_dims dims = clade_value_dims(layer->x);
    const clade_size *s = dims.size;
    const clade_frames_attributes a = frames_of(layer, s[2]);
    clade_value flat = clade_reshape(layer->x, clade_shape(s[0], s[1], s[2], s[3] * s[4]));
    clade_value frames = clade_append(layer->x.graph, &clade_op_frames, "", &a, &flat, 1);
    if (!clade_value_valid(frames)) return frames;
    const clade_size count = clade_size_multiply(layer->x.graph, s[0], clade_value_dims(frames).size[1]);
    return clade_reshape(frames, clade_shape(count, s[1] * a.length, s[3], s[4]));
}

/* One channel and one filter a group: each slice of a frame is convolved alone, by the rows' depthwise forms, and
 * those of a frame are added. */
static clade_value convolve_channels_alone(const clade_conv_layer *layer, const char *name, clade_value weight) {
    clade_conv2d_attributes a = attributes_of(layer, HEIGHT, WIDTH);
    const clade_dims dims = clade_value_dims(weight);
    const clade_size *s = dims.size;
    a.groups = s[0] * s[2];
    clade_value taps = clade_reshape(weight, clade_shape(s[0] * s[2], 1, s[3], s[4]));
    clade_value y = append(&clade_op_conv2d, name, &a, frame_slices(layer), taps, CLADE_NO_VALUE);
    const clade_dims slices = clade_value_dims(y);
    if (!clade_value_valid(y)) return y;
    y = clade_reshape(y, clade_shape(slices.size[0], s[0], s[2], slices.size[2], slices.size[3]));
    return clade_sum(y, 1u << 2, false);
}

clade_value clade_convolve_volumes(const clade_conv_layer *layer, const char *name, clade_value weight,
                                   clade_value bias) {
    const clade_dims dims = clade_value_dims(layer->x);
    const merging how = merging_of(layer);
    int64_t out[AXES];
    for (int i = 0; i < AXES; i++) {
        out[i] = clade_conv_layer_pixels(layer, i, dims.size[2 + i]);
    }
    if (how == NEITHER) {
        const clade_conv2d_attributes a = attributes_of(layer, HEIGHT, WIDTH);
        const bool alone =
            layer->groups > 1 && layer->groups == dims.size[1] && layer->groups == clade_value_dims(weight).size[0];
        clade_value y;
        if (alone)
            y = convolve_channels_alone(layer, name, weight);
        else
            y = append(&clade_op_conv2d, name, &a, frame_slices(layer), weights_of_slices(weight), bias);
        y = slices_to_volume(y, dims.size[0], out[DEPTH]);
        return alone && clade_value_valid(bias) && clade_value_valid(y) ? clade_bias(y, bias) : y;
    }
    const clade_conv2d_attributes a =
        how == LAST_TWO ? attributes_of(layer, DEPTH, WIDTH) : attributes_of(layer, HEIGHT, WIDTH);
    clade_value y = append(&clade_op_conv2d, name, &a, merge(layer->x, how), merge(weight, how), bias);
    if (!clade_value_valid(y)) return y;
    return clade_reshape(y, clade_shape(dims.size[0], clade_value_dims(y).size[1], out[0], out[1], out[2]));
}

/* ---- transposed ---- */

clade_value clade_convolve_volumes_transposed(const clade_conv_layer *layer, const char *name, clade_value weight,
                                              const int64_t out[CLADE_CONV_AXES]) {
    const clade_dims dims = clade_value_dims(layer->x);
    const clade_size batch = dims.size[0], depth = dims.size[2];
    const int64_t filters = clade_value_dims(weight).size[1] * layer->groups;
    const clade_dims volume = clade_shape(batch, filters, out[0], out[1], out[2]);
    const bool whole = out[HEIGHT] == dims.size[3] && out[WIDTH] == dims.size[4]; /* no output padding there */
    const merging how = whole && merging_of(layer) == LAST_TWO ? LAST_TWO : NEITHER;
    clade_conv2d_attributes a =
        how == LAST_TWO ? attributes_of(layer, DEPTH, WIDTH) : attributes_of(layer, HEIGHT, WIDTH);
    if (how == LAST_TWO) {
        a.image[0] = out[DEPTH];
        a.image[1] = out[HEIGHT] * out[WIDTH];
        clade_value y =
            append(&clade_op_conv2d_data_gradient, name, &a, merge(layer->x, how), merge(weight, how), CLADE_NO_VALUE);
        return clade_value_valid(y) ? clade_reshape(y, volume) : y;
    }
    memcpy(a.image, out + HEIGHT, sizeof a.image);
    clade_value slices = append(&clade_op_conv2d_data_gradient, name, &a, volume_to_slices(layer->x),
                                weights_of_slices(weight), CLADE_NO_VALUE);
    if (!clade_value_valid(slices)) return slices;
    const clade_frames_attributes frames = frames_of(layer, out[DEPTH]);
    clade_value apart =
        clade_reshape(slices, clade_shape(batch, depth, filters, frames.length, out[HEIGHT] * out[WIDTH]));
    clade_value sum = clade_append(layer->x.graph, &clade_op_overlap_add, "", &frames, &apart, 1);
    return clade_value_valid(sum) ? clade_reshape(sum, volume) : sum;
}

/* ---- the builder's calls ---- */

static clade_conv_layer read_options(const clade_conv3d_options *options) {
    clade_conv3d_options given = { 0 };
    if (options != NULL) memcpy(&given, options, options->size < sizeof given ? options->size : sizeof given);
    clade_conv_layer layer = {
        .what = "conv3d",
        .axes = AXES,
        CLADE_CONV_LAYER_FIELDS(given),
        .groups = given.groups,
        .flip = given.flip,
    };
    CLADE_CONV_LAYER_ARRAYS(layer, given);
    return layer;
}

clade_value clade_conv3d_with(const clade_conv3d_options *options) {
    const clade_conv_layer layer = read_options(options);
    return clade_conv_layer_build(&layer);
}

clade_value clade_convolve3d(clade_value x, clade_value weight, const clade_conv3d_options *geometry) {
    clade_conv_layer layer = read_options(geometry);
    layer.x = x;
    return clade_conv_layer_convolve(&layer, "", weight, CLADE_NO_VALUE);
}
