/* Test cases as graphs. Contents are drawn by Philox under the row's, the case's and the input's name, so that a case
 * does not change when another is added, and are rounded to float32 so that kernel and reference start alike. */
#include "exec/cases.h"

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

clade_value clade_case_fuse(const clade_case_graph *built) {
    clade_graph *graph = built->graph;
    const clade_node *node = clade_value_node(built->y);
    clade_fused_step *step = clade_arena_allocate(&graph->arena, 1, sizeof *step);
    int32_t *outputs = clade_arena_allocate(&graph->arena, 1, sizeof *outputs);
    if (step == NULL || outputs == NULL) {
        clade_fail_memory(graph->context, sizeof *step, "a test's graph");
        return CLADE_NO_VALUE;
    }
    *step = (clade_fused_step){ .op = node->op, .node = node };
    for (int32_t i = 0; i < built->input_count && i < 4; i++) {
        step->arguments[i] = i;
    }
    if (node->op->pointwise->parameters != NULL)
        node->op->pointwise->parameters(node, built->binding, step->parameters);
    clade_fused_attributes attributes = {
        .step_count = 1, .output_count = 1, .steps = step, .outputs = outputs, .dims = node->outputs[0].dims
    };
    return clade_append(graph, &clade_op_fused, "", &attributes, built->inputs, (uint32_t)built->input_count);
}

clade_status clade_case_fill(clade_context *context, const clade_op *op, const clade_case *one, int index, double *data,
                             int64_t count) {
    char name[256];
    snprintf(name, sizeof name, "%s/%s/%d", op->name, one->name, index);
    return clade_fill_array(context, one->fill[index], one->label_bound, name, 1, data, count);
}
