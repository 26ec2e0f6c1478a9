/* Vectors of LANES elements, for pooling by rows: types, loads and stores, and the shuffles of every other lane. */
#ifndef LANES_H
#define LANES_H

#include "every_other.h"

#ifndef LANES
#define LANES 8
#endif

#define PASTE_AS_THEY_ARE(A, B) A##B
#define PASTE(A, B) PASTE_AS_THEY_ARE(A, B)

/* Loops over a small kernel's columns and over phases are written out, which keeps arrays of vectors in registers. */
#if KERNEL_W <= 8 && KERNEL_H <= 8 && STRIDE_W <= 8
#define UNROLL _Pragma("unroll")
#else
#define UNROLL
#endif

typedef PASTE(float, LANES) lanes;
typedef PASTE(int, LANES) int_lanes;
typedef PASTE(uint, LANES) uint_lanes;
#define LOAD PASTE(vload, LANES)
#define STORE PASTE(vstore, LANES)
#define AS_UINT PASTE(as_uint, LANES)
#define TO_FLOAT PASTE(convert_float, LANES)
/* All of WINDOWS in [0, COUNT). */
#define INSIDE(WINDOWS, COUNT) (AS_UINT(WINDOWS) < (uint)(COUNT))

#define EVEN PASTE(EVEN_, LANES)
#define ODD PASTE(ODD_, LANES)
/* Lanes of A and B by turns, of their first and second halves. */
#if LANES == 16
#define COUNTING (int16)(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15)
#define WEAVE_LOW(A, B)                                                                                                \
    (float16)(A.s0, B.s0, A.s1, B.s1, A.s2, B.s2, A.s3, B.s3, A.s4, B.s4, A.s5, B.s5, A.s6, B.s6, A.s7, B.s7)
#define WEAVE_HIGH(A, B)                                                                                               \
    (float16)(A.s8, B.s8, A.s9, B.s9, A.sa, B.sa, A.sb, B.sb, A.sc, B.sc, A.sd, B.sd, A.se, B.se, A.sf, B.sf)
#elif LANES == 8
#define COUNTING (int8)(0, 1, 2, 3, 4, 5, 6, 7)
#define WEAVE_LOW(A, B) (float8)(A.s0, B.s0, A.s1, B.s1, A.s2, B.s2, A.s3, B.s3)
#define WEAVE_HIGH(A, B) (float8)(A.s4, B.s4, A.s5, B.s5, A.s6, B.s6, A.s7, B.s7)
#else
#define COUNTING (int4)(0, 1, 2, 3)
#define WEAVE_LOW(A, B) (float4)(A.s0, B.s0, A.s1, B.s1)
#define WEAVE_HIGH(A, B) (float4)(A.s2, B.s2, A.s3, B.s3)
#endif

#endif
