/* C = A op(B) for CPU-like devices where A has few rows: B is read once, from memory, as fast as that goes, and not
 * packed. Where B has few columns instead, the host turns the product round: C^T = op(B)^T op(A)^T. The host gives
 * ROWS, at least A's rows (rows after the last repeat it), and VECTORS. A group is one work-item. */
#include "fetch.h"
#include "fma.h"
#include "loose.h"
#include "tail.h"
#include "vectors.h"

#ifndef ROWS
#define ROWS 2
#endif

#define UNROLL _Pragma("unroll")

#ifndef VECTORS
#define VECTORS 4
#endif

enum { DOTS = 4, AHEAD_FLOATS = 1024, AHEAD_ROWS = 12 };

/* B (n, k), each column of op(B) lying together: work-item (block of columns) multiplies DOTS columns at a time with
 * the rows of A (m, k). Element (i, j) goes to C + i * row_step + j * column_step; TURNED: its channel is i, else j. */
__kernel __attribute__((reqd_work_group_size(1, 1, 1))) void
dots(const __global float *restrict a, const __global float *restrict b, __global float *restrict c, int m, int n,
     int k, int n_block, int row_step, int column_step, int turned, TAIL_PARAMETERS) {
    const tail_inputs tail = TAIL_INPUTS;
    const int begin = (int)get_global_id(0) * n_block, end = min(n, begin + n_block);
    for (int j = begin; j < end; j += DOTS) {
        float16 sum[DOTS][ROWS];
        const __global float *column[DOTS], *row[ROWS];
        UNROLL
        for (int i = 0; i < ROWS; i++) row[i] = a + (size_t)min(i, m - 1) * k;
        UNROLL
        for (int d = 0; d < DOTS; d++) {
            column[d] = b + (size_t)min(j + d, end - 1) * k;
            UNROLL
            for (int i = 0; i < ROWS; i++) sum[d][i] = 0.0f;
        }
        int s = 0;
        for (; s + 16 <= k; s += 16) {
            float16 factor[ROWS];
            UNROLL
            for (int i = 0; i < ROWS; i++) factor[i] = READ_16(row[i] + s);
            UNROLL
            for (int d = 0; d < DOTS; d++) {
                const float16 v = READ_16(column[d] + s);
                FETCH(column[d] + s + AHEAD_FLOATS);
                UNROLL
                for (int i = 0; i < ROWS; i++) sum[d][i] = FMA(v, factor[i], sum[d][i]);
            }
        }
        UNROLL
        for (int d = 0; d < DOTS; d++) {
            if (j + d >= end) break;
            UNROLL
            for (int i = 0; i < ROWS; i++) {
                const float bias = tail_bias_of(&tail, turned ? min(i, m - 1) : j + d);
                float total = lanes16(sum[d][i]);
                for (int rest = s; rest < k; rest++) total = FMA(row[i][rest], column[d][rest], total);
                const size_t at = (size_t)i * row_step + (size_t)(j + d) * column_step;
                if (i < m) c[at] = tail1(&tail, total, bias, at);
            }
        }
    }
}

/* B (k, n): work-item (16 * VECTORS columns, the last ones overlapping those before: n is at least as many). Element
 * (row, step) of A at row * a_row_step + step * a_k_step. TURNED: C is one column, of channel 0. */
__kernel __attribute__((reqd_work_group_size(1, 1, 1))) void
sums(const __global float *restrict a, const __global float *restrict b, __global float *restrict c, int m, int n,
     int k, int a_row_step, int a_k_step, int turned, TAIL_PARAMETERS) {
    const tail_inputs tail = TAIL_INPUTS;
    const int first = min((int)get_global_id(0) * 16 * VECTORS, n - 16 * VECTORS);
    float16 sum[ROWS][VECTORS];
    UNROLL
    for (int i = 0; i < ROWS; i++) {
        UNROLL
        for (int v = 0; v < VECTORS; v++) sum[i][v] = 0.0f;
    }
    const __global float *line = b + first;
    for (int s = 0; s < k; s++, line += n) {
        float16 values[VECTORS];
        UNROLL
        for (int v = 0; v < VECTORS; v++) {
            values[v] = READ_16(line + 16 * v);
            FETCH(line + AHEAD_ROWS * (size_t)n + 16 * v);
        }
        UNROLL
        for (int i = 0; i < ROWS; i++) {
            const float16 factor = a[(size_t)min(i, m - 1) * a_row_step + (size_t)s * a_k_step];
            UNROLL
            for (int v = 0; v < VECTORS; v++) sum[i][v] = FMA(factor, values[v], sum[i][v]);
        }
    }
    UNROLL
    for (int i = 0; i < ROWS; i++) {
        UNROLL
        for (int v = 0; v < VECTORS; v++) {
            const int j = first + 16 * v;
            const size_t at = (size_t)i * n + j;
            float16 bias = (float16)(tail_bias_of(&tail, 0));
            if (!turned && (tail.flags & TAIL_BIAS)) bias = READ_16(tail.bias + j);
            if (i < m) GLOBAL_16(c + at) = tail16(&tail, sum[i][v], bias, at);
        }
    }
}
