/* 2-D convolution as networks mean it (a correlation; no flip), and its two gradients:
 *   conv2d                  x (N,GC,H,W), w (GK,C,R,S)  -> y (N,GK,P,Q)
 *       y[n,k,p,q] = sum over c,r,s of x[n,c, p*sh - top + r*dh, q*sw - left + s*dw] * w[k,c,r,s]
 *   conv2d_data_gradient    dy, w -> dx: dx[n,c,h,w] = sum over the k,p,q,r,s that read x[n,c,h,w] above of dy * w
 *   conv2d_filter_gradient  x, dy -> dw: dw[k,c,r,s] = sum over n,p,q of dy * x
 * in each of the G groups; outside the image x is 0. The three are the partial derivatives of one trilinear sum, so
 * that the gradient of each is built from the other two. */
#include "ops/convolution/convolution.h"

#include <stddef.h>
#include <string.h>

typedef clade_conv2d_attributes attributes;

#define GEOMETRY                                                                                                       \
    { "stride", CLADE_ATTRIBUTE_INT, offsetof(attributes, stride), 2 },                                                \
        { "pad", CLADE_ATTRIBUTE_INT, offsetof(attributes, pad), 4 },                                                  \
        { "dilation", CLADE_ATTRIBUTE_INT, offsetof(attributes, dilation), 2 }, {                                      \
        "groups", CLADE_ATTRIBUTE_INT, offsetof(attributes, groups), 0                                                 \
    }

static const clade_attribute schema[] = { GEOMETRY, CLADE_TAIL_SCHEMA(attributes), { NULL, 0, 0, 0 } };
static const clade_attribute data_schema[] = {
    GEOMETRY,
    CLADE_TAIL_SCHEMA(attributes),
    { "image", CLADE_ATTRIBUTE_INT, offsetof(attributes, image), 2 },
    { NULL, 0, 0, 0 },
};
static const clade_attribute filter_schema[] = {
    GEOMETRY,
    { "kernel", CLADE_ATTRIBUTE_INT, offsetof(attributes, kernel), 2 },
    { NULL, 0, 0, 0 },
};

/* ---- types ---- */

static bool attributes_good(const attributes *a, clade_text *why) {
    const char *wrong = NULL;
    for (int i = 0; i < 2; i++) {
        if (a->stride[i] < 1) wrong = "a stride of at least 1";
        if (a->dilation[i] < 1) wrong = "a dilation of at least 1";
        if (a->pad[i] < 0 || a->pad[2 + i] < 0) wrong = "padding of at least 0";
    }
    if (a->groups < 1) wrong = "at least 1 group";
    if (wrong != NULL) clade_text_add(why, "expected %s", wrong);
    return wrong == NULL;
}

/* An array of rank 4 whose axes from FIRST_FIXED on are numbers of at least 1. */
static bool images_good(const clade_type *type, int first_fixed, const char *what, clade_text *why) {
    bool good = type->dtype == CLADE_F32 && type->dims.rank == 4;
    for (int i = first_fixed; i < 4 && good; i++) {
        good = type->dims.size[i] >= 1;
    }
    if (!good) clade_text_add(why, "expected %s of fixed sizes, float32", what);
    return good;
}

/* P and Q, or a reason why there are none. */
static bool out_sizes(const attributes *a, const int64_t image[2], const int64_t kernel[2], int64_t out[2],
                      clade_text *why) {
    for (int i = 0; i < 2; i++) {
        const int64_t room = image[i] + a->pad[i] + a->pad[2 + i] - a->dilation[i] * (kernel[i] - 1) - 1;
        if (kernel[i] < 1 || room < 0) {
            clade_text_add(why, "the kernel's %s of %lld (dilation %lld) does not fit into %lld with padding",
                           i == 0 ? "height" : "width", (long long)kernel[i], (long long)a->dilation[i],
                           (long long)(image[i] + a->pad[i] + a->pad[2 + i]));
            return false;
        }
        out[i] = room / a->stride[i] + 1;
    }
    return true;
}

static bool infer_forward(const clade_node *node, clade_type out[], clade_text *why) {
    const attributes *a = node->attributes;
    const clade_type *x = clade_value_type(node->inputs[0]), *w = clade_value_type(node->inputs[1]);
    if (!attributes_good(a, why) || !images_good(x, 1, "x (N, C, H, W)", why) ||
        !images_good(w, 0, "weights (filters, C/groups, height, width)", why))
        return false;
    const int64_t *xs = x->dims.size, *ws = w->dims.size;
    int64_t pixels[2];
    if (ws[1] * a->groups != xs[1] || ws[0] % a->groups != 0) {
        clade_text_add(why, "expected C = %lld * groups and filters divisible by groups = %lld", (long long)ws[1],
                       (long long)a->groups);
        return false;
    }
    if (!out_sizes(a, xs + 2, ws + 2, pixels, why)) return false;
    out[0] = (clade_type){ CLADE_F32, clade_shape(xs[0], ws[0], pixels[0], pixels[1]) };
    return clade_tail_infer(node, out, why);
}

static bool infer_data_gradient(const clade_node *node, clade_type out[], clade_text *why) {
    const attributes *a = node->attributes;
    const clade_type *dy = clade_value_type(node->inputs[0]), *w = clade_value_type(node->inputs[1]);
    if (!attributes_good(a, why) || !images_good(dy, 1, "dy (N, filters, P, Q)", why) ||
        !images_good(w, 0, "weights (filters, C/groups, height, width)", why))
        return false;
    const int64_t *ys = dy->dims.size, *ws = w->dims.size;
    int64_t pixels[2];
    if (!out_sizes(a, a->image, ws + 2, pixels, why)) return false;
    if (ys[1] != ws[0] || ws[0] % a->groups != 0 || ys[2] != pixels[0] || ys[3] != pixels[1]) {
        clade_text_add(why, "expected dy (N, %lld, %lld, %lld)", (long long)ws[0], (long long)pixels[0],
                       (long long)pixels[1]);
        return false;
    }
    out[0] = (clade_type){ CLADE_F32, clade_shape(ys[0], ws[1] * a->groups, a->image[0], a->image[1]) };
    return clade_tail_infer(node, out, why);
}

static bool infer_filter_gradient(const clade_node *node, clade_type out[], clade_text *why) {
    const attributes *a = node->attributes;
    const clade_type *x = clade_value_type(node->inputs[0]), *dy = clade_value_type(node->inputs[1]);
    if (!attributes_good(a, why) || !images_good(x, 1, "x (N, C, H, W)", why) ||
        !images_good(dy, 1, "dy (N, filters, P, Q)", why))
        return false;
    const int64_t *xs = x->dims.size, *ys = dy->dims.size;
    int64_t pixels[2];
    if (!out_sizes(a, xs + 2, a->kernel, pixels, why)) return false;
    if (xs[0] != ys[0] || xs[1] % a->groups != 0 || ys[1] % a->groups != 0 || ys[2] != pixels[0] ||
        ys[3] != pixels[1]) {
        clade_text_add(why,
                       "expected x and dy of the same N, dy (N, filters, %lld, %lld), and both channels divisible by "
                       "groups = %lld",
                       (long long)pixels[0], (long long)pixels[1], (long long)a->groups);
        return false;
    }
    out[0] = (clade_type){ CLADE_F32, clade_shape(ys[1], xs[1] / a->groups, a->kernel[0], a->kernel[1]) };
    return true;
}

/* ---- gradients ---- */

static clade_value append(const clade_tape *tape, const clade_op *op, const attributes *a, clade_value one,
                          clade_value other) {
    return clade_append(tape->graph, op, "", a, (clade_value[]){ one, other }, 2);
}

/* Each gradient's node needs sizes that its inputs do not say: those of what it is the gradient of. The tail is FROM's
 * alone. */
static clade_value data_gradient_for(const clade_tape *tape, const attributes *from, clade_value dy, clade_value w,
                                     clade_value x) {
    attributes a = *from;
    a.tail = (clade_tail_attributes){ 0 };
    memcpy(a.image, clade_value_type(x)->dims.size + 2, sizeof a.image);
    return append(tape, &clade_op_conv2d_data_gradient, &a, dy, w);
}

static clade_value filter_gradient_for(const clade_tape *tape, const attributes *from, clade_value x, clade_value dy,
                                       clade_value w) {
    attributes a = *from;
    a.tail = (clade_tail_attributes){ 0 };
    memcpy(a.kernel, clade_value_type(w)->dims.size + 2, sizeof a.kernel);
    return append(tape, &clade_op_conv2d_filter_gradient, &a, x, dy);
}

static void gradient_forward(clade_tape *tape, const clade_node *node, const clade_value dy[], clade_value dx[]) {
    clade_value x = node->inputs[0], w = node->inputs[1], dsum = clade_tail_gradient(tape, node, dy[0], dx);
    if (tape->wanted[0]) dx[0] = data_gradient_for(tape, node->attributes, dsum, w, x);
    if (tape->wanted[1]) dx[1] = filter_gradient_for(tape, node->attributes, x, dsum, w);
}

static void gradient_data_gradient(clade_tape *tape, const clade_node *node, const clade_value dz[], clade_value dx[]) {
    clade_value dy = node->inputs[0], w = node->inputs[1], dsum = clade_tail_gradient(tape, node, dz[0], dx);
    attributes a = *(const attributes *)node->attributes;
    a.tail = (clade_tail_attributes){ 0 };
    if (tape->wanted[0]) dx[0] = append(tape, &clade_op_conv2d, &a, dsum, w);
    if (tape->wanted[1]) dx[1] = filter_gradient_for(tape, node->attributes, dsum, dy, w);
}

static void gradient_filter_gradient(clade_tape *tape, const clade_node *node, const clade_value dz[],
                                     clade_value dx[]) {
    clade_value x = node->inputs[0], dy = node->inputs[1];
    if (tape->wanted[0]) dx[0] = data_gradient_for(tape, node->attributes, dy, dz[0], x);
    if (tape->wanted[1]) dx[1] = append(tape, &clade_op_conv2d, node->attributes, x, dz[0]);
}

/* ---- cases: the same geometries for the three rows ---- */

/* N, groups, channels and filters of a group; H, W, P, Q; kernel; strides; padding top, left, bottom, right;
 * dilations. */
#define GEOMETRIES(DO)                                                                                                 \
    DO("3 x 3 in the same size", 2, 1, 5, 9, 9, 11, 9, 11, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1)                               \
    DO("one channel", 3, 1, 1, 17, 10, 9, 8, 7, 3, 3, 1, 1, 0, 0, 0, 0, 1, 1)                                          \
    DO("1 x 1", 2, 1, 7, 10, 5, 6, 5, 6, 1, 1, 1, 1, 0, 0, 0, 0, 1, 1)                                                 \
    DO("1 x 1 with strides", 2, 1, 4, 5, 8, 9, 3, 5, 1, 1, 3, 2, 0, 0, 0, 0, 1, 1)                                     \
    DO("stride 2 with asymmetric padding", 2, 1, 3, 4, 9, 10, 5, 5, 3, 3, 2, 2, 1, 0, 2, 1, 1, 1)                      \
    DO("unequal strides, kernel and dilation", 1, 1, 4, 3, 13, 12, 4, 9, 2, 3, 3, 1, 0, 1, 1, 0, 3, 2)                 \
    DO("stride and dilation with a common factor", 2, 1, 2, 3, 13, 14, 4, 5, 3, 2, 2, 4, 0, 3, 2, 2, 4, 2)             \
    DO("two groups", 2, 2, 4, 6, 7, 8, 7, 8, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1)                                             \
    DO("depthwise", 2, 5, 1, 1, 8, 7, 4, 4, 3, 3, 2, 2, 1, 1, 1, 1, 1, 1)                                              \
    DO("many filters", 1, 1, 3, 70, 5, 5, 3, 3, 3, 3, 1, 1, 0, 0, 0, 0, 1, 1)                                          \
    DO("many channels", 1, 1, 67, 5, 6, 6, 4, 4, 3, 3, 1, 1, 0, 0, 0, 0, 1, 1)                                         \
    DO("rows wider than a vector", 1, 1, 2, 3, 4, 75, 4, 71, 3, 5, 1, 1, 1, 0, 1, 0, 1, 1)                             \
    DO("the kernel covers the image", 9, 1, 3, 20, 4, 5, 1, 1, 4, 5, 1, 1, 0, 0, 0, 0, 1, 1)                           \
    DO("the kernel is larger than the image", 2, 1, 3, 4, 3, 2, 3, 4, 5, 7, 1, 1, 2, 4, 2, 4, 1, 1)                    \
    DO("padding beyond the kernel", 1, 1, 2, 3, 4, 4, 6, 5, 2, 2, 2, 3, 4, 5, 5, 6, 1, 1)                              \
    DO("parts of the image that nothing reads", 2, 1, 3, 4, 12, 11, 3, 3, 2, 2, 4, 4, 0, 0, 0, 0, 1, 1)                \
    DO("many small images", 70, 1, 3, 4, 3, 3, 3, 3, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1)                                     \
    DO("seven by seven, five images", 5, 1, 20, 40, 7, 7, 7, 7, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1)                          \
    DO("rows of two vectors", 2, 1, 9, 17, 6, 32, 6, 32, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1)                                 \
    DO("stride 2 over rows longer than a vector", 2, 1, 9, 17, 10, 40, 5, 20, 3, 3, 2, 2, 1, 1, 1, 1, 1, 1)            \
    DO("stride 4 over rows longer than a vector", 1, 1, 2, 9, 15, 83, 3, 19, 5, 9, 4, 4, 0, 0, 0, 0, 1, 1)             \
    DO("one channel, many filters, 5 x 5", 3, 1, 1, 20, 12, 20, 8, 16, 5, 5, 1, 1, 0, 0, 0, 0, 1, 1)                   \
    DO("eight by eight, 5 x 5", 2, 1, 6, 20, 12, 12, 8, 8, 5, 5, 1, 1, 0, 0, 0, 0, 1, 1)                               \
    DO("more channels than a panel is deep", 1, 1, 130, 2, 3, 4, 3, 4, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1)                   \
    DO("more filters than a panel is deep", 1, 1, 2, 300, 2, 2, 2, 2, 1, 1, 1, 1, 0, 0, 0, 0, 1, 1)                    \
    DO("1 x 1 in groups, seven by seven", 3, 2, 20, 9, 7, 7, 7, 7, 1, 1, 1, 1, 0, 0, 0, 0, 1, 1)                       \
    DO("1 x 1, more channels than a panel is deep", 2, 1, 300, 5, 6, 7, 6, 7, 1, 1, 1, 1, 0, 0, 0, 0, 1, 1)            \
    DO("1 x 1, more filters than a block", 2, 1, 8, 75, 8, 20, 8, 20, 1, 1, 1, 1, 0, 0, 0, 0, 1, 1)                    \
    DO("1 x 1, more pixels than a piece", 2, 1, 40, 6, 17, 19, 17, 19, 1, 1, 1, 1, 0, 0, 0, 0, 1, 1)                   \
    DO("1 x 1, more channels and filters than a panel is wide", 2, 1, 40, 50, 5, 7, 5, 7, 1, 1, 1, 1, 0, 0, 0, 0, 1,   \
       1)                                                                                                              \
    DO("1 x 1 with strides over wide rows", 1, 2, 3, 4, 5, 75, 3, 38, 1, 1, 2, 2, 0, 0, 0, 0, 1, 1)                    \
    DO("depthwise, seven by seven", 2, 3, 1, 1, 7, 7, 7, 7, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1)                              \
    DO("depthwise over wide rows", 2, 2, 1, 1, 40, 37, 40, 37, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1)                           \
    DO("depthwise, three filters to a channel", 2, 4, 1, 3, 20, 21, 20, 21, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1)              \
    DO("depthwise with strides over wide rows", 1, 3, 1, 2, 9, 75, 5, 38, 3, 3, 2, 2, 1, 1, 1, 1, 1, 1)                \
    DO("depthwise with stride 2, rows of twice the width", 2, 3, 1, 1, 9, 40, 5, 20, 3, 3, 2, 2, 1, 1, 1, 1, 1, 1)     \
    DO("depthwise with stride 2, padding left alone", 1, 2, 1, 1, 8, 64, 4, 32, 3, 3, 2, 2, 0, 1, 1, 0, 1, 1)          \
    DO("1 x 1, many pixels, more channels than filters", 2, 1, 20, 5, 23, 25, 23, 25, 1, 1, 1, 1, 0, 0, 0, 0, 1, 1)    \
    DO("few pixels, whole panels of channels", 2, 2, 16, 11, 5, 5, 5, 5, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1)                 \
    DO("sixteen pixels, whole panels of channels", 1, 1, 16, 40, 6, 6, 4, 4, 3, 3, 1, 1, 0, 0, 0, 0, 1, 1)             \
    DO("few pixels, whole panels of channels, stride 2", 1, 1, 24, 19, 7, 7, 4, 4, 3, 3, 2, 2, 1, 1, 1, 1, 1, 1)       \
    DO("5 x 5 with stride 3, whole panels of channels", 2, 1, 16, 7, 23, 20, 7, 6, 5, 5, 3, 3, 0, 0, 0, 0, 1, 1)       \
    DO("depthwise with stride 2, rows of less than two vectors", 2, 3, 1, 1, 9, 27, 5, 14, 3, 3, 2, 2, 1, 1, 1, 1, 1,  \
       1)                                                                                                              \
    DO("depthwise with stride 2 over narrow rows", 2, 3, 1, 1, 6, 10, 3, 5, 3, 3, 2, 2, 1, 1, 1, 1, 1, 1)              \
    DO("depthwise 5 x 5", 2, 3, 1, 1, 9, 21, 9, 21, 5, 5, 1, 1, 2, 2, 2, 2, 1, 1)                                      \
    DO("depthwise 5 x 5 with strides along rows", 1, 2, 1, 1, 8, 33, 8, 17, 5, 5, 1, 2, 2, 2, 2, 2, 1, 1)              \
    DO("5 x 5 with unequal padding, several blocks", 3, 2, 5, 9, 17, 23, 18, 22, 5, 5, 1, 1, 4, 0, 1, 3, 1, 1)         \
    DO("5 x 5 over wide rows", 1, 1, 17, 3, 5, 90, 3, 88, 5, 5, 1, 1, 1, 1, 1, 1, 1, 1)                                \
    DO("depthwise with dilation down wide rows", 1, 2, 1, 1, 8, 20, 8, 20, 3, 3, 1, 1, 2, 1, 2, 1, 2, 1)               \
    DO("depthwise with stride 2 and dilation down wide rows", 1, 2, 1, 1, 9, 64, 5, 32, 3, 3, 2, 2, 2, 1, 2, 1, 2, 1)  \
    DO("depthwise 5 x 4 with dilation", 2, 3, 1, 1, 12, 33, 8, 31, 5, 4, 1, 1, 2, 1, 2, 3, 2, 2)                       \
    DO("depthwise over rows of 18", 1, 2, 1, 1, 5, 18, 5, 18, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1)                            \
    DO("depthwise, padding beyond the kernel", 1, 2, 1, 1, 4, 5, 8, 9, 3, 3, 1, 1, 3, 3, 3, 3, 1, 1)                   \
    DO("depthwise, many short planes", 7, 10, 1, 1, 3, 4, 3, 4, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1)                          \
    DO("depthwise, three filters to a channel of short rows", 1, 3, 1, 3, 6, 5, 6, 5, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1)    \
    DO("depthwise 5 x 5, an odd number of short planes", 1, 3, 1, 1, 7, 7, 7, 7, 5, 5, 1, 1, 2, 2, 2, 2, 1, 1)         \
    DO("depthwise 5 x 5 with stride 2", 1, 3, 1, 1, 13, 40, 7, 20, 5, 5, 2, 2, 2, 2, 2, 2, 1, 1)                       \
    DO("depthwise 5 x 5 with stride 2 to short rows", 3, 3, 1, 1, 14, 14, 7, 7, 5, 5, 2, 2, 2, 2, 2, 2, 1, 1)          \
    DO("depthwise 7 x 7", 1, 2, 1, 1, 9, 17, 9, 17, 7, 7, 1, 1, 3, 3, 3, 3, 1, 1)                                      \
    DO("depthwise 7 x 7 with stride 2 and no padding", 1, 2, 1, 2, 15, 47, 5, 21, 7, 7, 2, 2, 0, 0, 0, 0, 1, 1)        \
    DO("groups of three channels and filters", 3, 4, 3, 3, 9, 19, 9, 19, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1)                 \
    DO("groups of two channels and five filters, stride 2", 2, 3, 2, 5, 9, 40, 5, 20, 3, 3, 2, 2, 1, 1, 1, 1, 1, 1)    \
    DO("patches of 2 x 2", 2, 1, 5, 9, 6, 40, 3, 20, 2, 2, 2, 2, 0, 0, 0, 0, 1, 1)                                     \
    DO("patches of 3 x 4 in two groups", 2, 2, 3, 5, 9, 20, 3, 5, 3, 4, 3, 4, 0, 0, 0, 0, 1, 1)                        \
    DO("the kernel covers the image, one image", 1, 1, 5, 70, 4, 4, 1, 1, 4, 4, 1, 1, 0, 0, 0, 0, 1, 1)                \
    DO("an image cut into blocks of rows", 1, 1, 1, 2, 41, 37, 41, 37, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1)                   \
    DO("an image cut into blocks of columns", 1, 1, 1, 1, 3, 2800, 3, 2800, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1)              \
    DO("3 x 3 with unequal padding", 2, 1, 17, 9, 9, 11, 10, 11, 3, 3, 1, 1, 2, 0, 1, 2, 1, 1)                         \
    DO("3 x 3 with more padding than it reaches", 2, 1, 3, 4, 6, 7, 7, 9, 3, 3, 1, 1, 3, 3, 0, 1, 1, 1)                \
    DO("3 x 3 with channels and filters of several blocks", 1, 1, 70, 40, 6, 6, 6, 6, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1)    \
    DO("3 x 3 over a few rows of several images", 3, 1, 4, 6, 17, 18, 17, 18, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1)            \
    DO("11 x 11 in several tiles", 3, 1, 3, 5, 40, 27, 38, 29, 11, 11, 1, 1, 5, 6, 3, 6, 1, 1)                         \
    DO("19 x 17 in two groups", 1, 2, 2, 3, 50, 41, 32, 41, 19, 17, 1, 1, 0, 8, 0, 8, 1, 1)                            \
    DO("a line of 25 taps", 2, 1, 3, 2, 1, 300, 1, 276, 1, 25, 1, 1, 0, 0, 0, 0, 1, 1)                                 \
    DO("lines of 30 taps in several rows", 1, 2, 2, 3, 3, 700, 5, 690, 1, 30, 1, 1, 1, 7, 1, 12, 1, 1)                 \
    DO("a column of 70 taps", 1, 1, 2, 3, 90, 3, 21, 3, 70, 1, 1, 1, 0, 0, 0, 0, 1, 1)                                 \
    DO("a line of 260 taps", 1, 1, 1, 2, 1, 400, 1, 141, 1, 260, 1, 1, 0, 0, 0, 0, 1, 1)

#define ATTRIBUTES(G, H, W, R, S, SH, SW, T, L, B, E, DH, DW)                                                          \
    &(const attributes) {                                                                                              \
        .stride = { SH, SW }, .pad = { T, L, B, E }, .dilation = { DH, DW }, .groups = G, .kernel = { R, S },          \
        .image = { H, W },                                                                                             \
    }
#define FORWARD(NAME, N, G, C, K, H, W, P, Q, R, S, ...)                                                               \
    { .name = NAME,                                                                                                    \
      .in = { { 4, { N, (G) * (C), H, W } }, { 4, { (G) * (K), C, R, S } } },                                          \
      .input_count = 2,                                                                                                \
      .attributes = ATTRIBUTES(G, H, W, R, S, __VA_ARGS__) },
#define DATA_GRADIENT(NAME, N, G, C, K, H, W, P, Q, R, S, ...)                                                         \
    { .name = NAME,                                                                                                    \
      .in = { { 4, { N, (G) * (K), P, Q } }, { 4, { (G) * (K), C, R, S } } },                                          \
      .input_count = 2,                                                                                                \
      .attributes = ATTRIBUTES(G, H, W, R, S, __VA_ARGS__) },
#define FILTER_GRADIENT(NAME, N, G, C, K, H, W, P, Q, R, S, ...)                                                       \
    { .name = NAME,                                                                                                    \
      .in = { { 4, { N, (G) * (C), H, W } }, { 4, { N, (G) * (K), P, Q } } },                                          \
      .input_count = 2,                                                                                                \
      .attributes = ATTRIBUTES(G, H, W, R, S, __VA_ARGS__) },

/* Tails over the output (N, C, P, Q), for a same-size convolution of R x S taps and stride 1: the same for x and dx. */
#define TAIL_CASE(NAME, N, G, C, K, P, Q, R, S, COUNT, TAIL0, TAIL1, TAIL2, ...)                                       \
    {                                                                                                                  \
        .name = NAME, .in = { { 4, { N, (G) * (C), P, Q } }, { 4, { (G) * (K), C, R, S } }, TAIL0, TAIL1, TAIL2 },     \
        .input_count = 2 + (COUNT), .attributes = &(const attributes) {                                                \
            .stride = { 1, 1 }, .pad = { (R) / 2, (S) / 2, (R) / 2, (S) / 2 }, .dilation = { 1, 1 }, .groups = G,      \
            .image = { P, Q }, .tail = {                                                                               \
                __VA_ARGS__                                                                                            \
            }                                                                                                          \
        }                                                                                                              \
    }
#define CHANNELS(C)                                                                                                    \
    {                                                                                                                  \
        1, {                                                                                                           \
            C                                                                                                          \
        }                                                                                                              \
    }
#define IMAGES(N, C, P, Q)                                                                                             \
    {                                                                                                                  \
        4, {                                                                                                           \
            N, C, P, Q                                                                                                 \
        }                                                                                                              \
    }
#define NOTHING                                                                                                        \
    {                                                                                                                  \
        0, {                                                                                                           \
            0                                                                                                          \
        }                                                                                                              \
    }
/* C channels in and out, so that the data gradient's result has them too. */
#define TAILS                                                                                                          \
    TAIL_CASE("bias and ReLU", 2, 1, 11, 11, 9, 13, 3, 3, 1, CHANNELS(11), NOTHING, NOTHING, .bias = true,             \
              .relu = true),                                                                                           \
        TAIL_CASE("residual and mask in two groups", 3, 2, 5, 5, 7, 6, 3, 3, 2, IMAGES(3, 10, 7, 6),                   \
                  IMAGES(3, 10, 7, 6), NOTHING, .residual = true, .mask = true),                                       \
        TAIL_CASE("a whole tail, 1 x 1", 2, 1, 20, 20, 7, 7, 1, 1, 3, CHANNELS(20), IMAGES(2, 20, 7, 7),               \
                  IMAGES(2, 20, 7, 7), .bias = true, .residual = true, .relu = true, .mask = true),                    \
        TAIL_CASE("a whole tail, 5 x 5", 2, 1, 9, 9, 12, 10, 5, 5, 3, CHANNELS(9), IMAGES(2, 9, 12, 10),               \
                  IMAGES(2, 9, 12, 10), .bias = true, .residual = true, .relu = true, .mask = true),                   \
        TAIL_CASE("a whole tail, depthwise", 2, 6, 1, 1, 9, 17, 3, 3, 3, CHANNELS(6), IMAGES(2, 6, 9, 17),             \
                  IMAGES(2, 6, 9, 17), .bias = true, .residual = true, .relu = true, .mask = true),                    \
        TAIL_CASE("a whole tail, depthwise over short rows", 1, 5, 1, 1, 6, 7, 5, 5, 3, CHANNELS(5),                   \
                  IMAGES(1, 5, 6, 7), IMAGES(1, 5, 6, 7), .bias = true, .residual = true, .relu = true, .mask = true), \
        TAIL_CASE("bias of planes of one pixel", 5, 1, 18, 18, 1, 1, 3, 3, 1, CHANNELS(18), NOTHING, NOTHING,          \
                  .bias = true),

/* Of a kernel that covers its image of C x 4 x 4; a bias has a number for each filter. */
#define WHOLE(...)                                                                                                     \
    &(const attributes) {                                                                                              \
        .stride = { 1, 1 }, .dilation = { 1, 1 }, .groups = 1, .image = { 4, 4 }, .tail = { __VA_ARGS__ }              \
    }

static const clade_case forward_cases[] = {
    GEOMETRIES(FORWARD) TAILS{
        .name = "a whole tail, the kernel covers the image",
        .in = { { 4, { 3, 5, 4, 4 } }, { 4, { 18, 5, 4, 4 } }, CHANNELS(18), IMAGES(3, 18, 1, 1), IMAGES(3, 18, 1, 1) },
        .input_count = 5,
        .attributes = WHOLE(.bias = true, .residual = true, .relu = true, .mask = true),
    },
    { .name = NULL },
};
static const clade_case data_gradient_cases[] = {
    GEOMETRIES(DATA_GRADIENT) TAILS{
        .name = "a tail without bias, the kernel covers the image",
        .in = { { 4, { 6, 18, 1, 1 } }, { 4, { 18, 5, 4, 4 } }, IMAGES(6, 5, 4, 4), IMAGES(6, 5, 4, 4) },
        .input_count = 4,
        .attributes = WHOLE(.residual = true, .relu = true, .mask = true),
    },
    {
        .name = "bias and ReLU, the kernel covers the image",
        .in = { { 4, { 6, 18, 1, 1 } }, { 4, { 18, 5, 4, 4 } }, CHANNELS(5) },
        .input_count = 3,
        .attributes = WHOLE(.bias = true, .relu = true),
    },
    {
        .name = "a whole tail, stride 2",
        .in = { { 4, { 2, 17, 5, 20 } },
                { 4, { 17, 9, 3, 3 } },
                CHANNELS(9),
                IMAGES(2, 9, 10, 40),
                IMAGES(2, 9, 10, 40) },
        .input_count = 5,
        .attributes = &(const attributes){ .stride = { 2, 2 },
                                           .pad = { 1, 1, 1, 1 },
                                           .dilation = { 1, 1 },
                                           .groups = 1,
                                           .image = { 10, 40 },
                                           .tail = { .bias = true, .residual = true, .relu = true, .mask = true } },
    },
    { .name = NULL },
};
static const clade_case filter_gradient_cases[] = { GEOMETRIES(FILTER_GRADIENT){ .name = NULL } };

/* ---- the rows ---- */

static const clade_implementation *const implementations[] = {
    &clade_conv2d_clblast,
    &clade_conv2d_direct,
    &clade_conv2d_winograd_gpu,
    &clade_conv2d_implicit,
    &clade_conv2d_pixels,
    &clade_conv2d_pointwise,
    &clade_conv2d_winograd,
    &clade_conv2d_depthwise,
    &clade_conv2d_depthwise_pixels,
    &clade_conv2d_fft,
    &clade_conv2d_product,
    &clade_conv2d_groups,
    NULL,
};

static const clade_implementation *const filter_implementations[] = {
    &clade_conv2d_clblast,   &clade_conv2d_direct,    &clade_conv2d_implicit,         &clade_conv2d_pixels,
    &clade_conv2d_pointwise, &clade_conv2d_depthwise, &clade_conv2d_depthwise_pixels, &clade_conv2d_winograd_filter,
    &clade_conv2d_fft,       &clade_conv2d_product,   &clade_conv2d_groups,           NULL,
};

#define ROW(NAME, ONNX, SCHEMA, WHAT, TAIL, IMPLEMENTATIONS)                                                           \
    {                                                                                                                  \
        .name = NAME, .onnx = ONNX, .attributes = SCHEMA, .attributes_size = sizeof(attributes), .input_minimum = 2,   \
        .input_maximum = 2 + CLADE_TAIL_INPUTS, .outputs = 1, .tail_input = TAIL,                                      \
        .tail_offset = offsetof(attributes, tail), .infer = infer_##WHAT, .gradient = gradient_##WHAT,                 \
        .reference = clade_convolution_reference, .reference_at = clade_convolution_reference_at,                      \
        .flops = clade_convolution_flops, .implementations = IMPLEMENTATIONS, .cases = WHAT##_cases                    \
    }

const clade_op clade_op_conv2d = ROW("conv2d", "Conv", schema, forward, 2, implementations);
const clade_op clade_op_conv2d_data_gradient =
    ROW("conv2d_data_gradient", NULL, data_schema, data_gradient, 2, implementations);
const clade_op clade_op_conv2d_filter_gradient =
    ROW("conv2d_filter_gradient", NULL, filter_schema, filter_gradient, 0, filter_implementations);
