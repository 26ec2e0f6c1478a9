/* The matrix product's attributes, for the layers that are built on it. */
#ifndef CLADE_OPS_MATMUL_H
#define CLADE_OPS_MATMUL_H

#include "ops/tail.h"

extern const clade_op clade_op_matmul;

typedef struct clade_matmul_attributes {
    bool transpose_a, transpose_b;
    clade_tail_attributes tail;
} clade_matmul_attributes;

#endif
