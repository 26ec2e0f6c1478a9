/* A batch of products C = op(A) op(B) for GPU-like devices, by register-blocked tiles (tile.h). The steps are those of
 * gemm_tiled.cl. */
#include "batch.h"
#include "shares.h"
#include "tile.h"

/* Group (column tile, row tile, product). */
__kernel GROUP_OF_ITEMS void multiply_batch_tiled(const __global float *restrict a, const __global float *restrict b,
                                                  __global float *restrict c, int m, int n, int k, int a_row_step,
                                                  int a_k_step, int b_k_step, int b_column_step, BATCH_PARAMETERS) {
    __local float4 a_tiles[2 * A_TILE], b_tiles[2 * B_TILE];
    BATCH_SIZES;
    const int item = (int)get_local_id(0), x = item % ITEMS_X, y = item / ITEMS_X;
    const int column = (int)get_group_id(0) * TILE_N, row = (int)get_group_id(1) * TILE_M;
    const int number = (int)get_group_id(2);
    const share of_a = share_of(item, TILE_M, a_k_step), of_b = share_of(item, TILE_N, b_k_step);
    float a_pieces[A_PIECES], b_pieces[B_PIECES];
    float4 sum[ROWS][COLUMN_QUADS];
    clear_sums(sum);
    a += matrix_at(number, batch_sizes, a_steps) + (size_t)row * a_row_step;
    b += matrix_at(number, batch_sizes, b_steps) + (size_t)column * b_column_step;
    fetch(a, of_a, m - row, k, a_row_step, a_k_step, A_PIECES, a_pieces);
    fetch(b, of_b, n - column, k, b_column_step, b_k_step, B_PIECES, b_pieces);
    for (int left = k, tile = 0; left > 0; left -= DEPTH, tile ^= 1) {
        put(of_a, a_pieces, A_PIECES, PITCH_M, (__local float *)(a_tiles + tile * A_TILE));
        put(of_b, b_pieces, B_PIECES, PITCH_N, (__local float *)(b_tiles + tile * B_TILE));
        barrier(CLK_LOCAL_MEM_FENCE);
        if (left > DEPTH) {
            a += (size_t)DEPTH * a_k_step;
            b += (size_t)DEPTH * b_k_step;
            fetch(a, of_a, m - row, left - DEPTH, a_row_step, a_k_step, A_PIECES, a_pieces);
            fetch(b, of_b, n - column, left - DEPTH, b_column_step, b_k_step, B_PIECES, b_pieces);
        }
        multiply_tiles(a_tiles + tile * A_TILE, b_tiles + tile * B_TILE, x, y, sum);
    }
    c += (size_t)number * m * n;
    UNROLL
    for (int i = 0; i < ROWS; i++) {
        const int to_row = row + ROW_OF(y, i);
        UNROLL
        for (int q = 0; q < COLUMN_QUADS; q++) {
            const int to_column = column + COLUMN_OF(x, q);
            float lanes[4];
            vstore4(sum[i][q], 0, lanes);
            UNROLL
            for (int l = 0; l < 4; l++)
                if (to_row < m && to_column + l < n) c[(size_t)to_row * n + to_column + l] = lanes[l];
        }
    }
}
