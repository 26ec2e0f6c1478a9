/* Unfolding and folding over one to three axes: the surroundings of each output pixel as a column, and their sum back.
 * Each other's gradients; what convolutions are to matrix products (im2col and col2im).
 *   unfold  x (N, C, D...) -> columns (N, C * taps, pixels)
 *           columns[n, c*taps + r, p] = x[n,c, p*stride - pad + r*dilation]
 *   fold    columns -> x      x[n,c,d] = the sum of all columns' elements that read it above
 * r runs over the taps of the kernel and p over the pixels, both in row order. Outside x is 0. */
#include "ops/convolution/unfold.h"

#include <stddef.h>
#include <string.h>

typedef clade_unfold_attributes attributes;

enum { AXES = 3 };

#define GEOMETRY                                                                                                       \
    { "axes", CLADE_ATTRIBUTE_INT, offsetof(attributes, axes), 0 },                                                    \
        { "kernel", CLADE_ATTRIBUTE_INT, offsetof(attributes, kernel), AXES },                                         \
        { "stride", CLADE_ATTRIBUTE_INT, offsetof(attributes, stride), AXES },                                         \
        { "pad", CLADE_ATTRIBUTE_INT, offsetof(attributes, pad), 2 * AXES }, {                                         \
        "dilation", CLADE_ATTRIBUTE_INT, offsetof(attributes, dilation), AXES                                          \
    }

static const clade_attribute unfold_schema[] = { GEOMETRY, { NULL, 0, 0, 0 } };
static const clade_attribute fold_schema[] = {
    GEOMETRY,
    { "image", CLADE_ATTRIBUTE_INT, offsetof(attributes, image), AXES },
    { NULL, 0, 0, 0 },
};

/* ---- types ---- */

static bool attributes_good(const attributes *a, clade_text *why) {
    bool good = a->axes >= 1 && a->axes <= AXES;
    for (int64_t i = 0; good && i < a->axes; i++) {
        good = clade_is_count(a->kernel[i], 1) && clade_is_count(a->stride[i], 1) &&
               clade_is_count(a->dilation[i], 1) && clade_is_count(a->pad[i], 0) && clade_is_count(a->pad[AXES + i], 0);
    }
    if (!good)
        clade_text_add(why, "expected 1 to 3 axes, a kernel, stride and dilation of at least 1, padding of at least 0, "
                            "all less than 2^31");
    return good;
}

/* Pixels along AXIS of SIZE, 0 where the kernel does not fit. */
static int64_t pixels_along(const attributes *a, int64_t axis, int64_t size) {
    const int64_t room = size + a->pad[axis] + a->pad[AXES + axis] - a->dilation[axis] * (a->kernel[axis] - 1) - 1;
    return room >= 0 ? room / a->stride[axis] + 1 : 0;
}

static bool too_many(clade_text *why) {
    clade_text_add(why, "the kernel has too many places");
    return false;
}

/* Taps and pixels of an image of SIZES; false, with a reason, where the kernel does not fit into it. */
static bool count_pixels(const attributes *a, const int64_t sizes[], int64_t *taps, int64_t *pixels, clade_text *why) {
    *taps = *pixels = 1;
    for (int64_t i = 0; i < a->axes; i++) {
        const int64_t along = clade_is_count(sizes[i], 1) ? pixels_along(a, i, sizes[i]) : 0;
        if (along == 0) {
            clade_text_add(why,
                           "the kernel's %lld (dilation %lld) along axis %lld does not fit into %lld, padded by %lld",
                           (long long)a->kernel[i], (long long)a->dilation[i], (long long)i + 2, (long long)sizes[i],
                           (long long)(a->pad[i] + a->pad[AXES + i]));
            return false;
        }
        if (__builtin_mul_overflow(*taps, a->kernel[i], taps) || __builtin_mul_overflow(*pixels, along, pixels))
            return too_many(why);
    }
    return true;
}

static bool infer_unfold(const clade_node *node, clade_type out[], clade_text *why) {
    const attributes *a = node->attributes;
    const clade_type *x = clade_value_type(node->inputs[0]);
    int64_t taps, pixels;
    if (!attributes_good(a, why)) return false;
    bool good = x->dtype == CLADE_F32 && x->dims.rank == a->axes + 2;
    for (int32_t i = 1; good && i < x->dims.rank; i++) {
        good = x->dims.size[i] >= 1;
    }
    if (!good) {
        clade_text_add(why, "expected x (N, C, ...) with %lld axes of fixed sizes, float32", (long long)a->axes);
        return false;
    }
    if (!count_pixels(a, x->dims.size + 2, &taps, &pixels, why)) return false;
    if (__builtin_mul_overflow(x->dims.size[1], taps, &taps)) return too_many(why);
    out[0] = (clade_type){ CLADE_F32, clade_shape(x->dims.size[0], taps, pixels) };
    return true;
}

static bool infer_fold(const clade_node *node, clade_type out[], clade_text *why) {
    const attributes *a = node->attributes;
    const clade_type *columns = clade_value_type(node->inputs[0]);
    const clade_size *size = columns->dims.size;
    int64_t taps, pixels;
    if (!attributes_good(a, why) || !count_pixels(a, a->image, &taps, &pixels, why)) return false;
    if (columns->dtype != CLADE_F32 || columns->dims.rank != 3 || size[1] < 1 || size[1] % taps != 0 ||
        size[2] != pixels) {
        clade_text_add(why, "expected columns (N, C * %lld, %lld), float32", (long long)taps, (long long)pixels);
        return false;
    }
    out[0] = (clade_type){ CLADE_F32, { (int32_t)a->axes + 2, { size[0], size[1] / taps } } };
    memcpy(out[0].dims.size + 2, a->image, (size_t)a->axes * sizeof(int64_t));
    return true;
}

/* ---- gradients ---- */

static void gradient_unfold(clade_tape *tape, const clade_node *node, const clade_value dy[], clade_value dx[]) {
    attributes a = *(const attributes *)node->attributes;
    memcpy(a.image, clade_value_type(node->inputs[0])->dims.size + 2, (size_t)a.axes * sizeof(int64_t));
    if (tape->wanted[0]) dx[0] = clade_append(tape->graph, &clade_op_fold, "", &a, dy, 1);
}

static void gradient_fold(clade_tape *tape, const clade_node *node, const clade_value dy[], clade_value dx[]) {
    if (tape->wanted[0]) dx[0] = clade_append(tape->graph, &clade_op_unfold, "", node->attributes, dy, 1);
}

/* ---- sizes, over three axes: the first are of size 1 where there are fewer ---- */

typedef struct geometry {
    int64_t batch, channels, image[AXES], out[AXES], kernel[AXES], stride[AXES], pad[AXES], dilation[AXES];
    int64_t taps, pixels, plane; /* a plane: one channel of the image */
} geometry;

static geometry geometry_of(const clade_node *node, const int64_t *x) {
    const attributes *a = node->attributes;
    geometry g = { .batch = x[0], .channels = x[1], .taps = 1, .pixels = 1, .plane = 1 };
    for (int i = 0; i < AXES; i++) {
        const int64_t from = i - (AXES - a->axes);
        const bool is = from >= 0;
        g.image[i] = is ? x[2 + from] : 1;
        g.kernel[i] = is ? a->kernel[from] : 1;
        g.stride[i] = is ? a->stride[from] : 1;
        g.pad[i] = is ? a->pad[from] : 0;
        g.dilation[i] = is ? a->dilation[from] : 1;
        g.out[i] = is ? pixels_along(a, from, x[2 + from]) : 1;
        g.taps *= g.kernel[i];
        g.pixels *= g.out[i];
        g.plane *= g.image[i];
    }
    return g;
}

/* ---- references ---- */

/* Where in its plane PIXEL's tap TAP reads; -1 in the padding. */
static int64_t place_of(const geometry *g, int64_t pixel, int64_t tap) {
    int64_t place = 0, step = 1;
    for (int i = AXES - 1; i >= 0; i--) {
        const int64_t at = pixel % g->out[i] * g->stride[i] - g->pad[i] + tap % g->kernel[i] * g->dilation[i];
        if (at < 0 || at >= g->image[i]) return -1;
        place += at * step;
        step *= g->image[i];
        pixel /= g->out[i];
        tap /= g->kernel[i];
    }
    return place;
}

static void reference_unfold(const clade_node *node, const clade_tensor in[], clade_tensor out[]) {
    const geometry g = geometry_of(node, in[0].size);
    for (int64_t e = 0; e < out[0].count; e++) {
        const int64_t row = e / g.pixels, at = place_of(&g, e % g.pixels, row % g.taps);
        out[0].data[e] = at >= 0 ? in[0].data[row / g.taps * g.plane + at] : 0;
    }
}

static void reference_fold(const clade_node *node, const clade_tensor in[], clade_tensor out[]) {
    const geometry g = geometry_of(node, out[0].size);
    memset(out[0].data, 0, (size_t)out[0].count * sizeof(double));
    for (int64_t e = 0; e < in[0].count; e++) {
        const int64_t row = e / g.pixels, at = place_of(&g, e % g.pixels, row % g.taps);
        if (at >= 0) out[0].data[row / g.taps * g.plane + at] += in[0].data[e];
    }
}

/* ---- implementations ---- */

enum { NUMBERS = 6 * AXES };

static clade_status launch(const clade_site *site, clade_commands *commands, bool unfolds, bool planes) {
    const clade_array *x = unfolds ? &site->in[0] : &site->out[0];
    const geometry g = geometry_of(site->node, x->size);
    const int64_t *const numbers[] = { g.image, g.out, g.kernel, g.stride, g.pad, g.dilation };
    clade_argument arguments[4 + NUMBERS] = { clade_buffer_argument(site->in[0].buffer),
                                              clade_buffer_argument(site->out[0].buffer), clade_int_argument(g.batch),
                                              clade_int_argument(g.channels) };
    for (int i = 0; i < NUMBERS; i++) {
        arguments[4 + i] = clade_int_argument(numbers[i / AXES][i % AXES]);
    }
    static const char *const kernels[2][2] = { { "fold_elements", "fold_planes" },
                                               { "unfold_elements", "unfold_planes" } };
    clade_launch launch = {
        .file = "unfold.cl",
        .kernel = kernels[unfolds][planes],
        .label = site->label,
        .arguments = arguments,
        .argument_count = sizeof arguments / sizeof arguments[0],
        .bytes = 4.0 * (double)(site->in[0].count + site->out[0].count),
    };
    if (planes) {
        launch.global[0] = (size_t)(unfolds ? g.taps : 1);
        launch.local[0] = launch.local[1] = launch.local[2] = 1;
    } else {
        launch.global[0] = (size_t)(unfolds ? g.pixels * g.taps : g.plane);
    }
    launch.global[1] = (size_t)g.channels;
    launch.global[2] = (size_t)g.batch;
    return clade_commands_launch(commands, &launch);
}

#define RECORD(NAME, UNFOLDS, PLANES)                                                                                  \
    static clade_status NAME(const clade_site *site, clade_commands *commands) {                                       \
        return launch(site, commands, UNFOLDS, PLANES);                                                                \
    }
RECORD(record_unfold_planes, true, true)
RECORD(record_unfold_elements, true, false)
RECORD(record_fold_planes, false, true)
RECORD(record_fold_elements, false, false)

static const clade_implementation *const unfold_implementations[] = {
    &(const clade_implementation){ .name = "planes", .suitability = clade_suits_cpus, .record = record_unfold_planes },
    &(const clade_implementation){
        .name = "elements", .suitability = clade_suits_others, .record = record_unfold_elements },
    NULL,
};
static const clade_implementation *const fold_implementations[] = {
    &(const clade_implementation){ .name = "planes", .suitability = clade_suits_cpus, .record = record_fold_planes },
    &(const clade_implementation){
        .name = "elements", .suitability = clade_suits_others, .record = record_fold_elements },
    NULL,
};

/* ---- cases ---- */

#define LIST(...)                                                                                                      \
    { __VA_ARGS__ }

/* Axes; x, image, columns; kernel, strides, padding (before three axes, then after), dilations. */
#define GEOMETRIES(CASE)                                                                                               \
    CASE("3 x 3 in the same size", 2, LIST(2, 3, 7, 19), LIST(7, 19), LIST(2, 27, 133), LIST(3, 3), LIST(1, 1),        \
         LIST(1, 1, 0, 1, 1), LIST(1, 1))                                                                              \
    CASE("rows of several vectors", 2, LIST(1, 2, 3, 70), LIST(3, 70), LIST(1, 12, 204), LIST(2, 3), LIST(1, 1),       \
         LIST(1, 0), LIST(1, 1))                                                                                       \
    CASE("one axis", 1, LIST(3, 4, 41), LIST(41), LIST(3, 20, 37), LIST(5), LIST(1), LIST(0), LIST(1))                 \
    CASE("one axis, causal with stride and dilation", 1, LIST(2, 2, 33), LIST(33), LIST(2, 6, 17), LIST(3), LIST(2),   \
         LIST(4), LIST(2))                                                                                             \
    CASE("strides and dilations of every axis", 3, LIST(2, 2, 7, 8, 9), LIST(7, 8, 9), LIST(2, 24, 100),               \
         LIST(2, 3, 2), LIST(2, 1, 2), LIST(1, 0, 2, 0, 1, 1), LIST(1, 2, 3))                                          \
    CASE("3 x 3 x 3", 3, LIST(1, 3, 4, 5, 18), LIST(4, 5, 18), LIST(1, 81, 360), LIST(3, 3, 3), LIST(1, 1, 1),         \
         LIST(1, 1, 1, 1, 1, 1), LIST(1, 1, 1))                                                                        \
    CASE("parts that nothing reads", 2, LIST(2, 1, 9, 35), LIST(9, 35), LIST(2, 2, 27), LIST(1, 2), LIST(4, 4),        \
         LIST(0), LIST(1, 1))                                                                                          \
    CASE("padding beyond the kernel", 2, LIST(1, 2, 3, 4), LIST(3, 4), LIST(1, 8, 100), LIST(2, 2), LIST(1, 1),        \
         LIST(4, 5, 0, 4, 2), LIST(1, 1))                                                                              \
    CASE("stride 3 over wide rows", 2, LIST(1, 2, 5, 61), LIST(5, 61), LIST(1, 30, 63), LIST(3, 5), LIST(1, 3),        \
         LIST(0, 2, 0, 0, 2), LIST(1, 1))                                                                              \
    CASE("the kernel is the image", 2, LIST(2, 3, 4, 5), LIST(4, 5), LIST(2, 60, 1), LIST(4, 5), LIST(1, 1), LIST(0),  \
         LIST(1, 1))

#define UNFOLD_CASE(NAME, COUNT, X, IMAGE, COLUMNS, KERNEL, STRIDE, PAD, DILATION)                                     \
    { .name = NAME,                                                                                                    \
      .in = { { 2 + COUNT, X } },                                                                                      \
      .input_count = 1,                                                                                                \
      .attributes = &(const attributes){ COUNT, KERNEL, STRIDE, PAD, DILATION, IMAGE } },
#define FOLD_CASE(NAME, COUNT, X, IMAGE, COLUMNS, KERNEL, STRIDE, PAD, DILATION)                                       \
    { .name = NAME,                                                                                                    \
      .in = { { 3, COLUMNS } },                                                                                        \
      .input_count = 1,                                                                                                \
      .attributes = &(const attributes){ COUNT, KERNEL, STRIDE, PAD, DILATION, IMAGE } },

static const clade_case unfold_cases[] = { GEOMETRIES(UNFOLD_CASE){ .name = NULL } };
static const clade_case fold_cases[] = { GEOMETRIES(FOLD_CASE){ .name = NULL } };

/* ---- the rows ---- */

#define ROW(NAME, ONNX, WHAT)                                                                                          \
    {                                                                                                                  \
        .name = NAME, .onnx = ONNX, .attributes = WHAT##_schema, .attributes_size = sizeof(attributes),                \
        .input_minimum = 1, .input_maximum = 1, .outputs = 1, .infer = infer_##WHAT, .gradient = gradient_##WHAT,      \
        .reference = reference_##WHAT, .implementations = WHAT##_implementations, .cases = WHAT##_cases                \
    }

const clade_op clade_op_unfold = ROW("unfold", NULL, unfold);
const clade_op clade_op_fold = ROW("fold", "Col2Im", fold);

/* ---- the builder's calls ---- */

static attributes attributes_of(const clade_unfold_options *given, int64_t axes) {
    attributes a = { .axes = axes };
    for (int i = 0; i < AXES; i++) {
        a.kernel[i] = given->kernel[i];
        a.stride[i] = given->stride[i] != 0 ? given->stride[i] : 1;
        a.dilation[i] = given->dilation[i] != 0 ? given->dilation[i] : 1;
        a.image[i] = given->image[i];
        if (i >= axes) continue;
        a.pad[i] = given->pad[i];
        a.pad[AXES + i] = given->pad[axes + i];
    }
    return a;
}

clade_value clade_unfold_with(const clade_unfold_options *options) {
    clade_unfold_options given = { 0 };
    memcpy(&given, options, options->size < sizeof given ? options->size : sizeof given);
    const clade_dims x = clade_value_dims(given.x);
    const attributes a = attributes_of(&given, x.rank >= 3 && x.rank <= 2 + AXES ? x.rank - 2 : 0);
    return clade_append(given.x.graph, &clade_op_unfold, given.name, &a, &given.x, 1);
}

clade_value clade_fold_with(const clade_unfold_options *options) {
    clade_unfold_options given = { 0 };
    int64_t axes = 0;
    memcpy(&given, options, options->size < sizeof given ? options->size : sizeof given);
    while (axes < AXES && given.image[axes] > 0) {
        axes++;
    }
    const attributes a = attributes_of(&given, axes);
    return clade_append(given.x.graph, &clade_op_fold, given.name, &a, &given.x, 1);
}
