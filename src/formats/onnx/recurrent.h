/* ONNX's recurrent layers: what recurrent.c reads and recurrent_steps.c writes out. */
#ifndef CLADE_FORMATS_ONNX_RECURRENT_H
#define CLADE_FORMATS_ONNX_RECURRENT_H

#include "formats/onnx/import.h"

typedef enum clade_onnx_recurrent_kind { CLADE_ONNX_RNN, CLADE_ONNX_LSTM, CLADE_ONNX_GRU } clade_onnx_recurrent_kind;

/* An activation of ONNX's list, with its numbers. */
typedef struct clade_onnx_activation {
    clade_value (*apply)(clade_value x, double alpha, double beta);
    double alpha, beta;
} clade_onnx_activation;

enum { CLADE_ONNX_ACTIVATIONS = 3 }; /* the most that a direction has */

/* What the attributes say beyond CLADE_RECURRENT_OPTIONS. */
typedef struct clade_onnx_sequence_layer {
    clade_onnx_recurrent_kind kind;
    clade_recurrent_options options; /* the time first; weights, and states where they are given, as ONNX has them */
    bool by_steps;                   /* it is none of Clade's own layers: what follows is read then alone */
    bool couples;                    /* LSTM: the forget gate is 1 less the input gate */
    clade_onnx_activation activations[2][CLADE_ONNX_ACTIVATIONS]; /* of each direction */
} clade_onnx_sequence_layer;

/* The activations of DIRECTIONS, usual ones without the attribute; sets by_steps where one is none of Clade's layers'. False,
 * refusing, for a word that ONNX does not know. */
bool clade_onnx_read_activations(clade_onnx_node *node, int directions, clade_onnx_sequence_layer *layer);

/* The layer out of rows, step by step; the number of steps must be known. An invalid y after a refusal. */
clade_sequence clade_onnx_recurrent_steps(clade_onnx_node *node, const clade_onnx_sequence_layer *layer);

#endif
