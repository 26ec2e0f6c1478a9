/* Threads, locks and clocks (POSIX). The only room that names the operating system's. */
#ifndef CLADE_BASE_THREAD_H
#define CLADE_BASE_THREAD_H

#include "base/context.h"

#include <pthread.h>

typedef struct clade_thread {
    pthread_t handle;
} clade_thread;
typedef struct clade_mutex {
    pthread_mutex_t handle;
} clade_mutex;
typedef struct clade_shared_lock {
    pthread_rwlock_t handle;
} clade_shared_lock;
typedef struct clade_condition {
    pthread_cond_t handle;
} clade_condition;

clade_status clade_thread_start(clade_context *context, clade_thread *thread, void *(*run)(void *), void *argument);
void clade_thread_join(clade_thread *thread);
clade_thread clade_thread_caller(void);
bool clade_thread_is_caller(const clade_thread *thread);

/* Calls RUN for each piece from 0 to COUNT - 1, on the caller's thread and one more for each further processor. Which
 * thread takes which piece is open; a thread that cannot be started is done without. */
void clade_thread_share(size_t count, void (*run)(void *user, size_t piece), void *user);

void clade_mutex_init(clade_mutex *mutex);
void clade_mutex_destroy(clade_mutex *mutex);
void clade_mutex_lock(clade_mutex *mutex);
void clade_mutex_unlock(clade_mutex *mutex);

/* A lock that several may hold together, or one alone. */
void clade_shared_lock_init(clade_shared_lock *lock);
void clade_shared_lock_destroy(clade_shared_lock *lock);
void clade_shared_lock_together(clade_shared_lock *lock);
void clade_shared_lock_alone(clade_shared_lock *lock);
void clade_shared_lock_leave(clade_shared_lock *lock);

void clade_condition_init(clade_condition *condition);
void clade_condition_destroy(clade_condition *condition);
void clade_condition_wait(clade_condition *condition, clade_mutex *mutex);
/* False when SECONDS passed without a signal. */
bool clade_condition_wait_for(clade_condition *condition, clade_mutex *mutex, double seconds);
void clade_condition_signal_all(clade_condition *condition);

/* Seconds of a clock that never goes back. */
double clade_clock_seconds(void);
/* Lets SECONDS pass, or a little more; 0: other threads go first. */
void clade_sleep(double seconds);
/* Seconds since 1970 by the system's clock, which may be set. */
double clade_clock_since_1970(void);

/* Whether SIGINT or SIGTERM came since clade_interrupts_catch(). The second signal ends the process as usual. */
void clade_interrupts_catch(void);
bool clade_interrupted(void);

#endif
