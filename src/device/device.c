/* Opening and closing a device: an OpenCL context and one in-order queue for it; waiting for what was enqueued. */
#include "device/state.h"

#include <string.h>

static clade_status open_objects(clade_device *device) {
    cl_int code = CL_SUCCESS;
    const cl_context_properties properties[] = { CL_CONTEXT_PLATFORM, (cl_context_properties)device->platform, 0 };
    device->cl_context = clade_cl_CreateContext(device->opencl, properties, 1, &device->id, NULL, NULL, &code);
    if (code != CL_SUCCESS) return clade_opencl_fail(device->context, "clCreateContext", code, "on %s", device->name);
    device->queue = clade_cl_CreateCommandQueue(device->opencl, device->cl_context, device->id,
                                                device->profiling ? CL_QUEUE_PROFILING_ENABLE : 0, &code);
    if (code != CL_SUCCESS)
        return clade_opencl_fail(device->context, "clCreateCommandQueue", code, "on %s", device->name);
    return CLADE_OK;
}

static clade_status open_device(clade_context *context, size_t index, bool profiling, clade_device **out) {
    *out = NULL;
    clade_device_record *record = NULL;
    clade_status status = clade_devices_get(context, index, &record);
    if (status != CLADE_OK) return status;
    clade_device *device = clade_allocate(context, 1, sizeof *device);
    if (device == NULL) return clade_fail_memory(context, sizeof *device, "a device");
    *device = (clade_device){ .context = context,
                              .opencl = clade_context_opencl(context),
                              .platform = record->platform,
                              .id = record->id,
                              .profiling = profiling };
    memcpy(device->name, record->name, sizeof device->name);
    memcpy(device->platform_name, record->platform_name, sizeof device->platform_name);
    cl_int code =
        clade_device_text(device->opencl, device->id, CL_DRIVER_VERSION, device->driver, sizeof device->driver);
    if (code != CL_SUCCESS)
        status = clade_opencl_fail(context, "clGetDeviceInfo", code, "for the driver of %s", device->name);
    if (status == CLADE_OK) status = clade_capabilities_read(device);
    if (status == CLADE_OK) status = open_objects(device);
    if (status == CLADE_OK) status = clade_memory_new(device);
    if (status == CLADE_OK) status = clade_programs_new(device);
    if (status == CLADE_OK && profiling)
        status = clade_device_probe_profiling(device, &device->capabilities.profiling_works);
    if (status != CLADE_OK) {
        clade_device_close(device);
        return status;
    }
    *out = device;
    return CLADE_OK;
}

clade_status clade_device_open(clade_context *context, size_t index, clade_device **device) {
    return open_device(context, index, false, device);
}

clade_status clade_device_open_profiling(clade_context *context, size_t index, clade_device **device) {
    return open_device(context, index, true, device);
}

static cl_int finish(clade_device *device) {
    cl_int moved = CL_SUCCESS;
    if (device->transfers != NULL) moved = clade_cl_Finish(device->opencl, device->transfers);
    cl_int worked = clade_cl_Finish(device->opencl, device->queue);
    return moved != CL_SUCCESS ? moved : worked;
}

void clade_device_close(clade_device *device) {
    if (device == NULL) return;
    if (device->queue != NULL) {
        /* Work still running would use what is released below. */
        if (finish(device) == CL_SUCCESS) clade_programs_save(device);
    }
    clade_clblast_forget(device);
    clade_programs_free(device);
    clade_memory_free(device);
    if (device->transfers != NULL) clade_cl_ReleaseCommandQueue(device->opencl, device->transfers);
    if (device->queue != NULL) clade_cl_ReleaseCommandQueue(device->opencl, device->queue);
    if (device->cl_context != NULL) clade_cl_ReleaseContext(device->opencl, device->cl_context);
    clade_free(device->context, device);
}

clade_status clade_device_finish(clade_device *device) {
    cl_int code = finish(device);
    if (code != CL_SUCCESS) return clade_opencl_fail(device->context, "clFinish", code, "on %s", device->name);
    return CLADE_OK;
}

clade_status clade_device_flush(clade_device *device) {
    cl_int code = clade_cl_Flush(device->opencl, device->queue);
    if (code != CL_SUCCESS) return clade_opencl_fail(device->context, "clFlush", code, "on %s", device->name);
    return CLADE_OK;
}

const char *clade_device_name(const clade_device *device) {
    return device->name;
}
