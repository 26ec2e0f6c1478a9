/* Measuring a data set through a pipeline. */
#include "train/measure.h"

#include "base/context.h"

#include <math.h>
#include <string.h>

enum { TOP = 5 };

struct clade_measure {
    clade_context *context;
    clade_loader *loader;
    clade_pipeline *pipeline;
    clade_plan *full, *rest; /* for whole batches, and for the last one when it is smaller */
    int64_t count, batch;
    bool counts;
    int64_t classes;      /* scores of a sample, where they are read; else 0 */
    double loss, correct; /* sums */
    int64_t among_five;
    int64_t *confusion; /* (classes, classes) */
};

/* The place of CLASS among the scores, counted from 0; of equal scores the first goes before. LARGEST gets the first
 * place's class. */
static int64_t rank_of(const float *scores, int64_t classes, int64_t class, int64_t *largest) {
    int64_t before = 0;
    *largest = 0;
    for (int64_t k = 0; k < classes; k++) {
        before += scores[k] > scores[class] || (scores[k] == scores[class] && k < class);
        if (scores[k] > scores[*largest]) *largest = k;
    }
    return before;
}

static void add_scores(clade_measure *measure, const clade_outcome *outcome) {
    const int64_t classes = measure->classes;
    for (int64_t i = 0; i < outcome->count; i++) {
        const int64_t label = outcome->labels[i];
        if (label < 0 || label >= classes) continue;
        int64_t taken_for;
        measure->among_five += rank_of(outcome->scores + i * classes, classes, label, &taken_for) < TOP;
        measure->confusion[label * classes + taken_for]++;
    }
}

static clade_status add(void *user, const clade_outcome *outcome) {
    clade_measure *measure = user;
    measure->loss += outcome->loss * (double)outcome->count;
    measure->correct += outcome->correct;
    if (outcome->scores && measure->confusion) add_scores(measure, outcome);
    return CLADE_OK;
}

/* As many as keep kernels busy, within 16 MiB of images. */
static int64_t default_batch(const clade_dataset_info *info) {
    enum { MOST = 250, IMAGE_BYTES = 16 << 20 };
    int64_t bytes = info->channels * info->height * info->width * (int64_t)sizeof(float);
    int64_t fitting = bytes > 0 ? IMAGE_BYTES / bytes : MOST;
    return fitting < 1 ? 1 : fitting < MOST ? fitting : MOST;
}

/* Room for what scores tell, where they are read and there are class numbers to hold them against. */
static clade_status prepare_scores(clade_measure *measure, const clade_feed *feed, const clade_dataset_info *info) {
    if (!clade_value_valid(feed->scores) || info->targets > 0) return CLADE_OK;
    measure->classes = clade_value_dims(feed->scores).size[1];
    measure->confusion =
        clade_allocate(measure->context, (size_t)(measure->classes * measure->classes), sizeof *measure->confusion);
    if (measure->confusion) return CLADE_OK;
    return clade_fail_memory(measure->context,
                             (size_t)(measure->classes * measure->classes) * sizeof *measure->confusion,
                             "a confusion matrix");
}

clade_status clade_measure_new(clade_device *device, clade_session *session, const clade_feed *feed,
                               clade_dataset *dataset, int64_t batch, clade_measure **out) {
    *out = NULL;
    clade_measure *measure = clade_allocate(device->context, 1, sizeof *measure);
    if (!measure) return clade_fail_memory(device->context, sizeof *measure, "a measurement");
    clade_dataset_info info = clade_dataset_describe(dataset);
    measure->context = device->context;
    measure->count = info.count;
    measure->batch = batch > 0 ? batch : default_batch(&info);
    if (measure->batch > info.count && info.count > 0) measure->batch = info.count;
    measure->counts = clade_value_valid(feed->correct);
    clade_loader_options options = { .size = sizeof options,
                                     .batch = measure->batch,
                                     .depth = CLADE_PIPELINE_SLOTS,
                                     .targets = clade_feed_width(feed) };
    clade_status status = prepare_scores(measure, feed, &info);
    if (status == CLADE_OK) status = clade_loader_new(dataset, &options, &measure->loader);
    if (status == CLADE_OK)
        status = clade_pipeline_new(device, session, measure->loader, feed, add, measure, &measure->pipeline);
    if (status != CLADE_OK) {
        clade_measure_free(measure);
        return status;
    }
    *out = measure;
    return CLADE_OK;
}

void clade_measure_free(clade_measure *measure) {
    if (!measure) return;
    clade_pipeline_free(measure->pipeline);
    clade_loader_free(measure->loader);
    clade_free(measure->context, measure->confusion);
    clade_free(measure->context, measure);
}

clade_status clade_measure_prepare(clade_measure *measure) {
    int64_t rest = measure->count % measure->batch;
    clade_status status = CLADE_OK;
    if (!measure->full && measure->count >= measure->batch)
        status = clade_pipeline_plan(measure->pipeline, measure->batch, false, &measure->full);
    if (status == CLADE_OK && !measure->rest && rest > 0)
        status = clade_pipeline_plan(measure->pipeline, rest, false, &measure->rest);
    return status;
}

clade_status clade_measure_run(clade_measure *measure, clade_evaluation *evaluation) {
    measure->loss = measure->correct = 0;
    measure->among_five = 0;
    if (measure->confusion)
        memset(measure->confusion, 0, (size_t)(measure->classes * measure->classes) * sizeof *measure->confusion);
    clade_status status = clade_measure_prepare(measure);
    if (status == CLADE_OK) status = clade_loader_start(measure->loader, 0, 0);
    while (status == CLADE_OK) {
        clade_batch batch;
        status = clade_loader_next(measure->loader, &batch);
        if (status != CLADE_OK || batch.count == 0) break;
        clade_plan *plan = batch.count == measure->batch ? measure->full : measure->rest;
        status = clade_pipeline_push(measure->pipeline, plan, &batch);
    }
    if (status == CLADE_OK) status = clade_pipeline_drain(measure->pipeline);
    if (status != CLADE_OK) return status;
    double count = (double)measure->count;
    *evaluation =
        (clade_evaluation){ .count = measure->count,
                            .loss = measure->loss / count,
                            .accuracy = measure->counts ? measure->correct / count : (double)NAN,
                            .top5 = measure->classes > TOP ? (double)measure->among_five / count : (double)NAN,
                            .confusion = measure->confusion,
                            .classes = measure->classes };
    return CLADE_OK;
}
