/* Operators against numbers computed elsewhere (PyTorch 2.15, float64) and frozen: of y = f(x) the sum L of w y, and
 * two elements of dL/dx, evaluated in double through the rows' references. x[i] = ((37 i + 3 (i / 5)) mod 23) / 7 -
 * 1.5 and w[i] = ((13 i) mod 17) / 8 - 1, i counted through the whole array. */
#ifndef CLADE_TESTS_OPS_FROZEN_H
#define CLADE_TESTS_OPS_FROZEN_H

#include "support/device.h"

#include "clade/ops.h"
#include "clade/session.h"
#include "exec/session.h"
#include "passes/passes.h"

#include <math.h>
#include <string.h>

/* Numbers for each of C channels that a layer takes: 0.5 + 0.1 (c mod 7), and the same less 0.8. */
typedef struct frozen_operands {
    clade_value x, scale, bias;
} frozen_operands;

typedef struct frozen {
    const char *name;
    clade_value (*build)(const frozen_operands *o);
    clade_dims x, y;
    double sum, first, middle; /* L, dL/dx[0], dL/dx[count / 2] */
    clade_dims parameters;     /* of scale and bias; rank 0: none */
} frozen;

/* clang-format off */
/* A row without scale and bias; dims are FROZEN_DIMS(rank, sizes). */
#define FROZEN_DIMS(RANK, ...) { RANK, { __VA_ARGS__ } }
#define FROZEN_ROW(BUILD, X, Y, SUM, FIRST, MIDDLE) { #BUILD, BUILD, X, Y, SUM, FIRST, MIDDLE, { 0, { 0 } } }
/* clang-format on */

#define FROZEN(NAME, VALUE)                                                                                            \
    static clade_value NAME(const frozen_operands *o) {                                                                \
        return VALUE;                                                                                                  \
    }

static inline void frozen_near(const char *what, double got, double wanted) {
    if (!(fabs(got - wanted) <= 3e-8 * (1 + fabs(wanted)))) fail_msg("%s: %.10g, not %.10g", what, got, wanted);
}

/* Fills a leaf by a rule of the index. */
static inline void frozen_fill(clade_reference *reference, clade_value leaf, double (*rule)(int64_t i)) {
    clade_tensor *tensor = clade_reference_leaf(reference, leaf);
    assert_non_null(tensor);
    for (int64_t i = 0; i < tensor->count; i++)
        tensor->data[i] = rule(i);
}

static inline double frozen_x(int64_t i) {
    return (double)((37 * i + 3 * (i / 5)) % 23) / 7 - 1.5;
}
static inline double frozen_weight(int64_t i) {
    return (double)(13 * i % 17) / 8 - 1;
}
static inline double frozen_scale(int64_t i) {
    return 0.5 + 0.1 * (double)(i % 7);
}
static inline double frozen_bias(int64_t i) {
    return -0.3 + 0.1 * (double)(i % 7);
}

/* In a graph of its own; the first axis of x is N, a symbol, where it can be. */
static inline void frozen_check(graph_fixture *f, const frozen *row) {
    clade_graph *g = clade_graph_new(f->context);
    clade_dims x = row->x;
    const clade_binding binding = { .batch = x.size[0] };
    x.size[0] = CLADE_BATCH;
    frozen_operands o = { .x = clade_input(g, "x", CLADE_F32, x) };
    const bool parameters = row->parameters.rank > 0;
    if (parameters) o.scale = clade_input(g, "scale", CLADE_F32, row->parameters);
    if (parameters) o.bias = clade_input(g, "bias", CLADE_F32, row->parameters);
    const clade_value y = row->build(&o);
    assert_good(f->context, clade_graph_status(g));
    const clade_dims dims = clade_value_dims(y);
    const clade_value weight = clade_input(g, "weight", CLADE_F32, dims);
    const clade_value loss = clade_sum(clade_multiply(y, weight), CLADE_ALL_AXES, false);
    clade_value dx;
    assert_good(f->context, clade_gradient(loss, CLADE_NO_VALUE, &o.x, 1, &dx));
    clade_reference *reference = clade_reference_new(g, binding);
    frozen_fill(reference, o.x, frozen_x);
    frozen_fill(reference, weight, frozen_weight);
    if (parameters) frozen_fill(reference, o.scale, frozen_scale);
    if (parameters) frozen_fill(reference, o.bias, frozen_bias);
    const clade_tensor *sum = clade_reference_value(reference, loss), *result = clade_reference_value(reference, y);
    const clade_tensor *slope = clade_reference_value(reference, dx);
    if (!sum || !result || !slope) fail_msg("%s: %s", row->name, clade_error(f->context));
    assert_int_equal(result->rank, row->y.rank);
    for (int32_t axis = 0; axis < result->rank; axis++)
        assert_int_equal(result->size[axis], row->y.size[axis]);
    frozen_near(row->name, sum->data[0], row->sum);
    frozen_near(row->name, slope->data[0], row->first);
    frozen_near(row->name, slope->data[slope->count / 2], row->middle);
    clade_reference_free(reference);
    clade_graph_free(g);
}

/* Whether building VALUE in a new graph fails with PATTERN in its words. */
static inline void frozen_refused(graph_fixture *f, clade_value value, const char *pattern) {
    assert_false(clade_value_valid(value));
    if (clade_graph_status(f->graph) != CLADE_ERROR_ARGUMENT || !strstr(clade_error(f->context), pattern))
        fail_msg("\"%s\" does not hold \"%s\"", clade_error(f->context), pattern);
}

/* A test that CALL, on x float32 (N, 3, 4, 5) and whole int32 (3, 4), is refused with WORDS. */
#define FROZEN_REFUSED_TEST(NAME, CALL, WORDS)                                                                         \
    static void NAME(void **state) {                                                                                   \
        graph_fixture *f = *state;                                                                                     \
        const clade_value x = clade_input(f->graph, "x", CLADE_F32, clade_shape(CLADE_BATCH, 3, 4, 5));                \
        const clade_value whole = clade_input(f->graph, "whole", CLADE_I32, clade_shape(3, 4));                        \
        (void)x;                                                                                                       \
        (void)whole;                                                                                                   \
        frozen_refused(f, CALL, WORDS);                                                                                \
    }

/* Runs Y on the device with WHOLE numbers as its one input. */
static inline void frozen_run(graph_fixture *f, clade_value whole, const int32_t *numbers, int64_t count, clade_value y,
                              void *to, int64_t to_count) {
    clade_session *session;
    assert_good(f->context, clade_graph_status(f->graph));
    assert_good(f->context, clade_session_new(f->device, f->graph, 1, &session));
    const clade_binding_array feed = { whole, (void *)(uintptr_t)numbers, count }, fetch = { y, to, to_count };
    assert_good(f->context, clade_session_run(session, &(clade_run_options){ .size = sizeof(clade_run_options),
                                                                             .batch = 1,
                                                                             .feeds = &feed,
                                                                             .feed_count = 1,
                                                                             .fetches = &fetch,
                                                                             .fetch_count = 1 }));
    clade_session_free(session);
}

#endif
