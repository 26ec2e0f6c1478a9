/* What `clade bench train` does is training: after as many steps on the same images, every state of the session (weights,
 * running statistics, momenta) has the bits of ordinary runs, which feed and fetch at each step. */
#include "support/device.h"

#include "base/random.h"
#include "clade/inspect.h"
#include "clade/train.h"
#include "exec/session.h"
#include "models/zoo.h"

#include <stdlib.h>
#include <string.h>

enum { BATCH = 8, TIMED_STEPS = 4, WARM_UP = 3, PIXELS = 28 * 28 };

/* A model with its optimiser and a batch of drawn images. */
typedef struct training {
    clade_context *context;
    clade_device *device;
    clade_graph *graph;
    clade_value loss;
    float images[BATCH * PIXELS], fetched;
    int32_t labels[BATCH];
    clade_binding_array feeds[2], fetch;
    clade_run_options run;
    clade_train_options optimizer;
} training;

static void open_training(training *t, const char *model) {
    clade_value image, label;
    clade_model_values values;
    t->device = open_test_device(&t->context);
    assert_good(t->context, clade_model_graph(t->context, clade_model_find(model), &t->graph, &image, &label, &values));
    t->optimizer = (clade_train_options){
        .size = sizeof t->optimizer, .optimizer = CLADE_SGD, .momentum = 0.9, .weight_decay = 1e-4, .rate = 0.01
    };
    assert_good(t->context, clade_optimize(values.loss, &t->optimizer));
    clade_random random = clade_random_stream(1, "images", 0);
    for (int i = 0; i < BATCH * PIXELS; i++)
        t->images[i] = (float)clade_random_uniform(&random);
    for (int i = 0; i < BATCH; i++)
        t->labels[i] = (int32_t)clade_random_below(&random, 10);
    t->feeds[0] = (clade_binding_array){ image, t->images, BATCH * PIXELS };
    t->feeds[1] = (clade_binding_array){ label, t->labels, BATCH };
    t->fetch = (clade_binding_array){ values.loss, &t->fetched, 1 };
    t->run = (clade_run_options){ .size = sizeof t->run,
                                  .batch = BATCH,
                                  .feeds = t->feeds,
                                  .feed_count = 2,
                                  .fetches = &t->fetch,
                                  .fetch_count = 1,
                                  .updates = true };
}

static void close_training(training *t) {
    clade_graph_free(t->graph);
    close_test_device(t->context, t->device);
}

static clade_session *open_session(training *t) {
    clade_session *session;
    assert_good(t->context, clade_session_new(t->device, t->graph, 3, &session));
    assert_good(t->context, clade_optimize_step(session, &t->optimizer, 0));
    return session;
}

/* All states of SESSION, which it frees. */
static float *states_of(training *t, clade_session *session, size_t *bytes) {
    *bytes = (size_t)clade_session_state_floats(session) * sizeof(float);
    float *states = malloc(*bytes);
    assert_non_null(states);
    assert_good(t->context, clade_session_save_states(session, states));
    clade_session_free(session);
    return states;
}

static void test_bench_ends_with_the_weights_of_ordinary_runs(void **state) {
    (void)state;
    static training t;
    open_training(&t, "lenet");
    clade_session *session = open_session(&t);
    for (int i = 0; i < WARM_UP + TIMED_STEPS; i++)
        assert_good(t.context, clade_session_run(session, &t.run));
    size_t bytes, bench_bytes;
    float *ordinary = states_of(&t, session, &bytes);

    session = open_session(&t);
    float *begun = malloc(bytes);
    assert_non_null(begun);
    assert_good(t.context, clade_session_save_states(session, begun));
    const clade_bench_options options = { .size = sizeof options, .steps = TIMED_STEPS };
    clade_bench_result result;
    assert_good(t.context, clade_bench_run(session, &t.run, &options, &result));
    assert_int_equal(result.times.steps, TIMED_STEPS);
    float *benched = states_of(&t, session, &bench_bytes);

    assert_int_equal(bench_bytes, bytes);
    assert_memory_equal(benched, ordinary, bytes);
    assert_memory_not_equal(benched, begun, bytes);
    free(ordinary);
    free(benched);
    free(begun);
    close_training(&t);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bench_ends_with_the_weights_of_ordinary_runs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
