/* Convolution and its two gradients for CPU-like devices: each work-item is alone in its group and works through blocks
 * sized for local memory (conv_tile.h), with the register tile of micro.h. All strides, paddings, dilations and groups
 * take the same path. Weights come packed in panels of 8 rows: for each step of the depth the rows' 8 factors together.
 * Local buffers that vectors run through end in 16 floats of slack. */
#include "conv_tile.h"
#include "micro.h"
#include "transpose.h"

/* Lanes without a pixel take part in the arithmetic, but their results are not used: they only need some value. */
static inline void clear(__local float *restrict buffer, int count) {
    for (int i = 0; i < count; i++) buffer[i] = 0.0f;
}

/* ---- forward: a product of the weights with the pixels' surroundings, packed 32 pixels at a time ---- */


/* The surroundings of the walk's 32 pixels: a row of the panel for each tap. What a run writes past its end, the next
 * run or row writes over. */
static inline void pack_pixels(const __local float *restrict tile, const __local int *restrict taps, int tap_count,
                               const walk *w, __local float *restrict panel) {
    for (int k = 0; k < tap_count; k++, panel += TILE_COLUMNS) {
        const __local float *from = tile + taps[k];
        for (int u = 0; u < w->runs; u++) vstore16(vload16(0, from + w->place[u]), 0, panel + w->lane[u]);
    }
}

/* Puts the tile of pixels BEGIN .. BEGIN + COUNT - 1 of the block's, PER_IMAGE of each image; the block's pixels of an
 * image lie together in Y, at Y for the first image. */
static inline void put_pixels(const float16 tile[16], int rows, int begin, int count, int per_image,
                              __global float *restrict y, int plane, size_t image_step, bool add) {
    for (int lane = 0; lane < count;) {
        const int image = (begin + lane) / per_image, pixel = (begin + lane) % per_image;
        const int length = min(count - lane, per_image - pixel);
        put_tile(tile, lane, rows, length, y + image * image_step + pixel, plane, add);
        lane += length;
    }
}

/* Work-item (pixel block, filter block, group). A pixel block is image_block images of whole planes, or row_block rows
 * of one image, or column_block columns of one row. TILE: image_block images; PANEL: channel_block * taps * 32. */
__kernel __attribute__((reqd_work_group_size(1, 1, 1))) void
forward(const __global float *restrict x, const __global float *restrict weights, __global float *restrict y,
        __local float *restrict tile, __local float *restrict panel, __local int *restrict taps, SHAPE_PARAMETERS,
        int image_block, int row_block, int column_block, int channel_block, int filter_block) {
    const shape s = SHAPE;
    const layout t = tile_layout(&s, row_block, column_block, channel_block);
    const int column_blocks = (out_width + column_block - 1) / column_block;
    const int row_blocks = (out_height + row_block - 1) / row_block;
    const int block = (int)get_global_id(0), group = (int)get_global_id(2);
    const int first_filter = (int)get_global_id(1) * filter_block, last = min(filters, first_filter + filter_block);
    const int q = block % column_blocks * column_block, p = block / column_blocks % row_blocks * row_block;
    const int n = block / column_blocks / row_blocks * image_block;
    const int images = min(image_block, batch - n), rows = min(row_block, out_height - p);
    const int columns = min(column_block, out_width - q), per_image = rows * columns;
    const int kernel_taps = kernel_y * kernel_x, plane = out_height * out_width, depth = channels * kernel_taps;
    const size_t image_step = (size_t)groups * filters * plane;

    y += n * image_step + (size_t)group * filters * plane + (size_t)p * out_width + q;
    weights += (size_t)group * ((filters + TILE_ROWS - 1) / TILE_ROWS) * depth * TILE_ROWS;
    make_taps(&s, &t, min(channel_block, channels), kernel_taps, 1, taps);
    clear(panel, min(channel_block, channels) * kernel_taps * TILE_COLUMNS + 16);
    clear(tile + images * t.image, 16);
    for (int c = 0; c < channels; c += channel_block) {
        const int channel_count = min(channel_block, channels - c), tap_count = channel_count * kernel_taps;
        for (int i = 0; i < images; i++)
            load_tile(&s, &t, x + (((size_t)n + i) * groups * channels + group * channels + c) * height * width,
                      channel_count, p * stride_y - pad_y, q * stride_x - pad_x, tile + i * t.image);
        walk w = { .image = 0, .row = 0, .column = 0 };
        for (int begin = 0; begin < images * per_image; begin += TILE_COLUMNS) {
            const int count = min((int)TILE_COLUMNS, images * per_image - begin);
            walk_on(&w, &t, rows, columns, count);
            pack_pixels(tile, taps, tap_count, &w, panel);
            for (int f = first_filter; f < last; f += TILE_ROWS) {
                const __global float *factors = weights + ((size_t)f * depth + (size_t)c * kernel_taps * TILE_ROWS);
                float16 product[16];
                if (count > 16)
                    multiply_32(tap_count, factors, panel, product);
                else
                    multiply_16(tap_count, factors, panel, product);
                put_pixels(product, min((int)TILE_ROWS, last - f), begin, count, per_image, y + (size_t)f * plane,
                           plane, image_step, c > 0);
            }
        }
    }
}

/* ---- data gradient: the transposed weights times dy, each tap's products added where the tap lies ---- */

/* The weights for `data_gradient`: rows are the taps of a block of channels, the channels of a tap together, so that the
 * rows of a panel go to different planes of the tile; the depth is the filters. Each block begins a panel; past its end
 * the last row is repeated. Work-item (panel, filter, group). */
__kernel void pack_scattered(const __global float *restrict from, __global float *restrict to, int filters,
                             int channels, int taps, int channel_block, int panels) {
    const int panel = (int)get_global_id(0), f = (int)get_global_id(1), group = (int)get_global_id(2);
    if (panel >= panels || f >= filters) return;
    const int block_panels = (channel_block * taps + TILE_ROWS - 1) / TILE_ROWS;
    const int c = panel / block_panels * channel_block, count = min(channel_block, channels - c);
    from += (((size_t)group * filters + f) * channels + c) * taps;
    to += (((size_t)group * panels + panel) * filters + f) * TILE_ROWS;
    for (int i = 0; i < TILE_ROWS; i++) {
        const int row = min(panel % block_panels * TILE_ROWS + i, count * taps - 1);
        to[i] = from[row % count * taps + row / count];
    }
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
#define SPILL(I) vstore16(product[I], 0, row[I]), vstore16(product[8 + I], 1, row[I]), vstore16((float16)0.0f, 2, row[I]);
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

/* Row Y of the tile (of stride's phases) to a row of dx; columns that no tap reaches are zero. */
static inline void store_row(const shape *s, const layout *t, const __local float *restrict tile, int y,
                             __global float *restrict to) {
    const int phase_y = y % s->stride_y, row = y / s->stride_y;
    const bool reached = y >= 0 && phase_y < t->phases_y && row < t->rows;
    for (int phase_x = 0; phase_x < s->stride_x; phase_x++) {
        const int skip = (phase_x - s->pad_x % s->stride_x + s->stride_x) % s->stride_x;
        const int first = (skip + s->pad_x) / s->stride_x, columns = (s->width - skip + s->stride_x - 1) / s->stride_x;
        const int end = reached && phase_x < t->phases_x ? clamp(t->pitch - first, 0, max(columns, 0)) : 0;
        const __local float *from = tile + (phase_y * t->phases_x + phase_x) * t->plane + row * t->pitch + first;
        for (int i = 0; i < end; i++) to[skip + i * s->stride_x] = from[i];
        for (int i = end; i < columns; i++) to[skip + i * s->stride_x] = 0.0f;
    }
}

/* Work-item (block of image_block images or height_block rows of one, channel block, group). WEIGHTS: the panels of
 * channel_block * taps rows, depth FILTERS. TILE: row_block output rows of every image; PANEL: filter_block * 32. */
__kernel __attribute__((reqd_work_group_size(1, 1, 1))) void
data_gradient(const __global float *restrict dy, const __global float *restrict weights, __global float *restrict dx,
              __local float *restrict tile, __local float *restrict panel, __local int *restrict taps, SHAPE_PARAMETERS,
              int image_block, int height_block, int row_block, int channel_block, int filter_block) {
    const shape s = SHAPE;
    const layout t = tile_layout(&s, row_block, out_width, channel_block);
    const int height_blocks = (height + height_block - 1) / height_block;
    const int block = (int)get_global_id(0), channel_blocks = (int)get_global_size(1), group = (int)get_global_id(2);
    const int n = block / height_blocks * image_block, images = min(image_block, batch - n);
    const int h_begin = block % height_blocks * height_block, h_end = min(height, h_begin + height_block);
    const int c = (int)get_global_id(1) * channel_block, channel_count = min(channel_block, channels - c);
    const int kernel_taps = kernel_y * kernel_x, plane = out_height * out_width, tap_count = channel_count * kernel_taps;
    const int above = h_begin + pad_y - dilation_y * (kernel_y - 1);
    const int p_begin = above > 0 ? (above + stride_y - 1) / stride_y : 0;
    const int rows = max(0, min(out_height, (h_end - 1 + pad_y) / stride_y + 1) - p_begin), per_image = rows * out_width;
    const size_t image_step = (size_t)groups * filters * plane;
    const int block_panels = (channel_block * kernel_taps + TILE_ROWS - 1) / TILE_ROWS;
    const int group_panels = (channel_blocks - 1) * block_panels +
                             ((channels - (channel_blocks - 1) * channel_block) * kernel_taps + TILE_ROWS - 1) / TILE_ROWS;

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
    for (int i = 0; i < images; i++)
        for (int k = 0; k < channel_count; k++)
            for (int h = h_begin; h < h_end; h++)
                store_row(&s, &t, tile + i * t.image + k * t.channel, h + pad_y - p_begin * stride_y,
                          dx + ((((size_t)n + i) * groups * channels + group * channels + c + k) * height + h) * width);
}

/* ---- filter gradient: eight taps of the tile against 32 filters of dy, over the pixels ---- */

/* PIXELS of dy for FILTER_COUNT filters, transposed: a row of FILTER_PITCH (a multiple of 16) filters for each pixel.
 * Missing filters repeat the last. */
static inline void transpose_gradient(const __global float *restrict dy, int plane, int pixels, int filter_count,
                                      int filter_pitch, __local float *restrict panel) {
    for (int f = 0; f < filter_pitch; f += 16) {
        int pixel = 0;
        for (; pixel + 16 <= pixels; pixel += 16) {
            float16 v[16];
            for (int i = 0; i < 16; i++) v[i] = vload16(0, dy + (size_t)min(f + i, filter_count - 1) * plane + pixel);
            transpose_16(v);
            for (int i = 0; i < 16; i++) vstore16(v[i], 0, panel + (pixel + i) * filter_pitch + f);
        }
        for (; pixel < pixels; pixel++)
            for (int i = 0; i < 16; i++)
                panel[pixel * filter_pitch + f + i] = dy[(size_t)min(f + i, filter_count - 1) * plane + pixel];
    }
}

/* out[i][j] (+)= sum over pixels of tile[taps[i] + place of pixel] * panel[pixel][j], for ROWS taps and 32 or 16
 * filters. */
#define CORRELATE(NAME, HIGH)                                                                                          \
    static inline void NAME(const __local float *restrict tile, const __local int *restrict taps, int rows,            \
                            const __local float *restrict panel, int filter_pitch, const __local int *restrict places, \
                            int pixels, __global float *restrict out, int out_pitch, bool add) {                       \
        EACH_ROW(BEGIN_##HIGH)                                                                                         \
        for (int pixel = 0; pixel < pixels; pixel++, panel += filter_pitch) {                                          \
            const __local float *at = tile + places[pixel];                                                            \
            const float16 d_low = vload16(0, panel);                                                                   \
            SECOND_##HIGH EACH_ROW(ADD_##HIGH)                                                                         \
        }                                                                                                              \
        EACH_ROW(END_##HIGH)                                                                                           \
    }
#define BEGIN_0(I)                                                                                                     \
    float16 low##I = 0.0f;                                                                                             \
    const int tap##I = taps[min(I, rows - 1)];
#define BEGIN_1(I) BEGIN_0(I) float16 high##I = 0.0f;
#define SECOND_0
#define SECOND_1 const float16 d_high = vload16(1, panel);
#define ADD_0(I) low##I = FMA((float16)(at[tap##I]), d_low, low##I);
#define ADD_1(I)                                                                                                       \
    {                                                                                                                  \
        const float16 factor = (float16)(at[tap##I]);                                                                  \
        low##I = FMA(factor, d_low, low##I);                                                                           \
        high##I = FMA(factor, d_high, high##I);                                                                        \
    }
#define END_0(I)                                                                                                       \
    if (I < rows) put_16(low##I, out + I * (size_t)out_pitch, add);
#define END_1(I)                                                                                                       \
    END_0(I)                                                                                                           \
    if (I < rows) put_16(high##I, out + I * (size_t)out_pitch + 16, add);

CORRELATE(correlate_16, 0)
CORRELATE(correlate_32, 1)

/* Work-item (channel block, filter block, group and part): part z of PARTS takes its share of the jobs, a job being
 * row_block rows of an image. PARTS_OUT is (parts, groups, channels * taps, filters rounded up to 16). TILE: one image;
 * PANEL: row_block * out_width * filter_block; PLACES: row_block * out_width; filter_block is a multiple of 32 unless it covers all filters. */
__kernel __attribute__((reqd_work_group_size(1, 1, 1))) void
filter_gradient(const __global float *restrict x, const __global float *restrict dy, __global float *restrict parts_out,
                __local float *restrict tile, __local float *restrict panel, __local int *restrict taps,
                __local int *restrict places, SHAPE_PARAMETERS, int row_block, int channel_block, int filter_block,
                int parts) {
    const shape s = SHAPE;
    const layout t = tile_layout(&s, row_block, out_width, channel_block);
    const int c = (int)get_global_id(0) * channel_block, channel_count = min(channel_block, channels - c);
    const int f = (int)get_global_id(1) * filter_block, filter_count = min(filter_block, filters - f);
    const int group = (int)get_global_id(2) % groups, part = (int)get_global_id(2) / groups;
    const int row_blocks = (out_height + row_block - 1) / row_block, jobs = batch * row_blocks;
    const int job_begin = (int)((long)jobs * part / parts), job_end = (int)((long)jobs * (part + 1) / parts);
    const int kernel_taps = kernel_y * kernel_x, plane = out_height * out_width, tap_count = channel_count * kernel_taps;
    const int filter_pitch = (filter_count + 15) / 16 * 16, out_pitch = (filters + 15) / 16 * 16;

    parts_out += ((size_t)get_global_id(2) * channels + c) * kernel_taps * out_pitch + f;
    make_taps(&s, &t, channel_count, kernel_taps, 1, taps);
    for (int i = 0; i < row_block; i++)
        for (int q = 0; q < out_width; q++) places[i * out_width + q] = i * t.pitch + q;
    for (int job = job_begin; job < job_end; job++) {
        const int n = job / row_blocks, p = job % row_blocks * row_block, rows = min(row_block, out_height - p);
        load_tile(&s, &t, x + ((size_t)n * groups * channels + group * channels + c) * height * width, channel_count,
                  p * stride_y - pad_y, -pad_x, tile);
        transpose_gradient(dy + ((size_t)n * groups * filters + group * filters + f) * plane + (size_t)p * out_width,
                           plane, rows * out_width, filter_count, filter_pitch, panel);
        for (int j = 0; j < filter_pitch; j += 32)
            for (int k = 0; k < tap_count; k += TILE_ROWS) {
                __global float *out = parts_out + (size_t)k * out_pitch + j;
                const int count = min((int)TILE_ROWS, tap_count - k);
                if (filter_pitch - j > 16)
                    correlate_32(tile, taps + k, count, panel + j, filter_pitch, places, rows * out_width, out,
                                 out_pitch, job > job_begin);
                else
                    correlate_16(tile, taps + k, count, panel + j, filter_pitch, places, rows * out_width, out,
                                 out_pitch, job > job_begin);
            }
    }
}

/* dw (groups, filters, rows) = the sum of parts (parts, groups, rows, filters rounded up to 16), in order; rows are
 * channels * taps. Work-item (row, 16 filters, group). */
__kernel void add_filter_parts(const __global float *restrict parts, __global float *restrict dw, int groups,
                               int filters, int rows, int part_count) {
    const int row = (int)get_global_id(0), f = (int)get_global_id(1) * 16, group = (int)get_global_id(2);
    if (row >= rows || f >= filters || group >= groups) return;
    const int pitch = (filters + 15) / 16 * 16;
    const size_t part_size = (size_t)groups * rows * pitch;
    parts += ((size_t)group * rows + row) * pitch + f;
    float16 sum = vload16(0, parts);
    for (int p = 1; p < part_count; p++) sum += vload16(0, parts + p * part_size);
    float lanes[16];
    vstore16(sum, 0, lanes);
    dw += ((size_t)group * filters + f) * rows + row;
    for (int i = 0; i < min(16, filters - f); i++) dw[(size_t)i * rows] = lanes[i];
}
