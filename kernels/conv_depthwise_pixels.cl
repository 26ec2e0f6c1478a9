/* Depthwise convolution for GPU-like devices: each group has one channel; SHARE filters to each. A work-item takes one
 * element of a result. */
#include "fma.h"
#include "tail.h"

#define SHAPE_PARAMETERS                                                                                               \
    int batch, int filters, int share, int height, int width, int out_height, int out_width, int kernel_y,             \
        int kernel_x, int stride_y, int stride_x, int pad_y, int pad_x, int dilation_y, int dilation_x

/* Work-item (pixel of y, plane of y); SHARE filters to a channel. */
__kernel void pixels_forward(const __global float *restrict x, const __global float *restrict weights,
                             __global float *restrict y, SHAPE_PARAMETERS, TAIL_PARAMETERS) {
    const tail_inputs tail = TAIL_INPUTS;
    const int pixel = (int)get_global_id(0), plane = (int)get_global_id(1), filter = plane % filters;
    if (pixel >= out_height * out_width) return;
    const int top = pixel / out_width * stride_y - pad_y, left = pixel % out_width * stride_x - pad_x;
    const size_t at = (size_t)plane * out_height * out_width + pixel;
    x += ((size_t)(plane / filters) * (filters / share) + filter / share) * height * width;
    weights += (size_t)filter * kernel_y * kernel_x;
    float sum = 0.0f;
    for (int r = 0; r < kernel_y; r++)
        for (int s = 0; s < kernel_x; s++) {
            const int h = top + r * dilation_y, w = left + s * dilation_x;
            if (h >= 0 && h < height && w >= 0 && w < width)
                sum = FMA(x[h * width + w], weights[r * kernel_x + s], sum);
        }
    y[at] = tail1(&tail, sum, tail_bias_of(&tail, filter), at);
}

/* Work-item (pixel of dx, plane of dx). */
__kernel void pixels_data(const __global float *restrict dy, const __global float *restrict weights,
                          __global float *restrict dx, SHAPE_PARAMETERS, TAIL_PARAMETERS) {
    const tail_inputs tail = TAIL_INPUTS;
    const int channels = filters / share, taps = kernel_y * kernel_x, plane_y = out_height * out_width;
    const int pixel = (int)get_global_id(0), plane = (int)get_global_id(1), channel = plane % channels;
    if (pixel >= height * width) return;
    const int bottom = pixel / width + pad_y, right = pixel % width + pad_x;
    const size_t at = (size_t)plane * height * width + pixel;
    dy += ((size_t)(plane / channels) * filters + channel * share) * plane_y;
    weights += (size_t)channel * share * taps;
    float sum = 0.0f;
    for (int r = 0; r < kernel_y; r++)
        for (int s = 0; s < kernel_x; s++) {
            const int below = bottom - r * dilation_y, beside = right - s * dilation_x;
            const int p = below / stride_y, q = beside / stride_x;
            if (below < 0 || beside < 0 || below % stride_y != 0 || beside % stride_x != 0 || p >= out_height ||
                q >= out_width)
                continue;
            for (int m = 0; m < share; m++)
                sum = FMA(dy[(size_t)m * plane_y + p * out_width + q], weights[m * taps + r * kernel_x + s], sum);
        }
    dx[at] = tail1(&tail, sum, tail_bias_of(&tail, channel), at);
}

/* Group (tap, filter, part): parts_out (parts, filters, taps) gets the sum over PART_PIXELS of all images' pixels. The
 * size of a group is a power of two; SUMS has a float for each work-item. */
__kernel void pixels_filter(const __global float *restrict x, const __global float *restrict dy,
                            __global float *restrict parts_out, __local float *restrict sums, SHAPE_PARAMETERS,
                            int part_pixels) {
    const int item = (int)get_local_id(0), items = (int)get_local_size(0), taps = kernel_y * kernel_x;
    const int tap = (int)get_group_id(0), filter = (int)get_group_id(1), part = (int)get_group_id(2);
    const int plane_y = out_height * out_width, end = min(batch * plane_y, (part + 1) * part_pixels);
    const int down = tap / kernel_x * dilation_y - pad_y, along = tap % kernel_x * dilation_x - pad_x;
    float sum = 0.0f;
    for (int i = part * part_pixels + item; i < end; i += items) {
        const int image = i / plane_y, pixel = i - image * plane_y;
        const int h = pixel / out_width * stride_y + down, w = pixel % out_width * stride_x + along;
        if (h < 0 || h >= height || w < 0 || w >= width) continue;
        const size_t plane_x = (size_t)image * (filters / share) + filter / share;
        sum = FMA(dy[((size_t)image * filters + filter) * plane_y + pixel], x[(plane_x * height + h) * width + w], sum);
    }
    sums[item] = sum;
    for (int others = items / 2; others > 0; others /= 2) {
        barrier(CLK_LOCAL_MEM_FENCE);
        if (item < others) sums[item] += sums[item + others];
    }
    if (item == 0) parts_out[((size_t)part * filters + filter) * taps + tap] = sums[0];
}
