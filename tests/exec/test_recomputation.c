/* Training steps that must compute values again to fit: the same bits as with all memory, in less of it. */
#include "support/device.h"

#include "clade/inspect.h"
#include "clade/ops.h"
#include "exec/session.h"
#include "models/zoo.h"
#include "passes/passes.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { BATCH = 8, MOST_STATES = 8192, STEPS = 3 };

typedef struct network {
    clade_context *context;
    clade_graph *graph;
    clade_value image, label, loss;
    int64_t pixels;
} network;

/* What STEPS steps left. */
typedef struct outcome {
    float losses[STEPS];
    float *states;
    size_t bytes, peak; /* of the states; of device memory */
    clade_plan_memory memory;
} outcome;

static clade_value residual_block(clade_value x, const char *name) {
    clade_value y = clade_conv2d(x, .filters = 8, .kernel = { 3, 3 }, .pad = { 1, 1, 1, 1 }, .name = name);
    y = clade_batch_norm(y);
    return clade_relu(clade_add(clade_dropout(clade_gelu(y), 0.3, name), x));
}

/* All that could go wrong: drawn numbers, running statistics, residuals, winners of pooling, generated kernels. */
static clade_model_values build_mixture(clade_value image, clade_value label) {
    static const char *const names[] = { "a", "b", "c", "d", "e", "f", "g", "h" };
    clade_value x = clade_conv2d(image, .filters = 8, .kernel = { 3, 3 }, .pad = { 1, 1, 1, 1 }, .name = "first");
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (i == 4) x = clade_max_pool(x, .kernel = { 2, 2 }, .stride = { 2, 2 });
        x = residual_block(x, names[i]);
    }
    x = clade_dense(clade_dropout(x, 0.5, "drop"), .units = 10, .name = "last");
    return clade_classify(x, label);
}

static const clade_model mixture = { .name = "mixture", .image = { 3, 20, 20 }, .classes = 10, .build = build_mixture };

/* MODEL with an update of every trained state by its gradient. */
static void build(network *n, clade_context *context, const clade_model *model) {
    clade_model_values values;
    static clade_value states[MOST_STATES], gradients[MOST_STATES];
    size_t count = 0;
    n->context = context;
    assert_good(context, clade_model_graph(context, model, &n->graph, &n->image, &n->label, &values));
    n->loss = values.loss;
    n->pixels = model->image[0] * model->image[1] * model->image[2];
    for (uint32_t i = 0; i < n->graph->node_count; i++) {
        const clade_node *node = n->graph->nodes[i];
        if (node->op != &clade_op_state) continue;
        if (((const clade_leaf_attributes *)node->attributes)->role == CLADE_ROLE_STATE) continue;
        assert_true(count < MOST_STATES);
        states[count++] = (clade_value){ n->graph, i, 0 };
    }
    assert_good(context, clade_gradient(n->loss, CLADE_NO_VALUE, states, count, gradients));
    for (size_t i = 0; i < count; i++)
        assert_good(context, clade_update(states[i], clade_subtract(states[i], clade_scale(gradients[i], 0.05))));
}

static clade_plan *plan_of(clade_session *session, const network *n, clade_status *status) {
    clade_plan *plan = NULL;
    *status = clade_session_plan(
        session,
        &(clade_plan_request){ .targets = &n->loss, .target_count = 1, .binding = { .batch = BATCH }, .updates = true },
        &plan);
    return plan;
}

static float step(clade_session *session, const network *n, const float *images, const int32_t *labels) {
    float loss = 0;
    const clade_binding_array feeds[] = { { n->image, (void *)(uintptr_t)images, BATCH * n->pixels },
                                          { n->label, (void *)(uintptr_t)labels, BATCH } };
    const clade_run_options run = { .batch = BATCH,
                                    .feeds = feeds,
                                    .feed_count = 2,
                                    .fetches = &(clade_binding_array){ n->loss, &loss, 1 },
                                    .fetch_count = 1,
                                    .updates = true };
    assert_good(n->context, clade_session_run(session, &run));
    return loss;
}

/* STEPS steps with at most LIMIT bytes of device memory (0: all). */
static outcome run_within(const network *n, clade_device *device, size_t limit) {
    outcome out = { .bytes = 0 };
    clade_session *session;
    clade_status status;
    float *images = calloc((size_t)(BATCH * n->pixels), sizeof *images);
    int32_t labels[BATCH];
    assert_non_null(images);
    for (int64_t i = 0; i < BATCH * n->pixels; i++)
        images[i] = (float)((i * 7919) % 1009) / 1009.0f;
    for (int i = 0; i < BATCH; i++)
        labels[i] = i % 10;
    assert_good(n->context, clade_session_new(device, n->graph, 5, &session));
    clade_device_limit_memory(device, limit);
    clade_plan *plan = plan_of(session, n, &status);
    assert_good(n->context, status);
    out.memory = clade_plan_memory_use(plan);
    for (int i = 0; i < STEPS; i++) {
        clade_session_set_random(session, 3, (uint64_t)i, 0);
        out.losses[i] = step(session, n, images, labels);
    }
    out.peak = clade_device_memory(device).in_use;
    out.bytes = (size_t)clade_session_state_floats(session) * sizeof(float);
    out.states = malloc(out.bytes);
    assert_non_null(out.states);
    assert_good(n->context, clade_session_save_states(session, out.states));
    clade_device_limit_memory(device, 0);
    clade_session_free(session);
    free(images);
    return out;
}

/* MODEL's steps are the same in SHARE of the memory that keeping everything takes. */
static void check_model(void **state, const clade_model *model, double share) {
    const graph_fixture *f = *state;
    network n;
    build(&n, f->context, model);
    outcome all = run_within(&n, f->device, 0);
    assert_int_equal(all.memory.again, 0);
    const size_t limit = all.peak - (size_t)((1 - share) * (double)all.memory.planned);
    outcome less = run_within(&n, f->device, limit);
    assert_true(less.memory.again > 0);
    assert_true(less.memory.again_flops > 0 && less.memory.again_flops < less.memory.flops);
    assert_int_equal(less.memory.kept_all, all.memory.planned);
    assert_true((double)less.memory.planned <= share * (double)all.memory.planned);
    assert_true(less.peak <= limit && less.peak < all.peak);
    assert_memory_equal(less.losses, all.losses, sizeof all.losses);
    assert_memory_equal(less.states, all.states, all.bytes);
    free(all.states);
    free(less.states);
    clade_graph_free(n.graph);
}

static void test_dropout_and_batch_norm_give_the_same_bits_in_two_thirds(void **state) {
    check_model(state, &mixture, 0.67);
}

static void test_dropout_and_batch_norm_give_the_same_bits_in_the_least(void **state) {
    check_model(state, &mixture, 0.45);
}

static void test_lenet_gives_the_same_bits(void **state) {
    check_model(state, clade_model_find("lenet"), 0.93);
}

static void test_resnet20_gives_the_same_bits(void **state) {
    check_model(state, clade_model_find("resnet20"), 0.8);
    check_model(state, clade_model_find("resnet20"), 0.5);
}

/* A minute: only where CLADE_LARGE is set. */
static void test_resnet1202_gives_the_same_bits(void **state) {
    if (getenv("CLADE_LARGE") == NULL) skip();
    check_model(state, clade_model_find("resnet1202"), 0.1);
}

/* With dead memory full of NaNs, a value that is read after it was dropped would show. */
static void test_poisoned_memory_changes_nothing(void **state) {
    setenv("CLADE_POISON", "1", 1);
    check_model(state, &mixture, 0.5);
    unsetenv("CLADE_POISON");
}

static void test_a_plan_that_fits_keeps_everything(void **state) {
    const graph_fixture *f = *state;
    network n;
    build(&n, f->context, &mixture);
    outcome all = run_within(&n, f->device, 0);
    outcome exact = run_within(&n, f->device, all.peak);
    assert_int_equal(exact.memory.again, 0);
    assert_int_equal(exact.memory.planned, all.memory.planned);
    free(all.states);
    free(exact.states);
    clade_graph_free(n.graph);
}

static void test_what_cannot_fit_says_the_least_that_would_do(void **state) {
    const graph_fixture *f = *state;
    network n;
    clade_session *session;
    clade_status status;
    build(&n, f->context, &mixture);
    assert_good(f->context, clade_session_new(f->device, n.graph, 5, &session));
    clade_device_limit_memory(f->device, clade_device_memory(f->device).in_use + 100000);
    assert_null(plan_of(session, &n, &status));
    assert_int_equal(status, CLADE_ERROR_MEMORY);
    const char *words = clade_error(f->context);
    assert_non_null(strstr(words, "needs at least"));
    assert_non_null(strstr(words, "97.7 KiB of memory are free"));
    assert_non_null(strstr(words, "the largest array is"));
    assert_non_null(strstr(words, "take a smaller batch or model"));
    clade_device_limit_memory(f->device, 0);
    clade_session_free(session);
    clade_graph_free(n.graph);
}

static void test_the_plan_says_what_it_computes_again(void **state) {
    const graph_fixture *f = *state;
    network n;
    build(&n, f->context, &mixture);
    outcome all = run_within(&n, f->device, 0);
    clade_session *session;
    char *text = NULL;
    assert_good(f->context, clade_session_new(f->device, n.graph, 5, &session));
    clade_device_limit_memory(f->device, all.peak - all.memory.planned / 2);
    const clade_explain_options options = { .size = sizeof options, .pass = "plan", .batch = BATCH };
    assert_good(f->context, clade_explain(session, &n.loss, 1, &options, &text));
    assert_non_null(strstr(text, "] again"));
    assert_non_null(strstr(text, "nodes are computed again in backward"));
    clade_text_release(f->context, text);
    clade_device_limit_memory(f->device, 0);
    clade_session_free(session);
    free(all.states);
    clade_graph_free(n.graph);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_dropout_and_batch_norm_give_the_same_bits_in_two_thirds),
        cmocka_unit_test(test_dropout_and_batch_norm_give_the_same_bits_in_the_least),
        cmocka_unit_test(test_lenet_gives_the_same_bits),
        cmocka_unit_test(test_resnet20_gives_the_same_bits),
        cmocka_unit_test(test_resnet1202_gives_the_same_bits),
        cmocka_unit_test(test_poisoned_memory_changes_nothing),
        cmocka_unit_test(test_a_plan_that_fits_keeps_everything),
        cmocka_unit_test(test_what_cannot_fit_says_the_least_that_would_do),
        cmocka_unit_test(test_the_plan_says_what_it_computes_again),
    };
    return cmocka_run_group_tests_name("recomputation", tests, open_graph_fixture, close_graph_fixture);
}
