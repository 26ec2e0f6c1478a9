/* The table of layers of a network (clade/inspect.h), from the graph alone: no device, no plan.
 *
 * One walk in the graph's order, which is an order of computation. A node that depends on an input becomes a row, except a
 * bias that is added to the product before it, which belongs to the product's row. What depends on states alone (a bias
 * reshaped, say) hands its trained elements on to the row that uses it. */
#include "clade/inspect.h"
#include "exec/session.h"
#include "ops/op.h"

#include <string.h>

/* How much of the input one element of a value sees, along height and width. */
typedef struct sight {
    int64_t field[2], jump[2];
    bool everything; /* beyond a product over all features, or once the picture's axes are gone */
} sight;

typedef struct walk {
    const clade_graph *graph;
    clade_binding binding;
    bool *needed;     /* by node */
    bool *fed;        /* by node: whether it depends on an input of the graph */
    int64_t *trained; /* by node: trained elements behind it that no row has counted */
    size_t *row_of;   /* by node: its row plus 1; 0: none */
    sight *sights;    /* by node */
    clade_layer *rows;
    size_t row_count;
} walk;

static bool is_op(const clade_node *node, const char *name) {
    return strcmp(node->op->name, name) == 0;
}

/* What the table calls a node: a product with weights is the layer that it came from. */
static const char *type_of(const clade_node *node) {
    return is_op(node, "matmul") ? "dense" : node->op->name;
}

static bool is_leaf(const clade_node *node) {
    return node->input_count == 0;
}

/* Trained elements of a leaf: none unless it is a state with a trained role. */
static int64_t trained(const walk *w, const clade_node *node) {
    if (!is_op(node, "state")) return 0;
    const clade_leaf_attributes *attributes = node->attributes;
    if (attributes->role == CLADE_ROLE_STATE) return 0;
    int64_t sizes[CLADE_MAX_RANK];
    return clade_dims_value(w->graph, &node->outputs[0].dims, w->binding, sizes);
}

/* ---- receptive field ---- */

/* The two numbers of the attribute NAME, or 1 and 1. */
static void read_pair(const clade_node *node, const char *name, int64_t out[2]) {
    out[0] = out[1] = 1;
    for (const clade_attribute *a = node->op->attributes; a != NULL && a->name != NULL; a++) {
        if (strcmp(a->name, name) != 0 || a->kind != CLADE_ATTRIBUTE_INT || a->count != 2) continue;
        memcpy(out, (const char *)node->attributes + a->offset, 2 * sizeof *out);
    }
    for (int i = 0; i < 2; i++)
        if (out[i] < 1) out[i] = 1;
}

/* The window that a node slides over a picture; false when it does not slide. */
static bool read_window(const clade_node *node, int64_t kernel[2], int64_t stride[2], int64_t dilation[2]) {
    read_pair(node, "kernel", kernel);
    read_pair(node, "stride", stride);
    read_pair(node, "dilation", dilation);
    if (is_op(node, "conv2d")) {
        const clade_dims *weight = &clade_value_type(node->inputs[1])->dims;
        kernel[0] = weight->size[2];
        kernel[1] = weight->size[3];
        return true;
    }
    return is_op(node, "max_pool") || is_op(node, "average_pool") || is_op(node, "sum_pool") || is_op(node, "lp_pool");
}

/* The widest of what the inputs see. */
static sight widest_input(const walk *w, const clade_node *node) {
    sight seen = { { 0, 0 }, { 0, 0 }, false };
    for (uint32_t i = 0; i < node->input_count; i++) {
        const sight *input = &w->sights[node->inputs[i].node];
        seen.everything = seen.everything || input->everything;
        for (int axis = 0; axis < 2; axis++) {
            if (input->field[axis] > seen.field[axis]) seen.field[axis] = input->field[axis];
            if (input->jump[axis] > seen.jump[axis]) seen.jump[axis] = input->jump[axis];
        }
    }
    return seen;
}

static sight see(const walk *w, const clade_node *node) {
    if (is_leaf(node)) {
        /* A constant or a weight sees nothing. */
        if (!is_op(node, "input")) return (sight){ { 0, 0 }, { 0, 0 }, false };
        return (sight){ { 1, 1 }, { 1, 1 }, false };
    }
    sight seen = widest_input(w, node);
    int64_t kernel[2], stride[2], dilation[2];
    bool slides = read_window(node, kernel, stride, dilation);
    for (int axis = 0; slides && axis < 2; axis++) {
        seen.field[axis] += dilation[axis] * (kernel[axis] - 1) * seen.jump[axis];
        seen.jump[axis] *= stride[axis];
    }
    bool picture = node->outputs[0].dims.rank >= 4;
    if (!picture && seen.field[0] > 0 && !node->op->view && !node->op->pointwise) seen.everything = true;
    return seen;
}

/* ---- rows ---- */

static bool is_product(const clade_node *node) {
    return is_op(node, "conv2d") || is_op(node, "matmul");
}

/* Multiply-adds of a product: its output's elements times the terms of each sum. */
static double multiply_adds(const walk *w, const clade_node *node) {
    if (!is_product(node)) return 0;
    int64_t in[CLADE_MAX_RANK], weight[CLADE_MAX_RANK], out[CLADE_MAX_RANK];
    int64_t left = clade_dims_value(w->graph, &clade_value_type(node->inputs[0])->dims, w->binding, in);
    clade_dims_value(w->graph, &clade_value_type(node->inputs[1])->dims, w->binding, weight);
    int64_t count = clade_dims_value(w->graph, &node->outputs[0].dims, w->binding, out);
    if (is_op(node, "conv2d")) return (double)count * (double)weight[1] * (double)weight[2] * (double)weight[3];
    return out[0] > 0 ? (double)count * ((double)left / (double)out[0]) : 0;
}

/* Whether NODE is a state for a bias, seen through views of it. */
static bool is_bias(const clade_node *node) {
    while (node->op->view)
        node = clade_value_node(node->inputs[0]);
    if (!is_op(node, "state")) return false;
    const clade_leaf_attributes *attributes = node->attributes;
    return attributes->role == CLADE_ROLE_BIAS;
}

/* A bias that is added to a product belongs to the product's row: that row plus 1, or 0. */
static size_t carrier_of(const walk *w, const clade_node *node) {
    if (!is_op(node, "bias") && !is_op(node, "add")) return 0;
    const clade_node *before = clade_value_node(node->inputs[0]);
    bool adds_bias = is_bias(clade_value_node(node->inputs[1]));
    return adds_bias && is_product(before) ? w->row_of[before->index] : 0;
}

static bool fill_output(walk *w, const clade_node *node, clade_layer *row) {
    const clade_type *type = &node->outputs[0];
    int64_t count = clade_dims_value(w->graph, &type->dims, w->binding, row->output.size);
    row->output.rank = type->dims.rank;
    if (count < 0 || count > INT64_MAX / (int64_t)sizeof(double)) return false;
    row->activations = node->op->view ? 0 : count;
    row->activation_bytes = row->activations * (int64_t)clade_dtype_size(type->dtype);
    return true;
}

/* What sharing saves: see clade_layer. */
static void count_weights(const walk *w, const clade_node *node, clade_layer *row) {
    if (!is_op(node, "conv2d")) return;
    int64_t weight[CLADE_MAX_RANK];
    const clade_binding one = { .batch = 1, .time = w->binding.time };
    row->shared_weights = (double)clade_dims_value(w->graph, &clade_value_type(node->inputs[1])->dims, one, weight);
    const double in = (double)clade_dims_value(w->graph, &clade_value_type(node->inputs[0])->dims, one, NULL);
    const double out = (double)clade_dims_value(w->graph, &node->outputs[0].dims, one, NULL);
    row->local_weights = out * (double)(weight[1] * weight[2] * weight[3]);
    row->dense_weights = in * out;
}

static void begin_row(const walk *w, const clade_node *node, clade_layer *row) {
    const sight *seen = &w->sights[node->index];
    row->name = node->name;
    row->type = type_of(node);
    row->multiply_adds = multiply_adds(w, node);
    count_weights(w, node, row);
    if (!seen->everything) memcpy(row->receptive_field, seen->field, sizeof seen->field);
}

/* The trained elements behind NODE's inputs, each counted once in the whole walk. */
static int64_t take_trained(const walk *w, const clade_node *node) {
    int64_t count = is_leaf(node) ? trained(w, node) : 0;
    for (uint32_t i = 0; i < node->input_count; i++) {
        count += w->trained[node->inputs[i].node];
        w->trained[node->inputs[i].node] = 0;
    }
    return count;
}

static bool add_node(walk *w, const clade_node *node) {
    w->fed[node->index] = is_op(node, "input");
    for (uint32_t i = 0; i < node->input_count; i++)
        w->fed[node->index] = w->fed[node->index] || w->fed[node->inputs[i].node];
    w->sights[node->index] = see(w, node);
    int64_t count = take_trained(w, node);
    if (is_leaf(node) || !w->fed[node->index]) {
        w->trained[node->index] = count;
        return true;
    }
    size_t place = carrier_of(w, node);
    bool begins = place == 0;
    if (begins) place = ++w->row_count;
    w->row_of[node->index] = place;
    clade_layer *row = &w->rows[place - 1];
    if (begins) begin_row(w, node, row);
    row->parameters += count;
    return fill_output(w, node, row);
}

/* ---- the whole ---- */

/* The summary's rows and names live behind it in one block. */
typedef struct holder {
    clade_summary summary;
    clade_context *context;
    clade_arena arena;
} holder;

static bool keep(holder *held, const walk *w) {
    clade_layer *rows = clade_arena_copy(&held->arena, w->rows, (w->row_count + 1) * sizeof *rows);
    if (rows == NULL) return false;
    held->summary.layers = rows;
    held->summary.layer_count = w->row_count;
    for (size_t i = 0; i < w->row_count; i++) {
        rows[i].name = clade_arena_string(&held->arena, rows[i].name);
        if (rows[i].name == NULL) return false;
        held->summary.parameters += rows[i].parameters;
        held->summary.multiply_adds += rows[i].multiply_adds;
        held->summary.activation_bytes += rows[i].activation_bytes;
    }
    return true;
}

static void release(walk *w) {
    clade_context *context = w->graph->context;
    clade_free(context, w->needed);
    clade_free(context, w->fed);
    clade_free(context, w->trained);
    clade_free(context, w->row_of);
    clade_free(context, w->sights);
    clade_free(context, w->rows);
}

static bool prepare(walk *w) {
    clade_context *context = w->graph->context;
    size_t count = w->graph->node_count;
    w->needed = clade_allocate(context, count + 1, sizeof *w->needed);
    w->fed = clade_allocate(context, count + 1, sizeof *w->fed);
    w->trained = clade_allocate(context, count + 1, sizeof *w->trained);
    w->row_of = clade_allocate(context, count + 1, sizeof *w->row_of);
    w->sights = clade_allocate(context, count + 1, sizeof *w->sights);
    w->rows = clade_allocate(context, count + 1, sizeof *w->rows);
    return w->needed != NULL && w->fed != NULL && w->trained != NULL && w->row_of != NULL && w->sights != NULL &&
           w->rows != NULL;
}

clade_status clade_summary_new(clade_value output, int64_t batch, clade_summary **summary) {
    *summary = NULL;
    if (!clade_value_valid(output))
        return output.graph != NULL ? clade_graph_status(output.graph) : CLADE_ERROR_ARGUMENT;
    walk w = { .graph = output.graph, .binding = { .batch = batch, .time = 1 } };
    clade_context *context = output.graph->context;
    clade_status status = CLADE_OK;
    holder *held = clade_allocate(context, 1, sizeof *held);
    if (held == NULL || !prepare(&w)) {
        status = clade_fail_memory(context, w.graph->node_count * sizeof(clade_layer), "the summary of a graph");
        goto end;
    }
    held->context = held->arena.context = context;
    clade_graph_mark_needed(w.graph, &output, 1, false, w.needed);
    for (uint32_t i = 0; i < w.graph->node_count && status == CLADE_OK; i++) {
        const clade_node *node = w.graph->nodes[i];
        if (w.needed[i] && !add_node(&w, node))
            status = clade_fail(context, CLADE_ERROR_ARGUMENT, "%s %s is too large at a batch of %lld", node->op->name,
                                node->name, (long long)batch);
    }
    if (status == CLADE_OK && !keep(held, &w))
        status = clade_fail_memory(context, w.row_count * sizeof(clade_layer), "the summary of a graph");
end:
    release(&w);
    if (status == CLADE_OK) {
        *summary = &held->summary;
    } else if (held != NULL) {
        clade_summary_free(&held->summary);
    }
    return status;
}

void clade_summary_free(clade_summary *summary) {
    if (summary == NULL) return;
    holder *held = (holder *)(void *)summary;
    clade_arena_clear(&held->arena);
    clade_free(held->context, held);
}
