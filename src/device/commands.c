/* Lists of commands: prepared once, enqueued many times.
 *
 * A command knows how to enqueue itself, with or without an event for its time. Each launch owns its kernel object, so
 * its arguments stay set. */
#include "device/state.h"

#include "base/arena.h"
#include "base/thread.h"

#include <string.h>

typedef struct command command;
struct command {
    clade_status (*enqueue)(clade_device *device, command *self, cl_event *event);
    const char *label, *kernel_name;
    double flops, bytes;
    clade_ready_launch launch;
    clade_buffer from, to; /* borrowed; fills use TO alone */
    size_t size;
    uint8_t byte;
    bool waits;                                  /* for other devices */
    clade_passage *(*passage)(const void *data); /* that has to arrive first; NULL: none */
    clade_status (*call)(clade_device *device, void *data);
    void *data;
};

struct clade_commands {
    clade_device *device;
    clade_arena arena; /* labels and data */
    command *list;
    size_t count, capacity;
    clade_reduction *reductions;
    size_t launched;                                      /* commands that have run before; they lead the list */
    void (*note)(void *user, const clade_launch *launch); /* of a list that only tells what would be in it */
    void *user;
};

clade_status clade_commands_new(clade_device *device, clade_commands **out) {
    clade_commands *commands = clade_allocate(device->context, 1, sizeof *commands);
    *out = commands;
    if (commands == NULL) return clade_fail_memory(device->context, sizeof *commands, "a list of commands");
    commands->device = device;
    commands->arena.context = device->context;
    return CLADE_OK;
}

clade_status clade_commands_new_sketch(clade_device *device, void (*note)(void *user, const clade_launch *launch),
                                       void *user, clade_commands **out) {
    clade_status status = clade_commands_new(device, out);
    if (status != CLADE_OK) return status;
    (*out)->note = note;
    (*out)->user = user;
    return CLADE_OK;
}

bool clade_commands_sketched(clade_commands *commands, const clade_launch *launch) {
    if (commands->note == NULL) return false;
    if (launch != NULL) commands->note(commands->user, launch);
    return true;
}

void clade_commands_free(clade_commands *commands) {
    if (commands == NULL) return;
    for (size_t i = commands->count; i-- > 0;) /* drivers find the latest kernel first */
        if (commands->list[i].launch.kernel != NULL)
            clade_cl_ReleaseKernel(commands->device->opencl, commands->list[i].launch.kernel);
    clade_context *context = commands->device->context;
    clade_reductions_free(commands->reductions);
    clade_arena_clear(&commands->arena);
    clade_free(context, commands->list);
    clade_free(context, commands);
}

clade_device *clade_commands_device(const clade_commands *commands) {
    return commands->device;
}

clade_reduction **clade_commands_reductions(clade_commands *commands) {
    return &commands->reductions;
}

size_t clade_commands_count(const clade_commands *commands) {
    return commands->count;
}

/* Room for one more command, which counts only once clade_commands.count grows; NULL when memory is short. */
static command *next(clade_commands *commands) {
    if (commands->count == commands->capacity) {
        size_t capacity = commands->capacity > 0 ? 2 * commands->capacity : 32;
        command *grown = clade_reallocate(commands->device->context, commands->list, capacity, sizeof *grown);
        if (grown == NULL) return NULL;
        commands->list = grown;
        commands->capacity = capacity;
    }
    command *made = &commands->list[commands->count];
    *made = (command){ .kernel_name = "" };
    return made;
}

/* Appends what the caller described in BLANK, with LABEL copied. */
static clade_status append(clade_commands *commands, const char *label, const command *blank) {
    command *made = next(commands);
    char *copied = made != NULL ? clade_arena_string(&commands->arena, label) : NULL;
    if (copied == NULL) return clade_fail_memory(commands->device->context, sizeof *made, "a command");
    *made = *blank;
    made->label = copied;
    if (made->kernel_name == NULL) made->kernel_name = "";
    commands->count++;
    return CLADE_OK;
}

/* ---- kinds of commands ---- */

static clade_status enqueue_launch(clade_device *device, command *self, cl_event *event) {
    const clade_ready_launch *launch = &self->launch;
    cl_int code = clade_cl_EnqueueNDRangeKernel(device->opencl, device->queue, launch->kernel, 3, NULL, launch->global,
                                                launch->local, 0, NULL, event);
    if (code == CL_SUCCESS) return CLADE_OK;
    return clade_opencl_fail(device->context, "clEnqueueNDRangeKernel", code,
                             "of %s for %s, %zu x %zu x %zu items in groups of %zu x %zu x %zu, on %s",
                             self->kernel_name, self->label, launch->global[0], launch->global[1], launch->global[2],
                             launch->local[0], launch->local[1], launch->local[2], device->name);
}

clade_status clade_commands_launch(clade_commands *commands, const clade_launch *launch) {
    clade_device *device = commands->device;
    if (clade_commands_sketched(commands, launch)) return CLADE_OK;
    command made = { .enqueue = enqueue_launch, .flops = launch->flops, .bytes = launch->bytes };
    clade_launch named = *launch;
    if (named.label == NULL) named.label = named.kernel;
    made.kernel_name = clade_arena_string(&commands->arena, launch->kernel);
    if (made.kernel_name == NULL) return clade_fail_memory(device->context, strlen(launch->kernel), "a kernel's name");
    clade_status status = clade_launch_prepare(device, &named, &made.launch);
    if (status != CLADE_OK) return status;
    status = append(commands, named.label, &made);
    if (status != CLADE_OK) clade_cl_ReleaseKernel(device->opencl, made.launch.kernel);
    return status;
}

static clade_status enqueue_call(clade_device *device, command *self, cl_event *event) {
    (void)event; /* what the call enqueues has none: it is timed by the host's clock */
    return self->call(device, self->data);
}

static clade_status append_call(clade_commands *commands, const char *label, command made, const void *data,
                                size_t bytes) {
    if (clade_commands_sketched(commands, NULL)) return CLADE_OK;
    made.data = clade_arena_copy(&commands->arena, data, bytes);
    if (made.data == NULL) return clade_fail_memory(commands->device->context, bytes, label);
    return append(commands, label, &made);
}

clade_status clade_commands_call(clade_commands *commands, const char *label, double flops,
                                 clade_status (*call)(clade_device *device, void *data), const void *data,
                                 size_t bytes) {
    const command made = { .enqueue = enqueue_call, .flops = flops, .call = call };
    return append_call(commands, label, made, data, bytes);
}

clade_status clade_commands_wait(clade_commands *commands, const char *label,
                                 clade_status (*call)(clade_device *device, void *data), const void *data,
                                 size_t bytes) {
    const command made = { .enqueue = enqueue_call, .waits = true, .call = call };
    return append_call(commands, label, made, data, bytes);
}

clade_status clade_commands_take(clade_commands *commands, const char *label,
                                 clade_status (*call)(clade_device *device, void *data), const void *data, size_t bytes,
                                 clade_passage *(*passage)(const void *data)) {
    const command made = { .enqueue = enqueue_call, .call = call, .passage = passage };
    return append_call(commands, label, made, data, bytes);
}

static clade_status enqueue_copy(clade_device *device, command *self, cl_event *event) {
    cl_int code = clade_cl_EnqueueCopyBuffer(device->opencl, device->queue, self->from.memory, self->to.memory, 0, 0,
                                             self->size, 0, NULL, event);
    if (code == CL_SUCCESS) return CLADE_OK;
    return clade_opencl_fail(device->context, "clEnqueueCopyBuffer", code, "of %zu bytes for %s", self->size,
                             self->label);
}

clade_status clade_commands_copy(clade_commands *commands, const char *label, const clade_buffer *from,
                                 const clade_buffer *to, size_t bytes) {
    if (clade_commands_sketched(commands, NULL)) return CLADE_OK;
    if (bytes == 0 || bytes > from->bytes || bytes > to->bytes)
        return clade_fail(commands->device->context, CLADE_ERROR_ARGUMENT,
                          "%s: a copy of %zu bytes from a buffer of %zu to one of %zu", label, bytes, from->bytes,
                          to->bytes);
    const command made = {
        .enqueue = enqueue_copy, .bytes = 2 * (double)bytes, .from = *from, .to = *to, .size = bytes
    };
    return append(commands, label, &made);
}

static clade_status enqueue_fill(clade_device *device, command *self, cl_event *event) {
    cl_int code = clade_cl_EnqueueFillBuffer(device->opencl, device->queue, self->to.memory, &self->byte, 1, 0,
                                             self->size, 0, NULL, event);
    if (code == CL_SUCCESS) return CLADE_OK;
    return clade_opencl_fail(device->context, "clEnqueueFillBuffer", code, "of %zu bytes for %s", self->size,
                             self->label);
}

clade_status clade_commands_fill(clade_commands *commands, const char *label, const clade_buffer *buffer,
                                 uint8_t byte) {
    if (clade_commands_sketched(commands, NULL)) return CLADE_OK;
    if (buffer->memory == NULL)
        return clade_fail(commands->device->context, CLADE_ERROR_ARGUMENT, "%s: a fill of an empty buffer", label);
    const command made = {
        .enqueue = enqueue_fill, .bytes = (double)buffer->bytes, .to = *buffer, .size = buffer->bytes, .byte = byte
    };
    return append(commands, label, &made);
}

/* ---- running ---- */

clade_passage *clade_commands_awaited(const clade_commands *commands, size_t at) {
    const command *next = &commands->list[at];
    return at < commands->count && next->passage != NULL ? next->passage(next->data) : NULL;
}

/* Whether command AT can be enqueued without waiting for a passage. */
static bool may_run(const clade_commands *commands, size_t at) {
    const clade_passage *awaited = clade_commands_awaited(commands, at);
    return awaited == NULL || clade_passage_arrived(awaited);
}

/* The first run of a list, each command waited for: drivers compile at a first launch, and PoCL (3.1 at least) aborts in
 * pocl_release_dlhandle_cache() when it loads a kernel for a wider range while the same kernel is under way, on whichever
 * of its devices. So the platform's other devices rest meanwhile; but for a command that waits for them. */
static clade_status run_first(clade_commands *commands, size_t *at) {
    clade_shared_lock *launching = &commands->device->opencl->launching;
    clade_status status = clade_device_settle(commands->device);
    bool alone = false;
    for (; *at < commands->count && may_run(commands, *at) && status == CLADE_OK; ++*at) {
        command *run = &commands->list[*at];
        if (alone && run->waits) clade_shared_lock_leave(launching);
        if (!alone && !run->waits) {
            clade_shared_lock_alone(launching);
            clade_device_settle_others(commands->device);
        }
        alone = !run->waits;
        status = run->enqueue(commands->device, run, NULL);
        if (status == CLADE_OK) status = clade_device_settle(commands->device);
    }
    if (alone) clade_shared_lock_leave(launching);
    if (status == CLADE_OK && *at == commands->count) commands->launched = commands->count;
    return status;
}

static clade_status run_again(clade_commands *commands, size_t *at) {
    clade_opencl *opencl = commands->device->opencl;
    const bool among_others = atomic_load(&opencl->open_count) > 1;
    clade_status status = CLADE_OK;
    for (; *at < commands->count && may_run(commands, *at) && status == CLADE_OK; ++*at) {
        command *run = &commands->list[*at];
        const bool together = among_others && !run->waits;
        if (together) clade_shared_lock_together(&opencl->launching);
        status = run->enqueue(commands->device, run, NULL);
        if (together) clade_shared_lock_leave(&opencl->launching);
    }
    return status;
}

clade_status clade_commands_enqueue_some(clade_commands *commands, size_t *at) {
    clade_status status = commands->launched < commands->count ? run_first(commands, at) : run_again(commands, at);
    if (status != CLADE_OK) clade_reductions_break_off(commands->reductions);
    return status;
}

clade_status clade_commands_enqueue(clade_commands *commands) {
    size_t at = 0;
    return clade_commands_enqueue_some(commands, &at);
}

static clade_status time_by_event(clade_device *device, const command *timed, cl_event event, double *seconds) {
    cl_ulong start = 0, end = 0;
    cl_int code = clade_cl_WaitForEvents(device->opencl, 1, &event);
    if (code == CL_SUCCESS)
        code = clade_cl_GetEventProfilingInfo(device->opencl, event, CL_PROFILING_COMMAND_START, sizeof start, &start,
                                              NULL);
    if (code == CL_SUCCESS)
        code = clade_cl_GetEventProfilingInfo(device->opencl, event, CL_PROFILING_COMMAND_END, sizeof end, &end, NULL);
    clade_cl_ReleaseEvent(device->opencl, event);
    if (code != CL_SUCCESS)
        return clade_opencl_fail(device->context, "clGetEventProfilingInfo", code, "for %s", timed->label);
    *seconds = end > start ? 1e-9 * (double)(end - start) : 0;
    return CLADE_OK;
}

clade_status clade_commands_time(clade_commands *commands, clade_command_time *times) {
    clade_device *device = commands->device;
    clade_status status = clade_device_finish(device);
    for (size_t i = 0; i < commands->count && status == CLADE_OK; i++) {
        command *timed = &commands->list[i];
        cl_event event = NULL;
        double seconds = clade_clock_seconds();
        status = timed->enqueue(device, timed, device->capabilities.profiling_works ? &event : NULL);
        if (status == CLADE_OK && event != NULL) {
            status = time_by_event(device, timed, event, &seconds);
        } else if (status == CLADE_OK) {
            status = clade_device_finish(device);
            seconds = clade_clock_seconds() - seconds;
        }
        times[i] = (clade_command_time){ .label = timed->label,
                                         .kernel = timed->kernel_name,
                                         .seconds = seconds,
                                         .flops = timed->flops,
                                         .bytes = timed->bytes };
    }
    if (status == CLADE_OK) commands->launched = commands->count;
    return status;
}
