/* Residual networks: He, Zhang, Ren and Sun, "Deep Residual Learning for Image Recognition", 2015.
 *
 * A block is y = relu(f(x) + s(x)). For ImageNet (Table 1) f is two 3x3 convolutions, or 1x1, 3x3 and 1x1 (a bottleneck),
 * and s the identity, or a 1x1 convolution where the dims change (option B). For CIFAR-10 (section 4.2) f is two 3x3
 * convolutions of 16, 32 and 64 filters in three stages, and s never has weights: it takes every other pixel and pads
 * the channels with zeros (option A). Convolutions have no bias and are followed by batch normalisation. A stage's stride
 * of 2 is in the first convolution of its first block: of a bottleneck, in its first 1x1. */
#include "models/zoo.h"

#include <stdio.h>

enum { NAME_SIZE = 48 };

static clade_value convolution(clade_value x, int64_t filters, int64_t kernel, int64_t stride, const char *block,
                               const char *name) {
    char layer[NAME_SIZE + 16], norm[NAME_SIZE + 24];
    const int64_t pad = kernel / 2;
    snprintf(layer, sizeof layer, "%s%s", block, name);
    snprintf(norm, sizeof norm, "%s.bn", layer);
    x = clade_conv2d(x, .filters = filters, .kernel = { kernel, kernel }, .stride = { stride, stride },
                     .pad = { pad, pad, pad, pad }, .no_bias = true, .name = layer);
    return clade_batch_norm(x, .name = norm);
}

/* ---- blocks: FILTERS within, CHANNELS out; BLOCK begins the names, as "layer1.0." ---- */

typedef clade_value block_builder(clade_value x, int64_t filters, int64_t channels, int64_t stride, const char *block);

static clade_value project(clade_value x, int64_t channels, int64_t stride, const char *block) {
    if (stride == 1 && clade_value_dims(x).size[1] == channels) return x;
    return convolution(x, channels, 1, stride, block, "downsample");
}

static clade_value two_convolutions(clade_value x, int64_t filters, int64_t stride, const char *block) {
    x = clade_relu(convolution(x, filters, 3, stride, block, "conv1"));
    return convolution(x, filters, 3, 1, block, "conv2");
}

static clade_value basic_block(clade_value x, int64_t filters, int64_t channels, int64_t stride, const char *block) {
    clade_value y = two_convolutions(x, filters, stride, block);
    return clade_relu(clade_add(y, project(x, channels, stride, block)));
}

static clade_value bottleneck(clade_value x, int64_t filters, int64_t channels, int64_t stride, const char *block) {
    clade_value y = clade_relu(convolution(x, filters, 1, stride, block, "conv1"));
    y = clade_relu(convolution(y, filters, 3, 1, block, "conv2"));
    y = convolution(y, channels, 1, 1, block, "conv3");
    return clade_relu(clade_add(y, project(x, channels, stride, block)));
}

static clade_value pad_channels(clade_value x, int64_t channels, int64_t stride) {
    if (stride == 1) return x;
    const int64_t extra = channels - clade_value_dims(x).size[1];
    x = clade_slice(x, .step = { 1, 1, stride, stride });
    return clade_pad(x, .before = { 0, extra / 2 }, .after = { 0, extra - extra / 2 });
}

static clade_value cifar_block(clade_value x, int64_t filters, int64_t channels, int64_t stride, const char *block) {
    clade_value y = two_convolutions(x, filters, stride, block);
    return clade_relu(clade_add(y, pad_channels(x, channels, stride)));
}

/* ---- the networks ---- */

typedef struct plan {
    const char *stage; /* "layer": stages are layer1, layer2, ... */
    int stages;
    int64_t blocks[4]; /* of each stage */
    int64_t filters,
        multiplier; /* of the first stage, each later one twice as many; channels out = filters * multiplier */
    block_builder *build;
} plan;

static clade_value stages(clade_value x, const plan *p) {
    for (int stage = 0; stage < p->stages; stage++) {
        const int64_t filters = p->filters << stage;
        for (int64_t i = 0; i < p->blocks[stage]; i++) {
            char block[NAME_SIZE];
            snprintf(block, sizeof block, "%s%d.%d.", p->stage, stage + 1, (int)i);
            x = p->build(x, filters, filters * p->multiplier, stage > 0 && i == 0 ? 2 : 1, block);
        }
    }
    return x;
}

static clade_model_values classify(clade_value x, int64_t classes, clade_value label) {
    return clade_classify(clade_dense(clade_global_average_pool(x), .units = classes, .name = "fc"), label);
}

static clade_model_values build_imagenet(clade_value image, clade_value label, const plan *p) {
    clade_value x = clade_relu(convolution(image, 64, 7, 2, "", "conv1"));
    x = clade_max_pool(x, .kernel = { 3, 3 }, .stride = { 2, 2 }, .pad = { 1, 1, 1, 1 }, .name = "maxpool");
    return classify(stages(x, p), 1000, label);
}

static clade_model_values build_cifar(clade_value image, clade_value label, int64_t blocks) {
    const plan p = { "stage", 3, { blocks, blocks, blocks }, 16, 1, cifar_block };
    clade_value x = clade_relu(convolution(image, p.filters, 3, 1, "", "conv1"));
    return classify(stages(x, &p), 10, label);
}

/* The paper's schedules in form, its ImageNet rate of 0.1 at a batch of 256 scaled to a batch of 32. */
#define IMAGENET_RECIPE                                                                                                \
    {                                                                                                                  \
        .optimizer = CLADE_SGD, .rate = 0.0125, .momentum = 0.9, .weight_decay = 1e-4,                                 \
        .schedule = { .kind = CLADE_STEP, .factor = 0.1, .every = 30 }, .batch = 32, .epochs = 90                      \
    }
#define CIFAR_RECIPE                                                                                                   \
    {                                                                                                                  \
        .optimizer = CLADE_SGD, .rate = 0.1, .momentum = 0.9, .weight_decay = 1e-4,                                    \
        .schedule = { .kind = CLADE_COSINE }, .batch = 128, .epochs = 164                                              \
    }

#define IMAGENET(DEPTH, BLOCK, MULTIPLIER, KIND, ...)                                                                  \
    static clade_model_values build_##DEPTH(clade_value image, clade_value label) {                                    \
        static const plan p = { "layer", 4, { __VA_ARGS__ }, 64, MULTIPLIER, BLOCK };                                  \
        return build_imagenet(image, label, &p);                                                                       \
    }                                                                                                                  \
    const clade_model clade_model_resnet##DEPTH = {                                                                    \
        .name = "resnet" #DEPTH,                                                                                       \
        .title = "ResNet-" #DEPTH " for ImageNet: " KIND " blocks, shortcuts by projection",                           \
        .image = { 3, 224, 224 },                                                                                      \
        .classes = 1000,                                                                                               \
        .recipe = IMAGENET_RECIPE,                                                                                     \
        .build = build_##DEPTH,                                                                                        \
    };

#define CIFAR(DEPTH, BLOCKS)                                                                                           \
    static clade_model_values build_##DEPTH(clade_value image, clade_value label) {                                    \
        return build_cifar(image, label, BLOCKS);                                                                      \
    }                                                                                                                  \
    const clade_model clade_model_resnet##DEPTH = {                                                                    \
        .name = "resnet" #DEPTH,                                                                                       \
        .title = "ResNet-" #DEPTH " for CIFAR-10: 3 stages of " #BLOCKS " blocks, shortcuts without weights",          \
        .image = { 3, 32, 32 },                                                                                        \
        .classes = 10,                                                                                                 \
        .recipe = CIFAR_RECIPE,                                                                                        \
        .build = build_##DEPTH,                                                                                        \
    };

CIFAR(20, 3)
CIFAR(32, 5)
CIFAR(44, 7)
CIFAR(56, 9)
CIFAR(110, 18)
CIFAR(1202, 200)
IMAGENET(18, basic_block, 1, "3x3-3x3", 2, 2, 2, 2)
IMAGENET(34, basic_block, 1, "3x3-3x3", 3, 4, 6, 3)
IMAGENET(50, bottleneck, 4, "1x1-3x3-1x1", 3, 4, 6, 3)
IMAGENET(101, bottleneck, 4, "1x1-3x3-1x1", 3, 4, 23, 3)
IMAGENET(152, bottleneck, 4, "1x1-3x3-1x1", 3, 8, 36, 3)
