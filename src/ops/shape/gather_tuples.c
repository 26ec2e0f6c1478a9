/* Parts of an array by tuples of whole numbers. x (B..., S..., R...) with BATCH axes B and K axes S; index (B..., M..., K):
 *   gather_nd   x, index -> y (B..., M..., R...): y[b, m] = x[b, index[b, m]]
 *   scatter_nd  x, index, u (B..., M..., R...) -> y as x, u[b, m] put on y[b, index[b, m]]: in its place, or added,
 *               multiplied, or the larger or smaller of both, in the order of m
 * An index counts from the end where it is negative; a tuple with one that is then still outside gives 0 and puts nothing.
 * Any type of element of four bytes. The gradient of a scatter that replaces is right where no element is put twice; of a
 * product, where none is 0. */
#include "ops/shape/gather.h"

#include <stddef.h>
#include <string.h>

extern const clade_op clade_op_gather_nd, clade_op_scatter_nd;

typedef struct tuples_attributes {
    int64_t batch; /* axes that x and the index share */
    int64_t how;   /* clade_combination, of a scatter */
} tuples_attributes;

static const clade_attribute schema[] = {
    { "batch", CLADE_ATTRIBUTE_INT, offsetof(tuples_attributes, batch), 0 },
    { "how", CLADE_ATTRIBUTE_INT, offsetof(tuples_attributes, how), 0 },
    { NULL, 0, 0, 0 },
};

/* ---- types ---- */

/* The dims of what is taken. */
static bool taken_dims(const clade_node *node, clade_dims *dims, clade_text *why) {
    const tuples_attributes *a = node->attributes;
    const clade_type *x = clade_value_type(node->inputs[0]), *index = clade_value_type(node->inputs[1]);
    const int32_t last = index->dims.rank - 1;
    const clade_size tuple = last >= 0 ? index->dims.size[last] : 0;
    bool good = index->dtype == CLADE_I32 && a->batch >= 0 && a->batch <= last && tuple >= 1 &&
                a->batch + tuple <= x->dims.rank && last + x->dims.rank - a->batch - tuple <= CLADE_MAX_RANK &&
                a->how >= CLADE_COMBINE_REPLACE && a->how <= CLADE_COMBINE_MINIMUM;
    for (int32_t i = 0; good && i < a->batch; i++) {
        good = x->dims.size[i] == index->dims.size[i];
    }
    for (int64_t i = a->batch; good && i < a->batch + tuple; i++) {
        good = x->dims.size[i] > 0;
    }
    if (!good) {
        clade_text_add(why,
                       "expected an int32 index (B..., M..., K) with %lld axes B as x's, and K further axes of x "
                       "of fixed size",
                       (long long)a->batch);
        return false;
    }
    *dims = index->dims;
    dims->rank = last;
    for (int32_t i = (int32_t)(a->batch + tuple); i < x->dims.rank; i++) {
        dims->size[dims->rank++] = x->dims.size[i];
    }
    return true;
}

static bool infer_gather_nd(const clade_node *node, clade_type out[], clade_text *why) {
    out[0].dtype = clade_value_type(node->inputs[0])->dtype;
    return taken_dims(node, &out[0].dims, why);
}

static bool infer_scatter_nd(const clade_node *node, clade_type out[], clade_text *why) {
    const clade_type *updates = clade_value_type(node->inputs[2]);
    clade_dims dims;
    if (!taken_dims(node, &dims, why)) return false;
    out[0] = *clade_value_type(node->inputs[0]);
    if (updates->dtype == out[0].dtype && clade_dims_equal(&updates->dims, &dims)) return true;
    const clade_type expected = { out[0].dtype, dims };
    clade_text_add(why, "expected %s to be put", clade_type_text(node->graph, &expected));
    return false;
}

/* ---- gradients ---- */

static void gradient_gather_nd(clade_tape *tape, const clade_node *node, const clade_value dy[], clade_value dx[]) {
    tuples_attributes a = *(const tuples_attributes *)node->attributes;
    a.how = CLADE_COMBINE_ADD;
    clade_gather_gradient(tape, node, dy, dx, &clade_op_scatter_nd, &a);
}

static void gradient_scatter_nd(clade_tape *tape, const clade_node *node, const clade_value dy[], clade_value dx[]) {
    const tuples_attributes *a = node->attributes;
    clade_scatter_gradient(tape, node, dy, dx, &clade_op_gather_nd, (clade_combination)a->how);
}

/* ---- geometry ---- */

/* x seen as (outer, size, inner), of which each tuple of an outer index names a row. */
typedef struct geometry {
    int64_t outer, size, inner, tuples; /* tuples of each outer index */
    int64_t length;                     /* of a tuple */
} geometry;

static geometry geometry_of(const clade_node *node, const int64_t x[], int32_t x_rank, const int64_t index[],
                            int32_t index_rank) {
    const int64_t batch = ((const tuples_attributes *)node->attributes)->batch;
    geometry g = { 1, 1, 1, 1, index[index_rank - 1] };
    for (int32_t i = 0; i < x_rank; i++) {
        int64_t *to = i < batch ? &g.outer : i < batch + g.length ? &g.size : &g.inner;
        *to *= x[i];
    }
    for (int64_t i = batch; i < index_rank - 1; i++) {
        g.tuples *= index[i];
    }
    return g;
}

/* ---- references ---- */

static void walk(const clade_node *node, const clade_tensor *wide, const clade_tensor *index,
                 const clade_tensor *narrow, bool gathers) {
    const tuples_attributes *a = node->attributes;
    const geometry g = geometry_of(node, wide->size, wide->rank, index->size, index->rank);
    for (int64_t t = 0; t < g.outer * g.tuples; t++) {
        int64_t row = 0;
        for (int64_t i = 0; i < g.length && row >= 0; i++) {
            const int64_t size = wide->size[a->batch + i], place = clade_place_of(index->data[t * g.length + i], size);
            row = place < 0 ? -1 : row * size + place;
        }
        double *from = narrow->data + t * g.inner, *to = wide->data + (t / g.tuples * g.size + row) * g.inner;
        for (int64_t k = 0; k < g.inner; k++) {
            if (gathers)
                from[k] = row < 0 ? 0 : to[k];
            else if (row >= 0)
                to[k] = clade_combine((clade_combination)a->how, to[k], from[k]);
        }
    }
}

static void reference_gather_nd(const clade_node *node, const clade_tensor in[], clade_tensor out[]) {
    walk(node, &in[0], &in[1], &out[0], true);
}

static void reference_scatter_nd(const clade_node *node, const clade_tensor in[], clade_tensor out[]) {
    memcpy(out[0].data, in[0].data, (size_t)out[0].count * sizeof(double));
    walk(node, &out[0], &in[1], &in[2], false);
}

/* ---- implementations ---- */

static geometry site_geometry(const clade_site *site) {
    return geometry_of(site->node, site->in[0].size, site->in[0].rank, site->in[1].size, site->in[1].rank);
}

static void workspace(const clade_site *site, size_t bytes[CLADE_MAX_WORKSPACES]) {
    const geometry g = site_geometry(site);
    bytes[0] = (size_t)(g.outer * g.tuples) * sizeof(int32_t);
}

/* The rows that the tuples name, in the workspace. */
static clade_status record_places(const clade_site *site, clade_commands *commands, const geometry *g) {
    const int64_t batch = ((const tuples_attributes *)site->node->attributes)->batch;
    clade_argument arguments[4 + CLADE_MAX_RANK] = {
        clade_buffer_argument(site->in[1].buffer),
        clade_buffer_argument(site->workspace[0]),
        clade_int_argument(g->outer * g->tuples),
        clade_int_argument(g->length),
    };
    for (int64_t i = 0; i < CLADE_MAX_RANK; i++) {
        arguments[4 + i] = clade_int_argument(i < g->length ? site->in[0].size[batch + i] : 1);
    }
    return clade_commands_launch(commands, &(clade_launch){
                                               .file = "gather.cl",
                                               .kernel = "tuple_places",
                                               .label = site->label,
                                               .global = { (size_t)(g->outer * g->tuples) },
                                               .local = { 64 },
                                               .arguments = arguments,
                                               .argument_count = 4 + CLADE_MAX_RANK,
                                               .bytes = 4.0 * (double)(site->in[1].count + g->outer * g->tuples),
                                           });
}

static clade_row_places places_of(const clade_site *site, const geometry *g, const clade_buffer *x,
                                  const clade_buffer *y) {
    return (clade_row_places){ x,        site->workspace[0], y,     g->outer,         g->size,
                               g->inner, g->tuples,          false, site->in[0].dtype };
}

static clade_status record_gather(const clade_site *site, clade_commands *commands, bool rows) {
    const geometry g = site_geometry(site);
    const clade_row_places what = places_of(site, &g, site->in[0].buffer, site->out[0].buffer);
    clade_status status = record_places(site, commands, &g);
    return status == CLADE_OK ? clade_gather_launch(site, commands, &what, rows) : status;
}

static clade_status record_scatter(const clade_site *site, clade_commands *commands, bool rows) {
    const tuples_attributes *a = site->node->attributes;
    const geometry g = site_geometry(site);
    const clade_row_places what = places_of(site, &g, site->out[0].buffer, site->in[2].buffer);
    clade_copy_box box = clade_copy_box_to(&site->out[0]);
    memcpy(box.from_stride, box.to_stride, sizeof box.from_stride);
    clade_status status = record_places(site, commands, &g);
    if (status == CLADE_OK)
        status = clade_copy_record(site, commands, &box, rows, site->in[0].buffer, site->out[0].buffer);
    if (status != CLADE_OK) return status;
    return clade_spread_launch(site, commands, &what, (clade_combination)a->how, false, rows);
}

#define RECORD(NAME, WHAT, ROWS)                                                                                       \
    static clade_status NAME(const clade_site *site, clade_commands *commands) {                                       \
        return WHAT(site, commands, ROWS);                                                                             \
    }
RECORD(record_gather_rows, record_gather, true)
RECORD(record_gather_elements, record_gather, false)
RECORD(record_scatter_rows, record_scatter, true)
RECORD(record_scatter_groups, record_scatter, false)

static double flops(const clade_site *site) {
    return site->node->op == &clade_op_scatter_nd ? (double)site->in[2].count : 0;
}

#define IMPLEMENTATION(NAME, SUITABILITY, RECORD)                                                                      \
    &(const clade_implementation) {                                                                                    \
        .name = NAME, .suitability = SUITABILITY, .workspace = workspace, .record = RECORD                             \
    }
static const clade_implementation *const gather_nd_implementations[] = {
    IMPLEMENTATION("rows", clade_suits_cpus, record_gather_rows),
    IMPLEMENTATION("elements", clade_suits_others, record_gather_elements),
    NULL,
};
static const clade_implementation *const scatter_nd_implementations[] = {
    IMPLEMENTATION("rows", clade_suits_cpus, record_scatter_rows),
    IMPLEMENTATION("groups", clade_suits_others, record_scatter_groups),
    NULL,
};

/* A place along the axis that the element's place in its tuple says. */
static int64_t sample(const clade_site *site, uint32_t input, int64_t element, uint32_t random) {
    const tuples_attributes *a = site->node->attributes;
    const clade_array *index = &site->in[1];
    return input == 1 ? random % site->in[0].size[a->batch + element % index->size[index->rank - 1]] : -1;
}

/* ---- cases ---- */

#define LIST(...)                                                                                                      \
    { __VA_ARGS__ }
#define GATHER(NAME, BATCH, BOUND, X_RANK, X, INDEX_RANK, INDEX)                                                       \
    {                                                                                                                  \
        .name = NAME, .in = { { X_RANK, X }, { INDEX_RANK, INDEX } }, .input_count = 2,                                \
        .fill = { CLADE_FILL_UNIFORM, CLADE_FILL_LABELS }, .label_bound = BOUND,                                       \
        .attributes = &(const tuples_attributes) {                                                                     \
            BATCH, 0                                                                                                   \
        }                                                                                                              \
    }
#define SCATTER(NAME, BATCH, BOUND, HOW, X_RANK, X, INDEX_RANK, INDEX, U_RANK, U)                                      \
    {                                                                                                                  \
        .name = NAME, .in = { { X_RANK, X }, { INDEX_RANK, INDEX }, { U_RANK, U } }, .input_count = 3,                 \
        .fill = { CLADE_FILL_POSITIVE, CLADE_FILL_LABELS, CLADE_FILL_POSITIVE }, .label_bound = BOUND,                 \
        .attributes = &(const tuples_attributes) {                                                                     \
            BATCH, HOW                                                                                                 \
        }                                                                                                              \
    }

static const clade_case gather_nd_cases[] = {
    GATHER("elements of a matrix", 0, 5, 2, LIST(5, 7), 2, LIST(9, 2)),
    GATHER("rows of planes", 0, 4, 3, LIST(4, 5, 19), 3, LIST(3, 7, 2)),
    GATHER("by the sample", 1, 5, 3, LIST(3, 5, 7), 3, LIST(3, 4, 1)),
    GATHER("one of each sample", 2, 4, 3, LIST(3, 5, 4), 3, LIST(3, 5, 1)),
    GATHER("some outside", 0, 8, 3, LIST(6, 5, 3), 2, LIST(40, 2)),
    { .name = NULL },
};
static const clade_case scatter_nd_cases[] = {
    SCATTER("elements added", 0, 5, CLADE_COMBINE_ADD, 2, LIST(5, 7), 2, LIST(70, 2), 1, LIST(70)),
    SCATTER("rows added", 0, 4, CLADE_COMBINE_ADD, 3, LIST(4, 5, 19), 3, LIST(3, 7, 2), 3, LIST(3, 7, 19)),
    SCATTER("by the sample", 1, 5, CLADE_COMBINE_ADD, 3, LIST(3, 5, 7), 3, LIST(3, 8, 1), 3, LIST(3, 8, 7)),
    SCATTER("some outside", 0, 8, CLADE_COMBINE_ADD, 2, LIST(6, 3), 2, LIST(20, 1), 2, LIST(20, 3)),
    SCATTER("a row replaced", 0, 5, CLADE_COMBINE_REPLACE, 2, LIST(5, 7), 2, LIST(1, 1), 2, LIST(1, 7)),
    SCATTER("multiplied", 0, 5, CLADE_COMBINE_MULTIPLY, 2, LIST(5, 3), 2, LIST(9, 1), 2, LIST(9, 3)),
    SCATTER("the larger", 0, 5, CLADE_COMBINE_MAXIMUM, 2, LIST(5, 3), 2, LIST(9, 1), 2, LIST(9, 3)),
    SCATTER("the smaller", 0, 5, CLADE_COMBINE_MINIMUM, 2, LIST(5, 3), 2, LIST(9, 1), 2, LIST(9, 3)),
    { .name = NULL },
};

/* ---- the rows ---- */

#define ROW(NAME, ONNX, INPUTS, WHAT)                                                                                  \
    {                                                                                                                  \
        .name = NAME, .onnx = ONNX, .attributes = schema, .attributes_size = sizeof(tuples_attributes),                \
        .input_minimum = INPUTS, .input_maximum = INPUTS, .outputs = 1, .infer = infer_##WHAT,                         \
        .gradient = gradient_##WHAT, .reference = reference_##WHAT, .sample = sample, .flops = flops,                  \
        .implementations = WHAT##_implementations, .cases = WHAT##_cases                                               \
    }

const clade_op clade_op_gather_nd = ROW("gather_nd", "GatherND", 2, gather_nd);
const clade_op clade_op_scatter_nd = ROW("scatter_nd", "ScatterND", 3, scatter_nd);

/* ---- the builder's calls ---- */

clade_value clade_gather_nd(clade_value x, clade_value index, int32_t batch) {
    const clade_value inputs[] = { x, index };
    const tuples_attributes a = { batch, 0 };
    return clade_append(clade_graph_of(inputs, 2), &clade_op_gather_nd, "", &a, inputs, 2);
}

clade_value clade_scatter_nd(clade_value x, clade_value index, clade_value updates, int32_t batch,
                             clade_scatter_mode mode) {
    const clade_value inputs[] = { x, index, updates };
    const tuples_attributes a = { batch, (int64_t)mode };
    return clade_append(clade_graph_of(inputs, 3), &clade_op_scatter_nd, "", &a, inputs, 3);
}
