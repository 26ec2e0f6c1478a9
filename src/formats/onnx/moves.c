/* ONNX's operators that move elements: parts, paddings, joins, gathers. */
#include "formats/onnx/import.h"

#include <string.h>

/* ---- joins and parts ---- */

clade_value clade_onnx_join(int axis, clade_value *parts, int64_t count) {
    while (count > 1) {
        int64_t made = 0;
        for (int64_t i = 0; i < count; i += CLADE_MAX_INPUTS) {
            const int64_t taken = count - i < CLADE_MAX_INPUTS ? count - i : CLADE_MAX_INPUTS;
            parts[made++] = taken > 1 ? clade_concat_all(axis, parts + i, (size_t)taken) : parts[i];
        }
        count = made;
    }
    return parts[0];
}

static bool translate_concat(clade_onnx_node *node) {
    const clade_dims first = clade_onnx_dims_of(node, 0);
    clade_context *context = node->graph->context;
    int axis;
    if (!clade_onnx_axis(node, clade_onnx_int(node, "axis", 1), first.rank, &axis)) return false;
    clade_value *parts = clade_allocate(context, (size_t)node->in_count + 1, sizeof *parts);
    int64_t count = 0;
    if (parts == NULL) return clade_onnx_refuse(node, "out of memory");
    bool good = true;
    for (int i = 0; i < node->in_count && good; i++) {
        const clade_dims dims = clade_onnx_dims_of(node, i);
        good = dims.rank == first.rank || clade_onnx_refuse(node, "input %d has other axes than the first", i);
        if (good && dims.size[axis] != 0) parts[count++] = clade_onnx_in(node, i); /* else there is nothing to join */
    }
    if (good)
        good = count > 0 ? clade_onnx_give(node, clade_onnx_join(axis, parts, count))
                         : clade_onnx_empty(node, 0, clade_onnx_type(node, 0), &first);
    clade_free(context, parts);
    return good;
}

/* COUNT parts of SIZES, those of size 0 being empty. */
static bool give_parts(clade_onnx_node *node, const clade_dims *dims, int axis, const int64_t *sizes, int count) {
    const int type = clade_onnx_type(node, 0);
    clade_value parts[CLADE_ONNX_MOST_OUTPUTS];
    int64_t kept[CLADE_ONNX_MOST_OUTPUTS], whole = 0;
    size_t kept_count = 0, next = 0;
    for (int i = 0; i < count; i++) {
        if (sizes[i] < 0 || sizes[i] > dims->size[axis])
            return clade_onnx_refuse(node, "a part of %lld of an axis of %lld", (long long)sizes[i],
                                     (long long)dims->size[axis]);
        whole += sizes[i];
        if (sizes[i] > 0) kept[kept_count++] = sizes[i];
    }
    if (whole != dims->size[axis]) return clade_onnx_refuse(node, "parts that are not together the axis");
    if (kept_count > 0) clade_split(clade_onnx_in(node, 0), axis, kept, kept_count, parts);
    for (int i = 0; i < count; i++) {
        clade_dims none = *dims;
        none.size[axis] = 0;
        if (sizes[i] > 0)
            clade_onnx_out(node, i, parts[next++], type);
        else if (!clade_onnx_empty(node, i, type, &none))
            return false;
    }
    return true;
}

static bool translate_split(clade_onnx_node *node) {
    const clade_dims dims = clade_onnx_dims_of(node, 0);
    int64_t sizes[CLADE_ONNX_MOST_OUTPUTS];
    int axis, count = clade_onnx_ints(node, "split", sizes, CLADE_ONNX_MOST_OUTPUTS);
    if (count < 0 || !clade_onnx_axis(node, clade_onnx_int(node, "axis", 0), dims.rank, &axis)) return false;
    if (clade_onnx_has(node, 1) && !clade_onnx_whole_numbers(node, 1, sizes, CLADE_ONNX_MOST_OUTPUTS, &count))
        return false;
    if (dims.size[axis] < 0)
        return clade_onnx_refuse(node, "the size of the axis it splits is open; give the input's dims");
    if (count == 0) { /* even parts, the last one smaller where they do not come out even */
        count = node->out_count;
        const int64_t part = (dims.size[axis] + count - 1) / count;
        for (int i = 0; i < count; i++)
            sizes[i] = i + 1 < count ? part : dims.size[axis] - part * (count - 1);
    }
    if (count != node->out_count) return clade_onnx_refuse(node, "%d parts for %d outputs", count, node->out_count);
    return give_parts(node, &dims, axis, sizes, count);
}

/* ---- slices ---- */

/* Begins, ends, axes and steps as the file says; COUNT of them. */
typedef struct cuts {
    int64_t begin[CLADE_MAX_RANK], end[CLADE_MAX_RANK], axes[CLADE_MAX_RANK], step[CLADE_MAX_RANK];
    int count;
} cuts;

static bool read_cuts(clade_onnx_node *node, cuts *c) {
    int ends, axes = 0, steps = 0;
    if (node->opset < 10) {
        c->count = clade_onnx_ints(node, "starts", c->begin, CLADE_MAX_RANK);
        ends = clade_onnx_ints(node, "ends", c->end, CLADE_MAX_RANK);
        axes = clade_onnx_ints(node, "axes", c->axes, CLADE_MAX_RANK);
        if (c->count < 0 || ends < 0 || axes < 0) return false;
    } else {
        if (!clade_onnx_whole_numbers(node, 1, c->begin, CLADE_MAX_RANK, &c->count) ||
            !clade_onnx_whole_numbers(node, 2, c->end, CLADE_MAX_RANK, &ends))
            return false;
        if (clade_onnx_has(node, 3) && !clade_onnx_whole_numbers(node, 3, c->axes, CLADE_MAX_RANK, &axes)) return false;
        if (clade_onnx_has(node, 4) && !clade_onnx_whole_numbers(node, 4, c->step, CLADE_MAX_RANK, &steps))
            return false;
    }
    if (ends != c->count || (axes != 0 && axes != c->count) || (steps != 0 && steps != c->count))
        return clade_onnx_refuse(node, "%d starts, %d ends, %d axes, %d steps", c->count, ends, axes, steps);
    for (int i = 0; i < c->count; i++) {
        if (axes == 0) c->axes[i] = i;
        if (steps == 0) c->step[i] = 1;
    }
    return true;
}

/* One axis of SIZE elements: BEGIN, END and STEP in ONNX's sense (clamped) to those of clade_slice_options, where 0 stands
 * for an axis's end. False when nothing is left. */
static bool cut_axis(int64_t size, int64_t *begin, int64_t *end, int64_t step) {
    if (*begin < 0) *begin = *begin < -size ? 0 : *begin + size;
    if (*end < 0) *end = *end < -size ? -1 : *end + size;
    if (step > 0) {
        if (*begin > size) *begin = size;
        if (*end > size) *end = size;
        if (*end <= *begin) return false;
        if (*end == size) *end = 0;
        return true;
    }
    if (*begin >= size) *begin = size - 1;
    if (*end < -1) *end = -1;
    if (*end >= *begin) return false;
    *begin -= size; /* both counted from the axis's end; an end of 0 lies before the first element */
    *end = *end == -1 ? 0 : *end - size;
    return true;
}

static bool translate_slice(clade_onnx_node *node) {
    const clade_value x = clade_onnx_in(node, 0);
    const clade_dims dims = clade_value_dims(x);
    clade_slice_options options = { .size = sizeof options, .x = x };
    cuts c = { 0 };
    if (!read_cuts(node, &c)) return false;
    for (int i = 0; i < c.count; i++) {
        int axis;
        if (!clade_onnx_axis(node, c.axes[i], dims.rank, &axis)) return false;
        if (dims.size[axis] < 0) {
            if (c.begin[i] == 0 && c.end[i] >= INT32_MAX && c.step[i] == 1) continue;
            return clade_onnx_refuse(node, "the size of axis %d is open; give the input's dims", axis);
        }
        if (c.step[i] == 0) return clade_onnx_refuse(node, "a step of 0");
        if (!cut_axis(dims.size[axis], &c.begin[i], &c.end[i], c.step[i])) {
            clade_dims none = dims;
            none.size[axis] = 0;
            return clade_onnx_empty(node, 0, clade_onnx_type(node, 0), &none);
        }
        options.begin[axis] = c.begin[i];
        options.end[axis] = c.end[i];
        options.step[axis] = c.step[i];
    }
    return clade_onnx_give(node, clade_slice_with(&options));
}

/* ---- padding ---- */

static bool pad_mode(clade_onnx_node *node, clade_pad_mode *mode) {
    static const char *const words[] = { "constant", "reflect", "edge", "wrap", NULL };
    static const clade_pad_mode modes[] = { CLADE_PAD_CONSTANT, CLADE_PAD_REFLECT, CLADE_PAD_EDGE, CLADE_PAD_WRAP };
    int which;
    if (!clade_onnx_word(node, "mode", "constant", words, &which)) return false;
    *mode = modes[which];
    return true;
}

/* The value that is padded with, and before and after as the file lists them. */
static bool read_pads(clade_onnx_node *node, int64_t *pads, int *count, double *value) {
    int one = 0;
    *value = clade_onnx_float(node, "value", 0);
    if (node->opset < 11) {
        *count = clade_onnx_ints(node, node->opset < 2 ? "paddings" : "pads", pads, 2 * CLADE_MAX_RANK);
        return *count >= 0;
    }
    if (!clade_onnx_whole_numbers(node, 1, pads, 2 * CLADE_MAX_RANK, count)) return false;
    return !clade_onnx_has(node, 2) || clade_onnx_numbers(node, 2, value, 1, &one);
}

static bool translate_pad(clade_onnx_node *node) {
    clade_value x = clade_onnx_in(node, 0);
    const clade_dims dims = clade_value_dims(x);
    clade_pad_options pad = { .size = sizeof pad };
    clade_slice_options crop = { .size = sizeof crop };
    int64_t pads[2 * CLADE_MAX_RANK], axes[CLADE_MAX_RANK];
    int count, axis_count = dims.rank;
    double value;
    bool crops = false;
    if (!pad_mode(node, &pad.mode) || !read_pads(node, pads, &count, &value)) return false;
    for (int i = 0; i < dims.rank; i++)
        axes[i] = i;
    if (node->opset >= 18 && clade_onnx_has(node, 3) &&
        !clade_onnx_whole_numbers(node, 3, axes, CLADE_MAX_RANK, &axis_count))
        return false;
    if (count != 2 * axis_count) return clade_onnx_refuse(node, "%d pads for %d axes", count, axis_count);
    for (int i = 0; i < axis_count; i++) {
        int axis;
        if (!clade_onnx_axis(node, axes[i], dims.rank, &axis)) return false;
        const int64_t before = pads[i], after = pads[axis_count + i];
        pad.before[axis] = before > 0 ? before : 0;
        pad.after[axis] = after > 0 ? after : 0;
        crop.begin[axis] = before < 0 ? -before : 0;
        crop.end[axis] = after < 0 ? after : 0;
        crops = crops || before < 0 || after < 0;
    }
    pad.value = (float)value;
    crop.x = x;
    if (crops) x = clade_slice_with(&crop);
    pad.x = x;
    return clade_onnx_give(node, clade_pad_with(&pad));
}

/* ---- repeats ---- */

/* X, COUNT times after itself along AXIS; by doubling: log2 joins instead of one of every copy. */
static clade_value repeat(clade_value x, int axis, int64_t count) {
    clade_value parts[2], whole = CLADE_NO_VALUE, power = x;
    for (int64_t left = count; left > 0; left /= 2) {
        if (left % 2 != 0) {
            parts[0] = whole;
            parts[1] = power;
            whole = clade_value_valid(whole) ? clade_concat_all(axis, parts, 2) : power;
        }
        parts[0] = parts[1] = power;
        if (left > 1) power = clade_concat_all(axis, parts, 2);
    }
    return whole;
}

/* How often each of RANK axes is repeated: inputs 1 and, before operator set 6, a number and the axis that it is of. */
static bool read_repeats(clade_onnx_node *node, int rank, int64_t repeats[CLADE_MAX_RANK]) {
    int64_t number, given;
    int count, axis;
    if (node->opset >= 6) {
        if (!clade_onnx_whole_numbers(node, 1, repeats, CLADE_MAX_RANK, &count)) return false;
        return count == rank || clade_onnx_refuse(node, "%d repeats for %d axes", count, rank);
    }
    if (!clade_onnx_whole_numbers(node, 1, &number, 1, &count) ||
        !clade_onnx_whole_numbers(node, 2, &given, 1, &count) || !clade_onnx_axis(node, given, rank, &axis))
        return false;
    for (int i = 0; i < rank; i++)
        repeats[i] = i == axis ? number : 1;
    return true;
}

static bool translate_tile(clade_onnx_node *node) {
    clade_dims to = clade_onnx_dims_of(node, 0);
    int64_t repeats[CLADE_MAX_RANK];
    const int count = to.rank;
    if (!read_repeats(node, count, repeats)) return false;
    for (int axis = 0; axis < count; axis++) {
        if (repeats[axis] < 0) return clade_onnx_refuse(node, "%lld repeats", (long long)repeats[axis]);
        to.size[axis] = clade_size_multiply(node->graph, to.size[axis], repeats[axis]);
    }
    if (clade_onnx_dims_empty(&to)) return clade_onnx_empty(node, 0, clade_onnx_type(node, 0), &to);
    clade_value y = clade_onnx_in(node, 0);
    for (int axis = 0; axis < count; axis++)
        y = repeat(y, axis, repeats[axis]);
    return clade_onnx_give(node, y);
}

/* ---- gathers and scatters ---- */

/* DIMS with those of PLACES instead of AXIS. */
static clade_dims with_axis_as(const clade_dims *dims, int axis, const clade_dims *places) {
    clade_dims to = { 0 };
    for (int i = 0; i < dims->rank; i++)
        for (int k = 0; k < (i == axis ? places->rank : 1) && to.rank < CLADE_MAX_RANK; k++)
            to.size[to.rank++] = i == axis ? places->size[k] : dims->size[i];
    return to;
}

static bool translate_gather(clade_onnx_node *node) {
    const clade_dims from = clade_onnx_dims_of(node, 0), index = clade_onnx_dims_of(node, 1);
    const bool by_elements = clade_onnx_argument(node) != 0;
    int axis;
    if (!clade_onnx_axis(node, clade_onnx_int(node, "axis", 0), from.rank, &axis)) return false;
    if (clade_onnx_dims_empty(&index)) { /* nothing is taken */
        const clade_dims to = by_elements ? index : with_axis_as(&from, axis, &index);
        return clade_onnx_empty(node, 0, clade_onnx_type(node, 0), &to);
    }
    const clade_value x = clade_onnx_in(node, 0), places = clade_onnx_in(node, 1);
    return clade_onnx_give(node, by_elements ? clade_gather_elements(x, places, axis) : clade_gather(x, places, axis));
}

static bool translate_gather_nd(clade_onnx_node *node) {
    const clade_value x = clade_onnx_in(node, 0), index = clade_onnx_in(node, 1);
    return clade_onnx_give(node, clade_gather_nd(x, index, (int32_t)clade_onnx_int(node, "batch_dims", 0)));
}

static bool scatter_mode(clade_onnx_node *node, clade_scatter_mode *mode) {
    static const char *const words[] = { "none", "add", "mul", "max", "min", NULL };
    static const clade_scatter_mode modes[] = { CLADE_SCATTER_REPLACE, CLADE_SCATTER_ADD, CLADE_SCATTER_MULTIPLY,
                                                CLADE_SCATTER_MAXIMUM, CLADE_SCATTER_MINIMUM };
    int which;
    if (!clade_onnx_word(node, "reduction", "none", words, &which)) return false;
    *mode = modes[which];
    return true;
}

static bool translate_scatter(clade_onnx_node *node) {
    const clade_value x = clade_onnx_in(node, 0), index = clade_onnx_in(node, 1), updates = clade_onnx_in(node, 2);
    clade_scatter_mode mode;
    int axis;
    if (!scatter_mode(node, &mode) ||
        !clade_onnx_axis(node, clade_onnx_int(node, "axis", 0), clade_value_dims(x).rank, &axis))
        return false;
    return clade_onnx_give(node, clade_scatter_elements(x, index, updates, axis, mode));
}

static bool translate_scatter_nd(clade_onnx_node *node) {
    const clade_value x = clade_onnx_in(node, 0), index = clade_onnx_in(node, 1), updates = clade_onnx_in(node, 2);
    clade_scatter_mode mode;
    return scatter_mode(node, &mode) && clade_onnx_give(node, clade_scatter_nd(x, index, updates, 0, mode));
}

/* ---- blocks ---- */

static bool translate_depth_to_space(clade_onnx_node *node) {
    static const char *const words[] = { "DCR", "CRD", NULL };
    const clade_value x = clade_onnx_in(node, 0);
    int which;
    if (!clade_onnx_word(node, "mode", "DCR", words, &which)) return false;
    return clade_onnx_give(node, clade_depth_to_space(x, clade_onnx_int(node, "blocksize", 1), which == 1));
}

/* The pixels of a block come before the channels, or with CRD after them. */
static bool translate_space_to_depth(clade_onnx_node *node) {
    static const char *const words[] = { "DCR", "CRD", NULL };
    const int64_t block = clade_onnx_int(node, "blocksize", 1);
    int which;
    if (!clade_onnx_word(node, "mode", "DCR", words, &which)) return false;
    const clade_value y = clade_space_to_depth(clade_onnx_in(node, 0), block);
    return clade_onnx_give(node, which == 0 ? y : clade_channel_shuffle(y, block * block));
}

const clade_onnx_translator clade_onnx_moves[] = {
    { "Concat", translate_concat, 0 },
    { "DepthToSpace", translate_depth_to_space, 0 },
    { "Gather", translate_gather, 0 },
    { "GatherElements", translate_gather, 1 },
    { "GatherND", translate_gather_nd, 0 },
    { "Pad", translate_pad, 0 },
    { "Scatter", translate_scatter, 0 },
    { "ScatterElements", translate_scatter, 0 },
    { "ScatterND", translate_scatter_nd, 0 },
    { "Slice", translate_slice, 0 },
    { "SpaceToDepth", translate_space_to_depth, 0 },
    { "Split", translate_split, 0 },
    { "Tile", translate_tile, 0 },
    { NULL, NULL, 0 },
};
