/* The fully connected layer y = x W^T + b: x (N, ...) is flattened to (N, in); W (units, in), b (units) -> (N, units).
 * Composed of a matrix product and a bias. */
#include "ops/matmul/matmul.h"

#include <string.h>

clade_value clade_dense_with(const clade_dense_options *options) {
    clade_dense_options given = { 0 };
    memcpy(&given, options, options->size < sizeof given ? options->size : sizeof given);
    if (!clade_value_valid(given.x)) return given.x;
    clade_graph *graph = given.x.graph;
    const char *name = clade_graph_unique_name(graph, given.name, "dense");
    const clade_type *type = clade_value_type(given.x);
    clade_value x = type->dims.rank == 2 ? given.x : clade_flatten(given.x);
    if (!clade_value_valid(x)) return x;
    const clade_size in = clade_value_dims(x).size[1];
    if (given.units < 1 || in < 1)
        return clade_invalid(graph, CLADE_ERROR_ARGUMENT,
                             "dense %s of %s: expected at least 1 unit and inputs of a fixed size", name,
                             clade_type_text(graph, type));

    const clade_initializer msra = { .kind = CLADE_INITIALIZE_MSRA, .fan_in = in, .fan_out = given.units };
    const clade_initializer zero = { .kind = CLADE_INITIALIZE_CONSTANT, .fan_in = in, .fan_out = given.units };
    clade_value weight = clade_layer_state(graph, name, "weight", clade_shape(given.units, in), CLADE_ROLE_WEIGHT,
                                           given.weight_initializer, msra);
    const clade_matmul_attributes attributes = { .transpose_b = true };
    clade_value y = clade_append(graph, &clade_op_matmul, name, &attributes, (clade_value[]){ x, weight }, 2);
    if (given.no_bias) return y;
    clade_value bias =
        clade_layer_state(graph, name, "bias", clade_shape(given.units), CLADE_ROLE_BIAS, given.bias_initializer, zero);
    return clade_bias(y, bias);
}
