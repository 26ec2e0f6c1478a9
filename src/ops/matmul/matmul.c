/* The matrix product C = op(A) op(B), op transposing when asked: A (M, K) or (K, M), B (K, N) or (N, K) -> C (M, N).
 *
 * Four implementations: CLBlast's GEMM; for CPU-like devices `packed` (one work-item a group, a register tile of 8 x 32)
 * and `thin` (few rows or columns, bound by reading); `tiled` for GPU-like ones (tiles in local memory). */
#include "ops/matmul/matmul.h"

#include <stddef.h>
#include <stdio.h>

static const clade_attribute schema[] = {
    { "transpose_a", CLADE_ATTRIBUTE_BOOL, offsetof(clade_matmul_attributes, transpose_a), 0 },
    { "transpose_b", CLADE_ATTRIBUTE_BOOL, offsetof(clade_matmul_attributes, transpose_b), 0 },
    CLADE_TAIL_SCHEMA(clade_matmul_attributes),
    { NULL, 0, 0, 0 },
};

clade_value clade_matmul(clade_value a, clade_value b, bool transpose_a, bool transpose_b) {
    const clade_value inputs[] = { a, b };
    clade_graph *graph = clade_graph_of(inputs, 2);
    if (graph == NULL) return CLADE_NO_VALUE;
    return clade_append(graph, &clade_op_matmul, "",
                        &(clade_matmul_attributes){ .transpose_a = transpose_a, .transpose_b = transpose_b }, inputs,
                        2);
}

static bool infer(const clade_node *node, clade_type out[], clade_text *why) {
    const clade_matmul_attributes *attributes = node->attributes;
    const clade_type *a = clade_value_type(node->inputs[0]), *b = clade_value_type(node->inputs[1]);
    if (a->dtype != CLADE_F32 || b->dtype != CLADE_F32 || a->dims.rank != 2 || b->dims.rank != 2) {
        clade_text_add(why, "expected two float32 matrices");
        return false;
    }
    const int ta = attributes->transpose_a, tb = attributes->transpose_b;
    if (a->dims.size[1 - ta] != b->dims.size[tb]) {
        clade_text_add(why, "expected op(A) (M, K) and op(B) (K, N) with the same K%s%s",
                       ta ? ", A being transposed" : "", tb ? ", B being transposed" : "");
        return false;
    }
    out[0] = (clade_type){ CLADE_F32, clade_shape(a->dims.size[ta], b->dims.size[1 - tb]) };
    return clade_tail_infer(node, out, why);
}

/* C = A B: dA = dC B^T, dB = A^T dC; and all of it transposed where the operand came transposed. */
static void gradient(clade_tape *tape, const clade_node *node, const clade_value dy[], clade_value dx[]) {
    const clade_matmul_attributes *attributes = node->attributes;
    const bool ta = attributes->transpose_a, tb = attributes->transpose_b;
    clade_value a = node->inputs[0], b = node->inputs[1], dc = clade_tail_gradient(tape, node, dy[0], dx);
    if (tape->wanted[0]) dx[0] = ta ? clade_matmul(b, dc, tb, true) : clade_matmul(dc, b, false, !tb);
    if (tape->wanted[1]) dx[1] = tb ? clade_matmul(dc, a, true, ta) : clade_matmul(a, dc, !ta, false);
}

/* ---- sizes, steps and reference ---- */

static clade_product product_of(const clade_node *node, const int64_t *a, const int64_t *b) {
    const clade_matmul_attributes *attributes = node->attributes;
    const bool ta = attributes->transpose_a, tb = attributes->transpose_b;
    return (clade_product){
        .m = a[ta],
        .n = b[!tb],
        .k = b[tb],
        .a_row_step = ta ? 1 : a[1],
        .a_k_step = ta ? a[1] : 1,
        .b_k_step = tb ? 1 : b[1],
        .b_column_step = tb ? b[1] : 1,
    };
}

clade_product clade_product_at(const clade_site *site) {
    return product_of(site->node, site->in[0].size, site->in[1].size);
}

static double reference_at(const clade_node *node, const clade_tensor in[], const clade_tensor *out, int64_t element) {
    const clade_product p = product_of(node, in[0].size, in[1].size);
    const double *a = in[0].data + element / p.n * p.a_row_step, *b = in[1].data + element % p.n * p.b_column_step;
    double sum = 0;
    for (int64_t k = 0; k < p.k; k++) {
        sum += a[k * p.a_k_step] * b[k * p.b_k_step];
    }
    return clade_tail_empty(clade_tail_of(node)) ? sum : clade_tail_reference_at(node, in, out, element, sum);
}

static void reference(const clade_node *node, const clade_tensor in[], clade_tensor out[]) {
    for (int64_t e = 0; e < out[0].count; e++) {
        out[0].data[e] = reference_at(node, in, &out[0], e);
    }
}

static double flops(const clade_site *site) {
    const clade_product p = clade_product_at(site);
    return 2.0 * (double)p.m * (double)p.n * (double)p.k;
}

/* ---- CLBlast ---- */

static bool clblast_applicable(const clade_site *site, char why[128]) {
    const char *reason;
    if (clade_clblast_available(site->device, &reason)) return true;
    snprintf(why, 128, "%s", reason);
    return false;
}

static double clblast_suitability(const clade_site *site) {
    return site->device->capabilities.is_cpu ? 0 : 2;
}

static clade_status clblast_record(const clade_site *site, clade_commands *commands) {
    const clade_matmul_attributes *attributes = site->node->attributes;
    const clade_product p = clade_product_at(site);
    return clade_clblast_gemm(commands, site->label,
                              &(clade_gemm){
                                  .transpose_a = attributes->transpose_a,
                                  .transpose_b = attributes->transpose_b,
                                  .m = p.m,
                                  .n = p.n,
                                  .k = p.k,
                                  .batch = 1,
                                  .alpha = 1,
                                  .a = *site->in[0].buffer,
                                  .b = *site->in[1].buffer,
                                  .c = *site->out[0].buffer,
                                  .lda = site->in[0].size[1],
                                  .ldb = site->in[1].size[1],
                                  .ldc = p.n,
                              });
}

static const clade_implementation *const implementations[] = {
    &(const clade_implementation){ .name = "clblast",
                                   .applicable = clblast_applicable,
                                   .suitability = clblast_suitability,
                                   .record = clblast_record },
    &clade_matmul_packed,
    &clade_matmul_thin,
    &clade_matmul_tiled,
    NULL,
};

/* ---- cases ---- */

#define CASE(NAME, A_ROWS, A_COLUMNS, B_ROWS, B_COLUMNS, TRANSPOSE_A, TRANSPOSE_B)                                     \
    {                                                                                                                  \
        .name = NAME, .in = { { 2, { A_ROWS, A_COLUMNS } }, { 2, { B_ROWS, B_COLUMNS } } }, .input_count = 2,          \
        .attributes = &(const clade_matmul_attributes) {                                                               \
            .transpose_a = TRANSPOSE_A, .transpose_b = TRANSPOSE_B                                                     \
        }                                                                                                              \
    }

/* A (M, K) times B (N, K) transposed, with a tail of COUNT inputs. */
#define TAIL_CASE(NAME, M, N, K, COUNT, TAIL0, TAIL1, TAIL2, ...)                                                      \
    {                                                                                                                  \
        .name = NAME, .in = { { 2, { M, K } }, { 2, { N, K } }, TAIL0, TAIL1, TAIL2 }, .input_count = 2 + (COUNT),     \
        .attributes = &(const clade_matmul_attributes) {                                                               \
            .transpose_b = true, .tail = { __VA_ARGS__ }                                                               \
        }                                                                                                              \
    }
#define CHANNELS(N)                                                                                                    \
    {                                                                                                                  \
        1, {                                                                                                           \
            N                                                                                                          \
        }                                                                                                              \
    }
#define MATRIX(M, N)                                                                                                   \
    {                                                                                                                  \
        2, {                                                                                                           \
            M, N                                                                                                       \
        }                                                                                                              \
    }
#define NOTHING                                                                                                        \
    {                                                                                                                  \
        0, {                                                                                                           \
            0                                                                                                          \
        }                                                                                                              \
    }

static const clade_case cases[] = {
    CASE("ones", 1, 1, 1, 1, false, false),
    CASE("primes", 7, 13, 13, 17, false, false),
    CASE("primes, A transposed", 37, 11, 37, 5, true, false),
    CASE("primes, B transposed", 19, 23, 3, 23, false, true),
    CASE("primes, both transposed", 29, 13, 41, 29, true, true),
    CASE("a row times a matrix", 1, 33, 33, 67, false, false),
    CASE("two rows times a wide matrix", 2, 40, 40, 150, false, false),
    CASE("three rows transposed times a wide matrix", 21, 3, 21, 70, true, false),
    CASE("four rows times a matrix transposed", 4, 37, 50, 37, false, true),
    CASE("two rows times a matrix of many blocks of columns", 2, 21, 21, 1050, false, false),
    CASE("a row times a matrix of many blocks of columns", 1, 7, 7, 2100, false, false),
    CASE("a matrix times a column", 131, 37, 37, 1, false, false),
    CASE("a matrix times three columns transposed", 70, 35, 3, 35, false, true),
    CASE("a matrix transposed times a column", 33, 150, 33, 1, true, false),
    CASE("odd in all, both sides of a vector", 45, 300, 300, 57, false, false),
    CASE("a column times a row", 35, 1, 1, 18, false, false),
    CASE("whole tiles", 16, 32, 32, 64, false, false),
    CASE("over a tile in both", 67, 31, 31, 70, false, false),
    CASE("over a tile in both, both transposed", 48, 69, 66, 48, true, true),
    CASE("long K, split", 9, 2055, 2055, 20, false, false),
    CASE("long K, split, B transposed", 5, 2049, 35, 2049, false, true),
    CASE("deeper than a panel, A transposed", 523, 12, 523, 40, true, false),
    CASE("over a work-item's block", 300, 20, 20, 290, false, false),
    CASE("short K, several blocks of rows", 2100, 9, 9, 40, false, false),
    TAIL_CASE("bias and ReLU", 13, 37, 19, 1, CHANNELS(37), NOTHING, NOTHING, .bias = true, .relu = true),
    TAIL_CASE("a whole tail of two rows", 2, 35, 49, 3, CHANNELS(35), MATRIX(2, 35), MATRIX(2, 35), .bias = true,
              .residual = true, .relu = true, .mask = true),
    TAIL_CASE("a whole tail of two columns", 41, 2, 49, 3, CHANNELS(2), MATRIX(41, 2), MATRIX(41, 2), .bias = true,
              .residual = true, .relu = true, .mask = true),
    TAIL_CASE("residual and mask", 9, 50, 33, 2, MATRIX(9, 50), MATRIX(9, 50), NOTHING, .residual = true, .mask = true),
    TAIL_CASE("a whole tail after a split", 5, 35, 2049, 3, CHANNELS(35), MATRIX(5, 35), MATRIX(5, 35), .bias = true,
              .residual = true, .relu = true, .mask = true),
    { .name = NULL },
};

const clade_op clade_op_matmul = {
    .name = "matmul",
    .onnx = "MatMul",
    .attributes = schema,
    .attributes_size = sizeof(clade_matmul_attributes),
    .input_minimum = 2,
    .input_maximum = 2 + CLADE_TAIL_INPUTS,
    .outputs = 1,
    .infer = infer,
    .gradient = gradient,
    .reference = reference,
    .reference_at = reference_at,
    .tail_input = 2,
    .tail_offset = offsetof(clade_matmul_attributes, tail),
    .flops = flops,
    .implementations = implementations,
    .cases = cases,
};
