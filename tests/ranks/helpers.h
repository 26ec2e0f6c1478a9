/* Ranks inside one process: a thread for each, and a wire of mailboxes between them. */
#ifndef CLADE_TESTS_RANKS_HELPERS_H
#define CLADE_TESTS_RANKS_HELPERS_H

#include "support/device.h"

#include "base/thread.h"
#include "ranks/ranks.h"

enum { MOST_RANKS = 8 };

typedef struct hub hub;

/* Runs BODY once for each of SIZE ranks, on a thread each, and waits for all. Each has a context of its own; RANKS is what
 * clade_ranks_new() made, and BODY leaves them, or abandons them by abandon(). cmocka's checks belong on the caller's
 * thread: BODY returns what it found in RESULT. */
typedef struct rank_run {
    clade_context *context;
    clade_ranks *ranks;
    int rank, size;
    void *given;
    double result[8];
    char words[512];
} rank_run;
void run_ranks(int size, void (*body)(rank_run *run), void *given, rank_run runs[MOST_RANKS]);

/* Leaves without a word, as a process that is killed. */
void abandon(rank_run *run);

#endif
