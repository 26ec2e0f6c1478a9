/* Rosenblatt's perceptron, one unit a class, trained by its own rule (1958).
 *
 * A unit answers step(z), z = w.x + b. The rule adds (target - answer) * x to w, and so moves only units that are wrong.
 * It is the gradient descent of
 *     loss = 1/N * sum over samples and units of (step(z) - target) * z
 * because the step's derivative is 0: d loss/d w = 1/N * sum of (step(z) - target) * x. */
#include "models/zoo.h"

static clade_model_values build(clade_value image, clade_value label) {
    enum { CLASSES = 10, SAMPLES_AXIS = 1u << 0, UNITS_AXIS = 1u << 1 };
    clade_initializer zero = { .kind = CLADE_INITIALIZE_CONSTANT };
    clade_value z = clade_dense(image, .units = CLASSES, .weight_initializer = zero, .name = "fc");
    clade_value wrong = clade_subtract(clade_step(z), clade_one_hot(label, CLASSES));
    clade_value sums = clade_sum(clade_multiply(wrong, z), UNITS_AXIS, false);
    return (clade_model_values){ .scores = z, .loss = clade_mean(sums, SAMPLES_AXIS, false) };
}

const clade_model clade_model_perceptron = {
    .name = "perceptron",
    .title = "Perceptron: ten step units trained by the perceptron rule",
    .image = { 1, 28, 28 },
    .classes = 10,
    .recipe = { .optimizer = CLADE_SGD, .rate = 0.1, .schedule = { .kind = CLADE_COSINE }, .batch = 64, .epochs = 5 },
    .build = build,
};
