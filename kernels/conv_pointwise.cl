/* A convolution by 1 x 1 kernels without padding, and its gradients, as products of matrices over the pixels
 * (panel.h): for each image and group y (filters, pixels) = w (filters, channels) x (channels, pixels). Pixels of all
 * images follow each other, so that small planes fill panels too. With strides the pixels that matter are picked as
 * panels are packed, gathered first for the filter gradient, and the data gradient's spread last. Each work-item is
 * alone in its group. */
#include "panel.h"
#include "stride.h"

/* Of the pixels COLUMN .. COLUMN + COUNT - 1 of all images, those that lie in the first of their images. */
typedef struct run {
    int image, pixel, length;
} run;

static inline run run_at(int column, int count, int pixels) {
    const int image = column / pixels, pixel = column - image * pixels;
    const run r = { image, pixel, min(count, pixels - pixel) };
    return r;
}

/* What is multiplied: planes of HEIGHT x WIDTH, of which every stride-th pixel counts, OUT_WIDTH to a row. */
typedef struct picture {
    int height, width, out_width, stride_y, stride_x;
} picture;

/* Where pixel PIXEL of those that count lies in its plane. */
static inline int place_of(const picture *p, int pixel) {
    if (p->stride_y == 1 && p->stride_x == 1) return pixel;
    return pixel / p->out_width * p->stride_y * p->width + pixel % p->out_width * p->stride_x;
}

/* LENGTH pixels from PIXEL on, which all count, of COUNT planes of the PLANES that there are: to a panel's columns from
 * FIRST on. */
static inline void pack_picture(const picture *p, const __global float *restrict in, int pixel, int count, int planes,
                                int length, __local float *restrict panel, int first) {
    const int plane = p->height * p->width;
    panel += first;
    if (p->stride_y == 1 && p->stride_x == 1) {
        pack_columns(in + pixel, plane, count, length, in + (size_t)planes * plane, TILE_COLUMNS - first, panel);
        return;
    }
    for (int lane = 0; lane < length;) {
        const int end = lane + min(length - lane, p->out_width - (pixel + lane) % p->out_width);
        const __global float *from = in + place_of(p, pixel + lane);
        for (int s = 0; s < count; s++)
            copy_every(from + (size_t)s * plane, p->stride_x, end - lane, panel + s * TILE_COLUMNS + lane);
        lane = end;
    }
}

/* The lines under the pixel PIXEL and those after it of COUNT planes, to be brought near in STEPS steps of products. */
static inline ahead look_at_picture(const picture *p, const __global float *in, int pixel, int count, int steps) {
    const int plane = p->height * p->width, bits = 31 - (int)clz(count);
    const __global float *from = in + place_of(p, pixel);
    if (p->stride_x == 1) return look_ahead(from, plane, 0, 30, steps, count);
    return look_ahead(from, plane, TILE_COLUMNS, bits, steps, 2 << bits);
}

/* Work-item (pixel block, block of outputs, group): out (outputs, pixels) = weights (outputs, depth) in (depth,
 * pixels); WEIGHTS are packed (pack_a of gemm_packed.cl), or AS_THEY_LIE (outputs, depth). PANEL has room for
 * k_block steps and a tile. Forward outputs are filters and the depth is channels; for the data gradient it is the
 * other way round. */
__kernel __attribute__((reqd_work_group_size(1, 1, 1))) void
planes(const __global float *restrict in, const __global float *restrict weights, __global float *restrict out,
       __local float *restrict panel, int groups, int depth, int outputs, int pixels, int all_pixels, int pixel_block,
       int output_block, int k_block, int height, int width, int out_width, int stride_y, int stride_x,
       TAIL_PARAMETERS) {
    __local float *tile = panel + k_block * TILE_COLUMNS;
    const picture from = { height, width, out_width, stride_y, stride_x };
    const int plane = height * width;
    const tail_inputs tail = TAIL_INPUTS;
    const int begin = (int)get_global_id(0) * pixel_block, end = min(all_pixels, begin + pixel_block);
    const int first = (int)get_global_id(1) * output_block, last = min(outputs, first + output_block);
    const int group = (int)get_global_id(2), tiles = (last - first + TILE_ROWS - 1) / TILE_ROWS;
#ifdef AS_THEY_LIE
    const factors rows = { weights + (size_t)group * outputs * depth, depth, 1, depth };
#else
    const int panels = (outputs + TILE_ROWS - 1) / TILE_ROWS;
    const factors rows = { weights + (size_t)group * panels * TILE_ROWS * depth, 0, 0, depth };
#endif
    const size_t in_image = (size_t)groups * depth * plane, out_image = (size_t)groups * outputs * pixels;
    in += (size_t)group * depth * plane;
    for (int k = 0; k < depth; k += k_block, in += (size_t)k_block * plane) {
        const int count = min(k_block, depth - k);
        for (int j = begin; j < end; j += TILE_COLUMNS) {
            const int columns = min((int)TILE_COLUMNS, end - j);
            if (columns % 16 != 0) clear_lanes(count, columns, panel);
            for (int lane = 0; lane < columns;) {
                const run r = run_at(j + lane, columns - lane, pixels);
                pack_picture(&from, in + r.image * in_image, r.pixel, count, depth - k, r.length, panel, lane);
                lane += r.length;
            }
            const run now = run_at(j, columns, pixels);
            const size_t here = now.image * out_image + (size_t)group * outputs * pixels + now.pixel;
            const run then = run_at(j + TILE_COLUMNS < all_pixels ? j + TILE_COLUMNS : j, 1, pixels);
            ahead next = look_at_picture(&from, in + then.image * in_image, then.pixel, count, tiles * count);
            for (int f = first; f < last; f += TILE_ROWS) {
                const int lines = min((int)TILE_ROWS, last - f);
                expect_rows(out + here + (size_t)f * pixels, pixels, lines);
                multiply_tile(&rows, f, lines, k, count, panel, columns, tile, &next);
                for (int lane = 0; lane < columns;) {
                    const run r = run_at(j + lane, columns - lane, pixels);
                    store_planes(tile, lane, r.length, lines, out,
                                 r.image * out_image + ((size_t)group * outputs + f) * pixels + r.pixel, pixels, k > 0,
                                 k + count == depth, &tail, group * outputs + f);
                    lane += r.length;
                }
            }
        }
    }
}

/* Work-item (column block, row block, group and part): parts_out (parts, groups, rows, columns) gets the sum over its
 * pieces of pixels of a (rows, pixels) b (columns, pixels)^T. A piece is up to piece_pixels pixels of an image; part z
 * takes part_pieces of them. PANEL has room for piece_pixels steps and a tile. */
__kernel __attribute__((reqd_work_group_size(1, 1, 1))) void
filter_gradient(const __global float *restrict a, const __global float *restrict b, __global float *restrict parts_out,
                __local float *restrict panel, int groups, int rows, int columns, int pixels, int pieces,
                int piece_pixels, int part_pieces, int row_block, int column_block, TAIL_PARAMETERS) {
    __local float *tile = panel + piece_pixels * TILE_COLUMNS;
    const tail_inputs tail = TAIL_INPUTS;
    const int j_begin = (int)get_global_id(0) * column_block, j_end = min(columns, j_begin + column_block);
    const int i_begin = (int)get_global_id(1) * row_block, i_end = min(rows, i_begin + row_block);
    const int group = (int)get_global_id(2) % groups, part = (int)get_global_id(2) / groups;
    const int image_pieces = (pixels + piece_pixels - 1) / piece_pixels;
    const int tiles = (i_end - i_begin + TILE_ROWS - 1) / TILE_ROWS;
    const int p_begin = part * part_pieces, p_end = min(pieces, p_begin + part_pieces);
    parts_out += ((size_t)part * groups + group) * rows * columns;
    for (int p = p_begin; p < p_end; p++) {
        const int image = p / image_pieces, pixel = p % image_pieces * piece_pixels;
        const int count = min(piece_pixels, pixels - pixel);
        const size_t plane = (size_t)image * groups + group;
        const factors from = { a + plane * rows * pixels + pixel, pixels, 1, 0 };
        const __global float *columns_from = b + plane * columns * pixels + pixel;
        for (int j = j_begin; j < j_end; j += TILE_COLUMNS) {
            const int width = min((int)TILE_COLUMNS, j_end - j);
            pack_steps(columns_from + (size_t)j * pixels, pixels, count, width, panel);
            const int then = j + TILE_COLUMNS < columns ? j + TILE_COLUMNS : j;
            ahead next =
                look_ahead(columns_from + (size_t)then * pixels, pixels, TILE_COLUMNS, 5, tiles * count, count);
            for (int i = i_begin; i < i_end; i += TILE_ROWS) {
                const int height = min((int)TILE_ROWS, i_end - i);
                if (j == j_begin && i + TILE_ROWS < i_end) /* A's rows come from far away the first time */
                    next = look_ahead(from.from + (size_t)(i + TILE_ROWS) * pixels, pixels, TILE_COLUMNS, 3, count,
                                      count / 4);
                expect_rows(parts_out + (size_t)i * columns + j, columns, height);
                multiply_tile(&from, i, height, 0, count, panel, width, tile, &next);
                store_rows(tile, width, height, parts_out, (size_t)i * columns + j, columns, p > p_begin, false, &tail,
                           0);
            }
        }
    }
}

/* dw (groups, filters, channels) = the sum of the parts, in order: (parts, groups, filters, channels), or turned round
 * (parts, groups, channels, filters). Work-item (16 of a row of the parts, row, group). */
__kernel void add_filters(const __global float *restrict parts, __global float *restrict dw, int rows, int columns,
                          int groups, int part_count, int turned) {
    const int j = (int)get_global_id(0) * 16, i = (int)get_global_id(1), group = (int)get_global_id(2);
    if (j >= columns || i >= rows) return;
    const size_t size = (size_t)groups * rows * columns;
    const int width = min(16, columns - j);
    parts += ((size_t)group * rows + i) * columns + j;
    dw += (size_t)group * rows * columns;
    float sum[16];
    for (int l = 0; l < width; l++) sum[l] = parts[l];
    for (int p = 1; p < part_count; p++) {
        parts += size;
        for (int l = 0; l < width; l++) sum[l] += parts[l];
    }
    for (int l = 0; l < width; l++) dw[turned ? (size_t)(j + l) * rows + i : (size_t)i * columns + j + l] = sum[l];
}

/* ---- strides ---- */

/* to (planes, out_height, out_width): every stride-th pixel of from (planes, height, width). Work-item (plane). */
__kernel void gather(const __global float *restrict from, __global float *restrict to, int plane_count, int height,
                     int width, int out_height, int out_width, int stride_y, int stride_x) {
    const int plane = (int)get_global_id(0);
    if (plane >= plane_count) return;
    from += (size_t)plane * height * width;
    to += (size_t)plane * out_height * out_width;
    for (int p = 0; p < out_height; p++, from += (size_t)stride_y * width, to += out_width) {
        int q = 0;
        if (stride_x == 2)
            for (; q + 16 <= out_width && 2 * q + 32 <= width; q += 16) {
                const float16 low = READ_16(from + 2 * q), high = READ_16(from + 2 * q + 16);
                GLOBAL_16(to + q) = EVEN_16(low, high);
            }
        for (; q < out_width; q++) to[q] = from[q * stride_x];
    }
}

/* Row FROM at every stride-th pixel of row Y + AT, 0 between; all 0 where the row is not HIT. */
static inline void spread_row(const __global float *restrict from, bool hit, int out_width, int stride,
                              __global float *restrict y, size_t at, int width, const tail_inputs *tail, float bias) {
    int w = 0;
    if (!hit || stride == 2)
        for (; w + 32 <= width && (!hit || w / 2 + 16 <= out_width); w += 32) {
            const float16 sum = hit ? READ_16(from + w / 2) : (float16)(0.0f), zero = 0.0f;
            GLOBAL_16(y + at + w) = tail16(tail, shuffle_low(sum, zero), (float16)(bias), at + w);
            GLOBAL_16(y + at + w + 16) = tail16(tail, shuffle_high(sum, zero), (float16)(bias), at + w + 16);
        }
    for (; w < width; w++) {
        const bool inside = hit && w % stride == 0 && w / stride < out_width;
        y[at + w] = tail1(tail, inside ? from[w / stride] : 0.0f, bias, at + w);
    }
}

/* The other way round: y (planes, height, width) gets from (planes, out_height, out_width) at every stride-th pixel, 0
 * between, and the tail. CHANNELS planes to an image. Work-item (plane). */
__kernel void spread(const __global float *restrict from, __global float *restrict y, int plane_count, int channels,
                     int height, int width, int out_height, int out_width, int stride_y, int stride_x,
                     TAIL_PARAMETERS) {
    const tail_inputs tail = TAIL_INPUTS;
    const int plane = (int)get_global_id(0);
    if (plane >= plane_count) return;
    const float bias = tail_bias_of(&tail, plane % channels);
    size_t at = (size_t)plane * height * width;
    from += (size_t)plane * out_height * out_width;
    for (int p = 0, h = 0; h < height; h++, at += width) {
        const bool hit = p < out_height && h == p * stride_y;
        spread_row(from, hit, out_width, stride_x, y, at, width, &tail, bias);
        if (hit) p++, from += out_width;
    }
}
