/* ONNX's reductions over axes. */
#include "formats/onnx/import.h"

#include <math.h>
#include <string.h>

/* The axes as bits: attribute `axes`, or the second input from operator set SINCE on. None means all, or none where
 * noop_with_empty_axes says so (*NONE). */
static bool read_axes(clade_onnx_node *node, int64_t since, uint32_t *axes, bool *none) {
    const int rank = clade_onnx_dims_of(node, 0).rank;
    int64_t list[CLADE_MAX_RANK];
    int count, axis;
    if (!clade_onnx_list_axes(node, since, list, &count)) return false;
    *axes = 0;
    for (int i = 0; i < count; i++) {
        if (!clade_onnx_axis(node, list[i], rank, &axis)) return false;
        *axes |= 1u << axis;
    }
    *none = count == 0 && clade_onnx_int(node, "noop_with_empty_axes", 0) != 0;
    if (count == 0) *axes = CLADE_ALL_AXES;
    return true;
}

enum { SUM, MEAN, SUM_SQUARE, L1, L2, LARGEST, SMALLEST, PRODUCT, LOG_SUM, LOG_SUM_EXP };

/* What a reduction of nothing is; each element of the result is that. */
static bool reduce_nothing(clade_onnx_node *node, uint32_t axes, bool keep) {
    static const double results[] = { [MEAN] = NAN,  [LARGEST] = -INFINITY, [SMALLEST] = INFINITY,
                                      [PRODUCT] = 1, [LOG_SUM] = -INFINITY, [LOG_SUM_EXP] = -INFINITY };
    const clade_dims from = clade_onnx_dims_of(node, 0);
    const int type = clade_onnx_type(node, 0);
    clade_dims to = { 0 };
    bool empty = false;
    for (int i = 0; i < from.rank; i++) {
        const bool reduced = (axes >> i & 1) != 0;
        if (reduced && !keep) continue;
        to.size[to.rank++] = reduced ? 1 : from.size[i];
        empty = empty || (!reduced && from.size[i] == 0);
    }
    if (empty) return clade_onnx_empty(node, 0, type, &to);
    double number = results[clade_onnx_argument(node)], low, high;
    if (!clade_onnx_type_is_float(type)) { /* the least and the largest number that there is */
        clade_onnx_type_ends(type, &low, &high);
        number = number == -INFINITY ? low : number == INFINITY ? high : number;
    }
    const clade_value one = clade_onnx_scalar(node, type, number);
    return clade_onnx_give(node, to.rank > 0 ? clade_expand(one, &to) : one);
}

/* Whole numbers that are not exact in float32: sums and products as the last of running ones, the extreme by its place. AXES
 * one by one. */
static clade_value reduce_whole(clade_onnx_node *node, clade_value x, int64_t kind, uint32_t axes) {
    const int type = clade_onnx_type(node, 0), rank = clade_value_dims(x).rank;
    if (kind == SUM_SQUARE) x = clade_multiply(x, x);
    for (int axis = 0; axis < rank; axis++) {
        const int64_t length = clade_value_dims(x).size[axis];
        if ((axes >> axis & 1) == 0 || length == 1) continue;
        if (kind == LARGEST || kind == SMALLEST) {
            x = clade_gather_elements(x, clade_onnx_order_of(x, type, axis, 1, kind == SMALLEST), axis);
            continue;
        }
        clade_slice_options last = { .size = sizeof last, .x = clade_running(x, axis, kind == PRODUCT, false, false) };
        last.begin[axis] = length - 1;
        x = clade_slice_with(&last);
    }
    return clade_onnx_wrap(x, type);
}

static clade_value reduce_real(clade_value x, int64_t kind, uint32_t axes, bool keep) {
    typedef clade_value reduce(clade_value x, uint32_t axes, bool keep);
    static reduce *const reductions[] = { [SUM] = clade_sum,
                                          [MEAN] = clade_mean,
                                          [SUM_SQUARE] = clade_sum_square,
                                          [L1] = clade_sum_absolute,
                                          [L2] = clade_norm,
                                          [LARGEST] = clade_largest,
                                          [SMALLEST] = clade_smallest,
                                          [PRODUCT] = clade_product_over,
                                          [LOG_SUM] = clade_log_sum,
                                          [LOG_SUM_EXP] = clade_log_sum_exponential };
    const clade_dims dims = clade_value_dims(x);
    if (axes != 0 && dims.rank > 0) return reductions[kind](x, axes, keep);
    /* Of one element each: a sum is the element, but a sum of squares its square. */
    const clade_size count = clade_dims_count(x.graph, &dims);
    return clade_reshape(reductions[kind](clade_reshape(x, clade_shape(count, 1)), 2u, false), dims);
}

static bool translate_reduce(clade_onnx_node *node) {
    const int64_t kind = clade_onnx_argument(node), since = kind == SUM ? 13 : 18; /* when axes became an input */
    const bool keep = clade_onnx_int(node, "keepdims", 1) != 0;
    const clade_dims dims = clade_onnx_dims_of(node, 0);
    const int type = clade_onnx_type(node, 0);
    uint32_t axes;
    bool none;
    if (!read_axes(node, since, &axes, &none)) return false;
    if (none) axes = 0;
    if (axes == CLADE_ALL_AXES) axes = (1u << dims.rank) - 1;
    bool open = false;
    for (int i = 0; i < dims.rank; i++) {
        if (dims.size[i] == 0) return reduce_nothing(node, axes, keep);
        open = open || ((axes >> i & 1) != 0 && dims.size[i] < 0);
    }
    const clade_value x = clade_onnx_in(node, 0);
    if (clade_onnx_type_is_float(type)) return clade_onnx_give(node, reduce_real(x, kind, axes, keep));
    const bool whole = kind == SUM || kind == SUM_SQUARE || kind == LARGEST || kind == SMALLEST || kind == PRODUCT;
    if (!whole || open) {
        const clade_value y = reduce_real(clade_cast(x, CLADE_F32), kind, axes, keep);
        return clade_onnx_give(node, clade_cast(y, CLADE_I32));
    }
    const clade_value y = reduce_whole(node, x, kind, axes);
    return clade_onnx_give(node, keep || axes == 0 ? y : clade_squeeze(y, axes));
}

const clade_onnx_translator clade_onnx_reductions[] = {
    { "ReduceL1", translate_reduce, L1 },
    { "ReduceL2", translate_reduce, L2 },
    { "ReduceLogSum", translate_reduce, LOG_SUM },
    { "ReduceLogSumExp", translate_reduce, LOG_SUM_EXP },
    { "ReduceMax", translate_reduce, LARGEST },
    { "ReduceMean", translate_reduce, MEAN },
    { "ReduceMin", translate_reduce, SMALLEST },
    { "ReduceProd", translate_reduce, PRODUCT },
    { "ReduceSum", translate_reduce, SUM },
    { "ReduceSumSquare", translate_reduce, SUM_SQUARE },
    { NULL, NULL, 0 },
};
