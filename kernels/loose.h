/* Sixteen floats that need no more than a float's alignment, moved as one: vload16() and vstore16() between two
 * memories are taken apart into four pieces by PoCL 3.1 (LLVM 15), and pieces fill the store buffer. */
#ifndef LOOSE_H
#define LOOSE_H

typedef float16 __attribute__((aligned(4))) loose16;
#define GLOBAL_16(P) (*(__global loose16 *)(P))
#define READ_16(P) (*(const __global loose16 *)(P))
#define LOCAL_16(P) (*(__local loose16 *)(P))

#endif
