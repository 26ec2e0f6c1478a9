/* Training, measuring and using networks.
 *
 * Three layers, each on the one below:
 *     clade_train_model()   a zoo model, a data set, options: a trained model in a run folder, and its numbers
 *     clade_trainer         the same for a graph of the caller's own
 *     clade_session         what a trainer runs on: states to read and write, values to feed and fetch
 * and clade_predictor, which opens what a run left behind. */
#ifndef CLADE_TRAIN_H
#define CLADE_TRAIN_H

#include <stdbool.h>

#include "clade/data.h"
#include "clade/device.h"
#include "clade/graph.h"
#include "clade/model.h"
#include "clade/network.h"
#include "clade/ranks.h"
#include "clade/session.h"
#include "clade/weights.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- progress ---- */

typedef enum clade_train_event {
    CLADE_TRAIN_STARTED = 1, /* plans are made; STEP is where a resumed run goes on, else 0 */
    CLADE_TRAIN_STEPPED,     /* some steps were done; at most ten times a second */
    CLADE_TRAIN_REPORTED,    /* the means over the last report interval are new */
    CLADE_TRAIN_VALIDATED,   /* the held-out numbers are new */
    CLADE_TRAIN_SAVED,       /* a checkpoint was written */
    CLADE_TRAIN_FINISHED,    /* trained and measured on the test set */
} clade_train_event;

typedef struct clade_train_progress {
    clade_train_event event;
    int64_t epoch, epochs;                     /* epoch from 0 */
    int64_t step, steps;                       /* done, and in the whole run */
    double rate;                               /* of the step last done */
    double train_loss, train_accuracy;         /* over the last report interval; NAN before the first */
    double losses[CLADE_MAX_EXTRA_LOSSES + 1]; /* the same of the main loss and of each extra one, without weights */
    size_t loss_count;                         /* 0 where there are no extra losses */
    double held_out_loss, held_out_accuracy;   /* of the latest validation; NAN before the first */
    double held_out_top5;                      /* the same; NAN with five classes or fewer */
    double images_per_second;                  /* while training; NAN before the first step of this process */
    double seconds, seconds_left;              /* since the start of this process's part; to come, NAN when unknown */
} clade_train_progress;

/* ---- options ---- */

#define CLADE_MAX_TRAIN_DEVICES 16

/* How states whose name is STATES are trained: * stands for any characters ("conv*", "fc2.weight"). Of several rules
 * for one state the first counts. */
typedef struct clade_layer_rule {
    const char *states;
    double rate; /* times the learning rate; 0: 1 */
    bool frozen; /* not trained at all */
} clade_layer_rule;

/* Zero means the default everywhere: a model's own recipe for clade_train_model(), else what is said here. */
typedef struct clade_train_options {
    size_t size; /* sizeof(clade_train_options) */

    /* Where to train. Several devices share each batch, and their gradients are summed: the numbers are those of one within
     * rounding, and draws (order, dropout) the same; batch norm takes each device's own samples unless SYNC_BATCH_NORM.
     * The same devices with the same shares give the same bits. */
    clade_device *const *devices;
    size_t device_count;         /* 1 to CLADE_MAX_TRAIN_DEVICES */
    const double *device_shares; /* how much of a batch each takes, in proportion; default: by measured speed */
    double device_seconds;       /* a device that keeps the others waiting longer is dropped; default 120 */
    bool sync_batch_norm;        /* statistics over the samples of all devices */
    /* Instead of its samples the devices (2 at least) share the network's layers, cut by measured times and memory, for
     * one that is too large for any of them; a batch goes through in micro-batches, at most MICRO_BATCHES, as many
     * as divide it (default: as many as should be fastest). Loss and gradients are those of the whole batch; batch norm takes each micro-batch's
     * own samples unless SYNC_BATCH_NORM. A device that is lost ends the run. Not with device_shares or ranks. */
    bool split_layers;
    int64_t micro_batches;
    const char *const *split_at; /* the first layer of each device but the first; default: by measured times */
    clade_dataset *train;        /* required */
    clade_dataset *test;         /* measured once, after the last step; NULL: not at all */

    clade_optimizer_kind optimizer; /* default CLADE_SGD */
    double rate;                    /* default 0.01; 0.001 for Adam, AdamW, RMSProp and the wiggle; 1 for L-BFGS */
    double momentum;                /* default 0.9; 0 for RMSProp, Adagrad, L-BFGS and the wiggle */
    bool no_momentum;               /* momentum 0, without its state */
    /* The momentum of the first EARLY_MOMENTUM_EPOCHS epochs, after which MOMENTUM holds (deck 004: 0.5 until the initial
     * learning has settled, then 0.9). Default 0.5, and 0 epochs: MOMENTUM from the start. Not for Adam and AdamW. */
    double early_momentum;
    int64_t early_momentum_epochs;
    double weight_decay;     /* default 0; adds weight_decay * w to the gradients of weights (not of biases) */
    bool no_weight_decay;    /* 0, where a model's recipe says otherwise */
    clade_schedule schedule; /* default constant */
    double clip_norm;        /* the most that the norm of all gradients together may be; 0: any */
    double clip_value;       /* the most that the size of one element of a gradient may be; 0: any */
    const clade_layer_rule *layer_rules; /* for finetuning; read before the function that takes them returns */
    size_t layer_rule_count;
    int64_t batch, epochs; /* default 64 and 1; the last batch of an epoch may be smaller */
    /* One update for the mean gradient of so many batches (fewer at an epoch's end), whose samples count alike; default
     * 1. FULL_BATCH: of all batches of an epoch, which is batch gradient descent. */
    int64_t accumulate;
    bool full_batch;
    int64_t iterations; /* L-BFGS: iterations on each batch; default 20 */
    int64_t memory;     /* L-BFGS: pairs of vectors that are kept; default 10 */
    uint64_t seed;      /* of initial weights, order and dropout; default 0, which is a seed like any other */

    /* Samples of TRAIN that are not trained on but measured on the way; which ones does not depend on the seed. Default:
     * a twelfth for CLADE_PLATEAU, which needs them (5,000 of MNIST's 60,000), else a sixtieth. */
    int64_t held_out;
    bool no_held_out;
    int64_t validate_every; /* steps; default a fifth of an epoch, but at least 30 */
    /* Early stopping: the run ends when the held-out loss has for PATIENCE validations not been below the least before by
     * more than LEAST_GAIN. 0: never. What is left are the weights of the last step. */
    int64_t patience;
    double least_gain;
    /* At the start and then every validate_every steps: the norm of every trained state's gradient, and the share of
     * zeros of every activation, over the first batch of the training samples; into metrics.jsonl, layers.txt and
     * layers.svg. Steps between are as fast as without. */
    bool watch_layers;
    int64_t report_every;     /* steps that one line of metrics.jsonl sums up; default a fiftieth of an epoch */
    int64_t checkpoint_every; /* steps; default an epoch */
    double
        checkpoint_seconds; /* a checkpoint also when the last is older; default 300. Saving does not change the run. */

    /* The run folder, made if absent: metrics.jsonl, training.svg and the last three checkpoints; with a test set and
     * scores confusion.txt, confusion.json and confusion.svg. NULL: no files. */
    const char *folder;
    bool resume; /* go on from the newest valid checkpoint in FOLDER, if there is one */
    /* Where event files for TensorBoard go, made if absent: the curves of metrics.jsonl, and a picture of the first
     * layer's filters at each validation. "": into FOLDER; NULL: none. A resumed run adds a file, which takes back what the
     * one before wrote of later steps. */
    const char *tensorboard;

    /* Values of the graph, for clade_trainer_new(). */
    /* Default: the inputs named "image" and "label". A label of int32 (N) gets class numbers; one of float32 (N, ...) the
     * data set's dense targets, or where it has classes, their one-hot vectors. */
    clade_value image, label;
    clade_value scores;                      /* (N, classes), for accuracies; default: none, and accuracies are NAN */
    const clade_weighted_loss *extra_losses; /* added to the loss in training; read before the function returns */
    size_t extra_loss_count;                 /* at most CLADE_MAX_EXTRA_LOSSES */
    const char *model;                       /* a name kept in the checkpoints; default "" */
    /* Further lines "name = value" that checkpoints keep and a resumed run must share; default none. Read before the
     * function returns. */
    const char *settings;
    const clade_weights *weights; /* what the states of these names begin with; default: all are drawn. Read likewise */

    void (*progress)(void *user, const clade_train_progress *progress);
    bool (*should_stop)(void *user); /* asked after each step; true: save and return CLADE_ERROR_INTERRUPTED */
    void *user;
    bool stop_on_interrupt; /* SIGINT and SIGTERM count as should_stop: their handlers are set while it runs */
    /* Other processes that train the same model with the same options, each on DEVICES of its own; borrowed, NULL: none. All
     * share each batch by their numbers of devices, unlike ones by their speeds, and validations. Rank 0 alone writes
     * FOLDER. When a rank is gone the others stop with CLADE_ERROR_SYSTEM or CLADE_ERROR_INTERRUPTED, and the state after
     * the last step that was whole is saved: any number of ranks can resume. */
    clade_ranks *ranks;
} clade_train_options;

/* What one of several devices did. */
typedef struct clade_train_device {
    char name[256];
    int64_t samples; /* of a whole batch, at the end; 0: lost, or it rests */
    double share;    /* the same, of the batch */
    int64_t lost_at; /* the step at which it was last lost; -1: never */
    int losses;      /* how often that was, unsuccessful returns included */
    uint64_t bytes;  /* to the host and back for sums over the devices */
    double waited;   /* seconds for the others in these */
    /* A step, in seconds, as the mean of the STEPS since the batch was last divided: what it worked, waited and idled
     * together. 0 where no step was measured since then, or the device was alone. */
    int64_t steps;
    double step_worked;  /* sending commands and computing */
    double step_waited;  /* in sums: for the others, for the sums themselves, for what carries them to other machines */
    double step_exposed; /* of that: in which the device had nothing else to compute */
    double step_idle;    /* without a step to take */
    double step_bytes;   /* to the host and back */
    bool rests;          /* it has no samples because the others are faster without it */
    /* With split_layers: its layers, the first and the last; then bytes are what it handed over, waiting is the time in which
     * it had nothing to compute, and a step is neither exposed nor idle. Else "". */
    char first_layer[64], last_layer[64];
    double layer_seconds;  /* that its layers take of a step, as they were measured for the cut; 0: they were not */
    uint64_t layer_memory; /* bytes that they take: states, and values of a step */
} clade_train_device;

typedef struct clade_train_result {
    char device[256]; /* the names of all of this rank's, with " + " between them */
    size_t device_count;
    clade_train_device devices[CLADE_MAX_TRAIN_DEVICES];
    int64_t epochs, steps;                   /* planned epochs; steps done */
    bool stopped_early;                      /* for want of gain: options.patience */
    int64_t resumed_from;                    /* the step of the checkpoint that the run went on from; 0: none */
    int64_t parameters;                      /* trained elements */
    double train_loss;                       /* mean over the last epoch */
    double held_out_loss, held_out_accuracy; /* after the last step; NAN without held-out samples */
    double val_loss, val_accuracy; /* of the final step's weights on the whole test set, in [0, 1]; NAN without one */
    double val_top5;               /* the label among the five largest scores; NAN with five classes or fewer */
    double images_per_second;      /* in training's steps alone, in this process; NAN when it did none */
    char weights_sha256[65];       /* of the final weights */
    double data_waiting;           /* share of this process's training time in which no batch was ready; in [0, 1] */
} clade_train_result;

/* ---- training ---- */

/* Trains MODEL. CLADE_ERROR_INPUT when the data's images or classes are not the model's; CLADE_ERROR_INTERRUPTED when
 * stopped, with a line on how to go on. */
CLADE_API clade_status clade_train_model(const clade_model *model, const clade_train_options *options,
                                         clade_train_result *result);

/* The same for a network that was opened, whatever it is. Its graph grows: a network is trained once. Its weights stay as
 * they were; what was learnt is in the run's folder, where an ONNX file is kept as network.onnx, so that the folder needs
 * nothing else. */
CLADE_API clade_status clade_train_network(clade_network *network, const clade_train_options *options,
                                           clade_train_result *result);

typedef struct clade_trainer clade_trainer;

/* A trainer that lowers LOSS (a scalar) of GRAPH. Appends to GRAPH the gradient and the optimiser's states and updates,
 * so a graph has one trainer. OPTIONS are copied; GRAPH, devices and data sets are borrowed. Initialises the states, or
 * with options.resume loads them. CLADE_ERROR_ARGUMENT when a checkpoint was made with other settings.
 *     clade_trainer_new(graph, loss, &(clade_train_options){ .size = sizeof(clade_train_options), ... }, &trainer) */
CLADE_API clade_status clade_trainer_new(clade_graph *graph, clade_value loss, const clade_train_options *options,
                                         clade_trainer **trainer);
CLADE_API void clade_trainer_free(clade_trainer *trainer);

/* Trains to the end of the last epoch, and measures. RESULT may be NULL. CLADE_ERROR_ARGUMENT when the loss stops being a
 * number. Called again after CLADE_ERROR_INTERRUPTED it goes on. */
CLADE_API clade_status clade_trainer_run(clade_trainer *trainer, clade_train_result *result);

/* The trainer's session, where values of GRAPH can be fed and fetched. Owned by the trainer. */
CLADE_API clade_session *clade_trainer_session(clade_trainer *trainer);

/* What a trainer appends to LOSS's graph, for a session of one's own: the gradient, and the states and updates of the
 * optimiser that OPTIONS describe (optimizer, momentum, weight_decay; defaults as above). */
CLADE_API clade_status clade_optimize(clade_value loss, const clade_train_options *options);
/* Sets such a session's scalars for step STEP (from 0) at rate OPTIONS->rate. */
CLADE_API clade_status clade_optimize_step(clade_session *session, const clade_train_options *options, int64_t step);

/* ---- measuring ---- */

typedef struct clade_evaluation {
    int64_t count;   /* samples */
    double loss;     /* mean */
    double accuracy; /* in [0, 1] */
    double top5;     /* the label among the five largest scores; NAN with five classes or fewer */
    /* (classes, classes): how many samples of the class of the row were taken for that of the column. Borrowed from what
     * measured, until it measures again; NULL where there are no class numbers. */
    const int64_t *confusion;
    int64_t classes;
} clade_evaluation;

/* Writes a confusion matrix to PATH: as JSON when it ends in .json, as a picture for .svg, else as text. Above 40 classes
 * the text lists the commonest confusions. TITLE stands above. */
CLADE_API clade_status clade_confusion_write(clade_context *context, const int64_t *confusion, int64_t classes,
                                             const char *title, const char *path);
/* The same text, in memory that the caller gives back with clade_confusion_text_free(); NULL when memory is short. */
CLADE_API char *clade_confusion_text(clade_context *context, const int64_t *confusion, int64_t classes);
CLADE_API void clade_confusion_text_free(clade_context *context, char *text);

/* ---- using a trained model ---- */

typedef struct clade_predictor clade_predictor;

/* The network in PATH: a run folder (its newest valid checkpoint), a checkpoint file, or an ONNX file. CLADE_ERROR_INPUT
 * when it is none, is damaged, or its model is not in the zoo. */
CLADE_API clade_status clade_predictor_open(clade_device *device, const char *path, clade_predictor **predictor);
/* Of a network that was opened, which is borrowed and must not be fitted anew meanwhile. */
CLADE_API clade_status clade_predictor_new(clade_device *device, const clade_network *network,
                                           clade_predictor **predictor);
CLADE_API void clade_predictor_free(clade_predictor *predictor);

CLADE_API const clade_network *clade_predictor_network(const clade_predictor *predictor);
CLADE_API const clade_model *clade_predictor_model(const clade_predictor *predictor);
CLADE_API const char *clade_predictor_path(const clade_predictor *predictor); /* the checkpoint file */
CLADE_API int64_t clade_predictor_step(const clade_predictor *predictor);     /* training steps behind the weights */
/* The name of a class, as the training set had it; NULL where it had none. */
CLADE_API const char *clade_predictor_class(const clade_predictor *predictor, int64_t class_number);

/* Loss and accuracy over DATASET, BATCH samples at a time (0: 250). */
CLADE_API clade_status clade_predictor_evaluate(clade_predictor *predictor, clade_dataset *dataset, int64_t batch,
                                                clade_evaluation *evaluation);

/* Scores of COUNT images (count, channels, height, width): SCORES (count, classes), probabilities where the model ends in
 * softmax; or (count, numbers) of a network that foretells. */
CLADE_API clade_status clade_predictor_scores(clade_predictor *predictor, const float *images, int64_t count,
                                              float *scores);

/* The K largest of COUNT scores, largest first; of equals the first. CLASSES has room for K; returns how many. */
CLADE_API int64_t clade_top_classes(const float *scores, int64_t count, int64_t k, int64_t *classes);

#ifdef __cplusplus
}
#endif
#endif
