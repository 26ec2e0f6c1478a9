/* The one door to OpenCL. Every call of Clade's goes through a clade_opencl: entry points loaded at run time, each call
 * counted, traced when CLADE_TRACE is set, and made to fail on purpose by tests. (What CLBlast calls inside itself does
 * not pass here.)
 *
 *     cl_int code = clade_cl_Finish(opencl, queue);            // clFinish, through the door
 *     uint64_t launches = clade_opencl_calls(opencl, CLADE_CL_EnqueueNDRangeKernel);
 */
#ifndef CLADE_DEVICE_OPENCL_H
#define CLADE_DEVICE_OPENCL_H

#define CL_TARGET_OPENCL_VERSION 300
#define CL_USE_DEPRECATED_OPENCL_1_2_APIS
#include <CL/cl.h>

#include "base/context.h"

typedef struct clade_opencl clade_opencl;

/* One line per entry point: name without "cl", result type, parameters, arguments. Declaring, loading and defining every
 * wrapper goes through this list: adding an entry point is adding a line there. */
#include "device/opencl_calls.h"

/* Indices for counting: CLADE_CL_<Name>. */
#define CLADE_CL_INDEX(NAME, ...) CLADE_CL_##NAME,
typedef enum clade_opencl_call { CLADE_OPENCL_CALLS(CLADE_CL_INDEX) CLADE_CL_COUNT } clade_opencl_call;
#undef CLADE_CL_INDEX

/* The context's entry points, loading libOpenCL at first need (CLADE_ERROR_DEVICE with what to install when absent).
 * CLADE_OPENCL_LIBRARY names another library file. */
clade_status clade_opencl_load(clade_context *context, clade_opencl **opencl);

uint64_t clade_opencl_calls(const clade_opencl *opencl, clade_opencl_call call);
uint64_t clade_opencl_calls_total(const clade_opencl *opencl);
/* Calls that wait for the device: Finish, WaitForEvents, and reads and writes asked to block. */
uint64_t clade_opencl_blocking_calls(const clade_opencl *opencl);
/* Bytes that reads have asked back from the device. */
uint64_t clade_opencl_bytes_read(const clade_opencl *opencl);
/* The calls that created something: contexts, queues, buffers, programs, kernels. */
uint64_t clade_opencl_creations(const clade_opencl *opencl);
/* OpenCL objects alive, events too: made by calls through the door and not yet released. */
int64_t clade_opencl_objects(const clade_opencl *opencl);

/* For tests: the Nth fallible call from now (1: the next one) fails with CODE without reaching the driver; 0 never.
 * CLADE_FAIL_CALL=N does the same from the environment, counting from the loading, with CL_OUT_OF_RESOURCES.
 * Releases never fail, but are counted. */
void clade_opencl_fail_at(clade_opencl *opencl, uint64_t nth, cl_int code);
/* Whether the injected failure has come to pass. */
bool clade_opencl_failed(const clade_opencl *opencl);

/* For tests: after AFTER more commands enqueued on DEVICE it is lost, every call on it failing from then on; or it hangs:
 * calls succeed, but nothing enqueued from then on is carried out before clade_device_release(). Either holds for this
 * handle alone: the device opened anew works. CLADE_LOSE_MEMBER=M:N and CLADE_HANG_MEMBER=M:N do the same, after N
 * commands, to the first device that becomes member M of a group. */
struct clade_device;
void clade_device_lose(struct clade_device *device, uint64_t after);
void clade_device_hang(struct clade_device *device, uint64_t after);
void clade_device_release(struct clade_device *device);

/* "CL_OUT_OF_RESOURCES" for -5; "unknown OpenCL error" otherwise. */
const char *clade_opencl_error_name(cl_int code);

/* The usual words of a failed call: "clCreateBuffer of 4096 bytes for conv1.weight failed: CL_OUT_OF_RESOURCES (-5)".
 * FORMAT says the object and the sizes. Returns CLADE_ERROR_MEMORY for the codes that mean it, else
 * CLADE_ERROR_DEVICE. */
clade_status clade_opencl_fail(clade_context *context, const char *call, cl_int code, const char *format, ...)
    CLADE_PRINTF(4, 5);

#endif
