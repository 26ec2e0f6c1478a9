/* Losses composed of point-wise rows and sums, which fuse. Formulas and sources are at the declarations. */
#include "ops/op.h"

#include <math.h>

/* Whether all VALUES have the dims of the first; else the graph's fault says so for WHAT. */
static bool alike(const char *what, const clade_value *values, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (!clade_value_valid(values[i])) return false;
        const clade_type *first = clade_value_type(values[0]), *type = clade_value_type(values[i]);
        if (type->dims.rank >= 1 && clade_dims_equal(&first->dims, &type->dims)) continue;
        clade_invalid(values[0].graph, CLADE_ERROR_ARGUMENT, "%s of %s and %s: expected the same dims, (N, ...)", what,
                      clade_type_text(values[0].graph, first), clade_type_text(values[0].graph, type));
        return false;
    }
    return true;
}

static clade_value mean_of(clade_value x) {
    return clade_mean(x, CLADE_ALL_AXES, false);
}

static clade_value per_sample(clade_value sum, clade_value like) {
    return clade_scale_per(sum, 1, clade_value_dims(like).size[0]);
}

static clade_value total(clade_value x) {
    return clade_sum(x, CLADE_ALL_AXES, false);
}

/* ---- regression ---- */

clade_value clade_half_squared_loss(clade_value x, clade_value target) {
    if (!alike("half_squared_loss", (clade_value[]){ x, target }, 2)) return CLADE_NO_VALUE;
    return clade_scale(per_sample(total(clade_square(clade_subtract(x, target))), x), 0.5);
}

clade_value clade_sum_of_squares_loss(clade_value x, clade_value target) {
    return clade_scale(clade_half_squared_loss(x, target), 2);
}

clade_value clade_mean_squared_loss(clade_value x, clade_value target) {
    if (!alike("mean_squared_loss", (clade_value[]){ x, target }, 2)) return CLADE_NO_VALUE;
    return mean_of(clade_square(clade_subtract(x, target)));
}

clade_value clade_absolute_loss(clade_value x, clade_value target) {
    if (!alike("absolute_loss", (clade_value[]){ x, target }, 2)) return CLADE_NO_VALUE;
    return mean_of(clade_absolute(clade_subtract(x, target)));
}

/* With a = |x - target| and q = min(a, delta): q^2/2 + delta (a - q). */
clade_value clade_huber_loss(clade_value x, clade_value target, double delta) {
    if (!alike("huber_loss", (clade_value[]){ x, target }, 2)) return CLADE_NO_VALUE;
    if (!(delta > 0)) return clade_invalid(x.graph, CLADE_ERROR_ARGUMENT, "huber_loss: delta %g is not above 0", delta);
    clade_value a = clade_absolute(clade_subtract(x, target));
    clade_value above = clade_relu(clade_offset(a, -delta)), q = clade_subtract(a, above);
    return mean_of(clade_add(clade_scale(clade_square(q), 0.5), clade_scale(above, delta)));
}

clade_value clade_smooth_l1_loss(clade_value x, clade_value target, double beta) {
    return clade_scale(clade_huber_loss(x, target, beta), 1 / beta);
}

clade_value clade_pose_loss(clade_value position, clade_value position_target, clade_value angles,
                            clade_value angles_target, double beta) {
    clade_value by_position = clade_sum_of_squares_loss(position, position_target);
    return clade_add(by_position, clade_scale(clade_sum_of_squares_loss(angles, angles_target), beta));
}

/* ---- two classes ---- */

/* -t ln s(x) - (1 - t) ln (1 - s(x)) = ln(1 + e^x) - t x. */
clade_value clade_sigmoid_cross_entropy(clade_value logits, clade_value target) {
    if (!alike("sigmoid_cross_entropy", (clade_value[]){ logits, target }, 2)) return CLADE_NO_VALUE;
    return mean_of(clade_subtract(clade_softplus(logits), clade_multiply(target, logits)));
}

clade_value clade_hinge_loss(clade_value x, clade_value sign) {
    if (!alike("hinge_loss", (clade_value[]){ x, sign }, 2)) return CLADE_NO_VALUE;
    return mean_of(clade_relu(clade_offset(clade_negate(clade_multiply(x, sign)), 1)));
}

/* With z = x for the class and -x for the rest, p_t = s(z): ln(1 - p_t) = -softplus(z), -ln p_t = softplus(-z); the
 * weight alpha_t = alpha t + (1 - alpha)(1 - t). */
clade_value clade_focal_loss(clade_value logits, clade_value target, double alpha, double gamma) {
    if (!alike("focal_loss", (clade_value[]){ logits, target }, 2)) return CLADE_NO_VALUE;
    clade_value z = clade_multiply(logits, clade_offset(clade_scale(target, 2), -1));
    clade_value damping = clade_exponential(clade_scale(clade_softplus(z), -gamma));
    clade_value weight = clade_offset(clade_scale(target, 2 * alpha - 1), 1 - alpha);
    return mean_of(clade_multiply(clade_multiply(weight, damping), clade_softplus(clade_negate(z))));
}

/* ---- several classes ---- */

/* The class's own term would be max(0, 1 + 0): its 1 is taken away by the one-hot label. */
clade_value clade_margin_loss(clade_value scores, clade_value label) {
    if (!clade_value_valid(scores) || clade_value_dims(scores).rank != 2)
        return clade_invalid(scores.graph, CLADE_ERROR_ARGUMENT, "margin_loss: expected scores (N, C)");
    clade_value hot = clade_one_hot(label, clade_value_dims(scores).size[1]);
    clade_value own = clade_sum(clade_multiply(hot, scores), 1u << 1, true);
    clade_value excess = clade_relu(clade_offset(clade_subtract(clade_subtract(scores, own), hot), 1));
    return per_sample(total(excess), scores);
}

/* ---- distances between embeddings ---- */

/* The squared distance of each pair of rows: (N). */
static clade_value squared_distance(clade_value a, clade_value b) {
    return clade_sum(clade_square(clade_subtract(a, b)), 1u << 1, false);
}

/* The root's slope at 0 is kept finite. */
clade_value clade_contrastive_loss(clade_value a, clade_value b, clade_value same, double margin) {
    static const double little = 1e-12;
    if (!alike("contrastive_loss", (clade_value[]){ a, b }, 2)) return CLADE_NO_VALUE;
    clade_value squared = squared_distance(a, b), distance = clade_square_root(clade_offset(squared, little));
    clade_value gap = clade_square(clade_relu(clade_offset(clade_negate(distance), margin)));
    clade_value other = clade_offset(clade_negate(same), 1);
    return clade_scale(per_sample(total(clade_add(clade_multiply(same, squared), clade_multiply(other, gap))), a), 0.5);
}

clade_value clade_triplet_loss(clade_value anchor, clade_value positive, clade_value negative, double margin) {
    if (!alike("triplet_loss", (clade_value[]){ anchor, positive, negative }, 3)) return CLADE_NO_VALUE;
    clade_value excess = clade_subtract(squared_distance(anchor, positive), squared_distance(anchor, negative));
    return mean_of(clade_relu(clade_offset(excess, margin)));
}

/* With t = (1 + sign) / 2: t (1 - c) + (1 - t) max(0, c - margin). */
clade_value clade_cosine_embedding_loss(clade_value a, clade_value b, clade_value sign, double margin) {
    static const double little = 1e-12;
    if (!alike("cosine_embedding_loss", (clade_value[]){ a, b }, 2)) return CLADE_NO_VALUE;
    if (clade_value_dims(a).rank != 2)
        return clade_invalid(a.graph, CLADE_ERROR_ARGUMENT, "cosine_embedding_loss: expected rows (N, D)");
    clade_value lengths = clade_multiply(clade_offset(clade_sum(clade_square(a), 1u << 1, false), little),
                                         clade_offset(clade_sum(clade_square(b), 1u << 1, false), little));
    clade_value cosine =
        clade_multiply(clade_sum(clade_multiply(a, b), 1u << 1, false), clade_reciprocal_square_root(lengths));
    clade_value same = clade_offset(clade_scale(sign, 0.5), 0.5), other = clade_offset(clade_negate(same), 1);
    clade_value far = clade_multiply(other, clade_relu(clade_offset(cosine, -margin)));
    return mean_of(clade_add(clade_multiply(same, clade_offset(clade_negate(cosine), 1)), far));
}

/* ---- distributions ---- */

/* A target of 0 adds 0: its logarithm is taken of a little more. */
clade_value clade_kl_divergence_loss(clade_value log_probability, clade_value target) {
    static const float little = 1e-37F;
    if (!alike("kl_divergence_loss", (clade_value[]){ log_probability, target }, 2)) return CLADE_NO_VALUE;
    clade_value least = clade_constant(target.graph, CLADE_SCALAR, little);
    clade_value difference = clade_subtract(clade_logarithm(clade_maximum(target, least)), log_probability);
    return per_sample(total(clade_multiply(target, difference)), target);
}

/* ---- several losses ---- */

clade_value clade_weighted_sum(const clade_value *values, const double *weights, size_t count) {
    clade_graph *graph = clade_graph_of(values, count);
    if (graph == NULL) return CLADE_NO_VALUE;
    clade_value sum = CLADE_NO_VALUE;
    for (size_t i = 0; i < count; i++) {
        if (!clade_value_valid(values[i])) return CLADE_NO_VALUE;
        if (!clade_dims_equal(&clade_value_type(values[0])->dims, &clade_value_type(values[i])->dims))
            return clade_invalid(graph, CLADE_ERROR_ARGUMENT, "weighted_sum of %s and %s: expected the same dims",
                                 clade_type_text(graph, clade_value_type(values[0])),
                                 clade_type_text(graph, clade_value_type(values[i])));
        clade_value part = clade_scale(values[i], weights[i]);
        sum = i == 0 ? part : clade_add(sum, part);
    }
    return sum;
}
