/* Frames of an axis, and their overlapping sum: each other's gradients. By them a convolution over three axes is one
 * over two (conv3d.c), and with frames of one element they exchange two axes. With T elements a frame,
 *   frames       x (N, C, D, I)    -> y (N, P, C, T, I)   y[n,p,c,t,i] = x[n,c, p*stride - before + t*dilation, i]
 *   overlap_add  y (N, P, C, T, I) -> x (N, C, D, I)      x[n,c,d,i] = the sum of the y[n,p,c,t,i] that read it above
 * Outside x is 0; P = (D + before + after - dilation*(T-1) - 1) / stride + 1 rounded down. */
#include "ops/convolution/frames.h"

#include <stddef.h>
#include <string.h>

typedef clade_frames_attributes attributes;

#define GEOMETRY                                                                                                       \
    { "length", CLADE_ATTRIBUTE_INT, offsetof(attributes, length), 0 },                                                \
        { "stride", CLADE_ATTRIBUTE_INT, offsetof(attributes, stride), 0 },                                            \
        { "before", CLADE_ATTRIBUTE_INT, offsetof(attributes, before), 0 },                                            \
        { "after", CLADE_ATTRIBUTE_INT, offsetof(attributes, after), 0 }, {                                            \
        "dilation", CLADE_ATTRIBUTE_INT, offsetof(attributes, dilation), 0                                             \
    }

static const clade_attribute frames_schema[] = { GEOMETRY, { NULL, 0, 0, 0 } };
static const clade_attribute overlap_schema[] = {
    GEOMETRY,
    { "size", CLADE_ATTRIBUTE_INT, offsetof(attributes, size), 0 },
    { NULL, 0, 0, 0 },
};

/* ---- types ---- */

/* How many frames an axis of SIZE has; 0, with a reason, where it has none. */
static int64_t frame_count(const attributes *a, int64_t size, clade_text *why) {
    if (a->length < 1 || a->stride < 1 || a->dilation < 1 || a->before < 0 || a->after < 0) {
        clade_text_add(why, "expected a length, stride and dilation of at least 1 and padding of at least 0");
        return 0;
    }
    const int64_t room = size + a->before + a->after - a->dilation * (a->length - 1) - 1;
    if (size >= 1 && room >= 0) return room / a->stride + 1;
    clade_text_add(why, "frames of %lld (dilation %lld) do not fit into %lld with padding", (long long)a->length,
                   (long long)a->dilation, (long long)(size + a->before + a->after));
    return 0;
}

static bool infer_frames(const clade_node *node, clade_type out[], clade_text *why) {
    const attributes *a = node->attributes;
    const clade_type *x = clade_value_type(node->inputs[0]);
    if (x->dtype != CLADE_F32 || x->dims.rank != 4 || x->dims.size[2] < 1) {
        clade_text_add(why, "expected x (N, C, D, I), D of a fixed size, float32");
        return false;
    }
    const clade_size *size = x->dims.size;
    const int64_t count = frame_count(a, size[2], why);
    out[0] = (clade_type){ CLADE_F32, clade_shape(size[0], count, size[1], a->length, size[3]) };
    return count > 0;
}

static bool infer_overlap(const clade_node *node, clade_type out[], clade_text *why) {
    const attributes *a = node->attributes;
    const clade_type *y = clade_value_type(node->inputs[0]);
    const clade_size *size = y->dims.size;
    const int64_t count = frame_count(a, a->size, why);
    if (count == 0) return false;
    if (y->dtype != CLADE_F32 || y->dims.rank != 5 || size[1] != count || size[3] != a->length) {
        clade_text_add(why, "expected frames (N, %lld, C, %lld, I), float32", (long long)count, (long long)a->length);
        return false;
    }
    out[0] = (clade_type){ CLADE_F32, clade_shape(size[0], size[2], a->size, size[4]) };
    return true;
}

/* ---- gradients ---- */

static void gradient_frames(clade_tape *tape, const clade_node *node, const clade_value dy[], clade_value dx[]) {
    attributes a = *(const attributes *)node->attributes;
    a.size = clade_value_type(node->inputs[0])->dims.size[2];
    if (tape->wanted[0]) dx[0] = clade_append(tape->graph, &clade_op_overlap_add, "", &a, dy, 1);
}

static void gradient_overlap(clade_tape *tape, const clade_node *node, const clade_value dy[], clade_value dx[]) {
    if (tape->wanted[0]) dx[0] = clade_append(tape->graph, &clade_op_frames, "", node->attributes, dy, 1);
}

/* ---- references ---- */

/* Calls for each element of the frames the element of x that it reads; AT -1 in the padding. */
static void add_or_take(const attributes *a, double *x, const int64_t x_size[], double *y, const int64_t y_size[],
                        bool add) {
    const int64_t frames = y_size[1], channels = y_size[2], length = y_size[3], inner = y_size[4];
    for (int64_t row = 0; row < y_size[0] * frames * channels * length; row++) {
        const int64_t t = row % length, c = row / length % channels, p = row / length / channels % frames;
        const int64_t n = row / length / channels / frames, d = p * a->stride - a->before + t * a->dilation;
        const bool inside = d >= 0 && d < x_size[2];
        double *of_x = x + (inside ? ((n * channels + c) * x_size[2] + d) * inner : 0), *of_y = y + row * inner;
        for (int64_t i = 0; i < inner; i++) {
            if (add && inside) of_x[i] += of_y[i];
            if (!add) of_y[i] = inside ? of_x[i] : 0;
        }
    }
}

static void reference_frames(const clade_node *node, const clade_tensor in[], clade_tensor out[]) {
    add_or_take(node->attributes, in[0].data, in[0].size, out[0].data, out[0].size, false);
}

static void reference_overlap(const clade_node *node, const clade_tensor in[], clade_tensor out[]) {
    memset(out[0].data, 0, (size_t)out[0].count * sizeof(double));
    add_or_take(node->attributes, out[0].data, out[0].size, in[0].data, in[0].size, true);
}

/* ---- implementations ---- */

enum {
    CHUNK = 4096 /* floats of a row, and about as many of several, that an item takes where it is a thread's work */
};

/* The result's rows of INNER floats are in COUNT[0] lists of COUNT[1]. */
static clade_status launch(const clade_site *site, clade_commands *commands, bool frames, bool rows) {
    const attributes *a = site->node->attributes;
    const int64_t *x = frames ? site->in[0].size : site->out[0].size;
    const int64_t *y = frames ? site->out[0].size : site->in[0].size;
    const int64_t inner = x[3], lines = frames ? x[1] : x[2], lists = frames ? x[0] * y[1] : x[0] * x[1];
    const int64_t line = frames ? inner * a->length : inner;
    const int64_t chunk = rows ? clade_smaller(inner, CHUNK) : 1,
                  part = rows ? clade_smaller(clade_blocks(CHUNK, line), lines) : 1;
    const int64_t numbers[] = { lists,     x[1],      x[2],        inner, y[1], a->length,
                                a->stride, a->before, a->dilation, chunk, part };
    enum { COUNT = sizeof numbers / sizeof numbers[0] };
    clade_argument arguments[2 + COUNT] = { clade_buffer_argument(site->in[0].buffer),
                                            clade_buffer_argument(site->out[0].buffer) };
    for (int i = 0; i < COUNT; i++) {
        arguments[2 + i] = clade_int_argument(numbers[i]);
    }
    static const char *const kernels[2][2] = { { "overlap_add_elements", "overlap_add_rows" },
                                               { "frames_elements", "frames_rows" } };
    const int64_t length = frames && !rows ? a->length : 1; /* an item for each row of a frame */
    return clade_commands_launch(commands,
                                 &(clade_launch){
                                     .file = "frames.cl",
                                     .kernel = kernels[frames][rows],
                                     .label = site->label,
                                     .global = { (size_t)clade_blocks(inner, chunk),
                                                 (size_t)(clade_blocks(lines, part) * length), (size_t)lists },
                                     .local = { rows ? 1 : 0, rows ? 1 : 0, rows ? 1 : 0 },
                                     .arguments = arguments,
                                     .argument_count = sizeof arguments / sizeof arguments[0],
                                     .bytes = 4.0 * (double)(site->in[0].count + site->out[0].count),
                                 });
}

#define RECORD(NAME, FRAMES, ROWS)                                                                                     \
    static clade_status NAME(const clade_site *site, clade_commands *commands) {                                       \
        return launch(site, commands, FRAMES, ROWS);                                                                   \
    }
RECORD(record_frames_rows, true, true)
RECORD(record_frames_elements, true, false)
RECORD(record_overlap_rows, false, true)
RECORD(record_overlap_elements, false, false)

static const clade_implementation *const frames_implementations[] = {
    &(const clade_implementation){ .name = "rows", .suitability = clade_suits_cpus, .record = record_frames_rows },
    &(const clade_implementation){
        .name = "elements", .suitability = clade_suits_others, .record = record_frames_elements },
    NULL,
};
static const clade_implementation *const overlap_implementations[] = {
    &(const clade_implementation){ .name = "rows", .suitability = clade_suits_cpus, .record = record_overlap_rows },
    &(const clade_implementation){
        .name = "elements", .suitability = clade_suits_others, .record = record_overlap_elements },
    NULL,
};

/* ---- cases ---- */

/* N, C, D, I, P; length, stride, before, after, dilation. */
#define GEOMETRIES(CASE)                                                                                               \
    CASE("same size", 2, 3, 5, 7, 5, 3, 1, 1, 1, 1)                                                                    \
    CASE("axes exchanged", 3, 7, 5, 37, 5, 1, 1, 0, 0, 1)                                                              \
    CASE("axes exchanged, single elements", 2, 19, 23, 1, 23, 1, 1, 0, 0, 1)                                           \
    CASE("stride 2, a last element that nothing reads", 2, 5, 8, 33, 3, 3, 2, 0, 0, 1)                                 \
    CASE("frames apart", 1, 3, 11, 20, 3, 2, 4, 0, 1, 1)                                                               \
    CASE("causal with dilation", 2, 4, 9, 16, 9, 3, 1, 4, 0, 2)                                                        \
    CASE("stride and dilation, padding on one side", 1, 2, 10, 5, 4, 3, 3, 1, 4, 2)                                    \
    CASE("padding beyond the frames", 1, 2, 3, 18, 7, 2, 1, 3, 2, 1)                                                   \
    CASE("the frame is the axis", 2, 3, 4, 6, 1, 4, 1, 0, 0, 1)                                                        \
    CASE("rows longer than a chunk", 1, 2, 3, 5003, 3, 2, 1, 1, 0, 1)                                                  \
    CASE("more channels than an item takes", 1, 300, 40, 9, 40, 3, 1, 1, 1, 1)                                         \
    CASE("one element", 1, 1, 1, 1, 1, 1, 1, 0, 0, 1)

#define ATTRIBUTES(D, T, S, B, A, DILATION)                                                                            \
    &(const attributes) {                                                                                              \
        .length = T, .stride = S, .before = B, .after = A, .dilation = DILATION, .size = D                             \
    }
#define FRAMES_CASE(NAME, N, C, D, I, P, T, S, B, A, DILATION)                                                         \
    { .name = NAME,                                                                                                    \
      .in = { { 4, { N, C, D, I } } },                                                                                 \
      .input_count = 1,                                                                                                \
      .attributes = ATTRIBUTES(D, T, S, B, A, DILATION) },
#define OVERLAP_CASE(NAME, N, C, D, I, P, T, S, B, A, DILATION)                                                        \
    { .name = NAME,                                                                                                    \
      .in = { { 5, { N, P, C, T, I } } },                                                                              \
      .input_count = 1,                                                                                                \
      .attributes = ATTRIBUTES(D, T, S, B, A, DILATION) },

static const clade_case frames_cases[] = { GEOMETRIES(FRAMES_CASE){ .name = NULL } };
static const clade_case overlap_cases[] = { GEOMETRIES(OVERLAP_CASE){ .name = NULL } };

/* ---- the rows ---- */

#define ROW(NAME, WHAT)                                                                                                \
    {                                                                                                                  \
        .name = NAME, .attributes = WHAT##_schema, .attributes_size = sizeof(attributes), .input_minimum = 1,          \
        .input_maximum = 1, .outputs = 1, .infer = infer_##WHAT, .gradient = gradient_##WHAT,                          \
        .reference = reference_##WHAT, .implementations = WHAT##_implementations, .cases = WHAT##_cases                \
    }

const clade_op clade_op_frames = ROW("frames", frames);
const clade_op clade_op_overlap_add = ROW("overlap_add", overlap);
