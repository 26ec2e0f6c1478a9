/* The reference solver itself, against numbers computed independently: PyTorch's L-BFGS in double on the same losses (and
 * numpy's least squares for the identity), gradients below 5e-9. */
#include "support/device.h"

#include "experiments/newton.h"

#include <math.h>

enum { SAMPLES = 8 };

static const float x[SAMPLES * 2] = {
    0.5F, -1, 1.5F, 0.25F, -0.75F, 2, -1.25F, -0.5F, 2, 1, 0, 0.75F, -2, 1.5F, 1, -2
};

static void expect(const clade_linear_problem *problem, const double *known) {
    clade_context *context = clade_context_new(NULL);
    clade_linear_fit fit;
    assert_non_null(context);
    assert_good(context, clade_newton_fit(context, problem, &fit));
    for (int64_t k = 0; k < problem->outputs; k++) {
        assert_true(fabs(fit.weight[k][0] - known[3 * k]) < 1e-6);
        assert_true(fabs(fit.weight[k][1] - known[3 * k + 1]) < 1e-6);
        assert_true(fabs(fit.bias[k] - known[3 * k + 2]) < 1e-6);
    }
    clade_context_free(context);
}

static void test_the_identity_is_least_squares(void **state) {
    (void)state;
    static const float target[SAMPLES] = { 0.3F, 1.1F, -0.4F, 0.2F, 1.9F, 0.6F, -0.7F, 0.1F };
    static const double known[] = { 0.54357055002, 0.13545939235, 0.28568883303 };
    expect(&(clade_linear_problem){ CLADE_LINK_IDENTITY, SAMPLES, 2, 1, x, target, 0 }, known);
}

static void test_the_sigmoid_is_logistic_regression(void **state) {
    (void)state;
    static const float target[SAMPLES] = { 1, 1, 0, 0, 1, 0, 1, 0 };
    static const double known[] = { 0.53798053670, 0.38318492236, -0.15236014419 };
    expect(&(clade_linear_problem){ CLADE_LINK_SIGMOID, SAMPLES, 2, 1, x, target, 0.05 }, known);
}

static void test_softmax_regression(void **state) {
    (void)state;
    static const int classes[SAMPLES] = { 0, 1, 2, 0, 1, 2, 1, 0 };
    static const double known[] = { -0.57224070642, -2.03777376271, 0.32784376883, 0.43261991447, 0.76071861380,
                                    0.30955054485,  0.13962079195,  1.27705514891, -0.63739431368 };
    float target[SAMPLES * 3] = { 0 };
    for (int n = 0; n < SAMPLES; n++)
        target[3 * n + classes[n]] = 1;
    expect(&(clade_linear_problem){ CLADE_LINK_SOFTMAX, SAMPLES, 2, 3, x, target, 0.02 }, known);
}

/* Two features that are the same have no one answer. */
static void test_what_does_not_settle_is_told(void **state) {
    (void)state;
    static const float twice[SAMPLES * 2] = { 1, 1, 2, 2, -1, -1, 0, 0, 3, 3, 1, 1, -2, -2, 4, 4 };
    static const float target[SAMPLES] = { 1, 1, 0, 0, 1, 0, 0, 1 };
    clade_context *context = clade_context_new(NULL);
    clade_linear_fit fit;
    assert_non_null(context);
    const clade_linear_problem problem = { CLADE_LINK_IDENTITY, SAMPLES, 2, 1, twice, target, 0 };
    assert_int_equal(clade_newton_fit(context, &problem, &fit), CLADE_ERROR_ARGUMENT);
    /* Divided classes: the weights grow without end. */
    static const float divided[SAMPLES] = { 1, 1, 0, 0, 1, 1, 0, 1 };
    const clade_linear_problem endless = { CLADE_LINK_SIGMOID, SAMPLES, 2, 1, twice, divided, 0 };
    assert_int_equal(clade_newton_fit(context, &endless, &fit), CLADE_ERROR_ARGUMENT);
    clade_context_free(context);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_identity_is_least_squares),
        cmocka_unit_test(test_the_sigmoid_is_logistic_regression),
        cmocka_unit_test(test_softmax_regression),
        cmocka_unit_test(test_what_does_not_settle_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
