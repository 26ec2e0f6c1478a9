/* Arithmetic of whole numbers element by element, and float32 rounded to shorter types, by the bits.
 *   whole_divide     x0 / x1 towards 0, 0 where x1 is 0      whole_remainder  x0 - x1 (x0 / x1), 0 where x1 is 0
 *   bits_and         bits_or        bits_exclusive_or        shift_left       shift_right, the sign fills up
 *   round_to_half    round_to_bfloat16                       of float32: to the nearest, halves to even
 * Whole numbers are int32 and wrap round. No gradients. */
#include "ops/elementwise/elementwise.h"

#include <string.h>

extern const clade_op clade_op_whole_divide, clade_op_whole_remainder, clade_op_bits_and, clade_op_bits_or,
    clade_op_bits_exclusive_or, clade_op_shift_left, clade_op_shift_right, clade_op_round_to_half,
    clade_op_round_to_bfloat16;

/* ---- meanings ---- */

/* The number of 32 bits in two's complement, as int32. */
static double wrapped(int64_t x) {
    const int64_t low = x & INT64_C(0xffffffff);
    return (double)(low > INT32_MAX ? low - (INT64_C(1) << 32) : low);
}

static int64_t whole(double x) {
    return (int64_t)x;
}

static double rounded_to_half(double x) {
    if (isnan(x) || isinf(x) || x == 0) return x;
    if (fabs(x) >= 65520) return x > 0 ? (double)INFINITY : (double)-INFINITY;
    int exponent;
    frexp(x, &exponent);
    return ldexp(rint(ldexp(x, 11 - (exponent < -13 ? -13 : exponent))), (exponent < -13 ? -13 : exponent) - 11);
}

static double rounded_to_bfloat16(double x) {
    const float narrow = (float)x;
    uint32_t bits;
    if (isnan(x)) return x;
    memcpy(&bits, &narrow, sizeof bits);
    bits = (bits + 0x7fffu + (bits >> 16 & 1u)) & 0xffff0000u;
    float back;
    memcpy(&back, &bits, sizeof back);
    return (double)back;
}

MEANING(evaluate_divide, x[1] == 0 ? 0 : wrapped(whole(x[0]) / whole(x[1])))
MEANING(evaluate_remainder, x[1] == 0 ? 0 : wrapped(whole(x[0]) % whole(x[1])))
MEANING(evaluate_and, wrapped(whole(x[0]) & whole(x[1])))
MEANING(evaluate_or, wrapped(whole(x[0]) | whole(x[1])))
MEANING(evaluate_exclusive_or, wrapped(whole(x[0]) ^ whole(x[1])))
MEANING(evaluate_left, wrapped(whole(x[0]) * (INT64_C(1) << (whole(x[1]) & 31))))
MEANING(evaluate_right, floor(x[0] / (double)(INT64_C(1) << (whole(x[1]) & 31))))
MEANING(evaluate_half, rounded_to_half(x[0]))
MEANING(evaluate_bfloat16, rounded_to_bfloat16(x[0]))

/* ---- cases ---- */

#define PAIR(NAME, A, B, BOUND)                                                                                        \
    {                                                                                                                  \
        .name = NAME, .in = { A, B }, .input_count = 2, .fill = { CLADE_FILL_LABELS, CLADE_FILL_LABELS },              \
        .label_bound = BOUND                                                                                           \
    }
static const clade_case pair_cases[] = {
    PAIR("the same dims", DIMS(3, 3, 5, 7), DIMS(3, 3, 5, 7), 30),
    PAIR("over a group", DIMS(1, 519), DIMS(1, 519), 30),
    PAIR("each repeats", DIMS(3, 1, 5, 3), DIMS(3, 4, 1, 3), 9),
    PAIR("by a scalar", DIMS(2, 3, 19), DIMS(0, 0), 30),
    { .name = NULL },
};
UNARY_CASES(real_cases, CLADE_FILL_UNIFORM, NULL);

/* ---- the rows ---- */

#define PAIRED(NAME, ONNX, TEXT, EVALUATE)                                                                             \
    ROW(NAME, ONNX, 2, TYPED_EXPRESSION(CLADE_TYPES_WHOLE, TEXT, EVALUATE), NULL, pair_cases)

/* A divisor of 0 or -1 never reaches the division: it may trap. */
#define SAFE "(x1 == 0 || x1 == -1 ? (whole)(1) : x1)"

const clade_op clade_op_whole_divide = PAIRED(
    "whole_divide", "Div", "x1 == 0 ? (whole)(0) : (x1 == -1 ? (whole)(0) - x0 : x0 / " SAFE ")", evaluate_divide);
const clade_op clade_op_whole_remainder =
    PAIRED("whole_remainder", "Mod", "x1 == 0 ? (whole)(0) : x0 % " SAFE, evaluate_remainder);
const clade_op clade_op_bits_and = PAIRED("bits_and", "BitwiseAnd", "x0 & x1", evaluate_and);
const clade_op clade_op_bits_or = PAIRED("bits_or", "BitwiseOr", "x0 | x1", evaluate_or);
const clade_op clade_op_bits_exclusive_or = PAIRED("bits_exclusive_or", "BitwiseXor", "x0 ^ x1", evaluate_exclusive_or);
const clade_op clade_op_shift_left = PAIRED("shift_left", "BitShift", "x0 << (x1 & 31)", evaluate_left);
const clade_op clade_op_shift_right = PAIRED("shift_right", "BitShift", "x0 >> (x1 & 31)", evaluate_right);

/* Below 2^-14 half precision has steps of 2^-24. */
const clade_op clade_op_round_to_half =
    ROW("round_to_half", "Cast", 1,
        EXPRESSION("x0 != x0 ? x0 : fabs(x0) >= 65520.0f ? copysign((real)(INFINITY), x0)"
                   " : fabs(x0) < 6.103515625e-5f ? rint(x0 * 16777216.0f) * 5.9604644775390625e-8f"
                   " : as_real((as_whole(x0) + 0x0fff + ((as_whole(x0) >> 13) & 1)) & -0x2000)",
                   evaluate_half),
        NULL, real_cases);
const clade_op clade_op_round_to_bfloat16 =
    ROW("round_to_bfloat16", "Cast", 1,
        EXPRESSION("x0 != x0 ? x0 : as_real((as_whole(x0) + 0x7fff + ((as_whole(x0) >> 16) & 1)) & -0x10000)",
                   evaluate_bfloat16),
        NULL, real_cases);

/* ---- the builder's calls ---- */

clade_value clade_whole_divide(clade_value a, clade_value b) {
    return binary(&clade_op_whole_divide, a, b);
}
clade_value clade_whole_remainder(clade_value a, clade_value b) {
    return binary(&clade_op_whole_remainder, a, b);
}
clade_value clade_bits_and(clade_value a, clade_value b) {
    return binary(&clade_op_bits_and, a, b);
}
clade_value clade_bits_or(clade_value a, clade_value b) {
    return binary(&clade_op_bits_or, a, b);
}
clade_value clade_bits_exclusive_or(clade_value a, clade_value b) {
    return binary(&clade_op_bits_exclusive_or, a, b);
}
clade_value clade_shift_left(clade_value a, clade_value b) {
    return binary(&clade_op_shift_left, a, b);
}
clade_value clade_shift_right(clade_value a, clade_value b) {
    return binary(&clade_op_shift_right, a, b);
}
clade_value clade_round_to_half(clade_value x) {
    return unary(&clade_op_round_to_half, NULL, x);
}
clade_value clade_round_to_bfloat16(clade_value x) {
    return unary(&clade_op_round_to_bfloat16, NULL, x);
}
