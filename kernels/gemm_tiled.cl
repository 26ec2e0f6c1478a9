/* C = op(A) op(B) for GPU-like devices: a group of SIDE x SIDE work-items computes a square of C of 4 SIDE a side, 4 x 4
 * elements each, from tiles of A and B that it brings into local memory DEPTH steps at a time.
 *
 * Element (row, k) of op(A) is at row * a_row_step + k * a_k_step, element (k, column) of op(B) at
 * k * b_k_step + column * b_column_step. Neighbouring work-items load neighbouring floats either way. */
#include "fma.h"

#ifndef SIDE
#define SIDE 16
#endif
#define TILE (4 * SIDE)
#define DEPTH 16

/* TILE lines (rows of A, columns of B) of DEPTH steps, zero outside the matrix: to[step][line]. */
static inline void load_lines(const __global float *restrict from, int lines, int depth, int line_step, int k_step,
                              __local float (*restrict to)[TILE + 1]) {
    const int item = (int)(get_local_id(1) * SIDE + get_local_id(0));
    for (int i = item; i < TILE * DEPTH; i += SIDE * SIDE) {
        const int line = k_step == 1 ? i / DEPTH : i % TILE, step = k_step == 1 ? i % DEPTH : i / TILE;
        const bool inside = line < lines && step < depth;
        to[step][line] = inside ? from[(size_t)line * line_step + (size_t)step * k_step] : 0.0f;
    }
}

__kernel __attribute__((reqd_work_group_size(SIDE, SIDE, 1))) void
multiply_tiled(const __global float *restrict a, const __global float *restrict b, __global float *restrict c, int m,
               int n, int k, int a_row_step, int a_k_step, int b_k_step, int b_column_step) {
    __local float a_tile[DEPTH][TILE + 1], b_tile[DEPTH][TILE + 1];
    const int x = (int)get_local_id(0), y = (int)get_local_id(1);
    const int column = (int)get_group_id(0) * TILE, row = (int)get_group_id(1) * TILE;
    float sum[4][4];
    for (int i = 0; i < 4; i++)
        for (int j = 0; j < 4; j++) sum[i][j] = 0.0f;
    a += (size_t)row * a_row_step;
    b += (size_t)column * b_column_step;
    for (int k0 = 0; k0 < k; k0 += DEPTH) {
        load_lines(a + (size_t)k0 * a_k_step, m - row, k - k0, a_row_step, a_k_step, a_tile);
        load_lines(b + (size_t)k0 * b_k_step, n - column, k - k0, b_column_step, b_k_step, b_tile);
        barrier(CLK_LOCAL_MEM_FENCE);
        for (int step = 0; step < DEPTH; step++)
            for (int i = 0; i < 4; i++)
                for (int j = 0; j < 4; j++)
                    sum[i][j] = FMA(a_tile[step][y + i * SIDE], b_tile[step][x + j * SIDE], sum[i][j]);
        barrier(CLK_LOCAL_MEM_FENCE);
    }
    for (int i = 0; i < 4; i++)
        for (int j = 0; j < 4; j++) {
            const int to_row = row + y + i * SIDE, to_column = column + x + j * SIDE;
            if (to_row < m && to_column < n) c[(size_t)to_row * n + to_column] = sum[i][j];
        }
}
