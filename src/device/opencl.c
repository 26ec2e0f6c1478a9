/* The door to OpenCL: loading the entry points, and the wrappers that count, trace and fail on purpose.
 *
 * The counters are atomic: several devices are driven by several threads, and completion callbacks run on the driver's.
 * The library stays loaded when the context ends (base/library.h says why). */
#include "device/opencl.h"

#include "base/thread.h"
#include "device/state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What this call comes to without reaching the driver: CL_SUCCESS when it is to reach it. ON is what it is asked of. */
static cl_int injected(clade_opencl *opencl, clade_opencl_call call, const void *on) {
    if (atomic_load_explicit(&opencl->armed, memory_order_relaxed) > 0) {
        cl_int code = clade_opencl_fault_of(opencl, call, on);
        if (code != CL_SUCCESS) return code;
    }
    if (atomic_load_explicit(&opencl->until_failure, memory_order_relaxed) <= 0) return CL_SUCCESS;
    if (atomic_fetch_sub(&opencl->until_failure, 1) != 1) return CL_SUCCESS;
    atomic_store(&opencl->failed, true);
    return atomic_load(&opencl->failure_code);
}

static void tally(atomic_uint_fast64_t *counter, uint64_t amount) {
    atomic_fetch_add_explicit(counter, amount, memory_order_relaxed);
}

/* ON is the object that the call was asked of: a queue, a context, a kernel. */
static void trace(clade_opencl *opencl, const char *call, const void *on, cl_int code) {
    clade_log(opencl->context, CLADE_LOG_DEBUG, "%.6f cl%s(%p) -> %s (%d)", clade_clock_seconds(), call, on,
              clade_opencl_error_name(code), code);
}

/* The notes of opencl_calls.h. */
#define NOTE_NOTHING
#define NOTE_CREATION                                                                                                  \
    tally(&opencl->creations, 1);                                                                                      \
    atomic_fetch_add(&opencl->objects, 1);
#define NOTE_RELEASE atomic_fetch_sub(&opencl->objects, 1);
#define NOTE_EVENT                                                                                                     \
    if (event != NULL) atomic_fetch_add(&opencl->objects, 1);
#define NOTE_BLOCKING                                                                                                  \
    if (blocking) tally(&opencl->blocking, 1);
#define NOTE_PARTS                                                                                                     \
    if (parts != NULL) atomic_fetch_add(&opencl->objects, entries);
#define NOTE_READ tally(&opencl->bytes_read, bytes);
#define NOTE_WAIT tally(&opencl->blocking, 1);

/* The first of a call's arguments: the object that it is asked of. */
#define FIRST_OF(...) FIRST_(__VA_ARGS__, 0)
#define FIRST_(A, ...) ((const void *)(uintptr_t)(A))

#define DEFINE_STATUS(NAME, RESULT, PARAMETERS, ARGUMENTS, NOTE)                                                       \
    RESULT clade_cl_##NAME(clade_opencl *opencl, CLADE_CL_UNWRAP PARAMETERS) {                                         \
        tally(&opencl->calls[CLADE_CL_##NAME], 1);                                                                     \
        cl_int result = injected(opencl, CLADE_CL_##NAME, FIRST_OF ARGUMENTS);                                         \
        if (result == CL_SUCCESS) result = opencl->NAME ARGUMENTS;                                                     \
        if (result == CL_SUCCESS) {                                                                                    \
            NOTE                                                                                                       \
        }                                                                                                              \
        if (opencl->trace) trace(opencl, #NAME, FIRST_OF ARGUMENTS, result);                                           \
        return result;                                                                                                 \
    }

#define DEFINE_RELEASE(NAME, RESULT, PARAMETERS, ARGUMENTS, NOTE)                                                      \
    RESULT clade_cl_##NAME(clade_opencl *opencl, CLADE_CL_UNWRAP PARAMETERS) {                                         \
        tally(&opencl->calls[CLADE_CL_##NAME], 1);                                                                     \
        cl_int result = opencl->NAME ARGUMENTS;                                                                        \
        if (result == CL_SUCCESS) {                                                                                    \
            NOTE                                                                                                       \
        }                                                                                                              \
        if (opencl->trace) trace(opencl, #NAME, FIRST_OF ARGUMENTS, result);                                           \
        return result;                                                                                                 \
    }

#define DEFINE_OBJECT(NAME, RESULT, PARAMETERS, ARGUMENTS, NOTE)                                                       \
    RESULT clade_cl_##NAME(clade_opencl *opencl, CLADE_CL_UNWRAP PARAMETERS) {                                         \
        tally(&opencl->calls[CLADE_CL_##NAME], 1);                                                                     \
        RESULT object = NULL;                                                                                          \
        *code = injected(opencl, CLADE_CL_##NAME, FIRST_OF ARGUMENTS);                                                 \
        if (*code == CL_SUCCESS) object = opencl->NAME ARGUMENTS;                                                      \
        if (object == NULL && *code == CL_SUCCESS) *code = CL_OUT_OF_HOST_MEMORY;                                      \
        if (*code == CL_SUCCESS) {                                                                                     \
            NOTE                                                                                                       \
        }                                                                                                              \
        if (opencl->trace) trace(opencl, #NAME, FIRST_OF ARGUMENTS, *code);                                            \
        return *code == CL_SUCCESS ? object : NULL;                                                                    \
    }

#define DEFINE(NAME, KIND, RESULT, PARAMETERS, ARGUMENTS, NOTE) DEFINE_##KIND(NAME, RESULT, PARAMETERS, ARGUMENTS, NOTE)
CLADE_OPENCL_CALLS(DEFINE)

static void free_opencl(clade_opencl *opencl) {
    clade_context *context = opencl->context;
    clade_devices_bury(opencl);
    clade_clblast_free(opencl);
    clade_devices_free(opencl);
    clade_mutex_destroy(&opencl->lock);
    clade_shared_lock_destroy(&opencl->launching);
    clade_free(context, opencl->why);
    clade_free(context, opencl);
}

/* Fills in the function pointers; the name of the first that is missing, or NULL. */
static const char *load_symbols(clade_opencl *opencl) {
#define LOAD(NAME, ...)                                                                                                \
    {                                                                                                                  \
        void *symbol = clade_library_symbol(&opencl->library, "cl" #NAME);                                             \
        if (symbol == NULL) return "cl" #NAME;                                                                         \
        memcpy(&opencl->NAME, &symbol, sizeof symbol);                                                                 \
    }
    CLADE_OPENCL_CALLS(LOAD)
#undef LOAD
    return NULL;
}

/* Whether the process has an OpenCL already: one that it is linked with, or a checker's that stands before the loader
 * (Oclgrind), whose symbols would mix with a second one's. */
static bool open_present(clade_context *context, clade_opencl *opencl) {
    return clade_library_open(context, NULL, &opencl->library, NULL) &&
           clade_library_symbol(&opencl->library, "clGetPlatformIDs") != NULL;
}

static clade_status open_library(clade_context *context, clade_opencl *opencl) {
    const char *chosen = clade_environment("CLADE_OPENCL_LIBRARY");
    const char *name = chosen != NULL ? chosen : "libOpenCL.so.1";
    char *why = NULL;
    bool present = chosen == NULL && open_present(context, opencl);
    if (!present && !clade_library_open(context, name, &opencl->library, &why)) {
        clade_status status = clade_fail(context, CLADE_ERROR_DEVICE,
                                         "no OpenCL loader: %s; install one (apt-get install ocl-icd-libopencl1) and a "
                                         "driver (for the CPU: apt-get install pocl-opencl-icd)",
                                         why != NULL ? why : "it cannot be opened");
        clade_free(context, why);
        return status;
    }
    const char *missing = load_symbols(opencl);
    if (missing == NULL) return CLADE_OK;
    return clade_fail(context, CLADE_ERROR_DEVICE, "%s has no %s; install an OpenCL loader of version 1.2 or later",
                      name, missing);
}

clade_status clade_opencl_load(clade_context *context, clade_opencl **opencl) {
    *opencl = clade_context_opencl(context);
    if (*opencl != NULL) return CLADE_OK;
    clade_opencl *made = clade_allocate(context, 1, sizeof *made);
    if (made == NULL) return clade_fail_memory(context, sizeof *made, "the OpenCL entry points");
    made->context = context;
    clade_mutex_init(&made->lock);
    clade_shared_lock_init(&made->launching);
    made->trace = clade_environment("CLADE_TRACE") != NULL;
    clade_status status = open_library(context, made);
    if (status == CLADE_OK) status = clade_clblast_new(made);
    if (status != CLADE_OK) {
        clade_mutex_destroy(&made->lock);
        clade_shared_lock_destroy(&made->launching);
        clade_free(context, made);
        return status;
    }
    const char *fail_call = clade_environment("CLADE_FAIL_CALL");
    if (fail_call != NULL) clade_opencl_fail_at(made, strtoull(fail_call, NULL, 10), CL_OUT_OF_RESOURCES);
    clade_context_set_opencl(context, made, free_opencl);
    *opencl = made;
    return CLADE_OK;
}

uint64_t clade_opencl_calls(const clade_opencl *opencl, clade_opencl_call call) {
    return atomic_load(&opencl->calls[call]);
}

uint64_t clade_opencl_calls_total(const clade_opencl *opencl) {
    uint64_t total = 0;
    for (size_t i = 0; i < CLADE_CL_COUNT; i++)
        total += atomic_load(&opencl->calls[i]);
    return total;
}

uint64_t clade_opencl_blocking_calls(const clade_opencl *opencl) {
    return atomic_load(&opencl->blocking);
}
uint64_t clade_opencl_bytes_read(const clade_opencl *opencl) {
    return atomic_load(&opencl->bytes_read);
}
uint64_t clade_opencl_creations(const clade_opencl *opencl) {
    return atomic_load(&opencl->creations);
}
int64_t clade_opencl_objects(const clade_opencl *opencl) {
    return atomic_load(&opencl->objects);
}

void clade_opencl_fail_at(clade_opencl *opencl, uint64_t nth, cl_int code) {
    atomic_store(&opencl->failed, false);
    atomic_store(&opencl->failure_code, code);
    atomic_store(&opencl->until_failure, nth > INT64_MAX ? INT64_MAX : (int64_t)nth);
}

bool clade_opencl_failed(const clade_opencl *opencl) {
    return atomic_load(&opencl->failed);
}
