/* Recurrent layers: simple RNN, LSTM and GRU over whole sequences. See clade/ops.h for what all share. */
#ifndef CLADE_OPERATORS_RECURRENT_H
#define CLADE_OPERATORS_RECURRENT_H

#include "clade/graph.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum clade_recurrent_direction {
    CLADE_FORWARD,       /* from the first step to the last */
    CLADE_REVERSE,       /* from the last step to the first */
    CLADE_BIDIRECTIONAL, /* both, each with weights of its own */
} clade_recurrent_direction;

/* What a recurrent layer gives, with T steps, N samples, D directions (1 or 2) and H units:
 *   y       (T, N, D*H)  the hidden state after each step, the reverse direction's units after the forward one's
 *   hidden  (D, N, H)    the hidden state at the end: after the sample's last step, in reverse after its first
 *   cell    (D, N, H)    an LSTM's cell then; invalid for the others
 * Layers are stacked by giving y to the next. */
typedef struct clade_sequence {
    clade_value y, hidden, cell;
} clade_sequence;

/* One layer over sequences: x (T, N, C), both T and N symbols where wished, C a number.
 *
 * States, with G gates (RNN 1, LSTM 4, GRU 3), are ONNX's W, R, B and P, made as NAME.weight, NAME.recurrent, NAME.bias
 * and NAME.peephole or given as values: W (D, G*H, C), R (D, G*H, H), B (D, 2*G*H), the biases of the input and then those
 * of the hidden state, P (D, 3*H) for the gates i, o, f. The gates' order is ONNX's: i, o, f, c of an LSTM (PyTorch's
 * i, f, g, o are its 0, 2, 3, 1), z, r, h of a GRU (PyTorch's r, z, n are its 1, 0, 2). All start uniform in
 * +-1/sqrt(H), as PyTorch's, biases by bias_initializer, the others by weight_initializer. */
typedef struct clade_recurrent_options {
    size_t size;
    clade_value x;
    int64_t units; /* H, at least 1 */
    clade_recurrent_direction direction;
    clade_value lengths;      /* int32 (N): each sample's steps, 0 to T; none: all have T. Beyond them y is 0 */
    clade_value hidden, cell; /* (D, N, H): the states to begin with; none: zeros. CELL: LSTM */
    clade_value weight, recurrent, bias, peephole; /* given weights */
    bool no_bias;
    bool relu;          /* RNN: ReLU instead of tanh */
    bool reset_before;  /* GRU: the reset gate before the recurrent product, as Cho et al. 2014 and ONNX's default;
                         * else after it, as PyTorch, cuDNN and ONNX's linear_before_reset = 1 */
    bool peepholes;     /* LSTM: gates see the cell (Gers and Schmidhuber 2000); also where PEEPHOLE is given */
    double forget_bias; /* LSTM: a constant added to the forget gate's sum (Jozefowicz et al. 2015: 1); default 0 */
    double clip;        /* what goes into a gate's activation is kept within +-clip; 0: not. The gradient is 0 beyond */
    clade_initializer weight_initializer, bias_initializer;
    const char *name;
} clade_recurrent_options;

/* h' = f(W x + R h + b), f = tanh or ReLU (Elman 1990; ONNX's RNN). */
CLADE_API clade_sequence clade_rnn_with(const clade_recurrent_options *options);
/* Hochreiter and Schmidhuber 1997 with the forget gate of Gers et al. 2000; ONNX's LSTM; s is the sigmoid:
 *   i, o, f = s(W x + R h + b),  g = tanh(W x + R h + b),  c' = f c + i g,  h' = o tanh(c')
 * with peepholes Pi c, Pf c and Po c' in the sums of i, f and o. */
CLADE_API clade_sequence clade_lstm_with(const clade_recurrent_options *options);
/* Cho et al. 2014; ONNX's GRU; s is the sigmoid:
 *   z, r = s(W x + R h + b),  n = tanh(W x + b + r (R h + b)),  h' = (1 - z) n + z h
 * with reset_before n = tanh(W x + b + R (r h) + b). */
CLADE_API clade_sequence clade_gru_with(const clade_recurrent_options *options);

#define CLADE_RECURRENT_OPTIONS(...)                                                                                   \
    &(clade_recurrent_options) {                                                                                       \
        .size = sizeof(clade_recurrent_options), .x = __VA_ARGS__                                                      \
    }
#define clade_rnn(...) clade_rnn_with(CLADE_RECURRENT_OPTIONS(__VA_ARGS__))
#define clade_lstm(...) clade_lstm_with(CLADE_RECURRENT_OPTIONS(__VA_ARGS__))
#define clade_gru(...) clade_gru_with(CLADE_RECURRENT_OPTIONS(__VA_ARGS__))

#ifdef __cplusplus
}
#endif
#endif
