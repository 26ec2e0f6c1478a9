/* What the files of this room share.
 *
 * A thread of the ranks' own, the courier, makes every call of the wire (courier.c): a call that hangs because a peer is
 * gone hangs that thread, and nobody else. Other threads hand it parcels and wait. */
#ifndef CLADE_RANKS_STATE_H
#define CLADE_RANKS_STATE_H

#include "base/thread.h"
#include "ranks/ranks.h"

enum { CLADE_HOST_NAME = 64, CLADE_NOTE_TEXT = 248 };

/* How a part of the work went on a rank, in its own words. */
typedef struct clade_note {
    int32_t said; /* not 0: it is there */
    int32_t status;
    char text[CLADE_NOTE_TEXT];
} clade_note;

/* What goes to a peer or comes from it; no bytes: nothing. */
typedef struct clade_parcel {
    void *data;
    size_t bytes;
} clade_parcel;

typedef struct clade_parcels {
    clade_parcel (*in)(void *user, int peer);
    clade_parcel (*out)(void *user, int peer);
    void *user;
} clade_parcels;

/* What is to be done on a channel. */
typedef struct clade_errand {
    enum { CLADE_ERRAND_NONE, CLADE_ERRAND_POSTED, CLADE_ERRAND_UNDER_WAY } state;
    bool waited;           /* somebody waits for it */
    clade_parcels parcels; /* of one that is posted */
    clade_status status;   /* of the wire; a fault stays */
    int awaited;           /* a peer whose parcel is not there */
    bool left;             /* that peer has left */
} clade_errand;

struct clade_ranks {
    clade_context *context;
    clade_wire *wire; /* the courier's, from its start to its end */
    clade_thread courier;
    clade_mutex lock; /* of all up to the next empty line */
    clade_condition changed;
    clade_errand errands[CLADE_CHANNELS];
    bool at_work; /* the courier is in a call of the wire */
    bool ending;
    clade_status broken; /* CLADE_OK: whole */
    char reason[CLADE_NOTE_TEXT + 128];

    double limit;
    bool speaks;
    char (*hosts)[CLADE_HOST_NAME]; /* of each rank */
    clade_note *farewells;          /* of each rank, as they come; last, this one's */
    float *slices;                  /* of a sum: this rank's slice, from each */
    size_t slice_floats;
    clade_ranks_statistics statistics; /* of the thread that sums */
};

/* Sends and receives what PARCELS says for each other rank, and waits until all of it is done. A fault breaks the ranks. */
clade_status clade_ranks_exchange(clade_ranks *ranks, clade_channel channel, const clade_parcels *parcels);

/* ---- courier.c ---- */

/* The thread, with nothing to do. */
clade_status clade_courier_start(clade_ranks *ranks);
/* Waits for its end. False when it hangs in the wire: then it lives on, and what it knows must too. */
bool clade_courier_end(clade_ranks *ranks);
/* Gives it PARCELS; WAITED: the caller will wait. A channel has one errand at a time; that of leaving may be added to. */
void clade_courier_post(clade_ranks *ranks, clade_channel channel, const clade_parcels *parcels, bool waited);
/* Lets it come out of the wire, where it stays once the ranks are broken; false when it does not, within a short time. With
 * the lock held. */
bool clade_courier_rests(clade_ranks *ranks);

#endif
