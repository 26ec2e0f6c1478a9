/* Pooling whose windows cover their planes, where an item is a thread's work: an item takes PART planes. `where` holds
 * the winner's offset in its plane. */
#include "pool_windows.h"
#include "vectors.h"

__kernel void average_planes(__global const float *restrict x, __global float *restrict y, int planes, int height,
                             int width, int out_height, int out_width, int part, EXTENT_PARAMETERS) {
    const int begin = (int)get_global_id(0) * part, end = min(begin + part, planes), count = height * width;
    const float scale = per_extent(-PAD_H, -PAD_W, EXTENT_ARGUMENTS);
    for (int plane = begin; plane < end; plane++) {
        __global const float *from = x + (size_t)plane * count;
        float16 sum = 0.0f;
        int i = 0;
        for (; i + 16 <= count; i += 16) {
            sum += TERM(vload16(0, from + i));
        }
        float rest = 0.0f;
        for (; i < count; i++) {
            rest += TERM(from[i]);
        }
        y[plane] = ROOT((lanes16(sum) + rest) * scale);
    }
}

__kernel void average_gradient_planes(__global const float *restrict dy, __global float *restrict dx, int planes,
                                      int height, int width, int out_height, int out_width, int part,
                                      EXTENT_PARAMETERS) {
    const int begin = (int)get_global_id(0) * part, end = min(begin + part, planes), count = height * width;
    const float scale = per_extent(-PAD_H, -PAD_W, EXTENT_ARGUMENTS);
    for (int plane = begin; plane < end; plane++) {
        __global float *to = dx + (size_t)plane * count;
        const float share = dy[plane] * scale;
        int i = 0;
        for (; i + 16 <= count; i += 16) {
            vstore16((float16)(share), 0, to + i);
        }
        for (; i < count; i++) {
            to[i] = share;
        }
    }
}

/* Whether VALUE is the largest of its plane, or NaN, which then the largest is too. */
#define IS_LARGEST(VALUE, LARGEST) (((VALUE) == (LARGEST)) | ((VALUE) != (VALUE)))

static inline float largest_of(__global const float *x, int count) {
    float16 best = -INFINITY;
    float top = -INFINITY, lanes[16];
    int i = 0;
    for (; i + 16 <= count; i += 16) {
        const float16 value = vload16(0, x + i);
        best = WINS(value, best) ? value : best;
    }
    for (; i < count; i++) {
        top = WINS(x[i], top) ? x[i] : top;
    }
    vstore16(best, 0, lanes);
    for (int lane = 0; lane < 16; lane++) {
        top = WINS(lanes[lane], top) ? lanes[lane] : top;
    }
    return top;
}

__kernel void max_planes(__global const float *restrict x, __global float *restrict y, __global int *restrict where,
                         int planes, int height, int width, int out_height, int out_width, int part) {
    const int begin = (int)get_global_id(0) * part, end = min(begin + part, planes), count = height * width;
    for (int plane = begin; plane < end; plane++) {
        __global const float *from = x + (size_t)plane * count;
        const float largest = largest_of(from, count);
        int at = 0;
        while (at + 16 <= count && !any(IS_LARGEST(vload16(0, from + at), largest))) at += 16;
        while (at < count - 1 && !IS_LARGEST(from[at], largest)) at++;
        y[plane] = largest;
        where[plane] = at;
    }
}

__kernel void max_gradient_planes(__global const int *restrict where, __global const float *restrict dy,
                                  __global float *restrict dx, int planes, int height, int width, int out_height,
                                  int out_width, int part) {
    const int begin = (int)get_global_id(0) * part, end = min(begin + part, planes), count = height * width;
    for (int plane = begin; plane < end; plane++) {
        __global float *to = dx + (size_t)plane * count;
        int i = 0;
        for (; i + 16 <= count; i += 16) {
            vstore16((float16)(0.0f), 0, to + i);
        }
        for (; i < count; i++) {
            to[i] = 0.0f;
        }
        if (where[plane] >= 0 && where[plane] < count) to[where[plane]] = dy[plane];
    }
}
