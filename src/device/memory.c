/* Device memory: buffers, slices of them, blocking transfers, and the statistics.
 *
 * Many drivers allocate at first use and fail only then, far from the cause; so sizes are held against the device's
 * limits here first. */
#include "device/state.h"

#include <stdint.h>
#include <stdio.h>

struct clade_memory {
    size_t in_use, peak, buffers;
    size_t limit; /* the most that may be in use; 0: what the device has */
};

clade_status clade_memory_new(clade_device *device) {
    device->memory = clade_allocate(device->context, 1, sizeof *device->memory);
    if (device->memory == NULL) return clade_fail_memory(device->context, sizeof *device->memory, "a device");
    return CLADE_OK;
}

void clade_memory_free(clade_device *device) {
    clade_free(device->context, device->memory);
    device->memory = NULL;
}

clade_memory_statistics clade_device_memory(const clade_device *device) {
    return (clade_memory_statistics){ .in_use = device->memory->in_use,
                                      .peak = device->memory->peak,
                                      .buffers = device->memory->buffers,
                                      .total = device->capabilities.global_memory,
                                      .largest = device->capabilities.largest_allocation };
}

clade_size_phrase clade_size_words(double bytes) {
    static const char *const units[] = { "bytes", "KiB", "MiB", "GiB", "TiB" };
    size_t unit = 0;
    clade_size_phrase out;
    for (; bytes >= 1024 && unit + 1 < sizeof units / sizeof units[0]; unit++)
        bytes /= 1024;
    snprintf(out.text, sizeof out.text, unit == 0 || bytes == (double)(int64_t)bytes ? "%.0f %s" : "%.1f %s", bytes,
             units[unit]);
    return out;
}

void clade_device_limit_memory(clade_device *device, size_t bytes) {
    device->memory->limit = bytes;
}

size_t clade_device_room(const clade_device *device) {
    const size_t limit = device->memory->limit, total = device->capabilities.global_memory;
    const size_t most = limit > 0 && limit < total ? limit : total, in_use = device->memory->in_use;
    return most > in_use ? most - in_use : 0;
}

static clade_status check_room(const clade_device *device, size_t bytes, const char *what) {
    const clade_capabilities *can = &device->capabilities;
    size_t in_use = device->memory->in_use, limit = device->memory->limit;
    if (bytes == 0) return clade_fail(device->context, CLADE_ERROR_ARGUMENT, "a buffer of 0 bytes for %s", what);
    if (bytes > can->largest_allocation)
        return clade_fail(device->context, CLADE_ERROR_MEMORY,
                          "%s needs %s (%zu bytes), but the largest single allocation of %s is %s (%zu bytes); take a "
                          "smaller batch or model",
                          what, clade_size_words((double)bytes).text, bytes, device->name,
                          clade_size_words((double)can->largest_allocation).text, can->largest_allocation);
    if (limit > 0 && (in_use > limit || bytes > limit - in_use))
        return clade_fail(
            device->context, CLADE_ERROR_MEMORY,
            "%s needs %s, but %s of the %s allowed are in use already; allow more memory or take a smaller "
            "batch or model",
            what, clade_size_words((double)bytes).text, clade_size_words((double)in_use).text,
            clade_size_words((double)limit).text);
    if (in_use > can->global_memory || bytes > can->global_memory - in_use)
        return clade_fail(device->context, CLADE_ERROR_MEMORY,
                          "%s needs %s, but %s of the %s of %s are in use already; take a smaller batch or model", what,
                          clade_size_words((double)bytes).text, clade_size_words((double)in_use).text,
                          clade_size_words((double)can->global_memory).text, device->name);
    return CLADE_OK;
}

clade_status clade_buffer_new(clade_device *device, size_t bytes, const char *what, clade_buffer *buffer) {
    *buffer = (clade_buffer){ 0 };
    clade_status status = check_room(device, bytes, what);
    if (status != CLADE_OK) return status;
    cl_int code = CL_SUCCESS;
    cl_mem memory = clade_cl_CreateBuffer(device->opencl, device->cl_context, CL_MEM_READ_WRITE, bytes, NULL, &code);
    if (code != CL_SUCCESS)
        return clade_opencl_fail(device->context, "clCreateBuffer", code, "of %zu bytes for %s on %s (%zu in use)",
                                 bytes, what, device->name, device->memory->in_use);
    *buffer = (clade_buffer){ .device = device, .memory = memory, .bytes = bytes };
    struct clade_memory *statistics = device->memory;
    statistics->in_use += bytes;
    statistics->buffers++;
    if (statistics->in_use > statistics->peak) statistics->peak = statistics->in_use;
    return CLADE_OK;
}

clade_status clade_buffer_slice(const clade_buffer *whole, size_t offset, size_t bytes, const char *what,
                                clade_buffer *slice) {
    *slice = (clade_buffer){ 0 };
    clade_device *device = whole->device;
    size_t alignment = device->capabilities.slice_alignment;
    if (whole->is_slice)
        return clade_fail(device->context, CLADE_ERROR_ARGUMENT, "%s: a slice of a slice; cut it from the buffer",
                          what);
    if (bytes == 0 || offset > whole->bytes || bytes > whole->bytes - offset)
        return clade_fail(device->context, CLADE_ERROR_ARGUMENT,
                          "%s: a slice of %zu bytes at %zu does not lie in a buffer of %zu bytes", what, bytes, offset,
                          whole->bytes);
    if (offset % alignment != 0)
        return clade_fail(device->context, CLADE_ERROR_ARGUMENT,
                          "%s: a slice at %zu is not aligned to the %zu bytes that %s asks for", what, offset,
                          alignment, device->name);
    const cl_buffer_region region = { .origin = offset, .size = bytes };
    cl_int code = CL_SUCCESS;
    cl_mem memory = clade_cl_CreateSubBuffer(device->opencl, whole->memory, CL_MEM_READ_WRITE,
                                             CL_BUFFER_CREATE_TYPE_REGION, &region, &code);
    if (code != CL_SUCCESS)
        return clade_opencl_fail(device->context, "clCreateSubBuffer", code, "of %zu bytes at %zu for %s", bytes,
                                 offset, what);
    *slice = (clade_buffer){ .device = device, .memory = memory, .bytes = bytes, .is_slice = true };
    return CLADE_OK;
}

void clade_buffer_free(clade_buffer *buffer) {
    if (buffer->memory != NULL) {
        clade_cl_ReleaseMemObject(buffer->device->opencl, buffer->memory);
        if (!buffer->is_slice) {
            buffer->device->memory->in_use -= buffer->bytes;
            buffer->device->memory->buffers--;
        }
    }
    *buffer = (clade_buffer){ 0 };
}

static clade_status check_range(const clade_buffer *buffer, size_t offset, size_t bytes, const char *verb) {
    if (offset <= buffer->bytes && bytes <= buffer->bytes - offset) return CLADE_OK;
    return clade_fail(buffer->device->context, CLADE_ERROR_ARGUMENT,
                      "%s of %zu bytes at %zu is beyond a buffer of %zu bytes", verb, bytes, offset, buffer->bytes);
}

clade_status clade_buffer_write(const clade_buffer *buffer, size_t offset, const void *data, size_t bytes) {
    clade_device *device = buffer->device;
    clade_status status = check_range(buffer, offset, bytes, "a write");
    if (status != CLADE_OK || bytes == 0) return status;
    cl_int code = clade_cl_EnqueueWriteBuffer(device->opencl, device->queue, buffer->memory, CL_TRUE, offset, bytes,
                                              data, 0, NULL, NULL);
    if (code != CL_SUCCESS)
        return clade_opencl_fail(device->context, "clEnqueueWriteBuffer", code, "of %zu bytes at %zu to %s", bytes,
                                 offset, device->name);
    return CLADE_OK;
}

clade_status clade_buffer_read(const clade_buffer *buffer, size_t offset, void *data, size_t bytes) {
    clade_device *device = buffer->device;
    clade_status status = check_range(buffer, offset, bytes, "a read");
    if (status != CLADE_OK || bytes == 0) return status;
    cl_int code = clade_cl_EnqueueReadBuffer(device->opencl, device->queue, buffer->memory, CL_TRUE, offset, bytes,
                                             data, 0, NULL, NULL);
    if (code != CL_SUCCESS)
        return clade_opencl_fail(device->context, "clEnqueueReadBuffer", code, "of %zu bytes at %zu from %s", bytes,
                                 offset, device->name);
    return CLADE_OK;
}

clade_status clade_buffer_fill(const clade_buffer *buffer, uint8_t byte) {
    clade_device *device = buffer->device;
    cl_int code = clade_cl_EnqueueFillBuffer(device->opencl, device->queue, buffer->memory, &byte, 1, 0, buffer->bytes,
                                             0, NULL, NULL);
    if (code != CL_SUCCESS)
        return clade_opencl_fail(device->context, "clEnqueueFillBuffer", code, "of %zu bytes on %s", buffer->bytes,
                                 device->name);
    return clade_device_finish(device);
}

clade_status clade_buffer_enqueue_write(const clade_buffer *buffer, const void *data, size_t bytes) {
    clade_device *device = buffer->device;
    clade_status status = check_range(buffer, 0, bytes, "a write");
    if (status != CLADE_OK || bytes == 0) return status;
    cl_int code = clade_cl_EnqueueWriteBuffer(device->opencl, device->queue, buffer->memory, CL_FALSE, 0, bytes, data,
                                              0, NULL, NULL);
    if (code != CL_SUCCESS)
        return clade_opencl_fail(device->context, "clEnqueueWriteBuffer", code, "of %zu bytes to %s", bytes,
                                 device->name);
    return CLADE_OK;
}
