/* The zoo's inside: each family's file defines its models; zoo.c gathers them. A model only builds a graph. */
#ifndef CLADE_MODELS_ZOO_H
#define CLADE_MODELS_ZOO_H

#include "clade/model.h"

extern const clade_model clade_model_perceptron, clade_model_softmax, clade_model_mlp, clade_model_mlp_sigmoid,
    clade_model_lenet, clade_model_lenet5, clade_model_lenet5_deck, clade_model_mnist_cnn;

/* How most networks end: probabilities by softmax, and the mean cross-entropy of LOGITS (N, classes) with LABEL. */
clade_model_values clade_classify(clade_value logits, clade_value label);

/* factor * (image - mean): pictures in [0, 1] brought to mean 0 and deviation 1, as MNIST's ink needs it. */
clade_value clade_standardize(clade_value image);

/* A graph with MODEL in it, and its inputs "image" and "label". Owned by the caller. */
clade_status clade_model_graph(clade_context *context, const clade_model *model, clade_graph **graph,
                               clade_value *image, clade_value *label, clade_model_values *values);

#endif
