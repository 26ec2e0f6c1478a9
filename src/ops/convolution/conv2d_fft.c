/* Convolution with stride 1 and its gradients by Fourier transforms of overlapping tiles (kernels/fft_convolution.cl):
 * with large kernels a product for each frequency is far less work than one for each tap. With X, W and D the spectra
 * of a tile of x, of w and of a tile of dy, and * the conjugate,
 *   conv2d           Y = sum over channels of X W*        of dx: the same, over filters, of D and the turned kernel
 *   filter gradient  W = sum over tiles of X D*
 * A kernel of one row works on lines, others on rectangles. Sizes that decide the bits: those of the row, the kind of
 * device and its local memory. */
#include "ops/convolution/convolution.h"

#include <limits.h>
#include <stdio.h>

enum {
    BLOCK = 16, /* frequencies of a row of a spectrum that lie together, real and imaginary */
    ITEMS = 64, /* of a group on GPU-like devices */
    PRODUCT_LINES = 4,
    SMALLEST_SIDE = 16,
    LARGEST_SIDE = 128,
    LARGE_KERNEL = 6,
    LINES_EACH = 8, /* rows of a spectrum that a group does of lines, whose turns it makes first */
};

static const char file[] = "fft_convolution.cl";

/* Cycles of a core that does one multiply-add of 16 lanes in each, for 16 elements: of a tile's way into and out of
 * local memory, of a radix-2 step, of a line's turn between its two directions, of a complex product. And
 * floating-point operations in a cycle of a direct convolution. */
static const double carry_cost = 60, step_cost = 8, turn_cost = 40, product_cost = 6, direct_rate = 22;

/* How a site's convolution is cut into tiles. */
typedef struct cut {
    int64_t sides[2], block[2], tiles[2], pairs;
    bool line, fits;
    double cost;
} cut;

/* The row as a correlation of planes of BATCH images: SOURCE -> RESULT, of M lines over DEPTH planes in each group. For
 * the filter gradient SOURCE is x and RESULT dy. */
typedef struct planes {
    int64_t source[2], result[2], pad[2], lines, depth;
} planes;

static bool is_filter(const clade_site *site) {
    return site->node->op == &clade_op_conv2d_filter_gradient;
}

static planes planes_of(const clade_site *site, const clade_convolution *c) {
    planes p = {
        { c->image[0], c->image[1] }, { c->out[0], c->out[1] }, { c->pad[0], c->pad[1] }, c->filters, c->channels
    };
    if (site->node->op != &clade_op_conv2d_data_gradient) return p;
    return (planes){ { c->out[0], c->out[1] },
                     { c->image[0], c->image[1] },
                     { c->kernel[0] - 1 - c->pad[0], c->kernel[1] - 1 - c->pad[1] },
                     c->channels,
                     c->filters };
}

/* ---- the cut ---- */

static int64_t local_bytes(const clade_site *site, const cut *t) {
    const int64_t elements = t->sides[0] * t->sides[1], turns = t->line ? 2 * elements : 1;
    const int64_t padded = site->device->capabilities.is_cpu ? 2 * elements : elements + t->sides[0];
    return (2 * padded + turns) * (int64_t)sizeof(float);
}

static double transform_cost(const cut *t) {
    const int64_t elements = t->sides[0] * t->sides[1];
    double cost = t->line ? carry_cost + turn_cost : carry_cost;
    for (int64_t size = elements; size > 1; size /= 2) {
        cost += step_cost;
    }
    return cost * (double)(elements / BLOCK);
}

/* Floating-point operations of a tile's transform: 34 for each radix-4 step of 4 elements. */
static double transform_flops(const cut *t) {
    double flops = 0;
    for (int64_t size = t->sides[0] * t->sides[1]; size > 1; size /= 4) {
        flops += 8.5 * (double)(t->sides[0] * t->sides[1]);
    }
    return flops;
}

static void consider(const clade_site *site, const clade_convolution *c, cut *best, int64_t rows, int64_t columns,
                     bool line) {
    const planes p = planes_of(site, c);
    cut t = { .sides = { rows, columns }, .line = line };
    t.block[0] = line ? 1 : rows - c->kernel[0] + 1;
    t.block[1] = (line ? rows * columns : columns) - c->kernel[1] + 1;
    if (t.block[0] < 1 || t.block[1] < 1 || (size_t)local_bytes(site, &t) > site->device->capabilities.local_memory)
        return;
    for (int i = 0; i < 2; i++) {
        t.tiles[i] = clade_blocks(p.result[i], t.block[i]);
    }
    t.pairs = clade_blocks(c->batch * t.tiles[0] * t.tiles[1], 2);
    const double transforms = (double)(t.pairs * (c->channels + c->filters)), each = transform_cost(&t);
    const double weights = site->prepares_once ? 0 : (double)(c->channels * c->filters);
    const double products = (double)(c->channels * c->filters) * (double)(t.pairs * rows * columns / BLOCK);
    t.cost = (double)c->groups * ((transforms + weights) * each + products * product_cost);
    t.fits = true;
    if (!best->fits || t.cost < best->cost) *best = t;
}

static cut cut_of(const clade_site *site, const clade_convolution *c) {
    cut best = { .fits = false };
    for (int64_t rows = SMALLEST_SIDE; rows <= LARGEST_SIDE; rows *= 2) {
        for (int64_t columns = SMALLEST_SIDE; columns <= LARGEST_SIDE; columns *= 2) {
            if (c->kernel[0] > 1) consider(site, c, &best, rows, columns, false);
            if (c->kernel[0] == 1 && rows <= columns) consider(site, c, &best, rows, columns, true);
        }
    }
    return best;
}

/* ---- launches ---- */

static size_t spectrum_bytes(const cut *t, int64_t rows) {
    return (size_t)(rows * t->sides[0] * t->sides[1] * 2) * sizeof(float);
}

/* How planes are cut: the arguments CUTTING of the kernels. */
typedef struct cutting {
    int64_t batch, planes, size[2], pad[2], step[2], tiles[2], limit[2];
} cutting;

static clade_status finish(const clade_site *site, clade_commands *commands, const cut *t, clade_launching *l,
                           const int64_t global[3], size_t items) {
    char options[128];
    const bool cpu = site->device->capabilities.is_cpu;
    snprintf(options, sizeof options, "-DR1=%lld -DR2=%lld -DLINES=%d -DCOLUMNS=%d -DLANES=%d%s%s",
             (long long)t->sides[0], (long long)t->sides[1], PRODUCT_LINES, cpu ? 2 : PRODUCT_LINES, cpu ? BLOCK : 1,
             cpu ? " -DFAST_FMA" : " -DITEMS=64", t->line ? " -DLINE" : "");
    l->launch.options = options;
    l->launch.local[0] = items;
    l->launch.local[1] = l->launch.local[2] = 1;
    return clade_launch_finish(l, commands, global[0], global[1], global[2]);
}

/* Transforms of planes to spectra, or with SPECTRUM as FROM the inverse; MORE are the kernel's last arguments. */
static clade_status record_tiles(const clade_site *site, clade_commands *commands, const cut *t, const char *kernel,
                                 const clade_buffer *from, const clade_buffer *to, const cutting *c,
                                 const int64_t more[], size_t more_count) {
    const int64_t pairs = clade_blocks(c->batch * c->tiles[0] * c->tiles[1], 2);
    const int64_t items = site->device->capabilities.is_cpu ? 1 : ITEMS, each = t->line ? LINES_EACH : 1;
    const int64_t numbers[] = { c->batch,   c->planes,   c->size[0],  c->size[1],  c->pad[0],   c->pad[1], c->step[0],
                                c->step[1], c->tiles[0], c->tiles[1], c->limit[0], c->limit[1], pairs,     each };
    clade_launching l = clade_launch_begin(site, file, kernel, from, NULL, to);
    clade_launch_add_numbers(&l, numbers, sizeof numbers / sizeof numbers[0]);
    clade_launch_add_numbers(&l, more, more_count);
    const double tiles = (double)(pairs * c->planes), elements = (double)(t->sides[0] * t->sides[1]);
    l.launch.flops = tiles * transform_flops(t);
    l.launch.bytes = 4.0 * ((double)(c->batch * c->planes * c->size[0] * c->size[1]) + tiles * elements * 2);
    l.launch.local_memory = (size_t)local_bytes(site, t);
    return finish(site, commands, t, &l, (const int64_t[]){ clade_blocks(pairs * c->planes, each) * items, 1, 1 },
                  (size_t)items);
}

/* One operand of the products: its spectra, and where row (group, line, step) is of ROWS. */
typedef struct operand {
    const clade_buffer *spectra;
    int64_t group, row, step, rows;
} operand;

static clade_status record_products(const clade_site *site, clade_commands *commands, const cut *t, const operand *a,
                                    const operand *b, const clade_buffer *to, int64_t lines, int64_t columns,
                                    int64_t depth, int64_t groups) {
    const bool cpu = site->device->capabilities.is_cpu;
    const int64_t blocks = t->sides[0] * t->sides[1] / BLOCK;
    const int64_t numbers[] = { lines,   columns, depth,    groups, a->group, a->row,
                                a->step, a->rows, b->group, b->row, b->step,  b->rows };
    clade_launching l = clade_launch_begin(site, file, "product", a->spectra, b->spectra, to);
    clade_launch_add_numbers(&l, numbers, sizeof numbers / sizeof numbers[0]);
    l.launch.flops = 8.0 * (double)(lines * columns * depth) * (double)(groups * blocks * BLOCK);
    l.launch.bytes =
        (double)(spectrum_bytes(t, a->rows) + spectrum_bytes(t, b->rows) + spectrum_bytes(t, groups * lines * columns));
    const int64_t global[3] = { clade_blocks(lines, PRODUCT_LINES) * (cpu ? 1 : BLOCK),
                                clade_blocks(columns, cpu ? 2 : PRODUCT_LINES), blocks * groups };
    return finish(site, commands, t, &l, global, cpu ? 1 : BLOCK);
}

/* ---- conv2d and its data gradient ---- */

static size_t prepared(const clade_site *site) {
    if (is_filter(site)) return 0;
    const clade_convolution c = clade_convolution_at(site);
    const cut t = cut_of(site, &c);
    return spectrum_bytes(&t, c.groups * c.filters * c.channels);
}

static clade_status prepare(const clade_site *site, clade_commands *commands) {
    const clade_convolution c = clade_convolution_at(site);
    const cut t = cut_of(site, &c);
    const cutting kernels = { .batch = 1,
                              .planes = c.groups * c.filters * c.channels,
                              .size = { c.kernel[0], c.kernel[1] },
                              .step = { 1, 1 },
                              .tiles = { 1, 1 },
                              .limit = { c.kernel[0], c.kernel[1] } };
    const int64_t turned = site->node->op == &clade_op_conv2d_data_gradient;
    return record_tiles(site, commands, &t, "transform", site->in[1].buffer, site->prepared, &kernels,
                        (const int64_t[]){ turned, 1 }, 2);
}

static cutting source_of(const clade_convolution *c, const planes *p, const cut *t, int64_t count) {
    return (cutting){ .batch = c->batch,
                      .planes = c->groups * count,
                      .size = { p->source[0], p->source[1] },
                      .pad = { p->pad[0], p->pad[1] },
                      .step = { t->block[0], t->block[1] },
                      .tiles = { t->tiles[0], t->tiles[1] },
                      .limit = { t->line ? 1 : t->sides[0], t->line ? t->sides[0] * t->sides[1] : t->sides[1] } };
}

static cutting result_of(const clade_convolution *c, const planes *p, const cut *t, int64_t count) {
    return (cutting){ .batch = c->batch,
                      .planes = c->groups * count,
                      .size = { p->result[0], p->result[1] },
                      .step = { t->block[0], t->block[1] },
                      .tiles = { t->tiles[0], t->tiles[1] },
                      .limit = { t->block[0], t->block[1] } };
}

static clade_status record_planes(const clade_site *site, clade_commands *commands, const clade_convolution *c,
                                  const cut *t) {
    const planes p = planes_of(site, c);
    const bool forward = site->node->op == &clade_op_conv2d;
    const cutting source = source_of(c, &p, t, p.depth), result = result_of(c, &p, t, p.lines);
    clade_status status = record_tiles(site, commands, t, "transform", site->in[0].buffer, site->workspace[0], &source,
                                       (const int64_t[]){ 0, 0 }, 2);
    const int64_t weights = c->filters * c->channels;
    const operand w = { site->prepared, weights, forward ? c->channels : 1, forward ? 1 : c->channels,
                        c->groups * weights };
    const operand x = { site->workspace[0], p.depth * t->pairs, 1, t->pairs, c->groups * p.depth * t->pairs };
    if (status == CLADE_OK)
        status = record_products(site, commands, t, &w, &x, site->workspace[1], p.lines, t->pairs, p.depth, c->groups);
    if (status == CLADE_OK)
        status = record_tiles(site, commands, t, "inverse", site->workspace[1], site->out[0].buffer, &result, NULL, 0);
    return status;
}

/* ---- the filter gradient ---- */

static clade_status record_filter(const clade_site *site, clade_commands *commands, const clade_convolution *c,
                                  const cut *t) {
    const planes p = planes_of(site, c);
    const cutting x = source_of(c, &p, t, c->channels), dy = result_of(c, &p, t, c->filters);
    const cutting dw = { .batch = 1,
                         .planes = c->groups * c->filters * c->channels,
                         .size = { c->kernel[0], c->kernel[1] },
                         .step = { 1, 1 },
                         .tiles = { 1, 1 },
                         .limit = { c->kernel[0], c->kernel[1] } };
    clade_status status = record_tiles(site, commands, t, "transform", site->in[0].buffer, site->workspace[0], &x,
                                       (const int64_t[]){ 0, 0 }, 2);
    if (status == CLADE_OK)
        status = record_tiles(site, commands, t, "transform", site->in[1].buffer, site->workspace[1], &dy,
                              (const int64_t[]){ 0, 1 }, 2);
    const operand rows = { site->workspace[1], c->filters * t->pairs, t->pairs, 1, c->groups * c->filters * t->pairs };
    const operand columns = { site->workspace[0], c->channels * t->pairs, t->pairs, 1,
                              c->groups * c->channels * t->pairs };
    if (status == CLADE_OK)
        status = record_products(site, commands, t, &rows, &columns, site->workspace[2], c->filters, c->channels,
                                 t->pairs, c->groups);
    if (status == CLADE_OK)
        status = record_tiles(site, commands, t, "inverse", site->workspace[2], site->out[0].buffer, &dw, NULL, 0);
    return status;
}

/* ---- the implementation ---- */

static void workspace(const clade_site *site, size_t bytes[CLADE_MAX_WORKSPACES]) {
    const clade_convolution c = clade_convolution_at(site);
    const cut t = cut_of(site, &c);
    const planes p = planes_of(site, &c);
    const int64_t depth = is_filter(site) ? c.channels : p.depth;
    bytes[0] = spectrum_bytes(&t, c.groups * depth * t.pairs);
    bytes[1] = spectrum_bytes(&t, c.groups * p.lines * t.pairs);
    if (is_filter(site)) bytes[2] = spectrum_bytes(&t, c.groups * c.filters * c.channels);
}

static bool spectra_fit(const clade_site *site, const clade_convolution *c, const cut *t) {
    const int64_t rows[] = { c->groups * c->channels * t->pairs, c->groups * c->filters * t->pairs,
                             c->groups * c->filters * c->channels };
    for (int i = 0; i < 3; i++) {
        if (rows[i] > INT_MAX / 2 || spectrum_bytes(t, rows[i]) > site->device->capabilities.largest_allocation)
            return false;
    }
    return c->image[0] * c->image[1] <= INT_MAX / 2 && c->pixels <= INT_MAX / 2;
}

static bool applicable(const clade_site *site, char why[128]) {
    const clade_convolution c = clade_convolution_at(site);
    const clade_capabilities *can = &site->device->capabilities;
    const char *reason = NULL;
    if (c.stride[0] != 1 || c.stride[1] != 1)
        reason = "needs stride 1";
    else if (c.dilation[0] != 1 || c.dilation[1] != 1)
        reason = "needs dilation 1";
    else if (!can->is_cpu && (can->max_group_size < ITEMS || can->max_group_sizes[0] < ITEMS))
        reason = "needs groups of 64 work-items";
    if (reason == NULL) {
        const cut t = cut_of(site, &c);
        if (!t.fits)
            reason = "a tile larger than the kernel does not fit into local memory";
        else if (!spectra_fit(site, &c, &t))
            reason = "the spectra are too large";
    }
    if (reason != NULL) snprintf(why, 128, "%s", reason);
    return reason == NULL;
}

/* Where it is expected to need less than six tenths of the time of a direct convolution, for spectra take memory; of
 * lines, which the direct forms carry out less well, less time. Kernels of at most 5 x 5 are left to Winograd's form.
 * */
static double suitability(const clade_site *site) {
    const clade_convolution c = clade_convolution_at(site);
    if (c.kernel[0] < LARGE_KERNEL && c.kernel[1] < LARGE_KERNEL) return -1;
    const cut t = cut_of(site, &c);
    const double direct = clade_convolution_flops(site) / direct_rate, most = t.line ? 1 : 0.6;
    return t.fits && t.cost < most * direct ? 5 : -1;
}

static clade_status record(const clade_site *site, clade_commands *commands) {
    const clade_convolution c = clade_convolution_at(site);
    const cut t = cut_of(site, &c);
    return is_filter(site) ? record_filter(site, commands, &c, &t) : record_planes(site, commands, &c, &t);
}

const clade_implementation clade_conv2d_fft = {
    .name = "fft",
    .applicable = applicable,
    .suitability = suitability,
    .workspace = workspace,
    .prepared = prepared,
    .prepare = prepare,
    .record = record,
};
