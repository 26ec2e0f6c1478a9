/* The weights of an imported network as a set of named arrays. */
#include "formats/weights.h"
#include "formats/onnx/state.h"

#include <string.h>

clade_status clade_onnx_weights(const clade_onnx *network, clade_weights **weights) {
    clade_status status = CLADE_OK;
    *weights = NULL;
    clade_weights *made = clade_weights_new(network->context);
    if (made == NULL) return CLADE_ERROR_MEMORY;
    for (size_t i = 0; i < network->leaf_count && status == CLADE_OK; i++) {
        const clade_onnx_leaf *leaf = &network->leaves[i];
        if (leaf->is_input) continue;
        const clade_onnx_tensor *tensor = leaf->tensor;
        const char *name = clade_value_node(leaf->value)->name;
        clade_dims dims = { .rank = tensor->rank };
        memcpy(dims.size, tensor->sizes, sizeof dims.size);
        void *data = clade_weights_add(made, name, clade_onnx_type_storage(tensor->type), &dims, tensor->count);
        status =
            data != NULL ? clade_onnx_tensor_store(network->context, name, tensor, true, data) : CLADE_ERROR_MEMORY;
    }
    if (status == CLADE_OK)
        *weights = made;
    else
        clade_weights_free(made);
    return status;
}
