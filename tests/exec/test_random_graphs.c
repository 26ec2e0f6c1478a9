/* Random small networks run by a session, with every pass and the memory plan, against the reference interpreter on the
 * graph as it was built: outputs, loss and the states after one step of gradient descent. And again with dead memory
 * poisoned, where not a bit may change. */
#include "base/random.h"
#include "clade/ops.h"
#include "clade/session.h"
#include "exec/session.h"
#include "passes/passes.h"

#include "support/device.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { GRAPHS = 12, BATCH = 3, CHANNELS = 2, HEIGHT = 9, WIDTH = 8, CLASSES = 4, MOST_VALUES = 64, MOST_STATES = 64 };

/* float32 against double through a dozen layers, relative to the largest element. */
static const double TOLERANCE = 2e-4;

typedef struct network {
    clade_context *context;
    clade_graph *graph;
    clade_random random;
    clade_value image, label, loss;
    clade_value watched[MOST_VALUES]; /* fetched and compared */
    int watched_count;
    clade_value states[MOST_STATES], updated[MOST_STATES];
    int state_count;
    float image_data[BATCH * CHANNELS * HEIGHT * WIDTH];
    int32_t label_data[BATCH];
    char story[2048]; /* the layers, for messages */
} network;

static int64_t pick(network *n, int64_t low, int64_t high) {
    return low + (int64_t)clade_random_below(&n->random, (uint32_t)(high - low + 1));
}

/* ---- layers: each takes and gives (N, C, H, W) ---- */

static clade_value add_convolution(network *n, clade_value x) {
    clade_dims dims = clade_value_dims(x);
    int64_t kernel = pick(n, 1, 3);
    int64_t groups = dims.size[1] % 2 == 0 ? pick(n, 1, 2) : 1;
    return clade_conv2d(x, .filters = groups * pick(n, 1, 3), .kernel = { kernel, kernel },
                        .stride = { pick(n, 1, 2), pick(n, 1, 2) }, .pad = { pick(n, 0, 2), kernel / 2, kernel / 2, 1 },
                        .groups = groups, .no_bias = pick(n, 0, 1) == 0);
}

static clade_value add_batch_norm(network *n, clade_value x) {
    (void)n;
    return clade_batch_norm(x);
}

static clade_value add_activation(network *n, clade_value x) {
    switch (pick(n, 0, 3)) {
    case 0:
        return clade_relu(x);
    case 1:
        return clade_tanh(x);
    case 2:
        return clade_sigmoid(x);
    default:
        return clade_multiply(x, clade_sigmoid(x));
    }
}

static clade_value add_pool(network *n, clade_value x) {
    clade_dims dims = clade_value_dims(x);
    if (dims.size[2] < 3 || dims.size[3] < 3) return x;
    int64_t kernel = pick(n, 2, 3), stride = pick(n, 1, 2);
    if (pick(n, 0, 1) == 0) return clade_max_pool(x, .kernel = { kernel, 2 }, .stride = { stride, 2 }, .ceil = true);
    return clade_average_pool(x, .kernel = { 2, kernel }, .stride = { 1, stride }, .exclude_pad = true);
}

/* x and a function of x come together again: a residual. */
static clade_value add_residual(network *n, clade_value x) {
    clade_dims dims = clade_value_dims(x);
    clade_value y = clade_conv2d(x, .filters = dims.size[1], .kernel = { 3, 3 }, .pad = { 1, 1, 1, 1 });
    return clade_add(x, add_activation(n, y));
}

static clade_value add_scaling(network *n, clade_value x) {
    clade_value factor = clade_mean(clade_square(x), 1u << 2 | 1u << 3, true);
    return clade_divide(x, clade_square_root(clade_add(factor, clade_scalar(n->graph, "epsilon", 0.5f))));
}

static clade_value add_dropout(network *n, clade_value x) {
    char name[32];
    snprintf(name, sizeof name, "drop%d", n->watched_count);
    return clade_dropout(x, 0.25, name);
}

typedef struct layer {
    const char *name;
    clade_value (*add)(network *n, clade_value x);
} layer;

static const layer layers[] = {
    { "conv", add_convolution }, { "batch_norm", add_batch_norm }, { "activation", add_activation },
    { "pool", add_pool },        { "residual", add_residual },     { "scaling", add_scaling },
    { "dropout", add_dropout },  { "activation", add_activation },
};

static clade_value add_loss(network *n, clade_value scores) {
    switch (pick(n, 0, 2)) {
    case 0:
        return clade_softmax_cross_entropy(scores, n->label);
    case 1:
        return clade_negative_log_likelihood(clade_log_softmax(scores), n->label);
    default:
        return clade_half_squared_loss(clade_softmax(scores), clade_one_hot(n->label, CLASSES));
    }
}

/* ---- the whole ---- */

static void fill(network *n) {
    for (size_t i = 0; i < sizeof n->image_data / sizeof n->image_data[0]; i++) {
        n->image_data[i] = (float)(2 * clade_random_uniform(&n->random) - 1);
    }
    for (int i = 0; i < BATCH; i++) {
        n->label_data[i] = (int32_t)pick(n, 0, CLASSES - 1);
    }
}

/* state := state - 0.1 gradient, for every trained state. */
static void add_step(network *n) {
    clade_value gradients[MOST_STATES];
    for (uint32_t i = 0; i < n->graph->node_count; i++) {
        const clade_node *node = n->graph->nodes[i];
        if (node->op != &clade_op_state) continue;
        assert_true(n->state_count < MOST_STATES);
        n->states[n->state_count++] = (clade_value){ n->graph, i, 0 };
    }
    assert_good(n->context, clade_gradient(n->loss, CLADE_NO_VALUE, n->states, (size_t)n->state_count, gradients));
    for (int i = 0; i < n->state_count; i++) {
        clade_value given = clade_graph_update_of(n->graph, n->states[i]);
        n->updated[i] = clade_value_valid(given) ? given : n->states[i];
        if (!clade_value_valid(gradients[i]) || clade_value_valid(given)) continue;
        n->updated[i] = clade_subtract(n->states[i], clade_scale(gradients[i], 0.1));
        assert_good(n->context, clade_update(n->states[i], n->updated[i]));
    }
}

static void build(network *n, clade_context *context, uint64_t seed) {
    *n = (network){ .context = context, .graph = clade_graph_new(context) };
    n->random = clade_random_stream(seed, "network", 0);
    n->image = clade_input(n->graph, "image", CLADE_F32, clade_shape(CLADE_BATCH, CHANNELS, HEIGHT, WIDTH));
    n->label = clade_input(n->graph, "label", CLADE_I32, clade_shape(CLADE_BATCH));
    fill(n);
    clade_value x = n->image;
    int64_t depth = pick(n, 2, 7);
    for (int64_t i = 0; i < depth; i++) {
        const layer *one = &layers[pick(n, 0, (int64_t)(sizeof layers / sizeof layers[0]) - 1)];
        x = one->add(n, x);
        strcat(strcat(n->story, one->name), " ");
        if (pick(n, 0, 2) == 0) n->watched[n->watched_count++] = x;
    }
    clade_value scores = clade_dense(x, .units = CLASSES);
    n->watched[n->watched_count++] = scores;
    n->loss = add_loss(n, scores);
    n->watched[n->watched_count++] = n->loss;
    assert_good(context, clade_graph_status(n->graph));
    add_step(n);
    assert_good(context, clade_graph_status(n->graph));
}

static int64_t count_of(const network *n, clade_value value) {
    int64_t sizes[CLADE_MAX_RANK];
    clade_dims dims = clade_value_dims(value);
    return clade_dims_value(n->graph, &dims, (clade_binding){ .batch = BATCH, .time = 1 }, sizes);
}

/* What a run gives: the watched values, then the states after it. */
typedef struct outcome {
    float *values[MOST_VALUES], *states[MOST_STATES];
} outcome;

static void free_outcome(outcome *out) {
    for (int i = 0; i < MOST_VALUES; i++) {
        free(out->values[i]);
    }
    for (int i = 0; i < MOST_STATES; i++) {
        free(out->states[i]);
    }
}

static void run_on_device(network *n, clade_device *device, outcome *out) {
    *out = (outcome){ .values = { NULL } };
    clade_session *session = NULL;
    assert_good(n->context, clade_session_new(device, n->graph, 0, &session));
    clade_session_set_random(session, 11, 22, 33);
    const clade_binding_array feeds[] = {
        { n->image, n->image_data, sizeof n->image_data / sizeof n->image_data[0] },
        { n->label, n->label_data, BATCH },
    };
    clade_binding_array fetches[MOST_VALUES];
    for (int i = 0; i < n->watched_count; i++) {
        int64_t count = count_of(n, n->watched[i]);
        out->values[i] = calloc((size_t)count, sizeof(float));
        fetches[i] = (clade_binding_array){ n->watched[i], out->values[i], count };
    }
    const clade_run_options options = { .size = sizeof options,
                                        .batch = BATCH,
                                        .time = 1,
                                        .feeds = feeds,
                                        .feed_count = 2,
                                        .fetches = fetches,
                                        .fetch_count = (size_t)n->watched_count,
                                        .updates = true };
    assert_good(n->context, clade_session_run(session, &options));
    for (int i = 0; i < n->state_count; i++) {
        int64_t count = count_of(n, n->states[i]);
        out->states[i] = calloc((size_t)count, sizeof(float));
        assert_good(n->context,
                    clade_session_read_state(session, clade_value_node(n->states[i])->name, out->states[i], count));
    }
    clade_session_free(session);
}

static void compare(const network *n, const clade_tensor *expected, const float *got, const char *what) {
    double largest = 1e-3;
    for (int64_t i = 0; i < expected->count; i++) {
        largest = fmax(largest, fabs(expected->data[i]));
    }
    for (int64_t i = 0; i < expected->count; i++) {
        if (fabs((double)got[i] - expected->data[i]) <= TOLERANCE * largest) continue;
        fail_msg("%s: element %lld of %s is %g, the reference says %g", n->story, (long long)i, what, (double)got[i],
                 expected->data[i]);
    }
}

static void compare_with_reference(network *n, const outcome *out) {
    clade_reference *reference = clade_reference_new(n->graph, (clade_binding){ .batch = BATCH, .time = 1 });
    clade_tensor *image = clade_reference_leaf(reference, n->image), *label = clade_reference_leaf(reference, n->label);
    for (int64_t i = 0; i < image->count; i++) {
        image->data[i] = (double)n->image_data[i];
    }
    for (int i = 0; i < BATCH; i++) {
        label->data[i] = n->label_data[i];
    }
    const double random_state[] = { 11, 0, 22, 0, 33 };
    clade_tensor *random = clade_reference_leaf(reference, clade_random_state(n->graph));
    memcpy(random->data, random_state, sizeof random_state);
    char what[64];
    for (int i = 0; i < n->watched_count; i++) {
        const clade_tensor *expected = clade_reference_value(reference, n->watched[i]);
        if (expected == NULL) fail_msg("%s", clade_error(n->context));
        snprintf(what, sizeof what, "value %d of %d", i, n->watched_count);
        compare(n, expected, out->values[i], what);
    }
    for (int i = 0; i < n->state_count; i++) {
        const clade_tensor *expected = clade_reference_value(reference, n->updated[i]);
        if (expected == NULL) fail_msg("%s", clade_error(n->context));
        compare(n, expected, out->states[i], clade_value_node(n->states[i])->name);
    }
    clade_reference_free(reference);
}

static void test_random_networks_agree_with_the_reference(void **state) {
    (void)state;
    clade_context *context;
    clade_device *device = open_test_device(&context);
    network *n = malloc(sizeof *n);
    assert_non_null(n);
    for (uint64_t seed = 0; seed < GRAPHS; seed++) {
        outcome out;
        build(n, context, seed);
        run_on_device(n, device, &out);
        compare_with_reference(n, &out);
        free_outcome(&out);
        clade_graph_free(n->graph);
    }
    free(n);
    close_test_device(context, device);
}

static void test_poisoned_dead_memory_changes_no_bit(void **state) {
    (void)state;
    clade_context *context;
    clade_device *device = open_test_device(&context);
    network *n = malloc(sizeof *n);
    assert_non_null(n);
    for (uint64_t seed = 0; seed < GRAPHS; seed += 3) {
        outcome plain, poisoned;
        build(n, context, seed);
        unsetenv("CLADE_POISON");
        run_on_device(n, device, &plain);
        setenv("CLADE_POISON", "1", 1);
        run_on_device(n, device, &poisoned);
        unsetenv("CLADE_POISON");
        for (int i = 0; i < n->watched_count; i++) {
            size_t bytes = (size_t)count_of(n, n->watched[i]) * sizeof(float);
            if (memcmp(plain.values[i], poisoned.values[i], bytes) != 0) fail_msg("%s: value %d", n->story, i);
        }
        for (int i = 0; i < n->state_count; i++) {
            size_t bytes = (size_t)count_of(n, n->states[i]) * sizeof(float);
            if (memcmp(plain.states[i], poisoned.states[i], bytes) != 0)
                fail_msg("%s: %s", n->story, clade_value_node(n->states[i])->name);
        }
        free_outcome(&plain);
        free_outcome(&poisoned);
        clade_graph_free(n->graph);
    }
    free(n);
    close_test_device(context, device);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_networks_agree_with_the_reference),
        cmocka_unit_test(test_poisoned_dead_memory_changes_no_bit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
