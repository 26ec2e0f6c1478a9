/* Networks for tables (deck 001's credit applicant): as many inputs as the data have columns, as many outputs as classes
 * or numbers to be foretold. A table's rows are images of (columns, 1, 1); data/csv_set.c normalises them. */
#include "models/zoo.h"

enum { HIDDEN1 = 64, HIDDEN2 = 32, EXAMPLE_COLUMNS = 8, EXAMPLE_CLASSES = 2 };

/* Classes by cross-entropy, numbers by half the squared error. */
static clade_model_values end(clade_value outputs, clade_value label) {
    if (clade_value_dtype(label) == CLADE_I32) return clade_classify(outputs, label);
    return (clade_model_values){ .scores = outputs, .loss = clade_half_squared_loss(outputs, label) };
}

static clade_model_values build_open_linear(clade_value image, clade_value label, int64_t outputs) {
    return end(clade_dense(image, .units = outputs, .name = "fc"), label);
}

static clade_model_values build_open_mlp(clade_value image, clade_value label, int64_t outputs) {
    clade_value x = clade_relu(clade_dense(image, .units = HIDDEN1, .name = "fc1"));
    x = clade_relu(clade_dense(x, .units = HIDDEN2, .name = "fc2"));
    return end(clade_dense(x, .units = outputs, .name = "fc3"), label);
}

static clade_model_values build_linear(clade_value image, clade_value label) {
    return build_open_linear(image, label, EXAMPLE_CLASSES);
}

static clade_model_values build_mlp(clade_value image, clade_value label) {
    return build_open_mlp(image, label, EXAMPLE_CLASSES);
}

#define RECIPE(RATE)                                                                                                   \
    {                                                                                                                  \
        .optimizer = CLADE_ADAM, .rate = (RATE), .momentum = 0.9, .schedule = { .kind = CLADE_COSINE }, .batch = 32,   \
        .epochs = 50                                                                                                   \
    }

const clade_model clade_model_table_linear = {
    .name = "table-linear",
    .title = "One fully connected layer for a table: softmax or linear regression on its columns",
    .image = { EXAMPLE_COLUMNS, 1, 1 },
    .classes = EXAMPLE_CLASSES,
    .recipe = RECIPE(0.05),
    .build = build_linear,
    .build_open = build_open_linear,
};

const clade_model clade_model_table_mlp = {
    .name = "table-mlp",
    .title = "Multi-layer perceptron for a table: its columns, 64 and 32 units with ReLU, its classes or numbers",
    .image = { EXAMPLE_COLUMNS, 1, 1 },
    .classes = EXAMPLE_CLASSES,
    .recipe = RECIPE(0.005),
    .build = build_mlp,
    .build_open = build_open_mlp,
};
