/* Padding with an array's own elements, and its gradient. Place i of a padded axis is place FOLD(i - before) of x:
 *   REFLECT  mirrored at the edge element, which is not repeated     EDGE  the edge element   WRAP  from the other end
 * The host defines MODE as one of them.
 *   pad_mode_rows, fold_rows          an item for PART rows (axis 6) or planes and CHUNK elements: a thread's work
 *   pad_mode_elements, fold_elements  an item for each element */
#ifndef ELEMENT
#define ELEMENT float
#endif
#define REFLECT 1
#define EDGE 2
#define WRAP 3
#ifndef MODE
#define MODE REFLECT
#endif

#define AXES(NAME)                                                                                                     \
    int NAME##0, int NAME##1, int NAME##2, int NAME##3, int NAME##4, int NAME##5, int NAME##6, int NAME##7
#define OUTER(NAME) { NAME##0, NAME##1, NAME##2, NAME##3, NAME##4, NAME##5 }

/* Which of SIZE places lies at place I, which may be outside. */
static inline int fold(int i, int size) {
#if MODE == REFLECT
    return i < 0 ? -i : i >= size ? 2 * (size - 1) - i : i;
#elif MODE == EDGE
    return clamp(i, 0, size - 1);
#else
    return i < 0 ? i + size : i >= size ? i - size : i;
#endif
}

/* The plane of x, axes 0 to 5, at plane PLANE of y. */
static inline int plane_in(int plane, const int *narrow, const int *wide, const int *before) {
    int found = 0, stride = 1;
    for (int axis = 5; axis >= 0; axis--) {
        const int above = plane / wide[axis];
        found += fold(plane - above * wide[axis] - before[axis], narrow[axis]) * stride;
        stride *= narrow[axis];
        plane = above;
    }
    return found;
}

#define PARAMETERS                                                                                                     \
    __global const ELEMENT *restrict x, __global ELEMENT *restrict y, int chunk, int part, AXES(narrow), AXES(wide),   \
        AXES(before)
#define MOVE_TO_PLANE                                                                                                  \
    const int narrows[6] = OUTER(narrow), wides[6] = OUTER(wide), befores[6] = OUTER(before);                          \
    const int plane = (int)get_global_id(2);                                                                           \
    x += (size_t)plane_in(plane, narrows, wides, befores) * narrow6 * narrow7;                                         \
    y += (size_t)plane * wide6 * wide7

__kernel void pad_mode_rows(PARAMETERS) {
    MOVE_TO_PLANE;
    const int first = (int)get_global_id(0) * chunk, last = min(first + chunk, wide7);
    const int begin = (int)get_global_id(1) * part, end = min(begin + part, wide6);
    const int head = clamp(before7, first, last), tail = clamp(before7 + narrow7, head, last);
    for (int row = begin; row < end; row++) {
        __global const ELEMENT *of = x + (size_t)fold(row - before6, narrow6) * narrow7;
        __global ELEMENT *at = y + (size_t)row * wide7;
        for (int i = first; i < head; i++) at[i] = of[fold(i - before7, narrow7)];
        for (int i = head; i < tail; i++) at[i] = of[i - before7];
        for (int i = tail; i < last; i++) at[i] = of[fold(i - before7, narrow7)];
    }
}

__kernel void pad_mode_elements(PARAMETERS) {
    MOVE_TO_PLANE;
    const int i = (int)get_global_id(0), row = (int)get_global_id(1);
    if (i >= wide7) return;
    y[(size_t)row * wide7 + i] = x[(size_t)fold(row - before6, narrow6) * narrow7 + fold(i - before7, narrow7)];
}

/* The gradient along one axis: dx (outer, narrow, inner) of dy (outer, before + narrow + after, inner), each element
 * the sum of those that were its copies: its own, then those before it, then those behind it, in order. */
#define FOLD_PARAMETERS                                                                                                \
    __global const float *restrict dy, __global float *restrict dx, int chunk, int part, int outer, int narrow,        \
        int inner, int before, int after

__kernel void fold_rows(FOLD_PARAMETERS) {
    const int first = (int)get_global_id(0) * chunk, last = min(first + chunk, inner);
    const int begin = (int)get_global_id(1) * part, end = min(begin + part, outer);
    const int wide = before + narrow + after;
    for (int o = begin; o < end; o++) {
        __global const float *of = dy + (size_t)o * wide * inner;
        __global float *at = dx + (size_t)o * narrow * inner;
        if (inner == 1) {
            for (int i = 0; i < narrow; i++) at[i] = of[before + i];
        } else {
            for (int i = 0; i < narrow; i++) {
                __global const float *row = of + (size_t)(before + i) * inner;
                for (int k = first; k < last; k++) at[(size_t)i * inner + k] = row[k];
            }
        }
        for (int p = 0; p < before + after; p++) {
            const int place = p < before ? p : narrow + p, i = fold(place - before, narrow);
            __global const float *row = of + (size_t)place * inner;
            for (int k = first; k < last; k++) at[(size_t)i * inner + k] += row[k];
        }
    }
}

__kernel void fold_elements(FOLD_PARAMETERS) {
    const int e = (int)get_global_id(0), o = (int)get_global_id(1), i = e / inner, k = e - i * inner;
    if (i >= narrow) return;
    __global const float *of = dy + (size_t)o * (before + narrow + after) * inner + k;
    float sum = of[(size_t)(before + i) * inner];
#if MODE == REFLECT
    const int ahead = before - i, behind = before + 2 * (narrow - 1) - i;
    if (i > 0 && ahead >= 0) sum += of[(size_t)ahead * inner];
    if (i < narrow - 1 && behind < before + narrow + after) sum += of[(size_t)behind * inner];
#elif MODE == EDGE
    for (int p = 0; i == 0 && p < before; p++) sum += of[(size_t)p * inner];
    for (int p = 0; i == narrow - 1 && p < after; p++) sum += of[(size_t)(before + narrow + p) * inner];
#else
    const int ahead = i - (narrow - before);
    if (ahead >= 0) sum += of[(size_t)ahead * inner];
    if (i < after) sum += of[(size_t)(before + narrow + i) * inner];
#endif
    dx[(size_t)o * narrow * inner + e] = sum;
}
