/* The data gradient of convolutions with stride 2 in groups of few channels and filters, depthwise ones among them, for
 * CPU-like devices: kernels of KERNEL x KERNEL (3, 5 or 7), half of that as padding above and to the left. Lanes are
 * pixels of dy. A work-item, alone in its group, takes rows of some planes of dx; it walks down the planes of dy, each
 * row of which is read once for all rows of dx that it reaches. */
#ifndef KERNEL
#define KERNEL 3
#endif

/* Columns of dy that meet two neighbouring columns of dx. */
#define SIZE ((KERNEL + 1) / 2)
#define STRIDE 1

#include "depthwise_target.h"
#include "fma.h"
#include "group_places.h"
#include "plane_rows.h"
#include "tail.h"
#include "transpose.h"

enum { PAD = KERNEL / 2, SUMS = 2 * KERNEL };

/* ROWS rows of dx from FIRST on, columns 2 Q .. 2 Q + 31, from the COUNT planes of dy of which S is the first; from one
 * to the next are STEP floats of WEIGHTS. With its padding, row H of dx meets row r of the kernel at row (H - r) / 2 of
 * dy: row y of dy adds to the rows 2 y + r, whose sums of even and odd columns are sums[2 r] and sums[2 r + 1]. The
 * same holds for columns. */
INLINE void spread_rows(const source *s, int count, const __global float *weights, int step, int first, int rows,
                        int q, const target *t, const tail_inputs *tail) {
    float16 sums[SUMS], older[SUMS], v[SIZE + 1];
    UNROLL
    for (int k = 0; k < SUMS; k++) sums[k] = 0.0f;
    for (int y = max(0, (first - PAD) >> 1); y <= (first + rows - 1 + PAD) >> 1; y++) {
        const __global float *w = weights;
        source plane = *s;
        for (int c = 0; c < count && y < s->height; c++, w += step) {
            read_16(&plane, y, q - PAD / 2, v);
            UNROLL
            for (int j = 0; j < KERNEL * KERNEL; j++) {
                const int tap = j % KERNEL, odd = (tap + PAD) % 2;
                const int column = (odd + PAD - tap % 2) / 2 - tap / 2 + PAD / 2, k = j / KERNEL * 2 + odd;
                sums[k] = FMA((float16)(w[j]), v[column], sums[k]);
            }
            plane.from += s->height * s->width;
        }
        UNROLL
        for (int r = 0; r < 2; r++) {
            const int row = 2 * y + r - PAD - first;
            if (row >= 0 && row < rows) {
                put(t, tail, shuffle_low(sums[2 * r], sums[2 * r + 1]), row, 2 * q);
                if (2 * q + 16 < t->width) put(t, tail, shuffle_high(sums[2 * r], sums[2 * r + 1]), row, 2 * q + 16);
            }
        }
        UNROLL
        for (int k = 0; k < SUMS; k++) older[k] = sums[k];
        UNROLL
        for (int k = 0; k < SUMS; k++) {
            if (k + 4 < SUMS)
                sums[k] = older[k + 4];
            else
                sums[k] = 0.0f;
        }
    }
}

/* Work-item (row block, block of PLANES of dx): OUTPUTS channels and SOURCES filters to a group; dy's planes are HEIGHT x
 * WIDTH. */
__kernel __attribute__((reqd_work_group_size(1, 1, 1))) void
spread(const __global float *restrict dy, const __global float *restrict weights, __global float *restrict dx,
       int planes, int groups, int outputs, int sources, int height, int width, int out_height, int out_width,
       int row_block, int plane_block, TAIL_PARAMETERS) {
    const tail_inputs tail = TAIL_INPUTS;
    const int p = (int)get_global_id(0) * row_block, rows = min(row_block, out_height - p);
    const int first = (int)get_global_id(1) * plane_block, end = min(planes, first + plane_block);
    const int taps = KERNEL * KERNEL, group_size = sources * height * width;
    const bool strips = out_width > 32, even = out_width % 2 == 0;
    source s = { dy, dy, dy + (size_t)(planes / outputs) * group_size, height, width };
    target t = { dx, 0, 0, out_width, 0.0f, false, true, strips && !even, tail.flags == 0 && tail.low != 0.0f };
    place now;
    for (set_place(&now, first, groups, outputs); now.plane < end; next_place(&now, groups, outputs)) {
        t.at = ((size_t)now.plane * out_height + p) * out_width;
        t.end = rows < out_height ? t.at + (size_t)rows * out_width : (size_t)end * out_height * out_width;
        t.bias = tail_bias_of(&tail, now.group * outputs + now.output);
        s.from = dy + (size_t)(now.plane / outputs) * group_size;
        for (int begin = 0; 2 * begin < out_width; begin += 16) {
            const int q = strips && even ? min(begin, (out_width - 32) / 2) : begin;
            spread_rows(&s, sources, weights + ((size_t)now.group * sources * outputs + now.output) * taps,
                        outputs * taps, p, rows, q, &t, &tail);
        }
    }
}
