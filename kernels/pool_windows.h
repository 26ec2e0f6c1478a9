/* Windows of KERNEL_H x KERNEL_W cells at strides STRIDE_H, STRIDE_W over a plane that begins at (PAD_H, PAD_W) inside
 * its padding, their cells DILATION_H, DILATION_W apart: window (p,q) begins at row p*STRIDE_H - PAD_H and column
 * q*STRIDE_W - PAD_W; cells outside the plane do not count. */
#ifndef POOL_WINDOWS_H
#define POOL_WINDOWS_H

#ifndef DILATION_H
#define DILATION_H 1
#define DILATION_W 1
#endif

/* What a window reaches over. */
#define REACH_H ((KERNEL_H - 1) * DILATION_H + 1)
#define REACH_W ((KERNEL_W - 1) * DILATION_W + 1)

typedef struct span {
    int first, last; /* last excluded */
} span;

/* The cells of a window along an axis that are inside: FIRST, FIRST + STEP, ... below LAST. */
static inline span clip(int first, int reach, int step, int size) {
    span s;
    s.first = first + (max(-first, 0) + step - 1) / step * step;
    s.last = min(first + reach, size);
    return s;
}

/* The windows along an axis that reach over cell I, padding included in I. */
static inline span windows_over(int i, int reach, int stride, int windows) {
    span s;
    s.first = i < reach ? 0 : (i - reach) / stride + 1;
    s.last = min(i / stride + 1, windows);
    return s;
}

/* Whether window P has a cell at I, which it reaches over. */
static inline int has_cell(int i, int p, int stride, int dilation) {
    return dilation == 1 || (i - p * stride) % dilation == 0;
}

/* A later element wins when it is larger; NaN wins always, so that it is not lost. For numbers and vectors. */
#define WINS(VALUE, BEST) (((VALUE) > (BEST)) | ((VALUE) != (VALUE)))

/* What is summed for an element, and what becomes of the sum. */
#if !defined(POWER)
#define TERM(X) (X)
#define ROOT(SUM) (SUM)
#elif POWER == 1
#define TERM(X) fabs(X)
#define ROOT(SUM) (SUM)
#elif POWER == 2
#define TERM(X) ((X) * (X))
#define ROOT(SUM) sqrt(SUM)
#else
#define TERM(X) pown(fabs(X), POWER)
#define ROOT(SUM) pow((SUM), 1.0f / POWER)
#endif

/* What an average divides by is what lies inside [before, end) along each axis: the plane itself, or the plane with its
 * padding. SUM: nothing is divided. */
#define EXTENT_PARAMETERS int before_h, int end_h, int before_w, int end_w
#define EXTENT_ARGUMENTS before_h, end_h, before_w, end_w

static inline int cells_inside(int first, int kernel_size, int dilation, int before, int end) {
    const int left_out = (max(before - first, 0) + dilation - 1) / dilation;
    return min((end - first + dilation - 1) / dilation, kernel_size) - left_out;
}

static inline float per_extent(int top, int left, EXTENT_PARAMETERS) {
#ifdef SUM
    return 1.0f;
#else
    const int rows = cells_inside(top, KERNEL_H, DILATION_H, before_h, end_h);
    const int columns = cells_inside(left, KERNEL_W, DILATION_W, before_w, end_w);
    return 1.0f / (float)(rows * columns);
#endif
}

#endif
