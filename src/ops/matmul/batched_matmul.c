/* Matrix products over the last two axes, C = op(A) op(B), the axes before them broadcast as numpy's matmul does:
 * A (..., M, K) or transposed (..., K, M), B (..., K, N) or (..., N, K) -> C (..., M, N).
 *
 * Three implementations: CLBlast's batched GEMM where the matrices lie evenly apart, `packed` for CPU-like devices and
 * `tiled` for GPU-like ones. */
#include "ops/matmul/batched_matmul.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

typedef clade_batched_matmul_attributes attributes;

enum { AXES = CLADE_BATCH_AXES };

static const clade_attribute schema[] = {
    { "transpose_a", CLADE_ATTRIBUTE_BOOL, offsetof(attributes, transpose_a), 0 },
    { "transpose_b", CLADE_ATTRIBUTE_BOOL, offsetof(attributes, transpose_b), 0 },
    { NULL, 0, 0, 0 },
};

static clade_value product(clade_value a, clade_value b, bool transpose_a, bool transpose_b) {
    const clade_value inputs[] = { a, b };
    return clade_append(a.graph, &clade_op_batched_matmul, "", &(const attributes){ transpose_a, transpose_b }, inputs,
                        2);
}

/* ---- types ---- */

/* The axes before the last two. */
static clade_dims leading(const clade_dims *dims) {
    clade_dims out = *dims;
    out.rank -= 2;
    return out;
}

static bool infer(const clade_node *node, clade_type out[], clade_text *why) {
    const attributes *t = node->attributes;
    const clade_type *a = clade_value_type(node->inputs[0]), *b = clade_value_type(node->inputs[1]);
    const int32_t last = a->dims.rank - 1, b_last = b->dims.rank - 1;
    if (a->dtype != CLADE_F32 || b->dtype != CLADE_F32 || last < 1 || b_last < 1) {
        clade_text_add(why, "expected float32 A (..., M, K) and B (..., K, N)");
        return false;
    }
    if (a->dims.size[last - t->transpose_a] != b->dims.size[b_last - 1 + t->transpose_b]) {
        clade_text_add(why, "expected op(A) (..., M, K) and op(B) (..., K, N) with the same K%s%s",
                       t->transpose_a ? ", A being transposed" : "", t->transpose_b ? ", B being transposed" : "");
        return false;
    }
    const clade_dims before_a = leading(&a->dims), before_b = leading(&b->dims);
    out[0].dtype = CLADE_F32;
    if (!clade_dims_broadcast(&before_a, &before_b, &out[0].dims)) {
        clade_text_add(why, "expected the axes before the last two to broadcast");
        return false;
    }
    out[0].dims.size[out[0].dims.rank++] = a->dims.size[last - 1 + t->transpose_a];
    out[0].dims.size[out[0].dims.rank++] = b->dims.size[b_last - t->transpose_b];
    return true;
}

/* C = A B: dA = dC B^T, dB = A^T dC; all of it transposed where the operand came transposed, and summed over the axes
 * along which it was repeated. */
static void gradient(clade_tape *tape, const clade_node *node, const clade_value dy[], clade_value dx[]) {
    const attributes *t = node->attributes;
    const bool ta = t->transpose_a, tb = t->transpose_b;
    clade_value a = node->inputs[0], b = node->inputs[1], dc = dy[0];
    if (tape->wanted[0])
        dx[0] = clade_sum_to(ta ? product(b, dc, tb, true) : product(dc, b, false, !tb), &clade_value_type(a)->dims);
    if (tape->wanted[1])
        dx[1] = clade_sum_to(tb ? product(dc, a, true, ta) : product(a, dc, !ta, false), &clade_value_type(b)->dims);
}

/* ---- sizes ---- */

/* Adds an axis outside those there are, the innermost so far at AT; gives where it is. */
static int add_axis(clade_batched_product *p, int at, int64_t size, int64_t a_step, int64_t b_step) {
    if (size == 1) return at;
    if (p->size[at] > 1) {
        const bool merges = a_step == p->a_step[at] * p->size[at] && b_step == p->b_step[at] * p->size[at];
        if (!merges) at--;
    }
    if (p->size[at] == 1) {
        p->a_step[at] = a_step;
        p->b_step[at] = b_step;
    }
    p->size[at] *= size;
    return at;
}

static clade_batched_product product_of(const clade_node *node, const int64_t *a, int32_t a_rank, const int64_t *b,
                                        int32_t b_rank) {
    const attributes *t = node->attributes;
    const int64_t *a_matrix = a + a_rank - 2, *b_matrix = b + b_rank - 2;
    clade_batched_product p = {
        .count = 1,
        .m = a_matrix[t->transpose_a],
        .n = b_matrix[!t->transpose_b],
        .k = b_matrix[t->transpose_b],
        .a_row_step = t->transpose_a ? 1 : a_matrix[1],
        .a_k_step = t->transpose_a ? a_matrix[1] : 1,
        .b_k_step = t->transpose_b ? 1 : b_matrix[1],
        .b_column_step = t->transpose_b ? b_matrix[1] : 1,
    };
    int64_t a_step = p.m * p.k, b_step = p.k * p.n;
    int at = AXES - 1;
    for (int i = 0; i < AXES; i++) {
        p.size[i] = 1;
    }
    for (int32_t back = 3; back <= a_rank || back <= b_rank; back++) {
        const int64_t a_size = back <= a_rank ? a[a_rank - back] : 1, b_size = back <= b_rank ? b[b_rank - back] : 1;
        const int64_t size = a_size > b_size ? a_size : b_size;
        at = add_axis(&p, at, size, a_size == 1 ? 0 : a_step, b_size == 1 ? 0 : b_step);
        a_step *= a_size;
        b_step *= b_size;
        p.count *= size;
    }
    return p;
}

clade_batched_product clade_batched_product_at(const clade_site *site) {
    return product_of(site->node, site->in[0].size, site->in[0].rank, site->in[1].size, site->in[1].rank);
}

void clade_batched_arguments(const clade_batched_product *p, clade_argument arguments[CLADE_BATCH_ARGUMENTS]) {
    const int64_t *const numbers[] = { p->size, p->a_step, p->b_step };
    for (int i = 0; i < CLADE_BATCH_ARGUMENTS; i++) {
        arguments[i] = clade_int_argument(numbers[i / AXES][i % AXES]);
    }
}

/* ---- reference ---- */

static double reference_at(const clade_node *node, const clade_tensor in[], const clade_tensor *out, int64_t element) {
    (void)out;
    const clade_batched_product p = product_of(node, in[0].size, in[0].rank, in[1].size, in[1].rank);
    const double *a = in[0].data + element / p.n % p.m * p.a_row_step,
                 *b = in[1].data + element % p.n * p.b_column_step;
    int64_t number = element / p.n / p.m;
    for (int i = AXES - 1; i >= 0; i--) {
        a += number % p.size[i] * p.a_step[i];
        b += number % p.size[i] * p.b_step[i];
        number /= p.size[i];
    }
    double sum = 0;
    for (int64_t k = 0; k < p.k; k++) {
        sum += a[k * p.a_k_step] * b[k * p.b_k_step];
    }
    return sum;
}

static void reference(const clade_node *node, const clade_tensor in[], clade_tensor out[]) {
    for (int64_t e = 0; e < out[0].count; e++) {
        out[0].data[e] = reference_at(node, in, &out[0], e);
    }
}

static double flops(const clade_site *site) {
    const clade_batched_product p = clade_batched_product_at(site);
    return 2.0 * (double)p.count * (double)p.m * (double)p.n * (double)p.k;
}

/* ---- CLBlast ---- */

static bool clblast_applicable(const clade_site *site, char why[128]) {
    const clade_batched_product p = clade_batched_product_at(site);
    const char *reason = "needs matrices evenly apart";
    if (p.size[AXES - 2] == 1 && clade_clblast_available(site->device, &reason)) return true;
    snprintf(why, 128, "%s", reason);
    return false;
}

static double clblast_suitability(const clade_site *site) {
    return site->device->capabilities.is_cpu ? 0 : 2;
}

static clade_status clblast_record(const clade_site *site, clade_commands *commands) {
    const attributes *t = site->node->attributes;
    const clade_batched_product p = clade_batched_product_at(site);
    return clade_clblast_gemm(commands, site->label,
                              &(clade_gemm){
                                  .transpose_a = t->transpose_a,
                                  .transpose_b = t->transpose_b,
                                  .m = p.m,
                                  .n = p.n,
                                  .k = p.k,
                                  .batch = p.count,
                                  .alpha = 1,
                                  .a = *site->in[0].buffer,
                                  .b = *site->in[1].buffer,
                                  .c = *site->out[0].buffer,
                                  .lda = site->in[0].size[site->in[0].rank - 1],
                                  .ldb = site->in[1].size[site->in[1].rank - 1],
                                  .ldc = p.n,
                                  .a_stride = p.a_step[AXES - 1],
                                  .b_stride = p.b_step[AXES - 1],
                                  .c_stride = p.m * p.n,
                              });
}

static const clade_implementation *const implementations[] = {
    &(const clade_implementation){ .name = "clblast",
                                   .applicable = clblast_applicable,
                                   .suitability = clblast_suitability,
                                   .record = clblast_record },
    &clade_batched_matmul_packed,
    &clade_batched_matmul_tiled,
    NULL,
};

/* ---- cases ---- */

#define LIST(...)                                                                                                      \
    { __VA_ARGS__ }
#define CASE(NAME, A_RANK, A, B_RANK, B, TRANSPOSE_A, TRANSPOSE_B)                                                     \
    {                                                                                                                  \
        .name = NAME, .in = { { A_RANK, A }, { B_RANK, B } }, .input_count = 2, .attributes = &(const attributes) {    \
            TRANSPOSE_A, TRANSPOSE_B                                                                                   \
        }                                                                                                              \
    }

static const clade_case cases[] = {
    CASE("ones", 3, LIST(1, 1, 1), 3, LIST(1, 1, 1), false, false),
    CASE("primes", 3, LIST(5, 7, 13), 3, LIST(5, 13, 17), false, false),
    CASE("A transposed", 3, LIST(3, 11, 37), 3, LIST(3, 11, 35), true, false),
    CASE("B transposed", 3, LIST(3, 19, 23), 3, LIST(3, 41, 23), false, true),
    CASE("both transposed", 3, LIST(2, 13, 29), 3, LIST(2, 41, 13), true, true),
    CASE("four axes", 4, LIST(2, 3, 9, 5), 4, LIST(2, 3, 5, 33), false, false),
    CASE("one A for all", 2, LIST(9, 20), 3, LIST(4, 20, 34), false, false),
    CASE("one B for all, transposed", 3, LIST(4, 9, 20), 2, LIST(34, 20), false, true),
    CASE("each repeated along an axis", 4, LIST(3, 1, 6, 7), 4, LIST(1, 4, 7, 8), false, false),
    CASE("repeated in the middle", 5, LIST(2, 3, 2, 3, 4), 5, LIST(2, 1, 2, 4, 5), false, false),
    CASE("repeated at both ends", 5, LIST(1, 3, 1, 3, 4), 5, LIST(2, 3, 2, 5, 4), false, true),
    CASE("eight axes by turns", 8, LIST(2, 1, 2, 1, 2, 1, 2, 3), 8, LIST(1, 2, 1, 3, 1, 2, 3, 2), false, false),
    CASE("fewer axes of A", 3, LIST(3, 4, 5), 5, LIST(2, 2, 3, 5, 6), false, false),
    CASE("deeper than a panel", 3, LIST(2, 10, 300), 3, LIST(2, 300, 20), false, false),
    CASE("wider and higher than a block", 3, LIST(2, 140, 9), 3, LIST(2, 9, 300), false, false),
    CASE("whole tiles", 3, LIST(4, 32, 32), 3, LIST(4, 32, 64), false, false),
    CASE("many small matrices", 3, LIST(90, 3, 4), 3, LIST(90, 4, 5), false, false),
    CASE("columns", 3, LIST(6, 1, 40), 3, LIST(6, 40, 1), false, false),
    { .name = NULL },
};

const clade_op clade_op_batched_matmul = {
    .name = "batched_matmul",
    .onnx = "MatMul",
    .attributes = schema,
    .attributes_size = sizeof(attributes),
    .input_minimum = 2,
    .input_maximum = 2,
    .outputs = 1,
    .infer = infer,
    .gradient = gradient,
    .reference = reference,
    .reference_at = reference_at,
    .flops = flops,
    .implementations = implementations,
    .cases = cases,
};

/* ---- the builder's call ---- */

/* X of rank 1 as a matrix of one row or column. */
static clade_value as_matrix(clade_value x, bool row) {
    const clade_dims dims = clade_value_dims(x);
    if (!clade_value_valid(x) || dims.rank != 1) return x;
    return clade_reshape(x, row ? clade_shape(1, dims.size[0]) : clade_shape(dims.size[0], 1));
}

/* A (..., M, K) times one matrix for all is a plain product of (... * M, K). */
static clade_value plain_product(clade_value a, clade_value b, bool transpose_a, bool transpose_b) {
    const clade_dims dims = clade_value_dims(a), matrix = clade_value_dims(b);
    if (dims.rank == 2) return clade_matmul(a, b, transpose_a, transpose_b);
    clade_dims out = dims, rows = leading(&dims);
    rows.size[rows.rank++] = dims.size[dims.rank - 2];
    const clade_size count = clade_dims_count(a.graph, &rows);
    clade_value flat = clade_reshape(a, clade_shape(count, dims.size[dims.rank - 1]));
    out.size[out.rank - 1] = matrix.size[transpose_b ? 0 : 1];
    return clade_reshape(clade_matmul(flat, b, false, transpose_b), out);
}

clade_value clade_batched_matmul(clade_value a, clade_value b, bool transpose_a, bool transpose_b) {
    clade_graph *graph = clade_graph_of((clade_value[]){ a, b }, 2);
    if (!clade_value_valid(a) || !clade_value_valid(b))
        return clade_invalid(graph, CLADE_ERROR_ARGUMENT, "batched_matmul: an input is not a value");
    const bool a_vector = clade_value_dims(a).rank == 1, b_vector = clade_value_dims(b).rank == 1;
    clade_value left = as_matrix(a, !transpose_a), right = as_matrix(b, transpose_b);
    const int32_t a_rank = clade_value_dims(left).rank;
    const bool plain = clade_value_dims(right).rank == 2 && (a_rank == 2 || (a_rank > 2 && !transpose_a));
    clade_value c =
        plain ? plain_product(left, right, transpose_a, transpose_b) : product(left, right, transpose_a, transpose_b);
    if (!clade_value_valid(c) || !(a_vector || b_vector)) return c;
    clade_dims dims = clade_value_dims(c);
    const clade_size columns = dims.size[dims.rank - 1];
    if (a_vector) dims.size[--dims.rank - 1] = columns;
    if (b_vector) dims.rank--;
    return clade_reshape(c, dims);
}
