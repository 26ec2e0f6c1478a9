/* Pooling operators. See clade/ops.h for what all share. */
#ifndef CLADE_OPERATORS_POOLING_H
#define CLADE_OPERATORS_POOLING_H

#include "clade/graph.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct clade_pool_options {
    size_t size;
    clade_value x;
    int64_t kernel[2];
    int64_t stride[2]; /* default: kernel */
    int64_t pad[4];    /* top, left, bottom, right; smaller than the kernel */
    bool ceil;         /* round the output's size up (Caffe); default down */
    bool exclude_pad;  /* average only: divide by the cells inside x; default by those in x and its padding */
    const char *name;
} clade_pool_options;
/* Maximum over each window; padding never wins; of equals the first in row order gets the gradient.
 * x (N, C, H, W) -> (N, C, P, Q). */
CLADE_API clade_value clade_max_pool_with(const clade_pool_options *options);
#define clade_max_pool(...)                                                                                            \
    clade_max_pool_with(&(clade_pool_options){ .size = sizeof(clade_pool_options), .x = __VA_ARGS__ })
CLADE_API clade_value clade_average_pool_with(const clade_pool_options *options);
#define clade_average_pool(...)                                                                                        \
    clade_average_pool_with(&(clade_pool_options){ .size = sizeof(clade_pool_options), .x = __VA_ARGS__ })
/* The mean of each plane: x (N, C, ...) -> (N, C, 1, ...), as many axes (Lin, Chen and Yan 2013; ONNX's
 * GlobalAveragePool). */
CLADE_API clade_value clade_global_average_pool(clade_value x);

#ifdef __cplusplus
}
#endif
#endif
