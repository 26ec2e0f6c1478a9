/* The data gradient of a convolution for CPU-like devices, where dx is small beside dy or the stride large: the
 * transposed weights times dy, each tap's products added where the tap lies. Each work-item is alone in its group
 * and works through a block sized for local memory (conv_tile.h), with the register tile of micro.h. Weights come
 * packed in panels of 8 rows: for each step of the depth the rows' 8 factors together. Local buffers that vectors
 * run through end in 16 floats of slack. */
#include "conv_tile.h"
#include "fetch.h"
#include "loose.h"
#include "micro.h"
#include "tail.h"
#include "transpose.h"

#define UNROLL _Pragma("unroll")

enum { PACK_FILTERS = 32 };

static inline void clear(__local float *restrict buffer, int count) {
    for (int i = 0; i < count; i++) buffer[i] = 0.0f;
}

/* A filter's weights of 8 channels (8, TAPS) to the panels of their taps, PANEL_STEP floats apart. Nothing from END on
 * is read. */
static inline void pack_channels(const __global float *restrict from, int taps, const __global float *end,
                                 __global float *restrict to, size_t panel_step) {
    for (int first = 0; first < taps; first += 16) {
        float lanes[TILE_ROWS][16];
        float16 v[TILE_ROWS];
        const bool inside = from + first + 7 * taps + 16 <= end;
        for (int i = 0; i < TILE_ROWS && !inside; i++)
            for (int tap = 0; tap < 16; tap++) lanes[i][tap] = first + tap < taps ? from[i * taps + first + tap] : 0.0f;
        UNROLL
        for (int i = 0; i < TILE_ROWS; i++) v[i] = inside ? READ_16(from + i * taps + first) : vload16(0, lanes[i]);
        transpose_8(v);
        UNROLL
        for (int pair = 0; pair < TILE_ROWS; pair++) {
            const int tap = first + 2 * pair;
            if (tap < taps) vstore8(v[pair].lo, 0, to + tap * panel_step);
            if (tap + 1 < taps) vstore8(v[pair].hi, 0, to + (tap + 1) * panel_step);
        }
    }
}

/* The weights for `scatter_gradient`: rows are the taps of a block of channels, the channels of a tap together, so
 * that the rows of a panel go to different planes of the tile; the depth is the filters. Each block begins a panel;
 * past its end the last row is repeated. Work-item (panel, PACK_FILTERS filters, group); where panels are whole
 * channels of one tap, the item of a tap 0 packs all taps of its channels, which lie together, and those of the other
 * taps have no work. */
__kernel __attribute__((reqd_work_group_size(1, 1, 1))) void
pack_scattered(const __global float *restrict from, __global float *restrict to, int filters, int channels, int taps,
               int channel_block, int panels) {
    const int order = (int)get_global_id(0), group = (int)get_global_id(2);
    const int begin = (int)get_global_id(1) * PACK_FILTERS, end = min(filters, begin + PACK_FILTERS);
    const int block_panels = (channel_block * taps + TILE_ROWS - 1) / TILE_ROWS, block = order / block_panels;
    const int c = block * channel_block, count = min(channel_block, channels - c), step = channels * taps;
    const int panel = order % block_panels;
    const __global float *from_end = from + get_global_size(2) * filters * step;
    int at[TILE_ROWS];
    from += (((size_t)group * filters + begin) * channels + c) * taps;
    to += (((size_t)group * panels + block * block_panels) * filters + begin) * TILE_ROWS;
    if (count % TILE_ROWS == 0) {
        if (panel % taps != 0) return;
        from += panel / taps * TILE_ROWS * taps;
        to += (size_t)(panel / taps) * filters * TILE_ROWS;
        for (int f = begin; f < end; f++, from += step, to += TILE_ROWS) {
            for (int i = 0; i < TILE_ROWS * taps; i += 16) FETCH(from + TILE_ROWS * taps + i); /* of the next item */
            pack_channels(from, taps, from_end, to, (size_t)(count / TILE_ROWS) * filters * TILE_ROWS);
        }
        return;
    }
    for (int i = 0; i < TILE_ROWS; i++) {
        const int row = min(panel * TILE_ROWS + i, count * taps - 1);
        at[i] = row % count * taps + row / count;
    }
    to += (size_t)panel * filters * TILE_ROWS;
    for (int f = begin; f < end; f++, from += step, to += TILE_ROWS)
        vstore8((float8)(from[at[0]], from[at[1]], from[at[2]], from[at[3]], from[at[4]], from[at[5]], from[at[6]],
                         from[at[7]]),
                0, to);
}

/* COUNT pixels of dy, from pixel BEGIN of the block, for FILTER_COUNT filters: a row of the panel for each filter. */
static inline void pack_gradient(const __global float *restrict dy, int plane, size_t image_step, int per_image,
                                 int begin, int count, int filter_count, __local float *restrict panel) {
    for (int lane = 0; lane < count;) {
        const int image = (begin + lane) / per_image, pixel = (begin + lane) % per_image;
        const int length = min(count - lane, per_image - pixel);
        const __global float *from = dy + image * image_step + pixel;
        if (length == TILE_COLUMNS)
            for (int f = 0; f < filter_count; f++) {
                LOCAL_16(panel + f * TILE_COLUMNS) = READ_16(from + (size_t)f * plane);
                LOCAL_16(panel + f * TILE_COLUMNS + 16) = READ_16(from + (size_t)f * plane + 16);
            }
        else
            for (int f = 0; f < filter_count; f++)
                for (int i = 0; i < length; i++) panel[f * TILE_COLUMNS + lane + i] = from[(size_t)f * plane + i];
        lane += length;
    }
}

/* multiply_32 and multiply_16 of micro.h with A where it lies: row i's factor of a step at i * row_step + step *
 * k_step. Meanwhile what is AHEAD of it is brought near. */
static inline void multiply_lying_32(int count, const __global float *restrict a, int row_step, int k_step, int ahead,
                                     const __local float *restrict b, float16 tile[16]) {
    const int last = TILE_ROWS - 1;
    EACH_ROW(ROW)
    EACH_ROW(START_32)
    size_t at = 0;
    for (int s = 0; s < count; s++, at += k_step, b += TILE_COLUMNS) {
        const float16 b_low = vload16(0, b), b_high = vload16(1, b);
        FETCH(a + at + ahead);
        EACH_ROW(ADD_ROW_32)
    }
    EACH_ROW(KEEP_32)
}

static inline void multiply_lying_16(int count, const __global float *restrict a, int row_step, int k_step, int ahead,
                                     const __local float *restrict b, float16 tile[16]) {
    const int last = TILE_ROWS - 1;
    EACH_ROW(ROW)
    EACH_ROW(START_16)
    size_t at = 0;
    for (int s = 0; s < count; s++, at += k_step, b += TILE_COLUMNS) {
        const float16 b_low = vload16(0, b);
        FETCH(a + at + ahead);
        EACH_ROW(ADD_ROW_16)
    }
    EACH_ROW(KEEP_16)
}

/* Adds each row of the product to the tile at the row's tap, run by run. Lanes past a run's end add zero. */
static inline void scatter(const float16 product[16], int rows, const walk *w, const __local int *restrict taps,
                           __local float *restrict tile) {
    const int16 lanes = (int16)(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    float row[TILE_ROWS][TILE_COLUMNS + 16];
#define SPILL(I)                                                                                                       \
    vstore16(product[I], 0, row[I]), vstore16(product[8 + I], 1, row[I]), vstore16((float16)0.0f, 2, row[I]);
    EACH_ROW(SPILL)
#undef SPILL
    for (int u = 0; u < w->runs; u++) {
        const int16 inside = lanes < (int16)(w->length[u]);
        for (int i = 0; i < rows; i++) {
            __local float *to = tile + taps[i] + w->place[u];
            const float16 part = as_float16(as_int16(vload16(0, row[i] + w->lane[u])) & inside);
            vstore16(vload16(0, to) + part, 0, to);
        }
    }
}

/* What row Y of the tile holds of the columns SKIP, SKIP + stride, ... of dx's row: COLUMNS of them, of which the first
 * FILLED lie at FROM; no tap reaches the others. */
typedef struct stripe {
    const __local float *from;
    int skip, columns, filled;
} stripe;

static inline stripe stripe_of(const shape *s, const layout *t, const __local float *restrict tile, int y,
                               int phase_x) {
    const int phase_y = y % s->stride_y, row = y / s->stride_y;
    const bool reached = y >= 0 && phase_y < t->phases_y && row < t->rows && phase_x < t->phases_x;
    const int skip = (phase_x - s->pad_x % s->stride_x + s->stride_x) % s->stride_x;
    const int begin = (skip + s->pad_x) / s->stride_x;
    const int columns = max(0, (s->width - skip + s->stride_x - 1) / s->stride_x);
    const __local float *from = tile + (phase_y * t->phases_x + phase_x) * t->plane + row * t->pitch + begin;
    const stripe found = { from, skip, columns, reached ? clamp(t->pitch - begin, 0, columns) : 0 };
    return found;
}

/* Two stripes that alternate, EVEN at the first column: as many as whole vectors take. How many of each were stored. */
static inline int store_pairs(const stripe *even, const stripe *odd, __global float *restrict dx, size_t first,
                              const tail_inputs *tail, float bias) {
    const int count = min(even->filled, odd->filled) & ~7;
    for (int i = 0; i < count; i += 8) {
        const float8 a = vload8(0, even->from + i), b = vload8(0, odd->from + i);
        const float16 both = (float16)(a.s0, b.s0, a.s1, b.s1, a.s2, b.s2, a.s3, b.s3, a.s4, b.s4, a.s5, b.s5, a.s6,
                                       b.s6, a.s7, b.s7);
        const size_t at = first + 2 * i;
        GLOBAL_16(dx + at) = tail16(tail, both, (float16)(bias), at);
    }
    return count;
}

/* Row Y of the tile (of stride's phases) to the row of dx that begins at element FIRST; columns that no tap reaches are
 * zero. */
static inline void store_row(const shape *s, const layout *t, const __local float *restrict tile, int y,
                             __global float *restrict dx, size_t first, const tail_inputs *tail, float bias) {
    int done = 0;
    if (s->stride_x == 2) {
        const stripe even = stripe_of(s, t, tile, y, s->pad_x % 2), odd = stripe_of(s, t, tile, y, 1 - s->pad_x % 2);
        done = store_pairs(&even, &odd, dx, first, tail, bias);
    }
    for (int phase_x = 0; phase_x < s->stride_x; phase_x++) {
        const stripe part = stripe_of(s, t, tile, y, phase_x);
        int i = done;
        for (; s->stride_x == 1 && i + 16 <= part.filled; i += 16)
            GLOBAL_16(dx + first + i) = tail16(tail, vload16(0, part.from + i), (float16)(bias), first + i);
        for (; i < part.columns; i++) {
            const size_t at = first + part.skip + i * s->stride_x;
            dx[at] = tail1(tail, i < part.filled ? part.from[i] : 0.0f, bias, at);
        }
    }
}

/* Work-item (block of image_block images or height_block rows of one, channel block, group). WEIGHTS: the panels of
 * channel_block * taps rows, depth FILTERS; or LYING (filters, channels, taps), blocks of channels being multiples of
 * 8. TILE: row_block output rows of every image; PANEL: filter_block * 32. */
__kernel __attribute__((reqd_work_group_size(1, 1, 1))) void
scatter_gradient(const __global float *restrict dy, const __global float *restrict weights, __global float *restrict dx,
              __local float *restrict tile, __local float *restrict panel, __local int *restrict taps, SHAPE_PARAMETERS,
              int image_block, int height_block, int row_block, int channel_block, int filter_block, int lying,
              TAIL_PARAMETERS) {
    const shape s = SHAPE;
    const layout t = tile_layout(&s, row_block, out_width, channel_block);
    const int height_blocks = (height + height_block - 1) / height_block;
    const int block = (int)get_global_id(0), channel_blocks = (int)get_global_size(1), group = (int)get_global_id(2);
    const int n = block / height_blocks * image_block, images = min(image_block, batch - n);
    const int h_begin = block % height_blocks * height_block, h_end = min(height, h_begin + height_block);
    const int c = (int)get_global_id(1) * channel_block, channel_count = min(channel_block, channels - c);
    const int kernel_taps = kernel_y * kernel_x, tap_count = channel_count * kernel_taps;
    const int plane = out_height * out_width;
    const int above = h_begin + pad_y - dilation_y * (kernel_y - 1);
    const int p_begin = above > 0 ? (above + stride_y - 1) / stride_y : 0;
    const int rows = max(0, min(out_height, (h_end - 1 + pad_y) / stride_y + 1) - p_begin);
    const int per_image = rows * out_width;
    const size_t image_step = (size_t)groups * filters * plane;
    const int block_panels = (channel_block * kernel_taps + TILE_ROWS - 1) / TILE_ROWS;
    const int last_rows = (channels - (channel_blocks - 1) * channel_block) * kernel_taps;
    const int group_panels = (channel_blocks - 1) * block_panels + (last_rows + TILE_ROWS - 1) / TILE_ROWS;

    dy += n * image_step + (size_t)group * filters * plane + (size_t)p_begin * out_width;
    const int filter_step = channels * kernel_taps;
    if (lying)
        weights += (size_t)group * filters * filter_step + c * kernel_taps;
    else
        weights += ((size_t)group * group_panels + get_global_id(1) * block_panels) * filters * TILE_ROWS;
    make_taps(&s, &t, channel_count, 1, channel_count, taps);
    clear(panel, filter_block * TILE_COLUMNS + 16);
    clear(tile, images * t.image + 16);
    walk w = { .image = 0, .row = 0, .column = 0 };
    for (int begin = 0; begin < images * per_image; begin += TILE_COLUMNS) {
        const int count = min((int)TILE_COLUMNS, images * per_image - begin);
        walk_on(&w, &t, rows, out_width, count);
        for (int f = 0; f < filters; f += filter_block) {
            const int filter_count = min(filter_block, filters - f);
            pack_gradient(dy + (size_t)f * plane, plane, image_step, per_image, begin, count, filter_count, panel);
            for (int order = 0; order < tap_count; order += TILE_ROWS) {
                float16 product[16];
                /* Where weights lie, all taps of 8 channels after one another: they share cache lines. */
                const int tap = order / TILE_ROWS % kernel_taps, channel = order / TILE_ROWS / kernel_taps * TILE_ROWS;
                const int k = lying ? tap * channel_count + channel : order;
                const __global float *factors = weights + ((size_t)k * filters + (size_t)f * TILE_ROWS);
                if (lying) factors = weights + (size_t)f * filter_step + channel * kernel_taps + tap;
                const int ahead = TILE_ROWS * kernel_taps + tap * (TILE_ROWS - 1);
                if (lying && count > 16)
                    multiply_lying_32(filter_count, factors, kernel_taps, filter_step, ahead, panel, product);
                else if (lying)
                    multiply_lying_16(filter_count, factors, kernel_taps, filter_step, ahead, panel, product);
                else if (count > 16)
                    multiply_32(filter_count, factors, panel, product);
                else
                    multiply_16(filter_count, factors, panel, product);
                scatter(product, min((int)TILE_ROWS, tap_count - k), &w, taps + k, tile);
            }
        }
    }
    const tail_inputs tail = TAIL_INPUTS;
    for (int i = 0; i < images; i++)
        for (int k = 0; k < channel_count; k++) {
            const int channel = group * channels + c + k;
            const size_t first = (((size_t)n + i) * groups * channels + channel) * height * width;
            const float bias = tail_bias_of(&tail, channel);
            for (int h = h_begin; h < h_end; h++)
                store_row(&s, &t, tile + i * t.image + k * t.channel, h + pad_y - p_begin * stride_y, dx,
                          first + (size_t)h * width, &tail, bias);
        }
}
