/* The data gradient on CPU-like devices where dx is small beside dy, has few channels, or the stride is large
 * (kernels/conv_scatter.cl): each tap's products are added where the tap lies. */
#include "ops/convolution/conv2d_direct.h"

enum {
    MOST_TAPS = 1024, /* of a block: rows of weights */
    FEW_PIXELS = 64,  /* of dy, for which packing the weights does not pay */
    PACK_FILTERS = 32 /* whose weights a work-item packs */
};

/* Cycles: to copy a filter's 32 pixels into a panel, to add a product of 8 rows to the tile, and to store a float. */
static const double pack_cost = 8, scatter_cost = 250, store_cost = 2;

static void weigh(const clade_site *site, const clade_convolution *c, clade_direct_cut *t) {
    t->row_block = clade_smaller(c->out[0], (t->height_block - 1 + clade_direct_reach(c, 0)) / c->stride[0] + 1);
    const int64_t loaded = t->image_block * t->channel_block * clade_direct_tile(c, t->row_block, c->out[1]);
    t->tile = (size_t)(loaded + CLADE_SLACK) * sizeof(float);
    t->panel = (size_t)(t->filter_block * CLADE_PANEL_COLUMNS + CLADE_SLACK) * sizeof(float);
    t->taps = (size_t)(t->channel_block * c->taps) * sizeof(int32_t);

    const double tiles = (double)clade_blocks(t->image_block * t->row_block * c->out[1], CLADE_PANEL_COLUMNS);
    const double panels = (double)clade_blocks(t->channel_block * c->taps, CLADE_PANEL_ROWS);
    const double filters = (double)c->filters, filter_blocks = (double)clade_blocks(c->filters, t->filter_block);
    t->item = tiles * (pack_cost * filters + panels * (2 * CLADE_PANEL_ROWS * filters + scatter_cost * filter_blocks)) +
              clade_load_cost * (double)loaded +
              store_cost * (double)(t->image_block * t->channel_block * t->height_block * c->image[1]) +
              clade_begin_cost * (double)t->image_block * filters;
    const double groups = (double)(clade_blocks(c->batch, t->image_block) * clade_blocks(c->image[0], t->height_block) *
                                   clade_blocks(c->channels, t->channel_block) * c->groups);
    /* The fewer groups, the longer the last one is waited for. */
    t->cost = t->item * groups * (1 + 1 / groups);
    t->fits = clade_direct_fits(site, t);
}

static void cut_depth(const clade_site *site, const clade_convolution *c, clade_direct_cut t, clade_direct_cut *best) {
    const int64_t most = clade_larger(1, MOST_TAPS / c->taps);
    t.channel_block = c->channels;
    while (t.channel_block > most && t.channel_block > 1)
        t.channel_block = clade_halve(t.channel_block, 1);
    for (;; t.channel_block = clade_halve(t.channel_block, 1)) {
        for (t.filter_block = c->filters;; t.filter_block = clade_halve(t.filter_block, CLADE_PANEL_ROWS)) {
            weigh(site, c, &t);
            clade_direct_prefer(best, &t);
            if (t.filter_block == 1) break;
        }
        if (t.channel_block == 1) break;
    }
}

static clade_direct_cut cut_scatter(const clade_site *site, const clade_convolution *c) {
    clade_direct_cut best = { 0 };
    clade_direct_cut t = { .image_block = 1 };
    for (t.height_block = c->image[0];; t.height_block = clade_halve(t.height_block, 1)) {
        cut_depth(site, c, t, &best);
        if (t.height_block == 1) break;
    }
    t.height_block = c->image[0];
    for (t.image_block = 2; t.image_block <= c->batch && t.image_block * c->pixels <= CLADE_MANY_PIXELS;
         t.image_block *= 2)
        cut_depth(site, c, t, &best);
    return best;
}

/* Panels of a group's weights: each block of channels begins one. */
static int64_t panels_of(const clade_convolution *c, const clade_direct_cut *t) {
    const int64_t whole = (clade_blocks(c->channels, t->channel_block) - 1);
    return whole * clade_blocks(t->channel_block * c->taps, CLADE_PANEL_ROWS) +
           clade_blocks((c->channels - whole * t->channel_block) * c->taps, CLADE_PANEL_ROWS);
}

/* Whether the weights are taken where they lie. */
static bool lying(const clade_convolution *c, const clade_direct_cut *t) {
    return c->batch * c->pixels <= FEW_PIXELS && c->channels % CLADE_PANEL_ROWS == 0 &&
           t->channel_block % CLADE_PANEL_ROWS == 0;
}

static size_t prepared_scatter(const clade_site *site, const clade_convolution *c) {
    const clade_direct_cut t = cut_scatter(site, c);
    if (lying(c, &t)) return 0;
    return (size_t)(panels_of(c, &t) * CLADE_PANEL_ROWS * c->filters * c->groups) * sizeof(float);
}

static clade_status prepare_scatter(const clade_site *site, clade_commands *commands, const clade_convolution *c) {
    const clade_direct_cut t = cut_scatter(site, c);
    const int64_t panels = panels_of(c, &t);
    if (lying(c, &t)) return CLADE_OK;
    clade_launching l =
        clade_launch_begin(site, "conv_scatter.cl", "pack_scattered", site->in[1].buffer, NULL, site->prepared);
    const int64_t numbers[] = { c->filters, c->channels, c->taps, t.channel_block, panels };
    clade_launch_add_numbers(&l, numbers, sizeof numbers / sizeof numbers[0]);
    l.launch.bytes = 8.0 * (double)site->in[1].count;
    return clade_launch_finish(&l, commands, panels, clade_blocks(c->filters, PACK_FILTERS), c->groups);
}

static clade_status record_scatter(const clade_site *site, clade_commands *commands, const clade_convolution *c) {
    const clade_direct_cut t = cut_scatter(site, c);
    const bool as_they_lie = lying(c, &t);
    clade_launching l = clade_launch_begin(site, "conv_scatter.cl", "scatter_gradient", site->in[0].buffer,
                                           as_they_lie ? site->in[1].buffer : site->prepared, site->out[0].buffer);
    clade_direct_add_tiles(&l, &t);
    clade_launch_add_shape(&l, c);
    const int64_t blocks[] = {
        t.image_block, t.height_block, t.row_block, t.channel_block, t.filter_block, as_they_lie,
    };
    clade_launch_add_numbers(&l, blocks, sizeof blocks / sizeof blocks[0]);
    clade_launch_add_tail(&l, site);
    clade_launch_count(&l, site);
    return clade_launch_finish(&l, commands,
                               clade_blocks(c->batch, t.image_block) * clade_blocks(c->image[0], t.height_block),
                               clade_blocks(c->channels, t.channel_block), c->groups);
}

const clade_direct_way clade_direct_scatter = {
    .cut = cut_scatter,
    .prepared = prepared_scatter,
    .prepare = prepare_scatter,
    .record = record_scatter,
};
