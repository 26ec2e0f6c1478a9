/* Losses over classes with their reductions, and counts: rows of losses.c and labels.c, then sums and means. */
#include "ops/loss/losses.h"

#include <string.h>

static clade_value total(clade_value x) {
    return clade_sum(x, CLADE_ALL_AXES, false);
}

/* The row OP on x, its target and, if there are any, weights. */
static clade_value per_pixel(const clade_op *op, const clade_class_attributes *a, clade_value x, clade_value target,
                             clade_value weight) {
    const clade_value inputs[] = { x, target, weight };
    const bool weighted = clade_value_valid(weight) || weight.graph != NULL;
    return clade_append(clade_graph_of(inputs, 3), op, "", a, inputs, weighted ? 3 : 2);
}

clade_value clade_softmax_cross_entropy(clade_value logits, clade_value target) {
    return clade_mean(per_pixel(&clade_op_softmax_cross_entropy, NULL, logits, target, CLADE_NO_VALUE), CLADE_ALL_AXES,
                      false);
}

clade_value clade_negative_log_likelihood(clade_value log_probability, clade_value label) {
    return clade_mean(per_pixel(&clade_op_negative_log_likelihood, NULL, log_probability, label, CLADE_NO_VALUE),
                      CLADE_ALL_AXES, false);
}

clade_value clade_count_correct(clade_value scores, clade_value label) {
    return total(per_pixel(&clade_op_correct, NULL, scores, label, CLADE_NO_VALUE));
}

/* LOSSES (N, ...) as asked for; a mean of class numbers is over the weights of those that count, 0 where none does. */
static clade_value reduced(const clade_class_loss_options *o, const clade_class_attributes *a, clade_value losses) {
    static const float little = 1e-30F;
    if (!clade_value_valid(losses) || o->reduction == CLADE_LOSS_NONE) return losses;
    if (o->reduction == CLADE_LOSS_SUM) return total(losses);
    if (clade_value_dtype(o->target) == CLADE_F32) return clade_mean(losses, CLADE_ALL_AXES, false);
    clade_value counted = total(clade_label_weights(o->target, o->weight, a));
    return clade_divide(total(losses), clade_maximum(counted, clade_constant(losses.graph, CLADE_SCALAR, little)));
}

static clade_class_loss_options read_options(const clade_class_loss_options *options) {
    clade_class_loss_options given = { 0 };
    memcpy(&given, options, options->size < sizeof given ? options->size : sizeof given);
    return given;
}

/* The classes of x, 0 where it has none. */
static clade_class_attributes attributes_of(const clade_class_loss_options *o) {
    const clade_dims dims = clade_value_valid(o->x) ? clade_value_dims(o->x) : CLADE_SCALAR;
    return (clade_class_attributes){ .ignores = o->ignores,
                                     .ignore = o->ignore,
                                     .smoothing = o->smoothing,
                                     .classes = dims.rank > 1 && dims.size[1] > 0 ? dims.size[1] : 0 };
}

/* Whether a class is to be ignored where TARGET holds no class numbers; the graph's fault says so. */
static bool ignores_shares(const char *what, const clade_class_loss_options *o) {
    if (!o->ignores || !clade_value_valid(o->target) || clade_value_dtype(o->target) == CLADE_I32) return false;
    clade_invalid(o->target.graph, CLADE_ERROR_ARGUMENT, "%s: a class can be ignored only among class numbers (int32)",
                  what);
    return true;
}

clade_value clade_softmax_cross_entropy_loss_with(const clade_class_loss_options *options) {
    const clade_class_loss_options o = read_options(options);
    const clade_class_attributes a = attributes_of(&o);
    if (ignores_shares("softmax_cross_entropy_loss", &o)) return CLADE_NO_VALUE;
    return reduced(&o, &a, per_pixel(&clade_op_softmax_cross_entropy, &a, o.x, o.target, o.weight));
}

/* -sum over the classes of weight * share * x. */
static clade_value dense_likelihood(const clade_class_loss_options *o) {
    const clade_type *x = clade_value_type(o->x), *target = clade_value_type(o->target);
    clade_graph *graph = o->x.graph;
    if (x->dims.rank < 2 || !clade_dims_equal(&x->dims, &target->dims))
        return clade_invalid(graph, CLADE_ERROR_ARGUMENT,
                             "negative_log_likelihood_loss of %s and %s: expected (N, C, ...) and class numbers int32 "
                             "(N, ...) or shares of the same dims",
                             clade_type_text(graph, x), clade_type_text(graph, target));
    clade_value terms = clade_multiply(o->x, o->target);
    if (clade_value_valid(o->weight)) {
        const clade_dims weight = clade_value_dims(o->weight);
        if (weight.rank != 1 || weight.size[0] != x->dims.size[1])
            return clade_invalid(graph, CLADE_ERROR_ARGUMENT,
                                 "negative_log_likelihood_loss: expected class weights (%lld)",
                                 (long long)x->dims.size[1]);
        terms = clade_multiply(terms, clade_class_column(o->weight, x->dims.rank));
    }
    return clade_negate(clade_sum(terms, 1u << 1, false));
}

clade_value clade_negative_log_likelihood_loss_with(const clade_class_loss_options *options) {
    const clade_class_loss_options o = read_options(options);
    const clade_class_attributes a = attributes_of(&o);
    if (ignores_shares("negative_log_likelihood_loss", &o)) return CLADE_NO_VALUE;
    if (!(o.smoothing <= 0) && clade_value_valid(o.x))
        return clade_invalid(o.x.graph, CLADE_ERROR_ARGUMENT,
                             "negative_log_likelihood_loss: smoothing belongs to softmax_cross_entropy_loss");
    if (clade_value_valid(o.x) && clade_value_valid(o.target) && clade_value_dtype(o.target) == CLADE_F32)
        return reduced(&o, &a, dense_likelihood(&o));
    return reduced(&o, &a, per_pixel(&clade_op_negative_log_likelihood, &a, o.x, o.target, o.weight));
}
