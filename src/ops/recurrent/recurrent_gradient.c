/* The gradient of recurrent rows: back through time by the gradient row, then the weights' gradients as one matrix product
 * over all steps and samples. */
#include "ops/recurrent/recurrent.h"

#include <string.h>

/* Columns BEGIN to END of x (T, N, W) as a matrix (T*N, END - BEGIN). */
static clade_value columns_of(clade_value x, int64_t begin, int64_t end) {
    const clade_dims dims = clade_value_dims(x);
    const clade_size rows = clade_size_multiply(x.graph, dims.size[0], dims.size[1]);
    clade_value matrix = clade_reshape(x, clade_shape(rows, dims.size[2]));
    if (begin == 0 && end == dims.size[2]) return matrix;
    return clade_slice(matrix, .begin = { 0, begin }, .end = { 0, end });
}

/* COUNT values of equal dims put one after another along AXIS. */
static clade_value stacked(const clade_value *parts, int64_t count, int axis) {
    if (count == 1) return parts[0];
    const int64_t size = clade_value_dims(parts[0]).size[axis];
    clade_value all = CLADE_NO_VALUE;
    for (int64_t i = 0; i < count; i++) {
        clade_pad_options pad = { .size = sizeof pad, .x = parts[i] };
        pad.before[axis] = i * size;
        pad.after[axis] = (count - 1 - i) * size;
        clade_value placed = clade_pad_with(&pad);
        all = i == 0 ? placed : clade_add(all, placed);
    }
    return all;
}

/* Outputs of the gradient row. */
typedef struct flow {
    clade_value dx, before, others;
    const clade_recurrent_place *p;
    int64_t units;
} flow;

/* (G*H, H): the sum over steps and samples of the gates' gradients times the states that met the weights. */
static clade_value weights_of(const flow *f, bool reset_after, int64_t direction) {
    const int64_t h = f->units, wide = f->p->gates * h, from = direction * wide;
    clade_value before = columns_of(f->before, direction * h, (direction + 1) * h);
    if (f->p->cell != CLADE_CELL_GRU || reset_after) {
        clade_value gates = columns_of(reset_after ? f->others : f->dx, from, from + wide);
        return clade_matmul(gates, before, true, false);
    }
    clade_value reset = columns_of(f->others, direction * h, (direction + 1) * h);
    clade_value both[] = { clade_matmul(columns_of(f->dx, from, from + 2 * h), before, true, false),
                           clade_matmul(columns_of(f->dx, from + 2 * h, from + wide), reset, true, false) };
    both[0] = clade_pad(both[0], .after = { h });
    both[1] = clade_pad(both[1], .before = { 2 * h });
    return clade_add(both[0], both[1]);
}

static clade_value recurrent_weights(const flow *f, bool reset_after) {
    clade_value parts[2] = { CLADE_NO_VALUE, CLADE_NO_VALUE };
    for (int64_t d = 0; d < f->p->directions; d++) {
        parts[d] = clade_reshape(weights_of(f, reset_after, d), clade_shape(1, f->p->gates * f->units, f->units));
    }
    return stacked(parts, f->p->directions, 0);
}

/* Slot SLOT of SLOTS numbers of each unit in x (T, N, D*SLOTS*H): (T, N, D, 1, H). */
static clade_value slot_of(const flow *f, clade_value x, int64_t slots, int64_t slot) {
    const clade_dims dims = clade_value_dims(x);
    x = clade_reshape(x, clade_shape(dims.size[0], dims.size[1], f->p->directions, slots, f->units));
    return clade_slice(x, .begin = { 0, 0, 0, slot }, .end = { 0, 0, 0, slot + 1 });
}

/* Peepholes i, o, f (D, 3*H): the gates' gradients times the cells that they saw. */
static clade_value peepholes(const flow *f, clade_value kept) {
    const uint32_t steps = 3;
    clade_value before = slot_of(f, f->others, 1, 0), after = slot_of(f, kept, f->p->keeps, f->p->keeps - 1);
    clade_value parts[3];
    for (int gate = 0; gate < 3; gate++) {
        clade_value seen = gate == 1 ? after : before;
        parts[gate] = clade_sum(clade_multiply(slot_of(f, f->dx, f->p->gates, gate), seen), steps, false);
    }
    return clade_reshape(stacked(parts, 3, 1), clade_shape(f->p->directions, 3 * f->units));
}

/* The node with what the gradient needs: itself, or where it keeps nothing one that does. Its output 0. */
static clade_value keeping(clade_tape *tape, const clade_node *node, const clade_recurrent_place *p) {
    clade_recurrent_attributes a;
    memcpy(&a, node->attributes, sizeof a);
    if (a.keeps || p->keeps == 0) return (clade_value){ tape->graph, node->index, 0 };
    a.keeps = true;
    a.output_count++;
    return clade_append(tape->graph, node->op, "", &a, node->inputs, node->input_count);
}

/* KEPT: what was kept; an RNN keeps nothing. */
static clade_value gradient_row(clade_tape *tape, const clade_node *node, const clade_recurrent_place *p,
                                const clade_value dy[], clade_value kept) {
    static const clade_op *const rows[] = { NULL, &clade_op_rnn_gradient, &clade_op_lstm_gradient,
                                            &clade_op_gru_gradient };
    clade_recurrent_attributes a;
    memcpy(&a, node->attributes, sizeof a);
    const bool lstm = p->cell == CLADE_CELL_LSTM;
    clade_value inputs[CLADE_MAX_INPUTS] = { { tape->graph, node->index, 0 }, node->inputs[1] };
    uint32_t count = 2;
    inputs[count++] = node->inputs[p->hidden];
    if (lstm) inputs[count++] = node->inputs[p->memory];
    if (a.lengths) inputs[count++] = node->inputs[p->lengths];
    if (lstm && a.extra) inputs[count++] = node->inputs[p->extra];
    if (p->keeps > 0) inputs[count++] = kept;
    a.dy = clade_value_valid(dy[0]);
    a.last_dhidden = clade_value_valid(dy[1]);
    a.last_dcell = lstm && clade_value_valid(dy[2]);
    if (a.dy) inputs[count++] = dy[0];
    if (a.last_dhidden) inputs[count++] = dy[1];
    if (a.last_dcell) inputs[count++] = dy[2];
    a.extra = lstm && a.extra;
    a.output_count = 3 + lstm + (a.extra || p->cell == CLADE_CELL_GRU);
    return clade_append(tape->graph, rows[p->cell], "", &a, inputs, count);
}

void clade_recurrent_gradient(clade_tape *tape, const clade_node *node, const clade_value dy[], clade_value dx[]) {
    const clade_recurrent_attributes *a = node->attributes;
    const clade_recurrent_place p = clade_recurrent_place_of(node);
    const bool lstm = p.cell == CLADE_CELL_LSTM;
    if (!clade_value_valid(dy[0]) && !clade_value_valid(dy[1]) && !(lstm && clade_value_valid(dy[2]))) return;
    clade_value y = keeping(tape, node, &p), kept = clade_output(y, lstm ? 3 : 2);
    if (!clade_value_valid(y)) return;
    clade_value all = gradient_row(tape, node, &p, dy, kept);
    if (!clade_value_valid(all)) return;
    const flow f = { all, clade_output(all, 1), clade_output(all, lstm ? 4 : 3), &p,
                     clade_value_type(node->inputs[1])->dims.size[2] };
    if (tape->wanted[0]) dx[0] = all;
    if (tape->wanted[1]) dx[1] = recurrent_weights(&f, p.cell == CLADE_CELL_GRU && a->reset_after);
    if (tape->wanted[p.hidden]) dx[p.hidden] = clade_output(all, 2);
    if (lstm && tape->wanted[p.memory]) dx[p.memory] = clade_output(all, 3);
    if (p.extra < 0 || !tape->wanted[p.extra]) return;
    dx[p.extra] = lstm ? peepholes(&f, kept)
                       : clade_reshape(clade_sum(f.others, 3, false), clade_shape(p.directions, 3 * f.units));
}

/* Nothing is kept where nothing flows back. */
bool clade_recurrent_inference(clade_rewrite *rewrite, const clade_node *node, const clade_value inputs[],
                               clade_value out[]) {
    const clade_recurrent_place p = clade_recurrent_place_of(node);
    clade_recurrent_attributes a;
    memcpy(&a, node->attributes, sizeof a);
    if (!a.keeps || p.keeps == 0) return false;
    a.keeps = false;
    a.output_count--;
    clade_value y = clade_append(rewrite->to, node->op, node->name, &a, inputs, node->input_count);
    for (uint32_t i = 0; i < node->output_count; i++) {
        out[i] = i + 1 < node->output_count ? clade_output(y, i) : CLADE_NO_VALUE;
    }
    return true;
}
