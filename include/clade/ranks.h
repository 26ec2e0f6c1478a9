/* Ranks: processes on one or more machines that train one model together, started by a launcher of MPI (mpirun).
 *
 * A program that takes part joins first, gives what it got to the trainer (clade_train_options.ranks), and leaves last:
 *     clade_ranks *ranks;
 *     clade_status status = clade_ranks_join(context, &ranks);    // NULL: not started by a launcher, or alone
 *     ...
 *     clade_ranks_leave(ranks, status == CLADE_OK);
 * Every rank runs the same program with the same options on data of its own machine. Functions called "together" are
 * called by all ranks, in the same order. One thread at a time, unless said otherwise. */
#ifndef CLADE_RANKS_H
#define CLADE_RANKS_H

#include "clade/context.h"

#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct clade_ranks clade_ranks;

/* Joins the other processes that the launcher started; *RANKS is NULL, and nothing is done, when there are none. Before
 * any device is opened: MPI reads the environment. When the program has called MPI_Init itself, that is used, with at
 * least MPI_THREAD_SERIALIZED. CLADE_ERROR_UNSUPPORTED when a launcher started several, and this build has no MPI. */
CLADE_API clade_status clade_ranks_join(clade_context *context, clade_ranks **ranks);

/* Takes leave of the others and frees RANKS; accepts NULL. DONE: this rank did its part; waits until the others did theirs.
 * When all leave, MPI ends in order. When the others are still at work, or one is gone, they are told, and MPI is left as it
 * is: the process is then to end, with a status of failure. */
CLADE_API void clade_ranks_leave(clade_ranks *ranks, bool done);

/* Of NULL: 0 and 1. */
CLADE_API int clade_ranks_rank(const clade_ranks *ranks);
CLADE_API int clade_ranks_size(const clade_ranks *ranks);
/* The machine of a rank, as MPI names it. */
CLADE_API const char *clade_ranks_host(const clade_ranks *ranks, int rank);

/* Whether this rank speaks for all: rank 0, and whoever took over from it when it was gone. True for NULL. */
CLADE_API bool clade_ranks_speaks(const clade_ranks *ranks);

/* How long another rank may keep this one waiting, in seconds, before it counts as gone; at first 300, or what the
 * environment variable CLADE_RANK_LIMIT says. A rank whose process ends is noticed at once. */
CLADE_API void clade_ranks_limit(clade_ranks *ranks, double seconds);

/* Together: how this part of the work went on this rank. CLADE_OK when it went well on all of them; else the status of the
 * first that failed, and the error text says which and why. Nothing is done, and STATUS returned, with NULL. */
CLADE_API clade_status clade_ranks_agree(clade_ranks *ranks, clade_status status);

/* Together: rank 0's BYTES bytes at DATA (the same number everywhere) come to all. */
CLADE_API clade_status clade_ranks_broadcast(clade_ranks *ranks, void *data, size_t bytes);

#ifdef __cplusplus
}
#endif
#endif
