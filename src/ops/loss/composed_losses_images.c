/* Losses on pictures and their features (Gatys et al. 2015; Johnson et al. 2016), composed of products, slices and
 * point-wise rows. Formulas and sources are at the declarations. */
#include "ops/op.h"

/* The sum of x over everything, over the number of samples. */
static clade_value per_sample(clade_value x) {
    return clade_scale_per(clade_sum(x, CLADE_ALL_AXES, false), 1, clade_value_dims(x).size[0]);
}

/* ---- perceptual losses ---- */

clade_value clade_gram_matrix(clade_value x) {
    if (!clade_value_valid(x)) return CLADE_NO_VALUE;
    const clade_type *type = clade_value_type(x);
    const clade_dims *dims = &type->dims;
    if (dims->rank < 3)
        return clade_invalid(x.graph, CLADE_ERROR_ARGUMENT, "gram_matrix of %s: expected features (N, C, H, W)",
                             clade_type_text(x.graph, type));
    const clade_size pixels = clade_size_product(x.graph, dims->size + 2, dims->rank - 2);
    const clade_size count = clade_size_multiply(x.graph, dims->size[1], pixels);
    clade_value rows = clade_reshape(x, clade_shape(dims->size[0], dims->size[1], pixels));
    return clade_scale_per(clade_batched_matmul(rows, rows, false, true), 1, count);
}

clade_value clade_style_loss(clade_value x, clade_value target) {
    clade_value gram = clade_gram_matrix(x);
    if (!clade_value_valid(gram) || !clade_value_valid(target)) return CLADE_NO_VALUE;
    const clade_type *type = clade_value_type(target), *own = clade_value_type(gram);
    clade_dims wide;
    if (!clade_dims_broadcast(&own->dims, &type->dims, &wide) || !clade_dims_equal(&wide, &own->dims))
        return clade_invalid(x.graph, CLADE_ERROR_ARGUMENT,
                             "style_loss to %s: expected the Gram matrices of the style, (N, C, C) or (1, C, C) as %s",
                             clade_type_text(x.graph, type), clade_type_text(x.graph, own));
    return per_sample(clade_square(clade_subtract(gram, target)));
}

clade_value clade_content_loss(clade_value x, clade_value target) {
    return clade_mean_squared_loss(x, target);
}

/* ---- total variation ---- */

/* x[i + 1] - x[i] along AXIS. */
static clade_value steps_along(clade_value x, int axis) {
    clade_slice_options later = { .size = sizeof later, .x = x }, earlier = later;
    later.begin[axis] = 1;
    earlier.end[axis] = -1;
    return clade_subtract(clade_slice_with(&later), clade_slice_with(&earlier));
}

clade_value clade_total_variation_loss(clade_value x, int power) {
    if (!clade_value_valid(x)) return CLADE_NO_VALUE;
    const clade_type *type = clade_value_type(x);
    if (type->dims.rank < 3 || (power != 1 && power != 2))
        return clade_invalid(
            x.graph, CLADE_ERROR_ARGUMENT,
            "total_variation_loss of %s to the power %d: expected (N, C, H, W) or (N, C, L), and 1 or 2",
            clade_type_text(x.graph, type), power);
    clade_value sum = CLADE_NO_VALUE;
    for (int axis = 2; axis < type->dims.rank; axis++) {
        if (type->dims.size[axis] == 1) continue;
        clade_value steps = steps_along(x, axis);
        clade_value part = per_sample(power == 1 ? clade_absolute(steps) : clade_square(steps));
        sum = clade_value_valid(sum) ? clade_add(sum, part) : part;
    }
    return clade_value_valid(sum) ? sum : clade_constant(x.graph, CLADE_SCALAR, 0);
}
