/* The two commands of a sum over a group. Sending makes the device's arrays readable to the host behind the work that makes
 * them, and goes on; receiving waits until they are, sums them with the other members' (group.c), and gives the sums back.
 * Where the sums are late, the work between the two commands is what hides the way.
 *
 * An array whose sum is to lie where it lay itself is mapped, where host and device share memory, and summed in its place.
 * Others are read into a place of their own and written back from there; the queue is in order, the next run's reads come
 * behind this run's writes, so one place is enough. */
#include "device/group.h"
#include "device/state.h"

enum { MOST_BUFFERS = 16 };

struct clade_reduction {
    clade_device *device;
    int64_t number;
    size_t count;
    clade_buffer from[MOST_BUFFERS], to[MOST_BUFFERS]; /* borrowed */
    clade_group_array arrays[MOST_BUFFERS];            /* where the host has them; NULL: not mapped */
    bool maps[MOST_BUFFERS];                           /* summed in its place */
    float *staging;                                    /* of the others; NULL: there is none */
    clade_ticket *ticket;
    clade_reduction *next;
};

/* One of the two commands. */
typedef struct transfer {
    clade_reduction *reduction;
    bool last;
} transfer;

/* Gives mapped arrays back, each attempt once. */
static clade_status unmap(clade_reduction *reduction) {
    clade_device *device = reduction->device;
    clade_status status = CLADE_OK;
    for (size_t i = 0; i < reduction->count; i++) {
        if (!reduction->maps[i] || reduction->arrays[i].data == NULL) continue;
        cl_int code = clade_cl_EnqueueUnmapMemObject(device->opencl, device->queue, reduction->from[i].memory,
                                                     reduction->arrays[i].data, 0, NULL, NULL);
        if (code != CL_SUCCESS && status == CLADE_OK)
            status = clade_opencl_fail(device->context, "clEnqueueUnmapMemObject", code, "of %zu bytes on %s",
                                       reduction->from[i].bytes, device->name);
        reduction->arrays[i].data = NULL;
    }
    return status;
}

void clade_reductions_free(clade_reduction *chain) {
    while (chain != NULL) {
        clade_reduction *next = chain->next;
        clade_context *context = chain->device->context;
        clade_ticket_free(chain->ticket);
        clade_device_free_later(chain->device, chain->staging);
        clade_free(context, chain);
        chain = next;
    }
}

void clade_reductions_break_off(clade_reduction *chain) {
    for (; chain != NULL; chain = chain->next)
        unmap(chain);
}

static clade_status refuse(const clade_commands *commands, const char *label, const char *why) {
    return clade_fail(clade_commands_device(commands)->context, CLADE_ERROR_ARGUMENT, "%s: %s", label, why);
}

static clade_reduction *find(clade_commands *commands, int64_t number) {
    clade_reduction *reduction = *clade_commands_reductions(commands);
    while (reduction != NULL && reduction->number != number)
        reduction = reduction->next;
    return reduction;
}

static bool is_array(const clade_buffer *buffer) {
    return buffer != NULL && buffer->memory != NULL && buffer->bytes % sizeof(float) == 0;
}

/* Checks and notes what is to be transferred, and which arrays may be summed in their place. */
static clade_status describe(clade_commands *commands, const char *label, const clade_buffer *const from[],
                             const clade_buffer *const to[], clade_reduction *made) {
    const bool shared = made->device->capabilities.unified_memory;
    for (size_t i = 0; i < made->count; i++) {
        if (!is_array(from[i]) || !is_array(to[i]) || from[i]->bytes != to[i]->bytes)
            return refuse(commands, label, "a sum of an empty buffer, of no floats, or into another size");
        made->from[i] = *from[i];
        made->to[i] = *to[i];
        made->arrays[i].count = from[i]->bytes / sizeof(float);
        made->maps[i] = shared && from[i]->memory == to[i]->memory;
    }
    return CLADE_OK;
}

/* The place for what is not mapped, cut up among the arrays. */
static clade_status make_staging(clade_reduction *made) {
    clade_context *context = made->device->context;
    size_t floats = 0;
    for (size_t i = 0; i < made->count; i++)
        floats += made->maps[i] ? 0 : made->arrays[i].count;
    if (floats == 0) return CLADE_OK;
    made->staging = clade_allocate(context, floats, sizeof *made->staging);
    if (made->staging == NULL) return clade_fail_memory(context, floats * sizeof(float), "sums over devices");
    float *place = made->staging;
    for (size_t i = 0; i < made->count; i++) {
        if (made->maps[i]) continue;
        made->arrays[i].data = place;
        place += made->arrays[i].count;
    }
    return CLADE_OK;
}

/* ---- waiting ---- */

static const double glance = 0.05; /* seconds between looks at what may end a wait */

/* Waits for the device's own data, and no longer than the group is whole and its limit allows. */
static clade_status wait_for_own(clade_device *device, clade_ticket *ticket) {
    const double limit = device->group != NULL ? clade_group_limit_of(device->group) : 0;
    for (double waited = 0; !clade_ticket_wait_for(ticket, glance); waited += glance) {
        if (device->group != NULL && clade_group_broken(device->group))
            return clade_group_refuse(device->group, device->member);
        if (limit > 0 && waited > limit) {
            clade_device_give_up(device);
            break;
        }
    }
    return clade_ticket_wait(ticket);
}

clade_status clade_device_settle(clade_device *device) {
    clade_ticket *ticket = NULL;
    if (device->group == NULL) return clade_device_finish(device);
    clade_status status = clade_ticket_new(device, &ticket);
    if (status == CLADE_OK) status = clade_ticket_submit(ticket);
    if (status == CLADE_OK) status = wait_for_own(device, ticket);
    clade_ticket_free(ticket);
    return status;
}

void clade_device_settle_others(const clade_device *device) {
    const double limit = device->group != NULL ? clade_group_limit_of(device->group) : 0;
    for (clade_device *other = device->opencl->open; other != NULL; other = other->next) {
        clade_ticket *ticket = NULL;
        if (other == device || other->platform != device->platform || atomic_load(&other->given_up)) continue;
        if (clade_ticket_new(other, &ticket) != CLADE_OK || clade_ticket_submit(ticket) != CLADE_OK) {
            clade_ticket_free(ticket);
            continue;
        }
        for (double waited = 0; !clade_ticket_wait_for(ticket, glance); waited += glance)
            if (atomic_load(&other->given_up) || (limit > 0 && waited > limit)) break;
        clade_ticket_leave(ticket);
    }
}

/* ---- the commands ---- */

static clade_status send(clade_device *device, void *data) {
    clade_reduction *reduction = ((const transfer *)data)->reduction;
    clade_status status = CLADE_OK;
    if (!clade_ticket_done(reduction->ticket)) /* of a run that was broken off */
        status = wait_for_own(device, reduction->ticket);
    for (size_t i = 0; i < reduction->count && status == CLADE_OK; i++) {
        clade_group_array *array = &reduction->arrays[i];
        if (!reduction->maps[i]) {
            status = clade_ticket_read(reduction->ticket, &reduction->from[i], array->data, reduction->from[i].bytes);
            continue;
        }
        void *place = NULL;
        status = clade_ticket_map(reduction->ticket, &reduction->from[i], &place);
        if (status == CLADE_OK) array->data = place;
    }
    return status == CLADE_OK ? clade_ticket_submit(reduction->ticket) : status;
}

static clade_status receive(clade_device *device, void *data) {
    const transfer *received = data;
    clade_reduction *reduction = received->reduction;
    clade_status status = wait_for_own(device, reduction->ticket);
    if (status == CLADE_OK && device->group != NULL)
        status = clade_group_sum(device->group, device->member, reduction->arrays, reduction->count, received->last);
    if (status == CLADE_OK) status = unmap(reduction);
    for (size_t i = 0; i < reduction->count && status == CLADE_OK; i++)
        if (!reduction->maps[i])
            status = clade_buffer_enqueue_write(&reduction->to[i], reduction->arrays[i].data, reduction->to[i].bytes);
    return status;
}

clade_status clade_commands_send(clade_commands *commands, const char *label, int64_t number,
                                 const clade_buffer *const from[], const clade_buffer *const to[], size_t count) {
    clade_device *device = clade_commands_device(commands);
    if (clade_commands_sketched(commands, NULL)) return CLADE_OK;
    if (count == 0 || count > MOST_BUFFERS) return refuse(commands, label, "a sum of no or too many buffers");
    if (find(commands, number) != NULL) return refuse(commands, label, "two sums of one number");
    clade_reduction *made = clade_allocate(device->context, 1, sizeof *made);
    if (made == NULL) return clade_fail_memory(device->context, sizeof *made, "a sum over devices");
    *made = (clade_reduction){ .device = device, .number = number, .count = count };
    clade_status status = describe(commands, label, from, to, made);
    if (status == CLADE_OK) status = make_staging(made);
    if (status == CLADE_OK) status = clade_ticket_new(device, &made->ticket);
    if (status != CLADE_OK) {
        clade_reductions_free(made);
        return status;
    }
    clade_reduction **chain = clade_commands_reductions(commands);
    made->next = *chain;
    *chain = made;
    return clade_commands_call(commands, label, 0, send, &(transfer){ made, false }, sizeof(transfer));
}

clade_status clade_commands_receive(clade_commands *commands, const char *label, int64_t number, bool last) {
    if (clade_commands_sketched(commands, NULL)) return CLADE_OK;
    const transfer made = { find(commands, number), last };
    if (made.reduction == NULL) return refuse(commands, label, "sums that were not sent");
    return clade_commands_wait(commands, label, receive, &made, sizeof made);
}
