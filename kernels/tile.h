/* Products of tiles in local memory, blocked in registers, for GPU-like devices. A group of ITEMS work-items computes
 * TILE_M x TILE_N elements of C = A B, each work-item ROWS x COLUMNS of them, from tiles of DEPTH steps of A and B.
 *
 * A work-item's elements are squares of 4 x 4, TILE_M / (ROWS / 4) rows and TILE_N / (COLUMNS / 4) columns apart: local
 * memory is read four floats at a time, neighbours beside each other. A tile lies step by step: line l (a row of A, a
 * column of B) of step s at s * PITCH + l; four floats of padding spread the steps over the banks. Of each tile
 * there are two: while one pair is multiplied the next is fetched into registers, then stored into the other, a
 * barrier a tile.
 *
 * The host gives TILE_M, TILE_N, DEPTH, ROWS and COLUMNS (src/ops/matmul/tiles.c): ROWS and COLUMNS are 4 or 8, DEPTH,
 * TILE_M and TILE_N divide ITEMS or are multiples of it. */
#ifndef TILE_H
#define TILE_H

#include "fma.h"

#ifndef TILE_M
#define TILE_M 64
#define TILE_N 64
#define DEPTH 16
#define ROWS 4
#define COLUMNS 4
#endif

#define ITEMS_X (TILE_N / COLUMNS)
#define ITEMS_Y (TILE_M / ROWS)
#define ITEMS (ITEMS_X * ITEMS_Y)
#define ROW_QUADS (ROWS / 4)
#define COLUMN_QUADS (COLUMNS / 4)
#define PITCH_M (TILE_M + 4)
#define PITCH_N (TILE_N + 4)
#define A_TILE (DEPTH * PITCH_M / 4) /* in float4 */
#define B_TILE (DEPTH * PITCH_N / 4)
#define A_PIECES (TILE_M * DEPTH / ITEMS) /* floats of a tile that a work-item brings */
#define B_PIECES (TILE_N * DEPTH / ITEMS)

/* Loops over what a work-item keeps in registers must disappear: registers have no addresses. Functions that must be
 * inlined have no `restrict` parameters and return no structs: Oclgrind 21.10 does not know what LLVM then says of
 * them. */
#define UNROLL _Pragma("unroll")
#define INLINE static inline __attribute__((always_inline))
#define GROUP_OF_ITEMS __attribute__((reqd_work_group_size(ITEMS, 1, 1)))

/* Of the work-item at (x, y) of the group, in the tile: the row of its row I, the first column of its four Q. */
#define ROW_OF(Y, I) ((I) / 4 * (ITEMS_Y * 4) + (Y)*4 + (I) % 4)
#define COLUMN_OF(X, Q) ((Q) * (ITEMS_X * 4) + (X)*4)

INLINE void clear_sums(float4 sum[ROWS][COLUMN_QUADS]) {
    UNROLL
    for (int i = 0; i < ROWS; i++) {
        UNROLL
        for (int q = 0; q < COLUMN_QUADS; q++) sum[i][q] = 0.0f;
    }
}

INLINE void multiply_tiles(const __local float4 *a, const __local float4 *b, int x, int y,
                           float4 sum[ROWS][COLUMN_QUADS]) {
    _Pragma("unroll 4")
    for (int step = 0; step < DEPTH; step++) {
        float4 columns[COLUMN_QUADS];
        UNROLL
        for (int q = 0; q < COLUMN_QUADS; q++) columns[q] = b[step * (PITCH_N / 4) + q * ITEMS_X + x];
        UNROLL
        for (int h = 0; h < ROW_QUADS; h++) {
            const float4 rows = a[step * (PITCH_M / 4) + h * ITEMS_Y + y];
            UNROLL
            for (int q = 0; q < COLUMN_QUADS; q++) {
                sum[4 * h][q] = FMA((float4)(rows.s0), columns[q], sum[4 * h][q]);
                sum[4 * h + 1][q] = FMA((float4)(rows.s1), columns[q], sum[4 * h + 1][q]);
                sum[4 * h + 2][q] = FMA((float4)(rows.s2), columns[q], sum[4 * h + 2][q]);
                sum[4 * h + 3][q] = FMA((float4)(rows.s3), columns[q], sum[4 * h + 3][q]);
            }
        }
    }
}

#endif
