/* Operators that move elements. See clade/ops.h for what all share. */
#ifndef CLADE_OPERATORS_SHAPE_H
#define CLADE_OPERATORS_SHAPE_H

#include "clade/graph.h"

#ifdef __cplusplus
extern "C" {
#endif

CLADE_API clade_value clade_reshape(clade_value x, clade_dims dims); /* one size may be CLADE_REST */
#define CLADE_REST INT64_MIN
CLADE_API clade_value clade_flatten(clade_value x); /* (N, ...) -> (N, product of the rest) */

/* Values side by side along AXIS (from the end where negative), alike in every other: clade_concat(1, a, b, c). 1 to 16
 * values of one type; the axis may be symbolic. (ONNX's Concat.) */
CLADE_API clade_value clade_concat_all(int32_t axis, const clade_value *values, size_t count);
#define clade_concat(AXIS, ...)                                                                                        \
    clade_concat_all((AXIS), (const clade_value[]){ __VA_ARGS__ },                                                     \
                     sizeof((const clade_value[]){ __VA_ARGS__ }) / sizeof(clade_value))
/* COUNT parts of x along AXIS, of SIZES that together are its size, into PARTS; false, with all parts invalid, when they
 * are not. (ONNX's Split.) */
CLADE_API bool clade_split(clade_value x, int32_t axis, const clade_size *sizes, size_t count, clade_value *parts);

/* y's axis k is x's axis permutation[k]: clade_transpose(image, 0, 2, 3, 1) takes (N, C, H, W) to (N, H, W, C). Any type.
 * (ONNX's Transpose.) */
CLADE_API clade_value clade_transpose_by(clade_value x, const int32_t *permutation, int32_t count);
#define clade_transpose(X, ...)                                                                                        \
    clade_transpose_by((X), (const int32_t[]){ __VA_ARGS__ },                                                          \
                       (int32_t)(sizeof((const int32_t[]){ __VA_ARGS__ }) / sizeof(int32_t)))
/* x backwards along the axes whose bits are set in AXES (bit 0: axis 0). Any type. */
CLADE_API clade_value clade_reverse(clade_value x, uint32_t axes);
/* (N, C, H, W) -> (N, C / block^2, block H, block W): the channels of a pixel become a block of pixels. Channel
 * (i block + j) C' + c goes to pixel (i, j) of channel c's block; with CHANNELS_FIRST channel c block^2 + i block + j does
 * (pixel shuffle, Shi et al. 2016). (ONNX's DepthToSpace in modes DCR and CRD.) */
CLADE_API clade_value clade_depth_to_space(clade_value x, int64_t block, bool channels_first);
/* (N, C, H, W) -> (N, block^2 C, H / block, W / block): undoes clade_depth_to_space(x, block, false). (ONNX's
 * SpaceToDepth.) */
CLADE_API clade_value clade_space_to_depth(clade_value x, int64_t block);
/* (N, C, ...) with the channels seen as (groups, C / groups) and turned round (ShuffleNet, Zhang et al. 2018). */
CLADE_API clade_value clade_channel_shuffle(clade_value x, int64_t groups);

/* x with a new axis of size 1 at place AXIS of the result (from the end where negative), and without the axes of size 1
 * whose bits are set in AXES, or all of them for CLADE_ALL_AXES. (ONNX's Unsqueeze, Squeeze.) */
CLADE_API clade_value clade_unsqueeze(clade_value x, int32_t axis);
CLADE_API clade_value clade_squeeze(clade_value x, uint32_t axes);
/* x repeated as numpy broadcasts it with DIMS (ONNX's Expand), and repeats[k] times along axis k (ONNX's Tile; at most
 * CLADE_MAX_RANK axes together with one for each that is repeated). Any type. */
CLADE_API clade_value clade_expand_to(clade_value x, clade_dims dims);
CLADE_API clade_value clade_repeat(clade_value x, const int64_t *repeats, int32_t count);

/* How a padded array is filled around x. */
typedef enum clade_pad_mode {
    CLADE_PAD_CONSTANT, /* with VALUE */
    CLADE_PAD_REFLECT,  /* with x mirrored at its edge, which is not repeated: at most X - 1 elements */
    CLADE_PAD_EDGE,     /* with the edge */
    CLADE_PAD_WRAP,     /* with x from its other end: at most X elements */
} clade_pad_mode;

/* x with VALUE around it and between its elements: along each axis of size X,
 *   y[before + i * step] = x[i], VALUE elsewhere; y's size is before + (X - 1) * step + 1 + after
 * or, in another mode, with copies of its own elements around it (no steps). An axis without a fixed size (N) stays as it
 * is. Any type; of int32, VALUE is rounded towards 0. (ONNX's Pad.) */
typedef struct clade_pad_options {
    size_t size;
    clade_value x;
    int64_t before[CLADE_MAX_RANK], after[CLADE_MAX_RANK]; /* by axis, at least 0 */
    int64_t step[CLADE_MAX_RANK];                          /* by axis, at least 1; default 1 */
    float value;
    const char *name;
    clade_pad_mode mode;
} clade_pad_options;
CLADE_API clade_value clade_pad_with(const clade_pad_options *options);
#define clade_pad(...) clade_pad_with(&(clade_pad_options){ .size = sizeof(clade_pad_options), .x = __VA_ARGS__ })

/* A part of x: y[i] = x[begin + i * step] along each axis, up to END, which is left out; at least one element. BEGIN and
 * END count from the axis's end where they are negative; END 0 is the axis's end. Where STEP is negative the walk goes
 * down: BEGIN 0 is then the last element, END 0 lies before the first. An axis without a fixed size (N) stays whole. Any
 * type. (ONNX's Slice.) */
typedef struct clade_slice_options {
    size_t size;
    clade_value x;
    int64_t begin[CLADE_MAX_RANK], end[CLADE_MAX_RANK]; /* by axis */
    int64_t step[CLADE_MAX_RANK];                       /* by axis; default 1 */
    const char *name;
} clade_slice_options;
CLADE_API clade_value clade_slice_with(const clade_slice_options *options);
#define clade_slice(...)                                                                                               \
    clade_slice_with(&(clade_slice_options){ .size = sizeof(clade_slice_options), .x = __VA_ARGS__ })

/* ---- by whole numbers: indices are int32 and count from the end where they are negative; one that is then still outside
 *      gives 0, puts nothing and takes no gradient. Any type of x. ---- */

/* x (A..., S, B...) and index (I...) -> (A..., I..., B...): rows along AXIS (from the end where negative) by their
 * numbers. With x (words, features) and axis 0, an embedding. The gradient adds the rows that were taken, in the order of
 * the index. (ONNX's Gather.) */
CLADE_API clade_value clade_gather(clade_value x, clade_value index, int32_t axis);

/* y of the index's dims, each element from x along AXIS: y[i, j, k] = x[i, index[i, j, k], k] for axis 1 of three. The
 * index is no longer than x along the other axes. (ONNX's GatherElements, PyTorch's gather.) */
CLADE_API clade_value clade_gather_elements(clade_value x, clade_value index, int32_t axis);

/* What becomes of an element of x on which something is put. Several on one element are put in the order of the index. */
typedef enum clade_scatter_mode {
    CLADE_SCATTER_REPLACE, /* its gradient is right where no element is put twice */
    CLADE_SCATTER_ADD,
    CLADE_SCATTER_MULTIPLY, /* its gradient is right where nothing is 0 */
    CLADE_SCATTER_MAXIMUM,  /* the gradient goes to all that equal the result */
    CLADE_SCATTER_MINIMUM,
} clade_scatter_mode;

/* x with UPDATES, of the index's dims, put where clade_gather_elements reads. (ONNX's ScatterElements.) */
CLADE_API clade_value clade_scatter_elements(clade_value x, clade_value index, clade_value updates, int32_t axis,
                                             clade_scatter_mode mode);
/* x (B..., S..., R...) and index (B..., M..., K), BATCH axes B: parts (R...) of x by tuples of K numbers along S, in
 * (B..., M..., R...). (ONNX's GatherND.) */
CLADE_API clade_value clade_gather_nd(clade_value x, clade_value index, int32_t batch);
/* x with UPDATES put where clade_gather_nd reads. (ONNX's ScatterND, which has no batch.) */
CLADE_API clade_value clade_scatter_nd(clade_value x, clade_value index, clade_value updates, int32_t batch,
                                       clade_scatter_mode mode);

/* ---- resizing ---- */

typedef enum clade_resize_mode {
    CLADE_RESIZE_NEAREST,
    CLADE_RESIZE_LINEAR, /* over two axes bilinear, over three trilinear */
    CLADE_RESIZE_CUBIC,  /* Keys' cubic convolution (Keys 1981) */
} clade_resize_mode;

/* Where output o of M lies among N inputs; scale is M / N, or what was given. */
typedef enum clade_resize_coordinates {
    CLADE_RESIZE_HALF_PIXEL,           /* (o + 1/2) / scale - 1/2 */
    CLADE_RESIZE_ALIGN_CORNERS,        /* o (N - 1) / (M - 1); 0 where M is 1 */
    CLADE_RESIZE_ASYMMETRIC,           /* o / scale */
    CLADE_RESIZE_PYTORCH_HALF_PIXEL,   /* as half pixel; 0 where M is 1 */
    CLADE_RESIZE_HALF_PIXEL_SYMMETRIC, /* as half pixel, the outputs' middle at the inputs' */
} clade_resize_coordinates;

/* Which neighbour is nearest. PyTorch's "nearest" is asymmetric with FLOOR, its "nearest-exact" half pixel with
 * ROUND_PREFER_CEIL. */
typedef enum clade_resize_rounding {
    CLADE_RESIZE_ROUND_PREFER_FLOOR, /* of equal ones the lower */
    CLADE_RESIZE_ROUND_PREFER_CEIL,
    CLADE_RESIZE_FLOOR,
    CLADE_RESIZE_CEIL,
} clade_resize_rounding;

/* x (float32) with other sizes: clade_resize(image, .scale = { 0, 0, 2, 2 }, .mode = CLADE_RESIZE_LINEAR). Of each axis
 * either its new size TO, or SCALE (its new size is the old one times SCALE, rounded down), or neither: it stays. Inputs
 * outside are those at the edge. With ANTIALIAS, where an axis shrinks the filter grows with it and inputs outside are left
 * out. Axes of fixed size only. The gradient is the transposed sum. (ONNX's Resize; PyTorch's interpolate, whose
 * antialiased cubic has CUBIC -0.5.) */
typedef struct clade_resize_options {
    size_t size;
    clade_value x;
    int64_t to[CLADE_MAX_RANK];
    float scale[CLADE_MAX_RANK];
    clade_resize_mode mode;
    clade_resize_coordinates coordinates;
    clade_resize_rounding rounding; /* of nearest */
    float cubic;                    /* the cubic's coefficient; default -0.75 */
    bool antialias;
    const char *name;
} clade_resize_options;
CLADE_API clade_value clade_resize_with(const clade_resize_options *options);
#define clade_resize(...)                                                                                              \
    clade_resize_with(&(clade_resize_options){ .size = sizeof(clade_resize_options), .x = __VA_ARGS__ })

#ifdef __cplusplus
}
#endif
#endif
