/* Depthwise convolution, one channel to a group, by any kernel, and its gradients: `depthwise` for CPU-like devices, whole
 * rows (kernels/conv_depthwise.cl; conv2d_groups.c has the usual kernels); `depthwise_pixels` for GPU-like ones, a
 * work-item for each result (kernels/conv_depthwise_pixels.cl). How the work is cut depends on the sizes and the
 * device's limits alone. */
#include "ops/convolution/convolution.h"
#include "ops/matmul/tiles.h"

#include <stdio.h>

enum {
    VECTOR = 16,
    SLACK = 16,            /* floats after a copy that vectors run over */
    TILE_BYTES = 24 << 10, /* of a copy: it stays in the first-level cache */
    ENOUGH_GROUPS = 32,    /* to keep a CPU's cores evenly busy */
    ENOUGH_ITEMS = 32768,  /* to keep a GPU busy */
    SHORTEST_PART = 1024,  /* pixels of a part of the filter gradient on a GPU */
    GROUP = 64             /* work-items, a power of two */
};

/* ---- launches ---- */

/* The arguments begin with the row's inputs and OUT. */
static clade_launching begin(const clade_site *site, const char *file, const char *kernel, const clade_buffer *out) {
    return clade_launch_begin(site, file, kernel, site->in[0].buffer, site->in[1].buffer, out);
}

/* X x Y x Z groups of SIZE work-items. */
static clade_status finish(clade_launching *l, const clade_site *site, clade_commands *commands, int64_t x, int64_t y,
                           int64_t z, int64_t size) {
    clade_launch_count(l, site);
    l->launch.local[0] = (size_t)size;
    return clade_launch_finish(l, commands, x * size, y, z);
}

/* ---- CPU-like devices ---- */

/* A correlation of planes with a copy in local memory; the data gradient is one whose source is dy. */
typedef struct plan {
    int64_t source[2], result[2], stride[2], insert[2], pad[2]; /* rows, columns */
    int64_t sources, share;                                     /* planes to a result, results to a plane */
    int64_t pitch, phases, row_block;
    size_t bytes; /* of the copy */
} plan;

static int64_t reach(const clade_convolution *c, int axis) {
    return c->dilation[axis] * (c->kernel[axis] - 1);
}

static size_t copy_bytes(const clade_convolution *c, const plan *p, int64_t rows) {
    return (size_t)(((rows - 1) * p->stride[0] + reach(c, 0) + 1) * p->phases * p->pitch + SLACK) * sizeof(float);
}

/* Rows of results whose copy stays within TILE_BYTES, and few enough for ENOUGH_GROUPS blocks. */
static void cut_rows(const clade_convolution *c, plan *p, int64_t planes) {
    p->phases = clade_smaller(p->stride[1], reach(c, 1) + 1);
    p->pitch = clade_round_up(p->result[1], VECTOR) + reach(c, 1) / p->stride[1];
    p->row_block = p->result[0];
    while (p->row_block > 1 && copy_bytes(c, p, p->row_block) > TILE_BYTES) {
        p->row_block = clade_blocks(p->row_block, 2);
    }
    while (p->row_block > VECTOR && clade_blocks(p->result[0], p->row_block) * planes < ENOUGH_GROUPS) {
        p->row_block = clade_blocks(p->row_block, 2);
    }
    p->bytes = copy_bytes(c, p, p->row_block);
}

static plan plan_of(const clade_site *site, const clade_convolution *c) {
    const bool data = site->node->op == &clade_op_conv2d_data_gradient;
    plan p = { .sources = data ? c->filters : 1, .share = data ? 1 : c->filters };
    for (int i = 0; i < 2; i++) {
        p.source[i] = data ? c->out[i] : c->image[i];
        p.result[i] = data ? c->image[i] : c->out[i];
        p.stride[i] = data ? 1 : c->stride[i];
        p.insert[i] = data ? c->stride[i] : 1;
        p.pad[i] = data ? reach(c, i) - c->pad[i] : c->pad[i];
    }
    cut_rows(c, &p, c->batch * c->groups * (data ? 1 : c->filters));
    return p;
}

/* Of the table of a kernel's columns. */
static size_t column_bytes(const clade_convolution *c) {
    return (size_t)c->kernel[1] * sizeof(int32_t);
}

static clade_status record_planes(const clade_site *site, clade_commands *commands, const clade_convolution *c) {
    const bool data = site->node->op == &clade_op_conv2d_data_gradient;
    const plan p = plan_of(site, c);
    const int64_t channels = c->groups * (data ? 1 : c->filters);
    clade_launching l = begin(site, "conv_depthwise.cl", "planes", site->out[0].buffer);
    clade_launch_add(&l, clade_local_argument(p.bytes));
    clade_launch_add(&l, clade_local_argument(column_bytes(c)));
    const int64_t numbers[] = {
        channels,     p.sources,      p.share,        p.source[0], p.source[1], p.result[0], p.result[1],
        c->kernel[0], c->kernel[1],   p.stride[0],    p.stride[1], p.insert[0], p.insert[1], p.pad[0],
        p.pad[1],     c->dilation[0], c->dilation[1], p.pitch,     p.phases,    p.row_block, data,
    };
    clade_launch_add_numbers(&l, numbers, sizeof numbers / sizeof numbers[0]);
    clade_launch_add_tail(&l, site);
    return finish(&l, site, commands, clade_blocks(p.result[0], p.row_block), c->batch * channels, 1, 1);
}

/* The filter gradient's: parts of so many images. */
static int64_t part_images(const clade_convolution *c) {
    const int64_t wanted = clade_blocks(ENOUGH_GROUPS, c->groups * c->filters);
    return clade_blocks(c->batch, clade_smaller(c->batch, wanted));
}

static size_t gradient_bytes(const clade_convolution *c, const plan *p) {
    return (size_t)(p->row_block * clade_round_up(c->out[1], VECTOR) + SLACK) * sizeof(float);
}

static size_t total_bytes(const clade_convolution *c) {
    return (size_t)((c->taps + 3) * VECTOR) * sizeof(float);
}

static clade_status record_filter(const clade_site *site, clade_commands *commands, const clade_convolution *c) {
    const plan p = plan_of(site, c);
    const int64_t images = part_images(c), parts = clade_blocks(c->batch, images), filters = c->groups * c->filters;
    clade_launching l =
        begin(site, "conv_depthwise.cl", "filter_gradient", parts > 1 ? site->workspace[0] : site->out[0].buffer);
    clade_launch_add(&l, clade_local_argument(p.bytes));
    clade_launch_add(&l, clade_local_argument(gradient_bytes(c, &p)));
    clade_launch_add(&l, clade_local_argument(total_bytes(c)));
    clade_launch_add(&l, clade_local_argument(column_bytes(c)));
    const int64_t numbers[] = {
        c->batch,       filters,      c->filters,   c->image[0],  c->image[1], c->out[0], c->out[1],
        c->kernel[0],   c->kernel[1], c->stride[0], c->stride[1], c->pad[0],   c->pad[1], c->dilation[0],
        c->dilation[1], p.pitch,      p.phases,     p.row_block,  images,
    };
    clade_launch_add_numbers(&l, numbers, sizeof numbers / sizeof numbers[0]);
    clade_status status = finish(&l, site, commands, filters, parts, 1, 1);
    if (status != CLADE_OK || parts == 1) return status;
    return clade_tile_add_parts(site, commands, 0, parts, 1);
}

static bool is_depthwise(const clade_site *site, char why[128]) {
    if (clade_convolution_at(site).channels == 1) return true;
    snprintf(why, 128, "needs groups of one channel");
    return false;
}

static bool planes_applicable(const clade_site *site, char why[128]) {
    if (!is_depthwise(site, why)) return false;
    const clade_convolution c = clade_convolution_at(site);
    const plan p = plan_of(site, &c);
    size_t needed = p.bytes + column_bytes(&c);
    if (site->node->op == &clade_op_conv2d_filter_gradient) needed += gradient_bytes(&c, &p) + total_bytes(&c);
    if (needed <= site->device->capabilities.local_memory) return true;
    snprintf(why, 128, "its rows need %zu bytes of local memory", needed);
    return false;
}

static double planes_suitability(const clade_site *site) {
    const clade_convolution c = clade_convolution_at(site);
    return site->device->capabilities.is_cpu ? (c.groups > 1 ? 5 : 1) : 0;
}

static void planes_workspace(const clade_site *site, size_t bytes[CLADE_MAX_WORKSPACES]) {
    if (site->node->op != &clade_op_conv2d_filter_gradient) return;
    const clade_convolution c = clade_convolution_at(site);
    const int64_t parts = clade_blocks(c.batch, part_images(&c));
    if (parts > 1) bytes[0] = (size_t)(parts * site->out[0].count) * sizeof(float);
}

static clade_status planes_record(const clade_site *site, clade_commands *commands) {
    const clade_convolution c = clade_convolution_at(site);
    return (site->node->op == &clade_op_conv2d_filter_gradient ? record_filter : record_planes)(site, commands, &c);
}

const clade_implementation clade_conv2d_depthwise = {
    .name = "depthwise",
    .applicable = planes_applicable,
    .suitability = planes_suitability,
    .workspace = planes_workspace,
    .tail = true,
    .record = planes_record,
};

/* ---- GPU-like devices ---- */

/* The largest power of two up to GROUP that the device takes. */
static int64_t group_of(const clade_site *site) {
    const clade_capabilities *can = &site->device->capabilities;
    int64_t size = GROUP;
    while (size > 1 && ((size_t)size > can->max_group_size || (size_t)size > can->max_group_sizes[0])) {
        size /= 2;
    }
    return size;
}

static int64_t part_pixels(const clade_site *site, const clade_convolution *c) {
    const int64_t all = c->batch * c->pixels, items = c->taps * c->groups * c->filters * group_of(site);
    return clade_blocks(all, clade_larger(1, clade_smaller(ENOUGH_ITEMS / items, all / SHORTEST_PART)));
}

/* SHAPE_PARAMETERS of the kernels for GPU-like devices. */
static void add_shape(clade_launching *l, const clade_convolution *c) {
    const int64_t numbers[] = {
        c->batch,  c->groups * c->filters, c->filters,     c->image[0],  c->image[1],  c->out[0],
        c->out[1], c->kernel[0],           c->kernel[1],   c->stride[0], c->stride[1], c->pad[0],
        c->pad[1], c->dilation[0],         c->dilation[1],
    };
    clade_launch_add_numbers(l, numbers, sizeof numbers / sizeof numbers[0]);
}

static clade_status record_pixels(const clade_site *site, clade_commands *commands, const clade_convolution *c) {
    const bool data = site->node->op == &clade_op_conv2d_data_gradient;
    const int64_t size = group_of(site), pixels = data ? c->image[0] * c->image[1] : c->pixels;
    clade_launching l =
        begin(site, "conv_depthwise_pixels.cl", data ? "pixels_data" : "pixels_forward", site->out[0].buffer);
    add_shape(&l, c);
    clade_launch_add_tail(&l, site);
    return finish(&l, site, commands, clade_blocks(pixels, size), c->batch * c->groups * (data ? 1 : c->filters), 1,
                  size);
}

static clade_status record_pixels_filter(const clade_site *site, clade_commands *commands, const clade_convolution *c) {
    const int64_t size = group_of(site), pixels = part_pixels(site, c),
                  parts = clade_blocks(c->batch * c->pixels, pixels);
    clade_launching l =
        begin(site, "conv_depthwise_pixels.cl", "pixels_filter", parts > 1 ? site->workspace[0] : site->out[0].buffer);
    clade_launch_add(&l, clade_local_argument((size_t)size * sizeof(float)));
    add_shape(&l, c);
    clade_launch_add(&l, clade_int_argument(pixels));
    clade_status status = finish(&l, site, commands, c->taps, c->groups * c->filters, parts, size);
    if (status != CLADE_OK || parts == 1) return status;
    return clade_tile_add_parts(site, commands, 0, parts, 1);
}

static double pixels_suitability(const clade_site *site) {
    const clade_convolution c = clade_convolution_at(site);
    return site->device->capabilities.is_cpu ? 0 : c.groups > 1 ? 5 : 0.5;
}

static void pixels_workspace(const clade_site *site, size_t bytes[CLADE_MAX_WORKSPACES]) {
    if (site->node->op != &clade_op_conv2d_filter_gradient) return;
    const clade_convolution c = clade_convolution_at(site);
    const int64_t parts = clade_blocks(c.batch * c.pixels, part_pixels(site, &c));
    if (parts > 1) bytes[0] = (size_t)(parts * site->out[0].count) * sizeof(float);
}

static clade_status pixels_record(const clade_site *site, clade_commands *commands) {
    const clade_convolution c = clade_convolution_at(site);
    const bool filter = site->node->op == &clade_op_conv2d_filter_gradient;
    return (filter ? record_pixels_filter : record_pixels)(site, commands, &c);
}

const clade_implementation clade_conv2d_depthwise_pixels = {
    .name = "depthwise_pixels",
    .applicable = is_depthwise,
    .suitability = pixels_suitability,
    .workspace = pixels_workspace,
    .tail = true,
    .record = pixels_record,
};
