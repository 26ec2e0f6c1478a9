/* Padding and slices. Along each of eight axes (0 the outermost) element i of the narrow array n is element before +
 * i * step of the wide one w: pad writes all of w, VALUE where n has nothing; slice writes n.
 *   ..._rows       an item for PART rows (axis 6) and CHUNK elements of each (axis 7)
 *   ..._elements   an item for each element
 * The third index counts the planes of the result: axes 0 to 5. */
#ifndef ELEMENT
#define ELEMENT float
#endif
#define PASTE_AS_THEY_ARE(A, B) A##B
#define PASTE(A, B) PASTE_AS_THEY_ARE(A, B)
typedef PASTE(ELEMENT, 8) element8;
typedef PASTE(ELEMENT, 16) element16;

#define AXES(NAME)                                                                                                     \
    int NAME##0, int NAME##1, int NAME##2, int NAME##3, int NAME##4, int NAME##5, int NAME##6, int NAME##7
#define OUTER(NAME) { NAME##0, NAME##1, NAME##2, NAME##3, NAME##4, NAME##5 }
#define GEOMETRY AXES(narrow), AXES(wide), AXES(before), AXES(step)

/* Which plane of n lies at plane PLANE of w; -1: none. */
static inline int narrow_plane(int plane, const int *narrow, const int *wide, const int *before, const int *step) {
    int found = 0, stride = 1;
    for (int axis = 5; axis >= 0; axis--) {
        const int past = plane % wide[axis] - before[axis], place = past / step[axis];
        if (past < 0 || place >= narrow[axis] || place * step[axis] != past) return -1;
        found += place * stride;
        stride *= narrow[axis];
        plane /= wide[axis];
    }
    return found;
}

/* Which plane of w plane PLANE of n is. */
static inline int wide_plane(int plane, const int *narrow, const int *wide, const int *before, const int *step) {
    int found = 0, stride = 1;
    for (int axis = 5; axis >= 0; axis--) {
        found += (before[axis] + plane % narrow[axis] * step[axis]) * stride;
        stride *= wide[axis];
        plane /= narrow[axis];
    }
    return found;
}

#define OUTER_AXES                                                                                                     \
    const int narrows[6] = OUTER(narrow), wides[6] = OUTER(wide), befores[6] = OUTER(before), steps[6] = OUTER(step)

/* Which place of an axis of n lies at place I of w; -1: none. */
static inline int narrow_place(int i, int narrow, int before, int step) {
    const int past = i - before, place = past / step;
    return past >= 0 && place < narrow && place * step == past ? place : -1;
}

/* Elements FIRST to LAST of a wide row that has nothing of n. */
static inline void fill_row(__global ELEMENT *y, int first, int last, ELEMENT value) {
    for (int i = first; i < last; i++) {
        y[i] = value;
    }
}

/* Elements FIRST to LAST of the wide row Y around the narrow row X. */
static inline void pad_row(__global const ELEMENT *restrict x, __global ELEMENT *restrict y, int first, int last,
                           int narrow, int before, int step, ELEMENT value) {
    const int head = clamp(before, first, last);
    fill_row(y, first, head, value);
    int i = head > before ? (head - before + step - 1) / step : 0, done = head;
    if (step == 1) {
        const int tail = clamp(before + narrow, head, last);
        for (int at = head; at < tail; at++) {
            y[at] = x[at - before];
        }
        done = tail;
    } else if (step == 2) {
        fill_row(y, head, min(before + 2 * i, last), value);
        for (; i + 8 <= narrow && before + 2 * i + 16 <= last; i += 8) {
            const element8 v = vload8(0, x + i);
            const element16 spread = (element16)(v.s0, value, v.s1, value, v.s2, value, v.s3, value, v.s4, value, v.s5,
                                             value, v.s6, value, v.s7, value);
            vstore16(spread, 0, y + before + 2 * i);
        }
        done = max(head, min(before + 2 * i, last));
    }
    fill_row(y, done, last, value);
    for (; step > 1 && i < narrow && before + i * step < last; i++) {
        y[before + i * step] = x[i];
    }
}

__kernel void pad_rows(__global const ELEMENT *restrict x, __global ELEMENT *restrict y, ELEMENT value, int chunk,
                       int part,
                       GEOMETRY) {
    OUTER_AXES;
    const int first = (int)get_global_id(0) * chunk, last = min(first + chunk, wide7);
    const int begin = (int)get_global_id(1) * part, end = min(begin + part, wide6), plane = (int)get_global_id(2);
    const int from = narrow_plane(plane, narrows, wides, befores, steps);
    for (int i = begin; i < end; i++) {
        const int row = from < 0 ? -1 : narrow_place(i, narrow6, before6, step6);
        __global ELEMENT *to = y + ((size_t)plane * wide6 + i) * wide7;
        if (row < 0)
            fill_row(to, first, last, value);
        else
            pad_row(x + ((size_t)from * narrow6 + row) * narrow7, to, first, last, narrow7, before7, step7, value);
    }
}

__kernel void pad_elements(__global const ELEMENT *restrict x, __global ELEMENT *restrict y, ELEMENT value, int chunk,
                           int part, GEOMETRY) {
    OUTER_AXES;
    const int j = (int)get_global_id(0), i = (int)get_global_id(1), plane = (int)get_global_id(2);
    if (j >= wide7) return;
    const int from = narrow_plane(plane, narrows, wides, befores, steps);
    const int row = narrow_place(i, narrow6, before6, step6), column = narrow_place(j, narrow7, before7, step7);
    const int found = from >= 0 && row >= 0 && column >= 0;
    y[((size_t)plane * wide6 + i) * wide7 + j] =
        found ? x[((size_t)from * narrow6 + row) * narrow7 + column] : value;
}

/* Elements FIRST to LAST of the narrow row Y; X: the wide row from its first element that is taken on. */
static inline void slice_row(__global const ELEMENT *restrict x, __global ELEMENT *restrict y, int first, int last,
                             int step) {
    int i = first;
    if (step == 1) {
        for (; i < last; i++) {
            y[i] = x[i];
        }
    }
    for (; step == 2 && i + 8 <= last; i += 8) {
        const element8 low = vload8(0, x + 2 * i), high = vload8(0, x + 2 * i + 7);
        vstore8((element8)(low.s0, low.s2, low.s4, low.s6, high.s1, high.s3, high.s5, high.s7), 0, y + i);
    }
    for (; i < last; i++) {
        y[i] = x[(size_t)i * step];
    }
}

__kernel void slice_rows(__global const ELEMENT *restrict x, __global ELEMENT *restrict y, int chunk, int part,
                         GEOMETRY) {
    OUTER_AXES;
    const int first = (int)get_global_id(0) * chunk, last = min(first + chunk, narrow7);
    const int begin = (int)get_global_id(1) * part, end = min(begin + part, narrow6), plane = (int)get_global_id(2);
    const size_t from = (size_t)wide_plane(plane, narrows, wides, befores, steps) * wide6 + before6;
    for (int i = begin; i < end; i++) {
        slice_row(x + (from + (size_t)i * step6) * wide7 + before7, y + ((size_t)plane * narrow6 + i) * narrow7, first,
                  last, step7);
    }
}

__kernel void slice_elements(__global const ELEMENT *restrict x, __global ELEMENT *restrict y, int chunk, int part,
                             GEOMETRY) {
    OUTER_AXES;
    const int j = (int)get_global_id(0), i = (int)get_global_id(1), plane = (int)get_global_id(2);
    if (j >= narrow7) return;
    const size_t from = (size_t)wide_plane(plane, narrows, wides, befores, steps) * wide6 + before6;
    y[((size_t)plane * narrow6 + i) * narrow7 + j] = x[(from + (size_t)i * step6) * wide7 + before7 + j * step7];
}
