/* Following what is enqueued on two devices' queues, by the trace of OpenCL's calls, and making something happen at a chosen
 * place. What a run enqueues is the same each time, so that one run tells where the next one's steps lie. */
#ifndef CLADE_TESTS_TRAIN_HELPERS_TRACE_H
#define CLADE_TESTS_TRAIN_HELPERS_TRACE_H

#include "train/helpers_team.h"

#include "base/thread.h"

#include <stdatomic.h>

enum { MOST_CALLS = 1 << 17 };

/* Whose calls: the steps are taken by the devices' threads; what is done between them by the test's. */
typedef enum whose { ALL, IN_STEPS, BETWEEN_STEPS } whose;

/* What was enqueued on a device's queue, a letter for each call: a kernel, a read, write, map, unmap, copy or fill. (Markers
 * are left out: other devices' threads enqueue some.) */
typedef struct followed {
    clade_device *device;
    whose whose;
    clade_thread thread; /* the test's */
    char *calls;
    size_t count;
    /* Behind call number AT (of a kind that is followed) this happens; 0: nothing does. */
    size_t at;
    void (*then)(struct followed *followed);
    atomic_bool next; /* the same behind the first kernel of the next step */
    atomic_bool slow; /* each kernel takes a while */
} followed;

typedef struct followers {
    followed list[2];
} followers;

/* Follows devices 0 and 1, from no calls and an empty log. ALL is zeroed before its first use; ends with end_following(). */
void begin_following(team_fixture *t, followers *all, whose whose);
void end_following(team_fixture *t, followers *all);

/* What may happen then: the device is lost; it hangs; the next call fails, of whichever device, and none after it. */
void lose(followed *f);
void hang(followed *f);
void fail_once(followed *f);

/* How often the log says WORDS. */
size_t times_said(const team_fixture *t, const char *words);

/* The options of a run of whole batches only on devices 0 and 1, shares 3 : 1, so that all its steps are alike. */
clade_train_options even_run(team_fixture *t, int64_t batch, int64_t epochs);

#endif
