/* The types of recurrent rows: what their inputs are and what comes out. */
#include "ops/recurrent/recurrent.h"

#include <math.h>
#include <stddef.h>

#define FIELD(NAME) offsetof(clade_recurrent_attributes, NAME)

const clade_attribute clade_recurrent_schema[] = {
    { "keeps", CLADE_ATTRIBUTE_BOOL, FIELD(keeps), 0 },
    { "relu", CLADE_ATTRIBUTE_BOOL, FIELD(relu), 0 },
    { "reset_after", CLADE_ATTRIBUTE_BOOL, FIELD(reset_after), 0 },
    { "lengths", CLADE_ATTRIBUTE_BOOL, FIELD(lengths), 0 },
    { "extra", CLADE_ATTRIBUTE_BOOL, FIELD(extra), 0 },
    { "dy", CLADE_ATTRIBUTE_BOOL, FIELD(dy), 0 },
    { "last_dhidden", CLADE_ATTRIBUTE_BOOL, FIELD(last_dhidden), 0 },
    { "last_dcell", CLADE_ATTRIBUTE_BOOL, FIELD(last_dcell), 0 },
    { "direction", CLADE_ATTRIBUTE_INT, FIELD(direction), 0 },
    { "clip", CLADE_ATTRIBUTE_DOUBLE, FIELD(clip), 0 },
    { NULL, 0, 0, 0 },
};

static clade_recurrent_cell cell_of(const clade_op *op) {
    if (op == &clade_op_rnn || op == &clade_op_rnn_gradient) return CLADE_CELL_RNN;
    return op == &clade_op_lstm || op == &clade_op_lstm_gradient ? CLADE_CELL_LSTM : CLADE_CELL_GRU;
}

clade_recurrent_place clade_recurrent_place_of(const clade_node *node) {
    static const int64_t gates[] = { 0, 1, 4, 3 };
    const clade_recurrent_attributes *a = node->attributes;
    clade_recurrent_place p = { .cell = cell_of(node->op), .backward = node->op->gradient == NULL };
    const bool lstm = p.cell == CLADE_CELL_LSTM, keeps = p.cell != CLADE_CELL_RNN;
    const bool has_extra = p.backward ? lstm && a->extra : a->extra;
    p.count = 2;
    p.hidden = p.count++;
    p.memory = lstm ? p.count++ : -1;
    p.lengths = a->lengths ? p.count++ : -1;
    p.extra = has_extra ? p.count++ : -1;
    p.kept = p.backward && keeps ? p.count++ : -1;
    p.dy = p.backward && a->dy ? p.count++ : -1;
    p.last_dhidden = p.backward && a->last_dhidden ? p.count++ : -1;
    p.last_dcell = p.backward && lstm && a->last_dcell ? p.count++ : -1;
    p.gates = gates[p.cell];
    p.keeps = lstm ? 5 : !keeps ? 0 : a->reset_after ? 4 : 3;
    p.directions = a->direction == CLADE_BIDIRECTIONAL ? 2 : 1;
    return p;
}

clade_recurrent_sizes clade_recurrent_sizes_of(const int64_t first[], const int64_t r[]) {
    return (clade_recurrent_sizes){ .time = first[0], .samples = first[1], .units = r[2], .directions = r[0] };
}

int clade_recurrent_reversed(const clade_node *node) {
    const clade_recurrent_attributes *a = node->attributes;
    return a->direction == CLADE_BIDIRECTIONAL ? 2 : a->direction == CLADE_REVERSE;
}

/* A little below what a clipped argument gives, which no two devices round alike. */
void clade_recurrent_bounds(const clade_recurrent_attributes *a, double *of_sigmoid, double *of_other) {
    static const double margin = 1 - 1e-6;
    *of_sigmoid = *of_other = INFINITY;
    if (a->clip <= 0) return;
    *of_sigmoid = margin * (1 / (1 + exp(-a->clip)) - 0.5);
    *of_other = margin * (a->relu ? a->clip : tanh(a->clip));
}

/* ---- types ---- */

static bool has_dims(const clade_node *node, int input, clade_dims dims, const char *what, clade_text *why) {
    if (input < 0) return true;
    const clade_type *type = clade_value_type(node->inputs[input]);
    if (type->dtype == CLADE_F32 && clade_dims_equal(&type->dims, &dims)) return true;
    const clade_type expected = { CLADE_F32, dims };
    clade_text_add(why, "expected %s as %s", what, clade_type_text(node->graph, &expected));
    return false;
}

static bool good_lengths(const clade_node *node, int input, clade_size samples, clade_text *why) {
    if (input < 0) return true;
    const clade_type *type = clade_value_type(node->inputs[input]);
    if (type->dtype == CLADE_I32 && type->dims.rank == 1 && type->dims.size[0] == samples) return true;
    clade_text_add(why, "expected lengths as int32 (%s)", clade_size_text(node->graph, samples));
    return false;
}

/* The first two inputs, and the attributes. UNITS, WIDTH: H, and the floats that a step of a sample has in input 0. */
static bool good_start(const clade_node *node, const clade_recurrent_place *p, clade_text *why) {
    const clade_recurrent_attributes *a = node->attributes;
    const clade_type *first = clade_value_type(node->inputs[0]), *r = clade_value_type(node->inputs[1]);
    if (node->input_count != (uint32_t)p->count) {
        clade_text_add(why, "%u inputs; expected %d", (unsigned)node->input_count, p->count);
        return false;
    }
    if (first->dtype != CLADE_F32 || first->dims.rank != 3 || r->dtype != CLADE_F32 || r->dims.rank != 3 ||
        r->dims.size[2] < 1 || r->dims.size[0] != p->directions || r->dims.size[1] != p->gates * r->dims.size[2]) {
        clade_text_add(why, "expected float32 (T, N, ...) and recurrent weights (%d, %d*H, H)", (int)p->directions,
                       (int)p->gates);
        return false;
    }
    const int64_t width = p->directions * r->dims.size[p->backward ? 2 : 1];
    if (first->dims.size[2] != width) {
        clade_text_add(why, "expected %lld numbers for each step and sample", (long long)width);
        return false;
    }
    if (a->clip >= 0 && (p->cell != CLADE_CELL_GRU || p->backward || a->extra == a->reset_after)) return true;
    clade_text_add(why, "clip %g is negative, or recurrent biases without a reset gate after the product", a->clip);
    return false;
}

static void infer_forward(const clade_node *node, const clade_recurrent_place *p, clade_size units, clade_type out[]) {
    const clade_recurrent_attributes *a = node->attributes;
    const clade_dims *x = &clade_value_type(node->inputs[0])->dims;
    int count = 0;
    out[count++] = (clade_type){ CLADE_F32, clade_shape(x->size[0], x->size[1], p->directions * units) };
    out[count++] = *clade_value_type(node->inputs[p->hidden]);
    if (p->memory >= 0) out[count++] = *clade_value_type(node->inputs[p->memory]);
    if (a->keeps && p->keeps > 0)
        out[count++] = (clade_type){ CLADE_F32, clade_shape(x->size[0], x->size[1], p->directions * p->keeps * units) };
}

static void infer_backward(const clade_node *node, const clade_recurrent_place *p, clade_size units, clade_type out[]) {
    const clade_recurrent_attributes *a = node->attributes;
    const clade_type *y = clade_value_type(node->inputs[0]);
    clade_type gates = *y;
    gates.dims.size[2] = p->directions * p->gates * units;
    int count = 0;
    out[count++] = gates;
    out[count++] = *y;
    out[count++] = *clade_value_type(node->inputs[p->hidden]);
    if (p->memory >= 0) out[count++] = *clade_value_type(node->inputs[p->memory]);
    if (p->extra >= 0 || p->cell == CLADE_CELL_GRU) out[count++] = a->reset_after ? gates : *y;
}

bool clade_recurrent_infer(const clade_node *node, clade_type out[], clade_text *why) {
    const clade_recurrent_place p = clade_recurrent_place_of(node);
    if (!good_start(node, &p, why)) return false;
    const clade_dims *first = &clade_value_type(node->inputs[0])->dims;
    const clade_size time = first->size[0], samples = first->size[1];
    const int64_t units = clade_value_type(node->inputs[1])->dims.size[2], directions = p.directions;
    const clade_dims state = clade_shape(directions, samples, units);
    if (!has_dims(node, p.hidden, state, "the hidden state", why) ||
        !has_dims(node, p.memory, state, "the cell's state", why) || !good_lengths(node, p.lengths, samples, why) ||
        !has_dims(node, p.extra, clade_shape(directions, 3 * units), "peepholes or recurrent biases", why) ||
        !has_dims(node, p.kept, clade_shape(time, samples, directions * p.keeps * units), "what was kept", why) ||
        !has_dims(node, p.dy, clade_shape(time, samples, directions * units), "dy", why) ||
        !has_dims(node, p.last_dhidden, state, "the last hidden state's gradient", why) ||
        !has_dims(node, p.last_dcell, state, "the last cell's gradient", why))
        return false;
    (p.backward ? infer_backward : infer_forward)(node, &p, units, out);
    return true;
}

int64_t clade_recurrent_sample(const clade_site *site, uint32_t input, int64_t element, uint32_t random) {
    (void)input, (void)element;
    return random % (site->in[0].size[0] + 1);
}

double clade_recurrent_flops(const clade_site *site) {
    const clade_recurrent_place p = clade_recurrent_place_of(site->node);
    const clade_recurrent_sizes s = clade_recurrent_sizes_of(site->in[0].size, site->in[1].size);
    return 2.0 * (double)(s.time * s.samples) * (double)(p.directions * p.gates * s.units) * (double)s.units;
}
