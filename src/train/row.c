/* Rows of numbers as nodes. */
#include "train/row.h"

#include "clade/ops.h"
#include "graph/graph.h"

int64_t clade_row_elements(clade_value value) {
    clade_dims dims = clade_value_dims(value);
    return clade_dims_value(value.graph, &dims, (clade_binding){ 0 }, (int64_t[CLADE_MAX_RANK]){ 0 });
}

clade_value clade_row_of(const clade_value *values, size_t count) {
    enum { AT_ONCE = 16 }; /* values that a concatenation takes */
    if (count == 1) return clade_reshape(values[0], clade_shape(1, clade_row_elements(values[0])));
    clade_value parts[AT_ONCE];
    size_t each = (count + AT_ONCE - 1) / AT_ONCE, used = 0;
    for (size_t first = 0; first < count; first += each)
        parts[used++] = clade_row_of(values + first, count - first < each ? count - first : each);
    return clade_concat_all(1, parts, used);
}
