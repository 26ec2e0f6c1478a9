/* ONNX's operators that read an array between its elements: GridSample, AffineGrid, RoiAlign, DeformConv. Each reads the
 * whole elements around a place and adds them with weights that depend on how near they are. */
#include "formats/onnx/import.h"

#include <math.h>
#include <string.h>

#define INT32 ONNX__TENSOR_PROTO__DATA_TYPE__INT32
#define FLOAT ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT

/* ---- reading by places ---- */

typedef enum border { ZEROS, EDGE, REFLECTION } border;

/* An array of AXES spatial axes seen as (N, C, cells). */
typedef struct cells {
    clade_onnx_node *node;
    clade_value flat;
    int axes;
    int64_t size[3];
    border border;
    bool aligned; /* reflection is at the corners' middles, not at their edges */
} cells;

static clade_value number(const cells *c, double value) {
    return clade_onnx_scalar(c->node, FLOAT, value);
}

/* PLACE mirrored at both ends of an axis of SIZE as often as it takes to be inside. */
static clade_value reflected(const cells *c, clade_value place, int64_t size) {
    const double low = c->aligned ? 0 : -0.5, range = c->aligned ? (double)size - 1 : (double)size;
    if (range <= 0) return clade_scale(place, 0);
    const clade_value turns = clade_remainder(clade_offset(place, -low), number(c, 2 * range));
    const clade_value back = clade_negate(clade_offset(clade_absolute(clade_offset(turns, -range)), -range));
    return clade_offset(back, low);
}

/* The elements at whole PLACES (float32, one (N, P) for each axis, the outermost first) times WEIGHT (N, P): (N, C, P). */
static clade_value read_at(const cells *c, const clade_value *places, clade_value weight) {
    clade_value index = CLADE_NO_VALUE;
    const clade_dims dims = clade_value_dims(c->flat), at = clade_value_dims(places[0]);
    for (int k = 0; k < c->axes; k++) {
        const double last = (double)c->size[k] - 1;
        clade_value place = places[k];
        if (c->border == REFLECTION) place = reflected(c, place, c->size[k]);
        const clade_value kept = clade_clip(place, 0, last);
        if (c->border == ZEROS) {
            const clade_value same = clade_cast(clade_equal(kept, place), CLADE_F32);
            weight = clade_value_valid(weight) ? clade_multiply(weight, same) : same;
        }
        const clade_value whole = clade_cast(clade_detach(kept), CLADE_I32);
        const clade_value size = clade_onnx_scalar(c->node, INT32, (double)c->size[k]);
        index = k == 0 ? whole : clade_add(clade_multiply(index, size), whole);
    }
    const clade_dims wide = clade_shape(at.size[0], dims.size[1], at.size[1]);
    const clade_value y = clade_gather_elements(c->flat, clade_expand(clade_unsqueeze(index, 1), &wide), 2);
    return clade_value_valid(weight) ? clade_multiply(y, clade_unsqueeze(weight, 1)) : y;
}

/* Keys' cubic of |t|, coefficient -0.75. */
static clade_value cubic(const cells *c, clade_value t) {
    const double a = -0.75;
    const clade_value x = clade_absolute(t);
    clade_value near = clade_offset(clade_scale(x, a + 2), -(a + 3));
    near = clade_offset(clade_multiply(near, clade_square(x)), 1);
    clade_value far = clade_offset(clade_scale(x, a), -5 * a);
    far = clade_offset(clade_multiply(clade_offset(clade_multiply(far, x), 8 * a), x), -4 * a);
    const clade_value beyond = clade_where(clade_less(x, number(c, 2)), far, number(c, 0));
    return clade_where(clade_less_equal(x, number(c, 1)), near, beyond);
}

/* The weighted sum over the TAPS nearest elements of each axis, from FIRST after the one below. */
static clade_value read_between(const cells *c, const clade_value *places, int taps, int first) {
    clade_value below[3], sum = CLADE_NO_VALUE;
    int count = 1;
    for (int k = 0; k < c->axes; k++) {
        below[k] = clade_detach(clade_floor(places[k]));
        count *= taps;
    }
    for (int tap = 0; tap < count; tap++) {
        clade_value at[3], weight = CLADE_NO_VALUE;
        for (int k = c->axes - 1, left = tap; k >= 0; k--, left /= taps) {
            at[k] = clade_offset(below[k], first + left % taps);
            const clade_value away = clade_subtract(places[k], at[k]);
            const clade_value share = taps == 2 ? clade_offset(clade_negate(clade_absolute(away)), 1) : cubic(c, away);
            weight = clade_value_valid(weight) ? clade_multiply(weight, share) : share;
        }
        const clade_value part = read_at(c, at, weight);
        sum = clade_value_valid(sum) ? clade_add(sum, part) : part;
    }
    return sum;
}

static bool open_cells(clade_onnx_node *node, clade_value x, cells *c) {
    const clade_dims dims = clade_value_dims(x);
    int64_t count = 1;
    *c = (cells){ .node = node, .axes = dims.rank - 2 };
    if (c->axes < 1 || c->axes > 3) return clade_onnx_refuse(node, "over %d axes; 1 to 3 are supported", c->axes);
    for (int k = 0; k < c->axes; k++) {
        if (dims.size[2 + k] < 0) return clade_onnx_refuse(node, "a spatial size is open; give the input's dims");
        count *= c->size[k] = dims.size[2 + k];
    }
    c->flat = clade_reshape(x, clade_shape(dims.size[0], dims.size[1], count));
    return true;
}

/* ---- GridSample ---- */

enum { NEAREST, LINEAR, CUBIC };

/* The K-th of the last axis of GRID (N, ..., K), as (N, P). */
static clade_value component(clade_value grid, int k, clade_size batch, clade_size places) {
    clade_slice_options cut = { .size = sizeof cut, .x = grid };
    const int last = clade_value_dims(grid).rank - 1;
    cut.begin[last] = k;
    cut.end[last] = k + 1 == clade_value_dims(grid).size[last] ? 0 : k + 1;
    return clade_reshape(clade_slice_with(&cut), clade_shape(batch, places));
}

static bool translate_grid_sample(clade_onnx_node *node) {
    static const char *const modes[] = { "nearest", "linear", "cubic", "bilinear", "bicubic", NULL };
    static const char *const borders[] = { "zeros", "border", "reflection", NULL };
    const clade_value x = clade_onnx_in(node, 0), grid = clade_onnx_in(node, 1);
    const clade_dims dims = clade_value_dims(x), around = clade_value_dims(grid);
    int mode, edge;
    cells c;
    if (!clade_onnx_word(node, "mode", "linear", modes, &mode) ||
        !clade_onnx_word(node, "padding_mode", "zeros", borders, &edge) || !open_cells(node, x, &c))
        return false;
    if (around.rank != dims.rank || around.size[around.rank - 1] != c.axes)
        return clade_onnx_refuse(node, "the grid's dims do not go with an array of rank %d", dims.rank);
    if (mode > CUBIC) mode -= 2;
    c.border = (border)edge;
    c.aligned = clade_onnx_int(node, "align_corners", 0) != 0;
    clade_dims to = dims;
    for (int k = 0; k < c.axes; k++)
        to.size[2 + k] = around.size[1 + k];
    const clade_size count = clade_size_product(node->graph, to.size + 2, c.axes);
    clade_value places[3];
    for (int k = 0; k < c.axes; k++) { /* the grid's components are the innermost axis first */
        const clade_value at = component(grid, c.axes - 1 - k, dims.size[0], count);
        const double size = (double)c.size[k], half = c.aligned ? (size - 1) / 2 : size / 2;
        places[k] = clade_offset(clade_scale(at, half), (size - 1) / 2);
        if (mode == NEAREST) places[k] = clade_round(places[k]);
        if (mode == CUBIC) continue;
        /* Where only neighbours are read the place itself is moved inside. */
        if (c.border == REFLECTION) places[k] = reflected(&c, places[k], c.size[k]);
        if (c.border != ZEROS) places[k] = clade_clip(places[k], 0, size - 1);
    }
    if (c.border == REFLECTION && mode != CUBIC) c.border = EDGE;
    clade_value y = mode == NEAREST  ? read_at(&c, places, CLADE_NO_VALUE)
                    : mode == LINEAR ? read_between(&c, places, 2, 0)
                                     : read_between(&c, places, 4, -1);
    return clade_onnx_give(node, clade_reshape(y, to));
}

/* ---- AffineGrid ---- */

/* theta (N, K, K+1) times the coordinates (-1 .. 1, and 1) of each place of an image of the size asked for. */
static bool translate_affine_grid(clade_onnx_node *node) {
    const clade_value theta = clade_onnx_in(node, 0);
    const bool aligned = clade_onnx_int(node, "align_corners", 0) != 0;
    int64_t sizes[CLADE_MAX_RANK];
    int count;
    if (!clade_onnx_whole_numbers(node, 1, sizes, CLADE_MAX_RANK, &count)) return false;
    const int axes = count - 2;
    if (axes < 1 || axes > 3) return clade_onnx_refuse(node, "over %d axes; 1 to 3 are supported", axes);
    int64_t places = 1;
    for (int k = 0; k < axes; k++) {
        if (sizes[2 + k] < 1 || sizes[2 + k] > INT32_MAX / places) return clade_onnx_refuse(node, "of such a size");
        places *= sizes[2 + k];
    }
    double *numbers = clade_allocate(node->graph->context, (size_t)(places * (axes + 1)), sizeof *numbers);
    if (numbers == NULL) return false;
    for (int64_t p = 0; p < places; p++) {
        int64_t left = p;
        numbers[p * (axes + 1) + axes] = 1;
        for (int k = 0; k < axes; k++) { /* the innermost axis first */
            const int64_t size = sizes[count - 1 - k], at = left % size;
            const double step = aligned ? (size > 1 ? 2.0 / (double)(size - 1) : 0) : 2.0 / (double)size;
            numbers[p * (axes + 1) + k] = (double)at * step - 1 + (aligned ? 0 : step / 2);
            left /= size;
        }
    }
    const clade_dims base = clade_shape(1, places, axes + 1);
    const clade_value grid = clade_onnx_constant(node, FLOAT, &base, numbers);
    clade_free(node->graph->context, numbers);
    clade_dims to = { .rank = axes + 2, .size = { clade_value_dims(theta).size[0] } };
    for (int k = 0; k < axes; k++)
        to.size[1 + k] = sizes[2 + k];
    to.size[axes + 1] = axes;
    return clade_onnx_give(node, clade_reshape(clade_batched_matmul(grid, theta, false, true), to));
}

/* ---- RoiAlign ---- */

/* START + (i + 1/2) STEP for i = 0 .. COUNT-1, a column (R, COUNT) of START and STEP (R, 1). */
static clade_value samples(clade_onnx_node *node, clade_value start, clade_value step, int64_t count) {
    const clade_dims row = clade_shape(1, count);
    double *numbers = clade_allocate(node->graph->context, (size_t)count, sizeof *numbers);
    if (numbers == NULL) return clade_invalid(node->graph, CLADE_ERROR_MEMORY, "out of memory for a constant");
    for (int64_t i = 0; i < count; i++)
        numbers[i] = (double)i + 0.5;
    const clade_value places = clade_onnx_constant(node, FLOAT, &row, numbers);
    clade_free(node->graph->context, numbers);
    return clade_add(start, clade_multiply(step, places));
}

/* Regions (R, 4) of images x (N, C, H, W) at OUT[0] x OUT[1] bins of RATIO x RATIO samples each. */
typedef struct regions {
    clade_value x, boxes, images;
    int64_t out[2], ratio;
    double scale;
    bool half, largest;
} regions;

static clade_value side_of(const regions *r, int k) {
    const clade_value at =
        clade_scale(clade_slice(r->boxes, .begin = { 0, k }, .end = { 0, k == 3 ? 0 : k + 1 }), r->scale);
    return r->half ? clade_offset(at, -0.5) : at;
}

/* The samples' places along axis K (0: rows) of each region, (R, OUT RATIO). */
static clade_value places_of(clade_onnx_node *node, const regions *r, int k) {
    const clade_value start = side_of(r, 1 - k);
    clade_value extent = clade_subtract(side_of(r, 3 - k), start);
    if (!r->half) extent = clade_maximum(extent, clade_onnx_scalar(node, FLOAT, 1));
    const int64_t count = r->out[k] * r->ratio;
    return samples(node, start, clade_scale(extent, 1.0 / (double)count), count);
}

/* What interpolation reads along one axis of SIZE: a place less than 1 outside is moved to the edge, one further counts
 * nothing (INSIDE). */
static clade_value moved_inside(clade_onnx_node *node, clade_value place, int64_t size, clade_value *inside) {
    const clade_value low = clade_less(place, clade_onnx_scalar(node, FLOAT, -1));
    const clade_value high = clade_less(clade_onnx_scalar(node, FLOAT, (double)size), place);
    *inside = clade_cast(clade_logical_not(clade_logical_or(low, high)), CLADE_F32);
    return clade_clip(place, 0, (double)size - 1);
}

static clade_value align(clade_onnx_node *node, const regions *r) {
    const clade_dims image = clade_value_dims(r->x), boxes = clade_value_dims(r->boxes);
    const clade_size many = boxes.size[0];
    const int64_t rows = r->out[0] * r->ratio, columns = r->out[1] * r->ratio;
    clade_value inside[2], places[2];
    cells c;
    if (!open_cells(node, clade_gather(r->x, r->images, 0), &c)) return CLADE_NO_VALUE;
    c.border = EDGE;
    const clade_dims grid = clade_shape(many, rows, columns), flat = clade_shape(many, rows * columns);
    for (int k = 0; k < 2; k++) {
        const clade_value place = moved_inside(node, places_of(node, r, k), image.size[2 + k], &inside[k]);
        places[k] = clade_reshape(clade_expand(clade_unsqueeze(place, k == 0 ? 2 : 1), &grid), flat);
        inside[k] = clade_unsqueeze(inside[k], k == 0 ? 2 : 1);
    }
    clade_value y;
    if (r->largest) { /* the largest of the four weighted neighbours of every sample */
        y = CLADE_NO_VALUE;
        const clade_value below[] = { clade_detach(clade_floor(places[0])), clade_detach(clade_floor(places[1])) };
        for (int tap = 0; tap < 4; tap++) {
            const clade_value at[] = { clade_offset(below[0], tap / 2), clade_offset(below[1], tap % 2) };
            clade_value weight = CLADE_NO_VALUE;
            for (int k = 0; k < 2; k++) {
                const clade_value share =
                    clade_offset(clade_negate(clade_absolute(clade_subtract(places[k], at[k]))), 1);
                weight = k == 0 ? share : clade_multiply(weight, share);
            }
            const clade_value part = read_at(&c, at, weight);
            y = tap == 0 ? part : clade_maximum(y, part);
        }
    } else {
        y = read_between(&c, places, 2, 0);
    }
    y = clade_reshape(y, clade_shape(many, image.size[1], rows, columns));
    y = clade_multiply(y, clade_unsqueeze(clade_multiply(inside[0], inside[1]), 1));
    y = clade_reshape(y, clade_shape(many, image.size[1], r->out[0], r->ratio, r->out[1], r->ratio));
    const uint32_t within = 1u << 3 | 1u << 5;
    return r->largest ? clade_largest(y, within, false) : clade_mean(y, within, false);
}

/* With a ratio of 0 each region has as many samples a bin as it has elements; regions of one kind are taken together. */
static int64_t own_ratio(const regions *r, const double *box, int k) {
    double extent = (box[3 - k] - box[1 - k]) * r->scale;
    if (!r->half && extent < 1) extent = 1;
    const double ratio = ceil(extent / (double)r->out[k]);
    return ratio < 1 ? 1 : ratio > 1024 ? 1024 : (int64_t)ratio;
}

static bool translate_roi_align(clade_onnx_node *node) {
    enum { MOST_REGIONS = 1024 };
    static const char *const modes[] = { "avg", "max", NULL };
    static const char *const places[] = { "half_pixel", "output_half_pixel", NULL };
    regions r = { .x = clade_onnx_in(node, 0), .boxes = clade_onnx_in(node, 1), .images = clade_onnx_in(node, 2) };
    int mode, place, count = 0;
    if (!clade_onnx_word(node, "mode", "avg", modes, &mode) ||
        !clade_onnx_word(node, "coordinate_transformation_mode", node->opset < 16 ? places[1] : places[0], places,
                         &place))
        return false;
    r.out[0] = clade_onnx_int(node, "output_height", 1);
    r.out[1] = clade_onnx_int(node, "output_width", 1);
    r.ratio = clade_onnx_int(node, "sampling_ratio", 0);
    r.scale = clade_onnx_float(node, "spatial_scale", 1);
    r.half = place == 0;
    r.largest = mode == 1;
    if (r.out[0] < 1 || r.out[1] < 1 || r.ratio < 0) return clade_onnx_refuse(node, "its sizes are below 1");
    if (r.ratio == 0) {
        double *boxes = clade_allocate(node->graph->context, 4 * MOST_REGIONS, sizeof *boxes);
        if (boxes == NULL) return false;
        bool good = clade_onnx_numbers(node, 1, boxes, 4 * MOST_REGIONS, &count);
        for (int i = 0; i + 3 < count && good; i += 4) {
            for (int k = 0; k < 2 && good; k++) {
                const int64_t own = own_ratio(&r, boxes + i, k);
                good = r.ratio == 0 || own == r.ratio;
                r.ratio = own;
            }
        }
        clade_free(node->graph->context, boxes);
        if (!good) return clade_onnx_refuse(node, "sampling_ratio 0 with regions of several sizes");
    }
    return clade_onnx_give(node, align(node, &r));
}

/* ---- DeformConv ---- */

typedef struct deformation {
    int64_t kernel[2], stride[2], pad[4], dilation[2], out[2], group, offset_group;
} deformation;

static bool read_deformation(clade_onnx_node *node, clade_value x, clade_value w, deformation *d) {
    const clade_dims image = clade_value_dims(x), filters = clade_value_dims(w);
    *d = (deformation){ .stride = { 1, 1 }, .dilation = { 1, 1 } };
    d->group = clade_onnx_int(node, "group", 1);
    d->offset_group = clade_onnx_int(node, "offset_group", 1);
    if (image.rank != 4 || filters.rank != 4) return clade_onnx_refuse(node, "over other than two axes");
    if (clade_onnx_ints(node, "strides", d->stride, 2) < 0 || clade_onnx_ints(node, "dilations", d->dilation, 2) < 0 ||
        clade_onnx_ints(node, "pads", d->pad, 4) < 0)
        return false;
    for (int k = 0; k < 2; k++) {
        d->kernel[k] = filters.size[2 + k];
        if (image.size[2 + k] < 0) return clade_onnx_refuse(node, "a spatial size is open; give the input's dims");
        const int64_t room = image.size[2 + k] + d->pad[k] + d->pad[2 + k] - d->dilation[k] * (d->kernel[k] - 1) - 1;
        if (room < 0 || d->stride[k] < 1) return clade_onnx_refuse(node, "its window does not fit");
        d->out[k] = room / d->stride[k] + 1;
    }
    if (d->group < 1 || d->offset_group < 1 || image.size[1] % d->group != 0 || image.size[1] % d->offset_group != 0)
        return clade_onnx_refuse(node, "%lld groups", (long long)d->group);
    return true;
}

/* Where each tap of each window begins along axis K: (1, 1, taps, P, Q). */
static clade_value window_places(clade_onnx_node *node, const deformation *d, int k) {
    const int64_t taps = d->kernel[0] * d->kernel[1], cells_out = d->out[0] * d->out[1];
    double *numbers = clade_allocate(node->graph->context, (size_t)(taps * cells_out), sizeof *numbers);
    if (numbers == NULL) return clade_invalid(node->graph, CLADE_ERROR_MEMORY, "out of memory for a constant");
    for (int64_t i = 0; i < taps * cells_out; i++) {
        const int64_t tap = i / cells_out, cell = i % cells_out;
        const int64_t t = k == 0 ? tap / d->kernel[1] : tap % d->kernel[1];
        const int64_t o = k == 0 ? cell / d->out[1] : cell % d->out[1];
        numbers[i] = (double)(o * d->stride[k] - d->pad[k] + t * d->dilation[k]);
    }
    const clade_dims dims = clade_shape(1, 1, taps, cells_out);
    const clade_value places = clade_onnx_constant(node, FLOAT, &dims, numbers);
    clade_free(node->graph->context, numbers);
    return places;
}

/* The samples under every tap, by channels of an offset group, then a product with the filters. */
static bool translate_deform_conv(clade_onnx_node *node) {
    const clade_value x = clade_onnx_in(node, 0), w = clade_onnx_in(node, 1);
    const clade_dims image = clade_value_dims(x), filters = clade_value_dims(w);
    deformation d;
    cells c;
    if (!read_deformation(node, x, w, &d)) return false;
    const int64_t taps = d.kernel[0] * d.kernel[1], cells_out = d.out[0] * d.out[1], channels = image.size[1];
    const clade_size batch = image.size[0];
    const clade_size many = clade_size_multiply(node->graph, batch, d.offset_group);
    const clade_value offset = clade_reshape(clade_onnx_in(node, 2), clade_shape(many, taps, 2, cells_out));
    clade_value places[2];
    for (int k = 0; k < 2; k++) {
        const clade_value own = clade_slice(offset, .begin = { 0, 0, k }, .end = { 0, 0, k == 0 ? 1 : 0 });
        const clade_value moved =
            clade_add(clade_reshape(own, clade_shape(many, 1, taps, cells_out)), window_places(node, &d, k));
        places[k] = clade_reshape(moved, clade_shape(many, taps * cells_out));
    }
    if (!open_cells(node, clade_reshape(x, clade_shape(many, channels / d.offset_group, image.size[2], image.size[3])),
                    &c))
        return false;
    c.border = ZEROS;
    clade_value read = read_between(&c, places, 2, 0); /* (N groups, C / groups, taps P Q) */
    if (clade_onnx_has(node, 4))
        read = clade_multiply(read, clade_reshape(clade_onnx_in(node, 4), clade_shape(many, 1, taps * cells_out)));
    read = clade_reshape(read, clade_shape(batch, d.group, channels / d.group * taps, cells_out));
    const clade_value rows =
        clade_reshape(w, clade_shape(1, d.group, filters.size[0] / d.group, filters.size[1] * taps));
    const clade_dims to = clade_shape(batch, filters.size[0], d.out[0], d.out[1]);
    const clade_value y = clade_reshape(clade_batched_matmul(rows, read, false, false), to);
    return clade_onnx_give(node, clade_onnx_has(node, 3) ? clade_bias(y, clade_onnx_in(node, 3)) : y);
}

const clade_onnx_translator clade_onnx_sampling[] = {
    { "AffineGrid", translate_affine_grid, 0 },
    { "DeformConv", translate_deform_conv, 0 },
    { "GridSample", translate_grid_sample, 0 },
    { "RoiAlign", translate_roi_align, 0 },
    { NULL, NULL, 0 },
};
