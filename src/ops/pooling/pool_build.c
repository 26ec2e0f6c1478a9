/* The builder's calls of pooling. The rows pool over two axes; one axis is a plane of height 1. A window over three
 * axes is one over the planes followed by one over the depth: maxima, sums and Lp norms of parts are those of the
 * whole, and extents are products, so means are too; of equals the first in order wins either way. */
#include "ops/pooling/pool.h"

#include <string.h>

extern const clade_op clade_op_reshape;

enum { AXES = 3 };

/* The options by axis, completed. */
typedef struct window {
    int64_t kernel[AXES], stride[AXES], dilation[AXES], before[AXES], after[AXES];
} window;

/* The padding that gives ceil(SIZE / stride) windows along AXIS. */
static void pad_to_same(window *w, int axis, int64_t size, bool lower) {
    const int64_t count = (size + w->stride[axis] - 1) / w->stride[axis];
    const int64_t reach = (w->kernel[axis] - 1) * w->dilation[axis] + 1;
    const int64_t missing = (count - 1) * w->stride[axis] + reach - size, all = missing > 0 ? missing : 0;
    w->before[axis] = lower ? all - all / 2 : all / 2;
    w->after[axis] = all - w->before[axis];
}

static window window_of(const clade_pool_options *given, const clade_dims *x, int axes) {
    window w;
    for (int i = 0; i < axes; i++) {
        const int64_t size = x->size[2 + i];
        w.kernel[i] = given->kernel[i];
        w.stride[i] = given->stride[i] != 0 ? given->stride[i] : given->kernel[i];
        w.dilation[i] = given->dilation[i] != 0 ? given->dilation[i] : 1;
        w.before[i] = given->pad[i];
        w.after[i] = given->pad[axes + i];
        if (given->padding != CLADE_POOL_AS_GIVEN && w.stride[i] > 0)
            pad_to_same(&w, i, size, given->padding == CLADE_POOL_SAME_LOWER);
    }
    return w;
}

/* The attributes for axes H and W of the window; -1: no such axis. */
static clade_pool_attributes attributes_for(const clade_pool_options *given, const window *w, int h, int width) {
    const int axis[] = { h, width };
    clade_pool_attributes a = { .ceil = given->ceil, .exclude_pad = given->exclude_pad };
    a.power = given->power != 0 ? given->power : 2;
    for (int i = 0; i < 2; i++) {
        const bool is = axis[i] >= 0;
        a.kernel[i] = is ? w->kernel[axis[i]] : 1;
        a.stride[i] = is ? w->stride[axis[i]] : 1;
        a.dilation[i] = is ? w->dilation[axis[i]] : 1;
        a.pad[i] = is ? w->before[axis[i]] : 0;
        a.pad[2 + i] = is ? w->after[axis[i]] : 0;
    }
    return a;
}

static clade_value append(const clade_op *op, const char *name, const clade_pool_attributes *a, clade_value x) {
    return clade_append(x.graph, op, name, a, &x, 1);
}

/* (N, C, D, H, W) by planes, then by depth. */
static clade_value pool_volumes(const clade_op *op, const clade_pool_options *given, const window *w) {
    const clade_dims x = clade_value_dims(given->x);
    clade_graph *graph = given->x.graph;
    const clade_pool_attributes across = attributes_for(given, w, 1, 2), along = attributes_for(given, w, 0, -1);
    const clade_size planes = clade_size_multiply(graph, x.size[1], x.size[2]);
    clade_value y = clade_reshape(given->x, clade_shape(x.size[0], planes, x.size[3], x.size[4]));
    y = append(op, given->name, &across, y);
    if (!clade_value_valid(y)) return y;
    const clade_dims flat = clade_value_dims(y);
    y = clade_reshape(y, clade_shape(x.size[0], x.size[1], x.size[2], flat.size[2] * flat.size[3]));
    y = append(op, given->name, &along, y);
    if (!clade_value_valid(y)) return y;
    return clade_reshape(y, clade_shape(x.size[0], x.size[1], clade_value_dims(y).size[2], flat.size[2], flat.size[3]));
}

static clade_value pool_rows(const clade_op *op, const clade_pool_options *given, const window *w) {
    const clade_dims x = clade_value_dims(given->x);
    const clade_pool_attributes a = attributes_for(given, w, -1, 0);
    clade_value y = clade_reshape(given->x, clade_shape(x.size[0], x.size[1], 1, x.size[2]));
    y = append(op, given->name, &a, y);
    return clade_reshape(y, clade_shape(x.size[0], x.size[1], CLADE_REST));
}

static clade_value pool(const clade_op *op, const clade_pool_options *options) {
    clade_pool_options given = { 0 };
    memcpy(&given, options, options->size < sizeof given ? options->size : sizeof given);
    if (!clade_value_valid(given.x)) return append(op, given.name, &(const clade_pool_attributes){ 0 }, given.x);
    const clade_type *x = clade_value_type(given.x);
    const int axes = x->dims.rank - 2;
    bool numbers = axes >= 1 && axes <= AXES;
    for (int i = 0; i < axes && numbers; i++) {
        numbers = x->dims.size[2 + i] > 0;
    }
    if (!numbers)
        return clade_invalid(
            given.x.graph, CLADE_ERROR_ARGUMENT,
            "%s of %s: expected float32 (N, C, H, W), (N, C, W) or (N, C, D, H, W), sizes after C numbers", op->name,
            clade_type_text(given.x.graph, x));
    const window w = window_of(&given, &x->dims, axes);
    if (axes == 1) return pool_rows(op, &given, &w);
    if (axes == 3) return pool_volumes(op, &given, &w);
    const clade_pool_attributes a = attributes_for(&given, &w, 0, 1);
    return append(op, given.name, &a, given.x);
}

clade_value clade_max_pool_with(const clade_pool_options *options) {
    return pool(&clade_op_max_pool, options);
}

clade_value clade_average_pool_with(const clade_pool_options *options) {
    return pool(&clade_op_average_pool, options);
}

clade_value clade_sum_pool_with(const clade_pool_options *options) {
    return pool(&clade_op_sum_pool, options);
}

clade_value clade_lp_pool_with(const clade_pool_options *options) {
    return pool(&clade_op_lp_pool, options);
}

/* ---- winners ---- */

clade_value clade_max_pool_indices(clade_value y) {
    if (!clade_value_valid(y)) return y;
    const clade_node *node = clade_value_node(y);
    const bool reshaped = node->op == &clade_op_reshape && clade_value_dims(y).rank == 3;
    if (reshaped) node = clade_value_node(node->inputs[0]);
    if (node->op != &clade_op_max_pool || (!reshaped && y.output != 0))
        return clade_invalid(y.graph, CLADE_ERROR_ARGUMENT,
                             "max_pool_indices: expected the result of a max_pool over one or two axes");
    const clade_value indices = { y.graph, node->index, 1 };
    return reshaped ? clade_reshape(indices, clade_value_dims(y)) : indices;
}

/* Without the last axis of an array of planes, or with one of size 1 before it. */
static clade_value as_planes(clade_value x, bool rows) {
    if (!rows) return x;
    const clade_dims dims = clade_value_dims(x);
    return clade_reshape(x, clade_shape(dims.size[0], dims.size[1], 1, dims.size[2]));
}

clade_value clade_max_unpool_with(const clade_unpool_options *options) {
    clade_unpool_options given = { 0 };
    memcpy(&given, options, options->size < sizeof given ? options->size : sizeof given);
    const clade_value both[] = { given.x, given.indices };
    clade_graph *graph = clade_graph_of(both, 2);
    if (!clade_value_valid(given.x) || !clade_value_valid(given.indices))
        return clade_append(graph, &clade_op_max_pool_gradient, given.name, NULL, both, 2);
    const clade_dims x = clade_value_dims(given.x);
    const bool rows = x.rank == 3, known = rows || x.rank == 4;
    if (!known || clade_value_dims(given.indices).rank != x.rank)
        return clade_invalid(graph, CLADE_ERROR_ARGUMENT,
                             "max_unpool of %s: expected x and indices (N, C, P, Q) or (N, C, Q)",
                             clade_type_text(graph, clade_value_type(given.x)));
    clade_pool_attributes a = { .kernel = { 1, 1 }, .stride = { 1, 1 }, .dilation = { 1, 1 }, .size = { 1, 1 } };
    for (int i = rows ? 1 : 0, from = 0; i < 2; i++, from++) {
        const int axes = rows ? 1 : 2;
        a.kernel[i] = given.kernel[from];
        a.stride[i] = given.stride[from] != 0 ? given.stride[from] : given.kernel[from];
        a.pad[i] = given.pad[from];
        a.pad[2 + i] = given.pad[axes + from];
        const int64_t usual = (x.size[2 + from] - 1) * a.stride[i] + a.kernel[i] - a.pad[i] - a.pad[2 + i];
        a.size[i] = given.extents[from] != 0 ? given.extents[from] : usual;
    }
    const clade_value inputs[] = { as_planes(given.indices, rows), as_planes(given.x, rows) };
    const clade_value y = clade_append(graph, &clade_op_max_pool_gradient, given.name, &a, inputs, 2);
    return rows ? clade_reshape(y, clade_shape(x.size[0], x.size[1], CLADE_REST)) : y;
}

/* ---- over whole planes, and over features ---- */

/* Elements after the first FROM axes of X; 0 when their sizes are not all numbers. */
static int64_t cells_after(clade_value x, int32_t from) {
    const clade_dims dims = clade_value_dims(x);
    int64_t cells = 1;
    for (int32_t axis = from; axis < dims.rank; axis++) {
        cells = dims.size[axis] > 0 ? cells * dims.size[axis] : 0;
    }
    return cells;
}

static clade_value global_pool(const clade_op *op, clade_value x, int64_t power) {
    if (!clade_value_valid(x)) return append(op, "", &(const clade_pool_attributes){ 0 }, x);
    const clade_dims dims = clade_value_dims(x);
    const int64_t cells = dims.rank >= 3 ? cells_after(x, 2) : 0;
    if (cells == 0)
        return clade_invalid(x.graph, CLADE_ERROR_ARGUMENT,
                             "global %s of %s: expected (N, C, ...), sizes after C numbers", op->name,
                             clade_type_text(x.graph, clade_value_type(x)));
    clade_dims pooled = dims;
    for (int32_t axis = 2; axis < dims.rank; axis++) {
        pooled.size[axis] = 1;
    }
    const clade_pool_attributes a = {
        .kernel = { 1, cells }, .stride = { 1, 1 }, .dilation = { 1, 1 }, .power = power
    };
    const clade_value plane = clade_reshape(x, clade_shape(dims.size[0], dims.size[1], 1, cells));
    return clade_reshape(append(op, "", &a, plane), pooled);
}

clade_value clade_global_max_pool(clade_value x) {
    return global_pool(&clade_op_max_pool, x, 0);
}

clade_value clade_global_lp_pool(clade_value x, int64_t power) {
    return global_pool(&clade_op_lp_pool, x, power);
}

clade_value clade_feature_pool_with(const clade_feature_pool_options *options) {
    static const clade_op *const ops[] = { &clade_op_lp_pool, &clade_op_max_pool, &clade_op_average_pool,
                                           &clade_op_sum_pool };
    clade_feature_pool_options given = { 0 };
    memcpy(&given, options, options->size < sizeof given ? options->size : sizeof given);
    const clade_op *op = given.kind <= CLADE_POOL_SUM ? ops[given.kind] : ops[0];
    const clade_value x = given.x;
    if (!clade_value_valid(x)) return append(op, given.name, &(const clade_pool_attributes){ 0 }, x);
    clade_dims dims = clade_value_dims(x);
    const int64_t pixels = dims.rank >= 2 ? cells_after(x, 2) : 0;
    if (pixels == 0)
        return clade_invalid(x.graph, CLADE_ERROR_ARGUMENT, "feature_pool of %s: expected (N, C, ...), sizes numbers",
                             clade_type_text(x.graph, clade_value_type(x)));
    /* Channels are rows of pixels, or, of single pixels, columns. */
    const int axis = pixels > 1 ? 0 : 1;
    clade_pool_attributes a = { .kernel = { 1, 1 }, .stride = { 1, 1 }, .dilation = { 1, 1 } };
    a.kernel[axis] = given.window;
    a.stride[axis] = given.stride != 0 ? given.stride : given.window;
    a.power = given.power != 0 ? given.power : 2;
    const clade_dims plane =
        axis == 0 ? clade_shape(dims.size[0], 1, dims.size[1], pixels) : clade_shape(dims.size[0], 1, 1, dims.size[1]);
    const clade_value y = append(op, given.name, &a, clade_reshape(x, plane));
    if (!clade_value_valid(y)) return y;
    dims.size[1] = clade_value_dims(y).size[2 + axis];
    return clade_reshape(y, dims);
}
