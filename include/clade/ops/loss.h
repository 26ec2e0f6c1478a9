/* Losses and measures. See clade/ops.h for what all share. */
#ifndef CLADE_OPERATORS_LOSS_H
#define CLADE_OPERATORS_LOSS_H

#include "clade/graph.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- losses over classes ---- */

/* Mean of -log softmax(logits)[target], over N and the pixels. logits (N, C, ...); the target is a class number for
 * each, int32 (N, ...) in 0 .. C-1; or the shares of all classes (one-hot or dense), float32 as the logits, with the
 * loss -sum over c of target[c] * log softmax(logits)[c]. A number out of range adds nothing to loss and gradient. */
CLADE_API clade_value clade_softmax_cross_entropy(clade_value logits, clade_value target);
/* Mean over N and the pixels of -log_probability[label]; log_probability (N, C, ...) as of clade_log_softmax, label
 * int32 (N, ...). */
CLADE_API clade_value clade_negative_log_likelihood(clade_value log_probability, clade_value label);

/* What becomes of the losses of the single pixels. The mean over class numbers is over the weights of those that count:
 * sum of losses / sum of weight[target], 0 where none counts; over shares it is over N and the pixels. */
typedef enum clade_loss_reduction {
    CLADE_LOSS_MEAN, /* a scalar */
    CLADE_LOSS_SUM,  /* a scalar */
    CLADE_LOSS_NONE, /* (N, ...) */
} clade_loss_reduction;

/* The same with all that ONNX's SoftmaxCrossEntropyLoss and NegativeLogLikelihoodLoss have: of each pixel
 *   loss = sum over c of -weight[c] * t[c] * log softmax(x)[c],   t = (1 - smoothing) * target + smoothing / C
 * (smoothing: Szegedy et al. 2016), and -weight[target] * x[target], where x is log-probabilities already. */
typedef struct clade_class_loss_options {
    size_t size;
    clade_value x;      /* (N, C, ...) */
    clade_value target; /* class numbers int32 (N, ...), or shares float32 as x */
    clade_value weight; /* (C); default 1 for each class */
    bool ignores;       /* the class number IGNORE does not count; no shares then */
    int64_t ignore;
    double smoothing; /* 0 to 1, of the cross-entropy; default 0 */
    clade_loss_reduction reduction;
} clade_class_loss_options;
CLADE_API clade_value clade_softmax_cross_entropy_loss_with(const clade_class_loss_options *options);
#define clade_softmax_cross_entropy_loss(...)                                                                          \
    clade_softmax_cross_entropy_loss_with(                                                                             \
        &(clade_class_loss_options){ .size = sizeof(clade_class_loss_options), .x = __VA_ARGS__ })
CLADE_API clade_value clade_negative_log_likelihood_loss_with(const clade_class_loss_options *options);
#define clade_negative_log_likelihood_loss(...)                                                                        \
    clade_negative_log_likelihood_loss_with(                                                                           \
        &(clade_class_loss_options){ .size = sizeof(clade_class_loss_options), .x = __VA_ARGS__ })

/* label (N, ...) int32 -> (N, classes, ...) float32, 1 at the label, else 0. */
CLADE_API clade_value clade_one_hot(clade_value label, int64_t classes);

/* ---- other losses: scalars (rank 0), means over the batch ---- */

/* Mean over N of half the squared distance: 1/(2N) * sum (x - target)^2 (deck 000; Caffe's EuclideanLoss). The same
 * dims. */
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
/* Cosine embedding loss (as PyTorch's) of rows a and b (N, D) with cosine c: mean over N of 1 - c where sign (N)
 * float32 is 1, of max(0, c - margin) where it is -1. */
CLADE_API clade_value clade_cosine_embedding_loss(clade_value a, clade_value b, clade_value sign, double margin);
/* Kullback and Leibler's divergence (1951) of the distribution of log_probability from target, both (N, ...):
 * 1/N * sum of target * (ln target - log_probability); a target of 0 adds 0. */
CLADE_API clade_value clade_kl_divergence_loss(clade_value log_probability, clade_value target);

/* ---- losses on features and pictures ---- */

/* Gram matrices of features x (N, C, H, W) -> (N, C, C): G[n,c,k] = sum over pixels of x[n,c] * x[n,k] / (C H W)
 * (Johnson et al. 2016, equation 3; Gatys et al. 2015 do not divide). */
CLADE_API clade_value clade_gram_matrix(clade_value x);
/* Style: 1/N * sum of (G(x) - target)^2, target the style's Gram matrices (N, C, C), or (1, C, C) for all (Johnson,
 * equation 4; four times Gatys's E of a layer). */
CLADE_API clade_value clade_style_loss(clade_value x, clade_value target);
/* Content: the mean over all elements of (x - target)^2 (Johnson, equation 2). Gatys's, half the sum of squares, is
 * clade_half_squared_loss. */
CLADE_API clade_value clade_content_loss(clade_value x, clade_value target);
/* Total variation of x (N, C, H, W) or (N, C, L): 1/N * sum of |x[i+1] - x[i]|^power over the neighbours along each
 * axis of the pixels, power 1 or 2 (Rudin et al. 1992, without the root; 2 as Johnson's code). */
CLADE_API clade_value clade_total_variation_loss(clade_value x, int power);

/* ---- several losses ---- */

/* weights[0] * values[0] + ...: COUNT values of the same dims, at least 1 (GoogLeNet's auxiliary losses at 0.3). */
CLADE_API clade_value clade_weighted_sum(const clade_value *values, const double *weights, size_t count);

/* ---- measures (no gradient) ---- */

/* The number of pixels of scores (N, C, ...) whose largest class (of equals the first) is at label (N, ...) int32; a
 * scalar. */
CLADE_API clade_value clade_count_correct(clade_value scores, clade_value label);

#ifdef __cplusplus
}
#endif
#endif
