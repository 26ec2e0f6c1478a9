/* Recurrent layers: what their rows (rnn.c, lstm.c, gru.c) share. Each is one node over a whole sequence, in one or both
 * directions; the input's products with its weights W, for all steps at once, come before it as a matrix product.
 *
 * With s the sigmoid, H units, D directions (1 or 2), and h, c the states before the step (Elman 1990; Hochreiter and
 * Schmidhuber 1997 with the forget gate of Gers et al. 2000 and the peepholes P of Gers and Schmidhuber 2000; Cho et al.
 * 2014), gates in ONNX's order:
 *   rnn    h' = f(x + R h),  f = tanh or ReLU
 *   lstm   i = s(xi + Ri h + Pi c),  f = s(xf + Rf h + Pf c),  g = tanh(xc + Rc h),  c' = f c + i g,
 *          o = s(xo + Ro h + Po c'),  h' = o tanh(c');  order i, o, f, c
 *   gru    z = s(xz + Rz h + bz),  r = s(xr + Rr h + br),  h' = (1 - z) n + z h,  order z, r, h, with
 *          n = tanh(xh + Rh (r h)), or, the reset gate after the product, n = tanh(xh + r (Rh h + bh))
 * CLIP bounds what goes into the gates' activations.
 *
 * Inputs: x (T, N, D*G*H), R (D, G*H, H), h (D, N, H), lstm: c (D, N, H); where the attributes say so lengths int32 (N)
 * and extra (D, 3*H): an LSTM's peepholes i, o, f, a GRU's recurrent biases (reset after, which always has them).
 * Outputs: y (T, N, D*H), the last h (D, N, H), lstm: the last c (D, N, H); with KEEPS what the gradient needs.
 *
 * A sample takes part in its first LENGTH steps; beyond them y is 0 and the states stay. The second of two directions, or
 * the only one in reverse, goes from the sample's last step to its first; its last state is that of step 0. */
#ifndef CLADE_OPS_RECURRENT_H
#define CLADE_OPS_RECURRENT_H

#include "clade/ops/recurrent.h"
#include "ops/op.h"

extern const clade_op clade_op_rnn, clade_op_rnn_gradient, clade_op_lstm, clade_op_lstm_gradient, clade_op_gru,
    clade_op_gru_gradient;

typedef struct clade_recurrent_attributes {
    int32_t output_count;
    bool keeps; /* the forward row: whether it has the output that the gradient needs */
    bool relu;  /* rnn */
    bool reset_after;
    bool lengths, extra;
    bool dy, last_dhidden, last_dcell; /* the gradient row: which of the outputs' gradients there are */
    int64_t direction;                 /* clade_recurrent_direction */
    double clip;                       /* 0: none */
} clade_recurrent_attributes;

/* For the rows' tables. */
extern const clade_attribute clade_recurrent_schema[];

typedef enum clade_recurrent_cell { CLADE_CELL_RNN = 1, CLADE_CELL_LSTM, CLADE_CELL_GRU } clade_recurrent_cell;

/* Where the inputs of a node are, -1 for one that it has not, and what they measure. */
typedef struct clade_recurrent_place {
    clade_recurrent_cell cell;
    bool backward;
    int hidden, memory, lengths, extra, kept, dy, last_dhidden, last_dcell, count; /* memory: the LSTM's c */
    int64_t gates, keeps, directions; /* KEEPS numbers of a unit and step are kept for the gradient */
} clade_recurrent_place;

clade_recurrent_place clade_recurrent_place_of(const clade_node *node);

typedef struct clade_recurrent_sizes {
    int64_t time, samples, units, directions;
} clade_recurrent_sizes;

/* Of the sizes of inputs 0, x or y, and 1, R. */
clade_recurrent_sizes clade_recurrent_sizes_of(const int64_t first[], const int64_t r[]);
/* Bit d: direction d goes from the last step to the first. */
int clade_recurrent_reversed(const clade_node *node);
/* The results of the activations from which on the clip holds, or infinity: of |s(x) - 1/2|, and of |tanh| or ReLU. */
void clade_recurrent_bounds(const clade_recurrent_attributes *a, double *of_sigmoid, double *of_other);

/* For the rows' tables (recurrent.c, recurrent_gradient.c, recurrent_reference.c, recurrent_launch.c). */
bool clade_recurrent_infer(const clade_node *node, clade_type out[], clade_text *why);
void clade_recurrent_gradient(clade_tape *tape, const clade_node *node, const clade_value dy[], clade_value dx[]);
bool clade_recurrent_inference(clade_rewrite *rewrite, const clade_node *node, const clade_value inputs[],
                               clade_value out[]);
void clade_recurrent_reference(const clade_node *node, const clade_tensor in[], clade_tensor out[]);
void clade_recurrent_reference_backward(const clade_node *node, const clade_tensor in[], clade_tensor out[]);
double clade_recurrent_flops(const clade_site *site);
/* A length. */
int64_t clade_recurrent_sample(const clade_site *site, uint32_t input, int64_t element, uint32_t random);
extern const clade_implementation *const clade_recurrent_implementations[];
extern const clade_implementation *const clade_recurrent_gradient_implementations[];

#endif
