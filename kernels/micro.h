/* The register tile of the CPU-like kernels: 8 rows x 32 (or 16) columns of A B, accumulated over COUNT steps.
 *
 * A is a packed panel in global memory: the 8 factors of a step lie together, steps follow each other. B is a panel in
 * local memory: 32 floats a step. */
#ifndef MICRO_H
#define MICRO_H

#include "fma.h"

enum { TILE_ROWS = 8, TILE_COLUMNS = 32 };

#define EACH_ROW(DO) DO(0) DO(1) DO(2) DO(3) DO(4) DO(5) DO(6) DO(7)

/* tile[i] and tile[8 + i] get the two halves of row i. */
static inline void multiply_32(int count, const __global float *restrict a, const __local float *restrict b,
                               float16 tile[16]) {
#define ZERO(I) float16 low##I = 0.0f, high##I = 0.0f;
#define ADD(I)                                                                                                         \
    {                                                                                                                  \
        const float16 factor = (float16)(a[I]);                                                                        \
        low##I = FMA(factor, b_low, low##I);                                                                           \
        high##I = FMA(factor, b_high, high##I);                                                                        \
    }
#define KEEP(I) tile[I] = low##I, tile[8 + I] = high##I;
    EACH_ROW(ZERO)
    for (int s = 0; s < count; s++, a += TILE_ROWS, b += TILE_COLUMNS) {
        const float16 b_low = vload16(0, b), b_high = vload16(1, b);
        EACH_ROW(ADD)
    }
    EACH_ROW(KEEP)
#undef ZERO
#undef ADD
#undef KEEP
}

/* The first 16 columns alone: tile[i] gets row i. */
static inline void multiply_16(int count, const __global float *restrict a, const __local float *restrict b,
                               float16 tile[16]) {
#define ZERO(I) float16 low##I = 0.0f;
#define ADD(I) low##I = FMA((float16)(a[I]), b_low, low##I);
#define KEEP(I) tile[I] = low##I, tile[8 + I] = 0.0f;
    EACH_ROW(ZERO)
    for (int s = 0; s < count; s++, a += TILE_ROWS, b += TILE_COLUMNS) {
        const float16 b_low = vload16(0, b);
        EACH_ROW(ADD)
    }
    EACH_ROW(KEEP)
#undef ZERO
#undef ADD
#undef KEEP
}

static inline void put_16(float16 value, __global float *to, bool add) {
    vstore16(add ? value + vload16(0, to) : value, 0, to);
}

/* Lanes FIRST .. FIRST + COLUMNS - 1 of the first ROWS rows of a tile to (or, with ADD, onto) rows PITCH apart. */
static inline void put_tile(const float16 tile[16], int first, int rows, int columns, __global float *to, int pitch,
                            bool add) {
    if (columns == TILE_COLUMNS) {
#define PUT(I)                                                                                                         \
    if (I < rows) {                                                                                                    \
        put_16(tile[I], to + I * (size_t)pitch, add);                                                                  \
        put_16(tile[8 + I], to + I * (size_t)pitch + 16, add);                                                         \
    }
        EACH_ROW(PUT)
#undef PUT
        return;
    }
    float lanes[TILE_ROWS][TILE_COLUMNS];
#define SPILL(I) vstore16(tile[I], 0, lanes[I]), vstore16(tile[8 + I], 0, lanes[I] + 16);
    EACH_ROW(SPILL)
#undef SPILL
    for (int i = 0; i < rows; i++) {
        __global float *row = to + i * (size_t)pitch;
        for (int j = 0; j < columns; j++) row[j] = add ? row[j] + lanes[i][first + j] : lanes[i][first + j];
    }
}

#endif
