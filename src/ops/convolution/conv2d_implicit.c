/* Convolution and its gradients on GPU-like devices as tiled matrix products whose one matrix is gathered from the
 * image (kernels/conv_implicit.cl). It takes every geometry; with few filters or channels in a group most of a tile
 * is idle. */
#include "ops/convolution/convolution.h"
#include "ops/matmul/tiles.h"

#include <limits.h>
#include <stdio.h>

enum {
    SHORTEST_PART = 512 /* pixels of a part of the filter gradient */
};

static int64_t common_factor(int64_t a, int64_t b) {
    while (b != 0) {
        const int64_t rest = a % b;
        a = b, b = rest;
    }
    return a;
}

/* The row as one product; for the data gradient, that of its largest phase, once for each phase. */
static clade_tiled_product product_of(const clade_site *site, const clade_convolution *c) {
    if (site->node->op == &clade_op_conv2d)
        return (clade_tiled_product){ c->filters, c->batch * c->pixels, c->channels * c->taps, c->groups, 1 };
    if (site->node->op == &clade_op_conv2d_data_gradient) {
        const int64_t pixels = clade_blocks(c->image[0], c->stride[0]) * clade_blocks(c->image[1], c->stride[1]);
        const int64_t phases = c->stride[0] * c->stride[1];
        const int64_t depth = clade_blocks(c->filters * c->taps, phases);
        return (clade_tiled_product){ c->channels, c->batch * pixels, depth, c->groups * phases, 1 };
    }
    const int64_t depth = c->batch * c->pixels;
    return (clade_tiled_product){ c->filters, c->channels * c->taps, depth, c->groups,
                                  clade_blocks(depth, SHORTEST_PART) };
}

/* Pixels of a part of the filter gradient. */
static int64_t part_pixels_of(const clade_tile *tile, const clade_tiled_product *p) {
    return clade_blocks(p->depth, clade_tile_parts(tile, p));
}

/* ---- launches ---- */

static clade_launching begin(const clade_site *site, const char *kernel, const clade_buffer *out,
                             const clade_convolution *c) {
    clade_launching l =
        clade_launch_begin(site, "conv_implicit.cl", kernel, site->in[0].buffer, site->in[1].buffer, out);
    clade_launch_add_shape(&l, c);
    return l;
}

static clade_status finish(clade_launching *l, const clade_site *site, clade_commands *commands, const clade_tile *tile,
                           const clade_tiled_product *p, int64_t parts) {
    const int64_t items = clade_tile_items(tile);
    char options[128];
    clade_tile_options(tile, site, options);
    clade_launch_count(l, site);
    l->launch.options = options;
    l->launch.local[0] = (size_t)items;
    l->launch.local_memory = (size_t)clade_tile_local_memory(tile);
    return clade_launch_finish(l, commands, clade_blocks(p->n, tile->n) * items, clade_blocks(p->m, tile->m),
                               p->count * parts);
}

static clade_status record_planes(const clade_site *site, clade_commands *commands, const clade_convolution *c) {
    const clade_tiled_product p = product_of(site, c);
    const bool forward = site->node->op == &clade_op_conv2d;
    clade_launching l = begin(site, forward ? "forward" : "data_gradient", site->out[0].buffer, c);
    for (int i = 0; i < 2 && !forward; i++)
        clade_launch_add(&l, clade_int_argument(c->stride[i] / common_factor(c->stride[i], c->dilation[i])));
    clade_launch_add_tail(&l, site);
    return finish(&l, site, commands, clade_tile_for(site, &p), &p, 1);
}

static clade_status record_filter(const clade_site *site, clade_commands *commands, const clade_convolution *c) {
    const clade_tiled_product p = product_of(site, c);
    const clade_tile *tile = clade_tile_for(site, &p);
    const int64_t part_pixels = part_pixels_of(tile, &p), parts = clade_blocks(p.depth, part_pixels);
    clade_launching l = begin(site, "filter_gradient", parts > 1 ? site->workspace[0] : site->out[0].buffer, c);
    clade_launch_add(&l, clade_int_argument(part_pixels));
    clade_status status = finish(&l, site, commands, tile, &p, parts);
    if (status != CLADE_OK || parts == 1) return status;
    return clade_tile_add_parts(site, commands, 0, parts, 1);
}

/* ---- the implementation ---- */

static bool applicable(const clade_site *site, char why[128]) {
    const clade_convolution c = clade_convolution_at(site);
    const int64_t largest = INT_MAX / 2, planes[] = {
        c.channels * c.image[0] * c.image[1], c.filters * c.pixels, c.filters * c.channels * c.taps,
        c.batch * c.image[0] * c.image[1],    c.batch * c.pixels,
    };
    for (size_t i = 0; i < sizeof planes / sizeof planes[0]; i++) {
        if (planes[i] <= largest) continue;
        snprintf(why, 128, "an image, the pixels or the weights count more than %lld", (long long)largest);
        return false;
    }
    return clade_tiles_applicable(site, why);
}

/* Tiles want lines to fill them: a few filters or channels are left to a form that has no tiles. */
static double suitability(const clade_site *site) {
    const clade_convolution c = clade_convolution_at(site);
    const int64_t lines = site->node->op == &clade_op_conv2d_data_gradient ? c.channels : c.filters;
    if (site->device->capabilities.is_cpu) return 0;
    return lines >= 8 ? 3 : 0.5;
}

static void workspace(const clade_site *site, size_t bytes[CLADE_MAX_WORKSPACES]) {
    if (site->node->op != &clade_op_conv2d_filter_gradient) return;
    const clade_convolution c = clade_convolution_at(site);
    const clade_tiled_product p = product_of(site, &c);
    const int64_t parts = clade_blocks(p.depth, part_pixels_of(clade_tile_for(site, &p), &p));
    if (parts > 1) bytes[0] = (size_t)(parts * site->out[0].count) * sizeof(float);
}

static clade_status record(const clade_site *site, clade_commands *commands) {
    const clade_convolution c = clade_convolution_at(site);
    if (site->node->op == &clade_op_conv2d_filter_gradient) return record_filter(site, commands, &c);
    return record_planes(site, commands, &c);
}

const clade_implementation clade_conv2d_implicit = {
    .name = "implicit",
    .applicable = applicable,
    .suitability = suitability,
    .workspace = workspace,
    .configurations = clade_tiles_count,
    .tail = true,
    .record = record,
};
