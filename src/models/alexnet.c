/* AlexNet: Krizhevsky, Sutskever and Hinton, "ImageNet Classification with Deep Convolutional Neural Networks", 2012, in
 * the form that is usually trained: images of 227x227, the paper's two halves as two groups of conv2, conv4 and conv5.
 * Weights begin as the paper says: Gaussian of deviation 0.01, biases 1 after the layers whose units should begin active. */
#include "models/zoo.h"

#define SMALL                                                                                                          \
    { .kind = CLADE_INITIALIZE_GAUSSIAN, .value = 0.01F }
#define ACTIVE                                                                                                         \
    { .kind = CLADE_INITIALIZE_CONSTANT, .value = 1 }

static clade_value pool(clade_value x, const char *name) {
    return clade_max_pool(x, .kernel = { 3, 3 }, .stride = { 2, 2 }, .name = name);
}

static clade_value features(clade_value x) {
    x = clade_conv2d(x, .filters = 96, .kernel = { 11, 11 }, .stride = { 4, 4 }, .weight_initializer = SMALL,
                     .name = "conv1");
    x = pool(clade_local_response_norm(clade_relu(x), .name = "norm1"), "pool1");
    x = clade_conv2d(x, .filters = 256, .kernel = { 5, 5 }, .pad = { 2, 2, 2, 2 }, .groups = 2,
                     .weight_initializer = SMALL, .bias_initializer = ACTIVE, .name = "conv2");
    x = pool(clade_local_response_norm(clade_relu(x), .name = "norm2"), "pool2");
    x = clade_conv2d(x, .filters = 384, .kernel = { 3, 3 }, .pad = { 1, 1, 1, 1 }, .weight_initializer = SMALL,
                     .name = "conv3");
    x = clade_conv2d(clade_relu(x), .filters = 384, .kernel = { 3, 3 }, .pad = { 1, 1, 1, 1 }, .groups = 2,
                     .weight_initializer = SMALL, .bias_initializer = ACTIVE, .name = "conv4");
    x = clade_conv2d(clade_relu(x), .filters = 256, .kernel = { 3, 3 }, .pad = { 1, 1, 1, 1 }, .groups = 2,
                     .weight_initializer = SMALL, .bias_initializer = ACTIVE, .name = "conv5");
    return pool(clade_relu(x), "pool5");
}

static clade_model_values build(clade_value image, clade_value label) {
    clade_value x = features(image);
    x = clade_dense(x, .units = 4096, .weight_initializer = SMALL, .bias_initializer = ACTIVE, .name = "fc6");
    x = clade_dense(clade_dropout(clade_relu(x), 0.5, "drop6"), .units = 4096, .weight_initializer = SMALL,
                    .bias_initializer = ACTIVE, .name = "fc7");
    x = clade_dense(clade_dropout(clade_relu(x), 0.5, "drop7"), .units = 1000, .weight_initializer = SMALL,
                    .name = "fc8");
    return clade_classify(x, label);
}

const clade_model clade_model_alexnet = {
    .name = "alexnet",
    .title = "AlexNet with two groups: 5 convolutions, 3 dense layers",
    .image = { 3, 227, 227 },
    .classes = 1000,
    .recipe = { .optimizer = CLADE_SGD,
                .rate = 0.01,
                .momentum = 0.9,
                .weight_decay = 5e-4,
                .schedule = { .kind = CLADE_STEP, .factor = 0.1, .every = 25 },
                .batch = 128,
                .epochs = 90 },
    .build = build,
};
