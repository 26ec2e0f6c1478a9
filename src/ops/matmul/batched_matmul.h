/* The batched matrix product: what its implementations share. */
#ifndef CLADE_OPS_BATCHED_MATMUL_H
#define CLADE_OPS_BATCHED_MATMUL_H

#include "ops/op.h"

extern const clade_op clade_op_batched_matmul;

enum { CLADE_BATCH_AXES = CLADE_MAX_RANK - 2, CLADE_BATCH_ARGUMENTS = 3 * CLADE_BATCH_AXES };

typedef struct clade_batched_matmul_attributes {
    bool transpose_a, transpose_b;
} clade_batched_matmul_attributes;

/* COUNT products: element (row, k) of op(A) is at row * a_row_step + k * a_k_step from its matrix's beginning; likewise
 * (k, column) of op(B). The products are numbered in row order over the batch's axes, merged where that can be, the
 * innermost last: SIZE products along each, A's matrices A_STEP and B's B_STEP floats apart, 0 where one is
 * repeated. */
typedef struct clade_batched_product {
    int64_t count, m, n, k, a_row_step, a_k_step, b_k_step, b_column_step;
    int64_t size[CLADE_BATCH_AXES], a_step[CLADE_BATCH_AXES], b_step[CLADE_BATCH_AXES];
} clade_batched_product;

clade_batched_product clade_batched_product_at(const clade_site *site);
/* BATCH_PARAMETERS of kernels/batch.h. */
void clade_batched_arguments(const clade_batched_product *p, clade_argument arguments[CLADE_BATCH_ARGUMENTS]);

extern const clade_implementation clade_batched_matmul_packed; /* CPU-like devices; batched_matmul_packed.c */
extern const clade_implementation clade_batched_matmul_tiled;  /* GPU-like devices; batched_matmul_tiled.c */

#endif
