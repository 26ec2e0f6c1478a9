/* What the Winograd convolutions share: F(4 x 4, 3 x 3), and F(2 x 2, 5 x 5), on CPU-like devices as
 * kernels/winograd_tiles.h has them, and which convolutions a method for so many taps takes. */
#ifndef CLADE_OPS_CONV2D_WINOGRAD_H
#define CLADE_OPS_CONV2D_WINOGRAD_H

#include "ops/convolution/convolution.h"

enum {
    CLADE_WINOGRAD_LANES = 32,     /* tiles of a block */
    CLADE_WINOGRAD_POINTS = 36,    /* products of a tile */
    CLADE_WINOGRAD_PANEL_ROWS = 8, /* filters of a panel of weights */
};

/* Tiles of an image of SIZE results: with 3 taps of 4 x 4, with 5 of 2 x 2. */
static inline int64_t clade_winograd_tiles(const int64_t size[2], int64_t taps) {
    return clade_blocks(size[0], 7 - taps) * clade_blocks(size[1], 7 - taps);
}

/* Bytes of local memory for the rows of an image, and with 3 taps for their ends, with 5 for their columns. */
static inline size_t clade_winograd_rows(int64_t taps) {
    const int pitch = taps == 3 ? 4 * CLADE_WINOGRAD_LANES + 16 : 6 * CLADE_WINOGRAD_LANES + 48;
    return 6 * (size_t)pitch * sizeof(float);
}

static inline size_t clade_winograd_ends(int64_t taps) {
    return (size_t)(taps == 3 ? 12 * CLADE_WINOGRAD_LANES : 36 * (CLADE_WINOGRAD_LANES + 16)) * sizeof(float);
}

/* Bytes of local memory for LINES x LENGTH floats of each point; the points lie a little apart. */
static inline size_t clade_winograd_bytes(int64_t lines, int64_t length) {
    const int64_t slack = 16;
    return (size_t)(CLADE_WINOGRAD_POINTS * (lines * length + slack)) * sizeof(float);
}

/* Bytes of local memory that a work-item may take: more would leave a core's second-level cache. */
static inline size_t clade_winograd_limit(const clade_site *site) {
    const size_t local = site->device->capabilities.local_memory, largest = 896 << 10;
    return local < largest ? local : largest;
}

/* Why C is no convolution of TAPS x TAPS taps, one pixel apart, at every pixel; NULL where it is. */
static inline const char *clade_winograd_problem(const clade_convolution *c, int64_t taps) {
    if (c->kernel[0] != taps || c->kernel[1] != taps)
        return taps == 3 ? "needs a kernel of 3 x 3" : "needs a kernel of 3 x 3 or 5 x 5";
    if (c->stride[0] != 1 || c->stride[1] != 1) return "needs stride 1";
    if (c->dilation[0] != 1 || c->dilation[1] != 1) return "needs dilation 1";
    return NULL;
}

#endif
