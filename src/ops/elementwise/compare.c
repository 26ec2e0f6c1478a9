/* Comparisons and choices element by element, inputs broadcast as numpy does; truth is an int32, 1 or 0.
 *   equal x0 = x1      less x0 < x1      less_equal x0 <= x1     of two inputs of one type; none holds for a NaN
 *   is_nan             is_infinite                               of float32
 *   logical_and        logical_or        logical_exclusive_or    logical_not      of int32: 0 is false, all else true
 *   where c != 0 ? x1 : x2                                       c int32; x1 and x2 of one type
 *   to_float32, to_int32                                         rounds towards 0; past the ends of int32 its ends, NaN 0
 *   detach x0                                                    of any type
 * Only where has a gradient: to the input that was chosen. */
#include "ops/elementwise/elementwise.h"

extern const clade_op clade_op_equal, clade_op_less, clade_op_less_equal, clade_op_is_nan, clade_op_is_infinite,
    clade_op_logical_and, clade_op_logical_or, clade_op_logical_exclusive_or, clade_op_logical_not, clade_op_where,
    clade_op_to_float32, clade_op_to_int32, clade_op_detach;

/* ---- meanings ---- */

MEANING(evaluate_equal, x[0] == x[1])
MEANING(evaluate_less, x[0] < x[1])
MEANING(evaluate_less_equal, x[0] <= x[1])
MEANING(evaluate_is_nan, isnan(x[0]) ? 1 : 0)
MEANING(evaluate_is_infinite, isinf(x[0]) ? 1 : 0)
MEANING(evaluate_and, x[0] != 0 && x[1] != 0)
MEANING(evaluate_or, x[0] != 0 || x[1] != 0)
MEANING(evaluate_exclusive_or, (x[0] != 0) != (x[1] != 0))
MEANING(evaluate_not, x[0] == 0)
MEANING(evaluate_where, x[0] != 0 ? x[1] : x[2])
MEANING(evaluate_to_float, x[0])
MEANING(evaluate_to_int, isnan(x[0]) ? 0 : trunc(fmin(fmax(x[0], INT32_MIN), INT32_MAX)))

/* dy where the input was chosen, else 0. */
GRADIENT(gradient_where) {
    clade_value zero = clade_constant(tape->graph, CLADE_SCALAR, 0), chosen = node->inputs[0];
    if (tape->wanted[1]) dx[1] = to_input(node, 1, clade_where(chosen, dy[0], zero));
    if (tape->wanted[2]) dx[2] = to_input(node, 2, clade_where(chosen, zero, dy[0]));
}

/* ---- cases ---- */

UNARY_CASES(any_cases, CLADE_FILL_UNIFORM, NULL);
BINARY_CASES(any_pair_cases, CLADE_FILL_UNIFORM, CLADE_FILL_UNIFORM, NULL);

#define WHOLE_PAIR(NAME, A, B)                                                                                         \
    {                                                                                                                  \
        .name = NAME, .in = { A, B }, .input_count = 2, .fill = { CLADE_FILL_LABELS, CLADE_FILL_LABELS },              \
        .label_bound = 3                                                                                               \
    }
static const clade_case whole_pair_cases[] = {
    WHOLE_PAIR("the same dims", DIMS(3, 3, 5, 7), DIMS(3, 3, 5, 7)),
    WHOLE_PAIR("over a group", DIMS(1, 519), DIMS(1, 519)),
    WHOLE_PAIR("each repeats", DIMS(3, 1, 5, 3), DIMS(3, 4, 1, 3)),
    WHOLE_PAIR("by a scalar", DIMS(2, 3, 19), DIMS(0, 0)),
    { .name = NULL },
};
static const clade_case whole_cases[] = {
    { .name = "odd size", .in = { DIMS(2, 3, 37) }, .input_count = 1, .fill = { CLADE_FILL_LABELS }, .label_bound = 3 },
    { .name = "a scalar", .in = { DIMS(0, 0) }, .input_count = 1, .fill = { CLADE_FILL_LABELS }, .label_bound = 3 },
    { .name = NULL },
};

#define WHERE(NAME, C, A, B, FILL)                                                                                     \
    { .name = NAME, .in = { C, A, B }, .input_count = 3, .fill = { CLADE_FILL_LABELS, FILL, FILL }, .label_bound = 2 }
static const clade_case where_cases[] = {
    WHERE("the same dims", DIMS(3, 3, 5, 7), DIMS(3, 3, 5, 7), DIMS(3, 3, 5, 7), CLADE_FILL_UNIFORM),
    WHERE("over a group", DIMS(1, 519), DIMS(1, 519), DIMS(1, 519), CLADE_FILL_UNIFORM),
    WHERE("rows and columns", DIMS(2, 5, 1), DIMS(1, 37), DIMS(2, 5, 37), CLADE_FILL_UNIFORM),
    WHERE("a number instead", DIMS(2, 5, 37), DIMS(2, 5, 37), DIMS(0, 0), CLADE_FILL_UNIFORM),
    WHERE("whole numbers", DIMS(2, 5, 37), DIMS(2, 5, 37), DIMS(0, 0), CLADE_FILL_LABELS),
    { .name = NULL },
};

/* ---- the rows ---- */

#define TRUTH(CONDITION) CONDITION " ? (whole)(1) : (whole)(0)"
#define COMPARED(TEXT, EVALUATE) TYPED_EXPRESSION(CLADE_TYPES_COMPARED, TRUTH(TEXT), EVALUATE)
#define WHOLE(TEXT, EVALUATE) TYPED_EXPRESSION(CLADE_TYPES_WHOLE, TRUTH(TEXT), EVALUATE)

const clade_op clade_op_equal = ROW("equal", "Equal", 2, COMPARED("x0 == x1", evaluate_equal), NULL, whole_pair_cases);
const clade_op clade_op_less = ROW("less", "Less", 2, COMPARED("x0 < x1", evaluate_less), NULL, any_pair_cases);
const clade_op clade_op_less_equal =
    ROW("less_equal", "LessOrEqual", 2, COMPARED("x0 <= x1", evaluate_less_equal), NULL, whole_pair_cases);
const clade_op clade_op_is_nan = ROW("is_nan", "IsNaN", 1, COMPARED("x0 != x0", evaluate_is_nan), NULL, any_cases);
const clade_op clade_op_is_infinite = ROW(
    "is_infinite", "IsInf", 1, COMPARED("x0 == INFINITY || x0 == -INFINITY", evaluate_is_infinite), NULL, any_cases);
const clade_op clade_op_logical_and =
    ROW("logical_and", "And", 2, WHOLE("x0 != 0 && x1 != 0", evaluate_and), NULL, whole_pair_cases);
const clade_op clade_op_logical_or =
    ROW("logical_or", "Or", 2, WHOLE("x0 != 0 || x1 != 0", evaluate_or), NULL, whole_pair_cases);
const clade_op clade_op_logical_exclusive_or = ROW(
    "logical_exclusive_or", "Xor", 2, WHOLE("(x0 != 0) != (x1 != 0)", evaluate_exclusive_or), NULL, whole_pair_cases);
const clade_op clade_op_logical_not = ROW("logical_not", "Not", 1, WHOLE("x0 == 0", evaluate_not), NULL, whole_cases);
const clade_op clade_op_where =
    ROW("where", "Where", 3, TYPED_EXPRESSION(CLADE_TYPES_CHOSEN, "x0 != 0 ? x1 : x2", evaluate_where), gradient_where,
        where_cases);
const clade_op clade_op_to_float32 =
    ROW("to_float32", "Cast", 1, TYPED_EXPRESSION(CLADE_TYPES_TO_FLOAT, "to_real(x0)", evaluate_to_float), NULL,
        whole_cases);
const clade_op clade_op_to_int32 =
    ROW("to_int32", "Cast", 1, TYPED_EXPRESSION(CLADE_TYPES_TO_INT, "to_whole(x0)", evaluate_to_int), NULL, any_cases);

const clade_op clade_op_detach =
    ROW("detach", "Identity", 1, TYPED_EXPRESSION(CLADE_TYPES_ALIKE, "x0", evaluate_to_float), NULL, any_cases);

/* ---- the builder's calls ---- */

clade_value clade_equal(clade_value a, clade_value b) {
    return binary(&clade_op_equal, a, b);
}
clade_value clade_less(clade_value a, clade_value b) {
    return binary(&clade_op_less, a, b);
}
clade_value clade_less_equal(clade_value a, clade_value b) {
    return binary(&clade_op_less_equal, a, b);
}
clade_value clade_greater(clade_value a, clade_value b) {
    return binary(&clade_op_less, b, a);
}
clade_value clade_greater_equal(clade_value a, clade_value b) {
    return binary(&clade_op_less_equal, b, a);
}
clade_value clade_is_nan(clade_value x) {
    return unary(&clade_op_is_nan, NULL, x);
}
clade_value clade_is_infinite(clade_value x) {
    return unary(&clade_op_is_infinite, NULL, x);
}
clade_value clade_logical_and(clade_value a, clade_value b) {
    return binary(&clade_op_logical_and, a, b);
}
clade_value clade_logical_or(clade_value a, clade_value b) {
    return binary(&clade_op_logical_or, a, b);
}
clade_value clade_logical_exclusive_or(clade_value a, clade_value b) {
    return binary(&clade_op_logical_exclusive_or, a, b);
}
clade_value clade_logical_not(clade_value x) {
    return unary(&clade_op_logical_not, NULL, x);
}

clade_value clade_where(clade_value condition, clade_value a, clade_value b) {
    const clade_value inputs[] = { condition, a, b };
    return clade_append(clade_graph_of(inputs, 3), &clade_op_where, "", NULL, inputs, 3);
}

clade_value clade_detach(clade_value x) {
    return unary(&clade_op_detach, NULL, x);
}

clade_value clade_cast(clade_value x, clade_dtype dtype) {
    if (clade_value_valid(x) && clade_value_dtype(x) == dtype) return x;
    if (dtype == CLADE_I32) return unary(&clade_op_to_int32, NULL, x);
    if (dtype == CLADE_F32) return unary(&clade_op_to_float32, NULL, x);
    return clade_invalid(x.graph, CLADE_ERROR_ARGUMENT, "cast: type %d is none", (int)dtype);
}
