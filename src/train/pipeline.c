/* The ring of runs in flight. The device's queue is in order, so a batch may be sent to the plan's input while the run
 * before still reads it on the device's side: it arrives there after. On a device with memory of its own the way from the
 * host is gone beside the runs before, into landing buffers that each place of the ring has. */
#include "train/pipeline.h"

#include "base/context.h"

#include <string.h>

enum { SCALARS = CLADE_MAX_EXTRA_LOSSES + 3, INPUTS = 3 };

typedef struct run {
    clade_ticket *ticket;
    clade_batch batch;
    clade_buffer landing[INPUTS]; /* made at first need */
    bool busy;
    uint32_t scalars[SCALARS]; /* bits, as read back: loss, correct count, parts */
    float *scores;             /* made at first need */
    size_t score_bytes;
} run;

struct clade_pipeline {
    clade_context *context;
    clade_device *device;
    clade_session *session;
    clade_loader *loader;
    clade_feed feed;
    clade_status (*receive)(void *user, const clade_outcome *outcome);
    void *user;
    clade_value targets[SCALARS + 1]; /* the scalars, then the scores */
    size_t scalar_count, target_count;
    run runs[CLADE_PIPELINE_RUNS];
    int next; /* the oldest run, whose place the next one takes */
};

static void give_back(const clade_pipeline *pipeline, const clade_batch *batch) {
    if (pipeline->loader) clade_loader_release(pipeline->loader, batch);
}

int64_t clade_feed_width(const clade_feed *feed) {
    if (clade_value_dtype(feed->label) != CLADE_F32) return 0;
    clade_dims dims = clade_value_dims(feed->label);
    return clade_dims_value(feed->label.graph, &dims, (clade_binding){ .batch = 1 }, (int64_t[CLADE_MAX_RANK]){ 0 });
}

static bool counts(const clade_pipeline *pipeline) {
    return clade_value_valid(pipeline->feed.correct);
}

static void list_targets(clade_pipeline *pipeline) {
    const clade_feed *feed = &pipeline->feed;
    size_t count = 0;
    pipeline->targets[count++] = feed->loss;
    if (counts(pipeline)) pipeline->targets[count++] = feed->correct;
    for (size_t i = 0; i < feed->part_count; i++)
        pipeline->targets[count++] = feed->parts[i];
    pipeline->scalar_count = count;
    if (clade_value_valid(feed->scores)) pipeline->targets[count++] = feed->scores;
    pipeline->target_count = count;
}

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
    list_targets(pipeline);
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
        if (run->busy) give_back(pipeline, &run->batch);
        for (int k = 0; k < INPUTS; k++)
            clade_buffer_free(&run->landing[k]);
        clade_free(pipeline->context, run->scores);
    }
    clade_free(pipeline->context, pipeline);
}

clade_status clade_pipeline_plan(const clade_pipeline *pipeline, int64_t batch, bool updates, clade_plan **plan) {
    return clade_session_plan(pipeline->session,
                              &(clade_plan_request){ .targets = pipeline->targets,
                                                     .target_count = pipeline->target_count,
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

static clade_outcome outcome_of(const clade_pipeline *pipeline, const run *run) {
    clade_outcome outcome = { .count = run->batch.count, .scores = run->scores, .labels = run->batch.labels };
    double numbers[SCALARS];
    for (size_t i = 0; i < pipeline->scalar_count; i++)
        numbers[i] = scalar_of(run->scalars[i], clade_value_dtype(pipeline->targets[i]));
    size_t next = 0;
    outcome.loss = numbers[next++];
    if (counts(pipeline)) outcome.correct = numbers[next++];
    for (size_t i = 0; i < pipeline->feed.part_count; i++)
        outcome.parts[i] = numbers[next++];
    return outcome;
}

static clade_status collect(clade_pipeline *pipeline, run *run) {
    if (!run->busy) return CLADE_OK;
    clade_status status = clade_ticket_wait(run->ticket);
    run->busy = false;
    if (status == CLADE_OK) {
        clade_outcome outcome = outcome_of(pipeline, run);
        status = pipeline->receive(pipeline->user, &outcome);
    }
    give_back(pipeline, &run->batch);
    return status;
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

/* What a label of the feed is fed with. */
static const void *label_data(clade_value label, const clade_batch *batch) {
    return clade_value_dtype(label) == CLADE_F32 ? (const void *)batch->targets : (const void *)batch->labels;
}

static clade_status upload_batch(const clade_feed *feed, clade_plan *plan, run *run) {
    clade_status status = upload(plan, feed->image, run->batch.images, &run->landing[0]);
    if (status == CLADE_OK) status = upload(plan, feed->label, label_data(feed->label, &run->batch), &run->landing[1]);
    if (status == CLADE_OK && clade_value_valid(feed->number))
        status = upload(plan, feed->number, run->batch.labels, &run->landing[2]);
    return status;
}

static clade_status read_scores(clade_pipeline *pipeline, const clade_plan *plan, run *run) {
    const clade_buffer *buffer = clade_plan_target(plan, pipeline->scalar_count);
    if (run->score_bytes < buffer->bytes) {
        clade_free(pipeline->context, run->scores);
        run->scores = clade_allocate(pipeline->context, buffer->bytes, 1);
        run->score_bytes = run->scores ? buffer->bytes : 0;
        if (!run->scores) return clade_fail_memory(pipeline->context, buffer->bytes, "the scores of a batch");
    }
    return clade_ticket_read(run->ticket, buffer, run->scores, buffer->bytes);
}

static clade_status enqueue(clade_pipeline *pipeline, clade_plan *plan, run *run) {
    clade_status status = upload_batch(&pipeline->feed, plan, run);
    if (status == CLADE_OK) status = clade_plan_enqueue(plan);
    for (size_t i = 0; i < pipeline->scalar_count && status == CLADE_OK; i++)
        status = clade_ticket_read(run->ticket, clade_plan_target(plan, i), &run->scalars[i], sizeof run->scalars[i]);
    if (status == CLADE_OK && pipeline->target_count > pipeline->scalar_count)
        status = read_scores(pipeline, plan, run);
    return status == CLADE_OK ? clade_ticket_submit(run->ticket) : status;
}

clade_status clade_pipeline_push(clade_pipeline *pipeline, clade_plan *plan, const clade_batch *batch) {
    run *run = &pipeline->runs[pipeline->next];
    clade_status status = collect(pipeline, run);
    if (status != CLADE_OK) {
        give_back(pipeline, batch);
        return status;
    }
    run->batch = *batch;
    status = enqueue(pipeline, plan, run);
    if (status != CLADE_OK) {
        clade_device_finish(pipeline->device); /* an upload may still read the slot */
        give_back(pipeline, batch);
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
