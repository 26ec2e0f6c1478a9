/* The LSTM (Hochreiter and Schmidhuber 1997; forget gate, Gers et al. 2000; peepholes, Gers and Schmidhuber 2000). The
 * formulas, inputs and outputs: ops/recurrent/recurrent.h. Kept for the gradient: i, o, f, g, c of each step, (T, N, D*5*H).
 *
 * lstm_gradient (y, R, h, c, then lengths and peepholes where they are, what was kept, and where they are dy, the last
 * states' gradients) -> dx, the state before each step, dh, dc, and with peepholes the cell before each step. It has no
 * gradient of its own. */
#include "ops/recurrent/recurrent.h"
#include "ops/recurrent/recurrent_cases.h"

#define LAYER(NAME, T, N, H, DIRECTION, KEEPS, PEEPHOLES, CLIP)                                                        \
    {                                                                                                                  \
        .name = NAME,                                                                                                  \
        .in = { CLADE_CASE_STEPS(T, N, 4 * (H), DIRECTION), CLADE_CASE_WEIGHTS(4, H, DIRECTION),                       \
                CLADE_CASE_STATE(N, H, DIRECTION), CLADE_CASE_STATE(N, H, DIRECTION),                                  \
                CLADE_CASE_EXTRA(H, DIRECTION) },                                                                      \
        .input_count = 4 + PEEPHOLES, .fill = CLADE_CASE_FILL(H),                                                      \
        .attributes = &(const clade_recurrent_attributes){                                                             \
            .output_count = 3 + KEEPS, .keeps = KEEPS, .extra = PEEPHOLES, .direction = DIRECTION, .clip = CLIP        \
        },                                                                                                             \
    }
#define LAYER_LENGTHS(NAME, T, N, H, DIRECTION, KEEPS, PEEPHOLES, BOUND)                                               \
    {                                                                                                                  \
        .name = NAME,                                                                                                  \
        .in = { CLADE_CASE_STEPS(T, N, 4 * (H), DIRECTION),                                                            \
                CLADE_CASE_WEIGHTS(4, H, DIRECTION),                                                                   \
                CLADE_CASE_STATE(N, H, DIRECTION),                                                                     \
                CLADE_CASE_STATE(N, H, DIRECTION),                                                                     \
                { 1, { N } },                                                                                          \
                CLADE_CASE_EXTRA(H, DIRECTION) },                                                                      \
        .input_count = 5 + PEEPHOLES, .fill = { [4] = CLADE_FILL_LABELS }, .label_bound = BOUND,                       \
        .attributes = &(const clade_recurrent_attributes){                                                             \
            .output_count = 3 + KEEPS, .keeps = KEEPS, .extra = PEEPHOLES, .lengths = true, .direction = DIRECTION     \
        },                                                                                                             \
    }
#define FORWARD(NAME, T, N, H, DIRECTION, KEEPS, CLIP) LAYER(NAME, T, N, H, DIRECTION, KEEPS, 0, CLIP)
#define LENGTHS(NAME, T, N, H, DIRECTION, KEEPS, BOUND) LAYER_LENGTHS(NAME, T, N, H, DIRECTION, KEEPS, 0, BOUND)

static const clade_case cases[] = {
    CLADE_RECURRENT_CASES(FORWARD, LENGTHS, "", 16),
    CLADE_RECURRENT_CASES_OF_KEEPING(FORWARD, LENGTHS, ""),
    LAYER("peepholes", 3, 5, 21, CLADE_FORWARD, 1, 1, 0),
    LAYER_LENGTHS("peepholes, in reverse, with lengths", 4, 5, 6, CLADE_REVERSE, 1, 1, 5),
    LAYER("peepholes, both ways, clipped", 3, 3, 6, CLADE_BIDIRECTIONAL, 1, 1, 0.5),
    { .name = NULL },
};

#define BACKWARD(NAME, T, N, H, DIRECTION, DY, LAST, CLIP)                                                             \
    {                                                                                                                  \
        .name = NAME, .in = { CLADE_CASE_STEPS(T, N, H, DIRECTION),       CLADE_CASE_WEIGHTS(4, H, DIRECTION),         \
                              CLADE_CASE_STATE(N, H, DIRECTION),          CLADE_CASE_STATE(N, H, DIRECTION),           \
                              CLADE_CASE_STEPS(T, N, 5 * (H), DIRECTION), CLADE_CASE_FLOWING(T, N, H, DIRECTION, DY),  \
                              CLADE_CASE_STATE(N, H, DIRECTION),          CLADE_CASE_STATE(N, H, DIRECTION) },         \
        .input_count = 5 + DY + 2 * LAST, .fill = CLADE_CASE_FILL(H),                                                  \
        .attributes = &(const clade_recurrent_attributes){ .output_count = 4,                                          \
                                                           .dy = DY,                                                   \
                                                           .last_dhidden = LAST,                                       \
                                                           .last_dcell = LAST,                                         \
                                                           .direction = DIRECTION,                                     \
                                                           .clip = CLIP },                                             \
    }
/* A case has room for 8 inputs: beside lengths and dy, no gradient of the last cell. */
#define BACKWARD_LENGTHS(NAME, T, N, H, DIRECTION, DY, LAST, BOUND)                                                    \
    {                                                                                                                  \
        .name = NAME,                                                                                                  \
        .in = { CLADE_CASE_STEPS(T, N, H, DIRECTION),                                                                  \
                CLADE_CASE_WEIGHTS(4, H, DIRECTION),                                                                   \
                CLADE_CASE_STATE(N, H, DIRECTION),                                                                     \
                CLADE_CASE_STATE(N, H, DIRECTION),                                                                     \
                { 1, { N } },                                                                                          \
                CLADE_CASE_STEPS(T, N, 5 * (H), DIRECTION),                                                            \
                CLADE_CASE_FLOWING(T, N, H, DIRECTION, DY),                                                            \
                CLADE_CASE_STATE(N, H, DIRECTION) },                                                                   \
        .input_count = 7 + LAST, .fill = { [4] = CLADE_FILL_LABELS }, .label_bound = BOUND,                            \
        .attributes = &(const clade_recurrent_attributes){ .output_count = 4,                                          \
                                                           .dy = DY,                                                   \
                                                           .last_dhidden = LAST,                                       \
                                                           .last_dcell = !DY,                                          \
                                                           .lengths = true,                                            \
                                                           .direction = DIRECTION },                                   \
    }

static const clade_case gradient_cases[] = {
    CLADE_RECURRENT_GRADIENT_CASES(BACKWARD, BACKWARD_LENGTHS, ""),
    { .name = "peepholes",
      .in = { { 3, { 3, 5, 21 } },
              { 3, { 1, 84, 21 } },
              { 3, { 1, 5, 21 } },
              { 3, { 1, 5, 21 } },
              { 2, { 1, 63 } },
              { 3, { 3, 5, 105 } },
              { 3, { 3, 5, 21 } },
              { 3, { 1, 5, 21 } } },
      .input_count = 8,
      .attributes =
          &(const clade_recurrent_attributes){ .output_count = 5, .dy = true, .last_dhidden = true, .extra = true } },
    { .name = "peepholes, in reverse, with lengths",
      .in = { { 3, { 4, 5, 6 } },
              { 3, { 1, 24, 6 } },
              { 3, { 1, 5, 6 } },
              { 3, { 1, 5, 6 } },
              { 1, { 5 } },
              { 2, { 1, 18 } },
              { 3, { 4, 5, 30 } },
              { 3, { 4, 5, 6 } } },
      .input_count = 8,
      .fill = { [4] = CLADE_FILL_LABELS },
      .label_bound = 5,
      .attributes =
          &(const clade_recurrent_attributes){
              .output_count = 5, .dy = true, .extra = true, .lengths = true, .direction = CLADE_REVERSE } },
    { .name = "peepholes, both ways, the last cell alone",
      .in = { { 3, { 3, 3, 12 } },
              { 3, { 2, 24, 6 } },
              { 3, { 2, 3, 6 } },
              { 3, { 2, 3, 6 } },
              { 2, { 2, 18 } },
              { 3, { 3, 3, 60 } },
              { 3, { 2, 3, 6 } } },
      .input_count = 7,
      .attributes =
          &(const clade_recurrent_attributes){
              .output_count = 5, .last_dcell = true, .extra = true, .direction = CLADE_BIDIRECTIONAL } },
    { .name = NULL },
};

const clade_op clade_op_lstm = CLADE_RECURRENT_ROW("lstm", "LSTM", 4, 6, cases);
const clade_op clade_op_lstm_gradient = CLADE_RECURRENT_GRADIENT_ROW("lstm_gradient", 5, 10, gradient_cases);
