/* The context: error text, log and allocator, shared by everything made from it.
 *
 * Several threads may fail at once: the texts of the latest failures are kept, each with the thread that it is of, so that
 * one can still be read, or quoted by the next, while others fail. */
#include "base/context.h"

#include "base/thread.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { KEPT_FAILURES = 16 };

typedef struct failure {
    char *text;           /* NULL: short_text holds it */
    char short_text[256]; /* when memory is short for the text itself */
    clade_thread thread;
} failure;

struct clade_context {
    clade_context_options options;
    clade_mutex lock;
    /* Under the lock: */
    failure failures[KEPT_FAILURES]; /* a ring */
    uint64_t failed;                 /* failures so far */
    struct clade_opencl *opencl;
    void (*free_opencl)(struct clade_opencl *);
};

static void *reallocate_from_c(void *user, void *pointer, size_t size) {
    (void)user;
    if (size == 0) {
        free(pointer);
        return NULL;
    }
    return realloc(pointer, size);
}

clade_context *clade_context_new(const clade_context_options *options) {
    clade_context_options used = { .size = sizeof used };
    if (options != NULL) {
        size_t given = options->size == 0 || options->size > sizeof used ? sizeof used : options->size;
        memcpy(&used, options, given);
    }
    if (used.reallocate == NULL) used.reallocate = reallocate_from_c;
    clade_context *context = used.reallocate(used.user, NULL, sizeof *context);
    if (context == NULL) return NULL;
    *context = (clade_context){ .options = used };
    clade_mutex_init(&context->lock);
    return context;
}

void clade_context_free(clade_context *context) {
    if (context == NULL) return;
    if (context->opencl != NULL) context->free_opencl(context->opencl);
    for (size_t i = 0; i < KEPT_FAILURES; i++)
        clade_free(context, context->failures[i].text);
    clade_mutex_destroy(&context->lock);
    clade_context_options options = context->options;
    options.reallocate(options.user, context, 0);
}

/* The words of the latest failure, or with OWN of the calling thread's latest where one is kept. */
static const char *latest_words(clade_context *context, bool own) {
    const char *words = "";
    clade_mutex_lock(&context->lock);
    const uint64_t kept = context->failed < KEPT_FAILURES ? context->failed : KEPT_FAILURES;
    for (uint64_t back = 0; back < kept; back++) {
        const failure *f = &context->failures[(context->failed - 1 - back) % KEPT_FAILURES];
        const bool mine = clade_thread_is_caller(&f->thread);
        if (back > 0 && !mine) continue;
        words = f->text != NULL ? f->text : f->short_text;
        if (!own || mine) break;
    }
    clade_mutex_unlock(&context->lock);
    return words;
}

const char *clade_error(const clade_context *context) {
    /* The context is the caller's to change; only what this declaration promises is const. */
    return context != NULL ? latest_words((clade_context *)(uintptr_t)context, false) : "";
}

const char *clade_error_here(clade_context *context) {
    return latest_words(context, true);
}

const char *clade_version(void) {
    return CLADE_VERSION;
}

const char *clade_status_text(clade_status status) {
    static const char *const texts[] = {
        [CLADE_OK] = "success",
        [CLADE_ERROR_ARGUMENT] = "wrong argument",
        [CLADE_ERROR_INPUT] = "malformed input",
        [CLADE_ERROR_SYSTEM] = "refused by the operating system",
        [CLADE_ERROR_MEMORY] = "memory is short",
        [CLADE_ERROR_DEVICE] = "device failure",
        [CLADE_ERROR_COMPILE] = "kernel does not compile",
        [CLADE_ERROR_UNSUPPORTED] = "not supported",
        [CLADE_ERROR_INTERRUPTED] = "interrupted",
    };
    size_t index = (size_t)status;
    return index < sizeof texts / sizeof texts[0] ? texts[index] : "unknown status";
}

/* FORMAT with ARGUMENTS in memory of the context; NULL when short. */
static char *CLADE_PRINTF(2, 0) formatted(clade_context *context, const char *format, va_list arguments) {
    va_list again;
    va_copy(again, arguments);
    int length = vsnprintf(NULL, 0, format, arguments);
    char *text = length < 0 ? NULL : clade_allocate(context, (size_t)length + 1, 1);
    if (text != NULL) vsnprintf(text, (size_t)length + 1, format, again);
    va_end(again);
    return text;
}

clade_status clade_fail(clade_context *context, clade_status status, const char *format, ...) {
    failure now = { .thread = clade_thread_caller() };
    va_list arguments;
    va_start(arguments, format);
    now.text = formatted(context, format, arguments);
    va_end(arguments);
    if (now.text == NULL) {
        va_start(arguments, format);
        vsnprintf(now.short_text, sizeof now.short_text, format, arguments);
        va_end(arguments);
    }
    clade_mutex_lock(&context->lock);
    failure *place = &context->failures[context->failed++ % KEPT_FAILURES];
    char *old = place->text;
    *place = now;
    clade_mutex_unlock(&context->lock);
    clade_free(context, old);
    return status;
}

clade_status clade_fail_memory(clade_context *context, size_t bytes, const char *what) {
    return clade_fail(context, CLADE_ERROR_MEMORY, "host memory is short: %zu bytes for %s were refused", bytes, what);
}

void clade_log(clade_context *context, clade_log_level level, const char *format, ...) {
    if (context->options.log == NULL) return;
    va_list arguments;
    va_start(arguments, format);
    char *line = formatted(context, format, arguments);
    va_end(arguments);
    if (line == NULL) return;
    context->options.log(context->options.user, level, line);
    clade_free(context, line);
}

void *clade_allocate(clade_context *context, size_t count, size_t size) {
    void *memory = clade_reallocate(context, NULL, count, size);
    if (memory != NULL) memset(memory, 0, count * size);
    return memory;
}

void *clade_reallocate(clade_context *context, void *pointer, size_t count, size_t size) {
    if (size != 0 && count > SIZE_MAX / size) return NULL;
    size_t bytes = count * size;
    /* A size of 0 means free to the allocator; an empty array still wants a pointer. */
    return context->options.reallocate(context->options.user, pointer, bytes > 0 ? bytes : 1);
}

void clade_free(clade_context *context, void *pointer) {
    if (pointer != NULL) context->options.reallocate(context->options.user, pointer, 0);
}

char *clade_duplicate(clade_context *context, const char *text) {
    size_t bytes = strlen(text) + 1;
    char *copy = clade_reallocate(context, NULL, bytes, 1);
    if (copy != NULL) memcpy(copy, text, bytes);
    return copy;
}

struct clade_opencl *clade_context_opencl(const clade_context *context) {
    return context->opencl;
}

void clade_context_set_opencl(clade_context *context, struct clade_opencl *opencl,
                              void (*free_opencl)(struct clade_opencl *)) {
    context->opencl = opencl;
    context->free_opencl = free_opencl;
}

const char *clade_environment(const char *name) {
    const char *value = getenv(name);
    return value != NULL && value[0] != '\0' ? value : NULL;
}
