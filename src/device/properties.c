/* The device table: one row for each property, with its key, its label and how it is shown. A property that a device
 * does not answer has no row. */
#include "device/state.h"

#include <stdio.h>
#include <string.h>

/* How a value is held and shown. */
typedef enum form {
    TEXT,          /* characters of any number */
    BOOLEAN,       /* cl_bool */
    COUNT,         /* cl_uint, with the row's unit */
    SIZE,          /* size_t, with the row's unit */
    BYTES,         /* cl_ulong bytes */
    SIZES,         /* three size_t */
    BITS_AS_BYTES, /* cl_uint bits, shown as bytes */
    TYPE,          /* cl_device_type */
    LOCAL_TYPE,    /* cl_device_local_mem_type */
    FLOATS,        /* cl_device_fp_config */
} form;

typedef struct row {
    cl_uint name;
    bool of_platform;
    form form;
    const char *key, *label, *unit;
} row;

static const row rows[] = {
    { CL_DEVICE_NAME, false, TEXT, "name", "name", "" },
    { CL_PLATFORM_NAME, true, TEXT, "platform", "platform", "" },
    { CL_PLATFORM_VERSION, true, TEXT, "platform_version", "platform version", "" },
    { CL_DEVICE_VENDOR, false, TEXT, "vendor", "vendor", "" },
    { CL_DEVICE_TYPE, false, TYPE, "type", "type", "" },
    { CL_DEVICE_VERSION, false, TEXT, "version", "version", "" },
    { CL_DEVICE_OPENCL_C_VERSION, false, TEXT, "opencl_c_version", "OpenCL C version", "" },
    { CL_DRIVER_VERSION, false, TEXT, "driver", "driver", "" },
    { CL_DEVICE_PROFILE, false, TEXT, "profile", "profile", "" },
    { CL_DEVICE_AVAILABLE, false, BOOLEAN, "available", "available", "" },
    { CL_DEVICE_COMPILER_AVAILABLE, false, BOOLEAN, "compiler", "compiler", "" },
    { CL_DEVICE_MAX_COMPUTE_UNITS, false, COUNT, "compute_units", "compute units", "" },
    { CL_DEVICE_MAX_CLOCK_FREQUENCY, false, COUNT, "clock_mhz", "clock", " MHz" },
    { CL_DEVICE_GLOBAL_MEM_SIZE, false, BYTES, "global_memory", "global memory", "" },
    { CL_DEVICE_MAX_MEM_ALLOC_SIZE, false, BYTES, "largest_allocation", "largest allocation", "" },
    { CL_DEVICE_GLOBAL_MEM_CACHE_SIZE, false, BYTES, "global_cache", "global memory cache", "" },
    { CL_DEVICE_GLOBAL_MEM_CACHELINE_SIZE, false, COUNT, "cache_line", "cache line", " bytes" },
    { CL_DEVICE_LOCAL_MEM_TYPE, false, LOCAL_TYPE, "local_memory_type", "local memory type", "" },
    { CL_DEVICE_LOCAL_MEM_SIZE, false, BYTES, "local_memory", "local memory", "" },
    { CL_DEVICE_MAX_CONSTANT_BUFFER_SIZE, false, BYTES, "constant_buffer", "constant buffer", "" },
    { CL_DEVICE_HOST_UNIFIED_MEMORY, false, BOOLEAN, "unified_memory", "unified memory", "" },
    { CL_DEVICE_ERROR_CORRECTION_SUPPORT, false, BOOLEAN, "error_correction", "error correction", "" },
    { CL_DEVICE_MAX_WORK_GROUP_SIZE, false, SIZE, "group_size", "group size", "" },
    { CL_DEVICE_MAX_WORK_ITEM_SIZES, false, SIZES, "group_sizes", "group sizes", "" },
    { CL_DEVICE_PREFERRED_WORK_GROUP_SIZE_MULTIPLE, false, SIZE, "group_multiple", "preferred group multiple", "" },
    { CL_DEVICE_MAX_NUM_SUB_GROUPS, false, COUNT, "subgroups", "sub-groups in a group", "" },
    { CL_DEVICE_NATIVE_VECTOR_WIDTH_FLOAT, false, COUNT, "float_vector", "native float vector", "" },
    { CL_DEVICE_NATIVE_VECTOR_WIDTH_HALF, false, COUNT, "half_vector", "native half vector", "" },
    { CL_DEVICE_NATIVE_VECTOR_WIDTH_DOUBLE, false, COUNT, "double_vector", "native double vector", "" },
    { CL_DEVICE_SINGLE_FP_CONFIG, false, FLOATS, "single", "single precision", "" },
    { CL_DEVICE_DOUBLE_FP_CONFIG, false, FLOATS, "double", "double precision", "" },
    { CL_DEVICE_MEM_BASE_ADDR_ALIGN, false, BITS_AS_BYTES, "slice_alignment", "slice alignment", " bytes" },
    { CL_DEVICE_MAX_PARAMETER_SIZE, false, SIZE, "parameters", "kernel parameters", " bytes" },
    { CL_DEVICE_PROFILING_TIMER_RESOLUTION, false, SIZE, "timer_ns", "timer resolution", " ns" },
    { CL_DEVICE_PARTITION_MAX_SUB_DEVICES, false, COUNT, "sub_devices", "sub-devices", "" },
    { CL_DEVICE_EXTENSIONS, false, TEXT, "extensions", "extensions", "" },
};
enum { ROWS = sizeof rows / sizeof rows[0] };

typedef struct flag {
    cl_bitfield bit;
    const char *name;
} flag;

static const flag type_flags[] = {
    { CL_DEVICE_TYPE_CPU, "CPU" },
    { CL_DEVICE_TYPE_GPU, "GPU" },
    { CL_DEVICE_TYPE_ACCELERATOR, "accelerator" },
    { CL_DEVICE_TYPE_CUSTOM, "custom" },
    { 0, NULL },
};
static const flag float_flags[] = {
    { CL_FP_DENORM, "denormals" },
    { CL_FP_INF_NAN, "infinity and NaN" },
    { CL_FP_ROUND_TO_NEAREST, "rounds to nearest" },
    { CL_FP_FMA, "fused multiply-add" },
    { CL_FP_CORRECTLY_ROUNDED_DIVIDE_SQRT, "correct division and root" },
    { CL_FP_SOFT_FLOAT, "in software" },
    { 0, NULL },
};

/* Names the flags of VALUE; NONE when it has none. */
static void show_flags(char *text, size_t size, const flag *flags, cl_bitfield value, const char *none) {
    size_t used = 0;
    snprintf(text, size, "%s", none);
    for (const flag *f = flags; f->name != NULL; f++) {
        if ((value & f->bit) == 0 || used >= size) continue;
        int wrote = snprintf(text + used, size - used, "%s%s", used > 0 ? ", " : "", f->name);
        used += wrote > 0 ? (size_t)wrote : 0;
    }
}

/* A property's value as the driver gives it: the row's form tells which member. */
typedef union value {
    cl_bool boolean;
    cl_uint count;
    size_t size;
    cl_ulong bytes;
    cl_bitfield bits;
    size_t sizes[16];
} value;

static void show_number(clade_property *out, double number, const char *unit) {
    out->is_number = true;
    out->number = number;
    snprintf(out->text, sizeof out->text, "%.0f%s", number, unit);
}

static void show(const row *r, const value *v, clade_property *out) {
    switch (r->form) {
    case TEXT:
        break;
    case BOOLEAN:
        out->is_number = true;
        out->number = v->boolean ? 1 : 0;
        snprintf(out->text, sizeof out->text, "%s", v->boolean ? "yes" : "no");
        break;
    case COUNT:
        show_number(out, v->count, r->unit);
        break;
    case SIZE:
        show_number(out, (double)v->size, r->unit);
        break;
    case BITS_AS_BYTES:
        show_number(out, v->count / 8, r->unit);
        break;
    case BYTES:
        show_number(out, (double)v->bytes, "");
        snprintf(out->text, sizeof out->text, "%s", clade_size_words(out->number).text);
        break;
    case SIZES:
        snprintf(out->text, sizeof out->text, "%zu x %zu x %zu", v->sizes[0], v->sizes[1], v->sizes[2]);
        break;
    case TYPE:
        show_flags(out->text, sizeof out->text, type_flags, v->bits, "unknown");
        break;
    case FLOATS:
        show_flags(out->text, sizeof out->text, float_flags, v->bits, "no");
        break;
    case LOCAL_TYPE:
        snprintf(out->text, sizeof out->text, "%s",
                 v->count == CL_LOCAL    ? "local"
                 : v->count == CL_GLOBAL ? "global"
                                         : "none");
        break;
    }
}

static bool read_row(clade_opencl *opencl, const clade_device_record *record, const row *r, clade_property *out) {
    value v = { 0 };
    *out = (clade_property){ .key = r->key, .label = r->label };
    if (r->form == TEXT && r->of_platform)
        return clade_cl_GetPlatformInfo(opencl, record->platform, r->name, sizeof out->text - 1, out->text, NULL) ==
               CL_SUCCESS;
    if (r->form == TEXT)
        return clade_device_text(opencl, record->id, r->name, out->text, sizeof out->text) == CL_SUCCESS;
    if (clade_cl_GetDeviceInfo(opencl, record->id, r->name, sizeof v, &v, NULL) != CL_SUCCESS) return false;
    show(r, &v, out);
    return true;
}

clade_status clade_device_properties(clade_context *context, size_t index, const clade_property **properties,
                                     size_t *count) {
    clade_device_record *record = NULL;
    clade_status status = clade_devices_get(context, index, &record);
    if (status != CLADE_OK) return status;
    if (record->properties == NULL) {
        clade_property *read = clade_allocate(context, ROWS, sizeof *read);
        if (read == NULL) return clade_fail_memory(context, ROWS * sizeof *read, "the device table");
        record->property_count = 0;
        for (size_t i = 0; i < ROWS; i++)
            if (read_row(clade_context_opencl(context), record, &rows[i], &read[record->property_count]))
                record->property_count++;
        record->properties = read;
    }
    *properties = record->properties;
    *count = record->property_count;
    return CLADE_OK;
}
