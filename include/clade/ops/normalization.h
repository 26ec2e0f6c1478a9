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

/* Normalisation of each sample by its own numbers: y = (x - mean) / sqrt(variance + epsilon) * scale + bias, the
 * variance biased. y as x.
 *   layer_norm     over the last `axes` axes together (Ba et al. 2016; ONNX's LayerNormalization); scale and bias of
 *                  those axes' dims
 *   rms_norm       the same without a mean, the variance being the mean of squares, and without a bias (Zhang and
 *                  Sennrich 2019; RMSNormalization)
 *   instance_norm  x (N, C, ...) over each plane (Ulyanov et al. 2016; InstanceNormalization); scale and bias (C)
 *   group_norm     x (N, C, ...) over C / groups channels together (Wu and He 2018; GroupNormalization); (C)
 * Sizes that are normalised over, and C, must be numbers. Scale and bias are states NAME.weight (from 1) and NAME.bias
 * (from 0), or the values given. The gradient has no gradient of its own. */
typedef struct clade_norm_options {
    size_t size;
    clade_value x;
    int64_t axes;            /* of layer_norm and rms_norm; default 1 */
    int64_t groups;          /* of group_norm; must divide C */
    float epsilon;           /* default 1e-5 */
    bool no_scale, no_bias;  /* 1 and 0 instead */
    clade_value scale, bias; /* in place of the layer's own states */
    const char *name;
} clade_norm_options;
CLADE_API clade_value clade_layer_norm_with(const clade_norm_options *options);
CLADE_API clade_value clade_rms_norm_with(const clade_norm_options *options);
CLADE_API clade_value clade_instance_norm_with(const clade_norm_options *options);
CLADE_API clade_value clade_group_norm_with(const clade_norm_options *options);
#define clade_layer_norm(...)                                                                                          \
    clade_layer_norm_with(&(clade_norm_options){ .size = sizeof(clade_norm_options), .x = __VA_ARGS__ })
#define clade_rms_norm(...)                                                                                            \
    clade_rms_norm_with(&(clade_norm_options){ .size = sizeof(clade_norm_options), .x = __VA_ARGS__ })
#define clade_instance_norm(...)                                                                                       \
    clade_instance_norm_with(&(clade_norm_options){ .size = sizeof(clade_norm_options), .x = __VA_ARGS__ })
#define clade_group_norm(...)                                                                                          \
    clade_group_norm_with(&(clade_norm_options){ .size = sizeof(clade_norm_options), .x = __VA_ARGS__ })

/* x / max(|x|_p, 1e-12) along AXIS (negative: from the last), p 1 or 2. (ONNX's LpNormalization.) */
CLADE_API clade_value clade_lp_norm(clade_value x, int64_t axis, int64_t p);
/* (x - mean) / sqrt(variance + 1e-9) over the axes whose bits are set in AXES. (ONNX's MeanVarianceNormalization,
 * which has axes 0, 2 and 3 unless told otherwise.) */
CLADE_API clade_value clade_mean_variance_norm(clade_value x, uint32_t axes);

/* Local contrast normalisation (Jarrett, Kavukcuoglu, Ranzato and LeCun 2009, section 2.1), x (N, C, H, W) -> y as x:
 *   v = x - sum of w x, w a Gaussian window over pixels and all channels that sums to 1     (subtractive)
 *   s = sqrt(sum of w v^2 + epsilon),  y = v / max(c, s), c the mean of s over the sample    (divisive)
 * At the borders w is divided by what of it lies inside. C, H and W must be numbers. */
typedef struct clade_local_contrast_norm_options {
    size_t size;
    clade_value x;
    int64_t window;   /* pixels, odd, at most 31; default 9 */
    float sigma;      /* of the Gaussian; default 0.177 * window */
    bool within;      /* each map by itself; default across features */
    bool subtractive; /* v alone */
    float epsilon;    /* default 1e-8: keeps the slope finite where nothing varies */
} clade_local_contrast_norm_options;
CLADE_API clade_value clade_local_contrast_norm_with(const clade_local_contrast_norm_options *options);
#define clade_local_contrast_norm(...)                                                                                 \
    clade_local_contrast_norm_with(                                                                                    \
        &(clade_local_contrast_norm_options){ .size = sizeof(clade_local_contrast_norm_options), .x = __VA_ARGS__ })

/* Input normalisation (deck 001's "zerocenter"): x less the mean over the training set, of each element of a sample or
 * of each channel, and divided by the deviation where wanted. The numbers are states NAME.input_mean (from 0) and
 * NAME.input_deviation (from 1), which clade_input_norm_fit() (clade/input_norm.h) sets; they are not trained.
 * x (N, C, ...), sizes after N numbers -> y as x. */
typedef struct clade_zero_center_options {
    size_t size;
    clade_value x;
    bool by_channel; /* a mean for each channel; default for each element */
    bool deviation;  /* divide by the deviation too */
    const char *name;
} clade_zero_center_options;
CLADE_API clade_value clade_zero_center_with(const clade_zero_center_options *options);
#define clade_zero_center(...)                                                                                         \
    clade_zero_center_with(&(clade_zero_center_options){ .size = sizeof(clade_zero_center_options), .x = __VA_ARGS__ })

#ifdef __cplusplus
}
#endif
#endif
