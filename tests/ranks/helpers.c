#include "ranks/helpers.h"

#include "ranks/state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct letter {
    struct letter *next;
    size_t bytes;
    unsigned char data[];
} letter;

struct hub {
    clade_mutex lock;
    letter *boxes[MOST_RANKS][MOST_RANKS][CLADE_CHANNELS]; /* from, to */
};

typedef struct request {
    int peer;
    void *data;
    size_t bytes;
} request;

typedef struct box_wire {
    clade_wire wire;
    hub *hub;
    char name[16];
    request requests[CLADE_CHANNELS][4 * MOST_RANKS]; /* of receiving, in order */
    int counts[CLADE_CHANNELS];
} box_wire;

static const char *host(const clade_wire *wire) {
    return ((const box_wire *)wire)->name;
}

static clade_status send(clade_wire *wire, clade_channel channel, int peer, const void *data, size_t bytes) {
    box_wire *box = (box_wire *)wire;
    letter *new = malloc(sizeof *new + bytes);
    if (!new) return CLADE_ERROR_MEMORY;
    *new = (letter){ .bytes = bytes };
    memcpy(new->data, data, bytes);
    clade_mutex_lock(&box->hub->lock);
    letter **end = &box->hub->boxes[wire->rank][peer][channel];
    while (*end)
        end = &(*end)->next;
    *end = new;
    clade_mutex_unlock(&box->hub->lock);
    return CLADE_OK;
}

static clade_status receive(clade_wire *wire, clade_channel channel, int peer, void *data, size_t bytes) {
    box_wire *box = (box_wire *)wire;
    box->requests[channel][box->counts[channel]++] = (request){ peer, data, bytes };
    return CLADE_OK;
}

/* The letter that a request waits for, into its memory; false when it has not come. */
static bool fulfil(box_wire *box, clade_channel channel, const request *wanted) {
    letter **first = &box->hub->boxes[wanted->peer][box->wire.rank][channel];
    letter *come = *first;
    if (!come) return false;
    *first = come->next;
    memcpy(wanted->data, come->data, come->bytes < wanted->bytes ? come->bytes : wanted->bytes);
    free(come);
    return true;
}

static clade_status test(clade_wire *wire, clade_channel channel, int *pending, int *peer) {
    box_wire *box = (box_wire *)wire;
    int left = 0;
    clade_mutex_lock(&box->hub->lock);
    for (int i = 0; i < box->counts[channel]; i++) {
        const request wanted = box->requests[channel][i];
        if (!fulfil(box, channel, &wanted)) box->requests[channel][left++] = wanted;
    }
    clade_mutex_unlock(&box->hub->lock);
    box->counts[channel] = *pending = left;
    if (left > 0) *peer = box->requests[channel][0].peer;
    return CLADE_OK;
}

static void end(clade_wire *wire, bool clean) {
    (void)clean;
    free(wire);
}

typedef struct starting {
    hub *hub;
    rank_run *run;
    void (*body)(rank_run *run);
} starting;

static void *run_rank(void *argument) {
    const starting *start = argument;
    rank_run *run = start->run;
    box_wire *box = calloc(1, sizeof *box);
    if (!box) return NULL;
    box->wire = (clade_wire){ run->context, run->rank, run->size, host, send, receive, test, end };
    box->hub = start->hub;
    snprintf(box->name, sizeof box->name, "machine%d", run->rank);
    if (clade_ranks_new(&box->wire, &run->ranks) == CLADE_OK) start->body(run);
    snprintf(run->words, sizeof run->words, "%s", clade_error(run->context));
    return NULL;
}

void run_ranks(int size, void (*body)(rank_run *run), void *given, rank_run runs[MOST_RANKS]) {
    static hub shared; /* zeroed below; too large for a stack */
    clade_thread threads[MOST_RANKS];
    starting starts[MOST_RANKS];
    memset(&shared, 0, sizeof shared);
    clade_mutex_init(&shared.lock);
    for (int i = 0; i < size; i++) {
        runs[i] = (rank_run){ .context = clade_context_new(NULL), .rank = i, .size = size, .given = given };
        assert_non_null(runs[i].context);
        starts[i] = (starting){ &shared, &runs[i], body };
        assert_good(runs[i].context, clade_thread_start(runs[i].context, &threads[i], run_rank, &starts[i]));
    }
    for (int i = 0; i < size; i++)
        clade_thread_join(&threads[i]);
    for (int from = 0; from < size; from++) {
        for (int to = 0; to < size * CLADE_CHANNELS; to++) {
            for (letter *l = shared.boxes[from][to / CLADE_CHANNELS][to % CLADE_CHANNELS]; l;) {
                letter *next = l->next;
                free(l);
                l = next;
            }
        }
        clade_context_free(runs[from].context);
    }
    clade_mutex_destroy(&shared.lock);
}

void abandon(rank_run *run) {
    clade_fail(run->context, CLADE_ERROR_SYSTEM, "killed");
    clade_ranks_break(run->ranks, CLADE_ERROR_SYSTEM);
    clade_ranks_leave(run->ranks, false);
}
