/* What moves elements without changing them: reshapes, transposes, slices, padding, joining, repeating, choosing. */
#include "formats/onnx/export.h"

#include <string.h>

static const char *result(clade_onnx_export *export, const clade_node *node) {
    return clade_export_name(export, (clade_value){ node->graph, node->index, 0 });
}

static const char *input(clade_onnx_export *export, const clade_node *node) {
    return clade_export_name(export, node->inputs[0]);
}

static void write_reshape(clade_onnx_export *export, const clade_node *node, const clade_onnx_writer *writer) {
    const clade_dims x = clade_value_dims(node->inputs[0]), y = node->outputs[0].dims;
    if (y.rank == 2 && x.rank > 1 && x.size[0] == y.size[0]) {
        clade_export_set_int(export, clade_export_call(export, "Flatten", result(export, node), input(export, node)),
                             "axis", 1);
        return;
    }
    const char *shape = clade_export_shape(export, node, &x, &y);
    if (shape != NULL) clade_export_call(export, writer->op, result(export, node), input(export, node), shape);
}

/* A size that x has already is said as 1, which in Expand means that it stays. */
static void write_expand(clade_onnx_export *export, const clade_node *node, const clade_onnx_writer *writer) {
    const clade_dims x = clade_value_dims(node->inputs[0]), y = node->outputs[0].dims;
    int64_t sizes[CLADE_MAX_RANK];
    for (int32_t i = 0; i < y.rank; i++) {
        const int32_t from = i - (y.rank - x.rank);
        sizes[i] = from >= 0 && x.size[from] == y.size[i] ? 1 : y.size[i];
    }
    const char *shape = clade_export_open_shape(export, node, sizes, y.rank);
    if (shape != NULL) clade_export_call(export, writer->op, result(export, node), input(export, node), shape);
}

static void write_constant(clade_onnx_export *export, const clade_node *node, const clade_onnx_writer *writer) {
    const clade_constant_attributes *a = node->attributes;
    bool open = false;
    (void)writer;
    for (int32_t i = 0; i < a->dims.rank; i++)
        open = open || a->dims.size[i] < 0;
    if (!open) {
        clade_export_fill(export, result(export, node), &a->dims, (float)a->number);
        return;
    }
    const char *shape = clade_export_open_shape(export, node, a->dims.size, a->dims.rank);
    const char *number = clade_export_number(export, (float)a->number);
    if (shape != NULL) clade_export_call(export, "Expand", result(export, node), number, shape);
}

static void write_transpose(clade_onnx_export *export, const clade_node *node, const clade_onnx_writer *writer) {
    const int64_t *permutation = clade_export_attribute(node, "permutation");
    clade_export_set_ints(export, clade_export_call(export, writer->op, result(export, node), input(export, node)),
                          "perm", permutation, node->outputs[0].dims.rank);
}

/* ---- parts ---- */

static void slice(clade_onnx_export *export, const clade_node *node, const int64_t *axes, const int64_t *starts,
                  const int64_t *ends, const int64_t *steps, int count) {
    const char *list[] = { input(export, node),
                           clade_export_wholes(export, starts, count),
                           clade_export_wholes(export, ends, count),
                           clade_export_wholes(export, axes, count),
                           clade_export_wholes(export, steps, count),
                           NULL };
    clade_export_node(export, "Slice", list, result(export, node));
}

static void write_slice(clade_onnx_export *export, const clade_node *node, const clade_onnx_writer *writer) {
    (void)writer;
    const int64_t *before = clade_export_attribute(node, "before"), *after = clade_export_attribute(node, "after"),
                  *step = clade_export_attribute(node, "step");
    const clade_dims x = clade_value_dims(node->inputs[0]);
    int64_t axes[CLADE_MAX_RANK], starts[CLADE_MAX_RANK], ends[CLADE_MAX_RANK], steps[CLADE_MAX_RANK];
    int count = 0;
    for (int32_t i = 0; i < x.rank; i++) {
        if (before[i] == 0 && after[i] == 0 && step[i] == 1) continue;
        axes[count] = i;
        starts[count] = before[i];
        ends[count] = x.size[i] - after[i];
        steps[count++] = step[i];
    }
    slice(export, node, axes, starts, ends, steps, count);
}

static void write_part(clade_onnx_export *export, const clade_node *node, const clade_onnx_writer *writer) {
    (void)writer;
    const int64_t axis = clade_export_whole(node, "axis"), begin = clade_export_whole(node, "before"), step = 1;
    const int64_t end = begin + clade_export_whole(node, "size");
    if (begin < 0 || end < begin) {
        clade_export_refuse(export, node, "a part with open ends");
        return;
    }
    slice(export, node, &axis, &begin, &end, &step, 1);
}

static void write_reverse(clade_onnx_export *export, const clade_node *node, const clade_onnx_writer *writer) {
    (void)writer;
    const int64_t bits = clade_export_whole(node, "axes");
    int64_t axes[CLADE_MAX_RANK], starts[CLADE_MAX_RANK], ends[CLADE_MAX_RANK], steps[CLADE_MAX_RANK];
    int count = 0;
    for (int32_t i = 0; i < node->outputs[0].dims.rank; i++) {
        if ((bits >> i & 1) == 0) continue;
        axes[count] = i;
        starts[count] = INT32_MAX;
        ends[count] = INT32_MIN;
        steps[count++] = -1;
    }
    slice(export, node, axes, starts, ends, steps, count);
}

/* ---- padding and joining ---- */

static void write_pad(clade_onnx_export *export, const clade_node *node, const clade_onnx_writer *writer) {
    const int64_t *before = clade_export_attribute(node, "before"), *after = clade_export_attribute(node, "after"),
                  *step = clade_export_attribute(node, "step");
    const int32_t rank = node->outputs[0].dims.rank;
    int64_t pads[2 * CLADE_MAX_RANK];
    for (int32_t i = 0; i < rank; i++) {
        pads[i] = before[i];
        pads[rank + i] = after[i];
        if (step[i] != 1) clade_export_refuse(export, node, "ONNX's padding does not come between elements");
    }
    if (node->outputs[0].dtype != CLADE_F32) clade_export_refuse(export, node, "padding of whole numbers");
    const char *number = clade_export_number(export, (float)clade_export_real(node, "value"));
    clade_export_call(export, writer->op, result(export, node), input(export, node),
                      clade_export_wholes(export, pads, 2 * rank), number);
}

/* Concat, Gather, GatherElements: all inputs, and an axis. */
static void write_with_axis(clade_onnx_export *export, const clade_node *node, const clade_onnx_writer *writer) {
    const char *list[CLADE_MAX_INPUTS + 1] = { NULL };
    for (uint32_t i = 0; i < node->input_count; i++)
        list[i] = clade_export_name(export, node->inputs[i]);
    clade_export_set_int(export, clade_export_node(export, writer->op, list, result(export, node)), "axis",
                         clade_export_whole(node, "axis"));
}

const clade_onnx_writer clade_onnx_move_writers[] = {
    { "concat", "Concat", write_with_axis, NULL, 1 },
    { "constant", "Constant", write_constant, NULL, 1 },
    { "expand", "Expand", write_expand, NULL, 1 },
    { "gather", "Gather", write_with_axis, NULL, 1 },
    { "gather_elements", "GatherElements", write_with_axis, NULL, 1 },
    { "pad", "Pad", write_pad, NULL, 1 },
    { "part", "Slice", write_part, NULL, 1 },
    { "reshape", "Reshape", write_reshape, NULL, 1 },
    { "reverse", "Slice", write_reverse, NULL, 1 },
    { "slice", "Slice", write_slice, NULL, 1 },
    { "transpose", "Transpose", write_transpose, NULL, 1 },
    { NULL, NULL, NULL, NULL, 0 },
};
