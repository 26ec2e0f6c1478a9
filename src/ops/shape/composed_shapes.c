/* Changes of shape composed of rows that move elements. What they do is at the declarations. */
#include "ops/shape/copy.h"

#include <string.h>

clade_value clade_unsqueeze(clade_value x, int32_t axis) {
    const clade_dims from = clade_value_dims(x);
    const int32_t own = clade_axis_of(axis, from.rank + 1);
    if (!clade_value_valid(x)) return x;
    if (own < 0 || from.rank == CLADE_MAX_RANK)
        return clade_invalid(x.graph, CLADE_ERROR_ARGUMENT, "unsqueeze of %s: no place %d for an axis",
                             clade_type_text(x.graph, clade_value_type(x)), (int)axis);
    clade_dims dims = from;
    dims.rank++;
    memmove(dims.size + own + 1, from.size + own, (size_t)(from.rank - own) * sizeof dims.size[0]);
    dims.size[own] = 1;
    return clade_reshape(x, dims);
}

clade_value clade_squeeze(clade_value x, uint32_t axes) {
    const clade_dims from = clade_value_dims(x);
    clade_dims dims = { .rank = 0 };
    if (!clade_value_valid(x)) return x;
    for (int32_t axis = 0; axis < from.rank; axis++) {
        const bool named = axes != CLADE_ALL_AXES && (axes >> axis & 1) != 0, one = from.size[axis] == 1;
        if (named && !one)
            return clade_invalid(x.graph, CLADE_ERROR_ARGUMENT, "squeeze of %s: axis %d is not 1",
                                 clade_type_text(x.graph, clade_value_type(x)), (int)axis);
        if (!named && !(axes == CLADE_ALL_AXES && one)) dims.size[dims.rank++] = from.size[axis];
    }
    return clade_reshape(x, dims);
}

clade_value clade_expand_to(clade_value x, clade_dims dims) {
    const clade_dims own = clade_value_dims(x);
    clade_dims wide;
    if (!clade_value_valid(x)) return x;
    return clade_expand(x, clade_dims_broadcast(&own, &dims, &wide) ? &wide : &dims);
}

/* Each repeated axis is seen as (repeats, size), of which the first is expanded. */
clade_value clade_repeat(clade_value x, const int64_t *repeats, int32_t count) {
    const clade_dims from = clade_value_dims(x);
    if (!clade_value_valid(x)) return x;
    clade_dims apart = { .rank = 0 }, wide = { .rank = 0 }, dims = from;
    bool good = count == from.rank;
    for (int32_t axis = 0; axis < from.rank && good; axis++) {
        good = repeats[axis] >= 1 && apart.rank + 1 + (repeats[axis] > 1) <= CLADE_MAX_RANK;
        if (!good) break;
        if (repeats[axis] > 1) {
            apart.size[apart.rank++] = 1;
            wide.size[wide.rank++] = repeats[axis];
        }
        apart.size[apart.rank++] = wide.size[wide.rank] = from.size[axis];
        wide.rank++;
        dims.size[axis] = clade_size_multiply(x.graph, from.size[axis], repeats[axis]);
    }
    if (!good)
        return clade_invalid(
            x.graph, CLADE_ERROR_ARGUMENT,
            "repeat of %s: expected a number of at least 1 for each axis, and no more than %d axes in all",
            clade_type_text(x.graph, clade_value_type(x)), CLADE_MAX_RANK);
    return clade_reshape(clade_expand(clade_reshape(x, apart), &wide), dims);
}
