/* Recurrent layers as calls of the builder: the input's products with its weights, for all steps at once, and the row that
 * goes through time. The declarations are in clade/ops/recurrent.h. */
#include "ops/matmul/matmul.h"
#include "ops/recurrent/recurrent.h"

#include <math.h>
#include <string.h>

typedef struct layer {
    clade_recurrent_options given;
    const clade_op *op;
    clade_graph *graph;
    const char *name;
    int64_t gates, directions, inputs; /* G, D, C */
    clade_size time, samples;
    clade_value weight, recurrent, bias, peephole;
} layer;

/* ---- states ---- */

static clade_value state_of(const layer *l, clade_value given, const char *suffix, clade_dims dims, clade_role role,
                            clade_initializer initializer) {
    if (clade_value_valid(given)) return given;
    const clade_initializer uniform = { .kind = CLADE_INITIALIZE_UNIFORM,
                                        .value = (float)(1 / sqrt((double)l->given.units)),
                                        .fan_in = dims.size[dims.rank - 1],
                                        .fan_out = l->given.units };
    return clade_layer_state(l->graph, l->name, suffix, dims, role, initializer, uniform);
}

static bool has_dims(const layer *l, clade_value value, clade_dims dims, const char *what) {
    const clade_type expected = { CLADE_F32, dims };
    if (!clade_value_valid(value)) return false;
    const clade_type *type = clade_value_type(value);
    if (type->dtype == CLADE_F32 && clade_dims_equal(&type->dims, &dims)) return true;
    clade_invalid(l->graph, CLADE_ERROR_ARGUMENT, "%s %s: expected %s as %s, got %s", l->op->name, l->name, what,
                  clade_type_text(l->graph, &expected), clade_type_text(l->graph, type));
    return false;
}

static bool make_states(layer *l) {
    const int64_t h = l->given.units, wide = l->gates * h, d = l->directions;
    const clade_dims weight = clade_shape(d, wide, l->inputs), recurrent = clade_shape(d, wide, h);
    const clade_dims bias = clade_shape(d, 2 * wide), peephole = clade_shape(d, 3 * h);
    const bool peepholes = l->given.peepholes || clade_value_valid(l->given.peephole);
    const clade_initializer w = l->given.weight_initializer, b = l->given.bias_initializer;
    l->weight = state_of(l, l->given.weight, "weight", weight, CLADE_ROLE_WEIGHT, w);
    l->recurrent = state_of(l, l->given.recurrent, "recurrent", recurrent, CLADE_ROLE_WEIGHT, w);
    if (!has_dims(l, l->weight, weight, "the weights") ||
        !has_dims(l, l->recurrent, recurrent, "the recurrent weights"))
        return false;
    if (!l->given.no_bias) {
        l->bias = state_of(l, l->given.bias, "bias", bias, CLADE_ROLE_BIAS, b);
        if (!has_dims(l, l->bias, bias, "the biases")) return false;
    }
    if (l->op != &clade_op_lstm || !peepholes) return true;
    l->peephole = state_of(l, l->given.peephole, "peephole", peephole, CLADE_ROLE_WEIGHT, w);
    return has_dims(l, l->peephole, peephole, "the peepholes");
}

/* ---- the gates' sums from the input ---- */

/* Half WHICH of the biases, that of the input or that of the hidden state: (D, G*H). */
static clade_value half_bias(const layer *l, int64_t which) {
    const int64_t wide = l->gates * l->given.units;
    return clade_slice(l->bias, .begin = { 0, which * wide }, .end = { 0, (which + 1) * wide });
}

/* FORGET_BIAS in the forget gates' places, 0 elsewhere: (D, 4*H). */
static clade_value forget_bias(const layer *l) {
    const int64_t h = l->given.units;
    clade_value there = clade_constant(l->graph, clade_shape(l->directions, h), (float)l->given.forget_bias);
    return clade_pad(there, .before = { 0, 2 * h }, .after = { 0, h });
}

/* x W^T with the biases that need not wait for the hidden state: (T, N, D*G*H). */
static clade_value input_gates(const layer *l, bool reset_after) {
    const int64_t wide = l->directions * l->gates * l->given.units;
    const clade_size rows = clade_size_multiply(l->graph, l->time, l->samples);
    clade_value x = clade_reshape(l->given.x, clade_shape(rows, l->inputs)), bias = CLADE_NO_VALUE;
    clade_value weight = clade_reshape(l->weight, clade_shape(wide, l->inputs));
    const clade_matmul_attributes attributes = { .transpose_b = true };
    clade_value gates = clade_append(l->graph, &clade_op_matmul, l->name, &attributes, (clade_value[]){ x, weight }, 2);
    if (!l->given.no_bias) {
        bias = half_bias(l, 0);
        if (!reset_after) bias = clade_add(bias, half_bias(l, 1));
    }
    if (l->op == &clade_op_lstm && l->given.forget_bias != 0)
        bias = l->given.no_bias ? forget_bias(l) : clade_add(bias, forget_bias(l));
    if (clade_value_valid(bias)) gates = clade_bias(gates, clade_reshape(bias, clade_shape(wide)));
    return clade_reshape(gates, clade_shape(l->time, l->samples, wide));
}

static clade_value initial_state(const layer *l, clade_value given) {
    if (clade_value_valid(given)) return given;
    return clade_constant(l->graph, clade_shape(l->directions, l->samples, l->given.units), 0);
}

/* ---- the layer ---- */

static bool good_options(layer *l) {
    const clade_type *x = clade_value_type(l->given.x);
    l->graph = l->given.x.graph;
    l->name = clade_graph_unique_name(l->graph, l->given.name, l->op->name);
    if (x->dtype != CLADE_F32 || x->dims.rank != 3 || x->dims.size[2] < 1 || l->given.units < 1) {
        clade_invalid(l->graph, CLADE_ERROR_ARGUMENT,
                      "%s %s of %s: expected float32 (T, N, C) with C a number, and at least 1 unit", l->op->name,
                      l->name, clade_type_text(l->graph, x));
        return false;
    }
    l->time = x->dims.size[0];
    l->samples = x->dims.size[1];
    l->inputs = x->dims.size[2];
    l->directions = l->given.direction == CLADE_BIDIRECTIONAL ? 2 : 1;
    if (l->given.direction >= CLADE_FORWARD && l->given.direction <= CLADE_BIDIRECTIONAL) return true;
    clade_invalid(l->graph, CLADE_ERROR_ARGUMENT, "%s %s: there is no direction %d", l->op->name, l->name,
                  (int)l->given.direction);
    return false;
}

static clade_sequence through_time(const layer *l, bool reset_after) {
    const bool lstm = l->op == &clade_op_lstm, keeps = l->op != &clade_op_rnn;
    clade_recurrent_attributes a = {
        .output_count = 2 + lstm + keeps,
        .keeps = keeps,
        .relu = l->op == &clade_op_rnn && l->given.relu,
        .reset_after = reset_after,
        .lengths = clade_value_valid(l->given.lengths),
        .extra = reset_after || clade_value_valid(l->peephole),
        .direction = l->given.direction,
        .clip = l->given.clip,
    };
    uint32_t count = 0;
    clade_value inputs[6];
    inputs[count++] = input_gates(l, reset_after);
    inputs[count++] = l->recurrent;
    inputs[count++] = initial_state(l, l->given.hidden);
    if (lstm) inputs[count++] = initial_state(l, l->given.cell);
    if (a.lengths) inputs[count++] = l->given.lengths;
    if (reset_after) {
        const clade_dims dims = clade_shape(l->directions, 3 * l->given.units);
        inputs[count++] = l->given.no_bias ? clade_constant(l->graph, dims, 0) : half_bias(l, 1);
    } else if (a.extra) {
        inputs[count++] = l->peephole;
    }
    clade_value y = clade_append(l->graph, l->op, l->name, &a, inputs, count);
    if (!clade_value_valid(y)) return (clade_sequence){ y, y, CLADE_NO_VALUE };
    return (clade_sequence){ y, clade_output(y, 1), lstm ? clade_output(y, 2) : CLADE_NO_VALUE };
}

static clade_sequence build(const clade_recurrent_options *options, const clade_op *op, int64_t gates) {
    layer l = { .op = op, .gates = gates };
    memcpy(&l.given, options, options->size < sizeof l.given ? options->size : sizeof l.given);
    clade_value invalid = { l.given.x.graph, UINT32_MAX, 0 };
    if (!clade_value_valid(l.given.x)) return (clade_sequence){ l.given.x, l.given.x, CLADE_NO_VALUE };
    if (!good_options(&l) || !make_states(&l)) return (clade_sequence){ invalid, invalid, invalid };
    return through_time(&l, op == &clade_op_gru && !l.given.reset_before);
}

clade_sequence clade_rnn_with(const clade_recurrent_options *options) {
    return build(options, &clade_op_rnn, 1);
}

clade_sequence clade_lstm_with(const clade_recurrent_options *options) {
    return build(options, &clade_op_lstm, 4);
}

clade_sequence clade_gru_with(const clade_recurrent_options *options) {
    return build(options, &clade_op_gru, 3);
}
