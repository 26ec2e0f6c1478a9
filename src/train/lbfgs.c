/* L-BFGS as nodes. With P numbers in all states that are moved, and memory m, the graph gets these states:
 *     lbfgs.s, lbfgs.y (m, P)       the pairs
 *     lbfgs.point, lbfgs.gradient, lbfgs.trial_gradient, lbfgs.direction (1, P)
 *     lbfgs.memory (2)              how many pairs there are, and the newest one's row
 * A direction is one product of (1, 2m) weights with the pairs, and the inner products that the weights follow from are
 * three products of the pairs: the host does the two-loop recursion on these numbers, in double. */
#include "train/lbfgs.h"

#include "base/context.h"
#include "clade/ops.h"
#include "ops/op.h"
#include "train/row.h"

#include <math.h>

/* ---- the recursion on inner products ---- */

typedef struct recursion {
    const clade_lbfgs_products *p;
    int64_t count, newest;
    double gradient; /* the vector so far: gradient * g + sum of s_i * s[i] + y_i * y[i] */
    double s[CLADE_LBFGS_MOST_MEMORY], y[CLADE_LBFGS_MOST_MEMORY];
} recursion;

/* The row of the pair that came AGE pairs before the newest. */
static int64_t row_of(const recursion *r, int64_t age) {
    return (r->newest - age + r->p->memory) % r->p->memory;
}

/* s_row . vector, of a vector without a part in s. */
static double with_s(const recursion *r, int64_t row) {
    double sum = r->gradient * (double)r->p->sg[row];
    for (int64_t age = 0; age < r->count; age++)
        sum += r->y[row_of(r, age)] * (double)r->p->sy[row * r->p->memory + row_of(r, age)];
    return sum;
}

static double with_y(const recursion *r, int64_t row) {
    double sum = r->gradient * (double)r->p->yg[row];
    for (int64_t age = 0; age < r->count; age++) {
        const int64_t other = row_of(r, age);
        sum += r->y[other] * (double)r->p->yy[row * r->p->memory + other];
        sum += r->s[other] * (double)r->p->sy[other * r->p->memory + row];
    }
    return sum;
}

/* Algorithm 7.4, from q = -g. */
void clade_lbfgs_direction(const clade_lbfgs_products *products, int64_t count, int64_t newest, float *weights,
                           float *gradient) {
    recursion r = { .p = products, .count = count, .newest = newest, .gradient = -1 };
    const int64_t memory = products->memory;
    double alpha[CLADE_LBFGS_MOST_MEMORY];
    for (int64_t age = 0; age < count; age++) {
        const int64_t row = row_of(&r, age);
        alpha[age] = with_s(&r, row) / (double)products->sy[row * memory + row];
        r.y[row] -= alpha[age];
    }
    const int64_t diagonal = newest * memory + newest;
    const double scale = count > 0 ? (double)products->sy[diagonal] / (double)products->yy[diagonal] : 1;
    r.gradient *= scale;
    for (int64_t age = 0; age < count; age++)
        r.y[row_of(&r, age)] *= scale;
    for (int64_t age = count; age-- > 0;) {
        const int64_t row = row_of(&r, age);
        r.s[row] += alpha[age] - with_y(&r, row) / (double)products->sy[row * memory + row];
    }
    for (int64_t row = 0; row < memory; row++) {
        weights[row] = (float)r.s[row];
        weights[memory + row] = (float)r.y[row];
    }
    *gradient = (float)r.gradient;
}

/* ---- all states as one row ---- */

/* Has PROGRAM set each of STATES to its part of ROW. */
static void update_from_row(uint32_t program, const clade_value *states, size_t count, clade_value row) {
    int64_t at = 0;
    for (size_t i = 0; i < count; i++) {
        const int64_t elements = clade_row_elements(states[i]);
        clade_value part = row;
        if (count > 1) part = clade_slice(row, .begin = { 0, at }, .end = { 0, at + elements });
        clade_update_in(program, states[i], clade_reshape(part, clade_value_dims(states[i])));
        at += elements;
    }
}

/* ---- the graph ---- */

static clade_value zero_state(clade_graph *graph, const char *name, clade_dims dims) {
    return clade_state(graph, name, dims, CLADE_ROLE_STATE, (clade_initializer){ .kind = CLADE_INITIALIZE_CONSTANT });
}

/* A row of one number. */
static clade_value dot(clade_value a, clade_value b) {
    return clade_reshape(clade_sum(clade_multiply(a, b), CLADE_ALL_AXES, false), clade_shape(1));
}

/* ROWS with that row put in whose number in CHOSEN (rows, 1) is 1: exact, as the numbers are 0 or 1. */
static clade_value replace_row(clade_value rows, clade_value chosen, clade_value row) {
    clade_value others = clade_subtract(clade_constant(rows.graph, CLADE_SCALAR, 1), chosen);
    return clade_add(clade_multiply(chosen, row), clade_multiply(others, rows));
}

clade_status clade_lbfgs_append(clade_value loss, const clade_trained *trained, int64_t memory,
                                clade_lbfgs_graph *out) {
    clade_graph *g = loss.graph;
    const uint32_t ordinary = g->update_count;
    for (uint32_t i = 0; i < ordinary; i++)
        clade_update_in(CLADE_PROGRAM_EVALUATE, g->updates[i].state, g->updates[i].value);
    clade_value w = clade_row_of(trained->states, trained->count),
                found = clade_row_of(trained->gradients, trained->count);
    const int64_t elements = trained->parameters;
    const clade_dims row = clade_shape(1, elements), rows = clade_shape(memory, elements);
    clade_value s = zero_state(g, "lbfgs.s", rows), y = zero_state(g, "lbfgs.y", rows);
    clade_value point = zero_state(g, "lbfgs.point", row), gradient = zero_state(g, "lbfgs.gradient", row);
    clade_value trial = zero_state(g, "lbfgs.trial_gradient", row), direction = zero_state(g, "lbfgs.direction", row);
    zero_state(g, "lbfgs.memory", clade_shape(2));
    out->elements = elements;
    out->weights = clade_input(g, "lbfgs.weights", CLADE_F32, clade_shape(1, 2 * memory));
    out->row = clade_input(g, "lbfgs.row", CLADE_F32, clade_shape(memory, 1));

    out->numbers = clade_concat(0, clade_reshape(loss, clade_shape(1)), dot(direction, found), dot(found, found));
    clade_update_in(CLADE_PROGRAM_EVALUATE, trial, found);

    clade_value step = clade_scalar(g, "lbfgs.step", 0);
    update_from_row(CLADE_PROGRAM_MOVE, trained->states, trained->count,
                    clade_add(point, clade_multiply(step, direction)));

    clade_update_in(CLADE_PROGRAM_ACCEPT, s, replace_row(s, out->row, clade_subtract(w, point)));
    clade_update_in(CLADE_PROGRAM_ACCEPT, y, replace_row(y, out->row, clade_subtract(trial, gradient)));
    clade_update_in(CLADE_PROGRAM_ACCEPT, point, w);
    clade_update_in(CLADE_PROGRAM_ACCEPT, gradient, trial);

    out->sy = clade_matmul(s, y, false, true);
    out->yy = clade_matmul(y, y, false, true);
    out->sg = clade_matmul(gradient, s, false, true);
    out->yg = clade_matmul(gradient, y, false, true);
    clade_value of_s = clade_slice(out->weights, .end = { 0, memory }),
                of_y = clade_slice(out->weights, .begin = { 0, memory });
    clade_value turned = clade_add(clade_matmul(of_s, s, false, false), clade_matmul(of_y, y, false, false));
    turned = clade_add(turned, clade_multiply(clade_scalar(g, "lbfgs.gradient_weight", -1), gradient));
    clade_update_in(CLADE_PROGRAM_DIRECT, direction, turned);
    out->slope = dot(turned, gradient);
    return clade_graph_status(g);
}
