/* The trainer's inside, shared by the files that carry it out: trainer.c (making), trainer_devices.c (its devices),
 * trainer_parts.c and trainer_ranks.c (other processes), loop.c (the steps), folder.c (the run folder), settings.c (what a
 * resumed run must share with the one before). */
#ifndef CLADE_TRAIN_TRAINER_H
#define CLADE_TRAIN_TRAINER_H

#include "base/text.h"
#include "clade/train.h"
#include "train/history.h"
#include "train/layer_watch.h"
#include "train/measure.h"
#include "train/optimizer.h"
#include "train/run_state.h"
#include "train/schedule.h"
#include "train/search.h"
#include "train/team.h"

struct clade_trainer {
    clade_context *context;
    clade_train_options options; /* completed: no zero stands for a default any more */
    char *folder, *model;        /* owned copies behind the options */
    clade_graph *graph;
    clade_feed feed;                              /* of training: its loss is the sum of all losses */
    clade_feed summed;                            /* the same over all devices */
    clade_feed measured;                          /* of validation and test: the main loss, and the scores */
    char *loss_names[CLADE_MAX_EXTRA_LOSSES + 1]; /* of feed.parts, owned */
    clade_trained trained;
    clade_search *search;      /* L-BFGS or the wiggle; NULL for an update in the graph */
    clade_layer_watch *layers; /* NULL unless options.watch_layers */
    clade_team *team;
    clade_ranks *ranks;                  /* NULL: alone */
    int64_t part_from, part_to, part_of; /* of each batch that is this rank's (clade_loader_options); of 0: all */
    bool ranks_unlike;                   /* they have unlike devices, whose roundings differ */
    char *rescue_folder;                 /* owned: FOLDER of a rank that writes nothing, unless it takes over */
    clade_optimizer optimizer;

    clade_dataset *train,
        *held_out;               /* slices of options.train; without held-out samples NULL: all of it is trained on */
    clade_dataset *own_held_out; /* the slice of HELD_OUT that this rank measures; NULL: all */
    clade_loader *loader;
    double loader_waited;      /* seconds, for loaders before this one */
    clade_measure *validation; /* on HELD_OUT; NULL without, */
    clade_session *validated;  /* and the session that it measures */

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

/* ---- trainer_devices.c ---- */

/* What is wrong with the devices that OPTIONS name, all else being complete. */
clade_status clade_trainer_check_devices(clade_context *context, const clade_train_options *options);
/* The team, with initial states, and the validation on it. */
clade_status clade_trainer_open_team(clade_trainer *trainer);
/* This rank's samples of a batch of COUNT, as the loader takes them. */
int64_t clade_trainer_own_count(const clade_trainer *trainer, int64_t count);
/* After this rank's part of a batch was changed: a loader and plans for it. Nothing is in flight. */
clade_status clade_trainer_resize(clade_trainer *trainer);
/* Makes trainer->validation anew when the session that it measured is no longer the team's first. */
clade_status clade_trainer_measure(clade_trainer *trainer);

/* ---- trainer_parts.c: with other processes; without them these do nothing but return STATUS ---- */

/* Together: whether all have come so far with STATUS, and which part of a batch is this rank's. */
clade_status clade_trainer_take_part(clade_trainer *trainer, clade_status status);
/* Together, at an epoch, with nothing in flight: other parts, where the ranks are unlike and the steps that they took say
 * that a batch would gain a tenth by it. */
clade_status clade_trainer_divide_anew(clade_trainer *trainer);

/* ---- trainer_ranks.c: likewise ---- */

/* Together: whether all have come so far with STATUS, and with the settings of rank 0. CLADE_ERROR_ARGUMENT naming what
 * differs. */
clade_status clade_trainer_check_alike(clade_trainer *trainer, clade_status status);
/* Together: rank 0's states to all, when devices are unlike or EVEN_SO; within a rank too. */
clade_status clade_trainer_level(clade_trainer *trainer, bool even_so);
/* Together: the bytes of rank 0's file PATH (NULL: none) to all others, in *BYTES, for the caller to free. */
clade_status clade_trainer_send_file(clade_trainer *trainer, const char *path, char **bytes, size_t *size);
/* Together: whether one of them was asked to stop. */
clade_status clade_trainer_consult(clade_trainer *trainer, bool *stop);
/* The samples of DATASET that this rank measures, in *PART for the caller to free; NULL: all of them. */
clade_status clade_trainer_own_samples(clade_trainer *trainer, clade_dataset *dataset, clade_dataset **part);
/* Together: EVALUATION of the ranks' own samples, over all of them. */
clade_status clade_trainer_add_evaluations(clade_trainer *trainer, clade_evaluation *evaluation);
/* After the fault STATUS: when a rank is gone, saves the state after the last whole step, if no other rank did. Returns
 * STATUS, with words that tell. */
clade_status clade_trainer_rescue(clade_trainer *trainer, clade_status status);

/* ---- trainer.c ---- */

/* A loader of this rank's part of the training's batches; the caller frees. */
clade_status clade_trainer_new_loader(const clade_trainer *trainer, clade_loader **loader);
/* States as a run begins with them, where no checkpoint says otherwise: initialised by now; those of input layers are fitted
 * to the data, and options.weights are written over them. */
clade_status clade_trainer_first_states(clade_trainer *trainer);
/* The event file that options.tensorboard asks for, if it does, once it is known from which step the run goes on. */
clade_status clade_trainer_open_board(clade_trainer *trainer);

/* ---- settings.c ---- */

/* The settings that decide a run's numbers, "name = value" a line; the caller frees *TEXT, which may be set on a fault. */
clade_status clade_settings_text(const clade_trainer *trainer, char **text);
/* Whether two such texts differ; *A and *B are then the first lines that do, of *A_LENGTH and *B_LENGTH letters. */
bool clade_settings_differ(const char **a, const char **b, int *a_length, int *b_length);
/* CLADE_OK when equal; else CLADE_ERROR_ARGUMENT naming the first that differs, WHERE having the settings THERE. */
clade_status clade_settings_compare(clade_context *context, const char *where, const char *there, const char *here);
/* The value of NAME in TEXT, copied; the caller frees. NULL when it is not there or memory is short. */
char *clade_settings_value(clade_context *context, const char *text, const char *name);

/* ---- folder.c ---- */

/* Makes the states and the run folder ready: the newest checkpoint is loaded (options.resume), or the run begins and an
 * earlier finished one is cleared away. */
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
