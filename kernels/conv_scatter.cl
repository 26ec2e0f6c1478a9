/* The data gradient of a convolution for CPU-like devices, where dx is small beside dy or the stride large: the
 * transposed weights times dy, each tap's products added where the tap lies. Each work-item is alone in its group
 * and works through a block sized for local memory (conv_tile.h), with the register tile of micro.h. Weights come
 * packed in panels of 8 rows: for each step of the depth the rows' 8 factors together. Local buffers that vectors
 * run through end in 16 floats of slack. */
#include "conv_tile.h"
#include "micro.h"
#include "tail.h"

enum { PACK_FILTERS = 32 };

static inline void clear(__local float *restrict buffer, int count) {
    for (int i = 0; i < count; i++) buffer[i] = 0.0f;
}

/* The weights for `scatter_gradient`: rows are the taps of a block of channels, the channels of a tap together, so
 * that the rows of a panel go to different planes of the tile; the depth is the filters. Each block begins a panel;
 * past its end the last row is repeated. Work-item (panel, PACK_FILTERS filters, group); where panels are whole
 * channels of one tap, neighbours take the taps of the same channels, which lie together. */
__kernel __attribute__((reqd_work_group_size(1, 1, 1))) void
pack_scattered(const __global float *restrict from, __global float *restrict to, int filters, int channels, int taps,
               int channel_block, int panels) {
    const int order = (int)get_global_id(0), group = (int)get_global_id(2);
    const int begin = (int)get_global_id(1) * PACK_FILTERS, end = min(filters, begin + PACK_FILTERS);
    const int block_panels = (channel_block * taps + TILE_ROWS - 1) / TILE_ROWS, block = order / block_panels;
    const int c = block * channel_block, count = min(channel_block, channels - c);
    int panel = order % block_panels, at[TILE_ROWS];
    if (count % TILE_ROWS == 0) panel = panel % taps * (count / TILE_ROWS) + panel / taps;
    for (int i = 0; i < TILE_ROWS; i++) {
        const int row = min(panel * TILE_ROWS + i, count * taps - 1);
        at[i] = row % count * taps + row / count;
    }
    from += (((size_t)group * filters + begin) * channels + c) * taps;
    to += (((size_t)group * panels + block * block_panels + panel) * filters + begin) * TILE_ROWS;
    for (int f = begin; f < end; f++, from += channels * taps, to += TILE_ROWS)
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
                vstore16(vload16(0, from + (size_t)f * plane), 0, panel + f * TILE_COLUMNS);
                vstore16(vload16(1, from + (size_t)f * plane), 1, panel + f * TILE_COLUMNS);
            }
        else
            for (int f = 0; f < filter_count; f++)
                for (int i = 0; i < length; i++) panel[f * TILE_COLUMNS + lane + i] = from[(size_t)f * plane + i];
        lane += length;
    }
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

/* Row Y of the tile (of stride's phases) to the row of dx that begins at element FIRST; columns that no tap reaches are
 * zero. */
static inline void store_row(const shape *s, const layout *t, const __local float *restrict tile, int y,
                             __global float *restrict dx, size_t first, const tail_inputs *tail, float bias) {
    const int phase_y = y % s->stride_y, row = y / s->stride_y;
    const bool reached = y >= 0 && phase_y < t->phases_y && row < t->rows;
    for (int phase_x = 0; phase_x < s->stride_x; phase_x++) {
        const int skip = (phase_x - s->pad_x % s->stride_x + s->stride_x) % s->stride_x;
        const int begin = (skip + s->pad_x) / s->stride_x, columns = (s->width - skip + s->stride_x - 1) / s->stride_x;
        const int end = reached && phase_x < t->phases_x ? clamp(t->pitch - begin, 0, max(columns, 0)) : 0;
        const __local float *from = tile + (phase_y * t->phases_x + phase_x) * t->plane + row * t->pitch + begin;
        int i = 0;
        for (; s->stride_x == 1 && i + 16 <= end; i += 16)
            vstore16(tail16(tail, vload16(0, from + i), (float16)(bias), first + i), 0, dx + first + i);
        for (; i < columns; i++) {
            const size_t at = first + skip + i * s->stride_x;
            dx[at] = tail1(tail, i < end ? from[i] : 0.0f, bias, at);
        }
    }
}

/* Work-item (block of image_block images or height_block rows of one, channel block, group). WEIGHTS: the panels of
 * channel_block * taps rows, depth FILTERS. TILE: row_block output rows of every image; PANEL: filter_block * 32. */
__kernel __attribute__((reqd_work_group_size(1, 1, 1))) void
scatter_gradient(const __global float *restrict dy, const __global float *restrict weights, __global float *restrict dx,
              __local float *restrict tile, __local float *restrict panel, __local int *restrict taps, SHAPE_PARAMETERS,
              int image_block, int height_block, int row_block, int channel_block, int filter_block, TAIL_PARAMETERS) {
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
            for (int k = 0; k < tap_count; k += TILE_ROWS) {
                float16 product[16];
                const __global float *factors = weights + ((size_t)k * filters + (size_t)f * TILE_ROWS);
                if (count > 16)
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
