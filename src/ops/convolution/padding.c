/* The padding that a mode stands for (clade_padding), for convolutions and their transposes.
 *
 * A convolution's P = (size + before + after - reach - 1) / stride + 1, reach = dilation * (kernel - 1). A transposed
 * one crops its stride * (size - 1) + output padding + reach + 1 elements by as much. */
#include "ops/convolution/conv_layer.h"

/* ALL cells on the two sides of AXIS, the odd one of them after it or, for a lower mode, before. Less than none:
 * none. */
static void spread(clade_conv_layer *layer, int axis, int64_t all, bool lower) {
    const int64_t cells = all > 0 ? all : 0;
    layer->pad[axis] = lower ? cells - cells / 2 : cells / 2;
    layer->pad[layer->axes + axis] = cells - layer->pad[axis];
}

static void pad_axis(clade_conv_layer *layer, int axis, int64_t size) {
    const int64_t stride = layer->stride[axis], reach = layer->dilation[axis] * (layer->kernel[axis] - 1);
    const bool causal = layer->padding == CLADE_PADDING_CAUSAL && axis == 0;
    const bool lower = layer->padding == CLADE_PADDING_SAME_LOWER;
    int64_t *before = &layer->pad[axis], *after = &layer->pad[layer->axes + axis];
    *before = *after = 0;
    if (layer->padding == CLADE_PADDING_VALID) return;
    if (layer->padding == CLADE_PADDING_FULL) {
        if (!layer->transposed) *before = *after = reach;
        return;
    }
    if (layer->transposed) {
        const int64_t over = reach + 1 - stride + layer->output_padding[axis]; /* what is more than size * stride */
        spread(layer, axis, over, lower);
        if (causal) *before = 0, *after = over > 0 ? over : 0;
        if (over < 0) layer->output_padding[axis] -= over;
        return;
    }
    const int64_t pixels = (size + stride - 1) / stride;
    spread(layer, axis, (pixels - 1) * stride + reach + 1 - size, lower);
    if (causal) *before = reach, *after = 0;
}

bool clade_conv_layer_pad(clade_conv_layer *layer, const clade_size sizes[]) {
    if (layer->padding == CLADE_PADDING_GIVEN) return true;
    bool given = false;
    for (int i = 0; i < 2 * layer->axes; i++) {
        given |= layer->pad[i] != 0;
    }
    if (given || layer->padding < CLADE_PADDING_GIVEN || layer->padding > CLADE_PADDING_CAUSAL) {
        clade_invalid(layer->x.graph, CLADE_ERROR_ARGUMENT, "%s: expected either .pad or a known mode of .padding",
                      layer->what);
        return false;
    }
    for (int i = 0; i < layer->axes; i++) {
        pad_axis(layer, i, sizes[i]);
    }
    return true;
}

int64_t clade_conv_layer_pixels(const clade_conv_layer *layer, int axis, int64_t size) {
    const int64_t room = size + layer->pad[axis] + layer->pad[layer->axes + axis] -
                         layer->dilation[axis] * (layer->kernel[axis] - 1) - 1;
    return room < 0 ? 0 : room / layer->stride[axis] + 1;
}
