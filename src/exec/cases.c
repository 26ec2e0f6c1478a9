/* Test cases as graphs. Contents are drawn by Philox under the row's, the case's and the input's name, so that a case
 * does not change when another is added, and are rounded to float32 so that kernel and reference start alike. */
#include "exec/cases.h"

#include "base/random.h"

#include <math.h>
#include <stdio.h>

static clade_dtype dtype_of(clade_fill fill) {
    return fill == CLADE_FILL_LABELS || fill == CLADE_FILL_RANDOM_STATE ? CLADE_I32 : CLADE_F32;
}

/* The binding of a case: its sizes are numbers, but an attribute may speak of N (a mean over the batch). */
static clade_binding binding_of(const clade_case *one) {
    bool has_batch = one->input_count > 0 && one->in[0].rank > 0 && one->in[0].size[0] > 0;
    return (clade_binding){ .batch = has_batch ? one->in[0].size[0] : 2, .time = 1 };
}

clade_status clade_case_build(clade_context *context, const clade_op *op, const clade_case *one,
                              clade_case_graph *built) {
    *built = (clade_case_graph){ .input_count = one->input_count, .binding = binding_of(one) };
    clade_graph *graph = clade_graph_new(context);
    if (graph == NULL) return clade_fail_memory(context, sizeof *graph, "a test's graph");
    for (int i = 0; i < one->input_count; i++) {
        char name[24];
        snprintf(name, sizeof name, "input %d", i);
        built->inputs[i] = clade_input(graph, name, dtype_of(one->fill[i]), one->in[i]);
    }
    const void *attributes = one->attributes;
    void *zeros = NULL;
    if (attributes == NULL && op->attributes_size > 0) {
        attributes = zeros = clade_allocate(context, 1, op->attributes_size);
        if (zeros == NULL) {
            clade_graph_free(graph);
            return clade_fail_memory(context, op->attributes_size, "a test's attributes");
        }
    }
    built->y = clade_append(graph, op, "", attributes, built->inputs, (uint32_t)one->input_count);
    clade_free(context, zeros);
    clade_status status = clade_graph_status(graph);
    if (status == CLADE_OK && !clade_value_valid(built->y))
        status = clade_fail(context, CLADE_ERROR_ARGUMENT, "%s: the case \"%s\" gives no value", op->name, one->name);
    if (status != CLADE_OK) {
        clade_graph_free(graph);
        return status;
    }
    built->graph = graph;
    return CLADE_OK;
}

/* Multiples of 1/64, in random order around zero. */
static clade_status fill_distinct(clade_context *context, clade_random *random, double *data, int64_t count) {
    if (count > INT32_MAX)
        return clade_fail(context, CLADE_ERROR_ARGUMENT, "a test array of %lld elements is too large",
                          (long long)count);
    for (int64_t i = 0; i < count; i++) {
        int64_t place = clade_random_below(random, (uint32_t)(i + 1)); /* Fisher and Yates, from inside out */
        data[i] = data[place];
        data[place] = (double)(i - count / 2) / 64.0;
    }
    return CLADE_OK;
}

static double draw(clade_random *random, clade_fill fill, int64_t label_bound) {
    double u = clade_random_uniform(random);
    switch (fill) {
    case CLADE_FILL_POSITIVE:
        return 0.5 + 1.5 * u;
    case CLADE_FILL_NONZERO:
        return u < 0.5 ? -0.1 - 1.8 * u : 0.1 + 1.8 * (u - 0.5);
    case CLADE_FILL_LABELS:
        return floor(u * (double)(label_bound > 0 ? label_bound : 1));
    default:
        return 2.0 * u - 1.0;
    }
}

/* Seed low and high, step low and high, first sample; the rest zeros. */
static void fill_random_state(clade_random *random, double *data, int64_t count) {
    for (int64_t i = 0; i < count; i++) {
        data[i] = i < 2 ? (double)(int32_t)clade_random_u32(random) : i == 2 ? 7 : i == 4 ? 100 : 0;
    }
}

clade_status clade_fill_array(clade_context *context, clade_fill fill, int64_t label_bound, const char *name,
                              uint64_t seed, double *data, int64_t count) {
    clade_random random = clade_random_stream(seed, name, 0);
    if (fill == CLADE_FILL_DISTINCT) return fill_distinct(context, &random, data, count);
    if (fill == CLADE_FILL_RANDOM_STATE) {
        fill_random_state(&random, data, count);
        return CLADE_OK;
    }
    for (int64_t i = 0; i < count; i++) {
        data[i] = (double)(float)draw(&random, fill, label_bound);
    }
    return CLADE_OK;
}

clade_status clade_case_fill(clade_context *context, const clade_op *op, const clade_case *one, int index, double *data,
                             int64_t count) {
    char name[256];
    snprintf(name, sizeof name, "%s/%s/%d", op->name, one->name, index);
    return clade_fill_array(context, one->fill[index], one->label_bound, name, 1, data, count);
}
