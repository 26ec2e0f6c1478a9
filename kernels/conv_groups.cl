/* Convolution in groups of few channels and filters, depthwise ones among them, for CPU-like devices: kernels of SIZE x
 * SIZE (odd), strides of STRIDE (1 or 2). Lanes are pixels, and planes are read where they lie. A work-item, alone in
 * its group, takes rows of some planes of results, 16 columns at a time, or 8 of two planes where rows are that short.
 * It walks down the sources, each row of which is read once for all rows of results that it reaches. TURNED: the data
 * gradient of stride 1, which is the same correlation of dy with the kernel turned round. */
#include "depthwise_target.h"
#include "fma.h"
#include "group_places.h"
#include "plane_rows.h"
#include "tail.h"

#ifdef TURNED
#define TAP(J) (TAPS - 1 - (J))
#else
#define TAP(J) (J)
#endif

/* The last of the sums, and the most columns of results that are worked through for two planes at once. */
enum { LAST = STRIDE * AGES - 1, SHORT = 8 };

/* ---- two planes side by side, 8 lanes each ---- */

/* By LOAD_A(place) and LOAD_B(place), 16 floats of either plane's row. */
#if STRIDE == 1
#define PICK(I, L0, L1, L2, L3, L4, L5, L6, L7)                                                                        \
    if (I < SIZE)                                                                                                      \
        v[I] = (float16)(a.L0, a.L1, a.L2, a.L3, a.L4, a.L5, a.L6, a.L7, b.L0, b.L1, b.L2, b.L3, b.L4, b.L5, b.L6,     \
                         b.L7);
#define SPREAD_PAIR(LOAD_A, LOAD_B)                                                                                    \
    const float16 a = LOAD_A(0), b = LOAD_B(0);                                                                        \
    PICK(0, s0, s1, s2, s3, s4, s5, s6, s7)                                                                            \
    PICK(1, s1, s2, s3, s4, s5, s6, s7, s8)                                                                            \
    PICK(2, s2, s3, s4, s5, s6, s7, s8, s9)                                                                            \
    PICK(3, s3, s4, s5, s6, s7, s8, s9, sa)                                                                            \
    PICK(4, s4, s5, s6, s7, s8, s9, sa, sb)                                                                            \
    PICK(5, s5, s6, s7, s8, s9, sa, sb, sc)                                                                            \
    PICK(6, s6, s7, s8, s9, sa, sb, sc, sd)
#else
#define SPREAD_PAIR(LOAD_A, LOAD_B)                                                                                    \
    UNROLL                                                                                                             \
    for (int i = 0; i < SIZE; i += 2) {                                                                                \
        const float16 a = LOAD_A(i), b = LOAD_B(i);                                                                    \
        v[i] = EVEN_16(a, b);                                                                                          \
        v[i + 1] = ODD_16(a, b);                                                                                       \
    }
#endif
#define OTHER_ROW_16(AT) mask_16(READ_16(line + apart + (AT)), x + (AT), (uint)s->width)
#define OTHER_WINDOW_16(AT) vload16(0, other + (AT))

/* As read_16, of a plane and the one that lies APART floats further. */
INLINE void read_pair(const source *s, int apart, int y, int x, float16 v[SIZE + 1]) {
    const __global float *line = s->from + (long)y * s->width + x;
    if (within(s, line) && within(s, line + apart)) {
        SPREAD_PAIR(FROM_ROW_16, OTHER_ROW_16)
        return;
    }
    float window[WINDOW], other[WINDOW];
    copy_window(line, x, s->width, window);
    copy_window(line + apart, x, s->width, other);
    SPREAD_PAIR(FROM_WINDOW_16, OTHER_WINDOW_16)
}

/* ---- the walk ---- */

/* ROWS rows of results from columns Q on, whose kernels begin at row FIRST_Y and column X of the COUNT sources, of
 * which S is the first; from one to the next are STEP floats of WEIGHTS. Sums of age k are of the kernel's rows from
 * k * STRIDE on; those of odd rows of the sources have their own, so that none waits for the other. */
#define CORRELATE(NAME, SPACE, FACTOR, READ, PUT)                                                                      \
    INLINE void NAME(const source *s, int count, int apart, int first_y, int x, const SPACE float *weights, int step,  \
                     int rows, int q, const target *t, const tail_inputs *tail) {                                      \
        float16 sums[LAST + 1], v[SIZE + 1];                                                                           \
        UNROLL                                                                                                         \
        for (int k = 0; k <= LAST; k++) sums[k] = 0.0f;                                                                \
        for (int newest = 0; newest < rows + AGES - 1; newest++) {                                                     \
            float16 older[LAST + 1];                                                                                   \
            UNROLL                                                                                                     \
            for (int k = 0; k <= LAST; k++) older[k] = sums[k];                                                        \
            UNROLL                                                                                                     \
            for (int k = STRIDE; k <= LAST; k++) sums[k] = older[k - STRIDE];                                          \
            UNROLL                                                                                                     \
            for (int e = 0; e < STRIDE; e++) {                                                                         \
                const int y = first_y + newest * STRIDE + e;                                                           \
                const SPACE float *w = weights;                                                                        \
                source plane = *s;                                                                                     \
                sums[e] = 0.0f;                                                                                        \
                for (int c = 0; c < count && y >= 0 && y < s->height; c++, w += step) {                                \
                    READ;                                                                                              \
                    UNROLL                                                                                             \
                    for (int r = e; r < SIZE; r += STRIDE) {                                                           \
                        UNROLL                                                                                         \
                        for (int i = 0; i < SIZE; i++) sums[r] = FMA(FACTOR(TAP(r * SIZE + i)), v[i], sums[r]);        \
                    }                                                                                                  \
                    plane.from += s->height * s->width;                                                                \
                }                                                                                                      \
            }                                                                                                          \
            const float16 sum = STRIDE == 1 ? sums[LAST] : sums[LAST - 1] + sums[LAST];                                \
            const int p = newest - AGES + 1;                                                                           \
            if (p >= 0) {                                                                                              \
                PUT                                                                                                    \
            }                                                                                                          \
        }                                                                                                              \
    }

#define ONE_FACTOR(J) (float16)(w[J])
#define TWO_FACTORS(J) vload16(J, w)
CORRELATE(correlate, __global, ONE_FACTOR, read_16(&plane, y, x, v), put(t, tail, sum, p, q);)
CORRELATE(correlate_pair, __local, TWO_FACTORS, read_pair(&plane, apart, y, x, v), put_pair(t, tail, sum, p);)

/* The weights of (groups, outputs, sources), each plane's TAPS; the data gradient's are (groups, sources, outputs). */
INLINE const __global float *kernels_of(const place *p, const __global float *weights, int outputs, int sources) {
#ifdef TURNED
    return weights + ((size_t)p->group * outputs * sources + p->output) * TAPS;
#else
    return weights + ((size_t)p->group * outputs + p->output) * sources * TAPS;
#endif
}

/* The kernels of two planes' results, 8 lanes each, for `correlate_pair`. */
INLINE void pair_kernels(const __global float *one, const __global float *other, int sources, int step,
                         __local float *pairs) {
    for (int c = 0; c < sources; c++, one += step, other += step)
        for (int j = 0; j < TAPS; j++, pairs += 16)
            vstore8((float8)(one[j]), 0, pairs), vstore8((float8)(other[j]), 1, pairs);
}

/* Work-item (row block, block of PLANES of results). Where rows are short the planes of the block's first half are
 * worked through beside those of its second; PAIRS has room for 16 floats for each weight of a result then. Of whole
 * planes results may run over into the next, which come later. */
__kernel __attribute__((reqd_work_group_size(1, 1, 1))) void
walk(const __global float *restrict in, const __global float *restrict weights, __global float *restrict out,
     __local float *restrict pairs, int planes, int groups, int outputs, int sources, int height, int width,
     int out_height, int out_width, int pad_y, int pad_x, int row_block, int plane_block, TAIL_PARAMETERS) {
    const tail_inputs tail = TAIL_INPUTS;
    const int p = (int)get_global_id(0) * row_block, rows = min(row_block, out_height - p), top = p * STRIDE - pad_y;
    const int first = (int)get_global_id(1) * plane_block, end = min(planes, first + plane_block);
    const int pair_count = out_width <= SHORT ? (end - first) / 2 : 0, pixels = out_height * out_width;
    const int size = height * width, group_size = sources * size;
#ifdef TURNED
    const int step = outputs * TAPS;
#else
    const int step = TAPS;
#endif
    source s = { in, in, in + (size_t)(planes / outputs) * group_size, height, width };
    target t[2];
    place now[2];
    for (int i = 0; i < 2; i++) {
        t[i].y = out, t[i].width = out_width, t[i].end = (size_t)(first + (i + 1) * pair_count) * pixels;
        t[i].add = t[i].exact = false, t[i].whole = true;
        t[i].plain = tail.flags == 0 && tail.low != 0.0f;
        set_place(&now[i], first + i * pair_count, groups, outputs);
    }
    for (int i = 0; i < pair_count; i++) {
        const int of[2] = { now[0].plane / outputs, now[1].plane / outputs };
        for (int j = 0; j < 2; j++) {
            t[j].at = ((size_t)now[j].plane * out_height + p) * out_width;
            t[j].bias = tail_bias_of(&tail, now[j].group * outputs + now[j].output);
            if (rows < out_height) t[j].end = t[j].at + (size_t)rows * out_width;
        }
        s.from = in + (size_t)of[0] * group_size;
        pair_kernels(kernels_of(&now[0], weights, outputs, sources), kernels_of(&now[1], weights, outputs, sources),
                     sources, step, pairs);
        correlate_pair(&s, sources, (of[1] - of[0]) * group_size, top, -pad_x, pairs, 16 * TAPS, rows, 0, t, &tail);
        for (int j = 0; j < 2; j++) next_place(&now[j], groups, outputs);
    }
    for (; now[1].plane < end; next_place(&now[1], groups, outputs)) {
        t[0].at = ((size_t)now[1].plane * out_height + p) * out_width;
        t[0].end = rows < out_height ? t[0].at + (size_t)rows * out_width : (size_t)end * pixels;
        t[0].bias = tail_bias_of(&tail, now[1].group * outputs + now[1].output);
        s.from = in + (size_t)(now[1].plane / outputs) * group_size;
        for (int begin = 0; begin < out_width; begin += 16) {
            const int q = max(0, min(begin, out_width - 16));
            correlate(&s, sources, 0, top, q * STRIDE - pad_x, kernels_of(&now[1], weights, outputs, sources), step,
                      rows, q, t, &tail);
        }
    }
}
