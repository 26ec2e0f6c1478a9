/* Deck 004's problem 2: 32 and 64 filters of 5x5 with ReLU and 2x2 max pooling, 1024 units, 10 units, softmax. */
#include "models/zoo.h"

static clade_value convolution_block(clade_value x, int64_t filters, const char *convolution, const char *pool) {
    x = clade_conv2d(x, .filters = filters, .kernel = { 5, 5 }, .pad = { 2, 2, 2, 2 }, .name = convolution);
    return clade_max_pool(clade_relu(x), .kernel = { 2, 2 }, .stride = { 2, 2 }, .name = pool);
}

static clade_model_values build(clade_value image, clade_value label) {
    enum { HIDDEN = 1024, CLASSES = 10 };
    clade_value x = convolution_block(image, 32, "conv1", "pool1");
    x = convolution_block(x, 64, "conv2", "pool2");
    x = clade_relu(clade_dense(x, .units = HIDDEN, .name = "fc1"));
    return clade_classify(clade_dense(x, .units = CLASSES, .name = "fc2"), label);
}

const clade_model clade_model_mnist_cnn = {
    .name = "mnist-cnn",
    .title = "Deck 004's convolutional network: 32 and 64 filters of 5x5, 1024 units",
    .image = { 1, 28, 28 },
    .classes = 10,
    .recipe = { .optimizer = CLADE_SGD,
                .rate = 0.05,
                .momentum = 0.9,
                .weight_decay = 5e-4,
                .schedule = { .kind = CLADE_COSINE },
                .batch = 64,
                .epochs = 4 },
    .build = build,
};
