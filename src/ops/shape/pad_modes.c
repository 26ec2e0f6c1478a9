/* Padding with an array's own elements: along each axis of size X, y[i] = x[fold(i - before)] with fold(j) of
 *   reflect  -j below 0, 2 (X - 1) - j from X on: mirrored at the edge, which is not repeated; at most X - 1 elements
 *   edge     the nearest of 0 and X - 1
 *   wrap     j + X below 0, j - X from X on; at most X elements
 * (ONNX's Pad in modes "reflect", "edge" and "wrap"; numpy.pad.) Any type of element of four bytes.
 *   pad_mode           x -> y, over all axes at once
 *   pad_mode_gradient  dy -> dx along one axis: each element of x gathers those that were its copies
 * so that the gradient of pad_mode is one pad_mode_gradient for each padded axis, whose own is a pad_mode. */
#include "ops/shape/pad_modes.h"

#include "ops/shape/copy.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

extern const clade_op clade_op_pad_mode, clade_op_pad_mode_gradient;

typedef struct mode_attributes {
    int64_t mode;
    int64_t before[CLADE_MAX_RANK], after[CLADE_MAX_RANK]; /* beyond the rank: anything */
} mode_attributes;

static const clade_attribute schema[] = {
    { "mode", CLADE_ATTRIBUTE_INT, offsetof(mode_attributes, mode), 0 },
    { "before", CLADE_ATTRIBUTE_INT, offsetof(mode_attributes, before), CLADE_MAX_RANK },
    { "after", CLADE_ATTRIBUTE_INT, offsetof(mode_attributes, after), CLADE_MAX_RANK },
    { NULL, 0, 0, 0 },
};

/* ---- types ---- */

/* The elements that may be added at one end of an axis with SIZE. */
static int64_t most_of(int64_t mode, clade_size size) {
    return mode == CLADE_PAD_REFLECT ? size - 1 : mode == CLADE_PAD_WRAP ? size : INT32_MAX / 2;
}

static bool is_padded(const mode_attributes *a, int32_t axis) {
    return a->before[axis] != 0 || a->after[axis] != 0;
}

static bool check_axis(const mode_attributes *a, int32_t axis, clade_size size, clade_text *why) {
    if (!is_padded(a, axis)) return true;
    if (size < 0) {
        clade_text_add(why, "axis %d has no fixed size; expected it to be left whole", (int)axis);
        return false;
    }
    const int64_t most = most_of(a->mode, size);
    if (a->before[axis] >= 0 && a->after[axis] >= 0 && a->before[axis] <= most && a->after[axis] <= most) return true;
    clade_text_add(why, "axis %d of %lld has %lld before and %lld after; expected 0 to %lld in this mode", (int)axis,
                   (long long)size, (long long)a->before[axis], (long long)a->after[axis], (long long)most);
    return false;
}

static bool infer_pad_mode(const clade_node *node, clade_type out[], clade_text *why) {
    const mode_attributes *a = node->attributes;
    out[0] = *clade_value_type(node->inputs[0]);
    if (a->mode < CLADE_PAD_REFLECT || a->mode > CLADE_PAD_WRAP) {
        clade_text_add(why, "mode %lld is none", (long long)a->mode);
        return false;
    }
    for (int32_t axis = 0; axis < out[0].dims.rank; axis++) {
        clade_size *size = &out[0].dims.size[axis];
        if (!check_axis(a, axis, *size, why)) return false;
        if (is_padded(a, axis)) *size += a->before[axis] + a->after[axis];
    }
    return true;
}

/* The one padded axis, -1 when it is not one. */
static int32_t padded_axis(const clade_node *node) {
    int32_t found = -1;
    for (int32_t axis = 0; axis < clade_value_type(node->inputs[0])->dims.rank; axis++) {
        if (!is_padded(node->attributes, axis)) continue;
        if (found >= 0) return -1;
        found = axis;
    }
    return found;
}

static bool infer_pad_mode_gradient(const clade_node *node, clade_type out[], clade_text *why) {
    const mode_attributes *a = node->attributes;
    const int32_t axis = padded_axis(node);
    out[0] = *clade_value_type(node->inputs[0]);
    if (out[0].dtype != CLADE_F32 || axis < 0 || out[0].dims.size[axis] <= a->before[axis] + a->after[axis]) {
        clade_text_add(why, "expected float32 padded along one axis");
        return false;
    }
    out[0].dims.size[axis] -= a->before[axis] + a->after[axis];
    return check_axis(a, axis, out[0].dims.size[axis], why);
}

/* ---- gradients ---- */

static void gradient_pad_mode(clade_tape *tape, const clade_node *node, const clade_value dy[], clade_value dx[]) {
    const mode_attributes *a = node->attributes;
    if (!tape->wanted[0]) return;
    dx[0] = dy[0];
    for (int32_t axis = 0; axis < node->outputs[0].dims.rank; axis++) {
        if (!is_padded(a, axis)) continue;
        mode_attributes one = { .mode = a->mode };
        one.before[axis] = a->before[axis];
        one.after[axis] = a->after[axis];
        dx[0] = clade_append(tape->graph, &clade_op_pad_mode_gradient, "", &one, dx, 1);
    }
}

static void gradient_pad_mode_gradient(clade_tape *tape, const clade_node *node, const clade_value dy[],
                                       clade_value dx[]) {
    if (tape->wanted[0]) dx[0] = clade_append(tape->graph, &clade_op_pad_mode, "", node->attributes, dy, 1);
}

/* ---- references ---- */

static int64_t fold(int64_t mode, int64_t i, int64_t size) {
    if (mode == CLADE_PAD_EDGE) return i < 0 ? 0 : i >= size ? size - 1 : i;
    if (mode == CLADE_PAD_WRAP) return i < 0 ? i + size : i >= size ? i - size : i;
    return i < 0 ? -i : i >= size ? 2 * (size - 1) - i : i;
}

/* The element of NARROW of which element I of WIDE is a copy. */
static int64_t origin_of(const mode_attributes *a, const clade_tensor *narrow, const clade_tensor *wide, int64_t i) {
    int64_t place = 0, stride = 1;
    for (int32_t axis = narrow->rank - 1; axis >= 0; axis--) {
        const int64_t at = i % wide->size[axis];
        place += (is_padded(a, axis) ? fold(a->mode, at - a->before[axis], narrow->size[axis]) : at) * stride;
        stride *= narrow->size[axis];
        i /= wide->size[axis];
    }
    return place;
}

static void reference_pad_mode(const clade_node *node, const clade_tensor in[], clade_tensor out[]) {
    for (int64_t i = 0; i < out[0].count; i++) {
        out[0].data[i] = in[0].data[origin_of(node->attributes, &in[0], &out[0], i)];
    }
}

static void reference_pad_mode_gradient(const clade_node *node, const clade_tensor in[], clade_tensor out[]) {
    memset(out[0].data, 0, (size_t)out[0].count * sizeof(double));
    for (int64_t i = 0; i < in[0].count; i++) {
        out[0].data[origin_of(node->attributes, &out[0], &in[0], i)] += in[0].data[i];
    }
}

/* ---- implementations ---- */

enum { AXES = CLADE_MAX_RANK, CHUNK = 16384, PIECE = 64, GROUP = 64 };

/* The axes of x and y, neighbours without padding merged, the innermost last; the first are of size 1. */
typedef struct geometry {
    int64_t narrow[AXES], wide[AXES], before[AXES];
} geometry;

static geometry geometry_of(const clade_site *site) {
    const mode_attributes *a = site->node->attributes;
    geometry g;
    int at = AXES;
    bool open = false; /* whether the axis at AT is without padding */
    for (int32_t axis = site->in[0].rank - 1; axis >= 0; axis--) {
        const bool whole = !is_padded(a, axis);
        if (site->in[0].size[axis] == 1 && whole) continue;
        if (whole && open) {
            g.narrow[at] *= site->in[0].size[axis];
            g.wide[at] *= site->in[0].size[axis];
            continue;
        }
        at--;
        open = whole;
        g.narrow[at] = site->in[0].size[axis];
        g.wide[at] = site->out[0].size[axis];
        g.before[at] = whole ? 0 : a->before[axis];
    }
    while (at > 0) {
        at--;
        g.narrow[at] = g.wide[at] = 1;
        g.before[at] = 0;
    }
    return g;
}

static void mode_option(const clade_site *site, char option[32]) {
    snprintf(option, 32, "-DMODE=%d", (int)((const mode_attributes *)site->node->attributes)->mode);
}

static clade_status record_pad_mode(const clade_site *site, clade_commands *commands, bool rows) {
    const geometry g = geometry_of(site);
    const int64_t row = g.wide[AXES - 1], height = g.wide[AXES - 2];
    const int64_t chunk = rows ? clade_smaller(row, CHUNK) : 1,
                  part = rows ? clade_smaller(clade_blocks(CHUNK, row), height) : 1;
    clade_argument arguments[4 + 3 * AXES] = {
        clade_buffer_argument(site->in[0].buffer),
        clade_buffer_argument(site->out[0].buffer),
        clade_int_argument(chunk),
        clade_int_argument(part),
    };
    const int64_t *const numbers[] = { g.narrow, g.wide, g.before };
    size_t count = 4, planes = 1;
    for (int i = 0; i < 3 * AXES; i++) {
        arguments[count++] = clade_int_argument(numbers[i / AXES][i % AXES]);
    }
    for (int i = 0; i < AXES - 2; i++) {
        planes *= (size_t)g.wide[i];
    }
    char option[32];
    mode_option(site, option);
    return clade_commands_launch(
        commands, &(clade_launch){
                      .file = "pad_modes.cl",
                      .options = option,
                      .kernel = rows ? "pad_mode_rows" : "pad_mode_elements",
                      .label = site->label,
                      .global = { (size_t)clade_blocks(row, chunk), (size_t)clade_blocks(height, part), planes },
                      .local = { rows ? 1 : (size_t)clade_smaller(row, GROUP), 1, 1 },
                      .arguments = arguments,
                      .argument_count = count,
                      .bytes = 4.0 * (double)(site->in[0].count + site->out[0].count),
                  });
}

/* dy (outer, wide, inner) to dx (outer, narrow, inner), of which an item of `rows` takes PART of the outer places and
 * CHUNK of the inner elements: about as many in all as CHUNK says, but no tiny pieces. */
typedef struct folding {
    int64_t outer, narrow, wide, inner, part, chunk;
} folding;

static folding folding_of(const clade_site *site) {
    const int32_t axis = padded_axis(site->node);
    folding f = {
        .outer = clade_elements_outside(&site->out[0], axis),
        .narrow = site->out[0].size[axis],
        .wide = site->in[0].size[axis],
        .inner = clade_elements_inside(&site->out[0], axis),
    };
    f.chunk = clade_smaller(f.inner, clade_larger(PIECE, clade_blocks(CHUNK, f.narrow)));
    f.part = clade_smaller(f.outer, clade_blocks(CHUNK, f.chunk * f.narrow));
    return f;
}

static bool fold_rows_applicable(const clade_site *site, char why[128]) {
    const folding f = folding_of(site);
    if (clade_may_turn(site, (double)(f.part * f.wide) * (double)(f.chunk + 1))) return true;
    snprintf(why, 128, "a work-item would go along an axis of %lld places", (long long)f.wide);
    return false;
}

static clade_status record_fold(const clade_site *site, clade_commands *commands, bool rows) {
    const mode_attributes *a = site->node->attributes;
    const int32_t axis = padded_axis(site->node);
    const folding f = folding_of(site);
    const int64_t part = rows ? f.part : 1, items = rows ? clade_blocks(f.inner, f.chunk) : f.narrow * f.inner;
    const clade_argument arguments[] = {
        clade_buffer_argument(site->in[0].buffer),
        clade_buffer_argument(site->out[0].buffer),
        clade_int_argument(f.chunk),
        clade_int_argument(part),
        clade_int_argument(f.outer),
        clade_int_argument(f.narrow),
        clade_int_argument(f.inner),
        clade_int_argument(a->before[axis]),
        clade_int_argument(a->after[axis]),
    };
    char option[32];
    mode_option(site, option);
    return clade_commands_launch(commands, &(clade_launch){
                                               .file = "pad_modes.cl",
                                               .options = option,
                                               .kernel = rows ? "fold_rows" : "fold_elements",
                                               .label = site->label,
                                               .global = { (size_t)items, (size_t)clade_blocks(f.outer, part), 1 },
                                               .local = { rows ? 1 : GROUP, 1, 1 },
                                               .arguments = arguments,
                                               .argument_count = sizeof arguments / sizeof arguments[0],
                                               .bytes = 4.0 * (double)(site->in[0].count + site->out[0].count),
                                           });
}

#define RECORD(NAME, WHAT, ROWS)                                                                                       \
    static clade_status NAME(const clade_site *site, clade_commands *commands) {                                       \
        return WHAT(site, commands, ROWS);                                                                             \
    }
RECORD(record_pad_mode_rows, record_pad_mode, true)
RECORD(record_pad_mode_elements, record_pad_mode, false)
RECORD(record_fold_rows, record_fold, true)
RECORD(record_fold_elements, record_fold, false)

static const clade_implementation *const pad_mode_implementations[] = {
    &(const clade_implementation){ .name = "rows", .suitability = clade_suits_cpus, .record = record_pad_mode_rows },
    &(const clade_implementation){
        .name = "elements", .suitability = clade_suits_others, .record = record_pad_mode_elements },
    NULL,
};
static const clade_implementation *const pad_mode_gradient_implementations[] = {
    &(const clade_implementation){ .name = "rows",
                                   .applicable = fold_rows_applicable,
                                   .suitability = clade_suits_cpus,
                                   .record = record_fold_rows },
    &(const clade_implementation){
        .name = "elements", .suitability = clade_suits_others, .record = record_fold_elements },
    NULL,
};

/* ---- cases ---- */

#define LIST(...)                                                                                                      \
    { __VA_ARGS__ }
#define CASE(NAME, MODE, RANK, DIMS, BEFORE, AFTER)                                                                    \
    {                                                                                                                  \
        .name = NAME, .in = { { RANK, DIMS } }, .input_count = 1, .attributes = &(const mode_attributes) {             \
            MODE, BEFORE, AFTER                                                                                        \
        }                                                                                                              \
    }
#define PLANES(NAME, MODE) CASE(NAME, MODE, 4, LIST(2, 3, 5, 19), LIST(0, 0, 2, 1), LIST(0, 0, 1, 3))

static const clade_case pad_mode_cases[] = {
    PLANES("planes reflected", CLADE_PAD_REFLECT),
    PLANES("planes with their edges", CLADE_PAD_EDGE),
    PLANES("planes wrapped", CLADE_PAD_WRAP),
    CASE("as far as it goes", CLADE_PAD_REFLECT, 2, LIST(3, 4), LIST(2, 3), LIST(2, 3)),
    CASE("wrapped as far as it goes", CLADE_PAD_WRAP, 2, LIST(3, 4), LIST(3, 4), LIST(3, 4)),
    CASE("edges beyond the size", CLADE_PAD_EDGE, 2, LIST(1, 4), LIST(2, 9), LIST(3, 7)),
    CASE("outer axes", CLADE_PAD_REFLECT, 4, LIST(3, 5, 4, 7), LIST(1, 2), LIST(2, 0)),
    CASE("every other axis", CLADE_PAD_EDGE, 5, LIST(2, 3, 2, 3, 5), LIST(0, 1, 0, 2, 0), LIST(0, 1, 0, 0, 0)),
    CASE("over a chunk", CLADE_PAD_REFLECT, 2, LIST(2, 16390), LIST(0, 5), LIST(0, 7)),
    CASE("all eight axes", CLADE_PAD_WRAP, 8, LIST(2, 1, 2, 1, 2, 2, 1, 3), LIST(1, 1, 0, 1, 0, 1, 0, 2),
         LIST(0, 0, 1, 0, 1, 0, 1, 0)),
    CASE("nothing to do", CLADE_PAD_EDGE, 2, LIST(3, 5), LIST(0), LIST(0)),
    { .name = NULL },
};

#define FOLDS(NAME, MODE)                                                                                              \
    CASE(NAME " along rows", MODE, 3, LIST(3, 5, 23), LIST(0, 0, 3), LIST(0, 0, 5)),                                   \
        CASE(NAME " along columns", MODE, 3, LIST(3, 11, 19), LIST(0, 3, 0), LIST(0, 2, 0)),                           \
        CASE(NAME " with nothing before", MODE, 2, LIST(7, 9), LIST(0, 0), LIST(0, 4)),                                \
        CASE(NAME " with nothing behind", MODE, 2, LIST(9, 7), LIST(4, 0), LIST(0, 0))

static const clade_case pad_mode_gradient_cases[] = {
    FOLDS("reflected", CLADE_PAD_REFLECT),
    FOLDS("edges", CLADE_PAD_EDGE),
    FOLDS("wrapped", CLADE_PAD_WRAP),
    CASE("columns over a chunk", CLADE_PAD_REFLECT, 2, LIST(7, 16390), LIST(2, 0), LIST(1, 0)),
    { .name = NULL },
};

/* ---- the rows ---- */

#define ROW(NAME, WHAT)                                                                                                \
    {                                                                                                                  \
        .name = NAME, .attributes = schema, .attributes_size = sizeof(mode_attributes), .input_minimum = 1,            \
        .input_maximum = 1, .outputs = 1, .infer = infer_##WHAT, .gradient = gradient_##WHAT,                          \
        .reference = reference_##WHAT, .implementations = WHAT##_implementations, .cases = WHAT##_cases                \
    }

const clade_op clade_op_pad_mode = ROW("pad_mode", pad_mode);
const clade_op clade_op_pad_mode_gradient = ROW("pad_mode_gradient", pad_mode_gradient);

clade_value clade_pad_by_copies(clade_value x, const char *name, clade_pad_mode mode, const int64_t before[],
                                const int64_t after[]) {
    mode_attributes a = { .mode = (int64_t)mode };
    memcpy(a.before, before, sizeof a.before);
    memcpy(a.after, after, sizeof a.after);
    return clade_append(x.graph, &clade_op_pad_mode, name, &a, &x, 1);
}
