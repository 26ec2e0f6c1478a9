/* Recurrent layers for GPU-like devices: a launch for each time step. A group takes 16 samples and 16 units of one
 * direction; each of its 64 work-items four samples of a unit, all gates, from tiles in local memory, and finishes them
 * (recurrent.h). Where the reset gate comes before the product, a step is two launches. */
#include "recurrent.h"

enum { TILE = 16, ITEMS = 64, ROWS = 4, PITCH_ROWS = TILE + 4, PITCH_UNITS = TILE + 1 };

#define UNROLL _Pragma("unroll")
#define GROUP_OF_ITEMS __attribute__((reqd_work_group_size(ITEMS, 1, 1)))

/* sum[r][g] += the products, over COUNT inputs, of the group's rows with its units' columns: GATE_COUNT matrices
 * GATE_STEP floats apart, element (input k, unit u) at k * k_step + u * unit_step. ROW holds the rows that this item
 * brings, every fourth from item / 16 on. LEFT units are inside. */
INLINE void add_products(int count, const __global float *const row[ROWS], const __global float *weights,
                         int gate_count, size_t gate_step, int k_step, int unit_step, int left,
                         __local float *row_tile, __local float *unit_tile, float sum[ROWS][SLOTS]) {
    const int item = (int)get_local_id(0), x = item % TILE, y = item / TILE;
    for (int k0 = 0; k0 < count; k0 += TILE) {
        UNROLL
        for (int j = 0; j < ROWS; j++) {
            row_tile[x * PITCH_ROWS + y + 4 * j] = k0 + x < count ? row[j][k0 + x] : 0.0f;
            const int unit = k_step == 1 ? y + 4 * j : x, k = k_step == 1 ? x : y + 4 * j;
            for (int g = 0; g < gate_count; g++)
                unit_tile[(g * TILE + k) * PITCH_UNITS + unit] =
                    unit < left && k0 + k < count
                        ? weights[g * gate_step + (size_t)(k0 + k) * k_step + (size_t)unit * unit_step]
                        : 0.0f;
        }
        barrier(CLK_LOCAL_MEM_FENCE);
        for (int k = 0; k < TILE; k++) {
            const float4 rows = vload4(0, row_tile + k * PITCH_ROWS + 4 * y);
            for (int g = 0; g < gate_count; g++) {
                const float weight = unit_tile[(g * TILE + k) * PITCH_UNITS + x];
                sum[0][g] = FMA(rows.s0, weight, sum[0][g]);
                sum[1][g] = FMA(rows.s1, weight, sum[1][g]);
                sum[2][g] = FMA(rows.s2, weight, sum[2][g]);
                sum[3][g] = FMA(rows.s3, weight, sum[3][g]);
            }
        }
        barrier(CLK_LOCAL_MEM_FENCE);
    }
}

INLINE void clear_sums(float sum[ROWS][SLOTS]) {
    UNROLL
    for (int j = 0; j < ROWS; j++) {
        UNROLL
        for (int g = 0; g < SLOTS; g++) sum[j][g] = 0.0f;
    }
}

#define FORWARD_PARAMETERS                                                                                             \
    const __global float *x, const __global float *r, const __global float *hidden, const __global float *cell,        \
        const __global int *lengths, const __global float *extra, __global float *y, __global float *last_hidden,      \
        __global float *last_cell, __global float *kept, __global float *scratch, int time, int samples, int units,    \
        int directions, int reversed, int has_lengths, int has_extra, int keeps, float clip, int step

#define SEQUENCES(DIRECTION)                                                                                           \
    { lengths, has_lengths, time, samples, units, directions, (DIRECTION), reversed >> (DIRECTION)&1 }
#define FORWARD_ARRAYS                                                                                                 \
    { x, hidden, cell, extra, y, last_hidden, last_cell, kept, scratch, has_extra, keeps, clip }

/* Group (units, samples, direction): step STEP of all gates, or of the update and reset gates where the reset state
 * must be whole first. */
__kernel GROUP_OF_ITEMS void forward_step(FORWARD_PARAMETERS) {
    __local float row_tile[TILE * PITCH_ROWS], unit_tile[RECURRENT_GATES * TILE * PITCH_UNITS];
    const int direction = (int)get_group_id(2), item = (int)get_local_id(0);
    const int first_unit = (int)get_group_id(0) * TILE, first = (int)get_group_id(1) * TILE;
    const sequences s = SEQUENCES(direction);
    const forward_arrays a = FORWARD_ARRAYS;
    const int t = s.reversed ? time - 1 - step : step, unit = first_unit + item % TILE;
    const __global float *row[ROWS];
    float sum[ROWS][SLOTS];
    clear_sums(sum);
    UNROLL
    for (int j = 0; j < ROWS; j++)
        row[j] = before(&s, t, min(first + item / TILE + 4 * j, samples - 1), hidden, y, units);
    add_products(units, row, r + ((size_t)direction * GATES * units + first_unit) * units, RECURRENT_GATES,
                 (size_t)units * units, 1, units, units - first_unit, row_tile, unit_tile, sum);
    UNROLL
    for (int j = 0; j < ROWS; j++) {
        const int n = first + item / TILE * ROWS + j;
        if (n < samples && unit < units) step_forward(&s, &a, step, t, n, unit, 1, sum[j]);
    }
}

#if RESET_BEFORE
__kernel GROUP_OF_ITEMS void forward_candidate(FORWARD_PARAMETERS) {
    __local float row_tile[TILE * PITCH_ROWS], unit_tile[TILE * PITCH_UNITS];
    const int direction = (int)get_group_id(2), item = (int)get_local_id(0);
    const int first_unit = (int)get_group_id(0) * TILE, first = (int)get_group_id(1) * TILE;
    const sequences s = SEQUENCES(direction);
    const forward_arrays a = FORWARD_ARRAYS;
    const int t = s.reversed ? time - 1 - step : step, unit = first_unit + item % TILE;
    const __global float *row[ROWS];
    float sum[ROWS][SLOTS];
    clear_sums(sum);
    UNROLL
    for (int j = 0; j < ROWS; j++) row[j] = scratch + state_at(&s, min(first + item / TILE + 4 * j, samples - 1));
    add_products(units, row, r + (((size_t)direction * GATES + 2) * units + first_unit) * units, 1, 0, 1, units,
                 units - first_unit, row_tile, unit_tile, sum);
    UNROLL
    for (int j = 0; j < ROWS; j++) {
        const int n = first + item / TILE * ROWS + j;
        if (n < samples && unit < units) candidate_forward(&s, &a, t, n, unit, 1, sum[j][0]);
    }
}
#endif

#define BACKWARD_PARAMETERS                                                                                            \
    const __global float *y, const __global float *r, const __global float *hidden, const __global float *cell,        \
        const __global int *lengths, const __global float *extra, const __global float *kept,                          \
        const __global float *dy, const __global float *last_dhidden, const __global float *last_dcell,                \
        __global float *dx, __global float *earlier, __global float *dhidden, __global float *dcell,                   \
        __global float *others, int time, int samples, int units, int directions, int reversed, int has_lengths,       \
        int has_extra, int has_dy, int has_last_dhidden, int has_last_dcell, float sigmoid_bound, float bound, int step

#define BACKWARD_ARRAYS                                                                                                \
    { y,      hidden, cell,      extra,  kept,             dy,             last_dhidden,  last_dcell, dx, earlier,     \
      dhidden, dcell, others, has_extra, has_dy, has_last_dhidden, has_last_dcell, sigmoid_bound, bound }

/* Group (units, samples, direction): step STEP, the last in time first; at STEP = time what flows back into the initial
 * states through the products of each sample's first step. */
__kernel GROUP_OF_ITEMS void backward_step(BACKWARD_PARAMETERS) {
    __local float row_tile[TILE * PITCH_ROWS], unit_tile[TILE * PITCH_UNITS];
    const int direction = (int)get_group_id(2), item = (int)get_local_id(0);
    const int first_unit = (int)get_group_id(0) * TILE, first = (int)get_group_id(1) * TILE;
    const sequences s = SEQUENCES(direction);
    const backward_arrays a = BACKWARD_ARRAYS;
    const int t = s.reversed ? step : time - 1 - step, later = s.reversed ? t - 1 : t + 1;
    const int unit = first_unit + item % TILE;
    float sum[ROWS][SLOTS];
    clear_sums(sum);
    if (step > 0) {
        const __global float *row[ROWS];
        UNROLL
        for (int j = 0; j < ROWS; j++) {
            const int n = min(first + item / TILE + 4 * j, samples - 1);
            row[j] = back_row(&s, &a, step == time ? first_step(&s, n) : later, n);
        }
        add_products(RECURRENT_GATES * units, row, r + (size_t)direction * GATES * units * units + first_unit, 1, 0,
                     units, 1, units - first_unit, row_tile, unit_tile, sum);
    }
    UNROLL
    for (int j = 0; j < ROWS; j++) {
        const int n = first + item / TILE * ROWS + j;
        if (n >= samples || unit >= units) continue;
        if (step < time)
            step_backward(&s, &a, step, t, n, unit, 1, sum[j][0]);
        else
            dhidden[state_at(&s, n) + unit] += sum[j][0];
    }
}

#if RESET_BEFORE
__kernel GROUP_OF_ITEMS void backward_reset(BACKWARD_PARAMETERS) {
    __local float row_tile[TILE * PITCH_ROWS], unit_tile[TILE * PITCH_UNITS];
    const int direction = (int)get_group_id(2), item = (int)get_local_id(0);
    const int first_unit = (int)get_group_id(0) * TILE, first = (int)get_group_id(1) * TILE;
    const sequences s = SEQUENCES(direction);
    const backward_arrays a = BACKWARD_ARRAYS;
    const int t = s.reversed ? step : time - 1 - step, unit = first_unit + item % TILE;
    const __global float *row[ROWS];
    float sum[ROWS][SLOTS];
    clear_sums(sum);
    UNROLL
    for (int j = 0; j < ROWS; j++)
        row[j] = dx + row_at(&s, t, min(first + item / TILE + 4 * j, samples - 1), GATES * units) + 2 * units;
    add_products(units, row, r + ((size_t)direction * GATES + 2) * units * units + first_unit, 1, 0, units, 1,
                 units - first_unit, row_tile, unit_tile, sum);
    UNROLL
    for (int j = 0; j < ROWS; j++) {
        const int n = first + item / TILE * ROWS + j;
        if (n < samples && unit < units) reset_backward(&s, &a, t, n, unit, 1, sum[j][0]);
    }
}
#endif
