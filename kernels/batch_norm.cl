/* Batch normalisation over (N, C, S), S the product of the spatial axes.
 * Moments of each channel come in parts of PART_ROWS samples: for each part its mean and the sum of the squared
 * differences from that mean (two passes, the second over what the first brought into the cache), then all parts
 * together (Chan, Golub, LeVeque 1979), in order. So variances do not suffer from a large mean.
 *   ..._vectors   S > 1: an item for each channel and part
 *   ..._groups    S > 1: a group of GROUP items for each channel and part
 *   ..._columns   S = 1: an item for each WIDTH (1 or 16) channels and part
 * Workspace: a pair of floats for each channel and part. */
#include "group_sum.h"
#include "tail.h"
#include "vectors.h"

#ifndef WIDTH
#define WIDTH 1
#endif

#if WIDTH == 16
typedef float16 lanes;
#define LOAD(P, COUNT) load_some(P, COUNT, 0.0f)
#define STORE_PAIRS(A, B, P, STRIDE, COUNT)                                                                            \
    do {                                                                                                               \
        float lanes_a[16], lanes_b[16];                                                                                \
        vstore16(A, 0, lanes_a);                                                                                       \
        vstore16(B, 0, lanes_b);                                                                                       \
        for (int lane = 0; lane < COUNT; lane++) {                                                                     \
            vstore2((float2)(lanes_a[lane], lanes_b[lane]), (size_t)lane * STRIDE, P);                                 \
        }                                                                                                              \
    } while (0)
#else
typedef float lanes;
#define LOAD(P, COUNT) (*(P))
#define STORE_PAIRS(A, B, P, STRIDE, COUNT) vstore2((float2)(A, B), 0, P)
#endif

/* ---- moments ---- */

__kernel void moments_vectors(__global const float *restrict x, __global float *restrict pairs, int samples,
                              int channels, int space, int part_rows, int parts) {
    const int part = (int)get_global_id(0), c = (int)get_global_id(1);
    const int first = part * part_rows, last = min(first + part_rows, samples);
    float16 sum = 0.0f, squares = 0.0f;
    float sum_rest = 0.0f, squares_rest = 0.0f;
    for (int n = first; n < last; n++) {
        __global const float *row = x + ((size_t)n * channels + c) * space;
        int i = 0;
        for (; i + 16 <= space; i += 16) {
            sum += vload16(0, row + i);
        }
        for (; i < space; i++) {
            sum_rest += row[i];
        }
    }
    const float mean = (lanes16(sum) + sum_rest) / ((float)(last - first) * (float)space);
    for (int n = first; n < last; n++) {
        __global const float *row = x + ((size_t)n * channels + c) * space;
        int i = 0;
        for (; i + 16 <= space; i += 16) {
            const float16 difference = vload16(0, row + i) - mean;
            squares += difference * difference;
        }
        for (; i < space; i++) {
            squares_rest += (row[i] - mean) * (row[i] - mean);
        }
    }
    vstore2((float2)(mean, lanes16(squares) + squares_rest), (size_t)c * parts + part, pairs);
}

__kernel __attribute__((reqd_work_group_size(GROUP, 1, 1))) void
moments_groups(__global const float *restrict x, __global float *restrict pairs, int samples, int channels, int space,
               int part_rows, int parts) {
    __local float scratch[GROUP];
    const int part = (int)get_group_id(0), c = (int)get_group_id(1), item = (int)get_local_id(0);
    const int first = part * part_rows, last = min(first + part_rows, samples);
    float sum = 0.0f, squares = 0.0f;
    for (int n = first; n < last; n++) {
        __global const float *row = x + ((size_t)n * channels + c) * space;
        for (int i = item; i < space; i += GROUP) {
            sum += row[i];
        }
    }
    const float mean = group_sum(sum, scratch) / ((float)(last - first) * (float)space);
    for (int n = first; n < last; n++) {
        __global const float *row = x + ((size_t)n * channels + c) * space;
        for (int i = item; i < space; i += GROUP) {
            squares += (row[i] - mean) * (row[i] - mean);
        }
    }
    squares = group_sum(squares, scratch);
    if (item == 0) vstore2((float2)(mean, squares), (size_t)c * parts + part, pairs);
}

__kernel void moments_columns(__global const float *restrict x, __global float *restrict pairs, int samples,
                              int channels, int space, int part_rows, int parts) {
    const int part = (int)get_global_id(0), c = (int)get_global_id(1) * WIDTH;
    if (c >= channels || part >= parts) return;
    const int first = part * part_rows, last = min(first + part_rows, samples), count = min(channels - c, WIDTH);
    lanes sum = 0.0f, squares = 0.0f;
    for (int n = first; n < last; n++) {
        sum += LOAD(x + (size_t)n * channels + c, count);
    }
    const lanes mean = sum / (float)(last - first);
    for (int n = first; n < last; n++) {
        const lanes difference = LOAD(x + (size_t)n * channels + c, count) - mean;
        squares += difference * difference;
    }
    __global float *to = pairs + 2 * ((size_t)c * parts + part);
    STORE_PAIRS(mean, squares, to, parts, count);
}

/* Joins the parts; moves the running statistics, the variance there without bias. */
__kernel void finish_moments(__global const float *restrict pairs, __global const float *restrict running_mean,
                             __global const float *restrict running_variance, __global float *restrict mean_out,
                             __global float *restrict inverse_deviation, __global float *restrict new_mean,
                             __global float *restrict new_variance, int samples, int channels, int space, int part_rows,
                             int parts, float epsilon, float momentum) {
    const int c = (int)get_global_id(0);
    if (c >= channels) return;
    float2 all = vload2((size_t)c * parts, pairs);
    float count = (float)min(part_rows, samples) * (float)space;
    for (int part = 1; part < parts; part++) {
        const float2 next = vload2((size_t)c * parts + part, pairs);
        const float more = (float)min(part_rows, samples - part * part_rows) * (float)space;
        const float difference = next.x - all.x, total = count + more;
        all.x += difference * (more / total);
        all.y += next.y + difference * difference * (count * (more / total));
        count = total;
    }
    mean_out[c] = all.x;
    inverse_deviation[c] = 1.0f / sqrt(all.y / count + epsilon);
    new_mean[c] = running_mean[c] + momentum * (all.x - running_mean[c]);
    new_variance[c] = running_variance[c] + momentum * (all.y / fmax(count - 1.0f, 1.0f) - running_variance[c]);
}

/* ---- y = tail((x - mean) * inverse deviation * gamma + beta): an item for PART elements of each of ROWS rows ---- */

/* Y may lie where the residual lies: an element of it is read before that element is written. */
__kernel void apply_planes(__global const float *restrict x, __global const float *restrict gamma,
                           __global const float *restrict beta, __global const float *restrict mean,
                           __global const float *restrict inverse_deviation, __global float *y, TAIL_PARAMETERS,
                           int channels, int space, int part, int all_rows, int rows) {
    const tail_inputs tail = TAIL_INPUTS;
    const int begin = (int)get_global_id(0) * part, end = min(begin + part, space);
    const int first = (int)get_global_id(1) * rows, last = min(first + rows, all_rows);
    for (int row = first, c = first % channels; row < last; row++, c = c + 1 < channels ? c + 1 : 0) {
        const size_t at = (size_t)row * space;
        const float centre = mean[c], scale = inverse_deviation[c] * gamma[c], shift = beta[c];
        int i = begin;
        for (; i + 16 <= end; i += 16) {
            const float16 normal = (vload16(0, x + at + i) - centre) * scale;
            vstore16(tail16(&tail, normal, (float16)(shift), at + i), 0, y + at + i);
        }
        for (; i < end; i++) {
            y[at + i] = tail1(&tail, (x[at + i] - centre) * scale, shift, at + i);
        }
    }
}

__kernel void apply_columns(__global const float *restrict x, __global const float *restrict gamma,
                            __global const float *restrict beta, __global const float *restrict mean,
                            __global const float *restrict inverse_deviation, __global float *y, TAIL_PARAMETERS,
                            int channels, int part) {
    const tail_inputs tail = TAIL_INPUTS;
    const int begin = (int)get_global_id(0) * part, end = min(begin + part, channels);
    const size_t row = (size_t)get_global_id(1) * channels;
    int c = begin;
    for (; c + 16 <= end; c += 16) {
        const float16 scale = vload16(0, inverse_deviation + c) * vload16(0, gamma + c);
        const float16 normal = (vload16(0, x + row + c) - vload16(0, mean + c)) * scale;
        vstore16(tail16(&tail, normal, vload16(0, beta + c), row + c), 0, y + row + c);
    }
    for (; c < end; c++) {
        const float normal = (x[row + c] - mean[c]) * (inverse_deviation[c] * gamma[c]);
        y[row + c] = tail1(&tail, normal, beta[c], row + c);
    }
}

/* ---- gradient: sums of dy and of dy * (x - mean) / deviation ---- */

__kernel void sums_vectors(__global const float *restrict x, __global const float *restrict mean,
                           __global const float *restrict inverse_deviation, __global const float *restrict dy,
                           __global float *restrict pairs, int samples, int channels, int space, int part_rows,
                           int parts) {
    const int part = (int)get_global_id(0), c = (int)get_global_id(1);
    const int first = part * part_rows, last = min(first + part_rows, samples);
    const float centre = mean[c];
    float16 sum = 0.0f, products = 0.0f;
    float sum_rest = 0.0f, products_rest = 0.0f;
    for (int n = first; n < last; n++) {
        const size_t row = ((size_t)n * channels + c) * space;
        int i = 0;
        for (; i + 16 <= space; i += 16) {
            const float16 d = vload16(0, dy + row + i);
            sum += d;
            products += d * (vload16(0, x + row + i) - centre);
        }
        for (; i < space; i++) {
            sum_rest += dy[row + i];
            products_rest += dy[row + i] * (x[row + i] - centre);
        }
    }
    const float product = (lanes16(products) + products_rest) * inverse_deviation[c];
    vstore2((float2)(lanes16(sum) + sum_rest, product), (size_t)c * parts + part, pairs);
}

__kernel __attribute__((reqd_work_group_size(GROUP, 1, 1))) void
sums_groups(__global const float *restrict x, __global const float *restrict mean,
            __global const float *restrict inverse_deviation, __global const float *restrict dy,
            __global float *restrict pairs, int samples, int channels, int space, int part_rows, int parts) {
    __local float scratch[GROUP];
    const int part = (int)get_group_id(0), c = (int)get_group_id(1), item = (int)get_local_id(0);
    const int first = part * part_rows, last = min(first + part_rows, samples);
    const float centre = mean[c];
    float sum = 0.0f, products = 0.0f;
    for (int n = first; n < last; n++) {
        const size_t row = ((size_t)n * channels + c) * space;
        for (int i = item; i < space; i += GROUP) {
            sum += dy[row + i];
            products += dy[row + i] * (x[row + i] - centre);
        }
    }
    sum = group_sum(sum, scratch);
    products = group_sum(products, scratch);
    if (item == 0) vstore2((float2)(sum, products * inverse_deviation[c]), (size_t)c * parts + part, pairs);
}

__kernel void sums_columns(__global const float *restrict x, __global const float *restrict mean,
                           __global const float *restrict inverse_deviation, __global const float *restrict dy,
                           __global float *restrict pairs, int samples, int channels, int space, int part_rows,
                           int parts) {
    const int part = (int)get_global_id(0), c = (int)get_global_id(1) * WIDTH;
    if (c >= channels || part >= parts) return;
    const int first = part * part_rows, last = min(first + part_rows, samples), count = min(channels - c, WIDTH);
    const lanes centre = LOAD(mean + c, count), scale = LOAD(inverse_deviation + c, count);
    lanes sum = 0.0f, products = 0.0f;
    for (int n = first; n < last; n++) {
        const lanes d = LOAD(dy + (size_t)n * channels + c, count);
        sum += d;
        products += d * (LOAD(x + (size_t)n * channels + c, count) - centre);
    }
    __global float *to = pairs + 2 * ((size_t)c * parts + part);
    STORE_PAIRS(sum, (products * scale), to, parts, count);
}

__kernel void finish_sums(__global const float *restrict pairs, __global float *restrict dgamma,
                          __global float *restrict dbeta, int channels, int parts) {
    const int c = (int)get_global_id(0);
    if (c >= channels) return;
    float2 all = 0.0f;
    for (int part = 0; part < parts; part++) {
        all += vload2((size_t)c * parts + part, pairs);
    }
    dbeta[c] = all.x;
    dgamma[c] = all.y;
}

/* ---- dx = gamma * inverse deviation * (dy - dbeta / M - (x - mean) * inverse deviation * dgamma / M), PER_M = 1 / M.
 *      DX may lie where DY lies: an element of it is read before that element is written ---- */

__kernel void gradient_planes(__global const float *restrict x, __global const float *restrict gamma,
                              __global const float *restrict mean, __global const float *restrict inverse_deviation,
                              __global const float *dy, __global const float *restrict dgamma,
                              __global const float *restrict dbeta, __global float *dx, int channels, int space,
                              int part, int all_rows, int rows, float per_m) {
    const int begin = (int)get_global_id(0) * part, end = min(begin + part, space);
    const int first = (int)get_global_id(1) * rows, last = min(first + rows, all_rows);
    for (int row = first, c = first % channels; row < last; row++, c = c + 1 < channels ? c + 1 : 0) {
        const size_t at = (size_t)row * space;
        const float centre = mean[c], scale = gamma[c] * inverse_deviation[c];
        const float level = dbeta[c] * per_m, slope = inverse_deviation[c] * dgamma[c] * per_m;
        int i = begin;
        for (; i + 16 <= end; i += 16) {
            const float16 fall = (vload16(0, x + at + i) - centre) * slope;
            vstore16(scale * (vload16(0, dy + at + i) - level - fall), 0, dx + at + i);
        }
        for (; i < end; i++) {
            dx[at + i] = scale * (dy[at + i] - level - (x[at + i] - centre) * slope);
        }
    }
}

__kernel void gradient_columns(__global const float *restrict x, __global const float *restrict gamma,
                               __global const float *restrict mean, __global const float *restrict inverse_deviation,
                               __global const float *dy, __global const float *restrict dgamma,
                               __global const float *restrict dbeta, __global float *dx, int channels, int part,
                               float per_m) {
    const int begin = (int)get_global_id(0) * part, end = min(begin + part, channels);
    const size_t row = (size_t)get_global_id(1) * channels;
    int c = begin;
    for (; c + 16 <= end; c += 16) {
        const float16 r = vload16(0, inverse_deviation + c), slope = r * vload16(0, dgamma + c) * per_m;
        const float16 fall = (vload16(0, x + row + c) - vload16(0, mean + c)) * slope;
        const float16 level = vload16(0, dbeta + c) * per_m;
        vstore16(vload16(0, gamma + c) * r * (vload16(0, dy + row + c) - level - fall), 0, dx + row + c);
    }
    for (; c < end; c++) {
        const float slope = inverse_deviation[c] * dgamma[c] * per_m, fall = (x[row + c] - mean[c]) * slope;
        dx[row + c] = gamma[c] * inverse_deviation[c] * (dy[row + c] - dbeta[c] * per_m - fall);
    }
}
