/* Sizes without arithmetic.
 *   reshape  x (any dims) -> y: the same elements in row order, other sizes; a view, never launched. One size may be
 *            CLADE_REST: what is left of the elements.
 *   expand   x -> y: x repeated to dims that it broadcasts to (numpy's broadcast_to). Point-wise, so that it vanishes
 *            into the kernel that uses it. */
#include "ops/op.h"

#include <stddef.h>

extern const clade_op clade_op_reshape, clade_op_expand;

typedef struct shape_attributes {
    clade_dims dims;
} shape_attributes;

static const clade_attribute schema[] = {
    { "dims", CLADE_ATTRIBUTE_DIMS, offsetof(shape_attributes, dims), 0 },
    { NULL, 0, 0, 0 },
};

/* ---- reshape ---- */

/* Two expressions over symbols are the same count when they agree at coprime bindings. */
static bool same_count(const clade_graph *graph, const clade_dims *a, const clade_dims *b) {
    static const clade_binding bindings[] = { { 1, 1 }, { 7919, 104729 }, { 15485863, 32452843 } };
    for (size_t i = 0; i < sizeof bindings / sizeof bindings[0]; i++) {
        int64_t count = clade_dims_value(graph, a, bindings[i], NULL);
        if (count < 0 || count != clade_dims_value(graph, b, bindings[i], NULL)) return false;
    }
    return true;
}

static bool infer_reshape(const clade_node *node, clade_type out[], clade_text *why) {
    const shape_attributes *a = node->attributes;
    const clade_type *x = clade_value_type(node->inputs[0]);
    out[0] = (clade_type){ x->dtype, a->dims };
    if (same_count(node->graph, &x->dims, &a->dims)) return true;
    clade_text_add(why, "%s has another number of elements", clade_type_text(node->graph, &out[0]));
    return false;
}

static void gradient_reshape(clade_tape *tape, const clade_node *node, const clade_value dy[], clade_value dx[]) {
    if (tape->wanted[0]) dx[0] = clade_reshape(dy[0], clade_value_type(node->inputs[0])->dims);
}

static void reference_reshape(const clade_node *node, const clade_tensor in[], clade_tensor out[]) {
    (void)node;
    for (int64_t i = 0; i < out[0].count; i++) {
        out[0].data[i] = in[0].data[i];
    }
}

static const clade_case reshape_cases[] = {
    { .name = "flatten",
      .in = { { 4, { 2, 3, 5, 7 } } },
      .input_count = 1,
      .attributes = &(const shape_attributes){ { 2, { 2, 105 } } } },
    { .name = "to more axes",
      .in = { { 1, { 30 } } },
      .input_count = 1,
      .attributes = &(const shape_attributes){ { 4, { 1, 5, 2, 3 } } } },
    { .name = "to a scalar",
      .in = { { 2, { 1, 1 } } },
      .input_count = 1,
      .attributes = &(const shape_attributes){ { 0, { 0 } } } },
    { .name = NULL },
};

const clade_op clade_op_reshape = {
    .name = "reshape",
    .onnx = "Reshape",
    .attributes = schema,
    .attributes_size = sizeof(shape_attributes),
    .input_minimum = 1,
    .input_maximum = 1,
    .outputs = 1,
    .infer = infer_reshape,
    .gradient = gradient_reshape,
    .reference = reference_reshape,
    .view = true,
    .cases = reshape_cases,
};

/* Elements of X divided by those of DIMS, whose axis REST is left out. Sizes that both have cancel, so that the rest of
 * (N, 16, 5, 5) over (N, REST) is a number. A negative number that is no symbol when a size is wrong. */
static clade_size rest_of(clade_graph *graph, const clade_dims *x, const clade_dims *dims, int32_t rest) {
    clade_size above = 1, below = 1;
    bool used[CLADE_MAX_RANK] = { false };
    for (int32_t i = 0; i < x->rank; i++) {
        int32_t match = -1;
        for (int32_t k = 0; k < dims->rank && match < 0; k++) {
            if (k != rest && !used[k] && dims->size[k] == x->size[i]) match = k;
        }
        if (match >= 0) {
            used[match] = true;
        } else {
            above = clade_size_multiply(graph, above, x->size[i]);
        }
    }
    for (int32_t k = 0; k < dims->rank; k++) {
        if (k != rest && !used[k]) below = clade_size_multiply(graph, below, dims->size[k]);
    }
    return clade_size_divide(graph, above, below);
}

clade_value clade_reshape(clade_value x, clade_dims dims) {
    if (!clade_value_valid(x)) return clade_append(x.graph, &clade_op_reshape, "", NULL, &x, 1);
    int32_t rest = -1;
    if (dims.rank < 0 || dims.rank > CLADE_MAX_RANK) {
        return clade_invalid(x.graph, CLADE_ERROR_ARGUMENT, "reshape: rank %d; expected 0 to %d", (int)dims.rank,
                             CLADE_MAX_RANK);
    }
    for (int32_t axis = 0; axis < dims.rank; axis++) {
        clade_size size = dims.size[axis];
        bool is_rest = size == CLADE_REST;
        if ((is_rest && rest >= 0) || size == 0 || (!is_rest && size < -(clade_size)x.graph->size_count)) {
            return clade_invalid(
                x.graph, CLADE_ERROR_ARGUMENT,
                "reshape: size %d is none: expected a number of at least 1, a symbol, or CLADE_REST once", (int)axis);
        }
        if (is_rest) rest = axis;
    }
    if (rest >= 0) dims.size[rest] = rest_of(x.graph, &clade_value_type(x)->dims, &dims, rest);
    if (clade_dims_equal(&dims, &clade_value_type(x)->dims)) return x;
    return clade_append(x.graph, &clade_op_reshape, "", &(const shape_attributes){ dims }, &x, 1);
}

clade_value clade_flatten(clade_value x) {
    clade_dims dims = clade_value_dims(x);
    if (clade_value_valid(x) && dims.rank < 1) {
        return clade_invalid(x.graph, CLADE_ERROR_ARGUMENT, "flatten of a scalar: expected (N, ...)");
    }
    clade_size inner = clade_value_valid(x) ? clade_size_product(x.graph, dims.size + 1, dims.rank - 1) : 1;
    return clade_reshape(x, clade_shape(dims.size[0], inner));
}

/* ---- expand ---- */

static bool infer_expand(const clade_node *node, clade_type out[], clade_text *why) {
    const shape_attributes *a = node->attributes;
    const clade_type *x = clade_value_type(node->inputs[0]);
    clade_dims wide;
    out[0] = (clade_type){ x->dtype, a->dims };
    if (clade_dims_broadcast(&x->dims, &a->dims, &wide) && clade_dims_equal(&wide, &a->dims)) return true;
    clade_text_add(why, "does not broadcast to %s", clade_type_text(node->graph, &out[0]));
    return false;
}

static void gradient_expand(clade_tape *tape, const clade_node *node, const clade_value dy[], clade_value dx[]) {
    if (tape->wanted[0]) dx[0] = clade_sum_to(dy[0], &clade_value_type(node->inputs[0])->dims);
}

static double evaluate_expand(const double x[], const double p[]) {
    (void)p;
    return x[0];
}

static const clade_case expand_cases[] = {
    { .name = "a scalar",
      .in = { { 0, { 0 } } },
      .input_count = 1,
      .attributes = &(const shape_attributes){ { 2, { 3, 7 } } } },
    { .name = "a column",
      .in = { { 2, { 5, 1 } } },
      .input_count = 1,
      .attributes = &(const shape_attributes){ { 2, { 5, 19 } } } },
    { .name = "a channel",
      .in = { { 3, { 3, 1, 1 } } },
      .input_count = 1,
      .attributes = &(const shape_attributes){ { 4, { 2, 3, 5, 3 } } } },
    { .name = NULL },
};

const clade_op clade_op_expand = {
    .name = "expand",
    .onnx = "Expand",
    .attributes = schema,
    .attributes_size = sizeof(shape_attributes),
    .input_minimum = 1,
    .input_maximum = 1,
    .outputs = 1,
    .infer = infer_expand,
    .gradient = gradient_expand,
    .pointwise = &(const clade_pointwise){ "x0", evaluate_expand, NULL, 0, CLADE_TYPES_ALIKE },
    .in_place = 1u,
    .cases = expand_cases,
};

clade_value clade_expand(clade_value x, const clade_dims *dims) {
    if (clade_value_valid(x) && clade_dims_equal(dims, &clade_value_type(x)->dims)) return x;
    return clade_append(x.graph, &clade_op_expand, "", &(const shape_attributes){ *dims }, &x, 1);
}
