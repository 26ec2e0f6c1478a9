/* What ranks do together: sums, broadcasts, gathering, agreeing.
 *
 * A sum of n floats over p ranks: each rank gets one slice of n / p from everybody, adds the slices in the ranks' order,
 * and gives the result to everybody. A rank sends 2 (p-1)/p n floats, the least there is (Patarasuk and Yuan, "Bandwidth
 * optimal all-reduce algorithms for clusters of workstations", 2009), in two rounds of p - 1 parcels at once. */
#include "ranks/state.h"

#include <stdio.h>
#include <string.h>

/* ---- sums of floats ---- */

/* A part of the data, at most CHUNK floats at a time, so that no slice is over a parcel. */
typedef struct chunk {
    clade_ranks *ranks;
    float *data;
    size_t count;
} chunk;

enum { CHUNK = CLADE_PARCEL / (int)sizeof(float) };

/* Slice RANK of COUNT floats begins here; that of the rank after the last, at COUNT. */
static size_t slice_begin(const chunk *c, int rank) {
    return c->count * (size_t)rank / (size_t)c->ranks->wire->size;
}

static size_t slice_count(const chunk *c, int rank) {
    return slice_begin(c, rank + 1) - slice_begin(c, rank);
}

/* Slice RANK where it lies in the data. */
static clade_parcel slice(void *user, int rank) {
    const chunk *c = user;
    return (clade_parcel){ c->data + slice_begin(c, rank), slice_count(c, rank) * sizeof(float) };
}

static clade_parcel own_slice(void *user, int peer) {
    (void)peer;
    return slice(user, ((const chunk *)user)->ranks->wire->rank);
}

/* Where PEER's share of this rank's slice arrives. */
static clade_parcel arriving(void *user, int peer) {
    const chunk *c = user;
    const size_t count = slice_count(c, c->ranks->wire->rank);
    return (clade_parcel){ c->ranks->slices + (size_t)peer * count, count * sizeof(float) };
}

static void add_slices(chunk *c) {
    enum { BLOCK = 256 };
    const int size = c->ranks->wire->size, me = c->ranks->wire->rank;
    const size_t count = slice_count(c, me);
    float *sums = c->data + slice_begin(c, me);
    memcpy(c->ranks->slices + (size_t)me * count, sums, count * sizeof *sums);
    for (size_t first = 0; first < count; first += BLOCK) {
        const size_t block = count - first < BLOCK ? count - first : BLOCK;
        double added[BLOCK] = { 0 };
        for (int peer = 0; peer < size; peer++) {
            const float *share = c->ranks->slices + (size_t)peer * count + first;
            for (size_t i = 0; i < block; i++)
                added[i] += (double)share[i];
        }
        for (size_t i = 0; i < block; i++)
            sums[first + i] = (float)added[i];
    }
}

static clade_status sum_chunk(chunk *c) {
    clade_status status =
        clade_ranks_exchange(c->ranks, CLADE_CHANNEL_STEP, &(clade_parcels){ .in = arriving, .out = slice, .user = c });
    if (status != CLADE_OK) return status;
    add_slices(c);
    return clade_ranks_exchange(c->ranks, CLADE_CHANNEL_STEP,
                                &(clade_parcels){ .in = slice, .out = own_slice, .user = c });
}

/* Room for a slice of a chunk of COUNT floats from every rank. */
static clade_status make_room(clade_ranks *ranks, size_t count) {
    const size_t size = (size_t)ranks->wire->size, floats = (count / size + 1) * size;
    if (ranks->slice_floats >= floats) return CLADE_OK;
    clade_free(ranks->context, ranks->slices);
    ranks->slices = clade_allocate(ranks->context, floats, sizeof *ranks->slices);
    ranks->slice_floats = ranks->slices ? floats : 0;
    if (ranks->slices) return CLADE_OK;
    clade_status status = clade_fail_memory(ranks->context, floats * sizeof(float), "sums over ranks");
    clade_ranks_break(ranks, status);
    return status;
}

clade_status clade_ranks_sum_floats(clade_ranks *ranks, float *data, size_t count) {
    const double since = clade_clock_seconds();
    clade_status status = make_room(ranks, count < CHUNK ? count : CHUNK);
    for (size_t first = 0; first < count && status == CLADE_OK; first += CHUNK) {
        chunk c = { ranks, data + first, count - first < CHUNK ? count - first : CHUNK };
        status = sum_chunk(&c);
        const size_t own = slice_count(&c, ranks->wire->rank), peers = (size_t)ranks->wire->size - 1;
        ranks->statistics.bytes += (c.count - own + peers * own) * sizeof(float);
    }
    ranks->statistics.sums++;
    ranks->statistics.waited += clade_clock_seconds() - since;
    return status;
}

clade_status clade_ranks_carry(void *user, float *data, size_t count) {
    return clade_ranks_sum_floats(user, data, count);
}

clade_ranks_statistics clade_ranks_measure(const clade_ranks *ranks) {
    return ranks ? ranks->statistics : (clade_ranks_statistics){ 0 };
}

/* ---- small things ---- */

typedef struct gathering {
    const void *mine;
    unsigned char *all;
    size_t bytes;
} gathering;

static clade_parcel gathered(void *user, int peer) {
    const gathering *g = user;
    return (clade_parcel){ g->all + (size_t)peer * g->bytes, g->bytes };
}

static clade_parcel mine(void *user, int peer) {
    const gathering *g = user;
    (void)peer;
    return (clade_parcel){ (void *)(uintptr_t)g->mine, g->bytes };
}

clade_status clade_ranks_gather(clade_ranks *ranks, const void *data, void *all, size_t bytes) {
    gathering g = { data, all, bytes };
    memcpy(g.all + (size_t)ranks->wire->rank * bytes, data, bytes);
    return clade_ranks_exchange(ranks, CLADE_CHANNEL_RUN, &(clade_parcels){ .in = gathered, .out = mine, .user = &g });
}

clade_status clade_ranks_sum(clade_ranks *ranks, double *data, size_t count) {
    const size_t size = (size_t)ranks->wire->size;
    double *all = clade_allocate(ranks->context, size * count, sizeof *all);
    if (!all) return clade_fail_memory(ranks->context, size * count * sizeof *all, "sums over ranks");
    clade_status status = clade_ranks_gather(ranks, data, all, count * sizeof *data);
    for (size_t i = 0; i < count && status == CLADE_OK; i++) {
        data[i] = 0;
        for (size_t peer = 0; peer < size; peer++)
            data[i] += all[peer * count + i];
    }
    clade_free(ranks->context, all);
    return status;
}

/* ---- broadcast ---- */

typedef struct broadcast {
    clade_ranks *ranks;
    unsigned char *data;
    size_t bytes;
} broadcast;

static clade_parcel from_first(void *user, int peer) {
    const broadcast *b = user;
    return peer == 0 ? (clade_parcel){ b->data, b->bytes } : (clade_parcel){ 0 };
}

static clade_parcel to_others(void *user, int peer) {
    const broadcast *b = user;
    (void)peer;
    return b->ranks->wire->rank == 0 ? (clade_parcel){ b->data, b->bytes } : (clade_parcel){ 0 };
}

clade_status clade_ranks_broadcast(clade_ranks *ranks, void *data, size_t bytes) {
    clade_status status = CLADE_OK;
    if (!ranks) return status;
    for (size_t first = 0; first < bytes && status == CLADE_OK; first += CLADE_PARCEL) {
        const size_t left = bytes - first;
        broadcast b = { ranks, (unsigned char *)data + first, left < CLADE_PARCEL ? left : CLADE_PARCEL };
        status = clade_ranks_exchange(ranks, CLADE_CHANNEL_RUN,
                                      &(clade_parcels){ .in = from_first, .out = to_others, .user = &b });
    }
    return status;
}

/* ---- agreeing ---- */

/* The status of the first rank that failed. Its words are told as its own, unless it is what every rank says. */
static clade_status first_fault(clade_ranks *ranks, const clade_note *notes) {
    const int size = ranks->wire->size;
    int first = 0;
    while (first < size && notes[first].status == CLADE_OK)
        first++;
    if (first == size) return CLADE_OK;
    bool same = true;
    for (int peer = 0; peer < size; peer++)
        same &= strcmp(notes[peer].text, notes[first].text) == 0;
    const clade_status status = (clade_status)notes[first].status;
    if (same) return clade_fail(ranks->context, status, "%s", notes[first].text);
    return clade_fail(ranks->context, status, "rank %d on %s: %s", first, clade_ranks_host(ranks, first),
                      notes[first].text);
}

clade_status clade_ranks_agree(clade_ranks *ranks, clade_status status) {
    if (!ranks || clade_ranks_broken(ranks)) return status;
    clade_note note = { .said = 1, .status = (int32_t)status };
    if (status != CLADE_OK) snprintf(note.text, sizeof note.text, "%s", clade_error(ranks->context));
    const size_t size = (size_t)ranks->wire->size;
    clade_note *notes = clade_allocate(ranks->context, size, sizeof *notes);
    if (!notes) return clade_fail_memory(ranks->context, size * sizeof note, "the words of the ranks");
    status = clade_ranks_gather(ranks, &note, notes, sizeof note);
    if (status == CLADE_OK) status = first_fault(ranks, notes);
    clade_free(ranks->context, notes);
    return status;
}
