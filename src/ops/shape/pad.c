/* Padding with a number, and slices with steps: each other's gradients. Along each axis a narrow array n lies in a wide
 * one w of W elements, BEFORE elements from its beginning and AFTER from its end, its elements STEP apart:
 *   pad    n -> w   w[before + i * step] = n[i], VALUE elsewhere;  W = before + (n - 1) * step + 1 + after
 *   slice  w -> n   n[i] = w[before + i * step];                   n = (W - before - after - 1) / step + 1 rounded down
 * The gradient of pad is a slice; that of a slice pads with 0, with the elements after the last step as more AFTER. */
#include "ops/shape/pad_modes.h"

#include <stddef.h>
#include <string.h>

extern const clade_op clade_op_pad, clade_op_slice;

typedef struct pad_attributes {
    int64_t before[CLADE_MAX_RANK], after[CLADE_MAX_RANK], step[CLADE_MAX_RANK]; /* beyond the rank: anything */
    double value;                                                                /* of a pad */
} pad_attributes;

#define PLACE_SCHEMA                                                                                                   \
    { "before", CLADE_ATTRIBUTE_INT, offsetof(pad_attributes, before), CLADE_MAX_RANK },                               \
        { "after", CLADE_ATTRIBUTE_INT, offsetof(pad_attributes, after), CLADE_MAX_RANK }, {                           \
        "step", CLADE_ATTRIBUTE_INT, offsetof(pad_attributes, step), CLADE_MAX_RANK                                    \
    }

static const clade_attribute pad_schema[] = {
    PLACE_SCHEMA,
    { "value", CLADE_ATTRIBUTE_DOUBLE, offsetof(pad_attributes, value), 0 },
    { NULL, 0, 0, 0 },
};
static const clade_attribute slice_schema[] = { PLACE_SCHEMA, { NULL, 0, 0, 0 } };

/* ---- types ---- */

/* Whether the attributes of AXIS say something possible of an array with SIZE there. */
static bool check_axis(const pad_attributes *a, int32_t axis, clade_size size, clade_text *why) {
    const int64_t most = INT32_MAX / 2;
    if (a->before[axis] < 0 || a->after[axis] < 0 || a->step[axis] < 1 || a->before[axis] > most ||
        a->after[axis] > most || a->step[axis] > most) {
        clade_text_add(why, "axis %d has %lld before, %lld after and a step of %lld; expected 0, 0 and 1 or more",
                       (int)axis, (long long)a->before[axis], (long long)a->after[axis], (long long)a->step[axis]);
        return false;
    }
    if (size >= 0 || (a->step[axis] == 1 && a->before[axis] + a->after[axis] == 0)) return true;
    clade_text_add(why, "axis %d has no fixed size; expected it to be left whole", (int)axis);
    return false;
}

/* The size of AXIS in the wide array of a narrow one of SIZE. */
static clade_size padded(const pad_attributes *a, int32_t axis, clade_size size) {
    return a->before[axis] + (size - 1) * a->step[axis] + 1 + a->after[axis];
}

/* And in the narrow array of a wide one; 0: nothing is left. */
static clade_size sliced(const pad_attributes *a, int32_t axis, clade_size size) {
    const int64_t left = size - a->before[axis] - a->after[axis];
    return left > 0 ? (left - 1) / a->step[axis] + 1 : 0;
}

static bool infer(const clade_node *node, clade_type out[], clade_text *why) {
    const pad_attributes *a = node->attributes;
    out[0] = *clade_value_type(node->inputs[0]);
    for (int32_t axis = 0; axis < out[0].dims.rank; axis++) {
        const clade_size size = out[0].dims.size[axis];
        if (!check_axis(a, axis, size, why)) return false;
        if (size < 0) continue;
        out[0].dims.size[axis] = node->op == &clade_op_pad ? padded(a, axis, size) : sliced(a, axis, size);
        if (out[0].dims.size[axis] > 0) continue;
        clade_text_add(why, "nothing is left of the %lld along axis %d", (long long)size, (int)axis);
        return false;
    }
    return true;
}

/* ---- gradients ---- */

static void gradient_pad(clade_tape *tape, const clade_node *node, const clade_value dy[], clade_value dx[]) {
    if (tape->wanted[0]) dx[0] = clade_append(tape->graph, &clade_op_slice, "", node->attributes, dy, 1);
}

static void gradient_slice(clade_tape *tape, const clade_node *node, const clade_value dy[], clade_value dx[]) {
    pad_attributes a = *(const pad_attributes *)node->attributes;
    const clade_dims *x = &clade_value_type(node->inputs[0])->dims;
    for (int32_t axis = 0; axis < x->rank; axis++) {
        if (a.step[axis] > 1) a.after[axis] += (x->size[axis] - a.before[axis] - a.after[axis] - 1) % a.step[axis];
    }
    a.value = 0;
    if (tape->wanted[0]) dx[0] = clade_append(tape->graph, &clade_op_pad, "", &a, dy, 1);
}

/* ---- references ---- */

/* Where element I of NARROW lies in WIDE. */
static int64_t place_in(const pad_attributes *a, const clade_tensor *narrow, const clade_tensor *wide, int64_t i) {
    int64_t place = 0, stride = 1;
    for (int32_t axis = narrow->rank - 1; axis >= 0; axis--) {
        place += (a->before[axis] + i % narrow->size[axis] * a->step[axis]) * stride;
        stride *= wide->size[axis];
        i /= narrow->size[axis];
    }
    return place;
}

static void reference_pad(const clade_node *node, const clade_tensor in[], clade_tensor out[]) {
    const pad_attributes *a = node->attributes;
    for (int64_t i = 0; i < out[0].count; i++) {
        out[0].data[i] = a->value;
    }
    for (int64_t i = 0; i < in[0].count; i++) {
        out[0].data[place_in(a, &in[0], &out[0], i)] = in[0].data[i];
    }
}

static void reference_slice(const clade_node *node, const clade_tensor in[], clade_tensor out[]) {
    for (int64_t i = 0; i < out[0].count; i++) {
        out[0].data[i] = in[0].data[place_in(node->attributes, &out[0], &in[0], i)];
    }
}

/* ---- geometry ---- */

enum { AXES = CLADE_MAX_RANK };

/* The axes of a site, merged where memory does not tell them apart, the innermost last; the first are of size 1. */
typedef struct geometry {
    int64_t narrow[AXES], wide[AXES], before[AXES], step[AXES];
} geometry;

static geometry geometry_of(const clade_site *site, const clade_array *narrow, const clade_array *wide) {
    const pad_attributes *a = site->node->attributes;
    geometry g;
    for (int i = 0; i < AXES; i++) {
        g.narrow[i] = g.wide[i] = g.step[i] = 1;
        g.before[i] = 0;
    }
    int at = AXES - 1;
    for (int32_t axis = narrow->rank - 1; axis >= 0; axis--) {
        bool inner_whole = g.before[at] == 0 && g.narrow[at] == g.wide[at];
        bool begins = g.narrow[at] == 1 && g.wide[at] == 1;
        if (!begins && !(inner_whole && a->step[axis] == 1)) at--;
        g.before[at] = a->before[axis] * g.wide[at];
        g.step[at] = a->step[axis];
        g.narrow[at] *= narrow->size[axis];
        g.wide[at] *= wide->size[axis];
    }
    return g;
}

/* ---- implementations ---- */

enum {
    CHUNK = 16384, /* elements of a row, and about as many of several, that an item takes where it is a thread's work */
    GROUP = 64,
};

static int64_t at_most(int64_t a, int64_t b) {
    return a < b ? a : b;
}

/* The padding's value in the bits of an element. */
static clade_argument value_argument(const clade_site *site) {
    const pad_attributes *a = site->node->attributes;
    float value = (float)a->value;
    const int32_t whole = (int32_t)a->value;
    if (site->in[0].dtype == CLADE_I32) memcpy(&value, &whole, sizeof value);
    return clade_float_argument(value);
}

static clade_status launch(const clade_site *site, clade_commands *commands, bool pads, bool rows) {
    const clade_array *narrow = pads ? &site->in[0] : &site->out[0], *wide = pads ? &site->out[0] : &site->in[0];
    const geometry g = geometry_of(site, narrow, wide);
    const int64_t *result = pads ? g.wide : g.narrow;
    const int64_t row = result[AXES - 1], height = result[AXES - 2];
    const int64_t chunk = rows ? at_most(row, CHUNK) : 1, part = rows ? at_most(clade_blocks(CHUNK, row), height) : 1;
    clade_argument arguments[5 + 4 * AXES];
    size_t count = 0;
    arguments[count++] = clade_buffer_argument(site->in[0].buffer);
    arguments[count++] = clade_buffer_argument(site->out[0].buffer);
    if (pads) arguments[count++] = value_argument(site);
    arguments[count++] = clade_int_argument(chunk);
    arguments[count++] = clade_int_argument(part);
    const int64_t *const numbers[] = { g.narrow, g.wide, g.before, g.step };
    for (int i = 0; i < 4 * AXES; i++) {
        arguments[count++] = clade_int_argument(numbers[i / AXES][i % AXES]);
    }
    static const char *const kernels[2][2] = { { "slice_elements", "slice_rows" }, { "pad_elements", "pad_rows" } };
    int64_t planes = 1;
    for (int i = 0; i < AXES - 2; i++) {
        planes *= result[i];
    }
    return clade_commands_launch(commands, &(clade_launch){
                                               .file = "pad.cl",
                                               .kernel = kernels[pads][rows],
                                               .label = site->label,
                                               .global = { (size_t)clade_blocks(row, chunk),
                                                           (size_t)clade_blocks(height, part), (size_t)planes },
                                               .local = { rows ? 1 : (size_t)at_most(row, GROUP), 1, 1 },
                                               .arguments = arguments,
                                               .argument_count = count,
                                               .bytes = 4.0 * (double)(narrow->count + site->out[0].count),
                                           });
}

#define RECORD(NAME, PADS, ROWS)                                                                                       \
    static clade_status NAME(const clade_site *site, clade_commands *commands) {                                       \
        return launch(site, commands, PADS, ROWS);                                                                     \
    }
RECORD(record_pad_rows, true, true)
RECORD(record_pad_elements, true, false)
RECORD(record_slice_rows, false, true)
RECORD(record_slice_elements, false, false)

static const clade_implementation *const pad_implementations[] = {
    &(const clade_implementation){ .name = "rows", .suitability = clade_suits_cpus, .record = record_pad_rows },
    &(const clade_implementation){
        .name = "elements", .suitability = clade_suits_others, .record = record_pad_elements },
    NULL,
};
static const clade_implementation *const slice_implementations[] = {
    &(const clade_implementation){ .name = "rows", .suitability = clade_suits_cpus, .record = record_slice_rows },
    &(const clade_implementation){
        .name = "elements", .suitability = clade_suits_others, .record = record_slice_elements },
    NULL,
};

/* ---- cases ---- */

#define LIST(...)                                                                                                      \
    { __VA_ARGS__ }

/* Each geometry with the narrow dims, the wide ones, and what lies before, after and between. */
#define GEOMETRIES(CASE)                                                                                               \
    CASE("channels", 4, LIST(2, 3, 5, 7), LIST(2, 8, 5, 7), LIST(0, 2), LIST(0, 3), LIST(1, 1, 1, 1))                  \
    CASE("planes", 4, LIST(2, 2, 5, 37), LIST(2, 2, 8, 42), LIST(0, 0, 1, 2), LIST(0, 0, 2, 3), LIST(1, 1, 1, 1))      \
    CASE("every other of a plane", 4, LIST(2, 2, 4, 20), LIST(2, 2, 8, 39), LIST(0), LIST(0, 0, 1), LIST(1, 1, 2, 2))  \
    CASE("steps of every axis", 3, LIST(3, 3, 5), LIST(9, 10, 13), LIST(1, 0, 2), LIST(1, 1, 2), LIST(3, 4, 2))        \
    CASE("rows longer than a chunk", 2, LIST(2, 33000), LIST(3, 33009), LIST(1, 9), LIST(0), LIST(1, 1))               \
    CASE("every other over a chunk", 1, LIST(20000), LIST(40003), LIST(3), LIST(1), LIST(2))                           \
    CASE("steps over a chunk", 1, LIST(11000), LIST(33005), LIST(5), LIST(2), LIST(3))                                 \
    CASE("nothing to do", 2, LIST(5, 7), LIST(5, 7), LIST(0), LIST(0), LIST(1, 1))                                     \
    CASE("a single element", 3, LIST(1, 1, 1), LIST(3, 2, 4), LIST(2, 0, 1), LIST(0, 1, 2), LIST(1, 1, 1))             \
    CASE("eight axes", 8, LIST(1, 2, 1, 2, 1, 1, 1, 1), LIST(2, 3, 2, 3, 3, 2, 2, 3), LIST(1, 1, 0, 0, 1, 1, 0, 1),    \
         LIST(0, 0, 1, 0, 1, 0, 1, 1), LIST(1, 1, 1, 2, 1, 1, 1, 1))                                                   \
    CASE("no axis", 0, LIST(0), LIST(0), LIST(0), LIST(0), LIST(1))

#define PAD_CASE(NAME, RANK, NARROW, WIDE, BEFORE, AFTER, STEP)                                                        \
    { .name = NAME,                                                                                                    \
      .in = { { RANK, NARROW } },                                                                                      \
      .input_count = 1,                                                                                                \
      .attributes = &(const pad_attributes){ BEFORE, AFTER, STEP, -1.5 } },
#define SLICE_CASE(NAME, RANK, NARROW, WIDE, BEFORE, AFTER, STEP)                                                      \
    { .name = NAME,                                                                                                    \
      .in = { { RANK, WIDE } },                                                                                        \
      .input_count = 1,                                                                                                \
      .attributes = &(const pad_attributes){ BEFORE, AFTER, STEP, 0 } },

static const clade_case pad_cases[] = { GEOMETRIES(PAD_CASE){ .name = NULL } };
static const clade_case slice_cases[] = { GEOMETRIES(SLICE_CASE){ .name = NULL } };

/* ---- the rows ---- */

#define ROW(NAME, ONNX, WHAT)                                                                                          \
    {                                                                                                                  \
        .name = NAME, .onnx = ONNX, .attributes = WHAT##_schema, .attributes_size = sizeof(pad_attributes),            \
        .input_minimum = 1, .input_maximum = 1, .outputs = 1, .infer = infer, .gradient = gradient_##WHAT,             \
        .reference = reference_##WHAT, .implementations = WHAT##_implementations, .cases = WHAT##_cases                \
    }

const clade_op clade_op_pad = ROW("pad", "Pad", pad);
const clade_op clade_op_slice = ROW("slice", "Slice", slice);

/* ---- the builder's calls ---- */

clade_value clade_pad_with(const clade_pad_options *options) {
    clade_pad_options given = { 0 };
    memcpy(&given, options, options->size < sizeof given ? options->size : sizeof given);
    if (given.mode != CLADE_PAD_CONSTANT)
        return clade_pad_by_copies(given.x, given.name, given.mode, given.before, given.after);
    pad_attributes a = { .value = given.value };
    memcpy(a.before, given.before, sizeof a.before);
    memcpy(a.after, given.after, sizeof a.after);
    for (int axis = 0; axis < CLADE_MAX_RANK; axis++) {
        a.step[axis] = given.step[axis] != 0 ? given.step[axis] : 1;
    }
    return clade_append(given.x.graph, &clade_op_pad, given.name, &a, &given.x, 1);
}

static clade_value out_of_range(clade_value x, int32_t axis, int64_t begin, int64_t end) {
    return clade_invalid(x.graph, CLADE_ERROR_ARGUMENT, "slice of %s: %lld to %lld is no part of axis %d",
                         clade_type_text(x.graph, clade_value_type(x)), (long long)begin, (long long)end, (int)axis);
}

/* BEGIN and END along an axis of SIZE as places, END behind the last that is taken; false: no part of it. Where STEP is
 * negative, those of the same elements upwards. */
static bool bounds_of(int64_t size, int64_t step, int64_t *begin, int64_t *end) {
    if (step < 0) {
        const int64_t top = *begin <= 0 ? *begin + size - (*begin == 0) : *begin;
        const int64_t below = *end == 0 ? -1 : *end < 0 ? *end + size : *end;
        if (top < 0 || top >= size || below < -1 || below >= top) return false;
        *begin = top - (top - below - 1) / -step * -step;
        *end = top + 1;
        return true;
    }
    if (*begin < 0) *begin += size;
    if (*end <= 0) *end += size;
    return *begin >= 0 && *begin < *end && *end <= size;
}

clade_value clade_slice_with(const clade_slice_options *options) {
    clade_slice_options given = { 0 };
    memcpy(&given, options, options->size < sizeof given ? options->size : sizeof given);
    if (!clade_value_valid(given.x)) return clade_append(given.x.graph, &clade_op_slice, given.name, NULL, &given.x, 1);
    const clade_dims *dims = &clade_value_type(given.x)->dims;
    pad_attributes a = { .value = 0 };
    uint32_t backwards = 0;
    for (int32_t axis = 0; axis < CLADE_MAX_RANK; axis++) {
        int64_t begin = given.begin[axis], end = given.end[axis], size = axis < dims->rank ? dims->size[axis] : 1;
        const int64_t step = given.step[axis] != 0 ? given.step[axis] : 1;
        if (size < 0) size = begin == 0 && end == 0 ? 1 : 0; /* whole, or refused */
        if (step < -INT32_MAX || !bounds_of(size, step, &begin, &end))
            return out_of_range(given.x, axis, given.begin[axis], given.end[axis]);
        a.before[axis] = begin;
        a.after[axis] = size - end;
        a.step[axis] = step < 0 ? -step : step;
        if (step < 0 && axis < dims->rank) backwards |= 1u << axis;
    }
    return clade_reverse(clade_append(given.x.graph, &clade_op_slice, given.name, &a, &given.x, 1), backwards);
}
