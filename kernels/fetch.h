/* FETCH(P), FETCH_TO_WRITE(P): the cache line at P (in global memory) will be read, or written, soon. A hint without
 * effect on results; nothing where the compiler has no such hint for the target: OpenCL's own prefetch() is empty in
 * CPU drivers. P need not be inside a buffer. */
#ifndef FETCH_H
#define FETCH_H

#if defined(__has_builtin) && (defined(__x86_64__) || defined(__aarch64__))
#if __has_builtin(__builtin_prefetch)
#define FETCH(P) __builtin_prefetch((const void *)(size_t)(P))
#define FETCH_TO_WRITE(P) __builtin_prefetch((const void *)(size_t)(P), 1)
#endif
#endif
#ifndef FETCH
#define FETCH(P) (void)(P)
#define FETCH_TO_WRITE(P) (void)(P)
#endif

#endif
