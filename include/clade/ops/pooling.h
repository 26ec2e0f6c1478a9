/* Pooling operators. See clade/ops.h for what all share. */
#ifndef CLADE_OPERATORS_POOLING_H
#define CLADE_OPERATORS_POOLING_H

#include "clade/graph.h"

#ifdef __cplusplus
extern "C" {
#endif

/* How much padding, where .pad does not say it. */
typedef enum clade_pool_padding {
    CLADE_POOL_AS_GIVEN,   /* .pad says it */
    CLADE_POOL_SAME,       /* size / stride rounded up windows; an odd cell of padding after x (ONNX's SAME_UPPER) */
    CLADE_POOL_SAME_LOWER, /* the same with the odd cell before x */
} clade_pool_padding;

/* A window that slides over the last one, two or three axes of x: (N, C, W), (N, C, H, W) or (N, C, D, H, W), whose
 * sizes must be numbers. Arrays are by axis in that order: kernel { W }, { H, W } or { D, H, W }. */
typedef struct clade_pool_options {
    size_t size;
    clade_value x;
    int64_t kernel[3];
    int64_t stride[3]; /* default: kernel */
    int64_t pad[6];    /* before each axis, then after each: { top, left, bottom, right }; less than a window reaches */
    int64_t dilation[3]; /* from one cell of a window to the next; default 1 */
    clade_pool_padding padding;
    bool ceil;        /* round the output's size up (Caffe); default down */
    bool exclude_pad; /* average only: divide by the cells inside x; default by those in x and its padding */
    int64_t power;    /* lp_pool only; default 2 */
    const char *name;
} clade_pool_options;
/* Maximum over each window; padding never wins; of equals the first in row order gets the gradient. (ONNX's MaxPool.)
 * x (N, C, H, W) -> (N, C, P, Q). */
CLADE_API clade_value clade_max_pool_with(const clade_pool_options *options);
#define clade_max_pool(...)                                                                                            \
    clade_max_pool_with(&(clade_pool_options){ .size = sizeof(clade_pool_options), .x = __VA_ARGS__ })
/* The mean of each window. (ONNX's AveragePool, count_include_pad unless `exclude_pad`.) */
CLADE_API clade_value clade_average_pool_with(const clade_pool_options *options);
#define clade_average_pool(...)                                                                                        \
    clade_average_pool_with(&(clade_pool_options){ .size = sizeof(clade_pool_options), .x = __VA_ARGS__ })
/* The sum of each window. */
CLADE_API clade_value clade_sum_pool_with(const clade_pool_options *options);
#define clade_sum_pool(...)                                                                                            \
    clade_sum_pool_with(&(clade_pool_options){ .size = sizeof(clade_pool_options), .x = __VA_ARGS__ })
/* (the sum of |x|^power over each window)^(1/power), power 1 to 64: with 2 the L2 pooling of deck 002. (ONNX's LpPool.)
 * The gradient of a window of zeros is 0. */
CLADE_API clade_value clade_lp_pool_with(const clade_pool_options *options);
#define clade_lp_pool(...)                                                                                             \
    clade_lp_pool_with(&(clade_pool_options){ .size = sizeof(clade_pool_options), .x = __VA_ARGS__ })

/* Where the maxima of Y were found, Y what clade_max_pool gave over one or two axes: int32 of Y's dims, the winner's
 * offset in its plane (row * W + column, as PyTorch). */
CLADE_API clade_value clade_max_pool_indices(clade_value y);
/* The same counted through the whole of x, as ONNX's second output of MaxPool: offset + plane * cells, for planes of
 * CELLS elements; and back. INDICES (N, C, ...). */
CLADE_API clade_value clade_indices_in_whole(clade_value indices, int64_t cells);
CLADE_API clade_value clade_indices_in_planes(clade_value indices, int64_t cells);

/* Unpooling (Zeiler and Fergus 2014; ONNX's MaxUnpool): y is 0 but at INDICES, each window's place in its plane, where
 * it is x; where windows that overlap share a place their numbers are added. Windows are described as for the pooling
 * that gave the indices; an index outside its window counts as none.
 * x (N, C, P, Q) and indices -> (N, C, H, W), or one axis less. */
typedef struct clade_unpool_options {
    size_t size;
    clade_value x, indices;
    int64_t kernel[2];
    int64_t stride[2];  /* default: kernel */
    int64_t pad[4];     /* before each axis, then after each */
    int64_t extents[2]; /* H and W, or W; default (P - 1) * stride + kernel - pads, and so on */
    const char *name;
} clade_unpool_options;
CLADE_API clade_value clade_max_unpool_with(const clade_unpool_options *options);
#define clade_max_unpool(...)                                                                                          \
    clade_max_unpool_with(&(clade_unpool_options){ .size = sizeof(clade_unpool_options), .x = __VA_ARGS__ })

/* Over the whole of each plane: x (N, C, ...) -> (N, C, 1, ...), as many axes. The mean (Lin, Chen and Yan 2013; ONNX's
 * GlobalAveragePool), the maximum (GlobalMaxPool), (sum of |x|^power)^(1/power) (GlobalLpPool). Of the last two the
 * sizes after C must be numbers. */
CLADE_API clade_value clade_global_average_pool(clade_value x);
CLADE_API clade_value clade_global_max_pool(clade_value x);
CLADE_API clade_value clade_global_lp_pool(clade_value x, int64_t power);

/* Pooling over features: at each pixel over WINDOW neighbouring channels, from each STRIDE-th on. With L2 the complex
 * cells of deck 002 (Hyvarinen and Hoyer 2001), with the maximum maxout (Goodfellow et al. 2013).
 * x (N, C, ...) -> (N, (C - window) / stride + 1, ...); sizes after C must be numbers. */
typedef enum clade_feature_pooling {
    CLADE_POOL_LP, /* the default */
    CLADE_POOL_MAX,
    CLADE_POOL_AVERAGE,
    CLADE_POOL_SUM,
} clade_feature_pooling;
typedef struct clade_feature_pool_options {
    size_t size;
    clade_value x;
    clade_feature_pooling kind;
    int64_t window;
    int64_t stride; /* default: window, so that channels fall into groups */
    int64_t power;  /* of CLADE_POOL_LP; default 2 */
    const char *name;
} clade_feature_pool_options;
CLADE_API clade_value clade_feature_pool_with(const clade_feature_pool_options *options);
#define clade_feature_pool(...)                                                                                        \
    clade_feature_pool_with(                                                                                           \
        &(clade_feature_pool_options){ .size = sizeof(clade_feature_pool_options), .x = __VA_ARGS__ })

#ifdef __cplusplus
}
#endif
#endif
