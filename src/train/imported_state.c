#include "train/imported_state.h"

#include "ops/convolution/convolution.h"
#include "ops/matmul/batched_matmul.h"
#include "ops/matmul/matmul.h"
#include "ops/normalization/batch_norm.h"

#include <string.h>

/* The first node that reads a state, its input there, and what arrives: the state itself, or a reshape of it. */
typedef struct use {
    const clade_node *node; /* NULL: none */
    uint32_t input;
    clade_value value;
} use;

static use first_use(clade_value value) {
    const clade_graph *graph = value.graph;
    for (uint32_t i = value.node + 1; i < graph->node_count; i++) {
        const clade_node *node = graph->nodes[i];
        for (uint32_t k = 0; k < node->input_count; k++) {
            if (!clade_value_equal(node->inputs[k], value)) continue;
            if (strcmp(node->op->name, "reshape") == 0) return first_use((clade_value){ value.graph, i, 0 });
            return (use){ node, k, value };
        }
    }
    return (use){ .value = value };
}

bool clade_imported_is_drawn(const clade_node *node) {
    const clade_leaf_attributes *leaf = node->attributes;
    if (leaf->dtype != CLADE_F32 || leaf->dims.rank == 0) return false;
    if (leaf->role != CLADE_ROLE_STATE) return true;
    const use first = first_use((clade_value){ node->graph, node->index, 0 });
    return first.node && first.node->op == &clade_op_batch_norm;
}

/* Inputs of one unit: of a filter, or of a column of a product. */
static int64_t fan_in_of(const use *first) {
    const clade_dims dims = clade_value_dims(first->value);
    const clade_node *node = first->node;
    const int32_t last = dims.rank - 1;
    bool transposed = false;
    if (node && node->op == &clade_op_matmul)
        transposed = ((const clade_matmul_attributes *)node->attributes)->transpose_b;
    else if (node && node->op == &clade_op_batched_matmul)
        transposed = ((const clade_batched_matmul_attributes *)node->attributes)->transpose_b;
    else if (node && node->op == &clade_op_conv2d)
        return clade_dims_value(node->graph, &dims, (clade_binding){ 1, 1 }, NULL) / dims.size[0];
    else
        return dims.size[last];
    return dims.size[transposed ? last : last - 1];
}

static bool begins_at_one(const use *first) {
    const clade_node *node = first->node;
    if (!node) return false;
    if (node->op == &clade_op_batch_norm) return first->input == 1 || first->input == 4;
    return strcmp(node->op->name, "multiply") == 0;
}

void clade_imported_begin(const clade_node *node, clade_leaf_attributes *attributes) {
    const use first = first_use((clade_value){ node->graph, node->index, 0 });
    const bool sums = clade_value_dims(first.value).rank > 1 && attributes->role == CLADE_ROLE_WEIGHT &&
                      !(first.node && first.node->op->pointwise);
    attributes->initializer_kind = sums ? CLADE_INITIALIZE_MSRA : CLADE_INITIALIZE_CONSTANT;
    attributes->initializer_value = begins_at_one(&first) ? 1 : 0;
    attributes->fan_in = sums ? fan_in_of(&first) : 0;
}
