/* Opening and closing a device: an OpenCL context and one in-order queue for it; waiting for what was enqueued. */
#include "device/state.h"

#include <stdio.h>
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

/* The device's names, and the sub-device where it is a part. */
static clade_status identify(clade_device *device, const clade_device_record *record, const clade_device_pick *pick) {
    memcpy(device->name, record->name, sizeof device->name);
    memcpy(device->platform_name, record->platform_name, sizeof device->platform_name);
    snprintf(device->title, sizeof device->title, "%s", device->name);
    if (pick->parts > 1) {
        snprintf(device->title, sizeof device->title, "%s (part %zu of %zu)", device->name, pick->part + 1,
                 pick->parts);
        clade_status status = clade_device_cut(device->context, record, pick->part, pick->parts, &device->id);
        if (status != CLADE_OK) return status;
        device->is_part = true;
    }
    cl_int code =
        clade_device_text(device->opencl, device->id, CL_DRIVER_VERSION, device->driver, sizeof device->driver);
    if (code == CL_SUCCESS) return CLADE_OK;
    return clade_opencl_fail(device->context, "clGetDeviceInfo", code, "for the driver of %s", device->name);
}

static void note_open(clade_device *device) {
    clade_opencl *opencl = device->opencl;
    clade_shared_lock_alone(&opencl->launching);
    device->next = opencl->open;
    opencl->open = device;
    atomic_fetch_add(&opencl->open_count, 1);
    clade_shared_lock_leave(&opencl->launching);
}

static void note_closed(clade_device *device) {
    clade_opencl *opencl = device->opencl;
    clade_shared_lock_alone(&opencl->launching);
    for (clade_device **link = &opencl->open; *link != NULL; link = &(*link)->next) {
        if (*link != device) continue;
        *link = device->next;
        atomic_fetch_sub(&opencl->open_count, 1);
        break;
    }
    clade_shared_lock_leave(&opencl->launching);
}

static clade_status open_device(clade_context *context, const clade_device_pick *pick, bool profiling,
                                clade_device **out) {
    *out = NULL;
    clade_device_record *record = NULL;
    clade_status status = clade_devices_get(context, pick->index, &record);
    if (status != CLADE_OK) return status;
    clade_device *device = clade_allocate(context, 1, sizeof *device);
    if (device == NULL) return clade_fail_memory(context, sizeof *device, "a device");
    *device = (clade_device){ .context = context,
                              .opencl = clade_context_opencl(context),
                              .platform = record->platform,
                              .id = record->id,
                              .pick = *pick,
                              .profiling = profiling };
    status = identify(device, record, pick);
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
    note_open(device);
    *out = device;
    return CLADE_OK;
}

clade_status clade_device_open(clade_context *context, size_t index, clade_device **device) {
    return open_device(context, &(clade_device_pick){ .index = index, .parts = 1 }, false, device);
}

clade_status clade_device_open_profiling(clade_context *context, const clade_device_pick *pick, clade_device **device) {
    return open_device(context, pick, true, device);
}

clade_status clade_device_open_pick(clade_context *context, const clade_device_pick *pick, clade_device **device) {
    return open_device(context, pick, false, device);
}

clade_status clade_device_reopen(const clade_device *device, clade_device **again) {
    return open_device(device->context, &device->pick, device->profiling, again);
}

bool clade_devices_alike(const clade_device *a, const clade_device *b) {
    return strcmp(a->name, b->name) == 0 && strcmp(a->platform_name, b->platform_name) == 0 &&
           strcmp(a->driver, b->driver) == 0;
}

static cl_int finish(clade_device *device) {
    if (atomic_load(&device->given_up)) return CL_DEVICE_NOT_AVAILABLE;
    cl_int moved = CL_SUCCESS;
    if (device->transfers != NULL) moved = clade_cl_Finish(device->opencl, device->transfers);
    cl_int worked = clade_cl_Finish(device->opencl, device->queue);
    return moved != CL_SUCCESS ? moved : worked;
}

/* ---- devices that do not answer ---- */

typedef struct clade_kept {
    void *memory;
    struct clade_kept *next;
} clade_kept;

void clade_device_give_up(clade_device *device) {
    if (atomic_exchange(&device->given_up, true)) return;
    /* A ticket behind everything enqueued. A device whose calls fail at once is lost, but not silent. */
    if (clade_ticket_new(device, &device->last_words) != CLADE_OK) return;
    if (clade_ticket_submit(device->last_words) == CLADE_OK) return;
    clade_ticket_free(device->last_words);
    device->last_words = NULL;
}

void clade_device_free_later(clade_device *device, void *memory) {
    clade_kept *kept = NULL;
    if (memory == NULL) return;
    if (!atomic_load(&device->given_up)) {
        clade_free(device->context, memory);
        return;
    }
    kept = clade_allocate(device->context, 1, sizeof *kept);
    if (kept == NULL) return; /* lost with the device */
    *kept = (clade_kept){ memory, device->kept };
    device->kept = kept;
}

static void free_kept(clade_device *device) {
    while (device->kept != NULL) {
        clade_kept *kept = device->kept;
        device->kept = kept->next;
        clade_free(device->context, kept->memory);
        clade_free(device->context, kept);
    }
}

/* Whether the device was given up and is silent still. */
static bool is_silent(clade_device *device) {
    if (!atomic_load(&device->given_up)) return false;
    if (device->last_words != NULL && !clade_ticket_done(device->last_words)) return true;
    atomic_store(&device->given_up, false);
    return false;
}

void clade_devices_bury(clade_opencl *opencl) {
    clade_device *next = opencl->lost;
    opencl->lost = NULL;
    for (clade_device *device = next; device != NULL; device = next) {
        next = device->next;
        if (!is_silent(device)) clade_device_close(device);
    }
}

void clade_device_close(clade_device *device) {
    if (device == NULL) return;
    note_closed(device);
    clade_device_forget_faults(device);
    if (is_silent(device)) {
        clade_mutex_lock(&device->opencl->lock);
        device->next = device->opencl->lost;
        device->opencl->lost = device;
        clade_mutex_unlock(&device->opencl->lock);
        return;
    }
    clade_ticket_free(device->last_words);
    free_kept(device);
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
    if (device->is_part) clade_cl_ReleaseDevice(device->opencl, device->id);
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
    return device->title;
}
