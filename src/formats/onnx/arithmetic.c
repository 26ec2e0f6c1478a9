/* Arithmetic of ONNX's types on what devices keep: integers narrower than 32 bits as int32, shorter floating point as
 * float32. */
#include "formats/onnx/import.h"

#include <math.h>
#include <string.h>

#define TYPE(NAME) ONNX__TENSOR_PROTO__DATA_TYPE__##NAME

void clade_onnx_type_ends(int type, double *low, double *high) {
    static const struct {
        int type;
        double low, high;
    } ends[] = {
        { TYPE(BOOL), 0, 1 },           { TYPE(UINT8), 0, 255 },        { TYPE(INT8), -128, 127 },
        { TYPE(UINT16), 0, 65535 },     { TYPE(INT16), -32768, 32767 }, { TYPE(UINT32), 0, INT32_MAX },
        { TYPE(UINT64), 0, INT32_MAX },
    };
    *low = INT32_MIN;
    *high = INT32_MAX;
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++)
        if (ends[i].type == type) {
            *low = ends[i].low;
            *high = ends[i].high;
        }
}

static clade_value whole_number(clade_value like, double number) {
    return clade_cast(clade_constant(like.graph, CLADE_SCALAR, (float)number), CLADE_I32);
}

clade_value clade_onnx_wrap(clade_value x, int type) {
    double low, high;
    clade_onnx_type_ends(type, &low, &high);
    if (clade_onnx_type_is_float(type) || type == TYPE(BOOL) || high - low > 65535) return x;
    const clade_value mask = whole_number(x, high - low);
    if (low == 0) return clade_bits_and(x, mask);
    const clade_value shift = whole_number(x, -low);
    return clade_subtract(clade_bits_and(clade_add(x, shift), mask), shift);
}

clade_value clade_onnx_saturate(clade_value x, int type) {
    double low, high;
    clade_onnx_type_ends(type, &low, &high);
    const clade_value rounded = clade_round(x);
    return clade_cast(high - low > 65535 ? rounded : clade_clip(rounded, low, high), CLADE_I32);
}

clade_value clade_onnx_scalar(clade_onnx_node *node, int type, double number) {
    return clade_cast(clade_constant(node->graph, CLADE_SCALAR, (float)number), clade_onnx_type_storage(type));
}

/* X as ROUND has it; what flows back passes through, as from a cast. ROUND(X) - X and the sum are exact, and what needs no
 * rounding, infinities among it, stays as it is. */
static clade_value rounded(clade_value x, clade_value (*round)(clade_value x)) {
    const clade_value nearest = round(x);
    return clade_where(clade_equal(x, nearest), x, clade_add(x, clade_detach(clade_subtract(nearest, x))));
}

clade_value clade_onnx_cast(clade_value x, int from, int to) {
    if (from == to) return x;
    if (to == TYPE(BOOL)) {
        const clade_value zero = clade_cast(clade_constant(x.graph, CLADE_SCALAR, 0), clade_value_dtype(x));
        return clade_logical_not(clade_equal(x, zero));
    }
    const clade_value y = clade_cast(x, clade_onnx_type_storage(to));
    if (to == TYPE(FLOAT16)) return rounded(y, clade_round_to_half);
    if (to == TYPE(BFLOAT16)) return rounded(y, clade_round_to_bfloat16);
    return from == TYPE(BOOL) ? y : clade_onnx_wrap(y, to);
}

clade_value clade_onnx_real(clade_onnx_node *node, int index) {
    const clade_value x = clade_onnx_in(node, index);
    return clade_value_valid(x) ? clade_cast(x, CLADE_F32) : x;
}

/* Elements of 32 bits are ordered by their lower halves and then, which keeps the order of equals, by their upper ones:
 * each half is exact in float32. */
clade_value clade_onnx_order_of(clade_value x, int type, int32_t axis, int64_t count, bool smallest) {
    double low, high;
    clade_value places, first;
    clade_onnx_type_ends(type, &low, &high);
    if (clade_value_dtype(x) == CLADE_F32 || high - low <= 65535) {
        clade_top_k(clade_cast(x, CLADE_F32), axis, count, smallest, &places);
        return places;
    }
    const int64_t length = clade_value_dims(x).size[axis];
    const clade_value lower = clade_bits_and(x, whole_number(x, 65535));
    const clade_value upper = clade_shift_right(x, whole_number(x, 16));
    clade_top_k(clade_cast(lower, CLADE_F32), axis, length, smallest, &first);
    const clade_value sorted = clade_gather_elements(upper, first, axis);
    clade_top_k(clade_cast(sorted, CLADE_F32), axis, count, smallest, &places);
    return clade_gather_elements(first, places, axis);
}

/* ---- arrays without elements ---- */

bool clade_onnx_dims_empty(const clade_dims *dims) {
    for (int i = 0; i < dims->rank; i++)
        if (dims->size[i] == 0) return true;
    return false;
}

/* Whether the operator that NODE was found by is in LIST. */
static bool is_of(const clade_onnx_node *node, const clade_onnx_translator *list) {
    const clade_onnx_translator *row = clade_onnx_row(node);
    while (list->op != NULL && list != row)
        list++;
    return list->op != NULL;
}

/* The type of what an operator of those lists gives. */
static int type_given(const clade_onnx_node *node, const char *op) {
    static const char *const tests[] = { "And",   "Equal", "Greater", "GreaterOrEqual",
                                         "IsInf", "IsNaN", "Less",    "LessOrEqual",
                                         "Not",   "Or",    "Xor" };
    for (size_t i = 0; i < sizeof tests / sizeof tests[0]; i++)
        if (strcmp(tests[i], op) == 0) return TYPE(BOOL);
    if (strcmp(op, "Cast") == 0) return (int)clade_onnx_int(node, "to", 0);
    if (strcmp(op, "CastLike") == 0 || strcmp(op, "Where") == 0) return clade_onnx_type(node, 1);
    return clade_onnx_type(node, 0);
}

bool clade_onnx_is_nothing(clade_onnx_node *node) {
    const char *op = clade_onnx_row(node)->op;
    const bool casts = strcmp(op, "Cast") == 0 || strcmp(op, "CastLike") == 0 || strcmp(op, "Identity") == 0;
    clade_dims dims = CLADE_SCALAR;
    bool empty = false;
    if (!casts && !is_of(node, clade_onnx_elementwise) && !is_of(node, clade_onnx_activations) &&
        !is_of(node, clade_onnx_whole))
        return false;
    for (int i = 0; i < (casts ? 1 : node->in_count); i++) {
        const clade_dims own = clade_onnx_dims_of(node, i), before = dims;
        if (!clade_onnx_has(node, i)) continue;
        empty = empty || clade_onnx_dims_empty(&own);
        if (!clade_dims_broadcast(&before, &own, &dims)) return false;
    }
    return empty && clade_onnx_empty(node, 0, type_given(node, op), &dims);
}
