/* Makes the trained states and their gradients, and appends every state's update.
 *
 * A parameter's rate is the scalar train.rate times its rule's factor. Clipping, before weight decay is added: each
 * element to [-clip_value, clip_value]; then, with n the root of the sum of the squares of all gradients, each gradient
 * times min(1, clip_norm / n) (Pascanu et al. 2013). */
#include "train/update_rules.h"

#include "base/context.h"
#include "clade/ops.h"
#include "ops/op.h"
#include "passes/passes.h"

#include <math.h>

const char *clade_optimizer_name(clade_optimizer_kind kind) {
    const clade_update_rule *rule = clade_update_rule_of(kind);
    return rule ? rule->name : "unknown";
}

double clade_optimizer_default_rate(clade_optimizer_kind kind) {
    const clade_update_rule *rule = clade_update_rule_of(kind);
    return rule ? rule->rate : 0;
}

double clade_optimizer_default_momentum(clade_optimizer_kind kind) {
    const clade_update_rule *rule = clade_update_rule_of(kind);
    return rule ? rule->momentum : 0;
}

clade_optimizer clade_optimizer_of(const clade_train_options *options) {
    const clade_optimizer_kind kind = options->optimizer != 0 ? options->optimizer : CLADE_SGD;
    const double momentum = options->momentum != 0 ? options->momentum : clade_optimizer_default_momentum(kind);
    return (clade_optimizer){
        .kind = kind,
        .momentum = options->no_momentum ? 0 : momentum,
        .weight_decay = options->no_weight_decay ? 0 : options->weight_decay,
        .clip_norm = options->clip_norm,
        .clip_value = options->clip_value,
        .layer_rules = options->layer_rules,
        .layer_rule_count = options->layer_rule_count,
    };
}

clade_status clade_optimizer_set(const clade_optimizer *optimizer, clade_session *session, int64_t step, double rate) {
    return clade_update_rule_of(optimizer->kind)->set(optimizer, session, step, rate);
}

/* ---- what is trained ---- */

/* Whether NAME is PATTERN, in which each * stands for any characters. */
static bool matches(const char *pattern, const char *name) {
    const char *star = NULL, *tried = NULL;
    while (*name) {
        if (*pattern == '*') {
            star = pattern++;
            tried = name;
        } else if (*pattern == *name) {
            pattern++;
            name++;
        } else if (star) { /* the last star takes one character more */
            pattern = star + 1;
            name = ++tried;
        } else {
            return false;
        }
    }
    while (*pattern == '*')
        pattern++;
    return *pattern == 0;
}

/* The first rule for the state NAME, or NULL. */
static const clade_layer_rule *rule_for(const clade_optimizer *optimizer, const char *name) {
    for (size_t i = 0; i < optimizer->layer_rule_count; i++)
        if (matches(optimizer->layer_rules[i].states, name)) return &optimizer->layer_rules[i];
    return NULL;
}

static bool is_trained(const clade_optimizer *optimizer, const clade_node *node) {
    if (node->op != &clade_op_state) return false;
    const clade_leaf_attributes *attributes = node->attributes;
    const clade_layer_rule *rule = rule_for(optimizer, node->name);
    return attributes->role != CLADE_ROLE_STATE && !(rule && rule->frozen);
}

/* The trained states of GRAPH, in its order, and room for as many gradients and their sums. */
static clade_status list_states(const clade_optimizer *optimizer, clade_graph *graph, clade_trained *trained) {
    trained->states = clade_allocate(graph->context, 3 * (size_t)graph->node_count + 1, sizeof *trained->states);
    if (!trained->states)
        return clade_fail_memory(graph->context, 3 * graph->node_count * sizeof *trained->states, "the trained states");
    trained->gradients = trained->states + graph->node_count;
    trained->sums = trained->gradients + graph->node_count;
    for (uint32_t i = 0; i < graph->node_count; i++)
        if (is_trained(optimizer, graph->nodes[i]))
            trained->states[trained->count++] = (clade_value){ .graph = graph, .node = i };
    return CLADE_OK;
}

void clade_trained_free(clade_context *context, clade_trained *trained) {
    clade_free(context, trained->states);
    *trained = (clade_trained){ 0 };
}

/* Keeps the states that the loss depends on: those with a gradient. */
static void drop_others(const clade_graph *graph, clade_trained *trained) {
    size_t kept = 0;
    for (size_t i = 0; i < trained->count; i++) {
        if (!clade_value_valid(trained->gradients[i])) continue;
        clade_dims dims = clade_value_dims(trained->states[i]);
        trained->parameters += clade_dims_value(graph, &dims, (clade_binding){ 0 }, (int64_t[CLADE_MAX_RANK]){ 0 });
        trained->states[kept] = trained->states[i];
        trained->sums[kept] = trained->gradients[kept] = trained->gradients[i];
        kept++;
    }
    trained->count = kept;
}

/* ---- clipping ---- */

static clade_value number(clade_graph *graph, double value) {
    return clade_constant(graph, CLADE_SCALAR, (float)value);
}

static void clip_elements(double limit, clade_value *gradients, size_t count) {
    for (size_t i = 0; i < count; i++) {
        clade_graph *graph = gradients[i].graph;
        gradients[i] = clade_maximum(clade_minimum(gradients[i], number(graph, limit)), number(graph, -limit));
    }
}

/* 1 / max(n^2 / limit^2, 1)^(1/2): a norm of 0 divides by nothing. */
static void clip_norm(double limit, clade_value *gradients, size_t count) {
    clade_value total = CLADE_NO_VALUE;
    for (size_t i = 0; i < count; i++) {
        clade_value squares = clade_sum(clade_square(gradients[i]), CLADE_ALL_AXES, false);
        total = clade_value_valid(total) ? clade_add(total, squares) : squares;
    }
    clade_value excess = clade_maximum(clade_scale(total, 1 / (limit * limit)), number(total.graph, 1));
    clade_value factor = clade_reciprocal_square_root(excess);
    for (size_t i = 0; i < count; i++)
        gradients[i] = clade_multiply(gradients[i], factor);
}

/* ---- updates ---- */

static clade_status append_update(const clade_optimizer *optimizer, clade_value w, clade_value g) {
    const clade_update_rule *rule = clade_update_rule_of(optimizer->kind);
    const clade_leaf_attributes *attributes = clade_value_node(w)->attributes;
    const clade_layer_rule *layer = rule_for(optimizer, clade_value_node(w)->name);
    const bool decays = attributes->role == CLADE_ROLE_WEIGHT && optimizer->weight_decay > 0;
    clade_parameter p = { .w = w,
                          .from = w,
                          .g = g,
                          .rate = clade_scalar(w.graph, "train.rate", 0),
                          .program = optimizer->accumulates ? CLADE_PROGRAM_APPLY : 0 };
    clade_value kept = rule->decays_apart ? clade_scalar(w.graph, "train.kept", 1) : CLADE_NO_VALUE;
    if (decays && rule->decays_apart) p.from = clade_multiply(kept, w);
    if (decays && !rule->decays_apart) {
        clade_value decay = clade_scalar(w.graph, "train.weight_decay", (float)optimizer->weight_decay);
        p.g = clade_add(g, clade_multiply(decay, w));
    }
    if (layer && layer->rate > 0) p.rate = clade_scale(p.rate, layer->rate);
    return optimizer->momentum == 0 && rule->without_momentum ? rule->without_momentum(&p) : rule->update(&p);
}

/* The state that sums GRADIENT of the batches of a group, cleared by the program that uses it. */
static clade_value gradient_sum(clade_value w, clade_value gradient) {
    clade_graph *graph = w.graph;
    const char *name = clade_arena_format(&graph->arena, "%s.gradient_sum", clade_value_node(w)->name);
    clade_value sum = clade_state(graph, name, clade_value_dims(w), CLADE_ROLE_STATE,
                                  (clade_initializer){ .kind = CLADE_INITIALIZE_CONSTANT });
    clade_value share = clade_scalar(graph, "train.share", 1);
    clade_update(sum, clade_add(sum, clade_multiply(share, gradient)));
    clade_update_in(CLADE_PROGRAM_APPLY, sum, clade_constant(graph, clade_value_dims(w), 0));
    return sum;
}

static clade_status check_optimizer(clade_context *context, const clade_optimizer *optimizer) {
    if (!clade_update_rule_of(optimizer->kind))
        return clade_fail(context, CLADE_ERROR_ARGUMENT, "optimizer %d is not one of clade_optimizer_kind",
                          (int)optimizer->kind);
    if (!(optimizer->momentum >= 0 && optimizer->momentum < 1))
        return clade_fail(context, CLADE_ERROR_ARGUMENT, "momentum %g: must be at least 0 and below 1",
                          optimizer->momentum);
    if (!(optimizer->weight_decay >= 0 && isfinite(optimizer->weight_decay)))
        return clade_fail(context, CLADE_ERROR_ARGUMENT, "weight decay %g: must be at least 0",
                          optimizer->weight_decay);
    if (!(optimizer->clip_norm >= 0 && optimizer->clip_value >= 0))
        return clade_fail(context, CLADE_ERROR_ARGUMENT, "clip norm %g, clip value %g: must be at least 0",
                          optimizer->clip_norm, optimizer->clip_value);
    for (size_t i = 0; i < optimizer->layer_rule_count; i++)
        if (!optimizer->layer_rules[i].states || !(optimizer->layer_rules[i].rate >= 0))
            return clade_fail(context, CLADE_ERROR_ARGUMENT, "layer rule %zu: needs states and a rate of at least 0",
                              i);
    return CLADE_OK;
}

clade_value clade_optimizer_decayed(const clade_optimizer *optimizer, clade_value loss) {
    clade_graph *graph = loss.graph;
    const uint32_t count = graph->node_count;
    for (uint32_t i = 0; i < count && optimizer->weight_decay > 0; i++) {
        const clade_leaf_attributes *attributes = graph->nodes[i]->attributes;
        if (!is_trained(optimizer, graph->nodes[i]) || attributes->role != CLADE_ROLE_WEIGHT) continue;
        clade_value squares = clade_sum(clade_square((clade_value){ graph, i, 0 }), CLADE_ALL_AXES, false);
        loss = clade_add(loss, clade_scale(squares, optimizer->weight_decay / 2));
    }
    return loss;
}

/* For a method without gradients: what LOSS depends on, differentiable or not. Each state stands for its own gradient. */
static clade_status find_needed(clade_value loss, clade_trained *trained) {
    const clade_graph *graph = loss.graph;
    bool *needed = clade_allocate(graph->context, graph->node_count, sizeof *needed);
    if (!needed) return clade_fail_memory(graph->context, graph->node_count, "the trained states");
    clade_graph_mark_needed(graph, &loss, 1, false, needed);
    for (size_t i = 0; i < trained->count; i++)
        trained->gradients[i] = needed[trained->states[i].node] ? trained->states[i] : CLADE_NO_VALUE;
    clade_free(graph->context, needed);
    return CLADE_OK;
}

bool clade_optimizer_searches(clade_optimizer_kind kind) {
    const clade_update_rule *rule = clade_update_rule_of(kind);
    return rule && !rule->update;
}

clade_status clade_optimizer_find(const clade_optimizer *optimizer, clade_value loss, clade_value seed,
                                  clade_trained *trained) {
    clade_graph *graph = loss.graph;
    *trained = (clade_trained){ 0 };
    clade_status status = check_optimizer(graph->context, optimizer);
    if (status == CLADE_OK) status = list_states(optimizer, graph, trained);
    if (status == CLADE_OK && optimizer->kind == CLADE_WIGGLE)
        status = find_needed(loss, trained);
    else if (status == CLADE_OK)
        status = clade_gradient(loss, seed, trained->states, trained->count, trained->gradients);
    if (status == CLADE_OK) drop_others(graph, trained);
    if (status == CLADE_OK) status = clade_graph_status(graph);
    if (status == CLADE_OK && trained->parameters == 0)
        status =
            clade_fail(graph->context, CLADE_ERROR_ARGUMENT, "the loss depends on no trained state: nothing to train");
    return status;
}

clade_status clade_optimizer_update(const clade_optimizer *optimizer, const clade_trained *trained) {
    clade_graph *graph = trained->states[0].graph;
    clade_value *gradients = clade_allocate(graph->context, trained->count, sizeof *gradients);
    if (!gradients) return clade_fail_memory(graph->context, trained->count * sizeof *gradients, "the gradients");
    for (size_t i = 0; i < trained->count; i++)
        gradients[i] = optimizer->accumulates ? gradient_sum(trained->states[i], trained->sums[i]) : trained->sums[i];
    if (optimizer->clip_value > 0) clip_elements(optimizer->clip_value, gradients, trained->count);
    if (optimizer->clip_norm > 0) clip_norm(optimizer->clip_norm, gradients, trained->count);
    clade_status status = CLADE_OK;
    for (size_t i = 0; i < trained->count && status == CLADE_OK; i++)
        status = append_update(optimizer, trained->states[i], gradients[i]);
    clade_free(graph->context, gradients);
    return status == CLADE_OK ? clade_graph_status(graph) : status;
}

clade_status clade_optimizer_append(const clade_optimizer *optimizer, clade_value loss, int64_t *parameters) {
    if (clade_optimizer_searches(optimizer->kind))
        return clade_fail(loss.graph->context, CLADE_ERROR_UNSUPPORTED,
                          "%s is no update of a graph: it needs a trainer, or clade/minimize.h",
                          clade_optimizer_name(optimizer->kind));
    clade_trained trained;
    clade_status status = clade_optimizer_find(optimizer, loss, CLADE_NO_VALUE, &trained);
    if (status == CLADE_OK) status = clade_optimizer_update(optimizer, &trained);
    if (parameters) *parameters = trained.parameters;
    clade_trained_free(loss.graph->context, &trained);
    return status;
}
