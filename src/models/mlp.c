/* Fully connected networks: softmax regression, and one hidden layer of 500 units with ReLU or sigmoid (deck 004's
 * problem 2). */
#include "models/zoo.h"

enum { HIDDEN = 500, CLASSES = 10 };

static clade_model_values build_softmax(clade_value image, clade_value label) {
    return clade_classify(clade_dense(image, .units = CLASSES, .name = "fc"), label);
}

static clade_model_values build_relu(clade_value image, clade_value label) {
    clade_value hidden = clade_relu(clade_dense(image, .units = HIDDEN, .name = "fc1"));
    return clade_classify(clade_dense(hidden, .units = CLASSES, .name = "fc2"), label);
}

static clade_model_values build_sigmoid(clade_value image, clade_value label) {
    clade_initializer xavier = { .kind = CLADE_INITIALIZE_XAVIER_GAUSSIAN };
    clade_value x = clade_dense(image, .units = HIDDEN, .weight_initializer = xavier, .name = "fc1");
    x = clade_dense(clade_sigmoid(x), .units = CLASSES, .weight_initializer = xavier, .name = "fc2");
    return clade_classify(x, label);
}

const clade_model clade_model_softmax = {
    .name = "softmax",
    .title = "Softmax regression: one fully connected layer",
    .image = { 1, 28, 28 },
    .classes = CLASSES,
    .recipe = { .optimizer = CLADE_SGD,
                .rate = 0.02,
                .momentum = 0.9,
                .schedule = { .kind = CLADE_COSINE },
                .batch = 64,
                .epochs = 10 },
    .build = build_softmax,
};

const clade_model clade_model_mlp = {
    .name = "mlp",
    .title = "Multi-layer perceptron: 784-500-10, ReLU",
    .image = { 1, 28, 28 },
    .classes = CLASSES,
    .recipe = { .optimizer = CLADE_SGD,
                .rate = 0.1,
                .momentum = 0.9,
                .weight_decay = 1e-4,
                .schedule = { .kind = CLADE_COSINE },
                .batch = 64,
                .epochs = 10 },
    .build = build_relu,
};

const clade_model clade_model_mlp_sigmoid = {
    .name = "mlp-sigmoid",
    .title = "Multi-layer perceptron: 784-500-10, sigmoid",
    .image = { 1, 28, 28 },
    .classes = CLASSES,
    .recipe = { .optimizer = CLADE_ADAM,
                .rate = 0.002,
                .momentum = 0.9,
                .schedule = { .kind = CLADE_COSINE },
                .batch = 64,
                .epochs = 10 },
    .build = build_sigmoid,
};
