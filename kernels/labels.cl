/* Class numbers: LABELS (N, PLANE) int, one for each pixel of N samples of COLUMNS classes. A number outside
 * 0 .. COLUMNS-1, and the class IGNORED, belong to no class: such a pixel adds nothing. Without WEIGHTED every class's
 * weight is 1.
 * Over classes and pixels: an item for each, dimension 0 the faster of the two that has more than one. */

#ifndef GROUP
#define GROUP 64
#endif

static inline int counts(int label, int columns, int ignored) {
    return label >= 0 && label < columns && label != ignored;
}

/* y[n,i] = factor * weight[label] * x[n,label,i] */
__kernel void pick(__global const float *restrict x, __global const int *restrict labels, __global float *restrict y,
                   __global const float *restrict weight, int pixels, int columns, int plane, int weighted,
                   int ignored, float factor) {
    const int pixel = (int)get_global_id(0);
    if (pixel >= pixels) return;
    const int label = labels[pixel];
    if (!counts(label, columns, ignored)) {
        y[pixel] = 0.0f;
        return;
    }
    const int n = pixel / plane, i = pixel % plane;
    y[pixel] = factor * (weighted ? weight[label] : 1.0f) * x[((size_t)n * columns + label) * plane + i];
}

/* y[n,i] = weight[label] */
__kernel void label_weights(__global const int *restrict labels, __global float *restrict y,
                            __global const float *restrict weight, int pixels, int columns, int weighted, int ignored) {
    const int pixel = (int)get_global_id(0);
    if (pixel >= pixels) return;
    const int label = labels[pixel];
    y[pixel] = counts(label, columns, ignored) ? (weighted ? weight[label] : 1.0f) : 0.0f;
}

#define CLASS_AND_PIXEL                                                                                                \
    const int c = (int)get_global_id(plane > 1 ? 1 : 0), i = plane > 1 ? (int)get_global_id(0) : 0;                    \
    const int n = (int)get_global_id(2);                                                                               \
    if (n >= rows || c >= columns || i >= plane) return;                                                               \
    const int label = labels[(size_t)n * plane + i];

/* y[n,c,i] = 1 where c is the label, else 0 */
__kernel void one_hot(__global const int *restrict labels, __global float *restrict y, int rows, int columns,
                      int plane) {
    CLASS_AND_PIXEL
    y[((size_t)n * columns + c) * plane + i] = c == label ? 1.0f : 0.0f;
}

/* y[n,c,i] = factor * weight[c] * v[n,i] where c is the label, else 0 */
__kernel void place(__global const int *restrict labels, __global const float *restrict v, __global float *restrict y,
                    __global const float *restrict weight, int rows, int columns, int plane, int weighted,
                    int ignored, float factor) {
    CLASS_AND_PIXEL
    float value = 0.0f;
    if (c == label && c != ignored) value = factor * (weighted ? weight[c] : 1.0f) * v[(size_t)n * plane + i];
    y[((size_t)n * columns + c) * plane + i] = value;
}

/* ---- 1 where the label is the first largest of the classes, else 0 ---- */

/* Whether class C does not speak against LABEL's being the first largest: false too when either is NaN. */
static inline int yields(__global const float *scores, int c, int label, int plane) {
    const float own = scores[(size_t)label * plane], other = scores[(size_t)c * plane];
    return c < label ? other < own : other <= own;
}

/* An item for each pixel. */
__kernel void correct_row_vectors(__global const float *restrict scores, __global const int *restrict labels,
                                  __global float *restrict correct, int rows, int columns, int plane) {
    const int i = (int)get_global_id(0), n = (int)get_global_id(1);
    if (i >= plane || n >= rows) return;
    scores += (size_t)n * columns * plane + i;
    const int label = labels[(size_t)n * plane + i];
    int right = counts(label, columns, -1);
    for (int c = 0; right && c < columns; c++) {
        right &= yields(scores, c, label, plane);
    }
    correct[(size_t)n * plane + i] = right ? 1.0f : 0.0f;
}

/* A group for each pixel. */
__kernel __attribute__((reqd_work_group_size(GROUP, 1, 1))) void
correct_row_groups(__global const float *restrict scores, __global const int *restrict labels,
                   __global float *restrict correct, int rows, int columns, int plane) {
    __local int rights[GROUP];
    const int i = (int)get_group_id(0), n = (int)get_group_id(1), item = (int)get_local_id(0);
    scores += (size_t)n * columns * plane + i;
    const int label = labels[(size_t)n * plane + i];
    int right = counts(label, columns, -1);
    for (int c = item; right && c < columns; c += GROUP) {
        right &= yields(scores, c, label, plane);
    }
    rights[item] = right;
    for (int half_size = GROUP / 2; half_size > 0; half_size /= 2) {
        barrier(CLK_LOCAL_MEM_FENCE);
        if (item < half_size) rights[item] &= rights[item + half_size];
    }
    if (item == 0) correct[(size_t)n * plane + i] = rights[0] ? 1.0f : 0.0f;
}
