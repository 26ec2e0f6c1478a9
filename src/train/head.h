/* The head of a network: the last dense layer or convolution, whose outputs are the classes, and what must be of another
 * size when there are other classes. */
#ifndef CLADE_TRAIN_HEAD_H
#define CLADE_TRAIN_HEAD_H

#include "graph/graph.h"

typedef struct clade_head {
    clade_context *context;
    /* Of each node of the graph: the axis of its output that counts the classes, where a state or reshape must be made
     * anew; -1: it stays. Owned. */
    int8_t *axis;
} clade_head;

/* Walks from LOGITS (N, classes, 1 ...) back to the product or convolution that the classes are the columns or filters of;
 * biases and scales between count with it. CLADE_ERROR_UNSUPPORTED, naming the operator, where something else gives the
 * classes. Free with clade_head_free() in either case. */
clade_status clade_head_find(clade_value logits, clade_head *head);
void clade_head_free(clade_head *head);

#endif
