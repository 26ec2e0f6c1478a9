/* The optimisers: for each a function that appends one state's update, and one that sets its scalars.
 *
 *     SGD             w -= rate * g                                   without momentum, either form
 *                     v = momentum * v - rate * g;  w += v            deck 004
 *     SGD_ACCUMULATE  D = momentum * D + g;         w -= rate * D     deck 002
 *     ADAM            m += (1 - beta1) * (g - m);   v += (1 - beta2) * (g^2 - v)
 *                     w -= rate / (1 - beta1^t) * m / (sqrt(v / (1 - beta2^t)) + epsilon)    t counted from 1
 *
 * where g is the gradient, for weights (not biases) plus weight_decay * w. Adam's bias corrections are computed on the
 * host, in double, and reach the graph as scalars. */
#include "train/optimizer.h"

#include "base/context.h"
#include "clade/ops.h"
#include "ops/op.h"
#include "passes/passes.h"

#include <math.h>

static const double adam_beta2 = 0.999, adam_epsilon = 1e-8;

/* A state beside PARAMETER, of the same dims, beginning at zero. */
static clade_value slot(clade_value parameter, const char *suffix) {
    const char *name = clade_arena_format(&parameter.graph->arena, "%s.%s", clade_value_node(parameter)->name, suffix);
    return clade_state(parameter.graph, name, clade_value_dims(parameter), CLADE_ROLE_STATE,
                       (clade_initializer){ .kind = CLADE_INITIALIZE_CONSTANT });
}

static clade_value rate_scalar(clade_graph *graph) {
    return clade_scalar(graph, "train.rate", 0);
}

static clade_value momentum_scalar(clade_graph *graph) {
    return clade_scalar(graph, "train.momentum", 0);
}

/* ---- updates: from a parameter w and its gradient g ---- */

static clade_status update_plain(clade_value w, clade_value g) {
    return clade_update(w, clade_subtract(w, clade_multiply(rate_scalar(w.graph), g)));
}

static clade_status update_velocity(clade_value w, clade_value g) {
    clade_value v = slot(w, "momentum");
    clade_value kept = clade_multiply(momentum_scalar(w.graph), v);
    clade_value moved = clade_subtract(kept, clade_multiply(rate_scalar(w.graph), g));
    clade_status status = clade_update(v, moved);
    return status == CLADE_OK ? clade_update(w, clade_add(w, moved)) : status;
}

static clade_status update_accumulate(clade_value w, clade_value g) {
    clade_value d = slot(w, "momentum");
    clade_value sum = clade_add(clade_multiply(momentum_scalar(w.graph), d), g);
    clade_status status = clade_update(d, sum);
    if (status != CLADE_OK) return status;
    return clade_update(w, clade_subtract(w, clade_multiply(rate_scalar(w.graph), sum)));
}

/* m moved towards TARGET by the share in the scalar NAME. */
static clade_value blend(clade_value m, clade_value target, const char *name) {
    return clade_add(m, clade_multiply(clade_scalar(m.graph, name, 0), clade_subtract(target, m)));
}

static clade_status update_adam(clade_value w, clade_value g) {
    clade_value m = slot(w, "moment1"), v = slot(w, "moment2");
    clade_value new_m = blend(m, g, "train.blend1"), new_v = blend(v, clade_square(g), "train.blend2");
    clade_value corrected = clade_multiply(new_v, clade_scalar(w.graph, "train.correction2", 1));
    clade_value epsilon = clade_scalar(w.graph, "train.epsilon", (float)adam_epsilon);
    clade_value spread = clade_add(clade_square_root(corrected), epsilon);
    clade_value change = clade_divide(clade_multiply(rate_scalar(w.graph), new_m), spread);
    clade_status status = clade_update(m, new_m);
    if (status == CLADE_OK) status = clade_update(v, new_v);
    return status == CLADE_OK ? clade_update(w, clade_subtract(w, change)) : status;
}

/* ---- scalars ---- */

typedef struct scalar_setting {
    const char *name;
    double value;
} scalar_setting;

static clade_status set_scalars(clade_session *session, const scalar_setting *settings, size_t count) {
    clade_status status = CLADE_OK;
    for (size_t i = 0; i < count && status == CLADE_OK; i++)
        status = clade_session_set_scalar(session, settings[i].name, (float)settings[i].value);
    return status;
}

static clade_status set_sgd(const clade_optimizer *optimizer, clade_session *session, int64_t step, double rate) {
    (void)step;
    scalar_setting settings[] = { { "train.rate", rate }, { "train.momentum", optimizer->momentum } };
    return set_scalars(session, settings, optimizer->momentum > 0 ? 2 : 1);
}

static clade_status set_adam(const clade_optimizer *optimizer, clade_session *session, int64_t step, double rate) {
    double t = (double)(step + 1), beta1 = optimizer->momentum;
    scalar_setting settings[] = {
        { "train.rate", rate / (1 - pow(beta1, t)) },
        { "train.blend1", 1 - beta1 },
        { "train.blend2", 1 - adam_beta2 },
        { "train.correction2", 1 / (1 - pow(adam_beta2, t)) },
    };
    return set_scalars(session, settings, sizeof settings / sizeof settings[0]);
}

static const struct {
    const char *name;
    clade_status (*update)(clade_value w, clade_value g);
    clade_status (*set)(const clade_optimizer *optimizer, clade_session *session, int64_t step, double rate);
    bool needs_momentum; /* without momentum the update is the plain one */
} optimizers[] = {
    [CLADE_SGD] = { "sgd", update_velocity, set_sgd, true },
    [CLADE_SGD_ACCUMULATE] = { "sgd-accumulate", update_accumulate, set_sgd, true },
    [CLADE_ADAM] = { "adam", update_adam, set_adam, false },
};

const char *clade_optimizer_name(clade_optimizer_kind kind) {
    return kind >= CLADE_SGD && kind <= CLADE_ADAM ? optimizers[kind].name : "unknown";
}

clade_status clade_optimizer_set(const clade_optimizer *optimizer, clade_session *session, int64_t step, double rate) {
    return optimizers[optimizer->kind].set(optimizer, session, step, rate);
}

/* ---- the whole ---- */

static bool is_trained(const clade_node *node) {
    if (node->op != &clade_op_state) return false;
    const clade_leaf_attributes *attributes = node->attributes;
    return attributes->role != CLADE_ROLE_STATE;
}

/* The trained states of GRAPH, in its order; the caller frees. */
static clade_value *trained_states(const clade_graph *graph, size_t *count) {
    clade_value *states = clade_allocate(graph->context, 2 * (size_t)graph->node_count + 1, sizeof *states);
    *count = 0;
    for (uint32_t i = 0; states && i < graph->node_count; i++)
        if (is_trained(graph->nodes[i]))
            states[(*count)++] = (clade_value){ .graph = (clade_graph *)(uintptr_t)graph, .node = i };
    return states;
}

static clade_status append_update(const clade_optimizer *optimizer, clade_value parameter, clade_value gradient) {
    const clade_leaf_attributes *attributes = clade_value_node(parameter)->attributes;
    if (attributes->role == CLADE_ROLE_WEIGHT && optimizer->weight_decay > 0) {
        clade_value decay = clade_scalar(parameter.graph, "train.weight_decay", (float)optimizer->weight_decay);
        gradient = clade_add(gradient, clade_multiply(decay, parameter));
    }
    if (optimizers[optimizer->kind].needs_momentum && optimizer->momentum == 0)
        return update_plain(parameter, gradient);
    return optimizers[optimizer->kind].update(parameter, gradient);
}

static clade_status check_optimizer(clade_context *context, const clade_optimizer *optimizer) {
    if (optimizer->kind < CLADE_SGD || optimizer->kind > CLADE_ADAM)
        return clade_fail(context, CLADE_ERROR_ARGUMENT, "optimizer %d is not one of clade_optimizer_kind",
                          (int)optimizer->kind);
    if (!(optimizer->momentum >= 0 && optimizer->momentum < 1))
        return clade_fail(context, CLADE_ERROR_ARGUMENT, "momentum %g: must be at least 0 and below 1",
                          optimizer->momentum);
    if (!(optimizer->weight_decay >= 0 && isfinite(optimizer->weight_decay)))
        return clade_fail(context, CLADE_ERROR_ARGUMENT, "weight decay %g: must be at least 0",
                          optimizer->weight_decay);
    return CLADE_OK;
}

clade_status clade_optimizer_append(const clade_optimizer *optimizer, clade_value loss, int64_t *parameters) {
    clade_graph *graph = loss.graph;
    clade_context *context = graph->context;
    clade_status status = check_optimizer(context, optimizer);
    if (status != CLADE_OK) return status;
    size_t count;
    int64_t trained = 0;
    clade_value *states = trained_states(graph, &count);
    if (!states) return clade_fail_memory(context, 2 * graph->node_count * sizeof *states, "the trained states");
    clade_value *gradients = states + count; /* the array has room for both */
    status = clade_gradient(loss, CLADE_NO_VALUE, states, count, gradients);
    for (size_t i = 0; i < count && status == CLADE_OK; i++) {
        if (!clade_value_valid(gradients[i])) continue; /* the loss does not depend on it */
        status = append_update(optimizer, states[i], gradients[i]);
        clade_dims dims = clade_value_dims(states[i]);
        trained += clade_dims_value(graph, &dims, (clade_binding){ 0 }, (int64_t[CLADE_MAX_RANK]){ 0 });
    }
    clade_free(context, states);
    if (status == CLADE_OK) status = clade_graph_status(graph);
    if (status == CLADE_OK && trained == 0)
        status = clade_fail(context, CLADE_ERROR_ARGUMENT, "the loss depends on no trained state: nothing to train");
    if (parameters) *parameters = trained;
    return status;
}
