/* The sizes that every recurrent row is tried at (rnn.c, lstm.c, gru.c), and what the dims of a case's inputs are made of:
 * T steps, N samples, H units in a DIRECTION. A row's file says what its cell's inputs and attributes are at such sizes:
 *   FORWARD(NAME, T, N, H, DIRECTION, KEEPS, CLIP)          LENGTHS(NAME, T, N, H, DIRECTION, KEEPS, BOUND)
 *   BACKWARD(NAME, T, N, H, DIRECTION, DY, LAST, CLIP)      BACKWARD_LENGTHS(NAME, T, N, H, DIRECTION, DY, LAST, BOUND)
 * KEEPS, DY, LAST are 0 or 1: what the gradient needs is kept; y's gradient, the last states' gradients are there. Lengths
 * are below BOUND. A case may list dims beyond its input_count. */
#ifndef CLADE_OPS_RECURRENT_CASES_H
#define CLADE_OPS_RECURRENT_CASES_H

#define CLADE_CASE_DIRECTIONS(DIRECTION) ((DIRECTION) == CLADE_BIDIRECTIONAL ? 2 : 1)

/* clang-format off */
/* Dims of x, y or what is kept, WIDTH numbers in each direction; of R; of h or c; of peepholes or recurrent biases. */
#define CLADE_CASE_STEPS(T, N, WIDTH, DIRECTION) { 3, { T, N, CLADE_CASE_DIRECTIONS(DIRECTION) * (WIDTH) } }
#define CLADE_CASE_WEIGHTS(GATES, H, DIRECTION) { 3, { CLADE_CASE_DIRECTIONS(DIRECTION), (GATES) * (H), H } }
#define CLADE_CASE_STATE(N, H, DIRECTION) { 3, { CLADE_CASE_DIRECTIONS(DIRECTION), N, H } }
#define CLADE_CASE_EXTRA(H, DIRECTION) { 2, { CLADE_CASE_DIRECTIONS(DIRECTION), 3 * (H) } }
/* Dims of dy, or of the last state's gradient that stands in its place. */
#define CLADE_CASE_FLOWING(T, N, H, DIRECTION, DY)                                                                     \
    { 3, { (DY) ? (T) : CLADE_CASE_DIRECTIONS(DIRECTION), N, ((DY) ? CLADE_CASE_DIRECTIONS(DIRECTION) : 1) * (H) } }
/* R of a single unit is small. */
#define CLADE_CASE_FILL(H) { [1] = (H) == 1 ? CLADE_FILL_SMALL : CLADE_FILL_UNIFORM }
/* clang-format on */

/* BLOCK: units that fill the kernels' blocks and rows. */
#define CLADE_RECURRENT_CASES(FORWARD, LENGTHS, PREFIX, BLOCK)                                                         \
    FORWARD(PREFIX "one of each", 1, 1, 1, CLADE_FORWARD, 1, 0),                                                       \
        FORWARD(PREFIX "a few units", 4, 3, 5, CLADE_FORWARD, 1, 0),                                                   \
        FORWARD(PREFIX "whole blocks, whole rows", 2, 8, BLOCK, CLADE_FORWARD, 1, 0),                                  \
        FORWARD(PREFIX "more than a block and more than a tile of rows", 2, 9, (BLOCK) + 2, CLADE_FORWARD, 1, 0),      \
        LENGTHS(PREFIX "in reverse, with lengths", 3, 8, 5, CLADE_REVERSE, 1, 4),                                      \
        LENGTHS(PREFIX "both ways, with lengths", 3, 2, 18, CLADE_BIDIRECTIONAL, 1, 4),                                \
        FORWARD(PREFIX "both ways", 3, 2, 17, CLADE_BIDIRECTIONAL, 1, 0),                                              \
        LENGTHS(PREFIX "with lengths", 5, 6, 6, CLADE_FORWARD, 1, 6),                                                  \
        FORWARD(PREFIX "many samples, several slabs", 2, 41, 2, CLADE_FORWARD, 1, 0),                                  \
        FORWARD(PREFIX "clipped", 3, 3, 6, CLADE_FORWARD, 1, 0.5)

/* Of the cells that keep numbers for the gradient. */
#define CLADE_RECURRENT_CASES_OF_KEEPING(FORWARD, LENGTHS, PREFIX)                                                     \
    FORWARD(PREFIX "nothing kept", 3, 5, 19, CLADE_FORWARD, 0, 0),                                                     \
        LENGTHS(PREFIX "nothing kept, in reverse, with lengths", 4, 5, 19, CLADE_REVERSE, 0, 5)

#define CLADE_RECURRENT_GRADIENT_CASES(BACKWARD, BACKWARD_LENGTHS, PREFIX)                                             \
    BACKWARD(PREFIX "one of each", 1, 1, 1, CLADE_FORWARD, 1, 1, 0),                                                   \
        BACKWARD(PREFIX "a few units, dy alone", 4, 3, 5, CLADE_FORWARD, 1, 0, 0),                                     \
        BACKWARD(PREFIX "whole blocks, whole rows", 3, 8, 32, CLADE_FORWARD, 1, 1, 0),                                 \
        BACKWARD(PREFIX "more than a block and more than a tile of rows", 3, 11, 37, CLADE_FORWARD, 1, 1, 0),          \
        BACKWARD_LENGTHS(PREFIX "in reverse, with lengths", 3, 8, 5, CLADE_REVERSE, 1, 1, 4),                          \
        BACKWARD_LENGTHS(PREFIX "both ways, with lengths", 4, 9, 18, CLADE_BIDIRECTIONAL, 1, 1, 5),                    \
        BACKWARD(PREFIX "both ways, the last states alone", 3, 2, 17, CLADE_BIDIRECTIONAL, 0, 1, 0),                   \
        BACKWARD_LENGTHS(PREFIX "with lengths, the last states alone", 5, 6, 6, CLADE_FORWARD, 0, 1, 6),               \
        BACKWARD(PREFIX "many samples, several slabs", 2, 77, 3, CLADE_FORWARD, 1, 1, 0),                              \
        BACKWARD(PREFIX "clipped", 3, 3, 6, CLADE_FORWARD, 1, 1, 0.5)

/* A row of a cell: what it has of its own is its name, its inputs and its cases. */
#define CLADE_RECURRENT_ROW(NAME, ONNX, LEAST, MOST, CASES)                                                            \
    {                                                                                                                  \
        .name = NAME, .onnx = ONNX, .attributes = clade_recurrent_schema,                                              \
        .attributes_size = sizeof(clade_recurrent_attributes), .input_minimum = LEAST, .input_maximum = MOST,          \
        .infer = clade_recurrent_infer, .gradient = clade_recurrent_gradient, .inference = clade_recurrent_inference,  \
        .reference = clade_recurrent_reference, .sample = clade_recurrent_sample, .flops = clade_recurrent_flops,      \
        .implementations = clade_recurrent_implementations, .cases = CASES,                                            \
    }
#define CLADE_RECURRENT_GRADIENT_ROW(NAME, LEAST, MOST, CASES)                                                         \
    {                                                                                                                  \
        .name = NAME, .attributes = clade_recurrent_schema, .attributes_size = sizeof(clade_recurrent_attributes),     \
        .input_minimum = LEAST, .input_maximum = MOST, .infer = clade_recurrent_infer,                                 \
        .reference = clade_recurrent_reference_backward, .sample = clade_recurrent_sample,                             \
        .flops = clade_recurrent_flops, .implementations = clade_recurrent_gradient_implementations, .cases = CASES,   \
    }

#endif
