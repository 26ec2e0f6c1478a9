/* What every point-wise row shares: the output's dims are those that numpy's broadcasting of the inputs gives (axes
 * aligned at the right; a size of 1 repeats), and the reference evaluates the row's expression element by element.
 * On a device point-wise nodes run only as `fused` nodes (ops/fused.c), so the rows have no implementations. */
#include "ops/op.h"

#include <string.h>

bool clade_pointwise_infer(const clade_node *node, clade_type out[], clade_text *why) {
    clade_dims dims = CLADE_SCALAR;
    for (uint32_t i = 0; i < node->input_count; i++) {
        const clade_type *type = clade_value_type(node->inputs[i]);
        if (type->dtype != CLADE_F32) {
            clade_text_add(why, "input %u is %s; expected float32", (unsigned)i, clade_type_text(node->graph, type));
            return false;
        }
        clade_dims before = dims;
        if (!clade_dims_broadcast(&before, &type->dims, &dims)) {
            const clade_type left = { CLADE_F32, before };
            clade_text_add(why, "%s and %s do not broadcast: aligned at the right, sizes must be equal or 1",
                           clade_type_text(node->graph, &left), clade_type_text(node->graph, type));
            return false;
        }
    }
    out[0] = (clade_type){ CLADE_F32, dims };
    return true;
}

/* The steps in elements that input X takes along each axis of OUT: 0 where it repeats. */
static void broadcast_strides(const clade_tensor *x, const clade_tensor *out, int64_t strides[]) {
    int64_t stride = 1;
    for (int32_t axis = out->rank - 1; axis >= 0; axis--) {
        int32_t own = axis - (out->rank - x->rank);
        int64_t size = own >= 0 ? x->size[own] : 1;
        strides[axis] = size == 1 ? 0 : stride;
        stride *= size;
    }
}

void clade_pointwise_reference(const clade_node *node, const clade_tensor in[], clade_tensor out[],
                               clade_binding binding) {
    const clade_pointwise *pointwise = node->op->pointwise;
    double p[CLADE_MAX_PARAMETERS] = { 0 };
    if (pointwise->parameters) pointwise->parameters(node, binding, p);

    int64_t strides[CLADE_MAX_INPUTS][CLADE_MAX_RANK];
    int64_t offsets[CLADE_MAX_INPUTS] = { 0 }, index[CLADE_MAX_RANK] = { 0 };
    for (uint32_t i = 0; i < node->input_count; i++) {
        broadcast_strides(&in[i], &out[0], strides[i]);
    }
    for (int64_t e = 0; e < out[0].count; e++) {
        double x[CLADE_MAX_INPUTS] = { 0 };
        for (uint32_t i = 0; i < node->input_count; i++) {
            x[i] = in[i].data[offsets[i]];
        }
        out[0].data[e] = pointwise->evaluate(x, p);
        for (int32_t axis = out[0].rank - 1; axis >= 0; axis--) {
            bool carry = ++index[axis] == out[0].size[axis];
            if (carry) index[axis] = 0;
            for (uint32_t i = 0; i < node->input_count; i++) {
                offsets[i] += strides[i][axis] * (carry ? 1 - out[0].size[axis] : 1);
            }
            if (!carry) break;
        }
    }
}
