/* Operators with weights: fully connected layers, convolutions, matrix products. See clade/ops.h for what all share. */
#ifndef CLADE_OPERATORS_CONVOLUTION_H
#define CLADE_OPERATORS_CONVOLUTION_H

#include "clade/graph.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- layers that own weights ---- */

/* Fully connected: y = x W^T + b. x (N, ...) is flattened to (N, in); W (units, in), b (units) -> y (N, units). */
typedef struct clade_dense_options {
    size_t size;
    clade_value x;
    int64_t units; /* at least 1 */
    bool no_bias;
    clade_initializer weight_initializer, bias_initializer;
    const char *name;
} clade_dense_options;
CLADE_API clade_value clade_dense_with(const clade_dense_options *options);
#define clade_dense(...)                                                                                               \
    clade_dense_with(&(clade_dense_options){ .size = sizeof(clade_dense_options), .x = __VA_ARGS__ })

/* ---- convolutions ----
 *
 * As networks mean it a convolution is a correlation; with .flip it is a true one: the kernel turned round along every
 * axis. Over one, two or three axes:
 *   y[n,k,p...] = b[k] + sum over c,r... of x[n,c, p*stride - pad + r*dilation ...] * w[k,c,r...]
 * x (N, C, sizes), w (filters, C/groups, kernel), b (filters) -> y (N, filters, pixels); along each axis there are
 *   P = (size + pad before + pad after - dilation*(kernel-1) - 1) / stride + 1 rounded down
 * pixels. Outside x is 0. (ONNX's Conv.) */

/* How much padding, where .pad does not say it. */
typedef enum clade_padding {
    CLADE_PADDING_GIVEN, /* .pad says it */
    CLADE_PADDING_VALID, /* none: only where the kernel lies whole in x */
    CLADE_PADDING_SAME,  /* P = size / stride rounded up; an odd one has more after (ONNX's SAME_UPPER, TensorFlow) */
    CLADE_PADDING_SAME_LOWER, /* the same with more before */
    CLADE_PADDING_FULL,       /* wherever the kernel touches x: dilation*(kernel-1) on both sides */
    CLADE_PADDING_CAUSAL, /* dilation*(kernel-1) before the first axis, which is time, so that no output sees what comes
                           * later (van den Oord et al. 2016); the others as SAME */
} clade_padding;

/* x (N, C, L), w (filters, C/groups, kernel) -> y (N, filters, P). */
typedef struct clade_conv1d_options {
    size_t size;
    clade_value x;
    int64_t filters;  /* at least 1; divisible by groups */
    int64_t kernel;   /* at least 1 */
    int64_t stride;   /* default 1 */
    int64_t pad[2];   /* before, after; default 0 */
    int64_t dilation; /* default 1 */
    int64_t groups;   /* default 1 */
    clade_padding padding;
    bool flip;
    bool no_bias;
    clade_initializer weight_initializer, bias_initializer;
    const char *name;
} clade_conv1d_options;
CLADE_API clade_value clade_conv1d_with(const clade_conv1d_options *options);
#define clade_conv1d(...)                                                                                              \
    clade_conv1d_with(&(clade_conv1d_options){ .size = sizeof(clade_conv1d_options), .x = __VA_ARGS__ })

/* x (N, C, H, W), w (filters, C/groups, kernel height, width) -> y (N, filters, P, Q). */
typedef struct clade_conv2d_options {
    size_t size;
    clade_value x;
    int64_t filters;     /* at least 1; divisible by groups */
    int64_t kernel[2];   /* height, width; at least 1 */
    int64_t stride[2];   /* default 1, 1 */
    int64_t pad[4];      /* top, left, bottom, right; default 0 */
    int64_t dilation[2]; /* default 1, 1 */
    int64_t groups;      /* default 1; C for a depthwise convolution with one filter per channel */
    bool no_bias;
    clade_initializer weight_initializer, bias_initializer;
    const char *name;
    clade_padding padding;
    bool flip;
} clade_conv2d_options;
CLADE_API clade_value clade_conv2d_with(const clade_conv2d_options *options);
#define clade_conv2d(...)                                                                                              \
    clade_conv2d_with(&(clade_conv2d_options){ .size = sizeof(clade_conv2d_options), .x = __VA_ARGS__ })

/* x (N, C, D, H, W), w (filters, C/groups, kernel depth, height, width) -> y (N, filters, O, P, Q). */
typedef struct clade_conv3d_options {
    size_t size;
    clade_value x;
    int64_t filters;     /* at least 1; divisible by groups */
    int64_t kernel[3];   /* depth, height, width; at least 1 */
    int64_t stride[3];   /* default 1, 1, 1 */
    int64_t pad[6];      /* front, top, left, back, bottom, right; default 0 */
    int64_t dilation[3]; /* default 1, 1, 1 */
    int64_t groups;      /* default 1 */
    clade_padding padding;
    bool flip;
    bool no_bias;
    clade_initializer weight_initializer, bias_initializer;
    const char *name;
} clade_conv3d_options;
CLADE_API clade_value clade_conv3d_with(const clade_conv3d_options *options);
#define clade_conv3d(...)                                                                                              \
    clade_conv3d_with(&(clade_conv3d_options){ .size = sizeof(clade_conv3d_options), .x = __VA_ARGS__ })

/* Transposed convolution (Zeiler et al. 2010): what carries a convolution's y back to its x. Along each axis every
 * input is spread by the kernel, STRIDE apart:
 *   y[n,k, p*stride - pad + r*dilation ...] += x[n,c,p...] * w[c,k,r...], and b[k] everywhere
 * x (N, C, sizes), w (C, filters/groups, kernel), b (filters) -> y (N, filters, sizes'), along each axis
 *   stride*(size-1) + output_padding + dilation*(kernel-1) + 1 - pad before - pad after.
 * Padding crops. SAME makes size * stride of it, VALID and FULL crop nothing, CAUSAL crops what comes after size *
 * stride of the first axis and is SAME along the others. (ONNX's ConvTranspose.) */
typedef struct clade_conv_transpose1d_options {
    size_t size;
    clade_value x;
    int64_t filters;        /* at least 1; divisible by groups */
    int64_t kernel;         /* at least 1 */
    int64_t stride;         /* default 1 */
    int64_t pad[2];         /* before, after; default 0 */
    int64_t output_padding; /* more elements after; default 0 */
    int64_t dilation;       /* default 1 */
    int64_t groups;         /* default 1 */
    clade_padding padding;
    bool no_bias;
    clade_initializer weight_initializer, bias_initializer;
    const char *name;
} clade_conv_transpose1d_options;
CLADE_API clade_value clade_conv_transpose1d_with(const clade_conv_transpose1d_options *options);
#define clade_conv_transpose1d(...)                                                                                    \
    clade_conv_transpose1d_with(                                                                                       \
        &(clade_conv_transpose1d_options){ .size = sizeof(clade_conv_transpose1d_options), .x = __VA_ARGS__ })

typedef struct clade_conv_transpose2d_options {
    size_t size;
    clade_value x;
    int64_t filters;           /* at least 1; divisible by groups */
    int64_t kernel[2];         /* height, width; at least 1 */
    int64_t stride[2];         /* default 1, 1 */
    int64_t pad[4];            /* top, left, bottom, right; default 0 */
    int64_t output_padding[2]; /* more rows at the bottom and columns at the right; default 0 */
    int64_t dilation[2];       /* default 1, 1 */
    int64_t groups;            /* default 1 */
    clade_padding padding;
    bool no_bias;
    clade_initializer weight_initializer, bias_initializer;
    const char *name;
} clade_conv_transpose2d_options;
CLADE_API clade_value clade_conv_transpose2d_with(const clade_conv_transpose2d_options *options);
#define clade_conv_transpose2d(...)                                                                                    \
    clade_conv_transpose2d_with(                                                                                       \
        &(clade_conv_transpose2d_options){ .size = sizeof(clade_conv_transpose2d_options), .x = __VA_ARGS__ })

typedef struct clade_conv_transpose3d_options {
    size_t size;
    clade_value x;
    int64_t filters;           /* at least 1; divisible by groups */
    int64_t kernel[3];         /* depth, height, width; at least 1 */
    int64_t stride[3];         /* default 1, 1, 1 */
    int64_t pad[6];            /* front, top, left, back, bottom, right; default 0 */
    int64_t output_padding[3]; /* more after each axis; default 0 */
    int64_t dilation[3];       /* default 1, 1, 1 */
    int64_t groups;            /* default 1 */
    clade_padding padding;
    bool no_bias;
    clade_initializer weight_initializer, bias_initializer;
    const char *name;
} clade_conv_transpose3d_options;
CLADE_API clade_value clade_conv_transpose3d_with(const clade_conv_transpose3d_options *options);
#define clade_conv_transpose3d(...)                                                                                    \
    clade_conv_transpose3d_with(                                                                                       \
        &(clade_conv_transpose3d_options){ .size = sizeof(clade_conv_transpose3d_options), .x = __VA_ARGS__ })

/* Locally connected: a 2-D convolution without sharing, every output pixel with a kernel of its own (LeCun 1989;
 * Taigman et al. 2014):
 *   y[n,k,p,q] = b[k,p,q] + sum over c,r,s of x[n,c, p*stride_h - pad_top + r*dilation_h, ...]
 *                * w[p*Q+q, c*R*S+r*S+s, k]
 * x (N, C, H, W), w (P*Q, C*R*S, filters), b (filters, P, Q) -> y (N, filters, P, Q). */
typedef struct clade_locally_connected2d_options {
    size_t size;
    clade_value x;
    int64_t filters;     /* at least 1 */
    int64_t kernel[2];   /* height, width; at least 1 */
    int64_t stride[2];   /* default 1, 1 */
    int64_t pad[4];      /* top, left, bottom, right; default 0 */
    int64_t dilation[2]; /* default 1, 1 */
    clade_padding padding;
    bool no_bias;
    clade_initializer weight_initializer, bias_initializer;
    const char *name;
} clade_locally_connected2d_options;
CLADE_API clade_value clade_locally_connected2d_with(const clade_locally_connected2d_options *options);
#define clade_locally_connected2d(...)                                                                                 \
    clade_locally_connected2d_with(                                                                                    \
        &(clade_locally_connected2d_options){ .size = sizeof(clade_locally_connected2d_options), .x = __VA_ARGS__ })

/* ---- products with given weights (the layers above build on these) ---- */

/* C = op(A) op(B): op transposes when asked. A (M, K) or transposed (K, M), B (K, N) or (N, K) -> (M, N). */
CLADE_API clade_value clade_matmul(clade_value a, clade_value b, bool transpose_a, bool transpose_b);

/* The matrix product over the last two axes, those before broadcast as numpy's matmul does: A (..., M, K) or (..., K,
 * M), B (..., K, N) or (..., N, K) -> (..., M, N). A vector B (K) drops the last axis, a vector A (K) the last but one.
 * (ONNX's MatMul.) */
CLADE_API clade_value clade_batched_matmul(clade_value a, clade_value b, bool transpose_a, bool transpose_b);

/* The convolutions above with weights given and no bias; geometry as in the layers' options, of which x, filters,
 * kernel, initialisers and bias are not read: the weights' dims say them. NULL: all defaults. */
CLADE_API clade_value clade_convolve1d(clade_value x, clade_value weight, const clade_conv1d_options *geometry);
CLADE_API clade_value clade_convolve2d(clade_value x, clade_value weight, const clade_conv2d_options *geometry);
CLADE_API clade_value clade_convolve3d(clade_value x, clade_value weight, const clade_conv3d_options *geometry);
CLADE_API clade_value clade_convolve_transpose1d(clade_value x, clade_value weight,
                                                 const clade_conv_transpose1d_options *geometry);
CLADE_API clade_value clade_convolve_transpose2d(clade_value x, clade_value weight,
                                                 const clade_conv_transpose2d_options *geometry);
CLADE_API clade_value clade_convolve_transpose3d(clade_value x, clade_value weight,
                                                 const clade_conv_transpose3d_options *geometry);
/* The kernel's sizes must be in the geometry here: the weights (P*Q, C*R*S, filters) do not tell R from S. */
CLADE_API clade_value clade_convolve_locally2d(clade_value x, clade_value weight,
                                               const clade_locally_connected2d_options *geometry);

/* ---- what lies under a kernel, as columns (im2col), and back ---- */

/* Unfold: x (N, C, sizes) over one to three axes -> columns (N, C * taps, pixels), taps and pixels in row order:
 *   columns[n, c*taps + r, p] = x[n,c, p*stride - pad + r*dilation ...], 0 outside x.
 * Fold sums columns back into x (N, C, .image): x[n,c,d] = the sum of all that unfold would read from there. Each is
 * the other's gradient. (ONNX's Col2Im is fold.) */
typedef struct clade_unfold_options {
    size_t size;
    clade_value x;       /* fold: the columns */
    int64_t kernel[3];   /* at least 1 for each axis */
    int64_t stride[3];   /* default 1 */
    int64_t pad[6];      /* before each axis, then after each; default 0 */
    int64_t dilation[3]; /* default 1 */
    int64_t image[3];    /* fold only: the sizes of x; as many as there are axes */
    const char *name;
} clade_unfold_options;
CLADE_API clade_value clade_unfold_with(const clade_unfold_options *options);
#define clade_unfold(...)                                                                                              \
    clade_unfold_with(&(clade_unfold_options){ .size = sizeof(clade_unfold_options), .x = __VA_ARGS__ })
CLADE_API clade_value clade_fold_with(const clade_unfold_options *options);
#define clade_fold(...)                                                                                                \
    clade_fold_with(&(clade_unfold_options){ .size = sizeof(clade_unfold_options), .x = __VA_ARGS__ })

#ifdef __cplusplus
}
#endif
#endif
