/* ONNX's operators of layers: convolutions, products, pooling, normalisation, softmax. */
#include "formats/onnx_import.h"

#include <string.h>

/* ---- geometry shared by convolution and pooling ---- */

/* The spatial attributes over AXES axes. False after refusing. */
typedef struct geometry {
    int64_t kernel[3], stride[3], pad[6], dilation[3];
    int axes;
    char automatic[64]; /* "NOTSET", "VALID", "SAME_UPPER", "SAME_LOWER" */
} geometry;

static bool read_geometry(clade_onnx_node *node, int axes, geometry *g) {
    *g = (geometry){ .axes = axes, .stride = { 1, 1, 1 }, .dilation = { 1, 1, 1 } };
    if (axes < 1 || axes > 3) return clade_onnx_refuse(node, "over %d axes; 1 to 3 are supported", axes);
    const int kernel = clade_onnx_ints(node, "kernel_shape", g->kernel, 3);
    const int stride = clade_onnx_ints(node, "strides", g->stride, 3);
    const int pad = clade_onnx_ints(node, "pads", g->pad, 6);
    const int dilation = clade_onnx_ints(node, "dilations", g->dilation, 3);
    clade_onnx_text(node, "auto_pad", "NOTSET", g->automatic);
    if ((kernel != 0 && kernel != axes) || (stride != 0 && stride != axes) || (pad != 0 && pad != 2 * axes) ||
        (dilation != 0 && dilation != axes))
        return clade_onnx_refuse(node, "its kernel_shape, strides, pads and dilations do not fit %d axes", axes);
    return true;
}

/* ---- convolution ---- */

static bool translate_conv(clade_onnx_node *node) {
    const clade_value x = clade_onnx_in(node, 0), w = clade_onnx_in(node, 1);
    const clade_dims dims = clade_value_dims(w);
    geometry g;
    if (!read_geometry(node, dims.rank - 2, &g)) return false;
    if (g.axes != 2) return clade_onnx_refuse(node, "over %d axes", g.axes);
    if (strcmp(g.automatic, "NOTSET") != 0 && strcmp(g.automatic, "VALID") != 0)
        return clade_onnx_refuse(node, "auto_pad %s", g.automatic);
    const clade_conv2d_options options = { .size = sizeof options,
                                           .stride = { g.stride[0], g.stride[1] },
                                           .pad = { g.pad[0], g.pad[1], g.pad[2], g.pad[3] },
                                           .dilation = { g.dilation[0], g.dilation[1] },
                                           .groups = clade_onnx_int(node, "group", 1) };
    clade_value y = clade_convolve2d(x, w, &options);
    if (clade_onnx_has(node, 2)) y = clade_bias(y, clade_onnx_in(node, 2));
    clade_onnx_out(node, 0, y, clade_onnx_type(node, 0));
    return true;
}

/* ---- products ---- */

static bool translate_gemm(clade_onnx_node *node) {
    const clade_value a = clade_onnx_in(node, 0), b = clade_onnx_in(node, 1);
    clade_value y = clade_matmul(a, b, clade_onnx_int(node, "transA", 0) != 0, clade_onnx_int(node, "transB", 0) != 0);
    const double alpha = clade_onnx_float(node, "alpha", 1), beta = clade_onnx_float(node, "beta", 1);
    if (alpha != 1) y = clade_scale(y, alpha);
    if (clade_onnx_has(node, 2)) {
        clade_value c = clade_onnx_in(node, 2);
        y = clade_add(y, beta != 1 ? clade_scale(c, beta) : c);
    }
    clade_onnx_out(node, 0, y, clade_onnx_type(node, 0));
    return true;
}

const clade_onnx_translator clade_onnx_layers[] = {
    { "Conv", translate_conv, 0 },
    { "Gemm", translate_gemm, 0 },
    { NULL, NULL, 0 },
};
