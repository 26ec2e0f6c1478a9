/* The matrix product: its attributes, for the layers that are built on it, and what its implementations share. */
#ifndef CLADE_OPS_MATMUL_H
#define CLADE_OPS_MATMUL_H

#include "ops/tail.h"

extern const clade_op clade_op_matmul;

typedef struct clade_matmul_attributes {
    bool transpose_a, transpose_b;
    clade_tail_attributes tail;
} clade_matmul_attributes;

/* Element (row, k) of op(A) is at row * a_row_step + k * a_k_step; likewise (k, column) of op(B). */
typedef struct clade_product {
    int64_t m, n, k, a_row_step, a_k_step, b_k_step, b_column_step;
} clade_product;

clade_product clade_product_at(const clade_site *site);

extern const clade_implementation clade_matmul_packed; /* CPU-like devices; matmul_packed.c */
extern const clade_implementation clade_matmul_thin;   /* CPU-like devices, few rows of A; matmul_thin.c */
extern const clade_implementation clade_matmul_tiled;  /* GPU-like devices; matmul_tiled.c */

#endif
