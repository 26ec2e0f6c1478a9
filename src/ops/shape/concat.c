/* Arrays side by side, and what undoes it.
 *   concat  x0, x1, ... (alike but for one axis) -> y: one after another along the axis
 *   part    x -> the elements BEFORE to BEFORE + SIZE along one axis, AFTER elements coming behind them; the sizes may be
 *           symbolic, where a slice's may not
 * Any type of element of four bytes. The gradient of concat is a slice (or part) for each input; that of part is a concat
 * with zeros. */
#include "ops/shape/copy.h"

#include <stddef.h>

extern const clade_op clade_op_concat, clade_op_part;

typedef struct concat_attributes {
    int64_t axis;
} concat_attributes;

typedef struct part_attributes {
    int64_t axis;
    clade_size before, size, after;
} part_attributes;

static const clade_attribute concat_schema[] = {
    { "axis", CLADE_ATTRIBUTE_INT, offsetof(concat_attributes, axis), 0 },
    { NULL, 0, 0, 0 },
};
static const clade_attribute part_schema[] = {
    { "axis", CLADE_ATTRIBUTE_INT, offsetof(part_attributes, axis), 0 },
    { "before", CLADE_ATTRIBUTE_SIZE, offsetof(part_attributes, before), 0 },
    { "size", CLADE_ATTRIBUTE_SIZE, offsetof(part_attributes, size), 0 },
    { "after", CLADE_ATTRIBUTE_SIZE, offsetof(part_attributes, after), 0 },
    { NULL, 0, 0, 0 },
};

static int64_t axis_of(const clade_node *node) {
    return *(const int64_t *)node->attributes; /* first in both structs */
}

static bool check_axis(const clade_node *node, clade_text *why) {
    const int32_t rank = clade_value_type(node->inputs[0])->dims.rank;
    if (axis_of(node) >= 0 && axis_of(node) < rank) return true;
    clade_text_add(why, "axis %lld is none of 0 to %d", (long long)axis_of(node), (int)rank - 1);
    return false;
}

/* ---- types ---- */

static bool infer_concat(const clade_node *node, clade_type out[], clade_text *why) {
    if (!check_axis(node, why)) return false;
    const int64_t axis = axis_of(node);
    out[0] = *clade_value_type(node->inputs[0]);
    for (uint32_t i = 1; i < node->input_count; i++) {
        clade_type other = *clade_value_type(node->inputs[i]);
        const clade_size size = other.dims.rank > axis ? other.dims.size[axis] : 0;
        if (other.dims.rank > axis) other.dims.size[axis] = out[0].dims.size[axis];
        if (other.dtype != out[0].dtype || !clade_dims_equal(&other.dims, &out[0].dims)) {
            clade_text_add(why, "input %u is unlike the first in more than axis %lld", (unsigned)i, (long long)axis);
            return false;
        }
        out[0].dims.size[axis] = clade_size_add(node->graph, out[0].dims.size[axis], size);
    }
    return true;
}

static bool infer_part(const clade_node *node, clade_type out[], clade_text *why) {
    const part_attributes *a = node->attributes;
    if (!check_axis(node, why)) return false;
    out[0] = *clade_value_type(node->inputs[0]);
    clade_size *size = &out[0].dims.size[a->axis];
    const clade_size together = clade_size_add(node->graph, clade_size_add(node->graph, a->before, a->size), a->after);
    const clade_dims whole = { 1, { *size } }, parts = { 1, { together } };
    static const clade_binding bindings[] = { { 1, 1 }, { 7919, 104729 }, { 15485863, 32452843 } };
    for (int i = 0; i < 3; i++) {
        if (clade_dims_value(node->graph, &whole, bindings[i], NULL) ==
            clade_dims_value(node->graph, &parts, bindings[i], NULL))
            continue;
        clade_text_add(why, "the parts are %s long together, axis %lld is %s", clade_size_text(node->graph, together),
                       (long long)a->axis, clade_size_text(node->graph, *size));
        return false;
    }
    *size = a->size;
    return true;
}

/* ---- gradients ---- */

/* SIZE elements of X along AXIS from BEFORE on; AFTER: those behind them. */
static clade_value part_of(clade_value x, int32_t axis, clade_size before, clade_size size, clade_size after) {
    if (!clade_value_valid(x)) return x;
    if (before < 0 || size < 0 || after < 0)
        return clade_append(x.graph, &clade_op_part, "", &(const part_attributes){ axis, before, size, after }, &x, 1);
    clade_slice_options options = { .size = sizeof options, .x = x };
    options.begin[axis] = before;
    options.end[axis] = after > 0 ? before + size : 0;
    return clade_slice_with(&options);
}

static void gradient_concat(clade_tape *tape, const clade_node *node, const clade_value dy[], clade_value dx[]) {
    const int32_t axis = (int32_t)axis_of(node);
    clade_size before = 0;
    for (uint32_t i = 0; i < node->input_count; i++) {
        const clade_size size = clade_value_type(node->inputs[i])->dims.size[axis];
        clade_size after = 0;
        for (uint32_t k = i + 1; k < node->input_count; k++) {
            after = clade_size_add(tape->graph, after, clade_value_type(node->inputs[k])->dims.size[axis]);
        }
        if (tape->wanted[i]) dx[i] = part_of(dy[0], axis, before, size, after);
        before = clade_size_add(tape->graph, before, size);
    }
}

static void gradient_part(clade_tape *tape, const clade_node *node, const clade_value dy[], clade_value dx[]) {
    const part_attributes *a = node->attributes;
    if (!tape->wanted[0]) return;
    clade_value parts[3];
    uint32_t count = 0;
    clade_dims dims = clade_value_type(node->inputs[0])->dims;
    dims.size[a->axis] = a->before;
    if (a->before != 0) parts[count++] = clade_constant(tape->graph, dims, 0);
    parts[count++] = dy[0];
    dims.size[a->axis] = a->after;
    if (a->after != 0) parts[count++] = clade_constant(tape->graph, dims, 0);
    dx[0] = clade_append(tape->graph, &clade_op_concat, "", &(const concat_attributes){ a->axis }, parts, count);
}

/* ---- references ---- */

/* Copies OUTER runs of LENGTH elements. */
static void copy_runs(const double *from, int64_t from_pitch, double *to, int64_t to_pitch, int64_t length,
                      int64_t outer) {
    for (int64_t o = 0; o < outer; o++) {
        for (int64_t i = 0; i < length; i++) {
            to[o * to_pitch + i] = from[o * from_pitch + i];
        }
    }
}

static int64_t outside(const clade_tensor *tensor, int64_t axis) {
    int64_t count = 1;
    for (int64_t i = 0; i < axis; i++) {
        count *= tensor->size[i];
    }
    return count;
}

static void reference_concat(const clade_node *node, const clade_tensor in[], clade_tensor out[]) {
    const int64_t outer = outside(&out[0], axis_of(node)), pitch = out[0].count / outer;
    double *to = out[0].data;
    for (uint32_t i = 0; i < node->input_count; i++) {
        const int64_t run = in[i].count / outer;
        copy_runs(in[i].data, run, to, pitch, run, outer);
        to += run;
    }
}

static void reference_part(const clade_node *node, const clade_tensor in[], clade_tensor out[]) {
    const part_attributes *a = node->attributes;
    const int64_t outer = outside(&in[0], a->axis), pitch = in[0].count / outer, run = out[0].count / outer;
    const int64_t before = clade_size_value(node->graph, a->before, clade_binding_of(node, in, out));
    copy_runs(in[0].data + before * (pitch / in[0].size[a->axis]), pitch, out[0].data, run, run, outer);
}

/* ---- implementations ---- */

static clade_status record_concat(const clade_site *site, clade_commands *commands, bool rows) {
    const int32_t axis = (int32_t)axis_of(site->node);
    int64_t base = 0, strides[CLADE_MAX_RANK];
    clade_dense_strides(&site->out[0], strides);
    for (uint32_t i = 0; i < site->node->input_count; i++) {
        clade_copy_box box = clade_copy_box_to(&site->in[i]);
        for (int32_t k = 0; k < box.rank; k++) {
            box.from_stride[k] = box.to_stride[k];
            box.to_stride[k] = strides[k];
        }
        box.to_base = base;
        clade_status status = clade_copy_record(site, commands, &box, rows, site->in[i].buffer, site->out[0].buffer);
        if (status != CLADE_OK) return status;
        base += site->in[i].size[axis] * strides[axis];
    }
    return CLADE_OK;
}

static clade_status record_part(const clade_site *site, clade_commands *commands, bool rows) {
    const part_attributes *a = site->node->attributes;
    clade_copy_box box = clade_copy_box_to(&site->out[0]);
    clade_dense_strides(&site->in[0], box.from_stride);
    box.from_base = clade_size_value(site->node->graph, a->before, site->binding) * box.from_stride[a->axis];
    return clade_copy_record(site, commands, &box, rows, site->in[0].buffer, site->out[0].buffer);
}

#define RECORD(NAME, WHAT, ROWS)                                                                                       \
    static clade_status NAME(const clade_site *site, clade_commands *commands) {                                       \
        return WHAT(site, commands, ROWS);                                                                             \
    }
RECORD(record_concat_rows, record_concat, true)
RECORD(record_concat_elements, record_concat, false)
RECORD(record_part_rows, record_part, true)
RECORD(record_part_elements, record_part, false)

static double flops(const clade_site *site) {
    (void)site;
    return 0;
}

static const clade_implementation *const concat_implementations[] = {
    &(const clade_implementation){ .name = "rows", .suitability = clade_suits_cpus, .record = record_concat_rows },
    &(const clade_implementation){
        .name = "elements", .suitability = clade_suits_others, .record = record_concat_elements },
    NULL,
};
static const clade_implementation *const part_implementations[] = {
    &(const clade_implementation){ .name = "rows", .suitability = clade_suits_cpus, .record = record_part_rows },
    &(const clade_implementation){
        .name = "elements", .suitability = clade_suits_others, .record = record_part_elements },
    NULL,
};

/* ---- cases ---- */

#define AXIS(A)                                                                                                        \
    &(const concat_attributes) {                                                                                       \
        A                                                                                                              \
    }
#define PART(...)                                                                                                      \
    &(const part_attributes) {                                                                                         \
        __VA_ARGS__                                                                                                    \
    }

static const clade_case concat_cases[] = {
    { .name = "channels",
      .in = { { 4, { 2, 3, 5, 7 } }, { 4, { 2, 4, 5, 7 } }, { 4, { 2, 1, 5, 7 } } },
      .input_count = 3,
      .attributes = AXIS(1) },
    { .name = "columns", .in = { { 2, { 5, 3 } }, { 2, { 5, 17 } } }, .input_count = 2, .attributes = AXIS(1) },
    { .name = "samples", .in = { { 2, { 5, 7 } }, { 2, { 2, 7 } } }, .input_count = 2, .attributes = AXIS(0) },
    { .name = "one alone", .in = { { 3, { 2, 5, 3 } } }, .input_count = 1, .attributes = AXIS(2) },
    { .name = "over a chunk",
      .in = { { 2, { 2, 16500 } }, { 2, { 2, 33 } } },
      .input_count = 2,
      .attributes = AXIS(1) },
    { .name = "whole numbers",
      .in = { { 2, { 3, 5 } }, { 2, { 3, 2 } } },
      .input_count = 2,
      .fill = { CLADE_FILL_LABELS, CLADE_FILL_LABELS },
      .label_bound = 100,
      .attributes = AXIS(1) },
    { .name = NULL },
};
static const clade_case part_cases[] = {
    { .name = "the middle", .in = { { 3, { 3, 11, 5 } } }, .input_count = 1, .attributes = PART(1, 2, 6, 3) },
    { .name = "the beginning", .in = { { 2, { 7, 5 } } }, .input_count = 1, .attributes = PART(0, 0, 4, 3) },
    { .name = "the end", .in = { { 2, { 5, 7 } } }, .input_count = 1, .attributes = PART(1, 4, 3, 0) },
    { .name = NULL },
};

/* ---- the rows ---- */

#define ROW(NAME, ONNX, INPUTS, WHAT)                                                                                  \
    {                                                                                                                  \
        .name = NAME, .onnx = ONNX, .attributes = WHAT##_schema, .attributes_size = sizeof(WHAT##_attributes),         \
        .input_minimum = 1, .input_maximum = INPUTS, .outputs = 1, .infer = infer_##WHAT, .gradient = gradient_##WHAT, \
        .reference = reference_##WHAT, .flops = flops, .implementations = WHAT##_implementations,                      \
        .cases = WHAT##_cases                                                                                          \
    }

const clade_op clade_op_concat = ROW("concat", "Concat", CLADE_MAX_INPUTS, concat);
const clade_op clade_op_part = ROW("part", NULL, 1, part);

/* ---- the builder's calls ---- */

clade_value clade_concat_all(int32_t axis, const clade_value *values, size_t count) {
    clade_graph *graph = clade_graph_of(values, count);
    if (count < 1 || count > CLADE_MAX_INPUTS)
        return clade_invalid(graph, CLADE_ERROR_ARGUMENT, "concat: %zu values; expected 1 to %d", count,
                             CLADE_MAX_INPUTS);
    const int32_t own = clade_value_valid(values[0]) ? clade_axis_of(axis, clade_value_dims(values[0]).rank) : 0;
    const concat_attributes a = { own < 0 ? axis : own };
    return clade_append(graph, &clade_op_concat, "", &a, values, (uint32_t)count);
}

bool clade_split(clade_value x, int32_t axis, const clade_size *sizes, size_t count, clade_value *parts) {
    const clade_dims dims = clade_value_dims(x);
    const int32_t own = clade_axis_of(axis, dims.rank);
    clade_size before = 0, together = 0;
    bool good = clade_value_valid(x) && own >= 0 && count > 0;
    for (size_t i = 0; i < count && good; i++) {
        together = clade_size_add(x.graph, together, sizes[i]);
        good = sizes[i] != 0;
    }
    if (!good || together != dims.size[own]) {
        for (size_t i = 0; i < count; i++) {
            parts[i] = CLADE_NO_VALUE;
        }
        if (clade_value_valid(x))
            clade_invalid(x.graph, CLADE_ERROR_ARGUMENT,
                          "split of %s along axis %d: expected sizes of at least 1 that together are the axis",
                          clade_type_text(x.graph, clade_value_type(x)), (int)axis);
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        clade_size after = 0;
        for (size_t k = i + 1; k < count; k++) {
            after = clade_size_add(x.graph, after, sizes[k]);
        }
        parts[i] = part_of(x, own, before, sizes[i], after);
        before = clade_size_add(x.graph, before, sizes[i]);
    }
    return true;
}
