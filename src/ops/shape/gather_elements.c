/* Elements by their numbers along one axis, every other index being the element's own:
 *   gather_elements   x, index -> y of the index's dims: y[i, j, k] = x[i, index[i, j, k], k] (axis 1 of three)
 *   scatter_elements  x, index, u -> y as x, u[i, j, k] put on y[i, index[i, j, k], k]: in its place, or added, multiplied,
 *                     or the larger or smaller of both, in the order of j
 * The index has as many axes as x, each no longer than x's but along AXIS. An index counts from the end where it is
 * negative; one that is then still outside gives 0 and puts nothing. Any type of element of four bytes.
 * The gradient of a scatter that replaces is right where no element is put twice; of a product, where none is 0. */
#include "ops/shape/gather.h"

#include <stddef.h>
#include <string.h>

extern const clade_op clade_op_gather_elements, clade_op_scatter_elements;

typedef struct elements_attributes {
    int64_t axis;
    int64_t how; /* clade_combination, of a scatter */
} elements_attributes;

static const clade_attribute schema[] = {
    { "axis", CLADE_ATTRIBUTE_INT, offsetof(elements_attributes, axis), 0 },
    { "how", CLADE_ATTRIBUTE_INT, offsetof(elements_attributes, how), 0 },
    { NULL, 0, 0, 0 },
};

/* ---- types ---- */

static bool check(const clade_node *node, clade_text *why) {
    const elements_attributes *a = node->attributes;
    const clade_type *x = clade_value_type(node->inputs[0]), *index = clade_value_type(node->inputs[1]);
    bool good = index->dtype == CLADE_I32 && index->dims.rank == x->dims.rank && a->axis >= 0 &&
                a->axis < x->dims.rank && a->how >= CLADE_COMBINE_REPLACE && a->how <= CLADE_COMBINE_MINIMUM;
    for (int32_t axis = 0; good && axis < x->dims.rank; axis++) {
        const clade_size own = index->dims.size[axis], whole = x->dims.size[axis];
        good = axis == a->axis || own == whole || (own > 0 && whole > 0 && own < whole);
    }
    if (!good) clade_text_add(why, "expected an int32 index no longer than x but along axis %lld", (long long)a->axis);
    return good;
}

static bool infer_gather_elements(const clade_node *node, clade_type out[], clade_text *why) {
    if (!check(node, why)) return false;
    out[0] = (clade_type){ clade_value_type(node->inputs[0])->dtype, clade_value_type(node->inputs[1])->dims };
    return true;
}

static bool infer_scatter_elements(const clade_node *node, clade_type out[], clade_text *why) {
    const clade_type *index = clade_value_type(node->inputs[1]), *updates = clade_value_type(node->inputs[2]);
    if (!check(node, why)) return false;
    out[0] = *clade_value_type(node->inputs[0]);
    if (updates->dtype == out[0].dtype && clade_dims_equal(&updates->dims, &index->dims)) return true;
    clade_text_add(why, "expected what is put to be of x's type and the index's dims");
    return false;
}

/* ---- gradients ---- */

static void gradient_gather_elements(clade_tape *tape, const clade_node *node, const clade_value dy[],
                                     clade_value dx[]) {
    elements_attributes a = *(const elements_attributes *)node->attributes;
    a.how = CLADE_COMBINE_ADD;
    clade_gather_gradient(tape, node, dy, dx, &clade_op_scatter_elements, &a);
}

static void gradient_scatter_elements(clade_tape *tape, const clade_node *node, const clade_value dy[],
                                      clade_value dx[]) {
    const elements_attributes *a = node->attributes;
    clade_scatter_gradient(tape, node, dy, dx, &clade_op_gather_elements, (clade_combination)a->how);
}

/* ---- references ---- */

/* Where in WIDE the element I of an array of the index's sizes lies; -1: nowhere. */
static int64_t place_in(const clade_node *node, const clade_tensor *wide, const clade_tensor *index, int64_t i) {
    const int64_t indexed = ((const elements_attributes *)node->attributes)->axis, chosen = i;
    int64_t place = 0, stride = 1;
    for (int32_t axis = wide->rank - 1; axis >= 0; axis--) {
        int64_t at = i % index->size[axis];
        if (axis == indexed) at = clade_place_of(index->data[chosen], wide->size[axis]);
        if (at < 0) return -1;
        place += at * stride;
        stride *= wide->size[axis];
        i /= index->size[axis];
    }
    return place;
}

static void reference_gather_elements(const clade_node *node, const clade_tensor in[], clade_tensor out[]) {
    for (int64_t i = 0; i < out[0].count; i++) {
        const int64_t place = place_in(node, &in[0], &in[1], i);
        out[0].data[i] = place < 0 ? 0 : in[0].data[place];
    }
}

static void reference_scatter_elements(const clade_node *node, const clade_tensor in[], clade_tensor out[]) {
    const elements_attributes *a = node->attributes;
    memcpy(out[0].data, in[0].data, (size_t)out[0].count * sizeof(double));
    for (int64_t i = 0; i < in[1].count; i++) {
        const int64_t place = place_in(node, &out[0], &in[1], i);
        if (place < 0) continue;
        out[0].data[place] = clade_combine((clade_combination)a->how, out[0].data[place], in[2].data[i]);
    }
}

/* ---- implementations ---- */

enum { AXES = CLADE_MAX_RANK, CHUNK = 4096, GROUP = 64 };

/* Sizes or strides of ARRAY's axes aligned at the right of eight, MISSING in those before, and along AXIS INDEXED. */
static size_t add_axes(clade_argument *arguments, size_t count, const int64_t numbers[], int32_t rank, int32_t axis,
                       int64_t missing, int64_t indexed) {
    for (int32_t i = 0; i < AXES; i++) {
        const int32_t own = i - (AXES - rank);
        arguments[count++] = clade_int_argument(own < 0 ? missing : own == axis ? indexed : numbers[own]);
    }
    return count;
}

static clade_status record_gather(const clade_site *site, clade_commands *commands, bool rows) {
    const int32_t axis = (int32_t)((const elements_attributes *)site->node->attributes)->axis;
    const clade_array *x = &site->in[0], *y = &site->out[0];
    int64_t strides[CLADE_MAX_RANK];
    clade_dense_strides(x, strides);
    const int64_t last = y->size[y->rank - 1], chunk = rows ? (last < CHUNK ? last : CHUNK) : 1;
    clade_argument arguments[6 + 2 * AXES] = {
        clade_buffer_argument(x->buffer), clade_buffer_argument(site->in[1].buffer), clade_buffer_argument(y->buffer),
        clade_int_argument(chunk),        clade_int_argument(x->size[axis]),         clade_int_argument(strides[axis]),
    };
    size_t count = add_axes(arguments, 6, y->size, y->rank, -1, 1, 0);
    count = add_axes(arguments, count, strides, y->rank, axis, 0, 0);
    return clade_commands_launch(commands,
                                 &(clade_launch){
                                     .file = "gather.cl",
                                     .kernel = "pick",
                                     .label = site->label,
                                     .global = { (size_t)clade_blocks(last, chunk), (size_t)(y->count / last), 1 },
                                     .local = { rows ? 1 : (size_t)(last < GROUP ? last : GROUP), 1, 1 },
                                     .arguments = arguments,
                                     .argument_count = count,
                                     .bytes = 12.0 * (double)y->count,
                                 });
}

static clade_status record_gather_rows(const clade_site *site, clade_commands *commands) {
    return record_gather(site, commands, true);
}

static clade_status record_gather_elements(const clade_site *site, clade_commands *commands) {
    return record_gather(site, commands, false);
}

static clade_status record_scatter(const clade_site *site, clade_commands *commands) {
    const elements_attributes *a = site->node->attributes;
    const int32_t axis = (int32_t)a->axis;
    const clade_array *u = &site->in[2], *y = &site->out[0];
    clade_copy_box box = clade_copy_box_to(y);
    memcpy(box.from_stride, box.to_stride, sizeof box.from_stride);
    clade_status status =
        clade_copy_record(site, commands, &box, site->device->capabilities.is_cpu, site->in[0].buffer, y->buffer);
    if (status != CLADE_OK) return status;
    int64_t u_strides[CLADE_MAX_RANK], y_strides[CLADE_MAX_RANK];
    clade_dense_strides(u, u_strides);
    clade_dense_strides(y, y_strides);
    const int64_t lines = u->count / u->size[axis];
    clade_argument arguments[8 + 3 * AXES] = {
        clade_buffer_argument(u->buffer),  clade_buffer_argument(site->in[1].buffer),
        clade_buffer_argument(y->buffer),  clade_int_argument(lines),
        clade_int_argument(u->size[axis]), clade_int_argument(u_strides[axis]),
        clade_int_argument(y->size[axis]), clade_int_argument(y_strides[axis]),
    };
    size_t count = add_axes(arguments, 8, u->size, y->rank, axis, 1, 1);
    count = add_axes(arguments, count, u_strides, y->rank, axis, 0, 0);
    count = add_axes(arguments, count, y_strides, y->rank, axis, 0, 0);
    char options[48];
    clade_gather_options(y->dtype, (clade_combination)a->how, options);
    return clade_commands_launch(commands, &(clade_launch){
                                               .file = "gather.cl",
                                               .options = options,
                                               .kernel = "put_lines",
                                               .label = site->label,
                                               .global = { (size_t)lines },
                                               .local = { GROUP },
                                               .arguments = arguments,
                                               .argument_count = count,
                                               .bytes = 16.0 * (double)u->count,
                                           });
}

static double flops(const clade_site *site) {
    return site->node->op == &clade_op_scatter_elements ? (double)site->in[2].count : 0;
}

static const clade_implementation *const gather_implementations[] = {
    &(const clade_implementation){ .name = "rows", .suitability = clade_suits_cpus, .record = record_gather_rows },
    &(const clade_implementation){
        .name = "elements", .suitability = clade_suits_others, .record = record_gather_elements },
    NULL,
};
static const clade_implementation *const scatter_implementations[] = {
    &(const clade_implementation){ .name = "lines", .record = record_scatter },
    NULL,
};

/* A place along the axis. */
static int64_t sample(const clade_site *site, uint32_t input, int64_t element, uint32_t random) {
    (void)element;
    const elements_attributes *a = site->node->attributes;
    return input == 1 ? random % site->in[0].size[a->axis] : -1;
}

/* ---- cases ---- */

#define LIST(...)                                                                                                      \
    { __VA_ARGS__ }
#define GATHER(NAME, AXIS, BOUND, RANK, X, INDEX)                                                                      \
    {                                                                                                                  \
        .name = NAME, .in = { { RANK, X }, { RANK, INDEX } }, .input_count = 2,                                        \
        .fill = { CLADE_FILL_UNIFORM, CLADE_FILL_LABELS }, .label_bound = BOUND,                                       \
        .attributes = &(const elements_attributes) {                                                                   \
            AXIS, 0                                                                                                    \
        }                                                                                                              \
    }
#define SCATTER(NAME, AXIS, BOUND, HOW, RANK, X, INDEX)                                                                \
    {                                                                                                                  \
        .name = NAME, .in = { { RANK, X }, { RANK, INDEX }, { RANK, INDEX } }, .input_count = 3,                       \
        .fill = { CLADE_FILL_POSITIVE, CLADE_FILL_LABELS, CLADE_FILL_POSITIVE }, .label_bound = BOUND,                 \
        .attributes = &(const elements_attributes) {                                                                   \
            AXIS, HOW                                                                                                  \
        }                                                                                                              \
    }

static const clade_case gather_cases[] = {
    GATHER("the middle", 1, 5, 3, LIST(3, 5, 7), LIST(3, 4, 7)),
    GATHER("the last axis", 2, 11, 3, LIST(3, 5, 11), LIST(3, 5, 17)),
    GATHER("the first axis", 0, 9, 2, LIST(9, 37), LIST(3, 37)),
    GATHER("fewer of each", 1, 5, 3, LIST(3, 5, 9), LIST(2, 3, 7)),
    GATHER("some outside", 1, 9, 2, LIST(3, 5), LIST(3, 8)),
    GATHER("rows over a chunk", 0, 2, 2, LIST(2, 4100), LIST(1, 4100)),
    { .name = NULL },
};
static const clade_case scatter_cases[] = {
    SCATTER("added in the middle", 1, 5, CLADE_COMBINE_ADD, 3, LIST(3, 5, 7), LIST(3, 9, 7)),
    SCATTER("added along the last axis", 2, 11, CLADE_COMBINE_ADD, 3, LIST(3, 5, 11), LIST(3, 5, 17)),
    SCATTER("added to a part", 0, 4, CLADE_COMBINE_ADD, 3, LIST(4, 5, 9), LIST(6, 3, 7)),
    SCATTER("some outside", 1, 9, CLADE_COMBINE_ADD, 2, LIST(3, 5), LIST(3, 8)),
    SCATTER("replaced", 1, 5, CLADE_COMBINE_REPLACE, 2, LIST(71, 5), LIST(70, 1)),
    SCATTER("multiplied", 1, 5, CLADE_COMBINE_MULTIPLY, 2, LIST(3, 5), LIST(3, 9)),
    SCATTER("the larger", 0, 5, CLADE_COMBINE_MAXIMUM, 2, LIST(5, 7), LIST(9, 7)),
    SCATTER("the smaller", 0, 5, CLADE_COMBINE_MINIMUM, 2, LIST(5, 7), LIST(9, 7)),
    { .name = NULL },
};

/* ---- the rows ---- */

#define ROW(NAME, ONNX, INPUTS, WHAT, CASES)                                                                           \
    {                                                                                                                  \
        .name = NAME, .onnx = ONNX, .attributes = schema, .attributes_size = sizeof(elements_attributes),              \
        .input_minimum = INPUTS, .input_maximum = INPUTS, .outputs = 1, .infer = infer_##WHAT##_elements,              \
        .gradient = gradient_##WHAT##_elements, .reference = reference_##WHAT##_elements, .sample = sample,            \
        .flops = flops, .implementations = WHAT##_implementations, .cases = CASES                                      \
    }

const clade_op clade_op_gather_elements = ROW("gather_elements", "GatherElements", 2, gather, gather_cases);
const clade_op clade_op_scatter_elements = ROW("scatter_elements", "ScatterElements", 3, scatter, scatter_cases);

/* ---- the builder's calls ---- */

static elements_attributes attributes_of(clade_value x, int32_t axis, clade_scatter_mode mode) {
    const int32_t own = clade_axis_of(axis, clade_value_dims(x).rank);
    return (elements_attributes){ own < 0 ? axis : own, (int64_t)mode };
}

clade_value clade_gather_elements(clade_value x, clade_value index, int32_t axis) {
    const clade_value inputs[] = { x, index };
    const elements_attributes a = attributes_of(x, axis, CLADE_SCATTER_REPLACE);
    return clade_append(clade_graph_of(inputs, 2), &clade_op_gather_elements, "", &a, inputs, 2);
}

clade_value clade_scatter_elements(clade_value x, clade_value index, clade_value updates, int32_t axis,
                                   clade_scatter_mode mode) {
    const clade_value inputs[] = { x, index, updates };
    const elements_attributes a = attributes_of(x, axis, mode);
    return clade_append(clade_graph_of(inputs, 3), &clade_op_scatter_elements, "", &a, inputs, 3);
}
