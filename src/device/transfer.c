/* Uploads beside the work: a second in-order queue carries data into a landing buffer while the device computes, and the
 * device's own queue copies it from there to where it is read. Within a device's memory a copy takes next to nothing; the
 * way from the host is what the work does not wait for. */
#include "device/state.h"

static clade_status open_transfers(clade_device *device) {
    cl_int code = CL_SUCCESS;
    if (device->transfers != NULL) return CLADE_OK;
    device->transfers = clade_cl_CreateCommandQueue(device->opencl, device->cl_context, device->id, 0, &code);
    if (code != CL_SUCCESS)
        return clade_opencl_fail(device->context, "clCreateCommandQueue", code, "for transfers to %s", device->name);
    return CLADE_OK;
}

clade_status clade_buffer_enqueue_upload(const clade_buffer *landing, const void *data, size_t bytes,
                                         const clade_buffer *to) {
    clade_device *device = to->device;
    clade_opencl *opencl = device->opencl;
    if (bytes == 0 || bytes > landing->bytes || bytes > to->bytes)
        return clade_fail(device->context, CLADE_ERROR_ARGUMENT,
                          "an upload of %zu bytes through a buffer of %zu into one of %zu", bytes, landing->bytes,
                          to->bytes);
    clade_status status = open_transfers(device);
    if (status != CLADE_OK) return status;
    cl_event landed = NULL;
    cl_int code = clade_cl_EnqueueWriteBuffer(opencl, device->transfers, landing->memory, CL_FALSE, 0, bytes, data, 0,
                                              NULL, &landed);
    if (code != CL_SUCCESS)
        return clade_opencl_fail(device->context, "clEnqueueWriteBuffer", code, "of %zu bytes to %s", bytes,
                                 device->name);
    code = clade_cl_Flush(opencl, device->transfers); /* another queue waits for it */
    if (code != CL_SUCCESS) {
        status = clade_opencl_fail(device->context, "clFlush", code, "of a transfer to %s", device->name);
    } else {
        code = clade_cl_EnqueueCopyBuffer(opencl, device->queue, landing->memory, to->memory, 0, 0, bytes, 1, &landed,
                                          NULL);
        if (code != CL_SUCCESS)
            status = clade_opencl_fail(device->context, "clEnqueueCopyBuffer", code, "of %zu bytes on %s", bytes,
                                       device->name);
    }
    clade_cl_ReleaseEvent(opencl, landed);
    return status;
}

bool clade_device_uploads_beside(const clade_device *device) {
    return !device->capabilities.unified_memory;
}
