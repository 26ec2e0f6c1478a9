/* VGG: Simonyan and Zisserman, "Very Deep Convolutional Networks for Large-Scale Image Recognition", 2014, Table 1:
 * groups of 3x3 convolutions with ReLU and 2x2 max pooling between, then 4096, 4096 and 1000 units. The paper fills deep
 * configurations from trained shallow ones; MSRA's initialisation (He et al. 2015) makes that needless. */
#include "models/zoo.h"

#include <stdio.h>

enum { GROUPS = 5 };

/* A column of Table 1. */
typedef struct configuration {
    int convolutions[GROUPS];
    bool last_1x1;   /* the third convolution of a group is 1x1 (column C) */
    bool normalized; /* local response normalisation after the first group (column A-LRN) */
} configuration;

static clade_value convolution(clade_value x, int64_t filters, int64_t kernel, int group, int number) {
    char name[32];
    const int64_t pad = kernel / 2;
    snprintf(name, sizeof name, "conv%d_%d", group, number);
    x = clade_conv2d(x, .filters = filters, .kernel = { kernel, kernel }, .pad = { pad, pad, pad, pad }, .name = name);
    return clade_relu(x);
}

static clade_model_values build(clade_value image, clade_value label, const configuration *c) {
    static const int64_t filters[GROUPS] = { 64, 128, 256, 512, 512 };
    clade_value x = image;
    for (int group = 0; group < GROUPS; group++) {
        for (int i = 0; i < c->convolutions[group]; i++) {
            x = convolution(x, filters[group], c->last_1x1 && i == 2 ? 1 : 3, group + 1, i + 1);
        }
        if (c->normalized && group == 0) x = clade_local_response_norm(x, .name = "norm1");
        char name[32];
        snprintf(name, sizeof name, "pool%d", group + 1);
        x = clade_max_pool(x, .kernel = { 2, 2 }, .name = name);
    }
    x = clade_dropout(clade_relu(clade_dense(x, .units = 4096, .name = "fc6")), 0.5, "drop6");
    x = clade_dropout(clade_relu(clade_dense(x, .units = 4096, .name = "fc7")), 0.5, "drop7");
    return clade_classify(clade_dense(x, .units = 1000, .name = "fc8"), label);
}

/* The paper's rate of 0.01 at a batch of 256, scaled to a batch of 32; divided by ten thrice, 74 epochs in all. */
#define VGG(SYMBOL, NAME, TITLE, ...)                                                                                  \
    static clade_model_values build_##SYMBOL(clade_value image, clade_value label) {                                   \
        static const configuration c = { __VA_ARGS__ };                                                                \
        return build(image, label, &c);                                                                                \
    }                                                                                                                  \
    const clade_model clade_model_##SYMBOL = {                                                                         \
        .name = NAME,                                                                                                  \
        .title = TITLE,                                                                                                \
        .image = { 3, 224, 224 },                                                                                      \
        .classes = 1000,                                                                                               \
        .recipe = { .optimizer = CLADE_SGD,                                                                            \
                    .rate = 0.00125,                                                                                   \
                    .momentum = 0.9,                                                                                   \
                    .weight_decay = 5e-4,                                                                              \
                    .schedule = { .kind = CLADE_STEP, .factor = 0.1, .every = 20 },                                    \
                    .batch = 32,                                                                                       \
                    .epochs = 74 },                                                                                    \
        .build = build_##SYMBOL,                                                                                       \
    };

VGG(vgg11, "vgg11", "VGG-11 (configuration A): 8 convolutions, 3 dense layers", { 1, 1, 2, 2, 2 }, false, false)
VGG(vgg11_lrn, "vgg11-lrn", "VGG-11 with local response normalisation (A-LRN)", { 1, 1, 2, 2, 2 }, false, true)
VGG(vgg13, "vgg13", "VGG-13 (configuration B): 10 convolutions, 3 dense layers", { 2, 2, 2, 2, 2 }, false, false)
VGG(vgg16_1x1, "vgg16-1x1", "VGG-16 with 1x1 convolutions (configuration C)", { 2, 2, 3, 3, 3 }, true, false)
VGG(vgg16, "vgg16", "VGG-16 (configuration D): 13 convolutions, 3 dense layers", { 2, 2, 3, 3, 3 }, false, false)
VGG(vgg19, "vgg19", "VGG-19 (configuration E): 16 convolutions, 3 dense layers", { 2, 2, 4, 4, 4 }, false, false)
