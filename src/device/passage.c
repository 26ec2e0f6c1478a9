/* The two commands of a passage. The array is read into the passage's own memory and written from there; both queues are in
 * order, so what must not overtake is only the next run's read, which waits for this run's write. */
#include "device/passage.h"

#include "device/state.h"

struct clade_passage {
    clade_device *from, *to;
    size_t bytes;
    char *staging;
    clade_ticket *read, *written;
    bool full; /* handed over, and not taken yet */
    double sent;
};

typedef struct passage_end {
    clade_passage *passage;
    clade_buffer buffer;
} passage_end;

clade_status clade_passage_new(clade_device *from, clade_device *to, size_t bytes, clade_passage **out) {
    *out = NULL;
    clade_passage *passage = clade_allocate(from->context, 1, sizeof *passage);
    if (passage == NULL) return clade_fail_memory(from->context, sizeof *passage, "a passage between devices");
    *passage = (clade_passage){ .from = from, .to = to, .bytes = bytes, .sent = -1 };
    passage->staging = clade_allocate(from->context, bytes, 1);
    clade_status status = passage->staging != NULL ? clade_ticket_new(from, &passage->read)
                                                   : clade_fail_memory(from->context, bytes, "a passage");
    if (status == CLADE_OK) status = clade_ticket_new(to, &passage->written);
    if (status != CLADE_OK) {
        clade_passage_free(passage);
        return status;
    }
    *out = passage;
    return CLADE_OK;
}

void clade_passage_free(clade_passage *passage) {
    if (passage == NULL) return;
    clade_context *context = passage->from->context;
    clade_ticket_free(passage->read);
    clade_ticket_free(passage->written);
    clade_free(context, passage->staging);
    clade_free(context, passage);
}

void clade_passage_reset(clade_passage *passage) {
    passage->full = false;
    passage->sent = -1;
}

double clade_passage_sent(const clade_passage *passage) {
    return passage->full ? passage->sent : -1;
}

clade_status clade_passage_wait(clade_passage *passage) {
    return clade_ticket_wait(passage->read);
}

/* ---- the commands ---- */

static clade_status hand_over(clade_device *device, void *data) {
    const passage_end *end = data;
    clade_passage *passage = end->passage;
    clade_status status = CLADE_OK;
    if (!clade_ticket_done(passage->written)) status = clade_ticket_wait(passage->written);
    if (status == CLADE_OK && !clade_ticket_done(passage->read)) status = clade_passage_wait(passage);
    if (status == CLADE_OK) status = clade_ticket_read(passage->read, &end->buffer, passage->staging, passage->bytes);
    if (status == CLADE_OK) status = clade_ticket_submit(passage->read);
    passage->full = status == CLADE_OK;
    passage->sent = clade_clock_seconds();
    (void)device;
    return status;
}

static clade_status take_over(clade_device *device, void *data) {
    const passage_end *end = data;
    clade_passage *passage = end->passage;
    (void)device;
    clade_status status = clade_passage_wait(passage);
    if (status == CLADE_OK) status = clade_buffer_enqueue_write(&end->buffer, passage->staging, passage->bytes);
    if (status == CLADE_OK) status = clade_ticket_submit(passage->written);
    passage->full = false;
    return status;
}

static clade_status check(const clade_commands *commands, const char *label, const clade_device *device,
                          const clade_passage *passage, const clade_buffer *buffer) {
    clade_device *own = clade_commands_device(commands);
    if (buffer != NULL && buffer->memory != NULL && buffer->bytes == passage->bytes && own == device) return CLADE_OK;
    return clade_fail(own->context, CLADE_ERROR_ARGUMENT,
                      "%s: a passage for another device, of no buffer, or of another size", label);
}

clade_status clade_commands_hand_over(clade_commands *commands, const char *label, const clade_buffer *from,
                                      clade_passage *passage) {
    clade_status status = check(commands, label, passage->from, passage, from);
    if (status != CLADE_OK) return status;
    return clade_commands_call(commands, label, 0, hand_over, &(passage_end){ passage, *from }, sizeof(passage_end));
}

static clade_passage *passage_of(const void *data) {
    return ((const passage_end *)data)->passage;
}

clade_status clade_commands_take_over(clade_commands *commands, const char *label, clade_passage *passage,
                                      const clade_buffer *to) {
    clade_status status = check(commands, label, passage->to, passage, to);
    if (status != CLADE_OK) return status;
    return clade_commands_take(commands, label, take_over, &(passage_end){ passage, *to }, sizeof(passage_end),
                               passage_of);
}

bool clade_passage_arrived(const clade_passage *passage) {
    return passage->full && clade_ticket_done(passage->read);
}
