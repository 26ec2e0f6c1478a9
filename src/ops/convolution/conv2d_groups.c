/* Convolution in groups of few channels and filters, depthwise ones among them, and its gradients, on CPU-like devices
 * (kernels/conv_groups.cl, conv_groups_spread.cl, conv_group_filter.cl): lanes are pixels, where the other forms take a
 * group's filters, of which there are too few. For usual kernels and strides. How the work is cut depends on the sizes
 * alone. */
#include "ops/convolution/convolution.h"
#include "ops/matmul/tiles.h"

#include <stdio.h>

enum {
    VECTOR = 16,
    SHORT = 8,            /* columns of results that are worked through for two planes at once */
    FEW = 4,              /* results of a group for which the forms by filters leave half of their work unused */
    FEW_PAIRS = 64,       /* of channels and filters: of their sums in the filter gradient */
    ENOUGH_GROUPS = 32,   /* to keep a CPU's cores evenly busy */
    ITEM_FLOATS = 4096,   /* of results: a work-item takes as many small planes */
    MOST_LOCAL = 48 << 10 /* bytes */
};

/* ---- forward and data gradient ---- */

/* A correlation of planes; the data gradient of stride 1 is one whose sources are dy's. */
typedef struct plan {
    int64_t source[2], result[2], pad[2]; /* rows, columns */
    int64_t sources, outputs, planes;     /* of a group, to each and from each; of all results */
    bool turned;
} plan;

static plan plan_of(const clade_site *site, const clade_convolution *c) {
    const bool data = site->node->op == &clade_op_conv2d_data_gradient;
    plan p = {
        .sources = data ? c->filters : c->channels,
        .outputs = data ? c->channels : c->filters,
        .turned = data,
    };
    for (int i = 0; i < 2; i++) {
        p.source[i] = data ? c->out[i] : c->image[i];
        p.result[i] = data ? c->image[i] : c->out[i];
        p.pad[i] = data ? c->kernel[i] - 1 - c->pad[i] : c->pad[i];
    }
    p.planes = c->batch * c->groups * p.outputs;
    return p;
}

/* Of the kernels of two planes' results, a vector for each weight. */
static size_t pair_bytes(const clade_convolution *c, const plan *p) {
    return (size_t)(p->result[1] <= SHORT ? p->sources * c->taps * VECTOR : 1) * sizeof(float);
}

static void set_options(const clade_site *site, const clade_convolution *c, const char *further, char options[96]) {
    snprintf(options, 96, "-DSIZE=%d -DSTRIDE=%d %s%s", (int)c->kernel[0], (int)c->stride[0], further,
             site->device->capabilities.is_cpu ? " -DFAST_FMA" : "");
}

/* Small planes are taken together, large ones are cut into blocks of rows. */
static int64_t planes_of_item(const plan *p) {
    const int64_t fitting = clade_larger(1, ITEM_FLOATS / (p->result[0] * p->result[1]));
    return clade_smaller(fitting, clade_blocks(p->planes, ENOUGH_GROUPS));
}

static int64_t rows_of_item(const plan *p) {
    int64_t rows = p->result[0];
    while (rows > VECTOR && clade_blocks(p->result[0], rows) * p->planes < ENOUGH_GROUPS) {
        rows = clade_blocks(rows, 2);
    }
    return rows;
}

/* Adds the sizes and the tail, and appends it. */
static clade_status finish_planes(clade_launching *l, const clade_site *site, clade_commands *commands,
                                  const clade_convolution *c, const plan *p, bool pads) {
    const int64_t rows = rows_of_item(p), planes = planes_of_item(p);
    const int64_t sizes[] = { p->planes,    c->groups,    p->outputs,   p->sources,
                              p->source[0], p->source[1], p->result[0], p->result[1] };
    const int64_t blocks[] = { rows, planes };
    clade_launch_add_numbers(l, sizes, sizeof sizes / sizeof sizes[0]);
    if (pads) clade_launch_add_numbers(l, p->pad, 2);
    clade_launch_add_numbers(l, blocks, 2);
    clade_launch_add_tail(l, site);
    clade_launch_count(l, site);
    l->launch.local[0] = 1;
    return clade_launch_finish(l, commands, clade_blocks(p->result[0], rows), clade_blocks(p->planes, planes), 1);
}

static clade_status record_walk(const clade_site *site, clade_commands *commands, const clade_convolution *c) {
    const plan p = plan_of(site, c);
    char options[96];
    set_options(site, c, p.turned ? "-DTURNED" : "", options);
    clade_launching l =
        clade_launch_begin(site, "conv_groups.cl", "walk", site->in[0].buffer, site->in[1].buffer, site->out[0].buffer);
    l.launch.options = options;
    clade_launch_add(&l, clade_local_argument(pair_bytes(c, &p)));
    return finish_planes(&l, site, commands, c, &p, true);
}

/* The data gradient of stride 2. */
static clade_status record_spread(const clade_site *site, clade_commands *commands, const clade_convolution *c) {
    const plan p = plan_of(site, c);
    char options[96];
    snprintf(options, sizeof options, "-DKERNEL=%d%s", (int)c->kernel[0],
             site->device->capabilities.is_cpu ? " -DFAST_FMA" : "");
    clade_launching l = clade_launch_begin(site, "conv_groups_spread.cl", "spread", site->in[0].buffer,
                                           site->in[1].buffer, site->out[0].buffer);
    l.launch.options = options;
    return finish_planes(&l, site, commands, c, &p, false);
}

/* ---- filter gradient ---- */

/* Of a vector of sums for each weight of a group. */
static size_t total_bytes(const clade_convolution *c) {
    return (size_t)(c->channels * c->filters * c->taps * VECTOR) * sizeof(float);
}

static int64_t part_images(const clade_convolution *c) {
    return clade_blocks(c->batch, clade_smaller(c->batch, clade_blocks(ENOUGH_GROUPS, c->groups)));
}

static clade_status record_filter(const clade_site *site, clade_commands *commands, const clade_convolution *c) {
    const int64_t images = part_images(c), parts = clade_blocks(c->batch, images);
    char options[96];
    set_options(site, c, c->filters > 1 ? "-DFILTERS=2" : "-DFILTERS=1", options);
    clade_launching l = clade_launch_begin(site, "conv_group_filter.cl", "group_filters", site->in[0].buffer,
                                           site->in[1].buffer, parts > 1 ? site->workspace[0] : site->out[0].buffer);
    l.launch.options = options;
    l.launch.local[0] = 1;
    clade_launch_add(&l, clade_local_argument(total_bytes(c)));
    const int64_t numbers[] = {
        c->batch,  c->groups, c->channels, c->filters, c->image[0], c->image[1],
        c->out[0], c->out[1], c->pad[0],   c->pad[1],  images,
    };
    clade_launch_add_numbers(&l, numbers, sizeof numbers / sizeof numbers[0]);
    clade_launch_count(&l, site);
    clade_status status = clade_launch_finish(&l, commands, c->groups, parts, 1);
    if (status != CLADE_OK || parts == 1) return status;
    return clade_tile_add_parts(site, commands, 0, parts, 1);
}

/* ---- the implementation ---- */

/* Why the row's kernels do not serve the convolution; NULL where they do. */
static const char *refusal(const clade_op *op, const clade_convolution *c) {
    const bool filter = op == &clade_op_conv2d_filter_gradient, data = op == &clade_op_conv2d_data_gradient;
    const int64_t size = c->kernel[0], stride = c->stride[0];
    if (c->kernel[1] != size || (size != 3 && (filter || (size != 5 && size != 7))))
        return filter ? "needs a kernel of 3 x 3" : "needs a kernel of 3 x 3, 5 x 5 or 7 x 7";
    if (c->stride[1] != stride || stride > 2) return "needs strides of 1 or of 2";
    if (data && stride == 2 && (c->pad[0] != size / 2 || c->pad[1] != size / 2))
        return "needs the kernel's half as padding where the stride is 2";
    return c->dilation[0] == 1 && c->dilation[1] == 1 ? NULL : "needs no dilation";
}

static bool applicable(const clade_site *site, char why[128]) {
    const clade_convolution c = clade_convolution_at(site);
    const char *wrong = refusal(site->node->op, &c);
    if (wrong != NULL) {
        snprintf(why, 128, "%s", wrong);
        return false;
    }
    const plan p = plan_of(site, &c);
    const size_t needed = site->node->op == &clade_op_conv2d_filter_gradient ? total_bytes(&c) : pair_bytes(&c, &p);
    if (needed <= site->device->capabilities.local_memory && needed <= MOST_LOCAL) return true;
    snprintf(why, 128, "its sums or kernels need %zu bytes of local memory", needed);
    return false;
}

static double suitability(const clade_site *site) {
    const clade_convolution c = clade_convolution_at(site);
    const plan p = plan_of(site, &c);
    const bool few =
        site->node->op == &clade_op_conv2d_filter_gradient ? c.channels * c.filters <= FEW_PAIRS : p.outputs <= FEW;
    return !site->device->capabilities.is_cpu ? 0 : c.groups > 1 && few ? 6 : 0.5;
}

static void workspace(const clade_site *site, size_t bytes[CLADE_MAX_WORKSPACES]) {
    if (site->node->op != &clade_op_conv2d_filter_gradient) return;
    const clade_convolution c = clade_convolution_at(site);
    const int64_t parts = clade_blocks(c.batch, part_images(&c));
    if (parts > 1) bytes[0] = (size_t)(parts * site->out[0].count) * sizeof(float);
}

static clade_status record(const clade_site *site, clade_commands *commands) {
    const clade_convolution c = clade_convolution_at(site);
    if (site->node->op == &clade_op_conv2d_filter_gradient) return record_filter(site, commands, &c);
    const bool spreads = site->node->op == &clade_op_conv2d_data_gradient && c.stride[0] == 2;
    return (spreads ? record_spread : record_walk)(site, commands, &c);
}

const clade_implementation clade_conv2d_groups = {
    .name = "groups",
    .applicable = applicable,
    .suitability = suitability,
    .workspace = workspace,
    .tail = true,
    .record = record,
};
