/* Timing single operators and whole runs (clade/inspect.h): every step alone, to its completion on the device. Graphs are
 * built, planned, compiled and fed before the clock starts. */
#include "exec/inspect.h"

#include "base/random.h"
#include "base/thread.h"
#include "clade/ops.h"
#include "passes/passes.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- the clock ---- */

enum { WARM_UP = 3, FEWEST_STEPS = 5 };
static const double usual_seconds = 2;

static int ascending(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The measured steps' times, growing. */
typedef struct samples {
    double *seconds;
    size_t count, capacity;
} samples;

static clade_status add_sample(clade_context *context, samples *times, double seconds) {
    if (times->count == times->capacity) {
        size_t capacity = times->capacity > 0 ? 2 * times->capacity : 256;
        double *grown = clade_reallocate(context, times->seconds, capacity, sizeof *grown);
        if (grown == NULL) return clade_fail_memory(context, capacity * sizeof *grown, "the times of a benchmark");
        times->seconds = grown;
        times->capacity = capacity;
    }
    times->seconds[times->count++] = seconds;
    return CLADE_OK;
}

double clade_median(double *numbers, size_t count) {
    qsort(numbers, count, sizeof *numbers, ascending);
    return count > 0 ? numbers[count / 2] : 0;
}

clade_status clade_bench(clade_context *context, clade_status (*step)(void *user), void *user,
                         const clade_bench_options *options, clade_times *times) {
    int64_t steps = options != NULL ? options->steps : 0;
    double least = options != NULL && options->seconds > 0 ? options->seconds : usual_seconds;
    samples taken = { .seconds = NULL };
    clade_status status = CLADE_OK;
    for (int i = 0; i < WARM_UP && status == CLADE_OK; i++)
        status = step(user);
    double start = clade_clock_seconds(), now = start;
    while (status == CLADE_OK) {
        int64_t done = (int64_t)taken.count;
        if (steps > 0 ? done >= steps : done >= FEWEST_STEPS && now - start >= least) break;
        double before = clade_clock_seconds();
        status = step(user);
        now = clade_clock_seconds();
        if (status == CLADE_OK) status = add_sample(context, &taken, now - before);
    }
    if (status == CLADE_OK) {
        double median = clade_median(taken.seconds, taken.count);
        *times = (clade_times){ .min = taken.seconds[0], .median = median, .steps = (int64_t)taken.count };
    }
    clade_free(context, taken.seconds);
    return status;
}

/* ---- a run ---- */

clade_status clade_run_prepare(clade_session *session, const clade_run_options *run, clade_plan **plan) {
    clade_context *context = clade_session_device(session)->context;
    clade_value *targets = clade_allocate(context, run->fetch_count + 1, sizeof *targets);
    if (targets == NULL) return clade_fail_memory(context, run->fetch_count * sizeof *targets, "a run's targets");
    for (size_t i = 0; i < run->fetch_count; i++)
        targets[i] = run->fetches[i].value;
    const clade_plan_request request = {
        .targets = targets,
        .target_count = run->fetch_count,
        .binding = { .batch = run->batch, .time = run->time },
        .updates = run->updates,
        .inference = run->inference,
    };
    clade_status status = clade_session_plan(session, &request, plan);
    clade_free(context, targets);
    for (size_t i = 0; i < run->feed_count && status == CLADE_OK; i++) {
        const clade_binding_array *feed = &run->feeds[i];
        const clade_buffer *input = clade_plan_input(*plan, feed->value);
        if (input == NULL) continue; /* the targets do not need it */
        size_t bytes = (size_t)feed->count * clade_dtype_size(clade_value_dtype(feed->value));
        if (bytes != input->bytes)
            return clade_fail(context, CLADE_ERROR_ARGUMENT,
                              "feed %zu has %" PRId64 " elements, but the input %zu bytes", i, feed->count,
                              input->bytes);
        status = clade_buffer_write(input, 0, feed->data, bytes);
    }
    return status;
}

typedef struct repetition {
    clade_session *session;
    clade_plan *plan;
    uint64_t step;
} repetition;

clade_status clade_run_step(clade_session *session, clade_plan *plan, uint64_t step) {
    /* Dropout draws anew at each step, and the step's scalars travel to the device, as in training. */
    if (plan->updates) clade_session_set_random(session, 0, step, 0);
    clade_status status = clade_plan_enqueue(plan);
    return status == CLADE_OK ? clade_device_finish(clade_session_device(session)) : status;
}

static clade_status repeat(void *user) {
    repetition *r = user;
    return clade_run_step(r->session, r->plan, r->step++);
}

/* Adds NAME to "direct+clblast", once. */
static void join_name(char *joined, size_t size, const char *name) {
    size_t length = strlen(name);
    for (const char *at = joined; (at = strstr(at, name)) != NULL; at++) {
        bool begins = at == joined || at[-1] == '+';
        if (begins && (at[length] == '\0' || at[length] == '+')) return;
    }
    size_t used = strlen(joined);
    if (used + length + 2 <= size) snprintf(joined + used, size - used, "%s%s", used > 0 ? "+" : "", name);
}

/* The implementations of the plan's products: matrix products, convolutions and their gradients. */
static void name_implementations(const clade_plan *plan, char *joined, size_t size) {
    static const char *const products[] = { "conv2d", "matmul" };
    joined[0] = '\0';
    for (size_t k = 0; k < sizeof products / sizeof products[0]; k++) {
        for (uint32_t i = 0; i < plan->graph->node_count; i++) {
            const clade_implementation *chosen = plan->nodes[i].implementation;
            const char *op = plan->graph->nodes[i]->op->name;
            if (chosen != NULL && strncmp(op, products[k], strlen(products[k])) == 0)
                join_name(joined, size, chosen->name);
        }
    }
}

clade_status clade_bench_run(clade_session *session, const clade_run_options *run, const clade_bench_options *options,
                             clade_bench_result *result) {
    repetition r = { .session = session };
    *result = (clade_bench_result){ .flops = 0 };
    clade_status status = clade_run_prepare(session, run, &r.plan);
    if (status != CLADE_OK) return status;
    name_implementations(r.plan, result->implementation, sizeof result->implementation);
    return clade_bench(clade_session_device(session)->context, repeat, &r, options, &result->times);
}

int64_t clade_session_parameter_count(const clade_session *session) {
    return clade_session_parameters(session);
}

/* ---- single operators ---- */

/* A graph with up to three float inputs, fed with numbers in [-1, 1). */
typedef struct bench_graph {
    clade_context *context;
    clade_graph *graph;
    clade_session *session;
    clade_binding_array feeds[3];
    size_t feed_count;
} bench_graph;

static clade_status open_graph(clade_device *device, bench_graph *b) {
    *b = (bench_graph){ .context = device->context, .graph = clade_graph_new(device->context) };
    return b->graph != NULL ? CLADE_OK : clade_fail_memory(device->context, sizeof *b, "a benchmark's graph");
}

static void close_graph(bench_graph *b) {
    clade_session_free(b->session);
    for (size_t i = 0; i < b->feed_count; i++)
        clade_free(b->context, b->feeds[i].data);
    clade_graph_free(b->graph);
}

static clade_value add_input(bench_graph *b, const char *name, clade_dims dims) {
    clade_value value = clade_input(b->graph, name, CLADE_F32, dims);
    int64_t sizes[CLADE_MAX_RANK];
    int64_t count = clade_dims_value(b->graph, &dims, (clade_binding){ 0 }, sizes);
    float *data = count > 0 ? clade_allocate(b->context, (size_t)count, sizeof *data) : NULL;
    if (data == NULL) return clade_invalid(b->graph, CLADE_ERROR_MEMORY, "memory is short for %s of a benchmark", name);
    clade_random random = clade_random_stream(0, name, 0);
    for (int64_t i = 0; i < count; i++)
        data[i] = (float)(clade_random_u32(&random) >> 8) * 0x1p-23f - 1.0f;
    b->feeds[b->feed_count++] = (clade_binding_array){ value, data, count };
    return value;
}

enum { MAX_TARGETS = 4 };

/* Times a run for COUNT targets; the session is made at the first call, when the graph is whole. */
static clade_status time_targets(bench_graph *b, clade_device *device, const clade_value *targets, size_t count,
                                 const clade_bench_options *options, clade_bench_result *result) {
    clade_status status = clade_graph_status(b->graph);
    if (status == CLADE_OK && b->session == NULL) status = clade_session_new(device, b->graph, 0, &b->session);
    if (status != CLADE_OK) return status;
    clade_binding_array fetches[MAX_TARGETS] = { { .data = NULL } };
    for (size_t i = 0; i < count; i++)
        fetches[i].value = targets[i];
    const clade_run_options run = {
        .size = sizeof run, .feeds = b->feeds, .feed_count = b->feed_count, .fetches = fetches, .fetch_count = count
    };
    return clade_bench_run(b->session, &run, options, result);
}

static clade_status time_target(bench_graph *b, clade_device *device, clade_value target,
                                const clade_bench_options *options, clade_bench_result *result) {
    return time_targets(b, device, &target, 1, options, result);
}

clade_status clade_bench_gemm(clade_device *device, int64_t m, int64_t n, int64_t k, const clade_bench_options *options,
                              clade_bench_result *result) {
    bench_graph b;
    clade_status status = open_graph(device, &b);
    if (status != CLADE_OK) return status;
    clade_value left = add_input(&b, "A", clade_shape(m, k)), right = add_input(&b, "B", clade_shape(k, n));
    status = time_target(&b, device, clade_matmul(left, right, false, false), options, result);
    result->flops = 2.0 * (double)m * (double)n * (double)k;
    close_graph(&b);
    return status;
}

static clade_value build_conv(bench_graph *b, const clade_conv_shape *shape, clade_value sources[2]) {
    sources[0] = add_input(b, "x", clade_shape(shape->n, shape->c, shape->h, shape->w));
    sources[1] = add_input(b, "w", clade_shape(shape->k, shape->c / shape->groups, shape->r, shape->s));
    const clade_conv2d_options geometry = {
        .size = sizeof geometry,
        .stride = { shape->stride, shape->stride },
        .pad = { shape->pad, shape->pad, shape->pad, shape->pad },
        .groups = shape->groups,
    };
    return clade_convolve2d(sources[0], sources[1], &geometry);
}

clade_status clade_bench_conv(clade_device *device, const clade_conv_shape *shape, const clade_bench_options *options,
                              clade_bench_result results[CLADE_CONV_DIRECTIONS]) {
    if (shape->groups < 1 || shape->c % shape->groups != 0)
        return clade_fail(device->context, CLADE_ERROR_ARGUMENT,
                          "%" PRId64 " channels do not divide into %" PRId64 " groups", shape->c, shape->groups);
    bench_graph b;
    clade_status status = open_graph(device, &b);
    if (status != CLADE_OK) return status;
    clade_value sources[2], gradients[2], y = build_conv(&b, shape, sources);
    status = clade_graph_status(b.graph);
    double flops = 0;
    if (status == CLADE_OK) {
        clade_dims dims = clade_value_dims(y);
        int64_t sizes[CLADE_MAX_RANK];
        int64_t count = clade_dims_value(b.graph, &dims, (clade_binding){ 0 }, sizes);
        flops = 2.0 * (double)count * (double)(shape->c / shape->groups * shape->r * shape->s);
        status = clade_gradient(y, add_input(&b, "dy", dims), sources, 2, gradients);
    }
    for (int i = 0; i < CLADE_CONV_DIRECTIONS && status == CLADE_OK; i++) {
        clade_value target = i == CLADE_CONV_FORWARD ? y : gradients[i - CLADE_CONV_BACKWARD_DATA];
        status = time_target(&b, device, target, options, &results[i]);
        results[i].flops = flops;
    }
    close_graph(&b);
    return status;
}

/* ---- layers ---- */

/* x (N, C, H, W) -> (N, C * H * W). */
static clade_value flat(clade_value x) {
    return clade_reshape(x, clade_shape(clade_value_dims(x).size[0], CLADE_REST));
}

static clade_value pool_with(clade_value (*pool)(const clade_pool_options *options), clade_value x,
                             const clade_layer_shape *shape) {
    return pool(&(const clade_pool_options){
        .size = sizeof(clade_pool_options),
        .x = x,
        .kernel = { shape->kernel, shape->kernel },
        .stride = { shape->stride, shape->stride },
        .pad = { shape->pad, shape->pad, shape->pad, shape->pad },
    });
}

#define LAYER(NAME, VALUE)                                                                                             \
    static clade_value NAME(clade_value x, clade_value other, const clade_layer_shape *shape) {                        \
        (void)other;                                                                                                   \
        (void)shape;                                                                                                   \
        return VALUE;                                                                                                  \
    }
LAYER(layer_lrn, clade_local_response_norm(x, .window = 5))
LAYER(layer_batch_norm, clade_batch_norm(x, .name = "norm"))
LAYER(layer_layer_norm, clade_layer_norm(flat(x), .name = "norm"))
LAYER(layer_max_pool, pool_with(clade_max_pool_with, x, shape))
LAYER(layer_average_pool, pool_with(clade_average_pool_with, x, shape))
LAYER(layer_lp_pool, pool_with(clade_lp_pool_with, x, shape))
LAYER(layer_global_max_pool, clade_global_max_pool(x))
LAYER(layer_instance_norm, clade_instance_norm(x, .name = "norm"))
LAYER(layer_local_contrast_norm, clade_local_contrast_norm(x))
LAYER(layer_softmax, clade_softmax(flat(x)))
LAYER(layer_swish, clade_add(clade_multiply(x, clade_sigmoid(x)), other))
LAYER(layer_gelu, clade_gelu(x))

/* Layers by name, with the states that they own. */
static const struct {
    const char *name;
    clade_value (*build)(clade_value x, clade_value other, const clade_layer_shape *shape);
    bool windows, takes_other;
    const char *states[2];
} layers[] = {
    { "lrn", layer_lrn, false, false, { NULL } },
    { "batch_norm", layer_batch_norm, false, false, { "norm.weight", "norm.bias" } },
    { "layer_norm", layer_layer_norm, false, false, { "norm.weight", "norm.bias" } },
    { "max_pool", layer_max_pool, true, false, { NULL } },
    { "average_pool", layer_average_pool, true, false, { NULL } },
    { "lp_pool", layer_lp_pool, true, false, { NULL } },
    { "global_max_pool", layer_global_max_pool, false, false, { NULL } },
    { "instance_norm", layer_instance_norm, false, false, { "norm.weight", "norm.bias" } },
    { "local_contrast_norm", layer_local_contrast_norm, false, false, { NULL } },
    { "softmax", layer_softmax, false, false, { NULL } },
    { "swish", layer_swish, false, true, { NULL } },
    { "gelu", layer_gelu, false, false, { NULL } },
};
enum { LAYERS = sizeof layers / sizeof layers[0] };

const char *clade_bench_layer_name(size_t index) {
    return index < LAYERS ? layers[index].name : NULL;
}

bool clade_bench_layer_has_windows(const char *name) {
    for (size_t i = 0; i < LAYERS; i++) {
        if (strcmp(layers[i].name, name) == 0) return layers[i].windows;
    }
    return false;
}

/* Appends layer number INDEX and its gradients: TARGETS become y and the gradients by x, the other input and the states. */
static clade_status build_layer(bench_graph *b, size_t index, const clade_layer_shape *shape,
                                clade_value targets[MAX_TARGETS], size_t *count) {
    const clade_dims dims = clade_shape(shape->n, shape->c, shape->h, shape->w);
    clade_value sources[MAX_TARGETS - 1] = { add_input(b, "x", dims) }, other = CLADE_NO_VALUE;
    size_t source_count = 1;
    if (layers[index].takes_other) other = sources[source_count++] = add_input(b, "other", dims);
    targets[0] = layers[index].build(sources[0], other, shape);
    for (int i = 0; i < 2 && layers[index].states[i] != NULL; i++)
        sources[source_count++] = clade_graph_find(b->graph, "state", layers[index].states[i]);
    clade_status status = clade_graph_status(b->graph);
    if (status != CLADE_OK) return status;
    clade_value dy = add_input(b, "dy", clade_value_dims(targets[0]));
    *count = 1 + source_count;
    return clade_gradient(targets[0], dy, sources, source_count, targets + 1);
}

clade_status clade_bench_layer(clade_device *device, const char *name, const clade_layer_shape *shape,
                               const clade_bench_options *options, clade_bench_result *forward,
                               clade_bench_result *both) {
    size_t index = 0, count = 0;
    while (index < LAYERS && strcmp(layers[index].name, name) != 0)
        index++;
    if (index == LAYERS) return clade_fail(device->context, CLADE_ERROR_ARGUMENT, "no layer \"%.100s\" to time", name);
    bench_graph b;
    clade_status status = open_graph(device, &b);
    if (status != CLADE_OK) return status;
    clade_value targets[MAX_TARGETS];
    status = build_layer(&b, index, shape, targets, &count);
    if (status == CLADE_OK) status = time_target(&b, device, targets[0], options, forward);
    if (status == CLADE_OK) status = time_targets(&b, device, targets, count, options, both);
    close_graph(&b);
    return status;
}
