/* Reductions of x (K0, R0, K1, R1): y[k0,k1] = factor * sum over r0, r1 of x[k0,r0,k1,r1], in parts (a first launch
 * writes a sum for each part, a second one adds the parts). Orders are fixed by the sizes alone. KIND says what stands
 * for the sum: of the elements, their squares or absolute values; the largest or the smallest (a NaN is both); the
 * product.
 *   row_vectors, row_groups        R1 > 1: an item, or a group of GROUP items, for each output and part
 *   column_vectors, columns        R1 = 1: an item for 64 columns, or for one
 *   general                        any order of kept and reduced axes: an item for each output
 * A remainder is taken as a difference: what compilers make of a / b beside a % b stops Oclgrind 21.10. */
#include "vectors.h"

#ifndef GROUP
#define GROUP 64
#endif

enum { SUM, SQUARES, ABSOLUTES, LARGEST, SMALLEST, PRODUCT };
#ifndef KIND
#define KIND 0
#endif
#if KIND == 3
#define START (-INFINITY)
#define COMBINE(A, B) ((A) > (B) ? (A) : (A) == (A) ? (B) : (A))
#elif KIND == 4
#define START INFINITY
#define COMBINE(A, B) ((A) < (B) ? (A) : (A) == (A) ? (B) : (A))
#elif KIND == 5
#define START 1.0f
#define COMBINE(A, B) ((A) * (B))
#else
#define START 0.0f
#define COMBINE(A, B) ((A) + (B))
#endif
#if KIND == 1
#define MAP(X) ((X) * (X))
#elif KIND == 2
#define MAP(X) fabs(X)
#else
#define MAP(X) (X)
#endif
#define TAKE(SUM, X) SUM = COMBINE(SUM, MAP(X))

/* The lanes of a vector together, in a fixed order. */
#if KIND <= 2
#define COMBINE_4 lanes4
#define COMBINE_8 lanes8
#define COMBINE_16 lanes16
#else
static inline float COMBINE_4(float4 v) {
    float lanes[4];
    vstore4(v, 0, lanes);
    const float even = COMBINE(lanes[0], lanes[2]), odd = COMBINE(lanes[1], lanes[3]);
    return COMBINE(even, odd);
}

static inline float COMBINE_8(float8 v) {
    float lanes[8];
    vstore8(v, 0, lanes);
    for (int i = 0; i < 4; i++) {
        lanes[i] = COMBINE(lanes[i], lanes[i + 4]);
    }
    const float even = COMBINE(lanes[0], lanes[2]), odd = COMBINE(lanes[1], lanes[3]);
    return COMBINE(even, odd);
}

static inline float COMBINE_16(float16 v) {
    float lanes[16];
    vstore16(v, 0, lanes);
    for (int i = 0; i < 8; i++) {
        lanes[i] = COMBINE(lanes[i], lanes[i + 8]);
    }
    for (int i = 0; i < 4; i++) {
        lanes[i] = COMBINE(lanes[i], lanes[i + 4]);
    }
    const float even = COMBINE(lanes[0], lanes[2]), odd = COMBINE(lanes[1], lanes[3]);
    return COMBINE(even, odd);
}
#endif

/* What a part covers: rows r0 and, in each, columns r1. */
typedef struct row_part {
    int first_row, last_row, first, last;
} row_part;

static inline row_part part_of(int part, int rows, int columns, int part_rows, int part_columns) {
    const int across = (columns + part_columns - 1) / part_columns;
    const int down = part / across;
    row_part p;
    p.first_row = down * part_rows;
    p.last_row = min(p.first_row + part_rows, rows);
    p.first = (part - down * across) * part_columns;
    p.last = min(p.first + part_columns, columns);
    return p;
}

static inline size_t row_start(int output, int row, int rows, int kept, int columns) {
    const int outer = output / kept;
    return (((size_t)outer * rows + row) * kept + (output - outer * kept)) * columns;
}

__kernel void row_vectors(__global const float *restrict x, __global float *restrict y, float factor, int kept,
                          int outputs, int rows, int columns, int part_rows, int part_columns, int parts) {
    const int number = (int)get_global_id(0), output = (int)get_global_id(1);
    if (number >= parts || output >= outputs) return;
    const row_part part = part_of(number, rows, columns, part_rows, part_columns);
    float16 sum_a = START, sum_b = START;
    float8 sum8 = START;
    float4 sum4 = START;
    float sum1 = START;
    for (int r = part.first_row; r < part.last_row; r++) {
        __global const float *row = x + row_start(output, r, rows, kept, columns);
        int i = part.first;
        for (; i + 32 <= part.last; i += 32) {
            TAKE(sum_a, vload16(0, row + i));
            TAKE(sum_b, vload16(0, row + i + 16));
        }
        if (i + 16 <= part.last) {
            TAKE(sum_a, vload16(0, row + i));
            i += 16;
        }
        if (i + 8 <= part.last) {
            TAKE(sum8, vload8(0, row + i));
            i += 8;
        }
        if (i + 4 <= part.last) {
            TAKE(sum4, vload4(0, row + i));
            i += 4;
        }
        for (; i < part.last; i++) {
            TAKE(sum1, row[i]);
        }
    }
    const float16 sums = COMBINE(sum_a, sum_b);
    const float all16 = COMBINE_16(sums), all8 = COMBINE_8(sum8), all4 = COMBINE_4(sum4);
    const float most = COMBINE(all16, all8), rest = COMBINE(all4, sum1), sum = COMBINE(most, rest);
    y[(size_t)output * parts + number] = factor * sum;
}

__kernel __attribute__((reqd_work_group_size(GROUP, 1, 1))) void
row_groups(__global const float *restrict x, __global float *restrict y, float factor, int kept, int outputs, int rows,
           int columns, int part_rows, int part_columns, int parts) {
    __local float sums[GROUP];
    const int number = (int)get_group_id(0), output = (int)get_group_id(1), item = (int)get_local_id(0);
    const row_part part = part_of(number, rows, columns, part_rows, part_columns);
    float sum = START;
    for (int r = part.first_row; r < part.last_row; r++) {
        __global const float *row = x + row_start(output, r, rows, kept, columns);
        for (int i = part.first + item; i < part.last; i += GROUP) {
            TAKE(sum, row[i]);
        }
    }
    sums[item] = sum;
    for (int half_size = GROUP / 2; half_size > 0; half_size /= 2) {
        barrier(CLK_LOCAL_MEM_FENCE);
        if (item < half_size) sums[item] = COMBINE(sums[item], sums[item + half_size]);
    }
    if (item == 0) y[(size_t)output * parts + number] = factor * sums[0];
}

/* Sums over rows of columns CHUNK to CHUNK + 63, or as many as there are. */
__kernel void column_vectors(__global const float *restrict x, __global float *restrict y, float factor, int rows,
                             int columns, int part_rows, int parts) {
    const int number = (int)get_global_id(1), outer = (int)get_global_id(2);
    const int first = number * part_rows, last = min(first + part_rows, rows);
    const int end = min(((int)get_global_id(0) + 1) * 64, columns);
    int c = (int)get_global_id(0) * 64;
    __global const float *from = x + (size_t)outer * rows * columns;
    __global float *to = y + ((size_t)outer * parts + number) * columns;
    if (c + 64 <= end) {
        float16 a = START, b = START, d = START, e = START;
        for (int r = first; r < last; r++) {
            __global const float *row = from + (size_t)r * columns + c;
            TAKE(a, vload16(0, row));
            TAKE(b, vload16(0, row + 16));
            TAKE(d, vload16(0, row + 32));
            TAKE(e, vload16(0, row + 48));
        }
        vstore16(factor * a, 0, to + c);
        vstore16(factor * b, 0, to + c + 16);
        vstore16(factor * d, 0, to + c + 32);
        vstore16(factor * e, 0, to + c + 48);
        return;
    }
    for (; c < end; c += 16) {
        const int count = min(end - c, 16);
        float16 sum = START;
        for (int r = first; r < last; r++) {
            const float16 v = load_some(from + (size_t)r * columns + c, count, 0.0f);
            TAKE(sum, v);
        }
        store_some(factor * sum, to + c, count);
    }
}

__kernel void columns(__global const float *restrict x, __global float *restrict y, float factor, int rows, int columns,
                      int part_rows, int parts) {
    const int c = (int)get_global_id(0), number = (int)get_global_id(1), outer = (int)get_global_id(2);
    if (c >= columns) return;
    const int first = number * part_rows, last = min(first + part_rows, rows);
    __global const float *from = x + (size_t)outer * rows * columns + c;
    float sum = START;
    for (int r = first; r < last; r++) {
        TAKE(sum, from[(size_t)r * columns]);
    }
    y[((size_t)outer * parts + number) * columns + c] = factor * sum;
}

/* Kept axes k0 (outermost) to k3 and reduced axes r0 to r3, with their strides in x. */
__kernel void general(__global const float *restrict x, __global float *restrict y, float factor, int outputs, int k1,
                      int k2, int k3, int k0_stride, int k1_stride, int k2_stride, int k3_stride, int r0, int r1,
                      int r2, int r3, int r0_stride, int r1_stride, int r2_stride, int r3_stride) {
    const int output = (int)get_global_id(0);
    if (output >= outputs) return;
    const int above_k3 = output / k3, above_k2 = above_k3 / k2, above_k1 = above_k2 / k1;
    __global const float *from = x + (size_t)above_k1 * k0_stride + (size_t)(above_k2 - above_k1 * k1) * k1_stride +
                                 (size_t)(above_k3 - above_k2 * k2) * k2_stride +
                                 (size_t)(output - above_k3 * k3) * k3_stride;
    float sum = START;
    for (int a = 0; a < r0; a++) {
        for (int b = 0; b < r1; b++) {
            float inner = START;
            for (int c = 0; c < r2; c++) {
                for (int d = 0; d < r3; d++) {
                    const float v = from[(size_t)a * r0_stride + (size_t)b * r1_stride + (size_t)c * r2_stride +
                                         (size_t)d * r3_stride];
                    TAKE(inner, v);
                }
            }
            sum = COMBINE(sum, inner);
        }
    }
    y[output] = factor * sum;
}
