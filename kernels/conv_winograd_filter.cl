/* The filter gradient of a convolution of 3 x 3 taps with stride 1 by Winograd's method, for CPU-like devices: the
 * transposed algorithm of winograd_tiles.h, dw = G' [(A dy A') . (B' x B)] G summed over the tiles of 4 x 4, so that
 * at each of the 36 points dy's numbers, filters x tiles, multiply x's, tiles x channels.
 *
 * Each work-item is alone in its group and takes a part of the blocks of 32 tiles for a block of filters and a block
 * of channels. Channels go by 16: for each tile the 16 numbers of a point lie together. */
#include "winograd_tiles.h"

enum { VECTOR = 16, VECTOR_TILES = VECTOR * LANES };

/* Column by column A' of transform_output. */
static inline void transform_gradient(float16 y0, float16 y1, float16 y2, float16 y3, float16 to[6]) {
    const float16 even1 = FMA((float16)(0.5f), y2, y0), odd1 = FMA((float16)(0.5f), y3, y1);
    const float16 even2 = FMA((float16)(2.0f), y2, y0), odd2 = FMA((float16)(2.0f), y3, y1);
    to[0] = y0;
    to[1] = FMA((float16)(0.5f * ROOT), odd1, even1);
    to[2] = FMA((float16)(-0.5f * ROOT), odd1, even1);
    to[3] = FMA((float16)(ROOT), odd2, even2);
    to[4] = FMA((float16)(-ROOT), odd2, even2);
    to[5] = y3;
}

/* Column by column G of transform_weights. */
static inline void transform_taps(float16 u0, float16 u1, float16 u2, float16 u3, float16 u4, float16 u5,
                                  float16 to[3]) {
    const float16 sum1 = u1 + u2, difference1 = u2 - u1, sum2 = u3 + u4, difference2 = u3 - u4;
    to[0] = FMA((float16)(-2.0f / 3.0f), sum1, FMA((float16)(1.0f / 6.0f), sum2, u0));
    to[1] = FMA((float16)(ROOT / 3.0f), difference1, (float16)(ROOT / 6.0f) * difference2);
    to[2] = FMA((float16)(1.0f / 3.0f), sum2 - sum1, u5);
}

/* 16 tiles of one filter, four rows of 64 pixels: point k goes to TO + k * point_step. */
static inline void transform_gradient_tiles(const __local float *restrict rows, __local float *restrict to,
                                            int point_step) {
    float16 pixels[4][6]; /* transformed down the columns */
    for (int q = 0; q < 4; q++) {
        const __local float *at = rows + 16 * q;
        transform_gradient(vload16(0, at), vload16(0, at + ROW_PITCH), vload16(0, at + 2 * ROW_PITCH),
                           vload16(0, at + 3 * ROW_PITCH), pixels[q]);
    }
    for (int i = 0; i < 6; i++) {
        const float16 even0 = evens(pixels[0][i], pixels[1][i]), even1 = evens(pixels[2][i], pixels[3][i]);
        const float16 odd0 = odds(pixels[0][i], pixels[1][i]), odd1 = odds(pixels[2][i], pixels[3][i]);
        float16 points[6];
        transform_gradient(evens(even0, even1), evens(odd0, odd1), odds(even0, even1), odds(odd0, odd1), points);
        for (int j = 0; j < 6; j++) put16(points[j], to + (i * 6 + j) * point_step);
    }
}

/* Zeros in the channels up to the next 16: their sums are stored beside the others', though nothing reads them. */
static inline void clear_end(__local float *restrict images, int image_step, int channels) {
    for (int k = 0; k < POINTS; k++)
        for (int c = channels; c % VECTOR != 0; c++) {
            __local float *to = images + k * image_step + c / VECTOR * VECTOR_TILES + c % VECTOR * VECTOR;
            for (int lane = 0; lane < LANES; lane += VECTOR) put16((float16)(0.0f), to + lane * VECTOR);
        }
}

/* COUNT channels of x to IMAGES: point, 16 channels, tile, channel. */
static inline void load_images(const pieces *p, const __global float *restrict x, size_t plane, int count, int lanes,
                               __local float *restrict rows, __local float *restrict ends,
                               __local float *restrict images, int point_step) {
    for (int c = 0; c < count; c++) {
        __local float *to = images + c / VECTOR * VECTOR_TILES + c % VECTOR * VECTOR;
        copy_pieces(p, x + c * plane, plane, rows, ends);
        for (int lane = 0; lane < lanes; lane += VECTOR)
            transform_tiles(rows + 4 * lane, ends + lane, vload16(0, p->last + lane), to + lane * VECTOR, point_step);
    }
    for (int k = 0; k < POINTS; k++)
        for (int c = 0; c < count; c += VECTOR)
            for (int lane = 0; lane < lanes; lane += VECTOR) {
                __local float *square = images + k * point_step + c * LANES + lane * VECTOR;
                float16 v[16];
                for (int i = 0; i < 16; i++) v[i] = get16(square + i * VECTOR);
                transpose_16(v);
                for (int i = 0; i < 16; i++) put16(v[i], square + i * VECTOR);
            }
}

#define BEGIN_16(I) float16 low##I = add ? get16(sums + I * pitch) : (float16)(0.0f);
#define BEGIN_32(I) BEGIN_16(I) float16 high##I = add ? get16(sums + I * pitch + VECTOR) : (float16)(0.0f);
#define ADD_TILE_16(I) ADD_16(I, a[I * LANES])
#define ADD_TILE_32(I) ADD_32(I, a[I * LANES])
#define PUT_16(I) put16(low##I, sums + I * pitch);
#define PUT_32(I) PUT_16(I) put16(high##I, sums + I * pitch + VECTOR);

/* Products of 8 filters with 32 or 16 channels at one point, over the tiles, to, or with ADD onto, 8 rows of sums. */
static inline void multiply_32_channels(int tiles, const __local float *restrict a, const __local float *restrict b,
                                        __local float *restrict sums, int pitch, bool add) {
    EACH_ROW(BEGIN_32)
    for (int s = 0; s < tiles; s++, a++, b += VECTOR) {
        const float16 b_low = get16(b), b_high = get16(b + VECTOR_TILES);
        EACH_ROW(ADD_TILE_32)
    }
    EACH_ROW(PUT_32)
}

static inline void multiply_16_channels(int tiles, const __local float *restrict a, const __local float *restrict b,
                                        __local float *restrict sums, int pitch, bool add) {
    EACH_ROW(BEGIN_16)
    for (int s = 0; s < tiles; s++, a++, b += VECTOR) {
        const float16 b_low = get16(b);
        EACH_ROW(ADD_TILE_16)
    }
    EACH_ROW(PUT_16)
}

/* 16 channels of one filter: their sums at point k, from FROM + k * point_step, become 9 taps, PITCH apart. */
static inline void put_taps(const __local float *restrict from, int point_step, __global float *restrict to,
                            int pitch) {
    float16 columns[6][3];
    for (int j = 0; j < 6; j++) {
        const __local float *at = from + j * point_step;
        transform_taps(get16(at), get16(at + 6 * point_step), get16(at + 12 * point_step), get16(at + 18 * point_step),
                       get16(at + 24 * point_step), get16(at + 30 * point_step), columns[j]);
    }
    for (int i = 0; i < 3; i++) {
        float16 taps[3];
        transform_taps(columns[0][i], columns[1][i], columns[2][i], columns[3][i], columns[4][i], columns[5][i], taps);
        for (int j = 0; j < 3; j++) vstore16(taps[j], 0, to + (size_t)(i * 3 + j) * pitch);
    }
}

/* Work-item (channel block, filter block, group and part): part z of PARTS takes its share of the blocks of 32 tiles.
 * PARTS_OUT is (parts, groups, filters, 9, channels rounded up to 16). In local memory: IMAGES 36 times
 * (channel_block * 32 + 16), GRADIENTS 36 times (filter_block * 32 + 16), SUMS 36 times (filter_block * channel_block
 * + 16), ROWS 6 * ROW_PITCH, ENDS 12 * 32. channel_block is a multiple of 16, filter_block of 8. */
__kernel __attribute__((reqd_work_group_size(1, 1, 1))) void
winograd_filter(const __global float *restrict x, const __global float *restrict dy, __global float *restrict parts_out,
                __local float16 *restrict images_memory, __local float16 *restrict gradients_memory,
                __local float16 *restrict sums_memory, __local float16 *restrict rows_memory,
                __local float16 *restrict ends_memory, SIZE_PARAMETERS, int channel_block, int filter_block,
                int parts) {
    __local float *images = (__local float *)images_memory, *gradients = (__local float *)gradients_memory;
    __local float *sums = (__local float *)sums_memory, *rows = (__local float *)rows_memory;
    __local float *ends = (__local float *)ends_memory;
    const int tile_rows = (out_height + 3) / 4, tile_columns = (out_width + 3) / 4;
    const int tiles = batch * tile_rows * tile_columns, blocks = (tiles + LANES - 1) / LANES;
    const int c = (int)get_global_id(0) * channel_block, channel_count = min(channel_block, channels - c);
    const int f = (int)get_global_id(1) * filter_block, filter_count = min(filter_block, filters - f);
    const int group = (int)get_global_id(2) % groups, part = (int)get_global_id(2) / groups;
    const int begin = (int)((long)blocks * part / parts), end = (int)((long)blocks * (part + 1) / parts);
    const int image_step = channel_block * LANES + 16, gradient_step = filter_block * LANES + 16;
    const int sum_step = filter_block * channel_block + 16, out_pitch = (channels + VECTOR - 1) / VECTOR * VECTOR;
    const size_t plane = (size_t)height * width, out_plane = (size_t)out_height * out_width;
    const planes from_x = { (size_t)groups * channels * plane, height, width, pad_y, pad_x, 6 };
    const planes from_dy = { (size_t)groups * filters * out_plane, out_height, out_width, 0, 0, 4 };

    x += ((size_t)group * channels + c) * plane;
    dy += ((size_t)group * filters + f) * out_plane;
    clear_end(images, image_step, channel_count);
    for (int b = begin; b < end; b++) {
        const int lanes = min((int)LANES, tiles - b * LANES);
        runs r;
        pieces p;
        find_runs(&r, b * LANES, lanes, tile_rows, tile_columns);
        find_pieces(&p, &r, &from_x, rows, ends);
        load_images(&p, x, plane, channel_count, lanes, rows, ends, images, image_step);
        find_pieces(&p, &r, &from_dy, rows, ends);
        for (int i = 0; i < filter_count; i++) {
            copy_pieces(&p, dy + i * out_plane, out_plane, rows, ends);
            for (int lane = 0; lane < lanes; lane += VECTOR)
                transform_gradient_tiles(rows + 4 * lane, gradients + i * LANES + lane, gradient_step);
        }
        for (int k = 0; k < POINTS; k++)
            for (int j = 0; j < channel_count; j += 2 * VECTOR)
                for (int m = 0; m < filter_count; m += TILE_ROWS) {
                    const __local float *left = gradients + k * gradient_step + m * LANES;
                    const __local float *right = images + k * image_step + j * LANES;
                    __local float *to = sums + k * sum_step + m * channel_block + j;
                    if (channel_count - j > VECTOR)
                        multiply_32_channels(lanes, left, right, to, channel_block, b > begin);
                    else
                        multiply_16_channels(lanes, left, right, to, channel_block, b > begin);
                }
    }
    parts_out += (((size_t)part * groups + group) * filters + f) * 9 * out_pitch + c;
    for (int i = 0; i < filter_count; i++)
        for (int j = 0; j < channel_count; j += VECTOR)
            put_taps(sums + i * channel_block + j, sum_step, parts_out + (size_t)i * 9 * out_pitch + j, out_pitch);
}

/* dw (filters, channels, 9) = the sum of the parts, in order; FILTERS are those of all groups. Work-item (16 channels,
 * filter). */
__kernel void add_parts(const __global float *restrict parts_in, __global float *restrict dw, int filters, int channels,
                        int parts) {
    const int c = (int)get_global_id(0) * VECTOR, f = (int)get_global_id(1);
    if (c >= channels || f >= filters) return;
    const int pitch = (channels + VECTOR - 1) / VECTOR * VECTOR, count = min((int)VECTOR, channels - c);
    const size_t part_step = (size_t)filters * 9 * pitch;
    float lanes[9][VECTOR];
    parts_in += (size_t)f * 9 * pitch + c;
    dw += ((size_t)f * channels + c) * 9;
    for (int tap = 0; tap < 9; tap++) {
        float16 sum = vload16(0, parts_in + tap * pitch);
        for (int p = 1; p < parts; p++) sum += vload16(0, parts_in + p * part_step + tap * pitch);
        vstore16(sum, 0, lanes[tap]);
    }
    for (int i = 0; i < count; i++)
        for (int tap = 0; tap < 9; tap++) dw[i * 9 + tap] = lanes[tap][i];
}
