/* Convolution and its gradients on GPU-like devices (kernels/conv_pixels.cl): a work-item for each pixel and 8 filters.
 * It takes every geometry and works on every device. */
#include "ops/convolution.h"

enum {
    WIDE = 8,             /* outputs of a work-item, as in the kernels */
    FILTERS = 4,          /* of a group of the filter gradient */
    GROUP = 64,           /* work-items */
    ENOUGH_GROUPS = 512,  /* to fill a GPU */
    SHORTEST_PART = 1024, /* pixels of a part of the filter gradient */
    SHAPE_ARGUMENTS = 16,
    MOST_ARGUMENTS = 24,
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

typedef struct launching {
    clade_argument arguments[MOST_ARGUMENTS];
    size_t count;
} launching;

static void add(launching *l, clade_argument argument) {
    l->arguments[l->count++] = argument;
}

static void add_shape(launching *l, const clade_convolution *c) {
    const int64_t shape[SHAPE_ARGUMENTS] = {
        c->batch,  c->groups, c->channels,    c->filters,     c->image[0],  c->image[1],
        c->out[0], c->out[1], c->kernel[0],   c->kernel[1],   c->stride[0], c->stride[1],
        c->pad[0], c->pad[1], c->dilation[0], c->dilation[1],
    };
    for (int i = 0; i < SHAPE_ARGUMENTS; i++) {
        add(l, clade_int_argument(shape[i]));
    }
}

/* A launch of groups of GROUP x 1 x 1; X, Y, Z count groups. */
static clade_status launch(const clade_site *site, clade_commands *commands, const char *kernel, const launching *l,
                           int64_t x, int64_t y, int64_t z) {
    const size_t group = (size_t)group_of(site);
    return clade_commands_launch(
        commands, &(clade_launch){
                      .file = "conv_pixels.cl",
                      .options = site->device->capabilities.is_cpu ? "-DFAST_FMA" : NULL,
                      .kernel = kernel,
                      .label = site->label,
                      .global = { (size_t)x * group, (size_t)y, (size_t)z },
                      .local = { group },
                      .arguments = l->arguments,
                      .argument_count = l->count,
                      .flops = clade_convolution_flops(site),
                      .bytes = 4.0 * (double)(site->in[0].count + site->in[1].count + site->out[0].count),
                  });
}

/* conv2d and its data gradient: OUTPUTS (filters or channels) planes of PIXELS for each group. */
static clade_status record_planes(const clade_site *site, clade_commands *commands, const clade_convolution *c,
                                  const char *kernel, int64_t pixels, int64_t outputs) {
    launching l = { .count = 0 };
    add(&l, clade_buffer_argument(site->in[0].buffer));
    add(&l, clade_buffer_argument(site->in[1].buffer));
    add(&l, clade_buffer_argument(site->out[0].buffer));
    add_shape(&l, c);
    return launch(site, commands, kernel, &l, clade_blocks(pixels, group_of(site)), clade_blocks(outputs, WIDE),
                  c->batch * c->groups);
}

static clade_status record_filter(const clade_site *site, clade_commands *commands, const clade_convolution *c) {
    const split s = split_of(c);
    launching l = { .count = 0 };
    add(&l, clade_buffer_argument(site->in[0].buffer));
    add(&l, clade_buffer_argument(site->in[1].buffer));
    add(&l, clade_buffer_argument(site->workspace[0]));
    add(&l, clade_local_argument((size_t)group_of(site) * FILTERS * WIDE * sizeof(float)));
    add_shape(&l, c);
    add(&l, clade_int_argument(s.part_pixels));
    clade_status status = launch(site, commands, "filter_gradient", &l, clade_blocks(c->channels * c->taps, WIDE),
                                 clade_blocks(c->filters, FILTERS), c->groups * s.parts);
    if (status != CLADE_OK) return status;
    const clade_argument arguments[] = {
        clade_buffer_argument(site->workspace[0]),
        clade_buffer_argument(site->out[0].buffer),
        clade_int_argument(site->out[0].count),
        clade_int_argument(s.parts),
    };
    return clade_commands_launch(commands, &(clade_launch){
                                               .file = "conv_pixels.cl",
                                               .options = site->device->capabilities.is_cpu ? "-DFAST_FMA" : NULL,
                                               .kernel = "add_parts",
                                               .label = site->label,
                                               .global = { (size_t)site->out[0].count },
                                               .arguments = arguments,
                                               .argument_count = sizeof arguments / sizeof arguments[0],
                                               .bytes = 4.0 * (double)(site->out[0].count * (s.parts + 1)),
                                           });
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
