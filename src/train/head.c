#include "train/head.h"

#include "clade/ops.h"
#include "ops/convolution/convolution.h"
#include "ops/matmul/batched_matmul.h"
#include "ops/matmul/matmul.h"
#include "ops/op.h"

#include <string.h>

/* A place in the walk: VALUE, whose axis AXIS counts the classes. */
typedef struct place {
    clade_value value;
    int32_t axis;
} place;

static clade_size size_at(place at) {
    return clade_value_dims(at.value).size[at.axis];
}

static bool is_op(const clade_node *node, const char *name) {
    return strcmp(node->op->name, name) == 0;
}

static place mark(clade_head *head, clade_value value, int32_t axis, clade_value next, int32_t next_axis) {
    head->axis[value.node] = (int8_t)axis;
    return (place){ next, next_axis };
}

/* ---- parameters: states, and reshaped ones ---- */

/* The axis of X that is AXIS of its reshape Y: the first, the last, or one with the same sizes before it; -1: none. */
static int32_t axis_before_reshape(clade_value x, clade_value y, int32_t axis) {
    const clade_dims from = clade_value_dims(x), to = clade_value_dims(y);
    const clade_size wanted = to.size[axis];
    if (axis == to.rank - 1 && from.rank > 0 && from.size[from.rank - 1] == wanted) return from.rank - 1;
    if (axis >= from.rank || from.size[axis] != wanted) return -1;
    for (int32_t i = 0; i < axis; i++)
        if (from.size[i] != to.size[i]) return -1;
    return axis;
}

/* Marks what PARAMETER is made of; false when it is more than a state in another shape. */
static bool mark_parameter(clade_head *head, place parameter) {
    while (parameter.axis >= 0) {
        const clade_node *node = clade_value_node(parameter.value);
        if (node->op == &clade_op_state) {
            head->axis[node->index] = (int8_t)parameter.axis;
            return true;
        }
        if (!is_op(node, "reshape")) return false;
        const int32_t before = axis_before_reshape(node->inputs[0], parameter.value, parameter.axis);
        parameter = mark(head, parameter.value, parameter.axis, node->inputs[0], before);
    }
    return false;
}

/* ---- the walk ---- */

/* Whether VALUE depends on states and constants alone. */
static bool is_parameter(clade_value value) {
    const clade_node *node = clade_value_node(value);
    while (node->input_count == 1)
        node = clade_value_node(node->inputs[0]);
    return node->input_count == 0 && node->op != &clade_op_input;
}

/* Where NODE, at AT, is a layer whose weights have the classes along an axis: those weights; else an invalid place. */
static place weights_of(const clade_node *node, place at) {
    const int32_t last = clade_value_dims(at.value).rank - 1;
    bool transposed = false;
    if (node->op == &clade_op_conv2d && at.axis == 1) return (place){ node->inputs[1], 0 };
    if (node->op == &clade_op_matmul && at.axis == last)
        transposed = ((const clade_matmul_attributes *)node->attributes)->transpose_b;
    else if (node->op == &clade_op_batched_matmul && at.axis == last)
        transposed = ((const clade_batched_matmul_attributes *)node->attributes)->transpose_b;
    else
        return (place){ CLADE_NO_VALUE, -1 };
    const int32_t rank = clade_value_dims(node->inputs[1]).rank;
    return (place){ node->inputs[1], transposed ? rank - 2 : rank - 1 };
}

/* Marks the parameter that NODE adds to, or multiplies, its data by, if it has one for each class. */
static bool mark_operand(clade_head *head, place at, clade_value operand) {
    const int32_t axis = at.axis - (clade_value_dims(at.value).rank - clade_value_dims(operand).rank);
    if (axis < 0) return true; /* the same for all classes */
    const place parameter = { operand, axis };
    return size_at(parameter) == 1 || mark_parameter(head, parameter);
}

/* The input of NODE that carries on what AT is; invalid where there is none. */
static place step_back(clade_head *head, const clade_node *node, place at) {
    const place nowhere = { CLADE_NO_VALUE, -1 };
    if (node->input_count == 0) return nowhere;
    if (is_op(node, "reshape"))
        return mark(head, at.value, at.axis, node->inputs[0], axis_before_reshape(node->inputs[0], at.value, at.axis));
    place before = { node->inputs[0], at.axis };
    if (node->input_count == 2 && node->op->pointwise) {
        clade_value operand = node->inputs[1];
        if (is_parameter(before.value)) {
            operand = before.value;
            before.value = node->inputs[1];
        }
        if (!is_parameter(operand) || !mark_operand(head, at, operand)) return nowhere;
    }
    const bool same = clade_value_dims(before.value).rank > at.axis && size_at(before) == size_at(at);
    return same ? before : nowhere;
}

clade_status clade_head_find(clade_value logits, clade_head *head) {
    const clade_graph *graph = logits.graph;
    *head = (clade_head){ .context = graph->context,
                          .axis = clade_allocate(graph->context, graph->node_count + 1, sizeof *head->axis) };
    if (!head->axis) return clade_fail_memory(graph->context, graph->node_count, "the network's head");
    memset(head->axis, -1, graph->node_count);
    place at = { logits, 1 };
    const clade_node *node = clade_value_node(logits);
    while (clade_value_valid(at.value) && at.axis >= 0) {
        node = clade_value_node(at.value);
        const place weights = weights_of(node, at);
        if (clade_value_valid(weights.value)) {
            if (mark_parameter(head, weights)) return CLADE_OK;
            break;
        }
        at = step_back(head, node, at);
    }
    return clade_fail(graph->context, CLADE_ERROR_UNSUPPORTED,
                      "no head to replace: the classes are given by %s%s%s, not by a dense layer or convolution",
                      node->op->name, node->name[0] ? " " : "", node->name);
}

void clade_head_free(clade_head *head) {
    if (head->context) clade_free(head->context, head->axis);
    *head = (clade_head){ 0 };
}
