/* GoogLeNet: Szegedy et al., "Going Deeper with Convolutions", 2014, Table 1, with its two auxiliary classifiers (section
 * 5), whose losses are added with weight 0.3 in training and left away after it. Layers are named as the paper names the
 * modules. Weights begin as Xavier's, biases at 0.2; pooling rounds sizes up, as the published training did. */
#include "models/zoo.h"

#include <stdio.h>

enum { CLASSES = 1000, NAME = 32 };

#define XAVIER                                                                                                         \
    { .kind = CLADE_INITIALIZE_XAVIER_UNIFORM }
#define RAISED                                                                                                         \
    { .kind = CLADE_INITIALIZE_CONSTANT, .value = 0.2F }

/* A convolution that keeps the size, and ReLU; named MODULE/LAYER. */
static clade_value convolution(clade_value x, int64_t filters, int64_t kernel, const char *module, const char *layer) {
    char name[NAME];
    const int64_t pad = kernel / 2;
    snprintf(name, sizeof name, "%s/%s", module, layer);
    return clade_relu(clade_conv2d(x, .filters = filters, .kernel = { kernel, kernel }, .pad = { pad, pad, pad, pad },
                                   .weight_initializer = XAVIER, .bias_initializer = RAISED, .name = name));
}

static clade_value pool(clade_value x, const char *name) {
    return clade_max_pool(x, .kernel = { 3, 3 }, .stride = { 2, 2 }, .ceil = true, .name = name);
}

/* A row of Table 1: filters of the branches. */
typedef struct inception {
    const char *name;
    int64_t one, reduce3, three, reduce5, five, projected;
} inception;

/* Figure 2(b): four branches side by side. */
static clade_value module(clade_value x, const inception *m) {
    clade_value one = convolution(x, m->one, 1, m->name, "1x1");
    clade_value three = convolution(x, m->reduce3, 1, m->name, "3x3_reduce");
    three = convolution(three, m->three, 3, m->name, "3x3");
    clade_value five = convolution(x, m->reduce5, 1, m->name, "5x5_reduce");
    five = convolution(five, m->five, 5, m->name, "5x5");
    clade_value pooled = clade_max_pool(x, .kernel = { 3, 3 }, .stride = { 1, 1 }, .pad = { 1, 1, 1, 1 });
    pooled = convolution(pooled, m->projected, 1, m->name, "pool_proj");
    return clade_concat(1, one, three, five, pooled);
}

/* Section 5: average pooling of 5x5 by 3, 128 filters of 1x1, 1024 units, dropout of 70 %. */
static clade_value auxiliary_loss(clade_value x, clade_value label, const char *name) {
    char names[3][NAME];
    static const char *const layers[] = { "ave_pool", "fc", "classifier" };
    for (int i = 0; i < 3; i++)
        snprintf(names[i], sizeof names[i], "%s/%s", name, layers[i]);
    x = clade_average_pool(x, .kernel = { 5, 5 }, .stride = { 3, 3 }, .ceil = true, .name = names[0]);
    x = convolution(x, 128, 1, name, "conv");
    x = clade_relu(
        clade_dense(x, .units = 1024, .weight_initializer = XAVIER, .bias_initializer = RAISED, .name = names[1]));
    x = clade_dense(clade_dropout(x, 0.7, name), .units = CLASSES, .weight_initializer = XAVIER, .name = names[2]);
    return clade_softmax_cross_entropy(x, label);
}

static clade_value stem(clade_value image) {
    clade_value x = clade_conv2d(image, .filters = 64, .kernel = { 7, 7 }, .stride = { 2, 2 }, .pad = { 3, 3, 3, 3 },
                                 .weight_initializer = XAVIER, .bias_initializer = RAISED, .name = "conv1/7x7_s2");
    x = clade_local_response_norm(pool(clade_relu(x), "pool1"), .name = "norm1");
    x = convolution(x, 64, 1, "conv2", "3x3_reduce");
    x = convolution(x, 192, 3, "conv2", "3x3");
    return pool(clade_local_response_norm(x, .name = "norm2"), "pool2");
}

static clade_model_values build(clade_value image, clade_value label) {
    static const inception modules[] = {
        { "3a", 64, 96, 128, 16, 32, 32 },     { "3b", 128, 128, 192, 32, 96, 64 },
        { "4a", 192, 96, 208, 16, 48, 64 },    { "4b", 160, 112, 224, 24, 64, 64 },
        { "4c", 128, 128, 256, 24, 64, 64 },   { "4d", 112, 144, 288, 32, 64, 64 },
        { "4e", 256, 160, 320, 32, 128, 128 }, { "5a", 256, 160, 320, 32, 128, 128 },
        { "5b", 384, 192, 384, 48, 128, 128 },
    };
    enum { AFTER_3 = 1, FIRST_SIDE = 2, SECOND_SIDE = 5, AFTER_4 = 6, MODULES = 9 };
    const double weight = 0.3;
    clade_value x = stem(image);
    clade_weighted_loss sides[2];
    for (int i = 0; i < MODULES; i++) {
        x = module(x, &modules[i]);
        if (i == FIRST_SIDE) sides[0] = (clade_weighted_loss){ "loss1", weight, auxiliary_loss(x, label, "loss1") };
        if (i == SECOND_SIDE) sides[1] = (clade_weighted_loss){ "loss2", weight, auxiliary_loss(x, label, "loss2") };
        if (i == AFTER_3) x = pool(x, "pool3");
        if (i == AFTER_4) x = pool(x, "pool4");
    }
    x = clade_average_pool(x, .kernel = { 7, 7 }, .stride = { 1, 1 }, .name = "pool5/7x7");
    x = clade_dense(clade_dropout(x, 0.4, "drop5"), .units = CLASSES, .weight_initializer = XAVIER,
                    .name = "loss3/classifier");
    clade_model_values values = clade_classify(x, label);
    values.extra_losses[0] = sides[0];
    values.extra_losses[1] = sides[1];
    values.extra_loss_count = 2;
    return values;
}

/* The published training's: SGD with momentum 0.9, the rate 4 % lower every 8 epochs. */
const clade_model clade_model_googlenet = {
    .name = "googlenet",
    .title = "GoogLeNet: nine inception modules, two auxiliary classifiers of weight 0.3",
    .image = { 3, 224, 224 },
    .classes = CLASSES,
    .recipe = { .optimizer = CLADE_SGD,
                .rate = 0.01,
                .momentum = 0.9,
                .weight_decay = 2e-4,
                .schedule = { .kind = CLADE_STEP, .factor = 0.96, .every = 8 },
                .batch = 32,
                .epochs = 60 },
    .build = build,
};
