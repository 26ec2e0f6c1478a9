/* The reference interpreter: a graph evaluated on the host in double through the rows' references. It is what kernels
 * and gradients are compared with, so it is kept plain: every value has its own array, and a node is evaluated when
 * something needs it and an input has changed.
 *
 * Nothing is rounded to float32 between nodes. Updates are not carried out: evaluate clade_graph_update_of() and copy. */
#include "exec/initialize.h"
#include "exec/session.h"

#include <string.h>

/* What one interpreter may hold, so that a wrong size ends in an error and not in a machine without memory. */
static const int64_t LARGEST_TOTAL = INT64_C(1) << 29; /* elements: 4 GiB of double */

typedef struct evaluation {
    clade_tensor *out; /* one for each output; NULL until made */
    bool valid;        /* OUT holds what the leaves as they are now give */
} evaluation;

struct clade_reference {
    const clade_graph *graph;
    clade_context *context;
    clade_binding binding;
    evaluation *nodes; /* by node index */
    uint32_t node_count;
    bool *needed;  /* scratch of clade_reference_value, by node index */
    int64_t total; /* elements held */
};

static const clade_op *const leaf_rows[] = {
    &clade_op_input, &clade_op_scalar, &clade_op_state, &clade_op_random_state, &clade_op_constant, NULL,
};

static bool is_leaf(const clade_node *node) {
    for (const clade_op *const *row = leaf_rows; *row != NULL; row++) {
        if (node->op == *row) return true;
    }
    return false;
}

clade_reference *clade_reference_new(const clade_graph *graph, clade_binding binding) {
    clade_context *context = graph->context;
    clade_reference *reference = clade_allocate(context, 1, sizeof *reference);
    if (reference == NULL) return NULL;
    *reference = (clade_reference){ .graph = graph, .context = context, .binding = binding };
    return reference;
}

void clade_reference_free(clade_reference *reference) {
    if (reference == NULL) return;
    for (uint32_t i = 0; i < reference->node_count; i++) {
        clade_tensor *out = reference->nodes[i].out;
        for (uint32_t o = 0; out != NULL && o < reference->graph->nodes[i]->output_count; o++) {
            clade_free(reference->context, out[o].data);
        }
        clade_free(reference->context, out);
    }
    clade_free(reference->context, reference->nodes);
    clade_free(reference->context, reference->needed);
    clade_free(reference->context, reference);
}

/* Room for the nodes that the graph has by now: gradients may have been appended since the last call. */
static bool follow_graph(clade_reference *reference) {
    uint32_t count = reference->graph->node_count;
    if (count <= reference->node_count) return true;
    evaluation *nodes = clade_reallocate(reference->context, reference->nodes, count, sizeof *nodes);
    if (nodes == NULL) return false;
    reference->nodes = nodes;
    bool *needed = clade_reallocate(reference->context, reference->needed, count, sizeof *needed);
    if (needed == NULL) return false;
    reference->needed = needed;
    memset(nodes + reference->node_count, 0, (count - reference->node_count) * sizeof *nodes);
    reference->node_count = count;
    return true;
}

static clade_status make_tensor(clade_reference *reference, const clade_type *type, const char *op,
                                clade_tensor *tensor) {
    tensor->dtype = type->dtype;
    tensor->rank = type->dims.rank;
    tensor->count = clade_dims_value(reference->graph, &type->dims, reference->binding, tensor->size);
    if (tensor->count < 0)
        return clade_fail(reference->context, CLADE_ERROR_ARGUMENT,
                          "reference of %s: a size is negative or overflows with N = %lld, T = %lld", op,
                          (long long)reference->binding.batch, (long long)reference->binding.time);
    if (tensor->count > LARGEST_TOTAL - reference->total)
        return clade_fail(
            reference->context, CLADE_ERROR_MEMORY,
            "reference of %s: with %lld more elements the host would hold more than %lld; use a smaller batch", op,
            (long long)tensor->count, (long long)LARGEST_TOTAL);
    tensor->data = clade_allocate(reference->context, (size_t)tensor->count, sizeof(double));
    if (tensor->data == NULL)
        return clade_fail_memory(reference->context, (size_t)tensor->count * sizeof(double), "a reference value");
    reference->total += tensor->count;
    return CLADE_OK;
}

/* The state's beginning under seed 0, through float32 as a session has it. */
static clade_status begin_state(clade_reference *reference, const clade_node *node, clade_tensor *tensor) {
    float *data = clade_allocate(reference->context, (size_t)tensor->count, sizeof *data);
    if (data == NULL) return clade_fail_memory(reference->context, (size_t)tensor->count * sizeof *data, node->name);
    clade_initialize_state(node->attributes, 0, node->name, 0, data, tensor->count);
    for (int64_t i = 0; i < tensor->count; i++) {
        tensor->data[i] = (double)data[i];
    }
    clade_free(reference->context, data);
    return CLADE_OK;
}

static clade_status begin_leaf(clade_reference *reference, const clade_node *node, clade_tensor *tensor) {
    if (node->op == &clade_op_state) return begin_state(reference, node, tensor);
    if (node->op == &clade_op_scalar || node->op == &clade_op_constant) {
        const clade_constant_attributes *attributes = node->attributes;
        for (int64_t i = 0; i < tensor->count; i++) {
            tensor->data[i] = (double)(float)attributes->number;
        }
    }
    return CLADE_OK; /* inputs and the random state begin as zeros */
}

static clade_status make_outputs(clade_reference *reference, const clade_node *node) {
    evaluation *slot = &reference->nodes[node->index];
    if (slot->out != NULL) return CLADE_OK;
    slot->out = clade_allocate(reference->context, node->output_count, sizeof *slot->out);
    if (slot->out == NULL)
        return clade_fail_memory(reference->context, node->output_count * sizeof *slot->out, "a reference value");
    for (uint32_t o = 0; o < node->output_count; o++) {
        clade_status status = make_tensor(reference, &node->outputs[o], node->op->name, &slot->out[o]);
        if (status != CLADE_OK) return status;
    }
    if (!is_leaf(node)) return CLADE_OK;
    slot->valid = true;
    return begin_leaf(reference, node, &slot->out[0]);
}

clade_tensor *clade_reference_leaf(clade_reference *reference, clade_value leaf) {
    const clade_node *node = clade_value_valid(leaf) ? clade_value_node(leaf) : NULL;
    if (node == NULL || leaf.graph != reference->graph || !is_leaf(node)) {
        clade_fail(reference->context, CLADE_ERROR_ARGUMENT, "reference: the value is not a leaf of the graph");
        return NULL;
    }
    if (!follow_graph(reference) || make_outputs(reference, node) != CLADE_OK) return NULL;
    return &reference->nodes[node->index].out[0];
}

static clade_status evaluate(clade_reference *reference, const clade_node *node) {
    clade_status status = make_outputs(reference, node);
    evaluation *slot = &reference->nodes[node->index];
    if (status != CLADE_OK || slot->valid) return status;
    clade_tensor in[CLADE_MAX_INPUTS];
    if (node->input_count > CLADE_MAX_INPUTS)
        return clade_fail(reference->context, CLADE_ERROR_UNSUPPORTED, "reference of %s: %u inputs, at most %d",
                          node->op->name, (unsigned)node->input_count, CLADE_MAX_INPUTS);
    for (uint32_t i = 0; i < node->input_count; i++) {
        clade_value input = node->inputs[i];
        in[i] = clade_value_valid(input) ? reference->nodes[input.node].out[input.output] : (clade_tensor){ 0 };
    }
    if (node->op->pointwise != NULL) {
        clade_pointwise_reference(node, in, slot->out, reference->binding);
    } else if (node->op->reference != NULL) {
        node->op->reference(node, in, slot->out);
    } else {
        return clade_fail(reference->context, CLADE_ERROR_UNSUPPORTED, "%s has no reference", node->op->name);
    }
    slot->valid = true;
    return CLADE_OK;
}

/* Marks what TARGET needs; inputs stand before their uses, so one walk backwards reaches everything. */
static void mark_needed(clade_reference *reference, uint32_t target) {
    memset(reference->needed, 0, reference->node_count * sizeof *reference->needed);
    reference->needed[target] = true;
    for (uint32_t i = target + 1; i-- > 0;) {
        if (!reference->needed[i] || reference->nodes[i].valid) continue;
        const clade_node *node = reference->graph->nodes[i];
        for (uint32_t k = 0; k < node->input_count; k++) {
            if (clade_value_valid(node->inputs[k])) reference->needed[node->inputs[k].node] = true;
        }
    }
}

const clade_tensor *clade_reference_value(clade_reference *reference, clade_value target) {
    if (!clade_value_valid(target) || target.graph != reference->graph) {
        clade_fail(reference->context, CLADE_ERROR_ARGUMENT, "reference: the value does not belong to the graph");
        return NULL;
    }
    if (!follow_graph(reference)) {
        clade_fail_memory(reference->context, reference->graph->node_count * sizeof(evaluation), "the reference");
        return NULL;
    }
    mark_needed(reference, target.node);
    for (uint32_t i = 0; i <= target.node; i++) {
        if (reference->needed[i] && evaluate(reference, reference->graph->nodes[i]) != CLADE_OK) return NULL;
    }
    return &reference->nodes[target.node].out[target.output];
}

void clade_reference_reset(clade_reference *reference) {
    for (uint32_t i = 0; i < reference->node_count; i++) {
        if (!is_leaf(reference->graph->nodes[i])) reference->nodes[i].valid = false;
    }
}

void clade_reference_touch(clade_reference *reference, clade_value leaf) {
    for (uint32_t i = leaf.node + 1; i < reference->node_count; i++) {
        const clade_node *node = reference->graph->nodes[i];
        for (uint32_t k = 0; k < node->input_count && reference->nodes[i].valid; k++) {
            clade_value input = node->inputs[k];
            if (!clade_value_valid(input)) continue;
            if (input.node == leaf.node || !reference->nodes[input.node].valid) reference->nodes[i].valid = false;
        }
    }
}
