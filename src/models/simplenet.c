/* SimpleNet, for deck 002's project "Scene Classification with Deep Nets": a small network, trained from scratch, that tells 15
 * kinds of scenes apart. The deck's text names it and not its layers; these are Clade's choice: images of 64x64 grey,
 * normalised by the training set, two convolutions with pooling, dropout, two dense layers. */
#include "models/zoo.h"

enum { SIDE = 64, CLASSES = 15 };

static clade_value block(clade_value x, int64_t filters, const char *convolution, const char *pool) {
    x = clade_relu(clade_conv2d(x, .filters = filters, .kernel = { 5, 5 }, .name = convolution));
    return clade_max_pool(x, .kernel = { 3, 3 }, .stride = { 3, 3 }, .name = pool);
}

static clade_model_values build(clade_value image, clade_value label) {
    clade_value x = clade_zero_center(image, .by_channel = true, .deviation = true, .name = "input");
    x = block(x, 10, "conv1", "pool1");
    x = block(x, 20, "conv2", "pool2");
    x = clade_relu(clade_dense(clade_dropout(x, 0.5, "drop"), .units = 100, .name = "fc1"));
    return clade_classify(clade_dense(x, .units = CLASSES, .name = "fc2"), label);
}

const clade_model clade_model_simplenet = {
    .name = "simplenet",
    .title = "SimpleNet for 15 scenes: 10 and 20 filters of 5x5, 3x3 max pooling, dropout, 100 and 15 units",
    .image = { 1, SIDE, SIDE },
    .classes = CLASSES,
    .recipe = { .optimizer = CLADE_ADAM,
                .rate = 0.001,
                .momentum = 0.9,
                .weight_decay = 1e-4,
                .schedule = { .kind = CLADE_COSINE },
                .batch = 32,
                .epochs = 60 },
    .build = build,
};
