/* The trainer's inside, shared by the files that carry it out: trainer.c (making), loop.c (the steps), folder.c (the run
 * folder), settings.c (what a resumed run must share with the one before). */
#ifndef CLADE_TRAIN_TRAINER_H
#define CLADE_TRAIN_TRAINER_H

#include "base/text.h"
#include "clade/train.h"
#include "train/history.h"
#include "train/layer_watch.h"
#include "train/measure.h"
#include "train/optimizer.h"
#include "train/pipeline.h"
#include "train/run_state.h"
#include "train/schedule.h"
#include "train/search.h"

struct clade_trainer {
    clade_context *context;
    clade_train_options options; /* completed: no zero stands for a default any more */
    char *folder, *model;        /* owned copies behind the options */
    clade_graph *graph;
    clade_feed feed;                              /* of training: its loss is the sum of all losses */
    clade_feed measured;                          /* of validation and test: the main loss, and the scores */
    char *loss_names[CLADE_MAX_EXTRA_LOSSES + 1]; /* of feed.parts, owned */
    clade_trained trained;
    clade_search *search;      /* L-BFGS or the wiggle; NULL for an update in the graph */
    clade_layer_watch *layers; /* NULL unless options.watch_layers */
    clade_device *device;
    clade_session *session;
    clade_optimizer optimizer;

    clade_dataset *train,
        *held_out; /* slices of options.train; without held-out samples NULL: all of it is trained on */
    clade_loader *loader;
    clade_pipeline *pipeline;
    clade_measure *validation; /* on HELD_OUT; NULL without */
    clade_plan *full, *rest;   /* for whole batches, and for an epoch's last when it is smaller */
    clade_plan *apply;         /* the update by what a group of batches has summed; NULL without accumulation */

    int64_t epochs, steps, steps_per_epoch;
    int64_t received; /* steps whose outcomes have come back; run.step counts those sent */
    clade_schedule_state schedule;
    clade_run_state run;
    double reported_parts[CLADE_MAX_EXTRA_LOSSES + 1]; /* of the last line of metrics */
    clade_history history;
    char *settings; /* settings.c's text */
    int64_t resumed_from;
    int64_t saved_step; /* of the newest checkpoint; -1: none */

    /* Clocks, in seconds of clade_clock_seconds(). */
    double started, last_saved, last_told;
    double training;       /* in steps, up to STEPPING_SINCE */
    double stepping_since; /* negative: not stepping, or the first outcome of this call is not there yet */
    double first_outcome;
    int64_t timed_images, steps_here;
};

/* What of SCORES is compared with labels: the largest of softmax's results is where the largest of its arguments is, so
 * these are counted, and the softmax need not be computed. */
clade_value clade_counted_scores(clade_value scores);

/* ---- settings.c ---- */

/* The settings that decide a run's numbers, "name = value" a line; the caller frees *TEXT, which may be set on a fault. */
clade_status clade_settings_text(const clade_trainer *trainer, char **text);
/* CLADE_OK when equal; else CLADE_ERROR_ARGUMENT naming the first that differs, WHERE having the settings THERE. */
clade_status clade_settings_compare(clade_context *context, const char *where, const char *there, const char *here);
/* The value of NAME in TEXT, copied; the caller frees. NULL when it is not there or memory is short. */
char *clade_settings_value(clade_context *context, const char *text, const char *name);

/* ---- folder.c ---- */

/* Makes the run folder ready: the newest checkpoint is loaded (options.resume), or an earlier finished run cleared away. */
clade_status clade_folder_open(clade_trainer *trainer);
/* Writes a checkpoint of this moment and the picture; removes checkpoints that are too old. Nothing may be in flight. */
clade_status clade_folder_save(clade_trainer *trainer);
clade_status clade_folder_plot(const clade_trainer *trainer);
/* confusion.txt, confusion.json and confusion.svg. */
clade_status clade_folder_confusion(const clade_trainer *trainer, const clade_evaluation *evaluation);

/* ---- loop.c ---- */

clade_train_progress clade_trainer_progress(const clade_trainer *trainer, clade_train_event event);
void clade_trainer_tell(clade_trainer *trainer, clade_train_event event);
double clade_trainer_images_per_second(const clade_trainer *trainer);

#endif
