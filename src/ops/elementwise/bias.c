/* A bias along axis 1: y[n,c,...] = x[n,c,...] + b[c]. x (N, C, ...), b (C) -> y as x. Composed of a reshape of b to
 * (C, 1, ...), which broadcasting aligns, and an addition, which fuses. */
#include "ops/op.h"

clade_value clade_bias(clade_value x, clade_value bias) {
    clade_graph *graph = clade_graph_of((clade_value[]){ x, bias }, 2);
    if (!clade_value_valid(x) || !clade_value_valid(bias)) {
        return clade_invalid(graph, CLADE_ERROR_ARGUMENT, "bias: an input is not a value");
    }
    const clade_type *type = clade_value_type(x), *bias_type = clade_value_type(bias);
    if (type->dims.rank < 2 || bias_type->dims.rank != 1 || bias_type->dims.size[0] != type->dims.size[1]) {
        return clade_invalid(graph, CLADE_ERROR_ARGUMENT, "bias of %s and %s: expected x (N, C, ...) and bias (C)",
                             clade_type_text(graph, type), clade_type_text(graph, bias_type));
    }
    clade_dims dims = { type->dims.rank - 1, { bias_type->dims.size[0] } };
    for (int32_t axis = 1; axis < dims.rank; axis++) {
        dims.size[axis] = 1;
    }
    return clade_add(x, clade_reshape(bias, dims));
}
