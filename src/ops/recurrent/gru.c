/* The GRU (Cho et al. 2014), its reset gate before the recurrent product or after it. The formulas, inputs and outputs:
 * ops/recurrent/recurrent.h. Kept for the gradient: z, r, n of each step, (T, N, D*3*H), and with the reset gate after the product
 * also R h + b of n, (T, N, D*4*H).
 *
 * gru_gradient (y, R, h, then lengths where they are, what was kept, and where they are dy, the last state's gradient) ->
 * dx, the state before each step, dh, and what else the weights' gradient needs: the reset gate after the product, the
 * gradient of R h + b of all gates, (T, N, D*3*H); before it, r h, (T, N, D*H). It has no gradient of its own. */
#include "ops/recurrent/recurrent.h"
#include "ops/recurrent/recurrent_cases.h"

/* AFTER: whether the reset gate comes after the product, 0 or 1. */
#define FORWARD(AFTER, NAME, T, N, H, DIRECTION, KEEPS, CLIP)                                                          \
    {                                                                                                                  \
        .name = NAME,                                                                                                  \
        .in = { CLADE_CASE_STEPS(T, N, 3 * (H), DIRECTION), CLADE_CASE_WEIGHTS(3, H, DIRECTION),                       \
                CLADE_CASE_STATE(N, H, DIRECTION), CLADE_CASE_EXTRA(H, DIRECTION) },                                   \
        .input_count = 3 + AFTER, .fill = CLADE_CASE_FILL(H),                                                          \
        .attributes = &(const clade_recurrent_attributes){ .output_count = 2 + KEEPS,                                  \
                                                           .keeps = KEEPS,                                             \
                                                           .extra = AFTER,                                             \
                                                           .reset_after = AFTER,                                       \
                                                           .direction = DIRECTION,                                     \
                                                           .clip = CLIP },                                             \
    }
#define LENGTHS(AFTER, NAME, T, N, H, DIRECTION, KEEPS, BOUND)                                                         \
    {                                                                                                                  \
        .name = NAME,                                                                                                  \
        .in = { CLADE_CASE_STEPS(T, N, 3 * (H), DIRECTION),                                                            \
                CLADE_CASE_WEIGHTS(3, H, DIRECTION),                                                                   \
                CLADE_CASE_STATE(N, H, DIRECTION),                                                                     \
                { 1, { N } },                                                                                          \
                CLADE_CASE_EXTRA(H, DIRECTION) },                                                                      \
        .input_count = 4 + AFTER, .fill = { [3] = CLADE_FILL_LABELS }, .label_bound = BOUND,                           \
        .attributes = &(const clade_recurrent_attributes){ .output_count = 2 + KEEPS,                                  \
                                                           .keeps = KEEPS,                                             \
                                                           .extra = AFTER,                                             \
                                                           .reset_after = AFTER,                                       \
                                                           .lengths = true,                                            \
                                                           .direction = DIRECTION },                                   \
    }
#define BEFORE(NAME, T, N, H, DIRECTION, KEEPS, CLIP) FORWARD(0, NAME, T, N, H, DIRECTION, KEEPS, CLIP)
#define AFTER(NAME, T, N, H, DIRECTION, KEEPS, CLIP) FORWARD(1, NAME, T, N, H, DIRECTION, KEEPS, CLIP)
#define BEFORE_LENGTHS(NAME, T, N, H, DIRECTION, KEEPS, BOUND) LENGTHS(0, NAME, T, N, H, DIRECTION, KEEPS, BOUND)
#define AFTER_LENGTHS(NAME, T, N, H, DIRECTION, KEEPS, BOUND) LENGTHS(1, NAME, T, N, H, DIRECTION, KEEPS, BOUND)

static const clade_case cases[] = {
    CLADE_RECURRENT_CASES(BEFORE, BEFORE_LENGTHS, "reset before: ", 16),
    CLADE_RECURRENT_CASES_OF_KEEPING(BEFORE, BEFORE_LENGTHS, "reset before: "),
    CLADE_RECURRENT_CASES(AFTER, AFTER_LENGTHS, "reset after: ", 16),
    CLADE_RECURRENT_CASES_OF_KEEPING(AFTER, AFTER_LENGTHS, "reset after: "),
    { .name = NULL },
};

#define BACKWARD(AFTER, NAME, T, N, H, DIRECTION, DY, LAST, CLIP)                                                      \
    {                                                                                                                  \
        .name = NAME,                                                                                                  \
        .in = { CLADE_CASE_STEPS(T, N, H, DIRECTION),       CLADE_CASE_WEIGHTS(3, H, DIRECTION),                       \
                CLADE_CASE_STATE(N, H, DIRECTION),          CLADE_CASE_STEPS(T, N, (3 + AFTER) * (H), DIRECTION),      \
                CLADE_CASE_FLOWING(T, N, H, DIRECTION, DY), CLADE_CASE_STATE(N, H, DIRECTION) },                       \
        .input_count = 4 + DY + LAST, .fill = CLADE_CASE_FILL(H),                                                      \
        .attributes = &(const clade_recurrent_attributes){ .output_count = 4,                                          \
                                                           .dy = DY,                                                   \
                                                           .last_dhidden = LAST,                                       \
                                                           .reset_after = AFTER,                                       \
                                                           .direction = DIRECTION,                                     \
                                                           .clip = CLIP },                                             \
    }
#define BACKWARD_LENGTHS(AFTER, NAME, T, N, H, DIRECTION, DY, LAST, BOUND)                                             \
    {                                                                                                                  \
        .name = NAME,                                                                                                  \
        .in = { CLADE_CASE_STEPS(T, N, H, DIRECTION),                                                                  \
                CLADE_CASE_WEIGHTS(3, H, DIRECTION),                                                                   \
                CLADE_CASE_STATE(N, H, DIRECTION),                                                                     \
                { 1, { N } },                                                                                          \
                CLADE_CASE_STEPS(T, N, (3 + AFTER) * (H), DIRECTION),                                                  \
                CLADE_CASE_FLOWING(T, N, H, DIRECTION, DY),                                                            \
                CLADE_CASE_STATE(N, H, DIRECTION) },                                                                   \
        .input_count = 5 + DY + LAST, .fill = { [3] = CLADE_FILL_LABELS }, .label_bound = BOUND,                       \
        .attributes = &(const clade_recurrent_attributes){ .output_count = 4,                                          \
                                                           .dy = DY,                                                   \
                                                           .last_dhidden = LAST,                                       \
                                                           .reset_after = AFTER,                                       \
                                                           .lengths = true,                                            \
                                                           .direction = DIRECTION },                                   \
    }
#define BEFORE_BACKWARD(NAME, T, N, H, DIRECTION, DY, LAST, CLIP) BACKWARD(0, NAME, T, N, H, DIRECTION, DY, LAST, CLIP)
#define AFTER_BACKWARD(NAME, T, N, H, DIRECTION, DY, LAST, CLIP) BACKWARD(1, NAME, T, N, H, DIRECTION, DY, LAST, CLIP)
#define BEFORE_BACKWARD_LENGTHS(NAME, T, N, H, DIRECTION, DY, LAST, BOUND)                                             \
    BACKWARD_LENGTHS(0, NAME, T, N, H, DIRECTION, DY, LAST, BOUND)
#define AFTER_BACKWARD_LENGTHS(NAME, T, N, H, DIRECTION, DY, LAST, BOUND)                                              \
    BACKWARD_LENGTHS(1, NAME, T, N, H, DIRECTION, DY, LAST, BOUND)

static const clade_case gradient_cases[] = {
    CLADE_RECURRENT_GRADIENT_CASES(BEFORE_BACKWARD, BEFORE_BACKWARD_LENGTHS, "reset before: "),
    CLADE_RECURRENT_GRADIENT_CASES(AFTER_BACKWARD, AFTER_BACKWARD_LENGTHS, "reset after: "),
    { .name = NULL },
};

const clade_op clade_op_gru = CLADE_RECURRENT_ROW("gru", "GRU", 3, 5, cases);
const clade_op clade_op_gru_gradient = CLADE_RECURRENT_GRADIENT_ROW("gru_gradient", 4, 7, gradient_cases);
