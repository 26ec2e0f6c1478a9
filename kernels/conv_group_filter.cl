/* The filter gradient of a convolution in groups of few channels and filters, for CPU-like devices: kernels of SIZE x SIZE
 * (odd), strides of STRIDE (1 or 2). Lanes are pixels: a work-item, alone in its group, walks down a plane of x and
 * FILTERS planes of dy; each row of x is read once for all rows of dy that reach it. */
#include "fma.h"
#include "plane_rows.h"
#include "vectors.h"

#ifndef FILTERS
#define FILTERS 2
#endif

/* 16 floats of a row of dy, zero after the first COUNT. The array ends at END. */
INLINE float16 read_gradient(const __global float *from, int count, const __global float *end) {
    if (count >= 16) return READ_16(from);
    if (from + 16 <= end) return mask_16(READ_16(from), 0, (uint)count);
    return load_some(from, count, 0.0f);
}

/* sums[f * TAPS + tap] += the products of columns Q .. Q + 15 of filter f's plane of dy with what is under the tap. */
INLINE void correlate(const source *s, int first_y, int x, const __global float *const *dy, const __global float *end,
                      int out_height, int out_width, int q, float16 *sums) {
    float16 d[FILTERS * AGES], v[SIZE + 1];
    UNROLL
    for (int k = 0; k < FILTERS * AGES; k++) d[k] = 0.0f;
    for (int newest = 0; newest < out_height + AGES - 1; newest++) {
        float16 older[FILTERS * AGES];
        UNROLL
        for (int k = 0; k < FILTERS * AGES; k++) older[k] = d[k];
        UNROLL
        for (int k = 0; k < FILTERS * AGES; k++) {
            if (k % AGES > 0)
                d[k] = older[k - 1];
            else if (newest < out_height)
                d[k] = read_gradient(dy[k / AGES] + (size_t)newest * out_width + q, out_width - q, end);
            else
                d[k] = 0.0f;
        }
        UNROLL
        for (int e = 0; e < STRIDE; e++) {
            const int y = first_y + newest * STRIDE + e;
            if (y >= 0 && y < s->height) {
                read_16(s, y, x, v);
                UNROLL
                for (int r = e; r < SIZE; r += STRIDE) {
                    UNROLL
                    for (int i = 0; i < SIZE * FILTERS; i++) {
                        const int f = i % FILTERS, at = f * TAPS + r * SIZE + i / FILTERS;
                        sums[at] = FMA(d[f * AGES + r / STRIDE], v[i / FILTERS], sums[at]);
                    }
                }
            }
        }
    }
}

/* Work-item (group, part): parts_out (parts, groups, filters, channels, taps) gets the sum over the images of the part.
 * TOTALS: 16 floats for each weight of a group. */
__kernel __attribute__((reqd_work_group_size(1, 1, 1))) void
group_filters(const __global float *restrict x, const __global float *restrict dy, __global float *restrict parts_out,
              __local float *restrict totals, int batch, int groups, int channels, int filters, int height, int width,
              int out_height, int out_width, int pad_y, int pad_x, int part_images) {
    const int group = (int)get_global_id(0), part = (int)get_global_id(1), weights = filters * channels * TAPS;
    const int n_end = min(batch, (part + 1) * part_images), plane = height * width, pixels = out_height * out_width;
    const __global float *dy_end = dy + (size_t)batch * groups * filters * pixels;
    source s = { x, x, x + (size_t)batch * groups * channels * plane, height, width };
    for (int i = 0; i < weights; i++) vstore16((float16)(0.0f), i, totals);
    for (int n = part * part_images; n < n_end; n++)
        for (int c = 0; c < channels; c++)
            for (int f = 0; f < filters; f += FILTERS) {
                const __global float *gradients[FILTERS];
                float16 sums[FILTERS * TAPS];
                UNROLL
                for (int i = 0; i < FILTERS; i++) /* past the last it is repeated, and its sums dropped */
                    gradients[i] =
                        dy + (((size_t)n * groups + group) * filters + min(f + i, filters - 1)) * (size_t)pixels;
                UNROLL
                for (int i = 0; i < FILTERS * TAPS; i++) sums[i] = 0.0f;
                s.from = x + (((size_t)n * groups + group) * channels + c) * (size_t)plane;
                for (int q = 0; q < out_width; q += 16)
                    correlate(&s, -pad_y, q * STRIDE - pad_x, gradients, dy_end, out_height, out_width, q, sums);
                UNROLL
                for (int i = 0; i < FILTERS * TAPS; i++) {
                    const int f_now = f + i / TAPS, at = (f_now * channels + c) * TAPS + i % TAPS;
                    if (f_now < filters) vstore16(sums[i] + vload16(at, totals), at, totals);
                }
            }
    parts_out += ((size_t)part * groups + group) * weights;
    for (int i = 0; i < weights; i++) parts_out[i] = lanes16(vload16(i, totals));
}
