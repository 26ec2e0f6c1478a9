/* Convolution and its two gradients for GPU-like devices.
 *   forward        a work-item computes one output pixel of 8 filters; its group brings the weights into local memory
 *   data_gradient  one pixel of dx of 8 channels, gathering the dy that read it
 *   filter_gradient  a group computes 8 taps of 4 filters over a part of the pixels, each work-item a share of them
 * Any size of group does. Channels and filters are those of one group of the convolution. */
#include "fma.h"

#define SHAPE_PARAMETERS                                                                                               \
    int batch, int groups, int channels, int filters, int height, int width, int out_height, int out_width,            \
        int kernel_y, int kernel_x, int stride_y, int stride_x, int pad_y, int pad_x, int dilation_y, int dilation_x

enum { WIDE = 8, DEPTH = 64 };

/* DEPTH steps of the weights of 8 outputs (filters, or channels), the outputs of a step together: output i's weight of
 * step s is at i * output_step + s / inner * outer_step + s % inner. Missing outputs repeat the last. */
static inline void load_weights(const __global float *restrict from, int outputs, int output_step, int inner,
                                int outer_step, int begin, int end, __local float *restrict to) {
    for (int i = (int)get_local_id(0); i < (end - begin) * WIDE; i += (int)get_local_size(0)) {
        const int step = begin + i / WIDE, output = min(i % WIDE, outputs - 1);
        to[i] = from[(size_t)output * output_step + (size_t)(step / inner) * outer_step + step % inner];
    }
}

static inline void put_8(float8 sum, __global float *restrict to, int outputs, size_t step) {
    float lanes[WIDE];
    vstore8(sum, 0, lanes);
    for (int i = 0; i < outputs; i++) to[i * step] = lanes[i];
}

/* Work-item (pixel, 8 filters, image and group). */
__kernel void forward(const __global float *restrict x, const __global float *restrict weights,
                      __global float *restrict y, SHAPE_PARAMETERS) {
    __local float factors[DEPTH * WIDE];
    const int pixel = (int)get_global_id(0), f = (int)get_global_id(1) * WIDE;
    const int image = (int)get_global_id(2) / groups, group = (int)get_global_id(2) % groups;
    const int pixels = out_height * out_width, taps = kernel_y * kernel_x, depth = channels * taps;
    const int top = pixel / out_width * stride_y - pad_y, left = pixel % out_width * stride_x - pad_x;
    const int outputs = min((int)WIDE, filters - f);
    x += ((size_t)image * groups + group) * channels * height * width;
    weights += ((size_t)group * filters + f) * depth;
    float8 sum = 0.0f;
    for (int begin = 0, c = 0, r = 0, s = 0; begin < depth; begin += DEPTH) {
        const int end = min(depth, begin + DEPTH);
        load_weights(weights, outputs, depth, depth, 0, begin, end, factors);
        barrier(CLK_LOCAL_MEM_FENCE);
        for (int k = begin; k < end && pixel < pixels; k++) {
            const int h = top + r * dilation_y, w = left + s * dilation_x;
            const bool inside = h >= 0 && h < height && w >= 0 && w < width;
            const float value = inside ? x[((size_t)c * height + h) * width + w] : 0.0f;
            sum = FMA((float8)(value), vload8(k - begin, factors), sum);
            if (++s == kernel_x) s = 0, r++;
            if (r == kernel_y) r = 0, c++;
        }
        barrier(CLK_LOCAL_MEM_FENCE);
    }
    y += (((size_t)image * groups + group) * filters + f) * pixels;
    if (pixel < pixels) put_8(sum, y + pixel, outputs, pixels);
}

/* Work-item (pixel of dx, 8 channels, image and group). */
__kernel void data_gradient(const __global float *restrict dy, const __global float *restrict weights,
                            __global float *restrict dx, SHAPE_PARAMETERS) {
    __local float factors[DEPTH * WIDE];
    const int pixel = (int)get_global_id(0), c = (int)get_global_id(1) * WIDE;
    const int image = (int)get_global_id(2) / groups, group = (int)get_global_id(2) % groups;
    const int pixels = height * width, taps = kernel_y * kernel_x, depth = filters * taps;
    const int bottom = pixel / width + pad_y, right = pixel % width + pad_x, outputs = min((int)WIDE, channels - c);
    dy += ((size_t)image * groups + group) * filters * out_height * out_width;
    weights += ((size_t)group * filters * channels + c) * taps;
    float8 sum = 0.0f;
    for (int begin = 0, f = 0, r = 0, s = 0; begin < depth; begin += DEPTH) {
        const int end = min(depth, begin + DEPTH);
        load_weights(weights, outputs, taps, taps, channels * taps, begin, end, factors);
        barrier(CLK_LOCAL_MEM_FENCE);
        for (int k = begin; k < end && pixel < pixels; k++) {
            const int below = bottom - r * dilation_y, beside = right - s * dilation_x;
            const int p = below / stride_y, q = beside / stride_x;
            const bool reads = below >= 0 && beside >= 0 && below % stride_y == 0 && beside % stride_x == 0 &&
                               p < out_height && q < out_width;
            const float value = reads ? dy[((size_t)f * out_height + p) * out_width + q] : 0.0f;
            sum = FMA((float8)(value), vload8(k - begin, factors), sum);
            if (++s == kernel_x) s = 0, r++;
            if (r == kernel_y) r = 0, f++;
        }
        barrier(CLK_LOCAL_MEM_FENCE);
    }
    dx += (((size_t)image * groups + group) * channels + c) * pixels;
    if (pixel < pixels) put_8(sum, dx + pixel, outputs, pixels);
}

enum { FILTERS = 4 };

/* The 8 taps' values under output pixel (image, p, q): x at the taps' channels and offsets, zero outside. */
static inline float8 gather(const __global float *restrict x, const int *c, const int *dh, const int *dw, int top,
                            int left, int height, int width) {
    float value[WIDE];
    for (int i = 0; i < WIDE; i++) {
        const int h = top + dh[i], w = left + dw[i];
        const bool inside = h >= 0 && h < height && w >= 0 && w < width;
        value[i] = inside ? x[((size_t)c[i] * height + h) * width + w] : 0.0f;
    }
    return vload8(0, value);
}

/* Group (8 rows of channels * taps, 4 filters, group and part): parts_out (parts, groups, filters, channels * taps)
 * gets the sum over the pixels of all images from part * part_pixels on. SUMS: 32 floats for each work-item. */
__kernel void filter_gradient(const __global float *restrict x, const __global float *restrict dy,
                              __global float *restrict parts_out, __local float *restrict sums, SHAPE_PARAMETERS,
                              int part_pixels) {
    const int item = (int)get_local_id(0), items = (int)get_local_size(0);
    const int row = (int)get_group_id(0) * WIDE, f = (int)get_group_id(1) * FILTERS;
    const int group = (int)get_group_id(2) % groups, part = (int)get_group_id(2) / groups;
    const int taps = kernel_y * kernel_x, rows = channels * taps, pixels = out_height * out_width;
    const int end = min(batch * pixels, (part + 1) * part_pixels);
    int c[WIDE], dh[WIDE], dw[WIDE];
    for (int i = 0; i < WIDE; i++) {
        const int tap = min(row + i, rows - 1);
        c[i] = tap / taps, dh[i] = tap % taps / kernel_x * dilation_y, dw[i] = tap % kernel_x * dilation_x;
    }
    float8 sum[FILTERS];
    for (int j = 0; j < FILTERS; j++) sum[j] = 0.0f;
    for (int i = part * part_pixels + item; i < end; i += items) {
        const int image = i / pixels, pixel = i % pixels;
        const size_t plane = (size_t)image * groups + group;
        const float8 values = gather(x + plane * channels * height * width, c, dh, dw,
                                     pixel / out_width * stride_y - pad_y, pixel % out_width * stride_x - pad_x, height,
                                     width);
        for (int j = 0; j < FILTERS; j++) {
            const float d = dy[(plane * filters + min(f + j, filters - 1)) * pixels + pixel];
            sum[j] = FMA((float8)(d), values, sum[j]);
        }
    }
    for (int j = 0; j < FILTERS; j++) vstore8(sum[j], item * FILTERS + j, sums);
    barrier(CLK_LOCAL_MEM_FENCE);
    for (int i = item; i < FILTERS * WIDE; i += items) {
        const int filter = f + i / WIDE, tap = row + i % WIDE;
        if (filter >= filters || tap >= rows) continue;
        float total = 0.0f;
        for (int k = 0; k < items; k++) total += sums[k * FILTERS * WIDE + i];
        parts_out[(((size_t)part * groups + group) * filters + filter) * rows + tap] = total;
    }
}

/* out[i] = the sum of element i of all parts, in order. */
__kernel void add_parts(const __global float *restrict parts, __global float *restrict out, int count, int part_count) {
    const int i = (int)get_global_id(0);
    if (i >= count) return;
    float sum = parts[i];
    for (int p = 1; p < part_count; p++) sum += parts[(size_t)p * count + i];
    out[i] = sum;
}
