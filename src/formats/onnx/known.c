/* What depends on constants alone. Which nodes do is kept while the graph grows, and each of them is walked once to give
 * the references the contents of the leaves behind it. */
#include "formats/onnx/state.h"

#include <string.h>

enum { LARGEST_EVALUATED = 1 << 22 };

/* Of a node: it depends on the network's inputs; on constants; on constants whose contents the references have. */
enum { COMPUTED, CONSTANT, FILLED };

/* The leaves are in the graph's order. */
static const clade_onnx_leaf *leaf_of(const clade_onnx_import *import, uint32_t node) {
    size_t low = 0, high = import->network->leaf_count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (import->network->leaves[middle].value.node < node)
            low = middle + 1;
        else
            high = middle;
    }
    const bool found = low < import->network->leaf_count && import->network->leaves[low].value.node == node;
    return found ? &import->network->leaves[low] : NULL;
}

static bool is_constant(const clade_onnx_import *import, const clade_node *node) {
    if (node->op == &clade_op_constant) return true;
    if (node->input_count == 0) {
        const clade_onnx_leaf *leaf = leaf_of(import, node->index);
        return leaf != NULL && leaf->tensor->count <= LARGEST_EVALUATED;
    }
    for (uint32_t i = 0; i < node->input_count; i++)
        if (import->known[node->inputs[i].node] == COMPUTED) return false;
    return true;
}

/* Looks at the nodes that are new. False when memory is short. */
static bool look(clade_onnx_import *import) {
    const clade_graph *graph = import->network->graph;
    if (import->known_capacity < graph->node_count) {
        const uint32_t enough = 2 * graph->node_count;
        uint8_t *grown = clade_reallocate(import->context, import->known, enough, sizeof *grown);
        if (grown == NULL) return false;
        import->known = grown;
        import->known_capacity = enough;
    }
    for (; import->known_count < graph->node_count; import->known_count++)
        import->known[import->known_count] =
            is_constant(import, graph->nodes[import->known_count]) ? CONSTANT : COMPUTED;
    return true;
}

bool clade_onnx_depends_on_constants(clade_onnx_import *import, clade_value value) {
    return clade_value_valid(value) && look(import) && import->known[value.node] != COMPUTED;
}

static bool fill_leaf(clade_onnx_import *import, const clade_node *node) {
    const clade_onnx_leaf *leaf = leaf_of(import, node->index);
    if (leaf == NULL) return true; /* a constant of the graph */
    for (int with = 0; with < 2; with++) {
        const double *numbers = with == 1 && leaf->of_batch ? leaf->least : leaf->tensor->real;
        clade_tensor *place = clade_reference_leaf(import->references[with], leaf->value);
        for (int64_t i = 0; place != NULL && i < leaf->tensor->count; i++)
            place->data[i] = numbers != NULL ? numbers[i] : (double)leaf->tensor->whole[i];
        if (place == NULL) return false;
    }
    return true;
}

/* Gives the references what lies behind node LAST, each node but once in the whole import. */
static bool fill(clade_onnx_import *import, uint32_t last) {
    const clade_graph *graph = import->network->graph;
    if (import->known[last] == FILLED) return true;
    uint32_t *waiting = clade_allocate(import->context, (size_t)last + 1, sizeof *waiting);
    bool good = waiting != NULL;
    size_t count = 0;
    import->known[last] = FILLED;
    if (good) waiting[count++] = last;
    while (good && count > 0) {
        const clade_node *node = graph->nodes[waiting[--count]];
        if (node->input_count == 0) good = fill_leaf(import, node);
        for (uint32_t i = 0; i < node->input_count; i++) {
            const uint32_t before = node->inputs[i].node;
            if (import->known[before] == FILLED) continue;
            import->known[before] = FILLED;
            waiting[count++] = before;
        }
    }
    clade_free(import->context, waiting);
    return good;
}

clade_status clade_onnx_check_batch(clade_onnx_import *import) {
    const clade_onnx *network = import->network;
    const clade_graph *graph = network->graph;
    if (!import->has_batch) return CLADE_OK;
    bool *needed = clade_allocate(import->context, (size_t)graph->node_count + 1, sizeof *needed);
    if (needed == NULL) return clade_fail_memory(import->context, graph->node_count, "a model");
    for (size_t i = 0; i < network->output_count; i++)
        if (clade_value_valid(network->outputs[i].value)) needed[network->outputs[i].value.node] = true;
    for (uint32_t n = graph->node_count; n-- > 0;) {
        const clade_node *node = graph->nodes[n];
        for (uint32_t i = 0; needed[n] && i < node->input_count; i++)
            if (clade_value_valid(node->inputs[i])) needed[node->inputs[i].node] = true;
    }
    clade_status status = CLADE_OK;
    for (size_t i = 0; i < network->leaf_count && status == CLADE_OK; i++)
        if (network->leaves[i].of_batch && needed[network->leaves[i].value.node])
            status = clade_fail(import->context, CLADE_ERROR_UNSUPPORTED,
                                "it computes with the size of the batch, which is open; give the input's dims");
    clade_free(import->context, needed);
    return status;
}

const clade_tensor *clade_onnx_evaluate(clade_onnx_import *import, clade_value value, const clade_tensor **least) {
    if (!clade_onnx_depends_on_constants(import, value) || !fill(import, value.node)) return NULL;
    const clade_tensor *numbers = clade_reference_value(import->references[0], value);
    const clade_tensor *others = import->has_batch ? clade_reference_value(import->references[1], value) : numbers;
    if (numbers == NULL || others == NULL) return NULL;
    if (least != NULL)
        *least = others;
    else if (memcmp(numbers->data, others->data, (size_t)numbers->count * sizeof *numbers->data) != 0)
        return NULL;
    return numbers;
}
