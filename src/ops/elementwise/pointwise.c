/* What every point-wise row shares: the output's dims are those that numpy's broadcasting of the inputs gives (axes
 * aligned at the right; a size of 1 repeats), and the reference evaluates the row's expression element by element.
 * On a device point-wise nodes run only as `fused` nodes (ops/elementwise/fused.c), so the rows have no implementations. */
#include "ops/op.h"

#include <string.h>

clade_dtype clade_pointwise_dtype(const clade_pointwise *pointwise, const clade_dtype in[], int count) {
    static const struct {
        clade_dtype takes, gives; /* 0: any, but all alike; 0: as the last input */
        int alike_from;           /* the first of the inputs that are alike; those before it are int32 */
    } rules[] = {
        [CLADE_TYPES_FLOAT] = { CLADE_F32, CLADE_F32, 0 },
        [CLADE_TYPES_ALIKE] = { 0, 0, 0 },
        [CLADE_TYPES_COMPARED] = { 0, CLADE_I32, 0 },
        [CLADE_TYPES_WHOLE] = { CLADE_I32, CLADE_I32, 0 },
        [CLADE_TYPES_CHOSEN] = { 0, 0, 1 },
        [CLADE_TYPES_TO_FLOAT] = { 0, CLADE_F32, 0 },
        [CLADE_TYPES_TO_INT] = { 0, CLADE_I32, 0 },
    };
    const int alike_from = rules[pointwise->types].alike_from;
    for (int i = 0; i < count; i++) {
        const clade_dtype wanted = i < alike_from                       ? CLADE_I32
                                   : rules[pointwise->types].takes != 0 ? rules[pointwise->types].takes
                                                                        : in[alike_from];
        if (in[i] != wanted) return (clade_dtype)0;
    }
    if (rules[pointwise->types].gives != 0) return rules[pointwise->types].gives;
    return count > 0 ? in[count - 1] : CLADE_F32;
}

static bool refuse_types(const clade_node *node, clade_text *why) {
    static const char *const expected[] = {
        [CLADE_TYPES_FLOAT] = "float32",
        [CLADE_TYPES_ALIKE] = "inputs of one type",
        [CLADE_TYPES_COMPARED] = "inputs of one type",
        [CLADE_TYPES_WHOLE] = "int32",
        [CLADE_TYPES_CHOSEN] = "int32, then inputs of one type",
        [CLADE_TYPES_TO_FLOAT] = "inputs of one type",
        [CLADE_TYPES_TO_INT] = "inputs of one type",
    };
    clade_text_add(why, "expected %s", expected[node->op->pointwise->types]);
    return false;
}

bool clade_pointwise_infer(const clade_node *node, clade_type out[], clade_text *why) {
    clade_dims dims = CLADE_SCALAR;
    clade_dtype types[CLADE_MAX_INPUTS];
    for (uint32_t i = 0; i < node->input_count; i++) {
        const clade_type *type = clade_value_type(node->inputs[i]);
        types[i] = type->dtype;
        clade_dims before = dims;
        if (!clade_dims_broadcast(&before, &type->dims, &dims)) {
            const clade_type left = { type->dtype, before };
            clade_text_add(why, "%s and %s do not broadcast: aligned at the right, sizes must be equal or 1",
                           clade_type_text(node->graph, &left), clade_type_text(node->graph, type));
            return false;
        }
    }
    out[0] = (clade_type){ clade_pointwise_dtype(node->op->pointwise, types, (int)node->input_count), dims };
    return out[0].dtype != 0 || refuse_types(node, why);
}

clade_binding clade_binding_of(const clade_node *node, const clade_tensor in[], const clade_tensor out[]) {
    clade_binding binding = { 0, 0 };
    for (uint32_t i = 0; i < node->input_count + node->output_count; i++) {
        bool is_input = i < node->input_count;
        const clade_dims *dims =
            is_input ? &clade_value_type(node->inputs[i])->dims : &node->outputs[i - node->input_count].dims;
        const clade_tensor *tensor = is_input ? &in[i] : &out[i - node->input_count];
        for (int32_t axis = 0; axis < dims->rank; axis++) {
            if (dims->size[axis] == CLADE_BATCH) binding.batch = tensor->size[axis];
            if (dims->size[axis] == CLADE_TIME) binding.time = tensor->size[axis];
        }
    }
    return binding;
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
