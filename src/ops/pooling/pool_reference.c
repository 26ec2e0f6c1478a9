/* The meaning of the pooling rows (ops/pooling/pool.c), in double. */
#include "ops/pooling/pool.h"

#include <math.h>
#include <string.h>

/* The cells of a window along an axis that are inside: FIRST, FIRST + STEP, ... below LAST. */
typedef struct cells {
    int64_t first, last, step;
} cells;

/* One window, and what its sum is divided by. */
typedef struct window {
    cells rows, columns;
    double extent;
} window;

/* The cells of the window at BEGIN that lie in [LOW, HIGH). */
static cells cells_within(const clade_pool_attributes *a, int axis, int64_t begin, int64_t low, int64_t high) {
    cells c = { begin, begin, a->dilation[axis] };
    int64_t end = begin + clade_pool_reach(a, axis);
    while (c.first < low)
        c.first += c.step;
    c.last = end < high ? end : high;
    return c;
}

static int64_t count_of(cells c) {
    return (c.last - c.first + c.step - 1) / c.step;
}

static window window_at(const clade_node *node, int64_t p, int64_t q, int64_t height, int64_t width) {
    const clade_pool_attributes *a = node->attributes;
    int64_t top = p * a->stride[0] - a->pad[0], left = q * a->stride[1] - a->pad[1];
    window w = { cells_within(a, 0, top, 0, height), cells_within(a, 1, left, 0, width), 1 };
    cells rows = w.rows, columns = w.columns;
    if (!a->exclude_pad) {
        rows = cells_within(a, 0, top, -a->pad[0], height + a->pad[2]);
        columns = cells_within(a, 1, left, -a->pad[1], width + a->pad[3]);
    }
    if (!clade_pool_is_sum(node)) w.extent = (double)(count_of(rows) * count_of(columns));
    return w;
}

/* What a reference does at window number Y of all, whose plane begins at PLANE. */
typedef void window_visitor(const clade_node *node, const window *w, int64_t y, int64_t plane, int64_t width,
                            const clade_tensor in[], clade_tensor out[]);

static void visit_windows(const clade_node *node, const clade_tensor *x, const clade_tensor *y, window_visitor *visit,
                          const clade_tensor in[], clade_tensor out[]) {
    int64_t height = x->size[2], width = x->size[3], number = 0;
    for (int64_t plane = 0; plane < x->size[0] * x->size[1]; plane++) {
        for (int64_t p = 0; p < y->size[2]; p++) {
            for (int64_t q = 0; q < y->size[3]; q++) {
                window w = window_at(node, p, q, height, width);
                visit(node, &w, number++, plane * height * width, width, in, out);
            }
        }
    }
}

/* The loop over the cells of W, at I, J. */
#define FOR_CELLS(W, I, J)                                                                                             \
    for (int64_t I = (W)->rows.first; I < (W)->rows.last; I += (W)->rows.step)                                         \
        for (int64_t J = (W)->columns.first; J < (W)->columns.last; J += (W)->columns.step)

static void visit_max(const clade_node *node, const window *w, int64_t y, int64_t plane, int64_t width,
                      const clade_tensor in[], clade_tensor out[]) {
    (void)node;
    int64_t at = w->rows.first * width + w->columns.first;
    FOR_CELLS(w, i, j) {
        double value = in[0].data[plane + i * width + j];
        if (value > in[0].data[plane + at] || isnan(value)) at = i * width + j;
    }
    out[0].data[y] = in[0].data[plane + at];
    out[1].data[y] = (double)at;
}

static bool is_of(cells c, int64_t i) {
    return i >= c.first && i < c.last && (i - c.first) % c.step == 0;
}

static bool holds(const window *w, int64_t at, int64_t width) {
    return at >= 0 && is_of(w->rows, at / width) && is_of(w->columns, at % width);
}

static void visit_max_gradient(const clade_node *node, const window *w, int64_t y, int64_t plane, int64_t width,
                               const clade_tensor in[], clade_tensor out[]) {
    (void)node;
    int64_t at = (int64_t)in[0].data[y];
    if (holds(w, at, width)) out[0].data[plane + at] += in[1].data[y];
}

static void visit_max_pick(const clade_node *node, const window *w, int64_t y, int64_t plane, int64_t width,
                           const clade_tensor in[], clade_tensor out[]) {
    (void)node;
    int64_t at = (int64_t)in[0].data[y];
    out[0].data[y] = holds(w, at, width) ? in[1].data[plane + at] : 0;
}

static void visit_sum(const clade_node *node, const window *w, int64_t y, int64_t plane, int64_t width,
                      const clade_tensor in[], clade_tensor out[]) {
    (void)node;
    double sum = 0;
    FOR_CELLS(w, i, j) sum += in[0].data[plane + i * width + j];
    out[0].data[y] = sum / w->extent;
}

static void visit_sum_gradient(const clade_node *node, const window *w, int64_t y, int64_t plane, int64_t width,
                               const clade_tensor in[], clade_tensor out[]) {
    (void)node;
    FOR_CELLS(w, i, j) out[0].data[plane + i * width + j] += in[0].data[y] / w->extent;
}

static void visit_lp(const clade_node *node, const window *w, int64_t y, int64_t plane, int64_t width,
                     const clade_tensor in[], clade_tensor out[]) {
    double sum = 0, power = (double)((const clade_pool_attributes *)node->attributes)->power;
    FOR_CELLS(w, i, j) sum += pow(fabs(in[0].data[plane + i * width + j]), power);
    out[0].data[y] = pow(sum, 1 / power);
}

static void clear(clade_tensor *tensor) {
    memset(tensor->data, 0, (size_t)tensor->count * sizeof *tensor->data);
}

void clade_max_pool_reference(const clade_node *node, const clade_tensor in[], clade_tensor out[]) {
    visit_windows(node, &in[0], &out[0], visit_max, in, out);
}

void clade_max_pool_gradient_reference(const clade_node *node, const clade_tensor in[], clade_tensor out[]) {
    clear(&out[0]);
    visit_windows(node, &out[0], &in[1], visit_max_gradient, in, out);
}

void clade_max_pool_pick_reference(const clade_node *node, const clade_tensor in[], clade_tensor out[]) {
    visit_windows(node, &in[1], &out[0], visit_max_pick, in, out);
}

void clade_sum_pool_reference(const clade_node *node, const clade_tensor in[], clade_tensor out[]) {
    visit_windows(node, &in[0], &out[0], visit_sum, in, out);
}

void clade_sum_pool_gradient_reference(const clade_node *node, const clade_tensor in[], clade_tensor out[]) {
    clear(&out[0]);
    visit_windows(node, &out[0], &in[0], visit_sum_gradient, in, out);
}

void clade_lp_pool_reference(const clade_node *node, const clade_tensor in[], clade_tensor out[]) {
    visit_windows(node, &in[0], &out[0], visit_lp, in, out);
}
