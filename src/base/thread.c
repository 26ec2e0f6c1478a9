/* Threads, locks, the clock and signals, over POSIX.
 *
 * Initialising a mutex or condition cannot fail for want of anything that Clade asks of it on the systems supported
 * (no shared or robust attributes), so those functions return nothing. */
#include "base/thread.h"

#include <errno.h>
#include <math.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

clade_status clade_thread_start(clade_context *context, clade_thread *thread, void *(*run)(void *), void *argument) {
    int code = pthread_create(&thread->handle, NULL, run, argument);
    if (code != 0) return clade_fail(context, CLADE_ERROR_SYSTEM, "no thread could be started: %s", strerror(code));
    return CLADE_OK;
}

void clade_thread_join(clade_thread *thread) {
    pthread_join(thread->handle, NULL);
}

clade_thread clade_thread_caller(void) {
    return (clade_thread){ pthread_self() };
}

bool clade_thread_is_caller(const clade_thread *thread) {
    return pthread_equal(thread->handle, pthread_self()) != 0;
}

typedef struct sharing {
    pthread_mutex_t lock;
    size_t next, count;
    void (*run)(void *user, size_t piece);
    void *user;
} sharing;

static void *take_pieces(void *argument) {
    sharing *shared = argument;
    for (;;) {
        pthread_mutex_lock(&shared->lock);
        size_t piece = shared->next < shared->count ? shared->next++ : SIZE_MAX;
        pthread_mutex_unlock(&shared->lock);
        if (piece == SIZE_MAX) return NULL;
        shared->run(shared->user, piece);
    }
}

void clade_thread_share(size_t count, void (*run)(void *user, size_t piece), void *user) {
    enum { MOST = 32 };
    pthread_t threads[MOST];
    long processors = count > 1 ? sysconf(_SC_NPROCESSORS_ONLN) : 1;
    sharing shared = { .count = count, .run = run, .user = user };
    int started = 0;
    pthread_mutex_init(&shared.lock, NULL);
    while (started < MOST && started + 1 < processors && (size_t)started + 1 < count &&
           pthread_create(&threads[started], NULL, take_pieces, &shared) == 0)
        started++;
    take_pieces(&shared);
    while (started > 0)
        pthread_join(threads[--started], NULL);
    pthread_mutex_destroy(&shared.lock);
}

void clade_mutex_init(clade_mutex *mutex) {
    pthread_mutex_init(&mutex->handle, NULL);
}
void clade_mutex_destroy(clade_mutex *mutex) {
    pthread_mutex_destroy(&mutex->handle);
}
void clade_mutex_lock(clade_mutex *mutex) {
    pthread_mutex_lock(&mutex->handle);
}
void clade_mutex_unlock(clade_mutex *mutex) {
    pthread_mutex_unlock(&mutex->handle);
}

void clade_shared_lock_init(clade_shared_lock *lock) {
    pthread_rwlock_init(&lock->handle, NULL);
}
void clade_shared_lock_destroy(clade_shared_lock *lock) {
    pthread_rwlock_destroy(&lock->handle);
}
void clade_shared_lock_together(clade_shared_lock *lock) {
    pthread_rwlock_rdlock(&lock->handle);
}
void clade_shared_lock_alone(clade_shared_lock *lock) {
    pthread_rwlock_wrlock(&lock->handle);
}
void clade_shared_lock_leave(clade_shared_lock *lock) {
    pthread_rwlock_unlock(&lock->handle);
}

void clade_condition_init(clade_condition *condition) {
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&condition->handle, &attributes);
    pthread_condattr_destroy(&attributes);
}

void clade_condition_destroy(clade_condition *condition) {
    pthread_cond_destroy(&condition->handle);
}

void clade_condition_wait(clade_condition *condition, clade_mutex *mutex) {
    pthread_cond_wait(&condition->handle, &mutex->handle);
}

bool clade_condition_wait_for(clade_condition *condition, clade_mutex *mutex, double seconds) {
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    double whole = floor(seconds);
    until.tv_sec += (time_t)whole;
    until.tv_nsec += (long)((seconds - whole) * 1e9);
    if (until.tv_nsec >= 1000000000L) {
        until.tv_nsec -= 1000000000L;
        until.tv_sec += 1;
    }
    return pthread_cond_timedwait(&condition->handle, &mutex->handle, &until) != ETIMEDOUT;
}

void clade_condition_signal_all(clade_condition *condition) {
    pthread_cond_broadcast(&condition->handle);
}

static double seconds_of(clockid_t clock) {
    struct timespec now;
    clock_gettime(clock, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

double clade_clock_seconds(void) {
    return seconds_of(CLOCK_MONOTONIC);
}

double clade_clock_since_1970(void) {
    return seconds_of(CLOCK_REALTIME);
}

void clade_sleep(double seconds) {
    const double whole = floor(seconds);
    const struct timespec time = { .tv_sec = (time_t)whole, .tv_nsec = (long)((seconds - whole) * 1e9) };
    if (seconds > 0)
        nanosleep(&time, NULL);
    else
        sched_yield();
}

/* A signal belongs to the process, so this one flag is the process's too. */
static volatile sig_atomic_t interrupted;

static void on_signal(int number) {
    (void)number;
    interrupted = 1;
    signal(SIGINT, SIG_DFL);
    signal(SIGTERM, SIG_DFL);
}

void clade_interrupts_catch(void) {
    struct sigaction action = { .sa_handler = on_signal, .sa_flags = SA_RESTART };
    sigemptyset(&action.sa_mask);
    interrupted = 0;
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

bool clade_interrupted(void) {
    return interrupted != 0;
}
