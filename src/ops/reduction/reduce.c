/* Reductions over any axes: x (any dims) -> y, reduced axes become 1 or vanish. y is over them
 *   sum, mean                     the sum of x, and that divided by how many there are
 *   sum_square, sum_absolute      the sum of x^2, of |x|
 *   largest, smallest             the largest or smallest x; a NaN is either
 *   product                       of x
 * The gradient of largest and smallest is shared evenly by the elements that equal y, that of a product right with zeros. */
#include "ops/reduction/reduce.h"

#include <math.h>
#include <stddef.h>

static const clade_attribute schema[] = {
    { "axes", CLADE_ATTRIBUTE_INT, offsetof(clade_reduce_attributes, axes), 0 },
    { "keep", CLADE_ATTRIBUTE_BOOL, offsetof(clade_reduce_attributes, keep), 0 },
    { NULL, 0, 0, 0 },
};

static bool reduces(const clade_node *node, int32_t axis) {
    return (((const clade_reduce_attributes *)node->attributes)->axes >> axis & 1) != 0;
}

/* ---- types and gradient ---- */

static bool infer(const clade_node *node, clade_type out[], clade_text *why) {
    const clade_reduce_attributes *a = node->attributes;
    const clade_type *x = clade_value_type(node->inputs[0]);
    if (x->dtype != CLADE_F32) {
        clade_text_add(why, "expected float32");
        return false;
    }
    if (a->axes < 0 || a->axes >> x->dims.rank != 0) {
        clade_text_add(why, "axes 0x%llx name an axis beyond the last", (unsigned long long)a->axes);
        return false;
    }
    clade_dims dims = CLADE_SCALAR;
    for (int32_t axis = 0; axis < x->dims.rank; axis++) {
        if (!reduces(node, axis)) {
            dims.size[dims.rank++] = x->dims.size[axis];
        } else if (a->keep) {
            dims.size[dims.rank++] = 1;
        }
    }
    out[0] = (clade_type){ CLADE_F32, dims };
    return true;
}

clade_reduce_kind clade_reduce_kind_of(const clade_node *node) {
    static const struct {
        const clade_op *op;
        clade_reduce_kind kind;
    } kinds[] = {
        { &clade_op_sum_square, CLADE_REDUCE_SQUARES }, { &clade_op_sum_absolute, CLADE_REDUCE_ABSOLUTES },
        { &clade_op_largest, CLADE_REDUCE_LARGEST },    { &clade_op_smallest, CLADE_REDUCE_SMALLEST },
        { &clade_op_product, CLADE_REDUCE_PRODUCT },
    };
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (node->op == kinds[i].op) return kinds[i].kind;
    }
    return CLADE_REDUCE_SUM;
}

/* x's dims with the reduced axes as 1; how many elements they have. */
static clade_dims kept_dims(clade_tape *tape, const clade_node *node, clade_size *count) {
    clade_dims kept = clade_value_type(node->inputs[0])->dims;
    *count = 1;
    for (int32_t axis = 0; axis < kept.rank; axis++) {
        if (!reduces(node, axis)) continue;
        *count = clade_size_multiply(tape->graph, *count, kept.size[axis]);
        kept.size[axis] = 1;
    }
    return kept;
}

/* dy with the reduced axes back as 1, repeated; a mean's divided by the count. */
static void gradient_sum(clade_tape *tape, const clade_node *node, const clade_value dy[], clade_value dx[]) {
    if (!tape->wanted[0]) return;
    clade_size count;
    const clade_dims x = clade_value_type(node->inputs[0])->dims, kept = kept_dims(tape, node, &count);
    dx[0] = clade_expand(clade_reshape(dy[0], kept), &x);
    if (node->op == &clade_op_mean) dx[0] = clade_scale_per(dx[0], 1.0, count);
}

static void gradient_sum_square(clade_tape *tape, const clade_node *node, const clade_value dy[], clade_value dx[]) {
    clade_size count;
    const clade_dims kept = kept_dims(tape, node, &count);
    if (tape->wanted[0]) dx[0] = clade_scale(clade_multiply(node->inputs[0], clade_reshape(dy[0], kept)), 2);
}

static void gradient_sum_absolute(clade_tape *tape, const clade_node *node, const clade_value dy[], clade_value dx[]) {
    clade_size count;
    const clade_dims kept = kept_dims(tape, node, &count);
    if (tape->wanted[0]) dx[0] = clade_multiply(clade_sign(node->inputs[0]), clade_reshape(dy[0], kept));
}

static void gradient_extreme(clade_tape *tape, const clade_node *node, const clade_value dy[], clade_value dx[]) {
    if (!tape->wanted[0]) return;
    const clade_reduce_attributes *a = node->attributes;
    clade_size count;
    const clade_dims kept = kept_dims(tape, node, &count);
    clade_value y = clade_reshape((clade_value){ tape->graph, node->index, 0 }, kept);
    clade_value won = clade_cast(clade_equal(node->inputs[0], y), CLADE_F32);
    clade_value winners = clade_sum(won, (uint32_t)a->axes, true);
    dx[0] = clade_multiply(won, clade_divide(clade_reshape(dy[0], kept), winners));
}

/* With p the product of the elements that are not 0: dy p / x where none is, where one is dy p for it, else 0. */
static void gradient_product(clade_tape *tape, const clade_node *node, const clade_value dy[], clade_value dx[]) {
    if (!tape->wanted[0]) return;
    const clade_reduce_attributes *a = node->attributes;
    clade_size count;
    const clade_dims kept = kept_dims(tape, node, &count);
    clade_value x = node->inputs[0], one = clade_constant(tape->graph, CLADE_SCALAR, 1);
    clade_value zero = clade_constant(tape->graph, CLADE_SCALAR, 0), is_zero = clade_equal(x, zero);
    clade_value others = clade_where(is_zero, one, x);
    clade_value flow = clade_multiply(clade_product_over(others, (uint32_t)a->axes, true), clade_reshape(dy[0], kept));
    clade_value zeros = clade_sum(clade_cast(is_zero, CLADE_F32), (uint32_t)a->axes, true);
    clade_value whole = clade_where(clade_equal(zeros, zero), clade_divide(flow, others), zero);
    dx[0] = clade_where(is_zero, clade_where(clade_equal(zeros, one), flow, zero), whole);
}

/* ---- reference ---- */

/* What X adds to the result so far. */
static double combine(clade_reduce_kind kind, double result, double x) {
    switch (kind) {
    case CLADE_REDUCE_SQUARES:
        return result + x * x;
    case CLADE_REDUCE_ABSOLUTES:
        return result + fabs(x);
    case CLADE_REDUCE_LARGEST:
        return result > x || isnan(result) ? result : x;
    case CLADE_REDUCE_SMALLEST:
        return result < x || isnan(result) ? result : x;
    case CLADE_REDUCE_PRODUCT:
        return result * x;
    default:
        return result + x;
    }
}

static void reference(const clade_node *node, const clade_tensor in[], clade_tensor out[]) {
    static const double starts[] = {
        [CLADE_REDUCE_LARGEST] = -INFINITY, [CLADE_REDUCE_SMALLEST] = INFINITY, [CLADE_REDUCE_PRODUCT] = 1
    };
    const clade_tensor *x = &in[0];
    const clade_reduce_kind kind = clade_reduce_kind_of(node);
    for (int64_t i = 0; i < out[0].count; i++) {
        out[0].data[i] = starts[kind];
    }
    for (int64_t i = 0; i < x->count; i++) {
        int64_t rest = i, to = 0, stride = 1;
        for (int32_t axis = x->rank - 1; axis >= 0; axis--) {
            if (!reduces(node, axis)) {
                to += rest % x->size[axis] * stride;
                stride *= x->size[axis];
            }
            rest /= x->size[axis];
        }
        out[0].data[to] = combine(kind, out[0].data[to], x->data[i]);
    }
    double factor = node->op == &clade_op_mean ? (double)out[0].count / (double)x->count : 1.0;
    for (int64_t i = 0; i < out[0].count; i++) {
        out[0].data[i] *= factor;
    }
}

static double flops(const clade_site *site) {
    return (double)site->in[0].count;
}

/* ---- cases ---- */

#define CASE(FILL, NAME, AXES, KEEP, RANK, ...)                                                                        \
    {                                                                                                                  \
        .name = NAME, .in = { { RANK, { __VA_ARGS__ } } }, .input_count = 1, .fill = { FILL },                         \
        .attributes = &(const clade_reduce_attributes){ AXES, KEEP }, .tolerance = 1e-5                                \
    }

#define GEOMETRIES(FILL)                                                                                               \
    CASE(FILL, "a bias's gradient", 0xd, false, 4, 3, 5, 7, 9),                                                        \
        CASE(FILL, "a bias's gradient, axes kept", 0xd, true, 4, 3, 5, 6, 7),                                          \
        CASE(FILL, "rows", 0x2, false, 2, 7, 83), CASE(FILL, "columns", 0x1, false, 2, 13, 87),                        \
        CASE(FILL, "few columns", 0x1, true, 2, 67, 3), CASE(FILL, "the middle", 0x2, false, 3, 3, 11, 21),            \
        CASE(FILL, "kept, reduced, kept, reduced", 0xa, false, 4, 2, 3, 5, 7),                                         \
        CASE(FILL, "everything", 0x7, false, 3, 5, 7, 11), CASE(FILL, "a row of several parts", 0x1, false, 1, 70001), \
        CASE(FILL, "rows of several parts", 0xd, false, 4, 9, 2, 5, 2003),                                             \
        CASE(FILL, "columns of several parts", 0x1, false, 2, 2051, 19),                                               \
        CASE(FILL, "axes that alternate", 0x15, false, 5, 2, 3, 4, 5, 3),                                              \
        CASE(FILL, "axes that alternate, all eight", 0x55, true, 8, 2, 3, 2, 2, 3, 2, 2, 3),                           \
        CASE(FILL, "axes of size one", 0x5, true, 4, 1, 5, 1, 3), CASE(FILL, "no axis", 0x0, false, 2, 3, 5)

static const clade_case cases[] = { GEOMETRIES(CLADE_FILL_UNIFORM), { .name = NULL } };
static const clade_case kinked_cases[] = { GEOMETRIES(CLADE_FILL_NONZERO), { .name = NULL } };
static const clade_case distinct_cases[] = { GEOMETRIES(CLADE_FILL_DISTINCT), { .name = NULL } };
static const clade_case product_cases[] = {
    CASE(CLADE_FILL_POSITIVE, "rows", 0x2, false, 2, 7, 43),
    CASE(CLADE_FILL_POSITIVE, "columns", 0x1, false, 2, 13, 37),
    CASE(CLADE_FILL_POSITIVE, "the middle", 0x2, true, 3, 3, 11, 5),
    CASE(CLADE_FILL_UNIFORM, "everything", 0x7, false, 3, 2, 3, 5),
    CASE(CLADE_FILL_POSITIVE, "axes that alternate", 0x15, false, 5, 2, 3, 2, 5, 3),
    { .name = NULL },
};

#define ROW(NAME, ONNX, GRADIENT, CASES)                                                                               \
    {                                                                                                                  \
        .name = NAME, .onnx = ONNX, .attributes = schema, .attributes_size = sizeof(clade_reduce_attributes),          \
        .input_minimum = 1, .input_maximum = 1, .outputs = 1, .infer = infer, .gradient = GRADIENT,                    \
        .reference = reference, .flops = flops, .implementations = clade_reduce_implementations, .cases = CASES        \
    }

const clade_op clade_op_sum = ROW("sum", "ReduceSum", gradient_sum, cases);
const clade_op clade_op_mean = ROW("mean", "ReduceMean", gradient_sum, cases);
const clade_op clade_op_sum_square = ROW("sum_square", "ReduceSumSquare", gradient_sum_square, cases);
const clade_op clade_op_sum_absolute = ROW("sum_absolute", "ReduceL1", gradient_sum_absolute, kinked_cases);
const clade_op clade_op_largest = ROW("largest", "ReduceMax", gradient_extreme, distinct_cases);
const clade_op clade_op_smallest = ROW("smallest", "ReduceMin", gradient_extreme, distinct_cases);
const clade_op clade_op_product = ROW("product", "ReduceProd", gradient_product, product_cases);

/* ---- the builder's calls ---- */

static clade_value reduce(const clade_op *op, clade_value x, uint32_t axes, bool keep) {
    if (axes == CLADE_ALL_AXES) axes = (1u << clade_value_dims(x).rank) - 1;
    if (axes == 0 && clade_value_valid(x) && (op == &clade_op_sum || op == &clade_op_mean)) return x;
    return clade_append(x.graph, op, "", &(const clade_reduce_attributes){ axes, keep }, &x, 1);
}

clade_value clade_sum(clade_value x, uint32_t axes, bool keep) {
    return reduce(&clade_op_sum, x, axes, keep);
}

clade_value clade_mean(clade_value x, uint32_t axes, bool keep) {
    return reduce(&clade_op_mean, x, axes, keep);
}

clade_value clade_sum_square(clade_value x, uint32_t axes, bool keep) {
    return reduce(&clade_op_sum_square, x, axes, keep);
}

clade_value clade_sum_absolute(clade_value x, uint32_t axes, bool keep) {
    return reduce(&clade_op_sum_absolute, x, axes, keep);
}

clade_value clade_largest(clade_value x, uint32_t axes, bool keep) {
    return reduce(&clade_op_largest, x, axes, keep);
}

clade_value clade_smallest(clade_value x, uint32_t axes, bool keep) {
    return reduce(&clade_op_smallest, x, axes, keep);
}

clade_value clade_product_over(clade_value x, uint32_t axes, bool keep) {
    return reduce(&clade_op_product, x, axes, keep);
}

clade_value clade_norm(clade_value x, uint32_t axes, bool keep) {
    return clade_square_root(clade_sum_square(x, axes, keep));
}

clade_value clade_log_sum(clade_value x, uint32_t axes, bool keep) {
    return clade_logarithm(clade_sum(x, axes, keep));
}

/* m + ln(sum of e^(x - m)) with m the largest, by which nothing changes: no gradient need go there. */
clade_value clade_log_sum_exponential(clade_value x, uint32_t axes, bool keep) {
    clade_value m = clade_detach(clade_largest(x, axes, true));
    clade_value y = clade_add(m, clade_logarithm(clade_sum(clade_exponential(clade_subtract(x, m)), axes, true)));
    if (keep || !clade_value_valid(y)) return y;
    clade_dims dims = { .rank = 0 };
    for (int32_t axis = 0; axis < clade_value_dims(x).rank; axis++) {
        if ((axes >> axis & 1) == 0) dims.size[dims.rank++] = clade_value_dims(x).size[axis];
    }
    return clade_reshape(y, dims);
}

clade_value clade_sum_to(clade_value x, const clade_dims *dims) {
    if (!clade_value_valid(x)) return x;
    clade_dims from = clade_value_dims(x);
    if (clade_dims_equal(&from, dims)) return x;
    uint32_t axes = 0;
    for (int32_t axis = 0; axis < from.rank; axis++) {
        int32_t own = axis - (from.rank - dims->rank);
        bool repeated = own < 0 || (dims->size[own] == 1 && from.size[axis] != 1);
        if (repeated) axes |= 1u << axis;
    }
    return clade_reshape(clade_sum(x, axes, true), *dims);
}
