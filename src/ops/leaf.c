/* Leaves: nodes without inputs, where arrays enter a graph.
 *   input         what the caller feeds at each run
 *   scalar        a float that the caller sets between runs
 *   state         an array that lives across runs
 *   constant      every element is one number
 *   random_state  the run's seed, step and first sample, for random draws
 * Sessions fill all of them except the constant, which is computed (and, being point-wise without inputs, disappears
 * into the kernels that use it). */
#include "ops/op.h"

#include <stddef.h>
#include <string.h>

static const clade_attribute leaf_schema[] = {
    { "dims", CLADE_ATTRIBUTE_DIMS, offsetof(clade_leaf_attributes, dims), 0 },
    { "dtype", CLADE_ATTRIBUTE_INT, offsetof(clade_leaf_attributes, dtype), 0 },
    { "role", CLADE_ATTRIBUTE_INT, offsetof(clade_leaf_attributes, role), 0 },
    { "initializer", CLADE_ATTRIBUTE_INT, offsetof(clade_leaf_attributes, initializer_kind), 0 },
    { "fan_in", CLADE_ATTRIBUTE_INT, offsetof(clade_leaf_attributes, fan_in), 0 },
    { "fan_out", CLADE_ATTRIBUTE_INT, offsetof(clade_leaf_attributes, fan_out), 0 },
    { "value", CLADE_ATTRIBUTE_DOUBLE, offsetof(clade_leaf_attributes, initializer_value), 0 },
    { NULL, 0, 0, 0 },
};

static const clade_attribute constant_schema[] = {
    { "dims", CLADE_ATTRIBUTE_DIMS, offsetof(clade_constant_attributes, dims), 0 },
    { "number", CLADE_ATTRIBUTE_DOUBLE, offsetof(clade_constant_attributes, number), 0 },
    { NULL, 0, 0, 0 },
};

/* ---- types ---- */

static bool infer_leaf(const clade_node *node, clade_type out[], clade_text *why) {
    const clade_leaf_attributes *leaf = node->attributes;
    (void)why;
    out[0] = (clade_type){ (clade_dtype)leaf->dtype, leaf->dims };
    return true;
}

static bool infer_constant(const clade_node *node, clade_type out[], clade_text *why) {
    const clade_constant_attributes *constant = node->attributes;
    (void)why;
    out[0] = (clade_type){ CLADE_F32, constant->dims };
    return true;
}

static bool infer_random_state(const clade_node *node, clade_type out[], clade_text *why) {
    (void)node;
    (void)why;
    out[0] = (clade_type){ CLADE_I32, clade_shape(8) };
    return true;
}

/* ---- the constant ---- */

static double evaluate_constant(const double x[], const double p[]) {
    (void)x;
    return p[0];
}

static void constant_parameters(const clade_node *node, clade_binding binding, double p[CLADE_MAX_PARAMETERS]) {
    (void)binding;
    p[0] = ((const clade_constant_attributes *)node->attributes)->number;
}

static void reference_constant(const clade_node *node, const clade_tensor in[], clade_tensor out[]) {
    (void)in;
    double number = ((const clade_constant_attributes *)node->attributes)->number;
    for (int64_t i = 0; i < out[0].count; i++) {
        out[0].data[i] = number;
    }
}

enum { FILL_GROUP = 64 };

static clade_status record_fill(const clade_site *site, clade_commands *commands) {
    const clade_constant_attributes *constant = site->node->attributes;
    const clade_argument arguments[] = {
        clade_buffer_argument(site->out[0].buffer),
        clade_float_argument((float)constant->number),
        clade_int_argument(site->out[0].count),
    };
    return clade_commands_launch(commands, &(clade_launch){
                                               .file = "fill.cl",
                                               .kernel = "fill",
                                               .label = site->label,
                                               .global = { (size_t)site->out[0].count },
                                               .local = { FILL_GROUP },
                                               .arguments = arguments,
                                               .argument_count = 3,
                                               .bytes = 4.0 * (double)site->out[0].count,
                                           });
}

static const clade_implementation *const constant_implementations[] = {
    &(const clade_implementation){ .name = "fill", .record = record_fill },
    NULL,
};

static const clade_case constant_cases[] = {
    { .name = "odd size", .attributes = &(const clade_constant_attributes){ { 2, { 7, 11 } }, 0.3 } },
    { .name = "a scalar", .attributes = &(const clade_constant_attributes){ { 0, { 0 } }, -2.5 } },
    { .name = "over a group", .attributes = &(const clade_constant_attributes){ { 1, { 1025 } }, 1.0 } },
    { .name = NULL },
};

/* ---- the rows ---- */

const clade_op clade_op_input = {
    .name = "input",
    .attributes = leaf_schema,
    .attributes_size = sizeof(clade_leaf_attributes),
    .outputs = 1,
    .infer = infer_leaf,
};

const clade_op clade_op_state = {
    .name = "state",
    .attributes = leaf_schema,
    .attributes_size = sizeof(clade_leaf_attributes),
    .outputs = 1,
    .infer = infer_leaf,
};

const clade_op clade_op_scalar = {
    .name = "scalar",
    .attributes = constant_schema,
    .attributes_size = sizeof(clade_constant_attributes),
    .outputs = 1,
    .infer = infer_constant,
};

const clade_op clade_op_constant = {
    .name = "constant",
    .onnx = "Constant",
    .attributes = constant_schema,
    .attributes_size = sizeof(clade_constant_attributes),
    .outputs = 1,
    .infer = infer_constant,
    .reference = reference_constant,
    .pointwise = &(const clade_pointwise){ "p0", evaluate_constant, constant_parameters, 1, CLADE_TYPES_FLOAT },
    .implementations = constant_implementations,
    .cases = constant_cases,
};

const clade_op clade_op_random_state = {
    .name = "random_state",
    .outputs = 1,
    .infer = infer_random_state,
};

/* ---- the builder's calls ---- */

/* Whether DIMS can be those of an array of GRAPH; symbols only where ALLOWED. */
static bool dims_are_good(const clade_graph *graph, const clade_dims *dims, bool symbols_allowed) {
    if (dims->rank < 0 || dims->rank > CLADE_MAX_RANK) return false;
    for (int32_t axis = 0; axis < dims->rank; axis++) {
        clade_size size = dims->size[axis];
        bool is_symbol = size < 0 && size >= -(clade_size)graph->size_count;
        if (size < 1 && !(is_symbol && symbols_allowed)) return false;
    }
    return true;
}

clade_value clade_input(clade_graph *graph, const char *name, clade_dtype dtype, clade_dims dims) {
    if (!graph) return CLADE_NO_VALUE;
    if (!name || !*name) return clade_invalid(graph, CLADE_ERROR_ARGUMENT, "input: needs a name");
    if (dtype != CLADE_F32 && dtype != CLADE_I32) {
        return clade_invalid(graph, CLADE_ERROR_ARGUMENT, "input %s: dtype %d is none; use CLADE_F32 or CLADE_I32",
                             name, (int)dtype);
    }
    if (!dims_are_good(graph, &dims, true)) {
        return clade_invalid(graph, CLADE_ERROR_ARGUMENT,
                             "input %s: dims need 0 to %d sizes, each at least 1 or a symbol such as CLADE_BATCH", name,
                             CLADE_MAX_RANK);
    }
    if (clade_value_valid(clade_graph_find(graph, "input", name))) {
        return clade_invalid(graph, CLADE_ERROR_ARGUMENT, "input %s: the graph has an input of that name; use another",
                             name);
    }
    const clade_leaf_attributes attributes = { .dims = dims, .dtype = (int64_t)dtype };
    return clade_append(graph, &clade_op_input, name, &attributes, NULL, 0);
}

clade_value clade_scalar(clade_graph *graph, const char *name, float initial) {
    if (!graph) return CLADE_NO_VALUE;
    if (!name || !*name) return clade_invalid(graph, CLADE_ERROR_ARGUMENT, "scalar: needs a name");
    clade_value known = clade_graph_find(graph, "scalar", name);
    if (clade_value_valid(known)) return known;
    const clade_constant_attributes attributes = { CLADE_SCALAR, initial };
    return clade_append(graph, &clade_op_scalar, name, &attributes, NULL, 0);
}

clade_value clade_constant(clade_graph *graph, clade_dims dims, float number) {
    if (!graph) return CLADE_NO_VALUE;
    if (!dims_are_good(graph, &dims, true)) {
        return clade_invalid(graph, CLADE_ERROR_ARGUMENT,
                             "constant: dims need 0 to %d sizes, each at least 1 or a symbol such as CLADE_BATCH",
                             CLADE_MAX_RANK);
    }
    const clade_constant_attributes attributes = { dims, number };
    return clade_append(graph, &clade_op_constant, "", &attributes, NULL, 0);
}

clade_value clade_state(clade_graph *graph, const char *name, clade_dims dims, clade_role role,
                        clade_initializer initializer) {
    if (!graph) return CLADE_NO_VALUE;
    if (!name || !*name) return clade_invalid(graph, CLADE_ERROR_ARGUMENT, "state: needs a name");
    if (!dims_are_good(graph, &dims, false)) {
        return clade_invalid(graph, CLADE_ERROR_ARGUMENT,
                             "state %s: dims need 0 to %d sizes, each a number of at least 1 (a state cannot grow with "
                             "the batch)",
                             name, CLADE_MAX_RANK);
    }
    if (clade_value_valid(clade_graph_find(graph, "state", name))) {
        return clade_invalid(graph, CLADE_ERROR_ARGUMENT,
                             "state %s: the graph has a state of that name; give the layer another .name", name);
    }
    const clade_leaf_attributes attributes = {
        .dims = dims,
        .dtype = CLADE_F32,
        .role = (int64_t)role,
        .initializer_kind = (int64_t)initializer.kind,
        .fan_in = initializer.fan_in,
        .fan_out = initializer.fan_out,
        .initializer_value = initializer.value,
    };
    return clade_append(graph, &clade_op_state, name, &attributes, NULL, 0);
}

clade_value clade_layer_state(clade_graph *graph, const char *layer, const char *suffix, clade_dims dims,
                              clade_role role, clade_initializer given, clade_initializer fallback) {
    if (!graph) return CLADE_NO_VALUE;
    clade_initializer initializer = given.kind == CLADE_INITIALIZE_DEFAULT ? fallback : given;
    if (initializer.fan_in == 0) initializer.fan_in = given.fan_in ? given.fan_in : fallback.fan_in;
    if (initializer.fan_out == 0) initializer.fan_out = given.fan_out ? given.fan_out : fallback.fan_out;
    const char *name = clade_arena_format(&graph->arena, "%s.%s", layer, suffix);
    if (!name) return clade_invalid(graph, CLADE_ERROR_MEMORY, "%s: no memory for a state's name", layer);
    return clade_state(graph, name, dims, role, initializer);
}

clade_value clade_random_state(clade_graph *graph) {
    if (!graph) return CLADE_NO_VALUE;
    clade_value known = clade_graph_find(graph, "random_state", "random_state");
    if (clade_value_valid(known)) return known;
    return clade_append(graph, &clade_op_random_state, "random_state", NULL, NULL, 0);
}
