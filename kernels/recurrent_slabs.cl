/* Recurrent layers for CPU-like devices: a work-item, alone in its group, takes SLAB samples of one direction through
 * all time steps, since samples do not depend on each other. A step multiplies eight samples' rows with packed
 * recurrent weights, sixteen or thirty-two columns at a time, and finishes those units at once (recurrent.h).
 *
 * Packed forward: blocks of UNITS units; of each the gates in pairs, 32 columns of a step (input) together, then a gate
 * that is left over, 16 columns. An RNN has one gate and blocks of 32 units: one panel of 32 columns. */
#define VECTORS
#include "fetch.h"
#include "micro.h"
#include "recurrent.h"
#include "transpose.h"

#if RNN
enum { UNITS = 32, PAIRS = 1, PANEL_GATES = 2 };
#else
enum { UNITS = 16, PAIRS = GATES / 2, PANEL_GATES = GATES };
#endif
enum { HALVES = PANEL_GATES - 2 * PAIRS, BACK_UNITS = 32 };

/* ---- packing; past the last unit there are zeros ---- */

/* Sixteen columns, of units from UNIT on and GATE, for sixteen inputs from K on. */
INLINE void pack_square(const __global float *r, __global float *to, int units, int gate, int unit, int k, int pitch) {
    if (unit + 16 <= units && k + 16 <= units) {
        float16 v[16];
        for (int i = 0; i < 16; i++) v[i] = vload16(0, r + (size_t)(gate * units + unit + i) * units + k);
        transpose_16(v);
        for (int i = 0; i < 16; i++) vstore16(v[i], 0, to + (size_t)(k + i) * pitch);
        return;
    }
    for (int i = k; i < min(k + 16, units); i++)
        for (int j = 0; j < 16; j++)
            to[(size_t)i * pitch + j] = unit + j < units ? r[(size_t)(gate * units + unit + j) * units + i] : 0.0f;
}

/* Work-item (inputs by 16, block, direction). R (D, GATES*H, H). */
__kernel void pack_forward(const __global float *r, __global float *to, int units, int blocks) {
    const int k = 16 * (int)get_global_id(0), block = (int)get_global_id(1), direction = (int)get_global_id(2);
    r += (size_t)direction * GATES * units * units;
    to += ((size_t)direction * blocks + block) * PANEL_GATES * 16 * units;
#if RNN
    for (int part = 0; part < 2; part++) pack_square(r, to + 16 * part, units, 0, block * UNITS + 16 * part, k, 32);
#else
    for (int gate = 0; gate < GATES; gate++) {
        const int in_pair = gate < 2 * PAIRS;
        pack_square(r, to + (size_t)(gate / 2) * 32 * units + (in_pair ? gate % 2 * 16 : 0), units, gate, block * UNITS,
                    k, in_pair ? 32 : 16);
    }
#endif
}

/* Work-item (row of R, block, direction): BACK_UNITS columns of it. */
__kernel void pack_backward(const __global float *r, __global float *to, int units, int blocks) {
    const int k = (int)get_global_id(0), block = (int)get_global_id(1), direction = (int)get_global_id(2);
    const int rows = GATES * units;
    r += ((size_t)direction * rows + k) * units + block * BACK_UNITS;
    to += (((size_t)direction * blocks + block) * rows + k) * BACK_UNITS;
    const int count = min((int)BACK_UNITS, units - block * BACK_UNITS);
    for (int j = 0; j < BACK_UNITS; j++) to[j] = j < count ? r[j] : 0.0f;
}

/* ---- products of eight rows with a panel ---- */

#define START(I) float16 low##I = 0.0f, high##I = 0.0f;
#define ADD(I)                                                                                                         \
    {                                                                                                                  \
        const float16 factor = (float16)(row[I][k]);                                                                   \
        low##I = FMA(factor, b_low, low##I);                                                                           \
        high##I = FMA(factor, b_high, high##I);                                                                        \
    }
#define KEEP(I) vstore16(low##I, 2 * I, tile), vstore16(high##I, 2 * I + 1, tile);
INLINE void multiply_rows_32(int count, const __global float *const row[TILE_ROWS], const __global float *panel,
                             __local float *tile) {
    EACH_ROW(START)
    for (int k = 0; k < count; k++, panel += 32) {
        const float16 b_low = vload16(0, panel), b_high = vload16(1, panel);
        EACH_ROW(ADD)
    }
    EACH_ROW(KEEP)
}
#undef START
#undef ADD
#undef KEEP

#define START(I) float16 low##I = 0.0f;
#define ADD(I) low##I = FMA((float16)(row[I][k]), b_low, low##I);
#define KEEP(I) vstore16(low##I, 2 * I, tile);
INLINE void multiply_rows_16(int count, const __global float *const row[TILE_ROWS], const __global float *panel,
                             __local float *tile) {
    EACH_ROW(START)
    for (int k = 0; k < count; k++, panel += 16) {
        const float16 b_low = vload16(0, panel);
        EACH_ROW(ADD)
    }
    EACH_ROW(KEEP)
}
#undef START
#undef ADD
#undef KEEP

enum { TILE = TILE_ROWS * TILE_COLUMNS };

/* ---- forward ---- */

/* The products of a block's gates with the states before step t of samples n to LAST (at most eight; the last is
 * repeated), into a tile for each pair and the gate left over. */
INLINE void gate_products(const sequences *s, const forward_arrays *a, int t, int n, int last,
                          const __global float *panel, __local float *tile) {
    const __global float *row[TILE_ROWS];
#define ROW_PLACE(I) row[I] = before(s, t, min(n + I, last), a->hidden, a->y, s->units);
    EACH_ROW(ROW_PLACE)
#undef ROW_PLACE
    for (int pair = 0; pair < PAIRS; pair++)
        multiply_rows_32(s->units, row, panel + (size_t)pair * 32 * s->units, tile + pair * TILE);
#if !RNN && !RESET_BEFORE
    if (HALVES) multiply_rows_16(s->units, row, panel + (size_t)PAIRS * 32 * s->units, tile + PAIRS * TILE);
#endif
}

/* The lanes of row I of the tiles, gate by gate; an RNN's second part is lane group 1. */
INLINE real lanes_of(const __local float *tile, int gate, int i) {
    return vload16(0, tile + gate / 2 * TILE + i * TILE_COLUMNS + gate % 2 * 16);
}

INLINE void finish_gates(const sequences *s, const forward_arrays *a, int step, int t, int n, int unit,
                         const __local float *tile, int i) {
    real sum[SLOTS];
#if RNN
    for (int part = 0; part < 2 && unit + 16 * part < s->units; part++) {
        const int from = unit + 16 * part;
        sum[0] = lanes_of(tile, part, i);
        step_forward(s, a, step, t, n, from, min(16, s->units - from), sum);
    }
#else
    for (int gate = 0; gate < GATES; gate++) sum[gate] = lanes_of(tile, gate, i);
    step_forward(s, a, step, t, n, unit, min(16, s->units - unit), sum);
#endif
}

/* The input's part of the gates will be needed after the product. */
INLINE void expect_gates(const sequences *s, const forward_arrays *a, int t, int n, int last, int unit) {
    for (int i = n; i <= last; i++) {
        const __global float *x = a->x + row_at(s, t, i, GATES * s->units) + unit;
        for (int gate = 0; gate < GATES; gate++) FETCH(x + gate * s->units);
    }
}

#if RESET_BEFORE
INLINE void candidates(const sequences *s, const forward_arrays *a, int t, int n, int last, int block,
                       const __global float *panel, __local float *tile) {
    const __global float *row[TILE_ROWS];
#define ROW_PLACE(I) row[I] = a->scratch + state_at(s, min(n + I, last));
    EACH_ROW(ROW_PLACE)
#undef ROW_PLACE
    multiply_rows_16(s->units, row, panel + (size_t)PAIRS * 32 * s->units, tile);
    const int unit = block * UNITS;
    for (int i = 0; n + i <= last; i++)
        candidate_forward(s, a, t, n + i, unit, min(16, s->units - unit), lanes_of(tile, 0, i));
}
#endif

/* Work-item (slab, direction). SCRATCH, where the reset gate comes before the product: the reset states (D, N, H), then
 * the update gates. REVERSED: bit d for direction d. */
__kernel __attribute__((reqd_work_group_size(1, 1, 1))) void
forward_slabs(const __global float *x, const __global float *packed, const __global float *hidden,
              const __global float *cell, const __global int *lengths, const __global float *extra, __global float *y,
              __global float *last_hidden, __global float *last_cell, __global float *kept, __global float *scratch,
              int time, int samples, int units, int directions, int reversed, int has_lengths, int has_extra, int keeps,
              float clip, int blocks, int slab, __local float *tile) {
    const int direction = (int)get_global_id(1), begin = (int)get_global_id(0) * slab;
    const int end = min(samples, begin + slab);
    const sequences s = { lengths, has_lengths,           time, samples, units, directions,
                          direction, reversed >> direction & 1 };
    const forward_arrays a = { x,           hidden,    cell, extra,   y,         last_hidden,
                               last_cell,   kept,      scratch, has_extra, keeps, clip };
    packed += (size_t)direction * blocks * PANEL_GATES * 16 * units;
    for (int step = 0; step < time; step++) {
        const int t = s.reversed ? time - 1 - step : step;
        for (int block = 0; block < blocks; block++) {
            const __global float *panel = packed + (size_t)block * PANEL_GATES * 16 * units;
            for (int n = begin; n < end; n += TILE_ROWS) {
                const int last = min(n + TILE_ROWS, end) - 1;
                expect_gates(&s, &a, t, n, last, block * UNITS);
                gate_products(&s, &a, t, n, last, panel, tile);
                for (int i = 0; n + i <= last; i++) finish_gates(&s, &a, step, t, n + i, block * UNITS, tile, i);
            }
        }
#if RESET_BEFORE
        for (int block = 0; block < blocks; block++)
            for (int n = begin; n < end; n += TILE_ROWS)
                candidates(&s, &a, t, n, min(n + TILE_ROWS, end) - 1, block,
                           packed + (size_t)block * PANEL_GATES * 16 * units, tile);
#endif
    }
}

/* ---- backward ---- */

/* The rows of samples n to LAST at the step that each was told, times a block of the recurrent weights. */
INLINE void back_products(const sequences *s, const backward_arrays *a, int t, int n, int last,
                          const __global float *panel, __local float *tile) {
    const __global float *row[TILE_ROWS];
#define ROW_PLACE(I) row[I] = back_row(s, a, t < 0 ? first_step(s, min(n + I, last)) : t, min(n + I, last));
    EACH_ROW(ROW_PLACE)
#undef ROW_PLACE
    multiply_rows_32(RECURRENT_GATES * s->units, row, panel, tile);
}

INLINE void clear_tile(__local float *tile) {
    for (int i = 0; i < TILE; i += 16) vstore16((float16)(0.0f), 0, tile + i);
}

INLINE void expect_kept(const sequences *s, const backward_arrays *a, int t, int n, int last, int unit) {
    for (int i = n; i <= last; i++) {
        const __global float *kept = a->kept + row_at(s, t, i, KEPT * s->units) + unit;
        for (int slot = 0; slot < KEPT; slot++) {
            FETCH(kept + slot * s->units);
            FETCH(kept + slot * s->units + 16);
        }
    }
}

#if RESET_BEFORE
INLINE void resets(const sequences *s, const backward_arrays *a, int t, int n, int last, int unit,
                   const __global float *panel, __local float *tile) {
    const __global float *row[TILE_ROWS];
#define ROW_PLACE(I) row[I] = a->dx + row_at(s, t, min(n + I, last), GATES * s->units) + 2 * s->units;
    EACH_ROW(ROW_PLACE)
#undef ROW_PLACE
    multiply_rows_32(s->units, row, panel + (size_t)2 * s->units * BACK_UNITS, tile);
    for (int i = 0; n + i <= last; i++)
        for (int from = unit, part = 0; part < 2 && from < s->units; part++, from += 16)
            reset_backward(s, a, t, n + i, from, min(16, s->units - from), lanes_of(tile, part, i));
}
#endif

/* What flows back into the initial states: through the products of each sample's first step, onto what was carried. */
INLINE void finish_initial(const sequences *s, const backward_arrays *a, int n, int last, int unit,
                           const __global float *panel, __local float *tile) {
    back_products(s, a, -1, n, last, panel, tile);
    for (int i = 0; n + i <= last; i++)
        for (int from = unit, part = 0; part < 2 && from < s->units; part++, from += 16) {
            const int count = min(16, s->units - from);
            __global float *to = a->dhidden + state_at(s, n + i) + from;
            STORE(LOAD(to) + lanes_of(tile, part, i), to);
        }
}

/* Work-item (slab, direction). */
__kernel __attribute__((reqd_work_group_size(1, 1, 1))) void
backward_slabs(const __global float *y, const __global float *packed, const __global float *hidden,
               const __global float *cell, const __global int *lengths, const __global float *extra,
               const __global float *kept, const __global float *dy, const __global float *last_dhidden,
               const __global float *last_dcell, __global float *dx, __global float *earlier, __global float *dhidden,
               __global float *dcell, __global float *others, int time, int samples, int units, int directions,
               int reversed, int has_lengths, int has_extra, int has_dy, int has_last_dhidden, int has_last_dcell,
               float sigmoid_bound, float bound, int blocks, int slab, __local float *tile) {
    const int direction = (int)get_global_id(1), begin = (int)get_global_id(0) * slab;
    const int end = min(samples, begin + slab);
    const sequences s = { lengths, has_lengths,           time, samples, units, directions,
                          direction, reversed >> direction & 1 };
    const backward_arrays a = { y, hidden, cell, extra, kept, dy, last_dhidden, last_dcell,
                                dx, earlier, dhidden, dcell, others,
                                has_extra, has_dy, has_last_dhidden, has_last_dcell, sigmoid_bound, bound };
    packed += (size_t)direction * blocks * GATES * units * BACK_UNITS;
    for (int step = 0; step < time; step++) {
        const int t = s.reversed ? step : time - 1 - step;
        for (int block = 0; block < blocks; block++) {
            const __global float *panel = packed + (size_t)block * GATES * units * BACK_UNITS;
            const int unit = block * BACK_UNITS;
            for (int n = begin; n < end; n += TILE_ROWS) {
                const int last = min(n + TILE_ROWS, end) - 1;
                expect_kept(&s, &a, t, n, last, unit);
                if (step > 0)
                    back_products(&s, &a, s.reversed ? t - 1 : t + 1, n, last, panel, tile);
                else
                    clear_tile(tile);
                for (int i = 0; n + i <= last; i++)
                    for (int from = unit, part = 0; part < 2 && from < units; part++, from += 16)
                        step_backward(&s, &a, step, t, n + i, from, min(16, units - from), lanes_of(tile, part, i));
            }
        }
#if RESET_BEFORE
        for (int block = 0; block < blocks; block++)
            for (int n = begin; n < end; n += TILE_ROWS)
                resets(&s, &a, t, n, min(n + TILE_ROWS, end) - 1, block * BACK_UNITS,
                       packed + (size_t)block * GATES * units * BACK_UNITS, tile);
#endif
    }
    for (int block = 0; block < blocks; block++)
        for (int n = begin; n < end; n += TILE_ROWS)
            finish_initial(&s, &a, n, min(n + TILE_ROWS, end) - 1, block * BACK_UNITS,
                           packed + (size_t)block * GATES * units * BACK_UNITS, tile);
}
