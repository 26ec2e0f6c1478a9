/* The filter gradient by Winograd's method on CPU-like devices (kernels/conv_winograd_filter.cl): how the work is cut into
 * blocks that fit into local memory, and the launches.
 *
 * What is cut decides the order of additions, so it depends on the sizes and the local memory alone, never on the number
 * of compute units. */
#include "ops/convolution.h"

#include <stdio.h>

enum {
    TILE = 4,   /* outputs of a tile along an axis */
    LANES = 32, /* tiles of a block */
    POINTS = 36,
    VECTOR = 16,
    PANEL_ROWS = 8,
    ROW_PITCH = 4 * LANES + 16,
    POINT_SLACK = 16,         /* floats between the points in local memory */
    ENOUGH_GROUPS = 32,       /* to keep a CPU's cores evenly busy */
    LARGEST_LOCAL = 896 << 10 /* bytes: more would leave the second-level cache */
};

static const struct { int channels, filters; } blockings[] = { { 32, 64 }, { 32, 32 }, { 16, 16 }, { 16, 8 } };
enum { BLOCKINGS = sizeof blockings / sizeof blockings[0] };

typedef struct cut {
    clade_convolution sizes;
    int64_t tile_blocks, channel_block, filter_block, parts;
    size_t images, gradients, sums; /* bytes of local memory */
} cut;

static const size_t rows_bytes = 6 * ROW_PITCH * sizeof(float), ends_bytes = 12 * LANES * sizeof(float);

static size_t point_bytes(int64_t lines, int64_t length) {
    return (size_t)(POINTS * (lines * length + POINT_SLACK)) * sizeof(float);
}

/* T's blocks by blocking I; false where local memory is too small for them. */
static bool set_blocks(const clade_site *site, int i, cut *t) {
    const clade_convolution *c = &t->sizes;
    const size_t local = site->device->capabilities.local_memory, limit = local < LARGEST_LOCAL ? local : LARGEST_LOCAL;
    t->channel_block = clade_smaller(clade_round_up(c->channels, VECTOR), blockings[i].channels);
    t->filter_block = clade_smaller(clade_round_up(c->filters, PANEL_ROWS), blockings[i].filters);
    t->images = point_bytes(t->channel_block, LANES);
    t->gradients = point_bytes(t->filter_block, LANES);
    t->sums = point_bytes(t->filter_block, t->channel_block);
    const int64_t groups =
        clade_blocks(c->channels, t->channel_block) * clade_blocks(c->filters, t->filter_block) * c->groups;
    t->parts = clade_smaller(t->tile_blocks, clade_larger(1, ENOUGH_GROUPS / groups));
    return t->images + t->gradients + t->sums + rows_bytes + ends_bytes <= limit;
}

/* The different cuts that the device has room for, up to BLOCKINGS, from large to small. */
static int list_cuts(const clade_site *site, cut list[BLOCKINGS]) {
    cut t = { .sizes = clade_convolution_at(site) };
    const clade_convolution *c = &t.sizes;
    t.tile_blocks = clade_blocks(c->batch * clade_blocks(c->out[0], TILE) * clade_blocks(c->out[1], TILE), LANES);
    int count = 0;
    for (int i = 0; i < BLOCKINGS; i++) {
        const bool fits = set_blocks(site, i, &t);
        const bool known = count > 0 && list[count - 1].channel_block == t.channel_block &&
                           list[count - 1].filter_block == t.filter_block;
        if (fits && !known) list[count++] = t;
    }
    return count;
}

static int configurations(const clade_site *site) {
    cut list[BLOCKINGS];
    return list_cuts(site, list);
}

static cut cut_of(const clade_site *site) {
    cut list[BLOCKINGS] = { 0 };
    list_cuts(site, list);
    return list[site->configuration];
}

static bool applicable(const clade_site *site, char why[128]) {
    const clade_convolution c = clade_convolution_at(site);
    const char *problem = NULL;
    if (c.kernel[0] != 3 || c.kernel[1] != 3)
        problem = "needs a kernel of 3 x 3";
    else if (c.stride[0] != 1 || c.stride[1] != 1)
        problem = "needs stride 1";
    else if (c.dilation[0] != 1 || c.dilation[1] != 1)
        problem = "needs dilation 1";
    else if (c.pad[1] > 2)
        problem = "needs padding of at most 2 on the left";
    else if (configurations(site) == 0)
        problem = "its smallest block does not fit into local memory";
    if (problem != NULL) snprintf(why, 128, "%s", problem);
    return problem == NULL;
}

/* Whether this is likely to take less time than the direct way, in instructions of 16 lanes as they were measured: the
 * transforms of a block of tiles of a channel and of a filter, the products, and a part's sums of a pair turned into taps;
 * two fifths are added for what waits for memory. */
static double suitability(const clade_site *site) {
    if (!site->device->capabilities.is_cpu || configurations(site) == 0) return 0;
    const double input = 1330, gradient = 700, product = 1.1 * POINTS, sum = 300, waits = 1.4;
    const cut t = cut_of(site);
    const clade_convolution *c = &t.sizes;
    const double tiles = (double)(c->batch * clade_blocks(c->out[0], TILE) * clade_blocks(c->out[1], TILE));
    const double inputs = input * (double)(c->channels * clade_blocks(c->filters, t.filter_block));
    const double gradients = gradient * (double)(c->filters * clade_blocks(c->channels, t.channel_block));
    const double pairs = (double)(clade_round_up(c->filters, PANEL_ROWS) * clade_blocks(c->channels, VECTOR));
    const double here =
        waits * ((double)t.tile_blocks * (inputs + gradients) + (product * tiles + sum * (double)t.parts) * pairs);
    const double pixels = (double)clade_blocks(c->batch * c->pixels, VECTOR);
    const double direct = 1.15 * pixels * (double)(c->taps * c->channels * c->filters);
    return here < direct ? 4 : 2;
}

static int64_t part_floats(const clade_convolution *c) {
    return c->groups * c->filters * c->taps * clade_round_up(c->channels, VECTOR);
}

static void workspace(const clade_site *site, size_t bytes[CLADE_MAX_WORKSPACES]) {
    const cut t = cut_of(site);
    bytes[0] = (size_t)(t.parts * part_floats(&t.sizes)) * sizeof(float);
}

/* ---- launches ---- */

static clade_launch launch_of(const clade_site *site, const char *kernel) {
    return (clade_launch){ .file = "conv_winograd_filter.cl",
                           .options = site->device->capabilities.is_cpu ? "-DFAST_FMA" : NULL,
                           .kernel = kernel,
                           .label = site->label };
}

static clade_status record_parts(const clade_site *site, clade_commands *commands, const cut *t) {
    const clade_convolution *c = &t->sizes;
    const clade_argument arguments[] = {
        clade_buffer_argument(site->in[0].buffer),
        clade_buffer_argument(site->in[1].buffer),
        clade_buffer_argument(site->workspace[0]),
        clade_local_argument(t->images),
        clade_local_argument(t->gradients),
        clade_local_argument(t->sums),
        clade_local_argument(rows_bytes),
        clade_local_argument(ends_bytes),
        clade_int_argument(c->batch),
        clade_int_argument(c->groups),
        clade_int_argument(c->channels),
        clade_int_argument(c->filters),
        clade_int_argument(c->image[0]),
        clade_int_argument(c->image[1]),
        clade_int_argument(c->out[0]),
        clade_int_argument(c->out[1]),
        clade_int_argument(c->pad[0]),
        clade_int_argument(c->pad[1]),
        clade_int_argument(t->channel_block),
        clade_int_argument(t->filter_block),
        clade_int_argument(t->parts),
    };
    clade_launch launch = launch_of(site, "winograd_filter");
    launch.arguments = arguments;
    launch.argument_count = sizeof arguments / sizeof arguments[0];
    launch.global[0] = (size_t)clade_blocks(c->channels, t->channel_block);
    launch.global[1] = (size_t)clade_blocks(c->filters, t->filter_block);
    launch.global[2] = (size_t)(c->groups * t->parts);
    launch.local[0] = 1;
    launch.flops = clade_convolution_flops(site);
    launch.bytes = 4.0 * (double)(site->in[0].count + site->in[1].count + site->out[0].count);
    return clade_commands_launch(commands, &launch);
}

static clade_status record(const clade_site *site, clade_commands *commands) {
    const cut t = cut_of(site);
    const clade_convolution *c = &t.sizes;
    clade_status status = record_parts(site, commands, &t);
    if (status != CLADE_OK) return status;
    const clade_argument arguments[] = {
        clade_buffer_argument(site->workspace[0]),
        clade_buffer_argument(site->out[0].buffer),
        clade_int_argument(c->groups * c->filters),
        clade_int_argument(c->channels),
        clade_int_argument(t.parts),
    };
    clade_launch launch = launch_of(site, "add_parts");
    launch.arguments = arguments;
    launch.argument_count = sizeof arguments / sizeof arguments[0];
    launch.global[0] = (size_t)clade_blocks(c->channels, VECTOR);
    launch.global[1] = (size_t)(c->groups * c->filters);
    launch.bytes = 4.0 * (double)(site->out[0].count + t.parts * part_floats(c));
    return clade_commands_launch(commands, &launch);
}

const clade_implementation clade_conv2d_winograd_filter = {
    .name = "winograd",
    .applicable = applicable,
    .suitability = suitability,
    .workspace = workspace,
    .configurations = configurations,
    .record = record,
};
