/* Devices lost or hung on purpose, for tests, at the door: a lost one's calls fail, a hung one's queue waits for a user
 * event. A call is known to be of a device by its first argument, a queue or the context. */
#include "device/state.h"

static bool enqueues(clade_opencl_call call) {
    switch (call) {
    case CLADE_CL_EnqueueNDRangeKernel:
    case CLADE_CL_EnqueueReadBuffer:
    case CLADE_CL_EnqueueWriteBuffer:
    case CLADE_CL_EnqueueMapBuffer:
    case CLADE_CL_EnqueueUnmapMemObject:
    case CLADE_CL_EnqueueCopyBuffer:
    case CLADE_CL_EnqueueFillBuffer:
    case CLADE_CL_EnqueueMarkerWithWaitList:
        return true;
    default:
        return false;
    }
}

static bool concerns(const clade_device_fault *fault, const void *on) {
    const clade_device *device = fault->device;
    return device != NULL && (on == (const void *)device->queue || on == (const void *)device->transfers ||
                              on == (const void *)device->cl_context);
}

/* The queue waits, and with it all that comes behind. */
static void begin_hanging(clade_opencl *opencl, clade_device_fault *fault) {
    cl_int code = CL_SUCCESS;
    cl_event never = opencl->CreateUserEvent(fault->device->cl_context, &code);
    if (code != CL_SUCCESS) return;
    if (opencl->EnqueueMarkerWithWaitList(fault->device->queue, 1, &never, NULL) == CL_SUCCESS)
        fault->released = never;
    else
        opencl->ReleaseEvent(never);
}

cl_int clade_opencl_fault_of(clade_opencl *opencl, clade_opencl_call call, const void *on) {
    cl_int code = CL_SUCCESS;
    if (on == NULL) return code;
    clade_mutex_lock(&opencl->lock);
    for (size_t i = 0; i < CLADE_MAX_FAULTS; i++) {
        clade_device_fault *fault = &opencl->faults[i];
        if (!concerns(fault, on)) continue;
        if (!fault->happened && enqueues(call) && fault->enqueues-- == 0) {
            fault->happened = true;
            if (fault->hangs)
                begin_hanging(opencl, fault);
            else /* what was enqueued is over, as far as anybody can tell */
                opencl->Finish(fault->device->queue);
        }
        if (fault->happened && !fault->hangs) code = CL_DEVICE_NOT_AVAILABLE;
    }
    clade_mutex_unlock(&opencl->lock);
    return code;
}

static void set_fault(clade_device *device, uint64_t after, bool hangs) {
    clade_opencl *opencl = device->opencl;
    clade_mutex_lock(&opencl->lock);
    size_t i = 0;
    while (i < CLADE_MAX_FAULTS && opencl->faults[i].device != NULL)
        i++;
    if (i < CLADE_MAX_FAULTS) {
        opencl->faults[i] = (clade_device_fault){ .device = device, .enqueues = after, .hangs = hangs };
        atomic_fetch_add(&opencl->armed, 1);
    }
    clade_mutex_unlock(&opencl->lock);
}

void clade_device_lose(clade_device *device, uint64_t after) {
    set_fault(device, after, false);
}

void clade_device_hang(clade_device *device, uint64_t after) {
    set_fault(device, after, true);
}

void clade_device_release(clade_device *device) {
    clade_device_forget_faults(device);
}

void clade_device_forget_faults(clade_device *device) {
    clade_opencl *opencl = device->opencl;
    if (atomic_load(&opencl->armed) == 0) return;
    clade_mutex_lock(&opencl->lock);
    for (size_t i = 0; i < CLADE_MAX_FAULTS; i++) {
        clade_device_fault *fault = &opencl->faults[i];
        if (fault->device != device) continue;
        if (fault->released != NULL) {
            opencl->SetUserEventStatus(fault->released, CL_COMPLETE);
            opencl->ReleaseEvent(fault->released);
        }
        *fault = (clade_device_fault){ 0 };
        atomic_fetch_sub(&opencl->armed, 1);
    }
    clade_mutex_unlock(&opencl->lock);
}
