/* Operators that normalise. See clade/ops.h for what all share. */
#ifndef CLADE_OPERATORS_NORMALIZATION_H
#define CLADE_OPERATORS_NORMALIZATION_H

#include "clade/graph.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Batch normalisation over N, H, W for each channel (Ioffe and Szegedy 2015):
 *   y = gamma * (x - mean) / sqrt(variance + epsilon) + beta
 * x (N, C) or (N, C, H, W) -> y the same. Training uses the batch's mean and (biased) variance and moves the running
 * ones: running += momentum * (batch - running), with the unbiased variance; inference uses the running ones. */
typedef struct clade_batch_norm_options {
    size_t size;
    clade_value x;
    float epsilon;  /* default 1e-5 */
    float momentum; /* weight of the batch in the running statistics; default 0.1 */
    const char *name;
} clade_batch_norm_options;
CLADE_API clade_value clade_batch_norm_with(const clade_batch_norm_options *options);
#define clade_batch_norm(...)                                                                                          \
    clade_batch_norm_with(&(clade_batch_norm_options){ .size = sizeof(clade_batch_norm_options), .x = __VA_ARGS__ })

/* Local response normalisation across channels (Krizhevsky et al. 2012, section 3.3; ONNX's LRN):
 *   y[n,c,...] = x[n,c,...] * (k + alpha / window * sum over j of x[n,j,...]^2)^-beta,
 *   j from c - (window - 1) / 2 rounded down, WINDOW channels in all, those outside 0 .. C-1 left out
 * x (N, C, ...) -> y the same. */
typedef struct clade_local_response_norm_options {
    size_t size;
    clade_value x;
    int64_t window; /* channels, 1 to 255; default 5 */
    float alpha;    /* default 1e-4; the paper's is alpha / window here */
    float beta;     /* default 0.75 */
    float k;        /* default 1 */
    const char *name;
} clade_local_response_norm_options;
CLADE_API clade_value clade_local_response_norm_with(const clade_local_response_norm_options *options);
#define clade_local_response_norm(...)                                                                                 \
    clade_local_response_norm_with(                                                                                    \
        &(clade_local_response_norm_options){ .size = sizeof(clade_local_response_norm_options), .x = __VA_ARGS__ })

#ifdef __cplusplus
}
#endif
#endif
