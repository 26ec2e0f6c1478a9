/* The zoo: networks by name. Each only builds a graph, and carries the recipe that it is trained with by default. */
#ifndef CLADE_MODEL_H
#define CLADE_MODEL_H

#include "clade/graph.h"
#include "clade/ops.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum clade_optimizer_kind {
    CLADE_SGD = 1,        /* v = momentum * v - rate * gradient; w += v (momentum as in deck 004: v = g v - a grad) */
    CLADE_SGD_ACCUMULATE, /* D = momentum * D + gradient; w -= rate * D (deck 002: D = 0.9 D + grad; PyTorch's) */
    CLADE_ADAM,           /* Kingma and Ba 2015; momentum is beta1 (default 0.9), beta2 0.999, epsilon 1e-8 */
    CLADE_NESTEROV, /* D = momentum * D + gradient; w -= rate * (gradient + momentum * D) (Sutskever et al. 2013) */
    CLADE_ADAMW,    /* Adam whose weight decay leaves the gradient alone: w -= rate * weight_decay * w beside it
                             (Loshchilov and Hutter 2019) */
    CLADE_RMSPROP,  /* v = 0.99 v + 0.01 gradient^2; w -= rate * gradient / (sqrt(v) + 1e-8) (Tieleman and Hinton
                             2012); with momentum, D = momentum * D + that quotient takes its place */
    CLADE_ADAGRAD,  /* s += gradient^2; w -= rate * gradient / (sqrt(s) + 1e-10) (Duchi et al. 2011); no momentum */
    CLADE_LBFGS,    /* some iterations of limited-memory BFGS with a strong Wolfe line search on each batch
                             (clade/minimize.h); no momentum. Meant for whole data sets, or for large batches */
    CLADE_WIGGLE, /* w += rate * sgn(L(w) - L(w + rate)) for one element after the other, all at the same w (deck 002):
                             as many forward passes as there are elements, no gradient, no momentum */
} clade_optimizer_kind;

typedef enum clade_schedule_kind {
    CLADE_CONSTANT = 1,
    CLADE_STEP,    /* rate * factor^(epoch / every), epochs counted from 0 */
    CLADE_COSINE,  /* rate * (1 + cos(pi * step / steps)) / 2 over the whole run */
    CLADE_PLATEAU, /* times factor when the held-out loss has not fallen for `every` validations below (1 - threshold) of
                      the least before (deck 004: anneal where a held-out set stays) */
    CLADE_INVERSE, /* a / (b + t): rate = rate0 * b / (b + step), so that it begins at rate0 */
    CLADE_HALVE,   /* times factor after an epoch whose mean training loss is not below that of the epoch before by
                      THRESHOLD of it: as convergence slows down (deck 004) */
} clade_schedule_kind;

typedef struct clade_schedule {
    clade_schedule_kind kind; /* 0: constant */
    double factor;            /* STEP: default 0.1; PLATEAU, HALVE: default 0.5 */
    double every;     /* STEP: epochs, default 1; PLATEAU: validations, HALVE: epochs, default 1; INVERSE: b in steps */
    double threshold; /* HALVE: default 0.01; PLATEAU: default 0; a share of the loss, below 1 */
    int64_t warm_up;  /* steps in which the rate rises evenly to its full height, before all else; default 0 */
} clade_schedule;

/* How a model is trained when the caller does not say otherwise. */
typedef struct clade_recipe {
    clade_optimizer_kind optimizer;
    double rate, momentum, weight_decay; /* the decay's gradient is weight_decay * w, on weights only */
    clade_schedule schedule;
    int64_t batch, epochs;
} clade_recipe;

/* A loss beside the main one: what is lowered is their sum, this one times WEIGHT. Measuring leaves it out. */
typedef struct clade_weighted_loss {
    const char *name; /* "loss1", in reports; copied */
    double weight;    /* above 0 */
    clade_value loss; /* scalar */
} clade_weighted_loss;
enum { CLADE_MAX_EXTRA_LOSSES = 7 };

/* What a model builds. */
typedef struct clade_model_values {
    clade_value scores; /* (N, classes): larger is likelier; probabilities where the model ends in softmax */
    clade_value loss;   /* scalar */
    clade_weighted_loss extra_losses[CLADE_MAX_EXTRA_LOSSES];
    size_t extra_loss_count;
} clade_model_values;

/* What training lowers: the loss, and the extra ones times their weights. */
CLADE_API clade_value clade_model_total_loss(const clade_model_values *values);

typedef struct clade_model {
    const char *name;  /* "lenet" */
    const char *title; /* "LeNet as in deck 001: 16-32-64 filters of 3x3, batch normalisation" */
    int64_t image[3];  /* channels, height, width */
    int64_t classes;
    clade_recipe recipe;
    /* Appends the model to IMAGE's graph: image (N, channels, height, width) float32, label (N) int32. */
    clade_model_values (*build)(clade_value image, clade_value label);
    /* Of a model that takes the sizes of its data, for which image and classes above are an example: the same for images
     * of any sizes and OUTPUTS classes, or, where label is (N, OUTPUTS) float32, numbers to foretell. NULL: the sizes are
     * fixed. */
    clade_model_values (*build_open)(clade_value image, clade_value label, int64_t outputs);
} clade_model;

/* The model of that name; NULL when there is none. Static. */
CLADE_API const clade_model *clade_model_find(const char *name);
/* All models, in the zoo's order, ended by NULL. */
CLADE_API const clade_model *const *clade_model_list(void);

#ifdef __cplusplus
}
#endif
#endif
