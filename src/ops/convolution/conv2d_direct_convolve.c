/* Forward, and the data gradient as forward convolutions of dy, on CPU-like devices (kernels/conv_direct.cl).
 *
 * With stride S and dilation 1, row h of dx meets the taps r = rho + S * j of its phase rho = (h + pad) mod S, at row
 * p = (h + pad - rho) / S - j of dy. So the rows of a phase, counted by i, are a convolution of dy with the phase's
 * taps turned round, its padding being (taps - 1) - (first h + pad - rho) / S, which may be negative. With stride 1
 * there is one phase and the dilation may be any. */
#include "ops/convolution/conv2d_direct.h"

enum {
    SMALL_BLOCK = 64, /* pixels */
    FEW_PIXELS = 256  /* for which packing the weights does not pay, though they are then read from many places */
};

/* Cycles: to copy a tap's 32 pixels into a panel, and to store 8 filters of 32 pixels, together or apart. */
static const double pack_cost = 6, together_cost = 40, apart_cost = 500;

/* One convolution: its sizes, where its weights come from, where its results go. */
typedef struct piece {
    clade_convolution c;
    int64_t weight_steps[4], weight_first, group_step; /* of input 1: row, channel, tap_y, tap_x */
    int64_t prepared_first;                            /* floats */
    int64_t weight_step;                               /* 0: packed; else rows lie so far apart, where they are */
    bool zero;                                         /* no tap meets these results */
    int64_t result_first, plane, row_step, column_step;
} piece;

static int64_t packed_floats(const clade_convolution *c) {
    return c->groups * clade_round_up(c->filters, CLADE_PANEL_ROWS) * c->channels * c->taps;
}

static piece forward_piece(const clade_convolution *c) {
    return (piece){
        .c = *c,
        .weight_steps = { c->channels * c->taps, c->taps, c->kernel[1], 1 },
        .group_step = c->filters * c->channels * c->taps,
        .weight_step = c->batch * c->pixels <= FEW_PIXELS ? c->channels * c->taps : 0,
        .plane = c->pixels,
        .row_step = c->out[1],
        .column_step = 1,
    };
}

/* The phase PHASE of the data gradient; without results where the image has no such row or column. */
static piece phase_piece(const clade_convolution *c, const int64_t phase[2]) {
    piece p = {
        .c = *c,
        .weight_steps = { c->taps, c->channels * c->taps, c->kernel[1], 1 },
        .group_step = c->filters * c->channels * c->taps,
        .plane = c->image[0] * c->image[1],
        .row_step = c->image[1] * c->stride[0],
        .column_step = c->stride[1],
    };
    const int64_t result_steps[2] = { c->image[1], 1 };
    p.c.channels = c->filters;
    p.c.filters = c->channels;
    for (int i = 0; i < 2; i++) {
        const int64_t stride = c->stride[i], taps = clade_blocks(c->kernel[i] - phase[i], stride);
        const int64_t first = ((phase[i] - c->pad[i]) % stride + stride) % stride;
        p.zero |= taps < 1;
        p.c.kernel[i] = clade_larger(taps, 1);
        p.c.stride[i] = 1;
        p.c.image[i] = c->out[i];
        p.c.out[i] = first < c->image[i] ? clade_blocks(c->image[i] - first, stride) : 0;
        p.c.pad[i] = c->dilation[i] * (p.c.kernel[i] - 1) - (first + c->pad[i] - phase[i]) / stride;
        p.result_first += first * result_steps[i];
        p.weight_first += (phase[i] + stride * (p.c.kernel[i] - 1)) * p.weight_steps[2 + i];
        p.weight_steps[2 + i] *= -stride;
    }
    p.c.taps = p.c.kernel[0] * p.c.kernel[1];
    p.c.pixels = p.c.out[0] * p.c.out[1];
    if (p.zero) p.weight_first = p.weight_steps[2] = p.weight_steps[3] = 0;
    return p;
}

/* Sets P to the next piece of SITE, *INDEX being 0 for the first; false when there is none. */
static bool next_piece(const clade_site *site, const clade_convolution *c, int64_t *index, piece *p) {
    if (site->node->op == &clade_op_conv2d) {
        *p = forward_piece(c);
        return (*index)++ == 0;
    }
    const int64_t done = *index > 0 ? p->prepared_first + packed_floats(&p->c) : 0;
    if (*index == c->stride[0] * c->stride[1]) return false;
    *p = phase_piece(c, (const int64_t[2]){ *index / c->stride[1], *index % c->stride[1] });
    p->prepared_first = done;
    ++*index;
    return true;
}

/* ---- blocks ---- */

/* Whether the pixels of a vector lie side by side in the tile, so that they are not packed first. */
static bool whole_vectors(const piece *p, const clade_direct_cut *t) {
    return t->column_block % CLADE_VECTOR == 0 && p->weight_step == 0;
}

static int64_t pixel_blocks(const clade_convolution *c, const clade_direct_cut *t) {
    if (t->image_block > 1) return clade_blocks(c->batch, t->image_block);
    return c->batch * clade_blocks(c->out[1], t->column_block) *
           clade_blocks(t->column_block * c->out[0], t->pixel_block);
}

/* Sets the local memory and the cost of a cut's blocks. */
static void weigh(const clade_site *site, const piece *p, clade_direct_cut *t) {
    const clade_convolution *c = &p->c;
    const int64_t steps = t->channel_block * c->taps;
    const int64_t pixels = t->image_block > 1 ? t->image_block * c->pixels : t->pixel_block;
    const int64_t loaded = t->image_block * t->channel_block * clade_direct_tile(c, t->row_block, t->column_block);
    t->tile = (size_t)(loaded + 2 * CLADE_SLACK) * sizeof(float);
    t->panel = (size_t)((whole_vectors(p, t) ? 0 : steps * CLADE_PANEL_COLUMNS) + CLADE_SLACK) * sizeof(float);
    t->taps = (size_t)steps * sizeof(int32_t);

    const int64_t rest = pixels % CLADE_PANEL_COLUMNS;
    const double tiles = (double)(pixels / CLADE_PANEL_COLUMNS) + (rest == 0 ? 0 : rest <= CLADE_VECTOR ? 0.6 : 1);
    const double panels = (double)clade_blocks(clade_smaller(c->filters, t->filter_block), CLADE_PANEL_ROWS);
    const double packing = whole_vectors(p, t) ? 0 : pack_cost * (double)steps;
    const double store = p->column_step == 1 ? together_cost : apart_cost;
    const double block = tiles * (packing + panels * (2 * CLADE_PANEL_ROWS * (double)steps + store)) +
                         clade_load_cost * (double)loaded +
                         clade_begin_cost * (double)(t->image_block * t->channel_block);
    const double groups = (double)(pixel_blocks(c, t) * clade_blocks(c->filters, t->filter_block) * c->groups);
    t->item = block * (double)clade_blocks(c->channels, t->channel_block);
    /* The fewer groups, the longer the last one is waited for. */
    t->cost = t->item * groups * (1 + 1 / groups);
    t->fits = clade_direct_fits(site, t);
}

/* Of the cuts with the given blocks of pixels, the best to BEST. */
static void cut_depth(const clade_site *site, const piece *p, clade_direct_cut t, clade_direct_cut *best) {
    const clade_convolution *c = &p->c;
    for (t.channel_block = c->channels;; t.channel_block = clade_halve(t.channel_block, CLADE_PANEL_ROWS)) {
        const int64_t most = clade_round_up(c->filters, CLADE_PANEL_ROWS);
        for (t.filter_block = most;; t.filter_block = clade_halve(t.filter_block, CLADE_PANEL_ROWS)) {
            weigh(site, p, &t);
            clade_direct_prefer(best, &t);
            if (t.filter_block <= 2 * CLADE_PANEL_ROWS) break;
        }
        if (t.channel_block == 1) break;
    }
}

static clade_direct_cut cut_piece(const clade_site *site, const piece *p) {
    const clade_convolution *c = &p->c;
    clade_direct_cut best = { 0 };
    clade_direct_cut t = { .image_block = 1, .column_block = c->out[1] };
    for (t.pixel_block = c->pixels;;
         t.pixel_block = clade_round_up(clade_blocks(t.pixel_block, 2), CLADE_PANEL_COLUMNS)) {
        const bool whole_rows = t.pixel_block % c->out[1] == 0;
        t.row_block = whole_rows ? t.pixel_block / c->out[1] : (t.pixel_block + c->out[1] - 2) / c->out[1] + 1;
        t.row_block = clade_smaller(c->out[0], t.row_block);
        cut_depth(site, p, t, &best);
        if (t.pixel_block <= SMALL_BLOCK) break;
    }
    for (t.image_block = 2; t.image_block <= c->batch && t.image_block * c->pixels <= CLADE_MANY_PIXELS;
         t.image_block *= 2) {
        t.row_block = c->out[0];
        t.pixel_block = c->pixels;
        cut_depth(site, p, t, &best);
    }
    for (t.image_block = t.row_block = 1; !best.fits && t.column_block > 1;) {
        t.pixel_block = t.column_block = clade_halve(t.column_block, CLADE_PANEL_COLUMNS);
        cut_depth(site, p, t, &best);
    }
    return best;
}

static clade_direct_cut cut_convolve(const clade_site *site, const clade_convolution *c) {
    clade_direct_cut worst = { .fits = true };
    if (site->node->op != &clade_op_conv2d)
        for (int i = 0; i < 2; i++)
            if (c->stride[i] > 1 && c->dilation[i] > 1) return (clade_direct_cut){ .fits = false };
    double cost = 0;
    bool fits = true;
    piece p;
    for (int64_t index = 0; next_piece(site, c, &index, &p);) {
        if (p.c.pixels == 0) continue;
        const clade_direct_cut t = cut_piece(site, &p);
        cost += t.cost;
        fits = fits && t.fits;
        if (t.cost > worst.cost) worst = t;
    }
    worst.cost = cost;
    worst.fits = fits;
    return worst;
}

/* ---- launches ---- */

static size_t prepared_convolve(const clade_site *site, const clade_convolution *c) {
    int64_t floats = 0;
    piece p;
    for (int64_t index = 0; next_piece(site, c, &index, &p);)
        if (p.weight_step == 0) floats = p.prepared_first + packed_floats(&p.c);
    return (size_t)floats * sizeof(float);
}

static clade_status prepare_convolve(const clade_site *site, clade_commands *commands, const clade_convolution *c) {
    clade_status status = CLADE_OK;
    piece p;
    for (int64_t index = 0; status == CLADE_OK && next_piece(site, c, &index, &p);) {
        if (p.c.pixels == 0) continue;
        clade_launching l =
            clade_launch_begin(site, "conv_direct.cl", "pack_weights", site->in[1].buffer, NULL, site->prepared);
        const int64_t numbers[] = { p.c.filters,       p.c.channels,      p.c.kernel[0],     p.c.kernel[1],
                                    p.weight_steps[0], p.weight_steps[1], p.weight_steps[2], p.weight_steps[3],
                                    p.weight_first,    p.group_step,      p.prepared_first,  p.zero };
        clade_launch_add_numbers(&l, numbers, sizeof numbers / sizeof numbers[0]);
        l.launch.local[1] = (size_t)clade_smaller(p.c.channels, 64);
        l.launch.bytes = 8.0 * (double)packed_floats(&p.c);
        status =
            clade_launch_finish(&l, commands, clade_blocks(p.c.filters, CLADE_PANEL_ROWS), p.c.channels, p.c.groups);
    }
    return status;
}

static clade_status record_piece(const clade_site *site, clade_commands *commands, const piece *p) {
    const clade_direct_cut t = cut_piece(site, p);
    clade_launching l =
        clade_launch_begin(site, "conv_direct.cl", "convolve", site->in[0].buffer,
                           p->weight_step == 0 ? site->prepared : site->in[1].buffer, site->out[0].buffer);
    clade_direct_add_tiles(&l, &t);
    clade_launch_add_shape(&l, &p->c);
    const int64_t numbers[] = { t.image_block,   t.pixel_block,  t.row_block,       t.column_block,
                                t.channel_block, t.filter_block, p->prepared_first, p->weight_step,
                                p->result_first, p->plane,       p->row_step,       p->column_step };
    clade_launch_add_numbers(&l, numbers, sizeof numbers / sizeof numbers[0]);
    clade_launch_add_tail(&l, site);
    const double sums = (double)(p->c.batch * p->c.groups * p->c.filters * p->c.pixels);
    l.launch.flops = 2 * sums * (double)(p->c.channels * p->c.taps);
    l.launch.bytes = 4.0 * ((double)(site->in[0].count + packed_floats(&p->c)) + sums);
    return clade_launch_finish(&l, commands, pixel_blocks(&p->c, &t), clade_blocks(p->c.filters, t.filter_block),
                               p->c.groups);
}

static clade_status record_convolve(const clade_site *site, clade_commands *commands, const clade_convolution *c) {
    clade_status status = CLADE_OK;
    piece p;
    for (int64_t index = 0; status == CLADE_OK && next_piece(site, c, &index, &p);)
        if (p.c.pixels > 0) status = record_piece(site, commands, &p);
    return status;
}

const clade_direct_way clade_direct_convolve = {
    .cut = cut_convolve,
    .prepared = prepared_convolve,
    .prepare = prepare_convolve,
    .record = record_convolve,
};
