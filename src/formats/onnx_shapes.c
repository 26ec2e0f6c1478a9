/* ONNX's operators that move elements or speak of shapes. */
#include "formats/onnx_import.h"

#include <string.h>

/* ---- reshape and its kin ---- */

static bool translate_reshape(clade_onnx_node *node) {
    const clade_value x = clade_onnx_in(node, 0);
    const clade_dims from = clade_value_dims(x);
    int64_t sizes[CLADE_MAX_RANK];
    int count = 0;
    if (node->opset < 5) {
        count = clade_onnx_ints(node, "shape", sizes, CLADE_MAX_RANK);
        if (count < 0) return false;
    } else if (!clade_onnx_whole_numbers(node, 1, sizes, CLADE_MAX_RANK, &count)) {
        return false;
    }
    const bool zero_stays = clade_onnx_int(node, "allowzero", 0) == 0;
    clade_dims to = { .rank = count };
    for (int i = 0; i < count; i++) {
        if (sizes[i] == 0 && zero_stays && i >= from.rank)
            return clade_onnx_refuse(node, "it keeps axis %d, which is not there", i);
        to.size[i] = sizes[i] == -1 ? CLADE_REST : sizes[i] == 0 && zero_stays ? from.size[i] : sizes[i];
    }
    clade_onnx_out(node, 0, clade_reshape(x, to), clade_onnx_type(node, 0));
    return true;
}

static bool translate_flatten(clade_onnx_node *node) {
    const clade_value x = clade_onnx_in(node, 0);
    const clade_dims from = clade_value_dims(x);
    int64_t axis = clade_onnx_int(node, "axis", 1);
    if (axis < 0) axis += from.rank;
    if (axis < 0 || axis > from.rank)
        return clade_onnx_refuse(node, "axis %lld of an array of rank %d", (long long)axis, from.rank);
    const clade_size before = clade_size_product(node->graph, from.size, (int32_t)axis);
    const clade_dims to = clade_shape(before, axis > 0 ? CLADE_REST : clade_dims_count(node->graph, &from));
    clade_onnx_out(node, 0, clade_reshape(x, to), clade_onnx_type(node, 0));
    return true;
}

/* ---- shapes as numbers ---- */

static bool translate_shape(clade_onnx_node *node) {
    const clade_dims dims = clade_onnx_dims_of(node, 0);
    int64_t begin = clade_onnx_int(node, "start", 0), end = clade_onnx_int(node, "end", dims.rank);
    double numbers[CLADE_MAX_RANK];
    if (begin < 0) begin = begin + dims.rank < 0 ? 0 : begin + dims.rank;
    if (end < 0) end += dims.rank;
    if (end > dims.rank) end = dims.rank;
    clade_dims made = clade_shape(end > begin ? end - begin : 0);
    for (int64_t i = begin; i < end; i++) {
        if (dims.size[i] < 0)
            return clade_onnx_refuse(node, "the size of axis %lld is open; give the input's dims", (long long)i);
        numbers[i - begin] = (double)dims.size[i];
    }
    clade_onnx_out(node, 0, clade_onnx_constant(node, ONNX__TENSOR_PROTO__DATA_TYPE__INT64, &made, numbers),
                   ONNX__TENSOR_PROTO__DATA_TYPE__INT64);
    return true;
}

static bool translate_identity(clade_onnx_node *node) {
    clade_onnx_out(node, 0, clade_onnx_in(node, 0), clade_onnx_type(node, 0));
    return true;
}

const clade_onnx_translator clade_onnx_shapes[] = {
    { "Flatten", translate_flatten, 0 },
    { "Identity", translate_identity, 0 },
    { "Reshape", translate_reshape, 0 },
    { "Shape", translate_shape, 0 },
    { NULL, NULL, 0 },
};
