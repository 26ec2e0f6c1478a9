/* Networks: what is trained, measured, used and converted, wherever it comes from. A network is a graph for images (N,
 * channels, height, width), and what its weights begin with. */
#ifndef CLADE_NETWORK_H
#define CLADE_NETWORK_H

#include <stdbool.h>

#include "clade/data.h"
#include "clade/graph.h"
#include "clade/model.h"
#include "clade/weights.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct clade_network clade_network;

/* How a sample x, in [0, 1] where it is a picture, becomes what the network of an ONNX file takes, as the file does not
 * say it: (scale * x - mean) / deviation. Lists have a number for each channel, or one for all; an empty one is of
 * zeros (mean) or ones (deviation). */
enum { CLADE_MOST_SCALED = 4 };
typedef struct clade_input_scaling {
    double scale; /* 0: 1 */
    double mean[CLADE_MOST_SCALED], deviation[CLADE_MOST_SCALED];
    int mean_count, deviation_count;
} clade_input_scaling;

typedef struct clade_network_options {
    size_t size;                 /* sizeof(clade_network_options) */
    int64_t image[3];            /* of an ONNX file: channels, height, width; zeros: its own, where open the data's */
    clade_input_scaling scaling; /* of an ONNX file */
    bool fresh;                  /* begin with weights drawn by a run's seed, not with the file's */
    bool trained;                /* NAME is a file or a run: no model of the zoo, which has no weights */
    /* For finetuning: clade_network_fit() puts a new layer for the data's classes in place of the last dense layer or
     * convolution, which gives the scores. Auxiliary classifiers are left out then. */
    bool replace_head;
} clade_network_options;

/* Opens NAME: a model of the zoo ("lenet"), an ONNX file (it ends in ".onnx"), or a run's folder (its newest valid
 * checkpoint) or checkpoint, with the weights there. OPTIONS may be NULL.
 *
 * An ONNX file must have one input, of float32, and its first output is the scores. A first size of 1 becomes the batch.
 * An input (N, H, W, 1 or 3) is fed with images (N, C, H, W) all the same; an input (N, F) or (N, A, B) with images of as
 * many elements. Its floating-point arrays but scalars are trained; its batch normalisation is that of training.
 *
 * CLADE_ERROR_ARGUMENT for a name that is nothing of these, CLADE_ERROR_INPUT for a damaged file. */
CLADE_API clade_status clade_network_open(clade_context *context, const char *name,
                                          const clade_network_options *options, clade_network **network);
/* The network of MODEL, which need not be of the zoo; borrowed. */
CLADE_API clade_status clade_network_of_model(clade_context *context, const clade_model *model,
                                              clade_network **network);
CLADE_API void clade_network_free(clade_network *network);

/* Name, title, image sizes, classes (or numbers that are foretold) and recipe; `build` is NULL but for the zoo's. Until
 * the network is fitted anew or freed. */
CLADE_API const clade_model *clade_network_model(const clade_network *network);
/* Whether it foretells numbers, not classes: its scores are (N, numbers). */
CLADE_API bool clade_network_foretells(const clade_network *network);
/* The name of a class; NULL where it is not known. */
CLADE_API const char *clade_network_class(const clade_network *network, int64_t class_number);
/* The checkpoint of a run, the file, or the model's name; and the training steps behind a run's weights. */
CLADE_API const char *clade_network_path(const clade_network *network);
CLADE_API int64_t clade_network_step(const clade_network *network);

/* Whether an ONNX file leaves sizes of its images open, and options.image did not give them. Until clade_network_size() or
 * clade_network_fit() does there are no graph, scores and weights, and the model's image has 0 for what is open. */
CLADE_API bool clade_network_is_open(const clade_network *network);
/* Gives an open network the sizes of its images: channels, height, width; does nothing to others. CLADE_ERROR_INPUT where it
 * takes other channels, or is none for such images. */
CLADE_API clade_status clade_network_size(clade_network *network, const int64_t image[3]);

/* Suits the network to DATA: a model of open sizes takes its sizes, with options.replace_head the head is made anew, and
 * a network with as many outputs as a sample has dense targets foretells these. */
CLADE_API clade_status clade_network_fit(clade_network *network, const clade_dataset *data);

/* CLADE_ERROR_INPUT, saying what differs, unless the network as it is can take the images and the classes or targets of
 * DATA, which may be NULL. */
CLADE_API clade_status clade_network_check(const clade_network *network, const clade_dataset *data);

/* Which arrays of a file became weights. The names are the network's own, until the next call. */
typedef struct clade_network_loading {
    int64_t taken;                /* arrays */
    const char *const *unused;    /* in the file, not in the network */
    const char *const *different; /* in both, of other sizes, or of the new head: left as they were */
    const char *const *missing;   /* in the network, not in the file */
    size_t unused_count, different_count, missing_count;
} clade_network_loading;

/* Takes weights from PATH: a .safetensors or .onnx file, or a run's folder or checkpoint. Arrays are matched by name and
 * sizes; those of a new head are not taken. CLADE_ERROR_INPUT when none fits. LOADING may be NULL. */
CLADE_API clade_status clade_network_load(clade_network *network, const char *path, clade_network_loading *loading);

/* The names of the new head's states; returns how many, 0 without one. */
CLADE_API size_t clade_network_head(const clade_network *network, const char *const **states);

/* The graph, its input, its scores (N, classes), and what its states begin with where that is not drawn. */
CLADE_API clade_graph *clade_network_graph(const clade_network *network);
CLADE_API clade_value clade_network_image(const clade_network *network);
CLADE_API clade_value clade_network_scores(const clade_network *network);
CLADE_API const clade_weights *clade_network_weights(const clade_network *network);

#ifdef __cplusplus
}
#endif
#endif
