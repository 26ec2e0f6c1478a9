/* A session: a graph on a device. It holds the states (weights, statistics) in the device's memory, and the plans made
 * for the sizes it has been run with. */
#ifndef CLADE_SESSION_H
#define CLADE_SESSION_H

#include "clade/device.h"
#include "clade/graph.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct clade_session clade_session;

/* A session of GRAPH on DEVICE, its states initialised by SEED. The graph must hold no fault, must not be added to while
 * the session lives, and both outlive it. */
CLADE_API clade_status clade_session_new(clade_device *device, const clade_graph *graph, uint64_t seed,
                                         clade_session **session);
CLADE_API void clade_session_free(clade_session *session);

/* An array of the host for an input or an output: dense, row-major, of the value's dtype. */
typedef struct clade_binding_array {
    clade_value value;
    void *data; /* COUNT elements; read for feeds, written for fetches */
    int64_t count;
} clade_binding_array;

typedef struct clade_run_options {
    size_t size;
    int64_t batch, time; /* what N and T are; 0 where unused */
    const clade_binding_array *feeds;
    size_t feed_count;
    const clade_binding_array *fetches;
    size_t fetch_count;
    bool updates;   /* carry out the graph's updates */
    bool inference; /* dropout off, running statistics in batch norm; excludes updates */
} clade_run_options;

/* Runs what the fetches (and updates) need and waits for it. Plans are kept: the same sizes again cost only the run. */
CLADE_API clade_status clade_session_run(clade_session *session, const clade_run_options *options);

/* Sets a run-time scalar for the runs that follow. */
CLADE_API clade_status clade_session_set_scalar(clade_session *session, const char *name, float value);

/* Reads or writes a state by name; COUNT must be its number of elements. Waits for the device. */
CLADE_API clade_status clade_session_read_state(clade_session *session, const char *name, float *data, int64_t count);
CLADE_API clade_status clade_session_write_state(clade_session *session, const char *name, const float *data,
                                                 int64_t count);

#ifdef __cplusplus
}
#endif
#endif
