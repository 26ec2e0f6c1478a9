/* Convolution by Winograd's F(4 x 4, 3 x 3), or F(2 x 2, 5 x 5), on CPU-like devices (kernels/conv_winograd.cl):
 * forward, and the data gradient as a forward convolution of dy with the filters turned round and channels and
 * filters exchanged.
 *
 * Where there are many tiles, the transformed weights are prepared and each work-item transforms its part of x. Where
 * there are few, and 3 x 3 taps, the transformed x is a workspace, and each work-item transforms its part of the
 * weights.
 *
 * How the work is cut depends on the sizes and the local memory alone, never on the number of compute units. */
#include "ops/convolution/conv2d_winograd.h"

#include <stdio.h>

enum { CHANNEL_STEP = 16 /* channels that are transformed together */ };

/* The convolution that is carried out, a gradient's being another than its node's, and its blocks; tile_blocks: of a
 * work-item, where the tiles are few. */
typedef struct cut {
    int64_t batch, groups, channels, filters, image[2], out[2], pad[2];
    int64_t taps, tiles, channel_block, filter_block, tile_blocks;
    bool turned, few;
} cut;

/* Bytes of local memory. */
static size_t images_bytes(const cut *t) {
    return clade_winograd_bytes(t->channel_block, CLADE_WINOGRAD_LANES);
}

static size_t sums_bytes(const cut *t) {
    return (size_t)t->tile_blocks * clade_winograd_bytes(t->filter_block, CLADE_WINOGRAD_LANES);
}

static size_t weights_bytes(const cut *t) {
    return clade_winograd_bytes(t->filter_block, t->channel_block);
}

static size_t local_bytes(const cut *t) {
    return (t->few ? weights_bytes(t) : images_bytes(t) + clade_winograd_ends(t->taps)) + sums_bytes(t) +
           clade_winograd_rows(t->taps);
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
    t->few = blocking->few;
    if (t->few && t->taps != 3) return false;
    t->channel_block = clade_smaller(t->channels, blocking->channels);
    t->filter_block = clade_smaller(clade_round_up(t->filters, CLADE_WINOGRAD_PANEL_ROWS), blocking->filters);
    t->tile_blocks = t->few ? clade_smaller(clade_blocks(t->tiles, CLADE_WINOGRAD_LANES), MOST_TILE_BLOCKS) : 1;
    const size_t limit = clade_winograd_limit(site);
    while (local_bytes(t) > limit && t->tile_blocks > 1)
        t->tile_blocks--;
    return local_bytes(t) <= limit;
}

/* In instructions of 16 lanes, as they were measured: the transforms of a vector of tiles of a channel and of a
 * filter's sums, of a pair of channel and filter through memory and in place, storing and reading an image's points
 * again, and adding a panel's product to its sums, for each filter. Few groups are a loss where cores wait for the
 * last. */
static double cost(const cut *t) {
    const bool five = t->taps == 5;
    const double runs = 1 + CLADE_WINOGRAD_LANES / (double)clade_blocks(t->out[1], 7 - t->taps); /* of a block */
    const double input = five ? 350 + 90 * runs : 450, output = five ? 250 : 450, through_memory = five ? 150 : 60;
    const double in_place = t->turned ? 70 : 40, copy = 60, add = 2 * CLADE_WINOGRAD_POINTS;
    const double vectors = (double)clade_blocks(t->tiles, CLADE_WINOGRAD_LANES / 2), channels = (double)t->channels;
    const double filters = (double)clade_round_up(t->filters, CLADE_WINOGRAD_PANEL_ROWS);
    const double filter_blocks = (double)clade_blocks(t->filters, t->filter_block);
    const double channel_blocks = (double)clade_blocks(t->channels, t->channel_block);
    const double shares = (double)clade_blocks(t->tiles, CLADE_WINOGRAD_LANES * t->tile_blocks);
    const double inputs = t->few ? input + copy * (1 + filter_blocks) : input * filter_blocks;
    const double weights = t->few ? in_place * shares : through_memory;
    const double products = CLADE_WINOGRAD_POINTS * channels + add * channel_blocks;
    const double sum = vectors * (products * filters + inputs * channels + output * filters);
    return (sum + weights * channels * filters) * (1 + 4 / (shares * filter_blocks * (double)t->groups));
}

static bool same_blocks(const cut *a, const cut *b) {
    return a->few == b->few && a->channel_block == b->channel_block && a->filter_block == b->filter_block;
}

/* The different cuts that the device has room for, up to BLOCKINGS, the cheapest first. */
static int list_cuts(const clade_site *site, cut list[BLOCKINGS]) {
    const clade_convolution c = clade_convolution_at(site);
    cut t = { .batch = c.batch, .groups = c.groups, .taps = c.kernel[0] };
    t.turned = site->node->op == &clade_op_conv2d_data_gradient;
    t.channels = t.turned ? c.filters : c.channels;
    t.filters = t.turned ? c.channels : c.filters;
    for (int i = 0; i < 2; i++) {
        t.image[i] = t.turned ? c.out[i] : c.image[i];
        t.out[i] = t.turned ? c.image[i] : c.out[i];
        t.pad[i] = t.turned ? t.taps - 1 - c.pad[i] : c.pad[i];
    }
    t.tiles = t.batch * clade_winograd_tiles(t.out, t.taps);
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
    const char *problem = clade_winograd_problem(&c, c.kernel[0] == 3 ? 3 : 5);
    if (problem == NULL && c.taps == 9 && site->node->op == &clade_op_conv2d && c.pad[1] > 2)
        problem = "needs padding of at most 2 on the left";
    if (problem == NULL && configurations(site) == 0) problem = "its smallest block does not fit into local memory";
    if (problem != NULL) snprintf(why, 128, "%s", problem);
    return problem == NULL;
}

/* The same of the direct ways: kernels/conv_direct.cl works at each result, with whole panels of filters, and stores
 * them in pieces where rows are no whole panels; for the data gradient kernels/conv_scatter.cl at each pixel of dy, with
 * the filters there are, and adds each tap's where it lies. Few results, or pixels, take the weights where they lie. */
static double direct_cost(const cut *t) {
    const double taps = (double)(t->taps * t->taps), weights = 1.1 * taps * (double)t->channels;
    const double results = (double)clade_blocks(t->batch * t->out[0] * t->out[1], CLADE_WINOGRAD_LANES / 2);
    const double pixels = (double)clade_blocks(t->batch * t->image[0] * t->image[1], CLADE_WINOGRAD_LANES / 2);
    const double packing = t->turned || results > 16 ? 2 : 0.3;
    const double store = t->out[1] % CLADE_WINOGRAD_LANES == 0 ? 0 : 16;
    const double gathered = ((1.2 * results + packing) * weights + store * results) *
                            (double)clade_round_up(t->filters, CLADE_WINOGRAD_PANEL_ROWS);
    const double scatter = pixels > 4 ? 1.3 : 1, scatter_packing = pixels > 4 ? 2 : 0.3, add = 16;
    const double scattered =
        (scatter * (1.2 * pixels + scatter_packing) * weights + add * taps * pixels) * (double)t->filters;
    return t->turned && scattered < gathered ? scattered : gathered;
}

/* Too few tiles do not pay for making 36 weights of each 9 or 25, nor few channels for the transforms. */
static double suitability(const clade_site *site) {
    if (!site->device->capabilities.is_cpu || configurations(site) == 0) return 0;
    const cut t = cut_of(site);
    return cost(&t) < direct_cost(&t) ? 4 : 2;
}

static size_t prepared(const clade_site *site) {
    const cut t = cut_of(site);
    const int64_t floats =
        t.groups * clade_round_up(t.filters, CLADE_WINOGRAD_PANEL_ROWS) * t.channels * CLADE_WINOGRAD_POINTS;
    return t.few ? 0 : (size_t)floats * sizeof(float);
}

static void workspace(const clade_site *site, size_t bytes[CLADE_MAX_WORKSPACES]) {
    const cut t = cut_of(site);
    const int64_t floats =
        t.groups * clade_round_up(t.tiles, CLADE_WINOGRAD_LANES) * t.channels * CLADE_WINOGRAD_POINTS;
    if (t.few) bytes[0] = (size_t)floats * sizeof(float);
}

/* ---- launches ---- */

static clade_launching begin(const clade_site *site, const char *kernel, const clade_buffer *from,
                             const clade_buffer *with, const clade_buffer *to) {
    clade_launching l = clade_launch_begin(site, "conv_winograd.cl", kernel, from, with, to);
    if (clade_convolution_at(site).kernel[0] == 5)
        l.launch.options = site->device->capabilities.is_cpu ? "-DTAPS=5 -DFAST_FMA" : "-DTAPS=5";
    l.launch.local[0] = 1;
    return l;
}

/* SIZE_PARAMETERS of the kernels. */
static void add_sizes(clade_launching *l, const cut *t) {
    const int64_t sizes[] = { t->batch,    t->groups, t->channels, t->filters, t->image[0],
                              t->image[1], t->out[0], t->out[1],   t->pad[0],  t->pad[1] };
    clade_launch_add_numbers(l, sizes, sizeof sizes / sizeof sizes[0]);
}

static void add_weight_steps(clade_launching *l, const cut *t) {
    const int64_t all = t->taps * t->taps;
    const int64_t steps[] = { t->turned ? all : t->channels * all, t->turned ? t->filters * all : all, t->turned };
    clade_launch_add_numbers(l, steps, sizeof steps / sizeof steps[0]);
}

static clade_status prepare(const clade_site *site, clade_commands *commands) {
    const cut t = cut_of(site);
    clade_launching l = begin(site, "transform", site->in[1].buffer, NULL, site->prepared);
    clade_launch_add_numbers(&l, (const int64_t[]){ t.filters, t.channels }, 2);
    add_weight_steps(&l, &t);
    clade_launch_add_numbers(&l, (const int64_t[]){ t.filter_block, t.channel_block }, 2);
    l.launch.bytes = 4.0 * (double)site->in[1].count + (double)prepared(site);
    return clade_launch_finish(&l, commands, clade_blocks(t.filters, CLADE_WINOGRAD_PANEL_ROWS),
                               clade_blocks(t.channels, CHANNEL_STEP), t.groups);
}

static clade_status record_many(const clade_site *site, clade_commands *commands, const cut *t) {
    clade_launching l = begin(site, "winograd", site->in[0].buffer, site->prepared, site->out[0].buffer);
    clade_launch_add(&l, clade_local_argument(images_bytes(t)));
    clade_launch_add(&l, clade_local_argument(sums_bytes(t)));
    clade_launch_add(&l, clade_local_argument(clade_winograd_rows(t->taps)));
    clade_launch_add(&l, clade_local_argument(clade_winograd_ends(t->taps)));
    add_sizes(&l, t);
    clade_launch_add_numbers(&l, (const int64_t[]){ t->channel_block, t->filter_block }, 2);
    clade_launch_add_tail(&l, site);
    clade_launch_count(&l, site);
    return clade_launch_finish(&l, commands, clade_blocks(t->tiles, CLADE_WINOGRAD_LANES),
                               clade_blocks(t->filters, t->filter_block), t->groups);
}

static clade_status transform_images(const clade_site *site, clade_commands *commands, const cut *t) {
    const int64_t blocks = clade_blocks(t->tiles, CLADE_WINOGRAD_LANES);
    clade_launching l = begin(site, "transform_images", site->in[0].buffer, NULL, site->workspace[0]);
    clade_launch_add(&l, clade_local_argument(CLADE_WINOGRAD_POINTS * CLADE_WINOGRAD_LANES * sizeof(float)));
    clade_launch_add(&l, clade_local_argument(clade_winograd_rows(t->taps)));
    clade_launch_add(&l, clade_local_argument(clade_winograd_ends(t->taps)));
    add_sizes(&l, t);
    clade_launch_add(&l, clade_int_argument(t->channel_block));
    l.launch.bytes =
        4.0 * (double)(site->in[0].count + CLADE_WINOGRAD_POINTS * CLADE_WINOGRAD_LANES * t->channels * blocks);
    return clade_launch_finish(&l, commands, blocks, clade_blocks(t->channels, CHANNEL_STEP), t->groups);
}

static clade_status record_few(const clade_site *site, clade_commands *commands, const cut *t) {
    clade_status status = transform_images(site, commands, t);
    if (status != CLADE_OK) return status;
    clade_launching l = begin(site, "winograd_few", site->workspace[0], site->in[1].buffer, site->out[0].buffer);
    clade_launch_add(&l, clade_local_argument(weights_bytes(t)));
    clade_launch_add(&l, clade_local_argument(sums_bytes(t)));
    clade_launch_add(&l, clade_local_argument(clade_winograd_rows(t->taps)));
    add_sizes(&l, t);
    add_weight_steps(&l, t);
    clade_launch_add_numbers(&l, (const int64_t[]){ t->channel_block, t->filter_block, t->tile_blocks }, 3);
    clade_launch_add_tail(&l, site);
    clade_launch_count(&l, site);
    return clade_launch_finish(&l, commands, clade_blocks(t->tiles, CLADE_WINOGRAD_LANES * t->tile_blocks),
                               clade_blocks(t->filters, t->filter_block), t->groups);
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
