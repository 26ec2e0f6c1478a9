/* Losses and activations against numbers computed independently (PyTorch 2.15, float64, the functions of
 * torch.nn.functional of the same names where it has them): the value, and two entries of the gradient, evaluated in
 * double through the rows' references. Inputs are small formulas of the index, as in fill_all(). */
#include "support/device.h"

#include "clade/ops.h"
#include "exec/session.h"
#include "passes/passes.h"

#include <math.h>
#include <string.h>

enum { N = 4, D = 3 };

typedef struct operands {
    clade_value x, t, u; /* (N, D) */
    clade_value target;  /* 1 where t > 0, else 0 */
    clade_value sign;    /* 1 where t > 0, else -1 */
    clade_value label, same, slope;
} operands;

static clade_value sum_of(clade_value x) {
    return clade_sum(x, CLADE_ALL_AXES, false);
}

#define LOSS(NAME, VALUE)                                                                                              \
    static clade_value NAME(const operands *o) {                                                                       \
        return VALUE;                                                                                                  \
    }
LOSS(sum_of_squares, clade_sum_of_squares_loss(o->x, o->t))
LOSS(mean_squared, clade_mean_squared_loss(o->x, o->t))
LOSS(absolute, clade_absolute_loss(o->x, o->t))
LOSS(huber, clade_huber_loss(o->x, o->t, 0.7))
LOSS(smooth_l1, clade_smooth_l1_loss(o->x, o->t, 0.7))
LOSS(pose, clade_pose_loss(o->x, o->t, o->x, o->u, 3))
LOSS(sigmoid_cross_entropy, clade_sigmoid_cross_entropy(o->x, o->target))
LOSS(hinge, clade_hinge_loss(o->x, o->sign))
LOSS(focal, clade_focal_loss(o->x, o->target, 0.25, 2))
LOSS(margin, clade_margin_loss(o->x, o->label))
LOSS(contrastive, clade_contrastive_loss(o->x, o->t, o->same, 1.5))
LOSS(triplet, clade_triplet_loss(o->x, o->t, o->u, 0.4))
LOSS(leaky_relu, sum_of(clade_leaky_relu(o->x, 0.1)))
LOSS(elu, sum_of(clade_elu(o->x, 1.5)))
LOSS(softplus, sum_of(clade_softplus(o->x)))
LOSS(gelu, sum_of(clade_gelu(o->x)))
LOSS(prelu, sum_of(clade_prelu(o->x, o->slope)))

static const struct {
    const char *name;
    clade_value (*build)(const operands *o);
    double value, first, last; /* the loss; d/d x[0][0] and d/d x[3][2] */
} losses[] = {
    { "sum_of_squares", sum_of_squares, 2.39802217, -0.25, 0.646825397 },
    { "mean_squared", mean_squared, 0.799340724, -0.0833333333, 0.215608466 },
    { "absolute", absolute, 0.773809524, -0.0833333333, 0.0833333333 },
    { "huber", huber, 0.328708323, -0.0416666667, 0.0583333333 },
    { "smooth_l1", smooth_l1, 0.469583318, -0.0595238095, 0.0833333333 },
    { "pose", pose, 9.05251197, -1, 2.25396825 },
    { "sigmoid_cross_entropy", sigmoid_cross_entropy, 0.564221818, 0.015202127, 0.0620723746 },
    { "hinge", hinge, 0.642857143, 0, 0.0833333333 },
    { "focal", focal, 0.0936108451, 0.00106444408, 0.0499996568 },
    { "margin", margin, 1.53571429, 0, 0.25 },
    { "contrastive", contrastive, 0.599873712, -0.125, 0.323412698 },
    { "triplet", triplet, 1.30733686, 0, 0.111111111 },
    { "leaky_relu", leaky_relu, 5.15, 0.1, 1 },
    { "elu", elu, 1.10909908, 0.33469524, 1 },
    { "softplus", softplus, 10.0563761, 0.182425524, 0.744868496 },
    { "gelu", gelu, 4.06089283, -0.127469192, 1.0987787 },
    { "prelu", prelu, 4.79285714, 0.1, 1 },
};

static void fill(clade_reference *reference, clade_value leaf, const double *data, int count) {
    clade_tensor *tensor = clade_reference_leaf(reference, leaf);
    for (int i = 0; tensor && i < count; i++)
        tensor->data[i] = data[i];
}

static void fill_all(clade_reference *reference, const operands *o) {
    double x[N * D], t[N * D], u[N * D], target[N * D], sign[N * D];
    for (int i = 0; i < N; i++)
        for (int j = 0; j < D; j++) {
            const int at = i * D + j;
            x[at] = (i * 37 + j * 11) % 23 / 7.0 - 1.5;
            t[at] = (i * 29 + j * 17) % 19 / 9.0 - 1;
            u[at] = (i * 13 + j * 5) % 11 / 5.0 - 1;
            target[at] = t[at] > 0;
            sign[at] = t[at] > 0 ? 1 : -1;
        }
    fill(reference, o->x, x, N * D);
    fill(reference, o->t, t, N * D);
    fill(reference, o->u, u, N * D);
    fill(reference, o->target, target, N * D);
    fill(reference, o->sign, sign, N * D);
    fill(reference, o->label, (const double[]){ 2, 0, 1, 1 }, N);
    fill(reference, o->same, (const double[]){ 1, 0, 0, 1 }, N);
    fill(reference, o->slope, (const double[]){ 0.1, 0.2, 0.3 }, D);
}

static void assert_near(const char *what, double got, double wanted) {
    if (!(fabs(got - wanted) <= 2e-8 * (1 + fabs(wanted)))) fail_msg("%s: %.10g, not %.10g", what, got, wanted);
}

static void test_losses_and_their_gradients_are_those_computed_elsewhere(void **state) {
    graph_fixture *f = *state;
    clade_graph *g = f->graph;
    const clade_dims dims = clade_shape(CLADE_BATCH, D);
    const operands o = { .x = clade_input(g, "x", CLADE_F32, dims),
                         .t = clade_input(g, "t", CLADE_F32, dims),
                         .u = clade_input(g, "u", CLADE_F32, dims),
                         .target = clade_input(g, "target", CLADE_F32, dims),
                         .sign = clade_input(g, "sign", CLADE_F32, dims),
                         .label = clade_input(g, "label", CLADE_I32, clade_shape(CLADE_BATCH)),
                         .same = clade_input(g, "same", CLADE_F32, clade_shape(CLADE_BATCH)),
                         .slope = clade_input(g, "slope", CLADE_F32, clade_shape(D)) };
    for (size_t i = 0; i < sizeof losses / sizeof losses[0]; i++) {
        clade_value loss = losses[i].build(&o), dx;
        assert_good(f->context, clade_gradient(loss, CLADE_NO_VALUE, &o.x, 1, &dx));
        clade_reference *reference = clade_reference_new(g, (clade_binding){ .batch = N });
        fill_all(reference, &o);
        const clade_tensor *value = clade_reference_value(reference, loss);
        if (!value) fail_msg("%s: %s", losses[i].name, clade_error(f->context));
        assert_near(losses[i].name, value->data[0], losses[i].value);
        const clade_tensor *gradient = clade_reference_value(reference, dx);
        if (!gradient) fail_msg("%s: %s", losses[i].name, clade_error(f->context));
        assert_near(losses[i].name, gradient->data[0], losses[i].first);
        assert_near(losses[i].name, gradient->data[N * D - 1], losses[i].last);
        clade_reference_free(reference);
    }
}

/* ---- losses over classes, on features and pictures ---- */

enum { PLANES = 3, SIDE = 2, PIXELS = N * SIDE * SIDE, IMAGE = PIXELS * PLANES };

typedef struct wide_operands {
    clade_value x, t, shares, label, weight, sign;           /* (N, D), (N), (D) */
    clade_value image, other, image_shares, pixel, position; /* (N, PLANES, SIDE, SIDE), (N, SIDE, SIDE) */
} wide_operands;

/* sum of i * x[i], i from 1: a scalar of an array, with another weight for each element. */
static clade_value numbered_sum(clade_value x, clade_value numbers) {
    return sum_of(clade_multiply(x, numbers));
}

#define WIDE(NAME, VALUE)                                                                                              \
    static clade_value NAME(const wide_operands *o) {                                                                  \
        return VALUE;                                                                                                  \
    }
WIDE(cross_entropy_mean, clade_softmax_cross_entropy_loss(o->x, o->label, .weight = o->weight, .ignores = true,
                                                          .ignore = 0, .smoothing = 0.1))
WIDE(cross_entropy_sum,
     clade_softmax_cross_entropy_loss(o->x, o->label, .weight = o->weight, .reduction = CLADE_LOSS_SUM))
WIDE(cross_entropy_of_shares, clade_softmax_cross_entropy_loss(o->x, o->shares, .weight = o->weight, .smoothing = 0.2))
WIDE(simple_cross_entropy_of_shares, clade_softmax_cross_entropy(o->x, o->shares))
WIDE(likelihood_mean, clade_negative_log_likelihood_loss(clade_log_softmax(o->x), o->label, .weight = o->weight,
                                                         .ignores = true, .ignore = 1))
WIDE(likelihood_of_shares, clade_negative_log_likelihood_loss(clade_log_softmax(o->x), o->shares, .weight = o->weight))
WIDE(kl_divergence, clade_kl_divergence_loss(clade_log_softmax(o->x), o->shares))
WIDE(cosine_embedding, clade_cosine_embedding_loss(o->x, o->t, o->sign, -0.3))
WIDE(weighted_sum, clade_weighted_sum((clade_value[]){ clade_mean_squared_loss(o->x, o->t),
                                                       clade_softmax_cross_entropy(o->x, o->label) },
                                      (double[]){ 0.5, 0.3 }, 2))
WIDE(pixel_cross_entropy, clade_softmax_cross_entropy(o->image, o->pixel))
WIDE(pixel_cross_entropy_weighted, clade_softmax_cross_entropy_loss(o->image, o->pixel, .weight = o->weight,
                                                                    .ignores = true, .ignore = 2, .smoothing = 0.1))
WIDE(pixel_cross_entropy_none,
     numbered_sum(clade_softmax_cross_entropy_loss(o->image, o->pixel, .weight = o->weight, .ignores = true,
                                                   .ignore = 2, .reduction = CLADE_LOSS_NONE),
                  o->position))
WIDE(pixel_cross_entropy_of_shares, clade_softmax_cross_entropy_loss(o->image, o->image_shares, .weight = o->weight))
WIDE(pixel_likelihood,
     clade_negative_log_likelihood_loss(o->image, o->pixel, .weight = o->weight, .ignores = true, .ignore = 0))
WIDE(style, clade_style_loss(o->image, clade_gram_matrix(o->other)))
WIDE(content, clade_content_loss(o->image, o->other))
WIDE(total_variation, clade_total_variation_loss(o->image, 1))
WIDE(total_variation_squared, clade_total_variation_loss(o->image, 2))

static const struct {
    const char *name;
    clade_value (*build)(const wide_operands *o);
    bool by_image;
    double value, first, last; /* the loss, and its derivatives by the first and the last element of x or image */
} wide_losses[] = {
    { "cross_entropy_mean", cross_entropy_mean, false, 1.095326106, 0.005040253675, 0.1473443203 },
    { "cross_entropy_sum", cross_entropy_sum, false, 6.154807804, 0.04312799846, 0.8469863359 },
    { "cross_entropy_of_shares", cross_entropy_of_shares, false, 1.970874776, 3.349836764e-05, 0.02243568548 },
    { "simple_cross_entropy_of_shares", simple_cross_entropy_of_shares, false, 1.604363524, 0.005175359815,
      0.004095900774 },
    { "likelihood_mean", likelihood_mean, false, 0.3645811334, 0.02464457055, 0 },
    { "likelihood_of_shares", likelihood_of_shares, false, 1.999043118, 0.007763039723, 0.02100086977 },
    { "kl_divergence", kl_divergence, false, 1.185909395, 0.005175359815, 0.004095900774 },
    { "cosine_embedding", cosine_embedding, false, 0.5559279326, 0.01465107537, 0.1098614047 },
    { "weighted_sum", weighted_sum, false, 0.6770672707, -0.03907898676, 0.1395662204 },
    { "pixel_cross_entropy", pixel_cross_entropy, true, 1.587435532, -0.05581487815, 0.004018839105 },
    { "pixel_cross_entropy_weighted", pixel_cross_entropy_weighted, true, 1.580159904, -0.03116642659,
      -0.0003610266845 },
    { "pixel_cross_entropy_none", pixel_cross_entropy_none, true, 149.1687427, -0.4465190252, 0.5144114055 },
    { "pixel_cross_entropy_of_shares", pixel_cross_entropy_of_shares, true, 2.888788849, 0.01002768277,
      -0.06707319246 },
    { "pixel_likelihood", pixel_likelihood, true, 0.464957265, 0, 0 },
    { "style", style, true, 0.9117683247, -0.05633659122, -0.1147865643 },
    { "content", content, true, 1.439513728, -0.008333333333, -0.06446759259 },
    { "total_variation", total_variation, true, 6.555555556, -0.5, 0.5 },
    { "total_variation_squared", total_variation_squared, true, 9.716049383, -0.3333333333, 0.3333333333 },
};

static void fill_wide(clade_reference *reference, const wide_operands *o) {
    double x[N * D], t[N * D], shares[N * D], image[IMAGE], other[IMAGE], image_shares[IMAGE], pixel[PIXELS],
        position[PIXELS];
    for (int i = 0; i < N; i++)
        for (int j = 0; j < D; j++) {
            x[i * D + j] = (i * 37 + j * 11) % 23 / 7.0 - 1.5;
            t[i * D + j] = (i * 29 + j * 17) % 19 / 9.0 - 1;
            shares[i * D + j] = (i * 5 + j * 7) % 6 / 5.0;
        }
    for (int k = 0; k < IMAGE; k++) {
        image[k] = k * 31 % 29 / 9.0 - 1.6;
        other[k] = k * 17 % 23 / 8.0 - 1.4;
        image_shares[k] = k * 11 % 7 / 6.0;
    }
    for (int k = 0; k < PIXELS; k++) {
        pixel[k] = k * 7 % 3;
        position[k] = k + 1;
    }
    fill(reference, o->x, x, N * D);
    fill(reference, o->t, t, N * D);
    fill(reference, o->shares, shares, N * D);
    fill(reference, o->label, (const double[]){ 2, 0, 1, 1 }, N);
    fill(reference, o->weight, (const double[]){ 0.5, 2, 1.25 }, D);
    fill(reference, o->sign, (const double[]){ 1, -1, -1, 1 }, N);
    fill(reference, o->image, image, IMAGE);
    fill(reference, o->other, other, IMAGE);
    fill(reference, o->image_shares, image_shares, IMAGE);
    fill(reference, o->pixel, pixel, PIXELS);
    fill(reference, o->position, position, PIXELS);
}

static wide_operands wide_inputs(clade_graph *g) {
    const clade_dims rows = clade_shape(CLADE_BATCH, D), images = clade_shape(CLADE_BATCH, PLANES, SIDE, SIDE);
    const clade_dims pixels = clade_shape(CLADE_BATCH, SIDE, SIDE);
    return (wide_operands){ .x = clade_input(g, "x", CLADE_F32, rows),
                            .t = clade_input(g, "t", CLADE_F32, rows),
                            .shares = clade_input(g, "shares", CLADE_F32, rows),
                            .label = clade_input(g, "label", CLADE_I32, clade_shape(CLADE_BATCH)),
                            .weight = clade_input(g, "weight", CLADE_F32, clade_shape(D)),
                            .sign = clade_input(g, "sign", CLADE_F32, clade_shape(CLADE_BATCH)),
                            .image = clade_input(g, "image", CLADE_F32, images),
                            .other = clade_input(g, "other", CLADE_F32, images),
                            .image_shares = clade_input(g, "image_shares", CLADE_F32, images),
                            .pixel = clade_input(g, "pixel", CLADE_I32, pixels),
                            .position = clade_input(g, "position", CLADE_F32, pixels) };
}

static void test_losses_over_classes_and_pictures_are_those_computed_elsewhere(void **state) {
    graph_fixture *f = *state;
    const wide_operands o = wide_inputs(f->graph);
    for (size_t i = 0; i < sizeof wide_losses / sizeof wide_losses[0]; i++) {
        clade_value loss = wide_losses[i].build(&o), with = wide_losses[i].by_image ? o.image : o.x, dx;
        assert_good(f->context, clade_gradient(loss, CLADE_NO_VALUE, &with, 1, &dx));
        clade_reference *reference = clade_reference_new(f->graph, (clade_binding){ .batch = N });
        fill_wide(reference, &o);
        const clade_tensor *value = clade_reference_value(reference, loss);
        if (!value) fail_msg("%s: %s", wide_losses[i].name, clade_error(f->context));
        assert_near(wide_losses[i].name, value->data[0], wide_losses[i].value);
        const clade_tensor *gradient = clade_reference_value(reference, dx);
        if (!gradient) fail_msg("%s: %s", wide_losses[i].name, clade_error(f->context));
        assert_near(wide_losses[i].name, gradient->data[0], wide_losses[i].first);
        assert_near(wide_losses[i].name, gradient->data[gradient->count - 1], wide_losses[i].last);
        clade_reference_free(reference);
    }
}

static void test_a_batch_in_which_no_label_counts_has_no_loss(void **state) {
    graph_fixture *f = *state;
    const wide_operands o = wide_inputs(f->graph);
    clade_value loss = clade_softmax_cross_entropy_loss(o.x, o.label, .weight = o.weight), dx;
    assert_good(f->context, clade_gradient(loss, CLADE_NO_VALUE, &o.x, 1, &dx));
    clade_reference *reference = clade_reference_new(f->graph, (clade_binding){ .batch = N });
    fill_wide(reference, &o);
    fill(reference, o.label, (const double[]){ -1, 3, -100, 7 }, N);
    assert_true(clade_reference_value(reference, loss)->data[0] == 0);
    const clade_tensor *gradient = clade_reference_value(reference, dx);
    for (int i = 0; i < N * D; i++)
        assert_true(gradient->data[i] == 0);
    clade_reference_free(reference);
}

/* ---- faults ---- */

#define REFUSED(NAME, VALUE, WORDS)                                                                                    \
    static void NAME(void **state) {                                                                                   \
        graph_fixture *f = *state;                                                                                     \
        const wide_operands o = wide_inputs(f->graph);                                                                 \
        assert_false(clade_value_valid(VALUE));                                                                        \
        assert_int_equal(clade_graph_status(f->graph), CLADE_ERROR_ARGUMENT);                                          \
        if (strstr(clade_error(f->context), WORDS) == NULL) fail_msg("%s", clade_error(f->context));                   \
    }
REFUSED(test_ignoring_a_class_among_shares_is_refused, clade_softmax_cross_entropy_loss(o.x, o.shares, .ignores = true),
        "only among class numbers")
REFUSED(test_a_target_of_other_dims_is_refused, clade_softmax_cross_entropy(o.image, o.label),
        "expected class numbers int32 (N, ...) or float32 as the logits")
REFUSED(test_class_weights_of_another_size_are_refused,
        clade_softmax_cross_entropy_loss(o.x, o.label, .weight = o.sign), "expected class weights float32 (3)")
REFUSED(test_smoothing_beyond_one_is_refused, clade_softmax_cross_entropy_loss(o.x, o.label, .smoothing = 1.5),
        "smoothing from 0 to 1")
REFUSED(test_smoothing_of_likelihoods_is_refused, clade_negative_log_likelihood_loss(o.x, o.label, .smoothing = 0.1),
        "smoothing belongs to")
REFUSED(test_a_gram_matrix_of_rows_is_refused, clade_gram_matrix(o.x), "expected features (N, C, H, W)")
REFUSED(test_a_style_of_other_features_is_refused, clade_style_loss(o.image, o.x), "expected the Gram matrices")
REFUSED(test_a_variation_to_the_power_three_is_refused, clade_total_variation_loss(o.image, 3), "1 or 2")
REFUSED(test_a_weighted_sum_of_unlike_values_is_refused,
        clade_weighted_sum((clade_value[]){ o.x, o.label }, (double[]){ 1, 1 }, 2), "weighted_sum of")

static void test_losses_of_unlike_sizes_are_refused(void **state) {
    graph_fixture *f = *state;
    clade_value x = clade_input(f->graph, "x", CLADE_F32, clade_shape(CLADE_BATCH, 3));
    clade_value t = clade_input(f->graph, "t", CLADE_F32, clade_shape(CLADE_BATCH, 2));
    assert_false(clade_value_valid(clade_huber_loss(x, t, 1)));
    assert_int_equal(clade_graph_status(f->graph), CLADE_ERROR_ARGUMENT);
    assert_non_null(strstr(clade_error(f->context), "huber_loss of"));
}

int main(void) {
#define TEST(NAME) cmocka_unit_test_setup_teardown(NAME, open_graph_fixture, close_graph_fixture)
    const struct CMUnitTest tests[] = {
        TEST(test_losses_and_their_gradients_are_those_computed_elsewhere),
        TEST(test_losses_of_unlike_sizes_are_refused),
        TEST(test_losses_over_classes_and_pictures_are_those_computed_elsewhere),
        TEST(test_a_batch_in_which_no_label_counts_has_no_loss),
        TEST(test_ignoring_a_class_among_shares_is_refused),
        TEST(test_a_target_of_other_dims_is_refused),
        TEST(test_class_weights_of_another_size_are_refused),
        TEST(test_smoothing_beyond_one_is_refused),
        TEST(test_smoothing_of_likelihoods_is_refused),
        TEST(test_a_gram_matrix_of_rows_is_refused),
        TEST(test_a_style_of_other_features_is_refused),
        TEST(test_a_variation_to_the_power_three_is_refused),
        TEST(test_a_weighted_sum_of_unlike_values_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
