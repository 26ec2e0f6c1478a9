/* Inside of ranks: sums and exchanges over all of them, and what happens when one is gone.
 *
 * Sums are added in double, in the ranks' order, and rounded once: every rank has the same bits, and the same number of
 * ranks gives the same bits again. A wait ends when a rank is gone: MPI reports it, it said that it leaves, it came not
 * within the limit, or this process was asked to stop (mpirun does so when a process has died) and the others came not
 * shortly after. Then the ranks are broken: every wait, now and later, fails with the same words. */
#ifndef CLADE_RANKS_RANKS_H
#define CLADE_RANKS_RANKS_H

#include "clade/ranks.h"
#include "ranks/wire.h"

/* RANKS over a wire, which they own, also on a fault. Together. */
clade_status clade_ranks_new(clade_wire *wire, clade_ranks **ranks);

/* Together: DATA (COUNT floats, the same number everywhere) becomes the sums over all ranks. On a fault DATA is of no use.
 * May be called while another thread is in a call of the other functions. clade_ranks_carry() is the same as a function
 * of clade_group_outside(); USER is the ranks. */
clade_status clade_ranks_sum_floats(clade_ranks *ranks, float *data, size_t count);
clade_status clade_ranks_carry(void *user, float *data, size_t count);

/* Together: DATA (COUNT doubles, at most 64) becomes the sums over all ranks. */
enum { CLADE_RANKS_MOST_DOUBLES = 64 };
clade_status clade_ranks_sum(clade_ranks *ranks, double *data, size_t count);

/* Together: ALL (size x BYTES) receives every rank's BYTES bytes at MINE, in the ranks' order. */
clade_status clade_ranks_gather(clade_ranks *ranks, const void *mine, void *all, size_t bytes);

/* Ends every wait of this rank, now and later, with STATUS and the words of the calling thread's latest failure. Any
 * thread. The first break counts. */
void clade_ranks_break(clade_ranks *ranks, clade_status status);
/* Whether a rank is gone, so that nothing can be done together any more. Any thread. */
bool clade_ranks_broken(clade_ranks *ranks);
/* Why, in one line; "" while it is whole. */
const char *clade_ranks_reason(clade_ranks *ranks);
/* This rank speaks for those that are left. */
void clade_ranks_take_over(clade_ranks *ranks);

typedef struct clade_ranks_statistics {
    uint64_t sums;  /* calls of clade_ranks_sum_floats() */
    uint64_t bytes; /* sent by them */
    double waited;  /* seconds inside them */
} clade_ranks_statistics;
/* Since joining, of the thread that sums. */
clade_ranks_statistics clade_ranks_measure(const clade_ranks *ranks);

#endif
