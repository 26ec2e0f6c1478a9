/* An operator is one row in one file: src/ops/KIND/<op>.c defines `const clade_op clade_op_<name>` (a family that shares its
 * geometry, as a convolution and its two gradients, may share a file), and the build gathers the rows into
 * clade_op_table. The tests walk the table: every implementation on every device against `reference`, every gradient
 * against finite differences of the references, in double. */
#ifndef CLADE_OPS_OP_H
#define CLADE_OPS_OP_H

#include "clade/ops.h"
#include "graph/operator.h"
#include "ops/counts.h"

extern const clade_op *const clade_op_table[]; /* generated at build, sorted by name, ended by NULL */
extern const uint64_t clade_op_code;           /* a hash of the rows' files: what was found of them may hold no more */

/* The row of that name, or NULL. */
const clade_op *clade_op_find(const char *name);

/* ---- leaves (ops/leaf.c): rows without inputs, which the builder functions of clade/graph.h append ---- */

extern const clade_op clade_op_input, clade_op_scalar, clade_op_state, clade_op_constant, clade_op_random_state;

typedef struct clade_leaf_attributes { /* input, state */
    clade_dims dims;
    int64_t dtype;
    int64_t role; /* clade_role, of a state */
    int64_t initializer_kind, fan_in, fan_out;
    double initializer_value;
} clade_leaf_attributes;

typedef struct clade_constant_attributes {
    clade_dims dims;
    double number; /* of a scalar: the initial value */
} clade_constant_attributes;

/* The run's random state, an int32 (8): seed low and high, step low and high, first sample's index in the epoch, 0, 0, 0.
 * One per graph. */
clade_value clade_random_state(clade_graph *graph);

/* ---- shared pieces ---- */

/* A sum over the axes that broadcasting repeated, reshaped to DIMS: the gradient of a broadcast input. */
clade_value clade_sum_to(clade_value x, const clade_dims *dims);
/* x repeated to DIMS (numpy's broadcast_to); its gradient is clade_sum_to. */
clade_value clade_expand(clade_value x, const clade_dims *dims);
/* factor * x / count, COUNT a size that may be symbolic: a mean's gradient. */
clade_value clade_scale_per(clade_value x, double factor, clade_size count);
/* x + number. */
clade_value clade_offset(clade_value x, double number);
/* 1 where y > 0, else 0, times dy: ReLU's gradient, and likewise of the others from their outputs. */
clade_value clade_relu_gradient(clade_value y, clade_value dy);
/* A new state for a layer: NAME.SUFFIX, with fan-in and fan-out filled in where the initializer leaves them zero. */
clade_value clade_layer_state(clade_graph *graph, const char *layer, const char *suffix, clade_dims dims,
                              clade_role role, clade_initializer given, clade_initializer fallback);

/* What the symbols are, read off the arrays of a node whose dims name them; 0 where none does. For references. */
clade_binding clade_binding_of(const clade_node *node, const clade_tensor in[], const clade_tensor out[]);

/* Point-wise evaluation for every row with an expression (ops/elementwise/pointwise.c). */
bool clade_pointwise_infer(const clade_node *node, clade_type out[], clade_text *why);
/* What the expression gives for inputs of the types IN; 0 when it does not take them. */
clade_dtype clade_pointwise_dtype(const clade_pointwise *pointwise, const clade_dtype in[], int count);
void clade_pointwise_reference(const clade_node *node, const clade_tensor in[], clade_tensor out[],
                               clade_binding binding);

/* ---- fused (ops/elementwise/fused.c): a chain of point-wise nodes as one node, made by the fusion pass ---- */

extern const clade_op clade_op_fused;

/* One step: the operator's expression over arguments, each an input of the fused node (>= 0) or the result of an earlier
 * step (-1 - step). */
typedef struct clade_fused_step {
    const clade_op *op;
    double parameters[CLADE_MAX_PARAMETERS]; /* by value: not symbolic */
    const clade_node *node;                  /* where symbolic parameters come from; in the fused graph's arena */
    int32_t arguments[4];
} clade_fused_step;

enum { CLADE_MAX_FUSED_STEPS = 64 };

typedef struct clade_fused_attributes {
    int32_t output_count, step_count;
    const clade_fused_step *steps;
    const int32_t *outputs; /* the steps whose results leave */
    clade_dims dims;        /* of every output: the iteration space; inputs broadcast to it */
} clade_fused_attributes;

/* Copies a fused node's attributes into graph TO, with the steps, which a graph does not copy by itself: for passes that
 * come after fusion. False when memory runs out. */
bool clade_fused_copy(clade_graph *to, const clade_node *node, clade_fused_attributes *copy);

/* Adds the kernel's text for SITE to OUT (ops/elementwise/fused_source.c). It depends only on the steps, on which inputs repeat
 * along which axes, and on which inputs lie in an output's buffer: sizes and parameters are arguments. */
clade_status clade_fused_source(const clade_site *site, clade_text *out);

/* For implementations in both forms: 2 on the devices that each is for, 1 on others. */
double clade_suits_cpus(const clade_site *site);
double clade_suits_others(const clade_site *site);
/* Whether a work-item on the site's device may take so many turns of its loops. One that is not a CPU's may take 65,535:
 * llvmpipe (Mesa 22.3, lp_bld_ir_common.c) ends the loops of an item after so many in all, without a word, and drivers
 * of GPUs end launches that last. */
bool clade_may_turn(const clade_site *site, double turns);

#endif
