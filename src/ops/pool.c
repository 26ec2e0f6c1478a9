/* Pooling: window (p,q) of a plane covers rows p*stride_h - pad_top + u and columns q*stride_w - pad_left + v, u and v
 * below the kernel's sizes; x (N, C, H, W) -> y (N, C, P, Q), P = (H + pad_top + pad_bottom - kernel_h) / stride_h + 1
 * rounded down, or up with `ceil`, where a window must begin inside x or the padding above it (as Caffe). Likewise Q.
 *   max_pool      y = the largest element of the window, and the winner's offset in its plane (N, C, P, Q) int32, kept
 *                 for backward. Padding never wins; of equals the first in row order wins, so that backward is the
 *                 same on every device; NaN wins over numbers.
 *   max_pool_gradient (where, dy) -> dx (N, C, H, W): the sum of dy over the windows whose winner the cell is.
 *   max_pool_pick     (where, x) -> y: x at the winners, the gradient of max_pool_gradient; a winner outside its window
 *                 counts as none in both.
 *   average_pool  y = the sum over the window's cells inside x, divided by the window's extent: its cells inside x and
 *                 its padding, or inside x alone with `exclude_pad`.
 *   average_pool_gradient dy -> dx: each window's dy / extent added to its cells. */
#include "ops/pool.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

#define WINDOW_SCHEMA                                                                                                  \
    { "kernel", CLADE_ATTRIBUTE_INT, offsetof(clade_pool_attributes, kernel), 2 },                                     \
        { "stride", CLADE_ATTRIBUTE_INT, offsetof(clade_pool_attributes, stride), 2 },                                 \
        { "pad", CLADE_ATTRIBUTE_INT, offsetof(clade_pool_attributes, pad), 4 }, {                                     \
        "ceil", CLADE_ATTRIBUTE_BOOL, offsetof(clade_pool_attributes, ceil), 0                                         \
    }

static const clade_attribute max_schema[] = { WINDOW_SCHEMA, { NULL, 0, 0, 0 } };
static const clade_attribute average_schema[] = {
    WINDOW_SCHEMA,
    { "exclude_pad", CLADE_ATTRIBUTE_BOOL, offsetof(clade_pool_attributes, exclude_pad), 0 },
    { NULL, 0, 0, 0 },
};
static const clade_attribute gradient_schema[] = {
    WINDOW_SCHEMA,
    { "exclude_pad", CLADE_ATTRIBUTE_BOOL, offsetof(clade_pool_attributes, exclude_pad), 0 },
    { "size", CLADE_ATTRIBUTE_INT, offsetof(clade_pool_attributes, size), 2 },
    { NULL, 0, 0, 0 },
};

/* ---- types ---- */

/* Windows along axis I (0: rows, 1: columns) of SIZE cells; 0 when none fits. */
static int64_t windows(const clade_pool_attributes *a, int i, int64_t size) {
    int64_t span = size + a->pad[i] + a->pad[i + 2] - a->kernel[i], stride = a->stride[i];
    if (span < 0) return 0;
    int64_t count = (a->ceil ? (span + stride - 1) / stride : span / stride) + 1;
    if (a->ceil && (count - 1) * stride >= size + a->pad[i]) count--;
    return count;
}

static bool check_attributes(const clade_pool_attributes *a, clade_text *why) {
    for (int i = 0; i < 2; i++) {
        if (a->kernel[i] < 1 || a->kernel[i] > 1 << 20 || a->stride[i] < 1 || a->stride[i] > 1 << 20) {
            clade_text_add(why, "kernel %lld x %lld at stride %lld x %lld: expected each at least 1",
                           (long long)a->kernel[0], (long long)a->kernel[1], (long long)a->stride[0],
                           (long long)a->stride[1]);
            return false;
        }
    }
    for (int i = 0; i < 4; i++) {
        if (a->pad[i] < 0 || a->pad[i] >= a->kernel[i % 2]) {
            clade_text_add(why, "pad %lld: expected at least 0 and less than the kernel's %lld", (long long)a->pad[i],
                           (long long)a->kernel[i % 2]);
            return false;
        }
    }
    return true;
}

static bool is_image(const clade_type *type, clade_dtype dtype) {
    return type->dtype == dtype && type->dims.rank == 4 && type->dims.size[2] > 0 && type->dims.size[3] > 0;
}

/* (N, C, H, W) -> (N, C, P, Q). */
static bool pooled(const clade_pool_attributes *a, const clade_type *x, clade_type *y, clade_text *why) {
    if (!is_image(x, CLADE_F32)) {
        clade_text_add(why, "expected float32 (N, C, H, W) with H and W numbers");
        return false;
    }
    if (!check_attributes(a, why)) return false;
    *y = *x;
    for (int i = 0; i < 2; i++) {
        y->dims.size[2 + i] = windows(a, i, x->dims.size[2 + i]);
        if (y->dims.size[2 + i] < 1) {
            clade_text_add(why, "the kernel of %lld is larger than the %lld padded %s of x", (long long)a->kernel[i],
                           (long long)(x->dims.size[2 + i] + a->pad[i] + a->pad[i + 2]), i ? "columns" : "rows");
            return false;
        }
    }
    return true;
}

static bool infer_max(const clade_node *node, clade_type out[], clade_text *why) {
    if (!pooled(node->attributes, clade_value_type(node->inputs[0]), &out[0], why)) return false;
    out[1] = (clade_type){ CLADE_I32, out[0].dims };
    return true;
}

static bool infer_average(const clade_node *node, clade_type out[], clade_text *why) {
    return pooled(node->attributes, clade_value_type(node->inputs[0]), &out[0], why);
}

/* The dims of x from those of DY, which must be what pooling x gives. */
static bool unpooled(const clade_node *node, const clade_type *dy, clade_type *x, clade_text *why) {
    const clade_pool_attributes *a = node->attributes;
    clade_type y;
    *x = *dy;
    x->dtype = CLADE_F32;
    if (dy->dims.rank == 4) {
        x->dims.size[2] = a->size[0];
        x->dims.size[3] = a->size[1];
    }
    if (!pooled(a, x, &y, why)) return false;
    if (clade_dims_equal(&y.dims, &dy->dims)) return true;
    clade_text_add(why, "pooling %s gives %s, which dy is not", clade_type_text(node->graph, x),
                   clade_type_text(node->graph, &y));
    return false;
}

static bool infer_max_gradient(const clade_node *node, clade_type out[], clade_text *why) {
    const clade_type *where = clade_value_type(node->inputs[0]), *dy = clade_value_type(node->inputs[1]);
    if (!is_image(where, CLADE_I32) || !is_image(dy, CLADE_F32) || !clade_dims_equal(&where->dims, &dy->dims)) {
        clade_text_add(why, "expected the winners as int32 and dy as float32, both (N, C, P, Q)");
        return false;
    }
    return unpooled(node, dy, &out[0], why);
}

static bool infer_max_pick(const clade_node *node, clade_type out[], clade_text *why) {
    const clade_type *where = clade_value_type(node->inputs[0]);
    if (!pooled(node->attributes, clade_value_type(node->inputs[1]), &out[0], why)) return false;
    if (where->dtype == CLADE_I32 && clade_dims_equal(&where->dims, &out[0].dims)) return true;
    clade_text_add(why, "expected the winners as int32 (N, C, P, Q)");
    return false;
}

static bool infer_average_gradient(const clade_node *node, clade_type out[], clade_text *why) {
    return unpooled(node, clade_value_type(node->inputs[0]), &out[0], why);
}

/* ---- gradients ---- */

/* The node's attributes with the size of X. */
static clade_pool_attributes with_size_of(const clade_node *node, clade_value x) {
    clade_pool_attributes a = *(const clade_pool_attributes *)node->attributes;
    const clade_dims dims = clade_value_dims(x);
    a.size[0] = dims.size[2];
    a.size[1] = dims.size[3];
    return a;
}

static clade_value append_pair(const clade_op *op, const clade_pool_attributes *a, clade_value where,
                               clade_value values) {
    return clade_append(values.graph, op, "", a, (const clade_value[]){ where, values }, 2);
}

static void gradient_max(clade_tape *tape, const clade_node *node, const clade_value dy[], clade_value dx[]) {
    if (!tape->wanted[0] || !clade_value_valid(dy[0])) return;
    const clade_pool_attributes a = with_size_of(node, node->inputs[0]);
    dx[0] = append_pair(&clade_op_max_pool_gradient, &a, (clade_value){ tape->graph, node->index, 1 }, dy[0]);
}

static void gradient_max_gradient(clade_tape *tape, const clade_node *node, const clade_value dy[], clade_value dx[]) {
    if (tape->wanted[1]) dx[1] = append_pair(&clade_op_max_pool_pick, node->attributes, node->inputs[0], dy[0]);
}

static void gradient_max_pick(clade_tape *tape, const clade_node *node, const clade_value dy[], clade_value dx[]) {
    const clade_pool_attributes a = with_size_of(node, node->inputs[1]);
    if (tape->wanted[1]) dx[1] = append_pair(&clade_op_max_pool_gradient, &a, node->inputs[0], dy[0]);
}

static void gradient_average(clade_tape *tape, const clade_node *node, const clade_value dy[], clade_value dx[]) {
    const clade_pool_attributes a = with_size_of(node, node->inputs[0]);
    if (tape->wanted[0]) dx[0] = clade_append(tape->graph, &clade_op_average_pool_gradient, "", &a, dy, 1);
}

static void gradient_average_gradient(clade_tape *tape, const clade_node *node, const clade_value dy[],
                                      clade_value dx[]) {
    if (tape->wanted[0]) dx[0] = clade_append(tape->graph, &clade_op_average_pool, "", node->attributes, dy, 1);
}

/* ---- references ---- */

/* One window: its cells inside the plane, and what an average divides by. */
typedef struct window {
    int64_t first_row, last_row, first_column, last_column;
    double extent;
} window;

static int64_t at_least(int64_t a, int64_t b) {
    return a > b ? a : b;
}

static int64_t at_most(int64_t a, int64_t b) {
    return a < b ? a : b;
}

static window window_at(const clade_pool_attributes *a, int64_t p, int64_t q, int64_t height, int64_t width) {
    int64_t top = p * a->stride[0] - a->pad[0], left = q * a->stride[1] - a->pad[1];
    window w = { at_least(top, 0), at_most(top + a->kernel[0], height), at_least(left, 0),
                 at_most(left + a->kernel[1], width), 0 };
    int64_t rows = w.last_row - w.first_row, columns = w.last_column - w.first_column;
    if (!a->exclude_pad) {
        rows = at_most(top + a->kernel[0], height + a->pad[2]) - top;
        columns = at_most(left + a->kernel[1], width + a->pad[3]) - left;
    }
    w.extent = (double)(rows * columns);
    return w;
}

/* What a reference does at window number Y of all, whose plane begins at PLANE. */
typedef void window_visitor(const window *w, int64_t y, int64_t plane, int64_t width, const clade_tensor in[],
                            clade_tensor out[]);

static void visit_windows(const clade_node *node, const clade_tensor *x, const clade_tensor *y, window_visitor *visit,
                          const clade_tensor in[], clade_tensor out[]) {
    int64_t height = x->size[2], width = x->size[3], number = 0;
    for (int64_t plane = 0; plane < x->size[0] * x->size[1]; plane++) {
        for (int64_t p = 0; p < y->size[2]; p++) {
            for (int64_t q = 0; q < y->size[3]; q++) {
                window w = window_at(node->attributes, p, q, height, width);
                visit(&w, number++, plane * height * width, width, in, out);
            }
        }
    }
}

static void visit_max(const window *w, int64_t y, int64_t plane, int64_t width, const clade_tensor in[],
                      clade_tensor out[]) {
    int64_t at = w->first_row * width + w->first_column;
    for (int64_t i = w->first_row; i < w->last_row; i++) {
        for (int64_t j = w->first_column; j < w->last_column; j++) {
            double value = in[0].data[plane + i * width + j];
            if (value > in[0].data[plane + at] || isnan(value)) at = i * width + j;
        }
    }
    out[0].data[y] = in[0].data[plane + at];
    out[1].data[y] = (double)at;
}

static bool holds(const window *w, int64_t at, int64_t width) {
    return at >= 0 && at / width >= w->first_row && at / width < w->last_row && at % width >= w->first_column &&
           at % width < w->last_column;
}

static void visit_max_gradient(const window *w, int64_t y, int64_t plane, int64_t width, const clade_tensor in[],
                               clade_tensor out[]) {
    int64_t at = (int64_t)in[0].data[y];
    if (holds(w, at, width)) out[0].data[plane + at] += in[1].data[y];
}

static void visit_max_pick(const window *w, int64_t y, int64_t plane, int64_t width, const clade_tensor in[],
                           clade_tensor out[]) {
    int64_t at = (int64_t)in[0].data[y];
    out[0].data[y] = holds(w, at, width) ? in[1].data[plane + at] : 0;
}

static void visit_average(const window *w, int64_t y, int64_t plane, int64_t width, const clade_tensor in[],
                          clade_tensor out[]) {
    double sum = 0;
    for (int64_t i = w->first_row; i < w->last_row; i++) {
        for (int64_t j = w->first_column; j < w->last_column; j++) {
            sum += in[0].data[plane + i * width + j];
        }
    }
    out[0].data[y] = sum / w->extent;
}

static void visit_average_gradient(const window *w, int64_t y, int64_t plane, int64_t width, const clade_tensor in[],
                                   clade_tensor out[]) {
    for (int64_t i = w->first_row; i < w->last_row; i++) {
        for (int64_t j = w->first_column; j < w->last_column; j++) {
            out[0].data[plane + i * width + j] += in[0].data[y] / w->extent;
        }
    }
}

static void clear(clade_tensor *tensor) {
    memset(tensor->data, 0, (size_t)tensor->count * sizeof *tensor->data);
}

static void reference_max(const clade_node *node, const clade_tensor in[], clade_tensor out[]) {
    visit_windows(node, &in[0], &out[0], visit_max, in, out);
}

static void reference_max_gradient(const clade_node *node, const clade_tensor in[], clade_tensor out[]) {
    clear(&out[0]);
    visit_windows(node, &out[0], &in[1], visit_max_gradient, in, out);
}

static void reference_max_pick(const clade_node *node, const clade_tensor in[], clade_tensor out[]) {
    visit_windows(node, &in[1], &out[0], visit_max_pick, in, out);
}

static void reference_average(const clade_node *node, const clade_tensor in[], clade_tensor out[]) {
    visit_windows(node, &in[0], &out[0], visit_average, in, out);
}

static void reference_average_gradient(const clade_node *node, const clade_tensor in[], clade_tensor out[]) {
    clear(&out[0]);
    visit_windows(node, &out[0], &in[0], visit_average_gradient, in, out);
}

/* Comparisons or additions: one for each cell of each window. */
static double flops(const clade_site *site) {
    const clade_pool_attributes *a = site->node->attributes;
    int64_t least = at_most(site->in[0].count, site->out[0].count);
    return (double)least * (double)a->kernel[0] * (double)a->kernel[1];
}

/* ---- cases ---- */

#define DIMS(...)                                                                                                      \
    {                                                                                                                  \
        4, {                                                                                                           \
            __VA_ARGS__                                                                                                \
        }                                                                                                              \
    }
#define LIST(...)                                                                                                      \
    { __VA_ARGS__ }
#define POOL(...)                                                                                                      \
    &(const clade_pool_attributes) {                                                                                   \
        __VA_ARGS__                                                                                                    \
    }

/* Each geometry with the dims of x and of y. */
#define GEOMETRIES(CASE)                                                                                               \
    CASE("disjoint", DIMS(2, 3, 6, 38), DIMS(2, 3, 3, 19), LIST(6, 38), LIST(2, 2), LIST(2, 2), LIST(0), false, false) \
    CASE("disjoint, a rest", DIMS(2, 3, 7, 5), DIMS(2, 3, 3, 2), LIST(7, 5), LIST(2, 2), LIST(2, 2), LIST(0), false,   \
         false)                                                                                                        \
    CASE("overlapping, odd size", DIMS(2, 3, 7, 35), DIMS(2, 3, 3, 17), LIST(7, 35), LIST(3, 3), LIST(2, 2), LIST(0),  \
         false, false)                                                                                                 \
    CASE("padded", DIMS(1, 2, 7, 17), DIMS(1, 2, 4, 9), LIST(7, 17), LIST(3, 3), LIST(2, 2), LIST(1, 1, 1, 1), false,  \
         false)                                                                                                        \
    CASE("padded unevenly, rounded up", DIMS(2, 1, 7, 7), DIMS(2, 1, 4, 4), LIST(7, 7), LIST(3, 2), LIST(2, 2),        \
         LIST(0, 1, 1, 0), true, false)                                                                                \
    CASE("padding not counted", DIMS(1, 3, 6, 7), DIMS(1, 3, 3, 4), LIST(6, 7), LIST(3, 3), LIST(2, 2),                \
         LIST(1, 1, 0, 1), false, true)                                                                                \
    CASE("gaps between windows", DIMS(1, 2, 8, 11), DIMS(1, 2, 3, 3), LIST(8, 11), LIST(2, 2), LIST(3, 4), LIST(0),    \
         false, false)                                                                                                 \
    CASE("stride one", DIMS(1, 2, 5, 6), DIMS(1, 2, 4, 5), LIST(5, 6), LIST(2, 2), LIST(1, 1), LIST(0), false, false)  \
    CASE("wide gaps", DIMS(1, 2, 4, 65), DIMS(1, 2, 2, 22), LIST(4, 65), LIST(2, 2), LIST(2, 3), LIST(0), false,       \
         false)                                                                                                        \
    CASE("a window wider than the plane", DIMS(1, 2, 4, 2), DIMS(1, 2, 2, 1), LIST(4, 2), LIST(2, 3), LIST(2, 2),      \
         LIST(0, 0, 0, 1), false, false)                                                                               \
    CASE("two windows over the edge", DIMS(1, 2, 5, 40), DIMS(1, 2, 7, 42), LIST(5, 40), LIST(3, 3), LIST(1, 1),       \
         LIST(2, 2, 2, 2), false, false)                                                                               \
    CASE("several items", DIMS(2, 20, 30, 46), DIMS(2, 20, 15, 23), LIST(30, 46), LIST(3, 3), LIST(2, 2),              \
         LIST(1, 1, 1, 1), false, false)                                                                               \
    CASE("several items of small planes", DIMS(2, 60, 14, 14), DIMS(2, 60, 7, 7), LIST(14, 14), LIST(2, 2),            \
         LIST(2, 2), LIST(0), false, false)                                                                            \
    CASE("the whole plane", DIMS(3, 2, 5, 7), DIMS(3, 2, 1, 1), LIST(5, 7), LIST(5, 7), LIST(5, 7), LIST(0), false,    \
         false)

#define MAX_CASE(NAME, X, Y, SIZE, KERNEL, STRIDE, PAD, CEIL, EXCLUDE)                                                 \
    { .name = NAME,                                                                                                    \
      .in = { X },                                                                                                     \
      .input_count = 1,                                                                                                \
      .fill = { CLADE_FILL_DISTINCT },                                                                                 \
      .attributes = POOL(KERNEL, STRIDE, PAD, CEIL, EXCLUDE, LIST(0)) },
#define AVERAGE_CASE(NAME, X, Y, SIZE, KERNEL, STRIDE, PAD, CEIL, EXCLUDE)                                             \
    { .name = NAME, .in = { X }, .input_count = 1, .attributes = POOL(KERNEL, STRIDE, PAD, CEIL, EXCLUDE, LIST(0)) },
#define GRADIENT_CASE(NAME, X, Y, SIZE, KERNEL, STRIDE, PAD, CEIL, EXCLUDE)                                            \
    { .name = NAME, .in = { Y }, .input_count = 1, .attributes = POOL(KERNEL, STRIDE, PAD, CEIL, EXCLUDE, SIZE) },
/* Winners of any cell of the first rows: many are outside their windows, which counts as none. */
#define WINNERS_CASE(NAME, X, Y, SIZE, KERNEL, STRIDE, PAD, CEIL, EXCLUDE)                                             \
    { .name = NAME,                                                                                                    \
      .in = { Y, Y },                                                                                                  \
      .input_count = 2,                                                                                                \
      .fill = { CLADE_FILL_LABELS, CLADE_FILL_UNIFORM },                                                               \
      .label_bound = 35,                                                                                               \
      .attributes = POOL(KERNEL, STRIDE, PAD, CEIL, EXCLUDE, SIZE) },
#define PICK_CASE(NAME, X, Y, SIZE, KERNEL, STRIDE, PAD, CEIL, EXCLUDE)                                                \
    { .name = NAME,                                                                                                    \
      .in = { Y, X },                                                                                                  \
      .input_count = 2,                                                                                                \
      .fill = { CLADE_FILL_LABELS, CLADE_FILL_UNIFORM },                                                               \
      .label_bound = 30,                                                                                               \
      .attributes = POOL(KERNEL, STRIDE, PAD, CEIL, EXCLUDE, SIZE) },

static const clade_case max_cases[] = { GEOMETRIES(MAX_CASE){ .name = NULL } };
static const clade_case max_gradient_cases[] = { GEOMETRIES(WINNERS_CASE){ .name = NULL } };
static const clade_case max_pick_cases[] = { GEOMETRIES(PICK_CASE){ .name = NULL } };
static const clade_case average_cases[] = { GEOMETRIES(AVERAGE_CASE){ .name = NULL } };
static const clade_case average_gradient_cases[] = { GEOMETRIES(GRADIENT_CASE){ .name = NULL } };

/* ---- the rows ---- */

#define ROW(NAME, ONNX, SCHEMA, INPUTS, OUTPUTS, INFER, GRADIENT, REFERENCE, IMPLEMENTATIONS, CASES)                   \
    {                                                                                                                  \
        .name = NAME, .onnx = ONNX, .attributes = SCHEMA, .attributes_size = sizeof(clade_pool_attributes),            \
        .input_minimum = INPUTS, .input_maximum = INPUTS, .outputs = OUTPUTS, .infer = INFER, .gradient = GRADIENT,    \
        .reference = REFERENCE, .flops = flops, .implementations = IMPLEMENTATIONS, .cases = CASES                     \
    }

const clade_op clade_op_max_pool = ROW("max_pool", "MaxPool", max_schema, 1, 2, infer_max, gradient_max, reference_max,
                                       clade_max_pool_implementations, max_cases);
const clade_op clade_op_max_pool_gradient =
    ROW("max_pool_gradient", NULL, gradient_schema, 2, 1, infer_max_gradient, gradient_max_gradient,
        reference_max_gradient, clade_max_pool_gradient_implementations, max_gradient_cases);
const clade_op clade_op_max_pool_pick =
    ROW("max_pool_pick", NULL, gradient_schema, 2, 1, infer_max_pick, gradient_max_pick, reference_max_pick,
        clade_max_pool_pick_implementations, max_pick_cases);
const clade_op clade_op_average_pool =
    ROW("average_pool", "AveragePool", average_schema, 1, 1, infer_average, gradient_average, reference_average,
        clade_average_pool_implementations, average_cases);
const clade_op clade_op_average_pool_gradient =
    ROW("average_pool_gradient", NULL, gradient_schema, 1, 1, infer_average_gradient, gradient_average_gradient,
        reference_average_gradient, clade_average_pool_gradient_implementations, average_gradient_cases);

/* ---- the builder's calls ---- */

static clade_value pool(const clade_op *op, const clade_pool_options *options) {
    clade_pool_options given = { 0 };
    memcpy(&given, options, options->size < sizeof given ? options->size : sizeof given);
    clade_pool_attributes a = { .ceil = given.ceil, .exclude_pad = given.exclude_pad };
    memcpy(a.kernel, given.kernel, sizeof a.kernel);
    memcpy(a.pad, given.pad, sizeof a.pad);
    for (int i = 0; i < 2; i++) {
        a.stride[i] = given.stride[i] ? given.stride[i] : given.kernel[i];
    }
    return clade_append(given.x.graph, op, given.name, &a, &given.x, 1);
}

clade_value clade_max_pool_with(const clade_pool_options *options) {
    return pool(&clade_op_max_pool, options);
}

clade_value clade_average_pool_with(const clade_pool_options *options) {
    return pool(&clade_op_average_pool, options);
}
