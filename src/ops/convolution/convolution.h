/* 2-D convolution's family: y, the data gradient dx and the filter gradient dw are three rows of the same sum
 *     y[n,k,p,q] += x[n,c, p*stride - pad + r*dilation, ...] * w[k,c,r,s]
 * and share attributes, sizes and, file by file, implementations. */
#ifndef CLADE_OPS_CONVOLUTION_H
#define CLADE_OPS_CONVOLUTION_H

#include "ops/tail.h"

extern const clade_op clade_op_conv2d, clade_op_conv2d_data_gradient, clade_op_conv2d_filter_gradient;

/* Pairs are height, width. KERNEL is read by the filter gradient alone, IMAGE by the data gradient alone: elsewhere the
 * inputs say them. The filter gradient has no tail. */
typedef struct clade_conv2d_attributes {
    int64_t stride[2], pad[4], dilation[2], groups;
    int64_t kernel[2], image[2];
    clade_tail_attributes tail;
} clade_conv2d_attributes;

/* The sizes of one convolution. Channels and filters are those of one group:
 * x (batch, groups * channels, image), w (groups * filters, channels, kernel), y (batch, groups * filters, out). */
typedef struct clade_convolution {
    int64_t batch, groups, channels, filters, image[2], out[2], kernel[2], stride[2], pad[4], dilation[2];
    int64_t taps;   /* kernel[0] * kernel[1] */
    int64_t pixels; /* out[0] * out[1] */
} clade_convolution;

clade_convolution clade_convolution_at(const clade_site *site);
/* 2 for each multiply-add of the sum above, padding's too. */
double clade_convolution_flops(const clade_site *site);
/* The three rows' reference and reference_at. */
void clade_convolution_reference(const clade_node *node, const clade_tensor in[], clade_tensor out[]);
double clade_convolution_reference_at(const clade_node *node, const clade_tensor in[], const clade_tensor *out,
                                      int64_t element);

/* ---- the implementations, a file each; each serves the three rows unless it refuses ---- */

extern const clade_implementation clade_conv2d_clblast;      /* im2col and CLBlast's batched GEMM */
extern const clade_implementation clade_conv2d_direct;       /* CPU-like devices: tiles in local memory */
extern const clade_implementation clade_conv2d_winograd_gpu; /* GPU-like devices: F(4 x 4, 3 x 3) or F(2 x 2, 3 x 3) */
extern const clade_implementation clade_conv2d_implicit;  /* GPU-like devices: tiled products over a gathered image */
extern const clade_implementation clade_conv2d_pixels;    /* GPU-like devices; always applicable */
extern const clade_implementation clade_conv2d_depthwise; /* CPU-like devices: groups of one channel */
extern const clade_implementation clade_conv2d_depthwise_pixels; /* GPU-like devices: the same */
extern const clade_implementation clade_conv2d_pointwise;       /* CPU-like devices: 1 x 1 kernels as matrix products */
extern const clade_implementation clade_conv2d_winograd;        /* CPU-like devices: F(4 x 4, 3 x 3), F(2 x 2, 5 x 5) */
extern const clade_implementation clade_conv2d_winograd_filter; /* 3 x 3 for the filter gradient */
extern const clade_implementation clade_conv2d_fft;             /* Fourier transforms: large kernels, stride 1 */
extern const clade_implementation clade_conv2d_product;         /* CPU-like devices: kernels that cover their image */
extern const clade_implementation clade_conv2d_groups;          /* the same: groups of few channels and filters */

/* ---- their launches in the making ---- */

enum { CLADE_LAUNCH_ARGUMENTS = 48 };

typedef struct clade_launching {
    clade_launch launch;
    clade_argument arguments[CLADE_LAUNCH_ARGUMENTS];
} clade_launching;

/* With the buffers FROM, WITH (NULL: none) and TO as first arguments, and the options of a program without its own. */
clade_launching clade_launch_begin(const clade_site *site, const char *file, const char *kernel,
                                   const clade_buffer *from, const clade_buffer *with, const clade_buffer *to);
void clade_launch_add(clade_launching *l, clade_argument argument);
void clade_launch_add_numbers(clade_launching *l, const int64_t numbers[], size_t count);
/* SHAPE_PARAMETERS of the kernels: all sizes of C but taps and pixels, in its order. */
void clade_launch_add_shape(clade_launching *l, const clade_convolution *c);
/* TAIL_PARAMETERS of kernels/tail.h: the site's, or that there is none. */
void clade_launch_add_tail(clade_launching *l, const clade_site *site);
void clade_launch_add_no_tail(clade_launching *l, const clade_site *site);
/* For the profiler: the row's operations, and its arrays once each. */
void clade_launch_count(clade_launching *l, const clade_site *site);
/* Appends it, of X x Y x Z work-items. */
clade_status clade_launch_finish(clade_launching *l, clade_commands *commands, int64_t x, int64_t y, int64_t z);

#endif
