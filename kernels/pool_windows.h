/* Windows of KERNEL_H x KERNEL_W at strides STRIDE_H, STRIDE_W over a plane that begins at (PAD_H, PAD_W) inside its
 * padding: window (p,q) begins at row p*STRIDE_H - PAD_H and column q*STRIDE_W - PAD_W; cells outside the plane do not
 * count. */
#ifndef POOL_WINDOWS_H
#define POOL_WINDOWS_H

typedef struct span {
    int first, last; /* last excluded */
} span;

static inline span clip(int first, int count, int size) {
    span s;
    s.first = max(first, 0);
    s.last = min(first + count, size);
    return s;
}

/* The windows along an axis that contain cell I, padding included in I. */
static inline span windows_over(int i, int kernel_size, int stride, int windows) {
    span s;
    s.first = i < kernel_size ? 0 : (i - kernel_size) / stride + 1;
    s.last = min(i / stride + 1, windows);
    return s;
}

/* A later element wins when it is larger; NaN wins always, so that it is not lost. For numbers and vectors. */
#define WINS(VALUE, BEST) (((VALUE) > (BEST)) | ((VALUE) != (VALUE)))

/* What an average divides by is what lies inside [before, end) along each axis: the plane itself, or the plane with its
 * padding. */
#define EXTENT_PARAMETERS int before_h, int end_h, int before_w, int end_w
#define EXTENT_ARGUMENTS before_h, end_h, before_w, end_w

static inline float per_extent(int top, int left, EXTENT_PARAMETERS) {
    const int rows = min(top + KERNEL_H, end_h) - max(top, before_h);
    const int columns = min(left + KERNEL_W, end_w) - max(left, before_w);
    return 1.0f / (float)(rows * columns);
}

#endif
