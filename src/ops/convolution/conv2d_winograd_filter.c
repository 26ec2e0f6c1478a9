/* The filter gradient by Winograd's method on CPU-like devices (kernels/conv_winograd_filter.cl): how the work is cut
 * into blocks that fit into local memory, and the launches.
 *
 * What is cut decides the order of additions, so it depends on the sizes and the local memory alone, never on the
 * number of compute units. */
#include "ops/convolution/conv2d_winograd.h"

#include <stdio.h>

enum {
    VECTOR = 16,
    ENOUGH_GROUPS = 32 /* to keep a CPU's cores evenly busy */
};

static const struct { int channels, filters; } blockings[] = { { 32, 64 }, { 32, 32 }, { 16, 16 }, { 16, 8 } };
enum { BLOCKINGS = sizeof blockings / sizeof blockings[0] };

typedef struct cut {
    clade_convolution sizes;
    int64_t tile_blocks, channel_block, filter_block, parts;
    size_t images, gradients, sums; /* bytes of local memory */
} cut;

/* T's blocks by blocking I; false where local memory is too small for them. */
static bool set_blocks(const clade_site *site, int i, cut *t) {
    const clade_convolution *c = &t->sizes;
    t->channel_block = clade_smaller(clade_round_up(c->channels, VECTOR), blockings[i].channels);
    t->filter_block = clade_smaller(clade_round_up(c->filters, CLADE_WINOGRAD_PANEL_ROWS), blockings[i].filters);
    t->images = clade_winograd_bytes(t->channel_block, CLADE_WINOGRAD_LANES);
    t->gradients = clade_winograd_bytes(t->filter_block, CLADE_WINOGRAD_LANES);
    t->sums = clade_winograd_bytes(t->filter_block, t->channel_block);
    const int64_t groups =
        clade_blocks(c->channels, t->channel_block) * clade_blocks(c->filters, t->filter_block) * c->groups;
    t->parts = clade_smaller(t->tile_blocks, clade_larger(1, ENOUGH_GROUPS / groups));
    return t->images + t->gradients + t->sums + clade_winograd_rows(3) + clade_winograd_ends(3) <=
           clade_winograd_limit(site);
}

/* The different cuts that the device has room for, up to BLOCKINGS, from large to small. */
static int list_cuts(const clade_site *site, cut list[BLOCKINGS]) {
    cut t = { .sizes = clade_convolution_at(site) };
    const clade_convolution *c = &t.sizes;
    t.tile_blocks = clade_blocks(c->batch * clade_winograd_tiles(c->out, 3), CLADE_WINOGRAD_LANES);
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
    const char *problem = clade_winograd_problem(&c, 3);
    if (problem == NULL && c.pad[1] > 2) problem = "needs padding of at most 2 on the left";
    if (problem == NULL && configurations(site) == 0) problem = "its smallest block does not fit into local memory";
    if (problem != NULL) snprintf(why, 128, "%s", problem);
    return problem == NULL;
}

/* Whether this is likely to take less time than the direct way, in instructions of 16 lanes as they were measured: the
 * transforms of a block of tiles of a channel and of a filter, the products, and a part's sums of a pair turned into
 * taps; two fifths are added for what waits for memory. */
static double suitability(const clade_site *site) {
    if (!site->device->capabilities.is_cpu || configurations(site) == 0) return 0;
    const double input = 1330, gradient = 700, product = 1.1 * CLADE_WINOGRAD_POINTS, sum = 300, waits = 1.4;
    const cut t = cut_of(site);
    const clade_convolution *c = &t.sizes;
    const double tiles = (double)(c->batch * clade_winograd_tiles(c->out, 3));
    const double inputs = input * (double)(c->channels * clade_blocks(c->filters, t.filter_block));
    const double gradients = gradient * (double)(c->filters * clade_blocks(c->channels, t.channel_block));
    const double pairs =
        (double)(clade_round_up(c->filters, CLADE_WINOGRAD_PANEL_ROWS) * clade_blocks(c->channels, VECTOR));
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

static const char file[] = "conv_winograd_filter.cl";

static clade_status record_parts(const clade_site *site, clade_commands *commands, const cut *t) {
    const clade_convolution *c = &t->sizes;
    clade_launching l =
        clade_launch_begin(site, file, "winograd_filter", site->in[0].buffer, site->in[1].buffer, site->workspace[0]);
    const size_t local[] = { t->images, t->gradients, t->sums, clade_winograd_rows(3), clade_winograd_ends(3) };
    for (size_t i = 0; i < sizeof local / sizeof local[0]; i++)
        clade_launch_add(&l, clade_local_argument(local[i]));
    const int64_t numbers[] = { c->batch,         c->groups,       c->channels, c->filters, c->image[0],
                                c->image[1],      c->out[0],       c->out[1],   c->pad[0],  c->pad[1],
                                t->channel_block, t->filter_block, t->parts };
    clade_launch_add_numbers(&l, numbers, sizeof numbers / sizeof numbers[0]);
    l.launch.local[0] = 1;
    clade_launch_count(&l, site);
    return clade_launch_finish(&l, commands, clade_blocks(c->channels, t->channel_block),
                               clade_blocks(c->filters, t->filter_block), c->groups * t->parts);
}

static clade_status record(const clade_site *site, clade_commands *commands) {
    const cut t = cut_of(site);
    const clade_convolution *c = &t.sizes;
    clade_status status = record_parts(site, commands, &t);
    if (status != CLADE_OK) return status;
    clade_launching l = clade_launch_begin(site, file, "add_parts", site->workspace[0], NULL, site->out[0].buffer);
    clade_launch_add_numbers(&l, (const int64_t[]){ c->groups * c->filters, c->channels, t.parts }, 3);
    l.launch.bytes = 4.0 * (double)(site->out[0].count + t.parts * part_floats(c));
    return clade_launch_finish(&l, commands, clade_blocks(c->channels, VECTOR), c->groups * c->filters, 1);
}

const clade_implementation clade_conv2d_winograd_filter = {
    .name = "winograd",
    .applicable = applicable,
    .suitability = suitability,
    .workspace = workspace,
    .configurations = configurations,
    .record = record,
};
