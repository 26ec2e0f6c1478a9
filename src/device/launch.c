/* Making a launch ready: the kernel, its group's size, its arguments, and every check that drivers leave out. PoCL ends
 * the process when local memory is over the limit, and rusticl accepts it in silence. */
#include "device/state.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

/* What the driver says of a kernel, asked before any argument is set: some drivers add local arguments to
 * local_memory afterwards. */
typedef struct kernel_limits {
    size_t group_size, multiple;
    size_t required[3]; /* reqd_work_group_size; zeros when not given */
    cl_ulong local_memory;
    cl_uint arguments;
} kernel_limits;

static const char *source_name(const clade_launch *launch) {
    return launch->file != NULL ? launch->file : launch->title;
}

#define FAIL(DEVICE, LAUNCH, STATUS, FORMAT, ...)                                                                      \
    clade_fail((DEVICE)->context, STATUS, "%s (%s:%s): " FORMAT, (LAUNCH)->label, source_name(LAUNCH),                 \
               (LAUNCH)->kernel, __VA_ARGS__)

static clade_status read_limits(clade_device *device, const clade_launch *launch, clade_ready_launch *ready,
                                kernel_limits *limits) {
    clade_opencl *opencl = device->opencl;
    const cl_kernel kernel = ready->kernel;
    const struct {
        cl_kernel_work_group_info name;
        void *value;
        size_t bytes;
    } wanted[] = {
        { CL_KERNEL_WORK_GROUP_SIZE, &limits->group_size, sizeof limits->group_size },
        { CL_KERNEL_PREFERRED_WORK_GROUP_SIZE_MULTIPLE, &limits->multiple, sizeof limits->multiple },
        { CL_KERNEL_COMPILE_WORK_GROUP_SIZE, limits->required, sizeof limits->required },
        { CL_KERNEL_LOCAL_MEM_SIZE, &limits->local_memory, sizeof limits->local_memory },
    };
    cl_int code =
        clade_cl_GetKernelInfo(opencl, kernel, CL_KERNEL_NUM_ARGS, sizeof limits->arguments, &limits->arguments, NULL);
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0] && code == CL_SUCCESS; i++)
        code = clade_cl_GetKernelWorkGroupInfo(opencl, kernel, device->id, wanted[i].name, wanted[i].bytes,
                                               wanted[i].value, NULL);
    if (code != CL_SUCCESS)
        return clade_opencl_fail(device->context, "clGetKernelWorkGroupInfo", code, "for %s (%s:%s)", launch->label,
                                 source_name(launch), launch->kernel);
    return CLADE_OK;
}

/* ---- sizes ---- */

static size_t round_up(size_t value, size_t multiple) {
    return (value + multiple - 1) / multiple * multiple;
}

static size_t smaller(size_t a, size_t b) {
    return a < b ? a : b;
}

/* The largest power of two within ROOM that leaves at most a quarter of GLOBAL's items idle. */
static size_t fitting_power(size_t global, size_t room) {
    size_t power = 1, best = 1;
    while (power < global && 2 * power <= room) {
        power *= 2;
        if (round_up(global, power) <= global + global / 4) best = power;
    }
    return best;
}

/* Groups of up to 256: enough to fill GPUs and to vectorise on CPUs, where groups that a driver picks for a prime size
 * were 70 times slower. Dimension 0 comes first, since neighbours there are neighbours in memory. */
static void pick_local(const clade_device *device, const kernel_limits *limits, const size_t global[3],
                       size_t local[3]) {
    const size_t *sizes = device->capabilities.max_group_sizes;
    size_t room = smaller(256, device->capabilities.max_group_size);
    if (limits->group_size > 0) room = smaller(room, limits->group_size);
    bool one_dimension = global[1] == 1 && global[2] == 1;
    for (int i = 0; i < 3; i++) {
        size_t here = smaller(room, sizes[i]);
        local[i] = 1;
        if (i == 0 && one_dimension)
            while (local[0] < global[0] && 2 * local[0] <= here)
                local[0] *= 2;
        else
            local[i] = fitting_power(global[i], here);
        room /= local[i];
    }
}

static clade_status check_group(clade_device *device, const clade_launch *launch, const kernel_limits *limits,
                                const size_t local[3]) {
    const clade_capabilities *can = &device->capabilities;
    size_t items = 1;
    for (int i = 0; i < 3; i++) {
        if (local[i] > can->max_group_sizes[i] || local[i] > can->max_group_size / items)
            return FAIL(device, launch, CLADE_ERROR_UNSUPPORTED,
                        "a group of %zu x %zu x %zu is over the limit of %s: %zu items, at most %zu x %zu x %zu",
                        local[0], local[1], local[2], device->name, can->max_group_size, can->max_group_sizes[0],
                        can->max_group_sizes[1], can->max_group_sizes[2]);
        items *= local[i];
    }
    const size_t *required = limits->required;
    if (required[0] != 0 && memcmp(required, local, sizeof limits->required) != 0)
        return FAIL(device, launch, CLADE_ERROR_ARGUMENT,
                    "a group of %zu x %zu x %zu, but the kernel is compiled for %zu x %zu x %zu", local[0], local[1],
                    local[2], required[0], required[1], required[2]);
    /* rusticl (Mesa 22.3) answers the preferred multiple where the limit is asked for, and runs larger groups: an
     * answer that equals the multiple is left to clEnqueueNDRangeKernel to judge. */
    if (items > limits->group_size && limits->group_size != limits->multiple)
        return FAIL(device, launch, CLADE_ERROR_UNSUPPORTED,
                    "a group of %zu items, but this kernel allows %zu on %s (registers or local memory)", items,
                    limits->group_size, device->name);
    return CLADE_OK;
}

static clade_status settle_sizes(clade_device *device, const clade_launch *launch, const kernel_limits *limits,
                                 clade_ready_launch *ready) {
    bool given = launch->local[0] != 0 || launch->local[1] != 0 || launch->local[2] != 0;
    for (int i = 0; i < 3; i++) {
        ready->global[i] = launch->global[i] > 0 ? launch->global[i] : 1;
        ready->local[i] = launch->local[i] > 0 ? launch->local[i] : 1;
    }
    if (!given && limits->required[0] != 0)
        memcpy(ready->local, limits->required, sizeof ready->local);
    else if (!given)
        pick_local(device, limits, ready->global, ready->local);
    clade_status status = check_group(device, launch, limits, ready->local);
    for (int i = 0; i < 3 && status == CLADE_OK; i++) {
        if (ready->global[i] > SIZE_MAX - ready->local[i])
            return FAIL(device, launch, CLADE_ERROR_ARGUMENT, "%zu work-items in dimension %d", ready->global[i], i);
        ready->global[i] = round_up(ready->global[i], ready->local[i]);
    }
    return status;
}

/* ---- arguments ---- */

static clade_status check_local_memory(clade_device *device, const clade_launch *launch, const kernel_limits *limits) {
    /* rusticl (Mesa 22.3) counts a kernel's own local variables twice: what the caller knows of them comes first. */
    size_t limit = device->capabilities.local_memory;
    size_t total = launch->local_memory > 0 ? launch->local_memory : (size_t)limits->local_memory;
    for (size_t i = 0; i < launch->argument_count && total <= limit; i++) {
        if (launch->arguments[i].kind != CLADE_ARGUMENT_LOCAL) continue;
        size_t bytes = launch->arguments[i].bytes;
        total = bytes > SIZE_MAX - total ? SIZE_MAX : total + bytes;
    }
    if (total <= limit) return CLADE_OK;
    return FAIL(device, launch, CLADE_ERROR_UNSUPPORTED, "%zu bytes of local memory, but %s has %zu for a group", total,
                device->name, limit);
}

static clade_status check_argument(clade_device *device, const clade_launch *launch, size_t index) {
    const clade_argument *argument = &launch->arguments[index];
    switch (argument->kind) {
    case CLADE_ARGUMENT_BUFFER:
        if (argument->buffer != NULL && argument->buffer->memory != NULL) return CLADE_OK;
        return FAIL(device, launch, CLADE_ERROR_ARGUMENT, "argument %zu is an empty buffer", index);
    case CLADE_ARGUMENT_INT:
        if (argument->integer >= INT_MIN && argument->integer <= INT_MAX) return CLADE_OK;
        return FAIL(device, launch, CLADE_ERROR_ARGUMENT, "argument %zu is %lld, which does not fit into an int", index,
                    (long long)argument->integer);
    case CLADE_ARGUMENT_LOCAL:
        if (argument->bytes > 0) return CLADE_OK;
        return FAIL(device, launch, CLADE_ERROR_ARGUMENT, "argument %zu is local memory of 0 bytes", index);
    case CLADE_ARGUMENT_FLOAT:
        return CLADE_OK;
    }
    return FAIL(device, launch, CLADE_ERROR_ARGUMENT, "argument %zu is of no known kind", index);
}

static cl_int set_argument(clade_opencl *opencl, cl_kernel kernel, cl_uint index, const clade_argument *argument) {
    if (argument->kind == CLADE_ARGUMENT_BUFFER)
        return clade_cl_SetKernelArg(opencl, kernel, index, sizeof(cl_mem), &argument->buffer->memory);
    if (argument->kind == CLADE_ARGUMENT_LOCAL)
        return clade_cl_SetKernelArg(opencl, kernel, index, argument->bytes, NULL);
    if (argument->kind == CLADE_ARGUMENT_FLOAT)
        return clade_cl_SetKernelArg(opencl, kernel, index, sizeof argument->real, &argument->real);
    const cl_int integer = (cl_int)argument->integer;
    return clade_cl_SetKernelArg(opencl, kernel, index, sizeof integer, &integer);
}

static clade_status set_arguments(clade_device *device, const clade_launch *launch, const kernel_limits *limits,
                                  cl_kernel kernel) {
    if (launch->argument_count != limits->arguments)
        return FAIL(device, launch, CLADE_ERROR_ARGUMENT, "%zu arguments, but the kernel has %u",
                    launch->argument_count, limits->arguments);
    clade_status status = check_local_memory(device, launch, limits);
    for (size_t i = 0; i < launch->argument_count && status == CLADE_OK; i++) {
        status = check_argument(device, launch, i);
        if (status != CLADE_OK) break;
        cl_int code = set_argument(device->opencl, kernel, (cl_uint)i, &launch->arguments[i]);
        if (code != CL_SUCCESS)
            status = clade_opencl_fail(device->context, "clSetKernelArg", code, "%zu for %s (%s:%s)", i, launch->label,
                                       source_name(launch), launch->kernel);
    }
    return status;
}

clade_status clade_launch_prepare(clade_device *device, const clade_launch *launch, clade_ready_launch *ready) {
    *ready = (clade_ready_launch){ 0 };
    kernel_limits limits = { 0 };
    clade_status status =
        launch->file != NULL
            ? clade_program_kernel(device, launch->file, launch->options, launch->kernel, &ready->kernel)
            : clade_program_generated(device, launch->title, launch->source, launch->options, launch->kernel,
                                      &ready->kernel);
    if (status == CLADE_OK) status = read_limits(device, launch, ready, &limits);
    if (status == CLADE_OK) status = settle_sizes(device, launch, &limits, ready);
    if (status == CLADE_OK) status = set_arguments(device, launch, &limits, ready->kernel);
    if (status != CLADE_OK && ready->kernel != NULL) {
        clade_cl_ReleaseKernel(device->opencl, ready->kernel);
        ready->kernel = NULL;
    }
    return status;
}
