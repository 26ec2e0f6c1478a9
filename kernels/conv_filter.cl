/* The filter gradient of a convolution for CPU-like devices: each work-item, alone in its group, adds up
 *     dw[k][c,r,s] = sum over images and output pixels of dy[k][pixel] * x[c][pixel's place under tap (r,s)]
 * for a block of channels and filters, from image tiles (conv_tile.h) and dy transposed, so that lanes are filters. */
#include "conv_tile.h"
#include "fma.h"
#include "transpose.h"

/* The filters of a column of register tiles, and the taps of one: 8 or 5 with two vectors of filters, 16 with one. */
enum { WIDE = 32, NARROW = 16, NARROW_TAPS = 16 };

#define EACH_5(DO) DO(0) DO(1) DO(2) DO(3) DO(4)
#define EACH_8(DO) EACH_5(DO) DO(5) DO(6) DO(7)
#define EACH_16(DO) EACH_8(DO) DO(8) DO(9) DO(10) DO(11) DO(12) DO(13) DO(14) DO(15)

/* PIXELS of dy for FILTER_COUNT filters, transposed: a row of FILTER_PITCH (a multiple of 16) filters for each pixel.
 * Missing filters repeat the last. */
static inline void transpose_gradient(const __global float *restrict dy, int plane, int pixels, int filter_count,
                                      int filter_pitch, __local float *restrict panel) {
    for (int f = 0; f < filter_pitch; f += 16) {
        if (pixels < 16) {
            for (int pixel = 0; pixel < pixels; pixel++)
                for (int i = 0; i < 16; i++)
                    panel[pixel * filter_pitch + f + i] = dy[(size_t)min(f + i, filter_count - 1) * plane + pixel];
            continue;
        }
        for (int next = 0; next < pixels; next += 16) {
            const int pixel = min(next, pixels - 16);
            float16 v[16];
#define TAKE(I)                                                                                                        \
    v[I] = vload16(0, dy + (size_t)min(f + I, filter_count - 1) * plane + pixel);                                      \
    FETCH(dy + (size_t)(f + I + 16) * plane + pixel);
#define STORE(I) vstore16(v[I], 0, panel + (pixel + I) * filter_pitch + f);
            EACH_16(TAKE)
            transpose_16(v);
            EACH_16(STORE)
#undef TAKE
#undef STORE
        }
    }
}

static inline void put_16(float16 value, __global float *to, bool add) {
    vstore16(add ? value + vload16(0, to) : value, 0, to);
}

/* out[i][j] (+)= sum over pixels of tile[taps[i] + place of pixel] * panel[pixel][j], for at most as many taps as EACH
 * has and 32 (WIDE) or 16 filters. Past COUNT the last tap is repeated, its sums dropped. */
#define CORRELATE(NAME, EACH, HOW)                                                                                     \
    static inline void NAME(const __local float *restrict tile, const __local int *restrict taps, int count,           \
                            const __local float *restrict panel, int filter_pitch, const __local int *restrict places, \
                            int pixels, __global float *restrict out, int out_pitch, bool add) {                       \
        EACH(BEGIN_##HOW)                                                                                              \
        for (int pixel = 0; pixel < pixels; pixel++, panel += filter_pitch) {                                          \
            const __local float *at = tile + places[pixel];                                                            \
            FETCH_##HOW                                                                                                \
            EACH(ADD_##HOW)                                                                                            \
        }                                                                                                              \
        EACH(END_##HOW)                                                                                                \
    }
#define BEGIN_NARROW(I)                                                                                                \
    float16 low##I = 0.0f;                                                                                             \
    const size_t tap##I = taps[min(I, count - 1)];
#define FETCH_NARROW const float16 d_low = vload16(0, panel);
#define ADD_NARROW(I) low##I = FMA((float16)(at[tap##I]), d_low, low##I);
#define END_NARROW(I)                                                                                                  \
    if (I < count) put_16(low##I, out + I * (size_t)out_pitch, add);
#define BEGIN_WIDE(I) BEGIN_NARROW(I) float16 high##I = 0.0f;
#define FETCH_WIDE FETCH_NARROW const float16 d_high = vload16(1, panel);
#define ADD_WIDE(I)                                                                                                    \
    {                                                                                                                  \
        const float16 factor = (float16)(at[tap##I]);                                                                  \
        low##I = FMA(factor, d_low, low##I);                                                                           \
        high##I = FMA(factor, d_high, high##I);                                                                        \
    }
#define END_WIDE(I)                                                                                                    \
    END_NARROW(I)                                                                                                      \
    if (I < count) put_16(high##I, out + I * (size_t)out_pitch + 16, add);

CORRELATE(correlate_16_narrow, EACH_16, NARROW)
CORRELATE(correlate_8_wide, EACH_8, WIDE)
CORRELATE(correlate_5_wide, EACH_5, WIDE)

/* Work-item (channel block, filter block, group and part): part z of PARTS takes its share of the jobs, a job being
 * image_block whole images, or row_block rows of one. PARTS_OUT is (parts, groups, channels * taps, filters rounded
 * up to 16). TILE: image_block images; PANEL: pixels of a job * filters of a block, rounded up to 16; PLACES:
 * pixels of a job; filter_block is a multiple of 32 unless it covers all filters; wide_taps is 8 or 5. */
__kernel __attribute__((reqd_work_group_size(1, 1, 1))) void
filter_gradient(const __global float *restrict x, const __global float *restrict dy, __global float *restrict parts_out,
                __local float *restrict tile, __local float *restrict panel, __local int *restrict taps,
                __local int *restrict places, SHAPE_PARAMETERS, int image_block, int row_block, int channel_block,
                int filter_block, int parts, int wide_taps) {
    const shape s = SHAPE;
    const layout t = tile_layout(&s, row_block, out_width, channel_block);
    const int c = (int)get_global_id(0) * channel_block, channel_count = min(channel_block, channels - c);
    const int f = (int)get_global_id(1) * filter_block, filter_count = min(filter_block, filters - f);
    const int group = (int)get_global_id(2) % groups, part = (int)get_global_id(2) / groups;
    const int row_blocks = (out_height + row_block - 1) / row_block;
    const int jobs = (batch + image_block - 1) / image_block * row_blocks;
    const int job_begin = (int)((long)jobs * part / parts), job_end = (int)((long)jobs * (part + 1) / parts);
    const int kernel_taps = kernel_y * kernel_x, tap_count = channel_count * kernel_taps;
    const int plane = out_height * out_width;
    const int filter_pitch = (filter_count + 15) / 16 * 16, out_pitch = (filters + 15) / 16 * 16;

    parts_out += ((size_t)get_global_id(2) * channels + c) * kernel_taps * out_pitch + f;
    make_taps(&s, &t, channel_count, kernel_taps, 1, taps);
    for (int i = 0, pixel = 0; i < image_block; i++)
        for (int p = 0; p < row_block; p++)
            for (int q = 0; q < out_width; q++) places[pixel++] = i * t.image + p * t.pitch + q;
    for (int job = job_begin; job < job_end; job++) {
        const int n = job / row_blocks * image_block, images = min(image_block, batch - n);
        const int p = job % row_blocks * row_block, pixels = min(row_block, out_height - p) * out_width;
        for (int i = 0; i < images; i++) {
            load_tile(&s, &t, x + (((size_t)n + i) * groups * channels + group * channels + c) * height * width,
                      channel_count, p * stride_y - pad_y, -pad_x, tile + i * t.image);
            transpose_gradient(dy + (((size_t)n + i) * groups * filters + group * filters + f) * plane +
                                   (size_t)p * out_width,
                               plane, pixels, filter_count, filter_pitch, panel + (size_t)i * pixels * filter_pitch);
        }
        for (int j = 0; j < filter_pitch; j += WIDE) {
            const bool narrow = filter_pitch - j <= NARROW;
            const int step = narrow ? (int)NARROW_TAPS : wide_taps;
            for (int k = 0; k < tap_count; k += step) {
                __global float *out = parts_out + (size_t)k * out_pitch + j;
                const int count = min(step, tap_count - k);
                if (narrow)
                    correlate_16_narrow(tile, taps + k, count, panel + j, filter_pitch, places, images * pixels, out,
                                        out_pitch, job > job_begin);
                else if (step == 8)
                    correlate_8_wide(tile, taps + k, count, panel + j, filter_pitch, places, images * pixels, out,
                                     out_pitch, job > job_begin);
                else
                    correlate_5_wide(tile, taps + k, count, panel + j, filter_pitch, places, images * pixels, out,
                                     out_pitch, job > job_begin);
            }
        }
    }
}

/* dw (groups, filters, rows) = the sum of parts (parts, groups, rows, filters rounded up to 16), in order; rows are
 * channels * taps. Work-item (16 rows, 16 filters, group). */
__kernel void add_filter_parts(const __global float *restrict parts, __global float *restrict dw, int groups,
                               int filters, int rows, int part_count) {
    const int row = (int)get_global_id(0) * 16, f = (int)get_global_id(1) * 16, group = (int)get_global_id(2);
    if (row >= rows || f >= filters || group >= groups) return;
    const int pitch = (filters + 15) / 16 * 16, row_count = min(16, rows - row), filter_count = min(16, filters - f);
    const size_t part_size = (size_t)groups * rows * pitch;
    parts += ((size_t)group * rows + row) * pitch + f;
    dw += ((size_t)group * filters + f) * rows + row;
    float16 v[16];
#define SUM(I)                                                                                                         \
    {                                                                                                                  \
        const __global float *from = parts + min(I, row_count - 1) * pitch;                                            \
        v[I] = vload16(0, from);                                                                                       \
        for (int p = 1; p < part_count; p++) v[I] += vload16(0, from + p * part_size);                                 \
    }
    EACH_16(SUM)
#undef SUM
    transpose_16(v);
    if (row_count == 16 && filter_count == 16) {
#define STORE(I) vstore16(v[I], 0, dw + (size_t)I * rows);
        EACH_16(STORE)
#undef STORE
        return;
    }
    float lanes[16][16];
#define SPILL(I) vstore16(v[I], 0, lanes[I]);
    EACH_16(SPILL)
#undef SPILL
    for (int i = 0; i < filter_count; i++)
        for (int j = 0; j < row_count; j++) dw[(size_t)i * rows + j] = lanes[i][j];
}
