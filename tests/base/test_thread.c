/* Threads, conditions, the clock, signals. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/thread.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

typedef struct shared {
    clade_mutex lock;
    clade_condition changed;
    int turn;
} shared;

/* Takes every odd turn up to 100. */
static void *take_odd_turns(void *argument) {
    shared *s = argument;
    clade_mutex_lock(&s->lock);
    while (s->turn < 100) {
        if (s->turn % 2 == 1) {
            s->turn++;
            clade_condition_signal_all(&s->changed);
        } else {
            clade_condition_wait(&s->changed, &s->lock);
        }
    }
    clade_mutex_unlock(&s->lock);
    return NULL;
}

static void test_threads_take_turns_over_a_condition(void **state) {
    (void)state;
    clade_context *context = clade_context_new(NULL);
    shared s = { .turn = 0 };
    clade_thread thread;
    clade_mutex_init(&s.lock);
    clade_condition_init(&s.changed);
    assert_int_equal(clade_thread_start(context, &thread, take_odd_turns, &s), CLADE_OK);
    clade_mutex_lock(&s.lock);
    while (s.turn < 100) {
        if (s.turn % 2 == 0) {
            s.turn++;
            clade_condition_signal_all(&s.changed);
        } else {
            clade_condition_wait(&s.changed, &s.lock);
        }
    }
    clade_mutex_unlock(&s.lock);
    clade_thread_join(&thread);
    assert_int_equal(s.turn, 100);
    clade_condition_destroy(&s.changed);
    clade_mutex_destroy(&s.lock);
    clade_context_free(context);
}

static void test_waiting_ends_when_the_time_is_over(void **state) {
    (void)state;
    clade_mutex lock;
    clade_condition never;
    clade_mutex_init(&lock);
    clade_condition_init(&never);
    double start = clade_clock_seconds();
    clade_mutex_lock(&lock);
    while (clade_condition_wait_for(&never, &lock, 0.01)) {
    }
    clade_mutex_unlock(&lock);
    assert_true(clade_clock_seconds() - start >= 0.0099);
    clade_condition_destroy(&never);
    clade_mutex_destroy(&lock);
}

static void test_first_signal_is_noted_and_the_second_ends_the_process(void **state) {
    (void)state;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        clade_interrupts_catch();
        if (clade_interrupted()) _exit(1);
        raise(SIGTERM);
        if (!clade_interrupted()) _exit(2);
        raise(SIGINT);
        _exit(3);
    }
    int result = 0;
    assert_int_equal(waitpid(child, &result, 0), child);
    assert_true(WIFSIGNALED(result));
    assert_int_equal(WTERMSIG(result), SIGINT);
}

enum { PIECES = 1000 };

static void count_piece(void *user, size_t piece) {
    int *taken = user;
    taken[piece]++;
}

static void test_shared_pieces_are_each_run_once(void **state) {
    (void)state;
    static int taken[PIECES];
    clade_thread_share(0, count_piece, taken);
    clade_thread_share(1, count_piece, taken);
    assert_int_equal(taken[0], 1);
    clade_thread_share(PIECES, count_piece, taken);
    for (int i = 0; i < PIECES; i++) {
        assert_int_equal(taken[i], i == 0 ? 2 : 1);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_threads_take_turns_over_a_condition),
        cmocka_unit_test(test_shared_pieces_are_each_run_once),
        cmocka_unit_test(test_waiting_ends_when_the_time_is_over),
        cmocka_unit_test(test_first_signal_is_noted_and_the_second_ends_the_process),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
