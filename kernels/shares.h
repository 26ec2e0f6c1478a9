/* How the work-items of a group bring a tile of a matrix (tile.h) from memory: each a share, by way of its
 * registers. */
#ifndef SHARES_H
#define SHARES_H

#include "tile.h"

/* A work-item's share of a matrix's tiles: element (line, step), and those one jump, two jumps and so on farther. */
typedef struct share {
    int line, step, line_jump, step_jump;
} share;

/* Of tiles of LINES lines. */
static inline share share_of(int item, int lines, int k_step) {
    share along_k = { item / DEPTH, item % DEPTH, ITEMS / DEPTH, 0 };
    share along_lines = { item % lines, item / lines, 0, ITEMS / lines };
    return k_step == 1 ? along_k : along_lines;
}

/* The share of the tile at FROM, of which LINES lines and DEPTH_LEFT steps are in the matrix. Lines beyond repeat
 * the last: what becomes of them is not stored; steps beyond are zero. Every load is made: loads without branches
 * overlap. */
INLINE void fetch(const __global float *from, share s, int lines, int depth_left, int line_step, int k_step, int pieces,
                  float *to) {
    UNROLL
    for (int j = 0; j < pieces; j++) {
        const int line = min(s.line + j * s.line_jump, lines - 1), step = s.step + j * s.step_jump;
        const float value = from[(size_t)line * line_step + (size_t)min(step, depth_left - 1) * k_step];
        to[j] = step < depth_left ? value : 0.0f;
    }
}

INLINE void put(share s, const float *from, int pieces, int pitch, __local float *to) {
    UNROLL
    for (int j = 0; j < pieces; j++) to[(s.step + j * s.step_jump) * pitch + s.line + j * s.line_jump] = from[j];
}

#endif
