/* FMA(a, b, c) = a * b + c in one instruction where the device has one: fma() where it is fast (the host says so with
 * -DFAST_FMA for CPUs, whose compilers do not always define FP_FAST_FMAF), else mad(). */
#ifndef FMA_H
#define FMA_H

#if defined(FP_FAST_FMAF) || defined(FAST_FMA)
#define FMA(A, B, C) fma((A), (B), (C))
#else
#define FMA(A, B, C) mad((A), (B), (C))
#endif

#endif
