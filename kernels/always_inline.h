/* For functions that work in registers: a call would move everything out of them. No pointer of such a function is
 * `restrict`: Oclgrind 21.10 does not know what becomes of that where a call is always inlined. */
#ifndef ALWAYS_INLINE_H
#define ALWAYS_INLINE_H

#define INLINE static inline __attribute__((always_inline))
#define UNROLL _Pragma("unroll")

#endif
