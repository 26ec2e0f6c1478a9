/* Recurrent layers written out step by step, for what Clade's own layers do not have: other activations, and an LSTM whose
 * input and forget gates are coupled. With x(t) standing for W x + b and r for R h + b of a gate, f, g and h for the
 * activations (ONNX, Operators: RNN, LSTM, GRU):
 *     RNN   h' = f(x + r)
 *     LSTM  i = f(x + r + P c),  e = f(x + r + P c) or 1 - i,  c' = e c + i g(x + r),  o = f(x + r + P c'),  h' = o h(c')
 *     GRU   z, s = f(x + r),  n = g(x + s r), or g(x + R (s h) + b),  h' = (1 - z) n + z h */
#include "formats/onnx/recurrent.h"

#include <string.h>

/* ---- activations ---- */

static clade_value relu(clade_value x, double alpha, double beta) {
    (void)alpha, (void)beta;
    return clade_relu(x);
}

static clade_value hyperbolic_tangent(clade_value x, double alpha, double beta) {
    (void)alpha, (void)beta;
    return clade_tanh(x);
}

static clade_value sigmoid(clade_value x, double alpha, double beta) {
    (void)alpha, (void)beta;
    return clade_sigmoid(x);
}

static clade_value softsign(clade_value x, double alpha, double beta) {
    (void)alpha, (void)beta;
    return clade_softsign(x);
}

static clade_value softplus(clade_value x, double alpha, double beta) {
    (void)alpha, (void)beta;
    return clade_softplus(x);
}

static clade_value affine(clade_value x, double alpha, double beta) {
    return clade_offset(clade_scale(x, alpha), beta);
}

static clade_value leaky_relu(clade_value x, double alpha, double beta) {
    (void)beta;
    return clade_leaky_relu(x, alpha);
}

static clade_value thresholded_relu(clade_value x, double alpha, double beta) {
    (void)beta;
    return clade_thresholded_relu(x, alpha);
}

static clade_value scaled_tanh(clade_value x, double alpha, double beta) {
    return clade_scale(clade_tanh(clade_scale(x, beta)), alpha);
}

static clade_value hard_sigmoid(clade_value x, double alpha, double beta) {
    return clade_hard_sigmoid(x, alpha, beta);
}

static clade_value elu(clade_value x, double alpha, double beta) {
    (void)beta;
    return clade_elu(x, alpha);
}

/* How many of activation_alpha and activation_beta each takes, and what they are without them. */
static const struct known {
    const char *name;
    clade_value (*apply)(clade_value x, double alpha, double beta);
    int numbers;
    double alpha, beta;
} known[] = {
    { "Relu", relu, 0, 0, 0 },
    { "Tanh", hyperbolic_tangent, 0, 0, 0 },
    { "Sigmoid", sigmoid, 0, 0, 0 },
    { "Softsign", softsign, 0, 0, 0 },
    { "Softplus", softplus, 0, 0, 0 },
    { "Affine", affine, 2, 1, 0 },
    { "LeakyRelu", leaky_relu, 1, 0.01, 0 },
    { "ThresholdedRelu", thresholded_relu, 1, 1, 0 },
    { "ScaledTanh", scaled_tanh, 2, 1, 1 },
    { "HardSigmoid", hard_sigmoid, 2, 0.2, 0.5 },
    { "Elu", elu, 1, 1, 0 },
};

static const struct known *find(const char *name, size_t length) {
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (strlen(known[i].name) != length) continue;
        size_t same = 0; /* whatever the case of letters */
        while (same < length && (known[i].name[same] | 0x20) == (name[same] | 0x20))
            same++;
        if (same == length) return &known[i];
    }
    return NULL;
}

/* Numbers are listed for those alone that take them, in order. */
static double take_number(const Onnx__AttributeProto *list, size_t *next, double otherwise) {
    if (list == NULL || *next >= list->n_floats) return otherwise;
    return (double)list->floats[(*next)++];
}

bool clade_onnx_read_activations(clade_onnx_node *node, int directions, clade_onnx_sequence_layer *layer) {
    static const char *const usual[][CLADE_ONNX_ACTIVATIONS] = { [CLADE_ONNX_RNN] = { "Tanh" },
                                                                 [CLADE_ONNX_LSTM] = { "Sigmoid", "Tanh", "Tanh" },
                                                                 [CLADE_ONNX_GRU] = { "Sigmoid", "Tanh" } };
    static const int counts[] = { [CLADE_ONNX_RNN] = 1, [CLADE_ONNX_LSTM] = 3, [CLADE_ONNX_GRU] = 2 };
    const Onnx__AttributeProto *words = clade_onnx_attribute(node, "activations");
    const Onnx__AttributeProto *alphas = clade_onnx_attribute(node, "activation_alpha"),
                               *betas = clade_onnx_attribute(node, "activation_beta");
    const int each = counts[layer->kind];
    size_t next_alpha = 0, next_beta = 0;
    int relus = 0, unusual = 0;
    if (words != NULL && words->n_strings != (size_t)(directions * each))
        return clade_onnx_refuse(node, "%zu activations", words->n_strings);
    for (int i = 0; i < directions * each; i++) {
        const char *name = usual[layer->kind][i % each];
        size_t length = strlen(name);
        const struct known *own = find(name, length), *found = own;
        if (words != NULL) {
            name = (const char *)words->strings[i].data;
            length = words->strings[i].len;
            found = find(name, length);
        }
        if (found == NULL)
            return clade_onnx_refuse(node, "activation \"%.*s\"", (int)(length < 40 ? length : 40), name);
        clade_onnx_activation *to = &layer->activations[i / each][i % each];
        *to = (clade_onnx_activation){ found->apply, found->alpha, found->beta };
        if (found->numbers > 0) to->alpha = take_number(alphas, &next_alpha, found->alpha);
        if (found->numbers > 1) to->beta = take_number(betas, &next_beta, found->beta);
        relus += found->apply == relu;
        unusual += found != own;
    }
    layer->options.relu = layer->kind == CLADE_ONNX_RNN && relus == directions;
    layer->by_steps = layer->couples || (unusual > 0 && !layer->options.relu);
    return true;
}

/* ---- steps ---- */

enum { MOST_STEPS = 1024, STEP_NODES = 32 };

/* One direction on its way. */
typedef struct walk {
    const clade_onnx_sequence_layer *layer;
    const clade_onnx_activation *f;
    int64_t units;
    clade_dims state;           /* (N, units) */
    clade_value recurrent;      /* (gates units, units) */
    clade_value bias, peephole; /* (gates units), (3 units); each may be absent */
    clade_value hidden, cell;
} walk;

/* Part D of X along its first axis, which goes. */
static clade_value part(clade_value x, int64_t d) {
    const int64_t count = clade_value_dims(x).size[0];
    clade_slice_options cut = { .size = sizeof cut, .x = x };
    cut.begin[0] = d;
    cut.end[0] = d + 1 == count ? 0 : d + 1;
    return clade_squeeze(clade_slice_with(&cut), 1u);
}

/* The units of gates FIRST to before LAST of X, whose AXIS has COUNT gates. */
static clade_value gates(const walk *w, clade_value x, int axis, int64_t first, int64_t last, int64_t count) {
    clade_slice_options cut = { .size = sizeof cut, .x = x };
    cut.begin[axis] = first * w->units;
    cut.end[axis] = last == count ? 0 : last * w->units;
    return first == 0 && last == count ? x : clade_slice_with(&cut);
}

static clade_value activate(const walk *w, int which, clade_value x) {
    const double clip = w->layer->options.clip;
    if (clip > 0) x = clade_clip(x, -clip, clip);
    return w->f[which].apply(x, w->f[which].alpha, w->f[which].beta);
}

/* R h + b of gates FIRST to before LAST of COUNT. */
static clade_value recur(const walk *w, clade_value hidden, int64_t first, int64_t last, int64_t count) {
    const clade_value y = clade_matmul(hidden, gates(w, w->recurrent, 0, first, last, count), false, true);
    return clade_value_valid(w->bias) ? clade_add(y, gates(w, w->bias, 0, first, last, count)) : y;
}

static clade_value peep(const walk *w, clade_value sum, clade_value cell, int64_t gate) {
    return clade_value_valid(w->peephole)
               ? clade_add(sum, clade_multiply(cell, gates(w, w->peephole, 0, gate, gate + 1, 3)))
               : sum;
}

static void step_rnn(walk *w, clade_value x) {
    w->hidden = activate(w, 0, clade_add(x, recur(w, w->hidden, 0, 1, 1)));
}

static void step_lstm(walk *w, clade_value x) {
    enum { INPUT, OUTPUT, FORGET, CELL, GATES };
    const clade_value sums = clade_add(x, recur(w, w->hidden, 0, GATES, GATES));
    clade_value sum[GATES];
    for (int64_t k = 0; k < GATES; k++)
        sum[k] = gates(w, sums, 1, k, k + 1, GATES);
    const clade_value input = activate(w, 0, peep(w, sum[INPUT], w->cell, 0));
    const clade_value forget =
        w->layer->couples ? clade_offset(clade_negate(input), 1) : activate(w, 0, peep(w, sum[FORGET], w->cell, 2));
    w->cell = clade_add(clade_multiply(forget, w->cell), clade_multiply(input, activate(w, 1, sum[CELL])));
    const clade_value output = activate(w, 0, peep(w, sum[OUTPUT], w->cell, 1));
    w->hidden = clade_multiply(output, w->f[2].apply(w->cell, w->f[2].alpha, w->f[2].beta));
}

static void step_gru(walk *w, clade_value x) {
    enum { UPDATE, RESET, NEW, GATES };
    const clade_value sums = clade_add(gates(w, x, 1, UPDATE, NEW, GATES), recur(w, w->hidden, UPDATE, NEW, GATES));
    const clade_value update = activate(w, 0, gates(w, sums, 1, UPDATE, RESET, 2));
    const clade_value reset = activate(w, 0, gates(w, sums, 1, RESET, NEW, 2));
    const clade_value own = gates(w, x, 1, NEW, GATES, GATES);
    const clade_value product = w->layer->options.reset_before
                                    ? recur(w, clade_multiply(reset, w->hidden), NEW, GATES, GATES)
                                    : clade_multiply(reset, recur(w, w->hidden, NEW, GATES, GATES));
    const clade_value fresh = activate(w, 1, clade_add(own, product));
    w->hidden = clade_add(fresh, clade_multiply(update, clade_subtract(w->hidden, fresh)));
}

/* The state before STEP stays where a sample has ended. Returns what the step shows: 0 there. */
static clade_value keep_ended(walk *w, clade_onnx_node *node, int64_t step, clade_value hidden, clade_value cell) {
    const clade_value lengths = w->layer->options.lengths;
    if (!clade_value_valid(lengths)) return w->hidden;
    const clade_value at = clade_onnx_scalar(node, ONNX__TENSOR_PROTO__DATA_TYPE__INT32, (double)step);
    const clade_value goes_on = clade_less(at, clade_reshape(lengths, clade_shape(w->state.size[0], 1)));
    const clade_value shown = clade_where(goes_on, w->hidden, clade_constant(node->graph, w->state, 0));
    w->hidden = clade_where(goes_on, w->hidden, hidden);
    if (clade_value_valid(cell)) w->cell = clade_where(goes_on, w->cell, cell);
    return shown;
}

/* W x + b of all steps, (T, N, gates units). */
static clade_value project(clade_onnx_node *node, const clade_onnx_sequence_layer *layer, int64_t d, clade_value bias) {
    const clade_dims dims = clade_value_dims(layer->options.x);
    const clade_value weight = part(layer->options.weight, d);
    const clade_size rows = clade_size_multiply(node->graph, dims.size[0], dims.size[1]);
    clade_value y = clade_matmul(clade_reshape(layer->options.x, clade_shape(rows, dims.size[2])), weight, false, true);
    if (clade_value_valid(bias)) y = clade_add(y, bias);
    return clade_reshape(y, clade_shape(dims.size[0], dims.size[1], clade_value_dims(weight).size[0]));
}

static clade_value start_of(clade_onnx_node *node, clade_value states, int64_t d, const clade_dims *dims) {
    return clade_value_valid(states) ? part(states, d) : clade_constant(node->graph, *dims, 0);
}

/* Direction D; SHOWN has room for each step. */
static clade_sequence walk_direction(clade_onnx_node *node, const clade_onnx_sequence_layer *layer, int64_t d,
                                     bool backwards, clade_value *shown) {
    static void (*const steps[])(walk * w, clade_value x) = {
        [CLADE_ONNX_RNN] = step_rnn, [CLADE_ONNX_LSTM] = step_lstm, [CLADE_ONNX_GRU] = step_gru
    };
    const clade_recurrent_options *o = &layer->options;
    const clade_dims dims = clade_value_dims(o->x);
    const clade_dims state = clade_shape(dims.size[1], o->units), row = clade_shape(1, dims.size[1], o->units);
    walk w = { .layer = layer, .f = layer->activations[d], .units = o->units, .state = state };
    clade_value biases[2] = { CLADE_NO_VALUE, CLADE_NO_VALUE };
    w.recurrent = part(o->recurrent, d);
    w.peephole = o->peepholes ? part(o->peephole, d) : CLADE_NO_VALUE;
    w.hidden = start_of(node, o->hidden, d, &state);
    w.cell = layer->kind == CLADE_ONNX_LSTM ? start_of(node, o->cell, d, &state) : CLADE_NO_VALUE;
    if (!o->no_bias) {
        const int64_t whole = clade_value_dims(o->bias).size[1];
        const clade_value both = clade_reshape(part(o->bias, d), clade_shape(2, whole / 2));
        biases[0] = part(both, 0);
        biases[1] = part(both, 1);
    }
    w.bias = biases[1];
    const clade_value x = project(node, layer, d, biases[0]);
    for (int64_t i = 0; i < dims.size[0]; i++) {
        const int64_t step = backwards ? dims.size[0] - 1 - i : i;
        const clade_value hidden = w.hidden, cell = w.cell;
        steps[layer->kind](&w, part(x, step));
        shown[step] = clade_reshape(keep_ended(&w, node, step, hidden, cell), row);
    }
    clade_sequence end = { clade_onnx_join(0, shown, dims.size[0]), clade_reshape(w.hidden, row), CLADE_NO_VALUE };
    if (clade_value_valid(w.cell)) end.cell = clade_reshape(w.cell, row);
    return end;
}

/* Whether X, where it is there, has the dims WANTED. */
static bool has_dims(clade_value x, clade_dims wanted) {
    if (!clade_value_valid(x)) return true;
    const clade_dims dims = clade_value_dims(x);
    return clade_dims_equal(&dims, &wanted);
}

/* Whether every input has the dims that ONNX says. */
static bool fits(const clade_onnx_sequence_layer *layer, int directions) {
    static const int64_t gates[] = { [CLADE_ONNX_RNN] = 1, [CLADE_ONNX_LSTM] = 4, [CLADE_ONNX_GRU] = 3 };
    const clade_recurrent_options *o = &layer->options;
    const clade_dims x = clade_value_dims(o->x);
    if (x.rank != 3 || o->units < 1 || o->units > INT32_MAX) return false;
    const int64_t rows = gates[layer->kind] * o->units;
    const clade_dims state = clade_shape(directions, x.size[1], o->units);
    return clade_value_valid(o->weight) && has_dims(o->weight, clade_shape(directions, rows, x.size[2])) &&
           clade_value_valid(o->recurrent) && has_dims(o->recurrent, clade_shape(directions, rows, o->units)) &&
           (o->no_bias || has_dims(o->bias, clade_shape(directions, 2 * rows))) &&
           (!o->peepholes || has_dims(o->peephole, clade_shape(directions, 3 * o->units))) &&
           has_dims(o->hidden, state) && has_dims(o->cell, state) && has_dims(o->lengths, clade_shape(x.size[1]));
}

clade_sequence clade_onnx_recurrent_steps(clade_onnx_node *node, const clade_onnx_sequence_layer *layer) {
    const clade_recurrent_options *o = &layer->options;
    const clade_dims dims = clade_value_dims(o->x);
    const bool both = o->direction == CLADE_BIDIRECTIONAL;
    clade_sequence ways[2] = { { CLADE_NO_VALUE, CLADE_NO_VALUE, CLADE_NO_VALUE } };
    clade_value shown[MOST_STEPS];
    if (!fits(layer, both ? 2 : 1) || dims.size[0] < 1 || dims.size[0] > MOST_STEPS) {
        clade_onnx_refuse(node, "with these activations it wants inputs of the sizes that ONNX says, and 1 to %d steps",
                          MOST_STEPS);
        return ways[0];
    }
    if (!clade_onnx_may_write_out(node, (size_t)dims.size[0] * (both ? 2 : 1) * STEP_NODES)) return ways[0];
    for (int d = 0; d <= both; d++)
        ways[d] = walk_direction(node, layer, d, d == 1 || o->direction == CLADE_REVERSE, shown);
    if (!both) return ways[0];
    clade_sequence joined = { clade_concat(2, ways[0].y, ways[1].y), clade_concat(0, ways[0].hidden, ways[1].hidden),
                              CLADE_NO_VALUE };
    if (layer->kind == CLADE_ONNX_LSTM) joined.cell = clade_concat(0, ways[0].cell, ways[1].cell);
    return joined;
}
