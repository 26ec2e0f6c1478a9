/* What is watched becomes nodes, and all of it one row, which is read back at once. */
#include "train/layer_watch.h"

#include "base/context.h"
#include "clade/ops.h"
#include "ops/op.h"
#include "train/row.h"

#include <string.h>

struct clade_layer_watch {
    clade_context *context;
    clade_value row; /* the norms, then the shares */
    const char **names;
    size_t norm_count, zero_count;
    float *values;
};

static const char *const activations[] = { "relu", "sigmoid", "tanh",  "step",     "leaky_relu",
                                           "elu",  "gelu",    "prelu", "softplus", "clipped_relu" };

static bool is_activation(const clade_node *node) {
    for (size_t i = 0; i < sizeof activations / sizeof activations[0]; i++)
        if (strcmp(node->op->name, activations[i]) == 0) return true;
    return false;
}

/* "conv1 relu": the activation and the layer that it follows. */
static const char *activation_name(clade_graph *graph, const clade_node *node) {
    const clade_node *before = node;
    while (!before->name[0] && before->input_count > 0)
        before = clade_value_node(before->inputs[0]);
    return clade_arena_format(&graph->arena, "%s %s", before->name[0] ? before->name : "image", node->op->name);
}

/* The share of elements that are 0: step(-|a|) is 1 there alone. */
static clade_value zeros_of(clade_value a) {
    return clade_mean(clade_step(clade_negate(clade_absolute(a))), CLADE_ALL_AXES, false);
}

static clade_value norm_of(clade_value gradient) {
    return clade_square_root(clade_sum(clade_square(gradient), CLADE_ALL_AXES, false));
}

static void list_norms(clade_layer_watch *watch, const clade_trained *trained, clade_value *values) {
    for (size_t i = 0; i < trained->count; i++) {
        const clade_node *node = clade_value_node(trained->states[i]);
        if (((const clade_leaf_attributes *)node->attributes)->role != CLADE_ROLE_WEIGHT) continue;
        watch->names[watch->norm_count] = node->name;
        values[watch->norm_count++] = norm_of(trained->gradients[i]);
    }
}

static void list_activations(clade_layer_watch *watch, clade_graph *graph, const bool *needed, uint32_t nodes,
                             clade_value *values) {
    for (uint32_t i = 0; i < nodes; i++) {
        if (!needed[i] || !is_activation(graph->nodes[i])) continue;
        const size_t at = watch->norm_count + watch->zero_count++;
        watch->names[at] = activation_name(graph, graph->nodes[i]);
        values[at] = zeros_of((clade_value){ graph, i, 0 });
    }
}

clade_status clade_layer_watch_new(clade_graph *graph, const clade_trained *trained, clade_value loss,
                                   clade_layer_watch **out) {
    *out = NULL;
    clade_context *context = graph->context;
    const uint32_t nodes = graph->node_count;
    clade_layer_watch *watch = clade_allocate(context, 1, sizeof *watch);
    bool *needed = clade_allocate(context, nodes + 1, sizeof *needed);
    clade_value *values = clade_allocate(context, nodes + 1, sizeof *values);
    clade_status status = CLADE_ERROR_MEMORY;
    if (!watch || !needed || !values) goto end;
    watch->context = context;
    watch->names = clade_allocate(context, nodes + 1, sizeof *watch->names);
    if (!watch->names) goto end;
    clade_graph_mark_needed(graph, &loss, 1, false, needed);
    list_norms(watch, trained, values);
    list_activations(watch, graph, needed, nodes, values);
    watch->values = clade_allocate(context, watch->norm_count + watch->zero_count + 1, sizeof *watch->values);
    if (!watch->values) goto end;
    watch->row = clade_row_of(values, watch->norm_count + watch->zero_count);
    status = clade_graph_status(graph);
    if (status == CLADE_OK) *out = watch;
end:
    if (status == CLADE_ERROR_MEMORY) clade_fail_memory(context, nodes * sizeof *values, "watching layers");
    if (status != CLADE_OK) clade_layer_watch_free(watch);
    clade_free(context, needed);
    clade_free(context, values);
    return status;
}

void clade_layer_watch_free(clade_layer_watch *watch) {
    if (!watch) return;
    clade_free(watch->context, (void *)watch->names);
    clade_free(watch->context, watch->values);
    clade_free(watch->context, watch);
}

clade_layer_names clade_layer_watch_names(const clade_layer_watch *watch) {
    return (clade_layer_names){ watch->names, watch->norm_count, watch->zero_count };
}

/* ---- looking ---- */

typedef struct samples {
    int64_t *indices;
    float *images, *targets;
    int32_t *labels;
} samples;

static clade_status read_samples(clade_context *context, clade_dataset *dataset, int64_t count, int64_t width,
                                 samples *s) {
    clade_dataset_info info = clade_dataset_describe(dataset);
    const size_t pixels = (size_t)(count * info.channels * info.height * info.width);
    s->indices = clade_allocate(context, (size_t)count, sizeof *s->indices);
    s->images = clade_allocate(context, pixels, sizeof *s->images);
    s->labels = clade_allocate(context, (size_t)count, sizeof *s->labels);
    s->targets = clade_allocate(context, (size_t)(count * width) + 1, sizeof *s->targets);
    if (!s->indices || !s->images || !s->labels || !s->targets)
        return clade_fail_memory(context, pixels * sizeof *s->images, "watching layers");
    for (int64_t i = 0; i < count; i++)
        s->indices[i] = i;
    clade_status status = clade_dataset_read(dataset, s->indices, count, s->images, s->labels);
    if (status == CLADE_OK && width > 0)
        status = clade_dataset_read_targets(dataset, s->indices, count, width, s->targets);
    return status;
}

static void release(clade_context *context, samples *s) {
    clade_free(context, s->indices);
    clade_free(context, s->images);
    clade_free(context, s->labels);
    clade_free(context, s->targets);
}

static clade_status send(const clade_plan *plan, clade_value input, const void *data) {
    const clade_buffer *buffer = clade_plan_input(plan, input);
    return buffer ? clade_buffer_write(buffer, 0, data, buffer->bytes) : CLADE_OK;
}

clade_status clade_layer_watch_look(clade_layer_watch *watch, clade_session *session, const clade_feed *feed,
                                    clade_dataset *dataset, int64_t count, const float **values) {
    samples s = { 0 };
    clade_plan *plan;
    const int64_t width = clade_feed_width(feed);
    clade_status status = clade_session_plan(
        session, &(clade_plan_request){ .targets = &watch->row, .target_count = 1, .binding = { .batch = count } },
        &plan);
    if (status == CLADE_OK) status = read_samples(watch->context, dataset, count, width, &s);
    if (status == CLADE_OK) status = send(plan, feed->image, s.images);
    if (status == CLADE_OK)
        status = send(plan, feed->label, width > 0 ? (const void *)s.targets : (const void *)s.labels);
    if (status == CLADE_OK) status = clade_plan_enqueue(plan);
    if (status == CLADE_OK)
        status = clade_buffer_read(clade_plan_target(plan, 0), 0, watch->values,
                                   (watch->norm_count + watch->zero_count) * sizeof *watch->values);
    release(watch->context, &s);
    *values = watch->values;
    return status;
}
