/* Convolution with stride 1 by Fourier transforms, in tiles that overlap by the kernel less one ("overlap-save"):
 *   transform   tiles of planes -> spectra;   product   of spectra, for each frequency;   inverse   spectra -> planes
 * A tile is R1 x R2 elements, two powers of two; or with -DLINE a line of R1 * R2, whose transform is the same but for
 * a turn between the two directions (Gentleman and Sande 1966). Two tiles of a plane, one after the other, make one
 * complex tile: what they are convolved with is real, so that they stay apart; and of the product of two pairs, one
 * conjugate, the real part is the sum of both tiles' correlations. A spectrum has ROWS rows (plane, pair of tiles) of
 * R1 * R2 frequencies in the order in which the transforms leave them: LANES frequencies of a row together, real then
 * imaginary parts; these for all rows; then the next LANES frequencies. With 16 lanes a group is one item that does 16
 * lines at once; with 1 it has ITEMS, each a line. */
#include "fft_lines.h"
#include "vectors.h"

enum { SIZE = R1 * R2, BLOCK = 16 };

#if LANES == 16
#define PITCH R2
#define SECOND 1 /* a transposed copy, so that lanes lie side by side in both directions */
#define ITEMS 1
#else
#define PITCH (R2 + 1)
#define SECOND 0
#endif

enum { FLOATS = R1 * PITCH };

/* The planes that are cut into tiles: BATCH images of PLANES planes; tiles begin STEP elements apart, PAD before the
 * plane, and hold only what lies within LIMIT of their beginning. */
typedef struct cutting {
    int batch, planes, height, width, pad_h, pad_w, step_h, step_w, tiles_h, tiles_w, limit_h, limit_w;
} cutting;

#define CUTTING                                                                                                        \
    int batch, int planes, int height, int width, int pad_h, int pad_w, int step_h, int step_w, int tiles_h,           \
        int tiles_w, int limit_h, int limit_w
#define CUT                                                                                                            \
    { batch, planes, height, width, pad_h, pad_w, step_h, step_w, tiles_h, tiles_w, limit_h, limit_w }

/* The first element of tile T of PLANE and where in the plane it lies; false where there is no such tile. */
static inline int tile_at(const cutting *c, int plane, int t, size_t *start, int *top, int *left) {
    const int tiles = c->tiles_h * c->tiles_w, n = t / tiles, place = t % tiles;
    *start = ((size_t)n * c->planes + plane) * c->height * c->width;
    *top = place / c->tiles_w * c->step_h - c->pad_h;
    *left = place % c->tiles_w * c->step_w - c->pad_w;
    return n < c->batch;
}

/* ---- into and out of local memory ---- */

#ifdef LINE
#define ROW_OF(E) 0
#define COLUMN_OF(E) (E)
#else
#define ROW_OF(E) ((E) / R2)
#define COLUMN_OF(E) ((E) % R2)
#endif

/* Tile T of PLANE to TO; zeros where there is nothing. TURNED: read from the plane's end. */
static inline void load_tile(__global const float *x, const cutting *c, int plane, int t, int turned, int item,
                             int items, __local float *to) {
    size_t start;
    int top, left;
    const int there = tile_at(c, plane, t, &start, &top, &left);
    x += start;
#if LANES == 16
    for (int e = 0; e < SIZE; e += 16) {
        const int i = ROW_OF(e), j = COLUMN_OF(e), row = top + i, column = left + j;
        if (!there || i >= c->limit_h || row < 0 || row >= c->height) {
            vstore16((float16)(0.0f), 0, to + e);
            continue;
        }
        const int first = max(0, -column), last = min(16, min(c->width - column, c->limit_w - j));
        if (first == 0 && last == 16 && !turned) {
            vstore16(vload16(0, x + (size_t)row * c->width + column), 0, to + e);
            continue;
        }
        vstore16((float16)(0.0f), 0, to + e);
        const int from = turned ? (c->height - row) * c->width - 1 - column : row * c->width + column;
        for (int l = first; l < last; l++) {
            to[e + l] = x[turned ? from - l : from + l];
        }
    }
#else
    for (int e = item; e < SIZE; e += items) {
        const int i = ROW_OF(e), j = COLUMN_OF(e), row = top + i, column = left + j;
        const int inside = there && i < c->limit_h && j < c->limit_w && row >= 0 && row < c->height && column >= 0 &&
                           column < c->width;
        const int at = row * c->width + column;
        to[e / R2 * PITCH + e % R2] = inside ? x[turned ? c->height * c->width - 1 - at : at] : 0.0f;
    }
#endif
}

/* What lies within LIMIT of tile T's beginning, times FACTOR, to the plane. */
static inline void store_tile(__local const float *from, const cutting *c, int plane, int t, int item, int items,
                              float factor, __global float *y) {
    size_t start;
    int top, left;
    if (!tile_at(c, plane, t, &start, &top, &left)) return;
    const int rows = min(c->limit_h, c->height - top), columns = min(c->limit_w, c->width - left);
    y += start + (size_t)top * c->width + left;
#if LANES == 16
    for (int i = 0; i < rows; i++) {
        for (int j = 0; j < columns; j += 16) {
            store_some(vload16(0, from + i * R2 + j) * factor, y + (size_t)i * c->width + j, min(16, columns - j));
        }
    }
#else
    for (int e = item; e < rows * columns; e += items) {
        const int i = e / columns, j = e % columns;
#ifdef LINE
        y[j] = from[j / R2 * PITCH + j % R2] * factor;
#else
        y[(size_t)i * c->width + j] = from[i * PITCH + j] * factor;
#endif
    }
#endif
}

/* ---- the two directions ---- */

#if LANES == 16
#define LANES_FROM(E) ((float16)(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15) + (float)(E))
#else
#define LANES_FROM(E) ((float)(E))
#endif

/* The turns of a line's elements between its two directions, e^(2 pi i k1 j2 / SIZE): cosines, then sines. */
static inline void make_turns(__local float *turns, int item, int items) {
    for (int e = item * LANES; e < SIZE; e += items * LANES) {
        const float k = (float)frequency_of(e / R2, R1) * (2.0f / SIZE);
        const lane angle = LANES_FROM(e % R2) * k;
        PUT(cospi(angle), turns + e);
        PUT(sinpi(angle), turns + SIZE + e);
    }
    barrier(CLK_LOCAL_MEM_FENCE);
}

/* SIGN is 1 forward, -1 for the inverse. */
static inline void turn(__local float *re, __local float *im, __local const float *turns, int item, int items,
                        float sign) {
    for (int e = item * LANES; e < SIZE; e += items * LANES) {
        const lane c = GET(turns + e), s = GET(turns + SIZE + e) * sign;
        __local float *r = re + e / R2 * PITCH + e % R2, *q = im + e / R2 * PITCH + e % R2;
        const lane x = GET(r), y = GET(q);
        PUT(FMA(y, s, x * c), r);
        PUT(FMA(x, -s, y * c), q);
    }
}

/* TO (COLUMNS, ROWS) of FROM (ROWS, COLUMNS). */
static inline void transpose(__local const float *from, __local float *to, int rows, int columns) {
    for (int i = 0; i < rows; i += 8) {
        for (int j = 0; j < columns; j++) {
            for (int k = 0; k < 8; k++) {
                to[j * rows + i + k] = from[(i + k) * columns + j];
            }
        }
    }
}

/* RE and IM have FLOATS floats each, and as many again with SECOND, where the spectrum comes to be. */
static inline void forward(__local float *re, __local float *im, __local const float *turns, int item, int items) {
    for (int line = item * LANES; line < R2; line += items * LANES) {
        forward_line(re + line, im + line, R1, PITCH);
    }
    barrier(CLK_LOCAL_MEM_FENCE);
#ifdef LINE
    turn(re, im, turns, item, items, 1.0f);
    barrier(CLK_LOCAL_MEM_FENCE);
#endif
#if SECOND
    transpose(re, re + FLOATS, R1, R2);
    transpose(im, im + FLOATS, R1, R2);
    for (int line = 0; line < R1; line += LANES) {
        forward_line(re + FLOATS + line, im + FLOATS + line, R2, R1);
    }
#else
    for (int line = item; line < R1; line += items) {
        forward_line(re + line * PITCH, im + line * PITCH, R2, 1);
    }
    barrier(CLK_LOCAL_MEM_FENCE);
#endif
}

static inline void backward(__local float *re, __local float *im, __local const float *turns, int item, int items) {
#if SECOND
    for (int line = 0; line < R1; line += LANES) {
        inverse_line(re + FLOATS + line, im + FLOATS + line, R2, R1);
    }
    transpose(re + FLOATS, re, R2, R1);
    transpose(im + FLOATS, im, R2, R1);
#else
    for (int line = item; line < R1; line += items) {
        inverse_line(re + line * PITCH, im + line * PITCH, R2, 1);
    }
    barrier(CLK_LOCAL_MEM_FENCE);
#endif
#ifdef LINE
    turn(re, im, turns, item, items, -1.0f);
    barrier(CLK_LOCAL_MEM_FENCE);
#endif
    for (int line = item * LANES; line < R2; line += items * LANES) {
        inverse_line(re + line, im + line, R1, PITCH);
    }
    barrier(CLK_LOCAL_MEM_FENCE);
}

/* ---- kernels ---- */

#ifdef LINE
#define TURNS (2 * SIZE)
#define MAKE_TURNS make_turns(turns, item, items);
#else
#define TURNS 1
#define MAKE_TURNS
#endif

/* A group does EACH rows of the spectrum, one after the other. */
#define ROWS_OF_GROUP                                                                                                  \
    __local float re[FLOATS * (1 + SECOND)], im[FLOATS * (1 + SECOND)], turns[TURNS];                                  \
    const int item = (int)get_local_id(0), items = ITEMS, rows = pairs * planes;                                       \
    const int first = (int)get_group_id(0) * each, last = min(first + each, rows);                                     \
    const cutting c = CUT;                                                                                             \
    MAKE_TURNS

/* CONJUGATE: of the spectrum, for what is correlated with. */
__kernel __attribute__((reqd_work_group_size(ITEMS, 1, 1))) void
transform(__global const float *restrict x, __global float *restrict spectrum, CUTTING, int pairs, int each, int turned,
          int conjugate) {
    ROWS_OF_GROUP
    const float sign = conjugate ? -1.0f : 1.0f;
    for (int row = first; row < last; row++) {
        __global float *to = spectrum + (size_t)row * 2 * BLOCK;
        load_tile(x, &c, row / pairs, row % pairs * 2, turned, item, items, re);
        load_tile(x, &c, row / pairs, row % pairs * 2 + 1, turned, item, items, im);
        barrier(CLK_LOCAL_MEM_FENCE);
        forward(re, im, turns, item, items);
#if LANES == 16
        for (int e = 0; e < SIZE; e += BLOCK, to += (size_t)rows * 2 * BLOCK) {
            vstore16(vload16(0, re + FLOATS + e), 0, to);
            vstore16(vload16(0, im + FLOATS + e) * sign, 0, to + BLOCK);
        }
#else
        for (int e = item; e < SIZE; e += items) {
            const size_t at = (size_t)(e / BLOCK) * rows * 2 * BLOCK + e % BLOCK;
            to[at] = re[e / R2 * PITCH + e % R2];
            to[at + BLOCK] = im[e / R2 * PITCH + e % R2] * sign;
        }
        barrier(CLK_LOCAL_MEM_FENCE);
#endif
    }
}

__kernel __attribute__((reqd_work_group_size(ITEMS, 1, 1))) void
inverse(__global const float *restrict spectrum, __global float *restrict y, CUTTING, int pairs, int each) {
    ROWS_OF_GROUP
    for (int row = first; row < last; row++) {
        __global const float *from = spectrum + (size_t)row * 2 * BLOCK;
#if LANES == 16
        for (int e = 0; e < SIZE; e += BLOCK, from += (size_t)rows * 2 * BLOCK) {
            vstore16(vload16(0, from), 0, re + FLOATS + e);
            vstore16(vload16(0, from + BLOCK), 0, im + FLOATS + e);
        }
#else
        for (int e = item; e < SIZE; e += items) {
            const size_t at = (size_t)(e / BLOCK) * rows * 2 * BLOCK + e % BLOCK;
            re[e / R2 * PITCH + e % R2] = from[at];
            im[e / R2 * PITCH + e % R2] = from[at + BLOCK];
        }
        barrier(CLK_LOCAL_MEM_FENCE);
#endif
        backward(re, im, turns, item, items);
        store_tile(re, &c, row / pairs, row % pairs * 2, item, items, 1.0f / SIZE, y);
        store_tile(im, &c, row / pairs, row % pairs * 2 + 1, item, items, 1.0f / SIZE, y);
        barrier(CLK_LOCAL_MEM_FENCE);
    }
}

/* y[m,n] = sum over d of a[m,d] * b[n,d] for each group and frequency, M x N of them in a group of y. Row (group, m, d)
 * of a is group * a_group + m * a_row + d * a_step of a_rows; likewise of b. An item does LINES x COLUMNS of them. */
__kernel void product(__global const float *restrict a, __global const float *restrict b, __global float *restrict y,
                      int lines, int columns, int depth, int groups, int a_group, int a_row, int a_step, int a_rows,
                      int b_group, int b_row, int b_step, int b_rows) {
#if LANES == 16
    const int m0 = (int)get_global_id(0) * LINES, l = 0;
#else
    const int m0 = (int)(get_global_id(0) / BLOCK) * LINES, l = (int)(get_global_id(0) % BLOCK);
#endif
    const int n0 = (int)get_global_id(1) * COLUMNS, group = (int)get_global_id(2) % groups;
    const int block = (int)get_global_id(2) / groups;
    if (m0 >= lines || n0 >= columns) return;
    a += ((size_t)block * a_rows + group * a_group) * 2 * BLOCK + l;
    b += ((size_t)block * b_rows + group * b_group) * 2 * BLOCK + l;
    lane re[LINES][COLUMNS], im[LINES][COLUMNS];
    size_t to_a[LINES], to_b[COLUMNS];
    _Pragma("unroll")
    for (int m = 0; m < LINES; m++) {
        to_a[m] = (size_t)min(m0 + m, lines - 1) * a_row * 2 * BLOCK;
        _Pragma("unroll")
        for (int n = 0; n < COLUMNS; n++) {
            re[m][n] = im[m][n] = 0.0f;
        }
    }
    _Pragma("unroll")
    for (int n = 0; n < COLUMNS; n++) {
        to_b[n] = (size_t)min(n0 + n, columns - 1) * b_row * 2 * BLOCK;
    }
    for (int d = 0; d < depth; d++) {
        lane b_re[COLUMNS], b_im[COLUMNS];
        _Pragma("unroll")
        for (int n = 0; n < COLUMNS; n++) {
            b_re[n] = GET(b + to_b[n]);
            b_im[n] = GET(b + to_b[n] + BLOCK);
        }
        _Pragma("unroll")
        for (int m = 0; m < LINES; m++) {
            const lane a_re = GET(a + to_a[m]), a_im = GET(a + to_a[m] + BLOCK);
            _Pragma("unroll")
            for (int n = 0; n < COLUMNS; n++) {
                re[m][n] = FMA(a_re, b_re[n], FMA(-a_im, b_im[n], re[m][n]));
                im[m][n] = FMA(a_re, b_im[n], FMA(a_im, b_re[n], im[m][n]));
            }
        }
        a += (size_t)a_step * 2 * BLOCK;
        b += (size_t)b_step * 2 * BLOCK;
    }
    y += ((size_t)block * groups + group) * lines * columns * 2 * BLOCK + l;
    _Pragma("unroll")
    for (int m = 0; m < LINES; m++) {
        _Pragma("unroll")
        for (int n = 0; n < COLUMNS; n++) {
            __global float *to = y + ((size_t)(m0 + m) * columns + n0 + n) * 2 * BLOCK;
            if (m0 + m < lines && n0 + n < columns) {
                PUT(re[m][n], to);
                PUT(im[m][n], to + BLOCK);
            }
        }
    }
}
