/* Convolution by Winograd's F(4 x 4, 3 x 3) on CPU-like devices (kernels/conv_winograd.cl): forward, and the data gradient
 * as a forward convolution of dy with the filters turned round and channels and filters exchanged.
 *
 * Where there are many tiles, the transformed weights are prepared and each work-item transforms its part of x. Where
 * there are few, the transformed x is a workspace, and each work-item transforms its part of the weights.
 *
 * How the work is cut depends on the sizes and the local memory alone, never on the number of compute units. */
#include "ops/convolution.h"
#include "ops/tail.h"

#include <stdio.h>

enum {
    TILE = 4,          /* outputs of a tile along an axis */
    LANES = 32,        /* tiles of a block */
    POINTS = 36,       /* products of a tile */
    PANEL_ROWS = 8,    /* filters of a panel of weights */
    CHANNEL_STEP = 16, /* channels that are transformed together */
    ROW_PITCH = 4 * LANES + 16,
    POINT_SLACK = 16,         /* floats between the points in local memory */
    LARGEST_LOCAL = 896 << 10 /* bytes: more would leave the second-level cache */
};

/* The convolution that is carried out, a gradient's being another than its node's, and its blocks; tile_blocks: of a
 * work-item, where the tiles are few. */
typedef struct cut {
    int64_t batch, groups, channels, filters, image[2], out[2], pad[2];
    int64_t tiles, channel_block, filter_block, tile_blocks;
    bool turned, few;
} cut;

/* Bytes of local memory. */
static const size_t rows_bytes = 6 * ROW_PITCH * sizeof(float), ends_bytes = 12 * LANES * sizeof(float);

static size_t point_bytes(int64_t lines, int64_t length) {
    return (size_t)(POINTS * (lines * length + POINT_SLACK)) * sizeof(float);
}

static size_t images_bytes(const cut *t) {
    return point_bytes(t->channel_block, LANES);
}

static size_t sums_bytes(const cut *t) {
    return (size_t)t->tile_blocks * point_bytes(t->filter_block, LANES);
}

static size_t weights_bytes(const cut *t) {
    return point_bytes(t->filter_block, t->channel_block);
}

static size_t local_bytes(const cut *t) {
    return (t->few ? weights_bytes(t) : images_bytes(t) + ends_bytes) + sums_bytes(t) + rows_bytes;
}

/* ---- how the work may be cut ---- */

typedef struct blocking {
    int channels, filters;
    bool few;
} blocking;

static const blocking blockings[] = {
    { 64, 128, false }, { 64, 64, false }, { 64, 32, false }, { 32, 32, false }, { 16, 32, false },
    { 16, 8, false },   { 64, 32, true },  { 32, 16, true },  { 16, 8, true },
};
enum { BLOCKINGS = sizeof blockings / sizeof blockings[0], MOST_TILE_BLOCKS = 3 };

/* T's blocks by BLOCKING; false where local memory is too small for them. */
static bool set_blocks(const clade_site *site, const blocking *blocking, cut *t) {
    const size_t local = site->device->capabilities.local_memory, limit = local < LARGEST_LOCAL ? local : LARGEST_LOCAL;
    t->few = blocking->few;
    t->channel_block = clade_smaller(t->channels, blocking->channels);
    t->filter_block = clade_smaller(clade_round_up(t->filters, PANEL_ROWS), blocking->filters);
    t->tile_blocks = t->few ? clade_smaller(clade_blocks(t->tiles, LANES), MOST_TILE_BLOCKS) : 1;
    while (local_bytes(t) > limit && t->tile_blocks > 1)
        t->tile_blocks--;
    return local_bytes(t) <= limit;
}

/* In instructions of 16 lanes, as they were measured: the transforms of a vector of tiles of a channel and of a filter's
 * sums, of a pair of channel and filter through memory and in place, storing and reading an image's points again, and
 * adding a panel's product to its sums, for each filter. Few groups are a loss where cores wait for the last. */
static double cost(const cut *t) {
    const double input = 450, output = 450, through_memory = 60, in_place = 15, copy = 60, add = 2 * POINTS;
    const double vectors = (double)clade_blocks(t->tiles, LANES / 2), channels = (double)t->channels;
    const double filters = (double)clade_round_up(t->filters, PANEL_ROWS);
    const double filter_blocks = (double)clade_blocks(t->filters, t->filter_block);
    const double channel_blocks = (double)clade_blocks(t->channels, t->channel_block);
    const double shares = (double)clade_blocks(t->tiles, LANES * t->tile_blocks);
    const double inputs = t->few ? input + copy * (1 + filter_blocks) : input * filter_blocks;
    const double weights = t->few ? in_place * shares : through_memory;
    const double products = POINTS * channels + add * channel_blocks;
    const double sum = vectors * (products * filters + inputs * channels + output * filters);
    return (sum + weights * channels * filters) * (1 + 4 / (shares * filter_blocks * (double)t->groups));
}

static bool same_blocks(const cut *a, const cut *b) {
    return a->few == b->few && a->channel_block == b->channel_block && a->filter_block == b->filter_block;
}

/* The different cuts that the device has room for, up to BLOCKINGS, the cheapest first. */
static int list_cuts(const clade_site *site, cut list[BLOCKINGS]) {
    const clade_convolution c = clade_convolution_at(site);
    cut t = { .batch = c.batch, .groups = c.groups, .turned = site->node->op == &clade_op_conv2d_data_gradient };
    t.channels = t.turned ? c.filters : c.channels;
    t.filters = t.turned ? c.channels : c.filters;
    for (int i = 0; i < 2; i++) {
        t.image[i] = t.turned ? c.out[i] : c.image[i];
        t.out[i] = t.turned ? c.image[i] : c.out[i];
        t.pad[i] = t.turned ? 2 - c.pad[i] : c.pad[i];
    }
    t.tiles = t.batch * clade_blocks(t.out[0], TILE) * clade_blocks(t.out[1], TILE);
    int count = 0;
    for (int b = 0; b < BLOCKINGS; b++) {
        bool fresh = set_blocks(site, &blockings[b], &t);
        for (int i = 0; i < count; i++)
            fresh = fresh && !same_blocks(&t, &list[i]);
        if (!fresh) continue;
        list[count++] = t;
        if (cost(&t) >= cost(&list[0])) continue;
        list[count - 1] = list[0];
        list[0] = t;
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
    else if (site->node->op == &clade_op_conv2d && c.pad[1] > 2)
        problem = "needs padding of at most 2 on the left";
    else if (configurations(site) == 0)
        problem = "its smallest block does not fit into local memory";
    if (problem != NULL) snprintf(why, 128, "%s", problem);
    return problem == NULL;
}

/* Whether this is likely to take less time than kernels/conv_direct.cl: too few tiles do not pay for making 36 weights of
 * each 9, nor few channels for the transforms. */
static double suitability(const clade_site *site) {
    if (!site->device->capabilities.is_cpu || configurations(site) == 0) return 0;
    const cut t = cut_of(site);
    const double pixels = (double)clade_blocks(t.batch * t.out[0] * t.out[1], LANES / 2);
    const double weights = (double)(9 * t.channels * clade_round_up(t.filters, PANEL_ROWS));
    return cost(&t) < (1.2 * pixels + 2) * weights * 1.1 ? 4 : 2;
}

static size_t prepared(const clade_site *site) {
    const cut t = cut_of(site);
    const int64_t floats = t.groups * clade_round_up(t.filters, PANEL_ROWS) * t.channels * POINTS;
    return t.few ? 0 : (size_t)floats * sizeof(float);
}

static void workspace(const clade_site *site, size_t bytes[CLADE_MAX_WORKSPACES]) {
    const cut t = cut_of(site);
    const int64_t floats = t.groups * clade_round_up(t.tiles, LANES) * t.channels * POINTS;
    if (t.few) bytes[0] = (size_t)floats * sizeof(float);
}

/* ---- launches ---- */

enum { MOST_ARGUMENTS = 32 };

typedef struct launching {
    clade_launch launch;
    clade_argument arguments[MOST_ARGUMENTS];
} launching;

static launching begin(const clade_site *site, const char *kernel, int64_t x, int64_t y, int64_t z) {
    return (launching){ .launch = { .file = "conv_winograd.cl",
                                    .options = site->device->capabilities.is_cpu ? "-DFAST_FMA" : NULL,
                                    .kernel = kernel,
                                    .label = site->label,
                                    .global = { (size_t)x, (size_t)y, (size_t)z },
                                    .local = { 1 } } };
}

static void add(launching *l, clade_argument argument) {
    l->arguments[l->launch.argument_count++] = argument;
}

static void add_number(launching *l, int64_t number) {
    add(l, clade_int_argument(number));
}

/* SIZE_PARAMETERS of the kernels. */
static void add_sizes(launching *l, const cut *t) {
    const int64_t sizes[] = { t->batch,    t->groups, t->channels, t->filters, t->image[0],
                              t->image[1], t->out[0], t->out[1],   t->pad[0],  t->pad[1] };
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        add_number(l, sizes[i]);
    }
}

static void add_weight_steps(launching *l, const cut *t) {
    add_number(l, t->turned ? 9 : t->channels * 9);
    add_number(l, t->turned ? t->filters * 9 : 9);
    add_number(l, t->turned);
}

static clade_status finish(launching *l, clade_commands *commands) {
    l->launch.arguments = l->arguments;
    return clade_commands_launch(commands, &l->launch);
}

/* The launch that makes y: the tail, and the whole work's count. */
static clade_status finish_result(launching *l, const clade_site *site, clade_commands *commands) {
    clade_tail_arguments(site, l->arguments + l->launch.argument_count);
    l->launch.argument_count += CLADE_TAIL_ARGUMENTS;
    l->launch.flops = clade_convolution_flops(site);
    l->launch.bytes = 4.0 * (double)(site->in[0].count + site->in[1].count + site->out[0].count);
    return finish(l, commands);
}

static clade_status prepare(const clade_site *site, clade_commands *commands) {
    const cut t = cut_of(site);
    launching l =
        begin(site, "transform", clade_blocks(t.filters, PANEL_ROWS), clade_blocks(t.channels, CHANNEL_STEP), t.groups);
    add(&l, clade_buffer_argument(site->in[1].buffer));
    add(&l, clade_buffer_argument(site->prepared));
    add_number(&l, t.filters);
    add_number(&l, t.channels);
    add_weight_steps(&l, &t);
    add_number(&l, t.filter_block);
    add_number(&l, t.channel_block);
    l.launch.bytes = 4.0 * (double)site->in[1].count + (double)prepared(site);
    return finish(&l, commands);
}

static clade_status record_many(const clade_site *site, clade_commands *commands, const cut *t) {
    launching l =
        begin(site, "winograd", clade_blocks(t->tiles, LANES), clade_blocks(t->filters, t->filter_block), t->groups);
    add(&l, clade_buffer_argument(site->in[0].buffer));
    add(&l, clade_buffer_argument(site->prepared));
    add(&l, clade_buffer_argument(site->out[0].buffer));
    add(&l, clade_local_argument(images_bytes(t)));
    add(&l, clade_local_argument(sums_bytes(t)));
    add(&l, clade_local_argument(rows_bytes));
    add(&l, clade_local_argument(ends_bytes));
    add_sizes(&l, t);
    add_number(&l, t->channel_block);
    add_number(&l, t->filter_block);
    return finish_result(&l, site, commands);
}

static clade_status transform_images(const clade_site *site, clade_commands *commands, const cut *t) {
    launching l = begin(site, "transform_images", clade_blocks(t->tiles, LANES),
                        clade_blocks(t->channels, CHANNEL_STEP), t->groups);
    add(&l, clade_buffer_argument(site->in[0].buffer));
    add(&l, clade_buffer_argument(site->workspace[0]));
    add(&l, clade_local_argument(POINTS * LANES * sizeof(float)));
    add(&l, clade_local_argument(rows_bytes));
    add(&l, clade_local_argument(ends_bytes));
    add_sizes(&l, t);
    add_number(&l, t->channel_block);
    l.launch.bytes = 4.0 * (double)(site->in[0].count + POINTS * LANES * t->channels * clade_blocks(t->tiles, LANES));
    return finish(&l, commands);
}

static clade_status record_few(const clade_site *site, clade_commands *commands, const cut *t) {
    clade_status status = transform_images(site, commands, t);
    if (status != CLADE_OK) return status;
    launching l = begin(site, "winograd_few", clade_blocks(t->tiles, LANES * t->tile_blocks),
                        clade_blocks(t->filters, t->filter_block), t->groups);
    add(&l, clade_buffer_argument(site->workspace[0]));
    add(&l, clade_buffer_argument(site->in[1].buffer));
    add(&l, clade_buffer_argument(site->out[0].buffer));
    add(&l, clade_local_argument(weights_bytes(t)));
    add(&l, clade_local_argument(sums_bytes(t)));
    add(&l, clade_local_argument(rows_bytes));
    add_sizes(&l, t);
    add_weight_steps(&l, t);
    add_number(&l, t->channel_block);
    add_number(&l, t->filter_block);
    add_number(&l, t->tile_blocks);
    return finish_result(&l, site, commands);
}

static clade_status record(const clade_site *site, clade_commands *commands) {
    const cut t = cut_of(site);
    return t.few ? record_few(site, commands, &t) : record_many(site, commands, &t);
}

const clade_implementation clade_conv2d_winograd = {
    .name = "winograd",
    .applicable = applicable,
    .suitability = suitability,
    .workspace = workspace,
    .prepared = prepared,
    .prepare = prepare,
    .configurations = configurations,
    .tail = true,
    .record = record,
};
