/* Passes: graph in, graph out. Each can be read, tested and printed alone (`clade explain --pass NAME`). */
#ifndef CLADE_PASSES_PASSES_H
#define CLADE_PASSES_PASSES_H

#include "graph/graph.h"
#include "ops/op.h"

/* Appends to LOSS's graph the gradient of LOSS (a scalar) by each of WITH (states, inputs, any value): reverse-mode
 * differentiation by the operators' own `gradient`. SEED is d loss/d loss: a scalar, or an invalid value for 1.
 * GRADIENTS[i] is invalid where nothing flows. */
clade_status clade_gradient(clade_value loss, clade_value seed, const clade_value *with, size_t count,
                            clade_value *gradients);
/* The same for a value of any dims, SEED of the same dims: the vector-Jacobian product. */

/* The name of the scalar that holds a device's share in a step's samples, where several devices take it together. */
#define CLADE_DEVICE_SHARE "train.device_share"
/* For a device that takes its steps alone: without sums over devices, the share being 1. */
clade_graph *clade_pass_alone(const clade_graph *graph, clade_value *targets, size_t count, bool updates,
                              clade_rewrite *rewrite);
/* For one of a group: batch norm and its gradient by the statistics of the whole batch. Before all other passes. */
clade_graph *clade_pass_sync_batch_norm(const clade_graph *graph, clade_value *targets, size_t count, bool updates,
                                        clade_rewrite *rewrite);
/* What a node is at inference: dropout vanishes, batch norm uses its running statistics; updates are left out. */
clade_graph *clade_pass_inference(const clade_graph *graph, clade_value *targets, size_t count, clade_rewrite *rewrite);
/* Drops what nothing needs, shares equal nodes, and removes what does nothing (scale by 1, reshape to the same dims). */
clade_graph *clade_pass_simplify(const clade_graph *graph, clade_value *targets, size_t count, bool updates,
                                 clade_rewrite *rewrite);
/* At inference: takes what scales and shifts channels by numbers from states alone into weights and bias. */
clade_graph *clade_pass_fold(const clade_graph *graph, clade_value *targets, size_t count, clade_rewrite *rewrite);
/* Exchanges operators where that leaves less to do (masks and sums before what max pooling's gradient spreads). */
clade_graph *clade_pass_commute(const clade_graph *graph, clade_value *targets, size_t count, bool updates,
                                clade_rewrite *rewrite);
/* Makes biases, residual additions, ReLUs and masks part of the nodes whose results alone they change. */
clade_graph *clade_pass_tails(const clade_graph *graph, clade_value *targets, size_t count, bool updates,
                              clade_rewrite *rewrite);
/* Gathers chains of point-wise nodes of one iteration space into `fused` nodes. */
clade_graph *clade_pass_fuse(const clade_graph *graph, clade_value *targets, size_t count, bool updates,
                             clade_rewrite *rewrite);

/* ---- several devices ---- */

/* For a device in a group, the last of all passes: cuts each all_reduce into a half that sends as early as can be and one
 * that receives as late as can be (ops/all_reduce.h), with everything that only updates need behind the last of these. */
clade_graph *clade_pass_schedule(const clade_graph *graph, clade_value *targets, size_t count, bool updates);

/* The same step in PARTS micro-batches of SAMPLES samples each, N being those of a micro-batch from now on; inputs stay
 * those of the whole batch. For graphs whose results are sums over devices (clade_all_reduce): these become sums over
 * micro-batches. CLADE_ERROR_UNSUPPORTED for results that are none. NULL on a fault. */
clade_graph *clade_pass_micro_batches(const clade_graph *graph, clade_value *targets, size_t count, bool updates,
                                      int64_t parts, int64_t samples);

/* ---- recomputation: a step in less memory ---- */

/* What the nodes and values of a graph take at given sizes. By slot: by output, FIRST saying which is a node's first. */
typedef struct clade_recompute_costs {
    const uint32_t *first; /* by node */
    const uint32_t *root;  /* by slot: the slot whose memory it is, its own unless it is a view */
    const size_t *bytes;   /* by slot; 0 for what takes no memory of the run: views, states, inputs */
    const size_t *scratch; /* by node: bytes beside its outputs while it runs */
    const double *effort;  /* by node: the work of computing it, in any unit */
    const bool *fixed;     /* by node: it must not be computed twice */
    bool early_updates;    /* states may be set before the end of the run, each as soon as nothing reads it any more */
} clade_recompute_costs;

/* What the pass did. The arrays are by node of the new graph, freed by clade_recomputation_free(). */
typedef struct clade_recomputation {
    size_t peak;      /* bytes at the fullest step, by the costs and without what alignment and gaps take */
    uint32_t count;   /* nodes that are computed a second time, views not counted */
    uint32_t *origin; /* the node of the old graph that it carries out */
    bool *again;      /* it computes for backward what was computed and dropped before */
} clade_recomputation;

/* Has backward compute again as much of what forward made as it takes for the values to fit into BUDGET bytes, at the
 * least work found; when nothing makes them fit, as takes the least bytes found: report->peak tells. TARGETS are replaced
 * by their new values. Every value stays what it was, bit by bit. NULL on a fault. */
clade_graph *clade_pass_recompute(const clade_graph *graph, clade_value *targets, size_t count, bool updates,
                                  const clade_recompute_costs *costs, size_t budget, clade_recomputation *report);
void clade_recomputation_free(clade_context *context, clade_recomputation *report);

/* ---- memory planning: intervals in, offsets out ---- */

typedef struct clade_interval {
    size_t bytes;
    int32_t first, last; /* positions of the commands between which it lives, both included */
    int32_t slab;        /* out: which slab */
    size_t offset;       /* out: where in it, a multiple of the alignment */
} clade_interval;

/* Places intervals so that those that live at the same time do not overlap: largest first, each at the lowest place that
 * fits; a slab holds at most SLAB_LIMIT bytes. SLABS gets the number, SLAB_BYTES (to be freed by clade_free) their
 * sizes. CLADE_ERROR_MEMORY when one interval is larger than SLAB_LIMIT. */
clade_status clade_plan_memory_layout(clade_context *context, clade_interval *intervals, size_t count, size_t alignment,
                                      size_t slab_limit, size_t **slab_bytes, size_t *slab_count);

#endif
