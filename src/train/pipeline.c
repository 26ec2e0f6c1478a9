/* The ring of runs in flight. The device's queue is in order, so a batch may be sent to the plan's input while the run
 * before still reads it on the device's side: it arrives there after. On a device with memory of its own the way from the
 * host is gone beside the runs before, into landing buffers that each place of the ring has. */
#include "train/pipeline.h"

#include "base/context.h"

#include <string.h>

typedef struct run {
    clade_ticket *ticket;
    clade_batch batch;
    clade_buffer image, label; /* landing buffers, made at first need */
    bool busy;
    uint32_t loss, correct; /* bits, as read back */
} run;

struct clade_pipeline {
    clade_context *context;
    clade_device *device;
    clade_session *session;
    clade_loader *loader;
    clade_feed feed;
    clade_status (*receive)(void *user, const clade_outcome *outcome);
    void *user;
    run runs[CLADE_PIPELINE_RUNS];
    int next; /* the oldest run, whose place the next one takes */
};

clade_status clade_pipeline_new(clade_device *device, clade_session *session, clade_loader *loader,
                                const clade_feed *feed,
                                clade_status (*receive)(void *user, const clade_outcome *outcome), void *user,
                                clade_pipeline **out) {
    *out = NULL;
    clade_pipeline *pipeline = clade_allocate(device->context, 1, sizeof *pipeline);
    if (!pipeline) return clade_fail_memory(device->context, sizeof *pipeline, "a pipeline");
    pipeline->context = device->context;
    pipeline->device = device;
    pipeline->session = session;
    pipeline->loader = loader;
    pipeline->feed = *feed;
    pipeline->receive = receive;
    pipeline->user = user;
    for (int i = 0; i < CLADE_PIPELINE_RUNS; i++) {
        clade_status status = clade_ticket_new(device, &pipeline->runs[i].ticket);
        if (status != CLADE_OK) {
            clade_pipeline_free(pipeline);
            return status;
        }
    }
    *out = pipeline;
    return CLADE_OK;
}

void clade_pipeline_free(clade_pipeline *pipeline) {
    if (!pipeline) return;
    for (int i = 0; i < CLADE_PIPELINE_RUNS; i++) {
        run *run = &pipeline->runs[i];
        clade_ticket_free(run->ticket); /* waits */
        if (run->busy) clade_loader_release(pipeline->loader, &run->batch);
        clade_buffer_free(&run->image);
        clade_buffer_free(&run->label);
    }
    clade_free(pipeline->context, pipeline);
}

static bool counts(const clade_pipeline *pipeline) {
    return clade_value_valid(pipeline->feed.correct);
}

clade_status clade_pipeline_plan(const clade_pipeline *pipeline, int64_t batch, bool updates, clade_plan **plan) {
    clade_value targets[] = { pipeline->feed.loss, pipeline->feed.correct };
    return clade_session_plan(pipeline->session,
                              &(clade_plan_request){ .targets = targets,
                                                     .target_count = counts(pipeline) ? 2 : 1,
                                                     .binding = { .batch = batch },
                                                     .updates = updates,
                                                     .inference = !updates },
                              plan);
}

/* The number in four bytes read from a scalar of DTYPE. */
static double scalar_of(uint32_t bits, clade_dtype dtype) {
    if (dtype == CLADE_I32) {
        int32_t integer;
        memcpy(&integer, &bits, sizeof integer);
        return integer;
    }
    float real;
    memcpy(&real, &bits, sizeof real);
    return (double)real;
}

static clade_status collect(clade_pipeline *pipeline, run *run) {
    if (!run->busy) return CLADE_OK;
    clade_status status = clade_ticket_wait(run->ticket);
    clade_loader_release(pipeline->loader, &run->batch);
    run->busy = false;
    if (status != CLADE_OK) return status;
    clade_outcome outcome = { .count = run->batch.count,
                              .loss = scalar_of(run->loss, clade_value_dtype(pipeline->feed.loss)) };
    if (counts(pipeline)) outcome.correct = scalar_of(run->correct, clade_value_dtype(pipeline->feed.correct));
    return pipeline->receive(pipeline->user, &outcome);
}

/* Enqueues the upload of an input, when the plan reads it: the batch's samples, of a buffer that may be no larger. */
static clade_status upload(const clade_plan *plan, clade_value input, const void *data, clade_buffer *landing) {
    const clade_buffer *buffer = clade_plan_input(plan, input);
    if (!buffer) return CLADE_OK;
    clade_device *device = buffer->device;
    if (!clade_device_uploads_beside(device)) return clade_buffer_enqueue_write(buffer, data, buffer->bytes);
    if (landing->bytes < buffer->bytes) { /* nothing uses it: the run that had this place is done */
        clade_buffer_free(landing);
        clade_status status = clade_buffer_new(device, buffer->bytes, "a batch on its way", landing);
        if (status != CLADE_OK) return status;
    }
    return clade_buffer_enqueue_upload(landing, data, buffer->bytes, buffer);
}

static clade_status enqueue(clade_pipeline *pipeline, clade_plan *plan, run *run) {
    clade_status status = upload(plan, pipeline->feed.image, run->batch.images, &run->image);
    if (status == CLADE_OK) status = upload(plan, pipeline->feed.label, run->batch.labels, &run->label);
    if (status == CLADE_OK) status = clade_plan_enqueue(plan);
    if (status == CLADE_OK)
        status = clade_ticket_read(run->ticket, clade_plan_target(plan, 0), &run->loss, sizeof run->loss);
    if (status == CLADE_OK && counts(pipeline))
        status = clade_ticket_read(run->ticket, clade_plan_target(plan, 1), &run->correct, sizeof run->correct);
    return status == CLADE_OK ? clade_ticket_submit(run->ticket) : status;
}

clade_status clade_pipeline_push(clade_pipeline *pipeline, clade_plan *plan, const clade_batch *batch) {
    run *run = &pipeline->runs[pipeline->next];
    clade_status status = collect(pipeline, run);
    if (status != CLADE_OK) {
        clade_loader_release(pipeline->loader, batch);
        return status;
    }
    run->batch = *batch;
    status = enqueue(pipeline, plan, run);
    if (status != CLADE_OK) {
        clade_device_finish(pipeline->device); /* an upload may still read the slot */
        clade_loader_release(pipeline->loader, batch);
        return status;
    }
    run->busy = true;
    pipeline->next = (pipeline->next + 1) % CLADE_PIPELINE_RUNS;
    return CLADE_OK;
}

clade_status clade_pipeline_drain(clade_pipeline *pipeline) {
    clade_status status = CLADE_OK;
    for (int i = 0; i < CLADE_PIPELINE_RUNS && status == CLADE_OK; i++)
        status = collect(pipeline, &pipeline->runs[(pipeline->next + i) % CLADE_PIPELINE_RUNS]);
    return status;
}
