/* Depthwise convolution for CPU-like devices: each group has one channel; SHARE filters to each. A work-item, alone in
 * its group, takes rows of a plane through a zero-padded copy in local memory; the data gradient is the same
 * correlation of dy, zeros put between its pixels for the strides, with the kernel turned round. Kernels of 3 x 3 need
 * no copy with stride 1, nor with stride 2 where rows are halved. */
#include "fma.h"
#include "padded_copy.h"
#include "tail.h"
#include "vectors.h"

/* 16 floats of a row of WIDTH from Q on, zeros after a row that is shorter, where Q is 0. The array ends at END. */
INLINE float16 read_row(const __global float *line, int q, int width, const __global float *end) {
    return width < 16 ? read_some(line, width, end) : READ_16(line + q);
}

/* Columns Q - 1, Q and Q + 1 and the 15 after each of a row of WIDTH floats, zero outside; all zero where the row is
 * not INSIDE. Q + 16 is within the row, or the row is shorter than 16 and Q is 0. */
INLINE void three_columns(const __global float *line, bool inside, int q, int width, const __global float *end,
                          float16 *a, float16 *b, float16 *c) {
    if (!inside) {
        *a = *b = *c = 0.0f;
        return;
    }
    const float16 v = read_row(line, q, width, end);
    *b = v;
    *a = q > 0 ? READ_16(line + q - 1)
               : (float16)(0.0f, v.s0, v.s1, v.s2, v.s3, v.s4, v.s5, v.s6, v.s7, v.s8, v.s9, v.sa, v.sb, v.sc, v.sd,
                           v.se);
    *c = q + 16 < width ? READ_16(line + q + 1)
                        : (float16)(v.s1, v.s2, v.s3, v.s4, v.s5, v.s6, v.s7, v.s8, v.s9, v.sa, v.sb, v.sc, v.sd, v.se,
                                    v.sf, 0.0f);
}

/* Whether the kernel of 3 x 3 reaches one column to each side of the rows: such rows need no copy. */
INLINE bool reads_sides(int width, int out_width, int kernel_y, int kernel_x, int stride_y, int stride_x,
                        int dilation_y, int dilation_x, int pad_x) {
    return kernel_y == 3 && kernel_x == 3 && stride_y == 1 && stride_x == 1 && dilation_y == 1 && dilation_x == 1 &&
           pad_x == 1 && width == out_width;
}

/* The same with stride 2 from columns Q of the results on: columns 2 Q - 1, 2 Q and 2 Q + 1 and every second after
 * each, of a row of WIDTH, which is twice the results'; with less than 16 results it may be one less. */
INLINE void three_columns_apart(const __global float *line, bool inside, int q, int width, const __global float *end,
                                float16 *a, float16 *b, float16 *c) {
    if (!inside) {
        *a = *b = *c = 0.0f;
        return;
    }
    const bool narrow = width < 32;
    const float16 low = narrow ? read_some(line, width, end) : READ_16(line + 2 * q);
    float16 high = 0.0f;
    if (!narrow || width > 16) high = narrow ? read_some(line + 16, width - 16, end) : READ_16(line + 2 * q + 16);
    const float16 odd = (float16)(low.odd, high.odd);
    *b = (float16)(low.even, high.even);
    *c = odd;
    if (q > 0)
        *a = (float16)(READ_16(line + 2 * q - 1).even, READ_16(line + 2 * q + 15).even);
    else
        *a = (float16)(0.0f, odd.s0, odd.s1, odd.s2, odd.s3, odd.s4, odd.s5, odd.s6, odd.s7, odd.s8, odd.s9, odd.sa,
                       odd.sb, odd.sc, odd.sd, odd.se);
}

/* Whether a kernel of 3 x 3 with stride 2 reaches one column left of a row of x that is twice as wide as one of y, or
 * where that is less than a vector one less: such rows need no copy either. */
INLINE bool halves_rows(int x_width, int y_width, int kernel_y, int kernel_x, int stride_y, int stride_x,
                        int dilation_y, int dilation_x, int pad_x) {
    return kernel_y == 3 && kernel_x == 3 && stride_y == 2 && stride_x == 2 && dilation_y == 1 && dilation_x == 1 &&
           pad_x == 1 && (x_width == 2 * y_width || (x_width == 2 * y_width - 1 && y_width < 16));
}

/* ---- forward and data gradient ---- */

/* Where results go: y's rows of WIDTH elements from Y + AT on, rows after one another up to END. */
typedef struct target {
    __global float *y;
    size_t at, end;
    int width;
    float bias;
    bool add, whole, exact, plain; /* plain: the sum alone */
} target;

/* Lanes for columns Q .. Q + 15 of row P. Unless it is to be exact, those past the width spoil the next row's first,
 * which come later; they stay within the work-item's own rows. */
INLINE void put(const target *t, const tail_inputs *tail, float16 sum, int p, int q) {
    const size_t at = t->at + (size_t)p * t->width + q;
    if (t->exact ? q + 16 <= t->width : at + 16 <= t->end) {
        if (t->plain) {
            GLOBAL_16(t->y + at) = sum;
            return;
        }
        if (t->add) sum += READ_16(t->y + at);
        GLOBAL_16(t->y + at) = t->whole ? tail16(tail, sum, (float16)(t->bias), at) : sum;
        return;
    }
    float lanes[16];
    vstore16(sum, 0, lanes);
    for (int i = 0; i < min(16, t->width - q); i++) {
        const float one = t->add ? lanes[i] + t->y[at + i] : lanes[i];
        t->y[at + i] = t->whole ? tail1(tail, one, t->bias, at + i) : one;
    }
}

/* A kernel of 3 x 3 whose rows are neighbours: each row of the copy is read once for the three rows of results that it
 * reaches. */
INLINE void correlate_3x3(const __local float *from, int row_pitch, const __local int *taps_x,
                                 const float *weights, int rows, int q, const target *t, const tail_inputs *tail) {
    const float16 w00 = weights[0], w01 = weights[1], w02 = weights[2], w10 = weights[3], w11 = weights[4],
                  w12 = weights[5], w20 = weights[6], w21 = weights[7], w22 = weights[8];
    float16 one = 0.0f, two = 0.0f;
    const int first = taps_x[0] + q, second = taps_x[1] + q, third = taps_x[2] + q;
    for (int row = 0; row < rows + 2; row++, from += row_pitch) {
        const float16 a = vload16(0, from + first), b = vload16(0, from + second), c = vload16(0, from + third);
        const float16 three = FMA(w22, c, FMA(w21, b, FMA(w20, a, two)));
        two = FMA(w12, c, FMA(w11, b, FMA(w10, a, one)));
        one = FMA(w02, c, FMA(w01, b, w00 * a));
        if (row >= 2) put(t, tail, three, row - 2, q);
    }
}

/* The same for 5 x 5; the weights stay in memory. */
INLINE void correlate_5x5(const __local float *from, int row_pitch, const __local int *taps_x, const float *weights,
                          int rows, int q, const target *t, const tail_inputs *tail) {
#define ROW_OF(W, SUM)                                                                                                 \
    FMA((float16)(weights[W + 4]), e,                                                                                  \
        FMA((float16)(weights[W + 3]), d,                                                                              \
            FMA((float16)(weights[W + 2]), c, FMA((float16)(weights[W + 1]), b, FMA((float16)(weights[W]), a, SUM)))))
    float16 one = 0.0f, two = 0.0f, three = 0.0f, four = 0.0f;
    from += q;
    for (int row = 0; row < rows + 4; row++, from += row_pitch) {
        const float16 a = vload16(0, from + taps_x[0]), b = vload16(0, from + taps_x[1]),
                      c = vload16(0, from + taps_x[2]), d = vload16(0, from + taps_x[3]),
                      e = vload16(0, from + taps_x[4]);
        const float16 five = ROW_OF(20, four);
        four = ROW_OF(15, three);
        three = ROW_OF(10, two);
        two = ROW_OF(5, one);
        one = ROW_OF(0, (float16)(0.0f));
        if (row >= 4) put(t, tail, five, row - 4, q);
    }
#undef ROW_OF
}

/* As for 3 x 3, but from a plane in global memory, of which row FIRST_Y is the first that the results need. */
INLINE void correlate_sides(const __global float *from, int height, int width, int first_y, const __global float *end,
                            const float *weights, int rows, int q, const target *t, const tail_inputs *tail) {
    const float16 w00 = weights[0], w01 = weights[1], w02 = weights[2], w10 = weights[3], w11 = weights[4],
                  w12 = weights[5], w20 = weights[6], w21 = weights[7], w22 = weights[8];
    float16 one = 0.0f, two = 0.0f, a, b, c;
    for (int row = 0; row < rows + 2; row++) {
        const int y = first_y + row;
        three_columns(from + (long)y * width, y >= 0 && y < height, q, width, end, &a, &b, &c);
        const float16 three = FMA(w22, c, FMA(w21, b, FMA(w20, a, two)));
        two = FMA(w12, c, FMA(w11, b, FMA(w10, a, one)));
        one = FMA(w02, c, FMA(w01, b, w00 * a));
        if (row >= 2) put(t, tail, three, row - 2, q);
    }
}

/* The same with stride 2 (halves_rows): the last row of one result is the first of the next. */
INLINE void correlate_apart(const __global float *from, int height, int width, int first_y, const __global float *end,
                            const float *weights, int rows, int q, const target *t, const tail_inputs *tail) {
    const float16 w00 = weights[0], w01 = weights[1], w02 = weights[2], w10 = weights[3], w11 = weights[4],
                  w12 = weights[5], w20 = weights[6], w21 = weights[7], w22 = weights[8];
    float16 sum = 0.0f, a, b, c;
    for (int row = 0; row < 2 * rows + 1; row++) {
        const int y = first_y + row;
        three_columns_apart(from + (long)y * width, y >= 0 && y < height, q, width, end, &a, &b, &c);
        if (row % 2 == 1) {
            sum = FMA(w12, c, FMA(w11, b, FMA(w10, a, sum)));
            continue;
        }
        if (row > 0) put(t, tail, FMA(w22, c, FMA(w21, b, FMA(w20, a, sum))), row / 2 - 1, q);
        sum = FMA(w02, c, FMA(w01, b, w00 * a));
    }
}

/* Columns Q and Q + 1 and the 15 after each of row Y of a plane, zero outside. */
INLINE void two_columns(const __global float *from, int height, int width, int y, int q, const __global float *end,
                        float16 *here, float16 *after) {
    *here = *after = 0.0f;
    if (y < 0 || y >= height) return;
    from += (size_t)y * width;
    const float16 v = read_row(from, q, width, end);
    *here = v;
    *after = q + 16 < width ? READ_16(from + q + 1)
                            : (float16)(v.s1, v.s2, v.s3, v.s4, v.s5, v.s6, v.s7, v.s8, v.s9, v.sa, v.sb, v.sc, v.sd,
                                        v.se, v.sf, 0.0f);
}

/* The data gradient of stride 2 (halves_rows) from the plane FROM of dy, the kernel turned round: ROWS rows of dx from
 * FIRST on, at twice the columns Q .. Q + 15 of dy and between. A row of dx with its padding meets the kernel's middle
 * row where it is odd, and the outer ones of two rows of dy where it is even; columns likewise. */
INLINE void spread_apart(const __global float *from, int height, int width, int first, int pad_y,
                         const __global float *end, const float *turned, int rows, int q, const target *t,
                         const tail_inputs *tail) {
    const float16 w00 = turned[8], w01 = turned[7], w02 = turned[6], w10 = turned[5], w11 = turned[4],
                  w12 = turned[3], w20 = turned[2], w21 = turned[1], w22 = turned[0];
    float16 here, after;
    two_columns(from, height, width, (first + pad_y + 1) / 2 - 1, q, end, &here, &after);
    for (int row = 0; row < rows; row++) {
        const int h = first + row + pad_y;
        float16 even, odd;
        if (h % 2 == 1) {
            even = w11 * here;
            odd = FMA(w10, after, w12 * here);
        } else {
            const float16 before = FMA(w20, after, w22 * here);
            even = w21 * here;
            two_columns(from, height, width, h / 2, q, end, &here, &after);
            even = FMA(w01, here, even);
            odd = FMA(w00, after, FMA(w02, here, before));
        }
        put(t, tail, shuffle_low(even, odd), row, 2 * q);
        if (2 * q + 16 < t->width) put(t, tail, shuffle_high(even, odd), row, 2 * q + 16);
    }
}

enum { ROWS = 4 };

/* Any kernel, ROWS rows at a time; rows after the last repeat it. */
INLINE void correlate(const __local float *from, int row_step, int row_pitch, int kernel_y, int kernel_x,
                             int dilation_y, const __local int *taps_x, const __global float *weights,
                             int weight_step, int rows, int q, const target *t, const tail_inputs *tail) {
    for (int p = 0; p < rows; p += ROWS) {
        float16 sum[ROWS];
        const __local float *row[ROWS];
        UNROLL
        for (int i = 0; i < ROWS; i++) sum[i] = 0.0f, row[i] = from + min(p + i, rows - 1) * row_step + q;
        for (int r = 0; r < kernel_y; r++)
            for (int s = 0; s < kernel_x; s++) {
                const float16 weight = weights[(r * kernel_x + s) * weight_step];
                const int place = r * dilation_y * row_pitch + taps_x[s];
                UNROLL
                for (int i = 0; i < ROWS; i++) sum[i] = FMA(weight, vload16(0, row[i] + place), sum[i]);
            }
        UNROLL
        for (int i = 0; i < ROWS; i++)
            if (p + i < rows) put(t, tail, sum[i], p + i, q);
    }
}

/* Work-item (row block, plane of results): the correlation of SOURCES planes of in with WEIGHTS, stride apart; the
 * source planes of result plane z are from z / share * sources on, their kernels likewise. LOCAL: the copy, of PITCH
 * and PHASES, 16 floats of slack at its end. TURNED: the kernel is turned round. */
__kernel __attribute__((reqd_work_group_size(1, 1, 1))) void
planes(const __global float *restrict in, const __global float *restrict weights, __global float *restrict out,
       __local float *restrict tile, __local int *restrict taps_x, int channels, int sources, int share, int height,
       int width, int out_height, int out_width, int kernel_y, int kernel_x, int stride_y, int stride_x, int insert_y,
       int insert_x, int pad_y, int pad_x, int dilation_y, int dilation_x, int pitch, int phases, int row_block,
       int turned, TAIL_PARAMETERS) {
    const tail_inputs tail = TAIL_INPUTS;
    const int p = (int)get_global_id(0) * row_block, rows = min(row_block, out_height - p);
    const int plane = (int)get_global_id(1), channel = plane % channels, image = plane / channels;
    const int taps = kernel_y * kernel_x, row_pitch = phases * pitch, in_channels = channels / share * sources;
    const int copy_rows = (rows - 1) * stride_y + dilation_y * (kernel_y - 1) + 1;
    const copy c = { height, width, copy_rows, pitch, phases, stride_x, insert_y, insert_x, -pad_x };
    const size_t at = ((size_t)plane * out_height + p) * out_width;
    const __global float *end = in + get_global_size(1) / channels * in_channels * height * width;
    place_taps(kernel_x, dilation_x, stride_x, pitch, taps_x);
    for (int m = 0; m < sources; m++) {
        const int source = channel / share * sources + m;
        const target t = { out,   at, at + (size_t)rows * out_width, out_width, tail_bias_of(&tail, channel),
                           m > 0, m == sources - 1, sources > 1,
                           sources == 1 && tail.flags == 0 && tail.low != 0.0f };
        const __global float *w = weights + (size_t)(turned ? source : channel) * taps + (turned ? taps - 1 : 0);
        const int step = turned ? -1 : 1;
        const __global float *from = in + ((size_t)image * in_channels + source) * height * width;
        const bool sides = sources == 1 && insert_y == 1 && insert_x == 1 &&
                           reads_sides(width, out_width, kernel_y, kernel_x, stride_y, stride_x, dilation_y, dilation_x,
                                       pad_x);
        const bool apart = sources == 1 && insert_y == 1 && insert_x == 1 &&
                           halves_rows(width, out_width, kernel_y, kernel_x, stride_y, stride_x, dilation_y,
                                       dilation_x, pad_x);
        const bool spreads = sources == 1 && halves_rows(out_width, width, kernel_y, kernel_x, insert_y, insert_x,
                                                         dilation_y, dilation_x, 2 - pad_x);
        if (!sides && !apart && !spreads) load_plane(&c, from, p * stride_y - pad_y, end, tile);
        float weights_of[25];
        const bool march = stride_y == 1 && dilation_y == 1 && kernel_y == kernel_x && (taps == 9 || taps == 25);
        for (int i = 0; i < taps && (march || apart); i++) weights_of[i] = w[i * step];
        for (int begin = 0; spreads && begin < width; begin += 16)
            spread_apart(from, height, width, p, 2 - pad_y, end, weights_of, rows, max(0, min(begin, width - 16)), &t,
                         &tail);
        for (int begin = 0; !spreads && begin < out_width; begin += 16) {
            const int q = sources > 1 ? begin : max(0, min(begin, out_width - 16));
            if (sides)
                correlate_sides(from, height, width, p - pad_y, end, weights_of, rows, q, &t, &tail);
            else if (apart)
                correlate_apart(from, height, width, 2 * p - pad_y, end, weights_of, rows, q, &t, &tail);
            else if (march && taps == 9)
                correlate_3x3(tile, row_pitch, taps_x, weights_of, rows, q, &t, &tail);
            else if (march)
                correlate_5x5(tile, row_pitch, taps_x, weights_of, rows, q, &t, &tail);
            else
                correlate(tile, stride_y * row_pitch, row_pitch, kernel_y, kernel_x, dilation_y, taps_x, w, step, rows,
                          q, &t, &tail);
        }
    }
}

/* ---- filter gradient ---- */

/* sums[tap] += the products of dy's lanes with the copy of x under the tap, over ROWS rows of WIDE (a multiple of 16)
 * columns; three taps of a row of the kernel at a time. */
INLINE void correlate_filters(const __local float *x, int row_step, const __local int *taps_x, int count,
                                     const __local float *dy, int wide, int rows, float16 *sums) {
    const int second = taps_x[min(1, count - 1)], third = taps_x[min(2, count - 1)];
    float16 a = sums[0], b = sums[1], c = sums[2];
    for (int p = 0; p < rows; p++, x += row_step, dy += wide)
        for (int q = 0; q < wide; q += 16) {
            const float16 d = vload16(0, dy + q);
            a = FMA(d, vload16(0, x + taps_x[0] + q), a);
            b = FMA(d, vload16(0, x + second + q), b);
            c = FMA(d, vload16(0, x + third + q), c);
        }
    sums[0] = a, sums[1] = b, sums[2] = c;
}

/* sums[0 .. 8] += the products of a plane of dy with one of x, both of WIDTH columns, for a 3 x 3 kernel that reaches
 * one column to each side: columns Q .. Q + 15, of which the first SKIP count already. Each row of x is read once for
 * the three rows of dy that reach it. */
INLINE void correlate_filters_sides(const __global float *x, int height, int width, int pad_y,
                                    const __global float *end, const __global float *dy, const __global float *dy_end,
                                    int out_height, int q, int skip, float16 *sums) {
    const int16 lanes = (int16)(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    const int16 counts = lanes >= (int16)(skip);
    float16 s0 = sums[0], s1 = sums[1], s2 = sums[2], s3 = sums[3], s4 = sums[4], s5 = sums[5], s6 = sums[6],
            s7 = sums[7], s8 = sums[8], one = 0.0f, two = 0.0f, a, b, c;
    for (int row = 0; row < out_height + 2; row++) {
        const int y = row - pad_y;
        float16 d = 0.0f;
        if (row < out_height) d = as_float16(as_int16(read_row(dy + (size_t)row * width, q, width, dy_end)) & counts);
        three_columns(x + (long)y * width, y >= 0 && y < height, q, width, end, &a, &b, &c);
        s0 = FMA(d, a, s0), s1 = FMA(d, b, s1), s2 = FMA(d, c, s2);
        s3 = FMA(one, a, s3), s4 = FMA(one, b, s4), s5 = FMA(one, c, s5);
        s6 = FMA(two, a, s6), s7 = FMA(two, b, s7), s8 = FMA(two, c, s8);
        two = one, one = d;
    }
    sums[0] = s0, sums[1] = s1, sums[2] = s2, sums[3] = s3, sums[4] = s4, sums[5] = s5, sums[6] = s6, sums[7] = s7;
    sums[8] = s8;
}

/* The same for stride 2 (halves_rows): the last row of x that one row of dy, of OUT_WIDTH, reaches is the first of the
 * next one's. */
INLINE void correlate_filters_apart(const __global float *x, int height, int width, int pad_y,
                                    const __global float *end, const __global float *dy, const __global float *dy_end,
                                    int out_height, int out_width, int q, int skip, float16 *sums) {
    const int16 lanes = (int16)(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    const int16 counts = lanes >= (int16)(skip);
    float16 s0 = sums[0], s1 = sums[1], s2 = sums[2], s3 = sums[3], s4 = sums[4], s5 = sums[5], s6 = sums[6],
            s7 = sums[7], s8 = sums[8], d = 0.0f, a, b, c;
    for (int row = 0; row < 2 * out_height + 1; row++) {
        const int y = row - pad_y;
        three_columns_apart(x + (long)y * width, y >= 0 && y < height, q, width, end, &a, &b, &c);
        if (row % 2 == 1) {
            s3 = FMA(d, a, s3), s4 = FMA(d, b, s4), s5 = FMA(d, c, s5);
            continue;
        }
        s6 = FMA(d, a, s6), s7 = FMA(d, b, s7), s8 = FMA(d, c, s8);
        d = 0.0f;
        if (row < 2 * out_height)
            d = as_float16(as_int16(read_row(dy + (size_t)row / 2 * out_width, q, out_width, dy_end)) & counts);
        s0 = FMA(d, a, s0), s1 = FMA(d, b, s1), s2 = FMA(d, c, s2);
    }
    sums[0] = s0, sums[1] = s1, sums[2] = s2, sums[3] = s3, sums[4] = s4, sums[5] = s5, sums[6] = s6, sums[7] = s7;
    sums[8] = s8;
}

/* Work-item (filter, part): parts_out (parts, filters, taps) gets the sum over the images of the part. LOCAL: the copy
 * of x as in `planes`, then row_block rows of dy, each rounded up to a multiple of 16, 16 floats of slack at the end
 * of each. SUMS: of taps + 3. */
__kernel __attribute__((reqd_work_group_size(1, 1, 1))) void
filter_gradient(const __global float *restrict x, const __global float *restrict dy, __global float *restrict parts_out,
                __local float *restrict tile, __local float *restrict gradient, __local float *restrict totals,
                __local int *restrict taps_x, int batch, int filters, int share, int height, int width, int out_height,
                int out_width, int kernel_y, int kernel_x, int stride_y, int stride_x, int pad_y, int pad_x,
                int dilation_y, int dilation_x, int pitch, int phases, int row_block, int part_images) {
    const int filter = (int)get_global_id(0), part = (int)get_global_id(1), taps = kernel_y * kernel_x;
    const int n_end = min(batch, (part + 1) * part_images), wide = (out_width + 15) / 16 * 16;
    const int row_pitch = phases * pitch;
    const __global float *x_end = x + (size_t)batch * (filters / share) * height * width;
    const __global float *dy_end = dy + (size_t)batch * filters * out_height * out_width;
    place_taps(kernel_x, dilation_x, stride_x, pitch, taps_x);
    for (int i = 0; i < taps; i++) vstore16((float16)(0.0f), i, totals);
    const bool sides =
        reads_sides(width, out_width, kernel_y, kernel_x, stride_y, stride_x, dilation_y, dilation_x, pad_x);
    const bool apart =
        halves_rows(width, out_width, kernel_y, kernel_x, stride_y, stride_x, dilation_y, dilation_x, pad_x);
    if (sides || apart) {
        float16 sums[9];
        for (int i = 0; i < 9; i++) sums[i] = 0.0f;
        for (int n = part * part_images; n < n_end; n++)
            for (int begin = 0; begin < out_width; begin += 16) {
                const int q = max(0, min(begin, out_width - 16));
                const __global float *image = x + ((size_t)n * (filters / share) + filter / share) * height * width;
                const __global float *gradient_of = dy + ((size_t)n * filters + filter) * out_height * out_width;
                if (sides)
                    correlate_filters_sides(image, height, width, pad_y, x_end, gradient_of, dy_end, out_height, q,
                                            begin - q, sums);
                else
                    correlate_filters_apart(image, height, width, pad_y, x_end, gradient_of, dy_end, out_height,
                                            out_width, q, begin - q, sums);
            }
        for (int i = 0; i < 9; i++) vstore16(sums[i], i, totals);
    }
    for (int n = part * part_images; n < n_end && !sides && !apart; n++)
        for (int p = 0; p < out_height; p += row_block) {
            const int rows = min(row_block, out_height - p);
            const copy from_x = { height, width, (rows - 1) * stride_y + dilation_y * (kernel_y - 1) + 1,
                                  pitch,  phases, stride_x, 1, 1, -pad_x };
            const copy from_dy = { out_height, out_width, rows, wide, 1, 1, 1, 1, 0 };
            load_plane(&from_x, x + ((size_t)n * (filters / share) + filter / share) * height * width,
                       p * stride_y - pad_y, x_end, tile);
            load_plane(&from_dy, dy + ((size_t)n * filters + filter) * out_height * out_width, p, dy_end, gradient);
            for (int r = 0; r < kernel_y; r++)
                for (int s = 0; s < kernel_x; s += 3) {
                    const int count = min(3, kernel_x - s);
                    float16 sums[3];
                    for (int i = 0; i < 3; i++) sums[i] = vload16(r * kernel_x + s + min(i, count - 1), totals);
                    correlate_filters(tile + r * dilation_y * row_pitch, stride_y * row_pitch, taps_x + s, count,
                                      gradient, wide, rows, sums);
                    for (int i = 0; i < count; i++) vstore16(sums[i], r * kernel_x + s + i, totals);
                }
        }
    parts_out += ((size_t)part * filters + filter) * taps;
    for (int i = 0; i < taps; i++) parts_out[i] = lanes16(vload16(i, totals));
}
