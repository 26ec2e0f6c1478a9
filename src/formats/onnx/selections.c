/* ONNX's operators whose result is as large as the data say: Compress, NonZero, NonMaxSuppression, Unique; and MaxUnpool and
 * CenterCropPad. How large it is must follow from constants; the elements are then chosen on the device. */
#include "formats/onnx/state.h"

#include <float.h>
#include <string.h>

#define INT64 ONNX__TENSOR_PROTO__DATA_TYPE__INT64

enum { MOST = 1 << 16 }; /* elements of an input that decides over sizes */

/* Input INDEX in numbers, at most MOST of them; free with clade_free(). NULL after a refusal, or when memory is short. */
static double *numbers_of(clade_onnx_node *node, int index, int *count) {
    double *numbers = clade_allocate(node->graph->context, MOST, sizeof *numbers);
    if (numbers == NULL || clade_onnx_numbers(node, index, numbers, MOST, count)) return numbers;
    clade_free(node->graph->context, numbers);
    return NULL;
}

static clade_value list(clade_onnx_node *node, const double *numbers, int64_t count) {
    const clade_dims dims = clade_shape(count);
    return clade_onnx_constant(node, INT64, &dims, numbers);
}

/* ---- Compress ---- */

static bool translate_compress(clade_onnx_node *node) {
    const bool flat = clade_onnx_attribute(node, "axis") == NULL;
    const clade_dims from = clade_onnx_dims_of(node, 0);
    const int type = clade_onnx_type(node, 0);
    int axis = 0, count;
    if (!flat && !clade_onnx_axis(node, clade_onnx_int(node, "axis", 0), from.rank, &axis)) return false;
    const clade_size whole = clade_dims_count(node->graph, &from);
    clade_dims to = flat ? clade_shape(whole) : from;
    double *taken = numbers_of(node, 1, &count);
    if (taken == NULL) return false;
    int64_t kept = 0;
    for (int i = 0; i < count && i < to.size[axis]; i++)
        if (taken[i] != 0) taken[kept++] = i;
    to.size[axis] = kept;
    const bool empty = kept == 0;
    const clade_value places = empty ? CLADE_NO_VALUE : list(node, taken, kept);
    clade_free(node->graph->context, taken);
    if (empty) return clade_onnx_empty(node, 0, type, &to);
    clade_value x = clade_onnx_in(node, 0);
    if (flat) x = clade_reshape(x, clade_shape(whole));
    return clade_onnx_give(node, clade_gather(x, places, axis));
}

/* ---- places of what is true ---- */

/* Where THERE (count) holds, KEPT places in all, as (kept): every element's number among those that hold says where its place
 * is written; the others' are dropped, being beyond the list. */
static clade_value places_of(clade_onnx_node *node, clade_value there, int64_t count, int64_t kept) {
    double *numbers = clade_allocate(node->graph->context, (size_t)count + 1, sizeof *numbers);
    if (numbers == NULL) return clade_invalid(node->graph, CLADE_ERROR_MEMORY, "out of memory for a list of places");
    for (int64_t i = 0; i < count; i++)
        numbers[i] = (double)i;
    const clade_value all = list(node, numbers, count);
    clade_free(node->graph->context, numbers);
    const clade_value rank_of = clade_running(there, 0, false, true, false);
    const clade_value beyond = clade_onnx_scalar(node, INT64, (double)count);
    const clade_value zeros = clade_cast(clade_constant(node->graph, clade_shape(kept), 0), CLADE_I32);
    return clade_scatter_elements(zeros, clade_where(there, rank_of, beyond), all, 0, CLADE_SCATTER_REPLACE);
}

/* ---- NonZero ---- */

static bool translate_non_zero(clade_onnx_node *node) {
    const clade_dims from = clade_onnx_dims_of(node, 0);
    const int rank = from.rank > 0 ? from.rank : 1;
    int64_t kept = 0;
    int count;
    double *numbers = numbers_of(node, 0, &count);
    if (numbers == NULL) return false;
    for (int i = 0; i < count; i++)
        kept += numbers[i] != 0;
    const clade_dims none = clade_shape(rank, 0);
    clade_free(node->graph->context, numbers);
    if (kept == 0) return clade_onnx_empty(node, 0, INT64, &none);
    const clade_value x = clade_reshape(clade_onnx_in(node, 0), clade_shape(count));
    const clade_value zero = clade_onnx_scalar(node, clade_onnx_type(node, 0), 0);
    clade_value places = places_of(node, clade_logical_not(clade_equal(x, zero)), count, kept);
    clade_value rows[CLADE_MAX_RANK];
    for (int axis = rank - 1; axis >= 0; axis--) {
        const clade_value size = clade_onnx_scalar(node, INT64, from.rank > 0 ? (double)from.size[axis] : 1);
        rows[axis] = clade_reshape(clade_whole_remainder(places, size), clade_shape(1, kept));
        places = clade_whole_divide(places, size);
    }
    clade_onnx_out(node, 0, clade_concat_all(0, rows, (size_t)rank), INT64);
    return true;
}

/* ---- NonMaxSuppression ---- */

enum { MOST_CHOSEN = 512 };

/* Boxes of LISTS (a batch's class each) of COUNT; SIDES are low and high of the two axes, all (lists, count). */
typedef struct boxes {
    clade_onnx_node *node;
    int64_t batches, classes, lists, count;
    clade_value low[2], high[2], area, scores, none;
    double overlap;
} boxes;

/* Component K of the boxes (batches, count, 4), for every class. */
static clade_value component(const boxes *b, clade_value all, int k) {
    const clade_dims wide = clade_shape(b->batches, b->classes, b->count);
    const clade_value one = clade_slice(all, .begin = { 0, 0, k }, .end = { 0, 0, k == 3 ? 0 : k + 1 });
    const clade_value each = clade_reshape(one, clade_shape(b->batches, 1, b->count));
    return clade_reshape(clade_expand(each, &wide), clade_shape(b->lists, b->count));
}

static bool open_boxes(clade_onnx_node *node, boxes *b) {
    const clade_value all = clade_onnx_in(node, 0), scores = clade_onnx_in(node, 1);
    const clade_dims dims = clade_value_dims(all), scored = clade_value_dims(scores);
    const bool centred = clade_onnx_int(node, "center_point_box", 0) != 0;
    double least = 0;
    int count;
    *b = (boxes){ .node = node };
    if (dims.rank != 3 || scored.rank != 3 || dims.size[2] != 4 || scored.size[2] != dims.size[1] ||
        scored.size[0] != dims.size[0] || dims.size[0] < 1 || dims.size[1] < 1 || scored.size[1] < 1)
        return clade_onnx_refuse(node, "its boxes and scores do not fit, or have open sizes");
    b->batches = dims.size[0];
    b->classes = scored.size[1];
    b->lists = b->batches * b->classes;
    b->count = dims.size[1];
    b->none = clade_constant(node->graph, CLADE_SCALAR, -FLT_MAX);
    for (int k = 0; k < 2; k++) {
        const clade_value first = component(b, all, centred ? 1 - k : k),
                          second = component(b, all, centred ? 3 - k : 2 + k);
        const clade_value half = clade_scale(second, 0.5);
        b->low[k] = centred ? clade_subtract(first, half) : clade_minimum(first, second);
        b->high[k] = centred ? clade_add(first, half) : clade_maximum(first, second);
    }
    b->area = clade_multiply(clade_subtract(b->high[0], b->low[0]), clade_subtract(b->high[1], b->low[1]));
    b->scores = clade_reshape(scores, clade_shape(b->lists, b->count));
    if (clade_onnx_has(node, 3) && !clade_onnx_numbers(node, 3, &b->overlap, 1, &count)) return false;
    if (!clade_onnx_has(node, 4)) return true;
    if (!clade_onnx_numbers(node, 4, &least, 1, &count)) return false;
    const clade_value above =
        clade_less(clade_onnx_scalar(node, ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT, least), b->scores);
    b->scores = clade_where(above, b->scores, b->none);
    return true;
}

/* Takes the best box of each list that is left (PLACE, and whether there is one: THERE), and drops those that overlap it. */
static void choose_next(boxes *b, clade_value numbers, clade_value *place, clade_value *there) {
    clade_value inside = CLADE_NO_VALUE;
    *place = clade_argmax(b->scores, 1, true);
    *there = clade_less(b->none, clade_gather_elements(b->scores, *place, 1));
    for (int k = 0; k < 2; k++) {
        const clade_value high = clade_minimum(b->high[k], clade_gather_elements(b->high[k], *place, 1));
        const clade_value low = clade_maximum(b->low[k], clade_gather_elements(b->low[k], *place, 1));
        const clade_value side = clade_relu(clade_subtract(high, low));
        inside = k == 0 ? side : clade_multiply(inside, side);
    }
    const clade_value whole = clade_subtract(clade_add(b->area, clade_gather_elements(b->area, *place, 1)), inside);
    const clade_value drop =
        clade_logical_or(clade_less(clade_scale(whole, b->overlap), inside), clade_equal(numbers, *place));
    b->scores = clade_where(drop, b->none, b->scores);
}

/* The chosen boxes as (batch, class, box), FLAT having their places among STEPS of each list. */
static clade_value describe(const boxes *b, clade_value flat, clade_value places, int64_t steps, int64_t kept) {
    const clade_value lists = clade_whole_divide(flat, clade_onnx_scalar(b->node, INT64, (double)steps));
    const clade_value classes = clade_onnx_scalar(b->node, INT64, (double)b->classes);
    const clade_dims column = clade_shape(kept, 1);
    const clade_value columns[] = { clade_reshape(clade_whole_divide(lists, classes), column),
                                    clade_reshape(clade_whole_remainder(lists, classes), column),
                                    clade_reshape(clade_gather(places, flat, 0), column) };
    return clade_concat_all(1, columns, 3);
}

static clade_value join_columns(clade_value *columns, int64_t count) {
    clade_value all = columns[0];
    for (int64_t i = 1; i < count; i += CLADE_MAX_INPUTS - 1) {
        clade_value parts[CLADE_MAX_INPUTS] = { all };
        size_t taken = 1;
        for (int64_t k = i; k < count && taken < CLADE_MAX_INPUTS; k++)
            parts[taken++] = columns[k];
        all = clade_concat_all(1, parts, taken);
    }
    return all;
}

static bool translate_suppression(clade_onnx_node *node) {
    clade_value place[MOST_CHOSEN], there[MOST_CHOSEN];
    const clade_dims none = clade_shape(0, 3);
    int64_t steps = 0, kept = 0;
    int count;
    boxes b;
    if (clade_onnx_has(node, 2) && !clade_onnx_whole_numbers(node, 2, &steps, 1, &count)) return false;
    if (!open_boxes(node, &b)) return false;
    if (steps > b.count) steps = b.count;
    if (steps > MOST_CHOSEN) return clade_onnx_refuse(node, "more than %d boxes of a class", MOST_CHOSEN);
    if (steps < 1) return clade_onnx_empty(node, 0, INT64, &none);
    double *numbers = clade_allocate(node->graph->context, (size_t)b.count, sizeof *numbers);
    if (numbers == NULL) return false;
    for (int64_t i = 0; i < b.count; i++)
        numbers[i] = (double)i;
    const clade_value row = clade_reshape(list(node, numbers, b.count), clade_shape(1, b.count));
    clade_free(node->graph->context, numbers);
    for (int64_t i = 0; i < steps; i++)
        choose_next(&b, row, &place[i], &there[i]);
    const clade_dims flat = clade_shape(b.lists * steps);
    const clade_value chosen = clade_reshape(join_columns(there, steps), flat);
    const clade_value places = clade_reshape(join_columns(place, steps), flat);
    const clade_tensor *known = clade_onnx_evaluate(node->import, chosen, NULL);
    if (known == NULL)
        return clade_onnx_refuse(node, "how many boxes it chooses is computed from the network's inputs");
    for (int64_t i = 0; i < known->count; i++)
        kept += known->data[i] != 0;
    if (kept == 0) return clade_onnx_empty(node, 0, INT64, &none);
    const clade_value taken = places_of(node, chosen, b.lists * steps, kept);
    clade_onnx_out(node, 0, describe(&b, taken, places, steps, kept), INT64);
    return true;
}

/* ---- Unique ---- */

/* What Unique finds: for each slice its group, for each group the first slice and how many. */
typedef struct groups {
    int64_t count, slices, *group, *first, *size, *order;
} groups;

/* A slice of SIZE elements before another: -1, 0 or 1. Elements of slice s are x[outer][s][inner]. */
static int compare_slices(const double *x, int64_t outer, int64_t slices, int64_t inner, int64_t a, int64_t b) {
    for (int64_t o = 0; o < outer; o++) {
        for (int64_t i = 0; i < inner; i++) {
            const double left = x[(o * slices + a) * inner + i], right = x[(o * slices + b) * inner + i];
            if (left != right) return left < right ? -1 : 1;
        }
    }
    return 0;
}

static void find_groups(const double *x, int64_t outer, int64_t inner, bool sorted, groups *g) {
    for (int64_t s = 0; s < g->slices; s++) {
        int64_t at = 0; /* groups are kept in the order asked for */
        int order = 1;
        for (; at < g->count; at++) {
            order = compare_slices(x, outer, g->slices, inner, s, g->first[g->order[at]]);
            if (order == 0 || (sorted && order < 0)) break;
        }
        if (at < g->count && order == 0) {
            g->group[s] = g->order[at];
            g->size[g->order[at]]++;
            continue;
        }
        memmove(g->order + at + 1, g->order + at, (size_t)(g->count - at) * sizeof *g->order);
        g->order[at] = g->group[s] = g->count;
        g->first[g->count] = s;
        g->size[g->count++] = 1;
    }
}

/* The slices' first ones are gathered on the device; where they are, and how many each stands for, follow from constants. */
static bool give_groups(clade_onnx_node *node, const groups *g, bool flat, int axis, double *numbers) {
    const clade_dims from = clade_onnx_dims_of(node, 0);
    int64_t *place_of = g->group + g->slices; /* from a group to its place in the order */
    clade_value x = clade_onnx_in(node, 0);
    if (flat) x = clade_reshape(x, clade_shape(clade_dims_count(node->graph, &from)));
    for (int64_t i = 0; i < g->count; i++) {
        place_of[g->order[i]] = i;
        numbers[i] = (double)g->first[g->order[i]];
    }
    const clade_value firsts = list(node, numbers, g->count);
    clade_onnx_out(node, 1, firsts, INT64);
    for (int64_t s = 0; s < g->slices; s++)
        numbers[s] = (double)place_of[g->group[s]];
    if (node->out_count > 2) clade_onnx_out(node, 2, list(node, numbers, g->slices), INT64);
    for (int64_t i = 0; i < g->count; i++)
        numbers[i] = (double)g->size[g->order[i]];
    if (node->out_count > 3) clade_onnx_out(node, 3, list(node, numbers, g->count), INT64);
    return clade_onnx_give(node, clade_gather(x, firsts, axis));
}

static bool translate_unique(clade_onnx_node *node) {
    clade_context *context = node->graph->context;
    const bool flat = clade_onnx_attribute(node, "axis") == NULL, sorted = clade_onnx_int(node, "sorted", 1) != 0;
    const clade_dims from = clade_onnx_dims_of(node, 0);
    int axis = 0, count;
    if (!flat && !clade_onnx_axis(node, clade_onnx_int(node, "axis", 0), from.rank, &axis)) return false;
    double *numbers = numbers_of(node, 0, &count);
    if (numbers == NULL) return false;
    int64_t outer = 1, inner = 1;
    for (int i = 0; i < from.rank && !flat; i++)
        *(i < axis ? &outer : &inner) *= i == axis ? 1 : from.size[i];
    groups g = { .slices = flat ? count : from.size[axis] };
    int64_t *room = clade_allocate(context, (size_t)g.slices * 5 + 1, sizeof *room);
    bool good = room != NULL;
    if (good && g.slices > 0) {
        g.group = room; /* and g.slices places after them for give_groups() */
        g.first = room + 2 * g.slices;
        g.size = room + 3 * g.slices;
        g.order = room + 4 * g.slices;
        find_groups(numbers, outer, inner, sorted, &g);
        good = give_groups(node, &g, flat, axis, numbers);
    } else if (good) {
        good = clade_onnx_refuse(node, "of an empty array");
    }
    clade_free(context, room);
    clade_free(context, numbers);
    return good;
}

/* ---- MaxUnpool ---- */

static bool translate_max_unpool(clade_onnx_node *node) {
    const clade_value x = clade_onnx_in(node, 0), index = clade_onnx_in(node, 1);
    const clade_dims from = clade_value_dims(x);
    int64_t kernel[3], stride[3] = { 1, 1, 1 }, pad[6] = { 0 }, sizes[CLADE_MAX_RANK];
    const int axes = from.rank - 2;
    int count;
    clade_dims to = from, natural = from;
    if (axes < 1 || axes > 3) return clade_onnx_refuse(node, "over %d axes; 1 to 3 are supported", axes);
    if (clade_onnx_ints(node, "kernel_shape", kernel, 3) != axes || clade_onnx_ints(node, "strides", stride, 3) < 0 ||
        clade_onnx_ints(node, "pads", pad, 6) < 0)
        return clade_onnx_refuse(node, "its kernel does not fit %d axes", axes);
    for (int k = 0; k < axes; k++) {
        if (from.size[2 + k] < 0) return clade_onnx_refuse(node, "a spatial size is open; give the input's dims");
        natural.size[2 + k] = (from.size[2 + k] - 1) * stride[k] + kernel[k] - pad[k] - pad[axes + k];
    }
    to = natural;
    if (clade_onnx_has(node, 2)) {
        if (!clade_onnx_whole_numbers(node, 2, sizes, CLADE_MAX_RANK, &count)) return false;
        if (count != from.rank) return clade_onnx_refuse(node, "output_shape has %d sizes", count);
        memcpy(to.size, sizes, sizeof to.size);
    }
    for (int k = 0; k < from.rank; k++)
        if (to.size[k] == 0 || natural.size[k] == 0) return clade_onnx_refuse(node, "an empty output");
    /* Indices are places in the whole output of the natural size, which lies at the beginning of the one asked for. */
    const clade_value all = clade_constant(node->graph, clade_shape(clade_dims_count(node->graph, &natural)), 0);
    const clade_value flat = clade_reshape(x, clade_shape(CLADE_REST)),
                      at = clade_reshape(index, clade_shape(CLADE_REST));
    clade_value y = clade_reshape(clade_scatter_elements(all, at, flat, 0, CLADE_SCATTER_REPLACE), natural);
    clade_pad_options wider = { .size = sizeof wider, .x = y };
    bool grows = false;
    for (int k = 0; k < from.rank; k++) {
        if (to.size[k] < natural.size[k]) return clade_onnx_refuse(node, "an output smaller than its windows");
        wider.after[k] = to.size[k] - natural.size[k];
        grows = grows || wider.after[k] > 0;
    }
    return clade_onnx_give(node, grows ? clade_pad_with(&wider) : y);
}

/* ---- CenterCropPad ---- */

/* Each axis is cut or padded evenly on both sides; an odd element is cut, or added, at the end. */
static bool translate_center_crop_pad(clade_onnx_node *node) {
    const clade_dims from = clade_onnx_dims_of(node, 0);
    int64_t sizes[CLADE_MAX_RANK], axes[CLADE_MAX_RANK];
    int count, axis, axis_count = clade_onnx_ints(node, "axes", axes, CLADE_MAX_RANK);
    clade_slice_options crop = { .size = sizeof crop, .x = clade_onnx_in(node, 0) };
    clade_pad_options pad = { .size = sizeof pad };
    if (axis_count < 0 || !clade_onnx_whole_numbers(node, 1, sizes, CLADE_MAX_RANK, &count)) return false;
    for (int i = 0; axis_count == 0 && i < from.rank; i++)
        axes[i] = i;
    if (axis_count == 0) axis_count = from.rank;
    if (count != axis_count) return clade_onnx_refuse(node, "%d sizes for %d axes", count, axis_count);
    bool crops = false, pads = false;
    for (int i = 0; i < count; i++) {
        if (!clade_onnx_axis(node, axes[i], from.rank, &axis)) return false;
        const int64_t size = from.size[axis], wanted = sizes[i];
        if (size < 1 || wanted < 1) return clade_onnx_refuse(node, "axis %d becomes or is empty, or is open", axis);
        crop.begin[axis] = wanted < size ? (size - wanted) / 2 : 0;
        crop.end[axis] = wanted < size ? crop.begin[axis] + wanted : 0;
        pad.before[axis] = wanted > size ? (wanted - size) / 2 : 0;
        pad.after[axis] = wanted > size ? wanted - size - pad.before[axis] : 0;
        crops = crops || wanted < size;
        pads = pads || wanted > size;
    }
    clade_value y = crops ? clade_slice_with(&crop) : crop.x;
    pad.x = y;
    return clade_onnx_give(node, pads ? clade_pad_with(&pad) : y);
}

const clade_onnx_translator clade_onnx_selections[] = {
    { "CenterCropPad", translate_center_crop_pad, 0 },
    { "Compress", translate_compress, 0 },
    { "MaxUnpool", translate_max_unpool, 0 },
    { "NonMaxSuppression", translate_suppression, 0 },
    { "NonZero", translate_non_zero, 0 },
    { "Unique", translate_unique, 0 },
    { NULL, NULL, 0 },
};
