/* The LeNets: deck 001's layer list, LeCun et al. 1998 as usually built today, and deck 004's C and S layers as printed. */
#include "models/zoo.h"

#include <math.h>

enum { CLASSES = 10 };

/* ---- deck 001: three times 3x3 convolution, batch normalisation, ReLU; 2x2 max pooling between ---- */

static clade_value convolution_block(clade_value x, int64_t filters, const char *convolution, const char *norm) {
    x = clade_conv2d(x, .filters = filters, .kernel = { 3, 3 }, .pad = { 1, 1, 1, 1 }, .name = convolution);
    return clade_relu(clade_batch_norm(x, .name = norm));
}

static clade_model_values build_lenet(clade_value image, clade_value label) {
    clade_value x = convolution_block(image, 16, "conv1", "bn1");
    x = clade_max_pool(x, .kernel = { 2, 2 }, .stride = { 2, 2 }, .name = "pool1");
    x = convolution_block(x, 32, "conv2", "bn2");
    x = clade_max_pool(x, .kernel = { 2, 2 }, .stride = { 2, 2 }, .name = "pool2");
    x = convolution_block(x, 64, "conv3", "bn3");
    x = clade_relu(clade_dense(x, .units = 50, .name = "fc1"));
    return clade_classify(clade_dense(x, .units = CLASSES, .name = "fc2"), label);
}

/* ---- LeNet-5: sigmoid after convolutions, average pooling ---- */

/* A sigmoid's slope is at most 1/4, so weights of deviation 1/sqrt(fan_in) shrink what passes, forward and backward, at
 * every layer. A gain makes up for it: deviation gain/sqrt(fan_in). */
static clade_initializer with_gain(double gain, int64_t fan_in) {
    return (clade_initializer){ .kind = CLADE_INITIALIZE_GAUSSIAN, .value = (float)(gain / sqrt((double)fan_in)) };
}

typedef struct lenet5_gains {
    double conv1, conv2, fc1, fc2, fc3;
} lenet5_gains;

/* C1 S2 C3 S4 F5 F6 and the output. POOLED is what a sampling layer does after the average. */
static clade_value lenet5(clade_value x, const lenet5_gains *gains, clade_value (*pooled)(clade_value average)) {
    enum { C1 = 6, C3 = 16, F5 = 120, F6 = 84, AREA = 5 * 5 };
    x = clade_conv2d(x, .filters = C1, .kernel = { 5, 5 }, .pad = { 2, 2, 2, 2 },
                     .weight_initializer = with_gain(gains->conv1, AREA), .name = "conv1");
    x = pooled(clade_average_pool(clade_sigmoid(x), .kernel = { 2, 2 }, .name = "pool1"));
    x = clade_conv2d(x, .filters = C3, .kernel = { 5, 5 }, .weight_initializer = with_gain(gains->conv2, C1 * AREA),
                     .name = "conv2");
    x = pooled(clade_average_pool(clade_sigmoid(x), .kernel = { 2, 2 }, .name = "pool2"));
    x = clade_dense(x, .units = F5, .weight_initializer = with_gain(gains->fc1, C3 * AREA), .name = "fc1");
    x = clade_dense(clade_sigmoid(x), .units = F6, .weight_initializer = with_gain(gains->fc2, F5), .name = "fc2");
    return clade_dense(clade_sigmoid(x), .units = CLASSES, .weight_initializer = with_gain(gains->fc3, F6),
                       .name = "fc3");
}

static clade_value as_it_is(clade_value average) {
    return average;
}

static clade_model_values build_lenet5(clade_value image, clade_value label) {
    static const lenet5_gains gains = { 4, 4, 4, 4, 4 };
    return clade_classify(lenet5(image, &gains, as_it_is), label);
}

/* Deck 004 prints y = f(sum of w x + b) for C layers and y = f(mean of x) for S layers, f the sigmoid. A sigmoid of a
 * mean in (0, 1) lies in (0.5, 0.73): the signal is a small part of it, so the gains after S layers are large. */
static clade_model_values build_lenet5_deck(clade_value image, clade_value label) {
    static const lenet5_gains gains = { 2, 12, 12, 4, 1 };
    return clade_classify(lenet5(clade_standardize(image), &gains, clade_sigmoid), label);
}

const clade_model clade_model_lenet = {
    .name = "lenet",
    .title = "LeNet as in deck 001: 16, 32 and 64 filters of 3x3 with batch normalisation, then 50 and 10 units",
    .image = { 1, 28, 28 },
    .classes = CLASSES,
    .recipe = { .optimizer = CLADE_SGD,
                .rate = 0.02,
                .momentum = 0.9,
                .weight_decay = 5e-4,
                .schedule = { .kind = CLADE_COSINE },
                .batch = 32,
                .epochs = 3 },
    .build = build_lenet,
};

const clade_model clade_model_lenet5 = {
    .name = "lenet5",
    .title = "LeNet-5: sigmoid after convolutions, average pooling, 120, 84 and 10 units",
    .image = { 1, 28, 28 },
    .classes = CLASSES,
    .recipe = { .optimizer = CLADE_ADAM,
                .rate = 0.005,
                .momentum = 0.9,
                .schedule = { .kind = CLADE_COSINE },
                .batch = 64,
                .epochs = 10 },
    .build = build_lenet5,
};

const clade_model clade_model_lenet5_deck = {
    .name = "lenet5-deck",
    .title = "LeNet-5 as deck 004 prints it: sigmoid after convolutions and after average pooling too",
    .image = { 1, 28, 28 },
    .classes = CLASSES,
    .recipe = { .optimizer = CLADE_ADAM,
                .rate = 0.002,
                .momentum = 0.9,
                .schedule = { .kind = CLADE_COSINE },
                .batch = 16,
                .epochs = 10 },
    .build = build_lenet5_deck,
};
