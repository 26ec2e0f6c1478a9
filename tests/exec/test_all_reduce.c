/* Steps that several devices take together: the default device opened several times, each handle a member of a group with
 * a thread, a session and a part of the batch of its own. */
#include "support/device.h"

#include "base/thread.h"
#include "clade/ops.h"
#include "device/group.h"
#include "exec/session.h"
#include "passes/passes.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { MEMBERS = 3, BATCH = 15, IN = 7, HIDDEN = 33, STEPS = 4 };

/* A perceptron with a running mean of its hidden layer; gradients and mean are reduced over the group, each device's part
 * weighed by its share. */
typedef struct network {
    clade_graph *graph;
    clade_value x, loss;
} network;

static const char *const states[] = { "fc1.weight", "fc1.bias", "fc2.weight", "fc2.bias", "mean" };
enum { STATES = sizeof states / sizeof states[0], MOST = HIDDEN * IN };

static clade_value state_named(clade_graph *graph, const char *name) {
    const clade_value found = clade_graph_find(graph, "state", name);
    assert_true(clade_value_valid(found));
    return found;
}

static void build(clade_context *context, network *n) {
    clade_graph *g = n->graph = clade_graph_new(context);
    n->x = clade_input(g, "x", CLADE_F32, clade_shape(CLADE_BATCH, IN));
    const clade_value share = clade_scalar(g, "share", 1);
    const clade_value h = clade_tanh(clade_dense(n->x, .units = HIDDEN, .name = "fc1"));
    n->loss = clade_mean(clade_square(clade_dense(h, .units = 3, .name = "fc2")), 3, false);
    const clade_value mean = clade_state(g, "mean", clade_shape(HIDDEN), CLADE_ROLE_STATE,
                                         (clade_initializer){ .kind = CLADE_INITIALIZE_CONSTANT, .value = 1 });
    clade_value trained[4], gradients[4], sums[4], now;
    for (int i = 0; i < 4; i++)
        trained[i] = state_named(g, states[i]);
    assert_good(context, clade_gradient(n->loss, share, trained, 4, gradients));
    clade_all_reduce(gradients, 2, sums);
    clade_all_reduce(gradients + 2, 2, sums + 2);
    for (int i = 0; i < 4; i++)
        assert_good(context, clade_update(trained[i], clade_subtract(trained[i], clade_scale(sums[i], 0.5))));
    const clade_value part = clade_multiply(clade_mean(h, 1, false), share);
    clade_all_reduce(&part, 1, &now);
    assert_good(context, clade_update(mean, clade_add(clade_scale(mean, 0.9), clade_scale(now, 0.1))));
    assert_good(context, clade_graph_status(g));
}

typedef struct member {
    clade_device *device;
    clade_session *session;
    const network *network;
    size_t first, samples;
    int steps, done;
    clade_status status;
    float x[BATCH * IN];
} member;

static void fill_batch(int step, float x[BATCH * IN]) {
    for (int i = 0; i < BATCH * IN; i++)
        x[i] = sinf((float)(i * 37 + step * 11) * 0.71f);
}

static void *train(void *argument) {
    member *m = argument;
    m->status = clade_session_set_scalar(m->session, "share", (float)m->samples / BATCH);
    for (m->done = 0; m->done < m->steps && m->status == CLADE_OK;) {
        fill_batch(m->done, m->x);
        m->status = clade_session_run(
            m->session, &(clade_run_options){ .batch = (int64_t)m->samples,
                                              .feeds = &(clade_binding_array){ m->network->x, m->x + m->first * IN,
                                                                               (int64_t)(m->samples * IN) },
                                              .feed_count = 1,
                                              .updates = true });
        if (m->status == CLADE_OK) m->done++;
    }
    if (m->status != CLADE_OK && m->device->group) clade_group_break(m->device->group, m->device->member);
    return NULL;
}

typedef struct team {
    clade_context *context;
    size_t index; /* of the device */
    network network;
    clade_group *group;
    member members[MEMBERS];
    size_t count;
} team;

static int set_up(void **state) {
    static team t;
    memset(&t, 0, sizeof t);
    t.context = clade_context_new(NULL);
    *state = &t;
    assert_good(t.context, clade_device_choose(t.context, NULL, &t.index, NULL));
    build(t.context, &t.network);
    return 0;
}

static void gather_team(team *t, const size_t samples[], size_t count) {
    t->count = count;
    if (count > 1) assert_good(t->context, clade_group_new(t->context, count, &t->group));
    for (size_t m = 0, first = 0; m < count; first += samples[m++]) {
        member *one = &t->members[m];
        *one = (member){ .network = &t->network, .first = first, .samples = samples[m], .steps = STEPS };
        assert_good(t->context, clade_device_open(t->context, t->index, &one->device));
        assert_good(t->context, clade_device_join(one->device, t->group, m));
        assert_good(t->context, clade_session_new(one->device, t->network.graph, 3, &one->session));
    }
}

static void part(team *t) {
    for (size_t m = 0; m < t->count; m++) {
        clade_session_free(t->members[m].session);
        clade_device_close(t->members[m].device);
    }
    clade_group_free(t->group);
    t->group = NULL;
    t->count = 0;
}

static int tear_down(void **state) {
    team *t = *state;
    part(t);
    clade_graph_free(t->network.graph);
    clade_context_free(t->context);
    return 0;
}

static void run(team *t) {
    clade_thread threads[MEMBERS];
    for (size_t m = 0; m < t->count; m++)
        assert_good(t->context, clade_thread_start(t->context, &threads[m], train, &t->members[m]));
    for (size_t m = 0; m < t->count; m++)
        clade_thread_join(&threads[m]);
}

typedef struct contents {
    float of[STATES][MOST];
} contents;

static int64_t count_of(const team *t, const char *name) {
    const clade_dims dims = clade_value_dims(state_named(t->network.graph, name));
    return clade_dims_value(t->network.graph, &dims, (clade_binding){ 1, 1 }, NULL);
}

static contents read_states(const team *t, size_t m) {
    contents all;
    memset(&all, 0, sizeof all);
    for (size_t i = 0; i < STATES; i++)
        assert_good(t->context,
                    clade_session_read_state(t->members[m].session, states[i], all.of[i], count_of(t, states[i])));
    return all;
}

static contents trained_by(team *t, const size_t samples[], size_t count) {
    gather_team(t, samples, count);
    run(t);
    for (size_t m = 0; m < count; m++)
        if (t->members[m].status != CLADE_OK) fail_msg("member %zu: %s", m, clade_error(t->context));
    const contents first = read_states(t, 0);
    for (size_t m = 1; m < count; m++) {
        const contents other = read_states(t, m);
        assert_memory_equal(&first, &other, sizeof first);
    }
    return first;
}

static const size_t unequal[MEMBERS] = { 4, 9, 2 };

static void test_members_train_as_one_device_and_alike_to_the_bit(void **state) {
    team *t = *state;
    const contents together = trained_by(t, unequal, MEMBERS);
    part(t);
    const contents again = trained_by(t, unequal, MEMBERS);
    assert_memory_equal(&together, &again, sizeof again);
    part(t);
    const contents alone = trained_by(t, (const size_t[]){ BATCH }, 1);
    for (size_t i = 0; i < STATES; i++)
        for (int e = 0; e < MOST; e++)
            assert_float_equal(together.of[i][e], alone.of[i][e], 1e-6);
}

static void test_what_a_member_moves_and_waits_is_counted(void **state) {
    team *t = *state;
    trained_by(t, unequal, MEMBERS);
    const size_t floats = (IN + 1) * HIDDEN + (HIDDEN + 1) * 3 + HIDDEN;
    for (size_t m = 0; m < MEMBERS; m++) {
        const clade_group_statistics told = clade_group_measure(t->group, m, false);
        assert_int_equal(told.reductions, 3 * STEPS);
        assert_int_equal(told.bytes, 2 * sizeof(float) * floats * STEPS);
        assert_true(told.exposed > 0 && told.exposed < told.waited);
    }
}

/* The second half of the steps by the two that are left when the third does not come: nothing of the broken step
 * shows. */
static void test_a_step_that_breaks_changes_no_state(void **state) {
    team *t = *state;
    gather_team(t, unequal, MEMBERS);
    t->members[1].steps = 2;
    clade_group_limit(t->group, 2);
    run(t);
    assert_int_equal(t->members[1].status, CLADE_OK);
    const contents before = read_states(t, 1);
    for (size_t m = 0; m < MEMBERS; m += 2) {
        assert_int_equal(t->members[m].status, CLADE_ERROR_DEVICE);
        assert_int_equal(t->members[m].done, 2);
        const contents other = read_states(t, m);
        assert_memory_equal(&before, &other, sizeof before);
    }
    bool lost[MEMBERS];
    assert_int_equal(clade_group_lost(t->group, lost), 1);
    assert_true(lost[1]);
    assert_good(t->context, clade_group_reset(t->group, (const bool[]){ true, false, true }));
    t->members[1].steps = 0;
    run(t);
    assert_int_equal(t->members[0].status, CLADE_OK);
    const contents first = read_states(t, 0), third = read_states(t, 2);
    assert_memory_equal(&first, &third, sizeof first);
    assert_memory_not_equal(&first, &before, sizeof first);
}

/* The steps that are left, by the members that are left. */
static void go_on_without(team *t, size_t lost) {
    bool alive[MEMBERS] = { true, true, true };
    alive[lost] = false;
    assert_good(t->context, clade_group_reset(t->group, alive));
    t->members[lost].steps = 0;
    run(t);
    const contents first = read_states(t, lost == 0), last = read_states(t, lost == 2 ? 1 : 2);
    for (size_t m = 0; m < MEMBERS; m++)
        if (m != lost) assert_int_equal(t->members[m].done, STEPS);
    assert_memory_equal(&first, &last, sizeof first);
}

static void test_a_lost_device_ends_the_step_for_all(void **state) {
    team *t = *state;
    for (uint64_t after = 0; after <= 120; after += 20) {
        gather_team(t, unequal, MEMBERS);
        clade_device_lose(t->members[0].device, after);
        run(t);
        bool lost[MEMBERS];
        if (t->members[0].status == CLADE_OK) { /* it had no more to do */
            assert_int_equal(clade_group_lost(t->group, NULL), 0);
            part(t);
            continue;
        }
        assert_int_equal(clade_group_lost(t->group, lost), 1);
        assert_true(lost[0]);
        assert_int_equal(t->members[1].done, t->members[2].done);
        const contents first = read_states(t, 1), second = read_states(t, 2);
        assert_memory_equal(&first, &second, sizeof first);
        clade_device_give_up(t->members[0].device);
        go_on_without(t, 0);
        part(t);
    }
}

static void test_a_hung_device_is_noticed(void **state) {
    team *t = *state;
    gather_team(t, unequal, MEMBERS);
    clade_group_limit(t->group, 3);
    t->members[2].steps = 1;
    t->members[1].steps = 1;
    t->members[0].steps = 1;
    run(t); /* kernels are compiled */
    for (size_t m = 0; m < MEMBERS; m++)
        t->members[m].steps = STEPS;
    clade_device_hang(t->members[2].device, 10);
    clade_thread threads[MEMBERS];
    for (size_t m = 0; m < MEMBERS; m++)
        assert_good(t->context, clade_thread_start(t->context, &threads[m], train, &t->members[m]));
    for (size_t m = 0; m < 2; m++)
        clade_thread_join(&threads[m]);
    bool lost[MEMBERS];
    assert_int_equal(clade_group_lost(t->group, lost), 1);
    assert_true(lost[2]);
    clade_device_give_up(t->members[2].device);
    clade_device_release(t->members[2].device);
    clade_thread_join(&threads[2]);
    assert_int_equal(t->members[2].status, CLADE_ERROR_DEVICE);
    go_on_without(t, 2);
}

#define TEST(NAME) cmocka_unit_test_setup_teardown(NAME, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_members_train_as_one_device_and_alike_to_the_bit),
        TEST(test_what_a_member_moves_and_waits_is_counted),
        TEST(test_a_step_that_breaks_changes_no_state),
        TEST(test_a_lost_device_ends_the_step_for_all),
        TEST(test_a_hung_device_is_noticed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
