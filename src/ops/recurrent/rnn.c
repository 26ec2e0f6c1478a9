/* The simple recurrent layer (Elman 1990): h' = f(x + R h), f = tanh or ReLU. What all recurrent rows share, and what the
 * inputs and outputs are: ops/recurrent/recurrent.h.
 *
 * rnn_gradient (y, R, h, then lengths, dy, the last state's gradient where they are) -> dx, the state before each step,
 * dh. It has no gradient of its own. */
#include "ops/recurrent/recurrent.h"
#include "ops/recurrent/recurrent_cases.h"

#define LAYER(NAME, T, N, H, DIRECTION, RELU, CLIP)                                                                    \
    {                                                                                                                  \
        .name = NAME,                                                                                                  \
        .in = { CLADE_CASE_STEPS(T, N, H, DIRECTION), CLADE_CASE_WEIGHTS(1, H, DIRECTION),                             \
                CLADE_CASE_STATE(N, H, DIRECTION) },                                                                   \
        .input_count = 3, .fill = CLADE_CASE_FILL(H),                                                                  \
        .attributes = &(const clade_recurrent_attributes){                                                             \
            .output_count = 2, .relu = RELU, .direction = DIRECTION, .clip = CLIP                                      \
        },                                                                                                             \
    }
#define FORWARD(NAME, T, N, H, DIRECTION, KEEPS, CLIP) LAYER(NAME, T, N, H, DIRECTION, false, CLIP)
#define LENGTHS(NAME, T, N, H, DIRECTION, KEEPS, BOUND)                                                                \
    {                                                                                                                  \
        .name = NAME,                                                                                                  \
        .in = { CLADE_CASE_STEPS(T, N, H, DIRECTION),                                                                  \
                CLADE_CASE_WEIGHTS(1, H, DIRECTION),                                                                   \
                CLADE_CASE_STATE(N, H, DIRECTION),                                                                     \
                { 1, { N } } },                                                                                        \
        .input_count = 4, .fill = { [3] = CLADE_FILL_LABELS }, .label_bound = BOUND,                                   \
        .attributes =                                                                                                  \
            &(const clade_recurrent_attributes){ .output_count = 2, .lengths = true, .direction = DIRECTION },         \
    }

static const clade_case cases[] = {
    CLADE_RECURRENT_CASES(FORWARD, LENGTHS, "", 32),
    LAYER("ReLU", 3, 5, 20, CLADE_FORWARD, true, 0),
    LAYER("ReLU, clipped", 3, 5, 9, CLADE_FORWARD, true, 0.5),
    { .name = NULL },
};

#define BACKWARD_LAYER(NAME, T, N, H, DIRECTION, DY, LAST, RELU, CLIP)                                                 \
    {                                                                                                                  \
        .name = NAME,                                                                                                  \
        .in = { CLADE_CASE_STEPS(T, N, H, DIRECTION), CLADE_CASE_WEIGHTS(1, H, DIRECTION),                             \
                CLADE_CASE_STATE(N, H, DIRECTION), CLADE_CASE_FLOWING(T, N, H, DIRECTION, DY),                         \
                CLADE_CASE_STATE(N, H, DIRECTION) },                                                                   \
        .input_count = 3 + DY + LAST, .fill = CLADE_CASE_FILL(H),                                                      \
        .attributes = &(const clade_recurrent_attributes){                                                             \
            .output_count = 3, .dy = DY, .last_dhidden = LAST, .relu = RELU, .direction = DIRECTION, .clip = CLIP      \
        },                                                                                                             \
    }
#define BACKWARD(NAME, T, N, H, DIRECTION, DY, LAST, CLIP)                                                             \
    BACKWARD_LAYER(NAME, T, N, H, DIRECTION, DY, LAST, false, CLIP)
#define BACKWARD_LENGTHS(NAME, T, N, H, DIRECTION, DY, LAST, BOUND)                                                    \
    {                                                                                                                  \
        .name = NAME, .in = { CLADE_CASE_STEPS(T, N, H, DIRECTION),       CLADE_CASE_WEIGHTS(1, H, DIRECTION),         \
                              CLADE_CASE_STATE(N, H, DIRECTION),          { 1, { N } },                                \
                              CLADE_CASE_FLOWING(T, N, H, DIRECTION, DY), CLADE_CASE_STATE(N, H, DIRECTION) },         \
        .input_count = 4 + DY + LAST, .fill = { [3] = CLADE_FILL_LABELS }, .label_bound = BOUND,                       \
        .attributes = &(const clade_recurrent_attributes){                                                             \
            .output_count = 3, .dy = DY, .last_dhidden = LAST, .lengths = true, .direction = DIRECTION                 \
        },                                                                                                             \
    }

static const clade_case gradient_cases[] = {
    CLADE_RECURRENT_GRADIENT_CASES(BACKWARD, BACKWARD_LENGTHS, ""),
    BACKWARD_LAYER("ReLU", 3, 5, 20, CLADE_FORWARD, 1, 1, true, 0),
    BACKWARD_LAYER("ReLU, clipped", 3, 5, 9, CLADE_FORWARD, 1, 1, true, 0.5),
    { .name = NULL },
};

const clade_op clade_op_rnn = CLADE_RECURRENT_ROW("rnn", "RNN", 3, 4, cases);
const clade_op clade_op_rnn_gradient = CLADE_RECURRENT_GRADIENT_ROW("rnn_gradient", 3, 6, gradient_cases);
