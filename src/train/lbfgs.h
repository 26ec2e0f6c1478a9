/* The phases of L-BFGS, each a program of the graph, over all states that are moved as one row of P numbers. */
#ifndef CLADE_TRAIN_LBFGS_H
#define CLADE_TRAIN_LBFGS_H

#include "train/minimizer.h"

enum { CLADE_LBFGS_MOST_MEMORY = 100 };

/* What the host sees of the pairs: inner products, row-major (memory, memory) or (memory). */
typedef struct clade_lbfgs_products {
    int64_t memory;
    float *sy, *yy, *sg, *yg; /* s_i.y_j, y_i.y_j, s_i.g, y_i.g */
} clade_lbfgs_products;

/* The direction -H g of the two-loop recursion as a sum of the pairs and the gradient: WEIGHTS (2 memory) of the rows s and
 * y, and *GRADIENT of g. COUNT pairs are valid; the row of the newest is NEWEST, that of the one before the row before
 * (cyclic). */
void clade_lbfgs_direction(const clade_lbfgs_products *products, int64_t count, int64_t newest, float *weights,
                           float *gradient);

/* The values of a graph that the phases work with. */
typedef struct clade_lbfgs_graph {
    clade_value
        numbers;       /* (3): the loss, the slope along the direction, the squared norm of the gradient; where w is */
    clade_value slope; /* (1): of the direction found, at the point */
    clade_value sy, yy, sg, yg;
    clade_value weights, row; /* inputs: of clade_lbfgs_direction(); the row of the pairs that is replaced, one-hot */
    int64_t elements;         /* P */
} clade_lbfgs_graph;

enum {
    CLADE_PROGRAM_EVALUATE = 11, /* computes `numbers` and keeps the gradient; and the graph's ordinary updates */
    CLADE_PROGRAM_MOVE,          /* w = point + lbfgs.step * direction */
    CLADE_PROGRAM_ACCEPT,        /* the point is w, and `row` of the pairs is what that changed */
    CLADE_PROGRAM_DIRECT,        /* the direction of `weights` and lbfgs.gradient_weight; computes `slope` */
};

clade_status clade_lbfgs_append(clade_value loss, const clade_trained *trained, int64_t memory, clade_lbfgs_graph *out);

#endif
