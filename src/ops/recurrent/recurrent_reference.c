/* The meaning of recurrent rows, in double: sample by sample, step by step, unit by unit, as ops/recurrent/recurrent.h writes it. */
#include "ops/recurrent/recurrent.h"

#include <math.h>

/* One sample in one direction. */
typedef struct walk {
    const clade_recurrent_attributes *a;
    clade_recurrent_place p;
    clade_recurrent_sizes s;
    int64_t direction, sample, length;
    bool reversed;
    double bound_sigmoid, bound;
} walk;

static walk walk_of(const clade_node *node, const clade_tensor in[], int64_t direction, int64_t sample) {
    walk w = { .a = node->attributes, .p = clade_recurrent_place_of(node), .direction = direction, .sample = sample };
    w.s = clade_recurrent_sizes_of(in[0].size, in[1].size);
    w.length = w.p.lengths < 0 ? w.s.time : (int64_t)in[w.p.lengths].data[sample];
    if (w.length < 0) w.length = 0;
    if (w.length > w.s.time) w.length = w.s.time;
    w.reversed = clade_recurrent_reversed(node) >> direction & 1;
    clade_recurrent_bounds(w.a, &w.bound_sigmoid, &w.bound);
    return w;
}

/* The time of the STEPth step. */
static int64_t time_at(const walk *w, int64_t step) {
    return w->reversed ? w->length - 1 - step : step;
}

/* Of an array over time with SLOTS numbers for each unit: unit 0 of slot 0. */
static double *row_at(const walk *w, const clade_tensor *x, int64_t slots, int64_t t) {
    return x->data + ((t * w->s.samples + w->sample) * w->s.directions + w->direction) * slots * w->s.units;
}

static double *state_at(const walk *w, const clade_tensor *x) {
    return x->data + (w->direction * w->s.samples + w->sample) * w->s.units;
}

static const double *weights_at(const walk *w, const clade_tensor *r) {
    return r->data + w->direction * w->p.gates * w->s.units * w->s.units;
}

/* Number WHICH of unit U, 0 without such an input. */
static double extra_at(const walk *w, const clade_tensor in[], int64_t which, int64_t u) {
    if (w->p.extra < 0) return 0;
    return in[w->p.extra].data[(w->direction * 3 + which) * w->s.units + u];
}

static double clipped(const walk *w, double x) {
    if (w->a->clip <= 0) return x;
    return x > w->a->clip ? w->a->clip : x < -w->a->clip ? -w->a->clip : x;
}

static double sigmoid(const walk *w, double x) {
    return 1 / (1 + exp(-clipped(w, x)));
}

static double dot(const double *a, const double *b, int64_t count) {
    double sum = 0;
    for (int64_t k = 0; k < count; k++) {
        sum += a[k] * b[k];
    }
    return sum;
}

/* ---- forward ---- */

/* What a step works on: the states before it, its row of the input, where the results go. */
typedef struct moment {
    const double *x, *r, *hidden, *cell;
    double *y, *kept, *cell_after;
} moment;

/* The sum that goes into GATE of unit U, from the input and the hidden state. */
static double gate_sum(const walk *w, const moment *m, int64_t gate, int64_t u) {
    const int64_t h = w->s.units;
    return m->x[gate * h + u] + dot(m->r + (gate * h + u) * h, m->hidden, h);
}

static void step_rnn(const walk *w, const moment *m, const clade_tensor in[], int64_t u) {
    (void)in;
    double sum = clipped(w, gate_sum(w, m, 0, u));
    m->y[u] = w->a->relu ? fmax(sum, 0) : tanh(sum);
}

static void step_lstm(const walk *w, const moment *m, const clade_tensor in[], int64_t u) {
    double before = m->cell[u];
    double i = sigmoid(w, gate_sum(w, m, 0, u) + extra_at(w, in, 0, u) * before);
    double f = sigmoid(w, gate_sum(w, m, 2, u) + extra_at(w, in, 2, u) * before);
    double g = tanh(clipped(w, gate_sum(w, m, 3, u))), c = f * before + i * g;
    double o = sigmoid(w, gate_sum(w, m, 1, u) + extra_at(w, in, 1, u) * c);
    m->y[u] = o * tanh(c);
    m->cell_after[u] = c;
    const double kept[] = { i, o, f, g, c };
    for (int slot = 0; m->kept && slot < 5; slot++) {
        m->kept[slot * w->s.units + u] = kept[slot];
    }
}

static double reset_gate(const walk *w, const moment *m, const clade_tensor in[], int64_t u) {
    return sigmoid(w, gate_sum(w, m, 1, u) + extra_at(w, in, 1, u));
}

static void step_gru(const walk *w, const moment *m, const clade_tensor in[], int64_t u) {
    const int64_t h = w->s.units;
    const double *r = m->r + (2 * h + u) * h;
    double z = sigmoid(w, gate_sum(w, m, 0, u) + extra_at(w, in, 0, u)), reset = reset_gate(w, m, in, u), product = 0;
    if (w->a->reset_after) {
        product = dot(r, m->hidden, h) + extra_at(w, in, 2, u);
    } else {
        for (int64_t k = 0; k < h; k++) {
            product += r[k] * reset_gate(w, m, in, k) * m->hidden[k];
        }
    }
    double n = tanh(clipped(w, m->x[2 * h + u] + (w->a->reset_after ? reset : 1) * product));
    m->y[u] = (1 - z) * n + z * m->hidden[u];
    const double kept[] = { z, reset, n, product };
    for (int slot = 0; m->kept && slot < w->p.keeps; slot++) {
        m->kept[slot * h + u] = kept[slot];
    }
}

static void fill(double *to, int64_t count, double value) {
    for (int64_t i = 0; to && i < count; i++) {
        to[i] = value;
    }
}

static void copy(double *to, const double *from, int64_t count) {
    for (int64_t i = 0; i < count; i++) {
        to[i] = from[i];
    }
}

static void walk_forward(const walk *w, const clade_node *node, const clade_tensor in[], clade_tensor out[]) {
    static void (*const steps[])(const walk *, const moment *, const clade_tensor[], int64_t) = { NULL, step_rnn,
                                                                                                  step_lstm, step_gru };
    const bool lstm = w->p.memory >= 0;
    const clade_tensor *kept = w->a->keeps && w->p.keeps > 0 ? &out[node->output_count - 1] : NULL;
    moment m = { .r = weights_at(w, &in[1]), .hidden = state_at(w, &in[w->p.hidden]) };
    if (lstm) {
        m.cell_after = state_at(w, &out[2]);
        copy(m.cell_after, state_at(w, &in[w->p.memory]), w->s.units);
        m.cell = m.cell_after;
    }
    for (int64_t step = 0; step < w->length; step++) {
        const int64_t t = time_at(w, step);
        m.x = row_at(w, &in[0], w->p.gates, t);
        m.y = row_at(w, &out[0], 1, t);
        m.kept = kept ? row_at(w, kept, w->p.keeps, t) : NULL;
        for (int64_t u = 0; u < w->s.units; u++) {
            steps[w->p.cell](w, &m, in, u);
        }
        m.hidden = m.y;
    }
    copy(state_at(w, &out[1]), m.hidden, w->s.units);
    for (int64_t t = w->length; t < w->s.time; t++) {
        fill(row_at(w, &out[0], 1, t), w->s.units, 0);
        if (kept) fill(row_at(w, kept, w->p.keeps, t), w->p.keeps * w->s.units, 0);
    }
}

void clade_recurrent_reference(const clade_node *node, const clade_tensor in[], clade_tensor out[]) {
    for (int64_t d = 0; d < in[1].size[0]; d++) {
        for (int64_t n = 0; n < in[0].size[1]; n++) {
            const walk w = walk_of(node, in, d, n);
            walk_forward(&w, node, in, out);
        }
    }
}

/* ---- backward ---- */

static double sigmoid_slope(const walk *w, double a) {
    return fabs(a - 0.5) >= w->bound_sigmoid ? 0 : a * (1 - a);
}

static double slope(const walk *w, double a) {
    if (w->a->relu) return a > 0 && a < w->bound ? 1 : 0;
    return fabs(a) >= w->bound ? 0 : 1 - a * a;
}

/* What a step back works on. DHIDDEN holds the whole dh before a unit's step, then what of it flows past the products;
 * RECURRENT are the rows that meet the weights on the way back. */
typedef struct moment_back {
    const double *r, *hidden, *cell, *y, *kept;
    double *dx, *recurrent, *others, *dhidden, *dcell;
} moment_back;

static void back_rnn(const walk *w, const moment_back *m, const clade_tensor in[], int64_t u) {
    (void)in;
    m->dx[u] = m->dhidden[u] * slope(w, m->y[u]);
    m->dhidden[u] = 0;
}

static void back_lstm(const walk *w, const moment_back *m, const clade_tensor in[], int64_t u) {
    const int64_t h = w->s.units;
    const double i = m->kept[u], o = m->kept[h + u], f = m->kept[2 * h + u], g = m->kept[3 * h + u];
    const double c = tanh(m->kept[4 * h + u]), dh = m->dhidden[u];
    const double d_out = dh * c * sigmoid_slope(w, o);
    const double dc = m->dcell[u] + dh * o * (1 - c * c) + d_out * extra_at(w, in, 1, u);
    const double d_in = dc * g * sigmoid_slope(w, i), d_forget = dc * m->cell[u] * sigmoid_slope(w, f);
    m->dx[u] = d_in;
    m->dx[h + u] = d_out;
    m->dx[2 * h + u] = d_forget;
    m->dx[3 * h + u] = dc * i * slope(w, g);
    m->dcell[u] = dc * f + d_in * extra_at(w, in, 0, u) + d_forget * extra_at(w, in, 2, u);
    m->dhidden[u] = 0;
    if (m->others) m->others[u] = m->cell[u];
}

static void back_gru(const walk *w, const moment_back *m, const clade_tensor in[], int64_t u) {
    (void)in;
    const int64_t h = w->s.units;
    const double z = m->kept[u], r = m->kept[h + u], n = m->kept[2 * h + u], dh = m->dhidden[u];
    m->dx[u] = dh * (m->hidden[u] - n) * sigmoid_slope(w, z);
    m->dx[2 * h + u] = dh * (1 - z) * slope(w, n);
    m->dhidden[u] = dh * z;
    if (w->a->reset_after) {
        m->dx[h + u] = m->dx[2 * h + u] * m->kept[3 * h + u] * sigmoid_slope(w, r);
        m->others[u] = m->dx[u];
        m->others[h + u] = m->dx[h + u];
        m->others[2 * h + u] = m->dx[2 * h + u] * r;
    } else {
        m->others[u] = r * m->hidden[u];
    }
}

/* The sum over ROWS rows of weights from FIRST on, of column U, times what flows into them. */
static double flows_back(const walk *w, const moment_back *m, const double *from, int64_t first, int64_t rows,
                         int64_t u) {
    double sum = 0;
    for (int64_t k = first; k < first + rows; k++) {
        sum += from[k] * m->r[k * w->s.units + u];
    }
    return sum;
}

/* Where the reset gate comes before the product: through it, when all candidates' gradients are known. */
static void back_reset(const walk *w, const moment_back *m) {
    const int64_t h = w->s.units;
    for (int64_t u = 0; u < h; u++) {
        const double r = m->kept[h + u], flow = flows_back(w, m, m->dx, 2 * h, h, u);
        m->dx[h + u] = flow * m->hidden[u] * sigmoid_slope(w, r);
        m->dhidden[u] += flow * r;
    }
}

/* The steps that the sample has not. */
static void clear_beyond(const walk *w, clade_tensor out[], const clade_tensor *others, int64_t others_slots) {
    for (int64_t t = w->length; t < w->s.time; t++) {
        fill(row_at(w, &out[0], w->p.gates, t), w->p.gates * w->s.units, 0);
        fill(row_at(w, &out[1], 1, t), w->s.units, 0);
        if (others) fill(row_at(w, others, others_slots, t), others_slots * w->s.units, 0);
    }
}

static void begin_back(const walk *w, const clade_tensor in[], int input, double *to) {
    fill(to, w->s.units, 0);
    if (input >= 0) copy(to, state_at(w, &in[input]), w->s.units);
}

static void walk_back(const walk *w, const clade_node *node, const clade_tensor in[], clade_tensor out[]) {
    static void (*const steps[])(const walk *, const moment_back *, const clade_tensor[],
                                 int64_t) = { NULL, back_rnn, back_lstm, back_gru };
    const bool lstm = w->p.memory >= 0, gru = w->p.cell == CLADE_CELL_GRU, before = gru && !w->a->reset_after;
    const int64_t h = w->s.units, slots = gru && !before ? 3 : 1, rows = before ? 2 * h : w->p.gates * h;
    const clade_tensor *others = node->output_count > (lstm ? 4U : 3U) ? &out[node->output_count - 1] : NULL;
    moment_back m = { .r = weights_at(w, &in[1]), .dhidden = state_at(w, &out[2]) };
    begin_back(w, in, w->p.last_dhidden, m.dhidden);
    if (lstm) m.dcell = state_at(w, &out[3]);
    if (lstm) begin_back(w, in, w->p.last_dcell, m.dcell);
    clear_beyond(w, out, others, slots);
    for (int64_t step = w->length - 1; step >= 0; step--) {
        const int64_t t = time_at(w, step), earlier = step > 0 ? time_at(w, step - 1) : 0;
        m.hidden = step > 0 ? row_at(w, &in[0], 1, earlier) : state_at(w, &in[w->p.hidden]);
        m.kept = w->p.kept >= 0 ? row_at(w, &in[w->p.kept], w->p.keeps, t) : NULL;
        if (lstm) m.cell = step > 0 ? row_at(w, &in[w->p.kept], 5, earlier) + 4 * h : state_at(w, &in[w->p.memory]);
        m.y = row_at(w, &in[0], 1, t);
        m.dx = row_at(w, &out[0], w->p.gates, t);
        m.others = others ? row_at(w, others, slots, t) : NULL;
        m.recurrent = slots == 3 ? m.others : m.dx;
        for (int64_t u = 0; u < h; u++) {
            if (w->p.dy >= 0) m.dhidden[u] += row_at(w, &in[w->p.dy], 1, t)[u];
            steps[w->p.cell](w, &m, in, u);
        }
        copy(row_at(w, &out[1], 1, t), m.hidden, h);
        if (before) back_reset(w, &m);
        for (int64_t u = 0; u < h; u++) {
            m.dhidden[u] += flows_back(w, &m, m.recurrent, 0, rows, u);
        }
    }
}

void clade_recurrent_reference_backward(const clade_node *node, const clade_tensor in[], clade_tensor out[]) {
    for (int64_t d = 0; d < in[1].size[0]; d++) {
        for (int64_t n = 0; n < in[0].size[1]; n++) {
            const walk w = walk_of(node, in, d, n);
            walk_back(&w, node, in, out);
        }
    }
}
