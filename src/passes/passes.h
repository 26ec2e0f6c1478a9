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
