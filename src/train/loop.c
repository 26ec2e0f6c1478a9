/* The steps of a run. Sending and receiving are apart: a few runs are in flight, and their outcomes come back in order.
 * Where something looks at the weights (a validation, a checkpoint, the end), what is in flight is waited for first; it
 * changes nothing in the run, so neither do the places where that happens. */
#include "train/trainer.h"

#include "base/context.h"
#include "base/thread.h"
#include "exec/plan.h"
#include "passes/passes.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
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

static clade_status send_batch(clade_trainer *trainer, const clade_batch *batch) {
    const place_in_group place = place_of(trainer, trainer->run.step, batch->whole);
    const clade_team_step step = { .seed = trainer->options.seed,
                                   .number = (uint64_t)trainer->run.step,
                                   .optimizer = optimizer_at(trainer, place.first),
                                   .update = place.update,
                                   .rate = rate_at(trainer, place.first),
                                   .share = place.share,
                                   .of = trainer->ranks ? batch->whole : 0,
                                   .ends = place.last };
    return clade_team_push(trainer->team, &step, batch);
}

static clade_status search_step(clade_trainer *trainer, const clade_batch *batch) {
    const double rate = rate_at(trainer, trainer->run.step);
    clade_session *session = clade_trainer_session(trainer);
    clade_outcome outcome;
    clade_session_set_random(session, trainer->options.seed, (uint64_t)trainer->run.step, batch->first);
    clade_status status = clade_search_step(trainer->search, session, &trainer->feed, batch, rate, &outcome);
    clade_loader_release(trainer->loader, batch);
    return status == CLADE_OK ? receive(trainer, &outcome) : status;
}

/* The samples begin anew; several devices are seen to. */
static clade_status begin_epoch(clade_trainer *trainer) {
    clade_status status = CLADE_OK;
    if (clade_team_sums(trainer->team)) {
        status = clade_team_drain(trainer->team);
        if (status == CLADE_OK) status = clade_team_epoch(trainer->team);
        if (status == CLADE_OK) status = clade_trainer_divide_anew(trainer);
        if (status == CLADE_OK) status = clade_trainer_level(trainer, false);
    }
    const int64_t epoch = trainer->run.step / trainer->steps_per_epoch;
    return status == CLADE_OK ? clade_loader_start(trainer->loader, epoch, 0) : status;
}

static clade_status send_step(clade_trainer *trainer) {
    clade_status status = CLADE_OK;
    if (trainer->run.step % trainer->steps_per_epoch == 0) status = begin_epoch(trainer);
    clade_batch batch;
    if (status == CLADE_OK) status = clade_loader_next(trainer->loader, &batch);
    if (status == CLADE_OK) status = trainer->search ? search_step(trainer, &batch) : send_batch(trainer, &batch);
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

typedef clade_status work_on_states(clade_trainer *trainer, void *result);

/* Of several devices the first answers before WORK, which may wait for it inside OpenCL, without end. */
static clade_status try_states(clade_trainer *trainer, work_on_states *work, void *result) {
    clade_status status = CLADE_OK;
    if (clade_team_sums(trainer->team))
        status = clade_device_settle(clade_session_device(clade_trainer_session(trainer)));
    return status == CLADE_OK ? work(trainer, result) : status;
}

/* WORK needs the states of the first of several devices, and nothing is in flight. Where its device is lost over it, it is
 * done again with the next one's. */
static clade_status with_states(clade_trainer *trainer, work_on_states *work, void *result) {
    clade_status status = try_states(trainer, work, result);
    while (status != CLADE_OK && clade_team_pass_on(trainer->team, status))
        status = try_states(trainer, work, result);
    return status;
}

static clade_status measure_held_out(clade_trainer *trainer, void *result) {
    clade_status status = clade_trainer_measure(trainer);
    return status == CLADE_OK ? clade_measure_run(trainer->validation, result) : status;
}

static clade_status validate(clade_trainer *trainer) {
    clade_evaluation evaluation;
    clade_status status = clade_trainer_level(trainer, false);
    if (status == CLADE_OK) status = with_states(trainer, measure_held_out, &evaluation);
    if (status == CLADE_OK && trainer->own_held_out) status = clade_trainer_add_evaluations(trainer, &evaluation);
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

static clade_status read_layers(clade_trainer *trainer, void *result) {
    clade_dataset *dataset = trainer->train ? trainer->train : trainer->options.train;
    const int64_t samples = clade_dataset_describe(dataset).count, batch = trainer->options.batch;
    const float **values = result;
    clade_session *session = clade_trainer_session(trainer);
    clade_status status = trainer->search ? CLADE_OK : clade_session_set_scalar(session, CLADE_DEVICE_SHARE, 1);
    if (status == CLADE_OK)
        status = clade_layer_watch_look(trainer->layers, session, &trainer->feed, dataset,
                                        samples < batch ? samples : batch, values);
    return status;
}

static clade_status look_at_layers(clade_trainer *trainer) {
    const float *values;
    clade_status status = with_states(trainer, read_layers, &values);
    return status == CLADE_OK ? clade_history_add_look(&trainer->history, trainer->run.step, values) : status;
}

static clade_status look_at_filters(clade_trainer *trainer, void *result) {
    (void)result;
    return clade_board_add_filters(trainer->history.board, trainer->run.step, clade_trainer_session(trainer));
}

static clade_status save_states(clade_trainer *trainer, void *result) {
    (void)result;
    return clade_folder_save(trainer);
}

static clade_status save(clade_trainer *trainer) {
    bool is_new = trainer->folder && trainer->saved_step != trainer->run.step;
    clade_status status = with_states(trainer, save_states, NULL);
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
    bool split, epoch, validation, look, picture, checkpoint, stop, last;
} due;

static due what_is_due(const clade_trainer *trainer, bool asked) {
    const clade_train_options *options = &trainer->options;
    const int64_t step = trainer->run.step;
    due d = { .last = step == trainer->steps };
    const bool regular = step % options->validate_every == 0 || d.last;
    d.split = clade_team_look_due(trainer->team);
    d.stop = !d.last && asked;
    d.epoch = options->schedule.kind == CLADE_HALVE && step % trainer->steps_per_epoch == 0;
    d.validation = trainer->validation && regular;
    d.look = trainer->layers && regular;
    d.picture = trainer->history.board && regular;
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
    bool asked = asked_to_stop(trainer);
    clade_status status = clade_trainer_consult(trainer, &asked);
    if (status != CLADE_OK) return status;
    const due d = what_is_due(trainer, asked);
    if (!(d.split || d.epoch || d.validation || d.look || d.picture || d.checkpoint || d.stop || d.last))
        return CLADE_OK;
    if (!trainer->search) status = clade_team_drain(trainer->team);
    pause_clock(trainer);
    if (status == CLADE_OK && d.split) status = clade_team_look(trainer->team);
    if (status == CLADE_OK && d.epoch)
        clade_schedule_observe_epoch(&trainer->options.schedule, &trainer->schedule, trainer->run.train_loss);
    if (status == CLADE_OK && d.validation) status = validate(trainer);
    if (status == CLADE_OK && d.look) status = look_at_layers(trainer);
    if (status == CLADE_OK && d.picture) status = with_states(trainer, look_at_filters, NULL);
    const bool ended = trainer->run.stopped != 0 && !d.last;
    if (status == CLADE_OK && ended) status = end_early(trainer);
    if (status == CLADE_OK && (d.checkpoint || (ended && trainer->folder))) status = save(trainer);
    start_clock(trainer);
    return status == CLADE_OK && d.stop && !ended ? stop(trainer) : status;
}

/* ---- the whole ---- */

static clade_status prepare_validation(clade_trainer *trainer, void *result) {
    (void)result;
    clade_status status = clade_trainer_measure(trainer);
    return status == CLADE_OK && trainer->validation ? clade_measure_prepare(trainer->validation) : status;
}

/* Plans are made before the first step, so that a step makes none. */
static clade_status prepare(clade_trainer *trainer) {
    const clade_feed *feed = clade_team_sums(trainer->team) ? &trainer->summed : &trainer->feed;
    clade_status status = CLADE_OK;
    if (!trainer->search) status = clade_team_start(trainer->team, trainer->loader, feed, receive, trainer);
    if (status == CLADE_OK) status = with_states(trainer, prepare_validation, NULL);
    int64_t place = trainer->run.step % trainer->steps_per_epoch;
    if (status == CLADE_OK && place > 0)
        status = clade_loader_start(trainer->loader, trainer->run.step / trainer->steps_per_epoch, place);
    return status;
}

static clade_status sum_weights(clade_trainer *trainer, void *result) {
    return clade_session_weights_sha256(clade_trainer_session(trainer), ((clade_train_result *)result)->weights_sha256);
}

static clade_status measure_test(clade_trainer *trainer, void *user) {
    clade_train_result *result = user;
    result->val_loss = result->val_accuracy = result->val_top5 = NAN;
    if (!trainer->options.test) return CLADE_OK;
    clade_measure *measure = NULL;
    clade_dataset *own = NULL;
    clade_evaluation evaluation = { 0 };
    clade_session *session = clade_trainer_session(trainer);
    clade_status status = clade_trainer_own_samples(trainer, trainer->options.test, &own);
    if (status == CLADE_OK)
        status = clade_measure_new(clade_session_device(session), session, &trainer->measured,
                                   own ? own : trainer->options.test, 0, &measure);
    if (status == CLADE_OK) status = clade_measure_run(measure, &evaluation);
    if (status == CLADE_OK && own) status = clade_trainer_add_evaluations(trainer, &evaluation);
    result->val_loss = evaluation.loss;
    result->val_accuracy = evaluation.accuracy;
    result->val_top5 = evaluation.top5;
    if (status == CLADE_OK && evaluation.confusion) status = clade_folder_confusion(trainer, &evaluation);
    clade_measure_free(measure);
    clade_dataset_free(own);
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
        .data_waiting = (trainer->loader_waited + clade_loader_waited(trainer->loader)) /
                        (clade_clock_seconds() - trainer->started),
    };
    clade_status status = with_states(trainer, sum_weights, result);
    if (status == CLADE_OK) status = with_states(trainer, measure_test, result);
    result->device_count = clade_team_report(trainer->team, result->devices);
    for (size_t i = 0; i < result->device_count; i++) {
        const size_t used = strlen(result->device);
        snprintf(result->device + used, sizeof result->device - used, "%s%s", i > 0 ? " + " : "",
                 result->devices[i].name);
    }
    if (status == CLADE_OK)
        status = clade_history_add_final(&trainer->history, result, clade_clock_seconds() - trainer->started);
    if (status == CLADE_OK) status = clade_folder_plot(trainer);
    if (status == CLADE_OK) clade_trainer_tell(trainer, CLADE_TRAIN_FINISHED);
    return status;
}

/* Saves the states after the last step that was whole, where the last of several devices still has them. */
static void save_what_is_left(clade_trainer *trainer) {
    if (clade_team_stand(trainer->team) != CLADE_OK) return;
    trainer->run.step = trainer->received;
    if (trainer->run.step > trainer->saved_step && trainer->run.step > 0) (void)clade_folder_save(trainer);
}

/* A run without a device: it goes on from the newest checkpoint. */
static clade_status point_to_checkpoint(clade_trainer *trainer, clade_status status) {
    char reason[512];
    const bool lost = status == CLADE_ERROR_DEVICE || (status == CLADE_ERROR_MEMORY && clade_team_sums(trainer->team));
    if (!lost || trainer->ranks || !trainer->folder) return status;
    snprintf(reason, sizeof reason, "%s", clade_error_here(trainer->context));
    save_what_is_left(trainer);
    if (trainer->saved_step < 0) return clade_fail(trainer->context, status, "%s", reason);
    return clade_fail(trainer->context, status,
                      "%s; the same command with --resume goes on from step %" PRId64 ", saved in %s", reason,
                      trainer->saved_step, trainer->folder);
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
    const bool begins = trainer->run.step == 0;
    if (status == CLADE_OK && trainer->layers && begins) status = look_at_layers(trainer);
    if (status == CLADE_OK && begins)
        status = clade_board_add_filters(trainer->history.board, 0, clade_trainer_session(trainer));
    while (status == CLADE_OK && trainer->run.step < trainer->steps && !trainer->run.stopped) {
        status = send_step(trainer);
        if (status == CLADE_OK) status = look_after(trainer);
    }
    if (status == CLADE_OK) status = conclude(trainer, result ? result : &unwanted);
    if (status != CLADE_OK) status = clade_trainer_rescue(trainer, status);
    return point_to_checkpoint(trainer, status);
}
