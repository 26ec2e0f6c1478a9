/* ONNX's reductions, and what orders elements along an axis. */
#include "formats/onnx_import.h"

#include <string.h>

/* ---- reductions over axes ---- */

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

enum { REDUCE_SUM, REDUCE_MEAN };

static bool translate_reduce(clade_onnx_node *node) {
    typedef clade_value reduce(clade_value x, uint32_t axes, bool keep);
    static reduce *const reductions[] = { [REDUCE_SUM] = clade_sum, [REDUCE_MEAN] = clade_mean };
    const int64_t since = clade_onnx_argument(node) == REDUCE_SUM ? 13 : 18; /* when axes became an input */
    uint32_t axes;
    bool none;
    if (!read_axes(node, since, &axes, &none)) return false;
    const clade_value x = clade_onnx_in(node, 0);
    const bool keep = clade_onnx_int(node, "keepdims", 1) != 0;
    const bool as_it_is = none || clade_value_dims(x).rank == 0;
    clade_onnx_out(node, 0, as_it_is ? x : reductions[clade_onnx_argument(node)](x, axes, keep),
                   clade_onnx_type(node, 0));
    return true;
}

const clade_onnx_translator clade_onnx_reductions[] = {
    { "ReduceMean", translate_reduce, REDUCE_MEAN },
    { "ReduceSum", translate_reduce, REDUCE_SUM },
    { NULL, NULL, 0 },
};
