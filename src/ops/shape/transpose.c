/* Turning axes round.
 *   transpose  y's axis k is x's axis permutation[k]
 *   reverse    y[..., i, ...] = x[..., X - 1 - i, ...] along the axes whose bits are set
 * Any type of element of four bytes. Each is undone by one of its own kind, which is its gradient. */
#include "ops/shape/copy.h"

#include <stddef.h>
#include <string.h>

extern const clade_op clade_op_transpose, clade_op_reverse;

typedef struct transpose_attributes {
    int64_t permutation[CLADE_MAX_RANK]; /* beyond the rank: anything */
} transpose_attributes;

typedef struct reverse_attributes {
    int64_t axes; /* bit i: axis i */
} reverse_attributes;

static const clade_attribute transpose_schema[] = {
    { "permutation", CLADE_ATTRIBUTE_INT, offsetof(transpose_attributes, permutation), CLADE_MAX_RANK },
    { NULL, 0, 0, 0 },
};
static const clade_attribute reverse_schema[] = {
    { "axes", CLADE_ATTRIBUTE_INT, offsetof(reverse_attributes, axes), 0 },
    { NULL, 0, 0, 0 },
};

/* ---- types ---- */

static bool infer_transpose(const clade_node *node, clade_type out[], clade_text *why) {
    const transpose_attributes *a = node->attributes;
    const clade_type *x = clade_value_type(node->inputs[0]);
    unsigned seen = 0;
    out[0] = *x;
    for (int32_t axis = 0; axis < x->dims.rank; axis++) {
        const int64_t from = a->permutation[axis];
        if (from < 0 || from >= x->dims.rank || (seen >> from & 1) != 0) {
            clade_text_add(why, "axis %d would be axis %lld of x; expected each of 0 to %d once", (int)axis,
                           (long long)from, (int)x->dims.rank - 1);
            return false;
        }
        seen |= 1u << from;
        out[0].dims.size[axis] = x->dims.size[from];
    }
    return true;
}

static bool infer_reverse(const clade_node *node, clade_type out[], clade_text *why) {
    const reverse_attributes *a = node->attributes;
    out[0] = *clade_value_type(node->inputs[0]);
    if (a->axes >= 0 && a->axes >> out[0].dims.rank == 0) return true;
    clade_text_add(why, "axes 0x%llx name an axis beyond the last", (unsigned long long)a->axes);
    return false;
}

/* ---- gradients ---- */

static void gradient_transpose(clade_tape *tape, const clade_node *node, const clade_value dy[], clade_value dx[]) {
    const transpose_attributes *a = node->attributes;
    transpose_attributes back = { { 0 } };
    for (int32_t axis = 0; axis < node->outputs[0].dims.rank; axis++) {
        back.permutation[a->permutation[axis]] = axis;
    }
    if (tape->wanted[0]) dx[0] = clade_append(tape->graph, &clade_op_transpose, "", &back, dy, 1);
}

static void gradient_reverse(clade_tape *tape, const clade_node *node, const clade_value dy[], clade_value dx[]) {
    if (tape->wanted[0]) dx[0] = clade_append(tape->graph, &clade_op_reverse, "", node->attributes, dy, 1);
}

/* ---- references ---- */

static void reference_transpose(const clade_node *node, const clade_tensor in[], clade_tensor out[]) {
    const transpose_attributes *a = node->attributes;
    for (int64_t i = 0; i < out[0].count; i++) {
        int64_t rest = i, place[CLADE_MAX_RANK] = { 0 }, from = 0;
        for (int32_t axis = out[0].rank - 1; axis >= 0; axis--) {
            place[a->permutation[axis]] = rest % out[0].size[axis];
            rest /= out[0].size[axis];
        }
        for (int32_t axis = 0; axis < in[0].rank; axis++) {
            from = from * in[0].size[axis] + place[axis];
        }
        out[0].data[i] = in[0].data[from];
    }
}

static void reference_reverse(const clade_node *node, const clade_tensor in[], clade_tensor out[]) {
    const reverse_attributes *a = node->attributes;
    for (int64_t i = 0; i < out[0].count; i++) {
        int64_t rest = i, from = 0, stride = 1;
        for (int32_t axis = out[0].rank - 1; axis >= 0; axis--) {
            const int64_t size = out[0].size[axis], place = rest % size;
            from += ((a->axes >> axis & 1) != 0 ? size - 1 - place : place) * stride;
            stride *= size;
            rest /= size;
        }
        out[0].data[i] = in[0].data[from];
    }
}

/* ---- implementations ---- */

static clade_status record_transpose(const clade_site *site, clade_commands *commands, bool rows) {
    const transpose_attributes *a = site->node->attributes;
    clade_copy_box box = clade_copy_box_to(&site->out[0]);
    int64_t strides[CLADE_MAX_RANK];
    clade_dense_strides(&site->in[0], strides);
    for (int32_t axis = 0; axis < box.rank; axis++) {
        box.from_stride[axis] = strides[a->permutation[axis]];
    }
    return clade_copy_record(site, commands, &box, rows, site->in[0].buffer, site->out[0].buffer);
}

static clade_status record_reverse(const clade_site *site, clade_commands *commands, bool rows) {
    const reverse_attributes *a = site->node->attributes;
    clade_copy_box box = clade_copy_box_to(&site->out[0]);
    for (int32_t axis = 0; axis < box.rank; axis++) {
        const bool back = (a->axes >> axis & 1) != 0;
        box.from_stride[axis] = back ? -box.to_stride[axis] : box.to_stride[axis];
        if (back) box.from_base += (box.size[axis] - 1) * box.to_stride[axis];
    }
    return clade_copy_record(site, commands, &box, rows, site->in[0].buffer, site->out[0].buffer);
}

#define RECORD(NAME, WHAT, ROWS)                                                                                       \
    static clade_status NAME(const clade_site *site, clade_commands *commands) {                                       \
        return WHAT(site, commands, ROWS);                                                                             \
    }
RECORD(record_transpose_rows, record_transpose, true)
RECORD(record_transpose_elements, record_transpose, false)
RECORD(record_reverse_rows, record_reverse, true)
RECORD(record_reverse_elements, record_reverse, false)

static double flops(const clade_site *site) {
    (void)site;
    return 0;
}

static const clade_implementation *const transpose_implementations[] = {
    &(const clade_implementation){ .name = "rows", .suitability = clade_suits_cpus, .record = record_transpose_rows },
    &(const clade_implementation){
        .name = "elements", .suitability = clade_suits_others, .record = record_transpose_elements },
    NULL,
};
static const clade_implementation *const reverse_implementations[] = {
    &(const clade_implementation){ .name = "rows", .suitability = clade_suits_cpus, .record = record_reverse_rows },
    &(const clade_implementation){
        .name = "elements", .suitability = clade_suits_others, .record = record_reverse_elements },
    NULL,
};

/* ---- cases ---- */

#define LIST(...)                                                                                                      \
    { __VA_ARGS__ }
#define TRANSPOSE(NAME, RANK, DIMS, ...)                                                                               \
    {                                                                                                                  \
        .name = NAME, .in = { { RANK, DIMS } }, .input_count = 1, .attributes = &(const transpose_attributes) {        \
            { __VA_ARGS__ }                                                                                            \
        }                                                                                                              \
    }
#define REVERSE(NAME, AXES, RANK, ...)                                                                                 \
    {                                                                                                                  \
        .name = NAME, .in = { { RANK, { __VA_ARGS__ } } }, .input_count = 1,                                           \
        .attributes = &(const reverse_attributes) {                                                                    \
            AXES                                                                                                       \
        }                                                                                                              \
    }

static const clade_case transpose_cases[] = {
    TRANSPOSE("a matrix", 2, LIST(83, 131), 1, 0),
    TRANSPOSE("whole blocks", 2, LIST(64, 128), 1, 0),
    TRANSPOSE("over a block's long side", 2, LIST(70, 275), 1, 0),
    TRANSPOSE("over it the other way", 2, LIST(275, 70), 1, 0),
    TRANSPOSE("a thin matrix", 2, LIST(5, 300), 1, 0),
    TRANSPOSE("channels to the end", 4, LIST(2, 19, 5, 7), 0, 2, 3, 1),
    TRANSPOSE("three channels to the end", 4, LIST(2, 3, 9, 7), 0, 2, 3, 1),
    TRANSPOSE("channels to the front", 4, LIST(2, 5, 7, 19), 0, 3, 1, 2),
    TRANSPOSE("three channels to the front", 4, LIST(2, 9, 7, 3), 0, 3, 1, 2),
    TRANSPOSE("rows kept whole", 3, LIST(5, 7, 33), 1, 0, 2),
    TRANSPOSE("long rows kept whole", 3, LIST(2, 3, 17001), 1, 0, 2),
    TRANSPOSE("long weaves", 2, LIST(2, 4099), 1, 0),
    TRANSPOSE("depth to space", 6, LIST(2, 2, 2, 3, 5, 7), 0, 3, 4, 1, 5, 2),
    TRANSPOSE("all eight axes", 8, LIST(2, 3, 2, 1, 3, 2, 2, 2), 7, 5, 3, 1, 6, 4, 2, 0),
    TRANSPOSE("eight axes with the last kept", 8, LIST(2, 3, 2, 2, 3, 2, 2, 2), 6, 5, 4, 3, 2, 1, 0, 7),
    TRANSPOSE("nothing to do", 2, LIST(5, 7), 0, 1),
    TRANSPOSE("no axis", 0, LIST(0), 0),
    { .name = NULL },
};

static const clade_case reverse_cases[] = {
    REVERSE("a row", 1, 1, 37),
    REVERSE("the innermost axis", 4, 3, 3, 5, 41),
    REVERSE("an outer axis", 2, 3, 3, 5, 41),
    REVERSE("every other axis", 5, 3, 4, 3, 17),
    REVERSE("all axes", 7, 3, 4, 3, 17),
    REVERSE("over a chunk", 1, 1, 33000),
    REVERSE("no axis", 0, 2, 3, 5),
    { .name = NULL },
};

/* ---- the rows ---- */

#define ROW(NAME, ONNX, WHAT)                                                                                          \
    {                                                                                                                  \
        .name = NAME, .onnx = ONNX, .attributes = WHAT##_schema, .attributes_size = sizeof(WHAT##_attributes),         \
        .input_minimum = 1, .input_maximum = 1, .outputs = 1, .infer = infer_##WHAT, .gradient = gradient_##WHAT,      \
        .reference = reference_##WHAT, .flops = flops, .implementations = WHAT##_implementations,                      \
        .cases = WHAT##_cases                                                                                          \
    }

const clade_op clade_op_transpose = ROW("transpose", "Transpose", transpose);
const clade_op clade_op_reverse = ROW("reverse", NULL, reverse);

/* ---- the builder's calls ---- */

clade_value clade_transpose_by(clade_value x, const int32_t *permutation, int32_t count) {
    if (!clade_value_valid(x)) return clade_append(x.graph, &clade_op_transpose, "", NULL, &x, 1);
    const int32_t rank = clade_value_dims(x).rank;
    if (count != rank)
        return clade_invalid(x.graph, CLADE_ERROR_ARGUMENT, "transpose of %s: %d axes are given, expected %d",
                             clade_type_text(x.graph, clade_value_type(x)), (int)count, (int)rank);
    transpose_attributes a = { { 0 } };
    bool moves = false;
    for (int32_t axis = 0; axis < rank; axis++) {
        a.permutation[axis] = permutation[axis];
        moves = moves || permutation[axis] != axis;
    }
    return moves ? clade_append(x.graph, &clade_op_transpose, "", &a, &x, 1) : x;
}

clade_value clade_reverse(clade_value x, uint32_t axes) {
    if (clade_value_valid(x) && axes == 0) return x;
    return clade_append(x.graph, &clade_op_reverse, "", &(const reverse_attributes){ axes }, &x, 1);
}

/* x (N, C, ...) seen as RANK axes with DIMS, turned round, seen as OUT. */
static clade_value rearranged(clade_value x, clade_dims dims, const int32_t *permutation, clade_dims out) {
    return clade_reshape(clade_transpose_by(clade_reshape(x, dims), permutation, dims.rank), out);
}

static clade_value refuse_blocks(clade_value x, const char *what, int64_t block) {
    if (!clade_value_valid(x)) return clade_append(x.graph, &clade_op_transpose, what, NULL, &x, 1);
    return clade_invalid(x.graph, CLADE_ERROR_ARGUMENT, "%s of %s by %lld: expected (N, C, H, W) that it divides", what,
                         clade_type_text(x.graph, clade_value_type(x)), (long long)block);
}

clade_value clade_depth_to_space(clade_value x, int64_t block, bool channels_first) {
    const clade_dims d = clade_value_dims(x);
    if (d.rank != 4 || block < 1 || d.size[1] < 0 || d.size[1] % (block * block) != 0)
        return refuse_blocks(x, "depth_to_space", block);
    const clade_size n = d.size[0], c = d.size[1] / (block * block), h = d.size[2], w = d.size[3];
    const clade_dims out =
        clade_shape(n, c, clade_size_multiply(x.graph, h, block), clade_size_multiply(x.graph, w, block));
    if (channels_first)
        return rearranged(x, clade_shape(n, c, block, block, h, w), (const int32_t[]){ 0, 1, 4, 2, 5, 3 }, out);
    return rearranged(x, clade_shape(n, block, block, c, h, w), (const int32_t[]){ 0, 3, 4, 1, 5, 2 }, out);
}

clade_value clade_space_to_depth(clade_value x, int64_t block) {
    const clade_dims d = clade_value_dims(x);
    if (d.rank != 4 || block < 1 || d.size[1] < 0 || d.size[2] < 0 || d.size[3] < 0 || d.size[2] % block != 0 ||
        d.size[3] % block != 0)
        return refuse_blocks(x, "space_to_depth", block);
    const clade_size n = d.size[0], c = d.size[1], h = d.size[2] / block, w = d.size[3] / block;
    return rearranged(x, clade_shape(n, c, h, block, w, block), (const int32_t[]){ 0, 3, 5, 1, 2, 4 },
                      clade_shape(n, block * block * c, h, w));
}

clade_value clade_channel_shuffle(clade_value x, int64_t groups) {
    clade_dims d = clade_value_dims(x);
    if (d.rank < 2 || d.rank >= CLADE_MAX_RANK || groups < 1 || d.size[1] < 0 || d.size[1] % groups != 0) {
        if (!clade_value_valid(x)) return clade_append(x.graph, &clade_op_transpose, "", NULL, &x, 1);
        return clade_invalid(x.graph, CLADE_ERROR_ARGUMENT,
                             "channel_shuffle of %s by %lld groups: expected (N, C, ...) with C a multiple",
                             clade_type_text(x.graph, clade_value_type(x)), (long long)groups);
    }
    clade_dims split = { d.rank + 1, { d.size[0], groups, d.size[1] / groups } };
    memcpy(split.size + 3, d.size + 2, (size_t)(d.rank - 2) * sizeof d.size[0]);
    return rearranged(x, split, (const int32_t[]){ 0, 2, 1, 3, 4, 5, 6, 7 }, d);
}
