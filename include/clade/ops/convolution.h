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

/* 2-D convolution as networks mean it (a correlation; no flip):
 *   y[n,k,p,q] = b[k] + sum over c,r,s of x[n,c, p*stride_h - pad_top + r*dilation_h, q*stride_w - pad_left + s*dilation_w]
 *                * w[k,c,r,s]
 * x (N, C, H, W), w (filters, C/groups, kernel_h, kernel_w), b (filters) -> y (N, filters, P, Q),
 * P = (H + pad_top + pad_bottom - dilation_h*(kernel_h-1) - 1) / stride_h + 1 rounded down, Q likewise. Outside x is 0. */
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
} clade_conv2d_options;
CLADE_API clade_value clade_conv2d_with(const clade_conv2d_options *options);
#define clade_conv2d(...)                                                                                              \
    clade_conv2d_with(&(clade_conv2d_options){ .size = sizeof(clade_conv2d_options), .x = __VA_ARGS__ })

/* ---- products with given weights (the layers above build on these) ---- */

/* C = op(A) op(B): op transposes when asked. A (M, K) or transposed (K, M), B (K, N) or (N, K) -> (M, N). */
CLADE_API clade_value clade_matmul(clade_value a, clade_value b, bool transpose_a, bool transpose_b);

/* The convolution above with weights given and no bias; geometry as in clade_conv2d_options (its x, filters, kernel,
 * initialisers and bias are not read: the weights' dims say them). */
CLADE_API clade_value clade_convolve2d(clade_value x, clade_value weight, const clade_conv2d_options *geometry);

#ifdef __cplusplus
}
#endif
#endif
