/* The zoo's inside: each family's file defines its models; zoo.c gathers them. A model only builds a graph. */
#ifndef CLADE_MODELS_ZOO_H
#define CLADE_MODELS_ZOO_H

#include "clade/model.h"

extern const clade_model clade_model_perceptron, clade_model_softmax, clade_model_mlp, clade_model_mlp_sigmoid,
    clade_model_mlp_points, clade_model_lenet, clade_model_lenet5, clade_model_lenet5_deck, clade_model_mnist_cnn,
    clade_model_alexnet, clade_model_vgg11, clade_model_vgg11_lrn, clade_model_vgg13, clade_model_vgg16_1x1,
    clade_model_vgg16, clade_model_vgg19, clade_model_resnet18, clade_model_resnet34, clade_model_resnet50,
    clade_model_resnet101, clade_model_resnet152, clade_model_resnet20, clade_model_resnet32, clade_model_resnet44,
    clade_model_resnet56, clade_model_resnet110, clade_model_resnet1202, clade_model_googlenet, clade_model_lstm_rows,
    clade_model_simplenet, clade_model_table_mlp, clade_model_table_linear;

/* How most networks end: probabilities by softmax, and the mean cross-entropy of LOGITS (N, classes) with LABEL. */
clade_model_values clade_classify(clade_value logits, clade_value label);

/* factor * (image - mean): pictures in [0, 1] brought to mean 0 and deviation 1, as MNIST's ink needs it. */
clade_value clade_standardize(clade_value image);

/* A graph with MODEL in it, and its inputs "image" and "label". Owned by the caller. */
clade_status clade_model_graph(clade_context *context, const clade_model *model, clade_graph **graph,
                               clade_value *image, clade_value *label, clade_model_values *values);

#endif
