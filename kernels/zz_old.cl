/* C = op(A) op(B) for CPU-like devices. A is packed into panels by pack_a; then each work-item, alone in its group,
 * takes a block of C: it packs the panels of B that it needs into local memory and multiplies through the register tile
 * of micro.h. A split of K gives partial products, which add_parts adds up in order. */
#include "micro.h"
#include "transpose.h"

enum { PACK_DEPTH = 256 };

/* Panels of 8 rows of a matrix whose element (row, k) is at row * row_step + k * k_step: panel p begins at p * 8 * depth
 * and holds for each k its 8 elements. Past the matrix's end the last row is repeated. Group z has its own matrix,
 * group_step further on. A work-item packs PACK_DEPTH k's of one panel. */
__kernel void pack_a(const __global float *restrict from, __global float *restrict to, int rows, int depth,
                     int row_step, int k_step, int panels, int group_step) {
    const int panel = (int)get_global_id(0), group = (int)get_global_id(2);
    const int first = panel * 8, last = min(rows - 1 - first, 7);
    const int k_begin = (int)get_global_id(1) * PACK_DEPTH, k_end = min(depth, k_begin + PACK_DEPTH);
    if (panel >= panels) return;
    from += (size_t)group * group_step + (size_t)first * row_step;
    to += ((size_t)group * panels + panel) * depth * 8;
    int k = k_begin;
    if (row_step == 1 && last == 7) {
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

/* COLUMNS (at most 32) columns of B, DEPTH steps of them, into a panel; element (k, column) is at
 * k * k_step + column * column_step. Up to the next 16 the last column is repeated. */
static inline void pack_b(const __global float *restrict from, int k_step, int column_step, int depth, int columns,
                          __local float *restrict panel) {
    int k = 0;
    if (column_step == 1 && columns == TILE_COLUMNS) {
        for (; k < depth; k++, from += k_step, panel += TILE_COLUMNS) {
            vstore16(vload16(0, from), 0, panel);
            vstore16(vload16(1, from), 1, panel);
        }
    } else if (k_step == 1) {
        for (; k + 16 <= depth; k += 16) {
            for (int j = 0; j < columns; j += 16) {
                float16 v[16];
                for (int i = 0; i < 16; i++) v[i] = vload16(0, from + (size_t)min(j + i, columns - 1) * column_step + k);
                transpose_16(v);
                for (int i = 0; i < 16; i++) vstore16(v[i], 0, panel + (k + i) * TILE_COLUMNS + j);
            }
        }
    }
    for (; k < depth; k++)
        for (int j = 0; j < (columns + 15) / 16 * 16; j++)
            panel[k * TILE_COLUMNS + j] = from[(size_t)k * k_step + (size_t)min(j, columns - 1) * column_step];
}

/* Work-item (column block, row block, part of K). Part z covers K from z * part_depth and goes to C + z * m * n. PANEL
 * has room for k_block steps. */
__kernel __attribute__((reqd_work_group_size(1, 1, 1))) void
multiply(const __global float *restrict a, const __global float *restrict b, __global float *restrict c,
         __local float *restrict panel, int m, int n, int k, int b_k_step, int b_column_step, int m_block, int n_block,
         int k_block, int part_depth) {
    const int n_begin = (int)get_global_id(0) * n_block, n_end = min(n, n_begin + n_block);
    const int m_begin = (int)get_global_id(1) * m_block, m_end = min(m, m_begin + m_block);
    const int part = (int)get_global_id(2), part_begin = part * part_depth, part_end = min(k, part_begin + part_depth);
    c += (size_t)part * m * n;
    for (int k0 = part_begin; k0 < part_end; k0 += k_block) {
        const int depth = min(k_block, part_end - k0);
        for (int j = n_begin; j < n_end; j += TILE_COLUMNS) {
            const int columns = min((int)TILE_COLUMNS, n_end - j);
            pack_b(b + (size_t)k0 * b_k_step + (size_t)j * b_column_step, b_k_step, b_column_step, depth, columns,
                   panel);
            for (int i = m_begin; i < m_end; i += TILE_ROWS) {
                const __global float *a_panel = a + (size_t)i * k + (size_t)k0 * TILE_ROWS;
                float16 tile[16];
                if (columns > 16)
                    multiply_32(depth, a_panel, panel, tile);
                else
                    multiply_16(depth, a_panel, panel, tile);
                put_tile(tile, 0, min((int)TILE_ROWS, m_end - i), columns, c + (size_t)i * n + j, n, k0 > part_begin);
            }
        }
    }
}

/* out[i] = the sum of element i of parts 0 .. part_count - 1, in that order. */
__kernel void add_parts(const __global float *restrict parts, __global float *restrict out, int count, int part_count) {
    const int i = (int)get_global_id(0);
    if (i >= count) return;
    float sum = parts[i];
    for (int p = 1; p < part_count; p++) sum += parts[(size_t)p * count + i];
    out[i] = sum;
}
