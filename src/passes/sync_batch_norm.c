/* Batch normalisation by the statistics of the whole batch, where several devices have a part of it each.
 *
 * With s a device's share of the samples, M the elements that a channel has on all devices together and S(.) the sum over
 * the devices:
 *     mean = S(s * mean of x),  variance = S(s * mean of (x - mean)^2),  r = 1 / sqrt(variance + epsilon)
 *     y = gamma * (x - mean) * r + beta
 * and backward, xhat = (x - mean) * r, the gradients that come in being parts of the whole's already:
 *     dbeta = sum of dy, dgamma = sum of dy * xhat                     (this device's parts, as any other gradient's)
 *     dx = gamma * r * (dy - S(dbeta) / M - xhat * S(dgamma) / M)
 * 1 / M is s over the elements that the channel has here. Two sums of the means, one after another, lose no digits where
 * the mean is large beside the deviation. */
#include "ops/normalization/batch_norm.h"
#include "passes/passes.h"

/* One batch norm in the new graph. */
typedef struct normalization {
    clade_graph *graph;
    clade_value share; /* scalar */
    clade_value x;
    clade_dims channel;  /* (C, 1, ...): a number of each channel, to broadcast over x */
    uint32_t others;     /* the axes that are summed over: all but 1 */
    clade_size elements; /* that a channel has here */
} normalization;

static normalization describe(clade_graph *graph, clade_value x) {
    const clade_dims dims = clade_value_dims(x);
    normalization n = { .graph = graph, .share = clade_scalar(graph, CLADE_DEVICE_SHARE, 1), .x = x };
    clade_size sizes[CLADE_MAX_RANK];
    int32_t count = 0;
    n.channel = (clade_dims){ dims.rank - 1, { dims.size[1] } };
    for (int32_t axis = 0; axis < dims.rank; axis++) {
        if (axis > 1) n.channel.size[axis - 1] = 1;
        if (axis == 1) continue;
        n.others |= 1u << axis;
        sizes[count++] = dims.size[axis];
    }
    n.elements = clade_size_product(graph, sizes, count);
    return n;
}

static clade_value over_x(const normalization *n, clade_value channels) {
    return clade_reshape(channels, n->channel);
}

/* S(s * mean of VALUES over all that a channel has). */
static clade_value mean_of_all(const normalization *n, clade_value values) {
    const clade_value part = clade_multiply(clade_mean(values, n->others, false), n->share);
    clade_value sum;
    clade_all_reduce(&part, 1, &sum);
    return sum;
}

/* OLD moved to NOW by the momentum. */
static clade_value moved(clade_value old, clade_value now, double momentum) {
    return clade_add(old, clade_scale(clade_subtract(now, old), momentum));
}

static void normalize(clade_graph *graph, const clade_node *node, const clade_value *inputs, clade_value *out) {
    const clade_batch_norm_attributes *a = node->attributes;
    const normalization n = describe(graph, inputs[0]);
    const clade_value mean = mean_of_all(&n, n.x), centred = clade_subtract(n.x, over_x(&n, mean));
    const clade_value variance = mean_of_all(&n, clade_square(centred));
    const clade_value r = clade_reciprocal_square_root(clade_offset(variance, a->epsilon));
    /* variance * M / (M - 1) */
    const clade_value bias = clade_offset(clade_scale_per(n.share, -1, n.elements), 1);
    out[0] = clade_add(clade_multiply(centred, over_x(&n, clade_multiply(inputs[1], r))), over_x(&n, inputs[2]));
    out[1] = mean;
    out[2] = r;
    out[3] = moved(inputs[3], mean, a->momentum);
    out[4] = moved(inputs[4], clade_divide(variance, bias), a->momentum);
}

static void differentiate(clade_graph *graph, const clade_value *inputs, clade_value *out) {
    const normalization n = describe(graph, inputs[0]);
    const clade_value gamma = inputs[1], mean = inputs[2], r = inputs[3], dy = inputs[4];
    const clade_value xhat = clade_multiply(clade_subtract(n.x, over_x(&n, mean)), over_x(&n, r));
    const clade_value parts[] = { clade_sum(clade_multiply(dy, xhat), n.others, false),
                                  clade_sum(dy, n.others, false) };
    clade_value whole[2];
    clade_all_reduce(parts, 2, whole);
    const clade_value per_element = clade_scale_per(n.share, 1, n.elements);
    const clade_value slope = over_x(&n, clade_multiply(whole[0], per_element));
    const clade_value level = over_x(&n, clade_multiply(whole[1], per_element));
    const clade_value rest = clade_subtract(clade_subtract(dy, level), clade_multiply(xhat, slope));
    out[0] = clade_multiply(rest, over_x(&n, clade_multiply(gamma, r)));
    out[1] = parts[0];
    out[2] = parts[1];
}

static bool take_together(void *user, clade_rewrite *rewrite, const clade_node *node, const clade_value *inputs,
                          clade_value *out) {
    (void)user;
    if (node->op == &clade_op_batch_norm)
        normalize(rewrite->to, node, inputs, out);
    else if (node->op == &clade_op_batch_norm_gradient)
        differentiate(rewrite->to, inputs, out);
    else
        return false;
    return true;
}

clade_graph *clade_pass_sync_batch_norm(const clade_graph *graph, clade_value *targets, size_t count, bool updates,
                                        clade_rewrite *rewrite) {
    const bool shared = clade_value_valid(clade_graph_find(graph, clade_op_scalar.name, CLADE_DEVICE_SHARE));
    return clade_graph_rewrite(graph, targets, count, updates, shared ? take_together : NULL, NULL, rewrite);
}
