/* Tickets: read-backs whose completion a driver's callback signals to a condition variable.
 *
 * The queue is in order, so the event of the last command enqueued covers all before it. A ticket is shared by its owner
 * and, while one is on its way, by a callback; whoever lets go of it last frees it. That matters only when the driver
 * fails in the middle: normally clade_ticket_free() waits, and the callback has come. */
#include "device/group.h"
#include "device/state.h"

#include "base/thread.h"

struct clade_ticket {
    clade_context *context; /* the device may be closed before an abandoned callback comes */
    clade_device *device;
    cl_event last; /* of the latest read; NULL when none since the last submit. Used by the owner only. */
    clade_mutex lock;
    clade_condition done;
    /* Under the lock: */
    int owners;
    bool pending;
    cl_int result; /* negative: how the commands failed */
    double done_at;
};

clade_status clade_ticket_new(clade_device *device, clade_ticket **out) {
    *out = NULL;
    clade_ticket *ticket = clade_allocate(device->context, 1, sizeof *ticket);
    if (ticket == NULL) return clade_fail_memory(device->context, sizeof *ticket, "a ticket");
    ticket->context = device->context;
    ticket->device = device;
    ticket->owners = 1;
    clade_mutex_init(&ticket->lock);
    clade_condition_init(&ticket->done);
    *out = ticket;
    return CLADE_OK;
}

/* Gives up one share in the ticket, whose lock is held. */
static void let_go(clade_ticket *ticket) {
    clade_context *context = ticket->context;
    bool last = --ticket->owners == 0;
    clade_mutex_unlock(&ticket->lock);
    if (!last) return;
    clade_condition_destroy(&ticket->done);
    clade_mutex_destroy(&ticket->lock);
    clade_free(context, ticket);
}

static void CL_CALLBACK on_complete(cl_event event, cl_int result, void *user) {
    (void)event;
    clade_ticket *ticket = user;
    clade_mutex_lock(&ticket->lock);
    ticket->pending = false;
    ticket->result = result;
    ticket->done_at = clade_clock_seconds();
    clade_condition_signal_all(&ticket->done);
    let_go(ticket);
}

static void release_last(clade_ticket *ticket) {
    if (ticket->last != NULL) clade_cl_ReleaseEvent(ticket->device->opencl, ticket->last);
    ticket->last = NULL;
}

/* Waits, with the lock held, until the ticket is done, its device is given up, or LIMIT seconds (0: without end) are
 * over; whether it is done. */
static bool wait_unless_given_up(clade_ticket *ticket, double limit) {
    static const double glance = 0.1; /* seconds between looks */
    const double since = clade_clock_seconds();
    while (ticket->pending && !atomic_load(&ticket->device->given_up) &&
           !(limit > 0 && clade_clock_seconds() - since > limit))
        clade_condition_wait_for(&ticket->done, &ticket->lock, glance);
    return !ticket->pending;
}

void clade_ticket_free(clade_ticket *ticket) {
    if (ticket == NULL) return;
    clade_device *device = ticket->device;
    /* A read enqueued but never submitted would still write into its DATA. */
    if (ticket->last != NULL && !atomic_load(&device->given_up)) clade_cl_Finish(device->opencl, device->queue);
    release_last(ticket);
    clade_mutex_lock(&ticket->lock);
    wait_unless_given_up(ticket, 0);
    let_go(ticket);
}

void clade_ticket_leave(clade_ticket *ticket) {
    if (ticket == NULL) return;
    release_last(ticket);
    clade_mutex_lock(&ticket->lock);
    let_go(ticket);
}

clade_status clade_ticket_read(clade_ticket *ticket, const clade_buffer *buffer, void *data, size_t bytes) {
    clade_device *device = ticket->device;
    if (bytes == 0 || bytes > buffer->bytes)
        return clade_fail(device->context, CLADE_ERROR_ARGUMENT, "a read of %zu bytes from a buffer of %zu bytes",
                          bytes, buffer->bytes);
    cl_event event = NULL;
    cl_int code = clade_cl_EnqueueReadBuffer(device->opencl, device->queue, buffer->memory, CL_FALSE, 0, bytes, data, 0,
                                             NULL, &event);
    if (code != CL_SUCCESS)
        return clade_opencl_fail(device->context, "clEnqueueReadBuffer", code, "of %zu bytes from %s", bytes,
                                 device->name);
    release_last(ticket);
    ticket->last = event;
    return CLADE_OK;
}

clade_status clade_ticket_map(clade_ticket *ticket, const clade_buffer *buffer, void **place) {
    clade_device *device = ticket->device;
    cl_event event = NULL;
    cl_int code = CL_SUCCESS;
    *place = clade_cl_EnqueueMapBuffer(device->opencl, device->queue, buffer->memory, CL_FALSE,
                                       CL_MAP_READ | CL_MAP_WRITE, 0, buffer->bytes, 0, NULL, &event, &code);
    if (code != CL_SUCCESS)
        return clade_opencl_fail(device->context, "clEnqueueMapBuffer", code, "of %zu bytes on %s", buffer->bytes,
                                 device->name);
    release_last(ticket);
    ticket->last = event;
    return CLADE_OK;
}

/* Waits for the queue the slow way after a submit went wrong, so that no read is left writing into the caller's data.
 * When even that fails the device is lost, and the callback, should it ever come, finds the ticket unwaited for. */
static void abandon(clade_ticket *ticket) {
    clade_cl_Finish(ticket->device->opencl, ticket->device->queue);
    clade_mutex_lock(&ticket->lock);
    ticket->pending = false;
    clade_mutex_unlock(&ticket->lock);
}

clade_status clade_ticket_submit(clade_ticket *ticket) {
    clade_device *device = ticket->device;
    cl_int code = CL_SUCCESS;
    clade_mutex_lock(&ticket->lock);
    bool shared = ticket->owners > 1;
    clade_mutex_unlock(&ticket->lock);
    if (shared)
        return clade_fail(device->context, CLADE_ERROR_ARGUMENT,
                          "a ticket submitted again before it was done, or after it failed");
    if (ticket->last == NULL) {
        code = clade_cl_EnqueueMarkerWithWaitList(device->opencl, device->queue, 0, NULL, &ticket->last);
        if (code != CL_SUCCESS)
            return clade_opencl_fail(device->context, "clEnqueueMarkerWithWaitList", code, "on %s", device->name);
    }
    clade_mutex_lock(&ticket->lock);
    ticket->owners = 2;
    ticket->pending = true;
    ticket->result = CL_COMPLETE;
    clade_mutex_unlock(&ticket->lock);
    code = clade_cl_SetEventCallback(device->opencl, ticket->last, CL_COMPLETE, on_complete, ticket);
    release_last(ticket);
    if (code != CL_SUCCESS) {
        abandon(ticket);
        clade_mutex_lock(&ticket->lock);
        ticket->owners = 1;
        clade_mutex_unlock(&ticket->lock);
        return clade_opencl_fail(device->context, "clSetEventCallback", code, "on %s", device->name);
    }
    code = clade_cl_Flush(device->opencl, device->queue);
    if (code != CL_SUCCESS) {
        abandon(ticket);
        return clade_opencl_fail(device->context, "clFlush", code, "on %s", device->name);
    }
    return CLADE_OK;
}

bool clade_ticket_done(clade_ticket *ticket) {
    clade_mutex_lock(&ticket->lock);
    bool done = !ticket->pending;
    clade_mutex_unlock(&ticket->lock);
    return done;
}

double clade_ticket_done_at(clade_ticket *ticket) {
    clade_mutex_lock(&ticket->lock);
    const double at = ticket->pending ? -1 : ticket->done_at;
    clade_mutex_unlock(&ticket->lock);
    return at;
}

bool clade_ticket_wait_for(clade_ticket *ticket, double seconds) {
    const double until = clade_clock_seconds() + seconds;
    clade_mutex_lock(&ticket->lock);
    for (double rest = seconds; ticket->pending && rest > 0; rest = until - clade_clock_seconds())
        clade_condition_wait_for(&ticket->done, &ticket->lock, rest);
    const bool done = !ticket->pending;
    clade_mutex_unlock(&ticket->lock);
    return done;
}

clade_status clade_ticket_wait(clade_ticket *ticket) {
    clade_device *device = ticket->device;
    const double limit = device->group != NULL ? clade_group_limit_of(device->group) : 0;
    clade_mutex_lock(&ticket->lock);
    const bool done = wait_unless_given_up(ticket, limit);
    cl_int result = ticket->result;
    clade_mutex_unlock(&ticket->lock);
    if (!done) {
        clade_device_give_up(device);
        if (limit > 0)
            return clade_fail(device->context, CLADE_ERROR_DEVICE, "%s did not answer within %g s", device->name,
                              limit);
        return clade_fail(device->context, CLADE_ERROR_DEVICE, "%s does not answer", device->name);
    }
    if (result < 0)
        return clade_opencl_fail(device->context, "waiting", result, "for the commands enqueued on %s", device->name);
    return CLADE_OK;
}
