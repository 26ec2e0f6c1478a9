/* The optimisers: for each a function that appends one state's update, and one that sets its scalars.
 *
 *     SGD             w -= rate * g                                   without momentum, either form
 *                     v = momentum * v - rate * g;  w += v            deck 004
 *     SGD_ACCUMULATE  D = momentum * D + g;         w -= rate * D     deck 002
 *     ADAM            m += (1 - beta1) * (g - m);   v += (1 - beta2) * (g^2 - v)
 *                     w -= rate / (1 - beta1^t) * m / (sqrt(v / (1 - beta2^t)) + epsilon)    t counted from 1
 *     ADAMW           the same of g without the decay, and w -= rate * weight_decay * w
 *     NESTEROV        D = momentum * D + g;         w -= rate * (g + momentum * D)
 *     RMSPROP         v += (1 - 0.99) * (g^2 - v);  w -= rate * q, q = g / (sqrt(v) + epsilon)
 *                     with momentum D = momentum * D + q takes q's place
 *     ADAGRAD         s += g^2;                     w -= rate * g / (sqrt(s) + epsilon)
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
static const double rmsprop_keep = 0.99, rmsprop_epsilon = 1e-8, adagrad_epsilon = 1e-10;

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

/* ---- updates: from a parameter w, where it steps from (w, or w after a decay of its own), and its gradient g ---- */

/* The plain rule. */
static clade_status descend(clade_value w, clade_value from, clade_value direction) {
    return clade_update(w, clade_subtract(from, clade_multiply(rate_scalar(w.graph), direction)));
}

static clade_status update_velocity(clade_value w, clade_value from, clade_value g) {
    clade_value v = slot(w, "momentum");
    clade_value kept = clade_multiply(momentum_scalar(w.graph), v);
    clade_value moved = clade_subtract(kept, clade_multiply(rate_scalar(w.graph), g));
    clade_status status = clade_update(v, moved);
    return status == CLADE_OK ? clade_update(w, clade_add(from, moved)) : status;
}

static clade_status update_accumulate(clade_value w, clade_value from, clade_value g) {
    clade_value d = slot(w, "momentum");
    clade_value sum = clade_add(clade_multiply(momentum_scalar(w.graph), d), g);
    clade_status status = clade_update(d, sum);
    return status == CLADE_OK ? descend(w, from, sum) : status;
}

static clade_status update_nesterov(clade_value w, clade_value from, clade_value g) {
    clade_value d = slot(w, "momentum"), momentum = momentum_scalar(w.graph);
    clade_value sum = clade_add(clade_multiply(momentum, d), g);
    clade_value ahead = clade_add(g, clade_multiply(momentum, sum));
    clade_status status = clade_update(d, sum);
    return status == CLADE_OK ? descend(w, from, ahead) : status;
}

/* m moved towards TARGET by the share in the scalar NAME. */
static clade_value blend(clade_value m, clade_value target, const char *name) {
    return clade_add(m, clade_multiply(clade_scalar(m.graph, name, 0), clade_subtract(target, m)));
}

/* g / (sqrt(v) + epsilon) */
static clade_value over_root(clade_value g, clade_value v, double epsilon) {
    return clade_divide(g, clade_offset(clade_square_root(v), epsilon));
}

static clade_value rmsprop_direction(clade_value w, clade_value g, clade_status *status) {
    clade_value v = slot(w, "moment2"), new_v = blend(v, clade_square(g), "train.blend2");
    *status = clade_update(v, new_v);
    return over_root(g, new_v, rmsprop_epsilon);
}

static clade_status update_rmsprop(clade_value w, clade_value from, clade_value g) {
    clade_status status;
    clade_value direction = rmsprop_direction(w, g, &status);
    return status == CLADE_OK ? descend(w, from, direction) : status;
}

static clade_status update_rmsprop_momentum(clade_value w, clade_value from, clade_value g) {
    clade_status status;
    clade_value direction = rmsprop_direction(w, g, &status);
    return status == CLADE_OK ? update_accumulate(w, from, direction) : status;
}

static clade_status update_adagrad(clade_value w, clade_value from, clade_value g) {
    clade_value s = slot(w, "sum_of_squares"), sum = clade_add(s, clade_square(g));
    clade_status status = clade_update(s, sum);
    return status == CLADE_OK ? descend(w, from, over_root(g, sum, adagrad_epsilon)) : status;
}

static clade_status update_adam(clade_value w, clade_value from, clade_value g) {
    clade_value m = slot(w, "moment1"), v = slot(w, "moment2");
    clade_value new_m = blend(m, g, "train.blend1"), new_v = blend(v, clade_square(g), "train.blend2");
    clade_value corrected = clade_multiply(new_v, clade_scalar(w.graph, "train.correction2", 1));
    clade_value epsilon = clade_scalar(w.graph, "train.epsilon", (float)adam_epsilon);
    clade_value spread = clade_add(clade_square_root(corrected), epsilon);
    clade_value change = clade_divide(clade_multiply(rate_scalar(w.graph), new_m), spread);
    clade_status status = clade_update(m, new_m);
    if (status == CLADE_OK) status = clade_update(v, new_v);
    return status == CLADE_OK ? clade_update(w, clade_subtract(from, change)) : status;
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

/* The correction to Adam's rate does not belong to the decay. */
static clade_status set_adamw(const clade_optimizer *optimizer, clade_session *session, int64_t step, double rate) {
    clade_status status = set_adam(optimizer, session, step, rate);
    if (status != CLADE_OK) return status;
    return set_scalars(session, &(scalar_setting){ "train.kept", 1 - rate * optimizer->weight_decay }, 1);
}

static clade_status set_rmsprop(const clade_optimizer *optimizer, clade_session *session, int64_t step, double rate) {
    clade_status status = set_scalars(session, &(scalar_setting){ "train.blend2", 1 - rmsprop_keep }, 1);
    return status == CLADE_OK ? set_sgd(optimizer, session, step, rate) : status;
}

static clade_status set_adagrad(const clade_optimizer *optimizer, clade_session *session, int64_t step, double rate) {
    (void)optimizer, (void)step;
    return set_scalars(session, &(scalar_setting){ "train.rate", rate }, 1);
}

typedef clade_status update_function(clade_value w, clade_value from, clade_value g);

static const struct {
    const char *name;
    update_function *update, *without_momentum; /* where momentum 0 needs no state of its own; NULL: the same */
    clade_status (*set)(const clade_optimizer *optimizer, clade_session *session, int64_t step, double rate);
    bool decays_apart;     /* weight decay is not part of the gradient */
    double rate, momentum; /* defaults */
} optimizers[] = {
    [CLADE_SGD] = { "sgd", update_velocity, descend, set_sgd, false, 0.01, 0.9 },
    [CLADE_SGD_ACCUMULATE] = { "sgd-accumulate", update_accumulate, descend, set_sgd, false, 0.01, 0.9 },
    [CLADE_ADAM] = { "adam", update_adam, NULL, set_adam, false, 0.001, 0.9 },
    [CLADE_NESTEROV] = { "nesterov", update_nesterov, descend, set_sgd, false, 0.01, 0.9 },
    [CLADE_ADAMW] = { "adamw", update_adam, NULL, set_adamw, true, 0.001, 0.9 },
    [CLADE_RMSPROP] = { "rmsprop", update_rmsprop_momentum, update_rmsprop, set_rmsprop, false, 0.001, 0 },
    [CLADE_ADAGRAD] = { "adagrad", update_adagrad, NULL, set_adagrad, false, 0.01, 0 },
};

static bool known(clade_optimizer_kind kind) {
    return kind >= CLADE_SGD && kind <= CLADE_ADAGRAD;
}

const char *clade_optimizer_name(clade_optimizer_kind kind) {
    return known(kind) ? optimizers[kind].name : "unknown";
}

double clade_optimizer_default_rate(clade_optimizer_kind kind) {
    return known(kind) ? optimizers[kind].rate : 0;
}

double clade_optimizer_default_momentum(clade_optimizer_kind kind) {
    return known(kind) ? optimizers[kind].momentum : 0;
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
    const bool decays = attributes->role == CLADE_ROLE_WEIGHT && optimizer->weight_decay > 0;
    clade_value from = parameter;
    if (optimizers[optimizer->kind].decays_apart) {
        clade_value kept = clade_scalar(parameter.graph, "train.kept", 1);
        if (decays) from = clade_multiply(kept, parameter);
    } else if (decays) {
        clade_value decay = clade_scalar(parameter.graph, "train.weight_decay", (float)optimizer->weight_decay);
        gradient = clade_add(gradient, clade_multiply(decay, parameter));
    }
    update_function *update = optimizers[optimizer->kind].without_momentum;
    if (optimizer->momentum > 0 || !update) update = optimizers[optimizer->kind].update;
    return update(parameter, from, gradient);
}

static clade_status check_optimizer(clade_context *context, const clade_optimizer *optimizer) {
    if (!known(optimizer->kind))
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
