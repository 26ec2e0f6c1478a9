/* Reductions over any axes: sum, y = sum of x over them; mean, the same divided by how many there are.
 * x (any dims) -> y: reduced axes become 1 or vanish.
 *
 * Neighbouring axes that are all kept or all reduced are one, so that nearly every reduction is over (K0, R0, K1, R1)
 * with some sizes 1: a bias's gradient (N, C, H*W) -> (C), rows, columns, the middle. Long sums are split into parts by
 * the sizes alone, and the parts added by a second launch: the bits do not depend on how many compute units there are. */
#include "ops/reduce.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

static const clade_attribute schema[] = {
    { "axes", CLADE_ATTRIBUTE_INT, offsetof(clade_reduce_attributes, axes), 0 },
    { "keep", CLADE_ATTRIBUTE_BOOL, offsetof(clade_reduce_attributes, keep), 0 },
    { NULL, 0, 0, 0 },
};

static bool reduces(const clade_node *node, int32_t axis) {
    return (((const clade_reduce_attributes *)node->attributes)->axes >> axis & 1) != 0;
}

/* ---- types and gradient ---- */

static bool infer(const clade_node *node, clade_type out[], clade_text *why) {
    const clade_reduce_attributes *a = node->attributes;
    const clade_type *x = clade_value_type(node->inputs[0]);
    if (x->dtype != CLADE_F32) {
        clade_text_add(why, "expected float32");
        return false;
    }
    if (a->axes < 0 || a->axes >> x->dims.rank != 0) {
        clade_text_add(why, "axes 0x%llx name an axis beyond the last", (unsigned long long)a->axes);
        return false;
    }
    clade_dims dims = CLADE_SCALAR;
    for (int32_t axis = 0; axis < x->dims.rank; axis++) {
        if (!reduces(node, axis)) {
            dims.size[dims.rank++] = x->dims.size[axis];
        } else if (a->keep) {
            dims.size[dims.rank++] = 1;
        }
    }
    out[0] = (clade_type){ CLADE_F32, dims };
    return true;
}

/* dy with the reduced axes back as 1, repeated; a mean's divided by the count. */
static void gradient(clade_tape *tape, const clade_node *node, const clade_value dy[], clade_value dx[]) {
    if (!tape->wanted[0]) return;
    clade_dims x = clade_value_type(node->inputs[0])->dims, kept = x;
    clade_size count = 1;
    for (int32_t axis = 0; axis < x.rank; axis++) {
        if (!reduces(node, axis)) continue;
        kept.size[axis] = 1;
        count = clade_size_multiply(tape->graph, count, x.size[axis]);
    }
    dx[0] = clade_expand(clade_reshape(dy[0], kept), &x);
    if (node->op == &clade_op_mean) dx[0] = clade_scale_per(dx[0], 1.0, count);
}

/* ---- reference ---- */

static void reference(const clade_node *node, const clade_tensor in[], clade_tensor out[]) {
    const clade_tensor *x = &in[0];
    memset(out[0].data, 0, (size_t)out[0].count * sizeof(double));
    for (int64_t i = 0; i < x->count; i++) {
        int64_t rest = i, to = 0, stride = 1;
        for (int32_t axis = x->rank - 1; axis >= 0; axis--) {
            if (!reduces(node, axis)) {
                to += rest % x->size[axis] * stride;
                stride *= x->size[axis];
            }
            rest /= x->size[axis];
        }
        out[0].data[to] += x->data[i];
    }
    double factor = node->op == &clade_op_mean ? (double)out[0].count / (double)x->count : 1.0;
    for (int64_t i = 0; i < out[0].count; i++) {
        out[0].data[i] *= factor;
    }
}

/* ---- geometry ---- */

/* Kept and reduced sizes, by turns; 1 where there is none. */
typedef struct geometry {
    int64_t k0, r0, k1, r1;
    bool fits; /* whether four are enough */
} geometry;

/* Runs of axes of one kind, innermost first. */
typedef struct runs {
    int32_t count;
    bool reduced[CLADE_MAX_RANK];
    int64_t size[CLADE_MAX_RANK], stride[CLADE_MAX_RANK];
} runs;

static runs runs_of(const clade_site *site) {
    runs all = { 0 };
    int64_t stride = 1;
    for (int32_t axis = site->in[0].rank - 1; axis >= 0; axis--) {
        int64_t size = site->in[0].size[axis];
        if (size == 1) continue;
        bool reduced = reduces(site->node, axis);
        if (all.count > 0 && all.reduced[all.count - 1] == reduced) {
            all.size[all.count - 1] *= size;
        } else {
            all.reduced[all.count] = reduced;
            all.size[all.count] = size;
            all.stride[all.count++] = stride;
        }
        stride *= size;
    }
    return all;
}

static geometry geometry_of(const clade_site *site) {
    runs all = runs_of(site);
    int64_t sizes[4] = { 1, 1, 1, 1 }; /* r1, k1, r0, k0 */
    int32_t shift = all.count > 0 && !all.reduced[0] ? 1 : 0;
    bool fits = all.count + shift <= 4;
    for (int32_t i = 0; fits && i < all.count; i++) {
        sizes[i + shift] = all.size[i];
    }
    return (geometry){ sizes[3], sizes[2], sizes[1], sizes[0], fits };
}

static bool is_rows(const clade_site *site, char why[128]) {
    geometry g = geometry_of(site);
    if (g.fits && g.r1 > 1) return true;
    snprintf(why, 128, g.fits ? "the innermost axis is kept" : "kept and reduced axes alternate too often");
    return false;
}

static bool is_columns(const clade_site *site, char why[128]) {
    geometry g = geometry_of(site);
    if (g.fits && g.r1 == 1) return true;
    snprintf(why, 128, g.fits ? "the innermost axis is reduced" : "kept and reduced axes alternate too often");
    return false;
}

static double for_cpus(const clade_site *site) {
    return site->device->capabilities.is_cpu ? 2 : 1;
}

static double for_others(const clade_site *site) {
    return site->device->capabilities.is_cpu ? 1 : 2;
}

/* ---- parts ---- */

enum {
    CPU_PART = 65536, /* elements that one item adds: some microseconds */
    GPU_PART = 4096,  /* elements that one group adds */
    GPU_ROWS = 256,   /* rows that one item adds */
    CPU_ROWS = 1024,
    MAX_PARTS = 1024,
    COLUMN_BLOCK = 64, /* of column_vectors in reduce.cl */
};

typedef struct parts {
    int64_t rows, columns; /* that one part covers */
    int64_t count;
} parts;

static int64_t divide_up(int64_t a, int64_t b) {
    return (a + b - 1) / b;
}

static int64_t larger(int64_t a, int64_t b) {
    return a > b ? a : b;
}

static int64_t smaller(int64_t a, int64_t b) {
    return a < b ? a : b;
}

static parts parts_of_rows(geometry g, int64_t part) {
    part = larger(part, divide_up(g.r0 * g.r1, MAX_PARTS / 2));
    parts p = { .rows = 1, .columns = smaller(g.r1, part) };
    if (p.columns == g.r1) p.rows = smaller(larger(1, part / g.r1), g.r0);
    p.count = divide_up(g.r0, p.rows) * divide_up(g.r1, p.columns);
    return p;
}

static parts parts_of_columns(geometry g, int64_t part) {
    part = larger(part, divide_up(g.r0, MAX_PARTS));
    parts p = { .rows = smaller(part, g.r0), .columns = 1 };
    p.count = divide_up(g.r0, p.rows);
    return p;
}

static void room_for_parts(geometry g, parts p, size_t bytes[CLADE_MAX_WORKSPACES]) {
    if (p.count > 1) bytes[0] = (size_t)(g.k0 * g.k1 * p.count) * sizeof(float);
}

static float factor_of(const clade_site *site) {
    if (site->node->op != &clade_op_mean) return 1.0f;
    return (float)((double)site->out[0].count / (double)site->in[0].count);
}

/* ---- rows ---- */

typedef struct row_launch {
    const clade_buffer *x, *y;
    geometry g;
    parts p;
    float factor;
} row_launch;

static clade_status launch_rows(const clade_site *site, clade_commands *commands, const row_launch *what, int group) {
    const int64_t outputs = what->g.k0 * what->g.k1;
    const clade_argument arguments[] = {
        clade_buffer_argument(what->x),    clade_buffer_argument(what->y),   clade_float_argument(what->factor),
        clade_int_argument(what->g.k1),    clade_int_argument(outputs),      clade_int_argument(what->g.r0),
        clade_int_argument(what->g.r1),    clade_int_argument(what->p.rows), clade_int_argument(what->p.columns),
        clade_int_argument(what->p.count),
    };
    char options[32];
    snprintf(options, sizeof options, "-DGROUP=%d", group);
    double elements = (double)outputs * (double)what->g.r0 * (double)what->g.r1;
    return clade_commands_launch(commands, &(clade_launch){
                                               .file = "reduce.cl",
                                               .options = group > 1 ? options : NULL,
                                               .kernel = group > 1 ? "row_groups" : "row_vectors",
                                               .label = site->label,
                                               .global = { (size_t)(what->p.count * group), (size_t)outputs, 1 },
                                               .local = { (size_t)group, 1, 1 },
                                               .arguments = arguments,
                                               .argument_count = sizeof arguments / sizeof arguments[0],
                                               .flops = elements,
                                               .bytes = 4 * elements,
                                           });
}

/* One launch, or one for the parts and one that adds them. */
static clade_status record_rows(const clade_site *site, clade_commands *commands, parts p, int group, int last_group) {
    geometry g = geometry_of(site);
    row_launch only = { site->in[0].buffer, site->out[0].buffer, g, p, factor_of(site) };
    if (p.count == 1) return launch_rows(site, commands, &only, group);
    row_launch first = { site->in[0].buffer, site->workspace[0], g, p, 1.0f };
    row_launch last = { site->workspace[0],
                        site->out[0].buffer,
                        { 1, 1, g.k0 * g.k1, p.count, true },
                        { 1, p.count, 1 },
                        factor_of(site) };
    clade_status status = launch_rows(site, commands, &first, group);
    return status == CLADE_OK ? launch_rows(site, commands, &last, last_group) : status;
}

static void workspace_row_vectors(const clade_site *site, size_t bytes[CLADE_MAX_WORKSPACES]) {
    geometry g = geometry_of(site);
    room_for_parts(g, parts_of_rows(g, CPU_PART), bytes);
}

static clade_status record_row_vectors(const clade_site *site, clade_commands *commands) {
    return record_rows(site, commands, parts_of_rows(geometry_of(site), CPU_PART), 1, 1);
}

static void workspace_row_groups(const clade_site *site, size_t bytes[CLADE_MAX_WORKSPACES]) {
    geometry g = geometry_of(site);
    room_for_parts(g, parts_of_rows(g, GPU_PART), bytes);
}

/* Rows that fill it are worth a larger group. */
static clade_status record_row_groups(const clade_site *site, clade_commands *commands) {
    geometry g = geometry_of(site);
    bool large = g.r1 >= 1024 && site->device->capabilities.max_group_size >= 256;
    return record_rows(site, commands, parts_of_rows(g, GPU_PART), large ? 256 : 64, 64);
}

/* ---- columns ---- */

static clade_status launch_columns(const clade_site *site, clade_commands *commands, const row_launch *what,
                                   bool vectors) {
    const geometry *g = &what->g;
    const clade_argument arguments[] = {
        clade_buffer_argument(what->x),    clade_buffer_argument(what->y), clade_float_argument(what->factor),
        clade_int_argument(g->r0),         clade_int_argument(g->k1),      clade_int_argument(what->p.rows),
        clade_int_argument(what->p.count),
    };
    size_t across = (size_t)(vectors ? divide_up(g->k1, COLUMN_BLOCK) : g->k1);
    double elements = (double)g->k0 * (double)g->r0 * (double)g->k1;
    return clade_commands_launch(commands, &(clade_launch){
                                               .file = "reduce.cl",
                                               .kernel = vectors ? "column_vectors" : "columns",
                                               .label = site->label,
                                               .global = { across, (size_t)what->p.count, (size_t)g->k0 },
                                               .local = { vectors ? 1 : 64, 1, 1 },
                                               .arguments = arguments,
                                               .argument_count = sizeof arguments / sizeof arguments[0],
                                               .flops = elements,
                                               .bytes = 4 * elements,
                                           });
}

static clade_status record_any_columns(const clade_site *site, clade_commands *commands, bool vectors) {
    geometry g = geometry_of(site);
    parts p = parts_of_columns(g, vectors ? CPU_ROWS : GPU_ROWS);
    row_launch only = { site->in[0].buffer, site->out[0].buffer, g, p, factor_of(site) };
    if (p.count == 1) return launch_columns(site, commands, &only, vectors);
    row_launch first = { site->in[0].buffer, site->workspace[0], g, p, 1.0f };
    row_launch last = {
        site->workspace[0], site->out[0].buffer, { g.k0, p.count, g.k1, 1, true }, { p.count, 1, 1 }, factor_of(site)
    };
    clade_status status = launch_columns(site, commands, &first, vectors);
    return status == CLADE_OK ? launch_columns(site, commands, &last, vectors) : status;
}

static void workspace_column_vectors(const clade_site *site, size_t bytes[CLADE_MAX_WORKSPACES]) {
    geometry g = geometry_of(site);
    room_for_parts(g, parts_of_columns(g, CPU_ROWS), bytes);
}

static clade_status record_column_vectors(const clade_site *site, clade_commands *commands) {
    return record_any_columns(site, commands, true);
}

static void workspace_columns(const clade_site *site, size_t bytes[CLADE_MAX_WORKSPACES]) {
    geometry g = geometry_of(site);
    room_for_parts(g, parts_of_columns(g, GPU_ROWS), bytes);
}

static clade_status record_columns(const clade_site *site, clade_commands *commands) {
    return record_any_columns(site, commands, false);
}

/* ---- any order ---- */

/* An item of `general` takes a whole sum. llvmpipe (Mesa 22.3, lp_bld_ir_common.c) ends the loops of an item after 65,535
 * turns in all, so longer sums are left to the implementations that cut them in parts, where one fits. */
static bool short_or_alone(const clade_site *site, char why[128]) {
    enum { LONGEST_SUM = 16384 };
    char ignored[128];
    int64_t summed = site->out[0].count > 0 ? site->in[0].count / site->out[0].count : 0;
    if (summed <= LONGEST_SUM || (!is_rows(site, ignored) && !is_columns(site, ignored))) return true;
    snprintf(why, 128, "sums of more than %d elements are better cut in parts", LONGEST_SUM);
    return false;
}

static double last_resort(const clade_site *site) {
    (void)site;
    return 0;
}

static clade_status record_general(const clade_site *site, clade_commands *commands) {
    runs all = runs_of(site);
    int64_t kept[4] = { 1, 1, 1, 1 }, kept_stride[4] = { 0 }, reduced[4] = { 1, 1, 1, 1 }, reduced_stride[4] = { 0 };
    int k = 4, r = 4;
    for (int32_t i = 0; i < all.count; i++) {
        int at = all.reduced[i] ? --r : --k;
        (all.reduced[i] ? reduced : kept)[at] = all.size[i];
        (all.reduced[i] ? reduced_stride : kept_stride)[at] = all.stride[i];
    }
    clade_argument arguments[19] = {
        clade_buffer_argument(site->in[0].buffer),
        clade_buffer_argument(site->out[0].buffer),
        clade_float_argument(factor_of(site)),
        clade_int_argument(site->out[0].count),
    };
    size_t count = 4;
    for (int i = 1; i < 4; i++) {
        arguments[count++] = clade_int_argument(kept[i]);
    }
    for (int i = 0; i < 4; i++) {
        arguments[count++] = clade_int_argument(kept_stride[i]);
    }
    for (int i = 0; i < 4; i++) {
        arguments[count++] = clade_int_argument(reduced[i]);
    }
    for (int i = 0; i < 4; i++) {
        arguments[count++] = clade_int_argument(reduced_stride[i]);
    }
    return clade_commands_launch(commands, &(clade_launch){
                                               .file = "reduce.cl",
                                               .kernel = "general",
                                               .label = site->label,
                                               .global = { (size_t)site->out[0].count },
                                               .local = { 64 },
                                               .arguments = arguments,
                                               .argument_count = count,
                                               .flops = (double)site->in[0].count,
                                               .bytes = 4.0 * (double)site->in[0].count,
                                           });
}

static double flops(const clade_site *site) {
    return (double)site->in[0].count;
}

static const clade_implementation *const implementations[] = {
    &(const clade_implementation){ .name = "row_vectors",
                                   .applicable = is_rows,
                                   .suitability = for_cpus,
                                   .workspace = workspace_row_vectors,
                                   .record = record_row_vectors },
    &(const clade_implementation){ .name = "row_groups",
                                   .applicable = is_rows,
                                   .suitability = for_others,
                                   .workspace = workspace_row_groups,
                                   .record = record_row_groups },
    &(const clade_implementation){ .name = "column_vectors",
                                   .applicable = is_columns,
                                   .suitability = for_cpus,
                                   .workspace = workspace_column_vectors,
                                   .record = record_column_vectors },
    &(const clade_implementation){ .name = "columns",
                                   .applicable = is_columns,
                                   .suitability = for_others,
                                   .workspace = workspace_columns,
                                   .record = record_columns },
    &(const clade_implementation){
        .name = "general", .applicable = short_or_alone, .suitability = last_resort, .record = record_general },
    NULL,
};

/* ---- cases ---- */

#define CASE(NAME, AXES, KEEP, RANK, ...)                                                                              \
    {                                                                                                                  \
        .name = NAME, .in = { { RANK, { __VA_ARGS__ } } }, .input_count = 1,                                           \
        .attributes = &(const clade_reduce_attributes){ AXES, KEEP }, .tolerance = 1e-5                                \
    }

static const clade_case cases[] = {
    CASE("a bias's gradient", 0xd, false, 4, 3, 5, 7, 9),
    CASE("a bias's gradient, axes kept", 0xd, true, 4, 3, 5, 6, 7),
    CASE("rows", 0x2, false, 2, 7, 83),
    CASE("columns", 0x1, false, 2, 13, 87),
    CASE("few columns", 0x1, true, 2, 67, 3),
    CASE("the middle", 0x2, false, 3, 3, 11, 21),
    CASE("kept, reduced, kept, reduced", 0xa, false, 4, 2, 3, 5, 7),
    CASE("everything", 0x7, false, 3, 5, 7, 11),
    CASE("a row of several parts", 0x1, false, 1, 70001),
    CASE("rows of several parts", 0xd, false, 4, 9, 2, 5, 2003),
    CASE("columns of several parts", 0x1, false, 2, 2051, 19),
    CASE("axes that alternate", 0x15, false, 5, 2, 3, 4, 5, 3),
    CASE("axes that alternate, all eight", 0x55, true, 8, 2, 3, 2, 2, 3, 2, 2, 3),
    CASE("axes of size one", 0x5, true, 4, 1, 5, 1, 3),
    CASE("no axis", 0x0, false, 2, 3, 5),
    { .name = NULL },
};

#define ROW(NAME, ONNX)                                                                                                \
    {                                                                                                                  \
        .name = NAME, .onnx = ONNX, .attributes = schema, .attributes_size = sizeof(clade_reduce_attributes),          \
        .input_minimum = 1, .input_maximum = 1, .outputs = 1, .infer = infer, .gradient = gradient,                    \
        .reference = reference, .flops = flops, .implementations = implementations, .cases = cases                     \
    }

const clade_op clade_op_sum = ROW("sum", "ReduceSum");
const clade_op clade_op_mean = ROW("mean", "ReduceMean");

/* ---- the builder's calls ---- */

static clade_value reduce(const clade_op *op, clade_value x, uint32_t axes, bool keep) {
    if (axes == CLADE_ALL_AXES) axes = (1u << clade_value_dims(x).rank) - 1;
    if (axes == 0 && clade_value_valid(x)) return x;
    return clade_append(x.graph, op, "", &(const clade_reduce_attributes){ axes, keep }, &x, 1);
}

clade_value clade_sum(clade_value x, uint32_t axes, bool keep) {
    return reduce(&clade_op_sum, x, axes, keep);
}

clade_value clade_mean(clade_value x, uint32_t axes, bool keep) {
    return reduce(&clade_op_mean, x, axes, keep);
}

clade_value clade_sum_to(clade_value x, const clade_dims *dims) {
    if (!clade_value_valid(x)) return x;
    clade_dims from = clade_value_dims(x);
    if (clade_dims_equal(&from, dims)) return x;
    uint32_t axes = 0;
    for (int32_t axis = 0; axis < from.rank; axis++) {
        int32_t own = axis - (from.rank - dims->rank);
        bool repeated = own < 0 || (dims->size[own] == 1 && from.size[axis] != 1);
        if (repeated) axes |= 1u << axis;
    }
    return clade_reshape(clade_sum(x, axes, true), *dims);
}
