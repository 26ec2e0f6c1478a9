/* ONNX's reductions over axes. */
#include "formats/onnx_import.h"

#include <string.h>

/* The axes as bits: attribute `axes`, or the second input from operator set SINCE on. None means all, or none where
 * noop_with_empty_axes says so (*NONE). */
static bool read_axes(clade_onnx_node *node, int64_t since, uint32_t *axes, bool *none) {
    const int rank = clade_onnx_dims_of(node, 0).rank;
    int64_t list[CLADE_MAX_RANK];
    int count = clade_onnx_ints(node, "axes", list, CLADE_MAX_RANK), axis;
    if (count < 0) return false;
    if (node->opset >= since && clade_onnx_has(node, 1) &&
        !clade_onnx_whole_numbers(node, 1, list, CLADE_MAX_RANK, &count))
        return false;
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

static bool translate_reduce(clade_onnx_node *node) {
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
    const int64_t kind = clade_onnx_argument(node), since = kind == SUM ? 13 : 18; /* when axes became an input */
    uint32_t axes;
    bool none;
    if (!read_axes(node, since, &axes, &none)) return false;
    const clade_value x = clade_onnx_in(node, 0);
    if (none || clade_value_dims(x).rank == 0) {
        /* Of one element each: a sum is the element, but a sum of squares its square. */
        const clade_dims dims = clade_value_dims(x);
        const clade_size count = clade_dims_count(node->graph, &dims);
        const clade_value rows = clade_reshape(x, clade_shape(count, 1));
        return clade_onnx_give(node, clade_reshape(reductions[kind](rows, 2u, false), dims));
    }
    return clade_onnx_give(node, reductions[kind](x, axes, clade_onnx_int(node, "keepdims", 1) != 0));
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
