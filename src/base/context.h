/* The inside of a context: failing with words, logging, and memory. */
#ifndef CLADE_BASE_CONTEXT_H
#define CLADE_BASE_CONTEXT_H

#include "clade/context.h"

#include <stdbool.h>

#define CLADE_PRINTF(FORMAT, FIRST) __attribute__((format(printf, FORMAT, FIRST)))

struct clade_opencl;

/* Sets the context's error text (one line; may be called from any thread) and returns STATUS, so that a fault reads
 *     return clade_fail(context, CLADE_ERROR_INPUT, "%s: not an IDX file (magic 0x%08x)", path, magic); */
clade_status clade_fail(clade_context *context, clade_status status, const char *format, ...) CLADE_PRINTF(3, 4);
/* The words of the calling thread's latest failure, where it is among the last few of all; else clade_error(). They stay
 * as they are until 16 more failures have come. */
const char *clade_error_here(clade_context *context);
/* The usual fault of an allocation of BYTES on the host, for WHAT ("the labels of mnist"). */
clade_status clade_fail_memory(clade_context *context, size_t bytes, const char *what);

void clade_log(clade_context *context, clade_log_level level, const char *format, ...) CLADE_PRINTF(3, 4);

/* Host memory through the context's allocator. Zeroed; NULL when short (or when count * size overflows).
 * clade_free() accepts NULL. */
void *clade_allocate(clade_context *context, size_t count, size_t size);
void *clade_reallocate(clade_context *context, void *pointer, size_t count, size_t size); /* new part not zeroed */
void clade_free(clade_context *context, void *pointer);
char *clade_duplicate(clade_context *context, const char *text);

/* The OpenCL entry points of this context, owned by the device room: NULL until first need. */
struct clade_opencl *clade_context_opencl(const clade_context *context);
void clade_context_set_opencl(clade_context *context, struct clade_opencl *opencl,
                              void (*free_opencl)(struct clade_opencl *));

/* Environment variable NAME, or NULL when unset or empty. */
const char *clade_environment(const char *name);

#endif
