/* Convolution by 1 x 1 kernels without padding, and its gradients, as matrix products on CPU-like devices
 * (kernels/conv_pointwise.cl). How the work is cut depends on the sizes and the local memory alone. */
#include "ops/convolution/convolution.h"
#include "ops/matmul/panels.h"

#include <stdio.h>

enum {
    LEAST_LOCAL = 4096,
    ENOUGH_GROUPS = 32, /* to keep a CPU's cores evenly busy */
    MOST_PIXELS = 256,  /* of a block */
    FEWEST_PIXELS = 64,
    FEW_PIXELS = 256,   /* for which packing the weights does not pay */
    MANY_PIXELS = 1024, /* of all images: for fewer, turning the filters' gradient round costs more than it saves */
    MOST_OUTPUTS = 512, /* of a block: with K_BLOCK steps, half of a second-level cache */
    FEWEST_OUTPUTS = 64,
    K_BLOCK = 256
};

static const char file[] = "conv_pointwise.cl";

/* Of groups of one work-item. BYTES of memory traffic and FLOPS are for the profiler. */
static clade_status finish(clade_launching *l, clade_commands *commands, const int64_t global[3], double flops,
                           double bytes) {
    l->launch.local[0] = 1;
    l->launch.flops = flops;
    l->launch.bytes = bytes;
    return clade_launch_finish(l, commands, global[0], global[1], global[2]);
}

/* ---- strides: COMPACT is (batch, groups * channels, out) ---- */

static bool strided(const clade_convolution *c) {
    return c->stride[0] > 1 || c->stride[1] > 1;
}

static size_t compact_bytes(const clade_convolution *c) {
    return strided(c) ? (size_t)(c->batch * c->groups * c->channels * c->pixels) * sizeof(float) : 0;
}

static double stride_bytes(const clade_convolution *c) {
    const int64_t planes = c->batch * c->groups * c->channels;
    return 4.0 * (double)(planes * (c->pixels + c->image[0] * c->image[1]));
}

static clade_status record_gather(const clade_site *site, clade_commands *commands, const clade_convolution *c,
                                  const clade_buffer *compact) {
    const int64_t planes = c->batch * c->groups * c->channels;
    clade_launching l = clade_launch_begin(site, file, "gather", site->in[0].buffer, NULL, compact);
    const int64_t numbers[] = {
        planes, c->image[0], c->image[1], c->out[0], c->out[1], c->stride[0], c->stride[1],
    };
    clade_launch_add_numbers(&l, numbers, sizeof numbers / sizeof numbers[0]);
    return finish(&l, commands, (const int64_t[]){ planes, 1, 1 }, 0, stride_bytes(c));
}

static clade_status record_spread(const clade_site *site, clade_commands *commands, const clade_convolution *c,
                                  const clade_buffer *compact) {
    const int64_t channels = c->groups * c->channels;
    clade_launching l = clade_launch_begin(site, file, "spread", compact, NULL, site->out[0].buffer);
    const int64_t numbers[] = {
        c->batch * channels, channels, c->image[0], c->image[1], c->out[0], c->out[1], c->stride[0], c->stride[1],
    };
    clade_launch_add_numbers(&l, numbers, sizeof numbers / sizeof numbers[0]);
    clade_launch_add_tail(&l, site);
    return finish(&l, commands, (const int64_t[]){ c->batch * channels, 1, 1 }, 0, stride_bytes(c));
}

/* ---- conv2d and its data gradient ---- */

/* The weights as rows: filters by channels, or the other way round. */
static clade_rows weight_rows(const clade_site *site, const clade_convolution *c) {
    const bool forward = site->node->op == &clade_op_conv2d;
    return (clade_rows){
        .count = c->groups,
        .group_step = c->filters * c->channels,
        .rows = forward ? c->filters : c->channels,
        .depth = forward ? c->channels : c->filters,
        .row_step = forward ? c->channels : 1,
        .step_step = forward ? 1 : c->channels,
    };
}

/* The rows of the data gradient's weights lie across those of memory: these are packed in any case. */
static bool packs(const clade_site *site, const clade_convolution *c) {
    return site->node->op != &clade_op_conv2d || c->batch * c->pixels > FEW_PIXELS;
}

static int64_t deepest(const clade_site *site) {
    const size_t step = CLADE_PANEL_COLUMNS * sizeof(float);
    return clade_smaller(K_BLOCK, (int64_t)(site->device->capabilities.local_memory / 2 / step));
}

static int64_t halve(int64_t value, int64_t multiple) {
    return clade_round_up(clade_blocks(value, 2), multiple);
}

static clade_status record_planes(const clade_site *site, clade_commands *commands, const clade_convolution *c,
                                  const clade_buffer *out, bool last) {
    const bool forward = site->node->op == &clade_op_conv2d;
    const clade_rows rows = weight_rows(site, c);
    const int64_t all_pixels = c->batch * c->pixels, k_block = clade_smaller(deepest(site), rows.depth);
    int64_t pixel_block = clade_smaller(MOST_PIXELS, clade_round_up(all_pixels, CLADE_PANEL_COLUMNS));
    int64_t output_block = clade_smaller(MOST_OUTPUTS, clade_round_up(rows.rows, CLADE_PANEL_ROWS));
#define GROUPS (clade_blocks(all_pixels, pixel_block) * clade_blocks(rows.rows, output_block) * c->groups)
    while (pixel_block > FEWEST_PIXELS && GROUPS < ENOUGH_GROUPS)
        pixel_block = halve(pixel_block, CLADE_PANEL_COLUMNS);
    while (output_block > FEWEST_OUTPUTS && GROUPS < ENOUGH_GROUPS)
        output_block = halve(output_block, CLADE_PANEL_ROWS);
    while (pixel_block > CLADE_PANEL_COLUMNS && GROUPS < ENOUGH_GROUPS)
        pixel_block = halve(pixel_block, CLADE_PANEL_COLUMNS);
#undef GROUPS
    clade_launching l = clade_launch_begin(site, file, "planes", site->in[0].buffer,
                                           packs(site, c) ? site->prepared : site->in[1].buffer, out);
    if (!packs(site, c))
        l.launch.options = clade_panels_options(site) != NULL ? "-DAS_THEY_LIE -DFAST_FMA" : "-DAS_THEY_LIE";
    clade_launch_add(&l, clade_local_argument(clade_panels_local(k_block)));
    const int64_t numbers[] = {
        c->groups,
        rows.depth,
        rows.rows,
        c->pixels,
        all_pixels,
        pixel_block,
        output_block,
        k_block,
        forward ? c->image[0] : c->out[0],
        forward ? c->image[1] : c->out[1],
        c->out[1],
        forward ? c->stride[0] : 1,
        forward ? c->stride[1] : 1,
    };
    clade_launch_add_numbers(&l, numbers, sizeof numbers / sizeof numbers[0]);
    (last ? clade_launch_add_tail : clade_launch_add_no_tail)(&l, site);
    const int64_t global[3] = { clade_blocks(all_pixels, pixel_block), clade_blocks(rows.rows, output_block),
                                c->groups };
    const double bytes = 4.0 * (double)(c->groups * (all_pixels * (rows.depth + rows.rows) + rows.depth * rows.rows));
    return finish(&l, commands, global, clade_convolution_flops(site), bytes);
}

static clade_status record_data(const clade_site *site, clade_commands *commands, const clade_convolution *c) {
    if (!strided(c)) return record_planes(site, commands, c, site->out[0].buffer, true);
    clade_status status = record_planes(site, commands, c, site->workspace[0], false);
    if (status == CLADE_OK) status = record_spread(site, commands, c, site->workspace[0]);
    return status;
}

/* ---- filter gradient ---- */

/* Of many pixels, the larger of filters and channels are the rows: panels of columns are packed for all rows of a
 * block. */
typedef struct cut {
    bool turned; /* rows are channels */
    int64_t rows, columns, row_block, column_block, piece_pixels, pieces, part_pieces, parts;
} cut;

static cut cut_of(const clade_site *site, const clade_convolution *c) {
    cut t = { .turned = c->channels > c->filters && c->batch * c->pixels >= MANY_PIXELS };
    t.rows = t.turned ? c->channels : c->filters;
    t.columns = t.turned ? c->filters : c->channels;
    t.row_block = clade_smaller(MOST_OUTPUTS, clade_round_up(t.rows, CLADE_PANEL_ROWS));
    t.column_block = clade_smaller(FEWEST_OUTPUTS, clade_round_up(t.columns, CLADE_PANEL_COLUMNS));
    /* Pieces of a whole number of vectors. */
    t.piece_pixels = clade_blocks(c->pixels, clade_blocks(c->pixels, deepest(site)));
    t.piece_pixels = clade_smaller(clade_round_up(t.piece_pixels, 16), deepest(site));
    t.pieces = c->batch * clade_blocks(c->pixels, t.piece_pixels);
    int64_t groups = clade_blocks(t.rows, t.row_block) * clade_blocks(t.columns, t.column_block) * c->groups;
    const int64_t wanted = clade_larger(1, clade_smaller(t.pieces, ENOUGH_GROUPS / groups));
    t.part_pieces = clade_blocks(t.pieces, wanted);
    t.parts = clade_blocks(t.pieces, t.part_pieces);
    groups *= t.parts;
    while (t.row_block > FEWEST_OUTPUTS && groups < ENOUGH_GROUPS) {
        t.row_block = halve(t.row_block, CLADE_PANEL_ROWS);
        groups = clade_blocks(t.rows, t.row_block) * clade_blocks(t.columns, t.column_block) * c->groups * t.parts;
    }
    return t;
}

static bool adds(const cut *t) {
    return t->turned || t->parts > 1;
}

static clade_status record_add(const clade_site *site, clade_commands *commands, const clade_convolution *c,
                               const cut *t, const clade_buffer *parts) {
    clade_launching l = clade_launch_begin(site, file, "add_filters", parts, NULL, site->out[0].buffer);
    const int64_t numbers[] = { t->rows, t->columns, c->groups, t->parts, t->turned };
    clade_launch_add_numbers(&l, numbers, sizeof numbers / sizeof numbers[0]);
    const int64_t global[3] = { clade_blocks(t->columns, 16), t->rows, c->groups };
    return finish(&l, commands, global, 0, 4.0 * (double)(site->out[0].count * (t->parts + 1)));
}

static clade_status record_filter(const clade_site *site, clade_commands *commands, const clade_convolution *c) {
    const cut t = cut_of(site, c);
    const clade_buffer *x = strided(c) ? site->workspace[1] : site->in[0].buffer, *dy = site->in[1].buffer;
    const clade_buffer *out = adds(&t) ? site->workspace[0] : site->out[0].buffer;
    clade_status status = strided(c) ? record_gather(site, commands, c, x) : CLADE_OK;
    if (status != CLADE_OK) return status;
    clade_launching l = clade_launch_begin(site, file, "filter_gradient", t.turned ? x : dy, t.turned ? dy : x, out);
    clade_launch_add(&l, clade_local_argument(clade_panels_local(t.piece_pixels)));
    const int64_t numbers[] = { c->groups,      t.rows,        t.columns,   c->pixels,     t.pieces,
                                t.piece_pixels, t.part_pieces, t.row_block, t.column_block };
    clade_launch_add_numbers(&l, numbers, sizeof numbers / sizeof numbers[0]);
    clade_launch_add_no_tail(&l, site);
    const int64_t global[3] = { clade_blocks(t.columns, t.column_block), clade_blocks(t.rows, t.row_block),
                                c->groups * t.parts };
    const double bytes = 4.0 * (double)(site->in[0].count + site->in[1].count + site->out[0].count * t.parts);
    status = finish(&l, commands, global, clade_convolution_flops(site), bytes);
    return status == CLADE_OK && adds(&t) ? record_add(site, commands, c, &t, out) : status;
}

/* ---- the implementation ---- */

static bool applicable(const clade_site *site, char why[128]) {
    const clade_convolution c = clade_convolution_at(site);
    const char *wrong = NULL;
    if (c.taps != 1 || c.pad[0] != 0 || c.pad[1] != 0 || c.pad[2] != 0 || c.pad[3] != 0)
        wrong = "needs a kernel of 1 x 1 without padding";
    else if (site->device->capabilities.local_memory < LEAST_LOCAL)
        wrong = "needs 4096 bytes of local memory";
    if (wrong != NULL) snprintf(why, 128, "%s", wrong);
    return wrong == NULL;
}

static double suitability(const clade_site *site) {
    return site->device->capabilities.is_cpu ? 4 : 0;
}

static void workspace(const clade_site *site, size_t bytes[CLADE_MAX_WORKSPACES]) {
    const clade_convolution c = clade_convolution_at(site);
    if (site->node->op == &clade_op_conv2d) return;
    if (site->node->op == &clade_op_conv2d_data_gradient) {
        bytes[0] = compact_bytes(&c);
        return;
    }
    const cut t = cut_of(site, &c);
    if (adds(&t)) bytes[0] = (size_t)(t.parts * site->out[0].count) * sizeof(float);
    bytes[1] = compact_bytes(&c);
}

static size_t prepared(const clade_site *site) {
    if (site->node->op == &clade_op_conv2d_filter_gradient) return 0;
    const clade_convolution c = clade_convolution_at(site);
    const clade_rows rows = weight_rows(site, &c);
    return packs(site, &c) ? clade_panels_bytes(&rows) : 0;
}

static clade_status prepare(const clade_site *site, clade_commands *commands) {
    const clade_convolution c = clade_convolution_at(site);
    const clade_rows rows = weight_rows(site, &c);
    return clade_panels_pack(site, commands, site->in[1].buffer, site->prepared, &rows);
}

static clade_status record(const clade_site *site, clade_commands *commands) {
    const clade_convolution c = clade_convolution_at(site);
    if (site->node->op == &clade_op_conv2d) return record_planes(site, commands, &c, site->out[0].buffer, true);
    if (site->node->op == &clade_op_conv2d_data_gradient) return record_data(site, commands, &c);
    return record_filter(site, commands, &c);
}

const clade_implementation clade_conv2d_pointwise = {
    .name = "pointwise",
    .applicable = applicable,
    .suitability = suitability,
    .workspace = workspace,
    .prepared = prepared,
    .prepare = prepare,
    .tail = true,
    .record = record,
};
