/* Tuning a matrix product, or a convolution and its gradients, alone: a graph of one node each. */
#include "clade/tune.h"

#include "clade/ops.h"
#include "exec/plan.h"

#include <inttypes.h>

static clade_status tune_target(clade_device *device, const clade_graph *graph, clade_value target,
                                const clade_tune_options *options) {
    clade_session *session = NULL;
    const clade_binding_array fetch = { .value = target };
    const clade_run_options run = { .size = sizeof run, .fetches = &fetch, .fetch_count = 1, .batch = 1, .time = 1 };
    clade_status status = clade_session_new(device, graph, 0, &session);
    if (status == CLADE_OK) status = clade_tune_run(session, &run, options);
    clade_session_free(session);
    return status;
}

clade_status clade_tune_gemm(clade_device *device, int64_t m, int64_t n, int64_t k, const clade_tune_options *options) {
    clade_graph *graph = clade_graph_new(device->context);
    if (graph == NULL) return clade_fail_memory(device->context, sizeof *graph, "a graph");
    clade_value a = clade_input(graph, "A", CLADE_F32, clade_shape(m, k));
    clade_value b = clade_input(graph, "B", CLADE_F32, clade_shape(k, n));
    clade_value c = clade_matmul(a, b, false, false);
    clade_status status = clade_graph_status(graph);
    if (status == CLADE_OK) status = tune_target(device, graph, c, options);
    clade_graph_free(graph);
    return status;
}

clade_status clade_tune_conv(clade_device *device, const clade_conv_shape *shape, const clade_tune_options *options) {
    if (shape->groups < 1 || shape->c % shape->groups != 0)
        return clade_fail(device->context, CLADE_ERROR_ARGUMENT,
                          "%" PRId64 " channels do not divide into %" PRId64 " groups", shape->c, shape->groups);
    clade_graph *graph = clade_graph_new(device->context);
    if (graph == NULL) return clade_fail_memory(device->context, sizeof *graph, "a graph");
    const clade_conv2d_options geometry = {
        .size = sizeof geometry,
        .stride = { shape->stride, shape->stride },
        .pad = { shape->pad, shape->pad, shape->pad, shape->pad },
        .groups = shape->groups,
    };
    clade_value sources[2], targets[CLADE_CONV_DIRECTIONS];
    sources[0] = clade_input(graph, "x", CLADE_F32, clade_shape(shape->n, shape->c, shape->h, shape->w));
    sources[1] =
        clade_input(graph, "w", CLADE_F32, clade_shape(shape->k, shape->c / shape->groups, shape->r, shape->s));
    targets[CLADE_CONV_FORWARD] = clade_convolve2d(sources[0], sources[1], &geometry);
    clade_status status = clade_graph_status(graph);
    if (status == CLADE_OK) {
        clade_value y = targets[CLADE_CONV_FORWARD];
        clade_value dy = clade_input(graph, "dy", CLADE_F32, clade_value_dims(y));
        status = clade_gradient(y, dy, sources, 2, &targets[CLADE_CONV_BACKWARD_DATA]);
    }
    for (int i = 0; i < CLADE_CONV_DIRECTIONS && status == CLADE_OK; i++)
        status = tune_target(device, graph, targets[i], options);
    clade_graph_free(graph);
    return status;
}
