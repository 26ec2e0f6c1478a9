/* The launches of reductions (ops/reduction/reduce.c).
 *
 * Neighbouring axes that are all kept or all reduced are one, so that nearly every reduction is over (K0, R0, K1, R1)
 * with some sizes 1: a bias's gradient (N, C, H*W) -> (C), rows, columns, the middle. Long sums are split into parts by
 * the sizes alone, and the parts added by a second launch: the bits do not depend on how many compute units there are. */
#include "ops/reduction/reduce.h"

#include <stdio.h>

static bool reduces(const clade_node *node, int32_t axis) {
    return (((const clade_reduce_attributes *)node->attributes)->axes >> axis & 1) != 0;
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

static parts parts_of_rows(geometry g, int64_t part) {
    part = clade_larger(part, clade_blocks(g.r0 * g.r1, MAX_PARTS / 2));
    parts p = { .rows = 1, .columns = clade_smaller(g.r1, part) };
    if (p.columns == g.r1) p.rows = clade_smaller(clade_larger(1, part / g.r1), g.r0);
    p.count = clade_blocks(g.r0, p.rows) * clade_blocks(g.r1, p.columns);
    return p;
}

static parts parts_of_columns(geometry g, int64_t part) {
    part = clade_larger(part, clade_blocks(g.r0, MAX_PARTS));
    parts p = { .rows = clade_smaller(part, g.r0), .columns = 1 };
    p.count = clade_blocks(g.r0, p.rows);
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

/* What is done to the parts: those of squares and absolute values are added as they are. */
static clade_reduce_kind kind_of_parts(clade_reduce_kind kind) {
    return kind == CLADE_REDUCE_SQUARES || kind == CLADE_REDUCE_ABSOLUTES ? CLADE_REDUCE_SUM : kind;
}

static void set_options(char options[48], clade_reduce_kind kind, int group) {
    if (group > 1)
        snprintf(options, 48, "-DKIND=%d -DGROUP=%d", (int)kind, group);
    else
        snprintf(options, 48, "-DKIND=%d", (int)kind);
}

typedef struct row_launch {
    const clade_buffer *x, *y;
    geometry g;
    parts p;
    float factor;
    clade_reduce_kind kind;
} row_launch;

static clade_status launch_rows(const clade_site *site, clade_commands *commands, const row_launch *what, int group) {
    const int64_t outputs = what->g.k0 * what->g.k1;
    const clade_argument arguments[] = {
        clade_buffer_argument(what->x),    clade_buffer_argument(what->y),   clade_float_argument(what->factor),
        clade_int_argument(what->g.k1),    clade_int_argument(outputs),      clade_int_argument(what->g.r0),
        clade_int_argument(what->g.r1),    clade_int_argument(what->p.rows), clade_int_argument(what->p.columns),
        clade_int_argument(what->p.count),
    };
    char options[48];
    set_options(options, what->kind, group);
    double elements = (double)outputs * (double)what->g.r0 * (double)what->g.r1;
    return clade_commands_launch(commands, &(clade_launch){
                                               .file = "reduce.cl",
                                               .options = options,
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
    const clade_reduce_kind kind = clade_reduce_kind_of(site->node);
    row_launch only = { site->in[0].buffer, site->out[0].buffer, g, p, factor_of(site), kind };
    if (p.count == 1) return launch_rows(site, commands, &only, group);
    row_launch first = { site->in[0].buffer, site->workspace[0], g, p, 1.0f, kind };
    row_launch last = { site->workspace[0], site->out[0].buffer, { 1, 1, g.k0 * g.k1, p.count, true },
                        { 1, p.count, 1 },  factor_of(site),     kind_of_parts(kind) };
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
    char options[48];
    set_options(options, what->kind, 1);
    size_t across = (size_t)(vectors ? clade_blocks(g->k1, COLUMN_BLOCK) : g->k1);
    double elements = (double)g->k0 * (double)g->r0 * (double)g->k1;
    return clade_commands_launch(commands, &(clade_launch){
                                               .file = "reduce.cl",
                                               .options = options,
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
    const clade_reduce_kind kind = clade_reduce_kind_of(site->node);
    row_launch only = { site->in[0].buffer, site->out[0].buffer, g, p, factor_of(site), kind };
    if (p.count == 1) return launch_columns(site, commands, &only, vectors);
    row_launch first = { site->in[0].buffer, site->workspace[0], g, p, 1.0f, kind };
    row_launch last = { site->workspace[0], site->out[0].buffer, { g.k0, p.count, g.k1, 1, true },
                        { p.count, 1, 1 },  factor_of(site),     kind_of_parts(kind) };
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

/* An item of `general` takes a whole sum. Not every device lets it (clade_may_turn), so longer sums are left to the
 * implementations that cut them in parts, where one fits. */
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
    char options[48];
    set_options(options, clade_reduce_kind_of(site->node), 1);
    return clade_commands_launch(commands, &(clade_launch){
                                               .file = "reduce.cl",
                                               .options = options,
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

const clade_implementation *const clade_reduce_implementations[] = {
    &(const clade_implementation){ .name = "row_vectors",
                                   .applicable = is_rows,
                                   .suitability = clade_suits_cpus,
                                   .workspace = workspace_row_vectors,
                                   .record = record_row_vectors },
    &(const clade_implementation){ .name = "row_groups",
                                   .applicable = is_rows,
                                   .suitability = clade_suits_others,
                                   .workspace = workspace_row_groups,
                                   .record = record_row_groups },
    &(const clade_implementation){ .name = "column_vectors",
                                   .applicable = is_columns,
                                   .suitability = clade_suits_cpus,
                                   .workspace = workspace_column_vectors,
                                   .record = record_column_vectors },
    &(const clade_implementation){ .name = "columns",
                                   .applicable = is_columns,
                                   .suitability = clade_suits_others,
                                   .workspace = workspace_columns,
                                   .record = record_columns },
    &(const clade_implementation){
        .name = "general", .applicable = short_or_alone, .suitability = last_resort, .record = record_general },
    NULL,
};
