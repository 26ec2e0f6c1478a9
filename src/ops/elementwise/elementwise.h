/* What the files of point-wise rows share: the shapes of a row, of its meaning and gradient, and of its cases. Names are
 * short because they are local to those files. */
#ifndef CLADE_OPS_ELEMENTWISE_H
#define CLADE_OPS_ELEMENTWISE_H

#include "ops/op.h"

#include <math.h>
#include <stddef.h>

/* ---- attributes ---- */

typedef struct number_attributes {
    double number;
} number_attributes;

static const clade_attribute number_schema[] = {
    { "number", CLADE_ATTRIBUTE_DOUBLE, offsetof(number_attributes, number), 0 },
    { NULL, 0, 0, 0 },
};

static inline void number_parameters(const clade_node *node, clade_binding binding, double p[CLADE_MAX_PARAMETERS]) {
    (void)binding;
    p[0] = ((const number_attributes *)node->attributes)->number;
}

/* ---- nodes ---- */

static inline clade_value unary(const clade_op *op, const void *attributes, clade_value x) {
    return clade_append(x.graph, op, "", attributes, &x, 1);
}

static inline clade_value binary(const clade_op *op, clade_value a, clade_value b) {
    const clade_value inputs[] = { a, b };
    return clade_append(clade_graph_of(inputs, 2), op, "", NULL, inputs, 2);
}

/* The node's own output, for gradients that are functions of it. */
static inline clade_value output_of(const clade_tape *tape, const clade_node *node) {
    return (clade_value){ tape->graph, node->index, 0 };
}

/* DX summed back to the dims of input I. */
static inline clade_value to_input(const clade_node *node, int i, clade_value dx) {
    return clade_sum_to(dx, &clade_value_type(node->inputs[i])->dims);
}

/* ---- meanings and gradients ---- */

#define MEANING(NAME, FORMULA)                                                                                         \
    static double NAME(const double x[], const double p[]) {                                                           \
        (void)x;                                                                                                       \
        (void)p;                                                                                                       \
        return FORMULA;                                                                                                \
    }

#define GRADIENT(NAME)                                                                                                 \
    static void NAME(clade_tape *tape, const clade_node *node, const clade_value dy[], clade_value dx[])

/* ---- rows ---- */

#define ROW(NAME, ONNX, INPUTS, EXPRESSION, GRADIENT, CASES)                                                           \
    {                                                                                                                  \
        .name = NAME, .onnx = ONNX, .input_minimum = INPUTS, .input_maximum = INPUTS, .outputs = 1,                    \
        .infer = clade_pointwise_infer, .gradient = GRADIENT, .pointwise = EXPRESSION, .in_place = (1u << INPUTS) - 1, \
        .cases = CASES                                                                                                 \
    }
/* A row whose expression has the attribute `number` as p0. */
#define NUMBER_ROW(NAME, ONNX, INPUTS, EXPRESSION, GRADIENT, CASES)                                                    \
    {                                                                                                                  \
        .name = NAME, .onnx = ONNX, .attributes = number_schema, .attributes_size = sizeof(number_attributes),         \
        .input_minimum = INPUTS, .input_maximum = INPUTS, .outputs = 1, .infer = clade_pointwise_infer,                \
        .gradient = GRADIENT, .pointwise = EXPRESSION, .in_place = (1u << INPUTS) - 1, .cases = CASES                  \
    }
#define EXPRESSION(TEXT, EVALUATE)                                                                                     \
    &(const clade_pointwise) {                                                                                         \
        TEXT, EVALUATE, NULL, 0, CLADE_TYPES_FLOAT                                                                     \
    }
/* An expression over other types than float32. */
#define TYPED_EXPRESSION(TYPES, TEXT, EVALUATE)                                                                        \
    &(const clade_pointwise) {                                                                                         \
        TEXT, EVALUATE, NULL, 0, TYPES                                                                                 \
    }
#define EXPRESSION_OF_NUMBER(TEXT, EVALUATE, PARAMETERS)                                                               \
    &(const clade_pointwise) {                                                                                         \
        TEXT, EVALUATE, PARAMETERS, 1, CLADE_TYPES_FLOAT                                                               \
    }

/* ---- cases ---- */

#define UNARY_CASES(NAME, FILL, ATTRIBUTES)                                                                            \
    static const clade_case NAME[] = {                                                                                 \
        { .name = "odd size",                                                                                          \
          .in = { { 3, { 3, 5, 7 } } },                                                                                \
          .input_count = 1,                                                                                            \
          .fill = { FILL },                                                                                            \
          .attributes = ATTRIBUTES },                                                                                  \
        { .name = "over a group",                                                                                      \
          .in = { { 1, { 1027 } } },                                                                                   \
          .input_count = 1,                                                                                            \
          .fill = { FILL },                                                                                            \
          .attributes = ATTRIBUTES },                                                                                  \
        { .name = "a scalar", .in = { { 0, { 0 } } }, .input_count = 1, .fill = { FILL }, .attributes = ATTRIBUTES },  \
        { .name = NULL },                                                                                              \
    }

#define BINARY_CASE(NAME, A, B, FILL_A, FILL_B, ATTRIBUTES)                                                            \
    { .name = NAME, .in = { A, B }, .input_count = 2, .fill = { FILL_A, FILL_B }, .attributes = ATTRIBUTES }
#define DIMS(RANK, ...)                                                                                                \
    {                                                                                                                  \
        RANK, {                                                                                                        \
            __VA_ARGS__                                                                                                \
        }                                                                                                              \
    }

#define BINARY_CASES(NAME, FILL_A, FILL_B, ATTRIBUTES)                                                                 \
    static const clade_case NAME[] = {                                                                                 \
        BINARY_CASE("the same dims", DIMS(3, 3, 5, 7), DIMS(3, 3, 5, 7), FILL_A, FILL_B, ATTRIBUTES),                  \
        BINARY_CASE("over a group", DIMS(1, 519), DIMS(1, 519), FILL_A, FILL_B, ATTRIBUTES),                           \
        BINARY_CASE("by a row", DIMS(2, 6, 19), DIMS(1, 19), FILL_A, FILL_B, ATTRIBUTES),                              \
        BINARY_CASE("by a column", DIMS(2, 6, 19), DIMS(2, 6, 1), FILL_A, FILL_B, ATTRIBUTES),                         \
        BINARY_CASE("by a channel", DIMS(4, 2, 3, 5, 3), DIMS(3, 3, 1, 1), FILL_A, FILL_B, ATTRIBUTES),                \
        BINARY_CASE("by a scalar", DIMS(2, 3, 5), DIMS(0, 0), FILL_A, FILL_B, ATTRIBUTES),                             \
        BINARY_CASE("each repeats", DIMS(3, 1, 5, 3), DIMS(3, 4, 1, 3), FILL_A, FILL_B, ATTRIBUTES),                   \
        BINARY_CASE("four runs of axes", DIMS(4, 2, 1, 3, 1), DIMS(4, 1, 4, 3, 5), FILL_A, FILL_B, ATTRIBUTES),        \
        { .name = NULL },                                                                                              \
    }

#endif
