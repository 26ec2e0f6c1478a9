/* The register tile of the CPU-like kernels: 8 rows x 32 (or 16) columns of A B, accumulated over COUNT steps.
 *
 * A is a packed panel in global memory: the 8 factors of a step lie together, steps follow each other. B is a panel in
 * local memory: 32 floats a step. */
#ifndef MICRO_H
#define MICRO_H

#include "fma.h"

enum { TILE_ROWS = 8, TILE_COLUMNS = 32 };

#define EACH_ROW(DO) DO(0) DO(1) DO(2) DO(3) DO(4) DO(5) DO(6) DO(7)

/* The pieces of a loop over steps, for row I and 16 or 32 columns: the sums low<I> and high<I> begin as zeros, are
 * increased by FACTOR times the step's b_low and b_high, and are kept in tile[I] and tile[8 + I]. */
#define START_16(I) float16 low##I = 0.0f;
#define START_32(I) float16 low##I = 0.0f, high##I = 0.0f;
#define ADD_16(I, FACTOR) low##I = FMA((float16)(FACTOR), b_low, low##I);
#define ADD_32(I, FACTOR)                                                                                              \
    {                                                                                                                  \
        const float16 factor = (float16)(FACTOR);                                                                      \
        low##I = FMA(factor, b_low, low##I);                                                                           \
        high##I = FMA(factor, b_high, high##I);                                                                        \
    }
/* The factors of a packed step at A. */
#define ADD_PACKED_16(I) ADD_16(I, a[I])
#define ADD_PACKED_32(I) ADD_32(I, a[I])
/* Those of rows that lie ROW_STEP apart from A on, at element AT; rows after LAST repeat it. */
#define ROW(I) const __global float *row##I = a + (size_t)min(I, last) * row_step;
#define ADD_ROW_16(I) ADD_16(I, row##I[at])
#define ADD_ROW_32(I) ADD_32(I, row##I[at])
#define KEEP_16(I) tile[I] = low##I, tile[8 + I] = 0.0f;
#define KEEP_32(I) tile[I] = low##I, tile[8 + I] = high##I;

static inline void multiply_32(int count, const __global float *restrict a, const __local float *restrict b,
                               float16 tile[16]) {
    EACH_ROW(START_32)
    for (int s = 0; s < count; s++, a += TILE_ROWS, b += TILE_COLUMNS) {
        const float16 b_low = vload16(0, b), b_high = vload16(1, b);
        EACH_ROW(ADD_PACKED_32)
    }
    EACH_ROW(KEEP_32)
}

/* The first 16 columns alone. */
static inline void multiply_16(int count, const __global float *restrict a, const __local float *restrict b,
                               float16 tile[16]) {
    EACH_ROW(START_16)
    for (int s = 0; s < count; s++, a += TILE_ROWS, b += TILE_COLUMNS) {
        const float16 b_low = vload16(0, b);
        EACH_ROW(ADD_PACKED_16)
    }
    EACH_ROW(KEEP_16)
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
