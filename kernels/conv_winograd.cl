/* Convolution of 3 x 3 taps with stride 1 by Winograd's F(4 x 4, 3 x 3), or of 5 x 5 (TAPS 5) by F(2 x 2, 5 x 5), for
 * CPU-like devices (winograd_tiles.h): at each of the 36 points the transformed weights times the transformed images,
 * filters x channels x tiles.
 *
 * Each work-item is alone in its group and keeps in local memory what it makes on the way from x to y. `winograd`
 * takes 32 tiles and a block of filters, with weights that `transform` has made. Where the tiles are few, making 36
 * numbers of each 9 weights only to read them once costs more than the products: there `winograd_few` takes all the
 * tiles of its share and transforms the weights of its few filters itself, and `transform_images` has made the other
 * side.
 *
 * In local memory, points lie a vector further apart than they need, so that they do not share cache sets. */
#include "winograd_tiles.h"

enum { CHANNEL_STEP = 16, ALL_TAPS = TAPS * TAPS };

/* ---- products ---- */

#define PUT_16(I) put16(add ? low##I + get16(sums + I * LANES) : low##I, sums + I * LANES);
#define PUT_32(I)                                                                                                      \
    PUT_16(I)                                                                                                          \
    put16(add ? high##I + get16(sums + I * LANES + 16) : high##I, sums + I * LANES + 16);

/* A panel of 8 filters at one point: its products with COUNT channels of 32 or 16 tiles to, or with ADD onto, 8 rows of
 * sums. The weights lie in memory SPACE_A, the filters of a channel together, the images in SPACE_B. */
#define MULTIPLY(NAME, SPACE_A, SPACE_B)                                                                               \
    static inline void NAME(int count, const SPACE_A float *restrict a, const SPACE_B float *restrict b, int lanes,    \
                            __local float *restrict sums, bool add) {                                                  \
        if (lanes > 16) {                                                                                              \
            EACH_ROW(START_32)                                                                                         \
            for (int s = 0; s < count; s++, a += TILE_ROWS, b += LANES) {                                              \
                const float16 b_low = vload16(0, b), b_high = vload16(1, b);                                           \
                EACH_ROW(ADD_PACKED_32)                                                                                \
            }                                                                                                          \
            EACH_ROW(PUT_32)                                                                                           \
        } else {                                                                                                       \
            EACH_ROW(START_16)                                                                                         \
            for (int s = 0; s < count; s++, a += TILE_ROWS, b += LANES) {                                              \
                const float16 b_low = vload16(0, b);                                                                   \
                EACH_ROW(ADD_PACKED_16)                                                                                \
            }                                                                                                          \
            EACH_ROW(PUT_16)                                                                                           \
        }                                                                                                              \
    }

MULTIPLY(multiply, __global, __local)
#if TAPS == 3
MULTIPLY(multiply_few, __local, __global)
#endif

/* ---- weights ---- */

/* The weights of a group: element (filter, channel, tap) is at filter * filter_step + channel * channel_step + tap, or
 * with TURNED + ALL_TAPS - 1 - tap. */
typedef struct weight_steps {
    int filters, filter_step, channel_step, turned;
} weight_steps;

/* Taps of 8 filters: tap t of channel k and filter i at t * TAP_PITCH + 8 k + i. */
enum { TAP_PITCH = CHANNEL_STEP * TILE_ROWS, TAPS_SIZE = ALL_TAPS * TAP_PITCH };

static inline void put_tap(float8 v, int tap, int k, float *restrict taps) {
    vstore8(v, 0, taps + tap * TAP_PITCH + k * TILE_ROWS);
}

#if TAPS == 3
/* CHANNEL_STEP channels whose taps follow each other. Filters past LAST repeat it. */
static inline void gather_rows(const __global float *restrict from, int filter_step, int last, float *restrict taps) {
    for (int n = 0; n < 9; n++) {
        float16 v[8];
        for (int i = 0; i < 8; i++) v[i] = vload16(n, from + (size_t)min(i, last) * filter_step);
        transpose_8(v);
        for (int i = 0; i < 8; i++) {
            const int at = 16 * n + 2 * i;
            put_tap(v[i].lo, at % 9, at / 9, taps);
            put_tap(v[i].hi, (at + 1) % 9, (at + 1) / 9, taps);
        }
    }
}

/* COUNT channels of 8 filters whose taps follow each other. */
static inline void gather_columns(const __global float *restrict from, int channel_step, int count,
                                  float *restrict taps) {
    float end[16] = { 0.0f };
    for (int k = 0; k < count; k++, from += channel_step) {
        float16 v[8];
        for (int i = 0; i < 7; i++) v[i] = vload16(0, from + i * 9);
        for (int i = 0; i < 9; i++) end[i] = from[63 + i];
        v[7] = vload16(0, end);
        transpose_8(v);
        for (int i = 0; i < 4; i++) {
            put_tap(v[i].lo, 2 * i, k, taps);
            put_tap(v[i].hi, 2 * i + 1, k, taps);
        }
        put_tap(v[4].lo, 8, k, taps);
    }
}
#endif

/* Panel PANEL of 8 filters, COUNT (at most CHANNEL_STEP) channels from C on. Past the last filter it is repeated. */
static inline void gather_taps(const __global float *restrict from, const weight_steps *w, int panel, int c, int count,
                               float *restrict taps) {
    const int first = panel * TILE_ROWS, last = min(w->filters - 1 - first, TILE_ROWS - 1);
    from += (size_t)first * w->filter_step + (size_t)c * w->channel_step;
#if TAPS == 3
    if (w->channel_step == 9 && count == CHANNEL_STEP) {
        gather_rows(from, w->filter_step, last, taps);
        return;
    }
    if (w->filter_step == 9 && last == TILE_ROWS - 1) {
        gather_columns(from, w->channel_step, count, taps);
        return;
    }
#endif
    for (int k = 0; k < count; k++, from += w->channel_step)
        for (int i = 0; i < TILE_ROWS; i++)
            for (int tap = 0; tap < ALL_TAPS; tap++)
                taps[tap * TAP_PITCH + k * TILE_ROWS + i] = from[(size_t)min(i, last) * w->filter_step + tap];
}

/* Column COLUMN of the taps of two channels, transformed. */
static inline void transform_column(const float *restrict taps, int turned, int column, float16 to[6]) {
    float16 g[TAPS];
    for (int r = 0; r < TAPS; r++) {
        const int tap = r * TAPS + column;
        g[r] = vload16(0, taps + (turned ? ALL_TAPS - 1 - tap : tap) * TAP_PITCH);
    }
    transform_weights(g, to);
}

/* What gather_taps made to the points of TO, in memory SPACE. */
#define TRANSFORM_TAPS(NAME, SPACE)                                                                                    \
    static inline void NAME(const float *restrict taps, int turned, int count, SPACE float *restrict to,               \
                            size_t point_step) {                                                                       \
        for (int k = 0; k < count; k += 2, taps += 2 * TILE_ROWS, to += 2 * TILE_ROWS) {                               \
            float16 columns[TAPS][6];                                                                                  \
            for (int s = 0; s < TAPS; s++) transform_column(taps, turned, s, columns[s]);                              \
            for (int i = 0; i < 6; i++) {                                                                              \
                float16 g[TAPS], points[6];                                                                            \
                for (int s = 0; s < TAPS; s++) g[s] = columns[s][i];                                                   \
                transform_weights(g, points);                                                                          \
                for (int j = 0; j < 6; j++)                                                                            \
                    if (k + 1 < count)                                                                                 \
                        vstore16(points[j], 0, to + (i * 6 + j) * point_step);                                         \
                    else                                                                                               \
                        vstore8(points[j].lo, 0, to + (i * 6 + j) * point_step);                                       \
            }                                                                                                          \
        }                                                                                                              \
    }

TRANSFORM_TAPS(transform_taps, __global)
#if TAPS == 3
TRANSFORM_TAPS(transform_taps_few, __local)
#endif

/* Transformed weights, in the order in which `winograd` reads them: block of filters, block of channels, point, panel
 * of 8 filters, channel, filter of the panel. Work-item (panel, CHANNEL_STEP channels, group); channel_block is a
 * multiple of CHANNEL_STEP unless it covers all channels. */
__kernel void transform(const __global float *restrict from, __global float *restrict to, int filters, int channels,
                        int filter_step, int channel_step, int turned, int filter_block, int channel_block) {
    const weight_steps w = { filters, filter_step, channel_step, turned };
    const int panels = (filters + TILE_ROWS - 1) / TILE_ROWS;
    const int panel = (int)get_global_id(0), c = (int)get_global_id(1) * CHANNEL_STEP, group = (int)get_global_id(2);
    if (panel >= panels || c >= channels) return;
    const int block_panels = filter_block / TILE_ROWS, first_panel = panel / block_panels * block_panels;
    const int panel_count = min(block_panels, panels - first_panel);
    const int first_channel = c / channel_block * channel_block, depth = min(channel_block, channels - first_channel);
    const int count = min((int)CHANNEL_STEP, channels - c);
    float taps[TAPS_SIZE];

    to += ((size_t)group * panels + first_panel) * channels * POINTS * TILE_ROWS;
    to += (size_t)first_channel * panel_count * POINTS * TILE_ROWS;
    to += ((size_t)(panel - first_panel) * depth + (c - first_channel)) * TILE_ROWS;
    for (int i = 0; i < TAPS_SIZE; i++) taps[i] = 0.0f;
    gather_taps(from + (size_t)group * filters * channels * ALL_TAPS, &w, panel, c, count, taps);
    transform_taps(taps, turned, count, to, (size_t)panel_count * depth * TILE_ROWS);
}

/* ---- many tiles ---- */

/* Work-item (block of 32 tiles, filter block, group). WEIGHTS: those of `transform`. In local memory: IMAGES 36 times
 * (channel_block * 32 + 16), SUMS 36 times (filter_block * 32 + 16), ROWS 6 * ROW_PITCH, ENDS 12 * 32. filter_block
 * is a multiple of 8. */
__kernel __attribute__((reqd_work_group_size(1, 1, 1))) void
winograd(const __global float *restrict x, const __global float *restrict weights, __global float *restrict y,
         __local float16 *restrict images_memory, __local float16 *restrict sums_memory,
         __local float16 *restrict rows_memory, __local float16 *restrict ends_memory, SIZE_PARAMETERS,
         int channel_block, int filter_block, TAIL_PARAMETERS) {
    __local float *images = (__local float *)images_memory, *sums = (__local float *)sums_memory;
    __local float *rows = (__local float *)rows_memory, *ends = (__local float *)ends_memory;
    const tail_inputs tail = TAIL_INPUTS;
    const int tile_rows = (out_height + STEP - 1) / STEP, tile_columns = (out_width + STEP - 1) / STEP;
    const int first = (int)get_global_id(0) * LANES, lanes = min((int)LANES, batch * tile_rows * tile_columns - first);
    const int first_filter = (int)get_global_id(1) * filter_block, group = (int)get_global_id(2);
    const int panels = (filters + TILE_ROWS - 1) / TILE_ROWS;
    const int panel_count = min(filter_block / TILE_ROWS, panels - first_filter / TILE_ROWS);
    const int image_step = channel_block * LANES + 16, sum_step = filter_block * LANES + 16;
    const size_t plane = (size_t)height * width;
    const planes from = { (size_t)groups * channels * plane, height, width, pad_y, pad_x, 6 };
    runs r;
    pieces p;

    find_runs(&r, first, lanes, tile_rows, tile_columns);
    find_pieces(&p, &r, &from, rows, ends);
    x += (size_t)group * channels * plane;
    weights += ((size_t)group * panels + first_filter / TILE_ROWS) * channels * POINTS * TILE_ROWS;
    for (int c = 0; c < channels; c += channel_block) {
        const int count = min(channel_block, channels - c);
        for (int i = 0; i < count; i++)
            transform_channel(&p, x + (c + i) * plane, plane, rows, ends, lanes, images + i * LANES, image_step);
        for (int k = 0; k < POINTS; k++)
            for (int m = 0; m < panel_count; m++, weights += (size_t)count * TILE_ROWS)
                multiply(count, weights, images + k * image_step, lanes, sums + k * sum_step + m * TILE_ROWS * LANES,
                         c > 0);
    }
    for (int f = 0; f < min(filter_block, filters - first_filter); f++)
        put_filter(&r, sums + f * LANES, sum_step, lanes, rows, out_height, out_width, groups * filters,
                   group * filters + first_filter + f, y, &tail);
}

#if TAPS == 3
/* ---- few tiles ---- */

/* Transformed images, in the order in which `winograd_few` reads them: block of 32 tiles, block of channels, point,
 * channel, tile. Work-item (block of tiles, CHANNEL_STEP channels, group). In local memory: POINTS_OF 36 * 32, ROWS
 * 6 * ROW_PITCH, ENDS 12 * 32. */
__kernel __attribute__((reqd_work_group_size(1, 1, 1))) void
transform_images(const __global float *restrict x, __global float *restrict images,
                 __local float16 *restrict points_memory, __local float16 *restrict rows_memory,
                 __local float16 *restrict ends_memory, SIZE_PARAMETERS, int channel_block) {
    __local float *points_of = (__local float *)points_memory, *rows = (__local float *)rows_memory;
    __local float *ends = (__local float *)ends_memory;
    const int tile_rows = (out_height + STEP - 1) / STEP, tile_columns = (out_width + STEP - 1) / STEP;
    const int block = (int)get_global_id(0), group = (int)get_global_id(2), blocks = (int)get_global_size(0);
    const int first = block * LANES, lanes = min((int)LANES, batch * tile_rows * tile_columns - first);
    const int begin = (int)get_global_id(1) * CHANNEL_STEP, end = min(channels, begin + CHANNEL_STEP);
    const int first_channel = begin / channel_block * channel_block;
    const int depth = min(channel_block, channels - first_channel);
    const size_t plane = (size_t)height * width;
    const planes from = { (size_t)groups * channels * plane, height, width, pad_y, pad_x, 6 };
    runs r;
    pieces p;

    find_runs(&r, first, lanes, tile_rows, tile_columns);
    find_pieces(&p, &r, &from, rows, ends);
    x += (size_t)group * channels * plane;
    images += (((size_t)group * blocks + block) * channels + first_channel) * POINTS * LANES;
    for (int c = begin; c < end; c++) {
        __global float *to = images + (c - first_channel) * LANES;
        transform_channel(&p, x + c * plane, plane, rows, ends, lanes, points_of, LANES);
        for (int k = 0; k < POINTS; k++, to += (size_t)depth * LANES)
            for (int lane = 0; lane < lanes; lane += 16)
                vstore16(vload16(0, points_of + k * LANES + lane), 0, to + lane);
    }
}

/* Work-item (share of tile_blocks blocks of 32 tiles, filter block, group). IMAGES: those of `transform_images`. In
 * local memory: POINTS_OF 36 times (filter_block * channel_block + 16), SUMS tile_blocks * 36 times (filter_block *
 * 32 + 16), ROWS 4 * ROW_PITCH. filter_block is a multiple of 8. */
__kernel __attribute__((reqd_work_group_size(1, 1, 1))) void
winograd_few(const __global float *restrict images, const __global float *restrict weights, __global float *restrict y,
             __local float16 *restrict points_memory, __local float16 *restrict sums_memory,
             __local float16 *restrict rows_memory, SIZE_PARAMETERS, int filter_step, int channel_step, int turned,
             int channel_block, int filter_block, int tile_blocks, TAIL_PARAMETERS) {
    __local float *points_of = (__local float *)points_memory, *sums = (__local float *)sums_memory;
    __local float *rows = (__local float *)rows_memory;
    const tail_inputs tail = TAIL_INPUTS;
    const weight_steps w = { filters, filter_step, channel_step, turned };
    const int tile_rows = (out_height + STEP - 1) / STEP, tile_columns = (out_width + STEP - 1) / STEP;
    const int tiles = batch * tile_rows * tile_columns, blocks = (tiles + LANES - 1) / LANES;
    const int first_block = (int)get_global_id(0) * tile_blocks, last_block = min(blocks, first_block + tile_blocks);
    const int first_filter = (int)get_global_id(1) * filter_block, group = (int)get_global_id(2);
    const int panels = (min(filter_block, filters - first_filter) + TILE_ROWS - 1) / TILE_ROWS;
    const int weight_step = filter_block * channel_block + 16, sum_step = filter_block * LANES + 16;
    float taps[TAPS_SIZE];

    weights += (size_t)group * filters * channels * 9;
    images += (size_t)group * blocks * channels * POINTS * LANES;
    for (int i = 0; i < TAPS_SIZE; i++) taps[i] = 0.0f;
    for (int c = 0; c < channels; c += channel_block) {
        const int count = min(channel_block, channels - c);
        for (int m = 0; m < panels; m++)
            for (int i = 0; i < count; i += CHANNEL_STEP) {
                gather_taps(weights, &w, first_filter / TILE_ROWS + m, c + i, min((int)CHANNEL_STEP, count - i), taps);
                transform_taps_few(taps, turned, min((int)CHANNEL_STEP, count - i),
                                   points_of + (m * channel_block + i) * TILE_ROWS, weight_step);
            }
        for (int b = first_block; b < last_block; b++) {
            const __global float *from = images + ((size_t)b * channels + c) * POINTS * LANES;
            const int lanes = min((int)LANES, tiles - b * LANES);
            for (int k = 0; k < POINTS; k++, from += count * LANES) {
                for (int m = 0; m < panels; m++)
                    multiply_few(count, points_of + k * weight_step + m * channel_block * TILE_ROWS, from, lanes,
                                 sums + ((b - first_block) * POINTS + k) * sum_step + m * TILE_ROWS * LANES, c > 0);
            }
        }
    }
    for (int b = first_block; b < last_block; b++) {
        const int lanes = min((int)LANES, tiles - b * LANES);
        runs r;
        find_runs(&r, b * LANES, lanes, tile_rows, tile_columns);
        for (int f = 0; f < min(filter_block, filters - first_filter); f++)
            put_filter(&r, sums + (b - first_block) * POINTS * sum_step + f * LANES, sum_step, lanes, rows, out_height,
                       out_width, groups * filters, group * filters + first_filter + f, y, &tail);
    }
}
#endif
