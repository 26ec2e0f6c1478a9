/* C = op(A) op(B) for CPU-like devices: each work-item, alone in its group, takes a block of C: it packs the panels of
 * B that it needs into local memory and multiplies rows of A with them (panel.h). Where a row of A is used often
 * enough, pack_a packs A first. A split of K gives partial products, which parts.cl adds up in order. */
#include "panel.h"

enum { PACK_DEPTH = 256 };

/* Moved in halves, as Oclgrind 21.10 takes lanes of a vector's half for uninitialised. */
typedef float8 __attribute__((aligned(4))) loose8;
#define MOVE_8(FROM, TO) *(__global loose8 *)(TO) = *(const __global loose8 *)(FROM)

/* Panels of 8 rows of a matrix whose element (row, k) is at row * row_step + k * k_step: panel p begins at p * 8 *
 * depth and holds for each k its 8 elements. Past the matrix's end the last row is repeated. Group z has its own
 * matrix, group_step further on. A work-item packs PACK_DEPTH k's of one panel; where rows are neighbours, of a pair of
 * panels, the second of which has no work of its own: their rows share cache lines. */
__kernel void pack_a(const __global float *restrict from, __global float *restrict to, int rows, int depth,
                     int row_step, int k_step, int panels, int group_step) {
    const int panel = (int)get_global_id(0), group = (int)get_global_id(2);
    const int first = panel * 8, last = min(rows - 1 - first, 7);
    const int k_begin = (int)get_global_id(1) * PACK_DEPTH, k_end = min(depth, k_begin + PACK_DEPTH);
    const bool pair = row_step == 1 && (panel | 1) < panels && (panel | 1) * 8 + 7 < rows;
    if (panel >= panels || (pair && panel % 2 == 1)) return;
    from += (size_t)group * group_step + (size_t)first * row_step;
    to += ((size_t)group * panels + panel) * depth * 8;
    int k = k_begin;
    if (pair) {
        for (; k < k_end; k++) {
            MOVE_8(from + (size_t)k * k_step, to + (size_t)k * 8);
            MOVE_8(from + (size_t)k * k_step + 8, to + ((size_t)k + depth) * 8);
        }
    } else if (row_step == 1 && last == 7) {
        for (; k < k_end; k++) vstore8(vload8(0, from + (size_t)k * k_step), k, to);
    } else if (k_step == 1) {
        for (; k + 16 <= k_end; k += 16) {
            float16 v[8];
            for (int i = 0; i < 8; i++) v[i] = vload16(0, from + (size_t)min(i, last) * row_step + k);
            transpose_8(v);
            for (int i = 0; i < 8; i++) vstore16(v[i], i, to + (size_t)k * 8);
        }
    }
    for (; k < k_end; k++)
        for (int i = 0; i < 8; i++)
            to[(size_t)k * 8 + i] = from[(size_t)min(i, last) * row_step + (size_t)k * k_step];
}

/* Work-item (column block, row block, part of K). A is packed where a_row_step is 0 (see panel.h). Part z covers K from
 * z * part_depth and goes to C + z * m * n. PANEL has room for k_block steps and a tile. */
__kernel __attribute__((reqd_work_group_size(1, 1, 1))) void
multiply(const __global float *restrict a, const __global float *restrict b, __global float *restrict c,
         __local float *restrict panel, int m, int n, int k, int a_row_step, int a_k_step, int b_k_step,
         int b_column_step, int m_block, int n_block, int k_block, int part_depth, TAIL_PARAMETERS) {
    __local float *tile = panel + k_block * TILE_COLUMNS;
    const tail_inputs tail = TAIL_INPUTS;
    const factors rows = { a, a_row_step, a_k_step, k };
    const int n_begin = (int)get_global_id(0) * n_block, n_end = min(n, n_begin + n_block);
    const int m_begin = (int)get_global_id(1) * m_block, m_end = min(m, m_begin + m_block);
    const int part = (int)get_global_id(2), part_begin = part * part_depth, part_end = min(k, part_begin + part_depth);
    const int tiles = (m_end - m_begin + TILE_ROWS - 1) / TILE_ROWS;
    c += (size_t)part * m * n;
    for (int k0 = part_begin; k0 < part_end; k0 += k_block) {
        const int depth = min(k_block, part_end - k0);
        const bool add = k0 > part_begin, whole = k0 + depth == part_end;
        for (int j = n_begin; j < n_end; j += TILE_COLUMNS) {
            const int columns = min((int)TILE_COLUMNS, n_end - j);
            const __global float *from = b + (size_t)k0 * b_k_step + (size_t)j * b_column_step;
            if (b_column_step == 1)
                pack_columns(from, b_k_step, depth, columns, b + (size_t)k * b_k_step, TILE_COLUMNS, panel);
            else
                pack_steps(from, b_column_step, depth, columns, panel);
            const __global float *then = from;
            if (j + TILE_COLUMNS >= n_end && k0 + depth < part_end) /* the next steps' first panel */
                then = b + (size_t)(k0 + depth) * b_k_step + (size_t)n_begin * b_column_step;
            else if (j + TILE_COLUMNS < n)
                then += (size_t)TILE_COLUMNS * b_column_step;
            ahead next = b_column_step == 1 ? look_ahead(then, b_k_step, 0, 30, tiles * depth, depth)
                                            : look_ahead(then, b_column_step, TILE_COLUMNS, 5, tiles * depth, depth);
            for (int i = m_begin; i < m_end; i += TILE_ROWS) {
                const int height = min((int)TILE_ROWS, m_end - i);
                expect_rows(c + (size_t)i * n + j, n, height);
                multiply_tile(&rows, i, height, k0, depth, panel, columns, tile, &next);
                store_rows(tile, columns, height, c, (size_t)i * n + j, n, add, whole, &tail, j);
            }
        }
    }
}
