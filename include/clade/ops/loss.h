/* Losses and measures. See clade/ops.h for what all share. */
#ifndef CLADE_OPERATORS_LOSS_H
#define CLADE_OPERATORS_LOSS_H

#include "clade/graph.h"

#ifdef __cplusplus
extern "C" {
#endif

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
