/* The courier: the one thread that calls the wire.
 *
 * It sleeps while nobody waits for anything; farewells are looked for beside what is waited for. An errand's parcels are
 * read without the lock: nobody changes them before the errand is done. */
#include "ranks/state.h"

/* Hands an errand's parcels to the wire: first what is to come. */
static clade_status hand_over(clade_wire *wire, clade_channel channel, const clade_parcels *parcels) {
    const int size = wire->size, me = wire->rank;
    clade_status status = CLADE_OK;
    for (int i = 1; i < size && status == CLADE_OK; i++) { /* not everybody the same one first */
        const int peer = (me + size - i) % size;
        const clade_parcel in = parcels->in(parcels->user, peer);
        if (in.bytes > 0) status = wire->receive(wire, channel, peer, in.data, in.bytes);
    }
    for (int i = 1; i < size && status == CLADE_OK; i++) {
        const int peer = (me + i) % size;
        const clade_parcel out = parcels->out(parcels->user, peer);
        if (out.bytes > 0) status = wire->send(wire, channel, peer, out.data, out.bytes);
    }
    return status;
}

/* Takes a channel's errand a step further; true when that ended it. */
static bool visit(clade_ranks *ranks, clade_channel channel) {
    clade_errand *errand = &ranks->errands[channel];
    int pending = 0, awaited = 0;
    clade_mutex_lock(&ranks->lock);
    clade_errand seen = *errand;
    const bool go = seen.state != CLADE_ERRAND_NONE && seen.status == CLADE_OK && ranks->broken == CLADE_OK;
    ranks->at_work = go;
    clade_mutex_unlock(&ranks->lock);
    if (!go) return false;

    clade_status status = CLADE_OK;
    if (seen.state == CLADE_ERRAND_POSTED) status = hand_over(ranks->wire, channel, &seen.parcels);
    if (status == CLADE_OK) status = ranks->wire->test(ranks->wire, channel, &pending, &awaited);
    const bool done = status == CLADE_OK && pending == 0;

    clade_mutex_lock(&ranks->lock);
    errand->status = status;
    errand->awaited = awaited;
    errand->left = pending > 0 && channel != CLADE_CHANNEL_LEAVE && ranks->farewells[awaited].said;
    if (errand->state == seen.state) errand->state = done ? CLADE_ERRAND_NONE : CLADE_ERRAND_UNDER_WAY;
    ranks->at_work = false;
    if (done || status != CLADE_OK || errand->left || ranks->broken != CLADE_OK)
        clade_condition_signal_all(&ranks->changed);
    clade_mutex_unlock(&ranks->lock);
    return done;
}

/* With the lock held. */
static bool is_waited_for(const clade_ranks *ranks) {
    bool waited = false;
    for (int i = 0; i < CLADE_CHANNELS && ranks->broken == CLADE_OK; i++) {
        const clade_errand *errand = &ranks->errands[i];
        waited |= errand->state == CLADE_ERRAND_POSTED ||
                  (errand->state == CLADE_ERRAND_UNDER_WAY && errand->waited && errand->status == CLADE_OK);
    }
    return waited;
}

/* Between rounds, longer and longer, so that short waits are short and long ones leave the processors to others. With the
 * lock held. */
static void pause_after(clade_ranks *ranks, int round) {
    enum { YIELDS = 200, SHORT = 1000 };
    if (!is_waited_for(ranks)) {
        clade_condition_wait(&ranks->changed, &ranks->lock);
    } else if (round >= YIELDS) {
        clade_condition_wait_for(&ranks->changed, &ranks->lock, round < SHORT ? 20e-6 : 200e-6);
    } else {
        clade_mutex_unlock(&ranks->lock);
        clade_sleep(0);
        clade_mutex_lock(&ranks->lock);
    }
}

static void *carry(void *argument) {
    clade_ranks *ranks = argument;
    int round = 0;
    clade_mutex_lock(&ranks->lock);
    while (!ranks->ending) {
        if (!is_waited_for(ranks)) round = 0;
        pause_after(ranks, round);
        if (ranks->ending) break;
        clade_mutex_unlock(&ranks->lock);
        /* Farewells first: what a rank sent before it left has then come too. */
        bool done = visit(ranks, CLADE_CHANNEL_LEAVE);
        done |= visit(ranks, CLADE_CHANNEL_STEP);
        done |= visit(ranks, CLADE_CHANNEL_RUN);
        round = done ? 0 : round + (round < INT32_MAX);
        clade_mutex_lock(&ranks->lock);
    }
    clade_mutex_unlock(&ranks->lock);
    return NULL;
}

clade_status clade_courier_start(clade_ranks *ranks) {
    return clade_thread_start(ranks->context, &ranks->courier, carry, ranks);
}

bool clade_courier_rests(clade_ranks *ranks) {
    const double until = clade_clock_seconds() + 0.1;
    double left = 0.1;
    while (ranks->at_work && left > 0) {
        clade_condition_wait_for(&ranks->changed, &ranks->lock, left);
        left = until - clade_clock_seconds();
    }
    return !ranks->at_work;
}

bool clade_courier_end(clade_ranks *ranks) {
    clade_mutex_lock(&ranks->lock);
    const bool rests = clade_courier_rests(ranks);
    ranks->ending = true;
    clade_condition_signal_all(&ranks->changed);
    clade_mutex_unlock(&ranks->lock);
    if (rests) clade_thread_join(&ranks->courier);
    return rests;
}

void clade_courier_post(clade_ranks *ranks, clade_channel channel, const clade_parcels *parcels, bool waited) {
    clade_mutex_lock(&ranks->lock);
    clade_errand *errand = &ranks->errands[channel];
    errand->state = CLADE_ERRAND_POSTED;
    errand->waited = waited;
    errand->parcels = *parcels;
    clade_condition_signal_all(&ranks->changed);
    clade_mutex_unlock(&ranks->lock);
}
