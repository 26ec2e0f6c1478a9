/* The optimisers' updates against numbers worked out by hand, on the device. The loss is the sum of w * g with g fed, so
 * the gradient of w is g. */
#include "support/device.h"

#include "clade/ops.h"
#include "exec/session.h"
#include "train/optimizer.h"

#include <math.h>
#include <string.h>

enum { ELEMENTS = 6, STEPS = 3 };
static const float gradients[STEPS] = { 0.5F, -0.25F, 1.0F };
static const double rates[STEPS] = { 0.1, 0.1, 0.05 };

static clade_value fed_gradient, total;

/* A state of role ROLE that begins at 1, and OPTIMIZER on it. */
static void build(graph_fixture *f, clade_role role, const clade_optimizer *optimizer) {
    clade_initializer one = { .kind = CLADE_INITIALIZE_CONSTANT, .value = 1 };
    fed_gradient = clade_input(f->graph, "g", CLADE_F32, clade_shape(2, 3));
    clade_value w = clade_state(f->graph, "w", clade_shape(2, 3), role, one);
    total = clade_sum(clade_multiply(w, fed_gradient), CLADE_ALL_AXES, false);
    int64_t parameters;
    assert_good(f->context, clade_optimizer_append(optimizer, total, &parameters));
    assert_int_equal(parameters, ELEMENTS);
    assert_good(f->context, clade_session_new(f->device, f->graph, 1, &f->session));
}

static void expect_state(graph_fixture *f, const char *name, double expected) {
    float data[ELEMENTS];
    assert_good(f->context, clade_session_read_state(f->session, name, data, ELEMENTS));
    for (int i = 0; i < ELEMENTS; i++)
        if (fabs((double)data[i] - expected) > 1e-6)
            fail_msg("%s: %.9g, expected %.9g", name, (double)data[i], expected);
}

static void step(graph_fixture *f, const clade_optimizer *optimizer, int number) {
    float fed[ELEMENTS], loss;
    for (int i = 0; i < ELEMENTS; i++)
        fed[i] = gradients[number];
    clade_binding_array feed = { fed_gradient, fed, ELEMENTS }, fetch = { total, &loss, 1 };
    assert_good(f->context, clade_optimizer_set(optimizer, f->session, number, rates[number]));
    assert_good(f->context, clade_session_run(f->session, &(clade_run_options){ .size = sizeof(clade_run_options),
                                                                                .feeds = &feed,
                                                                                .feed_count = 1,
                                                                                .fetches = &fetch,
                                                                                .fetch_count = 1,
                                                                                .updates = true }));
}

static void expect_weights(graph_fixture *f, const clade_optimizer *optimizer, const double expected[STEPS]) {
    for (int i = 0; i < STEPS; i++) {
        step(f, optimizer, i);
        expect_state(f, "w", expected[i]);
    }
}

static void test_plain_descent(void **state) {
    graph_fixture *f = *state;
    const clade_optimizer optimizer = { .kind = CLADE_SGD };
    build(f, CLADE_ROLE_WEIGHT, &optimizer);
    assert_int_equal(clade_session_state_count(f->session), 1); /* no momentum, no slot */
    expect_weights(f, &optimizer, (double[]){ 0.95, 0.975, 0.925 });
}

/* v: -0.05, -0.045 + 0.025, -0.018 - 0.05 */
static void test_momentum_as_in_deck_004(void **state) {
    graph_fixture *f = *state;
    const clade_optimizer optimizer = { .kind = CLADE_SGD, .momentum = 0.9 };
    build(f, CLADE_ROLE_WEIGHT, &optimizer);
    expect_weights(f, &optimizer, (double[]){ 0.95, 0.93, 0.862 });
    expect_state(f, "w.momentum", -0.068);
}

/* D: 0.5, 0.45 - 0.25, 0.18 + 1; the same until the rate changes. */
static void test_momentum_as_in_deck_002(void **state) {
    graph_fixture *f = *state;
    const clade_optimizer optimizer = { .kind = CLADE_SGD_ACCUMULATE, .momentum = 0.9 };
    build(f, CLADE_ROLE_WEIGHT, &optimizer);
    expect_weights(f, &optimizer, (double[]){ 0.95, 0.93, 0.871 });
    expect_state(f, "w.momentum", 1.18);
}

/* m: 0.05, 0.02, 0.118; v: 0.00025, 0.00031225, 0.00131193775; each step divides m by 1 - 0.9^t, v by 1 - 0.999^t. */
static void test_adam(void **state) {
    graph_fixture *f = *state;
    const clade_optimizer optimizer = { .kind = CLADE_ADAM, .momentum = 0.9 };
    build(f, CLADE_ROLE_WEIGHT, &optimizer);
    expect_weights(f, &optimizer, (double[]){ 0.900000002, 0.873366299, 0.840460719 });
    expect_state(f, "w.moment1", 0.118);
    expect_state(f, "w.moment2", 0.00131193775);
}

/* From here on: PyTorch 2.15 in float64. */
static void test_nesterov(void **state) {
    graph_fixture *f = *state;
    const clade_optimizer optimizer = { .kind = CLADE_NESTEROV, .momentum = 0.9 };
    build(f, CLADE_ROLE_WEIGHT, &optimizer);
    expect_weights(f, &optimizer, (double[]){ 0.905, 0.912, 0.8089 });
}

static void test_adamw_decays_beside_the_gradient(void **state) {
    graph_fixture *f = *state;
    const clade_optimizer optimizer = { .kind = CLADE_ADAMW, .momentum = 0.9, .weight_decay = 0.2 };
    build(f, CLADE_ROLE_WEIGHT, &optimizer);
    expect_weights(f, &optimizer, (double[]){ 0.880000002, 0.835766299, 0.794503056 });
}

static void test_adamw_leaves_biases(void **state) {
    graph_fixture *f = *state;
    const clade_optimizer optimizer = { .kind = CLADE_ADAMW, .momentum = 0.9, .weight_decay = 0.2 };
    build(f, CLADE_ROLE_BIAS, &optimizer);
    expect_weights(f, &optimizer, (double[]){ 0.900000002, 0.873366299, 0.840460719 });
}

static void test_rmsprop(void **state) {
    graph_fixture *f = *state;
    const clade_optimizer optimizer = { .kind = CLADE_RMSPROP };
    build(f, CLADE_ROLE_WEIGHT, &optimizer);
    expect_weights(f, &optimizer, (double[]){ 1.9999996e-07, 0.449013374, 0.0116435792 });
}

static void test_rmsprop_with_momentum(void **state) {
    graph_fixture *f = *state;
    const clade_optimizer optimizer = { .kind = CLADE_RMSPROP, .momentum = 0.9 };
    build(f, CLADE_ROLE_WEIGHT, &optimizer);
    expect_weights(f, &optimizer, (double[]){ 1.99999961e-07, -0.450986446, -1.09130023 });
}

static void test_adagrad(void **state) {
    graph_fixture *f = *state;
    const clade_optimizer optimizer = { .kind = CLADE_ADAGRAD };
    build(f, CLADE_ROLE_WEIGHT, &optimizer);
    expect_weights(f, &optimizer, (double[]){ 0.9, 0.94472136, 0.901077782 });
}

/* The gradients become 0.5 + 0.2 * 1, -0.25 + 0.2 * 0.93, 1 + 0.2 * 0.9364. */
static void test_decay_pulls_weights(void **state) {
    graph_fixture *f = *state;
    const clade_optimizer optimizer = { .kind = CLADE_SGD, .weight_decay = 0.2 };
    build(f, CLADE_ROLE_WEIGHT, &optimizer);
    expect_weights(f, &optimizer, (double[]){ 0.93, 0.9364, 0.877036 });
}

static void test_decay_leaves_biases(void **state) {
    graph_fixture *f = *state;
    const clade_optimizer optimizer = { .kind = CLADE_SGD, .weight_decay = 0.2 };
    build(f, CLADE_ROLE_BIAS, &optimizer);
    expect_weights(f, &optimizer, (double[]){ 0.95, 0.975, 0.925 });
}

/* The norm of six gradients of g is 6^(1/2) g: at most 0.6 makes each 0.2449, -0.2449 and 0.2449. */
static void test_the_norm_of_all_gradients_is_clipped(void **state) {
    graph_fixture *f = *state;
    const clade_optimizer optimizer = { .kind = CLADE_SGD, .clip_norm = 0.6 };
    build(f, CLADE_ROLE_WEIGHT, &optimizer);
    expect_weights(f, &optimizer, (double[]){ 0.975505103, 1, 0.987752551 });
}

static void test_each_element_of_a_gradient_is_clipped(void **state) {
    graph_fixture *f = *state;
    const clade_optimizer optimizer = { .kind = CLADE_SGD, .clip_value = 0.3 };
    build(f, CLADE_ROLE_WEIGHT, &optimizer);
    expect_weights(f, &optimizer, (double[]){ 0.97, 0.995, 0.98 });
}

static void test_a_rule_changes_the_rate_of_the_states_it_names(void **state) {
    graph_fixture *f = *state;
    const clade_layer_rule rules[] = { { .states = "v*", .frozen = true }, { .states = "*w", .rate = 2 } };
    const clade_optimizer optimizer = { .kind = CLADE_SGD, .layer_rules = rules, .layer_rule_count = 2 };
    build(f, CLADE_ROLE_WEIGHT, &optimizer);
    expect_weights(f, &optimizer, (double[]){ 0.9, 0.95, 0.85 });
}

static void test_frozen_states_stay(void **state) {
    graph_fixture *f = *state;
    clade_initializer one = { .kind = CLADE_INITIALIZE_CONSTANT, .value = 1 };
    clade_value w = clade_state(f->graph, "conv1.weight", clade_shape(2), CLADE_ROLE_WEIGHT, one);
    clade_value v = clade_state(f->graph, "fc.weight", clade_shape(2), CLADE_ROLE_WEIGHT, one);
    const clade_layer_rule rule = { .states = "c*v*.weight", .frozen = true };
    const clade_optimizer optimizer = { .kind = CLADE_ADAM, .layer_rules = &rule, .layer_rule_count = 1 };
    int64_t parameters;
    clade_value loss = clade_sum(clade_multiply(w, v), CLADE_ALL_AXES, false);
    assert_good(f->context, clade_optimizer_append(&optimizer, loss, &parameters));
    assert_int_equal(parameters, 2);
}

static void test_wrong_numbers_are_one_clear_line(void **state) {
    graph_fixture *f = *state;
    clade_value w = clade_state(f->graph, "w", clade_shape(2), CLADE_ROLE_WEIGHT, (clade_initializer){ 0 });
    clade_value loss = clade_sum(w, CLADE_ALL_AXES, false);
    const clade_optimizer wrong[] = {
        { .kind = (clade_optimizer_kind)99 },           { .kind = CLADE_SGD, .momentum = 1 },
        { .kind = CLADE_SGD, .momentum = (double)NAN }, { .kind = CLADE_ADAM, .weight_decay = -1 },
        { .kind = CLADE_SGD, .clip_norm = -1 },         { .kind = CLADE_SGD, .clip_value = (double)NAN },
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        assert_int_equal(clade_optimizer_append(&wrong[i], loss, NULL), CLADE_ERROR_ARGUMENT);
}

static void test_methods_of_several_passes_need_a_trainer(void **state) {
    graph_fixture *f = *state;
    clade_value w = clade_state(f->graph, "w", clade_shape(2), CLADE_ROLE_WEIGHT, (clade_initializer){ 0 });
    clade_value loss = clade_sum(w, CLADE_ALL_AXES, false);
    const clade_train_options options = { .size = sizeof options, .optimizer = CLADE_LBFGS };
    assert_int_equal(clade_optimize(loss, &options), CLADE_ERROR_UNSUPPORTED);
    assert_non_null(strstr(clade_error(f->context), "lbfgs is no update of a graph"));
}

static void test_a_loss_without_weights_is_refused(void **state) {
    graph_fixture *f = *state;
    clade_value x = clade_input(f->graph, "x", CLADE_F32, clade_shape(2));
    const clade_optimizer optimizer = { .kind = CLADE_SGD };
    assert_int_equal(clade_optimizer_append(&optimizer, clade_sum(x, CLADE_ALL_AXES, false), NULL),
                     CLADE_ERROR_ARGUMENT);
    assert_non_null(strstr(clade_error(f->context), "nothing to train"));
}

int main(void) {
#define WITH_FIXTURE(TEST) cmocka_unit_test_setup_teardown(TEST, open_graph_fixture, close_graph_fixture)
    const struct CMUnitTest tests[] = {
        WITH_FIXTURE(test_plain_descent),
        WITH_FIXTURE(test_momentum_as_in_deck_004),
        WITH_FIXTURE(test_momentum_as_in_deck_002),
        WITH_FIXTURE(test_adam),
        WITH_FIXTURE(test_nesterov),
        WITH_FIXTURE(test_adamw_decays_beside_the_gradient),
        WITH_FIXTURE(test_adamw_leaves_biases),
        WITH_FIXTURE(test_rmsprop),
        WITH_FIXTURE(test_rmsprop_with_momentum),
        WITH_FIXTURE(test_adagrad),
        WITH_FIXTURE(test_decay_pulls_weights),
        WITH_FIXTURE(test_decay_leaves_biases),
        WITH_FIXTURE(test_the_norm_of_all_gradients_is_clipped),
        WITH_FIXTURE(test_each_element_of_a_gradient_is_clipped),
        WITH_FIXTURE(test_a_rule_changes_the_rate_of_the_states_it_names),
        WITH_FIXTURE(test_frozen_states_stay),
        WITH_FIXTURE(test_wrong_numbers_are_one_clear_line),
        WITH_FIXTURE(test_methods_of_several_passes_need_a_trainer),
        WITH_FIXTURE(test_a_loss_without_weights_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
