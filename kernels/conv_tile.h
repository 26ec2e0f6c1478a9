/* What the three CPU-like kernels of a convolution share (conv_direct.cl): the shape, and the image tile in local
 * memory.
 *
 * The tile holds, zero-padded, the part of one or several images under a block of output pixels, sorted by phase: the
 * element (y, x) of the padded block lies in the plane (y % stride, x % stride) at row y / stride and column x /
 * stride. So the elements under one tap of the kernel are contiguous along a row of output pixels whatever the stride:
 *     place of pixel (p, q) under tap (c, r, s) = taps[(c, r, s)] + p * pitch + q. */
#ifndef CONV_TILE_H
#define CONV_TILE_H

#include "fetch.h"
#include "stride.h"

/* channels and filters are those of one group; x is (batch, groups * channels, height, width). */
typedef struct shape {
    int batch, groups, channels, filters, height, width, out_height, out_width;
    int kernel_y, kernel_x, stride_y, stride_x, pad_y, pad_x, dilation_y, dilation_x;
} shape;

#define SHAPE_PARAMETERS                                                                                               \
    int batch, int groups, int channels, int filters, int height, int width, int out_height, int out_width,            \
        int kernel_y, int kernel_x, int stride_y, int stride_x, int pad_y, int pad_x, int dilation_y, int dilation_x
#define SHAPE                                                                                                          \
    { batch,    groups,   channels, filters,  height, width, out_height, out_width,                                    \
      kernel_y, kernel_x, stride_y, stride_x, pad_y,  pad_x, dilation_y, dilation_x }

/* phases: used ones; rows and pitch: of a phase's plane; plane, channel, image: floats of each, an image being
 * channel_block channels. src/ops/convolution/conv2d_direct.c computes the same to size the local memory. */
typedef struct layout {
    int phases_y, phases_x, rows, pitch, plane, channel, image;
} layout;

static inline layout tile_layout(const shape *s, int row_block, int column_block, int channel_block) {
    const int reach_y = s->dilation_y * (s->kernel_y - 1), reach_x = s->dilation_x * (s->kernel_x - 1);
    layout t;
    t.phases_y = min(s->stride_y, reach_y + 1);
    t.phases_x = min(s->stride_x, reach_x + 1);
    t.rows = row_block + reach_y / s->stride_y;
    t.pitch = column_block + reach_x / s->stride_x;
    t.plane = t.rows * t.pitch;
    t.channel = t.phases_y * t.phases_x * t.plane;
    t.image = channel_block * t.channel;
    return t;
}

/* taps[c * channel_step + tap * tap_step] for CHANNEL_COUNT channels. */
static inline void make_taps(const shape *s, const layout *t, int channel_count, int channel_step, int tap_step,
                             __local int *restrict taps) {
    for (int r = 0; r < s->kernel_y; r++)
        for (int k = 0; k < s->kernel_x; k++, taps += tap_step) {
            const int y = r * s->dilation_y, x = k * s->dilation_x;
            const int phase = y % s->stride_y * t->phases_x + x % s->stride_x;
            const int place = phase * t->plane + y / s->stride_y * t->pitch + x / s->stride_x;
            for (int c = 0; c < channel_count; c++) taps[c * channel_step] = place + c * t->channel;
        }
}

/* The rows of one phase of one channel: of each row of SOURCE the columns first_x, first_x + stride, ..., from
 * FIRST_Y on every stride-th; zero outside. AHEAD: how far behind each row lies what is to be fetched meanwhile; 0:
 * nothing. */
static inline void load_phase(const shape *s, const layout *t, const __global float *restrict source, int first_y,
                              int first_x, int ahead, __local float *restrict to) {
    const int stride = s->stride_x;
    const int begin = clamp(stride == 1 ? -first_x : (-first_x + stride - 1) / stride, 0, t->pitch);
    const int last = stride == 1 ? s->width - first_x : (s->width - first_x + stride - 1) / stride;
    const int end = clamp(last, begin, t->pitch);
    for (int row = 0; row < t->rows; row++, to += t->pitch) {
        const int y = first_y + row * s->stride_y;
        const bool inside = y >= 0 && y < s->height;
        const __global float *from = source + (y * s->width + first_x);
        for (int i = 0; i < (inside ? begin : t->pitch); i++) to[i] = 0.0f;
        if (!inside) continue;
        for (int i = 0; ahead > 0 && i < t->pitch * stride; i += 16) FETCH(from + ahead + i);
        copy_every(from + stride * begin, stride, end - begin, to + begin);
        for (int i = end; i < t->pitch; i++) to[i] = 0.0f;
    }
}

/* The tile's CHANNEL_COUNT channels of one image, X pointing at the first; the tile's element (0, 0) is (first_y,
 * first_x) of the image, which may lie outside. */
static inline void load_tile(const shape *s, const layout *t, const __global float *restrict x, int channel_count,
                             int first_y, int first_x, __local float *restrict tile) {
    for (int c = 0; c < channel_count; c++, x += (size_t)s->height * s->width)
        for (int phase_y = 0; phase_y < t->phases_y; phase_y++)
            for (int phase_x = 0; phase_x < t->phases_x; phase_x++, tile += t->plane)
                load_phase(s, t, x, first_y + phase_y, first_x + phase_x, phase_x == 0 ? s->height * s->width : 0,
                           tile);
}

/* A walk over a block's output pixels, image by image and row by row, 32 at a time: RUNS of pixels that lie in one row
 * and in one half of the 32. Run u is pixels LANE[u] .. LANE[u] + LENGTH[u] - 1 of the 32, at place PLACE[u] of the
 * tile; it begins at pixel (IMAGES[u], ROWS[u], COLUMNS[u]). */
typedef struct walk {
    int image, row, column, runs;
    int place[32], lane[32], length[32], images[32], rows[32], columns[32];
} walk;

static inline void walk_on(walk *w, const layout *t, int rows, int columns, int count) {
    w->runs = 0;
    for (int lane = 0; lane < count;) {
        const int length = min(min(16 - lane % 16, columns - w->column), count - lane), u = w->runs++;
        w->place[u] = w->image * t->image + w->row * t->pitch + w->column;
        w->lane[u] = lane;
        w->length[u] = length;
        w->images[u] = w->image;
        w->rows[u] = w->row;
        w->columns[u] = w->column;
        lane += length;
        w->column += length;
        if (w->column == columns) w->column = 0, w->row++;
        if (w->row == rows) w->row = 0, w->image++;
    }
}

#endif
