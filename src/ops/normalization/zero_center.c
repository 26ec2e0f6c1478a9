/* Input normalisation by numbers of the training set, kept in states: composed of point-wise rows. What sets the
 * states is in train/input_norm.c, which knows them by their suffixes. */
#include "ops/op.h"

#include <string.h>

clade_value clade_zero_center_with(const clade_zero_center_options *options) {
    clade_zero_center_options given = { 0 };
    memcpy(&given, options, options->size < sizeof given ? options->size : sizeof given);
    const clade_value x = given.x;
    if (!clade_value_valid(x)) return clade_square(x);
    const clade_dims dims = clade_value_dims(x);
    clade_dims one = { .rank = dims.rank - 1 };
    bool fits = dims.rank >= 2;
    for (int32_t axis = 1; axis < dims.rank; axis++) {
        one.size[axis - 1] = given.by_channel && axis > 1 ? 1 : dims.size[axis];
        fits = fits && dims.size[axis] > 0;
    }
    if (!fits)
        return clade_invalid(x.graph, CLADE_ERROR_ARGUMENT,
                             "zero_center of %s: expected (N, C, ...), sizes after N numbers",
                             clade_type_text(x.graph, clade_value_type(x)));
    const char *name = clade_graph_unique_name(x.graph, given.name, "zerocenter");
    const clade_initializer zero = { .kind = CLADE_INITIALIZE_CONSTANT, .value = 0 };
    const clade_initializer unit = { .kind = CLADE_INITIALIZE_CONSTANT, .value = 1 };
    const clade_value mean = clade_layer_state(x.graph, name, "input_mean", one, CLADE_ROLE_STATE, zero, zero);
    const clade_value y = clade_subtract(x, mean);
    if (!given.deviation) return y;
    return clade_divide(y, clade_layer_state(x.graph, name, "input_deviation", one, CLADE_ROLE_STATE, unit, unit));
}
