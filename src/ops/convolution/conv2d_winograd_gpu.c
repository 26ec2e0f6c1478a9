/* Convolution by Winograd's F(4 x 4, 3 x 3) or F(2 x 2, 3 x 3) on GPU-like devices (kernels/conv_winograd_gpu.cl):
 * forward, and the data gradient as a convolution of dy with turned weights. The weights are transformed once for all
 * runs in which they stay the same. */
#include "ops/convolution/conv2d_winograd.h"

#include <limits.h>
#include <stdio.h>

/* How a group cuts the work; local memory of a group decides which it can have. */
typedef struct blocking {
    int64_t out, lines, tiles, chunk;
} blocking;

/* The first that the device takes is the default. */
static const blocking blockings[] = {
    { 4, 32, 16, 16 },
    { 4, 16, 16, 8 },
    { 2, 32, 32, 8 },
    { 4, 32, 16, 8 },
};

enum {
    BLOCKINGS = sizeof blockings / sizeof blockings[0],
    BLOCK = 8, /* lines, and tiles, of a work-item */
    TAPS = 9
};

static int64_t points_of(const blocking *b) {
    return (b->out + 2) * (b->out + 2);
}

static int64_t items_of(const blocking *b) {
    return points_of(b) * (b->lines / BLOCK) * (b->tiles / BLOCK);
}

static int64_t local_bytes(const blocking *b) {
    return 4 * b->chunk * points_of(b) * b->tiles;
}

static bool fits(const clade_site *site, const blocking *b) {
    const clade_capabilities *can = &site->device->capabilities;
    return (size_t)items_of(b) <= can->max_group_size && (size_t)items_of(b) <= can->max_group_sizes[0] &&
           (size_t)local_bytes(b) <= can->local_memory;
}

/* The blocking of site->configuration; NULL where the device takes none. */
static const blocking *blocking_of(const clade_site *site) {
    int seen = 0;
    for (size_t i = 0; i < BLOCKINGS; i++) {
        if (fits(site, &blockings[i]) && seen++ == site->configuration) return &blockings[i];
    }
    return NULL;
}

/* On CPU-like devices, where it is never the best choice, the default alone. */
static int configurations(const clade_site *site) {
    int count = 0;
    if (site->device->capabilities.is_cpu) return 1;
    for (size_t i = 0; i < BLOCKINGS; i++) {
        if (fits(site, &blockings[i])) count++;
    }
    return count;
}

/* The row as a convolution of SOURCES planes into LINES planes, of each group. */
typedef struct planes {
    int64_t sources, lines, source[2], result[2], pad[2];
    int64_t line_step, source_step; /* of the weights */
    bool turned;
} planes;

static planes planes_of(const clade_site *site, const clade_convolution *c) {
    if (site->node->op == &clade_op_conv2d)
        return (planes){
            .sources = c->channels,
            .lines = c->filters,
            .source = { c->image[0], c->image[1] },
            .result = { c->out[0], c->out[1] },
            .pad = { c->pad[0], c->pad[1] },
            .line_step = c->channels * TAPS,
            .source_step = TAPS,
        };
    return (planes){
        .sources = c->filters,
        .lines = c->channels,
        .source = { c->out[0], c->out[1] },
        .result = { c->image[0], c->image[1] },
        .pad = { 2 - c->pad[0], 2 - c->pad[1] },
        .line_step = TAPS,
        .source_step = c->channels * TAPS,
        .turned = true,
    };
}

static int64_t line_tiles(const blocking *b, const planes *p) {
    return clade_blocks(p->lines, b->lines);
}

static void write_options(const clade_site *site, const blocking *b, char options[128]) {
    snprintf(options, 128, "-DOUT=%lld -DTILE_K=%lld -DTILE_T=%lld -DCHUNK=%lld%s", (long long)b->out,
             (long long)b->lines, (long long)b->tiles, (long long)b->chunk,
             site->device->capabilities.is_cpu ? " -DFAST_FMA" : "");
}

static const char file[] = "conv_winograd_gpu.cl";

/* ---- weights ---- */

static size_t prepared(const clade_site *site) {
    const clade_convolution c = clade_convolution_at(site);
    const planes p = planes_of(site, &c);
    const blocking *b = blocking_of(site);
    return (size_t)(c.groups * line_tiles(b, &p) * b->lines * p.sources * points_of(b)) * sizeof(float);
}

static clade_status prepare(const clade_site *site, clade_commands *commands) {
    const clade_convolution c = clade_convolution_at(site);
    const planes p = planes_of(site, &c);
    const blocking *b = blocking_of(site);
    clade_launching l = clade_launch_begin(site, file, "transform_weights", site->in[1].buffer, NULL, site->prepared);
    const int64_t numbers[] = { p.lines, p.sources, c.groups, p.line_step, p.source_step, p.turned };
    clade_launch_add_numbers(&l, numbers, sizeof numbers / sizeof numbers[0]);
    char options[128];
    write_options(site, b, options);
    l.launch.options = options;
    l.launch.bytes = 4.0 * (double)site->in[1].count + (double)prepared(site);
    return clade_launch_finish(&l, commands, line_tiles(b, &p) * b->lines, p.sources, c.groups);
}

/* ---- the implementation ---- */

static bool applicable(const clade_site *site, char why[128]) {
    const clade_convolution c = clade_convolution_at(site);
    const int64_t pixels = clade_larger(c.image[0] * c.image[1], c.pixels);
    const char *problem = clade_winograd_problem(&c, 3);
    if (site->node->op == &clade_op_conv2d_filter_gradient)
        problem = "has no filter gradient";
    else if (problem == NULL && (pixels > INT_MAX / 2 || pixels * c.batch > INT_MAX / 2))
        problem = "too many pixels";
    else if (problem == NULL && blocking_of(site) == NULL)
        problem = "needs groups of 144 work-items and 18432 bytes of local memory, or 256 and 16384";
    if (problem != NULL) snprintf(why, 128, "%s", problem);
    return problem == NULL;
}

/* It pays where the transforms are shared by many lines and planes, and few pixels of the tiles lie outside. */
static double suitability(const clade_site *site) {
    const clade_convolution c = clade_convolution_at(site);
    if (site->device->capabilities.is_cpu) return 0;
    const bool pays = c.channels >= 16 && c.filters >= 16 && c.pixels >= 36;
    return pays ? 4 : 0.5;
}

static clade_status record(const clade_site *site, clade_commands *commands) {
    const clade_convolution c = clade_convolution_at(site);
    const planes p = planes_of(site, &c);
    const blocking *b = blocking_of(site);
    clade_launching l =
        clade_launch_begin(site, file, "convolve", site->in[0].buffer, site->prepared, site->out[0].buffer);
    const int64_t numbers[] = { c.batch,     c.groups,    p.sources,   p.lines,  p.source[0],
                                p.source[1], p.result[0], p.result[1], p.pad[0], p.pad[1] };
    clade_launch_add_numbers(&l, numbers, sizeof numbers / sizeof numbers[0]);
    clade_launch_add_tail(&l, site);
    char options[128];
    write_options(site, b, options);
    l.launch.options = options;
    l.launch.local[0] = (size_t)items_of(b);
    l.launch.local_memory = (size_t)local_bytes(b);
    l.launch.flops = clade_convolution_flops(site);
    l.launch.bytes = 4.0 * (double)(site->in[0].count + site->out[0].count) + (double)prepared(site);
    const int64_t tiles = c.batch * clade_blocks(p.result[0], b->out) * clade_blocks(p.result[1], b->out);
    return clade_launch_finish(&l, commands, clade_blocks(tiles, b->tiles) * items_of(b), line_tiles(b, &p), c.groups);
}

const clade_implementation clade_conv2d_winograd_gpu = {
    .name = "winograd_gpu",
    .applicable = applicable,
    .suitability = suitability,
    .prepared = prepared,
    .prepare = prepare,
    .configurations = configurations,
    .tail = true,
    .record = record,
};
