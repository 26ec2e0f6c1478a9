/* ONNX's convolutions, products and pooling. */
#include "formats/onnx/import.h"
#include "ops/convolution/conv_layer.h"

/* ---- geometry shared by convolution and pooling ---- */

static bool fits(int count, int axes) {
    return count == 0 || count == axes;
}

/* The spatial attributes over AXES axes; an empty auto_pad is old models' NOTSET. */
static bool read_geometry(clade_onnx_node *node, int axes, clade_conv_layer *g) {
    static const char *const words[] = { "NOTSET", "VALID", "SAME_UPPER", "SAME_LOWER", "", NULL };
    static const clade_padding paddings[] = { CLADE_PADDING_GIVEN, CLADE_PADDING_VALID, CLADE_PADDING_SAME,
                                              CLADE_PADDING_SAME_LOWER, CLADE_PADDING_GIVEN };
    int automatic;
    *g = (clade_conv_layer){ .axes = axes, .stride = { 1, 1, 1 }, .dilation = { 1, 1, 1 } };
    if (axes < 1 || axes > CLADE_CONV_AXES)
        return clade_onnx_refuse(node, "over %d axes; 1 to %d are supported", axes, CLADE_CONV_AXES);
    if (!clade_onnx_word(node, "auto_pad", "NOTSET", words, &automatic)) return false;
    const int kernel = clade_onnx_ints(node, "kernel_shape", g->kernel, CLADE_CONV_AXES);
    const int stride = clade_onnx_ints(node, "strides", g->stride, CLADE_CONV_AXES);
    const int pad = clade_onnx_ints(node, "pads", g->pad, 2 * CLADE_CONV_AXES);
    const int dilation = clade_onnx_ints(node, "dilations", g->dilation, CLADE_CONV_AXES);
    const int output = clade_onnx_ints(node, "output_padding", g->output_padding, CLADE_CONV_AXES);
    if (!fits(kernel, axes) || !fits(stride, axes) || !fits(pad, 2 * axes) || !fits(dilation, axes) ||
        !fits(output, axes))
        return clade_onnx_refuse(node, "its kernel_shape, strides, pads and dilations do not fit %d axes", axes);
    g->padding = paddings[automatic];
    if (g->padding != CLADE_PADDING_GIVEN) memset(g->pad, 0, sizeof g->pad);
    return true;
}

/* ---- convolution ---- */

/* The same for X and the weights W: their groups too. */
static bool read_convolution(clade_onnx_node *node, clade_value x, clade_value w, clade_conv_layer *g) {
    if (!read_geometry(node, clade_value_dims(w).rank - 2, g)) return false;
    g->what = clade_onnx_row(node)->op;
    g->x = x;
    g->groups = clade_onnx_int(node, "group", 1);
    return true;
}

clade_value clade_onnx_convolve(clade_onnx_node *node, clade_value x, clade_value w) {
    clade_conv_layer g;
    return read_convolution(node, x, w, &g) ? clade_conv_layer_convolve(&g, "", w, CLADE_NO_VALUE) : CLADE_NO_VALUE;
}

static bool translate_conv(clade_onnx_node *node) {
    const clade_value w = clade_onnx_in(node, 1);
    clade_conv_layer g;
    if (!read_convolution(node, clade_onnx_in(node, 0), w, &g)) return false;
    return clade_onnx_give(node, clade_conv_layer_convolve(&g, "", w, clade_onnx_in(node, 2)));
}

/* ---- transposed convolution ---- */

/* Where the sizes of the output are given, padding follows from them (half of it on each side, an odd one where auto_pad
 * says, after all else) and what it cannot do is output padding. */
static bool fit_output(clade_onnx_node *node, clade_value w, clade_conv_layer *g) {
    int64_t sizes[CLADE_MAX_RANK];
    const int count = clade_onnx_ints(node, "output_shape", sizes, CLADE_MAX_RANK);
    const clade_dims image = clade_value_dims(g->x), kernel = clade_value_dims(w);
    if (count < 0) return false;
    if (count == 0) return true;
    if (count != g->axes && count != g->axes + 2) return clade_onnx_refuse(node, "output_shape has %d sizes", count);
    for (int i = 0; i < g->axes; i++) {
        const int64_t wanted = sizes[count - g->axes + i];
        if (image.size[2 + i] < 0) return clade_onnx_refuse(node, "a spatial size is open; give the input's dims");
        const int64_t whole = g->stride[i] * (image.size[2 + i] - 1) + g->dilation[i] * (kernel.size[2 + i] - 1) + 1;
        const int64_t pads = whole + g->output_padding[i] - wanted;
        if (pads < 0) {
            g->output_padding[i] -= pads;
            g->pad[i] = g->pad[g->axes + i] = 0;
            continue;
        }
        const int64_t less = pads / 2;
        g->pad[i] = g->padding == CLADE_PADDING_SAME ? less : pads - less;
        g->pad[g->axes + i] = pads - g->pad[i];
    }
    g->padding = CLADE_PADDING_GIVEN;
    return true;
}

static bool translate_conv_transpose(clade_onnx_node *node) {
    const clade_value w = clade_onnx_in(node, 1);
    clade_conv_layer g;
    if (!read_convolution(node, clade_onnx_in(node, 0), w, &g) || !fit_output(node, w, &g)) return false;
    g.transposed = true;
    return clade_onnx_give(node, clade_conv_layer_convolve(&g, "", w, clade_onnx_in(node, 2)));
}

static bool translate_col2im(clade_onnx_node *node) {
    clade_unfold_options options = { .size = sizeof options, .x = clade_onnx_in(node, 0) };
    int image, kernel;
    if (!clade_onnx_whole_numbers(node, 1, options.image, 3, &image) ||
        !clade_onnx_whole_numbers(node, 2, options.kernel, 3, &kernel))
        return false;
    clade_onnx_ints(node, "strides", options.stride, 3);
    clade_onnx_ints(node, "pads", options.pad, 6);
    clade_onnx_ints(node, "dilations", options.dilation, 3);
    return clade_onnx_give(node, clade_fold_with(&options));
}

/* ---- products ---- */

static bool translate_gemm(clade_onnx_node *node) {
    const clade_value a = clade_onnx_real(node, 0), b = clade_onnx_real(node, 1), c = clade_onnx_real(node, 2);
    clade_value y = clade_matmul(a, b, clade_onnx_int(node, "transA", 0) != 0, clade_onnx_int(node, "transB", 0) != 0);
    const double alpha = clade_onnx_float(node, "alpha", 1), beta = clade_onnx_float(node, "beta", 1);
    if (alpha != 1) y = clade_scale(y, alpha);
    if (clade_onnx_has(node, 2)) y = clade_add(y, beta != 1 ? clade_scale(c, beta) : c);
    return clade_onnx_give(node, clade_cast(y, clade_onnx_type_storage(clade_onnx_type(node, 0))));
}

static bool translate_matmul(clade_onnx_node *node) {
    const int type = clade_onnx_type(node, 0);
    const clade_value a = clade_onnx_real(node, 0), b = clade_onnx_real(node, 1);
    const bool plain = clade_value_dims(a).rank == 2 && clade_value_dims(b).rank == 2;
    const clade_value y = plain ? clade_matmul(a, b, false, false) : clade_batched_matmul(a, b, false, false);
    return clade_onnx_give(node, clade_cast(y, clade_onnx_type_storage(type)));
}

/* ---- pooling ---- */

static bool read_pool(clade_onnx_node *node, clade_value x, clade_pool_options *options) {
    clade_conv_layer g;
    if (!read_geometry(node, clade_value_dims(x).rank - 2, &g)) return false;
    if (clade_onnx_int(node, "storage_order", 0) != 0 && node->out_count > 1 && g.axes != 2)
        return clade_onnx_refuse(node, "indices in column order over other than 2 axes");
    *options = (clade_pool_options){ .size = sizeof *options,
                                     .x = x,
                                     .padding = g.padding == CLADE_PADDING_SAME         ? CLADE_POOL_SAME
                                                : g.padding == CLADE_PADDING_SAME_LOWER ? CLADE_POOL_SAME_LOWER
                                                                                        : CLADE_POOL_AS_GIVEN,
                                     .ceil = clade_onnx_int(node, "ceil_mode", 0) != 0,
                                     .exclude_pad = clade_onnx_int(node, "count_include_pad", 0) == 0,
                                     .power = clade_onnx_int(node, "p", 2) };
    memcpy(options->kernel, g.kernel, sizeof options->kernel);
    memcpy(options->stride, g.stride, sizeof options->stride);
    memcpy(options->pad, g.pad, sizeof options->pad);
    memcpy(options->dilation, g.dilation, sizeof options->dilation);
    return true;
}

/* Places in a plane of ROWS x COLUMNS, counted along its columns instead of its rows. */
static clade_value by_columns(clade_onnx_node *node, clade_value places, int64_t rows, int64_t columns) {
    const int type = ONNX__TENSOR_PROTO__DATA_TYPE__INT64;
    const clade_value width = clade_onnx_scalar(node, type, (double)columns);
    const clade_value height = clade_onnx_scalar(node, type, (double)rows);
    const clade_value column = clade_multiply(clade_whole_remainder(places, width), height);
    return clade_add(column, clade_whole_divide(places, width));
}

enum { MAXIMUM, AVERAGE, LP };

static bool translate_pool(clade_onnx_node *node) {
    typedef clade_value pool(const clade_pool_options *options);
    static pool *const pools[] = {
        [MAXIMUM] = clade_max_pool_with, [AVERAGE] = clade_average_pool_with, [LP] = clade_lp_pool_with
    };
    const clade_value x = clade_onnx_real(node, 0);
    const clade_dims dims = clade_value_dims(x);
    clade_pool_options options;
    if (!read_pool(node, x, &options)) return false;
    const clade_value y = pools[clade_onnx_argument(node)](&options);
    if (node->out_count > 1) {
        const clade_size cells = clade_size_product(node->graph, dims.size + 2, dims.rank - 2);
        clade_value places = clade_max_pool_indices(y);
        if (clade_onnx_int(node, "storage_order", 0) != 0)
            places = by_columns(node, places, dims.size[2], dims.size[3]);
        clade_onnx_out(node, 1, clade_indices_in_whole(places, cells), ONNX__TENSOR_PROTO__DATA_TYPE__INT64);
    }
    return clade_onnx_give(node, clade_cast(y, clade_onnx_type_storage(clade_onnx_type(node, 0))));
}

static bool translate_global_pool(clade_onnx_node *node) {
    const clade_value x = clade_onnx_in(node, 0);
    const int64_t kind = clade_onnx_argument(node);
    return clade_onnx_give(node, kind == MAXIMUM   ? clade_global_max_pool(x)
                                 : kind == AVERAGE ? clade_global_average_pool(x)
                                                   : clade_global_lp_pool(x, clade_onnx_int(node, "p", 2)));
}

const clade_onnx_translator clade_onnx_layers[] = {
    { "AveragePool", translate_pool, AVERAGE },
    { "Col2Im", translate_col2im, 0 },
    { "Conv", translate_conv, 0 },
    { "ConvTranspose", translate_conv_transpose, 0 },
    { "Gemm", translate_gemm, 0 },
    { "GlobalAveragePool", translate_global_pool, AVERAGE },
    { "GlobalLpPool", translate_global_pool, LP },
    { "GlobalMaxPool", translate_global_pool, MAXIMUM },
    { "LpPool", translate_pool, LP },
    { "MatMul", translate_matmul, 0 },
    { "MaxPool", translate_pool, MAXIMUM },
    { NULL, NULL, 0 },
};
