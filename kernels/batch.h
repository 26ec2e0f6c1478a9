/* Which matrices a product of a batch takes (src/ops/matmul/batched_matmul.c): products are numbered in row order over six
 * axes, along which A's and B's matrices lie a_step and b_step floats apart; 0 where one is repeated. */
#ifndef BATCH_H
#define BATCH_H

#define SIX(NAME) int NAME##0, int NAME##1, int NAME##2, int NAME##3, int NAME##4, int NAME##5
#define SIX_OF(NAME) { NAME##0, NAME##1, NAME##2, NAME##3, NAME##4, NAME##5 }
#define BATCH_PARAMETERS SIX(batch), SIX(a_step), SIX(b_step)
#define BATCH_SIZES const int batch_sizes[6] = SIX_OF(batch), a_steps[6] = SIX_OF(a_step), b_steps[6] = SIX_OF(b_step)

/* Where the matrix of product NUMBER begins, STEPS apart. */
static inline size_t matrix_at(int number, const int *sizes, const int *steps) {
    size_t at = 0;
    for (int i = 5; i >= 0; i--) {
        at += (size_t)(number % sizes[i]) * (size_t)steps[i];
        number /= sizes[i];
    }
    return at;
}

#endif
