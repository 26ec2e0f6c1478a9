/* The filter gradient on CPU-like devices (kernels/conv_filter.cl): how it is cut, and its launches. */
#include "ops/convolution/conv2d_direct.h"

enum {
    MOST_FILTERS = 256, /* of a block */
    ENOUGH_GROUPS = 16  /* to keep a CPU's cores evenly busy */
};

/* Cycles: for a float that is transposed into a panel, that the sums are added to, and that is added up over the
 * parts. */
static const double transpose_cost = 0.5, add_cost = 0.25, part_cost = 2;

static void set_local_memory(const clade_convolution *c, clade_direct_cut *t) {
    const int64_t pixels = t->image_block * t->row_block * c->out[1];
    t->tile =
        (size_t)(t->image_block * t->channel_block * clade_direct_tile(c, t->row_block, c->out[1]) + CLADE_SLACK) *
        sizeof(float);
    t->panel =
        (size_t)(pixels * clade_smaller(t->filter_block, clade_round_up(c->filters, CLADE_VECTOR))) * sizeof(float);
    t->taps = (size_t)(t->channel_block * c->taps) * sizeof(int32_t);
    t->places = (size_t)pixels * sizeof(int32_t);
}

/* Taps that the register tiles of FILTERS filters go through for TAPS, in tiles of TAP_BLOCK where two vectors of
 * filters are left: times the vectors, the multiply-adds of a pixel. */
static int64_t multiply_adds(int64_t taps, int64_t filters, int64_t tap_block) {
    const int64_t wide = filters / (2 * CLADE_VECTOR), rest = filters % (2 * CLADE_VECTOR);
    int64_t sum = (wide + (rest > CLADE_VECTOR)) * 2 * clade_round_up(taps, tap_block);
    if (rest > 0 && rest <= CLADE_VECTOR) sum += clade_round_up(taps, CLADE_VECTOR);
    return sum;
}

static void set_costs(const clade_convolution *c, clade_direct_cut *t) {
    const int64_t filters = clade_round_up(clade_smaller(t->filter_block, c->filters), CLADE_VECTOR);
    const int64_t taps = t->channel_block * c->taps, pixels = t->image_block * t->row_block * c->out[1];
    const int64_t loaded = t->image_block * t->channel_block * clade_direct_tile(c, t->row_block, c->out[1]);
    const double job = (double)(multiply_adds(taps, filters, t->tap_block) * pixels) +
                       clade_load_cost * (double)loaded + transpose_cost * (double)(pixels * filters) +
                       add_cost * (double)(taps * filters) +
                       clade_begin_cost * (double)(t->image_block * (t->channel_block + filters));
    const int64_t jobs = clade_blocks(c->batch, t->image_block) * clade_blocks(c->out[0], t->row_block);
    const int64_t groups =
        clade_blocks(c->channels, t->channel_block) * clade_blocks(c->filters, t->filter_block) * c->groups;
    const double parts = part_cost * (double)(t->parts * c->groups * c->filters * c->channels * c->taps);
    t->item = job * (double)clade_blocks(jobs, t->parts);
    /* The fewer groups, the longer the last one is waited for. */
    t->cost = (double)(jobs * groups) * job * (1 + 0.5 / (double)(groups * t->parts)) + parts;
}

/* Completes T, which has its blocks of pixels, channels and filters, and takes it for BEST if it is better. */
static void consider(const clade_site *site, const clade_convolution *c, clade_direct_cut t, clade_direct_cut *best) {
    const int64_t taps = t.channel_block * c->taps;
    const int64_t fives = clade_round_up(taps, 5), eights = clade_round_up(taps, CLADE_PANEL_ROWS);
    t.tap_block = 21 * fives < 20 * eights ? 5 : CLADE_PANEL_ROWS; /* tiles of 5 are a little slower */
    const int64_t groups =
        clade_blocks(c->channels, t.channel_block) * clade_blocks(c->filters, t.filter_block) * c->groups;
    const int64_t jobs = clade_blocks(c->batch, t.image_block) * clade_blocks(c->out[0], t.row_block);
    t.parts = clade_smaller(jobs, clade_blocks(ENOUGH_GROUPS, groups));
    set_local_memory(c, &t);
    set_costs(c, &t);
    t.fits = clade_direct_fits(site, &t);
    clade_direct_prefer(best, &t);
}

static void consider_blocks(const clade_site *site, const clade_convolution *c, clade_direct_cut t,
                            clade_direct_cut *best) {
    for (t.channel_block = c->channels;; t.channel_block = clade_halve(t.channel_block, CLADE_PANEL_ROWS)) {
        t.filter_block = clade_smaller(clade_round_up(c->filters, CLADE_VECTOR), MOST_FILTERS);
        for (int64_t last = 0; t.filter_block != last;) {
            consider(site, c, t, best);
            last = t.filter_block;
            t.filter_block = clade_smaller(last, clade_round_up(clade_blocks(last, 2), 2 * CLADE_VECTOR));
        }
        if (t.channel_block == 1) break;
    }
}

static clade_direct_cut cut_filter(const clade_site *site, const clade_convolution *c) {
    clade_direct_cut best = { 0 };
    clade_direct_cut t = { .image_block = 1 };
    for (t.row_block = c->out[0];; t.row_block = clade_halve(t.row_block, 1)) {
        consider_blocks(site, c, t, &best);
        if (t.row_block == 1) break;
    }
    t.row_block = c->out[0];
    for (t.image_block = 2; t.image_block <= c->batch && t.image_block * c->pixels <= CLADE_MANY_PIXELS;
         t.image_block *= 2)
        consider_blocks(site, c, t, &best);
    return best;
}

/* The parts: as PARTS_OUT of kernels/conv_filter.cl. */
static size_t filter_workspace(const clade_site *site, const clade_convolution *c) {
    return (size_t)(cut_filter(site, c).parts * c->groups * c->channels * c->taps *
                    clade_round_up(c->filters, CLADE_VECTOR)) *
           sizeof(float);
}

static clade_status record_add(const clade_site *site, clade_commands *commands, const clade_convolution *c,
                               const clade_direct_cut *t) {
    const int64_t rows = c->channels * c->taps;
    clade_launching l =
        clade_launch_begin(site, "conv_filter.cl", "add_filter_parts", site->workspace[0], NULL, site->out[0].buffer);
    const int64_t numbers[] = { c->groups, c->filters, rows, t->parts };
    clade_launch_add_numbers(&l, numbers, sizeof numbers / sizeof numbers[0]);
    l.launch.bytes = 4.0 * (double)(site->out[0].count * (t->parts + 1));
    return clade_launch_finish(&l, commands, clade_blocks(rows, CLADE_VECTOR), clade_blocks(c->filters, CLADE_VECTOR),
                               c->groups);
}

static clade_status record_filter(const clade_site *site, clade_commands *commands, const clade_convolution *c) {
    const clade_direct_cut t = cut_filter(site, c);
    clade_launching l = clade_launch_begin(site, "conv_filter.cl", "filter_gradient", site->in[0].buffer,
                                           site->in[1].buffer, site->workspace[0]);
    clade_direct_add_tiles(&l, &t);
    clade_launch_add(&l, clade_local_argument(t.places));
    clade_launch_add_shape(&l, c);
    const int64_t blocks[] = { t.image_block, t.row_block, t.channel_block, t.filter_block, t.parts, t.tap_block };
    clade_launch_add_numbers(&l, blocks, sizeof blocks / sizeof blocks[0]);
    l.launch.flops = clade_convolution_flops(site);
    clade_status status = clade_launch_finish(&l, commands, clade_blocks(c->channels, t.channel_block),
                                              clade_blocks(c->filters, t.filter_block), c->groups * t.parts);
    return status == CLADE_OK ? record_add(site, commands, c, &t) : status;
}

const clade_direct_way clade_direct_filter = {
    .cut = cut_filter,
    .workspace = filter_workspace,
    .record = record_filter,
};
