/* ONNX's quantised numbers: y = saturate(round(x / scale) + zero), x = (y - zero) scale, and layers on them. */
#include "formats/onnx/import.h"

#include <string.h>

#define UINT8 ONNX__TENSOR_PROTO__DATA_TYPE__UINT8
#define INT32 ONNX__TENSOR_PROTO__DATA_TYPE__INT32
#define FLOAT ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT

/* ---- scales and zeros ---- */

/* SCALE, or a zero, as it goes with an array of DIMS: one number; one for each place along `axis`; or, with blocks, one for
 * each block along it. */
static clade_value spread(clade_onnx_node *node, clade_value scale, const clade_dims *dims) {
    const clade_dims own = clade_value_dims(scale);
    const int64_t block = clade_onnx_int(node, "block_size", 0);
    int axis;
    if (own.rank == 0 || (own.rank == 1 && own.size[0] == 1 && block == 0)) return clade_reshape(scale, CLADE_SCALAR);
    if (!clade_onnx_axis(node, clade_onnx_int(node, "axis", 1), dims->rank, &axis)) return CLADE_NO_VALUE;
    if (block == 0) {
        clade_dims along = { .rank = dims->rank };
        for (int i = 0; i < dims->rank; i++)
            along.size[i] = i == axis ? own.size[0] : 1;
        return clade_reshape(scale, along);
    }
    if (own.rank != dims->rank || dims->rank == CLADE_MAX_RANK || block < 0 || dims->size[axis] < 0) {
        clade_onnx_refuse(node, "blocks of %lld", (long long)block);
        return CLADE_NO_VALUE;
    }
    clade_dims wide = own; /* each repeated BLOCK times */
    wide.rank++;
    memmove(wide.size + axis + 1, own.size + axis, (size_t)(own.rank - axis) * sizeof own.size[0]);
    wide.size[axis + 1] = block;
    clade_dims repeated = own;
    repeated.size[axis] = own.size[axis] * block;
    wide.size[axis] = own.size[axis];
    clade_slice_options crop = { .size = sizeof crop };
    crop.x = clade_reshape(clade_expand(clade_unsqueeze(scale, axis + 1), &wide), repeated);
    crop.end[axis] = dims->size[axis] < repeated.size[axis] ? dims->size[axis] : 0;
    return clade_slice_with(&crop);
}

/* Input INDEX, a scale or zero, as float32; a zero left out is invalid. */
static bool read_spread(clade_onnx_node *node, int index, const clade_dims *dims, clade_value *scale) {
    *scale = CLADE_NO_VALUE;
    if (!clade_onnx_has(node, index)) return true;
    *scale = spread(node, clade_onnx_real(node, index), dims);
    return clade_value_valid(*scale) || clade_value_dims(*scale).rank == 0;
}

static clade_value add_zero(clade_value x, clade_value zero) {
    return clade_value_valid(zero) ? clade_add(x, zero) : x;
}

static clade_value centred(clade_value x, clade_value zero) {
    return clade_value_valid(zero) ? clade_subtract(x, zero) : x;
}

/* ---- to and fro ---- */

static bool translate_quantize(clade_onnx_node *node) {
    const clade_value x = clade_onnx_real(node, 0);
    const clade_dims dims = clade_value_dims(x);
    int type = clade_onnx_has(node, 2) ? clade_onnx_type(node, 2) : (int)clade_onnx_int(node, "output_dtype", 0);
    clade_value scale, zero;
    if (type == 0) type = UINT8;
    if (clade_onnx_type_bytes(type) == 0 || clade_onnx_type_is_float(type))
        return clade_onnx_refuse(node, "to elements of type %d", type);
    if (!read_spread(node, 1, &dims, &scale) || !read_spread(node, 2, &dims, &zero)) return false;
    const clade_value y = add_zero(clade_round(clade_divide(x, scale)), zero);
    clade_onnx_out(node, 0, clade_onnx_saturate(y, type), type);
    return true;
}

static bool translate_dequantize(clade_onnx_node *node) {
    const clade_value x = clade_onnx_real(node, 0);
    const clade_dims dims = clade_value_dims(x);
    clade_value scale, zero;
    if (!read_spread(node, 1, &dims, &scale) || !read_spread(node, 2, &dims, &zero)) return false;
    const int type = (int)clade_onnx_int(node, "output_dtype", clade_onnx_type(node, 1));
    clade_onnx_out(node, 0, clade_multiply(centred(x, zero), scale), type);
    return true;
}

/* To uint8, with a scale that takes in 0 and every element. */
static bool translate_dynamic(clade_onnx_node *node) {
    const clade_value x = clade_onnx_in(node, 0), none = clade_constant(node->graph, CLADE_SCALAR, 0);
    const clade_value low = clade_minimum(clade_smallest(x, CLADE_ALL_AXES, false), none);
    const clade_value high = clade_maximum(clade_largest(x, CLADE_ALL_AXES, false), none);
    const clade_value scale = clade_scale(clade_subtract(high, low), 1.0 / 255);
    const clade_value zero = clade_clip(clade_round(clade_divide(clade_negate(low), scale)), 0, 255);
    const clade_value y = clade_add(clade_round(clade_divide(x, scale)), zero);
    clade_onnx_out(node, 0, clade_onnx_saturate(y, UINT8), UINT8);
    clade_onnx_out(node, 1, scale, FLOAT);
    clade_onnx_out(node, 2, clade_cast(zero, CLADE_I32), UINT8);
    return true;
}

/* ---- products of whole numbers ---- */

typedef clade_value product(clade_onnx_node *node, clade_value a, clade_value b);

static clade_value multiply_matrices(clade_onnx_node *node, clade_value a, clade_value b) {
    (void)node;
    const bool plain = clade_value_dims(a).rank == 2 && clade_value_dims(b).rank == 2;
    return plain ? clade_matmul(a, b, false, false) : clade_batched_matmul(a, b, false, false);
}

/* A product that is linear in A, whose elements are whole numbers of at most 9 bits: by their upper and lower parts, so that
 * sums of some thousand terms are exact in float32. */
static clade_value exact(clade_onnx_node *node, product *multiply, clade_value a, clade_value b) {
    const clade_value upper = clade_floor(clade_scale(a, 1.0 / 16));
    const clade_value lower = clade_subtract(a, clade_scale(upper, 16));
    const clade_value high = clade_cast(multiply(node, upper, b), CLADE_I32);
    const clade_value low = clade_cast(multiply(node, lower, b), CLADE_I32);
    return clade_add(clade_multiply(high, clade_onnx_scalar(node, INT32, 16)), low);
}

/* A zero point: one number, or one for each row (ROWS) or column of the matrices X. */
static clade_value zero_of(clade_onnx_node *node, int index, clade_value x, bool rows) {
    const clade_value zero = clade_onnx_real(node, index);
    const clade_dims dims = clade_value_dims(x), own = clade_value_dims(zero);
    if (!clade_value_valid(zero) || own.rank != 1) return zero;
    if (own.size[0] == 1) return clade_reshape(zero, CLADE_SCALAR);
    return rows && dims.rank >= 2 ? clade_reshape(zero, clade_shape(own.size[0], 1)) : zero;
}

static bool translate_matmul_integer(clade_onnx_node *node) {
    const clade_value a = clade_onnx_real(node, 0), b = clade_onnx_real(node, 1);
    const clade_value from_a = centred(a, zero_of(node, 2, a, true)), from_b = centred(b, zero_of(node, 3, b, false));
    clade_onnx_out(node, 0, exact(node, multiply_matrices, from_a, from_b), INT32);
    return true;
}

static bool translate_conv_integer(clade_onnx_node *node) {
    const clade_value x = clade_onnx_real(node, 0), w = clade_onnx_real(node, 1);
    clade_value of_filters = clade_onnx_real(node, 3);
    if (clade_value_dims(of_filters).rank == 1 && clade_value_dims(of_filters).size[0] > 1) {
        clade_dims along = { .rank = clade_value_dims(w).rank, .size = { clade_value_dims(of_filters).size[0] } };
        for (int i = 1; i < along.rank; i++)
            along.size[i] = 1;
        of_filters = clade_reshape(of_filters, along);
    } else if (clade_value_valid(of_filters)) {
        of_filters = clade_reshape(of_filters, CLADE_SCALAR);
    }
    const clade_value from_x = centred(x, zero_of(node, 2, x, false));
    clade_onnx_out(node, 0, exact(node, clade_onnx_convolve, from_x, centred(w, of_filters)), INT32);
    return true;
}

/* ---- layers from quantised numbers to quantised numbers: inputs x, scale, zero, w, scale, zero, scale, zero of y ---- */

/* SUMS, int32, as the type of input 7. FACTOR: the scales' product. */
static bool requantize(clade_onnx_node *node, clade_value sums, clade_value factor, clade_value scale,
                       clade_value zero) {
    const int type = clade_onnx_type(node, 7);
    const clade_value real = clade_multiply(clade_cast(sums, CLADE_F32), clade_divide(factor, scale));
    clade_onnx_out(node, 0, clade_onnx_saturate(add_zero(clade_round(real), zero), type), type);
    return true;
}

static bool translate_qlinear_matmul(clade_onnx_node *node) {
    const clade_value a = clade_onnx_real(node, 0), b = clade_onnx_real(node, 3);
    const clade_value from_a = centred(a, zero_of(node, 2, a, true)), from_b = centred(b, zero_of(node, 5, b, false));
    const clade_value sums = exact(node, multiply_matrices, from_a, from_b);
    const clade_value factor = clade_multiply(zero_of(node, 1, a, true), zero_of(node, 4, b, false));
    return requantize(node, sums, factor, zero_of(node, 6, a, true), zero_of(node, 7, a, true));
}

static bool translate_qlinear_conv(clade_onnx_node *node) {
    const clade_value x = clade_onnx_real(node, 0), w = clade_onnx_real(node, 3);
    const int rank = clade_value_dims(w).rank;
    clade_value filters[2]; /* the filters' scale and zero, one for each where there are as many */
    clade_dims along = { .rank = rank }, channels = { .rank = rank };
    for (int i = 0; i < rank; i++) {
        along.size[i] = i == 0 ? clade_value_dims(w).size[0] : 1;
        channels.size[i] = i == 1 ? clade_value_dims(w).size[0] : 1;
    }
    for (int i = 0; i < 2; i++) {
        const clade_value given = clade_onnx_real(node, 4 + i);
        const clade_dims own = clade_value_dims(given);
        const bool each = own.rank == 1 && own.size[0] > 1;
        filters[i] = clade_reshape(given, !each ? CLADE_SCALAR : i == 0 ? channels : along);
    }
    clade_value sums = exact(node, clade_onnx_convolve, centred(x, zero_of(node, 2, x, false)), centred(w, filters[1]));
    if (clade_onnx_has(node, 8)) sums = clade_add(sums, clade_reshape(clade_onnx_in(node, 8), channels));
    const clade_value factor = clade_multiply(zero_of(node, 1, x, false), filters[0]);
    return requantize(node, sums, factor, zero_of(node, 6, x, false), zero_of(node, 7, x, false));
}

const clade_onnx_translator clade_onnx_quantize[] = {
    { "ConvInteger", translate_conv_integer, 0 },      { "DequantizeLinear", translate_dequantize, 0 },
    { "DynamicQuantizeLinear", translate_dynamic, 0 }, { "MatMulInteger", translate_matmul_integer, 0 },
    { "QLinearConv", translate_qlinear_conv, 0 },      { "QLinearMatMul", translate_qlinear_matmul, 0 },
    { "QuantizeLinear", translate_quantize, 0 },       { NULL, NULL, 0 },
};
