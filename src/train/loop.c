/* The steps of a run. Sending and receiving are apart: a few runs are in flight, and their outcomes come back in order.
 * Where something looks at the weights (a validation, a checkpoint, the end), what is in flight is waited for first; it
 * changes nothing in the run, so neither do the places where that happens. */
#include "train/trainer.h"

#include "base/context.h"
#include "base/thread.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

/* ---- clocks and progress ---- */

static double training_seconds(const clade_trainer *trainer) {
    double running = trainer->stepping_since < 0 ? 0 : clade_clock_seconds() - trainer->stepping_since;
    return trainer->training + running;
}

static void pause_clock(clade_trainer *trainer) {
    trainer->training = training_seconds(trainer);
    trainer->stepping_since = -1;
}

static void start_clock(clade_trainer *trainer) {
    if (trainer->steps_here > 0) trainer->stepping_since = clade_clock_seconds();
}

double clade_trainer_images_per_second(const clade_trainer *trainer) {
    double seconds = training_seconds(trainer);
    return trainer->timed_images > 0 && seconds > 0 ? (double)trainer->timed_images / seconds : (double)NAN;
}

static double seconds_left(const clade_trainer *trainer) {
    double timed = clade_clock_seconds() - trainer->first_outcome;
    if (trainer->steps_here < 2 || timed <= 0) return (double)NAN;
    return timed * (double)(trainer->steps - trainer->received) / (double)(trainer->steps_here - 1);
}

clade_train_progress clade_trainer_progress(const clade_trainer *trainer, clade_train_event event) {
    int64_t last = trainer->received > 0 ? trainer->received - 1 : 0;
    clade_train_progress progress = {
        .event = event,
        .epoch = last / trainer->steps_per_epoch,
        .epochs = trainer->epochs,
        .step = trainer->received,
        .steps = trainer->steps,
        .rate = clade_schedule_rate(&trainer->options.schedule, &trainer->schedule, trainer->options.rate, last),
        .train_loss = trainer->run.reported_loss,
        .train_accuracy = trainer->run.reported_accuracy,
        .held_out_loss = trainer->run.held_out_loss,
        .held_out_accuracy = trainer->run.held_out_accuracy,
        .held_out_top5 = trainer->run.held_out_top5,
        .loss_count = trainer->feed.part_count,
        .images_per_second = clade_trainer_images_per_second(trainer),
        .seconds = clade_clock_seconds() - trainer->started,
        .seconds_left = seconds_left(trainer),
    };
    memcpy(progress.losses, trainer->reported_parts, sizeof progress.losses);
    return progress;
}

void clade_trainer_tell(clade_trainer *trainer, clade_train_event event) {
    trainer->last_told = clade_clock_seconds();
    if (!trainer->options.progress) return;
    clade_train_progress progress = clade_trainer_progress(trainer, event);
    trainer->options.progress(trainer->options.user, &progress);
}

/* ---- receiving ---- */

static void add_to(clade_sums *sums, const clade_outcome *outcome) {
    sums->loss += outcome->loss * (double)outcome->count;
    sums->correct += outcome->correct;
    sums->count += outcome->count;
}

static double accuracy_of(const clade_trainer *trainer, const clade_sums *sums) {
    return clade_value_valid(trainer->feed.correct) ? sums->correct / (double)sums->count : (double)NAN;
}

static clade_status report(clade_trainer *trainer) {
    clade_run_state *run = &trainer->run;
    run->reported_loss = run->report.loss / (double)run->report.count;
    run->reported_accuracy = accuracy_of(trainer, &run->report);
    for (size_t i = 0; i < trainer->feed.part_count; i++) {
        trainer->reported_parts[i] = run->report_parts[i] / (double)run->report.count;
        run->report_parts[i] = 0;
    }
    run->report = (clade_sums){ 0 };
    clade_train_progress progress = clade_trainer_progress(trainer, CLADE_TRAIN_REPORTED);
    clade_status status = clade_history_add_report(&trainer->history, &progress);
    if (status == CLADE_OK) clade_trainer_tell(trainer, CLADE_TRAIN_REPORTED);
    return status;
}

static void count_images(clade_trainer *trainer, int64_t count) {
    if (trainer->steps_here++ > 0) {
        trainer->timed_images += count;
        return;
    }
    /* The first outcome: what a driver compiles at a kernel's first launch lies behind. */
    trainer->first_outcome = clade_clock_seconds();
    trainer->stepping_since = trainer->first_outcome;
}

static clade_status receive(void *user, const clade_outcome *outcome) {
    clade_trainer *trainer = user;
    clade_run_state *run = &trainer->run;
    trainer->received++;
    count_images(trainer, outcome->count);
    if (!isfinite(outcome->loss))
        return clade_fail(trainer->context, CLADE_ERROR_ARGUMENT,
                          "the loss is not a number after step %" PRId64 ": train with a lower rate than %g",
                          trainer->received, trainer->options.rate);
    add_to(&run->report, outcome);
    for (size_t i = 0; i < trainer->feed.part_count; i++)
        run->report_parts[i] += outcome->parts[i] * (double)outcome->count;
    add_to(&run->epoch, outcome);
    if (trainer->received % trainer->steps_per_epoch == 0) {
        run->train_loss = run->epoch.loss / (double)run->epoch.count;
        run->epoch = (clade_sums){ 0 };
    }
    if (trainer->received % trainer->options.report_every == 0 || trainer->received == trainer->steps)
        return report(trainer);
    const double tell_seconds = 0.1;
    if (clade_clock_seconds() - trainer->last_told >= tell_seconds) clade_trainer_tell(trainer, CLADE_TRAIN_STEPPED);
    return CLADE_OK;
}

/* ---- sending ---- */

/* The optimiser as it is at STEP. */
static clade_optimizer optimizer_at(const clade_trainer *trainer, int64_t step) {
    clade_optimizer optimizer = trainer->optimizer;
    const bool early = step / trainer->steps_per_epoch < trainer->options.early_momentum_epochs;
    if (early) optimizer.momentum = trainer->options.early_momentum;
    return optimizer;
}

static double rate_at(const clade_trainer *trainer, int64_t step) {
    return clade_schedule_rate(&trainer->options.schedule, &trainer->schedule, trainer->options.rate, step);
}

/* Where STEP stands among the batches that share an update: groups begin anew at each epoch. */
typedef struct place_in_group {
    bool last;
    double share;   /* of the batch in the group's samples */
    int64_t first;  /* step of the group: the update has its rate and momentum */
    int64_t update; /* the number of the update, from 0 */
} place_in_group;

static place_in_group place_of(const clade_trainer *trainer, int64_t step, int64_t count) {
    const int64_t in_epoch = trainer->steps_per_epoch, size = trainer->options.accumulate;
    const int64_t epoch = step / in_epoch, batch = step % in_epoch, group = batch / size;
    const int64_t end = (group + 1) * size < in_epoch ? (group + 1) * size : in_epoch;
    const clade_dataset *dataset = trainer->train ? trainer->train : trainer->options.train;
    const int64_t samples = clade_dataset_describe(dataset).count, from = group * size * trainer->options.batch;
    const int64_t to = end * trainer->options.batch < samples ? end * trainer->options.batch : samples;
    return (place_in_group){ .last = batch + 1 == end,
                             .share = (double)count / (double)(to - from),
                             .first = epoch * in_epoch + group * size,
                             .update = epoch * ((in_epoch + size - 1) / size) + group };
}

/* Adds the batch's share of the gradient; after the last of its group comes the update. */
static clade_status send_part(clade_trainer *trainer, clade_plan *plan, const clade_batch *batch) {
    const place_in_group place = place_of(trainer, trainer->run.step, batch->count);
    clade_status status = clade_session_set_scalar(trainer->session, "train.share", (float)place.share);
    if (status != CLADE_OK) {
        clade_loader_release(trainer->loader, batch);
        return status;
    }
    status = clade_pipeline_push(trainer->pipeline, plan, batch);
    if (status != CLADE_OK || !place.last) return status;
    const clade_optimizer optimizer = optimizer_at(trainer, place.first);
    status = clade_optimizer_set(&optimizer, trainer->session, place.update, rate_at(trainer, place.first));
    return status == CLADE_OK ? clade_plan_enqueue(trainer->apply) : status;
}

static clade_status send_whole(clade_trainer *trainer, clade_plan *plan, const clade_batch *batch) {
    const int64_t step = trainer->run.step;
    const clade_optimizer optimizer = optimizer_at(trainer, step);
    clade_status status = clade_optimizer_set(&optimizer, trainer->session, step, rate_at(trainer, step));
    if (status == CLADE_OK) return clade_pipeline_push(trainer->pipeline, plan, batch);
    clade_loader_release(trainer->loader, batch);
    return status;
}

static clade_status search_step(clade_trainer *trainer, const clade_batch *batch) {
    const double rate = rate_at(trainer, trainer->run.step);
    clade_outcome outcome;
    clade_status status = clade_search_step(trainer->search, trainer->session, &trainer->feed, batch, rate, &outcome);
    clade_loader_release(trainer->loader, batch);
    return status == CLADE_OK ? receive(trainer, &outcome) : status;
}

static clade_status send_step(clade_trainer *trainer) {
    int64_t step = trainer->run.step, place = step % trainer->steps_per_epoch;
    clade_status status = CLADE_OK;
    if (place == 0) status = clade_loader_start(trainer->loader, step / trainer->steps_per_epoch, 0);
    clade_batch batch;
    if (status == CLADE_OK) status = clade_loader_next(trainer->loader, &batch);
    if (status != CLADE_OK) return status;
    clade_session_set_random(trainer->session, trainer->options.seed, (uint64_t)step, batch.first);
    clade_plan *plan = batch.count == trainer->options.batch ? trainer->full : trainer->rest;
    if (trainer->search)
        status = search_step(trainer, &batch);
    else if (trainer->optimizer.accumulates)
        status = send_part(trainer, plan, &batch);
    else
        status = send_whole(trainer, plan, &batch);
    if (status == CLADE_OK) trainer->run.step++;
    return status;
}

/* ---- between steps ---- */

/* Early stopping: the run ends here when LOSS has not been below the least for long enough. */
static void observe_for_stopping(clade_trainer *trainer, double loss) {
    clade_run_state *run = &trainer->run;
    if (trainer->options.patience == 0) return;
    if (loss < run->least_held_out - trainer->options.least_gain) {
        run->least_held_out = loss;
        run->stop_waited = 0;
    } else if (++run->stop_waited >= trainer->options.patience) {
        run->stopped = 1;
    }
}

static clade_status validate(clade_trainer *trainer) {
    clade_evaluation evaluation;
    clade_status status = clade_measure_run(trainer->validation, &evaluation);
    if (status != CLADE_OK) return status;
    trainer->run.held_out_loss = evaluation.loss;
    trainer->run.held_out_accuracy = evaluation.accuracy;
    trainer->run.held_out_top5 = evaluation.top5;
    clade_train_progress progress = clade_trainer_progress(trainer, CLADE_TRAIN_VALIDATED);
    status = clade_history_add_validation(&trainer->history, &progress);
    clade_schedule_observe_held_out(&trainer->options.schedule, &trainer->schedule, evaluation.loss);
    observe_for_stopping(trainer, evaluation.loss);
    if (status == CLADE_OK) clade_trainer_tell(trainer, CLADE_TRAIN_VALIDATED);
    return status;
}

static clade_status look_at_layers(clade_trainer *trainer) {
    clade_dataset *dataset = trainer->train ? trainer->train : trainer->options.train;
    const int64_t samples = clade_dataset_describe(dataset).count, batch = trainer->options.batch;
    const float *values;
    clade_status status = clade_layer_watch_look(trainer->layers, trainer->session, &trainer->feed, dataset,
                                                 samples < batch ? samples : batch, &values);
    return status == CLADE_OK ? clade_history_add_look(&trainer->history, trainer->run.step, values) : status;
}

static clade_status save(clade_trainer *trainer) {
    bool is_new = trainer->folder && trainer->saved_step != trainer->run.step;
    clade_status status = clade_folder_save(trainer);
    trainer->last_saved = clade_clock_seconds();
    if (status == CLADE_OK && is_new) clade_trainer_tell(trainer, CLADE_TRAIN_SAVED);
    return status;
}

static bool asked_to_stop(const clade_trainer *trainer) {
    const clade_train_options *options = &trainer->options;
    if (options->stop_on_interrupt && clade_interrupted()) return true;
    return options->should_stop && options->should_stop(options->user);
}

static clade_status stop(clade_trainer *trainer) {
    if (!trainer->folder)
        return clade_fail(trainer->context, CLADE_ERROR_INTERRUPTED,
                          "stopped after step %" PRId64 " of %" PRId64 "; nothing was saved, as there is no run folder",
                          trainer->run.step, trainer->steps);
    return clade_fail(trainer->context, CLADE_ERROR_INTERRUPTED,
                      "stopped after step %" PRId64 " of %" PRId64
                      ", saved in %s: the same command with --resume goes on from there",
                      trainer->run.step, trainer->steps, trainer->folder);
}

/* What is due after a step; what is in flight is waited for when anything is. */
typedef struct due {
    bool epoch, validation, look, checkpoint, stop, last;
} due;

static due what_is_due(const clade_trainer *trainer) {
    const clade_train_options *options = &trainer->options;
    const int64_t step = trainer->run.step;
    due d = { .last = step == trainer->steps };
    const bool regular = step % options->validate_every == 0 || d.last;
    d.stop = !d.last && asked_to_stop(trainer);
    d.epoch = options->schedule.kind == CLADE_HALVE && step % trainer->steps_per_epoch == 0;
    d.validation = trainer->validation && regular;
    d.look = trainer->layers && regular;
    d.checkpoint = trainer->folder && (step % options->checkpoint_every == 0 || d.last || d.stop ||
                                       clade_clock_seconds() - trainer->last_saved >= options->checkpoint_seconds);
    return d;
}

/* The last lines of a run that ends before its last step. */
static clade_status end_early(clade_trainer *trainer) {
    clade_run_state *run = &trainer->run;
    if (!isfinite(run->train_loss)) run->train_loss = run->epoch.loss / (double)run->epoch.count;
    return run->report.count > 0 ? report(trainer) : CLADE_OK;
}

static clade_status look_after(clade_trainer *trainer) {
    const due d = what_is_due(trainer);
    if (!(d.epoch || d.validation || d.look || d.checkpoint || d.stop || d.last)) return CLADE_OK;
    clade_status status = trainer->pipeline ? clade_pipeline_drain(trainer->pipeline) : CLADE_OK;
    pause_clock(trainer);
    if (status == CLADE_OK && d.epoch)
        clade_schedule_observe_epoch(&trainer->options.schedule, &trainer->schedule, trainer->run.train_loss);
    if (status == CLADE_OK && d.validation) status = validate(trainer);
    if (status == CLADE_OK && d.look) status = look_at_layers(trainer);
    const bool ended = trainer->run.stopped != 0 && !d.last;
    if (status == CLADE_OK && ended) status = end_early(trainer);
    if (status == CLADE_OK && (d.checkpoint || (ended && trainer->folder))) status = save(trainer);
    start_clock(trainer);
    return status == CLADE_OK && d.stop && !ended ? stop(trainer) : status;
}

/* ---- the whole ---- */

/* Plans are made before the first step, so that a step makes none. */
static clade_status prepare(clade_trainer *trainer) {
    clade_status status = CLADE_OK;
    if (!trainer->pipeline && !trainer->search)
        status = clade_pipeline_new(trainer->device, trainer->session, trainer->loader, &trainer->feed, receive,
                                    trainer, &trainer->pipeline);
    clade_dataset *dataset = trainer->train ? trainer->train : trainer->options.train;
    int64_t count = clade_dataset_describe(dataset).count, batch = trainer->options.batch;
    if (status == CLADE_OK && trainer->pipeline && !trainer->full && count >= batch)
        status = clade_pipeline_plan(trainer->pipeline, batch, true, &trainer->full);
    if (status == CLADE_OK && trainer->pipeline && !trainer->rest && count % batch > 0)
        status = clade_pipeline_plan(trainer->pipeline, count % batch, true, &trainer->rest);
    if (status == CLADE_OK && trainer->optimizer.accumulates && !trainer->apply)
        status = clade_session_plan(
            trainer->session,
            &(clade_plan_request){ .binding = { .batch = batch }, .updates = true, .program = CLADE_PROGRAM_APPLY },
            &trainer->apply);
    if (status == CLADE_OK && trainer->validation) status = clade_measure_prepare(trainer->validation);
    int64_t place = trainer->run.step % trainer->steps_per_epoch;
    if (status == CLADE_OK && place > 0)
        status = clade_loader_start(trainer->loader, trainer->run.step / trainer->steps_per_epoch, place);
    return status;
}

static clade_status measure_test(clade_trainer *trainer, clade_train_result *result) {
    result->val_loss = result->val_accuracy = result->val_top5 = NAN;
    if (!trainer->options.test) return CLADE_OK;
    clade_measure *measure;
    clade_evaluation evaluation = { 0 };
    clade_status status =
        clade_measure_new(trainer->device, trainer->session, &trainer->measured, trainer->options.test, 0, &measure);
    if (status != CLADE_OK) return status;
    status = clade_measure_run(measure, &evaluation);
    result->val_loss = evaluation.loss;
    result->val_accuracy = evaluation.accuracy;
    result->val_top5 = evaluation.top5;
    if (status == CLADE_OK && evaluation.confusion) status = clade_folder_confusion(trainer, &evaluation);
    clade_measure_free(measure);
    return status;
}

static clade_status conclude(clade_trainer *trainer, clade_train_result *result) {
    *result = (clade_train_result){
        .epochs = trainer->epochs,
        .steps = trainer->run.step,
        .stopped_early = trainer->run.stopped != 0,
        .resumed_from = trainer->resumed_from,
        .parameters = trainer->trained.parameters,
        .train_loss = trainer->run.train_loss,
        .held_out_loss = trainer->run.held_out_loss,
        .held_out_accuracy = trainer->run.held_out_accuracy,
        .images_per_second = clade_trainer_images_per_second(trainer),
        .data_waiting = clade_loader_waited(trainer->loader) / (clade_clock_seconds() - trainer->started),
    };
    const char *name = clade_device_name(trainer->device);
    size_t length = strlen(name);
    memcpy(result->device, name, length < sizeof result->device ? length : sizeof result->device - 1);
    clade_status status = clade_session_weights_sha256(trainer->session, result->weights_sha256);
    if (status == CLADE_OK) status = measure_test(trainer, result);
    if (status == CLADE_OK)
        status = clade_history_add_final(&trainer->history, result, clade_clock_seconds() - trainer->started);
    if (status == CLADE_OK) status = clade_folder_plot(trainer);
    if (status == CLADE_OK) clade_trainer_tell(trainer, CLADE_TRAIN_FINISHED);
    return status;
}

clade_status clade_trainer_run(clade_trainer *trainer, clade_train_result *result) {
    clade_train_result unwanted;
    if (trainer->options.stop_on_interrupt) clade_interrupts_catch();
    clade_status status = prepare(trainer);
    trainer->started = trainer->last_saved = clade_clock_seconds();
    trainer->stepping_since = -1;
    trainer->training = 0;
    trainer->timed_images = trainer->steps_here = 0;
    if (status == CLADE_OK) clade_trainer_tell(trainer, CLADE_TRAIN_STARTED);
    if (status == CLADE_OK && trainer->layers && trainer->run.step == 0) status = look_at_layers(trainer);
    while (status == CLADE_OK && trainer->run.step < trainer->steps && !trainer->run.stopped) {
        status = send_step(trainer);
        if (status == CLADE_OK) status = look_after(trainer);
    }
    return status == CLADE_OK ? conclude(trainer, result ? result : &unwanted) : status;
}
