/* Winograd's F(4 x 4, 3 x 3) and, where TAPS is 5, F(2 x 2, 5 x 5) for CPU-like devices (conv_winograd.cl): the
 * transforms, which pixels a block of 32 tiles reads and writes, and the way between the pixels and the 36 points of
 * the tiles.
 *
 * y = A' [(G w G') . (B' x B)] A makes a tile of 4 x 4 outputs out of 6 x 6 inputs by 36 products instead of 144, or
 * one of 2 x 2 by as many instead of 100. The
 * interpolation points are 0, +-sqrt(1/2), +-sqrt(2) and infinity, whose errors are about a fifth of those of 0, +-1,
 * +-2 (Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks", 2016; the matrices for any points:
 * Winograd, "Arithmetic Complexity of Computations", 1980).
 *
 * Tiles are numbered through the rows of all images, a lane each, so that a run of them in one row of tiles is the
 * unit of reading and writing. */
#ifndef WINOGRAD_TILES_H
#define WINOGRAD_TILES_H

#include "fetch.h"
#include "micro.h"
#include "tail.h"
#include "transpose.h"

#ifndef TAPS
#define TAPS 3
#endif

/* STEP: outputs of a tile along an axis. With 5 taps each run of tiles has its pixels apart from the next one's. */
enum {
    LANES = TILE_COLUMNS,
    POINTS = 36,
    STEP = 7 - TAPS,
    ROW_PITCH = TAPS == 3 ? 4 * LANES + 16 : 6 * LANES + 48,
    COLUMN_PITCH = LANES + 16,
    MOST_RUNS = LANES
};

/* Sizes of the convolution that is carried out; channels and filters are those of a group. */
#define SIZE_PARAMETERS                                                                                                \
    int batch, int groups, int channels, int filters, int height, int width, int out_height, int out_width, int pad_y, \
        int pad_x

#define ROOT 1.41421356237f

/* ---- the three transforms, in one dimension ---- */

/* Row by row B' = [1 0 -5/2 0 1 0], [0 -r -2 r/2 1 0], [0 r -2 -r/2 1 0], [0 -r/2 -1/2 r 1 0], [0 r/2 -1/2 -r 1 0],
 * [0 1 0 -5/2 0 1] with r = sqrt(2). */
static inline void transform_input(float16 d0, float16 d1, float16 d2, float16 d3, float16 d4, float16 d5,
                                   float16 to[6]) {
    const float16 even1 = FMA((float16)(-2.0f), d2, d4), odd1 = FMA((float16)(-2.0f), d1, d3);
    const float16 even2 = FMA((float16)(-0.5f), d2, d4), odd2 = FMA((float16)(-0.5f), d1, d3);
    to[0] = FMA((float16)(-2.5f), d2, d0 + d4);
    to[1] = FMA((float16)(0.5f * ROOT), odd1, even1);
    to[2] = FMA((float16)(-0.5f * ROOT), odd1, even1);
    to[3] = FMA((float16)(ROOT), odd2, even2);
    to[4] = FMA((float16)(-ROOT), odd2, even2);
    to[5] = FMA((float16)(-2.5f), d3, d1 + d5);
}

#if TAPS == 3
/* Row by row A' = [1 1 1 1 1 0], [0 r/2 -r/2 r -r 0], [0 1/2 1/2 2 2 0], [0 r/4 -r/4 2r -2r 1]. */
static inline void transform_output(float16 m0, float16 m1, float16 m2, float16 m3, float16 m4, float16 m5,
                                    float16 to[4]) {
    const float16 sum1 = m1 + m2, difference1 = m1 - m2, sum2 = m3 + m4, difference2 = m3 - m4;
    to[0] = m0 + sum1 + sum2;
    to[1] = FMA((float16)(0.5f * ROOT), difference1, (float16)(ROOT) * difference2);
    to[2] = FMA((float16)(0.5f), sum1, (float16)(2.0f) * sum2);
    to[3] = FMA((float16)(0.25f * ROOT), difference1, FMA((float16)(2.0f * ROOT), difference2, m5));
}

/* Row by row G = [1 0 0], [-2/3 -r/3 -1/3], [-2/3 r/3 -1/3], [1/6 r/6 1/3], [1/6 -r/6 1/3], [0 0 1]. */
static inline void transform_weights(const float16 g[3], float16 to[6]) {
    const float16 even1 = FMA((float16)(-1.0f / 3.0f), g[2], (float16)(-2.0f / 3.0f) * g[0]);
    const float16 even2 = FMA((float16)(1.0f / 3.0f), g[2], (float16)(1.0f / 6.0f) * g[0]);
    to[0] = g[0];
    to[1] = FMA((float16)(-ROOT / 3.0f), g[1], even1);
    to[2] = FMA((float16)(ROOT / 3.0f), g[1], even1);
    to[3] = FMA((float16)(ROOT / 6.0f), g[1], even2);
    to[4] = FMA((float16)(-ROOT / 6.0f), g[1], even2);
    to[5] = g[2];
}
#else
/* Row by row A' = [1 1 1 1 1 0], [0 r/2 -r/2 r -r 1]. */
static inline void transform_output(float16 m0, float16 m1, float16 m2, float16 m3, float16 m4, float16 m5,
                                    float16 to[2]) {
    to[0] = m0 + (m1 + m2) + (m3 + m4);
    to[1] = FMA((float16)(0.5f * ROOT), m1 - m2, FMA((float16)(ROOT), m3 - m4, m5));
}

/* Row by row G = [1 0 0 0 0], [-2/3 -r/3 -1/3 -r/6 -1/6], [-2/3 r/3 -1/3 r/6 -1/6], [1/6 r/6 1/3 r/3 2/3],
 * [1/6 -r/6 1/3 -r/3 2/3], [0 0 0 0 1]. */
static inline void transform_weights(const float16 g[5], float16 to[6]) {
    const float16 even1 = FMA((float16)(-1.0f / 6.0f), g[4],
                              FMA((float16)(-1.0f / 3.0f), g[2], (float16)(-2.0f / 3.0f) * g[0]));
    const float16 even2 = FMA((float16)(2.0f / 3.0f), g[4],
                              FMA((float16)(1.0f / 3.0f), g[2], (float16)(1.0f / 6.0f) * g[0]));
    const float16 odd1 = FMA((float16)(0.5f), g[3], g[1]), odd2 = FMA((float16)(2.0f), g[3], g[1]);
    to[0] = g[0];
    to[1] = FMA((float16)(-ROOT / 3.0f), odd1, even1);
    to[2] = FMA((float16)(ROOT / 3.0f), odd1, even1);
    to[3] = FMA((float16)(ROOT / 6.0f), odd2, even2);
    to[4] = FMA((float16)(-ROOT / 6.0f), odd2, even2);
    to[5] = g[4];
}
#endif

/* Vectors in local memory at multiples of their size: one instruction, where a driver's vload16 takes several. */
static inline float16 get16(const __local float *from) {
    return *(const __local float16 *)from;
}

static inline void put16(float16 v, __local float *to) {
    *(__local float16 *)to = v;
}

/* ---- which pixels belong to a block of tiles ---- */

/* The block's tiles as runs in one row of tiles of one image: tiles COLUMN .. COLUMN + LENGTH - 1 of row ROW are lanes
 * LANE .. */
typedef struct runs {
    int count;
    int image[MOST_RUNS], row[MOST_RUNS], column[MOST_RUNS], lane[MOST_RUNS], length[MOST_RUNS];
} runs;

static inline void find_runs(runs *r, int first, int count, int tile_rows, int tile_columns) {
    int column = first % tile_columns, row = first / tile_columns % tile_rows, image = first / tile_columns / tile_rows;
    r->count = 0;
    for (int lane = 0; lane < count;) {
        const int length = min(count - lane, tile_columns - column);
        r->image[r->count] = image;
        r->row[r->count] = row;
        r->column[r->count] = column;
        r->lane[r->count] = lane;
        r->length[r->count++] = length;
        lane += length;
        column = 0;
        if (++row == tile_rows) row = 0, image++;
    }
}

/* The pieces of image rows under the tiles: of each run the ROWS rows that a tile reaches, without what is padding.
 * LENGTH pixels from FROM of a channel's planes go to TO of the rows in local memory, and the ENDS (0 to 2) that
 * follow, which only the run's last tile reads, to END and END + LANES of the ends. */
typedef struct pieces {
    const runs *of;
    int count, last[LANES]; /* last: all bits set in the lanes that end a run */
    size_t from[6 * MOST_RUNS];
    int to[6 * MOST_RUNS], length[6 * MOST_RUNS], ends[6 * MOST_RUNS], end[6 * MOST_RUNS];
} pieces;

/* The planes that the tiles are read from: IMAGE_STEP is from image to image; a tile begins pad_y above and pad_x
 * left of its first output and reaches ROWS rows and columns far, 6 or 4. */
typedef struct planes {
    size_t image_step;
    int height, width, pad_y, pad_x, rows;
} planes;

/* Where run U's pixels begin in a row in local memory. */
static inline int run_place(const runs *r, int u) {
    return STEP * r->lane[u] + (TAPS == 3 ? 0 : 4 * u);
}

/* Also clears ROWS, and ENDS where there are 3 taps: with 5, four more pixels of a run belong to its pieces, and none
 * to the ends. With 3, pad_x is at most 2, so that a piece which begins in the padding ends in the image. */
static inline void find_pieces(pieces *p, const runs *r, const planes *from, __local float *restrict rows,
                               __local float *restrict ends) {
    for (int i = 0; i < 6 * ROW_PITCH; i++) rows[i] = 0.0f;
    for (int i = 0; TAPS == 3 && i < 12 * LANES; i++) ends[i] = 0.0f;
    for (int i = 0; i < LANES; i++) p->last[i] = 0;
    for (int u = 0; u < r->count; u++) p->last[r->lane[u] + r->length[u] - 1] = -1;
    p->of = r;
    p->count = 0;
    for (int u = 0; u < r->count; u++)
        for (int i = 0; i < from->rows; i++) {
            const int y = r->row[u] * STEP - from->pad_y + i, x = r->column[u] * STEP - from->pad_x;
            const int pixels = STEP * r->length[u] + (TAPS == 3 ? 0 : 4);
            const int begin = max(0, -x), end = min(pixels, from->width - x);
            if (y < 0 || y >= from->height || begin >= end) continue;
            p->from[p->count] = r->image[u] * from->image_step + (size_t)y * from->width + (x + begin);
            p->to[p->count] = i * ROW_PITCH + run_place(r, u) + begin;
            p->length[p->count] = end - begin;
            p->ends[p->count] = TAPS == 3 ? clamp(from->width - x - pixels, 0, from->rows - 4) : 0;
            p->end[p->count++] = 2 * i * LANES + r->lane[u] + r->length[u] - 1;
        }
}

/* COUNT floats, by vectors of which the last two may overlap. */
static inline void copy_piece(const __global float *restrict from, int count, __local float *restrict to) {
    const int last16 = count - 16, last8 = count - 8, last4 = count - 4;
    if (last16 >= 0) {
        for (int i = 0; i < last16; i += 16) vstore16(vload16(0, from + i), 0, to + i);
        vstore16(vload16(0, from + last16), 0, to + last16);
    } else if (last8 >= 0) {
        vstore8(vload8(0, from), 0, to);
        vstore8(vload8(0, from + last8), 0, to + last8);
    } else if (last4 >= 0) {
        vstore4(vload4(0, from), 0, to);
        vstore4(vload4(0, from + last4), 0, to + last4);
    } else {
        for (int i = 0; i < count; i++) to[i] = from[i];
    }
}

/* The pieces of one channel, X its plane in the first image; meanwhile those of the next plane are brought near. What
 * the pieces leave out, ROWS and ENDS hold as zero. */
static inline void copy_pieces(const pieces *p, const __global float *restrict x, size_t plane,
                               __local float *restrict rows, __local float *restrict ends) {
    for (int i = 0; i < p->count; i++) {
        const __global float *from = x + p->from[i];
        for (int line = 0; line < p->length[i]; line += 16) FETCH(from + plane + line);
        copy_piece(from, p->length[i], rows + p->to[i]);
        if (p->ends[i] > 0) ends[p->end[i]] = from[p->length[i]];
        if (p->ends[i] > 1) ends[p->end[i] + LANES] = from[p->length[i] + 1];
    }
}

/* ---- from pixels to points ---- */

static inline float16 evens(float16 a, float16 b) {
    return (float16)(a.s0, a.s2, a.s4, a.s6, a.s8, a.sa, a.sc, a.se, b.s0, b.s2, b.s4, b.s6, b.s8, b.sa, b.sc, b.se);
}

static inline float16 odds(float16 a, float16 b) {
    return (float16)(a.s1, a.s3, a.s5, a.s7, a.s9, a.sb, a.sd, a.sf, b.s1, b.s3, b.s5, b.s7, b.s9, b.sb, b.sd, b.sf);
}

#if TAPS == 3
/* 16 tiles of one channel: their four columns of pixels are those of ROWS, the other two those of the next tile or, for
 * the lanes in LAST, of the ends, which hold zero elsewhere. Point k goes to TO + k * point_step. */
static inline void transform_tiles(const __local float *restrict rows, const __local float *restrict ends, int16 last,
                                   __local float *restrict to, int point_step) {
    float16 pixels[4][6], after[2][6]; /* transformed down the columns */
    float16 next[2][6];
    for (int q = 0; q < 4; q++) {
        const __local float *at = rows + 16 * q;
        transform_input(vload16(0, at), vload16(0, at + ROW_PITCH), vload16(0, at + 2 * ROW_PITCH),
                        vload16(0, at + 3 * ROW_PITCH), vload16(0, at + 4 * ROW_PITCH), vload16(0, at + 5 * ROW_PITCH),
                        pixels[q]);
    }
    for (int i = 0; i < 6; i++) {
        const __local float *at = rows + i * ROW_PITCH + 4;
        const float16 a = vload16(0, at), b = vload16(1, at), c = vload16(2, at), d = vload16(3, at);
        const float16 first = evens(evens(a, b), evens(c, d)), second = evens(odds(a, b), odds(c, d));
        const float16 end0 = vload16(0, ends + 2 * i * LANES), end1 = vload16(0, ends + (2 * i + 1) * LANES);
        next[0][i] = as_float16((as_int16(first) & ~last) | as_int16(end0));
        next[1][i] = as_float16((as_int16(second) & ~last) | as_int16(end1));
    }
    for (int k = 0; k < 2; k++)
        transform_input(next[k][0], next[k][1], next[k][2], next[k][3], next[k][4], next[k][5], after[k]);
    for (int i = 0; i < 6; i++) {
        const float16 even0 = evens(pixels[0][i], pixels[1][i]), even1 = evens(pixels[2][i], pixels[3][i]);
        const float16 odd0 = odds(pixels[0][i], pixels[1][i]), odd1 = odds(pixels[2][i], pixels[3][i]);
        float16 points[6];
        transform_input(evens(even0, even1), evens(odd0, odd1), odds(even0, even1), odds(odd0, odd1), after[0][i],
                        after[1][i], points);
        for (int j = 0; j < 6; j++) put16(points[j], to + (i * 6 + j) * point_step);
    }
}

/* The points of one channel, X its plane in the first image; point k goes to TO + k * point_step. */
static inline void transform_channel(const pieces *p, const __global float *restrict x, size_t plane,
                                     __local float *restrict rows, __local float *restrict ends, int lanes,
                                     __local float *restrict to, int point_step) {
    copy_pieces(p, x, plane, rows, ends);
    for (int lane = 0; lane < lanes; lane += 16)
        transform_tiles(rows + 4 * lane, ends + lane, vload16(0, p->last + lane), to + lane, point_step);
}

#else

/* The six columns of pixels of each tile, of each of the six rows, to COLUMNS: column c of row i, lane by lane, at
 * (6 i + c) * COLUMN_PITCH. What is written past a run, the next one's writes over. */
static inline void sort_columns(const runs *r, const __local float *restrict rows, __local float *restrict columns) {
    for (int i = 0; i < 6; i++, rows += ROW_PITCH, columns += 6 * COLUMN_PITCH)
        for (int u = 0; u < r->count; u++)
            for (int t = 0; t < r->length[u]; t += 16)
                for (int c = 0; c < 6; c += 2) {
                    const __local float *at = rows + run_place(r, u) + 2 * t + c;
                    const float16 low = vload16(0, at), high = vload16(1, at);
                    vstore16(evens(low, high), 0, columns + c * COLUMN_PITCH + r->lane[u] + t);
                    vstore16(odds(low, high), 0, columns + (c + 1) * COLUMN_PITCH + r->lane[u] + t);
                }
}

/* 16 tiles of one channel: point k goes to TO + k * point_step. */
static inline void transform_columns(const __local float *restrict columns, __local float *restrict to,
                                     int point_step) {
    float16 down[6][6];
    for (int c = 0; c < 6; c++, columns += COLUMN_PITCH)
        transform_input(get16(columns), get16(columns + 6 * COLUMN_PITCH), get16(columns + 12 * COLUMN_PITCH),
                        get16(columns + 18 * COLUMN_PITCH), get16(columns + 24 * COLUMN_PITCH),
                        get16(columns + 30 * COLUMN_PITCH), down[c]);
    for (int i = 0; i < 6; i++) {
        float16 points[6];
        transform_input(down[0][i], down[1][i], down[2][i], down[3][i], down[4][i], down[5][i], points);
        for (int j = 0; j < 6; j++) put16(points[j], to + (i * 6 + j) * point_step);
    }
}

/* As above, with COLUMNS in place of the ends. */
static inline void transform_channel(const pieces *p, const __global float *restrict x, size_t plane,
                                     __local float *restrict rows, __local float *restrict columns, int lanes,
                                     __local float *restrict to, int point_step) {
    copy_pieces(p, x, plane, rows, columns);
    sort_columns(p->of, rows, columns);
    for (int lane = 0; lane < lanes; lane += 16) transform_columns(columns + lane, to + lane, point_step);
}
#endif

/* ---- from products to pixels ---- */

/* 16 tiles of one filter: their sums at point k, from FROM + k * point_step, become STEP rows of 16 * STEP pixels. */
static inline void transform_sums(const __local float *restrict from, int point_step, __local float *restrict rows) {
    float16 columns[6][STEP];
    for (int j = 0; j < 6; j++) {
        const __local float *at = from + j * point_step;
        transform_output(get16(at), get16(at + 6 * point_step), get16(at + 12 * point_step),
                         get16(at + 18 * point_step), get16(at + 24 * point_step),
                         get16(at + 30 * point_step), columns[j]);
    }
    for (int i = 0; i < STEP; i++, rows += ROW_PITCH) {
        float16 c[STEP];
        transform_output(columns[0][i], columns[1][i], columns[2][i], columns[3][i], columns[4][i], columns[5][i], c);
#if TAPS == 3
        const float16 low0 = shuffle_low(c[0], c[2]), high0 = shuffle_high(c[0], c[2]);
        const float16 low1 = shuffle_low(c[1], c[3]), high1 = shuffle_high(c[1], c[3]);
        put16(shuffle_low(low0, low1), rows);
        put16(shuffle_high(low0, low1), rows + 16);
        put16(shuffle_low(high0, high1), rows + 32);
        put16(shuffle_high(high0, high1), rows + 48);
#else
        put16(shuffle_low(c[0], c[1]), rows);
        put16(shuffle_high(c[0], c[1]), rows + 16);
#endif
    }
}

/* COUNT pixels of one row to element AT of y and on, by vectors of which the last two may overlap: y lies apart from
 * what the tail reads. */
static inline void put_pixels(const __local float *restrict from, int count, __global float *restrict y, size_t at,
                              const tail_inputs *tail, float bias) {
    const int last16 = count - 16, last8 = count - 8, last4 = count - 4;
#define PUT(N, I) vstore##N(tail##N(tail, vload##N(0, from + (I)), (float##N)(bias), at + (I)), 0, y + at + (I));
    if (last16 >= 0) {
        for (int i = 0; i < last16; i += 16) PUT(16, i)
        PUT(16, last16)
    } else if (last8 >= 0) {
        PUT(8, 0)
        PUT(8, last8)
    } else if (last4 >= 0) {
        PUT(4, 0)
        PUT(4, last4)
    } else {
        for (int i = 0; i < count; i++) y[at + i] = tail1(tail, from[i], bias, at + i);
    }
#undef PUT
}

/* The block's pixels of plane CHANNEL of CHANNELS, from its sums at point k, FROM + k * point_step. */
static inline void put_filter(const runs *r, const __local float *restrict from, int point_step, int lanes,
                              __local float *restrict rows, int out_height, int out_width, int channels, int channel,
                              __global float *restrict y, const tail_inputs *tail) {
    const size_t plane = (size_t)out_height * out_width;
    const float bias = tail_bias_of(tail, channel);
    for (int lane = 0; lane < lanes; lane += 16) transform_sums(from + lane, point_step, rows + STEP * lane);
    for (int u = 0; u < r->count; u++) {
        const int row = STEP * r->row[u], column = STEP * r->column[u];
        const int count = min(STEP * r->length[u], out_width - column);
        const size_t at = ((size_t)r->image[u] * channels + channel) * plane + (size_t)row * out_width + column;
        for (int i = 0; i < min((int)STEP, out_height - row); i++)
            put_pixels(rows + i * ROW_PITCH + STEP * r->lane[u], count, y, at + (size_t)i * out_width, tail, bias);
    }
}

#endif
