/* Copies of a box of elements: along each of eight axes (0 the outermost) of size S, place i of the box lies F * i
 * after FROM in x and T * i after TO in y. What transposes, concatenates and reverses.
 *   copy_rows      an item for PART rows (axis 6) and CHUNK elements of each (axis 7)
 *   copy_blocks    axis 6 runs on in x, axis 7 in y: an item for a block of PART x CHUNK, turned round in registers
 *   copy_woven     the same, with only NARROW places along axis 7, side by side in y: an item for CHUNK of axis 6
 *   copy_unwoven   the same, with only NARROW places along axis 6, side by side in x: an item for CHUNK of axis 7
 *   copy_elements  an item for each element
 *   copy_tiles     as copy_blocks: a group for a tile of 16 x 16, turned round in local memory
 * Elements are moved as they are, whatever they mean; the third index counts the planes, axes 0 to 5. */
#ifndef ELEMENT
#define ELEMENT float
#endif
#ifndef NARROW
#define NARROW 2
#endif

#include "loose.h"
#include "transpose.h"

#define AXES(NAME)                                                                                                     \
    int NAME##0, int NAME##1, int NAME##2, int NAME##3, int NAME##4, int NAME##5, int NAME##6, int NAME##7
#define PARAMETERS                                                                                                     \
    __global const ELEMENT *restrict x, __global ELEMENT *restrict y, int from, int to, int chunk, int part, AXES(s),  \
        AXES(f), AXES(t)
#define OUTER(NAME) { NAME##0, NAME##1, NAME##2, NAME##3, NAME##4, NAME##5 }

static inline long place_of_plane(int plane, const int *sizes, const int *strides) {
    long place = 0;
    for (int axis = 5; axis >= 0; axis--) {
        const int above = plane / sizes[axis];
        place += (long)(plane - above * sizes[axis]) * strides[axis];
        plane = above;
    }
    return place;
}

#define MOVE_TO_PLANE                                                                                                  \
    const int sizes[6] = OUTER(s), froms[6] = OUTER(f), tos[6] = OUTER(t);                                             \
    x += from + place_of_plane((int)get_global_id(2), sizes, froms);                                                   \
    y += to + place_of_plane((int)get_global_id(2), sizes, tos)

__kernel void copy_rows(PARAMETERS) {
    MOVE_TO_PLANE;
    const int first = (int)get_global_id(0) * chunk, last = min(first + chunk, s7);
    const int begin = (int)get_global_id(1) * part, end = min(begin + part, s6);
    for (int row = begin; row < end; row++) {
        __global const ELEMENT *of = x + (long)row * f6;
        __global ELEMENT *at = y + (long)row * t6;
        if (f7 == 1 && t7 == 1) {
            for (int i = first; i < last; i++) at[i] = of[i];
        } else if (f7 == -1 && t7 == 1) {
            for (int i = first; i < last; i++) at[i] = of[-i];
        } else {
            for (int i = first; i < last; i++) at[(long)i * t7] = of[(long)i * f7];
        }
    }
}

/* Places A to A + 15 of axis 6 and B to B + 15 of axis 7, or as many as there are. */
static inline void turn(__global const ELEMENT *restrict x, __global ELEMENT *restrict y, int a, int b, int rows,
                        int columns, int x_pitch, int y_pitch) {
    if (a + 16 <= rows && b + 16 <= columns) {
        float16 v[16];
        _Pragma("unroll") for (int i = 0; i < 16; i++) v[i] = READ_16(x + (long)(b + i) * x_pitch + a);
        transpose_16(v);
        _Pragma("unroll") for (int i = 0; i < 16; i++) GLOBAL_16(y + (long)(a + i) * y_pitch + b) = v[i];
    } else {
        for (int i = a; i < min(a + 16, rows); i++) {
            for (int j = b; j < min(b + 16, columns); j++) y[(long)i * y_pitch + j] = x[(long)j * x_pitch + i];
        }
    }
}

/* Along the block's longer side, so that the side's 16 rows are walked from end to end. */
__kernel void copy_blocks(PARAMETERS) {
    MOVE_TO_PLANE;
    const int column = (int)get_global_id(0) * chunk, row = (int)get_global_id(1) * part;
    const int column_end = min(column + chunk, s7), row_end = min(row + part, s6);
    if (part > chunk) {
        for (int b = column; b < column_end; b += 16) {
            for (int a = row; a < row_end; a += 16) turn(x, y, a, b, s6, s7, f7, t6);
        }
    } else {
        for (int a = row; a < row_end; a += 16) {
            for (int b = column; b < column_end; b += 16) turn(x, y, a, b, s6, s7, f7, t6);
        }
    }
}

__kernel void copy_woven(PARAMETERS) {
    MOVE_TO_PLANE;
    const int first = (int)get_global_id(0) * chunk, last = min(first + chunk, s6);
    for (int i = first; i < last; i++) {
        for (int n = 0; n < NARROW; n++) y[i * NARROW + n] = x[(long)n * f7 + i];
    }
}

__kernel void copy_unwoven(PARAMETERS) {
    MOVE_TO_PLANE;
    const int first = (int)get_global_id(0) * chunk, last = min(first + chunk, s7);
    for (int i = first; i < last; i++) {
        for (int n = 0; n < NARROW; n++) y[(long)n * t6 + i] = x[i * NARROW + n];
    }
}

__kernel void copy_elements(PARAMETERS) {
    const int all_sizes[8] = { s0, s1, s2, s3, s4, s5, s6, s7 }, all_froms[8] = { f0, f1, f2, f3, f4, f5, f6, f7 };
    const int all_tos[8] = { t0, t1, t2, t3, t4, t5, t6, t7 };
    int rest = (int)get_global_id(0);
    long of = from, at = to;
    for (int axis = 7; axis >= 0; axis--) {
        if (all_sizes[axis] == 1) continue;
        const int above = rest / all_sizes[axis], place = rest - above * all_sizes[axis];
        of += (long)place * all_froms[axis];
        at += (long)place * all_tos[axis];
        rest = above;
    }
    if (rest == 0) y[at] = x[of];
}

__kernel __attribute__((reqd_work_group_size(16, 4, 1))) void copy_tiles(PARAMETERS) {
    __local ELEMENT tile[16][17];
    MOVE_TO_PLANE;
    const int b0 = (int)get_group_id(0) * 16, a0 = (int)get_group_id(1) * 16, item = (int)get_local_id(0);
    for (int i = (int)get_local_id(1); i < 16; i += 4) {
        if (b0 + i < s7 && a0 + item < s6) tile[i][item] = x[(long)(b0 + i) * f7 + a0 + item];
    }
    barrier(CLK_LOCAL_MEM_FENCE);
    for (int i = (int)get_local_id(1); i < 16; i += 4) {
        if (a0 + i < s6 && b0 + item < s7) y[(long)(a0 + i) * t6 + b0 + item] = tile[item][i];
    }
}
