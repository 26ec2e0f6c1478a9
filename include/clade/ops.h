/* The operators: each call adds a node to the graph of its inputs and gives its output. All arrays are row-major; image
 * batches are (N, C, H, W). Wrong arguments yield an invalid value and the graph's sticky fault (clade/graph.h).
 *
 * Calls with options are macros over a function that takes a struct beginning with its size:
 *     y = clade_conv2d(x, .filters = 16, .kernel = { 3, 3 }, .pad = { 1, 1, 1, 1 }, .name = "conv1");
 * Zero always means the default. Layers that own states name them NAME.weight, NAME.bias, ...; without .name they are
 * numbered ("conv2d_1"). */
#ifndef CLADE_OPS_H
#define CLADE_OPS_H

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

/* ---- products with given weights (the layers above build on these) ---- */

/* C = op(A) op(B): op transposes when asked. A (M, K) or transposed (K, M), B (K, N) or (N, K) -> (M, N). */
CLADE_API clade_value clade_matmul(clade_value a, clade_value b, bool transpose_a, bool transpose_b);

/* The convolution above with weights given and no bias; geometry as in clade_conv2d_options (its x, filters, kernel,
 * initialisers and bias are not read: the weights' dims say them). */
CLADE_API clade_value clade_convolve2d(clade_value x, clade_value weight, const clade_conv2d_options *geometry);

/* ---- pooling ---- */

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

/* ---- element by element; binary ones broadcast as numpy does (axes aligned at the right, size 1 repeats) ---- */

CLADE_API clade_value clade_add(clade_value a, clade_value b);
CLADE_API clade_value clade_subtract(clade_value a, clade_value b);
CLADE_API clade_value clade_multiply(clade_value a, clade_value b);
CLADE_API clade_value clade_divide(clade_value a, clade_value b);
CLADE_API clade_value clade_scale(clade_value x, double factor); /* factor * x */
CLADE_API clade_value clade_square_root(clade_value x);
CLADE_API clade_value clade_reciprocal_square_root(clade_value x);
CLADE_API clade_value clade_square(clade_value x);
CLADE_API clade_value clade_negate(clade_value x);
CLADE_API clade_value clade_sigmoid(clade_value x); /* 1 / (1 + e^-x) */
CLADE_API clade_value clade_tanh(clade_value x);
CLADE_API clade_value clade_relu(clade_value x); /* max(x, 0); derivative 0 at 0 */
CLADE_API clade_value clade_step(clade_value x); /* 1 where x >= 0, else 0; derivative 0 */
CLADE_API clade_value clade_exponential(clade_value x);
CLADE_API clade_value clade_logarithm(clade_value x); /* the natural logarithm */
CLADE_API clade_value clade_erf(clade_value x);       /* 2/sqrt(pi) * integral of e^(-t^2), t from 0 to x */
CLADE_API clade_value clade_absolute(clade_value x);  /* derivative 0 at 0 */
CLADE_API clade_value clade_sign(clade_value x);      /* -1, 0 or 1; derivative 0 */
CLADE_API clade_value clade_maximum(clade_value a, clade_value b); /* of equals, the gradient goes to a */
CLADE_API clade_value clade_minimum(clade_value a, clade_value b);
/* Activations. Leaky ReLU (Maas et al. 2013): slope * x where x < 0. ELU (Clevert et al. 2015): alpha (e^x - 1) where
 * x < 0. Softplus: ln(1 + e^x). GELU (Hendrycks and Gimpel 2016): x Phi(x), by erf. PReLU (He et al. 2015): slope * x
 * where x < 0, SLOPE a value that broadcasts to x: (C, 1, 1) for one number a channel. */
CLADE_API clade_value clade_leaky_relu(clade_value x, double slope);
CLADE_API clade_value clade_elu(clade_value x, double alpha);
CLADE_API clade_value clade_softplus(clade_value x);
CLADE_API clade_value clade_gelu(clade_value x);
CLADE_API clade_value clade_prelu(clade_value x, clade_value slope);
/* x + bias along axis 1: x (N, C, ...), bias (C). */
CLADE_API clade_value clade_bias(clade_value x, clade_value bias);

/* Dropout (Srivastava et al. 2014, inverted): each element is 0 with probability RATE, else x / (1 - RATE); identity at
 * inference. The draw is a function of the run's seed, NAME, the step, the sample's index in the epoch and the element's
 * place in its sample. 0 <= RATE < 1. */
CLADE_API clade_value clade_dropout(clade_value x, double rate, const char *name);

/* ---- shape ---- */

CLADE_API clade_value clade_reshape(clade_value x, clade_dims dims); /* one size may be CLADE_REST */
#define CLADE_REST INT64_MIN
CLADE_API clade_value clade_flatten(clade_value x); /* (N, ...) -> (N, product of the rest) */

/* x with VALUE around it and between its elements: along each axis of size X,
 *   y[before + i * step] = x[i], VALUE elsewhere; y's size is before + (X - 1) * step + 1 + after
 * An axis without a fixed size (N) stays as it is. (ONNX's Pad in mode "constant"; its gradient is a slice.) */
typedef struct clade_pad_options {
    size_t size;
    clade_value x;
    int64_t before[CLADE_MAX_RANK], after[CLADE_MAX_RANK]; /* by axis, at least 0 */
    int64_t step[CLADE_MAX_RANK];                          /* by axis, at least 1; default 1 */
    float value;
    const char *name;
} clade_pad_options;
CLADE_API clade_value clade_pad_with(const clade_pad_options *options);
#define clade_pad(...) clade_pad_with(&(clade_pad_options){ .size = sizeof(clade_pad_options), .x = __VA_ARGS__ })

/* A part of x: y[i] = x[begin + i * step] along each axis, up to END, which is left out; at least one element. BEGIN and
 * END count from the axis's end where they are negative; END 0 is the axis's end. An axis without a fixed size (N) stays
 * whole. (ONNX's Slice with positive steps.) */
typedef struct clade_slice_options {
    size_t size;
    clade_value x;
    int64_t begin[CLADE_MAX_RANK], end[CLADE_MAX_RANK]; /* by axis */
    int64_t step[CLADE_MAX_RANK];                       /* by axis, at least 1; default 1 */
    const char *name;
} clade_slice_options;
CLADE_API clade_value clade_slice_with(const clade_slice_options *options);
#define clade_slice(...)                                                                                               \
    clade_slice_with(&(clade_slice_options){ .size = sizeof(clade_slice_options), .x = __VA_ARGS__ })

/* ---- reductions, over the axes whose bits are set in AXES (bit 0: axis 0); kept axes stay, reduced ones become 1 when
 *      KEEP, else vanish. CLADE_ALL_AXES: everything. ---- */
#define CLADE_ALL_AXES UINT32_MAX
CLADE_API clade_value clade_sum(clade_value x, uint32_t axes, bool keep);
CLADE_API clade_value clade_mean(clade_value x, uint32_t axes, bool keep);

/* Softmax over axis 1 of (N, C): e^x_i / sum of e^x_j, computed from x - max x. */
CLADE_API clade_value clade_softmax(clade_value x);
/* log of clade_softmax, computed without it. */
CLADE_API clade_value clade_log_softmax(clade_value x);

/* ---- losses: scalars (rank 0), means over the batch ---- */

/* Mean over N of -log softmax(logits)[label]. logits (N, C), label (N) int32 in 0 .. C-1. A label out of range adds
 * nothing to loss and gradient. */
CLADE_API clade_value clade_softmax_cross_entropy(clade_value logits, clade_value label);
/* Mean over N of -log_probability[label]; log_probability (N, C) as of clade_log_softmax. */
CLADE_API clade_value clade_negative_log_likelihood(clade_value log_probability, clade_value label);
/* Mean over N of half the squared distance: 1/(2N) * sum (x - target)^2 (deck 000; Caffe's EuclideanLoss). The same dims. */
CLADE_API clade_value clade_half_squared_loss(clade_value x, clade_value target);
/* 1/N * sum (x - target)^2: the sum of squares (deck 004). */
CLADE_API clade_value clade_sum_of_squares_loss(clade_value x, clade_value target);
/* Means over all elements: of (x - target)^2; of |x - target|; Huber's (1964), d^2/2 where |d| <= delta, else
 * delta (|d| - delta/2); smooth L1 (Girshick 2015), Huber's over beta. delta, beta > 0. */
CLADE_API clade_value clade_mean_squared_loss(clade_value x, clade_value target);
CLADE_API clade_value clade_absolute_loss(clade_value x, clade_value target);
CLADE_API clade_value clade_huber_loss(clade_value x, clade_value target, double delta);
CLADE_API clade_value clade_smooth_l1_loss(clade_value x, clade_value target, double beta);
/* |position error|^2 + beta |angles error|^2, means over N (Kendall et al. 2015, as deck 004 prints it). */
CLADE_API clade_value clade_pose_loss(clade_value position, clade_value position_target, clade_value angles,
                                      clade_value angles_target, double beta);
/* Mean over all elements of -t ln s(x) - (1-t) ln (1-s(x)), s the sigmoid, target t in [0, 1]. */
CLADE_API clade_value clade_sigmoid_cross_entropy(clade_value logits, clade_value target);
/* Mean over all elements of max(0, 1 - sign * x), sign -1 or 1. */
CLADE_API clade_value clade_hinge_loss(clade_value x, clade_value sign);
/* Focal loss (Lin et al. 2017), mean over all elements: -alpha_t (1 - p_t)^gamma ln p_t, target 0 or 1. */
CLADE_API clade_value clade_focal_loss(clade_value logits, clade_value target, double alpha, double gamma);
/* Multi-class hinge (Weston and Watkins 1999): mean over N of the sum over the other classes j of
 * max(0, 1 + score_j - score_label). scores (N, C), label (N) int32. */
CLADE_API clade_value clade_margin_loss(clade_value scores, clade_value label);
/* Contrastive loss (Hadsell et al. 2006) of the distance d between rows of a and b (N, D):
 * 1/(2N) * sum of same * d^2 + (1 - same) * max(0, margin - d)^2; same (N) float32, 0 or 1. */
CLADE_API clade_value clade_contrastive_loss(clade_value a, clade_value b, clade_value same, double margin);
/* Triplet loss (Schroff et al. 2015): mean over N of max(0, |anchor - positive|^2 - |anchor - negative|^2 + margin). */
CLADE_API clade_value clade_triplet_loss(clade_value anchor, clade_value positive, clade_value negative, double margin);
/* label (N) int32 -> (N, classes) float32, 1 at the label, else 0. */
CLADE_API clade_value clade_one_hot(clade_value label, int64_t classes);

/* ---- measures (no gradient) ---- */

/* The number of rows of scores (N, C) whose largest element (of equals the first) is at label (N) int32; a scalar. */
CLADE_API clade_value clade_count_correct(clade_value scores, clade_value label);

#ifdef __cplusplus
}
#endif
#endif
