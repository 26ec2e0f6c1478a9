/* The context: what a process that uses Clade holds first. It owns the error text, the log, the allocator and the
 * OpenCL entry points; nothing in the library is global. One thread at a time may use a context's objects, except
 * where a declaration says otherwise. */
#ifndef CLADE_CONTEXT_H
#define CLADE_CONTEXT_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(_WIN32) || !defined(__GNUC__)
#define CLADE_API
#else
#define CLADE_API __attribute__((visibility("default")))
#endif

/* What a call came to. Zero is success. The words of the fault are in clade_error(). */
typedef enum clade_status {
    CLADE_OK = 0,
    CLADE_ERROR_ARGUMENT,    /* the caller's value is wrong: a shape, a name, an option */
    CLADE_ERROR_INPUT,       /* a file or a data set is malformed, missing or of the wrong kind */
    CLADE_ERROR_SYSTEM,      /* the operating system refused: disk full, no permission, no thread */
    CLADE_ERROR_MEMORY,      /* host or device memory is short */
    CLADE_ERROR_DEVICE,      /* an OpenCL call failed, or no usable device is present */
    CLADE_ERROR_COMPILE,     /* a kernel does not compile on this device */
    CLADE_ERROR_UNSUPPORTED, /* well formed, but beyond what this device or version can do */
    CLADE_ERROR_INTERRUPTED, /* asked to stop; the state was saved where the call says so */
} clade_status;

/* A status in one lower-case phrase ("wrong argument"). Never NULL. */
CLADE_API const char *clade_status_text(clade_status status);

typedef struct clade_context clade_context;

typedef enum clade_log_level { CLADE_LOG_DEBUG, CLADE_LOG_INFO, CLADE_LOG_WARNING } clade_log_level;

typedef struct clade_context_options {
    size_t size; /* sizeof(clade_context_options) */
    /* Receives each log line, without a newline; NULL: silent. May be called from any of the library's threads. */
    void (*log)(void *user, clade_log_level level, const char *line);
    /* Like realloc(): size 0 frees, pointer NULL allocates; NULL: the C library's. Called from any thread. */
    void *(*reallocate)(void *user, void *pointer, size_t size);
    void *user;
} clade_context_options;

/* A new context, or NULL when memory is short. OPTIONS may be NULL. Opens no device and loads no driver yet.
 * Free with clade_context_free() after everything made from it. */
CLADE_API clade_context *clade_context_new(const clade_context_options *options);
CLADE_API void clade_context_free(clade_context *context);

/* The words of the latest failure, on whichever thread: one line that says what was wrong and what to do. "" when nothing
 * failed. Owned by the context, valid until its next failure. */
CLADE_API const char *clade_error(const clade_context *context);

/* "MAJOR.MINOR.PATCH". */
CLADE_API const char *clade_version(void);

#ifdef __cplusplus
}
#endif
#endif
