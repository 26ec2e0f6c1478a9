/* Depthwise convolution by any kernel for CPU-like devices (conv_groups.cl and conv_group_filter.cl have the usual ones):
 * each group has one channel; SHARE filters to each. A work-item, alone in its group, takes rows of a plane through a
 * zero-padded copy in local memory; the data gradient is the same correlation of dy, zeros put between its pixels for
 * the strides, with the kernel turned round. That of 3 x 3 kernels needs no copy where stride 2 halves rows. */
#include "depthwise_target.h"
#include "fma.h"
#include "padded_copy.h"
#include "tail.h"
#include "vectors.h"

/* 16 floats of a row of WIDTH from Q on, zeros after a row that is shorter, where Q is 0. The array ends at END. */
INLINE float16 read_row(const __global float *line, int q, int width, const __global float *end) {
    return width < 16 ? read_some(line, width, end) : READ_16(line + q);
}

/* Whether a kernel of 3 x 3 with stride 2 reaches one column left of a row of x that is twice as wide as one of y, or
 * where that is less than a vector one less: then dx needs no copy of dy. */
INLINE bool halves_rows(int x_width, int y_width, int kernel_y, int kernel_x, int stride_y, int stride_x,
                        int dilation_y, int dilation_x, int pad_x) {
    return kernel_y == 3 && kernel_x == 3 && stride_y == 2 && stride_x == 2 && dilation_y == 1 && dilation_x == 1 &&
           pad_x == 1 && (x_width == 2 * y_width || (x_width == 2 * y_width - 1 && y_width < 16));
}

/* ---- forward and data gradient ---- */

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
                      int dilation_y, const __local int *taps_x, const __global float *weights, int weight_step,
                      int rows, int q, const target *t, const tail_inputs *tail) {
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
        const bool spreads = sources == 1 && halves_rows(out_width, width, kernel_y, kernel_x, insert_y, insert_x,
                                                         dilation_y, dilation_x, 2 - pad_x);
        if (spreads) {
            float turned_weights[9];
            for (int i = 0; i < 9; i++) turned_weights[i] = w[i * step];
            for (int begin = 0; begin < width; begin += 16)
                spread_apart(from, height, width, p, 2 - pad_y, end, turned_weights, rows,
                             max(0, min(begin, width - 16)), &t, &tail);
            continue;
        }
        load_plane(&c, from, p * stride_y - pad_y, end, tile);
        for (int begin = 0; begin < out_width; begin += 16) {
            const int q = sources > 1 ? begin : max(0, min(begin, out_width - 16));
            correlate(tile, stride_y * row_pitch, row_pitch, kernel_y, kernel_x, dilation_y, taps_x, w, step, rows, q,
                      &t, &tail);
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
    for (int n = part * part_images; n < n_end; n++)
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
