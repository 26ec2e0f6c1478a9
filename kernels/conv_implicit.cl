/* Convolution and its two gradients for GPU-like devices as matrix products whose one matrix is gathered from the image
 * while it is multiplied (implicit GEMM), by register-blocked tiles (tile.h). Channels and filters are those of one
 * group.
 *   forward          filters x (image, p, q), over channel and taps
 *   data_gradient    channels x (image, pixels of dx), over filter and taps: the pixels of dx that a stride sets apart
 *                    meet different taps, so each phase (h % stride, w % stride) is a product of its own, with those
 *   filter_gradient  filters x (channel and taps), over a part of the pixels (image, p, q) */
#include "tail.h"
#include "tile.h"

#define SHAPE_PARAMETERS                                                                                               \
    int batch, int groups, int channels, int filters, int height, int width, int out_height, int out_width,            \
        int kernel_y, int kernel_x, int stride_y, int stride_x, int pad_y, int pad_x, int dilation_y, int dilation_x

enum {
    SPLIT = ITEMS / TILE_N, /* work-items that gather for one column of B */
    OUTSIDE = -(1 << 29),   /* a row that no image has */
};

/* A place in a nest of three counters, of which FIRST is unbounded: the steps of a product. */
typedef struct place {
    int first, second, third;
} place;

static inline place place_at(int step, int seconds, int thirds) {
    const place p = { step / (seconds * thirds), step / thirds % seconds, step % thirds };
    return p;
}

static inline place advanced(place p, place by, int seconds, int thirds) {
    p.third += by.third;
    if (p.third >= thirds) p.third -= thirds, p.second++;
    p.second += by.second;
    if (p.second >= seconds) p.second -= seconds, p.first++;
    p.first += by.first;
    return p;
}

/* How forward and data_gradient are one product. Result pixel (p, q) of COUNT_Y x COUNT_X meets at step (source
 * plane, r, s) the source's (origin_y + p * step_y + r * tap_y, ...) and the weight at first + source *
 * source_weights + r * row_weights + s * column_weights; it lies at (place_y + p * apart_y, ...) of the result's
 * plane. */
typedef struct product {
    int sources, height, width, taps_y, taps_x, tap_y, tap_x, origin_y, origin_x, step_y, step_x;
    int lines, first, line_weights, source_weights, row_weights, column_weights;
    int count_y, count_x, place_y, place_x, apart_y, apart_x, result_height, result_width;
} product;

/* The gathering work-item's column of B: whose source begins at FROM, and whose taps begin at (top, left). */
typedef struct gatherer {
    const __global float *from;
    int top, left;
} gatherer;

static inline gatherer gatherer_of(const __global float *source, const product *p, int column, int batch, int groups) {
    const int pixels = p->count_y * p->count_x, image = column / pixels, pixel = column % pixels;
    const bool inside = image < batch;
    const gatherer g = { source + (inside ? (size_t)image * groups * p->sources * p->height * p->width : 0),
                         inside ? p->origin_y + pixel / p->count_x * p->step_y : OUTSIDE,
                         p->origin_x + pixel % p->count_x * p->step_x };
    return g;
}

/* The next tile's share. Every load is made, if need be of the image's first pixel: loads without branches overlap. The
 * same holds for those below. */
INLINE void gather(const gatherer *g, const product *p, place *at, place jump, float *to) {
    const place one = { 0, 0, 1 };
    UNROLL
    for (int j = 0; j < B_PIECES; j++) {
        const int h = g->top + at->second * p->tap_y, w = g->left + at->third * p->tap_x;
        const bool inside = at->first < p->sources && h >= 0 && h < p->height && w >= 0 && w < p->width;
        const float value = g->from[inside ? (at->first * p->height + h) * p->width + w : 0];
        to[j] = inside ? value : 0.0f;
        *at = advanced(*at, one, p->taps_y, p->taps_x);
    }
    *at = advanced(*at, jump, p->taps_y, p->taps_x);
}

/* Lines item / DEPTH, + ITEMS / DEPTH and so on of A at step *AT; LINES are left from WEIGHTS on. */
INLINE void fetch_weights(const __global float *weights, const product *p, int lines, int line, place *at, place jump,
                          float *to) {
    const int offset =
        p->first + at->first * p->source_weights + at->second * p->row_weights + at->third * p->column_weights;
    UNROLL
    for (int j = 0; j < A_PIECES; j++, line += ITEMS / DEPTH) {
        const bool inside = at->first < p->sources && line < lines;
        const float value = weights[inside ? offset + line * p->line_weights : 0];
        to[j] = inside ? value : 0.0f;
    }
    *at = advanced(*at, jump, p->taps_y, p->taps_x);
}

INLINE void put(const float *from, int pieces, int jump, __local float *to) {
    UNROLL
    for (int j = 0; j < pieces; j++) to[j * jump] = from[j];
}

/* The sums of the tile at (line, column) into RESULT (batch, groups, lines, plane), of group GROUP. */
INLINE void store_planes(const tail_inputs *tail, float4 sum[ROWS][COLUMN_QUADS], const product *p,
                         __global float *result, int batch, int groups, int group, int line, int column, int x, int y) {
    const int pixels = p->count_y * p->count_x;
    const size_t plane = (size_t)p->result_height * p->result_width;
    float lanes[ROWS][4 * COLUMN_QUADS];
    UNROLL
    for (int i = 0; i < ROWS; i++) {
        UNROLL
        for (int q = 0; q < COLUMN_QUADS; q++) vstore4(sum[i][q], q, lanes[i]);
    }
    UNROLL
    for (int j = 0; j < 4 * COLUMN_QUADS; j++) {
        const int here = column + COLUMN_OF(x, j / 4) + j % 4, image = here / pixels, pixel = here % pixels;
        if (image >= batch) continue;
        const int row = p->place_y + pixel / p->count_x * p->apart_y;
        const int beside = p->place_x + pixel % p->count_x * p->apart_x;
        const int first = group * p->lines;
        const size_t at = ((size_t)image * groups * p->lines + first) * plane + (size_t)row * p->result_width + beside;
        UNROLL
        for (int i = 0; i < ROWS; i++) {
            const int to = line + ROW_OF(y, i);
            if (to >= p->lines) continue;
            const size_t place = at + (size_t)to * plane;
            result[place] = tail1(tail, lanes[i][j], tail_bias_of(tail, first + to), place);
        }
    }
}

INLINE void planes(const tail_inputs *tail, const __global float *source, const __global float *weights,
                   __global float *result, const product *p, int batch, int groups, int group,
                   __local float4 *a_tiles, __local float4 *b_tiles) {
    const int item = (int)get_local_id(0), x = item % ITEMS_X, y = item / ITEMS_X;
    const int column = (int)get_group_id(0) * TILE_N, line = (int)get_group_id(1) * TILE_M;
    if (column >= batch * p->count_y * p->count_x) return;
    const int taps = p->taps_y * p->taps_x, depth = p->sources * taps;
    float4 sum[ROWS][COLUMN_QUADS];
    clear_sums(sum);
    if (depth > 0) {
        const int a_line = item / DEPTH, a_step = item % DEPTH;
        const int b_line = item % TILE_N, b_step = item / TILE_N * B_PIECES;
        const gatherer g = gatherer_of(source + (size_t)group * p->sources * p->height * p->width, p, column + b_line,
                                       batch, groups);
        const place a_jump = place_at(DEPTH, p->taps_y, p->taps_x);
        const place b_jump = place_at(DEPTH - B_PIECES, p->taps_y, p->taps_x);
        place a_at = place_at(a_step, p->taps_y, p->taps_x), b_at = place_at(b_step, p->taps_y, p->taps_x);
        float a_pieces[A_PIECES], b_pieces[B_PIECES];
        weights += (size_t)line * p->line_weights;
        fetch_weights(weights, p, p->lines - line, a_line, &a_at, a_jump, a_pieces);
        gather(&g, p, &b_at, b_jump, b_pieces);
        for (int k = 0, tile = 0; k < depth; k += DEPTH, tile ^= 1) {
            put(a_pieces, A_PIECES, ITEMS / DEPTH,
                (__local float *)(a_tiles + tile * A_TILE) + a_step * PITCH_M + a_line);
            put(b_pieces, B_PIECES, PITCH_N, (__local float *)(b_tiles + tile * B_TILE) + b_step * PITCH_N + b_line);
            barrier(CLK_LOCAL_MEM_FENCE);
            if (k + DEPTH < depth) {
                fetch_weights(weights, p, p->lines - line, a_line, &a_at, a_jump, a_pieces);
                gather(&g, p, &b_at, b_jump, b_pieces);
            }
            multiply_tiles(a_tiles + tile * A_TILE, b_tiles + tile * B_TILE, x, y, sum);
        }
    }
    store_planes(tail, sum, p, result, batch, groups, group, line, column, x, y);
}

/* Group (column tile, filter tile, group). */
__kernel GROUP_OF_ITEMS void forward(const __global float *restrict x, const __global float *restrict weights,
                                     __global float *restrict y, SHAPE_PARAMETERS, TAIL_PARAMETERS) {
    __local float4 a_tiles[2 * A_TILE], b_tiles[2 * B_TILE];
    const tail_inputs tail = TAIL_INPUTS;
    const int group = (int)get_group_id(2), taps = kernel_y * kernel_x;
    const product p = {
        .sources = channels, .height = height, .width = width, .taps_y = kernel_y, .taps_x = kernel_x,
        .tap_y = dilation_y, .tap_x = dilation_x, .origin_y = -pad_y, .origin_x = -pad_x, .step_y = stride_y,
        .step_x = stride_x, .lines = filters, .first = 0, .line_weights = channels * taps, .source_weights = taps,
        .row_weights = kernel_x, .column_weights = 1, .count_y = out_height, .count_x = out_width, .place_y = 0,
        .place_x = 0, .apart_y = 1, .apart_x = 1, .result_height = out_height, .result_width = out_width,
    };
    weights += (size_t)group * filters * channels * taps;
    planes(&tail, x, weights, y, &p, batch, groups, group, a_tiles, b_tiles);
}

/* One axis of a phase of dx: the taps first, first + apart, ... (COUNT of them) reach it; its first element takes
 * at the first of them dy's ORIGIN. */
typedef struct axis {
    int first, count, origin;
} axis;

static inline axis axis_of(int phase, int kernel_size, int stride, int pad, int dilation, int apart) {
    int first = 0;
    while (first < apart && (phase + pad - first * dilation) % stride != 0) first++;
    const bool reached = first < apart && first < kernel_size;
    const axis a = { first, reached ? (kernel_size - first + apart - 1) / apart : 0,
                     reached ? (phase + pad - first * dilation) / stride : 0 };
    return a;
}

/* Group (column tile, channel tile, group and phase). Of a phase's taps each is APART from the next:
 * stride / greatest common divisor of stride and dilation. */
__kernel GROUP_OF_ITEMS void data_gradient(const __global float *restrict dy, const __global float *restrict weights,
                                           __global float *restrict dx, SHAPE_PARAMETERS, int apart_y, int apart_x,
                                           TAIL_PARAMETERS) {
    __local float4 a_tiles[2 * A_TILE], b_tiles[2 * B_TILE];
    const tail_inputs tail = TAIL_INPUTS;
    const int group = (int)get_group_id(2) % groups, phase = (int)get_group_id(2) / groups, taps = kernel_y * kernel_x;
    const int phase_y = phase / stride_x, phase_x = phase % stride_x;
    if (phase_y >= height || phase_x >= width) return;
    const axis down = axis_of(phase_y, kernel_y, stride_y, pad_y, dilation_y, apart_y);
    const axis across = axis_of(phase_x, kernel_x, stride_x, pad_x, dilation_x, apart_x);
    const product p = {
        .sources = filters, .height = out_height, .width = out_width, .taps_y = down.count, .taps_x = across.count,
        .tap_y = -(dilation_y * apart_y / stride_y), .tap_x = -(dilation_x * apart_x / stride_x),
        .origin_y = down.origin, .origin_x = across.origin, .step_y = 1, .step_x = 1, .lines = channels,
        .first = down.first * kernel_x + across.first, .line_weights = taps, .source_weights = channels * taps,
        .row_weights = apart_y * kernel_x, .column_weights = apart_x,
        .count_y = (height - phase_y + stride_y - 1) / stride_y, .count_x = (width - phase_x + stride_x - 1) / stride_x,
        .place_y = phase_y, .place_x = phase_x, .apart_y = stride_y, .apart_x = stride_x, .result_height = height,
        .result_width = width,
    };
    weights += (size_t)group * filters * channels * taps;
    planes(&tail, dy, weights, dx, &p, batch, groups, group, a_tiles, b_tiles);
}

/* ---- the filter gradient ---- */

/* The columns' channels and taps: where each lies from the image's first channel and the window's corner, and how far
 * down and across it is. */
typedef struct window {
    __local int *offset, *down, *across;
} window;

INLINE void fill_window(const window *w, int item, int column, int columns, int height, int width, int kernel_y,
                        int kernel_x, int dilation_y, int dilation_x) {
    for (int i = item; i < TILE_N; i += ITEMS) {
        const place at = place_at(column + i, kernel_y, kernel_x);
        const int down = at.second * dilation_y, across = at.third * dilation_x;
        w->offset[i] = (at.first * height + down) * width + across;
        w->down[i] = column + i < columns ? down : OUTSIDE;
        w->across[i] = across;
    }
}

/* Where one output pixel's share of dy and its image in x begin, and its window's corner in the image. */
typedef struct spot {
    const __global float *dy, *x;
    int top, left, corner;
} spot;

INLINE void fetch_filter(const spot *at, bool inside, int filters, int pixels, int line, float *to) {
    UNROLL
    for (int j = 0; j < A_PIECES; j++, line += ITEMS / DEPTH) {
        const bool reads = inside && line < filters;
        const float value = at->dy[reads ? line * pixels : 0];
        to[j] = reads ? value : 0.0f;
    }
}

INLINE void gather_window(const spot *at, bool inside, const window *w, int height, int width, int line, float *to) {
    UNROLL
    for (int j = 0; j < B_PIECES; j++, line += ITEMS / DEPTH) {
        const int h = at->top + w->down[line], v = at->left + w->across[line];
        const bool reads = inside && h >= 0 && h < height && v >= 0 && v < width;
        const float value = at->x[reads ? at->corner + w->offset[line] : 0];
        to[j] = reads ? value : 0.0f;
    }
}

/* Group (column tile, filter tile, group and part): parts_out (parts, groups, filters, channels * taps) gets the
 * sum over the pixels of all images from part * part_pixels on. */
__kernel GROUP_OF_ITEMS void filter_gradient(const __global float *restrict x, const __global float *restrict dy,
                                             __global float *restrict parts_out, SHAPE_PARAMETERS, int part_pixels) {
    __local float4 a_tiles[2 * A_TILE], b_tiles[2 * B_TILE];
    __local int offset[TILE_N], down[TILE_N], across[TILE_N];
    const window taps = { offset, down, across };
    const int item = (int)get_local_id(0), line = item / DEPTH, step = item % DEPTH;
    const int column = (int)get_group_id(0) * TILE_N, filter = (int)get_group_id(1) * TILE_M;
    const int group = (int)get_group_id(2) % groups, part = (int)get_group_id(2) / groups;
    const int columns = channels * kernel_y * kernel_x, pixels = out_height * out_width;
    const int begin = part * part_pixels, depth = min(part_pixels, batch * pixels - begin);
    const place jump = place_at(DEPTH, out_height, out_width);
    const int tile_place = step * PITCH_M + line;
    place at = place_at(begin + step, out_height, out_width);
    float a_pieces[A_PIECES], b_pieces[B_PIECES];
    float4 sum[ROWS][COLUMN_QUADS];
    clear_sums(sum);
    fill_window(&taps, item, column, columns, height, width, kernel_y, kernel_x, dilation_y, dilation_x);
    x += (size_t)group * channels * height * width;
    dy += ((size_t)group * filters + filter) * pixels;
    barrier(CLK_LOCAL_MEM_FENCE);
    for (int k = -DEPTH, tile = 1; k < depth; k += DEPTH, tile ^= 1) {
        if (k >= 0) {
            put(a_pieces, A_PIECES, ITEMS / DEPTH, (__local float *)(a_tiles + tile * A_TILE) + tile_place);
            put(b_pieces, B_PIECES, ITEMS / DEPTH, (__local float *)(b_tiles + tile * B_TILE) + step * PITCH_N + line);
            barrier(CLK_LOCAL_MEM_FENCE);
        }
        if (k + DEPTH < depth) {
            const bool inside = k + DEPTH + step < depth;
            const int top = at.second * stride_y - pad_y, left = at.third * stride_x - pad_x;
            const spot here = {
                dy + (inside ? (size_t)at.first * groups * filters * pixels + at.second * out_width + at.third : 0),
                x + (inside ? (size_t)at.first * groups * channels * height * width : 0), top, left, top * width + left
            };
            fetch_filter(&here, inside, filters - filter, pixels, line, a_pieces);
            gather_window(&here, inside, &taps, height, width, line, b_pieces);
            at = advanced(at, jump, out_height, out_width);
        }
        if (k >= 0)
            multiply_tiles(a_tiles + tile * A_TILE, b_tiles + tile * B_TILE, item % ITEMS_X, item / ITEMS_X, sum);
    }
    parts_out += ((size_t)part * groups + group) * filters * columns;
    UNROLL
    for (int i = 0; i < ROWS; i++) {
        const int to = filter + ROW_OF(item / ITEMS_X, i);
        float lanes[4 * COLUMN_QUADS];
        UNROLL
        for (int q = 0; q < COLUMN_QUADS; q++) vstore4(sum[i][q], q, lanes);
        UNROLL
        for (int j = 0; j < 4 * COLUMN_QUADS; j++) {
            const int here = column + COLUMN_OF(item % ITEMS_X, j / 4) + j % 4;
            if (to < filters && here < columns) parts_out[(size_t)to * columns + here] = lanes[j];
        }
    }
}
