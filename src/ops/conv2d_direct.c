/* Convolution and its gradients on CPU-like devices (kernels/conv_direct.cl): how the work is cut into blocks that fit
 * into local memory, and the launches.
 *
 * What is cut decides the order of additions, so it depends on the sizes and the local memory alone, never on the number
 * of compute units. */
#include "ops/convolution.h"

#include <stdio.h>

enum {
    PANEL_ROWS = 8,
    PANEL_COLUMNS = 32,
    VECTOR = 16,
    SLACK = 16,               /* floats that vectors run past the end of a tile or panel */
    PACK_DEPTH = 256,         /* of kernels/gemm_packed.cl */
    PACK_GROUP = 64,          /* work-items that pack the data gradient's weights together */
    ENOUGH_GROUPS = 32,       /* to keep a CPU's cores evenly busy */
    ENOUGH_PIXELS = 128,      /* a block of at least so many is worth its packing */
    DEEP = 1024,              /* rows of a panel that still stay in the second-level cache */
    LARGEST_LOCAL = 512 << 10 /* bytes: more would leave the second-level cache */
};

/* Blocks: image_block whole images, or row_block rows of one, or column_block columns of a row; height_block: rows of
 * dx, which take row_block output rows. Zero where a row has no use for one. */
typedef struct cut {
    int64_t image_block, row_block, column_block, height_block, channel_block, filter_block, parts;
    size_t tile, panel, taps, places; /* bytes of local memory */
    bool fits;
} cut;

static int64_t reach(const clade_convolution *c, int axis) {
    return c->dilation[axis] * (c->kernel[axis] - 1);
}

/* Floats of one channel of a tile: as tile_layout() of kernels/conv_tile.h. */
static int64_t tile_channel(const clade_convolution *c, int64_t row_block, int64_t column_block) {
    const int64_t phases = clade_smaller(c->stride[0], reach(c, 0) + 1) * clade_smaller(c->stride[1], reach(c, 1) + 1);
    return phases * (row_block + reach(c, 0) / c->stride[0]) * (column_block + reach(c, 1) / c->stride[1]);
}

/* VALUE cut into equal blocks of at most MOST, each a multiple of MULTIPLE where it can be. */
static int64_t even_block(int64_t value, int64_t most, int64_t multiple) {
    const int64_t count = clade_blocks(value, clade_larger(most, 1));
    return clade_smaller(value, clade_round_up(clade_blocks(value, count), multiple));
}

static int64_t halve(int64_t value) {
    return clade_blocks(value, 2);
}

static bool local_fits(const clade_site *site, cut *t) {
    const size_t limit = site->device->capabilities.local_memory;
    t->fits = t->tile + t->panel + t->taps + t->places <= (limit < LARGEST_LOCAL ? limit : LARGEST_LOCAL);
    return t->fits;
}

/* ---- forward ---- */

static bool forward_fits(const clade_site *site, const clade_convolution *c, cut *t) {
    const int64_t rows = t->channel_block * c->taps;
    t->tile = (size_t)(t->image_block * t->channel_block * tile_channel(c, t->row_block, t->column_block) + SLACK) * 4;
    t->panel = (size_t)(rows * PANEL_COLUMNS + SLACK) * 4;
    t->taps = (size_t)rows * 4;
    return local_fits(site, t);
}

static int64_t forward_groups(const clade_convolution *c, const cut *t) {
    return clade_blocks(c->batch, t->image_block) * clade_blocks(c->out[0], t->row_block) *
           clade_blocks(c->out[1], t->column_block) * clade_blocks(c->filters, t->filter_block) * c->groups;
}

static cut cut_forward(const clade_site *site, const clade_convolution *c) {
    cut t = {
        .image_block = clade_smaller(c->batch, clade_blocks(ENOUGH_PIXELS, c->pixels)),
        .row_block = c->out[0],
        .column_block = c->out[1],
        .channel_block = even_block(c->channels, DEEP / c->taps, 1),
        .filter_block = clade_round_up(c->filters, PANEL_ROWS),
    };
    while (!forward_fits(site, c, &t) && t.row_block > 1 && halve(t.row_block) * c->out[1] >= ENOUGH_PIXELS)
        t.row_block = halve(t.row_block);
    while (!forward_fits(site, c, &t) && t.image_block > 1)
        t.image_block = halve(t.image_block);
    while (!forward_fits(site, c, &t) && t.channel_block > 1)
        t.channel_block = halve(t.channel_block);
    while (!forward_fits(site, c, &t) && t.row_block > 1)
        t.row_block = halve(t.row_block);
    while (!forward_fits(site, c, &t) && t.column_block > 1)
        t.column_block = halve(t.column_block);
    if (t.row_block < c->out[0]) t.image_block = 1;
    while (forward_groups(c, &t) < ENOUGH_GROUPS && t.row_block > 1 && halve(t.row_block) * c->out[1] >= ENOUGH_PIXELS)
        t.row_block = halve(t.row_block);
    while (forward_groups(c, &t) < ENOUGH_GROUPS && t.filter_block > 4 * PANEL_ROWS)
        t.filter_block = clade_round_up(halve(t.filter_block), PANEL_ROWS);
    forward_fits(site, c, &t);
    return t;
}

/* ---- data gradient ---- */

static bool data_fits(const clade_site *site, const clade_convolution *c, cut *t) {
    t->row_block = clade_smaller(c->out[0], (t->height_block - 1 + reach(c, 0)) / c->stride[0] + 1);
    t->tile = (size_t)(t->image_block * t->channel_block * tile_channel(c, t->row_block, c->out[1]) + SLACK) * 4;
    t->panel = (size_t)(t->filter_block * PANEL_COLUMNS + SLACK) * 4;
    t->taps = (size_t)(t->channel_block * c->taps) * 4;
    return local_fits(site, t);
}

static int64_t data_groups(const clade_convolution *c, const cut *t) {
    return clade_blocks(c->batch, t->image_block) * clade_blocks(c->image[0], t->height_block) *
           clade_blocks(c->channels, t->channel_block) * c->groups;
}

static cut cut_data_gradient(const clade_site *site, const clade_convolution *c) {
    /* Blocks of rows compute the rows around them too: a block is to be taller than those. */
    const int64_t low = clade_larger(4 * reach(c, 0), clade_blocks(ENOUGH_PIXELS, c->image[1]));
    cut t = {
        .image_block = clade_smaller(c->batch, clade_blocks(ENOUGH_PIXELS, c->pixels)),
        .height_block = c->image[0],
        .channel_block = even_block(c->channels, clade_larger(DEEP / c->taps, PANEL_ROWS), PANEL_ROWS),
        .filter_block = even_block(c->filters, PACK_DEPTH, 1),
    };
    while (!data_fits(site, c, &t) && t.filter_block > PANEL_COLUMNS)
        t.filter_block = halve(t.filter_block);
    while (!data_fits(site, c, &t) && t.image_block > 1)
        t.image_block = halve(t.image_block);
    while (!data_fits(site, c, &t) && halve(t.height_block) >= low)
        t.height_block = halve(t.height_block);
    while (!data_fits(site, c, &t) && t.channel_block > 1)
        t.channel_block = halve(t.channel_block);
    while (!data_fits(site, c, &t) && t.height_block > 1)
        t.height_block = halve(t.height_block);
    while (!data_fits(site, c, &t) && t.filter_block > 1)
        t.filter_block = halve(t.filter_block);
    if (t.height_block < c->image[0]) t.image_block = 1;
    while (data_groups(c, &t) < ENOUGH_GROUPS && halve(t.height_block) >= low)
        t.height_block = halve(t.height_block);
    while (data_groups(c, &t) < ENOUGH_GROUPS && t.channel_block > 2 * PANEL_ROWS)
        t.channel_block = clade_round_up(halve(t.channel_block), PANEL_ROWS);
    data_fits(site, c, &t);
    return t;
}

/* Panels of a group's weights: each block of channels begins one. */
static int64_t data_panels(const clade_convolution *c, const cut *t) {
    const int64_t whole = (clade_blocks(c->channels, t->channel_block) - 1);
    return whole * clade_blocks(t->channel_block * c->taps, PANEL_ROWS) +
           clade_blocks((c->channels - whole * t->channel_block) * c->taps, PANEL_ROWS);
}

/* ---- filter gradient ---- */

static bool filter_fits(const clade_site *site, const clade_convolution *c, cut *t) {
    const int64_t pixels = t->row_block * c->out[1];
    t->tile = (size_t)(t->channel_block * tile_channel(c, t->row_block, c->out[1]) + SLACK) * 4;
    t->panel = (size_t)(pixels * clade_smaller(t->filter_block, clade_round_up(c->filters, VECTOR))) * 4;
    t->taps = (size_t)(t->channel_block * c->taps) * 4;
    t->places = (size_t)pixels * 4;
    return local_fits(site, t);
}

static cut cut_filter_gradient(const clade_site *site, const clade_convolution *c) {
    cut t = {
        .row_block = c->out[0],
        .channel_block = even_block(c->channels, DEEP / 2 / c->taps, 1),
        .filter_block = clade_smaller(clade_round_up(c->filters, 2 * VECTOR), 8 * VECTOR),
    };
    /* The block of dw is read and written for every image: it is to stay in the second-level cache. */
    while (t.filter_block > 2 * VECTOR && t.channel_block * c->taps * t.filter_block > 64 * DEEP)
        t.filter_block = clade_round_up(halve(t.filter_block), 2 * VECTOR);
    while (!filter_fits(site, c, &t) && halve(t.row_block) * c->out[1] >= ENOUGH_PIXELS / 2 && t.row_block > 1)
        t.row_block = halve(t.row_block);
    while (!filter_fits(site, c, &t) && t.filter_block > 2 * VECTOR)
        t.filter_block = clade_round_up(halve(t.filter_block), 2 * VECTOR);
    while (!filter_fits(site, c, &t) && t.channel_block > PANEL_ROWS)
        t.channel_block = halve(t.channel_block);
    while (!filter_fits(site, c, &t) && t.row_block > 1)
        t.row_block = halve(t.row_block);
    while (!filter_fits(site, c, &t) && t.channel_block > 1)
        t.channel_block = halve(t.channel_block);
    const int64_t groups =
        clade_blocks(c->channels, t.channel_block) * clade_blocks(c->filters, t.filter_block) * c->groups;
    const int64_t jobs = c->batch * clade_blocks(c->out[0], t.row_block);
    t.parts = clade_smaller(jobs, clade_larger(1, ENOUGH_GROUPS / groups));
    return t;
}

/* ---- launches ---- */

enum { SHAPE_ARGUMENTS = 16, MOST_ARGUMENTS = 32 };

typedef struct launching {
    clade_launch launch;
    clade_argument arguments[MOST_ARGUMENTS];
} launching;

static void add(launching *l, clade_argument argument) {
    l->arguments[l->launch.argument_count++] = argument;
}

static void add_numbers(launching *l, const int64_t numbers[], size_t count) {
    for (size_t i = 0; i < count; i++) {
        add(l, clade_int_argument(numbers[i]));
    }
}

/* SHAPE_PARAMETERS of kernels/conv_tile.h. */
static void add_shape(launching *l, const clade_convolution *c) {
    const int64_t shape[SHAPE_ARGUMENTS] = {
        c->batch,  c->groups, c->channels,    c->filters,     c->image[0],  c->image[1],
        c->out[0], c->out[1], c->kernel[0],   c->kernel[1],   c->stride[0], c->stride[1],
        c->pad[0], c->pad[1], c->dilation[0], c->dilation[1],
    };
    add_numbers(l, shape, SHAPE_ARGUMENTS);
}

static void add_local(launching *l, size_t bytes) {
    add(l, clade_local_argument(bytes));
}

/* The local memory that every kernel here takes. */
static void add_tiles(launching *l, const cut *t) {
    add_local(l, t->tile);
    add_local(l, t->panel);
    add_local(l, t->taps);
}

static launching begin(const clade_site *site, const char *file, const char *kernel) {
    return (launching){ .launch = {
                            .file = file,
                            .options = site->device->capabilities.is_cpu ? "-DFAST_FMA" : NULL,
                            .kernel = kernel,
                            .label = site->label,
                        } };
}

static clade_status finish(launching *l, clade_commands *commands, int64_t x, int64_t y, int64_t z) {
    l->launch.arguments = l->arguments;
    l->launch.global[0] = (size_t)x;
    l->launch.global[1] = (size_t)y;
    l->launch.global[2] = (size_t)z;
    return clade_commands_launch(commands, &l->launch);
}

static double array_bytes(const clade_site *site) {
    return 4.0 * (double)(site->in[0].count + site->in[1].count + site->out[0].count);
}

static clade_status pack_forward(const clade_site *site, clade_commands *commands, const clade_convolution *c) {
    const int64_t depth = c->channels * c->taps, panels = clade_blocks(c->filters, PANEL_ROWS);
    launching l = begin(site, "gemm_packed.cl", "pack_a");
    add(&l, clade_buffer_argument(site->in[1].buffer));
    add(&l, clade_buffer_argument(site->workspace[0]));
    const int64_t numbers[] = { c->filters, depth, depth, 1, panels, c->filters * depth };
    add_numbers(&l, numbers, sizeof numbers / sizeof numbers[0]);
    l.launch.local[0] = 1;
    l.launch.bytes = 8.0 * (double)site->in[1].count;
    return finish(&l, commands, panels, clade_blocks(depth, PACK_DEPTH), c->groups);
}

static clade_status record_forward(const clade_site *site, clade_commands *commands, const clade_convolution *c,
                                   const cut *t) {
    clade_status status = pack_forward(site, commands, c);
    if (status != CLADE_OK) return status;
    launching l = begin(site, "conv_direct.cl", "forward");
    add(&l, clade_buffer_argument(site->in[0].buffer));
    add(&l, clade_buffer_argument(site->workspace[0]));
    add(&l, clade_buffer_argument(site->out[0].buffer));
    add_tiles(&l, t);
    add_shape(&l, c);
    const int64_t blocks[] = { t->image_block, t->row_block, t->column_block, t->channel_block, t->filter_block };
    add_numbers(&l, blocks, sizeof blocks / sizeof blocks[0]);
    l.launch.flops = clade_convolution_flops(site);
    l.launch.bytes = array_bytes(site);
    const int64_t pixel_blocks = clade_blocks(c->batch, t->image_block) * clade_blocks(c->out[0], t->row_block) *
                                 clade_blocks(c->out[1], t->column_block);
    return finish(&l, commands, pixel_blocks, clade_blocks(c->filters, t->filter_block), c->groups);
}

static clade_status pack_data(const clade_site *site, clade_commands *commands, const clade_convolution *c,
                              const cut *t) {
    const int64_t panels = data_panels(c, t);
    launching l = begin(site, "conv_direct.cl", "pack_scattered");
    add(&l, clade_buffer_argument(site->in[1].buffer));
    add(&l, clade_buffer_argument(site->workspace[0]));
    const int64_t numbers[] = { c->filters, c->channels, c->taps, t->channel_block, panels };
    add_numbers(&l, numbers, sizeof numbers / sizeof numbers[0]);
    l.launch.local[1] = (size_t)clade_smaller(c->filters, PACK_GROUP);
    l.launch.bytes = 8.0 * (double)site->in[1].count;
    return finish(&l, commands, panels, c->filters, c->groups);
}

static clade_status record_data(const clade_site *site, clade_commands *commands, const clade_convolution *c,
                                const cut *t) {
    clade_status status = pack_data(site, commands, c, t);
    if (status != CLADE_OK) return status;
    launching l = begin(site, "conv_direct.cl", "data_gradient");
    add(&l, clade_buffer_argument(site->in[0].buffer));
    add(&l, clade_buffer_argument(site->workspace[0]));
    add(&l, clade_buffer_argument(site->out[0].buffer));
    add_tiles(&l, t);
    add_shape(&l, c);
    const int64_t blocks[] = { t->image_block, t->height_block, t->row_block, t->channel_block, t->filter_block };
    add_numbers(&l, blocks, sizeof blocks / sizeof blocks[0]);
    l.launch.flops = clade_convolution_flops(site);
    l.launch.bytes = array_bytes(site);
    return finish(&l, commands, clade_blocks(c->batch, t->image_block) * clade_blocks(c->image[0], t->height_block),
                  clade_blocks(c->channels, t->channel_block), c->groups);
}

static clade_status record_add(const clade_site *site, clade_commands *commands, const clade_convolution *c,
                               const cut *t) {
    const int64_t rows = c->channels * c->taps;
    launching l = begin(site, "conv_direct.cl", "add_filter_parts");
    add(&l, clade_buffer_argument(site->workspace[0]));
    add(&l, clade_buffer_argument(site->out[0].buffer));
    const int64_t numbers[] = { c->groups, c->filters, rows, t->parts };
    add_numbers(&l, numbers, sizeof numbers / sizeof numbers[0]);
    l.launch.bytes = 4.0 * (double)(site->out[0].count * (t->parts + 1));
    return finish(&l, commands, rows, clade_blocks(c->filters, VECTOR), c->groups);
}

static clade_status record_filter(const clade_site *site, clade_commands *commands, const clade_convolution *c,
                                  const cut *t) {
    launching l = begin(site, "conv_direct.cl", "filter_gradient");
    add(&l, clade_buffer_argument(site->in[0].buffer));
    add(&l, clade_buffer_argument(site->in[1].buffer));
    add(&l, clade_buffer_argument(site->workspace[0]));
    add_tiles(&l, t);
    add_local(&l, t->places);
    add_shape(&l, c);
    const int64_t blocks[] = { t->row_block, t->channel_block, t->filter_block, t->parts };
    add_numbers(&l, blocks, sizeof blocks / sizeof blocks[0]);
    l.launch.flops = clade_convolution_flops(site);
    l.launch.bytes = array_bytes(site);
    clade_status status = finish(&l, commands, clade_blocks(c->channels, t->channel_block),
                                 clade_blocks(c->filters, t->filter_block), c->groups * t->parts);
    return status == CLADE_OK ? record_add(site, commands, c, t) : status;
}

/* ---- the implementation ---- */

typedef struct way {
    cut (*cut)(const clade_site *site, const clade_convolution *c);
    clade_status (*record)(const clade_site *site, clade_commands *commands, const clade_convolution *c, const cut *t);
} way;

static way way_of(const clade_op *op) {
    if (op == &clade_op_conv2d) return (way){ cut_forward, record_forward };
    if (op == &clade_op_conv2d_data_gradient) return (way){ cut_data_gradient, record_data };
    return (way){ cut_filter_gradient, record_filter };
}

static bool applicable(const clade_site *site, char why[128]) {
    const clade_convolution c = clade_convolution_at(site);
    const cut t = way_of(site->node->op).cut(site, &c);
    if (!t.fits)
        snprintf(why, 128, "its smallest block needs %zu bytes of local memory", t.tile + t.panel + t.taps + t.places);
    return t.fits;
}

static double suitability(const clade_site *site) {
    return site->device->capabilities.is_cpu ? 3 : 0;
}

static void workspace(const clade_site *site, size_t bytes[CLADE_MAX_WORKSPACES]) {
    const clade_convolution c = clade_convolution_at(site);
    const cut t = way_of(site->node->op).cut(site, &c);
    int64_t floats = clade_round_up(c.filters, PANEL_ROWS) * c.channels * c.taps;
    if (site->node->op == &clade_op_conv2d_data_gradient) floats = data_panels(&c, &t) * PANEL_ROWS * c.filters;
    if (site->node->op == &clade_op_conv2d_filter_gradient)
        floats = t.parts * c.channels * c.taps * clade_round_up(c.filters, VECTOR);
    bytes[0] = (size_t)(floats * c.groups) * sizeof(float);
}

static clade_status record(const clade_site *site, clade_commands *commands) {
    const clade_convolution c = clade_convolution_at(site);
    const way w = way_of(site->node->op);
    const cut t = w.cut(site, &c);
    return w.record(site, commands, &c, &t);
}

const clade_implementation clade_conv2d_direct = {
    .name = "direct",
    .applicable = applicable,
    .suitability = suitability,
    .workspace = workspace,
    .record = record,
};
