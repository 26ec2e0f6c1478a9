/* ONNX's operators along one axis: the largest elements and their places, running sums and products, one-hot arrays; and
 * those that choose by place. */
#include "formats/onnx/import.h"

#include <string.h>

#define INT64 ONNX__TENSOR_PROTO__DATA_TYPE__INT64
#define FLOAT ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT

/* 0, 1, ... COUNT-1 as int32, along axis AXIS of an array of RANK whose other axes are 1. */
static clade_value places_along(clade_onnx_node *node, int64_t count, int axis, int rank) {
    clade_dims dims = { .rank = rank };
    double *numbers = clade_allocate(node->graph->context, (size_t)count + 1, sizeof *numbers);
    if (numbers == NULL) return clade_invalid(node->graph, CLADE_ERROR_MEMORY, "out of memory for a constant");
    for (int i = 0; i < rank; i++)
        dims.size[i] = i == axis ? count : 1;
    for (int64_t i = 0; i < count; i++)
        numbers[i] = (double)i;
    const clade_value places = clade_onnx_constant(node, INT64, &dims, numbers);
    clade_free(node->graph->context, numbers);
    return places;
}

/* ---- the largest and smallest ---- */

static clade_value without_axis(clade_value x, int axis, bool keep) {
    return keep ? x : clade_squeeze(x, 1u << axis);
}

/* Of equals the last: the first from the other end. */
static bool translate_extreme(clade_onnx_node *node) {
    const bool smallest = clade_onnx_argument(node) != 0, later = clade_onnx_int(node, "select_last_index", 0) != 0;
    const bool keep = clade_onnx_int(node, "keepdims", 1) != 0;
    const int type = clade_onnx_type(node, 0);
    clade_value x = clade_onnx_in(node, 0);
    const clade_dims dims = clade_value_dims(x);
    int axis;
    if (!clade_onnx_axis(node, clade_onnx_int(node, "axis", 0), dims.rank, &axis)) return false;
    if (later && dims.size[axis] < 0) return clade_onnx_refuse(node, "axis %d has an open size", axis);
    if (later) x = clade_reverse(x, 1u << axis);
    clade_value place;
    if (!clade_onnx_type_is_float(type))
        place = clade_onnx_order_of(x, type, axis, 1, smallest);
    else
        place = smallest ? clade_argmin(x, axis, true) : clade_argmax(x, axis, true);
    if (later) place = clade_subtract(clade_onnx_scalar(node, INT64, (double)(dims.size[axis] - 1)), place);
    clade_onnx_out(node, 0, without_axis(place, axis, keep), INT64);
    return true;
}

static bool translate_top_k(clade_onnx_node *node) {
    const clade_value x = clade_onnx_in(node, 0);
    const int type = clade_onnx_type(node, 0);
    const bool smallest = clade_onnx_int(node, "largest", 1) == 0;
    int64_t k = clade_onnx_int(node, "k", 0);
    int axis, count;
    if (!clade_onnx_axis(node, clade_onnx_int(node, "axis", -1), clade_value_dims(x).rank, &axis)) return false;
    if (node->opset >= 10 && !clade_onnx_whole_numbers(node, 1, &k, 1, &count)) return false;
    if (k < 1) return clade_onnx_refuse(node, "the %lld largest", (long long)k);
    clade_value places, values;
    if (clade_onnx_type_is_float(type)) {
        values = clade_top_k(x, axis, k, smallest, &places);
    } else {
        places = clade_onnx_order_of(x, type, axis, k, smallest);
        values = clade_gather_elements(x, places, axis);
    }
    clade_onnx_out(node, 1, places, INT64);
    return clade_onnx_give(node, values);
}

/* Before operator set 13 the axes from `axis` on were taken together. */
static bool translate_hardmax(clade_onnx_node *node) {
    const clade_value x = clade_onnx_in(node, 0);
    const clade_dims dims = clade_value_dims(x);
    const bool together = node->opset < 13;
    int axis;
    if (!clade_onnx_axis(node, clade_onnx_int(node, "axis", together ? 1 : -1), dims.rank, &axis)) return false;
    if (!together) return clade_onnx_give(node, clade_hardmax(x, axis));
    const clade_size before = clade_size_product(node->graph, dims.size, axis);
    const clade_size after = clade_size_product(node->graph, dims.size + axis, dims.rank - axis);
    return clade_onnx_give(node, clade_reshape(clade_hardmax(clade_reshape(x, clade_shape(before, after)), 1), dims));
}

static bool translate_one_hot(clade_onnx_node *node) {
    const clade_value values = clade_onnx_in(node, 2);
    clade_value index = clade_onnx_in(node, 0);
    const int rank = clade_value_dims(index).rank + 1;
    double depth;
    int axis, count;
    if (!clade_onnx_numbers(node, 1, &depth, 1, &count)) return false;
    if (!clade_onnx_axis(node, clade_onnx_int(node, "axis", -1), rank, &axis)) return false;
    if (!(depth >= 1 && depth <= INT32_MAX)) return clade_onnx_refuse(node, "a depth of %g", depth);
    index = clade_unsqueeze(clade_cast(index, CLADE_I32), axis);
    const clade_value zero = clade_onnx_scalar(node, INT64, 0), size = clade_onnx_scalar(node, INT64, depth);
    index = clade_where(clade_less(index, zero), clade_add(index, size), index);
    const clade_value hot = clade_equal(index, places_along(node, (int64_t)depth, axis, rank));
    const clade_value off = clade_reshape(clade_slice(values, .end = { 1 }), CLADE_SCALAR);
    const clade_value on = clade_reshape(clade_slice(values, .begin = { 1 }), CLADE_SCALAR);
    clade_onnx_out(node, 0, clade_where(hot, on, off), clade_onnx_type(node, 2));
    return true;
}

/* ---- running sums and products ---- */

static bool translate_running(clade_onnx_node *node) {
    const bool product = clade_onnx_argument(node) != 0, exclusive = clade_onnx_int(node, "exclusive", 0) != 0;
    const bool backwards = clade_onnx_int(node, "reverse", 0) != 0;
    const clade_value x = clade_onnx_in(node, 0);
    const int type = clade_onnx_type(node, 0);
    int64_t given;
    int axis, count;
    if (!clade_onnx_whole_numbers(node, 1, &given, 1, &count)) return false;
    if (!clade_onnx_axis(node, given, clade_value_dims(x).rank, &axis)) return false;
    if (!product && clade_onnx_type_is_float(type))
        return clade_onnx_give(node, clade_cumulative_sum(x, axis, exclusive, backwards));
    return clade_onnx_give(node, clade_onnx_wrap(clade_running(x, axis, product, exclusive, backwards), type));
}

/* ---- by place ---- */

static bool translate_trilu(clade_onnx_node *node) {
    const bool upper = clade_onnx_int(node, "upper", 1) != 0;
    const int type = clade_onnx_type(node, 0);
    const clade_dims dims = clade_onnx_dims_of(node, 0);
    int64_t diagonal = 0;
    int count;
    if (clade_onnx_has(node, 1) && !clade_onnx_whole_numbers(node, 1, &diagonal, 1, &count)) return false;
    if (dims.rank < 2) return clade_onnx_refuse(node, "of an array of rank %d", dims.rank);
    const int64_t rows = dims.size[dims.rank - 2], columns = dims.size[dims.rank - 1];
    if (rows == 0 || columns == 0) return clade_onnx_empty(node, 0, type, &dims);
    if (rows < 0 || columns < 0) return clade_onnx_refuse(node, "of a matrix of open size");
    const double least = -(double)INT32_MAX, most = (double)INT32_MAX, k = (double)diagonal;
    const clade_value row = places_along(node, rows, 0, 2), column = places_along(node, columns, 1, 2);
    const clade_value from = clade_subtract(column, row); /* the diagonal that an element is on */
    const clade_value middle = clade_onnx_scalar(node, INT64, k < least ? least : k > most ? most : k);
    const clade_value kept = upper ? clade_less_equal(middle, from) : clade_less_equal(from, middle);
    return clade_onnx_give(node, clade_where(kept, clade_onnx_in(node, 0), clade_onnx_scalar(node, type, 0)));
}

/* The first elements of each sequence backwards: element t of one of length L is taken from L-1-t. */
static bool translate_reverse_sequence(clade_onnx_node *node) {
    const clade_value x = clade_onnx_in(node, 0), lengths = clade_onnx_in(node, 1);
    const clade_dims dims = clade_value_dims(x);
    int time, batch;
    if (!clade_onnx_axis(node, clade_onnx_int(node, "time_axis", 0), dims.rank, &time) ||
        !clade_onnx_axis(node, clade_onnx_int(node, "batch_axis", 1), dims.rank, &batch))
        return false;
    if (dims.size[time] < 0) return clade_onnx_refuse(node, "axis %d has an open size", time);
    clade_dims along = { .rank = dims.rank };
    for (int i = 0; i < dims.rank; i++)
        along.size[i] = i == batch ? dims.size[i] : 1;
    const clade_value length = clade_reshape(lengths, along),
                      place = places_along(node, dims.size[time], time, dims.rank);
    const clade_value last = clade_subtract(length, clade_onnx_scalar(node, INT64, 1));
    const clade_value from = clade_where(clade_less(place, length), clade_subtract(last, place), place);
    return clade_onnx_give(node, clade_gather_elements(x, clade_expand(from, &dims), time));
}

/* ---- determinants ---- */

/* By elimination with the largest of each column as its pivot: X (B, n, n) loses a row and a column with each step. */
static bool translate_det(clade_onnx_node *node) {
    clade_value x = clade_onnx_in(node, 0);
    const clade_dims dims = clade_value_dims(x);
    const int64_t n = dims.rank >= 2 ? dims.size[dims.rank - 1] : 0;
    if (n < 1 || dims.size[dims.rank - 2] != n) return clade_onnx_refuse(node, "of what is no square matrix");
    clade_dims outer = dims;
    outer.rank -= 2;
    const clade_size batch = clade_dims_count(node->graph, &outer);
    clade_value det = clade_constant(node->graph, clade_shape(batch, 1, 1), 1);
    x = clade_reshape(x, clade_shape(batch, n, n));
    for (int64_t left = n; left > 1; left--) {
        const clade_value zero = clade_onnx_scalar(node, INT64, 0);
        const clade_value column = clade_slice(x, .end = { 0, 0, 1 });
        const clade_value place = clade_argmax(clade_absolute(column), 1, true); /* (B, 1, 1) */
        const clade_dims row = clade_shape(batch, 1, left);
        const clade_value pivot_row = clade_gather_elements(x, clade_expand(place, &row), 1);
        const clade_value pivot = clade_slice(pivot_row, .end = { 0, 0, 1 }), first = clade_slice(x, .end = { 0, 1 });
        /* The first row goes where the pivot's was, which turns the sign unless it is the same. */
        x = clade_where(clade_equal(places_along(node, left, 1, 3), place), first, x);
        det = clade_multiply(det, clade_where(clade_equal(place, zero), pivot, clade_negate(pivot)));
        const clade_value number = clade_onnx_scalar(node, FLOAT, 0), one = clade_onnx_scalar(node, FLOAT, 1);
        const clade_value divisor = clade_where(clade_equal(pivot, number), one, pivot); /* the column is all 0 then */
        const clade_value below = clade_slice(x, .begin = { 0, 1, 0 });
        const clade_value factor = clade_divide(clade_slice(below, .end = { 0, 0, 1 }), divisor);
        const clade_value rest = clade_slice(below, .begin = { 0, 0, 1 });
        x = clade_subtract(rest, clade_multiply(factor, clade_slice(pivot_row, .begin = { 0, 0, 1 })));
    }
    return clade_onnx_give(node, clade_reshape(clade_multiply(det, x), outer));
}

const clade_onnx_translator clade_onnx_order[] = {
    { "ArgMax", translate_extreme, 0 },
    { "ArgMin", translate_extreme, 1 },
    { "CumProd", translate_running, 1 },
    { "CumSum", translate_running, 0 },
    { "Det", translate_det, 0 },
    { "Hardmax", translate_hardmax, 0 },
    { "OneHot", translate_one_hot, 0 },
    { "ReverseSequence", translate_reverse_sequence, 0 },
    { "TopK", translate_top_k, 0 },
    { "Trilu", translate_trilu, 0 },
    { NULL, NULL, 0 },
};
