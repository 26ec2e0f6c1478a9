/* Products of 8 rows with a panel of B in local memory, for CPU-like devices, as in micro.h, with the memory that is
 * needed next brought near meanwhile: packing a panel would otherwise wait for it, which costs a fifth of the time
 * where B is read from memory once. The rows of A are a packed panel, or lie where they are. */
#ifndef PANEL_H
#define PANEL_H

#include "fetch.h"
#include "loose.h"
#include "micro.h"
#include "tail.h"
#include "transpose.h"

/* Lines to bring near, in pairs: pair r at FROM + r % 2^bits * step + r / 2^bits * jump, r up to LAST. A product's
 * step s brings pair (at + s) / 2^shift. What is not there must not be asked for: looking for a page that does not
 * exist costs more than all the rest gains. */
typedef struct ahead {
    const __global float *from;
    int step, jump, bits, last, shift, at;
} ahead;

/* PAIRS of lines spread over STEPS steps of products. */
static inline ahead look_ahead(const __global float *from, int step, int jump, int bits, int steps, int pairs) {
    const ahead next = { from, step, jump, bits, max(0, pairs - 1), 31 - (int)clz(max(1, steps / max(1, pairs))), 0 };
    return next;
}

static inline void bring(const ahead *next, int s) {
    const int r = min((next->at + s) >> next->shift, next->last), low = r & ((1 << next->bits) - 1);
    const __global float *line = next->from + (long)low * next->step + (long)(r >> next->bits) * next->jump;
    FETCH(line);
    FETCH(line + 16);
}

#define STORE_16(I) vstore16(low##I, 2 * I, tile);
#define STORE_32(I) vstore16(low##I, 2 * I, tile), vstore16(high##I, 2 * I + 1, tile);

/* A packed: the 8 factors of a step lie together. Row i of the product goes to tile + 32 * i,
 * which is local memory: what is private is taken for registers by some compilers, which have no addresses. */
static inline void multiply_panel(int count, const __global float *restrict a, const __local float *restrict b,
                                  __local float *restrict tile, ahead *next) {
    EACH_ROW(START_32)
    for (int s = 0; s < count; s++, a += TILE_ROWS, b += TILE_COLUMNS) {
        const float16 b_low = vload16(0, b), b_high = vload16(1, b);
        bring(next, s);
        EACH_ROW(ADD_PACKED_32)
    }
    EACH_ROW(STORE_32)
    next->at += count;
}

/* A where it lies: element (row, step) at row * row_step + step * k_step; rows after LAST repeat it. */
static inline void multiply_rows(int count, const __global float *restrict a, int row_step, int k_step, int last,
                                 const __local float *restrict b, __local float *restrict tile, ahead *next) {
    EACH_ROW(ROW)
    EACH_ROW(START_32)
    size_t at = 0;
    for (int s = 0; s < count; s++, at += k_step, b += TILE_COLUMNS) {
        const float16 b_low = vload16(0, b), b_high = vload16(1, b);
        bring(next, s);
        EACH_ROW(ADD_ROW_32)
    }
    EACH_ROW(STORE_32)
    next->at += count;
}

/* The same for the panel's first 16 columns alone. */
static inline void multiply_half(int count, const __global float *restrict a, int row_step, int k_step, int last,
                                 const __local float *restrict b, __local float *restrict tile, ahead *next) {
    EACH_ROW(ROW)
    EACH_ROW(START_16)
    size_t at = 0;
    for (int s = 0; s < count; s++, at += k_step, b += TILE_COLUMNS) {
        const float16 b_low = vload16(0, b);
        bring(next, s);
        EACH_ROW(ADD_ROW_16)
    }
    EACH_ROW(STORE_16)
    next->at += count;
}
#undef STORE_16
#undef STORE_32

/* Rows of A: packed panels of DEPTH steps (pack_a of gemm_packed.cl) where row_step is 0, else where they lie. */
typedef struct factors {
    const __global float *from;
    int row_step, k_step, depth;
} factors;

/* Rows FIRST .. FIRST + ROWS - 1 (FIRST a multiple of 8), steps K .. K + COUNT - 1, times the panel's COLUMNS. */
static inline void multiply_tile(const factors *a, int first, int rows, int k, int count, const __local float *panel,
                                 int columns, __local float *restrict tile, ahead *next) {
    const bool packed = a->row_step == 0;
    const __global float *from = packed ? a->from + (size_t)first * a->depth + (size_t)k * TILE_ROWS
                                        : a->from + (size_t)first * a->row_step + (size_t)k * a->k_step;
    if (columns <= 16)
        multiply_half(count, from, packed ? 1 : a->row_step, packed ? TILE_ROWS : a->k_step,
                      packed ? TILE_ROWS - 1 : rows - 1, panel, tile, next);
    else if (packed)
        multiply_panel(count, from, panel, tile, next);
    else
        multiply_rows(count, from, a->row_step, a->k_step, rows - 1, panel, tile, next);
}

/* ---- packing: COUNT steps of up to 32 columns into a panel ---- */

/* Zeros in the lanes of the last 16 that COLUMNS do not fill: they take part, though their results are not used. */
static inline void clear_lanes(int count, int columns, __local float *restrict panel) {
    for (int s = 0; s < count; s++, panel += TILE_COLUMNS) LOCAL_16(panel + (columns & 16)) = (float16)(0.0f);
}

/* Neighbouring columns side by side: step s at FROM + s * step, of an array that ends at END. From the first on there
 * are ROOM lanes to a step's end: where 16 fit in, those past COLUMNS may get anything that is there, or zeros. */
static inline void pack_columns(const __global float *restrict from, int step, int count, int columns,
                                const __global float *end, int room, __local float *restrict panel) {
    if (columns == TILE_COLUMNS) {
        for (int s = 0; s < count; s++, from += step, panel += TILE_COLUMNS) {
            LOCAL_16(panel) = READ_16(from);
            LOCAL_16(panel + 16) = READ_16(from + 16);
        }
        return;
    }
    const int whole = columns & 16;
    const bool fits = whole + 16 <= room;
    for (int s = 0; s < count; s++, from += step, panel += TILE_COLUMNS) {
        if (whole) LOCAL_16(panel) = READ_16(from);
        if (fits && from + whole + 16 <= end) {
            LOCAL_16(panel + whole) = READ_16(from + whole);
            continue;
        }
        if (fits) LOCAL_16(panel + whole) = (float16)(0.0f);
        for (int j = whole; j < columns; j++) panel[j] = from[j];
    }
}

/* Neighbouring steps side by side: column j at FROM + j * column_step. Up to the next 16 the last is repeated. */
static inline void pack_steps(const __global float *restrict from, int column_step, int count, int columns,
                              __local float *restrict panel) {
    int s = 0;
    for (; s + 16 <= count; s += 16) {
        for (int j = 0; j < columns; j += 16) {
            float16 v[16];
            for (int i = 0; i < 16; i++) v[i] = READ_16(from + (size_t)min(j + i, columns - 1) * column_step + s);
            transpose_16(v);
            for (int i = 0; i < 16; i++) LOCAL_16(panel + (s + i) * TILE_COLUMNS + j) = v[i];
        }
    }
    for (; s < count; s++)
        for (int j = 0; j < (columns + 15) / 16 * 16; j++)
            panel[s * TILE_COLUMNS + j] = from[(size_t)min(j, columns - 1) * column_step + s];
}

/* ---- storing: a product's lanes, onto what is there (ADD), with the tail when the sum is whole (WHOLE) ---- */

static inline float16 finish_16(float16 sum, __global float *restrict y, size_t at, bool add, bool whole,
                                const tail_inputs *tail, float16 bias) {
    if (add) sum += READ_16(y + at);
    return whole ? tail16(tail, sum, bias, at) : sum;
}

static inline float finish_1(float sum, __global float *restrict y, size_t at, bool add, bool whole,
                             const tail_inputs *tail, float bias) {
    if (add) sum += y[at];
    return whole ? tail1(tail, sum, bias, at) : sum;
}

/* Before a product: ROWS rows of 32 floats, PITCH apart, will be written. */
static inline void expect_rows(const __global float *y, int pitch, int rows) {
    for (int i = 0; i < rows; i++, y += pitch) {
        FETCH_TO_WRITE(y);
        FETCH_TO_WRITE(y + 16);
    }
}

/* Rows are channels (of a convolution), CHANNEL the first: lanes FIRST .. FIRST + LENGTH - 1 of ROWS rows to elements
 * AT, AT + pitch, ... of y. */
static inline void store_planes(const __local float *restrict tile, int first, int length, int rows,
                                __global float *restrict y, size_t at, int pitch, bool add, bool whole,
                                const tail_inputs *tail, int channel) {
    for (int i = 0; i < rows; i++, at += pitch) {
        const float bias = whole ? tail_bias_of(tail, channel + i) : 0.0f;
        const __local float *lanes = tile + i * TILE_COLUMNS + first;
        int j = 0;
        for (; j + 16 <= length; j += 16)
            GLOBAL_16(y + at + j) = finish_16(vload16(0, lanes + j), y, at + j, add, whole, tail, (float16)(bias));
        for (; j < length; j++) y[at + j] = finish_1(lanes[j], y, at + j, add, whole, tail, bias);
    }
}

/* COUNT (less than 16) floats at FROM to TO. */
static inline void store_few(const __local float *from, int count, __global float *to) {
    if (count & 8) {
        vstore8(vload8(0, from), 0, to);
        from += 8, to += 8;
    }
    if (count & 4) {
        vstore4(vload4(0, from), 0, to);
        from += 4, to += 4;
    }
    for (int j = 0; j < (count & 3); j++) to[j] = from[j];
}

/* Columns are channels (of a matrix), CHANNEL the first. */
static inline void store_rows(const __local float *restrict tile, int columns, int rows, __global float *restrict y,
                              size_t at, int pitch, bool add, bool whole, const tail_inputs *tail, int channel) {
    const bool biased = whole && (tail->flags & TAIL_BIAS);
    const bool plain = !add && !(whole && (tail->flags != 0 || tail->low == 0.0f));
    for (int i = 0; i < rows; i++, at += pitch) {
        const __local float *lanes = tile + i * TILE_COLUMNS;
        int j = 0;
        if (plain) {
            for (; j + 16 <= columns; j += 16) GLOBAL_16(y + at + j) = vload16(0, lanes + j);
            store_few(lanes + j, columns - j, y + at + j);
            continue;
        }
        for (; j + 16 <= columns; j += 16) {
            const float16 bias = biased ? vload16(0, tail->bias + channel + j) : (float16)(0.0f);
            GLOBAL_16(y + at + j) = finish_16(vload16(0, lanes + j), y, at + j, add, whole, tail, bias);
        }
        for (; j < columns; j++)
            y[at + j] = finish_1(lanes[j], y, at + j, add, whole, tail, biased ? tail->bias[channel + j] : 0.0f);
    }
}

#endif
