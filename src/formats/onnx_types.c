/* ONNX's constants, and operators that change elements' types. */
#include "formats/onnx_import.h"

#include <string.h>

/* ---- constants ---- */

static bool constant_of_numbers(clade_onnx_node *node, int type, const double *numbers, int64_t count, bool scalar) {
    const clade_dims dims = scalar ? CLADE_SCALAR : clade_shape(count);
    clade_onnx_out(node, 0, clade_onnx_constant(node, type, &dims, numbers), type);
    return true;
}

static bool translate_constant(clade_onnx_node *node) {
    const Onnx__AttributeProto *tensor = clade_onnx_attribute(node, "value");
    double one = 0;
    if (tensor != NULL && tensor->t != NULL) return clade_onnx_constant_tensor(node, 0, tensor->t);
    if (clade_onnx_attribute(node, "value_float") != NULL) {
        one = clade_onnx_float(node, "value_float", 0);
        return constant_of_numbers(node, ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT, &one, 1, true);
    }
    if (clade_onnx_attribute(node, "value_int") != NULL) {
        one = (double)clade_onnx_int(node, "value_int", 0);
        return constant_of_numbers(node, ONNX__TENSOR_PROTO__DATA_TYPE__INT64, &one, 1, true);
    }
    return clade_onnx_refuse(node, "a constant of another kind than a tensor or a number");
}

const clade_onnx_translator clade_onnx_types[] = {
    { "Constant", translate_constant, 0 },
    { NULL, NULL, 0 },
};
