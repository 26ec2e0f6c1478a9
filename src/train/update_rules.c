/* The optimisers: for each a function that appends one parameter's update, and one that sets its scalars.
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
 * where g is the gradient, for weights (not biases) plus weight_decay * w, and rate is the parameter's own. Adam's bias
 * corrections are computed on the host, in double, and reach the graph as scalars. */
#include "train/update_rules.h"

#include "clade/ops.h"
#include "ops/op.h"

#include <math.h>

static const double adam_beta2 = 0.999, adam_epsilon = 1e-8;
static const double rmsprop_keep = 0.99, rmsprop_epsilon = 1e-8, adagrad_epsilon = 1e-10;

/* A state beside PARAMETER, of the same dims, beginning at zero. */
static clade_value slot(clade_value parameter, const char *suffix) {
    const char *name = clade_arena_format(&parameter.graph->arena, "%s.%s", clade_value_node(parameter)->name, suffix);
    return clade_state(parameter.graph, name, clade_value_dims(parameter), CLADE_ROLE_STATE,
                       (clade_initializer){ .kind = CLADE_INITIALIZE_CONSTANT });
}

static clade_value momentum_scalar(clade_graph *graph) {
    return clade_scalar(graph, "train.momentum", 0);
}

/* ---- updates ---- */

static clade_status update(const clade_parameter *p, clade_value state, clade_value value) {
    return clade_update_in(p->program, state, value);
}

/* The plain rule. */
static clade_status descend(const clade_parameter *p, clade_value direction) {
    return update(p, p->w, clade_subtract(p->from, clade_multiply(p->rate, direction)));
}

static clade_status update_velocity(const clade_parameter *p) {
    clade_value v = slot(p->w, "momentum");
    clade_value kept = clade_multiply(momentum_scalar(p->w.graph), v);
    clade_value moved = clade_subtract(kept, clade_multiply(p->rate, p->g));
    clade_status status = update(p, v, moved);
    return status == CLADE_OK ? update(p, p->w, clade_add(p->from, moved)) : status;
}

/* Descends along what DIRECTION has accumulated to. */
static clade_status accumulate(const clade_parameter *p, clade_value direction) {
    clade_value d = slot(p->w, "momentum");
    clade_value sum = clade_add(clade_multiply(momentum_scalar(p->w.graph), d), direction);
    clade_status status = update(p, d, sum);
    return status == CLADE_OK ? descend(p, sum) : status;
}

static clade_status update_plain(const clade_parameter *p) {
    return descend(p, p->g);
}

static clade_status update_accumulate(const clade_parameter *p) {
    return accumulate(p, p->g);
}

static clade_status update_nesterov(const clade_parameter *p) {
    clade_value d = slot(p->w, "momentum"), momentum = momentum_scalar(p->w.graph);
    clade_value sum = clade_add(clade_multiply(momentum, d), p->g);
    clade_value ahead = clade_add(p->g, clade_multiply(momentum, sum));
    clade_status status = update(p, d, sum);
    return status == CLADE_OK ? descend(p, ahead) : status;
}

/* m moved towards TARGET by the share in the scalar NAME. */
static clade_value blend(clade_value m, clade_value target, const char *name) {
    return clade_add(m, clade_multiply(clade_scalar(m.graph, name, 0), clade_subtract(target, m)));
}

/* g / (sqrt(v) + epsilon) */
static clade_value over_root(clade_value g, clade_value v, double epsilon) {
    return clade_divide(g, clade_offset(clade_square_root(v), epsilon));
}

static clade_value rmsprop_direction(const clade_parameter *p, clade_status *status) {
    clade_value v = slot(p->w, "moment2"), new_v = blend(v, clade_square(p->g), "train.blend2");
    *status = update(p, v, new_v);
    return over_root(p->g, new_v, rmsprop_epsilon);
}

static clade_status update_rmsprop(const clade_parameter *p) {
    clade_status status;
    clade_value direction = rmsprop_direction(p, &status);
    return status == CLADE_OK ? descend(p, direction) : status;
}

static clade_status update_rmsprop_momentum(const clade_parameter *p) {
    clade_status status;
    clade_value direction = rmsprop_direction(p, &status);
    return status == CLADE_OK ? accumulate(p, direction) : status;
}

static clade_status update_adagrad(const clade_parameter *p) {
    clade_value s = slot(p->w, "sum_of_squares"), sum = clade_add(s, clade_square(p->g));
    clade_status status = update(p, s, sum);
    return status == CLADE_OK ? descend(p, over_root(p->g, sum, adagrad_epsilon)) : status;
}

static clade_status update_adam(const clade_parameter *p) {
    clade_value m = slot(p->w, "moment1"), v = slot(p->w, "moment2");
    clade_value new_m = blend(m, p->g, "train.blend1"), new_v = blend(v, clade_square(p->g), "train.blend2");
    clade_value corrected = clade_multiply(new_v, clade_scalar(p->w.graph, "train.correction2", 1));
    clade_value epsilon = clade_scalar(p->w.graph, "train.epsilon", (float)adam_epsilon);
    clade_value spread = clade_add(clade_square_root(corrected), epsilon);
    clade_value change = clade_divide(clade_multiply(p->rate, new_m), spread);
    clade_status status = update(p, m, new_m);
    if (status == CLADE_OK) status = update(p, v, new_v);
    return status == CLADE_OK ? update(p, p->w, clade_subtract(p->from, change)) : status;
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

static const clade_update_rule rules[] = {
    [CLADE_SGD] = { "sgd", update_velocity, update_plain, set_sgd, false, 0.01, 0.9 },
    [CLADE_SGD_ACCUMULATE] = { "sgd-accumulate", update_accumulate, update_plain, set_sgd, false, 0.01, 0.9 },
    [CLADE_ADAM] = { "adam", update_adam, NULL, set_adam, false, 0.001, 0.9 },
    [CLADE_NESTEROV] = { "nesterov", update_nesterov, update_plain, set_sgd, false, 0.01, 0.9 },
    [CLADE_ADAMW] = { "adamw", update_adam, NULL, set_adamw, true, 0.001, 0.9 },
    [CLADE_RMSPROP] = { "rmsprop", update_rmsprop_momentum, update_rmsprop, set_rmsprop, false, 0.001, 0 },
    [CLADE_ADAGRAD] = { "adagrad", update_adagrad, NULL, set_adagrad, false, 0.01, 0 },
    [CLADE_LBFGS] = { "lbfgs", NULL, NULL, NULL, false, 1, 0 },
    [CLADE_WIGGLE] = { "wiggle", NULL, NULL, NULL, false, 0.001, 0 },
};

const clade_update_rule *clade_update_rule_of(clade_optimizer_kind kind) {
    const size_t count = sizeof rules / sizeof rules[0];
    return kind >= CLADE_SGD && (size_t)kind < count ? &rules[kind] : NULL;
}
