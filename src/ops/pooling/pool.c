/* Pooling: window (p,q) of a plane has the cells at rows p*stride_h - pad_top + u*dilation_h and columns
 * q*stride_w - pad_left + v*dilation_w, u and v below the kernel's sizes, and reaches over (kernel - 1) * dilation + 1;
 * x (N, C, H, W) -> y (N, C, P, Q), P = (H + pad_top + pad_bottom - reach_h) / stride_h + 1 rounded down, or up with
 * `ceil`, where a window must begin inside x or the padding above it (as Caffe). Likewise Q.
 *   max_pool      y = the largest element of the window, and the winner's offset in its plane (N, C, P, Q) int32, kept
 *                 for backward. Padding never wins; of equals the first in row order wins, so that backward is the
 *                 same on every device; NaN wins over numbers.
 *   max_pool_gradient (where, dy) -> dx (N, C, H, W): the sum of dy over the windows whose winner the cell is.
 *   max_pool_pick     (where, x) -> y: x at the winners, the gradient of max_pool_gradient; a winner outside its window
 *                 counts as none in both.
 *   average_pool  y = the sum over the window's cells inside x, divided by the window's extent: its cells inside x and
 *                 its padding, or inside x alone with `exclude_pad`.
 *   average_pool_gradient dy -> dx: each window's dy / extent added to its cells.
 *   sum_pool, sum_pool_gradient    the same without the division.
 *   lp_pool       y = (the sum of |x|^power over the window's cells inside x)^(1/power); dx = sgn(x) |x|^(power-1)
 *                 times the windows' dy * y^(1-power) added up, 0 where y is 0. */
#include "ops/pooling/pool.h"

#include <stddef.h>

#define WINDOW_SCHEMA                                                                                                  \
    { "kernel", CLADE_ATTRIBUTE_INT, offsetof(clade_pool_attributes, kernel), 2 },                                     \
        { "stride", CLADE_ATTRIBUTE_INT, offsetof(clade_pool_attributes, stride), 2 },                                 \
        { "pad", CLADE_ATTRIBUTE_INT, offsetof(clade_pool_attributes, pad), 4 },                                       \
        { "dilation", CLADE_ATTRIBUTE_INT, offsetof(clade_pool_attributes, dilation), 2 }, {                           \
        "ceil", CLADE_ATTRIBUTE_BOOL, offsetof(clade_pool_attributes, ceil), 0                                         \
    }

static const clade_attribute max_schema[] = { WINDOW_SCHEMA, { NULL, 0, 0, 0 } };
static const clade_attribute lp_schema[] = {
    WINDOW_SCHEMA,
    { "power", CLADE_ATTRIBUTE_INT, offsetof(clade_pool_attributes, power), 0 },
    { NULL, 0, 0, 0 },
};
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
    int64_t span = size + a->pad[i] + a->pad[i + 2] - clade_pool_reach(a, i), stride = a->stride[i];
    if (span < 0) return 0;
    int64_t count = (a->ceil ? (span + stride - 1) / stride : span / stride) + 1;
    if (a->ceil && (count - 1) * stride >= size + a->pad[i]) count--;
    return count;
}

static bool check_attributes(const clade_pool_attributes *a, clade_text *why) {
    for (int i = 0; i < 2; i++) {
        const int64_t numbers[] = { a->kernel[i], a->stride[i], a->dilation[i] };
        for (int k = 0; k < 3; k++) {
            if (numbers[k] >= 1 && numbers[k] <= 1 << 15) continue;
            clade_text_add(why,
                           "kernel %lld x %lld at stride %lld x %lld, dilation %lld x %lld: expected each at least 1",
                           (long long)a->kernel[0], (long long)a->kernel[1], (long long)a->stride[0],
                           (long long)a->stride[1], (long long)a->dilation[0], (long long)a->dilation[1]);
            return false;
        }
    }
    for (int i = 0; i < 4; i++) {
        if (a->pad[i] < 0 || a->pad[i] >= clade_pool_reach(a, i % 2)) {
            clade_text_add(why, "pad %lld: expected at least 0 and less than the kernel's %lld", (long long)a->pad[i],
                           (long long)clade_pool_reach(a, i % 2));
            return false;
        }
    }
    return true;
}

/* Whether each of COUNT windows along axis I has a cell inside SIZE; dilated ones may have none. */
static bool has_cells(const clade_pool_attributes *a, int i, int64_t count, int64_t size) {
    for (int64_t p = 0; p < count; p++) {
        int64_t cell = p * a->stride[i] - a->pad[i], end = cell + clade_pool_reach(a, i);
        while (cell < 0)
            cell += a->dilation[i];
        if (cell >= size || cell >= end) return false;
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
        const int64_t size = x->dims.size[2 + i], count = windows(a, i, size);
        y->dims.size[2 + i] = count;
        if (a->dilation[i] > 1 && count > 0 && !has_cells(a, i, count, size)) {
            clade_text_add(why, "a window of %lld %s, %lld apart, lies wholly in the padding of %lld",
                           (long long)a->kernel[i], i ? "columns" : "rows", (long long)a->dilation[i], (long long)size);
            return false;
        }
        if (count < 1) {
            clade_text_add(why, "the kernel of %lld is larger than the %lld padded %s of x",
                           (long long)clade_pool_reach(a, i), (long long)(size + a->pad[i] + a->pad[i + 2]),
                           i ? "columns" : "rows");
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

static bool infer_lp(const clade_node *node, clade_type out[], clade_text *why) {
    const clade_pool_attributes *a = node->attributes;
    if (a->power >= 1 && a->power <= 64) return pooled(a, clade_value_type(node->inputs[0]), &out[0], why);
    clade_text_add(why, "power %lld: expected 1 to 64", (long long)a->power);
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

/* Of means and sums: the row of the other direction. */
static void gradient_average(clade_tape *tape, const clade_node *node, const clade_value dy[], clade_value dx[]) {
    const clade_pool_attributes a = with_size_of(node, node->inputs[0]);
    const clade_op *op = clade_pool_is_sum(node) ? &clade_op_sum_pool_gradient : &clade_op_average_pool_gradient;
    if (tape->wanted[0]) dx[0] = clade_append(tape->graph, op, "", &a, dy, 1);
}

static void gradient_average_gradient(clade_tape *tape, const clade_node *node, const clade_value dy[],
                                      clade_value dx[]) {
    const clade_op *op = clade_pool_is_sum(node) ? &clade_op_sum_pool : &clade_op_average_pool;
    if (tape->wanted[0]) dx[0] = clade_append(tape->graph, op, "", node->attributes, dy, 1);
}

/* x * |x|^(power-2) times the sums of dy * y^(1-power). */
static void gradient_lp(clade_tape *tape, const clade_node *node, const clade_value dy[], clade_value dx[]) {
    if (!tape->wanted[0]) return;
    const clade_pool_attributes a = with_size_of(node, node->inputs[0]);
    const clade_value x = node->inputs[0], y = { tape->graph, node->index, 0 };
    const clade_value share = clade_times_power(y, dy[0], 1 - (double)a.power);
    const clade_value sum = clade_append(tape->graph, &clade_op_sum_pool_gradient, "", &a, &share, 1);
    const clade_value slope = clade_multiply(a.power == 1 ? clade_sign(x) : x, sum);
    dx[0] = a.power <= 2 ? slope : clade_times_power(clade_absolute(x), slope, (double)a.power - 2);
}

/* Comparisons or additions: one for each cell of each window. */
static double flops(const clade_site *site) {
    const clade_pool_attributes *a = site->node->attributes;
    int64_t least = site->in[0].count < site->out[0].count ? site->in[0].count : site->out[0].count;
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
    CASE("disjoint", DIMS(2, 3, 6, 38), DIMS(2, 3, 3, 19), LIST(6, 38), LIST(2, 2), LIST(2, 2), LIST(0), false, false, \
         LIST(1, 1))                                                                                                   \
    CASE("disjoint, a rest", DIMS(2, 3, 7, 5), DIMS(2, 3, 3, 2), LIST(7, 5), LIST(2, 2), LIST(2, 2), LIST(0), false,   \
         false, LIST(1, 1))                                                                                            \
    CASE("overlapping, odd size", DIMS(2, 3, 7, 35), DIMS(2, 3, 3, 17), LIST(7, 35), LIST(3, 3), LIST(2, 2), LIST(0),  \
         false, false, LIST(1, 1))                                                                                     \
    CASE("padded", DIMS(1, 2, 7, 17), DIMS(1, 2, 4, 9), LIST(7, 17), LIST(3, 3), LIST(2, 2), LIST(1, 1, 1, 1), false,  \
         false, LIST(1, 1))                                                                                            \
    CASE("padded unevenly, rounded up", DIMS(2, 1, 7, 7), DIMS(2, 1, 4, 4), LIST(7, 7), LIST(3, 2), LIST(2, 2),        \
         LIST(0, 1, 1, 0), true, false, LIST(1, 1))                                                                    \
    CASE("padding not counted", DIMS(1, 3, 6, 7), DIMS(1, 3, 3, 4), LIST(6, 7), LIST(3, 3), LIST(2, 2),                \
         LIST(1, 1, 0, 1), false, true, LIST(1, 1))                                                                    \
    CASE("gaps between windows", DIMS(1, 2, 8, 11), DIMS(1, 2, 3, 3), LIST(8, 11), LIST(2, 2), LIST(3, 4), LIST(0),    \
         false, false, LIST(1, 1))                                                                                     \
    CASE("stride one", DIMS(1, 2, 5, 6), DIMS(1, 2, 4, 5), LIST(5, 6), LIST(2, 2), LIST(1, 1), LIST(0), false, false,  \
         LIST(1, 1))                                                                                                   \
    CASE("wide gaps", DIMS(1, 2, 4, 65), DIMS(1, 2, 2, 22), LIST(4, 65), LIST(2, 2), LIST(2, 3), LIST(0), false,       \
         false, LIST(1, 1))                                                                                            \
    CASE("a window wider than the plane", DIMS(1, 2, 4, 2), DIMS(1, 2, 2, 1), LIST(4, 2), LIST(2, 3), LIST(2, 2),      \
         LIST(0, 0, 0, 1), false, false, LIST(1, 1))                                                                   \
    CASE("two windows over the edge", DIMS(1, 2, 5, 40), DIMS(1, 2, 7, 42), LIST(5, 40), LIST(3, 3), LIST(1, 1),       \
         LIST(2, 2, 2, 2), false, false, LIST(1, 1))                                                                   \
    CASE("several items", DIMS(2, 20, 30, 46), DIMS(2, 20, 15, 23), LIST(30, 46), LIST(3, 3), LIST(2, 2),              \
         LIST(1, 1, 1, 1), false, false, LIST(1, 1))                                                                   \
    CASE("several items of small planes", DIMS(2, 60, 14, 14), DIMS(2, 60, 7, 7), LIST(14, 14), LIST(2, 2),            \
         LIST(2, 2), LIST(0), false, false, LIST(1, 1))                                                                \
    CASE("the whole plane", DIMS(3, 2, 5, 7), DIMS(3, 2, 1, 1), LIST(5, 7), LIST(5, 7), LIST(5, 7), LIST(0), false,    \
         false, LIST(1, 1))                                                                                            \
    CASE("a small plane", DIMS(2, 3, 3, 3), DIMS(2, 3, 1, 1), LIST(3, 3), LIST(3, 3), LIST(1, 1), LIST(0), false,      \
         false, LIST(1, 1))                                                                                            \
    CASE("a plane with its padding", DIMS(2, 2, 4, 6), DIMS(2, 2, 1, 1), LIST(4, 6), LIST(6, 8), LIST(1, 1),           \
         LIST(1, 1, 1, 1), false, false, LIST(1, 1))                                                                   \
    CASE("dilated", DIMS(2, 3, 9, 41), DIMS(2, 3, 5, 37), LIST(9, 41), LIST(3, 3), LIST(1, 1), LIST(0), false, false,  \
         LIST(2, 2))                                                                                                   \
    CASE("dilated, with stride and padding", DIMS(1, 2, 11, 37), DIMS(1, 2, 6, 18), LIST(11, 37), LIST(3, 2),          \
         LIST(2, 2), LIST(2, 1, 2, 1), false, false, LIST(2, 3))                                                       \
    CASE("dilated, padding not counted", DIMS(1, 2, 8, 20), DIMS(1, 2, 8, 20), LIST(8, 20), LIST(3, 3), LIST(1, 1),    \
         LIST(3, 2, 3, 2), false, true, LIST(3, 2))                                                                    \
    CASE("dilated, with gaps", DIMS(1, 2, 10, 50), DIMS(1, 2, 3, 16), LIST(10, 50), LIST(2, 3), LIST(3, 3), LIST(0),   \
         false, false, LIST(3, 2))

#define MAX_CASE(NAME, X, Y, SIZE, KERNEL, STRIDE, PAD, CEIL, EXCLUDE, DILATION)                                       \
    { .name = NAME,                                                                                                    \
      .in = { X },                                                                                                     \
      .input_count = 1,                                                                                                \
      .fill = { CLADE_FILL_DISTINCT },                                                                                 \
      .attributes = POOL(KERNEL, STRIDE, PAD, CEIL, EXCLUDE, LIST(0), DILATION, 0) },
#define AVERAGE_CASE(NAME, X, Y, SIZE, KERNEL, STRIDE, PAD, CEIL, EXCLUDE, DILATION)                                   \
    { .name = NAME,                                                                                                    \
      .in = { X },                                                                                                     \
      .input_count = 1,                                                                                                \
      .attributes = POOL(KERNEL, STRIDE, PAD, CEIL, EXCLUDE, LIST(0), DILATION, 0) },
#define GRADIENT_CASE(NAME, X, Y, SIZE, KERNEL, STRIDE, PAD, CEIL, EXCLUDE, DILATION)                                  \
    { .name = NAME,                                                                                                    \
      .in = { Y },                                                                                                     \
      .input_count = 1,                                                                                                \
      .attributes = POOL(KERNEL, STRIDE, PAD, CEIL, EXCLUDE, SIZE, DILATION, 0) },
#define LP_CASE_OF(POWER, NAME, X, KERNEL, STRIDE, PAD, CEIL, DILATION)                                                \
    {                                                                                                                  \
        .name = NAME, .in = { X }, .input_count = 1, .fill = { CLADE_FILL_NONZERO },                                   \
        .attributes = POOL(KERNEL, STRIDE, PAD, CEIL, false, LIST(0), DILATION, POWER)                                 \
    }
#define LP_CASE(NAME, X, Y, SIZE, KERNEL, STRIDE, PAD, CEIL, EXCLUDE, DILATION)                                        \
    { .name = NAME,                                                                                                    \
      .in = { X },                                                                                                     \
      .input_count = 1,                                                                                                \
      .fill = { CLADE_FILL_NONZERO },                                                                                  \
      .attributes = POOL(KERNEL, STRIDE, PAD, CEIL, false, LIST(0), DILATION, 2) },
/* Winners of any cell of the first rows: many are outside their windows, which counts as none. */
#define WINNERS_CASE(NAME, X, Y, SIZE, KERNEL, STRIDE, PAD, CEIL, EXCLUDE, DILATION)                                   \
    { .name = NAME,                                                                                                    \
      .in = { Y, Y },                                                                                                  \
      .input_count = 2,                                                                                                \
      .fill = { CLADE_FILL_LABELS, CLADE_FILL_UNIFORM },                                                               \
      .label_bound = 35,                                                                                               \
      .attributes = POOL(KERNEL, STRIDE, PAD, CEIL, EXCLUDE, SIZE, DILATION, 0) },
#define PICK_CASE(NAME, X, Y, SIZE, KERNEL, STRIDE, PAD, CEIL, EXCLUDE, DILATION)                                      \
    { .name = NAME,                                                                                                    \
      .in = { Y, X },                                                                                                  \
      .input_count = 2,                                                                                                \
      .fill = { CLADE_FILL_LABELS, CLADE_FILL_UNIFORM },                                                               \
      .label_bound = 30,                                                                                               \
      .attributes = POOL(KERNEL, STRIDE, PAD, CEIL, EXCLUDE, SIZE, DILATION, 0) },

static const clade_case max_cases[] = {
    GEOMETRIES(MAX_CASE){ .name = "winners all over a plane",
                          .in = { DIMS(8, 40, 5, 7) },
                          .input_count = 1,
                          .fill = { CLADE_FILL_DISTINCT },
                          .attributes = POOL(LIST(5, 7), LIST(1, 1), LIST(0), false, false, LIST(0), LIST(1, 1), 0) },
    { .name = NULL },
};
static const clade_case max_gradient_cases[] = {
    GEOMETRIES(WINNERS_CASE){ .name = "winners at the ends of a plane and past it",
                              .in = { DIMS(8, 40, 1, 1), DIMS(8, 40, 1, 1) },
                              .input_count = 2,
                              .fill = { CLADE_FILL_LABELS, CLADE_FILL_UNIFORM },
                              .label_bound = 37,
                              .attributes =
                                  POOL(LIST(5, 7), LIST(1, 1), LIST(0), false, false, LIST(5, 7), LIST(1, 1), 0) },
    { .name = NULL },
};
static const clade_case max_pick_cases[] = { GEOMETRIES(PICK_CASE){ .name = NULL } };
static const clade_case average_cases[] = { GEOMETRIES(AVERAGE_CASE){ .name = NULL } };
static const clade_case average_gradient_cases[] = { GEOMETRIES(GRADIENT_CASE){ .name = NULL } };
static const clade_case lp_cases[] = {
    GEOMETRIES(LP_CASE)
        LP_CASE_OF(1, "power one", DIMS(2, 3, 7, 35), LIST(3, 3), LIST(2, 2), LIST(1, 1, 1, 1), false, LIST(1, 1)),
    LP_CASE_OF(1, "power one, the whole plane", DIMS(2, 2, 5, 7), LIST(5, 7), LIST(1, 1), LIST(0), false, LIST(1, 1)),
    LP_CASE_OF(3, "power three", DIMS(2, 3, 7, 35), LIST(3, 3), LIST(2, 2), LIST(1, 1, 1, 1), false, LIST(1, 1)),
    LP_CASE_OF(3, "power three, the whole plane", DIMS(2, 2, 5, 7), LIST(5, 7), LIST(1, 1), LIST(0), false, LIST(1, 1)),
    { .name = NULL },
};

/* A winner of the element's window, as far as that lies in the plane of x. */
static int64_t sample(const clade_site *site, uint32_t input, int64_t element, uint32_t random) {
    const clade_pool_attributes *a = site->node->attributes;
    const clade_array *where = &site->in[input];
    const clade_array *x = site->node->op == &clade_op_max_pool_pick ? &site->in[1] : &site->out[0];
    const int64_t at[2] = { element / where->size[3] % where->size[2], element % where->size[3] };
    const int64_t cell[2] = { random % a->kernel[0], random / 65536 % a->kernel[1] };
    int64_t place[2];
    for (int i = 0; i < 2; i++) {
        place[i] = at[i] * a->stride[i] - a->pad[i] + cell[i] * a->dilation[i];
        if (place[i] < 0) place[i] = 0;
        if (place[i] >= x->size[2 + i]) place[i] = x->size[2 + i] - 1;
    }
    return place[0] * x->size[3] + place[1];
}

/* ---- the rows ---- */

#define ROW(NAME, ONNX, SCHEMA, INPUTS, OUTPUTS, INFER, GRADIENT, REFERENCE, IMPLEMENTATIONS, CASES)                   \
    {                                                                                                                  \
        .name = NAME, .onnx = ONNX, .attributes = SCHEMA, .attributes_size = sizeof(clade_pool_attributes),            \
        .input_minimum = INPUTS, .input_maximum = INPUTS, .outputs = OUTPUTS, .infer = INFER, .gradient = GRADIENT,    \
        .reference = REFERENCE, .sample = sample, .flops = flops, .implementations = IMPLEMENTATIONS, .cases = CASES   \
    }

const clade_op clade_op_max_pool = ROW("max_pool", "MaxPool", max_schema, 1, 2, infer_max, gradient_max,
                                       clade_max_pool_reference, clade_max_pool_implementations, max_cases);
const clade_op clade_op_max_pool_gradient =
    ROW("max_pool_gradient", NULL, gradient_schema, 2, 1, infer_max_gradient, gradient_max_gradient,
        clade_max_pool_gradient_reference, clade_max_pool_gradient_implementations, max_gradient_cases);
const clade_op clade_op_max_pool_pick =
    ROW("max_pool_pick", NULL, gradient_schema, 2, 1, infer_max_pick, gradient_max_pick, clade_max_pool_pick_reference,
        clade_max_pool_pick_implementations, max_pick_cases);
const clade_op clade_op_average_pool =
    ROW("average_pool", "AveragePool", average_schema, 1, 1, infer_average, gradient_average, clade_sum_pool_reference,
        clade_average_pool_implementations, average_cases);
const clade_op clade_op_average_pool_gradient =
    ROW("average_pool_gradient", NULL, gradient_schema, 1, 1, infer_average_gradient, gradient_average_gradient,
        clade_sum_pool_gradient_reference, clade_average_pool_gradient_implementations, average_gradient_cases);
const clade_op clade_op_sum_pool = ROW("sum_pool", NULL, max_schema, 1, 1, infer_average, gradient_average,
                                       clade_sum_pool_reference, clade_average_pool_implementations, average_cases);
const clade_op clade_op_sum_pool_gradient =
    ROW("sum_pool_gradient", NULL, gradient_schema, 1, 1, infer_average_gradient, gradient_average_gradient,
        clade_sum_pool_gradient_reference, clade_average_pool_gradient_implementations, average_gradient_cases);
const clade_op clade_op_lp_pool = ROW("lp_pool", "LpPool", lp_schema, 1, 1, infer_lp, gradient_lp,
                                      clade_lp_pool_reference, clade_average_pool_implementations, lp_cases);
