/* Rows by their numbers: an embedding, and any choice along an axis.
 *   gather           x (A..., S, B...) and index (I...), int32 -> y (A..., I..., B...): y[a, i, b] = x[a, index[i], b]
 *   gather_gradient  dy (A..., I..., B...) and index -> dx (A..., S, B...): the sum of the rows that were taken from each
 * An index counts from the end where it is negative; one that is then still outside gives 0 and takes no gradient. Sums
 * are added in the order of the index. Gather takes any type of element of four bytes. */
#include "ops/shape/gather.h"

#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

extern const clade_op clade_op_gather, clade_op_gather_gradient;

typedef struct gather_attributes {
    int64_t axis;
    clade_size size; /* of the axis in x: for the gradient */
} gather_attributes;

static const clade_attribute schema[] = {
    { "axis", CLADE_ATTRIBUTE_INT, offsetof(gather_attributes, axis), 0 },
    { NULL, 0, 0, 0 },
};
static const clade_attribute gradient_schema[] = {
    { "axis", CLADE_ATTRIBUTE_INT, offsetof(gather_attributes, axis), 0 },
    { "size", CLADE_ATTRIBUTE_SIZE, offsetof(gather_attributes, size), 0 },
    { NULL, 0, 0, 0 },
};

int64_t clade_place_of(double index, int64_t size) {
    const double place = index < 0 ? index + (double)size : index;
    return place >= 0 && place < (double)size ? (int64_t)place : -1;
}

double clade_combine(clade_combination how, double old, double new) {
    switch (how) {
    case CLADE_COMBINE_ADD:
        return old + new;
    case CLADE_COMBINE_MULTIPLY:
        return old * new;
    case CLADE_COMBINE_MAXIMUM:
        return fmax(old, new);
    case CLADE_COMBINE_MINIMUM:
        return fmin(old, new);
    default:
        return new;
    }
}

/* ---- gradients that other rows share ---- */

void clade_gather_gradient(clade_tape *tape, const clade_node *node, const clade_value dy[], clade_value dx[],
                           const clade_op *scatter, const void *attributes) {
    if (!tape->wanted[0]) return;
    const clade_value zeros = clade_constant(tape->graph, clade_value_dims(node->inputs[0]), 0);
    const clade_value inputs[] = { zeros, node->inputs[1], dy[0] };
    dx[0] = clade_append(tape->graph, scatter, "", attributes, inputs, 3);
}

/* What came from x flows to x, the rest to what was put: of the larger and smaller, to those that equal y. */
void clade_scatter_gradient(clade_tape *tape, const clade_node *node, const clade_value dy[], clade_value dx[],
                            const clade_op *gather, clade_combination how) {
    const clade_value x = node->inputs[0], index = node->inputs[1], u = node->inputs[2];
    const clade_value y = { tape->graph, node->index, 0 }, zero = clade_constant(tape->graph, CLADE_SCALAR, 0);
    clade_value to_x = dy[0], to_u = dy[0];
    if (how == CLADE_COMBINE_REPLACE) {
        const clade_value inputs[] = { dy[0], index, clade_constant(tape->graph, clade_value_dims(u), 0) };
        to_x = clade_append(tape->graph, node->op, "", node->attributes, inputs, 3);
    } else if (how == CLADE_COMBINE_MULTIPLY) {
        to_u = clade_multiply(dy[0], y);
        to_x = clade_divide(to_u, x);
    } else if (how != CLADE_COMBINE_ADD) {
        to_x = clade_where(clade_equal(x, y), dy[0], zero);
    }
    if (tape->wanted[0]) dx[0] = to_x;
    if (!tape->wanted[2]) return;
    const clade_value flowing[] = { to_u, index }, results[] = { y, index };
    dx[2] = clade_append(tape->graph, gather, "", node->attributes, flowing, 2);
    if (how == CLADE_COMBINE_MULTIPLY) dx[2] = clade_divide(dx[2], u);
    if (how == CLADE_COMBINE_MAXIMUM || how == CLADE_COMBINE_MINIMUM) {
        const clade_value won = clade_append(tape->graph, gather, "", node->attributes, results, 2);
        dx[2] = clade_where(clade_equal(u, won), dx[2], zero);
    }
}

/* ---- types and gradients ---- */

static bool infer_gather(const clade_node *node, clade_type out[], clade_text *why) {
    const gather_attributes *a = node->attributes;
    const clade_type *x = clade_value_type(node->inputs[0]), *index = clade_value_type(node->inputs[1]);
    const int32_t rank = x->dims.rank + index->dims.rank - 1;
    if (index->dtype != CLADE_I32 || a->axis < 0 || a->axis >= x->dims.rank || rank > CLADE_MAX_RANK) {
        clade_text_add(why, "expected an int32 index and one of x's axes, %d axes in all at most; axis is %lld",
                       CLADE_MAX_RANK, (long long)a->axis);
        return false;
    }
    clade_dims dims = { .rank = rank };
    for (int32_t i = 0, at = 0; i < x->dims.rank; i++) {
        if (i != a->axis) {
            dims.size[at++] = x->dims.size[i];
            continue;
        }
        memcpy(dims.size + at, index->dims.size, (size_t)index->dims.rank * sizeof dims.size[0]);
        at += index->dims.rank;
    }
    out[0] = (clade_type){ x->dtype, dims };
    return true;
}

static bool infer_gather_gradient(const clade_node *node, clade_type out[], clade_text *why) {
    const gather_attributes *a = node->attributes;
    const clade_type *dy = clade_value_type(node->inputs[0]), *index = clade_value_type(node->inputs[1]);
    const int32_t rank = dy->dims.rank - index->dims.rank + 1;
    bool good = dy->dtype == CLADE_F32 && index->dtype == CLADE_I32 && rank >= 1 && a->axis >= 0 && a->axis < rank;
    for (int32_t i = 0; good && i < index->dims.rank; i++) {
        good = dy->dims.size[a->axis + i] == index->dims.size[i];
    }
    if (!good) {
        clade_text_add(why, "expected float32 with the int32 index's dims from axis %lld on", (long long)a->axis);
        return false;
    }
    clade_dims dims = { .rank = rank };
    for (int32_t i = 0; i < rank; i++) {
        dims.size[i] = i < a->axis    ? dy->dims.size[i]
                       : i == a->axis ? a->size
                                      : dy->dims.size[i + index->dims.rank - 1];
    }
    out[0] = (clade_type){ CLADE_F32, dims };
    return true;
}

static void gradient_gather(clade_tape *tape, const clade_node *node, const clade_value dy[], clade_value dx[]) {
    gather_attributes a = *(const gather_attributes *)node->attributes;
    if (!tape->wanted[0]) return;
    a.size = clade_value_type(node->inputs[0])->dims.size[a.axis];
    const clade_value inputs[] = { dy[0], node->inputs[1] };
    dx[0] = clade_append(tape->graph, &clade_op_gather_gradient, "", &a, inputs, 2);
}

static void gradient_gather_gradient(clade_tape *tape, const clade_node *node, const clade_value dy[],
                                     clade_value dx[]) {
    const clade_value inputs[] = { dy[0], node->inputs[1] };
    if (tape->wanted[0]) dx[0] = clade_append(tape->graph, &clade_op_gather, "", node->attributes, inputs, 2);
}

/* ---- references ---- */

/* WIDE is the array with the axis, NARROW that with the index instead. */
static void walk(const clade_node *node, const clade_tensor *wide, const clade_tensor *index,
                 const clade_tensor *narrow, bool gathers) {
    const int64_t axis = ((const gather_attributes *)node->attributes)->axis, size = wide->size[axis];
    int64_t inner = 1;
    for (int64_t i = axis + 1; i < wide->rank; i++) {
        inner *= wide->size[i];
    }
    for (int64_t i = 0; i < narrow->count; i++) {
        const int64_t k = i % inner, j = i / inner % index->count, outer = i / inner / index->count;
        const int64_t place = clade_place_of(index->data[j], size), at = (outer * size + place) * inner + k;
        if (gathers)
            narrow->data[i] = place < 0 ? 0 : wide->data[at];
        else if (place >= 0)
            wide->data[at] += narrow->data[i];
    }
}

static void reference_gather(const clade_node *node, const clade_tensor in[], clade_tensor out[]) {
    walk(node, &in[0], &in[1], &out[0], true);
}

static void reference_gather_gradient(const clade_node *node, const clade_tensor in[], clade_tensor out[]) {
    memset(out[0].data, 0, (size_t)out[0].count * sizeof(double));
    walk(node, &out[0], &in[1], &in[0], false);
}

/* ---- launches ---- */

enum {
    CHUNK = 4096, /* elements that an item takes where it is a thread's work */
    GROUP = 64,
    RANGES = 64,    /* into which spread_rows cuts the rows of x, at most */
    GPU_RANGE = 64, /* rows of x for a group of spread_groups */
};

void clade_gather_options(clade_dtype dtype, clade_combination how, char options[48]) {
    snprintf(options, 48, "-DELEMENT=%s -DHOW=%d", dtype == CLADE_I32 ? "int" : "float", (int)how);
}

clade_status clade_gather_launch(const clade_site *site, clade_commands *commands, const clade_row_places *what,
                                 bool rows) {
    const int64_t chunk = clade_smaller(what->inner, CHUNK),
                  part = clade_smaller(clade_blocks(CHUNK, chunk), what->count);
    const clade_argument arguments[] = {
        clade_buffer_argument(what->x),
        clade_buffer_argument(what->places),
        clade_buffer_argument(what->y),
        clade_int_argument(chunk),
        clade_int_argument(part),
        clade_int_argument(what->size),
        clade_int_argument(what->inner),
        clade_int_argument(what->count),
        clade_int_argument(what->shared ? 0 : what->count),
    };
    const int64_t across = rows ? clade_blocks(what->inner, chunk) : what->count * what->inner;
    return clade_commands_launch(
        commands,
        &(clade_launch){
            .file = "gather.cl",
            .kernel = rows ? "gather_rows" : "gather_elements",
            .label = site->label,
            .global = { (size_t)across, rows ? (size_t)clade_blocks(what->count, part) : 1, (size_t)what->outer },
            .local = { rows ? 1 : GROUP, 1, 1 },
            .arguments = arguments,
            .argument_count = sizeof arguments / sizeof arguments[0],
            .bytes = 8.0 * (double)what->outer * (double)what->count * (double)what->inner,
        });
}

clade_status clade_spread_launch(const clade_site *site, clade_commands *commands, const clade_row_places *what,
                                 clade_combination how, bool clear, bool rows) {
    int64_t chunk = clade_smaller(what->inner, CHUNK), range = GPU_RANGE;
    if (rows) {
        range = clade_blocks(what->size, clade_smaller(what->size, clade_blocks(RANGES, what->outer)));
    } else {
        for (chunk = 1; chunk < GROUP && chunk < what->inner;) {
            chunk *= 2;
        }
    }
    const clade_argument arguments[] = {
        clade_buffer_argument(what->y),
        clade_buffer_argument(what->places),
        clade_buffer_argument(what->x),
        clade_int_argument(chunk),
        clade_int_argument(range),
        clade_int_argument(what->size),
        clade_int_argument(what->inner),
        clade_int_argument(what->count),
        clade_int_argument(what->shared ? 0 : what->count),
        clade_int_argument(clear),
    };
    char options[48];
    clade_gather_options(what->dtype, how, options);
    const double moved = (double)what->count + (clear ? (double)what->size : 2.0 * (double)what->count);
    return clade_commands_launch(commands,
                                 &(clade_launch){
                                     .file = "gather.cl",
                                     .options = options,
                                     .kernel = rows ? "spread_rows" : "spread_groups",
                                     .label = site->label,
                                     .global = { (size_t)(clade_blocks(what->inner, chunk) * (rows ? 1 : GROUP)),
                                                 (size_t)clade_blocks(what->size, range), (size_t)what->outer },
                                     .local = { rows ? 1 : GROUP, 1, 1 },
                                     .arguments = arguments,
                                     .argument_count = sizeof arguments / sizeof arguments[0],
                                     .bytes = 4.0 * (double)what->outer * (double)what->inner * moved,
                                 });
}

/* ---- implementations ---- */

static clade_row_places places_of(const clade_site *site, const clade_array *wide, const clade_array *narrow) {
    const int32_t axis = (int32_t)((const gather_attributes *)site->node->attributes)->axis;
    return (clade_row_places){ wide->buffer,      site->in[1].buffer,
                               narrow->buffer,    clade_elements_outside(wide, axis),
                               wide->size[axis],  clade_elements_inside(wide, axis),
                               site->in[1].count, true,
                               wide->dtype };
}

static clade_status record_gather(const clade_site *site, clade_commands *commands, bool rows) {
    const clade_row_places what = places_of(site, &site->in[0], &site->out[0]);
    return clade_gather_launch(site, commands, &what, rows);
}

static clade_status record_spread(const clade_site *site, clade_commands *commands, bool rows) {
    const clade_row_places what = places_of(site, &site->out[0], &site->in[0]);
    return clade_spread_launch(site, commands, &what, CLADE_COMBINE_ADD, true, rows);
}

#define RECORD(NAME, WHAT, ROWS)                                                                                       \
    static clade_status NAME(const clade_site *site, clade_commands *commands) {                                       \
        return WHAT(site, commands, ROWS);                                                                             \
    }
RECORD(record_gather_rows, record_gather, true)
RECORD(record_gather_elements, record_gather, false)
RECORD(record_spread_rows, record_spread, true)
RECORD(record_spread_groups, record_spread, false)

static double flops_gather(const clade_site *site) {
    (void)site;
    return 0;
}

static double flops_gather_gradient(const clade_site *site) {
    return (double)site->in[0].count;
}

static const clade_implementation *const gather_implementations[] = {
    &(const clade_implementation){ .name = "rows", .suitability = clade_suits_cpus, .record = record_gather_rows },
    &(const clade_implementation){
        .name = "elements", .suitability = clade_suits_others, .record = record_gather_elements },
    NULL,
};
static const clade_implementation *const gather_gradient_implementations[] = {
    &(const clade_implementation){ .name = "rows", .suitability = clade_suits_cpus, .record = record_spread_rows },
    &(const clade_implementation){
        .name = "groups", .suitability = clade_suits_others, .record = record_spread_groups },
    NULL,
};

/* A place along the axis of x, or of its gradient. */
static int64_t sample(const clade_site *site, uint32_t input, int64_t element, uint32_t random) {
    (void)element;
    const gather_attributes *a = site->node->attributes;
    const clade_array *x = site->node->op == &clade_op_gather ? &site->in[0] : &site->out[0];
    return input == 1 ? random % x->size[a->axis] : -1;
}

/* ---- cases ---- */

#define LIST(...)                                                                                                      \
    { __VA_ARGS__ }
/* The dims of x, of the index, and of y; BOUND above the axis's size makes indices that are outside. */
#define GEOMETRIES(CASE)                                                                                               \
    CASE("an embedding", 0, 37, 37, LIST(2, LIST(37, 19)), LIST(2, LIST(5, 7)), LIST(3, LIST(5, 7, 19)))               \
    CASE("the last axis", 2, 11, 11, LIST(3, LIST(3, 5, 11)), LIST(1, LIST(6)), LIST(3, LIST(3, 5, 6)))                \
    CASE("the middle", 1, 4, 4, LIST(3, LIST(3, 4, 70)), LIST(1, LIST(9)), LIST(3, LIST(3, 9, 70)))                    \
    CASE("one row", 0, 5, 5, LIST(2, LIST(5, 7)), LIST(0, LIST(0)), LIST(1, LIST(7)))                                  \
    CASE("some outside", 0, 9, 6, LIST(2, LIST(6, 3)), LIST(1, LIST(40)), LIST(2, LIST(40, 3)))                        \
    CASE("many rows, more indices than a group", 0, 300, 300, LIST(2, LIST(300, 5)), LIST(1, LIST(170)),               \
         LIST(2, LIST(170, 5)))                                                                                        \
    CASE("rows over a chunk", 0, 3, 3, LIST(2, LIST(3, 4101)), LIST(1, LIST(4)), LIST(2, LIST(4, 4101)))

#define GATHER_CASE(NAME, AXIS, BOUND, SIZE, X, INDEX, Y)                                                              \
    { .name = NAME,                                                                                                    \
      .in = { X, INDEX },                                                                                              \
      .input_count = 2,                                                                                                \
      .fill = { CLADE_FILL_UNIFORM, CLADE_FILL_LABELS },                                                               \
      .label_bound = BOUND,                                                                                            \
      .attributes = &(const gather_attributes){ AXIS, 0 } },
#define GRADIENT_CASE(NAME, AXIS, BOUND, SIZE, X, INDEX, Y)                                                            \
    { .name = NAME,                                                                                                    \
      .in = { Y, INDEX },                                                                                              \
      .input_count = 2,                                                                                                \
      .fill = { CLADE_FILL_UNIFORM, CLADE_FILL_LABELS },                                                               \
      .label_bound = BOUND,                                                                                            \
      .attributes = &(const gather_attributes){ AXIS, SIZE } },

static const clade_case gather_cases[] = { GEOMETRIES(GATHER_CASE){ .name = NULL } };
static const clade_case gather_gradient_cases[] = { GEOMETRIES(GRADIENT_CASE){ .name = NULL } };

/* ---- the rows ---- */

const clade_op clade_op_gather = {
    .name = "gather",
    .onnx = "Gather",
    .attributes = schema,
    .attributes_size = sizeof(gather_attributes),
    .input_minimum = 2,
    .input_maximum = 2,
    .outputs = 1,
    .infer = infer_gather,
    .gradient = gradient_gather,
    .reference = reference_gather,
    .sample = sample,
    .flops = flops_gather,
    .implementations = gather_implementations,
    .cases = gather_cases,
};

const clade_op clade_op_gather_gradient = {
    .name = "gather_gradient",
    .attributes = gradient_schema,
    .attributes_size = sizeof(gather_attributes),
    .input_minimum = 2,
    .input_maximum = 2,
    .outputs = 1,
    .infer = infer_gather_gradient,
    .gradient = gradient_gather_gradient,
    .reference = reference_gather_gradient,
    .sample = sample,
    .flops = flops_gather_gradient,
    .implementations = gather_gradient_implementations,
    .cases = gather_gradient_cases,
};

/* ---- the builder's calls ---- */

clade_value clade_gather(clade_value x, clade_value index, int32_t axis) {
    const clade_value inputs[] = { x, index };
    const int32_t own = clade_axis_of(axis, clade_value_dims(x).rank);
    const gather_attributes a = { own < 0 ? axis : own, 0 };
    return clade_append(clade_graph_of(inputs, 2), &clade_op_gather, "", &a, inputs, 2);
}
