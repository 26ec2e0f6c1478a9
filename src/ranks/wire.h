/* What ranks need of whatever carries bytes between processes: parcels that are posted and tested, never waited for, so
 * that the waiting is ours to end. MPI is one wire (wire_mpi.c); the tests have another, inside one process.
 *
 * Calls are made by one thread at a time. On each channel the parcels from one rank to another arrive in the order in
 * which they were sent, and are received in the order in which they were asked for, size for size. */
#ifndef CLADE_RANKS_WIRE_H
#define CLADE_RANKS_WIRE_H

#include "base/context.h"

typedef enum clade_channel {
    CLADE_CHANNEL_STEP, /* sums inside a step, by the thread that drives it */
    CLADE_CHANNEL_RUN,  /* all else, by the caller's thread */
    CLADE_CHANNEL_LEAVE,
    CLADE_CHANNELS,
} clade_channel;

/* Bytes in one parcel at most. */
enum { CLADE_PARCEL = 1 << 24 };

typedef struct clade_wire clade_wire;
struct clade_wire {
    clade_context *context;
    int rank, size;
    const char *(*host)(const clade_wire *wire); /* this machine's name */
    /* Begin to send BYTES (at least 1) at DATA to PEER, or to receive them; DATA stays until they are done. */
    clade_status (*send)(clade_wire *wire, clade_channel channel, int peer, const void *data, size_t bytes);
    clade_status (*receive)(clade_wire *wire, clade_channel channel, int peer, void *data, size_t bytes);
    /* Lets what was begun on CHANNEL go on. PENDING: parcels that are not done; PEER: whose one of them is. */
    clade_status (*test)(clade_wire *wire, clade_channel channel, int *pending, int *peer);
    /* CLEAN: all ranks call it, and nothing is pending but on the channel of leaving. Frees WIRE. */
    void (*close)(clade_wire *wire, bool clean);
};

/* ---- wire_mpi.c ---- */

/* How many processes a launcher says that it started; 1 without. */
int clade_wire_launched(void);
/* CLADE_ERROR_UNSUPPORTED in a build without MPI. */
clade_status clade_wire_open(clade_context *context, clade_wire **wire);

#endif
