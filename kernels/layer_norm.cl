/* Normalisation of rows: x (R, G, K, I), a row is the K * I numbers at one (r, g):
 *   y = (x - mean) * d * gamma[g,k] + beta[g,k],  d = 1 / sqrt(variance + epsilon);  CENTRED 0: mean is 0
 * and its gradient dx = d * (w - sum of w / S - xhat * sum of w * xhat / S), w = dy * gamma, xhat = (x - mean) * d,
 * S = K * I (without the first sum where CENTRED is 0), dgamma and dbeta the sums of dy * xhat and of dy for each (g,
 * k): in parts of rows at first, then joined in order.
 *   ..._vectors  an item for some rows, each from the cache after the first time
 *   ..._groups   a group of GROUP items for a row; sums for parameters by launches of their own */
#include "group_sum.h"
#include "vectors.h"

/* ---- rows by one item ---- */

static inline float sum_of(__global const float *row, int count) {
    float16 sums = 0.0f;
    float rest = 0.0f;
    int i = 0;
    for (; i + 16 <= count; i += 16) {
        sums += vload16(0, row + i);
    }
    for (; i < count; i++) {
        rest += row[i];
    }
    return lanes16(sums) + rest;
}

static inline float squares_around(__global const float *row, float mean, int count) {
    float16 sums = 0.0f;
    float rest = 0.0f;
    int i = 0;
    for (; i + 16 <= count; i += 16) {
        const float16 difference = vload16(0, row + i) - mean;
        sums += difference * difference;
    }
    for (; i < count; i++) {
        rest += (row[i] - mean) * (row[i] - mean);
    }
    return lanes16(sums) + rest;
}

/* y = (x - mean) * scale + shift over a run of COUNT elements with one parameter. */
static inline void apply_run(__global const float *x, __global float *y, float mean, float scale, float shift,
                             int count) {
    int i = 0;
    for (; i + 16 <= count; i += 16) {
        vstore16((vload16(0, x + i) - mean) * scale + shift, 0, y + i);
    }
    for (; i < count; i++) {
        y[i] = (x[i] - mean) * scale + shift;
    }
}

/* The same with a parameter for each element. */
static inline void apply_each(__global const float *x, __global float *y, float mean, float d,
                              __global const float *gamma, __global const float *beta, int count) {
    int i = 0;
    for (; i + 16 <= count; i += 16) {
        vstore16((vload16(0, x + i) - mean) * (vload16(0, gamma + i) * d) + vload16(0, beta + i), 0, y + i);
    }
    for (; i < count; i++) {
        y[i] = (x[i] - mean) * (gamma[i] * d) + beta[i];
    }
}

__kernel void forward_vectors(__global const float *restrict x, __global const float *restrict gamma,
                              __global const float *restrict beta, __global float *restrict y,
                              __global float *restrict means, __global float *restrict inverse_deviations, int rows,
                              int g_count, int k_count, int i_count, int part, float epsilon, int centred) {
    const int first = (int)get_global_id(0) * part, last = min(first + part, rows), count = k_count * i_count;
    for (int row = first; row < last; row++) {
        const int parameter = row % g_count * k_count;
        __global const float *from = x + (size_t)row * count;
        __global float *to = y + (size_t)row * count;
        const float mean = centred ? sum_of(from, count) / (float)count : 0.0f;
        const float d = 1.0f / sqrt(squares_around(from, mean, count) / (float)count + epsilon);
        means[row] = mean;
        inverse_deviations[row] = d;
        if (i_count == 1) {
            apply_each(from, to, mean, d, gamma + parameter, beta + parameter, count);
            continue;
        }
        for (int k = 0; k < k_count; k++) {
            apply_run(from + (size_t)k * i_count, to + (size_t)k * i_count, mean, gamma[parameter + k] * d,
                      beta[parameter + k], i_count);
        }
    }
}

/* ---- gradient by one item: sums of a row, added to its part's sums for parameters, then dx ---- */

/* (sum of w, sum of w * xhat) of a row with a parameter for each element; adds dy * xhat and dy to the part's sums. */
static inline float2 sums_each(__global const float *x, __global const float *dy, __global const float *gamma,
                               __global float *dgamma, __global float *dbeta, float mean, float d, int count) {
    float16 sums = 0.0f, products = 0.0f;
    float sum_rest = 0.0f, product_rest = 0.0f;
    int i = 0;
    for (; i + 16 <= count; i += 16) {
        const float16 slope = vload16(0, dy + i), xhat = (vload16(0, x + i) - mean) * d;
        const float16 product = slope * xhat, scale = vload16(0, gamma + i);
        vstore16(vload16(0, dgamma + i) + product, 0, dgamma + i);
        vstore16(vload16(0, dbeta + i) + slope, 0, dbeta + i);
        sums += slope * scale;
        products += product * scale;
    }
    for (; i < count; i++) {
        const float product = dy[i] * ((x[i] - mean) * d);
        dgamma[i] += product;
        dbeta[i] += dy[i];
        sum_rest += dy[i] * gamma[i];
        product_rest += product * gamma[i];
    }
    return (float2)(lanes16(sums) + sum_rest, lanes16(products) + product_rest);
}

/* (sum of dy, sum of dy * xhat) of a run with one parameter. */
static inline float2 sums_of_run(__global const float *x, __global const float *dy, float mean, float d, int count) {
    float16 sums = 0.0f, products = 0.0f;
    float sum_rest = 0.0f, product_rest = 0.0f;
    int i = 0;
    for (; i + 16 <= count; i += 16) {
        const float16 slope = vload16(0, dy + i);
        sums += slope;
        products += slope * (vload16(0, x + i) - mean);
    }
    for (; i < count; i++) {
        sum_rest += dy[i];
        product_rest += dy[i] * (x[i] - mean);
    }
    return (float2)(lanes16(sums) + sum_rest, (lanes16(products) + product_rest) * d);
}

/* dx = scale * dy - level - (x - mean) * slope. */
static inline void slopes_of_run(__global const float *x, __global const float *dy, __global float *dx, float mean,
                                 float scale, float level, float slope, int count) {
    int i = 0;
    for (; i + 16 <= count; i += 16) {
        vstore16(scale * vload16(0, dy + i) - level - (vload16(0, x + i) - mean) * slope, 0, dx + i);
    }
    for (; i < count; i++) {
        dx[i] = scale * dy[i] - level - (x[i] - mean) * slope;
    }
}

static inline void slopes_each(__global const float *x, __global const float *dy, __global float *dx,
                               __global const float *gamma, float mean, float d, float level, float slope, int count) {
    int i = 0;
    for (; i + 16 <= count; i += 16) {
        const float16 straight = vload16(0, gamma + i) * d * vload16(0, dy + i);
        vstore16(straight - level - (vload16(0, x + i) - mean) * slope, 0, dx + i);
    }
    for (; i < count; i++) {
        dx[i] = gamma[i] * d * dy[i] - level - (x[i] - mean) * slope;
    }
}

/* SUMS: for each part dgamma of all parameters, then dbeta. */
__kernel void gradient_vectors(__global const float *restrict x, __global const float *restrict gamma,
                               __global const float *restrict means, __global const float *restrict inverse_deviations,
                               __global const float *restrict dy, __global float *restrict dx,
                               __global float *restrict sums, int rows, int g_count, int k_count, int i_count, int part,
                               int centred) {
    const int number = (int)get_global_id(0), first = number * part, last = min(first + part, rows);
    const int count = k_count * i_count, parameters = g_count * k_count;
    __global float *dgamma = sums + (size_t)number * 2 * parameters, *dbeta = dgamma + parameters;
    for (int c = 0; c < parameters; c++) {
        dgamma[c] = dbeta[c] = 0.0f;
    }
    for (int row = first; row < last; row++) {
        const int g = row % g_count * k_count;
        const size_t at = (size_t)row * count;
        const float mean = means[row], d = inverse_deviations[row];
        float2 all = 0.0f;
        if (i_count == 1) {
            all = sums_each(x + at, dy + at, gamma + g, dgamma + g, dbeta + g, mean, d, count);
        } else {
            for (int k = 0; k < k_count; k++) {
                const size_t run = at + (size_t)k * i_count;
                const float2 own = sums_of_run(x + run, dy + run, mean, d, i_count);
                dbeta[g + k] += own.x;
                dgamma[g + k] += own.y;
                all += own * gamma[g + k];
            }
        }
        const float level = centred ? d * all.x / (float)count : 0.0f, slope = d * d * all.y / (float)count;
        if (i_count == 1) {
            slopes_each(x + at, dy + at, dx + at, gamma + g, mean, d, level, slope, count);
            continue;
        }
        for (int k = 0; k < k_count; k++) {
            const size_t run = at + (size_t)k * i_count;
            slopes_of_run(x + run, dy + run, dx + run, mean, gamma[g + k] * d, level, slope, i_count);
        }
    }
}

__kernel void finish_parameters(__global const float *restrict sums, __global float *restrict dgamma,
                                __global float *restrict dbeta, int parameters, int parts) {
    const int c = (int)get_global_id(0);
    if (c >= parameters) return;
    float product = 0.0f, sum = 0.0f;
    for (int part = 0; part < parts; part++) {
        product += sums[(size_t)part * 2 * parameters + c];
        sum += sums[((size_t)part * 2 + 1) * parameters + c];
    }
    dgamma[c] = product;
    dbeta[c] = sum;
}

/* ---- rows by groups ---- */

__kernel __attribute__((reqd_work_group_size(GROUP, 1, 1))) void
forward_groups(__global const float *restrict x, __global const float *restrict gamma,
               __global const float *restrict beta, __global float *restrict y, __global float *restrict means,
               __global float *restrict inverse_deviations, int rows, int g_count, int k_count, int i_count, int part,
               float epsilon, int centred) {
    __local float scratch[GROUP];
    const int row = (int)get_group_id(0), item = (int)get_local_id(0), count = k_count * i_count;
    const int parameter = row % g_count * k_count;
    x += (size_t)row * count;
    y += (size_t)row * count;
    float sum = 0.0f, squares = 0.0f;
    for (int i = item; i < count && centred; i += GROUP) {
        sum += x[i];
    }
    const float mean = group_sum(sum, scratch) / (float)count;
    for (int i = item; i < count; i += GROUP) {
        squares += (x[i] - mean) * (x[i] - mean);
    }
    const float d = 1.0f / sqrt(group_sum(squares, scratch) / (float)count + epsilon);
    for (int i = item; i < count; i += GROUP) {
        const int c = parameter + i / i_count;
        y[i] = (x[i] - mean) * (gamma[c] * d) + beta[c];
    }
    if (item == 0) {
        means[row] = mean;
        inverse_deviations[row] = d;
    }
}

__kernel __attribute__((reqd_work_group_size(GROUP, 1, 1))) void
gradient_groups(__global const float *restrict x, __global const float *restrict gamma,
                __global const float *restrict means, __global const float *restrict inverse_deviations,
                __global const float *restrict dy, __global float *restrict dx, int rows, int g_count, int k_count,
                int i_count, int centred) {
    __local float scratch[GROUP];
    const int row = (int)get_group_id(0), item = (int)get_local_id(0), count = k_count * i_count;
    const int parameter = row % g_count * k_count;
    const float mean = means[row], d = inverse_deviations[row];
    x += (size_t)row * count;
    dy += (size_t)row * count;
    dx += (size_t)row * count;
    float sum = 0.0f, product = 0.0f;
    for (int i = item; i < count; i += GROUP) {
        const float w = dy[i] * gamma[parameter + i / i_count];
        sum += w;
        product += w * ((x[i] - mean) * d);
    }
    sum = group_sum(sum, scratch);
    product = group_sum(product, scratch);
    const float level = centred ? d * sum / (float)count : 0.0f, slope = d * d * product / (float)count;
    for (int i = item; i < count; i += GROUP) {
        dx[i] = gamma[parameter + i / i_count] * d * dy[i] - level - (x[i] - mean) * slope;
    }
}

/* Sums for parameter (g, k) over PART of the outer rows: an item where I is 1, else a group. */
__kernel void parameters_columns(__global const float *restrict x, __global const float *restrict means,
                                 __global const float *restrict inverse_deviations, __global const float *restrict dy,
                                 __global float *restrict sums, int outer, int g_count, int k_count, int part) {
    const int c = (int)get_global_id(0), number = (int)get_global_id(1), parameters = g_count * k_count;
    if (c >= parameters) return;
    const int first = number * part, last = min(first + part, outer), g = c / k_count;
    float product = 0.0f, sum = 0.0f;
    for (int r = first; r < last; r++) {
        const int row = r * g_count + g;
        const size_t at = (size_t)r * parameters + c;
        product += dy[at] * ((x[at] - means[row]) * inverse_deviations[row]);
        sum += dy[at];
    }
    sums[(size_t)number * 2 * parameters + c] = product;
    sums[((size_t)number * 2 + 1) * parameters + c] = sum;
}

__kernel __attribute__((reqd_work_group_size(GROUP, 1, 1))) void
parameters_groups(__global const float *restrict x, __global const float *restrict means,
                  __global const float *restrict inverse_deviations, __global const float *restrict dy,
                  __global float *restrict sums, int outer, int g_count, int k_count, int i_count, int part) {
    __local float scratch[GROUP];
    const int c = (int)get_group_id(0), number = (int)get_group_id(1), item = (int)get_local_id(0);
    const int first = number * part, last = min(first + part, outer), parameters = g_count * k_count;
    float product = 0.0f, sum = 0.0f;
    for (int r = first; r < last; r++) {
        const int row = r * g_count + c / k_count;
        const size_t run = ((size_t)r * parameters + c) * i_count;
        for (int i = item; i < i_count; i += GROUP) {
            product += dy[run + i] * ((x[run + i] - means[row]) * inverse_deviations[row]);
            sum += dy[run + i];
        }
    }
    product = group_sum(product, scratch);
    sum = group_sum(sum, scratch);
    if (item == 0) {
        sums[(size_t)number * 2 * parameters + c] = product;
        sums[((size_t)number * 2 + 1) * parameters + c] = sum;
    }
}
