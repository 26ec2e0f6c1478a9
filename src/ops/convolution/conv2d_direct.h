/* What the direct convolutions for CPU-like devices share: how work is cut into blocks that fit into local memory
 * (kernels/conv_tile.h).
 *
 * What is cut decides the order of additions, so it depends on the sizes, the configuration and the local memory alone,
 * never on the number of compute units. Of the ways to cut that fit, the one is taken that is estimated to cost
 * least, in clock cycles of a core that does one multiply-add of a vector in each. */
#ifndef CLADE_OPS_CONV2D_DIRECT_H
#define CLADE_OPS_CONV2D_DIRECT_H

#include "ops/convolution/convolution.h"

enum {
    CLADE_PANEL_ROWS = 8,
    CLADE_PANEL_COLUMNS = 32,
    CLADE_VECTOR = 16,
    CLADE_SLACK = 16,        /* floats that vectors run past the end of a tile or panel */
    CLADE_MANY_PIXELS = 1024 /* of several images in one block */
};

/* Cycles: to load a float into a tile, and to begin reading a plane's rows. */
static const double clade_load_cost = 0.5, clade_begin_cost = 300;

/* Blocks: image_block whole images, or row_block rows or pixel_block pixels of one, or column_block columns of a row;
 * height_block: rows of dx, which take row_block output rows; tap_block: of a register tile. Zero where a way has no
 * use for one. */
typedef struct clade_direct_cut {
    int64_t image_block, pixel_block, row_block, column_block, height_block, channel_block, filter_block, tap_block;
    int64_t parts;
    size_t tile, panel, taps, places; /* bytes of local memory */
    double item, cost;                /* of a work-item, of all of them */
    bool fits;
} clade_direct_cut;

/* A way to carry out a row at a site. */
typedef struct clade_direct_way {
    /* Of the launch that costs most, the cut; cost and fits are of all. */
    clade_direct_cut (*cut)(const clade_site *site, const clade_convolution *c);
    size_t (*workspace)(const clade_site *site, const clade_convolution *c); /* NULL: none */
    size_t (*prepared)(const clade_site *site, const clade_convolution *c);  /* NULL: none */
    clade_status (*prepare)(const clade_site *site, clade_commands *commands, const clade_convolution *c);
    clade_status (*record)(const clade_site *site, clade_commands *commands, const clade_convolution *c);
} clade_direct_way;

extern const clade_direct_way clade_direct_convolve; /* conv2d_direct_convolve.c: forward, and the data gradient */
extern const clade_direct_way clade_direct_scatter;  /* conv2d_direct_scatter.c: the data gradient */
extern const clade_direct_way clade_direct_filter;   /* conv2d_direct_filter.c: the filter gradient */

/* Rows or columns of an image, less one, under the taps of one output. */
static inline int64_t clade_direct_reach(const clade_convolution *c, int axis) {
    return c->dilation[axis] * (c->kernel[axis] - 1);
}

/* Floats of one channel of a tile: as tile_layout() of kernels/conv_tile.h. */
int64_t clade_direct_tile(const clade_convolution *c, int64_t row_block, int64_t column_block);
/* Whether the blocks' local memory is there, and stays within what the site's configuration allows, and whether the
 * device lets a work-item be at work for so long. T's local memory and item are set. */
bool clade_direct_fits(const clade_site *site, const clade_direct_cut *t);
/* Takes T, of that cost, for BEST if it fits and costs less; BEST begins as zeros. */
void clade_direct_prefer(clade_direct_cut *best, const clade_direct_cut *t);

/* VALUE in half, rounded up to a multiple of MULTIPLE while it is larger. */
static inline int64_t clade_halve(int64_t value, int64_t multiple) {
    const int64_t half = clade_blocks(value, 2);
    return half > multiple ? clade_smaller(clade_round_up(half, multiple), value) : half;
}

/* Adds the local memory of a tile, a panel and its taps. */
void clade_direct_add_tiles(clade_launching *l, const clade_direct_cut *t);

#endif
