/* Convolution for CPU-like devices: each work-item is alone in its group and works through a block sized for local
 * memory (conv_tile.h), with the register tile of micro.h: eight filters and 32 output pixels. All strides,
 * paddings, dilations and groups take the same path. The data gradient is such convolutions too, of dy with the
 * filters turned round: one for each phase of the stride, whose taps meet the same pixels of dx.
 *
 * Weights come packed in panels of 8 filters: for each step of the depth (channel and tap) the filters' 8 factors
 * together. A tile lies between 16 floats of slack on either side, which vectors run through. */
#include "conv_tile.h"
#include "micro.h"
#include "tail.h"

/* Panels of 8 rows (past the last row it is repeated): for each channel and tap the rows' factors, which lie at
 *     first + row * row_step + channel * channel_step + tap_y * tap_y_step + tap_x * tap_x_step
 * in FROM, groups GROUP_STEP apart, and from TO_FIRST on in TO. ZERO: all factors are zero. Work-item (panel, channel,
 * group). */
__kernel void pack_weights(const __global float *restrict from, __global float *restrict to, int rows, int channels,
                           int taps_y, int taps_x, int row_step, int channel_step, int tap_y_step, int tap_x_step,
                           int first, int group_step, int to_first, int zero) {
    const int panels = (rows + TILE_ROWS - 1) / TILE_ROWS, taps = taps_y * taps_x;
    const int panel = (int)get_global_id(0), channel = (int)get_global_id(1), group = (int)get_global_id(2);
    if (panel >= panels || channel >= channels) return;
    from += (size_t)group * group_step + (size_t)channel * channel_step + first;
    to += to_first + (((size_t)group * panels + panel) * channels + channel) * taps * TILE_ROWS;
    const __global float *row[TILE_ROWS];
    for (int i = 0; i < TILE_ROWS; i++) row[i] = from + (size_t)min(panel * TILE_ROWS + i, rows - 1) * row_step;
    for (int y = 0; y < taps_y; y++)
        for (int x = 0; x < taps_x; x++, to += TILE_ROWS) {
            const int at = y * tap_y_step + x * tap_x_step;
            const float8 factors = (float8)(row[0][at], row[1][at], row[2][at], row[3][at], row[4][at], row[5][at],
                                            row[6][at], row[7][at]);
            vstore8(zero ? (float8)(0.0f) : factors, 0, to);
        }
}

/* Lanes without a pixel take part in the arithmetic, but their results are not used: they only need some value. */
static inline void clear(__local float *restrict buffer, int count) {
    for (int i = 0; i < count; i++) buffer[i] = 0.0f;
}

/* Half a panel: 16 lanes of the pixels' surroundings, a row for each tap, from the runs FIRST .. LAST - 1. Each run is
 * loaded so that its lanes are in place, and takes those from its first on. */
static inline void pack_half(const __local float *restrict tile, const __local int *restrict taps, int tap_count,
                             const walk *w, int first, int last, __local float *restrict panel) {
    const int16 lanes = (int16)(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    const __local float *from = tile + w->place[first];
    if (last - first == 1)
        for (int k = 0; k < tap_count; k++) vstore16(vload16(0, from + taps[k]), 0, panel + k * TILE_COLUMNS);
    for (int u = first + 1; u < last; u++) {
        const int lane = w->lane[u] % 16;
        const int16 later = lanes >= (int16)(lane);
        const __local float *second = tile + (w->place[u] - lane);
        if (u == first + 1)
            for (int k = 0; k < tap_count; k++) {
                const float16 v = vload16(0, from + taps[k]);
                vstore16(later ? vload16(0, second + taps[k]) : v, 0, panel + k * TILE_COLUMNS);
            }
        else
            for (int k = 0; k < tap_count; k++) {
                const float16 v = vload16(0, panel + k * TILE_COLUMNS);
                vstore16(later ? vload16(0, second + taps[k]) : v, 0, panel + k * TILE_COLUMNS);
            }
    }
}

static inline void pack_pixels(const __local float *restrict tile, const __local int *restrict taps, int tap_count,
                               const walk *w, __local float *restrict panel) {
    int middle = 0;
    while (middle < w->runs && w->lane[middle] < 16) middle++;
    pack_half(tile, taps, tap_count, w, 0, middle, panel);
    if (middle < w->runs) pack_half(tile, taps, tap_count, w, middle, w->runs, panel + 16);
}

/* multiply_32 and multiply_16 of micro.h with B's rows where they lie in the tile. */
static inline void multiply_tile_32(int count, const __global float *restrict a, const __local float *restrict low,
                                    const __local float *restrict high, const __local int *restrict taps,
                                    float16 tile[16]) {
    EACH_ROW(START_32)
    for (int s = 0; s < count; s++, a += TILE_ROWS) {
        const float16 b_low = vload16(0, low + taps[s]), b_high = vload16(0, high + taps[s]);
        EACH_ROW(ADD_PACKED_32)
    }
    EACH_ROW(KEEP_32)
}

static inline void multiply_tile_16(int count, const __global float *restrict a, const __local float *restrict low,
                                    const __local int *restrict taps, float16 tile[16]) {
    EACH_ROW(START_16)
    for (int s = 0; s < count; s++, a += TILE_ROWS) {
        const float16 b_low = vload16(0, low + taps[s]);
        EACH_ROW(ADD_PACKED_16)
    }
    EACH_ROW(KEEP_16)
}

/* multiply_32 and multiply_16 with the weights where they lie. */
static inline void multiply_rows_32(int count, const __global float *restrict a, int row_step, int last,
                                    const __local float *restrict b, float16 tile[16]) {
    EACH_ROW(ROW)
    EACH_ROW(START_32)
    for (int at = 0; at < count; at++, b += TILE_COLUMNS) {
        const float16 b_low = vload16(0, b), b_high = vload16(1, b);
        EACH_ROW(ADD_ROW_32)
    }
    EACH_ROW(KEEP_32)
}

static inline void multiply_rows_16(int count, const __global float *restrict a, int row_step, int last,
                                    const __local float *restrict b, float16 tile[16]) {
    EACH_ROW(ROW)
    EACH_ROW(START_16)
    for (int at = 0; at < count; at++, b += TILE_COLUMNS) {
        const float16 b_low = vload16(0, b);
        EACH_ROW(ADD_ROW_16)
    }
    EACH_ROW(KEEP_16)
}

/* Where results go: pixel (image, row, column) of the walk's block, filter F, to
 *     first + image * image_step + F * plane + row * row_step + column * column_step
 * of Y. ADD: onto what is there. CHANNEL: filter 0's in the tail's bias. */
typedef struct target {
    __global float *y;
    size_t first, image_step;
    int plane, row_step, column_step, channel;
    bool add;
    tail_inputs tail;
} target;

static inline void put_vector(const target *o, float16 value, int filter, size_t at) {
    if (o->add) value += vload16(0, o->y + at);
    vstore16(tail16(&o->tail, value, (float16)(tail_bias_of(&o->tail, o->channel + filter)), at), 0, o->y + at);
}

/* To every second element from AT on. Those between, which other launches write, are read and written back: they
 * are this work-item's alone. */
static inline void put_even(const target *o, float16 value, int filter, size_t at) {
    if (o->add) value += even_16(o->y + at);
    value += (float16)(tail_bias_of(&o->tail, o->channel + filter));
    if (o->tail.flags & TAIL_RESIDUAL) value += even_16(o->tail.residual + at);
    value = value < o->tail.low ? (float16)(o->tail.low) : value;
    if (o->tail.flags & TAIL_MASK) value = even_16(o->tail.mask + at) > 0.0f ? value : (float16)(0.0f);
    float16 low = vload16(0, o->y + at), high = vload16(0, o->y + at + 15);
    low.even = value.lo;
    high.odd = value.hi;
    vstore16(low, 0, o->y + at);
    vstore16(high, 0, o->y + at + 15);
}

static inline size_t place_of(const target *o, const walk *w, int run) {
    return o->first + w->images[run] * o->image_step + w->rows[run] * (size_t)o->row_step +
           w->columns[run] * (size_t)o->column_step;
}

/* ROWS filters from FILTER on. TOGETHER: the walk's pixels are 32 that lie together in Y. */
static inline void put_product(const target *o, const float16 product[16], const walk *w, int filter, int rows,
                               bool together) {
    if (together) {
        const size_t at = place_of(o, w, 0) + (size_t)filter * o->plane;
#define PUT(I)                                                                                                         \
    if (I < rows) {                                                                                                    \
        put_vector(o, product[I], filter + I, at + I * (size_t)o->plane);                                              \
        put_vector(o, product[8 + I], filter + I, at + I * (size_t)o->plane + 16);                                     \
    }
        EACH_ROW(PUT)
#undef PUT
        return;
    }
    float lanes[TILE_ROWS][TILE_COLUMNS];
#define SPILL(I) vstore16(product[I], 0, lanes[I]), vstore16(product[8 + I], 0, lanes[I] + 16);
    EACH_ROW(SPILL)
#undef SPILL
    for (int u = 0; u < w->runs; u++)
        for (int i = 0; i < rows; i++) {
            const __private float *sums = lanes[i] + w->lane[u];
            const size_t at = place_of(o, w, u) + (size_t)(filter + i) * o->plane;
            if (w->length[u] == 16 && o->column_step == 1) {
                put_vector(o, vload16(0, sums), filter + i, at);
                continue;
            }
            if (w->length[u] == 16 && o->column_step == 2) {
                put_even(o, vload16(0, sums), filter + i, at);
                continue;
            }
            const float bias = tail_bias_of(&o->tail, o->channel + filter + i);
            for (int j = 0; j < w->length[u]; j++) {
                const size_t to = at + j * o->column_step;
                o->y[to] = tail1(&o->tail, o->add ? o->y[to] + sums[j] : sums[j], bias, to);
            }
        }
}

/* The walk's pixels with the filters FIRST .. LAST - 1, for TAP_COUNT steps of the depth; WEIGHTS at filter 0's panel,
 * PANEL_STEP floats from one to the next; with ROW_STEP not 0 they are not packed, their rows that far apart. */
static inline void multiply_pixels(const walk *w, int count, const __local float *restrict tile,
                                   const __local int *restrict taps, int tap_count, __local float *restrict panel,
                                   const __global float *restrict weights, size_t panel_step, int row_step, int first,
                                   int last, const target *o, bool together) {
    const bool packed = row_step != 0 || !(w->runs == 1 || (w->runs == 2 && w->lane[1] == 16));
    const __local float *low = tile + w->place[0], *high = tile + w->place[w->runs - 1];
    if (packed) pack_pixels(tile, taps, tap_count, w, panel);
    for (int f = first; f < last; f += TILE_ROWS) {
        const __global float *factors = weights + f / TILE_ROWS * panel_step;
        float16 product[16];
        if (row_step != 0 && count > 16)
            multiply_rows_32(tap_count, factors, row_step, min((int)TILE_ROWS, last - f) - 1, panel, product);
        else if (row_step != 0)
            multiply_rows_16(tap_count, factors, row_step, min((int)TILE_ROWS, last - f) - 1, panel, product);
        else if (packed && count > 16)
            multiply_32(tap_count, factors, panel, product);
        else if (packed)
            multiply_16(tap_count, factors, panel, product);
        else if (w->runs == 2)
            multiply_tile_32(tap_count, factors, low, high, taps, product);
        else
            multiply_tile_16(tap_count, factors, low, taps, product);
        put_product(o, product, w, f, min((int)TILE_ROWS, last - f), together);
    }
}

/* Work-item (pixel block, filter block, group). A pixel block is image_block whole images, or pixel_block pixels of a
 * strip of one image, column_block wide (whole rows where there are several strips); image_block is 1 then. Row_block
 * rows hold any pixel block. WEIGHTS: packed from weights_first on, or with weight_step not 0 rows so far apart,
 * (filters, channels, taps); results go to y_first + row * row_step + column * column_step of planes of PLANE
 * floats. TILE: image_block images; PANEL: channel_block * taps * 32, unused where column_block is a multiple of
 * 16. */
__kernel __attribute__((reqd_work_group_size(1, 1, 1))) void
convolve(const __global float *restrict x, const __global float *restrict weights, __global float *restrict y,
         __local float *restrict tile, __local float *restrict panel, __local int *restrict taps, SHAPE_PARAMETERS,
         int image_block, int pixel_block, int row_block, int column_block, int channel_block, int filter_block,
         int weights_first, int weight_step, int y_first, int plane, int row_step, int column_step, TAIL_PARAMETERS) {
    const shape s = SHAPE;
    const layout t = tile_layout(&s, row_block, column_block, channel_block);
    const int strips = (out_width + column_block - 1) / column_block;
    const int strip_blocks = image_block > 1 ? 1 : (column_block * out_height + pixel_block - 1) / pixel_block;
    const int block = (int)get_global_id(0), group = (int)get_global_id(2);
    const int first_filter = (int)get_global_id(1) * filter_block, last = min(filters, first_filter + filter_block);
    const int n = block / strip_blocks / strips * image_block, images = min(image_block, batch - n);
    const int q = block / strip_blocks % strips * column_block, columns = min(column_block, out_width - q);
    const int pixels = column_block < out_width ? pixel_block / column_block * columns : pixel_block;
    const int first = image_block > 1 ? 0 : block % strip_blocks * pixels;
    const int end = image_block > 1 ? images * out_height * columns : min(first + pixels, out_height * columns);
    /* Filters inside where pixels are packed, so that it is done once for all; else outside: the weights stay. */
    const int filter_step = column_block % 16 != 0 || weight_step != 0 ? filter_block : (int)TILE_ROWS;
    const int p = first / columns, kernel_taps = kernel_y * kernel_x, depth = channels * kernel_taps;
    if (first >= end) return;

    const tail_inputs tail = TAIL_INPUTS;
    target o = { y, 0, (size_t)groups * filters * plane, plane, row_step, column_step, group * filters, false, tail };
    o.first = n * o.image_step + (size_t)group * filters * plane + y_first + p * (size_t)row_step +
              q * (size_t)column_step;
    const int factor_step = weight_step == 0 ? TILE_ROWS : 1; /* from a step of the depth to the next */
    const size_t panel_step = weight_step == 0 ? (size_t)depth * TILE_ROWS : (size_t)weight_step * TILE_ROWS;
    weights += weights_first + (weight_step == 0 ? (size_t)group * ((filters + TILE_ROWS - 1) / TILE_ROWS) * panel_step
                                                 : (size_t)group * filters * weight_step);
    make_taps(&s, &t, min(channel_block, channels), kernel_taps, 1, taps);
    clear(tile, 16);
    tile += 16;
    clear(tile + images * t.image, 16);
    for (int c = 0; c < channels; c += channel_block) {
        const int channel_count = min(channel_block, channels - c), tap_count = channel_count * kernel_taps;
        for (int i = 0; i < images; i++)
            load_tile(&s, &t, x + (((size_t)n + i) * groups * channels + group * channels + c) * height * width,
                      channel_count, p * stride_y - pad_y, q * stride_x - pad_x, tile + i * t.image);
        o.add = c > 0;
        o.tail.flags = c + channel_block < channels ? 0 : tail.flags;
        o.tail.low = c + channel_block < channels ? -INFINITY : tail.low;
        for (int f = first_filter; f < last; f += filter_step) {
            walk w = { .image = 0, .row = 0, .column = first % columns };
            for (int begin = first; begin < end; begin += TILE_COLUMNS) {
                const int count = min((int)TILE_COLUMNS, end - begin);
                walk_on(&w, &t, image_block > 1 ? out_height : row_block + 1, columns, count);
                const bool together = count == TILE_COLUMNS && column_step == 1 && row_step == columns &&
                                      w.images[w.runs - 1] == w.images[0];
                multiply_pixels(&w, count, tile, taps, tap_count, panel,
                                weights + (size_t)c * kernel_taps * factor_step, panel_step, weight_step, f,
                                min(last, f + filter_step), &o, together);
            }
        }
    }
}
