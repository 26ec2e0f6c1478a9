/* Where depthwise convolutions on CPU-like devices put their results: rows of a plane. */
#ifndef DEPTHWISE_TARGET_H
#define DEPTHWISE_TARGET_H

#include "always_inline.h"
#include "loose.h"
#include "tail.h"

/* y's rows of WIDTH elements from Y + AT on, rows after one another up to END. */
typedef struct target {
    __global float *y;
    size_t at, end;
    int width;
    float bias;
    bool add, whole, exact, plain; /* plain: the sum alone */
} target;

/* Lanes for columns Q .. Q + 15 of row P. Unless it is to be exact, those past the width spoil the next row's first,
 * which come later; they stay within the work-item's own rows. */
INLINE void put(const target *t, const tail_inputs *tail, float16 sum, int p, int q) {
    const size_t at = t->at + (size_t)p * t->width + q;
    if (t->exact ? q + 16 <= t->width : at + 16 <= t->end) {
        if (t->plain) {
            GLOBAL_16(t->y + at) = sum;
            return;
        }
        if (t->add) sum += READ_16(t->y + at);
        GLOBAL_16(t->y + at) = t->whole ? tail16(tail, sum, (float16)(t->bias), at) : sum;
        return;
    }
    float lanes[16];
    vstore16(sum, 0, lanes);
    for (int i = 0; i < min(16, t->width - q); i++) {
        const float one = t->add ? lanes[i] + t->y[at + i] : lanes[i];
        t->y[at + i] = t->whole ? tail1(tail, one, t->bias, at + i) : one;
    }
}

/* The same of rows of at most 8, of sums that are whole. */
INLINE void put_short(const target *t, const tail_inputs *tail, float8 sum, int p) {
    const size_t at = t->at + (size_t)p * t->width;
    if (at + 8 <= t->end) {
        vstore8(t->plain ? sum : tail8(tail, sum, (float8)(t->bias), at), 0, t->y + at);
        return;
    }
    float lanes[8];
    vstore8(sum, 0, lanes);
    for (int i = 0; i < t->width; i++) t->y[at + i] = tail1(tail, lanes[i], t->bias, at + i);
}

/* The same of two planes side by side: their lanes are parted in an array, as Oclgrind 21.10 takes lanes of a vector's
 * half for uninitialised. */
INLINE void put_pair(const target *t, const tail_inputs *tail, float16 sum, int p) {
    float lanes[16];
    vstore16(sum, 0, lanes);
    put_short(&t[0], tail, vload8(0, lanes), p);
    put_short(&t[1], tail, vload8(1, lanes), p);
}

#endif
