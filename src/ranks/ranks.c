/* Joining, waiting for others, noticing that one is gone, and leaving.
 *
 * Nothing is handed to the wire once the ranks are broken, so that what was pending then never arrives: the memory that it
 * was for is its owner's again. */
#include "ranks/state.h"

#include "base/context.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* mpirun lets a process live for about a second after it has asked it to stop. */
static const double grace = 0.1;
static const double usual_limit = 300, limit_after_failure = 2;

/* ---- breaking ---- */

/* With the lock held. The courier comes out of the wire, so that nothing arrives any more when this returns; unless it
 * hangs there, which is not in the middle of a parcel. */
static void break_with(clade_ranks *ranks, clade_status status, const char *words) {
    if (ranks->broken != CLADE_OK) return;
    ranks->broken = status;
    snprintf(ranks->reason, sizeof ranks->reason, "%s", words);
    clade_condition_signal_all(&ranks->changed);
    clade_courier_rests(ranks);
}

void clade_ranks_break(clade_ranks *ranks, clade_status status) {
    const char *words = clade_error_here(ranks->context);
    clade_mutex_lock(&ranks->lock);
    break_with(ranks, status, words);
    clade_mutex_unlock(&ranks->lock);
}

static clade_status broken_status(clade_ranks *ranks) {
    clade_mutex_lock(&ranks->lock);
    clade_status status = ranks->broken;
    clade_mutex_unlock(&ranks->lock);
    return status;
}

bool clade_ranks_broken(clade_ranks *ranks) {
    return ranks && broken_status(ranks) != CLADE_OK;
}

const char *clade_ranks_reason(clade_ranks *ranks) {
    return clade_ranks_broken(ranks) ? ranks->reason : "";
}

/* CLADE_OK, or the status and words of the break. */
static clade_status whole(clade_ranks *ranks) {
    clade_status status = broken_status(ranks);
    return status == CLADE_OK ? status : clade_fail(ranks->context, status, "%s", ranks->reason);
}

/* ---- waiting ---- */

/* Why a wait that began SINCE must end, as far as ERRAND tells; CLADE_OK to go on. INTERRUPTED: since when it is known,
 * negative: not. */
static clade_status patience(clade_ranks *ranks, const clade_errand *errand, double since, double *interrupted) {
    const double now = clade_clock_seconds();
    const int peer = errand->awaited;
    const char *host = clade_ranks_host(ranks, peer), *farewell = ranks->farewells[peer].text;
    if (errand->status != CLADE_OK) return errand->status; /* the courier's words */
    if (errand->left)
        return clade_fail(ranks->context, CLADE_ERROR_SYSTEM, "rank %d on %s left: %s", peer, host,
                          farewell[0] ? farewell : "it had ended its part");
    if (*interrupted < 0 && clade_interrupted()) *interrupted = now;
    if (*interrupted >= 0 && now - *interrupted > grace)
        return clade_fail(ranks->context, CLADE_ERROR_INTERRUPTED, "asked to stop, and rank %d on %s does not come",
                          peer, host);
    if (now - since > ranks->limit)
        return clade_fail(ranks->context, CLADE_ERROR_SYSTEM, "rank %d on %s has not come for %g s", peer, host,
                          ranks->limit);
    return CLADE_OK;
}

/* Waits until CHANNEL's errand is done. */
static clade_status wait_for(clade_ranks *ranks, clade_channel channel) {
    const double since = clade_clock_seconds(), look_every = 0.02;
    const clade_errand *errand = &ranks->errands[channel];
    double interrupted = -1;
    clade_status status = CLADE_OK;
    clade_mutex_lock(&ranks->lock);
    while (errand->state != CLADE_ERRAND_NONE && status == CLADE_OK && ranks->broken == CLADE_OK) {
        clade_condition_wait_for(&ranks->changed, &ranks->lock, look_every);
        if (errand->state != CLADE_ERRAND_NONE) status = patience(ranks, errand, since, &interrupted);
    }
    if (status != CLADE_OK) break_with(ranks, status, clade_error(ranks->context));
    clade_mutex_unlock(&ranks->lock);
    return whole(ranks);
}

clade_status clade_ranks_exchange(clade_ranks *ranks, clade_channel channel, const clade_parcels *parcels) {
    clade_status status = whole(ranks);
    if (status != CLADE_OK) return status;
    clade_courier_post(ranks, channel, parcels, true);
    return wait_for(ranks, channel);
}

/* ---- joining ---- */

static double limit_asked_for(void) {
    const char *text = clade_environment("CLADE_RANK_LIMIT");
    const double seconds = text ? strtod(text, NULL) : 0;
    return seconds > 0 ? seconds : usual_limit;
}

static clade_parcel farewell_in(void *user, int peer) {
    clade_ranks *ranks = user;
    return (clade_parcel){ &ranks->farewells[peer], sizeof *ranks->farewells };
}

static clade_parcel nothing(void *user, int peer) {
    (void)user, (void)peer;
    return (clade_parcel){ 0 };
}

/* Every rank's host, and what it will say when it leaves. */
static clade_status get_acquainted(clade_ranks *ranks) {
    const size_t count = (size_t)ranks->wire->size;
    char mine[CLADE_HOST_NAME] = { 0 };
    snprintf(mine, sizeof mine, "%s", ranks->wire->host(ranks->wire));
    ranks->hosts = clade_allocate(ranks->context, count, sizeof *ranks->hosts);
    ranks->farewells = clade_allocate(ranks->context, count + 1, sizeof *ranks->farewells);
    if (!ranks->hosts || !ranks->farewells) return clade_fail_memory(ranks->context, count * sizeof mine, "the ranks");
    memcpy(ranks->hosts[ranks->wire->rank], mine, sizeof mine); /* until all are known */
    clade_courier_post(ranks, CLADE_CHANNEL_LEAVE, &(clade_parcels){ .in = farewell_in, .out = nothing, .user = ranks },
                       false);
    return clade_ranks_gather(ranks, mine, ranks->hosts, sizeof mine);
}

/* A courier that hangs in the wire goes on looking at the ranks: they stay, until the process ends. */
static void free_ranks(clade_ranks *ranks, bool clean) {
    if (!clade_courier_end(ranks)) return;
    ranks->wire->close(ranks->wire, clean);
    clade_condition_destroy(&ranks->changed);
    clade_mutex_destroy(&ranks->lock);
    clade_free(ranks->context, ranks->hosts);
    clade_free(ranks->context, ranks->farewells);
    clade_free(ranks->context, ranks->slices);
    clade_free(ranks->context, ranks);
}

clade_status clade_ranks_new(clade_wire *wire, clade_ranks **out) {
    clade_context *context = wire->context;
    clade_ranks *ranks = clade_allocate(context, 1, sizeof *ranks);
    *out = NULL;
    clade_status status = ranks ? CLADE_OK : clade_fail_memory(context, sizeof *ranks, "the ranks");
    if (status == CLADE_OK) {
        ranks->context = context;
        ranks->wire = wire;
        ranks->limit = limit_asked_for();
        ranks->speaks = wire->rank == 0;
        clade_mutex_init(&ranks->lock);
        clade_condition_init(&ranks->changed);
        status = clade_courier_start(ranks);
    }
    if (status != CLADE_OK) {
        wire->close(wire, false);
        clade_free(context, ranks);
        return status;
    }
    status = get_acquainted(ranks);
    if (status == CLADE_OK)
        *out = ranks;
    else
        free_ranks(ranks, false);
    return status;
}

clade_status clade_ranks_join(clade_context *context, clade_ranks **ranks) {
    *ranks = NULL;
    if (clade_wire_launched() <= 1) return CLADE_OK;
    clade_wire *wire;
    clade_status status = clade_wire_open(context, &wire);
    return status == CLADE_OK ? clade_ranks_new(wire, ranks) : status;
}

/* ---- leaving ---- */

static clade_parcel farewell_out(void *user, int peer) {
    clade_ranks *ranks = user;
    (void)peer;
    return (clade_parcel){ &ranks->farewells[ranks->wire->size], sizeof *ranks->farewells };
}

void clade_ranks_leave(clade_ranks *ranks, bool done) {
    if (!ranks) return;
    bool clean = !clade_ranks_broken(ranks);
    clade_note *farewell = &ranks->farewells[ranks->wire->size];
    *farewell = (clade_note){ .said = 1 };
    snprintf(farewell->text, sizeof farewell->text, "%s", clade_error(ranks->context));
    if (clean) {
        if (!done) ranks->limit = limit_after_failure;
        clean = clade_ranks_exchange(ranks, CLADE_CHANNEL_LEAVE,
                                     &(clade_parcels){ .in = nothing, .out = farewell_out, .user = ranks }) == CLADE_OK;
    }
    free_ranks(ranks, clean);
}

/* ---- who is who ---- */

int clade_ranks_rank(const clade_ranks *ranks) {
    return ranks ? ranks->wire->rank : 0;
}

int clade_ranks_size(const clade_ranks *ranks) {
    return ranks ? ranks->wire->size : 1;
}

const char *clade_ranks_host(const clade_ranks *ranks, int rank) {
    return ranks->hosts[rank];
}

bool clade_ranks_speaks(const clade_ranks *ranks) {
    return !ranks || ranks->speaks;
}

void clade_ranks_take_over(clade_ranks *ranks) {
    ranks->speaks = true;
}

void clade_ranks_limit(clade_ranks *ranks, double seconds) {
    ranks->limit = seconds;
}
