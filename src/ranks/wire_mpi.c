/* MPI as a wire. A communicator for each channel, whose errors are returned to us; nonblocking calls alone, so that no
 * call waits for a peer that is gone.
 *
 * Without MPI at build only the launchers' environment is known, to say what is missing. */
#include "ranks/wire.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

int clade_wire_launched(void) {
    /* Open MPI; MPICH and its kin, and Slurm with PMI. */
    static const char *const names[] = { "OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "MV2_COMM_WORLD_SIZE" };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const char *text = clade_environment(names[i]);
        const long count = text ? strtol(text, NULL, 10) : 0;
        if (count > 0 && count < INT_MAX) return (int)count;
    }
    return 1;
}

#ifdef CLADE_MPI

#include <mpi.h>

typedef struct pending {
    MPI_Request *requests;
    int *peers;
    int count, capacity;
} pending;

typedef struct mpi_wire {
    clade_wire wire;
    MPI_Comm channels[CLADE_CHANNELS];
    pending pending[CLADE_CHANNELS];
    char host[MPI_MAX_PROCESSOR_NAME];
    bool ends_mpi; /* MPI was not running before */
} mpi_wire;

static clade_status check(const clade_wire *wire, int code, const char *what) {
    char words[MPI_MAX_ERROR_STRING] = "";
    int length;
    if (code == MPI_SUCCESS) return CLADE_OK;
    MPI_Error_string(code, words, &length);
    return clade_fail(wire->context, CLADE_ERROR_SYSTEM, "MPI cannot %s: %s", what, words);
}

static const char *host(const clade_wire *wire) {
    return ((const mpi_wire *)wire)->host;
}

/* Room for one more request on a channel. */
static clade_status make_room(const clade_wire *wire, pending *p) {
    if (p->count < p->capacity) return CLADE_OK;
    const int capacity = p->capacity > 0 ? 2 * p->capacity : 16;
    MPI_Request *requests = clade_reallocate(wire->context, p->requests, (size_t)capacity, sizeof *requests);
    if (requests) p->requests = requests;
    int *peers = clade_reallocate(wire->context, p->peers, (size_t)capacity, sizeof *peers);
    if (peers) p->peers = peers;
    if (!requests || !peers)
        return clade_fail_memory(wire->context, (size_t)capacity * sizeof *requests, "parcels under way");
    p->capacity = capacity;
    return CLADE_OK;
}

static clade_status send(clade_wire *wire, clade_channel channel, int peer, const void *data, size_t bytes) {
    mpi_wire *mpi = (mpi_wire *)wire;
    pending *p = &mpi->pending[channel];
    clade_status status = make_room(wire, p);
    if (status != CLADE_OK) return status;
    p->peers[p->count] = peer;
    return check(wire, MPI_Isend(data, (int)bytes, MPI_BYTE, peer, 0, mpi->channels[channel], &p->requests[p->count++]),
                 "send");
}

static clade_status receive(clade_wire *wire, clade_channel channel, int peer, void *data, size_t bytes) {
    mpi_wire *mpi = (mpi_wire *)wire;
    pending *p = &mpi->pending[channel];
    clade_status status = make_room(wire, p);
    if (status != CLADE_OK) return status;
    p->peers[p->count] = peer;
    return check(wire, MPI_Irecv(data, (int)bytes, MPI_BYTE, peer, 0, mpi->channels[channel], &p->requests[p->count++]),
                 "receive");
}

static clade_status test(clade_wire *wire, clade_channel channel, int *count, int *peer) {
    pending *p = &((mpi_wire *)wire)->pending[channel];
    int left = 0;
    for (int i = 0; i < p->count; i++) {
        int done = 0;
        clade_status status = check(wire, MPI_Test(&p->requests[i], &done, MPI_STATUS_IGNORE), "reach a rank");
        if (status != CLADE_OK) return status;
        if (done) continue;
        p->requests[left] = p->requests[i];
        p->peers[left++] = p->peers[i];
    }
    p->count = left;
    *count = left;
    if (left > 0) *peer = p->peers[0];
    return CLADE_OK;
}

static void free_wire(mpi_wire *mpi) {
    for (int i = 0; i < CLADE_CHANNELS; i++) {
        clade_free(mpi->wire.context, mpi->pending[i].requests);
        clade_free(mpi->wire.context, mpi->pending[i].peers);
    }
    clade_free(mpi->wire.context, mpi);
}

static void end(clade_wire *wire, bool clean) {
    mpi_wire *mpi = (mpi_wire *)wire;
    for (int i = 0; clean && i < CLADE_CHANNELS; i++)
        MPI_Comm_free(&mpi->channels[i]);
    if (clean && mpi->ends_mpi) MPI_Finalize();
    free_wire(mpi);
}

static clade_status start_mpi(mpi_wire *mpi) {
    int running = 0, level = MPI_THREAD_SINGLE, code = MPI_Initialized(&running);
    /* Open MPI shows its help for a lost connection through mpirun, and waits for its answer inside MPI_Test: for ever,
     * when mpirun is ending the run (seen with 4.1.4). It then writes the help itself. */
    setenv("OMPI_MCA_orte_base_help_aggregate", "0", 0);
    if (code == MPI_SUCCESS)
        code = running ? MPI_Query_thread(&level) : MPI_Init_thread(NULL, NULL, MPI_THREAD_SERIALIZED, &level);
    mpi->ends_mpi = !running;
    if (code == MPI_SUCCESS && level < MPI_THREAD_SERIALIZED)
        return clade_fail(mpi->wire.context, CLADE_ERROR_UNSUPPORTED,
                          "this MPI cannot be called from several threads in turn (MPI_THREAD_SERIALIZED)");
    return check(&mpi->wire, code, "start");
}

static clade_status open_channels(mpi_wire *mpi) {
    int length, code = MPI_Comm_rank(MPI_COMM_WORLD, &mpi->wire.rank);
    if (code == MPI_SUCCESS) code = MPI_Comm_size(MPI_COMM_WORLD, &mpi->wire.size);
    if (code == MPI_SUCCESS) code = MPI_Get_processor_name(mpi->host, &length);
    for (int i = 0; i < CLADE_CHANNELS && code == MPI_SUCCESS; i++) {
        code = MPI_Comm_dup(MPI_COMM_WORLD, &mpi->channels[i]);
        if (code == MPI_SUCCESS) code = MPI_Comm_set_errhandler(mpi->channels[i], MPI_ERRORS_RETURN);
    }
    return check(&mpi->wire, code, "join the ranks");
}

clade_status clade_wire_open(clade_context *context, clade_wire **wire) {
    mpi_wire *mpi = clade_allocate(context, 1, sizeof *mpi);
    *wire = NULL;
    if (!mpi) return clade_fail_memory(context, sizeof *mpi, "the ranks");
    mpi->wire = (clade_wire){ context, .host = host, .send = send, .receive = receive, .test = test, .close = end };
    clade_status status = start_mpi(mpi);
    if (status == CLADE_OK) status = open_channels(mpi);
    if (status == CLADE_OK)
        *wire = &mpi->wire;
    else
        free_wire(mpi);
    return status;
}

#else

clade_status clade_wire_open(clade_context *context, clade_wire **wire) {
    *wire = NULL;
    return clade_fail(context, CLADE_ERROR_UNSUPPORTED,
                      "started as one of %d processes, and this build has no MPI: install Open MPI (Debian: "
                      "libopenmpi-dev) and build again",
                      clade_wire_launched());
}

#endif
