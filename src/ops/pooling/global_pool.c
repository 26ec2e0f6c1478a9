/* Global average pooling: y[n,c] = the mean of x[n,c,...] over the axes from 2 on, which stay with size 1. Composed of
 * a mean, whose gradient is point-wise and fuses. */
#include "ops/op.h"

clade_value clade_global_average_pool(clade_value x) {
    if (!clade_value_valid(x))
        return clade_invalid(x.graph, CLADE_ERROR_ARGUMENT, "global_average_pool: x is not a value");
    const int32_t rank = clade_value_dims(x).rank;
    if (rank < 3)
        return clade_invalid(x.graph, CLADE_ERROR_ARGUMENT, "global_average_pool of %s: expected (N, C, ...)",
                             clade_type_text(x.graph, clade_value_type(x)));
    return clade_mean(x, ((1u << rank) - 1u) & ~3u, true);
}
