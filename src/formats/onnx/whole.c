/* ONNX's operators whose meaning differs between whole numbers and floating point (division, remainder, powers), and those on
 * bits. */
#include "formats/onnx/import.h"

#include <string.h>

#define FLOAT ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT

static bool is_float(const clade_onnx_node *node, int index) {
    return clade_onnx_type_is_float(clade_onnx_type(node, index));
}

/* Whole numbers are divided towards 0. */
static bool translate_divide(clade_onnx_node *node) {
    const clade_value a = clade_onnx_in(node, 0), b = clade_onnx_aligned(node, a, clade_onnx_in(node, 1));
    if (is_float(node, 0)) return clade_onnx_give(node, clade_divide(a, b));
    return clade_onnx_give(node, clade_onnx_wrap(clade_whole_divide(a, b), clade_onnx_type(node, 0)));
}

/* The remainder has the sign of the divisor, with `fmod` that of the dividend. An infinite divisor leaves the dividend as it is,
 * or, where their signs differ, is what comes out. */
static bool translate_modulo(clade_onnx_node *node) {
    const clade_value a = clade_onnx_in(node, 0), b = clade_onnx_in(node, 1);
    const bool as_fmod = clade_onnx_int(node, "fmod", 0) != 0;
    const bool real = is_float(node, 0);
    const clade_value rest = real ? clade_float_remainder(a, b) : clade_whole_remainder(a, b);
    if (as_fmod) return clade_onnx_give(node, rest);
    const clade_value zero = clade_onnx_scalar(node, clade_onnx_type(node, 0), 0);
    const clade_value differ = real ? clade_logical_exclusive_or(clade_less(rest, zero), clade_less(b, zero))
                                    : clade_less(clade_bits_exclusive_or(rest, b), zero);
    const clade_value moves = clade_logical_and(differ, clade_logical_not(clade_equal(rest, zero)));
    return clade_onnx_give(node, clade_where(moves, clade_add(rest, b), rest));
}

/* BASE to a whole EXPONENT of at least 0, by squares; what does not fit wraps round. */
static clade_value whole_power(clade_onnx_node *node, clade_value base, clade_value exponent, int type) {
    clade_value result = clade_onnx_scalar(node, type, 1);
    for (int bit = 0; bit < 31; bit++) {
        const clade_value shifted = clade_shift_right(exponent, clade_onnx_scalar(node, type, bit));
        const clade_value taken = clade_bits_and(shifted, clade_onnx_scalar(node, type, 1));
        result = clade_where(taken, clade_multiply(result, base), result);
        base = clade_multiply(base, base);
    }
    return clade_onnx_wrap(result, type);
}

/* The number that every element of a constant input INDEX of one element is; false when it is none. */
static bool one_number(clade_onnx_node *node, int index, double *number) {
    const clade_dims dims = clade_onnx_dims_of(node, index);
    int count;
    for (int i = 0; i < dims.rank; i++)
        if (dims.size[i] != 1) return false;
    return clade_onnx_known(node, index) && clade_onnx_numbers(node, index, number, 1, &count);
}

/* The result is of the base's type. */
static bool translate_power(clade_onnx_node *node) {
    const int type = clade_onnx_type(node, 0);
    double number;
    if (!is_float(node, 0) && !is_float(node, 1)) {
        const clade_value base = clade_onnx_in(node, 0), exponent = clade_onnx_in(node, 1);
        return clade_onnx_give(node, whole_power(node, base, exponent, type));
    }
    const clade_value x = clade_onnx_real(node, 0);
    const bool known = is_float(node, 0) && one_number(node, 1, &number);
    clade_value y;
    if (known && number == 2 && clade_onnx_dims_of(node, 1).rank <= clade_value_dims(x).rank)
        y = clade_square(x);
    else
        y = clade_power(x, clade_onnx_aligned(node, x, clade_onnx_real(node, 1)));
    return clade_onnx_give(node,
                           clade_onnx_cast(y, FLOAT, type == ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT16 ? FLOAT : type));
}

/* ---- bits ---- */

enum { AND, OR, EXCLUSIVE_OR };

static bool translate_bits(clade_onnx_node *node) {
    typedef clade_value bits(clade_value a, clade_value b);
    static bits *const operations[] = {
        [AND] = clade_bits_and, [OR] = clade_bits_or, [EXCLUSIVE_OR] = clade_bits_exclusive_or
    };
    const clade_value a = clade_onnx_in(node, 0), b = clade_onnx_in(node, 1);
    return clade_onnx_give(node, operations[clade_onnx_argument(node)](a, b));
}

static bool translate_bits_not(clade_onnx_node *node) {
    const int type = clade_onnx_type(node, 0);
    const clade_value ones = clade_onnx_scalar(node, type, -1);
    return clade_onnx_give(node, clade_onnx_wrap(clade_bits_exclusive_or(clade_onnx_in(node, 0), ones), type));
}

/* A shift by as many bits as there are, or by less than none, leaves what one by all of them does: nothing, or the sign. */
static bool translate_shift(clade_onnx_node *node) {
    static const char *const words[] = { "LEFT", "RIGHT", NULL };
    const clade_value a = clade_onnx_in(node, 0), b = clade_onnx_in(node, 1);
    const int type = clade_onnx_type(node, 0);
    double low, high;
    int which;
    if (!clade_onnx_word(node, "direction", "", words, &which)) return false;
    const clade_value zero = clade_onnx_scalar(node, type, 0), last = clade_onnx_scalar(node, type, 31);
    const clade_value beyond = clade_logical_or(clade_less(last, b), clade_less(b, zero));
    const clade_value y = which == 0 ? clade_onnx_wrap(clade_shift_left(a, b), type) : clade_shift_right(a, b);
    clade_onnx_type_ends(type, &low, &high);
    const bool keeps_sign = which == 1 && low < 0;
    return clade_onnx_give(node, clade_where(beyond, keeps_sign ? clade_shift_right(a, last) : zero, y));
}

const clade_onnx_translator clade_onnx_whole[] = {
    { "BitShift", translate_shift, 0 },
    { "BitwiseAnd", translate_bits, AND },
    { "BitwiseNot", translate_bits_not, 0 },
    { "BitwiseOr", translate_bits, OR },
    { "BitwiseXor", translate_bits, EXCLUSIVE_OR },
    { "Div", translate_divide, 0 },
    { "Mod", translate_modulo, 0 },
    { "Pow", translate_power, 0 },
    { NULL, NULL, 0 },
};
