/* ONNX's operators that give an array other axes, or speak of its shape. */
#include "formats/onnx/state.h"

#include <string.h>

#define INT64 ONNX__TENSOR_PROTO__DATA_TYPE__INT64

/* ---- reshape and its kin ---- */

/* -1: not a number of the usual size. */
static int64_t elements_after_first(const clade_dims *dims) {
    int64_t count = 1;
    for (int i = 1; i < dims->rank; i++) {
        if (dims->size[i] < 1 || count > INT32_MAX / dims->size[i]) return -1;
        count *= dims->size[i];
    }
    return count;
}

/* Whether a reshape FROM (N, ...) TO (1, ...) speaks of a batch of 1 that has been left open. */
static bool names_open_batch(const clade_dims *from, const clade_dims *to) {
    if (from->rank < 1 || to->rank < 1 || from->size[0] != CLADE_BATCH || to->size[0] != 1) return false;
    const int64_t before = elements_after_first(from);
    return before > 0 && before == elements_after_first(to);
}

/* Output 0: input 0 shaped TO. An array without elements stays one. */
static bool give_shaped(clade_onnx_node *node, clade_dims to) {
    const clade_dims from = clade_onnx_dims_of(node, 0);
    if (!clade_onnx_dims_empty(&from)) return clade_onnx_give(node, clade_reshape(clade_onnx_in(node, 0), to));
    const bool any_rest = clade_onnx_dims_empty(&to); /* it could be of any size */
    for (int i = 0; i < to.rank; i++) {
        if (to.size[i] != CLADE_REST) continue;
        if (any_rest) return clade_onnx_refuse(node, "a size that is left open, of an array without elements");
        to.size[i] = 0;
    }
    if (!clade_onnx_dims_empty(&to)) return clade_onnx_refuse(node, "an array without elements as one with some");
    return clade_onnx_empty(node, 0, clade_onnx_type(node, 0), &to);
}

static bool translate_reshape(clade_onnx_node *node) {
    const clade_dims from = clade_onnx_dims_of(node, 0);
    int64_t numbers[CLADE_MAX_RANK];
    clade_size sizes[CLADE_MAX_RANK];
    int count = 0;
    if (node->opset < 5) {
        count = clade_onnx_ints(node, "shape", numbers, CLADE_MAX_RANK);
        if (count < 0) return false;
        memcpy(sizes, numbers, sizeof sizes);
    } else if (!clade_onnx_sizes(node, 1, numbers, sizes, CLADE_MAX_RANK, &count)) {
        return false;
    }
    const bool zero_stays = clade_onnx_int(node, "allowzero", 0) == 0;
    clade_dims to = { .rank = count };
    for (int i = 0; i < count; i++) {
        if (numbers[i] == 0 && zero_stays && i >= from.rank)
            return clade_onnx_refuse(node, "it keeps axis %d, which is not there", i);
        to.size[i] = numbers[i] == -1 ? CLADE_REST : numbers[i] == 0 && zero_stays ? from.size[i] : sizes[i];
    }
    if (names_open_batch(&from, &to)) to.size[0] = CLADE_BATCH;
    return give_shaped(node, to);
}

static bool translate_flatten(clade_onnx_node *node) {
    const clade_dims from = clade_onnx_dims_of(node, 0);
    int64_t axis = clade_onnx_int(node, "axis", 1);
    if (axis < 0) axis += from.rank;
    if (axis < 0 || axis > from.rank)
        return clade_onnx_refuse(node, "axis %lld of an array of rank %d", (long long)axis, from.rank);
    const clade_size before = clade_size_product(node->graph, from.size, (int32_t)axis);
    const clade_size after = clade_size_product(node->graph, from.size + axis, from.rank - (int32_t)axis);
    return give_shaped(node, clade_shape(before, after));
}

enum { AXES_AS_INPUT = 13 }; /* the operator set from which Squeeze and Unsqueeze take their axes as input 1 */

/* The COUNT axes of LIST as bits of an array of RANK; none: 0. */
static bool bits_of_axes(clade_onnx_node *node, const int64_t *list, int count, int rank, uint32_t *axes) {
    *axes = 0;
    for (int i = 0; i < count; i++) {
        int axis;
        if (!clade_onnx_axis(node, list[i], rank, &axis)) return false;
        if ((*axes >> axis & 1) != 0) return clade_onnx_refuse(node, "axis %d is named twice", axis);
        *axes |= 1u << axis;
    }
    return true;
}

static bool translate_squeeze(clade_onnx_node *node) {
    const clade_dims from = clade_onnx_dims_of(node, 0);
    clade_dims to = { 0 };
    uint32_t axes;
    int64_t list[CLADE_MAX_RANK];
    int count;
    if (!clade_onnx_list_axes(node, AXES_AS_INPUT, list, &count) || !bits_of_axes(node, list, count, from.rank, &axes))
        return false;
    for (int i = 0; i < from.rank; i++) {
        const bool drop = axes != 0 ? (axes >> i & 1) != 0 : from.size[i] == 1;
        if (drop && from.size[i] != 1)
            return clade_onnx_refuse(node, "axis %d has the size %s, not 1", i,
                                     clade_size_text(node->graph, from.size[i]));
        if (!drop) to.size[to.rank++] = from.size[i];
    }
    return give_shaped(node, to);
}

static bool translate_unsqueeze(clade_onnx_node *node) {
    const clade_dims from = clade_onnx_dims_of(node, 0);
    clade_dims to = { 0 };
    uint32_t axes;
    int64_t list[CLADE_MAX_RANK];
    int count;
    if (node->opset >= AXES_AS_INPUT && !clade_onnx_has(node, 1)) return clade_onnx_refuse(node, "input 1 is missing");
    if (!clade_onnx_list_axes(node, AXES_AS_INPUT, list, &count)) return false;
    if (from.rank + count > CLADE_MAX_RANK)
        return clade_onnx_refuse(node, "it makes rank %d; at most %d is supported", from.rank + count, CLADE_MAX_RANK);
    if (!bits_of_axes(node, list, count, from.rank + count, &axes)) return false;
    for (int i = 0, k = 0; i < from.rank + count; i++)
        to.size[to.rank++] = (axes >> i & 1) != 0 ? 1 : from.size[k++];
    return give_shaped(node, to);
}

static bool translate_transpose(clade_onnx_node *node) {
    const clade_dims from = clade_onnx_dims_of(node, 0);
    const int rank = from.rank;
    int64_t list[CLADE_MAX_RANK];
    int32_t permutation[CLADE_MAX_RANK];
    clade_dims to = { .rank = rank };
    const int count = clade_onnx_ints(node, "perm", list, CLADE_MAX_RANK);
    if (count < 0) return false;
    if (count != 0 && count != rank) return clade_onnx_refuse(node, "perm has %d axes; the array has %d", count, rank);
    for (int i = 0; i < rank; i++) {
        int axis;
        if (!clade_onnx_axis(node, count == 0 ? rank - 1 - i : list[i], rank, &axis)) return false;
        permutation[i] = axis;
        to.size[i] = from.size[axis];
    }
    if (clade_onnx_dims_empty(&from)) return clade_onnx_empty(node, 0, clade_onnx_type(node, 0), &to);
    const clade_value x = clade_onnx_in(node, 0);
    return clade_onnx_give(node, rank > 1 ? clade_transpose_by(x, permutation, rank) : x);
}

static bool translate_expand(clade_onnx_node *node) {
    const clade_dims from = clade_onnx_dims_of(node, 0);
    clade_dims asked = { 0 }, to;
    int64_t numbers[CLADE_MAX_RANK];
    if (!clade_onnx_sizes(node, 1, numbers, asked.size, CLADE_MAX_RANK, &asked.rank)) return false;
    for (int i = 0; i < asked.rank; i++)
        if (numbers[i] < 0) return clade_onnx_refuse(node, "a size of %lld", (long long)numbers[i]);
    if (!clade_dims_broadcast(&from, &asked, &to))
        return clade_onnx_refuse(node, "the shape asked for does not fit the array's");
    if (clade_onnx_dims_empty(&to)) return clade_onnx_empty(node, 0, clade_onnx_type(node, 0), &to);
    return clade_onnx_give(node, clade_expand(clade_onnx_in(node, 0), &to));
}

static bool translate_identity(clade_onnx_node *node) {
    return clade_onnx_give(node, clade_onnx_in(node, 0));
}

/* ---- shapes as numbers ---- */

static double number_of(const clade_onnx_node *node, clade_size size, int64_t batch) {
    return (double)clade_size_value(node->graph, size, (clade_binding){ .batch = batch, .time = 1 });
}

/* COUNT sizes in numbers, in an array of DIMS. */
static bool give_sizes(clade_onnx_node *node, const clade_dims *dims, const clade_size *sizes, int count) {
    clade_onnx *network = node->import->network;
    double numbers[CLADE_MAX_RANK] = { 0 }, least[CLADE_MAX_RANK] = { 0 };
    bool open = false;
    for (int i = 0; i < count; i++) {
        numbers[i] = number_of(node, sizes[i], CLADE_ONNX_BATCH);
        least[i] = number_of(node, sizes[i], CLADE_ONNX_LEAST_BATCH);
        if (numbers[i] < 0 || least[i] < 0) return clade_onnx_refuse(node, "a size beyond 64 bits");
        open = open || sizes[i] < 0;
    }
    const clade_value made = clade_onnx_constant(node, INT64, dims, numbers);
    if (open && clade_value_valid(made)) {
        clade_onnx_leaf *leaf = &network->leaves[network->leaf_count - 1];
        leaf->of_batch = node->import->has_batch = true;
        memcpy(leaf->least, least, sizeof least);
    }
    clade_onnx_out(node, 0, made, INT64);
    return true;
}

static bool translate_shape(clade_onnx_node *node) {
    const clade_dims dims = clade_onnx_dims_of(node, 0);
    int64_t begin = clade_onnx_int(node, "start", 0), end = clade_onnx_int(node, "end", dims.rank);
    if (begin < 0) begin += dims.rank;
    if (end < 0) end += dims.rank;
    if (begin < 0) begin = 0;
    if (end > dims.rank) end = dims.rank;
    const clade_dims made = clade_shape(end > begin ? end - begin : 0);
    if (end <= begin) return clade_onnx_empty(node, 0, INT64, &made);
    return give_sizes(node, &made, dims.size + begin, (int)(end - begin));
}

static bool translate_size(clade_onnx_node *node) {
    const clade_dims dims = clade_onnx_dims_of(node, 0);
    const clade_size count = clade_dims_count(node->graph, &dims);
    return give_sizes(node, &CLADE_SCALAR, &count, 1);
}

const clade_onnx_translator clade_onnx_shapes[] = {
    { "Expand", translate_expand, 0 },       { "Flatten", translate_flatten, 0 },
    { "Identity", translate_identity, 0 },   { "Reshape", translate_reshape, 0 },
    { "Shape", translate_shape, 0 },         { "Size", translate_size, 0 },
    { "Squeeze", translate_squeeze, 0 },     { "Transpose", translate_transpose, 0 },
    { "Unsqueeze", translate_unsqueeze, 0 }, { NULL, NULL, 0 },
};
