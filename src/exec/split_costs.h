/* Where to cut a graph over devices: what its layers cost, and the cuts that these costs suggest. */
#ifndef CLADE_EXEC_SPLIT_COSTS_H
#define CLADE_EXEC_SPLIT_COSTS_H

#include "exec/session.h"
#include "passes/stages.h"

/* What one layer costs. In m micro-batches of n samples each, device d takes
 *     m (fixed[d] + n sample[d]) + update[d] (1 + (m - 1) 3 / 5)
 * since adding a micro-batch's gradients up moves three of the five arrays that an update with momentum moves. */
typedef struct clade_layer_cost {
    const char *name;                                                                   /* in the graph; borrowed */
    double fixed[CLADE_MAX_STAGES], sample[CLADE_MAX_STAGES], update[CLADE_MAX_STAGES]; /* seconds */
    double states, kept; /* bytes: of its states; of what its forward part makes of a sample */
    double gradients;    /* bytes */
    double crossing;     /* bytes of a sample that go from the layers before it to it and those behind */
} clade_layer_cost;

/* The costs of GRAPH's layers, in the order of their first nodes, on each of COUNT devices: timed on the device in two steps
 * of parts of BATCH samples, or where these do not fit there reckoned from its roof. The caller frees *COSTS (clade_free). */
clade_status clade_layer_costs(clade_device *const devices[], size_t count, const clade_graph *graph, uint64_t seed,
                               int64_t batch, clade_layer_cost **costs, size_t *layers);

/* What a run is cut for. */
typedef struct clade_cut_problem {
    const clade_layer_cost *costs;
    size_t layers, devices;
    const double *room; /* bytes, by device */
    int64_t batch, micro_batches;
} clade_cut_problem;

/* Gives each layer its stage, in STAGE: consecutive layers to each device, in order, at least one, so that the slowest device
 * takes the least time, with what it hands over; a device whose layers need more than its room (for states, a batch's
 * values, gradients: the largest, or where several micro-batches' are added up all and the largest) counts as slower than any that
 * has room. SECONDS gets what the run should take: as many micro-batches as there are, and one less
 * than devices, of the slowest device. CLADE_ERROR_ARGUMENT for fewer layers than devices. */
clade_status clade_cut_by_costs(clade_context *context, const clade_cut_problem *problem, uint8_t stage[],
                                double *seconds);
/* What device D takes of a run for layer I. */
double clade_layer_seconds(const clade_cut_problem *problem, size_t i, size_t d);

#endif
