/* The list of devices: every device of every platform, read once per context.
 *
 * A platform that fails to answer is passed over with a warning, so that one broken driver does not hide the others. */
#include "device/state.h"

#include <stdio.h>
#include <string.h>

/* OpenCL's own limit is the memory; these only bound a driver gone mad. */
enum { MOST_PLATFORMS = 64, MOST_DEVICES = 256 };

#define INSTALL "install a driver (for the CPU: apt-get install pocl-opencl-icd; for a GPU: its vendor's)"
static const cl_int platform_not_found = -1001; /* CL_PLATFORM_NOT_FOUND_KHR, from the loader */

/* Cuts trailing blanks: several drivers pad names. */
static void trim(char *text) {
    size_t length = strlen(text);
    while (length > 0 && (text[length - 1] == ' ' || text[length - 1] == '\n'))
        text[--length] = '\0';
}

cl_int clade_device_text(clade_opencl *opencl, cl_device_id id, cl_device_info name, char *text, size_t size) {
    size_t needed = 0;
    text[0] = '\0';
    cl_int code = clade_cl_GetDeviceInfo(opencl, id, name, 0, NULL, &needed);
    if (code != CL_SUCCESS || needed == 0) return code;
    char *whole = clade_allocate(opencl->context, needed + 1, 1);
    if (whole == NULL) return CL_OUT_OF_HOST_MEMORY;
    code = clade_cl_GetDeviceInfo(opencl, id, name, needed, whole, NULL);
    if (code == CL_SUCCESS) snprintf(text, size, "%s", whole);
    trim(text);
    clade_free(opencl->context, whole);
    return code;
}

static cl_int read_record(clade_opencl *opencl, clade_device_record *record) {
    cl_bool available = CL_FALSE, compiler = CL_FALSE, little = CL_FALSE;
    cl_uint units = 1, clock = 1;
    const struct {
        cl_device_info name;
        void *value;
        size_t bytes;
    } wanted[] = {
        { CL_DEVICE_TYPE, &record->type, sizeof record->type },
        { CL_DEVICE_AVAILABLE, &available, sizeof available },
        { CL_DEVICE_COMPILER_AVAILABLE, &compiler, sizeof compiler },
        { CL_DEVICE_ENDIAN_LITTLE, &little, sizeof little },
        { CL_DEVICE_MAX_COMPUTE_UNITS, &units, sizeof units },
        { CL_DEVICE_MAX_CLOCK_FREQUENCY, &clock, sizeof clock },
    };
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++) {
        cl_int code =
            clade_cl_GetDeviceInfo(opencl, record->id, wanted[i].name, wanted[i].bytes, wanted[i].value, NULL);
        if (code != CL_SUCCESS) return code;
    }
    record->usable = available && compiler && little;
    record->size = (double)units * (clock > 0 ? clock : 1);
    return clade_device_text(opencl, record->id, CL_DEVICE_NAME, record->name, sizeof record->name);
}

/* Appends the devices of PLATFORM to the list. On failure the list is as before. */
static cl_int read_platform(clade_opencl *opencl, cl_platform_id platform) {
    char platform_name[256] = "";
    cl_device_id ids[MOST_DEVICES];
    cl_uint count = 0;
    cl_int code =
        clade_cl_GetPlatformInfo(opencl, platform, CL_PLATFORM_NAME, sizeof platform_name - 1, platform_name, NULL);
    if (code != CL_SUCCESS) return code;
    trim(platform_name);
    code = clade_cl_GetDeviceIDs(opencl, platform, CL_DEVICE_TYPE_ALL, MOST_DEVICES, ids, &count);
    if (code == CL_DEVICE_NOT_FOUND) return CL_SUCCESS;
    if (code != CL_SUCCESS) return code;
    if (count > MOST_DEVICES) count = MOST_DEVICES;
    clade_device_record *grown =
        clade_reallocate(opencl->context, opencl->devices, opencl->device_count + count, sizeof *grown);
    if (grown == NULL) return CL_OUT_OF_HOST_MEMORY;
    opencl->devices = grown;
    for (cl_uint i = 0; i < count && code == CL_SUCCESS; i++) {
        clade_device_record *record = &grown[opencl->device_count + i];
        *record = (clade_device_record){ .platform = platform, .id = ids[i] };
        memcpy(record->platform_name, platform_name, sizeof platform_name);
        code = read_record(opencl, record);
    }
    if (code == CL_SUCCESS) opencl->device_count += count;
    return code;
}

clade_status clade_devices_read(clade_context *context, clade_opencl **out) {
    clade_status status = clade_opencl_load(context, out);
    if (status != CLADE_OK || (*out)->devices_read) return status;
    clade_opencl *opencl = *out;
    cl_platform_id platforms[MOST_PLATFORMS];
    cl_uint count = 0;
    cl_int code = clade_cl_GetPlatformIDs(opencl, MOST_PLATFORMS, platforms, &count);
    if (code == platform_not_found || (code == CL_SUCCESS && count == 0))
        return clade_fail(context, CLADE_ERROR_DEVICE, "no OpenCL platform is installed; " INSTALL);
    if (code != CL_SUCCESS) return clade_opencl_fail(context, "clGetPlatformIDs", code, "for the list of platforms");
    if (count > MOST_PLATFORMS) count = MOST_PLATFORMS;
    cl_int last_failure = CL_SUCCESS;
    for (cl_uint i = 0; i < count; i++) {
        code = read_platform(opencl, platforms[i]);
        if (code == CL_SUCCESS) continue;
        last_failure = code;
        clade_log(context, CLADE_LOG_WARNING, "OpenCL platform %u is passed over: it answered %s (%d)", i,
                  clade_opencl_error_name(code), code);
    }
    if (opencl->device_count == 0 && last_failure != CL_SUCCESS)
        return clade_opencl_fail(context, "listing", last_failure, "the devices of %u OpenCL platforms", count);
    if (opencl->device_count == 0)
        return clade_fail(context, CLADE_ERROR_DEVICE, "no OpenCL device in %u platforms; " INSTALL, count);
    opencl->devices_read = true;
    return CLADE_OK;
}

clade_status clade_devices_get(clade_context *context, size_t index, clade_device_record **record) {
    clade_opencl *opencl = NULL;
    clade_status status = clade_devices_read(context, &opencl);
    if (status != CLADE_OK) return status;
    if (index >= opencl->device_count)
        return clade_fail(context, CLADE_ERROR_ARGUMENT, "no device %zu: there are %zu, counted from 0", index,
                          opencl->device_count);
    *record = &opencl->devices[index];
    return CLADE_OK;
}

clade_status clade_device_count(clade_context *context, size_t *count) {
    clade_opencl *opencl = NULL;
    *count = 0;
    clade_status status = clade_devices_read(context, &opencl);
    if (status == CLADE_OK) *count = opencl->device_count;
    return status;
}

void clade_devices_free(clade_opencl *opencl) {
    for (size_t i = 0; i < opencl->device_count; i++)
        clade_free(opencl->context, opencl->devices[i].properties);
    clade_free(opencl->context, opencl->devices);
    opencl->devices = NULL;
    opencl->device_count = 0;
}
