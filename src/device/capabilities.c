/* What an open device can do, asked of the driver. A property that a driver does not know (CL_INVALID_VALUE) keeps its
 * cautious default; any other failure is a fault. */
#include "device/state.h"

#include <stdio.h>
#include <string.h>

/* Names from cl_ext.h that OpenCL 1.2 devices answer behind an extension. */
enum { WAVEFRONT_WIDTH_AMD = 0x4043, WARP_SIZE_NV = 0x4003 };

typedef struct query {
    cl_device_info name;
    void *value;
    size_t bytes;
    bool optional;
} query;

static clade_status ask(clade_device *device, const query *queries, size_t count) {
    for (size_t i = 0; i < count; i++) {
        const query *q = &queries[i];
        cl_int code = clade_cl_GetDeviceInfo(device->opencl, device->id, q->name, q->bytes, q->value, NULL);
        if (code == CL_SUCCESS || (q->optional && (code == CL_INVALID_VALUE || code == CL_INVALID_OPERATION))) continue;
        return clade_opencl_fail(device->context, "clGetDeviceInfo", code, "for property 0x%04x of %s", q->name,
                                 device->name);
    }
    return CLADE_OK;
}

#define QUERY(NAME, VARIABLE)                                                                                          \
    { NAME, &(VARIABLE), sizeof(VARIABLE), false }
#define QUERY_IF_KNOWN(NAME, VARIABLE)                                                                                 \
    { NAME, &(VARIABLE), sizeof(VARIABLE), true }
#define COUNT(ARRAY) (sizeof(ARRAY) / sizeof(ARRAY)[0])

/* The group size that fills the hardware, by whichever property the device answers. */
static clade_status read_preferred_multiple(clade_device *device, bool version_3, const char *extensions) {
    size_t multiple = 0;
    cl_uint width = 0;
    clade_status status = CLADE_OK;
    if (version_3) {
        const query queries[] = { QUERY_IF_KNOWN(CL_DEVICE_PREFERRED_WORK_GROUP_SIZE_MULTIPLE, multiple) };
        status = ask(device, queries, 1);
    } else if (strstr(extensions, "cl_amd_device_attribute_query") != NULL) {
        const query queries[] = { QUERY_IF_KNOWN(WAVEFRONT_WIDTH_AMD, width) };
        status = ask(device, queries, 1);
    } else if (strstr(extensions, "cl_nv_device_attribute_query") != NULL) {
        const query queries[] = { QUERY_IF_KNOWN(WARP_SIZE_NV, width) };
        status = ask(device, queries, 1);
    }
    if (multiple == 0) multiple = width;
    device->capabilities.preferred_multiple = multiple > 0 ? multiple : 1;
    return status;
}

/* What depends on the version and the extensions. */
static clade_status read_extensions(clade_device *device) {
    char version[128];
    size_t needed = 0;
    int major = 1;
    cl_uint subgroups = 0;
    cl_int code = clade_device_text(device->opencl, device->id, CL_DEVICE_VERSION, version, sizeof version);
    if (code != CL_SUCCESS)
        return clade_opencl_fail(device->context, "clGetDeviceInfo", code, "for the version of %s", device->name);
    if (sscanf(version, "OpenCL %d", &major) != 1) major = 1;
    code = clade_cl_GetDeviceInfo(device->opencl, device->id, CL_DEVICE_EXTENSIONS, 0, NULL, &needed);
    char *extensions = clade_allocate(device->context, needed + 1, 1);
    if (extensions == NULL) return clade_fail_memory(device->context, needed + 1, "the device's extensions");
    if (code == CL_SUCCESS)
        code = clade_device_text(device->opencl, device->id, CL_DEVICE_EXTENSIONS, extensions, needed + 1);
    clade_status status = CLADE_OK;
    if (code != CL_SUCCESS)
        status = clade_opencl_fail(device->context, "clGetDeviceInfo", code, "for the extensions of %s", device->name);
    if (status == CLADE_OK && major >= 3) {
        const query queries[] = { QUERY_IF_KNOWN(CL_DEVICE_MAX_NUM_SUB_GROUPS, subgroups) };
        status = ask(device, queries, 1);
    }
    if (status == CLADE_OK) {
        device->capabilities.subgroups = subgroups > 0 || strstr(extensions, "cl_khr_subgroups") != NULL;
        device->capabilities.fp16 = strstr(extensions, "cl_khr_fp16") != NULL;
        status = read_preferred_multiple(device, major >= 3, extensions);
    }
    clade_free(device->context, extensions);
    return status;
}

static void lower(size_t *value, size_t limit) {
    if (*value > limit) *value = limit;
}

/* Under CLADE_TREAT_AS=gpu a CPU is taken for a GPU, with a GPU's limits, or those of gpu:ITEMS:BYTES for a group: for
 * testing what GPUs are given without one. */
static void treat_as(const char *kind, clade_capabilities *can) {
    size_t items = 1024, local_memory = 48 * 1024;
    if (kind == NULL || strncmp(kind, "gpu", 3) != 0) return;
    sscanf(kind, "gpu:%zu:%zu", &items, &local_memory);
    can->is_cpu = can->local_memory_is_memory = can->unified_memory = false;
    for (int i = 0; i < 3; i++)
        lower(&can->max_group_sizes[i], items);
    lower(&can->max_group_size, items);
    lower(&can->local_memory, local_memory);
}

clade_status clade_capabilities_read(clade_device *device) {
    clade_capabilities *out = &device->capabilities;
    cl_device_local_mem_type local_type = CL_LOCAL;
    cl_device_fp_config doubles = 0;
    cl_bool unified = CL_FALSE;
    cl_uint units = 1, alignment_bits = 0, vector = 1;
    cl_ulong local_memory = 0, global_memory = 0, largest = 0;
    const query queries[] = {
        QUERY(CL_DEVICE_TYPE, out->type),
        QUERY(CL_DEVICE_LOCAL_MEM_TYPE, local_type),
        QUERY_IF_KNOWN(CL_DEVICE_HOST_UNIFIED_MEMORY, unified),
        QUERY_IF_KNOWN(CL_DEVICE_DOUBLE_FP_CONFIG, doubles),
        QUERY(CL_DEVICE_MAX_COMPUTE_UNITS, units),
        QUERY(CL_DEVICE_MAX_WORK_GROUP_SIZE, out->max_group_size),
        QUERY(CL_DEVICE_LOCAL_MEM_SIZE, local_memory),
        QUERY(CL_DEVICE_GLOBAL_MEM_SIZE, global_memory),
        QUERY(CL_DEVICE_MAX_MEM_ALLOC_SIZE, largest),
        QUERY(CL_DEVICE_MEM_BASE_ADDR_ALIGN, alignment_bits),
        QUERY_IF_KNOWN(CL_DEVICE_NATIVE_VECTOR_WIDTH_FLOAT, vector),
    };
    clade_status status = ask(device, queries, COUNT(queries));
    if (status != CLADE_OK) return status;
    /* A device may answer more than three dimensions. */
    size_t sizes[16] = { 1, 1, 1 }, bytes = 0;
    cl_int code =
        clade_cl_GetDeviceInfo(device->opencl, device->id, CL_DEVICE_MAX_WORK_ITEM_SIZES, sizeof sizes, sizes, &bytes);
    if (code != CL_SUCCESS)
        return clade_opencl_fail(device->context, "clGetDeviceInfo", code, "for the group sizes of %s", device->name);
    memcpy(out->max_group_sizes, sizes, sizeof out->max_group_sizes);
    out->local_memory_is_memory = local_type == CL_GLOBAL;
    out->unified_memory = unified != CL_FALSE;
    out->fp64 = doubles != 0;
    out->compute_units = units;
    out->local_memory = (size_t)local_memory;
    out->global_memory = (size_t)global_memory;
    out->largest_allocation = (size_t)largest;
    out->slice_alignment = alignment_bits / 8 > 128 ? alignment_bits / 8 : 128;
    out->float_vector = vector > 0 ? vector : 1;
    out->is_cpu = (out->type & CL_DEVICE_TYPE_CPU) != 0 && out->float_vector > 1;
    treat_as(clade_environment("CLADE_TREAT_AS"), out);
    return read_extensions(device);
}
