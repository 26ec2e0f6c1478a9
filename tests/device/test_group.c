/* Groups: sums over members that come in any order, breaks, members that do not come, and what carries sums further. No
 * device is needed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/thread.h"
#include "device/group.h"

#include <stdlib.h>
#include <string.h>

enum { MEMBERS = 5, FLOATS = 100003, ROUNDS = 40 };

typedef struct member {
    clade_group *group;
    size_t number, floats;
    int rounds, done; /* reductions asked for, and carried out */
    float *data;
    clade_status status;
} member;

/* Element I of member M's data in round R: sums of these depend on their order. */
static float element(size_t m, int r, size_t i) {
    const uint32_t mixed = (uint32_t)(m * 2654435761u + (uint32_t)r * 40503u + (uint32_t)i * 2246822519u);
    return (float)(mixed >> 8) * (mixed & 1 ? 1e-3f : 1e3f);
}

static float expected(const bool in[MEMBERS], int r, size_t i) {
    double sum = 0;
    for (size_t m = 0; m < MEMBERS; m++)
        if (in[m]) sum += (double)element(m, r, i);
    return (float)sum;
}

static void *reduce(void *argument) {
    member *m = argument;
    for (m->done = 0; m->done < m->rounds; m->done++) {
        for (size_t i = 0; i < m->floats; i++)
            m->data[i] = element(m->number, m->done, i);
        const clade_group_array arrays[] = { { m->data, 7 }, { m->data + 7, m->floats - 7 } };
        m->status = clade_group_sum(m->group, m->number, arrays, 2, true);
        if (m->status != CLADE_OK) break;
    }
    return NULL;
}

typedef struct team {
    clade_context *context;
    clade_group *group;
    member members[MEMBERS];
} team;

static int set_up(void **state) {
    team *t = calloc(1, sizeof *t);
    if (!t) return -1;
    t->context = clade_context_new(NULL);
    if (clade_group_new(t->context, MEMBERS, &t->group) != CLADE_OK) return -1;
    for (size_t m = 0; m < MEMBERS; m++)
        t->members[m] = (member){ t->group, m, FLOATS, ROUNDS, 0, calloc(FLOATS, sizeof(float)), CLADE_OK };
    *state = t;
    return 0;
}

static int tear_down(void **state) {
    team *t = *state;
    for (size_t m = 0; m < MEMBERS; m++)
        free(t->members[m].data);
    clade_group_free(t->group);
    clade_context_free(t->context);
    free(t);
    return 0;
}

/* Runs the members for whom IN says so, each on a thread of its own. */
static void run(team *t, const bool in[MEMBERS]) {
    clade_thread threads[MEMBERS];
    for (size_t m = 0; m < MEMBERS; m++)
        if (in[m]) assert_int_equal(clade_thread_start(t->context, &threads[m], reduce, &t->members[m]), CLADE_OK);
    for (size_t m = 0; m < MEMBERS; m++)
        if (in[m]) clade_thread_join(&threads[m]);
}

static const bool everyone[MEMBERS] = { true, true, true, true, true };
static const bool some[MEMBERS] = { false, true, true, false, true };

static void assert_sums(const team *t, const bool in[MEMBERS], int round) {
    for (size_t i = 0; i < FLOATS; i++) {
        const float sum = expected(in, round, i);
        for (size_t m = 0; m < MEMBERS; m++)
            if (in[m]) assert_memory_equal(&t->members[m].data[i], &sum, sizeof sum);
    }
}

static void test_all_get_the_sums_in_the_members_order(void **state) {
    team *t = *state;
    run(t, everyone);
    for (size_t m = 0; m < MEMBERS; m++)
        assert_int_equal(t->members[m].done, ROUNDS);
    assert_sums(t, everyone, ROUNDS - 1);
    const clade_group_statistics told = clade_group_measure(t->group, 3, true);
    assert_int_equal(told.reductions, ROUNDS);
    assert_int_equal(told.bytes, 2 * sizeof(float) * FLOATS * ROUNDS);
    assert_true(told.waited > 0 && told.exposed == told.waited);
    assert_int_equal(clade_group_measure(t->group, 3, false).reductions, 0);
}

static void test_a_break_stops_all_at_the_same_reduction(void **state) {
    team *t = *state;
    t->members[2].rounds = 7;
    clade_thread threads[MEMBERS];
    for (size_t m = 0; m < MEMBERS; m++)
        assert_int_equal(clade_thread_start(t->context, &threads[m], reduce, &t->members[m]), CLADE_OK);
    clade_thread_join(&threads[2]);
    clade_fail(t->context, CLADE_ERROR_DEVICE, "it burnt");
    clade_group_break(t->group, 2);
    for (size_t m = 0; m < MEMBERS; m++) {
        if (m == 2) continue;
        clade_thread_join(&threads[m]);
        assert_int_equal(t->members[m].done, 7);
        assert_int_equal(t->members[m].status, CLADE_ERROR_DEVICE);
        clade_group_break(t->group, m); /* it only stopped */
    }
    bool lost[MEMBERS];
    char reason[64];
    assert_int_equal(clade_group_lost(t->group, lost), 1);
    assert_true(lost[2]);
    clade_group_reason(t->group, reason, sizeof reason);
    assert_string_equal(reason, "it burnt");
    assert_true(clade_group_broken(t->group));
    assert_int_equal(clade_group_sum(t->group, 0, &(clade_group_array){ t->members[0].data, 3 }, 1, false),
                     CLADE_ERROR_DEVICE);
    assert_string_equal(clade_error(t->context), "it burnt");
}

static void test_the_others_go_on_after_a_reset(void **state) {
    team *t = *state;
    clade_group_break(t->group, 0);
    assert_int_equal(clade_group_reset(t->group, (const bool[MEMBERS]){ false }), CLADE_ERROR_ARGUMENT);
    assert_int_equal(clade_group_reset(t->group, some), CLADE_OK);
    assert_int_equal(clade_group_living(t->group), 3);
    assert_int_equal(clade_group_count(t->group), MEMBERS);
    assert_int_equal(clade_group_lost(t->group, NULL), 0);
    run(t, some);
    assert_sums(t, some, ROUNDS - 1);
    assert_int_equal(clade_group_sum(t->group, 0, &(clade_group_array){ t->members[0].data, 3 }, 1, false),
                     CLADE_ERROR_ARGUMENT);
    assert_int_equal(clade_group_reset(t->group, everyone), CLADE_OK);
    run(t, everyone);
    assert_sums(t, everyone, ROUNDS - 1);
}

static void test_who_does_not_come_in_time_is_lost(void **state) {
    team *t = *state;
    bool lost[MEMBERS];
    clade_group_limit(t->group, 1);
    run(t, some);
    assert_int_equal(clade_group_lost(t->group, lost), 2);
    for (size_t m = 0; m < MEMBERS; m++) {
        assert_int_equal(lost[m], !some[m]);
        if (some[m]) assert_int_equal(t->members[m].status, CLADE_ERROR_DEVICE);
        if (some[m]) assert_int_equal(t->members[m].done, 0);
    }
    assert_non_null(strstr(clade_error(t->context), "device 0 of the group and others did not answer within 1 s"));
}

static void test_unlike_sizes_are_refused(void **state) {
    team *t = *state;
    t->members[4].floats = FLOATS - 1;
    run(t, everyone);
    for (size_t m = 0; m < MEMBERS; m++)
        assert_int_equal(t->members[m].status, CLADE_ERROR_DEVICE);
    assert_non_null(strstr(clade_error(t->context), "different sizes"));
}

typedef struct other_machine {
    int calls, fail_at;
    clade_context *context;
} other_machine;

static clade_status double_it(void *user, float *data, size_t count) {
    other_machine *other = user;
    if (++other->calls == other->fail_at) return clade_fail(other->context, CLADE_ERROR_DEVICE, "the wire is cut");
    for (size_t i = 0; i < count; i++)
        data[i] *= 2;
    return CLADE_OK;
}

static void test_sums_are_carried_further_by_one(void **state) {
    team *t = *state;
    other_machine other = { .context = t->context };
    clade_group_outside(t->group, double_it, &other);
    run(t, everyone);
    assert_int_equal(other.calls, ROUNDS);
    for (size_t i = 0; i < FLOATS; i++) {
        const float twice = 2 * expected(everyone, ROUNDS - 1, i);
        for (size_t m = 0; m < MEMBERS; m++)
            assert_memory_equal(&t->members[m].data[i], &twice, sizeof twice);
    }
    other = (other_machine){ .fail_at = 5, .context = t->context };
    run(t, everyone);
    for (size_t m = 0; m < MEMBERS; m++) {
        assert_int_equal(t->members[m].done, 4);
        assert_int_equal(t->members[m].status, CLADE_ERROR_DEVICE);
    }
    assert_string_equal(clade_error(t->context), "the wire is cut");
}

static void test_wrong_members_are_refused(void **state) {
    team *t = *state;
    clade_group *none = NULL;
    float number = 1;
    assert_int_equal(clade_group_new(t->context, 0, &none), CLADE_ERROR_ARGUMENT);
    assert_int_equal(clade_group_sum(t->group, MEMBERS, &(clade_group_array){ &number, 1 }, 1, false),
                     CLADE_ERROR_ARGUMENT);
    assert_int_equal(clade_group_sum(t->group, 0, NULL, 0, false), CLADE_ERROR_ARGUMENT);
    clade_group_free(NULL);
}

#define TEST(NAME) cmocka_unit_test_setup_teardown(NAME, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_all_get_the_sums_in_the_members_order),
        TEST(test_a_break_stops_all_at_the_same_reduction),
        TEST(test_the_others_go_on_after_a_reset),
        TEST(test_who_does_not_come_in_time_is_lost),
        TEST(test_unlike_sizes_are_refused),
        TEST(test_sums_are_carried_further_by_one),
        TEST(test_wrong_members_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
