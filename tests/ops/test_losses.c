/* Composed losses and activations against numbers computed independently (PyTorch 2.15, float64): the value, and two
 * entries of the gradient by x, evaluated in double through the rows' references. */
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
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
