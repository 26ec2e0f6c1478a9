/* A picture read as a sequence: 28 time steps of a row of 28 pixels each through an LSTM of 128 units, whose last state is
 * classified (the sequential reading of MNIST by rows, after Le et al. 2015, who read it by pixels). */
#include "models/zoo.h"

static clade_model_values build(clade_value image, clade_value label) {
    enum { ROWS = 28, COLUMNS = 28, UNITS = 128, CLASSES = 10 };
    clade_value rows = clade_reshape(clade_standardize(image), clade_shape(CLADE_BATCH, ROWS, COLUMNS));
    clade_value steps = clade_transpose(rows, 1, 0, 2);
    clade_value last = clade_lstm(steps, .units = UNITS, .forget_bias = 1, .name = "lstm1").hidden;
    last = clade_reshape(last, clade_shape(CLADE_BATCH, UNITS));
    return clade_classify(clade_dense(last, .units = CLASSES, .name = "fc1"), label);
}

const clade_model clade_model_lstm_rows = {
    .name = "lstm-rows",
    .title = "An LSTM that reads a picture row by row: 28 steps of 28, 128 units",
    .image = { 1, 28, 28 },
    .classes = 10,
    .recipe = { .optimizer = CLADE_ADAM,
                .rate = 0.002,
                .momentum = 0.9,
                .schedule = { .kind = CLADE_COSINE },
                .batch = 64,
                .epochs = 4 },
    .build = build,
};
