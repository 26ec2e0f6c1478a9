/* ONNX's operators of training (domain ai.onnx.preview.training): steps of optimisers, and gradients. */
#include "formats/onnx/state.h"
#include "passes/passes.h"

#include <string.h>

/* ---- optimisers: inputs R (the rate), T (steps so far), then lists of N arrays: weights, gradients, states ---- */

typedef struct optimizer {
    clade_onnx_node *node;
    int count; /* N */
    double norm;
    clade_value rate, steps;
} optimizer;

static bool open_optimizer(clade_onnx_node *node, int lists, optimizer *o) {
    *o = (optimizer){ node, (node->in_count - 2) / lists, clade_onnx_float(node, "norm_coefficient", 0), CLADE_NO_VALUE,
                      CLADE_NO_VALUE };
    if (node->in_count < 2 + lists || (node->in_count - 2) % lists != 0)
        return clade_onnx_refuse(node, "%d inputs", node->in_count);
    o->rate = clade_reshape(clade_onnx_in(node, 0), CLADE_SCALAR);
    o->steps = clade_reshape(clade_onnx_real(node, 1), CLADE_SCALAR);
    return true;
}

/* Array I of LIST: 0 weights, 1 gradients, 2 and 3 states. */
static clade_value of_list(const optimizer *o, int list, int i) {
    return clade_onnx_in(o->node, 2 + list * o->count + i);
}

static void give(const optimizer *o, int list, int i, clade_value value) {
    clade_onnx_out(o->node, list * o->count + i, value, clade_onnx_type(o->node, 2 + i));
}

/* The gradient with that of norm / 2 |x|^2. */
static clade_value regularized(const optimizer *o, int i) {
    const clade_value g = of_list(o, 1, i);
    return o->norm != 0 ? clade_add(clade_scale(of_list(o, 0, i), o->norm), g) : g;
}

static bool translate_adagrad(clade_onnx_node *node) {
    const double epsilon = clade_onnx_float(node, "epsilon", 0), decay = clade_onnx_float(node, "decay_factor", 0);
    optimizer o;
    if (!open_optimizer(node, 3, &o)) return false;
    const clade_value rate = clade_divide(o.rate, clade_offset(clade_scale(o.steps, decay), 1));
    for (int i = 0; i < o.count; i++) {
        const clade_value g = regularized(&o, i), h = clade_add(of_list(&o, 2, i), clade_square(g));
        const clade_value step = clade_divide(clade_multiply(rate, g), clade_offset(clade_square_root(h), epsilon));
        give(&o, 0, i, clade_subtract(of_list(&o, 0, i), step));
        give(&o, 1, i, h);
    }
    return true;
}

/* 1 - base^T, 1 at T = 0. */
static clade_value correction(const optimizer *o, double base) {
    clade_graph *graph = o->node->graph;
    const clade_value zero = clade_constant(graph, CLADE_SCALAR, 0), one = clade_constant(graph, CLADE_SCALAR, 1);
    const clade_value power = clade_power(clade_constant(graph, CLADE_SCALAR, (float)base), o->steps);
    return clade_where(clade_less(zero, o->steps), clade_subtract(one, power), one);
}

static bool translate_adam(clade_onnx_node *node) {
    const double alpha = clade_onnx_float(node, "alpha", 0.9), beta = clade_onnx_float(node, "beta", 0.999);
    const double epsilon = clade_onnx_float(node, "epsilon", 0);
    const double after = clade_onnx_float(node, "norm_coefficient_post", 0);
    optimizer o;
    if (!open_optimizer(node, 4, &o)) return false;
    const clade_value scale = clade_divide(clade_square_root(correction(&o, beta)), correction(&o, alpha));
    const clade_value rate = clade_multiply(o.rate, scale);
    for (int i = 0; i < o.count; i++) {
        const clade_value g = regularized(&o, i);
        const clade_value v = clade_add(clade_scale(of_list(&o, 2, i), alpha), clade_scale(g, 1 - alpha));
        const clade_value h = clade_add(clade_scale(of_list(&o, 3, i), beta), clade_scale(clade_square(g), 1 - beta));
        const clade_value step = clade_divide(clade_multiply(rate, v), clade_offset(clade_square_root(h), epsilon));
        give(&o, 0, i, clade_scale(clade_subtract(of_list(&o, 0, i), step), 1 - after));
        give(&o, 1, i, v);
        give(&o, 2, i, h);
    }
    return true;
}

static bool translate_momentum(clade_onnx_node *node) {
    static const char *const words[] = { "standard", "nesterov", NULL };
    const double alpha = clade_onnx_float(node, "alpha", 0), beta = clade_onnx_float(node, "beta", 1);
    optimizer o;
    int mode;
    if (!open_optimizer(node, 3, &o) || !clade_onnx_word(node, "mode", "standard", words, &mode)) return false;
    const clade_value zero = clade_constant(node->graph, CLADE_SCALAR, 0),
                      one = clade_constant(node->graph, CLADE_SCALAR, 1);
    const clade_value later = clade_constant(node->graph, CLADE_SCALAR, (float)beta);
    const clade_value factor = clade_where(clade_less(zero, o.steps), later, one); /* the first step takes all of g */
    for (int i = 0; i < o.count; i++) {
        const clade_value g = regularized(&o, i);
        const clade_value v = clade_add(clade_scale(of_list(&o, 2, i), alpha), clade_multiply(factor, g));
        const clade_value along = mode == 1 ? clade_add(g, clade_scale(v, alpha)) : v;
        give(&o, 0, i, clade_subtract(of_list(&o, 0, i), clade_multiply(o.rate, along)));
        give(&o, 1, i, v);
    }
    return true;
}

/* ---- gradients ---- */

/* The value that WORD names; NULL when there is none. */
static clade_onnx_value *named_by(clade_onnx_node *node, const ProtobufCBinaryData *word) {
    char name[256];
    if (word->len >= sizeof name) return NULL;
    memcpy(name, word->data, word->len);
    name[word->len] = '\0';
    return clade_onnx_named(node->import, name, false);
}

/* dy/dx for the values that `xs` names. Input I takes the place of the I-th name, of `xs` and then `zs`: those that are the
 * named values themselves are supported. */
static bool translate_gradient(clade_onnx_node *node) {
    const Onnx__AttributeProto *xs = clade_onnx_attribute(node, "xs"), *y = clade_onnx_attribute(node, "y");
    clade_value with[CLADE_ONNX_MOST_OUTPUTS], made[CLADE_ONNX_MOST_OUTPUTS];
    if (xs == NULL || y == NULL || !y->has_s || (int)xs->n_strings != node->out_count)
        return clade_onnx_refuse(node, "it does not name as many values as it has outputs");
    clade_onnx_value *of = named_by(node, &y->s);
    if (of == NULL || of->type == 0) return clade_onnx_refuse(node, "of a value that no node before it makes");
    for (int i = 0; i < node->out_count; i++) {
        const clade_onnx_value *x = named_by(node, &xs->strings[i]);
        if (x == NULL || !clade_onnx_has(node, i) || x != node->in[i])
            return clade_onnx_refuse(node, "at another place than where the network is");
        with[i] = clade_onnx_in(node, i);
    }
    const clade_value value = clade_onnx_lower(node->import, of);
    const clade_value sum = clade_value_dims(value).rank > 0 ? clade_sum(value, CLADE_ALL_AXES, false) : value;
    if (clade_gradient(sum, CLADE_NO_VALUE, with, (size_t)node->out_count, made) != CLADE_OK) return false;
    for (int i = 0; i < node->out_count; i++) {
        if (!clade_value_valid(made[i])) made[i] = clade_constant(node->graph, clade_value_dims(with[i]), 0);
        clade_onnx_out(node, i, made[i], clade_onnx_type(node, i));
    }
    return true;
}

const clade_onnx_translator clade_onnx_training[] = {
    { "Adagrad", translate_adagrad, 0 },
    { "Adam", translate_adam, 0 },
    { "Gradient", translate_gradient, 0 },
    { "Momentum", translate_momentum, 0 },
    { NULL, NULL, 0 },
};
