/* Rows taken from an array by whole numbers, and rows put into one. x (OUTER, SIZE, INNER); y (OUTER, COUNT, INNER);
 * row j of y is row place[j] of x, PITCH (0 or COUNT) being the places from one outer index to the next. A place counts
 * from the end where it is negative; one that is then still outside is none: it reads 0 and is put nowhere.
 *   gather_rows, gather_elements      y from x: an item for PART rows and CHUNK elements of each, or for an element
 *   spread_rows, spread_groups        x from y: an item, or a group of 64, for RANGE rows of x and CHUNK, or 64,
 *                                     elements of each. It looks at all places in their order: sums have one order
 *   tuple_places                      the places that tuples of COUNT indices name
 *   pick, put_lines                   along one axis, every other index being y's own: y from x; x from y
 * HOW says what becomes of an element that is there and one that is put on it: replaced, added, multiplied, the larger,
 * the smaller. */
#ifndef ELEMENT
#define ELEMENT float
#endif
#ifndef HOW
#define HOW 1
#endif
#if HOW == 0
#define COMBINE(OLD, NEW) (NEW)
#elif HOW == 1
#define COMBINE(OLD, NEW) ((OLD) + (NEW))
#elif HOW == 2
#define COMBINE(OLD, NEW) ((OLD) * (NEW))
#elif HOW == 3
#define COMBINE(OLD, NEW) max(OLD, NEW)
#else
#define COMBINE(OLD, NEW) min(OLD, NEW)
#endif
#define NOWHERE INT_MIN

static inline int place_of(int index, int size) {
    const int place = index < 0 ? index + size : index;
    return place >= 0 && place < size ? place : -1;
}

__kernel void gather_rows(__global const ELEMENT *restrict x, __global const int *restrict places,
                          __global ELEMENT *restrict y, int chunk, int part, int size, int inner, int count,
                          int pitch) {
    const int first = (int)get_global_id(0) * chunk, last = min(first + chunk, inner), outer = (int)get_global_id(2);
    const int begin = (int)get_global_id(1) * part, end = min(begin + part, count);
    places += (size_t)outer * pitch;
    x += (size_t)outer * size * inner;
    y += (size_t)outer * count * inner;
    for (int j = begin; j < end; j++) {
        const int place = place_of(places[j], size);
        __global ELEMENT *to = y + (size_t)j * inner;
        if (place < 0) {
            for (int k = first; k < last; k++) to[k] = (ELEMENT)0;
        } else {
            __global const ELEMENT *from = x + (size_t)place * inner;
            for (int k = first; k < last; k++) to[k] = from[k];
        }
    }
}

__kernel void gather_elements(__global const ELEMENT *restrict x, __global const int *restrict places,
                              __global ELEMENT *restrict y, int chunk, int part, int size, int inner, int count,
                              int pitch) {
    const int e = (int)get_global_id(0), outer = (int)get_global_id(2), j = e / inner, k = e - j * inner;
    if (j >= count) return;
    const int place = place_of(places[(size_t)outer * pitch + j], size);
    y[(size_t)outer * count * inner + e] =
        place < 0 ? (ELEMENT)0 : x[((size_t)outer * size + place) * inner + k];
}

__kernel void spread_rows(__global const ELEMENT *restrict y, __global const int *restrict places,
                          __global ELEMENT *restrict x, int chunk, int range, int size, int inner, int count,
                          int pitch, int clear) {
    const int first = (int)get_global_id(0) * chunk, last = min(first + chunk, inner), outer = (int)get_global_id(2);
    const int begin = (int)get_global_id(1) * range, end = min(begin + range, size);
    places += (size_t)outer * pitch;
    x += (size_t)outer * size * inner;
    y += (size_t)outer * count * inner;
    for (int row = begin; row < end && clear; row++) {
        for (int k = first; k < last; k++) x[(size_t)row * inner + k] = (ELEMENT)0;
    }
    for (int j = 0; j < count; j++) {
        const int place = place_of(places[j], size);
        if (place < begin || place >= end) continue;
        __global ELEMENT *to = x + (size_t)place * inner;
        __global const ELEMENT *from = y + (size_t)j * inner;
        for (int k = first; k < last; k++) to[k] = COMBINE(to[k], from[k]);
    }
}

/* The group's items lie ACROSS (a power of 2) along a row; each line of items has every (64 / ACROSS)th row. */
__kernel __attribute__((reqd_work_group_size(64, 1, 1))) void
spread_groups(__global const ELEMENT *restrict y, __global const int *restrict places, __global ELEMENT *restrict x,
              int across, int range, int size, int inner, int count, int pitch, int clear) {
    __local int found[64];
    const int item = (int)get_local_id(0), lines = 64 / across, line = item / across, outer = (int)get_global_id(2);
    const int k = (int)get_group_id(0) * across + item - line * across;
    const int begin = (int)get_global_id(1) * range, end = min(begin + range, size);
    places += (size_t)outer * pitch;
    x += (size_t)outer * size * inner;
    y += (size_t)outer * count * inner;
    for (int row = begin + line; row < end && clear && k < inner; row += lines) x[(size_t)row * inner + k] = (ELEMENT)0;
    for (int j0 = 0; j0 < count; j0 += 64) {
        barrier(CLK_LOCAL_MEM_FENCE);
        found[item] = j0 + item < count ? place_of(places[j0 + item], size) : -1;
        barrier(CLK_LOCAL_MEM_FENCE);
        for (int j = 0; j < 64; j++) {
            const int place = found[j];
            if (place < begin || place >= end || (place - begin) % lines != line || k >= inner) continue;
            __global ELEMENT *to = x + (size_t)place * inner + k;
            *to = COMBINE(*to, y[(size_t)(j0 + j) * inner + k]);
        }
    }
}

/* Tuple i of COUNT indices into axes of sizes S0, S1, ... names element ((i0 * S1 + i1) * S2 + ...), or none. */
__kernel void tuple_places(__global const int *restrict tuples, __global int *restrict places, int tuples_count,
                           int count, int s0, int s1, int s2, int s3, int s4, int s5, int s6, int s7) {
    const int sizes[8] = { s0, s1, s2, s3, s4, s5, s6, s7 };
    const int t = (int)get_global_id(0);
    if (t >= tuples_count) return;
    int place = 0;
    for (int i = 0; i < count; i++) {
        const int index = place_of(tuples[(size_t)t * count + i], sizes[i]);
        place = index < 0 || place == NOWHERE ? NOWHERE : place * sizes[i] + index;
    }
    places[t] = place;
}

#define AXES(NAME)                                                                                                     \
    int NAME##0, int NAME##1, int NAME##2, int NAME##3, int NAME##4, int NAME##5, int NAME##6, int NAME##7
#define LIST_OF(NAME) { NAME##0, NAME##1, NAME##2, NAME##3, NAME##4, NAME##5, NAME##6, NAME##7 }

/* y, of sizes S, is dense; element i along axis k lies i * X_k further in x, but along the axis that is indexed, where
 * the index, one of SIZE, takes the place of i and x's stride is STRIDE (X is then 0). */
__kernel void pick(__global const ELEMENT *restrict x, __global const int *restrict index,
                   __global ELEMENT *restrict y, int chunk, int size, int stride, AXES(s), AXES(x)) {
    const int sizes[8] = LIST_OF(s), strides[8] = LIST_OF(x);
    const int first = (int)get_global_id(0) * chunk, last = min(first + chunk, s7), line = (int)get_global_id(1);
    int rest = line;
    size_t from = 0;
    for (int axis = 6; axis >= 0; axis--) {
        const int above = rest / sizes[axis];
        from += (size_t)(rest - above * sizes[axis]) * strides[axis];
        rest = above;
    }
    for (int i = first; i < last; i++) {
        const size_t at = (size_t)line * s7 + i;
        const int place = place_of(index[at], size);
        y[at] = place < 0 ? (ELEMENT)0 : x[from + (size_t)i * x7 + (size_t)place * stride];
    }
}

/* The same way round: an item for each line of y along the axis that is indexed, which has LENGTH elements STEP apart
 * there; the axis's own size among S is 1. */
__kernel void put_lines(__global const ELEMENT *restrict y, __global const int *restrict index,
                        __global ELEMENT *restrict x, int lines, int length, int step, int size, int stride, AXES(s),
                        AXES(y), AXES(x)) {
    const int sizes[8] = LIST_OF(s), y_strides[8] = LIST_OF(y), x_strides[8] = LIST_OF(x);
    int rest = (int)get_global_id(0);
    if (rest >= lines) return;
    size_t from = 0, to = 0;
    for (int axis = 7; axis >= 0; axis--) {
        const int above = rest / sizes[axis], place = rest - above * sizes[axis];
        from += (size_t)place * y_strides[axis];
        to += (size_t)place * x_strides[axis];
        rest = above;
    }
    for (int j = 0; j < length; j++) {
        const int place = place_of(index[from + (size_t)j * step], size);
        if (place < 0) continue;
        __global ELEMENT *at = x + to + (size_t)place * stride;
        *at = COMBINE(*at, y[from + (size_t)j * step]);
    }
}
