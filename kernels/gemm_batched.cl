/* A batch of products C = op(A) op(B) for CPU-like devices: each work-item, alone in its group, takes a block of one of
 * them: it packs the panels of B that it needs into local memory and multiplies rows of A, where they lie, with them
 * (panel.h). */
#include "batch.h"
#include "panel.h"

/* Work-item (column block, row block, product). PANEL has room for k_block steps and a tile. While rows are multiplied,
 * what is packed next is brought near: this product's next panel, then the first of the next product, and its rows. */
__kernel __attribute__((reqd_work_group_size(1, 1, 1))) void
multiply_batch(const __global float *restrict a, const __global float *restrict b, __global float *restrict c,
               __local float *restrict panel, int m, int n, int k, int a_row_step, int a_k_step, int b_k_step,
               int b_column_step, int m_block, int n_block, int k_block, int products, BATCH_PARAMETERS) {
    BATCH_SIZES;
    __local float *tile = panel + k_block * TILE_COLUMNS;
    const tail_inputs none = { c, c, c, 0, -INFINITY };
    const int number = (int)get_global_id(2), following = min(number + 1, products - 1);
    const int n_begin = (int)get_global_id(0) * n_block, n_end = min(n, n_begin + n_block);
    const int m_begin = (int)get_global_id(1) * m_block, m_end = min(m, m_begin + m_block);
    const __global float *next_a = a + matrix_at(following, batch_sizes, a_steps);
    const __global float *next_b = b + matrix_at(following, batch_sizes, b_steps) + (size_t)n_begin * b_column_step;
    const factors rows = { a + matrix_at(number, batch_sizes, a_steps), a_row_step, a_k_step, k };
    b += matrix_at(number, batch_sizes, b_steps);
    c += (size_t)number * m * n;
    for (int k0 = 0; k0 < k; k0 += k_block) {
        const int depth = min(k_block, k - k0);
        for (int j = n_begin; j < n_end; j += TILE_COLUMNS) {
            const int columns = min((int)TILE_COLUMNS, n_end - j);
            const bool last_panel = j + TILE_COLUMNS >= n_end, last = last_panel && k0 + depth == k;
            const __global float *from = b + (size_t)k0 * b_k_step + (size_t)j * b_column_step;
            if (b_column_step == 1)
                pack_columns(from, b_k_step, depth, columns, b + (size_t)k * b_k_step, TILE_COLUMNS, panel);
            else
                pack_steps(from, b_column_step, depth, columns, panel);
            const __global float *then = from + (size_t)TILE_COLUMNS * b_column_step;
            if (last)
                then = next_b;
            else if (last_panel)
                then = b + (size_t)(k0 + depth) * b_k_step + (size_t)n_begin * b_column_step;
            const int steps = (m_end - m_begin + TILE_ROWS - 1) / TILE_ROWS * depth;
            ahead of_b = b_column_step == 1 ? look_ahead(then, b_k_step, 0, 30, steps, depth)
                                            : look_ahead(then, b_column_step, TILE_COLUMNS, 5, steps, depth);
            for (int i = m_begin; i < m_end; i += TILE_ROWS) {
                const int height = min((int)TILE_ROWS, m_end - i);
                multiply_tile(&rows, i, height, k0, depth, panel, columns, tile, &of_b);
                store_rows(tile, columns, height, c, (size_t)i * n + j, n, k0 > 0, false, &none, j);
                if (last) {
                    const __global float *line = next_a + (size_t)i * a_row_step;
                    for (int r = 0; a_k_step == 1 && r < height; r++, line += a_row_step)
                        for (int s = 0; s < depth; s += 16) FETCH(line + s);
                }
            }
        }
    }
}
