/* The history of a run: what metrics.jsonl and training.svg are made of.
 *
 * metrics.jsonl has a line for each report ("event": "train", means over the steps since the last), one for each
 * validation ("event": "validation"), one for each look at the layers ("event": "layers", "gradient_norm" of each weight,
 * "zeros" of each activation) and a last one ("event": "final"). Where there are several losses, a report's "losses" has
 * the mean of each. Times are in "seconds" and "images_per_second"
 * and nowhere else: without these two, the file of a resumed run is that of an unbroken one. */
#ifndef CLADE_TRAIN_HISTORY_H
#define CLADE_TRAIN_HISTORY_H

#include "base/text.h"
#include "clade/train.h"
#include "train/board.h"

/* A point of a curve; accuracy NAN when not known. */
typedef struct clade_history_point {
    int64_t step;
    double loss, accuracy;
} clade_history_point;

typedef struct clade_curve {
    clade_history_point *points;
    size_t count, capacity;
} clade_curve;

/* What is watched of layers: the weights whose gradients' norms are taken, then the activations whose zeros are counted. */
typedef struct clade_layer_names {
    const char *const *names;
    size_t norm_count, zero_count;
} clade_layer_names;

/* One look: a number for each name. */
typedef struct clade_layer_look {
    int64_t step;
    float *values;
} clade_layer_look;

typedef struct clade_history {
    clade_context *context;
    char *path;         /* of metrics.jsonl; NULL: no file */
    clade_board *board; /* the same for TensorBoard; NULL: not wanted. Owned */
    clade_curve train, held_out;
    char *const *loss_names; /* of clade_train_progress.losses; borrowed, as the next */
    clade_layer_names layers;
    clade_layer_look *looks;
    size_t look_count, look_capacity;
} clade_history;

void clade_history_free(clade_history *history);

/* Begins the file anew. */
clade_status clade_history_clear(clade_history *history);
/* Keeps the file's lines up to STEP, and fills the curves with them. Lines that are not Clade's are dropped; a file that
 * is not there counts as an empty one. */
clade_status clade_history_resume(clade_history *history, int64_t step);

/* Adds a point and its line; the numbers come from PROGRESS. */
clade_status clade_history_add_report(clade_history *history, const clade_train_progress *progress);
clade_status clade_history_add_validation(clade_history *history, const clade_train_progress *progress);
clade_status clade_history_add_look(clade_history *history, int64_t step, const float *values);
/* The last line. */
clade_status clade_history_add_final(clade_history *history, const clade_train_result *result, double seconds);

/* training.svg: two panels, accuracy above loss, training raw and smoothed, held-out dashed with markers; TITLE above. */
clade_status clade_history_plot(const clade_history *history, const char *title, int64_t steps, int64_t steps_per_epoch,
                                clade_text *svg);

/* ---- history_layers.c ---- */

/* layers.txt: a table of the first and the last look; layers.svg: some looks, the norms above, the shares below. */
void clade_history_layers_text(const clade_history *history, clade_text *out);
void clade_history_layers_plot(const clade_history *history, const char *title, clade_text *svg);

#endif
