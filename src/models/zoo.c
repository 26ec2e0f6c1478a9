/* The table of models, and the pieces that families share. */
#include "models/zoo.h"

#include "base/context.h"

#include <string.h>

static const clade_model *const models[] = {
    &clade_model_perceptron,  &clade_model_softmax,      &clade_model_mlp,
    &clade_model_mlp_sigmoid, &clade_model_mlp_points,   &clade_model_lenet,
    &clade_model_lenet5,      &clade_model_lenet5_deck,  &clade_model_mnist_cnn,
    &clade_model_alexnet,     &clade_model_vgg11,        &clade_model_vgg11_lrn,
    &clade_model_vgg13,       &clade_model_vgg16_1x1,    &clade_model_vgg16,
    &clade_model_vgg19,       &clade_model_resnet18,     &clade_model_resnet34,
    &clade_model_resnet50,    &clade_model_resnet101,    &clade_model_resnet152,
    &clade_model_resnet20,    &clade_model_resnet32,     &clade_model_resnet44,
    &clade_model_resnet56,    &clade_model_resnet110,    &clade_model_resnet1202,
    &clade_model_googlenet,   &clade_model_lstm_rows,    &clade_model_simplenet,
    &clade_model_table_mlp,   &clade_model_table_linear, NULL
};

const clade_model *clade_model_find(const char *name) {
    for (size_t i = 0; name && models[i]; i++)
        if (strcmp(models[i]->name, name) == 0) return models[i];
    return NULL;
}

const clade_model *const *clade_model_list(void) {
    return models;
}

clade_model_values clade_classify(clade_value logits, clade_value label) {
    return (clade_model_values){ .scores = clade_softmax(logits), .loss = clade_softmax_cross_entropy(logits, label) };
}

clade_value clade_model_total_loss(const clade_model_values *values) {
    clade_value total = values->loss;
    for (size_t i = 0; i < values->extra_loss_count; i++)
        total = clade_add(total, clade_scale(values->extra_losses[i].loss, values->extra_losses[i].weight));
    return total;
}

clade_value clade_standardize(clade_value image) {
    const float mean = 0.13F; /* of MNIST's training images: mean 0.1307, deviation 0.3081 */
    const double factor = 3.2;
    return clade_scale(clade_subtract(image, clade_constant(image.graph, CLADE_SCALAR, mean)), factor);
}

clade_status clade_model_graph(clade_context *context, const clade_model *model, clade_graph **graph,
                               clade_value *image, clade_value *label, clade_model_values *values) {
    *graph = clade_graph_new(context);
    if (!*graph) return clade_fail_memory(context, sizeof(clade_value), "a graph");
    *image = clade_input(*graph, "image", CLADE_F32,
                         clade_shape(CLADE_BATCH, model->image[0], model->image[1], model->image[2]));
    *label = clade_input(*graph, "label", CLADE_I32, clade_shape(CLADE_BATCH));
    *values = model->build(*image, *label);
    clade_status status = clade_graph_status(*graph);
    if (status == CLADE_OK) return CLADE_OK;
    clade_graph_free(*graph);
    *graph = NULL;
    return status;
}
