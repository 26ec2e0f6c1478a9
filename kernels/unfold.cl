/* Unfolding and folding over three axes (src/ops/convolution/unfold.c): x (batch, channels, image), columns (batch, channels, taps,
 * out). Along each axis output p's tap r reads place p * stride - pad + r * dilation, outside the image 0.
 *   ..._planes     unfold: an item for one channel's tap; fold: an item for one channel
 *   ..._elements   an item for each element of the result
 * Indices: taps, elements of a channel's columns or of its plane; channels; images. */
#include "loose.h"

#define THREE(NAME) int NAME##_0, int NAME##_1, int NAME##_2
#define SIZES                                                                                                          \
    int batch, int channels, THREE(image), THREE(out), THREE(kernel), THREE(stride), THREE(pad), THREE(dilation)

/* First and last but one of the outputs Q whose place q * stride + offset lies in 0 .. size - 1. */
static inline int first_inside(int offset, int stride, int count) {
    return clamp((stride - 1 - offset) / stride, 0, count);
}

static inline int last_inside(int offset, int stride, int size, int count) {
    return size > offset ? min((size - 1 - offset) / stride + 1, count) : 0;
}

/* The row of COUNT outputs that reads FROM at q * stride + offset. */
static inline void take_row(const __global float *restrict from, int size, int offset, int stride, int count,
                            __global float *restrict to) {
    const int begin = first_inside(offset, stride, count), end = max(begin, last_inside(offset, stride, size, count));
    int q = 0;
    for (; q < begin; q++) to[q] = 0.0f;
    if (stride == 1)
        for (; q + 16 <= end; q += 16) GLOBAL_16(to + q) = READ_16(from + (q + offset));
    for (; q < end; q++) to[q] = from[q * stride + offset];
    for (; q < count; q++) to[q] = 0.0f;
}

/* The same places, to which the row FROM of COUNT outputs is added. */
static inline void give_row(const __global float *restrict from, int size, int offset, int stride, int count,
                            __global float *restrict to) {
    const int end = last_inside(offset, stride, size, count);
    int q = first_inside(offset, stride, count);
    if (stride == 1)
        for (; q + 16 <= end; q += 16)
            GLOBAL_16(to + (q + offset)) = READ_16(to + (q + offset)) + READ_16(from + q);
    for (; q < end; q++) to[q * stride + offset] += from[q];
}

__kernel void unfold_planes(const __global float *restrict x, __global float *restrict columns, SIZES) {
    const int tap = (int)get_global_id(0), c = (int)get_global_id(1), n = (int)get_global_id(2);
    const int r0 = tap / (kernel_1 * kernel_2), r1 = tap / kernel_2 % kernel_1, r2 = tap % kernel_2;
    const int taps = kernel_0 * kernel_1 * kernel_2, offset = r2 * dilation_2 - pad_2;
    const size_t plane = (size_t)n * channels + c;
    x += plane * image_0 * image_1 * image_2;
    columns += (plane * taps + tap) * out_0 * out_1 * out_2;
    for (int p0 = 0; p0 < out_0; p0++) {
        const int i0 = p0 * stride_0 - pad_0 + r0 * dilation_0;
        for (int p1 = 0; p1 < out_1; p1++, columns += out_2) {
            const int i1 = p1 * stride_1 - pad_1 + r1 * dilation_1;
            const bool inside = i0 >= 0 && i0 < image_0 && i1 >= 0 && i1 < image_1;
            if (inside)
                take_row(x + ((size_t)i0 * image_1 + i1) * image_2, image_2, offset, stride_2, out_2, columns);
            else
                for (int q = 0; q < out_2; q++) columns[q] = 0.0f;
        }
    }
}

__kernel void unfold_elements(const __global float *restrict x, __global float *restrict columns, SIZES) {
    const int pixels = out_0 * out_1 * out_2, taps = kernel_0 * kernel_1 * kernel_2;
    const int e = (int)get_global_id(0), c = (int)get_global_id(1), n = (int)get_global_id(2);
    if (e >= pixels * taps || c >= channels || n >= batch) return;
    const int pixel = e % pixels, tap = e / pixels;
    const int i0 = pixel / (out_1 * out_2) * stride_0 - pad_0 + tap / (kernel_1 * kernel_2) * dilation_0;
    const int i1 = pixel / out_2 % out_1 * stride_1 - pad_1 + tap / kernel_2 % kernel_1 * dilation_1;
    const int i2 = pixel % out_2 * stride_2 - pad_2 + tap % kernel_2 * dilation_2;
    const bool inside = i0 >= 0 && i0 < image_0 && i1 >= 0 && i1 < image_1 && i2 >= 0 && i2 < image_2;
    const size_t plane = (size_t)n * channels + c;
    columns[plane * taps * pixels + e] = inside ? x[((plane * image_0 + i0) * image_1 + i1) * image_2 + i2] : 0.0f;
}

__kernel void fold_planes(const __global float *restrict columns, __global float *restrict x, SIZES) {
    const int c = (int)get_global_id(1), n = (int)get_global_id(2), size = image_0 * image_1 * image_2;
    const size_t plane = (size_t)n * channels + c;
    x += plane * size;
    columns += plane * kernel_0 * kernel_1 * kernel_2 * out_0 * out_1 * out_2;
    for (int i = 0; i < size; i++) x[i] = 0.0f;
    for (int r0 = 0; r0 < kernel_0; r0++)
        for (int r1 = 0; r1 < kernel_1; r1++)
            for (int r2 = 0; r2 < kernel_2; r2++)
                for (int p0 = 0; p0 < out_0; p0++) {
                    const int i0 = p0 * stride_0 - pad_0 + r0 * dilation_0;
                    for (int p1 = 0; p1 < out_1; p1++, columns += out_2) {
                        const int i1 = p1 * stride_1 - pad_1 + r1 * dilation_1;
                        if (i0 >= 0 && i0 < image_0 && i1 >= 0 && i1 < image_1)
                            give_row(columns, image_2, r2 * dilation_2 - pad_2, stride_2, out_2,
                                     x + ((size_t)i0 * image_1 + i1) * image_2);
                    }
                }
}

/* The output whose tap R reads place I along an axis; -1 when there is none. */
static inline int reader(int i, int r, int out, int stride, int pad, int dilation) {
    const int past = i + pad - r * dilation, p = past / stride;
    return past >= 0 && p < out && p * stride == past ? p : -1;
}

__kernel void fold_elements(const __global float *restrict columns, __global float *restrict x, SIZES) {
    const int size = image_0 * image_1 * image_2;
    const int e = (int)get_global_id(0), c = (int)get_global_id(1), n = (int)get_global_id(2);
    if (e >= size || c >= channels || n >= batch) return;
    const int i0 = e / (image_1 * image_2), i1 = e / image_2 % image_1, i2 = e % image_2;
    const size_t plane = (size_t)n * channels + c;
    float sum = 0.0f;
    columns += plane * kernel_0 * kernel_1 * kernel_2 * out_0 * out_1 * out_2;
    for (int r0 = 0; r0 < kernel_0; r0++) {
        const int p0 = reader(i0, r0, out_0, stride_0, pad_0, dilation_0);
        for (int r1 = 0; r1 < kernel_1 && p0 >= 0; r1++) {
            const int p1 = reader(i1, r1, out_1, stride_1, pad_1, dilation_1);
            for (int r2 = 0; r2 < kernel_2 && p1 >= 0; r2++) {
                const int p2 = reader(i2, r2, out_2, stride_2, pad_2, dilation_2);
                const size_t tap = (r0 * kernel_1 + r1) * kernel_2 + r2;
                if (p2 >= 0) sum += columns[((tap * out_0 + p0) * out_1 + p1) * out_2 + p2];
            }
        }
    }
    x[plane * size + e] = sum;
}
