/* A small network for points of the plane (`points:KIND`): two inputs, two hidden layers of 64 units with ReLU, up to three
 * classes. */
#include "models/zoo.h"

enum { HIDDEN = 64, CLASSES = 3 };

static clade_model_values build(clade_value point, clade_value label) {
    clade_value x = clade_relu(clade_dense(point, .units = HIDDEN, .name = "fc1"));
    x = clade_relu(clade_dense(x, .units = HIDDEN, .name = "fc2"));
    return clade_classify(clade_dense(x, .units = CLASSES, .name = "fc3"), label);
}

const clade_model clade_model_mlp_points = {
    .name = "mlp-points",
    .title = "Multi-layer perceptron for points of the plane: 2-64-64-3, ReLU",
    .image = { 2, 1, 1 },
    .classes = CLASSES,
    .recipe = { .optimizer = CLADE_ADAM,
                .rate = 0.01,
                .momentum = 0.9,
                .schedule = { .kind = CLADE_COSINE },
                .batch = 50,
                .epochs = 100 },
    .build = build,
};
