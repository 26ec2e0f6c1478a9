/* Convolution and its gradients on GPU-like devices (kernels/conv_pixels.cl): a work-item for each pixel and 8 filters.
 * It takes every geometry and works on every device. */
#include "ops/convolution/convolution.h"

enum {
    WIDE = 8,             /* outputs of a work-item, as in the kernels */
    FILTERS = 4,          /* of a group of the filter gradient */
    GROUP = 64,           /* work-items */
    ENOUGH_GROUPS = 512,  /* to fill a GPU */
    SHORTEST_PART = 1024, /* pixels of a part of the filter gradient */
};

static int64_t group_of(const clade_site *site) {
    const clade_capabilities *can = &site->device->capabilities;
    const int64_t most = clade_smaller((int64_t)can->max_group_size, (int64_t)can->max_group_sizes[0]);
    return clade_smaller(GROUP, clade_smaller(most, (int64_t)can->local_memory / (FILTERS * WIDE * 4)));
}

/* ---- the filter gradient's parts ---- */

typedef struct split {
    int64_t parts, part_pixels;
} split;

static split split_of(const clade_convolution *c) {
    const int64_t groups = clade_blocks(c->channels * c->taps, WIDE) * clade_blocks(c->filters, FILTERS) * c->groups;
    const int64_t all = c->batch * c->pixels;
    const int64_t wanted = clade_larger(1, clade_smaller(ENOUGH_GROUPS / groups, all / SHORTEST_PART));
    split s = { .part_pixels = clade_blocks(all, wanted) };
    s.parts = clade_blocks(all, s.part_pixels);
    return s;
}

/* ---- launches ---- */

static const char file[] = "conv_pixels.cl";

/* X, Y, Z count groups of group_of(site) x 1 x 1. */
static clade_status finish(clade_launching *l, const clade_site *site, clade_commands *commands, int64_t x, int64_t y,
                           int64_t z) {
    const int64_t group = group_of(site);
    l->launch.local[0] = (size_t)group;
    clade_launch_count(l, site);
    return clade_launch_finish(l, commands, x * group, y, z);
}

/* conv2d and its data gradient: OUTPUTS (filters or channels) planes of PIXELS for each group. */
static clade_status record_planes(const clade_site *site, clade_commands *commands, const clade_convolution *c,
                                  const char *kernel, int64_t pixels, int64_t outputs) {
    clade_launching l =
        clade_launch_begin(site, file, kernel, site->in[0].buffer, site->in[1].buffer, site->out[0].buffer);
    clade_launch_add_shape(&l, c);
    return finish(&l, site, commands, clade_blocks(pixels, group_of(site)), clade_blocks(outputs, WIDE),
                  c->batch * c->groups);
}

static clade_status record_filter(const clade_site *site, clade_commands *commands, const clade_convolution *c) {
    const split s = split_of(c);
    clade_launching l =
        clade_launch_begin(site, file, "filter_gradient", site->in[0].buffer, site->in[1].buffer, site->workspace[0]);
    clade_launch_add(&l, clade_local_argument((size_t)group_of(site) * FILTERS * WIDE * sizeof(float)));
    clade_launch_add_shape(&l, c);
    clade_launch_add(&l, clade_int_argument(s.part_pixels));
    clade_status status = finish(&l, site, commands, clade_blocks(c->channels * c->taps, WIDE),
                                 clade_blocks(c->filters, FILTERS), c->groups * s.parts);
    if (status != CLADE_OK) return status;
    l = clade_launch_begin(site, file, "add_parts", site->workspace[0], NULL, site->out[0].buffer);
    clade_launch_add_numbers(&l, (const int64_t[]){ site->out[0].count, s.parts }, 2);
    l.launch.bytes = 4.0 * (double)(site->out[0].count * (s.parts + 1));
    return clade_launch_finish(&l, commands, site->out[0].count, 1, 1);
}

/* ---- the implementation ---- */

static double suitability(const clade_site *site) {
    return site->device->capabilities.is_cpu ? 0 : 1;
}

static void workspace(const clade_site *site, size_t bytes[CLADE_MAX_WORKSPACES]) {
    if (site->node->op != &clade_op_conv2d_filter_gradient) return;
    const clade_convolution c = clade_convolution_at(site);
    bytes[0] = (size_t)(split_of(&c).parts * site->out[0].count) * sizeof(float);
}

static clade_status record(const clade_site *site, clade_commands *commands) {
    const clade_convolution c = clade_convolution_at(site);
    if (site->node->op == &clade_op_conv2d) return record_planes(site, commands, &c, "forward", c.pixels, c.filters);
    if (site->node->op == &clade_op_conv2d_data_gradient)
        return record_planes(site, commands, &c, "data_gradient", c.image[0] * c.image[1], c.channels);
    return record_filter(site, commands, &c);
}

const clade_implementation clade_conv2d_pixels = {
    .name = "pixels",
    .suitability = suitability,
    .workspace = workspace,
    .record = record,
};
